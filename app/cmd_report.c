/*
 * cmd_report.c - the verbs `report` and `export`: a question, straight from files or from the store
 *
 * Inputs go through the pipeline into a query, or the store scans its rows and sums into it; its table goes through a renderer to stdout.
 */
#include "app.h"
#include "pipeline/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#define MAX_FOLDERS 6

struct run {
	const struct options *o;
	struct progress progress;
	int worst;              /* first gs_err of an input */
};

static bool on_progress(void *arg, uint64_t done, uint64_t total, const struct gs_tally *t)
{
	return progress_show(&((struct run *)arg)->progress, done, total, t);
}

static bool on_scan_progress(void *arg, uint64_t done, uint64_t total)
{
	return progress_show(&((struct run *)arg)->progress, done, total, NULL);
}

static void on_trouble(void *arg, const struct gs_error *what)
{
	struct run *r = arg;

	progress_clear(&r->progress);
	if (r->worst == 0)
		r->worst = what->code;
	say("%s", what->text);
}

static int write_stdout(void *arg, const void *data, size_t len, struct gs_error *err)
{
	(void)arg;
	if (fwrite(data, 1, len, stdout) == len)
		return 0;
	return gs_fail_errno(err, GS_ERR_IO, errno, "stdout");
}

/* The folders that databases are looked for in: $GRESCOPE_DATA, the user's, the system's. */
static size_t data_folders(char *buffer, size_t size, const char *folders[MAX_FOLDERS])
{
	const char *env = getenv("GRESCOPE_DATA"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	size_t n = 0;

	if (env && *env)
		folders[n++] = env;
	if (xdg && *xdg && snprintf(buffer, size, "%s/grescope", xdg) < (int)size)
		folders[n++] = buffer;
	else if (home && *home && snprintf(buffer, size, "%s/.local/share/grescope", home) < (int)size)
		folders[n++] = buffer;
	folders[n++] = "/usr/local/share/grescope";
	folders[n++] = "/usr/share/grescope";
	folders[n++] = "/var/lib/grescope";
	return n;
}

static int open_enrich(const struct options *o, struct gs_enrich **ret, struct gs_error *err)
{
	char buffer[4096];
	const char *folders[MAX_FOLDERS];
	struct gs_enrich_options eo = {
		.asn_db = o->asn_db, .n_asn_db = o->n_asn_db, .city_db = o->city_db, .n_city_db = o->n_city_db, .folders = folders
	};

	eo.n_folders = data_folders(buffer, sizeof buffer, folders);
	return gs_enrich_open(&eo, ret, err);
}

static unsigned terminal_width(void)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
		return w.ws_col;
	int n = columns ? atoi(columns) : 0;
	return n > 0 && n < 10000 ? (unsigned)n : 0;
}

static struct gs_render_options render_options(const struct options *o)
{
	bool tty = isatty(STDOUT_FILENO);
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool may_color = tty && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);

	return (struct gs_render_options){
		.format = o->format,
		.no_header = o->no_header,
		.color = o->color == 1 || (o->color == -1 && may_color),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = terminal_width(),
		.write = write_stdout,
	};
}

/* The balance: every packet read is accounted for. */
static void print_balance(const struct gs_tally *t)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < GS_LOST_COUNT; i++)
		lost += t->lost[i];
	fprintf(stderr,
	        "packets read %" PRIu64 " = in sightings %" PRIu64 " + fragments %" PRIu64 " + not GRE %" PRIu64 " + GRE in UDP not shown %" PRIu64
	        " + lost %" PRIu64 "\n",
	        t->packets, t->in_sightings, t->fragments, t->not_gre, t->gre_udp_hidden, lost);
	for (unsigned i = 0; i < GS_LOST_COUNT; i++)
		if (t->lost[i])
			fprintf(stderr, "  lost, %s: %" PRIu64 "\n", gs_lost_text(i), t->lost[i]);
	for (unsigned i = 1; i < GS_STOP_COUNT; i++)
		if (t->stops[i])
			fprintf(stderr, "  in sightings, not decoded to the end, %s: %" PRIu64 "\n", gs_stop_text(i), t->stops[i]);
	if (t->gre_udp)
		fprintf(stderr, "  GRE in UDP: %" PRIu64 "\n", t->gre_udp);
	if (t->checksum_bad)
		fprintf(stderr, "  wrong GRE checksum: %" PRIu64 "\n", t->checksum_bad);
	if (t->folded_packets)
		fprintf(stderr, "  folded for want of memory: %" PRIu64 "\n", t->folded_packets);
	if (t->records + t->records_bad + t->records_other)
		fprintf(stderr, "rows read %" PRIu64 ", not understood %" PRIu64 ", of other protocols %" PRIu64 "\n", t->records, t->records_bad,
		        t->records_other);
	if (!gs_tally_balanced(t))
		say("internal error: the balance does not hold");
}

