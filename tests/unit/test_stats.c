/*
 * test_stats.c - the statistics against R 4.2.2 and scipy 1.10.1: the command that gave a value stands beside it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "query/stats.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* Relative where the value is large, absolute where it is small. */
static void near_to(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want))))
		fail_msg("%.17g, expected %.17g", got, want);
}

/* R: pbinom(k - 1, n, p, lower.tail = FALSE, log.p = TRUE). An error of 1e-10 in the logarithm is one of 1e-10 of the probability. */
static void binomial_tail(void **state)
{
	static const struct {
		uint64_t k, n;
		double p, log_tail;
	} cases[] = {
		{ 1, 1, 0.004, -5.521460917862246 },
		{ 1, 188, 8.5e-8, -11.044180565115843 },
		{ 3, 188, 1e-7, -34.452763043699413 },
		{ 18, 24, 0.0036, -89.493250469623149 },
		{ 24, 24, 0.0036, -135.04371440448176 },
		{ 132, 188, 0.00365, -629.37787097886178 }, /* 4.6e-274 */
		{ 100, 100, 0.001, -690.77552789821368 },   /* 1e-300 */
		{ 500, 1000, 0.5, -0.66823506213263661 },
		{ 1000, 1000, 0.5, -693.14718055994524 },
		{ 600000, 1000000, 0.5, -20141.528094297159 },
		{ 2, 1000000000, 1e-9, -1.3308932682040564 },
		{ 100, 1000000000, 1e-9, -364.72943105620965 },
		{ 4100000, 1000000000, 0.004, -1249.5528358810157 },
		{ 4000000, 1000000000, 0.004, -0.69301340899522212 },
	};
	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		near_to(stats_binomial_tail_log(cases[i].k, cases[i].n, cases[i].p), cases[i].log_tail, cases[i].n > 1000000 ? 1e-9 : 1e-12);
	near_to(stats_binomial_tail_log(3990000, 1000000000, 0.004) / -2.6894537994006761e-07, 1, 1e-6);
}

static void binomial_ends(void **state)
{
	(void)state;
	assert_true(stats_binomial_tail_log(0, 0, 0.5) == 0);
	assert_true(stats_binomial_tail_log(0, 10, 0) == 0);
	assert_true(stats_binomial_tail_log(1, 0, 0.5) == -INFINITY);
	assert_true(stats_binomial_tail_log(1, 10, 0) == -INFINITY);
	assert_true(stats_binomial_tail_log(11, 10, 0.5) == -INFINITY);
	assert_true(stats_binomial_tail_log(10, 10, 1) == 0);
	for (uint64_t n = 1; n <= 40; n++) { /* every tail is the next one and one point more, added up in the open */
		const double p = 0.37;
		double tail = 0, choose = 1;
		for (uint64_t k = n;; k--) {
			tail += choose * pow(p, (double)k) * pow(1 - p, (double)(n - k));
			near_to(stats_binomial_tail_log(k, n, p), log(tail), 1e-12);
			if (k == 0)
				break;
			choose = choose * (double)k / (double)(n - k + 1);
		}
	}
}

/* R: p.adjust(p, "holm", n = family) */
static void holm(void **state)
{
	static const double p1[] = { 1e-300, 1e-10, 2e-10, 0.001, 0.012, 0.2 }, want1[] = { 1e-297, 9.99e-8, 1.996e-7, 0.997, 1, 1 };
	static const double p2[] = { 0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205 };
	static const double want2[] = { 0.008, 0.056, 0.234, 0.234, 0.234, 0.234, 0.234, 0.234 };
	double log_p[8];

	(void)state;
	for (size_t i = 0; i < N(p1); i++)
		log_p[i] = log(p1[i]);
	stats_holm_log(log_p, N(p1), 1000);
	for (size_t i = 0; i < N(p1); i++)
		near_to(log_p[i], log(want1[i]), 1e-12);
	for (size_t i = 0; i < N(p2); i++)
		log_p[i] = log(p2[i]);
	stats_holm_log(log_p, N(p2), N(p2));
	for (size_t i = 0; i < N(p2); i++)
		near_to(exp(log_p[i]), want2[i], 1e-12);
	log_p[0] = -INFINITY;
	log_p[1] = -800;
	stats_holm_log(log_p, 2, 80000);
	assert_true(log_p[0] == -INFINITY);
	near_to(log_p[1], -800 + log(79999), 1e-12);
}

static const double weeks32[] = { 3, 0, 2, 4, 1, 1, 5, 2, 6, 3, 4, 4, 7, 2, 5, 8, 6, 6, 3, 9, 7, 5, 8, 8, 10, 4, 9, 7, 11, 8, 6, 12 };

