#include "base/hll.h"

#include <math.h>

void gs_hll_merge(struct gs_hll *to, const struct gs_hll *from)
{
	for (unsigned i = 0; i < GS_HLL_REGISTERS; i++)
		if (from->reg[i] > to->reg[i])
			to->reg[i] = from->reg[i];
}

uint64_t gs_hll_count(const struct gs_hll *h)
{
	const double m = GS_HLL_REGISTERS;
	double sum = 0;
	unsigned zeros = 0;

	for (unsigned i = 0; i < GS_HLL_REGISTERS; i++) {
		sum += ldexp(1.0, -h->reg[i]);
		zeros += h->reg[i] == 0;
	}
	double e = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
	if (e <= 2.5 * m && zeros)
		e = m * log(m / zeros);
	return (uint64_t)llround(e);
}
