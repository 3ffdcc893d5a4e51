/*
 * source.c - opening, recognition by content, and what all formats share
 *
 * Recognition asks every format in the table below with as much of the start as is there, and reads on only while one of them asks for
 * more, so that a live pipe is not kept waiting and a huge file of something else costs one read.
 */
#include "source/source_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct gs_source_ops *const formats[] = { &source_pcap, &source_pcapng, &source_rawdata, &source_log };

/* Compressed input that is damaged before its format shows: nothing to read, but damage to tell. */
static const struct gs_source_ops unreadable = { .format = "damaged", .door = GS_DOOR_FRAMES };

/* What people name by mistake, by its first octets. */
static const struct {
	const char *octets;
	uint8_t len;
	const char *words;
} lookalikes[] = {
	{ "BZh", 3, "bzip2-compressed data (decompress it first)" },
	{ "\xfd\x37zXZ", 5, "xz-compressed data (decompress it first)" },
	{ "\x04\x22\x4d\x18", 4, "lz4-compressed data (decompress it first)" },
	{ "PK\x03\x04", 4, "a zip archive (unpack it first)" },
	{ "\x1f\x8b", 2, "gzip-compressed twice (decompress it first)" },
	{ "\x28\xb5\x2f\xfd", 4, "zstd-compressed twice (decompress it first)" },
	{ "snoop\0\0\0", 8, "a snoop capture (convert it with editcap)" },
	{ "RTSS", 4, "a Network Monitor capture (convert it with editcap)" },
	{ "GMBU", 4, "a Network Monitor capture (convert it with editcap)" },
	{ "\x0c\xa5", 2, "an nfdump file (export it with nfdump -o csv)" },
	{ "\xa1\xb2\x34\xcd", 4, "a pcap variant whose record layout was never published (magic a1b234cd)" },
	{ "\xcd\x34\xb2\xa1", 4, "a pcap variant whose record layout was never published (magic a1b234cd)" },
	{ "\xa1\x2b\x3c\x4d", 4, "a pcap variant whose record layout was never published (magic a12b3c4d)" },
	{ "\x4d\x3c\x2b\xa1", 4, "a pcap variant whose record layout was never published (magic a12b3c4d)" },
	{ "SQLite format 3", 15, "an SQLite database" },
	{ "\x7f" "ELF", 4, "a program" },
	{ "%PDF", 4, "a PDF document" },
	{ "\xff\xfe", 2, "UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)" },
	{ "\xfe\xff", 2, "UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)" },
};

#define READ_FORMATS                                                                                                                       \
	"grescope reads pcap, pcapng, tables with the columns Source IP, _time, count, Protocol, and logs of firewalls (grescope logs formats), also compressed " \
	"with gzip or zstd"

const char *source_quote(const void *text, size_t len, char out[SOURCE_QUOTE_MAX + 4])
{
	const uint8_t *p = text;
	size_t n = len > SOURCE_QUOTE_MAX ? SOURCE_QUOTE_MAX : len;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '?');
	memcpy(out + n, len > n ? "..." : "", len > n ? 4 : 1);
	return out;
}

uint32_t source_max_caplen(uint32_t linktype)
{
	switch (linktype) {
	case 231: /* D-Bus */
		return 128u << 20;
	case 279: /* Elektrobit */
		return 8u << 20;
	case 249: /* USBPcap */
		return 1u << 20;
	default:
		return 256u << 10;
	}
}

static const char *offset_words(const struct gs_source *s)
{
	return s->stream.wrapping == STREAM_PLAIN ? "" : " of the decompressed data";
}

int source_ends_inside(const struct gs_source *s, const char *what, uint64_t offset, uint64_t announced, uint64_t there,
		       struct gs_error *err)
{
	if (s->stream.damage.code)
		return gs_fail(err, s->stream.damage.code, "%s", s->stream.damage.text);
	return gs_fail(err, GS_ERR_DAMAGED,
		       "%s: ends inside the %s at offset %" PRIu64 "%s: %" PRIu64 " octets announced, %" PRIu64 " there", s->path, what,
		       offset, offset_words(s), announced, there);
}

int source_damaged(const struct gs_source *s, uint64_t offset, struct gs_error *err, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return gs_fail(err, GS_ERR_DAMAGED, "%s: at offset %" PRIu64 "%s: %s", s->path, offset, offset_words(s), text);
}

