/* test_store.c - what was put in comes out, once, whatever happens in between */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/private.h" /* the layout of older versions, and the engine's own look at a file */
#include "scratch.h"
#include "store/made.h"

#define NS INT64_C(1000000000)
#define T0 (INT64_C(1485561600) * NS) /* 2017-01-28 00:00:00 */
#define DAY_NS (INT64_C(86400) * NS)

static char folder[64];
static struct gs_error err;

/* ---- opening ---- */

static const char *path_of(const char *name)
{
	static char path[4][160];
	static int turn;
	char *p = path[turn++ & 3];
	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static void forget(const char *name)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-writer", "-ballast", "-new" };
	char path[200];
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		snprintf(path, sizeof path, "%s%s", path_of(name), suffixes[i]);
		unlink(path);
	}
}

static int try_open(const char *name, enum gs_store_mode mode, struct gs_store **ret)
{
	struct gs_store_options o = { .mode = mode };
	err = (struct gs_error){ 0 };
	return gs_store_open(path_of(name), &o, ret, &err);
}

static struct gs_store *open_store(const char *name, enum gs_store_mode mode)
{
	struct gs_store *st = NULL;
	if (try_open(name, mode, &st) < 0)
		fail_msg("%s", err.text);
	return st;
}

#define OK(call)                                                                                                                 \
	do {                                                                                                                     \
		if ((call) != 0)                                                                                                 \
			fail_msg("%s: %s", #call, err.text);                                                                     \
	} while (0)

static void print_trouble(void *arg, const char *sentence)
{
	(void)arg;
	print_message("# %s\n", sentence);
}

static void assert_sound(struct gs_store *st)
{
	uint64_t n = 1;
	OK(gs_store_check(st, false, print_trouble, NULL, &n, &err));
	assert_int_equal(n, 0);
	OK(gs_store_check(st, true, print_trouble, NULL, &n, &err));
	assert_int_equal(n, 0);
}

static void assert_sound_file(const char *name)
{
	struct gs_store *st = open_store(name, GS_STORE_READ);
	assert_sound(st);
	gs_store_close(st);
}

/* ---- sightings ---- */

struct list {
	struct gs_sighting *s;
	size_t n, cap;
};

static int list_take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *e)
{
	struct list *l = arg;
	(void)e;
	if (l->n + n > l->cap) {
		l->cap = (l->n + n) * 2;
		l->s = realloc(l->s, l->cap * sizeof *l->s);
		assert_non_null(l->s);
	}
	memcpy(l->s + l->n, s, n * sizeof *s);
	l->n += n;
	return 0;
}

static struct gs_scan_result scan(struct gs_store *st, const struct gs_filter *f, unsigned needs, bool raw_only, struct list *ret)
{
	struct gs_scan_options o = { .raw_only = raw_only };
	struct gs_sighting_sink sink = { list_take, ret };
	struct gs_scan_result res;
	*ret = (struct list){ 0 };
	OK(gs_store_scan(st, f, needs, &o, &sink, &res, &err));
	return res;
}

static uint64_t count(struct gs_store *st, bool raw_only)
{
	struct list l;
	struct gs_filter f = GS_FILTER_ALL;
	uint64_t n = scan(st, &f, 0, raw_only, &l).sightings;
	free(l.s);
	return n;
}

static struct gs_addr any_addr(struct made *m, bool none)
{
	struct gs_addr a = { .family = (uint8_t[]){ 4, 4, 6, 0 }[made_below(m, none ? 4 : 3)] };
	uint64_t r[2] = { made_random(m), made_random(m) };
	memcpy(a.b, r, a.family == 6 ? 16 : a.family);
	return a;
}

/* Every field that a sighting can have, often zero, often at an end of its range. */
static uint64_t any(struct made *m, uint64_t max)
{
	switch (made_below(m, 4)) {
	case 0:
		return 0;
	case 1:
		return max;
	default:
		return max == UINT64_MAX ? made_random(m) : made_random(m) % (max + 1);
	}
}

static void any_sighting(struct made *m, struct gs_sighting *s)
{
	memset(s, 0, sizeof *s);
	s->version = GS_SIGHTING_VERSION;
	s->src = any_addr(m, true);
	s->dst = any_addr(m, true);
	s->flags = s->src.family ? 0 : s->dst.family ? GS_SIGHTING_FOLDED : GS_SIGHTING_DST_FOLDED;
	s->class_ = (uint8_t)any(m, GS_CLASS_COUNT - 1);
	s->via = (uint8_t)any(m, GS_VIA_UDP);
	s->gre_flags = (uint16_t)any(m, UINT16_MAX);
	s->gre_proto = (uint16_t)any(m, UINT16_MAX);
	s->gre_key = (uint32_t)any(m, UINT32_MAX);
	s->gre_payload_len = (s->gre_flags & 7) == 1 ? (uint16_t)(s->gre_key >> 16) : 0;
	s->ip_len = (uint32_t)any(m, UINT32_MAX);
	s->first.ns = made_below(m, 20) ? T0 + (int64_t)(made_random(m) % (uint64_t)(10 * DAY_NS)) : (int64_t)any(m, UINT64_MAX);
	s->last.ns = made_below(m, 3) ? s->first.ns : s->first.ns < INT64_MAX - 60 * NS ? s->first.ns + (int64_t)(made_random(m) % (uint64_t)(60 * NS)) : INT64_MAX;
	s->packets = made_below(m, 2) ? 1 : any(m, UINT32_MAX);
	s->bytes = made_below(m, 2) ? s->packets * s->ip_len : any(m, UINT64_MAX >> 16);
	s->evidence = any(m, UINT64_MAX);
	s->evidence_bits = (uint16_t)any(m, UINT16_MAX);
	s->confidence = (uint8_t)any(m, 100);
	s->ttl = (uint8_t)any(m, 255);
	s->ttl_min = made_below(m, 2) ? s->ttl : (uint8_t)any(m, 255);
	s->ttl_max = made_below(m, 2) ? s->ttl : (uint8_t)any(m, 255);
	s->fidelity = (uint8_t)any(m, GS_FIDELITY_COUNT - 1);
	s->stop = (uint8_t)any(m, GS_STOP_COUNT - 1);
	s->protocol = made_below(m, 4) ? 47 : 17;
	s->df = (uint8_t)any(m, 2);
	s->has = (uint32_t)any(m, UINT32_MAX);
	s->gre_seq = (uint32_t)any(m, UINT32_MAX);
	s->tunnel_id = (uint32_t)any(m, UINT32_MAX);
	s->sources = s->flags ? (uint32_t)any(m, UINT32_MAX) : 1;
	s->sensor = (uint16_t)made_below(m, 3);
	s->inner_src = any_addr(m, true);
	s->inner_dst = any_addr(m, true);
	s->inner_sport = (uint16_t)any(m, UINT16_MAX);
	s->inner_dport = (uint16_t)any(m, UINT16_MAX);
	s->inner_proto = (uint8_t)any(m, 255);
	s->inner_ttl = (uint8_t)any(m, 255);
	s->inner_icmp_type = (uint8_t)any(m, 255);
	s->inner_icmp_code = (uint8_t)any(m, 255);
	s->icmp_type = (uint8_t)any(m, 255);
	s->icmp_code = (uint8_t)any(m, 255);
	s->bot_kind = (uint8_t)any(m, GS_BOT_POSITION);
	s->byte_order = (uint8_t)any(m, 2);
	s->bot_hi = any(m, UINT64_MAX);
	s->bot_lo = any(m, UINT64_MAX);
}

