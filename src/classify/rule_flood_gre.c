/*
 * rule_flood_gre.c - a flood that is not Mirai's: high rate, and inner addresses spread over all of the address space
 *
 * Rate alone says nothing: a tunnel between two sites runs at any rate. What no honest tunnel carries is inner addresses at random, for one in sixteen of them lies in 240/4, where
 * nobody is. So a window is a flood where one source sends one destination at least FLOOD_PPS, and the inner source or the inner destination addresses fell into SPREAD_BLOCKS of
 * the 32 blocks of length 5, among them both halves of 240/4.
 *
 * FLOOD_PPS: at 100 a second even the smallest packets keep a home line's uplink noticeably busy for no purpose, and FLOOD_PACKETS random addresses miss one of
 * the two halves in less than 4 of 10000 windows. Cut off by this: floods with constant inner addresses (they look like one stream) and floods whose outer source is
 * forged for each packet (no source has a rate); both stay `unknown`, and show by their number.
 */
#include "classify/rules.h"

#define FLOOD_PPS 100
#define FLOOD_PACKETS 256
#define SPREAD_BLOCKS 28
#define IMPOSSIBLE (UINT32_C(3) << 30) /* 240/5 and 248/5 */
#define CONFIDENCE 80

static bool spread(uint32_t blocks)
{
	return (blocks & IMPOSSIBLE) == IMPOSSIBLE && __builtin_popcount(blocks) >= SPREAD_BLOCKS;
}

static bool flood_gre_window(struct gs_sighting *s)
{
	if (s->class_ != GS_CLASS_UNKNOWN || s->packets < FLOOD_PACKETS || !gs_sighting_reaches(s, FLOOD_PPS))
		return false;
	if (!spread((uint32_t)s->spread) && !spread((uint32_t)(s->spread >> 32)))
		return false;
	s->class_ = GS_CLASS_FLOOD_GRE;
	s->confidence = CONFIDENCE;
	s->evidence |= GS_EVIDENCE(RATE) | GS_EVIDENCE(SPREAD);
	return true;
}

const struct gs_rule rule_flood_gre = {
	.name = "flood-gre",
	.source = "240/4 is reserved: RFC 1112 s4; spread and rate: docs/forensics.md",
	.wrong = "a measurement of the whole address space through a tunnel; a tunnel whose inside is the victim of a flood from forged sources",
	.evidence = GS_EVIDENCE(RATE) | GS_EVIDENCE(SPREAD),
	.window = flood_gre_window,
};
