/*
 * database.h - what to call a data file, of when it is, and whom its licence wants credited
 */
#ifndef GS_ENRICH_DATABASE_H
#define GS_ENRICH_DATABASE_H

#include "base/arena.h"
#include "grescope/origin.h"

struct database_facts {
	const char *path;
	const char *type;        /* database_type of a MaxMind DB file, NULL for a text table */
	const char *description; /* NULL or "" where there is none */
	int64_t built_s;         /* build time in the file itself, seconds since 1970; 0 where there is none */
	const char *product;     /* "City", "Country", "ASN" */
};

/* Fills *ret with strings in the arena. Never fails: what cannot be told is called by its file name, is "undated", and asks for no credit.
 * */
void database_describe(const struct database_facts *f, struct gs_arena *arena, struct gs_database *ret);

#endif
