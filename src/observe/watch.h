/*
 * watch.h - the bots behind the packets: a tracker in the corridor, and the names that sightings get from it
 *
 * Only questions about bots need one: it costs some 100 ns for each packet of a flood, and memory. gs_watch_packet gives each packet a token; packets with the same token
 * come from the same process, so the sighting table keeps them apart with it, whatever address they share. When a window closes gs_watch_name turns the token into
 * the process's identifier.
 *
 * A packet that says too little alone (no data) waits in the tracker for others of its attack. Its token then stands for the attack and target (their inner source address), and
 * gs_watch_settle resolves it: to the process, where that became known while the window was open; else to 0, and the packet's sighting has no identifier.
 *
 * A name is settled when it is first asked for and stays: the seed where a short search finds it (GS_WATCH_SEED_STEPS draws back, not much more than a hundredth of a second), else
 * the position. `bots` searches longer, on its own time, so it may know a seed where a sighting has a position: both lead to the same process.
 */
#ifndef GS_WATCH_H
#define GS_WATCH_H

#include "grescope/bots.h"
#include "grescope/filter.h"

struct gs_watch;

#define GS_WATCH_SEED_STEPS (UINT64_C(1) << 22)     /* for one process */
#define GS_WATCH_SEED_STEPS_ALL (UINT64_C(1) << 29) /* for all of them: a second or two; a process gets at most a sixteenth of what is left */
#define GS_WATCH_MEMORY_MIN (size_t)(4u << 20)

struct gs_watch_options {
	size_t memory_bytes;      /* cap; at least GS_WATCH_MEMORY_MIN */
	uint64_t hash_seed;
	uint32_t searches_per_s;  /* as gs_tracker_limits; UINT32_MAX for files */
	uint32_t processes;       /* at most so many; 0: as many as the memory holds */
	bool no_seeds;            /* names are positions: the caller searches seeds itself */
	const struct gs_filter *filter; /* what it leaves out is not tracked (asn and country apart); NULL: everything is. Lent, must outlive the watch */
	uint16_t sensor;          /* for the filter */
};

/* What became of the packets that went by, beside the tracker's own tally. */
struct gs_watch_tally {
	uint64_t packets;         /* seen */
	uint64_t filtered;        /* left out by the filter, though they may be a bot's */
	uint64_t candidates;      /* of the shape: given to the tracker */
};

int gs_watch_new(const struct gs_watch_options *o, struct gs_watch **ret, struct gs_error *err);
void gs_watch_free(struct gs_watch *w); /* NULL is fine */

/* Forgets all processes: what follows is a reading of its own. Tokens given out before mean nothing afterwards. */
int gs_watch_reset(struct gs_watch *w, struct gs_error *err);

/* So many processes can be told apart until a reset: what options and memory allow. */
uint32_t gs_watch_most(const struct gs_watch *w);

/* A decoded packet with its verdict, which changes where a link to other packets proves what the packet alone could not. The token: 0 for no process. */
uint32_t gs_watch_packet(struct gs_watch *w, const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v);

/* The token as far as it is known by now: that of a process, or 0. */
uint32_t gs_watch_settle(struct gs_watch *w, uint32_t token);
static inline bool gs_watch_is_waiting(uint32_t token)
{
	return token >> 31;
}

/* Sets bot_kind, bot_hi, bot_lo and byte_order for a settled token. */
void gs_watch_name(struct gs_watch *w, uint32_t token, struct gs_sighting *s);

/* Lent. */
struct gs_tracker *gs_watch_tracker(struct gs_watch *w);
struct gs_watch_tally gs_watch_tally(const struct gs_watch *w);

#endif
