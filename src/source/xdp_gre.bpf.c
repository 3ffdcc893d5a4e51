/*
 * xdp_gre.bpf.c - runs in the kernel, before a frame becomes a packet of the network stack: counts protocol 47 by outer source
 *
 * Counted: GRE directly behind IPv4 or IPv6 (with extension headers), behind up to two VLAN tags, fragments included. What may hold GRE further in - ICMP
 * errors, IP in IP, AH, longer chains of extension headers, and PPTP's control connections beside it - is not counted here but passed on whole, for the decoder to judge. Every counted
 * frame is in `totals`; its source is in `sources` as long as there is room (least recently used ones go first). Headers of some counted
 * frames go to `samples`: the first of each source, and one in so many.
 *
 * Packets are read by bpf_xdp_load_bytes at scalar offsets only, so that no right beyond CAP_BPF and CAP_NET_ADMIN is needed to load it (pointer
 * arithmetic wants CAP_PERFMON), and frames in several buffers are no exception. Needs Linux 5.18.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_maps.h"

#define TAGS 2
#define EXTENSIONS 4
#define SAMPLES_PER_WAKE 256
#define NS_PER_S 1000000000ULL

/*
 * One more of a field. Left to itself the compiler makes one addition of several, at an address that it chooses before: pointer arithmetic that the
 * verifier allows to root only. An empty statement that differs from field to field keeps them apart.
 */
#define ONE_MORE(t, field)                                                                                                                 \
	do {                                                                                                                               \
		(t)->field++;                                                                                                              \
		asm volatile("" : : "i"(__builtin_offsetof(struct xdp_total, field)) : "memory");                                          \
	} while (0)

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 65536); /* the reader sets it */
	__type(key, struct xdp_source_key);
	__type(value, struct xdp_source_count);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xdp_total);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} whole SEC(".maps");

const volatile struct xdp_settings settings;

struct ipv4 {
	__u8 version_length, tos;
	__be16 total, id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__u8 source[4], destination[4];
} __attribute__((packed));

struct ipv6 {
	__u8 head[4];
	__be16 payload;
	__u8 next, hops;
	__u8 source[16], destination[16];
} __attribute__((packed));

struct found {
	struct xdp_source_key source;
	__u32 octets;
	__u32 later;     /* a later fragment */
};

enum verdict { NOT_OURS, COUNT, WHOLE };

static __always_inline int pass_on(struct xdp_md *ctx, void *ring, __u64 now, __u64 wake)
{
	struct xdp_sample *s = bpf_ringbuf_reserve(ring, sizeof *s, 0);
	if (!s)
		return -1;
	/* 64 bits all the way: a copy cut to 32 for the comparison would be the one that the verifier knows the bounds of */
	const __u64 wire = bpf_xdp_get_buff_len(ctx);
	__u64 n = wire > XDP_SNAP ? XDP_SNAP : wire;
	asm volatile("" : "+r"(n));
	if (n < 14 || n > XDP_SNAP || bpf_xdp_load_bytes(ctx, 0, s->octets, (__u32)n) < 0) {
		bpf_ringbuf_discard(s, 0);
		return -1;
	}
	s->time_ns = now;
	s->wirelen = (__u32)wire;
	s->caplen = (__u32)n;
	bpf_ringbuf_submit(s, wake);
	return 0;
}

/* Protocols whose packets may carry GRE further in, of ICMP its errors only; and PPTP's control connection, which speaks for GRE of its own. */
static __always_inline enum verdict further_in(struct xdp_md *ctx, __u32 off, __u8 protocol)
{
	__be16 ports[2];
	__u8 type;

	switch (protocol) {
	case 6:
		if (bpf_xdp_load_bytes(ctx, off, ports, sizeof ports) < 0)
			return NOT_OURS;
		return ports[0] == bpf_htons(1723) || ports[1] == bpf_htons(1723) ? WHOLE : NOT_OURS;
	case 4:
	case 41:
	case 51:
		return WHOLE;
	case 1:
		if (bpf_xdp_load_bytes(ctx, off, &type, 1) < 0)
			return NOT_OURS;
		return type == 3 || type == 4 || type == 5 || type == 11 || type == 12 ? WHOLE : NOT_OURS;
	case 58:
		if (bpf_xdp_load_bytes(ctx, off, &type, 1) < 0)
			return NOT_OURS;
		return type >= 1 && type <= 4 ? WHOLE : NOT_OURS;
	default:
		return NOT_OURS;
	}
}

static __always_inline enum verdict ipv4(struct xdp_md *ctx, __u32 off, struct found *f)
{
	struct ipv4 h;

	if (bpf_xdp_load_bytes(ctx, off, &h, sizeof h) < 0 || h.version_length >> 4 != 4)
		return NOT_OURS;
	const __u32 later = h.fragment & bpf_htons(0x1fff);
	if (h.protocol != 47)
		return later ? NOT_OURS : further_in(ctx, off + (h.version_length & 15) * 4, h.protocol);
	__builtin_memcpy(f->source.address, h.source, 4);
	f->source.family = 4;
	f->octets = bpf_ntohs(h.total);
	f->later = later;
	/* a header that contradicts itself, or a length that the sender left to its card: the decoder knows the rules */
	return (h.version_length & 15) < 5 || f->octets < 20 ? WHOLE : COUNT;
}

