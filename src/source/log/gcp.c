/*
 * gcp.c - Google Cloud VPC flow logs, one JSON object a line
 *
 *   {"insertId":"..","jsonPayload":{"bytes_sent":"512","connection":{"dest_ip":"B","protocol":47,"src_ip":"A"},"end_time":"..","packets_sent":"1","reporter":"DEST",
 *    "start_time":".."},"logName":"projects/P/logs/compute.googleapis.com%2Fvpc_flows",...}
 *
 * As a log sink writes them, and the payload alone as Pub/Sub subscribers keep it. `gcloud logging read` breaks them over many lines: `jq
 * -c '.[]'` puts them back.
 *
 * Evidence: addresses, first and last packet, packets: Google samples and tells an estimate. bytes_sent counts user payload, not IP
 * packets: it is left out. One direction a record; a flow between two machines that both log is told by both (reporter SRC and DEST), and
 * counts twice. GRE has no ports. No length, TTL or DF. Firewall rules logging knows TCP and UDP only.
 *
 * Source: Google Cloud, About VPC Flow Logs records (IpConnection: protocol is there for GRE; footnotes 1 and 2). Public GRE lines: none
 * found.
 */
#include "source/log/record.h"

enum { SRC, DST, PROTOCOL, PACKETS, START, END, FIELDS };

static const char *const wrapped[FIELDS] = { "jsonPayload.connection.src_ip",   "jsonPayload.connection.dest_ip",
					     "jsonPayload.connection.protocol", "jsonPayload.packets_sent",
					     "jsonPayload.start_time",          "jsonPayload.end_time" };
static const char *const bare[FIELDS] = { "connection.src_ip", "connection.dest_ip", "connection.protocol",
					  "packets_sent",      "start_time",         "end_time" };

static enum log_word gcp_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell c[FIELDS];

	(void)state;
	const log_cell text = log_object(line);
	if (!log_find(text, "\"connection\"") || !log_find(text, "\"packets_sent\""))
		return LOG_NO;
	const bool whole = log_find(text, "\"jsonPayload\"") ? log_json(text, wrapped, FIELDS, c) : log_json(text, bare, FIELDS, c);
	if (!whole)
		return log_fail(row, "record", text) ? LOG_GRE : LOG_BAD;
	if (log_protocol(c[PROTOCOL]) != LOG_PROTO_GRE)
		return LOG_OTHER;
	log_set_flow(row);
	if (!log_set_src(row, c[SRC]) || !log_set_dst(row, c[DST]) || !log_set_time(row, c[START]) || !log_set_end(row, c[END]))
		return LOG_BAD;
	return c[PACKETS].len == 0 || log_is(c[PACKETS], "0") || log_set_packets(row, c[PACKETS]) ? LOG_GRE : LOG_BAD;
}

static const char *const needles[] = { "\"protocol\":47", "\"protocol\": 47", "\"protocol\":\"47\"", "\"protocol\": \"47\"", NULL };

const struct log_format log_gcp = {
	.name = "gcp-vpc",
	.what = "Google Cloud VPC flow logs, JSON",
	.needles = needles,
	.read = gcp_read,
	.no_public_sample = true,
};
