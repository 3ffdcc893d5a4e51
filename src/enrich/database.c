/*
 * database.c - what to call a data file, of when it is, and whom its licence wants credited
 *
 * Who made it is looked for in the MaxMind metadata first (files are renamed, metadata is not), then in MANIFEST.tsv, then in the file's
 * name.
 *
 * The edition is, in this order: the build time in the file; the version in a MANIFEST.tsv beside it or one folder up
 * (`path<TAB>package<TAB>version<TAB>octets<TAB>sha256`, where path and size fit; version 2.3.2026061719 means 2026-06-17); a date in the
 * file's name; the file's modification time, said to be that. Unpacked npm archives have files of 1985, so nothing before 2000 is believed.
 */
#include "enrich/database.h"

#include "enrich/clean.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDIT_DBIP "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0"
#define CREDIT_MAXMIND "This product includes GeoLite2 Data created by MaxMind, available from https://www.maxmind.com/."
#define CREDIT_ASN \
	"AS data: Route Views (routeviews.org), NRO (nro.net) and DB-IP (db-ip.com), CC BY 4.0, merged by ip-location-db"
#define CREDIT_CAIDA "Routeviews Prefix to AS mappings by CAIDA (https://www.caida.org), from Route Views data (routeviews.org)"

static const struct maker {
	const char *sign;   /* in type, package or file name, in any case */
	const char *name;   /* %s is the product */
	const char *credit;
} makers[] = {
	{ "dbip", "DB-IP %s Lite", CREDIT_DBIP },
	{ "db-ip", "DB-IP %s Lite", CREDIT_DBIP },
	{ "geolite2", "GeoLite2 %s", CREDIT_MAXMIND },
	{ "geoip2", "GeoIP2 %s", "" },
	{ "iptoasn", "IPtoASN %s", "" },                    /* PDDL 1.0: no credit asked for */
	{ "@ip-location-db/asn", "ip-location-db asn", CREDIT_ASN },
	{ "asn-ipv4", "ip-location-db asn", CREDIT_ASN },   /* after the others: theirs are dbip-asn-ipv4.csv and so on */
	{ "asn-ipv6", "ip-location-db asn", CREDIT_ASN },
	{ "routeviews-", "CAIDA pfx2as", CREDIT_CAIDA },
};

