#include "enrich/mmdb_value.h"

#include "base/cursor.h"

#include <maxminddb.h>

#define MM_MAX_DEPTH 16

/* One value where it stands, without following: *ret_pointer is set for a pointer. *ret_next is behind it; for a map or array, at its
 * first child. */
static bool value_here(const struct mm_section *s, uint32_t at, struct mm_value *ret, uint32_t *ret_pointer, uint32_t *ret_next)
{
	struct gs_cursor c = gs_cursor_of(s->base, s->size, s->size);
	if (at >= s->size)
		return false;
	c.off = at;
	uint8_t control = gs_get_u8(&c);
	uint32_t type = control >> 5, size = control & 31;

	if (type == MMDB_DATA_TYPE_POINTER) {
		static const uint32_t bias[] = { 0, 2048, 526336, 0 };
		unsigned extra = control >> 3 & 3;
		uint32_t target = extra == 3 ? 0 : control & 7;
		for (unsigned i = 0; i <= extra; i++)
			target = target << 8 | gs_get_u8(&c);
		*ret = (struct mm_value){ .type = MMDB_DATA_TYPE_POINTER };
		*ret_pointer = target + bias[extra];
		*ret_next = c.off;
		return !c.short_;
	}
	if (type == MMDB_DATA_TYPE_EXTENDED)
		type = 7u + gs_get_u8(&c);
	if (size == 29) {
		size = 29u + gs_get_u8(&c);
	} else if (size == 30) {
		size = 285u + gs_get_be16(&c);
	} else if (size == 31) {
		size = (uint32_t)gs_get_u8(&c) << 16;
		size = 65821u + (size | gs_get_be16(&c));
	}
	*ret = (struct mm_value){ .type = type, .size = size, .at = c.off };
	if (type != MMDB_DATA_TYPE_MAP && type != MMDB_DATA_TYPE_ARRAY && type != MMDB_DATA_TYPE_BOOLEAN)
		gs_skip(&c, size);
	*ret_next = c.off;
	return !c.short_ && type <= MMDB_DATA_TYPE_FLOAT;
}

static uint32_t children(const struct mm_value *v)
{
	return v->type == MMDB_DATA_TYPE_MAP ? v->size * 2 : v->type == MMDB_DATA_TYPE_ARRAY ? v->size : 0; /* size < 2^25 */
}

bool mm_read(const struct mm_section *s, uint32_t at, struct mm_value *ret)
{
	uint32_t target, next;
	if (!value_here(s, at, ret, &target, &next))
		return false;
	if (ret->type != MMDB_DATA_TYPE_POINTER)
		return true;
	return value_here(s, target, ret, &target, &next) && ret->type != MMDB_DATA_TYPE_POINTER;
}

bool mm_skip(const struct mm_section *s, uint32_t at, uint32_t *ret_next)
{
	struct mm_value v;
	uint32_t target;

	for (uint64_t pending = 1, steps = 0; pending; pending--, steps++) {
		if (steps == MM_MAX_VALUES || !value_here(s, at, &v, &target, &at))
			return false;
		pending += children(&v);
	}
	*ret_next = at;
	return true;
}

bool mm_find(const struct mm_section *s, const struct mm_value *map, const char *key, struct mm_value *ret)
{
	struct mm_value k;
	uint32_t at = map->at;
	size_t key_len = strlen(key);

	if (map->type != MMDB_DATA_TYPE_MAP || map->size > MM_MAX_VALUES)
		return false;
	for (uint32_t i = 0; i < map->size; i++) {
		if (!mm_read(s, at, &k) || k.type != MMDB_DATA_TYPE_UTF8_STRING || !mm_skip(s, at, &at))
			return false;
		if (k.size == key_len && memcmp(s->base + k.at, key, key_len) == 0)
			return mm_read(s, at, ret);
		if (!mm_skip(s, at, &at))
			return false;
	}
	return false;
}

bool mm_first(const struct mm_section *s, const struct mm_value *array, struct mm_value *ret)
{
	return array->type == MMDB_DATA_TYPE_ARRAY && array->size > 0 && mm_read(s, array->at, ret);
}

bool mm_number(const struct mm_section *s, const struct mm_value *v, uint64_t *ret)
{
	uint64_t n = 0;
	if ((v->type != MMDB_DATA_TYPE_UINT16 && v->type != MMDB_DATA_TYPE_UINT32 && v->type != MMDB_DATA_TYPE_UINT64) || v->size > 8)
		return false;
	for (uint32_t i = 0; i < v->size; i++)
		n = n << 8 | s->base[v->at + i];
	*ret = n;
	return true;
}

const char *mm_string(const struct mm_section *s, const struct mm_value *v, size_t *ret_len)
{
	bool string = v->type == MMDB_DATA_TYPE_UTF8_STRING;
	*ret_len = string ? v->size : 0;
	return string ? (const char *)s->base + v->at : "";
}

static bool check(const struct mm_section *s, uint32_t at, unsigned depth, unsigned *budget, uint32_t *ret_next)
{
	struct mm_value v;
	uint32_t target, next, child;

	if (depth == MM_MAX_DEPTH || (*budget)-- == 0 || !value_here(s, at, &v, &target, &next)) {
		*budget = 0;
		return false;
	}
	*ret_next = next;
	if (v.type == MMDB_DATA_TYPE_POINTER) /* depth is counted on: a chain of pointers is no circle, but no good either */
		return check(s, target, depth + 1, budget, &next);
	child = next;
	for (uint32_t i = 0, n = children(&v); i < n; i++)
		if (!check(s, child, depth + 1, budget, &child))
			return false;
	*ret_next = child;
	return true;
}

bool mm_check(const struct mm_section *s, uint32_t at)
{
	unsigned budget = MM_MAX_VALUES;
	uint32_t next;
	return check(s, at, 0, &budget, &next);
}
