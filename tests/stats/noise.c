/*
 * noise.c - how often `trend` says something where there is nothing: random stores, and how little it needs to see what is there
 *
 * usage: noise [--runs N] [--seed S] [--table FILE] [--store FOLDER] [--max-alarms N] [--max-growth SHARE]
 *
 * Every run draws sources uniformly from the routed address space, from one to ten thousand of them, each sending a packet or a few at random times of 26
 * weeks, and asks. Nothing stands out and nothing grows, by the making; what is said all the same is counted. Without --table the address space
 * is made: 75,000 networks of sizes as uneven as real ones. With --store every run goes through a store on disk. Exit 1 past a --max.
 *
 * Then the other way round: how many of 24 and of 188 sources must lie in a network with 0.37 % of the space until it stands out.
 */
#include "base/buf.h"
#include "query/stats.h"
#include "query/trend.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEEKS 26
#define MONDAY INT64_C(1485734400) /* 2017-01-30 */

static const unsigned sizes[] = { 1, 3, 10, 30, 100, 188, 1000, 10000 };
#define N_SIZES (sizeof sizes / sizeof *sizes)

static uint64_t state;

static void fail(const char *what)
{
	fprintf(stderr, "noise: %s\n", what);
	exit(2);
}

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double uniform(void)
{
	return (double)(next() >> 11) / 9007199254740992.0;
}

/* Sizes from 2^8 to 2^24, each doubling of size 1.7 times as rare, in pieces of at most 2^16 that lie apart. */
static void make_table(const char *path)
{
	FILE *f = fopen(path, "w");
	uint64_t at = 1u << 24;

	if (!f)
		fail("cannot write the table");
	for (unsigned asn = 1; asn <= 75000 && at < UINT32_MAX - (1u << 25); asn++) {
		unsigned bits = 8;
		while (bits < 24 && uniform() < 1 / 1.7)
			bits++;
		for (uint64_t left = UINT64_C(1) << bits; left && at < UINT32_MAX - (1u << 17);) {
			const uint64_t piece = left > 65536 ? 65536 : left;
			fprintf(f, "%llu,%llu,%u,\"Network %u\"\n", (unsigned long long)at, (unsigned long long)(at + piece - 1), asn, asn);
			at += piece;
			left -= piece;
		}
	}
	if (fclose(f) != 0)
		fail("cannot write the table");
}

/* An address that lies in a network: whatever the table is like, such are drawn uniformly. */
static struct gs_addr draw_source(struct gs_enrich *e)
{
	struct gs_origin o;

