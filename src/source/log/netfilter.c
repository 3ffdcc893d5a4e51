/*
 * netfilter.c - the kernel's LOG target and log statement: iptables, nftables, UFW, firewalld, Shorewall, OpenWrt; ulogd's LOGEMU writes the same
 *
 *   [UFW BLOCK] IN=eth0 OUT= MAC=.. SRC=192.0.2.1 DST=198.51.100.1 LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID=51958 DF PROTO=47
 *   IN=eth0 OUT= SRC=2001:db8::1 DST=2001:db8::2 LEN=564 TC=0 HOPLIMIT=49 FLOWLBL=0 PROTO=47
 *   IN=eth0 OUT=eth1 MAC source = .. MAC dest = .. proto = 0x0800 IP SRC=192.0.2.1 IP DST=198.51.100.1, IP tos=0x00, IP proto=47       a bridge: ebtables --log-ip
 *   IN=eth0 OUT=eth1 MAC source = .. MAC dest = .. proto = 0x86dd IPv6 SRC=2001:db8::1 IPv6 DST=2001:db8::2, IPv6 priority=0x0, Next Header=47
 *
 * The kernel names few protocols; 47 is a number there. LEN before PROTO is the IP total length, for IPv6 with its header. An ICMP error quotes a packet in brackets,
 * with SRC, DST and PROTO of its own: not the packet that was logged. Lines of two processors run into each other: a new IN= begins a new packet, what it interrupted is
 * lost where it had no PROTO yet. A later fragment (FRAG:185) is a packet of its protocol like any other: the log knows no more.
 *
 * Source: net/ipv4/netfilter/nf_log_ipv4.c and nf_log_ipv6.c, later net/netfilter/nf_log_syslog.c, and net/bridge/netfilter/ebt_log.c, of Linux.
 */
#include "source/log.h"

#include <string.h>

static const char *const needles[] = { "proto=47", "proto=gre", "header=47", NULL };

/* Whether an equals sign is that of "IN=", a name or nothing, " OUT=": a packet begins there. */
static bool packet_begins(const char *start, const char *equals, const char *end)
{
	const char *p = equals + 1;

	if (equals - start < 2 || equals[-1] != 'N' || equals[-2] != 'I')
		return false;
	while (p < end && *p != ' ')
		p++;
	return end - p >= 5 && memcmp(p, " OUT=", 5) == 0;
}

/* Where the first packet begins; a prefix may touch it ("DROPIN=eth0 OUT="). NULL: none. */
static const char *packet_find(log_cell c)
{
	const char *p = c.text, *end = p + c.len;

	while (p < end && (p = memchr(p, '=', (size_t)(end - p)))) {
		if (packet_begins(c.text, p, end))
			return p - 2;
		p++;
	}
	return NULL;
}

struct packet {
	log_cell src, dst, len, ttl, id, proto;
	bool df, twice; /* twice: a field that a packet has once came again */
};

static void field_keep(struct packet *k, log_cell *field, log_cell value)
{
	k->twice |= field->text != NULL;
	if (!field->text)
		*field = value;
}

/* KEY=value. Result: whether it is the protocol, behind which nothing is of interest but another packet. */
static bool field_read(struct packet *k, const char *key, const char *equals, const char *stop)
{
	const log_cell value = { equals + 1, (size_t)(stop - equals - 1) };

	switch (equals - key) {
	case 2:
		if (memcmp(key, "ID", 2) == 0 && !k->id.text)
			k->id = value;
		break;
	case 3:
		if (memcmp(key, "SRC", 3) == 0)
			field_keep(k, &k->src, value);
		else if (memcmp(key, "DST", 3) == 0)
			field_keep(k, &k->dst, (log_cell){ value.text, value.len - (value.len && stop[-1] == ',') });
		else if (memcmp(key, "LEN", 3) == 0)
			field_keep(k, &k->len, value);
		else if (memcmp(key, "TTL", 3) == 0)
			field_keep(k, &k->ttl, value);
		break;
	case 5:
		if (memcmp(key, "PROTO", 5) != 0 && memcmp(key, "proto", 5) != 0)
			break;
		k->proto = value;
		return true;
	case 6:
		if (memcmp(key, "Header", 6) != 0)
			break;
		k->proto = value;
		return true;
	case 8:
		if (memcmp(key, "HOPLIMIT", 8) == 0)
			field_keep(k, &k->ttl, value);
		break;
	default:
		break;
	}
	return false;
}

/* Whether DF is among the words between two fields. */
static bool df_among(const char *p, const char *end)
{
	for (; end - p >= 2; p++)
		if (p[0] == 'D' && p[1] == 'F' && p[-1] == ' ' && (end - p == 2 || p[2] == ' '))
			return true;
	return false;
}

/* Walks the fields of one packet, from one equals sign to the next. Result: where the next packet begins, or the end. */
static log_cell packet_walk(log_cell c, struct packet *k)
{
	const char *p = c.text, *const end = p + c.len, *flags = NULL; /* flags: behind ID */

	while (p < end && (p = memchr(p, '=', (size_t)(end - p)))) {
		const char *const equals = p++;
		const char *key = equals;
		while (key > c.text && key[-1] != ' ' && equals - key < 9)
			key--;
		if (equals - 2 != c.text && packet_begins(c.text, equals, end)) {
			*k = (struct packet){ 0 };
			flags = NULL;
			continue;
		}
		const char *blank = memchr(p, ' ', (size_t)(end - p)), *const stop = blank ? blank : end;
		if (field_read(k, key, equals, stop)) {
			k->df = flags && df_among(flags, key);
			const log_cell behind = log_from(c, stop);
			const char *next = packet_find(behind);
			return log_from(c, next ? next : end);
		}
		if (k->id.text && !flags)
			flags = stop;
	}
	return log_from(c, end);
}

static enum log_word read_packet(const struct packet *k, struct log_row *row)
{
	const enum log_proto proto = log_protocol(k->proto);

	if (proto != LOG_PROTO_GRE) {
		/* "47[1234.5]": two lines in one */
		if (log_starts(k->proto, "47") && (k->proto.len < 3 || k->proto.text[2] < '0' || k->proto.text[2] > '9'))
			return log_fail(row, "protocol", k->proto), LOG_BAD;
		return LOG_OTHER;
	}
	if (k->twice)
		return row->why = "of one packet came twice", log_fail(row, "field", k->src), LOG_BAD;
	if (!log_set_src(row, k->src) || !log_set_dst(row, k->dst))
		return LOG_BAD;
	log_set_ip_len(row, k->len);
	log_set_ttl(row, k->ttl);
	if (row->sighting.src.family == 4 && k->id.text) {
		log_set_ip_id(row, k->id);
		log_set_df(row, k->df);
	}
	return LOG_GRE;
}

static enum log_word netfilter_read(const struct log_line *line, void *state, struct log_row *row)
{
	const char *start = packet_find(line->text);
	struct packet k = { 0 };
	log_cell c = line->text;

	(void)state;
	if (start)
		c = log_from(c, start);
	else if (!log_find(c, " PROTO=") || !(log_find(c, " SRC=") || log_find(c, " DST=") || log_find(c, "LEN=")))
		return LOG_NO;
	row->rest = packet_walk(c, &k);
	const enum log_word word = read_packet(&k, row);
	return word == LOG_OTHER && !start ? LOG_NO : word; /* a sentence about logs, for all that is known */
}

const struct log_format log_netfilter = {
	.name = "netfilter",
	.what = "Linux iptables LOG, nftables log, UFW, firewalld, Shorewall",
	.needles = needles,
	.read = netfilter_read,
};
