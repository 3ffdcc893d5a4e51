/*
 * keep_pcap.c - the writer of evidence
 *
 * Records gather in a buffer of 256 KiB, which is compressed into one zstd frame and written with one call. The file header is part of the first piece. At level 1 a
 * piece of flood traffic takes a few hundred microseconds. A write that fell short (a full disk) is taken back by cutting the file to where it was.
 * Source of the format: draft-ietf-opsawg-pcap; RFC 8878 s3: frames that follow each other decompress to their contents, one after the other.
 */
#include "source/keep_pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#define PIECE (256u << 10)
#define FILE_HEADER 24
#define RECORD_HEADER 16
#define MAGIC_NANO 0xa1b23c4du
#define LEVEL 1
#define AGAIN_NS (60 * GS_NS_PER_S) /* after a refusal or a failed write */

struct gs_keep {
	struct gs_keep_options o;
	struct gs_keep_counts counts;
	ZSTD_CCtx *zstd;
	uint8_t *raw, *packed;
	size_t raw_len, packed_cap;     /* what has gathered; where there is no file, it begins with the header of the next */
	uint64_t raw_frames, raw_bytes; /* of these records */
	int fd;                 /* -1: none */
	char name[256];
	uint64_t file_bytes;    /* written to it */
	struct gs_time begun;   /* time of its first frame; GS_TIME_MIN: none came yet */
	struct gs_time last;    /* of the newest frame or tick */
	struct gs_time not_before; /* do not ask again until then */
	bool asked;
};

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

/* In this machine's byte order, which the magic tells. */
static void header_put(struct gs_keep *k)
{
	static const uint16_t version[2] = { 2, 4 };
	uint8_t *p = k->raw;

	put32(p, MAGIC_NANO);
	memcpy(p + 4, version, 4);
	memset(p + 8, 0, 8);
	put32(p + 16, k->o.snaplen);
	put32(p + 20, k->o.linktype);
	k->raw_len = FILE_HEADER;
	k->raw_frames = k->raw_bytes = 0;
	k->begun = GS_TIME_MIN;
}

