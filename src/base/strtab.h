/*
 * strtab.h - strings as small numbers: the same string always gets the same id
 *
 * Id 0 is the empty string, also for what is unknown. Strings live as long as the table and never move. Capped: past max_strings or
 * max_bytes a new string gets id 0 and is counted in `refused`.
 */
#ifndef GS_BASE_STRTAB_H
#define GS_BASE_STRTAB_H

#include <stddef.h>
#include <stdint.h>

struct gs_strtab;

/* NULL where memory ran out. */
struct gs_strtab *gs_strtab_new(uint32_t max_strings, size_t max_bytes);
void gs_strtab_free(struct gs_strtab *t); /* NULL is fine */
uint32_t gs_strtab_add(struct gs_strtab *t, const char *text, size_t len);
/* NUL-terminated; "" for an id that was never given. */
const char *gs_strtab_get(const struct gs_strtab *t, uint32_t id);
uint32_t gs_strtab_count(const struct gs_strtab *t);
uint64_t gs_strtab_refused(const struct gs_strtab *t);

#endif
