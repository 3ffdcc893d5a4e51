/*
 * pipeline.h - the corridor put together: inputs -> decode -> classify -> observe -> a sink of sightings
 */
#ifndef GS_PIPELINE_H
#define GS_PIPELINE_H

#include "grescope/error.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "source/source.h"

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
};

/*
 * Reads all inputs in order and passes every sighting to the sink. *tally is added to and balanced at the end.
 * Result 0, or the first trouble's code where an input was damaged (reading went on), or what the sink returned.
 */
int gs_pipeline_run(const struct gs_inputs *in, const struct gs_pipeline_options *o, const struct gs_sighting_sink *sink,
                    struct gs_tally *tally, struct gs_error *err);

#endif
