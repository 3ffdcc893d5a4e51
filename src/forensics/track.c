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
 * reported follows from it (track_report.c).
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

#define CHAIN_MAX 16            /* streams of one key looked at */
#define REACH_FIRST 64
#define REACH_MAX 256
#define REACH_SAMPLED 2         /* where gaps are so long that looking ahead is in vain */
#define BACK_MAX 16             /* steps looked back for a late packet */
#define DISTANCES_SETTLED 16
#define STREAMS_OF_PROCESS 2048
#define SLACK_NS (2 * GS_NS_PER_S)
#define HOST_LENGTHS 0xfffffffeu /* 1 to 31 */
#define LENGTHS_PACKETS 64      /* held against the lengths: enough to rule all wrong ones out */
#define HOST_LENGTHS_SURE 0x1ffffffeu /* 1 to 28: shorter than what two addresses side by side fit by chance */

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

static int64_t signed_distance(gs_u128 from, gs_u128 to)
{
	int64_t d;
	return gs_bot_distance(position_of(from), position_of(to), &d) ? d : INT64_MAX;
}

static uint64_t bucket_of(gs_u128 position)
{
	return (uint64_t)(position >> (TRACK_NEAR_BITS + 1));
}

/* The process whose reference is near the position, or TRACK_NONE. */
static uint32_t process_near(const struct gs_tracker *t, gs_u128 position, uint8_t byte_order)
{
	const uint64_t last = bucket_of(POSITIONS - 1), here = bucket_of(position);
	const uint64_t buckets[3] = { here, here ? here - 1 : last, here < last ? here + 1 : 0 };

	for (unsigned i = 0; i < 3; i++) {
		const struct place_key key = { buckets[i], byte_order };
		const struct place_head *h = gs_map_find(&t->by_place, gs_map_hash(&t->by_place, &key), &key);
		if (!h)
			continue;
		const int64_t d = signed_distance(t->process[h->process].position, position);
		if (d < INT64_C(1) << TRACK_NEAR_BITS && d > -(INT64_C(1) << TRACK_NEAR_BITS))
			return h->process;
	}
	return TRACK_NONE;
}

static uint32_t process_new(struct gs_tracker *t, gs_u128 position, uint8_t byte_order)
{
	const struct place_key key = { bucket_of(position), byte_order };
	bool is_new;

	if (t->n_processes == t->limits.processes)
		return TRACK_NONE;
	struct place_head *h = gs_map_get(&t->by_place, gs_map_hash(&t->by_place, &key), &key, &is_new);
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

/* ---- streams ---- */

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		const uint64_t r = a % b;
		a = b;
		b = r;
	}
	return a;
}

static void stream_distance(struct stream *s, uint64_t d)
{
	const uint64_t gcd = greatest_divisor(d, s->gcd), finer = s->gcd / gcd;
	uint64_t window = s->window & 1;

	s->distances++;
	if (gcd == s->gcd)
		return;
	/* what was k rounds back is now finer * k rounds back */
	for (unsigned k = 1; k * finer < TRACK_WINDOW && k < TRACK_WINDOW && finer; k++)
		window |= (s->window >> k & 1) << (k * finer);
	s->window = window;
	s->gcd = gcd;
	if (s->unit != gcd) {
		s->unit = gcd;
		s->step = gf128_x_pow((int64_t)gcd);
	}
}

/* Lengths m for which the two packets' destinations differ as their host draws do. */
static uint32_t host_lengths(uint32_t dst, uint32_t host, uint32_t other_dst, uint32_t other_host)
{
	uint32_t set = 0;
	for (unsigned m = 1; m < 32; m++)
		if (dst - (host >> m) == other_dst - (other_host >> m))
			set |= 1u << m;
	return set;
}

/*
 * Whether a packet `d` draws from the stream's first, to another destination, can be one of it: if the target is a prefix. A second attack with the same orders on another single
 * address shares positions and inner source too; it lies on the grid of draws without a host part, and its address does not follow the draws.
 */
static bool stream_is_prefix_for(const struct stream *s, const struct sighted *p, int64_t d)
{
	if (s->key.draws == 0) /* an unknown variant: nothing to go by */
		return true;
	if (d == 0)
		return false;
	/* all that is known of the grid: a round with prefixes and single targets may lie on neither or, by chance, on the wrong one */
	const uint64_t grid = greatest_divisor((uint64_t)(d < 0 ? -d : d), s->gcd), plain = stream_draws(&s->key, grid);
	const bool on_plain = grid % plain == 0, on_host = grid % (plain + 1) == 0;
	const uint32_t lengths = host_lengths(s->dst, s->host_draw, p->dst, p->host_draw) & s->lengths;
	return lengths & (on_plain && !on_host ? HOST_LENGTHS_SURE : HOST_LENGTHS);
}

