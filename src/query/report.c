/*
 * report.c - from the cube to a table: group, vote, count sources, sort, write
 *
 * One pass over the cube's entries. Each is added to its group; where a group has several classes (or a network several countries, a prefix several
 * networks) the packets of each alternative are added up apart, in `votes`, and the one with most packets is shown. A group that never
 * disagrees, nearly all of them where sources are the groups, needs no votes.
 *
 * Sources: a group counts an entry only for the lowest class its source occurs with, so each source counts once. Groups with folds count by
 * HyperLogLog over both, what was folded and what was not, because a source can be both (with different classes).
 */
#include "query/report.h"

#include "query/bots.h"

#include <stdio.h>
#include <stdlib.h>

/* -- taking sightings ---------------------------------------------------------------------------------------------------------------- */

static int64_t week_of(struct gs_time t) /* Mondays: 1969-12-29 starts week 0 */
{
	int64_t days = gs_time_floor_s(t, 86400) / 86400 + 3;
	return days / 7 - (days % 7 < 0);
}

static uint32_t target_number(struct gs_query *q, const struct gs_sighting *s)
{
	struct cube_extra e = { .redacted = q->q.redact_dst && s->dst.family };

	if (!e.redacted)
		e.dst = s->dst;
	return cube_extra_number(&q->cube, &e);
}

static uint32_t tunnel_number(struct gs_query *q, const struct gs_sighting *s)
{
	const bool flags = s->has & GS_HAS_FLAGS, proto = s->has & GS_HAS_PROTO, key = s->has & GS_HAS_KEY;
	const uint8_t version = flags ? s->gre_flags & 7 : 0;
	struct cube_extra e = { .redacted = q->q.redact_dst && s->dst.family, .gre_version = version, .gre_proto = proto ? s->gre_proto : 0 };

	if (!e.redacted)
		e.dst = s->dst;
	if (key) /* version 1: the call id; the other half is a length, different in every packet */
		e.gre_key = version == 1 ? s->gre_key & 0xffff : s->gre_key;
	e.has = (uint8_t)((flags ? CUBE_HAS_VERSION : 0) | (proto ? CUBE_HAS_PROTO : 0) | (key ? CUBE_HAS_KEY : 0));
	return cube_extra_number(&q->cube, &e);
}

/* Where the source was on that day; one that is withheld is nowhere. */
static uint32_t origin_number(struct gs_query *q, const struct gs_sighting *s)
{
	struct gs_origin o = { 0 };

	if (!(s->flags & GS_SIGHTING_FOLDED) && !query_source_redacted(q, s))
		query_origins_get(&q->origins, &s->src, query_day(s->first), &o);
	if (q->q.by == GS_BY_NETWORK && o.asn == 0)
		o = (struct gs_origin){ 0 };
	return query_origins_number(&q->origins, &o);
}

static struct cube_extra bot_extra(const struct gs_sighting *s, uint64_t hi, uint64_t lo)
{
	struct cube_extra e = { .has = CUBE_HAS_BOT, .gre_version = s->bot_kind, .gre_key = s->byte_order };

	memcpy(e.dst.b, &hi, sizeof hi);
	memcpy(e.dst.b + sizeof hi, &lo, sizeof lo);
	return e;
}

/* Positions of one process that were rounded down on either side of a multiple differ by GS_BOT_NEAR: they get the number of the one met first. */
static uint32_t bot_number(struct gs_query *q, const struct gs_sighting *s)
{
	const uint64_t step = (uint64_t)GS_BOT_NEAR;
	struct cube_extra e = bot_extra(s, s->bot_hi, s->bot_lo), below = bot_extra(s, s->bot_hi - (s->bot_lo < step), s->bot_lo - step),
			  above = bot_extra(s, s->bot_hi + (s->bot_lo + step < step), s->bot_lo + step);

	if (s->bot_kind == GS_BOT_NONE)
		e = (struct cube_extra){ 0 };
	if (s->bot_kind == GS_BOT_POSITION && !cube_extra_find(&q->cube, &e)) {
		const struct cube_extra *near = cube_extra_find(&q->cube, &below);
		near = near ? near : cube_extra_find(&q->cube, &above);
		if (near)
			return near->number;
	}
	return cube_extra_number(&q->cube, &e);
}

