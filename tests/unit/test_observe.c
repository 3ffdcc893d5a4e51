/* test_observe.c - counts are the product: whatever the windows, the cap and the clock do, packets and bytes add up */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "observe/observe.h"

struct got {
	uint64_t packets, bytes, sightings, folded, sources_folded, forged;
	int64_t last_first_ns;
	int fail_at;
	struct gs_sighting sample;
};

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct got *g = arg;
	if (g->fail_at && g->sightings >= (uint64_t)g->fail_at)
		return gs_fail(err, GS_ERR_IO, "the sink is full");
	for (size_t i = 0; i < n; i++) {
		g->packets += s[i].packets;
		g->bytes += s[i].bytes;
		g->folded += s[i].flags & GS_SIGHTING_FOLDED ? s[i].packets : 0;
		g->forged += s[i].class_ == GS_CLASS_FLOOD_GRE && s[i].evidence & GS_EVIDENCE(FORGED) ? s[i].packets : 0;
		g->sources_folded += s[i].flags & GS_SIGHTING_FOLDED ? s[i].sources : 0;
		assert_true(s[i].first.ns <= s[i].last.ns);
		assert_int_equal(s[i].version, GS_SIGHTING_VERSION);
		assert_int_equal(s[i].summed, 0); /* folded or not, none is a sum of sightings */
	}
	g->sightings += n;
	g->sample = s[n - 1];
	return 0;
}

static struct gs_packet packet(uint32_t src, int64_t ms)
{
	struct gs_packet p = { .outcome = GS_OUT_GRE, .ts = { ms * 1000000 }, .ip_len = 52, .ttl = 50, .gre_proto = 0x0800,
			       .has = GS_HAS_TTL | GS_HAS_IP_LEN };
	p.src = gs_addr_v4((uint8_t[]){ (uint8_t)(src >> 24), (uint8_t)(src >> 16), (uint8_t)(src >> 8), (uint8_t)src });
	p.dst = gs_addr_v4((uint8_t[]){ 198, 51, 100, 47 });
	p.inner_src = p.inner_dst = gs_addr_v4((uint8_t[]){ 203, 0, 113, 1 });
	return p;
}

static struct gs_observe *new_observe(struct got *g, int64_t window_s, size_t memory)
{
	struct gs_observe_options o = { .window_s = window_s, .memory_bytes = memory, .hash_seed = 1 };
	struct gs_sighting_sink sink = { take, g };
	struct gs_observe *ob = NULL;
	assert_int_equal(gs_observe_new(&o, &sink, &ob, NULL), 0);
	return ob;
}

static int add(struct gs_observe *ob, struct gs_packet p)
{
	const struct gs_packet *list[] = { &p };
	struct gs_verdict v = { 0 };
	return gs_observe_packets(ob, list, &v, NULL, 1, NULL);
}

static void one_window_one_sighting(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	for (int i = 0; i < 100; i++)
		add(ob, packet(7, i * 500));          /* 50 s: one window */
	struct gs_packet low = packet(7, 59000);
	low.ttl = 40;
	add(ob, low);
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.sightings, 1);
	assert_int_equal(g.packets, 101);
	assert_int_equal(g.bytes, 101 * 52);
	assert_int_equal(g.sample.ttl_min, 40);
	assert_int_equal(g.sample.ttl_max, 50);
	assert_int_equal(g.sample.last.ns, INT64_C(59000000000));
	gs_observe_free(ob);
}

static void a_late_packet_joins_its_window(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	add(ob, packet(7, 59000));
	add(ob, packet(7, 61000));
	add(ob, packet(7, 58000)); /* the window before is still open */
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.sightings, 2);
	gs_observe_free(ob);
}

