/*
 * text_cell.h - a cell as a person reads it, and how many columns of a terminal it takes
 *
 * Only inside text_locale_enter and text_locale_leave: what a character's width is depends on the locale, and the caller's may be any.
 */
#ifndef GS_RENDER_TEXT_CELL_H
#define GS_RENDER_TEXT_CELL_H

#include "base/buf.h"
#include "grescope/table.h"

struct text_style {
	bool utf8;
	unsigned bar;      /* columns of a share's bar; 0: none */
	unsigned percent;  /* columns of a share's number */
	bool dates_only;   /* times without the time of day */
	bool seconds;      /* times with seconds */
	double full;       /* the share whose bar is full length */
	unsigned text_max; /* columns of text, cut past that; 0: not cut */
};

/* Appends the cell; a column of 0 for nothing. What could move a cursor or hide is replaced, so the result is safe on any terminal. */
void text_cell(struct gs_buf *b, uint8_t type, const struct gs_cell *c, const struct text_style *style);

/* Foreign text, cleaned and cut to max columns (0: not cut) with an ellipsis. Returns the columns it takes. */
unsigned text_put_clean(struct gs_buf *b, const char *text, bool utf8, unsigned max);

/* Columns of clean UTF-8. */
unsigned text_width(const char *text, size_t len);

/* 9999, 12.3k, 4.56M: three digits, rounded. 9999 B, 12.3 KiB. 1,234,567. 3.1 %. */
void text_count(struct gs_buf *b, uint64_t v);
void text_bytes(struct gs_buf *b, uint64_t v);
void text_grouped(struct gs_buf *b, uint64_t v);
void text_percent(struct gs_buf *b, double share);

#endif
