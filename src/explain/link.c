/* link.c - what lies below IP: Ethernet, SNAP, Linux cooked, PPP, BSD loopback */
#include "explain/fields.h"

#include <stdio.h>

const char *explain_ethertype(uint64_t v)
{
	const char *name = gs_gre_proto_name((uint16_t)v);
	return name ? name : "";
}

void explain_eth(struct explain *x, const struct gs_layer *l)
{
	static const struct field addresses[] = { { "eth.dst", 0, 6, .show = SHOW_MAC }, { "eth.src", 6, 6, .show = SHOW_MAC } };
	static const struct field type[] = { { "eth.type", 12, 2, .show = SHOW_HEX, .words = explain_ethertype } };
	static const struct field length[] = { { "eth.len", 12, 2, .show = SHOW_DEC } };
	uint64_t v;

	(void)l;
	EXPLAIN_FIELDS(x, addresses);
	if (!explain_get(x, 12, 2, &v))
		return;
	if (v >= 0x0600)
		EXPLAIN_FIELDS(x, type);
	else
		EXPLAIN_FIELDS(x, length);
}

void explain_llc(struct explain *x, const struct gs_layer *l)
{
	static const struct field head[] = { { "llc.dsap", 0, 1, .show = SHOW_HEX }, { "llc.ssap", 1, 1, .show = SHOW_HEX } };
	static const struct field snap[] = { { "llc.control", 2, 1, .show = SHOW_HEX, .digits = 4 },
		                             { "llc.oui", 3, 3 },
		                             { "llc.type", 6, 2, .show = SHOW_HEX, .words = explain_ethertype } };

	EXPLAIN_FIELDS(x, head);
	if (l->len >= 8)
		EXPLAIN_FIELDS(x, snap);
}

static const char *packet_type(uint64_t v)
{
	static const char *const words[] = { "to us", "broadcast", "multicast", "to another host", "sent by us" };
	return v < sizeof words / sizeof *words ? words[v] : "";
}

void explain_sll(struct explain *x, const struct gs_layer *l)
{
	static const struct field one[] = { { "sll.pkttype", 0, 2, .words = packet_type }, { "sll.hatype", 2, 2 }, { "sll.halen", 4, 2 } };
	static const struct field one_type[] = { { "sll.etype", 14, 2, .show = SHOW_HEX, .words = explain_ethertype } };
	static const struct field two[] = { { "sll.etype", 0, 2, .show = SHOW_HEX, .words = explain_ethertype },
		                            { "sll.ifindex", 4, 4 },
		                            { "sll.hatype", 8, 2 },
		                            { "sll.pkttype", 10, 1, .words = packet_type },
		                            { "sll.halen", 11, 1 } };

	if (x->f->linktype == GS_LINK_LINUX_SLL2) {
		EXPLAIN_FIELDS(x, two);
		return;
	}
	(void)l;
	EXPLAIN_FIELDS(x, one);
	EXPLAIN_FIELDS(x, one_type);
}

static const char *ppp_proto(uint64_t v)
{
	switch (v) {
	case 0x0021:
		return "IPv4";
	case 0x0057:
		return "IPv6";
	case 0x00fd:
		return "compressed or encrypted datagram";
	case 0x8021:
		return "IP control";
	case 0x8057:
		return "IPv6 control";
	case 0x80fd:
		return "compression control";
	case 0xc021:
		return "link control";
	case 0xc023:
		return "password authentication";
	case 0xc223:
		return "challenge handshake authentication";
	default:
		return "";
	}
}

/* Address and control, and the first octet of the protocol, may be compressed away. */
void explain_ppp(struct explain *x, const struct gs_layer *l)
{
	static const struct field head[] = { { "ppp.address", 0, 1, .show = SHOW_HEX }, { "ppp.control", 1, 1, .show = SHOW_HEX } };
	static const struct field proto[] = { { "ppp.protocol", 0, 2, .show = SHOW_HEX, .words = ppp_proto } };
	static const struct field compressed[] = { { "ppp.protocol", 0, 1, .show = SHOW_HEX, .digits = 4, .words = ppp_proto } };
	uint64_t first;

	(void)l;
	if (!explain_get(x, 0, 1, &first))
		return;
	if (first == 0xff) {
		EXPLAIN_FIELDS(x, head);
		x->off += 2;
		if (!explain_get(x, 0, 1, &first))
			return;
	}
	if (first & 1)
		EXPLAIN_FIELDS(x, compressed);
	else
		EXPLAIN_FIELDS(x, proto);
}

/* The address family is in the byte order of the machine that captured (type 0), or the network's (type 108). */
void explain_null(struct explain *x, const struct gs_layer *l)
{
	uint64_t family;
	char value[16];

	(void)l;
	if (!explain_get(x, 0, 4, &family))
		return;
	if (family & 0xffff0000)
		family = __builtin_bswap32((uint32_t)family);
	snprintf(value, sizeof value, "%u", (unsigned)family);
	explain_row(x, "null.family", x->off, 4, value, family == 2 ? "IPv4" : "", x->source);
}
