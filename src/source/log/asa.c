/*
 * asa.c - Cisco ASA, PIX and Firepower (lina) messages
 *
 *   106010  Deny inbound PROTO src IF:A dst IF:B
 *   106023  Deny PROTO src IF:A[/port][(user)] dst IF:B[/port][(user)] [(type t, code c)] by access-group "NAME" [hash, hash]
 *   106021  Deny PROTO reverse path check from A to B on interface IF
 *   106100  access-list NAME denied|permitted|est-allowed PROTO IF/A(port)[(user)] -> IF/B(port) hit-cnt N first hit | N-second
 *     interval [hash, hash]
 *   106102, 106103  the same with "for user 'NAME'" before the interface and a blank before the ports
 *   302017  Built inbound|outbound GRE connection ID from IF:A[/call] (A'[/call]) to IF:B/call (B'/call)
 *   302018  Teardown GRE connection ID from ... to ... duration H:MM:SS bytes N
 *   305006  ... translation creation failed for PROTO src IF:A dst IF:B
 *   305005  No translation group found for PROTO src IF:A dst IF:B
 *   305013  Asymmetric NAT rules matched for forward and reverse flows; Connection for PROTO src IF:A dst IF:B denied ...
 *   106011  Deny inbound (No xlate) PROTO src IF:A dst IF:B
 *   106002  PROTO Connection denied by outbound list ID src A dest B
 *   430001, 430002, 430003  Key: value, Key: value, ...    Firepower's own: an intrusion, a connection's beginning and end. SrcIP, DstIP,
 *     Protocol, FirstPacketSecond, ConnectionDuration, InitiatorPackets, ResponderPackets
 *
 * 106014 (Deny inbound icmp) has the shape of 106010 and is never GRE. PROTO is a name, a number or "protocol N". Messages are known by
 * their words: loggers cut the %ASA- tag off, and its severity and class vary.
 *
 * Evidence: addresses, time, hit counts. 106100 counts the hits of an interval, its "first hit" is the first of them. A GRE connection is
 * one direction of PPTP; the number behind / is a call id, not a port, and is not read. `bytes` of 302018 is not documented to count IP
 * headers and is left out; a connection that was logged when it was built and when it ended is two records of at least one packet. No
 * length, TTL or DF anywhere. Firepower: packets of both directions at a connection's end (one row each); at its beginning, and for an
 * intrusion, one packet. What its octets count is not documented and published lines disagree (74 for a ping, 31 for a packet of DNS): left
 * out. Trap: with `names` on, the firewall writes its name for an address: such a line says no source.
 *
 * Source: Cisco Secure Firewall ASA Series Syslog Messages, 101001-199021 and 302003-342008 (of 106002 it says that PROTO is TCP, UDP or
 * ICMP); Cisco Secure Firewall Threat Defense Syslog Messages, Security Event Syslog Messages. Public GRE lines: 106010, 106023 (decoder
 * tests), 302017, 302018 (made for a test).
 */
#include "source/log/record.h"

static bool end_set(struct log_row *row, log_cell c, bool source)
{
	if (source ? log_set_src(row, c) : log_set_dst(row, c))
		return true;
	if (c.len > 0)
		row->why = "is no address: `no names` on the firewall makes it write addresses";
	return false;
}

/* The address of "IF:ADDR/port(user)" or, with `sep` a slash, "IF/ADDR(port)". Interface names have neither. */
static log_cell end_address(log_cell word, char sep)
{
	log_until(&word, sep);
	word = log_until(&word, '(');
	return sep == ':' ? log_until(&word, '/') : word;
}

/* "gre", "47" or "protocol 47" before what follows. */
static enum log_proto take_protocol(log_cell *m)
{
	log_take(m, "protocol ");
	return log_gre(log_step(m));
}

/* "src IF:A ... dst IF:B ..." */
static enum log_word src_dst(struct log_row *row, log_cell m)
{
	if (!log_take(&m, "src "))
		return LOG_NO;
	if (!end_set(row, end_address(log_step(&m), ':'), true))
		return LOG_BAD;
	/* a user with blanks in the name may stand between */
	const char *dst = log_find(m, "dst ");
	if (!dst)
		return log_fail(row, "destination", m) ? LOG_GRE : LOG_BAD;
	m = log_from(m, dst + 4);
	return end_set(row, end_address(log_step(&m), ':'), false) ? LOG_GRE : LOG_BAD;
}

