/* test_pin.c - pinned origins: the last word on each day holds, against a model that keeps every day by itself */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "scratch.h"
#include "store/store.h"

static char path[64];

static struct gs_store *store_new(void)
{
	const struct gs_store_options o = { .mode = GS_STORE_CREATE };
	struct gs_error err = { 0 };
	struct gs_store *st = NULL;
	char name[80];

	snprintf(path, sizeof path, "%.30s/grescope-pin-%d.db", scratch(), (int)getpid());
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "%s%s", path, (const char *[]){ "", "-wal", "-shm", "-lock" }[i]);
		unlink(name);
	}
	if (gs_store_open(path, &o, &st, &err) < 0)
		fail_msg("%s", err.text);
	return st;
}

static void store_end(struct gs_store *st)
{
	char command[160];

	gs_store_close(st);
	snprintf(command, sizeof command, "rm -f %s %s-*", path, path);
	assert_int_equal(system(command), 0);
}

static struct gs_pin pin_of(unsigned n)
{
	static char name[8][16];
	snprintf(name[n % 8], sizeof name[0], "Net %u", n);
	return (struct gs_pin){ .has_network = true, .has_place = true, .asn = 64496 + n, .as_name = name[n % 8], .region = "", .city = "City",
				.country = { 'X', (char)('A' + n) }, .edition = "a test, 2017" };
}

