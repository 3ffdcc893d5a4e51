/*
 * check.c - everything against everything
 *
 * Questions hold what they read against its checksums; this reads all of it, and holds against each other what was written separately: the engine's
 * trees, the layout, directories and ledgers, sequences and batches, rows and rollups, days and all of time, inputs and their rows, pins, bots, bookmarks.
 *
 * Rows are held against rollups without keeping either in memory: for every day both give a sum of (hash of the cell's key) * (its numbers), modulo 2^64.
 * Adding rows up into cells does not change that sum, any other difference all but surely does. Of pruned rows only the totals are known.
 *
 * A trouble found is a sentence and no error. What lies in a part that cannot be read is left out of the comparisons: one cause, one sentence.
 */
#include "store/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SENTENCES_MAX 1000 /* told one by one; all are counted */

struct sums {
	uint64_t sightings, packets, bytes;
	uint64_t print[4];
	int64_t first_ns, last_ns; /* meaningful where sightings > 0 */
};

struct day {
	int32_t part;
	bool unsure;               /* some of it could not be read */
	struct sums cells, rows;
	uint64_t pruned_sightings, pruned_packets, pruned_bytes;
};

/* What the rows of an input add up to. */
struct input_rows {
	struct sums sums;
	bool unsure;
};

struct check {
	struct gs_store *st;
	bool quick;
	void (*found)(void *arg, const char *sentence);
	void *arg;
	uint64_t n;
	struct gs_error *err;

	bool sensors_ok, kinds_ok, batches_ok, blocks_ok, inputs_ok, pruned_ok, imported_ok, lost_ok;
	struct pruned *pruned;
	size_t n_pruned;
	struct ranges imported, lost;
	struct day *days;          /* those that the rollups have, in order */
	size_t n_days;
	struct sums all, all_days; /* PART_ALL, and the days as it has them */
	bool all_unsure;
	struct input_rows *inputs; /* as in st->inputs */
	uint64_t rows, rows_done;
};

/* ---- telling ---- */

static void trouble(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void trouble(struct check *c, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;

	if (c->n++ >= SENTENCES_MAX || !c->found)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	c->found(c->arg, text);
}

/* The result of reading a part: damage is told and counted (*ret_ok false, 0), whatever else is wrong ends the check. */
static int part(struct check *c, int r, const struct gs_error *why, bool *ret_ok)
{
	*ret_ok = r >= 0;
	if (r >= 0)
		return 0;
	if (r != GS_ERR_STORE) {
		if (c->err)
			*c->err = *why;
		return r;
	}
	trouble(c, "%s", *c->st->damage ? c->st->damage : why->text);
	*c->st->damage = '\0';
	return 0;
}

static int go_on(struct check *c, uint64_t done)
{
	const struct gs_store *st = c->st;
	c->rows_done += done;
	if (st->check_progress && !st->check_progress(st->check_arg, c->rows_done, c->rows))
		return gs_fail(c->err, GS_ERR_INTERRUPTED, "the check was interrupted");
	return 0;
}

/* ---- the engine and the layout ---- */

/* Each line of an answer in one column to `each`; damage met on the way is told. */
static int lines(struct check *c, sqlite3 *db, const char *sql, void (*each)(struct check *c, void *arg, const char *line), void *arg)
{
	struct gs_error why = { 0 };
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL), r = 0;
	bool ok;

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		if (rc == SQLITE_ROW) {
			const char *text = (const char *)sqlite3_column_text(q, 0);
			each(c, arg, text ? text : "");
		}
		rc = sqlite3_step(q);
	}
	if (rc != SQLITE_DONE)
		r = db_fail(c->st, rc, &why, "checking it");
	sqlite3_finalize(q);
	return part(c, r, &why, &ok);
}

/* The engine says several things in one answer, a line each, below a heading. */
static void engine_line(struct check *c, void *arg, const char *line)
{
	(void)arg;
	while (*line) {
		size_t len = strcspn(line, "\n");
		if (len && *line != '*' && (len != 2 || memcmp(line, "ok", 2) != 0))
			trouble(c, "its file is damaged: %.*s", (int)(len < 300 ? len : 300), line);
		line += len + (line[len] == '\n');
	}
}

static int engine_progress(void *arg)
{
	struct check *c = arg;
	const struct gs_store *st = c->st;
	return st->check_progress && !st->check_progress(st->check_arg, c->rows_done, c->rows);
}

