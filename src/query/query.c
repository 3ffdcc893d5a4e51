/*
 * query.c - a question from its first sighting to its answer; what reports and exports have in common
 *
 * Every filter is applied before anything is kept, network and country too (with origins cached per source): a filter that waited for the answer
 * could not be applied to what the cap on memory had folded by then.
 */
#include "query/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shares of memory_bytes. Groups of a report are made at the answer, at most one per entry of the cube and up to twice its size, so a report that
 * may have as many groups as sources (or times, or targets) gets a smaller cube; by city or class the groups are few. */
static size_t cube_bytes(const struct gs_question *q, bool pinned)
{
	if (pinned) /* sources are counted per group, which takes as much again */
		return q->memory_bytes / 4;
	switch (q->by) {
	case GS_BY_SOURCE:
	case GS_BY_HOUR:
	case GS_BY_PREFIX24:
	case GS_BY_TARGET:
	case GS_BY_TUNNEL:
	case GS_BY_BOT:
		return q->memory_bytes / 3;
	default:
		return q->memory_bytes / 4 * 3;
	}
}

static int bad_sort(const struct query_columns *c, const char *sort, struct gs_error *err)
{
	char list[GS_ERROR_TEXT_MAX] = "";
	size_t n = 0;

	for (unsigned i = 0; i < c->n && n < sizeof list; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", c->columns[i].name);
	return gs_fail(err, GS_ERR_USAGE, "--sort %.40s is no column of this question; its columns: %s", sort, list);
}

bool query_shows_origin(enum gs_by by)
{
	return by == GS_BY_CITY || by == GS_BY_NETWORK || by == GS_BY_COUNTRY || by == GS_BY_SOURCE || by == GS_BY_PREFIX24;
}

static int set_sort(struct gs_query *q, struct gs_error *err)
{
	const char *name = q->q.sort;

	q->sort = -1;
	if (!name)
		return 0;
	q->descending = *name == '-';
	q->sort = query_column_find(q->columns, name + q->descending, strlen(name + q->descending));
	return q->sort < 0 ? bad_sort(q->columns, name, err) : 0;
}

int gs_query_new(const struct gs_question *question, struct gs_enrich *enrich, const struct gs_table_writer *writer, struct gs_query **ret,
                 struct gs_error *err)
{
	struct gs_query *q = calloc(1, sizeof *q);
	int r = GS_ERR_NOMEM;

	if (!q)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	q->q = *question;
	q->enrich = enrich;
	q->writer = *writer;
	q->columns = query_columns(question->kind, question->by);
	q->sums = QUERY_NO_SUMS;
	r = set_sort(q, err);
	if (r < 0)
		goto fail;
	const bool extras = question->by == GS_BY_DAY || question->by == GS_BY_WEEK || question->by == GS_BY_HOUR ||
	                    question->by == GS_BY_TARGET || question->by == GS_BY_TUNNEL || question->by == GS_BY_BOT;
	const bool shows = question->kind == GS_EXPORT || query_shows_origin(question->by);
	q->asks_origins = shows || question->filter.n_asn || question->filter.n_country;
	q->pinned = question->pins && question->kind == GS_REPORT && shows;
	q->notes = gs_arena_new(64u << 10);
	if (!q->notes ||
	    query_origins_init(&q->origins, enrich, q->asks_origins ? question->pins : NULL, question->memory_bytes / 16, question->hash_seed) < 0 ||
	    (question->kind == GS_REPORT && cube_init(&q->cube, extras || q->pinned, cube_bytes(question, q->pinned), question->hash_seed) < 0)) {
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
		goto fail;
	}
	if (question->kind == GS_EXPORT && (r = query_export_init(q, err)) < 0)
		goto fail;
	*ret = q;
	return 0;
fail:
	gs_query_free(q);
	return r;
}

void gs_query_free(struct gs_query *q)
{
	if (!q)
		return;
	if (q->q.kind == GS_EXPORT)
		query_export_done(q);
	query_stream_done(q);
	cube_done(&q->cube);
	query_origins_done(&q->origins);
	gs_arena_free(q->notes);
	free(q);
}

/* An ICMP error quotes a packet that claims to come from us, and a packet to ourselves names us twice. */
bool query_source_redacted(const struct gs_query *q, const struct gs_sighting *s)
{
	return q->q.redact_dst && s->src.family && (s->via == GS_VIA_ICMP || gs_addr_equal(&s->src, &s->dst));
}

bool query_origin_matches(const struct gs_filter *f, const struct gs_origin *o)
{
	bool asn = f->n_asn == 0, country = f->n_country == 0;

	for (unsigned i = 0; i < f->n_asn && !asn; i++)
		asn = o->asn && f->asn[i] == o->asn;
	for (unsigned i = 0; i < f->n_country && !country; i++)
		country = memcmp(f->country[i], o->country, 2) == 0;
	return asn && country;
}

static bool matches(struct gs_query *q, const struct gs_sighting *s)
{
	const struct gs_filter *f = &q->q.filter;
	struct gs_origin o;

	if (!q->origins.pins)
		return q->q.filtered || (gs_filter_match(f, s) && gs_query_wants(q, &s->src));
	if (!q->q.filtered && !gs_filter_match(f, s))
		return false;
	const bool pinned = query_origins_get(&q->origins, &s->src, query_day(s->first), &o);
	if (!q->q.filtered && !query_origin_matches(f, &o)) {
		q->origins.miscounted = true;
		return false;
	}
	if (pinned)
		q->pinned_packets = query_add(q->pinned_packets, s->packets, &q->saturated);
	return true;
}

void query_count(struct gs_query *q, const struct gs_sighting *s)
{
	const struct query_sums sums = { s->packets, s->bytes, s->first.ns, s->last.ns };

	q->sightings += s->summed ? s->summed : 1;
	query_sums_add(&q->sums, &sums, &q->saturated);
	if (!(s->has & GS_HAS_IP_LEN) && s->bytes == 0)
		q->no_length_packets = query_add(q->no_length_packets, s->packets, &q->saturated);
}

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct gs_query *q = arg;
	const struct gs_sighting *batch[CUBE_BATCH];

	for (size_t i = 0; i < n;) {
		size_t m = 0;
		for (; i < n && m < CUBE_BATCH; i++)
			if (matches(q, &s[i]))
				batch[m++] = &s[i];
		int r = q->q.kind == GS_REPORT ? query_report_take(q, batch, m, err) : query_export_take(q, batch, m, err);
		if (r < 0)
			return r;
	}
	if (q->origins.trouble.code) {
		if (err)
			*err = q->origins.trouble;
		return q->origins.trouble.code;
	}
	return 0;
}

