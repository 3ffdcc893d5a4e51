/*
 * scan.c - questions: which rollups and rows hold the answer, and what is added up on the way
 *
 * Single sightings come from the rows, batch by batch, each read in a moment's view of its own: an export that waits for a slow reader
 * pins no journal. Batches whose times, or by the rollups whose hours, hold nothing wanted are left out.
 *
 * Sums come from the rollups, in one moment's view:
 *   PART_ALL, a few hundred thousand cells, where the question has no times and no destinations;
 *   else the days, one after the other. An hour that `since` or `until` cuts comes from the rows; so do rows that are not rolled yet.
 * Rows become cells and cells blocks (in memory), so that there is one way of adding up, and it is the same for both.
 *
 * Counting sources (GS_NEED_COUNTS): a day in one run has every source once, so that its hours and the day are counted by looking at each
 * source's cells; else, and for weeks and destinations, sources get numbers (count.h).
 */
#include "store/count.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_DEFAULT (256u << 20)
#define OUT_ROWS 256
#define CLASSES GS_CLASS_COUNT
#define FOLDED (GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED) /* either: it stands for many sources */

struct sum {
	uint64_t sightings, packets, bytes, sources; /* sources: of folded ones */
	int64_t first_ns, last_ns;
};

/* What a sum is over; what is not needed is zero. */
struct sum_key {
	uint32_t src, dst, shape;
	int32_t bucket;
	uint16_t sensor;
	uint8_t class_, flags;
};

struct sum_record {
	struct sum_key key;
	uint32_t zero;
	struct sum sum;
};

/* Counts of one bucket of time. */
struct bucket {
	uint64_t sources;      /* counted */
	struct gs_hll *hll;    /* of those that had no number; NULL: none */
	struct sum by_class[CLASSES], folded[CLASSES];
};

struct scan {
	struct gs_store *st;
	const struct gs_filter *f;
	unsigned needs;
	const struct gs_scan_options *o;
	const struct gs_sighting_sink *sink;
	struct gs_scan_result *res;
	struct gs_error *err;
	size_t memory;

	/* the plan */
	int64_t upto;          /* rows after this are not rolled */
	int64_t hour_from, hour_to; /* whole hours [from, to) that come from rollups */
	int64_t edge[2];       /* hours that are cut and come from rows */
	unsigned n_edges;
	bool bounded;          /* since or until leave something out */
	bool from_all;         /* PART_ALL answers it */
	bool give;             /* and its sums go straight out */
	bool counting;         /* GS_NEED_COUNTS */
	enum { TOTAL_NUMBERS, TOTAL_AS_THEY_COME, TOTAL_DONE } total; /* how all sources are counted */
	unsigned groups;       /* of blocks, that are read */
	bool sensor_on[GS_SENSORS_MAX + 1];

	/* rows that are not in the rollups */
	struct cell *extra;
	size_t n_extra, cap_extra;

	/* state */
	struct srcset src;
	struct gs_hll *all_hll; /* sources without a number */
	bool src_lost;         /* numbers were given up: the total is an estimate */
	uint64_t folded_sources;
	uint32_t *ids;         /* of the block at hand */
	bool *dst_on;
	uint32_t *dst_ids, *shape_ids;
	struct gs_map sums;    /* sum_key -> sum */
	struct gs_map shapes;  /* shape -> id */
	struct gs_map dst_sums; /* counting by destination: (dst, class, folded) -> sum */
	struct dstset dst;
	struct bucket *buckets; /* 24 for hours, else 1 */
	int32_t week;          /* of buckets[0] */
	int32_t day;           /* of the buckets */
	bool day_single;       /* one run: every source once */
	struct gs_addr day_last; /* the last source of the block before, for one that goes on in the next */
	uint32_t day_last_hours;
	bool have_last;

	struct gs_sighting out[OUT_ROWS];
	size_t n_out;
};

/* ---- giving ---- */

static int out_flush(struct scan *s)
{
	int r = s->n_out ? s->sink->take(s->sink->arg, s->out, s->n_out, s->err) : 0;
	s->res->given += s->n_out;
	s->n_out = 0;
	return r < 0 ? r : 0;
}

static struct gs_sighting *out_next(struct scan *s)
{
	struct gs_sighting *g = &s->out[s->n_out];
	*g = (struct gs_sighting){ .version = GS_SIGHTING_VERSION, .protocol = 47, .sources = 1 };
	return g;
}

static int out_done(struct scan *s)
{
	return ++s->n_out == OUT_ROWS ? out_flush(s) : 0;
}

