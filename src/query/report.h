/*
 * report.h - a report's groups, as its files share them
 */
#ifndef GS_QUERY_REPORT_H
#define GS_QUERY_REPORT_H

#include "query/sizes.h"
#include "query/state.h"

enum { GROUP_KNOWN = 0, GROUP_REDACTED = 1 };

/* What a group is by; every question fills what it groups by and leaves the rest zero. All zero: unknown. */
struct group_key {
	union {
		uint32_t id[4];
		uint8_t addr[16];
	};
	uint8_t family, how, class_;
	uint8_t known; /* extra is one */
	uint32_t extra;
};

struct group {
	struct group_key key;
	struct query_sums sums;
	struct gs_origin origin;
	uint32_t number;                /* of the record */
	uint32_t sources;               /* exact, without folds */
	uint32_t streamed;              /* of these, counted source by source: none of them is in a fold */
	uint32_t fold;                  /* place in report.folds + 1 */
	uint32_t class_vote, place_vote; /* the winner's place in report.votes + 1 */
	uint8_t class_;
	uint8_t votes;                  /* VOTE_... that were opened */
};

struct group_fold {
	uint64_t sources;
	bool estimated; /* hll is in use */
	struct gs_hll hll;
};

enum { VOTE_CLASS = 1, VOTE_PLACE = 2 };

/* Key up to and with zero, no padding. */
struct vote {
	uint32_t group, asn;
	char country[2];
	uint8_t class_, kind;
	uint32_t as_name;
	uint64_t packets, bytes;
};

#define VOTE_KEY_LEN offsetof(struct vote, as_name)

_Static_assert(sizeof(struct group_key) == 24 && VOTE_KEY_LEN == 12, "keys have no padding");

struct report {
	struct gs_query *q;
	size_t groups_cap, votes_cap; /* while sources stream */
	uint64_t streamed;            /* sources that are in groups already */
	struct gs_map groups, votes;
	struct gs_map seen;           /* with pins: (group, source) that were counted */
	struct group_fold *folds;
	uint32_t n_folds, folds_cap;
	uint32_t *order;           /* group numbers, sorted */
	bool saturated, over;      /* over: more than `seen` holds */
};

struct seen {
	uint32_t group;
	struct gs_addr src;
	uint8_t zero[3];
};

_Static_assert(sizeof(struct seen) == 24, "the key has no padding");

/* report.c */
bool report_shows_source(enum gs_by by);
void report_key_of(const struct gs_query *q, const struct gs_addr *src, bool redacted, uint8_t class_, uint32_t extra, const struct gs_origin *o,
                   struct group_key *key);
struct group *report_group_add(struct report *r, const struct group_key *key, uint8_t class_, const struct gs_origin *o, const struct query_sums *add);

/* stream.c */
int report_stream_take(struct gs_query *q, const struct gs_sighting *const *list, size_t n, struct gs_error *err);
int report_stream_end(struct report *r, struct gs_error *err); /* the last source, before the answer */

#endif
