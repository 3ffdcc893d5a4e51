/* test_log.c - lines of logs: times, prefixes, years and zones, the search, the way of a line, whole files */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/zone.h"
#include "source/log_find.h"
#include "source/log_reader.h"
#include "source/source_int.h"

#define CELL(s) ((log_cell){ (s), strlen(s) })

static void *room(size_t size)
{
	void *p = malloc(size);
	if (!p)
		abort();
	return p;
}

/* A time as fields: "2026-04-05 07:23:03.000000004 +7200", "- 04-05 ...", "epoch N", "none". */
static void time_text(const struct log_time *t, char *out, size_t size)
{
	char year[8] = "-", offset[16] = "";

	if (t->kind == LOG_TIME_EPOCH) {
		snprintf(out, size, "epoch %lld", (long long)t->epoch.ns);
		return;
	}
	if (t->kind != LOG_TIME_CIVIL) {
		snprintf(out, size, "%s", t->kind == LOG_TIME_UPTIME ? "uptime" : "none");
		return;
	}
	if (t->has_year)
		snprintf(year, sizeof year, "%d", t->year);
	if (t->has_offset)
		snprintf(offset, sizeof offset, " %+d", t->offset_s);
	if (t->zone_unclear)
		strcat(offset, " unclear");
	snprintf(out, size, "%s-%02u-%02u %02u:%02u:%02u.%u%s", year, t->month, t->day, t->hour, t->minute, t->second, t->ns, offset);
}

