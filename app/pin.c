/*
 * pin.c - ingest --pin-origin: where each source was, as the databases at hand say, goes into the store with its rows
 *
 * A sink before the store's own notes each source's first and last day. The pins are written before each commit of the input, so that they are there
 * when the rows are; and whenever the notes are full, so that no input needs more memory than that.
 */
#include "app.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#define NOTES_BYTES (32u << 20)

struct noted {
	struct gs_addr src;
	uint8_t zero[3];
	int32_t first_day, last_day;
};

#define KEY_LEN offsetof(struct noted, first_day)
_Static_assert(KEY_LEN == 20, "the key has no padding");

struct pinner {
	struct gs_enrich *enrich;
	struct gs_store *store;
	struct gs_sighting_sink sink;
	struct gs_map notes;
	char edition[GS_PIN_TEXT_MAX];
	uint64_t pinned;
};

static void edition_of(struct pinner *p)
{
	struct gs_database db[GS_MAX_DATABASES];
	unsigned n = gs_enrich_databases(p->enrich, db);
	size_t at = 0;

	for (unsigned i = 0; i < n && at < sizeof p->edition; i++)
		at += (size_t)snprintf(p->edition + at, sizeof p->edition - at, "%s%s, %s", i ? "; " : "", db[i].name, db[i].edition);
}

int pinner_new(const struct options *o, struct gs_store *store, struct pinner **ret, struct gs_error *err)
{
	struct pinner *p = calloc(1, sizeof *p);
	int r = p ? databases_open(o, &p->enrich, err) : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	if (r == 0 && !gs_enrich_has_networks(p->enrich) && !gs_enrich_has_places(p->enrich))
		r = gs_fail(err, GS_ERR_CONFIG, "--pin-origin has nothing to pin by: %s", gs_enrich_missing(p->enrich));
	if (r == 0 && gs_map_init(&p->notes, KEY_LEN, sizeof(struct noted), NOTES_BYTES, 0x47524520676f6573u) < 0)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r < 0) {
		pinner_free(p);
		return r;
	}
	p->store = store;
	p->sink = gs_store_sink(store);
	edition_of(p);
	*ret = p;
	return 0;
}

void pinner_free(struct pinner *p)
{
	if (!p)
		return;
	gs_map_done(&p->notes);
	gs_enrich_close(p->enrich);
	free(p);
}

int pinner_write(struct pinner *p, struct gs_error *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < p->notes.count; i++) {
		const struct noted *n = gs_map_at(&p->notes, i);
		struct gs_origin o;
		gs_enrich_lookup(p->enrich, &n->src, &o);
		const struct gs_pin pin = { .has_network = gs_enrich_has_networks(p->enrich), .has_place = gs_enrich_has_places(p->enrich),
					    .asn = o.asn, .country = { o.country[0], o.country[1] },
					    .as_name = gs_enrich_string(p->enrich, o.as_name), .region = gs_enrich_string(p->enrich, o.region),
					    .city = gs_enrich_string(p->enrich, o.city), .edition = p->edition };
		r = gs_store_pin(p->store, &n->src, n->first_day, n->last_day, &pin, err);
		p->pinned += r == 0;
	}
	if (r == 0)
		pinner_drop(p);
	return r;
}

void pinner_drop(struct pinner *p)
{
	gs_map_clear(&p->notes, NOTES_BYTES);
}

uint64_t pinner_pinned(struct pinner *p)
{
	const uint64_t n = p->pinned;

	p->pinned = 0;
	return n;
}

static int note(struct pinner *p, const struct gs_sighting *s, struct gs_error *err)
{
	const int32_t day = (int32_t)(gs_time_floor_s(s->first, 86400) / 86400);
	const struct noted key = { .src = s->src };
	bool is_new;

	const uint64_t hash = XXH3_64bits_withSeed(&key, KEY_LEN, p->notes.seed); /* a length that the compiler sees */
	struct noted *n = gs_map_get(&p->notes, hash, &key, &is_new);
	if (!n) {
		int r = pinner_write(p, err);
		if (r < 0)
			return r;
		n = gs_map_get(&p->notes, hash, &key, &is_new);
		if (!n)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	n->first_day = is_new || day < n->first_day ? day : n->first_day;
	n->last_day = is_new || day > n->last_day ? day : n->last_day;
	return 0;
}

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct pinner *p = arg;
	int r = p->sink.take(p->sink.arg, s, n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (s[i].src.family && !(s[i].flags & GS_SIGHTING_FOLDED))
			r = note(p, &s[i], err);
	return r;
}

struct gs_sighting_sink pinner_sink(struct pinner *p)
{
	return (struct gs_sighting_sink){ .take = take, .arg = p };
}
