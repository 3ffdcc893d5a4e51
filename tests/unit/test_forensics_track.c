/* test_forensics_track.c - made-up floods: how many processes, which packet is whose, how many targets, how much was sent and lost */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "forensics/made_scene.h"
#include "grescope/verdict.h"

static struct gs_bot_tables *tables;

static uint64_t at;

/* GRESCOPE_TEST_SEED plays other scenes than the usual ones. */
static int setup(void **arg)
{
	const char *seed = getenv("GRESCOPE_TEST_SEED");
	(void)arg;
	at = seed ? strtoull(seed, NULL, 0) << 32 : 41;
	return gs_bot_tables_new(&tables, NULL);
}

static int teardown(void **arg)
{
	(void)arg;
	gs_bot_tables_free(tables);
	return 0;
}

#define MAX_PROCESSES 512
static struct scene_process processes[MAX_PROCESSES];
static struct scene_attack attacks[MAX_PROCESSES];
static struct scene scene;
static struct playing played;

static void scene_new(unsigned n, double loss)
{
	scene = (struct scene){ .seed = number(&at), .start_ns = INT64_C(1511500000000000000), .loss = loss, .process = processes, .processes = n, .attack = attacks };
	for (unsigned i = 0; i < n; i++)
		any_process(&processes[i], &at, i);
}

/* Plays the scene; every packet must find its process. Leaves the tracker for questions. */
static void play(size_t snap)
{
	const struct gs_tracker_limits limits = { .processes = 4096, .streams = 8192, .groups = 512, .source_counters = 8, .searches_per_s = UINT32_MAX };
	struct gs_tracker *t = NULL;
	assert_int_equal(gs_tracker_new(&limits, tables, &t, NULL), 0);
	playing_init(&played, t, &scene, 4096);
	played.snap = snap;
	assert_true(scene_play(&scene, play_packet, &played));
	assert_int_equal(played.wrong, 0);
	assert_int_equal(played.split, 0);
	assert_int_equal(played.refused, 0);
	assert_int_equal(played.ordinary_taken, 0);
	const struct gs_tracker_tally y = gs_tracker_tally(t);
	assert_true(y.given == y.ignored + y.assigned + y.pending + y.unlinked + y.refused + y.skipped);
	assert_true(y.given == played.packets);
}

static void end(void)
{
	gs_tracker_free(played.tracker);
	playing_done(&played);
}

/* Searches the seed of a scene's process and returns what is then known of it. */
static struct gs_bot_process known(unsigned process, bool search)
{
	struct gs_bot_process p;
	struct gs_bot_seed job;
	assert_true(played.number[process] >= 0);
	const uint32_t n = (uint32_t)played.number[process];
	if (search) {
		assert_true(gs_tracker_seed_job(played.tracker, n, 1u << 24, &job));
		gs_bot_seed_run(&job, UINT64_MAX);
		gs_tracker_seed_result(played.tracker, n, &job);
	}
	assert_true(gs_tracker_process(played.tracker, n, &p));
	if (search) {
		const struct scene_process *truth = &processes[process];
		assert_int_equal(p.bot_kind, GS_BOT_SEED);
		assert_int_equal(p.seed_x, truth->x);
		assert_int_equal(p.seed_y, truth->y);
		assert_int_equal(p.seed_z, truth->z);
		assert_true(p.bot_hi == truth->x && p.bot_lo == ((uint64_t)truth->y << 32 | truth->z));
		assert_string_equal(p.argv0, truth->argv0);
		assert_string_equal(p.comm, truth->comm);
	} else {
		assert_int_equal(p.bot_kind, GS_BOT_POSITION);
	}
	assert_int_equal(p.byte_order, processes[process].big_endian ? GS_BOT_BIG : GS_BOT_LITTLE);
	return p;
}

static void assert_near(double a, double b, double by)
{
	if (a < b - by || a > b + by)
		fail_msg("%g is not within %g of %g", a, by, b);
}

