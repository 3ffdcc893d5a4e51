#include "base/map.h"

#include "grescope/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_SLOTS 1024u
#define HUGE_PAGE ((size_t)2 << 20)

int gs_map_init(struct gs_map *m, uint32_t key_len, uint32_t record_len, size_t cap_bytes, uint64_t seed)
{
	*m = (struct gs_map){ .key_len = key_len, .record_len = record_len, .cap_bytes = cap_bytes, .seed = seed };
	m->slots = calloc(FIRST_SLOTS, sizeof *m->slots);
	if (!m->slots)
		return GS_ERR_NOMEM;
	m->mask = FIRST_SLOTS - 1;
	m->slot_bytes = FIRST_SLOTS * sizeof *m->slots;
	/* slots number records with 32 bits, and there are more slots than records */
	size_t most = (size_t)record_len << 31;
	m->reserved = (cap_bytes < most ? cap_bytes : most) + HUGE_PAGE;
	void *p = mmap(NULL, m->reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(m->slots);
		*m = (struct gs_map){ 0 };
		return GS_ERR_NOMEM;
	}
	m->records = p;
	return 0;
}

void gs_map_done(struct gs_map *m)
{
	if (m->records)
		munmap(m->records, m->reserved);
	free(m->slots);
	*m = (struct gs_map){ 0 };
}

void gs_map_clear(struct gs_map *m, size_t keep_bytes)
{
	size_t used = (size_t)m->count * m->record_len, keep = (keep_bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

	if (m->slot_bytes > keep_bytes && m->slot_bytes > FIRST_SLOTS * sizeof *m->slots) {
		struct gs_map_slot *slots = calloc(FIRST_SLOTS, sizeof *slots);
		if (slots) {
			free(m->slots);
			m->slots = slots;
			m->mask = FIRST_SLOTS - 1;
			m->slot_bytes = FIRST_SLOTS * sizeof *slots;
			m->count = 0;
		}
	}
	if (m->count)
		memset(m->slots, 0, m->slot_bytes);
	m->count = 0;
	if (used > keep)
		madvise(m->records + keep, used - keep, MADV_DONTNEED);
}

/* Twice the slots. The tag holds only half the hash, so records are hashed again: one sequential pass. */
static bool map_grow(struct gs_map *m)
{
	size_t n = ((size_t)m->mask + 1) * 2;
	if (n > UINT32_MAX || gs_map_used(m) + n * sizeof *m->slots > m->cap_bytes) /* both indexes exist for a moment */
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
	free(m->slots);
	m->slots = slots;
	m->mask = mask;
	m->slot_bytes = n * sizeof *slots;
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
	if (gs_map_used(m) + m->record_len > m->cap_bytes || ((size_t)m->count + 1) * m->record_len > m->reserved)
		return NULL;
	uint32_t at = (uint32_t)hash & m->mask;
	while (m->slots[at].number)
		at = (at + 1) & m->mask;
	r = gs_map_at(m, m->count);
	if (m->count == HUGE_PAGE / m->record_len) /* small tables stay cheap to make; where the kernel has no huge pages, small ones do */
		madvise(m->records, m->reserved, MADV_HUGEPAGE);
	memset(r, 0, m->record_len);
	memcpy(r, key, m->key_len);
	m->slots[at] = (struct gs_map_slot){ .tag = (uint32_t)(hash >> 32), .number = ++m->count };
	return r;
}
