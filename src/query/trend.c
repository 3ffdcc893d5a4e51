/*
 * trend.c - sightings into networks, their weeks and their sources; the question's rows in their order
 */
#include "query/trend_state.h"

#include "query/columns.h"
#include "query/sizes.h"
#include "query/state.h"

#include <stdio.h>
#include <stdlib.h>

#define SET_WITHHELD 0x100u
#define KEY4 offsetof(struct trend_source4, group)
#define KEY6 offsetof(struct trend_source6, group)
#define KEY_DAY offsetof(struct trend_day, days)
#define KEY_WEEK offsetof(struct trend_week, packets)
#define KEY_COUNTRY offsetof(struct trend_country, sources)
#define SET_PINNED 0x80000000u /* the group's number below it */
#define ALL_WEEKS 31000u /* that gs_time can name */

_Static_assert(KEY4 == 8 && KEY6 == 24 && KEY_DAY == 16 && KEY_WEEK == 8 && KEY_COUNTRY == 8, "keys have no padding");

/* -- a question begins and ends -------------------------------------------------------------------------------------------------------- */

static int init_maps(struct gs_trend *t)
{
	const size_t part = t->q.memory_bytes / 16;
	const uint64_t seed = t->q.hash_seed;

	if (gs_map_init(&t->groups, sizeof(uint32_t), sizeof(struct trend_group), query_map_cap(3 * part), seed) < 0 ||
	    gs_map_init(&t->v4, KEY4, sizeof(struct trend_source4), query_map_cap(6 * part), seed) < 0 ||
	    gs_map_init(&t->v6, KEY6, sizeof(struct trend_source6), query_map_cap(6 * part), seed) < 0 ||
	    gs_map_init(&t->days, KEY_DAY, sizeof(struct trend_day), query_map_cap(2 * part), seed) < 0 ||
	    gs_map_init(&t->weeks, KEY_WEEK, sizeof(struct trend_week), query_map_cap(4 * part), seed) < 0 ||
	    gs_map_init(&t->all_weeks, KEY_WEEK, sizeof(struct trend_week), query_map_cap_for(ALL_WEEKS, sizeof(struct trend_week)), seed) < 0 ||
	    gs_map_init(&t->countries, KEY_COUNTRY, sizeof(struct trend_country), query_map_cap(part / 4), seed) < 0 ||
	    query_origins_init(&t->origins, t->enrich, t->q.pins, part, seed) < 0)
		return GS_ERR_NOMEM;
	t->arena = gs_arena_new(0);
	return t->arena ? 0 : GS_ERR_NOMEM;
}

static int set_sort(struct gs_trend *t, struct gs_error *err)
{
	const char *name = t->q.sort;
	char list[GS_ERROR_TEXT_MAX] = "";
	size_t n = 0;

	t->sort = -1;
	if (!name)
		return 0;
	t->descending = *name == '-';
	unsigned n_columns;
	const struct gs_column *columns = gs_trend_columns(t->q.by, false, &n_columns); /* by value, whatever is shown of it */
	for (unsigned i = 0; i < n_columns; i++) {
		if (strcmp(columns[i].name, name + t->descending) == 0)
			t->sort = (int)i;
		if (n < sizeof list)
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", columns[i].name);
	}
	return t->sort < 0 ? gs_fail(err, GS_ERR_USAGE, "--sort %.40s is no column of this question; its columns: %s", name, list) : 0;
}

/* Number 0 is what has no network; no AS has that number, and no class is asked for by it. */
#define ID_UNKNOWN 0u

static struct trend_group *group_get(struct gs_trend *t, uint32_t id)
{
	bool is_new;
	struct trend_group *g = gs_map_get(&t->groups, gs_map_hash(&t->groups, &id), &id, &is_new);

	if (g && is_new)
		g->sums = QUERY_NO_SUMS;
	return g;
}

