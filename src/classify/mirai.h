/* mirai.h - what the rules about Mirai's floods have in common */
#ifndef GS_CLASSIFY_MIRAI_H
#define GS_CLASSIFY_MIRAI_H

#include "grescope/bots.h"
#include "grescope/verdict.h"

/* Blocks that cannot be a source on the Internet and that no tunnel carries either: 0/8, 127/8, 224/4, 240/4 (RFC 1122 s3.2.1.3, RFC 1112 s4). Private addresses
 * are left out: tunnels are made for them. */
static inline bool mirai_martian(const struct gs_addr *a)
{
	return a->family == 4 && (a->b[0] == 0 || a->b[0] == 127 || a->b[0] >= 224);
}

/* Whether the identifications add up as a bot's do, in one byte order or the other: what all packets but one in 2^14 fail at once. */
static inline bool mirai_ids(const struct gs_packet *p)
{
	const uint16_t big = (uint16_t)(p->ip_id + p->inner_id), little = (uint16_t)(__builtin_bswap16(p->ip_id) + __builtin_bswap16(p->inner_id));

	return big == 999 || little == 999 || big == 0xffff;
}

static inline uint8_t mirai_class(unsigned flood)
{
	return flood == GS_BOT_GREETH ? GS_CLASS_FLOOD_MIRAI_GREETH : GS_CLASS_FLOOD_MIRAI_GREIP;
}

/* Whether data of which the generator would have shown was captured, and did not: four octets are the least that can say so. */
static inline bool mirai_contradicted(const struct gs_bot_input *in, const struct gs_bot_proof *p)
{
	return p->level < GS_BOT_LEVEL_LIKELY && !(p->facts & (GS_BOT_FACT_ZERO_DATA | GS_BOT_FACT_DATA_UNSEEN)) &&
	       (in->data_len >= 4 || in->flood == GS_BOT_GREETH);
}

#endif
