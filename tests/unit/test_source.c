/* test_source.c - capture files in every variant, cut at every octet, compressed, piped; raw data; lists of inputs */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "../capture_writer.h"
#include "source/source_int.h"

#define MAX_BATCH 64 /* frames asked for at once, at most */

/* All that a source gave, copied, and how it ended. */
struct got {
	struct gs_frame *frames; /* data points into `octets` by offset until the end, then into it */
	size_t n, cap;
	struct bytes octets;
	int result;
	struct gs_error err;
	uint64_t saturated, position, size;
	char format[16], wrapping[8];
};

static void got_done(struct got *g)
{
	free(g->frames);
	bytes_done(&g->octets);
}

static void got_frame(struct got *g, const struct gs_frame *f)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 16;
		g->frames = realloc(g->frames, g->cap * sizeof *g->frames);
		assert_non_null(g->frames);
	}
	g->frames[g->n] = *f;
	g->frames[g->n].data = (const uint8_t *)g->octets.len; /* an offset for now */
	put(&g->octets, f->data, f->caplen);
	g->n++;
}

static void drain(struct gs_source *s, size_t batch, struct got *g)
{
	struct gs_frame frames[MAX_BATCH];
	struct gs_source_info info;
	size_t n;

	assert_in_range(batch, 1, MAX_BATCH);
	for (;;) {
		g->result = gs_source_frames(s, frames, batch, &n, &g->err);
		for (size_t i = 0; i < n; i++)
			got_frame(g, &frames[i]);
		if (g->result < 0 || n == 0)
			break;
	}
	put(&g->octets, "", 1); /* never NULL */
	for (size_t i = 0; i < g->n; i++)
		g->frames[i].data = g->octets.data + (size_t)g->frames[i].data;
	g->saturated = gs_source_clock_saturated(s);
	gs_source_info(s, &info);
	g->position = info.position;
	g->size = info.size;
	snprintf(g->format, sizeof g->format, "%s", info.format);
	snprintf(g->wrapping, sizeof g->wrapping, "%s", info.wrapping);
	assert_int_equal(gs_source_frames(s, frames, batch, &n, NULL), 0); /* the end stays the end */
	assert_int_equal(n, 0);
	gs_source_close(s);
}

static struct got read_memory(const void *data, size_t len)
{
	struct got g = { 0 };
	struct gs_source *s;

	g.result = source_open_memory_block("mem", data, len, 4096, NULL, &s, &g.err);
	if (g.result == 0)
		drain(s, MAX_BATCH, &g);
	return g;
}

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("capture", 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

/* Through a descriptor with a small buffer, so that frames cross its end all the time. */
static struct got read_file(const void *data, size_t len, size_t block, size_t batch)
{
	struct got g = { 0 };
	struct gs_source *s;
	char path[32];
	int fd = memory_file(data, len);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	g.result = source_open_block(path, block, NULL, &s, &g.err);
	if (g.result == 0)
		drain(s, batch, &g);
	close(fd);
	return g;
}

static void same_frame(const struct gs_frame *a, const struct gs_frame *b)
{
	assert_int_equal(a->caplen, b->caplen);
	assert_int_equal(a->wirelen, b->wirelen);
	assert_int_equal(a->ts.ns, b->ts.ns);
	assert_int_equal(a->linktype, b->linktype);
	assert_int_equal(a->sampling, 1);
	assert_int_equal(a->number, b->number);
	if (a->caplen)
		assert_memory_equal(a->data, b->data, a->caplen);
}

/* g must hold the first g->n frames of `whole`. */
static void is_prefix(const struct got *g, const struct got *whole)
{
	assert_true(g->n <= whole->n);
	for (size_t i = 0; i < g->n; i++)
		same_frame(&g->frames[i], &whole->frames[i]);
}

static void frame_is(const struct got *g, size_t i, int64_t ns, uint32_t caplen, uint32_t wirelen, uint32_t link, unsigned seed)
{
	struct bytes want = { 0 };

	assert_true(i < g->n);
	const struct gs_frame *f = &g->frames[i];
	put_pattern(&want, seed, caplen);
	assert_int_equal(f->ts.ns, ns);
	assert_int_equal(f->caplen, caplen);
	assert_int_equal(f->wirelen, wirelen);
	assert_int_equal(f->linktype, link);
	assert_int_equal(f->number, i + 1);
	assert_int_equal(f->sampling, 1);
	if (caplen)
		assert_memory_equal(f->data, want.data, caplen);
	bytes_done(&want);
}

static void says(const struct got *g, int code, const char *text)
{
	assert_int_equal(g->result, code);
	assert_int_equal(g->err.code, code);
	if (!strstr(g->err.text, text))
		fail_msg("`%s` does not say `%s`", g->err.text, text);
}

static void pcap_is_read_in_every_variant(void **state)
{
	(void)state;
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34 };

	for (unsigned v = 0; v < 6; v++) {
		struct bytes b = { .big = v & 1 };
		const uint32_t magic = magics[v / 2];
		void (*record)(struct bytes *, uint32_t, uint32_t, uint32_t, uint32_t) =
			magic == 0xa1b2cd34 ? pcap_patched_record : pcap_record;
		const int64_t unit = magic == 0xa1b23c4d ? 1 : 1000;
		pcap_header(&b, magic, 2, 4, 65535, 1);
		record(&b, 1501009531, 7, 60, 60);
		record(&b, 5, 999999, 0, 1500); /* backwards in time, and nothing captured */
		record(&b, UINT32_MAX, 1, 66, 578);
		struct got g = read_memory(b.data, b.len);
		assert_int_equal(g.result, 0);
		assert_int_equal(g.n, 3);
		assert_string_equal(g.format, "pcap");
		assert_string_equal(g.wrapping, "");
		assert_int_equal(g.position, b.len);
		assert_int_equal(g.size, b.len);
		frame_is(&g, 0, INT64_C(1501009531) * GS_NS_PER_S + 7 * unit, 60, 60, 1, 1501009531);
		frame_is(&g, 1, 5 * GS_NS_PER_S + 999999 * unit, 0, 1500, 1, 5);
		frame_is(&g, 2, INT64_C(4294967295) * GS_NS_PER_S + unit, 66, 578, 1, UINT32_MAX); /* 2106, not 1969 */
		got_done(&g);
		bytes_done(&b);
	}
}

static void old_pcap_versions_have_swapped_lengths(void **state)
{
	(void)state;
	static const struct {
		unsigned major, minor;
		uint32_t first, second; /* as in the file; 40 octets are captured of 90 */
		int result;
	} cases[] = { { 2, 2, 90, 40, 0 },
		      { 2, 0, 90, 40, 0 },
		      { 543, 0, 90, 40, 0 },
		      { 2, 3, 90, 40, 0 },
		      { 2, 3, 40, 90, 0 },
		      { 2, 4, 40, 90, 0 },
		      { 2, 5, 40, 90, GS_ERR_FORMAT },
		      { 1, 2, 90, 40, GS_ERR_FORMAT },
		      { 543, 1, 90, 40, GS_ERR_FORMAT } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes b = { 0 };
		pcap_header(&b, 0xa1b2c3d4, cases[i].major, cases[i].minor, 96, 1);
		pcap_record_header(&b, 9, 0, cases[i].first, cases[i].second);
		put_pattern(&b, 9, 40);
		struct got g = read_memory(b.data, b.len);
		if (cases[i].result == 0) {
			assert_int_equal(g.result, 0);
			assert_int_equal(g.n, 1);
			frame_is(&g, 0, 9 * GS_NS_PER_S, 40, 90, 1, 9);
		} else {
			says(&g, GS_ERR_FORMAT, "pcap version");
		}
		got_done(&g);
		bytes_done(&b);
	}
}

