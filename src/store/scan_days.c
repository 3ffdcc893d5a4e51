/*
 * scan_days.c - which blocks and rows a question goes through, one day after the other
 *
 * Rows become cells and cells blocks (in memory), so that there is one way of adding up, and it is the same for both.
 */
#include "store/scan.h"

#include <stdlib.h>

/* ---- rows that are not in the rollups ---- */

/* Rows as cells, those that the filter lets through. */
static int rows_to_cells(struct scan *s, const struct gs_sighting *rows, size_t n, struct cell *out, size_t *n_out, int64_t hour)
{
	s->res->raw_rows += n;
	for (size_t i = 0; i < n; i++)
		if ((hour == INT64_MIN || hour_of(rows[i].first.ns) == hour) && gs_filter_match(s->f, &rows[i]))
			cell_of(&rows[i], &out[(*n_out)++]);
	return 0;
}

/* Rows after the watermark. */
static int extra_load(struct scan *s, struct gs_sighting *rows)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->st->n_batches; i++) {
		const struct batch *b = &s->st->batches[i];
		size_t n;
		if (b->first_seq <= s->upto || !batch_touches(b, s->f))
			continue;
		r = batch_read(s->st, b, rows, &n, s->err);
		if (r == 0)
			r = scan_progress(s, 0);
		if (r == 0 && s->n_extra + n > s->cap_extra) {
			size_t cap = (s->n_extra + n) * 2;
			struct cell *list = realloc(s->extra, cap * sizeof *list);
			if (!list)
				return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
			s->extra = list;
			s->cap_extra = cap;
		}
		if (r == 0)
			r = rows_to_cells(s, rows, n, s->extra, &s->n_extra, INT64_MIN);
	}
	return r;
}

static unsigned runs_in(const struct gs_store *st, int32_t part)
{
	unsigned n = 0;
	size_t first = blocks_from(st, part);
	for (size_t i = first; i < st->n_blocks && st->blocks[i].part == part; i++)
		n += i == first || st->blocks[i].run != st->blocks[i - 1].run;
	return n;
}

/* ---- going through ---- */

typedef int (*take_fn)(struct scan *s, const struct view *v);
static int entries_take(struct scan *s, size_t from, size_t to, uint8_t hour_from, uint8_t hour_to, unsigned groups, take_fn take)
{
	int r = 0;
	for (size_t i = from; r == 0 && i < to; i++) {
		struct block b = { 0 };
		for (int g = 0; r == 0 && g < BLOCK_GROUPS; g++)
			if (groups >> g & 1)
				r = block_read(s->st, &s->st->blocks[i], (enum block_group)g, &b, s->err);
		if (r == 0)
			r = take(s, &(struct view){ &b, hour_from, hour_to });
		block_done(&b);
		if (r == 0)
			r = scan_progress(s, s->st->blocks[i].cells);
	}
	return r;
}

/* Cells in memory, of one part and sorted, in blocks. */
static int cells_take(struct scan *s, const struct cell *cells, size_t n, int32_t part, take_fn take)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i += BLOCK_CELLS) {
		struct block b;
		if (block_from_cells(cells + i, n - i < BLOCK_CELLS ? n - i : BLOCK_CELLS, part, &b) < 0)
			return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		r = take(s, &(struct view){ &b, 0, 24 });
		block_done(&b);
	}
	return r;
}

/* The rows of an hour that is cut. */
static int edge_take(struct scan *s, int64_t hour, struct gs_sighting *rows)
{
	struct cell *cells = malloc((BLOCK_CELLS + BATCH_ROWS) * sizeof *cells);
	size_t n = 0;
	int r = cells ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i <= s->st->n_batches; i++) {
		if (i < s->st->n_batches) {
			const struct batch *b = &s->st->batches[i];
			size_t k;
			if (b->last_seq > s->upto || hour_of(b->max_ns) < hour || hour_of(b->min_ns) > hour)
				continue;
			r = batch_read(s->st, b, rows, &k, s->err);
			if (r == 0)
				r = rows_to_cells(s, rows, k, cells, &n, hour);
			if (r == 0)
				r = scan_progress(s, 0);
		}
		if (r < 0 || n == 0 || (n < BLOCK_CELLS && i < s->st->n_batches))
			continue;
		n = cells_settle(cells, n, false);
		r = n == SIZE_MAX ? gs_fail(s->err, GS_ERR_NOMEM, "out of memory") : cells_take(s, cells, n, day_of_hour((int32_t)hour), block_take);
		n = 0;
	}
	free(cells);
	return r;
}

