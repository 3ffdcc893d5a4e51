/*
 * append.c - sightings into rows and batches, commits; and batches back into sightings
 *
 * A batch is up to BATCH_ROWS rows that follow one another, came from one input with one window, and are under one checksum: the sum of the rows'
 * hashes, so that a batch can grow over several commits (a sensor commits every second). It says which times are in it, so that no index on time is
 * needed, and it is the unit of pruning and of verified reading.
 */
#include "store/private.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- kinds ---- */

void kinds_forget(struct gs_store *st)
{
	if (st->kinds.map.slots)
		gs_map_done(&st->kinds.map);
	free(st->kinds.by_id);
	st->kinds = (struct kinds){ 0 };
}

struct kind_record {
	struct kind kind;
	uint32_t id;
	uint32_t zero;
};

static int kind_keep(struct gs_store *st, const struct kind *k, uint32_t id, struct gs_error *err)
{
	struct kinds *ks = &st->kinds;
	bool is_new;
	if (id > ks->cap) {
		uint32_t cap = ks->cap ? ks->cap * 2 : 64;
		struct kind *list = realloc(ks->by_id, (cap + 1) * sizeof *list);
		if (!list)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		ks->by_id = list;
		ks->cap = cap;
	}
	struct kind_record *r = gs_map_get(&ks->map, gs_map_hash(&ks->map, k), k, &is_new);
	if (!r)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (is_new)
		r->id = id;
	ks->by_id[id] = *k;
	ks->n = id;
	return 0;
}

static int64_t kind_seal(int64_t id, const struct kind *k)
{
	struct seal s;
	seal_begin(&s, "kind");
	seal_int(&s, id);
	seal_int(&s, (int64_t)k->evidence);
	seal_int(&s, k->has);
	seal_int(&s, k->gre_flags);
	seal_int(&s, k->gre_proto);
	seal_bytes(&s, &k->version, 12);
	return seal_end(&s);
}

/* Columns in the order of KIND_ALL, after id. */
static bool kind_column(sqlite3_stmt *q, int i, int64_t max, int64_t *ret)
{
	return col_int(q, i, 0, max, ret);
}

static bool kind_read(sqlite3_stmt *q, int64_t *ret_id, struct kind *k, int64_t *ret_seal)
{
	int64_t v[18];
	static const int64_t max[18] = { KINDS_MAX, UINT8_MAX, UINT8_MAX, 0, UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX,
		                         UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX };
	for (int i = 0; i < 17; i++) /* evidence may use its top bit */
		if (i == 3 ? !col_int(q, i, INT64_MIN, INT64_MAX, &v[i]) : !kind_column(q, i, max[i], &v[i]))
			return false;
	*k = (struct kind){
		.class_ = (uint8_t)v[1],
		.confidence = (uint8_t)v[2],
		.evidence = (uint64_t)v[3],
		.has = (uint32_t)v[4],
		.gre_flags = (uint16_t)v[5],
		.gre_proto = (uint16_t)v[6],
		.inner_proto = (uint8_t)v[7],
		.protocol = (uint8_t)v[8],
		.via = (uint8_t)v[9],
		.stop = (uint8_t)v[10],
		.fidelity = (uint8_t)v[11],
		.flags = (uint8_t)v[12],
		.bot_kind = (uint8_t)v[13],
		.byte_order = (uint8_t)v[14],
		.df = (uint8_t)v[15],
		.version = (uint8_t)v[16],
	};
	*ret_id = v[0];
	return col_int(q, 17, INT64_MIN, INT64_MAX, ret_seal);
}

