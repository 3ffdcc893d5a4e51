/*
 * log.h - lines of firewall and sensor logs: what the core hands to a format, and what a format hands back
 *
 * The core finds lines that may matter by search (needles), takes off what syslog or the journal put before the message, and asks the formats one
 * by one, the one that matched last first. A format reads one line into one row; time, year and zone are the core's. One file per format in
 * src/source/log/; log_formats[] (log_table.c) lists them all.
 */
#ifndef GS_SOURCE_LOG_H
#define GS_SOURCE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grescope/sighting.h"
#include "source/rawdata.h"

#define LOG_LINE_MAX (1u << 20) /* octets of a line that is read: cloud services put a whole file into one */
#define LOG_CELLS_MAX 256       /* cells of a line that a format may ask log_split for */

/* A piece of a line: struct raw_cell { const char *text; size_t len; }, borrowed from the line. An empty one has len 0. */
typedef struct raw_cell log_cell;

#define LOG_CELL(literal) ((log_cell){ (literal), sizeof(literal) - 1 })

/* What a format says of a line. */
enum log_word {
	LOG_NO,      /* not a line of this format */
	LOG_OTHER,   /* of this format, of another protocol than 47 or of no packet at all */
	LOG_GRE,     /* row filled */
	LOG_BAD,     /* names protocol 47 and cannot be understood: row->bad and row->bad_cell say what */
	LOG_HEADING, /* of this format and no record: names columns, kept in the format's state */
};

/* A time as it was written, before zone and year are known. */
enum log_time_kind {
	LOG_TIME_NONE,   /* none was there */
	LOG_TIME_CIVIL,  /* a date and a time of day */
	LOG_TIME_EPOCH,  /* a point in time: `epoch` */
	LOG_TIME_UPTIME, /* seconds since the machine started, as the kernel's ring has them: no point in time */
};

struct log_time {
	uint8_t kind;        /* enum log_time_kind */
	bool has_year, has_offset;
	bool zone_unclear;   /* no offset: a zone was named, and by itself the name does not say which */
	uint8_t month, day, hour, minute, second; /* 1-12, 1-31, ... ; checked against the calendar as far as the year is known */
	int16_t year;
	int32_t offset_s;    /* east of UTC is positive */
	uint32_t ns;
	struct gs_time epoch;
	log_cell text;       /* as written, for sentences */
};

struct log_line {
	log_cell all;        /* the whole line, without its end (LF, CR LF) */
	log_cell text;       /* the message: behind the time, host and tag that syslog or the journal put first */
	log_cell host, tag;  /* of the syslog header, where there is one: "fw1", "kernel", "filterlog"; no [pid], no colon */
	log_cell data, msgid; /* RFC 5424: structured data with its brackets ("[junos@2636.1.1.1.2.39 a="b"]"), and the message's name */
	uint32_t repeated;   /* how often the message came, where the logger says so; the core multiplies packets by it. Else 1 */
	struct log_time time; /* of the syslog header */
	bool back;           /* asked once more: for the direction back of the record just read */
};

/* What a format fills. The core has started the sighting: one packet, protocol 47, fidelity `log`, one source, everything else unknown. */
struct log_row {
	struct gs_sighting sighting;
	bool has_src, has_bytes;
	struct log_time time;  /* starts as the line's; a format that has a better one replaces it (log_time_read) */
	struct log_time end;   /* kind LOG_TIME_NONE: as `time`. For flows and sessions: their end */
	int32_t ip_id;         /* IPv4 identification, for people; -1: the line does not tell it. log_set_ip_id */
	int64_t duration_ns;   /* other than 0, where `end` is none: positive: `time` is the start, the end is that much later; negative: `time` is the
	                        * end, the start was that much before */
	const char *bad;       /* what cannot be understood: "source", "time", "protocol", ...; NULL while all is well */
	log_cell bad_cell;     /* and how it was written; empty: it is not there */
	const char *why;       /* behind bad, in place of "is missing" (empty cell) or "is none that grescope reads" */
	log_cell rest;         /* where the line may hold another record of the same format: the core asks again with `text` set to this. Must get shorter */
	bool both;             /* the record counts what came back too: the core asks once more, with line->back set, before it goes on to `rest` */
};

