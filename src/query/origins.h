/*
 * origins.h - network and place of sources, looked up once per source as long as they fit; strings for their ids
 */
#ifndef GS_QUERY_ORIGINS_H
#define GS_QUERY_ORIGINS_H

#include "base/map.h"
#include "enrich/enrich.h"

struct query_origins {
	struct gs_enrich *enrich; /* may be NULL: everything is unknown */
	struct gs_map map;        /* emptied whole when full */
};

int query_origins_init(struct query_origins *o, struct gs_enrich *enrich, size_t cap_bytes, uint64_t seed);
void query_origins_done(struct query_origins *o);
void query_origins_get(struct query_origins *o, const struct gs_addr *a, struct gs_origin *ret);
const char *query_origins_string(const struct query_origins *o, uint32_t id); /* NULL for what is unknown */

#endif
