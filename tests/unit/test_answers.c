/*
 * test_answers.c - every report from the store's rollups against the same report over the sightings themselves
 *
 * Stores are made from seeds: sparse and dense, IPv6, folded sightings, unknown lengths, many sensors, several runs of rollups, rows not rolled yet.
 * The reference never saw a store: the same sightings pushed into the same question. Compared are all cells of all rows and the totals, from
 * rollups, from raw rows alone, with little memory, and from a store whose older rows are pruned.
 *
 * The enricher is a double that makes network and place of the address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "query/query.h"
#include "store/store.h"
#include "../scratch.h"
#include "../store/made.h"

/* -- the double ---------------------------------------------------------------------------------------------------------------------- */

struct gs_enrich {
	int unused;
};

int gs_enrich_open(const struct gs_enrich_options *o, struct gs_enrich **ret, struct gs_error *err)
{
	(void)o, (void)ret;
	return gs_fail(err, GS_ERR_NOENT, "a double");
}

void gs_enrich_close(struct gs_enrich *e)
{
	(void)e;
}

/* One network has two names and lies in two countries. */
void gs_enrich_lookup(struct gs_enrich *e, const struct gs_addr *a, struct gs_origin *ret)
{
	const unsigned v = a->b[0] ^ a->b[a->family == 4 ? 3 : 15];

	(void)e;
	*ret = (struct gs_origin){ 0 };
	if (v % 9 == 0)
		return;
	ret->asn = 64496 + v % 5;
	ret->as_name = v % 5 == 1 ? 1 + v % 2 : 3;
	memcpy(ret->country, v % 3 ? "TW" : "DE", 2);
	ret->city = v % 4 ? 4 + v % 3 : 0;
}

const char *gs_enrich_string(const struct gs_enrich *e, uint32_t id)
{
	static const char *const strings[] = { "", "Second Name", "First Name", "Net", "Taipei", "Berlin", "Bonn" };
	(void)e;
	return id < 7 ? strings[id] : "";
}

unsigned gs_enrich_databases(const struct gs_enrich *e, struct gs_database ret[GS_MAX_DATABASES])
{
	(void)e, (void)ret;
	return 0;
}

const char *gs_enrich_missing(const struct gs_enrich *e)
{
	(void)e;
	return NULL;
}

uint64_t gs_enrich_asn_space(const struct gs_enrich *e, uint32_t asn)
{
	(void)e, (void)asn;
	return 0;
}

uint64_t gs_enrich_total_space(const struct gs_enrich *e)
{
	(void)e;
	return 0;
}

/* -- a table as text ----------------------------------------------------------------------------------------------------------------- */

struct text {
	char *data;
	size_t len, cap;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...)
{
	va_list ap;

	if (t->cap - t->len < 512) {
		t->cap = t->cap * 2 + 4096;
		t->data = realloc(t->data, t->cap);
		assert_non_null(t->data);
	}
	va_start(ap, format);
	t->len += (size_t)vsnprintf(t->data + t->len, 512, format, ap);
	va_end(ap);
}

static int text_begin(void *arg, const struct gs_column *c, unsigned n, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	(void)arg, (void)c, (void)n, (void)meta, (void)complete, (void)err;
	return 0;
}

static int text_rows(void *arg, const struct gs_table *rows, struct gs_error *err)
{
	struct text *t = arg;
	char out[64];

	(void)err;
	for (size_t i = 0; i < rows->n_rows * rows->n_columns; i++) {
		const struct gs_cell *c = &rows->cells[i];
		const uint8_t type = rows->columns[i % rows->n_columns].type;
		if (!c->set)
			put(t, "-");
		else if (c->as_text || type == GS_CELL_TEXT)
			put(t, "%s", c->text);
		else if (type == GS_CELL_SHARE || type == GS_CELL_REAL)
			put(t, "%.12g", c->real);
		else if (type == GS_CELL_TIME)
			put(t, "%" PRId64, c->time.ns);
		else if (type == GS_CELL_ADDR || type == GS_CELL_PREFIX)
			put(t, "%.*s/%" PRIu64, (int)gs_addr_format(&c->addr, out), out, type == GS_CELL_PREFIX ? c->u64 : 0);
		else
			put(t, "%" PRIu64, c->u64);
		put(t, "%c", (i + 1) % rows->n_columns ? ' ' : '\n');
	}
	return 0;
}

