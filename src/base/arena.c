#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK (64u << 10)

struct block {
	struct block *next;
	size_t used, cap;
	_Alignas(max_align_t) unsigned char data[];
};

struct gs_arena {
	struct block *blocks; /* the newest first */
	size_t used, max;
};

struct gs_arena *gs_arena_new(size_t max_bytes)
{
	struct gs_arena *a = calloc(1, sizeof *a);
	if (a)
		a->max = max_bytes ? max_bytes : SIZE_MAX;
	return a;
}

void gs_arena_free(struct gs_arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void *gs_arena_alloc(struct gs_arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + align - 1) & ~(align - 1);
	struct block *b = a->blocks;
	if (!b || b->cap - b->used < n) {
		size_t cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;
		if (cap > a->max - a->used)
			return NULL;
		b = malloc(sizeof *b + cap);
		if (!b)
			return NULL;
		b->used = 0;
		b->cap = cap;
		b->next = a->blocks;
		a->blocks = b;
		a->used += cap;
	}
	void *p = b->data + b->used;
	b->used += n;
	return memset(p, 0, n);
}

char *gs_arena_strndup(struct gs_arena *a, const char *text, size_t len)
{
	char *p = gs_arena_alloc(a, len + 1);
	if (p)
		memcpy(p, text, len);
	return p;
}

char *gs_arena_printf(struct gs_arena *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	char *p = n < 0 ? NULL : gs_arena_alloc(a, (size_t)n + 1);
	if (p) {
		va_start(ap, format);
		vsnprintf(p, (size_t)n + 1, format, ap);
		va_end(ap);
	}
	return p;
}

size_t gs_arena_used(const struct gs_arena *a)
{
	return a->used;
}
