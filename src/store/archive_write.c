/*
 * archive_write.c - a store as an archive, in one moment's view
 *
 * What pruned rows left behind is in the rollups together with the rows that are there: it is had by adding up the cells of a day and taking away
 * those of the day's rows. Sums come out exact, and are held against what pruning noted. First and last times of an hour cannot be taken
 * apart: such a cell keeps those of the whole hour, which are the hour's again when the rows are read with it.
 */
#include "store/archive.h"

#include "store/version.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_BYTES (256u << 10)
#define PASS_CELLS 1000000u /* about as many of a day are held at a time */
#define PART_ROWS 100000    /* of rows that can be taken apart */
#define LEVEL 3

struct writer {
	struct gs_store *st;
	int fd;
	const char *name;
	struct gs_archive_result *res;
	struct gs_error *err;
	ZSTD_CCtx *z;
	void *zbuf;
	size_t zcap;
	struct gs_buf text;   /* lines not yet compressed */
	size_t hashed;        /* octets of it that are in the sums */
	XXH3_state_t part, all;
	uint64_t part_lines, parts;
	const char *part_name;
	struct gs_sighting *rows; /* BATCH_ROWS */
	struct batch *batches;    /* by input, then sequence */
	struct cell *cells;
	size_t n_cells, cap_cells;
	struct ledger_count bots;
};

/* ---- octets ---- */

