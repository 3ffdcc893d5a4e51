/*
 * scan_rows.c - single sightings, batch by batch
 *
 * Each batch is read in a moment's view of its own: an export that waits for a slow reader pins no journal. Batches whose times, or by the rollups
 * whose hours, hold nothing wanted are left out.
 */
#include "store/scan.h"

#include <inttypes.h>
#include <stdlib.h>

struct hours {
	int32_t day;
	uint32_t mask;
};

static int by_time(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;
	if (x->min_ns != y->min_ns)
		return x->min_ns < y->min_ns ? -1 : 1;
	return (x->first_seq > y->first_seq) - (x->first_seq < y->first_seq);
}

/* In which hours the rollups have anything wanted. */
static int hours_wanted(struct scan *s, struct hours **ret, size_t *ret_n)
{
	const struct gs_store *st = s->st;
	struct hours *list = malloc((st->n_blocks + 1) * sizeof *list);
	size_t n = 0;
	int r = list ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	s->dst_on = malloc(BLOCK_CELLS * sizeof *s->dst_on);
	if (!s->dst_on)
		r = gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = blocks_from(st, PART_ALL + 1); r == 0 && i < st->n_blocks; i++) {
		struct block b = { 0 };
		int32_t day = st->blocks[i].part;
		if ((s->f->since.ns != INT64_MIN && day < day_of_hour(hour_of(s->f->since.ns))) ||
		    (s->f->until.ns != INT64_MAX && day > day_of_hour(hour_of(s->f->until.ns))))
			continue;
		r = block_read(s->st, &st->blocks[i], BLOCK_WHO, &b, s->err);
		if (r == 0 && s->f->n_dst)
			r = block_read(s->st, &st->blocks[i], BLOCK_WHOM, &b, s->err);
		for (uint32_t k = 0; r == 0 && s->f->n_dst && k < b.n_dst; k++)
			s->dst_on[k] = prefix_on(s->f->dst, s->f->n_dst, &b.dsts[k]);
		if (r == 0 && (n == 0 || list[n - 1].day != b.part))
			list[n++] = (struct hours){ .day = b.part };
		for (uint32_t k = 0, at = 0; r == 0 && k < block_sources(&b); k++) {
			struct gs_addr a = block_source(&b, k);
			uint32_t end = at + b.cells_of[k];
			bool on = prefix_on(s->f->src, s->f->n_src, &a);
			for (; at < end; at++)
				if (on && cell_on(s, &(struct view){ &b, 0, 24 }, at))
					list[n - 1].mask |= 1u << b.hour[at];
		}
		block_done(&b);
		if (r == 0)
			r = scan_progress(s, 0);
	}
	*ret = list;
	*ret_n = n;
	return r;
}

static bool batch_has(const struct batch *b, const struct hours *list, size_t n)
{
	int32_t from = hour_of(b->min_ns), to = hour_of(b->max_ns);
	for (size_t i = 0; i < n; i++) {
		int64_t base = (int64_t)list[i].day * 24;
		int low = hour_in(from, list[i].day), high = to < base ? 0 : hour_in((int64_t)to + 1, list[i].day);
		for (int h = low; h < high; h++)
			if (list[i].mask >> h & 1)
				return true;
	}
	return false;
}

/* The batches to read, in order of time. */
static int batches_choose(struct scan *s, struct batch **ret, size_t *ret_n)
{
	const struct gs_filter *f = s->f;
	struct gs_store *st = s->st;
	struct hours *hours = NULL;
	size_t n = 0, n_hours = 0;
	bool picky = !s->o->raw_only && (f->n_src || f->n_dst || f->classes || f->n_sensors);
	struct batch *list = malloc((st->n_batches + 1) * sizeof *list);
	int r = list ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	if (r == 0 && picky)
		r = hours_wanted(s, &hours, &n_hours);
	for (size_t i = 0; r == 0 && i < st->n_batches; i++) {
		const struct batch *b = &st->batches[i];
		if (batch_touches(b, f) && (!picky || b->last_seq > st->meta.rolled_seq || batch_has(b, hours, n_hours)))
			list[n++] = *b;
	}
	free(hours);
	if (r < 0) {
		free(list);
		return r;
	}
	qsort(list, n, sizeof *list, by_time);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* The batch as it is now: it may have grown since it was chosen, or been pruned. */
static int batch_now(struct scan *s, struct batch *b)
{
	int64_t first = b->first_seq;
	size_t lo = 0, hi;
	int r = directories_load(s->st, s->err);
	if (r < 0)
		return r;
	for (hi = s->st->n_batches; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->st->batches[mid].first_seq < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->st->n_batches || s->st->batches[lo].first_seq != first)
		return gs_fail(s->err, GS_ERR_STORE, "store %s was pruned while its rows were read; ask again", s->st->path);
	*b = s->st->batches[lo];
	return 0;
}

static int row_give(struct scan *s, const struct gs_sighting *g)
{
	uint32_t id = srcset_get(&s->src, &g->src);
	if (!gs_filter_match(s->f, g) || !source_on(s, &g->src, id))
		return 0;
	total_add(s, &(struct sum){ 1, g->packets, g->bytes, 0, g->first.ns, g->last.ns }, g->has & GS_HAS_IP_LEN || g->bytes ? 0 : CELL_NO_LENGTH);
	if (g->flags & FOLDED) {
		s->folded_sources += g->sources;
		s->res->sources_estimated = true;
	} else {
		int r = total_count(s, &g->src, id);
		if (r < 0)
			return r;
	}
	s->out[s->n_out] = *g;
	return out_done(s);
}

static void note_pruned(struct scan *s)
{
	uint64_t gone = s->st->meta.next_seq - 1;
	for (size_t i = 0; i < s->st->n_batches; i++)
		gone -= (uint64_t)(s->st->batches[i].last_seq - s->st->batches[i].first_seq + 1);
	if (gone)
		scan_note(s, "%" PRIu64 " older sightings were pruned and are no longer there one by one; reports still count them (by bot they do not)", gone);
}

int scan_rows(struct scan *s)
{
	struct gs_sighting *rows = malloc(BATCH_ROWS * sizeof *rows);
	struct batch *list = NULL;
	size_t n = 0;
	int r = rows ? srcset_init(&s->src, s->memory, (uint64_t)s->st->meta.store) : GS_ERR_NOMEM;

	if (r < 0)
		gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < s->f->n_sensors; i++)
		if (s->f->sensors[i] <= GS_SENSORS_MAX)
			s->sensor_on[s->f->sensors[i]] = true;
	if (r == 0)
		r = batches_choose(s, &list, &n);
	if (r == 0)
		note_pruned(s);
	for (size_t i = 0; i < n; i++)
		s->work += (uint64_t)(list[i].last_seq - list[i].first_seq + 1);
	for (size_t i = 0; r == 0 && i < n; i++) {
		int64_t last = list[i].last_seq;
		size_t k = 0;
		read_end(s->st); /* each batch in a view of its own: a slow taker holds nothing up */
		r = read_begin(s->st, s->err);
		if (r == 0)
			r = batch_now(s, &list[i]);
		if (r == 0)
			r = batch_read(s->st, &list[i], rows, &k, s->err);
		read_end(s->st);
		s->res->raw_rows += k;
		if (r == 0)
			r = scan_progress(s, k);
		for (size_t j = 0; r == 0 && j < k && list[i].first_seq + (int64_t)j <= last; j++)
			r = row_give(s, &rows[j]);
		if (r == 0)
			r = out_flush(s);
	}
	total_end(s);
	free(list);
	free(rows);
	return r;
}
