/*
 * varint.h - numbers of which most are small: seven bits an octet, the lowest first, the top bit where more follow
 */
#ifndef GS_STORE_VARINT_H
#define GS_STORE_VARINT_H

#include "base/cursor.h"

#define VARINT_MAX 10 /* octets of the largest */

/* Returns the end. */
static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/* Cut short or longer than a number can be: 0, and the cursor is `short_`. */
static inline uint64_t varint_get(struct gs_cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = gs_get_u8(c);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->short_ = true;
	return 0;
}

#endif
