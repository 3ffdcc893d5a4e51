/*
 * erspan.c - mirrored Ethernet frames (draft-foschiano-erspan-03)
 *
 * Type I:   GRE type 0x88be without a sequence number, no header: the frame follows.
 * Type II:  0x88be with one; 8 octets:  |Ver=1 (4)|VLAN (12)|COS (3)|En (2)|T|Session (10)| reserved (12) | Index (20) |
 * Type III: 0x22eb; 12 octets:          |Ver=2 (4)|VLAN (12)|COS (3)|BSO (2)|T|Session (10)| timestamp (32) | SGT (16) |P|FT (5)|Hw (6)|D|Gra (2)|O|
 *           and, if O is set, a platform specific subheader of 8 octets.
 * FT names what follows in type III: 0 an Ethernet frame, 2 an IP packet. The sequence bit of the GRE header is what tells I from II.
 */
#include "decode/dissect.h"

struct step decode_erspan(struct walk *w, uint16_t arg)
{
	struct gs_packet *p = w->p;
	uint32_t off = w->c.off;
	uint8_t type = arg == 0x22eb ? 3 : w->gre_flags & 0x1000 ? 2 : 1, frame_type = 0;

	if (p->n_gre == 1)
		p->erspan = type;
	if (type > 1) {
		uint16_t version_vlan = gs_get_be16(&w->c), session = gs_get_be16(&w->c) & 0x3ff;
		gs_skip(&w->c, 4); /* index, or time stamp */
		if (type == 3) {
			gs_skip(&w->c, 2); /* security group tag */
			uint16_t last = gs_get_be16(&w->c);
			frame_type = last >> 10 & 0x1f;
			if (last & 1)
				gs_skip(&w->c, 8);
		}
		if (w->c.short_)
			return walk_short(w);
		if (version_vlan >> 12 != type - 1)
			return walk_bad(w);
		if (p->n_gre == 1) {
			p->has |= GS_HAS_TUNNEL_ID;
			p->tunnel_id = session;
		}
	}
	walk_layer(w, GS_LAYER_ERSPAN, off);
	switch (frame_type) {
	case 0:
		return STEP(ETH, 0);
	case 2:
		return STEP(IP, 0);
	default:
		return walk_unknown(w);
	}
}
