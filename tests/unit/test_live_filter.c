/* test_live_filter.c - the kernel's filter against the decoder over nestings made at random, narrowing it, and how long the programs are */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "decode/decode.h"
#include "source/live_filter.h"

#define FRAMES 60000
#define SNAP 256

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

struct frame {
	uint8_t octets[2048];
	uint32_t n;
	unsigned depth;  /* how far the program has to follow it */
};

static void put8(struct frame *f, unsigned v)
{
	f->octets[f->n++] = (uint8_t)v;
}

static void put16(struct frame *f, unsigned v)
{
	put8(f, v >> 8);
	put8(f, v);
}

static void put_random(struct frame *f, unsigned n)
{
	while (n-- > 0)
		put8(f, random_below(256));
}

static bool often(unsigned percent)
{
	return random_below(100) < percent;
}

static void put_protocol(struct frame *f, unsigned protocol, unsigned levels, bool quoted);

/* Lengths are 0 or right: the decoder goes by them, and what contradicts itself is no GRE. */
static void put_v4(struct frame *f, unsigned levels, bool quoted)
{
	static const uint8_t protocols[] = { 47, 47, 47, 6, 17, 1, 4, 41, 51, 58, 50, 2 };
	const unsigned protocol = protocols[random_below(sizeof protocols)], options = often(20) ? 4 * random_below(11) : 0;
	const uint32_t start = f->n;

	put8(f, 0x45 + options / 4);
	put8(f, 0);
	put16(f, 0);
	put16(f, 7);
	put16(f, often(10) ? random_below(0x4000) : often(50) ? 0x4000 : 0x2000);
	put8(f, 64);
	put8(f, protocol);
	put16(f, 0);
	put_random(f, 8 + options);
	put_protocol(f, protocol, levels, quoted);
	if (often(70)) {
		f->octets[start + 2] = (uint8_t)((f->n - start) >> 8);
		f->octets[start + 3] = (uint8_t)(f->n - start);
	}
}

static unsigned put_extensions(struct frame *f, unsigned next)
{
	while (next == 0 || next == 43 || next == 44 || next == 60 || next == 135 || next == 139 || next == 140) {
		static const uint8_t nexts[] = { 47, 47, 47, 6, 17, 58, 41, 51, 0, 43, 44, 60, 135 };
		const unsigned after = nexts[random_below(sizeof nexts)], words = next == 44 ? 0 : random_below(4);
		put8(f, after);
		put8(f, words);
		if (next == 44) {
			put16(f, often(30) ? random_below(0x10000) : 1);
			put_random(f, 4);
		} else {
			put_random(f, 8 * words + 6);
		}
		next = after;
		f->depth++;
	}
	return next;
}

static void put_v6(struct frame *f, unsigned levels, bool quoted)
{
	static const uint8_t protocols[] = { 47, 47, 6, 17, 58, 58, 4, 41, 51, 0, 43, 44, 60, 135, 139, 140 };
	const unsigned next = protocols[random_below(sizeof protocols)];
	const uint32_t start = f->n;

	put8(f, 0x60);
	put_random(f, 3);
	put16(f, 0);
	put8(f, next);
	put8(f, 64);
	put_random(f, 32);
	put_protocol(f, put_extensions(f, next), levels, quoted);
	if (often(70)) {
		f->octets[start + 4] = (uint8_t)((f->n - start - 40) >> 8);
		f->octets[start + 5] = (uint8_t)(f->n - start - 40);
	}
}

static void put_ip(struct frame *f, unsigned levels, bool quoted)
{
	if (often(50))
		put_v4(f, levels, quoted);
	else
		put_v6(f, levels, quoted);
}