static int fd_write(struct writer *w, const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t done = write(w->fd, data, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return gs_fail_errno(w->err, GS_ERR_IO, errno, "%s", w->name);
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

static int out_flush(struct writer *w, bool last)
{
	ZSTD_inBuffer in = { .src = w->text.data, .size = w->text.len };
	size_t left;
	if (w->text.failed)
		return gs_fail(w->err, GS_ERR_NOMEM, "out of memory");
	do {
		ZSTD_outBuffer out = { .dst = w->zbuf, .size = w->zcap };
		left = ZSTD_compressStream2(w->z, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return gs_fail(w->err, GS_ERR_NOMEM, "%s: %s", w->name, ZSTD_getErrorName(left));
		int r = fd_write(w, w->zbuf, out.pos);
		if (r < 0)
			return r;
	} while (last ? left > 0 : in.pos < in.size);
	gs_buf_clear(&w->text);
	w->hashed = 0;
	return 0;
}

static struct io line_begin(struct writer *w)
{
	return (struct io){ .out = &w->text };
}

/* The line that was just written counts. */
static int line_done_(struct writer *w, bool in_part)
{
	const char *line = w->text.data + w->hashed;
	size_t len = w->text.len - w->hashed;
	if (w->text.failed)
		return gs_fail(w->err, GS_ERR_NOMEM, "out of memory");
	XXH3_64bits_update(&w->all, line, len);
	if (in_part) {
		XXH3_64bits_update(&w->part, line, len);
		w->part_lines++;
	}
	w->hashed = w->text.len;
	w->res->lines++;
	return w->text.len >= OUT_BYTES ? out_flush(w, false) : 0;
}

static int part_begin(struct writer *w, const char *what)
{
	struct io io = line_begin(w);
	w->part_name = what;
	w->part_lines = 0;
	XXH3_64bits_reset(&w->part);
	io_part(&io, &what);
	return line_done_(w, false);
}

static int part_end(struct writer *w)
{
	struct seal_line e = { .what = w->part_name, .lines = w->part_lines, .sum = XXH3_64bits_digest(&w->part) };
	struct io io = line_begin(w);
	io_part_end(&io, &e);
	w->parts++;
	return line_done_(w, false);
}

/* ---- sensors, inputs, rows ---- */

static int sensors_write(struct writer *w)
{
	int r = part_begin(w, "sensors");
	for (unsigned i = 1; r == 0 && i <= w->st->n_sensors; i++) {
		struct archived_sensor s = { .id = i, .name = w->st->sensor_names[i] };
		struct io io = line_begin(w);
		io_sensor(&io, &s);
		r = line_done_(w, true);
	}
	return r < 0 ? r : part_end(w);
}

static int batch_write(struct writer *w, const struct batch *b)
{
	struct archived_batch a = { .store = (uint64_t)b->store, .from = (uint64_t)b->store_first, .rows = (uint64_t)(b->last_seq - b->first_seq + 1),
		                    .window_s = (uint64_t)b->window_s };
	struct io io = line_begin(w);
	size_t n;
	io_batch(&io, &a);
	int r = line_done_(w, true);
	if (r == 0)
		r = batch_read(w->st, b, w->rows, &n, w->err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		uint64_t seq = a.from + i;
		io = line_begin(w);
		io_row(&io, &seq, &w->rows[i]);
		r = line_done_(w, true);
		w->res->sightings++;
	}
	return r;
}

void live_identity(const struct gs_store *st, struct input *in)
{
	static const uint8_t none[16];
	XXH3_state_t empty;
	XXH128_canonical_t c;
	XXH3_128bits_reset(&empty);
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(&empty));
	if (memcmp(in->digest, c.digest, 16) != 0 && memcmp(in->digest, none, 16) != 0)
		return; /* it came in an archive and has one */
	uint64_t from[2] = { htole64((uint64_t)st->meta.store), htole64((uint64_t)in->id) };
	XXH128_canonicalFromHash(&c, XXH3_128bits(from, sizeof from));
	memcpy(in->digest, c.digest, 16);
}

static int input_write(struct writer *w, const struct input *in)
{
	struct input copy = *in;
	struct gs_buf ladder = { 0 }, tally = { 0 };
	uint64_t id = (uint64_t)in->id;
	int r = in->live ? 0 : input_ladder(w->st, in, &ladder, w->err);
	uint64_t rungs = ladder.len / 4;

	if (in->live) {
		copy.units = 0;
		copy.head = 0;
		live_identity(w->st, &copy);
	}
	tally_write(&in->tally, &tally);
	const char *text = gs_buf_text(&tally);
	struct io io = line_begin(w);
	io_input(&io, &copy, &id, &rungs, &text);
	if (r == 0)
		r = line_done_(w, true);
	for (uint64_t at = 0; r == 0 && at < rungs; at += LADDER_LINE) {
		uint64_t n = rungs - at < LADDER_LINE ? rungs - at : LADDER_LINE;
		io = line_begin(w);
		io_ladder(&io, (uint8_t *)ladder.data + at * 4, n);
		r = line_done_(w, true);
	}
	gs_buf_done(&ladder);
	gs_buf_done(&tally);
	return r;
}

static int bot_write(void *arg, const struct bot_row *row, const char *wrong, struct gs_error *err)
{
	struct writer *w = arg;
	struct bot_row copy = *row;
	struct io io = line_begin(w);

	if (wrong)
		return store_damaged(w->st, err, "%s", wrong);
	io_bot(&io, &copy, (uint8_t *)(uintptr_t)row->data);
	w->bots.rows++;
	w->bots.sum += (uint64_t)row->seal;
	w->res->bots += row->number != BOT_REST;
	return line_done_(w, true);
}

static int bots_write(struct writer *w, const struct input *in)
{
	return bots_rows(w->st, in->id, bot_write, w, w->err);
}

static int by_input(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;
	if (x->input != y->input)
		return x->input < y->input ? -1 : 1;
	return (x->first_seq > y->first_seq) - (x->first_seq < y->first_seq);
}

/* The batches of an input: *ret_n from the index returned on. */
static size_t batches_of(const struct writer *w, int64_t input, size_t *ret_n)
{
	size_t lo = 0, hi = w->st->n_batches;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (w->batches[mid].input < input)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo; hi < w->st->n_batches && w->batches[hi].input == input; hi++)
		;
	*ret_n = hi - lo;
	return lo;
}

static uint64_t rows_in(const struct batch *b, size_t n)
{
	uint64_t rows = 0;
	for (size_t i = 0; i < n; i++)
		rows += (uint64_t)(b[i].last_seq - b[i].first_seq + 1);
	return rows;
}

/* Whether some of an input's rows are gone: its content and the sums of pruned rows are then one thing. */
static bool partly_pruned(const struct writer *w, const struct input *in)
{
	size_t n, at = batches_of(w, in->id, &n);
	return !in->live && rows_in(w->batches + at, n) != in->tally.sightings;
}

static int input_whole(struct writer *w, const struct input *in)
{
	size_t n, at = batches_of(w, in->id, &n);
	int r = input_write(w, in);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = batch_write(w, &w->batches[at + i]);
	if (r == 0)
		r = bots_write(w, in);
	w->res->inputs++;
	return r;
}

static const struct input *input_at(const struct gs_store *st, int64_t id)
{
	for (size_t i = 0; i < st->inputs->n; i++)
		if (st->inputs->list[i].id == id)
			return &st->inputs->list[i];
	return NULL;
}

/* Rows that are told apart by their sequence alone, in parts of a bounded size. in: the sensor's own input, or NULL. */
static int loose_write(struct writer *w, const struct input *in, const struct batch *b, size_t n)
{
	size_t i = 0;
	bool bots = false;
	int r = 0;
	do {
		uint64_t rows = 0;
		r = part_begin(w, "rows");
		if (r == 0 && in)
			r = input_write(w, in);
		for (; r == 0 && i < n && rows < PART_ROWS; i++) {
			r = batch_write(w, &b[i]);
			rows += rows_in(&b[i], 1);
		}
		if (r == 0 && in && !bots) { /* where the input is news: in its first part */
			r = bots_write(w, in);
			bots = true;
		}
		if (r == 0)
			r = part_end(w);
	} while (r == 0 && i < n);
	w->res->inputs += in != NULL;
	return r;
}

static int rows_write(struct writer *w, bool any_pruned)
{
	const struct gs_store *st = w->st;
	int r = 0;
	for (size_t i = 0; r == 0 && i < st->inputs->n; i++) {
		const struct input *in = &st->inputs->list[i];
		size_t n, at = batches_of(w, in->id, &n);
		if (in->live) {
			r = loose_write(w, in, w->batches + at, n);
		} else if (!any_pruned || !partly_pruned(w, in)) {
			r = part_begin(w, "rows");
			if (r == 0)
				r = input_whole(w, in);
			if (r == 0)
				r = part_end(w);
		}
	}
	for (size_t i = 0, end; r == 0 && i < st->n_batches; i = end) {
		for (end = i + 1; end < st->n_batches && w->batches[end].input == w->batches[i].input; end++)
			;
		if (!input_at(st, w->batches[i].input))
			r = loose_write(w, NULL, w->batches + i, end - i);
	}
	return r;
}

/* ---- what pruned rows left behind ---- */

static int cell_push(struct writer *w, const struct cell *c)
{
	if (w->n_cells == w->cap_cells) {
		size_t cap = w->cap_cells ? w->cap_cells * 2 : 4096;
		struct cell *list = realloc(w->cells, cap * sizeof *list);
		if (!list)
			return gs_fail(w->err, GS_ERR_NOMEM, "out of memory");
		w->cells = list;
		w->cap_cells = cap;
	}
	w->cells[w->n_cells++] = *c;
	return 0;
}

static bool in_pass(const struct gs_addr *src, uint64_t pass, uint64_t passes)
{
	return passes == 1 || XXH3_64bits(src, sizeof *src) % passes == pass;
}

static int blocks_push(struct writer *w, int32_t day, uint64_t pass, uint64_t passes)
{
	struct gs_store *st = w->st;
	int r = 0;
	for (size_t i = blocks_from(st, day); r == 0 && i < st->n_blocks && st->blocks[i].part == day; i++) {
		struct block b = { 0 };
		struct block_walk walk;
		struct cell c;
		for (int g = 0; r == 0 && g < BLOCK_GROUPS; g++)
			r = block_read(st, &st->blocks[i], (enum block_group)g, &b, w->err);
		block_walk_begin(&walk, &b);
		while (r == 0 && block_walk_next(&walk, &c))
			if (in_pass(&c.src, pass, passes))
				r = cell_push(w, &c);
		block_done(&b);
	}
	return r;
}

static bool touches_day(const struct gs_store *st, const struct batch *b, int32_t day)
{
	return b->last_seq <= st->meta.rolled_seq && day_of_hour(hour_of(b->min_ns)) <= day && day_of_hour(hour_of(b->max_ns)) >= day;
}

/* The day's rows, with their numbers turned to the negative: sums wrap around, and back again. */
static int rows_take_away(struct writer *w, int32_t day, uint64_t pass, uint64_t passes)
{
	struct gs_store *st = w->st;
	int r = 0;
	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		size_t n = 0;
		if (!touches_day(st, &st->batches[i], day))
			continue;
		r = batch_read(st, &st->batches[i], w->rows, &n, w->err);
		for (size_t k = 0; r == 0 && k < n; k++) {
			struct cell c;
			if (day_of_hour(hour_of(w->rows[k].first.ns)) != day || !in_pass(&w->rows[k].src, pass, passes))
				continue;
			cell_of(&w->rows[k], &c);
			c.sightings = -c.sightings;
			c.packets = -c.packets;
			c.bytes = -c.bytes;
			c.sources = -c.sources;
			r = cell_push(w, &c);
		}
	}
	return r;
}

