/*
 * input.c - the same content never counts twice
 *
 * Content is a sequence of units: frames (time, lengths, link type, octets) or records (times, addresses, counts). Its identity is a running hash over
 * them. So the name, the compression and even the container of a capture do not matter, a last record that was cut and is whole later is one unit
 * more, and every position between two units has a hash of its own. What is kept per input: the hash of the first unit (to find candidates), the
 * number of units in the store with the hash up to there, and a ladder of 32-bit hashes: after each of the first LADDER_DENSE units and
 * then after every LADDER_STEP.
 *
 * Rows and this progress go into one transaction. Checkpoints lie at fixed numbers of units, where all windows are closed: so an ingest that was
 * killed and resumed makes exactly the rows of one that was not.
 *
 *   first unit known?  no: new, take all.
 *                      yes: probe - skip and hash, and drop each candidate whose ladder says otherwise, until none is left to decide:
 *                      the longest whose whole content is here wins. If we stand at its end, go on from there; if we are past it, read again.
 */
#include "store/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LADDER_DENSE 1024u
#define LADDER_STEP 1024u
#define CHECKPOINT_UNITS (1u << 20)
#define CHECKPOINT_ROWS 200000u
#define CANDIDATES_MAX 64
#define TALLY_TEXT_MAX 8192

/* ---- the balance as text: "packets=24 lost.short=3" ---- */

static const struct {
	const char *name;
	size_t offset;
} tally_fields[] = {
#define F(name) { #name, offsetof(struct gs_tally, name) }
	F(packets), F(bytes), F(in_sightings), F(sighting_bytes), F(fragments), F(fragment_bytes), F(not_gre), F(gre_udp), F(gre_udp_hidden), F(sightings),
	F(folded_packets), F(late_packets), F(crowd_unseen), F(control_forgotten), F(checksum_bad), F(records), F(records_bad), F(records_other), F(clock_saturated), F(undated),
#undef F
};
#define TALLY_FIELDS (sizeof tally_fields / sizeof *tally_fields)

_Static_assert(sizeof(struct gs_tally) == (TALLY_FIELDS + GS_LOST_COUNT + GS_STOP_COUNT + GS_DROP_COUNT) * sizeof(uint64_t), "every counter of a tally is stored");

static void counter_write(struct gs_buf *out, const char *group, const char *name, uint64_t v)
{
	if (v)
		gs_buf_printf(out, "%s%s%s=%" PRIu64, out->len ? " " : "", group, name, v);
}

void tally_write(const struct gs_tally *t, struct gs_buf *out)
{
	for (size_t i = 0; i < TALLY_FIELDS; i++) {
		uint64_t v;
		memcpy(&v, (const uint8_t *)t + tally_fields[i].offset, sizeof v);
		counter_write(out, "", tally_fields[i].name, v);
	}
	for (unsigned i = 0; i < GS_LOST_COUNT; i++)
		counter_write(out, "lost.", gs_lost_word(i), t->lost[i]);
	for (unsigned i = 0; i < GS_STOP_COUNT; i++)
		counter_write(out, "stop.", gs_stop_word(i), t->stops[i]);
	for (unsigned i = 0; i < GS_DROP_COUNT; i++)
		counter_write(out, "drop.", gs_drop_word(i), t->dropped[i]);
}

static uint64_t *counter_of(struct gs_tally *t, const char *name, size_t len)
{
	for (size_t i = 0; i < TALLY_FIELDS; i++)
		if (strlen(tally_fields[i].name) == len && memcmp(tally_fields[i].name, name, len) == 0)
			return (uint64_t *)(void *)((uint8_t *)t + tally_fields[i].offset);
	if (len <= 5)
		return NULL;
	for (unsigned i = 0; memcmp(name, "lost.", 5) == 0 && i < GS_LOST_COUNT; i++)
		if (strlen(gs_lost_word(i)) == len - 5 && memcmp(gs_lost_word(i), name + 5, len - 5) == 0)
			return &t->lost[i];
	for (unsigned i = 0; memcmp(name, "stop.", 5) == 0 && i < GS_STOP_COUNT; i++)
		if (strlen(gs_stop_word(i)) == len - 5 && memcmp(gs_stop_word(i), name + 5, len - 5) == 0)
			return &t->stops[i];
	for (unsigned i = 0; memcmp(name, "drop.", 5) == 0 && i < GS_DROP_COUNT; i++)
		if (strlen(gs_drop_word(i)) == len - 5 && memcmp(gs_drop_word(i), name + 5, len - 5) == 0)
			return &t->dropped[i];
	return NULL;
}

