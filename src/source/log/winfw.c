/*
 * winfw.c - Windows Firewall log, pfirewall.log
 *
 *   #Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path
 *     [pid]
 *   2026-11-22 12:00:01 DROP 47 192.0.2.1 198.51.100.1 - - 564 - - - - - - - RECEIVE
 *
 * Protocols other than TCP, UDP and ICMP are numbers. Without the heading (a log that was cut) the columns are those above.
 *
 * Evidence: addresses, time, size: the IP total length (a DHCP request of 300 octets has 328); it is read for IPv4 only. ALLOW lines are
 * connections: their size is 0. Times are local (#Time Format: Local): --tz says which zone. No TTL or DF, so such a line is no remnant
 * by length.
 *
 * Source: Microsoft Learn, Configure Windows Firewall logging, Interpreting the Windows Firewall log. Public GRE lines: none found.
 */
#include "source/log/record.h"

enum column { DATE, TIME, ACTION, PROTOCOL, SRC, DST, SIZE, COLUMNS };

/* Column numbers plus 1 of the heading; all 0: none was there. */
struct layout {
	uint8_t at[COLUMNS];
};

static enum log_word heading_read(log_cell m, struct layout *l)
{
	static const char *const names[COLUMNS] = { "date", "time", "action", "protocol", "src-ip", "dst-ip", "size" };
	struct layout found = { 0 };

	for (unsigned i = 1; i < 255; i++) {
		const log_cell name = log_token(&m);
		if (name.len == 0)
			break;
		for (unsigned c = 0; c < COLUMNS; c++)
			if (log_is(name, names[c]) && !found.at[c])
				found.at[c] = (uint8_t)i;
	}
	*l = (struct layout){ 0 };
	if (!found.at[DATE] || !found.at[TIME] || !found.at[ACTION] || !found.at[PROTOCOL] || !found.at[SRC] || !found.at[DST] ||
	    found.at[PROTOCOL] == 1)
		return LOG_NO; /* of another program that writes W3C logs */
	*l = found;
	return LOG_HEADING;
}

static bool action_known(log_cell c)
{
	static const char *const actions[] = { "DROP", "ALLOW", "OPEN", "OPEN-INBOUND", "CLOSE" };

	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (log_is(c, actions[i]))
			return true;
	return false;
}

static enum log_word winfw_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const struct layout standard = { .at = { 1, 2, 3, 4, 5, 6, 9 } };
	struct layout *l = state;
	log_cell m = log_record(line), c[COLUMNS] = { 0 };

	if (log_take(&m, "#Fields:"))
		return heading_read(m, l);
	const struct layout *use = l->at[DATE] ? l : &standard;
	for (unsigned n = 1; n < 255; n++) {
		const log_cell value = log_token(&m);
		if (value.len == 0)
			break;
		for (unsigned i = 0; i < COLUMNS; i++)
			if (use->at[i] == n)
				c[i] = value;
	}
	const bool dated = c[DATE].len == 10 && c[TIME].len == 8; /* never shorter: what is was cut */
	if (!action_known(c[ACTION]) || (use == &standard && !dated))
		return LOG_NO;
	if (log_gre(c[PROTOCOL]) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (!dated)
		return log_fail(row, "time", c[DATE]) ? LOG_GRE : LOG_BAD;
	if (!log_set_src(row, c[SRC]) || !log_set_dst(row, c[DST]) || !log_time_join(row, c[DATE], c[TIME], (log_cell){ NULL, 0 }))
		return LOG_BAD;
	if (row->sighting.src.family == 4)
		log_set_ip_len(row, c[SIZE]);
	return LOG_GRE;
}

static const char *const needles[] = { "#fields:", " 47", " gre", "\t47", "\tgre", NULL };

const struct log_format log_winfw = {
	.name = "windows-firewall",
	.what = "Windows Firewall, pfirewall.log",
	.needles = needles,
	.read = winfw_read,
	.state_size = sizeof(struct layout),
	.no_public_sample = true,
};
