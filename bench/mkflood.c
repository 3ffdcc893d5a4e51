/*
 * mkflood - big captures for benchmarks, and the truth about them
 *
 *   mkflood [-o FILE] KIND [PACKETS [SEED]]
 *
 * The capture (pcap, little-endian, microseconds, Ethernet) goes to FILE or standard output, one line of JSON to standard error. The same
 * arguments give the same octets everywhere.
 *
 *   flood  2,000,000  Ethernet, IPv4, GRE, IPv4, UDP with 512 random octets; 20,000 sources, few of them busy
 *   small  5,000,000  the same without data: 66 octets a frame; 50,000 sources
 *   spoof  5,000,000  as small, every packet from a new source
 *   mixed  5,000,000  one packet in twenty is GRE (plain, key, PPTP, bridged, IPv6 inside; 5,000 sources), the rest TCP, UDP and ICMP; frames of
 *                     64, 570 and 1514 octets in the proportion 7:4:1
 *
 * flood, small and spoof have the shape of Mirai's GRE flood: don't fragment, inner TTL 64, one inner source for each outer one, an inner
 * destination for each packet, identifications that add up to 999. The random octets are splitmix64's, not Mirai's. IP header checksums are right
 * throughout; transport checksums are, but for mixed, where they are 0. A packet comes every 2 us.
 *
 * The truth: packets, packets and octets (IP total length) of protocol 47, its sources, and the 20 busiest: by packets, then octets, then address.
 */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (1u << 20)
#define MAX_RECORD (16 + 1514)
#define MAX_SOURCES 50000
#define TOP 20
#define START_S 1500000000u
#define STEP_US 2

enum kind { FLOOD, SMALL, SPOOF, MIXED };
static const struct {
	const char *name;
	uint64_t packets;
	uint32_t sources; /* 0: each packet has its own */
} kinds[] = { { "flood", 2000000, 20000 }, { "small", 5000000, 50000 }, { "spoof", 5000000, 0 }, { "mixed", 5000000, 5000 } };

struct source {
	uint32_t addr;
	uint64_t packets, bytes;
};

struct flood {
	enum kind kind;
	uint64_t seed, random;
	int fd;
	uint8_t *buffer;
	size_t used;
	uint64_t written;

	struct source *sources;
	uint32_t n_sources, salt, counter;
	struct source top[TOP]; /* spoof: the lowest addresses */
	unsigned n_top;
	uint64_t gre_packets, gre_bytes, distinct;
};

static uint64_t draw(struct flood *f)
{
	/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014): splitmix64 */
	uint64_t z = f->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A permutation of 32-bit numbers: odd factors and shifts can be undone, so that different counters give different addresses. */
static uint32_t scramble(uint32_t x, uint32_t salt)
{
	x += salt;
	x ^= x >> 15;
	x *= 0x85ebca6b;
	x ^= x >> 13;
	x *= 0xc2b2ae35;
	return x ^ x >> 16;
}