bool tally_read(const char *text, struct gs_tally *ret)
{
	struct gs_tally t = { 0 };
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "= ");
		uint64_t *to = p[len] == '=' ? counter_of(&t, p, len) : NULL;
		char *end;
		if (!to || p[len + 1] < '0' || p[len + 1] > '9')
			return false;
		*to = strtoull(p + len + 1, &end, 10);
		if (*end && *end != ' ')
			return false;
		p = *end ? end + 1 : end;
	}
	*ret = t;
	return true;
}

/* ---- the table ---- */

void input_done(struct input *in)
{
	free(in->path);
	free(in->trouble);
	in->path = in->trouble = NULL;
}

void inputs_forget(struct gs_store *st)
{
	for (size_t i = 0; st->inputs && i < st->inputs->n; i++)
		input_done(&st->inputs->list[i]);
	if (st->inputs)
		free(st->inputs->list);
	free(st->inputs);
	st->inputs = NULL;
}

static int64_t input_seal(const struct input *in, const char *tally)
{
	struct seal s;
	const int64_t v[] = { in->id, in->head, (int64_t)in->units, in->complete, in->live, in->sensor, in->window_s, (int64_t)in->options,
		              (int64_t)in->device, (int64_t)in->inode, (int64_t)in->size, in->mtime_ns, in->first_ns, in->last_ns, in->ladder_sum };
	seal_begin(&s, "input");
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		seal_int(&s, v[i]);
	seal_bytes(&s, in->digest, sizeof in->digest);
	seal_bytes(&s, in->path, strlen(in->path));
	seal_bytes(&s, in->trouble, strlen(in->trouble));
	seal_bytes(&s, tally, strlen(tally));
	return seal_end(&s);
}

static bool input_columns(sqlite3_stmt *q, struct input *in, bool *ret_nomem)
{
	int64_t units, complete, live, sensor, options, device, inode, size;
	const uint8_t *digest;
	const char *path, *tally, *trouble;
	size_t digest_len, len;

	*in = (struct input){ 0 };
	if (!col_int(q, 0, 1, INT64_MAX, &in->id) || !col_int(q, 1, INT64_MIN, INT64_MAX, &in->head) || !col_int(q, 2, 0, INT64_MAX, &units) ||
	    !col_blob(q, 3, 16, &digest, &digest_len) || digest_len != 16 || !col_int(q, 4, 0, 1, &complete) || !col_int(q, 5, 0, 1, &live) ||
	    !col_text(q, 6, 4096, &path, &len) || !col_int(q, 7, 0, UINT16_MAX, &sensor) || !col_int(q, 8, 0, INT64_MAX, &in->window_s) ||
	    !col_int(q, 9, INT64_MIN, INT64_MAX, &options) || !col_int(q, 10, INT64_MIN, INT64_MAX, &device) ||
	    !col_int(q, 11, INT64_MIN, INT64_MAX, &inode) || !col_int(q, 12, INT64_MIN, INT64_MAX, &size) ||
	    !col_int(q, 13, INT64_MIN, INT64_MAX, &in->mtime_ns) || !col_text(q, 14, TALLY_TEXT_MAX, &tally, &len) ||
	    !col_int(q, 15, INT64_MIN, INT64_MAX, &in->first_ns) || !col_int(q, 16, INT64_MIN, INT64_MAX, &in->last_ns) ||
	    !col_text(q, 17, 4096, &trouble, &len) || !col_int(q, 18, INT64_MIN, INT64_MAX, &in->ladder_sum) ||
	    !col_int(q, 19, INT64_MIN, INT64_MAX, &in->seal) || !tally_read(tally, &in->tally))
		return false;
	in->units = (uint64_t)units;
	memcpy(in->digest, digest, 16);
	in->complete = complete;
	in->live = live;
	in->sensor = (uint16_t)sensor;
	in->options = (uint64_t)options;
	in->device = (uint64_t)device;
	in->inode = (uint64_t)inode;
	in->size = (uint64_t)size;
	in->path = strdup(path);
	in->trouble = strdup(trouble);
	*ret_nomem = !in->path || !in->trouble;
	return !*ret_nomem && in->seal == input_seal(in, tally);
}

