/*
 * tsv.c - tab-separated values, never quoted
 *
 * Tabs and line ends inside text become blanks, octets that are no UTF-8 and other control characters U+FFFD. Nothing is guarded against
 * spreadsheets (csv.c is the format for those).
 */
#include "render/out.h"
#include "base/utf8.h"

static void put_text(struct gs_buf *b, const char *text)
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
	(void)meta;
	(void)complete;
	(void)err;
	for (unsigned i = 0; i < r->n_columns && !r->o.no_header; i++) {
		gs_buf_puts(&r->out, r->columns[i].name);
		gs_buf_putc(&r->out, i + 1 < r->n_columns ? '\t' : '\n');
	}
	return 0;
}

static void row(struct gs_render *r, const struct gs_cell *cells)
{
	for (unsigned i = 0; i < r->n_columns; i++) {
		if (i)
			gs_buf_putc(&r->out, '\t');
		if (!cells[i].set)
			continue;
		if (render_is_text(r->columns[i].type, &cells[i]))
			put_text(&r->out, cells[i].text);
		else
			render_value(&r->out, r->columns[i].type, &cells[i]);
	}
	gs_buf_putc(&r->out, '\n');
}

const struct render_ops render_tsv = { .begin = begin, .row = row };
