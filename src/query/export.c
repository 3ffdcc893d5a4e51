/*
 * export.c - the raw data: one row per sighting, as it comes, or kept and sorted
 *
 * Without --sort rows go to the writer in batches and nothing is kept but the set of sources. With --sort sightings are kept, each with the value
 * it is sorted by, up to the cap on memory; with --sort and --limit only the best `limit` of them, in a heap whose top is the worst, so that
 * the twenty largest of any number cost the memory of twenty. Ties keep the order in which the sightings came.
 */
#include "query/state.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_PAGE 1024u

struct kept {
	struct gs_cell value; /* of the column to sort by; not set for those that need text of their own (made when compared) */
	uint64_t seq;
	struct gs_sighting s;
};

struct export {
	struct gs_cell *cells; /* QUERY_BATCH rows */
	char *text;            /* their scratch */
	struct query_scratch scratch;
	size_t n;              /* rows of the batch so far */
	bool begun, full;
	uint64_t rows;         /* written, or in the batch */
	struct query_distinct sources;
	uint64_t folded_sources;
	bool folded_before;

	struct kept **pages;   /* with --sort */
	uint32_t n_pages, pages_cap, n_kept;
	uint32_t *order;       /* places of the kept: the heap, in the end sorted */
	uint64_t seq;
};

/* -- cells --------------------------------------------------------------------------------------------------------------------------- */

struct row {
	const struct gs_sighting *s;
	struct gs_origin origin;
	bool redact_src, redact_inner_src, redact_inner_dst;
};

static bool withheld(const struct gs_query *q, const struct row *row, const struct gs_addr *a)
{
	return q->q.redact_dst && a->family && (gs_addr_equal(a, &row->s->dst) || (row->redact_src && gs_addr_equal(a, &row->s->src)));
}

static void row_of(struct gs_query *q, const struct gs_sighting *s, struct row *row)
{
	*row = (struct row){ .s = s, .redact_src = query_source_redacted(q, s) };
	row->redact_inner_src = withheld(q, row, &s->inner_src);
	row->redact_inner_dst = withheld(q, row, &s->inner_dst);
	if (!row->redact_src) /* the place of a withheld address would say whose it is */
		query_origins_get(&q->origins, &s->src, query_day(s->first), &row->origin);
}

static void cell_sensor(const struct gs_query *q, uint16_t sensor, struct gs_cell *c)
{
	const char *const *names = q->q.sensor_names;
	query_cell_text(c, names && sensor < q->q.n_sensor_names ? names[sensor] : NULL);
}

static void cell_source(const struct gs_query *q, uint8_t id, const struct row *row, struct gs_cell *c, struct query_scratch *t)
{
	const struct gs_origin *o = &row->origin;

	switch (id) {
	case COL_SRC_IP:
		query_cell_addr(c, &row->s->src, row->redact_src);
		break;
	case COL_SRC_ASN:
		query_cell_number(c, o->asn != 0, o->asn);
		break;
	case COL_SRC_AS_NAME:
		query_cell_text(c, query_origins_string(&q->origins, o->as_name));
		break;
	case COL_SRC_GEO:
		query_cell_country(c, o->country, t);
		break;
	case COL_SRC_REGION:
		query_cell_text(c, query_origins_string(&q->origins, o->region));
		break;
	case COL_SRC_CITY:
		query_cell_text(c, query_origins_string(&q->origins, o->city));
		break;
	}
}

static void cell_gre(uint8_t id, const struct gs_sighting *s, struct gs_cell *c)
{
	switch (id) {
	case COL_PROTOCOL:
		query_cell_number(c, s->protocol != 0, s->protocol);
		break;
	case COL_IP_LEN:
		query_cell_number(c, s->has & GS_HAS_IP_LEN, s->ip_len);
		break;
	case COL_TTL:
		query_cell_number(c, s->has & GS_HAS_TTL, s->ttl);
		break;
	case COL_GRE_VERSION:
		query_cell_number(c, s->has & GS_HAS_FLAGS, s->gre_flags & 7);
		break;
	case COL_GRE_FLAGS:
		query_cell_number(c, s->has & GS_HAS_FLAGS, s->gre_flags);
		break;
	case COL_GRE_PROTO:
		query_cell_number(c, s->has & GS_HAS_PROTO, s->gre_proto);
		break;
	case COL_GRE_KEY:
		query_cell_number(c, s->has & GS_HAS_KEY, s->gre_key);
		break;
	case COL_GRE_SEQ:
		query_cell_number(c, s->has & GS_HAS_SEQ, s->gre_seq);
		break;
	}
}

