/*
 * ip.c - IPv4 and IPv6: the header that carries GRE, the headers around it, and the first one inside it
 *
 * The IP length bounds what follows, never the frame: Ethernet pads short packets. Before GRE, tunnels of IP in IP are followed, so `src` and `dst`
 * are those of the header that directly carries GRE. Past GRE the first header is the `inner` one; later ones only count as layers.
 * Source: RFC 791 s3.1, RFC 8200 s3-4, RFC 4302 s2 (AH), RFC 2003, RFC 4213.
 */
#include "decode/dissect.h"

#define PROTO_HOPOPTS 0
#define PROTO_IPV4 4
#define PROTO_IPV6 41
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_GRE 47
#define PROTO_AH 51
#define PROTO_DSTOPTS 60
#define PROTO_MOBILITY 135
#define PROTO_HIP 139
#define PROTO_SHIM6 140
#define PORT_PPTP 1723

/* Where a packet of n octets from here ends. The frame's wire length is no bound for the first header or a quoted one: the capture cut it. */
static void ip_bound(struct walk *w, uint32_t off, uint32_t n)
{
	if (w->in_gre || (w->ip_seen && (!w->quoted || w->udp_off))) {
		uint32_t gone = w->c.off - off;
		gs_cursor_bound(&w->c, n > gone ? n - gone : 0);
		return;
	}
	w->c.limit = off + n < off ? UINT32_MAX : off + n;
	if (w->c.limit < w->c.off)
		w->c.limit = w->c.off;
	if (w->c.end > w->c.limit)
		w->c.end = w->c.limit;
}

/* Whether this is the first IP header after the outermost GRE header and before any second one. */
static bool is_inner(const struct walk *w)
{
	return w->in_gre && w->p->n_gre == 1 && !(w->p->has & GS_HAS_INNER);
}

struct step decode_ip(struct walk *w, uint16_t arg)
{
	(void)arg;
	if (gs_cursor_left(&w->c) == 0) {
		gs_skip(&w->c, 1);
		return walk_short(w);
	}
	switch (gs_peek_u8(&w->c, 0) >> 4) {
	case 4:
		return STEP(IPV4, 0);
	case 6:
		return STEP(IPV6, 0);
	default:
		return walk_bad(w);
	}
}

/* A later fragment of protocol 47 before GRE: counted, no row. Past GRE: the inner header is known, what follows is not. */
static struct step later_fragment(struct walk *w, uint8_t proto)
{
	if (!w->in_gre && !w->quoted && proto == PROTO_GRE)
		w->p->outcome = GS_OUT_FRAGMENT;
	return STEP_END;
}

/* A captured part too short for the header can still say that the packet is none of ours. */
static struct step ipv4_cut(struct walk *w, uint32_t off)
{
	if (!w->in_gre && !w->quoted && w->c.end - off >= 10) {
		switch (w->f->data[off + 9]) {
		case 1:
		case PROTO_IPV4:
		case 17:
		case PROTO_IPV6:
		case PROTO_GRE:
		case PROTO_AH:
			break;
		default:
			return STEP_END;
		}
	}
	return walk_short(w);
}

/* Whether a TCP header at `off` belongs to PPTP's control connection (RFC 2637 s2), by its ports alone. classify/control.h reads on. */
static bool is_control(const struct walk *w, uint32_t off)
{
	if (w->quoted || w->c.end < off || w->c.end - off < 4)
		return false;
	const uint8_t *ports = w->f->data + off;
	return (ports[2] << 8 | ports[3]) == PORT_PPTP || (ports[0] << 8 | ports[1]) == PORT_PPTP;
}

struct step decode_ipv4(struct walk *w, uint16_t arg)
{
	struct gs_packet *p = w->p;
	uint32_t off = w->c.off;

	(void)arg;
	const uint8_t *h = gs_get_bytes(&w->c, 20);
	if (!h)
		return ipv4_cut(w, off);
	uint32_t header = (h[0] & 15u) * 4, total = (uint32_t)(h[2] << 8 | h[3]);
	uint16_t frag = (uint16_t)(h[6] << 8 | h[7]);
	uint8_t proto = h[9];
	bool bad = h[0] >> 4 != 4 || header < 20 || (total && total < header);

