/*
 * cmd_report.c - the verbs `report` and `export`: a question, straight from files or from the store
 *
 * Inputs go through the pipeline into a query, or the store scans its rows and sums into it; its table goes through a renderer to stdout.
 */
#include "app.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

/* ---- the same question from the store ---- */

/* --window is what rows were made with: from the store it can be asked for, but not changed. */
static int store_window(struct gs_store *st, const struct options *o, const struct gs_filter *f, struct gs_error *err)
{
	int64_t least, most;
	bool any;

	if (!o->window_given)
		return 0;
	int r = gs_store_windows(st, f, &least, &most, &any, err);
	if (r < 0 || !any || (least == o->window_s && most == o->window_s))
		return r;
	char stored[64];
	snprintf(stored, sizeof stored, least == most ? "%" PRId64 : "%" PRId64 " to %" PRId64, least, most);
	return gs_fail(err, GS_ERR_USAGE, "the store holds sightings of windows of %s s: they cannot be shown with --window %" PRId64
	               "; give the files themselves, or ingest them with that window into a store of their own", stored, o->window_s);
}

static bool on_scan_progress(void *arg, uint64_t done, uint64_t total)
{
	return progress_show(&((struct reading *)arg)->progress, done, total, NULL);
}

/* Memory for the query; the rest is the scan's. Where sources come as counts the scan is who remembers them. */
static size_t query_memory(const struct options *o, bool store)
{
	const bool counted = o->by == GS_BY_DAY || o->by == GS_BY_WEEK || o->by == GS_BY_HOUR || o->by == GS_BY_TARGET;
	return o->memory_bytes / 8 * (!store ? 3 : counted ? 2 : 6);
}

/* Answers the query from the store. notes: room for sentences that the answer's metadata points to. */
static int feed_from_store(struct gs_store *st, const struct options *o, struct reading *run, const struct gs_question *asked,
                           struct gs_query *q, struct gs_scan_result *scan, struct gs_meta *meta, struct gs_tally *t, struct gs_error *err)
{
	struct gs_scan_options so = { .memory_bytes = o->memory_bytes - query_memory(o, true), .progress = on_scan_progress, .progress_arg = run };
	struct gs_sighting_sink sink = gs_query_sink(q);
	const struct gs_filter *f = &asked->filter;

	if (asked->filtered && (f->n_asn || f->n_country)) {
		so.want = gs_query_wants;
		so.want_arg = q;
	}
	if (gs_scan_by_source(f, gs_query_needs(q)))
		gs_query_by_source(q);
	int r = gs_store_scan(st, f, gs_query_needs(q), &so, &sink, scan, err);
	progress_clear(&run->progress);
	if (r == GS_ERR_LIMIT && !*err->text) /* --limit is reached */
		r = 0;
	if (r == 0 && asked->filtered && !(gs_query_needs(q) & GS_NEED_ALL))
		gs_query_set_totals(q, &(struct gs_query_totals){ .sightings = scan->sightings, .no_length_packets = scan->no_length_packets,
		                                                  .sources = scan->sources, .sources_estimated = scan->memory_short });
	if (r == 0)
		r = gs_store_tally(st, f, t, err);
	for (unsigned i = 0; r == 0 && i < scan->n_notes && meta->n_notes < 16; i++)
		meta->notes[meta->n_notes++] = scan->notes[i];
	return r;
}

/* What is missing stands below the table in text; beside data it is told. */
static void missing_tell(const struct options *o, const char *missing)
{
	if (missing && *missing && !o->quiet && o->format != GS_FORMAT_TEXT)
		say("%s", missing);
}

/* A kept answer was written. */
static int answer_told(const struct options *o, const struct gs_answer_hit *hit)
{
	missing_tell(o, hit->said);
	if (o->verbose)
		balance_print(&hit->tally);
	return o->fail_empty && hit->rows == 0 ? EXIT_EMPTY : EXIT_DONE;
}

