/*
 * show_state.h - a dossier as its files share it
 *
 * show.c asks and takes sightings, show_answer.c puts times, classes and lists together, show_where.c says where the subject is, show_bots.c which bots sent
 * from it.
 */
#ifndef GS_QUERY_SHOW_STATE_H
#define GS_QUERY_SHOW_STATE_H

#include "query/show.h"

#include "query/state.h"

enum show_part { P_DAYS, P_CLASSES, P_NETWORKS, P_PLACES, P_SOURCES, P_PREFIXES, P_TARGETS, P_TUNNELS, P_NEIGHBOURS, P_COUNT };

extern const struct show_part_of {
	enum gs_by by;
	unsigned memory; /* its share, in hundredths */
	const char *name, *title;
} show_parts[P_COUNT];

/* A part's table, kept. */
struct show_kept {
	struct gs_show *show;
	const struct gs_column *columns;
	unsigned n_columns;
	struct gs_cell *cells;
	size_t n_rows, cap;
};

struct show_seen {
	uint64_t sightings;
	unsigned confidence_min, confidence_max;
	uint64_t evidence[GS_EVIDENCE_COUNT], stops[GS_STOP_COUNT];
};

#define SHOW_BOT_NOTES 8

/* Packets of a class on a day. */
struct show_time {
	int32_t day;
	uint32_t class_;
	uint64_t packets;
};

struct gs_show {
	struct gs_show_question q;
	struct gs_enrich *enrich;
	struct gs_prefix around;      /* of an address or a long prefix: where its neighbours are; family 0: it has none */
	struct gs_query *query[P_COUNT]; /* NULL: not asked */
	struct show_kept kept[P_COUNT];
	struct gs_meta meta[P_COUNT];
	unsigned needs[P_COUNT];
	bool rows_too;                /* some parts need single rows */
	uint64_t looked_at;
	bool stopped;
	bool compares;                /* there are several to compare */
	struct show_kept disagreements; /* rows of what they say, where they disagree */
	uint64_t disagreements_total;
	struct show_kept bots;
	uint64_t bots_total;
	const char *bot_notes[SHOW_BOT_NOTES];
	unsigned n_bot_notes;
	struct query_origins origins;
	struct gs_map times;          /* show_time */
	uint64_t undated;
	struct show_seen seen[GS_CLASS_COUNT];
	struct gs_arena *arena;
	struct gs_dossier dossier;
};

bool show_of_subject(const struct gs_show *s, const struct gs_addr *src);
int show_keep_rows(void *arg, const struct gs_table *t, struct gs_error *err); /* of a table's writer; arg is a show_kept */

/* The cell of a column by its name, NULL where there is none; its number, 0 where it is not set. */
const struct gs_cell *show_cell(const struct show_kept *k, size_t row, const char *column);
uint64_t show_number(const struct show_kept *k, size_t row, const char *column);

const char *show_copy(struct gs_show *s, const char *text); /* in its arena; "" for NULL */

/* show_where.c: 0 or an error. What all say of an address on these days, counted, and where it differs kept. */
int show_compare(struct gs_show *s, const struct gs_addr *a, int64_t first_day, int64_t last_day, struct gs_error *err);
int show_where(struct gs_show *s, struct gs_error *err);

#endif
