/*
 * xdp.c - loads, hangs up and reads the program of xdp_gre.bpf.c, through libbpf
 *
 * The compiled program is part of this file's object. It is hung up by a link, which is a descriptor: it goes with the last process that holds it, however that goes. Counts are
 * taken by reading and deleting in one operation, a batch of the table at a time, so that each is a difference and the table does not fill
 * with sources that were here once. An element that a core is adding to in that instant can lose these packets: they are in the totals, and come out
 * as rest.
 *
 * No header of libpcap here: both libraries define struct bpf_insn.
 */
#include "source/xdp.h"

#include "source/source.h"
#include "source/xdp_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* "xdp_gre.o.h": static const unsigned char xdp_object[], made by the build */
#include "xdp_gre.o.h"

struct slots {
	struct gs_frame *frames; /* of the reading call at hand */
	size_t n, max;
	int64_t offset_ns;
	uint64_t given;
	uint32_t sampling;
	uint8_t octets[GS_SOURCE_BATCH][XDP_SNAP];
};

struct gs_xdp {
	struct bpf_object *object; /* owns all parts but the link; NULL: they were taken over */
	int part[GS_XDP_PARTS];
	int epoll;
	int cpus, ifindex;
	uint32_t sources;
	bool native;
	char *interface;
	char note[192];
	struct ring_buffer *rings[2]; /* enum gs_xdp_kind */
	struct slots slots[2];
	struct xdp_total *totals;     /* one for each CPU */
	uint64_t named, named_bytes;
	uint64_t rest, rest_bytes;    /* given, and not as named: by a process before this one too */
	struct xdp_source_key keys[GS_XDP_READ];
	struct xdp_source_count *counts; /* GS_XDP_READ for each CPU */
	struct gs_xdp_source out[GS_XDP_READ];
};

/* Entries of 0: the reader's choice. */
static const struct {
	const char *name;
	uint32_t type, key, value, entries;
} tables[GS_XDP_PARTS] = {
	[GS_XDP_SOURCES_TABLE] = { "sources", BPF_MAP_TYPE_LRU_PERCPU_HASH, sizeof(struct xdp_source_key), sizeof(struct xdp_source_count), 0 },
	[GS_XDP_TOTALS_TABLE] = { "totals", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct xdp_total), 1 },
	[GS_XDP_SAMPLES_RING] = { "samples", BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 22 },
	[GS_XDP_WHOLE_RING] = { "whole", BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 20 },
};

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level;
	(void)format;
	(void)ap;
	return 0;
}

static int on_sample(void *arg, void *data, size_t len)
{
	struct slots *t = arg;
	const struct xdp_sample *s = data;

	if (len < sizeof *s || t->n >= t->max)
		return 0;
	const uint32_t caplen = s->caplen < XDP_SNAP ? s->caplen : XDP_SNAP;
	memcpy(t->octets[t->n], s->octets, caplen);
	t->given++;
	t->frames[t->n] = (struct gs_frame){
		.data = t->octets[t->n],
		.caplen = caplen,
		.wirelen = s->wirelen,
		.ts = { (int64_t)s->time_ns + t->offset_ns },
		.linktype = GS_LINK_ETHERNET,
		.sampling = t->sampling,
		.number = t->given,
	};
	return ++t->n == t->max ? -ECANCELED : 0; /* enough: this one is taken, the next ones wait */
}

static uint32_t or_default(uint32_t v, uint32_t standard)
{
	return v ? v : standard;
}

static int load_failed(const struct gs_xdp *x, int sys, struct gs_error *err)
{
	if (sys == EPERM || sys == EACCES)
		return gs_fail(err, GS_ERR_ACCESS, "%s: the fast path needs CAP_BPF and CAP_NET_ADMIN", x->interface);
	if (sys == ENOMEM)
		return gs_fail(err, GS_ERR_NOMEM, "%s: no memory for the fast path's tables", x->interface);
	return gs_fail_errno(err, GS_ERR_USAGE, sys, "%s: the kernel does not take the fast path's program (it needs Linux 5.18)", x->interface);
}

