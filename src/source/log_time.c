/*
 * log_time.c - times as logs write them
 *
 * Only forms that mean one thing: day and month as two numbers with slashes and the year behind are not read, since half the world writes them the other way
 * round. Zone names are read where they mean one thing: UTC, Europe's, the eight of RFC 5322 s4.3 (which are North American there), MSK and JST. journalctl names the
 * machine's own, wherever in the world that is: there other names, and three of the eight, are zones that are not known.
 */
#include "source/log.h"

#include <string.h>

struct reader {
	const char *p, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool take_char(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
}

/* min to max digits, and no further one. */
static bool take_number(struct reader *r, unsigned min, unsigned max, unsigned *ret)
{
	unsigned n = 0, v = 0;

	while (n < max && r->p + n < r->end && is_digit(r->p[n])) {
		v = v * 10 + (unsigned)(r->p[n] - '0');
		n++;
	}
	if (n < min || (r->p + n < r->end && is_digit(r->p[n])))
		return false;
	r->p += n;
	*ret = v;
	return true;
}

/* Names of three letters; what follows must not be a letter. 1-based; 0: none. */
static unsigned take_name(struct reader *r, const char *names)
{
	const size_t left = (size_t)(r->end - r->p);

	if (left < 3)
		return 0;
	const char a = lower(r->p[0]), b = lower(r->p[1]), c = lower(r->p[2]);
	if (a < 'a' || a > 'z' || (left > 3 && lower(r->p[3]) >= 'a' && lower(r->p[3]) <= 'z'))
		return 0;
	for (unsigned i = 0; names[3 * i]; i++)
		if (names[3 * i] == a && names[3 * i + 1] == b && names[3 * i + 2] == c) {
			r->p += 3;
			return i + 1;
		}
	return 0;
}

#define MONTHS "janfebmaraprmayjunjulaugsepoctnovdec"
#define WEEKDAYS "montuewedthufrisatsun"

static bool take_month(struct reader *r, struct log_time *t)
{
	const unsigned m = take_name(r, MONTHS);
	t->month = (uint8_t)m;
	return m > 0;
}

static bool take_day(struct reader *r, struct log_time *t)
{
	unsigned v;
	if (!take_number(r, 1, 2, &v) || v < 1 || v > 31)
		return false;
	t->day = (uint8_t)v;
	return true;
}

static bool take_year(struct reader *r, struct log_time *t)
{
	struct reader at = *r;
	unsigned v;

	if (!take_number(&at, 4, 4, &v) || v < 1970 || v > 2261)
		return false;
	*r = at;
	t->year = (int16_t)v;
	t->has_year = true;
	return true;
}

static bool take_number_month(struct reader *r, struct log_time *t)
{
	unsigned v;
	if (!take_number(r, 1, 2, &v) || v < 1 || v > 12)
		return false;
	t->month = (uint8_t)v;
	return true;
}

/* 7:23:03, 07:23:03.123456, 07:23 */
static bool take_clock(struct reader *r, struct log_time *t)
{
	unsigned h, m, s = 0;

	if (!take_number(r, 1, 2, &h) || !take_char(r, ':') || !take_number(r, 2, 2, &m))
		return false;
	if (r->p + 1 < r->end && *r->p == ':' && is_digit(r->p[1])) {
		r->p++;
		if (!take_number(r, 2, 2, &s))
			return false;
		if (r->p + 1 < r->end && (*r->p == '.' || *r->p == ',') && is_digit(r->p[1])) {
			uint32_t scale = 100000000, ns = 0;
			for (r->p++; r->p < r->end && is_digit(*r->p); r->p++, scale /= 10)
				ns += scale * (uint32_t)(*r->p - '0');
			t->ns = ns;
		}
	}
	if (h > 23 || m > 59 || s > 60)
		return false;
	t->hour = (uint8_t)h;
	t->minute = (uint8_t)m;
	t->second = (uint8_t)s;
	return true;
}

static bool take_offset(struct reader *r, struct log_time *t)
{
	struct reader at = *r;
	unsigned h, m = 0;

	if (at.p == at.end)
		return false;
	const bool west = *at.p == '-';
	if (*at.p != '+' && !west)
		return false;
	at.p++;
	const char *digits = at.p;
	while (at.p < at.end && is_digit(*at.p))
		at.p++;
	const size_t n = (size_t)(at.p - digits);
	if (n != 2 && n != 4)
		return false;
	h = (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
	if (n == 4)
		m = (unsigned)(digits[2] - '0') * 10 + (unsigned)(digits[3] - '0');
	else if (at.p + 2 < at.end && *at.p == ':' && is_digit(at.p[1])) {
		at.p++;
		if (!take_number(&at, 2, 2, &m))
			return false;
	}
	if (h > 23 || m > 59)
		return false;
	t->offset_s = (west ? -1 : 1) * (int32_t)(h * 3600 + m * 60);
	t->has_offset = true;
	*r = at;
	return true;
}

static bool take_zone_name(struct reader *r, struct log_time *t)
{
	static const struct {
		char name[5];
		int16_t minutes;
	} zones[] = {
		{ "utc", 0 },     { "gmt", 0 },     { "z", 0 },       { "wet", 0 },     { "west", 60 },   { "cet", 60 },    { "cest", 120 }, { "eet", 120 },  { "eest", 180 },
		{ "msk", 180 },   { "jst", 540 },   { "est", -300 },  { "edt", -240 },  { "cst", -360 },  { "cdt", -300 },  { "mst", -420 }, { "mdt", -360 }, { "pst", -480 },
		{ "pdt", -420 },
	};
	size_t n = 0;

	if (r->p == r->end || !memchr("ugzwcemjpUGZWCEMJP", *r->p, 18)) /* mostly a host's name stands here */
		return false;
	while (r->p + n < r->end && lower(r->p[n]) >= 'a' && lower(r->p[n]) <= 'z')
		n++;
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
		if (!log_is((log_cell){ r->p, n }, zones[i].name))
			continue;
		t->offset_s = zones[i].minutes * 60;
		t->has_offset = true;
		r->p += n;
		return true;
	}
	return false;
}

/* The date, up to where the clock starts. */
static bool take_date(struct reader *r, struct log_time *t)
{
	if (r->p == r->end)
		return false;
	bool month = !is_digit(*r->p) && take_month(r, t);
	if (!month && take_name(r, WEEKDAYS)) {
		take_char(r, ',');
		skip_blanks(r);
		month = r->p < r->end && !is_digit(*r->p) && take_month(r, t);
	}
	if (r->p == r->end)
		return false;
	if (!is_digit(*r->p) || month) { /* Apr  5, Apr 5 2026, apr/05/2026, apr/05 */
		if (!month)
			return false;
		if (take_char(r, '/')) {
			if (!take_day(r, t) || (take_char(r, '/') && !take_year(r, t)))
				return false;
		} else {
			skip_blanks(r);
			if (!take_day(r, t))
				return false;
			take_char(r, ',');
			struct reader at = *r;
			skip_blanks(&at);
			if (take_year(&at, t))
				*r = at;
			take_char(r, ':'); /* "Apr 5 2026:" as some routers write */
		}
	} else if (take_year(r, t)) {
		const char mark = r->p < r->end ? *r->p : '\0';
		if (mark == '-' || mark == '/') {
			r->p++;
			if (!take_number_month(r, t) || !take_char(r, mark) || !take_day(r, t))
				return false;
		} else {
			skip_blanks(r);
			if (!take_month(r, t))
				return false;
			skip_blanks(r);
			if (!take_day(r, t))
				return false;
		}
	} else { /* 5 Apr 2026, 5Apr2026, 05/Apr/2026:, 05-Apr-2026 */
		if (!take_day(r, t))
			return false;
		const char mark = r->p < r->end ? *r->p : '\0';
		const bool marked = mark == '/' || mark == '-';
		if (marked)
			r->p++;
		else
			skip_blanks(r);
		if (!take_month(r, t) || (marked && !take_char(r, mark)))
			return false;
		skip_blanks(r);
		struct reader at = *r;
		if (take_year(&at, t))
			*r = at;
		take_char(r, ':');
	}
	if (!take_char(r, 'T') && !take_char(r, 't'))
		skip_blanks(r);
	return true;
}

static bool month_holds(const struct log_time *t)
{
	static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const bool leap = !t->has_year || (t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0));

