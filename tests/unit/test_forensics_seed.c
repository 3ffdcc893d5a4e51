/* test_forensics_seed.c - the backward search for the seed, the attack's start on the way, and the names */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "forensics/made.h"

static struct gs_bot_state state_of(const struct bot *b)
{
	return (struct gs_bot_state){ { b->x, b->y, b->z, b->w } };
}

/* A process that drew its names and some more, then attacks; the state before its packet number `packet` to target `target`. */
static struct gs_bot_state before_packet(const struct bot *b, const struct bot_orders *o, unsigned round, unsigned target, uint64_t *ret_draws, uint32_t *ret_inner)
{
	struct bot_attack a;
	uint8_t ip[BOT_MAX_PACKET];
	bot_attack_start(&a, b, o, OWN);
	for (unsigned r = 0; r < round; r++)
		for (unsigned t = 0; t < o->targets; t++)
			bot_attack_packet(&a, t, 1, ip);
	for (unsigned t = 0; t < target; t++)
		bot_attack_packet(&a, t, 1, ip);
	*ret_draws = a.bot.draws;
	*ret_inner = a.inner_src[target];
	return state_of(&a.bot);
}

static void seeds_are_found(void **arg)
{
	(void)arg;
	uint64_t at = 31;
	for (unsigned i = 0; i < 60; i++) {
		struct bot b;
		char argv0[BOT_NAME_MAX], comm[BOT_NAME_MAX];
		struct bot_orders o = orders_for(i & 1, i & 2 ? 512 : 0);
		struct gs_bot_seed job;
		uint64_t draws = 0;
		uint32_t inner = 0;
		const uint32_t x = 1470000000u + (uint32_t)(number(&at) % 400000000), y = 1 + (uint32_t)(number(&at) % 32768), z = (uint32_t)(number(&at) % 50) * 10000;
		o.targets = 1 + i % 5;
		for (unsigned t = 1; t < o.targets; t++)
			o.target[t] = (struct bot_target){ SENSOR + t, 32 };
		bot_seed(&b, x, y, z, i & 4);
		bot_names(&b, argv0, comm);
		assert_in_range(b.draws, 8, 16);
		for (unsigned k = number(&at) % 30; k; k--)
			bot_draw(&b);
		const unsigned round = i < 3 ? 0 : (unsigned)(number(&at) % 400), target = (unsigned)(number(&at) % o.targets);
		const struct gs_bot_state s = before_packet(&b, &o, round, target, &draws, &inner);
		gs_bot_seed_start(&job, &s, inner, 1u << 24);
		/* in small portions as in one go */
		while (gs_bot_seed_run(&job, i & 8 ? 777 : 1u << 24) == GS_BOT_SEED_SEARCHING)
			;
		assert_int_equal(job.status, GS_BOT_SEED_FOUND);
		assert_int_equal(job.x, x);
		assert_int_equal(job.y, y);
		assert_int_equal(job.z, z);
		assert_true(job.steps == draws);
		assert_string_equal(job.argv0, argv0);
		assert_string_equal(job.comm, comm);
		assert_in_range(strlen(argv0), 12, 24);
		assert_in_range(strlen(comm), 12, 15);
		assert_true(job.has_start);
		assert_true(job.start == draws - b.draws - target - 1);
		assert_true(job.bits >= 20);
	}
}

static void not_finding_is_an_answer(void **arg)
{
	(void)arg;
	uint64_t at = 32;
	struct bot b;
	struct gs_bot_seed job;
	any_bot(&b, &at, false);
	const struct gs_bot_state s = state_of(&b);
	gs_bot_seed_start(&job, &s, 0, 3000000);
	assert_int_equal(gs_bot_seed_run(&job, 1000000), GS_BOT_SEED_SEARCHING);
	assert_true(job.steps == 1000000);
	assert_int_equal(gs_bot_seed_run(&job, UINT64_MAX), GS_BOT_SEED_NOT_FOUND);
	assert_true(job.steps == 3000000);
	assert_int_equal(gs_bot_seed_run(&job, 1000), GS_BOT_SEED_NOT_FOUND);
	assert_true(job.steps == 3000000);
	const struct gs_bot_state end = gs_bot_state_step(s, -3000000);
	assert_memory_equal(&job.at, &end, sizeof end);
	gs_bot_seed_start(&job, &s, 0, 0);
	assert_int_equal(gs_bot_seed_run(&job, 5), GS_BOT_SEED_NOT_FOUND);
}

/* With the attack's start behind it the search does not go on for ever. */
static void the_start_limits_the_search(void **arg)
{
	(void)arg;
	uint64_t at = 33, draws = 0;
	uint32_t inner = 0;
	struct bot b;
	struct gs_bot_seed job;
	const struct bot_orders o = orders_for(false, 512);
	any_bot(&b, &at, true);
	const struct gs_bot_state s = before_packet(&b, &o, 50, 0, &draws, &inner);
	gs_bot_seed_start(&job, &s, inner, UINT64_MAX);
	job.after_start = 10000;
	assert_int_equal(gs_bot_seed_run(&job, UINT64_MAX), GS_BOT_SEED_NOT_FOUND);
	assert_true(job.has_start && job.start == 50 * 132);
	assert_true(job.steps == 50 * 132 + 10000);
	/* a place that the draws per packet rule out is passed over */
	gs_bot_seed_start(&job, &s, inner, 100000);
	job.fit_step = 133;
	job.fit_draws = 133;
	job.fit_targets = 1;
	assert_int_equal(gs_bot_seed_run(&job, UINT64_MAX), GS_BOT_SEED_NOT_FOUND);
	assert_false(job.has_start);
	gs_bot_seed_start(&job, &s, inner, 100000);
	job.fit_step = 132;
	job.fit_draws = 132;
	job.fit_targets = 1;
	gs_bot_seed_run(&job, UINT64_MAX);
	assert_true(job.has_start && job.start == 50 * 132);
}

/* Bounds: what is no pid and no clock is no seed, even where the words fit. */
static void implausible_seeds_are_passed_over(void **arg)
{
	(void)arg;
	static const struct { uint32_t x, y, z; bool good; } cases[] = {
		{ 1500000000, 300, 20000, true }, { 5, 0x3fffff, 0x3fffffff, true }, { 1500000000, 0x400000, 20000, false },
		{ 1500000000, 300, 0x40000000, false }, { 0x80000000, 300, 20000, false }, { 1500000000, 0, 20000, false }, { 0, 1, 0, true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bot b;
		struct gs_bot_seed job;
		bot_seed(&b, cases[i].x, cases[i].y, cases[i].z, false);
		for (int k = 0; k < 500; k++)
			bot_draw(&b);
		const struct gs_bot_state s = state_of(&b);
		gs_bot_seed_start(&job, &s, 0, 100000);
		assert_int_equal(gs_bot_seed_run(&job, UINT64_MAX) == GS_BOT_SEED_FOUND, cases[i].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds_are_found),
		cmocka_unit_test(not_finding_is_an_answer),
		cmocka_unit_test(the_start_limits_the_search),
		cmocka_unit_test(implausible_seeds_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
