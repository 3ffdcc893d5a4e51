/*
 * show.c - a dossier: reports over one subject, asked together
 *
 * From files every sighting goes to all of them. From a store one scan of sums, as fine as any of them needs, feeds them all; a second, of single rows,
 * feeds what sums cannot tell: the reasons behind the classes (from the first GS_SHOW_EVIDENCE_MAX rows) and, where destinations are withheld, the reports
 * that hang on how each packet came.
 */
#include "query/show.h"

#include "query/state.h"

#include <stdio.h>
#include <stdlib.h>

enum part { P_DAYS, P_CLASSES, P_NETWORKS, P_PLACES, P_SOURCES, P_PREFIXES, P_TARGETS, P_TUNNELS, P_NEIGHBOURS, P_COUNT };

/* What is asked, and its share of the memory in hundredths. */
static const struct {
	enum gs_by by;
	unsigned memory;
	const char *name, *title;
} parts[P_COUNT] = {
	[P_DAYS] = { GS_BY_DAY, 20, NULL, NULL },
	[P_CLASSES] = { GS_BY_CLASS, 8, NULL, NULL },
	[P_NETWORKS] = { GS_BY_NETWORK, 8, "networks", "networks" },
	[P_PLACES] = { GS_BY_CITY, 8, "places", "places" },
	[P_SOURCES] = { GS_BY_SOURCE, 30, "sources", "sources" },
	[P_PREFIXES] = { GS_BY_PREFIX24, 8, "prefixes", "prefixes" },
	[P_TARGETS] = { GS_BY_TARGET, 5, "targets", "targets" },
	[P_TUNNELS] = { GS_BY_TUNNEL, 8, "tunnels", "tunnels" },
	[P_NEIGHBOURS] = { GS_BY_SOURCE, 5, "neighbours", "neighbours" },
};

/* A part's table, kept. */
struct kept {
	struct gs_show *show;
	const struct gs_column *columns;
	unsigned n_columns;
	struct gs_cell *cells;
	size_t n_rows, cap;
};

struct class_seen {
	uint64_t sightings;
	unsigned confidence_min, confidence_max;
	uint64_t evidence[GS_EVIDENCE_COUNT], stops[GS_STOP_COUNT];
};

struct gs_show {
	struct gs_show_question q;
	struct gs_enrich *enrich;
	struct gs_prefix around;      /* of an address or a long prefix: where its neighbours are; family 0: it has none */
	struct gs_query *query[P_COUNT]; /* NULL: not asked */
	struct kept kept[P_COUNT];
	struct gs_meta meta[P_COUNT];
	unsigned needs[P_COUNT];
	bool rows_too;                /* some parts need single rows */
	uint64_t looked_at;
	bool stopped;
	struct query_origins origins;
	struct class_seen seen[GS_CLASS_COUNT];
	struct gs_arena *arena;
	struct gs_dossier dossier;
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

static bool of_subject(const struct gs_show *s, const struct gs_addr *src)
{
	return s->q.subject.kind == GS_SUBJECT_NETWORK || gs_prefix_contains(&s->q.subject.prefix, src);
}

/* ---- asking ---- */

static bool asked(const struct gs_show *s, enum part p)
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
	struct kept *k = arg;

	(void)meta, (void)complete, (void)err;
	k->columns = columns;
	k->n_columns = n_columns;
	return 0;
}

