/*
 * trend_count.c - sources, weeks, the test against the address space, the slopes
 *
 * The weeks of the series are those in which something was watching: from the first packet that was given to the last (whether or not it matched), or
 * from `since`, or to `until`, where there was something before or after. A week in between without packets is a zero. The first and the last week
 * are whole only if watched but for a day at most (at a packet a day no more can be known); else they count for the shares and the picture, but
 * the slopes leave them out: seven days cannot be held against two.
 */
#include "query/trend_state.h"

#include "query/sizes.h"
#include "query/stats.h"

#include <math.h>
#include <stdlib.h>

/* -- sources --------------------------------------------------------------------------------------------------------------------------- */

static int count_sources(struct gs_trend *t)
{
	const bool shared = t->q.by == GS_TREND_CLASS || t->q.redact_dst || t->q.pins; /* a source can be there more than once */
	struct query_distinct d;

	if (shared && query_distinct_init(&d, t->q.memory_bytes / 16 * 5, t->q.hash_seed) < 0)
		return GS_ERR_NOMEM;
	for (uint32_t i = 0; i < t->v4.count; i++) {
		const struct trend_source4 *s = gs_map_at(&t->v4, i);
		const struct gs_addr a = gs_addr_v4(s->addr);
		trend_group_at(t, s->group)->sources4++;
		if (shared)
			query_distinct_add(&d, &a);
	}
	for (uint32_t i = 0; i < t->v6.count; i++) {
		const struct trend_source6 *s = gs_map_at(&t->v6, i);
		struct gs_addr a = { .family = (uint8_t)s->family };
		memcpy(a.b, s->addr, sizeof a.b);
		trend_group_at(t, s->group)->sources6++;
		if (shared)
			query_distinct_add(&d, &a);
	}
	t->sources4 = t->v4.count;
	t->sources6 = t->v6.count;
	const uint64_t kept = shared ? query_distinct_count(&d) : t->sources4 + t->sources6;
	if (shared)
		query_distinct_done(&d);
	t->sources = kept << t->level;
	for (uint32_t i = 0; i < t->groups.count; i++)
		t->sources = query_add(t->sources, trend_group_at(t, i)->folded, &t->saturated);
	return 0;
}

/* -- weeks ------------------------------------------------------------------------------------------------------------------------------- */

static int64_t seconds(int64_t ns)
{
	return gs_time_floor_s((struct gs_time){ ns }, 1);
}

static void set_span(struct gs_trend *t)
{
	const struct gs_filter *f = &t->q.filter;
	int64_t first = t->watched_first, last = t->watched_last;

	if (f->since.ns > first)
		first = f->since.ns;
	if (f->until.ns <= last)
		last = f->until.ns - 1;
	if (t->all_sightings == 0 || first > last)
		return;
	t->first_week = trend_week_of(first);
	const int64_t last_week = trend_week_of(last);
	if (last_week - t->first_week >= TREND_MAX_WEEKS)
		t->first_week = last_week - TREND_MAX_WEEKS + 1;
	t->n_weeks = (unsigned)(last_week - t->first_week) + 1;
	t->whole_first = trend_week_start_s(t->first_week) + 86400 < seconds(first);
	const bool end_cut = trend_week_start_s(last_week + 1) - 86400 > seconds(last) + 1;
	t->n_whole = t->n_weeks > t->whole_first + end_cut ? t->n_weeks - t->whole_first - end_cut : 0;
}

/* The records of weeks, group by group: a counting sort. */
static int sort_weeks(struct gs_trend *t)
{
	const uint32_t n = t->groups.count;

	t->week_start = calloc((size_t)n + 2, sizeof *t->week_start);
	t->week_order = malloc(((size_t)t->weeks.count + 1) * sizeof *t->week_order);
	t->series = malloc(((size_t)t->n_weeks + 1) * sizeof *t->series);
	t->packets = malloc(((size_t)t->n_weeks + 1) * sizeof *t->packets);
	t->scratch = malloc((stats_pairs(t->n_whole) + 1) * sizeof *t->scratch);
	if (!t->week_start || !t->week_order || !t->series || !t->packets || !t->scratch)
		return GS_ERR_NOMEM;
	for (uint32_t i = 0; i < t->weeks.count; i++)
		t->week_start[((const struct trend_week *)gs_map_at(&t->weeks, i))->group + 2]++;
	for (uint32_t i = 2; i < n + 2; i++)
		t->week_start[i] += t->week_start[i - 1];
	for (uint32_t i = 0; i < t->weeks.count; i++) /* each start moves up to the next group's */
		t->week_order[t->week_start[((const struct trend_week *)gs_map_at(&t->weeks, i))->group + 1]++] = i;
	return 0;
}

