/*
 * keep.c - keeping it: what there is, pruning, giving room back
 *
 * Rows are pruned batch by batch, several to a commit. Their cells stay in the rollups; what they added to each day is noted in `pruned`, so that the
 * rollups can still be held against rows + pruned, and which rows of which store they were in `rows_pruned`, for archives. Rollups go only when asked,
 * whole days whose rows are gone; pinned origins of days that are older than all that is left go with them, for no question asks for those.
 */
#include "store/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define VACUUM_PAGES 2048 /* 8^3 * 4: divided by 8 where room is short */

/* ---- what there is ---- */

static int pages(struct gs_store *st, int64_t *ret_page, int64_t *ret_used, int64_t *ret_free, struct gs_error *err)
{
	int64_t count = 0;
	int r = db_int(st, "PRAGMA page_size", ret_page, err);
	if (r == 0)
		r = db_int(st, "PRAGMA page_count", &count, err);
	if (r == 0)
		r = db_int(st, "PRAGMA freelist_count", ret_free, err);
	*ret_used = count - *ret_free;
	return r;
}

static void info_rows(const struct gs_store *st, struct gs_store_info *ret)
{
	for (size_t i = 0; i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		uint64_t n = (uint64_t)(b->last_seq - b->first_seq + 1);
		if (!ret->raw_sightings || b->min_ns < ret->raw_first.ns)
			ret->raw_first.ns = b->min_ns;
		ret->raw_sightings += n;
		ret->unrolled_sightings += b->first_seq > st->meta.rolled_seq ? n : 0;
	}
	for (size_t i = 0; i < st->n_blocks; i++) {
		const struct block_entry *e = &st->blocks[i];
		ret->n_blocks++;
		ret->n_cells += e->cells;
		ret->rollup_bytes += e->size[0] + e->size[1] + e->size[2];
	}
}

static int info_take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)arg, (void)s, (void)n, (void)err;
	return 0;
}