/* A process with one attack whose start is known: rounds, packets sent and loss are exact, up to the last packet seen. */
static void assert_exact(const struct gs_bot_process *p, unsigned attack)
{
	struct gs_bot_attack a;
	assert_int_equal(gs_tracker_attacks(played.tracker, p->number, &a, 1), 1);
	assert_true(a.has_start);
	assert_int_equal(a.rounds, true_rounds(&played, attack));
	assert_int_equal(a.targets, attacks[attack].orders.targets);
	assert_true(a.packets_sent == a.rounds * a.targets && p->packets_sent == a.packets_sent);
	assert_near(p->loss, true_loss(&played, attack), 1e-9);
	assert_near(a.loss, p->loss, 1e-9);
}

static uint64_t sent_by(unsigned process)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < scene.attacks; i++)
		sum += attacks[i].process == process ? attacks[i].sent : 0;
	return sum;
}

static void loss_and_totals_are_exact(void **arg)
{
	(void)arg;
	for (unsigned i = 0; i < 24; i++) {
		static const unsigned lengths[] = { 512, 0, 1400, 62, 16, 12 };
		const bool greeth = i & 1;
		const unsigned targets = 1 + i % 7, len = greeth || i % 6 != 1 ? lengths[i % 6] : 20;
		scene_new(1, i % 3 * 0.3);
		attacks[0] = attack_of(0, greeth, len, targets, 300);
		attacks[0].sees[0] = false;
		attacks[0].sees[i % targets] = true;
		scene.attacks = 1;
		play(0);
		assert_int_equal(gs_tracker_count(played.tracker), 1);
		const struct gs_bot_process p = known(0, true);
		assert_int_equal(p.targets, targets);
		assert_true(p.targets_sure);
		assert_int_equal(p.attacks, 1);
		assert_true(p.packets_seen == played.seen[0]);
		assert_exact(&p, 0);
		assert_near(p.rate_pps, 1000, 40);
		assert_int_equal(p.hops, processes[0].hops);
		assert_int_equal(p.n_hops, 1);
		assert_true(p.hop[0].packets == p.packets_seen);
		assert_int_equal(p.class_, greeth ? GS_CLASS_FLOOD_MIRAI_GREETH : GS_CLASS_FLOOD_MIRAI_GREIP);
		assert_true(p.evidence >= GS_BOT_PROOF_BITS);
		end();
	}
}

/* A sensor that stands for several targets of one attack sees several streams; they are one attack. */
static void several_targets_of_one_attack(void **arg)
{
	(void)arg;
	for (unsigned i = 0; i < 12; i++) {
		const unsigned targets = 2 + i, len = i & 1 ? 512 : 0;
		scene_new(1, 0.2);
		attacks[0] = attack_of(0, i & 2, len, targets, 200);
		for (unsigned k = 0; k < targets; k++)
			attacks[0].sees[k] = i % 3 == 0 || k % 2 == 0;
		scene.attacks = 1;
		play(0);
		struct gs_bot_process p = known(0, false);
		struct gs_bot_attack a;
		assert_int_equal(gs_tracker_count(played.tracker), 1);
		assert_int_equal(p.attacks, 1);
		assert_int_equal(p.targets, targets);
		assert_int_equal(gs_tracker_attacks(played.tracker, 0, &a, 1), 1);
		assert_int_equal(a.targets_seen, i % 3 == 0 ? targets : (targets + 1) / 2);
		assert_near(p.loss, true_loss(&played, 0), 0.02); /* the start is not known yet */
		p = known(0, true);
		assert_exact(&p, 0);
		end();
	}
}

/* One address, six processes; one process, many addresses. */
static void addresses_have_no_say(void **arg)
{
	(void)arg;
	scene_new(6, 0.3);
	for (unsigned i = 0; i < 6; i++) {
		processes[i].address = OWN;
		attacks[i] = attack_of(i, i == 3, 512, 1 + i % 2, 150);
	}
	scene.attacks = 6;
	play(0);
	assert_int_equal(gs_tracker_count(played.tracker), 6);
	for (unsigned i = 0; i < 6; i++) {
		const struct gs_bot_process p = known(i, true);
		assert_int_equal(p.src_ips, 1);
		assert_true(p.src_ips_exact);
		assert_int_equal(p.targets, 1 + i % 2);
	}
	end();

	scene_new(1, 0.1);
	processes[0].sources = 300;
	attacks[0] = attack_of(0, false, 512, 1, 3000);
	scene.attacks = 1;
	play(0);
	assert_int_equal(gs_tracker_count(played.tracker), 1);
	struct gs_bot_process p = known(0, true);
	assert_false(p.src_ips_exact);
	assert_near((double)p.src_ips, 300, 20);
	assert_int_equal(p.n_src, GS_BOT_SRC_SAMPLE);
	end();

	/* drawn by the bot itself */
	scene_new(1, 0.1);
	attacks[0] = attack_of(0, true, 512, 3, 300);
	attacks[0].orders.source = -1;
	scene.attacks = 1;
	play(0);
	assert_int_equal(gs_tracker_count(played.tracker), 1);
	p = known(0, true);
	assert_int_equal(p.targets, 3);
	assert_near((double)p.src_ips, (double)p.packets_seen, 20);
	end();
}

