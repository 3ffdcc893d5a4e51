/*
 * enrich.h - network and place of an address, from local files only; says which files said so
 *
 * Reads: MaxMind-format .mmdb in MaxMind's nested and in the flat (ip-location-db) layout, ASN or city, one file per family or both in one;
 * the ASN table in CSV (start,end,asn,name; split v4/v6; ranges may overlap: the narrower wins); pfx2as (prefix, length, asn,
 * tab-separated). What the data does not know is empty, never a wrong place. Nothing here leaves the machine.
 */
#ifndef GS_ENRICH_H
#define GS_ENRICH_H

#include "grescope/error.h"
#include "grescope/origin.h"

struct gs_enrich;

struct gs_enrich_options {
	const char *const *asn_db;  /* files; more than one for v4 and v6 */
	size_t n_asn_db;
	const char *const *city_db;
	size_t n_city_db;
	const char *const *folders; /* searched, in order, for each kind that no file was named for; the first that has a kind gives it */
	size_t n_folders;
	bool own;                   /* for a process that runs for long: files are read into memory, so that it is no matter what becomes of them */
	bool opinions;              /* keep named files that add no family too: for gs_enrich_opinions alone */
};

/*
 * Opens what is named and finds the rest (where and in which order: enrich.c). Of several files of a kind the first that covers an address
 * family (IPv4, IPv6) gives it; a named one that adds no family is an error (but see `opinions`). What a file holds is decided by its contents. A named file that
 * is missing, damaged or of no known layout is an error that names it (GS_ERR_NOENT, GS_ERR_CONFIG, ...); data that was only searched for
 * and is absent is not: see gs_enrich_missing.
 */
int gs_enrich_open(const struct gs_enrich_options *o, struct gs_enrich **ret, struct gs_error *err);
void gs_enrich_close(struct gs_enrich *e); /* NULL is fine */

/* What opening with these options would look at, without opening it: a hash over the files' paths, inodes, sizes and times. The same stamp means the
 * same data. */
uint64_t gs_enrich_stamp(const struct gs_enrich_options *o);

/* Never fails: what is unknown is empty. ::ffff:a.b.c.d is looked up as a.b.c.d. Not for several threads at once. Cheap for addresses of
 * the same network in succession; meant to be called once per source. */
void gs_enrich_lookup(struct gs_enrich *e, const struct gs_addr *a, struct gs_origin *ret);

/* What one file says of an address: the fields of its kind; all empty where it knows nothing. */
struct gs_opinion {
	const struct gs_database *database; /* the enricher's */
	bool is_place;
	struct gs_origin origin;
};

/* What each file says of it whose family that is, networks before places, in each kind the one first that gs_enrich_lookup goes by. */
unsigned gs_enrich_opinions(struct gs_enrich *e, const struct gs_addr *a, struct gs_opinion ret[GS_MAX_DATABASES]);

/* The string of an id in a gs_origin: valid UTF-8 without control characters, whatever the file held. */
const char *gs_enrich_string(const struct gs_enrich *e, uint32_t id);

/* Databases in use, up to GS_MAX_DATABASES; the IPv4 and the IPv6 file of one edition are one. */
unsigned gs_enrich_databases(const struct gs_enrich *e, struct gs_database ret[GS_MAX_DATABASES]);

/*
 * One sentence on what is absent or unusable and where it was looked for, NULL if nothing is. Lives until the next call. After look-ups it
 * can say more: that a family of addresses was asked for that no file covers, that a look-up met damage, that the IPv6 table of a folder,
 * read at the first IPv6 address, is unsound.
 */
const char *gs_enrich_missing(const struct gs_enrich *e);

/* Whether there is data of the kind at all, in whichever family. */
bool gs_enrich_has_networks(const struct gs_enrich *e);
bool gs_enrich_has_places(const struct gs_enrich *e);

/* IPv4 addresses that the ASN table gives to a network, and to all networks; 0 where the table is no list of ranges. */
uint64_t gs_enrich_asn_space(const struct gs_enrich *e, uint32_t asn);
uint64_t gs_enrich_total_space(const struct gs_enrich *e);
/* How many networks have any of these: among so many one can stand out. */
uint32_t gs_enrich_asn_count(const struct gs_enrich *e);

#endif