/* The next address never given before that could be a host's on the Internet. */
static uint32_t new_address(struct flood *f)
{
	for (;;) {
		uint32_t a = scramble(f->counter++, f->salt), first = a >> 24;
		if (first != 0 && first != 10 && first != 127 && first < 224)
			return a;
	}
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static void put32_le(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint64_t sum16(uint64_t sum, const uint8_t *p, size_t n)
{
	for (; n > 1; n -= 2, p += 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	return n ? sum + (uint32_t)(p[0] << 8) : sum;
}

static uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool spill(struct flood *f)
{
	for (size_t at = 0; at < f->used;) {
		ssize_t n = write(f->fd, f->buffer + at, f->used - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += (size_t)n;
	}
	f->written += f->used;
	f->used = 0;
	return true;
}

static size_t put_eth(uint8_t *p, uint16_t type)
{
	static const uint8_t macs[12] = { 0x00, 0x00, 0x5e, 0x00, 0x53, 0x02, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01 };
	memcpy(p, macs, 12);
	put16(p + 12, type);
	return 14;
}

static size_t put_ipv4(uint8_t *p, uint32_t src, uint32_t dst, uint8_t proto, uint8_t ttl, uint16_t id, size_t len)
{
	put16(p, 0x4500);
	put16(p + 2, (uint32_t)len);
	put16(p + 4, id);
	put16(p + 6, 0x4000);
	p[8] = ttl;
	p[9] = proto;
	put16(p + 10, 0);
	put32(p + 12, src);
	put32(p + 16, dst);
	put16(p + 10, sum_fold(sum16(0, p, 20)));
	return 20;
}

static size_t put_ipv6(uint8_t *p, uint64_t src, uint64_t dst, uint8_t next, size_t len)
{
	memset(p, 0, 40);
	p[0] = 0x60;
	put16(p + 4, (uint32_t)len - 40);
	p[6] = next;
	p[7] = 64;
	put32(p + 8, 0x20010db8);
	put32(p + 20, (uint32_t)src);
	put32(p + 24, 0x20010db8);
	put32(p + 36, (uint32_t)dst);
	return 40;
}

static size_t put_udp(uint8_t *p, uint64_t ports, size_t len)
{
	put32(p, (uint32_t)ports);
	put16(p + 4, (uint32_t)len);
	put16(p + 6, 0);
	return 8;
}

/* Which source sends: the cube of a uniform number makes few of them busy. */
static uint32_t choose_source(struct flood *f)
{
	uint64_t u = draw(f) >> 32, cube = (u * u >> 32) * u >> 32;
	return (uint32_t)(cube * f->n_sources >> 32);
}

static void count_lowest(struct flood *f, uint32_t addr, size_t bytes)
{
	unsigned i = f->n_top;

	if (i == TOP && addr > f->top[TOP - 1].addr)
		return;
	if (i < TOP)
		f->n_top++;
	else
		i--;
	for (; i > 0 && f->top[i - 1].addr > addr; i--)
		f->top[i] = f->top[i - 1];
	f->top[i] = (struct source){ addr, 1, bytes };
}

/* The outer source of the next GRE packet, which is counted here with its IP total length. */
static uint32_t gre_source(struct flood *f, size_t bytes)
{
	uint32_t addr;

	f->gre_packets++;
	f->gre_bytes += bytes;
	if (f->kind == SPOOF) {
		addr = new_address(f);
		f->distinct++;
		count_lowest(f, addr, bytes);
		return addr;
	}
	struct source *s = &f->sources[choose_source(f)];
	f->distinct += s->packets == 0;
	s->packets++;
	s->bytes += bytes;
	return s->addr;
}

static const uint32_t target = 0xc6336407; /* 198.51.100.7 */

static uint8_t ttl_of(uint32_t addr)
{
	return (uint8_t)(64 - 8 - scramble(addr, 1) % 12);
}

static size_t flood_frame(struct flood *f, uint8_t *p)
{
	size_t data = f->kind == FLOOD ? 512 : 0, len = 52 + data;
	uint32_t src = gre_source(f, len);
	uint64_t a = draw(f), b = draw(f);
	uint16_t id = (uint16_t)(a >> 32);
	uint16_t mate = __builtin_bswap16((uint16_t)(999 - __builtin_bswap16(id)));

	size_t n = put_eth(p, 0x0800);
	n += put_ipv4(p + n, src, target, 47, ttl_of(src), id, len);
	put32(p + n, 0x00000800);
	n += 4;
	uint8_t *inner = p + n;
	n += put_ipv4(inner, scramble(src, 7), (uint32_t)a, 17, 64, mate, 28 + data);
	put_udp(p + n, b, 8 + data);
	for (size_t i = 0; i < data; i += 8) {
		uint64_t v = draw(f);
		memcpy(p + n + 8 + i, &v, 8);
	}
	uint64_t sum = sum16(17 + 8 + data, inner + 12, 8); /* pseudo-header: protocol, length, addresses */
	uint16_t checksum = sum_fold(sum16(sum, p + n, 8 + data));
	put16(p + n + 6, checksum ? checksum : 0xffff);
	return n + 8 + data;
}

static size_t at_least(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* The five kinds of GRE in mixed; want is the frame length asked for. Payload behind the inner transport header is zeros. */
static size_t mixed_gre(struct flood *f, uint8_t *p, size_t want)
{
	uint64_t r = draw(f), flow = draw(f);
	unsigned kind = r % 10;
	size_t header = kind < 4 ? 4 : kind < 6 ? 8 : kind < 8 ? 12 + 4 : kind < 9 ? 4 + 14 : 4;
	size_t inner_header = kind == 9 ? 48 : 28, frame = at_least(want, 14 + 20 + header + inner_header);
	size_t inner = frame - 34 - header;
	uint32_t src = gre_source(f, frame - 14);

	memset(p, 0, frame);
	size_t n = put_eth(p, 0x0800);
	n += put_ipv4(p + n, src, target, 47, ttl_of(src), (uint16_t)r, frame - 14);
	if (kind < 4) {
		put32(p + n, 0x00000800);
	} else if (kind < 6) {
		put32(p + n, 0x20000800);
		put32(p + n + 4, src & 0xff);
	} else if (kind < 8) {
		put32(p + n, 0x3001880b);
		put16(p + n + 4, (uint32_t)inner + 4);
		put16(p + n + 6, src & 0xffff);
		put32(p + n + 8, (uint32_t)f->gre_packets);
		put32(p + n + 12, 0xff030021);
	} else if (kind < 9) {
		put32(p + n, 0x00006558);
		put_eth(p + n + 4, 0x0800);
	} else {
		put32(p + n, 0x000086dd);
	}
	n += header;
	if (kind == 9)
		n += put_ipv6(p + n, flow & 0xffff, flow >> 48, 17, inner);
	else
		n += put_ipv4(p + n, 0x0a000000 | (flow & 0xffff), 0x0a010000 | (uint32_t)(flow >> 48), 17, 63, (uint16_t)(r >> 16), inner);
	put_udp(p + n, flow >> 16, inner - inner_header + 8);
	return frame;
}

static size_t mixed_frame(struct flood *f, uint8_t *p)
{
	static const uint16_t sizes[12] = { 64, 64, 64, 64, 64, 64, 64, 570, 570, 570, 570, 1514 };
	uint64_t r = draw(f);
	size_t frame = sizes[(r >> 32) % 12];

	if (r % 20 == 0)
		return mixed_gre(f, p, frame);
	uint64_t flow = draw(f);
	unsigned percent = (unsigned)(r >> 8) % 100;
	uint8_t proto = percent < 70 ? 6 : percent < 95 ? 17 : 1;
	memset(p, 0, frame);
	size_t n = put_eth(p, 0x0800);
	n += put_ipv4(p + n, scramble((uint32_t)flow & 0xffff, f->salt), target, proto, 57, (uint16_t)r, frame - 14);
	if (proto == 17) {
		put_udp(p + n, flow >> 16, frame - 34);
	} else if (proto == 6) {
		put32(p + n, (uint32_t)(flow >> 16));
		put32(p + n + 4, (uint32_t)r);
		put32(p + n + 12, 0x50102000);
	} else {
		p[n] = 8;
		put16(p + n + 2, sum_fold(sum16(0, p + n, frame - 34)));
	}
	return frame;
}

static bool generate(struct flood *f, uint64_t packets)
{
	static const uint32_t header[6] = { 0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1 };

	for (int i = 0; i < 6; i++)
		put32_le(f->buffer + 4 * i, header[i]);
	f->used = sizeof header;
	for (uint64_t i = 0; i < packets; i++) {
		if (f->used + MAX_RECORD > BUFFER && !spill(f))
			return false;
		uint8_t *p = f->buffer + f->used;
		uint64_t us = i * STEP_US;
		uint32_t len = (uint32_t)(f->kind == MIXED ? mixed_frame(f, p + 16) : flood_frame(f, p + 16));
		put32_le(p, START_S + (uint32_t)(us / 1000000));
		put32_le(p + 4, (uint32_t)(us % 1000000));
		put32_le(p + 8, len);
		put32_le(p + 12, len);
		f->used += 16 + len;
	}
	return spill(f);
}

static int busier(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void tell_truth(struct flood *f, uint64_t packets)
{
	const struct source *top = f->kind == SPOOF ? f->top : f->sources;
	unsigned n = f->kind == SPOOF ? f->n_top : f->n_sources < TOP ? f->n_sources : TOP;

	if (f->kind != SPOOF)
		qsort(f->sources, f->n_sources, sizeof *f->sources, busier);
	fprintf(stderr,
		"{\"kind\":\"%s\",\"seed\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"gre_packets\":%" PRIu64 ",\"sources\":%" PRIu64 ",\"gre_bytes\":%" PRIu64
		",\"file_bytes\":%" PRIu64 ",\"top\":[",
		kinds[f->kind].name, f->seed, packets, f->gre_packets, f->distinct, f->gre_bytes, f->written);
	for (unsigned i = 0; i < n && top[i].packets; i++)
		fprintf(stderr, "%s[\"%u.%u.%u.%u\",%" PRIu64 ",%" PRIu64 "]", i ? "," : "", top[i].addr >> 24, top[i].addr >> 16 & 255,
			top[i].addr >> 8 & 255, top[i].addr & 255, top[i].packets, top[i].bytes);
	fprintf(stderr, "]}\n");
}

static bool number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *ret <= max;
}

static int usage(void)
{
	fprintf(stderr, "usage: mkflood [-o FILE] flood|small|spoof|mixed [PACKETS [SEED]]\n");
	return 2;
}

static int run(struct flood *f, const char *path, uint64_t packets)
{
	f->salt = (uint32_t)draw(f);
	f->n_sources = kinds[f->kind].sources;
	f->buffer = malloc(BUFFER);
	f->sources = calloc(MAX_SOURCES, sizeof *f->sources);
	if (!f->buffer || !f->sources) {
		fprintf(stderr, "mkflood: out of memory\n");
		return 1;
	}
	for (uint32_t i = 0; i < f->n_sources; i++)
		f->sources[i].addr = new_address(f);
	f->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : STDOUT_FILENO;
	if (f->fd < 0 || !generate(f, packets) || (path && close(f->fd) < 0)) {
		fprintf(stderr, "mkflood: cannot write %s: %s\n", path ? path : "standard output", strerror(errno));
		return 1;
	}
	tell_truth(f, packets);
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = NULL;
	uint64_t packets = 0, seed = 1;
	int i = 1;
	unsigned kind = 0;

	if (argc > 2 && strcmp(argv[1], "-o") == 0) {
		path = argv[2];
		i = 3;
	}
	if (i >= argc || argc > i + 3)
		return usage();
	while (kind < sizeof kinds / sizeof *kinds && strcmp(kinds[kind].name, argv[i]) != 0)
		kind++;
	if (kind == sizeof kinds / sizeof *kinds)
		return usage();
	packets = kinds[kind].packets;
	/* 2^31 packets of a new source each still fit into the addresses that are left */
	if ((argc > i + 1 && !number(argv[i + 1], UINT64_C(1) << 31, &packets)) || (argc > i + 2 && !number(argv[i + 2], UINT64_MAX, &seed)))
		return usage();
	struct flood f = { .kind = (enum kind)kind, .seed = seed, .random = seed };
	int r = run(&f, path, packets);
	free(f.buffer);
	free(f.sources);
	return r;
}
