/*
 * trend_answer.c - the rows of a trend: columns, cells, order
 */
#include "query/trend_state.h"

#include "query/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define P_FLOOR 1e-300 /* what is smaller is written so: a probability of 0 would be a lie, and its logarithm none */

#define TREND_NETWORK_COLUMNS(X) X(SRC_ASN) X(SRC_AS_NAME) X(SOURCES) X(PACKETS) X(SOURCE_SHARE) X(SPACE_SHARE) X(RATIO) X(P_VALUE) X(STANDS_OUT) \
	X(SLOPE_PER_WEEK) X(SLOPE_P) X(WEEKS)
#define TREND_CLASS_COLUMNS(X) X(CLASS) X(SOURCES) X(PACKETS) X(SHARE) X(SLOPE_PER_WEEK) X(SLOPE_P) X(WEEKS)
#define TREND_NETWORK_TEXT(X) X(SRC_ASN) X(SRC_AS_NAME) X(SOURCES) X(PACKETS) X(SOURCE_BAR) X(SPACE_TEXT) X(RATIO_TEXT) X(P_TEXT) X(SLOPE_TEXT) X(BY_WEEK)
#define TREND_CLASS_TEXT(X) X(CLASS) X(SOURCES) X(PACKETS) X(SHARE) X(SLOPE_TEXT) X(SLOPE_P_TEXT) X(BY_WEEK)

enum trend_cell {
	T_SRC_ASN, T_SRC_AS_NAME, T_CLASS, T_SOURCES, T_PACKETS, T_SHARE, T_SOURCE_SHARE, T_SPACE_SHARE, T_RATIO, T_P_VALUE, T_STANDS_OUT, T_SLOPE_PER_WEEK,
	T_SLOPE_P, T_WEEKS, T_SOURCE_BAR, T_SPACE_TEXT, T_RATIO_TEXT, T_P_TEXT, T_SLOPE_TEXT, T_SLOPE_P_TEXT, T_BY_WEEK,
};

#define C_SRC_ASN { "src_asn", "AS", "autonomous system; empty: sources that no network is known of", GS_CELL_ASN, 0, 0 }
#define C_SRC_AS_NAME { "src_as_name", "Network", "its name", GS_CELL_TEXT, 0, 0 }
#define C_CLASS { "class", "Class", "what the traffic is taken for", GS_CELL_TEXT, 0, 0 }
#define C_SOURCES { "sources", "Sources", "distinct source addresses", GS_CELL_COUNT, 0, 0 }
#define C_PACKETS { "packets", "Packets", "packets", GS_CELL_COUNT, 0, 0 }
#define C_SHARE { "share", "Share", "share of all packets, 0 to 1", GS_CELL_SHARE, 0, 0 }
#define C_SOURCE_SHARE { "source_share", "Of sources", "share of all sources, 0 to 1", GS_CELL_REAL, 0, 0 }
#define C_SPACE_SHARE { "space_share", "Of space", "share of the routed IPv4 address space, 0 to 1", GS_CELL_REAL, 0, 0 }
#define C_RATIO { "ratio", "Times", "share of IPv4 sources over share of space", GS_CELL_REAL, 0, 0 }
#define C_P_VALUE { "p_value", "p", "chance of so many IPv4 sources by the share of space: exact binomial, Holm over all networks", GS_CELL_REAL, 0, 0 }
#define C_STANDS_OUT { "stands_out", "Stands out", "p_value below 0.01, ratio of 2 or more, 3 sources or more", GS_CELL_BOOL, 0, 0 }
#define C_SLOPE_PER_WEEK { "slope_per_week", "Change", "packets a week more each week, Theil-Sen", GS_CELL_REAL, 0, 0 }
#define C_SLOPE_P { "slope_p", "p", "of that change, Mann-Kendall, two-sided", GS_CELL_REAL, 0, 0 }
#define C_WEEKS { "weeks", "Weeks", "whole weeks that slope_per_week rests on", GS_CELL_COUNT, 0, 0 }
#define C_SOURCE_BAR { "source_share", "Of sources", "share of all sources", GS_CELL_SHARE, 0, 0 }
#define C_SPACE_TEXT { "space_share", "Of space", "share of the routed IPv4 address space", GS_CELL_TEXT, 0, 0 }
#define C_RATIO_TEXT { "ratio", "Times", "share of sources over share of space", GS_CELL_TEXT, 0, 0 }
#define C_P_TEXT { "p_value", "p", "corrected", GS_CELL_TEXT, 0, 0 }
#define C_SLOPE_TEXT { "slope_per_week", "Change", "packets a week more each week; in brackets where it may be chance", GS_CELL_TEXT, 0, 0 }
#define C_SLOPE_P_TEXT { "slope_p", "p", "of that change", GS_CELL_TEXT, 0, 0 }
#define C_BY_WEEK { "by_week", "By week", "packets by week", GS_CELL_TEXT, 0, 1 }