static void pcap_header_fields_are_bounded(void **state)
{
	(void)state;
	static const struct {
		uint32_t magic, snaplen, link, caplen, given, given_link;
	} cases[] = {
		{ 0xa1b2c3d4, 0, 1, 2000, 2000, 1 },             /* no snap length: the limit */
		{ 0xa1b2c3d4, UINT32_MAX, 1, 2000, 2000, 1 },
		{ 0xa1b2c3d4, 42, 1, 2000, 42, 1 },              /* longer than the snap length: cut to it, and the record is left whole */
		{ 0xa1b2cd34, 42, 1, 56, 56, 1 },                /* cooked frames of that patch have 14 octets more */
		{ 0xa1b2cd34, 42, 113, 56, 42, 113 },
		{ 0xa1b2c3d4, 65535, 0x44000001, 64, 64, 1 },    /* frame check sequence of 4 half-words */
		{ 0xa1b2c3d4, 65535, 0x02240002, 64, 64, 0x02240002 }, /* a class: not link type 2 */
		{ 0xa1b2c3d4, 262144, 1, 262144, 262144, 1 },
		{ 0xa1b2c3d4, 262144, 249, 262145, 262144, 249 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes b = { .big = i & 1 };
		void (*record)(struct bytes *, uint32_t, uint32_t, uint32_t, uint32_t) =
			cases[i].magic == 0xa1b2cd34 ? pcap_patched_record : pcap_record;
		pcap_header(&b, cases[i].magic, 2, 4, cases[i].snaplen, cases[i].link);
		record(&b, 3, 0, cases[i].caplen, 3000);
		record(&b, 4, 0, 20, 20);
		struct got g = read_memory(b.data, b.len);
		assert_int_equal(g.result, 0);
		assert_int_equal(g.n, 2);
		frame_is(&g, 0, 3 * GS_NS_PER_S, cases[i].given, 3000, cases[i].given_link, 3);
		frame_is(&g, 1, 4 * GS_NS_PER_S, 20, 20, cases[i].given_link, 4);
		got_done(&g);
		struct got f = read_file(b.data, b.len, 512, 3);
		assert_int_equal(f.result, 0);
		assert_int_equal(f.n, 2);
		frame_is(&f, 0, 3 * GS_NS_PER_S, cases[i].given, 3000, cases[i].given_link, 3);
		got_done(&f);
		bytes_done(&b);
	}
}

static void absurd_record_length_is_damage(void **state)
{
	(void)state;
	static const uint32_t lengths[] = { 262145, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct bytes b = { 0 };
		pcap_header(&b, 0xa1b2c3d4, 2, 4, 65535, 1);
		pcap_record(&b, 1, 0, 60, 60);
		pcap_record_header(&b, 2, 0, lengths[i], lengths[i]);
		put_pattern(&b, 2, 1000);
		struct got g = read_file(b.data, b.len, 64, 64);
		says(&g, GS_ERR_DAMAGED, "at offset 100: packet record of");
		assert_int_equal(g.n, 1);
		got_done(&g);
		bytes_done(&b);
	}
}

/* Two sections of different byte order, interfaces of different link type and resolution, every kind of packet and of other block. */
static void write_pcapng(struct bytes *b)
{
	b->big = false;
	ng_section(b, 1, 0);
	ng_interface(b, 1, 65535, 6, 0);
	ng_other(b, 4, 37);                                        /* names */
	ng_packet(b, 6, 0, 1501009531000007, 61, 1000);
	ng_interface(b, 101, 0, 9, 0);
	ng_packet(b, 6, 1, UINT64_C(1501009531000000001), 40, 40);
	ng_interface(b, 113, 96, 0x80 | 10, -100);                 /* 1/1024 s */
	ng_packet(b, 6, 2, (UINT64_C(2000) << 10) + 512, 13, 13);
	ng_other(b, 0x0bad, 0);                                    /* custom, empty */
	ng_packet(b, 2, 1, 77, 3, 30);
	ng_simple(b, 22, 22);
	ng_other(b, 5, 20);                                        /* statistics */
	b->big = true;
	ng_section(b, 1, 2);
	ng_other(b, 10, 100);                                      /* secrets */
	ng_interface(b, 228, 50, 3, INT64_C(1) << 31);
	ng_packet(b, 6, 0, 12345, 50, 60);
	ng_simple(b, 50, 51);
	ng_packet(b, 6, 0, 5, 0, 0);
	ng_other(b, 0x80000001, 8);
}

static void is_that_pcapng(const struct got *g)
{
	assert_int_equal(g->n, 8);
	frame_is(g, 0, INT64_C(1501009531000007000), 61, 1000, 1, (uint32_t)1501009531000007);
	frame_is(g, 1, INT64_C(1501009531000000001), 40, 40, 101, (uint32_t)UINT64_C(1501009531000000001));
	frame_is(g, 2, INT64_C(1900500000000), 13, 13, 113, (2000u << 10) + 512);
	frame_is(g, 3, 77, 3, 30, 101, 77);
	frame_is(g, 4, 0, 22, 22, 1, 0);
	frame_is(g, 5, (INT64_C(1) << 31) * GS_NS_PER_S + INT64_C(12345000000), 50, 60, 228, 12345);
	frame_is(g, 6, (INT64_C(1) << 31) * GS_NS_PER_S, 50, 51, 228, 0);
	frame_is(g, 7, (INT64_C(1) << 31) * GS_NS_PER_S + 5000000, 0, 0, 228, 5);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(g->frames[i].undated, i == 4 || i == 6);
}

static void pcapng_is_read_whole(void **state)
{
	(void)state;
	struct bytes b = { 0 };

	write_pcapng(&b);
	struct got g = read_memory(b.data, b.len);
	assert_int_equal(g.result, 0);
	assert_string_equal(g.format, "pcapng");
	assert_int_equal(g.position, b.len);
	is_that_pcapng(&g);
	got_done(&g);
	for (size_t block = 4; block < 200; block += 3) {
		struct got f = read_file(b.data, b.len, block, 1 + block % 7);
		assert_int_equal(f.result, 0);
		is_that_pcapng(&f);
		got_done(&f);
	}
	bytes_done(&b);
}

static void pcapng_times_of_every_resolution(void **state)
{
	(void)state;
	static const struct {
		uint8_t resolution;
		uint64_t t;
		int64_t offset_s, ns;
		bool saturated;
	} cases[] = {
		{ 0, 1501009531, 0, INT64_C(1501009531000000000), false },
		{ 3, 1501009531123, 0, INT64_C(1501009531123000000), false },
		{ 9, 1, 0, 1, false },
		{ 12, 1999, 0, 1, false },
		{ 19, UINT64_MAX, 0, 1844674407, false },
		{ 0x80, 7, 0, 7 * GS_NS_PER_S, false },
		{ 0x80 | 20, (UINT64_C(5) << 20) + 1, 0, 5 * GS_NS_PER_S + 953, false },
		{ 0x80 | 63, (UINT64_C(1) << 63) + (UINT64_C(1) << 62), 0, 1500000000, false },
		{ 9, 5, -3, -3 * GS_NS_PER_S + 5, false },
		{ 9, INT64_MAX, 0, INT64_MAX, false },
		{ 9, UINT64_C(1) << 63, 0, INT64_MAX, true },
		{ 0, UINT64_MAX, 0, INT64_MAX, true },
		{ 6, UINT64_MAX, INT64_MAX, INT64_MAX, true },
		{ 6, 0, INT64_MIN, INT64_MIN, true },
		{ 0, UINT64_MAX, INT64_MIN, INT64_MAX, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes b = { .big = i & 1 };
		ng_section(&b, 1, 0);
		ng_interface(&b, 1, 0, cases[i].resolution, cases[i].offset_s);
		ng_packet(&b, 6, 0, cases[i].t, 20, 20);
		struct got g = read_memory(b.data, b.len);
		assert_int_equal(g.result, 0);
		assert_int_equal(g.n, 1);
		assert_int_equal(g.frames[0].ts.ns, cases[i].ns);
		assert_int_equal(g.saturated, cases[i].saturated);
		got_done(&g);
		bytes_done(&b);
	}
}

/* Appends to a good start with one packet what `add` writes, and expects that packet and then the damage. */
static void ng_damage(void (*add)(struct bytes *b), const char *sentence)
{
	for (unsigned big = 0; big < 2; big++) {
		struct bytes b = { .big = big };
		ng_section(&b, 1, 0);
		ng_interface(&b, 1, 65535, 6, 0);
		ng_packet(&b, 6, 0, 9, 20, 20);
		char where[64];
		snprintf(where, sizeof where, "mem: at offset %zu: ", b.len);
		add(&b);
		struct got g = read_memory(b.data, b.len);
		says(&g, GS_ERR_DAMAGED, sentence);
		says(&g, GS_ERR_DAMAGED, where);
		assert_int_equal(g.n, 1);
		got_done(&g);
		struct got f = read_file(b.data, b.len, 32, 5);
		says(&f, GS_ERR_DAMAGED, sentence);
		assert_int_equal(f.n, 1);
		got_done(&f);
		bytes_done(&b);
	}
}

static void add_length_17(struct bytes *b)
{
	put32(b, 6);
	put32(b, 17);
	put_zeros(b, 40);
}

static void add_length_8(struct bytes *b)
{
	put32(b, 0x7777);
	put32(b, 8);
	put_zeros(b, 40);
}

static void add_short_packet(struct bytes *b)
{
	ng_other(b, 6, 16);
}

static void add_huge_packet(struct bytes *b)
{
	put32(b, 6);
	put32(b, 0xfffffffc);
	put_zeros(b, 40);
}

static void add_wrong_trailer(struct bytes *b)
{
	ng_packet(b, 6, 0, 9, 20, 20);
	b->data[b->len - 3] ^= 1;
	ng_packet(b, 6, 0, 9, 20, 20);
}

static void add_wrong_trailer_of_other(struct bytes *b)
{
	ng_other(b, 5, 100);
	b->data[b->len - 4] ^= 4;
	b->data[b->len - 1] ^= 4;
	ng_packet(b, 6, 0, 9, 20, 20);
}

static void add_unknown_interface(struct bytes *b)
{
	ng_packet(b, 6, 1, 9, 20, 20);
}

static void add_obsolete_of_unknown_interface(struct bytes *b)
{
	ng_packet(b, 2, 4, 9, 20, 20);
}

static void add_caplen_beyond_block(struct bytes *b)
{
	struct bytes body = { .big = b->big };
	put_zeros(&body, 12);
	put32(&body, 21);
	put32(&body, 21);
	put_zeros(&body, 20);
	ng_block(b, 6, &body);
	bytes_done(&body);
}

static void add_simple_beyond_block(struct bytes *b)
{
	ng_simple(b, 20, 25);
}

static void add_option_leaving(struct bytes *b)
{
	struct bytes body = { .big = b->big };
	put32(&body, 0);
	put32(&body, 0);
	put16(&body, 2);
	put16(&body, 9);
	put_zeros(&body, 8);
	ng_block(b, 1, &body);
	bytes_done(&body);
}

static void add_resolution(struct bytes *b, unsigned len, uint8_t value, unsigned times)
{
	struct bytes body = { .big = b->big };
	const uint8_t v[4] = { value };
	put32(&body, 0);
	put32(&body, 0);
	while (times--)
		ng_option(&body, 9, v, len);
	ng_block(b, 1, &body);
	bytes_done(&body);
}

static void add_resolution_20(struct bytes *b)
{
	add_resolution(b, 1, 20, 1);
}

static void add_resolution_2_64(struct bytes *b)
{
	add_resolution(b, 1, 0x80 | 64, 1);
}

static void add_resolution_twice(struct bytes *b)
{
	add_resolution(b, 1, 6, 2);
}

static void add_resolution_long(struct bytes *b)
{
	add_resolution(b, 2, 6, 1);
}

static void add_short_interface(struct bytes *b)
{
	ng_other(b, 1, 4);
}

static void add_wrong_order_magic(struct bytes *b)
{
	ng_section(b, 1, 0);
	b->data[b->len - 18] ^= 0x10;
}

static void pcapng_contradictions_are_damage(void **state)
{
	(void)state;
	ng_damage(add_length_17, "block length 17, which is no multiple of 4");
	ng_damage(add_length_8, "block length 8, which is too short");
	ng_damage(add_short_packet, "block length 28, which is too short");
	ng_damage(add_huge_packet, "block of 4294967292 octets, more than the limit of 16777216");
	ng_damage(add_wrong_trailer, "ends with the length");
	ng_damage(add_wrong_trailer_of_other, "ends with the length");
	ng_damage(add_unknown_interface, "packet of interface 1, but the section describes 1 so far");
	ng_damage(add_obsolete_of_unknown_interface, "packet of interface 4, but the section describes 1 so far");
	ng_damage(add_caplen_beyond_block, "packet of 21 captured octets in a block with room for 20");
	ng_damage(add_simple_beyond_block, "packet of 25 captured octets in a block with room for 20");
	ng_damage(add_option_leaving, "option 2 leaves it");
	ng_damage(add_resolution_20, "impossible time resolution 0x14");
	ng_damage(add_resolution_2_64, "impossible time resolution 0xc0");
	ng_damage(add_resolution_twice, "option 9 is there twice");
	ng_damage(add_resolution_long, "option 9 is of a wrong length");
	ng_damage(add_short_interface, "block length 16, which is too short");
	ng_damage(add_wrong_order_magic, "section header with the byte-order magic");
}

static void pcapng_interfaces_are_capped(void **state)
{
	(void)state;
	struct bytes b = { 0 }, interface = { 0 };

	ng_section(&b, 1, 0);
	ng_interface(&interface, 1, 0, 6, 0);
	for (unsigned i = 0; i < 65536; i++)
		put(&b, interface.data, interface.len);
	ng_packet(&b, 6, 65535, 1, 20, 20);
	struct got g = read_memory(b.data, b.len);
	assert_int_equal(g.result, 0);
	assert_int_equal(g.n, 1);
	got_done(&g);
	ng_section(&b, 1, 0); /* a section starts over */
	put(&b, interface.data, interface.len);
	ng_packet(&b, 6, 0, 1, 20, 20);
	for (unsigned i = 0; i < 65536; i++)
		put(&b, interface.data, interface.len);
	g = read_memory(b.data, b.len);
	says(&g, GS_ERR_DAMAGED, "section with more than 65536 interfaces");
	assert_int_equal(g.n, 2);
	got_done(&g);
	bytes_done(&interface);
	bytes_done(&b);
}

static void pcapng_versions(void **state)
{
	(void)state;
	static const unsigned bad[][2] = { { 2, 0 }, { 1, 1 }, { 0, 0 }, { 1, 3 } };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct bytes b = { .big = i & 1 };
		ng_section(&b, bad[i][0], bad[i][1]);
		struct got g = read_memory(b.data, b.len);
		says(&g, GS_ERR_FORMAT, "section of pcapng version");
		got_done(&g);
		bytes_done(&b);
		ng_section(&b, 1, 0);
		ng_interface(&b, 1, 0, 6, 0);
		ng_packet(&b, 6, 0, 1, 20, 20);
		ng_section(&b, bad[i][0], bad[i][1]);
		g = read_memory(b.data, b.len);
		says(&g, GS_ERR_DAMAGED, "section of pcapng version");
		assert_int_equal(g.n, 1);
		got_done(&g);
		bytes_done(&b);
	}
}

/* A block of another kind that is far larger than the buffer is passed over without growing it. */
static void huge_blocks_are_skipped(void **state)
{
	(void)state;
	struct bytes b = { 0 }, packet = { 0 };
	char path[32];
	struct gs_source *s;
	struct gs_frame f;
	size_t n;
	const uint32_t huge = 64u << 20;

	ng_section(&b, 1, 0);
	ng_interface(&b, 1, 0, 6, 0);
	ng_packet(&b, 6, 0, 1, 20, 20);
	put32(&b, 0x0bad);
	put32(&b, huge);
	int fd = memory_file(b.data, b.len);
	const off_t end = (off_t)b.len - 8 + huge;
	put32(&packet, huge);
	ng_packet(&packet, 6, 0, 2, 20, 20);
	assert_int_equal(pwrite(fd, packet.data, packet.len, end - 4), packet.len);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_int_equal(source_open_block(path, 4096, NULL, &s, NULL), 0);
	for (int64_t t = 1; t <= 2; t++) {
		assert_int_equal(gs_source_frames(s, &f, 1, &n, NULL), 0);
		assert_int_equal(n, 1);
		assert_int_equal(f.ts.ns, t * 1000);
	}
	assert_true(s->stream.cap <= 8192);
	gs_source_close(s);

	struct got g = { 0 };
	assert_int_equal(ftruncate(fd, end - 1000), 0);
	assert_int_equal(source_open_block(path, 4096, NULL, &s, NULL), 0);
	drain(s, 64, &g);
	says(&g, GS_ERR_DAMAGED, "67108864 octets announced, 67107864 there");
	assert_int_equal(g.n, 1);
	got_done(&g);
	close(fd);
	bytes_done(&packet);
	bytes_done(&b);
}

/* An announced length alone must not cost memory. */
static void buffer_grows_with_the_input_only(void **state)
{
	(void)state;
	struct bytes b = { 0 };
	char path[32];
	struct gs_source *s;
	struct gs_frame f;
	struct gs_error err = { 0 };
	size_t n;

	pcap_header(&b, 0xa1b2c3d4, 2, 4, 0, 231); /* D-Bus: up to 128 MiB a packet */
	pcap_record_header(&b, 1, 0, 128u << 20, 128u << 20);
	put_pattern(&b, 1, 100000);
	int fd = memory_file(b.data, b.len);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_int_equal(source_open_block(path, 4096, NULL, &s, NULL), 0);
	assert_int_equal(gs_source_frames(s, &f, 1, &n, &err), GS_ERR_DAMAGED);
	assert_non_null(strstr(err.text, "ends inside the packet record at offset 24: 134217744 octets announced, 100016 there"));
	assert_true(s->stream.cap <= 256u << 10);
	gs_source_close(s);
	close(fd);
	bytes_done(&b);
}

/* Zeros after the last record: empty packets, as long as it is not a page of them. */
static void a_page_of_zeros_is_damage(void **state)
{
	(void)state;
	struct bytes b = { 0 };

	pcap_header(&b, 0xa1b2c3d4, 2, 4, 65535, 1);
	pcap_record(&b, 1, 0, 20, 20);
	put_zeros(&b, 16 * 3);
	pcap_record(&b, 2, 0, 20, 20);
	const size_t good = b.len;
	put_zeros(&b, 4095);
	struct got g = read_file(b.data, b.len, 100, 64);
	says(&g, GS_ERR_DAMAGED, "ends inside the packet record header");
	assert_int_equal(g.n, 5 + 4095 / 16);
	assert_int_equal(g.frames[3].wirelen, 0);
	assert_int_equal(g.frames[4].ts.ns, 2 * GS_NS_PER_S);
	got_done(&g);
	put_zeros(&b, 1);
	char where[64];
	snprintf(where, sizeof where, "at offset %zu: 4096 octets of zeros or more, no packet record", good);
	for (unsigned batch = 1; batch <= 64; batch += 63) {
		g = read_file(b.data, b.len, 100, batch);
		says(&g, GS_ERR_DAMAGED, where);
		assert_int_equal(g.n, 5);
		got_done(&g);
	}
	bytes_done(&b);
}

static void write_pcap(struct bytes *b)
{
	pcap_header(b, 0xa1b2c3d4, 2, 4, 65535, 1);
	pcap_record(b, 100, 1, 40, 40);
	pcap_record(b, 101, 2, 0, 60);
	pcap_record(b, 102, 3, 77, 1500);
	pcap_record(b, 103, 4, 1, 1);
}

static bool among(const size_t *list, size_t n, size_t v)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == v)
			return true;
	return false;
}

