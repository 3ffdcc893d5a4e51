#include "query/origins.h"

#include "query/sizes.h"

#include <stdio.h>

struct entry {
	struct gs_addr addr;
	uint8_t zero[3];
	struct gs_origin origin;
	/* with pins only */
	int32_t first_day, last_day; /* on which it holds */
	uint8_t pinned, counted;
};

#define KEY_LEN offsetof(struct entry, origin)
#define PLAIN_LEN offsetof(struct entry, first_day)

struct place {
	int64_t id;
	struct gs_origin origin;
	uint8_t has_network, has_place;
};

#define MAX_STRINGS (1u << 20)
#define MAX_STRING_BYTES (64u << 20)

_Static_assert(sizeof(struct gs_origin) == 20, "its padding is zeroed where it is a key");

int query_origins_init(struct query_origins *o, struct gs_enrich *enrich, struct gs_store *pins, size_t cap_bytes, uint64_t seed)
{
	const size_t cap = query_map_cap(cap_bytes), few = query_map_cap(cap_bytes / 4);

	*o = (struct query_origins){ .enrich = enrich, .pins = pins };
	if (!pins)
		return enrich ? gs_map_init(&o->map, KEY_LEN, PLAIN_LEN, cap, seed) : 0;
	o->strings = gs_strtab_new(MAX_STRINGS, MAX_STRING_BYTES);
	if (!o->strings || gs_map_init(&o->map, KEY_LEN, sizeof(struct entry), cap, seed) < 0 ||
	    gs_map_init(&o->places, sizeof(int64_t), sizeof(struct place), few, seed) < 0 ||
	    gs_map_init(&o->numbers, sizeof(struct gs_origin), sizeof(struct gs_origin), few, seed) < 0) {
		query_origins_done(o);
		return GS_ERR_NOMEM;
	}
	return 0;
}

void query_origins_done(struct query_origins *o)
{
	gs_map_done(&o->map);
	gs_map_done(&o->places);
	gs_map_done(&o->numbers);
	gs_strtab_free(o->strings);
	o->strings = NULL;
}

/* ---- pins ---- */

static uint32_t own_string(struct query_origins *o, const char *text)
{
	return text && *text ? gs_strtab_add(o->strings, text, strlen(text)) : 0;
}

static void trouble(struct query_origins *o, const struct gs_error *err)
{
	if (!o->trouble.code)
		o->trouble = *err;
}

static void note_edition(struct query_origins *o, const char *edition)
{
	const uint32_t id = own_string(o, edition);

	for (unsigned i = 0; i < o->n_editions; i++)
		if (o->editions[i] == id)
			return;
	if (o->n_editions < ORIGIN_EDITIONS)
		o->editions[o->n_editions++] = id;
	else
		o->more_editions++;
}

static void place_get(struct query_origins *o, int64_t id, struct place *ret)
{
	const struct gs_map *m = &o->places;
	struct gs_error err = { 0 };
	struct gs_pin pin;
	bool is_new;

	*ret = (struct place){ .id = id };
	const uint64_t hash = QUERY_KEY_HASH(m, &id, sizeof id);
	const struct place *known = gs_map_find(m, hash, &id);
	if (known) {
		*ret = *known;
		return;
	}
	if (gs_store_place(o->pins, id, &pin, &err) < 0) {
		trouble(o, &err);
		return;
	}
	ret->has_network = pin.has_network;
	ret->has_place = pin.has_place;
	ret->origin.asn = pin.asn;
	ret->origin.as_name = own_string(o, pin.as_name);
	memcpy(ret->origin.country, pin.country, 2);
	ret->origin.region = own_string(o, pin.region);
	ret->origin.city = own_string(o, pin.city);
	note_edition(o, pin.edition);
	struct place *p = gs_map_get(&o->places, hash, &id, &is_new); /* where it does not fit it is read again */
	if (p)
		*p = *ret;
}

/* What today's databases say, with strings of our own. */
static void look_up(struct query_origins *o, const struct gs_addr *a, struct gs_origin *ret)
{
	struct gs_origin today;

	memset(ret, 0, sizeof *ret);
	if (!o->enrich)
		return;
	gs_enrich_lookup(o->enrich, a, &today);
	ret->asn = today.asn;
	memcpy(ret->country, today.country, 2);
	ret->as_name = own_string(o, gs_enrich_string(o->enrich, today.as_name));
	ret->region = own_string(o, gs_enrich_string(o->enrich, today.region));
	ret->city = own_string(o, gs_enrich_string(o->enrich, today.city));
}

