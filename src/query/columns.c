#include "query/columns.h"

#include <string.h>

/* name, title, description, type, hidden in text. Hidden are those that a person reads only when looking for them: csv and json have them all. */
#define C_TIMESTAMP { "timestamp", "Time (UTC)", "first packet, UTC", GS_CELL_TIME, 0 }
#define C_END_TIME { "end_time", "Last (UTC)", "last packet, UTC", GS_CELL_TIME, 1 }
#define C_SENSOR { "sensor", "Sensor", "name of the sensor", GS_CELL_TEXT, 0 }
#define C_SRC_IP { "src_ip", "Source", "source address of the IP header that carries GRE", GS_CELL_ADDR, 0 }
#define C_SRC_ASN { "src_asn", "AS", "autonomous system of the source", GS_CELL_ASN, 0 }
#define C_SRC_AS_NAME { "src_as_name", "Network", "name of the source's autonomous system", GS_CELL_TEXT, 0 }
#define C_SRC_GEO { "src_geo", "Country", "country of the source, ISO 3166 alpha-2", GS_CELL_TEXT, 0 }
#define C_SRC_REGION { "src_region", "Region", "region of the source", GS_CELL_TEXT, 0 }
#define C_SRC_CITY { "src_city", "City", "city of the source", GS_CELL_TEXT, 0 }
#define C_SRC_HOSTNAME { "src_hostname", "Host name", "host name of the source", GS_CELL_TEXT, 0 }
#define C_DEVICE_VENDOR { "device_vendor", "Vendor", "maker of the device at the source", GS_CELL_TEXT, 0 }
#define C_DEVICE_TYPE { "device_type", "Device", "kind of device at the source", GS_CELL_TEXT, 0 }
#define C_DEVICE_MODEL { "device_model", "Model", "model of the device at the source", GS_CELL_TEXT, 0 }
#define C_DST_IP { "dst_ip", "Destination", "destination address of the IP header that carries GRE", GS_CELL_ADDR, 0 }
#define C_PROTOCOL { "protocol", "Protocol", "IP protocol: 47, or 17 where GRE came in UDP", GS_CELL_NUMBER, 1 }
#define C_IP_LEN { "ip_len", "Length", "IP total length of the first packet, octets", GS_CELL_NUMBER, 0 }
#define C_TTL { "ttl", "TTL", "TTL or hop limit of the first packet", GS_CELL_NUMBER, 0 }
#define C_GRE_VERSION { "gre_version", "Version", "GRE version", GS_CELL_NUMBER, 0 }
#define C_GRE_FLAGS { "gre_flags", "Flags", "first 16 bits of the GRE header", GS_CELL_HEX16, 1 }
#define C_GRE_PROTO { "gre_proto", "Type", "GRE protocol type", GS_CELL_HEX16, 0 }
#define C_GRE_KEY { "gre_key", "Key", "GRE key; version 1: call id in the low half", GS_CELL_HEX32, 0 }
#define C_GRE_SEQ { "gre_seq", "Sequence", "GRE sequence number of the first packet", GS_CELL_NUMBER, 1 }
#define C_INNER_PROTOCOL { "inner_protocol", "Inner", "IP protocol inside", GS_CELL_NUMBER, 0 }
#define C_INNER_SRC_IP { "inner_src_ip", "Inner source", "source address inside", GS_CELL_ADDR, 0 }
#define C_INNER_DST_IP { "inner_dst_ip", "Inner dest.", "destination address inside", GS_CELL_ADDR, 0 }
#define C_INNER_SRC_PORT { "inner_src_port", "Port", "source port inside", GS_CELL_NUMBER, 1 }
#define C_INNER_DST_PORT { "inner_dst_port", "To port", "destination port inside", GS_CELL_NUMBER, 0 }
#define C_INNER_TTL { "inner_ttl", "Inner TTL", "TTL or hop limit inside", GS_CELL_NUMBER, 1 }
#define C_CLASS { "class", "Class", "what the traffic is taken for", GS_CELL_TEXT, 0 }
#define C_CONFIDENCE { "confidence", "Conf.", "confidence in the class, 0 to 100", GS_CELL_NUMBER, 0 }
#define C_EVIDENCE { "evidence", "Evidence", "facts that speak for the class", GS_CELL_TEXT, 0 }
#define C_BOT { "bot", "Bot", "identifier of the bot process", GS_CELL_TEXT, 0 }
#define C_FIDELITY { "fidelity", "Fidelity", "how much the vantage point knew: packet, sampled, flow, log", GS_CELL_TEXT, 1 }
#define C_PACKETS { "packets", "Packets", "packets", GS_CELL_COUNT, 0 }
#define C_BYTES { "bytes", "Bytes", "IP total lengths added up, octets; empty where no length is known", GS_CELL_BYTES, 0 }
#define C_DAY { "day", "Day", "day, UTC", GS_CELL_TEXT, 0 }
#define C_WEEK { "week", "Week", "ISO 8601 week, UTC", GS_CELL_TEXT, 0 }
#define C_HOUR { "hour", "Hour", "start of the hour, UTC", GS_CELL_TEXT, 0 }
#define C_PREFIX { "prefix", "Prefix", "/24 of an IPv4 source, /48 of an IPv6 source", GS_CELL_PREFIX, 0 }
#define C_SOURCES { "sources", "Sources", "distinct source addresses", GS_CELL_COUNT, 0 }
#define C_SHARE { "share", "Share", "share of all packets that matched, 0 to 1", GS_CELL_SHARE, 0 }
#define C_FIRST_SEEN { "first_seen", "First seen", "first packet, UTC", GS_CELL_TIME, 0 }
#define C_LAST_SEEN { "last_seen", "Last seen", "last packet, UTC", GS_CELL_TIME, 0 }
#define C_TOP_CLASS { "top_class", "Top class", "class with most packets", GS_CELL_TEXT, 0 }