/*
 * Cut at every octet: the whole frames before the cut, no more and no less, and then damage unless the cut is at a border. `borders` are
 * the ends of the file header and of every record or block, in order; bit i of `packets` says whether the i-th border ends one with a
 * frame.
 */
static void cut_everywhere(const struct bytes *b, const size_t *borders, size_t n, uint64_t packets)
{
	struct got whole = read_memory(b->data, b->len);

	assert_int_equal(whole.result, 0);
	for (size_t len = 0; len <= b->len; len++) {
		uint8_t *copy = malloc(len ? len : 1); /* of its own size, so that a sanitizer sees every octet too far */
		memcpy(copy, b->data, len);
		size_t want = 0;
		for (size_t i = 0; i < n && borders[i] <= len; i++)
			want += packets >> i & 1;
		struct got g[3] = { read_memory(copy, len), read_file(copy, len, 16, 1), read_file(copy, len, 4096, 64) };
		for (unsigned i = 0; i < 3; i++) {
			is_prefix(&g[i], &whole);
			assert_int_equal(g[i].n, want);
			if (len < 4)
				says(&g[i], GS_ERR_FORMAT, len ? "" : "empty file");
			else if (among(borders, n, len))
				assert_int_equal(g[i].result, 0);
			else
				says(&g[i], GS_ERR_DAMAGED, "ends inside the");
			got_done(&g[i]);
		}
		free(copy);
	}
	got_done(&whole);
}

