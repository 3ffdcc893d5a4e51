/* test_watch.c - packets of made-up bots through decoding, rules, watch and the sighting table: processes are kept apart, and named */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "botscene.h"
#include "classify/classify.h"
#include "decode/decode.h"
#include "observe/observe.h"

#define MAX_GOT 256

struct got {
	struct gs_sighting s[MAX_GOT];
	size_t n;
	struct gs_watch *watch;
	struct gs_observe *observe;
	uint32_t frames;
};

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct got *g = arg;
	(void)err;
	for (size_t i = 0; i < n && g->n < MAX_GOT; i++)
		g->s[g->n++] = s[i];
	return 0;
}

static void feed(void *arg, const struct scene_packet *sp)
{
	struct got *g = arg;
	struct gs_frame f = { .data = sp->ip, .caplen = (uint32_t)sp->len, .wirelen = (uint32_t)sp->len, .linktype = GS_LINK_RAW, .ts = { sp->ns }, .sampling = 1 };
	struct gs_packet p;
	const struct gs_packet *list[] = { &p };
	struct gs_verdict v;
	gs_decode(&f, &p);
	assert_int_equal(p.outcome, GS_OUT_GRE);
	gs_classify(&p, &f, &v);
	uint32_t token = gs_watch_packet(g->watch, &p, &f, &v);
	assert_int_equal(gs_observe_packets(g->observe, list, &v, &token, 1, NULL), 0);
	g->frames++;
}

static void play(struct got *g, struct scene *s, int64_t window_s, const struct gs_filter *filter)
{
	*g = (struct got){ 0 };
	const struct gs_watch_options wo = { .memory_bytes = 64u << 20, .searches_per_s = UINT32_MAX, .hash_seed = 5, .filter = filter };
	assert_int_equal(gs_watch_new(&wo, &g->watch, NULL), 0);
	const struct gs_observe_options o = { .window_s = window_s, .memory_bytes = 16u << 20, .hash_seed = 1, .watch = g->watch };
	const struct gs_sighting_sink sink = { take, g };
	assert_int_equal(gs_observe_new(&o, &sink, &g->observe, NULL), 0);
	assert_true(scene_play(s, feed, g));
	assert_int_equal(gs_observe_flush(g->observe, NULL), 0);
	uint64_t packets = 0;
	for (size_t i = 0; i < g->n; i++) {
		packets += g->s[i].packets;
		assert_int_equal(g->s[i].gre_key, 0); /* the token is gone */
		assert_true(g->s[i].spread == 0);
	}
	assert_true(packets == g->frames);
}

static void done(struct got *g)
{
	gs_observe_free(g->observe);
	gs_watch_free(g->watch);
}

static struct scene_process processes[2];
static struct scene_attack attacks[2];

/* Two machines behind one address, attacking one target. */
static struct scene nat(unsigned len, uint64_t rounds)
{
	processes[0] = (struct scene_process){ .seeded = true, .x = 1511000000, .y = 57, .z = 20000, .warm_up = 4, .address = 0xc0000296, .hops = 12 };
	processes[1] = (struct scene_process){ .seeded = true, .big_endian = true, .x = 1511400000, .y = 3, .z = 0, .warm_up = 6, .address = 0xc0000296, .hops = 16 };
	for (unsigned i = 0; i < 2; i++) {
		attacks[i] = (struct scene_attack){ .process = i, .orders = bot_orders_default(), .pps = 100, .rounds = rounds, .sees = { true } };
		attacks[i].orders.len = len;
		attacks[i].orders.targets = 1;
		attacks[i].orders.target[0] = (struct bot_target){ 0xc6336421, 32 };
	}
	return (struct scene){ .process = processes, .processes = 2, .attack = attacks, .attacks = 2, .start_ns = INT64_C(1511500020) * GS_NS_PER_S, .seed = 1 };
}

