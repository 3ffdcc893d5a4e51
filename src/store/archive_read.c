/*
 * archive_read.c - an archive into a store: what is there already is left out, part by part
 *
 * Rows are known by (store, sequence): our own below the next number, others by the ranges that were read or whose sums were. Beside that an input
 * is known by its content, so that a capture which both stores read counts once:
 *
 *   ours                                     the archive's rows of it
 *   not here                                 are taken, and the input is known from then on
 *   here, as long or longer                  are left out
 *   here, shorter, its first row from there  are told apart by sequence (the archive's store read on since)
 *   here, shorter, read by ourselves         cannot be told apart: left out, and said
 *
 * An input's bots come with it: where the input is taken, in the place of those that an earlier archive of that store brought.
 *
 * Sums of pruned rows are taken if none of those rows is here, left out if all are, else left out and said: sums cannot be taken apart.
 */
#include "store/archive_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_AT_ONCE 1024
#define RANGES_MAX (1u << 20)
#define SIGHTINGS_MAX (UINT64_C(1) << 56) /* of all sums together: no counter of ours overflows */

enum choice { C_NONE, C_OPEN, C_TAKE, C_SKIP };

/* The input that the lines are about. */
struct item {
	enum choice choice;   /* C_NONE: rows without an input */
	struct input rec;     /* path and trouble are its own */
	struct gs_buf ladder;
	uint64_t rungs_left;
	bool put;             /* it is news, or more of it */
	uint64_t ours, known; /* sightings of it that the store had before; of them met again in the archive */
};

struct reader {
	struct gs_store *st;
	struct lines in;
	struct line l;
	struct gs_error *err;
	const char *unnamed_as;
	struct gs_archive_result done, part; /* committed; of this part */
	struct gs_error unclear;             /* the first thing that could not be told apart */
	int64_t own_next;                    /* our rows end before this one */
	struct manifest manifest;
	char made_by[201];

	char (*names)[GS_SENSOR_NAME_MAX + 1]; /* 1 .. n_sensors */
	uint16_t *sensor_of;
	unsigned n_sensors;
	bool unnamed_ready;

	/* the part */
	XXH3_state_t sum;
	uint64_t lines, parts, began;
	char what[16];
	bool refused;         /* its sums could not be told apart: nothing of it is taken */
	struct item item;
	struct archived_batch batch;
	uint64_t row, rows_left;
	bool hold;            /* whether rows up to hold_to are known */
	int64_t hold_to;
	struct gs_sighting *rows;
	size_t n_rows;
	uint8_t bot_data[BOT_DATA_MAX];
	struct range stretch; /* rows taken that are not in the table of ranges yet; store 0: none */

	/* sums of pruned rows */
	enum choice sums;
	struct ranges gone;
	struct cell *cells;
	size_t n_cells;
	struct pruned day;    /* being added up; sightings 0: none */
	uint64_t all_sightings;

	struct ranges imported, lost;
	bool ranges_ready;
};

static int wrong(struct reader *r, const char *what)
{
	return lines_damaged(&r->in, r->err, "%s", what);
}

/* A line was read as its description says: whether all of it was right. */
static int line_check(struct reader *r)
{
	return line_done(&r->l) ? 0 : wrong(r, r->l.wrong);
}

