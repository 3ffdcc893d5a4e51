/*
 * scan_all.c - the part that knows no hours, source by source
 *
 * Every run of PART_ALL is in order of its sources, and so are the rows that are not rolled yet, as cells: merged, all sums of one source come one after
 * the other, sources are counted as they come, and whoever adds them up need not remember them. One block of each run is in memory.
 */
#include "store/scan.h"

#include <stdlib.h>

struct run {
	size_t at, end;            /* entries to come */
	const struct cell *cells;  /* instead: cells to come */
	size_t n_cells;
	struct block b;
	uint32_t source, begin;    /* in the block */
	struct gs_addr src;
	bool done;
};

/* Of one source in one run. */
typedef int (*source_fn)(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t begin, uint32_t end);

static int run_load(struct scan *s, struct run *run, unsigned groups)
{
	int r = 0;
	block_done(&run->b);
	run->source = run->begin = 0;
	run->done = run->at == run->end && run->n_cells == 0;
	if (run->done)
		return 0;
	if (run->cells) {
		const size_t n = run->n_cells < BLOCK_CELLS ? run->n_cells : BLOCK_CELLS;
		if (block_from_cells(run->cells, n, PART_ALL, &run->b) < 0)
			return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		run->cells += n;
		run->n_cells -= n;
	} else {
		const struct block_entry *e = &s->st->blocks[run->at++];
		for (int g = 0; r == 0 && g < BLOCK_GROUPS; g++)
			if (groups >> g & 1)
				r = block_read(s->st, e, (enum block_group)g, &run->b, s->err);
		if (r == 0)
			r = scan_progress(s, e->cells);
	}
	s->res->cells += run->b.n;
	if (r == 0)
		run->src = block_source(&run->b, 0);
	return r;
}

static int run_step(struct scan *s, struct run *run, unsigned groups)
{
	run->begin += run->b.cells_of[run->source];
	if (++run->source == block_sources(&run->b))
		return run_load(s, run, groups);
	run->src = block_source(&run->b, run->source);
	return 0;
}

static struct run *run_least(struct run *runs, size_t n)
{
	struct run *least = NULL;
	for (size_t i = 0; i < n; i++)
		if (!runs[i].done && (!least || gs_addr_compare(&runs[i].src, &least->src) < 0))
			least = &runs[i];
	return least;
}

/* cells: sorted as those of PART_ALL are. */
static int merge(struct scan *s, const struct cell *cells, size_t n_cells, unsigned groups, source_fn take)
{
	const struct gs_store *st = s->st;
	const size_t end = s->o->raw_only ? 0 : blocks_from(st, PART_ALL + 1);
	struct run *runs = calloc(end + 1, sizeof *runs), *run;
	size_t n = 0;
	int r = runs ? 0 : gs_fail(s->err, GS_ERR_NOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i < end; i++) {
		if (i == 0 || st->blocks[i].run != st->blocks[i - 1].run)
			runs[n++].at = i;
		runs[n - 1].end = i + 1;
	}
	if (r == 0 && n_cells)
		runs[n++] = (struct run){ .cells = cells, .n_cells = n_cells };
	for (size_t i = 0; r == 0 && i < n; i++)
		r = run_load(s, &runs[i], groups);
	s->have_last = false;
	while (r == 0 && (run = run_least(runs, n))) {
		if (source_on(s, &run->src, ID_NONE))
			r = take(s, &(struct view){ &run->b, 0, 24 }, &run->src, run->begin, run->begin + run->b.cells_of[run->source]);
		if (r == 0)
			r = run_step(s, run, groups);
	}
	for (size_t i = 0; runs && i < n; i++)
		block_done(&runs[i].b);
	free(runs);
	return r;
}

static void count_as_it_comes(struct scan *s, const struct gs_addr *src)
{
	s->res->sources += !goes_on(s, src);
	s->day_last = *src;
	s->have_last = true;
}

static int take_sums(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t begin, uint32_t end)
{
	struct seen seen = { 0 };
	int r = s->give ? source_give(s, v, src, begin, end, &seen) : source_sum(s, v, ID_NONE, begin, end, &seen);
	if (seen.plain)
		count_as_it_comes(s, src);
	return r;
}

static int take_source(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t begin, uint32_t end)
{
	while (begin < end && (!cell_on(s, v, begin) || v->b->flags[begin] & FOLDED))
		begin++;
	if (begin < end)
		count_as_it_comes(s, src);
	return 0;
}

int all_take(struct scan *s)
{
	s->total = TOTAL_DONE;
	int r = merge(s, s->extra, s->n_extra, s->groups, take_sums);
	return r < 0 ? r : sums_flush(s);
}

int total_take(struct scan *s)
{
	struct cell *cells = NULL;
	size_t n = s->n_extra;

	if (n) {
		cells = malloc(n * sizeof *cells);
		if (!cells)
			return gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		memcpy(cells, s->extra, n * sizeof *cells);
		n = cells_settle(cells, n, true);
	}
	s->total = TOTAL_DONE;
	int r = n == SIZE_MAX ? gs_fail(s->err, GS_ERR_NOMEM, "out of memory") : merge(s, cells, n, 1u << BLOCK_WHO, take_source);
	s->have_last = false;
	free(cells);
	return r;
}