#define COLUMN(id) C_##id,
#define ID(id) T_##id,
#define ONE(id) +1
#define SET(name, LIST)                                                                                                          \
	static const struct gs_column columns_##name[] = { LIST(COLUMN) };                                                       \
	static const uint8_t ids_##name[] = { LIST(ID) };
SET(network, TREND_NETWORK_COLUMNS)
SET(class, TREND_CLASS_COLUMNS)
SET(network_text, TREND_NETWORK_TEXT)
SET(class_text, TREND_CLASS_TEXT)

static const struct column_set {
	const struct gs_column *columns;
	const uint8_t *ids;
	unsigned n;
} sets[2][2] = {
	{ { columns_network, ids_network, TREND_NETWORK_COLUMNS(ONE) }, { columns_network_text, ids_network_text, TREND_NETWORK_TEXT(ONE) } },
	{ { columns_class, ids_class, TREND_CLASS_COLUMNS(ONE) }, { columns_class_text, ids_class_text, TREND_CLASS_TEXT(ONE) } },
};

static const struct column_set *set_of(enum gs_trend_by by, bool for_people)
{
	return &sets[by == GS_TREND_CLASS][for_people];
}

const struct gs_column *gs_trend_columns(enum gs_trend_by by, bool for_people, unsigned *ret_n)
{
	const struct column_set *s = set_of(by, for_people);

	*ret_n = s->n;
	return s->columns;
}

/* -- cells ------------------------------------------------------------------------------------------------------------------------------- */

static void cell_real(struct gs_cell *c, bool set, double v)
{
	c->set = set;
	c->real = set ? v : 0;
}

static const char *space_text(struct gs_trend *t, double share)
{
	return share < 0.00001 ? "<0.001 %" : gs_arena_printf(t->arena, "%.*f %%", share < 0.001 ? 3 : share < 0.01 ? 2 : 1, share * 100);
}

static const char *slope_text(struct gs_trend *t, const struct trend_group *g)
{
	const bool sure = g->slope_p < TREND_GROWTH_LEVEL;

	if (g->slope == 0)
		return "0";
	if (fabs(g->slope) < 0.05)
		return gs_arena_printf(t->arena, "%s%+.1g%s", sure ? "" : "(", g->slope, sure ? "" : ")");
	return gs_arena_printf(t->arena, "%s%+.*f%s", sure ? "" : "(", fabs(g->slope) < 10 ? 2 : 0, g->slope, sure ? "" : ")");
}

static void cell_picture(struct gs_trend *t, uint32_t group, struct gs_cell *c)
{
	if (trend_group_at(t, group)->cut_packets)
		return;
	trend_series(t, group);
	query_cell_text(c, trend_picture(t));
}

static void cell_text(struct gs_trend *t, uint8_t id, uint32_t group, struct gs_cell *c)
{
	const struct trend_group *g = trend_group_at(t, group);

	switch (id) {
	case T_SPACE_TEXT:
		query_cell_text(c, g->space > 0 ? space_text(t, g->space) : NULL);
		break;
	case T_RATIO_TEXT:
		query_cell_text(c, g->log_p <= 0 ? trend_ratio_text(t, g->ratio) : NULL);
		break;
	case T_P_TEXT:
		query_cell_text(c, g->log_p <= 0 ? trend_p_text(t, g->log_p) : NULL);
		break;
	case T_SLOPE_TEXT:
		query_cell_text(c, g->has_slope ? slope_text(t, g) : NULL);
		break;
	case T_SLOPE_P_TEXT:
		query_cell_text(c, g->has_slope ? trend_p_text(t, log(g->slope_p)) : NULL);
		break;
	default:
		cell_picture(t, group, c);
	}
}

static void cell_of(struct gs_trend *t, uint8_t id, uint32_t group, struct gs_cell *c)
{
	const struct trend_group *g = trend_group_at(t, group);

	*c = (struct gs_cell){ 0 };
	switch (id) {
	case T_SRC_ASN:
		query_cell_number(c, g->id != 0, g->id);
		break;
	case T_SRC_AS_NAME:
		query_cell_text(c, g->name ? trend_string(t, g->name) : NULL);
		break;
	case T_CLASS:
		query_cell_class(c, (uint8_t)(g->id - 1));
		break;
	case T_SOURCES:
		query_cell_number(c, true, trend_sources(t, g));
		break;
	case T_PACKETS:
		query_cell_number(c, true, g->sums.packets);
		break;
	case T_SHARE:
		cell_real(c, true, t->all.packets ? (double)g->sums.packets / (double)t->all.packets : 0);
		break;
	case T_SOURCE_SHARE:
	case T_SOURCE_BAR:
		cell_real(c, true, t->sources ? (double)trend_sources(t, g) / (double)t->sources : 0);
		break;
	case T_SPACE_SHARE:
		cell_real(c, g->space > 0, g->space);
		break;
	case T_RATIO:
		cell_real(c, g->log_p <= 0, g->ratio);
		break;
	case T_P_VALUE:
		cell_real(c, g->log_p <= 0, g->log_p > log(P_FLOOR) ? exp(g->log_p) : P_FLOOR);
		break;
	case T_STANDS_OUT:
		query_cell_number(c, g->log_p <= 0, g->stands_out);
		break;
	case T_SLOPE_PER_WEEK:
		cell_real(c, g->has_slope, g->slope);
		break;
	case T_SLOPE_P:
		cell_real(c, g->has_slope, g->slope_p > P_FLOOR ? g->slope_p : P_FLOOR);
		break;
	case T_WEEKS:
		query_cell_number(c, !g->cut_packets, t->n_whole);
		break;
	default:
		cell_text(t, id, group, c);
	}
}

