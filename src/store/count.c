#include "store/count.h"

#include <stdlib.h>

#define SLOTS_FIRST (1u << 14)
#define MARKS_FIRST 4096u
#define AHEAD 12 /* sources whose slot is fetched before it is looked at */

struct v6_record {
	struct gs_addr addr;
	uint8_t zero[3];
	uint32_t id;
};

int srcset_init(struct srcset *s, size_t cap_bytes, uint64_t seed)
{
	*s = (struct srcset){ .cap_bytes = cap_bytes, .seed = seed, .mask = SLOTS_FIRST - 1, .cap = MARKS_FIRST };
	s->slots = calloc(SLOTS_FIRST, sizeof *s->slots);
	s->marks = malloc(MARKS_FIRST * sizeof *s->marks);
	s->used_bytes = SLOTS_FIRST * sizeof *s->slots + MARKS_FIRST * sizeof *s->marks;
	if (!s->slots || !s->marks || gs_map_init(&s->v6, sizeof(struct gs_addr), sizeof(struct v6_record), cap_bytes / 2, seed) < 0) {
		srcset_done(s);
		return GS_ERR_NOMEM;
	}
	return 0;
}

void srcset_done(struct srcset *s)
{
	free(s->slots);
	free(s->marks);
	if (s->v6.slots)
		gs_map_done(&s->v6);
	*s = (struct srcset){ 0 };
}

void srcset_clear(struct srcset *s)
{
	memset(s->slots, 0, ((size_t)s->mask + 1) * sizeof *s->slots);
	gs_map_clear(&s->v6, SIZE_MAX / 2);
	s->n = s->n_v4 = 0;
}

static uint32_t hash_v4(const struct srcset *s, uint32_t addr)
{
	uint64_t h = (addr ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93); /* two rounds: an outsider who chooses addresses does not know the seed */
	return (uint32_t)(h >> 32);
}

uint64_t srcset_hash(const struct srcset *s, const struct gs_addr *a)
{
	return XXH3_64bits_withSeed(a, sizeof *a, s->seed);
}

static bool slots_grow(struct srcset *s)
{
	size_t n = ((size_t)s->mask + 1) * 2;
	if (s->used_bytes + n * sizeof *s->slots > s->cap_bytes || n > UINT32_MAX)
		return false;
	__typeof__(s->slots) slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	uint32_t mask = (uint32_t)(n - 1);
	for (uint32_t i = 0; i <= s->mask; i++) {
		if (!s->slots[i].id1)
			continue;
		uint32_t at = hash_v4(s, s->slots[i].addr) & mask;
		while (slots[at].id1)
			at = (at + 1) & mask;
		slots[at] = s->slots[i];
	}
	s->used_bytes += n / 2 * sizeof *slots;
	free(s->slots);
	s->slots = slots;
	s->mask = mask;
	return true;
}

static uint32_t mark_new(struct srcset *s, uint32_t addr, bool is_v4)
{
	if (s->n == s->cap) {
		size_t cap = (size_t)s->cap * 2;
		if (s->used_bytes + s->cap * sizeof *s->marks > s->cap_bytes || cap >= ID_NONE)
			return ID_NONE;
		struct mark *marks = realloc(s->marks, cap * sizeof *marks);
		if (!marks)
			return ID_NONE;
		s->used_bytes += s->cap * sizeof *marks;
		s->marks = marks;
		s->cap = (uint32_t)cap;
	}
	s->marks[s->n] = (struct mark){ .part = INT32_MIN, .week = INT32_MIN, .addr = addr, .is_v4 = is_v4 };
	return s->n++;
}

