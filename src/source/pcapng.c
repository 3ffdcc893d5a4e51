/*
 * pcapng.c - pcapng files
 *
 *   block:     type 4, total length 4, body, total length 4; lengths are multiples of 4 and at least 12
 *   section:   0a0d0d0a: byte-order magic 4, major 2, minor 2, section length 8 (not used), options. Starts a new list of interfaces
 *   interface: 1: link type 2, unused 2, snap length 4, options: if_tsresol (9), if_tsoffset (14)
 *   packet:    6 enhanced: interface 4, time 8 (high half first), captured 4, length 4, frame, padding, options
 *              2 obsolete: interface 2, drops 2, then as 6
 *              3 simple: length 4, frame; first interface, no time: it gets the time 0 (plus if_tsoffset), as libpcap gives it
 *
 * Every other type (names, statistics, secrets, custom, unknown) is skipped by its length, also when it is larger than memory. A frame may
 * be longer than its interface's snap length: the block says how much is there. Blocks of packets and interfaces lie whole in the window,
 * hence their cap.
 * Source: draft-ietf-opsawg-pcapng; behaviour of libpcap's sf-pcapng.c, which knows neither different link types nor changes of byte order.
 */
#include "source/source_int.h"

#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_SECTION 0x0a0d0d0au /* the same in both byte orders */
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 2u
#define BLOCK_SIMPLE 3u
#define BLOCK_ENHANCED 6u
#define ORDER_MAGIC 0x1a2b3c4du
#define OPTION_END 0
#define OPTION_TSRESOL 9
#define OPTION_TSOFFSET 14
#define MAX_INTERFACES 65536u    /* per section: what 16 bits of the obsolete packet block can name */
#define MAX_BLOCK (16u << 20)    /* of packets and interfaces; more where a link type's packets are longer */
#define MAX_OPTIONS (128u << 10) /* with a packet of the greatest length */

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

struct interface {
	uint64_t mul, div;    /* nanoseconds = time * mul / div, then >> shift */
	unsigned shift;
	int64_t offset_s;
	uint32_t snaplen;     /* UINT32_MAX where unlimited */
	uint16_t linktype;
};

struct pcapng {
	bool little;
	struct interface *ifs;
	uint32_t n_ifs, cap_ifs;
	uint32_t max_block;
	/* a block that is being skipped: kept here, because a batch of frames may have to be handed over in its middle */
	uint32_t skip_left, skip_len;
	uint64_t skip_off;
};

static enum source_match pcapng_match(const uint8_t *start, size_t len, bool whole)
{
	struct gs_cursor c = gs_cursor_of(start, len < 12 ? (uint32_t)len : 12, 12);

	if (gs_get_be32(&c) != BLOCK_SECTION)
		return MATCH_NO;
	gs_skip(&c, 4);
	uint32_t magic = gs_get_be32(&c);
	if (c.short_)
		return whole ? MATCH_YES : MATCH_MORE;
	return magic == ORDER_MAGIC || magic == __builtin_bswap32(ORDER_MAGIC) ? MATCH_YES : MATCH_NO;
}

/* Goes to the end of the block at the window's start and compares its second length. 1, 0 where a batch must be handed over first, or
 * negative. */
static int skip_on(struct gs_source *s, bool may_fill, struct gs_error *err)
{
	struct pcapng *ng = s->state;
	struct stream *st = &s->stream;

	while (ng->skip_left > 4) {
		if (stream_left(st) == 0) {
			if (!may_fill)
				return 0;
			int r = stream_fill(st, 1, err);
			if (r < 0)
				return r;
			if (stream_left(st) == 0)
				return source_ends_inside(s, "block", ng->skip_off, ng->skip_len, ng->skip_len - ng->skip_left, err);
		}
		const uint32_t body = ng->skip_left - 4;
		const uint32_t take = stream_left(st) < body ? (uint32_t)stream_left(st) : body;
		st->p += take;
		ng->skip_left -= take;
	}
	if (stream_left(st) < 4 && !may_fill)
		return 0;
	int r = stream_fill(st, 4, err);
	if (r < 0)
		return r;
	if (stream_left(st) < 4)
		return source_ends_inside(s, "block", ng->skip_off, ng->skip_len, ng->skip_len - 4 + stream_left(st), err);
	struct gs_cursor c = gs_cursor_of(st->p, 4, 4);
	const uint32_t again = source_get32(&c, ng->little);
	if (again != ng->skip_len)
		return source_damaged(s, ng->skip_off, err, "block of %" PRIu32 " octets that ends with the length %" PRIu32, ng->skip_len,
				      again);
	st->p += 4;
	ng->skip_left = 0;
	return 1;
}

