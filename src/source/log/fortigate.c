/*
 * fortigate.c - Fortinet FortiGate traffic logs, key=value
 *
 *   date=2026-11-22 time=12:00:01 ... logid="0000000013" type="traffic" subtype="forward" ... eventtime=1795348801123456789 tz="+0100"
 *     srcip=A ... dstip=B ...
 *     proto=47 action="deny" ... service="GRE" duration=0 sentbyte=0 rcvdbyte=0 sentpkt=0 rcvdpkt=0 ...
 *
 * Separated by blanks, or by commas where `set format csv` is. Only type="traffic": the utm and anomaly logs repeat sessions that are
 * counted here. logid ...20 are the interim statistics of a long session, whose counts are in the line that ends it: no record, so a
 * session that still runs is not seen.
 *
 * Evidence: addresses, time, counts of both directions (one row each), length in time; the line is written at the end. eventtime is UTC,
 * in seconds or, since 6.2, nanoseconds; without it date, time and tz; without tz the reader's zone. A denied packet has all counts 0 and
 * is one packet. Octets are those of IP packets. Ports may be absent. No length of one packet, TTL or DF. CEF is read by its own format.
 *
 * Source: FortiOS Log Message Reference, traffic (0000000013 LOG_ID_TRAFFIC_END_FORWARD, 0000000020 LOG_ID_TRAFFIC_STAT). Public GRE
 * lines: none found.
 */
#include "source/log/record.h"

struct fields {
	log_cell src, dst, protocol, type, id, date, time, zone, event, seconds;
	struct log_sides sides;
};

static void collect(log_cell m, struct fields *f)
{
	const struct log_wanted wanted[] = {
		{ LOG_CELL("srcip"), &f->src },
		{ LOG_CELL("dstip"), &f->dst },
		{ LOG_CELL("proto"), &f->protocol },
		{ LOG_CELL("type"), &f->type },
		{ LOG_CELL("logid"), &f->id },
		{ LOG_CELL("date"), &f->date },
		{ LOG_CELL("time"), &f->time },
		{ LOG_CELL("tz"), &f->zone },
		{ LOG_CELL("eventtime"), &f->event },
		{ LOG_CELL("duration"), &f->seconds },
		{ LOG_CELL("sentpkt"), &f->sides.packets[0] },
		{ LOG_CELL("rcvdpkt"), &f->sides.packets[1] },
		{ LOG_CELL("sentbyte"), &f->sides.bytes[0] },
		{ LOG_CELL("rcvdbyte"), &f->sides.bytes[1] },
	};

	log_wanted_find(m, wanted, sizeof wanted / sizeof *wanted);
}

static bool time_set(struct log_row *row, const struct fields *f)
{
	if (f->event.len > 0)
		return log_set_time(row, f->event);
	return f->date.len == 0 || log_time_join(row, f->date, f->time, f->zone);
}

static enum log_word fortigate_read(const struct log_line *line, void *state, struct log_row *row)
{
	struct fields f = { 0 };

	(void)state;
	const log_cell all = log_record(line);
	if (!log_find(all, "srcip=") || !log_find(all, "logid="))
		return LOG_NO;
	collect(all, &f);
	if (!log_is(f.type, "traffic") || log_protocol(f.protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (f.id.len >= 4 && log_is((log_cell){ f.id.text + f.id.len - 4, 4 }, "0020"))
		return LOG_OTHER;
	if (!log_set_src(row, f.src) || !log_set_dst(row, f.dst) || !time_set(row, &f))
		return LOG_BAD;
	log_seconds_set(row, f.seconds, false);
	return log_sides_end(line, row, &f.sides);
}

static const char *const needles[] = { "proto=47", "proto=\"47\"", "proto=gre", "proto=\"gre\"", NULL };

const struct log_format log_fortigate = {
	.name = "fortigate",
	.what = "Fortinet FortiGate traffic",
	.needles = needles,
	.read = fortigate_read,
	.no_public_sample = true,
};