static int check_engine(struct check *c)
{
	static const char *const small[] = { "meta", "sensor", "kind", "batch", "block", "block_data", "pruned", "rows_pruned", "imported", "input",
		                             "place", "origin", "bot", "bookmark" };
	char sql[64];
	int r = 0;

	sqlite3_progress_handler(c->st->db, 100000, engine_progress, c);
	if (!c->quick)
		r = lines(c, c->st->db, "PRAGMA integrity_check(100)", engine_line, NULL);
	for (size_t i = 0; r == 0 && c->quick && i < sizeof small / sizeof *small; i++) {
		snprintf(sql, sizeof sql, "PRAGMA integrity_check(%s)", small[i]);
		r = lines(c, c->st->db, sql, engine_line, NULL);
	}
	sqlite3_progress_handler(c->st->db, 0, NULL, NULL);
	return r;
}

#define LAYOUT "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY type, name"

static void layout_line(struct check *c, void *arg, const char *line)
{
	(void)c;
	gs_buf_puts(arg, line);
	gs_buf_putc(arg, '\n');
}

/* Tables as this program makes them: a word that changed in their text may change what a column means. */
static int check_layout(struct check *c)
{
	struct gs_buf here = { 0 }, made = { 0 };
	sqlite3 *db = NULL;
	uint64_t before = c->n;
	int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = schema_create(db, STORE_VERSION, NULL);
	int r = rc == SQLITE_OK ? 0 : gs_fail(c->err, GS_ERR_NOMEM, "out of memory");
	if (r == 0)
		r = lines(c, db, LAYOUT, layout_line, &made);
	if (r == 0)
		r = lines(c, c->st->db, LAYOUT, layout_line, &here);
	if (r == 0 && (here.failed || made.failed))
		r = gs_fail(c->err, GS_ERR_NOMEM, "out of memory");
	if (r == 0 && c->n == before && (here.len != made.len || memcmp(here.data, made.data, here.len) != 0))
		trouble(c, "its tables are not laid out as layout %d has them", STORE_VERSION);
	sqlite3_close(db);
	gs_buf_done(&here);
	gs_buf_done(&made);
	return r;
}

static void journal_line(struct check *c, void *arg, const char *line)
{
	(void)arg;
	if (strcmp(line, "wal") != 0)
		trouble(c, "its file says that it has no write-ahead journal (%.20s)", line);
}

/* ---- directories ---- */

static int check_directories(struct check *c)
{
	struct gs_store *st = c->st;
	struct gs_error why = { 0 };
	int r = 0;

	/* from the tables, not from an earlier question */
	st->sensors_change = -1;
	st->dir_change = 0;
	kinds_forget(st);
	inputs_forget(st);
	if (r == 0)
		r = part(c, sensors_load(st, &why), &why, &c->sensors_ok);
	if (r == 0)
		r = part(c, kinds_load(st, &why), &why, &c->kinds_ok);
	if (r == 0)
		r = part(c, batches_load(st, &why), &why, &c->batches_ok);
	if (r == 0)
		r = part(c, blocks_load(st, &why), &why, &c->blocks_ok);
	if (r == 0)
		r = part(c, inputs_load(st, &why), &why, &c->inputs_ok);
	if (r == 0)
		r = part(c, pruned_load(st, &c->pruned, &c->n_pruned, &why), &why, &c->pruned_ok);
	if (r == 0)
		r = part(c, ranges_load(st, L_IMPORTED, &c->imported, &why), &why, &c->imported_ok);
	if (r == 0)
		r = part(c, ranges_load(st, L_LOST, &c->lost, &why), &why, &c->lost_ok);
	for (size_t i = 0; r == 0 && c->batches_ok && i < st->n_batches; i++)
		c->rows += (uint64_t)(st->batches[i].last_seq - st->batches[i].first_seq + 1);
	return r;
}

