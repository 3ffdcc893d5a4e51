/*
 * count.h - how many different sources, exactly, as long as memory lasts
 */
#ifndef GS_STORE_COUNT_H
#define GS_STORE_COUNT_H

#include "base/hll.h"
#include "store/private.h"

#define ID_NONE UINT32_MAX

/* What is known of a source while a question is answered. */
struct mark {
	uint32_t addr;      /* IPv4 in host order, or the record's number in v6 */
	int32_t part;       /* the day that hours is of */
	uint32_t hours;     /* hours of that day in which it was counted */
	int32_t week;       /* the last week in which it was counted */
	uint32_t stamp;     /* for taking doubles out of a list */
	uint8_t seen;       /* counted in the total */
	uint8_t want;       /* 0 not asked, 1 wanted, 2 not */
	uint8_t is_v4;
};

/* Sources as dense numbers: 8 octets a slot at most half full, 24 a mark. */
struct srcset {
	struct {
		uint32_t addr;  /* host order */
		uint32_t id1;   /* id + 1; 0 is an empty slot */
	} *slots;
	uint32_t mask, n_v4;
	struct gs_map v6;   /* address with family -> id */
	struct mark *marks;
	uint32_t n, cap;
	uint32_t stamp;     /* the last one used */
	size_t used_bytes, cap_bytes;
	uint64_t seed;
};

int srcset_init(struct srcset *s, size_t cap_bytes, uint64_t seed); /* 0 or GS_ERR_NOMEM */
void srcset_done(struct srcset *s);
void srcset_clear(struct srcset *s);
/* The number of a source, ID_NONE where there is no more room. */
uint32_t srcset_get(struct srcset *s, const struct gs_addr *a);
/* Of all sources of a block, into ids: the misses of the cache overlap. */
void srcset_block(struct srcset *s, const struct block *b, uint32_t *ids);
struct gs_addr srcset_addr(const struct srcset *s, uint32_t id);
uint64_t srcset_hash(const struct srcset *s, const struct gs_addr *a);

/* Sources per destination: lists of source numbers, doubles taken out when a list is full; past the cap long lists become estimates. */
struct dstset {
	struct gs_map ids;      /* address -> id */
	struct dst {
		struct gs_addr addr;
		uint32_t *list;
		uint32_t n, cap;
		struct gs_hll *hll; /* instead of the list */
	} *dst;
	uint32_t n, cap;
	size_t used_bytes, cap_bytes;
	bool full;              /* some became estimates */
};

int dstset_init(struct dstset *d, size_t cap_bytes, uint64_t seed);
void dstset_done(struct dstset *d);
void dstset_clear(struct dstset *d); /* forgets all destinations and their lists */
uint32_t dstset_get(struct dstset *d, const struct gs_addr *a); /* ID_NONE: no room */
/* One source more of a destination (id ID_NONE: a source without number; only its hash counts). 0 or GS_ERR_NOMEM. */
int dstset_add(struct dstset *d, uint32_t dst, uint32_t src, uint64_t src_hash, struct srcset *s);
uint64_t dstset_count(struct dstset *d, uint32_t dst, struct srcset *s, bool *ret_estimate);

#endif