int gs_trend_new(const struct gs_trend_question *q, struct gs_enrich *enrich, const struct gs_table_writer *writer, struct gs_trend **ret,
                 struct gs_error *err)
{
	struct gs_trend *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	t->q = *q;
	t->enrich = enrich;
	t->writer = *writer;
	t->columns = gs_trend_columns(q->by, q->for_people, &t->n_columns);
	t->all = t->shown = QUERY_NO_SUMS;
	t->watched_first = INT64_MAX;
	t->watched_last = INT64_MIN;
	if ((r = set_sort(t, err)) == 0 && (init_maps(t) < 0 || !group_get(t, ID_UNKNOWN)))
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r < 0) {
		gs_trend_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void gs_trend_free(struct gs_trend *t)
{
	if (!t)
		return;
	gs_map_done(&t->groups);
	gs_map_done(&t->v4);
	gs_map_done(&t->v6);
	gs_map_done(&t->days);
	gs_map_done(&t->weeks);
	gs_map_done(&t->all_weeks);
	gs_map_done(&t->countries);
	query_origins_done(&t->origins);
	gs_arena_free(t->arena);
	free(t->series);
	free(t->packets);
	free(t->scratch);
	free(t->week_order);
	free(t->week_start);
	free(t->order);
	free(t);
}

unsigned gs_trend_needs(const struct gs_trend *t)
{
	const struct gs_filter *f = &t->q.filter;
	unsigned needs = GS_NEED_SRC | GS_NEED_DAY | GS_NEED_CLASS;

	if (t->q.redact_dst) /* whether a source is withheld hangs on how each packet came */
		return GS_NEED_ALL;
	if (f->n_dst)
		needs |= GS_NEED_DST;
	if (f->n_sensors)
		needs |= GS_NEED_SENSOR;
	return needs;
}

bool gs_trend_can_tell(const struct gs_trend *t)
{
	return t->enrich && gs_enrich_total_space(t->enrich) > 0;
}

/* -- sampling ---------------------------------------------------------------------------------------------------------------------------- */

static bool sampled(uint64_t hash, unsigned level)
{
	return level == 0 || hash >> (64 - level) == 0;
}

/* Keeps the records that `keep` wants; what they move to is half as much on average. */
static int thin(struct gs_trend *t, struct gs_map *m, bool (*keep)(const struct gs_trend *t, const void *record))
{
	const size_t len = m->record_len;
	uint8_t *kept = malloc((size_t)m->count * len + 1);
	uint32_t n = 0;
	bool is_new;

	if (!kept)
		return GS_ERR_NOMEM;
	for (uint32_t i = 0; i < m->count; i++)
		if (keep(t, gs_map_at(m, i)))
			memcpy(kept + n++ * len, gs_map_at(m, i), len);
	gs_map_clear(m, m->cap_bytes);
	for (uint32_t i = 0; i < n; i++) {
		void *r = gs_map_get(m, gs_map_hash(m, kept + i * len), kept + i * len, &is_new);
		if (r)
			memcpy(r, kept + i * len, len);
	}
	free(kept);
	return 0;
}

static struct gs_addr addr4(const struct trend_source4 *s)
{
	return gs_addr_v4(s->addr);
}

static struct gs_addr addr6(const struct trend_source6 *s)
{
	struct gs_addr a = { .family = (uint8_t)s->family };
	memcpy(a.b, s->addr, sizeof a.b);
	return a;
}

static bool keep4(const struct gs_trend *t, const void *record)
{
	const struct gs_addr a = addr4(record);
	return sampled(query_addr_hash(&a, t->q.hash_seed), t->level);
}

static bool keep6(const struct gs_trend *t, const void *record)
{
	const struct gs_addr a = addr6(record);
	return sampled(query_addr_hash(&a, t->q.hash_seed), t->level);
}

static bool keep_day(const struct gs_trend *t, const void *record)
{
	const struct trend_day *d = record;
	return sampled((uint64_t)d->hash[1] << 32 | d->hash[0], t->days_level);
}

static size_t left(size_t cap, const struct gs_map *other)
{
	const size_t used = gs_map_used(other);
	return cap > used ? cap - used : 0;
}

/* The record of a source that is in the sample, made if it is new; NULL where it is not in the sample, *ret < 0 where memory ran out. */
static void *source_get(struct gs_trend *t, const struct gs_addr *a, uint64_t hash, uint32_t set, bool *ret_new, int *ret)
{
	const size_t cap = query_map_cap(t->q.memory_bytes / 16 * 6);
	struct trend_source4 k4 = { .set = set };
	struct trend_source6 k6 = { .set = set, .family = a->family };

	*ret = 0;
	memcpy(k4.addr, a->b, sizeof k4.addr);
	memcpy(k6.addr, a->b, sizeof k6.addr);
	while (sampled(hash, t->level)) {
		struct gs_map *m = a->family == 4 ? &t->v4 : &t->v6;
		m->cap_bytes = left(cap, a->family == 4 ? &t->v6 : &t->v4);
		void *r = a->family == 4 ? gs_map_get(m, QUERY_KEY_HASH(m, &k4, KEY4), &k4, ret_new) :
					   gs_map_get(m, QUERY_KEY_HASH(m, &k6, KEY6), &k6, ret_new);
		if (r)
			return r;
		if (t->level == 40) /* no address space holds that many: memory itself ran out */
			*ret = GS_ERR_NOMEM;
		t->v4.cap_bytes = t->v6.cap_bytes = cap;
		t->level++;
		if (*ret < 0 || (*ret = thin(t, &t->v4, keep4)) < 0 || (*ret = thin(t, &t->v6, keep6)) < 0)
			return NULL;
	}
	return NULL;
}

static int day_mark(struct gs_trend *t, uint64_t hash, uint32_t group, int64_t ns)
{
	const int64_t day = gs_time_floor_s((struct gs_time){ ns }, 86400) / 86400, week = trend_week_of(ns);
	const struct trend_day key = { .hash = { (uint32_t)hash, (uint32_t)(hash >> 32) }, .group = group, .week = (int32_t)week };
	bool is_new;

	while (sampled(hash, t->days_level)) {
		struct trend_day *d = gs_map_get(&t->days, QUERY_KEY_HASH(&t->days, &key, KEY_DAY), &key, &is_new);
		if (d) {
			d->days |= 1u << (day - (week * 7 - 3));
			return 0;
		}
		if (t->days_level++ == 60 || thin(t, &t->days, keep_day) < 0)
			return GS_ERR_NOMEM;
	}
	return 0;
}

/* -- taking sightings ---------------------------------------------------------------------------------------------------------------------- */

static bool listed_asn(const struct gs_filter *f, uint32_t asn)
{
	for (unsigned i = 0; i < f->n_asn; i++)
		if (asn && f->asn[i] == asn)
			return true;
	return f->n_asn == 0;
}

static bool listed_country(const struct gs_filter *f, const char country[2])
{
	for (unsigned i = 0; i < f->n_country; i++)
		if (memcmp(f->country[i], country, 2) == 0)
			return true;
	return f->n_country == 0;
}

static bool is_named(const struct gs_sighting *s)
{
	return s->src.family && !(s->flags & (GS_SIGHTING_FOLDED | GS_SIGHTING_COUNTED));
}

/* An ICMP error quotes a packet that claims to come from us, and a packet to ourselves names us twice. */
static bool is_withheld(const struct gs_trend *t, const struct gs_sighting *s)
{
	return t->q.redact_dst && (s->via == GS_VIA_ICMP || gs_addr_equal(&s->src, &s->dst));
}

static uint32_t number_of(const struct gs_trend *t, const struct trend_group *g)
{
	return (uint32_t)((size_t)((const uint8_t *)g - t->groups.records) / t->groups.record_len);
}

/* The group of a network; that of the unknown where there is no room for another. */
static uint32_t network_number(struct gs_trend *t, const struct gs_origin *o, uint64_t packets)
{
	struct trend_group *g = o->asn ? group_get(t, o->asn) : trend_group_at(t, 0);

	if (!g) {
		t->overflow = query_add(t->overflow, packets, &t->saturated);
		return 0;
	}
	if (o->asn && g->name != o->as_name && o->as_name && /* of several names (of several pins) the first in the alphabet */
	    (!g->name || strcmp(trend_string(t, o->as_name), trend_string(t, g->name)) < 0))
		g->name = o->as_name;
	return number_of(t, g);
}

static void country_add(struct gs_trend *t, uint32_t group, const struct gs_origin *o)
{
	const bool known = o->country[0] >= 'A' && o->country[0] <= 'Z' && o->country[1] >= 'A' && o->country[1] <= 'Z';
	const struct trend_country key = { .group = group, .country = { known ? o->country[0] : 0, known ? o->country[1] : 0 } };
	bool is_new;
	struct trend_country *c = gs_map_get(&t->countries, QUERY_KEY_HASH(&t->countries, &key, KEY_COUNTRY), &key, &is_new);

	if (c)
		c->sources++;
}

static bool week_add(struct gs_trend *t, struct gs_map *weeks, uint32_t group, const struct gs_sighting *s)
{
	const struct trend_week key = { .group = group, .week = (int32_t)trend_week_of(s->first.ns) };
	bool is_new;
	struct trend_week *w = gs_map_get(weeks, QUERY_KEY_HASH(weeks, &key, KEY_WEEK), &key, &is_new);

	if (w)
		w->packets = query_add(w->packets, s->packets, &t->saturated);
	return w != NULL;
}

/* The sighting's group: by its class, or by the network that its source was found in before or is found in now. */
static int place_source(struct gs_trend *t, const struct gs_sighting *s, uint32_t *ret_group)
{
	const bool by_class = t->q.by == GS_TREND_CLASS, withheld = is_withheld(t, s);
	const uint32_t class_ = s->class_ < GS_CLASS_COUNT ? s->class_ : GS_CLASS_UNKNOWN;
	struct trend_group *g = by_class ? group_get(t, 1 + class_) : trend_group_at(t, 0);
	bool is_new = false;
	int r;

	if (!g)
		return GS_ERR_NOMEM;
	*ret_group = number_of(t, g);
	if (!is_named(s)) {
		g->folded = query_add(g->folded, s->sources, &t->saturated);
		return 0;
	}
	const uint64_t hash = query_addr_hash(&s->src, t->q.hash_seed);
	const bool placed = !by_class && !withheld;
	uint32_t set = (by_class ? class_ : 0) | (withheld ? SET_WITHHELD : 0);
	struct gs_origin o = { 0 };
	if (placed && t->q.pins) {
		if (query_origins_get(&t->origins, &s->src, query_day(s->first), &o))
			t->pinned_packets = query_add(t->pinned_packets, s->packets, &t->saturated);
		*ret_group = network_number(t, &o, s->packets);
		set = SET_PINNED | *ret_group;
	}
	void *source = source_get(t, &s->src, hash, set, &is_new, &r);
	if (r < 0)
		return r;
	uint32_t *known = !source ? NULL : s->src.family == 4 ? &((struct trend_source4 *)source)->group : &((struct trend_source6 *)source)->group;
	if (placed && !t->q.pins) {
		if (known && !is_new) {
			*ret_group = *known;
		} else {
			query_origins_get(&t->origins, &s->src, 0, &o);
			*ret_group = network_number(t, &o, s->packets);
		}
	}
	if (placed && known && is_new)
		country_add(t, *ret_group, &o);
	if (known)
		*known = *ret_group;
	return day_mark(t, hash, *ret_group, s->first.ns);
}

static int take_one(struct gs_trend *t, const struct gs_sighting *s)
{
	const struct query_sums sums = { s->packets, s->bytes, s->first.ns, s->last.ns };
	const struct gs_filter *f = &t->q.filter;
	uint32_t group;

	if (s->first.ns < t->watched_first)
		t->watched_first = s->first.ns;
	if (s->last.ns > t->watched_last)
		t->watched_last = s->last.ns;
	if (!gs_filter_match(f, s))
		return 0;
	if (f->n_country || (f->n_asn && t->q.by == GS_TREND_CLASS)) {
		struct gs_origin o;
		const bool pinned = query_origins_get(&t->origins, &s->src, query_day(s->first), &o);
		if (!listed_country(f, o.country) || (t->q.by == GS_TREND_CLASS && !listed_asn(f, o.asn))) {
			t->origins.miscounted = true;
			return 0;
		}
		if (pinned && t->q.by == GS_TREND_CLASS)
			t->pinned_packets = query_add(t->pinned_packets, s->packets, &t->saturated);
	}
	int r = place_source(t, s, &group);
	if (r < 0)
		return r;
	struct trend_group *g = trend_group_at(t, group);
	query_sums_add(&g->sums, &sums, &t->saturated);
	query_sums_add(&t->all, &sums, &t->saturated);
	t->all_sightings++;
	if (t->q.by == GS_TREND_CLASS || listed_asn(f, g->id)) {
		query_sums_add(&t->shown, &sums, &t->saturated);
		t->sightings++;
	}
	t->floods |= s->class_ == GS_CLASS_FLOOD_MIRAI_GREIP || s->class_ == GS_CLASS_FLOOD_MIRAI_GREETH;
	if (!week_add(t, &t->weeks, group, s)) /* the group has no series then: one with holes would show a trend that is none */
		g->cut_packets = query_add(g->cut_packets, s->packets, &t->saturated);
	return week_add(t, &t->all_weeks, 0, s) ? 0 : GS_ERR_NOMEM;
}

static bool in_any(const struct gs_prefix *list, unsigned n, const struct gs_addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (gs_prefix_contains(&list[i], a))
			return true;
	return n == 0;
}

/* A process counts once for each network that a source of it is in, of those that were kept. */
static void bot_add(struct gs_trend *t, const struct gs_bot_process *p)
{
	const struct gs_filter *f = &t->q.filter;
	struct trend_group *seen[GS_BOT_SRC_SAMPLE];
	unsigned n = 0;

	if (t->q.redact_dst && p->quoted) /* it may be our own address that it claims */
		return;
	for (unsigned i = 0; i < p->n_src; i++) {
		struct gs_origin o;
		unsigned k = 0;
		query_origins_get(&t->origins, &p->src[i], query_day(p->first_seen), &o);
		struct trend_group *g = o.asn ? gs_map_find(&t->groups, gs_map_hash(&t->groups, &o.asn), &o.asn) : NULL;
		if (!g || !listed_country(f, o.country) || !in_any(f->src, f->n_src, &p->src[i]))
			continue;
		while (k < n && seen[k] != g)
			k++;
		if (k == n) {
			seen[n++] = g;
			g->bots++;
		}
	}
}

void gs_trend_bots(struct gs_trend *t, const struct gs_store_bot *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gs_store_bot_fits(&t->q.filter, &list[i]))
			bot_add(t, &list[i].process);
}

