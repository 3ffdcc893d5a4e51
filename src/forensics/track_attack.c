/*
 * track_attack.c - the attacks of a process: which streams belong together, and what they add up to
 *
 * Streams of one attack lie on one grid: rounds of R draws, R the gcd of the distances within a stream, and targets within a round D draws apart. So
 *
 *	targets  n = R / D; where some targets are prefixes each of them draws one more: R = n * D + (number of prefixes)
 *	rounds   distance from the first to the last packet / R + 1
 *	loss     1 - packets seen / rounds, for each target that we stand for; exact, not estimated
 *	sent     rounds * n
 *
 * The gcd of few distances may still be a multiple of R (of two random ones in two cases of five, of eight in one of 250). Where the seed search found the attack's
 * start, n is checked against it: the draw of the inner source must lie a whole number of rounds and targets before the packet, and for a multiple it does not.
 */
#include "forensics/track.h"

#define HOST_PACKETS 16 /* a length of 31 fits a single address half of the time */
#define OVERLAP_NS (2 * GS_NS_PER_S)
#define SETTLED_DISTANCES 16 /* whose gcd is a multiple of the round once in 2^16 */

static bool same_orders(const struct stream_key *a, const struct stream_key *b)
{
	return a->data_len == b->data_len && a->draws == b->draws && a->unseen == b->unseen && a->flood == b->flood && a->byte_order == b->byte_order &&
	       a->zero_data == b->zero_data;
}

static bool times_meet(const struct stream *a, const struct stream *b)
{
	return time_between(a->last_ts, b->first_ts) <= OVERLAP_NS && time_between(b->last_ts, a->first_ts) <= OVERLAP_NS;
}

/* Whether the stream's target is a prefix: after some packets the draws before them say so for certain, also where all came to one address; before that its grid. */
bool track_host_drawn(const struct stream *s)
{
	const uint64_t draws = stream_draws(&s->key, s->gcd);
	if (draws == 0)
		return false;
	if (s->seen >= HOST_PACKETS)
		return s->lengths != 0;
	const bool plain = s->gcd % draws == 0, host = s->gcd % (draws + 1) == 0;
	return s->gcd != 0 && (plain != host ? host : s->host_hits > 0);
}

/* Whether a packet of another target can begin `apart` draws after one: some whole packets, each of which may have had a host part drawn. */
static bool whole_packets(uint64_t apart, uint64_t draws)
{
	const uint64_t least = (apart + draws) / (draws + 1); /* packets, if each had */
	return least >= 1 && least * draws <= apart;
}

/*
 * Two targets of one attack: other inner sources, the same rounds, whole packets apart. The same inner source with another address is another attack from the same state; a few
 * draws apart, another attack from the main process after it drew on.
 */
static bool same_attack(const struct stream *a, const struct stream *b)
{
	const uint64_t round = greatest_divisor(a->gcd, b->gcd), draws = stream_draws(&a->key, round);
	const bool host_a = track_host_drawn(a), host_b = track_host_drawn(b);

	if (!same_orders(&a->key, &b->key) || (a->drawn ^ b->drawn) & ~GS_BOT_DREW_DATA || a->key.inner_src == b->key.inner_src || draws == 0 || !times_meet(a, b))
		return false;
	if (a->gcd != b->gcd && a->distances >= SURE_DISTANCES && b->distances >= SURE_DISTANCES)
		return false;
	const uint64_t apart = (uint64_t)(a->first_off > b->first_off ? a->first_off - b->first_off : b->first_off - a->first_off);
	if (round == 0) /* one packet each: whole packets apart, and not many of them */
		return apart % draws == 0 && apart / draws <= MAX_TARGETS;
	const uint64_t rest = apart % round;
	if (rest == 0)
		return false;
	if (!host_a && !host_b && round % draws == 0)
		return rest % draws == 0;
	return whole_packets(rest, draws) || whole_packets(round - rest, draws); /* the other may come first in a round */
}

static void relabel(struct gs_tracker *t, const struct process *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process)
		if (t->stream[i].attack == from)
			t->stream[i].attack = to;
}

/* Numbers the attacks of a process from 0 on; returns how many. Two streams may be known for one attack only by a third one. */
uint32_t track_number_attacks(struct gs_tracker *t, const struct process *p)
{
	uint32_t labels = 0, n = 0;

	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process) {
		struct stream *s = &t->stream[i];
		s->attack = labels++;
		for (uint32_t k = p->streams; k != i; k = t->stream[k].next_of_process)
			if (t->stream[k].attack != s->attack && same_attack(s, &t->stream[k]))
				relabel(t, p, s->attack, t->stream[k].attack);
	}
	for (uint32_t label = 0; label < labels; label++) {
		bool any = false;
		for (uint32_t i = p->streams; i != TRACK_NONE && !any; i = t->stream[i].next_of_process)
			any = t->stream[i].attack == label;
		if (any)
			relabel(t, p, label, n++);
	}
	return n;
}

