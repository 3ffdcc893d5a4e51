/* test_base.c - what the base promises: times, addresses, bounded reading, the map's cap, the string table */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/hll.h"
#include "base/map.h"
#include "base/strtab.h"
#include "base/when.h"
#include "grescope/grescope.h"

static int64_t parsed(const char *text)
{
	struct gs_time t = { -1 };
	return gs_time_parse(text, strlen(text), &t) ? t.ns : -1;
}

static void time_is_parsed(void **state)
{
	(void)state;
	assert_int_equal(parsed("2017-07-25T12:05:31.000-0700"), INT64_C(1501009531000000000));
	assert_int_equal(parsed("2017-07-25T19:05:31Z"), INT64_C(1501009531000000000));
	assert_int_equal(parsed("2017-07-26 03:05:31.5+08:00"), INT64_C(1501009531500000000));
	assert_int_equal(parsed("2016-02-29"), INT64_C(1456704000000000000));
	assert_int_equal(parsed("1501009531.000000001"), INT64_C(1501009531000000001));
	assert_int_equal(parsed("2017-02-29"), -1);
	assert_int_equal(parsed("2017-13-01"), -1);
	assert_int_equal(parsed("2017-07-25T25:00:00Z"), -1);
	assert_int_equal(parsed("2017-07-25T12:00:00Zx"), -1);
	assert_int_equal(parsed("9999-12-31"), -1); /* outside the range: refused, not wrapped */
	assert_int_equal(parsed(""), -1);
	assert_int_equal(parsed("47"), -1);
}

static void time_is_formatted(void **state)
{
	(void)state;
	char out[GS_TIME_TEXT_MAX];
	gs_time_format((struct gs_time){ INT64_C(1501009531000000001) }, 6, out);
	assert_string_equal(out, "2017-07-25T19:05:31.000000Z");
	gs_time_format((struct gs_time){ INT64_C(1501009531000000001) }, 9, out);
	assert_string_equal(out, "2017-07-25T19:05:31.000000001Z");
	gs_time_format((struct gs_time){ -1 }, 3, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999Z");
	gs_time_format((struct gs_time){ INT64_C(4294967295000000000) }, 0, out);
	assert_string_equal(out, "2106-02-07T06:28:15Z");
	gs_time_format(GS_TIME_MIN, 0, out);
	assert_string_equal(out, "1677-09-21T00:12:43Z");
	gs_time_format(GS_TIME_MAX, 0, out);
	assert_string_equal(out, "2262-04-11T23:47:16Z");
}

static void ends_of_time_go_there_and_back(void **state)
{
	(void)state;
	static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, INT64_MIN + GS_NS_PER_S, INT64_MAX - 1, INT64_MAX };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char out[GS_TIME_TEXT_MAX];
		struct gs_time t = { 0 };
		assert_true(gs_time_parse(out, gs_time_format((struct gs_time){ ends[i] }, 9, out), &t));
		assert_int_equal(t.ns, ends[i]);
	}
}

