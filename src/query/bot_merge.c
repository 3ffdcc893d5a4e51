/*
 * bot_merge.c - one process out of what several inputs told of it
 *
 * A file that ends in the middle of an attack, the next day's file, a second sensor: each has the process under its own number, with the position where it
 * first met it. Positions of one byte order within GS_BOT_NEAR are one process. Its attacks are joined where they lie on one stream: the same orders and round, whole packets
 * apart, and the later one in time is further along the cycle. What lies at the same positions at another time is a repetition from the same state: an attack
 * of its own.
 */
#include "query/bots.h"

#include <stdlib.h>
#include <string.h>

#define SLACK_NS (2 * GS_NS_PER_S)

static int compare(const void *pa, const void *pb)
{
	const struct gs_bot_process *a = &((const struct gs_store_bot *)pa)->process, *b = &((const struct gs_store_bot *)pb)->process;

	if (a->byte_order != b->byte_order)
		return a->byte_order < b->byte_order ? -1 : 1;
	if (a->pos_hi != b->pos_hi)
		return a->pos_hi < b->pos_hi ? -1 : 1;
	if (a->pos_lo != b->pos_lo)
		return a->pos_lo < b->pos_lo ? -1 : 1;
	return (a->first_seen.ns > b->first_seen.ns) - (a->first_seen.ns < b->first_seen.ns);
}

/* ---- attacks ---- */

static bool same_orders(const struct gs_bot_attack *a, const struct gs_bot_attack *b)
{
	return a->flood == b->flood && a->draws == b->draws && a->data_len == b->data_len && a->draws && a->round && b->round &&
	       (a->round % b->round == 0 || b->round % a->round == 0);
}

static bool not_sooner(struct gs_time t, struct gs_time than)
{
	int64_t late;

	return __builtin_sub_overflow(t.ns, than.ns, &late) ? t.ns > than.ns : late >= -SLACK_NS;
}

/* Whether b, which began later in time, is more of the same attack. */
static bool goes_on(const struct gs_bot_attack *a, const struct gs_bot_attack *b)
{
	int64_t apart, beyond;

	if (!same_orders(a, b) || !gs_bot_distance(a->begin, b->begin, &apart) || !gs_bot_distance(a->end, b->begin, &beyond))
		return false;
	if (!a->host_drawn && !b->host_drawn && apart % a->draws != 0)
		return false;
	if (beyond > 0) /* further along, and not sooner */
		return not_sooner(b->first_seen, a->last_seen);
	return not_sooner(a->last_seen, b->first_seen); /* the same stretch: two looks at one time */
}

static double expected(const struct gs_bot_attack *a)
{
	return a->loss >= 0 && a->loss < 1 ? (double)a->packets_seen / (1 - a->loss) : (double)a->packets_seen;
}

/* Where b counts from a start that a saw as well, its own expectation covers a's: then that of the whole stretch, for as many targets as were looked at. */
static double joined_expectation(const struct gs_bot_attack *a, const struct gs_bot_attack *b, uint64_t rounds)
{
	const double targets_a = expected(a) / (double)a->rounds, targets_b = expected(b) / (double)b->rounds;
	int64_t gap;

	if (!gs_bot_distance(a->end, b->begin, &gap) || gap > 0)
		return expected(a) + expected(b);
	return (targets_a > targets_b ? targets_a : targets_b) * (double)rounds;
}