/* "A to B on interface IF" */
static enum log_word reverse_path(struct log_row *row, log_cell m)
{
	if (!end_set(row, log_step(&m), true))
		return LOG_BAD;
	if (!log_is(log_step(&m), "to"))
		return log_fail(row, "destination", m) ? LOG_GRE : LOG_BAD;
	return end_set(row, log_step(&m), false) ? LOG_GRE : LOG_BAD;
}

static enum log_word deny(struct log_row *row, log_cell m)
{
	log_take(&m, "inbound ");
	log_take(&m, "(No xlate) ");
	const enum log_proto p = take_protocol(&m);
	const bool reverse = log_take(&m, "reverse path check from ");

	if (!reverse && !log_starts(m, "src "))
		return LOG_NO;
	if (p != LOG_PROTO_GRE)
		return LOG_OTHER;
	return reverse ? reverse_path(row, m) : src_dst(row, m);
}

/* "hit-cnt 12 300-second interval": the first of them were that long ago. */
static bool hits(struct log_row *row, log_cell m)
{
	const char *at = log_find(m, "hit-cnt ");
	uint64_t seconds;

	if (!at)
		return log_fail(row, "hit count", m);
	m = log_from(m, at + 8);
	if (!log_set_packets(row, log_step(&m)))
		return false;
	log_take(&m, "(");
	log_cell word = log_step(&m);
	if (log_number(log_until(&word, '-'), 86400, &seconds) && log_starts(word, "second"))
		row->duration_ns = -(int64_t)seconds * GS_NS_PER_S;
	return true;
}

static enum log_word access_list(struct log_row *row, log_cell m)
{
	log_step(&m); /* its name */
	const log_cell action = log_step(&m);

	if (!log_is(action, "denied") && !log_is(action, "permitted") && !log_is(action, "est-allowed"))
		return LOG_NO;
	const enum log_proto p = take_protocol(&m);
	if (log_take(&m, "for user ")) {
		const char *close = log_starts(m, "'") ? log_find(log_from(m, m.text + 1), "' ") : NULL;
		if (close)
			m = log_from(m, close + 2);
		else
			log_step(&m);
	}
	const char *arrow = log_find(m, "-> ");
	log_cell a = log_step(&m);
	const bool paired = log_find(a, "/") != NULL;
	if (p != LOG_PROTO_GRE)
		return arrow || paired ? LOG_OTHER : LOG_NO; /* NO: of a router */
	if (!end_set(row, end_address(a, '/'), true))
		return LOG_BAD;
	if (arrow)
		m = log_from(m, arrow + 3);
	else
		log_step(&m); /* 106102: the port */
	if (!end_set(row, end_address(log_step(&m), '/'), false))
		return LOG_BAD;
	return hits(row, m) ? LOG_GRE : LOG_BAD;
}

/* "duration 0:02:31 bytes 66429" */
static void duration(struct log_row *row, log_cell m)
{
	const char *at = log_find(m, "duration ");
	uint64_t h, min, s;

	if (!at)
		return;
	m = log_from(m, at + 9);
	log_cell t = log_step(&m);
	if (log_number(log_until(&t, ':'), 1000000, &h) && log_number(log_until(&t, ':'), 59, &min) && log_number(t, 59, &s))
		row->duration_ns = -(int64_t)(h * 3600 + min * 60 + s) * GS_NS_PER_S;
}

/* "GRE connection ID from IF:A ... to IF:B ..." */
static enum log_word connection(struct log_row *row, log_cell m)
{
	const log_cell protocol = log_step(&m);

