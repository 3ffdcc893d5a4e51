/*
 * made.h - sightings made from a seed, for tests and measurements: the same numbers always give the same sightings
 */
#ifndef TESTS_STORE_MADE_H
#define TESTS_STORE_MADE_H

#include "grescope/sighting.h"

#include <string.h>

#define MADE_SESSIONS 20   /* at a time */

struct made {
	uint64_t state;
	uint32_t sources, dsts, sensors;
	int64_t start_ns, step_ns; /* mean distance of two sightings */
	int64_t now_ns;
	bool homely;               /* sources keep to few destinations, as behind one dark prefix; else any of them */
	bool bursty;               /* every second sighting is of a session: one source, one destination, window after window, 30 on average */
	struct {
		struct gs_sighting like;
		bool on;
	} session[MADE_SESSIONS];
	unsigned at;
};

static inline uint64_t made_random(struct made *m) /* splitmix64 */
{
	uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint32_t made_below(struct made *m, uint32_t n)
{
	return (uint32_t)((made_random(m) >> 32) * n >> 32);
}

static inline uint64_t made_mix(uint64_t v)
{
	struct made m = { .state = v };
	return made_random(&m);
}

static inline struct made made_start(uint64_t seed, uint32_t sources, uint32_t dsts, uint64_t count, int64_t start_ns, int64_t span_ns)
{
	return (struct made){ .state = seed, .sources = sources, .dsts = dsts, .sensors = 3, .start_ns = start_ns, .now_ns = start_ns,
		              .step_ns = count ? span_ns / (int64_t)count : span_ns };
}

/* Few sources are busy and most are rare: the cube of a uniform number. They lie in some 3,000 networks, one in fifty is IPv6. */
static inline struct gs_addr made_source(struct made *m, uint32_t *ret_rank)
{
	double u = (double)(made_random(m) >> 11) / 9007199254740992.0;
	uint32_t rank = (uint32_t)(u * u * u * m->sources);
	uint64_t h = made_mix(rank);
	struct gs_addr a = { .family = rank % 50 == 7 ? 6 : 4 };
	uint32_t net = (uint32_t)made_mix(UINT64_C(77) + rank % 3000) & 0xfffff000u;
	*ret_rank = rank;
	if (a.family == 6) {
		static const uint8_t base[4] = { 0x20, 0x01, 0x0d, 0xb8 };
		memcpy(a.b, base, 4);
		memcpy(a.b + 8, &h, 8);
		return a;
	}
	net += (uint32_t)(rank / 3000) * 17 + (uint32_t)(h & 15);
	a.b[0] = (uint8_t)(net >> 24);
	a.b[1] = (uint8_t)(net >> 16);
	a.b[2] = (uint8_t)(net >> 8);
	a.b[3] = (uint8_t)net;
	return a;
}

/* What a flood, a tunnel or a stray packet looks like at a window of 60 s. */
static inline void made_stray(struct made *m, struct gs_sighting *s)
{
	static const uint8_t classes[8] = { GS_CLASS_FLOOD_MIRAI_GREIP, GS_CLASS_FLOOD_MIRAI_GREIP, GS_CLASS_FLOOD_MIRAI_GREETH, GS_CLASS_REMNANT,
		                            GS_CLASS_TUNNEL_PPTP, GS_CLASS_UNKNOWN, GS_CLASS_SCAN_DECAP, GS_CLASS_BACKSCATTER };
	uint32_t rank;
	memset(s, 0, sizeof *s);
	s->src = made_source(m, &rank);
	uint64_t h = made_mix(UINT64_C(1000003) * rank);
	uint32_t dst = m->homely && made_below(m, 5) ? (uint32_t)h % m->dsts : made_below(m, m->dsts);
	uint8_t shape = made_below(m, 10) ? h >> 40 & 7 : made_below(m, 8);

	m->now_ns += (int64_t)(made_random(m) % (uint64_t)(2 * m->step_ns + 1));
	s->version = GS_SIGHTING_VERSION;
	s->first.ns = m->now_ns - m->now_ns % 1000;
	s->dst = (struct gs_addr){ .b = { 198, 18, (uint8_t)(dst >> 8), (uint8_t)dst }, .family = 4 };
	s->sensor = (uint16_t)(dst % m->sensors);
	s->class_ = classes[shape];
	s->confidence = shape < 3 ? 100 : 60;
	s->protocol = 47;
	s->sources = 1;
	s->packets = made_below(m, 3) ? 1 : 1 + made_below(m, shape < 3 ? 5000 : 20);
	s->last.ns = s->first.ns + (s->packets > 1 ? (int64_t)made_below(m, 60000000) * 1000 : 0);
	s->ip_len = shape < 3 ? 564 : 52 + made_below(m, 4) * 8;
	s->bytes = s->packets * s->ip_len;
	s->has = GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_TTL | GS_HAS_IP_LEN | GS_HAS_IP_ID | GS_HAS_DF;
	s->gre_proto = shape == 4 ? 0x880b : shape == 2 ? 0x6558 : 0x0800;
	s->gre_flags = shape == 4 ? 0x3001 : 0;
	s->ttl = s->ttl_min = s->ttl_max = (uint8_t)(40 + h % 24);
	if (shape == 4) {
		s->has |= GS_HAS_KEY | GS_HAS_SEQ;
		s->gre_key = 0x00400000 | (uint32_t)(h >> 16 & 0xffff);
		s->gre_seq = made_below(m, 100000);
		s->evidence = GS_EVIDENCE(GRE_VERSION1) | GS_EVIDENCE(PPP);
	} else {
		s->has |= GS_HAS_INNER | GS_HAS_PORTS;
		s->inner_src = (struct gs_addr){ .family = 4 };
		s->inner_dst = (struct gs_addr){ .family = 4 };
		uint64_t r = made_random(m);
		memcpy(s->inner_src.b, &r, 4);
		memcpy(s->inner_dst.b, (uint8_t *)&r + 4, 4);
		s->inner_proto = 17;
		s->inner_ttl = 64;
		r = made_random(m);
		s->inner_sport = (uint16_t)r;
		s->inner_dport = (uint16_t)(r >> 16);
		s->evidence = GS_EVIDENCE(SHAPE) | (shape < 3 ? GS_EVIDENCE(RECURRENCE) : 0);
		s->evidence_bits = shape < 3 ? 96 : 0;
	}
}

/* The next window of a session is like the one before, but for time and packets. */
static inline void made_next(struct made *m, struct gs_sighting *s)
{
	if (!m->bursty || made_below(m, 2)) {
		made_stray(m, s);
		return;
	}
	const unsigned i = m->at++ % MADE_SESSIONS;
	if (!m->session[i].on) {
		made_stray(m, &m->session[i].like);
		m->session[i].on = true;
		*s = m->session[i].like;
		return;
	}
	m->now_ns += (int64_t)(made_random(m) % (uint64_t)(2 * m->step_ns + 1));
	*s = m->session[i].like;
	s->first.ns = m->now_ns - m->now_ns % 1000;
	s->packets = 1 + made_below(m, 3000);
	s->last.ns = s->first.ns + (s->packets > 1 ? (int64_t)made_below(m, 60000000) * 1000 : 0);
	s->bytes = s->packets * s->ip_len;
	m->session[i].on = made_below(m, 30) > 0;
}

#endif
