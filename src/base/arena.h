/*
 * arena.h - memory that is freed all at once: one per report, request or configuration
 *
 * Capped: past max_bytes, or where memory runs out, an allocation is NULL. Blocks never move. Idea: BIRD's linpool.
 */
#ifndef GS_BASE_ARENA_H
#define GS_BASE_ARENA_H

#include <stddef.h>

struct gs_arena;

struct gs_arena *gs_arena_new(size_t max_bytes); /* 0: no cap. NULL where memory ran out */
void gs_arena_free(struct gs_arena *a);          /* NULL is fine */
void *gs_arena_alloc(struct gs_arena *a, size_t n); /* zeroed, aligned for any type */
char *gs_arena_strndup(struct gs_arena *a, const char *text, size_t len);
char *gs_arena_printf(struct gs_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t gs_arena_used(const struct gs_arena *a);

#endif
