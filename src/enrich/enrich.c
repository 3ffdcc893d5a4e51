/*
 * enrich.c - finding the data files, asking them, and saying what they are
 *
 * Per kind (network, place) and address family one file answers. Named files: the first one that covers a family gives it, and a file that
 * adds no family is an error rather than silently unused. If no file of a kind is named, the folders are searched, in order; the first that
 * has the kind in any family gives it, other folders are then not mixed in. In a folder and its direct subfolders, best first, in any case:
 *
 *   network   asn-ipv[46]-num.csv  asn-ipv[46].csv  *asn-ipv[46]*.csv   the npm packages of ip-location-db; lists of ranges, so that a
 *                                                                       network's size is known
 *             geolite2-asn*.mmdb  *asn*.mmdb                            MaxMind, DB-IP
 *             routeviews-*.pfx2as  *.pfx2as                             no names
 *   place     dbip-city*.mmdb  geolite2-city*.mmdb  *city*.mmdb
 *             *country*.mmdb                                            only the country, where no folder has a city file
 *
 * The folder comes before its subfolders, these in byte order; among names that fit the same pattern the last in byte order comes first,
 * which of dated names is the newest. What a file holds is decided by its contents: one that turns out to be of the other kind is passed
 * over.
 *
 * Text tables are read at opening, so that one with a bad line is an error (named) or makes room for the next best (found) in time; only a
 * found IPv6 table waits for the first IPv6 address, which most captures never bring.
 */
#include "enrich/enrich.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/strtab.h"
#include "enrich/asn_table.h"
#include "enrich/database.h"
#include "enrich/find.h"
#include "enrich/mmdb.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAX_NAMES (2u << 20)
#define MAX_NAME_BYTES (128u << 20)
#define MAX_INFO_BYTES (1u << 20)
#define COUNT(array) (sizeof(array) / sizeof *(array))

enum kind {
	KIND_NETWORK,
	KIND_PLACE,
	KIND_COUNT,
};

enum family {
	FAMILY_4,
	FAMILY_6,
	FAMILY_COUNT,
};

static const char *const network_patterns[] = { "asn-ipv[46]-num.csv", "asn-ipv[46].csv", "*asn-ipv[46]*.csv", "geolite2-asn*.mmdb",
	                                        "*asn*.mmdb",          "routeviews-*.pfx2as", "*.pfx2as" };
static const char *const place_patterns[] = { "dbip-city*.mmdb", "geolite2-city*.mmdb", "*city*.mmdb", "*country*.mmdb" };

static const struct {
	const char *data, *option, *other_option, *stays_empty;
	const char *const *patterns;
	size_t n_patterns;
} kinds[KIND_COUNT] = {
	{ "network (ASN) table", "--asn-db", "--city-db", "networks", network_patterns, COUNT(network_patterns) },
	{ "city database", "--city-db", "--asn-db", "places", place_patterns, COUNT(place_patterns) },
};

struct db { /* one open file */
	char *path;
	struct mmdb *mmdb;        /* one of the two */
	struct asn_table *table;
	struct gs_database info;
	bool has[FAMILY_COUNT];
	bool used;                /* false once it was given up */
	bool ready;               /* nothing is left to be loaded */
};

/* What gs_enrich_missing has to tell, apart from what the files themselves know. Behind a pointer, as telling is const. */
struct told {
	struct gs_buf text;
	struct gs_buf trouble[KIND_COUNT]; /* the first file that was found and could not be used */
	bool asked[FAMILY_COUNT];          /* look-ups of that family were made */
};

struct gs_enrich {
	struct gs_strtab *names;
	struct gs_arena *arena;
	struct db dbs[GS_MAX_DATABASES];
	unsigned n_dbs;
	bool opinions;
	struct db *by[KIND_COUNT][FAMILY_COUNT];
	struct told *told;
	struct gs_buf looked_in;
	struct gs_addr last;
	struct gs_origin last_origin;
	bool own;
};

