#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gs_buf_done(struct gs_buf *b)
{
	free(b->data);
	*b = (struct gs_buf){ 0 };
}

bool gs_buf_reserve(struct gs_buf *b, size_t n)
{
	if (b->failed)
		return false;
	if (b->cap - b->len >= n)
		return true;
	size_t cap = b->cap ? b->cap : 256;
	while (cap - b->len < n)
		cap *= 2;
	char *data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void gs_buf_put(struct gs_buf *b, const void *data, size_t n)
{
	if (n == 0 || !gs_buf_reserve(b, n))
		return;
	memcpy(b->data + b->len, data, n);
	b->len += n;
}

void gs_buf_puts(struct gs_buf *b, const char *text)
{
	gs_buf_put(b, text, strlen(text));
}

void gs_buf_put_u64(struct gs_buf *b, uint64_t v)
{
	char digits[20], *p = digits + sizeof digits;
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	gs_buf_put(b, p, (size_t)(digits + sizeof digits - p));
}

void gs_buf_printf(struct gs_buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || !gs_buf_reserve(b, (size_t)n + 1))
		return;
	va_start(ap, format);
	vsnprintf(b->data + b->len, (size_t)n + 1, format, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *gs_buf_text(struct gs_buf *b)
{
	if (!gs_buf_reserve(b, 1))
		return "";
	b->data[b->len] = '\0';
	return b->data;
}