int inputs_load(struct gs_store *st, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	if (st->inputs && st->writer)
		return 0;
	inputs_forget(st);
	st->inputs = calloc(1, sizeof *st->inputs);
	sqlite3_stmt *q = st->inputs ? db_stmt(st, Q_INPUT_ALL, err) : NULL;
	if (!q)
		return st->inputs ? GS_ERR_STORE : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	int r;
	while ((r = db_step(st, q, err, "reading its inputs")) > 0) {
		struct input_list *l = st->inputs;
		bool nomem = false;
		if (l->n == l->cap) {
			size_t cap = l->cap ? l->cap * 2 : 64;
			struct input *list = realloc(l->list, cap * sizeof *list);
			if (!list) {
				r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
				break;
			}
			l->list = list;
			l->cap = cap;
		}
		if (!input_columns(q, &l->list[l->n], &nomem)) {
			input_done(&l->list[l->n]);
			r = nomem ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : store_damaged(st, err, "input %zu does not match its checksum", l->n + 1);
			break;
		}
		count.rows++;
		count.sum += (uint64_t)l->list[l->n++].seal;
	}
	sqlite3_reset(q);
	if (r == 0)
		r = ledger_verify(st, L_INPUT, count, err);
	if (r < 0)
		inputs_forget(st);
	return r;
}

static struct input *input_find(const struct gs_store *st, int64_t id)
{
	for (size_t i = 0; st->inputs && i < st->inputs->n; i++)
		if (st->inputs->list[i].id == id)
			return &st->inputs->list[i];
	return NULL;
}

static int64_t input_next_id(const struct gs_store *st)
{
	int64_t id = 1;
	for (size_t i = 0; st->inputs && i < st->inputs->n; i++)
		id = st->inputs->list[i].id >= id ? st->inputs->list[i].id + 1 : id;
	return id;
}

/* The list's copy of a row that was written. */
static int input_remember(struct gs_store *st, const struct input *in, struct gs_error *err)
{
	struct input_list *l = st->inputs;
	struct input copy = *in, *to = input_find(st, in->id);
	copy.path = strdup(in->path);
	copy.trouble = strdup(in->trouble);
	if (!to && l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct input *list = realloc(l->list, cap * sizeof *list);
		if (list) {
			l->list = list;
			l->cap = cap;
		}
	}
	if (!copy.path || !copy.trouble || (!to && l->n == l->cap)) {
		input_done(&copy);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	if (to)
		input_done(to);
	else
		to = &l->list[l->n++];
	*to = copy;
	return 0;
}

int input_put(struct gs_store *st, struct input *in, bool is_new, const struct gs_buf *ladder, struct gs_error *err)
{
	struct gs_buf tally = { 0 };
	int r = inputs_load(st, err);
	const struct input *old = r < 0 ? NULL : input_find(st, in->id);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_INPUT_PUT, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	if (is_new)
		in->id = input_next_id(st);
	else if (old)
		ledger_take(st, L_INPUT, old->seal);
	tally_write(&in->tally, &tally);
	const char *text = gs_buf_text(&tally);
	in->ladder_sum = (int64_t)XXH3_64bits(ladder->data, ladder->len);
	in->seal = input_seal(in, text);
	const int64_t v[] = { in->id, in->head, (int64_t)in->units, 0, in->complete, in->live, 0, in->sensor, in->window_s, (int64_t)in->options,
		              (int64_t)in->device, (int64_t)in->inode, (int64_t)in->size, in->mtime_ns, 0, in->first_ns, in->last_ns, 0, in->ladder_sum,
		              in->seal };
	for (int i = 0; i < 20; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	sqlite3_bind_blob(q, 4, in->digest, sizeof in->digest, SQLITE_STATIC);
	sqlite3_bind_text(q, 7, in->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 15, text, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 18, in->trouble, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(q, 21, ladder->len ? ladder->data : "", ladder->len, SQLITE_STATIC);
	r = tally.failed || ladder->failed ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : db_run(st, q, err, "noting an input");
	sqlite3_clear_bindings(q);
	gs_buf_done(&tally);
	if (r < 0)
		return r;
	ledger_add(st, L_INPUT, in->seal);
	return input_remember(st, in, err);
}

int input_ladder(struct gs_store *st, const struct input *in, struct gs_buf *ret, struct gs_error *err)
{
	const uint8_t *data;
	size_t len;
	sqlite3_stmt *q = db_stmt(st, Q_INPUT_LADDER, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, in->id);
	int r = db_step(st, q, err, "reading its inputs");
	if (r <= 0)
		return r < 0 ? r : store_damaged(st, err, "input %" PRId64 " is missing", in->id);
	bool ok = col_blob(q, 0, SIZE_MAX, &data, &len) && (int64_t)XXH3_64bits(data, len) == in->ladder_sum;
	gs_buf_clear(ret);
	if (ok)
		gs_buf_put(ret, data, len);
	sqlite3_reset(q);
	if (!ok)
		return store_damaged(st, err, "the ladder of input %" PRId64 " does not match its checksum", in->id);
	return ret->failed ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : 0;
}

/* ---- content ---- */

struct content {
	XXH3_state_t state;
	uint64_t units;
	struct gs_buf ladder; /* uint32_t, little endian */
};

static void content_reset(struct content *c)
{
	XXH3_128bits_reset(&c->state);
	c->units = 0;
	gs_buf_clear(&c->ladder);
}

static void content_digest(const struct content *c, uint8_t out[16])
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&c->state));
	memcpy(out, canonical.digest, 16);
}

