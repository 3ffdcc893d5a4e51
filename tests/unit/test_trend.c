/*
 * test_trend.c - the trend against numbers made by hand and by R: tests, weeks, sampling at the cap on memory, filters, sentences
 *
 * The enricher is a double, as in test_query.c: what it says of an address follows from the address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/stats.h"
#include "query/trend.h"
#include "seen.h"

/* -- the double ---------------------------------------------------------------------------------------------------------------------- */

struct gs_enrich {
	uint64_t total; /* of the address space; 0: no table of ranges */
	uint32_t count;
};

static const char *const strings[] = { "", "Big Net", "\033[31mevil\n=cmd", "Small" };

int gs_enrich_open(const struct gs_enrich_options *o, struct gs_enrich **ret, struct gs_error *err)
{
	(void)o;
	(void)ret;
	return gs_fail(err, GS_ERR_NOENT, "a double");
}

void gs_enrich_close(struct gs_enrich *e)
{
	(void)e;
}

/* 198.51.x.y: AS 64500, TW; 203.0.x.y: AS 64501; 10 and 11: a network for each /24; 2001:db8:: AS 64500; 192.0.2.0/24 and others: none. */
void gs_enrich_lookup(struct gs_enrich *e, const struct gs_addr *a, struct gs_origin *ret)
{
	(void)e;
	*ret = (struct gs_origin){ 0 };
	if ((a->family == 4 && a->b[0] == 198) || a->family == 6) {
		*ret = (struct gs_origin){ .asn = 64500, .as_name = 1, .country = { 'T', 'W' } };
	} else if (a->b[0] == 203) {
		*ret = (struct gs_origin){ .asn = 64501, .as_name = 2, .country = { 'J', 'P' } };
	} else if (a->b[0] == 10 || a->b[0] == 11) {
		*ret = (struct gs_origin){ .asn = 100000u + (a->b[0] - 10u) * 65536 + a->b[1] * 256u + a->b[2], .as_name = 3, .country = { 'N', 'L' } };
	}
}

const char *gs_enrich_string(const struct gs_enrich *e, uint32_t id)
{
	(void)e;
	return id < sizeof strings / sizeof *strings ? strings[id] : "";
}

unsigned gs_enrich_databases(const struct gs_enrich *e, struct gs_database ret[GS_MAX_DATABASES])
{
	(void)e;
	(void)ret;
	return 0;
}

unsigned gs_enrich_opinions(struct gs_enrich *e, const struct gs_addr *a, struct gs_opinion ret[GS_MAX_DATABASES])
{
	(void)e;
	(void)a;
	(void)ret;
	return 0;
}

const char *gs_enrich_missing(const struct gs_enrich *e)
{
	(void)e;
	return NULL;
}

uint64_t gs_enrich_asn_space(const struct gs_enrich *e, uint32_t asn)
{
	return e->total == 0 || asn == 0 ? 0 : asn == 64500 ? 1000 : 10;
}

uint64_t gs_enrich_total_space(const struct gs_enrich *e)
{
	return e->total;
}

uint32_t gs_enrich_asn_count(const struct gs_enrich *e)
{
	return e->count;
}

/* -- a question and its answer --------------------------------------------------------------------------------------------------------- */

struct answer {
	struct seen seen;
	struct gs_error err;
};

static struct gs_enrich table = { 1000000, 100000 };

static const struct gs_trend_question plain = { .filter = { .since = { INT64_MIN }, .until = { INT64_MAX } }, .memory_bytes = 32u << 20, .hash_seed = 47 };

static struct gs_trend *ask(const struct gs_trend_question *q, struct gs_enrich *e, struct answer *a)
{
	const struct gs_table_writer w = seen_writer(&a->seen);
	struct gs_trend *t = NULL;

	memset(a, 0, sizeof *a);
	assert_int_equal(gs_trend_new(q, e, &w, &t, &a->err), 0);
	return t;
}

static void push(struct gs_trend *t, const struct gs_sighting *s, size_t n)
{
	struct gs_sighting_sink sink = gs_trend_sink(t);
	assert_int_equal(sink.take(sink.arg, s, n, NULL), 0);
}

static void finish(struct gs_trend *t, struct answer *a)
{
	struct gs_meta meta = { .question = "trend" };
	uint64_t rows = 0;

	assert_int_equal(gs_trend_answer(t, &meta, &rows, &a->err), 0);
	assert_int_equal(rows, a->seen.n_rows);
	gs_trend_free(t);
}

static void done(struct answer *a)
{
	seen_done(&a->seen);
}

static const char *cell(const struct answer *a, size_t row, const char *column)
{
	return seen_at(&a->seen, row, column);
}

