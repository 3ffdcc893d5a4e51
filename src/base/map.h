/*
 * map.h - fixed-size records in one stretch of memory, found by key through open addressing; a hard cap
 *
 * A record starts with its key (key_len octets, padding zeroed by the caller, compared with memcmp). The index holds 8 octets per slot: 32 bits of
 * the hash and the record's number, so a probe touches one cache line of the index and, on a hit, the record. Both can be prefetched
 * a batch ahead, which is worth 1.3 to 1.6 times on floods. Linear probing, at most 3/4 full; no single deletion (tables here are
 * emptied whole). Address space for all records is reserved once and backed by huge pages as it is touched: records never move, growth copies
 * nothing, and a random record costs no page walk. The index doubles, which costs one pass.
 *
 * At the cap `gs_map_get` returns NULL for a new key: the caller folds. Memory per entry: record_len + 11 to 21 octets.
 */
#ifndef GS_BASE_MAP_H
#define GS_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct gs_map_slot {
	uint32_t tag;     /* high half of the hash */
	uint32_t number;  /* record number + 1; 0 is an empty slot */
};

struct gs_map {
	struct gs_map_slot *slots;
	uint32_t mask;        /* slots - 1 */
	uint32_t count;
	uint32_t key_len, record_len;
	size_t cap_bytes;     /* of slots and records together; may be lowered, and raised up to what init was given */
	size_t slot_bytes;
	uint8_t *records;
	size_t reserved;      /* octets of address space at records */
	uint64_t seed;
};

/* cap_bytes is a hard cap, at least 64 KiB. `seed` keys the hash so that an outsider cannot aim at one slot. 0 or GS_ERR_NOMEM. */
int gs_map_init(struct gs_map *m, uint32_t key_len, uint32_t record_len, size_t cap_bytes, uint64_t seed);
void gs_map_done(struct gs_map *m);
/* Forgets all records. Keeps memory for the next ones, but not much more than `keep_bytes` of it. */
void gs_map_clear(struct gs_map *m, size_t keep_bytes);

static inline size_t gs_map_used(const struct gs_map *m)
{
	return m->slot_bytes + (size_t)m->count * m->record_len;
}

static inline uint64_t gs_map_hash(const struct gs_map *m, const void *key)
{
	return XXH3_64bits_withSeed(key, m->key_len, m->seed);
}

static inline void gs_map_prefetch(const struct gs_map *m, uint64_t hash)
{
	__builtin_prefetch(&m->slots[(uint32_t)hash & m->mask]);
}

static inline void *gs_map_at(const struct gs_map *m, uint32_t number)
{
	return m->records + (size_t)number * m->record_len;
}

/* The second prefetch: the record that the slot names, once the slot itself has arrived. */
static inline void gs_map_prefetch_record(const struct gs_map *m, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32), at = (uint32_t)hash & m->mask;
	while (m->slots[at].number && m->slots[at].tag != tag)
		at = (at + 1) & m->mask;
	if (!m->slots[at].number)
		return;
	const uint8_t *r = gs_map_at(m, m->slots[at].number - 1);
	__builtin_prefetch(r, 1);
	__builtin_prefetch(r + 64, 1);
}

/* The record of a key, or NULL. */
void *gs_map_find(const struct gs_map *m, uint64_t hash, const void *key);

/* The record of a key, made (zeroed but for the key) if it is new; *ret_new says which. NULL: new, and the cap or memory is reached. */
void *gs_map_get(struct gs_map *m, uint64_t hash, const void *key, bool *ret_new);

#endif