static bool is_rung(uint64_t units)
{
	return units <= LADDER_DENSE || units % LADDER_STEP == 0;
}

static size_t rung_number(uint64_t units) /* of a rung, from 0 */
{
	return units <= LADDER_DENSE ? units - 1 : LADDER_DENSE - 1 + (units - LADDER_DENSE) / LADDER_STEP;
}

static uint64_t last_rung(uint64_t units)
{
	return units <= LADDER_DENSE ? units : units - units % LADDER_STEP;
}

static uint32_t rung_at(const struct gs_buf *ladder, uint64_t units, bool *ret_there)
{
	uint32_t v = 0;
	size_t at = rung_number(units) * 4;
	*ret_there = at + 4 <= ladder->len;
	if (*ret_there)
		memcpy(&v, ladder->data + at, 4);
	return le32toh(v);
}

uint64_t ladder_rungs(uint64_t units)
{
	return units ? rung_number(last_rung(units)) + 1 : 0;
}

bool ladders_agree(const struct gs_buf *a, const struct gs_buf *b, uint64_t units)
{
	size_t n = (size_t)ladder_rungs(units) * 4;
	return n <= a->len && n <= b->len && (n == 0 || memcmp(a->data, b->data, n) == 0);
}

static void unit_frame(const struct gs_frame *f, uint8_t head[24])
{
	uint64_t ts = htole64((uint64_t)f->ts.ns);
	uint32_t v[4] = { htole32(f->caplen), htole32(f->wirelen), htole32(f->linktype), htole32(f->sampling) };
	memcpy(head, &ts, 8);
	memcpy(head + 8, v, 16);
}

/* What a record says whatever reads it: a reader that learns to fill one field more must not make it another input. */
static void unit_record(const struct gs_sighting *s, uint8_t out[66])
{
	uint64_t v[4] = { htole64((uint64_t)s->first.ns), htole64((uint64_t)s->last.ns), htole64(s->packets), htole64(s->bytes) };
	memcpy(out, v, 32);
	memcpy(out + 32, s->src.b, 16);
	out[48] = s->src.family;
	memcpy(out + 49, s->dst.b, 16);
	out[65] = s->dst.family;
}

struct units {
	const struct gs_frame *frames;
	const struct gs_sighting *records;
};

static void content_unit(XXH3_state_t *state, struct units u, size_t i)
{
	uint8_t buf[66];
	if (u.frames) {
		unit_frame(&u.frames[i], buf);
		XXH3_128bits_update(state, buf, 24);
		XXH3_128bits_update(state, u.frames[i].data, u.frames[i].caplen);
	} else {
		unit_record(&u.records[i], buf);
		XXH3_128bits_update(state, buf, 66);
	}
}

static void content_add(struct content *c, struct units u, size_t i)
{
	content_unit(&c->state, u, i);
	c->units++;
	if (!is_rung(c->units))
		return;
	uint32_t rung = htole32((uint32_t)XXH3_128bits_digest(&c->state).low64);
	gs_buf_put(&c->ladder, &rung, 4);
}

/* ---- an input being read ---- */

enum phase { P_FIRST, P_PROBE, P_DECIDED };

struct candidate {
	int64_t id;
	uint64_t units;
	struct gs_buf ladder;
};

struct gs_input {
	struct gs_store *st;
	struct gs_input_spec spec;
	char *path;
	enum phase phase;
	enum gs_input_state state;
	struct content content;
	struct candidate candidates[CANDIDATES_MAX];
	unsigned n_candidates;
	int64_t best;          /* the longest input that is wholly in this one; 0: none */
	uint64_t best_units;
	uint64_t skip;         /* decided: units up to here are in the store */
	uint8_t skip_digest[16];
	struct input rec;      /* as it will be written */
	int64_t head;
	struct gs_tally base;  /* of earlier ingests */
	struct gs_tally run;
	bool taken;            /* something was, so that there is something to write */
	bool live;
	char *like, *was;
	uint64_t unsure;
	uint64_t rows_at;      /* rows appended at the last checkpoint */
	uint64_t aborts;
};

