/*
 * pipeline.c - inputs through the corridor (corridor.c: read that first)
 *
 *   inputs --> source --frames, records--> corridor --sightings--> sink
 *
 * A gate (the store's, see pipeline.h) stands between source and corridor and says which frames are news; without one all are.
 */
#include "pipeline/pipeline.h"

#include "pipeline/corridor.h"

#include <stdlib.h>

#define PROGRESS_BATCHES 4096 /* a look at the clock now and then is the caller's business; this is how often it may */
#define WATCHED_BATCHES 16    /* the same with a watch: one that searches in vain needs up to a millisecond for a packet, and Ctrl-C is to be heard */

struct run {
	const struct gs_pipeline_options *o;
	const struct gs_inputs *inputs;
	struct gs_corridor *corridor;
	struct gs_tally rows;   /* what the source counts, and not the corridor: of this input with a gate, else of all */
	struct gs_tally total;  /* of the inputs that passed the gate */
	bool refused;           /* the gate or the sink failed: the input cannot be ended, only dropped */
	enum gs_input_step step;  /* the gate's last word on this input */
	uint64_t bytes_before; /* octets of the inputs that are done */
	unsigned batches;
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_sighting sightings[GS_SOURCE_BATCH];
};

/* The balance so far: of this input with a gate, else of all. */
static struct gs_tally run_so_far(const struct run *c)
{
	struct gs_tally t = gs_corridor_tally(c->corridor);

	gs_tally_add(&t, &c->rows);
	return t;
}

static int run_progress(struct run *c, struct gs_source *s, struct gs_error *err)
{
	struct gs_source_info info;

	if (!c->o->progress || ++c->batches % (c->o->watch ? WATCHED_BATCHES : PROGRESS_BATCHES) != 0)
		return 0;
	gs_source_info(s, &info);
	struct gs_tally t = c->total, now = run_so_far(c);
	gs_tally_add(&t, &now);
	if (c->o->progress(c->o->arg, c->bytes_before + info.position, gs_inputs_bytes(c->inputs), &t))
		return 0;
	return gs_fail(err, GS_ERR_INTERRUPTED, "interrupted while reading %s", info.path);
}

static int run_checkpoint(struct run *c, struct gs_error *err)
{
	int r = gs_corridor_flush(c->corridor, err);
	struct gs_tally t = run_so_far(c);

	return r < 0 ? r : c->o->gate->checkpoint(c->o->gate->arg, &t, err);
}

/*
 * n frames or records past the gate, as far as they are news (n = 0: the input is over). rows: the balance of the records, which a source counts
 * while it reads; it counts only where some of them are news. *ret_again: read the input again from its start.
 */
static int run_gated(struct run *c, enum gs_door door, size_t n, const struct gs_tally *rows, bool *ret_again, struct gs_error *err)
{
	const struct gs_gate *g = c->o->gate;
	size_t at = 0, m = 0, taken = n == 0 && c->step != GS_INPUT_SKIP;
	int r = 0;

	do {
		if (door == GS_DOOR_FRAMES)
			r = g->frames(g->arg, c->frames + at, n - at, &m, &c->step, err);
		else
			r = g->records(g->arg, c->sightings + at, n - at, &m, &c->step, err);
		if (r < 0)
			return r;
		if (c->step == GS_INPUT_AGAIN) {
			*ret_again = true;
			return 0;
		}
		if (n && c->step != GS_INPUT_SKIP) {
			r = door == GS_DOOR_FRAMES ? gs_corridor_frames(c->corridor, c->frames + at, m, err) :
			                            gs_corridor_records(c->corridor, c->sightings + at, m, err);
			c->rows.records += door == GS_DOOR_FRAMES ? 0 : m;
			taken += m;
			if (r == 0 && c->step == GS_INPUT_CHECKPOINT)
				r = run_checkpoint(c, err);
		}
		at += m;
	} while (r == 0 && at < n);
	if (taken) {
		c->rows.records_bad += rows->records_bad;
		c->rows.records_other += rows->records_other;
	}
	return r;
}

/* One batch through either door: 1 if there may be more, 0 at the end, negative on trouble (with what could be read passed on first). */
static int run_batch(struct run *c, struct gs_source *s, enum gs_door door, struct gs_error *err, bool *ret_fatal, bool *ret_again)
{
	struct gs_error sink_err = { 0 };
	struct gs_tally rows = { 0 };
	size_t n = 0;
	int r, r2 = 0;

	if (door == GS_DOOR_FRAMES)
		r = gs_source_frames(s, c->frames, GS_SOURCE_BATCH, &n, err);
	else
		r = gs_source_sightings(s, c->sightings, GS_SOURCE_BATCH, &n, c->o->gate ? &rows : &c->rows, err);
	if (c->o->gate && n)
		r2 = run_gated(c, door, n, &rows, ret_again, &sink_err);
	else if (n)
		r2 = door == GS_DOOR_FRAMES ? gs_corridor_frames(c->corridor, c->frames, n, &sink_err) :
		                             gs_corridor_records(c->corridor, c->sightings, n, &sink_err);
	if (c->o->gate && r2 == 0 && !*ret_again && (r < 0 || n == 0)) /* the end, whether it was meant to be one or not */
		r2 = run_gated(c, door, 0, &rows, ret_again, &sink_err);
	if (r2 < 0) { /* the sink's trouble outweighs the input's */
		c->refused = true;
		*ret_fatal = !c->o->gate || (r2 != GS_ERR_USAGE && r2 != GS_ERR_IO);
		*err = sink_err;
		return r2;
	}
	return r < 0 ? r : n > 0;
}

