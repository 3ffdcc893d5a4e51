/*
 * seen.h - a writer of tables that remembers, for tests of questions
 */
#ifndef GS_TEST_SEEN_H
#define GS_TEST_SEEN_H

#include "grescope/table.h"

#define SEEN_CELL_MAX 96

struct seen {
	const struct gs_column *columns;
	unsigned n_columns;
	char (*cells)[SEEN_CELL_MAX]; /* row by row; "" unknown */
	size_t n_rows, cap;
	unsigned begins, ends, batches;
	bool complete;
	const char *question;
	int fail_rows;
	struct gs_meta meta;          /* its strings may be gone: */
	char findings[16][1200], notes[16][700];
};

struct gs_table_writer seen_writer(struct seen *t);
void seen_done(struct seen *t);

/* The text of a cell; fails the test where there is no such column. */
const char *seen_at(const struct seen *t, size_t row, const char *column);

#endif