static void add_week(struct gs_trend *t, const struct trend_week *w)
{
	const int64_t at = w->week - t->first_week;

	if (at >= 0 && at < t->n_weeks)
		t->packets[at] = query_add(t->packets[at], w->packets, &t->saturated);
}

void trend_series(struct gs_trend *t, uint32_t group)
{
	memset(t->packets, 0, t->n_weeks * sizeof *t->packets);
	if (group == TREND_NONE)
		for (uint32_t i = 0; i < t->all_weeks.count; i++)
			add_week(t, gs_map_at(&t->all_weeks, i));
	else
		for (uint32_t i = t->week_start[group]; i < t->week_start[group + 1]; i++)
			add_week(t, gs_map_at(&t->weeks, t->week_order[i]));
	for (unsigned i = 0; i < t->n_weeks; i++)
		t->series[i] = (double)t->packets[i];
}

static void count_cut(struct gs_trend *t)
{
	for (uint32_t i = 0; i < t->all_weeks.count; i++) {
		const struct trend_week *w = gs_map_at(&t->all_weeks, i);
		if (w->week < t->first_week)
			t->early_packets = query_add(t->early_packets, w->packets, &t->saturated);
	}
	for (uint32_t i = 0; i < t->groups.count; i++) {
		const struct trend_group *g = trend_group_at(t, i);
		t->cut_groups += g->cut_packets != 0;
		t->cut_packets = query_add(t->cut_packets, g->cut_packets, &t->saturated);
	}
}

static void slopes(struct gs_trend *t)
{
	for (uint32_t i = 0; i < t->groups.count; i++) {
		struct trend_group *g = trend_group_at(t, i);
		g->has_slope = g->shown && !g->cut_packets && t->n_whole >= 2;
		if (!g->has_slope)
			continue;
		trend_series(t, i);
		g->slope = stats_theil_sen(t->series + t->whole_first, t->n_whole, t->scratch);
		g->slope_p = stats_mann_kendall(t->series + t->whole_first, t->n_whole).p;
	}
	t->total_p = 1;
	if (t->n_whole >= 2) {
		trend_series(t, TREND_NONE);
		t->total_slope = stats_theil_sen(t->series + t->whole_first, t->n_whole, t->scratch);
		t->total_p = stats_mann_kendall(t->series + t->whole_first, t->n_whole).p;
	}
}

/* -- who stands out ------------------------------------------------------------------------------------------------------------------------ */

static int by_log_p(const void *pa, const void *pb, void *arg)
{
	const struct gs_trend *t = arg;
	const struct trend_group *a = trend_group_at(t, *(const uint32_t *)pa), *b = trend_group_at(t, *(const uint32_t *)pb);

	return a->log_p < b->log_p ? -1 : a->log_p > b->log_p;
}

/*
 * Under the hypothesis that sources are drawn from the address space at random, those of a network are binomial with its share. All IPv4 sources are drawn,
 * also those that lie in no network: that errs on the side of silence. The family is all networks that hold addresses, not those that were seen: a
 * source always lies somewhere, and among a hundred thousand small networks one with a source is rare for each, but certain for some.
 */
