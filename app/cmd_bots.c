/*
 * cmd_bots.c - the verb `bots`: the processes behind the floods, from files or from the store; and `show bot`: one of them in sentences
 *
 * Files go through the corridor with a watch in it; then a thread looks for seeds, as far as --seed-budget goes or until somebody interrupts, and
 * the table is written. Nothing is kept of the sightings. The store has what each input told of its processes; seeds were searched when it was ingested.
 */
#include "app.h"
#include "observe/seeds.h"
#include "query/bots.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* What is asked for, and what came of it. */
struct hunt {
	const struct options *o;
	const char *const *files;
	size_t n_files;
	struct reading run;
	struct gs_bot_process *list;
	size_t n;
	struct gs_store_bot *stored; /* from the store: what list was made of, in the same order */
	struct gs_meta meta;
	struct gs_store *store;
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
	int r = gs_inputs_new_logs(h->files, h->n_files, &h->o->logs, &in, err);

	if (r < 0)
		return r;
	if (gs_inputs_count(in) == 0) {
		say("%s: no file in it that grescope reads", h->files[0]);
		r = EXIT_DAMAGED;
	}
	if (r == 0)
		r = files_watch(h->o, seed, &h->o->filter, true, &h->run.watch, err);
	if (r == 0)
		r = files_feed(h->o, &h->run, in, &sink, seed, &h->tally);
	gs_inputs_free(in);
	return r;
}

/* From the store; the sentences of *err are the store's where the result is negative. */
static int read_store(struct hunt *h, struct gs_error *err)
{
	struct gs_filter f = h->o->filter;
	struct gs_store_bots_rest rest = { 0 };
	const char *const *names;
	unsigned n_names;
	int r = store_open(h->o, GS_STORE_READ, &h->store, err);

	if (r == 0)
		r = store_sensors(h->store, h->o, &names, &n_names, &f, &h->meta, err);
	if (r == 0)
		r = store_get_bots(h->store, h->o, &f, &h->stored, &h->n, &rest, err);
	if (r == 0)
		r = gs_store_tally(h->store, &f, &h->tally, err);
	if (r == 0 && !(h->list = calloc(h->n ? h->n : 1, sizeof *h->list)))
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < h->n && r == 0; i++)
		h->list[i] = h->stored[i].process;
	h->rest.pending = rest.pending;
	h->rest.unlinked = rest.unlinked;
	h->rest.refused = rest.refused;
	h->rest.skipped = rest.skipped;
	h->rest.records = h->tally.records;
	if (f.since.ns != INT64_MIN || f.until.ns != INT64_MAX || f.n_src || f.n_dst)
		h->meta.notes[h->meta.n_notes++] = "from the store: the filters choose processes, whose numbers are those of all inputs in which the filters hold";
	if (r < 0) {
		say("%s", err->text);
		return store_exit_code(r);
	}
	return 0;
}

