/*
 * log_own.h - formats of logs that somebody describes: a pattern with named groups, and how its time is written
 *
 * The pattern is PCRE2's and is matched anywhere in a line as it stands in the file (anchor it with ^). One that contains, outside of brackets and alternatives, three or more plain
 * characters in a row is tried only on lines that have them: lines are found by search then, and not by matching each.
 * Groups: src (required); dst; proto (a line whose proto is not GRE is passed over; without the group every match is GRE); len (IP total length) or datalen (without the IP
 * header); ttl; id (IPv4 identification); df (matched at all: set); packets; bytes; time. Without time the syslog header's counts.
 * A match that takes too many steps is given up and its line counted as bad.
 */
#ifndef GS_SOURCE_LOG_OWN_H
#define GS_SOURCE_LOG_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "grescope/error.h"

#define GS_LOG_OWN_MAX 32
#define GS_LOG_OWN_NAME_MAX 32
#define GS_LOG_OWN_PATTERN_MAX 4096

/* All three are copied. */
struct gs_log_own_format {
	const char *name;    /* letters, digits, - and _; none that is built in, and no other's */
	const char *pattern;
	const char *time;    /* %Y %y %m %d %e %b %j %H %I %p %M %S %f (decimals of the second) %z %s %T %F and %%, all else as it stands, blanks any number of them; "" or NULL: any
	                      * form that the built-in formats know */
};

struct gs_log_own;

/* Compiles them all. The caller's: gs_log_own_free, after the last source that was opened with it. May be shared by threads. Errors: GS_ERR_CONFIG (which format, what is wrong, where), GS_ERR_NOMEM. */
int gs_log_own_new(const struct gs_log_own_format *list, size_t n, struct gs_log_own **ret, struct gs_error *err);
void gs_log_own_free(struct gs_log_own *own); /* NULL is fine */

#endif
