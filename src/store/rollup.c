/*
 * rollup.c - rows into cells, cells into runs of blocks, runs merged
 *
 * meta.rolled_seq is the watermark: rows up to it are in the rollups, later ones are added up when a question is asked. At most ROLL_ROWS wait, as
 * cells in memory; a writer that was killed left them in the table, and the next one reads them again.
 *
 * Each time, every day touched gets a new run, and PART_ALL, the part that knows no hours, gets one too. As in a log-structured merge tree, runs of like size
 * are merged, so that a day has few runs (their number grows with the logarithm of how often it was added to) and every cell is rewritten as
 * often. Within a run the blocks hold different sources, so that a day with one run is counted without a table of sources.
 */
#include "store/private.h"

#include <inttypes.h>
#include <stdlib.h>

#define MERGE_WAYS 16             /* runs merged at a time */
#define MERGE_CELLS_MAX (8 << 20) /* a merge in one transaction is not larger than this: its journal would be */

/* ---- rows waiting ---- */

int pending_add(struct gs_store *st, const struct gs_sighting *s, struct gs_error *err)
{
	if (st->n_pending == st->cap_pending) {
		size_t cap = st->cap_pending ? st->cap_pending * 2 : 1024;
		struct cell *list = realloc(st->pending, cap * sizeof *list);
		if (!list)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		st->pending = list;
		st->cap_pending = cap;
	}
	cell_of(s, &st->pending[st->n_pending++]);
	return 0;
}

/* Rolls what is in the table after the watermark and not in memory. */
static int rollup_stale(struct gs_store *st, struct gs_error *err)
{
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	int r = rows ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r == 0)
		r = kinds_load(st, err);
	if (r == 0)
		r = sensors_load(st, err);
	if (r == 0)
		r = batches_load(st, err);
	st->n_pending = 0;
	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		size_t n;
		if (st->batches[i].first_seq <= st->meta.rolled_seq)
			continue;
		r = batch_read(st, &st->batches[i], rows, &n, err);
		for (size_t k = 0; r == 0 && k < n; k++)
			r = pending_add(st, &rows[k], err);
		if (r == 0 && st->n_pending + BATCH_ROWS > ROLL_ROWS) {
			r = rollup_cells(st, st->pending, st->n_pending, err);
			st->n_pending = 0;
		}
	}
	free(rows);
	return r;
}

int rollup_run(struct gs_store *st, struct gs_error *err)
{
	int r = batch_close(st, err); /* a batch is either in the rollups or not */
	if (r == 0 && st->pending_stale)
		r = rollup_stale(st, err);
	if (r == 0)
		r = rollup_cells(st, st->pending, st->n_pending, err);
	if (r < 0)
		return r;
	st->n_pending = 0;
	st->pending_stale = false;
	st->meta.rolled_seq = st->meta.next_seq - 1;
	return 0;
}

/* ---- the directory ---- */

static int64_t block_seal(const struct block_entry *e)
{
	struct seal s;
	seal_begin(&s, "block");
	const int64_t v[] = { e->id, e->part, e->run, e->cells, e->sources, (int64_t)e->sightings, (int64_t)e->packets, (int64_t)e->bytes, (int64_t)e->sum[0],
		              (int64_t)e->sum[1], (int64_t)e->sum[2], (int64_t)e->size[0], (int64_t)e->size[1], (int64_t)e->size[2] };
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		seal_int(&s, v[i]);
	return seal_end(&s);
}

