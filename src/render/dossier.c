/*
 * dossier.c - a dossier for people: who and where, when, what it is and why, then lists
 */
#include "render/dossier.h"

#include "render/text_cell.h"
#include "render/text_pieces.h"

#include <stdio.h>
#include <stdlib.h>

#define LABEL "            " /* as wide as all labels are */
#define INDENT 12
#define SPARK_MAX 60

const char *dossier_day(int64_t day, char out[DOSSIER_DAY_MAX])
{
	int64_t year;
	unsigned month, dom;

	gs_civil_from_days(day, &year, &month, &dom);
	snprintf(out, DOSSIER_DAY_MAX, "%04d-%02u-%02u", (int)year, month, dom);
	return out;
}

static void line(struct gs_render *r, const char *label, struct gs_buf *text)
{
	char padded[INDENT + 1];

	snprintf(padded, sizeof padded, "%-*s", INDENT, label);
	text_line(r, padded, INDENT, gs_buf_text(text));
	r->out.failed |= text->failed;
	gs_buf_clear(text);
}

static void amount(struct gs_buf *b, uint64_t n, const char *one, const char *many)
{
	text_grouped(b, n);
	gs_buf_putc(b, ' ');
	gs_buf_puts(b, n == 1 ? one : many);
}

/* ---- where ---- */

static void put_network(struct gs_buf *b, const struct gs_show_place *p)
{
	if (p->asn)
		gs_buf_printf(b, "AS%u %s", p->asn, p->as_name);
	else
		gs_buf_puts(b, "unknown");
}

static void put_place(struct gs_buf *b, const struct gs_show_place *p)
{
	const char *const names[] = { p->city, p->region, p->country };
	bool any = false;

	for (unsigned i = 0; i < 3; i++) {
		if (!*names[i] || (i && names[i - 1] && strcmp(names[i], names[i - 1]) == 0))
			continue;
		gs_buf_printf(b, "%s%s", any ? ", " : "", names[i]);
		any = true;
	}
	if (!any)
		gs_buf_puts(b, "unknown");
}

static void say_where(struct gs_render *r, const struct gs_dossier *d, struct gs_buf *b)
{
	char first[DOSSIER_DAY_MAX], last[DOSSIER_DAY_MAX];

	if (d->subject.kind != GS_SUBJECT_PREFIX) {
		put_network(b, &d->today);
		if (d->space) {
			gs_buf_puts(b, "; ");
			amount(b, d->space, "IPv4 address", "IPv4 addresses");
		}
		line(r, "network", b);
	}
	if (d->subject.kind == GS_SUBJECT_ADDRESS) {
		put_place(b, &d->today);
		line(r, "place", b);
	}
	for (unsigned i = 0; i < d->n_pins; i++) {
		const struct gs_show_place *p = &d->pins[i];
		gs_buf_printf(b, "%s", dossier_day(p->first_day, first));
		if (p->last_day != p->first_day)
			gs_buf_printf(b, " to %s", dossier_day(p->last_day, last));
		gs_buf_puts(b, ": ");
		put_network(b, p);
		gs_buf_puts(b, "; ");
		put_place(b, p);
		gs_buf_printf(b, " (%s)", p->edition);
		line(r, i ? "" : "pinned", b);
	}
	if (d->more_pins) {
		gs_buf_puts(b, "and more");
		line(r, "", b);
	}
}

static void say_compared(struct gs_render *r, const struct gs_dossier *d, struct gs_buf *b)
{
	const struct gs_show_compared *c = &d->compared;

	if (!c->sources)
		return;
	if (!c->differ) {
		gs_buf_puts(b, "the databases agree");
	} else if (d->subject.kind == GS_SUBJECT_ADDRESS) {
		gs_buf_printf(b, "the databases disagree on the %s", c->network ? c->place ? "network and the place" : "network" : "place");
	} else {
		gs_buf_puts(b, "the databases disagree on ");
		if (c->network) {
			gs_buf_puts(b, "the network of ");
			text_grouped(b, c->network);
		}
		gs_buf_puts(b, c->network && c->place ? " and " : "");
		if (c->place) {
			gs_buf_puts(b, "the place of ");
			text_grouped(b, c->place);
		}
	}
	if (d->subject.kind != GS_SUBJECT_ADDRESS) {
		gs_buf_puts(b, c->differ ? " of " : " on all ");
		amount(b, c->sources, "source", "sources");
		gs_buf_puts(b, " that two of them know");
	}
	gs_buf_puts(b, c->differ ? ": see below" : "");
	line(r, "compared", b);
}

/* ---- when ---- */

