/*
 * scan_sums.c - what a question adds up, and giving it
 *
 * Sums over all that differ in nothing that is needed go through a table; when it is full they go out in pieces. Counting sources (GS_NEED_COUNTS):
 * a day in one run has every source once, so that its hours and the day are counted by looking at each source's cells; else, and for weeks and
 * destinations, sources get numbers (count.h).
 */
#include "store/scan.h"

#include <stdlib.h>

/* ---- giving ---- */

int out_flush(struct scan *s)
{
	int r = s->n_out ? s->sink->take(s->sink->arg, s->out, s->n_out, s->err) : 0;
	s->res->given += s->n_out;
	s->n_out = 0;
	return r < 0 ? r : 0;
}

void out_sum(struct gs_sighting *g, const struct sum *m)
{
	g->summed = m->sightings;
	g->packets = m->packets;
	g->bytes = m->bytes;
	g->first.ns = m->first_ns;
	g->last.ns = m->last_ns;
}

static void out_shape(struct gs_sighting *g, const struct shape *h)
{
	g->gre_flags = h->version;
	if (h->has & 1)
		g->has |= GS_HAS_FLAGS;
	if (h->has & 2) {
		g->has |= GS_HAS_PROTO;
		g->gre_proto = h->proto;
	}
	if (h->has & 4) {
		g->has |= GS_HAS_KEY;
		g->gre_key = h->key;
		g->gre_flags |= 0x2000;
	}
}

/* ---- sums over what is needed ---- */

/* All sums so far go out and are forgotten; so are the numbers of sources, where room for those ran out. */
int sums_flush(struct scan *s)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < s->sums.count; i++) {
		const struct sum_record *m = gs_map_at(&s->sums, i);
		struct gs_sighting *g = out_next(s);
		out_sum(g, &m->sum);
		g->class_ = m->key.class_;
		g->sensor = m->key.sensor;
		out_flags(g, m->key.flags);
		if (s->needs & GS_NEED_SRC && m->key.src != ID_NONE)
			g->src = srcset_addr(&s->src, m->key.src);
		if (s->needs & GS_NEED_DST)
			g->dst = s->dst.dst[m->key.dst].addr;
		if (s->needs & GS_NEED_SHAPE)
			out_shape(g, &((const struct shape_record *)gs_map_at(&s->shapes, m->key.shape))->shape);
		if (m->key.flags & FOLDED)
			g->sources = clamp32(m->sum.sources);
		else if (!(s->needs & GS_NEED_SRC))
			g->sources = 0;
		r = out_done(s);
	}
	gs_map_clear(&s->sums, SIZE_MAX / 2);
	return r;
}

int sums_add(struct scan *s, const struct sum_key *k, const struct sum *m)
{
	bool is_new;
	struct sum_record *to = gs_map_get(&s->sums, gs_map_hash(&s->sums, k), k, &is_new);
	if (!to) {
		int r = sums_flush(s);
		if (r < 0)
			return r;
		to = gs_map_get(&s->sums, gs_map_hash(&s->sums, k), k, &is_new);
		if (!to)
			return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	}
	sum_add(&to->sum, m);
	return 0;
}

/* ---- counts per bucket of time ---- */

static void bucket_clear(struct bucket *b)
{
	free(b->hll);
	memset(b, 0, sizeof *b);
}

static int bucket_flush(struct scan *s, struct bucket *b)
{
	uint64_t sources = b->sources;
	int r = 0;
	if (b->hll) {
		sources += gs_hll_count(b->hll);
		s->res->sources_estimated = s->res->memory_short = true;
	}
	for (unsigned c = 0; r == 0 && c < CLASSES; c++) {
		if (b->by_class[c].sightings) {
			struct gs_sighting *g = out_next(s);
			out_sum(g, &b->by_class[c]);
			g->class_ = (uint8_t)c;
			g->flags = GS_SIGHTING_COUNTED;
			g->sources = clamp32(sources);
			sources = 0;
			r = out_done(s);
		}
		if (r == 0 && b->folded[c].sightings) {
			struct gs_sighting *g = out_next(s);
			out_sum(g, &b->folded[c]);
			g->class_ = (uint8_t)c;
			g->flags = GS_SIGHTING_FOLDED;
			g->sources = clamp32(b->folded[c].sources);
			r = out_done(s);
		}
	}
	bucket_clear(b);
	return r;
}