static void stream_put(struct stream *s, const struct sighted *p, int64_t off)
{
	s->seen++;
	if (s->lengths && s->seen < LENGTHS_PACKETS)
		s->lengths &= host_lengths(s->dst, s->host_draw, p->dst, p->host_draw);
	if (p->dst != s->dst)
		s->host_hits += s->host_hits < UINT16_MAX;
	if (p->ts.ns > s->last_ts.ns)
		s->last_ts = p->ts;
	if (p->ts.ns < s->first_ts.ns)
		s->first_ts = p->ts;
	if (off > s->last_off) {
		stream_distance(s, (uint64_t)(off - s->first_off));
		const uint64_t k = (uint64_t)(off - s->last_off) / s->gcd;
		s->window = k < TRACK_WINDOW ? s->window << k | 1 : 1;
		s->last = p->element;
		s->last_off = off;
		s->unique++;
		return;
	}
	if (off < s->first_off) {
		stream_distance(s, (uint64_t)(s->last_off - off));
		s->first = p->element;
		s->first_off = off;
	}
	if (s->gcd && (s->last_off - off) % (int64_t)s->gcd)
		stream_distance(s, (uint64_t)(s->last_off - off));
	const uint64_t k = s->gcd ? (uint64_t)(s->last_off - off) / s->gcd : 0;
	if (k < TRACK_WINDOW && s->window >> k & 1) {
		s->duplicates++;
		return;
	}
	if (k < TRACK_WINDOW)
		s->window |= UINT64_C(1) << k;
	s->unique++;
}

/*
 * Packets of one stream lie whole rounds apart, and a round is at least a packet. What does not fit belongs to another attack that happens to begin with the same inner source.
 * Sixteen distances leave no doubt about the round but once in 2^16.
 */
static bool stream_grid_allows(const struct stream *s, int64_t off)
{
	const int64_t d = off - s->first_off;
	const uint64_t grid = greatest_divisor((uint64_t)(d < 0 ? -d : d), s->gcd);
	return d == 0 || (s->distances >= DISTANCES_SETTLED ? grid == s->gcd : grid >= s->key.draws);
}

bool track_put(struct stream *s, const struct sighted *p, int64_t off)
{
	if (!stream_grid_allows(s, off) || (p->dst != s->dst && !stream_is_prefix_for(s, p, off - s->first_off)))
		return false;
	stream_put(s, p, off);
	return true;
}

/* Whether time allows that a packet at this place belongs to this run of the stream, not to a later one that repeats it. */
static bool stream_accepts(const struct stream *s, int64_t off, struct gs_time ts)
{
	const int64_t lasted = time_between(s->first_ts, s->last_ts), slack = lasted / 4 > SLACK_NS ? lasted / 4 : SLACK_NS;

	if (off > s->last_off)
		return time_between(s->last_ts, ts) >= -slack;
	if (off < s->first_off)
		return time_between(s->first_ts, ts) <= slack;
	const double part = s->last_off == s->first_off ? 0 : (double)(off - s->first_off) / (double)(s->last_off - s->first_off);
	const int64_t late = time_between(s->first_ts, ts) == INT64_MAX ? INT64_MAX : time_between(s->first_ts, ts) - (int64_t)(part * (double)lasted);
	return late <= slack && late >= -slack;
}

/* Steps from the stream's last packet to the element: >= 0, or < 0 where it lies before. INT64_MIN: not within reach. */
static int64_t stream_steps_to(const struct stream *s, struct gf128 e)
{
	if (gf128_equal(e, s->last))
		return 0;
	if (s->unit == 0)
		return INT64_MIN;
	struct gf128 ahead = s->last;
	for (int64_t i = 1; i <= s->reach; i++) {
		ahead = gf128_mul(ahead, s->step);
		if (gf128_equal(ahead, e))
			return i;
	}
	for (int64_t i = 1; i <= BACK_MAX; i++) {
		e = gf128_mul(e, s->step);
		if (gf128_equal(e, s->last))
			return -i;
	}
	return INT64_MIN;
}

/* Looks ahead in the streams of a key. The one that the packet belongs to, and its offset there; TRACK_NONE where looking ahead does not settle it. */
static uint32_t chain_find(struct gs_tracker *t, const struct stream_head *h, const struct sighted *p, int64_t *ret_off, uint32_t *ret_process)
{
	unsigned looked = 0;

	for (uint32_t i = h->first; i != TRACK_NONE && looked < CHAIN_MAX; i = t->stream[i].next, looked++) {
		struct stream *s = &t->stream[i];
		const int64_t steps = stream_steps_to(s, p->element);
		if (steps == INT64_MIN)
			continue;
		const int64_t off = s->last_off + steps * (int64_t)s->unit;
		*ret_off = off;
		*ret_process = s->process; /* that much is certain */
		if (s->dst != p->dst && !stream_is_prefix_for(s, p, off - s->first_off))
			continue;
		/* one step on, and no other stream could have been meant */
		if ((steps == 1 && s->next == TRACK_NONE && h->first == i) || stream_accepts(s, off, p->ts))
			return i;
	}
	return TRACK_NONE;
}

