/* reload.c - new editions of the databases, while the sensor runs */
#include "sensor/reload.h"

#include <stdio.h>

#define TRIES_V4 8192 /* look-ups in a new database before it is taken: they walk the tree all over */
#define TRIES_V6 2048

static void files_of(struct reload *r, const struct sensor_config *c)
{
	r->o = (struct options){ .own_databases = true };
	for (unsigned i = 0; i < c->asn_db.n; i++)
		r->o.asn_db[r->o.n_asn_db++] = c->asn_db.item[i];
	for (unsigned i = 0; i < c->city_db.n; i++)
		r->o.city_db[r->o.n_city_db++] = c->city_db.item[i];
}

static uint64_t mix(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Asks for addresses all over: what is damaged shows, and a table that waits for its first question is read now. */
static void try_out(struct gs_enrich *e)
{
	struct gs_origin o;
	uint64_t state = 47;

	for (unsigned i = 0; i < TRIES_V4 + TRIES_V6; i++) {
		uint8_t b[16];
		const uint64_t hi = mix(&state), lo = mix(&state);
		memcpy(b, &hi, 8);
		memcpy(b + 8, &lo, 8);
		b[0] = i < TRIES_V4 ? b[0] : (uint8_t)(0x20 | (b[0] & 0x1f)); /* 2000::/3 */
		const struct gs_addr a = i < TRIES_V4 ? gs_addr_v4(b) : gs_addr_v6(b);
		gs_enrich_lookup(e, &a, &o);
	}
}

/* Opens what is there now, and tries it. */
static int open_new(const struct reload *r, struct gs_enrich **ret, struct gs_error *err)
{
	struct gs_enrich *e = NULL;
	int code = databases_open(&r->o, &e, err);

	if (code < 0)
		return code;
	try_out(e);
	const char *damage = gs_enrich_damage(e);
	if (damage)
		code = gs_fail(err, GS_ERR_CONFIG, "%s", damage);
	else if (r->enrich && gs_enrich_has_networks(r->enrich) && !gs_enrich_has_networks(e))
		code = gs_fail(err, GS_ERR_CONFIG, "there is no network database any more");
	else if (r->enrich && gs_enrich_has_places(r->enrich) && !gs_enrich_has_places(e))
		code = gs_fail(err, GS_ERR_CONFIG, "there is no place database any more");
	if (code < 0)
		gs_enrich_close(e);
	else
		*ret = e;
	return code;
}

/* What is in use, for people. */
static void editions(const struct gs_enrich *e, char *out, size_t size)
{
	struct gs_database list[GS_MAX_DATABASES];
	const unsigned n = gs_enrich_databases(e, list);
	size_t used = 0;

	*out = '\0';
	for (unsigned i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s, %s", i ? "; " : "", list[i].name, list[i].edition);
	if (n == 0)
		snprintf(out, size, "none found");
}

int reload_open(struct reload *r, const struct sensor_config *c, struct gs_time now, struct gs_error *err)
{
	*r = (struct reload){ .next = { now.ns + RELOAD_LOOK_S * GS_NS_PER_S } };
	files_of(r, c);
	r->seen = r->stamp = databases_stamp(&r->o);
	const int code = open_new(r, &r->enrich, err);
	if (code < 0)
		r->refused = r->stamp;
	return code;
}

void reload_close(struct reload *r)
{
	gs_enrich_close(r->enrich);
	r->enrich = NULL;
}

static enum reload_result take(struct reload *r, uint64_t stamp, struct gs_enrich **ret_old, char *said, size_t size)
{
	struct gs_enrich *fresh;
	struct gs_error err = { 0 };
	char text[400];

	if (open_new(r, &fresh, &err) < 0) {
		r->refused = stamp;
		snprintf(said, size, r->enrich ? "new databases are not used, the old ones stay: %s" : "no databases: %s", err.text);
		return RELOAD_KEPT;
	}
	*ret_old = r->enrich;
	r->enrich = fresh;
	r->stamp = stamp;
	r->refused = 0;
	editions(fresh, text, sizeof text);
	snprintf(said, size, "databases were read anew: %s", text);
	return RELOAD_NEW;
}

enum reload_result reload_look(struct reload *r, struct gs_time now, bool force, struct gs_enrich **ret_old, char *said, size_t size)
{
	*said = '\0';
	*ret_old = NULL;
	if (r->next.ns > now.ns + RELOAD_LOOK_S * GS_NS_PER_S) /* the clock was set back */
		r->next = now;
	if (!force && now.ns < r->next.ns)
		return RELOAD_SAME;
	r->next.ns = now.ns + RELOAD_LOOK_S * GS_NS_PER_S;
	const uint64_t stamp = databases_stamp(&r->o);
	if (!force && (stamp == r->stamp || (r->refused && stamp == r->refused))) {
		r->seen = stamp;
		return RELOAD_SAME;
	}
	if (!force && stamp != r->seen) {
		r->seen = stamp;
		r->next.ns = now.ns + RELOAD_SETTLE_S * GS_NS_PER_S;
		return RELOAD_SAME;
	}
	r->seen = stamp;
	return take(r, stamp, ret_old, said, size);
}

enum reload_result reload_files(struct reload *r, const struct sensor_config *c, struct gs_time now, struct gs_enrich **ret_old, char *said, size_t size)
{
	files_of(r, c);
	return reload_look(r, now, true, ret_old, said, size);
}

uint64_t reload_age_s(const struct reload *r, struct gs_time now)
{
	struct gs_database list[GS_MAX_DATABASES];
	const unsigned n = r->enrich ? gs_enrich_databases(r->enrich, list) : 0;
	int64_t oldest = now.ns;

	for (unsigned i = 0; i < n; i++) {
		struct gs_time t;
		for (const char *p = list[i].edition; strlen(p) >= 10; p++) /* "2026-06-05", "file of 2026-06-20" */
			if (gs_time_parse(p, 10, &t)) {
				oldest = t.ns < oldest ? t.ns : oldest;
				break;
			}
	}
	return (uint64_t)(now.ns - oldest) / GS_NS_PER_S;
}
