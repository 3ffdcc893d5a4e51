/*
 * time.c - civil time in UTC, by arithmetic
 *
 * Not timegm and strptime: those depend on locale and TZ tables, and the raw data is published, so its times must be the same everywhere. Days and
 * dates by the usual shift of the year's start to March.
 */
#include "grescope/types.h"

#include <stdio.h>

int64_t gs_days_from_civil(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned yoe = (unsigned)(year - era * 400);
	unsigned doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

void gs_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned doe = (unsigned)(days - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	*ret_day = doy - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = (int64_t)yoe + era * 400 + (*ret_month <= 2);
}

static void put_digits(char *p, unsigned n, uint64_t v)
{
	while (n--) {
		p[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

size_t gs_time_format(struct gs_time t, int decimals, char out[GS_TIME_TEXT_MAX])
{
	int64_t s = gs_time_floor_s(t, 1);
	uint64_t ns = (uint64_t)t.ns - (uint64_t)s * (uint64_t)GS_NS_PER_S; /* modular: s * 1e9 may lie below INT64_MIN */
	int64_t days = gs_time_floor_s(t, 86400) / 86400, year;
	unsigned month, day, sod = (unsigned)(s - days * 86400);

	gs_civil_from_days(days, &year, &month, &day);
	memcpy(out, "0000-00-00T00:00:00", 20);
	put_digits(out, 4, (uint64_t)year);
	put_digits(out + 5, 2, month);
	put_digits(out + 8, 2, day);
	put_digits(out + 11, 2, sod / 3600);
	put_digits(out + 14, 2, sod / 60 % 60);
	put_digits(out + 17, 2, sod % 60);
	size_t n = 19;
	if (decimals > 0) {
		for (int i = decimals; i < 9; i++)
			ns /= 10;
		out[n] = '.';
		put_digits(out + n + 1, (unsigned)decimals, ns);
		n += 1 + (unsigned)decimals;
	}
	out[n++] = 'Z';
	out[n] = '\0';
	return n;
}

/* A fixed number of digits at *p; false where there are fewer. */
static bool take_digits(const char **p, const char *end, unsigned n, unsigned *ret)
{
	unsigned v = 0;
	if ((size_t)(end - *p) < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		char c = (*p)[i];
		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (unsigned)(c - '0');
	}
	*p += n;
	*ret = v;
	return true;
}

static bool take_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

/* Decimals after the point, as nanoseconds; further digits are read and dropped. */
static bool take_decimals(const char **p, const char *end, int64_t *ret_ns)
{
	int64_t ns = 0, scale = 100000000;
	const char *start = *p;
	for (; *p < end && **p >= '0' && **p <= '9'; ++*p, scale /= 10)
		ns += scale * (**p - '0');
	*ret_ns = ns;
	return *p > start;
}

static bool take_offset(const char **p, const char *end, int64_t *ret_s)
{
	unsigned h, m = 0;
	int sign;

	*ret_s = 0;
	if (take_char(p, end, 'Z') || take_char(p, end, 'z'))
		return true;
	if (take_char(p, end, '+'))
		sign = 1;
	else if (take_char(p, end, '-'))
		sign = -1;
	else
		return *p == end;
	if (!take_digits(p, end, 2, &h))
		return false;
	if (*p < end) {
		take_char(p, end, ':');
		if (!take_digits(p, end, 2, &m))
			return false;
	}
	if (h > 23 || m > 59)
		return false;
	*ret_s = sign * (int64_t)(h * 3600 + m * 60);
	return true;
}

static bool time_join(int64_t s, int64_t ns, struct gs_time *ret)
{
	int64_t v;
	if (s < 0) { /* the second that holds the earliest time begins before it */
		s++;
		ns -= GS_NS_PER_S;
	}
	if (__builtin_mul_overflow(s, GS_NS_PER_S, &v) || __builtin_add_overflow(v, ns, &v))
		return false;
	ret->ns = v;
	return true;
}

static bool parse_epoch(const char *p, const char *end, struct gs_time *ret)
{
	int64_t s = 0, ns = 0;
	const char *start = p;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (p - start > 10)
			return false;
		s = s * 10 + (*p - '0');
	}
	if (p - start < 9)
		return false;
	if (take_char(&p, end, '.') && !take_decimals(&p, end, &ns))
		return false;
	return p == end && time_join(s, ns, ret);
}

bool gs_time_parse(const char *text, size_t len, struct gs_time *ret)
{
	static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *p = text, *end = text + len;
	unsigned year, month, day, h = 0, m = 0, s = 0;
	int64_t ns = 0, offset = 0;

	if (!take_digits(&p, end, 4, &year) || !take_char(&p, end, '-'))
		return parse_epoch(text, end, ret);
	if (!take_digits(&p, end, 2, &month) || !take_char(&p, end, '-') || !take_digits(&p, end, 2, &day))
		return false;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] + (unsigned)(month == 2 && leap))
		return false;
	if (p < end) {
		if (!take_char(&p, end, 'T') && !take_char(&p, end, 't') && !take_char(&p, end, ' '))
			return false;
		if (!take_digits(&p, end, 2, &h) || !take_char(&p, end, ':') || !take_digits(&p, end, 2, &m))
			return false;
		if (take_char(&p, end, ':') && !take_digits(&p, end, 2, &s))
			return false;
		if ((take_char(&p, end, '.') || take_char(&p, end, ',')) && !take_decimals(&p, end, &ns))
			return false;
		take_char(&p, end, ' ');
		if (h > 23 || m > 59 || s > 60 || !take_offset(&p, end, &offset) || p != end)
			return false;
	}
	return time_join(gs_days_from_civil(year, month, day) * 86400 + h * 3600 + m * 60 + s - offset, ns, ret);
}

void gs_time_iso_week(struct gs_time t, int64_t *ret_year, unsigned *ret_week)
{
	int64_t days = gs_time_floor_s(t, 86400) / 86400;
	int64_t weekday = (days + 3) % 7; /* Monday is 0; 1970-01-01 was a Thursday */
	if (weekday < 0)
		weekday += 7;
	int64_t thursday = days - weekday + 3, year; /* a week belongs to the year of its Thursday */
	unsigned month, day;

	gs_civil_from_days(thursday, &year, &month, &day);
	*ret_year = year;
	*ret_week = (unsigned)((thursday - gs_days_from_civil(year, 1, 1)) / 7) + 1;
}
