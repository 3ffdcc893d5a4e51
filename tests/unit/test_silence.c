/* test_silence.c - gaps against a sensor's own rate: no false alarms on made processes, and the real ones found */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "query/silence.h"

#define HOUR INT64_C(3600000000000)
#define START (INT64_C(17167) * 24 * HOUR) /* 2017-01-01 */

struct rng {
	uint64_t state;
};

static double uniform(struct rng *r) /* splitmix64; (0, 1) */
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static void put(struct gs_silence *s, uint16_t sensor, int64_t first, int64_t last, uint64_t packets)
{
	const struct gs_sighting g = { .sensor = sensor, .first = { first }, .last = { last }, .packets = packets, .sources = 1 };
	const struct gs_sighting_sink sink = gs_silence_sink(s);

	assert_int_equal(sink.take(sink.arg, &g, 1, NULL), 0);
}

static const struct gs_silence_sensor *only(struct gs_silence *s)
{
	const struct gs_silence_sensor *list;
	size_t n;

	assert_int_equal(gs_silence_answer(s, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	return list;
}

/* A Poisson process, each event with a burst of packets; a gap is cut out of it. */
static struct gs_silence *process(uint64_t seed, double per_hour, int64_t hours, uint64_t burst, int64_t gap_from, int64_t gap_hours)
{
	struct rng r = { seed };
	struct gs_silence *s;

	assert_int_equal(gs_silence_new(&s, NULL), 0);
	for (double t = 0; t < (double)hours; t += -log(uniform(&r)) / per_hour) {
		if (t >= (double)gap_from && t < (double)(gap_from + gap_hours))
			continue;
		const int64_t ns = START + (int64_t)(t * (double)HOUR);
		put(s, 0, ns, ns, burst);
	}
	return s;
}

/* The probability that a process gives a false alarm is 0.001; of 1000 at four rates few may. */
static void false_alarms_are_rare(void **state)
{
	static const double rates[] = { 1.0 / 24, 0.2, 2, 30 };

	(void)state;
	for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
		unsigned alarms = 0;
		for (uint64_t seed = 1; seed <= 1000; seed++) {
			struct gs_silence *s = process(seed * 7919 + k, rates[k], 180 * 24 / (k > 1 ? 8 : 1), 1, 0, 0);
			alarms += only(s)->n_unlikely > 0;
			gs_silence_free(s);
		}
		assert_in_range(alarms, 0, 8);
	}
}

static void real_gaps_are_found(void **state)
{
	static const struct {
		double per_hour;
		int64_t gap_hours;
		bool found;
	} cases[] = {
		{ 1.0 / 24, 24 * 30, true },  /* a packet a day: a month is news, three days are not */
		{ 1.0 / 24, 24 * 3, false },
		{ 1, 48, true },              /* a packet an hour: two days are, three hours are not */
		{ 1, 3, false },
		{ 60, 6, true },              /* a packet a minute: six hours are */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (uint64_t burst = 1; burst <= 100000; burst *= 1000) { /* however many packets come at once */
			struct gs_silence *s = process(i + 1, cases[i].per_hour, 180 * 24, burst, 1000, cases[i].gap_hours);
			const struct gs_silence_sensor *a = only(s);
			if ((a->n_unlikely > 0) != cases[i].found)
				fail_msg("rate %g, gap of %d h: %d unlikely", cases[i].per_hour, (int)cases[i].gap_hours, (int)a->n_unlikely);
			if (cases[i].found) {
				assert_true(a->gaps[0].from.ns <= START + 1000 * HOUR);
				assert_true(a->gaps[0].to.ns >= START + (1000 + cases[i].gap_hours) * HOUR);
				assert_true(a->gaps[0].p < 0.001);
			}
			gs_silence_free(s);
		}
}

static void a_flood_does_not_raise_the_rate(void **state)
{
	struct gs_silence *s = process(3, 1.0 / 24, 60 * 24, 1, 0, 0);

	(void)state;
	put(s, 0, START + 61 * 24 * HOUR, START + 61 * 24 * HOUR + HOUR / 2, 1000000000);
	const struct gs_silence_sensor *a = only(s);
	assert_true(a->per_day > 0.4 && a->per_day < 2);
	assert_int_equal(a->n_unlikely, 0);
	gs_silence_free(s);
}

static void little_says_nothing(void **state)
{
	struct gs_silence *s;
	const struct gs_silence_sensor *list;
	size_t n = 9;

	(void)state;
	assert_int_equal(gs_silence_new(&s, NULL), 0);
	assert_int_equal(gs_silence_answer(s, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	gs_silence_free(s);

	assert_int_equal(gs_silence_new(&s, NULL), 0);
	for (int i = 0; i < 5; i++)
		put(s, 0, START + i * 24 * HOUR, START + i * 24 * HOUR, 1);
	put(s, 0, START + 4000 * 24 * HOUR, START + 4000 * 24 * HOUR, UINT64_MAX);
	const struct gs_silence_sensor *a = only(s);
	assert_int_equal(a->n_unlikely, 0);
	assert_true(a->longest_s == 0 && gs_silence_probability(a, 1e12) == 1);
	assert_true(a->packets == UINT64_MAX);
	gs_silence_free(s);
}

static void sensors_are_apart_and_times_extreme(void **state)
{
	struct gs_silence *s;
	const struct gs_silence_sensor *list;
	size_t n;

	(void)state;
	assert_int_equal(gs_silence_new(&s, NULL), 0);
	put(s, 7, INT64_MIN, INT64_MIN, 1);
	for (int i = 0; i < 24 * 30; i++) {
		put(s, 2, START + i * HOUR, START + i * HOUR, 3);
		if (i < 240 || i > 400)
			put(s, 4, START + i * HOUR, START + i * HOUR, 3);
	}
	put(s, 7, INT64_MAX, INT64_MAX, 1);
	assert_int_equal(gs_silence_answer(s, &list, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(list[0].sensor, 2);
	assert_int_equal(list[0].n_unlikely, 0);
	assert_int_equal(list[1].sensor, 4);
	assert_int_equal(list[1].n_unlikely, 1);
	assert_int_equal((list[1].gaps[0].to.ns - list[1].gaps[0].from.ns) / HOUR, 162);
	assert_int_equal(list[2].sensor, 7);
	gs_silence_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(false_alarms_are_rare),
		cmocka_unit_test(real_gaps_are_found),
		cmocka_unit_test(a_flood_does_not_raise_the_rate),
		cmocka_unit_test(little_says_nothing),
		cmocka_unit_test(sensors_are_apart_and_times_extreme),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
