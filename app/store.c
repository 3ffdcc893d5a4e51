/* store.c - where the store lies, and opening it */
#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WAIT_MS 10000 /* for another writer */
#define BALLAST_BYTES (8u << 20) /* room for the journal of a slice of pruned rows */

/* Makes the folders above a path, for the user alone. */
static int make_folders(const char *path, struct gs_error *err)
{
	char part[4096];
	size_t len = strlen(path);

	if (len >= sizeof part)
		return gs_fail(err, GS_ERR_USAGE, "the store's path is too long: %.100s...", path);
	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST && errno != EISDIR)
			return gs_fail_errno(err, GS_ERR_STORE, errno, "cannot make the folder %s for the store", part);
	}
	return 0;
}

static int default_path(char *out, size_t size, struct gs_error *err)
{
	const char *store = getenv("GRESCOPE_STORE"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (store && *store)
		n = snprintf(out, size, "%s", store);
	else if (state && *state == '/') /* the base directory specification: a relative path is to be ignored */
		n = snprintf(out, size, "%s/grescope/store.db", state);
	else if (home && *home)
		n = snprintf(out, size, "%s/.local/state/grescope/store.db", home);
	else
		return gs_fail(err, GS_ERR_USAGE, "no store: neither --store nor GRESCOPE_STORE nor HOME says where it is");
	return n >= 0 && (size_t)n < size ? 0 : gs_fail(err, GS_ERR_USAGE, "the store's path is too long");
}

int store_open(const struct options *o, enum gs_store_mode mode, struct gs_store **ret, struct gs_error *err)
{
	struct gs_store_options so = { .mode = mode, .wait_ms = WAIT_MS, .quota_bytes = o->quota_bytes, .ballast_bytes = BALLAST_BYTES,
				       .cache_bytes = o->store_cache_bytes };
	char path[4096], answers[4096];
	int r = o->store && *o->store ? 0 : default_path(path, sizeof path, err);
	const char *at = o->store && *o->store ? o->store : path;

	if (r == 0 && mode == GS_STORE_CREATE)
		r = make_folders(at, err);
	if (r == 0) {
		so.answers_path = mode == GS_STORE_READ ? answers_folder(at, answers, sizeof answers) : "";
		r = gs_store_open(at, &so, ret, err);
	}
	if (r == GS_ERR_NOENT && mode != GS_STORE_CREATE) /* else what should have been made cannot be: err says why */
		gs_fail(err, r, "there is no store at %s: grescope ingest FILE... makes one, --store PATH names another", at);
	return r;
}

int store_path(const struct options *o, char *out, size_t size)
{
	if (o->store && *o->store)
		return snprintf(out, size, "%s", o->store) < (int)size ? 0 : GS_ERR_USAGE;
	return default_path(out, size, NULL);
}

int store_folder(const struct options *o, char *out, size_t size)
{
	const int r = store_path(o, out, size);

	char *slash = r == 0 ? strrchr(out, '/') : NULL;
	if (slash)
		slash[slash == out] = '\0';
	else if (r == 0)
		snprintf(out, size, ".");
	return r;
}

int store_exit_code(int gs_err)
{
	switch (gs_err) {
	case GS_OK:
	case GS_ERR_USAGE:
	case GS_ERR_ACCESS:
	case GS_ERR_INTERRUPTED:
		return exit_code_of(gs_err);
	default:
		return EXIT_STORE;
	}
}
