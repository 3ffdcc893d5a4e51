/*
 * distinct.h - how many different addresses: exactly while they fit in memory, by HyperLogLog past that
 */
#ifndef GS_QUERY_DISTINCT_H
#define GS_QUERY_DISTINCT_H

#include "base/hll.h"
#include "base/map.h"
#include "grescope/types.h"

struct query_distinct {
	struct gs_map v4, v6;
	size_t cap_bytes; /* of both */
	uint64_t seed;
	bool over;        /* the cap was reached: only hll goes on counting */
	uint64_t floor;   /* counted exactly by then */
	struct gs_hll hll;
};

int query_distinct_init(struct query_distinct *d, size_t cap_bytes, uint64_t seed);
void query_distinct_done(struct query_distinct *d);
void query_distinct_add(struct query_distinct *d, const struct gs_addr *a); /* an address of no family is none */
/* Adds what was counted elsewhere, with the same seed; from here on the count is an estimate. */
void query_distinct_merge(struct query_distinct *d, const struct gs_hll *h);
uint64_t query_distinct_count(const struct query_distinct *d);

/* The hash that every HyperLogLog of addresses in this layer is fed with, so that they can be merged. */
static inline uint64_t query_addr_hash(const struct gs_addr *a, uint64_t seed)
{
	return XXH3_64bits_withSeed(a, sizeof *a, seed);
}

#endif
