/*
 * sums.h - what is added up: packets, bytes, and the time they span
 *
 * A count in raw data can be any 64-bit number, so additions stop at the end of the range instead of wrapping, and say so.
 */
#ifndef GS_QUERY_SUMS_H
#define GS_QUERY_SUMS_H

#include <stdbool.h>
#include <stdint.h>

struct query_sums {
	uint64_t packets, bytes;
	int64_t first, last; /* ns; meaningless while nothing was added */
};

#define QUERY_NO_SUMS ((struct query_sums){ .first = INT64_MAX, .last = INT64_MIN })

static inline uint64_t query_add(uint64_t a, uint64_t b, bool *saturated)
{
	uint64_t sum;
	if (__builtin_expect(!__builtin_add_overflow(a, b, &sum), 1))
		return sum;
	*saturated = true;
	return UINT64_MAX;
}

static inline void query_sums_add(struct query_sums *to, const struct query_sums *s, bool *saturated)
{
	to->packets = query_add(to->packets, s->packets, saturated);
	to->bytes = query_add(to->bytes, s->bytes, saturated);
	if (s->first < to->first)
		to->first = s->first;
	if (s->last > to->last)
		to->last = s->last;
}

#endif