static void unclear(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void unclear(struct reader *r, const char *format, ...)
{
	char text[400];
	va_list ap;
	if (r->unclear.code)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	gs_fail(&r->unclear, GS_ERR_USAGE, "%s: %s", r->in.name, text);
}

/* ---- what is known ---- */

static int ranges_fresh(struct reader *r)
{
	if (r->ranges_ready)
		return 0;
	free(r->imported.list);
	free(r->lost.list);
	r->imported = r->lost = (struct ranges){ 0 };
	int e = ranges_load(r->st, L_IMPORTED, &r->imported, r->err);
	if (e == 0)
		e = ranges_load(r->st, L_LOST, &r->lost, r->err);
	r->ranges_ready = e == 0;
	return e;
}

/* Whether a row is in the store, or its sums are; *ret_to: the last of which that is true as well. */
static int known(struct reader *r, int64_t store, int64_t seq, bool *ret, int64_t *ret_to)
{
	int64_t a, b;
	if (store == r->st->meta.store) {
		if (seq >= r->own_next)
			return gs_fail(r->err, GS_ERR_USAGE, "%s comes from this very store as it was later (its row %" PRId64 ", this one ends at %" PRId64
			               "): read it into a new store", r->in.name, seq, r->own_next - 1);
		*ret = true;
		*ret_to = r->own_next - 1;
		return 0;
	}
	int e = ranges_fresh(r);
	if (e < 0)
		return e;
	bool in_a = ranges_hold(&r->imported, store, seq, &a), in_b = ranges_hold(&r->lost, store, seq, &b);
	*ret = in_a || in_b;
	*ret_to = in_a == in_b ? (a < b ? a : b) : in_a ? a : b;
	return 0;
}

static int stretch_end(struct reader *r)
{
	struct range g = r->stretch;
	if (!g.store)
		return 0;
	r->stretch.store = 0;
	r->ranges_ready = false;
	return ranges_add(r->st, L_IMPORTED, g.store, g.first, g.last, r->err);
}

/* ---- sensors ---- */

static int sensor_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct archived_sensor s;
	io_sensor(&io, &s);
	int e = line_check(r);
	if (e == 0 && (s.id != r->n_sensors + 1 || !*s.name))
		e = wrong(r, "sensors are not in order");
	if (e == 0)
		snprintf(r->names[++r->n_sensors], GS_SENSOR_NAME_MAX + 1, "%s", s.name);
	return e;
}

static int sensors_map(struct reader *r)
{
	int e = 0;
	for (unsigned i = 1; e == 0 && i <= r->n_sensors; i++)
		e = gs_store_sensor(r->st, r->names[i], strlen(r->names[i]), &r->sensor_of[i], r->err);
	return e == GS_ERR_USAGE ? wrong(r, "a sensor's name that cannot be") : e;
}

static int sensor_of(struct reader *r, uint16_t in, uint16_t *ret)
{
	if (in > r->n_sensors)
		return wrong(r, "a sensor that the archive does not name");
	if (in == 0 && !r->unnamed_ready && r->unnamed_as && *r->unnamed_as) {
		int e = gs_store_sensor(r->st, r->unnamed_as, strlen(r->unnamed_as), &r->sensor_of[0], r->err);
		if (e < 0)
			return e;
		r->unnamed_ready = true;
	}
	*ret = r->sensor_of[in];
	return 0;
}

/* ---- inputs ---- */

static void item_done(struct item *it)
{
	input_done(&it->rec);
	gs_buf_done(&it->ladder);
	*it = (struct item){ 0 };
}

enum match { M_NONE, M_WITHIN, M_BEYOND };

static bool same_sensors_own(const struct gs_store *st, const struct input *ours, const struct input *theirs)
{
	struct input copy = *ours;
	live_identity(st, &copy);
	return ours->live && memcmp(copy.digest, theirs->digest, sizeof copy.digest) == 0;
}

/* How the input's content stands to what is here. *ret: the input that decides. */
static int content_match(struct reader *r, enum match *ret_match, struct input **ret)
{
	const struct input *in = &r->item.rec;
	struct gs_buf ladder = { 0 };
	int e = inputs_load(r->st, r->err);
	*ret_match = M_NONE;
	*ret = NULL;
	for (size_t i = 0; e == 0 && i < r->st->inputs->n && *ret_match != M_WITHIN; i++) {
		struct input *o = &r->st->inputs->list[i];
		if (in->live ? !same_sensors_own(r->st, o, in) : o->live || !o->units || o->head != in->head)
			continue;
		if (in->live) {
			*ret_match = M_BEYOND;
			*ret = o;
			break;
		}
		e = input_ladder(r->st, o, &ladder, r->err);
		uint64_t both = o->units < in->units ? o->units : in->units;
		if (e < 0 || !ladders_agree(&ladder, &r->item.ladder, both) || (o->units == in->units && memcmp(o->digest, in->digest, 16) != 0))
			continue;
		if (o->units >= in->units || !*ret || o->units > (*ret)->units) {
			*ret_match = o->units >= in->units ? M_WITHIN : M_BEYOND;
			*ret = o;
		}
	}
	gs_buf_done(&ladder);
	return e;
}

static int item_put(struct reader *r, const struct input *ours)
{
	struct item *it = &r->item;
	int e = sensor_of(r, it->rec.sensor, &it->rec.sensor);
	if (e == 0)
		e = tx_begin(r->st, r->err);
	if (e < 0)
		return e;
	it->rec.id = ours ? ours->id : 0;
	it->choice = C_TAKE;
	it->put = true;
	r->part.inputs++;
	return input_put(r->st, &it->rec, ours == NULL, &it->ladder, r->err);
}

