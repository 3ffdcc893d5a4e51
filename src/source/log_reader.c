/*
 * log_reader.c - prefix, formats, time: the way of one line
 *
 * Messages that came wrapped in JSON (the journal's export, container runtimes, shippers of logs) are unwrapped first: inside is a line like any other, and its
 * time is the wrapper's where its own lacks zone or year.
 */
#include "source/log_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/source_int.h"

int log_reader_new(const struct gs_log_own *own, struct log_reader **ret, struct gs_error *err)
{
	struct log_reader *lr = calloc(1, sizeof *lr);

	if (!lr)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for the readers of logs");
	lr->clock.reference = lr->clock.last = lr->arrival = GS_TIME_MIN;
	lr->own = own;
	if (own && !(lr->own_match = log_own_match_new(own))) {
		log_reader_free(lr);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for the readers of logs");
	}
	for (unsigned i = 0; i < log_formats_n; i++) {
		if (!log_formats[i]->read)
			continue;
		log_finder_add(&lr->finder, log_formats[i], i);
		if (log_formats[i]->state_size && !(lr->states[i] = calloc(1, log_formats[i]->state_size))) {
			log_reader_free(lr);
			return gs_fail(err, GS_ERR_NOMEM, "out of memory for the readers of logs");
		}
	}
	*ret = lr;
	return 0;
}

void log_reader_free(struct log_reader *lr)
{
	if (!lr)
		return;
	for (unsigned i = 0; i < LOG_FORMATS_MAX; i++)
		free(lr->states[i]);
	log_own_match_free(lr->own_match);
	free(lr->scratch);
	free(lr);
}

void log_reader_states(struct log_reader *to, struct log_reader *from)
{
	for (unsigned i = 0; i < LOG_FORMATS_MAX; i++) {
		void *mine = to->states[i];
		to->states[i] = from->states[i];
		from->states[i] = mine;
	}
	to->last = from->last;
}

const uint8_t *log_reader_find(struct log_reader *lr, const uint8_t *p, const uint8_t *end)
{
	const unsigned n = log_own_count(lr->own);
	const uint8_t *first = lr->finder.always ? p : NULL;

	for (unsigned i = 0; i < n; i++) {
		const log_cell text = log_own_literal(lr->own, i);
		if (!text.len)
			return p;
		if (lr->own_end != end || (lr->own_next[i] && lr->own_next[i] < p))
			lr->own_next[i] = memmem(p, (size_t)(end - p), text.text, text.len);
		if (lr->own_next[i] && (!first || lr->own_next[i] < first))
			first = lr->own_next[i];
	}
	lr->own_end = end;
	const uint8_t *hit = log_finder_next(&lr->finder, p, p, first ? first : end);
	return hit ? hit : first;
}

/* JSON around a line: the journal's export; what shippers (Elastic's, rsyslog, CloudWatch), container runtimes, Fluent Bit and syslog-ng make of it. */
enum { JOURNAL, JOURNAL_TIME, SHIPPED, LOG, ISO_TIME, AT_TIME, STAMP, TIME, DATE, JOURNAL_HOST, JOURNAL_TAG, WRAPPED_N };
static const char *const wrapped[WRAPPED_N] = {
	"MESSAGE",   "__REALTIME_TIMESTAMP", "message", "log", "ISODATE", "@timestamp", "timestamp", "time", "date",
	"_HOSTNAME", "SYSLOG_IDENTIFIER"
};

/* The message of an object and its time; false: it has not both. *ret_journal: of the journal, whose time is better than any in the message. */
static bool wrapped_find(const log_cell *cells, log_cell *ret, struct log_time *ret_time, bool *ret_journal)
{
	*ret_journal = cells[JOURNAL].len && cells[JOURNAL_TIME].len && log_time_read(cells[JOURNAL_TIME], ret_time);
	*ret = cells[JOURNAL].len ? cells[JOURNAL] : cells[SHIPPED].len ? cells[SHIPPED] : cells[LOG];
	if (*ret_journal)
		return true;
	for (unsigned i = ISO_TIME; i <= DATE && ret->len; i++)
		if (cells[i].len && log_time_read(cells[i], ret_time))
			return true;
	return false;
}

