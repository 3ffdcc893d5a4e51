/*
 * judge.c - holds what the forensics say of made-up captures against the truth beside them
 *
 *	judge [-v] BASE...     BASE.pcap and BASE.json, as mkbots writes them
 *
 * For each packet: proven or not, byte order, draws, and the right process. For the capture: number of processes, byte orders, targets, seeds, names, packets
 * sent. For each attack: flood, length, targets, rounds, loss. Prints a line for each capture and one for everything that is wrong. Result 0: nothing wrong, 1: something, 77: no capture given is there.
 */
#include "capture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SEED_BUDGET (UINT64_C(1) << 26)
#define SURE_PACKETS 14     /* per target, from which on the round is certain */
#define SENT_TOLERANCE 0.03 /* the end of an attack may be lost */

static bool verbose;

struct judge {
	const char *base;
	const struct capture *c;
	struct gs_tracker *t;
	int number_of[CAPTURE_MAX_BOTS];
	unsigned wrong, pending, proven;
};

static void complain(struct judge *j, const char *what, double found, double expected)
{
	fprintf(stderr, "%s: %s: %g, expected %g\n", j->base, what, found, expected);
	j->wrong++;
}

static void judge_packet(struct judge *j, const struct capture_packet *p)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof = { 0 };

	memset(&in, 0, sizeof in);
	if (gs_bot_input_from_ipv4(p->ip, p->caplen, &in))
		gs_bot_prove(&in, GS_BOT_FULL, &proof);
	const int32_t n = gs_tracker_add(j->t, &in, &proof, p->ts);
	if (p->bot < 0) {
		if (proof.level > GS_BOT_LEVEL_SHAPE || n >= 0)
			complain(j, "ordinary packet taken for a bot's, level", proof.level, GS_BOT_LEVEL_SHAPE);
		return;
	}
	if (proof.flood != (p->greeth ? GS_BOT_GREETH : GS_BOT_GREIP))
		complain(j, "kind of flood", proof.flood, p->greeth ? GS_BOT_GREETH : GS_BOT_GREIP);
	if (proof.has_state) {
		j->proven++;
		/* a host part is a draw that one packet does not show */
		const double draws = (double)(p->draws_after - p->draws_before);
		if (proof.draws != draws && proof.draws + 1 != draws)
			complain(j, "draws of a packet", proof.draws, draws);
	}
	if (n < 0) {
		j->pending++;
		return;
	}
	if (j->number_of[p->bot] < 0)
		j->number_of[p->bot] = n;
	if (j->number_of[p->bot] != n)
		complain(j, "process of a packet", n, j->number_of[p->bot]);
}

/* An attack of which enough was seen for its round to be known, against what the capture really holds of it. */
static void judge_attack(struct judge *j, const struct gs_bot_attack *a, const json_t *truth)
{
	const double packets = (double)json_integer_value(json_object_get(truth, "packets")), rounds = (double)json_integer_value(json_object_get(truth, "rounds"));
	const double targets = (double)json_integer_value(json_object_get(truth, "targets")), seen = (double)json_integer_value(json_object_get(truth, "targets_seen"));
	const double expected = (double)json_integer_value(json_array_get(json_object_get(truth, "expected"), a->has_start ? 0 : 1));
	const double missed = packets - (double)a->packets_seen; /* waited for a link in vain */

	if (a->flood != (strcmp(json_string_value(json_object_get(truth, "kind")), "greeth") == 0 ? GS_BOT_GREETH : GS_BOT_GREIP))
		complain(j, "an attack's flood", a->flood, -1);
	if (a->data_len != json_integer_value(json_object_get(truth, "len")))
		complain(j, "an attack's length of data", a->data_len, (double)json_integer_value(json_object_get(truth, "len")));
	if (missed < 0 || missed > 12 + 0.02 * packets)
		complain(j, "an attack's packets", (double)a->packets_seen, packets);
	if (a->targets_seen != seen)
		complain(j, "an attack's targets seen", a->targets_seen, seen);
	if (packets < SURE_PACKETS * seen)
		return;
	if (a->targets != targets && (a->targets_sure || fabs(a->targets - targets) > 0.15 * targets + 1))
		complain(j, "an attack's targets", a->targets, targets);
	if (a->has_start ? (double)a->rounds != rounds : (double)a->rounds > rounds || ((double)a->rounds < 0.9 * rounds && missed == 0 && packets > 10 * SURE_PACKETS * seen))
		complain(j, a->has_start ? "an attack's rounds from its start" : "an attack's rounds", (double)a->rounds, rounds);
	if (fabs(a->loss - (1 - packets / expected)) > 1e-6 + (missed ? 0.05 : 0))
		complain(j, a->has_start ? "an attack's loss from its start" : "an attack's loss", a->loss, 1 - packets / expected);
}

