/*
 * livecap.c - a live capture and nothing around it: what scenario tests and the load bench listen with
 *
 * usage: livecap -i IFACE [-w FILE] [-c] [-u] [-p] [-s SNAPLEN] [-B MIB] [-f FILTER] [-m MEMBERS] [-g ID] [-T SECONDS]
 *
 * -w writes the frames to a pcap file (with -m to FILE.0, FILE.1, ...); -c takes them through decoding, rules and the sighting table; neither: they are
 * only counted. Says `ready` and what the capture is like on a line of standard output, then each piece of news. Ends at SIGTERM, SIGINT, after -T
 * seconds, or when the interface is gone; reads what the ring still holds, and ends with a line of JSON for each member.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "classify/classify.h"
#include "decode/decode.h"
#include "observe/observe.h"
#include "source/live.h"
#include "source/source.h"

#define MEMBERS_MAX 16

struct member {
	struct gs_live *live;
	FILE *out;
	bool over;
	uint64_t bytes, gre, fragments, not_gre, gre_udp, lost, sightings, sighted;
	int64_t first_ns, last_ns;
	bool backwards;        /* a time stamp before the one before it */
	struct gs_observe *observe;
};

static struct {
	struct gs_live_options live;
	const char *file;
	bool corridor;
	unsigned members, seconds;
} options = { .members = 1, .seconds = 3600 };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int64_t monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int sighted(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct member *m = arg;

	(void)err;
	m->sightings += n;
	for (size_t i = 0; i < n; i++)
		m->sighted += s[i].packets;
	return 0;
}

static void put32(FILE *f, uint32_t v)
{
	fwrite(&v, sizeof v, 1, f);
}

static void file_header(FILE *f, uint32_t linktype)
{
	put32(f, 0xa1b23c4d); /* nanoseconds, this machine's byte order */
	put32(f, 4u << 16 | 2);
	put32(f, 0);
	put32(f, 0);
	put32(f, GS_LIVE_SNAPLEN_MAX);
	put32(f, linktype);
}

static void take(struct member *m, const struct gs_frame *f, size_t n)
{
	static struct gs_packet packets[GS_SOURCE_BATCH];
	const struct gs_packet *gre[GS_SOURCE_BATCH];
	struct gs_verdict verdicts[GS_SOURCE_BATCH];
	size_t n_gre = 0;

	for (size_t i = 0; i < n; i++) {
		m->bytes += f[i].wirelen;
		m->backwards |= m->last_ns > f[i].ts.ns;
		m->first_ns = m->first_ns ? m->first_ns : f[i].ts.ns;
		m->last_ns = f[i].ts.ns;
		if (m->out) {
			put32(m->out, (uint32_t)(f[i].ts.ns / GS_NS_PER_S));
			put32(m->out, (uint32_t)(f[i].ts.ns % GS_NS_PER_S));
			put32(m->out, f[i].caplen);
			put32(m->out, f[i].wirelen);
			fwrite(f[i].data, 1, f[i].caplen, m->out);
		}
		if (!m->observe)
			continue;
		struct gs_packet *p = &packets[n_gre];
		gs_decode(&f[i], p);
		m->not_gre += p->outcome == GS_OUT_NOT_GRE;
		m->fragments += p->outcome == GS_OUT_FRAGMENT;
		m->gre_udp += p->outcome == GS_OUT_GRE_UDP;
		m->lost += p->outcome == GS_OUT_LOST;
		if (p->outcome != GS_OUT_GRE)
			continue;
		gs_classify(p, &f[i], &verdicts[n_gre]);
		gre[n_gre++] = p;
	}
	m->gre += n_gre;
	if (n_gre)
		gs_observe_packets(m->observe, gre, verdicts, NULL, n_gre, NULL);
}

/* Frames that are there, without waiting; with `drain_ms`, as gs_live_drain, until there are none or that time is over twice. */
static void serve(struct member *m, int drain_ms)
{
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_error err = { 0 };
	const int64_t end = drain_ms ? monotonic_ms() + 2 * drain_ms : 0;
	size_t n = 0, all = 0;

	while (!m->over) {
		const int r = drain_ms ? gs_live_drain(m->live, drain_ms, frames, GS_SOURCE_BATCH, &n, &err) :
					 gs_live_frames(m->live, frames, GS_SOURCE_BATCH, &n, &err);
		take(m, frames, n);
		all += n;
		if (r != GS_LIVE_FINE && r != GS_ERR_INTERRUPTED)
			printf("%s %s\n", r == GS_LIVE_DOWN ? "down" : r == GS_LIVE_UP ? "up" : r == GS_LIVE_GONE ? "gone" : "trouble", err.text);
		m->over = r == GS_LIVE_GONE || (r < 0 && r != GS_ERR_INTERRUPTED);
		if (n == 0 || (drain_ms ? monotonic_ms() > end : all >= 64 * GS_SOURCE_BATCH))
			break;
	}
}