struct sums {
	uint64_t round;        /* draws */
	uint32_t streams, hosts;
	uint32_t distances;
	uint64_t seen, unique;
	int64_t first_off, last_off;
	struct gs_time first_ts, last_ts;
	const struct stream *first; /* earliest packet */
	bool has_start, start_host;
	int64_t start_off;     /* of the packet that the search for the start began at */
	uint64_t start_back;   /* from there */
};

static void sum_stream(struct sums *a, const struct stream *s)
{
	const bool first = a->streams == 0;
	a->round = greatest_divisor(a->round, s->gcd);
	a->hosts += track_host_drawn(s);
	a->streams++;
	a->distances += s->distances;
	a->seen += s->seen;
	a->unique += s->unique;
	if (first || s->first_off < a->first_off)
		a->first_off = s->first_off;
	if (first || s->last_off > a->last_off)
		a->last_off = s->last_off;
	if (first || s->last_ts.ns > a->last_ts.ns)
		a->last_ts = s->last_ts;
	if (first || s->first_ts.ns < a->first_ts.ns) {
		a->first_ts = s->first_ts;
		a->first = s;
	}
}

/*
 * How far into the attack's packets one lies when the draw of its inner source lies `back` draws before it: n targets drew their sources one after the other, then come the
 * rounds. -1 where n targets cannot give that.
 */
static int64_t draws_into(uint64_t back, uint64_t round, uint32_t n, uint64_t draws, bool host)
{
	for (uint32_t j = 0; j < n; j++) {
		const uint64_t sources_after = n - 1u - j, least = sources_after + j * draws, most = least + (host ? j + 1 : 0);
		for (uint64_t at = least; at <= most; at++)
			if (back >= at && (back - at) % round == 0)
				return (int64_t)(back - sources_after);
	}
	return -1;
}

/*
 * Number of targets from the draws of a round; 0 where it does not come out. n targets, p of them prefixes, make n * draws + p. With few draws per packet or many
 * targets several n fit (*ret_sure is then false); the one is taken whose share of prefixes is nearest to that among the targets seen.
 */
uint32_t track_targets_of(uint64_t round, uint64_t draws, uint32_t seen, uint32_t hosts, bool *ret_sure)
{
	*ret_sure = false;
	if (draws == 0 || round == 0 || round / draws > UINT32_MAX)
		return 0;
	/* n single addresses make the same round as n - 1 targets of which as many are prefixes as a packet has draws */
	*ret_sure = round / draws <= draws || seen == round / (draws + (hosts == seen));
	if (hosts == 0 && round % draws == 0)
		return (uint32_t)(round / draws);
	if (hosts == seen && round % (draws + 1) == 0)
		return (uint32_t)(round / (draws + 1));
	const uint64_t least = (round + draws) / (draws + 1), most = round / draws, wanted = (uint64_t)hosts * 1000 / (seen ? seen : 1);
	uint64_t best = 0, best_off = UINT64_MAX;
	*ret_sure = least == most;
	for (uint64_t n = most; n >= least && n >= 1 && most - n <= MAX_TARGETS; n--) {
		const uint64_t share = (round - n * draws) * 1000 / n, off = share > wanted ? share - wanted : wanted - share;
		if (off < best_off) {
			best = n;
			best_off = off;
		}
	}
	return (uint32_t)best;
}

/* Whether n targets in rounds of so many draws can have begun where the start was found; then *a and *ret_begin are filled. */
static bool start_allows(const struct sums *s, uint64_t round, uint64_t n, uint64_t draws, struct gs_bot_attack *a, int64_t *ret_begin)
{
	const int64_t into = n < s->streams || n > MAX_TARGETS ? -1 : draws_into(s->start_back, round, (uint32_t)n, draws, s->start_host);
	if (into < 0)
		return false;
	a->targets = (uint32_t)n;
	a->has_start = true;
	*ret_begin = s->start_off - into;
	return true;
}

