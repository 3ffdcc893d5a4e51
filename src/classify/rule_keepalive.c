/*
 * rule_keepalive.c - tunnel keepalives: the request holds its own answer
 *
 * Request: GRE with an IPv4 packet inside that goes back from the outer destination to the outer source and carries an empty GRE header of type 0;
 * a router that decapsulates it thereby sends the answer: IP and an empty GRE header of type 0. Some put Cisco's metadata header (0x8909) around it.
 */
#include "classify/rules.h"

static bool keepalive(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)f;
	if (p->gre_proto == 0 && p->has & GS_HAS_PROTO && p->payload_len == 0) {
		*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_KEEPALIVE, .confidence = 90, .evidence = GS_EVIDENCE(GRE_PROTO) };
		return true;
	}
	if (!(p->has & GS_HAS_INNER) || p->inner_proto != 47 || p->n_gre != 2 || p->stop != GS_STOP_NONE)
		return false;
	if (!gs_addr_equal(&p->inner_src, &p->dst) || !gs_addr_equal(&p->inner_dst, &p->src))
		return false;
	/* the inner GRE header: type 0, nothing behind but a key */
	for (unsigned i = 1; i < p->n_layers; i++) {
		const struct gs_layer *l = &p->layers[i];
		if (l->kind != GS_LAYER_GRE || l->off <= p->gre_off || l->len < 4)
			continue;
		if (f->data[l->off + 2] | f->data[l->off + 3] || p->stop_off != l->off + l->len)
			return false;
		*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_KEEPALIVE,
					  .confidence = 95,
					  .evidence = GS_EVIDENCE(INNER_RETURNS) | GS_EVIDENCE(INNER_GRE_EMPTY) };
		return true;
	}
	return false;
}

const struct gs_rule rule_keepalive = {
	.name = "keepalive",
	.source = "Cisco document 64565, GRE tunnel keepalives; checked on captures",
	.wrong = "a probe for open tunnel endpoints could be built the same way",
	.evidence = GS_EVIDENCE(GRE_PROTO) | GS_EVIDENCE(INNER_GRE_EMPTY) | GS_EVIDENCE(INNER_RETURNS) | GS_EVIDENCE(INTERVAL),
	.packet = keepalive,
};