static void add_sensors(struct gs_store *st)
{
	uint16_t id;
	OK(gs_store_sensor(st, "north", 5, &id, &err));
	assert_int_equal(id, 1);
	OK(gs_store_sensor(st, "south", 5, &id, &err));
	assert_int_equal(id, 2);
}

/* n sightings as a telescope sees them over `days`, some of them folded. */
static void add_made(struct gs_store *st, uint64_t seed, size_t n, int days, size_t commit_each)
{
	struct made m = made_start(seed, 300, 40, n, T0, days * DAY_NS);
	struct gs_sighting s;
	for (size_t i = 0; i < n; i++) {
		made_next(&m, &s);
		if (i % 97 == 0) {
			s.src = (struct gs_addr){ 0 };
			s.flags = GS_SIGHTING_FOLDED;
			s.sources = 5 + made_below(&m, 50);
		}
		OK(gs_store_append(st, &s, 1, &err));
		if (commit_each && i % commit_each == commit_each - 1)
			OK(gs_store_commit(st, &err));
	}
	OK(gs_store_commit(st, &err));
}

static void every_field_comes_back(void **state)
{
	(void)state;
	enum { N = 3000 };
	struct made m = { .state = 42 };
	struct gs_sighting *in = calloc(N, sizeof *in);
	struct gs_filter f = GS_FILTER_ALL;
	struct list out;
	struct gs_store *st = open_store("fields.db", GS_STORE_CREATE);
	add_sensors(st);
	for (int i = 0; i < N; i++) {
		any_sighting(&m, &in[i]);
		OK(gs_store_append(st, &in[i], 1, &err));
		if (i % 700 == 0)
			OK(gs_store_commit(st, &err));
	}
	OK(gs_store_settle(st, &err));
	gs_store_close(st);
	st = open_store("fields.db", GS_STORE_READ);
	struct gs_scan_result res = scan(st, &f, GS_NEED_ALL, false, &out);
	assert_int_equal(out.n, N); /* one batch: in the order they were put in */
	for (int i = 0; i < N; i++)
		assert_memory_equal(&out.s[i], &in[i], sizeof in[i]);
	assert_int_equal(res.sightings, N);
	assert_sound(st);
	free(out.s);
	free(in);
	gs_store_close(st);
}

/* ---- rollups against rows ---- */

static int by_key(const void *a, const void *b)
{
	const struct gs_sighting *x = a, *y = b;
	int d = memcmp(&x->src, &y->src, 2 * sizeof x->src + 2); /* to class_ and via */
	if (d == 0)
		d = (x->flags > y->flags) - (x->flags < y->flags);
	if (d == 0)
		d = (x->sensor > y->sensor) - (x->sensor < y->sensor);
	if (d == 0)
		d = memcmp(&x->gre_flags, &y->gre_flags, 4);
	if (d == 0)
		d = (x->gre_key > y->gre_key) - (x->gre_key < y->gre_key);
	return d ? d : (x->sources > y->sources) - (x->sources < y->sources);
}

/* Sums may come in pieces: those that differ in nothing that was needed are added up. The bucket of time goes into `evidence`. */
static void settle(struct list *l, unsigned needs)
{
	size_t out = 0;
	int64_t unit = needs & GS_NEED_HOUR ? 3600 : needs & GS_NEED_DAY ? 86400 : needs & GS_NEED_WEEK ? 7 * 86400 : 0;
	for (size_t i = 0; i < l->n; i++) {
		int64_t shift = needs & GS_NEED_WEEK ? 3 * 86400 : 0;
		l->s[i].gre_seq = unit ? (uint32_t)((gs_time_floor_s(l->s[i].first, 1) + shift) / unit) : 0;
		l->s[i].sources = l->s[i].flags ? l->s[i].sources : 0;
		memset(l->s[i].src.b + 16, 0, 0);
	}
	for (size_t i = 0; i < l->n; i++) { /* the bucket is part of the key: put where by_key looks */
		l->s[i].via = (uint8_t)(l->s[i].gre_seq % 251);
		l->s[i].gre_flags ^= (uint16_t)(l->s[i].gre_seq / 251 << 4);
	}
	qsort(l->s, l->n, sizeof *l->s, by_key);
	for (size_t i = 0; i < l->n; i++) {
		struct gs_sighting *o = out ? &l->s[out - 1] : NULL, *s = &l->s[i];
		uint32_t sources = s->sources;
		if (o)
			s->sources = o->sources; /* folded estimates add up */
		if (o && by_key(o, s) == 0) {
			o->packets += s->packets;
			o->bytes += s->bytes;
			o->sources += sources;
			o->first.ns = s->first.ns < o->first.ns ? s->first.ns : o->first.ns;
			o->last.ns = s->last.ns > o->last.ns ? s->last.ns : o->last.ns;
			continue;
		}
		s->sources = sources;
		l->s[out++] = *s;
	}
	l->n = out;
}

static void assert_same_answer(struct gs_store *st, const struct gs_filter *f, unsigned needs)
{
	struct list a, b;
	struct gs_scan_result x = scan(st, f, needs, false, &a), y = scan(st, f, needs, true, &b);
	assert_int_equal(x.sightings, y.sightings);
	assert_int_equal(x.packets, y.packets);
	assert_int_equal(x.bytes, y.bytes);
	assert_int_equal(x.sources, y.sources);
	if (x.sightings) {
		assert_int_equal(x.first.ns, y.first.ns);
		assert_int_equal(x.last.ns, y.last.ns);
	}
	settle(&a, needs);
	settle(&b, needs);
	assert_int_equal(a.n, b.n);
	for (size_t i = 0; i < a.n; i++) {
		assert_int_equal(by_key(&a.s[i], &b.s[i]), 0);
		assert_int_equal(a.s[i].packets, b.s[i].packets);
		assert_int_equal(a.s[i].bytes, b.s[i].bytes);
		assert_int_equal(a.s[i].first.ns, b.s[i].first.ns);
		assert_int_equal(a.s[i].last.ns, b.s[i].last.ns);
	}
	free(a.s);
	free(b.s);
}

