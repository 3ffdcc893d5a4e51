/*
 * observe.h - packets become sightings: windows, a cap on memory, folding past the cap
 *
 * Two windows are open at a time, so that a packet a little late still joins its own. A packet older than both gets a sighting with its own
 * window all the same (counted in late_packets). At the cap new keys fold into one row per (destination, class) with exact packets
 * and bytes and an estimated number of sources; when even those rows are too many, into one per class. Nothing is dropped.
 *
 * Sources with hardly a packet each are judged together, by destination and GRE shape (gs_classify_crowd): a flood from forged sources has no other trait.
 * A window that closes gets the last word of the rules that go by rate (gs_classify_window), and with a watch the names of its bots. What thereby becomes the
 * same as another sighting of the window is added to it.
 */
#ifndef GS_OBSERVE_H
#define GS_OBSERVE_H

#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "observe/watch.h"

struct gs_observe;

struct gs_observe_options {
	int64_t window_s;      /* 0: one sighting per packet */
	size_t memory_bytes;   /* cap on everything this layer keeps */
	uint64_t hash_seed;
	uint16_t sensor;
	struct gs_watch *watch; /* names the bots of packets that come with a token; may be NULL. Lent, must outlive the table */
};

int gs_observe_new(const struct gs_observe_options *o, const struct gs_sighting_sink *sink, struct gs_observe **ret, struct gs_error *err);
void gs_observe_free(struct gs_observe *ob); /* NULL is fine */

/* n decoded packets of outcome GS_OUT_GRE (or GS_OUT_GRE_UDP where shown) with their verdicts, as one batch: slots are prefetched for all before any is touched.
 * bots: tokens of gs_watch_packet, kept apart within a window; NULL without a watch. */
int gs_observe_packets(struct gs_observe *ob, const struct gs_packet *const *p, const struct gs_verdict *v, const uint32_t *bots, size_t n,
                       struct gs_error *err);

/* All packets older than `until` have come: passes on the windows that end by then. For captures that run, where the packet that would say so may never
 * come. An older packet that comes all the same gets a sighting of its own. Does nothing, and costs nothing, where no window has ended. */
int gs_observe_advance(struct gs_observe *ob, struct gs_time until, struct gs_error *err);

/* Passes on everything still open, in order of time. */
int gs_observe_flush(struct gs_observe *ob, struct gs_error *err);

/* Adds folded_packets, late_packets, crowd_unseen and sightings. */
void gs_observe_tally(const struct gs_observe *ob, struct gs_tally *t);

/* The most memory that was in use. */
size_t gs_observe_peak_bytes(const struct gs_observe *ob);

#endif
