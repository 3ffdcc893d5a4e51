/*
 * zone.h - a place's clock: from the time on its wall to UTC
 *
 * Read from a compiled file of the time zone database (TZif, RFC 9636), which systems keep in /usr/share/zoneinfo; not by localtime_r, which depends on the environment
 * and on one zone per process.
 */
#ifndef GS_BASE_ZONE_H
#define GS_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grescope/error.h"

struct gs_zone;

/* The caller's: gs_zone_free. GS_ERR_NOENT, GS_ERR_ACCESS, GS_ERR_IO; GS_ERR_FORMAT where it is no such file; GS_ERR_NOMEM. */
int gs_zone_load(const char *path, struct gs_zone **ret, struct gs_error *err);
/* The same from memory; `name` stands in messages. */
int gs_zone_parse(const char *name, const uint8_t *data, size_t len, struct gs_zone **ret, struct gs_error *err);
/* Always the same distance from UTC; seconds, east is positive. */
int gs_zone_fixed(int32_t offset_s, struct gs_zone **ret, struct gs_error *err);
void gs_zone_free(struct gs_zone *z); /* NULL is fine */

/* "Z", "UTC", "+02", "-0330", "+05:45": the seconds; false for anything else. */
bool gs_zone_offset_parse(const char *text, size_t len, int32_t *ret_s);

/* Distance from UTC at a point in time; both in seconds since 1970. */
int32_t gs_zone_offset(const struct gs_zone *z, int64_t utc_s);

/*
 * Which points in time the clock on the wall showed this, in seconds since 1970 as if the wall were UTC. Result 1 or 2: ret[0] is the earlier; 2 in the hour that comes twice. In the hour that
 * is left out: 1, as if the clock had not been set forward yet.
 */
unsigned gs_zone_utc(const struct gs_zone *z, int64_t wall_s, int64_t ret[2]);

#endif