static void out_sum(struct gs_sighting *g, const struct sum *m)
{
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

static uint32_t clamp32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void sum_add(struct sum *to, const struct sum *m)
{
	if (!to->sightings) {
		*to = *m;
		return;
	}
	to->sightings += m->sightings;
	to->packets += m->packets;
	to->bytes += m->bytes;
	to->sources += m->sources;
	to->first_ns = m->first_ns < to->first_ns ? m->first_ns : to->first_ns;
	to->last_ns = m->last_ns > to->last_ns ? m->last_ns : to->last_ns;
}

static int note(struct scan *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int note(struct scan *s, const char *format, ...)
{
	va_list ap;
	if (s->res->n_notes < GS_SCAN_NOTES) {
		va_start(ap, format);
		vsnprintf(s->res->notes[s->res->n_notes++], sizeof s->res->notes[0], format, ap);
		va_end(ap);
	}
	return 0;
}

/* ---- sums over what is needed ---- */

struct shape_record {
	struct shape shape;
	uint32_t id;
};

/* All sums so far go out and are forgotten; so are the numbers of sources, where room for those ran out. */
static int sums_flush(struct scan *s)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < s->sums.count; i++) {
		const struct sum_record *m = gs_map_at(&s->sums, i);
		struct gs_sighting *g = out_next(s);
		out_sum(g, &m->sum);
		g->class_ = m->key.class_;
		g->sensor = m->key.sensor;
		g->flags = m->key.flags;
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

static int sums_add(struct scan *s, const struct sum_key *k, const struct sum *m)
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
		s->res->sources_estimated = true;
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

static int32_t week_of_day(int32_t day)
{
	int32_t monday = day + 3; /* 1970-01-01 was a Thursday */
	return monday / 7 - (monday % 7 < 0);
}

static int buckets_flush(struct scan *s)
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
static int buckets_count(struct scan *s, const struct gs_addr *src, uint32_t id, uint32_t hours)
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

static int dst_add(struct scan *s, uint32_t dst, uint8_t class_, bool folded, const struct sum *m)
{
	struct dst_sum_key k = { .dst = dst, .class_ = class_, .folded = folded };
	bool is_new;
	struct dst_sum_record *r = gs_map_get(&s->dst_sums, gs_map_hash(&s->dst_sums, &k), &k, &is_new);
	if (!r)
		return gs_fail(s->err, GS_ERR_LIMIT, "more destinations than %zu octets of memory hold; a filter on destinations or times makes them fewer",
		               s->memory);
	sum_add(&r->sum, m);
	return 0;
}

static int dst_flush(struct scan *s)
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
		}
		r = out_done(s);
	}
	free(given);
	return r;
}

/* ---- one block ---- */

static bool prefix_on(const struct gs_prefix *list, unsigned n, const struct gs_addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (gs_prefix_contains(&list[i], a))
			return true;
	return n == 0;
}

static bool source_on(struct scan *s, const struct gs_addr *src, uint32_t id)
{
	if (!prefix_on(s->f->src, s->f->n_src, src))
		return false;
	if (!s->o->want)
		return true;
	if (id == ID_NONE)
		return s->o->want(s->o->want_arg, src);
	struct mark *m = &s->src.marks[id];
	if (!m->want)
		m->want = s->o->want(s->o->want_arg, src) ? 1 : 2;
	return m->want == 1;
}

struct view {
	const struct block *b;
	uint8_t hour_from, hour_to; /* hours of the day, [from, to); a part without hours: 0, 24 */
};

static bool cell_on(const struct scan *s, const struct view *v, uint32_t i)
{
	const struct block *b = v->b;
	return b->hour[i] >= v->hour_from && b->hour[i] < v->hour_to && (!s->f->classes || s->f->classes >> b->class_[i] & 1) &&
	       (!s->f->n_sensors || s->sensor_on[b->sensor[i]]) && (!s->f->n_dst || s->dst_on[b->dst[i]]);
}

static struct sum cell_sum(const struct block *b, uint32_t i)
{
	return (struct sum){
		.sightings = b->sightings[i],
		.packets = b->packets[i],
		.bytes = b->bytes[i],
		.sources = i < b->n_none ? b->sources[i] : 0,
		.first_ns = b->first[i],
		.last_ns = (int64_t)((uint64_t)b->first[i] + b->dur[i]),
	};
}

static void total_add(struct scan *s, const struct sum *m)
{
	struct gs_scan_result *t = s->res;
	if (!t->sightings || m->first_ns < t->first.ns)
		t->first.ns = m->first_ns;
	if (!t->sightings || m->last_ns > t->last.ns)
		t->last.ns = m->last_ns;
	t->sightings += m->sightings;
	t->packets += m->packets;
	t->bytes += m->bytes;
}

static int hll_add(struct scan *s, const struct gs_addr *src)
{
	if (!s->all_hll)
		s->all_hll = calloc(1, sizeof *s->all_hll);
	if (!s->all_hll)
		return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	gs_hll_add(s->all_hll, srcset_hash(&s->src, src));
	return 0;
}

static bool goes_on(const struct scan *s, const struct gs_addr *src)
{
	return s->have_last && gs_addr_equal(&s->day_last, src);
}

static int total_count(struct scan *s, const struct gs_addr *src, uint32_t id)
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
static int numbers_give_up(struct scan *s)
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

/* ---- the cells of one source ---- */

/* What a question saw of a source in one block. */
struct seen {
	uint32_t hours;   /* in which it was there */
	uint32_t plain;   /* cells that are of this source alone */
};

static void seen_add(struct scan *s, struct seen *seen, const struct block *b, uint32_t i, const struct sum *m)
{
	total_add(s, m);
	if (b->flags[i] & FOLDED) {
		s->folded_sources += m->sources;
		s->res->sources_estimated = true;
	} else {
		seen->plain++;
		seen->hours |= 1u << b->hour[i];
	}
}

static int source_sum(struct scan *s, const struct view *v, uint32_t id, uint32_t begin, uint32_t end, struct seen *seen)
{
	const struct block *b = v->b;
	struct sum_key key = { 0 }, last = { 0 };
	struct sum sum = { 0 };

	for (uint32_t i = begin; i < end; i++) {
		if (!cell_on(s, v, i))
			continue;
		struct sum m = cell_sum(b, i);
		seen_add(s, seen, b, i, &m);
		key.src = s->needs & GS_NEED_SRC ? id : 0;
		key.dst = s->needs & GS_NEED_DST ? s->dst_ids[b->dst[i]] : 0;
		key.shape = s->needs & GS_NEED_SHAPE ? s->shape_ids[b->shape[i]] : 0;
		key.bucket = s->needs & GS_NEED_HOUR ? b->hour[i] : 0;
		key.sensor = s->needs & GS_NEED_SENSOR ? b->sensor[i] : 0;
		key.class_ = s->needs & GS_NEED_CLASS ? b->class_[i] : 0;
		key.flags = b->flags[i];
		if (sum.sightings && memcmp(&key, &last, sizeof key) != 0) {
			int r = sums_add(s, &last, &sum);
			if (r < 0)
				return r;
			sum = (struct sum){ 0 };
		}
		last = key;
		sum_add(&sum, &m);
	}
	return sum.sightings ? sums_add(s, &last, &sum) : 0;
}