static void weeks_follow_iso_8601(void **state)
{
	(void)state;
	static const struct {
		const char *day;
		int64_t year;
		unsigned week;
	} cases[] = { { "2017-01-01", 2016, 52 }, { "2017-01-02", 2017, 1 },  { "2015-12-31", 2015, 53 }, { "2016-01-03", 2015, 53 },
		      { "2016-01-04", 2016, 1 },  { "2018-12-31", 2019, 1 },  { "1969-12-29", 1970, 1 },  { "1969-12-28", 1969, 52 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_time t;
		int64_t year;
		unsigned week;
		assert_true(gs_time_parse(cases[i].day, 10, &t));
		gs_time_iso_week(t, &year, &week);
		assert_int_equal(year, cases[i].year);
		assert_int_equal(week, cases[i].week);
	}
}

static void every_day_goes_there_and_back(void **state)
{
	(void)state;
	for (int64_t d = -200000; d < 200000; d += 37) {
		int64_t y;
		unsigned m, day;
		gs_civil_from_days(d, &y, &m, &day);
		assert_int_equal(gs_days_from_civil(y, m, day), d);
	}
}

static void addresses(void **state)
{
	(void)state;
	static const char *const same[] = { "1.2.3.4", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1:0:0:1", "::ffff:1.2.3.4" };
	char out[GS_ADDR_TEXT_MAX];
	struct gs_addr a;

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		assert_true(gs_addr_parse(same[i], strlen(same[i]), &a));
		assert_int_equal(gs_addr_format(&a, out), strlen(same[i]));
		assert_string_equal(out, same[i]);
	}
	assert_false(gs_addr_parse("1.2.3", 5, &a));
	assert_false(gs_addr_parse("1.2.3.4 ", 8, &a));
	assert_false(gs_addr_parse("1.2.3.256", 9, &a));
	assert_false(gs_addr_parse("", 0, &a));
}

static void prefixes(void **state)
{
	(void)state;
	struct gs_prefix p;
	struct gs_addr in, out;
	char text[GS_PREFIX_TEXT_MAX];

	assert_true(gs_prefix_parse("114.32.255.1/15", 15, &p));
	gs_prefix_format(&p, text);
	assert_string_equal(text, "114.32.0.0/15");
	assert_true(gs_addr_parse("114.33.7.9", 10, &in) && gs_addr_parse("114.34.0.0", 10, &out));
	assert_true(gs_prefix_contains(&p, &in));
	assert_false(gs_prefix_contains(&p, &out));
	assert_true(gs_prefix_parse("0.0.0.0/0", 9, &p) && gs_prefix_contains(&p, &in));
	assert_true(gs_prefix_parse("2001:db8::/33", 13, &p));
	assert_false(gs_prefix_contains(&p, &in));
	assert_false(gs_prefix_parse("1.2.3.4/33", 10, &p));
	assert_false(gs_prefix_parse("1.2.3.4/", 8, &p));
}

static void a_short_read_sticks(void **state)
{
	(void)state;
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct gs_cursor c = gs_cursor_of(bytes, 3, 10);

	assert_int_equal(gs_get_be16(&c), 0x0102);
	assert_int_equal(gs_get_be16(&c), 0);
	assert_true(c.short_ && c.cut);
	assert_int_equal(gs_get_u8(&c), 0); /* one octet is left, but the failure sticks */
	assert_int_equal(c.off, 2);

	c = gs_cursor_of(bytes, 3, 3);
	gs_skip(&c, 4);
	assert_true(c.short_ && !c.cut);
	c = gs_cursor_of(bytes, 3, 3);
	gs_cursor_bound(&c, 1);
	assert_int_equal(gs_get_u8(&c), 1);
	assert_null(gs_get_bytes(&c, 1));
}

struct record {
	uint64_t key, value;
};

static void a_map_holds_its_cap(void **state)
{
	(void)state;
	struct gs_map m;
	bool new;
	uint64_t n = 0;

	assert_int_equal(gs_map_init(&m, 8, sizeof(struct record), 1 << 20, 7), 0);
	for (uint64_t key = 0; key < 100000; key++) {
		struct record *r = gs_map_get(&m, gs_map_hash(&m, &key), &key, &new);
		if (!r)
			continue;
		assert_true(new);
		r->value = key * 3;
		n++;
	}
	assert_true(n > 20000 && n < 65536);
	assert_true(gs_map_used(&m) <= 1 << 20);
	for (uint64_t key = 0; key < n; key++) {
		struct record *r = gs_map_find(&m, gs_map_hash(&m, &key), &key);
		assert_non_null(r);
		assert_int_equal(r->value, key * 3);
	}
	gs_map_clear(&m, 0);
	uint64_t key = 1;
	assert_null(gs_map_find(&m, gs_map_hash(&m, &key), &key));
	assert_non_null(gs_map_get(&m, gs_map_hash(&m, &key), &key, &new));
	gs_map_done(&m);
}

static void distinct_counts_are_near(void **state)
{
	(void)state;
	static struct gs_hll h, other;
	for (uint64_t i = 0; i < 1000000; i++)
		gs_hll_add(i & 1 ? &h : &other, XXH3_64bits(&i, sizeof i));
	gs_hll_merge(&h, &other);
	uint64_t n = gs_hll_count(&h);
	assert_true(n > 950000 && n < 1050000);
	other = (struct gs_hll){ 0 };
	assert_int_equal(gs_hll_count(&other), 0);
}

static void strings_get_one_id(void **state)
{
	(void)state;
	struct gs_strtab *t = gs_strtab_new(1000, 1 << 20);
	char text[16];
	for (int round = 0; round < 2; round++)
		for (unsigned i = 1; i < 1000; i++) {
			int n = snprintf(text, sizeof text, "city %u", i);
			assert_int_equal(gs_strtab_add(t, text, (size_t)n), i);
		}
	assert_int_equal(gs_strtab_add(t, "one too many", 12), 0);
	assert_int_equal(gs_strtab_refused(t), 1);
	assert_string_equal(gs_strtab_get(t, 7), "city 7");
	assert_string_equal(gs_strtab_get(t, 0), "");
	assert_string_equal(gs_strtab_get(t, 5000), "");
	gs_strtab_free(t);
}

static void errors_say_why(void **state)
{
	(void)state;
	struct gs_error err = { 0 };
	assert_int_equal(gs_fail_errno(&err, GS_ERR_IO, 2, "%s", "x.pcap"), GS_ERR_NOENT);
	assert_string_equal(err.text, "x.pcap: No such file or directory");
	assert_int_equal(gs_fail(&err, GS_ERR_FORMAT, "in %s", err.text), GS_ERR_FORMAT);
	assert_string_equal(err.text, "in x.pcap: No such file or directory");
	assert_int_equal(gs_fail(NULL, GS_ERR_IO, "x"), GS_ERR_IO);
}

static void buffers_and_arenas_grow(void **state)
{
	(void)state;
	struct gs_buf b = { 0 };
	for (unsigned i = 0; i < 1000; i++)
		gs_buf_put_u64(&b, i);
	gs_buf_printf(&b, " %s", "end");
	assert_int_equal(b.len, 10 + 180 + 2700 + 4);
	assert_string_equal(gs_buf_text(&b) + b.len - 4, " end");
	gs_buf_done(&b);

	struct gs_arena *a = gs_arena_new(200000);
	assert_non_null(gs_arena_alloc(a, 100000));
	assert_string_equal(gs_arena_printf(a, "%d", 47), "47");
	assert_null(gs_arena_alloc(a, 100000));
	gs_arena_free(a);
}

/* What the words mean at `now`; an end is written behind it. */
static const char *when(const char *text, const char *now)
{
	static char out[2 * GS_TIME_TEXT_MAX];
	struct gs_when w;
	struct gs_time t;

	assert_true(gs_time_parse(now, strlen(now), &t));
	if (!gs_when_parse(text, strlen(text), t, &w))
		return "none";
	size_t n = gs_time_format(w.at, 0, out);
	if (w.end.ns != INT64_MAX) {
		out[n++] = ' ';
		gs_time_format(w.end, 0, out + n);
	}
	return out;
}

static void times_in_words(void **state)
{
	static const struct {
		const char *now, *text, *is;
	} cases[] = {
		/* 2026-01-01 is a Thursday: its week began in the year before, and the week before that, 2025-W52, on the 22nd */
		{ "2026-01-01T00:00:00Z", "today", "2026-01-01T00:00:00Z" },
		{ "2026-01-01T00:00:00Z", "yesterday", "2025-12-31T00:00:00Z 2026-01-01T00:00:00Z" },
		{ "2026-01-01T23:59:59Z", "last week", "2025-12-22T00:00:00Z 2025-12-29T00:00:00Z" },
		{ "2026-01-01T12:00:00Z", "this week", "2025-12-29T00:00:00Z" },
		{ "2026-01-01T12:00:00Z", "last month", "2025-12-01T00:00:00Z 2026-01-01T00:00:00Z" },
		{ "2026-01-01T12:00:00Z", "last year", "2025-01-01T00:00:00Z 2026-01-01T00:00:00Z" },
		{ "2025-12-31T23:59:59Z", "this-year", "2025-01-01T00:00:00Z" },
		{ "2026-01-01T00:30:00Z", "last hour", "2025-12-31T23:00:00Z 2026-01-01T00:00:00Z" },
		/* a Monday and a Sunday */
		{ "2026-11-23T00:00:00Z", "last-week", "2026-11-16T00:00:00Z 2026-11-23T00:00:00Z" },
		{ "2026-11-22T23:59:59Z", "LAST_Week", "2026-11-09T00:00:00Z 2026-11-16T00:00:00Z" },
		/* leap days */
		{ "2024-03-01T08:00:00Z", "yesterday", "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z" },
		{ "2023-03-01T08:00:00Z", "yesterday", "2023-02-28T00:00:00Z 2023-03-01T00:00:00Z" },
		{ "2024-03-10T08:00:00Z", "last month", "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z" },
		{ "2024-02-29T08:00:00Z", "1y", "2023-02-28T08:00:00Z" },
		{ "2024-03-31T08:00:00Z", "1 month", "2024-02-29T08:00:00Z" },
		{ "2023-03-31T08:00:00Z", "1 month ago", "2023-02-28T08:00:00Z" },
		{ "2023-01-31T08:00:00Z", "2mo", "2022-11-30T08:00:00Z" },
		{ "2024-03-01T00:00:00Z", "1d", "2024-02-29T00:00:00Z" },
		/* spans */
		{ "2026-11-22T12:34:56Z", "30d", "2026-10-23T12:34:56Z" },
		{ "2026-11-22T12:34:56Z", "12h", "2026-11-22T00:34:56Z" },
		{ "2026-11-22T12:34:56Z", "4w", "2026-10-25T12:34:56Z" },
		{ "2026-11-22T12:34:56Z", " 90  minutes ago", "2026-11-22T11:04:56Z" },
		{ "2026-11-22T12:34:56Z", "0s", "2026-11-22T12:34:56Z" },
		{ "2026-11-22T12:34:56Z", "now", "2026-11-22T12:34:56Z" },
		/* the calendar */
		{ "2026-11-22T12:34:56Z", "2017-01-28", "2017-01-28T00:00:00Z" },
		{ "2026-11-22T12:34:56Z", "2017-01-28T12:00+02:00", "2017-01-28T10:00:00Z" },
		{ "2026-11-22T12:34:56Z", "2017", "2017-01-01T00:00:00Z" },
		{ "2026-11-22T12:34:56Z", "2017-12", "2017-12-01T00:00:00Z" },
		{ "2026-11-22T12:34:56Z", "2020-W53", "2020-12-28T00:00:00Z" },
		{ "2026-11-22T12:34:56Z", "2021-W01", "2021-01-04T00:00:00Z" },
		{ "2026-11-22T12:34:56Z", "2015-W01", "2014-12-29T00:00:00Z" },
		/* none of them */
		{ "2026-11-22T12:34:56Z", "2021-W53", "none" },
		{ "2026-11-22T12:34:56Z", "2021-W00", "none" },
		{ "2026-11-22T12:34:56Z", "2017-13", "none" },
		{ "2026-11-22T12:34:56Z", "2017-02-29", "none" },
		{ "2026-11-22T12:34:56Z", "last", "none" },
		{ "2026-11-22T12:34:56Z", "last second", "none" },
		{ "2026-11-22T12:34:56Z", "next week", "none" },
		{ "2026-11-22T12:34:56Z", "last week ago", "none" },
		{ "2026-11-22T12:34:56Z", "30", "none" },
		{ "2026-11-22T12:34:56Z", "d", "none" },
		{ "2026-11-22T12:34:56Z", "ago", "none" },
		{ "2026-11-22T12:34:56Z", "", "none" },
		{ "2026-11-22T12:34:56Z", "-3d", "none" },
		{ "2026-11-22T12:34:56Z", "30 days ago ago", "none" },
		{ "2026-11-22T12:34:56Z", "1000000w", "none" },
		{ "2026-11-22T12:34:56Z", "1000000y", "none" },
		{ "2026-11-22T12:34:56Z", "99999999999999999999d", "none" },
		{ "2026-11-22T12:34:56Z", "last weeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeek", "none" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (strcmp(when(cases[i].text, cases[i].now), cases[i].is) != 0)
			fail_msg("\"%s\" at %s is %s, not %s", cases[i].text, cases[i].now, when(cases[i].text, cases[i].now), cases[i].is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_parsed),
		cmocka_unit_test(time_is_formatted),
		cmocka_unit_test(ends_of_time_go_there_and_back),
		cmocka_unit_test(weeks_follow_iso_8601),
		cmocka_unit_test(times_in_words),
		cmocka_unit_test(every_day_goes_there_and_back),
		cmocka_unit_test(addresses),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(a_short_read_sticks),
		cmocka_unit_test(a_map_holds_its_cap),
		cmocka_unit_test(distinct_counts_are_near),
		cmocka_unit_test(strings_get_one_id),
		cmocka_unit_test(errors_say_why),
		cmocka_unit_test(buffers_and_arenas_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
