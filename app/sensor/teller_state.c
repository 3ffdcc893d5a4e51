/* teller_state.c - what the rules remember over restarts: a file, else the store */
#include "sensor/teller.h"

#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATE_MAX (32u << 20) /* more is none of ours: 131,072 networks are some 8 MiB */
#define SEED_MOST_MS 20000    /* a store so large that this is not enough gives the networks that were found by then */

int state_path(const struct options *o, char *out, size_t size)
{
	const int r = store_path(o, out, size);
	const size_t len = r == 0 ? strlen(out) : 0;

	if (r == 0 && len + sizeof ".alerts.damaged" > size)
		return GS_ERR_USAGE;
	if (r == 0)
		memcpy(out + len, ".alerts", sizeof ".alerts");
	return r;
}

/* ---- the store ---- */

struct seed_network {
	uint32_t asn; /* key */
	uint32_t zero;
	uint64_t packets;
	int64_t first_ns, last_ns;
};

struct seed {
	struct gs_map networks;
	struct gs_enrich *enrich;
	int64_t until_ms;
};

static __attribute__((noinline)) struct seed_network *seed_get(struct seed *s, const uint32_t *asn, bool *is_new)
{
	return gs_map_get(&s->networks, gs_map_hash(&s->networks, asn), asn, is_new);
}

static int seed_take(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct seed *s = arg;

	for (size_t i = 0; i < n; i++) {
		struct gs_origin o;
		bool is_new;
		if (g[i].src.family == 0)
			continue;
		gs_enrich_lookup(s->enrich, &g[i].src, &o);
		struct seed_network *w = o.asn ? seed_get(s, &o.asn, &is_new) : NULL;
		if (!w)
			continue;
		w->packets += g[i].packets;
		w->first_ns = is_new || g[i].first.ns < w->first_ns ? g[i].first.ns : w->first_ns;
		w->last_ns = is_new || g[i].last.ns > w->last_ns ? g[i].last.ns : w->last_ns;
	}
	return 0;
}

static bool seed_goes_on(void *arg, uint64_t done, uint64_t total)
{
	const struct seed *s = arg;
	return clock_steady_ms() < s->until_ms;
}

static void seed(struct gs_alerts *a, const struct options *o, struct gs_enrich *enrich)
{
	struct seed s = { .enrich = enrich, .until_ms = clock_steady_ms() + SEED_MOST_MS };
	const struct gs_sighting_sink sink = { seed_take, &s };
	const struct gs_scan_options so = { .memory_bytes = (size_t)32 << 20, .progress = seed_goes_on, .progress_arg = &s };
	const struct gs_filter all = GS_FILTER_ALL;
	struct gs_store *st = NULL;

	if (!enrich || store_open(o, GS_STORE_READ, &st, NULL) < 0)
		return; /* no store yet: every network is new */
	if (gs_map_init(&s.networks, sizeof(uint32_t), sizeof(struct seed_network), (size_t)16 << 20, 0) == 0) {
		(void)gs_store_scan(st, &all, GS_NEED_SRC, &so, &sink, NULL, NULL);
		for (uint32_t i = 0; i < s.networks.count; i++) {
			const struct seed_network *w = gs_map_at(&s.networks, i);
			gs_alerts_know(a, w->asn, w->packets, (struct gs_time){ w->first_ns }, (struct gs_time){ w->last_ns });
		}
		gs_map_done(&s.networks);
	}
	gs_store_close(st);
}

/* ---- the file ---- */

static int file_read(const char *path, struct gs_buf *b, struct gs_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = 1;

	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s", path);
	while (n > 0 && b->len < STATE_MAX && gs_buf_reserve(b, 65536)) {
		n = read(fd, b->data + b->len, 65536);
		if (n > 0)
			b->len += (size_t)n;
	}
	const int sys = errno;
	close(fd);
	if (b->failed)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	return n == 0 ? 0 : n < 0 ? gs_fail_errno(err, GS_ERR_IO, sys, "%s", path) : gs_fail(err, GS_ERR_DAMAGED, "%s is larger than any that was written here", path);
}

void state_load(struct gs_alerts *a, const char *path, const struct options *o, struct gs_enrich *enrich, char ret_trouble[MESSAGE_TEXT])
{
	struct gs_buf b = { 0 };
	struct gs_error err = { 0 };
	char aside[4096 + 16];
	int r = file_read(path, &b, &err);

	ret_trouble[0] = '\0';
	if (r == 0)
		r = gs_alerts_read(a, b.data, b.len, &err);
	gs_buf_done(&b);
	if (r == 0)
		return;
	if (r == GS_ERR_DAMAGED || r == GS_ERR_FORMAT) {
		snprintf(aside, sizeof aside, "%s.damaged", path);
		if (rename(path, aside) < 0)
			snprintf(aside, sizeof aside, "%s", path);
		snprintf(ret_trouble, MESSAGE_TEXT, "%.250s; it is %.200s now, and the networks that the store holds are known", err.text, aside);
	} else if (r != GS_ERR_NOENT) {
		snprintf(ret_trouble, MESSAGE_TEXT, "%.400s; the networks that the store holds are known", err.text);
	}
	seed(a, o, enrich);
}

int state_save(const struct gs_alerts *a, const char *path, struct gs_error *err)
{
	struct gs_buf b = { 0 };
	char fresh[4096 + 16];
	size_t done = 0;

	snprintf(fresh, sizeof fresh, "%s.new", path);
	gs_alerts_write(a, &b);
	if (b.failed) {
		gs_buf_done(&b);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && done < b.len) {
		const ssize_t n = write(fd, b.data + done, b.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	const bool whole = fd >= 0 && done == b.len && fdatasync(fd) == 0;
	const int sys = errno;
	if (fd >= 0)
		close(fd);
	gs_buf_done(&b);
	if (whole && rename(fresh, path) == 0)
		return 0;
	const int r = gs_fail_errno(err, GS_ERR_IO, whole ? errno : sys, "cannot keep what alerts remember in %s", path);
	if (fd >= 0)
		unlink(fresh);
	return r;
}