static int cells_write(struct writer *w, struct pruned *sum)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < w->n_cells; i++) {
		struct cell c = w->cells[i];
		struct io io = line_begin(w);
		if (c.sightings == 0 && c.packets == 0 && c.bytes == 0)
			continue;
		sum->sightings += c.sightings;
		sum->packets += c.packets;
		sum->bytes += c.bytes;
		io_cell(&io, &c);
		r = line_done_(w, true);
		w->res->cells++;
	}
	return r;
}

static int day_write(struct writer *w, const struct pruned *p)
{
	struct gs_store *st = w->st;
	struct pruned sum = { 0 };
	uint64_t cells = 0, sightings = 0, rows = 0;
	int32_t day = (int32_t)p->day;
	for (size_t i = blocks_from(st, day); i < st->n_blocks && st->blocks[i].part == day; i++) {
		cells += st->blocks[i].cells;
		sightings += st->blocks[i].sightings;
	}
	for (size_t i = 0; i < st->n_batches && sightings != p->sightings; i++) /* equal: no row of the day is left */
		rows += touches_day(st, &st->batches[i], day) ? rows_in(&st->batches[i], 1) : 0;
	uint64_t passes = 1 + (cells + rows) / PASS_CELLS;
	int r = 0;
	for (uint64_t pass = 0; r == 0 && pass < passes; pass++) {
		w->n_cells = 0;
		r = blocks_push(w, day, pass, passes);
		if (r == 0 && rows)
			r = rows_take_away(w, day, pass, passes);
		if (r == 0 && w->n_cells) {
			w->n_cells = cells_settle(w->cells, w->n_cells, false);
			if (w->n_cells == SIZE_MAX)
				return gs_fail(w->err, GS_ERR_NOMEM, "out of memory");
		}
		if (r == 0)
			r = cells_write(w, &sum);
	}
	if (r == 0 && (sum.sightings != p->sightings || sum.packets != p->packets || sum.bytes != p->bytes))
		return store_damaged(st, w->err, "the rollups of day %" PRId64 " do not match its rows and what was pruned", p->day);
	return r;
}

