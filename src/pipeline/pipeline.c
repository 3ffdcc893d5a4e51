/*
 * pipeline.c - READ THIS FIRST: the corridor in one file
 *
 *   source --frame--> decode --packet--> classify --verdict--> observe --sighting--> sink (a query, the store)
 *   records (raw data, logs, flows) ----------------sighting----------------------->
 *
 * Everything moves in batches of GS_SOURCE_BATCH: the frames of a batch lie in the source's buffer until the next read, the packets and verdicts
 * in arrays here, so that the sighting table can prefetch the slots of a whole batch before it touches the first. Nothing is allocated per
 * packet. Frames that are no GRE, most of them in most captures, leave after decoding and are only counted.
 * Of those the ones of PPTP's control connection (src/classify/control.h) are read first: they speak for the GRE that follows.
 * Where the question is about bots a watch (src/observe/watch.h) sees each packet after its verdict, and tells which process it came from.
 * A gate (the store's, see pipeline.h) stands between source and decode and says which frames are news; without one all are.
 */
#include "pipeline/pipeline.h"

#include "classify/classify.h"
#include "classify/control.h"
#include "decode/decode.h"
#include "observe/observe.h"

#include <stdlib.h>

#define PROGRESS_BATCHES 4096 /* a look at the clock now and then is the caller's business; this is how often it may */
#define WATCHED_BATCHES 16    /* the same with a watch: one that searches in vain needs up to a millisecond for a packet, and Ctrl-C is to be heard */

struct corridor {
	const struct gs_pipeline_options *o;
	const struct gs_inputs *inputs;
	struct gs_sighting_sink sink;
	struct gs_observe *observe;
	struct gs_control *control;
	uint64_t forgotten;     /* by it, before this input */
	struct gs_tally *tally; /* the caller's, or with a gate `run` */
	struct gs_tally run;    /* of this input */
	struct gs_tally observed; /* what the sighting table had counted before this input */
	struct gs_tally total;  /* of the inputs that passed the gate */
	bool refused;           /* the gate or the sink failed: the input cannot be ended, only dropped */
	enum gs_input_step step;  /* the gate's last word on this input */
	uint64_t bytes_before; /* octets of the inputs that are done */
	unsigned batches;
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_packet packets[GS_SOURCE_BATCH];
	const struct gs_packet *gre[GS_SOURCE_BATCH];
	struct gs_verdict verdicts[GS_SOURCE_BATCH];
	uint32_t bots[GS_SOURCE_BATCH];
	struct gs_sighting sightings[GS_SOURCE_BATCH];
};

/* Counts a decoded frame; whether it goes on as GRE. */
static bool count_packet(struct corridor *c, const struct gs_packet *p)
{
	struct gs_tally *t = c->tally;

	switch (p->outcome) {
	case GS_OUT_NOT_GRE:
		t->not_gre++;
		return false;
	case GS_OUT_FRAGMENT:
		t->fragments++;
		t->fragment_bytes += p->ip_len;
		return false;
	case GS_OUT_LOST:
		t->lost[p->lost]++;
		return false;
	case GS_OUT_GRE_UDP:
		t->gre_udp++;
		if (!c->o->include_udp) {
			t->gre_udp_hidden++;
			return false;
		}
		break;
	default:
		break;
	}
	t->in_sightings++;
	t->sighting_bytes += p->ip_len;
	t->stops[p->stop]++;
	t->checksum_bad += p->checksum == GS_CHECKSUM_BAD;
	return true;
}

static int corridor_frames(struct corridor *c, size_t from, size_t n, struct gs_error *err)
{
	size_t n_gre = 0;

	for (size_t i = from; i < from + n; i++) {
		struct gs_packet *p = &c->packets[n_gre]; /* a slot is used again until something stays in it */
		gs_decode(&c->frames[i], p);
		c->tally->bytes += c->frames[i].caplen;
		if (!count_packet(c, p)) {
			if (p->control_off)
				gs_control_note(c->control, p, &c->frames[i]);
			continue;
		}
		gs_classify(p, &c->frames[i], &c->verdicts[n_gre]);
		gs_control_judge(c->control, p, &c->verdicts[n_gre]);
		if (c->o->watch)
			c->bots[n_gre] = gs_watch_packet(c->o->watch, p, &c->frames[i], &c->verdicts[n_gre]);
		c->gre[n_gre++] = p;
	}
	c->tally->packets += n;
	return n_gre ? gs_observe_packets(c->observe, c->gre, c->verdicts, c->o->watch ? c->bots : NULL, n_gre, err) : 0;
}