int gs_store_info(struct gs_store *st, struct gs_store_info *ret, struct gs_error *err)
{
	int64_t page = 0, used = 0, unused = 0, version = 0, pins = 0;
	struct gs_store_info info = { .path = st->path };
	struct gs_scan_result all;
	struct gs_filter f = GS_FILTER_ALL;
	struct note note;
	struct statvfs fs;
	int r = read_begin(st, err);

	if (r == 0)
		r = directories_load(st, err);
	if (r == 0)
		r = inputs_load(st, err);
	if (r == 0)
		r = pages(st, &page, &used, &unused, err);
	if (r == 0)
		r = db_int(st, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = db_int(st, "SELECT count(*) FROM origin", &pins, err);
	read_end(st);
	if (r < 0)
		return r;
	info_rows(st, &info);
	info.store_id = (uint64_t)st->meta.store;
	info.version = (unsigned)version;
	info.file_bytes = store_file_bytes(st);
	info.journal_bytes = file_size(st->path, "-wal");
	info.ballast_bytes = file_size(st->path, "-ballast");
	info.quota_bytes = note_read(st, &note) ? note.quota : 0;
	info.disk_free_bytes = statvfs(st->path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
	info.free_bytes = (uint64_t)(unused * page);
	info.raw_bytes = (uint64_t)(used * page) > info.rollup_bytes ? (uint64_t)(used * page) - info.rollup_bytes : 0;
	info.next_seq = (uint64_t)st->meta.next_seq;
	info.n_inputs = st->inputs->n;
	for (size_t i = 0; i < st->inputs->n; i++)
		info.n_inputs_open += !st->inputs->list[i].complete;
	info.n_sensors = st->n_sensors;
	info.n_kinds = st->kinds.n;
	info.n_batches = st->n_batches;
	info.n_pins = (uint64_t)pins;
	r = gs_store_scan(st, &f, 0, NULL, &(struct gs_sighting_sink){ info_take, NULL }, &all, err);
	if (r < 0)
		return r;
	info.sightings = all.sightings;
	info.packets = all.packets;
	info.bytes = all.bytes;
	info.first = all.first;
	info.last = all.last;
	info.pruned_sightings = all.sightings > info.raw_sightings ? all.sightings - info.raw_sightings : 0;
	*ret = info;
	return 0;
}

uint64_t gs_store_bytes(struct gs_store *st)
{
	return store_file_bytes(st);
}

/* ---- pruning ---- */

struct day_sum {
	int32_t day;
	uint64_t sightings, packets, bytes;
};

/* Adds what the rows of a batch hold, day by day, to `pruned`. */
static int batch_note(struct gs_store *st, const struct gs_sighting *rows, size_t n, struct gs_prune_result *res, struct gs_error *err)
{
	struct day_sum d = { 0 };
	int r = 0;
	for (size_t i = 0; r == 0 && i <= n; i++) {
		int32_t day = i < n ? day_of_hour(hour_of(rows[i].first.ns)) : d.day;
		if (d.sightings && (i == n || day != d.day)) {
			r = pruned_add(st, d.day, d.sightings, d.packets, d.bytes, err);
			res->sightings += d.sightings;
			res->packets += d.packets;
			res->bytes += d.bytes;
			d = (struct day_sum){ 0 };
		}
		if (i == n)
			break;
		d.day = day;
		d.sightings++;
		d.packets += rows[i].packets;
		d.bytes += rows[i].bytes;
	}
	return r;
}

static int batch_prune(struct gs_store *st, const struct batch *b, struct gs_sighting *rows, struct gs_prune_result *res, struct gs_error *err)
{
	size_t n;
	int r = batch_read(st, b, rows, &n, err);
	if (r == 0)
		r = batch_note(st, rows, n, res, err);
	if (r == 0)
		r = ranges_add(st, L_LOST, b->store, b->store_first, b->store_first + (b->last_seq - b->first_seq), err);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_ROW_DELETE, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, b->first_seq);
	sqlite3_bind_int64(q, 2, b->last_seq);
	r = db_run(st, q, err, "pruning rows");
	q = r < 0 ? NULL : db_stmt(st, Q_BATCH_DELETE, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, b->first_seq);
	r = db_run(st, q, err, "pruning rows");
	if (r == 0)
		ledger_take(st, L_BATCH, b->seal);
	return r;
}

/* The batches from list[0] on that make up a slice, in one commit. On a disk that is almost full a slice of one batch may still go through. */
static int slice_prune(struct gs_store *st, const struct batch *list, size_t n, struct gs_sighting *rows, struct gs_prune_result *res, size_t *ret_done,
                       struct gs_error *err)
{
	const struct gs_prune_result before = *res;
	for (size_t limit = SLICE_ROWS;; limit = 1) {
		size_t done = 0, count = 0;
		int r = tx_begin(st, err);
		if (r == 0) /* the attempt before may have made it forget them */
			r = sensors_load(st, err);
		if (r == 0)
			r = kinds_load(st, err);
		while (r == 0 && done < n && (done == 0 || count < limit)) {
			count += (size_t)(list[done].last_seq - list[done].first_seq + 1);
			r = batch_prune(st, &list[done++], rows, res, err);
		}
		if (r == 0)
			r = tx_commit(st, err);
		else
			tx_abort(st);
		*ret_done = done;
		if (r == 0)
			return 0;
		*res = before;
		if (!st->full || limit == 1)
			return r;
		r = store_checkpoint(st, err); /* what the journal held, failed attempt included, is room again */
		if (r < 0)
			return r;
	}
}

static int by_end(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;
	if (x->max_ns != y->max_ns)
		return x->max_ns < y->max_ns ? -1 : 1;
	return (x->first_seq > y->first_seq) - (x->first_seq < y->first_seq);
}

static int used_bytes(struct gs_store *st, uint64_t *ret, struct gs_error *err)
{
	int64_t page = 0, used = 0, unused = 0;
	int r = pages(st, &page, &used, &unused, err);
	*ret = (uint64_t)(page * used);
	return r;
}

static int rows_prune(struct gs_store *st, const struct gs_prune_options *o, struct gs_prune_result *res, struct gs_error *err)
{
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	struct batch *list = NULL;
	size_t n = 0;
	int r = rows ? directories_load(st, err) : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	if (r == 0) {
		list = malloc((st->n_batches + 1) * sizeof *list);
		r = list ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < st->n_batches; i++)
		if (st->batches[i].last_seq <= st->meta.rolled_seq)
			list[n++] = st->batches[i];
	if (r == 0)
		qsort(list, n, sizeof *list, by_end);
	for (size_t i = 0, done = 0; r == 0 && i < n; i += done) {
		size_t end = i;
		uint64_t bytes = 0;
		while (end < n && list[end].max_ns < o->raw_before.ns)
			end++;
		if (end == i && o->max_bytes)
			r = used_bytes(st, &bytes, err);
		if (r == 0 && end == i && (!o->max_bytes || bytes <= o->max_bytes))
			break;
		if (r == 0) /* by size one batch at a time: not more than need be goes */
			r = slice_prune(st, list + i, end > i ? end - i : 1, rows, res, &done, err);
		if (r == 0 && o->progress && !o->progress(o->arg, res->sightings))
			r = gs_fail(err, GS_ERR_INTERRUPTED, "pruning was interrupted");
	}
	free(list);
	free(rows);
	return r;
}

static int day_forget(struct gs_store *st, int32_t day, const struct pruned *pruned, size_t n_pruned, struct gs_prune_result *res, struct gs_error *err)
{
	int r = 0;
	for (size_t i; r == 0 && (i = blocks_from(st, day)) < st->n_blocks && st->blocks[i].part == day;) {
		res->rollup_sightings += st->blocks[i].sightings;
		r = block_drop(st, &st->blocks[i], err);
	}
	for (size_t i = 0; r == 0 && i < n_pruned; i++)
		if (pruned[i].day == day)
			r = pruned_forget(st, &pruned[i], err);
	return r;
}

/* Whole days before `before` of which no rows are left; `one`: only the oldest of them. */
static int days_forget(struct gs_store *st, int64_t before, bool one, bool *ret_any, struct gs_prune_result *res, struct gs_error *err)
{
	struct pruned *pruned = NULL;
	size_t n_pruned = 0;
	int r = tx_begin(st, err);

	*ret_any = false;
	if (r == 0)
		r = directories_load(st, err);
	if (r == 0)
		r = pruned_load(st, &pruned, &n_pruned, err);
	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		int64_t day = day_of_hour(hour_of(st->batches[i].min_ns));
		before = day < before ? day : before;
	}
	for (size_t i; r == 0 && !(one && *ret_any) && (i = blocks_from(st, PART_ALL + 1)) < st->n_blocks && st->blocks[i].part < before;) {
		r = day_forget(st, st->blocks[i].part, pruned, n_pruned, res, err);
		*ret_any = true;
	}
	if (r == 0 && *ret_any)
		r = rollup_rebuild_all(st, err);
	free(pruned);
	if (r < 0)
		tx_abort(st);
	return r < 0 ? r : tx_commit(st, err);
}

