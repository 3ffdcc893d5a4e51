/* zone.c - TZif files (RFC 9636 s3) and the rule for the years after their last entry (s3.3.1: POSIX TZ with RFC 9636's wider hours) */
#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "grescope/types.h"

#define FILE_MAX_OCTETS (256u << 10) /* the largest in use has four */
#define TIMES_MAX 4096u
#define DAY_S 86400

/* When in a year a rule changes: month, week and weekday (kind M); day 1 to 365 that never counts 29 February (J); day 0 to 365 (N). */
struct change {
	char kind;
	unsigned month, week, day;
	int32_t time_s; /* on the wall, from midnight; may be negative or beyond a day */
};

struct gs_zone {
	size_t n;
	int64_t *at;      /* n points in time, in order */
	int32_t *offset;  /* n + 1: before the first, and from each on */
	/* after the last point, where has_rule; dst_s differs from std_s only with the changes */
	bool has_rule, has_dst;
	int32_t std_s, dst_s;
	struct change begin, end;
};

/* ---- the rule ---- */

struct text {
	const char *p, *end;
};

static bool take(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static bool take_number(struct text *t, unsigned max, unsigned *ret)
{
	unsigned v = 0, n = 0;

	for (; t->p < t->end && *t->p >= '0' && *t->p <= '9' && n < 4; n++)
		v = v * 10 + (unsigned)(*t->p++ - '0');
	*ret = v;
	return n > 0 && v <= max;
}

/* "CET", "<+0330>" */
static bool take_name(struct text *t)
{
	const char *start = t->p;

	if (take(t, '<')) {
		while (t->p < t->end && *t->p != '>')
			t->p++;
		return take(t, '>');
	}
	while (t->p < t->end && ((*t->p | 32) >= 'a' && (*t->p | 32) <= 'z'))
		t->p++;
	return t->p - start >= 3;
}

/* [+-]h[h][:mm[:ss]] */
static bool take_time(struct text *t, int32_t *ret)
{
	unsigned h, m = 0, s = 0;
	const bool minus = take(t, '-');

	if (!minus)
		take(t, '+');
	if (!take_number(t, 167, &h) || (take(t, ':') && (!take_number(t, 59, &m) || (take(t, ':') && !take_number(t, 59, &s)))))
		return false;
	const int32_t v = (int32_t)(h * 3600 + m * 60 + s);
	*ret = minus ? -v : v;
	return true;
}

static bool take_change(struct text *t, struct change *c)
{
	*c = (struct change){ .kind = 'N', .time_s = 7200 };
	if (take(t, 'M')) {
		c->kind = 'M';
		if (!take_number(t, 12, &c->month) || !c->month || !take(t, '.') || !take_number(t, 5, &c->week) || !c->week || !take(t, '.') ||
		    !take_number(t, 6, &c->day))
			return false;
	} else {
		if (take(t, 'J'))
			c->kind = 'J';
		if (!take_number(t, 365, &c->day) || (c->kind == 'J' && !c->day))
			return false;
	}
	return !take(t, '/') || take_time(t, &c->time_s);
}

/* "CET-1CEST,M3.5.0,M10.5.0/3". False where it is none. */
static bool rule_parse(struct gs_zone *z, const char *p, size_t len)
{
	struct text t = { p, p + len };

	if (!take_name(&t) || !take_time(&t, &z->std_s))
		return false;
	z->std_s = -z->std_s;
	z->dst_s = z->std_s + 3600;
	if (t.p == t.end)
		return z->has_rule = true;
	if (!take_name(&t))
		return false;
	if (t.p < t.end && *t.p != ',') {
		if (!take_time(&t, &z->dst_s))
			return false;
		z->dst_s = -z->dst_s;
	}
	if (!take(&t, ',') || !take_change(&t, &z->begin) || !take(&t, ',') || !take_change(&t, &z->end) || t.p != t.end)
		return false;
	return z->has_dst = z->has_rule = true;
}

/* The day of a change, since 1970. */
static int64_t change_day(const struct change *c, int64_t year)
{
	const int64_t first = gs_days_from_civil(year, 1, 1);

	if (c->kind == 'N')
		return first + c->day;
	if (c->kind == 'J')
		return first + c->day - 1 + (c->day >= 60 && gs_days_from_civil(year, 3, 1) - first == 60);
	const int64_t begin = gs_days_from_civil(year, c->month, 1);
	const int64_t next = c->month == 12 ? gs_days_from_civil(year + 1, 1, 1) : gs_days_from_civil(year, c->month + 1, 1);
	const int64_t weekday = ((begin + 4) % 7 + 7) % 7; /* Sunday is 0; 1970-01-01 was a Thursday */
	int64_t day = begin + (c->day - weekday + 7) % 7 + (int64_t)(c->week - 1) * 7;
	while (day >= next)
		day -= 7;
	return day;
}

static int32_t rule_offset(const struct gs_zone *z, int64_t utc_s)
{
	int64_t year;
	unsigned month, day;

	if (!z->has_dst)
		return z->std_s;
	const int64_t wall = utc_s + z->std_s;
	gs_civil_from_days(wall / DAY_S - (wall % DAY_S < 0), &year, &month, &day);
	const int64_t begin = change_day(&z->begin, year) * DAY_S + z->begin.time_s - z->std_s;
	const int64_t end = change_day(&z->end, year) * DAY_S + z->end.time_s - z->dst_s;
	const bool dst = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;
	return dst ? z->dst_s : z->std_s;
}

/* ---- the file ---- */

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static bool header_read(struct gs_cursor *c, uint8_t *ret_version, struct counts *n)
{
	const uint8_t *p = gs_get_bytes(c, 20);

	if (!p || memcmp(p, "TZif", 4) != 0)
		return false;
	*ret_version = p[4];
	n->isut = gs_get_be32(c);
	n->isstd = gs_get_be32(c);
	n->leap = gs_get_be32(c);
	n->time = gs_get_be32(c);
	n->type = gs_get_be32(c);
	n->chars = gs_get_be32(c);
	return !c->short_ && n->time <= TIMES_MAX && n->type >= 1 && n->type <= 256 && n->leap <= 1024 && n->chars <= 65536 && n->isut <= 256 && n->isstd <= 256;
}

static int64_t get_be64(struct gs_cursor *c)
{
	const uint64_t high = gs_get_be32(c);
	return (int64_t)(high << 32 | gs_get_be32(c));
}

/* A data block; wide: 64 bits a time. */
static bool block_read(struct gs_zone *z, struct gs_cursor *c, const struct counts *n, bool wide)
{
	int32_t types[256];

	for (uint32_t i = 0; i < n->time; i++) {
		z->at[i] = wide ? get_be64(c) : (int32_t)gs_get_be32(c);
		if (i && z->at[i] <= z->at[i - 1])
			return false;
	}
	const uint8_t *index = gs_get_bytes(c, n->time);
	for (uint32_t i = 0; i < n->type; i++) {
		types[i] = (int32_t)gs_get_be32(c);
		gs_get_bytes(c, 2);
		if (types[i] < -2 * DAY_S || types[i] > 2 * DAY_S)
			return false;
	}
	gs_get_bytes(c, n->chars + n->leap * (wide ? 12u : 8u) + n->isstd + n->isut);
	if (c->short_ || (!index && n->time))
		return false;
	z->n = n->time;
	z->offset[0] = types[0];
	for (uint32_t i = 0; i < n->time; i++) {
		if (index[i] >= n->type)
			return false;
		z->offset[i + 1] = types[index[i]];
	}
	return true;
}

static struct gs_zone *zone_new(size_t n)
{
	struct gs_zone *z = calloc(1, sizeof *z);

	if (!z)
		return NULL;
	z->at = calloc(n + 1, sizeof *z->at);
	z->offset = calloc(n + 1, sizeof *z->offset);
	if (z->at && z->offset)
		return z;
	gs_zone_free(z);
	return NULL;
}

static bool file_read(struct gs_zone *z, const uint8_t *data, size_t len)
{
	struct gs_cursor c = gs_cursor_of(data, (uint32_t)len, (uint32_t)len);
	struct counts n;
	uint8_t version;

	if (!header_read(&c, &version, &n) || !block_read(z, &c, &n, false))
		return false;
	if (version < '2')
		return true;
	if (!header_read(&c, &version, &n) || !block_read(z, &c, &n, true))
		return false;
	const uint8_t *p = data + len - gs_cursor_left(&c), *end = data + len;
	if (p == end || *p++ != '\n')
		return false;
	const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
	return nl && (nl == p || rule_parse(z, (const char *)p, (size_t)(nl - p)));
}

int gs_zone_parse(const char *name, const uint8_t *data, size_t len, struct gs_zone **ret, struct gs_error *err)
{
	struct gs_zone *z = zone_new(TIMES_MAX);

	if (!z)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", name);
	if (!file_read(z, data, len)) {
		gs_zone_free(z);
		return gs_fail(err, GS_ERR_FORMAT, "%s: is no file of the time zone database (TZif)", name);
	}
	*ret = z;
	return 0;
}

int gs_zone_load(const char *path, struct gs_zone **ret, struct gs_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot be opened", path);
	uint8_t *data = malloc(FILE_MAX_OCTETS);
	while (data && n > 0 && len < FILE_MAX_OCTETS) {
		n = read(fd, data + len, FILE_MAX_OCTETS - len);
		len += n > 0 ? (size_t)n : 0;
	}
	const int sys = errno;
	close(fd);
	int r;
	if (!data)
		r = gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", path);
	else if (n < 0)
		r = gs_fail_errno(err, GS_ERR_IO, sys, "%s: cannot be read", path);
	else
		r = gs_zone_parse(path, data, len, ret, err);
	free(data);
	return r;
}

int gs_zone_fixed(int32_t offset_s, struct gs_zone **ret, struct gs_error *err)
{
	struct gs_zone *z = zone_new(0);

	if (!z)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for a time zone");
	z->offset[0] = offset_s;
	*ret = z;
	return 0;
}

void gs_zone_free(struct gs_zone *z)
{
	if (!z)
		return;
	free(z->at);
	free(z->offset);
	free(z);
}

bool gs_zone_offset_parse(const char *text, size_t len, int32_t *ret_s)
{
	struct text t = { text, text + len };
	unsigned h = 0, m = 0;

	if ((len == 1 && (*text | 32) == 'z') || (len == 3 && strncasecmp(text, "utc", 3) == 0)) {
		*ret_s = 0;
		return true;
	}
	const bool west = take(&t, '-');
	if ((!west && !take(&t, '+')) || t.end - t.p < 2)
		return false;
	const char *colon = memchr(t.p, ':', (size_t)(t.end - t.p));
	struct text hours = { t.p, colon ? colon : t.end };
	if (hours.end - hours.p == 4 && !colon) {
		t.p += 2;
		hours.end = t.p;
	} else {
		t.p = colon ? colon + 1 : t.end;
	}
	if (hours.end - hours.p != 2 || !take_number(&hours, 23, &h) || hours.p != hours.end)
		return false;
	if (t.p < t.end && (t.end - t.p != 2 || !take_number(&t, 59, &m)))
		return false;
	if (t.p != t.end || (colon && colon + 1 == t.end))
		return false;
	*ret_s = (west ? -1 : 1) * (int32_t)(h * 3600 + m * 60);
	return true;
}

int32_t gs_zone_offset(const struct gs_zone *z, int64_t utc_s)
{
	size_t low = 0, high = z->n; /* entries before low are not after utc_s */

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		if (z->at[mid] <= utc_s)
			low = mid + 1;
		else
			high = mid;
	}
	return low == z->n && z->has_rule ? rule_offset(z, utc_s) : z->offset[low];
}

unsigned gs_zone_utc(const struct gs_zone *z, int64_t wall_s, int64_t ret[2])
{
	/* what the clock was set to a day before and after: zones change less often */
	const int32_t before = gs_zone_offset(z, wall_s - DAY_S), after = gs_zone_offset(z, wall_s + DAY_S);
	const bool is_before = gs_zone_offset(z, wall_s - before) == before, is_after = gs_zone_offset(z, wall_s - after) == after;

	ret[0] = wall_s - (is_before || !is_after ? before : after);
	if (before == after || !is_before || !is_after)
		return 1;
	ret[1] = wall_s - after;
	if (ret[1] < ret[0]) {
		ret[0] = wall_s - after;
		ret[1] = wall_s - before;
	}
	return 2;
}