static void put_protocol(struct frame *f, unsigned protocol, unsigned levels, bool quoted)
{
	static const uint8_t types[] = { 1, 2, 3, 4, 5, 11, 12, 8, 128, 0 };
	static const uint16_t ports[] = { 4754, 4755, 6081, 4789, 8472, 6080, 53, 443 };
	unsigned words;

	if (f->n > 1400 || levels > 4)
		return;
	switch (protocol) {
	case 4:
		put_v4(f, levels + 1, quoted);
		break;
	case 41:
		put_v6(f, levels + 1, quoted);
		break;
	case 51:
		words = random_below(6);
		f->depth++;
		put8(f, often(70) ? 47 : 4);
		put8(f, words);
		put_random(f, 4 * words + 6);
		if (f->octets[f->n - 4 * words - 8] == 4)
			put_v4(f, levels + 1, quoted);
		else
			put_random(f, 24);
		break;
	case 1:
	case 58:
		put8(f, types[random_below(sizeof types)]);
		put_random(f, 3);
		put16(f, 0);
		put16(f, 0);
		put_ip(f, levels, true);
		break;
	case 6:
		put16(f, often(50) ? 1723 : 40000);
		put16(f, often(50) ? 1723 : 40000);
		put_random(f, 20);
		break;
	case 17:
		put16(f, 40000);
		put16(f, ports[random_below(sizeof ports / sizeof *ports)]);
		put16(f, 0);
		put16(f, 0);
		put16(f, 0);
		put16(f, 0x0800);
		put_random(f, 30);
		break;
	default:
		put_random(f, 24);
	}
}

/* Ethernet, tags, LLC, MPLS, PPPoE, IP: what a wire can carry. */
static void put_ethertype(struct frame *f)
{
	static const uint16_t tags[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };

	for (unsigned i = 0; i < 5 && often(30); i++) {
		if (often(25)) { /* LLC */
			put16(f, 100);
			put16(f, 0xaaaa);
			put16(f, 0x0300);
			put16(f, often(50) ? 0 : 0xf8);
		} else {
			put16(f, tags[random_below(5)]);
			put16(f, random_below(4096));
		}
		f->depth++;
	}
	switch (random_below(10)) {
	case 0:
		put16(f, 0x0806);
		put_random(f, 28);
		break;
	case 1:
		put16(f, often(50) ? 0x8847 : 0x8848);
		for (unsigned labels = 1 + random_below(8); labels > 0; labels--) {
			put16(f, random_below(0x10000));
			put16(f, labels == 1 ? 0x01ff : 0x00ff);
		}
		if (often(30)) { /* a pseudowire */
			put16(f, 0);
			put16(f, 0);
			put_random(f, 12);
			if (often(30)) {
				put16(f, 0x8100);
				put16(f, 5);
			}
			put16(f, 0x0800);
			put_v4(f, 0, false);
		} else {
			put_ip(f, 0, false);
		}
		break;
	case 2:
		put16(f, 0x8864);
		put16(f, often(90) ? 0x1100 : 0x1109);
		put16(f, 1);
		put16(f, 1000);
		if (often(20))
			put16(f, 0xff03);
		if (often(50)) {
			put16(f, 0x0021);
			put_v4(f, 0, false);
		} else {
			put8(f, 0x57);
			put_v6(f, 0, false);
		}
		break;
	case 3:
		put16(f, often(50) ? 0x880b : 0x6558);
		put_random(f, 60);
		break;
	default:
		if (often(50)) {
			put16(f, 0x0800);
			put_v4(f, 0, false);
		} else {
			put16(f, 0x86dd);
			put_v6(f, 0, false);
		}
	}
}

static void make_frame(struct frame *f, uint32_t linktype)
{
	f->n = f->depth = 0;
	switch (linktype) {
	case GS_LINK_ETHERNET:
		put_random(f, 12);
		put_ethertype(f);
		break;
	case GS_LINK_LINUX_SLL:
		put_random(f, 14);
		put_ethertype(f);
		break;
	case GS_LINK_LINUX_SLL2: { /* the EtherType stands before the rest of the header */
		put_ethertype(f);
		memmove(f->octets + 20, f->octets + 2, f->n - 2);
		memset(f->octets + 2, 0, 18);
		f->n += 18;
		break;
	}
	default:
		put_ip(f, 0, false);
	}
	if (often(20)) /* octets turned */
		for (unsigned i = 1 + random_below(3); i > 0; i--)
			f->octets[random_below(f->n)] = (uint8_t)random_below(256);
	if (often(5))
		f->n = random_below(f->n + 1);
}