static void real_is(const struct answer *a, size_t row, const char *column, double want)
{
	const char *text = cell(a, row, column);
	if (!*text || !(fabs(strtod(text, NULL) - want) <= 1e-9 * fabs(want)))
		fail_msg("row %zu, %s: %s, expected %.15g", row, column, text, want);
}

static size_t row_of(const struct answer *a, const char *asn)
{
	for (size_t i = 0; i < a->seen.n_rows; i++)
		if (strcmp(cell(a, i, "src_asn"), asn) == 0)
			return i;
	fail_msg("no row of %s", asn);
	return 0;
}

static bool told(const struct answer *a, const char *part)
{
	for (unsigned i = 0; i < a->seen.meta.n_findings; i++)
		if (strstr(a->seen.findings[i], part))
			return true;
	for (unsigned i = 0; i < a->seen.meta.n_notes; i++)
		if (strstr(a->seen.notes[i], part))
			return true;
	return false;
}

#define DAY (86400 * GS_NS_PER_S)
#define MONDAY (INT64_C(1485734400) * GS_NS_PER_S) /* 2017-01-30T00:00:00Z */

static struct gs_sighting sighting(const char *src, int64_t ns, uint64_t packets)
{
	struct gs_sighting s = { .first = { ns }, .last = { ns }, .packets = packets, .bytes = packets * 52, .sources = 1, .version = GS_SIGHTING_VERSION,
		                 .class_ = GS_CLASS_UNKNOWN, .protocol = 47 };
	assert_true(gs_addr_parse(src, strlen(src), &s.src));
	gs_addr_parse("192.0.2.1", 9, &s.dst);
	return s;
}

static void push_one(struct gs_trend *t, const char *src, int64_t ns, uint64_t packets)
{
	const struct gs_sighting s = sighting(src, ns, packets);
	push(t, &s, 1);
}

/* n sources of one network (198.51.0.0/16 and so on), one packet each, an hour apart from `ns` on */
static void push_many(struct gs_trend *t, const char *format, unsigned n, int64_t ns)
{
	char src[32];

	for (unsigned i = 0; i < n; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(src, sizeof src, format, i / 200, i % 200);
#pragma GCC diagnostic pop
		push_one(t, src, ns + (int64_t)i * 3600 * GS_NS_PER_S, 1);
	}
}

/* -- who stands out -------------------------------------------------------------------------------------------------------------------- */

static void a_network_stands_out(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	push_many(t, "198.51.%u.%u", 18, MONDAY);
	push_many(t, "203.0.%u.%u", 1, MONDAY);
	push_many(t, "192.0.%u.%u", 5, MONDAY);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 3);
	assert_string_equal(cell(&a, 0, "src_asn"), "64500");
	assert_string_equal(cell(&a, 0, "src_as_name"), "Big Net");
	assert_string_equal(cell(&a, 0, "sources"), "18");
	assert_string_equal(cell(&a, 0, "packets"), "18");
	real_is(&a, 0, "source_share", 0.75);
	real_is(&a, 0, "space_share", 0.001);
	real_is(&a, 0, "ratio", 750);
	/* R: 1e5 * pbinom(17, 24, 0.001, lower.tail = FALSE) */
	real_is(&a, 0, "p_value", 1.3383274274029075e-44);
	assert_string_equal(cell(&a, 0, "stands_out"), "1");
	/* R: min(1, (1e5 - 1) * pbinom(0, 24, 1e-5, lower.tail = FALSE)) */
	const size_t other = row_of(&a, "64501"), none = row_of(&a, "");
	real_is(&a, other, "p_value", 1);
	assert_string_equal(cell(&a, other, "stands_out"), "0");
	assert_string_equal(cell(&a, none, "sources"), "5");
	assert_string_equal(cell(&a, none, "p_value"), "");
	assert_string_equal(cell(&a, none, "space_share"), "");
	assert_string_equal(cell(&a, none, "stands_out"), "");
	assert_string_equal(a.seen.findings[0], "Most of the GRE comes from one network: AS64500 (Big Net, TW): 18 of 24 packets, from 18 of 24 sources, 750 times its "
	                                   "share of the routed address space (p = 1e-44).");
	assert_int_equal(a.seen.meta.sources, 24);
	assert_int_equal(a.seen.meta.packets, 24);
	assert_false(a.seen.meta.sources_estimated);
	done(&a);
}

