/*
 * corridor.c - READ THIS FIRST: the corridor in one file
 *
 *   frames --> decode --packet--> classify --verdict--> observe --sighting--> sink (a query, the store, a sensor's stream)
 *   records (raw data, logs, flows) ----------sighting-------------------->
 *
 * Everything moves in batches of GS_SOURCE_BATCH: the frames of a batch lie in the source's buffer, the packets and verdicts in arrays here, so that
 * the sighting table can prefetch the slots of a whole batch before it touches the first. Nothing is allocated per packet. Frames that are no GRE,
 * most of them in most captures, leave after decoding and are only counted. Of those the ones of PPTP's control connection (src/classify/control.h) are read
 * first: they speak for the GRE that follows.
 * Where the question is about bots a watch (src/observe/watch.h) sees each packet after its verdict, and tells which process it came from.
 */
#include "pipeline/corridor.h"

#include "classify/classify.h"
#include "classify/control.h"
#include "decode/decode.h"
#include "observe/observe.h"
#include "source/source.h"

#include <stdlib.h>

struct gs_corridor {
	struct gs_corridor_options o;
	struct gs_sighting_sink sink;
	struct gs_observe *observe;
	struct gs_control *control;
	uint64_t forgotten;       /* by it, before the balance was begun */
	struct gs_tally tally;    /* but for what the sighting table counts */
	struct gs_tally observed; /* what that had counted when the balance was begun */
	struct gs_packet packets[GS_SOURCE_BATCH];
	const struct gs_packet *gre[GS_SOURCE_BATCH];
	const struct gs_frame *frames[GS_SOURCE_BATCH]; /* of gre; only where somebody looks on */
	struct gs_verdict verdicts[GS_SOURCE_BATCH];
	uint32_t bots[GS_SOURCE_BATCH];
};

int gs_corridor_new(const struct gs_corridor_options *o, const struct gs_sighting_sink *sink, struct gs_corridor **ret, struct gs_error *err)
{
	const struct gs_observe_options oo = { .window_s = o->window_s, .memory_bytes = o->memory_bytes, .hash_seed = o->hash_seed,
					       .sensor = o->sensor, .watch = o->watch };
	struct gs_corridor *c = calloc(1, sizeof *c);

	if (!c)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	c->o = *o;
	c->sink = *sink;
	int r = gs_observe_new(&oo, sink, &c->observe, err);
	if (r == 0)
		r = gs_control_new(o->hash_seed, &c->control, err);
	if (r < 0) {
		gs_corridor_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void gs_corridor_free(struct gs_corridor *c)
{
	if (!c)
		return;
	gs_control_free(c->control);
	gs_observe_free(c->observe);
	free(c);
}

/* Counts a decoded frame; whether it goes on as GRE. */
static bool count_packet(struct gs_corridor *c, const struct gs_packet *p, const struct gs_frame *f)
{
	struct gs_tally *t = &c->tally;

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
		if (!c->o.include_udp) {
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
	t->undated += f->undated;
	return true;
}

static int push_batch(struct gs_corridor *c, const struct gs_frame *f, size_t n, struct gs_error *err)
{
	size_t n_gre = 0;

	for (size_t i = 0; i < n; i++) {
		struct gs_packet *p = &c->packets[n_gre]; /* a slot is used again until something stays in it */
		gs_decode(&f[i], p);
		c->tally.bytes += f[i].caplen;
		if (!count_packet(c, p, &f[i])) {
			if (p->control_off)
				gs_control_note(c->control, p, &f[i]);
			continue;
		}
		gs_classify(p, &f[i], &c->verdicts[n_gre]);
		gs_control_judge(c->control, p, &c->verdicts[n_gre]);
		if (c->o.watch)
			c->bots[n_gre] = gs_watch_packet(c->o.watch, p, &f[i], &c->verdicts[n_gre]);
		c->frames[n_gre] = &f[i];
		c->gre[n_gre++] = p;
	}
	c->tally.packets += n;
	if (!n_gre)
		return 0;
	if (c->o.seen)
		c->o.seen(c->o.seen_arg, c->frames, c->gre, c->verdicts, n_gre);
	return gs_observe_packets(c->observe, c->gre, c->verdicts, c->o.watch ? c->bots : NULL, n_gre, err);
}

int gs_corridor_frames(struct gs_corridor *c, const struct gs_frame *f, size_t n, struct gs_error *err)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < n; at += GS_SOURCE_BATCH)
		r = push_batch(c, f + at, n - at < GS_SOURCE_BATCH ? n - at : GS_SOURCE_BATCH, err);
	return r;
}

void gs_corridor_samples(struct gs_corridor *c, const struct gs_frame *f, size_t n,
                         void (*take)(void *arg, const struct gs_frame *f, const struct gs_packet *p, const struct gs_verdict *v), void *arg)
{
	struct gs_packet *p = &c->packets[0];
	struct gs_verdict *v = &c->verdicts[0];

	for (size_t i = 0; i < n; i++) {
		gs_decode(&f[i], p);
		if (p->outcome != GS_OUT_GRE)
			continue;
		gs_classify(p, &f[i], v);
		gs_control_judge(c->control, p, v);
		if (c->o.watch)
			gs_watch_packet(c->o.watch, p, &f[i], v);
		take(arg, &f[i], p, v);
	}
}

int gs_corridor_records(struct gs_corridor *c, struct gs_sighting *s, size_t n, struct gs_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!s[i].class_ && !s[i].confidence && !s[i].evidence)
			gs_classify_record(&s[i]); /* an export that is read back brings its verdict along */
		s[i].sensor = c->o.sensor;
	}
	c->tally.sightings += n;
	return n ? c->sink.take(c->sink.arg, s, n, err) : 0;
}

int gs_corridor_advance(struct gs_corridor *c, struct gs_time until, struct gs_error *err)
{
	return gs_observe_advance(c->observe, until, err);
}

int gs_corridor_flush(struct gs_corridor *c, struct gs_error *err)
{
	return gs_observe_flush(c->observe, err);
}

/* The sighting table counts from its beginning on. */
struct gs_tally gs_corridor_tally(const struct gs_corridor *c)
{
	struct gs_tally t = c->tally, now = { 0 };

	gs_observe_tally(c->observe, &now);
	t.folded_packets += now.folded_packets - c->observed.folded_packets;
	t.late_packets += now.late_packets - c->observed.late_packets;
	t.sightings += now.sightings - c->observed.sightings;
	t.crowd_unseen += now.crowd_unseen - c->observed.crowd_unseen;
	t.control_forgotten += gs_control_forgotten(c->control) - c->forgotten;
	return t;
}

void gs_corridor_restart(struct gs_corridor *c)
{
	c->tally = c->observed = (struct gs_tally){ 0 };
	gs_observe_tally(c->observe, &c->observed);
	c->forgotten = gs_control_forgotten(c->control);
}

void gs_corridor_forget(struct gs_corridor *c)
{
	gs_control_reset(c->control);
}

size_t gs_corridor_peak_bytes(const struct gs_corridor *c)
{
	return gs_observe_peak_bytes(c->observe);
}