static void cut_pcap_gives_the_whole_packets(void **state)
{
	(void)state;
	struct bytes b = { 0 };
	static const size_t borders[] = { 24, 24 + 56, 24 + 56 + 16, 24 + 56 + 16 + 93, 24 + 56 + 16 + 93 + 17 };

	write_pcap(&b);
	assert_int_equal(b.len, borders[4]);
	cut_everywhere(&b, borders, 5, 0x1e);
	struct got g = read_memory(b.data, 24 + 56 + 16 + 16 + 50);
	assert_int_equal(g.n, 2);
	says(&g, GS_ERR_DAMAGED, "mem: ends inside the packet record at offset 96: 93 octets announced, 66 there");
	got_done(&g);
	bytes_done(&b);
}

static void cut_pcapng_gives_the_whole_packets(void **state)
{
	(void)state;
	struct bytes b = { 0 };
	size_t borders[32], n = 0;
	uint64_t packets = 0;
	bool big = false;

	write_pcapng(&b);
	for (size_t off = 0; off < b.len; n++) {
		uint32_t type, len;
		memcpy(&type, b.data + off, 4);
		memcpy(&len, b.data + off + 4, 4);
		big |= type == 0x0a0d0d0a && off > 0; /* the second section */
		type = big ? be32toh(type) : le32toh(type);
		off += big ? be32toh(len) : le32toh(len);
		borders[n] = off;
		packets |= (uint64_t)(type == 6 || type == 2 || type == 3) << n;
	}
	assert_int_equal(__builtin_popcountll(packets), 8);
	cut_everywhere(&b, borders, n, packets);
	bytes_done(&b);
}

static void a_section_forgets_the_interfaces_before_it(void **state)
{
	(void)state;
	struct bytes b = { 0 };

	ng_section(&b, 1, 0);
	ng_interface(&b, 1, 0, 6, 0);
	ng_packet(&b, 6, 0, 1, 20, 20);
	ng_section(&b, 1, 0);
	ng_packet(&b, 6, 0, 1, 20, 20);
	struct got g = read_memory(b.data, b.len);
	says(&g, GS_ERR_DAMAGED, "packet of interface 0, but the section describes 0 so far");
	assert_int_equal(g.n, 1);
	got_done(&g);
	bytes_done(&b);
}

static void cut_compressed_gives_a_prefix(void **state)
{
	(void)state;
	struct bytes plain[2] = { 0 };

	write_pcap(&plain[0]);
	write_pcapng(&plain[1]);
	for (unsigned v = 0; v < 4; v++) {
		struct bytes b = { 0 };
		const struct bytes *p = &plain[v / 2];
		(v & 1 ? put_zstd : put_gzip)(&b, p->data, p->len);
		struct got whole = read_memory(p->data, p->len);
		for (size_t len = 0; len <= b.len; len++) {
			uint8_t *copy = malloc(len ? len : 1);
			memcpy(copy, b.data, len);
			struct got g[2] = { read_memory(copy, len), read_file(copy, len, 16, 2) };
			for (unsigned i = 0; i < 2; i++) {
				is_prefix(&g[i], &whole);
				if (len == b.len) {
					assert_int_equal(g[i].result, 0);
					assert_int_equal(g[i].n, whole.n);
					assert_int_equal(g[i].position, b.len);
					assert_string_equal(g[i].wrapping, v & 1 ? "zstd" : "gzip");
				} else if (len < (v & 1 ? 4 : 2)) {
					assert_int_equal(g[i].result, GS_ERR_FORMAT);
				} else {
					says(&g[i], GS_ERR_DAMAGED, "compressed data ends inside near offset");
				}
				got_done(&g[i]);
			}
			free(copy);
		}
		got_done(&whole);
		bytes_done(&b);
	}
	bytes_done(&plain[0]);
	bytes_done(&plain[1]);
}

/* What the decompressor gave before the cut is read: not only nothing. */
static void cut_compressed_keeps_what_came_before(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		struct bytes plain = { 0 }, b = { 0 };
		pcap_header(&plain, 0xa1b2c3d4, 2, 4, 65535, 1);
		srand(1);
		for (uint32_t i = 0; i < 3000; i++)
			pcap_record(&plain, (uint32_t)rand(), i, 600, 600); /* some MiB, so that there are many blocks */
		(v ? put_zstd : put_gzip)(&b, plain.data, plain.len);
		struct got whole = read_memory(plain.data, plain.len);
		struct got g = read_file(b.data, b.len * 3 / 4, 65536, 64);
		says(&g, GS_ERR_DAMAGED, "compressed data ends inside near offset");
		is_prefix(&g, &whole);
		assert_true(g.n > 1000 && g.n < 3000);
		got_done(&g);
		g = read_file(b.data, b.len, 65536, 64);
		assert_int_equal(g.result, 0);
		assert_int_equal(g.n, 3000);
		is_prefix(&g, &whole);
		got_done(&g);
		got_done(&whole);
		bytes_done(&b);
		bytes_done(&plain);
	}
}

static void compressed_members_are_joined(void **state)
{
	(void)state;
	struct bytes plain = { 0 };

	write_pcap(&plain);
	struct got whole = read_memory(plain.data, plain.len);
	for (unsigned v = 0; v < 2; v++) {
		struct bytes b = { 0 };
		void (*pack)(struct bytes *, const void *, size_t) = v ? put_zstd : put_gzip;
		if (v)
			put(&b, "\x5a\x2a\x4d\x18\x03\0\0\0abc", 11); /* a skippable frame */
		pack(&b, plain.data, 50); /* inside a record */
		pack(&b, "", 0);
		pack(&b, plain.data + 50, plain.len - 50);
		const size_t good = b.len;
		struct got g = read_file(b.data, b.len, 16, 64);
		assert_int_equal(g.result, 0);
		assert_int_equal(g.n, whole.n);
		is_prefix(&g, &whole);
		got_done(&g);
		put(&b, "GARBAGE", 7);
		g = read_file(b.data, b.len, 16, 64);
		says(&g, GS_ERR_DAMAGED, "compressed data damaged near offset");
		assert_int_equal(g.n, whole.n); /* no frame is lost for it */
		got_done(&g);
		if (!v) { /* zeros after gzip are padding */
			b.len = good;
			put_zeros(&b, 100);
			g = read_file(b.data, b.len, 16, 64);
			assert_int_equal(g.result, 0);
			assert_int_equal(g.n, whole.n);
			got_done(&g);
		}
		bytes_done(&b);
	}
	got_done(&whole);
	bytes_done(&plain);
}