static int test_networks(struct gs_trend *t)
{
	const struct gs_filter *f = &t->q.filter;
	const double all = t->enrich ? (double)gs_enrich_total_space(t->enrich) : 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->groups.count; i++)
		trend_group_at(t, i)->log_p = 1;
	t->tested = all > 0 && t->q.by == GS_TREND_NETWORK && f->n_src == 0 && f->n_country == 0;
	uint32_t *order = malloc(((size_t)t->groups.count + 1) * sizeof *order);
	double *log_p = malloc(((size_t)t->groups.count + 1) * sizeof *log_p);
	if (!order || !log_p) {
		free(order);
		free(log_p);
		return GS_ERR_NOMEM;
	}
	for (uint32_t i = 1; i < t->groups.count && all > 0 && t->q.by == GS_TREND_NETWORK; i++) {
		struct trend_group *g = trend_group_at(t, i);
		g->space = (double)gs_enrich_asn_space(t->enrich, g->id) / all;
		if (!t->tested || !(g->space > 0) || g->sources4 == 0)
			continue;
		g->ratio = (double)g->sources4 / (double)t->sources4 / g->space;
		g->log_p = stats_binomial_tail_log(g->sources4, t->sources4, g->space);
		order[n++] = i;
	}
	qsort_r(order, n, sizeof *order, by_log_p, t);
	for (uint32_t i = 0; i < n; i++)
		log_p[i] = trend_group_at(t, order[i])->log_p;
	stats_holm_log(log_p, n, t->enrich ? gs_enrich_asn_count(t->enrich) : 0);
	for (uint32_t i = 0; i < n; i++) {
		struct trend_group *g = trend_group_at(t, order[i]);
		g->log_p = log_p[i];
		g->stands_out = log_p[i] < log(TREND_LEVEL) && g->ratio >= TREND_MIN_RATIO && g->sources4 >= TREND_MIN_SOURCES;
		t->n_stand_out += g->stands_out && g->shown;
	}
	free(order);
	free(log_p);
	return 0;
}

/* -- details of a few networks -------------------------------------------------------------------------------------------------------------- */

uint64_t trend_busiest_day(const struct gs_trend *t, uint32_t group, int64_t *ret_day)
{
	const size_t n = (size_t)t->n_weeks * 7;
	uint32_t *counts = calloc(n + 1, sizeof *counts);
	size_t most = 0;

	*ret_day = 0;
	if (!counts)
		return 0;
	for (uint32_t i = 0; i < t->days.count; i++) {
		const struct trend_day *d = gs_map_at(&t->days, i);
		const int64_t week = d->week - t->first_week;
		if (d->group != group || week < 0 || week >= t->n_weeks)
			continue;
		for (unsigned k = 0; k < 7; k++)
			counts[week * 7 + k] += d->days >> k & 1;
	}
	for (size_t i = 1; i < n; i++)
		most = counts[i] > counts[most] ? i : most;
	const uint64_t sources = (uint64_t)counts[most] << t->days_level;
	*ret_day = t->first_week * 7 - 3 + (int64_t)most;
	free(counts);
	return sources;
}

bool trend_country(struct gs_trend *t, uint32_t group, char out[3])
{
	const struct trend_country *best = NULL;
	uint64_t all = 0;

	for (uint32_t i = 0; i < t->countries.count; i++) {
		const struct trend_country *c = gs_map_at(&t->countries, i);
		if (c->group != group)
			continue;
		all += c->sources;
		if (c->country[0] && (!best || c->sources > best->sources))
			best = c;
	}
	memcpy(out, best ? best->country : "", best ? 2 : 1);
	out[2] = '\0';
	return best && best->sources > all / 2;
}

/* -- all of it ------------------------------------------------------------------------------------------------------------------------------- */

static void choose_shown(struct gs_trend *t)
{
	const struct gs_filter *f = &t->q.filter;

	for (uint32_t i = 0; i < t->groups.count; i++) {
		struct trend_group *g = trend_group_at(t, i);
		bool listed = t->q.by == GS_TREND_CLASS || f->n_asn == 0;
		for (unsigned k = 0; k < f->n_asn && !listed; k++)
			listed = g->id && f->asn[k] == g->id;
		g->shown = listed && (g->sums.packets || g->folded || g->sources4 || g->sources6);
		t->n_rows += g->shown;
		if (g->shown && t->q.by == GS_TREND_NETWORK && f->n_asn)
			t->shown_sources = query_add(t->shown_sources, trend_sources(t, g), &t->saturated);
	}
	if (t->q.by == GS_TREND_CLASS || f->n_asn == 0)
		t->shown_sources = t->sources;
}

int trend_count(struct gs_trend *t)
{
	if (count_sources(t) < 0)
		return GS_ERR_NOMEM;
	choose_shown(t);
	set_span(t);
	if (sort_weeks(t) < 0 || test_networks(t) < 0)
		return GS_ERR_NOMEM;
	count_cut(t);
	slopes(t);
	return 0;
}
