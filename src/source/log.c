/*
 * log.c - a file of log lines as a source: search first, read what was found
 *
 * A block is searched for needles; only around a needle is the line's beginning and end looked for. Lines are counted, for messages, but otherwise not
 * looked at. What no format says is its own is passed over: logs hold many other things.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/log_lines.h"
#include "source/log_live.h"
#include "source/log_reader.h"
#include "source/source_int.h"

#define NUL_INSIDE "holds a NUL octet"

struct logs {
	struct log_reader *reader;
	uint64_t lines;    /* whole lines before the window's p */
	uint64_t number;   /* of the line that the reader has */
	size_t ready;      /* octets of the window, from p on, that are whole lines */
	size_t no_newline; /* octets from p on that are known to hold none */
	bool in_line;      /* the reader has a line that p is behind already */
	bool in_long;      /* inside a line that is too long to read */
	uint64_t long_lines;
	/* of a log that grows (log_live.h) */
	bool live;
	bool flush;        /* what is unfinished at the end is a line after all */
	bool flushed;
	uint64_t until;    /* octets of the stream after which a call ends */
};

/* NUL octets do not count: a crash leaves them in text. */
static bool text_like(const uint8_t *p, size_t len)
{
	const size_t look = len < 512 ? len : 512;
	size_t odd = 0;

	for (size_t i = 0; i < look; i++)
		odd += p[i] && p[i] < ' ' && p[i] != '\n' && p[i] != '\r' && p[i] != '\t' && p[i] != '\x1b';
	return odd <= look / 8;
}

enum source_match log_match_own(const struct gs_log_own *own, const uint8_t *start, size_t len, bool whole)
{
	const char *p = (const char *)start, *end = p + len;
	struct log_reader *lr;
	struct log_result r;
	enum source_match m = whole ? MATCH_NO : MATCH_MORE;

	if (!text_like(start, len) || log_reader_new(own, &lr, NULL) < 0)
		return MATCH_NO;
	while (p < end && m != MATCH_YES) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl && !whole && len < SOURCE_START_MAX) /* of longer lines the beginning has to do */
			break;
		const log_cell line = { p, (size_t)((nl ? nl : end) - p) };
		const bool logged = log_reader_line(lr, line, true);
		log_reader_next(lr, &r);
		if ((r.word != LOG_NO && r.format != &log_unknown) || logged)
			m = MATCH_YES;
		p = nl ? nl + 1 : end;
	}
	log_reader_free(lr);
	return m;
}

static enum source_match log_match(const uint8_t *start, size_t len, bool whole)
{
	return log_match_own(NULL, start, len, whole);
}

static int log_open(struct gs_source *s, struct gs_error *err)
{
	struct logs *l = calloc(1, sizeof *l);

	if (!l)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", s->path);
	s->state = l;
	int r = log_reader_new(s->logs.own, &l->reader, err);
	if (r == 0)
		log_clock_start(&l->reader->clock, &s->logs, s->modified);
	return r;
}

static void log_close(struct gs_source *s)
{
	struct logs *l = s->state;

	if (l)
		log_reader_free(l->reader);
	free(l);
}

static void line_bad(struct gs_source *s, struct gs_tally *tally, uint64_t line, const char *sentence)
{
	tally->records_bad++;
	if (!s->first_bad[0])
		snprintf(s->first_bad, sizeof s->first_bad, "line %" PRIu64 ": %s", line, sentence);
}

static void window_move(struct gs_source *s, const uint8_t *to)
{
	struct logs *l = s->state;

	l->lines += log_count_lines(s->stream.p, to);
	l->ready -= (size_t)(to - s->stream.p);
	s->stream.p = to;
}

/* Makes whole lines ready. 1, 0 at the end, or negative. */
static int lines_ready(struct gs_source *s, struct gs_tally *tally, struct gs_error *err)
{
	struct logs *l = s->state;
	struct stream *st = &s->stream;

	log_reader_block(l->reader);
	for (;;) {
		size_t look = stream_left(st);
		look = look < LOG_LINE_MAX ? look : LOG_LINE_MAX;
		const uint8_t *nl = look > l->no_newline ? memrchr(st->p + l->no_newline, '\n', look - l->no_newline) : NULL;
		if (nl && l->in_long) { /* only its end is of interest */
			nl = memchr(st->p, '\n', look);
			st->p = nl + 1;
			l->lines++;
			l->no_newline = 0;
			l->in_long = false;
			continue;
		}
		if (nl) {
			l->ready = (size_t)(nl + 1 - st->p);
			l->no_newline = 0;
			return 1;
		}
		l->no_newline = look;
		if (look == LOG_LINE_MAX || (l->in_long && look)) {
			if (!l->in_long) {
				char sentence[64];
				snprintf(sentence, sizeof sentence, "longer than %u octets", LOG_LINE_MAX - 1);
				line_bad(s, tally, l->lines + 1, sentence);
				l->long_lines++;
			}
			l->in_long = true;
			l->no_newline = 0;
			st->p += look;
			continue;
		}
		if (!st->ended && l->live && st->out_octets >= l->until)
			return 0;
		if (!st->ended) {
			int r = stream_fill(st, look + 1, err);
			if (r < 0)
				return r;
			continue;
		}
		if (l->live) { /* an end for now */
			st->ended = false;
			l->flushed = l->flush;
			if (!l->flush)
				return 0;
			l->flush = false;
		}
		/* Of compressed data that broke off, an unfinished line is no evidence: its last number may be cut. */
		if (st->damage.code)
			return source_ends_inside(s, "line", stream_offset(st), 0, 0, err);
		l->no_newline = 0;
		l->ready = look;
		return look > 0;
	}
}

