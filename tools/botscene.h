/*
 * botscene.h - made-up processes attacking: packets of all of them in order of time, as one sensor would capture them, each with the truth about it
 *
 * Deterministic: the same scene gives the same packets. Everything that is not drawn by a bot (loss, ordinary traffic, addresses behind NAT) comes from `seed`.
 */
#ifndef BOTSCENE_H
#define BOTSCENE_H

#include "botmaker.h"

struct scene_process {
	char name[16];
	bool big_endian;
	bool seeded;                 /* as the published code does, names drawn; else state is any */
	uint32_t x, y, z;
	uint32_t state[4];
	unsigned warm_up;            /* draws after the names */
	uint32_t address;
	unsigned sources;            /* 0: address; else each packet comes from one of so many addresses at random, from address on */
	unsigned hops;
	struct bot bot;              /* filled by scene_play */
	char argv0[BOT_NAME_MAX], comm[BOT_NAME_MAX];
};

struct scene_attack {
	unsigned process;
	struct bot_orders orders;
	bool sees[BOT_MAX_TARGETS];  /* targets that the sensor stands for */
	double at;                   /* seconds after the scene's start */
	double pps;                  /* packets per second to all targets */
	uint64_t rounds;
	unsigned draws_before;       /* that the main process makes before the fork, after that of the attack before it in the list */
	double loss;                 /* added to the scene's */
	uint64_t sent;               /* filled by scene_play */
};

struct scene {
	uint64_t seed;
	int64_t start_ns;            /* wall time of the first packet */
	double loss;                 /* share of packets lost */
	unsigned sample;             /* one packet in so many is kept; 0 and 1: all */
	unsigned pptp, tunnel;       /* ordinary packets, spread over the scene */
	struct scene_process *process;
	unsigned processes;
	struct scene_attack *attack;
	unsigned attacks;
};

struct scene_packet {
	const uint8_t *ip;           /* from the outer IPv4 header on; dead after the callback */
	size_t len;
	int64_t ns;
	int process;                 /* -1: ordinary traffic */
	unsigned attack, target;
	uint64_t round, draws_before, draws_after;
};

/* False where memory ran out. */
bool scene_play(struct scene *s, void (*packet)(void *arg, const struct scene_packet *p), void *arg);

/* The scene's own numbers, for descriptions that want some too. */
uint64_t scene_number(uint64_t *at);

#endif