static int skip_begin(struct gs_source *s, uint32_t len, bool may_fill, struct gs_error *err)
{
	struct pcapng *ng = s->state;

	ng->skip_left = ng->skip_len = len;
	ng->skip_off = stream_offset(&s->stream);
	return skip_on(s, may_fill, err);
}

static int bad_length(struct gs_source *s, uint32_t len, struct gs_error *err)
{
	return source_damaged(s, stream_offset(&s->stream), err, "block length %" PRIu32 ", which is %s", len,
	                      len % 4 ? "no multiple of 4" : "too short for such a block");
}

/* The section header at the window's start: byte order, version; then its options are skipped. `bad` is what a wrong version is. */
static int section_begin(struct gs_source *s, int bad, struct gs_error *err)
{
	struct pcapng *ng = s->state;
	int r = source_need(s, 28, "section header", err);

	if (r <= 0)
		return r;
	struct gs_cursor c = gs_cursor_of(s->stream.p, 28, 28);
	gs_skip(&c, 8);
	const uint32_t magic = gs_get_be32(&c);
	if (magic != ORDER_MAGIC && magic != __builtin_bswap32(ORDER_MAGIC))
		return source_damaged(s, stream_offset(&s->stream), err, "section header with the byte-order magic %08" PRIx32, magic);
	ng->little = magic != ORDER_MAGIC;
	const unsigned major = source_get16(&c, ng->little), minor = source_get16(&c, ng->little);
	if (major != 1 || (minor != 0 && minor != 2))
		return gs_fail(err, bad, "%s: section of pcapng version %u.%u at offset %" PRIu64 "; 1.0 and 1.2 are read", s->path, major,
			       minor, stream_offset(&s->stream));
	c.off = 4;
	const uint32_t len = source_get32(&c, ng->little);
	if (len < 28 || len % 4)
		return bad_length(s, len, err);
	ng->n_ifs = 0;
	ng->max_block = MAX_BLOCK;
	return skip_begin(s, len, true, err);
}

static int pcapng_open(struct gs_source *s, struct gs_error *err)
{
	struct pcapng *ng = calloc(1, sizeof *ng);

	if (!ng)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", s->path);
	s->state = ng;
	int r = section_begin(s, GS_ERR_FORMAT, err);
	return r < 0 ? r : 0;
}

static void pcapng_close(struct gs_source *s)
{
	struct pcapng *ng = s->state;

	if (ng)
		free(ng->ifs);
	free(ng);
}

/* if_tsresol: a power of ten, or of two where the highest bit is set. False where 64 bits of such units never make a second. */
static bool resolution_set(struct interface *f, uint8_t v)
{
	const unsigned e = v & 0x7f;

	f->mul = f->div = 1;
	f->shift = 0;
	if (v & 0x80) {
		f->mul = (uint64_t)GS_NS_PER_S;
		f->shift = e;
		return e <= 63;
	}
	for (unsigned i = e; i < 9; i++)
		f->mul *= 10;
	for (unsigned i = 9; i < e && e <= 19; i++)
		f->div *= 10;
	return e <= 19;
}