static void repeated_and_concurrent_attacks(void **arg)
{
	(void)arg;
	/* the same orders twice without a draw between: the second replays the first */
	scene_new(1, 0.1);
	attacks[0] = attack_of(0, false, 512, 2, 200);
	attacks[1] = attacks[0];
	attacks[1].at = 30;
	attacks[2] = attack_of(0, false, 512, 1, 400); /* after some failed connections, other targets */
	attacks[2].at = 60;
	attacks[2].draws_before = 7;
	attacks[2].orders.target[0].addr = SENSOR + 9;
	scene.attacks = 3;
	play(0);
	assert_int_equal(gs_tracker_count(played.tracker), 1);
	struct gs_bot_process p = known(0, true);
	assert_int_equal(p.attacks, 3);
	assert_int_equal(p.duplicates, 0);
	assert_near((double)p.packets_sent, (double)sent_by(0), 0.02 * (double)sent_by(0));
	struct gs_bot_attack a[4];
	assert_int_equal(gs_tracker_attacks(played.tracker, 0, a, 4), 3);
	assert_int_equal(a[0].targets, 2);
	assert_int_equal(a[1].targets, 2);
	assert_int_equal(a[2].targets, 1);
	assert_true(a[0].first_seen.ns < a[1].first_seen.ns && a[1].first_seen.ns < a[2].first_seen.ns);
	assert_near(p.rate_pps, 1000, 60); /* not divided by the pauses */
	end();

	/* at the same time: another flood, another length, another number of targets, and the same orders on another address from the same state */
	scene_new(2, 0.1);
	attacks[0] = attack_of(0, false, 512, 1, 500);
	attacks[1] = attack_of(0, true, 512, 1, 500);
	attacks[2] = attack_of(0, false, 100, 3, 200);
	attacks[3] = attack_of(0, false, 512, 1, 500);
	attacks[3].orders.target[0].addr = SENSOR + 7;
	attacks[4] = attack_of(1, false, 512, 1, 500);
	for (unsigned i = 0; i < 5; i++)
		attacks[i].at = 0.01 * i;
	scene.attacks = 5;
	play(0);
	assert_int_equal(gs_tracker_count(played.tracker), 2);
	p = known(0, true);
	assert_int_equal(p.attacks, 4);
	assert_near((double)p.packets_sent, (double)sent_by(0), 0.03 * (double)sent_by(0));
	assert_near(p.loss, 0.1, 0.03);
	assert_near(p.rate_pps, 4000, 900);
	assert_int_equal(known(1, true).attacks, 1);
	end();
}

/* Targets that are prefixes, alone, several, and together with single addresses. */
static void prefixes(void **arg)
{
	(void)arg;
	static const struct { unsigned targets, prefixes, masklen; bool greeth; unsigned len; } cases[] = {
		{ 1, 1, 24, false, 512 }, { 1, 1, 28, true, 512 }, { 3, 3, 26, false, 100 }, { 4, 2, 24, false, 512 }, { 5, 1, 30, true, 64 }, { 1, 1, 16, false, 16 },
		{ 1, 1, 24, false, 0 }, { 2, 2, 25, false, 0 }, { 1, 1, 31, false, 512 },
	};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		scene_new(1, 0.2);
		attacks[0] = attack_of(0, cases[c].greeth, cases[c].len, cases[c].targets, 300);
		for (unsigned i = 0; i < cases[c].targets; i++)
			attacks[0].sees[i] = true;
		for (unsigned i = 0; i < cases[c].prefixes; i++)
			attacks[0].orders.target[i] = (struct bot_target){ (0xc6336400u + 0x10000 * i) & (uint32_t)(UINT64_C(0xffffffff) << (32 - cases[c].masklen)), cases[c].masklen };
		scene.attacks = 1;
		play(0);
		assert_int_equal(gs_tracker_count(played.tracker), 1);
		const struct gs_bot_process p = known(0, true);
		struct gs_bot_attack a;
		assert_int_equal(p.attacks, 1);
		assert_int_equal(p.targets, cases[c].targets);
		assert_int_equal(gs_tracker_attacks(played.tracker, 0, &a, 1), 1);
		assert_true(a.host_drawn);
		assert_exact(&p, 0);
		end();
	}
}

