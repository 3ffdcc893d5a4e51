/*
 * rule_nested.c - a tunnel in a tunnel: IP in IP or GRE again inside GRE
 *
 * Mostly somebody's business: a mobile network, a lab, a tunnel across a tunnel. Abuse of open endpoints shows by the way that the layers describe: every tunnel header inside names the
 * next endpoint, and a packet that is to visit one of them twice, or ends at its own sender, is built to loop (ping-pong) or to come back with news of the whole chain. That
 * is scan.decap with the nesting as evidence: what it needs and what it finds are the same open endpoints. A keepalive comes back too; a cut one is left alone.
 */
#include <string.h>

#include "classify/rules.h"

#define CONFIDENCE_ABUSE 80
#define CONFIDENCE_DATA 50
#define KEEPALIVE_MAX 36 /* octets of an inner IPv4 header and a GRE header with all options of RFC 2890 */

struct hop {
	const uint8_t *dst;
	uint8_t len; /* 4 or 16 */
	bool tunnel; /* what it carries is again a tunnel: dst is an endpoint */
};

static bool read_hop(const struct gs_frame *f, const struct gs_layer *l, struct hop *ret)
{
	const uint8_t *ip = f->data + l->off;

	if (l->kind == GS_LAYER_IPV4 && l->len >= 20)
		*ret = (struct hop){ ip + 16, 4, gs_is_tunnel(ip[9]) };
	else if (l->kind == GS_LAYER_IPV6 && l->len >= 40)
		*ret = (struct hop){ ip + 24, 16, gs_is_tunnel(ip[6]) };
	else
		return false;
	return true;
}

static bool same(const struct hop *h, const struct gs_addr *a)
{
	return h->len == (a->family == 4 ? 4 : 16) && memcmp(h->dst, a->b, h->len) == 0;
}

/* Whether the way through the layers comes by an endpoint twice, or by the sender. */
static bool loops(const struct gs_packet *p, const struct gs_frame *f)
{
	struct hop hops[GS_MAX_LAYERS];
	unsigned n = 0;

	for (unsigned i = 0; i < p->n_layers; i++) {
		if (p->layers[i].off <= p->gre_off || !read_hop(f, &p->layers[i], &hops[n]))
			continue;
		const struct hop *h = &hops[n];
		if (same(h, &p->src) || (h->tunnel && same(h, &p->dst)))
			return true;
		for (unsigned k = 0; k < n; k++)
			if (h->tunnel && hops[k].tunnel && h->len == hops[k].len && memcmp(h->dst, hops[k].dst, h->len) == 0)
				return true;
		n++;
	}
	return false;
}

static bool nested(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	if (!(p->has & GS_HAS_INNER) || !gs_is_tunnel(p->inner_proto))
		return false;
	const bool returns = gs_addr_equal(&p->inner_dst, &p->src);
	if (returns && p->inner_proto == 47 && p->inner_len <= KEEPALIVE_MAX)
		return false;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_DATA, .confidence = CONFIDENCE_DATA, .evidence = GS_EVIDENCE(INNER_PROTO) | GS_EVIDENCE(NESTED) };
	if (loops(p, f)) {
		v->class_ = GS_CLASS_SCAN_DECAP;
		v->confidence = CONFIDENCE_ABUSE;
		v->evidence = GS_EVIDENCE(NESTED) | (returns ? GS_EVIDENCE(INNER_RETURNS) : 0);
	}
	return true;
}

const struct gs_rule rule_nested = {
	.name = "nested",
	.source = "Beitis and Vanhoef, USENIX Security 2025 (ping-pong, chains of open endpoints); RFC 2003, RFC 2473 s4.1 on nesting",
	.wrong = "a routing loop between two honest tunnels nests as well; abuse whose endpoints all differ and that does not come back looks honest",
	.evidence = GS_EVIDENCE(INNER_PROTO) | GS_EVIDENCE(INNER_RETURNS) | GS_EVIDENCE(NESTED),
	.packet = nested,
};
