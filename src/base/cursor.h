/*
 * cursor.h - the one bounded reader for untrusted bytes
 *
 * A failed read sets `short_`, which sticks: every later read gives zero and moves nothing, so a parser fetches all fields of a header and
 * checks once. Nothing else in grescope does arithmetic on packet pointers. Idea: Knot DNS's wire_ctx.
 *
 * `limit` is where the packet ends by its own length fields, `end` where the captured bytes do; end <= limit. A read past `end` but
 * within `limit` is a cut (the capture is at fault), past `limit` the packet is.
 */
#ifndef GS_BASE_CURSOR_H
#define GS_BASE_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct gs_cursor {
	const uint8_t *base;  /* start of the frame: offsets count from here */
	uint32_t off;         /* next octet */
	uint32_t end;         /* first octet that is not captured (or not part of the packet) */
	uint32_t limit;       /* first octet that is not part of the packet; may lie beyond the capture */
	bool short_;
	bool cut;             /* with short_: the packet went on, the capture did not */
};

static inline struct gs_cursor gs_cursor_of(const uint8_t *base, uint32_t caplen, uint32_t wirelen)
{
	return (struct gs_cursor){ .base = base, .end = caplen, .limit = wirelen > caplen ? wirelen : caplen };
}

static inline uint32_t gs_cursor_left(const struct gs_cursor *c)
{
	return c->end - c->off;
}

/* Whether n more octets can be read; if not, sets short_ and cut. */
static inline bool gs_cursor_need(struct gs_cursor *c, uint32_t n)
{
	if (__builtin_expect(!c->short_ && c->end - c->off >= n, 1))
		return true;
	if (!c->short_) {
		c->short_ = true;
		c->cut = c->limit - c->off >= n;
	}
	return false;
}

static inline uint8_t gs_get_u8(struct gs_cursor *c)
{
	if (!gs_cursor_need(c, 1))
		return 0;
	return c->base[c->off++];
}

static inline uint16_t gs_get_be16(struct gs_cursor *c)
{
	uint16_t v;
	if (!gs_cursor_need(c, 2))
		return 0;
	memcpy(&v, c->base + c->off, 2);
	c->off += 2;
	return be16toh(v);
}

static inline uint32_t gs_get_be32(struct gs_cursor *c)
{
	uint32_t v;
	if (!gs_cursor_need(c, 4))
		return 0;
	memcpy(&v, c->base + c->off, 4);
	c->off += 4;
	return be32toh(v);
}

/* n octets in place, or NULL. */
static inline const uint8_t *gs_get_bytes(struct gs_cursor *c, uint32_t n)
{
	if (!gs_cursor_need(c, n))
		return NULL;
	const uint8_t *p = c->base + c->off;
	c->off += n;
	return p;
}

static inline void gs_skip(struct gs_cursor *c, uint32_t n)
{
	if (gs_cursor_need(c, n))
		c->off += n;
}

/* Looks n octets ahead without moving or failing; 0 where there is nothing. */
static inline uint8_t gs_peek_u8(const struct gs_cursor *c, uint32_t ahead)
{
	return !c->short_ && c->end - c->off > ahead ? c->base[c->off + ahead] : 0;
}

/* Makes the packet end after n more octets, if it does not end sooner anyway. */
static inline void gs_cursor_bound(struct gs_cursor *c, uint32_t n)
{
	if (c->limit - c->off > n)
		c->limit = c->off + n;
	if (c->end > c->limit)
		c->end = c->limit;
}

#endif