struct log_format {
	const char *name;           /* "netfilter": one word, in messages and as the source's format */
	const char *what;           /* for `grescope logs formats`: whose logs these are */
	/*
	 * Strings of which every line that read() answers with LOG_GRE, LOG_BAD or LOG_HEADING contains at least one; lower case (they are found in any
	 * case), ended by NULL. Each must contain one of the pairs that the search anchors at: "47", "gr", "dd", "#f", "\x1f\x8b" (log_anchors; the unit test holds
	 * the table to it). A line without any is never parsed. Be as precise as the format allows: "proto=47", not "47".
	 */
	const char *const *needles;
	enum log_word (*read)(const struct log_line *line, void *state, struct log_row *row); /* NULL: read by another door of this layer (tables) */
	size_t state_size;          /* octets of state per input, zeroed at its start; 0: state is NULL. Bounded, holds no pointers into lines */
	bool no_public_sample;      /* no line of GRE in this format was found in public: made from its documentation */
};

extern const struct log_format *const log_formats[];
extern const size_t log_formats_n;

/* One per file of src/source/log/; listed in log_table.c in the order in which they are asked. */
extern const struct log_format log_netfilter, log_ulogd, log_filterlog, log_pflog, log_dshield, log_unknown;
extern const struct log_format log_asa, log_azure, log_cef, log_checkpoint, log_eve, log_fortigate, log_gcp, log_ios, log_junos, log_junos_filter, log_mikrotik, log_paloalto,
	log_sophos, log_vpcflow, log_winfw, log_zeek;

/* ---- protocol ---- */

enum log_proto { LOG_PROTO_NONE, LOG_PROTO_GRE, LOG_PROTO_OTHER };

/*
 * Which protocol a cell names, by number or by any name in use: "47", "047", "0x2f", "gre", "GRE(47)", "gre (47)", "proto-47", "protocol 47", "ip/47", "GREv0",
 * "47/gre", "Tunnel::GRE". NONE: the cell is empty or no name. Source: IANA protocol numbers; names of other protocols are any other word or number.
 */
enum log_proto log_protocol(log_cell c);

/* ---- setters: every format fills a row through these. Those that return a bool are for what a row cannot be without: false sets row->bad and
 * bad_cell, for `return LOG_BAD`. The void ones leave out what cannot be understood: unknown is better than wrong. ---- */

bool log_set_src(struct log_row *row, log_cell c);
bool log_set_dst(struct log_row *row, log_cell c);
bool log_set_packets(struct log_row *row, log_cell c);  /* 1 and more */
bool log_set_bytes(struct log_row *row, log_cell c);    /* IP total lengths added up, where the format counts just these; else leave it */
bool log_set_time(struct log_row *row, log_cell c);     /* log_time_read into row->time */
bool log_set_end(struct log_row *row, log_cell c);
bool log_fail(struct log_row *row, const char *what, log_cell c); /* sets bad and bad_cell; returns false */
void log_set_ip_len(struct log_row *row, log_cell c);   /* of one packet: IPv4 total length; IPv6: payload length + 40 */
void log_set_ip_payload(struct log_row *row, log_cell c); /* the same from the length behind a 20-octet IPv4 or a 40-octet IPv6 header; after log_set_src */
void log_set_ttl(struct log_row *row, log_cell c);
void log_set_df(struct log_row *row, bool df);          /* only where the format tells of DF whether it is set or not */
void log_set_ip_id(struct log_row *row, log_cell c);    /* IPv4 identification, decimal */
void log_set_flow(struct log_row *row);                 /* a record of many packets: fidelity `flow` */
void log_set_key(struct log_row *row, log_cell c);      /* GRE key */
/* GRE flags and version, protocol type: where an IDS or tcpdump decoded them */
void log_set_gre(struct log_row *row, log_cell flags, log_cell proto);

/* ---- cutting ---- */

