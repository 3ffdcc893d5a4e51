/*
 * log_find.h - the search for needles: which octets of a block are worth reading as a line
 *
 * Sixteen octets at a time are compared with the few pairs of octets that every needle contains ("47", "gr", ...). Where a pair stands, the needles that have it there, with the octet
 * before it as it is, are compared. So a block without any costs a few instructions per sixteen octets, whatever the number of needles.
 */
#ifndef GS_SOURCE_LOG_FIND_H
#define GS_SOURCE_LOG_FIND_H

#include "grescope/error.h"
#include "source/log.h"

#define LOG_NEEDLES_MAX 250
#define LOG_FORMATS_MAX 64 /* bits of a mask */
#define LOG_ANCHORS 5

extern const char log_anchors[][3]; /* the pairs, ended by "" */

struct log_finder {
	unsigned n;
	uint64_t always;              /* formats without needles: every line is theirs */
	struct {
		const char *text;
		uint8_t len, at;      /* where the pair stands in it */
		uint8_t next;         /* the next needle of the same list, 0: none */
		uint64_t formats;     /* bits of those that have it */
	} needles[LOG_NEEDLES_MAX + 1]; /* from 1 */
	uint8_t first[LOG_ANCHORS][256];        /* by pair and by the octet before it, lower case */
	uint8_t bare[LOG_ANCHORS];              /* needles that begin with the pair */
};

/* Adds the needles of a format. False where one has no anchor, or there are too many. */
bool log_finder_add(struct log_finder *f, const struct log_format *format, unsigned bit);

/* The first place from p on where a needle lies in [start, end): that of its pair. NULL: none. */
const uint8_t *log_finder_next(const struct log_finder *f, const uint8_t *start, const uint8_t *p, const uint8_t *end);

/* Which formats have a needle in this line. */
uint64_t log_finder_formats(const struct log_finder *f, log_cell line);

/* Newlines in [p, end). */
uint64_t log_count_lines(const uint8_t *p, const uint8_t *end);

#endif