#define X(id) C_##id,
static const struct gs_column export_columns[] = { QUERY_EXPORT_COLUMNS(X) };
#undef X
#define X(id) COL_##id,
static const uint8_t export_ids[] = { QUERY_EXPORT_COLUMNS(X) };
#undef X

#define BY_COLUMNS(name, word, description)                                                                                      \
	static const struct gs_column columns_##name[] = { QUERY_KEY_##name(COLUMN) QUERY_REPORT_COLUMNS(COLUMN) };              \
	static const uint8_t ids_##name[] = { QUERY_KEY_##name(ID) QUERY_REPORT_COLUMNS(ID) };
#define COLUMN(id) C_##id,
#define ID(id) COL_##id,
GS_BY_MAP(BY_COLUMNS)

#define N(array) (sizeof(array) / sizeof *(array))
#define ONE(id) +1u

static const struct query_columns by_columns[GS_BY_COUNT] = {
#define X(name, word, description) { columns_##name, ids_##name, N(columns_##name), N(columns_##name) - (QUERY_REPORT_COLUMNS(ONE)) },
	GS_BY_MAP(X)
#undef X
};

static const struct query_columns of_export = { export_columns, export_ids, N(export_columns), 0 };

const struct query_columns *query_columns(enum gs_question_kind kind, enum gs_by by)
{
	return kind == GS_EXPORT ? &of_export : &by_columns[by < GS_BY_COUNT ? by : GS_BY_TOTAL];
}

const struct gs_column *gs_query_columns(enum gs_question_kind kind, enum gs_by by, unsigned *ret_n)
{
	const struct query_columns *c = query_columns(kind, by);
	*ret_n = c->n;
	return c->columns;
}

int query_column_find(const struct query_columns *c, const char *name, size_t len)
{
	for (unsigned i = 0; i < c->n; i++)
		if (strlen(c->columns[i].name) == len && memcmp(c->columns[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

#define X(name, word, description) word,
static const char *const by_words[] = { GS_BY_MAP(X) };
#undef X

int gs_by_parse(const char *word, size_t len)
{
	for (int i = 0; i < GS_BY_COUNT; i++)
		if (strlen(by_words[i]) == len && memcmp(by_words[i], word, len) == 0)
			return i;
	return -1;
}

const char *gs_by_word(unsigned by)
{
	return by < GS_BY_COUNT ? by_words[by] : "?";
}
