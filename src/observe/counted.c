/*
 * counted.c - counts of the kernel and shapes of samples put together; counted.h says how
 *
 * Two tables, of this round and of the one before: a source that is seen all the time keeps its shapes although its first packets, which are
 * those sampled, were rounds ago, and one that is gone is forgotten without being looked for.
 */
#include "observe/counted.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define SHAPES 3

struct shaped {
	struct gs_addr addr;
	uint8_t n;
	uint32_t samples[SHAPES];
	struct gs_sighting shapes[SHAPES];
};

struct gs_counted {
	struct gs_map rounds[2];
	unsigned now;
	uint16_t sensor;
	struct gs_sighting_sink sink;
	/* of this round */
	uint64_t sources, packets;
	uint64_t by_class[GS_CLASS_COUNT];
	/* since ever */
	uint64_t shapeless, forgotten;
};

int gs_counted_new(size_t memory_bytes, uint64_t hash_seed, uint16_t sensor, const struct gs_sighting_sink *sink, struct gs_counted **ret, struct gs_error *err)
{
	struct gs_counted *c = calloc(1, sizeof *c);
	int r = c ? 0 : GS_ERR_NOMEM;

	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = gs_map_init(&c->rounds[i], sizeof(struct gs_addr), sizeof(struct shaped), memory_bytes / 2, hash_seed);
	if (r < 0) {
		gs_counted_free(c);
		return gs_fail(err, r, "out of memory");
	}
	c->sensor = sensor;
	c->sink = *sink;
	*ret = c;
	return 0;
}

void gs_counted_free(struct gs_counted *c)
{
	if (!c)
		return;
	gs_map_done(&c->rounds[0]);
	gs_map_done(&c->rounds[1]);
	free(c);
}

static bool same_shape(const struct gs_sighting *a, const struct gs_sighting *b)
{
	return gs_addr_equal(&a->dst, &b->dst) && a->class_ == b->class_ && a->gre_flags == b->gre_flags && a->gre_proto == b->gre_proto;
}

void gs_counted_sample(struct gs_counted *c, const struct gs_packet *p, const struct gs_verdict *v)
{
	struct gs_map *m = &c->rounds[c->now];
	struct gs_sighting s;
	bool is_new;
	unsigned i = 0;

	struct shaped *x = gs_map_get(m, gs_map_hash(m, &p->src), &p->src, &is_new);
	if (!x) {
		c->forgotten++;
		return;
	}
	gs_sighting_from_packet(p, v, c->sensor, &s);
	while (i < x->n && !same_shape(&x->shapes[i], &s))
		i++;
	if (i == SHAPES) /* a fourth shape counts as the first: of sources like this one no row says more */
		i = 0;
	else if (i == x->n)
		x->shapes[x->n++] = s;
	x->samples[i]++;
}

static const struct shaped *shapes_of(const struct gs_counted *c, const struct gs_addr *addr)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct gs_map *m = &c->rounds[c->now ^ i];
		const struct shaped *x = gs_map_find(m, gs_map_hash(m, addr), addr);
		if (x)
			return x;
	}
	return NULL;
}

static int give(struct gs_counted *c, struct gs_sighting *s, uint64_t packets, uint64_t bytes, struct gs_time first, struct gs_time last, struct gs_error *err)
{
	s->packets = packets;
	s->bytes = bytes;
	s->first = first;
	s->last = last;
	s->fidelity = GS_FIDELITY_SAMPLED;
	c->by_class[s->class_] += packets;
	return c->sink.take(c->sink.arg, s, 1, err);
}

/* v * part / whole without overflow; part <= whole, both below 2^32 times a few */
static uint64_t share(uint64_t v, uint64_t part, uint64_t whole)
{
	return (uint64_t)((__extension__ (unsigned __int128)v) * part / whole);
}

int gs_counted_source(struct gs_counted *c, const struct gs_addr *addr, uint64_t packets, uint64_t bytes, struct gs_time first, struct gs_time last, struct gs_error *err)
{
	const struct shaped *x = shapes_of(c, addr);
	struct gs_sighting s;
	uint64_t samples = 0;
	int r = 0;

	c->sources++;
	c->packets += packets;
	if (!x) {
		c->shapeless++;
		s = (struct gs_sighting){ .src = *addr, .sources = 1, .sensor = c->sensor, .version = GS_SIGHTING_VERSION, .protocol = 47 };
		return give(c, &s, packets, bytes, first, last, err);
	}
	for (unsigned i = 0; i < x->n; i++)
		samples += x->samples[i];
	/* each shape takes its share of what is left, the last one all of it: nothing is lost to rounding */
	for (unsigned i = 0; r == 0 && packets > 0 && i < x->n; i++) {
		const bool last_one = i + 1 == x->n;
		const uint64_t n = last_one ? packets : share(packets, x->samples[i], samples);
		const uint64_t b = last_one || n == packets ? bytes : share(bytes, n, packets);
		samples -= x->samples[i];
		if (n == 0)
			continue;
		s = x->shapes[i];
		r = give(c, &s, n, b, first, last, err);
		packets -= n;
		bytes -= b;
	}
	return r;
}

static uint8_t commonest(const struct gs_counted *c)
{
	uint8_t best = 0;

	for (unsigned i = 1; i < GS_CLASS_COUNT; i++)
		if (c->by_class[i] > c->by_class[best])
			best = (uint8_t)i;
	return best;
}

int gs_counted_rest(struct gs_counted *c, uint64_t packets, uint64_t bytes, struct gs_time first, struct gs_time last, struct gs_error *err)
{
	int r = 0;

	if (packets) {
		uint64_t n = c->packets ? share(packets, c->sources < c->packets ? c->sources : c->packets, c->packets) : 1;
		n = n ? n : 1;
		struct gs_sighting s = { .class_ = commonest(c), .sources = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, .evidence = GS_EVIDENCE(FOLDED),
					 .flags = GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED, .sensor = c->sensor, .version = GS_SIGHTING_VERSION, .protocol = 47 };
		r = give(c, &s, packets, bytes, first, last, err);
	}
	c->now ^= 1;
	gs_map_clear(&c->rounds[c->now], SIZE_MAX / 2);
	c->sources = c->packets = 0;
	memset(c->by_class, 0, sizeof c->by_class);
	return r;
}

void gs_counted_gaps(const struct gs_counted *c, uint64_t *ret_shapeless, uint64_t *ret_forgotten)
{
	*ret_shapeless = c->shapeless;
	*ret_forgotten = c->forgotten;
}
