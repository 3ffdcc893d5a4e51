/*
 * track.c - packets to processes, online and in bounded memory
 *
 * The outer source address has no say: bots share addresses behind NAT and could spoof them. What leads from a packet to its process is the state that the packet
 * carries. Most packets are found by looking ahead: packets of one attack to one target share their inner source address (a draw of the attack's start), so that address and the
 * layout name a few streams, and the packet's state must be one of the next few rounds of one of them: a product and a comparison a round. The inner source
 * only says where to look; the state decides. What is not found so (a new attack, a gap longer than the stream looks ahead, a variant that changes the inner source) costs a position (position.c), and lies
 * near the positions of its process or is a new one.
 *
 * Distances within a stream are whole rounds, so their greatest common divisor is the draws of a round: number of targets times draws per packet. Everything that is
 * reported follows from it (track_attack.c).
 *
 * A process may attack several times: a fork begins at the state of the main process, so a second attack may replay the first one's stream or lie a few draws beside
 * it. Streams are told apart by inner source, layout and destination; a replay by time: the same positions again, later.
 *
 * Memory: all tables are bounded by gs_tracker_limits, nothing is evicted, what finds no room is counted. A stream takes 176 octets, a process 256, and 40
 * to 50 more each for the indexes.
 */
#include "forensics/track.h"

#include "forensics/xorshift128.h"

#include <stdlib.h>

/* ---- memory ---- */

static struct gs_tracker_limits defaults(const struct gs_tracker_limits *given)
{
	struct gs_tracker_limits l = given ? *given : (struct gs_tracker_limits){ 0 };
	l.processes = l.processes ? l.processes : 65536;
	l.streams = l.streams ? l.streams : 131072;
	l.groups = l.groups ? (l.groups + GROUP_WAYS - 1) / GROUP_WAYS * GROUP_WAYS : 4096;
	l.source_counters = l.source_counters ? l.source_counters : 1024;
	l.link_tables = l.link_tables ? l.link_tables : 12;
	l.searches_per_s = l.searches_per_s ? l.searches_per_s : 20000;
	return l;
}

/* What a map of n records may take: the records, an index at most three quarters full after doubling, and for a moment the one of half its size. */
static size_t map_bytes(size_t record, uint32_t n)
{
	size_t slots = 1024;
	while (slots / 4 * 3 < n)
		slots *= 2;
	return slots / 2 * 3 * sizeof(struct gs_map_slot) + (size_t)n * record;
}

size_t gs_tracker_bytes(const struct gs_tracker_limits *limits)
{
	const struct gs_tracker_limits l = defaults(limits);
	return sizeof(struct gs_tracker) + (size_t)l.processes * sizeof(struct process) + (size_t)l.streams * sizeof(struct stream) +
	       (size_t)l.source_counters * sizeof(struct gs_hll) + map_bytes(sizeof(struct stream_head), l.streams) +
	       map_bytes(sizeof(struct place_head), l.processes) + (size_t)l.groups * sizeof(struct group) + (size_t)l.link_tables * (GS_BOT_LINK_TABLE_BYTES + 16384);
}

int gs_tracker_new(const struct gs_tracker_limits *limits, const struct gs_bot_tables *tables, struct gs_tracker **ret, struct gs_error *err)
{
	const struct gs_tracker_limits l = defaults(limits);
	struct gs_tracker *t = calloc(1, sizeof *t);

	if (!t)
		return gs_fail(err, GS_ERR_NOMEM, "no memory for the bot tracker");
	t->tables = tables;
	t->limits = l;
	t->budget_second = INT64_MIN;
	t->stream = calloc(l.streams, sizeof *t->stream);
	t->process = calloc(l.processes, sizeof *t->process);
	t->counter = calloc(l.source_counters, sizeof *t->counter);
	t->group = calloc(l.groups, sizeof *t->group);
	if (!t->stream || !t->process || !t->counter || !t->group || gs_bot_linker_new(tables, l.link_tables, &t->linker, NULL) < 0 ||
	    gs_map_init(&t->by_key, sizeof(struct stream_key), sizeof(struct stream_head), map_bytes(sizeof(struct stream_head), l.streams), l.hash_seed) < 0 ||
	    gs_map_init(&t->by_place, sizeof(struct place_key), sizeof(struct place_head), map_bytes(sizeof(struct place_head), l.processes), l.hash_seed) < 0) {
		gs_tracker_free(t);
		return gs_fail(err, GS_ERR_NOMEM, "no memory for a bot tracker of %zu octets", gs_tracker_bytes(limits));
	}
	*ret = t;
	return 0;
}

