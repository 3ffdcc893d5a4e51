/*
 * rule_pptp.c - the data channel of PPTP: GRE version 1 with PPP
 *
 * Whether there was a control connection to it the packet cannot say: where the capture holds it, control.h adds it to this verdict.
 */
#include "classify/rules.h"

static bool pptp(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)f;
	if ((p->gre_flags & 7) != 1 || p->gre_proto != 0x880b)
		return false;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_PPTP, .confidence = 80, .evidence = GS_EVIDENCE(GRE_VERSION1) };
	if (p->payload == GS_LAYER_PPP && p->ppp_proto_set) {
		v->confidence = 90;
		v->evidence |= GS_EVIDENCE(PPP);
	}
	return true;
}

const struct gs_rule rule_pptp = {
	.name = "pptp",
	.source = "RFC 2637 s4.1; the control connection: s2, s3.1.4",
	.wrong = "a probe or a stale session sends the same, and forged messages look like a control connection",
	.evidence = GS_EVIDENCE(GRE_VERSION1) | GS_EVIDENCE(PPP) | GS_EVIDENCE(CONTROL) | GS_EVIDENCE(CONTROL_CALL),
	.packet = pptp,
};