static void times_written(void **state)
{
	static const struct {
		const char *text, *want; /* want NULL: none */
	} cases[] = {
		{ "Apr  5 07:23:03", "--04-05 07:23:03.0" },
		{ "Apr 5 07:23:03.25", "--04-05 07:23:03.250000000" },
		{ "Apr 15 2026 07:23:03", "2026-04-15 07:23:03.0" },
		{ "apr/05/2026 07:23:03", "2026-04-05 07:23:03.0" },
		{ "apr/05 07:23:03", "--04-05 07:23:03.0" },
		{ "2026 Apr  5 07:23:03", "2026-04-05 07:23:03.0" },
		{ "5 Apr 2026 07:23:03", "2026-04-05 07:23:03.0" },
		{ "5Apr2026 7:23:03", "2026-04-05 07:23:03.0" },
		{ "05/Apr/2026:07:23:03 +0200", "2026-04-05 07:23:03.0 +7200" },
		{ "2026-04-05T07:23:03.123456789Z", "2026-04-05 07:23:03.123456789 +0" },
		{ "2026-04-05 07:23:03,5 -03:30", "2026-04-05 07:23:03.500000000 -12600" },
		{ "2026/04/05 07:23:03", "2026-04-05 07:23:03.0" },
		{ "2026-04-05T07:23:03+0300", "2026-04-05 07:23:03.0 +10800" },
		{ "Sun Apr  5 07:23:03 2026", "2026-04-05 07:23:03.0" },
		{ "Sun Apr  5 07:23:03 CEST 2026", "2026-04-05 07:23:03.0 +7200" },
		{ "Jun 26 16:44:58.802 CEST", "--06-26 16:44:58.802000000 +7200" },
		{ "*Mar  1 00:01:02.123", "--03-01 00:01:02.123000000" },
		{ "Feb 29 12:00:00", "--02-29 12:00:00.0" },
		{ "Feb 29 2016 12:00:00", "2016-02-29 12:00:00.0" },
		{ "1459837383", "epoch 1459837383000000000" },
		{ "1459837383.5", "epoch 1459837383500000000" },
		{ "1459837383123", "epoch 1459837383123000000" },
		{ "1459837383123456", "epoch 1459837383123456000" },
		{ "1459837383123456789", "epoch 1459837383123456789" },
		{ "2016-12-31 23:59:60", "2016-12-31 23:59:60.0" },
		{ "Feb 29 2017 12:00:00", NULL },
		{ "Feb 30 12:00:00", NULL },
		{ "Apr 31 12:00:00", NULL },
		{ "Apr  5 24:00:00", NULL },
		{ "Apr  5 07:60:00", NULL },
		{ "04/05/2026 07:23:03", NULL },
		{ "Apr  5", NULL },
		{ "Apr  5 07:23:03 x", NULL },
		{ "April 5 07:23:03", NULL },
		{ "12345", NULL },
		{ "12345678901", NULL },
		{ "", NULL },
		{ "XXXXXXXXXX.XXXXXX", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct log_time t;
		char text[80] = "";
		const bool is = log_time_read(CELL(cases[i].text), &t);
		if (is)
			time_text(&t, text, sizeof text);
		if (is != (cases[i].want != NULL) || (is && strcmp(text, cases[i].want) != 0))
			fail_msg("`%s`: `%s`", cases[i].text, is ? text : "none");
	}
}

static void prefixes(void **state)
{
	static const struct {
		const char *line, *time, *host, *tag, *text;
		bool known;
	} cases[] = {
		{ "Jun  3 12:57:34 R66 kernel: [  312.499331] [UFW BLOCK] IN=eth0", "--06-03 12:57:34.0", "R66", "kernel", "[UFW BLOCK] IN=eth0", true },
		{ "<4>Jun  3 12:57:34 R66 kernel: IN=eth0", "--06-03 12:57:34.0", "R66", "kernel", "IN=eth0", true },
		{ "[  312.499331] [UFW BLOCK] IN=eth0", "uptime", "", "", "[UFW BLOCK] IN=eth0", true },
		{ "<4>[  312.499331] IN=eth0", "uptime", "", "", "IN=eth0", true },
		{ "[Sun Apr  5 07:23:03 2026] IN=eth0", "2026-04-05 07:23:03.0", "", "", "IN=eth0", false },
		{ "2026-08-21T13:38:12.503161+03:00 fw kernel: DROP INPUT: IN=eth0", "2026-08-21 13:38:12.503161000 +10800", "fw", "kernel", "DROP INPUT: IN=eth0", true },
		{ "<134>1 2026-04-08T17:43:10-04:00 fw filterlog 123 - - 1,6,,10", "2026-04-08 17:43:10.0 -14400", "fw", "filterlog", "1,6,,10", true },
		{ "<14>1 2014-05-01T08:28:10.933Z fw01 RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636.1 a=\"b]\"] text", "2014-05-01 08:28:10.933000000 +0", "fw01", "RT_FLOW", "text",
		  true },
		{ "Apr  8 17:43:10 filterlog[123]: 1,6", "--04-08 17:43:10.0", "", "filterlog", "1,6", true },
		{ "Apr  8 17:43:10 2001:db8::1 filterlog: 1,6", "--04-08 17:43:10.0", "2001:db8::1", "filterlog", "1,6", true },
		{ "Feb  8 04:00:48 192.0.2.9 585917: Feb  8 04:00:47.272: %SEC-6-IPACCESSLOGRP: list 177", "--02-08 04:00:48.0", "192.0.2.9", "", "%SEC-6-IPACCESSLOGRP: list 177", true },
		{ "<174>15162564: BGP-B: 29391555: Jun 26 16:44:58.802 CEST: %FMANFP-6-IP: list", "--06-26 16:44:58.802000000 +7200", "", "BGP-B", "%FMANFP-6-IP: list", true },
		{ "Feb  8 04:00:48 r1 7: *Mar  1 2002 00:00:47.272 UTC: %SEC", "--02-08 04:00:48.0", "r1", "", "%SEC", true },
		{ "Feb  8 04:00:48 r1 7: Feb  8 2020 03:00:47.272 UTC: %SEC", "2020-02-08 03:00:47.272000000 +0", "r1", "", "%SEC", true },
		{ "<164>Aug 26 2022 19:33:08: %ASA-4-106023: Deny", "2022-08-26 19:33:08.0", "", "", "%ASA-4-106023: Deny", true },
		{ "<164>Aug 26 2022 19:33:08 asa1 : %ASA-4-106023: Deny", "2022-08-26 19:33:08.0", "asa1", "", "%ASA-4-106023: Deny", true },
		{ "%ASA-3-106010: Deny", "none", "", "", "%ASA-3-106010: Deny", false },
		{ "<189>date=2020-04-23 time=01:16:08", "none", "", "", "date=2020-04-23 time=01:16:08", false },
		{ "8,,,1000000103,ix2,match", "none", "", "", "8,,,1000000103,ix2,match", false },
		{ "1459837383.123456 fw kernel: IN=", "epoch 1459837383123456000", "fw", "kernel", "IN=", true },
		{ "Jun  3 12:57:34 fw kernel: message repeated 2 times: [ [ 3.123] IN=eth0 ]", "--06-03 12:57:34.0", "fw", "kernel", "IN=eth0 ", true },
		{ "Fri 2026-08-21 13:38:12 CEST fw kernel: IN=eth0", "2026-08-21 13:38:12.0 +7200", "fw", "kernel", "IN=eth0", true },
		{ "Fri 2026-08-21 13:38:12 IST fw kernel: IN=eth0", "2026-08-21 13:38:12.0 unclear", "fw", "kernel", "IN=eth0", true },
		{ "Fri 2026-08-21 13:38:12 CST fw kernel: IN=eth0", "2026-08-21 13:38:12.0 unclear", "fw", "kernel", "IN=eth0", true },
		{ "Fri 2026-08-21 13:38:12 +0545 fw kernel: IN=eth0", "2026-08-21 13:38:12.0 +20700", "fw", "kernel", "IN=eth0", true },
		{ "Fri 2026-08-21 13:38:12 fw kernel: IN=eth0", "2026-08-21 13:38:12.0", "fw", "kernel", "IN=eth0", true },
		{ "some words", "none", "", "", "some words", false },
		{ "", "none", "", "", "", false },
		{ "<999999>x", "none", "", "", "<999999>x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct log_line l;
		char text[80], all[400];
		const bool known = log_prefix(CELL(cases[i].line), &l);
		time_text(&l.time, text, sizeof text);
		snprintf(all, sizeof all, "%s|%.*s|%.*s|%.*s", text, (int)l.host.len, l.host.text ? l.host.text : "", (int)l.tag.len, l.tag.text ? l.tag.text : "",
		         (int)l.text.len, l.text.text);
		char want[400];
		snprintf(want, sizeof want, "%s|%s|%s|%s", cases[i].time, cases[i].host, cases[i].tag, cases[i].text);
		if (strcmp(all, want) != 0 || known != cases[i].known)
			fail_msg("`%s`: `%s` %d", cases[i].line, all, known);
	}
}

static struct gs_time at(const char *text)
{
	struct gs_time t = { 0 };
	assert_true(gs_time_parse(text, strlen(text), &t));
	return t;
}

static void clock_is(struct log_clock *c, const char *written, const char *want)
{
	struct log_time t;
	struct gs_time got;
	char text[GS_TIME_TEXT_MAX];

	assert_true(log_time_read(CELL(written), &t));
	const char *why = log_clock_read(c, &t, &got);
	if (!why)
		gs_time_format(got, 0, text);
	if (strcmp(why ? why : text, want) != 0)
		fail_msg("`%s`: %s, not %s", written, why ? why : text, want);
}

static void years(void **state)
{
	struct gs_log_options o = { 0 };
	struct log_clock c;

	(void)state;
	/* the file was last written in January: what is from December is last year's */
	log_clock_start(&c, &o, at("2017-01-03T10:00:00Z"));
	clock_is(&c, "Dec 31 23:59:59", "2016-12-31T23:59:59Z");
	clock_is(&c, "Jan  1 00:00:00", "2017-01-01T00:00:00Z");
	clock_is(&c, "Jan  3 10:00:00", "2017-01-03T10:00:00Z");
	clock_is(&c, "Jan  4 09:00:00", "2017-01-04T09:00:00Z"); /* zones and clocks differ by less than a day */
	clock_is(&c, "Jan  5 10:00:00", "2016-01-05T10:00:00Z");
	clock_is(&c, "Feb 29 10:00:00", "2016-02-29T10:00:00Z");
	clock_is(&c, "2009-02-01 10:00:00", "2009-02-01T10:00:00Z");
	log_clock_start(&c, &o, at("2019-06-01T00:00:00Z"));
	clock_is(&c, "Feb 29 10:00:00", "2016-02-29T10:00:00Z");
	log_clock_start(&c, &o, at("2104-01-01T00:00:00Z")); /* 2100 has no such day */
	clock_is(&c, "Feb 29 10:00:00", "2096-02-29T10:00:00Z");
	/* forward from the first year: several New Years, and a line out of order at one of them */
	o.year = 2015;
	log_clock_start(&c, &o, at("2020-01-01T00:00:00Z"));
	clock_is(&c, "Nov  1 00:00:00", "2015-11-01T00:00:00Z");
	clock_is(&c, "Dec 31 23:59:58", "2015-12-31T23:59:58Z");
	clock_is(&c, "Jan  1 00:00:01", "2016-01-01T00:00:01Z");
	clock_is(&c, "Dec 31 23:59:59", "2015-12-31T23:59:59Z");
	clock_is(&c, "Jan  1 00:00:02", "2016-01-01T00:00:02Z");
	clock_is(&c, "Feb 29 00:00:02", "2016-02-29T00:00:02Z");
	clock_is(&c, "Aug 10 00:00:02", "2016-08-10T00:00:02Z");
	clock_is(&c, "Jan 10 00:00:02", "2017-01-10T00:00:02Z");
	clock_is(&c, "Feb 29 00:00:02", "is none: that year had no 29 February");
	clock_is(&c, "Oct 25 00:00:02", "2017-10-25T00:00:02Z"); /* lines of GRE can be months apart */
	clock_is(&c, "Jan  3 00:00:02", "2018-01-03T00:00:02Z");
	clock_is(&c, "Dec 20 00:00:02", "2017-12-20T00:00:02Z");
	/* nothing is known */
	o.year = 0;
	log_clock_start(&c, &o, GS_TIME_MIN);
	clock_is(&c, "Feb  1 00:00:02", "has no year, and none was given");
	o.now = at("2020-03-01T00:00:00Z");
	log_clock_start(&c, &o, GS_TIME_MIN);
	clock_is(&c, "Feb 29 00:00:02", "2020-02-29T00:00:02Z");
}

/* TZif version 2 with an empty first block and only a rule. */
static size_t rule_file(const char *rule, uint8_t *out)
{
	static const uint8_t block[44] = { 'T', 'Z', 'i', 'f', '2', [40] = 0 };
	uint8_t *p = out;

	for (int i = 0; i < 2; i++) {
		memcpy(p, block, 44);
		p[39] = 1; /* types */
		p[43] = 4; /* characters */
		p += 44;
		memcpy(p, "\0\0\0\0\0\0UTC\0", 10);
		p += 10;
	}
	*p++ = '\n';
	memcpy(p, rule, strlen(rule));
	p += strlen(rule);
	*p++ = '\n';
	return (size_t)(p - out);
}

static void zones(void **state)
{
	static const struct {
		const char *rule, *wall;
		unsigned n;
		const char *first, *second;
	} cases[] = {
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-01-15T12:00:00Z", 1, "2026-01-15T11:00:00Z", "" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-15T12:00:00Z", 1, "2026-07-15T10:00:00Z", "" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T02:30:00Z", 2, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T02:30:00Z", 1, "2026-03-29T01:30:00Z", "" }, /* left out */
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T03:00:00Z", 1, "2026-03-29T01:00:00Z", "" },
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-15T12:00:00Z", 1, "2026-01-15T01:00:00Z", "" },
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-15T12:00:00Z", 1, "2026-07-15T02:00:00Z", "" },
		{ "<+0545>-5:45", "2026-07-15T12:00:00Z", 1, "2026-07-15T06:15:00Z", "" },
		{ "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T03:00:00Z", 1, "2026-03-08T07:00:00Z", "" },
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-07-15T12:00:00Z", 1, "2026-07-15T13:00:00Z", "" },
		{ "XXX0YYY,J60,J300", "2026-03-01T12:00:00Z", 1, "2026-03-01T11:00:00Z", "" },
		{ "XXX0YYY,59/0,300", "2024-02-29T12:00:00Z", 1, "2024-02-29T11:00:00Z", "" },
	};
	uint8_t file[400];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_zone *z;
		int64_t utc[2];
		char a[GS_TIME_TEXT_MAX], b[GS_TIME_TEXT_MAX] = "";
		assert_int_equal(gs_zone_parse("t", file, rule_file(cases[i].rule, file), &z, NULL), 0);
		const unsigned n = gs_zone_utc(z, gs_time_floor_s(at(cases[i].wall), 1), utc);
		gs_time_format((struct gs_time){ utc[0] * GS_NS_PER_S }, 0, a);
		if (n == 2)
			gs_time_format((struct gs_time){ utc[1] * GS_NS_PER_S }, 0, b);
		if (n != cases[i].n || strcmp(a, cases[i].first) != 0 || strcmp(b, cases[i].second) != 0)
			fail_msg("%s %s: %u %s %s", cases[i].rule, cases[i].wall, n, a, b);
		gs_zone_free(z);
	}
	/* cut anywhere, or with a rule that is none, it is no zone and no crash */
	struct gs_zone *z;
	struct gs_error err;
	const size_t len = rule_file("CET-1CEST,M3.5.0,M10.5.0/3", file);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut + 1);
		memcpy(copy, file, cut);
		assert_int_equal(gs_zone_parse("t", copy, cut, &z, &err), GS_ERR_FORMAT);
		free(copy);
	}
	static const char *const wrong[] = { "CET", "CET-1CEST", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x", "C1", "CET-999" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (gs_zone_parse("t", file, rule_file(wrong[i], file), &z, &err) != GS_ERR_FORMAT)
			fail_msg("%s", wrong[i]);
	int32_t s;
	assert_true(gs_zone_offset_parse("+05:45", 6, &s) && s == 20700);
	assert_true(gs_zone_offset_parse("-0330", 5, &s) && s == -12600);
	assert_true(gs_zone_offset_parse("Z", 1, &s) && s == 0);
	assert_false(gs_zone_offset_parse("+5", 2, &s) || gs_zone_offset_parse("+25", 3, &s) || gs_zone_offset_parse("+05:4", 5, &s) || gs_zone_offset_parse("05", 2, &s));
}

