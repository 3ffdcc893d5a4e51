#include "source/log_clock.h"

#define HALF_YEAR_S (183 * INT64_C(86400))
#define DISORDER_S (30 * INT64_C(86400)) /* that much a line may be older than the one before it */
#define YEAR_S (366 * INT64_C(86400))
#define DAY_S INT64_C(86400)

void log_clock_start(struct log_clock *c, const struct gs_log_options *o, struct gs_time modified)
{
	*c = (struct log_clock){ .zone = o->zone, .year = o->year, .reference = modified, .last = GS_TIME_MIN };
	if (modified.ns == INT64_MIN && o->now.ns)
		c->reference = o->now;
}

static bool leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Seconds since 1970 of the clock on the wall, as if it were UTC. */
static int64_t wall_s(const struct log_time *t, int64_t year)
{
	return gs_days_from_civil(year, t->month, t->day) * DAY_S + t->hour * 3600 + t->minute * 60 + t->second;
}

/* Where the clock showed this twice: the later, if the line before it came after the earlier. */
static int64_t utc_s(const struct log_clock *c, const struct log_time *t, int64_t year)
{
	const int64_t wall = wall_s(t, year);
	int64_t at[2];

	if (t->has_offset || !c->zone)
		return wall - (t->has_offset ? t->offset_s : 0);
	const unsigned n = gs_zone_utc(c->zone, wall, at);
	return n == 2 && c->last.ns != INT64_MIN && gs_time_floor_s(c->last, 1) > at[0] ? at[1] : at[0];
}

/* The latest year, not after `year`, that has such a day: there was a 29 February at most eight years ago. */
static int64_t year_with_day(const struct log_time *t, int64_t year)
{
	while (t->month == 2 && t->day == 29 && !leap(year))
		year--;
	return year;
}

static int64_t seconds_of(struct gs_time t)
{
	return gs_time_floor_s(t, 1);
}

static const char *year_of(struct log_clock *c, const struct log_time *t, int64_t *ret)
{
	int64_t year;
	unsigned month, day;

	if (t->has_year) {
		*ret = t->year;
		return NULL;
	}
	if (!c->year && c->reference.ns == INT64_MIN)
		return "has no year, and none was given";
	if (!c->year) {
		const int64_t at = seconds_of(c->reference);
		gs_civil_from_days(gs_time_floor_s(c->reference, DAY_S) / DAY_S, &year, &month, &day);
		year = year_with_day(t, year + 1);
		while (utc_s(c, t, year) > at + DAY_S)
			year = year_with_day(t, year - 1);
		*ret = year;
		return NULL;
	}
	year = c->year;
	if (c->last.ns != INT64_MIN) {
		const int64_t last = seconds_of(c->last), here = utc_s(c, t, year);
		if (here < last - HALF_YEAR_S)
			year++;
		else if (here > last + YEAR_S - DISORDER_S) /* December behind January; of GRE half a year without a line is nothing special */
			year--;
	}
	if (year_with_day(t, year) != year)
		return "is none: that year had no 29 February";
	*ret = year;
	return NULL;
}

const char *log_clock_read(struct log_clock *c, const struct log_time *t, struct gs_time *ret)
{
	int64_t year = 0, ns;
	const char *why;

	switch (t->kind) {
	case LOG_TIME_NONE:
		return "is missing";
	case LOG_TIME_UPTIME:
		return "counts from the machine's start: no point in time";
	case LOG_TIME_EPOCH:
		*ret = t->epoch;
		return NULL;
	default:
		break;
	}
	if (t->zone_unclear && !c->zone)
		return "has a zone whose name may mean several: --tz says which";
	why = year_of(c, t, &year);
	if (why)
		return why;
	if (__builtin_mul_overflow(utc_s(c, t, year), GS_NS_PER_S, &ns) || __builtin_add_overflow(ns, t->ns, &ns))
		return "is out of range";
	ret->ns = ns;
	c->last = *ret;
	if (c->year)
		c->year = (int)year;
	return NULL;
}
