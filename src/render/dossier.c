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

/* Packets per week, or per so many weeks that they fit. */
static void say_weeks(struct gs_render *r, const struct gs_dossier *d, struct gs_buf *b)
{
	static const char *const blocks[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { ".", ":", "-", "=", "+", "*", "%", "#" };
	const unsigned room = r->o.width && r->o.width < SPARK_MAX + INDENT ? (r->o.width > INDENT + 10 ? r->o.width - INDENT : 10) : SPARK_MAX;
	const size_t per = (d->n_weeks + room - 1) / room, n = per ? (d->n_weeks + per - 1) / per : 0;
	uint64_t sums[SPARK_MAX] = { 0 }, most = 0;
	char day[DOSSIER_DAY_MAX];
	size_t top = 0;

	if (d->n_weeks < 2)
		return;
	for (size_t i = 0; i < d->n_weeks; i++)
		sums[i / per] += d->weeks[i].packets;
	for (size_t i = 0; i < n; i++)
		if (sums[i] > most)
			most = sums[top = i];
	for (size_t i = 0; i < n; i++) {
		const unsigned level = sums[i] ? (unsigned)((double)sums[i] / (double)most * 7.999) : 0;
		gs_buf_puts(b, !sums[i] ? (r->o.utf8 ? "\u00b7" : "_") : r->o.utf8 ? blocks[level] : plain[level]);
	}
	line(r, "activity", b);
	if (per == 1)
		gs_buf_puts(b, "one sign per week");
	else
		gs_buf_printf(b, "one sign per %zu weeks", per);
	gs_buf_puts(b, ", most ");
	amount(b, most, "packet", "packets");
	gs_buf_printf(b, " from %s on", dossier_day(d->weeks[top * per].monday, day));
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

static void say_class(struct gs_render *r, const struct gs_dossier *d, const struct gs_show_class *c, struct gs_buf *b)
{
	char label[64];

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
}

/* ---- lists ---- */

/* What is the same in every row, or said above, takes no column. */
static bool needless(const struct gs_dossier *d, const struct gs_show_list *l, const char *column)
{
	const bool by_source = strcmp(l->name, "sources") == 0 || strcmp(l->name, "tunnels") == 0 || strcmp(l->name, "neighbours") == 0;

	if (strcmp(column, "sources") == 0)
		return by_source || d->subject.kind == GS_SUBJECT_ADDRESS;
	if (strcmp(column, "src_asn") == 0 || strcmp(column, "src_as_name") == 0)
		return d->subject.kind == GS_SUBJECT_NETWORK;
	return strcmp(column, "src_ip") == 0 && d->subject.kind == GS_SUBJECT_ADDRESS && strcmp(l->name, "tunnels") == 0;
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
	if (l->rows_total > l->n_rows) {
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
	return put_table(r, d, l, err);
}

static int dossier_text(struct gs_render *r, const struct gs_dossier *d, struct gs_error *err)
{
	struct gs_buf b = { 0 };
	locale_t before = text_locale_enter(r);
	int code = 0;

	for (unsigned i = 0; i < d->meta.n_filters; i++)
		gs_buf_printf(&b, " %s", d->meta.filters[i] ? d->meta.filters[i] : "");
	text_title(r, d->name, gs_buf_text(&b));
	gs_buf_clear(&b);
	gs_buf_putc(&r->out, '\n');
	say_where(r, d, &b);
	if (d->meta.packets) {
		say_seen(r, d, &b);
		say_weeks(r, d, &b);
		say_gaps(r, d, &b);
		gs_buf_putc(&r->out, '\n');
		text_title(r, "what it is", d->some_reasons ? "; reasons are those of the first sightings" : "");
		for (unsigned i = 0; i < d->n_classes; i++)
			say_class(r, d, &d->classes[i], &b);
	} else {
		gs_buf_printf(&b, "nothing matched: no packet of %s in what was asked", d->name);
		line(r, "seen", &b);
	}
	text_locale_leave(before);
	for (unsigned i = 0; code == 0 && i < d->n_lists; i++)
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
