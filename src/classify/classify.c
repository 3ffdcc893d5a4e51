/*
 * classify.c - the rules in order of precedence
 *
 * An error message comes first, for it is no GRE sent to us at all. What cannot be decoded comes next: no other rule may read what is not there. Then
 * what the GRE header settles, then Mirai's generator where it proves the packet (its random ports must not meet the rules about ports), then what the inner
 * packet does, and last what is only likely: remnant before the bare relation of identifications, for it says more.
 */
#include "classify/classify.h"

#include "classify/rules.h"

static const struct gs_rule *const rules[] = {
	&rule_backscatter, &rule_route, &rule_malformed, &rule_pptp, &rule_keepalive, &rule_gre_type, &rule_mirai, &rule_routing, &rule_ipsec,
	&rule_nested, &rule_scrubber, &rule_decap, &rule_remnant, &rule_mirai_id, &rule_flood_gre, &rule_data,
};
#define N_RULES (sizeof rules / sizeof *rules)

const struct gs_rule *const *gs_rules(unsigned *ret_n)
{
	*ret_n = N_RULES;
	return rules;
}

void gs_classify(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	for (unsigned i = 0; i < N_RULES; i++)
		if (rules[i]->packet && rules[i]->packet(p, f, v))
			return;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_UNKNOWN };
	if (p->stop != GS_STOP_NONE)
		v->evidence = GS_EVIDENCE(STOP);
}

void gs_classify_record(struct gs_sighting *s)
{
	s->class_ = GS_CLASS_UNKNOWN;
	s->confidence = 0;
	s->evidence = 0;
	for (unsigned i = 0; i < N_RULES; i++)
		if (rules[i]->record && rules[i]->record(s))
			return;
}

bool gs_classify_window(struct gs_sighting *s)
{
	for (unsigned i = 0; i < N_RULES; i++)
		if (rules[i]->window && rules[i]->window(s))
			return true;
	return false;
}