int kinds_load(struct gs_store *st, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	if (st->kinds.ready && (st->writer || st->kinds.change == st->meta.change))
		return 0;
	kinds_forget(st);
	if (gs_map_init(&st->kinds.map, sizeof(struct kind), sizeof(struct kind_record), 32u << 20, (uint64_t)st->meta.store) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	sqlite3_stmt *q = db_stmt(st, Q_KIND_ALL, err);
	if (!q)
		return GS_ERR_STORE;
	int r;
	while ((r = db_step(st, q, err, "reading its kinds of sightings")) > 0) {
		struct kind k;
		int64_t id, seal;
		if (!kind_read(q, &id, &k, &seal) || id != (int64_t)st->kinds.n + 1 || seal != kind_seal(id, &k)) {
			sqlite3_reset(q);
			return store_damaged(st, err, "kind %u does not match its checksum", st->kinds.n + 1);
		}
		r = kind_keep(st, &k, (uint32_t)id, err);
		if (r < 0) {
			sqlite3_reset(q);
			return r;
		}
		count.rows++;
		count.sum += (uint64_t)seal;
	}
	if (r == 0)
		r = ledger_verify(st, L_KIND, count, err);
	if (r == 0) {
		st->kinds.ready = true;
		st->kinds.change = st->meta.change;
	}
	return r;
}

static int kind_insert(struct gs_store *st, const struct kind *k, uint32_t id, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_KIND_PUT, err);
	if (!q)
		return GS_ERR_STORE;
	const int64_t v[] = { id, k->class_, k->confidence, (int64_t)k->evidence, k->has, k->gre_flags, k->gre_proto, k->inner_proto, k->protocol, k->via,
		              k->stop, k->fidelity, k->flags, k->bot_kind, k->byte_order, k->df, k->version, kind_seal(id, k) };
	for (int i = 0; i < 18; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	int r = db_run(st, q, err, "adding a kind of sighting");
	if (r == 0)
		r = kind_keep(st, k, id, err);
	if (r == 0)
		ledger_add(st, L_KIND, v[17]);
	return r;
}

/* The number of a kind; KIND_INLINE where there are too many already. Not inlined: gcc 12 at -O3 then takes the hash of 32 octets for that of more. */
static __attribute__((noinline)) int kind_number(struct gs_store *st, const struct kind *k, uint32_t *ret, struct gs_error *err)
{
	struct kinds *ks = &st->kinds;
	const struct kind_record *r = gs_map_find(&ks->map, gs_map_hash(&ks->map, k), k);
	*ret = r ? r->id : ks->n < KINDS_MAX ? ks->n + 1 : KIND_INLINE;
	return r || *ret == KIND_INLINE ? 0 : kind_insert(st, k, *ret, err);
}

/* ---- batches ---- */

int64_t batch_seal(const struct batch *b)
{
	struct seal s;
	seal_begin(&s, "batch");
	const int64_t v[] = { b->first_seq, b->last_seq, b->min_ns, b->max_ns, b->window_s, b->input, b->store, b->store_first, (int64_t)b->sum };
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		seal_int(&s, v[i]);
	return seal_end(&s);
}

static bool batch_columns(sqlite3_stmt *q, struct batch *b)
{
	int64_t sum;
	bool ok = col_int(q, 0, 1, INT64_MAX, &b->first_seq) && col_int(q, 1, b->first_seq, b->first_seq + BATCH_ROWS - 1, &b->last_seq) &&
	          col_int(q, 2, INT64_MIN, INT64_MAX, &b->min_ns) && col_int(q, 3, b->min_ns, INT64_MAX, &b->max_ns) &&
	          col_int(q, 4, 0, INT64_MAX, &b->window_s) && col_int(q, 5, 0, INT64_MAX, &b->input) && col_int(q, 6, 1, INT64_MAX, &b->store) &&
	          col_int(q, 7, 1, INT64_MAX, &b->store_first) && col_int(q, 8, INT64_MIN, INT64_MAX, &sum) && col_int(q, 9, INT64_MIN, INT64_MAX, &b->seal);
	b->sum = ok ? (uint64_t)sum : 0;
	return ok && b->seal == batch_seal(b);
}

int batch_close(struct gs_store *st, struct gs_error *err)
{
	struct batch *b = &st->batch;
	if (!st->batch_open)
		return 0;
	st->batch_open = false;
	if (!st->batch_dirty)
		return 0;
	if (st->batch_stored)
		ledger_take(st, L_BATCH, b->seal);
	b->seal = batch_seal(b);
	sqlite3_stmt *q = db_stmt(st, Q_BATCH_PUT, err);
	if (!q)
		return GS_ERR_STORE;
	const int64_t v[] = { b->first_seq, b->last_seq, b->min_ns, b->max_ns, b->window_s, b->input, b->store, b->store_first, (int64_t)b->sum, b->seal };
	for (int i = 0; i < 10; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	int r = db_run(st, q, err, "adding rows");
	if (r == 0) {
		ledger_add(st, L_BATCH, b->seal);
		st->batch_dirty = false;
		st->batch_stored = true;
	}
	return r;
}

static bool batch_fits(const struct gs_store *st, const struct batch *b)
{
	int64_t store = st->origin_store ? st->origin_store : st->meta.store;
	int64_t seq = st->origin_store ? st->origin_seq : st->meta.next_seq;
	return b->last_seq == st->meta.next_seq - 1 && b->last_seq - b->first_seq + 1 < BATCH_ROWS && b->last_seq > st->meta.rolled_seq &&
	       b->window_s == st->window_s && b->input == st->input && b->store == store && b->store_first + (b->last_seq - b->first_seq) + 1 == seq;
}

static int batch_last(struct gs_store *st, struct batch *ret, bool *ret_any, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_BATCH_LAST, err);
	if (!q)
		return GS_ERR_STORE;
	int r = db_step(st, q, err, "adding rows");
	*ret_any = r > 0;
	if (r > 0) {
		bool ok = batch_columns(q, ret);
		sqlite3_reset(q);
		if (!ok)
			return store_damaged(st, err, "its last batch does not match its checksum");
	}
	return r < 0 ? r : 0;
}

/* Room for one row: the open batch, the last one stored if it can grow, or a new one. */
static int batch_room(struct gs_store *st, struct gs_error *err)
{
	bool any = false;
	int r = 0;
	if (st->batch_open && batch_fits(st, &st->batch))
		return 0;
	if (st->batch_open)
		r = batch_close(st, err);
	else
		r = batch_last(st, &st->batch, &any, err);
	if (r < 0)
		return r;
	st->batch_open = true;
	st->batch_stored = any;
	st->batch_dirty = false;
	if (any && batch_fits(st, &st->batch))
		return 0;
	st->batch_stored = false;
	st->batch = (struct batch){
		.first_seq = st->meta.next_seq,
		.last_seq = st->meta.next_seq - 1,
		.min_ns = INT64_MAX,
		.max_ns = INT64_MIN,
		.window_s = st->window_s,
		.input = st->input,
		.store = st->origin_store ? st->origin_store : st->meta.store,
		.store_first = st->origin_store ? st->origin_seq : st->meta.next_seq,
	};
	return 0;
}

static int row_insert(struct gs_store *st, const struct row *row, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_ROW_PUT, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, row->seq);
	sqlite3_bind_int(q, 2, row->sensor);
	sqlite3_bind_int64(q, 3, row->first_ns);
	sqlite3_bind_int64(q, 4, row->dur_us);
	if (row->src_len)
		sqlite3_bind_blob(q, 5, row->src, row->src_len, SQLITE_STATIC);
	else
		sqlite3_bind_null(q, 5);
	if (row->dst_len)
		sqlite3_bind_blob(q, 6, row->dst, row->dst_len, SQLITE_STATIC);
	else
		sqlite3_bind_null(q, 6);
	sqlite3_bind_int64(q, 7, row->kind);
	sqlite3_bind_int64(q, 8, (int64_t)row->packets);
	sqlite3_bind_int64(q, 9, (int64_t)row->bytes);
	sqlite3_bind_blob(q, 10, row->sample, row->sample_len, SQLITE_STATIC);
	return db_run(st, q, err, "adding rows");
}