static int give_done(struct scan *s, struct gs_sighting *g, const struct sum *sum)
{
	out_sum(g, sum);
	g->sources = g->flags & FOLDED ? clamp32(sum->sources) : 1;
	return out_done(s);
}

/* The same without a table: sums of neighbouring cells go straight out. */
static int source_give(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t begin, uint32_t end, struct seen *seen)
{
	const struct block *b = v->b;
	struct gs_sighting *g = NULL;
	struct sum sum = { 0 };
	int r = 0;

	for (uint32_t i = begin; r == 0 && i < end; i++) {
		if (!cell_on(s, v, i))
			continue;
		struct sum m = cell_sum(b, i);
		uint8_t class_ = s->needs & GS_NEED_CLASS ? b->class_[i] : 0;
		uint16_t sensor = s->needs & GS_NEED_SENSOR ? b->sensor[i] : 0;
		seen_add(s, seen, b, i, &m);
		if (g && (g->class_ != class_ || g->sensor != sensor || g->flags != b->flags[i])) {
			r = give_done(s, g, &sum);
			g = NULL;
		}
		if (!g) {
			g = out_next(s);
			g->src = *src;
			g->class_ = class_;
			g->sensor = sensor;
			g->flags = b->flags[i];
			sum = (struct sum){ 0 };
		}
		sum_add(&sum, &m);
	}
	return r == 0 && g ? give_done(s, g, &sum) : r;
}

/* Counting: sums per bucket and class. */
static int source_count(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t id, uint32_t begin, uint32_t end, struct seen *seen)
{
	const struct block *b = v->b;
	const bool by_hour = s->needs & GS_NEED_HOUR, by_dst = s->needs & GS_NEED_DST;
	uint64_t hash = by_dst && id == ID_NONE ? srcset_hash(&s->src, src) : 0;
	uint32_t dst_before = ID_NONE;
	int r = 0;

	for (uint32_t i = begin; r == 0 && i < end; i++) {
		if (!cell_on(s, v, i))
			continue;
		struct sum m = cell_sum(b, i);
		bool folded = b->flags[i] & FOLDED;
		seen_add(s, seen, b, i, &m);
		if (!by_dst) {
			struct bucket *k = &s->buckets[by_hour ? b->hour[i] : 0];
			sum_add(folded ? &k->folded[b->class_[i]] : &k->by_class[b->class_[i]], &m);
			continue;
		}
		uint32_t dst = s->dst_ids[b->dst[i]];
		r = dst_add(s, dst, b->class_[i], b->flags[i], &m);
		if (r == 0 && !folded && dst != dst_before) {
			r = dstset_add(&s->dst, dst, id, hash, &s->src);
			dst_before = dst;
		}
	}
	return r;
}

/* ---- one block ---- */

/* Destinations and shapes of a block: which are wanted, and which numbers they have here. */
static int whom_prepare(struct scan *s, const struct block *b)
{
	for (uint32_t i = 0; s->f->n_dst && i < b->n_dst; i++)
		s->dst_on[i] = prefix_on(s->f->dst, s->f->n_dst, &b->dsts[i]);
	for (uint32_t i = 0; s->needs & GS_NEED_DST && i < b->n_dst; i++) {
		if (s->f->n_dst && !s->dst_on[i])
			continue;
		s->dst_ids[i] = dstset_get(&s->dst, &b->dsts[i]);
		if (s->dst_ids[i] == ID_NONE)
			return gs_fail(s->err, GS_ERR_LIMIT, "more destinations than %zu octets of memory hold; a filter on destinations or times makes them fewer",
			               s->memory);
	}
	bool again = false;
	for (uint32_t i = 0; s->needs & GS_NEED_SHAPE && i < b->n_shape; i++) {
		bool is_new;
		struct shape_record *r = gs_map_get(&s->shapes, gs_map_hash(&s->shapes, &b->shapes[i]), &b->shapes[i], &is_new);
		if (!r && again)
			return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		if (!r) { /* the numbers are only good until the sums are given: give them and begin again */
			int f = sums_flush(s);
			if (f < 0)
				return f;
			gs_map_clear(&s->shapes, SIZE_MAX / 2);
			again = true;
			i = UINT32_MAX;
			continue;
		}
		if (is_new)
			r->id = s->shapes.count - 1;
		s->shape_ids[i] = r->id;
	}
	return 0;
}

static bool needs_numbers(const struct scan *s)
{
	if (s->o->want || s->total == TOTAL_NUMBERS)
		return true;
	if (s->counting)
		return s->needs & (GS_NEED_WEEK | GS_NEED_DST) || !s->day_single;
	return !s->give && s->needs & GS_NEED_SRC;
}

static int block_number(struct scan *s, const struct block *b)
{
	bool by_number = !s->counting && !s->give && s->needs & GS_NEED_SRC;
	for (int again = 0;; again++) {
		bool all = true;
		srcset_block(&s->src, b, s->ids);
		for (uint32_t i = 0; by_number && all && i < block_sources(b); i++)
			all = s->ids[i] != ID_NONE;
		if (all)
			return 0;
		if (again)
			return gs_fail(s->err, GS_ERR_NOMEM, "a question needs more memory than %zu octets", s->memory);
		int r = numbers_give_up(s);
		if (r < 0)
			return r;
	}
}

