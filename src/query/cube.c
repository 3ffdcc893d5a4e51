#include "query/cube.h"

#include "grescope/error.h"
#include "query/distinct.h"
#include "query/sizes.h"

#include <stdlib.h>

struct key4 {
	uint32_t extra;
	uint8_t addr[4];
	uint8_t class_, redacted;
	uint16_t zero;
};

struct key6 {
	uint32_t extra;
	uint8_t addr[16];
	uint8_t class_, redacted;
	uint16_t zero;
};

struct entry4 {
	struct key4 key;
	uint32_t zero;
	struct query_sums sums;
};

struct entry6 {
	struct key6 key;
	struct query_sums sums;
};

_Static_assert(sizeof(struct key4) == 12 && sizeof(struct key6) == 24, "keys have no padding");
_Static_assert(sizeof(struct entry4) == 48 && sizeof(struct entry6) == 56, "memory is planned by these");
_Static_assert(sizeof(struct cube_extra) == 32 && offsetof(struct cube_extra, number) == 28, "the key has no padding");

#define COUNT_KEY_LEN offsetof(struct cube_count, sums)
#define FOLD_KEY_LEN offsetof(struct cube_fold, used)
#define FOLD_BYTES (sizeof(struct cube_fold) + sizeof(struct gs_hll) + 21)

int cube_init(struct cube *c, bool has_extras, size_t cap_bytes, uint64_t seed)
{
	*c = (struct cube){ .has_extras = has_extras };
	const size_t for_folds = has_extras ? cap_bytes / 8 : 0, folds = for_folds / FOLD_BYTES;
	c->max_folds = folds < 64 ? 0 : folds > 1u << 20 ? 1u << 20 : (uint32_t)folds; /* fewer are not worth their first page */
	c->cap_bytes = cap_bytes - for_folds;
	const size_t cap = query_map_cap(c->cap_bytes);
	if (gs_map_init(&c->v4, sizeof(struct key4), sizeof(struct entry4), cap, seed) < 0 ||
	    gs_map_init(&c->v6, sizeof(struct key6), sizeof(struct entry6), cap, seed) < 0 ||
	    gs_map_init(&c->extras, offsetof(struct cube_extra, number), sizeof(struct cube_extra), cap, seed) < 0 ||
	    gs_map_init(&c->counts, COUNT_KEY_LEN, sizeof(struct cube_count), cap, seed) < 0 ||
	    gs_map_init(&c->folds, FOLD_KEY_LEN, sizeof(struct cube_fold), query_map_cap_for(c->max_folds, sizeof(struct cube_fold)), seed) < 0) {
		cube_done(c);
		return GS_ERR_NOMEM;
	}
	return 0;
}

void cube_done(struct cube *c)
{
	for (uint32_t i = 0; i < c->folds.count; i++)
		free(((struct cube_fold *)gs_map_at(&c->folds, i))->hll);
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++)
		free(c->overall[i].hll);
	gs_map_done(&c->v4);
	gs_map_done(&c->v6);
	gs_map_done(&c->extras);
	gs_map_done(&c->counts);
	gs_map_done(&c->folds);
}

static size_t left(const struct cube *c, size_t used)
{
	return c->cap_bytes > used ? c->cap_bytes - used : 0;
}

uint32_t cube_extra_number(struct cube *c, struct cube_extra *extra)
{
	bool is_new;

	extra->number = 0;
	const size_t third = c->cap_bytes / 3, rest = left(c, gs_map_used(&c->v4) + gs_map_used(&c->v6) + gs_map_used(&c->counts));
	c->extras.cap_bytes = third < rest ? third : rest;
	struct cube_extra *e = gs_map_get(&c->extras, gs_map_hash(&c->extras, extra), extra, &is_new);
	if (!e)
		return CUBE_OTHER;
	if (is_new)
		e->number = c->extras.count - 1;
	return e->number;
}

