/*
 * render.c - picks the format, keeps its output in one buffer, and writes values the way all data formats write them
 */
#include "render/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(name, word) word,
static const char *const format_words[] = { GS_FORMAT_MAP(X) };
#undef X

static const struct render_ops *const formats[GS_FORMAT_COUNT] = {
	[GS_FORMAT_TEXT] = &render_text, [GS_FORMAT_CSV] = &render_csv,     [GS_FORMAT_TSV] = &render_tsv,
	[GS_FORMAT_JSON] = &render_json, [GS_FORMAT_JSONL] = &render_jsonl, [GS_FORMAT_BADPACKETS] = &render_badpackets,
};

int gs_format_parse(const char *word, size_t len)
{
	for (int i = 0; i < GS_FORMAT_COUNT; i++)
		if (strlen(format_words[i]) == len && memcmp(format_words[i], word, len) == 0)
			return i;
	return -1;
}

const char *gs_format_word(unsigned format)
{
	return format < GS_FORMAT_COUNT ? format_words[format] : "?";
}

int gs_render_new(const struct gs_render_options *o, struct gs_render **ret, struct gs_error *err)
{
	if (o->format >= GS_FORMAT_COUNT)
		return gs_fail(err, GS_ERR_USAGE, "no such output format");
	struct gs_render *r = calloc(1, sizeof *r);
	if (!r || !gs_buf_reserve(&r->out, RENDER_FLUSH + 4096)) {
		gs_render_free(r);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	r->o = *o;
	r->ops = formats[o->format];
	int code = r->ops->open ? r->ops->open(r, err) : 0;
	if (code < 0) {
		gs_render_free(r);
		return code;
	}
	*ret = r;
	return 0;
}

void gs_render_free(struct gs_render *r)
{
	if (!r)
		return;
	if (r->ops && r->ops->close)
		r->ops->close(r);
	gs_buf_done(&r->out);
	free(r);
}

int render_flush(struct gs_render *r, struct gs_error *err)
{
	if (r->out.failed)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	int code = r->out.len ? r->o.write(r->o.arg, r->out.data, r->out.len, err) : 0;
	gs_buf_clear(&r->out);
	return code < 0 ? code : 0;
}

static int begin(void *arg, const struct gs_column *columns, unsigned n_columns, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct gs_render *r = arg;

	r->columns = columns;
	r->n_columns = n_columns;
	r->n_rows = 0;
	return r->ops->begin ? r->ops->begin(r, meta, complete, err) : 0;
}

static int rows(void *arg, const struct gs_table *t, struct gs_error *err)
{
	struct gs_render *r = arg;

	if (r->ops->rows)
		return r->ops->rows(r, t, err);
	for (size_t i = 0; i < t->n_rows; i++) {
		r->ops->row(r, t->cells + i * t->n_columns);
		r->n_rows++;
		int code = r->out.len >= RENDER_FLUSH || r->out.failed ? render_flush(r, err) : 0;
		if (code < 0)
			return code;
	}
	return 0;
}

static int end(void *arg, const struct gs_meta *meta, struct gs_error *err)
{
	struct gs_render *r = arg;
	int code = r->ops->end ? r->ops->end(r, meta, err) : 0;

	return code < 0 ? code : render_flush(r, err);
}

struct gs_table_writer gs_render_writer(struct gs_render *r)
{
	return (struct gs_table_writer){ .begin = begin, .rows = rows, .end = end, .arg = r };
}

/* Six digits that count, however small: 0.0123457, 2.3e-41. */
static void put_small(struct gs_buf *b, double v)
{
	gs_buf_printf(b, "%.6g", v);
}

/* The shortest decimal that is right to six digits after the point: 0.25, 0.333333, 1. */
static void put_real(struct gs_buf *b, double v)
{
	char text[400];
	int n = snprintf(text, sizeof text, "%.6f", v);

	if (n < 0 || (size_t)n >= sizeof text)
		return;
	while (n > 0 && text[n - 1] == '0')
		n--;
	if (n > 0 && text[n - 1] == '.')
		n--;
	gs_buf_put(b, text, (size_t)n);
}

/* 0x and at least `digits` digits. */
static void put_hex(struct gs_buf *b, uint64_t v, unsigned digits)
{
	char text[18], *p = text + sizeof text;

	while (v || digits) {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
		digits -= digits > 0;
	}
	*--p = 'x';
	*--p = '0';
	gs_buf_put(b, p, (size_t)(text + sizeof text - p));
}

void render_value(struct gs_buf *b, uint8_t type, const struct gs_cell *c)
{
	char text[GS_PREFIX_TEXT_MAX];
	struct gs_prefix p;

	if (!c->set)
		return;
	switch (type) {
	case GS_CELL_REAL:
		if (c->real > -0.1 && c->real < 0.1 && c->real != 0) {
			put_small(b, c->real);
			break;
		}
		put_real(b, c->real);
		break;
	case GS_CELL_SHARE:
		put_real(b, c->real);
		break;
	case GS_CELL_BOOL:
		gs_buf_puts(b, c->u64 ? "true" : "false");
		break;
	case GS_CELL_TIME:
		gs_buf_put(b, text, gs_time_format(c->time, 6, text));
		break;
	case GS_CELL_ADDR:
		gs_buf_put(b, text, gs_addr_format(&c->addr, text));
		break;
	case GS_CELL_PREFIX:
		p = (struct gs_prefix){ .base = c->addr, .len = (uint8_t)c->u64 };
		gs_buf_put(b, text, gs_prefix_format(&p, text));
		break;
	case GS_CELL_HEX16:
		put_hex(b, c->u64, 4);
		break;
	case GS_CELL_HEX32:
		put_hex(b, c->u64, 8);
		break;
	default:
		gs_buf_put_u64(b, c->u64);
	}
}
