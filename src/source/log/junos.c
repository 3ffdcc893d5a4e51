/*
 * junos.c - Juniper SRX session logs, RT_FLOW: structured and plain
 *
 *   <14>1 TIME HOST RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636.1.1.1.2.N reason=".." source-address="A" ... destination-address="B"
 *     ... protocol-id="47"
 *     packets-from-client="n" bytes-from-client="n" packets-from-server="n" bytes-from-server="n" elapsed-time="s" ...]
 *   RT_FLOW_SESSION_DENY: session denied A/0->B/0 SERVICE 47(0) POLICY FROM TO ...
 *   RT_FLOW_SESSION_CREATE: session created A/0->B/0 [0x0] SERVICE A'/0->B'/0 [0x0] RULE RULE 47 POLICY FROM TO ID ...
 *   RT_FLOW_SESSION_CLOSE: session closed REASON: A/0->B/0 ... 47 POLICY FROM TO ID n(bytes) n(bytes) SECONDS ...
 *
 * Plain layouts differ by release (connection tags, kinds of NAT rule), so the protocol is found as the first word after the addresses
 * that is a number, or a number with the ICMP type in brackets; the counts of a CLOSE are the first two words n(n) behind it. A NAT rule
 * or a service that is named by a number alone would be taken for it. Names end in _LS inside logical systems. APPTRACK lines repeat the
 * same sessions and are not read.
 *
 * Evidence: addresses before NAT, time, and of a CLOSE the packets and octets of both directions (one row each; octets are those of IP
 * packets) and its length in time. CREATE and DENY are one packet. No length, TTL or DF.
 *
 * Source: Junos OS System Log Explorer, RT_FLOW_SESSION_CREATE, _CLOSE, _DENY and _LS. Public GRE lines: none found.
 */
#include "source/log/record.h"

struct session {
	log_cell src, dst, protocol, seconds;
	struct log_sides sides;
};

static void structured(log_cell m, struct session *s)
{
	const struct log_wanted wanted[] = {
		{ LOG_CELL("source-address"), &s->src },
		{ LOG_CELL("destination-address"), &s->dst },
		{ LOG_CELL("protocol-id"), &s->protocol },
		{ LOG_CELL("elapsed-time"), &s->seconds },
		{ LOG_CELL("packets-from-client"), &s->sides.packets[0] },
		{ LOG_CELL("packets-from-server"), &s->sides.packets[1] },
		{ LOG_CELL("bytes-from-client"), &s->sides.bytes[0] },
		{ LOG_CELL("bytes-from-server"), &s->sides.bytes[1] },
	};

	log_wanted_find(m, wanted, sizeof wanted / sizeof *wanted);
}

/* "12(3456)": both numbers. */
static bool counts(log_cell word, log_cell *packets, log_cell *bytes)
{
	uint64_t v;

	if (word.len < 4 || word.text[word.len - 1] != ')')
		return false;
	word.len--;
	*packets = log_until(&word, '(');
	*bytes = word;
	return log_number(*packets, UINT64_MAX, &v) && log_number(*bytes, UINT64_MAX, &v);
}

static void plain(log_cell m, struct session *s)
{
	unsigned counted = 0;
	uint64_t v;

	for (log_cell word = log_token(&m); word.len > 0; word = log_token(&m)) {
		const char *arrow = log_find(word, "->");
		if (arrow) {
			if (s->src.len > 0)
				continue; /* after NAT */
			s->src = (log_cell){ word.text, (size_t)(arrow - word.text) };
			s->dst = log_from(word, arrow + 2);
		} else if (s->src.len == 0) {
			continue; /* why it was closed */
		} else if (s->protocol.len == 0) {
			log_cell number = log_until(&word, '(');
			if (log_number(number, 255, &v) && (number.text[0] != '0' || number.len == 1))
				s->protocol = number;
		} else if (counted < 2) {
			counted += counts(word, &s->sides.packets[counted], &s->sides.bytes[counted]);
		} else {
			s->seconds = word;
			break;
		}
	}
}

/* "192.0.2.1/0" or bare */
static log_cell bare(log_cell c)
{
	return log_until(&c, '/');
}

static enum log_word junos_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const char mark[] = "RT_FLOW_SESSION_";
	struct session s = { 0 };

	(void)state;
	const log_cell all = log_record(line);
	const char *at = log_find(all, mark);
	if (!at)
		return log_find(all, "APPTRACK_SESSION_") ? LOG_OTHER : LOG_NO;
	log_cell m = log_from(all, at + sizeof mark - 1);
	const bool close = log_starts(m, "CLOSE");
	if (!close && !log_starts(m, "CREATE") && !log_starts(m, "DENY"))
		return LOG_OTHER;
	if (log_find(m, "source-address=")) {
		structured(m, &s);
	} else {
		log_token(&m);
		plain(m, &s);
	}
	if (log_gre(s.protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (!log_set_src(row, bare(s.src)) || !log_set_dst(row, bare(s.dst)))
		return LOG_BAD;
	if (!close)
		return LOG_GRE;
	log_seconds_set(row, s.seconds, false);
	return log_sides_end(line, row, &s.sides);
}

static const char *const needles[] = { "-id=47", "-id=\"47", "-id='47", "-id=gre", "-id=\"gre", "-id='gre", " 47", "\t47", NULL };

const struct log_format log_junos = {
	.name = "junos",
	.what = "Juniper SRX, RT_FLOW structured and plain",
	.needles = needles,
	.read = junos_read,
	.no_public_sample = true,
};
