/* fast.c - the fast path of an engine: frames as they come, counts once a second */
#include "sensor/fast.h"

#include "observe/counted.h"
#include "sensor/sensor.h"
#include "source/live.h"
#include "source/source.h"
#include "source/xdp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define TRIES 4
#define PAUSE_NS 100000000

struct fast {
	struct gs_xdp *xdp;
	struct gs_counted *counted;
	struct handed *handed;
	int handed_fd;
	bool resumed;          /* it is known where the engine before ended */
	uint64_t lost_before;
	void (*sampled)(void *arg, const struct gs_frame *f);
	void *sampled_arg;
	struct gs_time round; /* when it began */
	struct gs_frame frames[GS_SOURCE_BATCH];
};

/* NULL, or what the program in the kernel cannot do of what is asked. */
static const char *unfit(const struct fast_options *o)
{
	if (strcmp(o->interface, GS_LIVE_ANY) == 0)
		return "it hangs on one interface, and `any` is none";
	if (*o->config->filter)
		return "it knows no filter";
	if (o->config->include_udp)
		return "it does not see GRE in UDP";
	if (o->config->promiscuous)
		return "it does not make the interface promiscuous";
	return NULL;
}

/* Before 5.19 a kernel that keeps bpf from the unprivileged, as most do, keeps them from reading too: a program would count and nobody could know. */
static bool kernel_lets_read(void)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	return uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2 || major > 5 || (major == 5 && minor >= 19);
}

static void clock_set(struct fast *f)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	gs_xdp_clock(f->xdp, clock_wall_ns() - ((int64_t)t.tv_sec * GS_NS_PER_S + t.tv_nsec));
}

static int begin(const struct fast_options *o, struct fast **ret, struct gs_error *err)
{
	struct fast *f = calloc(1, sizeof *f);

	if (!f)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	f->handed_fd = -1;
	f->sampled = o->sampled;
	f->sampled_arg = o->sampled_arg;
	f->round.ns = clock_wall_ns();
	*ret = f;
	return gs_counted_new(o->memory_bytes, o->hash_seed, 0, &o->sink, &f->counted, err);
}

static void give_up(struct fast *f)
{
	if (!f)
		return;
	gs_counted_free(f->counted);
	gs_xdp_close(f->xdp);
	if (f->handed_fd >= 0)
		close(f->handed_fd);
	free(f);
}

int fast_open(const struct fast_options *o, struct fast **ret, struct gs_error *err)
{
	const struct gs_xdp_options xo = { .interface = o->interface, .drop = o->config->fast_path == FAST_PATH_DROP };
	const char *why = unfit(o);
	struct fast *f = NULL;

	if (why)
		return gs_fail(err, GS_ERR_CONFIG, "%s: not on the fast path: %s", o->interface, why);
	if (!kernel_lets_read())
		return gs_fail(err, GS_ERR_USAGE, "%s: the fast path of a sensor needs Linux 5.19", o->interface);
	int r = begin(o, &f, err);
	if (r == 0)
		r = handed_new(&f->handed_fd, &f->handed, err);
	if (r == 0)
		r = gs_xdp_open(&xo, &f->xdp, err);
	for (unsigned i = 0; r == GS_ERR_USAGE && i < TRIES; i++) { /* the program of an engine that died hangs there a moment longer */
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
		*err = (struct gs_error){ 0 };
		r = gs_xdp_open(&xo, &f->xdp, err);
	}
	if (r < 0) {
		give_up(f);
		return r;
	}
	clock_set(f);
	*ret = f;
	return 0;
}

int fast_adopt(const struct fast_options *o, const int part[HELD_PARTS], struct fast **ret, struct gs_error *err)
{
	const struct gs_xdp_options xo = { .interface = o->interface };
	struct fast *f = NULL;
	int r = begin(o, &f, err);

	if (r == 0)
		r = handed_adopt(part[HELD_HANDED], &f->handed, err);
	if (r == 0)
		r = gs_xdp_adopt(&xo, part, &f->xdp, err);
	if (r < 0) {
		give_up(f);
		return r;
	}
	f->handed_fd = part[HELD_HANDED];
	clock_set(f);
	*ret = f;
	return 0;
}

