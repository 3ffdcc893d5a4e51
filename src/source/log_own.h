/*
 * log_own.h - formats of logs that somebody describes: a pattern with named groups, and how its time is written
 *
 * The pattern is PCRE2's. It is matched anywhere in a line as it stands in the file (anchor it with ^), and has to be found in whole lines of other text fast: one that contains a piece of plain text of three
 * characters or more which every match must have is tried only on lines that have it.
 * Groups: src (required), dst, proto (a line whose proto is not GRE is passed over; without the group every match is GRE), len (IP total length), datalen (without the IP header), ttl, df (matched: set), packets, bytes,
 * time, and, for what a line may have of the second direction of a flow, nothing. Without the group time the syslog header's counts.
 */
#ifndef GS_SOURCE_LOG_OWN_H
#define GS_SOURCE_LOG_OWN_H

#include <stddef.h>

#include "grescope/error.h"

#define GS_LOG_OWN_MAX 16
#define GS_LOG_OWN_PATTERN_MAX 4096

/* All three are copied. */
struct gs_log_own_format {
	const char *name;    /* one word: letters, digits, - and _; none that is built in */
	const char *pattern;
	const char *time;    /* strptime's letters %Y %m %d %b %e %H %M %S %f (decimals) %z %s %y %j %T %F, %% and %? (any octet); "" or NULL: any form that the built-in formats know */
};

/* Compiles them all. The caller's: gs_log_own_free, after the last source that was opened with it. Errors: GS_ERR_CONFIG (which pattern, at which character, what is wrong), GS_ERR_LIMIT, GS_ERR_NOMEM. */
int gs_log_own_new(const struct gs_log_own_format *list, size_t n, struct gs_log_own **ret, struct gs_error *err);
void gs_log_own_free(struct gs_log_own *own); /* NULL is fine */

#endif
