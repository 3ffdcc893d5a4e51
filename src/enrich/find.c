#include "enrich/find.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *join(const char *folder, const char *name)
{
	char *path;
	size_t len = strlen(folder);
	const char *slash = len && folder[len - 1] == '/' ? "" : "/";
	return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}

struct names {
	char **at;
	unsigned count, cap;
};

static void names_add(struct names *n, const char *name)
{
	if (n->count < n->cap && (n->at[n->count] = strdup(name)))
		n->count++;
}

static int backwards(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

static int forwards(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int rank_of(const char *name, const char *const *patterns, size_t n_patterns)
{
	for (size_t k = 0; k < n_patterns; k++)
		if (fnmatch(patterns[k], name, FNM_CASEFOLD) == 0)
			return (int)k;
	return -1;
}

/* Sorts the names of a folder into files that fit and, if folders is not NULL, folders. Hidden ones are left out. */
static void read_folder(const char *folder, const char *const *patterns, size_t n_patterns, struct names *files, struct names *folders)
{
	struct stat st;
	DIR *d = opendir(folder);
	const struct dirent *e;

	for (unsigned seen = 0; d && seen < FIND_MAX_ENTRIES && (e = readdir(d)); seen++) {
		if (e->d_name[0] == '.')
			continue;
		if (rank_of(e->d_name, patterns, n_patterns) >= 0)
			names_add(files, e->d_name);
		else if (folders && e->d_type != DT_REG && fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode))
			names_add(folders, e->d_name);
	}
	if (d)
		closedir(d);
	if (files->count)
		qsort(files->at, files->count, sizeof *files->at, backwards);
	if (folders && folders->count)
		qsort(folders->at, folders->count, sizeof *folders->at, forwards);
}

static void scan(const char *folder, const char *const *patterns, size_t n_patterns, bool deeper, struct find_result *ret)
{
	char *file[FIND_MAX_FILES], *sub[FIND_MAX_FILES];
	struct names files = { .at = file, .cap = FIND_MAX_FILES }, folders = { .at = sub, .cap = FIND_MAX_FILES };

	read_folder(folder, patterns, n_patterns, &files, deeper ? &folders : NULL);
	for (unsigned i = 0; i < files.count; i++) {
		char *path = ret->count < FIND_MAX_FILES ? join(folder, file[i]) : NULL;
		if (path) {
			ret->path[ret->count] = path;
			ret->rank[ret->count++] = (unsigned)rank_of(file[i], patterns, n_patterns);
		}
		free(file[i]);
	}
	for (unsigned i = 0; i < folders.count; i++) {
		char *path = join(folder, sub[i]);
		if (path)
			scan(path, patterns, n_patterns, false, ret);
		free(path);
		free(sub[i]);
	}
}

/* By rank, and else as found: insertion sort is stable, and the list is short. */
void find_files(const char *folder, const char *const *patterns, size_t n_patterns, struct find_result *ret)
{
	ret->count = 0;
	scan(folder, patterns, n_patterns, true, ret);
	for (unsigned i = 1; i < ret->count; i++) {
		char *path = ret->path[i];
		unsigned rank = ret->rank[i], k = i;
		for (; k > 0 && ret->rank[k - 1] > rank; k--) {
			ret->path[k] = ret->path[k - 1];
			ret->rank[k] = ret->rank[k - 1];
		}
		ret->path[k] = path;
		ret->rank[k] = rank;
	}
}

void find_done(struct find_result *r)
{
	for (unsigned i = 0; i < r->count; i++)
		free(r->path[i]);
	r->count = 0;
}
