/*
 * track.h - the tracker's tables, shared by track.c (memory, processes), track_stream.c (packets to streams), track_group.c (packets that say too little alone),
 * track_attack.c (streams to attacks) and track_report.c (what is known of a process)
 *
 *	process  a cluster of positions on the generator's cycle
 *	stream   the packets of one attack of one process to one target; they share the inner source address, which is drawn once for each target of an attack
 *	group    packets of what would be one stream, none of which carries a state, until enough of them are together
 */
#ifndef GS_FORENSICS_TRACK_H
#define GS_FORENSICS_TRACK_H

#include "base/hll.h"
#include "base/map.h"
#include "forensics/link.h"

#define TRACK_NONE UINT32_MAX
#define TRACK_WINDOW 64      /* packets back in which a late one is told from a second copy */
#define TRACK_NEAR_BITS 41   /* positions closer than 2^41 belong to one process: 10^10 packets, and strangers come that close once in 2^41 */

/* What all packets of a stream have in common; a key: no padding. */
struct stream_key {
	uint32_t inner_src;   /* as the network writes it */
	uint32_t data_len;
	uint16_t draws;       /* per packet, host part and unseen data not counted; 0 unknown */
	uint16_t unseen;      /* draws of data that was sent but not captured: drawn or zeros, nobody can say from one packet */
	uint8_t flood, byte_order, zero_data;
	uint8_t pad;
};

struct stream {
	struct stream_key key;
	uint32_t next;        /* with the same key, newest first */
	uint32_t next_of_process;
	uint32_t process;
	uint32_t dst;         /* of the first packet */
	uint32_t host_draw;   /* drawn before that packet, if a host part was */
	uint32_t attack;      /* number within the process, given by track_attack.c */
	uint8_t drawn;        /* in the first packet: one in 65536 shows a fixed port where the other was fixed, so it is no part of the key */
	uint16_t reach;       /* steps looked ahead before a position is computed */
	uint16_t host_hits;   /* packets to other destinations than the first one's, as a drawn host part makes them */
	uint32_t lengths;     /* bit m: a prefix of length m explains all destinations; after some packets right or 0 */
	uint32_t distances;   /* that gcd is made of */
	struct gf128 first, last; /* elements before the earliest and the latest packet */
	struct gf128 step;    /* x^unit */
	uint64_t unit;        /* draws looked ahead at a time; 0: unknown */
	uint64_t gcd;         /* of all distances; 0: one packet so far */
	int64_t first_off, last_off; /* draws from the process's reference */
	uint64_t seen, unique, duplicates;
	uint64_t window;      /* bit k: the packet k * gcd before the last was seen */
	struct gs_time first_ts, last_ts;
};

struct process {
	gs_u128 position;     /* reference: the first packet met */
	uint32_t streams;     /* head of its list */
	uint32_t n_streams;
	uint32_t counter;     /* of sources */
	uint8_t byte_order, n_src, n_hops, src_hint;
	uint16_t evidence;
	uint32_t src[GS_BOT_SRC_SAMPLE];
	int16_t hops[GS_BOT_HOPS_MAX];
	uint64_t hop_packets[GS_BOT_HOPS_MAX];
	uint64_t seen, quoted, src_more; /* src_more: packets from sources beyond the sample, where no counter was left */
	uint64_t greip;
	struct gs_time first_ts, last_ts;
	/* what the seed search brought */
	uint32_t start_stream;
	int64_t start_off;    /* offset of the packet that it began at */
	uint64_t start_back;  /* draws from the attack's first draw for that target to that packet */
	uint64_t seed_steps;
	uint32_t x, y, z;
	bool has_start, seed_found;
};

#define GROUP_DATA 19 /* octets of data kept: more would prove itself */

struct waiting {
	struct gs_bot_input in; /* in.data points nowhere; data is kept here */
	struct gs_time ts;
	uint8_t data[GROUP_DATA];
};

struct group_key {
	uint32_t inner_src;
	uint32_t data_wire_len;
	uint8_t flood, data_len, zero_data, byte_order;
	uint8_t pad[4];
};

#define GROUP_WAYS 4 /* a key may lie in one of four places; the one longest unused makes room */

struct group {
	struct group_key key;
	uint64_t used;        /* clock of its last packet; 0: free */
	uint32_t stream;      /* TRACK_NONE until linked */
	uint32_t n;
	struct link_layout layout;
	struct waiting waiting[GS_BOT_LINK_MAX]; /* oldest first */
};

struct stream_head {
	struct stream_key key;
	uint32_t first;
};

struct place_key {
	uint64_t bucket;      /* position >> (TRACK_NEAR_BITS + 1) */
	uint64_t byte_order;
};

struct place_head {
	struct place_key key;
	uint32_t process;
};

