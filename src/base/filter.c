#include "grescope/filter.h"

static bool in_any(const struct gs_prefix *list, unsigned n, const struct gs_addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (gs_prefix_contains(&list[i], a))
			return true;
	return n == 0;
}

bool gs_filter_match(const struct gs_filter *f, const struct gs_sighting *s)
{
	if (s->first.ns < f->since.ns || (s->first.ns >= f->until.ns && f->until.ns != INT64_MAX)) /* INT64_MAX: an open end */
		return false;
	if (f->classes && (s->class_ >= GS_CLASS_COUNT || !(f->classes >> s->class_ & 1)))
		return false;
	if (!in_any(f->src, f->n_src, &s->src) || !in_any(f->dst, f->n_dst, &s->dst))
		return false;
	for (unsigned i = 0; i < f->n_sensors; i++)
		if (f->sensors[i] == s->sensor)
			return true;
	return f->n_sensors == 0;
}
