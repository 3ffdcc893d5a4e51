/*
 * packet.h - a captured frame and what decoding made of it
 *
 * Decoding has no state, allocates nothing and cannot fail: truncation and nonsense are data (`stop`). Every frame ends in exactly one
 * outcome, and that is the balance that `-v` prints: frames read = GRE + fragments + not GRE + lost by reason.
 */
#ifndef GRESCOPE_PACKET_H
#define GRESCOPE_PACKET_H

#include "grescope/types.h"

/* Link types, as registered at tcpdump.org/linktypes.html; those that grescope reads. Any other is a lost frame (GS_LOST_LINKTYPE). */
enum gs_linktype {
	GS_LINK_NULL = 0,
	GS_LINK_ETHERNET = 1,
	GS_LINK_PPP = 9,
	GS_LINK_PPP_HDLC = 50,
	GS_LINK_PPP_ETHER = 51,
	GS_LINK_RAW_BSD = 12, /* DLT_RAW as some systems write it into files; 14 on OpenBSD */
	GS_LINK_RAW_OPENBSD = 14,
	GS_LINK_RAW = 101,
	GS_LINK_C_HDLC = 104,
	GS_LINK_IEEE802_11 = 105,
	GS_LINK_LOOP = 108,
	GS_LINK_LINUX_SLL = 113,
	GS_LINK_PPP_PPPD = 166,
	GS_LINK_MPLS = 219,
	GS_LINK_IPV4 = 228,
	GS_LINK_IPV6 = 229,
	GS_LINK_LINUX_SLL2 = 276,
};

/* A captured frame. BORROWED from the source: dead at its next read. Never stored. */
struct gs_frame {
	const uint8_t *data;
	uint32_t caplen;   /* octets at data */
	uint32_t wirelen;  /* octets the frame had on the wire */
	struct gs_time ts;
	uint32_t linktype; /* as in the file: enum gs_linktype or a number of the registry */
	uint32_t sampling; /* one frame in this many was captured; 1 where nothing says otherwise */
	uint64_t number;   /* 1-based count in its file, as packet analysers number frames */
	bool undated;      /* the file has no time for it: ts means nothing */
};

/* What a frame turned out to be. */
enum gs_outcome {
	GS_OUT_NOT_GRE = 0,
	GS_OUT_GRE,      /* IP protocol 47, or an ICMP error that quotes it (via) */
	GS_OUT_FRAGMENT, /* a later fragment of a protocol-47 packet: carries no GRE header */
	GS_OUT_GRE_UDP,  /* GRE, but carried in UDP: not protocol 47 */
	GS_OUT_LOST,     /* cannot tell whether it was GRE; see lost */
};

/* X(name, word, text): why a frame could not be judged */
#define GS_LOST_MAP(X)                                                                                                           \
	X(NONE, "none", "nothing")                                                                                               \
	X(SHORT, "short", "captured part ends before the IP protocol field")                                                     \
	X(LINKTYPE, "linktype", "link type that grescope does not read")                                                         \
	X(BAD_IP, "bad-ip", "IP header that contradicts itself")                                                                 \
	X(DEPTH, "depth", "more layers than the decoder follows")

enum gs_lost {
#define X(name, word, text) GS_LOST_##name,
	GS_LOST_MAP(X)
#undef X
	GS_LOST_COUNT,
};

/* How the GRE header was carried. */
enum gs_via {
	GS_VIA_IP = 0, /* directly by an IP header, protocol 47 */
	GS_VIA_ICMP,   /* in the packet that an ICMP or ICMPv6 error quotes */
	GS_VIA_UDP,    /* in UDP: ports 4754, 4755, or inside Geneve, VXLAN, GUE */
};

/* X(name, word, text): why decoding ended before the last byte it could have explained. A stop never takes back what was read before it. */
#define GS_STOP_MAP(X)                                                                                                           \
	X(NONE, "none", "decoded to the end")                                                                                    \
	X(GRE_CUT, "gre-cut", "capture ends inside the GRE header")                                                              \
	X(GRE_SHORT, "gre-short", "the IP packet ends inside the GRE header")                                                    \
	X(GRE_VERSION, "gre-version", "GRE version above 1")                                                                     \
	X(GRE_RESERVED, "gre-reserved", "GRE version 1 with a field that RFC 2637 fixes set otherwise")                          \
	X(GRE_LENGTH, "gre-length", "GRE version 1 payload length contradicts the IP length")                                    \
	X(ROUTE_SHORT, "route-short", "routing entry that leaves the packet")                                                    \
	X(ROUTE_LOOP, "route-loop", "more routing entries than the decoder follows")                                             \
	X(PAYLOAD_CUT, "payload-cut", "capture ends inside the payload's headers")                                               \
	X(PAYLOAD_SHORT, "payload-short", "the packet ends inside the payload's headers")                                        \
	X(PAYLOAD_BAD, "payload-bad", "payload header that contradicts itself")                                                  \
	X(PAYLOAD_UNKNOWN, "payload-unknown", "payload type that grescope does not decode")                                      \
	X(OPAQUE, "opaque", "payload compressed or encrypted")                                                                   \
	X(DEPTH, "depth", "nested deeper than the decoder follows")

