/* track_report.c - what is known of a process: its attacks summed up (track_attack.c), its addresses, its identifier, its seed */
#include "forensics/track.h"

#include "forensics/xorshift128.h"
#include "grescope/sighting.h"
#include "grescope/verdict.h"

/* Nanoseconds during which at least one attack ran. Quadratic in the number of attacks, which is small. */
static int64_t active_time(const struct gs_tracker *t, const struct process *p)
{
	int64_t sum = 0, from = INT64_MIN;

	for (;;) { /* the earliest start past what is covered, then as far as overlaps lead */
		int64_t start = INT64_MAX, end = INT64_MIN;
		bool grown = true;
		for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process) {
			const struct stream *s = &t->stream[i];
			if (s->last_ts.ns > from && s->first_ts.ns < start) {
				start = s->first_ts.ns;
				end = s->last_ts.ns;
			}
		}
		if (start == INT64_MAX)
			return sum;
		while (grown) {
			grown = false;
			for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process) {
				const struct stream *s = &t->stream[i];
				if (s->first_ts.ns <= end && s->last_ts.ns > end) {
					end = s->last_ts.ns;
					grown = true;
				}
			}
		}
		if (start < from)
			start = from;
		int64_t lasted;
		if (__builtin_sub_overflow(end, start, &lasted) || __builtin_add_overflow(sum, lasted, &sum))
			return INT64_MAX;
		from = end;
	}
}

static void fill_sources(const struct gs_tracker *t, const struct process *p, struct gs_bot_process *ret)
{
	ret->n_src = p->n_src;
	for (unsigned i = 0; i < p->n_src; i++)
		ret->src[i] = track_address(p->src[i]);
	ret->src_ips = p->n_src;
	ret->src_ips_exact = p->counter == TRACK_NONE && p->src_more == 0;
	if (p->counter != TRACK_NONE) {
		const uint64_t n = gs_hll_count(&t->counter[p->counter]);
		ret->src_ips = n > ret->src_ips ? n : ret->src_ips;
	}
}

static void fill_hops(const struct process *p, struct gs_bot_process *ret)
{
	ret->hops = -1;
	for (unsigned i = 0; i < p->n_hops; i++) {
		unsigned at = ret->n_hops++;
		for (; at > 0 && ret->hop[at - 1].packets < p->hop_packets[i]; at--)
			ret->hop[at] = ret->hop[at - 1];
		ret->hop[at].hops = p->hops[i];
		ret->hop[at].packets = p->hop_packets[i];
	}
	if (ret->n_hops)
		ret->hops = ret->hop[0].hops;
}

/* The earliest packet seen, and with it the attack's start where that is known, on the whole cycle. */
static gs_u128 process_begin(const struct gs_tracker *t, const struct process *p)
{
	int64_t first = 0;
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process)
		if (t->stream[i].first_off < first)
			first = t->stream[i].first_off;
	if (p->has_start && p->start_off - (int64_t)p->start_back < first)
		first = p->start_off - (int64_t)p->start_back;
	return position_value(track_position(p, first));
}

/*
 * The identifier of a process without a seed: where it begins, rounded down to a multiple of 2^42, and the byte order in the bits thus freed. Rounded, because where in an attack the
 * first packet seen lies differs from sensor to sensor and from file to file; an attack spans 2^33 draws or less, so it crosses a multiple once in 500, and two processes share
 * one once in 2^41.
 */
static void fill_identifier(const struct gs_tracker *t, const struct process *p, struct gs_bot_process *ret)
{
	const gs_u128 begin = process_begin(t, p) >> 42 << 42;
	ret->pos_hi = (uint64_t)(begin >> 64);
	ret->pos_lo = (uint64_t)begin | p->byte_order;
	ret->bot_kind = GS_BOT_POSITION;
	ret->bot_hi = ret->pos_hi;
	ret->bot_lo = ret->pos_lo;
	ret->seed_steps = p->seed_steps;
	ret->seed_found = p->seed_found;
	if (!p->seed_found)
		return;
	ret->bot_kind = GS_BOT_SEED;
	ret->bot_hi = p->x;
	ret->bot_lo = (uint64_t)p->y << 32 | p->z;
	ret->seed_x = p->x;
	ret->seed_y = p->y;
	ret->seed_z = p->z;
	gs_bot_seed_names(p->x, p->y, p->z, ret->argv0, ret->comm);
}

