/*
 * rule_scrubber.c - the way back of cleaned traffic: a mitigation provider announces a customer's network, and sends what is left of an attack through GRE to the customer's router
 *
 * By packet: plain IP in GRE from a network in scrubbers.h. Their health checks are echo replies back to the provider, just as probes for open endpoints are, so this rule comes before decap.
 *
 * By window: the shape. One tunnel, inner sources out of all the world as people are (no block of 224/3 among them, which forged floods and generators have), all inner destinations out
 * of one public block, and nothing in the other direction: answers leave the customer by its own lines. A block here is of length 5, for that is what a window keeps: coarse, hence
 * the confidence.
 */
#include "classify/mirai.h"
#include "classify/rules.h"
#include "classify/scrubbers.h"

#define CONFIDENCE_KNOWN 60
#define CONFIDENCE_SHAPE 40
#define SHAPE_PACKETS 256
#define SHAPE_BLOCKS 16                    /* of the 28 below 224/3 */
#define UNICAST_BLOCKS (UINT32_C(1) << 28) /* all blocks from here on are 224/3 */

static bool known(const struct gs_addr *a)
{
	if (!(scrubber_octets[a->b[0] / 64] >> a->b[0] % 64 & 1))
		return false;
	for (size_t i = 0; i < sizeof scrubbers / sizeof *scrubbers; i++)
		if (scrubbers[i].base.b[0] == a->b[0] && gs_prefix_contains(&scrubbers[i], a))
			return true;
	return false;
}

static bool scrubber(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)f;
	if (!(p->has & GS_HAS_INNER) || (p->gre_proto != 0x0800 && p->gre_proto != 0x86dd) || !known(&p->src))
		return false;
	if (mirai_martian(&p->inner_src)) /* a scrubber's first work is to drop these */
		return false;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_SCRUBBER, .confidence = CONFIDENCE_KNOWN, .evidence = GS_EVIDENCE(KNOWN_NETWORK) };
	if (gs_addr_equal(&p->inner_dst, &p->src))
		v->evidence |= GS_EVIDENCE(INNER_RETURNS);
	return true;
}

/* 10/8, 172.16/12, 192.168/16, 100.64/10: an inside like this is a site's, not a customer that the world reaches (RFC 1918, RFC 6598). */
static bool private(const struct gs_addr *a)
{
	return a->b[0] == 10 || (a->b[0] == 172 && a->b[1] >> 4 == 1) || (a->b[0] == 192 && a->b[1] == 168) || (a->b[0] == 100 && a->b[1] >> 6 == 1);
}

static bool scrubber_window(struct gs_sighting *s)
{
	const uint32_t to = (uint32_t)s->spread, from = (uint32_t)(s->spread >> 32);

	if (s->class_ != GS_CLASS_UNKNOWN || s->gre_proto != 0x0800 || s->packets < SHAPE_PACKETS || s->evidence & GS_EVIDENCE(TWO_WAY))
		return false;
	if (__builtin_popcount(to) != 1 || to >= UNICAST_BLOCKS || from >= UNICAST_BLOCKS || __builtin_popcount(from) < SHAPE_BLOCKS)
		return false;
	if (s->inner_dst.family != 4 || private(&s->inner_dst))
		return false;
	s->class_ = GS_CLASS_TUNNEL_SCRUBBER;
	s->confidence = CONFIDENCE_SHAPE;
	s->evidence |= GS_EVIDENCE(SPREAD) | GS_EVIDENCE(ONE_PREFIX);
	return true;
}

const struct gs_rule rule_scrubber = {
	.name = "scrubber",
	.source = "Cloudflare Magic Transit's documentation (tunnels, health checks); networks: src/classify/scrubbers.h",
	.wrong = "other GRE out of the same networks, or their address forged; a provider of transit through a tunnel, seen in one direction, has the shape",
	.evidence = GS_EVIDENCE(INNER_RETURNS) | GS_EVIDENCE(SPREAD) | GS_EVIDENCE(KNOWN_NETWORK) | GS_EVIDENCE(ONE_PREFIX),
	.packet = scrubber,
	.window = scrubber_window,
};