	if (!log_take(&m, "connection "))
		return LOG_NO;
	if (log_gre(protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	const char *from = log_find(m, " from "), *to = log_find(m, " to ");
	if (!from || !to || to < from)
		return log_fail(row, "connection", m) ? LOG_GRE : LOG_BAD;
	log_cell a = log_from(m, from + 6), b = log_from(m, to + 4);
	if (!end_set(row, end_address(log_step(&a), ':'), true) || !end_set(row, end_address(log_step(&b), ':'), false))
		return LOG_BAD;
	duration(row, b);
	return LOG_GRE;
}

/* "Connection denied by outbound list ID src A dest B": bare addresses, perhaps with ports behind. */
static enum log_word outbound_list(struct log_row *row, log_cell m)
{
	const enum log_proto p = take_protocol(&m);

	if (!log_take(&m, "connection denied by outbound list "))
		return LOG_NO;
	if (p != LOG_PROTO_GRE)
		return LOG_OTHER;
	log_step(&m); /* its name */
	if (!log_take(&m, "src "))
		return log_fail(row, "source", (log_cell){ 0 }) ? LOG_GRE : LOG_BAD;
	if (!end_set(row, log_step(&m), true))
		return LOG_BAD;
	const char *dest = log_find(m, "dest ");
	if (!dest)
		return log_fail(row, "destination", (log_cell){ 0 }) ? LOG_GRE : LOG_BAD;
	m = log_from(m, dest + 5);
	return end_set(row, log_step(&m), false) ? LOG_GRE : LOG_BAD;
}

/* "SrcIP: A, DstIP: B, ...": the first of equal keys counts, since names and requests that others chose stand behind. */
static enum log_word event_read(const struct log_line *line, struct log_row *row, log_cell m, bool end)
{
	log_cell src = { 0 }, dst = { 0 }, protocol = { 0 }, first = { 0 }, seconds = { 0 };
	struct log_sides sides = { 0 };
	struct log_time t;
	const struct log_wanted wanted[] = {
		{ LOG_CELL("SrcIP"), &src },
		{ LOG_CELL("DstIP"), &dst },
		{ LOG_CELL("Protocol"), &protocol },
		{ LOG_CELL("FirstPacketSecond"), &first },
		{ LOG_CELL("ConnectionDuration"), &seconds },
		{ LOG_CELL("InitiatorPackets"), &sides.packets[0] },
		{ LOG_CELL("ResponderPackets"), &sides.packets[1] },
	};

	while (m.len > 0) {
		log_cell value = log_until(&m, ',');
		const log_cell key = log_trim(log_until(&value, ':'));
		log_wanted_put(wanted, sizeof wanted / sizeof *wanted, key, log_trim(value));
	}
	if (log_gre(protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (!end_set(row, src, true) || !end_set(row, dst, false))
		return LOG_BAD;
	const bool started = log_time_read(first, &t);
	if (started)
		row->time = t;
	if (!end)
		return LOG_GRE;
	log_seconds_set(row, seconds, started);
	return log_sides_end(line, row, &sides);
}

/* Behind the tag, or the message; where that starts with a host that has no colon behind it, behind the host. */
static log_cell message(const struct log_line *line, bool *ret_tagged, log_cell *ret_number)
{
	static const char *const tags[] = { "%ASA-", "%PIX-", "%FWSM-", "%FTD-" };
	log_cell m = log_record(line);

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		const char *at = log_find(m, tags[i]);
		if (!at)
			continue;
		m = log_from(m, at);
		*ret_number = log_until(&m, ':');
		*ret_tagged = true;
		return log_trim(m);
	}
	*ret_tagged = false;
	return line->text;
}

/* What the message says, where it starts with the words of one that is known. */
static enum log_word message_read(struct log_row *row, log_cell m)
{
	static const struct {
		const char *words;
		enum log_word (*read)(struct log_row *row, log_cell m);
	} forms[] = {
		{ "Deny ", deny },
		{ "access-list ", access_list },
		{ "Built inbound ", connection },
		{ "Built outbound ", connection },
		{ "Teardown ", connection },
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (log_take(&m, forms[i].words))
			return forms[i].read(row, m);
	return outbound_list(row, m);
}

static enum log_word asa_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const char *const untranslated[] = { "translation creation failed for ", "No translation group found for ",
						    "forward and reverse flows; Connection for " };
	log_cell number = { 0 };
	bool tagged;

	(void)state;
	log_cell m = message(line, &tagged, &number);
	if (log_find(number, "-43000"))
		return event_read(line, row, m, number.text[number.len - 1] == '3');
	for (size_t i = 0; i < sizeof untranslated / sizeof *untranslated; i++) {
		const char *at = log_find(m, untranslated[i]);
		if (!at || at - m.text > 40) /* "regular ", "portmap ", "Asymmetric NAT rules matched for " */
			continue;
		m = log_from(m, at + strlen(untranslated[i]));
		const enum log_proto p = take_protocol(&m);
		return p == LOG_PROTO_GRE ? src_dst(row, m) : LOG_OTHER;
	}
	const enum log_word word = message_read(row, m);
	if (word != LOG_NO || tagged)
		return word;
	log_step(&m);
	return message_read(row, m);
}

static const char *const needles[] = { " 47", " gre", "\t47", "\tgre", NULL };

const struct log_format log_asa = {
	.name = "cisco-asa",
	.what = "Cisco ASA, PIX, Firepower",
	.needles = needles,
	.read = asa_read,
};