static uint32_t get_v4(struct srcset *s, uint32_t addr, uint32_t hash)
{
	uint32_t at = hash & s->mask;
	for (; s->slots[at].id1; at = (at + 1) & s->mask)
		if (s->slots[at].addr == addr)
			return s->slots[at].id1 - 1;
	if (s->n_v4 > s->mask / 2) {
		if (!slots_grow(s))
			return ID_NONE;
		for (at = hash & s->mask; s->slots[at].id1; at = (at + 1) & s->mask)
			;
	}
	uint32_t id = mark_new(s, addr, true);
	if (id == ID_NONE)
		return id;
	s->slots[at].addr = addr;
	s->slots[at].id1 = id + 1;
	s->n_v4++;
	return id;
}

/* IPv6, and the address of no family */
static uint32_t get_other(struct srcset *s, const struct gs_addr *a)
{
	bool is_new;
	uint64_t hash = gs_map_hash(&s->v6, a);
	struct v6_record *r = gs_map_find(&s->v6, hash, a);
	if (r)
		return r->id;
	uint32_t id = mark_new(s, s->v6.count, false);
	r = id == ID_NONE ? NULL : gs_map_get(&s->v6, hash, a, &is_new);
	if (!r) {
		s->n -= id != ID_NONE;
		return ID_NONE;
	}
	r->id = id;
	return id;
}

static uint32_t host_order(const struct gs_addr *a)
{
	uint32_t be;
	memcpy(&be, a->b, 4);
	return be32toh(be);
}

uint32_t srcset_get(struct srcset *s, const struct gs_addr *a)
{
	if (a->family != 4)
		return get_other(s, a);
	uint32_t addr = host_order(a);
	return get_v4(s, addr, hash_v4(s, addr));
}

void srcset_block(struct srcset *s, const struct block *b, uint32_t *ids)
{
	uint32_t hashes[AHEAD], n = b->n_src4, sources = block_sources(b);
	if (b->n_none) {
		struct gs_addr none = { 0 };
		*ids++ = get_other(s, &none);
		sources--;
	}
	for (uint32_t i = 0; i < n && i < AHEAD; i++) {
		hashes[i] = hash_v4(s, b->src4[i]);
		__builtin_prefetch(&s->slots[hashes[i] & s->mask]);
	}
	for (uint32_t i = 0, k = 0; i < n; i++) {
		uint32_t hash = hashes[k];
		if (i + AHEAD < n) {
			hashes[k] = hash_v4(s, b->src4[i + AHEAD]);
			__builtin_prefetch(&s->slots[hashes[k] & s->mask]);
		}
		ids[i] = get_v4(s, b->src4[i], hash);
		k = k + 1 == AHEAD ? 0 : k + 1;
	}
	for (uint32_t i = n; i < sources; i++) {
		struct gs_addr a = gs_addr_v6(b->src6[i - n]);
		ids[i] = get_other(s, &a);
	}
}

struct gs_addr srcset_addr(const struct srcset *s, uint32_t id)
{
	const struct mark *m = &s->marks[id];
	if (!m->is_v4)
		return ((const struct v6_record *)gs_map_at(&s->v6, m->addr))->addr;
	struct gs_addr a = { .family = 4 };
	uint32_t be = htobe32(m->addr);
	memcpy(a.b, &be, 4);
	return a;
}

/* ---- sources per destination ---- */

struct dst_record {
	struct gs_addr addr;
	uint8_t zero[3];
	uint32_t id;
};

#define LIST_FIRST 16u
#define LIST_TO_HLL 1024u /* a list this long takes as much room as an estimate */

int dstset_init(struct dstset *d, size_t cap_bytes, uint64_t seed)
{
	*d = (struct dstset){ .cap_bytes = cap_bytes };
	return gs_map_init(&d->ids, sizeof(struct gs_addr), sizeof(struct dst_record), cap_bytes / 4, seed);
}

void dstset_done(struct dstset *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		free(d->dst[i].list);
		free(d->dst[i].hll);
	}
	free(d->dst);
	if (d->ids.slots)
		gs_map_done(&d->ids);
	*d = (struct dstset){ 0 };
}