static void a_clock_that_jumps_loses_nothing(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_tally t = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	for (int i = 0; i < 1000; i++)
		add(ob, packet((uint32_t)i % 10, i % 3 ? i * 1000 : 5000000 - i * 7000));
	struct gs_packet ends[] = { packet(1, 0), packet(1, 0) };
	ends[0].ts = GS_TIME_MAX;
	ends[1].ts = GS_TIME_MIN;
	add(ob, ends[0]);
	add(ob, ends[1]);
	add(ob, ends[0]);
	gs_observe_flush(ob, NULL);
	gs_observe_tally(ob, &t);
	assert_int_equal(g.packets, 1003);
	assert_true(t.late_packets > 0);
	assert_int_equal(t.sightings, g.sightings);
	gs_observe_free(ob);
}

static void past_the_cap_packets_fold(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_tally t = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 4 << 20);
	const uint32_t n = 200000;
	for (uint32_t i = 0; i < n; i++)
		add(ob, packet(i * 2654435761u, 1000));
	gs_observe_flush(ob, NULL);
	gs_observe_tally(ob, &t);
	assert_int_equal(g.packets, n);
	assert_int_equal(g.bytes, (uint64_t)n * 52);
	assert_int_equal(t.folded_packets, g.folded);
	assert_true(g.folded > n / 2 && g.folded < n);
	assert_true(g.sources_folded > g.folded * 95 / 100 && g.sources_folded < g.folded * 105 / 100);
	assert_true(gs_observe_peak_bytes(ob) < (4 << 20) + (6 << 20)); /* the folds' own rows come on top, and are bounded */
	gs_observe_free(ob);
}

static void folding_survives_many_destinations(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 4 << 20);
	for (uint32_t i = 0; i < 60000; i++) {
		struct gs_packet p = packet(i * 2654435761u, 1000);
		memcpy(p.dst.b, &i, 4);
		add(ob, p);
	}
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.packets, 60000);
	assert_int_equal(g.sample.flags & GS_SIGHTING_DST_FOLDED, GS_SIGHTING_DST_FOLDED);
	gs_observe_free(ob);
}

static void window_zero_is_every_packet(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 0, 8 << 20);
	for (int i = 0; i < 10; i++)
		add(ob, packet(7, i));
	assert_int_equal(g.sightings, 10);
	gs_observe_free(ob);
}

static struct gs_packet back(int64_t ms)
{
	struct gs_packet p = packet(7, ms);
	const struct gs_addr a = p.src;
	p.src = p.dst;
	p.dst = a;
	return p;
}

/* The clock closes windows that no later packet closes; what comes too late for them still counts. */
static void the_clock_closes_windows(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	add(ob, packet(1, 1000));
	gs_observe_advance(ob, (struct gs_time){ INT64_C(59999999999) }, NULL);
	assert_int_equal(g.sightings, 0);
	gs_observe_advance(ob, (struct gs_time){ INT64_C(60000000000) }, NULL);
	assert_int_equal(g.sightings, 1);
	gs_observe_advance(ob, (struct gs_time){ INT64_C(60000000000) }, NULL);
	assert_int_equal(g.sightings, 1);
	add(ob, packet(1, 2000));            /* late: a row of its own */
	add(ob, packet(1, 61000));           /* the next window */
	gs_observe_advance(ob, (struct gs_time){ INT64_C(61000000000) }, NULL); /* ends the first, not the second */
	assert_int_equal(g.sightings, 2);
	add(ob, packet(1, 62000));
	gs_observe_advance(ob, GS_TIME_MAX, NULL);
	assert_int_equal(g.sightings, 3);
	assert_int_equal(g.packets, 4);
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.sightings, 3);
	gs_observe_free(ob);
}

/* Also where the cap was reached: rows of folded sources pass on, and what is freed serves the next window. */
static void the_clock_closes_folds(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 4 << 20);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 40000; i++) {
			struct gs_packet p = packet(i, round * 60000 + 1);
			p.has |= GS_HAS_INNER;
			p.inner_src = p.inner_dst = p.src; /* what a window gathers of these is not passed on */
			add(ob, p);
		}
		gs_observe_advance(ob, (struct gs_time){ (round + 1) * INT64_C(60000000000) }, NULL);
		assert_int_equal(g.packets, (round + 1) * 40000);
		assert_in_range(g.folded, 1, (round + 1) * 40000 - 1);
	}
	assert_true(gs_observe_peak_bytes(ob) <= (4 << 20) + (5 << 20)); /* the sketches of folded sources have a size of their own */
	gs_observe_free(ob);
}