static bool keeps(const struct live_program *p, const struct frame *f)
{
	return bpf_filter((const struct bpf_insn *)p->code, f->octets, f->n, f->n) != 0;
}

static void nestings_at_random(void **state)
{
	static const uint32_t linktypes[] = { GS_LINK_ETHERNET, GS_LINK_RAW, GS_LINK_LINUX_SLL, GS_LINK_LINUX_SLL2 };
	static struct live_program p;
	static struct frame f;
	struct gs_packet packet;

	random_state = 88172645463325252u;
	for (unsigned i = 0; i < 8; i++) {
		const struct live_filter o = { .linktype = linktypes[i / 2], .snaplen = SNAP, .include_udp = i & 1 };
		unsigned wanted = 0, kept_too = 0, others = 0;
		assert_true(live_filter_make(&o, &p));
		for (unsigned j = 0; j < FRAMES; j++) {
			make_frame(&f, o.linktype);
			const struct gs_frame frame = { .data = f.octets, .caplen = f.n, .wirelen = f.n, .linktype = o.linktype, .sampling = 1 };
			gs_decode(&frame, &packet);
			const bool want = packet.outcome == GS_OUT_GRE || packet.outcome == GS_OUT_FRAGMENT ||
					  (packet.outcome == GS_OUT_GRE_UDP && o.include_udp) || packet.control_off;
			const bool kept = keeps(&p, &f);
			if (want && !kept) {
				for (uint32_t k = 0; k < f.n; k++)
					fprintf(stderr, "%02x", f.octets[k]);
				fail_msg("link type %u, frame %u refused: outcome %u", o.linktype, j, packet.outcome);
			}
			wanted += want;
			if (!want) {
				others++;
				kept_too += kept;
			}
		}
		/* the test is of something, and the filter is one: these frames are far stranger than a wire's */
		assert_in_range(wanted, FRAMES / 5, FRAMES);
		assert_in_range(kept_too, 0, others / 3);
	}
}

static void ordinary_traffic_is_refused(void **state)
{
	static const struct {
		uint16_t type;
		uint8_t protocol;
	} cases[] = { { 0x0800, 6 }, { 0x0800, 17 }, { 0x0800, 50 }, { 0x86dd, 6 }, { 0x86dd, 17 }, { 0x86dd, 50 }, { 0x0806, 0 }, { 0x88cc, 0 } };
	static struct live_program p;
	struct frame f;

	live_filter_make(&(struct live_filter){ .linktype = GS_LINK_ETHERNET, .snaplen = SNAP }, &p);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
		for (unsigned tags = 0; tags < 3; tags++) {
			memset(&f, 0, sizeof f);
			f.n = 12;
			for (unsigned t = 0; t < tags; t++) {
				put16(&f, 0x8100);
				put16(&f, 7);
			}
			put16(&f, cases[i].type);
			f.octets[f.n] = cases[i].type == 0x0800 ? 0x45 : 0x60;
			f.octets[f.n + (cases[i].type == 0x0800 ? 9 : 6)] = cases[i].protocol;
			f.n += 100;
			assert_false(keeps(&p, &f));
			f.octets[14 + 4 * tags + (cases[i].type == 0x0800 ? 9 : 6)] = 47;
			assert_int_equal(keeps(&p, &f), cases[i].type == 0x0800 || cases[i].type == 0x86dd);
		}
}

/* On a new socket each time: the room for filters (net.core.optmem_max, 20 KiB up to Linux 6.6) must do for one of them. */
static void kernel_takes(const struct live_program *p)
{
	const struct sock_fprog prog = { .len = (unsigned short)p->n, .filter = (struct sock_filter *)p->code };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog), 0);
	close(ends[0]);
	close(ends[1]);
}

