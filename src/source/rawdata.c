/*
 * rawdata.c - tables of protocol-47 packets as text, one row a line: the shape of the first published raw data, and grescope's own export
 *
 *   "Source IP",_time,count,Protocol
 *   192.0.2.1,2017-07-25T12:05:31.000-0700,1,47
 *
 * Cells are separated by tab, comma, semicolon or blanks, quoted or not, columns in any order: the heading says. A byte-order mark and CR
 * LF are tolerated. A line that cannot be read is counted, the first such is kept in words, and reading goes on: such files are pasted and
 * edited by hand.
 */
#include "source/rawdata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/source_int.h"

struct rawdata {
	struct raw_layout layout;
	uint64_t line;   /* number of the last line taken, 1-based */
	bool in_long;    /* inside a line that is too long to read */
};

/* The first line that is not blank, after a byte-order mark; *ret_skip is where the one after it starts. MATCH_MORE where its end is not
 * there. */
static enum source_match heading_find(const uint8_t *start, size_t len, bool whole, struct raw_cell *ret, size_t *ret_skip,
				      uint64_t *ret_line)
{
	const char *p = (const char *)start, *end = p + len;

	*ret_line = 0;
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		for (const char *c = p; c < stop; c++)
			if ((uint8_t)*c < ' ' && *c != '\t' && *c != '\r')
				return MATCH_NO;
		if (!nl && !whole)
			return MATCH_MORE;
		++*ret_line;
		size_t n = (size_t)(stop - p);
		while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
		if (n > 0) {
			*ret = (struct raw_cell){ p, n };
			*ret_skip = (size_t)((const uint8_t *)stop - start) + (nl != NULL);
			return MATCH_YES;
		}
		p = nl ? nl + 1 : end;
	}
	return whole ? MATCH_NO : MATCH_MORE;
}

static enum source_match rawdata_match(const uint8_t *start, size_t len, bool whole)
{
	struct raw_layout layout;
	struct raw_cell heading;
	size_t skip;
	uint64_t line;

	enum source_match m = heading_find(start, len, whole, &heading, &skip, &line);
	if (m != MATCH_YES)
		return m;
	return raw_layout_read(heading.text, heading.len, &layout) ? MATCH_YES : MATCH_NO;
}

static int rawdata_open(struct gs_source *s, struct gs_error *err)
{
	struct stream *st = &s->stream;
	struct raw_cell heading;
	size_t skip;
	struct rawdata *rd = calloc(1, sizeof *rd);

	if (!rd)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", s->path);
	s->state = rd;
	/* the same window that was recognised */
	if (heading_find(st->p, stream_left(st), st->ended, &heading, &skip, &rd->line) != MATCH_YES ||
	    !raw_layout_read(heading.text, heading.len, &rd->layout))
		return gs_fail(err, GS_ERR_FORMAT, "%s: heading lost", s->path);
	st->p += skip;
	return 0;
}

static void rawdata_close(struct gs_source *s)
{
	free(s->state);
}

__attribute__((format(printf, 3, 4))) static void row_bad(struct gs_source *s, struct gs_tally *tally, const char *format, ...)
{
	const struct rawdata *rd = s->state;
	char text[sizeof s->first_bad - 32];
	va_list ap;

	tally->records_bad++;
	if (s->first_bad[0])
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	snprintf(s->first_bad, sizeof s->first_bad, "line %" PRIu64 ": %s", rd->line, text);
}

/* The next line, lent until the next call; too long ones are counted and passed over. 1, 0 at the end, or negative. */
static int line_next(struct gs_source *s, struct raw_cell *ret, struct gs_tally *tally, struct gs_error *err)
{
	struct rawdata *rd = s->state;
	struct stream *st = &s->stream;

	for (;;) {
		const size_t left = stream_left(st);
		const uint8_t *nl = left ? memchr(st->p, '\n', left) : NULL;
		if (!nl && !st->ended && left < SOURCE_START_MAX) {
			int r = stream_fill(st, left + 1, err);
			if (r < 0)
				return r;
			continue;
		}
		/* Of compressed data that broke off, an unfinished line is no evidence: its last number may be cut. */
		if (!nl && st->ended && st->damage.code)
			return source_ends_inside(s, "line", stream_offset(st), 0, 0, err);
		if (!nl && left == 0 && !rd->in_long)
			return 0;
		const size_t len = nl ? (size_t)(nl - st->p) : left;
		const bool too_long = rd->in_long || len >= SOURCE_START_MAX;
		*ret = (struct raw_cell){ (const char *)st->p, len };
		st->p += len + (nl != NULL);
		rd->line += !rd->in_long;
		if (!too_long)
			return 1;
		if (!rd->in_long)
			row_bad(s, tally, "longer than %u octets", SOURCE_START_MAX - 1);
		rd->in_long = !nl && !st->ended;
	}
}

/* A row that was cut into cells: what it lacks, or NULL. */
static const char *row_lacks(struct raw_row *row)
{
	struct gs_sighting *v = &row->sighting;

	if (!row->has_src && !(v->flags & GS_SIGHTING_FOLDED))
		return "no source";
	if (!row->has_first)
		return "no time";
	if (!row->has_protocol)
		return "no protocol";
	if (!row->has_last)
		v->last = v->first;
	if (v->last.ns < v->first.ns)
		return "end before its start";
	if (!row->has_bytes && v->packets == 1)
		v->bytes = v->ip_len;
	return NULL;
}

static bool line_read(struct gs_source *s, struct raw_cell line, struct gs_sighting *out, struct gs_tally *tally)
{
	const struct rawdata *rd = s->state;
	char quoted[SOURCE_QUOTE_MAX + 4];
	struct raw_row row;
	const char *lacks;

	while (line.len > 0 && (line.text[line.len - 1] == '\r' || line.text[line.len - 1] == ' '))
		line.len--;
	if (line.len == 0)
		return false;
	if (memchr(line.text, '\0', line.len)) {
		row_bad(s, tally, "holds a NUL octet");
	} else if (!raw_row_read(&rd->layout, line.text, line.len, &row)) {
		row_bad(s, tally, "`%s` does not fit the heading", source_quote(line.text, line.len, quoted));
	} else if (row.other) {
		tally->records_other++;
	} else if (row.bad) {
		row_bad(s, tally, "%s `%s` is none that grescope reads", row.bad,
			source_quote(row.bad_cell.text, row.bad_cell.len, quoted));
	} else if ((lacks = row_lacks(&row))) {
		row_bad(s, tally, "%s", lacks);
	} else {
		tally->records++;
		*out = row.sighting;
		return true;
	}
	return false;
}

static int rawdata_sightings(struct gs_source *s, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			     struct gs_error *err)
{
	struct raw_cell line;
	int r = 1;

	while (*ret_n < max && (r = line_next(s, &line, tally, err)) > 0)
		*ret_n += line_read(s, line, &out[*ret_n], tally);
	return r < 0 ? r : 0;
}

const struct gs_source_ops source_rawdata = {
	.format = "badpackets",
	.door = GS_DOOR_SIGHTINGS,
	.match = rawdata_match,
	.open = rawdata_open,
	.close = rawdata_close,
	.sightings = rawdata_sightings,
};
