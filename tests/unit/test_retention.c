/* test_retention.c - old rows go in small steps while a live input goes on; what was asked before is answered the same by the hour; a full store makes room */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scratch.h"
#include "sensor/retention.h"
#include "store/made.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define T0 (INT64_C(1485561600) * GS_NS_PER_S) /* 2017-01-28 00:00:00 */
#define DAY_NS (INT64_C(86400) * GS_NS_PER_S)

static char folder[64];
static struct gs_error err;

#define OK(call)                                             \
	do {                                                 \
		if ((call) != 0)                             \
			fail_msg("%s: %s", #call, err.text); \
	} while (0)

static void forget(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-writer", "-ballast" };
	char path[128];

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		snprintf(path, sizeof path, "%s/s.db%s", folder, suffixes[i]);
		unlink(path);
	}
}

static struct gs_store *open_store(uint64_t quota)
{
	const struct gs_store_options o = { .mode = GS_STORE_CREATE, .quota_bytes = quota, .answers_path = "" };
	struct gs_store *st = NULL;
	char path[128];

	snprintf(path, sizeof path, "%s/s.db", folder);
	OK(gs_store_open(path, &o, &st, &err));
	return st;
}

/* Rows of some days, in commits of a thousand. */
static int fill(struct gs_store *st, struct made *m, unsigned n)
{
	struct gs_sighting s[1000];
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i += 1000) {
		for (unsigned j = 0; j < 1000; j++)
			made_next(m, &s[j]), s[j].sensor = 0;
		r = gs_store_append(st, s, 1000, &err);
		if (r == 0)
			r = gs_store_commit(st, &err);
	}
	return r;
}

static struct gs_scan_result totals(struct gs_store *st)
{
	const struct gs_filter f = GS_FILTER_ALL;
	struct gs_store_info i;
	struct gs_scan_result ret = { 0 };

	OK(gs_store_info(st, &i, &err));
	ret.sightings = i.sightings;
	ret.packets = i.packets;
	ret.bytes = i.bytes;
	ret.raw_rows = i.raw_sightings;
	(void)f;
	return ret;
}

static void print_trouble(void *arg, const char *sentence)
{
	(void)arg;
	print_message("# %s\n", sentence);
}

static void assert_sound(struct gs_store *st)
{
	uint64_t n = 1;
	OK(gs_store_check(st, false, print_trouble, NULL, &n, &err));
	assert_int_equal(n, 0);
}

static void test_age(void **state)
{
	struct gs_store *st = open_store(0);
	struct made m = made_start(1, 5000, 16, 200000, T0, 10 * DAY_NS);
	struct retention r;
	struct gs_input *in = NULL;
	const struct gs_input_spec spec = { .path = "sensor", .window_s = 60 };
	struct gs_tally t = { 0 };
	char said[200];
	unsigned steps = 0, told = 0;

	(void)state;
	OK(gs_input_begin_live(st, &spec, &in, &err));
	OK(fill(st, &m, 200000));
	t.sightings = t.in_sightings = t.packets = 200000;
	OK(gs_input_checkpoint(in, &t, &err));
	OK(gs_store_settle(st, &err));
	const struct gs_scan_result before = totals(st);
	assert_int_equal(before.raw_rows, 200000);
	retention_init(&r, 4 * 86400, 0);
	struct gs_time now = { T0 + 10 * DAY_NS };
	do { /* with more coming in between */
		const uint64_t was = r.sightings;
		OK(retention_tick(&r, st, now, said, sizeof said, &err));
		assert_true(r.sightings - was <= 60000); /* a slice */
		told += *said != '\0';
		steps++;
		now.ns += GS_NS_PER_S;
		OK(gs_input_checkpoint(in, &t, &err));
	} while (r.busy && steps < 100);
	assert_true(steps >= 3 && steps < 10);
	assert_true(told >= 1 && told <= 2);
	const struct gs_scan_result after = totals(st);
	assert_int_equal(after.sightings, before.sightings);
	assert_int_equal(after.packets, before.packets);
	assert_int_equal(after.bytes, before.bytes);
	assert_true(after.raw_rows > 75000 && after.raw_rows <= 100000); /* four days of ten, batches that reach past it stay */
	assert_int_equal(before.raw_rows - after.raw_rows, r.sightings);

	/* nothing more to do: the clock alone is looked at until half an hour has passed */
	const struct gs_time quiet = now;
	OK(retention_tick(&r, st, now, said, sizeof said, &err));
	assert_int_equal(r.next_age.ns, quiet.ns + RETENTION_AGE_S * GS_NS_PER_S - 1 * GS_NS_PER_S);
	/* a clock set back by a year does not stop it for a year, and removes nothing */
	now.ns -= 365 * DAY_NS;
	OK(retention_tick(&r, st, now, said, sizeof said, &err));
	assert_true(r.next_age.ns <= now.ns + RETENTION_AGE_S * GS_NS_PER_S);
	assert_int_equal(totals(st).raw_rows, after.raw_rows);
	OK(gs_input_end(in, &t, NULL, NULL, &err));
	assert_sound(st);
	gs_store_close(st);
	forget();
}

