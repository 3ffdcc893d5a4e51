/*
 * stats.h - the statistics behind `trend`: pure functions of numbers, each with its source
 *
 * Nothing here knows of packets. No allocation but what the caller lends; results are finite for every input that the comments allow.
 */
#ifndef GS_QUERY_STATS_H
#define GS_QUERY_STATS_H

#include <stddef.h>
#include <stdint.h>

/*
 * ln P(X >= k) for X binomial(n, p). Relative error of the probability below 1e-9 for n up to 10^9 and down to far below 1e-300 (the logarithm does not
 * underflow). 0 for k = 0; -INFINITY for what cannot be (k > n; p = 0 with k > 0). p within [0, 1].
 * Source: C. Loader, "Fast and Accurate Computation of Binomial Probabilities" (2000), for the first term; the tail is summed from it.
 */
double stats_binomial_tail_log(uint64_t k, uint64_t n, double p);

/*
 * Holm's correction, in place: ln p, ascending, of the n smallest of `family` hypotheses (the rest have p = 1) become the logarithms of adjusted
 * p-values, at most 0. Holds the chance of even one false name at the level, however the hypotheses hang together; never weaker than Bonferroni's.
 * Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6 (1979).
 */
void stats_holm_log(double *log_p, size_t n, uint64_t family);

#define STATS_SERIES_MAX 2048

/* The pairs of a series of n: what stats_theil_sen wants lent. */
static inline size_t stats_pairs(size_t n)
{
	return n < 2 ? 0 : n * (n - 1) / 2;
}

/*
 * The median of the slopes between all pairs of y[0], ..., y[n - 1], which stand at equal distances: change per step. Ties are slopes of zero.
 * scratch: room for stats_pairs(n) doubles. 0 for n < 2. n at most
 * STATS_SERIES_MAX.
 * Sources: H. Theil, "A rank-invariant method of linear and polynomial regression analysis" (1950); P. K. Sen, "Estimates of the Regression
 * Coefficient Based on Kendall's Tau", JASA 63 (1968).
 */
double stats_theil_sen(const double *y, size_t n, double *scratch);

struct stats_trend {
	int64_t s;   /* pairs that rise less pairs that fall */
	double p;    /* two-sided; 1 where nothing can be said (n < 3, or all the same) */
	int exact;   /* p is exact, not by the normal approximation */
};

#define STATS_EXACT_MAX 30 /* series up to here have an exact p-value, ties included */

/*
 * Mann-Kendall: whether the series rises or falls, with no model of how. Independent values are assumed. Up to STATS_EXACT_MAX values p counts the
 * arrangements: S follows the inversions of a multiset, whose generating function is a product of Gaussian binomials; above that normal, with
 * the variance corrected for ties and S for continuity. n at most STATS_SERIES_MAX.
 * Sources: H. B. Mann, "Nonparametric Tests Against Trend", Econometrica 13 (1945); M. G. Kendall, "Rank Correlation Methods" (1975).
 */
struct stats_trend stats_mann_kendall(const double *y, size_t n);

struct stats_change {
	size_t at;   /* the first value after the change; 0: none */
	double p;    /* two-sided, approximate; 1 where nothing can be said */
};

/*
 * Where the series changes its level, if it does once: the split that separates the ranks most. p is the usual approximation, cautious for short series.
 * Source: A. N. Pettitt, "A Non-Parametric Approach to the Change-Point Problem", Applied Statistics 28 (1979).
 */
struct stats_change stats_pettitt(const double *y, size_t n);

/*
 * The Herfindahl-Hirschman index of n amounts: the sum of their squared shares, from 1/n to 1; its inverse is how many equal ones would be as
 * concentrated. 0 where there is nothing. This rather than Gini's coefficient, which grows with every network that sent one packet.
 * Source: A. O. Hirschman, "The Paternity of an Index", American Economic Review 54 (1964).
 */
double stats_herfindahl(const uint64_t *amounts, size_t n);

#endif
