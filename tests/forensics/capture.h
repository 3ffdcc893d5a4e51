/*
 * capture.h - reads a made-up capture and the truth beside it, for the tests alone: classic pcap, Ethernet, IPv4
 *
 * Truth: JSON with `expect` and, for each packet, null or [bot, kind, target, round, draws before, draws after].
 */
#ifndef TESTS_FORENSICS_CAPTURE_H
#define TESTS_FORENSICS_CAPTURE_H

#include "grescope/bots.h"

#include <jansson.h>

struct capture_packet {
	const uint8_t *ip;   /* first octet after the Ethernet header */
	size_t caplen;
	struct gs_time ts;
	int bot;             /* number of the bot's name, -1 for ordinary traffic */
	bool greeth;
	uint64_t draws_before, draws_after;
};

#define CAPTURE_MAX_BOTS 4096

struct capture {
	uint8_t *bytes;
	json_t *truth;
	size_t n;
	struct capture_packet *packet;
	unsigned n_bots;
	const char *bot[CAPTURE_MAX_BOTS];
};

/* base: path without .pcap and .json. False where the files are not there; anything wrong in them ends the test. */
bool capture_read(const char *base, struct capture *ret);
void capture_done(struct capture *c);

/* What $GRESCOPE_SHARED, else ../shared beside the source root, holds. NULL where that is not there. */
const char *shared_folder(const char *source_root);

#endif
