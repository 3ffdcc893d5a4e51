/* bulk_track.c - many packets and many processes: links, counting, and what happens at the caps */
#include "bulk.h"

#include "forensics/made_scene.h"

#include <malloc.h>
#include <math.h>

/* ---- pairs of packets without data ---- */

/* A packet without data, and another one `gap` packets later. */
static void make_pair(uint64_t *at, bool big, unsigned gap, struct gs_bot_input in[2], struct bot *before)
{
	const struct bot_orders o = orders_for(false, 0);
	struct bot_attack a;
	struct bot any;
	uint8_t ip[BOT_MAX_PACKET];
	any_bot(&any, at, big);
	bot_attack_start(&a, &any, &o, OWN);
	*before = a.bot;
	in[0] = input_of(ip, bot_attack_packet(&a, 0, 9, ip));
	for (unsigned i = 1; i < gap; i++)
		bot_attack_packet(&a, 0, 9, ip);
	in[1] = input_of(ip, bot_attack_packet(&a, 0, 9, ip));
}

void bulk_pairs(struct bulk *b)
{
	const unsigned n = b->full ? 1000 : 40;
	struct gs_bot_tables *tables = NULL;
	struct gs_bot_linker *linker = NULL;
	unsigned linked = 0, wrong = 0, strangers = 0;
	uint64_t at = 2001;

	if (gs_bot_tables_new(&tables, NULL) < 0 || gs_bot_linker_new(tables, 8, &linker, NULL) < 0)
		abort();
	for (unsigned i = 0; i < n; i++) {
		struct gs_bot_input in[2], other[2];
		struct gs_bot_link l;
		struct bot before, unused;
		const unsigned gap = i < 3 ? i + 1 : i == 3 ? GS_BOT_LINK_MAX_GAP : (unsigned)(number(&at) % GS_BOT_LINK_MAX_GAP) + 1;
		make_pair(&at, i & 1, gap, in, &before);
		if (gs_bot_link(linker, in, 2, GS_BOT_LINK_MAX_GAP, &l)) {
			linked++;
			wrong += !state_is(&l.before, &before) || l.distance != 4 * gap || l.byte_order != (i & 1 ? GS_BOT_BIG : GS_BOT_LITTLE);
		}
		make_pair(&at, i & 1, 1, other, &unused);
		in[1] = other[1];
		strangers += gs_bot_link(linker, in, 2, GS_BOT_LINK_MAX_GAP, &l);
	}
	BULK_HOLDS(b, linked == n && wrong == 0 && strangers == 0, "of %u pairs %u linked, %u wrongly; %u of strangers", n, linked, wrong, strangers);
	printf("%u pairs without data, gaps of 1 to %u packets: %u linked, %u wrongly; %u pairs of strangers: %u linked\n", n, GS_BOT_LINK_MAX_GAP, linked, wrong, n,
	       strangers);
	gs_bot_linker_free(linker);
	gs_bot_tables_free(tables);
}

/* ---- counting ---- */

#define ADDRESSES 300
#define LOSS 0.3

struct crowd {
	struct scene scene;
	struct scene_process *process;
	struct scene_attack *attack;
	struct playing played;
	struct gs_tracker *tracker;
};

enum sources { SOURCES_NAT, SOURCES_RANDOM, SOURCES_DRAWN };

/* n processes, one attack each: both floods, 1 to 4 targets of which the sensor is one, one in ten without data. */
static void crowd_make(struct crowd *c, unsigned n, unsigned rounds, enum sources sources, uint64_t *at)
{
	*c = (struct crowd){ .process = calloc(n, sizeof *c->process), .attack = calloc(n, sizeof *c->attack) };
	if (!c->process || !c->attack)
		abort();
	for (unsigned i = 0; i < n; i++) {
		static const unsigned lengths[] = { 512, 512, 512, 40, 100, 512, 16, 512, 300, 0 };
		any_process(&c->process[i], at, i);
		c->process[i].address = 0xc6120000u + (sources == SOURCES_NAT ? i % ADDRESSES : 0); /* 198.18.0.0/15, for benchmarks */
		c->process[i].sources = sources == SOURCES_RANDOM ? ADDRESSES : 0;
		c->attack[i] = attack_of(i, number(at) % 2, lengths[number(at) % 10], 1 + (unsigned)(number(at) % 4), rounds / 2 + number(at) % rounds);
		c->attack[i].at = (double)(number(at) % 1000) / 1000;
		c->attack[i].orders.source = sources == SOURCES_DRAWN ? -1 : -2;
	}
	c->scene = (struct scene){ .seed = number(at), .start_ns = INT64_C(1511500000000000000), .loss = LOSS, .pptp = n, .tunnel = n, .process = c->process, .processes = n,
		                   .attack = c->attack, .attacks = n };
}

