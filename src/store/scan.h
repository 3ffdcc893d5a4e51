/*
 * scan.h - what the files that answer questions share
 *
 *   scan.c        a question: the plan, the memory               scan_days.c   which blocks and rows, one day after the other
 *   scan_block.c  the cells of one block, source by source       scan_sums.c   what is added up, and giving it
 *   scan_rows.c   single sightings                               count.c       how many different sources
 */
#ifndef GS_STORE_SCAN_H
#define GS_STORE_SCAN_H

#include "store/count.h"

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
	bool dst_lost;         /* counting by destination was given up: more than fit */
	uint64_t done, work;   /* cells and rows, for the progress */
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

struct shape_record {
	struct shape shape;
	uint32_t id;
};

/* A block, and the hours of its day that are wanted: [from, to); a part without hours: 0, 24. */
struct view {
	const struct block *b;
	uint8_t hour_from, hour_to;
};

/* What a question saw of a source in one block. */
struct seen {
	uint32_t hours;   /* in which it was there */
	uint32_t plain;   /* cells that are of this source alone */
};

/* scan_sums.c */
int out_flush(struct scan *s);
static inline struct gs_sighting *out_next(struct scan *s)
{
	struct gs_sighting *g = &s->out[s->n_out];
	*g = (struct gs_sighting){ .version = GS_SIGHTING_VERSION, .protocol = 47, .sources = 1 };
	return g;
}

static inline int out_done(struct scan *s)
{
	return ++s->n_out == OUT_ROWS ? out_flush(s) : 0;
}

void out_sum(struct gs_sighting *g, const struct sum *m);

/* Flags of a cell as those of a sum, which tell CELL_OURS apart but not CELL_NO_LENGTH. */
static inline uint8_t sum_flags(uint8_t flags)
{
	return flags & (uint8_t)~CELL_NO_LENGTH;
}

static inline void out_flags(struct gs_sighting *g, uint8_t flags)
{
	g->flags = flags & FOLDED;
	g->via = flags & CELL_OURS ? GS_VIA_ICMP : 0;
}

static inline uint32_t clamp32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static inline void sum_add(struct sum *to, const struct sum *m)
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

static inline void total_add(struct scan *s, const struct sum *m, uint8_t flags)
{
	struct gs_scan_result *t = s->res;
	if (flags & CELL_NO_LENGTH)
		t->no_length_packets += m->packets;
	if (!t->sightings || m->first_ns < t->first.ns)
		t->first.ns = m->first_ns;
	if (!t->sightings || m->last_ns > t->last.ns)
		t->last.ns = m->last_ns;
	t->sightings += m->sightings;
	t->packets += m->packets;
	t->bytes += m->bytes;
}

int sums_add(struct scan *s, const struct sum_key *k, const struct sum *m);
int sums_flush(struct scan *s); /* all sums so far go out and are forgotten */
int buckets_flush(struct scan *s);
/* A source was there in these hours of the day: counts it where it was not counted yet. */
int buckets_count(struct scan *s, const struct gs_addr *src, uint32_t id, uint32_t hours);
int32_t week_of_day(int32_t day);
int dst_add(struct scan *s, uint32_t dst, uint8_t class_, uint8_t flags, const struct sum *m);
int dst_flush(struct scan *s);
int dst_give_up(struct scan *s);
int state_make(struct scan *s);
void state_done(struct scan *s);

/* How many sources there are in all. */
static inline bool goes_on(const struct scan *s, const struct gs_addr *src)
{
	return s->have_last && gs_addr_equal(&s->day_last, src);
}

int total_count(struct scan *s, const struct gs_addr *src, uint32_t id);
int numbers_give_up(struct scan *s);
void total_end(struct scan *s);

/* scan_block.c */
static inline bool prefix_on(const struct gs_prefix *list, unsigned n, const struct gs_addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (gs_prefix_contains(&list[i], a))
			return true;
	return n == 0;
}

bool source_on(struct scan *s, const struct gs_addr *src, uint32_t id);

static inline bool cell_on(const struct scan *s, const struct view *v, uint32_t i)
{
	const struct block *b = v->b;
	return b->hour[i] >= v->hour_from && b->hour[i] < v->hour_to && (!s->f->classes || s->f->classes >> b->class_[i] & 1) &&
	       (!s->f->n_sensors || s->sensor_on[b->sensor[i]]) && (!s->f->n_dst || s->dst_on[b->dst[i]]);
}

typedef int (*take_fn)(struct scan *s, const struct view *v);
int block_take(struct scan *s, const struct view *v);
/* All sources of PART_ALL and of the rows beside it, before the days are gone through. */
int block_total(struct scan *s, const struct view *v);

/* scan_days.c */
int scan_sums(struct scan *s);
static inline uint8_t hour_in(int64_t hour, int32_t day)
{
	int64_t base = (int64_t)day * 24;
	return hour <= base ? 0 : hour >= base + 24 ? 24 : (uint8_t)(hour - base);
}

/* scan_rows.c */
int scan_rows(struct scan *s);

/* scan.c */
int plan_hours(struct scan *s, struct gs_sighting *rows);
void plan(struct scan *s);
int scan_progress(struct scan *s, uint64_t done); /* 0, or GS_ERR_INTERRUPTED with a sentence */
void scan_note(struct scan *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool batch_touches(const struct batch *b, const struct gs_filter *f)
{
	return b->max_ns >= f->since.ns && (f->until.ns == INT64_MAX || b->min_ns < f->until.ns);
}

#endif
