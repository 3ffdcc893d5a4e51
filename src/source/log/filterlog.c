/*
 * filterlog.c - pfSense and OPNsense: one packet that pf logged, as comma-separated values
 *
 *   rule,sub-rule,anchor,tracker,interface,reason,action,direction,4,tos,ecn,ttl,id,offset,flags,proto id,proto,length,src,dst,datalength=
 *   rule,sub-rule,anchor,tracker,interface,reason,action,direction,6,class,flow,hop limit,proto,proto id,length,src,dst,...
 *
 * `length` is the IPv4 total length; for IPv6 it is the payload length field. `datalength` leaves the IP header out and is not used. The id of protocols is written as number and name,
 * in the other order for IPv6.
 *
 * Source: Netgate documentation, "Raw Filter Log Format"; filterlog's sources for IPv6's length.
 */
#include "source/log/record.h"

#define CELLS 24

static const char *const needles[] = { ",47,", ",gre,", NULL };

/* Between commas, as filterlog writes it and the needles want it. A cell with another behind it and one before it. */
static enum log_proto protocol_read(log_cell c)
{
	return c.text[-1] == ',' && c.text[c.len] == ',' ? log_gre(c) : c.len ? LOG_PROTO_OTHER : LOG_PROTO_NONE;
}

static enum log_word fields_read(struct log_row *row, const log_cell *c, bool six)
{
	const log_cell *tail = six ? c + 12 : c + 15; /* both forms of the protocol, then length, source, destination */
	const enum log_proto a = protocol_read(tail[0]), b = protocol_read(tail[1]);

	if (a != LOG_PROTO_GRE && b != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (a != b && a != LOG_PROTO_NONE && b != LOG_PROTO_NONE)
		return log_fail(row, "protocol", tail[0]), LOG_BAD;
	if (!log_set_src(row, tail[3]) || !log_set_dst(row, tail[4]))
		return LOG_BAD;
	if (row->sighting.src.family != (six ? 6 : 4))
		return log_fail(row, "source", tail[3]), LOG_BAD;
	if (six)
		log_set_ip_payload(row, tail[2]);
	else
		log_set_ip_len(row, tail[2]);
	log_set_ttl(row, c[11]);
	if (!six) {
		log_set_ip_id(row, c[12]);
		log_set_df(row, log_is(c[14], "DF"));
	}
	return LOG_GRE;
}

static enum log_word filterlog_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell c[CELLS];
	log_cell text = line->text;
	uint64_t v;

	(void)state;
	/* number, interface, reason, action, direction, version: nothing else has these in a row */
	if (!text.len || text.text[0] < '0' || text.text[0] > '9')
		return LOG_NO;
	const int n = log_split(text.text, text.len, RAW_COMMA, c, CELLS);
	if (n < 9 || !log_number(c[0], UINT32_MAX, &v) || !(log_is(c[7], "in") || log_is(c[7], "out") || log_is(c[7], "in/out")))
		return LOG_NO;
	const bool six = log_is(c[8], "6");
	if (!six && !log_is(c[8], "4"))
		return LOG_NO;
	if (n < (six ? 17 : 20)) {
		for (int i = 9; i < n; i++)
			if (i + 1 < n && protocol_read(c[i]) == LOG_PROTO_GRE && log_is(c[i + 1], "gre"))
				return row->why = "ends too soon", log_fail(row, "line", text), LOG_BAD;
		return LOG_OTHER;
	}
	return fields_read(row, c, six);
}

const struct log_format log_filterlog = {
	.name = "filterlog",
	.what = "pfSense, OPNsense",
	.needles = needles,
	.read = filterlog_read,
};
