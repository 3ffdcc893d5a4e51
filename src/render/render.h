/*
 * render.h - tables as text, CSV, TSV, JSON, JSON lines and the raw-data shape of the original post; one file per format
 *
 * Renderers write through a callback, never to a stream of their own, and read nothing but the table and its metadata.
 */
#ifndef GS_RENDER_H
#define GS_RENDER_H

#include "grescope/error.h"
#include "grescope/table.h"

#define GS_FORMAT_MAP(X) X(TEXT, "text") X(CSV, "csv") X(TSV, "tsv") X(JSON, "json") X(JSONL, "jsonl") X(BADPACKETS, "badpackets")

enum gs_format {
#define X(name, word) GS_FORMAT_##name,
	GS_FORMAT_MAP(X)
#undef X
	GS_FORMAT_COUNT,
};

int gs_format_parse(const char *word, size_t len); /* -1 where there is none */
const char *gs_format_word(unsigned format);

struct gs_render_options {
	enum gs_format format;
	bool no_header;
	bool color;      /* text: escape sequences */
	bool utf8;       /* text: bars and box characters beyond ASCII */
	unsigned width;  /* text: columns of the terminal; 0: not limited */
	int (*write)(void *arg, const void *data, size_t len, struct gs_error *err); /* 0 or negative */
	void *arg;
};

/* The renderer is the caller's: gs_render_free. */
struct gs_render;
int gs_render_new(const struct gs_render_options *o, struct gs_render **ret, struct gs_error *err);
void gs_render_free(struct gs_render *r); /* NULL is fine */
struct gs_table_writer gs_render_writer(struct gs_render *r);

/* A dossier as one text or one JSON document; the renderer was made for that format. GS_ERR_USAGE: another one. */
struct gs_dossier;
int gs_render_dossier(struct gs_render *r, const struct gs_dossier *d, struct gs_error *err);

#endif