static void db_close(struct db *d)
{
	mmdb_close(d->mmdb);
	asn_table_close(d->table);
	free(d->path);
	*d = (struct db){ 0 };
}

static enum kind db_kind(const struct db *d)
{
	return d->table || mmdb_kind_of(d->mmdb) == MMDB_KIND_NETWORK ? KIND_NETWORK : KIND_PLACE;
}

static bool db_only_country(const struct db *d)
{
	return d->mmdb && mmdb_kind_of(d->mmdb) == MMDB_KIND_COUNTRY;
}

static int check_file(const char *path, struct gs_error *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot open %s", path);
	if (S_ISDIR(st.st_mode))
		return gs_fail(err, GS_ERR_CONFIG, "%s is a folder, not a data file", path);
	if (!S_ISREG(st.st_mode))
		return gs_fail(err, GS_ERR_CONFIG, "%s is no regular file", path);
	if (st.st_size == 0)
		return gs_fail(err, GS_ERR_CONFIG, "%s is empty", path);
	return 0;
}

static void describe(struct gs_enrich *e, struct db *d)
{
	static const char *const products[] = { [MMDB_KIND_NETWORK] = "ASN", [MMDB_KIND_CITY] = "City", [MMDB_KIND_COUNTRY] = "Country" };
	struct database_facts f = { .path = d->path, .product = "ASN" };

	if (d->mmdb) {
		f.type = mmdb_type(d->mmdb);
		f.description = mmdb_description(d->mmdb);
		f.built_s = mmdb_built_s(d->mmdb);
		f.product = products[mmdb_kind_of(d->mmdb)];
	}
	database_describe(&f, e->arena, &d->info);
}

/* Opens a file of either kind. */
static int db_open(struct gs_enrich *e, const char *path, struct db *ret, struct gs_error *err)
{
	struct db d = { .path = strdup(path) };

	if (!d.path)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", path);
	int r = check_file(path, err);
	if (r == 0)
		r = mmdb_recognise(path, err);
	if (r > 0)
		r = mmdb_open(d.path, e->names, e->own, &d.mmdb, err);
	else if (r == 0)
		r = asn_table_open(d.path, e->names, &d.table, err);
	if (r < 0) {
		db_close(&d);
		return r;
	}
	d.has[FAMILY_4] = d.mmdb ? mmdb_has_family(d.mmdb, 4) : asn_table_family(d.table) == 4;
	d.has[FAMILY_6] = d.mmdb ? mmdb_has_family(d.mmdb, 6) : asn_table_family(d.table) == 6;
	*ret = d;
	return 0;
}

/* Gives the file those families of its kind that nothing else has. True: it took some, or is wanted for its opinion, and the enricher owns it now. */
static bool db_adopt(struct gs_enrich *e, const struct db *d, bool named)
{
	struct db **by = e->by[db_kind(d)];
	bool useful = named && e->opinions;

	for (int f = 0; f < FAMILY_COUNT; f++)
		useful |= d->has[f] && !by[f];
	if (!useful || e->n_dbs == GS_MAX_DATABASES)
		return false;
	struct db *kept = &e->dbs[e->n_dbs++];
	*kept = *d;
	kept->used = true;
	kept->ready = kept->mmdb || asn_table_loaded(kept->table);
	for (int f = 0; f < FAMILY_COUNT; f++)
		if (kept->has[f] && !by[f])
			by[f] = kept;
	describe(e, kept);
	return true;
}

