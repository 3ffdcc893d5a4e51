#include "query/stats.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* -- binomial ------------------------------------------------------------------------------------------------------------------------ */

/* ln n! less Stirling's formula. The series is right to the last digit from 16 on. */
static double stirling_error(double n)
{
	if (n < 16)
		return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(2 * M_PI);
	const double nn = n * n;
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / nn) / nn) / nn) / nn) / n;
}

/* x ln(x / m) + m - x, without the loss of digits that has when x is near m. */
static double deviance(double x, double m)
{
	const double d = x - m, v = d / (x + m);

	if (fabs(v) > 0.1)
		return x * log(x / m) + m - x;
	double sum = d * v, term = 2 * x * v;
	for (unsigned j = 1; j < 1000; j++) { /* ln(x / m) as the series of the inverse hyperbolic tangent */
		term *= v * v;
		const double next = sum + term / (2 * j + 1);
		if (next == sum)
			break;
		sum = next;
	}
	return sum;
}

/* ln P(X = k), 0 < p < 1 */
static double binomial_point_log(uint64_t k, uint64_t n, double p)
{
	const double x = (double)k, m = (double)n, y = (double)(n - k);

	if (k == 0)
		return m * log1p(-p);
	if (k == n)
		return m * log(p);
	return stirling_error(m) - stirling_error(x) - stirling_error(y) - deviance(x, m * p) - deviance(y, m * (1 - p)) +
	       0.5 * (log(m) - log(2 * M_PI) - log(x) - log(y));
}

double stats_binomial_tail_log(uint64_t k, uint64_t n, double p)
{
	if (k == 0)
		return 0;
	if (k > n || !(p > 0))
		return -INFINITY;
	if (p >= 1)
		return 0;
	const double odds = p / (1 - p);
	double sum = 1, term = 1;
	if ((double)k > (double)n * p) { /* upwards from k: the terms fall from the first on */
		for (uint64_t i = k; i < n && term > sum * 1e-17; i++)
			sum += term *= (double)(n - i) / (double)(i + 1) * odds;
		const double r = binomial_point_log(k, n, p) + log(sum);
		return r < 0 ? r : 0;
	}
	for (uint64_t i = k - 1; i > 0 && term > sum * 1e-17; i--) /* downwards from k - 1, then the rest of 1 */
		sum += term *= (double)i / (double)(n - i + 1) / odds;
	const double below = exp(binomial_point_log(k - 1, n, p)) * sum;
	return below < 1 ? log1p(-below) : -INFINITY;
}

void stats_holm_log(double *log_p, size_t n, uint64_t family)
{
	double least = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		const uint64_t left = family > i ? family - i : 1;
		const double adjusted = log_p[i] + log((double)left);
		least = adjusted > least ? adjusted : least; /* an adjusted value is never below that of a smaller p */
		log_p[i] = least < 0 ? least : 0;
	}
}

/* -- slope --------------------------------------------------------------------------------------------------------------------------- */

static void swap(double *a, double *b)
{
	const double t = *a;
	*a = *b;
	*b = t;
}

/* The k-th smallest, counted from 0; afterwards nothing before place k is larger than it. In three parts, since most slopes are ties. */
static double select_kth(double *v, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;

	while (lo < hi) {
		const double a = v[lo], b = v[lo + (hi - lo) / 2], c = v[hi];
		const double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
		size_t below = lo, above = hi, i = lo;
		while (i <= above) {
			if (v[i] < pivot)
				swap(&v[below++], &v[i++]);
			else if (v[i] > pivot)
				swap(&v[above--], &v[i]);
			else
				i++;
		}
		if (k < below)
			hi = below - 1;
		else if (k > above)
			lo = above + 1;
		else
			break;
	}
	return v[k];
}

/* Sorts v and returns how many pairs stood in falling order; equal ones count neither way. As many as nothing but a merge sort sees. */
static uint64_t sort_falls(double *v, double *spare, size_t n)
{
	if (n < 2)
		return 0;
	const size_t half = n / 2;
	uint64_t falls = sort_falls(v, spare, half) + sort_falls(v + half, spare, n - half);
	size_t i = 0, j = half, at = 0;

	memcpy(spare, v, n * sizeof *v);
	while (i < half || j < n)
		if (j == n || (i < half && spare[i] <= spare[j])) {
			v[at++] = spare[i++];
		} else {
			falls += half - i;
			v[at++] = spare[j++];
		}
	return falls;
}

struct ranks {
	uint64_t rises, falls;           /* pairs */
	uint16_t sizes[STATS_SERIES_MAX]; /* of the groups of equal values, in order of the values */
	size_t groups;
};

/* n log n: there are a hundred thousand networks, and of most of them this is all that is needed. */
static void rank(const double *y, size_t n, struct ranks *r)
{
	double sorted[STATS_SERIES_MAX], spare[STATS_SERIES_MAX];

	memcpy(sorted, y, n * sizeof *y);
	r->falls = sort_falls(sorted, spare, n);
	r->rises = stats_pairs(n) - r->falls;
	r->groups = 0;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || sorted[i] > sorted[i - 1])
			r->sizes[r->groups++] = 0;
		r->rises -= r->sizes[r->groups - 1]++; /* pairs of equals */
	}
}

