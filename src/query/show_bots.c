/* show_bots.c - the bot processes that sent from the subject: the table of `bots`, cut down to them */
#include "query/show_state.h"

#include "query/bots.h"

#include <stdlib.h>

/* Whether one of the sources that were kept of it is the subject's, and passes the filters on sources. */
static bool is_behind(struct gs_show *s, const struct gs_bot_process *p)
{
	const struct gs_filter *f = &s->q.filter;
	struct gs_origin o;

	for (unsigned i = 0; i < p->n_src; i++) {
		const struct gs_addr *a = &p->src[i];
		bool listed = f->n_src == 0;
		for (unsigned k = 0; k < f->n_src && !listed; k++)
			listed = gs_prefix_contains(&f->src[k], a);
		if (!listed || !show_of_subject(s, a))
			continue;
		if (!f->n_asn && !f->n_country)
			return true;
		query_origins_get(&s->origins, a, query_day(p->first_seen), &o);
		if (query_origin_matches(f, &o))
			return true;
	}
	return false;
}

static int begin(void *arg, const struct gs_column *columns, unsigned n_columns, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct show_kept *k = arg;
	struct gs_show *s = k->show;

	(void)complete, (void)err;
	k->columns = columns;
	k->n_columns = n_columns;
	s->dossier.bots = show_copy(s, meta->n_findings ? meta->findings[0] : NULL);
	for (unsigned i = 0; i < meta->n_notes && s->n_bot_notes < SHOW_BOT_NOTES; i++)
		s->bot_notes[s->n_bot_notes++] = show_copy(s, meta->notes[i]);
	s->bots_total = meta->rows_total;
	return 0;
}

static int end(void *arg, const struct gs_meta *meta, struct gs_error *err)
{
	(void)arg, (void)meta, (void)err;
	return 0;
}

int gs_show_bots(struct gs_show *s, const struct gs_store_bot *list, size_t n, struct gs_error *err)
{
	const struct gs_bots_question q = { .limit = s->q.limit, .redact_dst = s->q.redact_dst, .hash_seed = s->q.hash_seed };
	const struct gs_table_writer writer = { begin, show_keep_rows, end, &s->bots };
	const struct gs_bots_rest rest = { 0 };
	struct gs_bot_process *own = malloc((n ? n : 1) * sizeof *own);
	struct gs_meta meta = { 0 };
	bool wide = false;
	size_t n_own = 0;
	uint64_t rows;
	int r = 0;

	if (!own)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (gs_store_bot_fits(&s->q.filter, &list[i]) && is_behind(s, &list[i].process)) {
			wide |= list[i].process.src_ips > 1;
			own[n_own++] = list[i].process;
		}
	s->bots.show = s;
	if (n_own)
		r = gs_bots_answer(&q, own, n_own, &rest, &writer, &meta, &rows, err);
	if (r == 0 && s->origins.trouble.code) {
		if (err)
			*err = s->origins.trouble;
		r = s->origins.trouble.code;
	}
	if (wide && s->n_bot_notes < SHOW_BOT_NOTES)
		s->bot_notes[s->n_bot_notes++] = "the numbers of a bot process are those of all its sources, also of those that lie elsewhere";
	free(own);
	return r;
}
