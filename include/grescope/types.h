/*
 * types.h - time, address, prefix: the small values that everything else is made of
 */
#ifndef GRESCOPE_TYPES_H
#define GRESCOPE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Wall time, nanoseconds since 1970-01-01 UTC, leap seconds not counted. A struct, so that mixing it with seconds does not compile.
 * Range: 1677 to 2262; readers saturate at the ends. */
struct gs_time {
	int64_t ns;
};

#define GS_TIME_MIN ((struct gs_time){ INT64_MIN })
#define GS_TIME_MAX ((struct gs_time){ INT64_MAX })
#define GS_NS_PER_S INT64_C(1000000000)

/* An IP address. family 4: b[0..3], the rest zero; family 6: b[0..15]; family 0: no address, all zero. Network order.
 * An IPv4-mapped IPv6 address seen on the wire stays family 6: it was an IPv6 packet. Compared and hashed as bytes. */
struct gs_addr {
	uint8_t b[16];
	uint8_t family;
};

/* Addresses whose first len bits equal those of base (bits past len are zero). len 0 with family 4 or 6 is every address of it. */
struct gs_prefix {
	struct gs_addr base;
	uint8_t len;
};

#define GS_ADDR_TEXT_MAX 46   /* INET6_ADDRSTRLEN */
#define GS_PREFIX_TEXT_MAX 50
#define GS_TIME_TEXT_MAX 40

/* In place and in whole words: a value built on the stack and copied stalls on the octet just stored, four times a packet. */
static inline void gs_addr_set_v4(struct gs_addr *a, const uint8_t b[4])
{
	memcpy(a->b, b, 4);
	memset(a->b + 4, 0, 12);
	a->family = 4;
}

static inline void gs_addr_set_v6(struct gs_addr *a, const uint8_t b[16])
{
	memcpy(a->b, b, 16);
	a->family = 6;
}

static inline struct gs_addr gs_addr_v4(const uint8_t b[4])
{
	struct gs_addr a;
	gs_addr_set_v4(&a, b);
	return a;
}

static inline struct gs_addr gs_addr_v6(const uint8_t b[16])
{
	struct gs_addr a;
	gs_addr_set_v6(&a, b);
	return a;
}

static inline bool gs_addr_equal(const struct gs_addr *a, const struct gs_addr *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Order: no address, IPv4, IPv6; within a family by value. Returns <0, 0, >0. */
int gs_addr_compare(const struct gs_addr *a, const struct gs_addr *b);

/* RFC 5952 text (IPv4: dotted quad) into out, NUL-terminated; "" for family 0. Returns its length. */
size_t gs_addr_format(const struct gs_addr *a, char out[GS_ADDR_TEXT_MAX]);

/* Reads len characters as an IPv4 or IPv6 address, nothing before or after it. Returns whether it was one; *ret is untouched if not. */
bool gs_addr_parse(const char *text, size_t len, struct gs_addr *ret);

/* "address/len" or a bare address (then a full-length prefix). Host bits are cleared. */
bool gs_prefix_parse(const char *text, size_t len, struct gs_prefix *ret);
size_t gs_prefix_format(const struct gs_prefix *p, char out[GS_PREFIX_TEXT_MAX]);
bool gs_prefix_contains(const struct gs_prefix *p, const struct gs_addr *a);

/* The prefix of length len (of the address's own family) that a lies in. */
struct gs_prefix gs_prefix_of(const struct gs_addr *a, uint8_t len);

/* ISO 8601 UTC with `decimals` (0, 3, 6 or 9) digits of the second and a Z: 2017-07-25T19:05:31.000000Z. Returns the length. */
size_t gs_time_format(struct gs_time t, int decimals, char out[GS_TIME_TEXT_MAX]);

/*
 * Reads a point in time: ISO 8601 date, or date and time ("T" or a blank between) with up to nine decimals and an offset (Z, +hh, +hhmm, +hh:mm;
 * none means UTC), or epoch seconds with decimals (at least nine digits). Rejects anything else, calendar nonsense included.
 * Returns whether it was one; *ret is untouched if not. Source: ISO 8601, RFC 3339; offset without colon as Splunk writes `_time`.
 */
bool gs_time_parse(const char *text, size_t len, struct gs_time *ret);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. Month 1-12, day 1-31. */
int64_t gs_days_from_civil(int64_t year, unsigned month, unsigned day);
void gs_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);

/* ISO 8601 week of a time (UTC): the year the week belongs to and its number, 1 to 53. */
void gs_time_iso_week(struct gs_time t, int64_t *ret_year, unsigned *ret_week);

/* Largest multiple of step_s (seconds, > 0) not after t, as seconds since 1970. */
static inline int64_t gs_time_floor_s(struct gs_time t, int64_t step_s)
{
	int64_t s = t.ns / GS_NS_PER_S - (t.ns % GS_NS_PER_S < 0);
	int64_t q = s / step_s - (s % step_s < 0);
	return q * step_s;
}

#endif
