/*
 * cmd_ingest.c - the verb `ingest`: files into the store
 *
 * The store is a gate in the corridor: it knows each input by its content and lets through what it does not hold yet.
 */
#include "app.h"
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

struct ingest {
	const struct options *o;
	struct gs_store *store;
	struct gs_input *in; /* the one that is read; NULL between two */
	const char *path;    /* its */
	uint16_t sensor;
	struct pinner *pin;  /* NULL without --pin-origin */
	struct gs_watch *watch; /* the bots of this input */
	struct progress progress;
	int worst;           /* first gs_err of an input */
	uint64_t states[GS_INPUT_SHORTER + 1]; /* how many inputs of each */
	struct gs_tally added;                 /* by all of them */
	uint64_t missing;    /* named, and not there */
};

static void print_tally(const struct gs_tally *t)
{
	printf("packets %" PRIu64 ", sightings %" PRIu64 ", not GRE %" PRIu64, t->packets, t->sightings, t->not_gre);
	if (t->fragments)
		printf(", fragments %" PRIu64, t->fragments);
	if (t->gre_udp_hidden)
		printf(", GRE in UDP not kept %" PRIu64, t->gre_udp_hidden);
	if (t->records + t->records_bad + t->records_other)
		printf(", rows %" PRIu64 ", not understood %" PRIu64 ", of other protocols %" PRIu64, t->records, t->records_bad, t->records_other);
	for (unsigned i = 0; i < GS_LOST_COUNT; i++)
		if (t->lost[i])
			printf(", lost (%s) %" PRIu64, gs_lost_text(i), t->lost[i]);
}

/* How an input stands to what was there; the words of README and man page, also for programs. */
static void print_state(const struct gs_input_info *in, const char *was)
{
	switch (in->state) {
	case GS_INPUT_NEW:
		printf("new");
		break;
	case GS_INPUT_KNOWN:
		printf(*was ? "known as %s, nothing added" : "known, nothing added", was);
		break;
	case GS_INPUT_RESUMED:
		printf(*was ? "resumed, begun as %s" : "resumed", was);
		break;
	case GS_INPUT_GROWN:
		printf(*was ? "grown, known so far as %s" : "grown", was);
		break;
	case GS_INPUT_SHORTER:
		printf(*was ? "the beginning of %s, nothing added" : "the beginning of a known input, nothing added", was);
	}
}

/* One line: what was added, and how the input stands to what was there. */
static void print_input(struct ingest *g, const char *path, const struct gs_input_info *in)
{
	const struct gs_tally *t = &in->added;
	const char *sensor = g->o->sensor ? g->o->sensor : "";

	g->states[in->state]++;
	gs_tally_add(&g->added, t);
	if (!gs_tally_balanced(t))
		say("internal error: the balance of %s does not hold", path);
	if (g->o->quiet)
		return;
	progress_clear(&g->progress);
	printf("%s: ", path);
	print_state(in, strcmp(in->was, path) == 0 ? "" : in->was);
	if (in->state != GS_INPUT_NEW && in->id && strcmp(in->sensor, sensor) != 0)
		printf(*in->sensor ? " (of sensor %s)" : " (of the sensor without a name)", in->sensor);
	printf("; ");
	print_tally(t);
	if (in->unsure)
		printf("; its last %" PRIu64 " packets could not be compared", in->unsure);
	if (*in->like)
		printf("; begins like %s and goes on otherwise", in->like);
	if (g->pin)
		printf("; origins pinned %" PRIu64, pinner_pinned(g->pin));
	printf("\n");
	if (g->o->verbose && in->state != GS_INPUT_NEW && in->id)
		printf("  in the store of it: packets %" PRIu64 ", sightings %" PRIu64 "\n", in->tally.packets, in->tally.sightings);
}

