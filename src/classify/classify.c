/*
 * classify.c - the rules in order of precedence
 *
 * An error message comes first, for it is no GRE sent to us at all. What cannot be decoded comes next: no other rule may read what is not there. Then
 * what the GRE header settles, then what the inner packet does.
 */
#include "classify/classify.h"

#include "classify/rules.h"

static const struct gs_rule *const rules[] = {
	&rule_backscatter, &rule_malformed, &rule_pptp, &rule_keepalive, &rule_gre_type, &rule_routing, &rule_ipsec,
};

const struct gs_rule *const *gs_rules(unsigned *ret_n)
{
	*ret_n = sizeof rules / sizeof *rules;
	return rules;
}

void gs_classify(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i]->packet(p, f, v))
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
}