static int append_one(struct gs_store *st, const struct gs_sighting *s, struct gs_error *err)
{
	struct kind k;
	struct row row;
	const char *wrong = sighting_wrong(s);
	if (wrong || s->sensor > st->n_sensors)
		return gs_fail(err, GS_ERR_USAGE, "a sighting cannot be stored: %s", wrong ? wrong : "its sensor has no name here");
	kind_of(s, &k);
	int r = kind_number(st, &k, &row.kind, err);
	if (r == 0)
		r = batch_room(st, err);
	if (r < 0)
		return r;
	row_of(s, row.kind == KIND_INLINE, &row);
	row.seq = st->meta.next_seq;
	r = row_insert(st, &row, err);
	if (r < 0)
		return r;
	struct batch *b = &st->batch;
	b->last_seq = st->meta.next_seq++;
	b->sum += row_hash(&row);
	b->min_ns = row.first_ns < b->min_ns ? row.first_ns : b->min_ns;
	b->max_ns = row.first_ns > b->max_ns ? row.first_ns : b->max_ns;
	st->batch_dirty = true;
	st->origin_seq++;
	st->rows_appended++;
	st->rows_min_ns = s->first.ns < st->rows_min_ns ? s->first.ns : st->rows_min_ns;
	st->rows_max_ns = s->last.ns > st->rows_max_ns ? s->last.ns : st->rows_max_ns;
	return pending_add(st, s, err);
}