static void attack_join(struct gs_bot_attack *a, const struct gs_bot_attack *b)
{
	const struct gs_bot_attack before = *a;
	int64_t d;

	if (gs_bot_distance(a->begin, b->begin, &d) && d < 0) {
		a->begin = b->begin;
		a->has_start = b->has_start;
	}
	if (gs_bot_distance(a->end, b->end, &d) && d > 0)
		a->end = b->end;
	if (b->round < a->round) { /* the smaller one divides the other: more distances, the truer number */
		a->round = b->round;
		a->targets = b->targets;
	}
	if (gs_bot_distance(a->begin, a->end, &d) && d >= 0)
		a->rounds = (uint64_t)d / a->round + 1;
	a->packets_sent = a->rounds * (a->targets ? a->targets : 1);
	const double all = joined_expectation(&before, b, a->rounds);
	a->packets_seen += b->packets_seen;
	a->targets_seen = b->targets_seen > a->targets_seen ? b->targets_seen : a->targets_seen;
	a->drawn |= b->drawn;
	a->host_drawn |= b->host_drawn;
	a->loss = all > (double)a->packets_seen ? 1 - (double)a->packets_seen / all : 0;
	a->first_seen = b->first_seen.ns < a->first_seen.ns ? b->first_seen : a->first_seen;
	a->last_seen = b->last_seen.ns > a->last_seen.ns ? b->last_seen : a->last_seen;
}

/* ---- processes ---- */

static void merge_sources(struct gs_bot_process *a, const struct gs_bot_process *b)
{
	bool whole = a->src_ips_exact && b->src_ips_exact && a->src_ips == a->n_src && b->src_ips == b->n_src;
	const uint64_t more = a->src_ips > b->src_ips ? a->src_ips : b->src_ips;

	for (unsigned i = 0; i < b->n_src; i++) {
		unsigned k = 0;
		while (k < a->n_src && !gs_addr_equal(&a->src[k], &b->src[i]))
			k++;
		if (k < a->n_src)
			continue;
		if (a->n_src == GS_BOT_SRC_SAMPLE)
			whole = false;
		else
			a->src[a->n_src++] = b->src[i];
	}
	a->src_ips = whole ? a->n_src : more > a->n_src ? more : a->n_src;
	a->src_ips_exact = whole;
}

static void merge_hops(struct gs_bot_process *a, const struct gs_bot_process *b)
{
	for (unsigned i = 0; i < b->n_hops; i++) {
		unsigned k = 0;
		while (k < a->n_hops && a->hop[k].hops != b->hop[i].hops)
			k++;
		if (k == GS_BOT_HOPS_MAX)
			continue;
		if (k == a->n_hops)
			a->hop[a->n_hops++] = b->hop[i];
		else
			a->hop[k].packets += b->hop[i].packets;
		for (; k > 0 && a->hop[k].packets > a->hop[k - 1].packets; k--) {
			const int16_t hops = a->hop[k].hops;
			const uint64_t packets = a->hop[k].packets;
			a->hop[k] = a->hop[k - 1];
			a->hop[k - 1].hops = hops;
			a->hop[k - 1].packets = packets;
		}
	}
	a->hops = a->n_hops ? a->hop[0].hops : -1;
}

static void merge_seed(struct gs_bot_process *a, const struct gs_bot_process *b)
{
	a->seed_steps = b->seed_steps > a->seed_steps ? b->seed_steps : a->seed_steps;
	if (a->seed_found || !b->seed_found)
		return;
	a->seed_found = true;
	a->bot_kind = b->bot_kind;
	a->bot_hi = b->bot_hi;
	a->bot_lo = b->bot_lo;
	a->seed_x = b->seed_x;
	a->seed_y = b->seed_y;
	a->seed_z = b->seed_z;
	memcpy(a->argv0, b->argv0, sizeof a->argv0);
	memcpy(a->comm, b->comm, sizeof a->comm);
}

/* Nanoseconds during which at least one of the attacks ran: few, so looked for one after the other. */
static uint64_t active_time(const struct gs_store_bot *b)
{
	uint64_t sum = 0;

	for (int64_t from = INT64_MIN;;) {
		int64_t start = INT64_MAX, end = INT64_MIN;
		for (unsigned i = 0; i < b->n_attacks; i++) /* the first that reaches beyond what is counted */
			if (b->attacks[i].last_seen.ns > from && b->attacks[i].first_seen.ns < start) {
				start = b->attacks[i].first_seen.ns;
				end = b->attacks[i].last_seen.ns;
			}
		if (end == INT64_MIN)
			return sum;
		sum += (uint64_t)end - (uint64_t)(start > from ? start : from);
		from = end;
	}
}