static const struct input *input_of(const struct check *c, int64_t id, size_t *ret_i)
{
	const struct input_list *l = c->st->inputs;
	size_t lo = 0, hi = l ? l->n : 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (l->list[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_i = lo;
	return l && lo < l->n && l->list[lo].id == id ? &l->list[lo] : NULL;
}

/* Rows first..last of this store's own numbers are not there: they must have been pruned. */
static void gap(struct check *c, int64_t first, int64_t last)
{
	for (int64_t seq = first, end; seq <= last; seq = end + 1) {
		bool gone = ranges_hold(&c->lost, c->st->meta.store, seq, &end);
		end = end < last ? end : last;
		if (!gone)
			trouble(c, "rows %" PRId64 " to %" PRId64 " are in no batch and were not pruned", seq, end);
	}
}

/* Sequences: every number below the next one is a row's or was pruned, none is both. */
static void check_sequence(struct check *c)
{
	const struct gs_store *st = c->st;
	int64_t next = 1, end;
	/* a pruned row from another store is noted by its number there, and leaves a hole here */
	bool own = c->lost_ok && c->imported_ok && c->imported.n == 0;
	size_t at;

	for (size_t i = 0; c->batches_ok && i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		own &= b->store == st->meta.store;
	}
	for (size_t i = 0; c->batches_ok && i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		int64_t theirs = b->store_first + (b->last_seq - b->first_seq);
		if (own && b->first_seq > next)
			gap(c, next, b->first_seq - 1);
		next = b->last_seq + 1;
		if (b->store == st->meta.store && b->store_first != b->first_seq)
			trouble(c, "the batch from row %" PRId64 " gives its rows other numbers than they have", b->first_seq);
		if (b->first_seq <= st->meta.rolled_seq && b->last_seq > st->meta.rolled_seq)
			trouble(c, "the batch from row %" PRId64 " is in the rollups only in part", b->first_seq);
		if (c->inputs_ok && b->input && !input_of(c, b->input, &at))
			trouble(c, "the batch from row %" PRId64 " came from input %" PRId64 ", which is not there", b->first_seq, b->input);
		if (c->lost_ok && (ranges_hold(&c->lost, b->store, b->store_first, &end) || end < theirs))
			trouble(c, "rows %" PRId64 " to %" PRId64 " are noted as pruned, and there", b->first_seq, b->last_seq);
	}
	if (c->batches_ok && own && next < st->meta.next_seq)
		gap(c, next, st->meta.next_seq - 1);
}

static int check_inputs_alone(struct check *c)
{
	struct gs_store *st = c->st;
	struct gs_buf ladder = { 0 };
	struct gs_error why = { 0 };
	bool ok;
	int r = 0;

	for (size_t i = 0; r == 0 && c->inputs_ok && i < st->inputs->n; i++) {
		const struct input *in = &st->inputs->list[i];
		r = part(c, input_ladder(st, in, &ladder, &why), &why, &ok);
		if (r == 0 && ok && !in->live && ladder.len != ladder_rungs(in->units) * 4)
			trouble(c, "input %" PRId64 " (%s) has hashes for another number of packets than it has", in->id, in->path);
		if (c->sensors_ok && in->sensor > st->n_sensors)
			trouble(c, "input %" PRId64 " (%s) is of a sensor that is not there", in->id, in->path);
	}
	gs_buf_done(&ladder);
	return r;
}

/* ---- rollups ---- */

static uint64_t key_hash(const struct cell *c)
{
	uint8_t k[64] = { 0 };
	uint32_t hour = htole32((uint32_t)c->hour), key = htole32(c->shape.key);
	uint16_t sensor = htole16(c->sensor), proto = htole16(c->shape.proto);

	memcpy(k, c->src.b, 16);
	k[16] = c->src.family;
	memcpy(k + 17, c->dst.b, 16);
	k[33] = c->dst.family;
	k[34] = c->class_;
	k[35] = c->flags;
	memcpy(k + 36, &hour, 4);
	memcpy(k + 40, &sensor, 2);
	memcpy(k + 42, &key, 4);
	memcpy(k + 46, &proto, 2);
	k[48] = c->shape.version;
	k[49] = c->shape.has;
	return XXH3_64bits(k, 50) | 1;
}

static void sums_add(struct sums *to, const struct cell *c)
{
	uint64_t h = key_hash(c);
	if (!to->sightings || c->first_ns < to->first_ns)
		to->first_ns = c->first_ns;
	if (!to->sightings || c->last_ns > to->last_ns)
		to->last_ns = c->last_ns;
	to->sightings += c->sightings;
	to->packets += c->packets;
	to->bytes += c->bytes;
	to->print[0] += h * c->sightings;
	to->print[1] += h * c->packets;
	to->print[2] += h * c->bytes;
	to->print[3] += h * c->sources;
}

static struct day *day_of(const struct check *c, int32_t part_)
{
	size_t lo = 0, hi = c->n_days;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (c->days[mid].part < part_)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->n_days && c->days[lo].part == part_ ? &c->days[lo] : NULL;
}

static int days_make(struct check *c)
{
	const struct gs_store *st = c->st;
	c->days = calloc(st->n_blocks + 1, sizeof *c->days);
	if (!c->days)
		return gs_fail(c->err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < st->n_blocks; i++) {
		int32_t p = st->blocks[i].part;
		if (p != PART_ALL && (c->n_days == 0 || c->days[c->n_days - 1].part != p))
			c->days[c->n_days++].part = p;
	}
	for (size_t i = 0; c->pruned_ok && i < c->n_pruned; i++) {
		struct day *d = day_of(c, (int32_t)c->pruned[i].day);
		if (!d) {
			trouble(c, "rows of day %" PRId64 " were pruned, and no rollup has them", c->pruned[i].day);
			continue;
		}
		d->pruned_sightings = c->pruned[i].sightings;
		d->pruned_packets = c->pruned[i].packets;
		d->pruned_bytes = c->pruned[i].bytes;
	}
	return 0;
}

/* A block's cells into the sums of its day; in order, as the directory says, behind the block before in its run. */
static void block_walk_all(struct check *c, const struct block_entry *e, const struct block *b, struct cell *last, bool follows)
{
	struct block_walk walk;
	struct cell cell;
	struct sums s = { 0 };
	struct day *d = day_of(c, e->part);
	bool sorted = true;

	block_walk_begin(&walk, b);
	for (uint32_t i = 0; block_walk_next(&walk, &cell); i++) {
		sorted &= (i == 0 && !follows) || cell_compare(last, &cell) < 0;
		*last = cell;
		sums_add(&s, &cell);
		if (e->part == PART_ALL) {
			sums_add(&c->all, &cell);
			continue;
		}
		sums_add(&d->cells, &cell);
		cell_strip(&cell);
		sums_add(&c->all_days, &cell);
	}
	if (!sorted)
		trouble(c, "rollup %" PRId64 ": its cells are not in order", e->id);
	if (s.sightings != e->sightings || s.packets != e->packets || s.bytes != e->bytes)
		trouble(c, "rollup %" PRId64 ": its cells do not add up to what the list says", e->id);
}

static bool sums_same(const struct sums *a, const struct sums *b)
{
	return a->sightings == b->sightings && a->packets == b->packets && a->bytes == b->bytes && memcmp(a->print, b->print, sizeof a->print) == 0 &&
	       (!a->sightings || (a->first_ns == b->first_ns && a->last_ns == b->last_ns));
}

static int check_rollups(struct check *c)
{
	struct gs_store *st = c->st;
	struct gs_error why = { 0 };
	struct cell last = { 0 };
	const struct block_entry *before = NULL;
	int64_t data = 0;
	bool ok;
	int r = c->blocks_ok ? days_make(c) : 0;

	for (size_t i = 0; r == 0 && c->blocks_ok && i < st->n_blocks; i++) {
		const struct block_entry *e = &st->blocks[i];
		struct block b = { 0 };
		ok = true;
		for (int g = 0; r == 0 && ok && g < BLOCK_GROUPS; g++)
			r = part(c, block_read(st, e, (enum block_group)g, &b, &why), &why, &ok);
		if (r == 0 && ok)
			block_walk_all(c, e, &b, &last, before && before->part == e->part && before->run == e->run);
		else if (e->part != PART_ALL)
			day_of(c, e->part)->unsure = true;
		c->all_unsure |= !ok;
		before = ok ? e : NULL;
		block_done(&b);
		if (r == 0)
			r = go_on(c, 0);
	}
	if (r < 0 || !c->blocks_ok)
		return r;
	if (!c->all_unsure && !sums_same(&c->all, &c->all_days))
		trouble(c, "the rollups by day and the one over all of time do not agree");
	r = part(c, db_int(st, "SELECT count(*) FROM block_data", &data, &why), &why, &ok);
	if (r == 0 && ok && (uint64_t)data != st->n_blocks * BLOCK_GROUPS)
		trouble(c, "its table block_data has %" PRId64 " rows where %zu belong", data, st->n_blocks * BLOCK_GROUPS);
	return r;
}

/* ---- rows ---- */

static void batch_unsure(struct check *c, const struct batch *b)
{
	int32_t from = day_of_hour(hour_of(b->min_ns)), to = day_of_hour(hour_of(b->max_ns));
	for (size_t i = 0; i < c->n_days; i++)
		c->days[i].unsure |= c->days[i].part >= from && c->days[i].part <= to;
}

static void batch_sums(struct check *c, const struct batch *b, const struct gs_sighting *rows, size_t n, struct sums *in)
{
	struct day *d = NULL;
	int64_t min = INT64_MAX, max = INT64_MIN;
	uint64_t strays = 0;

	for (size_t i = 0; i < n; i++) {
		struct cell cell;
		cell_of(&rows[i], &cell);
		min = rows[i].first.ns < min ? rows[i].first.ns : min;
		max = rows[i].first.ns > max ? rows[i].first.ns : max;
		if (in)
			sums_add(in, &cell);
		if (!c->blocks_ok || b->last_seq > c->st->meta.rolled_seq)
			continue;
		int32_t day = day_of_hour(cell.hour);
		if (!d || d->part != day)
			d = day_of(c, day);
		if (d)
			sums_add(&d->rows, &cell);
		else
			strays++;
	}
	if (min != b->min_ns || max != b->max_ns)
		trouble(c, "the batch from row %" PRId64 " says other times than its rows have", b->first_seq);
	if (strays)
		trouble(c, "%" PRIu64 " of rows %" PRId64 " to %" PRId64 " lie on days that no rollup has", strays, b->first_seq, b->last_seq);
}

static int check_rows(struct check *c)
{
	struct gs_store *st = c->st;
	struct gs_error why = { 0 };
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	int64_t count = 0;
	bool ok;
	int r = rows ? 0 : gs_fail(c->err, GS_ERR_NOMEM, "out of memory");

	if (r == 0 && c->inputs_ok) {
		c->inputs = calloc(st->inputs->n + 1, sizeof *c->inputs);
		r = c->inputs ? 0 : gs_fail(c->err, GS_ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		size_t n = 0, at;
		struct input_rows *in = c->inputs_ok && b->input && input_of(c, b->input, &at) ? &c->inputs[at] : NULL;
		r = part(c, batch_read(st, b, rows, &n, &why), &why, &ok);
		if (r == 0 && ok) {
			batch_sums(c, b, rows, n, in ? &in->sums : NULL);
		} else if (r == 0) {
			batch_unsure(c, b);
			if (in)
				in->unsure = true;
		}
		if (r == 0)
			r = go_on(c, (uint64_t)(b->last_seq - b->first_seq + 1));
	}
	free(rows);
	if (r == 0)
		r = part(c, db_int(st, "SELECT count(*) FROM sighting", &count, &why), &why, &ok);
	if (r == 0 && ok && (uint64_t)count != c->rows)
		trouble(c, "its table sighting has %" PRId64 " rows where %" PRIu64 " belong", count, c->rows);
	return r;
}

/* Days as rollups and as rows and what was pruned of them. */
static void check_days(struct check *c)
{
	for (size_t i = 0; c->pruned_ok && i < c->n_days; i++) {
		const struct day *d = &c->days[i];
		char text[GS_TIME_TEXT_MAX];
		bool same = d->pruned_sightings ? d->cells.sightings == d->rows.sightings + d->pruned_sightings &&
		                                          d->cells.packets == d->rows.packets + d->pruned_packets &&
		                                          d->cells.bytes == d->rows.bytes + d->pruned_bytes
		                                : sums_same(&d->cells, &d->rows);
		if (same || d->unsure)
			continue;
		gs_time_format((struct gs_time){ (int64_t)d->part * 86400 * GS_NS_PER_S }, 0, text);
		trouble(c, "the rollups of %.10s (%" PRIu64 " sightings, %" PRIu64 " packets) are not the sums of its rows (%" PRIu64 ", %" PRIu64 ")", text,
		        d->cells.sightings, d->cells.packets, d->rows.sightings + d->pruned_sightings, d->rows.packets + d->pruned_packets);
	}
}

/* An input's balance against its rows. Pruned rows are no longer known by their input, and imported ones may have lost some before. */
static void check_inputs_rows(struct check *c)
{
	const struct gs_store *st = c->st;
	bool all_there = c->lost_ok && c->lost.n == 0 && c->imported_ok && c->imported.n == 0;

	for (size_t i = 0; c->inputs_ok && i < st->inputs->n; i++) {
		const struct input *in = &st->inputs->list[i];
		const struct sums *s = &c->inputs[i].sums;
		const struct gs_tally *t = &in->tally;
		bool frames = t->packets > 0;
		if (c->inputs[i].unsure)
			continue;
		if (s->sightings > t->sightings || (all_there && s->sightings != t->sightings))
			trouble(c, "input %" PRId64 " (%s) says that it gave %" PRIu64 " sightings, and has %" PRIu64 " rows", in->id, in->path, t->sightings,
			        s->sightings);
		else if (frames && all_there && (s->packets != t->in_sightings || s->bytes != t->sighting_bytes))
			trouble(c, "input %" PRId64 " (%s) says that its sightings have %" PRIu64 " packets, its rows have %" PRIu64, in->id, in->path,
			        t->in_sightings, s->packets);
		else if (all_there && s->sightings && (s->first_ns != in->first_ns || s->last_ns != in->last_ns))
			trouble(c, "input %" PRId64 " (%s) says other times than its rows have", in->id, in->path);
	}
}

/* ---- pins ---- */

static bool place_sealed(sqlite3_stmt *q)
{
	int64_t asn, seal;
	struct seal s;

	if (!col_int(q, 1, INT64_MIN, INT64_MAX, &asn) || !col_int(q, 7, INT64_MIN, INT64_MAX, &seal))
		return false;
	seal_begin(&s, "place");
	seal_int(&s, asn);
	for (int i = 2; i < 7; i++) {
		const char *text;
		size_t len;
		if (!col_text(q, i, GS_ERROR_TEXT_MAX * 8, &text, &len))
			return false;
		seal_bytes(&s, text, len);
	}
	return seal_end(&s) == seal;
}

static void place_row(struct check *c, sqlite3_stmt *q)
{
	if (!place_sealed(q))
		trouble(c, "place %" PRId64 " of pinned origins does not match its checksum", (int64_t)sqlite3_column_int64(q, 0));
}

struct origin_row {
	uint8_t src[16];
	size_t len;
	int64_t last;
};

/* In order of source and day: sealed, of a place that is there, behind the one before. */
static void origin_row(struct check *c, sqlite3_stmt *q, struct origin_row *before)
{
	const uint8_t *src;
	size_t len;
	int64_t first, last, place, seal;
	struct seal s;
	bool ok = col_blob(q, 0, 16, &src, &len) && (len == 4 || len == 16) && col_int(q, 1, INT64_MIN, INT64_MAX, &first) &&
	          col_int(q, 2, first, INT64_MAX, &last) && col_int(q, 3, 1, INT64_MAX, &place) && col_int(q, 4, INT64_MIN, INT64_MAX, &seal);
	if (ok) {
		seal_begin(&s, "origin");
		seal_bytes(&s, src, len);
		seal_int(&s, first);
		seal_int(&s, last);
		seal_int(&s, place);
		ok = seal_end(&s) == seal;
	}
	if (!ok) {
		trouble(c, "a pinned origin does not match its checksum");
		return;
	}
	if (!sqlite3_column_int(q, 5))
		trouble(c, "a pinned origin names place %" PRId64 ", which is not there", place);
	if (before->len == len && memcmp(before->src, src, len) == 0 && first <= before->last)
		trouble(c, "pinned origins of one source overlap on day %" PRId64, first);
	memcpy(before->src, src, len);
	before->len = len;
	before->last = last;
}

static int check_pins(struct check *c)
{
	static const char *const sql[2] = { "SELECT id, asn, as_name, country, region, city, edition, seal FROM place ORDER BY id",
		                            "SELECT o.src, o.first_day, o.last_day, o.place, o.seal, p.id IS NOT NULL FROM origin o "
		                            "LEFT JOIN place p ON p.id = o.place ORDER BY o.src, o.first_day" };
	struct origin_row before = { .len = 0 };
	struct gs_error why = { 0 };
	bool ok;
	int r = 0;

	for (int t = 0; r == 0 && t < 2; t++) {
		sqlite3_stmt *q = NULL;
		int rc = sqlite3_prepare_v2(c->st->db, sql[t], -1, &q, NULL);
		while (rc == SQLITE_OK || rc == SQLITE_ROW) {
			if (rc == SQLITE_ROW && t == 0)
				place_row(c, q);
			else if (rc == SQLITE_ROW)
				origin_row(c, q, &before);
			rc = sqlite3_step(q);
		}
		r = rc == SQLITE_DONE ? 0 : part(c, db_fail(c->st, rc, &why, "reading pinned origins"), &why, &ok);
		sqlite3_finalize(q);
	}
	return r;
}

/* ---- bots ---- */

struct check_bots {
	struct check *c;
	struct ledger_count count;
	bool unsure;
	int64_t lost_input; /* the last one that was told to be missing */
};

static int bot_row_check(void *arg, const struct bot_row *row, const char *wrong, struct gs_error *err)
{
	struct check_bots *b = arg;
	struct check *c = b->c;
	size_t at;

	(void)err;
	if (wrong) {
		b->unsure = true;
		trouble(c, "%s", wrong);
		return 0;
	}
	b->count.rows++;
	b->count.sum += (uint64_t)row->seal;
	if (c->inputs_ok && !input_of(c, row->input, &at) && row->input != b->lost_input) {
		b->lost_input = row->input;
		trouble(c, "bots are noted of input %" PRId64 ", which is not there", row->input);
	}
	if (c->sensors_ok && row->sensor > c->st->n_sensors)
		trouble(c, "bot %" PRId64 " of input %" PRId64 " is of a sensor that is not there", row->number, row->input);
	return 0;
}

static int check_bots(struct check *c)
{
	struct check_bots b = { .c = c };
	struct gs_error why = { 0 };
	bool ok;
	int r = part(c, bots_rows(c->st, 0, bot_row_check, &b, &why), &why, &ok);

	if (r == 0 && ok && !b.unsure)
		r = part(c, ledger_verify(c->st, L_BOT, b.count, &why), &why, &ok);
	return r;
}

/* ---- bookmarks ---- */

static void bookmark_found(void *arg, const char *sentence)
{
	trouble(arg, "%s", sentence);
}

static int check_bookmarks(struct check *c)
{
	struct gs_error why = { 0 };
	bool ok;

	return part(c, bookmarks_check(c->st, bookmark_found, c, &why), &why, &ok);
}

/* ---- all of it ---- */

static int check_content(struct check *c)
{
	int r = check_directories(c);
	if (r == 0)
		check_sequence(c);
	if (r == 0)
		r = check_inputs_alone(c);
	if (r == 0)
		r = check_rollups(c);
	if (r == 0)
		r = check_pins(c);
	if (r == 0)
		r = check_bots(c);
	if (r == 0)
		r = check_bookmarks(c);
	if (r < 0 || c->quick || !c->batches_ok || !c->kinds_ok || !c->sensors_ok)
		return r;
	r = check_rows(c);
	if (r == 0)
		check_days(c);
	if (r == 0)
		check_inputs_rows(c);
	return r;
}

int gs_store_check(struct gs_store *st, bool quick, void (*found)(void *arg, const char *sentence), void *arg, uint64_t *ret_n,
                   struct gs_error *err)
{
	struct check *c = calloc(1, sizeof *c);
	struct gs_error why = { 0 };
	bool begun, ok;

	if (!c)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	*c = (struct check){ .st = st, .quick = quick, .found = found, .arg = arg, .err = err };
	*st->damage = '\0';
	int r = part(c, read_begin(st, &why), &why, &begun);
	if (r == 0)
		r = check_layout(c);
	if (r == 0 && !st->immutable && !st->in_tx)
		r = lines(c, st->db, "PRAGMA journal_mode", journal_line, NULL);
	if (r == 0)
		r = check_engine(c);
	if (r == 0 && begun)
		r = check_content(c);
	read_end(st);
	if (r == 0)
		r = part(c, read_still(st, &why), &why, &ok);
	if (r == 0)
		*ret_n = c->n;
	free(c->pruned);
	free(c->imported.list);
	free(c->lost.list);
	free(c->days);
	free(c->inputs);
	free(c);
	return r;
}

void gs_store_check_progress(struct gs_store *st, bool (*progress)(void *arg, uint64_t rows_done, uint64_t rows), void *arg)
{
	st->check_progress = progress;
	st->check_arg = arg;
}
