/*
 * text_pieces.h - what a text of several tables is made of; the renderer is one of format text
 */
#ifndef GS_RENDER_TEXT_PIECES_H
#define GS_RENDER_TEXT_PIECES_H

#include "render/out.h"

#include <locale.h>

/* Around everything that puts lines: what a character's width is depends on the locale. */
locale_t text_locale_enter(const struct gs_render *r);
void text_locale_leave(locale_t before);

/* A label, then words with breaks where the width asks for them; further lines start with `indent` blanks. The text is foreign: cleaned. */
void text_line(struct gs_render *r, const char *label, unsigned indent, const char *text);
void text_title(struct gs_render *r, const char *title, const char *rest);

/* What was read and is nowhere in the answer, notes, databases. */
void text_notes(struct gs_render *r, const struct gs_meta *meta);

/* A table with its headings. Outside of the locale. */
int text_table(struct gs_render *r, const struct gs_table *table, struct gs_error *err);

#endif