void fast_parts(const struct fast *f, int ret_part[HELD_PARTS])
{
	gs_xdp_parts(f->xdp, ret_part);
	ret_part[HELD_HANDED] = f->handed_fd;
}

struct handed *fast_handed(const struct fast *f)
{
	return f->handed;
}

bool fast_adopted(const struct fast *f)
{
	struct gs_xdp_info i;

	gs_xdp_info(f->xdp, &i);
	return i.adopted;
}

int fast_ifindex(const struct fast *f)
{
	struct gs_xdp_info i;

	gs_xdp_info(f->xdp, &i);
	return i.ifindex;
}

int fast_fd(const struct fast *f)
{
	return gs_xdp_fd(f->xdp);
}

void fast_info(const struct fast *f, char *text, size_t size)
{
	struct gs_xdp_info i;

	gs_xdp_info(f->xdp, &i);
	if (i.adopted)
		snprintf(text, size, "fast path: what the kernel counted since the engine before ended is taken over");
	else
		snprintf(text, size, "fast path: GRE is counted in the kernel, %u sources apart%s%s", i.sources, *i.note ? "; " : " (the driver's hook)", i.note);
}

static void sample(void *arg, const struct gs_frame *frame, const struct gs_packet *p, const struct gs_verdict *v)
{
	struct fast *f = arg;

	gs_counted_sample(f->counted, p, v);
	f->sampled(f->sampled_arg, frame);
}

int fast_frames(struct fast *f, struct gs_corridor *c, unsigned batches, bool *ret_more, struct gs_error *err)
{
	*ret_more = false;
	for (unsigned kind = GS_XDP_SAMPLED; kind <= GS_XDP_WHOLE; kind++) {
		size_t n = GS_SOURCE_BATCH;
		for (unsigned i = 0; i < batches && n == GS_SOURCE_BATCH; i++) {
			int r = gs_xdp_frames(f->xdp, (enum gs_xdp_kind)kind, f->frames, GS_SOURCE_BATCH, &n, err);
			if (r == 0 && kind == GS_XDP_WHOLE)
				r = gs_corridor_frames(c, f->frames, n, err);
			else if (r == 0)
				gs_corridor_samples(c, f->frames, n, sample, f);
			if (r < 0)
				return r;
		}
		*ret_more = *ret_more || n == GS_SOURCE_BATCH;
	}
	return 0;
}

static int take_sources(void *arg, const struct gs_xdp_source *s, size_t n, struct gs_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = gs_counted_source(arg, &s[i].addr, s[i].packets, s[i].bytes, s[i].first, s[i].last, err);
	return r;
}

static void resume(struct fast *f, const struct handed_sum *before)
{
	if (f->resumed)
		return;
	gs_xdp_given(f->xdp, before->packets, before->bytes);
	f->lost_before = before->lost;
	f->resumed = true;
}

int fast_counts(struct fast *f, const struct handed_sum *before, struct gs_error *err)
{
	struct gs_xdp_rest rest;
	const int64_t now = clock_wall_ns();
	const struct gs_time first = { f->round.ns < now ? f->round.ns : now }; /* the clock may have been set back */

	resume(f, before);
	clock_set(f);
	const int r = gs_xdp_read(f->xdp, take_sources, f->counted, &rest, err);
	f->round.ns = now;
	return r < 0 ? r : gs_counted_rest(f->counted, rest.packets, rest.bytes, first, (struct gs_time){ now }, err);
}

uint64_t fast_lost(struct fast *f)
{
	struct gs_xdp_totals t;

	return !f->resumed || gs_xdp_totals(f->xdp, &t, NULL) < 0 || t.whole_lost < f->lost_before ? 0 : t.whole_lost - f->lost_before;
}

void fast_stop(struct fast *f)
{
	gs_xdp_stop(f->xdp);
}