void gs_tracker_free(struct gs_tracker *t)
{
	if (!t)
		return;
	gs_map_done(&t->by_key);
	gs_map_done(&t->by_place);
	gs_bot_linker_free(t->linker);
	free(t->stream);
	free(t->process);
	free(t->counter);
	free(t->group);
	free(t);
}

uint32_t gs_tracker_count(const struct gs_tracker *t)
{
	return t->n_processes;
}

struct gs_tracker_tally gs_tracker_tally(const struct gs_tracker *t)
{
	return t->tally;
}

bool track_afford(struct gs_tracker *t, struct gs_time ts, uint64_t cost)
{
	if (t->limits.searches_per_s == UINT32_MAX)
		return true;
	const int64_t second = gs_time_floor_s(ts, 1);
	if (second != t->budget_second) {
		t->budget_second = second;
		t->budget_left = t->limits.searches_per_s;
	}
	if (t->budget_left == 0)
		return false;
	t->budget_left -= cost < t->budget_left ? cost : t->budget_left;
	return true;
}

/* ---- processes ---- */

int64_t track_signed_distance(gs_u128 from, gs_u128 to)
{
	int64_t d;
	return gs_bot_distance(position_of(from), position_of(to), &d) ? d : INT64_MAX;
}

static uint64_t bucket_of(gs_u128 position)
{
	return (uint64_t)(position >> (TRACK_NEAR_BITS + 1));
}

/* Not inlined: gcc 12 with -O3 takes the hash function's branches for long keys for reads past this short one. */
static __attribute__((noinline)) uint64_t place_hash(const struct gs_tracker *t, const struct place_key *key)
{
	return gs_map_hash(&t->by_place, key);
}

uint32_t track_process_near(const struct gs_tracker *t, gs_u128 position, uint8_t byte_order)
{
	const uint64_t last = bucket_of(POSITIONS - 1), here = bucket_of(position);
	const uint64_t buckets[3] = { here, here ? here - 1 : last, here < last ? here + 1 : 0 };

	for (unsigned i = 0; i < 3; i++) {
		const struct place_key key = { buckets[i], byte_order };
		const struct place_head *h = gs_map_find(&t->by_place, place_hash(t, &key), &key);
		if (!h)
			continue;
		const int64_t d = track_signed_distance(t->process[h->process].position, position);
		if (d < INT64_C(1) << TRACK_NEAR_BITS && d > -(INT64_C(1) << TRACK_NEAR_BITS))
			return h->process;
	}
	return TRACK_NONE;
}

uint32_t track_process_new(struct gs_tracker *t, gs_u128 position, uint8_t byte_order)
{
	const struct place_key key = { bucket_of(position), byte_order };
	bool is_new;

	if (t->n_processes == t->limits.processes)
		return TRACK_NONE;
	struct place_head *h = gs_map_get(&t->by_place, place_hash(t, &key), &key, &is_new);
	/* a bucket is twice as wide as "near", so one process may hide another in it: once in 2^40 for each pair */
	if (!h || !is_new)
		return TRACK_NONE;
	h->process = t->n_processes++;
	t->process[h->process] = (struct process){
		.position = position,
		.streams = TRACK_NONE,
		.counter = TRACK_NONE,
		.start_stream = TRACK_NONE,
		.byte_order = byte_order,
	};
	return h->process;
}

