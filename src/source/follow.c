/*
 * follow.c - a log that grows, read as a source whose end is not the end
 *
 * The way of lines is log.c's; here is only which file stands behind the name, and what its end means. Where copytruncate writes the file anew and past the old place between two looks, nothing tells
 * it from growth: `tail -F` has the same limit.
 */
#include "source/follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "source/log_live.h"
#include "source/source_int.h"

#define CALL_MAX (4u << 20) /* octets that one call reads */
#define HEADING_MAX 65536    /* octets of a file's beginning that are looked through for headings */
#define SIBLINGS_MAX 256    /* files beside it that are opened to look for a place */

struct gs_follow {
	char *path;
	struct gs_source *s;     /* its descriptor is -1 where there is no file */
	int notify, watch;       /* inotify, and the watch on the file itself; -1: none */
	uint64_t device, inode;
	uint64_t begun;          /* octets of the source before this file, less where in the file reading began: modular */
	struct gs_follow_counts counts;
	int told;                /* the trouble that was told last and is not over; 0: none */
};

/* One sentence for each trouble until it is over. */
static int trouble(struct gs_follow *f, int code, struct gs_error *err)
{
	if (f->told == code)
		return 0;
	f->told = code;
	return err ? err->code : code;
}

static void file_close(struct gs_follow *f)
{
	if (f->s->stream.fd >= 0)
		close(f->s->stream.fd);
	if (f->watch >= 0)
		inotify_rm_watch(f->notify, f->watch);
	f->s->stream.fd = f->watch = -1;
	f->counts.there = false;
}

/* Lines may go by a heading that stands before the place. */
static void heading_read(struct gs_follow *f, uint64_t start)
{
	const size_t most = start < HEADING_MAX ? (size_t)start : HEADING_MAX;
	char *text = most ? malloc(most) : NULL;
	const ssize_t n = text ? pread(f->s->stream.fd, text, most, 0) : 0;

	if (n > 0)
		log_live_prime(f->s, text, (size_t)n);
	free(text);
}

/* Reading goes on in this file, which is the caller's no longer. start: an octet of it; UINT64_MAX: its end. path: a name that it has. */
static int file_take(struct gs_follow *f, int fd, const struct stat *sb, uint64_t start, const char *path, struct gs_error *err)
{
	const uint64_t size = (uint64_t)sb->st_size;

	if (start > size)
		start = size;
	if (lseek(fd, (off_t)start, SEEK_SET) < 0) {
		const int sys = errno;
		close(fd);
		return gs_fail_errno(err, GS_ERR_IO, sys, "%s: cannot be read from octet %llu on", path, (unsigned long long)start);
	}
	f->s->stream.fd = fd;
	f->s->stream.file_octets = start; /* for sentences */
	f->device = sb->st_dev;
	f->inode = sb->st_ino;
	f->begun = f->s->stream.out_octets - start;
	f->counts.there = true;
	heading_read(f, start);
	if (f->notify >= 0)
		f->watch = inotify_add_watch(f->notify, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
	return 0;
}

/* Opens what has the name now, if anything does. */
static int file_open(struct gs_follow *f, uint64_t start, struct gs_error *err)
{
	struct stat sb;
	const int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &sb) < 0) {
		const int sys = errno;
		if (fd >= 0)
			close(fd);
		return gs_fail_errno(err, GS_ERR_IO, sys, "%s: cannot be opened", f->path);
	}
	if (!S_ISREG(sb.st_mode)) {
		close(fd);
		return gs_fail(err, GS_ERR_FORMAT, "%s: is no regular file: it cannot be followed", f->path);
	}
	return file_take(f, fd, &sb, start, f->path, err);
}

/* Without inotify (its limits are per user) the caller's clock has to do: gs_follow_fd says so with -1. */
static int folder_watch(struct gs_follow *f, struct gs_error *err)
{
	char *copy = strdup(f->path);

	if (!copy)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", f->path);
	f->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->notify >= 0)
		inotify_add_watch(f->notify, dirname(copy), IN_CREATE | IN_MOVED_TO);
	free(copy);
	return 0;
}

int gs_follow_open(const char *path, const struct gs_follow_options *o, struct gs_follow **ret, struct gs_error *err)
{
	struct gs_follow *f = calloc(1, sizeof *f);
	int r;

	if (!f)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", path);
	f->notify = f->watch = -1;
	f->path = strdup(path);
	r = f->path ? log_live_new(path, &o->logs, &f->s, err) : gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", path);
	if (r == 0)
		r = folder_watch(f, err);
	if (r == 0)
		r = file_open(f, o->from_start ? 0 : UINT64_MAX, err);
	if (r < 0) {
		gs_follow_close(f);
		return r;
	}
	*ret = f;
	return 0;
}