static int corridor_progress(struct corridor *c, struct gs_source *s, struct gs_error *err)
{
	struct gs_source_info info;

	if (!c->o->progress || ++c->batches % (c->o->watch ? WATCHED_BATCHES : PROGRESS_BATCHES) != 0)
		return 0;
	gs_source_info(s, &info);
	struct gs_tally t = c->total;
	gs_tally_add(&t, c->tally);
	if (c->o->progress(c->o->arg, c->bytes_before + info.position, gs_inputs_bytes(c->inputs), &t))
		return 0;
	return gs_fail(err, GS_ERR_INTERRUPTED, "interrupted while reading %s", info.path);
}

static int corridor_records(struct corridor *c, struct gs_sighting *s, size_t n, struct gs_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!s[i].class_ && !s[i].confidence && !s[i].evidence)
			gs_classify_record(&s[i]); /* an export that is read back brings its verdict along */
		s[i].sensor = c->o->sensor;
	}
	c->tally->sightings += n;
	return n ? c->sink.take(c->sink.arg, s, n, err) : 0;
}

/* The balance of this input so far: the sighting table counts over all inputs. */
static struct gs_tally run_so_far(const struct corridor *c)
{
	struct gs_tally t = c->run, now = { 0 };

	gs_observe_tally(c->observe, &now);
	t.folded_packets += now.folded_packets - c->observed.folded_packets;
	t.late_packets += now.late_packets - c->observed.late_packets;
	t.sightings += now.sightings - c->observed.sightings;
	return t;
}

static int corridor_checkpoint(struct corridor *c, struct gs_error *err)
{
	int r = gs_observe_flush(c->observe, err);
	struct gs_tally t = run_so_far(c);

	return r < 0 ? r : c->o->gate->checkpoint(c->o->gate->arg, &t, err);
}

/*
 * n frames or records past the gate, as far as they are news (n = 0: the input is over). rows: the balance of the records, which a source counts
 * while it reads; it counts only where some of them are news. *ret_again: read the input again from its start.
 */
static int corridor_gated(struct corridor *c, enum gs_door door, size_t n, const struct gs_tally *rows, bool *ret_again, struct gs_error *err)
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
			r = door == GS_DOOR_FRAMES ? corridor_frames(c, at, m, err) : corridor_records(c, c->sightings + at, m, err);
			c->tally->records += door == GS_DOOR_FRAMES ? 0 : m;
			taken += m;
			if (r == 0 && c->step == GS_INPUT_CHECKPOINT)
				r = corridor_checkpoint(c, err);
		}
		at += m;
	} while (r == 0 && at < n);
	if (taken) {
		c->tally->records_bad += rows->records_bad;
		c->tally->records_other += rows->records_other;
	}
	return r;
}

/* One batch through either door: 1 if there may be more, 0 at the end, negative on trouble (with what could be read passed on first). */
static int corridor_batch(struct corridor *c, struct gs_source *s, enum gs_door door, struct gs_error *err, bool *ret_fatal, bool *ret_again)
{
	struct gs_error sink_err = { 0 };
	struct gs_tally rows = { 0 };
	size_t n = 0;
	int r, r2 = 0;

	if (door == GS_DOOR_FRAMES)
		r = gs_source_frames(s, c->frames, GS_SOURCE_BATCH, &n, err);
	else
		r = gs_source_sightings(s, c->sightings, GS_SOURCE_BATCH, &n, c->o->gate ? &rows : c->tally, err);
	if (c->o->gate && n)
		r2 = corridor_gated(c, door, n, &rows, ret_again, &sink_err);
	else if (n)
		r2 = door == GS_DOOR_FRAMES ? corridor_frames(c, 0, n, &sink_err) : corridor_records(c, c->sightings, n, &sink_err);
	if (c->o->gate && r2 == 0 && !*ret_again && (r < 0 || n == 0)) /* the end, whether it was meant to be one or not */
		r2 = corridor_gated(c, door, 0, &rows, ret_again, &sink_err);
	if (r2 < 0) { /* the sink's trouble outweighs the input's */
		c->refused = true;
		*ret_fatal = !c->o->gate || (r2 != GS_ERR_USAGE && r2 != GS_ERR_IO);
		*err = sink_err;
		return r2;
	}
	return r < 0 ? r : n > 0;
}