static void candidate_drop(struct gs_input *in, unsigned i)
{
	gs_buf_done(&in->candidates[i].ladder);
	in->candidates[i] = in->candidates[--in->n_candidates];
}

static void input_free(struct gs_input *in)
{
	while (in->n_candidates)
		candidate_drop(in, 0);
	in->st->input = 0;
	in->st->bots_input = 0;
	in->st->busy = false;
	gs_buf_done(&in->content.ladder);
	input_done(&in->rec);
	free(in->like);
	free(in->was);
	free(in->path);
	free(in);
}

void gs_input_drop(struct gs_input *in)
{
	if (!in)
		return;
	tx_abort(in->st);
	input_free(in);
}

static int begin(struct gs_store *st, const struct gs_input_spec *spec, bool live, struct gs_input **ret, struct gs_error *err)
{
	if (!st->writer)
		return gs_fail(err, GS_ERR_ACCESS, "store %s is open for reading only", st->path);
	if (st->busy)
		return gs_fail(err, GS_ERR_USAGE, "store %s takes one input at a time", st->path);
	struct gs_input *in = calloc(1, sizeof *in);
	if (!in)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	in->st = st;
	in->spec = *spec;
	in->live = live;
	in->path = strndup(spec->path, 4096);
	st->busy = true;
	content_reset(&in->content);
	int r = in->path ? inputs_load(st, err) : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r < 0) {
		input_free(in);
		return r;
	}
	in->spec.path = in->path;
	in->aborts = st->aborts;
	in->rows_at = st->rows_appended;
	st->rows_min_ns = INT64_MAX;
	st->rows_max_ns = INT64_MIN;
	*ret = in;
	return 0;
}

int gs_input_begin(struct gs_store *st, const struct gs_input_spec *spec, struct gs_input **ret, struct gs_error *err)
{
	return begin(st, spec, false, ret, err);
}

/* What the record of an input that is begun or continued looks like before anything is taken. */
static int record_start(struct gs_input *in, struct gs_error *err)
{
	struct gs_store *st = in->st;
	const struct input *old = in->best ? input_find(st, in->best) : NULL;
	input_done(&in->rec);
	in->rec = old ? *old : (struct input){ .first_ns = INT64_MAX, .last_ns = INT64_MIN };
	in->rec.path = strdup(in->path);
	in->rec.trouble = strdup("");
	in->base = in->rec.tally;
	if (!in->rec.path || !in->rec.trouble)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (old && (old->window_s != in->spec.window_s || old->sensor != in->spec.sensor || old->options != in->spec.options))
		return gs_fail(err, GS_ERR_USAGE, "%s was stored up to packet %" PRIu64 " with %s; the rest can only be added the same way", in->path,
		               old->units, old->window_s != in->spec.window_s ? "another window" : old->sensor != in->spec.sensor ? "another sensor" : "other options");
	if (!old) {
		in->rec.sensor = in->spec.sensor;
		in->rec.window_s = in->spec.window_s;
		in->rec.options = in->spec.options;
		in->rec.id = input_next_id(st);
	}
	in->rec.device = in->spec.device;
	in->rec.inode = in->spec.inode;
	in->rec.size = in->spec.size;
	in->rec.mtime_ns = in->spec.mtime_ns;
	in->rec.live = in->live;
	st->input = in->rec.id;
	gs_store_set_window(st, in->spec.window_s);
	in->taken = true;
	return 0;
}

int gs_input_begin_live(struct gs_store *st, const struct gs_input_spec *spec, struct gs_input **ret, struct gs_error *err)
{
	struct gs_input *in = NULL;
	int r = begin(st, spec, true, &in, err);
	if (r < 0)
		return r;
	in->phase = P_DECIDED;
	r = record_start(in, err);
	if (r < 0)
		input_free(in);
	else
		*ret = in;
	return r;
}

static int candidates_find(struct gs_input *in, int64_t head, struct gs_error *err)
{
	struct gs_store *st = in->st;
	int r = inputs_load(st, err);
	for (size_t i = 0; r == 0 && i < st->inputs->n; i++) {
		const struct input *o = &st->inputs->list[i];
		if (o->live || o->units == 0 || o->head != head || in->n_candidates == CANDIDATES_MAX)
			continue;
		struct candidate *c = &in->candidates[in->n_candidates];
		*c = (struct candidate){ .id = o->id, .units = o->units };
		r = input_ladder(st, o, &c->ladder, err);
		in->n_candidates++;
	}
	return r;
}

static void like_note(struct gs_input *in, int64_t id)
{
	const struct input *o = input_find(in->st, id);
	if (!in->like && o)
		in->like = strdup(o->path);
}