static void count_source(struct gs_tracker *t, struct process *p, uint32_t src)
{
	if (p->n_src && p->src[p->src_hint] == src)
		return;
	for (uint8_t i = 0; i < p->n_src; i++)
		if (p->src[i] == src) {
			p->src_hint = i;
			return;
		}
	if (p->n_src < GS_BOT_SRC_SAMPLE) {
		p->src_hint = p->n_src;
		p->src[p->n_src++] = src;
		return;
	}
	if (p->counter == TRACK_NONE) {
		if (t->n_counters == t->limits.source_counters) {
			p->src_more++;
			return;
		}
		p->counter = t->n_counters++;
		for (unsigned i = 0; i < GS_BOT_SRC_SAMPLE; i++)
			gs_hll_add(&t->counter[p->counter], XXH3_64bits_withSeed(&p->src[i], 4, t->limits.hash_seed));
	}
	gs_hll_add(&t->counter[p->counter], XXH3_64bits_withSeed(&src, 4, t->limits.hash_seed));
}

static void count_hops(struct process *p, int hops)
{
	for (unsigned i = 0; i < p->n_hops; i++)
		if (p->hops[i] == hops) {
			p->hop_packets[i]++;
			return;
		}
	if (p->n_hops == GS_BOT_HOPS_MAX)
		return;
	p->hops[p->n_hops] = (int16_t)hops;
	p->hop_packets[p->n_hops++] = 1;
}

void track_count(struct gs_tracker *t, uint32_t process, const struct gs_bot_input *in, struct gs_time ts, uint16_t bits)
{
	struct process *p = &t->process[process];

	if (p->seen == 0 || ts.ns < p->first_ts.ns)
		p->first_ts = ts;
	if (p->seen == 0 || ts.ns > p->last_ts.ns)
		p->last_ts = ts;
	p->seen++;
	p->greip += in->flood == GS_BOT_GREIP;
	if (bits > p->evidence)
		p->evidence = bits;
	if (in->flags & GS_BOT_IN_QUOTED) {
		p->quoted++; /* its TTL counts the way to the router that quotes it */
	} else if (in->ttl != 0) {
		count_hops(p, in->inner_ttl - in->ttl);
	}
	count_source(t, p, in->src);
	t->tally.assigned++;
}

/* ---- the door ---- */

int32_t gs_tracker_add(struct gs_tracker *t, const struct gs_bot_input *in, const struct gs_bot_proof *proof, struct gs_time ts)
{
	t->tally.given++;
	if (proof->level < GS_BOT_LEVEL_ID) {
		int32_t process;
		if (proof->level == GS_BOT_LEVEL_SHAPE && track_group_known(t, in, proof, ts, &process))
			return process;
		t->tally.ignored++;
		return GS_TRACK_IGNORED;
	}
	if (!proof->has_state)
		return track_group(t, in, proof, ts);

	const bool unseen = proof->facts & GS_BOT_FACT_DATA_UNSEEN && proof->drawn & GS_BOT_DREW_DATA && proof->draws;
	const uint16_t unseen_draws = unseen ? (uint16_t)draws_of_data(in->data_wire_len) : 0;
	const struct sighted p = {
		.key = {
			.inner_src = in->inner_src,
			.data_len = in->data_wire_len,
			.draws = (uint16_t)(proof->draws - unseen_draws),
			.unseen = unseen_draws,
			.flood = proof->flood,
			.byte_order = proof->byte_order,
			.zero_data = (proof->facts & GS_BOT_FACT_ZERO_DATA) != 0,
		},
		.element = gf128_of_state(&t->tables->map, &proof->before),
		.dst = in->dst,
		.host_draw = proof->host_draw,
		.ts = ts,
		.drawn = proof->drawn,
	};
	uint32_t stream;
	const int32_t process = track_place(t, &p, &stream);
	if (process == GS_TRACK_REFUSED)
		t->tally.refused++;
	else if (process == GS_TRACK_SKIPPED)
		t->tally.skipped++;
	if (process < 0)
		return process;
	t->tally.untracked += stream == TRACK_NONE;
	track_count(t, (uint32_t)process, in, ts, proof->bits);
	return process;
}