static int pruned_write(struct writer *w, const struct ranges *gone, const struct pruned *days, size_t n_days)
{
	const struct gs_store *st = w->st;
	int r = part_begin(w, "pruned");
	for (size_t i = 0; r == 0 && i < gone->n; i++) {
		struct range g = gone->list[i];
		struct io io = line_begin(w);
		io_range(&io, &g);
		r = line_done_(w, true);
	}
	for (size_t i = 0; r == 0 && i < n_days; i++)
		r = day_write(w, &days[i]);
	for (size_t i = 0; r == 0 && i < st->inputs->n; i++)
		if (partly_pruned(w, &st->inputs->list[i]))
			r = input_whole(w, &st->inputs->list[i]);
	return r < 0 ? r : part_end(w);
}

/* ---- origins of the day ---- */

static int pin_write(struct writer *w, const struct gs_addr *src, int64_t day)
{
	struct gs_pin_span span;
	struct gs_pin pin;
	char country[3];
	int r = gs_store_pinned(w->st, src, day, &span, w->err);
	if (r == 0)
		r = gs_store_place(w->st, span.place, &pin, w->err);
	if (r < 0)
		return r;
	snprintf(country, sizeof country, "%.2s", pin.country);
	struct archived_pin p = { .src = *src, .first_day = span.first_day, .last_day = span.last_day, .network = pin.has_network, .place = pin.has_place,
		                  .asn = pin.asn, .as_name = pin.as_name, .country = country, .region = pin.region, .city = pin.city, .edition = pin.edition };
	struct io io = line_begin(w);
	io_pin(&io, &p);
	w->res->pins++;
	return line_done_(w, true);
}

static int pins_write(struct writer *w)
{
	sqlite3_stmt *q = db_stmt(w->st, Q_ORIGIN_ALL, w->err);
	int r = q ? part_begin(w, "pins") : GS_ERR_STORE;
	while (r == 0 && (r = db_step(w->st, q, w->err, "reading pinned origins")) > 0) {
		struct gs_addr src = { 0 };
		const uint8_t *octets;
		size_t len;
		int64_t day;
		if (!col_blob(q, 0, 16, &octets, &len) || (len != 4 && len != 16) || !col_int(q, 1, INT32_MIN, INT32_MAX, &day)) {
			r = store_damaged(w->st, w->err, "a pinned origin holds a value that cannot be");
			break;
		}
		memcpy(src.b, octets, len);
		src.family = len == 4 ? 4 : 6;
		r = pin_write(w, &src, day);
	}
	if (q)
		sqlite3_reset(q);
	return r < 0 ? r : part_end(w);
}