static int open_named(struct gs_enrich *e, enum kind kind, const char *path, struct gs_error *err)
{
	struct db d;

	int r = db_open(e, path, &d, err);
	if (r < 0)
		return r;
	if (db_kind(&d) != kind) {
		const char *what = db_only_country(&d) ? "country database" : kinds[db_kind(&d)].data;
		r = gs_fail(err, GS_ERR_CONFIG, "%s is a %s, not a %s: name it with %s", path, what, kinds[kind].data,
		            kinds[kind].other_option);
	} else if (d.table) {
		r = asn_table_load(d.table, err);
	}
	if (r == 0 && e->n_dbs == GS_MAX_DATABASES) {
		r = gs_fail(err, GS_ERR_CONFIG, "%s: more than %d databases", path, GS_MAX_DATABASES);
	} else if (r == 0 && !db_adopt(e, &d, true)) {
		const struct db *first = e->by[kind][d.has[FAMILY_4] ? FAMILY_4 : FAMILY_6];
		const char *which = !d.has[FAMILY_4] ? "IPv6" : d.has[FAMILY_6] ? "all" : "IPv4";
		r = gs_fail(err, GS_ERR_CONFIG, "%s adds nothing: %s is the %s for %s addresses already", path,
		            first ? first->path : "another file", kinds[kind].data, which);
	}
	if (r < 0)
		db_close(&d);
	return r;
}

static void note_trouble(const struct gs_enrich *e, enum kind kind, const struct gs_error *err)
{
	struct gs_buf *b = &e->told->trouble[kind];
	if (b->len == 0)
		gs_buf_puts(b, err->text);
}

/* Whether a found file is what is looked for, as far as can be told without being asked anything yet. */
static bool db_suits(struct gs_enrich *e, enum kind kind, struct db *d, bool country)
{
	struct gs_error err = { 0 };

	if (db_kind(d) != kind || (db_only_country(d) && !country))
		return false;
	if (d->table && d->has[FAMILY_4] && !e->by[kind][FAMILY_4] && asn_table_load(d->table, &err) < 0) {
		note_trouble(e, kind, &err);
		return false;
	}
	return true;
}

/* True: the folder has the kind; countries without cities count where country is set. */
static bool search_folder(struct gs_enrich *e, enum kind kind, const char *folder, bool country)
{
	struct find_result found;
	struct db **by = e->by[kind];

	find_files(folder, kinds[kind].patterns, kinds[kind].n_patterns, &found);
	for (unsigned i = 0; i < found.count && !(by[FAMILY_4] && by[FAMILY_6]); i++) {
		struct gs_error err = { 0 };
		struct db d;
		if (db_open(e, found.path[i], &d, &err) < 0) {
			note_trouble(e, kind, &err);
			continue;
		}
		if (!db_suits(e, kind, &d, country) || !db_adopt(e, &d, false))
			db_close(&d);
	}
	find_done(&found);
	return by[FAMILY_4] || by[FAMILY_6];
}

static int open_kind(struct gs_enrich *e, enum kind kind, const char *const *named, size_t n_named, const struct gs_enrich_options *o,
                     struct gs_error *err)
{
	for (size_t i = 0; i < n_named; i++) {
		int r = open_named(e, kind, named[i], err);
		if (r < 0)
			return r;
	}
	if (n_named > 0)
		return 0;
	for (int country = 0; country <= (kind == KIND_PLACE); country++)
		for (size_t i = 0; i < o->n_folders; i++)
			if (search_folder(e, kind, o->folders[i], country))
				return 0;
	return 0;
}

int gs_enrich_open(const struct gs_enrich_options *o, struct gs_enrich **ret, struct gs_error *err)
{
	struct gs_enrich *e = calloc(1, sizeof *e);
	if (!e)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for networks and places");
	e->own = o->own;
	e->opinions = o->opinions;
	e->told = calloc(1, sizeof *e->told);
	e->names = gs_strtab_new(MAX_NAMES, MAX_NAME_BYTES);
	e->arena = gs_arena_new(MAX_INFO_BYTES);
	int r = e->told && e->names && e->arena ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory for networks and places");
	if (r == 0)
		r = open_kind(e, KIND_NETWORK, o->asn_db, o->n_asn_db, o, err);
	if (r == 0)
		r = open_kind(e, KIND_PLACE, o->city_db, o->n_city_db, o, err);
	for (size_t i = 0; r == 0 && i < o->n_folders; i++)
		gs_buf_printf(&e->looked_in, "%s%s", i ? ", " : "", o->folders[i]);
	if (r < 0) {
		gs_enrich_close(e);
		return r;
	}
	*ret = e;
	return 0;
}

