/*
 * origin.h - network and place of an address, and which data said so
 */
#ifndef GRESCOPE_ORIGIN_H
#define GRESCOPE_ORIGIN_H

#include "grescope/types.h"

/* What is unknown is empty: asn 0, id 0 (the empty string in every string table). A value; names are ids in the gs_strtab that the
 * enricher owns, valid as long as it. */
struct gs_origin {
	uint32_t asn;
	uint32_t as_name;   /* string id */
	uint32_t region;    /* string id */
	uint32_t city;      /* string id */
	char country[2];    /* ISO 3166 alpha-2, or two NUL */
};

#define GS_MAX_DATABASES 16

/* One database that was used, for the metadata of every answer. Strings owned by the enricher. */
struct gs_database {
	const char *name;    /* "DB-IP City Lite", "ip-location-db asn" */
	const char *edition; /* "2026-06-05"; "file of 2026-06-20" where only the file's own time tells; "undated" */
	const char *credit;  /* the credit line that its licence asks for; "" where none */
	const char *path;
};

#endif
