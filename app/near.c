/*
 * near.c - the word that was meant: the nearest by edit distance
 *
 * Insertions, deletions, changes and swapped neighbours count one each (optimal string alignment). Near enough is a third of the word, at least one.
 */
#include "config_keys.h"

#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	const unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

/* Both at most NEAR_MAX long. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned d[NEAR_MAX + 1][NEAR_MAX + 1];

	for (size_t i = 0; i <= na; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++)
		for (size_t j = 1; j <= nb; j++) {
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	return d[na][nb];
}

const char *near_word(const char *word, const char *const *words, unsigned n)
{
	const size_t len = strlen(word);
	const char *best = NULL;
	unsigned least = len / 3 > 1 ? (unsigned)(len / 3) + 1 : 2;

	if (len == 0 || len > NEAR_MAX)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		const size_t other = strlen(words[i]);
		if (other > NEAR_MAX)
			continue;
		const unsigned d = distance(word, len, words[i], other);
		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	return best;
}