/* Whether the numbers of targets are certain. */
static bool judge_attacks(struct judge *j, unsigned bot, uint32_t number)
{
	static struct gs_bot_attack attacks[256];
	const json_t *all = json_object_get(j->c->truth, "attacks");
	const unsigned n = gs_tracker_attacks(j->t, number, attacks, 256);
	unsigned at = 0;
	bool sure = true;

	for (unsigned i = 0; i < n && i < 256; i++)
		sure &= attacks[i].targets_sure || attacks[i].targets == 1;
	for (unsigned i = 0; verbose && i < n && i < 256; i++)
		printf("%s: attack %u: flood %u, %u octets, %u draws, targets %u%s, %u seen, rounds %llu%s, %llu packets, loss %g, drawn %02x%s\n", j->c->bot[bot], i,
		       attacks[i].flood, attacks[i].data_len, attacks[i].draws, attacks[i].targets,
		       attacks[i].targets_sure ? "" : " (unsure)", attacks[i].targets_seen, (unsigned long long)attacks[i].rounds,
		       attacks[i].has_start ? " from its start" : "", (unsigned long long)attacks[i].packets_seen, attacks[i].loss, attacks[i].drawn,
		       attacks[i].host_drawn ? " and a host part" : "");

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *truth = json_array_get(all, i);
		if (strcmp(json_string_value(json_object_get(truth, "bot")), j->c->bot[bot]) != 0)
			continue;
		if (at < n && at < 256)
			judge_attack(j, &attacks[at], truth);
		at++;
	}
	if (all && at != n)
		complain(j, "attacks of a process", n, at);
	return sure;
}

static void judge_process(struct judge *j, unsigned bot, double sample)
{
	const json_t *truth = json_object_get(json_object_get(j->c->truth, "bots"), j->c->bot[bot]);
	struct gs_bot_seed job;
	struct gs_bot_process p;

	if (j->number_of[bot] < 0) {
		complain(j, "process not found, bot number", bot, -1);
		return;
	}
	const uint32_t n = (uint32_t)j->number_of[bot];
	for (unsigned other = 0; other < bot; other++)
		if (j->number_of[other] == (int)n)
			complain(j, "two bots taken for one, number", bot, other);
	if (gs_tracker_seed_job(j->t, n, SEED_BUDGET, &job)) {
		gs_bot_seed_run(&job, UINT64_MAX);
		gs_tracker_seed_result(j->t, n, &job);
	}
	gs_tracker_process(j->t, n, &p);
	if (!truth)
		return;
	const json_t *seed = json_object_get(truth, "seed"), *names = json_object_get(truth, "names");
	if (p.byte_order != (strcmp(json_string_value(json_object_get(truth, "endian")), "be") == 0 ? GS_BOT_BIG : GS_BOT_LITTLE))
		complain(j, "byte order of bot number", bot, -1);
	if (p.hops != json_integer_value(json_object_get(truth, "hops")))
		complain(j, "hops", p.hops, (double)json_integer_value(json_object_get(truth, "hops")));
	if (seed && (!p.seed_found || p.seed_x != json_integer_value(json_array_get(seed, 0)) || p.seed_y != json_integer_value(json_array_get(seed, 1)) ||
	             p.seed_z != json_integer_value(json_array_get(seed, 2))))
		complain(j, "seed's time", p.seed_x, (double)json_integer_value(json_array_get(seed, 0)));
	if (names && (strcmp(p.argv0, json_string_value(json_array_get(names, 0))) != 0 || strcmp(p.comm, json_string_value(json_array_get(names, 1))) != 0))
		complain(j, "process names of bot number", bot, -1);
	const bool sure = judge_attacks(j, bot, n);
	const double sent = (double)json_integer_value(json_object_get(truth, "sent"));
	if (fabs((double)p.packets_sent - sent) > sample * (sent * (sure ? SENT_TOLERANCE : 0.15) + 10 * p.targets * p.attacks))
		complain(j, "packets sent", (double)p.packets_sent, sent);
}