static void operators_fix_fields(void **arg)
{
	(void)arg;
	for (unsigned i = 0; i < 24; i++) {
		scene_new(1, 0.2);
		attacks[0] = attack_of(0, i & 1, i & 2 ? 40 : 512, 1 + i % 4, 200);
		attacks[0].orders.gcip = i % 3 == 0;
		attacks[0].orders.sport = i % 4 == 1 ? 53 : -1;
		attacks[0].orders.dport = i % 5 < 2 ? 80 : -1;
		attacks[0].orders.ident = i % 7 == 2 ? 777 : -1;
		scene.attacks = 1;
		play(0);
		const struct gs_bot_process p = known(0, true);
		struct gs_bot_attack a;
		assert_int_equal(p.targets, 1 + i % 4);
		gs_tracker_attacks(played.tracker, 0, &a, 1);
		assert_int_equal(!(a.drawn & GS_BOT_DREW_DST), attacks[0].orders.gcip);
		assert_int_equal(!(a.drawn & GS_BOT_DREW_SPORT), attacks[0].orders.sport >= 0);
		assert_int_equal(!(a.drawn & GS_BOT_DREW_DPORT), attacks[0].orders.dport >= 0);
		assert_int_equal(!(a.drawn & GS_BOT_DREW_ID), attacks[0].orders.ident >= 0);
		/* where all from the source port back is fixed, the draw before equals it once in 65536, and nothing earlier could tell: one packet is then taken for another attack's */
		if (p.attacks == 1 || attacks[0].orders.ident < 0 || attacks[0].orders.sport < 0)
			assert_exact(&p, 0);
		end();
	}
}

/* Packets that carry no state: no data, little data, zeros, data cut off, fixed fields; with loss, several processes and several targets. */
static void packets_without_a_state(void **arg)
{
	(void)arg;
	static const struct { unsigned len, targets, loss; bool rand; size_t snap; int32_t sport, dport; bool gcip; } cases[] = {
		{ 0, 1, 0, true, 0, -1, -1, false }, { 0, 5, 30, true, 0, -1, -1, false }, { 512, 3, 20, false, 0, -1, -1, false },
		{ 512, 2, 20, true, 52, -1, -1, false }, { 4, 2, 20, true, 0, -1, -1, false }, { 7, 1, 20, true, 0, -1, -1, false }, { 10, 3, 20, true, 0, -1, -1, false },
		{ 0, 1, 10, true, 0, 53, -1, false }, { 0, 2, 10, true, 0, -1, -1, true }, { 0, 1, 5, true, 0, 53, 80, false }, { 512, 60, 10, true, 56, -1, -1, false },
	};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		scene_new(3, cases[c].loss / 100.0);
		for (unsigned i = 0; i < 3; i++) {
			attacks[i] = attack_of(i, false, cases[c].len, cases[c].targets, 250);
			attacks[i].sees[cases[c].targets - 1] = true;
			attacks[i].orders.rand = cases[c].rand;
			attacks[i].orders.sport = cases[c].sport;
			attacks[i].orders.dport = cases[c].dport;
			attacks[i].orders.gcip = cases[c].gcip;
			processes[i].address = OWN;
		}
		scene.attacks = 3;
		play(cases[c].snap);
		assert_int_equal(gs_tracker_count(played.tracker), 3);
		const struct gs_tracker_tally y = gs_tracker_tally(played.tracker);
		assert_in_range(y.pending + y.unlinked, 0, cases[c].sport >= 0 || cases[c].gcip ? 60 : 3);
		for (unsigned i = 0; i < 3; i++) {
			const struct gs_bot_process p = known(i, true);
			assert_int_equal(p.targets, cases[c].targets);
			assert_int_equal(p.attacks, 1);
			/* a few of the first may have left the waiting room before a link came */
			assert_near((double)p.packets_sent, (double)(true_rounds(&played, i) * cases[c].targets), 0.5);
			assert_near(p.loss, true_loss(&played, i), cases[c].sport >= 0 || cases[c].gcip ? 0.2 : 0.01);
			assert_true(p.evidence >= GS_BOT_PROOF_BITS);
		}
		end();
	}
}