static void both_directions_make_a_tunnel(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	for (int i = 0; i < 12; i++)
		add(ob, packet(7, i * 500));
	for (int i = 0; i < 3; i++) /* fewer than have a rate: the other direction speaks for them too */
		add(ob, back(i * 500));
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.sightings, 2);
	assert_int_equal(g.packets, 15);
	assert_int_equal(g.sample.class_, GS_CLASS_TUNNEL_DATA);
	assert_int_equal(g.sample.packets, 3);
	assert_true(g.sample.evidence == GS_EVIDENCE(TWO_WAY));
	gs_observe_free(ob);

	/* another GRE shape is no answer */
	g = (struct got){ 0 };
	ob = new_observe(&g, 60, 8 << 20);
	for (int i = 0; i < 12; i++) {
		struct gs_packet other = back(i * 500);
		other.gre_proto = 0x86dd;
		add(ob, packet(7, i * 500));
		add(ob, other);
	}
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.packets, 24);
	assert_int_equal(g.sample.class_, GS_CLASS_UNKNOWN);
	assert_true(g.sample.evidence == 0);
	gs_observe_free(ob);
}

static void version_1_keeps_its_key(void **state)
{
	(void)state;
	struct got g = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	for (uint32_t i = 1; i < 4; i++) {
		struct gs_packet p = packet(7, i);
		p.gre_flags = 0x3001;
		p.gre_proto = 0x880b;
		p.has |= GS_HAS_KEY;
		p.gre_key = (i * 16) << 16 | 0x1780;
		add(ob, p);
	}
	gs_observe_flush(ob, NULL);
	assert_int_equal(g.sightings, 1);
	assert_int_equal(g.sample.gre_key, 0x00101780);
	gs_observe_free(ob);
}

static void the_sinks_trouble_comes_back(void **state)
{
	(void)state;
	struct got g = { .fail_at = 1 };
	struct gs_error err = { 0 };
	struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
	add(ob, packet(1, 0));
	assert_int_equal(gs_observe_flush(ob, &err), 0);
	add(ob, packet(1, 0));
	assert_int_equal(gs_observe_flush(ob, &err), GS_ERR_IO);
	assert_string_equal(err.text, "the sink is full");
	gs_observe_free(ob);
}

/* A flood whose outer source is forged for each packet is known by all of it, also past the cap; one from all over the world but for 240/4 is not. */
static void forged_sources_are_a_flood_also_when_folded(void **state)
{
	(void)state;
	for (unsigned possible = 0; possible < 2; possible++) {
		struct got g = { 0 };
		struct gs_observe *ob = new_observe(&g, 60, 8 << 20);
		const uint32_t n = 200000;
		for (uint32_t i = 0; i < n; i++) {
			const uint32_t src = i * 2654435761u;
			assert_int_equal(add(ob, packet(possible && src >> 28 == 15 ? src & 0x7fffffff : src, i / 10)), 0);
		}
		assert_int_equal(gs_observe_flush(ob, NULL), 0);
		assert_int_equal(g.packets, n);
		assert_true(g.folded > 0 && g.sightings > 1000);
		assert_int_equal(g.forged, possible ? 0 : n);
		gs_observe_free(ob);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_window_one_sighting),
		cmocka_unit_test(a_late_packet_joins_its_window),
		cmocka_unit_test(a_clock_that_jumps_loses_nothing),
		cmocka_unit_test(past_the_cap_packets_fold),
		cmocka_unit_test(folding_survives_many_destinations),
		cmocka_unit_test(window_zero_is_every_packet),
		cmocka_unit_test(the_clock_closes_windows),
		cmocka_unit_test(the_clock_closes_folds),
		cmocka_unit_test(both_directions_make_a_tunnel),
		cmocka_unit_test(version_1_keeps_its_key),
		cmocka_unit_test(the_sinks_trouble_comes_back),
		cmocka_unit_test(forged_sources_are_a_flood_also_when_folded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