static bool tally_less(const struct input *a, const struct input *b)
{
	return a->tally.packets + a->tally.records < b->tally.packets + b->tally.records || a->tally.sightings < b->tally.sightings ||
	       (b->complete && !a->complete);
}

/* Decides about the input at its first row, or where it has none. first: whether that row is known. */
static int item_decide(struct reader *r, bool first)
{
	struct item *it = &r->item;
	struct input *ours;
	enum match m;
	if (it->choice != C_OPEN)
		return 0;
	if (it->rungs_left)
		return wrong(r, "the ladder of an input is not whole");
	int e = content_match(r, &m, &ours);
	if (e < 0)
		return e;
	if (it->rec.live) {
		it->choice = C_TAKE;
		if (ours)
			it->rec.id = ours->id;
		return !ours || tally_less(ours, &it->rec) ? item_put(r, ours) : 0;
	}
	bool counted = ours && ours->tally.sightings > 0;
	if (m == M_NONE || (m == M_BEYOND && !counted))
		return item_put(r, ours);
	it->choice = C_SKIP;
	if (r->sums == C_TAKE) { /* sums in hand that hold rows of a capture which is here */
		r->refused = true;
		unclear(r, "its sums of pruned rows hold some of %s, which is in the store already: they cannot be told apart and were left out", it->rec.path);
		return 0;
	}
	if (m == M_BEYOND && (first || r->sums == C_SKIP)) {
		it->ours = ours->tally.sightings;
		return item_put(r, ours);
	}
	if (m == M_BEYOND)
		unclear(r, "it has more of %s than the store, which read that capture by itself: its rows cannot be told apart and were left out; ingest the "
		        "capture", it->rec.path);
	return 0;
}

static int input_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct item *it = &r->item;
	const char *tally;
	uint64_t id, rungs;
	io_input(&io, &it->rec, &id, &rungs, &tally);
	char *path = it->rec.path, *trouble = it->rec.trouble; /* lent with the line */
	it->rec.path = it->rec.trouble = NULL;
	int e = line_check(r);
	if (e < 0)
		return e;
	if (!tally_read(tally, &it->rec.tally))
		return wrong(r, "a balance that cannot be");
	if (it->rec.live ? rungs != 0 || it->rec.units : !it->rec.units || it->rec.units > LADDER_MAX * 256ull || rungs != ladder_rungs(it->rec.units))
		return wrong(r, "an input without its content");
	it->rec.path = strdup(path);
	it->rec.trouble = strdup(trouble);
	if (!it->rec.path || !it->rec.trouble)
		return gs_fail(r->err, GS_ERR_NOMEM, "out of memory");
	it->rungs_left = rungs;
	it->choice = C_OPEN;
	return 0;
}

static int ladder_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct item *it = &r->item;
	uint64_t n = it->rungs_left < LADDER_LINE ? it->rungs_left : LADDER_LINE;
	if (!n)
		return wrong(r, "a ladder that belongs to no input");
	if (!gs_buf_reserve(&it->ladder, n * 4))
		return gs_fail(r->err, GS_ERR_NOMEM, "out of memory");
	io_ladder(&io, (uint8_t *)it->ladder.data + it->ladder.len, n);
	it->ladder.len += n * 4;
	it->rungs_left -= n;
	return line_check(r);
}

/* ---- rows ---- */

static int rows_flush(struct reader *r)
{
	struct gs_store *st = r->st;
	if (!r->n_rows)
		return 0;
	struct range g = { (int64_t)r->batch.store, (int64_t)(r->row - r->n_rows), (int64_t)r->row - 1 };
	int e = 0;
	if (r->stretch.store && (r->stretch.store != g.store || r->stretch.last + 1 != g.first))
		e = stretch_end(r);
	if (e < 0)
		return e;
	if (!r->stretch.store)
		r->stretch = g;
	r->stretch.last = g.last;
	st->origin_store = g.store;
	st->origin_seq = g.first;
	st->input = r->item.choice == C_TAKE ? r->item.rec.id : 0;
	gs_store_set_window(st, (int64_t)r->batch.window_s);
	e = gs_store_append(st, r->rows, r->n_rows, r->err);
	st->origin_store = st->origin_seq = st->input = 0;
	r->part.sightings += r->n_rows;
	r->n_rows = 0;
	return e;
}