static int block_take(struct scan *s, const struct view *v)
{
	const struct block *b = v->b;
	bool numbers = needs_numbers(s);
	int r = whom_prepare(s, b);

	if (r == 0 && numbers)
		r = block_number(s, b);
	s->res->cells += b->n;
	for (uint32_t i = 0, at = 0; r == 0 && i < block_sources(b); i++) {
		uint32_t begin = at, end = at + b->cells_of[i], id = numbers ? s->ids[i] : ID_NONE;
		struct gs_addr src = block_source(b, i);
		struct seen seen = { 0 };
		at = end;
		if (!source_on(s, &src, id))
			continue;
		if (s->give)
			r = source_give(s, v, &src, begin, end, &seen);
		else if (s->counting)
			r = source_count(s, v, &src, id, begin, end, &seen);
		else
			r = source_sum(s, v, id, begin, end, &seen);
		if (r == 0 && seen.plain)
			r = total_count(s, &src, id);
		if (r == 0 && seen.plain && s->counting && !(s->needs & GS_NEED_DST) && buckets_count(s, &src, id, seen.hours) < 0)
			r = gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		if (seen.plain) {
			s->day_last_hours = goes_on(s, &src) ? s->day_last_hours | seen.hours : seen.hours;
			s->day_last = src;
			s->have_last = true;
		}
	}
	return r;
}

/* All sources of PART_ALL and of the rows beside it, before the days are gone through. */
static int block_total(struct scan *s, const struct view *v)
{
	const struct block *b = v->b;
	bool numbers = s->o->want || s->total == TOTAL_NUMBERS;
	int r = 0;

	if (numbers)
		srcset_block(&s->src, b, s->ids);
	for (uint32_t i = 0, at = 0; r == 0 && i < block_sources(b); i++) {
		uint32_t end = at + b->cells_of[i], id = numbers ? s->ids[i] : ID_NONE;
		struct gs_addr src = block_source(b, i);
		bool on = source_on(s, &src, id);
		while (at < end && (!on || !cell_on(s, v, at) || b->flags[at] & FOLDED))
			at++;
		if (at == end)
			continue;
		at = end;
		r = total_count(s, &src, id);
		s->day_last = src;
		s->have_last = true;
	}
	return r;
}

/* ---- the plan ---- */

/* Rows as cells, those that the filter lets through. */
static int rows_to_cells(struct scan *s, const struct gs_sighting *rows, size_t n, struct cell *out, size_t *n_out, int64_t hour)
{
	s->res->raw_rows += n;
	for (size_t i = 0; i < n; i++)
		if ((hour == INT64_MIN || hour_of(rows[i].first.ns) == hour) && gs_filter_match(s->f, &rows[i]))
			cell_of(&rows[i], &out[(*n_out)++]);
	return 0;
}

static bool batch_touches(const struct batch *b, const struct gs_filter *f)
{
	return b->max_ns >= f->since.ns && (f->until.ns == INT64_MAX || b->min_ns < f->until.ns);
}

/* Rows after the watermark. */
static int extra_load(struct scan *s, struct gs_sighting *rows)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->st->n_batches; i++) {
		const struct batch *b = &s->st->batches[i];
		size_t n;
		if (b->first_seq <= s->upto || !batch_touches(b, s->f))
			continue;
		r = batch_read(s->st, b, rows, &n, s->err);
		if (r == 0 && s->n_extra + n > s->cap_extra) {
			size_t cap = (s->n_extra + n) * 2;
			struct cell *list = realloc(s->extra, cap * sizeof *list);
			if (!list)
				return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
			s->extra = list;
			s->cap_extra = cap;
		}
		if (r == 0)
			r = rows_to_cells(s, rows, n, s->extra, &s->n_extra, INT64_MIN);
	}
	return r;
}

/* Whether all rows of an hour that is in the rollups are still there. */
static int hour_whole(struct scan *s, int64_t hour, struct gs_sighting *rows, bool *ret)
{
	struct pruned *pruned = NULL;
	size_t n_pruned = 0;
	uint64_t in_rows = 0, in_cells = 0;
	bool any = false;
	int r = pruned_load(s->st, &pruned, &n_pruned, s->err);

	for (size_t i = 0; r == 0 && i < n_pruned; i++)
		any |= pruned[i].day == day_of_hour((int32_t)hour);
	free(pruned);
	*ret = true;
	if (r < 0 || !any)
		return r;
	for (size_t i = 0; r == 0 && i < s->st->n_batches; i++) {
		const struct batch *b = &s->st->batches[i];
		size_t n = 0;
		if (b->last_seq > s->upto || hour_of(b->max_ns) < hour || hour_of(b->min_ns) > hour)
			continue;
		r = batch_read(s->st, b, rows, &n, s->err);
		for (size_t k = 0; r == 0 && k < n; k++)
			in_rows += hour_of(rows[k].first.ns) == hour;
	}
	int32_t day = day_of_hour((int32_t)hour);
	for (size_t i = blocks_from(s->st, day); r == 0 && i < s->st->n_blocks && s->st->blocks[i].part == day; i++) {
		struct block b = { 0 };
		r = block_read(s->st, &s->st->blocks[i], BLOCK_WHO, &b, s->err);
		if (r == 0)
			r = block_read(s->st, &s->st->blocks[i], BLOCK_MUCH, &b, s->err);
		for (uint32_t k = 0; r == 0 && k < b.n; k++)
			in_cells += b.hour[k] == hour - (int64_t)day * 24 ? b.sightings[k] : 0;
		block_done(&b);
	}
	*ret = in_rows == in_cells;
	return r;
}

static bool aligned(int64_t ns)
{
	return ns % (3600 * GS_NS_PER_S) == 0;
}

