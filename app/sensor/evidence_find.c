/*
 * evidence_find.c - where a packet is in the folder of evidence
 *
 * A file holds what came from the time in its name until it was last changed. The names are gone through once; of the files that can hold the moment the newest EVIDENCE_SEARCH are
 * read, newest first, since a file begins when the one before it has ended.
 */
#include "decode/decode.h"
#include "sensor/evidence.h"
#include "source/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define SLACK_NS (2 * GS_NS_PER_S) /* between a packet's time and the clocks of names and file system */

struct candidate {
	char name[256];
	struct gs_time begin;
};

/* Newest first. */
static void candidate_add(struct candidate *list, unsigned *n, const char *name, struct gs_time begin)
{
	unsigned i = EVIDENCE_SEARCH - 1; /* the oldest makes room */

	if (*n < EVIDENCE_SEARCH)
		i = (*n)++;
	else if (list[i].begin.ns >= begin.ns)
		return;
	for (; i > 0 && list[i - 1].begin.ns < begin.ns; i--)
		list[i] = list[i - 1];
	snprintf(list[i].name, sizeof list[i].name, "%s", name);
	list[i].begin = begin;
}

/* Any sensor's: the stamp is in a fixed place before the last `-`. */
static bool any_name_parse(const char *name, struct gs_time *ret)
{
	const char *dash = strrchr(name, '-');
	char prefix[256];

	if (!dash || dash - name < 17 || strncmp(name, "grescope-", 9) != 0)
		return false;
	snprintf(prefix, sizeof prefix, "%.*s", (int)(dash - name - 16), name);
	return evidence_name_parse(name, prefix, ret);
}

static int candidates_list(const char *folder, const char *sensor, struct gs_time first, struct candidate *list, unsigned *ret_n, struct gs_error *err)
{
	char prefix[96];
	const struct dirent *d;
	struct gs_time begin;
	struct stat st;
	DIR *dir = opendir(folder);

	if (!dir)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%.300s, the folder of evidence", folder);
	if (sensor)
		evidence_prefix(sensor, prefix);
	*ret_n = 0;
	while ((d = readdir(dir))) {
		if (!(sensor ? evidence_name_parse(d->d_name, prefix, &begin) : any_name_parse(d->d_name, &begin)))
			continue;
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		const int64_t changed = (int64_t)st.st_mtim.tv_sec * GS_NS_PER_S + st.st_mtim.tv_nsec;
		if (begin.ns - SLACK_NS <= first.ns && changed + SLACK_NS >= first.ns)
			candidate_add(list, ret_n, d->d_name, begin);
	}
	closedir(dir);
	return 0;
}

static bool is_it(const struct gs_frame *f, struct gs_time first, const struct gs_addr *src)
{
	struct gs_packet p;

	/* the store keeps microseconds */
	if (f->ts.ns != first.ns && (first.ns % 1000 != 0 || f->ts.ns < first.ns || f->ts.ns - first.ns >= 1000))
		return false;
	gs_decode(f, &p);
	return (p.outcome == GS_OUT_GRE || p.outcome == GS_OUT_GRE_UDP) && (src->family == 0 || gs_addr_equal(&p.src, src));
}

/* The packet's number in a file, 0 if it is not in it. *ret_r: how reading ended. */
static uint64_t file_search(const char *path, struct gs_time first, const struct gs_addr *src, int *ret_r)
{
	struct gs_frame f[GS_SOURCE_BATCH];
	struct gs_source *s = NULL;
	struct gs_source_info info;
	uint64_t found = 0;
	size_t n = 1;
	int r = gs_source_open(path, &s, NULL);

	if (r == 0) {
		gs_source_info(s, &info);
		if (info.door != GS_DOOR_FRAMES)
			r = GS_ERR_FORMAT;
	}
	while (r == 0 && n && !found) {
		r = gs_source_frames(s, f, GS_SOURCE_BATCH, &n, NULL);
		for (size_t i = 0; i < n && !found; i++)
			if (is_it(&f[i], first, src))
				found = f[i].number;
	}
	gs_source_close(s);
	*ret_r = r;
	return found;
}

int evidence_find(const char *folder, const char *sensor, struct gs_time first, const struct gs_addr *src, struct evidence_place *ret, struct gs_error *err)
{
	struct candidate list[EVIDENCE_SEARCH];
	unsigned n = 0;

	memset(list, 0, sizeof list);
	memset(ret, 0, sizeof *ret);
	int r = candidates_list(folder, sensor, first, list, &n, err);
	for (unsigned i = 0; r == 0 && i < n && !ret->packet; i++) {
		int end;
		snprintf(ret->path, sizeof ret->path, "%.4095s/%.255s", folder, list[i].name);
		ret->packet = file_search(ret->path, first, src, &end);
		ret->files++;
		ret->unread += end < 0;
	}
	if (!ret->packet)
		ret->path[0] = '\0';
	return r;
}
