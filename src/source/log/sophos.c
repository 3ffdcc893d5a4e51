/*
 * sophos.c - Sophos: SFOS (XG, XGS) firewall log and UTM packet filter log
 *
 *   SFOS  device="SFW" date=2026-11-22 time=12:00:01 timezone="CET" ... log_type="Firewall" log_component="Firewall Rule"
 *     log_subtype="Denied" ... duration=0 ...
 *         src_ip=A ... dst_ip=B ... protocol="GRE" src_port=0 dst_port=0 sent_pkts=0 recv_pkts=0 sent_bytes=0 recv_bytes=0 ...
 *           connevent="Start|Interim|Stop" ...
 *         The central format has timestamp="2026-11-22T12:00:01+0100", packets_sent, packets_received, con_event.
 *   UTM   2026:11:22-12:00:01 HOST ulogd[PID]: id="2001" severity="info" sys="SecureNet" sub="packetfilter" name="Packet dropped"
 *     action="drop" ... srcip="A" dstip="B"
 *         proto="47" length="564" tos="0x00" prec="0x00" ttl="52"
 *
 * Evidence: SFOS: addresses, time, packets of both directions (one row each), length in time. A name of a zone ("IST", "CST") may mean
 * two: the reader's zone counts then. Octets are left out, nobody documents what they count. A denied packet has all counts 0 and is one
 * packet. Interim lines repeat counts of the line at the end: no record. UTM: netfilter's own values: length is the IP total length, and
 * ttl. No DF, so such a line is no remnant by length.
 *
 * Source: Sophos Firewall Syslog Guide (firewall log fields); Sophos UTM Administration Guide, packet filter log. Public GRE lines: none
 * found.
 */
#include "source/log/record.h"

struct fields {
	log_cell src, dst, protocol, date, time, zone, stamp, event, seconds, length, ttl, sub;
	struct log_sides sides;
};

static void collect(log_cell m, struct fields *f)
{
	const struct log_wanted wanted[] = {
		{ LOG_CELL("src_ip"), &f->src },
		{ LOG_CELL("srcip"), &f->src },
		{ LOG_CELL("dst_ip"), &f->dst },
		{ LOG_CELL("dstip"), &f->dst },
		{ LOG_CELL("protocol"), &f->protocol },
		{ LOG_CELL("proto"), &f->protocol },
		{ LOG_CELL("date"), &f->date },
		{ LOG_CELL("time"), &f->time },
		{ LOG_CELL("timezone"), &f->zone },
		{ LOG_CELL("timestamp"), &f->stamp },
		{ LOG_CELL("connevent"), &f->event },
		{ LOG_CELL("con_event"), &f->event },
		{ LOG_CELL("duration"), &f->seconds },
		{ LOG_CELL("con_duration"), &f->seconds },
		{ LOG_CELL("length"), &f->length },
		{ LOG_CELL("ttl"), &f->ttl },
		{ LOG_CELL("sub"), &f->sub },
		{ LOG_CELL("sent_pkts"), &f->sides.packets[0] },
		{ LOG_CELL("packets_sent"), &f->sides.packets[0] },
		{ LOG_CELL("recv_pkts"), &f->sides.packets[1] },
		{ LOG_CELL("packets_received"), &f->sides.packets[1] },
	};

	log_wanted_find(m, wanted, sizeof wanted / sizeof *wanted);
}

/* "2026:11:22-12:00:01" at the line's start: the UTM's own, where the prefix took it for nothing. */
static void utm_time(const struct log_line *line, struct log_row *row)
{
	log_cell all = log_record(line);
	log_cell word = log_token(&all);
	char date[10];

	if (word.len > 0 && word.text[0] == '<')
		log_until(&word, '>');
	if (word.len != 19 || word.text[4] != ':' || word.text[7] != ':' || word.text[10] != '-')
		return;
	memcpy(date, word.text, sizeof date);
	date[4] = date[7] = '-';
	if (log_time_join(row, (log_cell){ date, sizeof date }, log_from(word, word.text + 11), (log_cell){ NULL, 0 }))
		row->time.text = word;
	else
		row->bad = NULL; /* the prefix may have known better */
}

static enum log_word utm_read(const struct log_line *line, struct log_row *row, const struct fields *f)
{
	if (!log_set_src(row, f->src) || !log_set_dst(row, f->dst))
		return LOG_BAD;
	log_set_ttl(row, f->ttl);
	if (row->sighting.src.family == 4)
		log_set_ip_len(row, f->length);
	utm_time(line, row);
	return LOG_GRE;
}

static bool sfos_time(struct log_row *row, const struct fields *f)
{
	if (f->stamp.len > 0)
		return log_set_time(row, f->stamp);
	return f->date.len == 0 || log_time_join(row, f->date, f->time, f->zone);
}

static enum log_word sophos_read(const struct log_line *line, void *state, struct log_row *row)
{
	struct fields f = { 0 };

	(void)state;
	const log_cell all = log_record(line);
	const bool utm = log_find(all, "sub=\"packetfilter\"") != NULL;
	if (!utm && (!log_find(all, "log_component=") || !log_find(all, "src_ip=")))
		return LOG_NO;
	collect(all, &f);
	if (log_protocol(f.protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (utm)
		return utm_read(line, row, &f);
	if (log_is(f.event, "interim"))
		return LOG_OTHER;
	if (!log_set_src(row, f.src) || !log_set_dst(row, f.dst) || !sfos_time(row, &f))
		return LOG_BAD;
	log_seconds_set(row, f.seconds, false);
	return log_sides_end(line, row, &f.sides);
}

static const char *const needles[] = { "protocol=\"gre\"", "protocol=\"47\"", "protocol=gre", "protocol=47", "proto=\"47\"", NULL };

const struct log_format log_sophos = {
	.name = "sophos",
	.what = "Sophos Firewall (SFOS), Sophos UTM",
	.needles = needles,
	.read = sophos_read,
	.no_public_sample = true,
};
