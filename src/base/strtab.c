#include "base/strtab.h"

#include "base/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct gs_strtab {
	struct gs_arena *arena;
	const char **strings;
	uint32_t *lens;
	uint32_t *slots; /* id, 0 empty; the empty string is never in it */
	uint32_t mask, count, cap, max;
	uint64_t refused;
};

struct gs_strtab *gs_strtab_new(uint32_t max_strings, size_t max_bytes)
{
	struct gs_strtab *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->max = max_strings;
	t->cap = 256;
	t->mask = 511;
	t->arena = gs_arena_new(max_bytes);
	t->strings = calloc(t->cap, sizeof *t->strings);
	t->lens = calloc(t->cap, sizeof *t->lens);
	t->slots = calloc(t->mask + 1, sizeof *t->slots);
	if (!t->arena || !t->strings || !t->lens || !t->slots) {
		gs_strtab_free(t);
		return NULL;
	}
	t->strings[0] = "";
	t->count = 1;
	return t;
}

void gs_strtab_free(struct gs_strtab *t)
{
	if (!t)
		return;
	gs_arena_free(t->arena);
	free(t->strings);
	free(t->lens);
	free(t->slots);
	free(t);
}

static uint32_t *find_slot(const struct gs_strtab *t, uint32_t *slots, uint32_t mask, const char *text, size_t len)
{
	uint32_t at = (uint32_t)XXH3_64bits(text, len) & mask;
	for (; slots[at]; at = (at + 1) & mask)
		if (t->lens[slots[at]] == len && memcmp(t->strings[slots[at]], text, len) == 0)
			break;
	return &slots[at];
}

static bool strtab_grow(struct gs_strtab *t)
{
	uint32_t cap = t->cap * 2, mask = cap * 2 - 1;
	uint32_t *slots = calloc((size_t)mask + 1, sizeof *slots);
	const char **strings = realloc(t->strings, cap * sizeof *strings);
	if (strings)
		t->strings = strings;
	uint32_t *lens = realloc(t->lens, cap * sizeof *lens);
	if (lens)
		t->lens = lens;
	if (!slots || !strings || !lens) {
		free(slots);
		return false;
	}
	for (uint32_t id = 1; id < t->count; id++)
		*find_slot(t, slots, mask, t->strings[id], t->lens[id]) = id;
	free(t->slots);
	t->slots = slots;
	t->mask = mask;
	t->cap = cap;
	return true;
}

uint32_t gs_strtab_add(struct gs_strtab *t, const char *text, size_t len)
{
	if (len == 0)
		return 0;
	uint32_t *slot = find_slot(t, t->slots, t->mask, text, len);
	if (*slot)
		return *slot;
	char *copy = NULL;
	if (t->count < t->max && len < UINT32_MAX && (t->count < t->cap || strtab_grow(t)))
		copy = gs_arena_strndup(t->arena, text, len);
	if (!copy) {
		t->refused++;
		return 0;
	}
	uint32_t id = t->count++;
	t->strings[id] = copy;
	t->lens[id] = (uint32_t)len;
	*find_slot(t, t->slots, t->mask, text, len) = id; /* growing may have moved it */
	return id;
}

const char *gs_strtab_get(const struct gs_strtab *t, uint32_t id)
{
	return id < t->count ? t->strings[id] : "";
}

uint32_t gs_strtab_count(const struct gs_strtab *t)
{
	return t->count;
}

uint64_t gs_strtab_refused(const struct gs_strtab *t)
{
	return t->refused;
}