static int interface_options(struct gs_source *s, struct interface *f, struct gs_cursor *c, struct gs_error *err)
{
	const struct pcapng *ng = s->state;
	const uint64_t off = stream_offset(&s->stream);
	unsigned seen = 0;

	while (gs_cursor_left(c) > 0) {
		const uint16_t code = source_get16(c, ng->little), len = source_get16(c, ng->little);
		struct gs_cursor v = *c;
		gs_skip(c, (len + 3u) & ~3u);
		if (c->short_)
			return source_damaged(s, off, err, "interface block whose option %u leaves it", code);
		if (code == OPTION_END)
			break;
		if (code != OPTION_TSRESOL && code != OPTION_TSOFFSET)
			continue;
		if (len != (code == OPTION_TSRESOL ? 1 : 8) || seen & 1u << code)
			return source_damaged(s, off, err, "interface block whose option %u is %s", code,
					      seen & 1u << code ? "there twice" : "of a wrong length");
		seen |= 1u << code;
		if (code == OPTION_TSOFFSET) {
			const uint64_t a = source_get32(&v, ng->little), b = source_get32(&v, ng->little);
			f->offset_s = (int64_t)(ng->little ? b << 32 | a : a << 32 | b);
			continue;
		}
		const uint8_t resolution = gs_get_u8(&v);
		if (!resolution_set(f, resolution))
			return source_damaged(s, off, err, "interface block with the impossible time resolution 0x%02x", resolution);
	}
	return 0;
}

/* The interface block in the window, whole, from octet 8 to its trailer. */
static int interface_add(struct gs_source *s, struct gs_cursor *c, struct gs_error *err)
{
	struct pcapng *ng = s->state;

	if (ng->n_ifs == MAX_INTERFACES)
		return source_damaged(s, stream_offset(&s->stream), err, "section with more than %u interfaces", MAX_INTERFACES);
	if (ng->n_ifs == ng->cap_ifs) {
		const uint32_t cap = ng->cap_ifs ? ng->cap_ifs * 2 : 4;
		struct interface *ifs = realloc(ng->ifs, cap * sizeof *ifs);
		if (!ifs)
			return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory for interfaces", s->path);
		ng->ifs = ifs;
		ng->cap_ifs = cap;
	}
	struct interface *f = &ng->ifs[ng->n_ifs];
	*f = (struct interface){ .linktype = source_get16(c, ng->little) };
	gs_skip(c, 2);
	f->snaplen = source_get32(c, ng->little);
	if (c->short_)
		return bad_length(s, c->end + 4, err);
	if (f->snaplen == 0 || f->snaplen > INT32_MAX)
		f->snaplen = UINT32_MAX;
	resolution_set(f, 6);
	int r = interface_options(s, f, c, err);
	if (r < 0)
		return r;
	const uint32_t block = 32 + source_max_caplen(f->linktype) + MAX_OPTIONS;
	if (block > ng->max_block)
		ng->max_block = block;
	ng->n_ifs++;
	return 0;
}

static inline struct gs_time interface_time(struct gs_source *s, const struct interface *f, uint64_t t)
{
	uint128 ns = (uint128)t * f->mul;

	if (__builtin_expect(f->div != 1, 0))
		ns /= f->div;
	const int128 v = (int128)(ns >> f->shift) + (int128)f->offset_s * GS_NS_PER_S;
	if (__builtin_expect(v > INT64_MAX || v < INT64_MIN, 0)) {
		s->saturated++;
		return v < 0 ? GS_TIME_MIN : GS_TIME_MAX;
	}
	return (struct gs_time){ (int64_t)v };
}

/* The packet block in the window, whole, from octet 8 to its trailer. */
static int packet_read(struct gs_source *s, uint32_t type, struct gs_cursor *c, struct gs_frame *frame, struct gs_error *err)
{
	struct pcapng *ng = s->state;
	uint32_t number = 0, caplen = 0;
	uint64_t t = 0;

	if (type == BLOCK_ENHANCED) {
		number = source_get32(c, ng->little);
	} else if (type == BLOCK_PACKET) {
		number = source_get16(c, ng->little);
		gs_skip(c, 2);
	}
	if (type != BLOCK_SIMPLE) {
		t = (uint64_t)source_get32(c, ng->little) << 32;
		t |= source_get32(c, ng->little);
		caplen = source_get32(c, ng->little);
	}
	const uint32_t len = source_get32(c, ng->little);
	if (__builtin_expect(c->short_, 0))
		return bad_length(s, c->end + 4, err);
	if (__builtin_expect(number >= ng->n_ifs, 0))
		return source_damaged(s, stream_offset(&s->stream), err,
				      "packet of interface %" PRIu32 ", but the section describes %" PRIu32 " so far", number, ng->n_ifs);
	const struct interface *f = &ng->ifs[number];
	if (type == BLOCK_SIMPLE)
		caplen = len < f->snaplen ? len : f->snaplen;
	const uint8_t *data = gs_get_bytes(c, caplen);
	if (__builtin_expect(!data, 0))
		return source_damaged(s, stream_offset(&s->stream), err,
				      "packet of %" PRIu32 " captured octets in a block with room for %" PRIu32, caplen, gs_cursor_left(c));
	*frame = (struct gs_frame){
		.data = data,
		.caplen = caplen,
		.wirelen = len,
		.ts = interface_time(s, f, t),
		.linktype = f->linktype,
		.sampling = 1,
		.number = ++s->frames,
		.undated = type == BLOCK_SIMPLE,
	};
	return 0;
}

