/* feed.c - what verbs that answer from files or from the store have in common: reading, and the account of it */
#include "app.h"
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdio.h>

static bool on_progress(void *arg, uint64_t done, uint64_t total, const struct gs_tally *t)
{
	return progress_show(&((struct reading *)arg)->progress, done, total, t);
}

static void on_trouble(void *arg, const struct gs_error *what)
{
	struct reading *r = arg;

	progress_clear(&r->progress);
	if (r->worst == 0)
		r->worst = what->code;
	say("%s", what->text);
}

int files_watch(const struct options *o, uint64_t seed, const struct gs_filter *filter, bool no_seeds, struct gs_watch **ret, struct gs_error *err)
{
	const struct gs_watch_options wo = { .memory_bytes = o->memory_bytes / 8 * 3, .hash_seed = seed, .filter = filter,
					     .no_seeds = no_seeds };

	return gs_watch_new(&wo, ret, err);
}

int files_feed(const struct options *o, struct reading *run, const struct gs_inputs *in, const struct gs_sighting_sink *sink, uint64_t seed, struct gs_tally *t)
{
	struct gs_pipeline_options po = { .window_s = o->window_s,
					  .memory_bytes = o->memory_bytes / 8 * (run->watch ? 2 : 5), /* the rest is the question's, and the watch's */
					  .hash_seed = seed,
					  .include_udp = o->include_udp,
					  .trouble = on_trouble,
					  .progress = on_progress,
					  .arg = run,
					  .watch = run->watch };
	struct gs_error err = { 0 };

	int r = gs_pipeline_run(in, &po, sink, t, &err);
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

int store_sensors(struct gs_store *st, const struct options *o, const char *const **ret_names, unsigned *ret_n, struct gs_filter *f, struct gs_meta *meta,
                  struct gs_error *err)
{
	int r = gs_store_sensors(st, ret_names, ret_n, err);

	if (r == 0 && o->sensor) {
		r = gs_store_sensor(st, o->sensor, strlen(o->sensor), &f->sensors[0], err);
		f->n_sensors = 1;
		if (r == GS_ERR_NOENT)
			r = GS_ERR_USAGE;
		if (r == 0) /* looking up may have moved the names */
			r = gs_store_sensors(st, ret_names, ret_n, err);
		meta->sensors = &o->sensor;
		meta->n_sensors = 1;
	}
	return r;
}

void balance_print(const struct gs_tally *t)
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
	if (t->undated)
		fprintf(stderr, "  in sightings, without a time in the file: %" PRIu64 "\n", t->undated);
	if (t->checksum_bad)
		fprintf(stderr, "  wrong GRE checksum: %" PRIu64 "\n", t->checksum_bad);
	if (t->folded_packets)
		fprintf(stderr, "  folded for want of memory: %" PRIu64 "\n", t->folded_packets);
	if (t->crowd_unseen)
		fprintf(stderr, "  to more destinations than are looked at for floods from forged sources: %" PRIu64 "\n", t->crowd_unseen);
	if (t->control_forgotten)
		fprintf(stderr, "  PPTP calls forgotten for want of room: %" PRIu64 "\n", t->control_forgotten);
	if (t->records + t->records_bad + t->records_other)
		fprintf(stderr, "rows read %" PRIu64 ", not understood %" PRIu64 ", of other protocols %" PRIu64 "\n", t->records, t->records_bad,
		        t->records_other);
	if (!gs_tally_balanced(t))
		say("internal error: the balance does not hold");
}
