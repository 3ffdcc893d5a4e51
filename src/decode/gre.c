/*
 * gre.c - GRE version 0, and the choice between the versions
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |C|R|K|S|s|Recur|A| Flags | Ver |         Protocol Type         |   RFC 1701 names; A only in version 1
 *  |      Checksum (C or R)        |       Offset (C or R)         |
 *  |                          Key (K)                              |
 *  |                    Sequence Number (S)                        |
 *  |                    Routing (R), entries:                      |
 *  |        Address Family         |  SRE Offset   |  SRE Length   |   until a null entry: family 0, length 0
 *
 * RFC 1701 s2: all of it. RFC 2784 s2: only C, and a receiver drops what has bits 1-5 set. RFC 2890 s2: K and S come back. RFC 2637 s4.1: version 1
 * (gre_v1.c). A telescope does not get to choose what is sent to it: reserved bits are reported as they are (gre_flags) and decoding goes on; only the version decides
 * the layout. The checksum covers GRE header and payload (RFC 2784 s2.1), so it can be verified only in a packet that is captured whole and not fragmented.
 */
#include "decode/dissect.h"

#define FLAG_C 0x8000
#define FLAG_R 0x4000
#define FLAG_K 0x2000
#define FLAG_S 0x1000

static uint8_t checksum_verdict(const struct walk *w, uint32_t off)
{
	uint64_t sum = 0; /* a frame of segmentation offload may be longer than 32 bits of sum allow */
	uint32_t n;

	if (w->c.end != w->c.limit || w->p->fragment || w->quoted)
		return GS_CHECKSUM_UNKNOWN;
	const uint8_t *b = w->c.base + off;
	n = w->c.end - off;
	for (; n > 1; n -= 2, b += 2)
		sum += (uint32_t)(b[0] << 8 | b[1]);
	if (n)
		sum += (uint32_t)b[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? GS_CHECKSUM_GOOD : GS_CHECKSUM_BAD;
}

/* The source route: entries up to the null one. 0, or the stop that it forces. */
static enum gs_stop read_routes(struct walk *w)
{
	const uint32_t off = w->c.off; /* one layer for all entries: a long route would use up the layers */

	for (unsigned i = 0; i < GS_MAX_ROUTES; i++) {
		uint16_t family = gs_get_be16(&w->c);
		gs_skip(&w->c, 1); /* SRE offset */
		uint8_t len = gs_get_u8(&w->c);
		gs_skip(&w->c, len);
		if (w->c.short_)
			return w->c.cut ? GS_STOP_GRE_CUT : GS_STOP_ROUTE_SHORT;
		if (family == 0 && len == 0) {
			walk_layer(w, GS_LAYER_GRE_ROUTE, off);
			return GS_STOP_NONE;
		}
	}
	return GS_STOP_ROUTE_LOOP;
}

/* The outermost header decides that this is a row; deeper ones are only counted. */
static void gre_begin(struct walk *w, uint32_t off)
{
	struct gs_packet *p = w->p;

	w->in_gre = true;
	p->n_gre = 1;
	p->gre_off = off;
	p->ip_end = w->c.end;
	p->has |= GS_HAS_TTL | GS_HAS_IP_LEN | GS_HAS_DF;
	if (p->ip_version == 4)
		p->has |= GS_HAS_IP_ID;
	if (p->via == GS_VIA_UDP)
		p->outcome = GS_OUT_GRE_UDP;
	else
		p->outcome = GS_OUT_GRE;
	w->quoted = w->quoted && p->via == GS_VIA_ICMP; /* in UDP the packet is whole */
}

struct step gre_payload(struct walk *w, uint16_t proto)
{
	uint32_t off = w->c.off;

	switch (proto) {
	case 0x88be:
	case 0x22eb:
		return STEP(ERSPAN, proto);
	case 0x2001:
		return STEP(NHRP, 0);
	case 0x883e:
		return STEP(WCCP, 0);
	case 0x8909:
		return STEP(CMD, 1);
	case 0x00fe:
		return STEP(OSI, 0);
	case 0x2000:
		walk_layer(w, GS_LAYER_CDP, off);
		return STEP_END;
	case 0x0000: /* keepalive: nothing follows; a tunnel that sets no type for it otherwise */
		return w->c.limit == w->c.off ? STEP_END : walk_unknown(w);
	case 0x9000: /* Aruba keepalive */
		return STEP_END;
	default:
		if (proto >= 0x8200 && proto <= 0x8370 && (proto & 0xf) == 0)
			return STEP(WLAN, proto);
		return proto < 0x0600 ? walk_unknown(w) : STEP(ETHERTYPE, proto);
	}
}

static struct step decode_gre_v0(struct walk *w, uint16_t flags, uint16_t proto, uint32_t off)
{
	struct gs_packet *p = w->p;
	bool outermost = p->n_gre == 1;
	uint32_t key = 0, seq = 0, has = 0;
	enum gs_stop stop = GS_STOP_NONE;

	/* a field counts as present only if it was there to be read */
	if (flags & (FLAG_C | FLAG_R)) {
		gs_skip(&w->c, 4);
		has |= flags & FLAG_C && !w->c.short_ ? GS_HAS_CHECKSUM : 0;
	}
	if (flags & FLAG_K) {
		key = gs_get_be32(&w->c);
		has |= w->c.short_ ? 0 : GS_HAS_KEY;
	}
	if (flags & FLAG_S) {
		seq = gs_get_be32(&w->c);
		has |= w->c.short_ ? 0 : GS_HAS_SEQ;
	}
	if (w->c.short_)
		stop = w->c.cut ? GS_STOP_GRE_CUT : GS_STOP_GRE_SHORT;
	walk_layer(w, GS_LAYER_GRE, off);
	if (!stop && flags & FLAG_R) {
		has |= GS_HAS_ROUTING;
		stop = read_routes(w);
	}
	if (outermost) {
		p->has |= has;
		p->gre_key = key;
		p->gre_seq = seq;
		p->gre_hdr_len = (uint16_t)(w->c.off - off);
		if (has & GS_HAS_CHECKSUM)
			p->checksum = checksum_verdict(w, off);
		p->payload_off = w->c.off;
		p->payload_len = w->c.limit - w->c.off;
	}
	if (stop)
		return walk_stop(w, stop);
	w->payload_next = outermost;
	struct step s = gre_payload(w, proto);
	/* NVGRE: bridging with a key and nothing else; the key is 24 bits of network and 8 of flow (RFC 7637 s3.2) */
	if (outermost && proto == 0x6558 && (flags & 0xf007) == FLAG_K) {
		p->has |= GS_HAS_TUNNEL_ID;
		p->tunnel_id = key >> 8;
		p->payload = GS_LAYER_NVGRE;
		w->payload_next = false;
	}
	return s;
}

struct step decode_gre(struct walk *w, uint16_t arg)
{
	struct gs_packet *p = w->p;
	uint32_t off = w->c.off;

	(void)arg;
	bool outermost = !w->in_gre;
	if (outermost)
		gre_begin(w, off);
	else if (p->n_gre >= GS_MAX_GRE)
		return walk_stop(w, GS_STOP_DEPTH);
	else
		p->n_gre++;
	uint16_t flags = gs_get_be16(&w->c);
	bool have_flags = !w->c.short_;
	uint16_t proto = gs_get_be16(&w->c);
	if (outermost) {
		p->has |= (have_flags ? GS_HAS_FLAGS : 0) | (w->c.short_ ? 0 : GS_HAS_PROTO);
		p->gre_flags = flags;
		p->gre_proto = proto;
		p->payload_off = w->c.off;
	}
	if (w->c.short_)
		return walk_stop(w, w->c.cut ? GS_STOP_GRE_CUT : GS_STOP_GRE_SHORT);
	w->gre_flags = flags;
	switch (flags & 7) {
	case 0:
		return decode_gre_v0(w, flags, proto, off);
	case 1:
		return decode_gre_v1(w, flags, proto, off);
	default:
		walk_layer(w, GS_LAYER_GRE, off);
		return walk_stop(w, GS_STOP_GRE_VERSION);
	}
}