/* The last line, where there was more than one input. */
static void print_total(struct ingest *g, uint64_t n, uint64_t skipped)
{
	static const char *const words[] = { "new", "known", "resumed", "grown", "beginnings" };
	uint64_t read = 0;

	if (g->o->quiet || n + g->missing < 2)
		return;
	progress_clear(&g->progress);
	printf("%" PRIu64 " files:", n + g->missing);
	for (unsigned i = 0; i <= GS_INPUT_SHORTER; i++) {
		if (g->states[i])
			printf("%s %s %" PRIu64, read ? "," : "", words[i], g->states[i]);
		read += g->states[i];
	}
	if (read < n + g->missing)
		printf("%s not read %" PRIu64, read ? "," : "", n + g->missing - read);
	printf("; ");
	print_tally(&g->added);
	if (skipped)
		printf("; in folders, of no format that grescope reads: %" PRIu64, skipped);
	printf("\n");
}

static int gate_begin(void *arg, const char *path, struct gs_error *err)
{
	struct ingest *g = arg;
	struct gs_input_spec spec = { .path = path, .sensor = g->sensor, .window_s = g->o->window_s, .options = g->o->include_udp };
	struct gs_input_info known = { 0 };
	struct stat st;

	g->path = path;
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		spec.device = st.st_dev;
		spec.inode = st.st_ino;
		spec.size = (uint64_t)st.st_size;
		spec.mtime_ns = (int64_t)st.st_mtim.tv_sec * GS_NS_PER_S + st.st_mtim.tv_nsec;
		if (gs_input_unchanged(g->store, &spec, &known) && !*known.trouble) { /* one that was damaged is read again, to say so again */
			known.was = known.path;
			print_input(g, path, &known);
			return 0;
		}
	}
	int r = gs_watch_reset(g->watch, err);
	if (r == 0)
		r = gs_input_begin(g->store, &spec, &g->in, err);
	return r < 0 ? r : 1;
}

static int gate_frames(void *arg, const struct gs_frame *f, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err)
{
	return gs_input_frames(((struct ingest *)arg)->in, f, n, ret_m, ret_step, err);
}

static int gate_records(void *arg, const struct gs_sighting *s, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err)
{
	return gs_input_records(((struct ingest *)arg)->in, s, n, ret_m, ret_step, err);
}

static int gate_checkpoint(void *arg, const struct gs_tally *run, struct gs_error *err)
{
	struct ingest *g = arg;
	int r = g->pin ? pinner_write(g->pin, err) : 0;

	if (r == 0)
		r = store_put_bots(g->store, g->watch, g->sensor, err);
	return r < 0 ? r : gs_input_checkpoint(g->in, run, err);
}

static void gate_drop(void *arg)
{
	struct ingest *g = arg;

	gs_input_drop(g->in);
	g->in = NULL;
	if (g->pin)
		pinner_drop(g->pin);
}

static int gate_end(void *arg, const struct gs_tally *run, const struct gs_error *trouble, struct gs_error *err)
{
	struct ingest *g = arg;
	struct gs_input_info info;
	struct gs_input *in = g->in;
	int r = g->pin ? pinner_write(g->pin, err) : 0;

	if (r == 0)
		r = store_put_bots(g->store, g->watch, g->sensor, err);
	if (r < 0) {
		gate_drop(g);
		return r;
	}
	g->in = NULL;
	r = gs_input_end(in, run, trouble, &info, err);
	if (r < 0)
		return r;
	print_input(g, g->path, &info);
	return 0;
}

static void on_trouble(void *arg, const struct gs_error *what)
{
	struct ingest *g = arg;

	progress_clear(&g->progress);
	if (g->worst == 0)
		g->worst = what->code;
	say("%s", what->text);
}

static bool on_progress(void *arg, uint64_t done, uint64_t total, const struct gs_tally *t)
{
	return progress_show(&((struct ingest *)arg)->progress, done, total, t);
}

