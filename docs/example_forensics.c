/*
 * example_forensics.c - which bots sent the GRE packets of a capture: a complete program on top of grescope/bots.h
 *
 *	example_forensics CAPTURE        classic pcap, little-endian, Ethernet
 *
 * Result 0: at least one process found, 1: none, 2: the file is no such capture.
 */
#include "grescope/bots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One frame: which fields matter, what they prove, whose packet it is. */
static void take(struct gs_tracker *tracker, const uint8_t *frame, uint32_t n, struct gs_time ts)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	if (n < 34 || frame[12] != 8 || frame[13] != 0 || !gs_bot_input_from_ipv4(frame + 14, n - 14, &in))
		return;
	gs_bot_prove(&in, 0, &proof);
	const int32_t process = gs_tracker_add(tracker, &in, &proof, ts);
	if (process >= 0)
		printf("%" PRId64 ".%06" PRId64 " %s, %u bits: process %" PRId32 "\n", ts.ns / 1000000000, ts.ns / 1000 % 1000000, gs_bot_level_word(proof.level), proof.bits,
		       process);
}

static void report(struct gs_tracker *tracker, uint32_t number)
{
	struct gs_bot_process p;
	struct gs_bot_seed job;

	/* how was it seeded? Off the capture path, with as many draws as one likes to wait for */
	if (gs_tracker_seed_job(tracker, number, 100000000, &job)) {
		gs_bot_seed_run(&job, UINT64_MAX);
		gs_tracker_seed_result(tracker, number, &job);
	}
	gs_tracker_process(tracker, number, &p);
	printf("process %u: %s-endian, %" PRIu64 " packets seen of %" PRIu64 " sent to %u targets%s, %u attacks, loss %.1f %%, %.0f packets/s, %d hops away\n", number,
	       p.byte_order == GS_BOT_BIG ? "big" : "little", p.packets_seen, p.packets_sent, p.targets, p.targets_sure ? "" : " (not sure)", p.attacks, 100 * p.loss,
	       p.rate_pps, p.hops);
	if (p.seed_found)
		printf("  seeded at unix time %u by its own clock, pids xor %u, CPU clock %u: process names %s and %s\n", p.seed_x, p.seed_y, p.seed_z, p.argv0, p.comm);
}

int main(int argc, char **argv)
{
	static uint8_t frame[1 << 18];
	struct gs_bot_tables *tables;
	struct gs_tracker *tracker;
	const struct gs_tracker_limits limits = { .searches_per_s = UINT32_MAX }; /* a file may take its time; memory: gs_tracker_bytes(&limits) */
	struct gs_error err;
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	uint8_t h[24];

	if (!f || fread(h, 1, 24, f) != 24 || le32(h) != 0xa1b2c3d4 || le32(h + 20) != 1) {
		fprintf(stderr, "usage: example_forensics CAPTURE (classic pcap, little-endian, Ethernet)\n");
		return 2;
	}
	if (gs_bot_tables_new(&tables, &err) < 0 || gs_tracker_new(&limits, tables, &tracker, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	while (fread(h, 1, 16, f) == 16 && le32(h + 8) <= sizeof frame && fread(frame, 1, le32(h + 8), f) == le32(h + 8))
		take(tracker, frame, le32(h + 8), (struct gs_time){ le32(h) * INT64_C(1000000000) + le32(h + 4) * INT64_C(1000) });
	fclose(f);
	const uint32_t processes = gs_tracker_count(tracker);
	for (uint32_t i = 0; i < processes; i++)
		report(tracker, i);
	gs_tracker_free(tracker);
	gs_bot_tables_free(tables);
	return processes == 0;
}
