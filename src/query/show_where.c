/* show_where.c - where the subject is, by today's databases and by the pins of the day */
#include "query/show_state.h"

const char *show_copy(struct gs_show *s, const char *text)
{
	const char *c = text ? gs_arena_strndup(s->arena, text, strlen(text)) : "";
	return c ? c : "";
}

static void fill_place(struct gs_show *s, const struct gs_origin *o, struct gs_show_place *ret)
{
	*ret = (struct gs_show_place){ .asn = o->asn };
	ret->as_name = show_copy(s, s->enrich ? gs_enrich_string(s->enrich, o->as_name) : NULL);
	ret->region = show_copy(s, s->enrich ? gs_enrich_string(s->enrich, o->region) : NULL);
	ret->city = show_copy(s, s->enrich ? gs_enrich_string(s->enrich, o->city) : NULL);
	ret->country = show_copy(s, (char[3]){ o->country[0], o->country[1], 0 });
	ret->edition = "";
}

/* The pins of an address on the days it was seen. */
static int fill_pins(struct gs_show *s, struct gs_error *err)
{
	struct gs_dossier *d = &s->dossier;
	int64_t day = query_day(d->meta.first_seen), last = query_day(d->meta.last_seen);
	const struct gs_addr *a = &s->q.subject.prefix.base;
	int r = 0;

	while (r == 0 && day <= last) {
		struct gs_pin_span span;
		struct gs_pin pin;
		r = gs_store_pinned(s->q.pins, a, day, &span, err);
		if (r == 0 && span.place && d->n_pins == GS_SHOW_PINS) {
			d->more_pins = true;
			break;
		}
		if (r == 0 && span.place)
			r = gs_store_place(s->q.pins, span.place, &pin, err);
		if (r < 0)
			return r;
		if (span.place) {
			struct gs_show_place *p = &d->pins[d->n_pins++];
			*p = (struct gs_show_place){ .first_day = span.first_day, .last_day = span.last_day, .asn = pin.asn };
			p->as_name = show_copy(s, pin.as_name);
			p->region = show_copy(s, pin.region);
			p->city = show_copy(s, pin.city);
			p->country = show_copy(s, (char[3]){ pin.country[0], pin.country[1], 0 });
			p->edition = show_copy(s, pin.edition);
		}
		if (span.last_day >= last)
			break;
		day = span.last_day + 1;
	}
	return r;
}

int show_where(struct gs_show *s, struct gs_error *err)
{
	struct gs_dossier *d = &s->dossier;
	struct gs_origin o = { 0 };

	fill_place(s, &o, &d->today);
	if (d->subject.kind == GS_SUBJECT_NETWORK) {
		const struct show_kept *k = &s->kept[P_NETWORKS];
		const struct gs_cell *name = k->n_rows ? show_cell(k, 0, "src_as_name") : NULL, *country = k->n_rows ? show_cell(k, 0, "src_geo") : NULL;
		d->today.asn = d->subject.asn;
		d->today.as_name = name && name->set ? name->text : "";
		d->today.country = country && country->set ? country->text : "";
		d->space = s->enrich ? gs_enrich_asn_space(s->enrich, d->subject.asn) : 0;
	}
	if (d->subject.kind != GS_SUBJECT_ADDRESS)
		return 0;
	if (s->enrich) {
		gs_enrich_lookup(s->enrich, &d->subject.prefix.base, &o);
		fill_place(s, &o, &d->today);
	}
	return s->q.pins && d->meta.packets ? fill_pins(s, err) : 0;
}