/* A line as it is read: without what a crash leaves before the line that was written next. False: there are NUL octets inside it too. */
static bool line_whole(log_cell *line)
{
	while (line->len && line->text[0] == '\0')
		*line = (log_cell){ line->text + 1, line->len - 1 };
	return !line->len || !memchr(line->text, '\0', line->len) || memmem(line->text, line->len, "\x1f\x8b\x08", 3);
}

/* Gives the reader the next line that holds a needle, and moves p behind it. False: there is none in what is ready, which is used up. */
static bool line_next(struct gs_source *s, struct gs_tally *tally)
{
	struct logs *l = s->state;
	const uint8_t *p = s->stream.p, *end = p + l->ready;

	while (p < end) {
		const uint8_t *hit = log_reader_find(l->reader, p, end);
		if (!hit)
			break;
		const uint8_t *before = memrchr(p, '\n', (size_t)(hit - p)), *nl = memchr(hit, '\n', (size_t)(end - hit));
		const uint8_t *start = before ? before + 1 : p, *stop = nl ? nl : end;
		window_move(s, start);
		l->number = l->lines + 1;
		log_cell line = { (const char *)start, (size_t)(stop - start) };
		p = nl ? nl + 1 : end;
		window_move(s, p);
		if (line_whole(&line)) {
			log_reader_line(l->reader, line, false);
			l->in_line = true;
			return true;
		}
		line_bad(s, tally, l->number, NUL_INSIDE);
	}
	window_move(s, end);
	return false;
}

/* The next record of the reader's line. True: *out is a sighting. */
static bool record_next(struct gs_source *s, struct gs_sighting *out, struct gs_tally *tally)
{
	struct logs *l = s->state;
	struct log_result r;
	char sentence[LOG_SENTENCE_MAX];

	const bool given = log_reader_next(l->reader, &r);
	l->in_line = log_reader_more(l->reader); /* known at once: where a batch ends with its line, a place can be kept */
	if (!given)
		return false;
	switch (r.word) {
	case LOG_GRE:
		tally->records++;
		*out = r.sighting;
		return true;
	case LOG_BAD:
		log_sentence(&r, sentence);
		line_bad(s, tally, l->number, sentence);
		return false;
	case LOG_OTHER:
		tally->records_other++;
		return false;
	default:
		return false;
	}
}

static int log_sightings(struct gs_source *s, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			 struct gs_error *err)
{
	struct logs *l = s->state;

	while (*ret_n < max) {
		if (l->in_line) {
			*ret_n += record_next(s, &out[*ret_n], tally);
		} else if (l->ready) {
			line_next(s, tally);
		} else {
			int r = lines_ready(s, tally, err);
			if (r <= 0)
				return r;
		}
	}
	return 0;
}

/* ---- a log that grows ---- */

int log_live_new(const char *name, const struct gs_log_options *o, struct gs_source **ret, struct gs_error *err)
{
	struct gs_source *s;
	int r = source_open_plain(name, &source_log, o, &s, err);

	if (r < 0)
		return r;
	((struct logs *)s->state)->live = true;
	*ret = s;
	return 0;
}

void log_live_now(struct gs_source *s, struct gs_time now)
{
	((struct logs *)s->state)->reader->clock.reference = now;
}

void log_live_prime(struct gs_source *s, const char *text, size_t len)
{
	struct logs *l = s->state;
	struct log_reader *fresh; /* times of the past, and lines that say nothing, are no concern of the one that reads on */
	struct log_result r;

	if (log_reader_new(s->logs.own, &fresh, NULL) < 0)
		return;
	for (const char *nl; (nl = memchr(text, '\n', len)); len -= (size_t)(nl + 1 - text), text = nl + 1) {
		log_reader_line(fresh, (log_cell){ text, (size_t)(nl - text) }, false);
		while (log_reader_next(fresh, &r))
			continue;
	}
	log_reader_states(l->reader, fresh);
	log_reader_free(fresh);
}

int log_live_read(struct gs_source *s, uint64_t until, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally, struct gs_error *err)
{
	((struct logs *)s->state)->until = until;
	return log_sightings(s, out, max, ret_n, tally, err);
}

void log_live_flush(struct gs_source *s)
{
	((struct logs *)s->state)->flush = true;
}

bool log_live_flushed(const struct gs_source *s)
{
	return ((const struct logs *)s->state)->flushed;
}

void log_live_reset(struct gs_source *s)
{
	struct logs *l = s->state;

	s->stream.p = s->stream.end;
	l->ready = l->no_newline = 0;
	l->in_line = l->in_long = l->flush = l->flushed = false;
}

