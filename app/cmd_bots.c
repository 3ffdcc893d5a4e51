/*
 * cmd_bots.c - the verb `bots`: the processes behind the floods, from files or from the store
 *
 * Files go through the corridor with a watch in it; then a thread looks for seeds, as far as --seed-budget goes or until somebody interrupts, and
 * the table is written. Nothing is kept of the sightings.
 */
#include "app.h"
#include "observe/seeds.h"
#include "query/bots.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>

/* What is asked for, and what came of it. */
struct hunt {
	const struct options *o;
	struct reading run;
	struct gs_bot_process *list;
	size_t n;
	struct gs_bots_rest rest;
	struct gs_tally tally;
};

static int count_only(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)arg;
	(void)s;
	(void)n;
	(void)err;
	return 0;
}

static int search_seeds(struct hunt *h, struct gs_error *err)
{
	struct gs_seeds *seeds = NULL;
	struct gs_seeds_result found;
	const uint64_t budget = h->o->seed_budget;

	h->rest.seed_budget = budget;
	if (budget == 0 || gs_tracker_count(gs_watch_tracker(h->run.watch)) == 0)
		return 0;
	int r = gs_seeds_start(h->run.watch, budget, &seeds, err);
	if (r < 0)
		return r;
	struct pollfd over = { .fd = gs_seeds_fd(seeds), .events = POLLIN };
	while (poll(&over, 1, 100) <= 0 && progress_show(&h->run.progress, 1, 1, &h->tally))
		;
	progress_clear(&h->run.progress);
	gs_seeds_end(seeds, &found);
	h->rest.seeds_sought = found.sought;
	h->rest.seeds_found = found.found;
	h->rest.seeds_cut_short = found.cut_short;
	return 0;
}

static int take_processes(struct hunt *h, struct gs_error *err)
{
	struct gs_tracker *t = gs_watch_tracker(h->run.watch);
	const struct gs_tracker_tally y = gs_tracker_tally(t);

	h->n = gs_tracker_count(t);
	h->list = calloc(h->n ? h->n : 1, sizeof *h->list);
	if (!h->list)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < h->n; i++)
		gs_tracker_process(t, (uint32_t)i, &h->list[i]);
	h->rest.pending = y.pending;
	h->rest.unlinked = y.unlinked;
	h->rest.refused = y.refused;
	h->rest.skipped = y.skipped;
	h->rest.filtered = gs_watch_tally(h->run.watch).filtered;
	h->rest.by_address = h->o->filter.n_src || h->o->filter.n_dst;
	h->rest.records = h->tally.records;
	return 0;
}

/* 0, an error, or an exit code that was spoken of already. */
static int read_files(struct hunt *h, uint64_t seed, struct gs_error *err)
{
	const struct gs_sighting_sink sink = { .take = count_only };
	struct gs_inputs *in = NULL;
	int r = gs_inputs_new(h->o->files, h->o->n_files, &in, err);

	if (r < 0)
		return r;
	if (gs_inputs_count(in) == 0) {
		say("%s: no file in it that grescope reads", h->o->files[0]);
		r = EXIT_DAMAGED;
	}
	if (r == 0)
		r = files_watch(h->o, seed, &h->o->filter, true, &h->run.watch, err);
	if (r == 0)
		r = files_feed(h->o, &h->run, in, &sink, seed, &h->tally);
	gs_inputs_free(in);
	return r;
}

static int write_answer(struct hunt *h, uint64_t seed, uint64_t *ret_rows, struct gs_error *err)
{
	const struct options *o = h->o;
	const struct gs_bots_question q = { .sort = o->sort, .limit = o->limit, .redact_dst = o->redact_dst, .hash_seed = seed };
	const struct gs_render_options ro = render_options(o);
	struct gs_meta meta = { .question = "bots", .n_filters = o->n_given, .sensors = &o->sensor, .n_sensors = o->sensor != NULL, .tally = h->tally };
	struct gs_render *render = NULL;

	memcpy(meta.filters, o->given, sizeof meta.filters);
	if (h->run.worst)
		meta.notes[meta.n_notes++] = h->run.worst == GS_ERR_INTERRUPTED ? "interrupted: covers only what was read" :
										 "an input was damaged or missing: covers what could be read";
	int r = gs_render_new(&ro, &render, err);
	if (r == 0) {
		const struct gs_table_writer writer = gs_render_writer(render);
		r = gs_bots_answer(&q, h->list, h->n, &h->rest, &writer, &meta, ret_rows, err);
	}
	gs_render_free(render);
	return r;
}

int cmd_bots(const struct options *o)
{
	struct hunt h = { .o = o };
	struct gs_error err = { 0 };
	uint64_t seed = 0, rows = 0;
	int code = EXIT_DONE, r;

	if (o->format == GS_FORMAT_BADPACKETS) {
		say("--format badpackets is the shape of raw data: it goes with export (grescope export --help)");
		return EXIT_USAGE;
	}
	if (o->n_files && o->store) {
		say("bots answers from files or from the store: give FILE or --store, not both");
		return EXIT_USAGE;
	}
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = 0x47524520676f6573u;
	progress_start(&h.run.progress, o->quiet);
	r = read_files(&h, seed, &err);
	if (r == 0)
		r = search_seeds(&h, &err);
	if (r == 0)
		r = take_processes(&h, &err);
	if (r == 0)
		r = write_answer(&h, seed, &rows, &err);
	if (r < 0)
		say("%s", err.text);
	if (r == 0 && o->verbose)
		balance_print(&h.tally);
	code = r < 0 ? exit_code_of(r) : r > 0 ? r : exit_code_of(h.run.worst);
	if (code == EXIT_DONE && o->fail_empty && rows == 0)
		code = EXIT_EMPTY;
	gs_watch_free(h.run.watch);
	free(h.list);
	return code;
}
