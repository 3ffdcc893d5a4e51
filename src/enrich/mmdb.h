/*
 * mmdb.h - one MaxMind DB file: networks, or places by city or by country
 *
 * The file is mapped: pages come in as they are asked for. Bring a new edition in by rename, as tools/fetch-data does; whoever truncates or
 * overwrites a file that is mapped kills its readers with SIGBUS. A process that runs for long has it read into memory instead (`own`).
 */
#ifndef GS_ENRICH_MMDB_H
#define GS_ENRICH_MMDB_H

#include "base/strtab.h"
#include "grescope/error.h"
#include "grescope/origin.h"

enum mmdb_kind {
	MMDB_KIND_NETWORK,
	MMDB_KIND_CITY,
	MMDB_KIND_COUNTRY,
};

struct mmdb;

/* 1 if the file ends in MaxMind metadata, 0 if not (another format, or cut short), negative where it cannot be read. */
int mmdb_recognise(const char *path, struct gs_error *err);

/* Opens a recognised file and learns its kind and layout. Names is borrowed. own: in memory of this process, whatever becomes of the file. */
int mmdb_open(const char *path, struct gs_strtab *names, bool own, struct mmdb **ret, struct gs_error *err);
void mmdb_close(struct mmdb *m); /* NULL is fine */

enum mmdb_kind mmdb_kind_of(const struct mmdb *m);
bool mmdb_has_family(const struct mmdb *m, uint8_t family);
const char *mmdb_type(const struct mmdb *m);        /* database_type, cleaned */
const char *mmdb_description(const struct mmdb *m); /* the first one, cleaned; "" where there is none */
int64_t mmdb_built_s(const struct mmdb *m);         /* seconds since 1970 */

/* Sets those members of *ret that this kind of database knows of. For an address of a family that the file has. */
void mmdb_lookup(struct mmdb *m, const struct gs_addr *a, struct gs_origin *ret);

/* Look-ups that met a damaged tree or record, and found nothing for it. */
uint64_t mmdb_damaged(const struct mmdb *m);

#endif
