/* seen.c - a writer of tables that remembers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seen.h"

static void cell_text(uint8_t type, const struct gs_cell *c, char out[SEEN_CELL_MAX])
{
	struct gs_prefix p;

	out[0] = '\0';
	if (!c->set)
		return;
	if (c->as_text) {
		snprintf(out, SEEN_CELL_MAX, "%s", c->text);
		return;
	}
	switch (type) {
	case GS_CELL_TEXT:
		snprintf(out, SEEN_CELL_MAX, "%s", c->text);
		break;
	case GS_CELL_SHARE:
	case GS_CELL_REAL:
		snprintf(out, SEEN_CELL_MAX, "%.15g", c->real);
		break;
	case GS_CELL_TIME:
		gs_time_format(c->time, 6, out);
		break;
	case GS_CELL_ADDR:
		gs_addr_format(&c->addr, out);
		break;
	case GS_CELL_PREFIX:
		p = (struct gs_prefix){ c->addr, (uint8_t)c->u64 };
		gs_prefix_format(&p, out);
		break;
	case GS_CELL_HEX16:
		snprintf(out, SEEN_CELL_MAX, "0x%04x", (unsigned)c->u64);
		break;
	case GS_CELL_HEX32:
		snprintf(out, SEEN_CELL_MAX, "0x%08x", (unsigned)c->u64);
		break;
	default:
		snprintf(out, SEEN_CELL_MAX, "%" PRIu64, c->u64);
	}
}

static int begin(void *arg, const struct gs_column *columns, unsigned n, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct seen *t = arg;

	(void)err;
	t->begins++;
	t->columns = columns;
	t->n_columns = n;
	t->complete = complete;
	t->question = meta->question;
	return 0;
}

static int rows_come(void *arg, const struct gs_table *rows, struct gs_error *err)
{
	struct seen *t = arg;

	assert_int_equal(t->begins, 1);
	assert_int_equal(t->ends, 0);
	if (t->fail_rows)
		return gs_fail(err, GS_ERR_IO, "the disk is full");
	t->batches++;
	if (t->n_rows + rows->n_rows > t->cap) {
		t->cap = (t->n_rows + rows->n_rows) * 2;
		t->cells = realloc(t->cells, t->cap * t->n_columns * SEEN_CELL_MAX);
		assert_non_null(t->cells);
	}
	for (size_t i = 0; i < rows->n_rows * rows->n_columns; i++)
		cell_text(rows->columns[i % rows->n_columns].type, &rows->cells[i], t->cells[t->n_rows * t->n_columns + i]);
	t->n_rows += rows->n_rows;
	return 0;
}

static int end(void *arg, const struct gs_meta *meta, struct gs_error *err)
{
	struct seen *t = arg;

	(void)err;
	t->ends++;
	t->meta = *meta;
	for (unsigned i = 0; i < meta->n_findings; i++)
		snprintf(t->findings[i], sizeof t->findings[i], "%s", meta->findings[i]);
	for (unsigned i = 0; i < meta->n_notes; i++)
		snprintf(t->notes[i], sizeof t->notes[i], "%s", meta->notes[i]);
	return 0;
}

const char *seen_at(const struct seen *t, size_t row, const char *column)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		if (strcmp(t->columns[i].name, column) == 0)
			return t->cells[row * t->n_columns + i];
	fail_msg("no column %s", column);
	return "";
}

struct gs_table_writer seen_writer(struct seen *t)
{
	return (struct gs_table_writer){ begin, rows_come, end, t };
}

void seen_done(struct seen *t)
{
	free(t->cells);
	*t = (struct seen){ 0 };
}