struct gs_sighting_sink gs_query_sink(struct gs_query *q)
{
	return (struct gs_sighting_sink){ .take = take, .arg = q };
}

static unsigned needs_by(const struct gs_question *q)
{
	switch (q->by) {
	case GS_BY_DAY:
		return GS_NEED_DAY | GS_NEED_COUNTS;
	case GS_BY_WEEK:
		return GS_NEED_WEEK | GS_NEED_COUNTS;
	case GS_BY_HOUR:
		return GS_NEED_HOUR | GS_NEED_COUNTS;
	case GS_BY_TARGET: /* withheld targets are one target, and a source of several of them one source */
		return GS_NEED_DST | (q->redact_dst ? GS_NEED_SRC : GS_NEED_COUNTS);
	case GS_BY_TUNNEL:
		return GS_NEED_SRC | GS_NEED_DST | GS_NEED_SHAPE;
	case GS_BY_BOT:
		return GS_NEED_SRC | GS_NEED_BOT;
	default:
		return GS_NEED_SRC;
	}
}

unsigned gs_query_needs(const struct gs_query *q)
{
	const struct gs_filter *f = &q->q.filter;
	unsigned needs = needs_by(&q->q) | GS_NEED_CLASS;

	if (q->q.kind == GS_EXPORT)
		return GS_NEED_ALL;
	if (q->origins.pins) /* where a source is hangs on the day */
		needs = (needs | GS_NEED_SRC | GS_NEED_DAY) & ~(unsigned)(GS_NEED_COUNTS | GS_NEED_WEEK);
	if (q->q.filtered)
		return needs;
	needs = (needs | GS_NEED_SRC) & ~(unsigned)GS_NEED_COUNTS; /* a giver who counts must also tell totals: gs_query_set_totals */
	if (f->n_dst)
		needs |= GS_NEED_DST;
	if (f->n_sensors)
		needs |= GS_NEED_SENSOR;
	return needs;
}