static int text_end(void *arg, const struct gs_meta *m, struct gs_error *err)
{
	(void)err;
	put(arg, "%" PRIu64 " packets %" PRIu64 " bytes %" PRIu64 " sources%s %" PRIu64 " sightings %" PRIu64 " rows %" PRId64 " to %" PRId64 "\n", m->packets, m->bytes,
	    m->sources, m->sources_estimated ? " or so" : "", m->sightings, m->rows_total, m->packets ? m->first_seen.ns : 0, m->packets ? m->last_seen.ns : 0);
	for (unsigned i = 0; i < m->n_notes; i++)
		put(arg, "note: %s\n", m->notes[i]);
	return 0;
}

/* -- asking -------------------------------------------------------------------------------------------------------------------------- */

struct way {
	struct gs_store *st;               /* NULL: the list */
	const struct gs_sighting *list;
	size_t n;
	struct gs_scan_options scan;
	struct gs_scan_result res;         /* of the last question */
};

static struct text answer(struct way *w, const struct gs_question *question)
{
	static struct gs_enrich enrich;
	struct gs_question q = *question;
	struct text t = { 0 };
	struct gs_error err = { 0 };
	struct gs_query *query;
	struct gs_meta meta = { .question = "" };
	uint64_t rows;
	const struct gs_table_writer writer = { text_begin, text_rows, text_end, &t };

	q.filtered = w->st != NULL;
	if (gs_query_new(&q, &enrich, &writer, &query, &err) < 0)
		fail_msg("%s", err.text);
	struct gs_sighting_sink sink = gs_query_sink(query);
	if (!w->st) {
		assert_int_equal(sink.take(sink.arg, w->list, w->n, &err), 0);
	} else {
		struct gs_scan_options o = w->scan;
		if (q.filter.n_asn || q.filter.n_country) {
			o.want = gs_query_wants;
			o.want_arg = query;
		}
		if (gs_scan_by_source(&q.filter, gs_query_needs(query)))
			gs_query_by_source(query);
		if (gs_store_scan(w->st, &q.filter, gs_query_needs(query), &o, &sink, &w->res, &err) < 0)
			fail_msg("%s", err.text);
		gs_query_set_totals(query, &(struct gs_query_totals){ .sightings = w->res.sightings, .no_length_packets = w->res.no_length_packets,
		                                                      .sources = w->res.sources, .sources_estimated = w->res.memory_short });
	}
	if (gs_query_answer(query, &meta, &rows, &err) < 0)
		fail_msg("%s", err.text);
	gs_query_free(query);
	return t;
}

static void same(const char *what, const char *filter, const struct gs_question *q, const struct text *a, const struct text *b)
{
	if (a->len == b->len && memcmp(a->data, b->data, a->len) == 0)
		return;
	size_t at = 0;
	while (at < a->len && at < b->len && a->data[at] == b->data[at])
		at++;
	while (at && a->data[at - 1] != '\n')
		at--;
	fail_msg("%s, --by %s, %s%s: differ at octet %zu:\n%.*s\n-- the sightings say:\n%.*s", what, gs_by_word(q->by), filter, q->redact_dst ? ", redacted" : "", at,
	         (int)(a->len - at < 300 ? a->len - at : 300), a->data + at, (int)(b->len - at < 300 ? b->len - at : 300), b->data + at);
}

/* -- the stores ---------------------------------------------------------------------------------------------------------------------- */

#define HOUR_NS (3600 * GS_NS_PER_S)
#define START_NS (INT64_C(1735689600) * GS_NS_PER_S) /* 2025-01-01, a Wednesday */