int gs_store_append(struct gs_store *st, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	int r = tx_begin(st, err);
	if (r == 0)
		r = kinds_load(st, err);
	if (r == 0)
		r = sensors_load(st, err);
	if (r == 0 && st->pending_stale) /* what a killed writer left behind goes first */
		r = rollup_run(st, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = append_one(st, &s[i], err);
		if (r == 0 && st->n_pending >= ROLL_ROWS)
			r = rollup_run(st, err);
	}
	if (r < 0)
		tx_abort(st);
	return r;
}

static int sink_take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	return gs_store_append(arg, s, n, err);
}

struct gs_sighting_sink gs_store_sink(struct gs_store *st)
{
	return (struct gs_sighting_sink){ sink_take, st };
}

void gs_store_set_window(struct gs_store *st, int64_t window_s)
{
	st->window_s = window_s < 0 ? 0 : window_s;
}

int gs_store_commit(struct gs_store *st, struct gs_error *err)
{
	int r = batch_close(st, err);
	if (r < 0)
		tx_abort(st);
	return r < 0 ? r : tx_commit(st, err);
}

int gs_store_settle(struct gs_store *st, struct gs_error *err)
{
	int r = 0;
	if (st->in_tx || st->meta.rolled_seq < st->meta.next_seq - 1) {
		r = tx_begin(st, err);
		if (r == 0)
			r = rollup_run(st, err);
		if (r < 0)
			tx_abort(st);
		else
			r = gs_store_commit(st, err);
	}
	return r < 0 ? r : store_checkpoint(st, err);
}

/* ---- reading ---- */

int batches_load(struct gs_store *st, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	size_t cap = 0;
	sqlite3_stmt *q = db_stmt(st, Q_BATCH_ALL, err);
	if (!q)
		return GS_ERR_STORE;
	free(st->batches);
	st->batches = NULL;
	st->n_batches = 0;
	int r;
	int64_t after = 0;
	while ((r = db_step(st, q, err, "reading its batches")) > 0) {
		struct batch b;
		if (st->n_batches == cap) {
			cap = cap ? cap * 2 : 256;
			struct batch *list = realloc(st->batches, cap * sizeof *list);
			if (!list) {
				sqlite3_reset(q);
				return gs_fail(err, GS_ERR_NOMEM, "out of memory");
			}
			st->batches = list;
		}
		if (!batch_columns(q, &b) || b.first_seq <= after || b.last_seq >= st->meta.next_seq) {
			sqlite3_reset(q);
			return store_damaged(st, err, "a batch after row %" PRId64 " does not match its checksum", after);
		}
		after = b.last_seq;
		st->batches[st->n_batches++] = b;
		count.rows++;
		count.sum += (uint64_t)b.seal;
	}
	return r < 0 ? r : ledger_verify(st, L_BATCH, count, err);
}