static void wrong_compressed_checksum_is_damage(void **state)
{
	(void)state;
	struct bytes plain = { 0 };

	write_pcap(&plain);
	for (unsigned v = 0; v < 2; v++) {
		struct bytes b = { 0 };
		(v ? put_zstd : put_gzip)(&b, plain.data, plain.len);
		b.data[b.len - (v ? 2 : 6)] ^= 1;
		struct got g = read_memory(b.data, b.len);
		says(&g, GS_ERR_DAMAGED, "compressed data damaged near offset");
		got_done(&g);
		bytes_done(&b);
	}
	bytes_done(&plain);
}

static void refused(const void *data, size_t len, const char *sentence)
{
	struct got g = read_file(data, len, SOURCE_BLOCK, 64);
	says(&g, GS_ERR_FORMAT, sentence);
	got_done(&g);
}

static void other_files_are_refused_in_words(void **state)
{
	(void)state;
	static char text[100000];
	struct bytes b = { 0 }, twice = { 0 };

	refused("", 0, ": empty file");
	refused("hello\nworld\n", 12, "is text that starts with `hello`");
	refused("\x1b]0;evil\x07\n", 10, "is in no known format (starts with 1b 5d 30");
	refused("\xfd" "7zXZ\0", 6, "is xz-compressed data (decompress it first)");
	refused("\x4d\x3c\x2b\xa1\x02\x00\x04\x00", 8, "never published (magic a12b3c4d)");
	refused("\xa1\xb2\x34\xcd\x00\x02\x00\x04", 8, "never published (magic a1b234cd)");
	refused("\x0a\x0d\x0d\x0a\x1c\0\0\0\x99\x99\x99\x99", 12, "is in no known format");
	memset(text, 'x', sizeof text);
	refused(text, sizeof text, "is text that starts with `xxxxxxxx");
	memset(text, '\n', sizeof text);
	refused(text, sizeof text, "is text that starts with ``");
	write_pcap(&b);
	put_gzip(&twice, b.data, b.len);
	bytes_done(&b);
	put_gzip(&b, twice.data, twice.len);
	refused(b.data, b.len, "gzip-compressed twice (decompress it first) once decompressed");
	bytes_done(&b);
	put_gzip(&b, "", 0);
	refused(b.data, b.len, "empty file once decompressed");
	bytes_done(&b);
	bytes_done(&twice);
}