static struct gs_tracker_tally crowd_play(struct crowd *c, const struct gs_bot_tables *tables, const struct gs_tracker_limits *limits)
{
	if (gs_tracker_new(limits, tables, &c->tracker, NULL) < 0)
		abort();
	playing_init(&c->played, c->tracker, &c->scene, c->scene.processes + 64);
	if (!scene_play(&c->scene, play_packet, &c->played))
		abort();
	return gs_tracker_tally(c->tracker);
}

static void crowd_done(struct crowd *c)
{
	gs_tracker_free(c->tracker);
	playing_done(&c->played);
	free(c->process);
	free(c->attack);
}

static bool balances(const struct gs_tracker_tally *y)
{
	return y->given == y->ignored + y->assigned + y->pending + y->unlinked + y->refused + y->skipped;
}

static void count(struct bulk *b, const struct gs_bot_tables *tables, enum sources sources, const char *name, uint64_t *at)
{
	const unsigned n = b->full ? 2000 : 120;
	struct crowd c;
	uint64_t flood = 0, assigned = 0, sent_true = 0, sent = 0, targets_wrong = 0, none = 0;
	double loss_true = 0, loss = 0, worst_sent = 0, worst_loss = 0;

	crowd_make(&c, n, b->full ? 200 : 60, sources, at);
	const double start = bulk_cpu();
	const struct gs_tracker_tally y = crowd_play(&c, tables, NULL);
	const double took = bulk_cpu() - start;
	for (unsigned i = 0; i < n; i++) {
		struct gs_bot_process p;
		flood += c.played.seen[i];
		if (c.played.number[i] < 0 || !gs_tracker_process(c.tracker, (uint32_t)c.played.number[i], &p)) {
			none++;
			continue;
		}
		const double sent_of = (double)c.attack[i].sent, loss_of = 1 - (double)c.played.seen[i] / (double)c.attack[i].rounds;
		assigned += p.packets_seen;
		sent_true += c.attack[i].sent;
		sent += p.packets_sent;
		loss_true += loss_of / n;
		loss += p.loss / n;
		worst_sent = fmax(worst_sent, fabs((double)p.packets_sent - sent_of) / sent_of);
		worst_loss = fmax(worst_loss, fabs(p.loss - loss_of));
		targets_wrong += p.targets != c.attack[i].orders.targets;
	}
	BULK_HOLDS(b, gs_tracker_count(c.tracker) == n && none == 0, "%u processes found of %u", gs_tracker_count(c.tracker), n);
	BULK_HOLDS(b, c.played.wrong == 0 && c.played.split == 0 && c.played.ordinary_taken == 0, "%llu wrong, %llu split", (unsigned long long)c.played.wrong,
	           (unsigned long long)c.played.split);
	BULK_HOLDS(b, (double)assigned >= 0.98 * (double)flood, "%llu of %llu packets", (unsigned long long)assigned, (unsigned long long)flood);
	/* a process is known from its first packet seen to its last: what is lost before and after weighs more in the gate's short attacks */
	BULK_HOLDS(b, fabs((double)sent - (double)sent_true) <= 0.01 * (double)sent_true * (b->full ? 1 : 4), "%llu sent, in truth %llu", (unsigned long long)sent,
	           (unsigned long long)sent_true);
	BULK_HOLDS(b, fabs(loss - loss_true) <= (b->full ? 0.01 : 0.03), "loss %g, in truth %g", loss, loss_true);
	BULK_HOLDS(b, targets_wrong == 0, "%llu of %u", (unsigned long long)targets_wrong, n);
	BULK_HOLDS(b, balances(&y) && y.assigned == assigned, "%llu given, %llu assigned", (unsigned long long)y.given, (unsigned long long)y.assigned);
	printf("%s: %u processes found of %u, %llu packets, %.3f %% on their process, %llu on a wrong one; sent %llu, in truth %llu (%+.2f %%, worst process %.1f %%); "
	       "loss %.4f, in truth %.4f (worst process off by %.3f); %llu numbers of targets wrong; %llu searches, %llu links; %.1f CPU s with making the packets\n",
	       name, gs_tracker_count(c.tracker), n, (unsigned long long)flood, 100.0 * (double)assigned / (double)flood, (unsigned long long)c.played.wrong,
	       (unsigned long long)sent, (unsigned long long)sent_true, 100 * ((double)sent / (double)sent_true - 1), 100 * worst_sent, loss, loss_true, worst_loss,
	       (unsigned long long)targets_wrong, (unsigned long long)y.searches, (unsigned long long)y.links, took);
	crowd_done(&c);
}

