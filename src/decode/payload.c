/*
 * payload.c - the small headers that some GRE protocol types put before what they carry
 *
 * Cisco's WCCP redirect header and trusted-security metadata, OSI network layer, Aruba's 802.11 frames. Larger ones have files of their own.
 */
#include "decode/dissect.h"

/*
 * WCCPv2 puts four octets before the packet, WCCPv1 none: an IPv4 first octet tells (draft-wilson-wrec-wccp-v2-01 s4.12.1). The redirect header starts with
 * D, A and six reserved bits: 0x40 alone is an alternative bucket, for an IPv4 header has five words at least.
 */
struct step decode_wccp(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;
	uint8_t first = gs_peek_u8(&w->c, 0);

	(void)arg;
	if (first < 0x45 || first > 0x4f)
		gs_skip(&w->c, 4);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_WCCP, off);
	return STEP(IP, 0);
}

/*
 * Cisco metadata (0x8909): version, length in units of four octets of the options that follow. On Ethernet the EtherType of the packet comes last, over GRE
 * first. Source: tshark's cmd dissector for the first form, captures of both.
 */
struct step decode_cmd(struct walk *w, uint16_t over_gre)
{
	uint32_t off = w->c.off;
	uint16_t type = over_gre ? gs_get_be16(&w->c) : 0;

	gs_skip(&w->c, 1);
	uint8_t len = gs_get_u8(&w->c);
	gs_skip(&w->c, len * 4u);
	if (!over_gre)
		type = gs_get_be16(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_CMD, off);
	return STEP(ETHERTYPE, type);
}

/* IS-IS, ES-IS, CLNP: the first octet is the network layer protocol identifier (ISO/IEC TR 9577). Named, not followed. */
struct step decode_osi(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;

	(void)arg;
	uint8_t nlpid = gs_get_u8(&w->c);
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_OSI, off);
	switch (nlpid) {
	case 0x81: /* CLNP */
	case 0x82: /* ES-IS */
	case 0x83: /* IS-IS */
		return STEP_END;
	case 0xcc:
		return STEP(IPV4, 0);
	case 0x8e:
		return STEP(IPV6, 0);
	default:
		return walk_unknown(w);
	}
}

/*
 * An IEEE 802.11 data frame without FCS, as Aruba access points send it to their controller: frame control, duration, three or four addresses,
 * sequence control, QoS control, HT control; then LLC, in an aggregate after a subframe header. Source: IEEE 802.11-2020 s9.2.4, 9.3.2.
 */
struct step decode_wlan(struct walk *w, uint16_t arg)
{
	uint32_t off = w->c.off;
	bool aggregate = false;

	(void)arg;
	uint8_t kind = gs_get_u8(&w->c), flags = gs_get_u8(&w->c);
	gs_skip(&w->c, 22);
	if (w->c.short_)
		return walk_short(w);
	if ((kind & 0x0f) != 0x08) { /* version 0, type data; management and control frames are known and carry no IP */
		walk_layer(w, GS_LAYER_WLAN, off);
		return STEP_END;
	}
	if ((flags & 0x03) == 0x03)
		gs_skip(&w->c, 6); /* to and from a distribution system: a fourth address */
	if (kind & 0x80) {
		aggregate = gs_get_u8(&w->c) & 0x80;
		gs_skip(&w->c, 1);
		if (flags & 0x80)
			gs_skip(&w->c, 4); /* HT control */
	}
	if (w->c.short_)
		return walk_short(w);
	walk_layer(w, GS_LAYER_WLAN, off);
	if (kind & 0x40)
		return STEP_END; /* null data */
	if (flags & 0x40)
		return walk_stop(w, GS_STOP_OPAQUE);
	if (aggregate)
		gs_skip(&w->c, 14); /* destination, source, length of the first subframe */
	return STEP(LLC, 0);
}