/* After each unit: what the candidates say to it. */
static void candidates_check(struct gs_input *in)
{
	const struct content *c = &in->content;
	for (unsigned i = 0; i < in->n_candidates;) {
		struct candidate *k = &in->candidates[i];
		bool there, gone = false;
		if (is_rung(c->units)) {
			uint32_t theirs = rung_at(&k->ladder, c->units, &there), ours = rung_at(&c->ladder, c->units, &(bool){ false });
			gone = !there || theirs != ours;
		}
		if (!gone && c->units == k->units) {
			uint8_t digest[16];
			const struct input *o = input_find(in->st, k->id);
			content_digest(c, digest);
			gone = !o || memcmp(digest, o->digest, 16) != 0;
			if (!gone) { /* wholly here; longer than any before, since units only grow */
				in->best = k->id;
				in->best_units = k->units;
				candidate_drop(in, i);
				continue;
			}
		}
		if (gone) {
			like_note(in, k->id);
			candidate_drop(in, i);
			continue;
		}
		i++;
	}
}

static void decide(struct gs_input *in, uint64_t skip)
{
	const struct input *o = in->best ? input_find(in->st, in->best) : NULL;
	in->phase = P_DECIDED;
	in->skip = skip;
	in->state = !o ? GS_INPUT_NEW : o->complete ? GS_INPUT_KNOWN : GS_INPUT_RESUMED; /* KNOWN becomes GROWN when something is taken */
	if (o) {
		memcpy(in->skip_digest, o->digest, 16);
		free(in->like);
		in->like = NULL;
		if (!in->was && strcmp(o->path, in->path) != 0)
			in->was = strdup(o->path);
	}
	while (in->n_candidates)
		candidate_drop(in, 0);
}

static enum gs_input_step read_again(struct gs_input *in)
{
	decide(in, in->best_units);
	content_reset(&in->content);
	return GS_INPUT_AGAIN;
}

static enum gs_input_step probe(struct gs_input *in, struct units u, size_t n, size_t *ret_m)
{
	for (size_t i = 0; i < n; i++) {
		content_add(&in->content, u, i);
		candidates_check(in);
		if (in->n_candidates)
			continue;
		*ret_m = i + 1;
		if (in->best_units != in->content.units)
			return read_again(in);
		decide(in, in->content.units);
		return GS_INPUT_SKIP;
	}
	*ret_m = n;
	return GS_INPUT_SKIP;
}

/* The input is over while it is still compared with others. */
static enum gs_input_step probe_end(struct gs_input *in)
{
	if (in->best && in->best_units == in->content.units) {
		decide(in, in->best_units);
		return GS_INPUT_TAKE;
	}
	if (in->n_candidates) { /* it is the beginning of a longer one */
		in->best = in->candidates[0].id;
		in->unsure = in->content.units - last_rung(in->content.units);
		decide(in, in->content.units);
		in->state = GS_INPUT_SHORTER;
		return GS_INPUT_TAKE;
	}
	return read_again(in);
}

static int skip_known(struct gs_input *in, struct units u, size_t n, size_t *ret_m, struct gs_error *err)
{
	uint64_t left = in->skip - in->content.units;
	size_t m = left < n ? (size_t)left : n;
	for (size_t i = 0; i < m; i++)
		content_add(&in->content, u, i);
	*ret_m = m;
	if (in->content.units == in->skip) {
		uint8_t digest[16];
		content_digest(&in->content, digest);
		if (memcmp(digest, in->skip_digest, 16) != 0)
			return gs_fail(err, GS_ERR_IO, "%s changed while it was read", in->path);
	}
	return 0;
}

static int take(struct gs_input *in, struct units u, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err)
{
	int r = in->taken ? 0 : record_start(in, err);
	if (r < 0)
		return r;
	if (in->state == GS_INPUT_KNOWN)
		in->state = GS_INPUT_GROWN;
	uint64_t left = CHECKPOINT_UNITS - in->content.units % CHECKPOINT_UNITS;
	size_t m = left < n ? (size_t)left : n;
	for (size_t i = 0; i < m; i++)
		content_add(&in->content, u, i);
	bool due = m == left || in->st->rows_appended - in->rows_at >= CHECKPOINT_ROWS;
	*ret_m = m;
	*ret_step = due ? GS_INPUT_CHECKPOINT : GS_INPUT_TAKE;
	return in->content.ladder.failed ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : 0;
}