static void stamp_one(XXH3_state_t *x, const char *path)
{
	struct stat st = { 0 };
	const bool there = stat(path, &st) == 0;
	const int64_t v[] = { there, (int64_t)st.st_dev, (int64_t)st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec };

	XXH3_64bits_update(x, path, strlen(path) + 1);
	XXH3_64bits_update(x, v, sizeof v);
}

/* With the lists beside it and above that may say its edition. */
static void stamp_file(XXH3_state_t *x, const char *path)
{
	const char *slash = strrchr(path, '/');
	const int len = slash ? (int)(slash - path + 1) : 0;
	static const char *const lists[] = { "MANIFEST.tsv", "../MANIFEST.tsv" };
	struct gs_buf b = { 0 };

	stamp_one(x, path);
	for (size_t i = 0; i < COUNT(lists); i++) {
		gs_buf_clear(&b);
		gs_buf_printf(&b, "%.*s%s", len, path, lists[i]);
		stamp_one(x, gs_buf_text(&b));
	}
	gs_buf_done(&b);
}

uint64_t gs_enrich_stamp(const struct gs_enrich_options *o)
{
	XXH3_state_t x;

	XXH3_64bits_reset(&x);
	for (int k = 0; k < KIND_COUNT; k++) {
		const char *const *named = k == KIND_NETWORK ? o->asn_db : o->city_db;
		const size_t n_named = k == KIND_NETWORK ? o->n_asn_db : o->n_city_db;
		XXH3_64bits_update(&x, &n_named, sizeof n_named);
		for (size_t i = 0; i < n_named; i++)
			stamp_file(&x, named[i]);
		for (size_t i = 0; i < o->n_folders; i++) {
			struct find_result found;
			XXH3_64bits_update(&x, o->folders[i], strlen(o->folders[i]) + 1);
			find_files(o->folders[i], kinds[k].patterns, kinds[k].n_patterns, &found);
			for (unsigned f = 0; f < found.count; f++)
				stamp_file(&x, found.path[f]);
			find_done(&found);
		}
	}
	return XXH3_64bits_digest(&x);
}

void gs_enrich_close(struct gs_enrich *e)
{
	if (!e)
		return;
	for (unsigned i = 0; i < e->n_dbs; i++)
		db_close(&e->dbs[i]);
	for (int k = 0; e->told && k < KIND_COUNT; k++)
		gs_buf_done(&e->told->trouble[k]);
	if (e->told)
		gs_buf_done(&e->told->text);
	free(e->told);
	gs_buf_done(&e->looked_in);
	gs_strtab_free(e->names);
	gs_arena_free(e->arena);
	free(e);
}

/* ::ffff:a.b.c.d is looked up as the IPv4 address that it stands for (RFC 4291 s2.5.5.2). */
static struct gs_addr unmapped(const struct gs_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	return a->family == 6 && memcmp(a->b, mapped, sizeof mapped) == 0 ? gs_addr_v4(a->b + 12) : *a;
}

/* A found table that turns out to be bad so late is given up: nothing is known for its family from then on. */
static bool table_ready(const struct gs_enrich *e, enum kind kind, struct db *d)
{
	struct gs_error err = { 0 };

	if (asn_table_load(d->table, &err) < 0) {
		d->used = false;
		note_trouble(e, kind, &err);
	}
	d->ready = d->used;
	return d->ready;
}

static struct db *db_ready(const struct gs_enrich *e, enum kind kind, enum family family)
{
	struct db *d = e->by[kind][family];

	if (!d || d->ready)
		return d;
	return d->used && table_ready(e, kind, d) ? d : NULL;
}

static void db_ask(const struct db *d, const struct gs_addr *a, struct gs_origin *ret)
{
	if (d->table)
		asn_table_lookup(d->table, a, &ret->asn, &ret->as_name);
	else
		mmdb_lookup(d->mmdb, a, ret);
}

