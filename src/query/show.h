/*
 * show.h - everything about one address, prefix or network: a dossier
 *
 * A dossier is some reports over one subject (sources, targets, tunnels, ...), and what only it tells: where the subject is, on which days it was there, the
 * reasons behind each class, who its neighbours are. Memory is bounded by memory_bytes, however large the subject: past it the reports fold as all do.
 */
#ifndef GS_SHOW_H
#define GS_SHOW_H

#include "query/query.h"

enum gs_subject_kind { GS_SUBJECT_ADDRESS, GS_SUBJECT_PREFIX, GS_SUBJECT_NETWORK };

struct gs_subject {
	enum gs_subject_kind kind;
	struct gs_prefix prefix; /* ADDRESS, PREFIX */
	uint32_t asn;            /* NETWORK */
};

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "AS64496". Returns whether it is one. */
bool gs_subject_parse(const char *text, size_t len, struct gs_subject *ret);
#define GS_SUBJECT_TEXT_MAX GS_PREFIX_TEXT_MAX
size_t gs_subject_format(const struct gs_subject *s, char out[GS_SUBJECT_TEXT_MAX]);

struct gs_show_question {
	struct gs_subject subject;
	struct gs_filter filter;    /* which of its sightings count; of asn the subject's own, where it is a network */
	uint64_t limit;             /* rows of each list; 0: all */
	bool redact_dst;
	struct gs_store *pins;      /* as in gs_question */
	bool compare;               /* the enricher has opinions to hold against each other; with pins these are compared anyway */
	size_t memory_bytes;
	uint64_t hash_seed;
};

/* ---- the answer ---- */

struct gs_show_place {           /* where an address is; what is unknown is 0 or "" */
	int64_t first_day, last_day; /* of a pin */
	uint32_t asn;
	const char *as_name, *country, *region, *city, *edition;
};

struct gs_show_reason {
	const char *word;           /* as in the column `evidence` */
	const char *meaning;        /* one sentence */
	uint64_t sightings;
};

struct gs_show_day {
	int64_t day;                /* since 1970 */
	uint64_t packets;
};

#define GS_SHOW_REASONS 8

struct gs_show_class {
	const char *word, *meaning;
	uint64_t sources, packets, bytes;
	uint64_t looked_at;         /* sightings that the reasons were counted in */
	unsigned confidence_min, confidence_max;
	struct gs_show_reason reasons[GS_SHOW_REASONS]; /* the most frequent first */
	unsigned n_reasons;
	const struct gs_show_day *days; /* those with packets, in order */
	size_t n_days;
};

struct gs_show_list {
	const char *name;           /* snake_case */
	const char *title;          /* for people */
	const struct gs_column *columns;
	unsigned n_columns;
	const struct gs_cell *cells; /* row by row */
	size_t n_rows;
	uint64_t rows_total;        /* before the limit */
};

struct gs_show_week {
	int64_t monday;             /* day since 1970 */
	uint64_t packets;
};

struct gs_show_gap {            /* days without a packet, both included */
	int64_t first_day, last_day;
};

/* Sources of which two databases, or pins, both know, and of which two of them disagree. All sources, whatever the limit. */
struct gs_show_compared {
	uint64_t sources, network, place, differ; /* differ: of network, place or both */
};

#define GS_SHOW_LISTS 12
#define GS_SHOW_DIFFER_MAX 10000 /* sources whose disagreements are listed */
#define GS_SHOW_PINS 16
#define GS_SHOW_GAPS 3
#define GS_SHOW_EVIDENCE_MAX 200000 /* sightings of a store that reasons are counted in */

/* Owned by the gs_show, as long as it. */
struct gs_dossier {
	struct gs_subject subject;
	char name[GS_SUBJECT_TEXT_MAX];
	struct gs_show_place today; /* ADDRESS: by the databases; NETWORK: its name */
	struct gs_show_place pins[GS_SHOW_PINS];
	unsigned n_pins;
	bool more_pins;
	struct gs_show_compared compared;
	uint64_t space;             /* NETWORK: IPv4 addresses it announces; 0: not known */
	uint64_t days;              /* with a packet */
	const struct gs_show_day *day; /* these, in order */
	uint64_t undated;           /* packets that the days of the classes leave out, for want of memory */
	const struct gs_show_week *weeks; /* every one from the first to the last */
	size_t n_weeks;
	struct gs_show_gap gaps[GS_SHOW_GAPS]; /* the longest first */
	unsigned n_gaps;
	const struct gs_show_class *classes; /* most packets first */
	unsigned n_classes;
	bool some_reasons;          /* reasons were counted in the first sightings only */
	const char *bots;           /* how many processes sent from it and how much, in a sentence; "" for none */
	struct gs_show_list lists[GS_SHOW_LISTS];
	unsigned n_lists;
	struct gs_meta meta;        /* totals, databases, notes; packets 0: nothing matched */
};

/* ---- making it ---- */

struct gs_show;

/* enrich may be NULL; it and the store of the pins must outlive the show. The show is the caller's: gs_show_free. */
int gs_show_new(const struct gs_show_question *q, struct gs_enrich *enrich, struct gs_show **ret, struct gs_error *err);
void gs_show_free(struct gs_show *s); /* NULL is fine */

/* Where sightings go that come from files. */
struct gs_sighting_sink gs_show_sink(struct gs_show *s);

/* From a store: one scan for each turn from 0 on, with this filter and these needs, into this sink; which ends it with GS_ERR_LIMIT and no sentence where it
 * has seen enough. False: that was the last. */
bool gs_show_turn(struct gs_show *s, unsigned turn, struct gs_filter *ret_filter, unsigned *ret_needs, struct gs_sighting_sink *ret_sink);

/* For the first turn, where the subject or a filter is of networks or countries: whether a source's sightings are wanted at all. True for all where it hangs
 * on the day, because there are pins. `show` is the struct gs_show. */
bool gs_show_wants(void *show, const struct gs_addr *src);

/* The bot processes of all that was looked at, where they are known; those that fit and have a source of the subject's are in the dossier. For a network
 * a source counts where it was when the process was first seen. Once, before the answer. */
int gs_show_bots(struct gs_show *s, const struct gs_store_bot *list, size_t n, struct gs_error *err);

/* Once. *meta as for gs_query_answer; it is copied. */
int gs_show_answer(struct gs_show *s, const struct gs_meta *meta, const struct gs_dossier **ret, struct gs_error *err);

/* What an evidence bit means, a sentence without a full stop; NULL for a number that is none. */
const char *gs_evidence_meaning(unsigned bit);

#endif