static int pins_count(struct gs_store *st, uint64_t *ret, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_ORIGIN_COUNT, err);
	int r = q ? db_step(st, q, err, "reading pinned origins") : GS_ERR_STORE;
	if (r <= 0)
		return r;
	*ret = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return 0;
}

/* ---- all of it ---- */

static int manifest_write(struct writer *w, const struct pruned *days, size_t n_days, uint64_t pins)
{
	const struct gs_store *st = w->st;
	const uint64_t bots = st->meta.ledger[L_BOT].rows;
	struct manifest m = { .version = bots ? ARCHIVE_VERSION : 1, .bots = bots, .made_by = "grescope " GRESCOPE_VERSION, .store = (uint64_t)st->meta.store, .sensors = st->n_sensors,
		              .inputs = st->inputs->n, .pins = pins, .rows = rows_in(st->batches, st->n_batches), .first_ns = INT64_MAX, .last_ns = INT64_MIN };
	struct io io = line_begin(w);
	for (size_t i = 0; i < st->n_batches; i++) {
		m.first_ns = st->batches[i].min_ns < m.first_ns ? st->batches[i].min_ns : m.first_ns;
		m.last_ns = st->batches[i].max_ns > m.last_ns ? st->batches[i].max_ns : m.last_ns;
	}
	for (size_t i = 0; i < n_days; i++)
		m.pruned += days[i].sightings;
	io_manifest(&io, &m);
	return line_done_(w, false);
}

static int close_write(struct writer *w)
{
	struct seal_line e = { .what = ARCHIVE_NAME, .parts = w->parts, .lines = w->res->lines, .sum = XXH3_64bits_digest(&w->all) };
	struct io io = line_begin(w);
	io_close(&io, &e);
	int r = line_done_(w, false);
	return r < 0 ? r : out_flush(w, true);
}

static int store_write(struct writer *w)
{
	struct gs_store *st = w->st;
	struct pruned *days = NULL;
	struct ranges gone = { 0 };
	size_t n_days = 0;
	uint64_t pins = 0;
	int r = directories_load(st, w->err);
	if (r == 0)
		r = inputs_load(st, w->err);
	if (r == 0)
		r = pruned_load(st, &days, &n_days, w->err);
	if (r == 0)
		r = ranges_load(st, L_LOST, &gone, w->err);
	if (r == 0) {
		w->batches = malloc((st->n_batches + 1) * sizeof *w->batches);
		r = w->batches ? 0 : gs_fail(w->err, GS_ERR_NOMEM, "out of memory");
	}
	if (r == 0) {
		if (st->n_batches)
			memcpy(w->batches, st->batches, st->n_batches * sizeof *w->batches);
		qsort(w->batches, st->n_batches, sizeof *w->batches, by_input);
		r = pins_count(st, &pins, w->err);
	}
	if (r == 0) {
		r = manifest_write(w, days, n_days, pins);
	}
	if (r == 0)
		r = sensors_write(w);
	if (r == 0 && gone.n)
		r = pruned_write(w, &gone, days, n_days);
	if (r == 0)
		r = rows_write(w, gone.n > 0);
	if (r == 0) /* none of an input that is not there, none vanished */
		r = ledger_verify(st, L_BOT, w->bots, w->err);
	if (r == 0 && pins)
		r = pins_write(w);
	if (r == 0)
		r = close_write(w);
	free(days);
	free(gone.list);
	return r;
}

int gs_archive_write(struct gs_store *st, int fd, const char *name, struct gs_archive_result *ret, struct gs_error *err)
{
	struct gs_archive_result res = { 0 };
	struct writer w = { .st = st, .fd = fd, .name = name, .res = &res, .err = err, .z = ZSTD_createCCtx(), .zcap = ZSTD_CStreamOutSize() };

	w.zbuf = malloc(w.zcap);
	w.rows = malloc(BATCH_ROWS * sizeof *w.rows);
	int r = w.z && w.zbuf && w.rows ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r == 0) {
		ZSTD_CCtx_setParameter(w.z, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(w.z, ZSTD_c_checksumFlag, 1);
		XXH3_64bits_reset(&w.all);
		r = read_begin(st, err);
	}
	if (r == 0) {
		r = store_write(&w);
		read_end(st);
	}
	if (r == 0)
		r = read_still(st, err);
	if (r == 0 && ret)
		*ret = res;
	ZSTD_freeCCtx(w.z);
	gs_buf_done(&w.text);
	free(w.zbuf);
	free(w.rows);
	free(w.batches);
	free(w.cells);
	return r;
}