static const struct maker *maker_of(const char *text)
{
	for (size_t i = 0; text && i < sizeof makers / sizeof *makers; i++)
		if (strcasestr(text, makers[i].sign))
			return &makers[i];
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Dates --------------------------------------------------------------------------------------------------------------------------- */

#define DATE_MAX 11

static bool date_of_seconds(int64_t s, char out[DATE_MAX])
{
	char text[GS_TIME_TEXT_MAX];

	if (s < INT64_C(946684800) || s >= INT64_C(7258118400)) /* 2000 to 2199 */
		return false;
	gs_time_format((struct gs_time){ s * GS_NS_PER_S }, 0, text);
	memcpy(out, text, 10);
	out[10] = '\0';
	return true;
}

/* Eight digits as a date. */
static bool date_of_digits(const char *p, char out[DATE_MAX])
{
	struct gs_time t;
	const char iso[] = { p[0], p[1], p[2], p[3], '-', p[4], p[5], '-', p[6], p[7], '\0' };

	if (!gs_time_parse(iso, 10, &t) || t.ns < INT64_C(946684800) * GS_NS_PER_S)
		return false;
	memcpy(out, iso, sizeof iso);
	return true;
}

/* The first run of at least eight digits in a text that begins with a date; such are versions (2.3.2026061719) and file names alike. */
static bool date_in(const char *text, char out[DATE_MAX])
{
	while (*text) {
		size_t n = strspn(text, "0123456789");
		if (n >= 8 && date_of_digits(text, out))
			return true;
		text += n ? n : 1;
	}
	return false;
}

/* The manifest --------------------------------------------------------------------------------------------------------------------- */

#define MANIFEST_MAX (256u << 10)

struct manifest_entry {
	char package[128], version[64];
};

static size_t read_small(const char *path, char *out, size_t cap)
{
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	for (ssize_t n; len < cap && (n = read(fd, out + len, cap - len)) > 0;)
		len += (size_t)n;
	close(fd);
	return len;
}

static bool copy_field(char *out, size_t cap, const char *field, size_t len)
{
	char clean[CLEAN_TEXT_MAX];
	size_t n = clean_text(clean, field, len);
	if (n == 0 || n >= cap)
		return false;
	memcpy(out, clean, n + 1);
	return true;
}

/* A line: path, package, version, octets, sha256. The size tells whether the file is still the one that the manifest is about. */
static bool manifest_line(const char *line, size_t len, const char *key, uint64_t size, struct manifest_entry *ret)
{
	const char *field[5] = { line }, *end = line + len;
	size_t field_len[5];

	for (int i = 0; i < 5; i++) {
		const char *tab = memchr(field[i], '\t', (size_t)(end - field[i]));
		field_len[i] = (size_t)((tab ? tab : end) - field[i]);
		if (i < 4 && !tab)
			return false;
		if (i < 4)
			field[i + 1] = tab + 1;
	}
	char octets[24];
	if (field_len[0] != strlen(key) || memcmp(field[0], key, field_len[0]) != 0 ||
	    !copy_field(octets, sizeof octets, field[3], field_len[3]))
		return false;
	return strtoull(octets, NULL, 10) == size && copy_field(ret->package, sizeof ret->package, field[1], field_len[1]) &&
	       copy_field(ret->version, sizeof ret->version, field[2], field_len[2]);
}

static bool manifest_find(const char *manifest, const char *key, uint64_t size, struct manifest_entry *ret)
{
	bool found = false;
	char *text = malloc(MANIFEST_MAX);
	size_t len = text ? read_small(manifest, text, MANIFEST_MAX) : 0;

	for (size_t at = 0; at < len && !found;) {
		const char *line_end = memchr(text + at, '\n', len - at);
		size_t n = line_end ? (size_t)(line_end - text) - at : len - at;
		found = manifest_line(text + at, n, key, size, ret);
		at += n + 1;
	}
	free(text);
	return found;
}

/* In the file's folder under its name, or one folder up under folder/name. */
static bool manifest_of(const char *path, uint64_t size, struct gs_arena *arena, struct manifest_entry *ret)
{
	char *real = realpath(path, NULL), *slash = real ? strrchr(real, '/') : NULL;
	bool found = false;

	if (slash) {
		*slash = '\0';
		const char *up = strrchr(real, '/');
		char *beside = gs_arena_printf(arena, "%s/MANIFEST.tsv", real);
		found = beside && manifest_find(beside, slash + 1, size, ret);
		if (!found && up) {
			char *above = gs_arena_printf(arena, "%.*s/MANIFEST.tsv", (int)(up - real), real);
			char *key = gs_arena_printf(arena, "%s/%s", up + 1, slash + 1);
			found = above && key && manifest_find(above, key, size, ret);
		}
	}
	free(real);
	return found;
}

/* ---------------------------------------------------------------------------------------------------------------------------------- */

static const char *edition_of(const struct database_facts *f, const struct manifest_entry *entry, int64_t modified_s,
                              struct gs_arena *arena)
{
	char date[DATE_MAX];

	if (date_of_seconds(f->built_s, date) || (entry && date_in(entry->version, date)))
		return gs_arena_printf(arena, "%s", date);
	if (entry)
		return gs_arena_printf(arena, "%s", entry->version);
	if (!f->type && date_in(base_name(f->path), date))
		return gs_arena_printf(arena, "%s", date);
	if (date_of_seconds(modified_s, date))
		return gs_arena_printf(arena, "file of %s", date);
	return "undated";
}

static const char *name_of(const struct database_facts *f, const struct maker *maker, struct gs_arena *arena)
{
	char clean[CLEAN_TEXT_MAX];

	if (maker) {
		const char *gap = strstr(maker->name, "%s");
		if (!gap)
			return maker->name;
		return gs_arena_printf(arena, "%.*s%s%s", (int)(gap - maker->name), maker->name, f->product, gap + 2);
	}
	if (f->type && f->type[0])
		return gs_arena_printf(arena, "%s", f->type);
	clean_text(clean, base_name(f->path), strlen(base_name(f->path)));
	return gs_arena_printf(arena, "%s", clean);
}

void database_describe(const struct database_facts *f, struct gs_arena *arena, struct gs_database *ret)
{
	struct stat st = { 0 };
	struct manifest_entry entry;
	bool listed = stat(f->path, &st) == 0 && manifest_of(f->path, (uint64_t)st.st_size, arena, &entry);

	const struct maker *maker = maker_of(f->type);
	if (!maker)
		maker = maker_of(f->description);
	if (!maker && listed)
		maker = maker_of(entry.package);
	if (!maker)
		maker = maker_of(base_name(f->path));
	const char *name = name_of(f, maker, arena), *edition = edition_of(f, listed ? &entry : NULL, st.st_mtim.tv_sec, arena);
	const char *path = gs_arena_strndup(arena, f->path, strlen(f->path));
	*ret = (struct gs_database){ .name = name ? name : "?", .edition = edition ? edition : "undated",
		                     .credit = maker ? maker->credit : "", .path = path ? path : "?" };
}