void gs_follow_close(struct gs_follow *f)
{
	if (!f)
		return;
	if (f->s)
		file_close(f);
	if (f->notify >= 0)
		close(f->notify);
	gs_source_close(f->s);
	free(f->path);
	free(f);
}

int gs_follow_fd(const struct gs_follow *f)
{
	return f->notify;
}

/* Where in the file the window's p lies. */
static uint64_t place_of(const struct gs_follow *f)
{
	return stream_offset(&f->s->stream) - f->begun;
}

/* ---- places ---- */

static uint64_t sum_before(int fd, uint64_t offset)
{
	const uint64_t n = offset < GS_FOLLOW_SUM ? offset : GS_FOLLOW_SUM;
	char octets[GS_FOLLOW_SUM];

	return n && pread(fd, octets, n, (off_t)(offset - n)) == (ssize_t)n ? XXH3_64bits(octets, n) : 0;
}

/* Whether a file is the one that was read as far as the place. */
static bool place_fits(int fd, const struct stat *sb, const struct gs_follow_place *place)
{
	return (uint64_t)sb->st_size >= place->offset && sum_before(fd, place->offset) == place->sum;
}

struct sibling {
	int fd; /* -1: none */
	struct stat sb;
	char path[PATH_MAX];
	bool gap;
};

static bool newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Looks at one file of the folder: the place may be in it, or it may be one that was written after that one. */
static void sibling_look(const char *path, uint64_t own_inode, const struct gs_follow_place *place, struct sibling *ret, struct timespec *newest)
{
	struct stat sb;
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_ino != own_inode) {
		if (newer(&sb.st_mtim, newest))
			*newest = sb.st_mtim;
		if (ret->fd < 0 && place_fits(fd, &sb, place)) {
			ret->fd = fd;
			ret->sb = sb;
			snprintf(ret->path, sizeof ret->path, "%s", path);
			return;
		}
	}
	close(fd);
}

/* "kern.log" is rotated to "kern.log.1", "kern.log-20261129", ...: a name that begins with its own. */
static void sibling_find(const struct gs_follow *f, const struct gs_follow_place *place, struct sibling *ret)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct timespec newest = { 0 };
	const struct dirent *d;
	unsigned n = 0;

	ret->fd = -1;
	if (snprintf(folder, sizeof folder, "%s", f->path) >= (int)sizeof folder)
		return;
	const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
	DIR *dir = opendir(dirname(folder));
	while (dir && (d = readdir(dir)) && n < SIBLINGS_MAX) {
		if (strncmp(d->d_name, name, strlen(name)) != 0 || strcmp(d->d_name, name) == 0 ||
		    snprintf(path, sizeof path, "%.*s%s", (int)(name - f->path), f->path, d->d_name) >= (int)sizeof path)
			continue;
		n++;
		sibling_look(path, f->s->stream.fd < 0 ? 0 : f->inode, place, ret, &newest);
	}
	if (dir)
		closedir(dir);
	ret->gap = ret->fd >= 0 && newer(&newest, &ret->sb.st_mtim);
}

int gs_follow_resume(struct gs_follow *f, const struct gs_follow_place *place, enum gs_follow_found *ret, struct gs_error *err)
{
	struct sibling other = { .fd = -1 };
	struct stat sb;
	const int fd = f->s->stream.fd;
	const bool same = fd >= 0 && fstat(fd, &sb) == 0 && place_fits(fd, &sb, place);

	*ret = GS_FOLLOW_SAME;
	if (!same && place->offset) /* before the beginning of a file there is nothing to be missed */
		sibling_find(f, place, &other);
	if (other.fd >= 0) {
		*ret = other.gap ? GS_FOLLOW_GAP : GS_FOLLOW_ROTATED;
		if (fd >= 0)
			file_close(f);
		return file_take(f, other.fd, &other.sb, place->offset, other.path, err);
	}
	if (!same && place->offset)
		*ret = GS_FOLLOW_ANOTHER;
	if (fd < 0)
		return 0; /* it is read from its beginning when it is there */
	file_close(f);
	return file_open(f, same ? place->offset : 0, err);
}

/*
 * A copy of the file has the name, perhaps with more behind: who fetches logs from elsewhere (rsync) or edits one writes it anew and renames it. Reading goes on in it where it was. *ret_taken: so
 * it was.
 */