static uint32_t extra_of(struct gs_query *q, const struct gs_sighting *s)
{
	if (q->pinned)
		return origin_number(q, s);
	switch (q->q.by) {
	case GS_BY_DAY:
		return (uint32_t)(int32_t)(gs_time_floor_s(s->first, 86400) / 86400);
	case GS_BY_WEEK:
		return (uint32_t)(int32_t)week_of(s->first);
	case GS_BY_HOUR:
		return (uint32_t)(int32_t)(gs_time_floor_s(s->first, 3600) / 3600);
	case GS_BY_TARGET:
		return target_number(q, s);
	case GS_BY_TUNNEL:
		return tunnel_number(q, s);
	case GS_BY_BOT:
		return bot_number(q, s);
	default:
		return 0;
	}
}

bool report_shows_source(enum gs_by by)
{
	switch (by) {
	case GS_BY_CITY:
	case GS_BY_NETWORK:
	case GS_BY_COUNTRY:
	case GS_BY_SOURCE:
	case GS_BY_PREFIX24:
	case GS_BY_TUNNEL:
		return true;
	default:
		return false;
	}
}

int query_report_take(struct gs_query *q, const struct gs_sighting *const *list, size_t n, struct gs_error *err)
{
	static const struct gs_addr nobody = { .family = 0 };
	struct cube_item items[CUBE_BATCH];

	if (q->stream)
		return report_stream_take(q, list, n, err);
	for (size_t i = 0; i < n; i++) {
		const struct gs_sighting *s = list[i];
		query_count(q, s);
		items[i] = (struct cube_item){
			.src = s->flags & GS_SIGHTING_FOLDED ? nobody : s->src,
			.class_ = s->class_ < GS_CLASS_COUNT ? s->class_ : GS_CLASS_UNKNOWN,
			.redacted = report_shows_source(q->q.by) && query_source_redacted(q, s),
			.counted = (s->flags & GS_SIGHTING_COUNTED) != 0,
			.extra = extra_of(q, s),
			.sources = s->sources,
			.sums = { s->packets, s->bytes, s->first.ns, s->last.ns },
		};
	}
	return cube_add(&q->cube, items, n) < 0 ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : 0;
}

/* -- grouping ------------------------------------------------------------------------------------------------------------------------ */

static void key_extra(const struct gs_query *q, uint32_t extra, struct group_key *key)
{
	if (q->q.by == GS_BY_TARGET || q->q.by == GS_BY_TUNNEL || q->q.by == GS_BY_BOT) {
		const struct cube_extra *e = cube_extra_at(&q->cube, extra);
		if (!e || (e->dst.family == 0 && !e->redacted && !e->has)) /* of which nothing is known: one row with what was folded over all */
			return;
	} else if (extra == CUBE_OTHER) {
		return;
	}
	key->known = 1;
	key->extra = extra;
}

static void key_source(struct group_key *key, const struct gs_addr *src, bool redacted)
{
	if (redacted) {
		key->how = GROUP_REDACTED;
	} else {
		memcpy(key->addr, src->b, sizeof key->addr);
		key->family = src->family;
	}
}

void report_key_of(const struct gs_query *q, const struct gs_addr *src, bool redacted, uint8_t class_, uint32_t extra,
                   const struct gs_origin *o, struct group_key *key)
{
	memset(key, 0, sizeof *key);
	switch (q->q.by) {
	case GS_BY_CITY:
		key->id[1] = o->region;
		key->id[2] = o->city;
		__attribute__((fallthrough));
	case GS_BY_COUNTRY:
		memcpy(&key->id[0], o->country, 2);
		break;
	case GS_BY_NETWORK:
		key->id[0] = o->asn;
		break;
	case GS_BY_SOURCE:
		key_source(key, src, redacted);
		break;
	case GS_BY_PREFIX24: {
		struct gs_prefix p = gs_prefix_of(src, src->family == 4 ? 24 : 48);
		key_source(key, &p.base, redacted);
		break;
	}
	case GS_BY_CLASS:
		key->class_ = class_;
		break;
	case GS_BY_TUNNEL:
		key_source(key, src, redacted);
		key_extra(q, extra, key);
		break;
	case GS_BY_DAY:
	case GS_BY_WEEK:
	case GS_BY_HOUR:
	case GS_BY_TARGET:
	case GS_BY_BOT:
		key_extra(q, extra, key);
		break;
	default:
		break;
	}
}

