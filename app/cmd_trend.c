/*
 * cmd_trend.c - the verb `trend`: which network stands out, and is it growing
 *
 * As cmd_report.c: inputs go through the pipeline, or the store scans its sums, into the question; its table goes through a renderer to stdout.
 */
#include "app.h"
#include "query/trend.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Columns that the picture of the weeks may take: a year, half of one, or what a narrow terminal can spare. */
static unsigned picture_width(unsigned terminal)
{
	return terminal == 0 || terminal >= 150 ? 53 : terminal >= 120 ? 27 : 14;
}

struct run {
	const struct options *o;
	struct gs_enrich *enrich;
	struct gs_render *render;
	struct gs_inputs *in;
	struct gs_store *store;
	struct gs_trend *trend;
	struct reading reading;
	struct gs_scan_result scan;
	struct gs_tally tally;
	struct gs_meta meta;
	uint64_t seed;
};

static int usage(const struct options *o)
{
	if (o->format == GS_FORMAT_BADPACKETS)
		say("--format badpackets is the shape of raw data: it goes with export (grescope export --help)");
	else if (o->n_files && o->store)
		say("%s answers from files or from the store: give FILE or --store, not both", o->verb);
	else if (!o->n_files && (o->include_udp || o->window_given))
		say("--%s goes with files; what is in the store was chosen when it was ingested", o->include_udp ? "include-udp" : "window");
	else
		return EXIT_DONE;
	return EXIT_USAGE;
}

/* The processes that were found, on the way or when it was ingested. */
static int count_bots(struct run *r, const struct gs_filter *f, struct gs_error *err)
{
	struct gs_store_bots_rest rest;
	struct gs_store_bot *list = NULL;
	size_t n = 0;

	if (!gs_trend_wants_bots(r->trend))
		return 0;
	int code = r->store ? store_get_bots(r->store, r->o, f, &list, &n, &rest, err) : watch_bots(r->reading.watch, 0, &list, &n, err);
	if (code == 0)
		gs_trend_bots(r->trend, list, n);
	free(list);
	return code;
}

static int ask_files(struct run *r, struct gs_error *err)
{
	const struct gs_sighting_sink sink = gs_trend_sink(r->trend);
	int code = files_watch(r->o, r->seed, NULL, true, &r->reading.watch, err);

	if (code == 0)
		code = files_feed(r->o, &r->reading, r->in, &sink, r->seed, &r->tally);
	return code == 0 ? count_bots(r, &r->o->filter, err) : code;
}

static int ask_store(struct run *r, const struct gs_filter *f, struct gs_error *err)
{
	const struct gs_scan_options so = { .memory_bytes = r->o->memory_bytes / 8 * 5 };
	const struct gs_sighting_sink sink = gs_trend_sink(r->trend);
	struct gs_store_info info;

	int code = gs_store_scan(r->store, f, gs_trend_needs(r->trend), &so, &sink, &r->scan, err);
	if (code == 0)
		code = gs_store_info(r->store, &info, err);
	if (code == 0 && info.sightings && f->n_sensors == 0) /* filters narrow what matched, not what was watched */
		gs_trend_watched(r->trend, info.first, info.last);
	if (code == 0)
		gs_trend_set_sightings(r->trend, r->scan.sightings);
	if (code == 0)
		code = count_bots(r, f, err);
	if (code == 0)
		code = gs_store_tally(r->store, f, &r->tally, err);
	for (unsigned i = 0; code == 0 && i < r->scan.n_notes && r->meta.n_notes < 16; i++)
		r->meta.notes[r->meta.n_notes++] = r->scan.notes[i];
	return code;
}

static int open_all(struct run *r, struct gs_error *err)
{
	const struct options *o = r->o;
	const struct gs_render_options ro = render_options(o);
	int code = gs_render_new(&ro, &r->render, err);

	if (code == 0)
		code = databases_open(o, &r->enrich, err);
	if (code == 0 && o->n_files)
		code = gs_inputs_new_logs(o->files, o->n_files, &o->logs, &r->in, err);
	return code;
}

static struct gs_trend_question question_of(const struct run *r)
{
	const struct options *o = r->o;
	const struct gs_render_options ro = render_options(o);