static void fill_attacks(struct gs_tracker *t, const struct process *p, struct gs_bot_process *ret)
{
	uint64_t largest = 0, timed = 0;
	double missed = 0, expected = 0;

	ret->attacks = track_number_attacks(t, p);
	for (uint32_t i = 0; i < ret->attacks; i++) {
		struct gs_bot_attack a;
		uint64_t timed_here;
		if (!track_attack_get(t, p, i, &a, &timed_here))
			continue;
		ret->packets_sent += a.packets_sent;
		if (a.loss >= 0) {
			const double all = a.loss < 1 ? (double)a.packets_seen / (1 - a.loss) : (double)a.packets_seen;
			expected += all;
			missed += all * a.loss;
		}
		timed += timed_here;
		/* what more packets say counts for more; what is known counts for more than what is not */
		if (a.targets && (a.packets_seen > largest || ret->targets == 0)) {
			largest = a.packets_seen;
			ret->targets = a.targets;
			ret->targets_sure = a.targets_sure;
		}
	}
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process)
		ret->duplicates += t->stream[i].duplicates;
	ret->loss = expected > 0 ? missed / expected : -1;
	const int64_t active = active_time(t, p);
	ret->rate_pps = active > 0 ? (double)timed / ((double)active / (double)GS_NS_PER_S) : -1;
	if (ret->packets_sent < ret->packets_seen - ret->duplicates) /* packets that found no stream */
		ret->packets_sent = ret->packets_seen - ret->duplicates;
}

bool gs_tracker_process(struct gs_tracker *t, uint32_t number, struct gs_bot_process *ret)
{
	if (number >= t->n_processes)
		return false;
	const struct process *p = &t->process[number];
	*ret = (struct gs_bot_process){
		.number = number,
		.byte_order = p->byte_order,
		.class_ = p->greip * 2 >= p->seen ? GS_CLASS_FLOOD_MIRAI_GREIP : GS_CLASS_FLOOD_MIRAI_GREETH,
		.evidence = p->evidence,
		.packets_seen = p->seen,
		.quoted = p->quoted,
		.first_seen = p->first_ts,
		.last_seen = p->last_ts,
	};
	fill_identifier(t, p, ret);
	fill_sources(t, p, ret);
	fill_hops(p, ret);
	fill_attacks(t, p, ret);
	return true;
}

bool gs_tracker_seed_job(struct gs_tracker *t, uint32_t number, uint64_t budget, struct gs_bot_seed *ret)
{
	if (number >= t->n_processes)
		return false;
	const struct process *p = &t->process[number];
	const struct stream *s = NULL;
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process)
		if (!s || t->stream[i].first_off < s->first_off)
			s = &t->stream[i];
	if (!s)
		return false;
	const struct gs_bot_state from = gf128_to_state(&t->tables->map, s->first);
	gs_bot_seed_start(ret, &from, word_of_net32(s->key.inner_src, s->key.byte_order), budget);
	const uint64_t draws = stream_draws(&s->key, s->gcd);
	if (draws == 0 || s->distances < SURE_DISTANCES)
		return true;
	bool only;
	const uint32_t n = track_targets_of(s->gcd, draws, 1, track_host_drawn(s), &only);
	if (n && only && n <= MAX_TARGETS && s->gcd <= UINT32_MAX) {
		ret->fit_step = (uint32_t)s->gcd;
		ret->fit_draws = (uint16_t)draws;
		ret->fit_targets = (uint16_t)n;
		ret->fit_host = s->gcd % draws != 0 || track_host_drawn(s);
	}
	return true;
}

void gs_tracker_seed_result(struct gs_tracker *t, uint32_t number, const struct gs_bot_seed *job)
{
	if (number >= t->n_processes)
		return;
	struct process *p = &t->process[number];
	const struct gf128 from = gf128_of_state(&t->tables->map, &job->from);

	if (job->steps > p->seed_steps)
		p->seed_steps = job->steps;
	if (job->status == GS_BOT_SEED_FOUND) {
		p->seed_found = true;
		p->x = job->x;
		p->y = job->y;
		p->z = job->z;
	}
	if (!job->has_start)
		return;
	for (uint32_t i = p->streams; i != TRACK_NONE; i = t->stream[i].next_of_process) {
		const struct stream *s = &t->stream[i];
		if (word_of_net32(s->key.inner_src, s->key.byte_order) != job->inner_src || !gf128_equal(s->first, from))
			continue;
		p->has_start = true;
		p->start_stream = i;
		p->start_off = s->first_off;
		p->start_back = job->start;
		return;
	}
}