static unsigned said(struct gs_store *st, const struct gs_addr *a, int64_t day, struct gs_pin_span *span)
{
	struct gs_error err = { 0 };
	struct gs_pin pin;

	if (gs_store_pinned(st, a, day, span, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(span->first_day <= day && day <= span->last_day);
	if (!span->place)
		return 0;
	assert_int_equal(gs_store_place(st, span->place, &pin, NULL), 0);
	assert_true(pin.has_network && pin.has_place);
	assert_string_equal(pin.city, "City");
	return pin.asn - 64496;
}

#define DAYS 40

static void the_last_word_holds(void **state)
{
	struct gs_store *st = store_new();
	uint64_t rng = 47;

	(void)state;
	for (unsigned turn = 0; turn < 60; turn++) {
		const uint8_t b[4] = { 192, 0, 2, (uint8_t)turn };
		const struct gs_addr a = gs_addr_v4(b);
		unsigned model[DAYS] = { 0 };
		struct gs_pin_span span;
		for (unsigned step = 0; step < 14; step++) {
			rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407u;
			const unsigned first = (unsigned)(rng >> 33) % DAYS, len = (unsigned)(rng >> 40) % 8, n = 1 + (unsigned)(rng >> 50) % 3;
			const unsigned last = first + len < DAYS ? first + len : DAYS - 1;
			const struct gs_pin pin = pin_of(n);
			assert_int_equal(gs_store_pin(st, &a, (int64_t)first - 10, (int64_t)last - 10, &pin, NULL), 0);
			for (unsigned d = first; d <= last; d++)
				model[d] = n;
			/* days without a pin between two of the same answer belong to it: only next to what was just pinned */
			unsigned lo = first, hi = last;
			while (lo && !model[lo - 1])
				lo--;
			if (lo && model[lo - 1] == n)
				for (unsigned d = lo; d < first; d++)
					model[d] = n;
			while (hi + 1 < DAYS && !model[hi + 1])
				hi++;
			if (hi + 1 < DAYS && model[hi + 1] == n)
				for (unsigned d = last + 1; d <= hi; d++)
					model[d] = n;
			for (unsigned d = 0; d < DAYS; d++)
				if (said(st, &a, (int64_t)d - 10, &span) != model[d])
					fail_msg("turn %u, step %u, day %u", turn, step, d);
		}
		for (unsigned d = 0; d < DAYS; d++) { /* every day of a span has its answer */
			const unsigned n = said(st, &a, (int64_t)d - 10, &span);
			for (int64_t e = span.first_day < -10 ? -10 : span.first_day; e <= span.last_day && e < DAYS - 10; e++)
				assert_int_equal(model[e + 10], n);
		}
	}
	assert_int_equal(gs_store_commit(st, NULL), 0);
	store_end(st);
}

static void one_entry_for_one_answer(void **state)
{
	struct gs_store *st = store_new();
	const uint8_t b[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	const struct gs_addr a = gs_addr_v6(b), other = gs_addr_v4(b);
	const struct gs_pin pin = pin_of(1), moved = pin_of(2);
	struct gs_pin_span span;
	struct gs_store_info info;
	bool any = true;

	(void)state;
	assert_int_equal(gs_store_any_pins(st, &any, NULL), 0);
	assert_false(any);
	for (int64_t day = 0; day < 365; day += 3)
		assert_int_equal(gs_store_pin(st, &a, day, day, &pin, NULL), 0);
	assert_int_equal(gs_store_commit(st, NULL), 0);
	assert_int_equal(gs_store_info(st, &info, NULL), 0);
	assert_int_equal(info.n_pins, 1);
	assert_int_equal(gs_store_any_pins(st, &any, NULL), 0);
	assert_true(any);
	assert_int_equal(said(st, &a, 100, &span), 1);
	assert_int_equal(span.first_day, 0);
	assert_int_equal(span.last_day, 363);
	assert_int_equal(said(st, &a, 364, &span), 0);
	assert_int_equal(said(st, &other, 100, &span), 0); /* the same octets, another family */
	assert_int_equal(gs_store_pin(st, &a, 50, 60, &moved, NULL), 0);
	assert_int_equal(gs_store_commit(st, NULL), 0);
	assert_int_equal(gs_store_info(st, &info, NULL), 0);
	assert_int_equal(info.n_pins, 3);
	store_end(st);
}

static void what_was_absent_is_not_unknown(void **state)
{
	struct gs_store *st = store_new();
	const uint8_t b[4] = { 192, 0, 2, 1 };
	const struct gs_addr a = gs_addr_v4(b), nobody = { .family = 0 };
	char longest[4000];
	struct gs_pin_span span;
	struct gs_pin pin = { .has_network = true, .edition = "x" };

	(void)state;
	assert_int_equal(gs_store_pin(st, &a, 1, 1, &pin, NULL), 0);
	assert_int_equal(gs_store_pinned(st, &a, 1, &span, NULL), 0);
	assert_int_equal(gs_store_place(st, span.place, &pin, NULL), 0);
	assert_true(pin.has_network && !pin.has_place && pin.asn == 0);
	pin = (struct gs_pin){ .has_place = true, .edition = "x" };
	assert_int_equal(gs_store_pin(st, &a, 2, 2, &pin, NULL), 0);
	assert_int_equal(gs_store_pinned(st, &a, 2, &span, NULL), 0);
	assert_int_equal(gs_store_place(st, span.place, &pin, NULL), 0);
	assert_true(!pin.has_network && pin.has_place && pin.country[0] == '\0');

	for (size_t i = 0; i < sizeof longest - 1; i++) /* two octets a character: never cut in the middle */
		longest[i] = i % 2 ? '\xa9' : '\xc3';
	longest[sizeof longest - 1] = '\0';
	pin = (struct gs_pin){ .has_network = true, .as_name = longest, .edition = longest + 1 };
	assert_int_equal(gs_store_pin(st, &a, 3, 3, &pin, NULL), 0);
	assert_int_equal(gs_store_pinned(st, &a, 3, &span, NULL), 0);
	assert_int_equal(gs_store_place(st, span.place, &pin, NULL), 0);
	assert_int_equal(strlen(pin.as_name), GS_PIN_TEXT_MAX);
	assert_int_equal(strlen(pin.as_name) % 2, 0);

	assert_int_equal(gs_store_pin(st, &nobody, 1, 1, &pin, NULL), GS_ERR_USAGE);
	assert_int_equal(gs_store_pin(st, &a, 2, 1, &pin, NULL), GS_ERR_USAGE);
	assert_int_equal(gs_store_pinned(st, &nobody, 1, &span, NULL), 0);
	assert_int_equal(span.place, 0);
	store_end(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_word_holds),
		cmocka_unit_test(one_entry_for_one_answer),
		cmocka_unit_test(what_was_absent_is_not_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