static bool edge_in(const struct scan *s, int32_t day)
{
	for (unsigned i = 0; i < s->n_edges; i++)
		if (day_of_hour((int32_t)s->edge[i]) == day)
			return true;
	return false;
}

static int day_end(struct scan *s, bool last)
{
	if (s->counting && !(s->needs & (GS_NEED_WEEK | GS_NEED_DST)))
		return buckets_flush(s);
	if (!s->counting && s->needs & (GS_NEED_DAY | GS_NEED_HOUR))
		return sums_flush(s);
	if (!last)
		return 0;
	int r = s->counting && s->needs & GS_NEED_DST ? dst_flush(s) : 0;
	if (r == 0)
		r = buckets_flush(s);
	return r < 0 ? r : sums_flush(s);
}

static int day_begin(struct scan *s, int32_t day, bool single)
{
	int r = 0;
	if (s->needs & GS_NEED_WEEK && week_of_day(day) != s->week)
		r = s->counting ? buckets_flush(s) : sums_flush(s);
	s->week = week_of_day(day);
	s->day = day;
	s->day_single = single;
	s->have_last = false;
	return r;
}

static int days_take(struct scan *s, struct gs_sighting *rows)
{
	const struct gs_store *st = s->st;
	int64_t low = s->n_edges && s->edge[0] < s->hour_from ? s->edge[0] : s->hour_from;
	int64_t high = s->hour_to == INT64_MAX ? INT64_MAX : s->hour_to + s->n_edges;
	size_t i = s->o->raw_only ? st->n_blocks : blocks_from(st, low < (int64_t)INT32_MIN + 24 ? PART_ALL + 1 : day_of_hour((int32_t)low)), k = 0;
	int r = 0;

	s->week = INT32_MIN;
	while (r == 0) {
		int32_t day = INT32_MAX;
		if (i < st->n_blocks && (int64_t)st->blocks[i].part * 24 < high)
			day = st->blocks[i].part;
		if (k < s->n_extra && day_of_hour(s->extra[k].hour) < day)
			day = day_of_hour(s->extra[k].hour);
		if (day == INT32_MAX)
			break;
		size_t i_end = i, k_end = k;
		while (i_end < st->n_blocks && st->blocks[i_end].part == day)
			i_end++;
		while (k_end < s->n_extra && day_of_hour(s->extra[k_end].hour) == day)
			k_end++;
		bool edge = edge_in(s, day);
		r = day_begin(s, day, k == k_end && !edge && (i == i_end || st->blocks[i].run == st->blocks[i_end - 1].run));
		if (r == 0 && hour_in(s->hour_from, day) < hour_in(s->hour_to, day))
			r = entries_take(s, i, i_end, hour_in(s->hour_from, day), hour_in(s->hour_to, day), s->groups, block_take);
		for (unsigned e = 0; r == 0 && edge && e < s->n_edges; e++)
			if (day_of_hour((int32_t)s->edge[e]) == day)
				r = edge_take(s, s->edge[e], rows);
		if (r == 0)
			r = cells_take(s, s->extra + k, k_end - k, day, block_take);
		if (r == 0)
			r = day_end(s, false);
		i = i_end;
		k = k_end;
	}
	return r < 0 ? r : day_end(s, true);
}

static int all_take(struct scan *s)
{
	size_t end = s->o->raw_only ? 0 : blocks_from(s->st, PART_ALL + 1);
	s->total = s->n_extra == 0 && runs_in(s->st, PART_ALL) <= 1 ? TOTAL_AS_THEY_COME : TOTAL_NUMBERS;
	int r = entries_take(s, 0, end, 0, 24, s->groups, block_take);
	s->have_last = false;
	if (r == 0)
		r = cells_take(s, s->extra, s->n_extra, PART_ALL, block_take);
	return r < 0 ? r : sums_flush(s);
}