	return t->day <= days[t->month - 1] - (t->month == 2 && !leap);
}

/* Digits, perhaps with decimals: seconds, or by their number milli-, micro- or nanoseconds. */
static bool epoch_take(struct reader *r, struct log_time *t)
{
	const char *p = r->p;
	int64_t v = 0, ns = 0;

	while (p < r->end && is_digit(*p) && p - r->p < 20) {
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
			return false;
		p++;
	}
	const long n = p - r->p;
	int64_t unit;
	if (n == 9 || n == 10)
		unit = GS_NS_PER_S;
	else if (n == 13)
		unit = GS_NS_PER_S / 1000;
	else if (n == 16)
		unit = 1000;
	else if (n == 19)
		unit = 1;
	else
		return false;
	if (p + 1 < r->end && *p == '.' && is_digit(p[1])) {
		int64_t scale = unit;
		for (p++; p < r->end && is_digit(*p); p++) {
			scale /= 10;
			ns += scale * (*p - '0');
		}
	}
	if (__builtin_mul_overflow(v, unit, &v) || __builtin_add_overflow(v, ns, &v))
		return false;
	t->kind = LOG_TIME_EPOCH;
	t->epoch.ns = v;
	r->p = p;
	return true;
}

/* journalctl -o short-full, with-unit: "Fri 2026-08-21 13:38:12 CEST fw ..."; no other log has both weekday and such a date. */
static bool journal_form(const char *start, const char *end)
{
	struct reader r = { start, end };

	return take_name(&r, WEEKDAYS) && end - r.p > 1 && r.p[0] == ' ' && is_digit(r.p[1]);
}