static int keep_rows(void *arg, const struct gs_table *t, struct gs_error *err)
{
	struct kept *k = arg;

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

static int part_new(struct gs_show *s, enum part p, struct gs_error *err)
{
	const struct gs_table_writer writer = { keep_begin, keep_rows, keep_end, &s->kept[p] };
	const bool few = p == P_CLASSES || p == P_DAYS;
	struct gs_question q = { .kind = GS_REPORT, .by = parts[p].by, .filter = s->q.filter, .limit = few ? 0 : s->q.limit, .redact_dst = s->q.redact_dst,
				 .memory_bytes = s->q.memory_bytes / 100 * parts[p].memory, .hash_seed = s->q.hash_seed, .pins = s->q.pins,
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
	if (q->subject.kind == GS_SUBJECT_NETWORK) {
		s->q.filter.asn[0] = q->subject.asn;
		s->q.filter.n_asn = 1;
	} else {
		const uint8_t near = q->subject.prefix.base.family == 4 ? 24 : 48;
		if (q->subject.prefix.len > near)
			s->around = gs_prefix_of(&q->subject.prefix.base, near);
	}
	s->arena = gs_arena_new(0);
	if (!s->arena || query_origins_init(&s->origins, enrich, q->pins, 0, q->hash_seed) < 0)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (enum part p = 0; r == 0 && p < P_COUNT; p++)
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
	for (enum part p = 0; p < P_COUNT; p++) {
		gs_query_free(s->query[p]);
		free(s->kept[p].cells);
	}
	query_origins_done(&s->origins);
	gs_arena_free(s->arena);
	free(s);
}

/* ---- taking sightings ---- */

/* Counts why; only what passes the filters, and is the subject's. */
static void look_at(struct gs_show *s, const struct gs_sighting *g)
{
	const struct gs_filter *f = &s->q.filter;
	struct gs_origin o;

	if (!of_subject(s, &g->src) || !gs_filter_match(f, g))
		return;
	if (f->n_asn || f->n_country) {
		query_origins_get(&s->origins, &g->src, query_day(g->first), &o);
		if (!query_origin_matches(f, &o))
			return;
	}
	struct class_seen *c = &s->seen[g->class_ < GS_CLASS_COUNT ? g->class_ : GS_CLASS_UNKNOWN];
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
static int part_take(struct gs_show *s, enum part p, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	const struct gs_sighting_sink sink = gs_query_sink(s->query[p]);

	for (size_t i = 0, end; i < n; i = end) {
		const bool around = p == P_NEIGHBOURS;
		while (i < n && !(around ? !of_subject(s, &g[i].src) && gs_prefix_contains(&s->around, &g[i].src) : of_subject(s, &g[i].src)))
			i++;
		for (end = i; end < n && (around ? !of_subject(s, &g[end].src) && gs_prefix_contains(&s->around, &g[end].src) : of_subject(s, &g[end].src));)
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

	for (enum part p = 0; r == 0 && p < P_COUNT; p++)
		if (s->query[p] && (s->needs[p] & GS_NEED_ALL ? rows : sums))
			r = part_take(s, p, g, n, err);
	return r;
}

static int take_files(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct gs_show *s = arg;

	for (size_t i = 0; i < n; i++)
		look_at(s, &g[i]);
	return take_parts(s, true, true, g, n, err);
}

static int take_sums(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	return take_parts(arg, false, true, g, n, err);
}

static int take_rows(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct gs_show *s = arg;

	for (size_t i = 0; i < n && s->looked_at < GS_SHOW_EVIDENCE_MAX; i++, s->looked_at++)
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
	for (enum part p = 0; p < P_COUNT; p++)
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

/* ---- the answer ---- */

static const struct gs_cell *cell_of(const struct kept *k, size_t row, const char *column)
{
	for (unsigned i = 0; i < k->n_columns; i++)
		if (strcmp(k->columns[i].name, column) == 0)
			return &k->cells[row * k->n_columns + i];
	return NULL;
}

static uint64_t number_of(const struct kept *k, size_t row, const char *column)
{
	const struct gs_cell *c = cell_of(k, row, column);
	return c && c->set ? c->u64 : 0;
}

static bool day_at(const struct kept *k, size_t row, int64_t *ret)
{
	const struct gs_cell *c = cell_of(k, row, "day");
	struct gs_time t;

	if (!c || !c->set || !gs_time_parse(c->text, strlen(c->text), &t))
		return false;
	*ret = query_day(t);
	return true;
}

static void gap_add(struct gs_dossier *d, struct gs_show_gap g)
{
	unsigned at = d->n_gaps;

	while (at && d->gaps[at - 1].last_day - d->gaps[at - 1].first_day < g.last_day - g.first_day)
		at--;
	if (at == GS_SHOW_GAPS)
		return;
	if (d->n_gaps < GS_SHOW_GAPS)
		d->n_gaps++;
	memmove(&d->gaps[at + 1], &d->gaps[at], (d->n_gaps - 1 - at) * sizeof *d->gaps);
	d->gaps[at] = g;
}

static int64_t monday_of(int64_t day) /* 1970-01-01 was a Thursday */
{
	const int64_t n = day + 3;
	return (n / 7 - (n % 7 < 0)) * 7 - 3;
}

/* Days, weeks and gaps from the report by day, which is in order. */
static int fill_times(struct gs_show *s, struct gs_error *err)
{
	const struct kept *k = &s->kept[P_DAYS];
	struct gs_dossier *d = &s->dossier;
	struct gs_show_week *weeks;
	int64_t first = 0, last = 0, day;

	for (size_t i = 0; i < k->n_rows; i++) {
		if (!day_at(k, i, &day))
			continue;
		if (d->days && day > last + 1)
			gap_add(d, (struct gs_show_gap){ last + 1, day - 1 });
		first = d->days++ ? first : day;
		last = day;
	}
	if (!d->days)
		return 0;
	d->n_weeks = (size_t)((monday_of(last) - monday_of(first)) / 7 + 1);
	weeks = gs_arena_alloc(s->arena, d->n_weeks * sizeof *weeks);
	if (!weeks)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < d->n_weeks; i++)
		weeks[i].monday = monday_of(first) + (int64_t)i * 7;
	for (size_t i = 0; i < k->n_rows; i++)
		if (day_at(k, i, &day))
			weeks[(monday_of(day) - monday_of(first)) / 7].packets += number_of(k, i, "packets");
	d->weeks = weeks;
	return 0;
}

static void reason_add(struct gs_show_class *c, const char *word, const char *meaning, uint64_t n)
{
	unsigned at = c->n_reasons;

	if (!n)
		return;
	while (at && c->reasons[at - 1].sightings < n)
		at--;
	if (at == GS_SHOW_REASONS)
		return;
	if (c->n_reasons < GS_SHOW_REASONS)
		c->n_reasons++;
	memmove(&c->reasons[at + 1], &c->reasons[at], (c->n_reasons - 1 - at) * sizeof *c->reasons);
	c->reasons[at] = (struct gs_show_reason){ word, meaning, n };
}

static int fill_classes(struct gs_show *s, struct gs_error *err)
{
	const struct kept *k = &s->kept[P_CLASSES];
	struct gs_show_class *list = gs_arena_alloc(s->arena, (k->n_rows + 1) * sizeof *list);

	if (!list)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < k->n_rows; i++) {
		const char *word = cell_of(k, i, "class")->text;
		const int class_ = gs_class_parse(word, strlen(word));
		const struct class_seen *seen = &s->seen[class_ < 0 ? GS_CLASS_UNKNOWN : class_];
		struct gs_show_class *c = &list[i];
		*c = (struct gs_show_class){ .word = word, .meaning = gs_class_meaning((unsigned)class_), .sources = number_of(k, i, "sources"),
					     .packets = number_of(k, i, "packets"), .bytes = number_of(k, i, "bytes"), .looked_at = seen->sightings,
					     .confidence_min = seen->confidence_min, .confidence_max = seen->confidence_max };
		for (unsigned e = 0; e < GS_EVIDENCE_COUNT; e++)
			if (e != GS_EVIDENCE_STOP_BIT && e != GS_EVIDENCE_FOLDED_BIT)
				reason_add(c, gs_evidence_word(e), gs_evidence_meaning(e), seen->evidence[e]);
		for (unsigned stop = 1; stop < GS_STOP_COUNT; stop++)
			reason_add(c, gs_stop_word(stop), gs_stop_text(stop), seen->stops[stop]);
	}
	s->dossier.classes = list;
	s->dossier.n_classes = (unsigned)k->n_rows;
	s->dossier.some_reasons = s->stopped;
	return 0;
}

static void fill_lists(struct gs_show *s)
{
	struct gs_dossier *d = &s->dossier;

	for (enum part p = 0; p < P_COUNT; p++) {
		const struct kept *k = &s->kept[p];
		if (!parts[p].name || !s->query[p] || !k->n_rows || (p == P_NETWORKS && s->q.subject.kind == GS_SUBJECT_NETWORK))
			continue;
		d->lists[d->n_lists++] = (struct gs_show_list){ parts[p].name, parts[p].title, k->columns, k->n_columns, k->cells, k->n_rows, s->meta[p].rows_total };
	}
}

static const char *copy(struct gs_show *s, const char *text)
{
	const char *c = text ? gs_arena_strndup(s->arena, text, strlen(text)) : "";
	return c ? c : "";
}

static void fill_place(struct gs_show *s, const struct gs_origin *o, struct gs_show_place *ret)
{
	*ret = (struct gs_show_place){ .asn = o->asn };
	ret->as_name = copy(s, s->enrich ? gs_enrich_string(s->enrich, o->as_name) : NULL);
	ret->region = copy(s, s->enrich ? gs_enrich_string(s->enrich, o->region) : NULL);
	ret->city = copy(s, s->enrich ? gs_enrich_string(s->enrich, o->city) : NULL);
	ret->country = copy(s, (char[3]){ o->country[0], o->country[1], 0 });
	ret->edition = "";
}

/* The pins of an address on the days it was seen. */
static int fill_pins(struct gs_show *s, struct gs_error *err)
{
	struct gs_dossier *d = &s->dossier;
	int64_t day = query_day(d->meta.first_seen), last = query_day(d->meta.last_seen);
	const struct gs_addr *a = &s->q.subject.prefix.base;
	int r = 0;

	while (r == 0 && day <= last) {
		struct gs_pin_span span;
		struct gs_pin pin;
		r = gs_store_pinned(s->q.pins, a, day, &span, err);
		if (r == 0 && span.place && d->n_pins == GS_SHOW_PINS) {
			d->more_pins = true;
			break;
		}
		if (r == 0 && span.place)
			r = gs_store_place(s->q.pins, span.place, &pin, err);
		if (r < 0)
			return r;
		if (span.place) {
			struct gs_show_place *p = &d->pins[d->n_pins++];
			*p = (struct gs_show_place){ .first_day = span.first_day, .last_day = span.last_day, .asn = pin.asn };
			p->as_name = copy(s, pin.as_name);
			p->region = copy(s, pin.region);
			p->city = copy(s, pin.city);
			p->country = copy(s, (char[3]){ pin.country[0], pin.country[1], 0 });
			p->edition = copy(s, pin.edition);
		}
		if (span.last_day >= last)
			break;
		day = span.last_day + 1;
	}
	return r;
}

static int fill_where(struct gs_show *s, struct gs_error *err)
{
	struct gs_dossier *d = &s->dossier;
	struct gs_origin o = { 0 };

	fill_place(s, &o, &d->today);
	if (d->subject.kind == GS_SUBJECT_NETWORK) {
		const struct kept *k = &s->kept[P_NETWORKS];
		const struct gs_cell *name = k->n_rows ? cell_of(k, 0, "src_as_name") : NULL, *country = k->n_rows ? cell_of(k, 0, "src_geo") : NULL;
		d->today.asn = d->subject.asn;
		d->today.as_name = name && name->set ? name->text : "";
		d->today.country = country && country->set ? country->text : "";
		d->space = s->enrich ? gs_enrich_asn_space(s->enrich, d->subject.asn) : 0;
	}
	if (d->subject.kind != GS_SUBJECT_ADDRESS)
		return 0;
	if (s->enrich) {
		gs_enrich_lookup(s->enrich, &d->subject.prefix.base, &o);
		fill_place(s, &o, &d->today);
	}
	return s->q.pins && d->meta.packets ? fill_pins(s, err) : 0;
}

static void add_note(struct gs_meta *m, const char *note)
{
	for (unsigned i = 0; i < m->n_notes; i++)
		if (strcmp(m->notes[i], note) == 0)
			return;
	if (m->n_notes < sizeof m->notes / sizeof *m->notes)
		m->notes[m->n_notes++] = note;
}

/* Totals from the days and sources; what the parts had to say, once. */
static void fill_meta(struct gs_show *s)
{
	struct gs_meta *m = &s->dossier.meta;
	const struct gs_meta *days = &s->meta[P_DAYS], *who = s->query[P_SOURCES] ? &s->meta[P_SOURCES] : days;

	m->packets = days->packets;
	m->bytes = days->bytes;
	m->first_seen = days->first_seen;
	m->last_seen = days->last_seen;
	m->sources = who->sources;
	m->sources_estimated = who->sources_estimated;
	m->rows_total = days->rows_total;
	for (enum part p = 0; p < P_COUNT; p++) {
		for (unsigned i = 0; s->query[p] && i < s->meta[p].n_notes; i++) {
			const char *note = s->meta[p].notes[i];
			if (strncmp(note, "place unknown", 13) != 0 && strncmp(note, "network unknown", 15) != 0)
				add_note(m, note);
		}
	}
}

int gs_show_answer(struct gs_show *s, const struct gs_meta *meta, const struct gs_dossier **ret, struct gs_error *err)
{
	struct gs_dossier *d = &s->dossier;
	uint64_t rows;
	int r = 0;

	d->meta = *meta;
	d->subject = s->q.subject;
	gs_subject_format(&d->subject, d->name);
	for (enum part p = 0; r == 0 && p < P_COUNT; p++)
		if (s->query[p])
			r = gs_query_answer(s->query[p], &s->meta[p], &rows, err);
	if (r == 0 && s->origins.trouble.code) {
		if (err)
			*err = s->origins.trouble;
		r = s->origins.trouble.code;
	}
	if (r < 0)
		return r;
	fill_meta(s);
	fill_lists(s);
	r = fill_times(s, err);
	if (r == 0)
		r = fill_classes(s, err);
	if (r == 0)
		r = fill_where(s, err);
	if (r == 0)
		*ret = d;
	return r;
}
