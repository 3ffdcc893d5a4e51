/*
 * rule_decap.c - probes for tunnel endpoints that decapsulate for anybody (open tunnels)
 *
 * The packet inside makes its receiver answer, or goes on by itself, to somebody who then knows that this endpoint is open. What no honest tunnel carries is one of its own outer
 * addresses inside: a packet to the outer source would come back through the tunnel it was just sent into, one from the outer destination is delivered to its own sender.
 * The patterns: back to the sender or from the receiver, whatever the protocol; an echo request to the receiver; a packet of the sender's that dies at the receiver (TTL 1, hop limit
 * 0) and so brings forth an ICMP error; hop limit or TTL 0, which no router sends on. UDP to the outer destination is left out: floods can be told to do that.
 *
 * Who would get the answer is the collector, the sender itself or somebody else; gs_evidence_format names it. Stands behind the rules for what routers say to each
 * other: a tunnel that borrows an outer address for its inside sends hellos from it, with TTL 1.
 */
#include "classify/rules.h"

#define CONFIDENCE_BOTH 90  /* back to the sender in the receiver's name; a ping between the outer addresses */
#define CONFIDENCE_BACK 80  /* one of the two; dies here, in the sender's name */
#define CONFIDENCE_PING 50  /* from somewhere to the receiver's outer address */
#define CONFIDENCE_TTL_0 50

static bool multicast(const struct gs_addr *a)
{
	return a->family == 4 ? a->b[0] >= 224 : a->b[0] == 0xff;
}

static bool echo_request(const struct gs_packet *p)
{
	return p->has & GS_HAS_ICMP && ((p->inner_proto == 1 && p->inner_icmp_type == 8) || (p->inner_proto == 58 && p->inner_icmp_type == 128));
}

static bool decap(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_verdict r = { .class_ = GS_CLASS_SCAN_DECAP, .evidence = GS_EVIDENCE(COLLECTOR) };

	(void)f;
	if (!(p->has & GS_HAS_INNER) || gs_is_tunnel(p->inner_proto) || multicast(&p->inner_dst))
		return false;
	const bool returns = gs_addr_equal(&p->inner_dst, &p->src), forged = gs_addr_equal(&p->inner_src, &p->dst);
	const bool own = gs_addr_equal(&p->inner_src, &p->src);

	if (returns || forged) {
		r.confidence = returns && forged ? CONFIDENCE_BOTH : CONFIDENCE_BACK;
		r.evidence |= returns ? GS_EVIDENCE(INNER_RETURNS) : 0;
	} else if (echo_request(p) && gs_addr_equal(&p->inner_dst, &p->dst)) {
		r.confidence = own ? CONFIDENCE_BOTH : CONFIDENCE_PING;
		r.evidence |= GS_EVIDENCE(INNER_PROTO);
	} else if (p->inner_ttl == 0 || (p->inner_ttl == 1 && own)) {
		r.confidence = own ? CONFIDENCE_BACK : CONFIDENCE_TTL_0;
		r.evidence |= GS_EVIDENCE(TTL_ONE);
	} else {
		return false;
	}
	*v = r;
	return true;
}

const struct gs_rule rule_decap = {
	.name = "decap",
	.source = "CVE-2024-7595, CVE-2020-10136; Beitis and Vanhoef, USENIX Security 2025; CERT VU#199397",
	.wrong = "the owner's own test of a tunnel; a monitor that pings the endpoint through it; a mitigation provider's health check from a network not in the list",
	.evidence = GS_EVIDENCE(INNER_PROTO) | GS_EVIDENCE(INNER_RETURNS) | GS_EVIDENCE(TTL_ONE) | GS_EVIDENCE(COLLECTOR),
	.packet = decap,
};
