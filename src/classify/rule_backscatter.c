/*
 * rule_backscatter.c - an ICMP or ICMPv6 error that quotes a GRE packet: somebody answered GRE that claims to come from us
 *
 * Where the quote is long enough to prove a flood's generator, the evidence says so: a bot forged our address. The class stays: no bot sent us anything.
 */
#include "classify/mirai.h"
#include "classify/rules.h"

static bool backscatter(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	if (p->via != GS_VIA_ICMP)
		return false;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_BACKSCATTER, .confidence = 90, .evidence = GS_EVIDENCE(ICMP_QUOTE) };
	if (!gs_bot_input_from_packet(p, f, &in))
		return true;
	gs_bot_prove(&in, 0, &proof);
	if (proof.level >= GS_BOT_LEVEL_LIKELY) {
		v->evidence |= gs_bot_evidence(&proof);
		v->bits = proof.bits;
	}
	return true;
}

const struct gs_rule rule_backscatter = {
	.name = "backscatter",
	.source = "RFC 792, RFC 4443 s3: errors quote the packet that caused them",
	.wrong = "our own tunnel failing looks the same; so does an error made up from nothing",
	.evidence = GS_EVIDENCE(ICMP_QUOTE) | GS_EVIDENCE(SHAPE) | GS_EVIDENCE(IP_ID) | GS_EVIDENCE(RECURRENCE) | GS_EVIDENCE(HEADER_DRAWS) | GS_EVIDENCE(LENGTH),
	.packet = backscatter,
};