static bool member_open(struct member *m, unsigned number)
{
	struct gs_error err = { 0 };
	struct gs_live_info info;
	const int r = gs_live_open(&options.live, &m->live, &err);

	if (r < 0) {
		fprintf(stderr, "livecap: %s\n", err.text);
		exit(r == GS_ERR_ACCESS ? 6 : r == GS_ERR_NOENT ? 3 : r == GS_ERR_USAGE ? 2 : r == GS_ERR_NETWORK ? 4 : 1);
	}
	gs_live_info(m->live, &info);
	printf("opened {\"linktype\":%u,\"snaplen\":%u,\"ring\":%" PRIu64 ",\"steps\":%u,\"nanoseconds\":%s,\"fanout\":%s,\"note\":\"%s\"}\n", info.linktype,
	       info.snaplen, info.ring_bytes, info.filter_steps, info.nanoseconds ? "true" : "false", info.fanout ? "true" : "false",
	       strchr(info.note, '"') ? "(with quotes)" : info.note);
	if (options.file) {
		char name[4096];
		snprintf(name, sizeof name, options.members > 1 ? "%s.%u" : "%s", options.file, number);
		m->out = fopen(name, "wb");
		if (!m->out) {
			perror(name);
			return false;
		}
		file_header(m->out, info.linktype);
	}
	if (options.corridor) {
		const struct gs_observe_options o = { .window_s = 60, .memory_bytes = 256u << 20, .hash_seed = 1 };
		if (gs_observe_new(&o, &(struct gs_sighting_sink){ sighted, m }, &m->observe, &err) < 0)
			return false;
	}
	return true;
}

static bool member_close(struct member *m)
{
	struct gs_live_losses l = { 0 };
	struct gs_error err = { 0 };
	bool ok = true;

	if (m->observe) {
		gs_observe_flush(m->observe, NULL);
		gs_observe_free(m->observe);
	}
	if (gs_live_losses(m->live, &l, &err) < 0)
		fprintf(stderr, "livecap: %s\n", err.text);
	printf("{\"passed\":%" PRIu64 ",\"given\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"freezes\":%" PRIu64
	       ",\"over_mtu\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"gre\":%" PRIu64 ",\"fragments\":%" PRIu64 ",\"not_gre\":%" PRIu64 ",\"gre_udp\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"sightings\":%" PRIu64 ",\"sighted\":%" PRIu64 ",\"backwards\":%s}\n",
	       l.passed, l.given, l.dropped, l.waiting, l.freezes, l.over_mtu, m->bytes, m->gre, m->fragments, m->not_gre, m->gre_udp, m->lost,
	       m->sightings, m->sighted, m->backwards ? "true" : "false");
	if (m->out)
		ok = fclose(m->out) == 0;
	gs_live_close(m->live);
	return ok;
}

static void parse(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "i:w:cups:B:f:m:g:T:")) != -1;) {
		switch (c) {
		case 'i':
			options.live.interface = optarg;
			break;
		case 'w':
			options.file = optarg;
			break;
		case 'c':
			options.corridor = true;
			break;
		case 'u':
			options.live.include_udp = true;
			break;
		case 'p':
			options.live.promiscuous = true;
			break;
		case 's':
			options.live.snaplen = (uint32_t)atoi(optarg);
			break;
		case 'B':
			options.live.buffer_bytes = (uint32_t)atoi(optarg) << 20;
			break;
		case 'f':
			options.live.filter = optarg;
			break;
		case 'm':
			options.members = (unsigned)atoi(optarg);
			break;
		case 'g':
			options.live.fanout_id = (uint16_t)atoi(optarg);
			break;
		case 'T':
			options.seconds = (unsigned)atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!options.live.interface || options.members < 1 || options.members > MEMBERS_MAX) {
		fprintf(stderr, "usage: livecap -i IFACE [-w FILE] [-c] [-u] [-p] [-s SNAPLEN] [-B MIB] [-f FILTER] [-m MEMBERS] [-g ID] [-T SECONDS]\n");
		exit(2);
	}
	options.live.fanout_size = (uint16_t)options.members;
}

int main(int argc, char **argv)
{
	static struct member members[MEMBERS_MAX];
	struct pollfd fds[MEMBERS_MAX];
	struct rusage before, after;
	bool ok = true, over = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	for (unsigned i = 0; i < options.members; i++) {
		if (!member_open(&members[i], i))
			return 1;
		fds[i] = (struct pollfd){ .fd = gs_live_fd(members[i].live), .events = POLLIN };
	}
	printf("ready\n");
	getrusage(RUSAGE_SELF, &before);
	for (const int64_t end = monotonic_ms() + options.seconds * INT64_C(1000); !stop && !over && monotonic_ms() < end;) {
		poll(fds, options.members, 100);
		over = true;
		for (unsigned i = 0; i < options.members; i++) {
			serve(&members[i], 0);
			over &= members[i].over;
		}
	}
	getrusage(RUSAGE_SELF, &after);
	printf("cpu %.6f\n", (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
				     (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6);
	for (unsigned i = 0; i < options.members; i++) {
		serve(&members[i], GS_LIVE_DRAIN_MS);
		ok &= member_close(&members[i]);
	}
	return ok ? 0 : 1;
}
