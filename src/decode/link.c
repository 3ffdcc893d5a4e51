/*
 * link.c - everything below IP: the link types of capture files and the tags between them and IP
 *
 * Layouts: IEEE 802.3, 802.1Q, 802.1ad; RFC 3032 (MPLS); RFC 2516 (PPPoE); RFC 1661, 1662 (PPP); tcpdump.org/linktypes.html for the rest.
 * The same functions read Ethernet, VLAN, MPLS and PPP inside GRE.
 */
#include "decode/dissect.h"

struct step decode_eth(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	gs_skip(&w->c, 12);
	uint16_t type = gs_get_be16(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_ETH, off);
	if (w->in_gre && !(w->p->has & (GS_HAS_MACS | GS_HAS_INNER))) {
		w->p->has |= GS_HAS_MACS;
		w->p->mac_off = off;
	}
	return type == 0x0800 ? STEP(IPV4, 0) : STEP(ETHERTYPE, type);
}

/* 802.2 LLC: SNAP names an EtherType; anything else is no IP. */
struct step decode_llc(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	uint8_t dsap = gs_get_u8(&w->c), ssap = gs_get_u8(&w->c), control = gs_get_u8(&w->c);
	if (w->c.short_)
		return walk_short(w);
	if (dsap == 0xaa && ssap == 0xaa && control == 0x03) {
		const uint8_t *oui = gs_get_bytes(&w->c, 3);
		uint16_t type = gs_get_be16(&w->c);
		if (w->c.short_)
			return walk_short(w);
		walk_layer(w, GS_LAYER_LLC, off);
		bool ethertype = oui[0] == 0 && oui[1] == 0 && (oui[2] == 0 || oui[2] == 0xf8); /* RFC 1042; 0000f8 bridges pass on */
		return ethertype && type >= 0x0600 ? STEP(ETHERTYPE, type) : STEP_END;
	}
	walk_layer(w, GS_LAYER_LLC, off);
	return STEP_END; /* spanning tree, IS-IS and their kind: known, and no IP inside */
}

struct step decode_vlan(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	gs_skip(&w->c, 2);
	uint16_t type = gs_get_be16(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_VLAN, off);
	return STEP(ETHERTYPE, type);
}

/* One label; after the bottom of the stack the first nibble guesses the payload (RFC 4928 s3), for nothing else says. */
struct step decode_mpls(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	uint32_t entry = gs_get_be32(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_MPLS, off);
	if (!(entry & 0x100))
		return STEP(MPLS, 0);
	if (gs_cursor_left(&w->c) == 0)
		return w->c.limit > w->c.off ? (gs_skip(&w->c, 1), walk_short(w)) : STEP_END;
	uint8_t nibble = gs_peek_u8(&w->c, 0) >> 4;
	if (nibble == 4 || nibble == 6)
		return STEP(IP, 0);
	if (nibble == 0 && gs_cursor_left(&w->c) >= 18) { /* pseudowire control word, Ethernet behind it (RFC 4448 s4.6) */
		gs_skip(&w->c, 4);
		return STEP(ETH, 0);
	}
	return walk_unknown(w);
}

struct step decode_pppoe(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	gs_skip(&w->c, 1);
	uint8_t code = gs_get_u8(&w->c);
	gs_skip(&w->c, 2);
	uint16_t len = gs_get_be16(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_PPPOE, off);
	if (code != 0)
		return STEP_END;
	gs_cursor_bound(&w->c, len);
	return STEP(PPP, 0);
}

/*
 * PPP: address and control (ff 03) may be compressed away, and so may the first octet of the protocol number, whose last octet is always odd
 * (RFC 1661 s2, s6.5). Inside PPTP all four forms occur.
 */
