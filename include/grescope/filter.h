/*
 * filter.h - which sightings count, and how finely a question needs them
 */
#ifndef GRESCOPE_FILTER_H
#define GRESCOPE_FILTER_H

#include "grescope/sighting.h"
#include "grescope/types.h"

#define GS_FILTER_MAX 64 /* values of one filter */

/* An empty list is no condition; values of one list are alternatives, the lists together conditions. A value. */
struct gs_filter {
	struct gs_time since, until;       /* [since, until): on the sighting's first time; GS_TIME_MIN and GS_TIME_MAX where open */
	uint32_t asn[GS_FILTER_MAX];
	unsigned n_asn;
	char country[GS_FILTER_MAX][2];    /* upper case */
	unsigned n_country;
	uint32_t classes;                  /* bit per enum gs_class; 0: no condition */
	struct gs_prefix src[GS_FILTER_MAX], dst[GS_FILTER_MAX];
	unsigned n_src, n_dst;
	uint16_t sensors[GS_FILTER_MAX];
	unsigned n_sensors;
};

#define GS_FILTER_ALL ((struct gs_filter){ .since = { INT64_MIN }, .until = { INT64_MAX } })

/* All conditions but asn and country, which need enrichment. A folded sighting (no source or destination) fails a filter on it. */
bool gs_filter_match(const struct gs_filter *f, const struct gs_sighting *s);

/* What a question looks at. Whoever gives sightings may add up those that differ in nothing a question looks at: packets and bytes summed, first and
 * last spanned, sources = 1 kept per source. Time in hours or days: the sum's `first` lies in the right hour or day (UTC). Whatever is needed, no sum mixes
 * sources that an ICMP error quotes, or that are their own destination, with others: such a sum's `via` is GS_VIA_ICMP. */
enum gs_need {
	GS_NEED_SRC = 1u << 0,
	GS_NEED_DST = 1u << 1,
	GS_NEED_CLASS = 1u << 2,
	GS_NEED_DAY = 1u << 3,
	GS_NEED_HOUR = 1u << 4,
	GS_NEED_SENSOR = 1u << 5,
	GS_NEED_BOT = 1u << 6,
	GS_NEED_ALL = 1u << 7, /* every single sighting as it was made */
	GS_NEED_WEEK = 1u << 8,   /* ISO week, UTC: the sum's `first` lies in the right week */
	GS_NEED_SHAPE = 1u << 9,  /* GRE protocol type and key (version 1: call id); of gre_flags only version and key bit */
	GS_NEED_COUNTS = 1u << 10, /* beside WEEK, DAY, HOUR or DST, and without SRC: sources only as counts, see GS_SIGHTING_COUNTED */
};

#endif