/* One or two sources in a tiny network are rare for it, but not news; significance without size is none either. */
static void little_does_not_stand_out(void **state)
{
	struct answer a;
	struct gs_enrich sure = { 1000000, 3 }; /* with so few networks two sources are significant */
	struct gs_trend *t = ask(&plain, &sure, &a);

	(void)state;
	push_many(t, "203.0.%u.%u", 2, MONDAY);
	push_many(t, "192.0.%u.%u", 20, MONDAY);
	finish(t, &a);
	assert_true(strtod(cell(&a, row_of(&a, "64501"), "p_value"), NULL) < 1e-6);
	assert_string_equal(cell(&a, row_of(&a, "64501"), "stands_out"), "0");
	assert_non_null(strstr(a.seen.findings[0], "No network stands out: "));
	done(&a);

	struct gs_enrich full = { 1500, 2 }; /* two thirds of the space are AS64500's */
	t = ask(&plain, &full, &a);
	push_many(t, "198.51.%u.%u", 400, MONDAY);
	push_many(t, "192.0.%u.%u", 20, MONDAY);
	finish(t, &a);
	assert_true(strtod(cell(&a, row_of(&a, "64500"), "p_value"), NULL) < 1e-9);
	assert_string_equal(cell(&a, row_of(&a, "64500"), "stands_out"), "0"); /* 1.43 times */
	done(&a);
}

static void several_stand_out(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	push_many(t, "198.51.%u.%u", 30, MONDAY);
	push_many(t, "203.0.%u.%u", 25, MONDAY);
	for (unsigned k = 0; k < 6; k++)
		push_many(t, (const char *const[]){ "10.0.%u.%u", "10.1.%u.%u", "10.2.%u.%u", "10.3.%u.%u", "10.4.%u.%u", "10.5.%u.%u" }[k], 9, MONDAY);
	finish(t, &a);
	assert_non_null(strstr(a.seen.findings[0], "The network that stands out most: AS64501 ("));
	assert_non_null(strstr(a.seen.findings[1], "Also: AS64500 (Big Net), 30 sources, 275 times; AS"));
	assert_non_null(strstr(a.seen.findings[1], "; and 3 more."));
	assert_true(a.seen.meta.n_findings_first < a.seen.meta.n_findings);
	done(&a);
}

static void nothing_to_hold_it_against(void **state)
{
	struct answer a;
	struct gs_enrich empty = { 0, 0 };
	struct gs_trend *t = ask(&plain, NULL, &a);

	(void)state;
	push_many(t, "198.51.%u.%u", 30, MONDAY);
	assert_false(gs_trend_can_tell(t));
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 1);
	assert_string_equal(cell(&a, 0, "src_asn"), "");
	assert_string_equal(cell(&a, 0, "sources"), "30");
	assert_true(told(&a, "cannot be told: no network database"));
	done(&a);

	t = ask(&plain, &empty, &a); /* names, but no sizes: a database of another kind */
	push_many(t, "198.51.%u.%u", 30, MONDAY);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "src_asn"), "64500");
	assert_string_equal(cell(&a, 0, "space_share"), "");
	assert_string_equal(cell(&a, 0, "stands_out"), "");
	assert_true(told(&a, "cannot be told: no network database"));
	done(&a);

	t = ask(&plain, &table, &a); /* nothing at all */
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 0);
	assert_int_equal(a.seen.meta.n_findings, 0);
	done(&a);

	t = ask(&plain, &table, &a); /* one packet */
	push_one(t, "198.51.100.1", MONDAY, 1);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 1);
	assert_string_equal(cell(&a, 0, "weeks"), "0");
	assert_string_equal(cell(&a, 0, "slope_per_week"), "");
	assert_true(told(&a, "cannot be told from 0 whole weeks"));
	done(&a);
}

static void ipv6_is_counted_not_tested(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		char src[32];
		snprintf(src, sizeof src, "2001:db8::%x", i);
		push_one(t, src, MONDAY + i * DAY, 1);
	}
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "sources"), "50");
	assert_string_equal(cell(&a, 0, "p_value"), "");
	assert_string_equal(cell(&a, 0, "ratio"), "");
	assert_true(told(&a, "no IPv4 source lies in a network"));
	assert_true(told(&a, "50 IPv6 sources are in the counts, not in the test"));
	done(&a);

	t = ask(&plain, &table, &a);
	push_one(t, "2001:db8::1", MONDAY, 1);
	push_many(t, "198.51.%u.%u", 3, MONDAY);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "sources"), "4");
	real_is(&a, 0, "ratio", 1000); /* 3 of 3 IPv4 sources */
	done(&a);
}

/* -- weeks ------------------------------------------------------------------------------------------------------------------------------- */