static struct gs_filter any_filter(struct made *m, int turn)
{
	struct gs_filter f = GS_FILTER_ALL;
	if (turn & 1)
		f.since.ns = T0 + (int64_t)made_below(m, 12) * 7200 * NS * (turn & 8 ? 12 : 1) + (turn & 16 ? 1234567890 : 0);
	if (turn & 2)
		f.until.ns = (f.since.ns == INT64_MIN ? T0 : f.since.ns) + DAY_NS * (1 + made_below(m, 5)) - (turn & 16 ? 987654321 : 0);
	if (turn & 4) {
		f.classes = (uint32_t)made_random(m);
		f.sensors[f.n_sensors++] = (uint16_t)made_below(m, 3);
	}
	if (turn % 5 == 0)
		assert_true(gs_prefix_parse("198.18.0.0/28", 13, &f.dst[f.n_dst++]));
	if (turn % 7 == 0) {
		assert_true(gs_prefix_parse("2001:db8::/32", 13, &f.src[f.n_src++]));
		assert_true(gs_prefix_parse("64.0.0.0/2", 10, &f.src[f.n_src++]));
	}
	return f;
}

static void rollups_answer_as_rows_do(void **state)
{
	(void)state;
	static const unsigned needs[] = { 0, GS_NEED_SRC, GS_NEED_SRC | GS_NEED_CLASS, GS_NEED_DST, GS_NEED_SENSOR | GS_NEED_CLASS, GS_NEED_DAY, GS_NEED_HOUR | GS_NEED_CLASS,
		                          GS_NEED_WEEK | GS_NEED_SRC, GS_NEED_SHAPE, GS_NEED_SRC | GS_NEED_DST | GS_NEED_SHAPE | GS_NEED_CLASS | GS_NEED_SENSOR };
	struct made m = { .state = 7 };
	struct gs_store *st = open_store("rollups.db", GS_STORE_CREATE);
	add_sensors(st);
	add_made(st, 1, 6000, 9, 0);
	OK(gs_store_settle(st, &err));
	add_made(st, 2, 3000, 4, 500); /* a second run of these days */
	OK(gs_store_settle(st, &err));
	add_made(st, 3, 500, 12, 100); /* and rows that are in no rollup yet */
	assert_sound(st);
	gs_store_close(st);
	st = open_store("rollups.db", GS_STORE_READ);
	for (int turn = 0; turn < 36; turn++) {
		struct gs_filter f = any_filter(&m, turn);
		struct list rows;
		struct gs_scan_result all = scan(st, &f, GS_NEED_ALL, false, &rows);
		uint64_t packets = 0;
		for (size_t i = 0; i < rows.n; i++) {
			assert_true(gs_filter_match(&f, &rows.s[i]));
			packets += rows.s[i].packets;
		}
		free(rows.s);
		assert_int_equal(rows.n, all.sightings);
		for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
			assert_same_answer(st, &f, needs[i]);
		struct list sums;
		struct gs_scan_result some = scan(st, &f, GS_NEED_SRC, false, &sums);
		free(sums.s);
		assert_int_equal(some.sightings, all.sightings);
		assert_int_equal(some.packets, packets);
	}
	gs_store_close(st);
}

/* ---- commits ---- */

static void only_commits_last(void **state)
{
	(void)state;
	struct made m = made_start(5, 50, 5, 100, T0, DAY_NS);
	struct gs_sighting s;
	struct gs_store *st = open_store("commit.db", GS_STORE_CREATE), *reader;
	add_sensors(st);
	add_made(st, 5, 100, 1, 0);
	reader = open_store("commit.db", GS_STORE_READ);
	assert_int_equal(count(reader, false), 100);
	for (int i = 0; i < 50; i++) {
		made_next(&m, &s);
		OK(gs_store_append(st, &s, 1, &err));
	}
	assert_int_equal(count(reader, false), 100); /* a reader sees commits only */
	assert_int_equal(count(st, false), 150);     /* the writer what it wrote */
	s.class_ = GS_CLASS_COUNT;
	assert_int_equal(gs_store_append(st, &s, 1, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "class"));
	assert_int_equal(count(st, false), 100); /* after an error everything since the last commit is gone */
	s.class_ = 0;
	s.sensor = 9;
	assert_int_equal(gs_store_append(st, &s, 1, &err), GS_ERR_USAGE);
	s.sensor = 0;
	OK(gs_store_append(st, &s, 1, &err)); /* and the store can be used on */
	OK(gs_store_commit(st, &err));
	assert_int_equal(count(reader, false), 101);
	OK(gs_store_append(st, &s, 1, &err));
	gs_store_close(st);
	assert_int_equal(count(reader, false), 101);
	assert_int_equal(gs_store_append(reader, &s, 1, &err), GS_ERR_ACCESS);
	assert_sound(reader);
	gs_store_close(reader);
}

static void one_writer_many_readers(void **state)
{
	(void)state;
	struct gs_store *other = NULL, *st = open_store("two.db", GS_STORE_CREATE), *reader;
	add_sensors(st);
	OK(gs_store_commit(st, &err));
	reader = open_store("two.db", GS_STORE_READ);
	assert_int_equal(try_open("two.db", GS_STORE_WRITE, &other), GS_ERR_LIMIT);
	char pid[16];
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	assert_non_null(strstr(err.text, pid));
	for (uint64_t i = 1; i <= 20; i++) {
		add_made(st, i, 1000, 3, 0);
		if (i % 7 == 0)
			OK(gs_store_settle(st, &err));
		assert_int_equal(count(reader, false), i * 1000);
		assert_int_equal(count(reader, true), i * 1000);
	}
	uint16_t id;
	OK(gs_store_sensor(reader, "south", 5, &id, &err));
	assert_int_equal(id, 2);
	assert_int_equal(gs_store_sensor(reader, "west", 4, &id, &err), GS_ERR_NOENT);
	assert_non_null(strstr(err.text, "north, south"));
	gs_store_close(st);
	assert_sound(reader);
	gs_store_close(reader);
}

static void sensors_are_bounded(void **state)
{
	(void)state;
	char name[80];
	uint16_t id = 0;
	struct gs_store *st = open_store("sensors.db", GS_STORE_CREATE);
	memset(name, 'x', sizeof name);
	assert_int_equal(gs_store_sensor(st, name, GS_SENSOR_NAME_MAX + 1, &id, &err), GS_ERR_USAGE);
	assert_int_equal(gs_store_sensor(st, "a\nb", 3, &id, &err), GS_ERR_USAGE);
	OK(gs_store_sensor(st, "", 0, &id, &err));
	assert_int_equal(id, 0);
	for (int i = 1; i <= GS_SENSORS_MAX; i++) {
		int len = snprintf(name, sizeof name, "sensor %d", i);
		assert_int_equal(gs_store_sensor(st, name, (size_t)len, &id, &err), 0);
		assert_int_equal(id, i);
	}
	OK(gs_store_sensor(st, "sensor 77", 9, &id, &err));
	assert_int_equal(id, 77);
	assert_int_equal(gs_store_sensor(st, "one more", 8, &id, &err), GS_ERR_LIMIT);
	OK(gs_store_commit(st, &err));
	assert_sound(st);
	gs_store_close(st);
}

/* ---- inputs ---- */

struct frames {
	struct gs_frame *f;
	uint8_t *data;
	size_t n;
};

