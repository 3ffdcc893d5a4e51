/* made_scene.h - plays a scene into a tracker and holds every answer against the truth */
#ifndef TESTS_FORENSICS_MADE_SCENE_H
#define TESTS_FORENSICS_MADE_SCENE_H

#include "botscene.h"
#include "forensics/made.h"

struct playing {
	struct gs_tracker *tracker;
	size_t snap;              /* octets of IP packet captured; 0: all */
	unsigned prove_flags;
	bool quoted;              /* as an ICMP error shows them */
	int32_t *number;          /* of each process of the scene, -1 not met */
	int32_t *owner;           /* of each number, the scene's process; -1 none */
	unsigned room;
	uint64_t packets, right, wrong, split, pending, refused, ordinary_taken;
	uint64_t *seen;           /* per scene process */
	uint64_t (*rounds)[BOT_MAX_TARGETS]; /* per attack and target: up to the last packet seen */
	uint64_t *attack_seen;
};

/* What there is to know of an attack from its start to its last packet seen: rounds, and the share lost. */
static inline uint64_t true_rounds(const struct playing *p, unsigned attack)
{
	uint64_t most = 0;
	for (unsigned i = 0; i < BOT_MAX_TARGETS; i++)
		most = p->rounds[attack][i] > most ? p->rounds[attack][i] : most;
	return most;
}

static inline double true_loss(const struct playing *p, unsigned attack)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < BOT_MAX_TARGETS; i++)
		sum += p->rounds[attack][i];
	return 1 - (double)p->attack_seen[attack] / (double)sum;
}

static inline void playing_done(struct playing *p)
{
	free(p->number);
	free(p->owner);
	free(p->seen);
	free(p->rounds);
	free(p->attack_seen);
}

static inline void playing_init(struct playing *p, struct gs_tracker *t, const struct scene *s, unsigned room)
{
	*p = (struct playing){ .tracker = t, .room = room };
	p->number = malloc((s->processes + 1) * sizeof *p->number);
	p->owner = malloc(room * sizeof *p->owner);
	p->seen = calloc(s->processes + 1, sizeof *p->seen);
	p->rounds = calloc(s->attacks + 1, sizeof *p->rounds);
	p->attack_seen = calloc(s->attacks + 1, sizeof *p->attack_seen);
	memset(p->number, 0xff, (s->processes + 1) * sizeof *p->number);
	memset(p->owner, 0xff, room * sizeof *p->owner);
}

/* The callback of scene_play. A process met under a second number is `split`, a number met for a second process `wrong`. */
static inline void play_packet(void *arg, const struct scene_packet *sp)
{
	struct playing *p = arg;
	struct gs_bot_input in;
	struct gs_bot_proof proof = { 0 };
	const size_t cap = p->snap && p->snap < sp->len ? p->snap : sp->len;

	p->packets++;
	memset(&in, 0, sizeof in);
	if (gs_bot_input_from_ipv4(sp->ip, cap, &in)) {
		if (p->quoted)
			in.flags |= GS_BOT_IN_QUOTED;
		gs_bot_prove(&in, p->prove_flags, &proof);
	}
	const int32_t n = gs_tracker_add(p->tracker, &in, &proof, (struct gs_time){ sp->ns });
	if (sp->process < 0) {
		p->ordinary_taken += n >= 0;
		return;
	}
	p->seen[sp->process]++;
	p->attack_seen[sp->attack]++;
	p->rounds[sp->attack][sp->target] = sp->round + 1;
	if (n < 0) {
		p->pending += n == GS_TRACK_PENDING;
		p->refused += n != GS_TRACK_PENDING;
		return;
	}
	if ((unsigned)n >= p->room)
		abort();
	if (p->owner[n] < 0)
		p->owner[n] = sp->process;
	if (p->number[sp->process] < 0)
		p->number[sp->process] = n;
	if (p->owner[n] != sp->process)
		p->wrong++;
	else if (p->number[sp->process] != n)
		p->split++;
	else
		p->right++;
}

static inline void any_process(struct scene_process *p, uint64_t *at, unsigned number_of)
{
	memset(p, 0, sizeof *p);
	snprintf(p->name, sizeof p->name, "p%u", number_of);
	p->big_endian = number(at) & 1;
	p->seeded = true;
	p->x = 1470000000u + (uint32_t)(number(at) % 400000000);
	p->y = 1 + (uint32_t)(number(at) % 32767);
	p->z = (uint32_t)(number(at) % 30) * 10000;
	p->warm_up = (unsigned)(number(at) % 20);
	p->address = 0xc0000200u + number_of % 250;
	p->hops = 3 + (unsigned)(number(at) % 20);
}

static inline struct scene_attack attack_of(unsigned process, bool greeth, unsigned len, unsigned targets, uint64_t rounds)
{
	struct scene_attack a = { .process = process, .orders = orders_for(greeth, len), .pps = 1000, .rounds = rounds };
	a.orders.targets = targets;
	for (unsigned i = 0; i < targets; i++)
		a.orders.target[i] = (struct bot_target){ SENSOR + i, 32 };
	a.sees[0] = true;
	return a;
}

#endif
