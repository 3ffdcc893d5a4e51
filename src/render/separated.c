/*
 * separated.c - csv: RFC 4180, lines ending in LF, UTF-8, quotes only where they are needed; and tsv: tabs between, never quoted
 *
 * Spreadsheets run what looks like a formula, and names in these columns come from strangers: text that begins with = + - @ TAB or CR gets a single
 * quote in front (a reader of the data strips one leading quote). Only text columns: numbers and addresses never begin so. Octets that are no
 * UTF-8 and control characters other than TAB, CR and LF become U+FFFD, since a CSV is shown on terminals too.
 *
 * In tsv tabs and line ends inside text become blanks, other control characters and what is no UTF-8 U+FFFD. Nothing is guarded against spreadsheets there.
 */
#include "render/out.h"
#include "base/utf8.h"

#include <string.h>

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f || *text == '"' || *text == ',')
			return false;
	return true;
}

static void put_csv_text(struct gs_buf *b, const char *text)
{
	const char *guard = *text && strchr("=+-@\t\r", *text) ? "'" : "";

	if (is_plain(text)) {
		gs_buf_puts(b, guard);
		gs_buf_puts(b, text);
		return;
	}
	const bool quoted = strpbrk(text, "\",\r\n") != NULL;
	if (quoted)
		gs_buf_putc(b, '"');
	gs_buf_puts(b, guard);
	for (uint32_t c; (c = gs_utf8_next(&text)) != 0;) {
		if (c == '"')
			gs_buf_putc(b, '"');
		else if (gs_utf8_is_control(c) && c != '\t' && c != '\r' && c != '\n')
			c = UTF8_REPLACEMENT;
		gs_utf8_put(b, c);
	}
	if (quoted)
		gs_buf_putc(b, '"');
}

static void put_tsv_text(struct gs_buf *b, const char *text)
{
	for (uint32_t c; (c = gs_utf8_next(&text)) != 0;) {
		if (c == '\t' || c == '\n' || c == '\r')
			c = ' ';
		else if (gs_utf8_is_control(c))
			c = UTF8_REPLACEMENT;
		gs_utf8_put(b, c);
	}
}

static int begin(struct gs_render *r, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	const char between = r->o.format == GS_FORMAT_TSV ? '\t' : ',';

	(void)meta;
	(void)complete;
	(void)err;
	for (unsigned i = 0; i < r->n_columns && !r->o.no_header; i++) {
		gs_buf_puts(&r->out, r->columns[i].name);
		gs_buf_putc(&r->out, i + 1 < r->n_columns ? between : '\n');
	}
	return 0;
}

/* Made twice, with what differs known to the compiler: rows come by the million. */
static inline __attribute__((always_inline)) void put_row(struct gs_render *r, const struct gs_cell *cells, char between, void (*put_text)(struct gs_buf *b, const char *text))
{
	for (unsigned i = 0; i < r->n_columns; i++) {
		if (i)
			gs_buf_putc(&r->out, between);
		if (!cells[i].set)
			continue;
		if (render_is_text(r->columns[i].type, &cells[i]))
			put_text(&r->out, cells[i].text);
		else
			render_value(&r->out, r->columns[i].type, &cells[i]);
	}
	gs_buf_putc(&r->out, '\n');
}

static void csv_row(struct gs_render *r, const struct gs_cell *cells)
{
	put_row(r, cells, ',', put_csv_text);
}

static void tsv_row(struct gs_render *r, const struct gs_cell *cells)
{
	put_row(r, cells, '\t', put_tsv_text);
}

const struct render_ops render_csv = { .begin = begin, .row = csv_row };
const struct render_ops render_tsv = { .begin = begin, .row = tsv_row };