static struct frames frames_make(uint64_t seed, size_t n)
{
	struct frames r = { calloc(n, sizeof *r.f), malloc(n * 40), n };
	struct made m = { .state = seed };
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < 5; k++) {
			uint64_t v = made_random(&m);
			memcpy(r.data + i * 40 + k * 8, &v, 8);
		}
		r.f[i] = (struct gs_frame){ .data = r.data + i * 40, .caplen = 40, .wirelen = 60, .linktype = 1, .sampling = 1, .ts = { T0 + (int64_t)i * NS } };
	}
	return r;
}

static void frames_done(struct frames *f)
{
	free(f->f);
	free(f->data);
}

/* What a tracker might know: two processes, and packets of none. */
static int put_bots(struct gs_store *st, uint64_t packets, struct gs_time at)
{
	const struct gs_store_bots_rest rest = { .pending = 3, .skipped = packets };
	struct gs_store_bot list[2] = { 0 };
	for (uint32_t i = 0; i < 2; i++)
		list[i].process = (struct gs_bot_process){ .number = i, .bot_kind = GS_BOT_POSITION, .byte_order = GS_BOT_BIG, .bot_lo = 47 + i, .packets_seen = packets,
			                                   .packets_sent = 2 * packets, .loss = 0.5, .hops = -1, .first_seen = at, .last_seen = at };
	return gs_store_bots_put(st, list, 2, &rest, &err);
}

/* What a corridor would do: one sighting for each frame that is taken. `stop` frames on the ingest is given up, as by a kill. */
static int ingest(struct gs_store *st, const char *path, const struct frames *fr, size_t n, size_t checkpoint, size_t stop, struct gs_input_info *ret)
{
	struct gs_input_spec spec = { .path = path, .window_s = 60 };
	struct gs_tally run = { 0 };
	struct gs_input *in = NULL;
	bool again = true;
	int r = gs_input_begin(st, &spec, &in, &err);
	while (r == 0 && again) {
		again = false;
		for (size_t at = 0; r == 0 && !again;) {
			size_t left = n - at < 7 ? n - at : 7, m = 0;
			enum gs_input_step step;
			if (stop && at >= stop) {
				gs_input_drop(in);
				return 0;
			}
			r = gs_input_frames(in, fr->f + at, left, &m, &step, &err);
			if (r < 0 || step == GS_INPUT_AGAIN || left == 0) {
				again = r == 0 && step == GS_INPUT_AGAIN;
				break;
			}
			for (size_t i = 0; r == 0 && step != GS_INPUT_SKIP && i < m; i++) {
				struct gs_sighting s = { .version = GS_SIGHTING_VERSION, .protocol = 47, .sources = 1, .packets = 1, .bytes = 60 };
				s.first = s.last = fr->f[at + i].ts;
				s.src = gs_addr_v4(fr->f[at + i].data);
				run.packets++;
				run.in_sightings++;
				run.sightings++;
				run.sighting_bytes += 60;
				r = gs_store_append(st, &s, 1, &err);
			}
			if (r == 0 && step != GS_INPUT_SKIP)
				r = put_bots(st, run.packets, fr->f[at].ts);
			if (r == 0 && checkpoint && step == GS_INPUT_TAKE && (at + m) / checkpoint != at / checkpoint)
				r = gs_input_checkpoint(in, &run, &err);
			at += m;
		}
	}
	if (r < 0) {
		gs_input_drop(in);
		return r;
	}
	return gs_input_end(in, &run, NULL, ret, &err);
}

static void inputs_count_once(void **state)
{
	(void)state;
	struct gs_input_info info;
	struct frames a = frames_make(1, 5000), b = frames_make(2, 3000), fork_ = frames_make(1, 4000);
	struct gs_store *st = open_store("inputs.db", GS_STORE_CREATE);

	for (size_t i = 2100; i < 4000; i++) /* begins as a does and goes on otherwise */
		fork_.data[i * 40] ^= 1;
	static const struct {
		const char *what;
		int which; /* 0 a, 1 b, 2 fork */
		size_t n, stop;
		enum gs_input_state state;
		uint64_t added, there;
	} turns[] = {
		{ "new", 0, 2000, 0, GS_INPUT_NEW, 2000, 2000 },
		{ "known", 0, 2000, 0, GS_INPUT_KNOWN, 0, 2000 },
		{ "shorter", 0, 1500, 0, GS_INPUT_SHORTER, 0, 2000 },
		{ "grown", 0, 5000, 0, GS_INPUT_GROWN, 3000, 5000 },
		{ "known as a whole", 0, 5000, 0, GS_INPUT_KNOWN, 0, 5000 },
		{ "another, killed", 1, 3000, 1700, GS_INPUT_NEW, 0, 6407 },
		{ "resumed", 1, 3000, 0, GS_INPUT_RESUMED, 1593, 8000 },
		{ "known after that", 1, 3000, 0, GS_INPUT_KNOWN, 0, 8000 },
		{ "like the first, and then not", 2, 4000, 0, GS_INPUT_NEW, 4000, 12000 },
		{ "known too", 2, 4000, 0, GS_INPUT_KNOWN, 0, 12000 },
		{ "nothing at all", 2, 0, 0, GS_INPUT_NEW, 0, 12000 },
	};
	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
		const struct frames *fr = turns[i].which == 0 ? &a : turns[i].which == 1 ? &b : &fork_;
		memset(&info, 0, sizeof info);
		if (ingest(st, turns[i].what, fr, turns[i].n, 701, turns[i].stop, &info) < 0)
			fail_msg("%s: %s", turns[i].what, err.text);
		if (count(st, false) != turns[i].there)
			fail_msg("%s: %llu sightings are there", turns[i].what, (unsigned long long)count(st, false));
		if (!turns[i].stop) {
			assert_int_equal(info.state, turns[i].state);
			assert_int_equal(info.added.sightings, turns[i].added);
		}
		gs_store_close(st); /* each a program of its own */
		st = open_store("inputs.db", GS_STORE_WRITE);
		assert_sound(st);
	}
	struct gs_tally t;
	struct gs_filter f = GS_FILTER_ALL;
	OK(gs_store_tally(st, &f, &t, &err));
	assert_int_equal(t.sightings, 12000);
	gs_store_close(st);
	frames_done(&a);
	frames_done(&b);
	frames_done(&fork_);
}

/* ---- keeping ---- */

