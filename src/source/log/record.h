/*
 * record.h - what formats of this folder share: pairs into named places, times in pieces, and records that count both directions
 */
#ifndef GS_SOURCE_LOG_RECORD_H
#define GS_SOURCE_LOG_RECORD_H

#include "source/log.h"

/* The line with all that was put before the message; the message alone where it came wrapped in something else. */
log_cell log_record(const struct log_line *line);

/* The message from its first brace on: a JSON object, if it is one. Empty where there is none. */
log_cell log_object(const struct log_line *line);

/* log_token, and the blanks behind it are gone too. */
static inline log_cell log_step(log_cell *c)
{
	const log_cell word = log_token(c);

	*c = log_trim(*c);
	return word;
}

/* A key whose value is wanted, and where to. The first of equal keys counts: what follows may be text that a stranger chose. Case
 * counts. */
struct log_wanted {
	log_cell key;
	log_cell *value;
};

void log_wanted_put(const struct log_wanted *wanted, size_t n, log_cell key, log_cell value);

/* All of them from key=value pairs (log_pair_next). */
void log_wanted_find(log_cell m, const struct log_wanted *wanted, size_t n);

/*
 * Sets the row's time from a date, a time of day and a zone (empty: none) that stand apart. A zone that means more than one thing ("IST")
 * is left out: the reader's zone counts then. False, with row->bad set, where they are no time.
 */
bool log_time_join(struct log_row *row, log_cell date, log_cell time, log_cell zone);

/* A length in whole seconds that ends (or, `start`, begins) with the row's time. What is no number is left out. */
void log_seconds_set(struct log_row *row, log_cell seconds, bool start);

/*
 * A sighting has one source. A record that says "12 packets there, 3 back" is two of them, each with its own counts: the core asks a
 * second time for what came back (row->both, line->back), and the line is read again with the sides changed over.
 */
struct log_sides {
	log_cell packets[2]; /* [0]: from source to destination, [1]: back. Empty, "-" and 0 are all the same: not counted */
	log_cell bytes[2];   /* only where the format counts IP total lengths; empty otherwise */
};

/*
 * Ends a row whose source and destination are set. Where nothing is counted it stays one packet from the source: a record is never less.
 * Counted: fidelity `flow`. Result: LOG_GRE, or LOG_BAD where a count is no number.
 */
enum log_word log_sides_end(const struct log_line *line, struct log_row *row, const struct log_sides *s);

#endif
