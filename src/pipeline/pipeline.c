/*
 * pipeline.c - READ THIS FIRST: the corridor in one file
 *
 *   source --frame--> decode --packet--> classify --verdict--> observe --sighting--> sink (a query, the store)
 *   records (raw data, logs, flows) ----------------sighting----------------------->
 *
 * Everything moves in batches of GS_SOURCE_BATCH: the frames of a batch lie in the source's buffer until the next read, the packets and verdicts
 * in arrays here, so that the sighting table can prefetch the slots of a whole batch before it touches the first. Nothing is allocated per
 * packet. Frames that are no GRE, most of them in most captures, leave after decoding and are only counted.
 */
#include "pipeline/pipeline.h"

#include "classify/classify.h"
#include "decode/decode.h"
#include "observe/observe.h"

#include <stdlib.h>

#define PROGRESS_BATCHES 4096 /* a look at the clock now and then is the caller's business; this is how often it may */

struct corridor {
	const struct gs_pipeline_options *o;
	const struct gs_inputs *inputs;
	struct gs_sighting_sink sink;
	struct gs_observe *observe;
	struct gs_tally *tally;
	uint64_t bytes_before; /* octets of the inputs that are done */
	unsigned batches;
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_packet packets[GS_SOURCE_BATCH];
	const struct gs_packet *gre[GS_SOURCE_BATCH];
	struct gs_verdict verdicts[GS_SOURCE_BATCH];
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

static int corridor_frames(struct corridor *c, size_t n, struct gs_error *err)
{
	size_t n_gre = 0;

	for (size_t i = 0; i < n; i++) {
		struct gs_packet *p = &c->packets[n_gre]; /* a slot is used again until something stays in it */
		gs_decode(&c->frames[i], p);
		c->tally->bytes += c->frames[i].caplen;
		if (!count_packet(c, p))
			continue;
		gs_classify(p, &c->frames[i], &c->verdicts[n_gre]);
		c->gre[n_gre++] = p;
	}
	c->tally->packets += n;
	return n_gre ? gs_observe_packets(c->observe, c->gre, c->verdicts, n_gre, err) : 0;
}

static int corridor_progress(struct corridor *c, struct gs_source *s, struct gs_error *err)
{
	struct gs_source_info info;

	if (!c->o->progress || ++c->batches % PROGRESS_BATCHES != 0)
		return 0;
	gs_source_info(s, &info);
	if (c->o->progress(c->o->arg, c->bytes_before + info.position, gs_inputs_bytes(c->inputs), c->tally))
		return 0;
	return gs_fail(err, GS_ERR_INTERRUPTED, "interrupted while reading %s", info.path);
}

/* One batch through either door: 1 if there may be more, 0 at the end, negative on trouble (with what could be read passed on first). */
static int corridor_batch(struct corridor *c, struct gs_source *s, enum gs_door door, struct gs_error *err, bool *ret_fatal)
{
	struct gs_error sink_err = { 0 };
	size_t n = 0;
	int r, r2;

	*ret_fatal = false;
	if (door == GS_DOOR_FRAMES) {
		r = gs_source_frames(s, c->frames, GS_SOURCE_BATCH, &n, err);
		r2 = n ? corridor_frames(c, n, &sink_err) : 0;
	} else {
		r = gs_source_sightings(s, c->sightings, GS_SOURCE_BATCH, &n, c->tally, err);
		for (size_t i = 0; i < n; i++) {
			if (!c->sightings[i].class_ && !c->sightings[i].confidence && !c->sightings[i].evidence)
				gs_classify_record(&c->sightings[i]); /* an export that is read back brings its verdict along */
			c->sightings[i].sensor = c->o->sensor;
		}
		c->tally->sightings += n;
		r2 = n ? c->sink.take(c->sink.arg, c->sightings, n, &sink_err) : 0;
	}
	if (r2 < 0) { /* the sink's trouble outweighs the input's */
		*ret_fatal = true;
		*err = sink_err;
		return r2;
	}
	return r < 0 ? r : n > 0;
}

/* Reads one input to its end. Trouble with the input is told and remembered in *worst; only the sink's trouble ends the run. */
static int corridor_input(struct corridor *c, const char *path, int *worst, struct gs_error *err)
{
	struct gs_error trouble = { 0 };
	struct gs_source_info info;
	struct gs_source *s = NULL;
	bool fatal = false;

	int r = gs_source_open(path, &s, &trouble);
	if (r == 0) {
		gs_source_info(s, &info);
		do {
			r = corridor_batch(c, s, info.door, &trouble, &fatal);
			if (r <= 0)
				break;
			r = corridor_progress(c, s, &trouble);
		} while (r == 0);
		c->tally->clock_saturated += gs_source_clock_saturated(s);
	}
	if (r < 0 && (fatal || r == GS_ERR_INTERRUPTED || r == GS_ERR_NOMEM)) {
		if (err)
			*err = trouble;
		gs_source_close(s);
		return r;
	}
	if (r < 0) {
		if (*worst == 0)
			*worst = r;
		if (c->o->trouble)
			c->o->trouble(c->o->arg, &trouble);
	} else if (s && *gs_source_first_bad(s)) {
		if (*worst == 0)
			*worst = GS_ERR_DAMAGED;
		gs_fail(&trouble, GS_ERR_DAMAGED, "%s: %s (first of the rows that could not be read)", path, gs_source_first_bad(s));
		if (c->o->trouble)
			c->o->trouble(c->o->arg, &trouble);
	}
	if (s) {
		gs_source_info(s, &info);
		c->bytes_before += info.size ? info.size : info.position;
	}
	gs_source_close(s);
	return 0;
}

int gs_pipeline_run(const struct gs_inputs *in, const struct gs_pipeline_options *o, const struct gs_sighting_sink *sink,
                    struct gs_tally *tally, struct gs_error *err)
{
	struct gs_observe_options oo = {
		.window_s = o->window_s, .memory_bytes = o->memory_bytes, .hash_seed = o->hash_seed, .sensor = o->sensor
	};
	int worst = 0, r = GS_ERR_NOMEM;
	struct corridor *c = calloc(1, sizeof *c);

	if (!c)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	c->o = o;
	c->inputs = in;
	c->sink = *sink;
	c->tally = tally;
	r = gs_observe_new(&oo, sink, &c->observe, err);
	for (size_t i = 0; r == 0 && i < gs_inputs_count(in); i++)
		r = corridor_input(c, gs_inputs_path(in, i), &worst, err);
	if (r == 0)
		r = gs_observe_flush(c->observe, err);
	if (c->observe)
		gs_observe_tally(c->observe, tally);
	gs_observe_free(c->observe);
	free(c);
	return r < 0 ? r : worst;
}