struct kind {
	const char *name;
	uint32_t rows, sources, dsts, sensors;
	int days;
};

static const struct kind kinds[] = {
	{ "sparse", 3000, 900, 40, 2, 60 },
	{ "dense", 15000, 300, 3, 3, 4 },
	{ "many sensors", 6000, 80, 5000, 200, 20 },
	{ "one hour", 2000, 1500, 10, 1, 0 },
};

static struct gs_sighting *make(const struct kind *k, uint64_t seed)
{
	struct gs_sighting *list = malloc(k->rows * sizeof *list);
	const int64_t span = k->days ? k->days * 24 * HOUR_NS : HOUR_NS / 2;
	struct made m = made_start(seed, k->sources, k->dsts, k->rows, START_NS - 5 * 24 * HOUR_NS, span);

	assert_non_null(list);
	m.sensors = k->sensors;
	m.homely = true;
	for (uint32_t i = 0; i < k->rows; i++) {
		struct gs_sighting *s = &list[i];
		made_next(&m, s);
		const uint32_t dice = made_below(&m, 100);
		if (dice < 3) { /* folded: by destination, or altogether */
			s->flags = dice ? GS_SIGHTING_FOLDED : GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED;
			s->src = (struct gs_addr){ 0 };
			s->dst = dice ? s->dst : (struct gs_addr){ 0 };
			s->sources = 1 + made_below(&m, 500);
		} else if (dice < 8) { /* published raw data: no lengths */
			s->has &= ~(uint32_t)(GS_HAS_IP_LEN | GS_HAS_FLAGS | GS_HAS_PROTO);
			s->bytes = s->ip_len = 0;
			s->gre_flags = s->gre_proto = 0;
		} else if (dice < 11) {
			s->via = GS_VIA_ICMP;
		} else if (dice < 12) {
			s->src = s->dst;
		}
		if (dice > 96) /* late, out of order */
			s->first.ns -= (int64_t)made_below(&m, 40) * HOUR_NS;
	}
	return list;
}

static char path[256];

static struct gs_store *store_of(const struct kind *k, const struct gs_sighting *list, const char *suffix)
{
	struct gs_store *st;
	struct gs_error err = { 0 };
	char name[16];
	uint16_t id;

	snprintf(path, sizeof path, "%.40s/grescope-answers-%d%s", scratch(), (int)getpid(), suffix);
	unlink(path);
	if (gs_store_open(path, &(struct gs_store_options){ .mode = GS_STORE_CREATE }, &st, &err) < 0)
		fail_msg("%s", err.text);
	for (uint32_t i = 1; i < k->sensors; i++) {
		snprintf(name, sizeof name, "s%u", i);
		assert_int_equal(gs_store_sensor(st, name, strlen(name), &id, &err), 0);
		assert_int_equal(id, i);
	}
	for (uint32_t i = 0; i < k->rows;) { /* several runs of rollups, and at the end rows that are in none */
		const uint32_t n = k->rows - i < k->rows / 7 + 1 ? k->rows - i : k->rows / 7 + 1;
		assert_int_equal(gs_store_append(st, list + i, n, &err), 0);
		i += n;
		assert_int_equal(i < k->rows ? gs_store_settle(st, &err) : gs_store_commit(st, &err), 0);
	}
	return st;
}

static void store_drop(struct gs_store *st, const char *suffix)
{
	static const char *const parts[] = { "", "-wal", "-shm", "-writer" };
	char name[300];

	gs_store_close(st);
	snprintf(path, sizeof path, "%.40s/grescope-answers-%d%s", scratch(), (int)getpid(), suffix);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "%s%s", path, parts[i]);
		unlink(name);
	}
}

/* -- filters ------------------------------------------------------------------------------------------------------------------------- */

struct filter {
	const char *name;
	struct gs_filter f;
	bool cuts_hours; /* since or until are not on the hour */
};

