/*
 * decode.c - the walk over one frame: from the link header to the last one that grescope understands
 *
 * Each step reads one header and names the next (dissect.h). The walk ends when there is none, when bytes run out, or at GS_MAX_LAYERS; a frame
 * can therefore not make it loop. Most frames are no GRE at all: for those it is three short calls, Ethernet, IP, protocol.
 */
#include "decode/decode.h"

#include "decode/dissect.h"

static struct step decode_ethertype(struct walk *w, uint16_t type)
{
	if (type < 0x0600)
		return STEP(LLC, type);
	switch (type) {
	case 0x0800:
		return STEP(IPV4, 0);
	case 0x86dd:
		return STEP(IPV6, 0);
	case 0x8100: /* 802.1Q */
	case 0x88a8: /* 802.1ad */
	case 0x9100: /* QinQ before it was a standard */
	case 0x9200:
	case 0x9300:
		return STEP(VLAN, 0);
	case 0x8847:
	case 0x8848:
		return STEP(MPLS, 0);
	case 0x8864:
		return STEP(PPPOE, 0);
	case 0x880b:
		return STEP(PPP, 0);
	case 0x8909:
		return STEP(CMD, 0);
	case 0x6558:
		return STEP(ETH, 0);
	case 0x0806:
		walk_layer(w, GS_LAYER_ARP, w->c.off);
		return STEP_END;
	default:
		return walk_unknown(w);
	}
}

static struct step (*const decoders[NEXT_COUNT])(struct walk *w, uint16_t arg) = {
	[NEXT_ETHERTYPE] = decode_ethertype,
	[NEXT_IPPROTO] = decode_transport,
	[NEXT_ETH] = decode_eth,
	[NEXT_LLC] = decode_llc,
	[NEXT_VLAN] = decode_vlan,
	[NEXT_MPLS] = decode_mpls,
	[NEXT_PPPOE] = decode_pppoe,
	[NEXT_PPP] = decode_ppp,
	[NEXT_CHDLC] = decode_chdlc,
	[NEXT_IP] = decode_ip,
	[NEXT_IPV4] = decode_ipv4,
	[NEXT_IPV6] = decode_ipv6,
	[NEXT_GRE] = decode_gre,
	[NEXT_ERSPAN] = decode_erspan,
	[NEXT_EOIP] = decode_eoip,
	[NEXT_NHRP] = decode_nhrp,
	[NEXT_WCCP] = decode_wccp,
	[NEXT_CMD] = decode_cmd,
	[NEXT_WLAN] = decode_wlan,
	[NEXT_OSI] = decode_osi,
};

void gs_decode(const struct gs_frame *f, struct gs_packet *p)
{
	struct walk w = { .f = f, .p = p, .c = gs_cursor_of(f->data, f->caplen, f->wirelen) };

	memset(p, 0, offsetof(struct gs_packet, layers));
	p->ts = f->ts;
	/* Each header moves the cursor but EtherType and protocol numbers do not: twice the layers bounds the steps. */
	struct step s = decode_link(&w);
	for (unsigned i = 0; s.next != NEXT_END; i++) {
		if (i == 2 * GS_MAX_LAYERS || p->n_layers == GS_MAX_LAYERS) {
			walk_depth(&w);
			break;
		}
		s = decoders[s.next](&w, s.arg);
	}
	if (p->stop == GS_STOP_NONE)
		p->stop_off = w.c.off;
}
