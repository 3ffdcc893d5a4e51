/*
 * pcap.c - classic pcap files
 *
 *   file:   magic 4, major 2, minor 2, unused 8, snap length 4, link type 4     in the writer's byte order, told by the magic
 *   record: seconds 4, micro- or nanoseconds 4, captured length 4, length 4, [interface 4, protocol 2, packet type 1, pad 1,] frame
 *
 * Magic a1b2c3d4 counts microseconds, a1b23c4d nanoseconds, a1b2cd34 (Kuznetzov's patch) has the longer record header; which one a file has
 * is told by its magic alone. Versions before 2.3 and DG/UX's 543.0 have the two lengths in the other order, 2.3 either way. The upper half
 * of the link type holds the length of frame check sequences; they are not taken off, since the IP length bounds what is decoded. Seconds
 * are unsigned: good until 2106. A page of zeros where a record should start is the tail of a file that was made longer than it was
 * written: damage, not a quarter of a billion empty packets in 4 GiB. Two further magics (a1b234cd, a12b3c4d) are registered, but nobody
 * published their records: refused by name in source.c.
 * Source: draft-ietf-opsawg-pcap; behaviour of libpcap's sf-pcap.c, which a differential test holds this reader against.
 */
#include "source/source_int.h"

#include <inttypes.h>
#include <stdlib.h>

#define FILE_HEADER 24
#define ZERO_PAGE 4096
#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO 0xa1b23c4du
#define MAGIC_PATCHED 0xa1b2cd34u

enum length_order { CAPLEN_FIRST, CAPLEN_LAST, CAPLEN_SMALLER };

struct pcap {
	bool little;
	uint8_t order;          /* enum length_order */
	uint32_t header;        /* octets of a record header */
	uint32_t linktype;
	uint32_t snaplen;
	uint32_t max_caplen;
	uint32_t fraction_ns;   /* nanoseconds per unit of the fraction */
};

struct record {
	uint32_t s, fraction, caplen, len;
};

static bool magic_known(uint32_t magic)
{
	return magic == MAGIC_MICRO || magic == MAGIC_NANO || magic == MAGIC_PATCHED;
}

static enum source_match pcap_match(const uint8_t *start, size_t len, bool whole)
{
	struct gs_cursor c = gs_cursor_of(start, len < 4 ? (uint32_t)len : 4, 4);
	uint32_t magic = gs_get_be32(&c);

	(void)whole;
	return magic_known(magic) || magic_known(__builtin_bswap32(magic)) ? MATCH_YES : MATCH_NO;
}

static int pcap_open(struct gs_source *s, struct gs_error *err)
{
	int r = source_need(s, FILE_HEADER, "file header", err);
	if (r < 0)
		return r;
	struct pcap *pc = calloc(1, sizeof *pc);
	if (!pc)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", s->path);
	s->state = pc;

	struct gs_cursor c = gs_cursor_of(s->stream.p, FILE_HEADER, FILE_HEADER);
	uint32_t magic = gs_get_be32(&c);
	pc->little = !magic_known(magic);
	magic = pc->little ? __builtin_bswap32(magic) : magic;
	const unsigned major = source_get16(&c, pc->little), minor = source_get16(&c, pc->little);
	gs_skip(&c, 8);
	const uint32_t snaplen = source_get32(&c, pc->little), link = source_get32(&c, pc->little);
	if (!(major == 2 && minor <= 4) && !(major == 543 && minor == 0))
		return gs_fail(err, GS_ERR_FORMAT, "%s: pcap version %u.%u; 2.0 to 2.4 are read", s->path, major, minor);
	pc->order = major == 543 || minor < 3 ? CAPLEN_LAST : minor == 3 ? CAPLEN_SMALLER : CAPLEN_FIRST;
	pc->header = magic == MAGIC_PATCHED ? 24 : 16;
	pc->fraction_ns = magic == MAGIC_NANO ? 1 : 1000;
	/* Bits 16 to 25 make the number one that is not of the registry (classes of some BSDs): kept, so that it is taken for no other. */
	pc->linktype = link & 0x03ffffff;
	pc->max_caplen = source_max_caplen(pc->linktype);
	pc->snaplen = snaplen == 0 || snaplen > INT32_MAX ? pc->max_caplen : snaplen;
	if (magic == MAGIC_PATCHED && pc->linktype == GS_LINK_ETHERNET)
		pc->snaplen += 14; /* that patch's cooked captures have an Ethernet header of their own on top; at most 2^31 + 13 */
	s->stream.p += FILE_HEADER;
	return 0;
}

