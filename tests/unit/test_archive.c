/* test_archive.c - archives: out and in again, merged, twice, cut, altered, and what cannot be told apart */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "scratch.h"
#include "store/made.h"
#include "store/store.h"

#define DAY (86400 * GS_NS_PER_S)
#define T0 (INT64_C(1485573131) * GS_NS_PER_S)

static char folder[64];
static unsigned n_stores;

/* ---- stores ---- */

static struct gs_store *store_at(const char *path, enum gs_store_mode mode)
{
	const struct gs_store_options o = { .mode = mode };
	struct gs_store *st = NULL;
	struct gs_error err = { 0 };
	if (gs_store_open(path, &o, &st, &err) < 0)
		fail_msg("%s", err.text);
	return st;
}

static struct gs_store *store_new(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%u.db", folder, n_stores++);
	return store_at(path, GS_STORE_CREATE);
}

/* Three named sensors beside the unnamed one. */
static struct gs_store *store_named(void)
{
	static const char *const names[] = { "north", "süd", "caf\xe9 \"x\\" };
	struct gs_store *st = store_new();
	uint16_t id;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(gs_store_sensor(st, names[i], strlen(names[i]), &id, NULL), 0);
	return st;
}

static void store_drop(struct gs_store *st)
{
	static const char *const beside[] = { "", "-wal", "-shm", "-writer" };
	struct gs_store_info info;
	char path[160];
	assert_int_equal(gs_store_info(st, &info, NULL), 0);
	char *base = strdup(info.path);
	gs_store_close(st);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s%s", base, beside[i]);
		unlink(path);
	}
	free(base);
}

/* Every field that a row keeps, anything that it can hold. */
static void odd_next(struct made *m, struct gs_sighting *s)
{
	struct gs_addr *const addrs[] = { &s->src, &s->dst, &s->inner_src, &s->inner_dst };
	made_next(m, s);
	uint64_t r = made_random(m);
	for (unsigned i = 0; i < 4; i++, r >>= 2) {
		uint64_t a[2] = { made_random(m), made_random(m) };
		static const uint8_t families[4] = { 4, 6, 0, 6 };
		memset(addrs[i], 0, sizeof *addrs[i]);
		addrs[i]->family = families[r & 3];
		memcpy(addrs[i]->b, a, addrs[i]->family == 6 ? 16 : addrs[i]->family);
	}
	s->flags = r & 1 ? GS_SIGHTING_FOLDED : r & 2 ? GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED : 0;
	if (s->flags)
		s->src = (struct gs_addr){ 0 };
	if (s->flags & GS_SIGHTING_DST_FOLDED)
		s->dst = (struct gs_addr){ 0 };
	s->sources = s->flags ? made_below(m, 100000) : 1;
	s->class_ = (uint8_t)made_below(m, GS_CLASS_COUNT);
	s->confidence = (uint8_t)made_below(m, 101);
	s->evidence = made_random(m);
	s->evidence_bits = (uint16_t)made_random(m);
	s->has = (uint32_t)made_random(m);
	s->first.ns += (int64_t)made_below(m, 1000);
	s->last.ns = s->first.ns + (int64_t)made_below(m, 2000000000);
	s->packets = made_below(m, 4) ? 1 + made_below(m, 50) : made_random(m) >> 20;
	s->bytes = made_below(m, 2) ? s->packets * s->ip_len : made_random(m) >> 12;
	s->gre_flags = (uint16_t)made_random(m);
	s->gre_proto = (uint16_t)made_random(m);
	s->gre_key = (uint32_t)made_random(m);
	s->gre_seq = (uint32_t)made_random(m);
	s->tunnel_id = (uint32_t)made_random(m);
	s->via = (uint8_t)made_below(m, GS_VIA_UDP + 1);
	s->protocol = made_below(m, 2) ? 17 : 47;
	s->ttl = (uint8_t)made_random(m);
	s->ttl_min = made_below(m, 2) ? s->ttl : (uint8_t)made_random(m);
	s->ttl_max = made_below(m, 2) ? s->ttl : (uint8_t)made_random(m);
	s->df = (uint8_t)made_below(m, 2);
	s->stop = (uint8_t)made_below(m, GS_STOP_COUNT);
	s->fidelity = (uint8_t)made_below(m, GS_FIDELITY_COUNT);
	s->inner_proto = (uint8_t)made_random(m);
	s->inner_ttl = (uint8_t)made_random(m);
	s->inner_icmp_type = (uint8_t)made_below(m, 3);
	s->inner_icmp_code = (uint8_t)made_below(m, 3);
	s->icmp_type = (uint8_t)made_below(m, 3);
	s->icmp_code = (uint8_t)made_below(m, 3);
	s->bot_kind = (uint8_t)made_below(m, GS_BOT_POSITION + 1);
	s->byte_order = (uint8_t)made_below(m, 3);
	s->bot_hi = s->bot_kind ? made_random(m) : 0;
	s->bot_lo = s->bot_kind ? made_random(m) : 0;
}

struct rows {
	struct gs_sighting *list;
	size_t n, cap;
};

static int rows_take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct rows *r = arg;
	(void)err;
	if (r->n + n > r->cap) {
		r->cap = 2 * (r->n + n);
		r->list = realloc(r->list, r->cap * sizeof *r->list);
		assert_non_null(r->list);
	}
	memcpy(r->list + r->n, s, n * sizeof *s);
	r->n += n;
	return 0;
}

static int rows_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct gs_sighting));
}

/* What sums are over. */
static int sums_order(const void *a, const void *b)
{
	const struct gs_sighting *x = a, *y = b;
	struct gs_sighting k[2] = { *x, *y };
	for (int i = 0; i < 2; i++) {
		k[i].packets = k[i].bytes = k[i].spread = k[i].sources = 0;
		k[i].last.ns = 0;
	}
	return memcmp(&k[0], &k[1], sizeof *k);
}

static struct rows made(uint64_t seed, size_t n, int64_t start, int64_t span, bool odd)
{
	struct made m = made_start(seed, 400, 20, n, start, span);
	struct rows r = { .list = calloc(n, sizeof *r.list), .n = n, .cap = n };
	for (size_t i = 0; i < n; i++) {
		if (odd && i % 3 == 0)
			odd_next(&m, &r.list[i]);
		else
			made_next(&m, &r.list[i]);
	}
	return r;
}