/* A partial week, then 1, 2, 3, 0, 5, 6, 7 packets a week, then a partial one. */
static void weeks_are_whole_or_left_out(void **state)
{
	static const uint64_t packets[] = { 1, 2, 3, 0, 5, 6, 7 };
	static const double series[] = { 1, 2, 3, 0, 5, 6, 7 };
	double scratch[21];
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	push_one(t, "198.51.100.1", MONDAY - 3 * DAY, 40);
	for (unsigned i = 0; i < 7; i++)
		if (packets[i])
			push_one(t, "198.51.100.1", MONDAY + (i * 7 + 2) * DAY, packets[i]);
	push_one(t, "198.51.100.1", MONDAY + 50 * DAY, 90);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "weeks"), "7");
	assert_string_equal(cell(&a, 0, "packets"), "154");
	real_is(&a, 0, "slope_per_week", stats_theil_sen(series, 7, scratch));
	real_is(&a, 0, "slope_per_week", 1); /* by hand: the median of 21 slopes */
	/* R: cor.test(1:7, c(1,2,3,0,5,6,7), method = "kendall", exact = TRUE)$p.value */
	real_is(&a, 0, "slope_p", 0.030158730158730052);
	assert_true(told(&a, "the week of 2017-01-23 and the week of 2017-03-20 are not whole"));
	done(&a);
}

/* A day at either end is no more than the distance between packets: then the week is whole. */
static void a_day_of_grace(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	push_one(t, "198.51.100.1", MONDAY + DAY, 1);
	push_one(t, "198.51.100.1", MONDAY + 13 * DAY - GS_NS_PER_S, 1);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "weeks"), "2");
	done(&a);
	t = ask(&plain, &table, &a);
	push_one(t, "198.51.100.1", MONDAY + DAY + GS_NS_PER_S, 1);
	push_one(t, "198.51.100.1", MONDAY + 13 * DAY - 2 * GS_NS_PER_S, 1);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "weeks"), "0");
	done(&a);
}

/* What was watched counts, not what matched: a network that comes only at the end has zeros before. */
static void watching_is_not_matching(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;
	struct gs_trend *t;

	(void)state;
	q.filter.asn[0] = 64500;
	q.filter.n_asn = 1;
	for (unsigned how = 0; how < 2; how++) {
		t = ask(&q, &table, &a);
		if (how == 0) {
			push_one(t, "203.0.100.1", MONDAY, 1);
			push_one(t, "203.0.100.1", MONDAY + 70 * DAY - 1, 1);
		} else {
			gs_trend_watched(t, (struct gs_time){ MONDAY }, (struct gs_time){ MONDAY + 70 * DAY - 1 });
		}
		for (unsigned i = 5; i < 10; i++)
			push_one(t, "198.51.100.1", MONDAY + (i * 7 + 1) * DAY, i);
		finish(t, &a);
		assert_int_equal(a.seen.n_rows, 1);
		assert_string_equal(cell(&a, 0, "weeks"), "10");
		assert_true(strtod(cell(&a, 0, "slope_per_week"), NULL) > 0.9);
		assert_true(strtod(cell(&a, 0, "slope_p"), NULL) < 0.01);
		done(&a);
	}
	q.filter.n_asn = 0;
	q.filter.since.ns = MONDAY + 14 * DAY; /* the span is cut where the filter cuts */
	q.filter.until.ns = MONDAY + 28 * DAY;
	t = ask(&q, &table, &a);
	for (unsigned i = 0; i < 70; i++)
		push_one(t, "198.51.100.1", MONDAY + i * DAY, 1);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "weeks"), "2");
	assert_string_equal(cell(&a, 0, "packets"), "14");
	done(&a);
}

static void growth_in_words(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		push_one(t, "198.51.100.1", MONDAY + (int64_t)i * 7 * DAY, i < 10 ? 3 + i % 2 : 20 + i % 3);
	finish(t, &a);
	assert_true(told(&a, "All of it together grows by 1.12 packets a week each week (Mann-Kendall p = "));
	assert_true(told(&a, "Its level changed in the week of 2017-04-10: a median of 3.50 packets a week before, 21 from then on (Pettitt p = "));
	done(&a);
}

/* A clock that stood at 1970 in one file must not make a series of 2,450 weeks. */
static void old_times_are_counted_apart(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	push_one(t, "198.51.100.1", 0, 7);
	for (unsigned i = 0; i < 40; i++)
		push_one(t, "198.51.100.1", MONDAY + i * 7 * DAY, 1);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "packets"), "47");
	assert_true(strtoul(cell(&a, 0, "weeks"), NULL, 10) <= 1040);
	assert_true(told(&a, "(7 packets; --until ends it earlier)"));
	done(&a);

	t = ask(&plain, &table, &a); /* the ends of time */
	push_one(t, "198.51.100.1", INT64_MIN, 1);
	push_one(t, "198.51.100.1", INT64_MAX, 1);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "packets"), "2");
	done(&a);
}

/* -- memory ------------------------------------------------------------------------------------------------------------------------------ */

