#include "query/origins.h"

#include "query/sizes.h"

struct entry {
	struct gs_addr addr;
	uint8_t zero[3];
	struct gs_origin origin;
};

#define KEY_LEN offsetof(struct entry, origin)

int query_origins_init(struct query_origins *o, struct gs_enrich *enrich, size_t cap_bytes, uint64_t seed)
{
	*o = (struct query_origins){ .enrich = enrich };
	return enrich ? gs_map_init(&o->map, KEY_LEN, sizeof(struct entry), query_map_cap(cap_bytes), seed) : 0;
}

void query_origins_done(struct query_origins *o)
{
	gs_map_done(&o->map);
}

void query_origins_get(struct query_origins *o, const struct gs_addr *a, struct gs_origin *ret)
{
	struct entry key = { .addr = *a }, *e;
	bool is_new;

	*ret = (struct gs_origin){ 0 };
	if (!o->enrich || a->family == 0)
		return;
	const uint64_t hash = QUERY_KEY_HASH(&o->map, &key, KEY_LEN);
	e = gs_map_get(&o->map, hash, &key, &is_new);
	if (!e && o->map.count) {
		gs_map_clear(&o->map, o->map.cap_bytes);
		e = gs_map_get(&o->map, hash, &key, &is_new);
	}
	if (!e) { /* no memory to remember it in */
		gs_enrich_lookup(o->enrich, a, ret);
		return;
	}
	if (is_new)
		gs_enrich_lookup(o->enrich, a, &e->origin);
	*ret = e->origin;
}

const char *query_origins_string(const struct query_origins *o, uint32_t id)
{
	return o->enrich && id ? gs_enrich_string(o->enrich, id) : NULL;
}