static int feed(struct gs_input *in, struct units u, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err)
{
	*ret_m = n;
	if (n == 0) {
		*ret_step = in->phase == P_PROBE ? probe_end(in) : GS_INPUT_TAKE;
		if (in->phase == P_DECIDED && *ret_step != GS_INPUT_AGAIN && in->content.units < in->skip)
			return gs_fail(err, GS_ERR_IO, "%s changed while it was read", in->path);
		return 0;
	}
	if (in->phase == P_FIRST) {
		XXH3_state_t one;
		XXH3_128bits_reset(&one);
		content_unit(&one, u, 0);
		in->head = (int64_t)XXH3_128bits_digest(&one).low64;
		int r = candidates_find(in, in->head, err);
		if (r < 0)
			return r;
		in->phase = P_PROBE;
		if (!in->n_candidates)
			decide(in, 0);
	}
	if (in->phase == P_PROBE) {
		*ret_step = probe(in, u, n, ret_m);
		return 0;
	}
	if (in->content.units < in->skip) {
		*ret_step = GS_INPUT_SKIP;
		return skip_known(in, u, n, ret_m, err);
	}
	return take(in, u, n, ret_m, ret_step, err);
}

int gs_input_frames(struct gs_input *in, const struct gs_frame *f, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err)
{
	return feed(in, (struct units){ .frames = f }, n, ret_m, ret_step, err);
}

int gs_input_records(struct gs_input *in, const struct gs_sighting *s, size_t n, size_t *ret_m, enum gs_input_step *ret_step,
                     struct gs_error *err)
{
	return feed(in, (struct units){ .records = s }, n, ret_m, ret_step, err);
}

/* ---- writing ---- */

static int record_write(struct gs_input *in, const struct gs_tally *run, bool complete, const char *trouble, struct gs_error *err)
{
	struct gs_store *st = in->st;
	if (st->aborts != in->aborts)
		return gs_fail(err, GS_ERR_STORE, "store %s: %s was given up at an error; ingest it again", st->path, in->path);
	int r = tx_begin(st, err);
	if (r < 0)
		return r;
	char *copy = strdup(trouble);
	if (!copy)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	free(in->rec.trouble);
	in->rec.trouble = copy;
	in->run = *run;
	in->rec.tally = in->base;
	gs_tally_add(&in->rec.tally, run);
	in->rec.units = in->content.units;
	in->rec.head = in->head;
	in->rec.complete = complete;
	content_digest(&in->content, in->rec.digest);
	in->rec.first_ns = st->rows_min_ns < in->rec.first_ns ? st->rows_min_ns : in->rec.first_ns;
	in->rec.last_ns = st->rows_max_ns > in->rec.last_ns ? st->rows_max_ns : in->rec.last_ns;
	r = input_put(st, &in->rec, false, &in->content.ladder, err);
	if (r == 0)
		r = gs_store_commit(st, err);
	else
		tx_abort(st);
	in->rows_at = st->rows_appended;
	return r;
}

int gs_input_checkpoint(struct gs_input *in, const struct gs_tally *run, struct gs_error *err)
{
	return record_write(in, run, false, "", err);
}

/* A known file under another name or stamp: noted, so that gs_input_unchanged finds it next time. */
static int record_seen(struct gs_input *in, struct gs_error *err)
{
	struct gs_store *st = in->st;
	struct input *o = input_find(st, in->best);
	if (!o || in->state != GS_INPUT_KNOWN || !in->spec.inode ||
	    (o->device == in->spec.device && o->inode == in->spec.inode && o->size == in->spec.size && o->mtime_ns == in->spec.mtime_ns))
		return 0;
	struct gs_buf tally = { 0 };
	char *path = strdup(in->path);
	int r = path ? tx_begin(st, err) : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_INPUT_SEEN, err);
	if (!q) {
		free(path);
		return r < 0 ? r : GS_ERR_STORE;
	}
	ledger_take(st, L_INPUT, o->seal);
	free(o->path);
	o->path = path;
	o->device = in->spec.device;
	o->inode = in->spec.inode;
	o->size = in->spec.size;
	o->mtime_ns = in->spec.mtime_ns;
	tally_write(&o->tally, &tally);
	o->seal = input_seal(o, gs_buf_text(&tally));
	gs_buf_done(&tally);
	const int64_t v[] = { o->id, 0, (int64_t)o->device, (int64_t)o->inode, (int64_t)o->size, o->mtime_ns, o->seal };
	for (int i = 0; i < 7; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	sqlite3_bind_text(q, 2, o->path, -1, SQLITE_TRANSIENT);
	r = db_run(st, q, err, "noting an input");
	ledger_add(st, L_INPUT, o->seal);
	if (r < 0)
		tx_abort(st);
	return r < 0 ? r : gs_store_commit(st, err);
}

