/*
 * when.c - calendar units and words, by arithmetic on days
 *
 * A unit's beginning is found from its number: units since year 0 or since a Monday, so that "the one before" and "three back" are a subtraction, and
 * New Year needs no case of its own.
 */
#include "base/when.h"

#define WORD_MAX 40
#define COUNT_MAX 1000000

enum unit { SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, YEAR, UNIT_NONE };

static const struct {
	const char *word;
	enum unit unit;
} units[] = {
	{ "s", SECOND },     { "sec", SECOND },   { "second", SECOND }, { "seconds", SECOND }, { "m", MINUTE },    { "min", MINUTE }, { "minute", MINUTE },
	{ "minutes", MINUTE }, { "h", HOUR },     { "hour", HOUR },     { "hours", HOUR },     { "d", DAY },       { "day", DAY },    { "days", DAY },
	{ "w", WEEK },       { "week", WEEK },    { "weeks", WEEK },    { "mo", MONTH },       { "month", MONTH }, { "months", MONTH }, { "y", YEAR },
	{ "year", YEAR },    { "years", YEAR },
};

static const int64_t unit_s[] = { [SECOND] = 1, [MINUTE] = 60, [HOUR] = 3600, [DAY] = 86400, [WEEK] = 7 * 86400 };

static enum unit unit_of(const char *word)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].word, word) == 0)
			return units[i].unit;
	return UNIT_NONE;
}

static bool from_s(int64_t s, struct gs_time *ret)
{
	return !__builtin_mul_overflow(s, GS_NS_PER_S, &ret->ns);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Months since year 0, and the day of the month. */
static int64_t month_number(int64_t days, unsigned *ret_day)
{
	int64_t year;
	unsigned month;

	gs_civil_from_days(days, &year, &month, ret_day);
	return year * 12 + month - 1;
}

static int64_t month_begin(int64_t number)
{
	const int64_t year = floor_div(number, 12);
	return gs_days_from_civil(year, (unsigned)(number - year * 12) + 1, 1);
}

/* Where the unit that `now` lies in, or the n-th after it, begins. */
static bool unit_begin(enum unit u, struct gs_time now, int64_t n, struct gs_time *ret)
{
	const int64_t days = gs_time_floor_s(now, 86400) / 86400;
	unsigned day;

	switch (u) {
	case MONTH:
		return from_s(month_begin(month_number(days, &day) + n) * 86400, ret);
	case YEAR:
		return from_s(month_begin((floor_div(month_number(days, &day), 12) + n) * 12) * 86400, ret);
	case WEEK: /* 1970-01-01 was a Thursday */
		return from_s((floor_div(days + 3, 7) * 7 - 3 + n * 7) * 86400, ret);
	default:
		return from_s(gs_time_floor_s(now, unit_s[u]) + n * unit_s[u], ret);
	}
}

/* n units before now; months and years keep day and time of day, or take the month's last day. */
static bool back(enum unit u, struct gs_time now, int64_t n, struct gs_time *ret)
{
	struct gs_time span;
	unsigned day;

	if (u != MONTH && u != YEAR)
		return from_s(n * unit_s[u], &span) && !__builtin_sub_overflow(now.ns, span.ns, &ret->ns);
	const int64_t days = gs_time_floor_s(now, 86400) / 86400, number = month_number(days, &day) - n * (u == YEAR ? 12 : 1);
	const int64_t first = month_begin(number), length = month_begin(number + 1) - first;
	const int64_t to = first + (day <= length ? day : length) - 1;
	return from_s((days - to) * 86400, &span) && !__builtin_sub_overflow(now.ns, span.ns, &ret->ns);
}

/* Lower case, one blank between words. False where it is too long for any of ours. */
static bool simplify(const char *text, size_t len, char out[WORD_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (n == 0 && (c == '-' || c == '_')) /* "-3d" is no span back */
			return false;
		if (c == '-' || c == '_' || c == '\t')
			c = ' ';
		if (c == ' ' && (n == 0 || out[n - 1] == ' '))
			continue;
		if (n == WORD_MAX - 1)
			return false;
		out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n > 0;
}

static unsigned digits(const char *p, unsigned n, unsigned *ret)
{
	unsigned i = 0;

	*ret = 0;
	for (; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		*ret = *ret * 10 + (unsigned)(p[i] - '0');
	return i;
}

/* "2017", "2017-01", "2017-W04". Text as it was given: a blank is no hyphen here. */
static bool parse_calendar(const char *text, size_t len, struct gs_time *ret)
{
	unsigned year, n;

	if ((len != 4 && len != 7 && len != 8) || digits(text, 4, &year) != 4)
		return false;
	if (len == 4)
		return from_s(gs_days_from_civil(year, 1, 1) * 86400, ret);
	if (text[4] != '-')
		return false;
	if (len == 7)
		return digits(text + 5, 2, &n) == 2 && n >= 1 && n <= 12 && from_s(gs_days_from_civil(year, n, 1) * 86400, ret);
	if ((text[5] != 'W' && text[5] != 'w') || digits(text + 6, 2, &n) != 2 || n < 1 || n > 53)
		return false;
	/* the week of January 4th is the first; a week belongs to the year of its Thursday */
	const int64_t fourth = gs_days_from_civil(year, 1, 4), monday = floor_div(fourth + 3, 7) * 7 - 3 + (int64_t)(n - 1) * 7;
	int64_t of;
	unsigned month, day;
	gs_civil_from_days(monday + 3, &of, &month, &day);
	return of == year && from_s(monday * 86400, ret);
}

/* "30d", "30 days", "30 days ago". */
static bool parse_back(char *text, struct gs_time now, struct gs_time *ret)
{
	unsigned n, at = digits(text, 7, &n);
	size_t len = strlen(text);

	if (at == 0 || n > COUNT_MAX)
		return false;
	if (text[at] == ' ')
		at++;
	if (len > 4 && strcmp(text + len - 4, " ago") == 0)
		text[len - 4] = '\0';
	const enum unit u = unit_of(text + at);
	return u != UNIT_NONE && back(u, now, n, ret);
}

bool gs_when_parse(const char *text, size_t len, struct gs_time now, struct gs_when *ret)
{
	struct gs_when w = { .end = GS_TIME_MAX };
	char plain[WORD_MAX];
	int64_t which = 1; /* 0: the one that runs, -1: the one before */
	enum unit u = DAY;

	if (gs_time_parse(text, len, &w.at) || parse_calendar(text, len, &w.at)) {
		*ret = w;
		return true;
	}
	if (!simplify(text, len, plain))
		return false;
	if (strcmp(plain, "today") == 0) {
		which = 0;
	} else if (strcmp(plain, "yesterday") == 0) {
		which = -1;
	} else if (strncmp(plain, "this ", 5) == 0) {
		which = 0;
		u = unit_of(plain + 5);
	} else if (strncmp(plain, "last ", 5) == 0) {
		which = -1;
		u = unit_of(plain + 5);
	} else if (strcmp(plain, "now") == 0) {
		w.at = now;
		*ret = w;
		return true;
	}
	if (which > 0) {
		if (!parse_back(plain, now, &w.at))
			return false;
	} else if (u == UNIT_NONE || u == SECOND || !unit_begin(u, now, which, &w.at) || (which < 0 && !unit_begin(u, now, 0, &w.end))) {
		return false;
	}
	*ret = w;
	return true;
}