static int plan_hours(struct scan *s, struct gs_sighting *rows)
{
	const struct gs_filter *f = s->f;
	bool open_low = f->since.ns == INT64_MIN, open_high = f->until.ns == INT64_MAX;
	int r = 0;

	s->hour_from = open_low ? INT64_MIN : hour_of(f->since.ns) + !aligned(f->since.ns);
	s->hour_to = open_high ? INT64_MAX : hour_of(f->until.ns);
	if (!open_low && !aligned(f->since.ns))
		s->edge[s->n_edges++] = hour_of(f->since.ns);
	if (!open_high && !aligned(f->until.ns) && !(s->n_edges && s->edge[0] == s->hour_to))
		s->edge[s->n_edges++] = s->hour_to;
	for (unsigned i = 0; r == 0 && i < s->n_edges; i++) {
		bool whole;
		int64_t hour = s->edge[i];
		r = hour_whole(s, hour, rows, &whole);
		if (r < 0 || whole)
			continue;
		if (s->hour_from > s->hour_to) { /* both ends in this hour */
			s->hour_from = hour;
			s->hour_to = hour + 1;
		} else if (hour == s->hour_to) {
			s->hour_to++;
		} else {
			s->hour_from = hour;
		}
		s->edge[i--] = s->edge[--s->n_edges];
		note(s, "rows at an end of the time asked for were pruned: that hour is counted whole");
	}
	return r;
}

static void plan(struct scan *s)
{
	const struct gs_store *st = s->st;
	size_t first = blocks_from(st, PART_ALL + 1);
	const unsigned buckets = GS_NEED_WEEK | GS_NEED_DAY | GS_NEED_HOUR;

	s->bounded = first < st->n_blocks && (s->hour_from > (int64_t)st->blocks[first].part * 24 ||
	                                      s->hour_to < ((int64_t)st->blocks[st->n_blocks - 1].part + 1) * 24);
	if (s->needs & GS_NEED_COUNTS) {
		unsigned by = s->needs & (buckets | GS_NEED_DST);
		s->counting = by && !(s->needs & (GS_NEED_SRC | GS_NEED_SHAPE | GS_NEED_SENSOR)) && (!(by & GS_NEED_DST) || by == GS_NEED_DST) &&
		              (!(by & GS_NEED_WEEK) || by == GS_NEED_WEEK);
		s->needs |= s->counting ? 0 : GS_NEED_SRC; /* counts that cannot be made here are left to the question */
	}
	s->from_all = !s->counting && !s->bounded && !s->f->n_dst && !(s->needs & ~(unsigned)(GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_SENSOR | GS_NEED_COUNTS));
	s->give = s->from_all && s->needs & GS_NEED_SRC;
	s->groups = 1u << BLOCK_WHO | 1u << BLOCK_MUCH;
	if (s->needs & (GS_NEED_DST | GS_NEED_SHAPE) || s->f->n_dst)
		s->groups |= 1u << BLOCK_WHOM;
	for (unsigned i = 0; i < s->f->n_sensors; i++)
		if (s->f->sensors[i] <= GS_SENSORS_MAX)
			s->sensor_on[s->f->sensors[i]] = true;
}

static unsigned runs_in(const struct gs_store *st, int32_t part)
{
	unsigned n = 0;
	size_t first = blocks_from(st, part);
	for (size_t i = first; i < st->n_blocks && st->blocks[i].part == part; i++)
		n += i == first || st->blocks[i].run != st->blocks[i - 1].run;
	return n;
}

static int state_make(struct scan *s)
{
	uint64_t seed = (uint64_t)s->st->meta.store;
	size_t m = s->memory;
	s->ids = malloc(BLOCK_CELLS * sizeof *s->ids);
	s->dst_on = malloc(BLOCK_CELLS * sizeof *s->dst_on);
	s->dst_ids = malloc(BLOCK_CELLS * sizeof *s->dst_ids);
	s->shape_ids = malloc(BLOCK_CELLS * sizeof *s->shape_ids);
	s->buckets = calloc(24, sizeof *s->buckets);
	if (!s->ids || !s->dst_on || !s->dst_ids || !s->shape_ids || !s->buckets || srcset_init(&s->src, m * 2 / 5, seed) < 0 ||
	    gs_map_init(&s->sums, sizeof(struct sum_key), sizeof(struct sum_record), m / 5, seed) < 0 ||
	    gs_map_init(&s->shapes, sizeof(struct shape), sizeof(struct shape_record), m / 20, seed) < 0 ||
	    gs_map_init(&s->dst_sums, sizeof(struct dst_sum_key), sizeof(struct dst_sum_record), m / 5, seed) < 0 || dstset_init(&s->dst, m / 4, seed) < 0)
		return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	return 0;
}

static void state_done(struct scan *s)
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
}

/* ---- going through ---- */

typedef int (*take_fn)(struct scan *s, const struct view *v);

static int entries_take(struct scan *s, size_t from, size_t to, uint8_t hour_from, uint8_t hour_to, unsigned groups, take_fn take)
{
	int r = 0;
	for (size_t i = from; r == 0 && i < to; i++) {
		struct block b = { 0 };
		for (int g = 0; r == 0 && g < BLOCK_GROUPS; g++)
			if (groups >> g & 1)
				r = block_read(s->st, &s->st->blocks[i], (enum block_group)g, &b, s->err);
		if (r == 0)
			r = take(s, &(struct view){ &b, hour_from, hour_to });
		block_done(&b);
	}
	return r;
}

/* Cells in memory, of one part and sorted, in blocks. */
static int cells_take(struct scan *s, const struct cell *cells, size_t n, int32_t part, take_fn take)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i += BLOCK_CELLS) {
		struct block b;
		if (block_from_cells(cells + i, n - i < BLOCK_CELLS ? n - i : BLOCK_CELLS, part, &b) < 0)
			return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		r = take(s, &(struct view){ &b, 0, 24 });
		block_done(&b);
	}
	return r;
}