/* How many sources there are, from PART_ALL: a fraction of what the days hold. */
static int total_take(struct scan *s)
{
	size_t end = blocks_from(s->st, PART_ALL + 1);
	s->total = s->n_extra == 0 && runs_in(s->st, PART_ALL) <= 1 ? TOTAL_AS_THEY_COME : TOTAL_NUMBERS;
	int r = entries_take(s, 0, end, 0, 24, 1u << BLOCK_WHO, block_total);
	for (size_t i = 0, k; r == 0 && i < s->n_extra; i = k) {
		int32_t day = day_of_hour(s->extra[i].hour);
		for (k = i + 1; k < s->n_extra && day_of_hour(s->extra[k].hour) == day; k++)
			;
		r = cells_take(s, s->extra + i, k - i, day, block_total);
	}
	if (s->all_hll) {
		s->res->sources += gs_hll_count(s->all_hll);
		s->res->sources_estimated = s->res->memory_short = true;
		free(s->all_hll);
		s->all_hll = NULL;
	}
	for (uint32_t i = 0; i < s->src.n; i++)
		s->src.marks[i].seen = 0;
	s->total = TOTAL_DONE;
	return r;
}

static int go_through(struct scan *s, struct gs_sighting *rows)
{
	const struct gs_store *st = s->st;
	const bool total = !s->from_all && !s->bounded && !s->f->n_dst && !s->o->raw_only;
	for (size_t i = 0; i < st->n_blocks && !s->o->raw_only; i++) {
		const int64_t hour = (int64_t)st->blocks[i].part * 24;
		if (st->blocks[i].part == PART_ALL ? s->from_all || total : !s->from_all && hour + 24 > s->hour_from && hour < s->hour_to)
			s->work += st->blocks[i].cells;
	}
	int r = total ? total_take(s) : 0;
	if (r < 0)
		return r;
	return s->from_all ? all_take(s) : days_take(s, rows);
}

/* Counting by destination did not fit: the sums are given source by source, and counting is left to the question. */
static int begin_again(struct scan *s)
{
	struct cell *extra = s->extra;
	s->extra = NULL;
	state_done(s);
	s->extra = extra;
	s->counting = s->src_lost = s->have_last = false;
	s->needs |= GS_NEED_SRC;
	s->total = TOTAL_NUMBERS;
	s->folded_sources = s->done = s->work = 0;
	struct gs_scan_result *res = s->res;
	res->sightings = res->packets = res->bytes = res->sources = res->no_length_packets = res->cells = 0;
	res->sources_estimated = res->memory_short = false;
	return state_make(s);
}

int scan_sums(struct scan *s)
{
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	int r = rows ? state_make(s) : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	s->upto = s->o->raw_only ? 0 : s->st->meta.rolled_seq;
	if (r == 0 && s->o->raw_only) {
		s->hour_from = INT64_MAX; /* nothing comes from rollups, and rows are held against the filter themselves */
		s->hour_to = INT64_MAX;
	} else if (r == 0) {
		r = plan_hours(s, rows);
	}
	if (r == 0) {
		plan(s);
		r = extra_load(s, rows);
	}
	if (r == 0 && s->n_extra) {
		s->n_extra = cells_settle(s->extra, s->n_extra, s->from_all);
		if (s->n_extra == SIZE_MAX)
			r = gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	}
	if (r == 0)
		r = go_through(s, rows);
	if (r == GS_ERR_LIMIT && s->dst_lost) {
		r = begin_again(s);
		if (r == 0)
			r = go_through(s, rows);
	}
	if (r == 0)
		r = out_flush(s);
	if (r == 0 && s->src_lost && s->total == TOTAL_NUMBERS) /* what has a number now was perhaps seen before */
		r = numbers_give_up(s);
	total_end(s);
	free(rows);
	return r;
}
