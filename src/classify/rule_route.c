/*
 * rule_route.c - RFC 1701 source routing whose offsets leave the packet, as in CVE-2006-4650
 *
 * Cisco IOS 12.0 to 12.2 subtracted the offsets from a length without looking, and forwarded what lay beyond the packet. Nobody routes by RFC 1701 any more (RFC 2784 s2.3 has
 * receivers drop the bit), but a route whose lengths add up harms nobody and says nothing: only one that points outside gets the name. Stands before malformed: an entry that
 * leaves the packet is the attack itself, not an accident of it.
 */
#include "classify/rules.h"

#define CONFIDENCE_LEAVES 90 /* an entry reaches beyond the packet */
#define CONFIDENCE_OFFSET 80 /* lengths add up, an offset points outside */

/* Octets at off, as far as captured; 0 beyond, which no offset is wrong with. */
static uint32_t octet(const struct gs_frame *f, uint32_t off)
{
	return off < f->caplen ? f->data[off] : 0;
}

/* Whether the offset word, or the offset of an entry, lies outside of what it points into. Equal to the length is the end: a route used up. */
static bool offset_outside(const struct gs_frame *f, uint32_t gre_off, const struct gs_layer *route)
{
	const uint32_t end = route->off + route->len;

	if ((octet(f, gre_off + 6) << 8 | octet(f, gre_off + 7)) > route->len)
		return true;
	for (uint32_t off = route->off; off + 4 <= end; off += 4 + octet(f, off + 3))
		if (octet(f, off + 2) > octet(f, off + 3))
			return true;
	return false;
}

static bool route(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	if (!(p->has & GS_HAS_ROUTING))
		return false;
	if (p->stop == GS_STOP_ROUTE_SHORT && p->stop_off >= p->gre_off && p->n_gre == 1) {
		*v = (struct gs_verdict){ .class_ = GS_CLASS_EXPLOIT_ROUTE,
					  .confidence = CONFIDENCE_LEAVES,
					  .evidence = GS_EVIDENCE(GRE_ROUTING) | GS_EVIDENCE(STOP) };
		return true;
	}
	for (unsigned i = 0; i < p->n_layers; i++) {
		const struct gs_layer *l = &p->layers[i];
		if (l->kind != GS_LAYER_GRE_ROUTE || l->off < p->gre_off)
			continue;
		if (!offset_outside(f, p->gre_off, l))
			return false;
		*v = (struct gs_verdict){ .class_ = GS_CLASS_EXPLOIT_ROUTE, .confidence = CONFIDENCE_OFFSET, .evidence = GS_EVIDENCE(GRE_ROUTING) };
		return true;
	}
	return false;
}

const struct gs_rule rule_route = {
	.name = "route",
	.source = "RFC 1701 s4; CVE-2006-4650, Cisco advisory cisco-sr-20060906-gre",
	.wrong = "random octets taken for GRE, or a broken implementation of RFC 1701, have such offsets too",
	.evidence = GS_EVIDENCE(STOP) | GS_EVIDENCE(GRE_ROUTING),
	.packet = route,
};