enum gs_stop {
#define X(name, word, text) GS_STOP_##name,
	GS_STOP_MAP(X)
#undef X
	GS_STOP_COUNT,
};

/* X(name, word): kinds of layer, in the words of tshark's frame.protocols where it has one */
#define GS_LAYER_MAP(X)                                                                                                          \
	X(NONE, "none") X(ETH, "eth") X(SLL, "sll") X(NULL, "null") X(RAW, "raw") X(VLAN, "vlan") X(MPLS, "mpls") X(PPPOE, "pppoes")      \
	X(PPP, "ppp") X(CHDLC, "chdlc") X(LLC, "llc") X(IPV4, "ip") X(IPV6, "ipv6") X(IPV6_EXT, "ipv6.ext") X(AH, "ah") X(UDP, "udp")         \
	X(TCP, "tcp") X(SCTP, "sctp") X(ICMP, "icmp") X(ICMPV6, "icmpv6") X(GRE, "gre") X(GRE_ROUTE, "gre.routing") X(ERSPAN, "erspan") \
	X(NVGRE, "nvgre") X(NHRP, "nhrp") X(EOIP, "eoip") X(WCCP, "wccp") X(OSI, "osi") X(ARP, "arp") X(WLAN, "wlan") X(CMD, "cmd")         \
	X(GENEVE, "geneve") X(VXLAN, "vxlan") X(GUE, "gue") X(ESP, "esp") X(OSPF, "ospf") X(EIGRP, "eigrp") X(PIM, "pim") X(CDP, "cdp") \
	X(MACSEC, "macsec") X(DATA, "data")

enum gs_layer_kind {
#define X(name, word) GS_LAYER_##name,
	GS_LAYER_MAP(X)
#undef X
	GS_LAYER_COUNT,
};

struct gs_layer {
	uint8_t kind;     /* enum gs_layer_kind */
	uint8_t reserved;
	uint16_t len;     /* header octets, as far as captured */
	uint32_t off;     /* from the start of the frame */
};

#define GS_MAX_LAYERS 32 /* layers recorded and followed, link to innermost */
#define GS_MAX_GRE 8     /* nested GRE headers followed; deeper ones stop with GS_STOP_DEPTH */
#define GS_MAX_ROUTES 64 /* RFC 1701 source route entries followed */

/* Bits of gs_packet.has: which fields hold something. A field whose bit is clear is zero. */
enum gs_has {
	GS_HAS_CHECKSUM = 1u << 0, /* GRE checksum field present */
	GS_HAS_KEY = 1u << 1,
	GS_HAS_SEQ = 1u << 2,
	GS_HAS_ACK = 1u << 3,
	GS_HAS_ROUTING = 1u << 4,
	GS_HAS_FLAGS = 1u << 5,    /* gre_flags was captured */
	GS_HAS_PROTO = 1u << 6,    /* gre_proto was captured */
	GS_HAS_INNER = 1u << 7,    /* inner_src, inner_dst, inner_proto, inner_ttl */
	GS_HAS_PORTS = 1u << 8,    /* inner_sport, inner_dport: TCP, UDP or SCTP directly after the inner IP header */
	GS_HAS_ICMP = 1u << 9,     /* inner_icmp_type, inner_icmp_code */
	GS_HAS_DATA = 1u << 10,    /* data_off, data_len: payload of inner UDP */
	GS_HAS_TUNNEL_ID = 1u << 11, /* tunnel_id: ERSPAN session, NVGRE VSID, EoIP tunnel id */
	GS_HAS_TTL = 1u << 12,     /* ttl: false where only a log or flow record spoke */
	GS_HAS_IP_LEN = 1u << 13,
	GS_HAS_IP_ID = 1u << 14,
	GS_HAS_MACS = 1u << 15,    /* mac_off: inner Ethernet header */
	GS_HAS_DF = 1u << 16,      /* df and fragment state known */
	GS_HAS_ZERO_ID = 1u << 17, /* only of a sighting that a record made: its identification is known and 0. The number itself is not kept */
};
#define GS_HAS_ALL ((1u << 18) - 1) /* every bit that stands for something */

