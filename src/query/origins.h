/*
 * origins.h - network and place of sources, looked up once per source as long as they fit; strings for their ids
 *
 * With pins (origins that a store keeps as they were on the day) an origin holds for a run of days, and all strings get ids of this table: a pin's and a
 * database's name of the same city must be one.
 */
#ifndef GS_QUERY_ORIGINS_H
#define GS_QUERY_ORIGINS_H

#include "base/map.h"
#include "base/strtab.h"
#include "enrich/enrich.h"
#include "store/store.h"

#define ORIGIN_EDITIONS 4 /* of pins, that are named */

struct query_origins {
	struct gs_enrich *enrich; /* may be NULL: everything is unknown */
	struct gs_map map;        /* emptied whole when full */
	/* pins */
	struct gs_store *pins;    /* NULL: none */
	struct gs_strtab *strings;
	struct gs_map places;     /* place of the store -> origin */
	struct gs_map numbers;    /* origin -> its number: the record's place */
	uint64_t pinned_sources;
	bool miscounted;          /* pinned_sources: counted twice, since the map was emptied, or also some that a filter left out */
	uint32_t editions[ORIGIN_EDITIONS];
	unsigned n_editions, more_editions;
	struct gs_error trouble;  /* the first; its code is 0 where there was none */
};

int query_origins_init(struct query_origins *o, struct gs_enrich *enrich, struct gs_store *pins, size_t cap_bytes, uint64_t seed);
void query_origins_done(struct query_origins *o);

/* On a day (since 1970); without pins the day does not matter. Returns whether a pin said so. */
bool query_origins_get(struct query_origins *o, const struct gs_addr *a, int64_t day, struct gs_origin *ret);
const char *query_origins_string(const struct query_origins *o, uint32_t id); /* NULL for what is unknown */

/* With pins: origins by numbers; UINT32_MAX where no more of them fit. */
uint32_t query_origins_number(struct query_origins *o, const struct gs_origin *origin);
const struct gs_origin *query_origins_at(const struct query_origins *o, uint32_t number); /* of nowhere for UINT32_MAX */

/* For the notes: how many of the packets were placed by pins, and by which editions. False where none was. */
#define ORIGIN_PINS_TEXT 600
bool query_origins_say(const struct query_origins *o, uint64_t pinned, uint64_t packets, char out[ORIGIN_PINS_TEXT]);

static inline int64_t query_day(struct gs_time t)
{
	return gs_time_floor_s(t, 86400) / 86400;
}

#endif