bool gs_query_wants(void *query, const struct gs_addr *src)
{
	struct gs_query *q = query;
	struct gs_origin o;

	if (q->q.filter.n_asn == 0 && q->q.filter.n_country == 0)
		return true;
	query_origins_get(&q->origins, src, 0, &o);
	return query_origin_matches(&q->q.filter, &o);
}

void gs_query_set_totals(struct gs_query *q, const struct gs_query_totals *t)
{
	q->totals = *t;
	q->has_totals = true;
}

bool gs_query_shows_bots(const struct gs_query *q)
{
	return q->q.kind == GS_EXPORT || q->q.by == GS_BY_BOT;
}

void query_note(struct gs_query *q, struct gs_meta *meta, const char *format, ...)
{
	char text[ORIGIN_PINS_TEXT];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	const char *note = gs_arena_strndup(q->notes, text, strlen(text));
	if (note && meta->n_notes < sizeof meta->notes / sizeof *meta->notes)
		meta->notes[meta->n_notes++] = note;
}

void query_note_sources(struct gs_query *q, struct gs_meta *meta, bool here, bool before)
{
	if (here)
		query_note(q, meta, "sources are estimated (standard error 1.6 %%): more than fit in memory; packets and bytes are exact");
	if (before)
		query_note(q, meta, "some sightings came without their sources, as an estimate for each window and destination; "
		           "a source in several of them is counted several times; packets and bytes are exact");
}

const char *query_percent(double share, char out[16])
{
	if (share > 0 && share < 0.001)
		return "<0.1 %";
	if (share < 1 && share > 0.999)
		return ">99.9 %";
	snprintf(out, 16, "%.1f %%", share * 100);
	return out;
}

static void note_pins(struct gs_query *q, struct gs_meta *meta)
{
	char text[ORIGIN_PINS_TEXT];

	if (query_origins_say(&q->origins, q->pinned_packets, q->sums.packets, text))
		query_note(q, meta, "%s", text);
}

/* A filter on the destination names what is to be withheld. */
void query_redact_filters(const struct gs_query *q, struct gs_meta *meta)
{
	for (unsigned i = 0; i < meta->n_filters && q->q.redact_dst; i++)
		if (meta->filters[i] && strncmp(meta->filters[i], "--dst ", 6) == 0)
			meta->filters[i] = "--dst " QUERY_REDACTED;
}

static void fill_meta(struct gs_query *q, struct gs_meta *meta)
{
	const struct gs_filter *f = &q->q.filter;
	const uint64_t no_length = q->has_totals ? q->totals.no_length_packets : q->no_length_packets;

	query_redact_filters(q, meta);
	meta->packets = q->sums.packets;
	meta->bytes = q->sums.bytes;
	meta->sightings = q->has_totals ? q->totals.sightings : q->sightings;
	if (q->sightings) {
		meta->first_seen.ns = q->sums.first;
		meta->last_seen.ns = q->sums.last;
	}
	note_pins(q, meta);
	if ((f->n_asn || f->n_country) && !q->enrich && !q->origins.pins)
		query_note(q, meta, "no network or place data: a filter on network or country matches nothing");
	if (q->saturated || q->cube.saturated)
		query_note(q, meta, "a count is larger than can be written and stands at its limit, 2^64 - 1");
	if (no_length && no_length < q->sums.packets)
		query_note(q, meta, "bytes leave out %llu of %llu packets, whose length is unknown", (unsigned long long)no_length,
		           (unsigned long long)q->sums.packets);
}

int gs_query_answer(struct gs_query *q, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err)
{
	fill_meta(q, meta);
	return q->q.kind == GS_REPORT ? query_report_answer(q, meta, ret_rows, err) : query_export_answer(q, meta, ret_rows, err);
}
