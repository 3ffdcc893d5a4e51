/*
 * corridor.h - the corridor as an object that is pushed: frames or records in, sightings out
 *
 * gs_pipeline_run pulls files through one; a sensor pushes what its captures give, whenever they give it. One thread.
 */
#ifndef GS_CORRIDOR_H
#define GS_CORRIDOR_H

#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "grescope/verdict.h"
#include "observe/watch.h"

struct gs_corridor;

struct gs_corridor_options {
	int64_t window_s;
	size_t memory_bytes;    /* of the sighting table; the watch has its own */
	uint64_t hash_seed;
	uint16_t sensor;
	bool include_udp;
	struct gs_watch *watch; /* which bots sent the packets; NULL: nobody asks. Lent, must outlive the corridor */
	/* Looks on at what became part of sightings, once a batch: n frames, what they were decoded to, and the verdict. All lent for the call. NULL: nobody does. */
	void (*seen)(void *arg, const struct gs_frame *const *f, const struct gs_packet *const *p, const struct gs_verdict *v, size_t n);
	void *seen_arg;
};

/* The corridor is the caller's: gs_corridor_free. GS_ERR_NOMEM. */
int gs_corridor_new(const struct gs_corridor_options *o, const struct gs_sighting_sink *sink, struct gs_corridor **ret, struct gs_error *err);
void gs_corridor_free(struct gs_corridor *c); /* NULL is fine. What is still in open windows is gone: gs_corridor_flush first */

/* Any number of frames, lent for the call. Negative is what the sink returned, or GS_ERR_NOMEM. */
int gs_corridor_frames(struct gs_corridor *c, const struct gs_frame *f, size_t n, struct gs_error *err);

/* Frames that were counted elsewhere: decoded, judged and shown to the watch as all are, then passed to `take` where they are GRE. They come into no sighting and no balance. */
void gs_corridor_samples(struct gs_corridor *c, const struct gs_frame *f, size_t n,
                         void (*take)(void *arg, const struct gs_frame *f, const struct gs_packet *p, const struct gs_verdict *v), void *arg);

/* The other door: sightings of sources that never saw the packet. Rules are asked where the record brings no verdict; they go on at once. They
 * are changed: sensor and verdict are filled in. The caller counts them (tally.records), as its source says. */
int gs_corridor_records(struct gs_corridor *c, struct gs_sighting *s, size_t n, struct gs_error *err);

/* All packets older than `until` have come: windows that end by then pass on, though no later packet says so. Cheap where none does. */
int gs_corridor_advance(struct gs_corridor *c, struct gs_time until, struct gs_error *err);

/* Everything still open passes on. */
int gs_corridor_flush(struct gs_corridor *c, struct gs_error *err);

/* The balance since the corridor was made or restarted; balances at any time. Packets in open windows count as in sightings. */
struct gs_tally gs_corridor_tally(const struct gs_corridor *c);

/* Begins a new balance. Windows stay as they are: flush first where the balance is to be about them. */
void gs_corridor_restart(struct gs_corridor *c);

/* Forgets which control connections of PPTP were seen: where another input begins, so that its rows do not hang on the one before. */
void gs_corridor_forget(struct gs_corridor *c);

/* The most memory that the sighting table used. */
size_t gs_corridor_peak_bytes(const struct gs_corridor *c);

#endif