static int write_answer(struct hunt *h, uint64_t seed, uint64_t *ret_rows, struct gs_error *err)
{
	const struct options *o = h->o;
	const struct gs_bots_question q = { .sort = o->sort, .limit = o->limit, .redact_dst = o->redact_dst, .hash_seed = seed };
	const struct gs_render_options ro = render_options(o);
	struct gs_meta meta = h->meta;
	struct gs_render *render = NULL;

	meta.question = "bots";
	meta.sensors = &o->sensor;
	meta.n_sensors = o->sensor != NULL;
	meta.tally = h->tally;
	meta.n_filters = o->n_given;
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

/* 0, a negative code with a sentence, or an exit code that was spoken of already. */
static int hunt(struct hunt *h, uint64_t *ret_seed, struct gs_error *err)
{
	if (h->n_files && h->o->store) {
		say("%s answers from files or from the store: give FILE or --store, not both", h->o->verb);
		return EXIT_USAGE;
	}
	if (getrandom(ret_seed, sizeof *ret_seed, 0) != sizeof *ret_seed)
		*ret_seed = 0x47524520676f6573u;
	if (!h->n_files)
		return read_store(h, err);
	progress_start(&h->run.progress, h->o->quiet);
	int r = read_files(h, *ret_seed, err);
	if (r == 0)
		r = search_seeds(h, err);
	return r == 0 ? take_processes(h, err) : r;
}

static int hunt_end(struct hunt *h, int r, uint64_t rows, const struct gs_error *err)
{
	int code = r < 0 ? exit_code_of(r) : r > 0 ? r : exit_code_of(h->run.worst);

	if (r < 0)
		say("%s", err->text);
	else if (r == 0 && h->o->verbose)
		balance_print(&h->tally);
	if (code == EXIT_DONE && h->o->fail_empty && rows == 0)
		code = EXIT_EMPTY;
	gs_watch_free(h->run.watch);
	gs_store_close(h->store);
	free(h->stored);
	free(h->list);
	return code;
}

int cmd_bots(const struct options *o)
{
	struct hunt h = { .o = o, .files = o->files, .n_files = o->n_files };
	struct gs_error err = { 0 };
	uint64_t seed, rows = 0;

	if (o->format == GS_FORMAT_BADPACKETS) {
		say("--format badpackets is the shape of raw data: it goes with export (grescope export --help)");
		return EXIT_USAGE;
	}
	int r = hunt(&h, &seed, &err);
	if (r == 0)
		r = write_answer(&h, seed, &rows, &err);
	return hunt_end(&h, r, rows, &err);
}

/* ---- show bot ---- */

#define SHOWN_ATTACKS 64

/* Keeps of the list what the identifier names: at most one process, for all that differ in their position differ by more than GS_BOT_NEAR. */
static void choose(struct hunt *h, const struct gs_bot_id *id)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n && n == 0; i++)
		if (gs_bot_is(&h->list[i], id)) {
			h->list[n] = h->list[i];
			if (h->stored)
				h->stored[n] = h->stored[i];
			n++;
		}
	h->n = n;
}

static int write_story(struct hunt *h, struct gs_error *err)
{
	struct gs_bot_attack *attacks = calloc(SHOWN_ATTACKS, sizeof *attacks);
	struct gs_buf text = { 0 };
	int r = 0;

	if (attacks && h->stored) {
		gs_bot_story(&h->list[0], h->stored[0].attacks, h->stored[0].n_attacks, h->o->redact_dst, &text);
	} else if (attacks) {
		const unsigned n = gs_tracker_attacks(gs_watch_tracker(h->run.watch), h->list[0].number, attacks, SHOWN_ATTACKS);
		gs_bot_story(&h->list[0], attacks, n < SHOWN_ATTACKS ? n : SHOWN_ATTACKS, h->o->redact_dst, &text);
	}
	if (!attacks || text.failed)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	else
		fwrite(text.data, 1, text.len, stdout);
	gs_buf_done(&text);
	free(attacks);
	return r;
}

int show_bot(const struct options *o)
{
	struct hunt h = { .o = o };
	struct gs_error err = { 0 };
	struct gs_bot_id id;
	uint64_t seed, rows = 0;

	if (o->n_files < 2 || !gs_bot_id_parse(o->files[1], strlen(o->files[1]), &id)) {
		say("show bot wants an identifier as `bots` shows it, seed:HEX or pos:HEX");
		return EXIT_USAGE;
	}
	h.files = o->files + 2;
	h.n_files = o->n_files - 2;
	int r = hunt(&h, &seed, &err);
	if (r == 0) {
		choose(&h, &id);
		rows = h.n;
		if (o->format != GS_FORMAT_TEXT)
			r = write_answer(&h, seed, &rows, &err);
		else if (h.n == 0)
			say("no bot %s%s", o->files[1], id.kind != GS_BOT_SEED ? "" : h.n_files ? "; a seed that lies deeper needs --seed-budget" :
			    "; the store has the seeds that were found when it was filled: bots --seed-budget looks deeper into files");
		else
			r = write_story(&h, &err);
	}
	return hunt_end(&h, r, rows, &err);
}
