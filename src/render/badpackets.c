/*
 * badpackets.c - the shape of the raw data that started it all: "Source IP",_time,count,Protocol
 *
 * As the original file has it: that first header cell quoted, milliseconds, an offset without colon; the offset is always +0000. One row per sighting,
 * its time that of the first packet, its count the packets. A sighting that stands for many sources (folded) keeps its row and its count, with an
 * empty source, so that the counts still add up; a withheld source is written as the text in its place. Milliseconds are cut, not rounded.
 */
#include "render/out.h"

#include <string.h>

enum { SOURCE, TIME, COUNT, PROTOCOL };

static int begin(struct gs_render *r, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	static const char *const names[] = { [SOURCE] = "src_ip", [TIME] = "timestamp", [COUNT] = "packets", [PROTOCOL] = "protocol" };

	(void)meta;
	(void)complete;
	for (unsigned k = 0; k < 4; k++) {
		unsigned i = 0;
		while (i < r->n_columns && strcmp(r->columns[i].name, names[k]) != 0)
			i++;
		if (i == r->n_columns)
			return gs_fail(err, GS_ERR_USAGE, "--format badpackets has a source, a time, a count and a protocol in each row: it is for `export` only");
		r->at[k] = i;
	}
	if (!r->o.no_header)
		gs_buf_puts(&r->out, "\"Source IP\",_time,count,Protocol\n");
	return 0;
}

static void row(struct gs_render *r, const struct gs_cell *cells)
{
	const struct gs_cell *source = &cells[r->at[SOURCE]], *time = &cells[r->at[TIME]];
	char text[GS_TIME_TEXT_MAX];

	if (source->set && source->as_text)
		gs_buf_puts(&r->out, source->text);
	else
		render_value(&r->out, GS_CELL_ADDR, source);
	gs_buf_putc(&r->out, ',');
	if (time->set) {
		gs_buf_put(&r->out, text, gs_time_format(time->time, 3, text) - 1); /* without its Z */
		gs_buf_puts(&r->out, "+0000");
	}
	gs_buf_putc(&r->out, ',');
	render_value(&r->out, GS_CELL_COUNT, &cells[r->at[COUNT]]);
	gs_buf_putc(&r->out, ',');
	render_value(&r->out, GS_CELL_NUMBER, &cells[r->at[PROTOCOL]]);
	gs_buf_putc(&r->out, '\n');
}

const struct render_ops render_badpackets = { .begin = begin, .row = row };
