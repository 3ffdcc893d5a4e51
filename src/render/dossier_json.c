/* dossier_json.c - a dossier as one object: meta, subject, where, times, classes, and each list under its name */
#include "render/dossier.h"

#include "render/json_value.h"

static void day_text(struct gs_buf *b, const char *name, int64_t day)
{
	char out[DOSSIER_DAY_MAX];

	json_text(b, name, dossier_day(day, out));
}

static void text_or_null(struct gs_buf *b, const char *name, const char *text)
{
	json_text(b, name, text && *text ? text : NULL);
}

static void put_place(struct gs_buf *b, const struct gs_show_place *p, bool pin)
{
	if (pin) {
		day_text(b, "first_day", p->first_day);
		day_text(b, "last_day", p->last_day);
	}
	json_member(b, "src_asn");
	if (p->asn)
		gs_buf_put_u64(b, p->asn);
	else
		gs_buf_puts(b, "null");
	text_or_null(b, "src_as_name", p->as_name);
	text_or_null(b, "src_geo", p->country);
	text_or_null(b, "src_region", p->region);
	text_or_null(b, "src_city", p->city);
	if (pin)
		text_or_null(b, "edition", p->edition);
}

static void put_where(struct gs_buf *b, const struct gs_dossier *d)
{
	static const char *const kinds[] = { "address", "prefix", "network" };

	json_member(b, "subject");
	gs_buf_putc(b, '{');
	json_text(b, "name", d->name);
	json_text(b, "kind", kinds[d->subject.kind]);
	if (d->subject.kind != GS_SUBJECT_PREFIX)
		put_place(b, &d->today, false);
	if (d->space)
		json_number(b, "ipv4_addresses", d->space);
	gs_buf_putc(b, '}');
	json_member(b, "pinned");
	gs_buf_putc(b, '[');
	for (unsigned i = 0; i < d->n_pins; i++) {
		gs_buf_puts(b, i ? ",{" : "{");
		put_place(b, &d->pins[i], true);
		gs_buf_putc(b, '}');
	}
	gs_buf_putc(b, ']');
	json_member(b, "compared");
	gs_buf_putc(b, '{');
	json_number(b, "sources", d->compared.sources);
	json_number(b, "network_differs", d->compared.network);
	json_number(b, "place_differs", d->compared.place);
	gs_buf_putc(b, '}');
}

static void put_times(struct gs_buf *b, const struct gs_dossier *d)
{
	json_number(b, "days_active", d->days);
	json_member(b, "weeks");
	gs_buf_putc(b, '[');
	for (size_t i = 0; i < d->n_weeks; i++) {
		gs_buf_puts(b, i ? ",{" : "{");
		day_text(b, "monday", d->weeks[i].monday);
		json_number(b, "packets", d->weeks[i].packets);
		gs_buf_putc(b, '}');
	}
	gs_buf_putc(b, ']');
	json_member(b, "gaps");
	gs_buf_putc(b, '[');
	for (unsigned i = 0; i < d->n_gaps; i++) {
		gs_buf_puts(b, i ? ",{" : "{");
		day_text(b, "first_day", d->gaps[i].first_day);
		day_text(b, "last_day", d->gaps[i].last_day);
		json_number(b, "days", (uint64_t)(d->gaps[i].last_day - d->gaps[i].first_day + 1));
		gs_buf_putc(b, '}');
	}
	gs_buf_putc(b, ']');
}

static void put_class(struct gs_buf *b, const struct gs_show_class *c)
{
	gs_buf_putc(b, '{');
	json_text(b, "class", c->word);
	json_text(b, "meaning", c->meaning);
	json_number(b, "sources", c->sources);
	json_number(b, "packets", c->packets);
	json_number(b, "bytes", c->bytes);
	json_number(b, "sightings_looked_at", c->looked_at);
	if (c->looked_at) {
		json_number(b, "confidence_min", c->confidence_min);
		json_number(b, "confidence_max", c->confidence_max);
	}
	json_member(b, "reasons");
	gs_buf_putc(b, '[');
	for (unsigned i = 0; i < c->n_reasons; i++) {
		gs_buf_puts(b, i ? ",{" : "{");
		json_text(b, "evidence", c->reasons[i].word);
		json_text(b, "meaning", c->reasons[i].meaning);
		json_number(b, "sightings", c->reasons[i].sightings);
		gs_buf_putc(b, '}');
	}
	gs_buf_putc(b, ']');
	json_member(b, "days");
	gs_buf_putc(b, '[');
	for (size_t i = 0; i < c->n_days; i++) {
		gs_buf_puts(b, i ? ",{" : "{");
		day_text(b, "day", c->days[i].day);
		json_number(b, "packets", c->days[i].packets);
		gs_buf_putc(b, '}');
	}
	gs_buf_puts(b, "]}");
}

static void put_list(struct gs_buf *b, const struct gs_show_list *l)
{
	json_member(b, l->name);
	gs_buf_putc(b, '{');
	json_number(b, "rows_total", l->rows_total);
	json_member(b, "rows");
	gs_buf_putc(b, '[');
	for (size_t i = 0; i < l->n_rows; i++) {
		gs_buf_puts(b, i ? ",\n" : "\n");
		json_row(b, l->columns, l->n_columns, l->cells + i * l->n_columns);
	}
	gs_buf_puts(b, "]}");
}

int dossier_json(struct gs_render *r, const struct gs_dossier *d, struct gs_error *err)
{
	struct gs_buf *b = &r->out;

	gs_buf_putc(b, '{');
	json_meta(b, &d->meta);
	gs_buf_puts(b, ",\n");
	gs_buf_puts(b, "\"show\":{");
	put_where(b, d);
	put_times(b, d);
	json_member(b, "reasons_partial");
	gs_buf_puts(b, d->some_reasons ? "true" : "false");
	json_member(b, "classes");
	gs_buf_putc(b, '[');
	for (unsigned i = 0; i < d->n_classes; i++) {
		gs_buf_puts(b, i ? ",\n" : "\n");
		put_class(b, &d->classes[i]);
	}
	gs_buf_putc(b, ']');
	for (unsigned i = 0; i < d->n_lists; i++)
		put_list(b, &d->lists[i]);
	gs_buf_puts(b, "}}\n");
	return render_flush(r, err);
}