static void say_seen(struct gs_render *r, const struct gs_dossier *d, struct gs_buf *b)
{
	char first[GS_TIME_TEXT_MAX], last[GS_TIME_TEXT_MAX];
	const int64_t days = gs_time_floor_s(d->meta.last_seen, 86400) / 86400 - gs_time_floor_s(d->meta.first_seen, 86400) / 86400 + 1;

	gs_time_format(d->meta.first_seen, 0, first);
	gs_time_format(d->meta.last_seen, 0, last);
	gs_buf_printf(b, "%.10s %.8s to %.10s %.8s UTC, on ", first, first + 11, last, last + 11);
	text_grouped(b, d->days);
	gs_buf_puts(b, " of ");
	amount(b, (uint64_t)days, "day", "days");
	line(r, "seen", b);
	amount(b, d->meta.packets, "packet", "packets");
	if (d->meta.bytes) {
		gs_buf_puts(b, ", ");
		text_bytes(b, d->meta.bytes);
	}
	if (d->subject.kind != GS_SUBJECT_ADDRESS) {
		gs_buf_puts(b, d->meta.sources_estimated ? " from about " : " from ");
		amount(b, d->meta.sources, "source", "sources");
	}
	line(r, "traffic", b);
}

/* What one sign of a picture stands for: a day, or as many whole weeks as it takes. */
struct scale {
	int64_t first_day;
	size_t days, n; /* of a sign; signs */
};

static int64_t monday_of(int64_t day) /* 1970-01-01 was a Thursday */
{
	const int64_t n = day + 3;
	return (n / 7 - (n % 7 < 0)) * 7 - 3;
}

static struct scale scale_of(const struct gs_render *r, const struct gs_dossier *d)
{
	const size_t indent = INDENT + 3, room = !r->o.width || r->o.width >= SPARK_MAX + indent ? SPARK_MAX : r->o.width > indent + 10 ? r->o.width - indent : 10;
	struct scale s = { 0 };

	if (d->days == 0)
		return s;
	const int64_t first = d->day[0].day, last = d->day[d->days - 1].day;
	const size_t span = (size_t)(last - first) + 1, weeks = (size_t)(monday_of(last) - monday_of(first)) / 7 + 1;
	if (span <= room)
		return (struct scale){ first, 1, span };
	s.days = (weeks + room - 1) / room * 7;
	s.n = (weeks * 7 + s.days - 1) / s.days;
	s.first_day = monday_of(first);
	return s;
}

static void put_unit(struct gs_buf *b, const struct scale *s)
{
	if (s->days == 1)
		gs_buf_puts(b, "one sign per day");
	else if (s->days == 7)
		gs_buf_puts(b, "one sign per week");
	else
		gs_buf_printf(b, "one sign per %zu weeks", s->days / 7);
}

