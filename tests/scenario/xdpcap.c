/*
 * xdpcap.c - the fast path and nothing around it: for scenario tests and the bench
 *
 * usage: xdpcap -i IFACE [-n SOURCES] [-k FIRST] [-o ONE_IN] [-s SAMPLES_PER_S] [-d] [-G] [-x]
 *
 * Reads the counts each second (-x: gives all rights up after opening). Says `ready` and how the program hangs there; at SIGTERM stops it,
 * reads the last counts, and ends with a line of JSON: what was given as sightings beside the totals.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "classify/classify.h"
#include "decode/decode.h"
#include "observe/counted.h"
#include "source/source.h"
#include "source/xdp.h"

static struct {
	uint64_t sightings, packets, bytes, folded, sources_folded, with_class, shaped;
	uint64_t whole, whole_gre, rounds, sources;
} sum;

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int64_t clock_ns(clockid_t c)
{
	struct timespec t;
	clock_gettime(c, &t);
	return (int64_t)t.tv_sec * GS_NS_PER_S + t.tv_nsec;
}

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)arg;
	(void)err;
	for (size_t i = 0; i < n; i++) {
		sum.sightings++;
		sum.packets += s[i].packets;
		sum.bytes += s[i].bytes;
		sum.with_class += s[i].class_ ? s[i].packets : 0;
		sum.shaped += s[i].dst.family ? s[i].packets : 0;
		if (s[i].flags & GS_SIGHTING_FOLDED) {
			sum.folded += s[i].packets;
			sum.sources_folded += s[i].sources;
		}
	}
	return 0;
}

static void read_frames(struct gs_xdp *x, struct gs_counted *c)
{
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_verdict v;
	static struct gs_packet p;
	size_t n;

	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned batches = 0; batches < 1000; batches++) {
			gs_xdp_frames(x, (enum gs_xdp_kind)kind, frames, GS_SOURCE_BATCH, &n, NULL);
			for (size_t i = 0; i < n; i++) {
				gs_decode(&frames[i], &p);
				sum.whole += kind == GS_XDP_WHOLE;
				sum.whole_gre += kind == GS_XDP_WHOLE && (p.outcome == GS_OUT_GRE || p.outcome == GS_OUT_FRAGMENT);
				if (kind == GS_XDP_WHOLE || p.outcome != GS_OUT_GRE)
					continue;
				gs_classify(&p, &frames[i], &v);
				gs_counted_sample(c, &p, &v);
			}
			if (n < GS_SOURCE_BATCH)
				break;
		}
}

static int take_sources(void *arg, const struct gs_xdp_source *s, size_t n, struct gs_error *err)
{
	int r = 0;

	sum.sources += n;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = gs_counted_source(arg, &s[i].addr, s[i].packets, s[i].bytes, s[i].first, s[i].last, err);
	return r;
}

static int read_counts(struct gs_xdp *x, struct gs_counted *c, struct gs_error *err)
{
	struct gs_xdp_rest rest;
	const struct gs_time now = { clock_ns(CLOCK_REALTIME) };

	gs_xdp_clock(x, clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	sum.rounds++;
	const int r = gs_xdp_read(x, take_sources, c, &rest, err);
	return r < 0 ? r : gs_counted_rest(c, rest.packets, rest.bytes, now, now, err);
}

/* Everything but the ordinary. */
static void give_up_rights(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &h, none) < 0) {
		perror("giving up rights");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct gs_xdp_options o = { 0 };
	struct gs_xdp *x;
	struct gs_counted *c;
	struct gs_xdp_info info;
	struct gs_xdp_totals t;
	struct gs_error err = { 0 };
	bool drop_rights = false;

	for (int a; (a = getopt(argc, argv, "i:n:k:o:s:dGx")) != -1;) {
		switch (a) {
		case 'i':
			o.interface = optarg;
			break;
		case 'n':
			o.sources = (uint32_t)atoi(optarg);
			break;
		case 'k':
			o.first = (uint32_t)atoi(optarg);
			break;
		case 'o':
			o.one_in = (uint32_t)atoi(optarg);
			break;
		case 's':
			o.samples_per_s = (uint32_t)atoi(optarg);
			break;
		case 'd':
			o.drop = true;
			break;
		case 'G':
			o.generic = true;
			break;
		case 'x':
			drop_rights = true;
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	int r = gs_xdp_open(&o, &x, &err);
	if (r == 0)
		r = gs_counted_new(64u << 20, 1, 0, &(struct gs_sighting_sink){ take, NULL }, &c, &err);
	if (r < 0) {
		fprintf(stderr, "xdpcap: %s\n", err.text);
		return r == GS_ERR_ACCESS ? 6 : r == GS_ERR_USAGE ? 2 : 1;
	}
	gs_xdp_info(x, &info);
	if (drop_rights)
		give_up_rights();
	gs_xdp_clock(x, clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	printf("ready {\"native\":%s,\"sources\":%u,\"note\":\"%s\"}\n", info.native ? "true" : "false", info.sources, info.note);
	for (int64_t next = clock_ns(CLOCK_MONOTONIC) + GS_NS_PER_S; !stop && r == 0;) {
		poll(&(struct pollfd){ .fd = gs_xdp_fd(x), .events = POLLIN }, 1, 50);
		read_frames(x, c);
		if (clock_ns(CLOCK_MONOTONIC) >= next) {
			next += GS_NS_PER_S;
			r = read_counts(x, c, &err);
		}
	}
	gs_xdp_stop(x);
	read_frames(x, c);
	r = r < 0 ? r : read_counts(x, c, &err);
	r = r < 0 ? r : gs_xdp_totals(x, &t, &err);
	if (r < 0) {
		fprintf(stderr, "xdpcap: %s\n", err.text);
		return 1;
	}
	uint64_t shapeless, forgotten;
	gs_counted_gaps(c, &shapeless, &forgotten);
	printf("{\"given\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"sightings\":%" PRIu64 ",\"folded\":%" PRIu64 ",\"sources\":%" PRIu64 ",\"sources_folded\":%" PRIu64
	       ",\"with_class\":%" PRIu64 ",\"shaped\":%" PRIu64 ",\"whole_read\":%" PRIu64 ",\"whole_gre\":%" PRIu64 ",\"rounds\":%" PRIu64,
	       sum.packets, sum.bytes, sum.sightings, sum.folded, sum.sources, sum.sources_folded, sum.with_class, sum.shaped, sum.whole, sum.whole_gre,
	       sum.rounds);
	printf(",\"packets\":%" PRIu64 ",\"total_bytes\":%" PRIu64 ",\"fragments\":%" PRIu64 ",\"named\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"samples_held\":%" PRIu64
	       ",\"samples_lost\":%" PRIu64 ",\"whole\":%" PRIu64 ",\"whole_lost\":%" PRIu64 ",\"shapeless\":%" PRIu64 ",\"forgotten\":%" PRIu64 "}\n",
	       t.packets, t.bytes, t.fragments, t.named, t.samples, t.samples_held, t.samples_lost, t.whole, t.whole_lost, shapeless, forgotten);
	gs_counted_free(c);
	gs_xdp_close(x);
	return 0;
}
