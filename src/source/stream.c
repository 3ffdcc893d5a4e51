#include "source/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_BLOCK (128u << 10) /* compressed octets read at a time, at most: zstd's own advice */

const char *stream_wrapping_word(enum stream_wrapping w)
{
	static const char *const words[] = { [STREAM_PLAIN] = "", [STREAM_GZIP] = "gzip", [STREAM_ZSTD] = "zstd" };
	return words[w];
}

uint64_t stream_position(const struct stream *st)
{
	return st->wrapping == STREAM_PLAIN ? stream_offset(st) : st->file_octets - (uint64_t)(st->in_end - st->in);
}

static int read_some(struct stream *st, uint8_t *to, size_t room, size_t *ret_n, struct gs_error *err)
{
	ssize_t n = read(st->fd, to, room);
	if (n < 0 && errno == EINTR)
		return gs_fail(err, GS_ERR_INTERRUPTED, "%s: reading was interrupted", st->name);
	if (n < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: reading failed at offset %" PRIu64, st->name, st->file_octets);
	st->file_octets += (uint64_t)n;
	*ret_n = (size_t)n;
	return 0;
}

/* Compressed octets, if there are none at hand; none afterwards means the input ended. */
static int in_fill(struct stream *st, struct gs_error *err)
{
	size_t n = 0;

	if (st->in < st->in_end || st->in_ended)
		return 0;
	int r = read_some(st, st->in_buf, st->in_cap, &n, err);
	if (r < 0)
		return r;
	st->in = st->in_buf;
	st->in_end = st->in_buf + n;
	st->in_ended = n == 0;
	return 0;
}

/* A compressed input that cannot be read on. Not an error of the call: what came out before is given first. */
static void in_damaged(struct stream *st, const char *what, const char *why)
{
	gs_fail(&st->damage, GS_ERR_DAMAGED, "%s: %s near offset %" PRIu64 " of the %s file%s%s", st->name, what, stream_position(st),
	        stream_wrapping_word(st->wrapping), why ? ": " : "", why ? why : "");
	st->ended = true;
}

/* Between members: zeros to the end are padding, as tapes and some disks leave it; anything else must be another member, and inflate
 * says if not. */
static bool gzip_next_member(struct stream *st)
{
	if (*st->in == 0) {
		while (st->in < st->in_end && *st->in == 0)
			st->in++;
		return false;
	}
	inflateReset(&st->z);
	st->between = false;
	return true;
}

static int gzip_more(struct stream *st, uint8_t *to, size_t room, size_t *ret_n, struct gs_error *err)
{
	for (*ret_n = 0; *ret_n == 0 && !st->ended;) {
		int r = in_fill(st, err);
		if (r < 0)
			return r;
		const size_t in_len = (size_t)(st->in_end - st->in);
		if (in_len == 0 && st->between) {
			st->ended = true;
			break;
		}
		if (st->between && !gzip_next_member(st))
			continue;
		st->z.next_in = (uint8_t *)st->in; /* zlib reads it only */
		st->z.avail_in = in_len > UINT32_MAX ? UINT32_MAX : (uInt)in_len;
		st->z.next_out = to;
		st->z.avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
		int z = inflate(&st->z, Z_NO_FLUSH);
		st->in = st->z.next_in;
		*ret_n = (size_t)(st->z.next_out - to);
		if (z == Z_STREAM_END)
			st->between = true;
		else if (z == Z_MEM_ERROR)
			return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory for gzip", st->name);
		else if (z == Z_BUF_ERROR && in_len == 0)
			in_damaged(st, "compressed data ends inside", NULL);
		else if (z != Z_OK && z != Z_BUF_ERROR)
			in_damaged(st, "compressed data damaged", st->z.msg);
	}
	return 0;
}

static int zstd_more(struct stream *st, uint8_t *to, size_t room, size_t *ret_n, struct gs_error *err)
{
	for (*ret_n = 0; *ret_n == 0 && !st->ended;) {
		int r = in_fill(st, err);
		if (r < 0)
			return r;
		ZSTD_inBuffer in = { st->in, (size_t)(st->in_end - st->in), 0 };
		ZSTD_outBuffer out = { to, room, 0 };
		if (in.size == 0 && st->between) {
			st->ended = true;
			break;
		}
		size_t z = ZSTD_decompressStream(st->zstd, &out, &in);
		st->in += in.pos;
		*ret_n = out.pos;
		if (ZSTD_isError(z))
			in_damaged(st, "compressed data damaged", ZSTD_getErrorName(z));
		else if (in.size == 0 && out.pos == 0)
			in_damaged(st, "compressed data ends inside", NULL);
		else
			st->between = z == 0;
	}
	return 0;
}

/* Room for at least one octet after the window: the rest moves to the front, and the buffer grows if the rest fills it. */
static int make_room(struct stream *st, size_t need, struct gs_error *err)
{
	const size_t left = stream_left(st);

	if (left > 0 && st->p != st->buf)
		memmove(st->buf, st->p, left);
	if (left == st->cap) {
		size_t cap = st->cap ? st->cap * 2 : st->block;
		/* no more than needed, but whoever needs a little more will need the next little more too */
		if (st->cap && cap > need && need > st->cap + st->cap / 4)
			cap = need;
		uint8_t *buf = realloc(st->buf, cap);
		if (!buf) {
			st->p = st->buf;
			st->end = st->buf + left;
			return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory for a buffer of %zu octets", st->name, cap);
		}
		st->buf = buf;
		st->cap = cap;
	}
	st->p = st->buf;
	st->end = st->buf + left;
	return 0;
}

int stream_fill(struct stream *st, size_t need, struct gs_error *err)
{
	while (stream_left(st) < need && !st->ended) {
		size_t n = 0;
		int r = make_room(st, need, err);
		if (r < 0)
			return r;
		uint8_t *to = st->buf + stream_left(st);
		const size_t room = st->cap - stream_left(st);
		if (st->wrapping == STREAM_GZIP) {
			r = gzip_more(st, to, room, &n, err);
		} else if (st->wrapping == STREAM_ZSTD) {
			r = zstd_more(st, to, room, &n, err);
		} else {
			r = read_some(st, to, room, &n, err);
			st->ended = r == 0 && n == 0;
		}
		if (r < 0)
			return r;
		st->end += n;
		st->out_octets += n;
	}
	return 0;
}

/* RFC 1952 s2.3.1; RFC 8878 s3.1.1 and s3.1.2 (skippable frames, which may come first) */
static enum stream_wrapping wrapping_of(const uint8_t *p, size_t len)
{
	if (len >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return STREAM_GZIP;
	if (len >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
		return STREAM_ZSTD;
	if (len >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0)
		return STREAM_ZSTD;
	return STREAM_PLAIN;
}

/* What was read so far becomes the decompressor's input, and the window starts anew. */
static int unwrap(struct stream *st, struct gs_error *err)
{
	st->wrapping = wrapping_of(st->p, stream_left(st));
	if (st->wrapping == STREAM_PLAIN)
		return 0;
	st->in = st->p;
	st->in_end = st->end;
	st->in_buf = st->buf;
	st->in_cap = st->cap < IN_BLOCK ? st->cap : IN_BLOCK;
	st->in_ended = st->fd < 0 || st->ended;
	st->ended = false;
	st->buf = NULL;
	st->p = st->end = NULL;
	st->cap = 0;
	st->out_octets = 0;
	if (st->wrapping == STREAM_GZIP)
		st->inflating = inflateInit2(&st->z, 15 + 16) == Z_OK; /* 16: gzip only */
	else
		st->zstd = ZSTD_createDStream(); /* windows up to its default of 128 MiB */
	if (!st->inflating && !st->zstd)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory for %s", st->name, stream_wrapping_word(st->wrapping));
	return 0;
}

int stream_open_fd(struct stream *st, const char *name, int fd, bool own, size_t block, struct gs_error *err)
{
	*st = (struct stream){ .name = name, .fd = fd, .own_fd = own, .block = block };
	int r = stream_fill(st, 4, err);
	return r < 0 ? r : unwrap(st, err);
}

int stream_open_memory(struct stream *st, const char *name, const void *data, size_t len, size_t block, struct gs_error *err)
{
	const uint8_t *start = len ? data : (const uint8_t *)""; /* no arithmetic on NULL */

	*st = (struct stream){ .name = name, .fd = -1, .block = block, .p = start, .end = start + len, .ended = true };
	st->file_octets = st->out_octets = len;
	return unwrap(st, err);
}

void stream_done(struct stream *st)
{
	if (st->inflating)
		inflateEnd(&st->z);
	ZSTD_freeDStream(st->zstd);
	free(st->buf);
	free(st->in_buf);
	if (st->own_fd && st->fd >= 0)
		close(st->fd);
	*st = (struct stream){ .fd = -1 };
}