/* From the first frame to the last, or to trouble. */
static int corridor_read(struct corridor *c, struct gs_source *s, struct gs_error *trouble, bool *ret_fatal, bool *ret_again)
{
	struct gs_source_info info;
	int r;

	gs_source_info(s, &info);
	do {
		r = corridor_batch(c, s, info.door, trouble, ret_fatal, ret_again);
		if (*ret_again)
			return 0;
		if (r <= 0)
			break;
		r = corridor_progress(c, s, trouble);
	} while (r == 0);
	return r;
}

static void corridor_reset(struct corridor *c)
{
	c->run = (struct gs_tally){ 0 };
	c->observed = (struct gs_tally){ 0 };
	c->step = GS_INPUT_TAKE;
	c->refused = false;
	gs_observe_tally(c->observe, &c->observed);
}

/* What came with the last windows still has to pass; then the gate keeps the input. */
static int corridor_end(struct corridor *c, const struct gs_error *trouble, struct gs_error *err)
{
	const struct gs_gate *g = c->o->gate;
	int r = gs_observe_flush(c->observe, err);
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

static void tell(struct corridor *c, int *worst, const struct gs_error *what)
{
	if (*worst == 0)
		*worst = what->code;
	if (c->o->trouble)
		c->o->trouble(c->o->arg, what);
}

/* Reads one input to its end. Trouble with the input is told and remembered in *worst; only the sink's and the gate's trouble ends the run. */
static int corridor_input(struct corridor *c, const char *path, int *worst, struct gs_error *err)
{
	const struct gs_gate *g = c->o->gate;
	struct gs_error trouble = { 0 }, bad = { 0 };
	struct gs_source_info info = { 0 };
	struct gs_source *s = NULL;
	bool begun = false, fatal = false, again = false;
	int r = gs_source_open_logs(path, gs_inputs_logs(c->inputs), &s, &trouble);

	gs_control_reset(c->control);
	c->forgotten = gs_control_forgotten(c->control);
	if (g && r == 0) {
		corridor_reset(c);
		r = g->begin(g->arg, path, &trouble);
		begun = r > 0;
		fatal = r < 0;
	}
	if (r >= 0 && (!g || begun)) {
		r = corridor_read(c, s, &trouble, &fatal, &again);
		if (r >= 0 && again) {
			gs_source_close(s);
			corridor_reset(c);
			gs_control_reset(c->control);
			again = false;
			r = gs_source_open_logs(path, gs_inputs_logs(c->inputs), &s, &trouble);
			if (r == 0)
				r = corridor_read(c, s, &trouble, &fatal, &again);
		}
	}
	if (s) {
		c->tally->control_forgotten += gs_control_forgotten(c->control) - c->forgotten;
		c->tally->clock_saturated += gs_source_clock_saturated(s);
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
		return gs_observe_flush(c->observe, err);
	return begun ? corridor_end(c, troubled ? &trouble : NULL, err) : 0;
}

int gs_pipeline_run(const struct gs_inputs *in, const struct gs_pipeline_options *o, const struct gs_sighting_sink *sink,
                    struct gs_tally *tally, struct gs_error *err)
{
	struct gs_observe_options oo = {
		.window_s = o->window_s, .memory_bytes = o->memory_bytes, .hash_seed = o->hash_seed, .sensor = o->sensor,
		.watch = o->watch
	};
	int worst = 0, r = GS_ERR_NOMEM;
	struct corridor *c = calloc(1, sizeof *c);

	if (!c)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	c->o = o;
	c->inputs = in;
	c->sink = *sink;
	c->tally = o->gate ? &c->run : tally;
	r = gs_observe_new(&oo, sink, &c->observe, err);
	if (r == 0)
		r = gs_control_new(o->hash_seed, &c->control, err);
	for (size_t i = 0; r == 0 && i < gs_inputs_count(in); i++)
		r = corridor_input(c, gs_inputs_path(in, i), &worst, err);
	if (r == 0)
		r = gs_observe_flush(c->observe, err);
	if (o->gate)
		gs_tally_add(tally, &c->total);
	else if (c->observe)
		gs_observe_tally(c->observe, tally);
	gs_control_free(c->control);
	gs_observe_free(c->observe);
	free(c);
	return r < 0 ? r : worst;
}