static void rows_add(struct gs_store *st, const struct rows *r)
{
	assert_int_equal(gs_store_append(st, r->list, r->n, NULL), 0);
	assert_int_equal(gs_store_settle(st, NULL), 0);
}

/* Some processes that depend on the rows from `s` on alone, as a tracker's would that saw them; and what is left over. */
static void bots_put(struct gs_store *st, const struct gs_sighting *s, size_t n, uint16_t sensor)
{
	const struct gs_store_bots_rest rest = { .pending = n, .unlinked = n / 3, .refused = 1, .skipped = (uint64_t)s->first.ns & 0xffff };
	struct made m = { .state = (uint64_t)s->first.ns };
	struct gs_store_bot list[9];
	size_t n_bots = n / 100 < 9 ? n / 100 : 9;
	struct gs_error err = { 0 };
	memset(list, 0, sizeof list);
	for (size_t i = 0; i < n_bots; i++) {
		struct gs_store_bot *b = &list[i];
		const struct gs_time last = { s[n - 1].first.ns };
		b->process = (struct gs_bot_process){ .number = (uint32_t)i * 7, .bot_kind = GS_BOT_POSITION, .byte_order = GS_BOT_BIG, .evidence = 96, .packets_seen = n,
			                              .bot_hi = made_random(&m), .bot_lo = made_random(&m), .pos_lo = UINT64_MAX, .packets_sent = UINT64_MAX,
			                              .class_ = GS_CLASS_FLOOD_MIRAI_GREIP, .attacks = 40, .loss = 0.1, .rate_pps = -1, .hops = -1, .n_hops = 1,
			                              .src_ips = 900, .n_src = GS_BOT_SRC_SAMPLE, .first_seen = s[0].first, .last_seen = last };
		if (last.ns < b->process.first_seen.ns)
			b->process.first_seen = last;
		b->process.hop[0].hops = -3;
		b->process.hop[0].packets = n;
		for (unsigned k = 0; k < GS_BOT_SRC_SAMPLE; k++)
			b->process.src[k] = k & 1 ? s[k].src : gs_addr_v4((const uint8_t *)&m.state);
		snprintf(b->process.comm, sizeof b->process.comm, "caf\xe9 \"%u\"", (unsigned)i);
		b->sensor = sensor;
		b->n_attacks = i == 0 ? 0 : i == 1 ? GS_STORE_BOT_ATTACKS : (unsigned)i;
		for (unsigned k = 0; k < b->n_attacks; k++)
			b->attacks[k] = (struct gs_bot_attack){ .flood = GS_BOT_GREETH, .targets = k, .rounds = k + 1, .packets_seen = k, .loss = 1.0 / 3, .dst = s[k].dst,
				                                .first_seen = s[0].first, .last_seen = s[0].first };
	}
	if (gs_store_bots_put(st, list, n_bots, &rest, &err) < 0)
		fail_msg("%s", err.text);
}

/* Reads a capture of records, as the pipeline does. Returns the state. */
static enum gs_input_state ingest(struct gs_store *st, const char *path, const struct rows *r)
{
	const struct gs_input_spec spec = { .path = path, .window_s = 60 };
	struct gs_tally run = { 0 };
	struct gs_input *in = NULL;
	struct gs_input_info info;
	enum gs_input_step step = GS_INPUT_TAKE;
	struct gs_error err = { 0 };
	assert_int_equal(gs_input_begin(st, &spec, &in, &err), 0);
again:
	for (size_t at = 0, m;; at += m) {
		size_t n = r->n - at < 100 ? r->n - at : 100;
		if (gs_input_records(in, r->list + at, n, &m, &step, &err) < 0)
			fail_msg("%s", err.text);
		if (step == GS_INPUT_AGAIN)
			goto again;
		if (!n)
			break;
		if (step != GS_INPUT_SKIP) {
			assert_int_equal(gs_store_append(st, r->list + at, m, &err), 0);
			run.sightings += m;
			run.records += m;
			bots_put(st, r->list + at + m - run.records, run.records, 0);
		}
	}
	if (gs_input_end(in, &run, NULL, &info, &err) < 0)
		fail_msg("%s", err.text);
	return info.state;
}

/* ---- archives ---- */

static int archive_of(struct gs_store *st, struct gs_archive_result *ret)
{
	int fd = memfd_create("archive", 0);
	struct gs_error err = { 0 };
	if (gs_archive_write(st, fd, "made", ret, &err) < 0)
		fail_msg("%s", err.text);
	return fd;
}

static int import(struct gs_store *st, int fd, struct gs_archive_result *ret, struct gs_error *err)
{
	lseek(fd, 0, SEEK_SET);
	int r = gs_archive_read(st, fd, "made", NULL, ret, err);
	assert_int_equal(gs_store_settle(st, NULL), 0);
	return r;
}