static int ask(const struct options *o, enum gs_question_kind kind)
{
	struct gs_error err = { 0 };
	struct gs_enrich *enrich = NULL;
	struct gs_render *render = NULL;
	struct gs_inputs *in = NULL;
	struct gs_query *q = NULL;
	struct gs_store *store = NULL;
	struct gs_scan_result scan = { 0 };
	struct gs_tally tally = { 0 };
	struct reading run = { 0 };
	struct answer_keys keys = { 0 };
	struct gs_meta meta = { .question = kind == GS_EXPORT ? "export" : NULL };
	char question[32];
	uint64_t seed = 0, rows = 0;
	int code = EXIT_DONE, r;

	if (kind == GS_REPORT && o->format == GS_FORMAT_BADPACKETS) {
		say("--format badpackets is the shape of raw data: it goes with export (grescope export --help)");
		return EXIT_USAGE;
	}
	if (o->n_files && o->store) {
		say("%s answers from files or from the store: give FILE or --store, not both", o->verb);
		return EXIT_USAGE;
	}
	if (!o->n_files && o->include_udp) {
		say("--include-udp goes with files; what is in the store was chosen when it was ingested");
		return EXIT_USAGE;
	}
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = 0x47524520676f6573u;
	progress_start(&run.progress, o->quiet);

	struct gs_render_options ro = render_options(o);
	if ((r = gs_render_new(&ro, &render, &err)) < 0 || (o->n_files && (r = gs_inputs_new_logs(o->files, o->n_files, &o->logs, &in, &err)) < 0))
		goto fail;
	if (!o->n_files && (r = store_open(o, GS_STORE_READ, &store, &err)) < 0)
		goto fail_store;
	if (in && gs_inputs_count(in) == 0) {
		say("%s: no file in it that grescope reads", o->files[0]);
		code = EXIT_DAMAGED;
		goto out;
	}
	struct gs_table_writer writer = gs_render_writer(render);
	const char *sensors[1] = { o->sensor ? o->sensor : "" };
	struct gs_question question_asked = { .kind = kind, .by = o->by, .filter = o->filter, .sort = o->sort, .limit = o->limit,
					      .redact_dst = o->redact_dst, .sensor_names = sensors, .n_sensor_names = 1,
					      .memory_bytes = query_memory(o, store != NULL), .hash_seed = seed, .head = &meta };
	meta.sensors = sensors;
	meta.n_sensors = o->sensor != NULL;
	if (store && ((r = store_sensors(store, o, &question_asked.sensor_names, &question_asked.n_sensor_names, &question_asked.filter, &meta, &err)) < 0 ||
	              (r = store_window(store, o, &question_asked.filter, &err)) < 0))
		goto fail_store;
	bool pins = false;
	if (store && (r = gs_store_any_pins(store, &pins, &err)) < 0)
		goto fail_store;
	question_asked.pins = pins ? store : NULL;
	question_asked.filtered = store && !(pins && (question_asked.filter.n_asn || question_asked.filter.n_country));
	if (store && kind == GS_REPORT) {
		struct gs_answer_hit hit;
		answer_key_make(&keys, o, &question_asked.filter);
		progress_end(&run.progress);
		r = gs_answer_replay(store, keys.key.data, keys.key.len, &writer, &hit, &err);
		if (r < 0)
			goto fail;
		if (hit.hit) {
			code = answer_told(o, &hit);
			goto out;
		}
		progress_start(&run.progress, o->quiet);
	}
	if ((r = databases_open(o, &enrich, &err)) < 0)
		goto fail;
	missing_tell(o, gs_enrich_missing(enrich));
	if (keys.key.len && (r = gs_answer_record(store, keys.key.data, keys.key.len, gs_enrich_missing(enrich), &writer, &keys.copy, &err)) < 0)
		goto fail;
	if (keys.copy)
		writer = gs_answer_writer(keys.copy);
	if ((r = gs_query_new(&question_asked, enrich, &writer, &q, &err)) < 0)
		goto fail;
	if (kind == GS_REPORT) {
		snprintf(question, sizeof question, "report by %s", gs_by_word(o->by));
		meta.question = question;
	}
	memcpy(meta.filters, o->given, sizeof meta.filters);
	meta.n_filters = o->n_given;
	meta.n_databases = gs_enrich_databases(enrich, meta.databases);

	if (store && (r = feed_from_store(store, o, &run, &question_asked, q, &scan, &meta, &tally, &err)) < 0)
		goto fail_store;
	struct gs_sighting_sink sink = gs_query_sink(q);
	if (in && gs_query_shows_bots(q) && o->format != GS_FORMAT_BADPACKETS && (r = files_watch(o, seed, NULL, false, &run.watch, &err)) < 0)
		goto fail;
	code = store ? EXIT_DONE : files_feed(o, &run, in, &sink, seed, &tally);
	if (code != EXIT_DONE)
		goto out;
	meta.tally = tally;
	if (run.worst)
		meta.notes[meta.n_notes++] = run.worst == GS_ERR_INTERRUPTED ? "interrupted: covers only what was read" :
									     "an input was damaged or missing: covers what could be read";
	if (gs_enrich_missing(enrich))
		meta.notes[meta.n_notes++] = gs_enrich_missing(enrich);
	progress_end(&run.progress);
	if ((r = gs_query_answer(q, &meta, &rows, &err)) < 0)
		goto fail;
	gs_answer_keep(keys.copy);
	keys.copy = NULL;
	if (o->verbose)
		balance_print(&tally);
	code = exit_code_of(run.worst);
	if (code == EXIT_DONE && o->fail_empty && rows == 0)
		code = EXIT_EMPTY;
	goto out;
fail_store:
	say("%s", err.text);
	code = r == GS_ERR_IO ? exit_code_of(r) : store_exit_code(r); /* GS_ERR_IO: stdout */
	goto out;
fail:
	say("%s", err.text);
	code = exit_code_of(r);
out:
	answer_keys_done(&keys);
	gs_query_free(q);
	gs_watch_free(run.watch);
	gs_inputs_free(in);
	gs_store_close(store);
	gs_enrich_close(enrich);
	gs_render_free(render);
	return code;
}

int cmd_report(const struct options *o)
{
	return ask(o, GS_REPORT);
}

int cmd_export(const struct options *o)
{
	return ask(o, GS_EXPORT);
}