struct gs_tracker {
	const struct gs_bot_tables *tables;
	struct gs_bot_linker *linker;
	struct gs_tracker_limits limits;
	struct gs_map by_key, by_place;
	struct group *group;
	uint64_t group_clock;
	struct stream *stream;
	struct process *process;
	struct gs_hll *counter;
	uint32_t n_streams, n_processes, n_counters;
	struct gs_tracker_tally tally;
	int64_t budget_second;
	uint64_t budget_left;
};

/* One packet whose state is known, as the streams see it. */
struct sighted {
	struct stream_key key;
	struct gf128 element;
	uint32_t dst, host_draw;
	struct gs_time ts;
	uint8_t drawn;
};

static inline uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		const uint64_t r = a % b;
		a = b;
		b = r;
	}
	return a;
}

/* Draws per packet of a stream whose packets lie multiples of `grid` apart. Unseen data was drawn if the grid allows that: n packets, at most n host parts. */
static inline uint64_t stream_draws(const struct stream_key *k, uint64_t grid)
{
	const uint64_t full = (uint64_t)k->draws + k->unseen;
	return k->unseen && grid && (grid < full || grid % full > grid / full) ? k->draws : full;
}

/* Puts a packet whose place in a stream is known there. False where it does not fit the stream's rounds or destination after all. */
bool track_put(struct stream *s, const struct sighted *p, int64_t off);

/* Finds or makes the stream; returns the process or GS_TRACK_...; *ret_stream is TRACK_NONE where there was no room for a stream. */
int32_t track_place(struct gs_tracker *t, const struct sighted *p, uint32_t *ret_stream);

/* Draws from one position to another; INT64_MAX where they are far apart. */
int64_t track_signed_distance(gs_u128 from, gs_u128 to);

/* The process whose reference is near the position; a new one. TRACK_NONE: none, no room. */
uint32_t track_process_near(const struct gs_tracker *t, gs_u128 position, uint8_t byte_order);
uint32_t track_process_new(struct gs_tracker *t, gs_u128 position, uint8_t byte_order);

/* Counts a packet for its process. */
void track_count(struct gs_tracker *t, uint32_t process, const struct gs_bot_input *in, struct gs_time ts, uint16_t bits);

/* Takes `cost` searches from the budget; false where it is spent. */
bool track_afford(struct gs_tracker *t, struct gs_time ts, uint64_t cost);

/* Searches that may still be made in this second of packet time, as track_afford last saw it; never so many that a thousand times as many overflow. */
static inline uint64_t track_budget(const struct gs_tracker *t)
{
	return t->limits.searches_per_s == UINT32_MAX ? UINT64_MAX >> 16 : t->budget_left + 1;
}

/* ---- reports: track_attack.c ---- */

#define SURE_DISTANCES 8
#define MAX_TARGETS 255

/* Whether the stream's target is a prefix. */
bool track_host_drawn(const struct stream *s);
/* Number of targets from the draws of a round, 0 where it does not come out; *ret_sure: no other number fits. Of `seen` targets `hosts` are prefixes. */
uint32_t track_targets_of(uint64_t round, uint64_t draws, uint32_t seen, uint32_t hosts, bool *ret_sure);
/* Numbers the attacks of a process from 0 on (stream.attack); returns how many. */
uint32_t track_number_attacks(struct gs_tracker *t, const struct process *p);
/* Attack number `number`; false where no stream has it. *ret_timed: packets sent between the first seen and the last, one of the two counted. */
bool track_attack_get(const struct gs_tracker *t, const struct process *p, uint32_t number, struct gs_bot_attack *ret, uint64_t *ret_timed);

/* The position `off` draws after the process's own. */
static inline struct gs_bot_position track_position(const struct process *p, int64_t off)
{
	return position_of(off < 0 ? (p->position + POSITIONS - (uint64_t)-off) % POSITIONS : (p->position + (uint64_t)off) % POSITIONS);
}

static inline struct gs_addr track_address(uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
	return gs_addr_v4(b);
}

/* ---- track_group.c ---- */

/* A packet without a state. */
int32_t track_group(struct gs_tracker *t, const struct gs_bot_input *in, const struct gs_bot_proof *proof, struct gs_time ts);

/* A packet whose identifications are not related because its outer one was replaced: taken only where a known stream shows it next. */
bool track_group_known(struct gs_tracker *t, const struct gs_bot_input *in, const struct gs_bot_proof *proof, struct gs_time ts, int32_t *ret_process);

/* Nanoseconds; at the ends of the range rather than around them. */
static inline int64_t time_between(struct gs_time from, struct gs_time to)
{
	int64_t d;
	if (__builtin_sub_overflow(to.ns, from.ns, &d))
		return to.ns < from.ns ? INT64_MIN : INT64_MAX;
	return d;
}

#endif