static void judge_expectations(struct judge *j)
{
	const json_t *expect = json_object_get(j->c->truth, "expect"), *orders = json_object_get(expect, "endian"), *targets = json_object_get(expect, "targets");
	const uint32_t n = gs_tracker_count(j->t);
	bool found[3] = { false, false, false }, wanted[3] = { false, false, false };

	if (n != json_integer_value(json_object_get(expect, "processes")))
		complain(j, "processes", n, (double)json_integer_value(json_object_get(expect, "processes")));
	for (uint32_t i = 0; i < n; i++) {
		struct gs_bot_process p;
		gs_tracker_process(j->t, i, &p);
		found[p.byte_order] = true;
		if (targets && p.targets != json_integer_value(targets))
			complain(j, "targets", p.targets, (double)json_integer_value(targets));
	}
	for (size_t i = 0; i < json_array_size(orders); i++)
		wanted[strcmp(json_string_value(json_array_get(orders, i)), "be") == 0 ? GS_BOT_BIG : GS_BOT_LITTLE] = true;
	if (memcmp(found, wanted, sizeof found) != 0)
		complain(j, "byte orders, little endian", found[GS_BOT_LITTLE], wanted[GS_BOT_LITTLE]);
}

static unsigned judge_capture(const char *base, const struct capture *c, const struct gs_bot_tables *tables)
{
	const struct gs_tracker_limits limits = { .searches_per_s = UINT32_MAX };
	struct judge j = { .base = base, .c = c };
	const json_t *sample = json_object_get(json_object_get(c->truth, "params"), "sample");

	if (gs_tracker_new(&limits, tables, &j.t, NULL) < 0)
		return 1;
	memset(j.number_of, 0xff, sizeof j.number_of);
	for (size_t i = 0; i < c->n; i++)
		judge_packet(&j, &c->packet[i]);
	for (unsigned i = 0; i < c->n_bots; i++)
		judge_process(&j, i, sample ? (double)json_integer_value(sample) : 1);
	judge_expectations(&j);
	const struct gs_tracker_tally y = gs_tracker_tally(j.t);
	if (y.given != y.ignored + y.assigned + y.pending + y.unlinked + y.refused + y.skipped)
		complain(&j, "packets in the balance", (double)(y.ignored + y.assigned + y.pending + y.unlinked + y.refused + y.skipped), (double)y.given);
	printf("%s: %zu packets, %u with a state, %llu assigned, %u answered later, %llu never; %u processes; %u wrong\n", base, c->n, j.proven,
	       (unsigned long long)y.assigned, j.pending, (unsigned long long)(y.pending + y.unlinked), gs_tracker_count(j.t), j.wrong);
	gs_tracker_free(j.t);
	return j.wrong;
}

int main(int argc, char **argv)
{
	struct gs_bot_tables *tables = NULL;
	unsigned wrong = 0, judged = 0;

	if (gs_bot_tables_new(&tables, NULL) < 0)
		return 1;
	verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	for (int i = 1 + verbose; i < argc; i++) {
		struct capture c;
		char base[1024];
		/* a path with its suffix will do, for wildcards */
		snprintf(base, sizeof base, "%s", argv[i]);
		char *suffix = strrchr(base, '.');
		if (suffix && (strcmp(suffix, ".pcap") == 0 || strcmp(suffix, ".json") == 0))
			*suffix = '\0';
		if (!capture_read(base, &c))
			continue;
		judged++;
		wrong += judge_capture(base, &c, tables);
		capture_done(&c);
	}
	gs_bot_tables_free(tables);
	return wrong ? 1 : judged ? 0 : 77;
}