/* Number of targets and draws of a round. Where the attack's start is known, *ret_begin is the offset at which its first round begins. */
static void settle_targets(const struct sums *s, uint64_t draws, struct gs_bot_attack *a, uint64_t *ret_round, int64_t *ret_begin)
{
	bool only;

	*ret_round = s->round;
	*ret_begin = s->first_off;
	a->targets = track_targets_of(s->round, draws, s->streams, s->hosts, &only);
	a->targets_sure = a->targets && only && s->distances >= SURE_DISTANCES && a->targets <= MAX_TARGETS;
	if (draws && a->targets == 0)
		*ret_round = 0; /* less than a packet, or no number of packets: two attacks taken for one. Better no number than a wrong one. */
	if (!s->has_start)
		return;
	/* the largest number of targets that the start allows; the gcd of few distances may still be a multiple of a round */
	const uint32_t most_times = only && s->distances < SETTLED_DISTANCES ? a->targets : 1;
	for (uint32_t times = 1; times <= most_times; times++)
		if (s->round % times == 0 && a->targets % times == 0 && start_allows(s, s->round / times, a->targets / times, draws, a, ret_begin)) {
			a->targets_sure = only;
			*ret_round = s->round / times;
			return;
		}
	/* not the number that seemed likeliest, then another one that makes the same round */
	const uint64_t fit = only || draws == 0 ? 0 : s->round / draws;
	for (uint64_t n = fit < MAX_TARGETS ? fit : MAX_TARGETS; n >= 1 && n * (draws + 1) >= s->round; n--)
		if (start_allows(s, s->round, n, draws, a, ret_begin))
			return;
}

/* *ret_timed: packets sent between the first seen and the last, one of the two counted. */
static void finish_attack(const struct gs_tracker *t, const struct process *p, uint32_t number, const struct sums *s, struct gs_bot_attack *ret, uint64_t *ret_timed)
{
	const struct stream_key *key = &s->first->key;
	const uint64_t draws = stream_draws(key, s->round);
	uint64_t round, expected = 0;
	int64_t begin;

	*ret = (struct gs_bot_attack){
		.flood = key->flood,
		.drawn = key->unseen ? (uint8_t)((s->first->drawn & ~GS_BOT_DREW_DATA) | (draws > key->draws ? GS_BOT_DREW_DATA : 0)) : s->first->drawn,
		.host_drawn = s->hosts > 0,
		.draws = (uint16_t)draws,
		.data_len = key->data_len,
		.targets_seen = s->streams,
		.rounds = 1,
		.packets_seen = s->seen,
		.packets_sent = s->unique,
		.first_seen = s->first_ts,
		.last_seen = s->last_ts,
		.dst = track_address(s->first->dst),
		.inner_src = track_address(key->inner_src),
		.loss = -1,
	};
	settle_targets(s, draws, ret, &round, &begin);
	*ret_timed = 0;
	ret->round = round;
	ret->begin = track_position(p, begin);
	ret->end = track_position(p, s->last_off);
	if (round == 0)
		return;
	const uint32_t n = ret->targets ? ret->targets : 1; /* without draws per packet a round is all that is known: one packet of it is ours */
	ret->rounds = (uint64_t)(s->last_off - begin) / round + 1;
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process) {
		const struct stream *m = &t->stream[i];
		if (m->attack == number)
			expected += (uint64_t)(m->last_off - (ret->has_start ? begin : m->first_off)) / round + 1;
	}
	ret->packets_sent = ret->rounds * n;
	*ret_timed = (uint64_t)((double)(s->last_off - s->first_off) / (double)round * n);
	ret->loss = expected > s->unique ? 1 - (double)s->unique / (double)expected : 0;
}

/* Attack number `number` of a process whose attacks are numbered. False where no stream has that number. */
bool track_attack_get(const struct gs_tracker *t, const struct process *p, uint32_t number, struct gs_bot_attack *ret, uint64_t *ret_timed)
{
	struct sums s = { 0 };
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process) {
		const struct stream *m = &t->stream[i];
		if (m->attack != number)
			continue;
		sum_stream(&s, m);
		if (p->has_start && p->start_stream == i) {
			s.has_start = true;
			s.start_off = p->start_off;
			s.start_back = p->start_back;
			s.start_host = track_host_drawn(m);
		}
	}
	if (s.streams == 0)
		return false;
	/* a mixed attack: this target may be a single address and others before it prefixes */
	const uint64_t draws = stream_draws(&s.first->key, s.round);
	s.start_host |= draws && s.round % draws != 0;
	finish_attack(t, p, number, &s, ret, ret_timed);
	return true;
}

unsigned gs_tracker_attacks(struct gs_tracker *t, uint32_t number, struct gs_bot_attack *ret, unsigned max)
{
	uint64_t timed_here;
	unsigned n = 0;

	if (number >= t->n_processes)
		return 0;
	const struct process *p = &t->process[number];
	const uint32_t all = track_number_attacks(t, p);
	for (uint32_t i = 0; i < all; i++) {
		struct gs_bot_attack a;
		if (!track_attack_get(t, p, i, &a, &timed_here))
			continue;
		/* insertion in order of time; those that do not fit fall off at the end */
		unsigned at = n < max ? n : max;
		while (at > 0 && ret[at - 1].first_seen.ns > a.first_seen.ns) {
			if (at < max)
				ret[at] = ret[at - 1];
			at--;
		}
		if (at < max)
			ret[at] = a;
		n++;
	}
	return all;
}