static int load(struct gs_xdp *x, const struct gs_xdp_options *o, struct gs_error *err)
{
	const struct xdp_settings settings = {
		.first = or_default(o->first, GS_XDP_FIRST),
		.one_in = or_default(o->one_in, GS_XDP_ONE_IN),
		.samples_per_s = or_default(o->samples_per_s, GS_XDP_SAMPLES_PER_S),
		.drop = o->drop,
	};

	x->object = bpf_object__open_mem(xdp_object, sizeof xdp_object, NULL);
	if (!x->object)
		return load_failed(x, errno, err);
	struct bpf_map *sources = bpf_object__find_map_by_name(x->object, tables[GS_XDP_SOURCES_TABLE].name);
	struct bpf_map *constants = bpf_object__find_map_by_name(x->object, ".rodata");
	if (!sources || !constants || bpf_map__set_max_entries(sources, x->sources) < 0 ||
	    bpf_map__set_initial_value(constants, &settings, sizeof settings) < 0)
		return gs_fail(err, GS_ERR_IO, "%s: the fast path's program is not as it was built", x->interface);
	const int r = bpf_object__load(x->object);
	if (r < 0)
		return load_failed(x, -r, err);
	for (unsigned i = GS_XDP_SOURCES_TABLE; i < GS_XDP_PARTS; i++)
		x->part[i] = bpf_object__find_map_fd_by_name(x->object, tables[i].name);
	return 0;
}

static int hang_up(struct gs_xdp *x, bool generic, struct gs_error *err)
{
	struct bpf_program *program = bpf_object__next_program(x->object, NULL);
	const int fd = program ? bpf_program__fd(program) : -1;

	if (!generic) {
		x->part[GS_XDP_LINK] = bpf_link_create(fd, x->ifindex, BPF_XDP, &(struct bpf_link_create_opts){ .sz = sizeof(struct bpf_link_create_opts), .flags = XDP_FLAGS_DRV_MODE });
		x->native = x->part[GS_XDP_LINK] >= 0;
		if (!x->native)
			snprintf(x->note, sizeof x->note, "the driver's hook does not take the program (%s); the general one does", strerror(errno));
	}
	if (x->part[GS_XDP_LINK] < 0)
		x->part[GS_XDP_LINK] = bpf_link_create(fd, x->ifindex, BPF_XDP, &(struct bpf_link_create_opts){ .sz = sizeof(struct bpf_link_create_opts), .flags = XDP_FLAGS_SKB_MODE });
	if (x->part[GS_XDP_LINK] >= 0)
		return 0;
	const int sys = errno;
	if (sys == EBUSY || sys == EEXIST)
		return gs_fail(err, GS_ERR_USAGE, "%s: another XDP program is at work there", x->interface);
	if (sys == EPERM)
		return load_failed(x, sys, err);
	return gs_fail_errno(err, GS_ERR_USAGE, sys, "%s: takes no XDP program", x->interface);
}

static int open_rings(struct gs_xdp *x, const struct gs_xdp_options *o, struct gs_error *err)
{
	static const enum gs_xdp_part parts[] = { [GS_XDP_SAMPLED] = GS_XDP_SAMPLES_RING, [GS_XDP_WHOLE] = GS_XDP_WHOLE_RING };

	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < 2; i++) {
		x->slots[i].sampling = i == GS_XDP_SAMPLED ? or_default(o->one_in, GS_XDP_ONE_IN) : 1;
		x->rings[i] = ring_buffer__new(x->part[parts[i]], on_sample, &x->slots[i], NULL);
		struct epoll_event event = { .events = EPOLLIN };
		if (!x->rings[i] || x->epoll < 0 || epoll_ctl(x->epoll, EPOLL_CTL_ADD, ring_buffer__epoll_fd(x->rings[i]), &event) < 0)
			return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot read from the fast path", x->interface);
	}
	return 0;
}

/* What both ways of coming by one have in common. */
static int begin(const struct gs_xdp_options *o, struct gs_xdp **ret, struct gs_error *err)
{
	struct gs_xdp *x = calloc(1, sizeof *x);

	if (!x)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	x->epoll = -1;
	for (unsigned i = 0; i < GS_XDP_PARTS; i++)
		x->part[i] = -1;
	libbpf_set_print(quiet); /* it would write to standard error */
	x->cpus = libbpf_num_possible_cpus();
	x->cpus = x->cpus > 0 ? x->cpus : 1;
	x->interface = strdup(o->interface ? o->interface : "");
	x->totals = calloc((size_t)x->cpus, sizeof *x->totals);
	x->counts = calloc((size_t)x->cpus * GS_XDP_READ, sizeof *x->counts);
	*ret = x;
	return x->interface && x->totals && x->counts ? 0 : gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", o->interface);
}

