/*
 * text.c - for people: a heading, the table, and what must be known to read it
 *
 * Rows are collected, up to ROWS_AT_ONCE, so that columns can be as wide as what is in them and empty ones can stay away; more rows than that
 * get further tables, each with its headings. libsmartcols aligns and colours; what fits is decided before (text_layout.c), since it
 * would cut numbers too. Widths of characters come from a locale: C.UTF-8 is entered for the calling thread while lines are made, so that the
 * output hangs on the options alone. Where the system has no C.UTF-8, everything is ASCII.
 */
#include "render/out.h"
#include "render/text_layout.h"
#include "render/text_pieces.h"

#include "base/arena.h"

#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE 2048u

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define CYAN "\033[36m"
#define PLAIN "\033[0m"

struct text {
	locale_t locale;
	struct gs_cell *cells;  /* rows that wait, texts in the arena */
	struct gs_arena *arena;
	size_t n_rows;
	unsigned tables;
	double full;            /* the largest share so far */
	bool dropped[TEXT_MAX_COLUMNS];
	bool any_dropped;
};

static int open_text(struct gs_render *r, struct gs_error *err)
{
	struct text *t = r->state = calloc(1, sizeof *t);

	if (!t)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	t->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!t->locale)
		r->o.utf8 = false;
	return 0;
}

static void close_text(struct gs_render *r)
{
	struct text *t = r->state;

	if (!t)
		return;
	if (t->locale)
		freelocale(t->locale);
	gs_arena_free(t->arena);
	free(t->cells);
	free(t);
}

static const char *color(const struct gs_render *r, const char *sequence)
{
	return r->o.color ? sequence : "";
}

/* -- lines of prose ------------------------------------------------------------------------------------------------------------------ */

