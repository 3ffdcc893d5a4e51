/*
 * out.h - the renderer as its formats share it: columns, a buffer that is written when it is full, values as data formats write them
 */
#ifndef GS_RENDER_OUT_H
#define GS_RENDER_OUT_H

#include "base/buf.h"
#include "render/render.h"

#define RENDER_FLUSH (64u << 10)

struct gs_render;

/* One per format. NULL members have nothing to do. `rows` where rows are kept, `row` where each is written as it comes. */
struct render_ops {
	int (*open)(struct gs_render *r, struct gs_error *err);
	void (*close)(struct gs_render *r);
	int (*begin)(struct gs_render *r, const struct gs_meta *meta, bool complete, struct gs_error *err);
	void (*row)(struct gs_render *r, const struct gs_cell *cells);
	int (*rows)(struct gs_render *r, const struct gs_table *t, struct gs_error *err);
	int (*end)(struct gs_render *r, const struct gs_meta *meta, struct gs_error *err);
};

struct gs_render {
	struct gs_render_options o;
	const struct render_ops *ops;
	struct gs_buf out;
	const struct gs_column *columns;
	unsigned n_columns;
	uint64_t n_rows;  /* written so far */
	void *state;      /* the format's own */
	unsigned at[4];   /* badpackets: where its columns are */
	bool meta_first;  /* json: the metadata was written at the start */
};

/* Writes what is buffered. 0, GS_ERR_NOMEM, or what the callback returned. */
int render_flush(struct gs_render *r, struct gs_error *err);

/* A value that is not text, as csv, tsv and the insides of JSON strings have it. Nothing for an unknown one. */
void render_value(struct gs_buf *b, uint8_t type, const struct gs_cell *c);

/* Whether the cell holds text: its column's type, or in place of a withheld value. */
static inline bool render_is_text(uint8_t type, const struct gs_cell *c)
{
	return type == GS_CELL_TEXT || c->as_text;
}

extern const struct render_ops render_text, render_csv, render_tsv, render_json, render_jsonl, render_badpackets;

#endif
