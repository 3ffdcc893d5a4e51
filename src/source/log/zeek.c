/*
 * zeek.c - Zeek's tunnel.log and conn.log, TSV and JSON
 *
 *   #fields<TAB>ts<TAB>uid<TAB>id.orig_h<TAB>id.orig_p<TAB>id.resp_h<TAB>id.resp_p<TAB>tunnel_type<TAB>action
 *   1300475168.853899<TAB>C..<TAB>192.0.2.1<TAB>0<TAB>198.51.100.1<TAB>0<TAB>Tunnel::GRE<TAB>Tunnel::DISCOVER
 *   {"ts":1300475168.853899,"id.orig_h":"192.0.2.1","id.orig_p":0,"id.resp_h":"198.51.100.1","id.resp_p":0,"tunnel_type":"Tunnel::GRE","action":"Tunnel::DISCOVER"}
 *
 * The separator is the octet behind #fields. conn.log's rows are what runs inside a tunnel (tunnel_parents names it): not GRE themselves,
 * but where Zeek looked into no tunnel their ip_proto (Zeek 7.1 and later) is 47.
 *
 * Evidence: tunnel.log: addresses and time of the first packet: DISCOVER is one record of at least one packet; CLOSE and EXPIRE tell that
 * nothing came for an hour: no record. Nothing counts its packets. conn.log: packets and IP octets of both directions (one row each),
 * first packet and length in time. No length of one packet, TTL or DF.
 *
 * Source: Zeek, base/frameworks/tunnels/main.zeek (when each action is logged), base/protocols/conn/main.zeek (orig_ip_bytes: IP level
 * octets). Public GRE lines: Zeek's tests.
 */
#include "source/log/record.h"

enum column { TS, ORIG, RESP, IP_PROTO, TUNNEL, ACTION, DURATION, ORIG_PKTS, ORIG_BYTES, RESP_PKTS, RESP_BYTES, COLUMNS };

static const char *const names[COLUMNS] = { "ts",       "id.orig_h", "id.resp_h",     "ip_proto",  "tunnel_type",  "action",
					    "duration", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes" };

/* Column numbers plus 1 of the heading; all 0: none was there. */
struct layout {
	uint8_t at[COLUMNS];
	char separator;
};

static enum log_word heading_read(log_cell m, struct layout *l)
{
	struct layout found = { .separator = m.text[0] };

	m = log_from(m, m.text + 1);
	for (unsigned i = 1; i < 255 && m.len > 0; i++) {
		const log_cell name = log_until(&m, found.separator);
		for (unsigned c = 0; c < COLUMNS; c++)
			if (log_is(name, names[c]) && !found.at[c])
				found.at[c] = (uint8_t)i;
	}
	*l = (struct layout){ 0 };
	if (!found.at[TS] || !found.at[ORIG] || !found.at[RESP])
		return LOG_NO; /* another of Zeek's logs: its rows are none of ours */
	*l = found;
	return LOG_HEADING;
}

/* "3.157831", a length in seconds. */
static void duration_set(struct log_row *row, log_cell c)
{
	uint64_t s, ns = 0, scale = 100000000;
	const log_cell whole = log_until(&c, '.');

	if (!log_number(whole, UINT32_MAX, &s))
		return;
	for (size_t i = 0; i < c.len && c.text[i] >= '0' && c.text[i] <= '9' && scale > 0; i++, scale /= 10)
		ns += (uint64_t)(c.text[i] - '0') * scale;
	row->duration_ns = (int64_t)(s * (uint64_t)GS_NS_PER_S + ns);
}

static enum log_word row_read(const struct log_line *line, const log_cell *c, struct log_row *row)
{
	const bool tunnel = c[TUNNEL].len > 0;

	if (log_protocol(tunnel ? c[TUNNEL] : c[IP_PROTO]) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (tunnel && c[ACTION].len > 0 && !log_is(c[ACTION], "Tunnel::DISCOVER"))
		return LOG_OTHER;
	if (!log_set_src(row, c[ORIG]) || !log_set_dst(row, c[RESP]) || !log_set_time(row, c[TS]))
		return LOG_BAD;
	if (tunnel)
		return LOG_GRE;
	log_set_flow(row);
	duration_set(row, c[DURATION]);
	return log_sides_end(line, row,
			     &(struct log_sides){ .packets = { c[ORIG_PKTS], c[RESP_PKTS] }, .bytes = { c[ORIG_BYTES], c[RESP_BYTES] } });
}

static enum log_word table_read(const struct log_line *line, log_cell all, const struct layout *l, struct log_row *row)
{
	log_cell c[COLUMNS] = { 0 };
	unsigned n = 0;

	while (all.len > 0 && n < 255) {
		const log_cell value = log_until(&all, l->separator);
		n++;
		for (unsigned i = 0; i < COLUMNS; i++)
			if (l->at[i] == n && !log_is(value, "-"))
				c[i] = value;
	}
	if (n < l->at[ORIG] || n < l->at[RESP])
		return LOG_NO;
	return row_read(line, c, row);
}

static enum log_word zeek_read(const struct log_line *line, void *state, struct log_row *row)
{
	struct layout *l = state;
	log_cell all = log_record(line), c[COLUMNS];

	if (log_starts(all, "#fields") && all.len > 8 && all.text[7] != ':')
		return heading_read(log_from(all, all.text + 7), l);
	const log_cell text = log_object(line);
	if (log_find(text, "\"id.orig_h\"") || log_find(text, "\"orig_h\"")) {
		if (!log_json(text, names, COLUMNS, c))
			return log_fail(row, "record", text) ? LOG_GRE : LOG_BAD;
		return row_read(line, c, row);
	}
	if (!l->at[TS] || (all.len > 0 && all.text[0] == '#'))
		return LOG_NO;
	return table_read(line, all, l, row);
}

static const char *const needles[] = { "#fields", "tunnel::gre", "\t47", "\"ip_proto\":47", "\"ip_proto\": 47", NULL };

const struct log_format log_zeek = {
	.name = "zeek",
	.what = "Zeek tunnel.log and conn.log",
	.needles = needles,
	.read = zeek_read,
	.state_size = sizeof(struct layout),
};
