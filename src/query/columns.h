/*
 * columns.h - every column that a question can have, and which question has which
 *
 * One list of columns; one list of names per question. The column arrays and the numbers by which the cells are made both come from them.
 */
#ifndef GS_QUERY_COLUMNS_H
#define GS_QUERY_COLUMNS_H

#include "query/query.h"

#define QUERY_EXPORT_COLUMNS(X)                                                                                                  \
	X(TIMESTAMP) X(END_TIME) X(SENSOR) X(SRC_IP) X(SRC_ASN) X(SRC_AS_NAME) X(SRC_GEO) X(SRC_REGION) X(SRC_CITY) X(SRC_HOSTNAME)     \
	X(DEVICE_VENDOR) X(DEVICE_TYPE) X(DEVICE_MODEL) X(DST_IP) X(PROTOCOL) X(IP_LEN) X(TTL) X(GRE_VERSION) X(GRE_FLAGS) X(GRE_PROTO) \
	X(GRE_KEY) X(GRE_SEQ) X(INNER_PROTOCOL) X(INNER_SRC_IP) X(INNER_DST_IP) X(INNER_SRC_PORT) X(INNER_DST_PORT) X(INNER_TTL)        \
	X(CLASS) X(CONFIDENCE) X(EVIDENCE) X(BOT) X(FIDELITY) X(PACKETS) X(BYTES)

#define QUERY_KEY_CITY(X) X(SRC_GEO) X(SRC_REGION) X(SRC_CITY)
#define QUERY_KEY_NETWORK(X) X(SRC_ASN) X(SRC_AS_NAME) X(SRC_GEO)
#define QUERY_KEY_COUNTRY(X) X(SRC_GEO)
#define QUERY_KEY_SOURCE(X) X(SRC_IP) X(SRC_ASN) X(SRC_AS_NAME) X(SRC_GEO) X(SRC_CITY)
#define QUERY_KEY_CLASS(X) X(CLASS)
#define QUERY_KEY_DAY(X) X(DAY)
#define QUERY_KEY_WEEK(X) X(WEEK)
#define QUERY_KEY_HOUR(X) X(HOUR)
#define QUERY_KEY_PREFIX24(X) X(PREFIX) X(SRC_ASN) X(SRC_AS_NAME) X(SRC_GEO)
#define QUERY_KEY_TARGET(X) X(DST_IP)
#define QUERY_KEY_TUNNEL(X) X(SRC_IP) X(DST_IP) X(GRE_VERSION) X(GRE_PROTO) X(GRE_KEY)
#define QUERY_KEY_BOT(X) X(BOT)
#define QUERY_KEY_TOTAL(X)

#define QUERY_REPORT_COLUMNS(X) X(SOURCES) X(PACKETS) X(BYTES) X(SHARE) X(FIRST_SEEN) X(LAST_SEEN) X(TOP_CLASS)

enum query_column {
#define X(id) COL_##id,
	QUERY_EXPORT_COLUMNS(X)
	X(DAY) X(WEEK) X(HOUR) X(PREFIX) X(SOURCES) X(SHARE) X(FIRST_SEEN) X(LAST_SEEN) X(TOP_CLASS)
#undef X
};

struct query_columns {
	const struct gs_column *columns;
	const uint8_t *ids; /* enum query_column of each */
	unsigned n, n_key;  /* the first n_key are what a report groups by */
};

const struct query_columns *query_columns(enum gs_question_kind kind, enum gs_by by);

/* The column's place by name of len characters; -1 where there is none. */
int query_column_find(const struct query_columns *c, const char *name, size_t len);

#endif
