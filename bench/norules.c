/*
 * norules.c - what stands in place of src/classify/classify.c in `grescope-norules`: the same program without a single rule, to measure what they cost
 *
 * Every packet gets one class, and not `unknown`: what observe gathers for the rules about windows is left out with them. The library's own file is not linked then.
 */
#include "classify/classify.h"

const struct gs_rule *const *gs_rules(unsigned *ret_n)
{
	*ret_n = 0;
	return NULL;
}

void gs_classify(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	(void)p;
	(void)f;
	*v = (struct gs_verdict){ .class_ = GS_CLASS_TUNNEL_DATA };
}

void gs_classify_record(struct gs_sighting *s)
{
	s->class_ = GS_CLASS_TUNNEL_DATA;
}

bool gs_classify_window(struct gs_sighting *s)
{
	(void)s;
	return false;
}

bool gs_classify_crowd(const struct gs_crowd *c, struct gs_verdict *v)
{
	(void)c;
	(void)v;
	return false;
}
