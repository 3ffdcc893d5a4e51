/*
 * utf8.h - text of unknown origin, one character at a time
 *
 * Names of networks and places come from data files, host names from strangers. What is no UTF-8 becomes U+FFFD, one for each octet that starts
 * nothing; overlong forms, surrogates and numbers past U+10FFFF are no UTF-8 (Unicode 15 table 3-7).
 */
#ifndef GS_BASE_UTF8_H
#define GS_BASE_UTF8_H

#include "base/buf.h"

#define UTF8_REPLACEMENT 0xfffdu

/* The character at *text, which is moved past it; 0 at the terminating NUL, where it stays. */
uint32_t gs_utf8_next(const char **text);
void gs_utf8_put(struct gs_buf *b, uint32_t c);

/* C0, DEL and C1: a terminal may obey them. */
static inline bool gs_utf8_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Invisible, or turns the direction of what follows: shown as it is, a name could look like another. */
bool gs_utf8_is_deceptive(uint32_t c);

#endif