int32_t week_of_day(int32_t day)
{
	int32_t monday = day + 3; /* 1970-01-01 was a Thursday */
	return monday / 7 - (monday % 7 < 0);
}

int buckets_flush(struct scan *s)
{
	int r = 0;
	for (unsigned i = 0; r == 0 && i < (s->needs & GS_NEED_HOUR ? 24u : 1u); i++)
		r = bucket_flush(s, &s->buckets[i]);
	return r;
}

static int bucket_hll_add(struct bucket *b, uint64_t hash)
{
	if (!b->hll)
		b->hll = calloc(1, sizeof *b->hll);
	if (!b->hll)
		return GS_ERR_NOMEM;
	gs_hll_add(b->hll, hash);
	return 0;
}

/* A source was there in these hours of the day: counts it where it was not counted yet. */
int buckets_count(struct scan *s, const struct gs_addr *src, uint32_t id, uint32_t hours)
{
	if (s->needs & GS_NEED_WEEK) {
		if (id == ID_NONE)
			return bucket_hll_add(&s->buckets[0], srcset_hash(&s->src, src));
		s->buckets[0].sources += s->src.marks[id].week != s->week;
		s->src.marks[id].week = s->week;
		return 0;
	}
	uint32_t known = 0;
	if (s->day_single) {
		if (s->have_last && gs_addr_equal(&s->day_last, src)) /* goes on from the block before */
			known = s->day_last_hours;
	} else if (id != ID_NONE) {
		struct mark *m = &s->src.marks[id];
		known = m->part == s->day ? m->hours : 0;
		m->part = s->day;
		m->hours = known | hours;
	} else {
		uint64_t hash = srcset_hash(&s->src, src);
		for (unsigned h = 0; h < 24; h++)
			if (hours >> h & 1 && bucket_hll_add(&s->buckets[s->needs & GS_NEED_HOUR ? h : 0], hash) < 0)
				return GS_ERR_NOMEM;
		return 0;
	}
	if (!(s->needs & GS_NEED_HOUR)) {
		s->buckets[0].sources += known == 0;
		return 0;
	}
	for (uint32_t fresh = hours & ~known; fresh; fresh &= fresh - 1)
		s->buckets[__builtin_ctz(fresh)].sources++;
	return 0;
}

/* ---- counts per destination ---- */

struct dst_sum_key {
	uint32_t dst;
	uint8_t class_, folded, zero[2];
};

struct dst_sum_record {
	struct dst_sum_key key;
	struct sum sum;
};

/* More destinations than memory holds: nothing was given yet, and the question begins again without counting. */
int dst_give_up(struct scan *s)
{
	s->dst_lost = true;
	return GS_ERR_LIMIT;
}

int dst_add(struct scan *s, uint32_t dst, uint8_t class_, uint8_t flags, const struct sum *m)
{
	struct dst_sum_key k = { .dst = dst, .class_ = class_, .folded = flags };
	bool is_new;
	struct dst_sum_record *r = gs_map_get(&s->dst_sums, gs_map_hash(&s->dst_sums, &k), &k, &is_new);
	if (!r)
		return dst_give_up(s);
	sum_add(&r->sum, m);
	return 0;
}

int dst_flush(struct scan *s)
{
	int r = 0;
	uint8_t *given = calloc(s->dst.n + 1, 1);
	if (!given)
		return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; r == 0 && i < s->dst_sums.count; i++) {
		const struct dst_sum_record *m = gs_map_at(&s->dst_sums, i);
		bool estimate = false;
		struct gs_sighting *g = out_next(s);
		out_sum(g, &m->sum);
		g->dst = s->dst.dst[m->key.dst].addr;
		g->class_ = m->key.class_;
		if (m->key.folded) {
			g->flags = m->key.folded;
			g->sources = clamp32(m->sum.sources);
		} else {
			g->flags = GS_SIGHTING_COUNTED;
			g->sources = given[m->key.dst] ? 0 : clamp32(dstset_count(&s->dst, m->key.dst, &s->src, &estimate));
			given[m->key.dst] = 1;
			s->res->sources_estimated |= estimate;
		s->res->memory_short |= estimate;
		}
		r = out_done(s);
	}
	free(given);
	return r;
}

