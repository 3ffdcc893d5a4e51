/* jsonl.c - one object per row and line, nothing else */
#include "render/json_value.h"

static void row(struct gs_render *r, const struct gs_cell *cells)
{
	json_row(&r->out, r->columns, r->n_columns, cells);
	gs_buf_putc(&r->out, '\n');
}

const struct render_ops render_jsonl = { .row = row };
