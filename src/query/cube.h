/*
 * cube.h - the one aggregation behind every report: (extra, source, class) -> packets, bytes, first, last
 *
 * `extra` is the part of a report's key that the source does not determine: the number of a day, week or hour, or of a target or tunnel that was
 * given a number here; 0 where a report has none. Grouping, enrichment and the counting of sources happen once, when the answer is asked for.
 *
 * Memory: an entry is 48 octets for an IPv4 source, 56 for IPv6, and 11 to 21 of index. At the cap nothing is evicted (whoever came first would
 * then be counted twice or lost); a new key's packets and bytes go to one fold per (extra, class), or where there are too many of
 * those to one per class, which counts sources by HyperLogLog. So every sum stays exact, and only names of sources are lost.
 *
 * What comes without sources (counted where it was added up, or folded) and with an extra is kept per (extra, class), and folds only past the cap.
 */
#ifndef GS_QUERY_CUBE_H
#define GS_QUERY_CUBE_H

#include "base/hll.h"
#include "base/map.h"
#include "grescope/sighting.h"
#include "query/sums.h"

#define CUBE_OTHER UINT32_MAX /* extra of what is folded over all extras */

/* A target, a tunnel without its source, or a bot (its number in dst.b, its kind in gre_version, its byte order in gre_key). Key, then number; no padding. */
struct cube_extra {
	struct gs_addr dst;
	uint8_t redacted;   /* the destination, whichever it was */
	uint8_t has;        /* CUBE_HAS_... */
	uint8_t gre_version;
	uint32_t gre_key;
	uint16_t gre_proto;
	uint16_t zero;
	uint32_t number;
};

enum { CUBE_HAS_VERSION = 1, CUBE_HAS_PROTO = 2, CUBE_HAS_KEY = 4, CUBE_HAS_BOT = 8 };

/* One sighting, as far as a report looks at it. */
struct cube_item {
	struct gs_addr src;  /* no family: folded before it came here, or nameless */
	uint8_t class_;
	uint8_t redacted;    /* the source is withheld */
	uint8_t counted;     /* where src has no family: `sources` is an exact count, not an estimate */
	uint32_t extra;
	uint32_t sources;    /* where src has no family: how many it stands for */
	struct query_sums sums;
};

/* An entry as it stands, whatever the family. */
struct cube_entry {
	struct gs_addr src;
	uint8_t class_, redacted;
	uint32_t extra;
	const struct query_sums *sums;
};

/* What came without its sources, for one extra: exact counts, or folded before it came here. Key up to and with zero, no padding. */
struct cube_count {
	uint32_t extra;
	uint8_t class_, folded;
	uint16_t zero;
	struct query_sums sums;
	uint64_t sources;
};

struct cube_fold {
	uint32_t extra;
	uint8_t class_;
	uint8_t used;
	uint16_t zero;
	struct query_sums sums;
	uint64_t sources;    /* of sightings that came folded: their own estimates, added up */
	struct gs_hll *hll;  /* of sources folded here; NULL where none was */
};

struct cube {
	struct gs_map v4, v6, extras, counts, folds;
	struct cube_fold overall[GS_CLASS_COUNT];
	size_t cap_bytes;
	uint32_t max_folds;
	bool has_extras;
	uint32_t classes;    /* bit per class that occurs */
	bool folded_here, folded_before, saturated;
};

int cube_init(struct cube *c, bool has_extras, size_t cap_bytes, uint64_t seed);
void cube_done(struct cube *c);

/* The number of a target or tunnel (its own number is ignored); CUBE_OTHER where no more of them fit. */
uint32_t cube_extra_number(struct cube *c, struct cube_extra *extra);
const struct cube_extra *cube_extra_find(const struct cube *c, const struct cube_extra *extra); /* NULL where it has no number yet */
const struct cube_extra *cube_extra_at(const struct cube *c, uint32_t number); /* NULL for CUBE_OTHER */

#define CUBE_BATCH 64
/* At most CUBE_BATCH items. 0, or GS_ERR_NOMEM where not even a fold could be made. */
int cube_add(struct cube *c, const struct cube_item *items, size_t n);

static inline size_t cube_count(const struct cube *c)
{
	return (size_t)c->v4.count + c->v6.count;
}
void cube_at(const struct cube *c, size_t i, struct cube_entry *ret);

/* Whether no entry of the same extra and source has a class of a lower number: counting only these counts each source once. */
bool cube_is_first_class(const struct cube *c, const struct cube_entry *e);

/* Whether the source of a withheld entry has another that is not withheld. */
bool cube_is_shown_too(const struct cube *c, const struct cube_entry *e);

static inline size_t cube_count_count(const struct cube *c)
{
	return c->counts.count;
}

static inline const struct cube_count *cube_count_at(const struct cube *c, size_t i)
{
	return gs_map_at(&c->counts, (uint32_t)i);
}

static inline size_t cube_fold_count(const struct cube *c)
{
	return (size_t)c->folds.count + GS_CLASS_COUNT;
}
const struct cube_fold *cube_fold_at(const struct cube *c, size_t i); /* NULL where it is not in use */

#endif
