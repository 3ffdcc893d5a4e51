/*
 * ulogd.c - ulogd2's JSON, one packet a line: what NFLOG of iptables and `log group` of nftables hand out instead of writing it to the kernel's log
 *
 *   {"timestamp": "2026-11-29T21:28:17.011569", "dvc": "Netfilter", "raw.pktlen": 44, "raw.pktcount": 1, "oob.prefix": "GRE ", "oob.time.sec": 1795987697,
 *    "oob.time.usec": 11569, ..., "ip.protocol": 47, "ip.tos": 0, "ip.ttl": 64, "ip.totlen": 44, "ip.id": 7, "ip.fragoff": 16384, ..., "src_ip": "192.0.2.1",
 *    "dest_ip": "198.51.100.1"}
 *
 * timestamp (@timestamp where eventv1=1) is the machine's own clock, with a zone only where the build has one; oob.time is the kernel's, since 1970, and counts where it is
 * there. ip.fragoff is the header's 16 bits, DF among them. IPv6 has ip6.payloadlen, without the header, and ip6.hoplimit. Its other outputs: LOGEMU is netfilter.c's; GPRINT
 * and OPRINT are not read.
 *
 * Source: ulogd2's output/ulogd_output_JSON.c and filter/raw2packet/ulogd_raw2packet_BASE.c; the lines of the real one (tests/logs/writers.py).
 */
#include <stdio.h>

#include "source/log/record.h"

enum { STAMP, EVENT_STAMP, SEC, USEC, PROTO, SRC, DST, LEN, TTL, ID, FRAG, SIX_LEN, SIX_HOPS, FIELDS };

static const char *const paths[FIELDS] = { "timestamp", "@timestamp",  "oob.time.sec", "oob.time.usec", "ip.protocol",    "src_ip",      "dest_ip",
					   "ip.totlen", "ip.ttl", "ip.id",        "ip.fragoff",    "ip6.payloadlen", "ip6.hoplimit" };

static const char *const needles[] = { "protocol\": 47", "protocol\":47", NULL };

/* The kernel's time, else the daemon's. */
static bool time_set(struct log_row *row, const log_cell *c)
{
	uint64_t sec, usec = 0;
	char text[32];

	if (!log_number(c[SEC], UINT32_MAX, &sec))
		return log_set_time(row, c[c[STAMP].len ? STAMP : EVENT_STAMP]);
	log_number(c[USEC], 999999, &usec);
	const int n = snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)sec, (unsigned long long)usec);
	if (!log_time_read((log_cell){ text, (size_t)n }, &row->time))
		return log_fail(row, "time", c[SEC]);
	row->time.text = c[SEC];
	return true;
}

static enum log_word ulogd_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell c[FIELDS];
	uint64_t frag;

	(void)state;
	const log_cell text = log_object(line);
	if (!log_find(text, "\"oob.family\"") || !log_find(text, "\"ip.protocol\""))
		return LOG_NO;
	if (!log_json(text, paths, FIELDS, c))
		return !log_holds(text, needles) || log_fail(row, "record", text) ? LOG_OTHER : LOG_BAD;
	if (!log_is(c[PROTO], "47") || !log_json_tight(text, c[PROTO]))
		return LOG_OTHER;
	if (!log_set_src(row, c[SRC]) || !log_set_dst(row, c[DST]) || !time_set(row, c))
		return LOG_BAD;
	if (row->sighting.src.family == 6) {
		log_set_ip_payload(row, c[SIX_LEN]);
		log_set_ttl(row, c[SIX_HOPS]);
		return LOG_GRE;
	}
	log_set_ip_len(row, c[LEN]);
	log_set_ttl(row, c[TTL]);
	log_set_ip_id(row, c[ID]);
	if (log_number(c[FRAG], 0xffff, &frag))
		log_set_df(row, frag & 0x4000);
	return LOG_GRE;
}

const struct log_format log_ulogd = {
	.name = "ulogd",
	.what = "ulogd2, JSON: iptables NFLOG, nftables log group",
	.needles = needles,
	.read = ulogd_read,
};