/* The rows of an hour that is cut. */
static int edge_take(struct scan *s, int64_t hour, struct gs_sighting *rows)
{
	struct cell *cells = malloc((BLOCK_CELLS + BATCH_ROWS) * sizeof *cells);
	size_t n = 0;
	int r = cells ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i <= s->st->n_batches; i++) {
		if (i < s->st->n_batches) {
			const struct batch *b = &s->st->batches[i];
			size_t k;
			if (b->last_seq > s->upto || hour_of(b->max_ns) < hour || hour_of(b->min_ns) > hour)
				continue;
			r = batch_read(s->st, b, rows, &k, s->err);
			if (r == 0)
				r = rows_to_cells(s, rows, k, cells, &n, hour);
		}
		if (r < 0 || n == 0 || (n < BLOCK_CELLS && i < s->st->n_batches))
			continue;
		n = cells_settle(cells, n, false);
		r = n == SIZE_MAX ? gs_fail(s->err, GS_ERR_NOMEM, "out of memory") : cells_take(s, cells, n, day_of_hour((int32_t)hour), block_take);
		n = 0;
	}
	free(cells);
	return r;
}

static bool edge_in(const struct scan *s, int32_t day)
{
	for (unsigned i = 0; i < s->n_edges; i++)
		if (day_of_hour((int32_t)s->edge[i]) == day)
			return true;
	return false;
}

static uint8_t hour_in(int64_t hour, int32_t day)
{
	int64_t base = (int64_t)day * 24;
	return hour <= base ? 0 : hour >= base + 24 ? 24 : (uint8_t)(hour - base);
}

static int day_end(struct scan *s, bool last)
{
	if (s->counting && !(s->needs & (GS_NEED_WEEK | GS_NEED_DST)))
		return buckets_flush(s);
	if (!s->counting && s->needs & (GS_NEED_DAY | GS_NEED_HOUR))
		return sums_flush(s);
	if (!last)
		return 0;
	int r = s->counting && s->needs & GS_NEED_DST ? dst_flush(s) : 0;
	if (r == 0)
		r = buckets_flush(s);
	return r < 0 ? r : sums_flush(s);
}

static int day_begin(struct scan *s, int32_t day, bool single)
{
	int r = 0;
	if (s->needs & GS_NEED_WEEK && week_of_day(day) != s->week)
		r = s->counting ? buckets_flush(s) : sums_flush(s);
	s->week = week_of_day(day);
	s->day = day;
	s->day_single = single;
	s->have_last = false;
	return r;
}

static int days_take(struct scan *s, struct gs_sighting *rows)
{
	const struct gs_store *st = s->st;
	int64_t low = s->n_edges && s->edge[0] < s->hour_from ? s->edge[0] : s->hour_from;
	int64_t high = s->hour_to == INT64_MAX ? INT64_MAX : s->hour_to + s->n_edges;
	size_t i = s->o->raw_only ? st->n_blocks : blocks_from(st, low < (int64_t)INT32_MIN + 24 ? PART_ALL + 1 : day_of_hour((int32_t)low)), k = 0;
	int r = 0;

	s->week = INT32_MIN;
	while (r == 0) {
		int32_t day = INT32_MAX;
		if (i < st->n_blocks && (int64_t)st->blocks[i].part * 24 < high)
			day = st->blocks[i].part;
		if (k < s->n_extra && day_of_hour(s->extra[k].hour) < day)
			day = day_of_hour(s->extra[k].hour);
		if (day == INT32_MAX)
			break;
		size_t i_end = i, k_end = k;
		while (i_end < st->n_blocks && st->blocks[i_end].part == day)
			i_end++;
		while (k_end < s->n_extra && day_of_hour(s->extra[k_end].hour) == day)
			k_end++;
		bool edge = edge_in(s, day);
		r = day_begin(s, day, k == k_end && !edge && (i == i_end || st->blocks[i].run == st->blocks[i_end - 1].run));
		if (r == 0 && hour_in(s->hour_from, day) < hour_in(s->hour_to, day))
			r = entries_take(s, i, i_end, hour_in(s->hour_from, day), hour_in(s->hour_to, day), s->groups, block_take);
		for (unsigned e = 0; r == 0 && edge && e < s->n_edges; e++)
			if (day_of_hour((int32_t)s->edge[e]) == day)
				r = edge_take(s, s->edge[e], rows);
		if (r == 0)
			r = cells_take(s, s->extra + k, k_end - k, day, block_take);
		if (r == 0)
			r = day_end(s, false);
		i = i_end;
		k = k_end;
	}
	return r < 0 ? r : day_end(s, true);
}

static int all_take(struct scan *s)
{
	size_t end = s->o->raw_only ? 0 : blocks_from(s->st, PART_ALL + 1);
	s->total = s->n_extra == 0 && runs_in(s->st, PART_ALL) <= 1 ? TOTAL_AS_THEY_COME : TOTAL_NUMBERS;
	int r = entries_take(s, 0, end, 0, 24, s->groups, block_take);
	s->have_last = false;
	if (r == 0)
		r = cells_take(s, s->extra, s->n_extra, PART_ALL, block_take);
	return r < 0 ? r : sums_flush(s);
}

