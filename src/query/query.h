/*
 * query.h - the questions: sightings in, a table out
 *
 * A query does not care where its sightings come from: files through the pipeline, or the store. Push sightings into gs_query_sink, then
 * ask for the answer once.
 */
#ifndef GS_QUERY_H
#define GS_QUERY_H

#include "enrich/enrich.h"
#include "grescope/error.h"
#include "grescope/filter.h"
#include "grescope/sighting.h"
#include "grescope/table.h"
#include "store/store.h"

/* X(name, word, description): what `report --by` can group by */
#define GS_BY_MAP(X)                                                                                                             \
	X(CITY, "city", "place of the source")                                                                                   \
	X(NETWORK, "network", "autonomous system of the source")                                                                 \
	X(COUNTRY, "country", "country of the source")                                                                           \
	X(SOURCE, "source", "source address")                                                                                    \
	X(CLASS, "class", "what the traffic is taken for")                                                                       \
	X(DAY, "day", "day, UTC")                                                                                                \
	X(WEEK, "week", "ISO 8601 week, UTC")                                                                                    \
	X(HOUR, "hour", "hour, UTC")                                                                                             \
	X(PREFIX24, "prefix24", "/24 of an IPv4 source, /48 of an IPv6 source")                                                  \
	X(TARGET, "target", "destination address")                                                                               \
	X(TUNNEL, "tunnel", "source, destination, GRE protocol type and key")                                                    \
	X(BOT, "bot", "bot process, proven by its generator")                                                                    \
	X(TOTAL, "total", "everything in one row")

enum gs_by {
#define X(name, word, description) GS_BY_##name,
	GS_BY_MAP(X)
#undef X
	GS_BY_COUNT,
};

int gs_by_parse(const char *word, size_t len); /* enum gs_by, -1 where there is none */
const char *gs_by_word(unsigned by);

enum gs_question_kind { GS_REPORT, GS_EXPORT };

struct gs_question {
	enum gs_question_kind kind;
	enum gs_by by;              /* GS_REPORT */
	struct gs_filter filter;
	const char *sort;           /* column name, "-" before it for descending; NULL: the question's own order */
	uint64_t limit;             /* rows; 0: all */
	bool redact_dst;            /* destinations, and every other address equal to one, become "REDACTED" */
	const char *const *sensor_names; /* by sensor id; may be NULL */
	unsigned n_sensor_names;
	size_t memory_bytes;        /* cap on the groups kept; past it further keys fold into one row, exact in packets and bytes */
	uint64_t hash_seed;
	bool filtered;              /* the giver applies the filter, with gs_query_wants for network and country: nothing is filtered again.
	                             * Not with pins and such a filter: where a source was hangs on the day */
	struct gs_store *pins;      /* a store whose pinned origins go before the databases; NULL: none. Asked while sightings come and while the answer is made */
	const struct gs_meta *head; /* question, filters and sensors for the heading of rows that are streamed before the answer's meta exists; may be NULL */
};

struct gs_query;

/* enrich may be NULL: then network and place are empty. Writer gets export rows while they come in; both must outlive the query. The query
 * is the caller's: gs_query_free. GS_ERR_USAGE: --sort names no column of this question (the sentence lists them). */
int gs_query_new(const struct gs_question *q, struct gs_enrich *enrich, const struct gs_table_writer *writer, struct gs_query **ret,
                 struct gs_error *err);
void gs_query_free(struct gs_query *q); /* NULL is fine */

/* Where the sightings go. The sink returns GS_ERR_LIMIT with no sentence once no further row can change the answer (export with --limit): the giver stops. */
struct gs_sighting_sink gs_query_sink(struct gs_query *q);

/* How finely the question needs its sightings: enum gs_need. Whoever feeds it may add up what differs in nothing else, once since and until were
 * applied, or, where the question is `filtered`, the whole filter. */
unsigned gs_query_needs(const struct gs_query *q);

/* Whether network and country of a source satisfy the filter; `query` is a struct gs_query. */
bool gs_query_wants(void *query, const struct gs_addr *src);

/* What sums no longer tell, from whoever made them; once, before the answer. */
struct gs_query_totals {
	uint64_t sightings;         /* that were added up */
	uint64_t no_length_packets; /* packets whose length is unknown */
	uint64_t sources;           /* different ones; used where they came as counts (GS_SIGHTING_COUNTED) */
	bool sources_estimated;     /* for want of memory */
};
void gs_query_set_totals(struct gs_query *q, const struct gs_query_totals *t);
/* Whether the answer tells bots apart: then whoever reads packets for it should let a watch name them. */
bool gs_query_shows_bots(const struct gs_query *q);

/* Writes the answer; once. *meta: the caller fills question, filters, tally, databases and notes of its own; the query fills the totals and adds its notes
 * (strings live as long as the query). *ret_rows: rows written, 0 where nothing matched (`--by total` too). */
int gs_query_answer(struct gs_query *q, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err);

/* The columns of a question, for help texts, documentation and tests; lent, static. */
const struct gs_column *gs_query_columns(enum gs_question_kind kind, enum gs_by by, unsigned *ret_n);

#endif