static int entry_order(const struct block_entry *a, const struct block_entry *b)
{
	if (a->part != b->part)
		return a->part < b->part ? -1 : 1;
	if (a->run != b->run)
		return a->run < b->run ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

size_t blocks_from(const struct gs_store *st, int32_t part)
{
	size_t lo = 0, hi = st->n_blocks;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (st->blocks[mid].part < part)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int blocks_reserve(struct gs_store *st, size_t n, struct gs_error *err)
{
	if (n <= st->cap_blocks)
		return 0;
	size_t cap = st->cap_blocks ? st->cap_blocks * 2 : 64;
	struct block_entry *list = realloc(st->blocks, cap * sizeof *list);
	if (!list)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	st->blocks = list;
	st->cap_blocks = cap;
	return 0;
}

static bool block_columns(sqlite3_stmt *q, struct block_entry *e)
{
	int64_t v[15];
	for (int i = 0; i < 15; i++)
		if (!col_int(q, i, INT64_MIN, INT64_MAX, &v[i]))
			return false;
	*e = (struct block_entry){
		.id = v[0],
		.part = (int32_t)v[1],
		.run = v[2],
		.cells = (uint32_t)v[3],
		.sources = (uint32_t)v[4],
		.sightings = (uint64_t)v[5],
		.packets = (uint64_t)v[6],
		.bytes = (uint64_t)v[7],
		.sum = { (uint64_t)v[8], (uint64_t)v[9], (uint64_t)v[10] },
		.size = { (uint64_t)v[11], (uint64_t)v[12], (uint64_t)v[13] },
		.seal = v[14],
	};
	return v[0] > 0 && v[0] < INT64_MAX / 4 && v[1] == e->part && v[3] == e->cells && v[4] == e->sources && e->cells > 0 && e->cells <= BLOCK_CELLS &&
	       e->seal == block_seal(e);
}

int blocks_load(struct gs_store *st, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	sqlite3_stmt *q = db_stmt(st, Q_BLOCK_ALL, err);
	if (!q)
		return GS_ERR_STORE;
	st->n_blocks = 0;
	st->next_block = 1;
	int r;
	while ((r = db_step(st, q, err, "reading its rollups")) > 0) {
		r = blocks_reserve(st, st->n_blocks + 1, err);
		if (r == 0 && !block_columns(q, &st->blocks[st->n_blocks]))
			r = store_damaged(st, err, "an entry in the list of its rollups does not match its checksum");
		if (r < 0) {
			sqlite3_reset(q);
			return r;
		}
		const struct block_entry *e = &st->blocks[st->n_blocks++];
		if (e->id >= st->next_block)
			st->next_block = e->id + 1;
		count.rows++;
		count.sum += (uint64_t)e->seal;
	}
	if (r == 0)
		r = ledger_verify(st, L_BLOCK, count, err);
	st->blocks_ready = r == 0;
	return r;
}

static int data_put(struct gs_store *st, int64_t id, const struct gs_buf *data, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_DATA_PUT, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_blob64(q, 2, data->data, data->len, SQLITE_STATIC);
	int r = db_run(st, q, err, "writing rollups");
	sqlite3_bind_null(q, 2);
	return r;
}

static int entry_put(struct gs_store *st, struct block_entry *e, struct gs_error *err)
{
	int r = blocks_reserve(st, st->n_blocks + 1, err);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_BLOCK_PUT, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	e->seal = block_seal(e);
	const int64_t v[] = { e->id, e->part, e->run, e->cells, e->sources, (int64_t)e->sightings, (int64_t)e->packets, (int64_t)e->bytes, (int64_t)e->sum[0],
		              (int64_t)e->sum[1], (int64_t)e->sum[2], (int64_t)e->size[0], (int64_t)e->size[1], (int64_t)e->size[2], e->seal };
	for (int i = 0; i < 15; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	r = db_run(st, q, err, "writing rollups");
	if (r < 0)
		return r;
	ledger_add(st, L_BLOCK, e->seal);
	size_t at = st->n_blocks;
	while (at > 0 && entry_order(&st->blocks[at - 1], e) > 0)
		at--;
	memmove(&st->blocks[at + 1], &st->blocks[at], (st->n_blocks - at) * sizeof *e);
	st->blocks[at] = *e;
	st->n_blocks++;
	return 0;
}

int block_drop(struct gs_store *st, const struct block_entry *e, struct gs_error *err)
{
	struct block_entry gone = *e; /* *e lies in the list */
	size_t at = (size_t)(e - st->blocks);
	sqlite3_stmt *q = db_stmt(st, Q_BLOCK_DELETE, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, gone.id);
	int r = db_run(st, q, err, "merging rollups");
	q = r < 0 ? NULL : db_stmt(st, Q_DATA_DELETE, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, gone.id * 4);
	sqlite3_bind_int64(q, 2, gone.id * 4 + 3);
	r = db_run(st, q, err, "merging rollups");
	if (r < 0)
		return r;
	ledger_take(st, L_BLOCK, gone.seal);
	memmove(&st->blocks[at], &st->blocks[at + 1], (st->n_blocks - at - 1) * sizeof gone);
	st->n_blocks--;
	return 0;
}

int block_read(struct gs_store *st, const struct block_entry *e, enum block_group g, struct block *b, struct gs_error *err)
{
	const char *wrong = "its data is missing";
	const uint8_t *data;
	size_t len;
	bool nomem = false;

	if (b->have >> g & 1)
		return 0;
	b->part = e->part;
	sqlite3_stmt *q = db_stmt(st, Q_DATA_GET, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, e->id * 4 + g);
	int r = db_step(st, q, err, "reading rollups");
	if (r < 0)
		return r;
	if (r > 0) {
		if (!col_blob(q, 0, SIZE_MAX, &data, &len) || len != e->size[g] || block_sum(data, len, e->id, g) != e->sum[g])
			wrong = "its data does not match its checksum";
		else
			wrong = block_decode(b, g, st->zd, data, len, &nomem);
		sqlite3_reset(q);
	}
	if (nomem)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (wrong || b->n != e->cells || block_sources(b) != e->sources)
		return store_damaged(st, err, "rollup %" PRId64 ": %s", e->id, wrong ? wrong : "it has another number of cells than the list says");
	return 0;
}

/* ---- writing a run ---- */

struct run_writer {
	struct gs_store *st;
	int32_t part;
	int64_t run;
	struct cell *cells; /* BLOCK_CELLS */
	size_t n;
};

static int block_write(struct run_writer *w, size_t n, struct gs_error *err)
{
	struct gs_store *st = w->st;
	struct block_entry e = { .id = st->next_block, .part = w->part, .run = w->run, .cells = (uint32_t)n };
	struct gs_buf data = { 0 };
	struct block b;

	if (block_from_cells(w->cells, n, w->part, &b) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	e.sources = block_sources(&b);
	for (size_t i = 0; i < n; i++) {
		e.sightings += b.sightings[i];
		e.packets += b.packets[i];
		e.bytes += b.bytes[i];
	}
	int r = 0;
	for (int g = 0; r == 0 && g < BLOCK_GROUPS; g++) {
		if (block_encode(&b, (enum block_group)g, st->zc, &data) < 0) {
			r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
			break;
		}
		e.sum[g] = block_sum(data.data, data.len, e.id, (enum block_group)g);
		e.size[g] = data.len;
		r = data_put(st, e.id * 4 + g, &data, err);
	}
	if (r == 0)
		r = entry_put(st, &e, err);
	gs_buf_done(&data);
	block_done(&b);
	st->next_block++;
	memmove(w->cells, w->cells + n, (w->n - n) * sizeof *w->cells);
	w->n -= n;
	return r;
}

/* A full block ends where a source does, if one does at all. */
static int run_add(struct run_writer *w, const struct cell *c, struct gs_error *err)
{
	if (w->n && cell_compare(&w->cells[w->n - 1], c) == 0) {
		cell_add(&w->cells[w->n - 1], c);
		return 0;
	}
	if (w->n == BLOCK_CELLS) {
		size_t n = w->n;
		while (n > 1 && gs_addr_equal(&w->cells[n - 1].src, &c->src))
			n--;
		int r = block_write(w, n > 1 ? n : w->n, err);
		if (r < 0)
			return r;
	}
	w->cells[w->n++] = *c;
	return 0;
}

/* ---- merging ---- */

struct run_reader {
	size_t at, end;       /* entries of the run, by id: the list moves while the merge writes */
	int64_t *ids;
	struct block b;
	struct block_walk walk;
	struct cell cur;
	const struct cell *memory; /* instead of a run */
	size_t n_memory;
	bool done;
};

static const struct block_entry *entry_find(const struct gs_store *st, int32_t part, int64_t id)
{
	for (size_t i = blocks_from(st, part); i < st->n_blocks && st->blocks[i].part == part; i++)
		if (st->blocks[i].id == id)
			return &st->blocks[i];
	return NULL;
}

static int reader_next(struct gs_store *st, struct run_reader *rr, int32_t part, struct gs_error *err)
{
	if (rr->memory) {
		rr->done = rr->n_memory == 0;
		if (!rr->done) {
			rr->cur = *rr->memory++;
			rr->n_memory--;
		}
		return 0;
	}
	while (!rr->b.have || !block_walk_next(&rr->walk, &rr->cur)) {
		block_done(&rr->b);
		if (rr->at == rr->end) {
			rr->done = true;
			return 0;
		}
		const struct block_entry *e = entry_find(st, part, rr->ids[rr->at++]);
		if (!e)
			return store_damaged(st, err, "a rollup vanished");
		for (int g = 0; g < BLOCK_GROUPS; g++) {
			int r = block_read(st, e, (enum block_group)g, &rr->b, err);
			if (r < 0)
				return r;
		}
		block_walk_begin(&rr->walk, &rr->b);
	}
	return 0;
}

struct run_info {
	int64_t run;
	uint64_t cells;
	size_t first, n; /* in the list */
};

static size_t runs_of(const struct gs_store *st, int32_t part, struct run_info *out, size_t max)
{
	size_t n = 0;
	for (size_t i = blocks_from(st, part); i < st->n_blocks && st->blocks[i].part == part; i++) {
		if (n == 0 || out[n - 1].run != st->blocks[i].run) {
			if (n == max)
				break;
			out[n++] = (struct run_info){ .run = st->blocks[i].run, .first = i };
		}
		out[n - 1].cells += st->blocks[i].cells;
		out[n - 1].n++;
	}
	return n;
}

static int by_cells(const void *a, const void *b)
{
	const struct run_info *x = a, *y = b;
	return (x->cells > y->cells) - (x->cells < y->cells);
}

/* Merges the runs and the cells in memory into one new run, drops the old ones. */
static int runs_merge(struct gs_store *st, int32_t part, const struct run_info *runs, size_t n_runs, const struct cell *cells, size_t n, struct gs_error *err)
{
	struct run_reader *rr = calloc(n_runs + 1, sizeof *rr);
	struct run_writer w = { .st = st, .part = part, .run = st->next_block, .cells = malloc(BLOCK_CELLS * sizeof *w.cells) };
	int r = rr && w.cells ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i < n_runs; i++) {
		rr[i].ids = malloc(runs[i].n * sizeof *rr[i].ids);
		rr[i].end = runs[i].n;
		if (!rr[i].ids)
			r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
		for (size_t k = 0; r == 0 && k < runs[i].n; k++)
			rr[i].ids[k] = st->blocks[runs[i].first + k].id;
	}
	if (r == 0)
		rr[n_runs] = (struct run_reader){ .memory = cells ? cells : (const struct cell *)w.cells, .n_memory = n };
	for (size_t i = 0; r == 0 && i <= n_runs; i++)
		r = reader_next(st, &rr[i], part, err);
	while (r == 0) {
		struct run_reader *least = NULL;
		for (size_t i = 0; i <= n_runs; i++)
			if (!rr[i].done && (!least || cell_compare(&rr[i].cur, &least->cur) < 0))
				least = &rr[i];
		if (!least)
			break;
		r = run_add(&w, &least->cur, err);
		if (r == 0)
			r = reader_next(st, least, part, err);
	}
	if (r == 0 && w.n)
		r = block_write(&w, w.n, err);
	for (size_t i = 0; rr && i < n_runs; i++) {
		for (size_t k = 0; r == 0 && k < rr[i].end; k++)
			r = block_drop(st, entry_find(st, part, rr[i].ids[k]), err);
		block_done(&rr[i].b);
		free(rr[i].ids);
	}
	free(rr);
	free(w.cells);
	return r;
}

/* A new run for a part, merged with those of like size. */
static int part_add(struct gs_store *st, int32_t part, const struct cell *cells, size_t n, struct gs_error *err)
{
	struct run_info runs[64];
	size_t n_runs = runs_of(st, part, runs, sizeof runs / sizeof *runs), take = 0;
	uint64_t sum = n;

	qsort(runs, n_runs, sizeof *runs, by_cells);
	while (take < n_runs && take < MERGE_WAYS && (runs[take].cells <= 2 * sum || n_runs > 48) && sum + runs[take].cells <= MERGE_CELLS_MAX)
		sum += runs[take++].cells;
	return runs_merge(st, part, runs, take, cells, n, err);
}

int rollup_cells(struct gs_store *st, struct cell *cells, size_t n, struct gs_error *err)
{
	int r = 0;
	if (n == 0)
		return 0;
	if (!st->blocks_ready)
		r = blocks_load(st, err);
	if (r < 0)
		return r;
	n = cells_settle(cells, n, false);
	for (size_t i = 0, end; n != SIZE_MAX && r == 0 && i < n; i = end) {
		int32_t day = day_of_hour(cells[i].hour);
		for (end = i + 1; end < n && day_of_hour(cells[end].hour) == day; end++)
			;
		r = part_add(st, day, cells + i, end - i, err);
	}
	if (r == 0 && n != SIZE_MAX)
		n = cells_settle(cells, n, true);
	if (n == SIZE_MAX)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	return r < 0 ? r : part_add(st, PART_ALL, cells, n, err);
}

/* Makes PART_ALL again from the days, after days were forgotten. */
int rollup_rebuild_all(struct gs_store *st, struct gs_error *err)
{
	int r = st->blocks_ready ? 0 : blocks_load(st, err);
	while (r == 0 && st->n_blocks && st->blocks[0].part == PART_ALL)
		r = block_drop(st, &st->blocks[0], err);
	struct cell *cells = malloc(BLOCK_CELLS * sizeof *cells);
	if (!cells)
		return r < 0 ? r : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	size_t n_days = st->n_blocks, n = 0;
	int64_t *ids = malloc((n_days + 1) * sizeof *ids);
	int32_t *parts = malloc((n_days + 1) * sizeof *parts);
	if (!ids || !parts)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < n_days; i++) {
		ids[i] = st->blocks[i].id;
		parts[i] = st->blocks[i].part;
	}
	for (size_t i = 0; r == 0 && i < n_days; i++) {
		struct block b = { 0 };
		struct block_walk walk;
		const struct block_entry *e = entry_find(st, parts[i], ids[i]);
		for (int g = 0; r == 0 && g < BLOCK_GROUPS; g++)
			r = block_read(st, e, (enum block_group)g, &b, err);
		block_walk_begin(&walk, &b);
		while (r == 0 && block_walk_next(&walk, &cells[n])) {
			cell_strip(&cells[n++]);
			if (n < BLOCK_CELLS)
				continue;
			n = cells_settle(cells, n, true);
			if (n == SIZE_MAX)
				r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
			else if (n > BLOCK_CELLS / 2) {
				r = part_add(st, PART_ALL, cells, n, err);
				n = 0;
			}
		}
		block_done(&b);
	}
	if (r == 0 && n) {
		n = cells_settle(cells, n, true);
		r = n == SIZE_MAX ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : part_add(st, PART_ALL, cells, n, err);
	}
	free(parts);
	free(ids);
	free(cells);
	return r;
}

/* One run for every part that has more. */
int rollup_merge(struct gs_store *st, struct gs_error *err)
{
	int r = st->blocks_ready ? 0 : blocks_load(st, err);
	int64_t after = INT64_MIN;
	while (r == 0) {
		struct run_info runs[MERGE_WAYS];
		size_t at = after == INT64_MIN ? 0 : blocks_from(st, (int32_t)after + 1);
		if (at == st->n_blocks)
			break;
		int32_t part = st->blocks[at].part;
		size_t n = runs_of(st, part, runs, MERGE_WAYS);
		uint64_t cells = 0;
		for (size_t i = 0; i < n; i++)
			cells += runs[i].cells;
		if (n > 1 && cells <= MERGE_CELLS_MAX) {
			r = tx_begin(st, err);
			if (r == 0)
				r = runs_merge(st, part, runs, n, NULL, 0, err);
			if (r == 0 && n == MERGE_WAYS) /* perhaps more */
				continue;
			if (r == 0)
				r = tx_commit(st, err);
		}
		after = part;
	}
	return r;
}

/* ---- what pruned rows add ---- */

static int64_t pruned_seal(const struct pruned *p)
{
	struct seal s;
	seal_begin(&s, "pruned");
	seal_int(&s, p->day);
	seal_int(&s, (int64_t)p->sightings);
	seal_int(&s, (int64_t)p->packets);
	seal_int(&s, (int64_t)p->bytes);
	return seal_end(&s);
}

static bool pruned_columns(sqlite3_stmt *q, struct pruned *p)
{
	int64_t v[3];
	bool ok = col_int(q, 0, INT32_MIN, INT32_MAX, &p->day) && col_int(q, 1, 0, INT64_MAX, &v[0]) && col_int(q, 2, INT64_MIN, INT64_MAX, &v[1]) &&
	          col_int(q, 3, INT64_MIN, INT64_MAX, &v[2]) && col_int(q, 4, INT64_MIN, INT64_MAX, &p->seal);
	p->sightings = ok ? (uint64_t)v[0] : 0;
	p->packets = ok ? (uint64_t)v[1] : 0;
	p->bytes = ok ? (uint64_t)v[2] : 0;
	return ok && p->seal == pruned_seal(p);
}

int pruned_load(struct gs_store *st, struct pruned **ret, size_t *ret_n, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	struct pruned *list = NULL;
	size_t n = 0, cap = 0;
	sqlite3_stmt *q = db_stmt(st, Q_PRUNED_ALL, err);
	if (!q)
		return GS_ERR_STORE;
	int r;
	while ((r = db_step(st, q, err, "reading what was pruned")) > 0) {
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			struct pruned *p = realloc(list, cap * sizeof *p);
			if (!p) {
				r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
				break;
			}
			list = p;
		}
		if (!pruned_columns(q, &list[n])) {
			r = store_damaged(st, err, "a row of its table pruned does not match its checksum");
			break;
		}
		count.rows++;
		count.sum += (uint64_t)list[n++].seal;
	}
	sqlite3_reset(q);
	if (r == 0)
		r = ledger_verify(st, L_PRUNED, count, err);
	if (r < 0) {
		free(list);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int pruned_add(struct gs_store *st, int64_t day, uint64_t sightings, uint64_t packets, uint64_t bytes, struct gs_error *err)
{
	struct pruned p = { .day = day };
	sqlite3_stmt *q = db_stmt(st, Q_PRUNED_GET, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, day);
	int r = db_step(st, q, err, "noting what is pruned");
	if (r < 0)
		return r;
	if (r > 0) {
		bool ok = pruned_columns(q, &p);
		sqlite3_reset(q);
		if (!ok)
			return store_damaged(st, err, "what was pruned of day %" PRId64 " does not match its checksum", day);
		ledger_take(st, L_PRUNED, p.seal);
	}
	p.sightings += sightings;
	p.packets += packets;
	p.bytes += bytes;
	p.seal = pruned_seal(&p);
	q = db_stmt(st, Q_PRUNED_PUT, err);
	if (!q)
		return GS_ERR_STORE;
	const int64_t v[] = { day, (int64_t)p.sightings, (int64_t)p.packets, (int64_t)p.bytes, p.seal };
	for (int i = 0; i < 5; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	r = db_run(st, q, err, "noting what is pruned");
	if (r == 0)
		ledger_add(st, L_PRUNED, p.seal);
	return r;
}

int pruned_forget(struct gs_store *st, const struct pruned *p, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_PRUNED_DELETE, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, p->day);
	int r = db_run(st, q, err, "forgetting rollups");
	if (r == 0)
		ledger_take(st, L_PRUNED, p->seal);
	return r;
}
