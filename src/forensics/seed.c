/*
 * seed.c - how a process was seeded: the generator run backwards until its state looks like a seed
 *
 * The published code seeds the four words with the time, pid xor parent pid, the CPU clock, and the xor of the latter two; the main process then draws only for its two hidden
 * names, for look-ups and failed connections, and an attack is a forked copy. So the seed lies a few dozen draws before an attack's start, and the
 * start lies a whole number of packets before any packet of it. The search sees both pass by: the draw that became the attack's inner source address, and the seed.
 *
 * The test of a state is two comparisons on words that the step needs anyway. By chance w = y ^ z holds once in 2^32, the bounds on x, y and z once in 2^13 more.
 * Source: gre-threats, section 5; names: main.c and rand.c of the published code (lengths: 3 to 6 and 3 to 8 words; alphabet: 32 letters, five bits of each octet).
 */
#include "forensics/xorshift128.h"

#define RANDOM_BITS 45 /* 32 of w = y ^ z, 1 + 10 + 2 of the bounds on x, y, z */

void gs_bot_seed_start(struct gs_bot_seed *job, const struct gs_bot_state *from, uint32_t inner_src, uint64_t budget)
{
	*job = (struct gs_bot_seed){
		.from = *from,
		.at = *from,
		.budget = budget,
		.after_start = GS_BOT_SEED_AFTER_START,
		.inner_src = inner_src,
	};
}

static bool state_is_seed(uint32_t x, uint32_t y, uint32_t z, uint32_t w)
{
	return w == (y ^ z) && y != 0 && y <= GS_BOT_SEED_MAX_Y && z <= GS_BOT_SEED_MAX_Z && x <= GS_BOT_SEED_MAX_X;
}

/*
 * Whether the draw of the inner source may lie `back` draws before the packet's first: the targets after this one drew theirs, whole rounds passed, and in the packet's own
 * round the targets before this one had their packets. A host part is drawn before the packet, and where only some targets are prefixes the number of
 * such draws in the round is not known.
 */
static bool start_fits(const struct gs_bot_seed *job, uint64_t back)
{
	if (job->fit_step == 0)
		return true;
	const uint64_t rest = back % job->fit_step;
	for (uint32_t target = 0; target < job->fit_targets; target++) {
		const uint64_t least = job->fit_targets - 1u - target + (uint64_t)target * job->fit_draws;
		const uint64_t most = least + (job->fit_host ? target + 1u : 0);
		if ((rest >= least && rest <= most) || rest + job->fit_step <= most)
			return true;
	}
	return false;
}

static void found(struct gs_bot_seed *job)
{
	const unsigned steps = job->steps ? 64 - (unsigned)__builtin_clzll(job->steps) : 0;
	job->x = job->at.w[0];
	job->y = job->at.w[1];
	job->z = job->at.w[2];
	job->bits = (uint16_t)(RANDOM_BITS - (steps < RANDOM_BITS ? steps : RANDOM_BITS));
	gs_bot_seed_names(job->x, job->y, job->z, job->argv0, job->comm);
	job->status = GS_BOT_SEED_FOUND;
}

enum gs_bot_seed_status gs_bot_seed_run(struct gs_bot_seed *job, uint64_t steps)
{
	if (job->status != GS_BOT_SEED_SEARCHING)
		return job->status;
	uint64_t end = job->budget - job->steps > steps ? job->steps + steps : job->budget, at = job->steps;
	uint32_t x = job->at.w[0], y = job->at.w[1], z = job->at.w[2], w = job->at.w[3];
	/* 0 is drawn as an inner source once in 2^32; as a number that stands for "unknown" it would only slow the search */
	const bool want_start = job->inner_src != 0 && !job->has_start;
	bool is_seed = false;

	for (;; at++) {
		if (__builtin_expect(want_start && w == job->inner_src && !job->has_start, 0) && start_fits(job, at)) {
			job->has_start = true;
			job->start = at;
			if (job->budget - at > job->after_start)
				job->budget = at + job->after_start;
			if (end > job->budget)
				end = job->budget;
		}
		if (__builtin_expect(y <= GS_BOT_SEED_MAX_Y, 0) && state_is_seed(x, y, z, w)) {
			is_seed = true;
			break;
		}
		if (at >= end)
			break;
		const uint32_t v = xorshift_oldest(z, w);
		w = z;
		z = y;
		y = x;
		x = v;
	}
	job->steps = at;
	job->at = (struct gs_bot_state){ { x, y, z, w } };
	if (is_seed)
		found(job);
	else if (at >= job->budget)
		job->status = GS_BOT_SEED_NOT_FOUND;
	return job->status;
}

static void name_of(struct gs_bot_state *s, unsigned words, char *out)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvw012345678";
	for (unsigned i = 0; i < words; i++) {
		const uint32_t v = xorshift_forward(s);
		for (unsigned k = 0; k < 32; k += 8)
			*out++ = alphabet[v >> (k + 3) & 31];
	}
	*out = '\0';
}

void gs_bot_seed_names(uint32_t x, uint32_t y, uint32_t z, char argv0[GS_BOT_NAME_MAX], char comm[GS_BOT_NAME_MAX])
{
	struct gs_bot_state s = { { x, y, z, y ^ z } };
	const unsigned first = xorshift_forward(&s) % 4 + 3;
	name_of(&s, first, argv0);
	const unsigned second = xorshift_forward(&s) % 6 + 3;
	name_of(&s, second, comm);
	comm[15] = '\0'; /* the kernel keeps no more */
}