/* One packet in many: the gaps are long, and totals are as exact as before. */
static void sampled(void **arg)
{
	(void)arg;
	for (unsigned i = 0; i < 6; i++) {
		scene_new(4, 0);
		for (unsigned k = 0; k < 4; k++)
			attacks[k] = attack_of(k, k & 1, k & 2 ? 512 : 24, 1 + k, 6000);
		scene.attacks = 4;
		scene.sample = i & 1 ? 100 : 16;
		play(i & 2 ? 114 : 0);
		assert_int_equal(gs_tracker_count(played.tracker), 4);
		for (unsigned k = 0; k < 4; k++) {
			const struct gs_bot_process p = known(k, true);
			assert_int_equal(p.targets, 1 + k);
			assert_exact(&p, k);
		}
		end();
	}
}

/* Truth in small: the identifier is the same whichever part of the attack is seen. */
static void identifiers_are_stable(void **arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20; i++) {
		scene_new(1, 0.5);
		attacks[0] = attack_of(0, i & 1, 512, 1, 100);
		scene.attacks = 1;
		play(0);
		const struct gs_bot_process a = known(0, false);
		end();
		scene.seed++;
		attacks[0].draws_before = 5; /* another attack of the process */
		attacks[0].orders.len = 200;
		attacks[0].rounds = 900;
		play(0);
		const struct gs_bot_process b = known(0, false);
		end();
		assert_true(a.bot_hi == b.bot_hi && a.bot_lo == b.bot_lo);
		assert_int_equal(a.bot_lo & 3, processes[0].big_endian ? GS_BOT_BIG : GS_BOT_LITTLE);
		assert_true((a.bot_lo & ((UINT64_C(1) << 42) - 1)) < 3);
	}
}

static void late_and_doubled_packets(void **arg)
{
	(void)arg;
	struct gs_tracker *t = NULL;
	struct bot b;
	struct bot_attack a;
	static uint8_t ip[200][BOT_MAX_PACKET];
	size_t len = 0;
	const struct bot_orders o = orders_for(false, 512);
	any_bot(&b, &at, true);
	bot_attack_start(&a, &b, &o, OWN);
	for (unsigned i = 0; i < 200; i++)
		len = bot_attack_packet(&a, 0, 4, ip[i]);
	assert_int_equal(gs_tracker_new(NULL, tables, &t, NULL), 0);
	/* each block of eight backwards, every fifth packet twice, every ninth missing */
	unsigned given = 0, doubled = 0, missing = 0;
	for (unsigned i = 0; i < 200; i++) {
		const unsigned k = i / 8 * 8 + 7 - i % 8;
		if (k % 9 == 4) {
			missing++;
			continue;
		}
		for (unsigned twice = 0; twice < 1 + (k % 5 == 0); twice++, given++) {
			const struct gs_bot_input in = input_of(ip[k], len);
			struct gs_bot_proof p;
			gs_bot_prove(&in, 0, &p);
			assert_int_equal(gs_tracker_add(t, &in, &p, (struct gs_time){ INT64_C(1000000) * i }), 0);
			doubled += twice;
		}
	}
	struct gs_bot_process p;
	assert_true(gs_tracker_process(t, 0, &p));
	assert_int_equal(p.packets_seen, given);
	assert_int_equal(p.duplicates, doubled);
	assert_int_equal(p.attacks, 1);
	assert_int_equal(p.targets, 1);
	assert_near(p.loss, missing / 200.0, 0.006);
	gs_tracker_free(t);
}