int gs_xdp_open(const struct gs_xdp_options *o, struct gs_xdp **ret, struct gs_error *err)
{
	struct gs_xdp *x = NULL;
	int r = begin(o, &x, err);

	if (r < 0)
		goto out;
	x->sources = or_default(o->sources, GS_XDP_SOURCES);
	x->sources = x->sources < GS_XDP_SOURCES_MAX ? x->sources : GS_XDP_SOURCES_MAX;
	x->ifindex = (int)if_nametoindex(x->interface);
	if (!x->ifindex) {
		r = gs_fail(err, GS_ERR_NOENT, "%s: no such interface", x->interface);
		goto out;
	}
	r = load(x, o, err);
	if (r == 0)
		r = open_rings(x, o, err);
	if (r == 0)
		r = hang_up(x, o->generic, err);
	if (r < 0)
		goto out;
	*ret = x;
	x = NULL;
out:
	gs_xdp_close(x);
	return r;
}

/* Whether a table is one of the program's; that it is this program's, who held it knows. */
static bool table_fits(int fd, enum gs_xdp_part part, uint32_t *ret_entries)
{
	struct bpf_map_info i = { 0 };
	uint32_t len = sizeof i;

	if (bpf_obj_get_info_by_fd(fd, &i, &len) < 0 || i.type != tables[part].type || i.key_size != tables[part].key || i.value_size != tables[part].value)
		return false;
	*ret_entries = i.max_entries;
	return i.max_entries == tables[part].entries || (!tables[part].entries && i.max_entries <= GS_XDP_SOURCES_MAX);
}

int gs_xdp_adopt(const struct gs_xdp_options *o, const int part[GS_XDP_PARTS], struct gs_xdp **ret, struct gs_error *err)
{
	struct gs_xdp *x = NULL;
	struct bpf_link_info link = { 0 };
	uint32_t len = sizeof link, entries = 0;
	int r = begin(o, &x, err);

	if (r < 0)
		goto out;
	bool fits = bpf_obj_get_info_by_fd(part[GS_XDP_LINK], &link, &len) == 0 && link.type == BPF_LINK_TYPE_XDP;
	for (unsigned i = GS_XDP_SOURCES_TABLE; fits && i < GS_XDP_PARTS; i++) {
		fits = table_fits(part[i], i, &entries);
		x->sources = i == GS_XDP_SOURCES_TABLE ? entries : x->sources;
	}
	if (!fits) {
		r = gs_fail(err, GS_ERR_USAGE, "%s: what is to be taken over is no fast path", x->interface);
		goto out;
	}
	x->ifindex = (int)link.xdp.ifindex; /* 0 as soon as the interface is gone */
	memcpy(x->part, part, sizeof x->part);
	r = open_rings(x, o, err);
	if (r < 0) {
		for (unsigned i = 0; i < GS_XDP_PARTS; i++) /* the caller's again */
			x->part[i] = -1;
		goto out;
	}
	*ret = x;
	x = NULL;
out:
	gs_xdp_close(x);
	return r;
}

void gs_xdp_parts(const struct gs_xdp *x, int ret_part[GS_XDP_PARTS])
{
	memcpy(ret_part, x->part, sizeof x->part);
}

void gs_xdp_given(struct gs_xdp *x, uint64_t packets, uint64_t bytes)
{
	x->rest += packets;
	x->rest_bytes += bytes;
}

static void part_close(struct gs_xdp *x, unsigned part)
{
	if (x->part[part] >= 0)
		close(x->part[part]);
	x->part[part] = -1;
}

void gs_xdp_stop(struct gs_xdp *x)
{
	part_close(x, GS_XDP_LINK);
}

void gs_xdp_close(struct gs_xdp *x)
{
	if (!x)
		return;
	gs_xdp_stop(x);
	for (unsigned i = 0; i < 2; i++)
		ring_buffer__free(x->rings[i]);
	if (x->epoll >= 0)
		close(x->epoll);
	for (unsigned i = GS_XDP_SOURCES_TABLE; !x->object && i < GS_XDP_PARTS; i++)
		part_close(x, i);
	bpf_object__close(x->object);
	free(x->counts);
	free(x->totals);
	free(x->interface);
	free(x);
}

void gs_xdp_info(const struct gs_xdp *x, struct gs_xdp_info *ret)
{
	*ret = (struct gs_xdp_info){ .interface = x->interface, .ifindex = x->ifindex, .adopted = !x->object, .native = x->native, .sources = x->sources, .note = x->note };
}

int gs_xdp_fd(const struct gs_xdp *x)
{
	return x->epoll;
}