int source_need(struct gs_source *s, size_t need, const char *what, struct gs_error *err)
{
	struct stream *st = &s->stream;
	int r = stream_fill(st, need, err);

	if (r < 0)
		return r;
	const size_t left = stream_left(st);
	if (left >= need)
		return 1;
	if (left == 0 && !st->damage.code)
		return 0;
	return source_ends_inside(s, what, stream_offset(st), need, left, err);
}

static int unrecognised(const struct gs_source *s, struct gs_error *err)
{
	const struct stream *st = &s->stream;
	const size_t left = stream_left(st);
	const char *unwrapped = st->wrapping == STREAM_PLAIN ? "" : " once decompressed";
	char quoted[SOURCE_QUOTE_MAX + 4];
	size_t zeros = 0, text = 0;

	if (left == 0)
		return gs_fail(err, GS_ERR_FORMAT, "%s: empty file%s", s->path, unwrapped);
	for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++)
		if (left >= lookalikes[i].len && memcmp(st->p, lookalikes[i].octets, lookalikes[i].len) == 0)
			return gs_fail(err, GS_ERR_FORMAT, "%s: is %s%s; " READ_FORMATS, s->path, lookalikes[i].words, unwrapped);
	const size_t look = left < 4096 ? left : 4096;
	while (zeros < look && st->p[zeros] == 0)
		zeros++;
	while (text < look && (st->p[text] >= 0x20 || (st->p[text] >= '\t' && st->p[text] <= '\r')))
		text++;
	if (zeros == look)
		return gs_fail(err, GS_ERR_FORMAT, "%s: starts with %zu octets of zeros%s; " READ_FORMATS, s->path, zeros, unwrapped);
	const uint8_t *line_end = memchr(st->p, '\n', look);
	if (text == look)
		return gs_fail(err, GS_ERR_FORMAT, "%s: is text that starts with `%s`%s; " READ_FORMATS, s->path,
		               source_quote(st->p, line_end ? (size_t)(line_end - st->p) : look, quoted), unwrapped);
	char *hex = quoted;
	for (size_t i = 0; i < look && i < 8; i++)
		hex += sprintf(hex, "%s%02x", i ? " " : "", st->p[i]);
	return gs_fail(err, GS_ERR_FORMAT, "%s: is in no known format%s (starts with %s); " READ_FORMATS, s->path, unwrapped, quoted);
}

/* Sets s->ops. */
static int recognise(struct gs_source *s, struct gs_error *err)
{
	struct stream *st = &s->stream;

	for (size_t need = 4;;) {
		int r = stream_fill(st, need, err);
		if (r < 0)
			return r;
		const size_t left = stream_left(st);
		bool more = false;
		for (size_t i = 0; left > 0 && i < sizeof formats / sizeof *formats; i++) {
			enum source_match m = formats[i] == &source_log ? log_match_own(s->logs.own, st->p, left, st->ended) :
									  formats[i]->match(st->p, left, st->ended);
			if (m == MATCH_YES) {
				s->ops = formats[i];
				return 0;
			}
			more |= m == MATCH_MORE;
		}
		if (!more || st->ended || left >= SOURCE_START_MAX)
			break;
		need = left + 1 + left / 8; /* a share of it, so that input that drips is not looked through once per octet */
	}
	if (!st->damage.code)
		return unrecognised(s, err);
	s->ops = &unreadable;
	s->late = st->damage;
	return 0;
}

