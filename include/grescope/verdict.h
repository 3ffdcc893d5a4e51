/*
 * verdict.h - what a packet or sighting is taken for, how sure that is, and by which evidence
 */
#ifndef GRESCOPE_VERDICT_H
#define GRESCOPE_VERDICT_H

#include <stddef.h>
#include <stdint.h>

/* X(name, word, meaning): the classes, general meaning first. Numbers are stored: append only, never reorder. */
#define GS_CLASS_MAP(X)                                                                                                          \
	X(UNKNOWN, "unknown", "decoded, and none of the other classes")                                                          \
	X(MALFORMED, "malformed", "cannot be decoded; the stop reason is the evidence")                                          \
	X(BACKSCATTER, "backscatter", "an ICMP error that quotes GRE in which our own address is the source")                    \
	X(FLOOD_MIRAI_GREIP, "flood.mirai.greip", "Mirai's GRE-over-IP flood")                                                   \
	X(FLOOD_MIRAI_GREETH, "flood.mirai.greeth", "Mirai's GRE-over-Ethernet flood")                                           \
	X(FLOOD_GRE, "flood.gre", "high rate, made by another tool")                                                             \
	X(REMNANT, "remnant", "a Mirai flood's shape at a trickle with an impossible inner source, or its lengths in a record")  \
	X(SCAN_DECAP, "scan.decap", "probe for open tunnel endpoints")                                                           \
	X(EXPLOIT_ROUTE, "exploit.route", "RFC 1701 routing, as in CVE-2006-4650")                                               \
	X(TUNNEL_PPTP, "tunnel.pptp", "PPTP data channel")                                                                       \
	X(TUNNEL_ROUTING, "tunnel.routing", "routing protocol over a tunnel")                                                    \
	X(TUNNEL_IPSEC, "tunnel.ipsec", "IPsec inside GRE")                                                                      \
	X(TUNNEL_KEEPALIVE, "tunnel.keepalive", "tunnel keepalive")                                                              \
	X(TUNNEL_NHRP, "tunnel.nhrp", "NHRP, DMVPN")                                                                             \
	X(TUNNEL_EOIP, "tunnel.eoip", "MikroTik EoIP")                                                                           \
	X(TUNNEL_ERSPAN, "tunnel.erspan", "mirrored traffic, ERSPAN")                                                            \
	X(TUNNEL_NVGRE, "tunnel.nvgre", "network virtualisation, NVGRE")                                                         \
	X(TUNNEL_WCCP, "tunnel.wccp", "web cache redirection, WCCP")                                                             \
	X(TUNNEL_SCRUBBER, "tunnel.scrubber", "return tunnel of a mitigation provider")                                          \
	X(TUNNEL_DATA, "tunnel.data", "other tunnelled traffic")

enum gs_class {
#define X(name, word, meaning) GS_CLASS_##name,
	GS_CLASS_MAP(X)
#undef X
	GS_CLASS_COUNT,
};

/* X(name, word): single facts that speak for a verdict; bits of gs_verdict.evidence. Numbers are stored: append only. */
#define GS_EVIDENCE_MAP(X)                                                                                                       \
	X(STOP, "stop")               /* decoding stopped; the stop reason is written beside it */                               \
	X(GRE_PROTO, "gre-proto")     /* the GRE protocol type settles it */                                                     \
	X(GRE_VERSION1, "gre-v1")     /* GRE version 1 with protocol 0x880b */                                                   \
	X(GRE_ROUTING, "gre-routing") /* RFC 1701 routing bit set */                                                             \
	X(GRE_KEY_LAYOUT, "gre-key-layout") /* key present where the type needs one: NVGRE */                                    \
	X(INNER_PROTO, "inner-proto") /* the inner IP protocol settles it */                                                     \
	X(INNER_PORT, "inner-port")   /* an inner TCP or UDP port settles it */                                                  \
	X(INNER_DST, "inner-dst")     /* an inner multicast destination settles it */                                            \
	X(INNER_GRE_EMPTY, "inner-gre-empty") /* inner GRE header with protocol 0 and nothing behind */                          \
	X(INNER_RETURNS, "inner-returns") /* inner packet addressed back to the outer source */                                  \
	X(ICMP_QUOTE, "icmp-quote")   /* the GRE header was quoted by an ICMP error */                                           \
	X(TTL_ONE, "inner-ttl-1")     /* inner TTL 1 or hop limit 0 or 1 */                                                      \
	X(PPP, "ppp")                 /* PPP header as expected */                                                               \
	X(FOLDED, "folded")           /* the sighting stands for many sources: see gs_sighting.sources */                        \
	X(SHAPE, "shape")             /* header fields as the generator in question writes them */                               \
	X(IP_ID, "ip-id")             /* outer and inner identification related as the generator relates them */                 \
	X(RECURRENCE, "recurrence")   /* payload words follow the generator's recurrence */                                      \
	X(HEADER_DRAWS, "header-draws") /* header fields are the draws before the payload */                                     \
	X(STATE_LINK, "state-link")   /* linked to other packets of one generator state */                                       \
	X(LENGTH, "length")           /* a default length of the generator */                                                    \
	X(MARTIAN, "martian")         /* inner source that cannot exist on the Internet */                                       \
	X(RATE, "rate")               /* packets per second */                                                                   \
	X(SPREAD, "spread")           /* spread of inner addresses */                                                            \
	X(TWO_WAY, "two-way")         /* traffic in both directions */                                                           \
	X(INTERVAL, "interval")       /* regular interval */                                                                     \
	X(COLLECTOR, "collector")     /* the inner address that would get the answer */                                          \
	X(KNOWN_NETWORK, "known-network") /* a network in a list of providers */                                                 \
	X(ONE_PREFIX, "one-prefix")   /* inner destinations in one prefix */                                                     \
	X(CONTROL, "control")         /* the control channel was seen */                                                         \
	X(NESTED, "nested")           /* tunnel in tunnel */                                                                     \
	X(CONTROL_CALL, "control-call") /* the control channel named this packet's call */                                       \
	X(FORGED, "forged-sources")   /* one of a crowd of outer sources, impossible ones among them */

enum gs_evidence {
#define X(name, word) GS_EVIDENCE_##name##_BIT,
	GS_EVIDENCE_MAP(X)
#undef X
	GS_EVIDENCE_COUNT,
};
#define GS_EVIDENCE(name) (UINT64_C(1) << GS_EVIDENCE_##name##_BIT)

struct gs_verdict {
	uint8_t class_;      /* enum gs_class */
	uint8_t confidence;  /* 0 to 100 */
	uint16_t bits;       /* evidence of a generator's proof in bits, 0 where there is none */
	uint64_t evidence;   /* GS_EVIDENCE(...) */
};

/* The word of a class; "unknown" for a number that is not one. */
const char *gs_class_word(unsigned class_);
const char *gs_class_meaning(unsigned class_);

/* Class of a word of len characters; -1 where there is none. */
int gs_class_parse(const char *word, size_t len);

const char *gs_evidence_word(unsigned bit);

#endif