/* Its zone is always there, in the letters of the machine's own place: CST is China's as well, CDT Cuba's, PST that of the Philippines. */
static void journal_zone(struct reader *r, const char *word, struct log_time *t)
{
	log_cell name = { word, 0 };

	while (word + name.len < r->end && word[name.len] >= 'A' && word[name.len] <= 'Z')
		name.len++;
	const char *end = word + name.len;
	if (name.len < 3 || end == r->end || *end != ' ' || (t->has_offset && !log_is(name, "cst") && !log_is(name, "cdt") && !log_is(name, "pst")))
		return;
	t->has_offset = false;
	t->offset_s = 0;
	t->zone_unclear = true;
	r->p = end;
}

/* A time at the beginning. whole: what stands behind blanks may still belong to it. */
static bool time_take(struct reader *r, bool whole, struct log_time *t)
{
	const char *start = r->p;

	*t = (struct log_time){ 0 };
	if (whole && epoch_take(r, t)) {
		t->text = (log_cell){ start, (size_t)(r->p - start) };
		return true;
	}
	*t = (struct log_time){ .kind = LOG_TIME_CIVIL };
	if (!take_char(r, '*')) /* Cisco: the clock was never set, or lost its source */
		take_char(r, '.');
	if (!take_date(r, t) || !take_clock(r, t) || !month_holds(t))
		return false;
	struct reader at = *r;
	const bool blank = at.p < at.end && *at.p == ' ';
	skip_blanks(&at);
	const char *word = at.p;
	const bool journal = !whole && blank && journal_form(start, r->end);
	if (take_offset(&at, t))
		*r = at;
	else if (take_zone_name(&at, t)) {
		const bool ends = at.p == at.end || *at.p == ':' || (!blank && (*at.p == ' ' || *at.p == ']'));
		if (whole || ends || (journal && *at.p == ' '))
			*r = at;
		else
			t->has_offset = false, t->offset_s = 0; /* a host's name, so far as anybody knows */
	}
	if (journal)
		journal_zone(r, word, t);
	if (whole && !t->has_year) {
		at = *r;
		skip_blanks(&at);
		if (take_year(&at, t)) {
			*r = at;
			skip_blanks(&at);
			if (!t->has_offset && (take_offset(&at, t) || take_zone_name(&at, t)))
				*r = at;
			if (!month_holds(t))
				return false;
		}
	}
	t->text = (log_cell){ start, (size_t)(r->p - start) };
	return true;
}

bool log_time_take(log_cell *c, struct log_time *ret)
{
	struct reader r = { c->text, c->text + c->len };
	struct log_time t;

	if (!time_take(&r, false, &t))
		return false;
	*c = (log_cell){ r.p, (size_t)(r.end - r.p) };
	*ret = t;
	return true;
}

bool log_time_read(log_cell c, struct log_time *ret)
{
	c = log_trim(c);
	struct reader r = { c.text, c.text + c.len };
	struct log_time t;

	if (!time_take(&r, true, &t) || r.p != r.end)
		return false;
	*ret = t;
	return true;
}

/* ---- layouts ---- */

static bool layout_number(struct reader *r, unsigned min, unsigned max, unsigned low, unsigned high, unsigned *ret)
{
	unsigned n = 0, v = 0;

	while (n < max && r->p < r->end && is_digit(*r->p)) {
		v = v * 10 + (unsigned)(*r->p++ - '0');
		n++;
	}
	*ret = v;
	return n >= min && v >= low && v <= high;
}

static bool layout_decimals(struct reader *r, struct log_time *t)
{
	uint32_t scale = 100000000;
	const char *start = r->p;

	t->ns = 0;
	for (; r->p < r->end && is_digit(*r->p); r->p++, scale /= 10)
		t->ns += scale * (uint32_t)(*r->p - '0');
	return r->p > start;
}