	if (bad && (w->in_gre || w->quoted || proto != PROTO_GRE || h[0] >> 4 != 4))
		return walk_bad(w);
	if (!w->in_gre) {
		/* quick way out: most frames are TCP and carry nothing for us */
		if (proto == 6 && (frag & 0x1fff || !is_control(w, off + header)))
			return STEP_END;
		p->ip_off = off;
		gs_addr_set_v4(&p->src, h + 12);
		gs_addr_set_v4(&p->dst, h + 16);
		p->ip_version = 4;
		p->ip_hdr_len = (uint8_t)header;
		p->tos = h[1];
		p->ttl = h[8];
		p->ip_id = (uint16_t)(h[4] << 8 | h[5]);
		p->df = frag >> 14 & 1;
		p->fragment |= frag >> 13 & 1; /* of any header on the way: the rest is in another frame */
		/* total length 0: the sender's card was to fill it in (segmentation offload); the frame tells it then */
		p->ip_len = total ? total : (w->f->wirelen > off ? w->f->wirelen - off : 20);
		if (proto == 6) {
			p->control_off = off + header;
			return STEP_END;
		}
	} else if (is_inner(w)) {
		p->has |= GS_HAS_INNER;
		p->inner_off = off;
		gs_addr_set_v4(&p->inner_src, h + 12);
		gs_addr_set_v4(&p->inner_dst, h + 16);
		p->inner_version = 4;
		p->inner_tos = h[1];
		p->inner_ttl = h[8];
		p->inner_id = (uint16_t)(h[4] << 8 | h[5]);
		p->inner_df = frag >> 14 & 1;
		p->inner_fragment = (frag & 0x3fff) != 0;
		p->inner_proto = proto;
		p->inner_len = total ? total : w->c.limit - off;
	}
	gs_skip(&w->c, bad ? 0 : header - 20);
	if (w->c.short_ && proto != PROTO_GRE)
		return walk_short(w);
	if (bad)
		ip_bound(w, off, 20); /* protocol 47 behind a header that lies: a row, but nothing to decode */
	else if (total)
		ip_bound(w, off, total);
	w->ip_seen = true;
	if (!walk_layer(w, GS_LAYER_IPV4, off))
		return STEP_END;
	if (frag & 0x1fff)
		return later_fragment(w, proto);
	return proto == PROTO_GRE ? STEP(GRE, 0) : STEP(IPPROTO, proto);
}

/*
 * Extension headers up to the one that matters: hop-by-hop, routing, destination options, mobility, HIP, shim6 have a length in units of 8 octets,
 * AH of 4, the fragment header a fixed one. Returns the protocol behind them, or -1 and the walk's next step.
 */
static int ipv6_extensions(struct walk *w, uint8_t next, struct step *ret)
{
	for (;;) {
		uint32_t off = w->c.off;
		uint8_t after;

		switch (next) {
		case PROTO_HOPOPTS:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
		case PROTO_MOBILITY:
		case PROTO_HIP:
		case PROTO_SHIM6:
			after = gs_get_u8(&w->c);
			gs_skip(&w->c, gs_get_u8(&w->c) * 8u + 6);
			break;
		case PROTO_FRAGMENT: {
			after = gs_get_u8(&w->c);
			gs_skip(&w->c, 1);
			uint16_t frag = gs_get_be16(&w->c);
			gs_skip(&w->c, 4);
			if (w->c.short_)
				break;
			if (!w->in_gre)
				w->p->fragment |= frag & 1;
			if (frag & 0xfff8) {
				*ret = later_fragment(w, after);
				return -1;
			}
			break;
		}
		default:
			return next;
		}
		if (w->c.short_) {
			*ret = walk_chain_short(w);
			return -1;
		}
		if (!walk_layer(w, GS_LAYER_IPV6_EXT, off)) {
			*ret = walk_depth(w);
			return -1;
		}
		next = after;
	}
}

struct step decode_ipv6(struct walk *w, uint16_t arg)
{
	struct gs_packet *p = w->p;
	uint32_t off = w->c.off;
	struct step s;

	(void)arg;
	const uint8_t *h = gs_get_bytes(&w->c, 40);
	if (!h)
		return walk_short(w);
	uint32_t payload = (uint32_t)(h[4] << 8 | h[5]);
	if (h[0] >> 4 != 6)
		return walk_bad(w);
	if (!w->in_gre) {
		p->ip_off = off;
		gs_addr_set_v6(&p->src, h + 8);
		gs_addr_set_v6(&p->dst, h + 24);
		p->ip_version = 6;
		p->ip_hdr_len = 40;
		p->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
		p->ttl = h[7];
		p->ip_id = 0;
		p->df = 1;
		p->ip_len = payload ? payload + 40 : (w->f->wirelen > off ? w->f->wirelen - off : 40);
	} else if (is_inner(w)) {
		p->has |= GS_HAS_INNER;
		p->inner_off = off;
		gs_addr_set_v6(&p->inner_src, h + 8);
		gs_addr_set_v6(&p->inner_dst, h + 24);
		p->inner_version = 6;
		p->inner_tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
		p->inner_ttl = h[7];
		p->inner_df = 1;
		p->inner_proto = h[6];
		p->inner_len = payload ? payload + 40 : w->c.limit - off;
	}
	if (payload)
		ip_bound(w, off, payload + 40);
	w->ip_seen = true;
	if (!walk_layer(w, GS_LAYER_IPV6, off))
		return STEP_END;
	int proto = ipv6_extensions(w, h[6], &s);
	if (proto < 0)
		return s;
	return proto == PROTO_GRE ? STEP(GRE, 0) : STEP(IPPROTO, proto);
}

