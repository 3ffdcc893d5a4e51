/*
 * rule_routing.c - a routing protocol over a tunnel: somebody's routers talk to each other
 *
 * OSPF 89 (RFC 2328), EIGRP 88 (RFC 7868), PIM 103 (RFC 7761) by inner protocol; RIP 520 and 521, BGP 179 (RFC 4271), BFD 3784, 3785, 4784 (RFC 5881 s4, 5883) by
 * inner port, with the multicast groups 224.0.0.0/24 and TTL 1 as further evidence.
 */
#include "classify/rules.h"

static bool local_multicast(const struct gs_packet *p)
{
	const uint8_t *d = p->inner_dst.b;
	return p->inner_dst.family == 4 ? d[0] == 224 && d[1] == 0 && d[2] == 0 : d[0] == 0xff && (d[1] & 0x0f) == 2;
}

static bool port(const struct gs_packet *p, uint16_t n)
{
	return p->has & GS_HAS_PORTS && (p->inner_sport == n || p->inner_dport == n);
}

static bool routing(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_verdict r = { .class_ = GS_CLASS_TUNNEL_ROUTING, .confidence = 80 };

	(void)f;
	if (!(p->has & GS_HAS_INNER))
		return false;
	switch (p->inner_proto) {
	case 88:
	case 89:
	case 103:
		r.evidence = GS_EVIDENCE(INNER_PROTO);
		break;
	case 6:
		if (!port(p, 179))
			return false;
		r.evidence = GS_EVIDENCE(INNER_PORT);
		break;
	case 17: /* the destination port must say so: a flood with random source ports meets 520 now and then */
		if (p->inner_dport != 520 && p->inner_dport != 521 && p->inner_dport != 3784 && p->inner_dport != 3785 && p->inner_dport != 4784)
			return false;
		if (!local_multicast(p) && p->inner_ttl != 1 && p->inner_ttl < 254)
			return false;
		r.evidence = GS_EVIDENCE(INNER_PORT);
		break;
	default:
		return false;
	}
	if (local_multicast(p)) {
		r.evidence |= GS_EVIDENCE(INNER_DST);
		r.confidence = 90;
	}
	if (p->inner_ttl == 1)
		r.evidence |= GS_EVIDENCE(TTL_ONE);
	*v = r;
	return true;
}

const struct gs_rule rule_routing = {
	.name = "routing",
	.source = "RFC 2328, 7868, 7761, 2453, 4271, 5881",
	.wrong = "anybody can send a protocol number or a port; hellos by the clock (`interval`) are better proof",
	.evidence = GS_EVIDENCE(INNER_PROTO) | GS_EVIDENCE(INNER_PORT) | GS_EVIDENCE(INNER_DST) | GS_EVIDENCE(TTL_ONE) | GS_EVIDENCE(INTERVAL),
	.packet = routing,
};
