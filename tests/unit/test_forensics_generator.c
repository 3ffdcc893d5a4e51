/* test_forensics_generator.c - the generator forwards and backwards, its field, jumps and positions */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "forensics/gf128.h"
#include "forensics/position.h"
#include "forensics/xorshift128.h"
#include "grescope/bots.h"

/* splitmix64: the tests' own source of numbers, unrelated to the generator under test */
static uint64_t number(uint64_t *at)
{
	uint64_t z = *at += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct gs_bot_state any_state(uint64_t *at)
{
	const uint64_t a = number(at), b = number(at);
	return (struct gs_bot_state){ { (uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32) | 1 } };
}

static void assert_same(struct gs_bot_state a, struct gs_bot_state b)
{
	assert_memory_equal(&a, &b, sizeof a);
}

static void words_follow_the_published_example(void **arg)
{
	(void)arg;
	/* the paper's default seed and code: x=123456789, y=362436069, z=521288629, w=88675123 */
	struct gs_bot_state s = { { 123456789, 362436069, 521288629, 88675123 } };
	assert_int_equal(xorshift_forward(&s), 3701687786u);
	assert_int_equal(xorshift_forward(&s), 458299110u);
	assert_int_equal(xorshift_forward(&s), 2500872618u);
}

static void back_undoes_forward(void **arg)
{
	(void)arg;
	uint64_t at = 1;
	for (int i = 0; i < 1000; i++) {
		const struct gs_bot_state s = any_state(&at);
		assert_same(gs_bot_state_step(gs_bot_state_step(s, 37), -37), s);
		assert_int_equal(xorshift_unmix(xorshift_mix(s.w[0])), s.w[0]);
	}
}

static struct gf128 power_u128(struct gf128 a, gs_u128 e)
{
	return gf128_mul(gf128_square_n(gf128_pow(a, (uint64_t)(e >> 64)), 64), gf128_pow(a, (uint64_t)e));
}

static void minimal_polynomial_is_primitive(void **arg)
{
	(void)arg;
	static const uint64_t primes[] = { 3, 5, 17, 257, 641, 65537, 274177, 6700417, UINT64_C(67280421310721) };
	const gs_u128 n = ~(gs_u128)0;
	gs_u128 product = 1;

	for (size_t i = 0; i < sizeof primes / sizeof *primes; i++) {
		product *= primes[i];
		assert_false(gf128_equal(power_u128(GF128_X, n / primes[i]), GF128_ONE));
	}
	assert_true(product == n);
	assert_true(gf128_equal(power_u128(GF128_X, n), GF128_ONE));
	assert_true(POSITIONS == n / primes[8]);

	/* P(step) takes every state to zero: the sum of the states where P has a term */
	uint64_t at = 2;
	struct gs_bot_state s = any_state(&at), sum = { { 0 } };
	for (unsigned i = 0; i <= 128; i++) {
		if (i == 128 || (i < 64 ? GF128_P.lo >> i : GF128_P.hi >> (i - 64)) & 1)
			for (unsigned k = 0; k < 4; k++)
				sum.w[k] ^= s.w[k];
		xorshift_forward(&s);
	}
	assert_true(state_is_zero(&sum));
}

static void products_agree(void **arg)
{
	(void)arg;
	uint64_t at = 3;
	for (int i = 0; i < 20000; i++) {
		struct gf128 a = { number(&at), number(&at) }, b = { number(&at), number(&at) }, c = { number(&at), number(&at) };
		if (i < 128)
			a = i < 64 ? (struct gf128){ UINT64_C(1) << i, 0 } : (struct gf128){ 0, UINT64_C(1) << (i - 64) };
		const struct gf128 ab = gf128_mul(a, b);
		assert_true(gf128_equal(ab, gf128_mul_portable(a, b)));
		assert_true(gf128_equal(ab, gf128_mul(b, a)));
		assert_true(gf128_equal(gf128_mul(ab, c), gf128_mul(a, gf128_mul(b, c))));
		assert_true(gf128_equal(gf128_mul(a, gf128_add(b, c)), gf128_add(ab, gf128_mul(a, c))));
		assert_true(gf128_equal(gf128_square_n(a, 1), gf128_mul(a, a)));
	}
}

static void a_draw_is_a_multiplication(void **arg)
{
	(void)arg;
	struct gf128_map m;
	gf128_map_init(&m);
	uint64_t at = 4;
	for (int i = 0; i < 2000; i++) {
		struct gs_bot_state s = any_state(&at);
		const struct gf128 e = gf128_of_state(&m, &s);
		assert_same(gf128_to_state(&m, e), s);
		xorshift_forward(&s);
		assert_true(gf128_equal(gf128_of_state(&m, &s), gf128_mul(e, GF128_X)));
	}
}

static void jumps_land_where_steps_do(void **arg)
{
	(void)arg;
	struct gs_bot_tables *t = NULL;
	assert_int_equal(gs_bot_tables_new(&t, NULL), 0);
	uint64_t at = 5;
	const struct gs_bot_state s = any_state(&at);
	for (int64_t d = -300; d <= 300; d += 13)
		assert_same(gs_bot_state_jump(t, s, d), gs_bot_state_step(s, d));
	assert_same(gs_bot_state_jump(t, s, 1000003), gs_bot_state_step(s, 1000003));
	for (int i = 0; i < 200; i++) {
		const int64_t a = (int64_t)(number(&at) >> 2), b = -(int64_t)(number(&at) >> 2);
		assert_same(gs_bot_state_jump(t, gs_bot_state_jump(t, s, a), b), gs_bot_state_jump(t, s, a + b));
	}
	gs_bot_tables_free(t);
}

static void distances_are_right(void **arg)
{
	(void)arg;
	struct gs_bot_tables *t = NULL;
	assert_int_equal(gs_bot_tables_new(&t, NULL), 0);
	const struct gs_bot_state origin = { { 1, 0, 0, 0 } };
	struct gs_bot_position p = gs_bot_position(t, &origin);
	assert_true(p.hi == 0 && p.lo == 0);

	uint64_t at = 6;
	for (int i = 0; i < 2000; i++) {
		const struct gs_bot_state s = any_state(&at);
		const int64_t d = (int64_t)(number(&at) >> (2 + i % 60)) * (i & 1 ? 1 : -1);
		const struct gs_bot_state to = gs_bot_state_jump(t, s, d);
		int64_t found = 0;
		assert_true(gs_bot_distance(gs_bot_position(t, &s), gs_bot_position(t, &to), &found));
		assert_int_equal(found, d);
	}
	/* unrelated states are far apart */
	int near_ = 0;
	for (int i = 0; i < 200; i++) {
		const struct gs_bot_state a = any_state(&at), b = any_state(&at);
		int64_t d = 0;
		near_ += gs_bot_distance(gs_bot_position(t, &a), gs_bot_position(t, &b), &d) && llabs(d) < INT64_C(1) << 45;
	}
	assert_int_equal(near_, 0);
	/* around the end of the numbering, and at the limit of a distance */
	int64_t d = 7;
	assert_true(gs_bot_distance((struct gs_bot_position){ 0x42f00, UINT64_C(0xfffffffffffbd0fe) }, (struct gs_bot_position){ 0, 0 }, &d));
	assert_int_equal(d, 1);
	assert_true(gs_bot_distance((struct gs_bot_position){ 0, 5 }, (struct gs_bot_position){ 0x42f00, UINT64_C(0xfffffffffffbd0fe) }, &d));
	assert_int_equal(d, -6);
	assert_false(gs_bot_distance((struct gs_bot_position){ 0, 0 }, (struct gs_bot_position){ 0, UINT64_C(1) << 62 }, &d));
	assert_int_equal(d, -6);
	gs_bot_tables_free(t);
}

/* bench and bulk walk all elements; here every 101st */
static void logarithms_in_each_group_are_right(void **arg)
{
	(void)arg;
	struct gs_bot_tables *t = NULL;
	assert_int_equal(gs_bot_tables_new(&t, NULL), 0);
	for (unsigned g = 0; g < POSITION_GROUPS; g++) {
		const uint32_t order = t->group[g].order, step = order / 2000 + 1;
		const struct gf128 base = power_u128(GF128_X, ~(gs_u128)0 / order), jump = gf128_pow(base, step);
		struct gf128 e = GF128_ONE;
		for (uint32_t i = 0; i < order; i += step) {
			assert_int_equal(position_group_log(&t->group[g], e), i);
			e = gf128_mul(e, jump);
		}
	}
	gs_bot_tables_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_follow_the_published_example),
		cmocka_unit_test(back_undoes_forward),
		cmocka_unit_test(minimal_polynomial_is_primitive),
		cmocka_unit_test(products_agree),
		cmocka_unit_test(a_draw_is_a_multiplication),
		cmocka_unit_test(jumps_land_where_steps_do),
		cmocka_unit_test(distances_are_right),
		cmocka_unit_test(logarithms_in_each_group_are_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
