/*
 * counted.h - sightings of packets that only the kernel counted: its counts by source, and what a few of the packets looked like
 *
 * Counts say how many and from whom, samples say what. Nothing is counted twice because samples are not counted at all: they are remembered as the
 * shapes of their source (destination, flags, type, class; at most three, with how often each came), and when the count of that source is
 * read it is divided among these shapes in that proportion. A round ends with the rest: packets whose source's count was lost. So
 *
 *     packets of all sightings of a round = packets of the sources given + packets of the rest, exactly; bytes too.
 *
 * Such sightings have the fidelity `sampled`: who and how many are exact, the shape and the class are those of the samples. A source of which no sample
 * is there in this round nor in the one before gives a sighting without shape and destination. Samples lost or held back make answers
 * coarser, never sums wrong.
 */
#ifndef GS_OBSERVE_COUNTED_H
#define GS_OBSERVE_COUNTED_H

#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"

struct gs_counted;

/* memory_bytes caps what is remembered of samples: beyond it new sources are not. The sink is called by the other functions. */
int gs_counted_new(size_t memory_bytes, uint64_t hash_seed, uint16_t sensor, const struct gs_sighting_sink *sink, struct gs_counted **ret, struct gs_error *err);
void gs_counted_free(struct gs_counted *c); /* NULL is fine */

/* A sampled packet of outcome GS_OUT_GRE, and its verdict. */
void gs_counted_sample(struct gs_counted *c, const struct gs_packet *p, const struct gs_verdict *v);

/* A source's count in this round; packets > 0. Gives up to three sightings. Negative: what the sink returned. */
int gs_counted_source(struct gs_counted *c, const struct gs_addr *addr, uint64_t packets, uint64_t bytes, struct gs_time first, struct gs_time last, struct gs_error *err);

/*
 * Ends the round. What has no source becomes a folded sighting, of as many sources as the packets of the others make likely, in the class that most
 * packets of the round were of. first, last: of the round.
 */
int gs_counted_rest(struct gs_counted *c, uint64_t packets, uint64_t bytes, struct gs_time first, struct gs_time last, struct gs_error *err);

/* Sources with a count but without a sample so far, and samples that memory had no room for. */
void gs_counted_gaps(const struct gs_counted *c, uint64_t *ret_shapeless, uint64_t *ret_forgotten);

#endif