const struct cube_extra *cube_extra_find(const struct cube *c, const struct cube_extra *extra)
{
	return gs_map_find(&c->extras, gs_map_hash(&c->extras, extra), extra);
}

const struct cube_extra *cube_extra_at(const struct cube *c, uint32_t number)
{
	return number < c->extras.count ? gs_map_at(&c->extras, number) : NULL;
}

static struct cube_fold *fold_of(struct cube *c, const struct cube_item *it)
{
	const struct cube_fold key = { .extra = it->extra, .class_ = it->class_ };

	if (c->has_extras && it->extra != CUBE_OTHER && c->max_folds) {
		bool is_new;
		const uint64_t hash = gs_map_hash(&c->folds, &key);
		struct cube_fold *f = gs_map_find(&c->folds, hash, &key);
		if (!f && c->folds.count < c->max_folds)
			f = gs_map_get(&c->folds, hash, &key, &is_new);
		if (f)
			return f;
	}
	c->overall[it->class_].extra = c->has_extras ? CUBE_OTHER : 0;
	c->overall[it->class_].class_ = it->class_;
	return &c->overall[it->class_];
}

/* No room for a key of its own, or no name to make one from. */
static int fold_in(struct cube *c, const struct cube_item *it)
{
	struct cube_fold *f = fold_of(c, it);

	if (!f->used) {
		f->used = 1;
		f->sums = QUERY_NO_SUMS;
	}
	query_sums_add(&f->sums, &it->sums, &c->saturated);
	if (it->src.family == 0) {
		f->sources = query_add(f->sources, it->sources, &c->saturated);
		c->folded_before = true;
		return 0;
	}
	if (!f->hll && !(f->hll = calloc(1, sizeof *f->hll)))
		return GS_ERR_NOMEM;
	gs_hll_add(f->hll, query_addr_hash(&it->src, c->v4.seed));
	c->folded_here = true;
	return 0;
}

/* Without a source; false: no room, or there is but one such sum for each class anyway. */
static bool count_in(struct cube *c, const struct cube_item *it)
{
	const struct cube_count key = { .extra = it->extra, .class_ = it->class_, .folded = !it->counted };
	bool is_new;

	if (!it->counted && !c->has_extras)
		return false;
	c->counts.cap_bytes = left(c, gs_map_used(&c->v4) + gs_map_used(&c->v6) + gs_map_used(&c->extras));
	struct cube_count *k = gs_map_get(&c->counts, QUERY_KEY_HASH(&c->counts, &key, COUNT_KEY_LEN), &key, &is_new);
	if (!k)
		return false;
	if (is_new)
		k->sums = QUERY_NO_SUMS;
	query_sums_add(&k->sums, &it->sums, &c->saturated);
	k->sources = query_add(k->sources, it->sources, &c->saturated);
	c->folded_before |= !it->counted;
	return true;
}

static struct key4 key4_of(uint32_t extra, const struct gs_addr *src, uint8_t class_, uint8_t redacted)
{
	struct key4 k = { .extra = extra, .class_ = class_, .redacted = redacted };
	memcpy(k.addr, src->b, sizeof k.addr);
	return k;
}

static struct key6 key6_of(uint32_t extra, const struct gs_addr *src, uint8_t class_, uint8_t redacted)
{
	struct key6 k = { .extra = extra, .class_ = class_, .redacted = redacted };
	memcpy(k.addr, src->b, sizeof k.addr);
	return k;
}

