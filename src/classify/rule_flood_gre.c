/*
 * rule_flood_gre.c - a flood that is not Mirai's: high rate, and inner addresses spread over all of the address space
 *
 * Rate alone says nothing: a tunnel between two sites runs at any rate. What no honest tunnel carries is inner addresses at random, for one in sixteen of them lies in 240/4, where
 * nobody is. So a window is a flood where one source sends one destination at least FLOOD_PPS, and the inner source or the inner destination addresses fell into SPREAD_BLOCKS of
 * the 32 blocks of length 5, among them both halves of 240/4.
 *
 * A flood whose outer source is forged for each packet has no source with a rate. There the crowd is judged (gs_classify_crowd, gathered by observe for each destination and GRE shape):
 * at least GS_CROWD_SOURCES sources with at most GS_CROWD_EACH packets each, FLOOD_PPS together, and the same spread, but of the outer sources: nobody sends from 240/4. The inner
 * addresses have no say, so one constant pair is caught too. On the way many networks drop packets from 240/4; then the crowd looks like a large hub's spokes, and stays `unknown`.
 *
 * FLOOD_PPS: at 100 a second even the smallest packets keep a home line's uplink noticeably busy for no purpose, and FLOOD_PACKETS random addresses miss one of
 * the two halves in less than 4 of 10000 windows. Cut off by this: a flood from one source with constant inner addresses. A busy tunnel seen in one direction that carries one stream of
 * equal packets (a television feed, a telephone trunk) has the same addresses, lengths and rate: without what is in the packets the two cannot be told apart, so it stays `unknown`, and shows
 * by its number.
 */
#include "classify/rules.h"

#define FLOOD_PPS 100
#define FLOOD_PACKETS 256
#define SPREAD_BLOCKS 28
#define IMPOSSIBLE (UINT32_C(3) << 30) /* 240/5 and 248/5 */
#define CONFIDENCE 80
#define CONFIDENCE_CROWD 70 /* an honest sender of very few packets to the same destination is taken for one of the crowd */

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

bool gs_classify_crowd(const struct gs_crowd *c, struct gs_verdict *v)
{
	const struct gs_sighting all = { .packets = c->packets, .first = c->first, .last = c->last };

	if (c->sources < GS_CROWD_SOURCES || c->packets / GS_CROWD_EACH > c->sources || !gs_sighting_reaches(&all, FLOOD_PPS) || !spread(c->blocks))
		return false;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_FLOOD_GRE, .confidence = CONFIDENCE_CROWD, .evidence = GS_EVIDENCE(RATE) | GS_EVIDENCE(FORGED) };
	return true;
}

const struct gs_rule rule_flood_gre = {
	.name = "flood-gre",
	.source = "240/4 is reserved: RFC 1112 s4; spread and rate: docs/forensics.md",
	.wrong = "a measurement of the whole address space through a tunnel; a tunnel whose inside is the victim of a flood from forged sources; a capture whose outer addresses were made anonymous",
	.evidence = GS_EVIDENCE(RATE) | GS_EVIDENCE(SPREAD) | GS_EVIDENCE(FORGED),
	.window = flood_gre_window,
};