/* A network that the data calls by several names has the first of them in the alphabet, whatever order its sources came in. */
static uint32_t name_of_two(const struct gs_query *q, uint32_t a, uint32_t b)
{
	if (a == b || !b)
		return a;
	return !a || strcmp(query_origins_string(&q->origins, b), query_origins_string(&q->origins, a)) < 0 ? b : a;
}

/* With pins a source can be in several places: the one with most packets is shown. */
static bool votes_on_origin(const struct gs_query *q)
{
	return q->pinned && q->q.by == GS_BY_SOURCE;
}

static int vote(struct report *r, uint32_t group, uint8_t kind, uint8_t class_, const struct gs_origin *o, uint64_t packets, uint64_t bytes)
{
	struct vote key = { .group = group, .kind = kind };
	bool is_new;

	if (kind == VOTE_CLASS) {
		key.class_ = class_;
	} else {
		key.asn = votes_on_origin(r->q) ? query_origins_number(&r->q->origins, o) : o->asn;
		memcpy(key.country, o->country, 2);
	}
	struct vote *v = gs_map_get(&r->votes, QUERY_KEY_HASH(&r->votes, &key, VOTE_KEY_LEN), &key, &is_new);
	if (!v)
		return GS_ERR_NOMEM;
	if (kind == VOTE_PLACE)
		v->as_name = name_of_two(r->q, v->as_name, o->as_name);
	v->packets = query_add(v->packets, packets, &r->saturated);
	v->bytes = query_add(v->bytes, bytes, &r->saturated);
	return 0;
}

/* Opens a vote where the group was of one mind until now, and casts what is added. */
static int vote_if_divided(struct report *r, struct group *g, uint8_t kind, bool agrees, uint8_t class_, const struct gs_origin *o,
                           const struct query_sums *add)
{
	if (!(g->votes & kind)) {
		if (agrees)
			return 0;
		g->votes |= kind;
		if (vote(r, g->number, kind, g->class_, &g->origin, g->sums.packets, g->sums.bytes) < 0)
			return GS_ERR_NOMEM;
	}
	return vote(r, g->number, kind, class_, o, add->packets, add->bytes);
}

/* Networks and prefixes can lie in several countries (prefixes in several networks); every other group's place is its key. */
static bool place_agrees(struct report *r, const struct group *g, const struct gs_origin *o)
{
	struct gs_query *q = r->q;

	if (votes_on_origin(q))
		return query_origins_number(&q->origins, &g->origin) == query_origins_number(&q->origins, o);
	if (q->q.by != GS_BY_NETWORK && q->q.by != GS_BY_PREFIX24)
		return true;
	return g->origin.asn == o->asn && memcmp(g->origin.country, o->country, 2) == 0;
}

struct group *report_group_add(struct report *r, const struct group_key *key, uint8_t class_, const struct gs_origin *o,
                               const struct query_sums *add)
{
	bool is_new;
	struct group *g = gs_map_get(&r->groups, gs_map_hash(&r->groups, key), key, &is_new);

	if (!g)
		return NULL;
	if (is_new) {
		g->number = r->groups.count - 1;
		g->sums = QUERY_NO_SUMS;
		g->origin = *o;
		g->class_ = class_;
	} else if (vote_if_divided(r, g, VOTE_CLASS, g->class_ == class_, class_, o, add) < 0 ||
	           vote_if_divided(r, g, VOTE_PLACE, place_agrees(r, g, o), class_, o, add) < 0) {
		return NULL;
	}
	if (g->origin.asn == o->asn && (r->q->q.by == GS_BY_NETWORK || place_agrees(r, g, o)))
		g->origin.as_name = name_of_two(r->q, g->origin.as_name, o->as_name);
	query_sums_add(&g->sums, add, &r->saturated);
	return g;
}

static int group_fold_open(struct report *r, struct group *g)
{
	if (g->fold)
		return 0;
	if (r->n_folds == r->folds_cap) {
		const uint32_t cap = r->folds_cap ? r->folds_cap * 2 : 16;
		struct group_fold *folds = realloc(r->folds, cap * sizeof *folds);
		if (!folds)
			return GS_ERR_NOMEM;
		r->folds = folds;
		r->folds_cap = cap;
	}
	r->folds[r->n_folds] = (struct group_fold){ 0 };
	g->fold = ++r->n_folds;
	return 0;
}