void gs_enrich_lookup(struct gs_enrich *e, const struct gs_addr *a, struct gs_origin *ret)
{
	*ret = (struct gs_origin){ 0 };
	if (a->family == 0)
		return;
	if (gs_addr_equal(a, &e->last)) {
		*ret = e->last_origin;
		return;
	}
	struct gs_addr asked = unmapped(a);
	enum family f = asked.family == 4 ? FAMILY_4 : FAMILY_6;
	e->told->asked[f] = true;
	struct db *network = db_ready(e, KIND_NETWORK, f), *place = db_ready(e, KIND_PLACE, f);
	if (network)
		db_ask(network, &asked, ret);
	if (place)
		db_ask(place, &asked, ret);
	e->last = *a;
	e->last_origin = *ret;
}

unsigned gs_enrich_opinions(struct gs_enrich *e, const struct gs_addr *a, struct gs_opinion ret[GS_MAX_DATABASES])
{
	const struct gs_addr asked = unmapped(a);
	const enum family f = asked.family == 4 ? FAMILY_4 : FAMILY_6;
	unsigned n = 0;

	for (unsigned kind = 0; kind < KIND_COUNT && a->family; kind++) {
		const struct db *first = db_ready(e, (enum kind)kind, f);
		for (unsigned pass = 0; pass < 2; pass++)
			for (unsigned i = 0; i < e->n_dbs; i++) {
				struct db *d = &e->dbs[i];
				if (db_kind(d) != kind || !d->has[f] || !d->used || (d == first) == pass)
					continue;
				if (!d->ready && !table_ready(e, (enum kind)kind, d))
					continue;
				ret[n] = (struct gs_opinion){ .database = &d->info, .is_place = kind == KIND_PLACE };
				db_ask(d, &asked, &ret[n++].origin);
			}
	}
	return n;
}

const char *gs_enrich_string(const struct gs_enrich *e, uint32_t id)
{
	return gs_strtab_get(e->names, id);
}

/* The IPv4 and the IPv6 file of one package are one database, listed with the path of the first. */
unsigned gs_enrich_databases(const struct gs_enrich *e, struct gs_database ret[GS_MAX_DATABASES])
{
	unsigned n = 0;

	const unsigned used = KIND_COUNT * FAMILY_COUNT;
	for (unsigned i = 0; i < used + (e->opinions ? e->n_dbs : 0); i++) { /* those that answer, then those that are only asked for their opinion */
		const struct db *d = i < used ? e->by[i / FAMILY_COUNT][i % FAMILY_COUNT] : &e->dbs[i - used];
		bool listed = !d || !d->used;
		for (unsigned k = 0; k < n && !listed; k++)
			listed = strcmp(ret[k].name, d->info.name) == 0 && strcmp(ret[k].edition, d->info.edition) == 0;
		if (!listed)
			ret[n++] = d->info;
	}
	return n;
}

/* What is missing ----------------------------------------------------------------------------------------------------------------- */

static bool has_kind(const struct gs_enrich *e, enum kind kind)
{
	for (int f = 0; f < FAMILY_COUNT; f++)
		if (e->by[kind][f] && e->by[kind][f]->used)
			return true;
	return false;
}

bool gs_enrich_has_networks(const struct gs_enrich *e)
{
	return has_kind(e, KIND_NETWORK);
}

bool gs_enrich_has_places(const struct gs_enrich *e)
{
	return has_kind(e, KIND_PLACE);
}

static bool has_cities(const struct gs_enrich *e)
{
	for (int f = 0; f < FAMILY_COUNT; f++)
		if (e->by[KIND_PLACE][f] && !db_only_country(e->by[KIND_PLACE][f]))
			return true;
	return false;
}