int gs_keep_new(const struct gs_keep_options *o, struct gs_keep **ret, struct gs_error *err)
{
	struct gs_keep *k = calloc(1, sizeof *k);

	if (k) {
		*k = (struct gs_keep){ .o = *o, .fd = -1, .begun = GS_TIME_MIN, .last = GS_TIME_MIN, .not_before = GS_TIME_MIN };
		k->packed_cap = ZSTD_compressBound(PIECE);
		k->raw = malloc(PIECE);
		k->packed = malloc(k->packed_cap);
		k->zstd = ZSTD_createCCtx();
	}
	if (!k || !k->raw || !k->packed || !k->zstd) {
		gs_keep_free(k);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for keeping packets");
	}
	/* A checksum over each piece: what a disk changed is told, not shown as a packet. */
	ZSTD_CCtx_setParameter(k->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(k->zstd, ZSTD_c_checksumFlag, 1);
	header_put(k);
	*ret = k;
	return 0;
}

/* What comes now is the next file's. */
static void file_close(struct gs_keep *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	header_put(k);
}

/* All of it or nothing. */
static int piece_write(struct gs_keep *k, size_t len, struct gs_error *err)
{
	size_t done = 0;
	int sys = 0;

	while (done < len && !sys) {
		const ssize_t n = write(k->fd, k->packed + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			sys = n == 0 ? ENOSPC : errno;
	}
	if (!sys)
		return 0;
	const bool cut = done == 0 || ftruncate(k->fd, (off_t)k->file_bytes) == 0;
	return gs_fail_errno(err, GS_ERR_IO, sys, "evidence file %s%s", k->name, cut ? "" : " (its end could not be taken back)");
}

/* Writes what has gathered as one piece. */
static int flush(struct gs_keep *k, struct gs_error *err)
{
	int r = 0;

	if (k->fd < 0 || k->raw_len == 0)
		return 0;
	const size_t len = ZSTD_compress2(k->zstd, k->packed, k->packed_cap, k->raw, k->raw_len);
	if (ZSTD_isError(len))
		r = gs_fail(err, GS_ERR_NOMEM, "evidence file %s: %s", k->name, ZSTD_getErrorName(len));
	else
		r = piece_write(k, len, err);
	if (r < 0) {
		k->counts.missed += k->raw_frames;
		file_close(k);
		k->not_before.ns = k->last.ns + AGAIN_NS;
		return r;
	}
	k->file_bytes += len;
	k->counts.written_bytes += len;
	k->counts.kept += k->raw_frames;
	k->counts.kept_bytes += k->raw_bytes;
	k->raw_len = 0;
	k->raw_frames = k->raw_bytes = 0;
	return 0;
}

void gs_keep_free(struct gs_keep *k)
{
	if (!k)
		return;
	flush(k, NULL);
	if (k->fd >= 0)
		close(k->fd);
	ZSTD_freeCCtx(k->zstd);
	free(k->raw);
	free(k->packed);
	free(k);
}

/* Whether the file is large or old enough. */
static bool due(const struct gs_keep *k)
{
	if (k->o.file_bytes && k->file_bytes >= k->o.file_bytes)
		return true;
	return k->o.file_s && k->begun.ns != INT64_MIN && k->last.ns > k->begun.ns && (uint64_t)(k->last.ns - k->begun.ns) / GS_NS_PER_S >= k->o.file_s;
}

static void ask(struct gs_keep *k)
{
	if (k->asked || k->last.ns < k->not_before.ns)
		return;
	k->asked = true;
	k->o.ask(k->o.arg, k->last);
}

int gs_keep_give(struct gs_keep *k, int fd, const char *name, struct gs_error *err)
{
	size_t len = strlen(name);
	int r = 0;

	k->asked = false;
	if (k->fd >= 0) {
		r = flush(k, err);
		file_close(k);
	}
	k->fd = fd;
	k->file_bytes = 0;
	k->not_before = GS_TIME_MIN;
	k->counts.files++;
	if (len >= sizeof k->name)
		len = sizeof k->name - 1;
	memcpy(k->name, name, len);
	k->name[len] = '\0';
	const int r2 = flush(k, r ? NULL : err); /* at the least its header: no file of nothing is left behind */
	return r ? r : r2;
}

void gs_keep_refuse(struct gs_keep *k, struct gs_time now)
{
	k->asked = false;
	k->not_before.ns = now.ns + AGAIN_NS;
}

/* Whether a frame can be kept at all, and where. */
static bool frame_fits(const struct gs_keep *k, const struct gs_frame *f, uint32_t caplen)
{
	const size_t need = (size_t)caplen + RECORD_HEADER;

	if (f->linktype != k->o.linktype || need + FILE_HEADER > PIECE || f->ts.ns < 0 || f->ts.ns / GS_NS_PER_S > UINT32_MAX)
		return false;
	if (k->fd < 0)
		return k->raw_len + need <= PIECE; /* waits for its file */
	return !k->o.file_bytes || k->file_bytes / 2 < k->o.file_bytes;
}

static int frame_keep(struct gs_keep *k, const struct gs_frame *f, struct gs_error *err)
{
	const uint32_t caplen = f->caplen < k->o.snaplen ? f->caplen : k->o.snaplen;
	int r = 0;

	if (k->raw_len + RECORD_HEADER + caplen > PIECE)
		r = flush(k, err);
	if (!frame_fits(k, f, caplen)) {
		k->counts.missed++;
		return r;
	}
	uint8_t *p = k->raw + k->raw_len;
	put32(p, (uint32_t)(f->ts.ns / GS_NS_PER_S));
	put32(p + 4, (uint32_t)(f->ts.ns % GS_NS_PER_S));
	put32(p + 8, caplen);
	put32(p + 12, f->wirelen);
	memcpy(p + RECORD_HEADER, f->data, caplen);
	k->raw_len += RECORD_HEADER + caplen;
	k->raw_frames++;
	k->raw_bytes += caplen;
	if (k->begun.ns == INT64_MIN)
		k->begun = f->ts;
	return r;
}

int gs_keep_frames(struct gs_keep *k, const struct gs_frame *f, size_t n, struct gs_error *err)
{
	int worst = 0;

	for (size_t i = 0; i < n; i++) {
		if (f[i].ts.ns > k->last.ns)
			k->last = f[i].ts;
		const int r = frame_keep(k, &f[i], worst ? NULL : err);
		worst = worst ? worst : r;
	}
	if (k->fd < 0 ? k->raw_frames > 0 : due(k))
		ask(k);
	return worst;
}

int gs_keep_tick(struct gs_keep *k, struct gs_time now, struct gs_error *err)
{
	if (now.ns > k->last.ns)
		k->last = now;
	const bool idle = k->raw_len == 0;
	const int r = flush(k, err);
	if (idle && k->fd >= 0 && due(k) && !k->asked)
		file_close(k); /* the next one is asked for when there is something for it; while much comes, the old one goes on until it is there */
	if (k->fd < 0 && k->raw_frames > 0)
		ask(k);
	return r;
}

void gs_keep_count(const struct gs_keep *k, struct gs_keep_counts *ret)
{
	*ret = k->counts;
}