static bool row_columns(sqlite3_stmt *q, struct row *row)
{
	int64_t sensor, kind, packets, bytes;
	const uint8_t *src, *dst, *sample;
	size_t src_len, dst_len, sample_len;

	if (!col_int(q, 0, 1, INT64_MAX, &row->seq) || !col_int(q, 1, 0, UINT16_MAX, &sensor) || !col_int(q, 2, INT64_MIN, INT64_MAX, &row->first_ns) ||
	    !col_int(q, 3, INT64_MIN, INT64_MAX, &row->dur_us) || !col_blob(q, 4, 16, &src, &src_len) || !col_blob(q, 5, 16, &dst, &dst_len) ||
	    !col_int(q, 6, 0, KINDS_MAX, &kind) || !col_int(q, 7, INT64_MIN, INT64_MAX, &packets) || !col_int(q, 8, INT64_MIN, INT64_MAX, &bytes) ||
	    !col_blob(q, 9, SAMPLE_MAX, &sample, &sample_len) || (src_len != 0 && src_len != 4 && src_len != 16) ||
	    (dst_len != 0 && dst_len != 4 && dst_len != 16))
		return false;
	memset(row->src, 0, sizeof row->src);
	memset(row->dst, 0, sizeof row->dst);
	if (src_len)
		memcpy(row->src, src, src_len);
	if (dst_len)
		memcpy(row->dst, dst, dst_len);
	if (sample_len)
		memcpy(row->sample, sample, sample_len);
	row->src_len = (uint8_t)src_len;
	row->dst_len = (uint8_t)dst_len;
	row->sample_len = (uint8_t)sample_len;
	row->sensor = (uint16_t)sensor;
	row->kind = (uint32_t)kind;
	row->packets = (uint64_t)packets;
	row->bytes = (uint64_t)bytes;
	return true;
}

static const char *row_read(struct gs_store *st, sqlite3_stmt *q, int64_t seq, uint64_t *sum, struct gs_sighting *ret)
{
	struct row row;
	if (!row_columns(q, &row))
		return "holds a value that cannot be";
	if (row.seq != seq)
		return "is missing";
	if (row.kind > st->kinds.n || row.sensor > st->n_sensors)
		return "names a kind or sensor that is not there";
	*sum += row_hash(&row);
	return row_sighting(&row, row.kind == KIND_INLINE ? NULL : &st->kinds.by_id[row.kind], ret);
}

int batch_read(struct gs_store *st, const struct batch *b, struct gs_sighting *ret, size_t *ret_n, struct gs_error *err)
{
	uint64_t sum = 0;
	int64_t seq = b->first_seq;
	sqlite3_stmt *q = db_stmt(st, Q_ROW_RANGE, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, b->first_seq);
	sqlite3_bind_int64(q, 2, b->last_seq);
	int r;
	while ((r = db_step(st, q, err, "reading rows")) > 0) {
		const char *wrong = seq > b->last_seq ? "is one too many" : row_read(st, q, seq, &sum, &ret[seq - b->first_seq]);
		if (wrong) {
			sqlite3_reset(q);
			return store_damaged(st, err, "row %" PRId64 " %s", seq, wrong);
		}
		seq++;
	}
	if (r < 0)
		return r;
	if (seq != b->last_seq + 1 || sum != b->sum)
		return store_damaged(st, err, "rows %" PRId64 " to %" PRId64 " do not match their checksum", b->first_seq, b->last_seq);
	*ret_n = (size_t)(seq - b->first_seq);
	return 0;
}