/* The rest of opening, once the stream stands (r is how it came to stand). */
static int source_start(struct gs_source *s, int r, struct gs_source **ret, struct gs_error *err)
{
	if (r == 0)
		r = recognise(s, err);
	if (r == 0 && s->ops->open) {
		struct gs_error why = { 0 };
		r = s->ops->open(s, &why);
		if (r == GS_ERR_DAMAGED) {
			s->late = why;
			r = 0;
		} else if (r < 0 && err) {
			*err = why;
		}
	}
	if (r < 0) {
		gs_source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static struct gs_source *source_new(const char *path)
{
	struct gs_source *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->stream.fd = -1;
	s->modified = GS_TIME_MIN;
	s->path = strdup(path);
	if (!s->path) {
		free(s);
		return NULL;
	}
	return s;
}

int source_open_block(const char *path, size_t block, const struct gs_log_options *logs, struct gs_source **ret, struct gs_error *err)
{
	const bool own = strcmp(path, "-") != 0;
	struct gs_source *s = source_new(path);
	struct stat sb;

	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", path);
	if (logs)
		s->logs = *logs;
	int fd = own ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
	if (fd < 0 || fstat(fd, &sb) < 0) {
		const int sys = errno;
		if (own && fd >= 0)
			close(fd);
		gs_source_close(s);
		return gs_fail_errno(err, GS_ERR_IO, sys, "%s: cannot be opened", path);
	}
	if (S_ISDIR(sb.st_mode)) {
		if (own)
			close(fd);
		gs_source_close(s);
		return gs_fail(err, GS_ERR_FORMAT, "%s: is a folder, not a file", path);
	}
	if (S_ISREG(sb.st_mode)) {
		s->size = (uint64_t)sb.st_size;
		s->modified.ns = sb.st_mtim.tv_sec * GS_NS_PER_S + sb.st_mtim.tv_nsec;
	}
	return source_start(s, stream_open_fd(&s->stream, s->path, fd, own, block, err), ret, err);
}

int source_open_plain(const char *name, const struct gs_source_ops *ops, const struct gs_log_options *logs, struct gs_source **ret, struct gs_error *err)
{
	struct gs_source *s = source_new(name);

	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", name);
	s->logs = *logs;
	s->ops = ops;
	s->stream = (struct stream){ .name = s->path, .fd = -1, .block = SOURCE_BLOCK };
	const int r = ops->open(s, err);
	if (r < 0) {
		gs_source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int source_open_memory_block(const char *name, const void *data, size_t len, size_t block, const struct gs_log_options *logs,
			     struct gs_source **ret, struct gs_error *err)
{
	struct gs_source *s = source_new(name);

	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", name);
	s->size = len;
	if (logs)
		s->logs = *logs;
	return source_start(s, stream_open_memory(&s->stream, s->path, data, len, block, err), ret, err);
}

int gs_source_open_logs(const char *path, const struct gs_log_options *logs, struct gs_source **ret, struct gs_error *err)
{
	return source_open_block(path, SOURCE_BLOCK, logs, ret, err);
}

int gs_source_open(const char *path, struct gs_source **ret, struct gs_error *err)
{
	return gs_source_open_logs(path, NULL, ret, err);
}

int gs_source_open_memory_logs(const char *name, const void *data, size_t len, const struct gs_log_options *logs, struct gs_source **ret,
			       struct gs_error *err)
{
	return source_open_memory_block(name, data, len, SOURCE_BLOCK, logs, ret, err);
}

int gs_source_open_memory(const char *name, const void *data, size_t len, struct gs_source **ret, struct gs_error *err)
{
	return gs_source_open_memory_logs(name, data, len, NULL, ret, err);
}

void gs_source_close(struct gs_source *s)
{
	if (!s)
		return;
	if (s->ops && s->ops->close)
		s->ops->close(s);
	stream_done(&s->stream);
	free(s->path);
	free(s);
}

void gs_source_info(const struct gs_source *s, struct gs_source_info *ret)
{
	*ret = (struct gs_source_info){
		.path = s->path,
		.format = s->ops->format,
		.wrapping = stream_wrapping_word(s->stream.wrapping),
		.door = s->ops->door,
		.size = s->size,
		.position = stream_position(&s->stream),
	};
}

/* What comes before any reading: 1 read on, 0 nothing more, negative the late trouble. */
static int reading_starts(struct gs_source *s, enum gs_door door, struct gs_error *err)
{
	if (s->ops->door != door)
		return gs_fail(err, GS_ERR_USAGE, "%s: holds %s", s->path,
			       s->ops->door == GS_DOOR_FRAMES ? "packets, not records" : "records, not packets");
	if (s->over)
		return 0;
	if (!s->late.code)
		return 1;
	s->over = true;
	return gs_fail(err, s->late.code, "%s", s->late.text);
}

int gs_source_frames(struct gs_source *s, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	*ret_n = 0;
	int r = reading_starts(s, GS_DOOR_FRAMES, err);
	if (r <= 0)
		return r;
	r = s->ops->frames(s, frames, max, ret_n, err);
	s->over = r < 0 && r != GS_ERR_INTERRUPTED;
	return r;
}

int gs_source_sightings(struct gs_source *s, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			struct gs_error *err)
{
	*ret_n = 0;
	int r = reading_starts(s, GS_DOOR_SIGHTINGS, err);
	if (r <= 0)
		return r;
	r = s->ops->sightings(s, out, max, ret_n, tally, err);
	s->over = r < 0 && r != GS_ERR_INTERRUPTED;
	return r;
}

const char *gs_source_first_bad(const struct gs_source *s)
{
	return s->first_bad;
}

uint64_t gs_source_clock_saturated(const struct gs_source *s)
{
	return s->saturated;
}