/* Words with breaks where the width asks for them; further lines start with `indent` blanks. The text is foreign: cleaned. */
static void put_prose(struct gs_render *r, const char *text, unsigned column, unsigned indent)
{
	struct gs_buf b = { 0 };
	unsigned at = column;
	bool first = true;

	text_put_clean(&b, text, r->o.utf8, 0);
	const char *p = b.data, *end = p + b.len;
	while (p < end) {
		const char *blank = memchr(p, ' ', (size_t)(end - p)), *stop = blank ? blank : end;
		const unsigned w = text_width(p, (size_t)(stop - p));
		if (!first && r->o.width && at > indent && at + 1 + w > r->o.width) {
			gs_buf_putc(&r->out, '\n');
			for (at = 0; at < indent; at++)
				gs_buf_putc(&r->out, ' ');
		} else if (!first) {
			gs_buf_putc(&r->out, ' ');
			at++;
		}
		first = false;
		gs_buf_put(&r->out, p, (size_t)(stop - p));
		at += w;
		p = blank ? blank + 1 : end;
	}
	gs_buf_putc(&r->out, '\n');
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

static void put_line(struct gs_render *r, const char *label, const char *paint, const char *text)
{
	gs_buf_puts(&r->out, color(r, paint));
	gs_buf_puts(&r->out, label);
	gs_buf_puts(&r->out, *label ? color(r, PLAIN) : "");
	put_prose(r, text, (unsigned)strlen(label), 2);
}

static void put_heading(struct gs_render *r, const struct gs_meta *m)
{
	struct gs_buf filters = { 0 };
	const char *question = m->question ? m->question : "table";

	gs_buf_puts(&r->out, color(r, BOLD));
	const unsigned w = text_put_clean(&r->out, question, r->o.utf8, 0);
	gs_buf_puts(&r->out, color(r, PLAIN));
	for (unsigned i = 0; i < m->n_filters; i++) {
		gs_buf_putc(&filters, ' ');
		gs_buf_puts(&filters, m->filters[i] ? m->filters[i] : "");
	}
	put_prose(r, gs_buf_text(&filters), w, 2);
	gs_buf_putc(&r->out, '\n');
	r->out.failed |= filters.failed;
	gs_buf_done(&filters);
}

/* The answer in sentences, from one place of the list to another, a line each. */
static void put_findings(struct gs_render *r, const struct gs_meta *m, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		put_prose(r, m->findings[i] ? m->findings[i] : "", 0, 0);
}

/* -- the table ----------------------------------------------------------------------------------------------------------------------- */

static bool is_right(uint8_t type)
{
	switch (type) {
	case GS_CELL_COUNT:
	case GS_CELL_BYTES:
	case GS_CELL_NUMBER:
	case GS_CELL_REAL:
		return true;
	default:
		return false;
	}
}

/* Classes that mean harm stand out. */
static const char *class_color(const struct gs_column *c, const struct gs_cell *cell)
{
	if ((strcmp(c->name, "class") != 0 && strcmp(c->name, "top_class") != 0) || !cell->set)
		return NULL;
	if (strncmp(cell->text, "flood.", 6) == 0 || strncmp(cell->text, "exploit.", 8) == 0)
		return RED;
	return strncmp(cell->text, "scan.", 5) == 0 || strcmp(cell->text, "remnant") == 0 ? YELLOW : NULL;
}

static int add_row(const struct gs_render *r, const struct text_layout *l, struct libscols_table *tb, const struct gs_cell *cells)
{
	struct libscols_line *line = scols_table_new_line(tb, NULL);
	struct gs_buf b = { 0 };
	size_t at = 0;

	if (!line)
		return GS_ERR_NOMEM;
	for (unsigned i = 0; i < r->n_columns && i < TEXT_MAX_COLUMNS; i++) {
		if (!l->shown[i])
			continue;
		const struct text_style style = text_layout_style(l, r->columns, i);
		gs_buf_clear(&b);
		text_cell(&b, r->columns[i].type, &cells[i], &style);
		if (scols_line_set_data(line, at, gs_buf_text(&b)) != 0 || b.failed) {
			gs_buf_done(&b);
			return GS_ERR_NOMEM;
		}
		struct libscols_cell *ce = scols_line_get_cell(line, at++);
		const char *paint = cells[i].set ? class_color(&r->columns[i], &cells[i]) : DIM;
		if (r->o.color && ce && paint)
			scols_cell_set_color(ce, paint);
	}
	gs_buf_done(&b);
	return 0;
}

static int add_columns(const struct gs_render *r, const struct text_layout *l, struct libscols_table *tb)
{
	for (unsigned i = 0; i < r->n_columns && i < TEXT_MAX_COLUMNS; i++) {
		if (!l->shown[i])
			continue;
		struct libscols_column *c = scols_table_new_column(tb, r->columns[i].title, 0, is_right(r->columns[i].type) ? SCOLS_FL_RIGHT : 0);
		if (!c)
			return GS_ERR_NOMEM;
		if (!r->o.color)
			continue;
		scols_cell_set_color(scols_column_get_header(c), BOLD);
		if (r->columns[i].type == GS_CELL_SHARE)
			scols_column_set_color(c, CYAN);
	}
	return 0;
}

/* libsmartcols' lines, without the blanks at their ends. */
static void put_lines(struct gs_buf *out, const char *text)
{
	while (*text) {
		const char *end = strchrnul(text, '\n'), *last = end;
		while (last > text && last[-1] == ' ')
			last--;
		gs_buf_put(out, text, (size_t)(last - text));
		gs_buf_putc(out, '\n');
		text = *end ? end + 1 : end;
	}
}

static int print_table(struct gs_render *r, const struct text_layout *l)
{
	const struct text *t = r->state;
	struct libscols_table *tb = scols_new_table();
	char *text = NULL;
	int code = GS_ERR_NOMEM;

	if (!tb)
		return code;
	scols_table_set_termforce(tb, SCOLS_TERMFORCE_NEVER); /* no width of its own: the layout is made */
	scols_table_enable_noencoding(tb, 1);                 /* cleaned already */
	scols_table_enable_colors(tb, r->o.color);
	scols_table_enable_noheadings(tb, r->o.no_header);
	if (scols_table_set_column_separator(tb, "  ") != 0 || add_columns(r, l, tb) < 0)
		goto out;
	for (size_t i = 0; i < t->n_rows; i++)
		if (add_row(r, l, tb, t->cells + i * r->n_columns) < 0)
			goto out;
	if (scols_print_table_to_string(tb, &text) != 0)
		goto out;
	put_lines(&r->out, text);
	code = 0;
out:
	free(text);
	scols_unref_table(tb);
	return code;
}

static int flush_table(struct gs_render *r, struct gs_error *err)
{
	struct text *t = r->state;
	struct text_layout l;

	if (t->n_rows == 0)
		return 0;
	const struct text_style base = { .utf8 = r->o.utf8, .full = t->full };
	if (t->tables++ && !r->o.no_header)
		gs_buf_putc(&r->out, '\n');
	const locale_t before = t->locale ? uselocale(t->locale) : (locale_t)0;
	int code = text_layout(&l, r->columns, r->n_columns, t->cells, t->n_rows, r->o.width, &base);
	if (code == 0)
		code = print_table(r, &l);
	if (before)
		uselocale(before);
	if (code < 0)
		return gs_fail(err, code, "out of memory");
	for (unsigned i = 0; i < TEXT_MAX_COLUMNS; i++) {
		t->dropped[i] |= l.dropped[i];
		t->any_dropped |= l.dropped[i];
	}
	r->n_rows += t->n_rows;
	t->n_rows = 0;
	gs_arena_free(t->arena);
	t->arena = NULL;
	return render_flush(r, err);
}

static int keep_row(struct gs_render *r, const struct gs_cell *cells)
{
	struct text *t = r->state;

	if (!t->arena && !(t->arena = gs_arena_new(0)))
		return GS_ERR_NOMEM;
	for (unsigned i = 0; i < r->n_columns; i++) {
		struct gs_cell *c = &t->cells[t->n_rows * r->n_columns + i];
		*c = cells[i];
		if (c->set && render_is_text(r->columns[i].type, c) && !(c->text = gs_arena_strndup(t->arena, c->text, strlen(c->text))))
			return GS_ERR_NOMEM;
		if (c->set && r->columns[i].type == GS_CELL_SHARE && !c->as_text && c->real > t->full)
			t->full = c->real;
	}
	t->n_rows++;
	return 0;
}

static int rows(struct gs_render *r, const struct gs_table *table, struct gs_error *err)
{
	struct text *t = r->state;
	int code = 0;

	for (size_t i = 0; i < table->n_rows && code == 0; i++) {
		if (keep_row(r, table->cells + i * table->n_columns) < 0)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		if (t->n_rows == ROWS_AT_ONCE)
			code = flush_table(r, err);
	}
	return code;
}

static int begin(struct gs_render *r, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct text *t = r->state;

	(void)complete;
	free(t->cells);
	t->n_rows = 0;
	t->cells = malloc(ROWS_AT_ONCE * r->n_columns * sizeof *t->cells);
	if (!t->cells)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	const locale_t before = t->locale ? uselocale(t->locale) : (locale_t)0;
	if (!r->o.no_header)
		put_heading(r, meta);
	put_findings(r, meta, 0, meta->n_findings_first);
	if (meta->n_findings_first)
		gs_buf_putc(&r->out, '\n');
	if (before)
		uselocale(before);
	return 0;
}

/* -- the summary --------------------------------------------------------------------------------------------------------------------- */

static void put_amount(struct gs_buf *b, uint64_t n, const char *one, const char *many)
{
	text_grouped(b, n);
	gs_buf_putc(b, ' ');
	gs_buf_puts(b, n == 1 ? one : many);
}

static void say_totals(struct gs_render *r, const struct gs_meta *m)
{
	struct gs_buf b = { 0 };

	put_amount(&b, m->packets, "packet", "packets");
	if (m->bytes) {
		gs_buf_puts(&b, ", ");
		put_amount(&b, m->bytes, "byte", "bytes");
		if (m->bytes >= 10000) {
			gs_buf_puts(&b, " (");
			text_bytes(&b, m->bytes);
			gs_buf_putc(&b, ')');
		}
	} else if (m->packets) {
		gs_buf_puts(&b, ", bytes unknown");
	}
	gs_buf_puts(&b, m->sources_estimated ? ", about " : ", ");
	put_amount(&b, m->sources, "source", "sources");
	gs_buf_puts(&b, " in ");
	put_amount(&b, m->sightings, "sighting", "sightings");
	put_line(r, "", "", gs_buf_text(&b));
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

static void say_span(struct gs_render *r, const struct gs_meta *m)
{
	static const struct {
		int64_t seconds;
		const char *one, *many;
	} units[] = { { 86400, "day", "days" }, { 3600, "hour", "hours" }, { 60, "minute", "minutes" }, { 1, "second", "seconds" } };
	char first[GS_TIME_TEXT_MAX], last[GS_TIME_TEXT_MAX];
	struct gs_buf b = { 0 };
	const uint64_t span = ((uint64_t)m->last_seen.ns - (uint64_t)m->first_seen.ns) / (uint64_t)GS_NS_PER_S;
	size_t u = 0;

	gs_time_format(m->first_seen, 0, first);
	gs_time_format(m->last_seen, 0, last);
	while (u < 3 && span < 2 * (uint64_t)units[u].seconds)
		u++;
	const uint64_t n = span / (uint64_t)units[u].seconds;
	gs_buf_printf(&b, "%.10s %.8s to %.10s %.8s UTC (", first, first + 11, last, last + 11);
	put_amount(&b, n, units[u].one, units[u].many);
	gs_buf_putc(&b, ')');
	put_line(r, "", "", gs_buf_text(&b));
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

static void say_rows(struct gs_render *r, const struct gs_meta *m)
{
	const struct text *t = r->state;
	struct gs_buf b = { 0 };

	if (r->n_rows < m->rows_total) {
		text_grouped(&b, r->n_rows);
		gs_buf_puts(&b, " of ");
		put_amount(&b, m->rows_total, "row", "rows");
		put_line(r, "", "", gs_buf_text(&b));
	}
	gs_buf_clear(&b);
	for (unsigned i = 0; i < r->n_columns && i < TEXT_MAX_COLUMNS && t->any_dropped; i++)
		if (t->dropped[i])
			gs_buf_printf(&b, "%s%s", b.len ? ", " : " ", r->columns[i].title);
	if (t->any_dropped) {
		gs_buf_puts(&b, "; csv and json have every column");
		put_line(r, "no room for:", DIM, gs_buf_text(&b));
	}
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

/* What a sensor did not see, or saw and could not keep. */
static void say_sensor(struct gs_render *r, const struct gs_tally *t)
{
	const uint64_t lost = gs_tally_sensor_lost(t), below = t->dropped[GS_DROP_BELOW];
	struct gs_buf b = { 0 };

	if (!lost && !below)
		return;
	gs_buf_puts(&b, " seen ");
	put_amount(&b, t->packets, "packet", "packets");
	gs_buf_puts(&b, ", lost in the sensor ");
	text_grouped(&b, lost);
	gs_buf_puts(&b, ", possibly lost below ");
	text_grouped(&b, below);
	put_line(r, "sensor:", DIM, gs_buf_text(&b));
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

/* What was read and is in no row. */
static void say_rest(struct gs_render *r, const struct gs_tally *t)
{
	struct gs_buf b = { 0 };
	uint64_t lost = 0;

	for (unsigned i = 1; i < GS_LOST_COUNT; i++)
		lost += t->lost[i];
	if (t->fragments) {
		gs_buf_putc(&b, ' ');
		put_amount(&b, t->fragments, "later fragment", "later fragments");
		gs_buf_puts(&b, " of protocol 47");
	}
	if (t->gre_udp_hidden) {
		gs_buf_puts(&b, b.len ? ", " : " ");
		put_amount(&b, t->gre_udp_hidden, "packet", "packets");
		gs_buf_puts(&b, " of GRE in UDP (--include-udp)");
	}
	if (lost) {
		gs_buf_puts(&b, b.len ? ", " : " ");
		put_amount(&b, lost, "frame", "frames");
		gs_buf_puts(&b, " not judged");
		for (unsigned i = 1, n = 0; i < GS_LOST_COUNT; i++)
			if (t->lost[i]) {
				gs_buf_printf(&b, "%s%s", n++ ? ", " : ": ", gs_lost_text(i));
				if (t->lost[i] < lost) {
					gs_buf_puts(&b, " (");
					text_grouped(&b, t->lost[i]);
					gs_buf_putc(&b, ')');
				}
			}
	}
	if (t->records_bad) {
		gs_buf_puts(&b, b.len ? ", " : " ");
		put_amount(&b, t->records_bad, "row", "rows");
		gs_buf_puts(&b, " not understood");
	}
	if (b.len)
		put_line(r, "not in the table:", DIM, gs_buf_text(&b));
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

/* A packet without a time has to stand somewhere: nobody should take it for one of 1970. */
static void say_undated(struct gs_render *r, const struct gs_tally *t)
{
	struct gs_buf b = { 0 };

	if (!t->undated)
		return;
	gs_buf_putc(&b, ' ');
	put_amount(&b, t->undated, "packet has", "packets have");
	gs_buf_puts(&b, " no time in the file (simple blocks of pcapng): 1970-01-01 (or the file's offset) stands in its place");
	put_line(r, "note:", DIM, gs_buf_text(&b));
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

static void say_databases(struct gs_render *r, const struct gs_meta *m)
{
	struct gs_buf b = { 0 };

	for (unsigned i = 0; i < m->n_databases; i++) {
		const struct gs_database *d = &m->databases[i];
		gs_buf_clear(&b);
		gs_buf_printf(&b, " %s, %s", d->name ? d->name : "?", d->edition ? d->edition : "?");
		if (d->credit && *d->credit)
			gs_buf_printf(&b, "; %s", d->credit);
		put_line(r, "data:", DIM, gs_buf_text(&b));
	}
	r->out.failed |= b.failed;
	gs_buf_done(&b);
}

static void say_notes(struct gs_render *r, const struct gs_meta *m)
{
	char note[640];

	say_sensor(r, &m->tally);
	say_rest(r, &m->tally);
	say_undated(r, &m->tally);
	for (unsigned i = 0; i < m->n_notes; i++) {
		note[0] = ' ';
		strncpy(note + 1, m->notes[i] ? m->notes[i] : "", sizeof note - 2);
		note[sizeof note - 1] = '\0';
		put_line(r, "note:", YELLOW, note);
	}
	say_databases(r, m);
}

static void put_summary(struct gs_render *r, const struct gs_meta *m)
{
	if (r->n_rows == 0)
		gs_buf_puts(&r->out, "nothing matched\n");
	gs_buf_putc(&r->out, '\n');
	put_findings(r, m, m->n_findings_first, m->n_findings);
	if (m->n_findings > m->n_findings_first)
		gs_buf_putc(&r->out, '\n');
	if (!m->no_totals)
		say_totals(r, m);
	if (m->packets)
		say_span(r, m);
	say_rows(r, m);
	say_notes(r, m);
}

static int end(struct gs_render *r, const struct gs_meta *meta, struct gs_error *err)
{
	struct text *t = r->state;
	int code = flush_table(r, err);

	if (code < 0)
		return code;
	const locale_t before = t->locale ? uselocale(t->locale) : (locale_t)0;
	put_summary(r, meta);
	if (before)
		uselocale(before);
	return 0;
}

const struct render_ops render_text = { .open = open_text, .close = close_text, .begin = begin, .rows = rows, .end = end };

/* -- pieces, for texts that are more than one table ------------------------------------------------------------------------------------- */

locale_t text_locale_enter(const struct gs_render *r)
{
	const struct text *t = r->state;
	return t->locale ? uselocale(t->locale) : (locale_t)0;
}

void text_locale_leave(locale_t before)
{
	if (before)
		uselocale(before);
}

void text_line(struct gs_render *r, const char *label, unsigned indent, const char *text)
{
	gs_buf_puts(&r->out, color(r, DIM));
	gs_buf_puts(&r->out, label);
	gs_buf_puts(&r->out, *label ? color(r, PLAIN) : "");
	put_prose(r, text, (unsigned)strlen(label), indent);
}

void text_title(struct gs_render *r, const char *title, const char *rest)
{
	gs_buf_puts(&r->out, color(r, BOLD));
	const unsigned w = text_put_clean(&r->out, title, r->o.utf8, 0);
	gs_buf_puts(&r->out, color(r, PLAIN));
	put_prose(r, rest, w, 2);
}

void text_notes(struct gs_render *r, const struct gs_meta *meta)
{
	say_notes(r, meta);
}

int text_table(struct gs_render *r, const struct gs_table *table, struct gs_error *err)
{
	struct text *t = r->state;

	free(t->cells);
	t->cells = malloc(ROWS_AT_ONCE * table->n_columns * sizeof *t->cells);
	if (!t->cells)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	t->n_rows = 0;
	t->tables = 0;
	t->full = 0;
	r->columns = table->columns;
	r->n_columns = table->n_columns;
	int code = rows(r, table, err);
	return code < 0 ? code : flush_table(r, err);
}