/* Before the entries, so that these find their group's HyperLogLog open. */
static int group_folds(struct report *r)
{
	const struct cube *c = &r->q->cube;
	const struct gs_origin nowhere = { 0 };
	const struct gs_addr nobody = { 0 };

	for (size_t i = 0; i < cube_fold_count(c); i++) {
		const struct cube_fold *f = cube_fold_at(c, i);
		struct group_key key;
		if (!f)
			continue;
		/* what has lost its name still is where it was, if that is what is asked for */
		const bool placed = r->q->pinned && r->q->q.by != GS_BY_SOURCE && r->q->q.by != GS_BY_PREFIX24;
		const struct gs_origin *o = placed ? query_origins_at(&r->q->origins, f->extra) : &nowhere;
		report_key_of(r->q, &nobody, false, f->class_, f->extra, o, &key);
		struct group *g = report_group_add(r, &key, f->class_, o, &f->sums);
		if (!g || group_fold_open(r, g) < 0)
			return GS_ERR_NOMEM;
		struct group_fold *gf = &r->folds[g->fold - 1];
		gf->sources = query_add(gf->sources, f->sources, &r->saturated);
		if (f->hll) {
			gf->estimated = true;
			gs_hll_merge(&gf->hll, f->hll);
		}
	}
	return 0;
}

/* What came without its sources. */
static int group_counts(struct report *r)
{
	const struct cube *c = &r->q->cube;
	const struct gs_origin nowhere = { 0 };
	const struct gs_addr nobody = { 0 };

	for (size_t i = 0; i < cube_count_count(c); i++) {
		const struct cube_count *k = cube_count_at(c, i);
		struct group_key key;
		report_key_of(r->q, &nobody, false, k->class_, k->extra, &nowhere, &key);
		struct group *g = report_group_add(r, &key, k->class_, &nowhere, &k->sums);
		if (!g || (k->folded && group_fold_open(r, g) < 0))
			return GS_ERR_NOMEM;
		if (k->folded)
			r->folds[g->fold - 1].sources = query_add(r->folds[g->fold - 1].sources, k->sources, &r->saturated);
		else
			g->sources += k->sources > UINT32_MAX - g->sources ? UINT32_MAX - g->sources : (uint32_t)k->sources;
	}
	return 0;
}

/* A withheld source counts among the unknown places; it may be there already, under its own name, if its place is unknown indeed. */
static bool counted_unknown(struct report *r, const struct cube_entry *e, const struct group_key *key)
{
	const enum gs_by by = r->q->q.by;
	struct gs_origin o;
	struct group_key shown;

	if (r->q->pinned || !e->redacted || (by != GS_BY_CITY && by != GS_BY_NETWORK && by != GS_BY_COUNTRY))
		return false;
	query_origins_get(&r->q->origins, &e->src, 0, &o);
	report_key_of(r->q, &e->src, false, e->class_, e->extra, &o, &shown);
	return memcmp(key, &shown, sizeof shown) == 0 && cube_is_shown_too(&r->q->cube, e);
}

/* Whether the entry's source counts for its group. With pins it can have come to the group by several origins. */
static bool counts(struct report *r, const struct group *g, const struct cube_entry *e, const struct group_key *key)
{
	bool is_new = true;

	if (!r->q->pinned) /* by class every class is a group of its own */
		return r->q->q.by == GS_BY_CLASS || (cube_is_first_class(&r->q->cube, e) && !counted_unknown(r, e, key));
	const struct seen s = { .group = g->number, .src = e->src };
	if (!gs_map_get(&r->seen, QUERY_KEY_HASH(&r->seen, &s, sizeof s), &s, &is_new)) {
		r->over = true;
		return cube_is_first_class(&r->q->cube, e);
	}
	return is_new;
}

static int group_entries(struct report *r)
{
	struct gs_query *q = r->q;
	const struct cube *c = &q->cube;

	for (size_t i = 0; i < cube_count(c); i++) {
		struct cube_entry e;
		struct gs_origin o = { 0 };
		struct group_key key;
		cube_at(c, i, &e);
		if (q->pinned)
			o = *query_origins_at(&q->origins, e.extra);
		else if (query_shows_origin(q->q.by) && !e.redacted) /* the place of a withheld address would say whose it is */
			query_origins_get(&q->origins, &e.src, 0, &o);
		if (q->q.by == GS_BY_NETWORK && o.asn == 0)
			o = (struct gs_origin){ 0 }; /* the unknown network is nowhere */
		report_key_of(q, &e.src, e.redacted, e.class_, e.extra, &o, &key);
		struct group *g = report_group_add(r, &key, e.class_, &o, e.sums);
		if (!g)
			return GS_ERR_NOMEM;
		if (g->fold && r->folds[g->fold - 1].estimated)
			gs_hll_add(&r->folds[g->fold - 1].hll, query_addr_hash(&e.src, q->q.hash_seed));
		g->sources += counts(r, g, &e, &key);
	}
	return 0;
}