/* The batch before is over. */
static int batch_end(struct reader *r)
{
	return r->rows_left ? wrong(r, "rows are missing before it") : rows_flush(r);
}

static int batch_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	io_batch(&io, &r->batch);
	int e = line_check(r);
	if (e < 0 || r->refused)
		return e;
	if (r->stretch.store == (int64_t)r->batch.store && (int64_t)r->batch.from <= r->stretch.last) {
		e = stretch_end(r);
		if (e < 0)
			return e;
	}
	r->row = r->batch.from;
	r->rows_left = r->batch.rows;
	e = known(r, (int64_t)r->batch.store, (int64_t)r->row, &r->hold, &r->hold_to);
	return e < 0 ? e : item_decide(r, r->hold);
}

static int row_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct gs_sighting *s = &r->rows[r->n_rows];
	uint64_t seq;
	*s = (struct gs_sighting){ 0 };
	io_row(&io, &seq, s);
	int e = line_check(r);
	if (e < 0 || r->refused)
		return e;
	if (!r->rows_left || seq != r->row)
		return wrong(r, "a row that is not next");
	if ((int64_t)seq > r->hold_to) {
		e = rows_flush(r);
		if (e == 0)
			e = known(r, (int64_t)r->batch.store, (int64_t)seq, &r->hold, &r->hold_to);
	}
	if (e == 0)
		e = sensor_of(r, s->sensor, &s->sensor);
	if (e < 0)
		return e;
	bool take = !r->hold && r->item.choice != C_SKIP;
	r->row++;
	r->rows_left--;
	r->n_rows += take;
	r->part.known += !take;
	r->item.known += r->hold;
	return r->n_rows == ROWS_AT_ONCE ? rows_flush(r) : 0;
}

/* ---- bots ---- */

/* Behind the input's rows, so that it is decided about. */
static int bot_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct bot_row b = { 0 };
	uint16_t sensor;
	io_bot(&io, &b, r->bot_data);
	int e = line_check(r);
	if (e < 0 || r->refused)
		return e;
	if (r->item.choice == C_NONE)
		return wrong(r, "a bot that belongs to no input");
	e = batch_end(r);
	if (e == 0)
		e = item_decide(r, false);
	if (e < 0 || r->refused || !r->item.put)
		return e;
	e = sensor_of(r, (uint16_t)b.sensor, &sensor);
	if (e == 0)
		e = tx_begin(r->st, r->err);
	if (e < 0)
		return e;
	b.input = r->item.rec.id;
	b.sensor = sensor;
	r->part.bots += b.number != BOT_REST;
	return bot_row_put(r->st, &b, r->err);
}

/* ---- sums of pruned rows ---- */

static int range_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct range g = { 0 };
	io_range(&io, &g);
	int e = line_check(r);
	if (e < 0)
		return e;
	if (r->sums != C_OPEN || r->gone.n == RANGES_MAX)
		return wrong(r, "a range out of place");
	if (r->gone.n == r->gone.cap) {
		size_t cap = r->gone.cap ? r->gone.cap * 2 : 16;
		struct range *list = realloc(r->gone.list, cap * sizeof *list);
		if (!list)
			return gs_fail(r->err, GS_ERR_NOMEM, "out of memory");
		r->gone.list = list;
		r->gone.cap = cap;
	}
	r->gone.list[r->gone.n++] = g;
	return 0;
}

/* After the ranges: whether the sums are news. */
static int sums_decide(struct reader *r)
{
	bool any_known = false, any_new = false;
	int e = 0;
	if (r->sums != C_OPEN)
		return 0;
	for (size_t i = 0; e == 0 && i < r->gone.n; i++) {
		const struct range *g = &r->gone.list[i];
		for (int64_t seq = g->first, to; e == 0 && seq <= g->last; seq = to + 1) {
			bool hold;
			e = known(r, g->store, seq, &hold, &to);
			if (e < 0)
				return e;
			any_known |= hold;
			any_new |= !hold;
			if (to >= g->last)
				break;
		}
	}
	r->sums = any_new ? C_TAKE : C_SKIP;
	r->part.rollups_known = any_known && !any_new;
	if (any_known && any_new) {
		r->refused = true;
		unclear(r, "its sums of pruned rows (%" PRIu64 " sightings) hold rows that are in the store and rows that are not: they cannot be told apart and "
		        "were left out", r->manifest.pruned);
	}
	return 0;
}