static __always_inline enum verdict ipv6(struct xdp_md *ctx, __u32 off, struct found *f)
{
	struct ipv6 h;
	__u8 next, part[4];

	if (bpf_xdp_load_bytes(ctx, off, &h, sizeof h) < 0 || h.head[0] >> 4 != 6)
		return NOT_OURS;
	__builtin_memcpy(f->source.address, h.source, 16);
	f->source.family = 6;
	f->octets = bpf_ntohs(h.payload) + 40u;
	next = h.next;
	off += sizeof h;
#pragma unroll
	for (int i = 0; i < EXTENSIONS; i++) {
		if (next == 47)
			return f->octets == 40 ? WHOLE : COUNT;
		if (next != 0 && next != 43 && next != 44 && next != 60 && next != 135 && next != 139 && next != 140)
			return further_in(ctx, off, next);
		if (bpf_xdp_load_bytes(ctx, off, part, sizeof part) < 0)
			return NOT_OURS;
		if (next == 44) {
			f->later = part[2] | (part[3] & 0xf8);
			next = part[0];
			if (f->later)
				return next == 47 ? (f->octets == 40 ? WHOLE : COUNT) : NOT_OURS;
			off += 8;
		} else {
			next = part[0];
			off += part[1] * 8u + 8;
		}
	}
	return WHOLE;
}

static __always_inline enum verdict look(struct xdp_md *ctx, struct found *f)
{
	__be16 type;
	__u32 off = 12;

	if (bpf_xdp_load_bytes(ctx, off, &type, sizeof type) < 0)
		return NOT_OURS;
	off += 2;
#pragma unroll
	for (int i = 0; i < TAGS; i++) {
		if (type != bpf_htons(0x8100) && type != bpf_htons(0x88a8) && type != bpf_htons(0x9100) && type != bpf_htons(0x9200) &&
		    type != bpf_htons(0x9300))
			break;
		if (bpf_xdp_load_bytes(ctx, off + 2, &type, sizeof type) < 0)
			return NOT_OURS;
		off += 4;
	}
	switch (bpf_ntohs(type)) {
	case 0x0800:
		return ipv4(ctx, off, f);
	case 0x86dd:
		return ipv6(ctx, off, f);
	case 0x8847: /* MPLS, PPPoE, a third tag: hardly ever there */
	case 0x8848:
	case 0x8864:
	case 0x8100:
	case 0x88a8:
		return WHOLE;
	default:
		return NOT_OURS;
	}
}

/* Whether this second still takes a sample. */
static __always_inline int may_sample(struct xdp_total *t, __u64 now)
{
	const __u64 second = now / NS_PER_S;

	if (t->second != second) {
		t->second = second;
		t->in_second = 0;
	}
	return t->in_second++ < settings.samples_per_s;
}

static __always_inline void count(struct xdp_md *ctx, struct found *f, struct xdp_total *t, __u64 now)
{
	struct xdp_source_count *c;
	__u64 before = 0;

	t->packets++;
	t->octets += f->octets;
	t->later_fragments += f->later != 0;
	c = bpf_map_lookup_elem(&sources, &f->source);
	if (!c) {
		const struct xdp_source_count none = { .first_ns = now };
		bpf_map_update_elem(&sources, &f->source, &none, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&sources, &f->source);
	}
	if (c) {
		before = c->packets++;
		c->octets += f->octets;
		c->last_ns = now;
		if (!c->first_ns) /* made by another CPU */
			c->first_ns = now;
	} else {
		ONE_MORE(t, unnamed);
	}
	if (f->later || !(before < settings.first || (settings.one_in && bpf_get_prandom_u32() % settings.one_in == 0)))
		return;
	if (!may_sample(t, now))
		ONE_MORE(t, samples_held);
	/* the reader looks now and then by itself; to wake it for each frame would cost more than all the rest */
	else if (pass_on(ctx, &samples, now, t->samples % SAMPLES_PER_WAKE == 0 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP) < 0)
		ONE_MORE(t, samples_lost);
	else
		ONE_MORE(t, samples);
}

SEC("xdp.frags")
int gre_count(struct xdp_md *ctx)
{
	struct found f = { 0 };
	const __u32 zero = 0;
	const enum verdict v = look(ctx, &f);

	if (v == NOT_OURS)
		return XDP_PASS;
	struct xdp_total *t = bpf_map_lookup_elem(&totals, &zero);
	if (!t)
		return XDP_PASS;
	const __u64 now = bpf_ktime_get_ns();
	if (v == WHOLE) {
		if (pass_on(ctx, &whole, now, 0) < 0)
			ONE_MORE(t, whole_lost);
		else
			ONE_MORE(t, whole);
		return XDP_PASS;
	}
	count(ctx, &f, t, now);
	return settings.drop ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "ISC"; /* uses nothing that asks for another */