static bool vote_beats(const struct vote *a, const struct vote *b)
{
	if (a->packets != b->packets)
		return a->packets > b->packets;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes;
	if (a->kind == VOTE_CLASS)
		return strcmp(gs_class_word(a->class_), gs_class_word(b->class_)) < 0;
	int c = memcmp(a->country, b->country, 2);
	return c ? c < 0 : a->asn < b->asn;
}

static void count_votes(struct report *r)
{
	for (uint32_t i = 0; i < r->votes.count; i++) {
		const struct vote *v = gs_map_at(&r->votes, i);
		struct group *g = gs_map_at(&r->groups, v->group);
		uint32_t *winner = v->kind == VOTE_CLASS ? &g->class_vote : &g->place_vote;
		if (*winner && !vote_beats(v, gs_map_at(&r->votes, *winner - 1)))
			continue;
		*winner = i + 1;
		if (v->kind == VOTE_CLASS) {
			g->class_ = v->class_;
		} else if (votes_on_origin(r->q)) {
			g->origin = *query_origins_at(&r->q->origins, v->asn);
		} else {
			g->origin.asn = v->asn;
			memcpy(g->origin.country, v->country, 2);
			if (r->q->q.by == GS_BY_PREFIX24)
				g->origin.as_name = v->as_name;
		}
	}
}

static uint64_t group_sources(const struct report *r, const struct group *g)
{
	if (!g->fold)
		return g->sources;
	const struct group_fold *f = &r->folds[g->fold - 1];
	uint64_t n = g->sources - g->streamed;
	if (f->estimated) {
		const uint64_t estimate = gs_hll_count(&f->hll);
		n = estimate > n ? estimate : n;
	}
	n += g->streamed;
	return n > UINT64_MAX - f->sources ? UINT64_MAX : n + f->sources;
}

/* -- cells --------------------------------------------------------------------------------------------------------------------------- */

static void cell_day(struct gs_cell *c, int64_t day, struct query_scratch *s)
{
	int64_t year;
	unsigned month, dom;

	gs_civil_from_days(day, &year, &month, &dom);
	c->text = s->at;
	c->set = true;
	s->at += sprintf(s->at, "%04d-%02u-%02u", (int)year, month, dom) + 1;
}

static void cell_week(struct gs_cell *c, int64_t week, struct query_scratch *s)
{
	const int64_t thursday = week * 7; /* a week belongs to the year of its Thursday */
	int64_t year;
	unsigned month, dom;

	gs_civil_from_days(thursday, &year, &month, &dom);
	c->text = s->at;
	c->set = true;
	s->at += sprintf(s->at, "%04d-W%02u", (int)year, (unsigned)((thursday - gs_days_from_civil(year, 1, 1)) / 7) + 1) + 1;
}

static void cell_hour(struct gs_cell *c, int64_t hour, struct query_scratch *s)
{
	const int64_t day = hour / 24 - (hour % 24 < 0);

	cell_day(c, day, s);
	s->at += sprintf(s->at - 1, "T%02u:00:00Z", (unsigned)(hour - day * 24));
}

static void cell_source(struct gs_cell *c, const struct group_key *k)
{
	struct gs_addr a = { .family = k->family };

	memcpy(a.b, k->addr, sizeof a.b);
	query_cell_addr(c, &a, false);
	c->u64 = k->family == 4 ? 24 : 48; /* a prefix's length; an address has none to read */
}

static void cell_redacted(struct gs_cell *c)
{
	c->text = QUERY_REDACTED;
	c->set = c->as_text = true;
}

static void cell_bot(struct gs_cell *c, const struct cube_extra *e, struct query_scratch *t)
{
	struct gs_sighting s = { .bot_kind = e->gre_version };

	memcpy(&s.bot_hi, e->dst.b, sizeof s.bot_hi);
	memcpy(&s.bot_lo, e->dst.b + sizeof s.bot_hi, sizeof s.bot_lo);
	query_cell_text(c, t->at);
	t->at += gs_bot_format(&s, t->at) + 1;
	c->set = true;
}