#define BATCH 64

/* The slots of all sources of a batch are on their way before the first is needed: with a year's sources each look-up would wait for memory. */
static void prefetch(struct gs_trend *t, const struct gs_sighting *s, size_t n)
{
	uint64_t hash[BATCH];

	for (size_t i = 0; i < n; i++) {
		struct trend_source4 key = { .set = t->q.by == GS_TREND_CLASS ? s[i].class_ : 0 };
		memcpy(key.addr, s[i].src.b, sizeof key.addr);
		hash[i] = QUERY_KEY_HASH(&t->v4, &key, KEY4);
		gs_map_prefetch(&t->v4, hash[i]);
	}
	for (size_t i = 0; i < n; i++)
		gs_map_prefetch_record(&t->v4, hash[i]);
}

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct gs_trend *t = arg;

	for (size_t i = 0; i < n; i++) {
		if (i % BATCH == 0 && !t->q.pins)
			prefetch(t, s + i, n - i < BATCH ? n - i : BATCH);
		if (take_one(t, &s[i]) < 0)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	if (t->origins.trouble.code && err)
		*err = t->origins.trouble;
	return t->origins.trouble.code;
}

struct gs_sighting_sink gs_trend_sink(struct gs_trend *t)
{
	return (struct gs_sighting_sink){ .take = take, .arg = t };
}

bool gs_trend_wants_bots(const struct gs_trend *t)
{
	return t->floods && t->q.by == GS_TREND_NETWORK;
}

void gs_trend_set_sightings(struct gs_trend *t, uint64_t sightings)
{
	if (t->sightings == t->all_sightings) /* else only some of them match, and the sums do not tell how many */
		t->sightings_told = sightings;
}

void gs_trend_watched(struct gs_trend *t, struct gs_time first, struct gs_time last)
{
	if (first.ns < t->watched_first)
		t->watched_first = first.ns;
	if (last.ns > t->watched_last)
		t->watched_last = last.ns;
}
