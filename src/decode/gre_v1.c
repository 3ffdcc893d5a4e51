/*
 * gre_v1.c - GRE version 1: PPTP's data channel (RFC 2637 s4.1), and MikroTik's EoIP, which borrows its first bytes
 *
 *  |C|R|K|S|s|Recur|A| Flags |001 |   Protocol Type, always 0x880b |   C, R, s, Recur are 0; K is 1
 *  |    Key: Payload Length       |         Key: Call ID           |
 *  |                    Sequence Number (S)                        |   only with a payload
 *  |                 Acknowledgment Number (A)                     |
 *
 * The payload length counts what follows the header; an acknowledgement alone has none. EoIP: flags 0x2001, type 0x6400, frame length big-endian,
 * tunnel id little-endian, then an Ethernet frame (not documented by the vendor; github.com/Nat-Lab/eoip).
 */
#include "decode/dissect.h"

#define FLAG_S 0x1000
#define FLAG_A 0x0080
#define FIXED_BITS 0xef78 /* bits that RFC 2637 fixes: all but S, A and the version */
#define FIXED_VALUE 0x2000

struct step decode_gre_v1(struct walk *w, uint16_t flags, uint16_t proto, uint32_t off)
{
	struct gs_packet *p = w->p;
	bool outermost = p->n_gre == 1;
	uint32_t seq = 0, ack = 0, has = 0;

	uint32_t key = gs_get_be32(&w->c);
	has |= w->c.short_ ? 0 : GS_HAS_KEY;
	if (proto != 0x6400) {
		if (flags & FLAG_S) {
			seq = gs_get_be32(&w->c);
			has |= w->c.short_ ? 0 : GS_HAS_SEQ;
		}
		if (flags & FLAG_A) {
			ack = gs_get_be32(&w->c);
			has |= w->c.short_ ? 0 : GS_HAS_ACK;
		}
	}
	walk_layer(w, GS_LAYER_GRE, off);
	if (outermost) {
		p->has |= has;
		p->gre_key = key;
		p->gre_seq = seq;
		p->gre_ack = ack;
		p->gre_hdr_len = (uint16_t)(w->c.off - off);
		p->payload_off = w->c.off;
		p->payload_len = w->c.limit - w->c.off;
	}
	if (w->c.short_)
		return walk_stop(w, w->c.cut ? GS_STOP_GRE_CUT : GS_STOP_GRE_SHORT);
	if ((flags & FIXED_BITS) != FIXED_VALUE || (proto != 0x880b && proto != 0x6400))
		return walk_stop(w, GS_STOP_GRE_RESERVED);
	uint32_t len = key >> 16;
	if (len > w->c.limit - w->c.off && !p->fragment)
		return walk_stop(w, GS_STOP_GRE_LENGTH);
	gs_cursor_bound(&w->c, len);
	if (proto == 0x6400)
		return decode_eoip(w, (uint16_t)key);
	if (len == 0)
		return STEP_END;
	w->payload_next = outermost;
	return STEP(PPP, 0);
}

struct step decode_eoip(struct walk *w, uint16_t id_be)
{
	if (w->p->n_gre == 1) {
		w->p->has |= GS_HAS_TUNNEL_ID;
		w->p->tunnel_id = __builtin_bswap16(id_be);
		w->p->payload = GS_LAYER_EOIP;
	}
	walk_layer(w, GS_LAYER_EOIP, w->c.off);
	return w->c.limit == w->c.off ? STEP_END : STEP(ETH, 0); /* nothing: a keepalive */
}
