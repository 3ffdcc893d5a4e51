/*
 * buf.h - the one bounded writer: text into a growing buffer that is flushed or kept
 *
 * A failed allocation sticks (`failed`), as in cursor.h: write all, check once. Owned by the caller: init, use, done.
 */
#ifndef GS_BASE_BUF_H
#define GS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_buf {
	char *data;      /* not NUL-terminated unless gs_buf_text is called */
	size_t len, cap;
	bool failed;
};

void gs_buf_done(struct gs_buf *b);
/* Room for n more; false (and sticks) where memory ran out. */
bool gs_buf_reserve(struct gs_buf *b, size_t n);
void gs_buf_put(struct gs_buf *b, const void *data, size_t n);
void gs_buf_puts(struct gs_buf *b, const char *text);
void gs_buf_printf(struct gs_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gs_buf_put_u64(struct gs_buf *b, uint64_t v);
/* NUL-terminates and lends the text; "" where memory ran out. Dead at the next write. */
const char *gs_buf_text(struct gs_buf *b);

static inline void gs_buf_putc(struct gs_buf *b, char c)
{
	if (b->len < b->cap || gs_buf_reserve(b, 1))
		b->data[b->len++] = c;
}

static inline void gs_buf_clear(struct gs_buf *b)
{
	b->len = 0;
}

#endif
