/* made.h - what the tests of the forensics share: numbers, made-up bots, inputs from their packets */
#ifndef TESTS_FORENSICS_MADE_H
#define TESTS_FORENSICS_MADE_H

#include "botmaker.h"
#include "grescope/bots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN 0xc0000265u    /* 192.0.2.101 */
#define SENSOR 0xc6336421u /* 198.51.100.33 */

/* splitmix64: the tests' own source of numbers, unrelated to the generator under test */
static inline uint64_t number(uint64_t *at)
{
	uint64_t z = *at += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline void any_bot(struct bot *b, uint64_t *at, bool big)
{
	const uint64_t p = number(at), q = number(at);
	bot_set(b, (const uint32_t[4]){ (uint32_t)p, (uint32_t)(p >> 32), (uint32_t)q, (uint32_t)(q >> 32) | 1 }, big);
}

static inline struct bot_orders orders_for(bool greeth, unsigned len)
{
	struct bot_orders o = bot_orders_default();
	o.greeth = greeth;
	o.len = len;
	o.targets = 1;
	o.target[0] = (struct bot_target){ SENSOR, 32 };
	return o;
}

static inline bool state_is(const struct gs_bot_state *s, const struct bot *b)
{
	return s->w[0] == b->x && s->w[1] == b->y && s->w[2] == b->z && s->w[3] == b->w;
}

/* An input without data is complete in itself; one with data borrows from ip. */
static inline struct gs_bot_input input_of(const uint8_t *ip, size_t caplen)
{
	struct gs_bot_input in;
	if (!gs_bot_input_from_ipv4(ip, caplen, &in)) {
		fprintf(stderr, "a made-up packet was not understood\n");
		abort();
	}
	return in;
}

#endif
