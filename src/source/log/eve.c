/*
 * eve.c - Suricata's EVE, one JSON object a line
 *
 *   {"timestamp":"2026-11-22T12:00:01.123456+0100","flow_id":1,"event_type":"flow","src_ip":"A","dest_ip":"B","proto":"GRE","flow":{"pkts_toserver":3,"pkts_toclient":0,...,
 *    "start":"..","end":".."}}
 *
 * proto is a name of /etc/protocols, or its number where that file is missing: "047" before Suricata 6, then "47".
 *
 * Evidence by event_type: flow: packets of both directions (one row each), start and end. netflow: packets of one direction, start, end,
 * lowest and highest TTL. drop: one packet with its IP length (IPv6: that of the payload), TTL and identification. alert, anomaly and others: one packet.
 * An alert on what lies inside a tunnel has the inner addresses outside, and those of the tunnel in "tunnel": where that names GRE they
 * are the record, and the others are what is inside. Octets count whole frames: they are left out. No DF. Traps: an alert carries counts
 * of its flow so far: not read. One packet can have alerts, a drop and be part of a flow: each is a record; who wants packets once logs
 * one type.
 *
 * Source: Suricata User Guide, Eve JSON Format; src/output-json.c (protocol names), output-json-drop.c (lengths), output-json-alert.c
 * (tunnel). Public GRE lines: none found.
 */
#include "source/log/record.h"

enum {
	STAMP,
	TYPE,
	SRC,
	DST,
	PROTO,
	FLOW_THERE,
	FLOW_BACK,
	FLOW_START,
	FLOW_END,
	NET_PKTS,
	NET_START,
	NET_END,
	TTL_MIN,
	TTL_MAX,
	DROP_LEN,
	DROP_TTL,
	DROP_ID,
	DROP_HOPS,
	TUN_SRC,
	TUN_DST,
	TUN_PROTO,
	FIELDS
};

static const char *const paths[FIELDS] = {
	"timestamp",  "event_type", "src_ip",        "dest_ip",       "proto",          "flow.pkts_toserver", "flow.pkts_toclient",
	"flow.start", "flow.end",   "netflow.pkts",  "netflow.start", "netflow.end",    "netflow.min_ttl",    "netflow.max_ttl",
	"drop.len",   "drop.ttl",   "drop.ipid",     "drop.hoplimit", "tunnel.src_ip",  "tunnel.dest_ip",     "tunnel.proto"
};

static bool times_set(struct log_row *row, log_cell start, log_cell end)
{
	return (start.len == 0 || log_set_time(row, start)) && (end.len == 0 || log_set_end(row, end));
}

static enum log_word netflow(struct log_row *row, const log_cell *c)
{
	uint64_t low, high;

	log_set_flow(row);
	if (!times_set(row, c[NET_START], c[NET_END]) || (c[NET_PKTS].len > 0 && !log_set_packets(row, c[NET_PKTS])))
		return LOG_BAD;
	if (!log_number(c[TTL_MIN], 255, &low) || !log_number(c[TTL_MAX], 255, &high) || low > high)
		return LOG_GRE;
	log_set_ttl(row, c[TTL_MIN]);
	row->sighting.ttl_max = (uint8_t)high;
	return LOG_GRE;
}

static enum log_word drop(struct log_row *row, const log_cell *c)
{
	if (row->sighting.src.family == 6) {
		log_set_ip_payload(row, c[DROP_LEN]);
		log_set_ttl(row, c[DROP_HOPS]);
	} else {
		log_set_ip_len(row, c[DROP_LEN]);
		log_set_ttl(row, c[DROP_TTL]);
		log_set_ip_id(row, c[DROP_ID]);
	}
	return LOG_GRE;
}

static void inner_set(struct log_row *row, const log_cell *c)
{
	struct gs_addr src, dst;
	uint64_t proto;

	if (!log_address(c[SRC], &src) || !log_address(c[DST], &dst))
		return;
	row->sighting.inner_src = src;
	row->sighting.inner_dst = dst;
	row->sighting.has |= GS_HAS_INNER;
	if (log_number(c[PROTO], 255, &proto))
		row->sighting.inner_proto = (uint8_t)proto;
	else
		row->sighting.inner_proto = log_is(c[PROTO], "TCP") ? 6 : log_is(c[PROTO], "UDP") ? 17 : log_is(c[PROTO], "ICMP") ? 1 : 0;
}

static const char *const needles[] = { "proto\":\"gre",
				       "proto\": \"gre",
				       "proto\":\"47",
				       "proto\": \"47",
				       "proto\":\"047",
				       "proto\": \"047",
				       "proto\":47",
				       "proto\": 47",
				       "proto\":047",
				       "proto\": 047",
				       "proto\":gre",
				       "proto\": gre",
				       NULL };

static bool names_gre(log_cell text, log_cell c)
{
	return (log_gre(c) == LOG_PROTO_GRE || log_is(c, "047")) && log_json_tight(text, c);
}

static enum log_word eve_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell c[FIELDS];

	(void)state;
	const log_cell text = log_object(line);
	if (!log_find(text, "\"event_type\"") || !log_find(text, "\"proto\""))
		return LOG_NO;
	if (!log_json(text, paths, FIELDS, c))
		return !log_holds(text, needles) || log_fail(row, "record", text) ? LOG_OTHER : LOG_BAD;
	const bool inside = names_gre(text, c[TUN_PROTO]);
	if (!inside && !names_gre(text, c[PROTO]))
		return LOG_OTHER;
	if (!log_set_src(row, c[inside ? TUN_SRC : SRC]) || !log_set_dst(row, c[inside ? TUN_DST : DST]) || !log_set_time(row, c[STAMP]))
		return LOG_BAD;
	if (inside) {
		inner_set(row, c);
		return LOG_GRE;
	}
	if (log_is(c[TYPE], "drop"))
		return drop(row, c);
	if (log_is(c[TYPE], "netflow"))
		return netflow(row, c);
	if (!log_is(c[TYPE], "flow"))
		return LOG_GRE;
	log_set_flow(row);
	if (!times_set(row, c[FLOW_START], c[FLOW_END]))
		return LOG_BAD;
	return log_sides_end(line, row, &(struct log_sides){ .packets = { c[FLOW_THERE], c[FLOW_BACK] } });
}

const struct log_format log_eve = {
	.name = "suricata",
	.what = "Suricata EVE, JSON",
	.needles = needles,
	.read = eve_read,
	.no_public_sample = true,
};