static void four_gib_of_zeros_are_refused_at_once(void **state)
{
	(void)state;
	struct gs_source *s = NULL;
	struct gs_error err = { 0 };
	char path[32];
	int fd = memfd_create("sparse", 0);

	assert_int_equal(ftruncate(fd, (off_t)4 << 30), 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_int_equal(gs_source_open(path, &s, &err), GS_ERR_FORMAT);
	assert_non_null(strstr(err.text, "starts with 4096 octets of zeros"));
	assert_null(s);
	struct stat sb;
	assert_int_equal(fstat(fd, &sb), 0);
	assert_int_equal(sb.st_blocks, 0);
	close(fd);
}

static void what_cannot_be_opened_is_said(void **state)
{
	(void)state;
	struct gs_source *s = NULL;
	struct gs_error err = { 0 };
	char path[] = "/tmp/grescope-test-XXXXXX";

	assert_int_equal(gs_source_open("/nonexistent/x.pcap", &s, &err), GS_ERR_NOENT);
	assert_string_equal(err.text, "/nonexistent/x.pcap: cannot be opened: No such file or directory");
	assert_int_equal(gs_source_open("/tmp", &s, &err), GS_ERR_FORMAT);
	assert_string_equal(err.text, "/tmp: is a folder, not a file");
	assert_int_equal(gs_source_open("/proc/self/mem", &s, &err), GS_ERR_IO);
	assert_int_equal(err.sys, EIO);
	int fd = mkstemp(path);
	assert_int_equal(fchmod(fd, 0), 0);
	if (geteuid() != 0) {
		assert_int_equal(gs_source_open(path, &s, &err), GS_ERR_ACCESS);
		assert_int_equal(err.sys, EACCES);
	}
	close(fd);
	unlink(path);
	assert_null(s);
	gs_source_close(NULL);
}

static void frames_are_asked_at_the_right_door(void **state)
{
	(void)state;
	static const char table[] = "Source IP,_time,count,Protocol\n";
	struct gs_source *s;
	struct gs_frame f;
	struct gs_sighting v;
	struct gs_tally tally = { 0 };
	struct bytes b = { 0 };
	size_t n = 9;

	assert_int_equal(gs_source_open_memory("t", table, sizeof table - 1, &s, NULL), 0);
	assert_int_equal(gs_source_frames(s, &f, 1, &n, NULL), GS_ERR_USAGE);
	assert_int_equal(n, 0);
	gs_source_close(s);
	write_pcap(&b);
	assert_int_equal(gs_source_open_memory("p", b.data, b.len, &s, NULL), 0);
	assert_int_equal(gs_source_sightings(s, &v, 1, &n, &tally, NULL), GS_ERR_USAGE);
	gs_source_close(s);
	bytes_done(&b);
}

/* A pipe, as stdin and by path: no size, and nothing waits for more than it needs. */
static void pipes_are_read(void **state)
{
	(void)state;
	struct bytes plain = { 0 };

	write_pcap(&plain);
	struct got whole = read_memory(plain.data, plain.len);
	for (unsigned v = 0; v < 3; v++) {
		struct bytes b = { 0 };
		struct got g = { 0 };
		struct gs_source *s;
		struct gs_source_info info;
		struct gs_frame f;
		size_t n;
		int ends[2], saved = dup(0);
		if (v == 0)
			put(&b, plain.data, plain.len);
		else
			(v == 1 ? put_gzip : put_zstd)(&b, plain.data, plain.len);
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(dup2(ends[0], 0), 0);
		if (v == 0) { /* a live capture: what is there comes out before the writer goes on */
			assert_int_equal(write(ends[1], b.data, 24), 24);
			assert_int_equal(gs_source_open("-", &s, NULL), 0);
			assert_int_equal(write(ends[1], b.data + 24, 56), 56);
			assert_int_equal(gs_source_frames(s, &f, 1, &n, NULL), 0);
			assert_int_equal(n, 1);
			got_frame(&g, &f);
			assert_int_equal(write(ends[1], b.data + 80, b.len - 80), b.len - 80);
			close(ends[1]);
		} else {
			assert_int_equal(write(ends[1], b.data, b.len), b.len);
			close(ends[1]);
			assert_int_equal(gs_source_open(v == 1 ? "-" : "/dev/stdin", &s, NULL), 0);
		}
		gs_source_info(s, &info);
		assert_int_equal(info.size, 0);
		assert_string_equal(info.path, v == 2 ? "/dev/stdin" : "-");
		drain(s, 64, &g);
		assert_int_equal(g.result, 0);
		assert_int_equal(g.n, whole.n);
		is_prefix(&g, &whole);
		assert_int_equal(g.position, b.len);
		assert_true(fcntl(0, F_GETFD) >= 0); /* stdin is not ours to close */
		close(ends[0]);
		dup2(saved, 0);
		close(saved);
		got_done(&g);
		bytes_done(&b);
	}
	got_done(&whole);
	bytes_done(&plain);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void a_signal_interrupts_waiting_and_loses_nothing(void **state)
{
	(void)state;
	const struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
	const struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	struct bytes b = { 0 };
	struct gs_source *s;
	struct gs_frame f;
	struct gs_error err = { 0 };
	struct got g = { 0 };
	char path[32];
	size_t n;
	int ends[2];

	write_pcap(&b);
	sigaction(SIGALRM, &sa, NULL);
	assert_int_equal(pipe(ends), 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	assert_int_equal(write(ends[1], b.data, 70), 70);
	assert_int_equal(gs_source_open(path, &s, NULL), 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(gs_source_frames(s, &f, 1, &n, &err), GS_ERR_INTERRUPTED);
	assert_int_equal(write(ends[1], b.data + 70, b.len - 70), b.len - 70);
	close(ends[1]);
	drain(s, 64, &g);
	assert_int_equal(g.result, 0);
	assert_int_equal(g.n, 4);
	close(ends[0]);
	got_done(&g);
	bytes_done(&b);
}

static void every_window_gives_the_same_frames(void **state)
{
	(void)state;
	struct bytes b = { 0 };

	pcap_header(&b, 0xa1b2c3d4, 2, 4, 65535, 1);
	srand(7);
	for (uint32_t i = 0; i < 400; i++)
		pcap_record(&b, i, i, (uint32_t)rand() % (i % 50 ? 200 : 5000), 9000);
	struct got whole = read_memory(b.data, b.len);
	assert_int_equal(whole.n, 400);
	static const size_t blocks[] = { 1, 4, 17, 24, 100, 1000, 1024, 4096, 65536 };
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		for (size_t batch = 1; batch <= 64; batch = batch * 2 + 1) {
			struct got g = read_file(b.data, b.len, blocks[i], batch);
			assert_int_equal(g.result, 0);
			assert_int_equal(g.n, 400);
			is_prefix(&g, &whole);
			got_done(&g);
		}
	}
	got_done(&whole);
	bytes_done(&b);
}

/* Rows of raw data. */
struct rows {
	struct gs_sighting list[256];
	size_t n;
	struct gs_tally tally;
	char first_bad[256];
	int result;
	struct gs_error err;
};

static void rows_drain(struct gs_source *s, size_t batch, struct rows *r)
{
	struct gs_source_info info;
	size_t n;

	gs_source_info(s, &info);
	assert_int_equal(info.door, GS_DOOR_SIGHTINGS);
	assert_string_equal(info.format, "badpackets");
	do {
		assert_true(r->n + batch <= 256);
		r->result = gs_source_sightings(s, r->list + r->n, batch, &n, &r->tally, &r->err);
		r->n += n;
	} while (r->result == 0 && n > 0);
	snprintf(r->first_bad, sizeof r->first_bad, "%s", gs_source_first_bad(s));
	gs_source_close(s);
	assert_int_equal(r->n, r->tally.records);
}

static void rows_read(const void *data, size_t len, struct rows *r)
{
	struct gs_source *s;

	memset(r, 0, sizeof *r);
	r->result = gs_source_open_memory("t.csv", data, len, &s, &r->err);
	if (r->result == 0)
		rows_drain(s, 64, r);
}

static void row_is(const struct gs_sighting *v, const char *src, const char *dst, int64_t first_s, uint64_t packets)
{
	char text[GS_ADDR_TEXT_MAX];

	gs_addr_format(&v->src, text);
	assert_string_equal(text, src);
	gs_addr_format(&v->dst, text);
	assert_string_equal(text, dst);
	assert_int_equal(v->first.ns, first_s * GS_NS_PER_S);
	assert_int_equal(v->last.ns, first_s * GS_NS_PER_S);
	assert_int_equal(v->packets, packets);
	assert_int_equal(v->bytes, 0);
	assert_int_equal(v->has, 0);
	assert_int_equal(v->sources, 1);
	assert_int_equal(v->protocol, 47);
	assert_int_equal(v->fidelity, GS_FIDELITY_LOG);
	assert_int_equal(v->version, GS_SIGHTING_VERSION);
	assert_int_equal(v->class_, GS_CLASS_UNKNOWN);
}

/* One row, 2017-07-25T19:05:31Z from 192.0.2.1, three packets, in every dress. */
static void raw_data_is_read_in_every_dress(void **state)
{
	(void)state;
	static const struct {
		const char *text, *dst;
	} cases[] = {
		{ "\"Source IP\",_time,count,Protocol\n192.0.2.1,2017-07-25T12:05:31.000-0700,3,47\n", "" },
		{ "Source IP,_time,count,Protocol\r\n192.0.2.1,2017-07-25T12:05:31.000-0700,3,47\r\n", "" },
		{ "\xef\xbb\xbf\"Source IP\",\"_time\",\"count\",\"Protocol\"\n\"192.0.2.1\",\"2017-07-25T19:05:31Z\",\"3\",\"47\"", "" },
		{ "Source IP\t_time\tcount\tProtocol\n192.0.2.1\t2017-07-26T03:05:31+08:00\t3\t47\n", "" },
		{ "Source IP\t_time\tcount\tProtocol\n192.0.2.1  2017-07-26T03:05:31+08:00   3 47\n", "" },
		{ "Source IP _time count Protocol\n192.0.2.1 2017-07-25T12:05:31.000-0700 3 47\n", "" },
		{ "\"Source IP\"   _time \t count Protocol  \n192.0.2.1 2017-07-25T12:05:31.000-0700 3 47", "" },
		{ "Source IP _time count Protocol\n192.0.2.1 2017-07-25 19:05:31 3 47\n", "" },
		{ "Source IP;_time;count;Protocol\n192.0.2.1;2017-07-25 19:05:31;3;GRE\n", "" },
		{ "\n  \nprotocol , SOURCE ip , COUNT , _TIME\ngre , 192.0.2.1 , 3 , 1501009531\n\n", "" },
		{ "Source IP;Source Port;Destination IP;Destination Port;_time;Protocol;count\n"
		  "192.0.2.1;0;203.0.113.9;0;2017-07-25T19:05:31Z;47;3\n", "203.0.113.9" },
		{ "Source IP Source Port Destination IP Destination Port _time Protocol count\n"
		  "192.0.2.1 0 [REDACTED] 0 2017-07-25T19:05:31Z 47 3\n", "" },
		{ "Source IP,_time,note,count,Protocol\n192.0.2.1,2017-07-25T19:05:31Z,\"a, \"\"b\"\"\",3,47\n", "" },
	};
	struct rows r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		rows_read(cases[i].text, strlen(cases[i].text), &r);
		if (r.result != 0 || r.n != 1)
			fail_msg("case %zu: %d, %zu rows, `%s` `%s`", i, r.result, r.n, r.err.text, r.first_bad);
		row_is(&r.list[0], "192.0.2.1", cases[i].dst, 1501009531, 3);
		assert_int_equal(r.tally.records_bad, 0);
		assert_int_equal(r.tally.records_other, 0);
		assert_string_equal(r.first_bad, "");
	}
}

static void raw_data_without_a_count_counts_rows(void **state)
{
	(void)state;
	static const char text[] = "Source IP,_time,Protocol\n2001:db8::1,2017-07-25,47\n2001:db8::1,2017-07-25,47\n";
	struct rows r;

	rows_read(text, sizeof text - 1, &r);
	assert_int_equal(r.n, 2);
	row_is(&r.list[1], "2001:db8::1", "", 1500940800, 1);
}

static void bad_rows_are_counted_and_the_first_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *row, *sentence;
	} cases[] = {
		{ "192.0.2.1,yesterday,1,47", "line 3: time `yesterday` is none that grescope reads" },
		{ "192.0.2.256,2017-07-25T19:05:31Z,1,47", "line 3: source `192.0.2.256` is none that grescope reads" },
		{ "192.0.2.1,2017-07-25T19:05:31Z,0,47", "line 3: count `0` is none that grescope reads" },
		{ "192.0.2.1,2017-07-25T19:05:31Z,-1,47", "line 3: count `-1` is none that grescope reads" },
		{ "192.0.2.1,2017-07-25T19:05:31Z,99999999999999999999,47",
		  "line 3: count `99999999999999999999` is none that grescope reads" },
		{ "192.0.2.1,2017-07-25T19:05:31Z,1,", "line 3: no protocol" },
		{ ",2017-07-25T19:05:31Z,1,47", "line 3: no source" },
		{ "192.0.2.1,,1,47", "line 3: no time" },
		{ "192.0.2.1,2017-07-25T19:05:31Z,1", "line 3: `192.0.2.1,2017-07-25T19:05:31Z,1` does not fit the heading" },
		{ "192.0.2.1,2017-07-25T19:05:31Z,1,47,5", "line 3: `192.0.2.1,2017-07-25T19:05:31Z,1,47,5` does not fit the heading" },
		{ "\"192.0.2.1,2017-07-25T19:05:31Z,1,47", "line 3: `\"192.0.2.1,2017-07-25T19:05:31Z,1,47` does not fit the heading" },
		{ "\x1b[2J\x07,2017-07-25T19:05:31Z,1,47", "line 3: source `?[2J?` is none that grescope reads" },
	};
	struct rows r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[512];
		snprintf(text, sizeof text,
		         "Source IP,_time,count,Protocol\n192.0.2.1,2017-07-25T19:05:31Z,1,47\n%s\n"
		         "192.0.2.2,2017-07-25T19:05:31Z,2,47\nx,x,x,47\nx,x,x,6\n192.0.2.2,2017-07-25T19:05:31Z,2,tcp\n",
		         cases[i].row);
		rows_read(text, strlen(text), &r);
		assert_int_equal(r.result, 0);
		assert_int_equal(r.n, 2);
		assert_int_equal(r.tally.records, 2);
		assert_int_equal(r.tally.records_bad, 2);
		assert_int_equal(r.tally.records_other, 2);
		assert_string_equal(r.first_bad, cases[i].sentence);
	}
}