static void info_of(const struct gs_store *st, const struct input *o, struct gs_input_info *ret)
{
	*ret = (struct gs_input_info){
		.id = (uint64_t)o->id,
		.path = o->path,
		.sensor = sensor_name(st, o->sensor),
		.trouble = o->trouble,
		.like = "",
		.was = "",
		.units = o->units,
		.tally = o->tally,
		.first = { o->first_ns },
		.last = { o->last_ns },
		.window_s = o->window_s,
		.options = o->options,
		.complete = o->complete,
		.live = o->live,
	};
}

int gs_input_end(struct gs_input *in, const struct gs_tally *run, const struct gs_error *trouble, struct gs_input_info *ret,
                 struct gs_error *err)
{
	struct gs_store *st = in->st;
	int r = 0;

	if (in->state == GS_INPUT_RESUMED && !in->taken)
		r = record_start(in, err); /* killed between its last checkpoint and its end */
	if (r == 0 && in->taken)
		r = record_write(in, run, true, trouble ? trouble->text : "", err);
	else if (r == 0)
		r = record_seen(in, err);
	if (r == 0 && ret) {
		const struct input *o = input_find(st, in->taken ? in->rec.id : in->best);
		*ret = (struct gs_input_info){ .path = "", .sensor = "", .trouble = "", .like = "", .was = "" };
		if (o)
			info_of(st, o, ret);
		ret->state = in->state;
		ret->unsure = in->unsure;
		ret->added = in->run;
		const size_t like_len = in->like ? strlen(in->like) : 0;
		gs_buf_clear(&st->lent);
		gs_buf_put(&st->lent, in->like ? in->like : "", like_len + 1);
		gs_buf_puts(&st->lent, in->was ? in->was : "");
		ret->like = gs_buf_text(&st->lent);
		ret->was = st->lent.failed ? "" : ret->like + like_len + 1;
	}
	if (r < 0)
		tx_abort(st);
	input_free(in);
	return r;
}

/* ---- asking ---- */

bool gs_input_unchanged(struct gs_store *st, const struct gs_input_spec *spec, struct gs_input_info *ret)
{
	int r = spec->inode ? read_begin(st, NULL) : GS_ERR_NOENT;
	if (r == 0)
		r = sensors_load(st, NULL);
	if (r == 0)
		r = inputs_load(st, NULL);
	read_end(st);
	for (size_t i = 0; r == 0 && i < st->inputs->n; i++) {
		const struct input *o = &st->inputs->list[i];
		if (!o->complete || o->live || o->inode != spec->inode || o->device != spec->device || o->size != spec->size || o->mtime_ns != spec->mtime_ns)
			continue;
		if (ret) {
			info_of(st, o, ret);
			ret->state = GS_INPUT_KNOWN;
		}
		return true;
	}
	return false;
}

int gs_store_inputs(struct gs_store *st, int (*each)(void *arg, const struct gs_input_info *in, struct gs_error *err), void *arg,
                    struct gs_error *err)
{
	int r = read_begin(st, err);
	if (r == 0)
		r = sensors_load(st, err);
	if (r == 0)
		r = inputs_load(st, err);
	read_end(st);
	for (size_t i = 0; r == 0 && i < st->inputs->n; i++) {
		struct gs_input_info info;
		info_of(st, &st->inputs->list[i], &info);
		r = each(arg, &info, err);
	}
	return r;
}

static bool sensor_wanted(const struct gs_filter *f, uint16_t sensor)
{
	for (unsigned i = 0; i < f->n_sensors; i++)
		if (f->sensors[i] == sensor)
			return true;
	return f->n_sensors == 0;
}

int gs_store_tally(struct gs_store *st, const struct gs_filter *f, struct gs_tally *ret, struct gs_error *err)
{
	struct gs_tally sum = { 0 };
	int r = read_begin(st, err);
	if (r == 0)
		r = inputs_load(st, err);
	read_end(st);
	for (size_t i = 0; r == 0 && i < st->inputs->n; i++) {
		const struct input *o = &st->inputs->list[i];
		bool empty = o->first_ns > o->last_ns;
		bool touches = empty ? f->since.ns == INT64_MIN && f->until.ns == INT64_MAX
		                     : o->last_ns >= f->since.ns && (f->until.ns == INT64_MAX || o->first_ns < f->until.ns);
		if (touches && sensor_wanted(f, o->sensor))
			gs_tally_add(&sum, &o->tally);
	}
	if (r == 0)
		*ret = sum;
	return r;
}