/* Reads all inputs into the query. 0, or an exit code that ends the run without an answer. */
static int feed(const struct options *o, struct run *run, const struct gs_inputs *in, struct gs_query *q, uint64_t seed, struct gs_tally *t)
{
	struct gs_pipeline_options po = { .window_s = o->window_s,
					  .memory_bytes = o->memory_bytes / 8 * 5,
					  .hash_seed = seed,
					  .include_udp = o->include_udp,
					  .trouble = on_trouble,
					  .progress = on_progress,
					  .arg = run };
	struct gs_sighting_sink sink = gs_query_sink(q);
	struct gs_error err = { 0 };

	int r = gs_pipeline_run(in, &po, &sink, t, &err);
	progress_clear(&run->progress);
	if (r == GS_ERR_LIMIT && !*err.text) /* --limit is reached: the rest cannot change the answer */
		return 0;
	if (r == GS_ERR_INTERRUPTED) {
		say("%s; the answer covers what was read", err.text);
		run->worst = r;
		return 0;
	}
	if (r < 0 && run->worst == 0) {
		say("%s", err.text);
		return exit_code_of(r);
	}
	return 0;
}

/* ---- the same question from the store ---- */

/* Sensors: their names for the answer, and the one asked for. */
static int store_sensors(struct gs_store *st, const struct options *o, struct gs_question *q, struct gs_meta *meta, struct gs_error *err)
{
	int r = gs_store_sensors(st, &q->sensor_names, &q->n_sensor_names, err);

	if (r == 0 && o->sensor) {
		r = gs_store_sensor(st, o->sensor, strlen(o->sensor), &q->filter.sensors[0], err);
		q->filter.n_sensors = 1;
		if (r == GS_ERR_NOENT)
			r = GS_ERR_USAGE;
		if (r == 0) /* looking up may have moved the names */
			r = gs_store_sensors(st, &q->sensor_names, &q->n_sensor_names, err);
		meta->sensors = &o->sensor;
		meta->n_sensors = 1;
	}
	return r;
}

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

/* Answers the query from the store. notes: room for sentences that the answer's metadata points to. */
static int feed_from_store(struct gs_store *st, const struct options *o, struct run *run, const struct gs_filter *f, struct gs_query *q,
                           struct gs_scan_result *scan, struct gs_meta *meta, struct gs_tally *t, struct gs_error *err)
{
	struct gs_scan_options so = { .memory_bytes = o->memory_bytes / 8 * 5, .progress = on_scan_progress, .progress_arg = run };
	struct gs_sighting_sink sink = gs_query_sink(q);

	if (f->n_asn || f->n_country) {
		so.want = gs_query_wants;
		so.want_arg = q;
	}
	int r = gs_store_scan(st, f, gs_query_needs(q), &so, &sink, scan, err);
	progress_clear(&run->progress);
	if (r == GS_ERR_LIMIT && !*err->text) /* --limit is reached */
		r = 0;
	if (r == 0 && !(gs_query_needs(q) & GS_NEED_ALL))
		gs_query_set_totals(q, &(struct gs_query_totals){ .sightings = scan->sightings, .no_length_packets = scan->no_length_packets,
		                                                  .sources = scan->sources, .sources_estimated = scan->memory_short });
	if (r == 0)
		r = gs_store_tally(st, f, t, err);
	for (unsigned i = 0; r == 0 && i < scan->n_notes && meta->n_notes < 16; i++)
		meta->notes[meta->n_notes++] = scan->notes[i];
	return r;
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
	struct run run = { .o = o };
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
	if ((r = gs_render_new(&ro, &render, &err)) < 0 || (r = open_enrich(o, &enrich, &err)) < 0 ||
	    (o->n_files && (r = gs_inputs_new(o->files, o->n_files, &in, &err)) < 0))
		goto fail;
	if (!o->n_files && (r = store_open(o, GS_STORE_READ, &store, &err)) < 0)
		goto fail_store;
	if (in && gs_inputs_count(in) == 0) {
		say("%s: no file in it that grescope reads", o->files[0]);
		code = EXIT_DAMAGED;
		goto out;
	}
	if (gs_enrich_missing(enrich) && !o->quiet && o->format != GS_FORMAT_TEXT) /* text says it below the table */
		say("%s", gs_enrich_missing(enrich));
	struct gs_table_writer writer = gs_render_writer(render);
	const char *sensors[1] = { o->sensor ? o->sensor : "" };
	struct gs_question question_asked = { .kind = kind, .by = o->by, .filter = o->filter, .sort = o->sort, .limit = o->limit,
					      .redact_dst = o->redact_dst, .sensor_names = sensors, .n_sensor_names = 1,
					      .memory_bytes = o->memory_bytes / 8 * 3, .hash_seed = seed, .filtered = store != NULL, .head = &meta };
	meta.sensors = sensors;
	meta.n_sensors = o->sensor != NULL;
	if (store && ((r = store_sensors(store, o, &question_asked, &meta, &err)) < 0 ||
	              (r = store_window(store, o, &question_asked.filter, &err)) < 0))
		goto fail_store;
	if ((r = gs_query_new(&question_asked, enrich, &writer, &q, &err)) < 0)
		goto fail;
	if (kind == GS_REPORT) {
		snprintf(question, sizeof question, "report by %s", gs_by_word(o->by));
		meta.question = question;
	}
	memcpy(meta.filters, o->given, sizeof meta.filters);
	meta.n_filters = o->n_given;
	meta.n_databases = gs_enrich_databases(enrich, meta.databases);

	if (store && (r = feed_from_store(store, o, &run, &question_asked.filter, q, &scan, &meta, &tally, &err)) < 0)
		goto fail_store;
	code = store ? EXIT_DONE : feed(o, &run, in, q, seed, &tally);
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
	if (o->verbose)
		print_balance(&tally);
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
	gs_query_free(q);
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