static void cell_of_extra(struct gs_cell *c, uint8_t id, const struct cube_extra *e, struct query_scratch *t)
{
	switch (id) {
	case COL_BOT:
		cell_bot(c, e, t);
		break;
	case COL_DST_IP:
		query_cell_addr(c, &e->dst, false);
		if (e->redacted)
			cell_redacted(c);
		break;
	case COL_GRE_VERSION:
		query_cell_number(c, e->has & CUBE_HAS_VERSION, e->gre_version);
		break;
	case COL_GRE_PROTO:
		query_cell_number(c, e->has & CUBE_HAS_PROTO, e->gre_proto);
		break;
	case COL_GRE_KEY:
		query_cell_number(c, e->has & CUBE_HAS_KEY, e->gre_key);
		break;
	}
}

static void cell_of_key(const struct report *r, uint8_t id, const struct group *g, struct gs_cell *c, struct query_scratch *s)
{
	const struct group_key *k = &g->key;
	const struct query_origins *o = &r->q->origins;

	switch (id) {
	case COL_SRC_IP:
	case COL_PREFIX:
		if (k->how == GROUP_REDACTED)
			cell_redacted(c);
		else
			cell_source(c, k);
		break;
	case COL_SRC_ASN:
		query_cell_number(c, g->origin.asn != 0, g->origin.asn);
		break;
	case COL_SRC_AS_NAME:
		query_cell_text(c, query_origins_string(o, g->origin.as_name));
		break;
	case COL_SRC_GEO:
		query_cell_country(c, g->origin.country, s);
		break;
	case COL_SRC_REGION:
		query_cell_text(c, query_origins_string(o, g->origin.region));
		break;
	case COL_SRC_CITY:
		query_cell_text(c, query_origins_string(o, g->origin.city));
		break;
	case COL_CLASS:
		query_cell_class(c, k->class_);
		break;
	case COL_DAY:
	case COL_WEEK:
	case COL_HOUR:
		if (k->known)
			(id == COL_DAY ? cell_day : id == COL_WEEK ? cell_week : cell_hour)(c, (int32_t)k->extra, s);
		break;
	default:
		if (k->known)
			cell_of_extra(c, id, cube_extra_at(&r->q->cube, k->extra), s);
	}
}

static void cell_of(const struct report *r, uint8_t id, const struct group *g, struct gs_cell *c, struct query_scratch *s)
{
	const uint64_t all = r->q->sums.packets;

	*c = (struct gs_cell){ 0 };
	switch (id) {
	case COL_SOURCES:
		query_cell_number(c, true, group_sources(r, g));
		break;
	case COL_PACKETS:
		query_cell_number(c, true, g->sums.packets);
		break;
	case COL_BYTES:
		query_cell_number(c, g->sums.bytes != 0, g->sums.bytes);
		break;
	case COL_SHARE:
		c->real = all ? (double)g->sums.packets / (double)all : 0;
		c->set = true;
		break;
	case COL_FIRST_SEEN:
		query_cell_time(c, g->sums.first);
		break;
	case COL_LAST_SEEN:
		query_cell_time(c, g->sums.last);
		break;
	case COL_TOP_CLASS:
		query_cell_class(c, g->class_);
		break;
	default:
		cell_of_key(r, id, g, c, s);
	}
}

/* -- order and output ---------------------------------------------------------------------------------------------------------------- */

static int compare_column(const struct report *r, unsigned column, const struct group *a, const struct group *b, bool descending)
{
	char text_a[64], text_b[64];
	struct query_scratch sa = { text_a }, sb = { text_b };
	struct gs_cell ca, cb;
	const struct query_columns *c = r->q->columns;

	cell_of(r, c->ids[column], a, &ca, &sa);
	cell_of(r, c->ids[column], b, &cb, &sb);
	return query_cell_compare(c->columns[column].type, &ca, &cb, descending);
}

/* Groups by address are many, and most of them tie: their first column without the making of cells. */
static int compare_addresses(const struct gs_query *q, const struct group_key *a, const struct group_key *b)
{
	if (q->q.by != GS_BY_SOURCE && q->q.by != GS_BY_PREFIX24 && q->q.by != GS_BY_TUNNEL)
		return 0;
	if (a->how != b->how || !a->family || !b->family)
		return 0;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->addr, b->addr, sizeof a->addr);
}

