/*
 * bench_forensics.c - what the forensics cost: CPU time per packet, per position, per link, per step of the seed search; the best of several runs
 *
 *   bench_forensics [RUNS]        default 7
 */
#include "../tests/forensics/made.h"
#include "botscene.h"

#include <inttypes.h>
#include <time.h>

#define PACKETS 4096

static double cpu(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned runs = 7;
static volatile uint64_t sink; /* so that nothing measured is left out */
static struct gs_bot_tables *tables;

/* The best CPU time of `what`, which does n things, per thing, in nanoseconds. */
static void measure(const char *name, double n, void (*what)(void *), void *arg)
{
	double best = 1e9;
	for (unsigned i = 0; i < runs; i++) {
		const double start = cpu();
		what(arg);
		const double took = cpu() - start;
		best = took < best ? took : best;
	}
	printf("| %-62s | %12.1f |\n", name, best / n * 1e9);
	fflush(stdout);
}

/* ---- one packet ---- */

struct packets {
	uint8_t (*ip)[BOT_MAX_PACKET];
	size_t len[PACKETS];
	struct gs_bot_input in[PACKETS];
	unsigned flags;
};

enum kind { KIND_BOT, KIND_OTHER_FIELDS, KIND_OTHER_LENGTHS, KIND_NO_CANDIDATE };

static void packets_make(struct packets *p, bool greeth, unsigned len, enum kind kind)
{
	const struct bot_orders o = orders_for(greeth, len);
	struct bot_attack a = { 0 };
	uint64_t at = 5;

	p->flags = 0;
	for (unsigned i = 0; i < PACKETS; i++) {
		uint8_t *ip = p->ip[i];
		struct bot b;
		if (i % 16 == 0) {
			any_bot(&b, &at, i & 16);
			bot_attack_start(&a, &b, &o, OWN);
		}
		p->len[i] = bot_attack_packet(&a, 0, 9, ip);
		if (kind == KIND_OTHER_FIELDS) {
			for (unsigned k = 0; k < 4; k += 2) {
				ip[28 + k] = (uint8_t)number(&at);
				ip[29 + k] = (uint8_t)number(&at);
			}
			ip[30] = 0x40;
			ip[31] = 0;
			for (size_t k = 36; k < p->len[i]; k++)
				if (k < 48 || k >= 52)
					ip[k] = (uint8_t)number(&at);
		} else if (kind == KIND_OTHER_LENGTHS) {
			ip[49] ^= 4;
		} else if (kind == KIND_NO_CANDIDATE) {
			ip[20] = 0x30;
			ip[21] = 0x81;
		}
		if (kind != KIND_NO_CANDIDATE)
			p->in[i] = input_of(ip, p->len[i]);
	}
}

static void read_inputs(void *arg)
{
	struct packets *p = arg;
	uint64_t n = 0;
	for (unsigned i = 0; i < PACKETS; i++) {
		struct gs_bot_input in;
		n += gs_bot_input_from_ipv4(p->ip[i], p->len[i], &in);
	}
	sink += n;
}

static void prove_all(void *arg)
{
	struct packets *p = arg;
	uint64_t bits = 0;
	for (unsigned i = 0; i < PACKETS; i++) {
		struct gs_bot_proof proof;
		gs_bot_prove(&p->in[i], p->flags, &proof);
		bits += proof.bits;
	}
	sink += bits;
}

static void one_packet(void)
{
	static struct packets p;
	p.ip = malloc((size_t)PACKETS * sizeof *p.ip);
	if (!p.ip)
		abort();
	packets_make(&p, false, 512, KIND_NO_CANDIDATE);
	measure("fields of a packet that is no candidate (PPTP)", PACKETS, read_inputs, &p);
	packets_make(&p, false, 512, KIND_BOT);
	measure("fields of a greip packet", PACKETS, read_inputs, &p);
	packets_make(&p, false, 512, KIND_OTHER_LENGTHS);
	measure("prove: lengths do not fit", PACKETS, prove_all, &p);
	packets_make(&p, false, 512, KIND_OTHER_FIELDS);
	measure("prove: shape, other fields, 512 octets", PACKETS, prove_all, &p);
	packets_make(&p, false, 12, KIND_OTHER_FIELDS);
	measure("prove: shape, other fields, 12 octets", PACKETS, prove_all, &p);
	for (unsigned i = 0; i < 6; i++) {
		static const struct { const char *name; bool greeth; unsigned len, flags; } cases[] = {
			{ "prove: greip, 512 octets", false, 512, 0 }, { "prove: greeth, 512 octets", true, 512, 0 }, { "prove: greip, 12 octets", false, 12, 0 },
			{ "prove: greeth, no data", true, 0, 0 }, { "prove: greip, no data (level id)", false, 0, 0 }, { "prove, GS_BOT_FULL: greip, 512 octets", false, 512, GS_BOT_FULL },
		};
		packets_make(&p, cases[i].greeth, cases[i].len, KIND_BOT);
		p.flags = cases[i].flags;
		measure(cases[i].name, PACKETS, prove_all, &p);
	}
	free(p.ip);
}

/* ---- tracking ---- */

struct recorded {
	struct gs_bot_input in;
	struct gs_bot_proof proof;
	struct gs_time ts;
	uint8_t data[20];
};

struct recording {
	struct recorded *r;
	size_t n, room;
};

static void record(void *arg, const struct scene_packet *sp)
{
	struct recording *rec = arg;
	struct recorded *r = &rec->r[rec->n];
	if (rec->n == rec->room)
		return;
	rec->n++;
	r->in = input_of(sp->ip, sp->len);
	gs_bot_prove(&r->in, 0, &r->proof);
	r->ts.ns = sp->ns;
	if (r->in.data_len > sizeof r->data) /* the tracker looks at no more */
		r->in.data_len = sizeof r->data;
	if (r->in.data_len)
		memcpy(r->data, r->in.data, r->in.data_len);
	r->in.data = r->data;
}

static void track_all(void *arg)
{
	const struct recording *rec = arg;
	const struct gs_tracker_limits limits = { .processes = 8192, .streams = 16384, .groups = 8192, .searches_per_s = UINT32_MAX };
	struct gs_tracker *t = NULL;
	if (gs_tracker_new(&limits, tables, &t, NULL) < 0)
		abort();
	for (size_t i = 0; i < rec->n; i++)
		sink += (uint64_t)gs_tracker_add(t, &rec->r[i].in, &rec->r[i].proof, rec->r[i].ts);
	gs_tracker_free(t);
}

static void track(const char *name, unsigned processes, unsigned rounds, unsigned len, double loss)
{
	struct scene_process *process = calloc(processes, sizeof *process);
	struct scene_attack *attack = calloc(processes, sizeof *attack);
	struct recording rec = { .room = (size_t)processes * rounds };
	uint64_t at = 6;
	rec.r = calloc(rec.room, sizeof *rec.r);
	if (!process || !attack || !rec.r)
		abort();
	for (unsigned i = 0; i < processes; i++) {
		process[i] = (struct scene_process){ .address = OWN, .hops = 9, .big_endian = i & 1 };
		for (unsigned k = 0; k < 4; k++)
			process[i].state[k] = (uint32_t)number(&at) | 1;
		attack[i] = (struct scene_attack){ .process = i, .orders = orders_for(false, len), .sees = { true }, .pps = 1000, .rounds = rounds, .at = (double)(number(&at) % 1000) / 1e6 };
	}
	struct scene s = { .seed = 7, .loss = loss, .process = process, .processes = processes, .attack = attack, .attacks = processes };
	if (!scene_play(&s, record, &rec))
		abort();
	measure(name, (double)rec.n, track_all, &rec);
	free(process);
	free(attack);
	free(rec.r);
}

/* ---- positions, links, seeds ---- */

#define STATES 2000

static void positions(void *arg)
{
	struct gs_bot_state *s = arg;
	for (unsigned i = 0; i < STATES; i++)
		sink += gs_bot_position(tables, &s[i]).lo;
}

static void jumps(void *arg)
{
	struct gs_bot_state *s = arg;
	for (unsigned i = 0; i < STATES; i++)
		sink += gs_bot_state_jump(tables, s[i], 1000003 + i).w[0];
}

static void steps(void *arg)
{
	struct gs_bot_state *s = arg;
	sink += gs_bot_state_step(*s, 10000000).w[0];
}

static void seed_search(void *arg)
{
	struct gs_bot_seed job;
	gs_bot_seed_start(&job, arg, 1, 50000000);
	gs_bot_seed_run(&job, UINT64_MAX);
	sink += job.steps;
}

static void make_tables(void *arg)
{
	struct gs_bot_tables *t = NULL;
	(void)arg;
	if (gs_bot_tables_new(&t, NULL) < 0)
		abort();
	gs_bot_tables_free(t);
}

struct pair {
	struct gs_bot_linker *linker;
	struct gs_bot_input in[2];
	unsigned gap;
};

static void link_pair(void *arg)
{
	struct pair *p = arg;
	struct gs_bot_link l;
	for (unsigned i = 0; i < 100; i++)
		sink += gs_bot_link(p->linker, p->in, 2, GS_BOT_LINK_MAX_GAP, &l);
}

static void link_first(void *arg)
{
	struct pair p = *(struct pair *)arg;
	struct gs_bot_link l;
	if (gs_bot_linker_new(tables, 8, &p.linker, NULL) < 0)
		abort();
	sink += gs_bot_link(p.linker, p.in, 2, GS_BOT_LINK_MAX_GAP, &l);
	gs_bot_linker_free(p.linker);
}

static void pair_make(struct pair *p, unsigned gap)
{
	const struct bot_orders o = orders_for(false, 0);
	struct bot b;
	struct bot_attack a;
	uint8_t ip[BOT_MAX_PACKET];
	uint64_t at = gap;
	any_bot(&b, &at, false);
	bot_attack_start(&a, &b, &o, OWN);
	for (unsigned i = 0; i <= gap; i++) {
		const size_t len = bot_attack_packet(&a, 0, 9, ip);
		if (i == 0 || i == gap)
			p->in[i > 0] = input_of(ip, len);
	}
}

int main(int argc, char **argv)
{
	static struct gs_bot_state states[STATES];
	struct pair p = { 0 }, other = { 0 };
	uint64_t at = 8;

	runs = argc > 1 ? (unsigned)atoi(argv[1]) : 7;
	if (runs == 0 || gs_bot_tables_new(&tables, NULL) < 0 || gs_bot_linker_new(tables, 8, &p.linker, NULL) < 0)
		return 1;
	for (unsigned i = 0; i < STATES; i++)
		for (unsigned k = 0; k < 4; k++)
			states[i].w[k] = (uint32_t)number(&at) | 1;
	printf("| one                                                            |  CPU ns each |\n|---|---|\n");
	one_packet();
	track("track: one process, one target", 1, 200000, 512, 0);
	track("track: 2000 processes interleaved", 2000, 150, 512, 0);
	track("track: 2000 processes interleaved, 30 % loss", 2000, 150, 512, 0.3);
	track("track: 2000 processes interleaved, no data (links)", 2000, 150, 0, 0);
	track("track: every packet a new process", 8000, 1, 512, 0);
	measure("position of a state", STATES, positions, states);
	measure("jump by any distance", STATES, jumps, states);
	measure("step by one draw", 10000000, steps, states);
	measure("seed search, one draw back", 50000000, seed_search, states);
	measure("generator tables, made once", 1, make_tables, NULL);
	pair_make(&p, 7);
	measure("link: first pair of a layout, 7 packets apart", 1, link_first, &p);
	measure("link: a pair 7 packets apart", 100, link_pair, &p);
	pair_make(&p, 3000);
	measure("link: first pair of a layout, 3000 packets apart", 1, link_first, &p);
	measure("link: a pair 3000 packets apart", 100, link_pair, &p);
	pair_make(&other, 5);
	p.in[1] = other.in[0];
	measure("link: strangers, all 4096 distances", 100, link_pair, &p);
	gs_bot_linker_free(p.linker);
	gs_bot_tables_free(tables);
	return 0;
}
