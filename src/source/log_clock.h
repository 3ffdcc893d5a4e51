/*
 * log_clock.h - from a time as written to a point in time
 *
 * Zone: what is written; else the one given; else UTC. Year: what is written; else, where a first year was given, the log is walked forward from it, and a step back of more than
 * half a year is a New Year; else the latest year that does not put the line after the reference (when the file was last written, or now) by more than a day. So
 * a log of less than a year that ends where its file was written is right without any option, across New Year and leap days.
 */
#ifndef GS_SOURCE_LOG_CLOCK_H
#define GS_SOURCE_LOG_CLOCK_H

#include "source/log.h"
#include "source/source.h"

struct log_clock {
	const struct gs_zone *zone; /* NULL: UTC */
	int year;                 /* of the next line that names none, once a first one was given; 0: none was */
	struct gs_time reference; /* GS_TIME_MIN: none */
	struct gs_time last;      /* of the line before; GS_TIME_MIN: none */
};

/* modified: when the input was last written; GS_TIME_MIN: not known. */
void log_clock_start(struct log_clock *c, const struct gs_log_options *o, struct gs_time modified);

/* NULL, or why the time cannot be known ("is missing", "has no year, and none was given"); ret is untouched then. */
const char *log_clock_read(struct log_clock *c, const struct log_time *t, struct gs_time *ret);

#endif
