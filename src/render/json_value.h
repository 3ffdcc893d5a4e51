/*
 * json_value.h - values and rows as JSON (RFC 8259)
 */
#ifndef GS_RENDER_JSON_VALUE_H
#define GS_RENDER_JSON_VALUE_H

#include "render/out.h"

/* Escaped and quoted; NULL is null. Controls (C1 and DEL too: some terminals obey them) as \u00xx, what is no UTF-8 as U+FFFD. */
void json_string(struct gs_buf *b, const char *text);

/* {"column":value,...}: numbers as numbers, exact however large; times, addresses and hexadecimal as strings; unknown is null. */
void json_row(struct gs_buf *b, const struct gs_column *columns, unsigned n, const struct gs_cell *cells);

/* "name": in an object, with the comma it needs; with a value. */
void json_member(struct gs_buf *b, const char *name);
void json_number(struct gs_buf *b, const char *name, uint64_t v);
void json_text(struct gs_buf *b, const char *name, const char *v);

/* "meta":{...} */
void json_meta(struct gs_buf *b, const struct gs_meta *m);

#endif