static bool layout_epoch(struct reader *r, struct log_time *t)
{
	int64_t v = 0;
	const char *start = r->p;

	for (; r->p < r->end && is_digit(*r->p) && r->p - start < 10; r->p++)
		v = v * 10 + (*r->p - '0');
	if (r->p == start || v > INT64_MAX / GS_NS_PER_S)
		return false;
	t->kind = LOG_TIME_EPOCH;
	t->epoch.ns = v * GS_NS_PER_S;
	return true;
}

/* Hour of twelve and half of the day, put together at the end; day of the year. */
struct parts {
	unsigned hour12, half, yday; /* half: 1 am, 2 pm; 0: not given */
};

static bool layout_letter(struct reader *r, char letter, struct log_time *t, struct parts *parts)
{
	unsigned v = 0;

	switch (letter) {
	case 'Y':
		if (!layout_number(r, 4, 4, 1970, 2261, &v))
			return false;
		t->year = (int16_t)v;
		return t->has_year = true;
	case 'y': /* as POSIX has it */
		if (!layout_number(r, 2, 2, 0, 99, &v))
			return false;
		t->year = (int16_t)(v + (v < 69 ? 2000 : 1900));
		return t->has_year = t->year >= 1970;
	case 'm':
		if (!layout_number(r, 1, 2, 1, 12, &v))
			return false;
		t->month = (uint8_t)v;
		return true;
	case 'd':
	case 'e':
		skip_blanks(r);
		if (!layout_number(r, 1, 2, 1, 31, &v))
			return false;
		t->day = (uint8_t)v;
		return true;
	case 'b':
		return take_month(r, t);
	case 'j':
		return layout_number(r, 1, 3, 1, 366, &parts->yday);
	case 'H':
		if (!layout_number(r, 1, 2, 0, 23, &v))
			return false;
		t->hour = (uint8_t)v;
		return true;
	case 'I':
		return layout_number(r, 1, 2, 1, 12, &parts->hour12);
	case 'p':
		if (r->end - r->p < 2 || lower(r->p[1]) != 'm' || (lower(*r->p) != 'a' && lower(*r->p) != 'p'))
			return false;
		parts->half = lower(*r->p) == 'a' ? 1 : 2;
		r->p += 2;
		return true;
	case 'M':
		if (!layout_number(r, 1, 2, 0, 59, &v))
			return false;
		t->minute = (uint8_t)v;
		return true;
	case 'S':
		if (!layout_number(r, 1, 2, 0, 60, &v))
			return false;
		t->second = (uint8_t)v;
		return true;
	case 'f':
		return layout_decimals(r, t);
	case 'z':
		return take_offset(r, t) || take_zone_name(r, t);
	case 's':
		return layout_epoch(r, t);
	case 'T':
		return layout_letter(r, 'H', t, parts) && take_char(r, ':') && layout_letter(r, 'M', t, parts) && take_char(r, ':') && layout_letter(r, 'S', t, parts);
	case 'F':
		return layout_letter(r, 'Y', t, parts) && take_char(r, '-') && layout_letter(r, 'm', t, parts) && take_char(r, '-') && layout_letter(r, 'd', t, parts);
	default:
		return take_char(r, letter); /* %% */
	}
}

const char *log_layout_wrong(const char *layout)
{
	for (const char *p = layout; (p = strchr(p, '%')); p += 2)
		if (!p[1] || !strchr("YymdebjHIpMSfzsTF%", p[1]))
			return p;
	return NULL;
}

/* Month and day of a day of the year, which only a year makes certain. */
static bool day_of_year(struct log_time *t, unsigned yday)
{
	int64_t year;
	unsigned month, day;

	if (!t->has_year)
		return false;
	gs_civil_from_days(gs_days_from_civil(t->year, 1, 1) + yday - 1, &year, &month, &day);
	t->month = (uint8_t)month;
	t->day = (uint8_t)day;
	return year == t->year;
}

bool log_time_layout(log_cell c, const char *layout, struct log_time *ret)
{
	struct reader r = { c.text, c.text + c.len };
	struct log_time t = { .kind = LOG_TIME_CIVIL, .text = c };
	struct parts parts = { 0 };

	for (const char *p = layout; *p; p++) {
		if (*p == ' ')
			skip_blanks(&r);
		else if (*p == '%' ? !layout_letter(&r, *++p, &t, &parts) : !take_char(&r, *p))
			return false;
	}
	if (r.p != r.end)
		return false;
	if (t.kind == LOG_TIME_EPOCH) {
		t.epoch.ns += t.ns;
	} else {
		if (parts.yday && !day_of_year(&t, parts.yday))
			return false;
		if (parts.hour12)
			t.hour = (uint8_t)(parts.hour12 % 12 + (parts.half == 2 ? 12 : 0));
		if (!t.month || !t.day || !month_holds(&t))
			return false;
	}
	*ret = t;
	return true;
}