static int copy_take(struct gs_follow *f, bool *ret_taken, struct gs_error *err)
{
	struct gs_follow_place place;
	struct stat sb;
	const int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	gs_follow_place(f, &place);
	*ret_taken = fd >= 0 && place.offset && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && place_fits(fd, &sb, &place);
	if (!*ret_taken) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	file_close(f);
	log_live_reset(f->s); /* an unfinished line is in the copy, too */
	f->counts.rotations++;
	return file_take(f, fd, &sb, place.offset, f->path, err);
}

/* What the end of the file means. *ret_on: there is more to read. */
static int at_end(struct gs_follow *f, bool *ret_on, struct gs_error *err)
{
	struct stat open_file, named;
	int r;

	*ret_on = false;
	if (fstat(f->s->stream.fd, &open_file) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot be looked at", f->path);
	if ((uint64_t)open_file.st_size < f->s->stream.out_octets - f->begun) { /* cut: what was unfinished is gone with it */
		log_live_reset(f->s);
		if (lseek(f->s->stream.fd, 0, SEEK_SET) < 0)
			return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot be read from its beginning", f->path);
		f->begun = f->s->stream.out_octets;
		f->counts.truncations++;
		*ret_on = true;
		return 0;
	}
	f->counts.there = stat(f->path, &named) == 0;
	if (!f->counts.there || (named.st_ino == f->inode && named.st_dev == f->device))
		return 0; /* where the name is gone the old file may still be written to */
	if ((uint64_t)open_file.st_size == f->s->stream.out_octets - f->begun && !log_live_flushed(f->s)) {
		r = copy_take(f, ret_on, err);
		if (r < 0 || *ret_on)
			return r;
	}
	/* Another file has the name. Its writer may have used the old one until a moment ago: once more to its end, then what is unfinished is a line. */
	if ((uint64_t)open_file.st_size > f->s->stream.out_octets - f->begun || !log_live_flushed(f->s)) {
		log_live_flush(f->s);
		*ret_on = true;
		return 0;
	}
	file_close(f);
	log_live_reset(f->s);
	f->counts.rotations++;
	r = file_open(f, 0, err);
	*ret_on = r == 0 && f->s->stream.fd >= 0;
	return r;
}

static void notify_drain(struct gs_follow *f)
{
	char events[4096];

	while (f->notify >= 0 && read(f->notify, events, sizeof events) > 0)
		continue;
}

static int follow_read(struct gs_follow *f, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally, struct gs_error *err)
{
	const uint64_t begun = f->s->stream.out_octets;
	bool on = true;
	int r = 0;

	while (r == 0 && on && *ret_n < max) {
		if (f->s->stream.fd < 0) {
			r = file_open(f, 0, err);
			if (r < 0 || f->s->stream.fd < 0)
				return r;
		}
		r = log_live_read(f->s, begun + CALL_MAX, out, max, ret_n, tally, err);
		if (r != 0 || *ret_n == max)
			break;
		if (f->s->stream.out_octets >= begun + CALL_MAX) {
			f->counts.more = true;
			break;
		}
		r = at_end(f, &on, err);
	}
	return r;
}

int gs_follow_sightings(struct gs_follow *f, struct gs_time now, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			struct gs_error *err)
{
	const uint64_t before = f->s->stream.out_octets;
	struct gs_error why = { 0 };

	*ret_n = 0;
	f->counts.more = false;
	notify_drain(f);
	log_live_now(f->s, now);
	const int r = follow_read(f, out, max, ret_n, tally, &why);
	f->counts.octets += f->s->stream.out_octets - before;
	if (r == GS_ERR_INTERRUPTED) {
		f->counts.more = true;
		return 0;
	}
	if (r == 0) {
		f->told = 0;
		return 0;
	}
	if (err)
		*err = why;
	return trouble(f, r, err);
}

bool gs_follow_between_lines(const struct gs_follow *f)
{
	return log_live_between(f->s);
}

void gs_follow_place(const struct gs_follow *f, struct gs_follow_place *ret)
{
	const uint64_t offset = f->s->stream.fd < 0 ? 0 : place_of(f);

	*ret = (struct gs_follow_place){ offset, offset ? sum_before(f->s->stream.fd, offset) : 0 };
}

void gs_follow_counts(const struct gs_follow *f, struct gs_follow_counts *ret)
{
	*ret = f->counts;
	log_live_counts(f->s, &ret->lines, &ret->long_lines);
}

const char *gs_follow_first_bad(const struct gs_follow *f)
{
	return gs_source_first_bad(f->s);
}