/* The stream of the process that a packet at this place belongs to: the latest that time, grid and destination allow. */
static uint32_t chain_choose(struct gs_tracker *t, const struct stream_head *h, uint32_t process, const struct sighted *p, int64_t off)
{
	uint32_t best = TRACK_NONE;
	unsigned looked = 0;

	for (uint32_t i = h->first; i != TRACK_NONE && looked < CHAIN_MAX; i = t->stream[i].next, looked++) {
		const struct stream *s = &t->stream[i];
		if (s->process != process || !stream_grid_allows(s, off) || (s->dst != p->dst && !stream_is_prefix_for(s, p, off - s->first_off)) ||
		    !stream_accepts(s, off, p->ts))
			continue;
		if (best == TRACK_NONE || s->last_ts.ns > t->stream[best].last_ts.ns)
			best = i;
	}
	return best;
}

/* How far apart packets of a new stream are expected: as in another stream of the process with this layout, else one packet. */
static uint64_t first_unit(const struct gs_tracker *t, const struct process *p, const struct stream_key *key)
{
	unsigned looked = 0;
	for (uint32_t i = p->streams; i != TRACK_NONE && looked < CHAIN_MAX; i = t->stream[i].next_of_process, looked++) {
		const struct stream *s = &t->stream[i];
		if (s->gcd && s->key.draws == key->draws && s->key.unseen == key->unseen && s->key.data_len == key->data_len && s->key.flood == key->flood)
			return s->gcd;
	}
	return stream_draws(key, 0);
}

/* TRACK_NONE where there is no room. */
static uint32_t stream_new(struct gs_tracker *t, uint64_t hash, uint32_t process, const struct sighted *p, int64_t off)
{
	struct process *owner = &t->process[process];
	bool is_new;
	if (t->n_streams == t->limits.streams || owner->n_streams == STREAMS_OF_PROCESS)
		return TRACK_NONE;
	struct stream_head *h = gs_map_get(&t->by_key, hash, &p->key, &is_new);
	if (!h)
		return TRACK_NONE;
	if (is_new)
		h->first = TRACK_NONE;
	const uint32_t i = t->n_streams++;
	const uint64_t unit = first_unit(t, owner, &p->key);
	t->stream[i] = (struct stream){
		.key = p->key,
		.next = h->first,
		.next_of_process = owner->streams,
		.process = process,
		.dst = p->dst,
		.host_draw = p->host_draw,
		.drawn = p->drawn,
		.lengths = HOST_LENGTHS,
		.reach = REACH_FIRST,
		.first = p->element,
		.last = p->element,
		.step = gf128_x_pow((int64_t)unit),
		.unit = unit,
		.first_off = off,
		.last_off = off,
		.seen = 1,
		.unique = 1,
		.window = 1,
		.first_ts = p->ts,
		.last_ts = p->ts,
	};
	h->first = i;
	owner->streams = i;
	owner->n_streams++;
	return i;
}

/* A packet found by position tells how far ahead it is worth looking. */
static void stream_learn_reach(struct stream *s, int64_t off)
{
	const int64_t steps = s->unit && off > s->last_off ? (off - s->last_off) / (int64_t)s->unit : 0;
	if (steps > REACH_MAX)
		s->reach = REACH_SAMPLED;
	else if (steps * 2 > s->reach)
		s->reach = steps * 2 > REACH_MAX ? REACH_MAX : (uint16_t)(steps * 2);
}

int32_t track_place(struct gs_tracker *t, const struct sighted *p, uint32_t *ret_stream)
{
	int64_t off = 0;
	uint32_t process = TRACK_NONE;
	const uint64_t hash = gs_map_hash(&t->by_key, &p->key);
	const struct stream_head *h = gs_map_find(&t->by_key, hash, &p->key);

	*ret_stream = TRACK_NONE;
	if (h) {
		const uint32_t i = chain_find(t, h, p, &off, &process);
		if (i != TRACK_NONE) {
			stream_put(&t->stream[i], p, off);
			*ret_stream = i;
			return (int32_t)t->stream[i].process;
		}
	}
	if (process == TRACK_NONE) {
		if (!track_afford(t, p->ts, 1))
			return GS_TRACK_SKIPPED;
		t->tally.searches++;
		const gs_u128 position = position_of_element(t->tables, p->element);
		process = process_near(t, position, p->key.byte_order);
		if (process == TRACK_NONE)
			process = process_new(t, position, p->key.byte_order);
		if (process == TRACK_NONE)
			return GS_TRACK_REFUSED;
		off = signed_distance(t->process[process].position, position);
	}
	uint32_t i = h ? chain_choose(t, h, process, p, off) : TRACK_NONE;
	if (i != TRACK_NONE) {
		stream_learn_reach(&t->stream[i], off);
		stream_put(&t->stream[i], p, off);
	} else {
		i = stream_new(t, hash, process, p, off);
	}
	*ret_stream = i;
	return (int32_t)process;
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