static const struct gs_sighting *of_order(const struct got *g, unsigned order)
{
	const struct gs_sighting *found = NULL;
	for (size_t i = 0; i < g->n; i++)
		if (g->s[i].byte_order == order) {
			assert_null(found);
			found = &g->s[i];
		}
	assert_non_null(found);
	return found;
}

static void check_two_processes(const struct got *g, uint64_t packets_each)
{
	assert_int_equal(g->n, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct gs_sighting *s = of_order(g, i ? GS_BOT_BIG : GS_BOT_LITTLE);
		assert_int_equal(s->class_, GS_CLASS_FLOOD_MIRAI_GREIP);
		assert_int_equal(s->confidence, 100);
		assert_true(s->packets == packets_each);
		assert_int_equal(s->bot_kind, GS_BOT_SEED);
		assert_true(s->bot_hi == processes[i].x && s->bot_lo == ((uint64_t)processes[i].y << 32 | processes[i].z));
		assert_true(s->evidence_bits >= GS_BOT_PROOF_BITS);
	}
}

static void processes_behind_one_address_are_apart(void **state)
{
	(void)state;
	struct got g;
	struct scene s = nat(512, 200);
	play(&g, &s, 60, NULL);
	check_two_processes(&g, 200);
	done(&g);
}

/* The first packets wait for the next ones: they are counted for their process when the window closes. */
static void packets_without_data_join_their_process(void **state)
{
	(void)state;
	struct got g;
	struct scene s = nat(0, 200);
	play(&g, &s, 60, NULL);
	check_two_processes(&g, 200);
	for (size_t i = 0; i < g.n; i++)
		assert_true(g.s[i].evidence & GS_EVIDENCE(STATE_LINK));
	done(&g);
	/* without windows there is no later: those that wait have no name, the others have */
	s = nat(0, 100);
	play(&g, &s, 0, NULL);
	unsigned named = 0;
	for (size_t i = 0; i < g.n; i++)
		named += g.s[i].bot_kind == GS_BOT_SEED;
	assert_in_range(named, 192, 199);
	done(&g);
}

/* One packet each: nothing to link, no name, and one sighting, for nothing tells them apart. */
static void what_stays_alone_has_no_name(void **state)
{
	(void)state;
	struct got g;
	struct scene s = nat(0, 1);
	play(&g, &s, 60, NULL);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.s[0].packets, 2);
	assert_int_equal(g.s[0].bot_kind, GS_BOT_NONE);
	assert_int_equal(g.s[0].class_, GS_CLASS_FLOOD_MIRAI_GREIP);
	assert_true(g.s[0].confidence < 100);
	done(&g);
}

static void a_name_stays_over_windows(void **state)
{
	(void)state;
	struct got g;
	struct scene s = nat(16, 200); /* two seconds in windows of one */
	play(&g, &s, 1, NULL);
	assert_in_range(g.n, 4, 6);
	for (size_t i = 0; i < g.n; i++)
		for (size_t k = 0; k < i; k++)
			if (g.s[i].byte_order == g.s[k].byte_order)
				assert_true(g.s[i].bot_hi == g.s[k].bot_hi && g.s[i].bot_lo == g.s[k].bot_lo && g.s[i].bot_kind == g.s[k].bot_kind);
	done(&g);
}

static void the_filter_comes_before_the_tracker(void **state)
{
	(void)state;
	struct got g;
	struct scene s = nat(512, 50);
	struct gs_filter f = GS_FILTER_ALL;
	f.classes = 1u << GS_CLASS_FLOOD_MIRAI_GREETH;
	play(&g, &s, 60, &f);
	assert_int_equal(gs_watch_tally(g.watch).filtered, 100);
	assert_int_equal(gs_tracker_count(gs_watch_tracker(g.watch)), 0);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.s[0].bot_kind, GS_BOT_NONE);
	done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_behind_one_address_are_apart), cmocka_unit_test(packets_without_data_join_their_process),
		cmocka_unit_test(what_stays_alone_has_no_name),           cmocka_unit_test(a_name_stays_over_windows),
		cmocka_unit_test(the_filter_comes_before_the_tracker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