static struct gs_prefix prefix(const char *text)
{
	struct gs_prefix p;
	assert_true(gs_prefix_parse(text, strlen(text), &p));
	return p;
}

static unsigned filters_make(struct filter out[16], const struct gs_sighting *some)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i++)
		out[i].f = GS_FILTER_ALL;
	out[n++].name = "no filter";
	out[n].name = "--since on the hour";
	out[n++].f.since.ns = START_NS - 30 * HOUR_NS;
	out[n].name = "--until a day";
	out[n++].f.until.ns = START_NS;
	out[n].name = "--since, --until, cutting hours";
	out[n].f.since.ns = some[100].first.ns;
	out[n].f.until.ns = some[1500].first.ns + 1;
	out[n++].cuts_hours = true;
	out[n].name = "--since, --until in one hour";
	out[n].f.since.ns = some[700].first.ns;
	out[n].f.until.ns = some[700].first.ns + HOUR_NS / 5;
	out[n++].cuts_hours = true;
	out[n].name = "--class";
	out[n++].f.classes = 1u << GS_CLASS_TUNNEL_PPTP | 1u << GS_CLASS_UNKNOWN;
	out[n].name = "--src";
	out[n].f.n_src = 2;
	out[n].f.src[0] = gs_prefix_of(&some[1].src, some[1].src.family == 4 ? 8 : 32);
	out[n++].f.src[1] = prefix("2001:db8::/32");
	out[n].name = "--dst";
	out[n].f.n_dst = 1;
	out[n++].f.dst[0] = prefix("198.18.0.2/31");
	out[n].name = "--sensor";
	out[n].f.n_sensors = 1;
	out[n++].f.sensors[0] = 1;
	out[n].name = "--asn";
	out[n].f.n_asn = 1;
	out[n++].f.asn[0] = 64497;
	out[n].name = "--country";
	out[n].f.n_country = 1;
	memcpy(out[n++].f.country[0], "DE", 2);
	out[n].name = "all of them";
	out[n].f = out[3].f;
	out[n].cuts_hours = true;
	out[n].f.classes = ~(1u << GS_CLASS_REMNANT);
	out[n].f.n_dst = 1;
	out[n].f.dst[0] = prefix("198.18.0.0/30");
	out[n].f.n_sensors = 2;
	out[n].f.sensors[0] = 1;
	out[n].f.n_country = 1;
	memcpy(out[n++].f.country[0], "TW", 2);
	return n;
}

/* -- tests --------------------------------------------------------------------------------------------------------------------------- */

static struct gs_question question(enum gs_by by, const struct filter *f, bool redact)
{
	return (struct gs_question){ .kind = GS_REPORT, .by = by, .filter = f->f, .redact_dst = redact, .memory_bytes = 64u << 20, .hash_seed = 7 };
}

static void ask_all(const struct kind *k, uint64_t seed)
{
	struct gs_sighting *list = make(k, seed);
	struct filter filters[16];
	const unsigned n_filters = filters_make(filters, list);
	struct gs_store *st = store_of(k, list, "");
	struct way plain = { .list = list, .n = k->rows }, rolled = { .st = st }, raw = { .st = st, .scan.raw_only = true };

	for (unsigned by = 0; by < GS_BY_COUNT; by++)
		for (unsigned i = 0; i < n_filters; i++)
			for (int redact = 0; redact < (i % 4 ? 1 : 2); redact++) {
				struct gs_question q = question((enum gs_by)by, &filters[i], redact);
				struct text want = answer(&plain, &q), got = answer(&rolled, &q), from_raw = answer(&raw, &q);
				same("from rollups", filters[i].name, &q, &got, &want);
				same("from rows", filters[i].name, &q, &from_raw, &want);
				free(want.data);
				free(got.data);
				free(from_raw.data);
			}
	store_drop(st, "");
	free(list);
}

static void rollups_answer_as_the_sightings_do(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		ask_all(&kinds[i], 1000 + i);
}

