/* rule_gre_type.c - uses of GRE that its protocol type names */
#include "classify/rules.h"

static bool gre_type(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	enum gs_class class_;
	uint8_t confidence = 90;
	uint64_t evidence = GS_EVIDENCE(GRE_PROTO);

	(void)f;
	switch (p->gre_proto) {
	case 0x2001:
		class_ = GS_CLASS_TUNNEL_NHRP; /* RFC 2332 */
		break;
	case 0x22eb:
	case 0x88be:
		class_ = GS_CLASS_TUNNEL_ERSPAN; /* draft-foschiano-erspan */
		break;
	case 0x6400:
		class_ = GS_CLASS_TUNNEL_EOIP; /* github.com/Nat-Lab/eoip */
		break;
	case 0x883e:
		class_ = GS_CLASS_TUNNEL_WCCP; /* draft-wilson-wrec-wccp-v2 */
		break;
	case 0x00fe:
		class_ = GS_CLASS_TUNNEL_ROUTING; /* IS-IS, ES-IS; CLNP is rare by now */
		confidence = 80;
		break;
	case 0x6558: /* bridging: only a key, and nothing else, makes it NVGRE (RFC 7637 s3.2); without one floods look the same */
		if (p->payload != GS_LAYER_NVGRE)
			return false;
		class_ = GS_CLASS_TUNNEL_NVGRE;
		confidence = 60;
		evidence |= GS_EVIDENCE(GRE_KEY_LAYOUT);
		break;
	case 0x0806: /* ARP, CDP, Cisco metadata, MPLS, PPP without version 1, 802.1Q, Huawei's bonding control, Aruba's keepalive */
	case 0x2000:
	case 0x8847:
	case 0x8848:
	case 0x880b:
	case 0x8909:
	case 0x8100:
	case 0x9000:
	case 0xb7ea:
		class_ = GS_CLASS_TUNNEL_DATA;
		confidence = 70;
		break;
	default:
		if (p->payload != GS_LAYER_WLAN)
			return false;
		class_ = GS_CLASS_TUNNEL_DATA; /* access point to controller */
		confidence = 80;
	}
	*v = (struct gs_verdict){ .class_ = (uint8_t)class_, .confidence = confidence, .evidence = evidence };
	return true;
}

const struct gs_rule rule_gre_type = {
	.name = "gre-type",
	.source = "RFC 1701 s2, RFC 2332, RFC 4023, RFC 7637; vendor types as listed in src/base/words.c",
	.wrong = "the type is a claim of the sender; NVGRE and a plain bridge with a key cannot be told apart",
	.evidence = GS_EVIDENCE(GRE_PROTO) | GS_EVIDENCE(GRE_KEY_LAYOUT) | GS_EVIDENCE(INTERVAL),
	.packet = gre_type,
};