static void pruned_rows_stay_in_the_sums(void **state)
{
	(void)state;
	struct gs_store *st = open_store("prune.db", GS_STORE_CREATE);
	struct gs_prune_result res;
	struct gs_filter f = GS_FILTER_ALL, old = GS_FILTER_ALL;
	struct list before, after;
	uint64_t was, is;
	add_sensors(st);
	for (int day = 0; day < 10; day++) { /* batches of one day each: a batch goes as a whole */
		struct made m = made_start((uint64_t)day, 300, 40, 12000, T0 + day * DAY_NS, DAY_NS * 9 / 10);
		for (int i = 0; i < 12000; i++) {
			struct gs_sighting s;
			made_next(&m, &s);
			OK(gs_store_append(st, &s, 1, &err));
		}
		OK(gs_store_settle(st, &err));
		gs_store_set_window(st, day + 1);
	}
	struct gs_scan_result x = scan(st, &f, GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_DAY, false, &before);
	struct gs_prune_options o = { .raw_before = { T0 + 4 * DAY_NS }, .rollups_before = GS_TIME_MIN };
	OK(gs_store_prune(st, &o, &res, &err));
	assert_in_range(res.sightings, 40000, 48000); /* the last batch of a day may reach into the next */
	struct gs_scan_result y = scan(st, &f, GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_DAY, false, &after);
	assert_int_equal(x.sightings, y.sightings);
	assert_int_equal(x.packets, y.packets);
	assert_int_equal(x.bytes, y.bytes);
	assert_int_equal(x.sources, y.sources);
	assert_int_equal(before.n, after.n);
	for (size_t i = 0; i < before.n; i++)
		assert_memory_equal(&before.s[i], &after.s[i], sizeof before.s[i]);
	free(before.s);
	free(after.s);
	assert_int_equal(count(st, true), 120000 - res.sightings);
	assert_sound(st);

	uint64_t rows_gone = res.sightings; /* now the sums of the first two days are forgotten too */
	o = (struct gs_prune_options){ .raw_before = GS_TIME_MIN, .rollups_before = { T0 + 2 * DAY_NS } };
	OK(gs_store_prune(st, &o, &res, &err));
	assert_int_equal(res.rollup_sightings, 24000);
	assert_int_equal(count(st, false), 96000);
	old.until.ns = T0 + 2 * DAY_NS;
	y = scan(st, &old, GS_NEED_SRC, false, &after);
	free(after.s);
	assert_int_equal(y.sightings, 0);
	assert_sound(st);
	assert_int_equal(count(st, true), 120000 - rows_gone);

	o = (struct gs_prune_options){ .raw_before = GS_TIME_MIN, .rollups_before = GS_TIME_MIN, .max_bytes = 3 << 20 };
	OK(gs_store_prune(st, &o, &res, &err));
	assert_false(res.short_of_goal);
	assert_in_range(res.file_after, 1, 3 << 20);
	assert_int_equal(count(st, false), 96000);
	assert_sound(st);
	OK(gs_store_compact(st, &was, &is, &err));
	assert_true(is <= was);
	assert_int_equal(count(st, false), 96000);
	assert_sound(st);
	o.max_bytes = 1 << 19;
	o.rollups_too = true;
	OK(gs_store_prune(st, &o, &res, &err));
	assert_sound(st);
	gs_store_close(st);
	assert_sound_file("prune.db");
}

static void a_quota_holds(void **state)
{
	(void)state;
	struct gs_store_options o = { .mode = GS_STORE_CREATE, .quota_bytes = 1 << 20, .ballast_bytes = 1 << 20 };
	struct gs_store *st = NULL;
	struct made m = made_start(3, 300, 40, 100000, T0, DAY_NS);
	struct gs_sighting s;
	struct stat sb;
	uint64_t n = 0;
	int r;
	OK(gs_store_open(path_of("quota.db"), &o, &st, &err));
	add_sensors(st);
	while ((r = 0) == 0) {
		for (int i = 0; r == 0 && i < 1000; i++) {
			made_next(&m, &s);
			r = gs_store_append(st, &s, 1, &err);
		}
		if (r == 0)
			r = gs_store_commit(st, &err);
		if (r < 0)
			break;
		n += 1000;
	}
	assert_int_equal(r, GS_ERR_STORE);
	assert_true(gs_store_full(st));
	assert_non_null(strstr(err.text, "quota"));
	assert_true(n > 3000);
	assert_int_equal(count(st, false), n); /* what was acknowledged */
	assert_sound(st);
	struct gs_store_info info;
	OK(gs_store_info(st, &info, &err));
	assert_int_equal(info.quota_bytes, 1 << 20);
	assert_int_equal(info.ballast_bytes, 1 << 20);
	gs_store_close(st);
	assert_int_equal(stat(path_of("quota.db"), &sb), 0);
	assert_true(sb.st_size <= 1 << 20);
	o = (struct gs_store_options){ .mode = GS_STORE_CLEAR, .ballast_bytes = 1 << 20 };
	OK(gs_store_open(path_of("quota.db"), &o, &st, &err));
	assert_int_not_equal(stat(path_of("quota.db-ballast"), &sb), 0);
	struct gs_prune_options po = { .raw_before = GS_TIME_MIN, .rollups_before = GS_TIME_MIN, .max_bytes = 1 << 19 };
	OK(gs_store_prune(st, &po, NULL, &err));
	assert_int_equal(count(st, false), n);
	assert_sound(st);
	gs_store_close(st);
	assert_int_equal(stat(path_of("quota.db-ballast"), &sb), 0); /* made again */
	st = open_store("quota.db", GS_STORE_WRITE);
	add_made(st, 9, 2000, 1, 0);
	assert_int_equal(count(st, false), n + 2000);
	gs_store_close(st);
}

/* ---- older, newer, other ---- */

