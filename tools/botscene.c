#include "botscene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t scene_number(uint64_t *at)
{
	uint64_t z = *at += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double share(uint64_t *at)
{
	return (double)(scene_number(at) >> 11) / 9007199254740992.0;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

struct running {
	struct bot_attack attack;
	const struct scene_attack *orders;
	unsigned number, target;
	uint64_t sent;
	int64_t next_ns;
};

/* ---- a heap of what comes next ---- */

struct heap {
	struct running **r;
	unsigned n;
};

static bool before(const struct running *a, const struct running *b)
{
	return a->next_ns != b->next_ns ? a->next_ns < b->next_ns : a->number < b->number;
}

static void sink(struct heap *h, unsigned at)
{
	for (;;) {
		unsigned child = 2 * at + 1;
		if (child >= h->n)
			return;
		if (child + 1 < h->n && before(h->r[child + 1], h->r[child]))
			child++;
		if (!before(h->r[child], h->r[at]))
			return;
		struct running *r = h->r[at];
		h->r[at] = h->r[child];
		h->r[child] = r;
		at = child;
	}
}

/* ---- ordinary traffic ---- */

static size_t pptp_packet(uint64_t *at, unsigned n, uint8_t *p)
{
	const size_t data = 40 + scene_number(at) % 200, len = 20 + 16 + data;
	memset(p, 0, len);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[4] = (uint8_t)(n >> 8);
	p[5] = (uint8_t)n;
	p[8] = 60;
	p[9] = 47;
	put32(p + 12, 0xc000023d);
	put32(p + 16, 0xc6336421);
	put32(p + 20, 0x3081880b);
	put32(p + 24, (uint32_t)data << 16 | 0x04a1);
	put32(p + 28, n);
	put32(p + 32, n ? n - 1 : 0);
	for (size_t i = 0; i < data; i++)
		p[36 + i] = (uint8_t)scene_number(at);
	bot_ip_checksum(p);
	return len;
}

/* A telephone call in a plain tunnel: the bots' shape and default length, but other fields. */
static size_t tunnel_packet(uint64_t *at, unsigned n, uint8_t *p)
{
	const size_t len = 564;
	memset(p, 0, 52);
	for (int level = 0; level < 2; level++) {
		uint8_t *ip = p + 24 * level;
		const size_t left = len - 24 * (size_t)level;
		ip[0] = 0x45;
		ip[2] = (uint8_t)(left >> 8);
		ip[3] = (uint8_t)left;
		ip[4] = (uint8_t)((n + (level ? 500 : 7000)) >> 8);
		ip[5] = (uint8_t)(n + (level ? 500 : 7000));
		ip[6] = 0x40;
		ip[8] = level ? 63 : 55;
		ip[9] = level ? 17 : 47;
		put32(ip + 12, level ? 0x0a080002 : 0xc000023e);
		put32(ip + 16, level ? 0x0a090007 : 0xc6336421);
		bot_ip_checksum(ip);
	}
	put32(p + 20, 0x0800);
	put32(p + 44, 40000u << 16 | 5004);
	put32(p + 48, 520u << 16);
	for (size_t i = 52; i < len; i++)
		p[i] = (uint8_t)scene_number(at);
	return len;
}

/* ---- the scene ---- */

static void start(struct scene *s, struct running *r)
{
	for (unsigned i = 0; i < s->processes; i++) {
		struct scene_process *p = &s->process[i];
		if (p->seeded) {
			bot_seed(&p->bot, p->x, p->y, p->z, p->big_endian);
			bot_names(&p->bot, p->argv0, p->comm);
		} else {
			bot_set(&p->bot, p->state, p->big_endian);
		}
		for (unsigned k = 0; k < p->warm_up; k++)
			bot_draw(&p->bot);
	}
	for (unsigned i = 0; i < s->attacks; i++) {
		struct scene_attack *a = &s->attack[i];
		struct scene_process *p = &s->process[a->process];
		for (unsigned k = 0; k < a->draws_before; k++)
			bot_draw(&p->bot);
		r[i] = (struct running){ .orders = a, .number = i, .next_ns = s->start_ns + llround(a->at * 1e9) };
		bot_attack_start(&r[i].attack, &p->bot, &a->orders, p->address);
	}
}

static void background(uint64_t *at, unsigned *done, bool pptp, int64_t ns, void (*packet)(void *, const struct scene_packet *), void *arg)
{
	uint8_t ip[BOT_MAX_PACKET];
	const size_t len = pptp ? pptp_packet(at, *done, ip) : tunnel_packet(at, *done, ip);
	const struct scene_packet p = { .ip = ip, .len = len, .ns = ns, .process = -1 };
	++*done;
	packet(arg, &p);
}

bool scene_play(struct scene *s, void (*packet)(void *arg, const struct scene_packet *p), void *arg)
{
	struct running *r = calloc(s->attacks + 1, sizeof *r);
	struct heap h = { calloc(s->attacks + 1, sizeof *h.r), 0 };
	uint64_t at = s->seed, total = 0, shown = 0;
	unsigned pptp = 0, tunnel = 0;
	int64_t ns = s->start_ns;

	if (!r || !h.r) {
		free(r);
		free(h.r);
		return false;
	}
	start(s, r);
	for (unsigned i = 0; i < s->attacks; i++) {
		s->attack[i].sent = 0;
		total += s->attack[i].rounds * s->attack[i].orders.targets;
		if (s->attack[i].rounds)
			h.r[h.n++] = &r[i];
	}
	for (unsigned i = h.n; i-- > 0;)
		sink(&h, i);
	while (h.n) {
		struct running *now = h.r[0];
		const struct scene_attack *o = now->orders;
		const struct scene_process *p = &s->process[o->process];
		uint8_t ip[BOT_MAX_PACKET];
		struct scene_packet out = {
			.ip = ip, .ns = now->next_ns, .process = (int)o->process, .attack = now->number, .target = now->target,
			.round = now->attack.round, .draws_before = now->attack.bot.draws,
		};
		ns = out.ns;
		out.len = bot_attack_packet(&now->attack, now->target, p->hops, ip);
		out.draws_after = now->attack.bot.draws;
		if (p->sources) {
			put32(ip + 12, p->address + (uint32_t)(scene_number(&at) % p->sources));
			bot_ip_checksum(ip);
		}
		shown++;
		while (pptp < s->pptp && pptp * total < shown * s->pptp)
			background(&at, &pptp, true, ns, packet, arg);
		while (tunnel < s->tunnel && tunnel * total < shown * s->tunnel)
			background(&at, &tunnel, false, ns, packet, arg);
		const bool lost = share(&at) < s->loss || share(&at) < o->loss;
		const bool kept = s->sample <= 1 || scene_number(&at) % s->sample == 0;
		if (o->sees[now->target] && !lost && kept)
			packet(arg, &out);
		s->attack[now->number].sent = ++now->sent;
		now->target = (now->target + 1) % o->orders.targets;
		now->next_ns = s->start_ns + llround((o->at + (double)now->sent / o->pps) * 1e9);
		if (now->sent == o->rounds * o->orders.targets)
			h.r[0] = h.r[--h.n];
		sink(&h, 0);
	}
	while (pptp < s->pptp)
		background(&at, &pptp, true, ns += 10000000, packet, arg);
	while (tunnel < s->tunnel)
		background(&at, &tunnel, false, ns += 10000000, packet, arg);
	free(r);
	free(h.r);
	return true;
}
