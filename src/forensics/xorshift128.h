/*
 * xorshift128.h - the bots' generator: Marsaglia's xorshift with 128 bits of state and the shifts 11, 8, 19
 *
 *	t = v[n] ^ v[n] << 11
 *	v[n+4] = v[n+3] ^ v[n+3] >> 19 ^ t ^ t >> 8
 *
 * The state is the last four words drawn. All of it is linear over GF(2), and word v[n] follows from v[n+3] and v[n+4] alone, so it runs backwards as easily.
 * Source: Marsaglia, Xorshift RNGs, Journal of Statistical Software 8 (14), 2003; gre-threats, sections 1 and 2.
 */
#ifndef GS_FORENSICS_XORSHIFT128_H
#define GS_FORENSICS_XORSHIFT128_H

#include "grescope/bots.h"

#include <endian.h>
#include <string.h>

/* What the oldest word contributes to the next, and back. */
static inline uint32_t xorshift_mix(uint32_t w)
{
	const uint32_t t = w ^ w << 11;
	return t ^ t >> 8;
}

static inline uint32_t xorshift_unmix(uint32_t v)
{
	const uint32_t t = v ^ v >> 8 ^ v >> 16 ^ v >> 24;
	return t ^ t << 11 ^ t << 22;
}

/* The word that follows `newest`, three words after `oldest`. */
static inline uint32_t xorshift_next(uint32_t oldest, uint32_t newest)
{
	return newest ^ newest >> 19 ^ xorshift_mix(oldest);
}

/* The word four before `newest`; `second` is the one before newest. */
static inline uint32_t xorshift_oldest(uint32_t second, uint32_t newest)
{
	return xorshift_unmix(newest ^ second ^ second >> 19);
}

/* Returns the word drawn. */
static inline uint32_t xorshift_forward(struct gs_bot_state *s)
{
	const uint32_t v = xorshift_next(s->w[0], s->w[3]);
	*s = (struct gs_bot_state){ { s->w[1], s->w[2], s->w[3], v } };
	return v;
}

/* Returns the word that became the oldest. */
static inline uint32_t xorshift_back(struct gs_bot_state *s)
{
	const uint32_t v = xorshift_oldest(s->w[2], s->w[3]);
	*s = (struct gs_bot_state){ { v, s->w[0], s->w[1], s->w[2] } };
	return v;
}

static inline bool state_is_zero(const struct gs_bot_state *s)
{
	return (s->w[0] | s->w[1] | s->w[2] | s->w[3]) == 0;
}

static inline bool state_equal(const struct gs_bot_state *a, const struct gs_bot_state *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Words as a bot of the given byte order stores them, and numbers read in network order turned into that bot's numbers. */
static inline uint32_t word_load(const uint8_t *p, enum gs_bot_order order)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return order == GS_BOT_LITTLE ? le32toh(v) : be32toh(v);
}

static inline uint32_t word_of_net32(uint32_t v, enum gs_bot_order order)
{
	return order == GS_BOT_LITTLE ? __builtin_bswap32(v) : v;
}

static inline uint16_t word_of_net16(uint16_t v, enum gs_bot_order order)
{
	return order == GS_BOT_LITTLE ? __builtin_bswap16(v) : v;
}

/* Draws for len octets of random data: a word for each four, one for two left, one for one left. */
static inline uint32_t draws_of_data(uint32_t len)
{
	return len / 4 + (len >> 1 & 1) + (len & 1);
}

#endif
