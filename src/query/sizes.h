/*
 * sizes.h - caps for the maps of this layer, and the hash of a key on the stack
 */
#ifndef GS_QUERY_SIZES_H
#define GS_QUERY_SIZES_H

#include "base/map.h"

/* What a map may be made with: it wants 64 KiB at least. */
static inline size_t query_map_cap(size_t bytes)
{
	return bytes < (64u << 10) ? 64u << 10 : bytes;
}

/* Enough for n records for certain: 3/4 full before it doubles, and both indexes for a moment, is 32 octets of index a record. */
static inline size_t query_map_cap_for(size_t n, size_t record_len)
{
	return (64u << 10) + n * (record_len + 40);
}

/* gs_map_hash with a length that the compiler sees: without it gcc at -O3 warns of reads past a short key, on paths for longer ones. */
#define QUERY_KEY_HASH(map, key, key_len) XXH3_64bits_withSeed(key, key_len, (map)->seed)

#endif