void gs_xdp_clock(struct gs_xdp *x, int64_t offset_ns)
{
	x->slots[GS_XDP_SAMPLED].offset_ns = x->slots[GS_XDP_WHOLE].offset_ns = offset_ns;
}

int gs_xdp_frames(struct gs_xdp *x, enum gs_xdp_kind kind, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	struct slots *t = &x->slots[kind];

	t->frames = frames;
	t->n = 0;
	t->max = max < GS_SOURCE_BATCH ? max : GS_SOURCE_BATCH;
	const int r = ring_buffer__consume(x->rings[kind]);
	*ret_n = t->n;
	if (r < 0 && r != -ECANCELED)
		return gs_fail_errno(err, GS_ERR_IO, -r, "%s: cannot read from the fast path", x->interface);
	return 0;
}

int gs_xdp_totals(struct gs_xdp *x, struct gs_xdp_totals *ret, struct gs_error *err)
{
	const uint32_t zero = 0;

	if (bpf_map_lookup_elem(x->part[GS_XDP_TOTALS_TABLE], &zero, x->totals) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot read the fast path's totals", x->interface);
	*ret = (struct gs_xdp_totals){ .named = x->named, .named_bytes = x->named_bytes };
	for (int i = 0; i < x->cpus; i++) {
		const struct xdp_total *t = &x->totals[i];
		ret->packets += t->packets;
		ret->bytes += t->octets;
		ret->fragments += t->later_fragments;
		ret->samples += t->samples;
		ret->samples_held += t->samples_held;
		ret->samples_lost += t->samples_lost;
		ret->whole += t->whole;
		ret->whole_lost += t->whole_lost;
	}
	return 0;
}

/* What all CPUs counted of one source, as one. */
static void sum_up(const struct gs_xdp *x, const struct xdp_source_key *key, const struct xdp_source_count *c, struct gs_xdp_source *ret)
{
	const int64_t offset = x->slots[0].offset_ns;
	uint64_t first = UINT64_MAX, last = 0;

	*ret = (struct gs_xdp_source){ 0 };
	if (key->family == 4)
		gs_addr_set_v4(&ret->addr, key->address);
	else
		gs_addr_set_v6(&ret->addr, key->address);
	for (int i = 0; i < x->cpus; i++) {
		if (c[i].packets == 0)
			continue;
		ret->packets += c[i].packets;
		ret->bytes += c[i].octets;
		first = c[i].first_ns < first ? c[i].first_ns : first;
		last = c[i].last_ns > last ? c[i].last_ns : last;
	}
	ret->first.ns = (int64_t)(first == UINT64_MAX ? last : first) + offset;
	ret->last.ns = (int64_t)last + offset;
}

static int pass_sources(struct gs_xdp *x, size_t n, int (*take)(void *arg, const struct gs_xdp_source *s, size_t n, struct gs_error *err), void *arg,
			struct gs_error *err)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		sum_up(x, &x->keys[i], x->counts + i * (size_t)x->cpus, &x->out[m]);
		x->named += x->out[m].packets;
		x->named_bytes += x->out[m].bytes;
		m += x->out[m].packets > 0;
	}
	return m ? take(arg, x->out, m, err) : 0;
}

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

int gs_xdp_read(struct gs_xdp *x, int (*take)(void *arg, const struct gs_xdp_source *s, size_t n, struct gs_error *err), void *arg,
                struct gs_xdp_rest *ret_rest, struct gs_error *err)
{
	struct gs_xdp_totals before;
	uint32_t position[4] = { 0 };
	int r = gs_xdp_totals(x, &before, err);

	/* new sources come in behind the reading too: the table's size bounds it */
	for (uint64_t seen = 0, first = 1; r == 0 && seen < 2ull * x->sources + GS_XDP_READ; first = 0) {
		uint32_t n = GS_XDP_READ;
		const int got = bpf_map_lookup_and_delete_batch(x->part[GS_XDP_SOURCES_TABLE], first ? NULL : position, position, x->keys, x->counts, &n, NULL);
		if (got < 0 && errno != ENOENT)
			return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot read the fast path's sources", x->interface);
		r = pass_sources(x, n, take, arg, err);
		seen += n;
		if (got < 0)
			break;
	}
	/* Everything counted before is named by now, or never will be. */
	*ret_rest = (struct gs_xdp_rest){ .packets = above(before.packets, x->named + x->rest), .bytes = above(before.bytes, x->named_bytes + x->rest_bytes) };
	x->rest += ret_rest->packets;
	x->rest_bytes += ret_rest->bytes;
	return r;
}
