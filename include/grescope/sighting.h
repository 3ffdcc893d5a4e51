/*
 * sighting.h - the unit of the raw data: who sent GRE to whom, what it looked like, how much of it in one window
 *
 * Every outer GRE packet becomes part of exactly one sighting. Fixed size, no pointers, versioned: copied freely, crosses processes and threads.
 * One sighting per (source, destination, GRE shape, class) and window; the shape is flags with version, protocol type, and key
 * (version 1: call id only). The remaining fields describe the first packet of the window, as a sample.
 */
#ifndef GRESCOPE_SIGHTING_H
#define GRESCOPE_SIGHTING_H

#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/types.h"
#include "grescope/verdict.h"

#define GS_SIGHTING_VERSION 1

/* How much the vantage point knows. */
#define GS_FIDELITY_MAP(X)                                                                                                       \
	X(PACKET, "packet")   /* the packet itself */                                                                            \
	X(SAMPLED, "sampled") /* one packet in n */                                                                              \
	X(FLOW, "flow")       /* a flow record */                                                                                \
	X(LOG, "log")         /* a log line, or raw data somebody published */

enum gs_fidelity {
#define X(name, word) GS_FIDELITY_##name,
	GS_FIDELITY_MAP(X)
#undef X
	GS_FIDELITY_COUNT,
};

enum gs_sighting_flag {
	GS_SIGHTING_FOLDED = 1u << 0,       /* stands for `sources` sources that no longer fitted in memory; src empty */
	GS_SIGHTING_DST_FOLDED = 1u << 1,   /* as above, and for many destinations too; dst empty */
	GS_SIGHTING_COUNTED = 1u << 2,      /* a sum over sources, src empty: `sources` added up over the sums of one hour, day, week or destination
	                                     * (whichever was needed; all classes together) is exactly how many there were. May be 0 */
};

/* Identifies the bot process behind a sighting. Kind 0: none. */
enum gs_bot_kind { GS_BOT_NONE = 0, GS_BOT_SEED = 1, GS_BOT_POSITION = 2 };

struct gs_sighting {
	/* the key: no padding up to gre_key, so that a table can compare it as bytes (GS_SIGHTING_KEY_LEN) */
	struct gs_addr src, dst;  /* of the IP header that carries the outermost GRE header */
	uint8_t class_;           /* enum gs_class */
	uint8_t via;              /* enum gs_via */
	uint16_t gre_flags, gre_proto;
	uint32_t gre_key;         /* as gs_packet.gre_key; version 1: the payload length in its high half is the first packet's */
	/* what every further packet of the window touches: with the key, two cache lines */
	uint32_t ip_len;
	struct gs_time first, last;
	uint64_t packets;
	uint64_t bytes;           /* IP total lengths added up; 0 where no length was known (GS_HAS_IP_LEN clear) */
	uint64_t evidence;        /* GS_EVIDENCE(...) */
	uint16_t evidence_bits;   /* as gs_verdict.bits */
	uint8_t confidence;
	uint8_t ttl, ttl_min, ttl_max;
	uint8_t version;          /* GS_SIGHTING_VERSION */
	uint8_t fidelity;         /* enum gs_fidelity */
	uint8_t flags;            /* enum gs_sighting_flag */
	uint8_t stop;             /* enum gs_stop */
	uint8_t protocol;         /* 47, or 17 where GRE came in UDP */
	uint8_t df;
	uint32_t has;             /* enum gs_has: which of the fields hold something */
	uint32_t gre_seq;
	uint32_t tunnel_id;
	uint32_t sources;         /* 1; where folded an estimate (HyperLogLog) */
	uint16_t sensor;          /* id that the caller gives names to; 0 the only or unnamed one */
	uint16_t gre_payload_len; /* version 1: payload length of the first packet, also in the high half of gre_key */
	union {
		uint64_t spread;  /* while its window is open: where inner addresses fell (gs_classify_spread); 0 once it is passed on */
		uint64_t summed;  /* of a sum: sightings added up; 0: it is one itself */
	};
	struct gs_addr inner_src, inner_dst;
	uint16_t inner_sport, inner_dport;
	uint8_t inner_proto, inner_ttl;
	uint8_t inner_icmp_type, inner_icmp_code;
	uint8_t icmp_type, icmp_code; /* of the quoting error, where via is ICMP */
	uint8_t bot_kind;         /* enum gs_bot_kind */
	uint8_t byte_order;       /* of a proven generator: 0 unknown, 1 little, 2 big endian */
	uint64_t bot_hi, bot_lo;  /* the bot's identifier: seed or stream position */
};

#define GS_SIGHTING_KEY_LEN (offsetof(struct gs_sighting, gre_key) + sizeof(uint32_t))
_Static_assert(GS_SIGHTING_KEY_LEN == 44, "the key has no padding");
_Static_assert(offsetof(struct gs_sighting, spread) + sizeof(uint64_t) <= 128 && sizeof(struct gs_sighting) == 192, "three cache lines, the busy ones first");

const char *gs_fidelity_word(unsigned fidelity);

/* What one packet says, as a sighting of one packet. */
void gs_sighting_from_packet(const struct gs_packet *p, const struct gs_verdict *v, uint16_t sensor, struct gs_sighting *ret);

#define GS_EVIDENCE_TEXT_MAX 512

/* The evidence in words, separated by semicolons: "gre-proto;inner-ttl-1". A stop reason stands as "stop=gre-cut", a quoting
 * error as "icmp-quote=3/2", who would get a probe's answer as "collector=192.0.2.1", folded sources as "folded=~1234", proof as "bits=4048". Returns the length. */
size_t gs_evidence_format(const struct gs_sighting *s, char out[GS_EVIDENCE_TEXT_MAX]);

#define GS_BOT_TEXT_MAX 48
/* "seed:<hex>" or "pos:<hex>"; "" where there is no bot. Returns the length. */
size_t gs_bot_format(const struct gs_sighting *s, char out[GS_BOT_TEXT_MAX]);

/*
 * Where sightings go. `take` gets n sightings that are the callee's only until it returns; result 0, or a negative gs_err that stops the giver,
 * which passes it on with *err.
 */
struct gs_sighting_sink {
	int (*take)(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err);
	void *arg;
};

#endif
