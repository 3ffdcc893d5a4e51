/* databases.c - where the databases of networks and places are looked for */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_FOLDERS 6

static struct gs_enrich_options options_of(const struct options *o, const char *const *folders)
{
	return (struct gs_enrich_options){
		.asn_db = o->asn_db, .n_asn_db = o->n_asn_db, .city_db = o->city_db, .n_city_db = o->n_city_db, .folders = folders, .own = o->own_databases
	};
}

/* The folders that databases are looked for in: $GRESCOPE_DATA, the user's, the system's. */
static size_t data_folders(char *buffer, size_t size, const char *folders[MAX_FOLDERS])
{
	const char *env = getenv("GRESCOPE_DATA"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	size_t n = 0;

	if (env && *env)
		folders[n++] = env;
	if (xdg && *xdg && snprintf(buffer, size, "%s/grescope", xdg) < (int)size)
		folders[n++] = buffer;
	else if (home && *home && snprintf(buffer, size, "%s/.local/share/grescope", home) < (int)size)
		folders[n++] = buffer;
	folders[n++] = "/usr/local/share/grescope";
	folders[n++] = "/usr/share/grescope";
	folders[n++] = "/var/lib/grescope";
	return n;
}

uint64_t databases_stamp(const struct options *o)
{
	char buffer[4096];
	const char *folders[MAX_FOLDERS];
	struct gs_enrich_options eo = options_of(o, folders);

	eo.n_folders = data_folders(buffer, sizeof buffer, folders);
	return gs_enrich_stamp(&eo);
}

static size_t place_add(char (*ret)[4096], size_t n, size_t max, const char *path, bool folder)
{
	if (n == max || strlen(path) >= sizeof *ret)
		return n;
	strcpy(ret[n], path);
	char *slash = folder ? NULL : strrchr(ret[n], '/');
	if (slash)
		slash[slash == ret[n]] = '\0';
	else if (!folder)
		strcpy(ret[n], ".");
	return n + 1;
}

size_t databases_places(const struct options *o, char (*ret)[4096], size_t max)
{
	char buffer[4096];
	const char *folders[MAX_FOLDERS];
	const size_t n_folders = data_folders(buffer, sizeof buffer, folders);
	size_t n = 0;

	for (size_t i = 0; i < n_folders; i++)
		n = place_add(ret, n, max, folders[i], true);
	for (size_t i = 0; i < o->n_asn_db; i++)
		n = place_add(ret, n, max, o->asn_db[i], false);
	for (size_t i = 0; i < o->n_city_db; i++)
		n = place_add(ret, n, max, o->city_db[i], false);
	return n;
}

static int open_with(const struct options *o, bool opinions, struct gs_enrich **ret, struct gs_error *err)
{
	char buffer[4096];
	const char *folders[MAX_FOLDERS];
	struct gs_enrich_options eo = options_of(o, folders);

	eo.n_folders = data_folders(buffer, sizeof buffer, folders);
	eo.opinions = opinions;
	return gs_enrich_open(&eo, ret, err);
}

int databases_open(const struct options *o, struct gs_enrich **ret, struct gs_error *err)
{
	return open_with(o, false, ret, err);
}

int databases_open_all(const struct options *o, struct gs_enrich **ret, struct gs_error *err)
{
	return open_with(o, true, ret, err);
}
