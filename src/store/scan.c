/*
 * scan.c - questions: which rollups and rows hold the answer
 *
 * Single sightings come from the rows (scan_rows.c). Sums come from the rollups, in one moment's view (scan_days.c):
 *   PART_ALL, a few hundred thousand cells, where the question has no times and no destinations;
 *   else the days, one after the other. An hour that `since` or `until` cuts comes from the rows; so do rows that are not rolled yet.
 */
#include "store/scan.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_DEFAULT (256u << 20)

int scan_progress(struct scan *s, uint64_t done)
{
	s->done += done;
	if (!s->o->progress || s->o->progress(s->o->progress_arg, s->done < s->work ? s->done : s->work, s->work))
		return 0;
	return gs_fail(s->err, GS_ERR_INTERRUPTED, "interrupted while reading store %s", s->st->path);
}

void scan_note(struct scan *s, const char *format, ...)
{
	va_list ap;
	if (s->res->n_notes < GS_SCAN_NOTES) {
		va_start(ap, format);
		vsnprintf(s->res->notes[s->res->n_notes++], sizeof s->res->notes[0], format, ap);
		va_end(ap);
	}
}

/* ---- the plan ---- */

/* Whether all rows of an hour that is in the rollups are still there. */
static int hour_whole(struct scan *s, int64_t hour, struct gs_sighting *rows, bool *ret)
{
	struct pruned *pruned = NULL;
	size_t n_pruned = 0;
	uint64_t in_rows = 0, in_cells = 0;
	bool any = false;
	int r = pruned_load(s->st, &pruned, &n_pruned, s->err);

	for (size_t i = 0; r == 0 && i < n_pruned; i++)
		any |= pruned[i].day == day_of_hour((int32_t)hour);
	free(pruned);
	*ret = true;
	if (r < 0 || !any)
		return r;
	for (size_t i = 0; r == 0 && i < s->st->n_batches; i++) {
		const struct batch *b = &s->st->batches[i];
		size_t n = 0;
		if (b->last_seq > s->upto || hour_of(b->max_ns) < hour || hour_of(b->min_ns) > hour)
			continue;
		r = batch_read(s->st, b, rows, &n, s->err);
		for (size_t k = 0; r == 0 && k < n; k++)
			in_rows += hour_of(rows[k].first.ns) == hour;
	}
	int32_t day = day_of_hour((int32_t)hour);
	for (size_t i = blocks_from(s->st, day); r == 0 && i < s->st->n_blocks && s->st->blocks[i].part == day; i++) {
		struct block b = { 0 };
		r = block_read(s->st, &s->st->blocks[i], BLOCK_WHO, &b, s->err);
		if (r == 0)
			r = block_read(s->st, &s->st->blocks[i], BLOCK_MUCH, &b, s->err);
		for (uint32_t k = 0; r == 0 && k < b.n; k++)
			in_cells += b.hour[k] == hour - (int64_t)day * 24 ? b.sightings[k] : 0;
		block_done(&b);
	}
	*ret = in_rows == in_cells;
	return r;
}

static bool aligned(int64_t ns)
{
	return ns % (3600 * GS_NS_PER_S) == 0;
}

int plan_hours(struct scan *s, struct gs_sighting *rows)
{
	const struct gs_filter *f = s->f;
	bool open_low = f->since.ns == INT64_MIN, open_high = f->until.ns == INT64_MAX;
	int r = 0;

	s->hour_from = open_low ? INT64_MIN : hour_of(f->since.ns) + !aligned(f->since.ns);
	s->hour_to = open_high ? INT64_MAX : hour_of(f->until.ns);
	if (!open_low && !aligned(f->since.ns))
		s->edge[s->n_edges++] = hour_of(f->since.ns);
	if (!open_high && !aligned(f->until.ns) && !(s->n_edges && s->edge[0] == s->hour_to))
		s->edge[s->n_edges++] = s->hour_to;
	for (unsigned i = 0; r == 0 && i < s->n_edges; i++) {
		bool whole;
		int64_t hour = s->edge[i];
		r = hour_whole(s, hour, rows, &whole);
		if (r < 0 || whole)
			continue;
		if (s->hour_from > s->hour_to) { /* both ends in this hour */
			s->hour_from = hour;
			s->hour_to = hour + 1;
		} else if (hour == s->hour_to) {
			s->hour_to++;
		} else {
			s->hour_from = hour;
		}
		s->edge[i--] = s->edge[--s->n_edges];
		scan_note(s, "rows at an end of the time asked for were pruned: that hour is counted whole");
	}
	return r;
}

