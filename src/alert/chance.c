/*
 * chance.c - how unlikely a count is, given how little is known of what is usual
 *
 * A network that sent s packets in h hours sends at a rate that is only roughly s / h. With the rate gamma distributed (shape s + 1/2, Jeffreys' prior) the
 * packets of the next hour are negative binomial, and P(X >= k) is a regularised incomplete beta function: I_q(k, shape), q = 1 / (1 + h). Sources: H. Jeffreys, "An Invariant Form for the
 * Prior Probability in Estimation Problems" (1946); the continued fraction and when it converges: DLMF 8.17.22 (dlmf.nist.gov), evaluated as W. J. Lentz does.
 */
#include "alert/private.h"

#include <math.h>

/* The continued fraction of I_x(a, b) / (x^a (1 - x)^b / (a B(a, b))). */
static double fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m <= 500; m++) {
		const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		const double terms[2] = { even, odd };
		double step = 1;
		for (unsigned i = 0; i < 2; i++) {
			d = 1 + terms[i] * d;
			c = 1 + terms[i] / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			step = c * d;
			f *= step;
		}
		if (fabs(step - 1) < 1e-12)
			break;
	}
	return f;
}

static double beta_ln(double a, double b, double x)
{
	const double front = a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b);

	if (x < (a + 1) / (a + b + 2))
		return front - log(a) + log(fraction(a, b, x));
	const double rest = exp(front - log(b)) * fraction(b, a, 1 - x);
	return rest >= 1 ? -745 : log1p(-rest);
}

double chance_log10(double k, double shape, double hours)
{
	if (!(k > 0))
		return 0;
	return beta_ln(k, shape, 1 / (1 + hours)) / M_LN10;
}

double chance_idle_ln(double n, double busy, double total)
{
	const double a = busy + 0.5, b = total - busy + 0.5;
	return lgamma(b + n) - lgamma(b) + lgamma(a + b) - lgamma(a + b + n);
}
