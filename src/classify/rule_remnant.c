/*
 * rule_remnant.c - a Mirai flood's shape at a trickle, with an inner source that cannot exist; and its lengths in a record
 *
 * Bots draw the inner source at random, one address per target, and one in eight is martian: 0/8, 127/8, 224/4, 240/4. Years after the attacks a trickle of just these
 * arrives at uninvolved addresses: likely what a box on the bot's side takes up from a flood and then refuses for its inner source. Counted apart from a flood at us.
 *
 * At a flood's rate it is a flood, whatever the inner source: the window says so (remnant_window).
 * A record without a packet (log, flow) can only tell lengths: IPv4 length 564, 578, 52 or 66, don't fragment. 578 is also what a log that counts Ethernet writes for 564, and 66 for
 * 52, so they do not tell greip from greeth. Never where the record says PPTP: its acknowledgements and short packets have these lengths too. Never where it says that the
 * identification is 0: a bot draws it, so that one packet in 65536 has that, but Linux writes 0 into a packet with DF whose number is left to it (PPTP in the kernel, headers
 * made by a program; not the tunnels of ip_gre, which count).
 */
#include "classify/mirai.h"
#include "classify/rules.h"

#define CONFIDENCE_ID 60    /* the identifications fit as well */
#define CONFIDENCE_SHAPE 30
#define CONFIDENCE_RECORD 10
#define CONFIDENCE_UNPROVEN_FLOOD 50
#define FLOOD_PPS 1         /* of one source to one destination; the trickle is far below: a packet a day where it was first described */
#define FLOOD_PACKETS GS_CLASSIFY_WINDOW_PACKETS

static bool remnant(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	if (!mirai_martian(&p->inner_src) || !gs_bot_input_from_packet(p, f, &in))
		return false;
	gs_bot_prove(&in, GS_BOT_UNPROVEN, &proof); /* rule_mirai has looked for a proof */
	if (proof.level < GS_BOT_LEVEL_SHAPE)
		return false;
	*v = (struct gs_verdict){
		.class_ = GS_CLASS_REMNANT,
		.confidence = proof.level >= GS_BOT_LEVEL_ID ? CONFIDENCE_ID : CONFIDENCE_SHAPE,
		.bits = proof.bits,
		.evidence = gs_bot_evidence(&proof) | GS_EVIDENCE(MARTIAN),
	};
	return true;
}

static bool remnant_window(struct gs_sighting *s)
{
	if (s->class_ != GS_CLASS_REMNANT || s->packets < FLOOD_PACKETS || !gs_sighting_reaches(s, FLOOD_PPS))
		return false;
	/* never Mirai from shape alone */
	s->class_ = !(s->evidence & GS_EVIDENCE(IP_ID)) ? GS_CLASS_FLOOD_GRE : mirai_class(s->gre_proto == 0x6558 ? GS_BOT_GREETH : GS_BOT_GREIP);
	s->confidence = CONFIDENCE_UNPROVEN_FLOOD;
	s->evidence |= GS_EVIDENCE(RATE);
	return true;
}

static bool remnant_record(struct gs_sighting *s)
{
	const bool fixed_len = s->has & GS_HAS_IP_LEN && (s->packets <= 1 || s->bytes == (uint64_t)s->ip_len * s->packets);

	if (!(s->has & GS_HAS_DF) || !s->df || s->has & GS_HAS_ZERO_ID || !fixed_len || s->src.family == 6 || s->protocol != 47)
		return false;
	if (s->ip_len != 564 && s->ip_len != 578 && s->ip_len != 52 && s->ip_len != 66)
		return false;
	if ((s->has & GS_HAS_FLAGS && s->gre_flags) || (s->has & GS_HAS_PROTO && s->gre_proto != 0x0800 && s->gre_proto != 0x6558))
		return false;
	s->class_ = GS_CLASS_REMNANT;
	s->confidence = CONFIDENCE_RECORD;
	s->evidence = GS_EVIDENCE(LENGTH);
	return true;
}

const struct gs_rule rule_remnant = {
	.name = "remnant",
	.source = "docs/forensics.md; martian blocks: RFC 1122 s3.2.1.3, RFC 1112 s4; observed in ISC diary, December 2016; identification 0: Linux, ip_select_ident in include/net/ip.h",
	.wrong = "a tunnel whose inside forges such sources; a record of these lengths may be any packet of that length",
	.evidence = GS_EVIDENCE(SHAPE) | GS_EVIDENCE(IP_ID) | GS_EVIDENCE(LENGTH) | GS_EVIDENCE(MARTIAN) | GS_EVIDENCE(RATE),
	.packet = remnant,
	.window = remnant_window,
	.record = remnant_record,
};