double stats_theil_sen(const double *y, size_t n, double *scratch)
{
	const size_t pairs = stats_pairs(n);
	struct ranks r;
	size_t m = 0;

	if (pairs == 0 || n > STATS_SERIES_MAX)
		return 0;
	rank(y, n, &r);
	if (r.rises < pairs / 2 && r.falls < pairs / 2) /* the middle slopes are zero: so with nearly all networks, which sent in few weeks */
		return 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			scratch[m++] = (y[j] - y[i]) / (double)(j - i);
	const double upper = select_kth(scratch, pairs, pairs / 2);
	if (pairs % 2)
		return upper;
	double lower = scratch[0];
	for (size_t i = 1; i < pairs / 2; i++)
		lower = scratch[i] > lower ? scratch[i] : lower;
	return (lower + upper) / 2;
}

/* -- rank tests ---------------------------------------------------------------------------------------------------------------------- */

static int sign(double a, double b)
{
	return (b > a) - (b < a);
}

#define INVERSIONS_MAX (STATS_EXACT_MAX * (STATS_EXACT_MAX - 1) / 2)

/* The coefficients of the Gaussian binomial (m + t over t): in how many ways t equal values among m smaller ones make u inversions. */
static size_t gaussian_binomial(size_t m, size_t t, int64_t c[INVERSIONS_MAX + 1])
{
	const size_t degree = m * t;

	memset(c, 0, (degree + 1) * sizeof *c);
	c[0] = 1;
	for (size_t i = 1; i <= t; i++) {
		for (size_t u = degree; u >= m + i; u--) /* times 1 - q^(m + i) */
			c[u] -= c[u - (m + i)];
		for (size_t u = i; u <= degree; u++)     /* by 1 - q^i; without a rest, after each i */
			c[u] += c[u - i];
	}
	return degree;
}

/* P(|S| >= |s|) over all arrangements of these groups. */
static double exact_p(const uint16_t *sizes, size_t groups, int64_t s)
{
	double f[INVERSIONS_MAX + 1] = { 1 }, next[INVERSIONS_MAX + 1];
	int64_t c[INVERSIONS_MAX + 1];
	size_t m = sizes[0], degree = 0;

	for (size_t g = 1; g < groups; m += sizes[g++]) {
		const size_t d = gaussian_binomial(m, sizes[g], c);
		double ways = 0;
		for (size_t u = 0; u <= d; u++)
			ways += (double)c[u];
		memset(next, 0, (degree + d + 1) * sizeof *next);
		for (size_t u = 0; u <= d; u++)
			for (size_t v = 0; v <= degree; v++)
				next[u + v] += (double)c[u] / ways * f[v];
		degree += d;
		memcpy(f, next, (degree + 1) * sizeof *f);
	}
	const size_t extreme = (degree - (size_t)(s < 0 ? -s : s)) / 2; /* S = degree - 2 inversions */
	double p = 0;
	for (size_t u = 0; u <= extreme; u++)
		p += 2 * f[u];
	return p < 1 ? p : 1;
}

static double normal_p(const uint16_t *sizes, size_t groups, size_t n, int64_t s)
{
	const double m = (double)n;
	double v = m * (m - 1) * (2 * m + 5);

	for (size_t g = 0; g < groups; g++) {
		const double t = sizes[g];
		v -= t * (t - 1) * (2 * t + 5);
	}
	const double distance = fabs((double)s) - 1;
	return distance > 0 && v > 0 ? erfc(distance / sqrt(v / 18) / M_SQRT2) : 1;
}

struct stats_trend stats_mann_kendall(const double *y, size_t n)
{
	struct stats_trend r = { .p = 1 };
	struct ranks k;

	if (n < 2 || n > STATS_SERIES_MAX)
		return r;
	rank(y, n, &k);
	r.s = (int64_t)k.rises - (int64_t)k.falls;
	r.exact = n <= STATS_EXACT_MAX;
	r.p = r.exact ? exact_p(k.sizes, k.groups, r.s) : normal_p(k.sizes, k.groups, n, r.s);
	return r;
}

struct stats_change stats_pettitt(const double *y, size_t n)
{
	struct stats_change r = { .p = 1 };
	int64_t u = 0, most = 0;

	for (size_t t = 0; t + 1 < n; t++) {
		for (size_t j = 0; j < n; j++)
			u += sign(y[j], y[t]);
		const int64_t distance = u < 0 ? -u : u;
		if (distance > most) {
			most = distance;
			r.at = t + 1;
		}
	}
	if (most) {
		const double m = (double)n, k = (double)most, p = 2 * exp(-6 * k * k / (m * m * m + m * m));
		r.p = p < 1 ? p : 1;
	}
	return r;
}

/* -- concentration ------------------------------------------------------------------------------------------------------------------- */

double stats_herfindahl(const uint64_t *amounts, size_t n)
{
	double all = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		all += (double)amounts[i];
	for (size_t i = 0; i < n && all > 0; i++)
		sum += (double)amounts[i] / all * ((double)amounts[i] / all);
	return sum;
}