/* The system's zones against the C library. Skipped where there are none. */
static void zones_against_libc(void **state)
{
	static const char *const names[] = { "Europe/Berlin", "America/New_York", "Asia/Taipei", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "UTC" };
	unsigned checked = 0;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[200];
		struct gs_zone *z;
		snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", names[i]);
		if (gs_zone_load(path, &z, NULL) < 0)
			continue;
		setenv("TZ", names[i], 1);
		tzset();
		for (int64_t s = -3600 * 24 * 365 * INT64_C(20); s < 3600 * 24 * 365 * INT64_C(90); s += 777777) {
			struct tm tm;
			const time_t t = (time_t)s;
			localtime_r(&t, &tm);
			if (gs_zone_offset(z, s) != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d, not %ld", names[i], (long long)s, gs_zone_offset(z, s), tm.tm_gmtoff);
		}
		gs_zone_free(z);
		checked++;
	}
	unsetenv("TZ");
	tzset();
	if (!checked)
		skip();
}

static void hour_that_comes_twice(void **state)
{
	uint8_t file[400];
	struct gs_log_options o = { 0 };
	struct gs_zone *z;
	struct log_clock c;

	(void)state;
	assert_int_equal(gs_zone_parse("t", file, rule_file("CET-1CEST,M3.5.0,M10.5.0/3", file), &z, NULL), 0);
	o.zone = z;
	log_clock_start(&c, &o, at("2026-11-01T00:00:00Z"));
	clock_is(&c, "Oct 25 02:58:00", "2026-10-25T00:58:00Z");
	clock_is(&c, "Oct 25 02:59:00", "2026-10-25T00:59:00Z");
	clock_is(&c, "Oct 25 02:01:00", "2026-10-25T01:01:00Z"); /* after 02:59 it can only be the second time */
	clock_is(&c, "Oct 25 03:01:00", "2026-10-25T02:01:00Z");
	clock_is(&c, "2026-10-25T02:01:00+02:00", "2026-10-25T00:01:00Z"); /* what is written counts */
	gs_zone_free(z);
}