/* 100,000 networks and 300,000 sources: with room everything is exact; without, packets are, and sources are sampled evenly. */
static void many_networks(void **state)
{
	struct answer a;

	(void)state;
	for (unsigned tight = 0; tight < 2; tight++) {
		struct gs_trend_question q = plain;
		q.memory_bytes = tight ? 3u << 20 : 128u << 20;
		struct gs_trend *t = ask(&q, &table, &a);
		uint64_t packets = 30000, sum = 0, sources = 0;
		push_many(t, "198.51.%u.%u", 30000, MONDAY);
		for (unsigned i = 0; i < 300000; i++) {
			const unsigned net = i % 100000;
			const uint8_t b[4] = { (uint8_t)(10 + (net >> 16)), (uint8_t)(net >> 8), (uint8_t)net, (uint8_t)(i / 100000) };
			struct gs_sighting s = sighting("10.0.0.0", MONDAY + (int64_t)(i % 97) * DAY, 1 + i % 3);
			s.src = gs_addr_v4(b);
			packets += s.packets;
			push(t, &s, 1);
		}
		finish(t, &a);
		for (size_t i = 0; i < a.seen.n_rows; i++) {
			sum += strtoull(cell(&a, i, "packets"), NULL, 10);
			sources += strtoull(cell(&a, i, "sources"), NULL, 10);
		}
		assert_int_equal(sum, packets);
		assert_int_equal(a.seen.meta.packets, packets);
		assert_string_equal(cell(&a, 0, "src_asn"), "64500");
		assert_string_equal(cell(&a, 0, "stands_out"), "1");
		if (tight) {
			assert_true(a.seen.meta.sources_estimated);
			assert_in_range(a.seen.meta.sources, 330000 * 0.95, 330000 * 1.05);
			assert_in_range(strtoull(cell(&a, 0, "sources"), NULL, 10), 27000, 33000);
			assert_true(fabs(strtod(cell(&a, 0, "ratio"), NULL) / (30000 / 330000.0 / 0.001) - 1) < 0.1);
			assert_true(told(&a, "sources are estimated: more than fit in memory"));
			assert_true(told(&a, "more networks than fit in memory"));
		} else {
			assert_int_equal(a.seen.n_rows, 100001);
			assert_string_equal(cell(&a, 1, "stands_out"), "0");
			assert_int_equal(sources, 330000);
			assert_int_equal(a.seen.meta.sources, 330000);
			assert_false(a.seen.meta.sources_estimated);
		}
		done(&a);
	}
}

/* Weeks that do not fit leave their network without a slope, never with a wrong one. */
static void weeks_beyond_memory(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;
	uint64_t sum = 0;
	unsigned with = 0, without = 0;

	(void)state;
	q.memory_bytes = 1u << 20;
	struct gs_trend *t = ask(&q, &table, &a);
	for (unsigned week = 0; week < 60; week++)
		for (unsigned net = 0; net < 600; net++) {
			const uint8_t b[4] = { 10, (uint8_t)(net >> 8), (uint8_t)net, 1 };
			struct gs_sighting s = sighting("10.0.0.0", MONDAY + week * 7 * DAY, 1 + week);
			s.src = gs_addr_v4(b);
			push(t, &s, 1);
		}
	finish(t, &a);
	for (size_t i = 0; i < a.seen.n_rows; i++) {
		sum += strtoull(cell(&a, i, "packets"), NULL, 10);
		if (*cell(&a, i, "slope_per_week")) {
			real_is(&a, i, "slope_per_week", 1);
			with++;
		} else {
			assert_string_equal(cell(&a, i, "weeks"), "");
			without++;
		}
	}
	assert_int_equal(sum, 600 * 61 * 30);
	assert_true(without > 0);
	assert_true(told(&a, "networks have no series: their weeks do not fit in memory"));
	assert_true(told(&a, "All of it together grows by 600 packets a week each week")); /* there is always room for that */
	(void)with;
	done(&a);
}

static void folded_sources_are_unknown(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);
	struct gs_sighting s = sighting("198.51.100.1", MONDAY, 500);

	(void)state;
	s.src = (struct gs_addr){ 0 };
	s.flags = GS_SIGHTING_FOLDED;
	s.sources = 77;
	push(t, &s, 1);
	push_one(t, "198.51.100.1", MONDAY, 1);
	finish(t, &a);
	const size_t none = row_of(&a, "");
	assert_string_equal(cell(&a, none, "sources"), "77");
	assert_string_equal(cell(&a, none, "packets"), "500");
	assert_int_equal(a.seen.meta.sources, 78);
	assert_true(a.seen.meta.sources_estimated);
	assert_true(told(&a, "77 sources came as numbers"));
	done(&a);
}

