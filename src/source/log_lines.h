/*
 * log_lines.h - how each line of a log is read, and which formats there are: for people
 */
#ifndef GS_SOURCE_LOG_LINES_H
#define GS_SOURCE_LOG_LINES_H

#include "grescope/error.h"
#include "grescope/sighting.h"
#include "source/source.h"

enum gs_log_word {
	GS_LOG_NO,      /* of no format */
	GS_LOG_OTHER,   /* of a format, but no GRE */
	GS_LOG_GRE,
	GS_LOG_BAD,     /* names protocol 47 and cannot be understood */
	GS_LOG_HEADING, /* names columns */
};
const char *gs_log_word(unsigned word); /* "-", "other", "GRE", "bad", "heading" */

struct gs_log_reading {
	uint64_t line;                       /* its number, 1-based; a line may be told more than once, if it holds several records */
	const char *text;                    /* the line; not ended by NUL */
	size_t len;
	enum gs_log_word word;
	const char *format;                  /* NULL where the word is GS_LOG_NO */
	const struct gs_sighting *sighting;  /* where it is GS_LOG_GRE, else NULL */
	int32_t ip_id;                       /* IPv4 identification, where it is GS_LOG_GRE; -1: the line does not tell it */
	const char *why;                     /* where it is GS_LOG_BAD: a sentence; else NULL */
};

struct gs_log_counts {
	uint64_t lines, records, bad, other, headings, none;
	uint64_t said; /* calls of take for lines that are not GS_LOG_NO */
};

/*
 * Reads a log, compressed or not, and tells of every line: take's result false ends it. Every format is asked about every line, so that also what is passed over unread elsewhere shows.
 * *counts is added to. Result 0, GS_ERR_FORMAT where it is no log (captures, tables of raw data), or as gs_source_sightings.
 */
int gs_log_lines(const char *path, const struct gs_log_options *o, bool (*take)(void *arg, const struct gs_log_reading *r), void *arg,
		 struct gs_log_counts *counts, struct gs_error *err);

struct gs_log_format_info {
	const char *name, *what;
	bool no_public_sample; /* read as its documentation says: no line of GRE was found in public */
};
size_t gs_log_formats_count(void);
void gs_log_format_info(size_t i, struct gs_log_format_info *ret);

#endif
