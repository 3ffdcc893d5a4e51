/*
 * nhrp.c - NHRP (RFC 2332 s5), as DMVPN routers speak it over GRE
 *
 * Fixed part, 20 octets: address family, protocol type, SNAP (5), hop count, packet size, checksum, extension offset, version, type, source address type and
 * length, subaddress type and length. Of the packet types only two matter beyond their name: an error indication (7) and Cisco's traffic indication (8)
 * quote the packet that caused them, and that quote is the inner packet.
 * Mandatory part of those: source protocol length, destination protocol length, 2 unused, error code, error offset, then source NBMA address, NBMA
 * subaddress, source and destination protocol address, the quote.
 */
#include "decode/dissect.h"

struct step decode_nhrp(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	gs_skip(&w->c, 16);
	uint8_t version = gs_get_u8(&w->c), type = gs_get_u8(&w->c);
	uint8_t nbma_len = gs_get_u8(&w->c) & 0x3f, nbma_sub = gs_get_u8(&w->c) & 0x3f;
	if (w->c.short_)
		return walk_short(w);
	if (version != 1) {
		walk_layer(w, GS_LAYER_NHRP, off);
		return walk_bad(w);
	}
	if (type != 7 && type != 8) {
		walk_layer(w, GS_LAYER_NHRP, off);
		return STEP_END;
	}
	uint8_t src_len = gs_get_u8(&w->c), dst_len = gs_get_u8(&w->c);
	gs_skip(&w->c, 6u + nbma_len + nbma_sub + src_len + dst_len);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_NHRP, off);
	return type == 8 ? STEP(IP, 0) : STEP_END; /* an error quotes NHRP itself */
}