bool log_live_between(const struct gs_source *s)
{
	return !((const struct logs *)s->state)->in_line;
}

void log_live_counts(const struct gs_source *s, uint64_t *ret_lines, uint64_t *ret_long)
{
	const struct logs *l = s->state;

	*ret_lines = l->lines;
	*ret_long = l->long_lines;
}

/* ---- every line, for people ---- */

/* Words are those of a line's reading. */
_Static_assert((int)GS_LOG_NO == LOG_NO && (int)GS_LOG_OTHER == LOG_OTHER && (int)GS_LOG_GRE == LOG_GRE && (int)GS_LOG_BAD == LOG_BAD &&
	       (int)GS_LOG_HEADING == LOG_HEADING, "the same words inside and outside");

/* Whether a line, which holds NUL octets, is one that a report says it cannot read. */
static bool line_wanted(struct logs *l, log_cell line)
{
	log_reader_block(l->reader);
	return log_reader_find(l->reader, (const uint8_t *)line.text, (const uint8_t *)line.text + line.len) != NULL;
}

/* Tells what the reader says of a line. False: no more is wanted. */
static bool line_tell(struct logs *l, log_cell line, bool (*take)(void *arg, const struct gs_log_reading *r), void *arg, struct gs_log_counts *n)
{
	struct gs_log_reading told = { .line = ++n->lines, .text = line.text, .len = line.len };
	char sentence[LOG_SENTENCE_MAX];
	struct log_result r;

	if (!line_whole(&line)) {
		const bool bad = line_wanted(l, line);
		told.word = bad ? GS_LOG_BAD : GS_LOG_NO;
		told.why = bad ? NUL_INSIDE : NULL;
		n->bad += bad;
		n->said += bad;
		n->none += !bad;
		return take(arg, &told);
	}
	const bool named = log_finder_formats(&l->reader->finder, line) >> (log_formats_n - 1) & 1;
	log_reader_line(l->reader, line, true);
	while (log_reader_next(l->reader, &r)) {
		if (r.format == &log_unknown && !named) /* asked about every line, it says of every one that it names protocol 47 */
			r = (struct log_result){ .word = LOG_NO };
		told.word = (enum gs_log_word)r.word;
		told.format = r.format ? r.format->name : NULL;
		told.sighting = r.word == LOG_GRE ? &r.sighting : NULL;
		told.ip_id = r.word == LOG_GRE ? r.ip_id : -1;
		told.why = NULL;
		if (r.word == LOG_BAD) {
			log_sentence(&r, sentence);
			told.why = sentence + strlen(r.format->name) + 2; /* the format is told by itself */
		}
		n->records += r.word == LOG_GRE;
		n->bad += r.word == LOG_BAD;
		n->other += r.word == LOG_OTHER;
		n->headings += r.word == LOG_HEADING;
		n->none += r.word == LOG_NO;
		n->said += r.word != LOG_NO;
		if (!take(arg, &told))
			return false;
	}
	return true;
}

static int lines_tell(struct gs_source *s, bool (*take)(void *arg, const struct gs_log_reading *r), void *arg, struct gs_log_counts *n, struct gs_error *err)
{
	struct logs *l = s->state;
	struct gs_tally tally = { 0 };

	for (;;) {
		int r = lines_ready(s, &tally, err);
		n->bad += tally.records_bad; /* lines that are too long */
		n->lines += tally.records_bad;
		tally.records_bad = 0;
		if (r <= 0)
			return r;
		while (l->ready) {
			const uint8_t *p = s->stream.p, *nl = memchr(p, '\n', l->ready);
			const size_t len = nl ? (size_t)(nl - p) : l->ready;
			window_move(s, p + len + (nl != NULL));
			if (!line_tell(l, (log_cell){ (const char *)p, len }, take, arg, n))
				return 0;
		}
	}
}

int gs_log_lines(const char *path, const struct gs_log_options *o, bool (*take)(void *arg, const struct gs_log_reading *r), void *arg,
		 struct gs_log_counts *counts, struct gs_error *err)
{
	struct gs_source *s;
	int r = gs_source_open_logs(path, o, &s, err);

	if (r < 0)
		return r;
	if (s->ops != &source_log)
		r = gs_fail(err, GS_ERR_FORMAT, "%s: is no log but %s", path, s->ops->format);
	else
		r = lines_tell(s, take, arg, counts, err);
	gs_source_close(s);
	return r;
}

const char *gs_log_word(unsigned word)
{
	static const char *const words[] = { "-", "other", "GRE", "bad", "heading" };
	return words[word < sizeof words / sizeof *words ? word : 0];
}

size_t gs_log_formats_count(void)
{
	return log_formats_n;
}

void gs_log_format_info(size_t i, struct gs_log_format_info *ret)
{
	*ret = (struct gs_log_format_info){ log_formats[i]->name, log_formats[i]->what, log_formats[i]->no_public_sample };
}

const struct gs_source_ops source_log = {
	.format = "log",
	.door = GS_DOOR_SIGHTINGS,
	.match = log_match,
	.open = log_open,
	.close = log_close,
	.sightings = log_sightings,
};