static void counts_stop_at_their_limit(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		push_one(t, "198.51.100.1", MONDAY + i * 7 * DAY, UINT64_MAX);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 1);
	assert_string_equal(cell(&a, 0, "packets"), "18446744073709551615");
	real_is(&a, 0, "slope_per_week", 0);
	assert_true(told(&a, "stands at its limit, 2^64 - 1"));
	done(&a);
}

/* Random sightings, added up in the plainest way beside it: every number of every row. */
static void random_against_plain(void **state)
{
	enum { NETS = 6, HOSTS = 40, WEEKS = 9, SIGHTINGS = 400 };
	double scratch[WEEKS * WEEKS];

	(void)state;
	srand(4747);
	for (unsigned round = 0; round < 150; round++) {
		static const uint32_t asns[NETS] = { 0, 64500, 64501, 100001, 100002, 100003 };
		uint64_t packets[NETS] = { 0 }, all = 0, folded = 0;
		double weeks[NETS][WEEKS] = { { 0 } };
		bool seen4[NETS][HOSTS] = { { 0 } }, seen6[HOSTS] = { 0 };
		unsigned sources4[NETS] = { 0 }, sources6 = 0, total4 = 0, rows = 0;
		struct answer a;
		struct gs_trend *t = ask(&plain, &table, &a);
		gs_trend_watched(t, (struct gs_time){ MONDAY }, (struct gs_time){ MONDAY + WEEKS * 7 * DAY - 1 });
		for (unsigned i = 0; i < SIGHTINGS; i++) {
			static const char *const formats[NETS] = { "192.0.2.0", "198.51.0.0", "203.0.0.0", "10.0.1.0", "10.0.2.0", "10.0.3.0" };
			const unsigned net = (unsigned)rand() % NETS % (1 + round % NETS), week = (unsigned)rand() % WEEKS, host = (unsigned)rand() % HOSTS;
			const int64_t ns = MONDAY + week * 7 * DAY + (int64_t)((double)rand() / RAND_MAX * 6.9 * DAY);
			struct gs_sighting s = sighting(formats[net], ns, (uint64_t)rand() % 5);
			unsigned to = net;
			s.src.b[3] = (uint8_t)host;
			if (i % 50 == 7) {
				s.src = (struct gs_addr){ 0 };
				s.flags = GS_SIGHTING_FOLDED;
				s.sources = 3;
				folded += 3;
				to = 0;
			} else if (i % 10 == 3) {
				assert_true(gs_addr_parse("2001:db8::", 10, &s.src));
				s.src.b[15] = (uint8_t)host;
				sources6 += !seen6[host];
				seen6[host] = true;
				to = 1;
			} else {
				sources4[net] += !seen4[net][host];
				total4 += !seen4[net][host];
				seen4[net][host] = true;
			}
			packets[to] += s.packets;
			weeks[to][week] += (double)s.packets;
			all += s.packets;
			push(t, &s, 1);
		}
		finish(t, &a);
		assert_int_equal(a.seen.meta.packets, all);
		assert_int_equal(a.seen.meta.sources, total4 + sources6 + folded);
		for (unsigned net = 0; net < NETS; net++) {
			const uint64_t sources = sources4[net] + (net == 1 ? sources6 : 0) + (net == 0 ? folded : 0);
			char asn[16] = "";
			if (asns[net])
				snprintf(asn, sizeof asn, "%u", asns[net]);
			if (!sources)
				continue;
			rows++;
			const size_t row = row_of(&a, asn);
			assert_int_equal(strtoull(cell(&a, row, "packets"), NULL, 10), packets[net]);
			assert_int_equal(strtoull(cell(&a, row, "sources"), NULL, 10), sources);
			assert_string_equal(cell(&a, row, "weeks"), "9");
			real_is(&a, row, "slope_per_week", stats_theil_sen(weeks[net], WEEKS, scratch));
			real_is(&a, row, "slope_p", stats_mann_kendall(weeks[net], WEEKS).p);
			real_is(&a, row, "source_share", (double)sources / (double)(total4 + sources6 + folded));
			if (!net || !sources4[net])
				continue;
			const double space = net == 1 ? 0.001 : 0.00001;
			real_is(&a, row, "ratio", sources4[net] / (double)total4 / space);
			assert_true(strtod(cell(&a, row, "p_value"), NULL) >= exp(stats_binomial_tail_log(sources4[net], total4, space)));
		}
		assert_int_equal(a.seen.n_rows, rows);
		done(&a);
	}
}

/* -- filters and order ------------------------------------------------------------------------------------------------------------------- */