static bool has_folded(const char *line, size_t len, const char *needle)
{
	const size_t n = strlen(needle);
	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(line + i, needle, n) == 0)
			return true;
	return false;
}

/* Every needle holds a pair that the search anchors at, is lower case, and there is room for all. */
static void needles_of_the_table(void **state)
{
	struct log_finder *f = calloc(1, sizeof *f);

	(void)state;
	assert_true(log_formats_n <= LOG_FORMATS_MAX);
	for (unsigned i = 0; i < log_formats_n; i++) {
		if (!log_formats[i]->read)
			continue;
		if (!log_finder_add(f, log_formats[i], i))
			fail_msg("%s: a needle without an anchor, or too many needles", log_formats[i]->name);
		for (const char *const *n = log_formats[i]->needles; *n; n++)
			for (const char *p = *n; *p; p++)
				if (*p >= 'A' && *p <= 'Z')
					fail_msg("%s: `%s` is not in lower case", log_formats[i]->name, *n);
	}
	assert_ptr_equal(log_formats[log_formats_n - 1], &log_unknown);
	free(f);
}

/* The search finds what a plain one does, at every place in a block. */
static void search_is_exact(void **state)
{
	struct log_finder *f = calloc(1, sizeof *f);
	uint8_t block[400];
	unsigned seed = 1;

	(void)state;
	assert_true(log_finder_add(f, &log_netfilter, 0) && log_finder_add(f, &log_filterlog, 1) && log_finder_add(f, &log_unknown, 2));
	for (unsigned round = 0; round < 2000; round++) {
		static const char letters[] = "47gGrReE=,pPrRoOtT\n d#f";
		const size_t len = round % sizeof block;
		for (size_t i = 0; i < len; i++)
			block[i] = (uint8_t)letters[(seed = seed * 1103515245 + 12345) / 65536 % (sizeof letters - 1)];
		static const char *const put[] = { "PROTO=47", ",47,", ",GRE,", "proto=gre", "Protocol 47" };
		const char *text = put[round % 5];
		if (len > strlen(text) && round % 3)
			memcpy(block + round / 7 % (len - strlen(text)), text, strlen(text));
		uint64_t want = 0;
		const struct log_format *const formats[] = { &log_netfilter, &log_filterlog, &log_unknown };
		for (unsigned i = 0; i < 3; i++)
			for (const char *const *n = formats[i]->needles; *n; n++)
				want |= (uint64_t)has_folded((const char *)block, len, *n) << i;
		uint8_t *copy = malloc(len ? len : 1); /* so that a read past its end is seen */
		memcpy(copy, block, len);
		const uint64_t got = log_finder_formats(f, (log_cell){ (const char *)copy, len });
		const uint8_t *first = log_finder_next(f, copy, copy, copy + len);
		if (got != want || (first != NULL) != (want != 0))
			fail_msg("round %u: %llx, not %llx in `%.*s`", round, (unsigned long long)got, (unsigned long long)want, (int)len, block);
		uint64_t lines = 0;
		for (size_t i = 0; i < len; i++)
			lines += block[i] == '\n';
		assert_int_equal(log_count_lines(copy, copy + len), lines);
		free(copy);
	}
	free(f);
}

/* All records of a line in words, separated by "; ". */
static void reads_as(struct log_reader *lr, const char *line, const char *want)
{
	static const char *const words[] = { "no", "other", "gre", "bad", "heading" };
	struct log_result r;
	char got[1000] = "", src[GS_ADDR_TEXT_MAX], dst[GS_ADDR_TEXT_MAX], time[GS_TIME_TEXT_MAX], sentence[LOG_SENTENCE_MAX];
	char *copy = strdup(line);

	log_reader_line(lr, CELL(copy), false);
	while (log_reader_next(lr, &r)) {
		char one[400];
		if (r.word == LOG_GRE) {
			const struct gs_sighting *s = &r.sighting;
			gs_addr_format(&s->src, src);
			gs_addr_format(&s->dst, dst);
			gs_time_format(s->first, 3, time);
			int n = snprintf(one, sizeof one, "%s %s>%s x%llu", time, src, dst, (unsigned long long)s->packets);
			if (s->has & GS_HAS_IP_LEN)
				n += snprintf(one + n, sizeof one - (size_t)n, " len %u", s->ip_len);
			if (s->has & GS_HAS_TTL)
				n += snprintf(one + n, sizeof one - (size_t)n, " ttl %u", s->ttl);
			if (s->has & GS_HAS_DF)
				snprintf(one + n, sizeof one - (size_t)n, " df %u", s->df);
		} else if (r.word == LOG_BAD) {
			log_sentence(&r, sentence);
			snprintf(one, sizeof one, "bad: %s", sentence);
		} else {
			snprintf(one, sizeof one, "%s", words[r.word]);
		}
		const size_t at = strlen(got);
		snprintf(got + at, sizeof got - at, "%s%s", at ? "; " : "", one);
	}
	free(copy);
	if (strcmp(got, want) != 0)
		fail_msg("`%s`\n  is `%s`,\n not `%s`", line, got, want);
}

#define NF "Jun  3 12:57:34 fw kernel: [  312.499331] "
#define A "SRC=192.0.2.1 DST=198.51.100.1 "
#define B "SRC=192.0.2.2 DST=198.51.100.1 "
#define REST "LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID=5 DF PROTO=47 "
#define T "2016-06-03T12:57:34.000Z "

