/*
 * retention.h - a store that runs for years in a room that is given: old rows go, their hourly sums stay
 *
 * The writer calls retention_tick once a second, just after a checkpoint (nothing is uncommitted then). A call does at most one step: one slice of rows in one commit. Most calls
 * only look at a clock.
 *
 * Rule for a full disk or quota: with a retention configured the oldest rows go, a step at a time, until there is room again. Without one nothing that was
 * acknowledged is ever removed: the writer says so, and tries again.
 */
#ifndef SENSOR_RETENTION_H
#define SENSOR_RETENTION_H

#include "store/store.h"

#define RETENTION_LOOK_S 10       /* how often the size is looked at */
#define RETENTION_AGE_S 1800      /* how often the age is, at the most */

struct retention {
	uint64_t age_s, max_bytes;    /* 0: no such limit. May be changed between calls */
	struct gs_time next_size, next_age;
	bool busy;                    /* more is to be done: the next call goes on */
	bool short_told;
	uint64_t sightings, packets;  /* rows gone since retention_init */
	uint64_t told;                /* of these, in a sentence already */
	struct gs_time told_at;
};

void retention_init(struct retention *r, uint64_t age_s, uint64_t max_bytes);

/* Whether retention_tick would look at more than the clock now: the caller commits first, only then. */
bool retention_due(const struct retention *r, struct gs_time now);

/*
 * One step. now: wall clock. Where there is something to tell a person, `said` (size octets) gets a sentence, else "". Result 0, or negative with a sentence: of the store; calling again later is
 * right.
 */
int retention_tick(struct retention *r, struct gs_store *st, struct gs_time now, char *said, size_t size, struct gs_error *err);

/* After an error of which gs_store_full: one step to make room. Result 0: rows went, try again. GS_ERR_LIMIT: nothing may go (no retention is configured) or nothing is
 * left; *err says so. */
int retention_full(struct retention *r, struct gs_store *st, struct gs_error *err);

#endif
