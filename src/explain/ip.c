/* ip.c - IPv4 with its options, IPv6 with its extension headers */
#include "explain/fields.h"

#include <stdio.h>

const char *explain_ip_proto(uint64_t v)
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = { { 0, "hop-by-hop options" }, { 1, "ICMP" }, { 2, "IGMP" }, { 4, "IPv4" }, { 6, "TCP" }, { 17, "UDP" }, { 41, "IPv6" }, { 43, "routing header" },
		      { 44, "fragment header" }, { 47, "GRE" }, { 50, "ESP" }, { 51, "AH" }, { 58, "ICMPv6" }, { 59, "nothing" }, { 60, "destination options" },
		      { 88, "EIGRP" }, { 89, "OSPF" }, { 103, "PIM" }, { 112, "VRRP" }, { 132, "SCTP" }, { 135, "mobility header" }, { 139, "HIP" }, { 140, "shim6" } };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].proto == v)
			return names[i].name;
	return "";
}

/* The header's checksum, whole headers only. */
static const char *sum_verdict(const struct explain *x, uint32_t len)
{
	uint64_t word, sum = 0;

	for (uint32_t i = 0; i < len; i += 2) {
		if (!explain_get(x, i, 2, &word))
			return "not captured whole: cannot be checked";
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? "right" : "wrong";
}

void explain_ipv4(struct explain *x, const struct gs_layer *l)
{
	static const struct field head[] = {
		{ "ip.version", 0, 1, 4, 4 },
		{ "ip.hdr_len", 0, 1, 0, 4, .unit = 4 },
		{ "ip.dsfield.dscp", 1, 1, 2, 6 },
		{ "ip.dsfield.ecn", 1, 1, 0, 2 },
		{ "ip.len", 2, 2 },
		{ "ip.id", 4, 2, .show = SHOW_HEX },
		{ "ip.flags.rb", 6, 1, 7, 1, .words = explain_set },
		{ "ip.flags.df", 6, 1, 6, 1, .words = explain_set },
		{ "ip.flags.mf", 6, 1, 5, 1, .words = explain_set },
		{ "ip.frag_offset", 6, 2, 0, 13 },
		{ "ip.ttl", 8, 1 },
		{ "ip.proto", 9, 1, .words = explain_ip_proto },
	};
	static const struct field addresses[] = { { "ip.src", 12, 4, .show = SHOW_IPV4 }, { "ip.dst", 16, 4, .show = SHOW_IPV4 } };
	uint64_t sum, first;
	char value[16];

	EXPLAIN_FIELDS(x, head);
	if (explain_get(x, 10, 2, &sum) && explain_get(x, 0, 1, &first)) {
		snprintf(value, sizeof value, "0x%04x", (unsigned)sum);
		explain_row(x, "ip.checksum", x->off + 10, 2, value, sum_verdict(x, (uint32_t)(first & 15) * 4), x->source);
	}
	EXPLAIN_FIELDS(x, addresses);
	if (l->len > 20)
		explain_row(x, "ip.options", x->off + 20, l->len - 20u, "", "options: source routes, record route, time stamps, router alert", "RFC 791 s3.1");
}

void explain_ipv6(struct explain *x, const struct gs_layer *l)
{
	static const struct field head[] = {
		{ "ipv6.version", 0, 1, 4, 4 },
		{ "ipv6.tclass", 0, 2, 4, 8, .show = SHOW_HEX, .digits = 8 },
		{ "ipv6.flow", 1, 3, 0, 20, .show = SHOW_HEX, .digits = 6 },
		{ "ipv6.plen", 4, 2 },
		{ "ipv6.nxt", 6, 1, .words = explain_ip_proto },
		{ "ipv6.hlim", 7, 1 },
		{ "ipv6.src", 8, 16, .show = SHOW_IPV6 },
		{ "ipv6.dst", 24, 16, .show = SHOW_IPV6 },
	};
	uint64_t next;

	(void)l;
	EXPLAIN_FIELDS(x, head);
	if (explain_get(x, 6, 1, &next))
		x->next_header = (uint16_t)next;
}

void explain_ipv6_ext(struct explain *x, const struct gs_layer *l)
{
	static const struct field fragment[] = {
		{ "ipv6.fraghdr.nxt", 0, 1, .words = explain_ip_proto },
		{ "ipv6.fraghdr.offset", 2, 2, 3, 13 },
		{ "ipv6.fraghdr.more", 3, 1, 0, 1, .words = explain_set },
		{ "ipv6.fraghdr.ident", 4, 4, .show = SHOW_HEX },
	};
	static const struct field hop[] = { { "ipv6.hopopts.nxt", 0, 1, .words = explain_ip_proto }, { "ipv6.hopopts.len", 1, 1 } };
	static const struct field dst[] = { { "ipv6.dstopts.nxt", 0, 1, .words = explain_ip_proto }, { "ipv6.dstopts.len", 1, 1 } };
	static const struct field routing[] = { { "ipv6.routing.nxt", 0, 1, .words = explain_ip_proto },
		                                { "ipv6.routing.len", 1, 1 },
		                                { "ipv6.routing.type", 2, 1 },
		                                { "ipv6.routing.segleft", 3, 1 } };
	static const struct field other[] = { { "ipv6.ext.nxt", 0, 1, .words = explain_ip_proto }, { "ipv6.ext.len", 1, 1 } };
	uint64_t next;

	(void)l;
	switch (x->next_header) {
	case 44:
		x->source = "RFC 8200 s4.5";
		EXPLAIN_FIELDS(x, fragment);
		break;
	case 0:
		x->source = "RFC 8200 s4.3";
		EXPLAIN_FIELDS(x, hop);
		break;
	case 60:
		x->source = "RFC 8200 s4.6";
		EXPLAIN_FIELDS(x, dst);
		break;
	case 43:
		x->source = "RFC 8200 s4.4";
		EXPLAIN_FIELDS(x, routing);
		break;
	default:
		EXPLAIN_FIELDS(x, other);
	}
	if (explain_get(x, 0, 1, &next))
		x->next_header = (uint16_t)next;
}