/* From the first frame to the last, or to trouble. */
static int run_read(struct run *c, struct gs_source *s, struct gs_error *trouble, bool *ret_fatal, bool *ret_again)
{
	struct gs_source_info info;
	int r;

	gs_source_info(s, &info);
	do {
		r = run_batch(c, s, info.door, trouble, ret_fatal, ret_again);
		if (*ret_again)
			return 0;
		if (r <= 0)
			break;
		r = run_progress(c, s, trouble);
	} while (r == 0);
	return r;
}

static void run_reset(struct run *c)
{
	c->rows = (struct gs_tally){ 0 };
	c->step = GS_INPUT_TAKE;
	c->refused = false;
	gs_corridor_restart(c->corridor);
}

/* What came with the last windows still has to pass; then the gate keeps the input. */
static int run_end(struct run *c, const struct gs_error *trouble, struct gs_error *err)
{
	const struct gs_gate *g = c->o->gate;
	int r = gs_corridor_flush(c->corridor, err);
	if (r < 0) {
		g->drop(g->arg);
		return r;
	}
	struct gs_tally t = run_so_far(c);
	r = g->end(g->arg, &t, trouble, err);
	if (r == 0)
		gs_tally_add(&c->total, &t);
	return r;
}

static bool ends_run(int r, bool fatal)
{
	return fatal || r == GS_ERR_INTERRUPTED || r == GS_ERR_NOMEM;
}

static void tell(struct run *c, int *worst, const struct gs_error *what)
{
	if (*worst == 0)
		*worst = what->code;
	if (c->o->trouble)
		c->o->trouble(c->o->arg, what);
}

/* Reads one input to its end. Trouble with the input is told and remembered in *worst; only the sink's and the gate's trouble ends the run. */
static int run_input(struct run *c, const char *path, int *worst, struct gs_error *err)
{
	const struct gs_gate *g = c->o->gate;
	struct gs_error trouble = { 0 }, bad = { 0 };
	struct gs_source_info info = { 0 };
	struct gs_source *s = NULL;
	bool begun = false, fatal = false, again = false;
	int r = gs_source_open_logs(path, gs_inputs_logs(c->inputs), &s, &trouble);

	gs_corridor_forget(c->corridor);
	if (g && r == 0) {
		run_reset(c);
		r = g->begin(g->arg, path, &trouble);
		begun = r > 0;
		fatal = r < 0;
	}
	if (r >= 0 && (!g || begun)) {
		r = run_read(c, s, &trouble, &fatal, &again);
		if (r >= 0 && again) {
			gs_source_close(s);
			run_reset(c);
			gs_corridor_forget(c->corridor);
			again = false;
			r = gs_source_open_logs(path, gs_inputs_logs(c->inputs), &s, &trouble);
			if (r == 0)
				r = run_read(c, s, &trouble, &fatal, &again);
		}
	}
	if (s) {
		c->rows.clock_saturated += gs_source_clock_saturated(s);
		gs_source_info(s, &info);
		c->bytes_before += info.size ? info.size : info.position;
		if (r >= 0 && *gs_source_first_bad(s))
			gs_fail(&bad, GS_ERR_DAMAGED, "%s: %s (first of the rows that could not be read)", path, gs_source_first_bad(s));
	}
	gs_source_close(s);
	if (r >= 0 && *bad.text)
		trouble = bad;
	const bool troubled = r < 0 || *bad.text;
	if (troubled && !ends_run(r, fatal))
		tell(c, worst, &trouble);
	if (begun && (ends_run(r, fatal) || c->refused)) {
		g->drop(g->arg);
		begun = false;
	}
	if (r < 0 && ends_run(r, fatal)) {
		if (err)
			*err = trouble;
		return r;
	}
	if (!g) /* windows end with the input, as they do where inputs are kept one by one: a folder and the store of it give the same rows */
		return gs_corridor_flush(c->corridor, err);
	return begun ? run_end(c, troubled ? &trouble : NULL, err) : 0;
}

int gs_pipeline_run(const struct gs_inputs *in, const struct gs_pipeline_options *o, const struct gs_sighting_sink *sink,
                    struct gs_tally *tally, struct gs_error *err)
{
	const struct gs_corridor_options co = { .window_s = o->window_s, .memory_bytes = o->memory_bytes, .hash_seed = o->hash_seed,
						.sensor = o->sensor, .include_udp = o->include_udp, .watch = o->watch };
	int worst = 0, r = GS_ERR_NOMEM;
	struct run *c = calloc(1, sizeof *c);

	if (!c)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	c->o = o;
	c->inputs = in;
	r = gs_corridor_new(&co, sink, &c->corridor, err);
	if (r < 0) {
		free(c);
		return r;
	}
	for (size_t i = 0; r == 0 && i < gs_inputs_count(in); i++)
		r = run_input(c, gs_inputs_path(in, i), &worst, err);
	if (r == 0)
		r = gs_corridor_flush(c->corridor, err);
	if (!o->gate)
		c->total = run_so_far(c);
	gs_tally_add(tally, &c->total);
	gs_corridor_free(c->corridor);
	free(c);
	return r < 0 ? r : worst;
}