static bool holds_packet(uint32_t type)
{
	return type == BLOCK_ENHANCED || type == BLOCK_PACKET || type == BLOCK_SIMPLE;
}

/* The block at the window's start has a sane header of this type and length: makes it lie whole in the window. As skip_on. */
static int block_need(struct gs_source *s, uint32_t len, bool may_fill, struct gs_error *err)
{
	const struct pcapng *ng = s->state;
	struct stream *st = &s->stream;

	if (__builtin_expect(len > ng->max_block, 0))
		return source_damaged(s, stream_offset(st), err, "block of %" PRIu32 " octets, more than the limit of %" PRIu32, len,
				      ng->max_block);
	if (__builtin_expect(stream_left(st) < len, 0)) {
		if (!may_fill)
			return 0;
		int r = source_need(s, len, "block", err);
		if (r <= 0)
			return r;
	}
	struct gs_cursor c = gs_cursor_of(st->p, len, len);
	c.off = len - 4;
	const uint32_t again = source_get32(&c, ng->little);
	if (__builtin_expect(again != len, 0))
		return source_damaged(s, stream_offset(st), err, "block of %" PRIu32 " octets that ends with the length %" PRIu32, len,
				      again);
	return 1;
}

/* One block. 1 done, and *ret_packet says whether it gave *frame; 0 the input ended, or a batch must be handed over first; negative
 * trouble. */
static int block_read(struct gs_source *s, bool may_fill, struct gs_frame *frame, bool *ret_packet, struct gs_error *err)
{
	struct pcapng *ng = s->state;
	struct stream *st = &s->stream;
	int r;

	if (__builtin_expect(ng->skip_left > 0, 0))
		return skip_on(s, may_fill, err);
	if (__builtin_expect(stream_left(st) < 12, 0)) {
		if (!may_fill)
			return 0;
		r = source_need(s, 12, "block", err);
		if (r <= 0)
			return r;
	}
	struct gs_cursor c = gs_cursor_of(st->p, 8, 8);
	const uint32_t type = source_get32(&c, ng->little), len = source_get32(&c, ng->little);
	if (type == BLOCK_SECTION)
		return may_fill ? section_begin(s, GS_ERR_DAMAGED, err) : 0;
	const bool packet = holds_packet(type);
	if (len < 12 || len % 4)
		return bad_length(s, len, err);
	if (!packet && type != BLOCK_INTERFACE)
		return skip_begin(s, len, may_fill, err);
	r = block_need(s, len, may_fill, err);
	if (r <= 0)
		return r;
	c = gs_cursor_of(st->p, len - 4, len - 4);
	c.off = 8;
	r = packet ? packet_read(s, type, &c, frame, err) : interface_add(s, &c, err);
	if (r < 0)
		return r;
	*ret_packet = packet;
	st->p += len;
	return 1;
}

static int pcapng_frames(struct gs_source *s, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	size_t n = 0;
	int r = 1;

	/* Frames point into the window, so once there are some, more input waits for the next call; and so does trouble, which that call
	 * meets again. */
	while (n < max && r > 0) {
		bool packet = false;
		r = block_read(s, n == 0, &frames[n], &packet, n == 0 ? err : NULL);
		n += packet;
	}
	*ret_n = n;
	return r < 0 && n == 0 ? r : 0;
}

const struct gs_source_ops source_pcapng = {
	.format = "pcapng",
	.door = GS_DOOR_FRAMES,
	.match = pcapng_match,
	.open = pcapng_open,
	.close = pcapng_close,
	.frames = pcapng_frames,
};
