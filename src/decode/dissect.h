/*
 * dissect.h - what the decoders of this folder share: one walk over one frame
 *
 * Each decoder reads one header at the cursor, records it as a layer and names what follows. decode.c holds the table from "what follows" to the
 * decoder and runs the loop; a new protocol is a file with one function and a line in that table.
 */
#ifndef GS_DECODE_DISSECT_H
#define GS_DECODE_DISSECT_H

#include "base/cursor.h"
#include "grescope/packet.h"

/* What follows a header: the index of decode.c's table. */
enum next {
	NEXT_END = 0,    /* the walk is over; outcome and stop are set, or stay as they are */
	NEXT_ETHERTYPE,  /* arg: EtherType, or 802.3 length */
	NEXT_IPPROTO,    /* arg: IP protocol or IPv6 next header */
	NEXT_ETH,
	NEXT_LLC,
	NEXT_VLAN,
	NEXT_MPLS,
	NEXT_PPPOE,
	NEXT_PPP,        /* PPP protocol field, perhaps with address and control before it */
	NEXT_CHDLC,
	NEXT_IP,         /* version told by the first nibble */
	NEXT_IPV4,
	NEXT_IPV6,
	NEXT_GRE,
	NEXT_ERSPAN,     /* arg: 0x88be or 0x22eb */
	NEXT_EOIP,
	NEXT_NHRP,
	NEXT_WCCP,
	NEXT_CMD,
	NEXT_WLAN,
	NEXT_OSI,
	NEXT_COUNT,
};

struct step {
	uint16_t next; /* enum next */
	uint16_t arg;
};

#define STEP(n, a) ((struct step){ .next = NEXT_##n, .arg = (uint16_t)(a) })
#define STEP_END STEP(END, 0)

struct walk {
	const struct gs_frame *f;
	struct gs_packet *p;
	struct gs_cursor c;
	uint16_t gre_flags;  /* of the GRE header read last, however deep */
	uint32_t udp_off;    /* of the UDP header that the walk went through before GRE, 0 none */
	bool ip_seen;        /* an IP header was read */
	bool quoted;         /* inside what an ICMP error quotes */
	bool in_gre;         /* past the first octet of the outermost GRE header */
	bool payload_next;   /* the next layer is what directly follows the outermost GRE header */
};

/* Records a header that starts at off and ends at the cursor. Past GS_MAX_LAYERS it says so: the walk ends. */
static inline bool walk_layer(struct walk *w, enum gs_layer_kind kind, uint32_t off)
{
	struct gs_packet *p = w->p;
	if (p->n_layers == GS_MAX_LAYERS)
		return false;
	if (w->payload_next) {
		w->payload_next = false;
		p->payload = (uint8_t)kind;
	}
	p->layers[p->n_layers++] = (struct gs_layer){ .kind = (uint8_t)kind, .len = (uint16_t)(w->c.off - off), .off = off };
	return true;
}

/* Ends the walk inside the payload: everything before stays. */
static inline struct step walk_stop(struct walk *w, enum gs_stop stop)
{
	w->p->stop = (uint8_t)stop;
	w->p->stop_off = w->c.off;
	return STEP_END;
}

/* Ends the walk before a GRE header was met: the frame cannot be judged. */
static inline struct step walk_lost(struct walk *w, enum gs_lost lost)
{
	w->p->outcome = GS_OUT_LOST;
	w->p->lost = (uint8_t)lost;
	return STEP_END;
}

/* A header did not fit: a cut or a short payload past GRE, a frame that cannot be judged before it. */
static inline struct step walk_short(struct walk *w)
{
	if (w->in_gre)
		return walk_stop(w, w->c.cut ? GS_STOP_PAYLOAD_CUT : GS_STOP_PAYLOAD_SHORT);
	return w->quoted ? STEP_END : walk_lost(w, GS_LOST_SHORT);
}

/* A header that contradicts itself. */
static inline struct step walk_bad(struct walk *w)
{
	if (w->in_gre)
		return walk_stop(w, GS_STOP_PAYLOAD_BAD);
	return w->quoted ? STEP_END : walk_lost(w, GS_LOST_BAD_IP);
}

/* More layers than are followed. */
static inline struct step walk_depth(struct walk *w)
{
	if (w->in_gre)
		return walk_stop(w, GS_STOP_DEPTH);
	return w->quoted ? STEP_END : walk_lost(w, GS_LOST_DEPTH);
}

/* A header between IP and GRE did not fit. If the packet, not the capture, ends first, its lengths contradict each other. */
static inline struct step walk_chain_short(struct walk *w)
{
	return w->in_gre || w->c.cut ? walk_short(w) : walk_bad(w);
}

/* Something that is named but not followed: past GRE a payload that grescope does not decode, before it simply not GRE. */
static inline struct step walk_unknown(struct walk *w)
{
	return w->in_gre ? walk_stop(w, GS_STOP_PAYLOAD_UNKNOWN) : STEP_END;
}

/* The link header of the frame. */
struct step decode_link(struct walk *w);

struct step decode_eth(struct walk *w, uint16_t arg);
struct step decode_llc(struct walk *w, uint16_t arg);
struct step decode_vlan(struct walk *w, uint16_t arg);
struct step decode_mpls(struct walk *w, uint16_t arg);
struct step decode_pppoe(struct walk *w, uint16_t arg);
struct step decode_ppp(struct walk *w, uint16_t arg);
struct step decode_chdlc(struct walk *w, uint16_t arg);
struct step decode_ip(struct walk *w, uint16_t arg);
struct step decode_ipv4(struct walk *w, uint16_t arg);
struct step decode_ipv6(struct walk *w, uint16_t arg);
struct step decode_transport(struct walk *w, uint16_t proto);
struct step decode_icmp_quote(struct walk *w, bool v6);
struct step decode_udp_tunnel(struct walk *w);
struct step decode_gre(struct walk *w, uint16_t arg);
struct step decode_gre_v1(struct walk *w, uint16_t flags, uint16_t proto, uint32_t off);
struct step decode_erspan(struct walk *w, uint16_t arg);
struct step decode_eoip(struct walk *w, uint16_t arg);
struct step decode_nhrp(struct walk *w, uint16_t arg);
struct step decode_wccp(struct walk *w, uint16_t arg);
struct step decode_cmd(struct walk *w, uint16_t arg);
struct step decode_wlan(struct walk *w, uint16_t arg);
struct step decode_osi(struct walk *w, uint16_t arg);

/* What a GRE protocol type says follows. Shared by versions 0 and 1. */
struct step gre_payload(struct walk *w, uint16_t proto);

#endif
