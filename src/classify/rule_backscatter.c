/* rule_backscatter.c - an ICMP or ICMPv6 error that quotes a GRE packet: somebody answered GRE that claims to come from us */
#include "classify/rules.h"

static bool backscatter(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)f;
	if (p->via != GS_VIA_ICMP)
		return false;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_BACKSCATTER, .confidence = 90, .evidence = GS_EVIDENCE(ICMP_QUOTE) };
	return true;
}

const struct gs_rule rule_backscatter = {
	.name = "backscatter",
	.source = "RFC 792, RFC 4443 s3: errors quote the packet that caused them",
	.wrong = "our own tunnel failing looks the same; so does an error made up from nothing",
	.packet = backscatter,
};