/* How many sources there are, from PART_ALL: a fraction of what the days hold. */
static int total_take(struct scan *s)
{
	size_t end = blocks_from(s->st, PART_ALL + 1);
	s->total = s->n_extra == 0 && runs_in(s->st, PART_ALL) <= 1 ? TOTAL_AS_THEY_COME : TOTAL_NUMBERS;
	int r = entries_take(s, 0, end, 0, 24, 1u << BLOCK_WHO, block_total);
	for (size_t i = 0, k; r == 0 && i < s->n_extra; i = k) {
		int32_t day = day_of_hour(s->extra[i].hour);
		for (k = i + 1; k < s->n_extra && day_of_hour(s->extra[k].hour) == day; k++)
			;
		r = cells_take(s, s->extra + i, k - i, day, block_total);
	}
	if (s->all_hll) {
		s->res->sources += gs_hll_count(s->all_hll);
		s->res->sources_estimated = true;
		free(s->all_hll);
		s->all_hll = NULL;
	}
	for (uint32_t i = 0; i < s->src.n; i++)
		s->src.marks[i].seen = 0;
	s->total = TOTAL_DONE;
	return r;
}

static void total_end(struct scan *s)
{
	if (s->all_hll) {
		s->res->sources += gs_hll_count(s->all_hll);
		s->res->sources_estimated = true;
	}
	s->res->sources += s->folded_sources;
}

static int scan_sums(struct scan *s)
{
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	int r = rows ? state_make(s) : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	s->upto = s->o->raw_only ? 0 : s->st->meta.rolled_seq;
	if (r == 0 && s->o->raw_only) {
		s->hour_from = INT64_MAX; /* nothing comes from rollups, and rows are held against the filter themselves */
		s->hour_to = INT64_MAX;
	} else if (r == 0) {
		r = plan_hours(s, rows);
	}
	if (r == 0) {
		plan(s);
		r = extra_load(s, rows);
	}
	if (r == 0 && s->n_extra) {
		s->n_extra = cells_settle(s->extra, s->n_extra, s->from_all);
		if (s->n_extra == SIZE_MAX)
			r = gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	}
	if (r == 0 && !s->from_all && !s->bounded && !s->f->n_dst && !s->o->raw_only)
		r = total_take(s);
	if (r == 0)
		r = s->from_all ? all_take(s) : days_take(s, rows);
	if (r == 0)
		r = out_flush(s);
	if (r == 0 && s->src_lost && s->total == TOTAL_NUMBERS) /* what has a number now was perhaps seen before */
		r = numbers_give_up(s);
	total_end(s);
	free(rows);
	return r;
}

/* ---- single sightings ---- */

struct hours {
	int32_t day;
	uint32_t mask;
};

static int by_time(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;
	if (x->min_ns != y->min_ns)
		return x->min_ns < y->min_ns ? -1 : 1;
	return (x->first_seq > y->first_seq) - (x->first_seq < y->first_seq);
}

/* In which hours the rollups have anything wanted. */
static int hours_wanted(struct scan *s, struct hours **ret, size_t *ret_n)
{
	const struct gs_store *st = s->st;
	struct hours *list = malloc((st->n_blocks + 1) * sizeof *list);
	size_t n = 0;
	int r = list ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	s->dst_on = malloc(BLOCK_CELLS * sizeof *s->dst_on);
	if (!s->dst_on)
		r = gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = blocks_from(st, PART_ALL + 1); r == 0 && i < st->n_blocks; i++) {
		struct block b = { 0 };
		int32_t day = st->blocks[i].part;
		if ((s->f->since.ns != INT64_MIN && day < day_of_hour(hour_of(s->f->since.ns))) ||
		    (s->f->until.ns != INT64_MAX && day > day_of_hour(hour_of(s->f->until.ns))))
			continue;
		r = block_read(s->st, &st->blocks[i], BLOCK_WHO, &b, s->err);
		if (r == 0 && s->f->n_dst)
			r = block_read(s->st, &st->blocks[i], BLOCK_WHOM, &b, s->err);
		for (uint32_t k = 0; r == 0 && s->f->n_dst && k < b.n_dst; k++)
			s->dst_on[k] = prefix_on(s->f->dst, s->f->n_dst, &b.dsts[k]);
		if (r == 0 && (n == 0 || list[n - 1].day != b.part))
			list[n++] = (struct hours){ .day = b.part };
		for (uint32_t k = 0, at = 0; r == 0 && k < block_sources(&b); k++) {
			struct gs_addr a = block_source(&b, k);
			uint32_t end = at + b.cells_of[k];
			bool on = prefix_on(s->f->src, s->f->n_src, &a);
			for (; at < end; at++)
				if (on && cell_on(s, &(struct view){ &b, 0, 24 }, at))
					list[n - 1].mask |= 1u << b.hour[at];
		}
		block_done(&b);
	}
	*ret = list;
	*ret_n = n;
	return r;
}

static bool batch_has(const struct batch *b, const struct hours *list, size_t n)
{
	int32_t from = hour_of(b->min_ns), to = hour_of(b->max_ns);
	for (size_t i = 0; i < n; i++) {
		int64_t base = (int64_t)list[i].day * 24;
		int low = hour_in(from, list[i].day), high = to < base ? 0 : hour_in((int64_t)to + 1, list[i].day);
		for (int h = low; h < high; h++)
			if (list[i].mask >> h & 1)
				return true;
	}
	return false;
}

/* The batches to read, in order of time. */
static int batches_choose(struct scan *s, struct batch **ret, size_t *ret_n)
{
	const struct gs_filter *f = s->f;
	struct gs_store *st = s->st;
	struct hours *hours = NULL;
	size_t n = 0, n_hours = 0;
	bool picky = !s->o->raw_only && (f->n_src || f->n_dst || f->classes || f->n_sensors);
	struct batch *list = malloc((st->n_batches + 1) * sizeof *list);
	int r = list ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	if (r == 0 && picky)
		r = hours_wanted(s, &hours, &n_hours);
	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		if (batch_touches(b, f) && (!picky || b->last_seq > st->meta.rolled_seq || batch_has(b, hours, n_hours)))
			list[n++] = *b;
	}
	free(hours);
	if (r < 0) {
		free(list);
		return r;
	}
	qsort(list, n, sizeof *list, by_time);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* The batch as it is now: it may have grown since it was chosen, or been pruned. */