enum gs_checksum {
	GS_CHECKSUM_ABSENT = 0,
	GS_CHECKSUM_GOOD,
	GS_CHECKSUM_BAD,
	GS_CHECKSUM_UNKNOWN, /* present, but the packet is not captured to its end */
};

/*
 * What decoding found. A value on the caller's stack; offsets in octets from the start of the frame, so it is meaningful only while the
 * frame is. Numbers in host order. Valid after gs_decode (src/decode/decode.h); fields guarded by `has` are zero where their bit is clear.
 */
struct gs_packet {
	struct gs_time ts;
	uint32_t has;         /* enum gs_has */
	uint8_t outcome;      /* enum gs_outcome */
	uint8_t lost;         /* enum gs_lost, where outcome is GS_OUT_LOST */
	uint8_t via;          /* enum gs_via */
	uint8_t stop;         /* enum gs_stop */
	uint32_t stop_off;    /* where decoding ended */
	uint32_t control_off; /* GS_OUT_NOT_GRE: TCP header of a segment from or to PPTP's control port, 1723; then ip_off, ip_len, src and dst
	                       * are those of its IP header. 0: none */

	/* the IP header that directly carries the outermost GRE header (quoted, where via is ICMP) */
	struct gs_addr src, dst;
	uint8_t ip_version;
	uint8_t ttl;          /* TTL or hop limit */
	uint8_t tos;          /* TOS or traffic class */
	uint8_t df;           /* don't fragment; always 1 for IPv6 */
	uint16_t ip_id;
	uint8_t fragment;     /* 1: first fragment of several */
	uint8_t ip_hdr_len;   /* octets of the IPv4 header; 40 for IPv6 without extension headers */
	uint32_t ip_len;      /* total length; for IPv6 payload length + 40 */
	uint32_t ip_off;      /* where that IP header starts */
	uint32_t ip_end;      /* where its packet ends, or the capture does if that is sooner */

	/* the outermost GRE header */
	uint32_t gre_off;
	uint16_t gre_flags;   /* the first 16 bits, version included */
	uint16_t gre_proto;
	uint32_t gre_key;     /* version 1: payload length in the high, call id in the low 16 bits (RFC 2637 s4.1) */
	uint32_t gre_seq;
	uint32_t gre_ack;
	uint16_t gre_hdr_len; /* as far as captured */
	uint8_t checksum;     /* enum gs_checksum */
	uint8_t n_gre;        /* GRE headers in the frame */
	uint8_t payload;      /* enum gs_layer_kind of what directly follows the outermost GRE header, NONE if nothing does */
	uint8_t erspan;       /* 1, 2, 3 = ERSPAN type, 0 none */
	uint8_t icmp_type, icmp_code; /* of the error that quotes, where via is ICMP */
	uint8_t ppp_proto_set;
	uint16_t ppp_proto;   /* first PPP protocol number inside GRE version 1 or 0x880b */
	uint32_t tunnel_id;
	uint32_t payload_off; /* first octet after the outermost GRE header */
	uint32_t payload_len; /* octets after it that the IP length allows, captured or not */
	struct gs_addr quoter; /* via ICMP: who sent the error; via UDP: unused */

	/* the first IP header after the outermost GRE header and before any second GRE header */
	struct gs_addr inner_src, inner_dst;
	uint32_t inner_off;   /* where it starts */
	uint32_t inner_len;   /* its total length; IPv6: payload length + 40 */
	uint16_t inner_id;
	uint8_t inner_version;
	uint8_t inner_ttl;
	uint8_t inner_proto;  /* IPv4 protocol, IPv6 next header byte */
	uint8_t inner_tos;
	uint8_t inner_df;
	uint8_t inner_icmp_type, inner_icmp_code;
	uint8_t inner_fragment; /* 1: any fragment (first or later) */
	uint16_t inner_sport, inner_dport;
	uint32_t l4_off;      /* inner TCP, UDP, SCTP or ICMP header */
	uint32_t data_off;    /* inner UDP payload */
	uint32_t data_len;    /* captured octets of it that the inner lengths allow */
	uint32_t data_wire_len; /* octets of it by the UDP length field */
	uint32_t mac_off;     /* inner Ethernet header: destination MAC, source MAC, type */

	uint8_t n_layers;
	struct gs_layer layers[GS_MAX_LAYERS]; /* only the first n_layers are set */
};

/* Words and sentences of the lists above; never NULL, "?" for a number that is not in the list. */
const char *gs_stop_word(unsigned stop);
const char *gs_stop_text(unsigned stop);
const char *gs_lost_word(unsigned lost);
const char *gs_lost_text(unsigned lost);
const char *gs_layer_word(unsigned kind);

/* The field's name for a GRE protocol type (EtherType or vendor number), NULL where grescope knows none. */
const char *gs_gre_proto_name(uint16_t proto);

#endif
