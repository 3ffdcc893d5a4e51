/*
 * show.c - a dossier: reports over one subject, asked together
 *
 * From files every sighting goes to all of them. From a store one scan of sums, as fine as any of them needs, feeds them all; a second, of single rows,
 * feeds what sums cannot tell: the reasons behind the classes (from the first GS_SHOW_EVIDENCE_MAX rows) and, where destinations are withheld, the reports
 * that hang on how each packet came.
 */
#include "query/show_state.h"

#include "query/sizes.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMES_MEMORY 4   /* hundredths: some thousand days of each class at the least memory */
#define ORIGINS_MEMORY 2
#define TIME_KEY offsetof(struct show_time, packets)

const struct show_part_of show_parts[P_COUNT] = {
	[P_DAYS] = { GS_BY_DAY, 14, NULL, NULL },
	[P_CLASSES] = { GS_BY_CLASS, 8, NULL, NULL },
	[P_NETWORKS] = { GS_BY_NETWORK, 8, "networks", "networks" },
	[P_PLACES] = { GS_BY_CITY, 8, "places", "places" },
	[P_SOURCES] = { GS_BY_SOURCE, 30, "sources", "sources" },
	[P_PREFIXES] = { GS_BY_PREFIX24, 8, "prefixes", "prefixes" },
	[P_TARGETS] = { GS_BY_TARGET, 5, "targets", "targets" },
	[P_TUNNELS] = { GS_BY_TUNNEL, 8, "tunnels", "tunnels" },
	[P_NEIGHBOURS] = { GS_BY_SOURCE, 5, "neighbours", "neighbours" },
};

/* ---- the subject ---- */

bool gs_subject_parse(const char *text, size_t len, struct gs_subject *ret)
{
	struct gs_prefix p;
	uint64_t asn = 0;

	if (len >= 3 && len <= 12 && (text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's')) {
		for (size_t i = 2; i < len; i++) {
			if (text[i] < '0' || text[i] > '9')
				return false;
			asn = asn * 10 + (uint64_t)(text[i] - '0');
		}
		if (asn == 0 || asn > UINT32_MAX)
			return false;
		*ret = (struct gs_subject){ .kind = GS_SUBJECT_NETWORK, .asn = (uint32_t)asn };
		return true;
	}
	if (!gs_prefix_parse(text, len, &p))
		return false;
	const bool whole = p.len == (p.base.family == 4 ? 32 : 128);
	*ret = (struct gs_subject){ .kind = whole ? GS_SUBJECT_ADDRESS : GS_SUBJECT_PREFIX, .prefix = p };
	return true;
}

size_t gs_subject_format(const struct gs_subject *s, char out[GS_SUBJECT_TEXT_MAX])
{
	if (s->kind == GS_SUBJECT_NETWORK)
		return (size_t)sprintf(out, "AS%u", s->asn);
	return s->kind == GS_SUBJECT_ADDRESS ? gs_addr_format(&s->prefix.base, out) : gs_prefix_format(&s->prefix, out);
}

bool show_of_subject(const struct gs_show *s, const struct gs_addr *src)
{
	return s->q.subject.kind == GS_SUBJECT_NETWORK || gs_prefix_contains(&s->q.subject.prefix, src);
}

/* ---- asking ---- */

static bool asked(const struct gs_show *s, enum show_part p)
{
	const enum gs_subject_kind kind = s->q.subject.kind;
	const struct gs_prefix *prefix = &s->q.subject.prefix;

	switch (p) {
	case P_NETWORKS: /* of a network: for its name */
		return kind != GS_SUBJECT_ADDRESS;
	case P_PLACES:
	case P_SOURCES:
		return kind != GS_SUBJECT_ADDRESS;
	case P_PREFIXES:
		return kind == GS_SUBJECT_NETWORK || (kind == GS_SUBJECT_PREFIX && prefix->len < (prefix->base.family == 4 ? 24 : 48));
	case P_NEIGHBOURS:
		return s->around.base.family;
	default:
		return true;
	}
}

static int keep_begin(void *arg, const struct gs_column *columns, unsigned n_columns, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct show_kept *k = arg;

	(void)meta, (void)complete, (void)err;
	k->columns = columns;
	k->n_columns = n_columns;
	return 0;
}

static const struct gs_cell *cell_in(const struct gs_table *t, size_t row, const char *column)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		if (strcmp(t->columns[i].name, column) == 0)
			return &t->cells[row * t->n_columns + i];
	return NULL;
}

static int compare_rows(struct gs_show *s, const struct gs_table *t, struct gs_error *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n_rows && r == 0; i++) {
		const struct gs_cell *src = cell_in(t, i, "src_ip"), *first = cell_in(t, i, "first_seen"), *last = cell_in(t, i, "last_seen");
		if (src && src->set && !src->as_text && first && first->set && last && last->set)
			r = show_compare(s, &src->addr, query_day(first->time), query_day(last->time), err);
	}
	return r;
}