void bulk_counting(struct bulk *b)
{
	struct gs_bot_tables *tables = NULL;
	uint64_t at = 2002;
	if (gs_bot_tables_new(&tables, NULL) < 0)
		abort();
	count(b, tables, SOURCES_RANDOM, "each packet from one of 300 addresses at random", &at);
	count(b, tables, SOURCES_NAT, "each process behind one of 300 addresses", &at);
	count(b, tables, SOURCES_DRAWN, "sources drawn by the bots", &at);
	gs_bot_tables_free(tables);
}

/* ---- caps ---- */

static size_t memory_in_use(void)
{
	const struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

/* A cap on one table: what found no room is counted, the rest is as right as ever. processes: found in the end; 0: depends on the order of events. */
static void cap(struct bulk *b, const struct gs_bot_tables *tables, const char *name, struct gs_tracker_limits limits, unsigned len, bool greeth, uint32_t processes, bool untracked,
                uint64_t *at)
{
	const unsigned n = b->full ? 2000 : 200;
	struct crowd c;
	uint64_t seen = 0;

	crowd_make(&c, n, 40, SOURCES_RANDOM, at);
	for (unsigned i = 0; i < n; i++) {
		c.attack[i].orders.len = len;
		c.attack[i].orders.greeth = greeth;
	}
	limits.searches_per_s = limits.searches_per_s ? limits.searches_per_s : UINT32_MAX;
	const size_t before = memory_in_use();
	const struct gs_tracker_tally y = crowd_play(&c, tables, &limits);
	const uint32_t found = gs_tracker_count(c.tracker);
	for (uint32_t i = 0; i < found; i++) {
		struct gs_bot_process p;
		gs_tracker_process(c.tracker, i, &p);
		seen += p.packets_seen;
	}
	const size_t after = memory_in_use() - before, stated = gs_tracker_bytes(&limits);
	BULK_HOLDS(b, balances(&y) && y.given == c.played.packets && seen == y.assigned, "%s: %llu given, %llu assigned, %llu in processes", name,
	           (unsigned long long)y.given, (unsigned long long)y.assigned, (unsigned long long)seen);
	BULK_HOLDS(b, c.played.wrong == 0 && c.played.ordinary_taken == 0, "%s: %llu packets on a wrong process", name, (unsigned long long)c.played.wrong);
	BULK_HOLDS(b, found == processes || processes == 0, "%s: %u processes, %u expected", name, found, processes);
	BULK_HOLDS(b, !untracked == !y.untracked, "%s: %llu packets without a stream", name, (unsigned long long)y.untracked);
#if !defined __SANITIZE_ADDRESS__
	BULK_HOLDS(b, after <= stated + (n + 64) * 4096, "%s: %zu octets, %zu stated", name, after, stated); /* the test's own records are in there too */
#endif
	printf("%s: %u processes of %u; %llu given = %llu ignored + %llu assigned (%llu untracked) + %llu pending + %llu unlinked + %llu refused + %llu skipped; "
	       "%.1f MB stated, %.1f MB taken with the test's records\n",
	       name, found, n, (unsigned long long)y.given, (unsigned long long)y.ignored, (unsigned long long)y.assigned, (unsigned long long)y.untracked,
	       (unsigned long long)y.pending, (unsigned long long)y.unlinked, (unsigned long long)y.refused, (unsigned long long)y.skipped, (double)stated / 1e6,
	       (double)after / 1e6);
	crowd_done(&c);
}

void bulk_caps(struct bulk *b)
{
	const unsigned n = b->full ? 2000 : 200;
	struct gs_bot_tables *tables = NULL;
	uint64_t at = 2003;
	if (gs_bot_tables_new(&tables, NULL) < 0)
		abort();
	printf("a tracker with default limits: %.1f MB\n", (double)gs_tracker_bytes(NULL) / 1e6);
	cap(b, tables, "no cap reached", (struct gs_tracker_limits){ 0 }, 512, false, n, false, &at);
	cap(b, tables, "half the processes", (struct gs_tracker_limits){ .processes = n / 2, .streams = n, .groups = 64 }, 512, false, n / 2, false, &at);
	cap(b, tables, "half the streams", (struct gs_tracker_limits){ .processes = n, .streams = n / 2, .groups = 64 }, 512, true, n, true, &at);
	cap(b, tables, "groups for a tenth", (struct gs_tracker_limits){ .processes = n, .streams = n, .groups = n / 10 }, 0, false, 0, false, &at);
	cap(b, tables, "groups for all", (struct gs_tracker_limits){ .processes = n, .streams = n, .groups = 16 * n }, 0, false, n, false, &at);
	cap(b, tables, "half the processes, no data", (struct gs_tracker_limits){ .processes = n / 2, .streams = n / 4, .groups = 16 * n }, 0, false, n / 2, true, &at);
	cap(b, tables, "a tenth of the searches", (struct gs_tracker_limits){ .processes = n, .streams = n, .groups = 64, .searches_per_s = n / 10 }, 512, false, 0, false,
	    &at);
	gs_bot_tables_free(tables);
}