/* AH hides nothing: what follows it is still readable. */
static struct step decode_ah(struct walk *w)
{
	uint32_t off = w->c.off;

	uint8_t next = gs_get_u8(&w->c);
	gs_skip(&w->c, (gs_get_u8(&w->c) + 2u) * 4 - 2);
	if (w->c.short_)
		return walk_chain_short(w);
	if (!walk_layer(w, GS_LAYER_AH, off))
		return STEP_END;
	return next == PROTO_GRE ? STEP(GRE, 0) : STEP(IPPROTO, next);
}

/* TCP, UDP, SCTP and ICMP of the inner packet: ports and types only if they follow the inner IP header directly. */
static struct step inner_transport(struct walk *w, uint16_t proto)
{
	struct gs_packet *p = w->p;
	uint32_t off = w->c.off;
	bool direct = p->n_gre == 1 && (p->has & GS_HAS_INNER) && p->l4_off == 0 && p->inner_proto == proto;

	switch (proto) {
	case 6:
	case 17:
	case 132: {
		uint16_t sport = gs_get_be16(&w->c), dport = gs_get_be16(&w->c);
		if (w->c.short_)
			return walk_short(w);
		if (direct) {
			p->has |= GS_HAS_PORTS;
			p->inner_sport = sport;
			p->inner_dport = dport;
			p->l4_off = off;
		}
		if (proto == 17) {
			uint16_t len = gs_get_be16(&w->c);
			gs_skip(&w->c, 2);
			if (w->c.short_)
				return walk_short(w);
			uint32_t data = len >= 8 ? len - 8u : 0;
			if (direct) {
				p->has |= GS_HAS_DATA;
				p->data_off = w->c.off;
				p->data_wire_len = data;
				uint32_t left = gs_cursor_left(&w->c);
				p->data_len = left < data ? left : data;
			}
		}
		walk_layer(w, proto == 6 ? GS_LAYER_TCP : proto == 17 ? GS_LAYER_UDP : GS_LAYER_SCTP, off);
		return STEP_END;
	}
	case 1:
	case 58: {
		uint8_t type = gs_get_u8(&w->c), code = gs_get_u8(&w->c);
		if (w->c.short_)
			return walk_short(w);
		if (direct) {
			p->has |= GS_HAS_ICMP;
			p->inner_icmp_type = type;
			p->inner_icmp_code = code;
			p->l4_off = off;
		}
		walk_layer(w, proto == 1 ? GS_LAYER_ICMP : GS_LAYER_ICMPV6, off);
		return STEP_END;
	}
	case 50:
		walk_layer(w, GS_LAYER_ESP, off);
		return walk_stop(w, GS_STOP_OPAQUE);
	case 88:
		walk_layer(w, GS_LAYER_EIGRP, off);
		return STEP_END;
	case 89:
		walk_layer(w, GS_LAYER_OSPF, off);
		return STEP_END;
	case 103:
		walk_layer(w, GS_LAYER_PIM, off);
		return STEP_END;
	default:
		return STEP_END; /* a whole inner IP header was read: decoded, whatever it carries */
	}
}

struct step decode_transport(struct walk *w, uint16_t proto)
{
	switch (proto) {
	case PROTO_GRE:
		return STEP(GRE, 0);
	case PROTO_IPV4:
		return STEP(IPV4, 0);
	case PROTO_IPV6:
		return STEP(IPV6, 0);
	case PROTO_AH:
		return decode_ah(w);
	}
	if (w->in_gre)
		return inner_transport(w, proto);
	if (w->quoted)
		return STEP_END;
	switch (proto) {
	case 1:
		return decode_icmp_quote(w, false);
	case 58:
		return decode_icmp_quote(w, true);
	case 17:
		return decode_udp_tunnel(w);
	case 6:
		if (is_control(w, w->c.off))
			w->p->control_off = w->c.off;
		return STEP_END;
	default:
		return STEP_END;
	}
}