static int day_end(struct reader *r)
{
	struct pruned d = r->day;
	r->day.sightings = 0;
	return d.sightings ? pruned_add(r->st, d.day, d.sightings, d.packets, d.bytes, r->err) : 0;
}

static int cells_flush(struct reader *r)
{
	int e = r->n_cells ? rollup_cells(r->st, r->cells, r->n_cells, r->err) : 0;
	r->n_cells = 0;
	return e;
}

static int cell_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct cell c;
	memset(&c, 0, sizeof c);
	io_cell(&io, &c);
	int e = line_check(r);
	if (e == 0 && r->item.choice != C_NONE)
		e = wrong(r, "a sum out of place");
	if (e == 0)
		e = sums_decide(r);
	if (e < 0 || r->refused || r->sums == C_SKIP)
		return e;
	r->all_sightings += c.sightings;
	if (r->all_sightings > SIGHTINGS_MAX)
		return wrong(r, "more sightings than can be");
	e = tx_begin(r->st, r->err);
	if (e == 0)
		e = sensor_of(r, c.sensor, &c.sensor);
	int32_t day = day_of_hour(c.hour);
	if (e == 0 && r->day.sightings && r->day.day != day)
		e = day_end(r);
	if (e < 0)
		return e;
	if (!r->day.sightings)
		r->day = (struct pruned){ .day = day };
	r->day.sightings += c.sightings;
	r->day.packets += c.packets;
	r->day.bytes += c.bytes;
	r->cells[r->n_cells++] = c;
	r->part.cells++;
	return r->n_cells == ROLL_ROWS ? cells_flush(r) : 0;
}

static int sums_end(struct reader *r)
{
	int e = sums_decide(r);
	if (e < 0 || r->refused || r->sums != C_TAKE)
		return e;
	e = tx_begin(r->st, r->err);
	if (e == 0)
		e = cells_flush(r);
	if (e == 0)
		e = day_end(r);
	for (size_t i = 0; e == 0 && i < r->gone.n; i++)
		e = ranges_add(r->st, L_LOST, r->gone.list[i].store, r->gone.list[i].first, r->gone.list[i].last, r->err);
	r->ranges_ready = false;
	return e;
}

/* ---- origins of the day ---- */

/* Days that have a pin here keep it. */
static int pin_take(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct archived_pin p = { 0 };
	io_pin(&io, &p);
	int e = line_check(r);
	struct gs_pin pin = { .has_network = p.network, .has_place = p.place, .asn = (uint32_t)p.asn, .as_name = p.as_name, .region = p.region, .city = p.city,
		              .edition = p.edition };
	if (e == 0 && *p.country)
		memcpy(pin.country, p.country, 2);
	for (int64_t day = p.first_day; e == 0 && day <= p.last_day;) {
		struct gs_pin_span span;
		e = gs_store_pinned(r->st, &p.src, day, &span, r->err);
		if (e < 0)
			break;
		int64_t last = span.last_day < p.last_day ? span.last_day : p.last_day;
		if (!span.place) {
			e = gs_store_pin(r->st, &p.src, day, last, &pin, r->err);
			r->part.pins++;
		}
		day = last + 1;
	}
	return e == GS_ERR_USAGE ? wrong(r, "a pin that cannot be") : e;
}

/* ---- parts ---- */

static void part_begin(struct reader *r, const char *what)
{
	snprintf(r->what, sizeof r->what, "%s", what);
	XXH3_64bits_reset(&r->sum);
	r->lines = 0;
	r->began = r->in.number;
	r->refused = false;
	r->sums = strcmp(what, "pruned") == 0 ? C_OPEN : C_NONE;
	r->gone.n = r->n_cells = r->n_rows = 0;
	r->day.sightings = 0;
	r->all_sightings = 0;
	r->rows_left = 0;
	r->stretch.store = 0;
	r->part = (struct gs_archive_result){ 0 };
}

/* Nothing of the part stays. */
static void part_drop(struct reader *r)
{
	tx_abort(r->st);
	r->ranges_ready = false;
	r->unnamed_ready = false;
	item_done(&r->item);
}