bool log_is(log_cell c, const char *word);              /* equal, ASCII case does not count */
bool log_starts(log_cell c, const char *prefix);        /* the same, of the beginning */
bool log_take(log_cell *c, const char *prefix);         /* log_starts, and moves past it */
const char *log_find(log_cell c, const char *text);     /* the first place of text, exact case; NULL */
log_cell log_trim(log_cell c);                          /* without blanks, tabs, CR at both ends */
log_cell log_from(log_cell c, const char *p);           /* from p, which points into c, to its end */
log_cell log_until(log_cell *c, char stop);             /* cuts off and returns what is before `stop` and moves c past it; all of c where there is none */
log_cell log_token(log_cell *c);                        /* the next word between blanks, and moves c past it; empty at the end */
bool log_number(log_cell c, uint64_t max, uint64_t *ret); /* decimal digits only */
bool log_address(log_cell c, struct gs_addr *ret);      /* also "[2001:db8::1]", "2001:db8::1%eth0", "192.0.2.1/32" with full length */
/* As log_address, and also with a port behind: "192.0.2.1:0", "192.0.2.1/0", "192.0.2.1(0)", "192.0.2.1.0", "[2001:db8::1]:0". */
bool log_address_port(log_cell c, struct gs_addr *ret);

/* Cuts "a,b,..." as raw_split does, quotes taken off. Number of cells, or -1. */
#define log_split raw_split

/*
 * key=value pairs: values bare, or in double or single quotes (\" inside is passed over). Pairs are separated by blanks, commas or semicolons; words without = are skipped.
 *   struct log_pairs p = { line->text }; while (log_pair_next(&p, &key, &value)) ...
 */
struct log_pairs {
	log_cell rest;
};
bool log_pair_next(struct log_pairs *p, log_cell *ret_key, log_cell *ret_value);
/* The value of one key; false where it is not there. Case of the key counts. */
bool log_pair_find(log_cell c, const char *key, log_cell *ret_value);

/*
 * Fields of a JSON object in one pass, without a tree and without memory. paths[i] is a key, or keys joined by dots: "id.orig_h" finds both {"id.orig_h":..} and
 * {"id":{"orig_h":..}}; arrays are passed over. out[i] is the value as it stands: strings without quotes and not unescaped, objects and arrays whole with
 * their brackets; empty where it is not there or null. The first of equal keys counts. n <= LOG_JSON_MAX. Result: octets used up to the closing brace; 0 where c does not
 * start with an object that is whole (blanks before it are fine) or nests deeper than LOG_JSON_DEPTH.
 */
#define LOG_JSON_MAX 24
#define LOG_JSON_DEPTH 16
size_t log_json(log_cell c, const char *const *paths, unsigned n, log_cell *out);
/* The next element of an array ("[1,{..}]", as log_json gives it): moves *array past it; start with the whole array. False at its end. */
bool log_json_next(log_cell *array, log_cell *ret);
/* A string's text with its escapes undone, into out, at most size octets: the length, or -1 where it does not fit or is no valid string. */
long log_json_unescape(log_cell c, char *out, size_t size);

/* ---- time (log_time.c) ---- */

/*
 * Reads a time that is the whole cell, in any form that logs write; false where it is none. Forms: ISO 8601 with or without zone, `T` or blank, comma or point;
 * "Apr  5 07:23:03[.123][ 2026][ UTC]", "Apr 5 2026 07:23:03", "2026 Apr  5 07:23:03", "5 Apr 2026 07:23:03", "2026/04/05 07:23:03", "5Apr2026 7:23:03", "apr/05/2026 07:23:03",
 * epoch in s, ms, us or ns (by the number of digits: 9-10, 13, 16, 19), also with decimals; zones Z, +hh:mm, UTC, GMT and a few names that mean one thing only.
 */
bool log_time_read(log_cell c, struct log_time *ret);

/* The same at the beginning of a cell, which is moved past it; no epoch, and a zone's name only where a colon or the end follows. */
bool log_time_take(log_cell *c, struct log_time *ret);

/* The same by a layout, as struct gs_log_own_format has it: the whole cell. log_layout_wrong: the first piece of it that is none; NULL: all is well. */
bool log_time_layout(log_cell c, const char *layout, struct log_time *ret);
const char *log_layout_wrong(const char *layout);

/* ---- prefix (log_prefix.c) ---- */

/*
 * Takes off what loggers put before a message: <PRI>, RFC 3164 or RFC 5424 header, ISO 8601 or Cisco time stamps with sequence numbers, host, tag[pid]:, the kernel's
 * [uptime]. Fills all, text, host, tag and time; what is not recognised stays in text. Result: whether a time with host or tag, or a PRI was there: the line is a log's.
 */
bool log_prefix(log_cell all, struct log_line *ret);

#endif
