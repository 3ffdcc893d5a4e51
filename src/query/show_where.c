/*
 * show_where.c - where the subject is, by today's databases and by the pins of the day; and the sources of which two of these disagree
 *
 * Two disagree where both know and say otherwise: of a network by its number (names are spelt in many ways), of a place by its country, then its city,
 * and by its region where a city is not known to both.
 */
#include "query/show_state.h"

#include <stdlib.h>
#include <strings.h>

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

/* What was pinned of an address on days from first to last. Its strings are copied to the arena. */
struct pinned {
	struct gs_show_place list[GS_SHOW_PINS];
	bool network[GS_SHOW_PINS], place[GS_SHOW_PINS];
	unsigned n;
	bool more;
};

static const char *text_in(struct gs_arena *a, const char *text)
{
	const char *c = gs_arena_strndup(a, text, strlen(text));
	return c ? c : "";
}

static int pins_of(struct gs_store *pins, const struct gs_addr *a, int64_t day, int64_t last, struct gs_arena *arena, struct pinned *ret, struct gs_error *err)
{
	while (day <= last) {
		struct gs_pin_span span;
		struct gs_pin pin;
		int r = gs_store_pinned(pins, a, day, &span, err);
		if (r == 0 && span.place && ret->n == GS_SHOW_PINS) {
			ret->more = true;
			return 0;
		}
		if (r == 0 && span.place)
			r = gs_store_place(pins, span.place, &pin, err);
		if (r < 0)
			return r;
		if (span.place) {
			struct gs_show_place *p = &ret->list[ret->n];
			ret->network[ret->n] = pin.has_network;
			ret->place[ret->n++] = pin.has_place;
			*p = (struct gs_show_place){ .first_day = span.first_day, .last_day = span.last_day, .asn = pin.asn };
			p->as_name = text_in(arena, pin.as_name);
			p->region = text_in(arena, pin.region);
			p->city = text_in(arena, pin.city);
			p->country = text_in(arena, (char[3]){ pin.country[0], pin.country[1], 0 });
			p->edition = text_in(arena, pin.edition);
		}
		if (span.last_day >= last)
			return 0;
		day = span.last_day + 1;
	}
	return 0;
}

/* ---- who disagrees ---- */

/* One who said something of an address: a database of today, or a pin. */
struct said {
	struct gs_show_place where;
	const char *by;        /* a database's name */
	char country[3];
	bool network, place;   /* it speaks of these */
	bool pinned;
};

#define SAID_MAX (GS_MAX_DATABASES + GS_SHOW_PINS)

#define COLUMNS(X)                                                                                                   \
	X(SRC_IP, "src_ip", "Source", "source address", GS_CELL_ADDR)                                               \
	X(SAID_BY, "said_by", "Database", "the database that says so; pinned: what was kept when it was ingested", GS_CELL_TEXT) \
	X(EDITION, "edition", "Edition", "its edition", GS_CELL_TEXT)                                                \
	X(FIRST_DAY, "first_day", "From", "first day of a pin", GS_CELL_TEXT)                                        \
	X(LAST_DAY, "last_day", "To", "last day of a pin", GS_CELL_TEXT)                                             \
	X(ASN, "src_asn", "AS", "autonomous system of the source", GS_CELL_ASN)                                      \
	X(AS_NAME, "src_as_name", "Network", "its name", GS_CELL_TEXT)                                               \
	X(COUNTRY, "src_geo", "Country", "country of the source", GS_CELL_TEXT)                                      \
	X(REGION, "src_region", "Region", "region of the source", GS_CELL_TEXT)                                      \
	X(CITY, "src_city", "City", "city of the source", GS_CELL_TEXT)

enum {
#define X(id, name, title, description, type) C_##id,
	COLUMNS(X)
#undef X
	C_N,
};

static const struct gs_column columns[] = {
#define X(id, name, title, description, type) { name, title, description, type, 0, 0 },
	COLUMNS(X)
#undef X
};

static bool differ(const char *a, const char *b)
{
	return *a && *b && strcasecmp(a, b) != 0;
}

static bool places_differ(const struct gs_show_place *a, const struct gs_show_place *b)
{
	if (differ(a->country, b->country))
		return true;
	return *a->city && *b->city ? differ(a->city, b->city) : differ(a->region, b->region);
}

static void cell_day(struct gs_show *s, struct gs_cell *c, int64_t day)
{
	int64_t year;
	unsigned month, dom;

	gs_civil_from_days(day, &year, &month, &dom);
	query_cell_text(c, gs_arena_printf(s->arena, "%04d-%02u-%02u", (int)year, month, dom));
}

static void row_of(struct gs_show *s, const struct gs_addr *a, const struct said *w, bool network, bool place, struct gs_cell *c)
{
	const struct gs_show_place *p = &w->where;

	memset(c, 0, C_N * sizeof *c);
	query_cell_addr(&c[C_SRC_IP], a, false);
	query_cell_text(&c[C_SAID_BY], w->by);
	query_cell_text(&c[C_EDITION], show_copy(s, p->edition));
	if (w->pinned) {
		cell_day(s, &c[C_FIRST_DAY], p->first_day);
		cell_day(s, &c[C_LAST_DAY], p->last_day);
	}
	if (network && w->network) {
		query_cell_number(&c[C_ASN], p->asn, p->asn);
		query_cell_text(&c[C_AS_NAME], show_copy(s, p->as_name));
	}
	if (place && w->place) {
		query_cell_text(&c[C_COUNTRY], show_copy(s, p->country));
		query_cell_text(&c[C_REGION], show_copy(s, p->region));
		query_cell_text(&c[C_CITY], show_copy(s, p->city));
	}
}