/* ---- all sources ---- */

static int hll_add(struct scan *s, const struct gs_addr *src)
{
	if (!s->all_hll)
		s->all_hll = calloc(1, sizeof *s->all_hll);
	if (!s->all_hll)
		return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	gs_hll_add(s->all_hll, srcset_hash(&s->src, src));
	return 0;
}

int total_count(struct scan *s, const struct gs_addr *src, uint32_t id)
{
	if (s->total == TOTAL_AS_THEY_COME)
		s->res->sources += !goes_on(s, src);
	if (s->total != TOTAL_NUMBERS)
		return 0;
	if (id == ID_NONE)
		return hll_add(s, src);
	s->res->sources += !s->src.marks[id].seen;
	s->src.marks[id].seen = 1;
	return 0;
}

/* Sources' numbers run out where sums are made: what is added up goes out, and the numbers begin anew. How many sources there are becomes an estimate. */
int numbers_give_up(struct scan *s)
{
	int r = sums_flush(s);
	for (uint32_t i = 0; r == 0 && i < s->src.n; i++) {
		struct gs_addr a = srcset_addr(&s->src, i);
		if (s->src.marks[i].seen)
			r = hll_add(s, &a);
	}
	if (s->total == TOTAL_NUMBERS)
		s->res->sources = 0;
	s->src_lost = true;
	srcset_clear(&s->src);
	return r;
}

void total_end(struct scan *s)
{
	if (s->all_hll) {
		s->res->sources += gs_hll_count(s->all_hll);
		s->res->sources_estimated = s->res->memory_short = true;
	}
	s->res->sources += s->folded_sources;
}

/* ---- memory ---- */

/* What one block can hold must always fit. */
static size_t at_least(size_t n, size_t least)
{
	return n < least ? least : n;
}

int state_make(struct scan *s)
{
	uint64_t seed = (uint64_t)s->st->meta.store;
	size_t m = s->memory;
	s->ids = malloc(BLOCK_CELLS * sizeof *s->ids);
	s->dst_on = malloc(BLOCK_CELLS * sizeof *s->dst_on);
	s->dst_ids = malloc(BLOCK_CELLS * sizeof *s->dst_ids);
	s->shape_ids = malloc(BLOCK_CELLS * sizeof *s->shape_ids);
	s->buckets = calloc(24, sizeof *s->buckets);
	if (!s->ids || !s->dst_on || !s->dst_ids || !s->shape_ids || !s->buckets || srcset_init(&s->src, at_least(m * 2 / 5, 16u << 20), seed) < 0 ||
	    gs_map_init(&s->sums, sizeof(struct sum_key), sizeof(struct sum_record), m / 5, seed) < 0 ||
	    gs_map_init(&s->shapes, sizeof(struct shape), sizeof(struct shape_record), at_least(m / 20, 8u << 20), seed) < 0 ||
	    gs_map_init(&s->dst_sums, sizeof(struct dst_sum_key), sizeof(struct dst_sum_record), m / 5, seed) < 0 || dstset_init(&s->dst, at_least(m / 4, 64u << 20), seed) < 0)
		return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	return 0;
}

void state_done(struct scan *s)
{
	for (unsigned i = 0; s->buckets && i < 24; i++)
		free(s->buckets[i].hll);
	free(s->buckets);
	free(s->ids);
	free(s->dst_on);
	free(s->dst_ids);
	free(s->shape_ids);
	free(s->all_hll);
	free(s->extra);
	srcset_done(&s->src);
	dstset_done(&s->dst);
	if (s->sums.slots)
		gs_map_done(&s->sums);
	if (s->shapes.slots)
		gs_map_done(&s->shapes);
	if (s->dst_sums.slots)
		gs_map_done(&s->dst_sums);
	s->buckets = NULL;
	s->ids = s->dst_ids = s->shape_ids = NULL;
	s->dst_on = NULL;
	s->all_hll = NULL;
	s->extra = NULL;
}