/* The days as signs, and what the highest stands for. */
static void put_picture(struct gs_render *r, const struct scale *s, const struct gs_show_day *days, size_t n, struct gs_buf *b, char most[96])
{
	static const char *const blocks[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { ".", ":", "-", "=", "+", "*", "%", "#" };
	uint64_t sums[SPARK_MAX] = { 0 };
	char day[DOSSIER_DAY_MAX];
	size_t top = 0;

	for (size_t i = 0; i < n; i++) {
		const size_t at = (size_t)(days[i].day - s->first_day) / s->days;
		if (days[i].day >= s->first_day && at < s->n)
			sums[at] += days[i].packets;
	}
	for (size_t i = 0; i < s->n; i++)
		top = sums[i] > sums[top] ? i : top;
	for (size_t i = 0; i < s->n; i++) {
		const unsigned level = sums[i] ? (unsigned)((double)sums[i] / (double)sums[top] * 7.999) : 0;
		gs_buf_puts(b, !sums[i] ? (r->o.utf8 ? "\u00b7" : "_") : r->o.utf8 ? blocks[level] : plain[level]);
	}
	struct gs_buf t = { 0 };
	amount(&t, sums[top], "packet", "packets");
	snprintf(most, 96, "most %s %s %s", gs_buf_text(&t), s->days == 1 ? "on" : "from", dossier_day(s->first_day + (int64_t)(top * s->days), day));
	if (s->days > 1)
		snprintf(most + strlen(most), 96 - strlen(most), " on");
	b->failed |= t.failed;
	gs_buf_done(&t);
}

static void say_activity(struct gs_render *r, const struct gs_dossier *d, const struct scale *s, struct gs_buf *b)
{
	char most[96];

	if (s->n < 2)
		return;
	put_picture(r, s, d->day, d->days, b, most);
	line(r, "activity", b);
	put_unit(b, s);
	gs_buf_printf(b, ", %s", most);
	line(r, "", b);
}

static void say_gaps(struct gs_render *r, const struct gs_dossier *d, struct gs_buf *b)
{
	char first[DOSSIER_DAY_MAX], last[DOSSIER_DAY_MAX];

	for (unsigned i = 0; i < d->n_gaps; i++) {
		const struct gs_show_gap *g = &d->gaps[i];
		gs_buf_puts(b, i ? "; " : "");
		amount(b, (uint64_t)(g->last_day - g->first_day + 1), "day", "days");
		if (g->first_day == g->last_day)
			gs_buf_printf(b, " (%s)", dossier_day(g->first_day, first));
		else
			gs_buf_printf(b, " (%s to %s)", dossier_day(g->first_day, first), dossier_day(g->last_day, last));
	}
	if (d->n_gaps)
		line(r, "silent", b);
}

/* ---- what and why ---- */

static void say_class(struct gs_render *r, const struct gs_dossier *d, const struct gs_show_class *c, const struct scale *s, struct gs_buf *b)
{
	char label[64], most[96];

	amount(b, c->packets, "packet", "packets");
	gs_buf_puts(b, ", ");
	text_percent(b, d->meta.packets ? (double)c->packets / (double)d->meta.packets : 0);
	gs_buf_printf(b, ": %s", c->meaning);
	snprintf(label, sizeof label, "  %-*s ", INDENT, c->word);
	text_line(r, label, INDENT + 3, gs_buf_text(b));
	gs_buf_clear(b);
	for (unsigned i = 0; i < c->n_reasons; i++) {
		gs_buf_printf(b, "%s%s", i ? "; " : "because ", c->reasons[i].meaning);
		if (c->reasons[i].sightings < c->looked_at) {
			gs_buf_puts(b, " (");
			text_percent(b, (double)c->reasons[i].sightings / (double)c->looked_at);
			gs_buf_puts(b, " of sightings)");
		}
	}
	if (!c->looked_at) {
		gs_buf_puts(b, "the single sightings are no longer there to say why");
	} else if (!c->n_reasons && !c->confidence_max) {
		gs_buf_puts(b, "no rule speaks for any other");
	} else {
		gs_buf_printf(b, "%sconfidence %u", c->n_reasons ? "; " : "", c->confidence_min);
		if (c->confidence_max != c->confidence_min)
			gs_buf_printf(b, " to %u", c->confidence_max);
	}
	text_line(r, LABEL "   ", INDENT + 3, gs_buf_text(b));
	r->out.failed |= b->failed;
	gs_buf_clear(b);
	if (s->n < 2)
		return;
	put_picture(r, s, c->days, c->n_days, b, most);
	gs_buf_printf(b, " %s", most);
	line(r, "", b);
}

/* ---- lists ---- */

/* What is the same in every row, or said above, takes no column. */
static bool needless(const struct gs_dossier *d, const struct gs_show_list *l, const char *column)
{
	const bool by_source = strcmp(l->name, "sources") == 0 || strcmp(l->name, "tunnels") == 0 || strcmp(l->name, "neighbours") == 0;

	if (strcmp(l->name, "disagreements") == 0)
		return strcmp(column, "src_ip") == 0 && d->subject.kind == GS_SUBJECT_ADDRESS;
	if (strcmp(column, "sources") == 0)
		return by_source || d->subject.kind == GS_SUBJECT_ADDRESS;
	if (strcmp(column, "src_asn") == 0 || strcmp(column, "src_as_name") == 0)
		return d->subject.kind == GS_SUBJECT_NETWORK;
	return strcmp(column, "src_ip") == 0 && d->subject.kind == GS_SUBJECT_ADDRESS && strcmp(l->name, "tunnels") == 0;
}

static const struct gs_show_list *list_of(const struct gs_dossier *d, const char *name)
{
	for (unsigned i = 0; i < d->n_lists; i++)
		if (strcmp(d->lists[i].name, name) == 0)
			return &d->lists[i];
	return NULL;
}

static bool any_known(const struct gs_show_list *l, const char *column)
{
	for (unsigned i = 0; i < l->n_columns; i++)
		for (size_t row = 0; row < l->n_rows && strcmp(l->columns[i].name, column) == 0; row++)
			if (l->cells[row * l->n_columns + i].set)
				return true;
	return false;
}

/* A list that says what another says: prefixes of one source each; targets and tunnels of data that know neither destination nor protocol type. */
static bool repeats(const struct gs_dossier *d, const struct gs_show_list *l)
{
	const struct gs_show_list *sources = list_of(d, "sources");
	const uint64_t n = sources ? sources->rows_total : 1;

	if (strcmp(l->name, "prefixes") == 0)
		return l->rows_total == n;
	if (strcmp(l->name, "targets") == 0 || strcmp(l->name, "tunnels") == 0)
		return l->rows_total <= n && !any_known(l, "dst_ip") && !any_known(l, "gre_proto");
	return false;
}

static int put_table(struct gs_render *r, const struct gs_dossier *d, const struct gs_show_list *l, struct gs_error *err)
{
	struct gs_column *columns = malloc(l->n_columns * sizeof *columns);
	struct gs_cell *cells = malloc((l->n_rows + 1) * l->n_columns * sizeof *cells);
	struct gs_table t = { .columns = columns, .cells = cells, .n_rows = l->n_rows };
	int code = columns && cells ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	for (unsigned i = 0; code == 0 && i < l->n_columns; i++)
		if (!needless(d, l, l->columns[i].name))
			columns[t.n_columns++] = l->columns[i];
	for (size_t row = 0, at = 0; code == 0 && row < l->n_rows; row++)
		for (unsigned i = 0; i < l->n_columns; i++)
			if (!needless(d, l, l->columns[i].name))
				cells[at++] = l->cells[row * l->n_columns + i];
	if (code == 0)
		code = text_table(r, &t, err);
	free(columns);
	free(cells);
	return code;
}

static int put_list(struct gs_render *r, const struct gs_dossier *d, const struct gs_show_list *l, struct gs_buf *b, struct gs_error *err)
{
	if (strcmp(l->name, "neighbours") == 0) {
		struct gs_prefix around = gs_prefix_of(&d->subject.prefix.base, d->subject.prefix.base.family == 4 ? 24 : 48);
		char text[GS_PREFIX_TEXT_MAX];
		gs_prefix_format(&around, text);
		gs_buf_printf(b, " in %s", text);
	}
	if (l->rows_total > l->n_rows && strcmp(l->name, "disagreements") == 0) {
		gs_buf_puts(b, ": the sources with most packets");
	} else if (l->rows_total > l->n_rows) {
		gs_buf_puts(b, ", ");
		text_grouped(b, l->n_rows);
		gs_buf_puts(b, " of ");
		text_grouped(b, l->rows_total);
	}
	gs_buf_putc(&r->out, '\n');
	locale_t before = text_locale_enter(r);
	text_title(r, l->title, gs_buf_text(b));
	text_locale_leave(before);
	r->out.failed |= b->failed;
	gs_buf_clear(b);
	int code = put_table(r, d, l, err);
	if (code == 0 && strcmp(l->name, "bots") == 0) {
		before = text_locale_enter(r);
		gs_buf_putc(&r->out, '\n');
		text_line(r, "", 0, d->bots);
		text_locale_leave(before);
	}
	return code;
}

static int dossier_text(struct gs_render *r, const struct gs_dossier *d, struct gs_error *err)
{
	const struct scale scale = scale_of(r, d);
	struct gs_buf b = { 0 };
	locale_t before = text_locale_enter(r);
	int code = 0;

	for (unsigned i = 0; i < d->meta.n_filters; i++)
		gs_buf_printf(&b, " %s", d->meta.filters[i] ? d->meta.filters[i] : "");
	text_title(r, d->name, gs_buf_text(&b));
	gs_buf_clear(&b);
	gs_buf_putc(&r->out, '\n');
	say_where(r, d, &b);
	say_compared(r, d, &b);
	if (d->meta.packets) {
		say_seen(r, d, &b);
		say_activity(r, d, &scale, &b);
		say_gaps(r, d, &b);
		gs_buf_putc(&r->out, '\n');
		text_title(r, "what it is", d->some_reasons ? "; reasons are those of the first sightings" : "");
		for (unsigned i = 0; i < d->n_classes; i++)
			say_class(r, d, &d->classes[i], &scale, &b);
	} else {
		gs_buf_printf(&b, "nothing matched: no packet of %s in what was asked", d->name);
		line(r, "seen", &b);
	}
	text_locale_leave(before);
	for (unsigned i = 0; code == 0 && i < d->n_lists; i++)
		if (!repeats(d, &d->lists[i]))
			code = put_list(r, d, &d->lists[i], &b, err);
	if (code == 0) {
		gs_buf_putc(&r->out, '\n');
		before = text_locale_enter(r);
		text_notes(r, &d->meta);
		text_locale_leave(before);
		code = render_flush(r, err);
	}
	gs_buf_done(&b);
	return code;
}

int gs_render_dossier(struct gs_render *r, const struct gs_dossier *d, struct gs_error *err)
{
	switch (r->o.format) {
	case GS_FORMAT_TEXT:
		return dossier_text(r, d, err);
	case GS_FORMAT_JSON:
		return dossier_json(r, d, err);
	default:
		return gs_fail(err, GS_ERR_USAGE, "a dossier is text or json; for rows ask `grescope report --by ... --src`");
	}
}