static int rows_add(struct gs_show *s, const struct gs_addr *a, const struct said *list, unsigned n, bool network, bool place, struct gs_error *err)
{
	struct show_kept *k = &s->disagreements;
	const struct gs_dossier *d = &s->dossier;
	unsigned rows = 0;

	for (unsigned i = 0; i < n; i++)
		rows += (network && list[i].network) || (place && list[i].place);
	s->disagreements_total += rows;
	if ((s->q.limit && d->compared.differ > s->q.limit) || d->compared.differ > GS_SHOW_DIFFER_MAX)
		return 0;
	if (k->n_rows + rows > k->cap) {
		const size_t cap = (k->n_rows + rows) * 2;
		struct gs_cell *cells = realloc(k->cells, cap * C_N * sizeof *cells);
		if (!cells)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		k->cells = cells;
		k->cap = cap;
	}
	k->columns = columns;
	k->n_columns = C_N;
	for (unsigned i = 0; i < n; i++)
		if ((network && list[i].network) || (place && list[i].place))
			row_of(s, a, &list[i], network, place, &k->cells[k->n_rows++ * C_N]);
	return 0;
}

static unsigned opinions_of(struct gs_show *s, const struct gs_addr *a, struct said *list)
{
	struct gs_opinion opinion[GS_MAX_DATABASES];
	const unsigned n = s->enrich ? gs_enrich_opinions(s->enrich, a, opinion) : 0;

	for (unsigned i = 0; i < n; i++) {
		const struct gs_origin *o = &opinion[i].origin;
		struct said *w = &list[i];
		*w = (struct said){ .by = opinion[i].database->name, .country = { o->country[0], o->country[1] }, .network = !opinion[i].is_place, .place = opinion[i].is_place };
		w->where = (struct gs_show_place){ .asn = o->asn, .as_name = gs_enrich_string(s->enrich, o->as_name), .country = w->country,
						   .region = gs_enrich_string(s->enrich, o->region), .city = gs_enrich_string(s->enrich, o->city),
						   .edition = opinion[i].database->edition };
	}
	return n;
}

static int compare_said(struct gs_show *s, const struct gs_addr *a, const struct said *list, unsigned n, struct gs_error *err)
{
	struct gs_show_compared *c = &s->dossier.compared;
	bool network = false, place = false;
	unsigned networks = 0, places = 0;

	for (unsigned i = 0; i < n; i++) {
		networks += list[i].network && list[i].where.asn;
		places += list[i].place && (*list[i].where.country || *list[i].where.region || *list[i].where.city);
		for (unsigned k = i + 1; k < n; k++) {
			network |= list[i].network && list[k].network && list[i].where.asn && list[k].where.asn && list[i].where.asn != list[k].where.asn;
			place |= list[i].place && list[k].place && places_differ(&list[i].where, &list[k].where);
		}
	}
	c->sources += networks > 1 || places > 1;
	c->network += network;
	c->place += place;
	c->differ += network || place;
	return network || place ? rows_add(s, a, list, n, network, place, err) : 0;
}

int show_compare(struct gs_show *s, const struct gs_addr *a, int64_t first_day, int64_t last_day, struct gs_error *err)
{
	struct said list[SAID_MAX];
	struct pinned pinned = { .n = 0 };
	unsigned n = opinions_of(s, a, list);
	struct gs_arena *arena = s->q.pins ? gs_arena_new(0) : NULL;
	int r = 0;

	if (s->q.pins && !arena)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (arena)
		r = pins_of(s->q.pins, a, first_day, last_day, arena, &pinned, err);
	for (unsigned i = 0; i < pinned.n; i++)
		list[n++] = (struct said){ .where = pinned.list[i], .by = "pinned", .network = pinned.network[i], .place = pinned.place[i], .pinned = true };
	if (r == 0)
		r = compare_said(s, a, list, n, err);
	gs_arena_free(arena);
	return r;
}

/* ---- the subject itself ---- */

static int fill_pins(struct gs_show *s, struct gs_error *err)
{
	struct gs_dossier *d = &s->dossier;
	struct pinned pinned = { .n = 0 };
	int r = pins_of(s->q.pins, &s->q.subject.prefix.base, query_day(d->meta.first_seen), query_day(d->meta.last_seen), s->arena, &pinned, err);

	memcpy(d->pins, pinned.list, pinned.n * sizeof *d->pins);
	d->n_pins = pinned.n;
	d->more_pins = pinned.more;
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
	if (!d->meta.packets)
		return 0;
	int r = s->q.pins ? fill_pins(s, err) : 0;
	if (r == 0 && s->compares)
		r = show_compare(s, &d->subject.prefix.base, query_day(d->meta.first_seen), query_day(d->meta.last_seen), err);
	return r;
}