struct step decode_ppp(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;
	uint16_t proto;

	(void)arg;
	uint8_t first = gs_get_u8(&w->c);
	if (first == 0xff && gs_get_u8(&w->c) == 0x03) /* ff is no protocol (RFC 1661 s2), so control must follow */
		first = gs_get_u8(&w->c);
	proto = first & 1 ? first : (uint16_t)(first << 8 | gs_get_u8(&w->c));
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_PPP, off);
	if (w->in_gre && w->p->n_gre == 1 && !w->p->ppp_proto_set) {
		w->p->ppp_proto = proto;
		w->p->ppp_proto_set = 1;
	}
	switch (proto) {
	case 0x0021:
		return STEP(IPV4, 0);
	case 0x0057:
		return STEP(IPV6, 0);
	case 0x0281:
	case 0x0283:
		return STEP(MPLS, 0);
	case 0x00fd: /* compressed datagram, RFC 1962; MPPE too, RFC 3078 */
	case 0x00fb:
	case 0x0053: /* encrypted, RFC 1968 */
	case 0x0055:
		return w->in_gre ? walk_stop(w, GS_STOP_OPAQUE) : STEP_END;
	default: /* 0x8000 and up: control protocols, known and without IP inside */
		return proto & 0x8000 ? STEP_END : walk_unknown(w);
	}
}

struct step decode_chdlc(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	gs_skip(&w->c, 2);
	uint16_t type = gs_get_be16(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_CHDLC, off);
	return STEP(ETHERTYPE, type);
}

/* BSD loopback: an address family in the byte order of the machine that captured; families of the systems that use it. */
static struct step decode_null(struct walk *w)
{
	uint32_t family = gs_get_be32(&w->c);

	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_NULL, 0);
	if (family & 0xffff0000)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return STEP(IPV4, 0);
	case 10: /* Linux, Windows 23, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30 */
	case 23:
	case 24:
	case 28:
	case 30:
		return STEP(IPV6, 0);
	default:
		return STEP_END;
	}
}

static struct step decode_sll(struct walk *w, uint32_t proto_off, uint32_t header)
{
	struct gs_cursor c = w->c;

	gs_skip(&w->c, header);
	if (w->c.short_)
		return walk_short(w);
	gs_skip(&c, proto_off);
	walk_layer(w, GS_LAYER_SLL, 0);
	uint16_t type = gs_get_be16(&c);
	return type < 0x0600 ? (type == 4 ? STEP(LLC, 0) : STEP_END) : STEP(ETHERTYPE, type); /* below: Linux's own numbers; 4 is 802.2 */
}

struct step decode_link(struct walk *w)
{
	switch (w->f->linktype) {
	case GS_LINK_ETHERNET:
		return decode_eth(w, 0);
	case GS_LINK_RAW:
	case GS_LINK_RAW_BSD:
	case GS_LINK_RAW_OPENBSD:
		walk_layer(w, GS_LAYER_RAW, 0);
		return STEP(IP, 0);
	case GS_LINK_IPV4:
		walk_layer(w, GS_LAYER_RAW, 0);
		return STEP(IPV4, 0);
	case GS_LINK_IPV6:
		walk_layer(w, GS_LAYER_RAW, 0);
		return STEP(IPV6, 0);
	case GS_LINK_NULL:
	case GS_LINK_LOOP:
		return decode_null(w);
	case GS_LINK_LINUX_SLL:
		return decode_sll(w, 14, 16);
	case GS_LINK_LINUX_SLL2:
		return decode_sll(w, 0, 20);
	case GS_LINK_PPP:
	case GS_LINK_PPP_HDLC: /* may also be Cisco HDLC, which starts with 0f or 8f */
		if (gs_peek_u8(&w->c, 0) == 0x0f || gs_peek_u8(&w->c, 0) == 0x8f)
			return STEP(CHDLC, 0);
		return STEP(PPP, 0);
	case GS_LINK_PPP_PPPD: /* the address octet tells the direction instead */
		gs_skip(&w->c, 1);
		if (gs_peek_u8(&w->c, 0) == 0x03)
			gs_skip(&w->c, 1);
		return STEP(PPP, 0);
	case GS_LINK_PPP_ETHER:
		return STEP(PPPOE, 0);
	case GS_LINK_C_HDLC:
		return STEP(CHDLC, 0);
	case GS_LINK_MPLS:
		return STEP(MPLS, 0);
	default: /* IEEE 802.11 too: telescopes and mirror ports do not see it, and its captures need decryption more often than not */
		return walk_lost(w, GS_LOST_LINKTYPE);
	}
}
