/*
 * seeds.h - the search for the seeds of all processes that a watch knows, in a thread of its own
 *
 * All searches go to a depth together, then four times deeper: seeds lie near, most of them are found in the first rounds, and one process that has none does not use up the
 * budget of the others. The tracker is touched only by gs_seeds_start and gs_seeds_end.
 */
#ifndef GS_SEEDS_H
#define GS_SEEDS_H

#include "observe/watch.h"

struct gs_seeds;

struct gs_seeds_result {
	uint64_t sought, found;
	uint64_t steps;      /* draws looked at */
	bool cut_short;      /* the budget, or the caller, ended it before every search came to its end */
};

/* budget: draws for all searches together, 2 to 3 ns each. At least one process must be known. To be ended with gs_seeds_end. */
int gs_seeds_start(struct gs_watch *w, uint64_t budget, struct gs_seeds **ret, struct gs_error *err);

/* A descriptor that becomes readable when the search is over, to wait for; the search's own. */
int gs_seeds_fd(const struct gs_seeds *s);

/* Ends the search, now if need be, tells the watch's tracker what was found, and frees it. ret may be NULL. */
void gs_seeds_end(struct gs_seeds *s, struct gs_seeds_result *ret);

#endif
