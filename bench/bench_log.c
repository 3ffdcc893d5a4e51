/*
 * bench_log.c - reading logs, without what comes behind: lines of protocol 47 per CPU second, octets per CPU second. usage: bench_log FILE...
 * bench_log --make LINES EVERY   writes a kernel log of LINES lines to stdout, one of EVERY about protocol 47
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source/source.h"

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static int make(unsigned long lines, unsigned long every)
{
	uint32_t seed = 1;

	for (unsigned long i = 0; i < lines; i++) {
		const unsigned long s = i / 40 % 86400;
		const bool gre = i % every == every - 1;
		printf("Nov 22 %02lu:%02lu:%02lu fw kernel: [%12.6f] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC=192.0.2.%u DST=198.51.100.%u LEN=%u "
		       "TOS=0x00 PREC=0x00 TTL=%u ID=%u %s",
		       s / 3600, s / 60 % 60, s % 60, (double)i / 40, draw(&seed) % 256, draw(&seed) % 256, gre ? 564 : 40 + draw(&seed) % 30, 30 + draw(&seed) % 200,
		       draw(&seed) % 65536, gre ? "DF PROTO=47 \n" : "");
		if (!gre)
			printf("PROTO=TCP SPT=%u DPT=%u WINDOW=65535 RES=0x00 SYN URGP=0 \n", 1024 + draw(&seed) % 60000, draw(&seed) % 9000);
	}
	return ferror(stdout) != 0;
}

int main(int argc, char **argv)
{
	const struct gs_log_options o = { .year = 2026 };
	static struct gs_sighting rows[64];

	if (argc == 4 && strcmp(argv[1], "--make") == 0)
		return make(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	for (int i = 1; i < argc; i++) {
		struct gs_source_info info;
		struct gs_tally tally = { 0 };
		struct gs_error err = { 0 };
		struct gs_source *s;
		struct timespec a, b;
		size_t n;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		int r = gs_source_open_logs(argv[i], &o, &s, &err);
		if (r == 0) {
			do
				r = gs_source_sightings(s, rows, 64, &n, &tally, &err);
			while (r == 0 && n > 0);
			gs_source_info(s, &info);
			gs_source_close(s);
		}
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		if (r < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
		const double t = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		printf("%s: %" PRIu64 " rows, %.3f CPU s, %.2f million rows/s, %.0f MB/s\n", argv[i], tally.records, t, (double)tally.records / t / 1e6, (double)info.position / t / 1e6);
	}
	return 0;
}