static void test_size(void **state)
{
	struct gs_store *st = open_store(0);
	struct made m = made_start(2, 5000, 16, 300000, T0, 30 * DAY_NS);
	struct retention r;
	char said[200];
	uint64_t most = 0, seen = 0;
	struct gs_time now = { T0 };

	(void)state;
	retention_init(&r, 0, 12 << 20);
	for (unsigned second = 0; second < 320; second++) { /* a thousand rows a second */
		OK(fill(st, &m, 1000));
		now.ns += GS_NS_PER_S;
		OK(retention_tick(&r, st, now, said, sizeof said, &err));
		const uint64_t bytes = gs_store_bytes(st);
		most = bytes > most ? bytes : most;
		seen += 1000;
	}
	if (most > (20 << 20)) /* what a minute brings comes on top, and the journal's room */
		fail_msg("the store grew to %lu octets", (unsigned long)most);
	assert_true(r.sightings > 30000);
	const struct gs_scan_result after = totals(st);
	assert_int_equal(after.sightings, seen);
	assert_int_equal(after.raw_rows + r.sightings, seen);
	assert_sound(st);

	/* less than the sums alone: all rows go, that is told once, and then it is at peace */
	unsigned told = 0;
	r.max_bytes = 1000;
	for (unsigned second = 0; second < 120; second++) {
		now.ns += GS_NS_PER_S;
		OK(retention_tick(&r, st, now, said, sizeof said, &err));
		told += strstr(said, "hourly sums: make keep_size larger") != NULL;
	}
	assert_int_equal(told, 1);
	assert_false(r.busy);
	assert_int_equal(totals(st).sightings, seen);
	assert_sound(st);
	gs_store_close(st);
	forget();
}

/* A quota that is full: with a retention the oldest rows make room and nothing that was committed is missing from the sums; without one it is said. */
static void test_full(void **state)
{
	struct gs_store *st = open_store(12 << 20);
	struct made m = made_start(3, 5000, 16, 300000, T0, 30 * DAY_NS);
	struct retention r, none;
	uint64_t committed = 0;
	unsigned full = 0;

	(void)state;
	retention_init(&r, 0, 1 << 30);
	retention_init(&none, 0, 0);
	while (committed < 250000 && full < 1000) {
		if (fill(st, &m, 1000) == 0) {
			committed += 1000;
			continue;
		}
		assert_true(gs_store_full(st));
		if (full++ == 0) {
			assert_int_equal(retention_full(&none, st, &err), GS_ERR_LIMIT);
			assert_non_null(strstr(err.text, "neither keep_rows nor keep_size"));
			assert_int_equal(totals(st).sightings, committed);
		}
		OK(retention_full(&r, st, &err));
	}
	assert_int_equal(committed, 250000);
	assert_true(full > 1 && full < 200);
	const struct gs_scan_result after = totals(st);
	assert_int_equal(after.sightings, committed);
	assert_int_equal(after.raw_rows + r.sightings, committed);
	assert_sound(st);
	gs_store_close(st);
	forget();
}

/* How long capture is held up by a step, for people: not a test of the machine. */
static void test_time(void **state)
{
	struct gs_store *st = open_store(0);
	struct made m = made_start(4, 50000, 16, 400000, T0, 40 * DAY_NS);
	struct retention r;
	char said[200];
	struct timespec a, b;
	double most = 0;

	(void)state;
	OK(fill(st, &m, 400000));
	OK(gs_store_settle(st, &err));
	retention_init(&r, 86400, 0);
	for (unsigned i = 0; i < 20; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		OK(retention_tick(&r, st, (struct gs_time){ T0 + 40 * DAY_NS + i * GS_NS_PER_S }, said, sizeof said, &err));
		clock_gettime(CLOCK_MONOTONIC, &b);
		const double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		most = ms > most ? ms : most;
	}
	assert_true(r.sightings > 300000);
	print_message("# the longest step took %.0f ms\n", most);
	gs_store_close(st);
	forget();
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "%.30s/grescope-retention-XXXXXX", scratch());
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	forget();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_age), cmocka_unit_test(test_size), cmocka_unit_test(test_full), cmocka_unit_test(test_time) };
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
