/*
 * archive_in.c - the lines of an archive that is read: zstd or plain, one at a time, none longer than a writer makes them
 *
 * A stranger's file: zstd may ask for a window of at most 8 MiB, and nothing grows with the archive's length.
 */
#include "store/archive_in.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW_LOG 23
#define IN_BYTES (128u << 10)

int lines_open(struct lines *l, int fd, const char *name, struct gs_error *err)
{
	*l = (struct lines){ .fd = fd, .name = name, .z = ZSTD_createDCtx(), .in = malloc(IN_BYTES), .out = malloc(IN_BYTES), .line = malloc(ARCHIVE_LINE_MAX + 1) };
	if (!l->z || !l->in || !l->out || !l->line)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	ZSTD_DCtx_setParameter(l->z, ZSTD_d_windowLogMax, WINDOW_LOG);
	XXH3_64bits_reset(&l->all);
	return 0;
}

void lines_close(struct lines *l)
{
	ZSTD_freeDCtx(l->z);
	free(l->in);
	free(l->out);
	free(l->line);
}

int lines_damaged(struct lines *l, struct gs_error *err, const char *format, ...)
{
	char text[300];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return gs_fail(err, GS_ERR_DAMAGED, "%s: line %" PRIu64 ": %s", l->name, l->number, text);
}

static int fd_read(struct lines *l, uint8_t *to, size_t *ret_n, struct gs_error *err)
{
	ssize_t n;
	do
		n = read(l->fd, to, IN_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s", l->name);
	*ret_n = (size_t)n;
	return 0;
}

/* Recognised by its first octets: zstd (RFC 8878 s3.1.1, a skippable frame included), or a line as it is. */
static int format_tell(struct lines *l, struct gs_error *err)
{
	size_t n = 0;
	while (n < 4) { /* a pipe may give less */
		size_t more = 0;
		int r = fd_read(l, l->out, &more, err);
		if (r < 0)
			return r;
		if (more == 0)
			break;
		more = n + more > IN_BYTES ? IN_BYTES - n : more;
		memcpy(l->in + n, l->out, more);
		n += more;
	}
	l->begun = true;
	l->in_len = n;
	if (n >= 4 && ((l->in[0] == 0x28 && l->in[1] == 0xb5 && l->in[2] == 0x2f && l->in[3] == 0xfd) ||
	               ((l->in[0] & 0xf0) == 0x50 && l->in[1] == 0x2a && l->in[2] == 0x4d && l->in[3] == 0x18)))
		return 0;
	l->plain = true;
	if (n && l->in[0] == '{')
		return 0;
	return gs_fail(err, GS_ERR_FORMAT, n ? "%s is no archive of grescope" : "%s is empty, no archive of grescope", l->name);
}

/* More of the text; *ret_end where there is none. */
static int text_more(struct lines *l, bool *ret_end, struct gs_error *err)
{
	l->out_at = l->out_len = 0;
	if (!l->begun) {
		int r = format_tell(l, err);
		if (r < 0)
			return r;
	}
	while (l->out_len == 0) {
		if (l->in_at == l->in_len) {
			int r = fd_read(l, l->in, &l->in_len, err);
			l->in_at = 0;
			if (r < 0)
				return r;
			if (l->in_len == 0) {
				*ret_end = true;
				return l->frame_open ? lines_damaged(l, err, "the archive is cut off behind it") : 0;
			}
		}
		if (l->plain) {
			memcpy(l->out, l->in + l->in_at, l->in_len - l->in_at);
			l->out_len = l->in_len - l->in_at;
			l->in_at = l->in_len;
			break;
		}
		ZSTD_inBuffer in = { .src = l->in, .size = l->in_len, .pos = l->in_at };
		ZSTD_outBuffer out = { .dst = l->out, .size = IN_BYTES };
		size_t left = ZSTD_decompressStream(l->z, &out, &in);
		if (ZSTD_isError(left))
			return lines_damaged(l, err, "the archive is damaged behind it (zstd: %s)", ZSTD_getErrorName(left));
		l->frame_open = left != 0;
		l->in_at = in.pos;
		l->out_len = out.pos;
	}
	return 0;
}

int lines_next(struct lines *l, struct gs_error *err)
{
	l->len = 0;
	for (;;) {
		bool end = false;
		if (l->out_at == l->out_len) {
			int r = text_more(l, &end, err);
			if (r < 0)
				return r;
			if (end && l->len)
				return lines_damaged(l, err, "the archive is cut off behind it");
			if (end)
				return 0;
		}
		const uint8_t *from = l->out + l->out_at, *nl = memchr(from, '\n', l->out_len - l->out_at);
		size_t n = nl ? (size_t)(nl - from) : l->out_len - l->out_at;
		if (n > ARCHIVE_LINE_MAX - l->len) {
			l->number++;
			return lines_damaged(l, err, "longer than %u octets", ARCHIVE_LINE_MAX);
		}
		memcpy(l->line + l->len, from, n);
		l->len += n;
		l->out_at += n + (nl != NULL);
		if (nl)
			break;
	}
	l->number++;
	l->line[l->len] = '\n';
	l->all_before = XXH3_64bits_digest(&l->all);
	XXH3_64bits_update(&l->all, l->line, l->len + 1);
	return 1;
}