	for (;;) {
		const uint32_t v = (uint32_t)next();
		const struct gs_addr a = gs_addr_v4((uint8_t[4]){ (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v });
		gs_enrich_lookup(e, &a, &o);
		if (o.asn)
			return a;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct gs_sighting *x = a, *y = b;
	return (x->first.ns > y->first.ns) - (x->first.ns < y->first.ns);
}

/* One packet for each of a third of the sources, up to eight for the others. */
static struct gs_sighting *make_noise(struct gs_enrich *e, unsigned sources, size_t *ret_n)
{
	struct gs_sighting *s = calloc((size_t)sources * 8, sizeof *s);
	size_t n = 0;

	if (!s)
		fail("out of memory");
	for (unsigned i = 0; i < sources; i++) {
		const struct gs_addr src = draw_source(e);
		const unsigned packets = next() % 3 ? 1 + (unsigned)(next() % 8) : 1;
		for (unsigned k = 0; k < packets; k++) {
			const int64_t ns = (MONDAY * INT64_C(1000000000)) + (int64_t)(uniform() * WEEKS * 7 * 86400 * 1e9);
			s[n++] = (struct gs_sighting){ .src = src, .dst = { .b = { 198, 51, 100, 47 }, .family = 4 }, .class_ = GS_CLASS_UNKNOWN, .first = { ns },
				                       .last = { ns }, .packets = 1, .bytes = 52, .sources = 1, .version = GS_SIGHTING_VERSION, .protocol = 47,
				                       .has = GS_HAS_IP_LEN, .ip_len = 52 };
		}
	}
	qsort(s, n, sizeof *s, by_time);
	*ret_n = n;
	return s;
}

/* -- the answer, as far as it is looked at ------------------------------------------------------------------------------------------------ */

struct heard {
	unsigned alarms, networks, slopes_below; /* slopes_below: networks whose slope_p is below 0.05 */
	unsigned growth;                         /* sentences that say something grows or shrinks */
	double least_p;
};

static int begin(void *arg, const struct gs_column *c, unsigned n, const struct gs_meta *m, bool complete, struct gs_error *err)
{
	struct heard *h = arg;

	(void)c;
	(void)n;
	(void)complete;
	(void)err;
	for (unsigned i = 0; i < m->n_findings; i++)
		h->growth += strncmp(m->findings[i], "All of it together grows", 24) == 0 || strncmp(m->findings[i], "All of it together shrinks", 26) == 0;
	return 0;
}

static int rows(void *arg, const struct gs_table *t, struct gs_error *err)
{
	struct heard *h = arg;

	(void)err;
	for (size_t i = 0; i < t->n_rows; i++)
		for (unsigned k = 0; k < t->n_columns; k++) {
			const struct gs_cell *c = &t->cells[i * t->n_columns + k];
			if (!c->set)
				continue;
			if (strcmp(t->columns[k].name, "stands_out") == 0)
				h->alarms += c->u64 != 0;
			else if (strcmp(t->columns[k].name, "p_value") == 0)
				h->least_p = fmin(h->least_p, c->real);
			else if (strcmp(t->columns[k].name, "slope_p") == 0) {
				h->networks++;
				h->slopes_below += c->real < 0.05;
			}
		}
	return 0;
}

static int end(void *arg, const struct gs_meta *m, struct gs_error *err)
{
	(void)arg;
	(void)m;
	(void)err;
	return 0;
}

static void through_store(const char *folder, const struct gs_sighting *s, size_t n, struct gs_trend *t)
{
	char path[4096], side[4200];
	struct gs_store *st = NULL;
	struct gs_error err = { 0 };
	const struct gs_filter all = GS_FILTER_ALL;
	const struct gs_sighting_sink sink = gs_trend_sink(t);

	snprintf(path, sizeof path, "%s/noise-%ld.db", folder, (long)getpid());
	if (gs_store_open(path, &(struct gs_store_options){ .mode = GS_STORE_CREATE }, &st, &err) < 0 || gs_store_append(st, s, n, &err) < 0 ||
	    gs_store_settle(st, &err) < 0 || gs_store_scan(st, &all, gs_trend_needs(t), NULL, &sink, NULL, &err) < 0)
		fail(err.text);
	gs_store_close(st);
	for (size_t i = 0; i < 4; i++) {
		snprintf(side, sizeof side, "%s%s", path, (const char *const[]){ "", "-wal", "-shm", ".ballast" }[i]);
		unlink(side);
	}
}

static void ask(struct gs_enrich *e, const char *folder, unsigned sources, struct heard *h)
{
	const struct gs_trend_question q = { .filter = GS_FILTER_ALL, .memory_bytes = 96u << 20, .hash_seed = next() };
	const struct gs_table_writer w = { .begin = begin, .rows = rows, .end = end, .arg = h };
	struct gs_trend *t = NULL;
	struct gs_error err = { 0 };
	struct gs_meta meta = { 0 };
	uint64_t n_rows;
	size_t n;
	struct gs_sighting *s = make_noise(e, sources, &n);

	if (gs_trend_new(&q, e, &w, &t, &err) < 0)
		fail(err.text);
	const struct gs_sighting_sink sink = gs_trend_sink(t);
	if (folder)
		through_store(folder, s, n, t);
	else if (sink.take(sink.arg, s, n, &err) < 0)
		fail(err.text);
	gs_trend_watched(t, (struct gs_time){ MONDAY * GS_NS_PER_S }, (struct gs_time){ (MONDAY + WEEKS * 7 * 86400) * GS_NS_PER_S - 1 });
	if (gs_trend_answer(t, &meta, &n_rows, &err) < 0)
		fail(err.text);
	gs_trend_free(t);
	free(s);
}

static void say_power(struct gs_enrich *e)
{
	static const unsigned of[] = { 24, 188, 1000 };

	for (size_t i = 0; i < 3; i++) {
		unsigned k = 3;
		while (stats_binomial_tail_log(k, of[i], 0.0037) + log(gs_enrich_asn_count(e)) >= log(0.01) || k / (double)of[i] < 2 * 0.0037)
			k++;
		printf("a network with 0.37 %% of the space stands out with %u of %u sources\n", k, of[i]);
	}
}

int main(int argc, char **argv)
{
	const char *table = NULL, *folder = NULL;
	char made[] = "/tmp/grescope-noise-XXXXXX.csv";
	unsigned runs = 80, max_alarms = UINT32_MAX;
	double max_growth = 1;
	struct gs_enrich *e = NULL;
	struct gs_error err = { 0 };
	struct heard total[N_SIZES] = { { 0 } };
	unsigned stores_alarmed = 0, stores_growing = 0;

	state = 47;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--runs") == 0)
			runs = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			state = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--table") == 0)
			table = argv[i + 1];
		else if (strcmp(argv[i], "--store") == 0)
			folder = argv[i + 1];
		else if (strcmp(argv[i], "--max-alarms") == 0)
			max_alarms = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--max-growth") == 0)
			max_growth = strtod(argv[i + 1], NULL);
		else
			fail("usage: noise [--runs N] [--seed S] [--table FILE] [--store FOLDER] [--max-alarms N] [--max-growth SHARE]");
	}
	if (!table) {
		const int fd = mkstemps(made, 4);
		if (fd < 0)
			fail("cannot make a file in /tmp");
		close(fd);
		make_table(made);
	}
	if (gs_enrich_open(&(struct gs_enrich_options){ .asn_db = (const char *const[]){ table ? table : made }, .n_asn_db = 1 }, &e, &err) < 0)
		fail(err.text);
	if (gs_enrich_total_space(e) == 0)
		fail("the table has no ranges");
	printf("%u networks, %llu addresses\n", gs_enrich_asn_count(e), (unsigned long long)gs_enrich_total_space(e));

	for (unsigned i = 0; i < runs; i++) {
		struct heard h = { .least_p = 1 };
		struct heard *sum = &total[i % N_SIZES];
		ask(e, folder, sizes[i % N_SIZES], &h);
		stores_alarmed += h.alarms != 0;
		stores_growing += h.growth != 0;
		sum->alarms += h.alarms != 0;
		sum->growth += h.growth != 0;
		sum->networks += h.networks;
		sum->slopes_below += h.slopes_below;
		sum->least_p = sum->least_p == 0 ? h.least_p : fmin(sum->least_p, h.least_p);
	}
	for (size_t i = 0; i < N_SIZES; i++) {
		const unsigned n = runs / N_SIZES + (i < runs % N_SIZES);
		printf("%5u sources, %4u stores: a network stands out in %u, all of it grows or shrinks in %u; least p %.3g; slope_p < 0.05 for %u of %u networks\n",
		       sizes[i], n, total[i].alarms, total[i].growth, total[i].least_p, total[i].slopes_below, total[i].networks);
	}
	printf("of %u stores of noise %u had a network that stood out, %u a trend as a whole\n", runs, stores_alarmed, stores_growing);
	say_power(e);
	gs_enrich_close(e);
	if (!table)
		unlink(made);
	return stores_alarmed > max_alarms || stores_growing > max_growth * runs;
}
