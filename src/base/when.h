/*
 * when.h - times as people write them: dates, spans back from now, words
 *
 * Everything is UTC; weeks begin on Monday (ISO 8601). "Now" is given. Upper and lower case are the same, and a blank, `-` or `_` between two words.
 *
 *   2017-01-28, 2017-01-28T12:00+02:00, 1485573131   what gs_time_parse reads: that moment
 *   2017, 2017-01, 2017-W04                          the beginning of that year, month, ISO week
 *   now                                              now
 *   30d, 30 days, 30 days ago                        that long before now; s, m (minutes), h, d, w; mo (months) and y (years) by the calendar, at the last day
 *                                                    of the month where it has no such day
 *   today; this hour, day, week, month, year         from the beginning of the one that runs; no end
 *   yesterday; last hour, day, week, month, year     the one before, whole: it has an end
 */
#ifndef GS_BASE_WHEN_H
#define GS_BASE_WHEN_H

#include "grescope/types.h"

struct gs_when {
	struct gs_time at;  /* where it begins */
	struct gs_time end; /* of what is over; GS_TIME_MAX where the words name no end */
};

/* Returns whether text says when; *ret is untouched if not, also where the time lies outside of gs_time's range. */
bool gs_when_parse(const char *text, size_t len, struct gs_time now, struct gs_when *ret);

#endif
