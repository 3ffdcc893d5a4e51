/*
 * rule_mirai.c - Mirai's GRE floods, proven by their generator
 *
 * One generator fills identification, ports, inner destination, MAC addresses and data, in a known order; a packet whose fields follow it was made by a program
 * with that generator (bots.h). Comes before the rules that go by inner ports and protocols: drawn ports meet every number now and then.
 * Confidence: proven (48 bits and more) 100; likely (31 bits and more, 16 of them the generator's) 90.
 */
#include "classify/mirai.h"
#include "classify/rules.h"

#define CONFIDENCE_PROVEN 100
#define CONFIDENCE_LIKELY 90

static bool mirai(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	if (p->payload != GS_LAYER_ETH && p->inner_len <= 28) /* no data and no MAC addresses: four draws, and five are the least that prove something */
		return false;
	if (!gs_bot_input_from_packet(p, f, &in)) /* nearly every packet that is no candidate leaves here, after two or three comparisons */
		return false;
	gs_bot_prove(&in, 0, &proof);
	if (proof.level < GS_BOT_LEVEL_LIKELY)
		return false;
	*v = (struct gs_verdict){
		.class_ = mirai_class(proof.flood),
		.confidence = proof.level == GS_BOT_LEVEL_PROVEN ? CONFIDENCE_PROVEN : CONFIDENCE_LIKELY,
		.bits = proof.bits,
		.evidence = gs_bot_evidence(&proof) | (mirai_martian(&p->inner_src) ? GS_EVIDENCE(MARTIAN) : 0),
	};
	return true;
}

const struct gs_rule rule_mirai = {
	.name = "mirai",
	.source = "docs/forensics.md: the published code's generator, order of draws and field layout",
	.wrong = "another program that copies generator and order exactly; a likely packet once in 2^31",
	.evidence = GS_EVIDENCE(SHAPE) | GS_EVIDENCE(IP_ID) | GS_EVIDENCE(RECURRENCE) | GS_EVIDENCE(HEADER_DRAWS) | GS_EVIDENCE(LENGTH) | GS_EVIDENCE(MARTIAN),
	.packet = mirai,
};
