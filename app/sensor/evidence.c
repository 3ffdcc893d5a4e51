/* evidence.c - the folder of evidence as its parent keeps it: new files, and the oldest gone when they are too many */
#include "sensor/evidence.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SUFFIX ".pcap.zst"
#define TRIES 1000 /* for a name that nobody has */
#define REMOVALS 10000 /* in one call */
#define OLDEST 256

void evidence_prefix(const char *sensor, char out[96])
{
	int n = snprintf(out, 96, "grescope-%.64s-", *sensor ? sensor : "sensor");

	for (int i = 9; i < n - 1; i++)
		if (!isalnum((unsigned char)out[i]) && out[i] != '.' && out[i] != '_')
			out[i] = '_';
}

/* yyyymmddThhmmssZ */
static bool stamp_parse(const char *p, struct gs_time *ret)
{
	char iso[24];

	for (int i = 0; i < 16; i++)
		if (i == 8 ? p[i] != 'T' : i == 15 ? p[i] != 'Z' : !isdigit((unsigned char)p[i]))
			return false;
	const int n = snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", p, p + 4, p + 6, p + 9, p + 11, p + 13);
	return gs_time_parse(iso, (size_t)n, ret);
}

static void stamp_format(struct gs_time t, char out[17])
{
	char iso[GS_TIME_TEXT_MAX];
	size_t n = 0;

	gs_time_format(t, 0, iso); /* 2017-07-25T19:05:31Z */
	for (const char *p = iso; *p && n < 16; p++)
		if (*p != '-' && *p != ':')
			out[n++] = *p;
	out[n] = '\0';
}

bool evidence_name_parse(const char *name, const char *prefix, struct gs_time *ret)
{
	const size_t len = strlen(prefix);

	if (strncmp(name, prefix, len) != 0 || strlen(name) < len + 16)
		return false;
	const char *p = name + len;
	if (!stamp_parse(p, ret) || p[16] != '-' || !isdigit((unsigned char)p[17]))
		return false;
	p += 17;
	p += strspn(p, "0123456789");
	return strcmp(p, SUFFIX) == 0;
}