static void sql(const char *name, const char *text)
{
	sqlite3 *db;
	char *message = NULL;
	assert_int_equal(sqlite3_open(path_of(name), &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The ledger of a store before layout 3 had no entry for bots. */
static void shorten_ledger(sqlite3 *db)
{
	sqlite3_stmt *q;
	struct seal s;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT store, next_seq, rolled_seq, change, ledger FROM meta", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(q, 4), L_COUNT * 16);
	seal_begin(&s, "meta");
	for (int i = 0; i < 4; i++)
		seal_int(&s, sqlite3_column_int64(q, i));
	seal_bytes(&s, sqlite3_column_blob(q, 4), L_COUNT_FIRST * 16);
	sqlite3_finalize(q);
	assert_int_equal(sqlite3_prepare_v2(db, "UPDATE meta SET ledger = CAST(substr(ledger, 1, ?1) AS BLOB), seal = ?2", -1, &q, NULL), SQLITE_OK);
	sqlite3_bind_int(q, 1, L_COUNT_FIRST * 16);
	sqlite3_bind_int64(q, 2, seal_end(&s));
	assert_int_equal(sqlite3_step(q), SQLITE_DONE);
	sqlite3_finalize(q);
}

static void make_version(const char *name, unsigned version)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path_of(name), &db), SQLITE_OK);
	assert_int_equal(schema_create(db, version, NULL), SQLITE_OK);
	shorten_ledger(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_version_1(const char *name)
{
	make_version(name, 1);
}

static int64_t version_of(const char *name)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	assert_int_equal(sqlite3_open(path_of(name), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int64_t v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return v;
}

static void other_versions(void **state)
{
	(void)state;
	struct gs_store *st = NULL;
	make_version_1("old.db");
	assert_int_equal(try_open("old.db", GS_STORE_READ, &st), GS_ERR_FORMAT);
	assert_non_null(strstr(err.text, "compact"));
	assert_int_equal(version_of("old.db"), 1); /* a reader changes nothing */
	st = open_store("old.db", GS_STORE_WRITE);
	add_sensors(st);
	add_made(st, 4, 3000, 2, 0);
	assert_int_equal(count(st, false), 3000);
	assert_sound(st);
	gs_store_close(st);
	assert_int_equal(version_of("old.db"), STORE_VERSION);
	assert_sound_file("old.db");

	char text[64];
	snprintf(text, sizeof text, "PRAGMA user_version=%d", STORE_VERSION + 1);
	sql("old.db", text);
	for (int mode = GS_STORE_READ; mode <= GS_STORE_CLEAR; mode++) {
		assert_int_equal(try_open("old.db", (enum gs_store_mode)mode, &st), GS_ERR_FORMAT);
		assert_non_null(strstr(err.text, "newer grescope"));
	}
	sql("old.db", "PRAGMA application_id=1");
	assert_int_equal(try_open("old.db", GS_STORE_WRITE, &st), GS_ERR_FORMAT);
	assert_int_equal(try_open("none.db", GS_STORE_WRITE, &st), GS_ERR_NOENT);
	assert_int_equal(try_open("no/folder.db", GS_STORE_CREATE, &st), GS_ERR_NOENT);
}

static const struct gs_pin somewhere = { .has_network = true, .asn = 64496, .as_name = "Net", .region = "", .city = "", .edition = "2017-02" };
static const struct gs_addr pinned_src = { .b = { 192, 0, 2, 1 }, .family = 4 };

static bool is_pinned(struct gs_store *st, int64_t day)
{
	struct gs_pin_span span;
	OK(gs_store_pinned(st, &pinned_src, day, &span, &err));
	return span.place != 0;
}

static int bot_count(void *arg, const struct gs_store_bot *b, struct gs_error *e)
{
	(void)b, (void)e;
	++*(uint64_t *)arg;
	return 0;
}

static uint64_t bots_in(struct gs_store *st)
{
	struct gs_filter f = GS_FILTER_ALL;
	struct gs_store_bots_rest rest;
	uint64_t n = 0;
	OK(gs_store_bots(st, &f, bot_count, &n, &rest, &err));
	return n;
}

/* With rows, an input and pins in it, as a program of that time left it. */
static void layout_2_comes_forward(void **state)
{
	(void)state;
	struct frames a = frames_make(1, 3000);
	struct gs_input_info info;
	struct gs_store *st = open_store("layout-2.db", GS_STORE_CREATE);
	sqlite3 *db;
	add_sensors(st);
	add_made(st, 4, 3000, 2, 0);
	OK(gs_store_pin(st, &pinned_src, 17200, 17210, &somewhere, &err));
	OK(gs_store_settle(st, &err));
	gs_store_close(st);
	assert_int_equal(sqlite3_open(path_of("layout-2.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE bot; DROP TABLE bookmark; PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
	shorten_ledger(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);

	assert_int_equal(try_open("layout-2.db", GS_STORE_READ, &st), GS_ERR_FORMAT);
	assert_int_equal(version_of("layout-2.db"), 2);
	st = open_store("layout-2.db", GS_STORE_WRITE);
	assert_true(is_pinned(st, 17205));
	assert_int_equal(count(st, false), 3000);
	assert_int_equal(bots_in(st), 0);
	OK(ingest(st, "a", &a, 2000, 0, 0, &info));
	assert_int_equal(bots_in(st), 2);
	OK(ingest(st, "a", &a, 3000, 0, 0, &info)); /* a part of its own */
	assert_int_equal(bots_in(st), 4);
	assert_sound(st);
	gs_store_close(st);
	frames_done(&a);
	assert_int_equal(version_of("layout-2.db"), STORE_VERSION);
	assert_sound_file("layout-2.db");
}

/* With the commit that it belongs to or not at all; one that was changed by somebody else is damage, and no place to read on from. */
static void bookmarks(void **state)
{
	const struct gs_bookmark first = { 100, 0x8000000000000001 }, next = { 300, 7 };
	struct gs_bookmark got;
	(void)state;
	struct gs_store *st = open_store("bookmarks.db", GS_STORE_CREATE);
	add_sensors(st);
	assert_int_equal(gs_store_bookmark(st, 1, "/var/log/kern.log", &got, &err), GS_ERR_NOENT);
	OK(gs_store_bookmark_put(st, 1, "/var/log/kern.log", &first, &err));
	OK(gs_store_commit(st, &err));
	OK(gs_store_bookmark_put(st, 1, "/var/log/kern.log", &next, &err));
	gs_store_close(st); /* not committed */
	st = open_store("bookmarks.db", GS_STORE_WRITE);
	OK(gs_store_bookmark(st, 1, "/var/log/kern.log", &got, &err));
	assert_memory_equal(&got, &first, sizeof got);
	assert_int_equal(gs_store_bookmark(st, 2, "/var/log/kern.log", &got, &err), GS_ERR_NOENT); /* another sensor reads for itself */
	OK(gs_store_bookmark_put(st, 2, "/var/log/kern.log", &next, &err));
	OK(gs_store_commit(st, &err));
	OK(gs_store_bookmark(st, 2, "/var/log/kern.log", &got, &err));
	assert_memory_equal(&got, &next, sizeof got);
	char *name = malloc(GS_BOOKMARK_PATH_MAX + 2);
	memset(name, 'x', GS_BOOKMARK_PATH_MAX + 1);
	name[GS_BOOKMARK_PATH_MAX + 1] = '\0';
	assert_int_equal(gs_store_bookmark_put(st, 2, name, &next, &err), GS_ERR_USAGE);
	free(name);
	assert_sound(st);
	gs_store_close(st);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path_of("bookmarks.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE bookmark SET offset = 99 WHERE sensor = 1", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	st = open_store("bookmarks.db", GS_STORE_READ);
	assert_int_equal(gs_store_bookmark(st, 1, "/var/log/kern.log", &got, &err), GS_ERR_STORE);
	uint64_t troubles;
	OK(gs_store_check(st, false, NULL, NULL, &troubles, &err));
	assert_int_equal(troubles, 1);
	gs_store_close(st);
}

/* Bots go with the rows of their time, pins with the last that is known of their days; compact takes neither. */
static void bots_and_pins_are_pruned(void **state)
{
	(void)state;
	struct frames a = frames_make(1, 2000);
	struct gs_input_info info;
	struct gs_prune_options o = { .raw_before = GS_TIME_MIN, .rollups_before = GS_TIME_MIN };
	struct gs_store *st = open_store("pruned-bots.db", GS_STORE_CREATE);
	uint64_t before, after;
	OK(ingest(st, "a", &a, 2000, 0, 0, &info));
	const int64_t first = info.first.ns / DAY_NS, last = info.last.ns / DAY_NS;
	OK(gs_store_pin(st, &pinned_src, first - 20, first - 10, &somewhere, &err));
	OK(gs_store_pin(st, &pinned_src, first - 5, first - 1, &(struct gs_pin){ .has_place = true, .as_name = "", .region = "", .city = "x", .edition = "" }, &err));
	OK(gs_store_pin(st, &pinned_src, first, last, &somewhere, &err));
	OK(gs_store_settle(st, &err));
	OK(gs_store_compact(st, &before, &after, &err));
	assert_int_equal(bots_in(st), 2);
	o.raw_before.ns = info.first.ns;
	OK(gs_store_prune(st, &o, NULL, &err));
	assert_int_equal(bots_in(st), 2);
	o.raw_before.ns = info.last.ns + 1;
	OK(gs_store_prune(st, &o, NULL, &err)); /* the sums are still asked for */
	assert_int_equal(bots_in(st), 0);
	assert_true(is_pinned(st, first) && is_pinned(st, first - 15) && is_pinned(st, first - 3));
	assert_sound(st);
	o.rollups_before.ns = info.last.ns + 2 * DAY_NS;
	OK(gs_store_prune(st, &o, NULL, &err));
	assert_int_equal(count(st, false), 0);
	assert_false(is_pinned(st, first) || is_pinned(st, last) || is_pinned(st, first - 15));
	assert_sound(st);
	gs_store_close(st);
	frames_done(&a);
}

/* ---- answers kept ---- */

static int table_begin(void *arg, const struct gs_column *c, unsigned n, const struct gs_meta *m, bool complete, struct gs_error *e)
{
	(void)arg, (void)c, (void)n, (void)m, (void)complete, (void)e;
	return 0;
}

static int table_rows(void *arg, const struct gs_table *t, struct gs_error *e)
{
	(void)arg, (void)t, (void)e;
	return 0;
}

static int table_end(void *arg, const struct gs_meta *m, struct gs_error *e)
{
	(void)arg, (void)m, (void)e;
	return 0;
}

static const struct gs_table_writer nowhere = { table_begin, table_rows, table_end, NULL };

static bool kept(struct gs_store *st)
{
	struct gs_answer_hit hit;
	OK(gs_answer_replay(st, "question", 8, &nowhere, &hit, &err));
	return hit.hit;
}

static void keep_answer(struct gs_store *st)
{
	static const struct gs_column column = { .name = "n", .title = "N", .description = "a number", .type = GS_CELL_TEXT };
	struct gs_meta meta = { .question = "question" };
	struct gs_answer *a;
	OK(gs_answer_record(st, "question", 8, NULL, &nowhere, &a, &err));
	struct gs_table_writer w = gs_answer_writer(a);
	OK(w.begin(w.arg, &column, 1, &meta, true, &err));
	OK(w.end(w.arg, &meta, &err));
	gs_answer_keep(a);
	assert_true(kept(st));
}

static void bots_and_pins_make_answers_stale(void **state)
{
	(void)state;
	const struct gs_input_spec spec = { .path = "eth0", .window_s = 60 };
	struct gs_tally run = { 0 };
	struct gs_input *in;
	struct gs_store *st = open_store("stale.db", GS_STORE_CREATE), *reader;
	add_sensors(st);
	add_made(st, 1, 100, 1, 0);
	OK(gs_input_begin_live(st, &spec, &in, &err));
	OK(put_bots(st, 5, (struct gs_time){ DAY_NS }));
	OK(gs_input_checkpoint(in, &run, &err));
	reader = open_store("stale.db", GS_STORE_READ);
	keep_answer(reader);
	OK(put_bots(st, 6, (struct gs_time){ DAY_NS }));
	assert_true(kept(reader)); /* not committed */
	OK(gs_input_checkpoint(in, &run, &err));
	assert_false(kept(reader));
	OK(gs_input_end(in, &run, NULL, NULL, &err));
	keep_answer(reader);
	OK(gs_store_pin(st, &pinned_src, 17200, 17210, &somewhere, &err));
	OK(gs_store_commit(st, &err));
	assert_false(kept(reader));
	keep_answer(reader);
	OK(gs_store_commit(st, &err)); /* nothing was done */
	assert_true(kept(reader));
	gs_store_close(reader);
	gs_store_close(st);
}

/* Kills the program in its n-th commit, before anything of it lasts. */
static int kill_at;

static int on_commit(void *arg)
{
	(void)arg;
	if (--kill_at == 0)
		raise(SIGKILL);
	return 0;
}

static int on_open(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
	(void)message, (void)api;
	sqlite3_commit_hook(db, on_commit, NULL);
	return SQLITE_OK;
}

static void a_kill_in_a_migration(void **state)
{
	(void)state;
	for (int n = 1; n < STORE_VERSION; n++) {
		make_version_1("migrate.db");
		int status;
		pid_t child = fork();
		if (child == 0) {
			struct gs_store *st = NULL;
			kill_at = n;
			sqlite3_auto_extension((void (*)(void))on_open);
			try_open("migrate.db", GS_STORE_WRITE, &st);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(version_of("migrate.db"), n); /* the steps before it, and nothing of this one */
		struct gs_store *st = open_store("migrate.db", GS_STORE_WRITE);
		assert_sound(st);
		gs_store_close(st);
		assert_int_equal(version_of("migrate.db"), STORE_VERSION);
		forget("migrate.db");
	}
}

/* ---- what lies beside it ---- */

static void copy(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(path_of(from), O_RDONLY), out = open(path_of(to), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof buf)) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void lost_commits_are_missed(void **state)
{
	(void)state;
	struct gs_store *st = open_store("journal.db", GS_STORE_CREATE), *other = NULL;
	struct gs_scan_result res;
	struct gs_filter f = GS_FILTER_ALL;
	uint64_t n = 0;
	add_sensors(st);
	add_made(st, 1, 500, 1, 0);
	OK(gs_store_settle(st, &err));
	add_made(st, 2, 500, 1, 100); /* in the journal */
	copy("journal.db", "copy.db");
	copy("journal.db-wal", "copy.db-wal");
	copy("journal.db-writer", "copy.db-writer");
	assert_sound_file("copy.db");
	other = open_store("copy.db", GS_STORE_READ);
	assert_int_equal(count(other, false), 1000);
	gs_store_close(other);
	forget("copy.db");

	copy("journal.db", "copy.db"); /* its journal left behind */
	copy("journal.db-writer", "copy.db-writer");
	other = open_store("copy.db", GS_STORE_READ);
	struct gs_sighting_sink sink = { list_take, &(struct list){ 0 } };
	assert_int_equal(gs_store_scan(other, &f, 0, NULL, &sink, &res, &err), GS_ERR_STORE);
	assert_non_null(strstr(err.text, "5 commits"));
	OK(gs_store_check(other, false, print_trouble, NULL, &n, &err));
	assert_int_equal(n, 1);
	gs_store_close(other);
	assert_int_equal(try_open("copy.db", GS_STORE_WRITE, &other), GS_ERR_STORE);
	assert_int_equal(unlink(path_of("copy.db-writer")), 0); /* as the sentence says */
	other = open_store("copy.db", GS_STORE_WRITE);
	assert_int_equal(count(other, false), 500);
	assert_sound(other);
	gs_store_close(other);
	forget("copy.db");

	copy("journal.db-wal", "copy.db-wal"); /* of a store that was removed, and this was left */
	copy("journal.db-writer", "copy.db-writer");
	gs_store_close(st);
	other = open_store("copy.db", GS_STORE_CREATE);
	assert_int_equal(count(other, false), 0);
	add_sensors(other);
	add_made(other, 3, 100, 1, 0);
	assert_sound(other);
	gs_store_close(other);
	other = open_store("copy.db", GS_STORE_READ);
	assert_int_equal(count(other, false), 100);
	gs_store_close(other);
}

static mode_t mode_of(const char *name)
{
	struct stat sb;
	return stat(path_of(name), &sb) == 0 ? sb.st_mode & 0777 : 0;
}

static void modes_and_links(void **state)
{
	(void)state;
	static const char *const files[] = { "modes.db", "modes.db-wal", "modes.db-shm", "modes.db-writer", "modes.db-ballast" };
	struct gs_store_options o = { .mode = GS_STORE_CREATE, .ballast_bytes = 1 << 16 };
	struct gs_store *st = NULL, *other = NULL;
	mode_t mask = umask(022);
	OK(gs_store_open(path_of("modes.db"), &o, &st, &err));
	add_sensors(st);
	add_made(st, 1, 100, 1, 0);
	gs_store_close(st);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		assert_int_equal(mode_of(files[i]), 0600);
	assert_int_equal(chmod(path_of("modes.db"), 0640), 0);
	OK(gs_store_open(path_of("modes.db"), &o, &st, &err));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		assert_int_equal(mode_of(files[i]), 0640);
	assert_int_equal(symlink("modes.db", path_of("link.db")), 0);
	assert_int_equal(try_open("link.db", GS_STORE_WRITE, &other), GS_ERR_LIMIT); /* the same lock */
	other = open_store("link.db", GS_STORE_READ);
	assert_int_equal(count(other, false), 100);
	gs_store_close(other);
	gs_store_close(st);
	forget("modes.db");
	assert_int_equal(try_open("link.db", GS_STORE_CREATE, &other), GS_ERR_NOENT);
	assert_non_null(strstr(err.text, "link"));
	assert_int_equal(mode_of("link.db-writer"), 0);
	umask(mask);
}

/* ---- check finds what it is for ---- */

static void check_finds(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		bool quick_too;
	} harm[] = {
		{ "UPDATE sighting SET packets = packets + 1 WHERE seq = 5", false },
		{ "DELETE FROM sighting WHERE seq = 5", false },
		{ "INSERT INTO sighting SELECT 99999, sensor, first_ns, dur_us, src, dst, kind, packets, bytes, sample FROM sighting WHERE seq = 5", false },
		{ "UPDATE batch SET max_ns = max_ns + 1", true },
		{ "DELETE FROM batch WHERE first_seq = 1", true },
		{ "UPDATE kind SET class = class + 1 WHERE id = 1", true },
		{ "DELETE FROM kind WHERE id = (SELECT max(id) FROM kind)", true },
		{ "UPDATE sensor SET name = 'nord' WHERE id = 1", true },
		{ "UPDATE block SET packets = packets + 1 WHERE id = (SELECT max(id) FROM block)", true },
		{ "DELETE FROM block WHERE id = (SELECT max(id) FROM block)", true },
		{ "UPDATE block_data SET data = zeroblob(length(data)) WHERE id = (SELECT min(id) FROM block_data)", true },
		{ "INSERT INTO block_data VALUES(999999, x'00')", true },
		{ "UPDATE input SET tally = replace(tally, 'packets=', 'packets=1')", true },
		{ "UPDATE input SET ladder = x'00000000'", true },
		{ "DELETE FROM input", true },
		{ "UPDATE meta SET next_seq = next_seq + 1", true },
		{ "UPDATE meta SET rolled_seq = 0", true },
		{ "INSERT INTO rows_pruned VALUES(1, 1, 2, 3)", true },
		{ "INSERT INTO imported VALUES(1, 1, 2, 3)", true },
		{ "INSERT INTO pruned VALUES(1, 1, 2, 3, 4)", true },
		{ "INSERT INTO origin VALUES(x'c0000201', 1, 2, 3, 4)", true },
		{ "INSERT INTO place(asn, as_name, country, region, city, edition, seal) VALUES(1, '', '', '', '', '', 5)", true },
		{ "UPDATE bot SET sensor = sensor + 1 WHERE number = 0", true },
		{ "UPDATE bot SET data = CAST(substr(data, 1, 9) || x'5a' || substr(data, 11) AS BLOB) WHERE number = 1", true },
		{ "UPDATE bot SET seal = seal + 1 WHERE number = -1", true },
		{ "UPDATE bot SET input = 900", true },
		{ "DELETE FROM bot WHERE number = 1", true },
		{ "DELETE FROM bot", true },
		{ "INSERT INTO bot SELECT input, part + 1, number, sensor, first_ns, last_ns, data, seal FROM bot", true },
		{ "CREATE TABLE more(a)", true },
		{ "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = replace(sql, 'dur_us', 'dur_uz') WHERE name = 'sighting'", true },
	};
	struct frames a = frames_make(1, 2000);
	struct gs_input_info info;
	struct gs_store *st = open_store("sound.db", GS_STORE_CREATE);
	add_sensors(st);
	OK(ingest(st, "a", &a, 2000, 0, 0, &info));
	frames_done(&a);
	add_made(st, 1, 3000, 3, 0);
	OK(gs_store_settle(st, &err));
	gs_store_close(st);
	assert_sound_file("sound.db");
	for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
		uint64_t n = 0, quick = 0;
		forget("harmed.db");
		copy("sound.db", "harmed.db");
		sql("harmed.db", harm[i].sql);
		st = open_store("harmed.db", GS_STORE_READ);
		OK(gs_store_check(st, false, NULL, NULL, &n, &err));
		OK(gs_store_check(st, true, NULL, NULL, &quick, &err));
		gs_store_close(st);
		if (n == 0 || (quick == 0 && harm[i].quick_too))
			fail_msg("not found (%d troubles, %d quick): %s", (int)n, (int)quick, harm[i].sql);
	}
}

/* ---- */

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "%.30s/grescope-test-store-XXXXXX", scratch());
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	char command[100];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(rollups_answer_as_rows_do),
		cmocka_unit_test(only_commits_last),
		cmocka_unit_test(one_writer_many_readers),
		cmocka_unit_test(sensors_are_bounded),
		cmocka_unit_test(inputs_count_once),
		cmocka_unit_test(pruned_rows_stay_in_the_sums),
		cmocka_unit_test(a_quota_holds),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(bookmarks),
		cmocka_unit_test(layout_2_comes_forward),
		cmocka_unit_test(bots_and_pins_are_pruned),
		cmocka_unit_test(bots_and_pins_make_answers_stale),
		cmocka_unit_test(a_kill_in_a_migration),
		cmocka_unit_test(lost_commits_are_missed),
		cmocka_unit_test(modes_and_links),
		cmocka_unit_test(check_finds),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