/* Programs of every kind, with room left for another filter before them. */
static void the_kernel_takes_them(void **state)
{
	static const uint32_t linktypes[] = { GS_LINK_ETHERNET, GS_LINK_RAW, GS_LINK_LINUX_SLL, GS_LINK_LINUX_SLL2, GS_LINK_IEEE802_11 };
	static struct live_program p;

	for (unsigned i = 0; i < 20; i++) {
		const struct live_filter o = { .linktype = linktypes[i / 4], .snaplen = SNAP, .include_udp = i & 1, .socket = i & 2 };
		assert_int_equal(live_filter_make(&o, &p), o.linktype != GS_LINK_IEEE802_11);
		assert_in_range(p.n, 1, 900);
		kernel_takes(&p);
	}
	live_fanout_make(&p);
	assert_in_range(p.n, 20, 200);
	kernel_takes(&p);
}

static int narrow(const char *text, int dlt, uint32_t linktype, bool socket, struct live_program *p, struct gs_error *err)
{
	const struct live_filter o = { .linktype = linktype, .snaplen = SNAP, .socket = socket };
	struct bpf_program compiled;
	pcap_t *dead = pcap_open_dead(dlt, SNAP);

	live_filter_make(&o, p);
	const uint32_t before = p->n;
	assert_int_equal(pcap_compile(dead, &compiled, text, 1, PCAP_NETMASK_UNKNOWN), 0);
	const int r = live_filter_narrow(&o, (const struct sock_filter *)compiled.bf_insns, compiled.bf_len, p, err);
	assert_int_equal(p->n, r == 0 ? before + compiled.bf_len : before);
	pcap_freecode(&compiled);
	pcap_close(dead);
	return r;
}

static void narrowed_by_another(void **state)
{
	static struct live_program p;
	struct gs_error err = { 0 };
	struct frame f = { .n = 34 + 20 };

	f.octets[12] = 8;
	f.octets[14] = 0x45;
	f.octets[23] = 47;
	memcpy(f.octets + 26, "\xc0\x00\x02\x01", 4);
	assert_int_equal(narrow("src net 192.0.2.0/24", DLT_EN10MB, GS_LINK_ETHERNET, false, &p, &err), 0);
	assert_true(keeps(&p, &f));
	f.octets[23] = 6;
	assert_false(keeps(&p, &f));
	f.octets[23] = 47;
	f.octets[28] = 3;
	assert_false(keeps(&p, &f));
	assert_int_equal(narrow("not src host 192.0.3.1", DLT_EN10MB, GS_LINK_ETHERNET, false, &p, &err), 0);
	assert_false(keeps(&p, &f));

	assert_int_equal(narrow("ip6 protochain 47", DLT_EN10MB, GS_LINK_ETHERNET, false, &p, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "loop"));
	/* cooked: what stands in the header that is not there is asked of the kernel, or refused */
	assert_int_equal(narrow("ip src host 192.0.2.1", DLT_LINUX_SLL2, GS_LINK_LINUX_SLL2, true, &p, &err), 0);
	assert_int_equal(p.code[0].k, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	assert_int_equal(p.code[2].k, 12);
	assert_int_equal(narrow("ip src host 192.0.2.1", DLT_LINUX_SLL, GS_LINK_LINUX_SLL, true, &p, &err), 0);
	assert_int_equal(p.code[0].k, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	assert_int_equal(p.code[2].k, 12);
	assert_int_equal(narrow("link[5] = 3", DLT_LINUX_SLL2, GS_LINK_LINUX_SLL2, true, &p, &err), GS_ERR_USAGE);
	assert_int_equal(narrow("inbound", DLT_LINUX_SLL2, GS_LINK_LINUX_SLL2, true, &p, &err), 0);
	/* too long */
	static struct sock_filter many[LIVE_PROGRAM_MAX];
	const struct live_filter o = { .linktype = GS_LINK_ETHERNET, .snaplen = SNAP };
	live_filter_make(&o, &p);
	assert_int_equal(live_filter_narrow(&o, many, LIVE_PROGRAM_MAX, &p, &err), GS_ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nestings_at_random),
		cmocka_unit_test(ordinary_traffic_is_refused),
		cmocka_unit_test(the_kernel_takes_them),
		cmocka_unit_test(narrowed_by_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
