/* test_forensics_captures.c - the synthetic captures: processes, byte order, draws, targets, seeds, and for each packet the right process */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "botscene.h"
#include "forensics/capture.h"
#include "grescope/bots.h"
#include "grescope/verdict.h"

static struct gs_bot_tables *tables;

static int setup(void **arg)
{
	(void)arg;
	return gs_bot_tables_new(&tables, NULL);
}

static int teardown(void **arg)
{
	(void)arg;
	gs_bot_tables_free(tables);
	return 0;
}

struct expected {
	const char *name;
	/* what the truth does not say; the seed's own proof is that it lies exactly as many draws back as the truth says */
	unsigned processes;
	struct { unsigned byte_order, targets, draws; uint64_t sent; uint32_t x, y, z; int hops; } process[2];
};

static const struct expected expected[] = {
	{ "d01_greip_512", 1, { { GS_BOT_LITTLE, 1, 132, 250, 0x5a1007c0, 0x39, 0x4e20, 12 } } },
	{ "d02_greeth_two_targets", 1, { { GS_BOT_BIG, 2, 135, 600, 0x5a162240, 0x3, 0, 16 } } },
	{ "d03_nat_two_processes", 2, { { GS_BOT_BIG, 1, 132, 130, 0x5a162240, 0x3, 0, 16 }, { GS_BOT_LITTLE, 1, 132, 130, 0x5a0e8120, 0x262, 0x2710, 16 } } },
	{ "d04_short_frames", 1, { { GS_BOT_LITTLE, 2, 4, 1200, 0x5a1007c0, 0x39, 0x4e20, 12 } } },
	{ "d05_background", 0, { { 0 } } },
};

/* Packets to processes, each held against the truth. The number of packets that had to wait for another one. */
static unsigned assign(const struct capture *c, struct gs_tracker *t, int *process_of_bot)
{
	unsigned pending = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct capture_packet *p = &c->packet[i];
		struct gs_bot_input in;
		struct gs_bot_proof proof = { 0 };
		if (gs_bot_input_from_ipv4(p->ip, p->caplen, &in))
			gs_bot_prove(&in, GS_BOT_FULL, &proof);
		const int32_t process = gs_tracker_add(t, &in, &proof, p->ts);
		if (p->bot < 0) {
			assert_true(proof.level <= GS_BOT_LEVEL_SHAPE);
			assert_int_equal(process, GS_TRACK_IGNORED);
			continue;
		}
		assert_int_equal(proof.flood, p->greeth ? GS_BOT_GREETH : GS_BOT_GREIP);
		if (proof.has_state) {
			assert_int_equal(proof.level, GS_BOT_LEVEL_PROVEN);
			assert_int_equal(proof.draws, p->draws_after - p->draws_before);
		}
		if (process == GS_TRACK_PENDING) {
			pending++;
			continue;
		}
		assert_true(process >= 0);
		if (process_of_bot[p->bot] < 0)
			process_of_bot[p->bot] = process;
		assert_int_equal(process, process_of_bot[p->bot]);
	}
	return pending;
}

static void check_process(struct gs_tracker *t, const struct capture *c, const struct expected *e, unsigned number, const int *process_of_bot)
{
	struct gs_bot_process p;
	struct gs_bot_seed job;
	struct gs_bot_attack a;
	unsigned which = e->processes;

	assert_true(gs_tracker_seed_job(t, number, 1u << 22, &job));
	gs_bot_seed_run(&job, UINT64_MAX);
	gs_tracker_seed_result(t, number, &job);
	assert_true(gs_tracker_process(t, number, &p));
	for (unsigned i = 0; i < e->processes; i++)
		if (e->process[i].byte_order == p.byte_order)
			which = i;
	assert_true(which < e->processes);
	assert_int_equal(p.targets, e->process[which].targets);
	assert_true(p.targets_sure);
	assert_int_equal(p.attacks, 1);
	assert_true(p.packets_sent == e->process[which].sent);
	assert_int_equal(p.hops, e->process[which].hops);
	assert_int_equal(p.src_ips, 1);
	assert_true(p.src_ips_exact);
	assert_int_equal(p.bot_kind, GS_BOT_SEED);
	assert_int_equal(p.seed_x, e->process[which].x);
	assert_int_equal(p.seed_y, e->process[which].y);
	assert_int_equal(p.seed_z, e->process[which].z);
	assert_int_equal(gs_tracker_attacks(t, number, &a, 1), 1);
	assert_int_equal(a.draws, e->process[which].draws);
	assert_true(a.has_start);
	assert_true(a.packets_sent == e->process[which].sent);
	/* names: 12 to 24 and 12 to 15 letters of the alphabet */
	assert_in_range(strlen(p.argv0), 12, 24);
	assert_in_range(strlen(p.comm), 12, 15);
	assert_int_equal(strspn(p.argv0, "abcdefghijklmnopqrstuvw012345678"), strlen(p.argv0));
	/* the seed lies as far back as the truth says of the process's first packet */
	uint64_t first = UINT64_MAX;
	for (size_t i = 0; i < c->n; i++)
		if (c->packet[i].bot >= 0 && process_of_bot[c->packet[i].bot] == (int)number && c->packet[i].draws_before < first)
			first = c->packet[i].draws_before;
	assert_true(job.steps == first);
	/* exact loss */
	const double loss = 1 - (double)p.packets_seen * p.targets / (double)p.packets_sent;
	assert_true(p.loss > loss - 1e-9 && p.loss < loss + 1e-9);
}