static int compare_groups(const void *pa, const void *pb, void *arg)
{
	const struct report *r = arg;
	const struct gs_query *q = r->q;
	const struct group *a = gs_map_at(&r->groups, *(const uint32_t *)pa), *b = gs_map_at(&r->groups, *(const uint32_t *)pb);
	int c = q->sort >= 0 ? compare_column(r, (unsigned)q->sort, a, b, q->descending) : 0;

	if (c)
		return c;
	if (a->sums.packets != b->sums.packets)
		return a->sums.packets > b->sums.packets ? -1 : 1;
	if (a->sums.bytes != b->sums.bytes)
		return a->sums.bytes > b->sums.bytes ? -1 : 1;
	c = compare_addresses(q, &a->key, &b->key);
	for (unsigned i = 0; i < q->columns->n_key && c == 0; i++)
		c = compare_column(r, i, a, b, false);
	return c ? c : (a->number > b->number) - (a->number < b->number);
}

static int sort_groups(struct report *r)
{
	const uint32_t n = r->groups.count;

	r->order = malloc((n ? n : 1) * sizeof *r->order);
	if (!r->order)
		return GS_ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		r->order[i] = i;
	qsort_r(r->order, n, sizeof *r->order, compare_groups, r);
	return 0;
}

static int write_rows(struct report *r, uint64_t n, struct gs_error *err)
{
	struct gs_query *q = r->q;
	const unsigned width = q->columns->n;
	struct gs_cell *cells = malloc(QUERY_BATCH * width * sizeof *cells);
	char *text = malloc(QUERY_BATCH * 64);
	int ret = cells && text ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	for (uint64_t at = 0; at < n && ret == 0;) {
		struct query_scratch s = { text };
		struct gs_table t = { .columns = q->columns->columns, .n_columns = width, .cells = cells };
		for (; at < n && t.n_rows < QUERY_BATCH; at++, t.n_rows++)
			for (unsigned i = 0; i < width; i++)
				cell_of(r, q->columns->ids[i], gs_map_at(&r->groups, r->order[at]), &cells[t.n_rows * width + i], &s);
		ret = q->writer.rows(q->writer.arg, &t, err);
	}
	free(cells);
	free(text);
	return ret;
}

/* -- metadata ------------------------------------------------------------------------------------------------------------------------ */

/* Without extras every source is found by looking at its classes, and nothing need be kept. */
static void count_by_class(const struct report *r, struct query_distinct *d, uint64_t *ret_exact)
{
	const struct cube *c = &r->q->cube;
	uint64_t n = 0;

	for (size_t i = 0; i < cube_count(c); i++) {
		struct cube_entry e;
		cube_at(c, i, &e);
		if (c->folded_here)
			gs_hll_add(&d->hll, query_addr_hash(&e.src, r->q->q.hash_seed));
		n += cube_is_first_class(c, &e) && !(e.redacted && cube_is_shown_too(c, &e));
	}
	*ret_exact = n;
}

static bool came_counted(const struct cube *c)
{
	for (size_t i = 0; i < cube_count_count(c); i++)
		if (!cube_count_at(c, i)->folded)
			return true;
	return false;
}

/* Distinct sources over all groups: a source can be in several days, targets and classes, so the groups' own do not add up. */
static int count_all_sources(struct report *r, struct gs_meta *meta)
{
	const struct gs_query *q = r->q;
	const struct cube *c = &q->cube;
	struct query_distinct d;
	uint64_t folded = 0, exact = 0;

	if (query_distinct_init(&d, c->has_extras ? q->q.memory_bytes / 4 : 0, q->q.hash_seed) < 0)
		return GS_ERR_NOMEM;
	if (!c->has_extras)
		count_by_class(r, &d, &exact);
	for (size_t i = 0; i < cube_count(c) && c->has_extras; i++) {
		struct cube_entry e;
		cube_at(c, i, &e);
		query_distinct_add(&d, &e.src);
	}
	for (size_t i = 0; i < cube_fold_count(c); i++) {
		const struct cube_fold *f = cube_fold_at(c, i);
		if (!f)
			continue;
		folded = query_add(folded, f->sources, &r->saturated);
		if (f->hll)
			query_distinct_merge(&d, f->hll);
	}
	for (size_t i = 0; i < cube_count_count(c); i++)
		if (cube_count_at(c, i)->folded)
			folded = query_add(folded, cube_count_at(c, i)->sources, &r->saturated);
	const uint64_t n = query_distinct_count(&d);
	meta->sources = query_add((n > exact ? n : exact) + r->streamed, folded, &r->saturated);
	meta->sources_estimated = d.over || c->folded_here || c->folded_before;
	if (q->has_totals && came_counted(c)) { /* what is in several of the counts counts once only where they were made */
		meta->sources = q->totals.sources;
		meta->sources_estimated |= q->totals.sources_estimated;
	}
	query_distinct_done(&d);
	return 0;
}