static int rollups_prune(struct gs_store *st, const struct gs_prune_options *o, struct gs_prune_result *res, struct gs_error *err)
{
	bool any = true;
	int r = 0;
	if (o->rollups_before.ns != INT64_MIN) {
		int64_t day = day_of_hour(hour_of(o->rollups_before.ns));
		r = days_forget(st, day, false, &any, res, err);
	}
	while (r == 0 && any && o->max_bytes && o->rollups_too) {
		uint64_t bytes;
		r = used_bytes(st, &bytes, err);
		if (r < 0 || bytes <= o->max_bytes)
			break;
		r = days_forget(st, INT64_MAX, true, &any, res, err);
		if (r == 0 && o->progress && !o->progress(o->arg, res->sightings))
			r = gs_fail(err, GS_ERR_INTERRUPTED, "pruning was interrupted");
	}
	return r;
}

/* Pins of days before the first that rows or rollups are left of. */
static int pins_prune(struct gs_store *st, struct gs_error *err)
{
	int64_t first = INT64_MAX;
	int r = directories_load(st, err);

	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		const int64_t day = day_of_hour(hour_of(st->batches[i].min_ns));
		first = day < first ? day : first;
	}
	for (size_t i = blocks_from(st, PART_ALL + 1); r == 0 && i < st->n_blocks; i++)
		first = st->blocks[i].part < first ? st->blocks[i].part : first;
	return r < 0 ? r : pins_forget(st, first, err);
}