static void pcap_close(struct gs_source *s)
{
	free(s->state);
}

static inline struct record record_read(const struct pcap *pc, const uint8_t *p)
{
	struct gs_cursor c = gs_cursor_of(p, 16, 16);
	struct record rec;

	rec.s = source_get32(&c, pc->little);
	rec.fraction = source_get32(&c, pc->little);
	rec.caplen = source_get32(&c, pc->little);
	rec.len = source_get32(&c, pc->little);
	if (__builtin_expect(pc->order == CAPLEN_LAST || (pc->order == CAPLEN_SMALLER && rec.caplen > rec.len), 0)) {
		uint32_t t = rec.caplen;
		rec.caplen = rec.len;
		rec.len = t;
	}
	return rec;
}

/* Whether nothing but zeros stands at the window's start, for a page. 1, 0, or negative. */
static int zeros_ahead(struct gs_source *s, struct gs_error *err)
{
	int r = stream_fill(&s->stream, ZERO_PAGE, err);

	if (r < 0)
		return r;
	if (stream_left(&s->stream) < ZERO_PAGE)
		return 0;
	const uint8_t *p = s->stream.p;
	return p[0] == 0 && memcmp(p, p + 1, ZERO_PAGE - 1) == 0;
}

/* The record at the window's start, alone: reads on until it is whole, or says what is wrong with it. 1, 0 at the end, or negative. */
static int record_need(struct gs_source *s, struct gs_error *err)
{
	const struct pcap *pc = s->state;
	int r = source_need(s, pc->header, "packet record header", err);

	if (r <= 0)
		return r;
	const uint64_t off = stream_offset(&s->stream);
	const struct record rec = record_read(pc, s->stream.p);
	if (rec.caplen > pc->max_caplen)
		return source_damaged(s, off, err, "packet record of %" PRIu32 " captured octets, more than the limit of %" PRIu32,
		                      rec.caplen, pc->max_caplen);
	if ((rec.s | rec.caplen | rec.len) == 0) {
		r = zeros_ahead(s, err);
		if (r != 0)
			return r < 0 ? r : source_damaged(s, off, err, "%d octets of zeros or more, no packet record", ZERO_PAGE);
	}
	return source_need(s, (size_t)pc->header + rec.caplen, "packet record", err);
}

static int pcap_frames(struct gs_source *s, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	const struct pcap *pc = s->state;
	struct stream *st = &s->stream;
	const uint8_t *p = st->p;
	const uint64_t before = s->frames;
	size_t n = 0;

	while (n < max) {
		const size_t left = (size_t)(st->end - p);
		struct record rec = { 0 };
		if (left >= pc->header)
			rec = record_read(pc, p);
		/* Not here, not sane, or nothing but zeros: alone. The frames so far point into the window, so it moves only for an
		 * empty batch. */
		if (__builtin_expect((rec.s | rec.caplen) == 0 || rec.caplen > pc->max_caplen || left - pc->header < rec.caplen, 0)) {
			st->p = p;
			if (n > 0)
				break;
			int r = record_need(s, err);
			if (r <= 0)
				return r;
			p = st->p;
			rec = record_read(pc, p);
		}
		frames[n] = (struct gs_frame){
			.data = p + pc->header,
			.caplen = rec.caplen < pc->snaplen ? rec.caplen : pc->snaplen,
			.wirelen = rec.len,
			.ts = { (int64_t)rec.s * GS_NS_PER_S + (int64_t)rec.fraction * pc->fraction_ns },
			.linktype = pc->linktype,
			.sampling = 1,
			.number = before + n + 1,
		};
		n++;
		p += pc->header + rec.caplen;
	}
	st->p = p;
	s->frames = before + n;
	*ret_n = n;
	return 0;
}

const struct gs_source_ops source_pcap = {
	.format = "pcap",
	.door = GS_DOOR_FRAMES,
	.match = pcap_match,
	.open = pcap_open,
	.close = pcap_close,
	.frames = pcap_frames,
};