static void filters(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;
	struct gs_trend *t;

	(void)state;
	q.filter.asn[0] = 64500;
	q.filter.n_asn = 1;
	t = ask(&q, &table, &a); /* rows of one network, held against all */
	push_many(t, "198.51.%u.%u", 18, MONDAY);
	push_many(t, "203.0.%u.%u", 6, MONDAY);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 1);
	real_is(&a, 0, "source_share", 0.75);
	real_is(&a, 0, "p_value", 1.3383274274029075e-44);
	assert_int_equal(a.seen.meta.packets, 18);
	assert_int_equal(a.seen.meta.sources, 18);
	assert_int_equal(a.seen.meta.rows_total, 1);
	done(&a);

	q = plain;
	memcpy(q.filter.country[0], "TW", 2);
	q.filter.n_country = 1;
	t = ask(&q, &table, &a); /* sources of one country are no draw from the whole space */
	push_many(t, "198.51.%u.%u", 18, MONDAY);
	push_many(t, "203.0.%u.%u", 6, MONDAY);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 1);
	assert_string_equal(cell(&a, 0, "p_value"), "");
	assert_string_equal(cell(&a, 0, "sources"), "18");
	assert_true(told(&a, "With --src or --country"));
	done(&a);

	q = plain;
	q.filter.n_src = 1;
	assert_true(gs_prefix_parse("203.0.0.0/24", 12, &q.filter.src[0]));
	t = ask(&q, &table, &a);
	push_many(t, "198.51.%u.%u", 18, MONDAY);
	push_many(t, "203.0.%u.%u", 6, MONDAY);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 1);
	assert_string_equal(cell(&a, 0, "src_asn"), "64501");
	assert_string_equal(cell(&a, 0, "p_value"), "");
	done(&a);
}

static void order_and_limit(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;
	const struct gs_table_writer none = { 0 };
	struct gs_trend *t;

	(void)state;
	q.sort = "packets";
	t = ask(&q, &table, &a);
	push_many(t, "198.51.%u.%u", 18, MONDAY);
	push_many(t, "203.0.%u.%u", 6, MONDAY);
	push_many(t, "192.0.%u.%u", 7, MONDAY);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "packets"), "6");
	assert_string_equal(cell(&a, 2, "packets"), "18");
	done(&a);
	q.sort = "-ratio";
	q.limit = 2;
	q.for_people = true; /* by value, whatever is shown of it */
	t = ask(&q, &table, &a);
	push_many(t, "198.51.%u.%u", 18, MONDAY);
	push_many(t, "203.0.%u.%u", 6, MONDAY);
	push_many(t, "192.0.%u.%u", 7, MONDAY);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 2);
	assert_string_equal(cell(&a, 0, "src_asn"), "64501"); /* 6 of 31 over 0.00001 */
	assert_string_equal(cell(&a, 0, "ratio"), "19355");
	assert_int_equal(a.seen.meta.rows_total, 3);
	done(&a);
	q.sort = "colour";
	assert_int_equal(gs_trend_new(&q, &table, &none, &t, &a.err), GS_ERR_USAGE);
	assert_non_null(strstr(a.err.text, "src_asn, src_as_name, sources, packets, source_share, space_share, ratio, p_value, stands_out, slope_per_week, slope_p, weeks"));
}

static void redaction(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;
	struct gs_sighting s = sighting("198.51.100.1", MONDAY, 1);

	(void)state;
	q.redact_dst = true;
	struct gs_trend *t = ask(&q, &table, &a);
	assert_int_equal(gs_trend_needs(t), GS_NEED_ALL);
	s.via = GS_VIA_ICMP;
	push(t, &s, 1);
	push_one(t, "203.0.113.1", MONDAY, 1);
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 2);
	assert_string_equal(cell(&a, row_of(&a, ""), "sources"), "1");
	done(&a);
	t = ask(&plain, &table, &a);
	assert_int_equal(gs_trend_needs(t), GS_NEED_SRC | GS_NEED_DAY | GS_NEED_CLASS);
	gs_trend_free(t);
}

/* -- classes ----------------------------------------------------------------------------------------------------------------------------- */

static void classes(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;
	uint64_t total = 0;

	(void)state;
	q.by = GS_TREND_CLASS;
	struct gs_trend *t = ask(&q, &table, &a);
	for (unsigned i = 0; i < 12; i++) {
		struct gs_sighting s = sighting("198.51.100.1", MONDAY + (i * 7 + 1) * DAY, 1 + i * 2);
		push(t, &s, 1);
		s.class_ = GS_CLASS_TUNNEL_PPTP; /* the same source in two classes */
		s.packets = 3;
		push(t, &s, 1);
	}
	finish(t, &a);
	assert_int_equal(a.seen.n_rows, 2);
	assert_string_equal(cell(&a, 0, "class"), "unknown");
	assert_string_equal(cell(&a, 1, "class"), "tunnel.pptp");
	for (size_t i = 0; i < 2; i++)
		total += strtoull(cell(&a, i, "packets"), NULL, 10);
	assert_int_equal(total, 144 + 36);
	real_is(&a, 0, "share", 0.8);
	real_is(&a, 1, "slope_per_week", 0);
	assert_int_equal(a.seen.meta.sources, 1);
	assert_true(told(&a, "Most of it is unknown: 144 of 180 packets."));
	assert_true(told(&a, "unknown grows by 2 packets a week each week"));
	done(&a);
}