static void monstrous_lines_cost_no_memory(void **state)
{
	(void)state;
	static const char heading[] = "Source IP,_time,count,Protocol\n", row[] = "192.0.2.1,2017-07-25T19:05:31Z,1,47\n";
	struct bytes b = { 0 };
	struct rows r;
	struct gs_source *s;
	char path[32];
	static char long_line[3 << 20];

	put(&b, heading, sizeof heading - 1);
	put(&b, row, sizeof row - 1);
	put(&b, "192.0.2.1\0,2017-07-25T19:05:31Z,1,47\n", 38);
	memset(long_line, '7', sizeof long_line);
	put(&b, long_line, sizeof long_line);
	put(&b, "\n", 1);
	put(&b, row, sizeof row - 1);
	put(&b, long_line, 65535); /* the longest that is taken for a line: bad all the same */
	put(&b, "\n", 1);
	put(&b, row, sizeof row - 1);
	put(&b, "x\n", 2);
	put(&b, long_line, 100000); /* and at the end, without a line's end */
	for (unsigned v = 0; v < 2; v++) {
		memset(&r, 0, sizeof r);
		if (v) {
			rows_read(b.data, b.len, &r);
		} else {
			int fd = memory_file(b.data, b.len);
			snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
			assert_int_equal(source_open_block(path, 4096, NULL, &s, NULL), 0);
			size_t n;
			while (gs_source_sightings(s, r.list + r.n, 1, &n, &r.tally, NULL) == 0 && n)
				r.n += n;
			assert_true(s->stream.cap <= 256u << 10);
			snprintf(r.first_bad, sizeof r.first_bad, "%s", gs_source_first_bad(s));
			gs_source_close(s);
			close(fd);
		}
		assert_int_equal(r.n, 3);
		assert_int_equal(r.tally.records_bad, 5);
		assert_string_equal(r.first_bad, "line 3: holds a NUL octet");
	}
	bytes_done(&b);
}

/* A cut plain file ends with a line all the same; where compressed data broke off, a line without its end is none: "12" may have been
 * "123". */
static void a_cut_row_is_no_evidence(void **state)
{
	(void)state;
	static const char text[] =
		"Source IP,_time,Protocol,count\n192.0.2.1,2017-07-25T19:05:31Z,47,12\n192.0.2.1,2017-07-25T19:05:31Z,47,123";
	struct bytes b = { 0 };
	struct rows r;

	rows_read(text, sizeof text - 1, &r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.list[1].packets, 123);
	put_gzip(&b, text, sizeof text - 1);
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, b.data, len);
		struct gs_source *s;
		memset(&r, 0, sizeof r);
		r.result = source_open_memory_block("t", copy, len, 8, NULL, &s, &r.err);
		struct gs_source_info info = { 0 };
		if (r.result == 0)
			gs_source_info(s, &info);
		if (r.result == 0 && info.door == GS_DOOR_SIGHTINGS) {
			rows_drain(s, 7, &r);
			assert_true(r.n <= 1); /* never the last */
			if (r.n == 1)
				assert_int_equal(r.list[0].packets, 12);
			assert_int_equal(r.tally.records_bad, 0);
			assert_int_equal(r.result, GS_ERR_DAMAGED);
		} else if (r.result == 0) {
			struct gs_frame f;
			size_t n;
			assert_int_equal(gs_source_frames(s, &f, 1, &n, NULL), GS_ERR_DAMAGED);
			gs_source_close(s);
		} else {
			assert_int_equal(r.result, GS_ERR_FORMAT);
		}
		free(copy);
	}
	bytes_done(&b);
}

static void tables_without_the_needed_columns_are_refused(void **state)
{
	(void)state;
	refused("Source IP,Destination Port,Protocol,count\n192.0.2.1,23,6,1\n", 58,
		"is text that starts with `Source IP,Destination Port,Protocol,count`");
	refused("Source IP,_time,count\n192.0.2.1,2017-07-25,1\n", 45,
		"grescope reads pcap, pcapng, tables with the columns Source IP, _time, count, Protocol, and logs");
	refused("192.0.2.1\n192.0.2.2\n", 20, "is text that starts with `192.0.2.1`");
}

static void an_export_is_read_back(void **state)
{
	(void)state;
	static const char text[] =
		"timestamp,end_time,sensor,src_ip,src_asn,src_as_name,src_geo,src_region,src_city,src_hostname,device_vendor,device_type,"
		"device_model,dst_ip,protocol,ip_len,ttl,gre_version,gre_flags,gre_proto,gre_key,gre_seq,inner_protocol,inner_src_ip,"
		"inner_dst_ip,inner_src_port,inner_dst_port,inner_ttl,class,confidence,evidence,bot,fidelity,packets,bytes\n"

		"2017-07-25T19:05:31.000000Z,2017-07-25T19:06:00.500000Z,,192.0.2.1,64500,\"Example, Inc.\",ZZ,,,,,,,198.51.100.7,47,564,"
		"53,0,0x2000,0x0800,7,,17,10.0.0.1,10.0.0.2,1024,53,64,tunnel.data,60,inner-proto;inner-port,,packet,3,1692\n"

		"2017-07-25T19:05:31.000000Z,2017-07-25T19:05:31.000000Z,,,,,,,,,,,,198.51.100.7,47,"
		",,,,,,,,,,,,,unknown,0,folded=~1234,,packet,99,9000\n"

		"2017-07-25T19:05:31.000000Z,2017-07-25T19:05:30.000000Z,,192.0.2.1,,,,,,,,,,198.51.100.7,47,"
		",,,,,,,,,,,,,unknown,0,,,packet,99,9000\n"

		"2017-07-25T19:05:31.000000Z,2017-07-25T19:05:31.000000Z,,192.0.2.1,,,,,,,,,,,47,52,"
		",,,,,,,,,,,,backscatter,70,icmp-quote=3/2;stop=gre-cut;bits=48,,log,1,\n";
	struct rows r;

	rows_read(text, sizeof text - 1, &r);
	assert_int_equal(r.result, 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.tally.records_bad, 1);
	assert_string_equal(r.first_bad, "line 4: end before its start");
	const struct gs_sighting *v = &r.list[0];
	assert_int_equal(v->last.ns - v->first.ns, INT64_C(29500000000));
	assert_int_equal(v->packets, 3);
	assert_int_equal(v->bytes, 1692);
	assert_int_equal(v->ip_len, 564);
	assert_int_equal(v->ttl_max, 53);
	assert_int_equal(v->gre_flags, 0x2000);
	assert_int_equal(v->gre_proto, 0x0800);
	assert_int_equal(v->gre_key, 7);
	assert_int_equal(v->inner_proto, 17);
	assert_int_equal(v->inner_dport, 53);
	assert_int_equal(v->has, GS_HAS_IP_LEN | GS_HAS_TTL | GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_KEY | GS_HAS_INNER | GS_HAS_PORTS);
	assert_int_equal(v->class_, GS_CLASS_TUNNEL_DATA);
	assert_int_equal(v->confidence, 60);
	assert_int_equal(v->evidence, GS_EVIDENCE(INNER_PROTO) | GS_EVIDENCE(INNER_PORT));
	assert_int_equal(v->fidelity, GS_FIDELITY_PACKET);
	v = &r.list[1];
	assert_int_equal(v->src.family, 0);
	assert_int_equal(v->flags, GS_SIGHTING_FOLDED);
	assert_int_equal(v->sources, 1234);
	assert_int_equal(v->packets, 99);
	assert_int_equal(v->has, 0);
	v = &r.list[2];
	assert_int_equal(v->bytes, 52);
	assert_int_equal(v->via, GS_VIA_ICMP);
	assert_int_equal(v->icmp_type, 3);
	assert_int_equal(v->icmp_code, 2);
	assert_int_equal(v->stop, GS_STOP_GRE_CUT);
	assert_int_equal(v->evidence_bits, 48);
	assert_int_equal(v->evidence, GS_EVIDENCE(ICMP_QUOTE) | GS_EVIDENCE(STOP));
}

/* The first rows of the published file itself, where they are at hand: the sums that its description states. */
static void the_published_rows_are_read(void **state)
{
	(void)state;
	const char *shared = getenv("GRESCOPE_SHARED");
	struct rows r = { 0 };
	struct gs_source *s;
	char path[4096];

	snprintf(path, sizeof path, "%s/seed-data/hinet-raw.csv", shared ? shared : "../../shared"); /* tests run in a build folder */
	if (gs_source_open(path, &s, NULL) < 0) {
		print_message("# %s is not at hand\n", path);
		return;
	}
	rows_drain(s, 64, &r);
	assert_int_equal(r.n, 24);
	assert_int_equal(r.tally.records_bad, 0);
	row_is(&r.list[0], "59.127.89.148", "", 1501009531, 1);
	assert_int_equal(r.list[23].first.ns, INT64_C(1499176379) * GS_NS_PER_S); /* 2017-07-04T13:52:59Z */
}

/* A folder with captures in it, for lists of inputs. */
static char folder[64];

static void file_write(const char *name, const struct bytes *b)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
	fclose(f);
}

