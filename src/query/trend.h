/*
 * trend.h - which network stands out, and is it growing: sightings in, a table and sentences out
 *
 * Beside query.h and like it: push sightings into gs_trend_sink, ask for the answer once. What is counted and tested, and why: docs/trend.md.
 */
#ifndef GS_QUERY_TREND_H
#define GS_QUERY_TREND_H

#include "enrich/enrich.h"
#include "grescope/error.h"
#include "grescope/filter.h"
#include "grescope/sighting.h"
#include "grescope/table.h"
#include "store/store.h"

enum gs_trend_by { GS_TREND_NETWORK, GS_TREND_CLASS };

struct gs_trend_question {
	enum gs_trend_by by;
	struct gs_filter filter;    /* by network `asn` chooses rows: what they are held against stays all sources */
	const char *sort;           /* column name, "-" before it for descending; NULL: what stands out first */
	uint64_t limit;             /* rows; 0: all */
	bool redact_dst;            /* a source that is a destination of ours counts among the unknown */
	bool for_people;            /* the columns for text: abbreviated, with a picture of the weeks */
	bool utf8;                  /* that picture may go beyond ASCII */
	unsigned picture;           /* its columns, at most; 0: 53, a year */
	size_t memory_bytes;        /* cap; past it sources are sampled (sampled ones are right as shares), past another networks have no series */
	uint64_t hash_seed;
	struct gs_store *pins;      /* a store whose pinned origins go before the databases; NULL: none. Asked until the answer is made */
};

struct gs_trend;

/* enrich may be NULL; both it and writer must outlive the trend. The trend is the caller's: gs_trend_free. GS_ERR_USAGE: --sort names no column. */
int gs_trend_new(const struct gs_trend_question *q, struct gs_enrich *enrich, const struct gs_table_writer *writer, struct gs_trend **ret,
                 struct gs_error *err);
void gs_trend_free(struct gs_trend *t); /* NULL is fine */

struct gs_sighting_sink gs_trend_sink(struct gs_trend *t);

/* enum gs_need: how finely it needs its sightings. */
unsigned gs_trend_needs(const struct gs_trend *t);

/* Something was watching from first to last, whether or not it saw anything that the sink is given; times of sightings count by themselves. */
void gs_trend_watched(struct gs_trend *t, struct gs_time first, struct gs_time last);

/* How many sightings the sums stand for that were given, where sums were given. */
void gs_trend_set_sightings(struct gs_trend *t, uint64_t sightings);

/* Whether classes were seen behind whose sightings there may be bots; then the processes of all that was looked at can be given, once, each of them once. Those that
 * fit the filter count for each network that a source of theirs was in when they were first seen. */
bool gs_trend_wants_bots(const struct gs_trend *t);
void gs_trend_bots(struct gs_trend *t, const struct gs_store_bot *list, size_t n);

/* Writes the answer; once. *meta as in gs_query_answer; findings are added to it. *ret_rows: rows written. */
int gs_trend_answer(struct gs_trend *t, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err);

/* Whether networks could be held against their share of the address space: false where no database says who holds how much. */
bool gs_trend_can_tell(const struct gs_trend *t);

/* The columns, for documentation and tests; lent, static. */
const struct gs_column *gs_trend_columns(enum gs_trend_by by, bool for_people, unsigned *ret_n);

#endif