static void bots_and_machines(void **state)
{
	struct answer a;
	struct gs_trend *t = ask(&plain, &table, &a);

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		char src[32];
		snprintf(src, sizeof src, "198.51.100.%u", i % 20);
		struct gs_sighting s = sighting(src, MONDAY + (int64_t)(i / 4) * DAY, 1);
		s.class_ = GS_CLASS_FLOOD_MIRAI_GREIP;
		push(t, &s, 1);
	}
	assert_true(gs_trend_wants_bots(t));
	static const char *const behind[][2] = { { "198.51.100.1" }, { "198.51.100.1", "198.51.100.2" }, { "192.0.2.200", "198.51.100.3" }, { "203.0.113.1" } };
	struct gs_store_bot *bots = calloc(4, sizeof *bots);
	assert_non_null(bots);
	for (unsigned i = 0; i < 4; i++) {
		struct gs_bot_process *p = &bots[i].process;
		p->class_ = GS_CLASS_FLOOD_MIRAI_GREIP;
		p->first_seen = p->last_seen = (struct gs_time){ MONDAY };
		for (; p->n_src < 2 && behind[i][p->n_src]; p->n_src++)
			assert_true(gs_addr_parse(behind[i][p->n_src], strlen(behind[i][p->n_src]), &p->src[p->n_src]));
	}
	gs_trend_bots(t, bots, 4);
	free(bots);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "packets"), "40"); /* bots are not counted as packets */
	assert_true(told(&a, "Machines: 3 bot processes are proven behind the addresses of AS64500."));
	assert_true(told(&a, "Machines behind the 20 addresses of AS64500: 4 to 20. At least 4, the addresses of one day (2017-01-30)"));
	done(&a);
}

static void pictures(void **state)
{
	struct gs_trend_question q = plain;
	struct answer a;

	(void)state;
	q.for_people = true;
	for (unsigned utf8 = 0; utf8 < 2; utf8++) {
		q.utf8 = utf8;
		q.picture = 8;
		struct gs_trend *t = ask(&q, &table, &a);
		for (unsigned i = 0; i < 8; i++)
			if (i != 3)
				push_one(t, "198.51.100.1", MONDAY + (i * 7 + 1) * DAY, 1 + i);
		finish(t, &a);
		assert_string_equal(cell(&a, 0, "by_week"),
		                    utf8 ? "\u2582\u2583\u2584\u00b7\u2586\u2587\u2588\u2588" : ":=+.#%@@");
		done(&a);
	}
	q.picture = 3; /* 3 weeks a column; the first has the two that are over */
	struct gs_trend *t = ask(&q, &table, &a);
	for (unsigned i = 0; i < 8; i++)
		push_one(t, "203.0.100.1", MONDAY + (i * 7 + 1) * DAY, i < 2 ? 3 : 1);
	finish(t, &a);
	assert_string_equal(cell(&a, 0, "by_week"), "\u2588\u2585\u2585");
	assert_string_equal(cell(&a, 0, "src_as_name"), strings[2]); /* whoever shows it cleans it */
	done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_stands_out),
		cmocka_unit_test(little_does_not_stand_out),
		cmocka_unit_test(several_stand_out),
		cmocka_unit_test(nothing_to_hold_it_against),
		cmocka_unit_test(ipv6_is_counted_not_tested),
		cmocka_unit_test(weeks_are_whole_or_left_out),
		cmocka_unit_test(a_day_of_grace),
		cmocka_unit_test(watching_is_not_matching),
		cmocka_unit_test(growth_in_words),
		cmocka_unit_test(old_times_are_counted_apart),
		cmocka_unit_test(many_networks),
		cmocka_unit_test(weeks_beyond_memory),
		cmocka_unit_test(folded_sources_are_unknown),
		cmocka_unit_test(counts_stop_at_their_limit),
		cmocka_unit_test(random_against_plain),
		cmocka_unit_test(filters),
		cmocka_unit_test(order_and_limit),
		cmocka_unit_test(redaction),
		cmocka_unit_test(classes),
		cmocka_unit_test(bots_and_machines),
		cmocka_unit_test(pictures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
