/*
 * cmd_show.c - the verb `show`: a dossier of one address, prefix or network, from files or from the store
 */
#include "app.h"
#include "evidence_note.h"
#include "query/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define ROWS 10 /* of each list, where --limit does not say */

struct show {
	const struct options *o;
	struct gs_subject subject;
	struct gs_enrich *enrich;
	struct gs_render *render;
	struct gs_inputs *in;
	struct gs_store *store;
	struct gs_show *show;
	struct gs_meta meta;
	struct gs_scan_result scan[2]; /* their notes are pointed to */
	struct reading run;
	uint64_t seed;
	char evidence[2][EVIDENCE_NOTE_MAX]; /* notes too */
};

/* The word after `show`. */
static int parse_what(const struct options *o, struct gs_subject *ret)
{
	if (o->n_files == 0) {
		say("show wants to know what: an address, a prefix or an AS number such as AS3462 (grescope show --help)");
		return EXIT_USAGE;
	}
	if (!gs_subject_parse(o->files[0], strlen(o->files[0]), ret)) {
		say("show %s: expected an address, a prefix such as 192.0.2.0/24 or an AS number such as AS3462", o->files[0]);
		return EXIT_USAGE;
	}
	if (o->format != GS_FORMAT_TEXT && o->format != GS_FORMAT_JSON) {
		say("show answers as text or json; rows as %s come from grescope report --by source %s %s", gs_format_word(o->format),
		    ret->kind == GS_SUBJECT_NETWORK ? "--asn" : "--src", o->files[0]);
		return EXIT_USAGE;
	}
	if (o->n_files > 1 && o->store) {
		say("show answers from files or from the store: give FILE or --store, not both");
		return EXIT_USAGE;
	}
	if (o->n_files == 1 && o->include_udp) {
		say("--include-udp goes with files; what is in the store was chosen when it was ingested");
		return EXIT_USAGE;
	}
	if (ret->kind == GS_SUBJECT_NETWORK && o->filter.n_asn) {
		say("--asn does not go with show %s", o->files[0]);
		return EXIT_USAGE;
	}
	return 0;
}

static int show_new(struct show *s, struct gs_filter *filter, struct gs_error *err)
{
	struct gs_show_question q = { .subject = s->subject, .filter = *filter, .limit = s->o->limit_given ? s->o->limit : ROWS, .redact_dst = s->o->redact_dst,
				      .memory_bytes = s->o->memory_bytes / 8 * 3, .hash_seed = s->seed,
				      .compare = s->o->n_asn_db > 1 || s->o->n_city_db > 1 };
	bool pins = false;
	int r = s->store ? gs_store_any_pins(s->store, &pins, err) : 0;

	q.pins = pins ? s->store : NULL;
	return r < 0 ? r : gs_show_new(&q, s->enrich, &s->show, err);
}

static int take_nothing(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)arg, (void)s, (void)n, (void)err;
	return 0;
}

/* Of one address: where a sensor kept its packets. */
static void find_evidence(struct show *s, const struct gs_filter *asked)
{
	const struct gs_prefix *p = &s->subject.prefix;
	const bool address = s->subject.kind != GS_SUBJECT_NETWORK && p->len == (p->base.family == 4 ? 32 : 128);
	struct gs_filter own = *asked;
	struct gs_scan_result times = { 0 };

	own.src[0] = *p;
	own.n_src = 1;
	if (!address || gs_store_scan(s->store, &own, 0, NULL, &(struct gs_sighting_sink){ take_nothing, NULL }, &times, NULL) < 0 || times.packets == 0)
		return;
	const unsigned n = evidence_notes(s->o, &p->base, times.first, times.last, s->evidence);
	for (unsigned i = 0; i < n && s->meta.n_notes < sizeof s->meta.notes / sizeof *s->meta.notes; i++)
		s->meta.notes[s->meta.n_notes++] = s->evidence[i];
}

/* The processes behind it, from what was read or from the store. */
static int find_bots(struct show *s, const struct gs_filter *asked, struct gs_error *err)
{
	struct gs_store_bots_rest rest;
	struct gs_store_bot *list = NULL;
	struct gs_filter f = *asked;
	size_t n = 0;

	if (s->subject.kind != GS_SUBJECT_NETWORK && f.n_src == 0) { /* else more than fit: the show itself holds them against the subject */
		f.src[0] = s->subject.prefix;
		f.n_src = 1;
	}
	int r = s->store ? store_get_bots(s->store, s->o, &f, &list, &n, &rest, err) : watch_bots(s->run.watch, 0, &list, &n, err);
	if (r == 0)
		r = gs_show_bots(s->show, list, n, err);
	free(list);
	return r;
}