/*
 * The input before is over. Where it is more of one that is here, all rows that are here must have come along: others were read here, after the two parted, and
 * stand in the archive under other numbers. Pruned rows do not come along, so that an archive with pruned ones does not tell.
 */
static int item_end(struct reader *r)
{
	int e = r->refused ? 0 : batch_end(r);
	if (e == 0 && !r->refused)
		e = item_decide(r, false);
	if (e == 0 && !r->refused && !r->manifest.pruned && r->item.known < r->item.ours) {
		r->refused = true;
		unclear(r, "it has more of %s, which both it and the store have read on since: the rows cannot be told apart and were left out; ingest the capture",
		        r->item.rec.path);
	}
	item_done(&r->item);
	return e;
}

static int part_line(struct reader *r)
{
	const char *kind = r->l.n ? r->l.m[0].name : "";
	bool rows = strcmp(r->what, "rows") == 0, pruned = strcmp(r->what, "pruned") == 0;
	int e = 0;

	if (strcmp(r->what, "sensors") == 0 && strcmp(kind, "sensor") == 0)
		return sensor_take(r);
	if (strcmp(r->what, "pins") == 0 && strcmp(kind, "pin") == 0)
		return pin_take(r);
	if (!rows && !pruned)
		return wrong(r, "does not belong where it stands");
	if (strcmp(kind, "seq") == 0)
		return row_take(r);
	if (pruned && strcmp(kind, "range") == 0)
		return range_take(r);
	if (strcmp(kind, "batch") == 0) {
		e = r->refused ? 0 : batch_end(r);
		return e < 0 ? e : batch_take(r);
	}
	if (strcmp(kind, "input") == 0) {
		e = sums_decide(r);
		if (e == 0)
			e = item_end(r);
		return e < 0 ? e : input_take(r);
	}
	if (strcmp(kind, "ladder") == 0)
		return ladder_take(r);
	if (strcmp(kind, "bot") == 0 && r->manifest.version >= ARCHIVE_BOTS)
		return bot_take(r);
	if (pruned && strcmp(kind, "hour_first") == 0)
		return cell_take(r);
	return wrong(r, "does not belong where it stands");
}

static int part_end(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct seal_line e = { .what = "" };
	uint64_t sum = XXH3_64bits_digest(&r->sum);
	io_part_end(&io, &e);
	int x = line_check(r);
	if (x == 0 && (strcmp(e.what, r->what) != 0 || e.lines != r->lines || e.sum != sum))
		x = lines_damaged(&r->in, r->err, "the part that begins in line %" PRIu64 " does not match its checksum", r->began);
	if (x == 0)
		x = item_end(r);
	if (x == 0 && !r->refused && r->sums != C_NONE)
		x = sums_end(r);
	if (x == 0 && !r->refused)
		x = stretch_end(r);
	if (x == 0 && strcmp(r->what, "sensors") == 0)
		x = sensors_map(r);
	if (x == 0 && r->refused)
		part_drop(r);
	else if (x == 0)
		x = gs_store_commit(r->st, r->err);
	if (x == 0 && !r->refused) {
		r->done.sightings += r->part.sightings;
		r->done.known += r->part.known;
		r->done.cells += r->part.cells;
		r->done.inputs += r->part.inputs;
		r->done.pins += r->part.pins;
		r->done.bots += r->part.bots;
		r->done.rollups_known |= r->part.rollups_known;
	}
	r->parts += x == 0;
	return x;
}

static int part_read(struct reader *r)
{
	struct io io = { .in = &r->l };
	const char *what = "";
	io_part(&io, &what);
	int e = line_check(r);
	if (e < 0)
		return e;
	if (strcmp(what, "sensors") == 0 ? r->n_sensors != 0 : strcmp(what, "rows") != 0 && strcmp(what, "pruned") != 0 && strcmp(what, "pins") != 0)
		return wrong(r, "a part that is not known");
	part_begin(r, what);
	for (;;) {
		e = lines_next(&r->in, r->err);
		if (e == 0)
			e = lines_damaged(&r->in, r->err, "the archive is cut off behind it");
		if (e < 0)
			break;
		bool end = strncmp(r->in.line, "{\"end\":", 7) == 0;
		if (!end) {
			XXH3_64bits_update(&r->sum, r->in.line, r->in.len + 1);
			r->lines++;
		}
		e = line_parse(r->in.line, r->in.len, &r->l) ? end ? part_end(r) : part_line(r) : wrong(r, r->l.wrong);
		if (e < 0 || end)
			break;
		if (r->refused && r->st->in_tx) /* whatever else the part brings: nothing of it stays */
			tx_abort(r->st);
	}
	if (e < 0)
		part_drop(r);
	return e;
}

