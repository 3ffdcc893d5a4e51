/* cmd_explain.c - the verb `explain`: packets of one capture, layer by layer */
#include "app.h"
#include "classify/control.h"
#include "decode/decode.h"
#include "explain/explain.h"

#include <inttypes.h>
#include <stdio.h>

struct explain_run {
	const struct options *o;
	struct gs_table_writer writer;
	struct gs_control *control; /* what the frames so far said of PPTP's calls */
	uint64_t shown, read;
};

static bool wanted(const struct explain_run *run, const struct gs_frame *f, const struct gs_packet *p)
{
	if (run->o->packet_first)
		return f->number >= run->o->packet_first && f->number <= run->o->packet_last;
	return run->shown == 0 && (p->outcome == GS_OUT_GRE || p->outcome == GS_OUT_GRE_UDP);
}

static bool over(const struct explain_run *run)
{
	return run->o->packet_first ? run->read >= run->o->packet_last : run->shown > 0;
}

/* 0, or negative; what stood before the trouble was shown. */
static int explain_frames(struct explain_run *run, struct gs_source *s, struct gs_error *err)
{
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_packet p;
	size_t n;
	int r, r2 = 0;

	do {
		r = gs_source_frames(s, frames, GS_SOURCE_BATCH, &n, err);
		for (size_t i = 0; r2 == 0 && i < n && !over(run); i++) {
			run->read = frames[i].number;
			gs_decode(&frames[i], &p);
			if (p.control_off)
				gs_control_note(run->control, &p, &frames[i]);
			if (!wanted(run, &frames[i], &p))
				continue;
			run->shown++;
			r2 = gs_explain(&frames[i], &p, run->control, &run->writer, err);
		}
	} while (r == 0 && r2 == 0 && n && !over(run));
	return r2 < 0 ? r2 : over(run) ? 0 : r;
}

static int explain_file(struct explain_run *run, const char *path, struct gs_error *err)
{
	struct gs_meta meta = { .question = "explain", .no_totals = true };
	struct gs_source_info info;
	struct gs_source *s = NULL;
	unsigned n;
	const struct gs_column *columns = gs_explain_columns(&n);
	int r = gs_source_open(path, &s, err);

	if (r < 0)
		return r;
	gs_source_info(s, &info);
	if (info.door != GS_DOOR_FRAMES)
		r = gs_fail(err, GS_ERR_USAGE, "%s: %s holds no packets, only what somebody wrote down of them", path, info.format);
	if (r == 0)
		r = run->writer.begin(run->writer.arg, columns, n, &meta, false, err);
	if (r == 0)
		r = explain_frames(run, s, err);
	gs_source_close(s);
	struct gs_error end_err = { 0 };
	int r2 = r == GS_ERR_USAGE ? 0 : run->writer.end(run->writer.arg, &meta, &end_err);
	if (r == 0 && r2 < 0) {
		*err = end_err;
		r = r2;
	}
	return r;
}

int cmd_explain(const struct options *o)
{
	struct explain_run run = { .o = o };
	struct gs_error err = { 0 };
	struct gs_render *render = NULL;
	struct gs_render_options ro = render_options(o);
	int r;

	if (o->n_files != 1) {
		say("explain wants one capture file, - for stdin (grescope explain --help)");
		return EXIT_USAGE;
	}
	if (o->format == GS_FORMAT_BADPACKETS) {
		say("--format badpackets is the shape of raw data: it goes with export (grescope export --help)");
		return EXIT_USAGE;
	}
	r = gs_control_new(0, &run.control, &err);
	if (r == 0)
		r = gs_render_new(&ro, &render, &err);
	if (r == 0) {
		run.writer = gs_render_writer(render);
		r = explain_file(&run, o->files[0], &err);
	}
	gs_render_free(render);
	gs_control_free(run.control);
	if (r < 0) {
		say("%s", err.text);
		return exit_code_of(r);
	}
	if (run.shown == 0 && o->packet_first) {
		say("%s: has no packet %" PRIu64 ", only %" PRIu64, o->files[0], o->packet_first, run.read);
		return EXIT_DAMAGED;
	}
	if (run.shown == 0)
		say("%s: none of its packets is GRE", o->files[0]);
	return EXIT_DONE;
}
