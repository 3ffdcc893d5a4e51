/*
 * inputs.c - the files that a command line names, in the order of their first time stamps
 *
 * A path that exists is itself, whatever characters it holds; else it is a pattern, for shells that left it alone. To put files in order,
 * each regular one is opened and its first record read; pipes are left untouched, since what is read from them is gone. A time of 0 is a
 * clock that was not set.
 */
#include "source/source_int.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct input {
	char *path;
	struct gs_time first;
	bool known;    /* `first` is */
	uint64_t bytes;
	size_t place;  /* in the order given: makes sorting stable */
};

struct gs_inputs {
	struct input *list;
	size_t n, cap;
	uint64_t bytes, skipped;
	const struct gs_log_options *logs;
};

static void first_time(struct gs_source *s, struct input *in)
{
	struct gs_source_info info;
	struct gs_frame frame;
	struct gs_sighting sighting;
	struct gs_tally tally = { 0 };
	size_t n = 0;

	gs_source_info(s, &info);
	if (info.door == GS_DOOR_FRAMES)
		gs_source_frames(s, &frame, 1, &n, NULL);
	else
		gs_source_sightings(s, &sighting, 1, &n, &tally, NULL);
	if (n > 0)
		in->first = info.door == GS_DOOR_FRAMES ? frame.ts : sighting.first;
	in->known = n > 0 && in->first.ns != 0;
}

static int input_add(struct gs_inputs *ins, const struct input *in, struct gs_error *err)
{
	if (ins->n == ins->cap) {
		const size_t cap = ins->cap ? ins->cap * 2 : 16;
		struct input *list = realloc(ins->list, cap * sizeof *list);
		if (!list)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory for the list of inputs");
		ins->list = list;
		ins->cap = cap;
	}
	ins->list[ins->n] = *in;
	ins->list[ins->n].place = ins->n;
	ins->list[ins->n].path = strdup(in->path);
	if (!ins->list[ins->n].path)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for the list of inputs");
	ins->bytes += in->bytes;
	ins->n++;
	return 0;
}

/* One file. In a folder what is no format of ours is skipped; a file that was named is kept, and whoever reads it will say what is wrong
 * with it. */
static int file_add(struct gs_inputs *ins, char *path, const struct stat *sb, bool in_folder, struct gs_error *err)
{
	struct input in = { .path = path };

	if (S_ISREG(sb->st_mode)) {
		struct gs_source *s;
		in.bytes = (uint64_t)sb->st_size;
		int r = source_open_block(path, SOURCE_PEEK_BLOCK, ins->logs, &s, NULL);
		if (r == 0) {
			first_time(s, &in);
			gs_source_close(s);
		} else if (r == GS_ERR_FORMAT && in_folder) {
			ins->skipped++;
			return 0;
		}
	} else if (in_folder) {
		ins->skipped += !S_ISDIR(sb->st_mode);
		return 0;
	}
	return input_add(ins, &in, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: the order must not depend on the locale */
}

static int folder_entry(struct gs_inputs *ins, const char *folder, const char *name, struct gs_error *err)
{
	const size_t len = strlen(folder);
	const bool slash = len > 0 && folder[len - 1] == '/';
	struct stat sb;
	char *path;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (asprintf(&path, "%s%s%s", folder, slash ? "" : "/", name) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", folder);
	int r = 0;
	if (stat(path, &sb) == 0)
		r = file_add(ins, path, &sb, true, err);
	else
		ins->skipped++; /* a dangling link, or gone in the meantime */
	free(path);
	return r;
}

static int folder_add(struct gs_inputs *ins, const char *folder, struct gs_error *err)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, by_name), r = 0;

	if (n < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: folder cannot be read", folder);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = folder_entry(ins, folder, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return r;
}

static int path_add(struct gs_inputs *ins, char *path, const struct stat *sb, struct gs_error *err)
{
	return S_ISDIR(sb->st_mode) ? folder_add(ins, path, err) : file_add(ins, path, sb, false, err);
}

static int pattern_add(struct gs_inputs *ins, const char *pattern, struct gs_error *err)
{
	glob_t g;
	int r = glob(pattern, GLOB_ERR, NULL, &g);

	if (r == GLOB_NOMATCH || (r == GLOB_ABORTED && (errno == ENOENT || errno == ENOTDIR)))
		r = gs_fail(err, GS_ERR_NOENT, "%s: no file matches", pattern);
	else if (r == GLOB_NOSPACE)
		r = gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", pattern);
	else if (r != 0)
		r = gs_fail_errno(err, GS_ERR_IO, errno, "%s: a folder on the way cannot be read", pattern);
	for (size_t i = 0; r == 0 && i < g.gl_pathc; i++) {
		struct stat sb;
		r = stat(g.gl_pathv[i], &sb) == 0 ? path_add(ins, g.gl_pathv[i], &sb, err) :
		                                    gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot be opened", g.gl_pathv[i]);
	}
	globfree(&g);
	return r;
}

static int argument_add(struct gs_inputs *ins, const char *path, struct gs_error *err)
{
	const struct input in = { .path = (char *)path };
	const size_t before = ins->n;
	struct stat sb;
	int r;

	if (strcmp(path, "-") == 0)
		return input_add(ins, &in, err);
	if (stat(path, &sb) == 0)
		r = path_add(ins, (char *)path, &sb, err);
	else if (errno == ENOENT && strpbrk(path, "*?["))
		r = pattern_add(ins, path, err);
	else
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot be opened", path);
	if (r == 0 && ins->n == before)
		r = gs_fail(err, GS_ERR_NOENT, "%s: a folder without a file that grescope reads", path);
	return r;
}

static int by_time(const void *a, const void *b)
{
	const struct input *x = a, *y = b;

	if (x->known != y->known)
		return x->known ? -1 : 1;
	if (x->known && x->first.ns != y->first.ns)
		return x->first.ns < y->first.ns ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

int gs_inputs_new_logs(const char *const *paths, size_t n, const struct gs_log_options *logs, struct gs_inputs **ret, struct gs_error *err)
{
	struct gs_inputs *ins = calloc(1, sizeof *ins);
	int r = ins ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory for the list of inputs");

	if (ins)
		ins->logs = logs;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = argument_add(ins, paths[i], err);
	if (r < 0) {
		gs_inputs_free(ins);
		return r;
	}
	if (ins->n > 1)
		qsort(ins->list, ins->n, sizeof *ins->list, by_time);
	*ret = ins;
	return 0;
}

int gs_inputs_new(const char *const *paths, size_t n, struct gs_inputs **ret, struct gs_error *err)
{
	return gs_inputs_new_logs(paths, n, NULL, ret, err);
}

const struct gs_log_options *gs_inputs_logs(const struct gs_inputs *in)
{
	return in->logs;
}

void gs_inputs_free(struct gs_inputs *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->n; i++)
		free(in->list[i].path);
	free(in->list);
	free(in);
}

size_t gs_inputs_count(const struct gs_inputs *in)
{
	return in->n;
}

const char *gs_inputs_path(const struct gs_inputs *in, size_t i)
{
	return in->list[i].path;
}

uint64_t gs_inputs_bytes(const struct gs_inputs *in)
{
	return in->bytes;
}

uint64_t gs_inputs_skipped(const struct gs_inputs *in)
{
	return in->skipped;
}