static void cell_inner(uint8_t id, const struct row *row, struct gs_cell *c)
{
	const struct gs_sighting *s = row->s;

	switch (id) {
	case COL_INNER_PROTOCOL:
		query_cell_number(c, s->has & GS_HAS_INNER, s->inner_proto);
		break;
	case COL_INNER_SRC_IP:
		query_cell_addr(c, &s->inner_src, row->redact_inner_src);
		break;
	case COL_INNER_DST_IP:
		query_cell_addr(c, &s->inner_dst, row->redact_inner_dst);
		break;
	case COL_INNER_SRC_PORT:
		query_cell_number(c, s->has & GS_HAS_PORTS, s->inner_sport);
		break;
	case COL_INNER_DST_PORT:
		query_cell_number(c, s->has & GS_HAS_PORTS, s->inner_dport);
		break;
	case COL_INNER_TTL:
		query_cell_number(c, s->has & GS_HAS_INNER, s->inner_ttl);
		break;
	}
}

static void cell_verdict(const struct gs_query *q, uint8_t id, const struct row *row, struct gs_cell *c, struct query_scratch *t)
{
	const struct gs_sighting *s = row->s;

	switch (id) {
	case COL_CLASS:
		query_cell_class(c, s->class_);
		break;
	case COL_CONFIDENCE:
		query_cell_number(c, true, s->confidence);
		break;
	case COL_EVIDENCE:
		query_cell_text(c, t->at);
		t->at += gs_evidence_format(s, t->at) + 1;
		c->set = *c->text != '\0';
		break;
	case COL_BOT:
		query_cell_text(c, t->at);
		t->at += gs_bot_format(s, t->at) + 1;
		c->set = *c->text != '\0';
		break;
	case COL_FIDELITY:
		query_cell_text(c, gs_fidelity_word(s->fidelity));
		break;
	case COL_SENSOR:
		cell_sensor(q, s->sensor, c);
		break;
	}
}

static void cell_of(const struct gs_query *q, uint8_t id, const struct row *row, struct gs_cell *c, struct query_scratch *t)
{
	const struct gs_sighting *s = row->s;

	*c = (struct gs_cell){ 0 };
	switch (id) {
	case COL_TIMESTAMP:
		query_cell_time(c, s->first.ns);
		break;
	case COL_END_TIME:
		query_cell_time(c, s->last.ns);
		break;
	case COL_DST_IP:
		query_cell_addr(c, &s->dst, q->q.redact_dst);
		break;
	case COL_PACKETS:
		query_cell_number(c, true, s->packets);
		break;
	case COL_BYTES:
		query_cell_number(c, (s->has & GS_HAS_IP_LEN) || s->bytes, s->bytes);
		break;
	case COL_SRC_IP:
	case COL_SRC_ASN:
	case COL_SRC_AS_NAME:
	case COL_SRC_GEO:
	case COL_SRC_REGION:
	case COL_SRC_CITY:
		cell_source(q, id, row, c, t);
		break;
	case COL_INNER_PROTOCOL:
	case COL_INNER_SRC_IP:
	case COL_INNER_DST_IP:
	case COL_INNER_SRC_PORT:
	case COL_INNER_DST_PORT:
	case COL_INNER_TTL:
		cell_inner(id, row, c);
		break;
	case COL_SENSOR:
	case COL_CLASS:
	case COL_CONFIDENCE:
	case COL_EVIDENCE:
	case COL_BOT:
	case COL_FIDELITY:
		cell_verdict(q, id, row, c, t);
		break;
	default: /* host name and device: not known yet */
		cell_gre(id, s, c);
	}
}

/* -- batches ------------------------------------------------------------------------------------------------------------------------- */

static int begin(struct gs_query *q, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	q->export->begun = true;
	return q->writer.begin(q->writer.arg, q->columns->columns, q->columns->n, meta, complete, err);
}

static int begin_streaming(struct gs_query *q, struct gs_error *err)
{
	struct gs_meta head = { .question = "export" };

	if (q->q.head)
		head = *q->q.head;
	query_redact_filters(q, &head);
	return begin(q, &head, false, err);
}

static int flush(struct gs_query *q, struct gs_error *err)
{
	struct export *x = q->export;
	const struct gs_table t = { .columns = q->columns->columns, .n_columns = q->columns->n, .cells = x->cells, .n_rows = x->n };
	int r = x->begun ? 0 : begin_streaming(q, err);

	if (r == 0 && x->n)
		r = q->writer.rows(q->writer.arg, &t, err);
	x->n = 0;
	x->scratch.at = x->text;
	return r;
}

