/*
 * trend_state.h - the trend as its files share it
 *
 * trend.c takes sightings in, trend_count.c counts and tests, trend_say.c puts it into words, trend_answer.c makes the rows.
 *
 * Memory, as parts of the cap: sources 6/16, weeks of networks 4/16, networks 3/16 (a hundred thousand in 16 MiB: all there are), sources by week
 * and day 2/16, origins 1/16 (with pins a little more). Sources are kept one by one while they fit. When they no longer do, only those stay whose hash begins with one more zero bit, and so
 * on (P. B. Gibbons, "Distinct Sampling for Highly-Accurate Answers to Distinct Values Queries and Event Reports", VLDB 2001): what stays is a fair
 * sample of the sources, whoever sends how much, so that shares and tests over it are right, with less sharpness. Packets are never sampled.
 */
#ifndef GS_QUERY_TREND_STATE_H
#define GS_QUERY_TREND_STATE_H

#include "base/arena.h"
#include "base/map.h"
#include "query/distinct.h"
#include "query/origins.h"
#include "query/sums.h"
#include "query/trend.h"

#define TREND_MAX_WEEKS 1040     /* of a series: the last twenty years of what was seen */
#define TREND_MIN_WEEKS 5        /* whole weeks below which nothing is said of growth: with four, no order of them is rare enough */
#define TREND_LEVEL 0.01         /* of the test, corrected */
#define TREND_GROWTH_LEVEL 0.05  /* of what is said of growth */
#define TREND_MIN_RATIO 2.0      /* with enough sources everything is significant: what stands out is also large */
#define TREND_MIN_SOURCES 3      /* one or two sources are sources, not a network */
#define TREND_NAMED 5            /* networks that are named in sentences */

#define TREND_NONE UINT32_MAX

/* A network, or a class. Number 0 is the row of what has none. Key: id. */
struct trend_group {
	uint32_t id;             /* AS number, enum gs_class */
	uint32_t name;           /* string id */
	struct query_sums sums;
	uint64_t folded;         /* sources that came as a number, without their addresses */
	uint64_t cut_packets;    /* in no series, for want of memory */
	/* made by the answer */
	uint32_t sources4, sources6; /* kept ones: times 1 << level */
	uint32_t bots;           /* processes behind its addresses; not by the answer */
	double space;            /* share of the address space; 0: unknown */
	double log_p;            /* of the test, then corrected; 1: not tested */
	double ratio, slope, slope_p;
	uint8_t shown, has_slope, stands_out;
};

/* A source. `set`: the class where classes are asked for; whether it is withheld; with pins the group, since it may have moved. No padding before group. */
struct trend_source4 {
	uint8_t addr[4];
	uint32_t set;
	uint32_t group;
};

struct trend_source6 {
	uint8_t addr[16];
	uint32_t family, set;
	uint32_t group;
};

struct trend_day {
	uint32_t hash[2];
	uint32_t group;
	int32_t week;
	uint32_t days;           /* bit per day of the week */
};

struct trend_week {
	uint32_t group;
	int32_t week;
	uint64_t packets;
};

/* Of the sources of a group how many are in a country. */
struct trend_country {
	uint32_t group;
	char country[2];
	uint16_t zero;
	uint32_t sources;
};

struct gs_trend {
	struct gs_trend_question q;
	struct gs_enrich *enrich;
	struct gs_table_writer writer;
	const struct gs_column *columns;
	unsigned n_columns;
	int sort;                /* data column, -1: own order */
	bool descending;
	struct gs_arena *arena;  /* sentences and pictures */
	struct gs_map groups, v4, v6, days, weeks, countries;
	struct gs_map all_weeks; /* as weeks, of group 0: everything together, for which there is always room */
	struct query_origins origins;
	uint64_t pinned_packets;
	unsigned level, days_level; /* of the sampling */
	struct query_sums all;   /* of what the shares are of */
	uint64_t all_sightings;
	struct query_sums shown; /* of what matched */
	uint64_t sightings, sightings_told;
	int64_t watched_first, watched_last; /* ns */
	bool saturated;
	uint64_t overflow;       /* packets of networks for which there was no room */
	bool floods;             /* of a class whose sightings may name a bot */
	/* made by the answer */
	int64_t first_week;      /* of the series, Mondays */
	unsigned n_weeks, whole_first, n_whole;
	bool tested;             /* sources were held against the address space */
	uint64_t early_packets;  /* of weeks before the series */
	uint64_t sources, sources4, sources6, shown_sources; /* sources4 and 6 as kept */
	uint32_t cut_groups;
	uint64_t cut_packets;
	double *series;          /* n_weeks of one group at a time */
	uint64_t *packets;       /* the same, as they are */
	double *scratch;
	uint32_t *week_order;    /* records of weeks, by group */
	uint32_t *week_start;    /* by group: the first of them */
	uint32_t *order;         /* groups that are shown, sorted */
	uint32_t n_rows, n_stand_out;
	double total_slope, total_p;
	bool finished;
};

static inline struct trend_group *trend_group_at(const struct gs_trend *t, uint32_t n)
{
	return gs_map_at(&t->groups, n);
}

static inline int64_t trend_week_of(int64_t ns) /* Mondays: 1969-12-29 starts week 0 */
{
	const int64_t days = gs_time_floor_s((struct gs_time){ ns }, 86400) / 86400 + 3;
	return days / 7 - (days % 7 < 0);
}

static inline uint64_t trend_sources(const struct gs_trend *t, const struct trend_group *g)
{
	return ((uint64_t)g->sources4 + g->sources6) * (UINT64_C(1) << t->level) + g->folded;
}

#define TREND_SECONDS_A_WEEK (7 * INT64_C(86400))

static inline int64_t trend_week_start_s(int64_t week)
{
	return (week * 7 - 3) * 86400;
}

/* trend_count.c: fills what the answer needs. 0 or GS_ERR_NOMEM. */
int trend_count(struct gs_trend *t);
/* The packets of a group by week into t->packets and t->series; TREND_NONE: of all. */
void trend_series(struct gs_trend *t, uint32_t group);
/* Sources of a group on its busiest day, which is *ret_day (days since 1970). */
uint64_t trend_busiest_day(const struct gs_trend *t, uint32_t group, int64_t *ret_day);
/* The country of most of its sources, where it is that of more than half; false if none. */
bool trend_country(struct gs_trend *t, uint32_t group, char out[3]);

/* trend_say.c */
int trend_say(struct gs_trend *t, struct gs_meta *meta);
const char *trend_picture(struct gs_trend *t); /* of t->packets */
const char *trend_ratio_text(struct gs_trend *t, double ratio);
const char *trend_p_text(struct gs_trend *t, double log_p);

static inline const char *trend_string(const struct gs_trend *t, uint32_t id) /* "" for none */
{
	const char *text = query_origins_string(&t->origins, id);
	return text ? text : "";
}

#endif