static void import_well(struct gs_store *st, int fd, struct gs_archive_result *ret)
{
	struct gs_error err = { 0 };
	if (import(st, fd, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static uint8_t *octets(int fd, size_t *ret_n)
{
	size_t n = (size_t)lseek(fd, 0, SEEK_END);
	uint8_t *p = malloc(n + 1);
	assert_int_equal(pread(fd, p, n, 0), (ssize_t)n);
	*ret_n = n;
	return p;
}

static int file_of(const void *data, size_t n)
{
	int fd = memfd_create("archive", 0);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
	return fd;
}

/* The same archive unpacked. */
static int unpacked(int fd)
{
	size_t n, cap = 64u << 20;
	uint8_t *p = octets(fd, &n), *out = malloc(cap);
	size_t len = ZSTD_decompress(out, cap, p, n);
	assert_false(ZSTD_isError(len));
	int plain = file_of(out, len);
	free(out);
	free(p);
	return plain;
}

/* ---- what a store answers ---- */

/* The same sum may be given in pieces; how they fall is the store's own business. */
static void pieces_join(struct rows *r, unsigned needs)
{
	int64_t unit = needs & GS_NEED_HOUR ? 3600 : needs & (GS_NEED_DAY | GS_NEED_WEEK) ? 86400 : 0;
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++) { /* the key first, the numbers aside */
		struct gs_sighting *s = &r->list[i];
		int64_t day = gs_time_floor_s(s->first, unit ? unit : 1);
		if (needs & GS_NEED_WEEK)
			day -= ((day / 86400 + 3) % 7) * 86400;
		s->spread = (uint64_t)s->first.ns;
		s->first.ns = unit ? day : 0;
	}
	qsort(r->list, r->n, sizeof *r->list, sums_order);
	for (size_t i = 0; i < r->n; i++) {
		struct gs_sighting *to = &r->list[n - 1], *s = &r->list[i];
		if (n == 0 || sums_order(to, s) != 0) {
			r->list[n++] = *s;
			continue;
		}
		to->packets += s->packets;
		to->bytes += s->bytes;
		to->sources += to->flags ? s->sources : 0; /* else it is 1, however many pieces */
		to->last = to->last.ns > s->last.ns ? to->last : s->last;
		to->spread = (int64_t)to->spread < (int64_t)s->spread ? to->spread : s->spread;
	}
	r->n = n;
}

static struct rows scan(struct gs_store *st, unsigned needs, bool raw)
{
	struct rows r = { 0 };
	struct gs_filter f = GS_FILTER_ALL;
	struct gs_scan_options o = { .raw_only = raw };
	struct gs_error err = { 0 };
	if (gs_store_scan(st, &f, needs, &o, &(struct gs_sighting_sink){ rows_take, &r }, NULL, &err) < 0)
		fail_msg("%s", err.text);
	if (needs != GS_NEED_ALL)
		pieces_join(&r, needs);
	qsort(r.list, r.n, sizeof *r.list, rows_order);
	return r;
}

static void same_answers(struct gs_store *a, struct gs_store *b, unsigned needs)
{
	struct rows x = scan(a, needs, false), y = scan(b, needs, false);
	assert_int_equal(x.n, y.n);
	for (size_t i = 0; i < x.n; i++)
		if (memcmp(&x.list[i], &y.list[i], sizeof *x.list) != 0)
			fail_msg("question %x, row %zu: class %u flags %x packets %llu sources %u, %u", needs, i, x.list[i].class_, x.list[i].flags,
			         (unsigned long long)x.list[i].packets, x.list[i].sources, y.list[i].sources);
	free(x.list);
	free(y.list);
}

static const unsigned questions[] = { GS_NEED_ALL, GS_NEED_SRC, GS_NEED_SRC | GS_NEED_CLASS, GS_NEED_DST, GS_NEED_DAY, GS_NEED_HOUR | GS_NEED_COUNTS,
	                              GS_NEED_WEEK | GS_NEED_COUNTS, GS_NEED_SENSOR | GS_NEED_CLASS, GS_NEED_SHAPE,
	                              GS_NEED_SRC | GS_NEED_DST | GS_NEED_CLASS | GS_NEED_HOUR | GS_NEED_SENSOR | GS_NEED_SHAPE };

static int input_sum(void *arg, const struct gs_input_info *in, struct gs_error *err)
{
	uint64_t *sum = arg, h = in->units * 31 + in->tally.sightings * 7 + in->complete + (uint64_t)in->window_s * 3;
	(void)err;
	for (const char *p = in->path; *p; p++)
		h = h * 131 + (unsigned char)*p;
	*sum += made_mix(h);
	return 0;
}

/* Bots with the paths of their inputs and the names of their sensors, in any order. */
struct bots {
	uint64_t n, sum, input;
	const char *const *names;
	const char *path;
	struct gs_store_bots_rest rest;
};

static uint64_t octets_sum(uint64_t h, const void *data, size_t n)
{
	for (const uint8_t *p = data; n; n--)
		h = made_mix(h * 257 + *p++);
	return h;
}

static int bot_sum(void *arg, const struct gs_store_bot *b, struct gs_error *err)
{
	struct bots *s = arg;
	const struct gs_bot_process *p = &b->process;
	const uint64_t v[] = { p->number, p->bot_kind, p->class_, p->evidence, p->bot_hi, p->bot_lo, p->pos_lo, p->packets_seen, p->packets_sent, p->attacks,
		               p->hop[0].packets, p->src_ips, (uint64_t)p->first_seen.ns, (uint64_t)p->last_seen.ns, b->n_attacks };
	(void)err;
	if (b->input != s->input)
		return 0;
	uint64_t h = octets_sum(1, v, sizeof v);
	h = octets_sum(h, &p->loss, sizeof p->loss);
	h = octets_sum(h, &p->rate_pps, sizeof p->rate_pps);
	h = octets_sum(h, p->comm, sizeof p->comm);
	for (unsigned i = 0; i < p->n_src; i++)
		h = octets_sum(h, p->src[i].b, 16) + p->src[i].family;
	for (unsigned i = 0; i < b->n_attacks; i++)
		h = octets_sum(h, b->attacks[i].dst.b, 16) + b->attacks[i].rounds * 3 + b->attacks[i].packets_seen;
	h = octets_sum(h, s->names[b->sensor], strlen(s->names[b->sensor]));
	s->sum += octets_sum(h, s->path, strlen(s->path));
	s->n++;
	return 0;
}

struct paths {
	uint64_t id[16];
	char path[16][64];
	size_t n;
};

static int path_take(void *arg, const struct gs_input_info *in, struct gs_error *err)
{
	struct paths *p = arg;
	(void)err;
	assert_true(p->n < 16);
	p->id[p->n] = in->id;
	snprintf(p->path[p->n++], 64, "%.60s", in->path);
	return 0;
}

static struct bots bots_of(struct gs_store *st)
{
	struct gs_filter f = GS_FILTER_ALL;
	struct bots s = { 0 };
	struct paths p = { .n = 0 };
	struct gs_error err = { 0 };
	unsigned n_names;
	if (gs_store_inputs(st, path_take, &p, &err) < 0 || gs_store_sensors(st, &s.names, &n_names, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < p.n; i++) {
		s.input = p.id[i];
		s.path = p.path[i];
		if (gs_store_bots(st, &f, bot_sum, &s, &s.rest, &err) < 0)
			fail_msg("%s", err.text);
	}
	return s;
}

static void same_bots(struct gs_store *a, struct gs_store *b)
{
	const struct bots x = bots_of(a), y = bots_of(b);
	assert_int_equal(x.n, y.n);
	assert_int_equal(x.sum, y.sum);
	assert_memory_equal(&x.rest, &y.rest, sizeof x.rest);
}

static void print_trouble(void *arg, const char *sentence)
{
	(void)arg;
	print_message("# %s\n", sentence);
}

static void sound(struct gs_store *st)
{
	uint64_t n = 1;
	assert_int_equal(gs_store_check(st, false, print_trouble, NULL, &n, NULL), 0);
	assert_int_equal(n, 0);
}

/* All that can be asked, and the inputs. */
static void same_in(struct gs_store *a, struct gs_store *b, size_t n_questions)
{
	struct gs_store_info x, y;
	uint64_t in_a = 0, in_b = 0;
	for (size_t i = 0; i < n_questions; i++)
		same_answers(a, b, questions[i]);
	assert_int_equal(gs_store_info(a, &x, NULL), 0);
	assert_int_equal(gs_store_info(b, &y, NULL), 0);
	assert_int_equal(x.sightings, y.sightings);
	assert_int_equal(x.packets, y.packets);
	assert_int_equal(x.bytes, y.bytes);
	assert_int_equal(x.pruned_sightings, y.pruned_sightings);
	assert_int_equal(x.first.ns, y.first.ns);
	assert_int_equal(x.last.ns, y.last.ns);
	assert_int_equal(x.n_inputs, y.n_inputs);
	assert_int_equal(gs_store_inputs(a, input_sum, &in_a, NULL), 0);
	assert_int_equal(gs_store_inputs(b, input_sum, &in_b, NULL), 0);
	assert_int_equal(in_a, in_b);
	same_bots(a, b);
}

static void same_store(struct gs_store *a, struct gs_store *b)
{
	same_in(a, b, sizeof questions / sizeof *questions);
}

static uint64_t next_seq(struct gs_store *st)
{
	struct gs_store_info i;
	assert_int_equal(gs_store_info(st, &i, NULL), 0);
	return i.next_seq;
}

static void prune(struct gs_store *st, int64_t before)
{
	const struct gs_prune_options o = { .raw_before = { before }, .rollups_before = GS_TIME_MIN };
	struct gs_prune_result r;
	assert_int_equal(gs_store_prune(st, &o, &r, NULL), 0);
	assert_true(r.sightings > 0);
}

/* ---- tests ---- */

static void every_field_comes_back(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_new();
	struct rows loose = made(1, 23000, T0, 40 * DAY, true), capture = made(2, 3000, T0 + 5 * DAY, 9 * DAY, true);
	struct gs_archive_result out, in, again;
	rows_add(a, &loose);
	assert_int_equal(ingest(a, "weird \xff\xfe \"path\\\n\x01\xe2\x82\xac.pcap", &capture), GS_INPUT_NEW);
	int fd = archive_of(a, &out);
	assert_int_equal(out.sightings, 26000);
	import_well(b, fd, &in);
	assert_int_equal(in.sightings, 26000);
	assert_int_equal(in.inputs, 1);
	same_store(a, b);
	struct rows raw = scan(b, GS_NEED_HOUR | GS_NEED_SRC | GS_NEED_SHAPE, true), cells = scan(b, GS_NEED_HOUR | GS_NEED_SRC | GS_NEED_SHAPE, false);
	assert_int_equal(raw.n, cells.n);
	assert_memory_equal(raw.list, cells.list, raw.n * sizeof *raw.list);
	const char *const *names;
	unsigned n;
	assert_int_equal(gs_store_sensors(b, &names, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_string_equal(names[3], "caf\xe9 \"x\\");

	/* twice, unpacked, and back from where it came: nothing changes */
	uint64_t next = next_seq(b);
	import_well(b, fd, &again);
	assert_int_equal(again.sightings, 0);
	assert_int_equal(again.known, 26000);
	assert_int_equal(again.inputs, 0);
	int plain = unpacked(fd), back = archive_of(b, NULL);
	import_well(b, plain, NULL);
	assert_int_equal(next_seq(b), next);
	next = next_seq(a);
	import_well(a, back, &again);
	assert_int_equal(again.sightings, 0);
	assert_int_equal(next_seq(a), next);
	same_store(a, b);
	assert_int_equal(ingest(b, "again.pcap", &capture), GS_INPUT_KNOWN);

	/* our own rows go on behind the imported ones, and are told apart from them */
	struct rows more = made(3, 500, T0 + 50 * DAY, DAY, true);
	rows_add(b, &more);
	int both = archive_of(b, &out);
	assert_int_equal(out.sightings, 26500);
	import_well(a, both, &in);
	assert_int_equal(in.sightings, 500);
	same_answers(a, b, GS_NEED_ALL);
	close(fd), close(plain), close(back), close(both);
	free(loose.list), free(capture.list), free(raw.list), free(cells.list), free(more.list);
	store_drop(a);
	store_drop(b);
}

static void sums_of_pruned_rows_survive(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_new();
	struct rows x = made(4, 30000, T0, 60 * DAY, true), y = made(5, 25000, T0 + 20 * DAY, 20 * DAY, false);
	struct gs_archive_result out, in;
	rows_add(a, &x);
	ingest(a, "y.csv", &y);
	prune(a, T0 + 33 * DAY + DAY / 3); /* in the middle of a day, and of the capture */
	struct gs_store_info info;
	gs_store_info(a, &info, NULL);
	assert_true(info.pruned_sightings > 10000 && info.raw_sightings > 10000);
	int fd = archive_of(a, &out);
	assert_int_equal(out.sightings, info.raw_sightings);
	assert_true(out.cells > 1000);
	import_well(b, fd, &in);
	assert_int_equal(in.sightings, out.sightings);
	assert_int_equal(in.cells, out.cells);
	assert_false(in.rollups_known);
	same_store(a, b);
	uint64_t next = next_seq(b);
	import_well(b, fd, &in);
	assert_int_equal(in.sightings + in.cells, 0);
	assert_true(in.rollups_known);
	assert_int_equal(next_seq(b), next);
	same_store(a, b);
	assert_int_equal(ingest(b, "y.csv", &y), GS_INPUT_KNOWN);

	/* and once more, from there, with more of it gone */
	struct gs_store *c = store_new();
	prune(b, T0 + 45 * DAY);
	int second = archive_of(b, NULL);
	import_well(c, second, NULL);
	same_store(b, c);
	import_well(c, fd, &in); /* the older archive brings nothing back */
	assert_int_equal(in.sightings + in.cells, 0);
	same_store(b, c);
	import_well(a, second, &in); /* nor the newer one to the first */
	assert_int_equal(in.sightings + in.cells, 0);
	close(fd), close(second);
	free(x.list), free(y.list);
	store_drop(a), store_drop(b), store_drop(c);
}

static void merged_as_if_one_had_seen_all(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_new(), *merged = store_new(), *one = store_named();
	struct rows x = made(6, 12000, T0, 30 * DAY, true), y = made(7, 9000, T0 + 10 * DAY, 30 * DAY, true), z = made(8, 2000, T0, 30 * DAY, false);
	uint16_t id, north;
	rows_add(a, &x);
	rows_add(one, &x);
	ingest(one, "z.csv", &z);
	ingest(a, "z.csv", &z);
	assert_int_equal(gs_store_sensor(b, "east", 4, &id, NULL), 0); /* its number 1 is another's here */
	for (size_t i = 0; i < y.n; i++)
		y.list[i].sensor = i & 1;
	rows_add(b, &y);
	for (size_t i = 0; i < z.n; i++)
		z.list[i].sensor = 0;
	ingest(b, "z.csv", &z);
	int fa = archive_of(a, NULL), fb = archive_of(b, NULL);
	struct gs_archive_result r;
	import_well(merged, fa, NULL);
	lseek(fb, 0, SEEK_SET);
	assert_int_equal(gs_archive_read(merged, fb, "b", "north", &r, NULL), 0);
	assert_int_equal(gs_store_settle(merged, NULL), 0);
	assert_int_equal(r.sightings, y.n); /* z.csv is known by its content */
	assert_int_equal(r.known, z.n);

	assert_int_equal(gs_store_sensor(one, "east", 4, &id, NULL), 0);
	assert_int_equal(gs_store_sensor(one, "north", 5, &north, NULL), 0);
	for (size_t i = 0; i < y.n; i++)
		y.list[i].sensor = i & 1 ? id : north;
	rows_add(one, &y);
	same_store(merged, one);
	close(fa), close(fb);
	free(x.list), free(y.list), free(z.list);
	store_drop(a), store_drop(b), store_drop(merged), store_drop(one);
}

/* Two captures, loose rows, and what is left of pruned ones: every sort of part, small. */
static int small_archive(struct gs_store *a)
{
	struct rows x = made(9, 300, T0, 10 * DAY, true), y = made(10, 80, T0 + 2 * DAY, 4 * DAY, true), z = made(11, 90, T0 + 8 * DAY, DAY, true);
	ingest(a, "y.csv", &y);
	rows_add(a, &x);
	prune(a, T0 + 7 * DAY);
	ingest(a, "z.csv", &z);
	rows_add(a, &y);
	free(x.list), free(y.list), free(z.list);
	return archive_of(a, NULL);
}

/* A broken copy: a sentence, and afterwards a whole one completes it. */
static void broken(struct gs_store *a, int whole, const void *data, size_t n, const char *how, size_t at)
{
	struct gs_store *b = store_new();
	struct gs_error err = { 0 };
	struct gs_archive_result r = { 0 };
	struct gs_store_info info;
	int fd = file_of(data, n), e = import(b, fd, &r, &err);
	if ((e != GS_ERR_DAMAGED && e != GS_ERR_FORMAT) || !*err.text || strncmp(err.text, "made", 4) != 0 || (e == GS_ERR_DAMAGED && !strstr(err.text, "line ")))
		fail_msg("%s at %zu: result %d, %s", how, at, e, err.text);
	assert_int_equal(gs_store_info(b, &info, NULL), 0);
	assert_int_equal(info.raw_sightings, r.sightings); /* it says what is in */
	import_well(b, whole, NULL);
	same_in(a, b, 3);
	close(fd);
	store_drop(b);
}

static void cut_archives_are_recognised(void **state)
{
	(void)state;
	struct gs_store *a = store_named();
	int fd = small_archive(a), plain = unpacked(fd);
	size_t n, m;
	uint8_t *p = octets(fd, &n), *q = octets(plain, &m);
	for (size_t i = 0; i < 16; i++)
		broken(a, fd, p, n * i / 16, "cut", n * i / 16);
	broken(a, fd, p, n - 1, "cut", n - 1);
	for (size_t i = 0; i < 24; i++)
		broken(a, fd, q, m * i / 24, "unpacked, cut", m * i / 24);
	broken(a, fd, q, m - 1, "unpacked, cut", m - 1);
	size_t last = m - 1;
	while (q[last - 1] != '\n')
		last--;
	broken(a, fd, q, last, "unpacked, without its last line", last);
	free(p), free(q);
	close(fd), close(plain);
	store_drop(a);
}

static void altered_archives_are_recognised(void **state)
{
	(void)state;
	struct gs_store *a = store_named();
	struct made m = { .state = 77 };
	int fd = small_archive(a), plain = unpacked(fd);
	size_t n, k;
	uint8_t *p = octets(fd, &n), *q = octets(plain, &k);
	for (size_t i = 0; i < 24; i++) {
		size_t at = 6 + made_below(&m, (uint32_t)n - 6), bit = made_below(&m, 8); /* the first octets hold zstd's own spare bits */
		p[at] ^= (uint8_t)(1u << bit);
		broken(a, fd, p, n, "flipped", at);
		p[at] ^= (uint8_t)(1u << bit);
	}
	for (size_t i = 0; i < 40; i++) {
		size_t at = made_below(&m, (uint32_t)k), bit = made_below(&m, 8);
		q[at] ^= (uint8_t)(1u << bit);
		broken(a, fd, q, k, "unpacked, flipped", at);
		q[at] ^= (uint8_t)(1u << bit);
	}
	free(p), free(q);
	close(fd), close(plain);
	store_drop(a);
}

static void captures_count_once(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_named();
	struct rows x = made(12, 2500, T0, 5 * DAY, true), y = made(13, 400, T0, DAY, true);
	struct rows half = { x.list, 1500, 0 };
	struct gs_archive_result r;
	struct gs_error err = { 0 };

	/* read there and here: left out; the other one comes */
	ingest(a, "x.csv", &half);
	ingest(a, "y.csv", &y);
	ingest(b, "here.csv", &x); /* more of it than there */
	int fd = archive_of(a, NULL);
	import_well(b, fd, &r);
	assert_int_equal(r.sightings, 400);
	assert_int_equal(r.known, 1500);
	close(fd);
	store_drop(b);

	/* read there, had from there, grown there: the rest comes */
	b = store_new();
	fd = archive_of(a, NULL);
	import_well(b, fd, NULL);
	close(fd);
	assert_int_equal(ingest(a, "x.csv", &x), GS_INPUT_GROWN);
	fd = archive_of(a, NULL);
	import_well(b, fd, &r);
	assert_int_equal(r.sightings, 1000);
	assert_int_equal(r.inputs, 1);
	same_store(a, b);
	assert_int_equal(ingest(b, "x.csv", &x), GS_INPUT_KNOWN);
	store_drop(b);

	/* read here by ourselves, and grown there: nobody can say which rows are which */
	b = store_named();
	ingest(b, "x.csv", &half);
	assert_int_equal(import(b, fd, &r, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "x.csv"));
	assert_int_equal(r.sightings, 400);
	assert_int_equal(ingest(b, "x.csv", &x), GS_INPUT_GROWN); /* as the sentence advises */
	same_answers(a, b, GS_NEED_ALL);
	close(fd);
	store_drop(a), store_drop(b);

	/* had from there, and read on both there and here: its rows from then on stand twice under different numbers */
	a = store_named(), b = store_new();
	struct rows more = { x.list, 2000, 0 };
	ingest(a, "x.csv", &half);
	fd = archive_of(a, NULL);
	import_well(b, fd, NULL);
	close(fd);
	assert_int_equal(ingest(b, "x.csv", &more), GS_INPUT_GROWN);
	assert_int_equal(ingest(a, "x.csv", &x), GS_INPUT_GROWN);
	fd = archive_of(a, NULL);
	assert_int_equal(import(b, fd, &r, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "x.csv"));
	assert_int_equal(r.sightings, 0);
	assert_int_equal(ingest(b, "x.csv", &x), GS_INPUT_GROWN); /* as the sentence advises */
	same_answers(a, b, GS_NEED_ALL);
	close(fd);
	free(x.list), free(y.list);
	store_drop(a), store_drop(b);
}

static void sums_that_overlap_are_left_out(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_new();
	struct rows x = made(14, 2000, T0, 5 * DAY, true), y = made(15, 1000, T0 + 6 * DAY, DAY, true), z = made(16, 500, T0 + 20 * DAY, DAY, true);
	struct gs_archive_result r;
	struct gs_error err = { 0 };
	struct gs_store_info info;

	/* half of the rows in the sums are here as rows */
	rows_add(a, &x);
	int first = archive_of(a, NULL);
	import_well(b, first, NULL);
	rows_add(a, &z);
	ingest(a, "y.csv", &y);
	prune(a, T0 + 10 * DAY);
	int fd = archive_of(a, NULL);
	assert_int_equal(import(b, fd, &r, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "sums of pruned rows"));
	assert_int_equal(r.cells, 0);
	assert_int_equal(r.sightings, 500); /* rows are told apart one by one */
	gs_store_info(b, &info, NULL);
	assert_int_equal(info.sightings, 2500);
	store_drop(b);

	/* all of them are */
	b = store_named();
	import_well(b, first, NULL);
	ingest(b, "other.csv", &z);
	close(fd);
	struct gs_store *c = store_named();
	rows_add(c, &x);
	fd = archive_of(c, NULL);
	import_well(b, fd, NULL);
	close(fd);
	prune(c, T0 + 10 * DAY);
	fd = archive_of(c, NULL);
	import_well(b, fd, &r);
	assert_true(r.rollups_known);
	assert_int_equal(r.sightings + r.cells, 0);
	close(fd);
	store_drop(b);

	/* a capture in the sums was read here, too */
	b = store_named();
	ingest(b, "y.csv", &y);
	fd = archive_of(a, NULL);
	err = (struct gs_error){ 0 };
	assert_int_equal(import(b, fd, &r, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "y.csv"));
	assert_int_equal(r.cells, 0);
	gs_store_info(b, &info, NULL);
	assert_int_equal(info.sightings, 1500);
	close(fd), close(first);
	free(x.list), free(y.list), free(z.list);
	store_drop(a), store_drop(b), store_drop(c);
}

static void a_sensors_own_inputs_come_along_once(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_new();
	struct rows x = made(17, 800, T0, DAY, true);
	const struct gs_input_spec spec = { .path = "eth0", .window_s = 60 };
	struct gs_tally run = { .packets = 800, .in_sightings = 800, .sightings = 800 }, all;
	struct gs_filter f = GS_FILTER_ALL;
	struct gs_archive_result r;
	struct gs_input *in;
	assert_int_equal(gs_input_begin_live(a, &spec, &in, NULL), 0);
	assert_int_equal(gs_store_append(a, x.list, x.n, NULL), 0);
	bots_put(a, x.list, x.n / 2, 2);
	assert_int_equal(gs_input_checkpoint(in, &run, NULL), 0);
	int fd = archive_of(a, NULL);
	import_well(b, fd, &r);
	assert_int_equal(r.bots, 4);
	same_bots(a, b);
	import_well(b, fd, &r);
	assert_int_equal(r.sightings + r.inputs + r.bots, 0);
	close(fd);
	bots_put(a, x.list, x.n, 2); /* the same processes, of which more is known, and others */
	assert_int_equal(gs_store_append(a, x.list, x.n, NULL), 0);
	run.packets = run.in_sightings = run.sightings = 1600;
	assert_int_equal(gs_input_end(in, &run, NULL, NULL, NULL), 0);
	fd = archive_of(a, NULL);
	import_well(b, fd, &r);
	assert_int_equal(r.sightings, 800);
	assert_int_equal(r.inputs, 1);
	assert_int_equal(gs_store_tally(b, &f, &all, NULL), 0);
	assert_int_equal(all.packets, 1600);
	same_store(a, b);
	int second = archive_of(b, NULL);
	import_well(a, second, &r);
	assert_int_equal(r.sightings + r.inputs + r.bots, 0);
	same_store(a, b);
	close(fd), close(second);
	free(x.list);
	store_drop(a), store_drop(b);
}

/* The version that the manifest says. */
static char version_said(int fd)
{
	size_t n;
	int plain = unpacked(fd);
	uint8_t *p = octets(plain, &n);
	const char *at = memmem(p, n, "\"version\":", 10);
	assert_non_null(at);
	const char v = at[10];
	close(plain);
	free(p);
	return v;
}

static void bots_come_with_their_inputs(void **state)
{
	(void)state;
	struct gs_store *a = store_named(), *b = store_named(), *one = store_named();
	struct rows x = made(21, 900, T0, 5 * DAY, true), y = made(22, 500, T0 + DAY, DAY, true), z = made(23, 700, T0 + 3 * DAY, DAY, true), none = { 0 };
	struct rows half = { x.list, 450, 0 };
	struct gs_archive_result r;

	/* from two stores, whose inputs have other numbers; one capture both have read */
	ingest(a, "x.csv", &half);
	ingest(a, "y.csv", &y);
	ingest(b, "z.csv", &z);
	ingest(b, "y.csv", &y);
	ingest(one, "z.csv", &z);
	ingest(one, "x.csv", &half);
	ingest(one, "y.csv", &y);
	int fd = archive_of(a, &r);
	assert_int_equal(r.bots, 4 + 5);
	assert_int_equal(version_said(fd), '2');
	import_well(b, fd, &r);
	assert_int_equal(r.bots, 4);
	same_bots(b, one);
	sound(b);
	import_well(b, fd, &r);
	assert_int_equal(r.bots, 0);
	same_bots(b, one);
	close(fd);

	/* read on there: what the later part showed comes too, what was there stays once */
	assert_int_equal(ingest(a, "x.csv", &x), GS_INPUT_GROWN);
	assert_int_equal(ingest(one, "x.csv", &x), GS_INPUT_GROWN);
	fd = archive_of(a, NULL);
	import_well(b, fd, &r);
	assert_int_equal(r.bots, 4 + 4);
	same_bots(b, one);
	sound(b);
	import_well(a, fd, &r); /* its own archive brings nothing */
	assert_int_equal(r.bots, 0);
	close(fd);

	/* what was pruned does not come; what is left does, with the inputs of which rows are left */
	prune(a, T0 + 3 * DAY);
	prune(b, T0 + 3 * DAY);
	assert_true(bots_of(a).n > 0 && bots_of(b).n < bots_of(one).n);
	struct gs_store *c = store_new();
	fd = archive_of(b, &r);
	assert_int_equal(r.bots, bots_of(b).n);
	import_well(c, fd, NULL);
	same_bots(b, c);
	sound(c);
	close(fd);

	/* without bots it is as an older program wrote it */
	struct gs_store *d = store_named(), *e = store_new();
	rows_add(d, &y);
	ingest(d, "none.csv", &none);
	fd = archive_of(d, NULL);
	assert_int_equal(version_said(fd), '1');
	import_well(e, fd, NULL);
	same_store(d, e);
	close(fd);
	free(x.list), free(y.list), free(z.list);
	store_drop(a), store_drop(b), store_drop(c), store_drop(d), store_drop(e), store_drop(one);
}

static const char *pinned_as(struct gs_store *st, const struct gs_addr *src, int64_t day)
{
	static char text[200];
	struct gs_pin_span span;
	struct gs_pin pin;
	assert_int_equal(gs_store_pinned(st, src, day, &span, NULL), 0);
	if (!span.place)
		return "";
	assert_int_equal(gs_store_place(st, span.place, &pin, NULL), 0);
	snprintf(text, sizeof text, "%d/%u/%s %d/%.2s/%s/%s %s", pin.has_network, pin.asn, pin.as_name, pin.has_place, pin.country, pin.region, pin.city, pin.edition);
	return text;
}

static void pinned_origins_come_along(void **state)
{
	(void)state;
	struct gs_store *a = store_new(), *b = store_new();
	const struct gs_pin first = { .has_network = true, .has_place = true, .asn = 3462, .as_name = "HiNet \"x\"", .region = "", .city = "Taipei", .country = "TW",
		                      .edition = "2017-02" };
	const struct gs_pin second = { .has_network = true, .asn = 0, .as_name = "", .region = "", .city = "", .edition = "2017-03" };
	const struct gs_pin other = { .has_place = true, .as_name = "", .region = "Bayern", .city = "", .country = { 0 }, .edition = "2018-01" };
	struct gs_addr four = { .b = { 192, 0, 2, 1 }, .family = 4 }, six = { .b = { 0x20, 1, 0x0d, 0xb8, 1 }, .family = 6 };
	struct gs_archive_result r;
	assert_int_equal(gs_store_pin(a, &four, 17200, 17230, &first, NULL), 0);
	assert_int_equal(gs_store_pin(a, &four, 17240, 17250, &second, NULL), 0);
	assert_int_equal(gs_store_pin(a, &six, -3, 3, &other, NULL), 0);
	assert_int_equal(gs_store_commit(a, NULL), 0);
	assert_int_equal(gs_store_pin(b, &four, 17210, 17215, &other, NULL), 0); /* stays */
	assert_int_equal(gs_store_commit(b, NULL), 0);
	int fd = archive_of(a, &r);
	assert_int_equal(r.pins, 3);
	import_well(b, fd, &r);
	assert_true(r.pins >= 3);
	for (int64_t day = 17190; day < 17260; day++) {
		char theirs[200];
		snprintf(theirs, sizeof theirs, "%s", pinned_as(day >= 17210 && day <= 17215 ? b : a, &four, day));
		assert_string_equal(pinned_as(b, &four, day), theirs);
	}
	for (int64_t day = -10; day < 10; day++) {
		char theirs[200];
		snprintf(theirs, sizeof theirs, "%s", pinned_as(a, &six, day));
		assert_string_equal(pinned_as(b, &six, day), theirs);
	}
	assert_string_equal(pinned_as(b, &four, 17212), "0/0/ 1//Bayern/ 2018-01");
	import_well(b, fd, &r);
	assert_int_equal(r.pins, 0);
	close(fd);
	store_drop(a), store_drop(b);
}

static void own_archives(void **state)
{
	(void)state;
	char from[128], to[128], command[300];
	struct rows x = made(18, 300, T0, DAY, true);
	struct gs_store *a = store_named();
	struct gs_store_info info;
	struct gs_archive_result r;
	struct gs_error err = { 0 };
	rows_add(a, &x);
	int old = archive_of(a, NULL);
	gs_store_info(a, &info, NULL);
	snprintf(from, sizeof from, "%s", info.path);
	gs_store_close(a);
	snprintf(to, sizeof to, "%s/copy.db", folder);
	snprintf(command, sizeof command, "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
	a = store_at(from, GS_STORE_WRITE);
	rows_add(a, &x);
	int fd = archive_of(a, NULL);
	import_well(a, fd, &r);
	assert_int_equal(r.known, 600);
	assert_int_equal(r.sightings, 0);
	struct gs_store *b = store_at(to, GS_STORE_WRITE); /* an older copy of the same store */
	assert_int_equal(import(b, fd, &r, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "this very store"));
	assert_int_equal(r.sightings, 0);
	import_well(b, old, &r);
	assert_int_equal(r.known, 300);
	close(fd), close(old);
	free(x.list);
	store_drop(a), store_drop(b);
}

static void what_is_no_archive(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		const char *says;
	} cases[] = {
		{ "", GS_ERR_FORMAT, "empty" },
		{ "Dear reader,\n", GS_ERR_FORMAT, "no archive" },
		{ "{\"rows\":[1,2]}\n", GS_ERR_FORMAT, "no archive" },
		{ "{}\n", GS_ERR_FORMAT, "no archive" },
		{ "{\"archive\":\"grescope\",\"version\":0}\n", GS_ERR_FORMAT, "no archive" },
		{ "{\"archive\":\"other\",\"version\":1}\n", GS_ERR_FORMAT, "no archive" },
		{ "{\"archive\":\"grescope\",\"version\":3,\"news\":\"x\"}\n", GS_ERR_FORMAT, "newer" },
		{ "\x1f\x8b\x08\x00 not gzip", GS_ERR_FORMAT, "no archive" },
	};
	struct gs_store *a = store_named();
	struct gs_archive_result r;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_error err = { 0 };
		int fd = file_of(cases[i].text, strlen(cases[i].text));
		assert_int_equal(import(a, fd, &r, &err), cases[i].result);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%zu: %s", i, err.text);
		close(fd);
	}
	struct gs_error err = { 0 };
	size_t n = 1u << 20;
	char *line = malloc(n);
	memset(line, 'x', n);
	memcpy(line, "{\"archive\":\"", 12);
	int fd = file_of(line, n);
	assert_int_equal(import(a, fd, &r, &err), GS_ERR_DAMAGED);
	assert_non_null(strstr(err.text, "longer than"));
	close(fd);

	/* behind its end; and twice in a row is not one archive */
	struct rows x = made(19, 50, T0, DAY, true);
	rows_add(a, &x);
	int whole = archive_of(a, NULL);
	size_t len;
	uint8_t *p = octets(whole, &len), *two = malloc(2 * len);
	memcpy(two, p, len);
	memcpy(two + len, p, len);
	fd = file_of(two, 2 * len);
	assert_int_equal(import(a, fd, &r, &err), GS_ERR_DAMAGED);
	assert_non_null(strstr(err.text, "behind its end"));
	close(fd);

	/* a window larger than anybody needs */
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 27);
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
	ZSTD_inBuffer in = { line, n, 0 };
	ZSTD_outBuffer out = { two, 2 * len, 0 };
	ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush);
	fd = file_of(two, out.pos);
	assert_int_equal(import(a, fd, &r, &err), GS_ERR_DAMAGED);
	assert_non_null(strstr(err.text, "zstd"));
	close(fd);
	ZSTD_freeCCtx(z);

	/* who may not */
	struct gs_store_info info;
	gs_store_info(a, &info, NULL);
	struct gs_store *reader = store_at(info.path, GS_STORE_READ);
	lseek(whole, 0, SEEK_SET);
	assert_int_equal(gs_archive_read(reader, whole, "made", NULL, &r, &err), GS_ERR_ACCESS);
	gs_store_close(reader);
	int full = open("/dev/full", O_WRONLY);
	if (full >= 0) {
		assert_int_equal(gs_archive_write(a, full, "/dev/full", NULL, &err), GS_ERR_IO);
		close(full);
	}
	close(whole);
	free(p), free(two), free(line), free(x.list);
	store_drop(a);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "%.40s/grescope-XXXXXX", scratch());
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder); /* a test that leaves a file behind is wrong */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(sums_of_pruned_rows_survive),
		cmocka_unit_test(merged_as_if_one_had_seen_all),
		cmocka_unit_test(captures_count_once),
		cmocka_unit_test(sums_that_overlap_are_left_out),
		cmocka_unit_test(a_sensors_own_inputs_come_along_once),
		cmocka_unit_test(bots_come_with_their_inputs),
		cmocka_unit_test(pinned_origins_come_along),
		cmocka_unit_test(own_archives),
		cmocka_unit_test(what_is_no_archive),
		cmocka_unit_test(cut_archives_are_recognised),
		cmocka_unit_test(altered_archives_are_recognised),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