/* constant: of the inner source; then packets of a target are one stream, whose rounds are known and whose packets per round are not. */
static void unknown_variant(bool constant)
{
	struct gs_tracker *t = NULL;
	struct bot b[2];
	const struct bot_orders o = orders_for(false, 256);
	struct bot_attack a[2];
	for (unsigned k = 0; k < 2; k++) {
		any_bot(&b[k], &at, k);
		bot_attack_start(&a[k], &b[k], &o, OWN);
	}
	assert_int_equal(gs_tracker_new(NULL, tables, &t, NULL), 0);
	for (unsigned i = 0; i < 100; i++)
		for (unsigned k = 0; k < 2; k++) {
			uint8_t ip[BOT_MAX_PACKET];
			struct gs_bot_proof p;
			const size_t len = bot_attack_packet(&a[k], 0, 4, ip);
			memset(ip + 40, (int)i, 4); /* the header is filled in some other way */
			memset(ip + 44, (int)k, 4);
			struct gs_bot_input in = input_of(ip, len);
			if (!constant)
				in.inner_src = (uint32_t)number(&at); /* even the inner source changes */
			gs_bot_prove(&in, 0, &p);
			assert_true(p.facts & GS_BOT_FACT_HEADER_UNKNOWN);
			assert_int_equal(gs_tracker_add(t, &in, &p, (struct gs_time){ INT64_C(1000000) * i }), (int)k);
		}
	struct gs_bot_process p;
	assert_int_equal(gs_tracker_count(t), 2);
	assert_true(gs_tracker_process(t, 0, &p));
	assert_int_equal(p.packets_seen, 100);
	assert_int_equal(p.targets, 0);
	assert_false(p.targets_sure);
	gs_tracker_free(t);
}

static void unknown_variants_are_one_process_too(void **arg)
{
	(void)arg;
	unknown_variant(false);
	unknown_variant(true);
}

static void quoted_packets(void **arg)
{
	(void)arg;
	scene_new(1, 0.3);
	attacks[0] = attack_of(0, false, 512, 1, 100);
	scene.attacks = 1;
	struct gs_tracker *t = NULL;
	assert_int_equal(gs_tracker_new(NULL, tables, &t, NULL), 0);
	playing_init(&played, t, &scene, 16);
	played.quoted = true;
	played.snap = 548; /* RFC 1812 */
	assert_true(scene_play(&scene, play_packet, &played));
	const struct gs_bot_process p = known(0, true);
	assert_true(p.quoted == p.packets_seen && p.quoted == played.right);
	assert_int_equal(p.hops, -1);
	assert_int_equal(p.n_hops, 0);
	end();
}

/* Forged states from an outsider: every cap holds, every packet is in the balance. */
static void caps_hold(void **arg)
{
	(void)arg;
	const struct gs_tracker_limits limits = { .processes = 16, .streams = 20, .groups = 8, .source_counters = 1, .link_tables = 1, .searches_per_s = 30 };
	struct gs_tracker *t = NULL;
	assert_int_equal(gs_tracker_new(&limits, tables, &t, NULL), 0);
	assert_true(gs_tracker_bytes(&limits) < 6000000);
	assert_true(gs_tracker_bytes(NULL) < 120000000);
	unsigned full = 0, skipped = 0;
	for (unsigned i = 0; i < 600; i++) {
		struct bot b;
		struct bot_attack a;
		uint8_t ip[BOT_MAX_PACKET];
		const struct bot_orders o = orders_for(i & 1, i % 3 == 0 ? 0 : 64);
		any_bot(&b, &at, i & 4);
		bot_attack_start(&a, &b, &o, (uint32_t)number(&at));
		const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, i % 60, ip));
		struct gs_bot_proof p;
		gs_bot_prove(&in, 0, &p);
		const int32_t n = gs_tracker_add(t, &in, &p, (struct gs_time){ INT64_C(20000000) * i });
		full += n == GS_TRACK_REFUSED;
		skipped += n == GS_TRACK_SKIPPED;
		assert_true(n < 16);
	}
	assert_int_equal(gs_tracker_count(t), 16);
	const struct gs_tracker_tally y = gs_tracker_tally(t);
	assert_true(y.given == 600 && y.given == y.ignored + y.assigned + y.pending + y.unlinked + y.refused + y.skipped);
	assert_true(full > 0 && y.refused == full && skipped > 0 && y.skipped == skipped);
	assert_true(y.pending <= 8);
	assert_true(y.unlinked > 0);
	struct gs_bot_process p;
	assert_false(gs_tracker_process(t, 16, &p));
	struct gs_bot_seed job;
	assert_false(gs_tracker_seed_job(t, 99, 1, &job));
	gs_tracker_free(t);

	/* no stream left: packets still count for their process */
	scene_new(1, 0);
	for (unsigned i = 0; i < 30; i++) {
		attacks[i] = attack_of(0, false, 64 + i, 1, 20);
		attacks[i].at = i;
	}
	scene.attacks = 30;
	assert_int_equal(gs_tracker_new(&limits, tables, &t, NULL), 0);
	playing_init(&played, t, &scene, 16);
	scene_play(&scene, play_packet, &played);
	assert_int_equal(gs_tracker_count(t), 1);
	const struct gs_tracker_tally z = gs_tracker_tally(t);
	assert_true(z.assigned == 600 && z.untracked == 200);
	assert_true(gs_tracker_process(t, 0, &p));
	assert_int_equal(p.packets_seen, 600);
	assert_int_equal(p.packets_sent, 600);
	end();
}

