/*
 * netfilter.c - the kernel's LOG target and log statement: iptables, nftables, UFW, firewalld, Shorewall, OpenWrt; ulogd's LOGEMU writes the same
 *
 *   [UFW BLOCK] IN=eth0 OUT= MAC=.. SRC=192.0.2.1 DST=198.51.100.1 LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID=51958 DF PROTO=47
 *   IN=eth0 OUT= SRC=2001:db8::1 DST=2001:db8::2 LEN=564 TC=0 HOPLIMIT=49 FLOWLBL=0 PROTO=47
 *
 * The kernel names few protocols; 47 is a number there. LEN before PROTO is the IP total length, for IPv6 with its header. An ICMP error quotes a packet in brackets,
 * with SRC, DST and PROTO of its own: not the packet that was logged. Lines of two processors run into each other: a new IN= begins a new packet, what it interrupted is
 * lost where it had no PROTO yet. A later fragment (FRAG:185) is a packet of its protocol like any other: the log knows no more.
 *
 * Source: net/ipv4/netfilter/nf_log_ipv4.c and nf_log_ipv6.c, later net/netfilter/nf_log_syslog.c, of Linux.
 */
#include "source/log.h"

#include <string.h>

static const char *const needles[] = { "proto=47", "proto=gre", NULL };

/* "IN=", a name or nothing, " OUT=": the place of IN=, which a prefix may touch ("DROPIN=eth0 OUT="). NULL: none. */
static const char *packet_find(log_cell c)
{
	for (const char *p; (p = log_find(c, "IN=")); c = log_from(c, p + 3)) {
		log_cell rest = log_from(c, p + 3);
		if (rest.len && rest.text[0] != ' ')
			log_token(&rest);
		if (log_starts(rest, " OUT="))
			return p;
	}
	return NULL;
}

struct packet {
	log_cell src, dst, len, ttl, proto;
	bool has_id, df, twice; /* twice: a field that a packet has once came again */
};

static void field_keep(struct packet *k, log_cell *field, log_cell value)
{
	k->twice |= field->text && k->proto.text == NULL;
	if (!field->text)
		*field = value;
}

/* Walks the words of one packet. Result: where the next packet begins, or the end. */
static log_cell packet_walk(log_cell c, struct packet *k)
{
	bool quoted = false;

	for (;;) {
		log_cell before = c, word = log_token(&c), value = word;
		if (word.len == 0)
			return c;
		if (word.text[0] == '[')
			quoted = true;
		const bool unquotes = quoted && word.text[word.len - 1] == ']';
		if (quoted) {
			quoted = !unquotes;
			continue;
		}
		const char *next = word.len >= 3 ? memmem(word.text, word.len, "IN=", 3) : NULL;
		if (next && packet_find(log_from(before, next)) == next) {
			if (k->proto.text)
				return log_from(before, next);
			*k = (struct packet){ 0 };
		} else if (word.len == 2 && memcmp(word.text, "DF", 2) == 0) {
			k->df = true;
		} else if (word.len < 4 || word.text[0] < 'A' || word.text[0] > 'Z') {
			continue;
		} else if (log_take(&value, "SRC=")) {
			field_keep(k, &k->src, value);
		} else if (log_take(&value, "DST=")) {
			field_keep(k, &k->dst, value);
		} else if (log_take(&value, "LEN=")) {
			if (!k->proto.text)
				field_keep(k, &k->len, value);
		} else if (log_take(&value, "TTL=") || log_take(&value, "HOPLIMIT=")) {
			field_keep(k, &k->ttl, value);
		} else if (log_take(&value, "ID=")) {
			k->has_id = true;
		} else if (log_take(&value, "PROTO=")) {
			field_keep(k, &k->proto, value);
		}
	}
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
		return log_fail(row, "line, two packets in one", k->src), LOG_BAD;
	if (!log_set_src(row, k->src) || !log_set_dst(row, k->dst))
		return LOG_BAD;
	log_set_ip_len(row, k->len);
	log_set_ttl(row, k->ttl);
	if (row->sighting.src.family == 4 && k->has_id)
		log_set_df(row, k->df);
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