static int batch_now(struct scan *s, struct batch *b)
{
	int64_t first = b->first_seq;
	size_t lo = 0, hi;
	int r = directories_load(s->st, s->err);
	if (r < 0)
		return r;
	for (hi = s->st->n_batches; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->st->batches[mid].first_seq < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->st->n_batches || s->st->batches[lo].first_seq != first)
		return gs_fail(s->err, GS_ERR_STORE, "store %s was pruned while its rows were read; ask again", s->st->path);
	*b = s->st->batches[lo];
	return 0;
}

static int row_give(struct scan *s, const struct gs_sighting *g)
{
	uint32_t id = srcset_get(&s->src, &g->src);
	if (!gs_filter_match(s->f, g) || !source_on(s, &g->src, id))
		return 0;
	total_add(s, &(struct sum){ 1, g->packets, g->bytes, 0, g->first.ns, g->last.ns });
	if (g->flags & FOLDED) {
		s->folded_sources += g->sources;
		s->res->sources_estimated = true;
	} else {
		int r = total_count(s, &g->src, id);
		if (r < 0)
			return r;
	}
	s->out[s->n_out] = *g;
	return out_done(s);
}

static void note_pruned(struct scan *s)
{
	uint64_t gone = s->st->meta.next_seq - 1;
	for (size_t i = 0; i < s->st->n_batches; i++)
		gone -= (uint64_t)(s->st->batches[i].last_seq - s->st->batches[i].first_seq + 1);
	if (gone)
		note(s, "%" PRIu64 " older sightings were pruned and are no longer there one by one; reports still count them", gone);
}

static int scan_rows(struct scan *s)
{
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	struct batch *list = NULL;
	size_t n = 0;
	int r = rows ? srcset_init(&s->src, s->memory, (uint64_t)s->st->meta.store) : GS_ERR_NOMEM;

	if (r < 0)
		gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < s->f->n_sensors; i++)
		if (s->f->sensors[i] <= GS_SENSORS_MAX)
			s->sensor_on[s->f->sensors[i]] = true;
	if (r == 0)
		r = batches_choose(s, &list, &n);
	if (r == 0)
		note_pruned(s);
	for (size_t i = 0; r == 0 && i < n; i++) {
		int64_t last = list[i].last_seq;
		size_t k = 0;
		read_end(s->st); /* each batch in a view of its own: a slow taker holds nothing up */
		r = read_begin(s->st, s->err);
		if (r == 0)
			r = batch_now(s, &list[i]);
		if (r == 0)
			r = batch_read(s->st, &list[i], rows, &k, s->err);
		read_end(s->st);
		s->res->raw_rows += k;
		for (size_t j = 0; r == 0 && j < k && list[i].first_seq + (int64_t)j <= last; j++)
			r = row_give(s, &rows[j]);
		if (r == 0)
			r = out_flush(s);
	}
	total_end(s);
	free(list);
	free(rows);
	return r;
}

/* ---- the question ---- */

int directories_load(struct gs_store *st, struct gs_error *err)
{
	if (!st->writer && st->dir_change == st->meta.change + 1)
		return 0;
	st->dir_change = 0;
	int r = sensors_load(st, err);
	if (r == 0)
		r = kinds_load(st, err);
	if (r == 0)
		r = batches_load(st, err);
	if (r == 0 && (!st->writer || !st->blocks_ready))
		r = blocks_load(st, err);
	if (r == 0)
		st->dir_change = st->meta.change + 1;
	return r;
}

int gs_store_scan(struct gs_store *st, const struct gs_filter *f, unsigned needs, const struct gs_scan_options *o,
                  const struct gs_sighting_sink *sink, struct gs_scan_result *ret, struct gs_error *err)
{
	static const struct gs_scan_options plain;
	struct gs_scan_result own;
	struct scan *s = calloc(1, sizeof *s);
	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	s->st = st;
	s->f = f;
	s->needs = needs;
	s->o = o ? o : &plain;
	s->sink = sink;
	s->res = ret ? ret : &own;
	s->err = err;
	s->memory = s->o->memory_bytes ? s->o->memory_bytes : MEMORY_DEFAULT;
	*s->res = (struct gs_scan_result){ 0 };
	int r = read_begin(st, err);
	if (r == 0)
		r = directories_load(st, err);
	if (r == 0 && (f->until.ns == INT64_MAX || f->since.ns < f->until.ns))
		r = needs & (GS_NEED_ALL | GS_NEED_BOT) ? scan_rows(s) : scan_sums(s);
	read_end(st);
	if (r == 0)
		r = read_still(st, err);
	state_done(s);
	free(s);
	return r;
}

int gs_store_windows(struct gs_store *st, const struct gs_filter *f, int64_t *ret_min_s, int64_t *ret_max_s, bool *ret_any, struct gs_error *err)
{
	int r = read_begin(st, err);
	if (r == 0)
		r = directories_load(st, err);
	read_end(st);
	if (r < 0)
		return r;
	*ret_any = false;
	for (size_t i = 0; i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		if (!batch_touches(b, f))
			continue;
		*ret_min_s = !*ret_any || b->window_s < *ret_min_s ? b->window_s : *ret_min_s;
		*ret_max_s = !*ret_any || b->window_s > *ret_max_s ? b->window_s : *ret_max_s;
		*ret_any = true;
	}
	return 0;
}
