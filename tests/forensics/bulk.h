/* bulk.h - what the parts of bulk.c share */
#ifndef TESTS_FORENSICS_BULK_H
#define TESTS_FORENSICS_BULK_H

#include "forensics/made.h"

struct bulk {
	bool full;         /* the sizes of docs/forensics.md; else those of the gate */
	unsigned wrong;
	const char *root;  /* of the source: ../shared lies beside it */
};

/* Counts and says what does not hold. */
#define BULK_HOLDS(b, x, ...)                                                                                                    \
	do {                                                                                                                     \
		if (!(x) && (b)->wrong++ < 200) {                                                                                \
			printf("WRONG: %s: ", #x);                                                                               \
			printf(__VA_ARGS__);                                                                                     \
			printf("\n");                                                                                            \
		}                                                                                                                \
	} while (0)

double bulk_cpu(void); /* CPU seconds so far */

void bulk_true_positives(struct bulk *b);
void bulk_evidence(struct bulk *b);
void bulk_false_positives(struct bulk *b);
void bulk_shared(struct bulk *b);
void bulk_pairs(struct bulk *b);
void bulk_counting(struct bulk *b);
void bulk_caps(struct bulk *b);

#endif