/* Clock jumps, times at the ends of the range: nothing overflows, packets stay with their process. */
static void times_may_be_nonsense(void **arg)
{
	(void)arg;
	static const int64_t times[] = { INT64_MIN, INT64_MAX, 0, -1, INT64_MAX - 5, INT64_MIN + 5, 1000, INT64_MAX / 2 };
	struct gs_tracker *t = NULL;
	struct bot b;
	struct bot_attack a;
	const struct bot_orders o = orders_for(false, 64);
	assert_int_equal(gs_tracker_new(NULL, tables, &t, NULL), 0);
	any_bot(&b, &at, false);
	bot_attack_start(&a, &b, &o, OWN);
	for (unsigned i = 0; i < 400; i++) {
		uint8_t ip[BOT_MAX_PACKET];
		struct gs_bot_proof p;
		const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, 4, ip));
		gs_bot_prove(&in, 0, &p);
		assert_int_equal(gs_tracker_add(t, &in, &p, (struct gs_time){ times[number(&at) % 8] }), 0);
	}
	struct gs_bot_process p;
	struct gs_bot_attack some[3];
	assert_true(gs_tracker_process(t, 0, &p));
	assert_int_equal(p.packets_seen, 400);
	gs_tracker_attacks(t, 0, some, 3);
	gs_tracker_free(t);
}

/* The counting test in small (tests/forensics/bulk.c plays it in full): many processes, few addresses, loss, all mixed. */
static void many_processes_mixed(void **arg)
{
	(void)arg;
	scene_new(300, 0.3);
	for (unsigned i = 0; i < 300; i++) {
		processes[i].address = 0xcb007100u; /* 203.0.113.0 on */
		processes[i].sources = 45;
		attacks[i] = attack_of(i, number(&at) % 2, number(&at) % 3 ? 512 : 40, 1 + (unsigned)(number(&at) % 4), 40);
		attacks[i].at = 0.2 * (double)(number(&at) % 1000) / 1000;
	}
	scene.attacks = 300;
	scene.pptp = 200;
	scene.tunnel = 200;
	play(200);
	assert_int_equal(gs_tracker_count(played.tracker), 300);
	for (unsigned i = 0; i < 300; i++) {
		struct gs_bot_process p;
		gs_tracker_process(played.tracker, (uint32_t)played.number[i], &p);
		assert_true(p.packets_seen == played.seen[i]);
		assert_int_equal(p.targets, attacks[i].orders.targets);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_and_totals_are_exact),
		cmocka_unit_test(several_targets_of_one_attack),
		cmocka_unit_test(addresses_have_no_say),
		cmocka_unit_test(repeated_and_concurrent_attacks),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(operators_fix_fields),
		cmocka_unit_test(packets_without_a_state),
		cmocka_unit_test(sampled),
		cmocka_unit_test(identifiers_are_stable),
		cmocka_unit_test(late_and_doubled_packets),
		cmocka_unit_test(unknown_variants_are_one_process_too),
		cmocka_unit_test(quoted_packets),
		cmocka_unit_test(caps_hold),
		cmocka_unit_test(times_may_be_nonsense),
		cmocka_unit_test(many_processes_mixed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
