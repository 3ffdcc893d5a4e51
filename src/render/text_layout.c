#include "render/text_layout.h"

#include "grescope/error.h"
#include "render/out.h"

#include <string.h>

/* From roomy to tight. Bars are what is seen first: only a narrow terminal goes without before it loses columns. */
static const struct level {
	unsigned bar, text_max;
	bool dates_only;
} levels[] = { { 20, 40, false }, { 12, 32, false }, { 12, 24, true }, { 8, 18, true }, { 6, 12, true }, { 0, 10, true } };

#define LEVELS (sizeof levels / sizeof *levels)
#define NARROW 64
#define FIRST_MIN 29 /* the first column is what the row is about: cut later than the others, and never the identifier of a bot, so that it can be copied */

/*
 * What a table does without first, from left to right. Before these go columns that say the same in every row and columns not named here (new
 * ones, too), the last first. The first column stays.
 */
static const char *const drop_order[] = {
	"space_share", "slope_per_week", "p_value", "ratio", "by_week", "evidence", "inner_ttl",  "sensor",     "confidence", "inner_src_port", "inner_dst_port", "ttl",       "ip_len",  "gre_version", "inner_protocol",
	"bot",      "bytes",      "src_region", "first_seen", "gre_key",        "inner_src_ip",   "inner_dst_ip", "gre_proto", "src_geo",
	"last_seen", "top_class", "sources",    "src_city",   "src_as_name",    "dst_ip",         "src_asn",   "share",   "class",       "src_ip",
	"packets",
};

struct measured {
	const struct gs_column *columns;
	unsigned n, stride;
	bool candidate[TEXT_MAX_COLUMNS];          /* shown if there is room */
	bool constant[TEXT_MAX_COLUMNS];           /* the same in every row */
	unsigned natural[TEXT_MAX_COLUMNS];        /* text: uncut; shares: without bars; not of times */
};

static bool has_seconds(const struct gs_column *c)
{
	return strcmp(c->name, "timestamp") == 0 || strcmp(c->name, "end_time") == 0;
}

/* What a text column may take; 0: all it wants. */
static unsigned text_limit(unsigned column, unsigned text_max)
{
	return text_max && column == 0 && text_max < FIRST_MIN ? FIRST_MIN : text_max;
}

static unsigned column_width(const struct measured *m, unsigned i, const struct level *level, unsigned text_max)
{
	const struct gs_column *c = &m->columns[i];
	unsigned w = m->natural[i], title = (unsigned)strlen(c->title), limit = text_limit(i, text_max);

	if (c->type == GS_CELL_SHARE)
		w += level->bar ? 1 + level->bar : 0;
	else if (c->type == GS_CELL_TIME)
		w = has_seconds(c) ? (level->dates_only ? 16 : 19) : level->dates_only ? 10 : 16;
	else if (c->type == GS_CELL_TEXT && !c->whole && limit && w > limit)
		w = limit;
	return w > title ? w : title;
}

static unsigned total_width(const struct measured *m, const struct level *level, unsigned text_max)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < m->n; i++)
		if (m->candidate[i])
			sum += column_width(m, i, level, text_max) + (sum ? TEXT_GAP : 0);
	return sum;
}

static int measure(struct measured *m, const struct gs_cell *cells, size_t n_rows, const struct text_style *base)
{
	struct gs_buf b = { 0 }, before = { 0 };

	for (unsigned i = 0; i < m->n; i++) {
		bool any = i == 0;
		m->constant[i] = n_rows > 1;
		for (size_t row = 0; row < n_rows; row++) {
			const struct gs_cell *c = &cells[row * m->stride + i];
			any |= c->set;
			gs_buf_clear(&b);
			text_cell(&b, m->columns[i].type, c, base);
			const unsigned w = b.failed ? 0 : text_width(b.data, b.len);
			m->natural[i] = w > m->natural[i] ? w : m->natural[i];
			if (row && (b.len != before.len || b.failed || memcmp(b.data, before.data, b.len) != 0))
				m->constant[i] = false;
			const struct gs_buf t = before;
			before = b;
			b = t;
		}
		m->candidate[i] = any && !m->columns[i].hidden_in_text;
	}
	const bool failed = b.failed || before.failed;
	gs_buf_done(&b);
	gs_buf_done(&before);
	return failed ? GS_ERR_NOMEM : 0;
}

static unsigned rank(const struct measured *m, unsigned column)
{
	for (unsigned i = 0; i < sizeof drop_order / sizeof *drop_order && !m->constant[column]; i++)
		if (strcmp(m->columns[column].name, drop_order[i]) == 0)
			return i + 1;
	return 0;
}

/* Leaves out the least telling column that is still there; false where only the first is left. */
static bool drop_one(struct measured *m)
{
	unsigned worst = 0;

	for (unsigned i = 1; i < m->n; i++)
		if (m->candidate[i] && (worst == 0 || rank(m, i) <= rank(m, worst)))
			worst = i;
	m->candidate[worst] = m->candidate[worst] && worst == 0;
	return worst != 0;
}

static const struct level *choose(struct measured *m, unsigned width)
{
	if (width == 0)
		return &levels[0];
	do {
		for (size_t k = 0; k < LEVELS - (width >= NARROW); k++)
			if (total_width(m, &levels[k], levels[k].text_max) <= width)
				return &levels[k];
	} while (drop_one(m));
	return &levels[LEVELS - 1];
}

int text_layout(struct text_layout *l, const struct gs_column *columns, unsigned n_columns, const struct gs_cell *cells, size_t n_rows,
                unsigned width, const struct text_style *base)
{
	struct measured m = { .columns = columns, .n = n_columns < TEXT_MAX_COLUMNS ? n_columns : TEXT_MAX_COLUMNS, .stride = n_columns }, all;
	unsigned text_max = 0;

	if (measure(&m, cells, n_rows, base) < 0)
		return GS_ERR_NOMEM;
	all = m;
	const struct level *level = choose(&m, width);
	if (width) /* what room is left goes to the text, as evenly as it can be used */
		for (text_max = level->text_max; text_max < width && total_width(&m, level, text_max + 1) <= width;)
			text_max++;
	*l = (struct text_layout){ .style = *base };
	l->style.bar = level->bar;
	l->style.dates_only = level->dates_only;
	for (unsigned i = 0; i < m.n; i++) {
		l->shown[i] = m.candidate[i];
		l->dropped[i] = all.candidate[i] && !m.candidate[i];
		l->max[i] = columns[i].type == GS_CELL_TEXT && !columns[i].whole ? text_limit(i, text_max) : 0;
		if (columns[i].type == GS_CELL_SHARE && m.natural[i] > l->style.percent)
			l->style.percent = m.natural[i];
	}
	return 0;
}

struct text_style text_layout_style(const struct text_layout *l, const struct gs_column *columns, unsigned column)
{
	struct text_style s = l->style;

	s.text_max = l->max[column];
	if (has_seconds(&columns[column])) { /* a row of raw data without its time of day is nothing */
		s.seconds = !s.dates_only;
		s.dates_only = false;
	}
	return s;
}
