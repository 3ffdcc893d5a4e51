/*
 * fast.h - an engine's capture where the kernel counts: source/xdp.h and observe/counted.h put together
 *
 * Opened before rights are given up. Afterwards it reads the program's tables, for which the kernel (5.19 on) wants no right where the descriptor is held; of the
 * system call `bpf` the sandbox leaves just these two readings.
 *
 * Program and tables can outlive the engine (held.h). Then the next one takes them over, and the kernel counts all the while.
 */
#ifndef SENSOR_FAST_H
#define SENSOR_FAST_H

#include "config.h"
#include "pipeline/corridor.h"
#include "sensor/handed.h"

struct fast;

struct fast_options {
	const struct sensor_config *config;
	const char *interface;
	size_t memory_bytes;          /* for what is remembered of samples */
	uint64_t hash_seed;
	struct gs_sighting_sink sink; /* of what was counted */
	void (*sampled)(void *arg, const struct gs_frame *f); /* each header that came as a sample, lent; counted it is elsewhere */
	void *sampled_arg;
};

/* Errors as gs_xdp_open, and GS_ERR_CONFIG: the configuration asks for what only the ring can do. */
int fast_open(const struct fast_options *o, struct fast **ret, struct gs_error *err);

/* What the engine before left. On success the descriptors are its, else they stay the caller's. Errors as gs_xdp_adopt: open anew, once nobody holds them. */
int fast_adopt(const struct fast_options *o, const int part[HELD_PARTS], struct fast **ret, struct gs_error *err);

/* For the engine after this one. Lent. */
void fast_parts(const struct fast *f, int ret_part[HELD_PARTS]);
struct handed *fast_handed(const struct fast *f);
bool fast_adopted(const struct fast *f);

int fast_fd(const struct fast *f); /* to poll */
void fast_info(const struct fast *f, char *text, size_t size); /* how the program hangs there, in a sentence */

/* What is there, at most so many batches: whole frames go through the corridor, samples are remembered. *ret_more: something was left. */
int fast_frames(struct fast *f, struct gs_corridor *c, unsigned batches, bool *ret_more, struct gs_error *err);

/* The counts since the last time, as sightings to the sink. before: what the engine before handed over; the same each time. */
int fast_counts(struct fast *f, const struct handed_sum *before, struct gs_error *err);

/* The index of the interface it hangs on; 0: on none any more. */
int fast_ifindex(const struct fast *f);

/* Frames that may have been GRE, and that nobody read; of this engine's, as far as the counts were read once. */
uint64_t fast_lost(struct fast *f);

/* Takes the program down, where nobody else holds it; what it counted and passed on by then is still to be read. */
void fast_stop(struct fast *f);

#endif