static int put_row(struct gs_query *q, const struct gs_sighting *s, struct gs_error *err)
{
	struct export *x = q->export;
	struct gs_cell *cells = &x->cells[x->n * q->columns->n];
	struct row row;

	row_of(q, s, &row);
	for (unsigned i = 0; i < q->columns->n; i++)
		cell_of(q, q->columns->ids[i], &row, &cells[i], &x->scratch);
	x->rows++;
	return ++x->n == QUERY_BATCH ? flush(q, err) : 0;
}

/* -- sorting ------------------------------------------------------------------------------------------------------------------------- */

static struct kept *kept_at(const struct export *x, uint32_t i)
{
	return &x->pages[i / KEPT_PAGE][i % KEPT_PAGE];
}

/* Text that is made, not lent, is made again for every comparison: rare columns to sort by, and nothing to keep. */
static bool made_text(const struct gs_query *q)
{
	const uint8_t id = q->columns->ids[q->sort];
	return id == COL_EVIDENCE || id == COL_BOT || id == COL_SRC_GEO;
}

static void value_of(struct gs_query *q, const struct gs_sighting *s, struct gs_cell *ret, char text[QUERY_SCRATCH_MAX])
{
	struct query_scratch t = { text };
	struct row row;

	row_of(q, s, &row);
	cell_of(q, q->columns->ids[q->sort], &row, ret, &t);
}

static int compare_kept(struct gs_query *q, const struct kept *a, const struct kept *b)
{
	const uint8_t type = q->columns->columns[q->sort].type;
	int c;

	if (made_text(q)) {
		char text_a[QUERY_SCRATCH_MAX], text_b[QUERY_SCRATCH_MAX];
		struct gs_cell va, vb;
		value_of(q, &a->s, &va, text_a);
		value_of(q, &b->s, &vb, text_b);
		c = query_cell_compare(type, &va, &vb, q->descending);
	} else {
		c = query_cell_compare(type, &a->value, &b->value, q->descending);
	}
	return c ? c : (a->seq > b->seq) - (a->seq < b->seq);
}

static int compare_places(const void *a, const void *b, void *arg)
{
	struct gs_query *q = arg;
	return compare_kept(q, kept_at(q->export, *(const uint32_t *)a), kept_at(q->export, *(const uint32_t *)b));
}

static void heap_down(struct gs_query *q, uint32_t n, uint32_t at)
{
	uint32_t *h = q->export->order;

	for (;;) {
		uint32_t worst = at;
		for (uint64_t child = (uint64_t)at * 2 + 1; child <= (uint64_t)at * 2 + 2 && child < n; child++)
			if (compare_places(&h[child], &h[worst], q) > 0)
				worst = (uint32_t)child;
		if (worst == at)
			return;
		const uint32_t t = h[at];
		h[at] = h[worst];
		h[worst] = t;
		at = worst;
	}
}

static int out_of_room(struct gs_query *q, struct gs_error *err)
{
	return gs_fail(err, GS_ERR_LIMIT, "--sort keeps every row, and %u of them fill the %zu MiB of --memory: filter, raise --memory, or add --limit",
	               q->export->n_kept, q->q.memory_bytes >> 20);
}

static int kept_new(struct gs_query *q, struct kept **ret, struct gs_error *err)
{
	struct export *x = q->export;

	if (x->n_kept == x->n_pages * KEPT_PAGE) {
		const size_t page = KEPT_PAGE * (sizeof(struct kept) + sizeof *x->order);
		if ((x->n_pages + 1) * page > q->q.memory_bytes || x->n_pages >= UINT32_MAX / KEPT_PAGE)
			return out_of_room(q, err);
		if (x->n_pages == x->pages_cap) {
			const uint32_t cap = x->pages_cap ? x->pages_cap * 2 : 64;
			struct kept **pages = realloc(x->pages, cap * sizeof *pages);
			uint32_t *order = pages ? realloc(x->order, (size_t)cap * KEPT_PAGE * sizeof *order) : NULL;
			x->pages = pages ? pages : x->pages;
			if (!order)
				return gs_fail(err, GS_ERR_NOMEM, "out of memory");
			x->order = order;
			x->pages_cap = cap;
		}
		if (!(x->pages[x->n_pages] = malloc(KEPT_PAGE * sizeof **x->pages)))
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		x->n_pages++;
	}
	x->order[x->n_kept] = x->n_kept;
	*ret = kept_at(x, x->n_kept++);
	return 0;
}

