/*
 * alert_text.c - an alert as JSON and as logfmt
 *
 * One list of members for both: what does not apply is left out. docs/alerts.md documents each; the test holds it against that table.
 */
#include "alert/alert.h"

#include "render/json_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *word_of(const char *const *words, unsigned n, unsigned i)
{
	return i < n ? words[i] : "?";
}

const char *gs_alert_kind_word(unsigned kind)
{
	static const char *const words[] = {
#define X(name, word, ends, meaning) word,
		GS_ALERT_MAP(X)
#undef X
	};
	return word_of(words, GS_ALERT_KINDS, kind);
}

const char *gs_trouble_word(unsigned trouble)
{
	static const char *const words[] = {
#define X(name, word, lasts, meaning) word,
		GS_TROUBLE_MAP(X)
#undef X
	};
	return word_of(words, GS_TROUBLE_COUNT, trouble);
}

const char *gs_alert_phase_word(unsigned phase)
{
	static const char *const words[] = { "begin", "end", "once" };
	return word_of(words, GS_ALERT_PHASES, phase);
}

const char *gs_alert_level_word(unsigned level)
{
	static const char *const words[] = { "info", "notice", "warning", "error" };
	return word_of(words, GS_ALERT_LEVELS, level);
}

/* How a member is written. */
struct form {
	void (*text)(struct gs_buf *b, const char *name, const char *value);
	void (*number)(struct gs_buf *b, const char *name, const char *value);
};

static void json_raw(struct gs_buf *b, const char *name, const char *value)
{
	json_member(b, name);
	gs_buf_puts(b, value);
}

static void logfmt_name(struct gs_buf *b, const char *name)
{
	if (b->len)
		gs_buf_putc(b, ' ');
	gs_buf_puts(b, name);
	gs_buf_putc(b, '=');
}

static void logfmt_raw(struct gs_buf *b, const char *name, const char *value)
{
	logfmt_name(b, name);
	gs_buf_puts(b, value);
}

/* Bare where it is a word; else as a JSON string, which is how logfmt readers take quotes. */
static void logfmt_text(struct gs_buf *b, const char *name, const char *value)
{
	logfmt_name(b, name);
	if (*value && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/_+-") == strlen(value))
		gs_buf_puts(b, value);
	else
		json_string(b, value);
}

static const struct form json_form = { json_text, json_raw }, logfmt_form = { logfmt_text, logfmt_raw };

static void put_text(struct gs_buf *b, const struct form *f, const char *name, const char *value)
{
	if (*value)
		f->text(b, name, value);
}

static void put_time(struct gs_buf *b, const struct form *f, const char *name, struct gs_time t)
{
	char text[GS_TIME_TEXT_MAX];

	if (t.ns == GS_TIME_MIN.ns)
		return;
	gs_time_format(t, 3, text);
	f->text(b, name, text);
}

static void put_addr(struct gs_buf *b, const struct form *f, const char *name, const struct gs_addr *a)
{
	char text[GS_ADDR_TEXT_MAX];

	if (a->family == 0)
		return;
	gs_addr_format(a, text);
	f->text(b, name, text);
}

static void put_u64(struct gs_buf *b, const struct form *f, const char *name, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	f->number(b, name, text);
}

static void put_double(struct gs_buf *b, const struct form *f, const char *name, double v)
{
	char text[32];

	snprintf(text, sizeof text, "%.*g", fabs(v) >= 1e6 ? 9 : 6, isfinite(v) ? v : 0);
	f->number(b, name, text);
}

static void put_amounts(struct gs_buf *b, const struct form *f, const struct gs_alert *a)
{
	if (a->kind == GS_ALERT_FLOOD) {
		put_double(b, f, "rate_pps", a->rate);
		put_double(b, f, "peak_pps", a->peak);
		put_double(b, f, "usual_pps", a->usual);
		put_u64(b, f, "packets", a->packets);
		put_u64(b, f, "bytes", a->bytes);
		put_u64(b, f, "sources", a->sources);
		put_u64(b, f, "targets", a->targets);
		put_u64(b, f, "processes", a->processes);
	} else if (a->kind == GS_ALERT_NETWORK_SURGE) {
		put_double(b, f, "peak_per_hour", a->peak);
		put_double(b, f, "usual_per_hour", a->usual);
		put_u64(b, f, "packets", a->packets);
		put_double(b, f, "log10_p", a->log10_p);
	} else if (a->kind == GS_ALERT_NETWORK_MANY || a->kind == GS_ALERT_BOT) {
		put_u64(b, f, "count", a->count);
	}
}

static void put_rest(struct gs_buf *b, const struct form *f, const struct gs_alert *a, const char *sensor)
{
	put_text(b, f, "sensor", sensor);
	put_time(b, f, "begin", a->begin);
	put_time(b, f, "end", a->end);
	if (a->end.ns != GS_TIME_MIN.ns)
		put_double(b, f, "duration_s", a->end.ns > a->begin.ns ? (double)(a->end.ns - a->begin.ns) / 1e9 : 0);
	put_u64(b, f, "folded", a->folded);
	if (a->trouble < GS_TROUBLE_COUNT)
		put_text(b, f, "trouble", gs_trouble_word(a->trouble));
	put_text(b, f, "subject", a->subject);
	if (a->class_ < GS_CLASS_COUNT)
		put_text(b, f, "class", gs_class_word(a->class_));
	else if (a->kind == GS_ALERT_FLOOD)
		put_text(b, f, "class", "mixed");
	put_amounts(b, f, a);
	put_addr(b, f, "src_ip", &a->source);
	put_addr(b, f, "dst_ip", &a->target);
	if (a->asn)
		put_u64(b, f, "asn", a->asn);
	put_text(b, f, "network", a->network);
	put_text(b, f, "country", a->country);
	put_text(b, f, "named", a->bad);
	put_text(b, f, "bot", a->bot);
}

void gs_alert_json(struct gs_buf *b, const struct gs_alert *a, const char *sensor)
{
	const struct form *f = &json_form;

	gs_buf_putc(b, '{');
	put_u64(b, f, "version", GS_ALERT_VERSION);
	put_u64(b, f, "id", a->id);
	put_time(b, f, "time", a->time);
	put_text(b, f, "level", gs_alert_level_word(a->level));
	put_text(b, f, "kind", gs_alert_kind_word(a->kind));
	put_text(b, f, "phase", gs_alert_phase_word(a->phase));
	put_text(b, f, "key", a->key);
	put_text(b, f, "text", a->text);
	put_rest(b, f, a, sensor);
	gs_buf_putc(b, '}');
}

void gs_alert_logfmt(struct gs_buf *b, const struct gs_alert *a, const char *sensor)
{
	struct gs_buf line = { 0 };
	const struct form *f = &logfmt_form;

	put_time(&line, f, "time", a->time);
	put_text(&line, f, "level", gs_alert_level_word(a->level));
	put_text(&line, f, "msg", a->text);
	put_text(&line, f, "kind", gs_alert_kind_word(a->kind));
	put_text(&line, f, "phase", gs_alert_phase_word(a->phase));
	put_u64(&line, f, "id", a->id);
	put_text(&line, f, "key", a->key);
	put_rest(&line, f, a, sensor);
	gs_buf_put(b, line.data, line.len);
	b->failed |= line.failed;
	gs_buf_done(&line);
}
