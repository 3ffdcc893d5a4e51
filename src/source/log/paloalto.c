/*
 * paloalto.c - Palo Alto Networks PAN-OS traffic and threat logs, CSV as syslog sends them
 *
 *   1,received,serial,TRAFFIC,subtype,?,generated,SRC,DST,natsrc,natdst,rule,srcuser,dstuser,app,vsys,from,to,in,out,action,?,session,repeat,
 *     sport,dport,natsport,natdport,flags,PROTO,action,bytes,bytes_sent,bytes_received,packets,START,ELAPSED,category,?,seqno,actionflags,
 *     srccountry,dstcountry,?,PKTS_SENT,PKTS_RECEIVED,reason,...
 *
 *   1,received,serial,THREAT,subtype,?,generated,SRC,DST,...,flags,PROTO,action,...      the same columns as far as the action
 *
 * subtype: start, end, drop, deny. Later releases append columns. Cells with commas are quoted. PROTO is a name (gre) or a number.
 *
 * Evidence: addresses before NAT, start and length in time, packets of both directions (one row each). Times are the firewall's own,
 * without a zone. Bytes are left out: the session counters of PAN-OS count link-layer headers too, as far as is known, and no document
 * says otherwise. `start` is one packet: the log of a session that is logged at both ends counts one packet more than it had, and GRE
 * sessions, which live for months, are seen only so. A threat is one packet: its `repeat` counts sessions, not packets. One of a whole zone
 * (a flood) may name 0.0.0.0 or nobody: such a line tells of no packet that could be a row. No length of one packet, TTL or DF.
 *
 * Source: PAN-OS Administrator's Guide, Traffic Log Fields, Threat Log Fields (columns), Log Settings of a Policy (session start for GRE). Public GRE lines:
 * none found.
 */
#include "source/log/record.h"

/* Columns counted from the one behind TRAFFIC. */
enum { SUBTYPE, GENERATED = 2, SRC, DST, PROTO = 25, START = 31, ELAPSED, PKTS_SENT = 40, PKTS_RECEIVED, COLUMNS };

static enum log_word paloalto_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const char mark[] = ",TRAFFIC,", threat_mark[] = ",THREAT,";
	log_cell c[COLUMNS];

	(void)state;
	const log_cell all = log_record(line);
	const char *at = log_find(all, mark), *threat = at ? NULL : log_find(all, threat_mark);
	if (!at && !threat)
		return LOG_NO;
	const log_cell m = log_from(all, at ? at + sizeof mark - 1 : threat + sizeof threat_mark - 1);
	const int n = log_split(m.text, m.len, RAW_COMMA, c, COLUMNS);
	if (n <= PROTO || log_gre(c[PROTO]) != LOG_PROTO_GRE)
		return LOG_OTHER;
	const char *before = c[PROTO].text - 1; /* a comma, perhaps with a quote: blanks would hide it from the search */
	if (*before != ',' && (*before != '"' || before[-1] != ','))
		return LOG_OTHER;
	if (threat && (c[SRC].len == 0 || log_is(c[SRC], "0.0.0.0") || log_is(c[SRC], "::"))) {
		row->why = "is nobody's: the line is of a whole zone";
		return log_fail(row, "source", c[SRC]) ? LOG_GRE : LOG_BAD;
	}
	if (!log_set_src(row, c[SRC]) || !log_set_dst(row, c[DST]) || !log_set_time(row, c[GENERATED]))
		return LOG_BAD;
	if (threat || log_is(c[SUBTYPE], "start") || n <= ELAPSED)
		return LOG_GRE;
	if (c[START].len > 0 && !log_set_time(row, c[START]))
		return LOG_BAD;
	log_seconds_set(row, c[ELAPSED], true);
	if (n < COLUMNS)
		return LOG_GRE;
	const enum log_word word = log_sides_end(line, row, &(struct log_sides){ .packets = { c[PKTS_SENT], c[PKTS_RECEIVED] } });
	if (!log_is(c[SUBTYPE], "end"))
		row->sighting.fidelity = GS_FIDELITY_LOG; /* refused: no flow came of it */
	return word;
}

static const char *const needles[] = { ",47", ",gre", ",\"47", ",\"gre", NULL };

const struct log_format log_paloalto = {
	.name = "paloalto",
	.what = "Palo Alto Networks PAN-OS traffic and threats, CSV",
	.needles = needles,
	.read = paloalto_read,
	.no_public_sample = true,
};
