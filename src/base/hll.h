/*
 * hll.h - how many different ones, in 4 KiB: HyperLogLog with 4096 registers
 *
 * Standard error 1.04/sqrt(4096) = 1.6 %; linear counting below 2.5 * 4096. One octet a register: simpler than packing six bits, and 4 KiB is small
 * where it is used (one per folded row). Source: Flajolet et al. 2007; 64-bit hashes make the large-range correction needless (Heule et al. 2013).
 */
#ifndef GS_BASE_HLL_H
#define GS_BASE_HLL_H

#include <stdint.h>

#define GS_HLL_BITS 12
#define GS_HLL_REGISTERS (1u << GS_HLL_BITS)

struct gs_hll {
	uint8_t reg[GS_HLL_REGISTERS];
};

static inline void gs_hll_add(struct gs_hll *h, uint64_t hash)
{
	uint64_t rest = hash << GS_HLL_BITS | UINT64_C(1) << (GS_HLL_BITS - 1); /* a sentinel bounds the count of zeros */
	uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
	uint8_t *r = &h->reg[hash >> (64 - GS_HLL_BITS)];
	if (rank > *r)
		*r = rank;
}

void gs_hll_merge(struct gs_hll *to, const struct gs_hll *from);
uint64_t gs_hll_count(const struct gs_hll *h);

#endif