static void capture_write(const char *name, uint32_t first_s)
{
	struct bytes b = { 0 }, z = { 0 };

	pcap_header(&b, 0xa1b2c3d4, 2, 4, 65535, 1);
	if (first_s)
		pcap_record(&b, first_s, 0, 20, 20);
	if (strstr(name, ".gz")) {
		put_gzip(&z, b.data, b.len);
		file_write(name, &z);
	} else {
		file_write(name, &b);
	}
	bytes_done(&b);
	bytes_done(&z);
}

static int folder_make(void **state)
{
	(void)state;
	struct bytes text = { 0 };
	char path[256];

	snprintf(folder, sizeof folder, "/tmp/grescope-inputs-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	capture_write("c3.pcap", 300);
	capture_write("a9.pcap", 900);
	capture_write("b1.pcap.gz", 100);
	capture_write("a-empty.pcap", 0);
	capture_write("[x].pcap", 50);
	put(&text, "Source IP,_time,count,Protocol\n192.0.2.1,1970-01-01T00:10:00Z,1,47\n", 67);
	file_write("d6.csv", &text);
	text.len = 0;
	put(&text, "to do: all of it\n", 17);
	file_write("notes.txt", &text);
	text.len = 0;
	file_write("nothing", &text);
	put(&text, "\xd4\xc3\xb2\xa1", 4);
	file_write("broken.pcap", &text);
	bytes_done(&text);
	snprintf(path, sizeof path, "%s/sub", folder);
	if (mkdir(path, 0700) < 0)
		return -1;
	capture_write("sub/deep.pcap", 1);
	snprintf(path, sizeof path, "%s/pipe", folder);
	return mkfifo(path, 0600);
}

static int folder_remove(void **state)
{
	(void)state;
	static const char *const names[] = { "c3.pcap", "a9.pcap", "b1.pcap.gz", "a-empty.pcap", "[x].pcap",      "d6.csv",
					     "notes.txt", "nothing", "broken.pcap", "pipe",       "sub/deep.pcap", "sub" };
	char path[256];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		if (remove(path) < 0)
			return -1;
	}
	return rmdir(folder);
}

static void path_of(char out[256], const char *name)
{
	if (strcmp(name, "-") == 0)
		snprintf(out, 256, "-");
	else
		snprintf(out, 256, "%s%s%s", folder, name[0] ? "/" : "", name);
}

/* args and want: names in the folder ("" is itself), or "-"; both end with NULL. */
static struct gs_inputs *inputs_are(const char *const *args, const char *const *want)
{
	char given[8][256];
	const char *paths[8];
	struct gs_inputs *in;
	struct gs_error err = { 0 };
	size_t n = 0;

	for (; args[n]; n++) {
		path_of(given[n], args[n]);
		paths[n] = given[n];
	}
	if (gs_inputs_new(paths, n, &in, &err) < 0)
		fail_msg("%s", err.text);
	for (n = 0; want[n]; n++) {
		char path[256];
		assert_true(n < gs_inputs_count(in));
		path_of(path, want[n]);
		assert_string_equal(gs_inputs_path(in, n), path);
	}
	assert_int_equal(gs_inputs_count(in), n);
	return in;
}

static void inputs_are_put_in_order(void **state)
{
	(void)state;
	struct gs_inputs *in;

	in = inputs_are((const char *[]){ "c3.pcap", "-", "a-empty.pcap", "a9.pcap", "b1.pcap.gz", "d6.csv", NULL },
	                (const char *[]){ "b1.pcap.gz", "c3.pcap", "d6.csv", "a9.pcap", "-", "a-empty.pcap", NULL });
	assert_int_equal(gs_inputs_skipped(in), 0);
	struct stat sb;
	char path[256];
	snprintf(path, sizeof path, "%s/b1.pcap.gz", folder);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(gs_inputs_bytes(in), 24 + 60 + 60 + 67 + (uint64_t)sb.st_size);
	gs_inputs_free(in);
	in = inputs_are((const char *[]){ "c3.pcap", "c3.pcap", NULL }, (const char *[]){ "c3.pcap", "c3.pcap", NULL });
	gs_inputs_free(in);
	in = inputs_are((const char *[]){ NULL }, (const char *[]){ NULL });
	gs_inputs_free(in);
	gs_inputs_free(NULL);
}

static void patterns_and_folders_are_opened_out(void **state)
{
	(void)state;
	struct gs_inputs *in;

	in = inputs_are((const char *[]){ "[ac]?.pcap", NULL }, (const char *[]){ "c3.pcap", "a9.pcap", NULL });
	gs_inputs_free(in);
	in = inputs_are((const char *[]){ "[x].pcap", NULL }, (const char *[]){ "[x].pcap", NULL }); /* it exists: itself */
	gs_inputs_free(in);
	/* what is damaged is kept, so that its damage is told; what is of another kind is not; a folder in the folder is left alone */
	in = inputs_are((const char *[]){ "", NULL },
			(const char *[]){ "[x].pcap", "b1.pcap.gz", "c3.pcap", "d6.csv", "a9.pcap", "a-empty.pcap", "broken.pcap", NULL });
	assert_int_equal(gs_inputs_skipped(in), 3); /* notes.txt, nothing, pipe */
	gs_inputs_free(in);
	in = inputs_are((const char *[]){ "sub", NULL }, (const char *[]){ "sub/deep.pcap", NULL });
	gs_inputs_free(in);
	in = inputs_are((const char *[]){ "notes.txt", "pipe", NULL }, (const char *[]){ "notes.txt", "pipe", NULL }); /* named: kept */
	gs_inputs_free(in);
}

static void inputs_that_are_not_there_are_said(void **state)
{
	(void)state;
	struct gs_inputs *in = NULL;
	struct gs_error err = { 0 };
	char empty[] = "/tmp/grescope-empty-XXXXXX", sentence[128];

	assert_non_null(mkdtemp(empty));
	snprintf(sentence, sizeof sentence, "%s: a folder without a file that grescope reads", empty);
	assert_int_equal(gs_inputs_new((const char *[]){ "-", empty }, 2, &in, &err), GS_ERR_NOENT);
	assert_string_equal(err.text, sentence);
	rmdir(empty);

	assert_int_equal(gs_inputs_new((const char *[]){ "/nonexistent/*.pcap" }, 1, &in, &err), GS_ERR_NOENT);
	assert_string_equal(err.text, "/nonexistent/*.pcap: no file matches");
	assert_int_equal(gs_inputs_new((const char *[]){ "/nonexistent.pcap" }, 1, &in, &err), GS_ERR_NOENT);
	assert_string_equal(err.text, "/nonexistent.pcap: cannot be opened: No such file or directory");
	assert_null(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap_is_read_in_every_variant),
		cmocka_unit_test(old_pcap_versions_have_swapped_lengths),
		cmocka_unit_test(pcap_header_fields_are_bounded),
		cmocka_unit_test(absurd_record_length_is_damage),
		cmocka_unit_test(pcapng_is_read_whole),
		cmocka_unit_test(pcapng_times_of_every_resolution),
		cmocka_unit_test(pcapng_contradictions_are_damage),
		cmocka_unit_test(pcapng_interfaces_are_capped),
		cmocka_unit_test(pcapng_versions),
		cmocka_unit_test(a_section_forgets_the_interfaces_before_it),
		cmocka_unit_test(huge_blocks_are_skipped),
		cmocka_unit_test(buffer_grows_with_the_input_only),
		cmocka_unit_test(a_page_of_zeros_is_damage),
		cmocka_unit_test(cut_pcap_gives_the_whole_packets),
		cmocka_unit_test(cut_pcapng_gives_the_whole_packets),
		cmocka_unit_test(cut_compressed_gives_a_prefix),
		cmocka_unit_test(cut_compressed_keeps_what_came_before),
		cmocka_unit_test(compressed_members_are_joined),
		cmocka_unit_test(wrong_compressed_checksum_is_damage),
		cmocka_unit_test(other_files_are_refused_in_words),
		cmocka_unit_test(four_gib_of_zeros_are_refused_at_once),
		cmocka_unit_test(what_cannot_be_opened_is_said),
		cmocka_unit_test(frames_are_asked_at_the_right_door),
		cmocka_unit_test(pipes_are_read),
		cmocka_unit_test(a_signal_interrupts_waiting_and_loses_nothing),
		cmocka_unit_test(every_window_gives_the_same_frames),
		cmocka_unit_test(raw_data_is_read_in_every_dress),
		cmocka_unit_test(raw_data_without_a_count_counts_rows),
		cmocka_unit_test(bad_rows_are_counted_and_the_first_is_told),
		cmocka_unit_test(monstrous_lines_cost_no_memory),
		cmocka_unit_test(a_cut_row_is_no_evidence),
		cmocka_unit_test(tables_without_the_needed_columns_are_refused),
		cmocka_unit_test(an_export_is_read_back),
		cmocka_unit_test(the_published_rows_are_read),
		cmocka_unit_test_setup_teardown(inputs_are_put_in_order, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(patterns_and_folders_are_opened_out, folder_make, folder_remove),
		cmocka_unit_test(inputs_that_are_not_there_are_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