/* Puts the line inside into lr->line. False: nothing is wrapped here. */
static bool unwrap(struct log_reader *lr)
{
	log_cell cells[WRAPPED_N];
	struct log_line inner;
	struct log_time t;

	if (!lr->line.text.len || lr->line.text.text[0] != '{' || !log_json(lr->line.text, wrapped, WRAPPED_N, cells))
		return false;
	log_cell message;
	bool journal;
	if (!wrapped_find(cells, &message, &t, &journal))
		return false;
	if (!lr->scratch && !(lr->scratch = malloc(LOG_LINE_MAX)))
		return false;
	const long n = log_json_unescape(message, lr->scratch, LOG_LINE_MAX);
	if (n < 0)
		return false;
	log_prefix(log_trim((log_cell){ lr->scratch, (size_t)n }), &inner);
	const bool own = inner.time.kind == LOG_TIME_EPOCH || (inner.time.has_year && inner.time.has_offset);
	if (journal || !own)
		inner.time = t;
	if (journal && !inner.tag.len) {
		inner.tag = cells[JOURNAL_TAG];
		inner.host = cells[JOURNAL_HOST];
	}
	inner.all = lr->line.all;
	lr->line = inner;
	return true;
}

/* What stands before an object where JSON comes in a stream: RFC 7464 (journalctl -o json-seq), server-sent events (-o json-sse). */
static void stream_take(log_cell *line)
{
	if (log_starts(*line, "\x1e{"))
		log_take(line, "\x1e");
	else if (log_starts(*line, "data: {"))
		log_take(line, "data: ");
}

bool log_reader_line(struct log_reader *lr, log_cell line, bool all)
{
	while (line.len && (line.text[line.len - 1] == '\r' || line.text[line.len - 1] == '\n'))
		line.len--;
	log_take(&line, "\xef\xbb\xbf"); /* files that editors and PowerShell wrote begin so */
	stream_take(&line);
	const bool known = log_prefix(line, &lr->line);
	lr->all = all;
	lr->again = false;
	lr->given = false;
	return unwrap(lr) || known;
}

/* Whether this is the message of a journal's entry whose time stands in another line: journalctl -o verbose, export, json-pretty. */
static bool apart(const struct log_line *line)
{
	const log_cell text = log_trim(line->text);

	return log_starts(text, "MESSAGE=") || log_starts(text, "\"MESSAGE\" : ");
}

static void row_start(struct log_row *row, const struct log_line *line)
{
	*row = (struct log_row){ .time = line->time, .ip_id = -1 };
	row->sighting.packets = row->sighting.sources = 1;
	row->sighting.protocol = 47;
	row->sighting.version = GS_SIGHTING_VERSION;
	row->sighting.fidelity = GS_FIDELITY_LOG;
}

/* Why the times of a row cannot be known; NULL: they are. *ret_cell: of which. */
static const char *row_times(struct log_reader *lr, const struct log_row *row, struct gs_sighting *s, log_cell *ret_cell)
{
	struct gs_time t;

	*ret_cell = row->time.text;
	const char *why = log_clock_read(&lr->clock, &row->time, &t);
	if (row->time.kind == LOG_TIME_NONE && apart(&lr->line))
		why = "is in another line: journalctl -o short-iso has both in one";
	if (why && (lr->arrival.ns == INT64_MIN || (row->time.kind != LOG_TIME_NONE && row->time.kind != LOG_TIME_UPTIME)))
		return why;
	if (why)
		t = lr->arrival;
	s->first = s->last = t;
	if (row->end.kind != LOG_TIME_NONE) {
		*ret_cell = row->end.text;
		why = log_clock_read(&lr->clock, &row->end, &s->last);
		return why ? why : s->last.ns < s->first.ns ? "is before the start" : NULL;
	}
	const bool backward = row->duration_ns < 0;
	if (__builtin_add_overflow(t.ns, row->duration_ns, backward ? &s->first.ns : &s->last.ns) || s->first.ns < 0)
		return "is out of range, less how long it lasted";
	return NULL;
}

/* Completes the sighting of a row that was read; false where it lacks what it cannot be without. */
static bool row_finish(struct log_reader *lr, struct log_row *row, struct log_result *ret)
{
	struct gs_sighting *s = &row->sighting;

	if (!row->has_src)
		return log_fail(row, "source", (log_cell){ 0 });
	log_cell cell;
	ret->why = row_times(lr, row, s, &cell);
	if (ret->why)
		return log_fail(row, "time", cell);
	s->packets *= lr->line.repeated;
	s->bytes *= lr->line.repeated;
	if (!row->has_bytes && s->has & GS_HAS_IP_LEN)
		s->bytes = s->packets * s->ip_len;
	return true;
}

