/*
 * carriers.c - GRE that does not sit directly in a packet to us: quoted by an ICMP error, or carried in UDP
 *
 * ICMP: RFC 792 (types 3, 4, 5, 11, 12), RFC 4443 (types 1 to 4); RFC 4884 says where the quote ends if extensions follow.
 * UDP: RFC 8086 (GRE in UDP, 4754; 4755 with DTLS, whose plain use occurs), RFC 8926 (Geneve, 6081), RFC 7348 (VXLAN, 4789; 8472 before it had
 * a number), draft-ietf-intarea-gue (GUE, 6080). Ports are a guess by nature, so a frame that does not hold what its port promises is simply not GRE.
 */
#include "decode/dissect.h"

struct step decode_icmp_quote(struct walk *w, bool v6)
{
	struct gs_packet *p = w->p;
	uint32_t off = w->c.off;

	const uint8_t *h = gs_get_bytes(&w->c, 8);
	if (!h)
		return STEP_END;
	bool error = v6 ? h[0] >= 1 && h[0] <= 4 : h[0] == 3 || h[0] == 4 || h[0] == 5 || h[0] == 11 || h[0] == 12;
	if (!error || !walk_layer(w, v6 ? GS_LAYER_ICMPV6 : GS_LAYER_ICMP, off))
		return STEP_END;
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	p->quoter = p->src;
	p->via = GS_VIA_ICMP;
	p->fragment = 0; /* of the error, not of what it quotes */
	w->quoted = true;
	uint32_t quote = v6 ? h[4] * 8u : h[5] * 4u; /* 0: no extensions, the quote takes the rest */
	bool has_length = v6 ? h[0] == 1 || h[0] == 3 : h[0] == 3 || h[0] == 11 || h[0] == 12; /* elsewhere MTU, pointer, gateway stand there */
	if (quote && has_length)
		gs_cursor_bound(&w->c, quote);
	return STEP(IP, 0);
}

static struct step decode_geneve(struct walk *w)
{
	uint32_t off = w->c.off;
	uint8_t first = gs_get_u8(&w->c);

	gs_skip(&w->c, 1);
	uint16_t type = gs_get_be16(&w->c);
	gs_skip(&w->c, 4 + (first & 0x3fu) * 4);
	if (w->c.short_ || first >> 6 != 0 || !walk_layer(w, GS_LAYER_GENEVE, off))
		return STEP_END;
	return STEP(ETHERTYPE, type);
}

static struct step decode_vxlan(struct walk *w)
{
	uint32_t off = w->c.off;
	uint8_t flags = gs_get_u8(&w->c);

	gs_skip(&w->c, 7);
	if (w->c.short_ || !(flags & 0x08) || !walk_layer(w, GS_LAYER_VXLAN, off))
		return STEP_END;
	return STEP(ETH, 0);
}

/* GUE version 0 has a header that names an IP protocol; version 1 is IP itself, told by its first bits. */
static struct step decode_gue(struct walk *w)
{
	uint32_t off = w->c.off;
	uint8_t first = gs_get_u8(&w->c);

	if (w->c.short_)
		return STEP_END;
	if (first >> 6 == 1) {
		w->c.off = off;
		return STEP(IP, 0);
	}
	uint8_t proto = gs_get_u8(&w->c);
	gs_skip(&w->c, 2 + (first & 0x1fu) * 4);
	if (w->c.short_ || first >> 6 != 0 || first & 0x20 /* control message */ || !walk_layer(w, GS_LAYER_GUE, off))
		return STEP_END;
	return STEP(IPPROTO, proto);
}

struct step decode_udp_tunnel(struct walk *w)
{
	uint32_t off = w->c.off;

	const uint8_t *h = gs_get_bytes(&w->c, 8);
	if (!h || w->udp_off)
		return STEP_END;
	uint16_t port = (uint16_t)(h[2] << 8 | h[3]);
	uint16_t len = (uint16_t)(h[4] << 8 | h[5]);
	if (port != 4754 && port != 4755 && port != 6081 && port != 4789 && port != 8472 && port != 6080)
		return STEP_END;
	if (len >= 8)
		gs_cursor_bound(&w->c, len - 8u);
	walk_layer(w, GS_LAYER_UDP, off);
	w->udp_off = off;
	w->p->via = GS_VIA_UDP;
	w->quoted = true; /* as with a quote: what cannot be read is not lost, for it was no protocol 47 */
	switch (port) {
	case 6081:
		return decode_geneve(w);
	case 4789:
	case 8472:
		return decode_vxlan(w);
	case 6080:
		return decode_gue(w);
	default: /* a DTLS record (4755) reads as version 6: its second octet is fe */
		return gs_cursor_left(&w->c) < 4 || (gs_peek_u8(&w->c, 1) & 7) > 1 ? STEP_END : STEP(GRE, 0);
	}
}
