/* show_answer.c - the dossier: when it was there, the classes and why, the lists */
#include "query/show_state.h"

#include <stdlib.h>

const struct gs_cell *show_cell(const struct show_kept *k, size_t row, const char *column)
{
	for (unsigned i = 0; i < k->n_columns; i++)
		if (strcmp(k->columns[i].name, column) == 0)
			return &k->cells[row * k->n_columns + i];
	return NULL;
}

uint64_t show_number(const struct show_kept *k, size_t row, const char *column)
{
	const struct gs_cell *c = show_cell(k, row, column);
	return c && c->set ? c->u64 : 0;
}

static bool day_at(const struct show_kept *k, size_t row, int64_t *ret)
{
	const struct gs_cell *c = show_cell(k, row, "day");
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
	const struct show_kept *k = &s->kept[P_DAYS];
	struct gs_dossier *d = &s->dossier;
	struct gs_show_day *days = gs_arena_alloc(s->arena, (k->n_rows + 1) * sizeof *days);
	struct gs_show_week *weeks;
	int64_t first = 0, last = 0, day;

	if (!days)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	d->day = days;
	for (size_t i = 0; i < k->n_rows; i++) {
		if (!day_at(k, i, &day))
			continue;
		days[d->days] = (struct gs_show_day){ day, show_number(k, i, "packets") };
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
	for (size_t i = 0; i < d->days; i++)
		weeks[(monday_of(days[i].day) - monday_of(first)) / 7].packets += days[i].packets;
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

static int compare_days(const void *pa, const void *pb)
{
	const struct gs_show_day *a = pa, *b = pb;
	return (a->day > b->day) - (a->day < b->day);
}

static int fill_class_days(struct gs_show *s, unsigned class_, struct gs_show_class *c, struct gs_error *err)
{
	const struct gs_map *m = &s->times;
	struct gs_show_day *days;
	size_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		n += ((const struct show_time *)gs_map_at(m, i))->class_ == class_;
	if (!(days = gs_arena_alloc(s->arena, (n + 1) * sizeof *days)))
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; i < m->count; i++) {
		const struct show_time *t = gs_map_at(m, i);
		if (t->class_ == class_)
			days[c->n_days++] = (struct gs_show_day){ t->day, t->packets };
	}
	qsort(days, c->n_days, sizeof *days, compare_days);
	c->days = days;
	return 0;
}

static int fill_classes(struct gs_show *s, struct gs_error *err)
{
	const struct show_kept *k = &s->kept[P_CLASSES];
	struct gs_show_class *list = gs_arena_alloc(s->arena, (k->n_rows + 1) * sizeof *list);

	if (!list)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < k->n_rows; i++) {
		const char *word = show_cell(k, i, "class")->text;
		const int class_ = gs_class_parse(word, strlen(word));
		const struct show_seen *seen = &s->seen[class_ < 0 ? GS_CLASS_UNKNOWN : class_];
		struct gs_show_class *c = &list[i];
		*c = (struct gs_show_class){ .word = word, .meaning = gs_class_meaning((unsigned)class_), .sources = show_number(k, i, "sources"),
					     .packets = show_number(k, i, "packets"), .bytes = show_number(k, i, "bytes"), .looked_at = seen->sightings,
					     .confidence_min = seen->confidence_min, .confidence_max = seen->confidence_max };
		for (unsigned e = 0; e < GS_EVIDENCE_COUNT; e++)
			if (e != GS_EVIDENCE_STOP_BIT && e != GS_EVIDENCE_FOLDED_BIT)
				reason_add(c, gs_evidence_word(e), gs_evidence_meaning(e), seen->evidence[e]);
		for (unsigned stop = 1; stop < GS_STOP_COUNT; stop++)
			reason_add(c, gs_stop_word(stop), gs_stop_text(stop), seen->stops[stop]);
		if (fill_class_days(s, class_ < 0 ? GS_CLASS_UNKNOWN : (unsigned)class_, c, err) < 0)
			return GS_ERR_NOMEM;
	}
	s->dossier.classes = list;
	s->dossier.n_classes = (unsigned)k->n_rows;
	s->dossier.some_reasons = s->stopped;
	s->dossier.undated = s->undated;
	return 0;
}

static void fill_lists(struct gs_show *s)
{
	struct gs_dossier *d = &s->dossier;
	const struct show_kept *differ = &s->disagreements, *bots = &s->bots;

	if (differ->n_rows)
		d->lists[d->n_lists++] = (struct gs_show_list){ "disagreements", "where databases disagree", differ->columns, differ->n_columns, differ->cells, differ->n_rows,
								s->disagreements_total };

	if (bots->n_rows)
		d->lists[d->n_lists++] = (struct gs_show_list){ "bots", "bots behind it", bots->columns, bots->n_columns, bots->cells, bots->n_rows, s->bots_total };
	for (enum show_part p = 0; p < P_COUNT; p++) {
		const struct show_kept *k = &s->kept[p];
		if (!show_parts[p].name || !s->query[p] || !k->n_rows || (p == P_NETWORKS && s->q.subject.kind == GS_SUBJECT_NETWORK))
			continue;
		d->lists[d->n_lists++] = (struct gs_show_list){ show_parts[p].name, show_parts[p].title, k->columns, k->n_columns, k->cells, k->n_rows, s->meta[p].rows_total };
	}
}

static void add_note(struct gs_meta *m, const char *note)
{
	for (unsigned i = 0; note && i < m->n_notes; i++)
		if (strcmp(m->notes[i], note) == 0)
			return;
	if (note && m->n_notes < sizeof m->notes / sizeof *m->notes)
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
	for (unsigned i = 0; i < s->n_bot_notes; i++)
		add_note(m, s->bot_notes[i]);
	if (s->undated)
		add_note(m, gs_arena_printf(s->arena, "%llu packets are in no picture of a class over time: more days than fit in memory (--memory)",
		                            (unsigned long long)s->undated));
	for (enum show_part p = 0; p < P_COUNT; p++) {
		for (unsigned i = 0; s->query[p] && i < s->meta[p].n_notes; i++) {
			const char *note = s->meta[p].notes[i];
			const bool elsewhere = p == P_NEIGHBOURS && strncmp(note, "network and place of", 20) == 0; /* pins of the others */
			if (strncmp(note, "place unknown", 13) != 0 && strncmp(note, "network unknown", 15) != 0 && !elsewhere)
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
	d->bots = d->bots ? d->bots : "";
	d->subject = s->q.subject;
	gs_subject_format(&d->subject, d->name);
	for (enum show_part p = 0; r == 0 && p < P_COUNT; p++)
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
	r = fill_times(s, err);
	if (r == 0)
		r = fill_classes(s, err);
	if (r == 0)
		r = show_where(s, err);
	if (r < 0)
		return r;
	fill_lists(s);
	*ret = d;
	return r;
}