/* Where an hour that since or until cuts was pruned the answer covers more than was asked and says so; every other answer is the same. */
static void pruned_rows_stay_in_every_answer(void **state)
{
	const struct kind *k = &kinds[0];
	struct gs_sighting *list = make(k, 77);
	struct filter filters[16];
	const unsigned n_filters = filters_make(filters, list);
	struct gs_store *st = store_of(k, list, "");
	struct way plain = { .list = list, .n = k->rows }, rolled = { .st = st };
	struct gs_prune_options o = { .raw_before.ns = START_NS + 20 * 24 * HOUR_NS, .rollups_before = GS_TIME_MIN };
	struct gs_prune_result gone;
	struct gs_error err = { 0 };
	unsigned wider = 0;

	(void)state;
	if (gs_store_prune(st, &o, &gone, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(gone.sightings > k->rows / 5 && gone.sightings < k->rows);
	for (unsigned by = 0; by < GS_BY_COUNT; by++)
		for (unsigned i = 0; i < n_filters; i++) {
			struct gs_question q = question((enum gs_by)by, &filters[i], i % 2);
			struct text got = answer(&rolled, &q), want = answer(&plain, &q);
			if (by == GS_BY_BOT) { /* needs its rows, and says how many are gone */
				assert_true(rolled.res.n_notes > 0 || (got.len == want.len && memcmp(got.data, want.data, want.len) == 0));
				assert_true(rolled.res.n_notes == 0 || strstr(rolled.res.notes[0], "pruned"));
			} else if (rolled.res.n_notes) { /* then it is what whole hours hold, at either end or at both */
				assert_true(filters[i].cuts_hours);
				assert_non_null(strstr(rolled.res.notes[0], "counted whole"));
				bool found = false;
				for (unsigned ends = 1; ends < 4 && !found; ends++) {
					struct gs_question whole = q;
					if (ends & 1)
						whole.filter.since.ns -= whole.filter.since.ns % HOUR_NS;
					if (ends & 2)
						whole.filter.until.ns += HOUR_NS - 1 - (whole.filter.until.ns + HOUR_NS - 1) % HOUR_NS;
					struct text t = answer(&plain, &whole);
					found = t.len == got.len && memcmp(t.data, got.data, t.len) == 0;
					free(t.data);
				}
				if (!found)
					fail_msg("--by %s, %s: neither what was asked nor whole hours", gs_by_word(by), filters[i].name);
				wider++;
			} else {
				same("pruned", filters[i].name, &q, &got, &want);
			}
			free(got.data);
			free(want.data);
		}
	assert_true(wider > 0);
	store_drop(st, "");
	free(list);
}

/* With next to no memory sums come in pieces, and counting by destination is given up; what they add up to stays exact. */
static void little_memory_changes_no_sum(void **state)
{
	static const struct kind k = { "spoofed", 20000, 2000000, 20000, 3, 3 };
	struct gs_sighting *list = make(&k, 5);
	struct filter all = { .f = GS_FILTER_ALL };
	struct gs_store *st = store_of(&k, list, "");
	struct way plain = { .list = list, .n = k.rows }, tight = { .st = st, .scan.memory_bytes = 1 << 20 };

	(void)state;
	for (unsigned by = 0; by < GS_BY_COUNT; by++) {
		struct gs_question q = question((enum gs_by)by, &all, false);
		struct text want = answer(&plain, &q), got = answer(&tight, &q);
		assert_true(by == GS_BY_BOT || !tight.res.memory_short); /* bots need rows: their sources are counted in what there is */
		same("little memory", "no filter", &q, &got, &want);
		free(want.data);
		free(got.data);
	}
	store_drop(st, "");
	free(list);
}

#define COMMIT_ROWS 1000
#define COMMITS 100

/* One packet a row, so that what is in a whole number of commits is a whole number of thousands. */
static void write_on(const struct gs_sighting *list)
{
	struct gs_store *st;
	if (gs_store_open(path, &(struct gs_store_options){ .mode = GS_STORE_WRITE }, &st, NULL) < 0)
		_exit(1);
	for (unsigned i = 0; i < COMMITS; i++)
		if (gs_store_append(st, list + i * COMMIT_ROWS, COMMIT_ROWS, NULL) < 0 || (i % 8 ? gs_store_commit(st, NULL) : gs_store_settle(st, NULL)) < 0)
			_exit(1);
	gs_store_close(st);
	_exit(0);
}

static void reports_beside_a_writer_see_whole_commits(void **state)
{
	static const struct kind none = { .rows = 0 }, k = { "written", COMMITS * COMMIT_ROWS, 5000, 200, 1, 40 };
	struct gs_sighting *list = make(&k, 31);
	struct filter all = { .f = GS_FILTER_ALL };
	struct way w = { 0 };
	uint64_t last = 0;
	unsigned asked = 0;
	int status = 0;

	(void)state;
	for (uint32_t i = 0; i < k.rows; i++)
		list[i].packets = 1;
	gs_store_close(store_of(&none, NULL, ""));
	const pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		write_on(list);
	for (bool running = true; running; asked++) {
		running = waitpid(writer, &status, WNOHANG) == 0;
		if (!w.st) {
			assert_int_equal(gs_store_open(path, &(struct gs_store_options){ .mode = GS_STORE_READ }, &w.st, NULL), 0);
		}
		struct gs_question q = question((enum gs_by)(asked % GS_BY_COUNT), &all, false);
		struct text t = answer(&w, &q); /* fails where the store is locked or says that it is damaged */
		assert_int_equal(w.res.packets % COMMIT_ROWS, 0);
		assert_true(w.res.packets >= last && w.res.packets == w.res.sightings);
		last = w.res.packets;
		char total[32]; /* the table is of the same moment */
		snprintf(total, sizeof total, "%" PRIu64 " packets ", last);
		assert_non_null(strstr(t.data, total));
		free(t.data);
		if (asked % 3 == 0) {
			gs_store_close(w.st);
			w.st = NULL;
		}
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(last, k.rows);
	assert_true(asked > 3);
	store_drop(w.st, "");
	free(list);
}

struct stop {
	unsigned calls, after;
	uint64_t last_done;
};

static bool stop_progress(void *arg, uint64_t done, uint64_t total)
{
	struct stop *s = arg;
	assert_true(done <= total && done >= s->last_done);
	s->last_done = done;
	return ++s->calls <= s->after;
}

static int nothing(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)arg, (void)s, (void)n, (void)err;
	return 0;
}

static void a_scan_can_be_ended(void **state)
{
	static const unsigned needs[] = { GS_NEED_SRC, GS_NEED_CLASS | GS_NEED_DAY | GS_NEED_COUNTS, GS_NEED_ALL };
	struct gs_sighting *list = make(&kinds[1], 9);
	struct gs_store *st = store_of(&kinds[1], list, "");
	const struct gs_filter f = GS_FILTER_ALL;
	const struct gs_sighting_sink sink = { nothing, NULL };
	struct gs_error err = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct stop s = { .after = UINT32_MAX };
		struct gs_scan_options o = { .progress = stop_progress, .progress_arg = &s };
		assert_int_equal(gs_store_scan(st, &f, needs[i], &o, &sink, NULL, &err), 0);
		assert_true(s.calls > 1);
		for (unsigned after = 0; after < s.calls; after++) {
			struct stop early = { .after = after };
			o.progress_arg = &early;
			assert_int_equal(gs_store_scan(st, &f, needs[i], &o, &sink, NULL, &err), GS_ERR_INTERRUPTED);
			assert_int_equal(early.calls, after + 1);
		}
	}
	store_drop(st, "");
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rollups_answer_as_the_sightings_do),
		cmocka_unit_test(pruned_rows_stay_in_every_answer),
		cmocka_unit_test(little_memory_changes_no_sum),
		cmocka_unit_test(reports_beside_a_writer_see_whole_commits),
		cmocka_unit_test(a_scan_can_be_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