int show_keep_rows(void *arg, const struct gs_table *t, struct gs_error *err)
{
	struct show_kept *k = arg;
	struct gs_show *s = k->show;
	struct gs_table some = *t;

	if (k == &s->kept[P_SOURCES] && s->compares) { /* which has no limit then */
		int r = compare_rows(s, t, err);
		if (r < 0)
			return r;
		if (s->q.limit && some.n_rows > s->q.limit - k->n_rows)
			some.n_rows = (size_t)(s->q.limit - k->n_rows);
		t = &some;
	}
	if (k->n_rows + t->n_rows > k->cap) {
		const size_t cap = (k->n_rows + t->n_rows) * 2;
		struct gs_cell *cells = realloc(k->cells, cap * t->n_columns * sizeof *cells);
		if (!cells)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		k->cells = cells;
		k->cap = cap;
	}
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
		struct gs_cell *c = &k->cells[k->n_rows * t->n_columns + i];
		*c = t->cells[i];
		if (c->set && (c->as_text || t->columns[i % t->n_columns].type == GS_CELL_TEXT) &&
		    !(c->text = gs_arena_strndup(k->show->arena, c->text, strlen(c->text))))
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	k->n_rows += t->n_rows;
	return 0;
}

static int keep_end(void *arg, const struct gs_meta *meta, struct gs_error *err)
{
	(void)arg, (void)meta, (void)err;
	return 0;
}

static int part_new(struct gs_show *s, enum show_part p, struct gs_error *err)
{
	const struct gs_table_writer writer = { keep_begin, show_keep_rows, keep_end, &s->kept[p] };
	const bool few = p == P_CLASSES || p == P_DAYS;
	struct gs_question q = { .kind = GS_REPORT, .by = show_parts[p].by, .filter = s->q.filter, .limit = few || (p == P_SOURCES && s->compares) ? 0 : s->q.limit, .redact_dst = s->q.redact_dst,
				 .memory_bytes = s->q.memory_bytes / 100 * show_parts[p].memory, .hash_seed = s->q.hash_seed, .pins = s->q.pins,
				 .sort = p == P_DAYS ? "day" : NULL };

	s->kept[p].show = s;
	int r = gs_query_new(&q, s->enrich, &writer, &s->query[p], err);
	if (r < 0)
		return r;
	s->needs[p] = gs_query_needs(s->query[p]);
	if (p == P_TUNNELS && !s->q.redact_dst) /* sums by shape are as good as single rows */
		s->needs[p] = GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_DST | GS_NEED_SHAPE | GS_NEED_DAY;
	s->rows_too |= s->needs[p] & GS_NEED_ALL;
	return 0;
}