/*
 * Gives free pages back to the file system, some at a time: the pragma frees one page a step, and exec steps to the end. Pages that move go through the
 * journal: where there is no room for it, fewer at a time, and in the end what is left stays free inside the file, for rows to come.
 */
static int vacuum(struct gs_store *st, struct gs_error *err)
{
	int64_t before = INT64_MAX, unused = 0;
	int pages = VACUUM_PAGES;
	char sql[64];
	for (;;) {
		int r = db_int(st, "PRAGMA freelist_count", &unused, err);
		if (r < 0 || unused == 0 || unused >= before)
			return r;
		snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", pages);
		st->full = false;
		r = db_exec(st, sql, err);
		if (r == 0) {
			before = unused;
			continue;
		}
		if (!st->full)
			return r;
		r = store_checkpoint(st, err);
		if (r < 0 || pages < 8)
			return r;
		pages /= 8;
	}
}

static int give_back(struct gs_store *st, bool keep_room, struct gs_error *err)
{
	int r = keep_room ? 0 : vacuum(st, err);
	if (r == 0)
		r = store_checkpoint(st, err);
	ballast_make(st);
	return r;
}

void gs_store_give_ballast(struct gs_store *st)
{
	if (st->writer)
		ballast_drop(st);
}

int gs_store_prune(struct gs_store *st, const struct gs_prune_options *o, struct gs_prune_result *ret, struct gs_error *err)
{
	struct gs_prune_result res = { .file_before = store_file_bytes(st) + file_size(st->path, "-wal") };
	uint64_t bytes = 0;

	if (!st->writer)
		return gs_fail(err, GS_ERR_ACCESS, "store %s is open for reading only", st->path);
	int r = gs_store_commit(st, err);
	if (r == 0)
		r = store_checkpoint(st, err); /* on a full disk most of it may be journal */
	if (r == 0 && st->meta.rolled_seq < st->meta.next_seq - 1) {
		r = gs_store_settle(st, err);
		if (r < 0 && st->full) /* what is rolled already can go all the same, and makes room for the rest */
			r = store_checkpoint(st, err);
	}
	if (r == 0)
		r = rows_prune(st, o, &res, err);
	if (r == 0)
		r = bots_prune(st, o->raw_before.ns, o->max_bytes && res.sightings, err);
	if (r == 0)
		r = rollups_prune(st, o, &res, err);
	if (r == 0 && res.rollup_sightings)
		r = pins_prune(st, err);
	if (r == 0)
		r = give_back(st, o->keep_room, err);
	if (r == 0 && o->max_bytes)
		r = used_bytes(st, &bytes, err);
	res.short_of_goal = o->max_bytes && bytes > o->max_bytes;
	res.file_after = store_file_bytes(st) + file_size(st->path, "-wal");
	if (ret)
		*ret = res;
	return r;
}

int gs_store_compact(struct gs_store *st, uint64_t *ret_before, uint64_t *ret_after, struct gs_error *err)
{
	if (!st->writer)
		return gs_fail(err, GS_ERR_ACCESS, "store %s is open for reading only", st->path);
	uint64_t before = store_file_bytes(st) + file_size(st->path, "-wal");
	int r = gs_store_settle(st, err);
	if (r == 0)
		r = rollup_merge(st, err);
	if (r == 0) /* a merge in several turns may have ended before its last */
		r = tx_commit(st, err);
	if (r < 0)
		tx_abort(st);
	else
		r = give_back(st, false, err);
	if (r == 0) {
		*ret_before = before;
		*ret_after = store_file_bytes(st) + file_size(st->path, "-wal");
	}
	return r;
}
