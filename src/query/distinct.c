#include "query/distinct.h"

#include "grescope/error.h"
#include "query/sizes.h"

int query_distinct_init(struct query_distinct *d, size_t cap_bytes, uint64_t seed)
{
	cap_bytes = query_map_cap(cap_bytes);
	*d = (struct query_distinct){ .cap_bytes = cap_bytes, .seed = seed };
	if (gs_map_init(&d->v4, 4, 4, cap_bytes, seed) < 0 || gs_map_init(&d->v6, 16, 16, cap_bytes, seed) < 0) {
		query_distinct_done(d);
		return GS_ERR_NOMEM;
	}
	return 0;
}

void query_distinct_done(struct query_distinct *d)
{
	gs_map_done(&d->v4);
	gs_map_done(&d->v6);
}

static void pour(struct query_distinct *d, struct gs_map *m, uint8_t family)
{
	for (uint32_t i = 0; i < m->count; i++) {
		struct gs_addr a = { .family = family };
		memcpy(a.b, gs_map_at(m, i), m->key_len);
		gs_hll_add(&d->hll, query_addr_hash(&a, d->seed));
	}
}

static void estimate(struct query_distinct *d)
{
	d->over = true;
	d->floor = (uint64_t)d->v4.count + d->v6.count;
	pour(d, &d->v4, 4);
	pour(d, &d->v6, 6);
	gs_map_clear(&d->v4, 0);
	gs_map_clear(&d->v6, 0);
}

void query_distinct_merge(struct query_distinct *d, const struct gs_hll *h)
{
	if (!d->over)
		estimate(d);
	gs_hll_merge(&d->hll, h);
}

void query_distinct_add(struct query_distinct *d, const struct gs_addr *a)
{
	struct gs_map *m = a->family == 4 ? &d->v4 : &d->v6, *other = a->family == 4 ? &d->v6 : &d->v4;
	bool is_new;

	if (a->family == 0)
		return;
	if (!d->over) {
		m->cap_bytes = d->cap_bytes > gs_map_used(other) ? d->cap_bytes - gs_map_used(other) : 0;
		if (gs_map_get(m, gs_map_hash(m, a->b), a->b, &is_new))
			return;
		estimate(d);
	}
	gs_hll_add(&d->hll, query_addr_hash(a, d->seed));
}

uint64_t query_distinct_count(const struct query_distinct *d)
{
	if (!d->over)
		return (uint64_t)d->v4.count + d->v6.count;
	const uint64_t n = gs_hll_count(&d->hll);
	return n > d->floor ? n : d->floor;
}