/* ---- all of it ---- */

static int manifest_read(struct reader *r)
{
	struct io io = { .in = &r->l };
	int e = lines_next(&r->in, r->err);
	if (e == 0)
		return gs_fail(r->err, GS_ERR_FORMAT, "%s is empty, no archive of grescope", r->in.name);
	if (e < 0)
		return e;
	r->manifest.made_by = "";
	if (line_parse(r->in.line, r->in.len, &r->l))
		io_manifest(&io, &r->manifest);
	if (!r->l.wrong[0] && r->manifest.version > ARCHIVE_VERSION)
		return gs_fail(r->err, GS_ERR_FORMAT, "%s was written by a newer grescope (format %" PRIu64 ", this one reads %d); use that one", r->in.name,
		               r->manifest.version, ARCHIVE_VERSION);
	if (!line_done(&r->l))
		return gs_fail(r->err, GS_ERR_FORMAT, "%s is no archive of grescope (line 1: %s)", r->in.name, r->l.wrong);
	return 0;
}

static int close_read(struct reader *r)
{
	struct io io = { .in = &r->l };
	struct seal_line e = { .what = "" };
	uint64_t sum = r->in.all_before, lines = r->in.number - 1;
	io_close(&io, &e);
	int x = line_check(r);
	if (x == 0 && (strcmp(e.what, ARCHIVE_NAME) != 0 || e.parts != r->parts || e.lines != lines || e.sum != sum))
		x = wrong(r, "the archive does not match its checksum");
	if (x == 0)
		x = lines_next(&r->in, r->err);
	return x > 0 ? wrong(r, "the archive goes on behind its end") : x;
}

static int archive_read(struct reader *r)
{
	int e = manifest_read(r);
	while (e == 0) {
		e = lines_next(&r->in, r->err);
		if (e == 0)
			return lines_damaged(&r->in, r->err, "the archive is cut off behind it");
		if (e < 0)
			break;
		if (!line_parse(r->in.line, r->in.len, &r->l))
			return wrong(r, r->l.wrong);
		if (r->l.n && strcmp(r->l.m[0].name, "close") == 0)
			return close_read(r);
		e = part_read(r);
	}
	return e;
}

int gs_archive_read(struct gs_store *st, int fd, const char *name, const char *unnamed_as, struct gs_archive_result *ret, struct gs_error *err)
{
	struct gs_error own = { 0 };
	struct reader r = { .st = st, .err = err ? err : &own, .unnamed_as = unnamed_as };
	int64_t window_s = st->window_s;

	if (ret)
		*ret = r.done;
	if (!st->writer)
		return gs_fail(err, GS_ERR_ACCESS, "store %s is open for reading only", st->path);
	if (st->busy)
		return gs_fail(err, GS_ERR_USAGE, "store %s takes one input at a time", st->path);
	int e = gs_store_commit(st, r.err);
	if (e < 0)
		return e;
	r.own_next = st->meta.next_seq;
	r.names = malloc((GS_SENSORS_MAX + 1) * sizeof *r.names);
	r.sensor_of = calloc(GS_SENSORS_MAX + 1, sizeof *r.sensor_of);
	r.rows = malloc(ROWS_AT_ONCE * sizeof *r.rows);
	r.cells = malloc(ROLL_ROWS * sizeof *r.cells);
	e = lines_open(&r.in, fd, name, r.err);
	if (e == 0 && (!r.names || !r.sensor_of || !r.rows || !r.cells))
		e = gs_fail(r.err, GS_ERR_NOMEM, "out of memory");
	if (e == 0)
		e = archive_read(&r);
	if (e == 0 && r.unclear.code) {
		e = r.unclear.code;
		*r.err = r.unclear;
	}
	gs_store_set_window(st, window_s);
	r.done.lines = r.in.number;
	if (ret)
		*ret = r.done;
	lines_close(&r.in);
	item_done(&r.item);
	free(r.names);
	free(r.sensor_of);
	free(r.rows);
	free(r.cells);
	free(r.gone.list);
	free(r.imported.list);
	free(r.lost.list);
	return e;
}
