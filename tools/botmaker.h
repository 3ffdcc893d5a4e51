/*
 * botmaker.h - made-up bots: octets of packets as a Mirai process would fill them, for tests and benchmarks
 *
 * Packets go into memory and capture files, never to a network. Written from the facts that docs/forensics.md lists (order of draws, field layout, byte order), on its
 * own: it shares no code with src/forensics, so that one can be held against the other.
 */
#ifndef BOTMAKER_H
#define BOTMAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOT_MAX_TARGETS 255
#define BOT_MAX_PACKET 1600
#define BOT_NAME_MAX 33

/* A process: the last four words drawn, and how many were drawn since the seed. */
struct bot {
	uint32_t x, y, z, w;
	uint64_t draws;
	bool big_endian;
};

/* Unix time of the start, pid xor parent pid, CPU clock. */
void bot_seed(struct bot *b, uint32_t time, uint32_t pids, uint32_t clock, bool big_endian);
/* Or any state: other descendants seed in other ways. */
void bot_set(struct bot *b, const uint32_t state[4], bool big_endian);
uint32_t bot_draw(struct bot *b);
/* Draws the two process names; the second is cut to the 15 characters that a kernel keeps. */
void bot_names(struct bot *b, char argv0[BOT_NAME_MAX], char comm[BOT_NAME_MAX]);

struct bot_target {
	uint32_t addr;      /* most significant octet first */
	unsigned masklen;   /* 32: one address; else a host part is drawn for each packet */
};

/* Numbers as a person writes them. Negative: drawn for each packet, except source: -1 drawn, -2 the machine's own address. */
struct bot_orders {
	bool greeth;
	unsigned len;       /* octets of data */
	bool rand;          /* random data; else zeros */
	int32_t sport, dport, ident;
	bool gcip;          /* inner destination is the outer one */
	int64_t source;
	uint8_t ttl, tos;
	bool df;
	struct bot_target target[BOT_MAX_TARGETS];
	unsigned targets;
};

struct bot_orders bot_orders_default(void);

/* An attack: a copy of the process, which goes on undisturbed. */
struct bot_attack {
	struct bot bot;
	struct bot_orders orders;
	uint32_t own;                        /* the machine's address */
	uint32_t inner_src[BOT_MAX_TARGETS]; /* draws */
	uint64_t round;
};

void bot_attack_start(struct bot_attack *a, const struct bot *b, const struct bot_orders *o, uint32_t own);

/* The next packet, to target number `target`, which must come in turn, with `hops` routers behind it. Fills out (at least BOT_MAX_PACKET octets) from the outer IPv4 header
 * on; returns its length. */
size_t bot_attack_packet(struct bot_attack *a, unsigned target, unsigned hops, uint8_t *out);

/* Sets the IPv4 header checksum of the header at p. */
void bot_ip_checksum(uint8_t *p);

#endif