int gs_show_new(const struct gs_show_question *q, struct gs_enrich *enrich, struct gs_show **ret, struct gs_error *err)
{
	struct gs_show *s = calloc(1, sizeof *s);
	int r = 0;

	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	s->q = *q;
	s->enrich = enrich;
	s->compares = q->compare || q->pins;
	if (q->subject.kind == GS_SUBJECT_NETWORK) {
		s->q.filter.asn[0] = q->subject.asn;
		s->q.filter.n_asn = 1;
	} else {
		const uint8_t near = q->subject.prefix.base.family == 4 ? 24 : 48;
		if (q->subject.prefix.len > near)
			s->around = gs_prefix_of(&q->subject.prefix.base, near);
	}
	s->arena = gs_arena_new(0);
	if (!s->arena || query_origins_init(&s->origins, enrich, q->pins, q->memory_bytes / 100 * ORIGINS_MEMORY, q->hash_seed) < 0 ||
	    gs_map_init(&s->times, TIME_KEY, sizeof(struct show_time), query_map_cap(q->memory_bytes / 100 * TIMES_MEMORY), q->hash_seed) < 0)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (enum show_part p = 0; r == 0 && p < P_COUNT; p++)
		if (asked(s, p))
			r = part_new(s, p, err);
	if (r < 0) {
		gs_show_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void gs_show_free(struct gs_show *s)
{
	if (!s)
		return;
	for (enum show_part p = 0; p < P_COUNT; p++) {
		gs_query_free(s->query[p]);
		free(s->kept[p].cells);
	}
	free(s->disagreements.cells);
	free(s->bots.cells);
	query_origins_done(&s->origins);
	gs_map_done(&s->times);
	gs_arena_free(s->arena);
	free(s);
}

/* ---- taking sightings ---- */

/* Whether it passes the filters, and is the subject's. */
static bool matches(struct gs_show *s, const struct gs_sighting *g)
{
	const struct gs_filter *f = &s->q.filter;
	struct gs_origin o;

	if (!show_of_subject(s, &g->src) || !gs_filter_match(f, g))
		return false;
	if (!f->n_asn && !f->n_country)
		return true;
	query_origins_get(&s->origins, &g->src, query_day(g->first), &o);
	return query_origin_matches(f, &o);
}

static uint8_t class_of(const struct gs_sighting *g)
{
	return g->class_ < GS_CLASS_COUNT ? g->class_ : GS_CLASS_UNKNOWN;
}

static void count_time(struct gs_show *s, const struct gs_sighting *g)
{
	const struct show_time key = { .day = (int32_t)query_day(g->first), .class_ = class_of(g) };
	bool is_new;
	struct show_time *t = gs_map_get(&s->times, QUERY_KEY_HASH(&s->times, &key, TIME_KEY), &key, &is_new);

	uint64_t *sum = t ? &t->packets : &s->undated;
	*sum = *sum + g->packets < *sum ? UINT64_MAX : *sum + g->packets;
}

/* Counts why. */
static void look_at(struct gs_show *s, const struct gs_sighting *g)
{
	struct show_seen *c = &s->seen[class_of(g)];
	if (c->sightings++ == 0 || g->confidence < c->confidence_min)
		c->confidence_min = g->confidence;
	if (g->confidence > c->confidence_max)
		c->confidence_max = g->confidence;
	for (unsigned i = 0; i < GS_EVIDENCE_COUNT; i++)
		c->evidence[i] += g->evidence >> i & 1;
	if (g->stop < GS_STOP_COUNT)
		c->stops[g->stop]++;
}

/* Runs of sightings that are the part's: of the subject, or around it. */
static int part_take(struct gs_show *s, enum show_part p, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	const struct gs_sighting_sink sink = gs_query_sink(s->query[p]);

	for (size_t i = 0, end; i < n; i = end) {
		const bool around = p == P_NEIGHBOURS;
		while (i < n && !(around ? !show_of_subject(s, &g[i].src) && gs_prefix_contains(&s->around, &g[i].src) : show_of_subject(s, &g[i].src)))
			i++;
		for (end = i; end < n && (around ? !show_of_subject(s, &g[end].src) && gs_prefix_contains(&s->around, &g[end].src) : show_of_subject(s, &g[end].src));)
			end++;
		int r = end > i ? sink.take(sink.arg, g + i, end - i, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_parts(struct gs_show *s, bool rows, bool sums, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	int r = 0;

	for (enum show_part p = 0; r == 0 && p < P_COUNT; p++)
		if (s->query[p] && (s->needs[p] & GS_NEED_ALL ? rows : sums))
			r = part_take(s, p, g, n, err);
	return r;
}

static int take_files(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct gs_show *s = arg;

	for (size_t i = 0; i < n; i++)
		if (matches(s, &g[i])) {
			look_at(s, &g[i]);
			count_time(s, &g[i]);
		}
	return take_parts(s, true, true, g, n, err);
}

static int take_sums(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct gs_show *s = arg;

	for (size_t i = 0; i < n; i++)
		if (matches(s, &g[i]))
			count_time(s, &g[i]);
	return take_parts(s, false, true, g, n, err);
}

static int take_rows(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct gs_show *s = arg;

	for (size_t i = 0; i < n && s->looked_at < GS_SHOW_EVIDENCE_MAX; i++, s->looked_at++)
		if (matches(s, &g[i]))
			look_at(s, &g[i]);
	s->stopped |= s->looked_at == GS_SHOW_EVIDENCE_MAX;
	if (s->rows_too)
		return take_parts(s, true, false, g, n, err);
	if (!s->stopped)
		return 0;
	if (err)
		*err = (struct gs_error){ .code = GS_ERR_LIMIT };
	return GS_ERR_LIMIT;
}

struct gs_sighting_sink gs_show_sink(struct gs_show *s)
{
	return (struct gs_sighting_sink){ take_files, s };
}

bool gs_show_turn(struct gs_show *s, unsigned turn, struct gs_filter *ret_filter, unsigned *ret_needs, struct gs_sighting_sink *ret_sink)
{
	const struct gs_subject *subject = &s->q.subject;
	unsigned needs = 0;

	if (turn > 1)
		return false;
	*ret_filter = s->q.filter;
	for (enum show_part p = 0; p < P_COUNT; p++)
		if (s->query[p] && !(s->needs[p] & GS_NEED_ALL))
			needs |= s->needs[p];
	/* --src stays: the parts hold what they get against the subject anyway */
	if (subject->kind != GS_SUBJECT_NETWORK && ret_filter->n_src == 0) {
		ret_filter->src[0] = s->around.base.family && (turn == 0 || s->rows_too) ? s->around : subject->prefix;
		ret_filter->n_src = 1;
	}
	*ret_needs = turn ? GS_NEED_ALL : needs & ~(unsigned)GS_NEED_COUNTS;
	*ret_sink = (struct gs_sighting_sink){ turn ? take_rows : take_sums, s };
	return true;
}

bool gs_show_wants(void *show, const struct gs_addr *src)
{
	struct gs_show *s = show;
	const struct gs_filter *f = &s->q.filter;
	struct gs_origin o;

	if (s->q.pins || (!f->n_asn && !f->n_country))
		return true;
	query_origins_get(&s->origins, src, 0, &o);
	return query_origin_matches(f, &o);
}