static void synthetic_captures(void **arg)
{
	(void)arg;
	const char *shared = shared_folder(SOURCE_ROOT);
	unsigned found = 0;

	for (size_t i = 0; shared && i < sizeof expected / sizeof *expected; i++) {
		char base[1200];
		struct capture c;
		struct gs_tracker *t = NULL;
		int process_of_bot[CAPTURE_MAX_BOTS];
		snprintf(base, sizeof base, "%s/captures-synthetic/%s", shared, expected[i].name);
		if (!capture_read(base, &c))
			continue;
		found++;
		memset(process_of_bot, 0xff, sizeof process_of_bot);
		assert_int_equal(gs_tracker_new(NULL, tables, &t, NULL), 0);
		const unsigned pending = assign(&c, t, process_of_bot);
		const struct gs_tracker_tally tally = gs_tracker_tally(t);
		assert_int_equal(gs_tracker_count(t), expected[i].processes);
		assert_true(tally.pending == 0 && tally.unlinked == 0);
		assert_true(pending <= 1); /* the first of the short ones waits for the second */
		uint64_t seen = 0;
		for (unsigned k = 0; k < expected[i].processes; k++) {
			struct gs_bot_process p;
			check_process(t, &c, &expected[i], k, process_of_bot);
			gs_tracker_process(t, k, &p);
			seen += p.packets_seen;
		}
		assert_true(seen == (uint64_t)json_integer_value(json_object_get(c.truth, "flood_packets")));
		gs_tracker_free(t);
		capture_done(&c);
	}
	assert_true(found);
}

/* ---- our made-up bots against somebody else's: the same octets ---- */

struct comparison {
	const struct capture *c;
	const char *const *names;
	size_t same;
};

static void compare_packet(void *arg, const struct scene_packet *p)
{
	struct comparison *k = arg;
	for (size_t i = 0; i < k->c->n; i++) {
		const struct capture_packet *q = &k->c->packet[i];
		if (q->bot < 0 || q->draws_before != p->draws_before || strcmp(k->c->bot[q->bot], k->names[p->process]) != 0)
			continue;
		assert_int_equal(q->caplen, p->len);
		assert_memory_equal(q->ip, p->ip, p->len);
		k->same++;
	}
}

static void made_up_bots_write_the_same_octets(void **arg)
{
	(void)arg;
	static const char *const names[] = { "p", "q", "r" };
	static const struct { const char *file; bool greeth; unsigned len, targets, first, last; uint64_t rounds; } plays[] = {
		{ "d01_greip_512", false, 512, 1, 0, 0, 250 }, { "d02_greeth_two_targets", true, 512, 2, 1, 1, 300 },
		{ "d03_nat_two_processes", false, 512, 1, 1, 2, 130 }, { "d04_short_frames", false, 0, 2, 0, 0, 600 },
	};
	const char *shared = shared_folder(SOURCE_ROOT);
	unsigned found = 0;
	for (size_t i = 0; shared && i < sizeof plays / sizeof *plays; i++) {
		struct scene_process process[3] = {
			{ .seeded = true, .x = 1511000000, .y = 57, .z = 20000, .warm_up = 4, .address = 0xc0000265, .hops = 12 },
			{ .seeded = true, .big_endian = true, .x = 1511400000, .y = 3, .z = 0, .warm_up = 6, .address = 0xc0000296, .hops = 16 },
			{ .seeded = true, .x = 1510900000, .y = 610, .z = 10000, .warm_up = 2, .address = 0xc0000296, .hops = 16 },
		};
		struct scene_attack attack[2] = { 0 };
		struct scene scene = { .process = process, .processes = 3, .attack = attack };
		struct capture c;
		char base[1200];
		snprintf(base, sizeof base, "%s/captures-synthetic/%s", shared, plays[i].file);
		if (!capture_read(base, &c))
			continue;
		found++;
		for (unsigned k = plays[i].first; k <= plays[i].last; k++) {
			struct scene_attack *a = &attack[scene.attacks++];
			*a = (struct scene_attack){ .process = k, .orders = bot_orders_default(), .pps = 1000, .rounds = plays[i].rounds, .sees = { true } };
			a->orders.greeth = plays[i].greeth;
			a->orders.len = plays[i].len;
			a->orders.targets = plays[i].targets;
			a->orders.target[0] = (struct bot_target){ 0xc6336421, 32 };
			a->orders.target[1] = (struct bot_target){ 0xc6336422, 32 };
		}
		struct comparison k = { &c, names, 0 };
		assert_true(scene_play(&scene, compare_packet, &k));
		assert_int_equal(k.same, c.n);
		capture_done(&c);
	}
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(synthetic_captures), cmocka_unit_test(made_up_bots_write_the_same_octets) };
	if (!shared_folder(SOURCE_ROOT)) { /* not skip(): cmocka 1.1.5 writes "not ok" for it in TAP */
		printf("1..0 # SKIP no shared captures\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
