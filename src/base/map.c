#include "base/map.h"

#include "grescope/error.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024u

static size_t page_bytes(const struct gs_map *m)
{
	return (size_t)GS_MAP_PAGE * m->record_len;
}

int gs_map_init(struct gs_map *m, uint32_t key_len, uint32_t record_len, size_t cap_bytes, uint64_t seed)
{
	*m = (struct gs_map){ .key_len = key_len, .record_len = record_len, .cap_bytes = cap_bytes, .seed = seed };
	m->slots = calloc(FIRST_SLOTS, sizeof *m->slots);
	if (!m->slots)
		return GS_ERR_NOMEM;
	m->mask = FIRST_SLOTS - 1;
	m->used_bytes = FIRST_SLOTS * sizeof *m->slots;
	return 0;
}

void gs_map_done(struct gs_map *m)
{
	for (uint32_t i = 0; i < m->n_pages; i++)
		free(m->pages[i]);
	free(m->pages);
	free(m->slots);
	*m = (struct gs_map){ 0 };
}

void gs_map_clear(struct gs_map *m)
{
	if (m->count)
		memset(m->slots, 0, ((size_t)m->mask + 1) * sizeof *m->slots);
	m->count = 0;
}

/* Twice the slots. The tag holds only half the hash, so records are hashed again: one sequential pass. */
static bool map_grow(struct gs_map *m)
{
	size_t n = ((size_t)m->mask + 1) * 2;
	if (n > UINT32_MAX || m->used_bytes + n * sizeof *m->slots > m->cap_bytes)
		return false;
	struct gs_map_slot *slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	uint32_t mask = (uint32_t)(n - 1);
	for (uint32_t i = 0; i < m->count; i++) {
		uint64_t h = gs_map_hash(m, gs_map_at(m, i));
		uint32_t at = (uint32_t)h & mask;
		while (slots[at].number)
			at = (at + 1) & mask;
		slots[at] = (struct gs_map_slot){ .tag = (uint32_t)(h >> 32), .number = i + 1 };
	}
	m->used_bytes += (n - m->mask - 1) * sizeof *slots;
	free(m->slots);
	m->slots = slots;
	m->mask = mask;
	return true;
}

static bool map_page(struct gs_map *m)
{
	if (m->used_bytes + page_bytes(m) > m->cap_bytes)
		return false;
	if (m->n_pages == m->pages_cap) {
		uint32_t cap = m->pages_cap ? m->pages_cap * 2 : 16;
		uint8_t **pages = realloc(m->pages, cap * sizeof *pages);
		if (!pages)
			return false;
		m->pages = pages;
		m->pages_cap = cap;
	}
	uint8_t *page = malloc(page_bytes(m));
	if (!page)
		return false;
	m->pages[m->n_pages++] = page;
	m->used_bytes += page_bytes(m);
	return true;
}

void *gs_map_find(const struct gs_map *m, uint64_t hash, const void *key)
{
	uint32_t tag = (uint32_t)(hash >> 32);
	for (uint32_t at = (uint32_t)hash & m->mask; m->slots[at].number; at = (at + 1) & m->mask) {
		if (m->slots[at].tag != tag)
			continue;
		void *r = gs_map_at(m, m->slots[at].number - 1);
		if (memcmp(r, key, m->key_len) == 0)
			return r;
	}
	return NULL;
}

void *gs_map_get(struct gs_map *m, uint64_t hash, const void *key, bool *ret_new)
{
	void *r = gs_map_find(m, hash, key);
	*ret_new = r == NULL;
	if (r)
		return r;
	if (m->count >= (m->mask + 1) / 4 * 3 && !map_grow(m))
		return NULL;
	if (m->count == m->n_pages * GS_MAP_PAGE && !map_page(m))
		return NULL;
	uint32_t at = (uint32_t)hash & m->mask;
	while (m->slots[at].number)
		at = (at + 1) & m->mask;
	r = gs_map_at(m, m->count);
	memset(r, 0, m->record_len);
	memcpy(r, key, m->key_len);
	m->slots[at] = (struct gs_map_slot){ .tag = (uint32_t)(hash >> 32), .number = ++m->count };
	return r;
}
