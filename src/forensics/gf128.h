/*
 * gf128.h - the generator's states as numbers of the field with 2^128 elements, where a draw is a multiplication
 *
 * The minimal polynomial of the generator's step, P = x^128 + 0x00000001_0046d8b3_f985d65f_fd3c8001, is primitive. So the states are a one-dimensional space over
 * GF(2)[x]/P: a linear map takes each state to an element such that one draw is a multiplication by x, d draws by x^d, and the distance of two
 * states is the logarithm of their quotient. A jump by a known distance then costs one product instead of a 64 KiB table for each distance.
 *
 * Products: carry-less multiplication where the processor has it (PCLMULQDQ, 10 ns), else four bits at a time (70 ns). Results are the same.
 */
#ifndef GS_FORENSICS_GF128_H
#define GS_FORENSICS_GF128_H

#include "grescope/bots.h"

/* Polynomial over GF(2) of degree below 128; bit i of lo is the coefficient of x^i, of hi that of x^(64+i). */
struct gf128 {
	uint64_t lo, hi;
};

#define GF128_ONE ((struct gf128){ 1, 0 })
#define GF128_X ((struct gf128){ 2, 0 })
#define GF128_P ((struct gf128){ UINT64_C(0xf985d65ffd3c8001), UINT64_C(0x000000010046d8b3) }) /* without x^128 */

static inline bool gf128_equal(struct gf128 a, struct gf128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

static inline struct gf128 gf128_add(struct gf128 a, struct gf128 b)
{
	return (struct gf128){ a.lo ^ b.lo, a.hi ^ b.hi };
}

struct gf128 gf128_mul(struct gf128 a, struct gf128 b);
/* The slow one, for machines without carry-less multiplication; here for the test that holds one against the other. */
struct gf128 gf128_mul_portable(struct gf128 a, struct gf128 b);

struct gf128 gf128_square_n(struct gf128 a, unsigned n); /* a^(2^n) */
struct gf128 gf128_pow(struct gf128 a, uint64_t e);
/* x^d; d may be negative. */
struct gf128 gf128_x_pow(int64_t d);

/* The map, by nibbles: 8 KiB in each direction, which stays in the first-level cache. */
struct gf128_map {
	struct gf128 of_state[32][16];
	struct gs_bot_state of_element[32][16];
};

void gf128_map_init(struct gf128_map *m);
struct gf128 gf128_of_state(const struct gf128_map *m, const struct gs_bot_state *s);
struct gs_bot_state gf128_to_state(const struct gf128_map *m, struct gf128 e);

#endif