static int32_t clamp_day(int64_t day)
{
	return day < INT32_MIN ? INT32_MIN : day > INT32_MAX ? INT32_MAX : (int32_t)day;
}

static void resolve(struct query_origins *o, struct entry *e, int64_t day)
{
	struct gs_pin_span span = { .first_day = day, .last_day = day };
	struct gs_error err = { 0 };
	struct place p = { 0 };

	if (gs_store_pinned(o->pins, &e->addr, day, &span, &err) < 0)
		trouble(o, &err);
	if (span.place)
		place_get(o, span.place, &p);
	if (!p.has_network || !p.has_place) {
		struct gs_origin today;
		look_up(o, &e->addr, &today);
		if (!p.has_network) {
			p.origin.asn = today.asn;
			p.origin.as_name = today.as_name;
		}
		if (!p.has_place) {
			memcpy(p.origin.country, today.country, 2);
			p.origin.region = today.region;
			p.origin.city = today.city;
		}
	}
	e->origin = p.origin;
	e->pinned = span.place != 0;
	e->first_day = clamp_day(span.first_day);
	e->last_day = clamp_day(span.last_day);
	o->pinned_sources += e->pinned && !e->counted;
	e->counted |= e->pinned;
}

uint32_t query_origins_number(struct query_origins *o, const struct gs_origin *origin)
{
	struct gs_origin key;
	bool is_new;

	memset(&key, 0, sizeof key);
	key.asn = origin->asn;
	key.as_name = origin->as_name;
	key.region = origin->region;
	key.city = origin->city;
	memcpy(key.country, origin->country, 2);
	const uint8_t *r = gs_map_get(&o->numbers, QUERY_KEY_HASH(&o->numbers, &key, sizeof key), &key, &is_new);
	return r ? (uint32_t)((size_t)(r - o->numbers.records) / o->numbers.record_len) : UINT32_MAX;
}

const struct gs_origin *query_origins_at(const struct query_origins *o, uint32_t number)
{
	static const struct gs_origin nowhere;

	return number < o->numbers.count ? gs_map_at(&o->numbers, number) : &nowhere;
}

/* ---- both ---- */

bool query_origins_get(struct query_origins *o, const struct gs_addr *a, int64_t day, struct gs_origin *ret)
{
	struct entry key = { .addr = *a }, *e;
	bool is_new;

	*ret = (struct gs_origin){ 0 };
	if ((!o->enrich && !o->pins) || a->family == 0)
		return false;
	const uint64_t hash = QUERY_KEY_HASH(&o->map, &key, KEY_LEN);
	e = gs_map_get(&o->map, hash, &key, &is_new);
	if (!e && o->map.count) {
		gs_map_clear(&o->map, o->map.cap_bytes);
		o->miscounted = true;
		e = gs_map_get(&o->map, hash, &key, &is_new);
	}
	if (!o->pins) {
		if (!e) /* no memory to remember it in */
			gs_enrich_lookup(o->enrich, a, ret);
		else if (is_new)
			gs_enrich_lookup(o->enrich, a, &e->origin);
		if (e)
			*ret = e->origin;
		return false;
	}
	if (!e) {
		e = &key;
		is_new = true;
	}
	if (is_new || day < e->first_day || day > e->last_day)
		resolve(o, e, day);
	*ret = e->origin;
	return e->pinned;
}

const char *query_origins_string(const struct query_origins *o, uint32_t id)
{
	if (o->pins)
		return id ? gs_strtab_get(o->strings, id) : NULL;
	return o->enrich && id ? gs_enrich_string(o->enrich, id) : NULL;
}

bool query_origins_say(const struct query_origins *o, uint64_t pinned, uint64_t packets, char out[ORIGIN_PINS_TEXT])
{
	char list[400] = "", sources[48] = "";
	size_t n = 0;

	if (!pinned)
		return false;
	for (unsigned i = 0; i < o->n_editions && n < sizeof list; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%.200s", i ? "; " : "", query_origins_string(o, o->editions[i]));
	if (o->more_editions && n < sizeof list)
		snprintf(list + n, sizeof list - n, "; and others");
	if (!o->miscounted)
		snprintf(sources, sizeof sources, " (%llu source%s)", (unsigned long long)o->pinned_sources, o->pinned_sources == 1 ? "" : "s");
	snprintf(out, ORIGIN_PINS_TEXT, "network and place of %llu of %llu packets%s as pinned on the day, by %s%s", (unsigned long long)pinned,
	         (unsigned long long)packets, sources, list, pinned < packets ? "; of the others by the data below" : "");
	return true;
}
