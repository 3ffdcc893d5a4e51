/*
 * stream.c - reports on sources that come one after the other: each goes into its group as it passes, and is forgotten
 *
 * Half the memory holds groups, which are fewer than sources for all questions but `source`; a source whose group finds no room goes to the cube
 * whole, and there past the cap into a fold. So a source is in groups or in the cube, never in both, and sources add up.
 */
#include "query/report.h"

#include "enrich/enrich.h"

#include <stdlib.h>

/* The source at hand: its sums by whether they are withheld, and by class. */
struct passing {
	struct gs_addr src;
	uint32_t classes[2];
	struct query_sums sums[2][GS_CLASS_COUNT];
};

struct stream {
	struct report report;   /* first: query.stream points to it */
	struct passing now;
};

static struct stream *stream_of(struct gs_query *q)
{
	return (struct stream *)(void *)q->stream;
}

void gs_query_by_source(struct gs_query *q)
{
	const size_t m = q->q.memory_bytes, cap = m + (256u << 10);

	if (q->q.kind != GS_REPORT || q->stream || q->cube.has_extras || q->origins.pins || q->sightings)
		return;
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		return;
	s->report.q = q;
	s->report.groups_cap = m / 2 < 64u << 10 ? 64u << 10 : m / 2;
	s->report.votes_cap = m / 8 < 64u << 10 ? 64u << 10 : m / 8;
	/* address space for what the cube may add at the answer; the caps are lower until then */
	if (gs_map_init(&s->report.groups, sizeof(struct group_key), sizeof(struct group), s->report.groups_cap + cap, q->q.hash_seed) < 0 ||
	    gs_map_init(&s->report.votes, VOTE_KEY_LEN, sizeof(struct vote), s->report.votes_cap + cap, q->q.hash_seed) < 0) {
		query_report_done(&s->report);
		free(s);
		return;
	}
	s->report.groups.cap_bytes = s->report.groups_cap;
	s->report.votes.cap_bytes = s->report.votes_cap;
	q->cube.cap_bytes = m / 8;
	q->stream = &s->report;
}

void query_stream_done(struct gs_query *q)
{
	if (!q->stream)
		return;
	query_report_done(q->stream);
	free(stream_of(q));
	q->stream = NULL;
}

/* Whether n more records fit for certain, a doubling of the index included. */
static bool room(const struct gs_map *m, size_t n)
{
	return gs_map_used(m) + 2 * m->slot_bytes + n * m->record_len + 4096 <= m->cap_bytes;
}

static uint32_t lowest(uint32_t bits)
{
	return bits & -bits;
}

/* By source a group is one source's own: its class is decided here, without a vote. */
static int pass_whole(struct report *r, const struct passing *p, const struct gs_origin *o)
{
	struct query_sums all = QUERY_NO_SUMS;
	struct group_key key;
	int top = -1;

	for (uint32_t bits = p->classes[0]; bits; bits &= bits - 1) {
		const int c = __builtin_ctz(bits);
		const struct query_sums *a = &p->sums[0][c], *b = top < 0 ? NULL : &p->sums[0][top];
		if (!b || a->packets > b->packets || (a->packets == b->packets && (a->bytes > b->bytes ||
		    (a->bytes == b->bytes && strcmp(gs_class_word((unsigned)c), gs_class_word((unsigned)top)) < 0))))
			top = c;
		query_sums_add(&all, a, &r->saturated);
	}
	report_key_of(r->q, &p->src, false, (uint8_t)top, 0, o, &key);
	struct group *g = report_group_add(r, &key, (uint8_t)top, o, &all);
	if (!g)
		return GS_ERR_NOMEM;
	g->sources++;
	g->streamed++;
	return 0;
}

static int pass_class(struct report *r, const struct passing *p, bool redacted, uint8_t class_, const struct gs_origin *o, const struct group_key *shown)
{
	const struct gs_origin nowhere = { 0 };
	struct group_key key;

	report_key_of(r->q, &p->src, redacted, class_, 0, redacted ? &nowhere : o, &key);
	struct group *g = report_group_add(r, &key, class_, redacted ? &nowhere : o, &p->sums[redacted][class_]);
	if (!g)
		return GS_ERR_NOMEM;
	/* A withheld source counts among the unknown places; it may be there already, under its own name, if its place is unknown indeed. */
	const bool counted = redacted && shown && memcmp(&key, shown, sizeof key) == 0;
	const bool first = r->q->q.by == GS_BY_CLASS || 1u << class_ == lowest(p->classes[redacted]);
	if (first && !counted) {
		g->sources++;
		g->streamed++;
	}
	return 0;
}

