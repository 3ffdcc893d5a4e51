/*
 * rule_mirai_id.c - Mirai's GRE floods by the relation of the two identifications alone
 *
 * Where a packet shows too little of the generator (no data, data cut off or switched off) outer and inner identification still add up to 999 in the bot's byte
 * order, or to 0xffff where the operator chose them: by chance once in 2^15. That is a hint, not a proof, and stands behind the rules for what honest
 * tunnels carry: a busy one meets it too. Shape without the relation is no evidence at all and gets no verdict here: a plain UDP tunnel has it in every packet.
 *
 * A packet that shows data which the generator did not make speaks against itself; it is taken, with still less confidence, only at the default length of 512 octets, for
 * a descendant may fill its data in another way.
 */
#include "classify/mirai.h"
#include "classify/rules.h"

#define CONFIDENCE_ID 40
#define CONFIDENCE_CONTRADICTED 20

static bool mirai_id(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	if (!mirai_ids(p) || !gs_bot_input_from_packet(p, f, &in))
		return false;
	gs_bot_prove(&in, GS_BOT_UNPROVEN, &proof); /* rule_mirai has looked for a proof */
	if (proof.level < GS_BOT_LEVEL_ID)
		return false;
	const bool contradicted = mirai_contradicted(&in, &proof);
	if (contradicted && !(in.data_wire_len == 512 && proof.facts & GS_BOT_FACT_ID))
		return false;
	*v = (struct gs_verdict){
		.class_ = mirai_class(proof.flood),
		.confidence = contradicted ? CONFIDENCE_CONTRADICTED : CONFIDENCE_ID,
		.bits = proof.bits,
		.evidence = gs_bot_evidence(&proof),
	};
	return true;
}

const struct gs_rule rule_mirai_id = {
	.name = "mirai-id",
	.source = "docs/forensics.md: inner identification = ~(outer - 1000), in the bot's byte order",
	.wrong = "one honest packet in 2^15 of the same shape; an operator or router that rewrites identifications hides it",
	.evidence = GS_EVIDENCE(SHAPE) | GS_EVIDENCE(IP_ID) | GS_EVIDENCE(LENGTH),
	.packet = mirai_id,
};