static void netfilter_lines(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ NF "[UFW BLOCK] IN=eth0 OUT= MAC=02:00 " A REST, T "192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ NF "DROPIN=eth0 OUT= " A REST, T "192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ NF "IN=eth0 OUT=eth1 " A "LEN=52 TOS=0x00 PREC=0x00 TTL=1 ID=0 PROTO=47", T "192.0.2.1>198.51.100.1 x1 len 52 ttl 1 df 0" },
		{ NF "IN=eth0 OUT= SRC=2001:db8::1 DST=2001:db8::2 LEN=564 TC=0 HOPLIMIT=49 FLOWLBL=7 PROTO=47", T "2001:db8::1>2001:db8::2 x1 len 564 ttl 49" },
		{ NF "IN=eth0 OUT= " A "LEN=60 TTL=1 ID=0 PROTO=ICMP TYPE=3 CODE=2 [" B REST "]", "other" },
		{ NF "IN=eth0 OUT= " A "LEN=60 TTL=1 ID=0 PROTO=ICMP TYPE=3 CODE=2 [" B REST "] MARK=0x1", "other" },
		{ NF "PROTO=47 IN=eth0 OUT= " A "LEN=60 TTL=1 ID=0 PROTO=UDP SPT=1 DPT=2 LEN=40 ", "other" }, /* a prefix that lies */
		/* damaged */
		{ NF "IN=eth0 OUT= SRC=192.0.2.1 DST=198.51IN=eth0 OUT= " B REST, T "192.0.2.2>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ NF "IN=eth0 OUT= " A REST "IN=eth0 OUT= " B REST, T "192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1; " T "192.0.2.2>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ NF "IN=eth0 OUT= " A "LEN=60 TTL=1 ID=0 PROTO=UDP SPT=1 IN=eth0 OUT= " B REST, "other; " T "192.0.2.2>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ NF "IN=eth0 OUT= " A "LEN=5" B REST, "bad: netfilter: field `192.0.2.1` of one packet came twice" },
		{ NF "IN=eth0 OUT= SRC=192.0.2.300 DST=198.51.100.1 " REST, "bad: netfilter: source `192.0.2.300` is none that grescope reads" },
		{ NF "IN=eth0 OUT= DST=198.51.100.1 " REST, "bad: netfilter: source is missing" },
		{ NF "IN=eth0 OUT= SRC=192.0.2.1 " REST, "bad: netfilter: destination is missing" },
		{ NF "IN=eth0 OUT= " A "LEN=564 PROTO=47[12.3]", "bad: netfilter: protocol `47[12.3]` is none that grescope reads" },
		{ NF "IN=eth0 OUT= " A "LEN=x TTL=300 ID=4 PROTO=47", T "192.0.2.1>198.51.100.1 x1 df 0" },
		{ NF "SRC=192.0.2.1 DST=198.51.100.1 " REST, T "192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" }, /* its beginning is gone */
		{ "[  312.499331] IN=eth0 OUT= " A REST, "bad: netfilter: time `312.499331` counts from the machine's start: no point in time" },
		{ "IN=eth0 OUT= " A REST, "bad: netfilter: time is missing" },
		/* wrapped */
		{ "Jun  3 12:57:34 fw kernel: message repeated 3 times: [ [  312.5] IN=eth0 OUT= " A REST "]", T "192.0.2.1>198.51.100.1 x3 len 564 ttl 49 df 1" },
		{ "{\"MESSAGE\":\"IN=eth0 OUT= " A REST "\",\"__REALTIME_TIMESTAMP\":\"1464958654123456\"}", "2016-06-03T12:57:34.123Z 192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ "{\"log\":\"Jun  3 11:00:00 x y: IN=eth0 OUT= " A REST "\\n\",\"stream\":\"stdout\",\"time\":\"2016-06-03T12:57:34.5Z\"}",
		  "2016-06-03T12:57:34.500Z 192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ "{\"message\":\"2016-06-03T11:00:00Z x y: IN=eth0 OUT= " A REST "\",\"@timestamp\":\"2016-06-03T12:57:34.5Z\"}",
		  "2016-06-03T11:00:00.000Z 192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
		/* nobody's */
		{ "Jun  3 12:57:34 fw app: proto=47 from 192.0.2.1", "bad: unknown: line `proto=47 from 192.0.2.1` is none that grescope reads" },
		{ "Jun  3 12:57:34 fw app: port 47", "no" },
	};
	struct gs_log_options o = { .year = 2016 };
	struct log_reader *lr;

	(void)state;
	assert_int_equal(log_reader_new(NULL, &lr, NULL), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		log_clock_start(&lr->clock, &o, GS_TIME_MIN);
		reads_as(lr, cases[i].line, cases[i].want);
	}
	log_reader_free(lr);
}

static void json_fields(void **state)
{
	static const char *const paths[] = { "a", "b.c", "d", "e.f.g" };
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{\"a\":1,\"b\":{\"c\":\"x\"},\"d\":[1,{\"a\":2}],\"e\":{\"f\":{\"g\":true}}}", "1|x|[1,{\"a\":2}]|true" },
		{ " { \"b.c\" : \"y\\\"z\" , \"a\" : null , \"d\":{\"a\":5} } rest", "|y\\\"z|{\"a\":5}|" },
		{ "{}", "|||" },
		{ "{\"a\":1", NULL },
		{ "{\"a\" 1}", NULL },
		{ "{\"a\":\"x}", NULL },
		{ "[1]", NULL },
		{ "", NULL },
		{ "{\"a\":1,\"a\":2}", "1|||" },
		{ "{\"e\":{\"e\":{\"e\":{\"e\":{\"e\":{}}}}},\"a\":3}", "3|||" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		log_cell out[4];
		char text[200] = "-";
		const size_t len = strlen(cases[i].text);
		char *copy = malloc(len + 1);
		memcpy(copy, cases[i].text, len);
		const size_t used = log_json((log_cell){ copy, len }, paths, 4, out);
		if (used)
			snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%.*s", (int)out[0].len, out[0].text, (int)out[1].len, out[1].text, (int)out[2].len, out[2].text,
			         (int)out[3].len, out[3].text);
		if (strcmp(text, cases[i].want ? cases[i].want : "-") != 0)
			fail_msg("`%s`: `%s`", cases[i].text, text);
		free(copy);
	}
	log_cell array = CELL("[1, \"b\" ,{\"c\":[2]}, [3] ]"), value;
	static const char *const elements[] = { "1", "b", "{\"c\":[2]}", "[3]" };
	for (size_t i = 0; i < 4; i++)
		assert_true(log_json_next(&array, &value) && log_is(value, elements[i]));
	assert_false(log_json_next(&array, &value));
	char text[20];
	assert_int_equal(log_json_unescape(CELL("a\\n\\u0041\\u00e4\\\\"), text, sizeof text), 6);
	assert_memory_equal(text, "a\nA\xc3\xa4\\", 6);
	assert_int_equal(log_json_unescape(CELL("abc"), text, 2), -1);
	assert_int_equal(log_json_unescape(CELL("a\\"), text, sizeof text), -1);
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *plain, *port;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1" },      { "192.0.2.1/32", "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1:500", NULL, "192.0.2.1" },         { "192.0.2.1/500", NULL, "192.0.2.1" },
		{ "192.0.2.1(500)", NULL, "192.0.2.1" },        { "192.0.2.1.500", NULL, "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1", "2001:db8::1" }, { "[2001:db8::1]:5", NULL, "2001:db8::1" },
		{ "[2001:db8::1]", "2001:db8::1", "2001:db8::1" }, { "fe80::1%eth0", "fe80::1", "fe80::1" },
		{ "192.0.2.1/24", NULL, "192.0.2.1" },          { "192.0.2.1(5", NULL, NULL },
		{ "host", NULL, NULL },                         { "", NULL, NULL },
		{ "192.0.2", NULL, NULL },                      { "192.0.2.1 ", "192.0.2.1", "192.0.2.1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_addr a;
		char text[GS_ADDR_TEXT_MAX];
		const bool plain = log_address(CELL(cases[i].text), &a);
		if (plain)
			gs_addr_format(&a, text);
		if (plain != (cases[i].plain != NULL) || (plain && strcmp(text, cases[i].plain) != 0))
			fail_msg("`%s`", cases[i].text);
		const bool port = log_address_port(CELL(cases[i].text), &a);
		if (port)
			gs_addr_format(&a, text);
		if (port != (cases[i].port != NULL) || (port && strcmp(text, cases[i].port) != 0))
			fail_msg("with a port: `%s`", cases[i].text);
	}
}

static void protocols(void **state)
{
	static const char *const gre[] = { "47", "047", "0x2f", "gre", "GRE", "GRE(47)", "gre (47)", "proto-47", "protocol 47", "ip/47", "47/gre", "Tunnel::GRE", "GREv0", "PROTO:047" };
	static const char *const other[] = { "4", "147", "470", "tcp", "ipv6-gre2", "greedy", "47x", "UDP(17)", "4 7" };
	static const char *const none[] = { "", " ", "-", "N/A" };

	(void)state;
	for (size_t i = 0; i < sizeof gre / sizeof *gre; i++)
		if (log_protocol(CELL(gre[i])) != LOG_PROTO_GRE)
			fail_msg("`%s`", gre[i]);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (log_protocol(CELL(other[i])) != LOG_PROTO_OTHER)
			fail_msg("`%s`", other[i]);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (log_protocol(CELL(none[i])) != LOG_PROTO_NONE)
			fail_msg("`%s`", none[i]);
}

static void pairs(void **state)
{
	struct log_pairs p = { CELL(" a=1 b=\"x y\\\" z\",c='q r';d= e f=2 \"g=3\" h=\"") };
	static const char *const want[] = { "a", "1", "b", "x y\\\" z", "c", "q r", "d", "", "f", "2", "h", "" };
	log_cell k, v;
	size_t n = 0;

	(void)state;
	while (log_pair_next(&p, &k, &v)) {
		assert_true(n + 1 < sizeof want / sizeof *want);
		if (!log_is(k, want[n]) || !log_is(v, want[n + 1]))
			fail_msg("%zu: `%.*s` = `%.*s`", n, (int)k.len, k.text, (int)v.len, v.text);
		n += 2;
	}
	assert_int_equal(n, sizeof want / sizeof *want);
	assert_true(log_pair_find(CELL("x=1 proto=47"), "proto", &v) && log_is(v, "47"));
	assert_false(log_pair_find(CELL("xproto=47"), "proto", &v));
}

/* What a whole input says, read with a buffer of `block` octets. */
struct whole {
	int result;
	uint64_t records, bad, other, packets;
	char first_bad[256];
};

static struct whole read_whole_as(const char *data, size_t len, size_t block, const struct gs_log_options *o)
{
	struct whole w = { 0 };
	struct gs_sighting rows[5];
	struct gs_tally tally = { 0 };
	struct gs_source *s;
	size_t n;
	char path[] = "/tmp/gs-test-log-XXXXXX";

	if (block) { /* a descriptor, so that the window moves */
		const int fd = mkstemp(path);
		assert_true(fd >= 0 && write(fd, data, len) == (ssize_t)len);
		close(fd);
		w.result = source_open_block(path, block, o, &s, NULL);
		unlink(path);
	} else {
		w.result = gs_source_open_memory_logs("t", data, len, o, &s, NULL);
	}
	if (w.result < 0)
		return w;
	do {
		w.result = gs_source_sightings(s, rows, 5, &n, &tally, NULL);
		for (size_t i = 0; i < n; i++)
			w.packets += rows[i].packets;
		w.records += n;
	} while (w.result == 0 && n > 0);
	assert_int_equal(tally.records, w.records);
	w.bad = tally.records_bad;
	w.other = tally.records_other;
	snprintf(w.first_bad, sizeof w.first_bad, "%s", gs_source_first_bad(s));
	gs_source_close(s);
	return w;
}

static struct whole read_whole(const char *data, size_t len, size_t block)
{
	const struct gs_log_options o = { .year = 2016 };
	return read_whole_as(data, len, block, &o);
}

/* However the input is cut into blocks, it says the same. */
static void blocks(void **state)
{
	char *text = room(3u << 20), *p = text;

	(void)state;
	for (int i = 0; i < 300; i++) {
		p += sprintf(p, NF "IN=eth0 OUT= " A REST "\n");
		p += sprintf(p, NF "IN=eth0 OUT= " A "LEN=60 TTL=1 ID=0 PROTO=UDP SPT=1 DPT=2 LEN=40 \r\n\n");
		if (i % 10 == 0)
			p += sprintf(p, NF "IN=eth0 OUT= SRC=x DST=198.51.100.1 " REST "\n");
	}
	p += sprintf(p, NF "IN=eth0 OUT= " A REST); /* no newline at the end */
	for (size_t block = 0; block < 3000; block += 1 + block / 3) {
		const struct whole w = read_whole(text, (size_t)(p - text), block);
		assert_int_equal(w.result, 0);
		assert_int_equal(w.records, 301);
		assert_int_equal(w.bad, 30);
		assert_string_equal(w.first_bad, "line 4: netfilter: source `x` is none that grescope reads");
	}
	free(text);
}

static void odd_files(void **state)
{
	char *text = room(4u << 20), *p;
	struct whole w;

	(void)state;
	for (size_t block = 0; block < 400000; block += 262144) { /* memory and descriptor */
		/* a line that is too long is passed over and counted, wherever its needle is; one that just fits is read */
		for (int fits = 0; fits < 2; fits++) {
			const size_t line = LOG_LINE_MAX - (fits ? 1 : 0);
			p = text + sprintf(text, NF "IN=eth0 OUT= " A REST "\n");
			char *start = p;
			p += sprintf(p, NF "IN=eth0 OUT= " A "LEN=5 TTL=1 ID=0 PROTO=47 ");
			memset(p, 'A', line);
			p = start + line;
			p += sprintf(p, "\n" NF "IN=eth0 OUT= " A REST "\n" NF "IN=eth0 OUT= SRC=x " REST "\n");
			w = read_whole(text, (size_t)(p - text), block);
			assert_int_equal(w.records, 2 + fits);
			assert_int_equal(w.bad, 2 - fits);
			assert_string_equal(w.first_bad, fits ? "line 4: netfilter: source `x` is none that grescope reads" : "line 2: longer than 1048575 octets");
		}
		/* NUL octets before a line, as a crash leaves them; and inside one */
		p = text + sprintf(text, NF "IN=eth0 OUT= " A REST "\n");
		memset(p, 0, 100);
		p += 100;
		p += sprintf(p, NF "IN=eth0 OUT= " A REST "\n");
		p += sprintf(p, NF "IN=eth0 OUT= " A) + 1;
		p += sprintf(p, REST "\n");
		w = read_whole(text, (size_t)(p - text), block);
		assert_int_equal(w.records, 2);
		assert_int_equal(w.bad, 1);
		assert_string_equal(w.first_bad, "line 3: holds a NUL octet");
		/* compressed octets in the middle */
		p = text + sprintf(text, NF "IN=eth0 OUT= " A REST "\n");
		memcpy(p, "\x1f\x8b\x08\x00\x01\x02\xff\xfe\x80 \n", 11);
		p += 11;
		p += sprintf(p, NF "IN=eth0 OUT= " A REST "\n");
		w = read_whole(text, (size_t)(p - text), block);
		assert_int_equal(w.records, 2);
		assert_int_equal(w.bad, 1);
		assert_string_equal(w.first_bad, "line 2: unknown: gzip-compressed data in the middle of the text is not read");
	}
	/* what is no log */
	static const char *const none[] = { "", "hello\n", "hello world 47 gre\nfoo\n", "a,b,c\n1,2,3\n" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(read_whole(none[i], strlen(none[i]), 0).result, GS_ERR_FORMAT);
	struct gs_error err = { 0 };
	struct gs_source *s;
	assert_int_equal(gs_source_open_memory("t", "\xff\xfeJ\0u\0n\0", 8, &s, &err), GS_ERR_FORMAT);
	assert_non_null(strstr(err.text, "UTF-16 text"));
	/* a log without any GRE is one all the same */
	const char quiet[] = "Jun  3 12:57:34 fw sshd[77]: hello\n";
	w = read_whole(quiet, strlen(quiet), 0);
	assert_int_equal(w.result, 0);
	assert_int_equal(w.records + w.bad, 0);
	free(text);
}

static void layouts(void **state)
{
	static const struct {
		const char *layout, *text, *want;
	} cases[] = {
		{ "%d.%m.%Y %H:%M:%S", "05.04.2026 07:23:03", "2026-04-05 07:23:03.0" },
		{ "%d.%m.%y %T.%f %z", "5.4.26 07:23:03.25 +0200", "2026-04-05 07:23:03.250000000 +7200" },
		{ "%m/%d/%Y %I:%M:%S %p", "04/05/2026 07:23:03 PM", "2026-04-05 19:23:03.0" },
		{ "%m/%d/%Y %I:%M:%S %p", "04/05/2026 12:23:03 am", "2026-04-05 00:23:03.0" },
		{ "%b %e %T", "Apr  5 07:23:03", "--04-05 07:23:03.0" },
		{ "%Y%m%d%H%M%S", "20260405072303", "2026-04-05 07:23:03.0" },
		{ "%Y%j", "2024366", "2024-12-31 00:00:00.0" },
		{ "%s.%f", "1459837383.5", "epoch 1459837383500000000" },
		{ "[%F]", "[2026-04-05]", "2026-04-05 00:00:00.0" },
		{ "%F %T", "2026-04-05 07:23", NULL },
		{ "%F %T", "2026-04-31 07:23:03", NULL },
		{ "%F", "2026-04-05 ", NULL },
		{ "%Y%j", "2023366", NULL },
		{ "%H:%M", "07:23", NULL }, /* no day */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct log_time t;
		char text[80] = "";
		const bool is = log_time_layout(CELL(cases[i].text), cases[i].layout, &t);
		if (is)
			time_text(&t, text, sizeof text);
		if (is != (cases[i].want != NULL) || (is && strcmp(text, cases[i].want) != 0))
			fail_msg("`%s` `%s`: `%s`", cases[i].layout, cases[i].text, is ? text : "none");
	}
	assert_null(log_layout_wrong("%Y %% x"));
	assert_string_equal(log_layout_wrong("a%Q"), "%Q");
	assert_string_equal(log_layout_wrong("a%"), "%");
}

static struct gs_log_own *own_of(const char *pattern, const char *time)
{
	const struct gs_log_own_format list[] = { { "mine", pattern, time } };
	struct gs_log_own *own;
	struct gs_error err = { 0 };

	if (gs_log_own_new(list, 1, &own, &err) < 0)
		fail_msg("%s: %s", pattern, err.text);
	return own;
}

/* The text that lines are searched for must be in every match: a wrong one loses lines in silence. */
static void own_literals(void **state)
{
	static const struct {
		const char *pattern, *literal;
	} cases[] = {
		{ "^DENY proto=(?<proto>\\S+) from (?<src>\\S+)", "DENY proto=" },
		{ "(?<src>\\S+) drop(ped)? on wan", " on wan" },
		{ "(?<src>\\S+) dropped? on", " droppe" },
		{ "(?<src>\\S+) drop{2}x", " dro" },
		{ "(?<src>\\S+)abc|abcdef", "" },
		{ "(?i)(?<src>\\S+) abcdef", "" },
		{ "(?<src>(?i:[0-9.]+)) abc\\.def", " abc.def" },
		{ "(?<src>[^)(|]+) abc", " abc" },
		{ "(?<src>[]x]+)abcd[[:alpha:]]efghi", "efghi" },
		{ "(?<src>\\S+)abc*?def", "def" },
		{ "(?<src>\\S+)\\Qabc\\E", "" },
		{ "(?<src>\\S+)ab\\x41bc", "" },
		{ "(?<src>\\S+)ab", "" },
		{ "(*ANYCRLF)(?<src>\\S+)abc", "" },
		{ "(?<src>\\S+)(abcd|x)ef gh", "ef gh" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_log_own *own = own_of(cases[i].pattern, NULL);
		const log_cell c = log_own_literal(own, 0);
		if (c.len != strlen(cases[i].literal) || memcmp(c.text, cases[i].literal, c.len) != 0)
			fail_msg("%s: `%.*s`", cases[i].pattern, (int)c.len, c.text);
		gs_log_own_free(own);
	}
}

static void own_formats(void **state)
{
	static const struct {
		const char *pattern, *time, *line, *want;
	} cases[] = {
		{ "^(?<time>\\S+ \\S+) DENY (?<proto>\\S+) (?<src>\\S+)>(?<dst>\\S+) len=(?<len>\\d+) ttl=(?<ttl>\\d+)( (?<df>DF))?", "%d.%m.%Y %T",
		  "03.06.2016 12:57:34 DENY gre 192.0.2.1>198.51.100.1 len=564 ttl=49 DF", T "192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
		{ "^(?<time>\\S+ \\S+) DENY (?<proto>\\S+) (?<src>\\S+)", "%d.%m.%Y %T", "03.06.2016 12:57:34 DENY tcp 192.0.2.1", "other" },
		{ "^(?<time>\\S+ \\S+) DENY (?<proto>\\S+) (?<src>\\S+)", "%d.%m.%Y %T", "2016-06-03 12:57:34 DENY 47 192.0.2.1",
		  "bad: mine: time `2016-06-03 12:57:34` is none that grescope reads" },
		{ "tunnel drop from (?<src>\\S+) x(?<packets>\\d+)", "", "Jun  3 12:57:34 fw app: tunnel drop from 192.0.2.1 x7", T "192.0.2.1> x7" },
		{ "tunnel drop from (?<src>\\S+)", "", "tunnel drop from 192.0.2.1", "bad: mine: time is missing" },
		{ "tunnel drop from (?<src>\\S+)", "", "Jun  3 12:57:34 fw app: tunnel drop from nowhere", "bad: mine: source `nowhere` is none that grescope reads" },
		{ "tunnel drop from (?<src>\\S+)", "", "Jun  3 12:57:34 fw app: something else", "no" },
		{ "(?<src>(a+)+)[bc]$", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad",
		  "bad: mine: line `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` takes the pattern too many steps" },
		/* what is built in is read all the same */
		{ "tunnel drop from (?<src>\\S+)", "", NF "IN=eth0 OUT= " A REST, T "192.0.2.1>198.51.100.1 x1 len 564 ttl 49 df 1" },
	};
	struct gs_log_options o = { .year = 2016 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_log_own *own = own_of(cases[i].pattern, cases[i].time);
		struct log_reader *lr;
		assert_int_equal(log_reader_new(own, &lr, NULL), 0);
		log_clock_start(&lr->clock, &o, GS_TIME_MIN);
		reads_as(lr, cases[i].line, cases[i].want);
		log_reader_free(lr);
		gs_log_own_free(own);
	}
	/* found in whole inputs too, by search and without */
	static const char *const patterns[] = { "tunnel drop from (?<src>\\S+)", "(?:tunnel|x) [d]rop from (?<src>\\S+)" };
	for (unsigned i = 0; i < 2; i++) {
		char *text = room(1u << 20), *p = text;
		for (int k = 0; k < 2000; k++)
			p += sprintf(p, "Jun  3 12:57:34 fw app: %s from 192.0.2.1\n", k % 7 ? "nothing" : "tunnel drop");
		p += sprintf(p, NF "IN=eth0 OUT= " A REST "\n");
		o.own = own_of(patterns[i], "");
		for (size_t block = 0; block < 5000; block += 1 + block / 2) {
			const struct whole w = read_whole_as(text, (size_t)(p - text), block, &o);
			assert_int_equal(w.records, 2000 / 7 + 1 + 1);
			assert_int_equal(w.bad, 0);
		}
		gs_log_own_free((struct gs_log_own *)o.own);
		free(text);
	}
	static const struct {
		struct gs_log_own_format f;
		const char *says;
	} wrong[] = {
		{ { "netfilter", "(?<src>x)", "" }, "log format netfilter: the name is taken" },
		{ { "a b", "(?<src>x)", "" }, "log format `a b`: a name has letters, digits, - and _, at most 32" },
		{ { "", "(?<src>x)", "" }, "log format ``: a name has letters, digits, - and _, at most 32" },
		{ { "x", "(?<src>x", "" }, "log format x: pattern, at character 9: missing closing parenthesis" },
		{ { "x", "y", "" }, "log format x: pattern has no group src: (?<src>...)" },
		{ { "x", "(?<src>y)", "%Y %Q" }, "log format x: time, at character 4: `%Q` is none of its letters" },
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct gs_error err = { 0 };
		struct gs_log_own *own;
		assert_int_equal(gs_log_own_new(&wrong[i].f, 1, &own, &err), GS_ERR_CONFIG);
		assert_string_equal(err.text, wrong[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_written),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(years),
		cmocka_unit_test(zones),
		cmocka_unit_test(zones_against_libc),
		cmocka_unit_test(hour_that_comes_twice),
		cmocka_unit_test(needles_of_the_table),
		cmocka_unit_test(search_is_exact),
		cmocka_unit_test(netfilter_lines),
		cmocka_unit_test(json_fields),
		cmocka_unit_test(addresses),
		cmocka_unit_test(protocols),
		cmocka_unit_test(pairs),
		cmocka_unit_test(blocks),
		cmocka_unit_test(odd_files),
		cmocka_unit_test(layouts),
		cmocka_unit_test(own_literals),
		cmocka_unit_test(own_formats),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