static void note_unknown(struct report *r, struct gs_meta *meta)
{
	uint64_t network = 0, country = 0, city = 0;
	const double all = (double)r->q->sums.packets;

	for (uint32_t i = 0; i < r->groups.count; i++) {
		const struct group *g = gs_map_at(&r->groups, i);
		network += g->origin.asn ? 0 : g->sums.packets;
		country += g->origin.country[0] ? 0 : g->sums.packets;
		city += g->origin.city ? 0 : g->sums.packets;
	}
	if (r->q->q.by == GS_BY_CITY && city)
		query_note(r->q, meta, "place unknown: city for %s of packets, country for %s", query_percent((double)city / all, (char[16]){ 0 }),
		           query_percent((double)country / all, (char[16]){ 0 }));
	else if (r->q->q.by == GS_BY_COUNTRY && country)
		query_note(r->q, meta, "place unknown: country for %s of packets", query_percent((double)country / all, (char[16]){ 0 }));
	else if (r->q->q.by == GS_BY_NETWORK && network)
		query_note(r->q, meta, "network unknown for %s of packets", query_percent((double)network / all, (char[16]){ 0 }));
}

static int answer(struct report *r, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err)
{
	struct gs_query *q = r->q;

	if (group_folds(r) < 0 || group_counts(r) < 0 || group_entries(r) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	count_votes(r);
	if (count_all_sources(r, meta) < 0 || sort_groups(r) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r->groups.count)
		note_unknown(r, meta);
	query_note_sources(q, meta, q->cube.folded_here || (came_counted(&q->cube) && q->totals.sources_estimated), q->cube.folded_before);
	if (r->over)
		query_note(q, meta, "sources of a row are too many where some moved: more than fit in memory; packets and bytes are exact");
	meta->rows_total = r->groups.count;
	const uint64_t n = q->q.limit && q->q.limit < r->groups.count ? q->q.limit : r->groups.count;
	int ret = q->writer.begin(q->writer.arg, q->columns->columns, q->columns->n, meta, true, err);
	if (ret == 0)
		ret = write_rows(r, n, err);
	if (ret == 0)
		ret = q->writer.end(q->writer.arg, meta, err);
	if (ret == 0)
		*ret_rows = n;
	return ret;
}

/* Groups and votes are at most one and two per entry of the cube, which has a cap: these always fit beside what streamed. */
static int maps_make(struct report *r)
{
	struct gs_query *q = r->q;
	const size_t n = cube_count(&q->cube) + cube_count_count(&q->cube) + cube_fold_count(&q->cube);
	const size_t groups = query_map_cap_for(n, sizeof(struct group)), votes = query_map_cap_for(2 * n, sizeof(struct vote));

	if (q->stream) {
		r->groups.cap_bytes = r->groups_cap + groups;
		r->votes.cap_bytes = r->votes_cap + votes;
		return 0;
	}
	if (gs_map_init(&r->groups, sizeof(struct group_key), sizeof(struct group), groups, q->q.hash_seed) < 0)
		return GS_ERR_NOMEM;
	if (gs_map_init(&r->votes, VOTE_KEY_LEN, sizeof(struct vote), votes, q->q.hash_seed) < 0)
		return GS_ERR_NOMEM;
	return q->pinned ? gs_map_init(&r->seen, sizeof(struct seen), sizeof(struct seen), query_map_cap(q->q.memory_bytes / 4), q->q.hash_seed) : 0;
}

int query_report_answer(struct gs_query *q, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err)
{
	struct report own = { .q = q }, *r = q->stream ? q->stream : &own;
	int ret = q->stream ? report_stream_end(r, err) : 0;

	if (ret == 0 && maps_make(r) < 0)
		ret = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (ret == 0)
		ret = answer(r, meta, ret_rows, err);
	query_report_done(r);
	return ret;
}

void query_report_done(struct report *r)
{
	gs_map_done(&r->groups);
	gs_map_done(&r->votes);
	gs_map_done(&r->seen);
	free(r->folds);
	free(r->order);
	r->folds = NULL;
	r->order = NULL;
}