static int ingest_all(struct ingest *g, const struct gs_inputs *in, struct gs_error *err)
{
	const struct gs_gate gate = { .begin = gate_begin, .frames = gate_frames, .records = gate_records, .checkpoint = gate_checkpoint,
				      .end = gate_end, .drop = gate_drop, .arg = g };
	struct gs_pipeline_options po = { .window_s = g->o->window_s,
					  .memory_bytes = g->o->memory_bytes / 8 * 5, /* the rest is the watch's */
					  .sensor = g->sensor,
					  .include_udp = g->o->include_udp,
					  .trouble = on_trouble,
					  .progress = on_progress,
					  .arg = g,
					  .gate = &gate,
					  .watch = g->watch };
	struct gs_sighting_sink sink = g->pin ? pinner_sink(g->pin) : gs_store_sink(g->store);
	struct gs_tally tally = { 0 };

	if (getrandom(&po.hash_seed, sizeof po.hash_seed, 0) != sizeof po.hash_seed)
		po.hash_seed = 0x47524520676f6573u;
	int r = gs_pipeline_run(in, &po, &sink, &tally, err);
	progress_clear(&g->progress);
	return r < 0 && r == g->worst && !*err->text ? 0 : r; /* an input's trouble was told */
}

/* What the command line names, as far as it is there; what is not is told. 0, or an exit code: nothing is there. */
static int inputs_find(struct ingest *g, struct gs_inputs **ret)
{
	const struct options *o = g->o;
	struct gs_error err = { 0 };
	const char **there;
	size_t n = 0;
	int r = gs_inputs_new_logs(o->files, o->n_files, &o->logs, ret, &err);

	if (r == 0 || o->n_files == 1 || !(there = calloc(o->n_files, sizeof *there))) {
		if (r < 0)
			say("%s", err.text);
		return exit_code_of(r);
	}
	for (size_t i = 0; i < o->n_files; i++) { /* one by one: which of them it is */
		struct gs_inputs *one = NULL;
		r = gs_inputs_new_logs(&o->files[i], 1, &o->logs, &one, &err);
		gs_inputs_free(one);
		if (r == 0) {
			there[n++] = o->files[i];
			continue;
		}
		say("%s", err.text);
		g->missing++;
		g->worst = g->worst ? g->worst : r;
	}
	r = n ? gs_inputs_new_logs(there, n, &o->logs, ret, &err) : g->worst;
	if (n && r < 0)
		say("%s", err.text);
	free(there);
	return exit_code_of(r);
}

int cmd_ingest(const struct options *o)
{
	struct ingest g = { .o = o };
	struct gs_error err = { 0 };
	struct gs_inputs *in = NULL;
	int code = EXIT_DONE, r;

	if (o->n_files == 0) {
		say("ingest wants files to read, - for stdin (grescope ingest --help)");
		return EXIT_USAGE;
	}
	if ((r = inputs_find(&g, &in)) != EXIT_DONE)
		return r;
	progress_start(&g.progress, o->quiet);
	const char *sensor = o->sensor ? o->sensor : "";
	if ((r = store_open(o, GS_STORE_CREATE, &g.store, &err)) < 0 || (r = gs_store_sensor(g.store, sensor, strlen(sensor), &g.sensor, &err)) < 0)
		goto fail;
	if (o->pin_origin && (r = pinner_new(o, g.store, &g.pin, &err)) < 0) {
		say("%s", err.text);
		code = exit_code_of(r);
		goto out;
	}
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = 0x47524520676f6573u;
	if ((r = files_watch(o, seed, NULL, false, &g.watch, &err)) < 0)
		goto fail;
	r = ingest_all(&g, in, &err);
	if (r == GS_ERR_INTERRUPTED) {
		say("%s; what was kept stays, the same command goes on from there", err.text);
		code = EXIT_INTERRUPT;
		goto out;
	}
	if (r < 0)
		goto fail;
	print_total(&g, gs_inputs_count(in), gs_inputs_skipped(in));
	if ((r = gs_store_settle(g.store, &err)) < 0)
		goto fail;
	code = exit_code_of(g.worst);
	goto out;
fail:
	say("%s", err.text);
	code = store_exit_code(r);
out:
	pinner_free(g.pin);
	gs_watch_free(g.watch);
	gs_store_close(g.store);
	gs_inputs_free(in);
	return code;
}
