/*
 * capture_writer.h - capture files made in memory, byte by byte, for tests: also those that no writer of today makes
 */
#ifndef CAPTURE_WRITER_H
#define CAPTURE_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

struct bytes {
	uint8_t *data;
	size_t len, cap;
	bool big; /* byte order of numbers that follow */
};

static inline void put(struct bytes *b, const void *data, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = (b->len + n) * 2;
		b->data = realloc(b->data, b->cap);
		if (!b->data)
			abort();
	}
	if (n > 0)
		memcpy(b->data + b->len, data, n);
	b->len += n;
}

static inline void put_number(struct bytes *b, uint64_t v, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++) {
		const uint8_t o = (uint8_t)(v >> 8 * (b->big ? octets - 1 - i : i));
		put(b, &o, 1);
	}
}

static inline void put16(struct bytes *b, unsigned v)
{
	put_number(b, v, 2);
}

static inline void put32(struct bytes *b, uint64_t v)
{
	put_number(b, v, 4);
}

static inline void put_zeros(struct bytes *b, size_t n)
{
	static const uint8_t zeros[64];
	for (; n > 64; n -= 64)
		put(b, zeros, 64);
	put(b, zeros, n);
}

/* n octets that depend on `seed`, so that a frame can be told from its neighbours */
static inline void put_pattern(struct bytes *b, unsigned seed, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t o = (uint8_t)(seed * 37 + i * 11 + (i >> 8));
		put(b, &o, 1);
	}
}

static inline void bytes_done(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){ 0 };
}

static inline void pcap_header(struct bytes *b, uint32_t magic, unsigned major, unsigned minor, uint32_t snaplen, uint32_t link)
{
	put32(b, magic);
	put16(b, major);
	put16(b, minor);
	put_zeros(b, 8);
	put32(b, snaplen);
	put32(b, link);
}

/* first, second: the two length fields as they stand in the file */
static inline void pcap_record_header(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t first, uint32_t second)
{
	put32(b, s);
	put32(b, fraction);
	put32(b, first);
	put32(b, second);
}

static inline void pcap_record(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t caplen, uint32_t len)
{
	pcap_record_header(b, s, fraction, caplen, len);
	put_pattern(b, s, caplen);
}

/* As pcap_record with the eight octets more of magic a1b2cd34. */
static inline void pcap_patched_record(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t caplen, uint32_t len)
{
	pcap_record_header(b, s, fraction, caplen, len);
	put32(b, 2);
	put16(b, 0x0800);
	put_zeros(b, 2);
	put_pattern(b, s, caplen);
}

/* Any block: a body of whole words (padded here), both lengths right. */
static inline void ng_block(struct bytes *b, uint32_t type, const struct bytes *body)
{
	const uint32_t padded = (uint32_t)(body->len + 3) & ~3u;
	put32(b, type);
	put32(b, padded + 12);
	put(b, body->data, body->len);
	put_zeros(b, padded - body->len);
	put32(b, padded + 12);
}

static inline void ng_section(struct bytes *b, unsigned major, unsigned minor)
{
	struct bytes body = { .big = b->big };
	put32(&body, 0x1a2b3c4d);
	put16(&body, major);
	put16(&body, minor);
	put_number(&body, UINT64_MAX, 8);
	ng_block(b, 0x0a0d0d0a, &body);
	bytes_done(&body);
}

static inline void ng_option(struct bytes *b, unsigned code, const void *data, unsigned len)
{
	put16(b, code);
	put16(b, len);
	put(b, data, len);
	put_zeros(b, (4 - len % 4) % 4);
}

/* resolution: as if_tsresol holds it; 6 writes no option */
static inline void ng_interface(struct bytes *b, unsigned link, uint32_t snaplen, uint8_t resolution, int64_t offset_s)
{
	struct bytes body = { .big = b->big };
	const uint8_t fcs = 4;
	put16(&body, link);
	put16(&body, 0);
	put32(&body, snaplen);
	ng_option(&body, 2, "eth0", 4);
	ng_option(&body, 13, &fcs, 1);
	if (resolution != 6)
		ng_option(&body, 9, &resolution, 1);
	if (offset_s != 0) {
		put16(&body, 14);
		put16(&body, 8);
		put_number(&body, (uint64_t)offset_s, 8);
	}
	ng_option(&body, 0, "", 0);
	ng_block(b, 1, &body);
	bytes_done(&body);
}

/* type 6 or, with 16 bits of interface, 2; the pattern's seed is the low half of the time. Options: a comment. */
static inline void ng_packet(struct bytes *b, uint32_t type, uint32_t interface, uint64_t t, uint32_t caplen, uint32_t len)
{
	struct bytes body = { .big = b->big };
	if (type == 6) {
		put32(&body, interface);
	} else {
		put16(&body, interface);
		put16(&body, 3);
	}
	put32(&body, t >> 32);
	put32(&body, (uint32_t)t);
	put32(&body, caplen);
	put32(&body, len);
	put_pattern(&body, (uint32_t)t, caplen);
	put_zeros(&body, (4 - caplen % 4) % 4);
	ng_option(&body, 1, "hello", 5);
	ng_option(&body, 0, "", 0);
	ng_block(b, type, &body);
	bytes_done(&body);
}

static inline void ng_simple(struct bytes *b, uint32_t caplen, uint32_t len)
{
	struct bytes body = { .big = b->big };
	put32(&body, len);
	put_pattern(&body, 0, caplen);
	ng_block(b, 3, &body);
	bytes_done(&body);
}

static inline void ng_other(struct bytes *b, uint32_t type, size_t len)
{
	struct bytes body = { .big = b->big };
	put_pattern(&body, type, len);
	ng_block(b, type, &body);
	bytes_done(&body);
}

/* Appends one gzip member. */
static inline void put_gzip(struct bytes *b, const void *data, size_t len)
{
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = (uInt)len };
	uint8_t out[4096];

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	int r;
	do {
		z.next_out = out;
		z.avail_out = sizeof out;
		r = deflate(&z, Z_FINISH);
		put(b, out, sizeof out - z.avail_out);
	} while (r == Z_OK);
	deflateEnd(&z);
}

/* Appends one zstd frame, with a checksum. */
static inline void put_zstd(struct bytes *b, const void *data, size_t len)
{
	const size_t bound = ZSTD_compressBound(len);
	uint8_t *out = malloc(bound);
	ZSTD_CCtx *c = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	const size_t n = ZSTD_compress2(c, out, bound, data, len);
	if (ZSTD_isError(n))
		abort();
	put(b, out, n);
	ZSTD_freeCCtx(c);
	free(out);
}

#endif