int evidence_open(struct evidence *e, const char *path, const char *sensor, uint64_t max_bytes, struct gs_error *err)
{
	memset(e, 0, sizeof *e);
	e->max_bytes = max_bytes;
	evidence_prefix(sensor, e->prefix);
	snprintf(e->path, sizeof e->path, "%s", path);
	e->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->folder < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%.300s, the folder of evidence", path);
	if (faccessat(e->folder, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	const int sys = errno;
	evidence_close(e);
	return gs_fail_errno(err, GS_ERR_IO, sys, "%.300s, the folder of evidence, cannot be written to", path);
}

void evidence_close(struct evidence *e)
{
	if (e->folder >= 0)
		close(e->folder);
	e->folder = -1;
}

static bool is_open(const struct evidence *e, const char *name)
{
	for (unsigned i = 0; i < EVIDENCE_SLOTS; i++)
		if (strcmp(e->open[i], name) == 0)
			return true;
	return false;
}

struct old {
	struct gs_time time;
	uint64_t bytes;
	char name[EVIDENCE_NAME_MAX];
};

struct folder_sum {
	uint64_t bytes;
	unsigned n;
	struct old old[OLDEST]; /* that may go, oldest first */
};

/* The time in a name decides what is older; where it is the same, the name. */
static bool is_older(struct gs_time t, const char *name, const struct old *than)
{
	return t.ns < than->time.ns || (t.ns == than->time.ns && strcmp(name, than->name) < 0);
}

static void old_add(const struct evidence *e, struct folder_sum *s, struct gs_time t, const char *name, uint64_t bytes)
{
	if ((s->n == OLDEST && !is_older(t, name, &s->old[OLDEST - 1])) || is_open(e, name))
		return;
	unsigned i = s->n < OLDEST ? s->n++ : OLDEST - 1;
	for (; i > 0 && is_older(t, name, &s->old[i - 1]); i--)
		s->old[i] = s->old[i - 1];
	s->old[i] = (struct old){ .time = t, .bytes = bytes };
	snprintf(s->old[i].name, sizeof s->old[i].name, "%s", name);
}

static int folder_sum(const struct evidence *e, struct folder_sum *ret, struct gs_error *err)
{
	const struct dirent *d;
	struct gs_time t;
	struct stat st;

	ret->bytes = ret->n = 0;
	const int fd = openat(e->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		const int sys = errno;
		if (fd >= 0)
			close(fd);
		return gs_fail_errno(err, GS_ERR_IO, sys, "%.300s, the folder of evidence", e->path);
	}
	while ((d = readdir(dir))) {
		if (strlen(d->d_name) >= EVIDENCE_NAME_MAX || !evidence_name_parse(d->d_name, e->prefix, &t) || fstatat(e->folder, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		ret->bytes += (uint64_t)st.st_size;
		old_add(e, ret, t, d->d_name, (uint64_t)st.st_size);
	}
	closedir(dir);
	return 0;
}

static bool disk_has(const struct evidence *e, uint64_t bytes)
{
	struct statvfs v;

	return fstatvfs(e->folder, &v) < 0 || (uint64_t)v.f_bavail * v.f_frsize >= bytes;
}

/* Removes the oldest until the rest and `reserve` fit cap and disk. The folder is gone through once for OLDEST of them: nobody waits long for that, however many there are. */
static int make_room(struct evidence *e, uint64_t reserve, uint64_t *ret_bytes, struct gs_error *err)
{
	struct folder_sum s;

	for (unsigned removals = 0; removals < REMOVALS;) {
		int r = folder_sum(e, &s, err);
		if (r < 0)
			return r;
		for (unsigned i = 0;; i++) {
			const bool fits = s.bytes + reserve <= e->max_bytes, room = disk_has(e, reserve + EVIDENCE_KEEP_FREE);
			if (ret_bytes)
				*ret_bytes = s.bytes;
			if (fits && room)
				return 0;
			if (s.n == 0)
				return room ? 0 : gs_fail(err, GS_ERR_LIMIT, "%.300s: the disk has no room left for evidence", e->path);
			if (i == s.n)
				break;
			if (unlinkat(e->folder, s.old[i].name, 0) < 0 && errno != ENOENT)
				return gs_fail_errno(err, GS_ERR_IO, errno, "cannot remove %.200s/%.120s to make room", e->path, s.old[i].name);
			s.bytes -= s.old[i].bytes;
			e->removed++;
			removals++;
		}
	}
	return 0;
}

int evidence_next(struct evidence *e, unsigned slot, struct gs_time first, uint64_t reserve, int *ret_fd, char name[EVIDENCE_NAME_MAX], struct gs_error *err)
{
	char stamp[17], made[EVIDENCE_NAME_MAX];

	if (slot >= EVIDENCE_SLOTS)
		return gs_fail(err, GS_ERR_LIMIT, "more than %u writers of evidence", EVIDENCE_SLOTS);
	e->open[slot][0] = '\0';
	int r = make_room(e, reserve, NULL, err);
	if (r < 0)
		return r;
	stamp_format(first, stamp);
	for (unsigned i = 0; i < TRIES; i++) {
		snprintf(made, sizeof made, "%s%s-%" PRIu64 SUFFIX, e->prefix, stamp, ++e->number);
		const int fd = openat(e->folder, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0) {
			memcpy(e->open[slot], made, sizeof made);
			memcpy(name, made, sizeof made);
			*ret_fd = fd;
			return 0;
		}
		if (errno != EEXIST)
			return gs_fail_errno(err, GS_ERR_IO, errno, "cannot make the evidence file %.200s/%s", e->path, made);
	}
	return gs_fail(err, GS_ERR_IO, "%.200s: no name is free for an evidence file", e->path);
}

int evidence_tick(struct evidence *e, uint64_t *ret_bytes, struct gs_error *err)
{
	return make_room(e, 0, ret_bytes, err);
}
