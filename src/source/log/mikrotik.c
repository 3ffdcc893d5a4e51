/*
 * mikrotik.c - RouterOS firewall log
 *
 *   [TOPICS ][PREFIX ]CHAIN: in:IF out:IF[, connection-state:STATE[,NAT]][ src-mac MAC], proto PROTO, A->B[, NAT A->B->C][, prio
 *     N->M], len N
 *
 * PROTO: a name with flags, "TCP (SYN)", GRE, or a number. With ports A is ADDR:port, IPv6 then in brackets. Dates are local, without a
 * year in older releases, and a log that was printed without them has none.
 *
 * Evidence: addresses, time, len: the IP total length (a TCP SYN has 60, a RST 40); it is read for IPv4 only. No TTL, no DF: such a line
 * is no remnant by length.
 *
 * Source: MikroTik documentation, Firewall - Filter (action=log), Log. Public GRE lines: one in a parser's test, with made-up addresses.
 */
#include "source/log/record.h"

static enum log_word mikrotik_read(const struct log_line *line, void *state, struct log_row *row)
{
	(void)state;
	const log_cell all = log_record(line);
	const char *at = log_find(all, "in:");
	if (!at)
		return LOG_NO;
	log_cell m = log_from(all, at);
	const char *proto = log_find(m, " proto ");
	if (!log_find(m, " out:") || !proto)
		return LOG_NO;
	m = log_from(m, proto + 7);
	if (log_gre(log_until(&m, ',')) != LOG_PROTO_GRE)
		return LOG_OTHER;
	log_cell ends = log_trim(log_until(&m, ','));
	const char *arrow = log_find(ends, "->");
	struct gs_addr a, b;
	if (!arrow)
		return log_fail(row, "source and destination", ends) ? LOG_GRE : LOG_BAD;
	const log_cell src = { ends.text, (size_t)(arrow - ends.text) }, dst = log_from(ends, arrow + 2);
	if (!log_address_port(src, &a))
		return log_fail(row, "source", src) ? LOG_GRE : LOG_BAD;
	if (!log_address_port(dst, &b))
		return log_fail(row, "destination", dst) ? LOG_GRE : LOG_BAD;
	row->sighting.src = a;
	row->sighting.dst = b;
	row->has_src = true;
	const char *len = log_find(m, " len ");
	if (len && a.family == 4) {
		m = log_from(m, len + 5);
		log_set_ip_len(row, log_token(&m));
	}
	return LOG_GRE;
}

static const char *const needles[] = { "proto gre", "proto 47", NULL };

const struct log_format log_mikrotik = {
	.name = "mikrotik",
	.what = "MikroTik RouterOS firewall",
	.needles = needles,
	.read = mikrotik_read,
};
