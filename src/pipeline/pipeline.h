/*
 * pipeline.h - the corridor put together: inputs -> decode -> classify -> observe -> a sink of sightings
 */
#ifndef GS_PIPELINE_H
#define GS_PIPELINE_H

#include "grescope/error.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "observe/watch.h"
#include "source/source.h"
#include "store/store.h"

/*
 * A gate decides frame by frame what goes through the corridor, so that what a store holds already is not counted again. With a gate every input
 * starts with a balance of zero and its windows are flushed at its end.
 */
struct gs_gate {
	/* An input was opened. 1: read it; 0: leave it out; negative: as gs_input_begin. */
	int (*begin)(void *arg, const char *path, struct gs_error *err);
	/* As gs_input_frames and gs_input_records. */
	int (*frames)(void *arg, const struct gs_frame *f, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err);
	int (*records)(void *arg, const struct gs_sighting *s, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err);
	/* Windows are flushed: keep what there is. *run: the balance of the input so far. */
	int (*checkpoint)(void *arg, const struct gs_tally *run, struct gs_error *err);
	/* Read to its end, or with `trouble` (else NULL) as far as possible. The input is over also where this fails. */
	int (*end)(void *arg, const struct gs_tally *run, const struct gs_error *trouble, struct gs_error *err);
	void (*drop)(void *arg); /* gives the input up; nothing was taken of it since the last checkpoint that may stay */
	void *arg;
};

struct gs_pipeline_options {
	int64_t window_s;
	size_t memory_bytes;
	uint64_t hash_seed;
	uint16_t sensor;
	bool include_udp;
	/* An input was damaged or could not be read: the sentence, and whether reading of the others goes on (it does). May be NULL. */
	void (*trouble)(void *arg, const struct gs_error *what);
	/* Now and then: octets read of all inputs and packets so far. Result false stops with GS_ERR_INTERRUPTED. May be NULL. */
	bool (*progress)(void *arg, uint64_t bytes_done, uint64_t bytes_total, const struct gs_tally *so_far);
	void *arg;
	const struct gs_gate *gate; /* NULL: everything goes through */
	struct gs_watch *watch;     /* which bots sent the packets; NULL: nobody asks. Lent */
};

/*
 * Reads all inputs in order and passes every sighting to the sink. *tally is added to and balanced at the end.
 * Result 0, or the first trouble's code where an input was damaged (reading went on), or what the sink or the gate
 * returned. A gate's GS_ERR_USAGE and GS_ERR_IO are the input's trouble and not the end of the run.
 */
int gs_pipeline_run(const struct gs_inputs *in, const struct gs_pipeline_options *o, const struct gs_sighting_sink *sink,
                    struct gs_tally *tally, struct gs_error *err);

#endif
