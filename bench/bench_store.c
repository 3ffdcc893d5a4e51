/*
 * bench_store.c - what the store costs: rows per CPU second, octets per row, and how long every question takes
 *
 *   bench_store DIR [ROWS [SOURCES [DSTS [SHAPE]]]]    default 10,000,000 sightings over a year, 300,000 sources, 1,024 destinations
 *   SHAPE homely: sources keep to few destinations; bursty: half of the sightings are of sessions of half an hour; both: homely+bursty
 *
 * "cold": the store's pages are dropped from the page cache first (POSIX_FADV_DONTNEED) and a fresh process-wide handle is opened. "warm": asked again.
 * The sink only adds up, so that times are the store's; what a question costs beyond that is the query's and the renderer's.
 */
#include "../tests/store/made.h"
#include "store/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
	return now(CLOCK_PROCESS_CPUTIME_ID);
}

static long peak_kib(void)
{
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_maxrss;
}

static void fail(const struct gs_error *err)
{
	fprintf(stderr, "bench_store: %s\n", err->text);
	exit(1);
}

static int count_take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)err;
	uint64_t *packets = arg;
	for (size_t i = 0; i < n; i++)
		*packets += s[i].packets;
	return 0;
}

static void drop_cache(const char *path)
{
	int fd = open(path, O_RDONLY);
	if (fd >= 0) {
		fdatasync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
}

static void ask(const char *path, const char *name, unsigned needs, const struct gs_filter *f)
{
	const char *only = getenv("ONLY");
	if (only && !strstr(name, only))
		return;
	double wall[2], used[2];
	struct gs_scan_result res = { 0 };
	struct gs_error err = { 0 };
	for (int warm = 0; warm < 2; warm++) {
		struct gs_store *st;
		uint64_t packets = 0;
		struct gs_sighting_sink sink = { count_take, &packets };
		if (!warm)
			drop_cache(path);
		double w = now(CLOCK_MONOTONIC), c = cpu();
		if (gs_store_open(path, &(struct gs_store_options){ .mode = GS_STORE_READ }, &st, &err) < 0 ||
		    gs_store_scan(st, f, needs, NULL, &sink, &res, &err) < 0)
			fail(&err);
		gs_store_close(st);
		wall[warm] = now(CLOCK_MONOTONIC) - w;
		used[warm] = cpu() - c;
		if (packets != res.packets)
			abort();
	}
	printf("| %-28s | %7.3f | %7.3f | %7.3f | %9" PRIu64 " | %8" PRIu64 " | %9" PRIu64 " | %5ld |\n", name, wall[0], wall[1], used[1], res.given, res.sources,
	       res.sightings, peak_kib() / 1024);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	uint32_t sources = argc > 3 ? (uint32_t)atol(argv[3]) : 300000, dsts = argc > 4 ? (uint32_t)atol(argv[4]) : 1024;
	char path[4096];
	struct gs_error err = { 0 };
	struct gs_store *st;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_store DIR [ROWS [SOURCES [DSTS [SHAPE]]]]\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/bench.store", argv[1]);
	const int64_t year = INT64_C(365) * 86400 * GS_NS_PER_S, start = INT64_C(1735689600) * GS_NS_PER_S;
	if (access(path, F_OK) != 0) {
		struct made m = made_start(1, sources, dsts, rows, start, year);
		struct gs_sighting *batch = malloc(10000 * sizeof *batch);
		uint16_t id;
		m.homely = argc > 5 && strstr(argv[5], "homely");
		m.bursty = argc > 5 && strstr(argv[5], "bursty");
		if (!batch || gs_store_open(path, &(struct gs_store_options){ .mode = GS_STORE_CREATE }, &st, &err) < 0 ||
		    gs_store_sensor(st, "one", 3, &id, &err) < 0 || gs_store_sensor(st, "two", 3, &id, &err) < 0)
			fail(&err);
		gs_store_set_window(st, 60);
		double made = 0, w = now(CLOCK_MONOTONIC), c = cpu(), slowest = 0;
		for (uint64_t done = 0; done < rows;) {
			size_t n = rows - done < 10000 ? (size_t)(rows - done) : 10000;
			double m0 = cpu();
			for (size_t i = 0; i < n; i++)
				made_next(&m, &batch[i]);
			made += cpu() - m0;
			double b0 = now(CLOCK_MONOTONIC);
			if (gs_store_append(st, batch, n, &err) < 0 || gs_store_commit(st, &err) < 0)
				fail(&err);
			double took = now(CLOCK_MONOTONIC) - b0;
			slowest = took > slowest ? took : slowest;
			done += n;
		}
		double rows_cpu = cpu() - c - made;
		if (gs_store_settle(st, &err) < 0)
			fail(&err);
		struct gs_store_info info;
		if (gs_store_info(st, &info, &err) < 0)
			fail(&err);
		double all_cpu = cpu() - c - made;
		printf("ingest: %" PRIu64 " rows, %.1f CPU s (%.0f rows per CPU s; %.0f with the last rollup), %.1f wall s, slowest batch %.0f ms, peak %ld MiB\n", rows, all_cpu,
		       (double)rows / rows_cpu, (double)rows / all_cpu, now(CLOCK_MONOTONIC) - w - made, slowest * 1000, peak_kib() / 1024);
		printf("file: %" PRIu64 " octets, %.1f a row; rows %.1f, rollups %.1f (%" PRIu64 " cells in %" PRIu64 " blocks, %.2f octets a cell)\n", info.file_bytes,
		       (double)info.file_bytes / (double)rows, (double)info.raw_bytes / (double)rows, (double)info.rollup_bytes / (double)rows, info.n_cells,
		       info.n_blocks, (double)info.rollup_bytes / (double)(info.n_cells ? info.n_cells : 1));
		gs_store_close(st);
		free(batch);
	}
	struct gs_filter all = GS_FILTER_ALL, part = GS_FILTER_ALL, month = GS_FILTER_ALL, class_ = GS_FILTER_ALL, one = GS_FILTER_ALL, dst = GS_FILTER_ALL;
	part.since.ns = start + INT64_C(20) * 86400 * GS_NS_PER_S + 12345678;
	part.until.ns = start + INT64_C(340) * 86400 * GS_NS_PER_S + 87654321;
	month.since.ns = start + INT64_C(300) * 86400 * GS_NS_PER_S;
	month.until.ns = start + INT64_C(330) * 86400 * GS_NS_PER_S;
	class_.classes = 1u << GS_CLASS_REMNANT;
	one.n_src = 1;
	uint32_t rank;
	struct made m = made_start(9, sources, dsts, rows, start, year);
	struct gs_addr a;
	do
		a = made_source(&m, &rank);
	while (rank < sources / 2);
	one.src[0] = gs_prefix_of(&a, a.family == 4 ? 32 : 128);
	dst.n_dst = 1;
	dst.dst[0] = (struct gs_prefix){ .base = { .b = { 198, 18, 0, 5 }, .family = 4 }, .len = 32 };
	const unsigned src = GS_NEED_SRC | GS_NEED_CLASS;
	printf("| question                     |  cold s |  warm s |   CPU s |     given |  sources | sightings | MiB   |\n");
	printf("|---|---|---|---|---|---|---|---|\n");
	ask(path, "total ... prefix24, source", src, &all);
	ask(path, "day, counted", GS_NEED_CLASS | GS_NEED_DAY | GS_NEED_COUNTS, &all);
	ask(path, "week, counted", GS_NEED_CLASS | GS_NEED_WEEK | GS_NEED_COUNTS, &all);
	ask(path, "hour, counted", GS_NEED_CLASS | GS_NEED_HOUR | GS_NEED_COUNTS, &all);
	ask(path, "target, counted", GS_NEED_CLASS | GS_NEED_DST | GS_NEED_COUNTS, &all);
	ask(path, "tunnel", src | GS_NEED_DST | GS_NEED_SHAPE, &all);
	ask(path, "day, by source", src | GS_NEED_DAY, &all);
	ask(path, "sources, odd 320 days", src, &part);
	ask(path, "day, odd 320 days, counted", GS_NEED_CLASS | GS_NEED_DAY | GS_NEED_COUNTS, &part);
	ask(path, "target, odd 320 days", GS_NEED_CLASS | GS_NEED_DST | GS_NEED_COUNTS, &part);
	ask(path, "sources, 30 days", src, &month);
	ask(path, "tunnel, 30 days", src | GS_NEED_DST | GS_NEED_SHAPE, &month);
	ask(path, "day, one class, counted", GS_NEED_CLASS | GS_NEED_DAY | GS_NEED_COUNTS, &class_);
	ask(path, "sources of one target", src, &dst);
	ask(path, "rows of one source", GS_NEED_ALL, &one);
	ask(path, "rows, 30 days", GS_NEED_ALL, &month);
	ask(path, "rows, all", GS_NEED_ALL, &all);
	return 0;
}