static void tell_absent(const struct gs_enrich *e, struct gs_buf *b)
{
	bool network = !has_kind(e, KIND_NETWORK), place = !has_kind(e, KIND_PLACE);

	if (!network && !place)
		return;
	gs_buf_printf(b, "no %s%s%s found", network ? kinds[KIND_NETWORK].data : kinds[KIND_PLACE].data, network && place ? " and no " : "",
	              network && place ? kinds[KIND_PLACE].data : "");
	if (e->looked_in.len) {
		gs_buf_puts(b, " (looked in ");
		gs_buf_put(b, e->looked_in.data, e->looked_in.len);
		gs_buf_putc(b, ')');
	}
	if (network && place)
		gs_buf_puts(b, ": networks and places stay empty; `make data`, or --asn-db and --city-db, bring them");
	else
		gs_buf_printf(b, ": %s stay empty; `make data` or %s brings one", kinds[network ? KIND_NETWORK : KIND_PLACE].stays_empty,
		              kinds[network ? KIND_NETWORK : KIND_PLACE].option);
}

static const char *gap(const struct gs_buf *b)
{
	return b->len ? "; " : "";
}

/* Kinds that are there, but not for all that was asked. */
static void tell_partial(const struct gs_enrich *e, struct gs_buf *b)
{
	for (int k = 0; k < KIND_COUNT; k++) {
		for (int f = 0; f < FAMILY_COUNT; f++) {
			const struct db *d = e->by[k][f];
			if (!has_kind(e, (enum kind)k) || !e->told->asked[f] || (d && d->used))
				continue;
			gs_buf_printf(b, "%sno %s for %s addresses: their %s stay empty", gap(b), kinds[k].data,
			              f == FAMILY_4 ? "IPv4" : "IPv6", kinds[k].stays_empty);
		}
	}
	if (has_kind(e, KIND_PLACE) && !has_cities(e))
		gs_buf_printf(b, "%sonly a country database, no city database: cities stay empty; `make data` or --city-db brings one",
		              gap(b));
}

static void tell_damage(const struct gs_enrich *e, struct gs_buf *b)
{
	for (int k = 0; k < KIND_COUNT; k++) {
		const struct gs_buf *t = &e->told->trouble[k];
		if (t->len) {
			gs_buf_printf(b, "%snot used: ", gap(b));
			gs_buf_put(b, t->data, t->len);
		}
	}
	for (unsigned i = 0; i < e->n_dbs; i++) {
		uint64_t n = e->dbs[i].mmdb ? mmdb_damaged(e->dbs[i].mmdb) : 0;
		if (n)
			gs_buf_printf(b, "%s%s is damaged: %llu look-ups or records in it gave nothing", gap(b), e->dbs[i].path,
			              (unsigned long long)n);
	}
	if (gs_strtab_refused(e->names))
		gs_buf_printf(b, "%smore than %u names or %u MiB of them: %llu names stay empty", gap(b), MAX_NAMES, MAX_NAME_BYTES >> 20,
		              (unsigned long long)gs_strtab_refused(e->names));
}

const char *gs_enrich_missing(const struct gs_enrich *e)
{
	struct gs_buf *b = &e->told->text;

	gs_buf_clear(b);
	tell_absent(e, b);
	tell_partial(e, b);
	tell_damage(e, b);
	return b->len ? gs_buf_text(b) : NULL;
}

/* Sizes --------------------------------------------------------------------------------------------------------------------------- */

static const struct asn_table *space_table(const struct gs_enrich *e)
{
	const struct db *d = db_ready(e, KIND_NETWORK, FAMILY_4);
	return d ? d->table : NULL;
}

uint64_t gs_enrich_asn_space(const struct gs_enrich *e, uint32_t asn)
{
	const struct asn_table *t = space_table(e);
	return t ? asn_table_space(t, asn) : 0;
}

uint64_t gs_enrich_total_space(const struct gs_enrich *e)
{
	const struct asn_table *t = space_table(e);
	return t ? asn_table_total(t) : 0;
}

uint32_t gs_enrich_asn_count(const struct gs_enrich *e)
{
	const struct asn_table *t = space_table(e);
	return t ? asn_table_holders(t) : 0;
}
