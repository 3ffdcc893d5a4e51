/*
 * rawdata.h - tables of protocol-47 packets: which columns they may have, and what a cell says
 */
#ifndef GS_SOURCE_RAWDATA_H
#define GS_SOURCE_RAWDATA_H

#include <stdbool.h>
#include <stddef.h>

#include "grescope/sighting.h"

#define RAW_MAX_COLUMNS 64 /* further ones are not looked at */

/* A piece of a line, without the quotes around it. Borrowed from the line. */
struct raw_cell {
	const char *text;
	size_t len;
};

/* What a row says, collected cell by cell. */
struct raw_row {
	struct gs_sighting sighting;
	bool has_src, has_first, has_last, has_protocol, has_bytes;
	bool other;         /* names another protocol than 47 */
	const char *bad;    /* what the first cell is that cannot be understood: "time"; NULL while all is well */
	struct raw_cell bad_cell;
};

/* How cells of a line are separated. RAW_BLANKS: by runs of blanks and tabs. */
enum raw_separator { RAW_TAB = '\t', RAW_COMMA = ',', RAW_SEMICOLON = ';', RAW_BLANKS = ' ' };

struct raw_layout {
	enum raw_separator separator;
	unsigned n;                      /* columns */
	uint8_t columns[RAW_MAX_COLUMNS]; /* number in the list of known columns; RAW_UNKNOWN where it is none */
};
#define RAW_UNKNOWN 0xff

/* Cuts a line into at most max cells. Result: their number, or -1 where a quote is not closed or something follows it. */
int raw_split(const char *line, size_t len, enum raw_separator separator, struct raw_cell *cells, unsigned max);

/* Reads a heading. False where it does not name source, time and protocol. */
bool raw_layout_read(const char *line, size_t len, struct raw_layout *ret);

/* Starts a row and reads the cells of a line into it. False where the line cannot be cut into the layout's columns. */
bool raw_row_read(const struct raw_layout *l, const char *line, size_t len, struct raw_row *row);

#endif