static int pass_groups(struct report *r, const struct passing *p)
{
	const enum gs_by by = r->q->q.by;
	struct gs_origin o = { 0 };
	struct group_key shown;
	const bool by_place = by == GS_BY_CITY || by == GS_BY_NETWORK || by == GS_BY_COUNTRY;

	if (query_shows_origin(by) && p->classes[0] && r->q->enrich)
		gs_enrich_lookup(r->q->enrich, &p->src, &o);
	if (by == GS_BY_NETWORK && o.asn == 0)
		o = (struct gs_origin){ 0 }; /* the unknown network is nowhere */
	if (by == GS_BY_SOURCE && p->classes[0] && pass_whole(r, p, &o) < 0)
		return GS_ERR_NOMEM;
	for (unsigned redacted = by == GS_BY_SOURCE; redacted < 2; redacted++)
		for (uint32_t bits = p->classes[redacted]; bits; bits &= bits - 1) {
			const uint8_t class_ = (uint8_t)__builtin_ctz(bits);
			report_key_of(r->q, &p->src, false, class_, 0, &o, &shown);
			if (pass_class(r, p, redacted, class_, &o, by_place && p->classes[0] ? &shown : NULL) < 0)
				return GS_ERR_NOMEM;
		}
	r->streamed++;
	return 0;
}

static int pass_cube(struct gs_query *q, const struct passing *p)
{
	for (unsigned redacted = 0; redacted < 2; redacted++)
		for (uint32_t bits = p->classes[redacted]; bits; bits &= bits - 1) {
			const uint8_t class_ = (uint8_t)__builtin_ctz(bits);
			const struct cube_item it = { .src = p->src, .class_ = class_, .redacted = (uint8_t)redacted, .sources = 1, .sums = p->sums[redacted][class_] };
			if (cube_add(&q->cube, &it, 1) < 0)
				return GS_ERR_NOMEM;
		}
	return 0;
}

/* The source has passed. */
static int pass(struct gs_query *q)
{
	struct passing *p = &stream_of(q)->now;
	const size_t n = (size_t)__builtin_popcount(p->classes[0]) + (size_t)__builtin_popcount(p->classes[1]);
	int r = 0;

	if (n)
		r = room(&q->stream->groups, n) && room(&q->stream->votes, 4 * n) ? pass_groups(q->stream, p) : pass_cube(q, p);
	p->classes[0] = p->classes[1] = 0;
	return r;
}

static int take_one(struct gs_query *q, const struct gs_sighting *s)
{
	struct passing *p = &stream_of(q)->now;
	const uint8_t class_ = s->class_ < GS_CLASS_COUNT ? s->class_ : GS_CLASS_UNKNOWN;
	const struct query_sums sums = { s->packets, s->bytes, s->first.ns, s->last.ns };

	if (s->flags & GS_SIGHTING_FOLDED || s->src.family == 0) {
		const struct cube_item it = { .class_ = class_, .sources = s->sources, .sums = sums };
		return cube_add(&q->cube, &it, 1);
	}
	if (!gs_addr_equal(&p->src, &s->src)) {
		int r = pass(q);
		if (r < 0)
			return r;
		p->src = s->src;
	}
	const bool redacted = report_shows_source(q->q.by) && query_source_redacted(q, s);
	if (!(p->classes[redacted] >> class_ & 1)) {
		p->classes[redacted] |= 1u << class_;
		p->sums[redacted][class_] = QUERY_NO_SUMS;
	}
	query_sums_add(&p->sums[redacted][class_], &sums, &q->stream->saturated);
	return 0;
}

int report_stream_take(struct gs_query *q, const struct gs_sighting *const *list, size_t n, struct gs_error *err)
{
	for (size_t i = 0; i < n; i++) {
		query_count(q, list[i]);
		if (take_one(q, list[i]) < 0)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	return 0;
}

int report_stream_end(struct report *r, struct gs_error *err)
{
	return pass(r->q) < 0 ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : 0;
}
