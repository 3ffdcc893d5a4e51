/*
 * stream.h - the octets of one input, unwrapped, seen through a window that only moves forward
 *
 * Input is a descriptor or memory; it is plain, gzip (also several members) or zstd (also several frames). Plain memory is the window
 * itself; all else comes through one buffer that is filled by large read() calls, straight or through the decompressor. Large reads into a
 * buffer that stays in L2 beat mmap by a factor of two at normal frame sizes. The reader uses octets from p to end in place and moves p.
 */
#ifndef GS_SOURCE_STREAM_H
#define GS_SOURCE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>
#include <zstd.h>

#include "grescope/error.h"

enum stream_wrapping { STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD };

struct stream {
	const uint8_t *p, *end;  /* the window: octets not used so far */
	const char *name;        /* for sentences; borrowed */
	bool ended;              /* nothing follows the window */
	struct gs_error damage;  /* code 0, or why a compressed input ended before its end; the window holds what came out before it */

	enum stream_wrapping wrapping;
	int fd;                  /* -1 for memory */
	bool own_fd;
	size_t block;            /* octets to ask for at a time */
	uint8_t *buf;
	size_t cap;
	uint64_t out_octets;     /* unwrapped octets up to `end` */
	uint64_t file_octets;    /* octets taken from the file or memory so far */

	/* compressed octets not used so far; in_buf is NULL where they are the caller's memory */
	const uint8_t *in, *in_end;
	uint8_t *in_buf;
	size_t in_cap;
	bool in_ended;
	bool between;            /* at a border of gzip members or zstd frames: the input may end here */
	bool inflating;          /* `z` was initialised */
	z_stream z;
	ZSTD_DStream *zstd;
};

/* Reads the start of the descriptor and sees through gzip and zstd. The descriptor is closed by stream_done if `own`. On failure too,
 * call stream_done. */
int stream_open_fd(struct stream *st, const char *name, int fd, bool own, size_t block, struct gs_error *err);
/* The same over memory, which must outlive the stream. */
int stream_open_memory(struct stream *st, const char *name, const void *data, size_t len, size_t block, struct gs_error *err);
void stream_done(struct stream *st); /* a zeroed one with fd -1 is fine */

/*
 * Reads until the window holds at least `need` octets or the input ends: compare stream_left afterwards. Pointers into the window are dead
 * after it. The buffer grows to `need` only as far as octets come in, so an announced length alone costs nothing. The caller bounds `need`.
 * Result 0, GS_ERR_IO, GS_ERR_NOMEM, or GS_ERR_INTERRUPTED where a signal came while waiting: nothing is lost, call again.
 */
int stream_fill(struct stream *st, size_t need, struct gs_error *err);

static inline size_t stream_left(const struct stream *st)
{
	return (size_t)(st->end - st->p);
}

/* Unwrapped octets before p. */
static inline uint64_t stream_offset(const struct stream *st)
{
	return st->out_octets - stream_left(st);
}

/* Octets of the file that are used up; compressed ones where it is compressed. */
uint64_t stream_position(const struct stream *st);

const char *stream_wrapping_word(enum stream_wrapping w); /* "", "gzip", "zstd" */

#endif