	return (struct gs_trend_question){
		.by = o->by == GS_BY_CLASS ? GS_TREND_CLASS : GS_TREND_NETWORK,
		.filter = o->filter,
		.sort = o->sort,
		.limit = o->limit,
		.redact_dst = o->redact_dst,
		.for_people = o->format == GS_FORMAT_TEXT,
		.utf8 = ro.utf8,
		.picture = picture_width(ro.width),
		.memory_bytes = o->memory_bytes / 8 * 3,
		.hash_seed = r->seed,
	};
}

static void fill_meta(struct run *r)
{
	const struct options *o = r->o;
	struct gs_meta *m = &r->meta;

	m->question = o->by == GS_BY_CLASS ? "trend by class" : "trend by network";
	memcpy(m->filters, o->given, sizeof m->filters);
	m->n_filters = o->n_given;
	if (!r->store) {
		m->sensors = &o->sensor;
		m->n_sensors = o->sensor != NULL;
	}
}

/* What only the reading brings to light. */
static void note_reading(struct run *r)
{
	struct gs_meta *m = &r->meta;

	m->tally = r->tally;
	m->n_databases = gs_enrich_databases(r->enrich, m->databases);
	if (r->reading.worst)
		m->notes[m->n_notes++] = r->reading.worst == GS_ERR_INTERRUPTED ? "interrupted: covers only what was read" :
										  "an input was damaged or missing: covers what could be read";
	if (gs_enrich_missing(r->enrich))
		m->notes[m->n_notes++] = gs_enrich_missing(r->enrich);
}

/* The question of networks has no answer without a database that says how much each holds: what can be said is said, and the exit tells. */
static int exit_of(const struct run *r, uint64_t rows)
{
	const struct options *o = r->o;

	if (r->reading.worst)
		return exit_code_of(r->reading.worst);
	if (o->by == GS_BY_NETWORK && !gs_trend_can_tell(r->trend)) {
		say("which network stands out cannot be told: no network database that lists address ranges (CSV or pfx2as); `make data` or --asn-db brings one; "
		    "--by class needs none");
		return EXIT_CONFIG;
	}
	return o->fail_empty && rows == 0 ? EXIT_EMPTY : EXIT_DONE;
}

static int ask(struct run *r)
{
	struct gs_error err = { 0 };
	uint64_t rows = 0;
	int code;

	if ((code = open_all(r, &err)) < 0)
		goto fail;
	if (!r->in && (code = store_open(r->o, GS_STORE_READ, &r->store, &err)) < 0)
		goto fail_store;
	if (r->in && gs_inputs_count(r->in) == 0) {
		say("%s: no file in it that grescope reads", r->o->files[0]);
		return EXIT_DAMAGED;
	}
	struct gs_trend_question q = question_of(r);
	const struct gs_table_writer writer = gs_render_writer(r->render);
	const char *const *names;
	unsigned n_names;
	bool pins = false;
	fill_meta(r);
	if (r->store && (code = gs_store_any_pins(r->store, &pins, &err)) < 0)
		goto fail_store;
	q.pins = pins ? r->store : NULL;
	if (r->store && (code = store_sensors(r->store, r->o, &names, &n_names, &q.filter, &r->meta, &err)) < 0)
		goto fail_store;
	if ((code = gs_trend_new(&q, r->enrich, &writer, &r->trend, &err)) < 0)
		goto fail;
	if (r->store && (code = ask_store(r, &q.filter, &err)) < 0)
		goto fail_store;
	if (r->in && (code = ask_files(r, &err)) != EXIT_DONE) {
		if (code < 0)
			goto fail;
		return code;
	}
	note_reading(r);
	if ((code = gs_trend_answer(r->trend, &r->meta, &rows, &err)) < 0)
		goto fail;
	if (r->o->verbose)
		balance_print(&r->tally);
	return exit_of(r, rows);
fail_store:
	say("%s", err.text);
	return code == GS_ERR_IO ? exit_code_of(code) : store_exit_code(code);
fail:
	say("%s", err.text);
	return exit_code_of(code);
}

int cmd_trend(const struct options *o)
{
	struct run r = { .o = o };
	int code = usage(o);

	if (code != EXIT_DONE)
		return code;
	if (getrandom(&r.seed, sizeof r.seed, 0) != sizeof r.seed)
		r.seed = 0x47524520676f6573u;
	progress_start(&r.reading.progress, o->quiet);
	code = ask(&r);
	gs_trend_free(r.trend);
	gs_watch_free(r.reading.watch);
	gs_inputs_free(r.in);
	gs_store_close(r.store);
	gs_enrich_close(r.enrich);
	gs_render_free(r.render);
	return code;
}
