/*
 * state.h - the query as its files share it
 */
#ifndef GS_QUERY_STATE_H
#define GS_QUERY_STATE_H

#include "base/arena.h"
#include "query/columns.h"
#include "query/cube.h"
#include "query/distinct.h"
#include "query/origins.h"

#define QUERY_BATCH 256    /* rows per call of the writer */
#define QUERY_REDACTED "REDACTED"
#define QUERY_SCRATCH_MAX 768 /* text that the cells of one row may need: the longest is evidence */

struct export; /* export.c */

struct gs_query {
	struct gs_question q;
	struct gs_enrich *enrich;
	struct gs_table_writer writer;
	const struct query_columns *columns;
	int sort;               /* place of the column, -1: the question's own order */
	bool descending;
	struct query_origins origins;
	bool asks_origins;      /* the question looks at networks or places of sources */
	bool pinned;            /* a report whose groups hang on them, and there are pins: `extra` of the cube is the number of an origin */
	uint64_t pinned_packets;
	struct gs_arena *notes; /* sentences that the metadata points to */

	/* of everything that matched */
	struct query_sums sums;
	uint64_t sightings;
	uint64_t no_length_packets; /* packets whose length is unknown: not in sums.bytes */
	bool saturated;
	struct gs_query_totals totals; /* of sums, from their giver */
	bool has_totals;

	struct cube cube;       /* GS_REPORT */
	struct export *export;  /* GS_EXPORT */
};

/* A cell's maker writes text that is not lent from elsewhere here. */
struct query_scratch {
	char *at;
};

int query_report_take(struct gs_query *q, const struct gs_sighting *const *s, size_t n, struct gs_error *err);
int query_report_answer(struct gs_query *q, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err);

int query_export_init(struct gs_query *q, struct gs_error *err);
void query_export_done(struct gs_query *q);
int query_export_take(struct gs_query *q, const struct gs_sighting *const *s, size_t n, struct gs_error *err);
int query_export_answer(struct gs_query *q, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err);

/* cells.c */
void query_cell_text(struct gs_cell *c, const char *text);               /* NULL and "" are unknown */
void query_cell_number(struct gs_cell *c, bool set, uint64_t v);
void query_cell_addr(struct gs_cell *c, const struct gs_addr *a, bool redacted);
void query_cell_country(struct gs_cell *c, const char country[2], struct query_scratch *s);
void query_cell_time(struct gs_cell *c, int64_t ns);
void query_cell_class(struct gs_cell *c, uint8_t class_);

/* <0, 0, >0. Unknown cells come last, whichever way a column is sorted; withheld ones before those. */
int query_cell_compare(uint8_t type, const struct gs_cell *a, const struct gs_cell *b, bool descending);

/* query.c: a sentence for the metadata; dropped where it has no room left. */
void query_note(struct gs_query *q, struct gs_meta *meta, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* query.c: why sources are an estimate, where they are: some were folded in this layer, or came folded. */
void query_note_sources(struct gs_query *q, struct gs_meta *meta, bool here, bool before);

/* query.c: the filters in the metadata name no destination where these are withheld. */
void query_redact_filters(const struct gs_query *q, struct gs_meta *meta);

/* query.c: a share as a person reads it: "3.1 %", "<0.1 %" for what is not nothing. Returns out. */
const char *query_percent(double share, char out[16]);

/* query.c: whether a report by this shows where sources are. */
bool query_shows_origin(enum gs_by by);

/* query.c: the filters on network and country. */
bool query_origin_matches(const struct gs_filter *f, const struct gs_origin *o);

/* query.c: adds a sighting that matched to the totals. */
void query_count(struct gs_query *q, const struct gs_sighting *s);

/* query.c: whether the sighting's source is withheld. */
bool query_source_redacted(const struct gs_query *q, const struct gs_sighting *s);

#endif