/* -- order ------------------------------------------------------------------------------------------------------------------------------- */

/* What stands out first, the least likely before the others; then by sources, packets and number. */
static int compare_own(const struct gs_trend *t, const struct trend_group *a, const struct trend_group *b)
{
	if (a->stands_out != b->stands_out)
		return a->stands_out ? -1 : 1;
	if (a->stands_out && a->log_p != b->log_p)
		return a->log_p < b->log_p ? -1 : 1;
	const uint64_t sa = trend_sources(t, a), sb = trend_sources(t, b);
	if (t->q.by == GS_TREND_NETWORK && sa != sb)
		return sa > sb ? -1 : 1;
	if (a->sums.packets != b->sums.packets)
		return a->sums.packets > b->sums.packets ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	struct gs_trend *t = arg;
	const uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	int c = 0;

	if (t->sort >= 0) {
		const struct column_set *s = set_of(t->q.by, false);
		struct gs_cell ca, cb;
		cell_of(t, s->ids[t->sort], a, &ca);
		cell_of(t, s->ids[t->sort], b, &cb);
		c = query_cell_compare(s->columns[t->sort].type, &ca, &cb, t->descending);
	}
	return c ? c : compare_own(t, trend_group_at(t, a), trend_group_at(t, b));
}

static int sort_rows(struct gs_trend *t)
{
	uint32_t n = 0;

	t->order = malloc(((size_t)t->n_rows + 1) * sizeof *t->order);
	if (!t->order)
		return GS_ERR_NOMEM;
	for (uint32_t i = 0; i < t->groups.count; i++)
		if (trend_group_at(t, i)->shown)
			t->order[n++] = i;
	qsort_r(t->order, n, sizeof *t->order, compare_rows, t);
	return 0;
}

/* -- output ------------------------------------------------------------------------------------------------------------------------------ */

static int write_rows(struct gs_trend *t, uint64_t n, struct gs_error *err)
{
	const struct column_set *s = set_of(t->q.by, t->q.for_people);
	struct gs_cell *cells = malloc(QUERY_BATCH * s->n * sizeof *cells);
	struct gs_arena *const said = t->arena; /* findings, which the end of the table may want */
	int r = cells ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	t->arena = NULL;
	for (uint64_t at = 0; at < n && r == 0;) {
		struct gs_table table = { .columns = s->columns, .n_columns = s->n, .cells = cells };
		gs_arena_free(t->arena); /* texts of the batch before */
		if (!(t->arena = gs_arena_new(0))) {
			r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
			break;
		}
		for (; at < n && table.n_rows < QUERY_BATCH; at++, table.n_rows++)
			for (unsigned i = 0; i < s->n; i++)
				cell_of(t, s->ids[i], t->order[at], &cells[table.n_rows * s->n + i]);
		r = t->writer.rows(t->writer.arg, &table, err);
	}
	gs_arena_free(t->arena);
	t->arena = said;
	free(cells);
	return r;
}

static void fill_meta(const struct gs_trend *t, struct gs_meta *meta)
{
	meta->packets = t->shown.packets;
	meta->bytes = t->shown.bytes;
	meta->sightings = t->sightings_told ? t->sightings_told : t->sightings;
	meta->sources = t->shown_sources;
	meta->rows_total = t->n_rows;
	for (uint32_t i = 0; i < t->groups.count; i++)
		meta->sources_estimated |= t->level > 0 || (trend_group_at(t, i)->shown && trend_group_at(t, i)->folded);
	if (t->sightings) {
		meta->first_seen.ns = t->shown.first;
		meta->last_seen.ns = t->shown.last;
	}
	for (unsigned i = 0; i < meta->n_filters && t->q.redact_dst; i++)
		if (meta->filters[i] && strncmp(meta->filters[i], "--dst ", 6) == 0)
			meta->filters[i] = "--dst " QUERY_REDACTED;
}

int gs_trend_answer(struct gs_trend *t, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err)
{
	if (trend_count(t) < 0 || sort_rows(t) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	fill_meta(t, meta);
	if (trend_say(t, meta) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	const uint64_t n = t->q.limit && t->q.limit < t->n_rows ? t->q.limit : t->n_rows;
	int r = t->writer.begin(t->writer.arg, t->columns, t->n_columns, meta, true, err);
	if (r == 0)
		r = write_rows(t, n, err);
	if (r == 0)
		r = t->writer.end(t->writer.arg, meta, err);
	if (r == 0)
		*ret_rows = n;
	return r;
}
