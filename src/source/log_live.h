/* log_live.h - a source of log lines whose end is only the end of what is there so far: log.c for follow.c */
#ifndef GS_SOURCE_LOG_LIVE_H
#define GS_SOURCE_LOG_LIVE_H

#include "source/source.h"

/* A source without a descriptor yet; the caller puts one into its stream and takes it out again. gs_source_close. */
int log_live_new(const char *name, const struct gs_log_options *o, struct gs_source **ret, struct gs_error *err);
void log_live_now(struct gs_source *s, struct gs_time now); /* for years that are not written */

/* What a file begins with whose lines are read from further on only: headings that name their columns. */
void log_live_prime(struct gs_source *s, const char *text, size_t len);

/* As gs_source_sightings; also ends, with 0, once `until` unwrapped octets were read. A line without its end stays. */
int log_live_read(struct gs_source *s, uint64_t until, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally, struct gs_error *err);

void log_live_flush(struct gs_source *s);         /* what is unfinished at the next end is a line */
bool log_live_flushed(const struct gs_source *s); /* and was one */
void log_live_reset(struct gs_source *s);         /* drops what is unfinished: another beginning follows */
bool log_live_between(const struct gs_source *s); /* all that the last line had to say was given */
void log_live_counts(const struct gs_source *s, uint64_t *ret_lines, uint64_t *ret_long);

#endif