/* scipy: stats.theilslopes(y)[0] */
static void theil_sen(void **state)
{
	static const struct {
		double y[8];
		size_t n;
		double slope;
	} cases[] = {
		{ { 1, 2, 4, 3, 7 }, 5, 1.5 },
		{ { 3, 0, 2, 4, 1, 1, 5, 2 }, 8, 0.29166666666666663 },
		{ { 0, 0, 1, 0, 2, 1, 3, 2 }, 8, 0.5 },
		{ { 0, 0, 0, 0, 5, 0, 0 }, 7, 0 },
		{ { -3, -3.5, -2, 0, 1e6 }, 5, 1.875 },
		{ { 7 }, 1, 0 },
		{ { 7, 4 }, 2, -3 },
	};
	double scratch[32 * 31 / 2];

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		near_to(stats_theil_sen(cases[i].y, cases[i].n, scratch), cases[i].slope, 1e-15);
	near_to(stats_theil_sen(weeks32, 32, scratch), 0.27525252525252525, 1e-15);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Against all slopes sorted, for random series with many ties and few. */
static void theil_sen_sorted(void **state)
{
	double y[40], all[40 * 39 / 2], scratch[40 * 39 / 2];

	(void)state;
	srand(47);
	for (unsigned round = 0; round < 3000; round++) {
		const size_t n = 2 + (size_t)rand() % 39, range = 1 + (size_t)rand() % (round % 2 ? 3 : 1000), m = stats_pairs(n);
		size_t at = 0;
		for (size_t i = 0; i < n; i++)
			y[i] = (double)((size_t)rand() % (range + 1));
		for (size_t i = 0; i < n; i++)
			for (size_t j = i + 1; j < n; j++)
				all[at++] = (y[j] - y[i]) / (double)(j - i);
		qsort(all, m, sizeof *all, compare);
		near_to(stats_theil_sen(y, n, scratch), (all[(m - 1) / 2] + all[m / 2]) / 2, 1e-15);
	}
}

static void trend_is(const double *y, size_t n, int64_t s, double p, int exact)
{
	const struct stats_trend t = stats_mann_kendall(y, n);

	assert_int_equal(t.s, s);
	near_to(t.p / p, 1, 1e-10);
	assert_int_equal(t.exact, exact);
}

static void mann_kendall(void **state)
{
	/* R: cor.test(seq_along(y), y, method = "kendall", exact = TRUE)$p.value */
	static const double a[] = { 3, 1, 4, 6, 5, 9, 2, 8 };
	/* scipy: stats.kendalltau(range(26), y, method="exact")[1]; R gives 9.8e-14, a difference from 1 */
	static const double b[] = { 12, 15, 11, 18, 21, 17, 25, 23, 30, 28, 31, 27, 35, 40, 33, 38, 45, 41, 50, 48, 39, 52, 47, 55, 60, 58 };
	static const double c[] = { 2, 7, 1, 8, 28, 18, 4, 5, 9, 0, 45, 23, 53, 60, 3, 13, 35, 26 };
	/* ties: the share of itertools.permutations(y) with |S| as large */
	static const double d[] = { 0, 0, 1, 0, 2, 1, 3, 2 }, e[] = { 0, 0, 0, 0, 0, 1, 1, 2, 5 }, f[] = { 5, 5, 4, 4, 3, 3, 3, 1 };
	static const double same[] = { 4, 4, 4, 4 };
	double falls[N(a)];

	(void)state;
	trend_is(a, N(a), 12, 0.17886904761904754, 1);
	trend_is(b, N(b), 279, 9.72056644285737e-14, 1);
	trend_is(c, N(c), 55, 0.039464592307021817, 1);
	trend_is(d, N(d), 17, 0.03333333333333333, 1);
	trend_is(e, N(e), 25, 0.0013227513227513227, 1);
	trend_is(f, N(f), -23, 0.0011904761904761906, 1);
	for (size_t i = 0; i < N(a); i++)
		falls[i] = a[N(a) - 1 - i];
	trend_is(falls, N(a), -12, 0.17886904761904754, 1);
	trend_is(same, N(same), 0, 1, 1);
	assert_true(stats_mann_kendall(same, 1).p == 1 && stats_mann_kendall(same, 0).p == 1);
	/* above the exact ones: 2 * scipy.stats.norm.sf((288 - 1) / math.sqrt(3760)), 3760 by the formula with ties */
	trend_is(weeks32, 32, 288, 2.862404391364619e-06, 0);
}

static void pettitt(void **state)
{
	/* 2 * sum(scipy.stats.rankdata(y)[:t]) - t * (n + 1), the largest over t, then 2 * exp(-6 * K**2 / (n**3 + n**2)) */
	static const double a[] = { 1, 2, 1, 3, 2, 1, 2, 8, 9, 7, 8, 10, 9, 8 }, b[] = { 1, 1, 1, 1 }, c[] = { 0, 0, 5, 0, 0, 0, 1, 0 };
	struct stats_change r = stats_pettitt(a, N(a));

	(void)state;
	assert_int_equal(r.at, 7);
	near_to(r.p, 0.014893166141848676, 1e-14);
	r = stats_pettitt(b, N(b));
	assert_int_equal(r.at, 0);
	assert_true(r.p == 1);
	r = stats_pettitt(c, N(c));
	assert_int_equal(r.at, 2);
	assert_true(r.p == 1);
	assert_true(stats_pettitt(a, 0).p == 1 && stats_pettitt(a, 1).at == 0);
}

static void herfindahl(void **state)
{
	static const uint64_t a[] = { 50, 30, 10, 10 }, huge[] = { UINT64_MAX, UINT64_MAX }, none[] = { 0, 0 };

	(void)state;
	near_to(stats_herfindahl(a, N(a)), 0.36, 1e-15); /* .25 + .09 + .01 + .01 */
	near_to(stats_herfindahl(huge, N(huge)), 0.5, 1e-15);
	assert_true(stats_herfindahl(none, N(none)) == 0 && stats_herfindahl(a, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binomial_tail), cmocka_unit_test(binomial_ends), cmocka_unit_test(holm),    cmocka_unit_test(theil_sen),
		cmocka_unit_test(theil_sen_sorted), cmocka_unit_test(mann_kendall), cmocka_unit_test(pettitt), cmocka_unit_test(herfindahl),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
