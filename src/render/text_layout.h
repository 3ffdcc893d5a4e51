/*
 * text_layout.h - which columns of a table fit a terminal, and in which form
 */
#ifndef GS_RENDER_TEXT_LAYOUT_H
#define GS_RENDER_TEXT_LAYOUT_H

#include "render/text_cell.h"

#define TEXT_MAX_COLUMNS 64
#define TEXT_GAP 2 /* blanks between columns */

struct text_layout {
	struct text_style style;           /* text_max 0: see max */
	bool shown[TEXT_MAX_COLUMNS];
	bool dropped[TEXT_MAX_COLUMNS];    /* has values, but no room */
	unsigned max[TEXT_MAX_COLUMNS];    /* text is cut to this; 0: whole */
};

/*
 * The widest form that fits `width` columns (0: any). Reduced in this order, text first down to a readable rest: bars, times to dates, text;
 * then columns are left out, the least telling first. Numbers and addresses are never cut; if not even the first column fits, lines are
 * longer than the terminal. `base` says utf8 and full; cells row by row.
 */
int text_layout(struct text_layout *l, const struct gs_column *columns, unsigned n_columns, const struct gs_cell *cells, size_t n_rows,
                unsigned width, const struct text_style *base);

/* The style for a column, times included. */
struct text_style text_layout_style(const struct text_layout *l, const struct gs_column *columns, unsigned column);

#endif
