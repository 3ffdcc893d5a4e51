/* rule_malformed.c - decoding stopped at something that no capture length explains away */
#include "classify/rules.h"

static bool malformed(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)f;
	switch (p->stop) {
	case GS_STOP_GRE_CUT: /* the sensor's fault, but there is nothing to judge by */
	case GS_STOP_GRE_SHORT:
	case GS_STOP_GRE_VERSION:
	case GS_STOP_GRE_RESERVED:
	case GS_STOP_GRE_LENGTH:
	case GS_STOP_ROUTE_SHORT:
	case GS_STOP_ROUTE_LOOP:
	case GS_STOP_PAYLOAD_SHORT:
	case GS_STOP_PAYLOAD_BAD:
	case GS_STOP_DEPTH:
		*v = (struct gs_verdict){ .class_ = GS_CLASS_MALFORMED, .confidence = 100, .evidence = GS_EVIDENCE(STOP) };
		return true;
	default: /* unknown or opaque payloads and cut ones are judged by what was read before */
		return false;
	}
}

const struct gs_rule rule_malformed = {
	.name = "malformed",
	.source = "RFC 1701, 2784, 2890, 2637: what a receiver cannot parse",
	.wrong = "a capture cut inside the GRE header (stop=gre-cut) says nothing about the sender",
	.evidence = GS_EVIDENCE(STOP),
	.packet = malformed,
};