/* Of the attacks kept; where an attack's start is known but was not seen, a little too high. */
static void merge_rate(struct gs_store_bot *b)
{
	const uint64_t active = active_time(b);
	double sent = 0;

	for (unsigned i = 0; i < b->n_attacks; i++)
		sent += (double)b->attacks[i].packets_sent;
	if (active)
		b->process.rate_pps = sent / ((double)active / (double)GS_NS_PER_S);
}

static double expected_of(const struct gs_bot_process *p)
{
	return p->loss >= 0 && p->loss < 1 ? (double)p->packets_seen / (1 - p->loss) : (double)p->packets_seen;
}

static void process_join(struct gs_store_bot *to, const struct gs_store_bot *from)
{
	struct gs_bot_process *a = &to->process;
	const struct gs_bot_process *b = &from->process;
	double all = expected_of(a) + expected_of(b);

	a->packets_sent += b->packets_sent;
	a->attacks += b->attacks;
	for (unsigned i = 0; i < from->n_attacks; i++) {
		const struct gs_bot_attack *more = &from->attacks[i];
		unsigned k = 0;
		while (k < to->n_attacks && !goes_on(&to->attacks[k], more))
			k++;
		if (k < to->n_attacks) {
			struct gs_bot_attack *t = &to->attacks[k];
			const uint64_t apart = t->packets_sent + more->packets_sent;
			all -= expected(t) + expected(more);
			attack_join(t, more);
			all += expected(t);
			a->packets_sent += t->packets_sent - apart; /* modulo 2^64: a stretch seen twice counts once */
			a->attacks--;
		} else if (k < GS_STORE_BOT_ATTACKS) {
			to->attacks[to->n_attacks++] = *more;
		}
	}
	if (b->targets && (!a->targets || (b->targets_sure && !a->targets_sure) || (b->targets_sure == a->targets_sure && b->packets_seen > a->packets_seen))) {
		a->targets = b->targets;
		a->targets_sure = b->targets_sure;
	}
	if (b->packets_seen > a->packets_seen)
		a->class_ = b->class_;
	a->packets_seen += b->packets_seen;
	a->duplicates += b->duplicates;
	a->quoted += b->quoted;
	a->loss = a->loss < 0 && b->loss < 0 ? -1 : all > (double)a->packets_seen ? 1 - (double)a->packets_seen / all : 0;
	a->evidence = b->evidence > a->evidence ? b->evidence : a->evidence;
	merge_sources(a, b);
	merge_hops(a, b);
	merge_seed(a, b);
	merge_rate(to);
	a->first_seen = b->first_seen.ns < a->first_seen.ns ? b->first_seen : a->first_seen;
	a->last_seen = b->last_seen.ns > a->last_seen.ns ? b->last_seen : a->last_seen;
}

/* Within one process in order of time, so that attacks are joined as they went on. */
static int compare_times(const void *pa, const void *pb)
{
	const struct gs_bot_process *a = &((const struct gs_store_bot *)pa)->process, *b = &((const struct gs_store_bot *)pb)->process;

	return (a->first_seen.ns > b->first_seen.ns) - (a->first_seen.ns < b->first_seen.ns);
}

size_t gs_bots_merge(struct gs_store_bot *list, size_t n)
{
	size_t kept = 0;

	qsort(list, n, sizeof *list, compare);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && gs_bot_same_position(list[end].process.pos_hi, list[end].process.pos_lo, list[end - 1].process.pos_hi, list[end - 1].process.pos_lo);)
			end++;
		qsort(&list[i], end - i, sizeof *list, compare_times);
		for (size_t k = i + 1; k < end; k++)
			process_join(&list[i], &list[k]);
		if (kept != i)
			list[kept] = list[i];
		kept++;
	}
	return kept;
}
