/*
 * fuzz_forensics.c - any octets as IPv4 packets, one after the other: what they prove, whose they are, what is then said of their process
 *
 * Input: records of a length (two octets, most significant first: the low 11 bits), a time step (one octet) and the packet; flag bit 15 of the length: quoted by an ICMP
 * error, 14: the packet comes twice, 13: the time step goes back, 12: the seed search and the reports are asked for now, 11: linked with the packet before.
 * Asserted: levels and bits agree, the full evidence agrees with the quick one, states step forwards and backwards to each other, and every packet is in the tracker's balance.
 */
#include "grescope/bots.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HOLDS(x) ((x) ? (void)0 : abort())
#define MAX_RECORDS 16

static bool same_state(struct gs_bot_state a, struct gs_bot_state b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

static void check_proof(const struct gs_bot_input *in, const struct gs_bot_proof *quick, const struct gs_bot_proof *full)
{
	HOLDS(full->level < GS_BOT_LEVEL_COUNT && full->level == quick->level && full->flood == quick->flood && full->byte_order == quick->byte_order);
	HOLDS(full->drawn == quick->drawn && full->draws == quick->draws && full->has_state == quick->has_state && !quick->has_after);
	HOLDS(full->bits >= quick->bits || full->facts & GS_BOT_FACT_BROKEN);
	HOLDS((quick->facts & ~full->facts) == 0);
	HOLDS(full->level != GS_BOT_LEVEL_PROVEN || (quick->bits >= GS_BOT_PROOF_BITS && full->bits >= GS_BOT_PROOF_BITS));
	HOLDS(full->level != GS_BOT_LEVEL_LIKELY || (full->bits >= 31 && full->bits < GS_BOT_PROOF_BITS && full->drawn));
	HOLDS(full->level != GS_BOT_LEVEL_NONE || (full->flood == GS_BOT_NO_FLOOD && gs_bot_evidence(full) == 0));
	HOLDS(full->level == GS_BOT_LEVEL_NONE || full->flood == in->flood);
	HOLDS(!full->has_state || full->level == GS_BOT_LEVEL_PROVEN);
	HOLDS(full->draws <= 65535u / 4 + 16);
	if (!full->has_state)
		return;
	HOLDS(same_state(full->before, quick->before) && full->host_draw == full->before.w[3]);
	HOLDS(full->before.w[0] | full->before.w[1] | full->before.w[2] | full->before.w[3]);
	HOLDS(full->has_after == (full->draws > 0));
	if (full->has_after) {
		HOLDS(same_state(gs_bot_state_step(full->before, full->draws), full->after));
		HOLDS(same_state(gs_bot_state_step(full->after, -(int64_t)full->draws), full->before));
	}
}

static void check_reports(struct gs_tracker *t, bool search)
{
	uint64_t seen = 0;
	const struct gs_tracker_tally y = gs_tracker_tally(t);
	HOLDS(y.given == y.ignored + y.assigned + y.pending + y.unlinked + y.refused + y.skipped && y.untracked <= y.assigned);
	for (uint32_t i = 0; i < gs_tracker_count(t); i++) {
		struct gs_bot_process p;
		struct gs_bot_attack attacks[4];
		struct gs_bot_seed job;
		if (search && gs_tracker_seed_job(t, i, 2000, &job)) {
			while (gs_bot_seed_run(&job, 700) == GS_BOT_SEED_SEARCHING)
				;
			HOLDS(job.steps <= 2000);
			gs_tracker_seed_result(t, i, &job);
		}
		HOLDS(gs_tracker_process(t, i, &p) && p.number == i && p.packets_seen > 0 && p.evidence >= GS_BOT_PROOF_BITS);
		HOLDS(p.duplicates <= p.packets_seen && p.packets_sent >= p.packets_seen - p.duplicates && p.loss <= 1 && (p.loss >= 0 || p.loss == -1));
		HOLDS(p.n_src >= 1 && p.n_src <= GS_BOT_SRC_SAMPLE && p.n_hops <= GS_BOT_HOPS_MAX && p.first_seen.ns <= p.last_seen.ns);
		const unsigned n = gs_tracker_attacks(t, i, attacks, 4);
		HOLDS(n == p.attacks);
		for (unsigned k = 0; k < n && k < 4; k++)
			HOLDS(attacks[k].packets_seen > 0 && attacks[k].first_seen.ns <= attacks[k].last_seen.ns && attacks[k].rounds > 0);
		seen += p.packets_seen;
	}
	HOLDS(seen == y.assigned);
}

struct fuzz {
	struct gs_tracker *tracker;
	struct gs_bot_linker *linker;
	struct gs_bot_input before; /* of the packet before */
	const uint8_t *before_data;
	struct gs_time ts;
};

static void give(struct fuzz *f, const uint8_t *ip, size_t n, unsigned flags)
{
	struct gs_bot_input in = { 0 };
	struct gs_bot_proof quick = { 0 }, full = { 0 }, hint;
	struct gs_bot_link link;

	if (gs_bot_input_from_ipv4(ip, n, &in)) {
		HOLDS(in.data_len <= in.data_wire_len && in.data_len <= n);
		in.flags |= (uint8_t)(flags >> 15 & 1 ? GS_BOT_IN_QUOTED : 0);
		gs_bot_prove(&in, 0, &quick);
		gs_bot_prove(&in, GS_BOT_FULL, &full);
		check_proof(&in, &quick, &full);
		gs_bot_prove(&in, GS_BOT_UNPROVEN, &hint);
		HOLDS(hint.level < GS_BOT_LEVEL_LIKELY);
		HOLDS(quick.level >= GS_BOT_LEVEL_LIKELY || (hint.level == quick.level && hint.facts == quick.facts && hint.bits == quick.bits && hint.flood == quick.flood &&
		                                             hint.byte_order == quick.byte_order && hint.hops == quick.hops && !quick.has_state));
		if (flags >> 11 & 1 && f->before.flood) {
			const struct gs_bot_input pair[2] = { f->before, in };
			if (gs_bot_link(f->linker, pair, 2, 4, &link))
				HOLDS(link.distance > 0 && link.draws > 0 && link.check_bits >= 32 && (link.before.w[0] | link.before.w[1] | link.before.w[2] | link.before.w[3]));
		}
		f->before = in; /* its data is part of the input: alive to the end */
	}
	const int32_t process = gs_tracker_add(f->tracker, &in, &full, f->ts);
	HOLDS(process < (int32_t)gs_tracker_count(f->tracker));
	HOLDS(full.level > GS_BOT_LEVEL_SHAPE || process == GS_TRACK_IGNORED || full.level == GS_BOT_LEVEL_SHAPE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct gs_bot_tables *tables;
	static struct gs_bot_linker *linker; /* tables of equations are dear: made once */
	const struct gs_tracker_limits limits = { .processes = 8, .streams = 12, .groups = 8, .source_counters = 1, .link_tables = 12, .searches_per_s = 40 };
	struct fuzz f = { .ts = { INT64_C(1500000000000000000) } };

	if (!tables && (gs_bot_tables_new(&tables, NULL) < 0 || gs_bot_linker_new(tables, 24, &linker, NULL) < 0))
		abort();
	f.linker = linker;
	HOLDS(gs_tracker_new(&limits, tables, &f.tracker, NULL) == 0);
	for (unsigned i = 0; i < MAX_RECORDS && len >= 3; i++) {
		const unsigned flags = (unsigned)data[0] << 8 | data[1], wanted = flags & 0x7ff;
		const int64_t step = INT64_C(1) << data[2] % 63;
		const size_t n = wanted < len - 3 ? wanted : len - 3;
		f.ts.ns = (int64_t)((uint64_t)f.ts.ns + (uint64_t)(flags >> 13 & 1 ? -step : step));
		for (unsigned k = 0; k < 1 + (flags >> 14 & 1); k++)
			give(&f, data + 3, n, flags);
		if (flags >> 12 & 1)
			check_reports(f.tracker, true);
		data += 3 + n;
		len -= 3 + n;
	}
	check_reports(f.tracker, false);
	gs_tracker_free(f.tracker);
	return 0;
}
