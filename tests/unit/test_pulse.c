/*
 * test_pulse.c - pulses against plain counting: exact where they promise it, within their own bounds where they do not
 *
 * --measure prints what a packet costs, as batches of 64 have it.
 */
#include "observe/pulse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define BATCH 64

static uint64_t state = 1;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct gs_addr addr_of(uint32_t n)
{
	const uint8_t b[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	return gs_addr_v4(b);
}

static void feed(struct gs_pulse *pu, uint32_t src, uint32_t dst, unsigned class_, uint64_t times)
{
	struct gs_packet p = { .has = GS_HAS_IP_LEN, .ip_len = 52, .src = addr_of(src), .dst = addr_of(dst), .ts = { (int64_t)times } };
	const struct gs_packet *pp = &p;
	const struct gs_verdict v = { .class_ = (uint8_t)class_ };

	for (uint64_t i = 0; i < times; i++)
		gs_pulse_packets(pu, &pp, &v, 1);
}

static struct gs_pulse *fresh(void)
{
	struct gs_pulse *pu;

	assert_int_equal(gs_pulse_new(7, (struct gs_time){ 0 }, &pu, NULL), 0);
	return pu;
}

static struct gs_pulse_second *taken(struct gs_pulse *pu, int64_t s)
{
	struct gs_pulse_second *ret = malloc(sizeof *ret);

	gs_pulse_take(pu, (struct gs_time){ s * GS_NS_PER_S }, 3, 2, ret);
	assert_true(gs_pulse_sound(ret));
	return ret;
}

static void nothing_is_nothing(void **unused)
{
	struct gs_pulse *pu = fresh();
	struct gs_pulse_second *s = taken(pu, 1);

	assert_int_equal(s->packets + s->bytes + s->sources + s->targets + s->n_sources + s->n_targets, 0);
	assert_int_equal(s->last.ns, GS_TIME_MIN.ns);
	assert_int_equal(s->end.ns, GS_NS_PER_S);
	assert_int_equal(s->bots, 3);
	assert_int_equal(s->late, 2);
	for (unsigned k = 0; k < GS_PULSE_SKETCHES; k++)
		assert_int_equal(s->sketch_class[k], GS_CLASS_COUNT);
	free(s);
	gs_pulse_free(pu);
}

static void few_are_exact(void **unused)
{
	struct gs_pulse *pu = fresh();

	for (unsigned round = 0; round < 2; round++) { /* the second finds nothing of the first */
		for (uint32_t i = 1; i <= 12; i++)
			feed(pu, 0xc0000200 + i, 0xcb007101 + i % 2, i % 3 ? GS_CLASS_REMNANT : GS_CLASS_TUNNEL_PPTP, 10 * i);
		struct gs_pulse_second *s = taken(pu, 1 + round);
		assert_int_equal(s->packets, 780);
		assert_int_equal(s->bytes, 780 * 52);
		assert_int_equal(s->sources, 12);
		assert_int_equal(s->targets, 2);
		assert_int_equal(s->n_sources, 12);
		assert_int_equal(s->last.ns, 120);
		for (unsigned i = 0; i < 12; i++) {
			const struct gs_addr want = addr_of(0xc0000200 + 12 - i);
			assert_true(gs_addr_equal(&s->source[i].addr, &want));
			assert_int_equal(s->source[i].packets, 10 * (12 - i));
			assert_int_equal(s->source[i].error, 0);
			assert_int_equal(s->source[i].class_, (12 - i) % 3 ? GS_CLASS_REMNANT : GS_CLASS_TUNNEL_PPTP);
		}
		assert_int_equal(s->class_[GS_CLASS_REMNANT].packets, 10 * (1 + 2 + 4 + 5 + 7 + 8 + 10 + 11));
		assert_int_equal(s->class_[GS_CLASS_REMNANT].sources, 8);
		assert_int_equal(s->class_[GS_CLASS_TUNNEL_PPTP].sources, 4);
		assert_int_equal(s->sketch_class[0], GS_CLASS_REMNANT);
		assert_int_equal(s->sketch_class[1], GS_CLASS_TUNNEL_PPTP);
		assert_int_equal(gs_hll_count(&s->sketch[0]), 8);
		free(s);
	}
	gs_pulse_free(pu);
}

/* The same sources under another class count there too, though no address changed in between. */
static void classes_have_their_own_sources(void **unused)
{
	struct gs_pulse *pu = fresh();

	for (unsigned i = 0; i < 10; i++)
		feed(pu, 1, 2, i % 2 ? GS_CLASS_REMNANT : GS_CLASS_UNKNOWN, 1);
	struct gs_pulse_second *s = taken(pu, 1);
	assert_int_equal(s->class_[GS_CLASS_REMNANT].sources, 1);
	assert_int_equal(s->class_[GS_CLASS_UNKNOWN].sources, 1);
	assert_int_equal(s->class_[GS_CLASS_UNKNOWN].targets, 1);
	assert_int_equal(s->sources, 1);
	free(s);
	gs_pulse_free(pu);
}

/* What comes counted adds up with what comes one by one, of the same addresses and others, in any order. */
static void counted_ones_add_up(void **unused)
{
	struct gs_pulse *pu = fresh();
	struct gs_sighting s = { .packets = 1000, .bytes = 52000, .sources = 1, .src = addr_of(1), .dst = addr_of(9), .class_ = GS_CLASS_REMNANT, .last = { 77 } };

	feed(pu, 1, 9, GS_CLASS_REMNANT, 5);
	gs_pulse_sighting(pu, &s);
	feed(pu, 1, 9, GS_CLASS_REMNANT, 5);
	s.src = addr_of(2);
	s.packets = 10;
	s.bytes = 520;
	gs_pulse_sighting(pu, &s);
	feed(pu, 1, 9, GS_CLASS_REMNANT, 1);
	s = (struct gs_sighting){ .packets = 100, .bytes = 5200, .sources = 40, .class_ = GS_CLASS_UNKNOWN };
	gs_pulse_sighting(pu, &s);
	struct gs_pulse_second *t = taken(pu, 1);
	const struct gs_addr one = addr_of(1), two = addr_of(2), nine = addr_of(9);
	assert_int_equal(t->packets, 1121);
	assert_int_equal(t->bytes, 1121 * 52);
	assert_int_equal(t->last.ns, 77);
	assert_int_equal(t->class_[GS_CLASS_REMNANT].packets, 1021);
	assert_int_equal(t->class_[GS_CLASS_REMNANT].sources, 2);
	assert_int_equal(t->class_[GS_CLASS_UNKNOWN].packets, 100);
	assert_int_equal(t->n_sources, 2);
	assert_true(gs_addr_equal(&t->source[0].addr, &one));
	assert_int_equal(t->source[0].packets, 1011);
	assert_true(gs_addr_equal(&t->source[1].addr, &two));
	assert_int_equal(t->source[1].packets, 10);
	assert_int_equal(t->n_targets, 1);
	assert_true(gs_addr_equal(&t->target[0].addr, &nine));
	assert_int_equal(t->target[0].packets, 1021);
	free(t);
	gs_pulse_free(pu);
}

/* Ten heavy sources among 100,000 forged ones: found, and every bound holds. */
static void heavy_ones_are_found(void **unused)
{
	for (unsigned run = 0; run < 20; run++) {
		struct gs_pulse *pu = fresh();
		uint64_t sent[10] = { 0 };
		unsigned found = 0;

		for (unsigned i = 0; i < 200000; i++) {
			const uint64_t r = next();
			const unsigned heavy = (unsigned)(r % 20);
			if (heavy < 10)
				sent[heavy]++;
			feed(pu, heavy < 10 ? 0xc6336400 + heavy + run * 16 : (uint32_t)(r >> 32), 0xcb007101, GS_CLASS_UNKNOWN, 1);
		}
		struct gs_pulse_second *s = taken(pu, 1);
		assert_int_equal(s->packets, 200000);
		assert_int_equal(s->targets, 1);
		assert_in_range(s->sources, 95000, 105000);
		for (unsigned i = 0; i < s->n_sources; i++)
			for (unsigned h = 0; h < 10; h++) {
				const struct gs_addr want = addr_of(0xc6336400 + h + run * 16);
				if (!gs_addr_equal(&s->source[i].addr, &want))
					continue;
				found++;
				assert_true(s->source[i].packets >= sent[h]);
				assert_true(s->source[i].packets - s->source[i].error <= sent[h]);
			}
		assert_int_equal(found, 10);
		free(s);
		gs_pulse_free(pu);
	}
}

/* Forged sources alone: nothing stands out, and it says so. */
static void forged_sources_claim_nothing(void **unused)
{
	struct gs_pulse *pu = fresh();

	for (unsigned i = 0; i < 300000; i++)
		feed(pu, (uint32_t)next(), 0xcb007101, GS_CLASS_UNKNOWN, 1);
	struct gs_pulse_second *s = taken(pu, 1);
	for (unsigned i = 0; i < s->n_sources; i++)
		assert_true(s->source[i].packets - s->source[i].error <= 3);
	free(s);
	gs_pulse_free(pu);
}

static void engines_merge(void **unused)
{
	struct gs_pulse *one = fresh(), *two = fresh();

	for (uint32_t i = 1; i <= 20; i++)
		feed(i % 2 ? one : two, i, 5, i <= 10 ? GS_CLASS_REMNANT : GS_CLASS_SCAN_DECAP, i);
	feed(two, 1, 5, GS_CLASS_TUNNEL_DATA, 100); /* a source that both saw */
	struct gs_pulse_second *a = taken(one, 1), *b = taken(two, 2);
	gs_pulse_merge(a, b);
	assert_true(gs_pulse_sound(a));
	assert_int_equal(a->packets, 310);
	assert_int_equal(a->class_[GS_CLASS_SCAN_DECAP].sources, 10);
	assert_int_equal(a->targets, 1);
	assert_int_equal(a->bots, 6);
	assert_int_equal(a->n_sources, 16);
	assert_int_equal(a->source[0].packets, 101);
	assert_int_equal(a->source[1].packets, 20);
	assert_int_equal(a->end.ns, 2 * GS_NS_PER_S);
	unsigned scan = a->sketch_class[0] == GS_CLASS_SCAN_DECAP ? 0 : 1;
	assert_int_equal(a->sketch_class[scan], GS_CLASS_SCAN_DECAP);
	assert_int_equal(gs_hll_count(&a->sketch[scan]), 10);
	free(a);
	free(b);
	gs_pulse_free(one);
	gs_pulse_free(two);
}

static void lies_are_seen(void **unused)
{
	struct gs_pulse *pu = fresh();

	feed(pu, 1, 2, GS_CLASS_REMNANT, 5);
	struct gs_pulse_second *good = taken(pu, 1), *s = malloc(sizeof *s);
#define LIE(change) do { *s = *good; change; assert_false(gs_pulse_sound(s)); } while (0)
	LIE(s->version++);
	LIE(s->n_sources = GS_PULSE_TOP + 1);
	LIE(s->n_targets = UINT16_MAX);
	LIE(s->packets++);
	LIE(s->bytes--);
	LIE(s->end.ns = -1);
	LIE(s->source[0].class_ = GS_CLASS_COUNT);
	LIE(s->source[0].error = s->source[0].packets + 1);
	LIE(s->target[0].addr.family = 5);
	LIE(s->sketch_class[0] = GS_CLASS_COUNT + 1);
	LIE(s->sketch[0].reg[77] = 54);
	LIE(s->class_[GS_CLASS_REMNANT].sources = 6);
	LIE(s->bots = UINT64_MAX);
	free(good);
	free(s);
	gs_pulse_free(pu);
}

#define MANY (1u << 14)

/* One round over all addresses, in batches whose packets are as warm as the decoder leaves them; ns a packet. */
static double one_round(struct gs_pulse *pu, const struct gs_addr *src, const struct gs_verdict *v)
{
	static struct gs_packet p[BATCH];
	const struct gs_packet *pp[BATCH];
	struct timespec a, b;

	for (unsigned i = 0; i < BATCH; i++) {
		p[i] = (struct gs_packet){ .has = GS_HAS_IP_LEN, .ip_len = 52, .dst = addr_of(0xcb007101), .ts = { i } };
		pp[i] = &p[i];
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < MANY; i += BATCH) {
		for (unsigned k = 0; k < BATCH; k++)
			p[k].src = src[i + k];
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* decoding a batch leaves no store pending */
		if (pu)
			gs_pulse_packets(pu, pp, v + i, BATCH);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / MANY;
}

static void measure(const char *name, uint32_t sources, unsigned heavy_share)
{
	static struct gs_addr src[MANY];
	static struct gs_verdict v[MANY];
	struct gs_pulse *pu = fresh();
	struct gs_pulse_second *s = malloc(sizeof *s);
	double best = 1e9, idle = 1e9, take = 1e9;

	for (unsigned i = 0; i < MANY; i++) {
		src[i] = addr_of(next() % 100 < heavy_share ? (uint32_t)(next() % 8) : (uint32_t)(next() % sources));
		v[i].class_ = next() % 100 < 90 ? GS_CLASS_FLOOD_MIRAI_GREIP : GS_CLASS_REMNANT;
	}
	for (unsigned r = 0; r < 400; r++) {
		const double t = one_round(pu, src, v), t0 = one_round(NULL, src, v);
		best = t < best ? t : best;
		idle = t0 < idle ? t0 : idle;
		if (r % 20 == 19) {
			struct timespec a, b;
			clock_gettime(CLOCK_MONOTONIC, &a);
			gs_pulse_take(pu, (struct gs_time){ (int64_t)r * GS_NS_PER_S }, 0, 0, s);
			clock_gettime(CLOCK_MONOTONIC, &b);
			const double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
			take = us < take ? us : take;
		}
	}
	printf("%-30s %5.1f ns a packet, %.0f us a take\n", name, best - idle, take);
	free(s);
	gs_pulse_free(pu);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(few_are_exact),
		cmocka_unit_test(classes_have_their_own_sources),
		cmocka_unit_test(counted_ones_add_up),
		cmocka_unit_test(heavy_ones_are_found),
		cmocka_unit_test(forged_sources_claim_nothing),
		cmocka_unit_test(engines_merge),
		cmocka_unit_test(lies_are_seen),
	};

	if (argc > 1 && strcmp(argv[1], "--measure") == 0) {
		measure("one source", 1, 0);
		measure("200 sources", 200, 0);
		measure("half from 8, half forged", UINT32_MAX, 50);
		measure("every packet a new source", UINT32_MAX, 0);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
