/* rule_ipsec.c - IPsec inside GRE: ESP 50 (RFC 4303), AH 51 (RFC 4302), IKE on UDP 500 and 4500 (RFC 7296 s2, RFC 3948) */
#include "classify/rules.h"

static bool ipsec(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)f;
	if (!(p->has & GS_HAS_INNER))
		return false;
	if (p->inner_proto == 50 || p->inner_proto == 51) {
		*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_IPSEC, .confidence = 80, .evidence = GS_EVIDENCE(INNER_PROTO) };
		return true;
	}
	/* both ports, as IKE peers use them: one alone is met by chance in floods */
	if (p->inner_proto == 17 && p->has & GS_HAS_PORTS && p->inner_sport == p->inner_dport &&
	    (p->inner_dport == 500 || p->inner_dport == 4500)) {
		*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_IPSEC, .confidence = 70, .evidence = GS_EVIDENCE(INNER_PORT) };
		return true;
	}
	return false;
}

const struct gs_rule rule_ipsec = {
	.name = "ipsec",
	.source = "RFC 4302, 4303, 7296, 3948",
	.wrong = "a protocol number or two ports are a claim of the sender",
	.evidence = GS_EVIDENCE(INNER_PROTO) | GS_EVIDENCE(INNER_PORT),
	.packet = ipsec,
};