static int add_one(struct cube *c, const struct cube_item *it, uint64_t hash, const void *key)
{
	struct query_sums *sums = NULL;
	bool is_new = false;

	if (it->src.family == 4 && it->extra != CUBE_OTHER) {
		c->v4.cap_bytes = left(c, gs_map_used(&c->v6) + gs_map_used(&c->extras) + gs_map_used(&c->counts));
		struct entry4 *e = gs_map_get(&c->v4, hash, key, &is_new);
		sums = e ? &e->sums : NULL;
	} else if (it->src.family == 6 && it->extra != CUBE_OTHER) {
		c->v6.cap_bytes = left(c, gs_map_used(&c->v4) + gs_map_used(&c->extras) + gs_map_used(&c->counts));
		struct entry6 *e = gs_map_get(&c->v6, hash, key, &is_new);
		sums = e ? &e->sums : NULL;
	}
	if (!sums)
		return it->src.family == 0 && count_in(c, it) ? 0 : fold_in(c, it);
	if (is_new)
		*sums = QUERY_NO_SUMS;
	query_sums_add(sums, &it->sums, &c->saturated);
	return 0;
}

int cube_add(struct cube *c, const struct cube_item *items, size_t n)
{
	union {
		struct key4 four;
		struct key6 six;
	} keys[CUBE_BATCH];
	uint64_t hash[CUBE_BATCH];

	for (size_t i = 0; i < n; i++) { /* all slots are on their way before the first is needed */
		const struct cube_item *it = &items[i];
		const bool v6 = it->src.family == 6;
		if (v6)
			keys[i].six = key6_of(it->extra, &it->src, it->class_, it->redacted);
		else
			keys[i].four = key4_of(it->extra, &it->src, it->class_, it->redacted);
		hash[i] = gs_map_hash(v6 ? &c->v6 : &c->v4, &keys[i]);
		gs_map_prefetch(v6 ? &c->v6 : &c->v4, hash[i]);
		c->classes |= 1u << it->class_;
	}
	for (size_t i = 0; i < n; i++)
		gs_map_prefetch_record(items[i].src.family == 6 ? &c->v6 : &c->v4, hash[i]);
	for (size_t i = 0; i < n; i++) {
		int r = add_one(c, &items[i], hash[i], &keys[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

void cube_at(const struct cube *c, size_t i, struct cube_entry *ret)
{
	if (i < c->v4.count) {
		const struct entry4 *e = gs_map_at(&c->v4, (uint32_t)i);
		*ret = (struct cube_entry){ .src = gs_addr_v4(e->key.addr), .class_ = e->key.class_, .redacted = e->key.redacted,
					    .extra = e->key.extra, .sums = &e->sums };
	} else {
		const struct entry6 *e = gs_map_at(&c->v6, (uint32_t)(i - c->v4.count));
		*ret = (struct cube_entry){ .src = gs_addr_v6(e->key.addr), .class_ = e->key.class_, .redacted = e->key.redacted,
					    .extra = e->key.extra, .sums = &e->sums };
	}
}

static bool cube_has(const struct cube *c, uint32_t extra, const struct gs_addr *src, uint8_t class_, uint8_t redacted)
{
	if (src->family == 4) {
		const struct key4 key = key4_of(extra, src, class_, redacted);
		return gs_map_find(&c->v4, gs_map_hash(&c->v4, &key), &key);
	}
	const struct key6 key = key6_of(extra, src, class_, redacted);
	return gs_map_find(&c->v6, gs_map_hash(&c->v6, &key), &key);
}

bool cube_is_first_class(const struct cube *c, const struct cube_entry *e)
{
	for (uint8_t k = 0; k < e->class_; k++)
		if ((c->classes >> k & 1) && cube_has(c, e->extra, &e->src, k, e->redacted))
			return false;
	return true;
}

bool cube_is_shown_too(const struct cube *c, const struct cube_entry *e)
{
	for (uint8_t k = 0; k < GS_CLASS_COUNT; k++)
		if ((c->classes >> k & 1) && cube_has(c, e->extra, &e->src, k, 0))
			return true;
	return false;
}

const struct cube_fold *cube_fold_at(const struct cube *c, size_t i)
{
	const struct cube_fold *f = i < c->folds.count ? gs_map_at(&c->folds, (uint32_t)i) : &c->overall[i - c->folds.count];
	return f->used ? f : NULL;
}
