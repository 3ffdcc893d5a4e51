/*
 * track_stream.c - from a packet whose state is known to its stream and process: by looking ahead, else by position (track.c says why)
 */
#include "forensics/track.h"

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
		process = track_process_near(t, position, p->key.byte_order);
		if (process == TRACK_NONE)
			process = track_process_new(t, position, p->key.byte_order);
		if (process == TRACK_NONE)
			return GS_TRACK_REFUSED;
		off = track_signed_distance(t->process[process].position, position);
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
