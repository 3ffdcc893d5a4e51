/*
 * junos_filter.c - Junos firewall filters with `then syslog`: routers (MX, PTX, T), switches (EX, QFX), SRX in packet mode
 *
 *   [fpc0 |feb ]PFE_FW_SYSLOG_IP: FW: IF  A|D|R  PROTO A B  SPORT DPORT (N packets)
 *   [fpc0 |feb ]PFE_FW_SYSLOG_IP6_GEN: FW: IF  A|D|R  PROTO SA A DA B (N packets)      also IP6, IP6_ICMP, IP6_TCP_UDP
 *   [fpc0 |feb ]FW: ...                                                               the same, the name cut off
 *
 * A accept, D discard, R reject. PROTO is a name or a number; of other protocols than TCP, UDP and ICMP the ports are 0. Blanks vary. SA, DA and an arrow may stand before
 * an address or not, so they are passed over in both layouts. A line without a count is one packet.
 *
 * Evidence: addresses, time, packets: the card counts equal packets up and tells of them together, so N packets may be older than the time by a little: how much is not
 * said. No length, TTL or DF. Trap: `then log` writes to a buffer of its own that no syslog has.
 *
 * Source: Junos OS System Log Explorer, PFE_FW_SYSLOG_IP and _IP6_GEN; Firewall Filter Logging Actions. Public lines of TCP and OSPF show the layout of IPv4; that of IPv6
 * is known from a monitoring system's pattern ("D PROTO SA ..."). Public GRE lines: none found.
 */
#include "source/log/record.h"

/* The next word that is no mark of an address's kind. */
static log_cell end_step(log_cell *m)
{
	log_cell word = log_step(m);

	while (log_is(word, "SA") || log_is(word, "DA") || log_is(word, "->"))
		word = log_step(m);
	return word;
}

/* "(12 packets)", where it is there */
static bool count(struct log_row *row, log_cell m)
{
	const char *open = log_find(m, "(");

	if (!open)
		return true;
	m = log_from(m, open + 1);
	const log_cell n = log_step(&m);
	if (!log_starts(m, "packet"))
		return log_fail(row, "number of packets", n);
	return log_set_packets(row, n);
}

/* Behind "FW: ". NO: somebody else's prefix. */
static enum log_word filter_read(struct log_row *row, log_cell m)
{
	log_step(&m); /* the interface */
	const log_cell action = log_step(&m);

	if (!log_is(action, "A") && !log_is(action, "D") && !log_is(action, "R"))
		return LOG_NO;
	if (log_gre(log_step(&m)) != LOG_PROTO_GRE)
		return LOG_OTHER;
	return log_set_src(row, end_step(&m)) && log_set_dst(row, end_step(&m)) && count(row, m) ? LOG_GRE : LOG_BAD;
}

static enum log_word junos_filter_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const char *const by_name[] = { " gre ", "\tgre ", NULL };
	log_cell m = log_record(line);
	const bool named = log_find(m, "PFE_FW_SYSLOG_IP") != NULL;

	(void)state;
	for (const char *at = log_find(m, "FW: "); at; at = log_find(m, "FW: ")) {
		const bool begins = at == m.text || at[-1] == ' ';
		m = log_trim(log_from(m, at + 4));
		const enum log_word word = begins ? filter_read(row, m) : LOG_NO;
		if (word != LOG_NO)
			return word;
	}
	if (log_is(line->tag, "FW")) { /* wrapped, or repeated: taken for a program's name */
		const enum log_word word = filter_read(row, log_trim(line->text));
		if (word != LOG_NO)
			return word;
	}
	if (named && log_holds(log_record(line), by_name))
		return log_fail(row, "layout", line->text) ? LOG_GRE : LOG_BAD;
	return LOG_NO;
}

static const char *const needles[] = { " 47", " gre", "\t47", "\tgre", NULL };

const struct log_format log_junos_filter = {
	.name = "junos-filter",
	.what = "Junos firewall filters, PFE_FW_SYSLOG_IP and IP6",
	.needles = needles,
	.read = junos_filter_read,
	.no_public_sample = true,
};