static int from_store(struct show *s, struct gs_error *err)
{
	struct gs_filter filter = s->o->filter;
	struct gs_sighting_sink sink;
	const char *const *names;
	unsigned n_names, needs;
	int r = store_sensors(s->store, s->o, &names, &n_names, &filter, &s->meta, err);

	const struct gs_filter asked = filter; /* a turn narrows it to the subject; the balance is of all that was asked of */
	if (r == 0)
		r = show_new(s, &filter, err);
	for (unsigned turn = 0; r == 0 && gs_show_turn(s->show, turn, &filter, &needs, &sink); turn++) {
		const bool picks = turn == 0 && (s->subject.kind == GS_SUBJECT_NETWORK || filter.n_asn || filter.n_country);
		const struct gs_scan_options so = { .memory_bytes = s->o->memory_bytes / 8 * 5, .want = picks ? gs_show_wants : NULL, .want_arg = s->show };
		r = gs_store_scan(s->store, &filter, needs, &so, &sink, &s->scan[turn], err);
		if (r == GS_ERR_LIMIT && !*err->text) /* it has seen enough */
			r = 0;
		for (unsigned i = 0; r == 0 && turn == 0 && i < s->scan[turn].n_notes; i++)
			s->meta.notes[s->meta.n_notes++] = s->scan[turn].notes[i];
	}
	if (r == 0)
		r = find_bots(s, &asked, err);
	if (r == 0)
		find_evidence(s, &asked);
	return r == 0 ? gs_store_tally(s->store, &asked, &s->meta.tally, err) : r;
}

static int answer(struct show *s, struct gs_error *err)
{
	const struct gs_dossier *d;
	int r;

	if (gs_enrich_missing(s->enrich))
		s->meta.notes[s->meta.n_notes++] = gs_enrich_missing(s->enrich);
	if (s->run.worst)
		s->meta.notes[s->meta.n_notes++] = s->run.worst == GS_ERR_INTERRUPTED ? "interrupted: covers only what was read" :
											"an input was damaged or missing: covers what could be read";
	if ((r = gs_show_answer(s->show, &s->meta, &d, err)) < 0 || (r = gs_render_dossier(s->render, d, err)) < 0)
		return r;
	if (s->o->verbose)
		balance_print(&s->meta.tally);
	if (d->meta.packets == 0 && s->o->fail_empty && !s->run.worst)
		return EXIT_EMPTY;
	return exit_code_of(s->run.worst);
}

static int show_all(struct show *s)
{
	const struct options *o = s->o;
	const struct gs_render_options ro = render_options(o);
	struct gs_error err = { 0 };
	int r, code;

	progress_start(&s->run.progress, o->quiet);
	if ((r = gs_render_new(&ro, &s->render, &err)) < 0 || (r = databases_open_all(o, &s->enrich, &err)) < 0 ||
	    (o->n_files > 1 && (r = gs_inputs_new_logs(o->files + 1, o->n_files - 1, &o->logs, &s->in, &err)) < 0)) {
		say("%s", err.text);
		return exit_code_of(r);
	}
	if (s->in && gs_inputs_count(s->in) == 0) {
		say("%s: no file in it that grescope reads", o->files[1]);
		return EXIT_DAMAGED;
	}
	s->meta.question = "show";
	memcpy(s->meta.filters, o->given, sizeof s->meta.filters);
	s->meta.n_filters = o->n_given;
	s->meta.n_databases = gs_enrich_databases(s->enrich, s->meta.databases);
	if (s->in) {
		struct gs_filter filter = o->filter;
		if ((r = show_new(s, &filter, &err)) == 0 && (r = files_watch(o, s->seed, NULL, false, &s->run.watch, &err)) == 0) {
			const struct gs_sighting_sink sink = gs_show_sink(s->show);
			code = files_feed(o, &s->run, s->in, &sink, s->seed, &s->meta.tally);
			if (code != EXIT_DONE)
				return code;
			r = find_bots(s, &filter, &err);
		}
	} else {
		r = store_open(o, GS_STORE_READ, &s->store, &err);
		if (r == 0)
			r = from_store(s, &err);
	}
	if (r == 0)
		r = answer(s, &err);
	if (r >= 0)
		return r;
	say("%s", err.text);
	return s->store || !s->in ? (r == GS_ERR_IO ? exit_code_of(r) : store_exit_code(r)) : exit_code_of(r);
}

int cmd_show(const struct options *o)
{
	if (o->n_files && strcmp(o->files[0], "bot") == 0)
		return show_bot(o);

	struct show s = { .o = o };
	int code = parse_what(o, &s.subject);

	if (code != 0)
		return code;
	if (getrandom(&s.seed, sizeof s.seed, 0) != sizeof s.seed)
		s.seed = 0x47524520676f6573u;
	code = show_all(&s);
	gs_show_free(s.show);
	gs_watch_free(s.run.watch);
	gs_inputs_free(s.in);
	gs_store_close(s.store);
	gs_enrich_close(s.enrich);
	gs_render_free(s.render);
	return code;
}