void plan(struct scan *s)
{
	const struct gs_store *st = s->st;
	size_t first = blocks_from(st, PART_ALL + 1);
	const unsigned buckets = GS_NEED_WEEK | GS_NEED_DAY | GS_NEED_HOUR;

	s->bounded = first < st->n_blocks && (s->hour_from > (int64_t)st->blocks[first].part * 24 ||
	                                      s->hour_to < ((int64_t)st->blocks[st->n_blocks - 1].part + 1) * 24);
	if (s->needs & GS_NEED_COUNTS) {
		unsigned by = s->needs & (buckets | GS_NEED_DST);
		s->counting = by && !(s->needs & (GS_NEED_SRC | GS_NEED_SHAPE | GS_NEED_SENSOR)) && (!(by & GS_NEED_DST) || by == GS_NEED_DST) &&
		              (!(by & GS_NEED_WEEK) || by == GS_NEED_WEEK);
		s->needs |= s->counting ? 0 : GS_NEED_SRC; /* counts that cannot be made here are left to the question */
	}
	s->from_all = !s->counting && !s->bounded && !s->f->n_dst && !(s->needs & ~(unsigned)(GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_SENSOR | GS_NEED_COUNTS));
	s->give = s->from_all && s->needs & GS_NEED_SRC;
	s->groups = 1u << BLOCK_WHO | 1u << BLOCK_MUCH;
	if (s->needs & (GS_NEED_DST | GS_NEED_SHAPE) || s->f->n_dst)
		s->groups |= 1u << BLOCK_WHOM;
	for (unsigned i = 0; i < s->f->n_sensors; i++)
		if (s->f->sensors[i] <= GS_SENSORS_MAX)
			s->sensor_on[s->f->sensors[i]] = true;
}

/* ---- the question ---- */

int directories_load(struct gs_store *st, struct gs_error *err)
{
	if (!st->writer && st->dir_change == st->meta.change + 1)
		return 0;
	st->dir_change = 0;
	int r = sensors_load(st, err);
	if (r == 0)
		r = kinds_load(st, err);
	if (r == 0)
		r = batches_load(st, err);
	if (r == 0 && (!st->writer || !st->blocks_ready))
		r = blocks_load(st, err);
	if (r == 0)
		st->dir_change = st->meta.change + 1;
	return r;
}

int gs_store_scan(struct gs_store *st, const struct gs_filter *f, unsigned needs, const struct gs_scan_options *o,
                  const struct gs_sighting_sink *sink, struct gs_scan_result *ret, struct gs_error *err)
{
	static const struct gs_scan_options plain;
	struct gs_scan_result own;
	struct scan *s = calloc(1, sizeof *s);
	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	s->st = st;
	s->f = f;
	s->needs = needs;
	s->o = o ? o : &plain;
	s->sink = sink;
	s->res = ret ? ret : &own;
	s->err = err;
	s->memory = s->o->memory_bytes ? s->o->memory_bytes : MEMORY_DEFAULT;
	*s->res = (struct gs_scan_result){ 0 };
	int r = read_begin(st, err);
	if (r == 0)
		r = directories_load(st, err);
	if (r == 0 && (f->until.ns == INT64_MAX || f->since.ns < f->until.ns))
		r = needs & (GS_NEED_ALL | GS_NEED_BOT) ? scan_rows(s) : scan_sums(s);
	read_end(st);
	if (r == 0)
		r = read_still(st, err);
	state_done(s);
	free(s);
	return r;
}

int gs_store_windows(struct gs_store *st, const struct gs_filter *f, int64_t *ret_min_s, int64_t *ret_max_s, bool *ret_any, struct gs_error *err)
{
	int r = read_begin(st, err);
	if (r == 0)
		r = directories_load(st, err);
	read_end(st);
	if (r < 0)
		return r;
	*ret_any = false;
	for (size_t i = 0; i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		if (!batch_touches(b, f))
			continue;
		*ret_min_s = !*ret_any || b->window_s < *ret_min_s ? b->window_s : *ret_min_s;
		*ret_max_s = !*ret_any || b->window_s > *ret_max_s ? b->window_s : *ret_max_s;
		*ret_any = true;
	}
	return 0;
}