/* What a format said, with its times made certain. */
static enum log_word answer(struct log_reader *lr, const struct log_format *f, enum log_word word, struct log_row *row, struct log_result *ret)
{
	if (word == LOG_NO)
		return word;
	*ret = (struct log_result){ .format = f };
	if (word == LOG_GRE && !row_finish(lr, row, ret))
		word = LOG_BAD;
	ret->word = word;
	ret->bad = row->bad;
	ret->why = ret->why ? ret->why : row->why;
	ret->bad_cell = row->bad_cell;
	if (word == LOG_GRE)
		ret->sighting = row->sighting;
	ret->ip_id = row->ip_id;
	ret->both = row->both;
	ret->rest = row->rest;
	return word;
}

/* Asks one format. Result: its word; *ret is filled where that is not LOG_NO. */
static enum log_word ask(struct log_reader *lr, unsigned i, struct log_result *ret)
{
	struct log_row row;

	row_start(&row, &lr->line);
	row.rest = (log_cell){ lr->line.text.text, 0 };
	return answer(lr, log_formats[i], log_formats[i]->read(&lr->line, lr->states[i], &row), &row, ret);
}

/* Asks the formats of one's own. Whether one knows the line. */
static bool ask_own(struct log_reader *lr, struct log_result *ret)
{
	const unsigned n = log_own_count(lr->own);

	for (unsigned i = 0; i < n; i++) {
		const log_cell text = log_own_literal(lr->own, i);
		struct log_row row;
		if (text.len && !memmem(lr->line.all.text, lr->line.all.len, text.text, text.len))
			continue;
		row_start(&row, &lr->line);
		if (answer(lr, log_own_format(lr->own, i), log_own_read(lr->own, i, lr->own_match, &lr->line, &row), &row, ret) != LOG_NO)
			return true;
	}
	return false;
}

/* Asks all that are wanted, the one that matched last first. One that cannot understand the line has the word only if no other does. */
static int ask_all(struct log_reader *lr, struct log_result *ret)
{
	const unsigned first = lr->last;
	uint64_t wanted = ~UINT64_C(0); /* the first is asked before it is known which needles are there: mostly it is its line */
	int bad = -1;

	for (unsigned k = 0; k <= log_formats_n; k++) {
		const unsigned i = k == 0 ? first : k - 1;
		struct log_result r;
		if (k == 1 && !lr->all)
			wanted = log_finder_formats(&lr->finder, lr->line.all);
		if ((k > 0 && i == first) || !(wanted >> i & 1) || !log_formats[i]->read)
			continue;
		const enum log_word word = ask(lr, i, &r);
		if (word == LOG_NO || (word == LOG_BAD && bad >= 0))
			continue;
		*ret = r;
		if (word != LOG_BAD)
			return (int)i;
		bad = (int)i;
	}
	return bad;
}

/* What there is left to ask after an answer, or after none (NULL) to the question for the direction back. */
static void ask_on(struct log_reader *lr, const struct log_result *r)
{
	if (r && r->both && r->word == LOG_GRE && !lr->line.back) {
		lr->rest = r->rest;
		lr->line.back = lr->again = true;
		return;
	}
	const log_cell rest = lr->line.back ? lr->rest : r ? r->rest : (log_cell){ 0 };
	lr->line.back = false;
	lr->again = rest.len > 0 && rest.len < lr->line.text.len;
	if (lr->again)
		lr->line.text = rest;
}

bool log_reader_next(struct log_reader *lr, struct log_result *ret)
{
	while (lr->again) {
		const bool found = ask(lr, lr->last, ret) != LOG_NO;
		ask_on(lr, found ? ret : NULL);
		if (found)
			return true;
	}
	if (lr->given)
		return false;
	lr->given = true;
	*ret = (struct log_result){ .word = LOG_NO };
	if (ask_own(lr, ret))
		return true;
	const int i = ask_all(lr, ret);
	if (i < 0 || log_formats[i] == &log_unknown)
		return true;
	lr->last = (unsigned)i;
	ask_on(lr, ret);
	return true;
}

void log_sentence(const struct log_result *r, char out[LOG_SENTENCE_MAX])
{
	char quoted[SOURCE_QUOTE_MAX + 4];
	const char *name = r->format ? r->format->name : "log", *bad = r->bad ? r->bad : "line";

	if (!r->bad_cell.len)
		snprintf(out, LOG_SENTENCE_MAX, "%s: %s %s", name, bad, r->why ? r->why : "is missing");
	else
		snprintf(out, LOG_SENTENCE_MAX, "%s: %s `%s` %s", name, bad, source_quote(r->bad_cell.text, r->bad_cell.len, quoted),
		         r->why ? r->why : "is none that grescope reads");
}