void dstset_clear(struct dstset *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		free(d->dst[i].list);
		free(d->dst[i].hll);
	}
	gs_map_clear(&d->ids, SIZE_MAX / 2);
	d->n = 0;
	d->used_bytes = d->cap * sizeof *d->dst;
}

uint32_t dstset_get(struct dstset *d, const struct gs_addr *a)
{
	bool is_new;
	struct dst_record *r = gs_map_get(&d->ids, gs_map_hash(&d->ids, a), a, &is_new);
	if (!r)
		return ID_NONE;
	if (!is_new)
		return r->id;
	r->id = ID_NONE;
	if (d->n == d->cap) {
		size_t cap = d->cap ? (size_t)d->cap * 2 : 256, more = (cap - d->cap) * sizeof *d->dst;
		struct dst *list = d->used_bytes + more > d->cap_bytes / 2 ? NULL : realloc(d->dst, cap * sizeof *list);
		if (!list)
			return ID_NONE;
		d->used_bytes += more;
		d->dst = list;
		d->cap = (uint32_t)cap;
	}
	d->dst[d->n] = (struct dst){ .addr = *a };
	return r->id = d->n++;
}

static void list_unique(struct dst *t, struct srcset *s, uint32_t stamp)
{
	uint32_t out = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		struct mark *m = &s->marks[t->list[i]];
		if (m->stamp == stamp)
			continue;
		m->stamp = stamp;
		t->list[out++] = t->list[i];
	}
	t->n = out;
}

/* Every use has a stamp of its own; the marks are zeroed where they start. */
static uint32_t stamp_next(struct srcset *s)
{
	if (s->stamp == UINT32_MAX) {
		for (uint32_t i = 0; i < s->n; i++)
			s->marks[i].stamp = 0;
		s->stamp = 0;
	}
	return ++s->stamp;
}

static bool to_hll(struct dstset *d, struct dst *t, struct srcset *s)
{
	t->hll = calloc(1, sizeof *t->hll);
	if (!t->hll)
		return false;
	for (uint32_t i = 0; i < t->n; i++) { /* hashes of addresses: sources without a number have those too */
		struct gs_addr a = srcset_addr(s, t->list[i]);
		gs_hll_add(t->hll, srcset_hash(s, &a));
	}
	free(t->list);
	d->used_bytes += sizeof *t->hll - t->cap * sizeof *t->list;
	t->list = NULL;
	t->n = t->cap = 0;
	d->full = true;
	return true;
}

int dstset_add(struct dstset *d, uint32_t dst, uint32_t src, uint64_t src_hash, struct srcset *s)
{
	struct dst *t = &d->dst[dst];
	if (!t->hll && src == ID_NONE && !to_hll(d, t, s))
		return GS_ERR_NOMEM;
	if (!t->hll && t->n == t->cap) {
		if (t->n)
			list_unique(t, s, stamp_next(s));
		if (t->n > t->cap / 2 || !t->cap) {
			uint32_t cap = t->cap ? t->cap * 2 : LIST_FIRST;
			bool room = d->used_bytes + (cap - t->cap) * sizeof *t->list <= d->cap_bytes;
			uint32_t *list = room || cap <= LIST_TO_HLL ? realloc(t->list, cap * sizeof *list) : NULL;
			if (list) {
				d->used_bytes += (cap - t->cap) * sizeof *list;
				t->list = list;
				t->cap = cap;
			} else if (!to_hll(d, t, s)) {
				return GS_ERR_NOMEM;
			}
		}
	}
	if (t->hll)
		gs_hll_add(t->hll, src_hash);
	else
		t->list[t->n++] = src;
	return 0;
}

uint64_t dstset_count(struct dstset *d, uint32_t dst, struct srcset *s, bool *ret_estimate)
{
	struct dst *t = &d->dst[dst];
	*ret_estimate = t->hll != NULL;
	if (t->hll)
		return gs_hll_count(t->hll);
	list_unique(t, s, stamp_next(s));
	return t->n;
}
