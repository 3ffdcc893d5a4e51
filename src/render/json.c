/*
 * json.c - one object: {"meta":{...},"rows":[...]}, a row on a line of its own
 *
 * Rows that are streamed come before anyone knows the totals: then "rows" stands first and "meta" last, in the same object.
 */
#include "render/json_value.h"

#include <string.h>

void json_member(struct gs_buf *b, const char *name)
{
	if (b->len && b->data[b->len - 1] != '{')
		gs_buf_putc(b, ',');
	gs_buf_putc(b, '"');
	gs_buf_puts(b, name);
	gs_buf_puts(b, "\":");
}

void json_number(struct gs_buf *b, const char *name, uint64_t v)
{
	json_member(b, name);
	gs_buf_put_u64(b, v);
}

void json_text(struct gs_buf *b, const char *name, const char *v)
{
	json_member(b, name);
	json_string(b, v);
}

static void time_or_null(struct gs_buf *b, const char *name, bool set, struct gs_time t)
{
	char out[GS_TIME_TEXT_MAX];

	if (set)
		gs_time_format(t, 6, out);
	json_text(b, name, set ? out : NULL);
}

static void texts(struct gs_buf *b, const char *name, const char *const *list, unsigned n)
{
	json_member(b, name);
	gs_buf_putc(b, '[');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			gs_buf_putc(b, ',');
		json_string(b, list[i]);
	}
	gs_buf_putc(b, ']');
}

/* What was read and did not become rows: reasons are the words of packet.h. */
static void put_tally(struct gs_buf *b, const struct gs_tally *t)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < GS_LOST_COUNT; i++)
		lost += t->lost[i];
	json_number(b, "lost", lost);
	json_member(b, "lost_by_reason");
	gs_buf_putc(b, '{');
	for (unsigned i = 1; i < GS_LOST_COUNT; i++)
		json_number(b, gs_lost_word(i), t->lost[i]);
	gs_buf_putc(b, '}');
	json_number(b, "lost_in_sensor", gs_tally_sensor_lost(t));
	json_number(b, "possibly_lost_below", t->dropped[GS_DROP_BELOW]);
	json_number(b, "packets_read", t->packets);
	json_number(b, "packets_in_sightings", t->in_sightings);
	json_number(b, "fragments", t->fragments);
	json_number(b, "fragment_bytes", t->fragment_bytes);
	json_number(b, "not_gre", t->not_gre);
	json_number(b, "gre_udp", t->gre_udp);
	json_number(b, "gre_udp_hidden", t->gre_udp_hidden);
	json_number(b, "folded_packets", t->folded_packets);
	json_number(b, "records", t->records);
	json_number(b, "records_bad", t->records_bad);
	json_number(b, "records_other", t->records_other);
	json_number(b, "undated", t->undated);
}

static void put_databases(struct gs_buf *b, const struct gs_meta *m)
{
	json_member(b, "databases");
	gs_buf_putc(b, '[');
	for (unsigned i = 0; i < m->n_databases; i++) {
		gs_buf_puts(b, i ? ",{" : "{");
		json_text(b, "name", m->databases[i].name);
		json_text(b, "edition", m->databases[i].edition);
		json_text(b, "credit", m->databases[i].credit);
		gs_buf_putc(b, '}');
	}
	gs_buf_putc(b, ']');
}

void json_meta(struct gs_buf *b, const struct gs_meta *m)
{
	gs_buf_puts(b, "\"meta\":{");
	json_text(b, "question", m->question);
	texts(b, "filters", m->filters, m->n_filters);
	time_or_null(b, "first_seen", m->packets > 0, m->first_seen);
	time_or_null(b, "last_seen", m->packets > 0, m->last_seen);
	texts(b, "sensors", m->sensors, m->n_sensors);
	json_number(b, "packets", m->packets);
	if (m->bytes || !m->packets) {
		json_number(b, "bytes", m->bytes);
	} else { /* not zero: unknown */
		json_member(b, "bytes");
		gs_buf_puts(b, "null");
	}
	json_number(b, "sources", m->sources);
	json_member(b, "sources_estimated");
	gs_buf_puts(b, m->sources_estimated ? "true" : "false");
	if (m->sightings || !m->packets) {
		json_number(b, "sightings", m->sightings);
	} else { /* not counted */
		json_member(b, "sightings");
		gs_buf_puts(b, "null");
	}
	json_number(b, "rows_total", m->rows_total);
	for (unsigned i = 0; i < m->n_figures; i++)
		json_number(b, m->figures[i].name, m->figures[i].value);
	put_tally(b, &m->tally);
	put_databases(b, m);
	texts(b, "notes", m->notes, m->n_notes);
	if (m->n_findings)
		texts(b, "findings", m->findings, m->n_findings);
	gs_buf_putc(b, '}');
}

static int begin(struct gs_render *r, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	(void)err;
	r->meta_first = complete;
	gs_buf_putc(&r->out, '{');
	if (complete) {
		json_meta(&r->out, meta);
		gs_buf_puts(&r->out, ",\n");
	}
	gs_buf_puts(&r->out, "\"rows\":[");
	return 0;
}

static void row(struct gs_render *r, const struct gs_cell *cells)
{
	gs_buf_puts(&r->out, r->n_rows ? ",\n" : "\n");
	json_row(&r->out, r->columns, r->n_columns, cells);
}

static int end(struct gs_render *r, const struct gs_meta *meta, struct gs_error *err)
{
	(void)err;
	gs_buf_puts(&r->out, r->n_rows ? "\n]" : "]");
	if (!r->meta_first) {
		gs_buf_puts(&r->out, ",\n");
		json_meta(&r->out, meta);
	}
	gs_buf_puts(&r->out, "}\n");
	return 0;
}

const struct render_ops render_json = { .begin = begin, .row = row, .end = end };
