/*
 * asn_table.h - a table of networks in memory, of one address family
 */
#ifndef GS_ENRICH_ASN_TABLE_H
#define GS_ENRICH_ASN_TABLE_H

#include "base/strtab.h"
#include "grescope/error.h"
#include "grescope/types.h"

#define ASN_TABLE_MAX_ROWS (8u << 20)

struct asn_table;

/* Reads the first row: enough to know that it is such a table, and its family. Path and names are borrowed. */
int asn_table_open(const char *path, struct gs_strtab *names, struct asn_table **ret, struct gs_error *err);
void asn_table_close(struct asn_table *t); /* NULL is fine */

/* Reads all rows, once: a later call gives the first one's result (without a sentence). On an error the table stays empty. */
int asn_table_load(struct asn_table *t, struct gs_error *err);

bool asn_table_loaded(const struct asn_table *t);
uint8_t asn_table_family(const struct asn_table *t);

/* False, and nothing set, where the table does not know the address. For a loaded table and an address of its family. */
bool asn_table_lookup(const struct asn_table *t, const struct gs_addr *a, uint32_t *ret_asn, uint32_t *ret_name);

/* Addresses of a network, of all. 0 for IPv6. */
uint64_t asn_table_space(const struct asn_table *t, uint32_t asn);
uint64_t asn_table_total(const struct asn_table *t);
/* How many networks have any. */
uint32_t asn_table_holders(const struct asn_table *t);

#endif