static int keep(struct gs_query *q, const struct gs_sighting *s, struct gs_error *err)
{
	struct export *x = q->export;
	struct kept k = { .seq = x->seq++, .s = *s }, *to = NULL;
	char text[QUERY_SCRATCH_MAX];

	if (!made_text(q))
		value_of(q, s, &k.value, text);
	if (q->q.limit && x->n_kept == q->q.limit) {
		to = kept_at(x, x->order[0]);
		if (compare_kept(q, &k, to) < 0) {
			*to = k;
			heap_down(q, x->n_kept, 0);
		}
		return 0;
	}
	int r = kept_new(q, &to, err);
	if (r < 0)
		return r;
	*to = k;
	if (x->n_kept == q->q.limit)
		for (uint32_t i = x->n_kept / 2; i-- > 0;)
			heap_down(q, x->n_kept, i);
	return 0;
}

/* -- from the first sighting to the answer --------------------------------------------------------------------------------------------- */

int query_export_init(struct gs_query *q, struct gs_error *err)
{
	struct export *x = q->export = calloc(1, sizeof *x);

	if (!x || !(x->cells = malloc(QUERY_BATCH * q->columns->n * sizeof *x->cells)) || !(x->text = malloc(QUERY_BATCH * QUERY_SCRATCH_MAX)) ||
	    query_distinct_init(&x->sources, q->q.memory_bytes / 4, q->q.hash_seed) < 0)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	x->scratch.at = x->text;
	return 0;
}

void query_export_done(struct gs_query *q)
{
	struct export *x = q->export;

	if (!x)
		return;
	for (uint32_t i = 0; i < x->n_pages; i++)
		free(x->pages[i]);
	free(x->pages);
	free(x->order);
	free(x->cells);
	free(x->text);
	query_distinct_done(&x->sources);
	free(x);
}

static void count(struct gs_query *q, const struct gs_sighting *s)
{
	struct export *x = q->export;

	query_count(q, s);
	if (s->src.family && !(s->flags & GS_SIGHTING_FOLDED)) {
		query_distinct_add(&x->sources, &s->src);
	} else {
		x->folded_sources = query_add(x->folded_sources, s->sources, &q->saturated);
		x->folded_before = true;
	}
}

/* No sentence: a full answer is no trouble. */
static int stop(struct gs_error *err)
{
	if (err)
		*err = (struct gs_error){ .code = GS_ERR_LIMIT };
	return GS_ERR_LIMIT;
}

int query_export_take(struct gs_query *q, const struct gs_sighting *const *s, size_t n, struct gs_error *err)
{
	struct export *x = q->export;

	for (size_t i = 0; i < n && !x->full; i++) {
		count(q, s[i]);
		int r = q->sort >= 0 ? keep(q, s[i], err) : put_row(q, s[i], err);
		if (r < 0)
			return r;
		x->full = q->sort < 0 && q->q.limit && x->rows == q->q.limit;
	}
	if (!x->full)
		return 0;
	int r = flush(q, err);
	return r < 0 ? r : stop(err);
}

static void fill_meta(struct gs_query *q, struct gs_meta *meta)
{
	struct export *x = q->export;

	meta->sources = query_add(query_distinct_count(&x->sources), x->folded_sources, &q->saturated);
	meta->sources_estimated = x->sources.over || x->folded_before;
	meta->rows_total = q->sightings;
	query_note_sources(q, meta, x->sources.over, x->folded_before);
	if (x->full)
		query_note(q, meta, "reading stopped at the limit of %llu rows: the totals are of these rows", (unsigned long long)q->q.limit);
}

static int write_sorted(struct gs_query *q, const struct gs_meta *meta, struct gs_error *err)
{
	struct export *x = q->export;
	int r = begin(q, meta, true, err);

	if (x->n_kept)
		qsort_r(x->order, x->n_kept, sizeof *x->order, compare_places, q);
	for (uint32_t i = 0; i < x->n_kept && r == 0; i++)
		r = put_row(q, &kept_at(x, x->order[i])->s, err);
	return r;
}

int query_export_answer(struct gs_query *q, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err)
{
	int r = 0;

	fill_meta(q, meta);
	if (q->sort >= 0)
		r = write_sorted(q, meta, err);
	if (r == 0 && !q->export->begun)
		r = begin(q, meta, true, err);
	if (r == 0)
		r = flush(q, err);
	if (r == 0)
		r = q->writer.end(q->writer.arg, meta, err);
	if (r == 0)
		*ret_rows = q->export->rows;
	return r;
}
