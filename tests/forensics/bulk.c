/*
 * bulk.c - error rates of the forensics, measured: the figures of docs/forensics.md
 *
 *	bulk [full] [true|evidence|false|shared|pairs|counting|caps]...     all parts where none is named; small sizes, "full" the real ones
 *
 * Prints a line for each measurement. Result 0: everything as it must be, 1: not.
 */
#include "bulk.h"

#include <time.h>

double bulk_cpu(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(struct bulk *); } parts[] = {
		{ "true", bulk_true_positives }, { "evidence", bulk_evidence }, { "false", bulk_false_positives }, { "shared", bulk_shared },
		{ "pairs", bulk_pairs }, { "counting", bulk_counting }, { "caps", bulk_caps },
	};
	struct bulk b = { .root = SOURCE_ROOT };
	bool named = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		b.full |= strcmp(argv[i], "full") == 0;
		named |= strcmp(argv[i], "full") != 0;
	}
	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
		bool wanted = !named;
		for (int i = 1; i < argc; i++)
			wanted |= strcmp(argv[i], parts[k].name) == 0;
		if (!wanted)
			continue;
		const double start = bulk_cpu();
		printf("== %s\n", parts[k].name);
		parts[k].run(&b);
		printf("   %.1f CPU s\n", bulk_cpu() - start);
	}
	printf("%u wrong\n", b.wrong);
	return b.wrong > 0;
}
