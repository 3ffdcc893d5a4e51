/*
 * log_prefix.c - what loggers put before a message
 *
 * Nothing is required and little is in a fixed place: relays put one header before another, routers their own sequence number and clock behind the
 * relay's. So pieces are taken off one by one as long as they are recognised, and what is not stays in the message.
 *
 * Of two times the first counts: it was written by the machine whose log this is, in its zone. The second does where only it has both year and
 * zone, and not where a Cisco star or point says that the clock behind it was never set.
 *
 * Source: RFC 3164 s4.1, RFC 5424 s6, syslog(2) for the kernel's ring, journalctl(1) -o, Cisco "service timestamps" and "service sequence-numbers".
 */
#include "source/log.h"

#include <string.h>

#define PIECES_MAX 8

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(log_cell *c)
{
	while (c->len && (c->text[0] == ' ' || c->text[0] == '\t'))
		*c = (log_cell){ c->text + 1, c->len - 1 };
}

static void skip(log_cell *c, size_t n)
{
	*c = (log_cell){ c->text + n, c->len - n };
}

static bool take_pri(log_cell *c)
{
	size_t n = 1;

	if (c->len < 3 || c->text[0] != '<')
		return false;
	while (n < c->len && n < 4 && is_digit(c->text[n]))
		n++;
	if (n == 1 || n >= c->len || c->text[n] != '>')
		return false;
	skip(c, n + 1);
	return true;
}

/* "585917:", "000123:" */
static bool take_sequence(log_cell *c)
{
	size_t n = 0;

	while (n < c->len && n < 12 && is_digit(c->text[n]))
		n++;
	if (n == 0 || n + 1 >= c->len || c->text[n] != ':' || c->text[n + 1] != ' ')
		return false;
	skip(c, n + 2);
	return true;
}

static void keep_time(struct log_line *line, const struct log_time *t)
{
	const bool none = line->time.kind == LOG_TIME_NONE || (line->time.kind == LOG_TIME_UPTIME && t->kind != LOG_TIME_UPTIME);
	const bool better = t->kind == LOG_TIME_CIVIL && line->time.kind == LOG_TIME_CIVIL && t->has_year && t->has_offset &&
			    !(line->time.has_year && line->time.has_offset) && t->text.text[0] != '*' && t->text.text[0] != '.';
	if (none || better)
		line->time = *t;
}

/* "[  312.499331]", "[Sun Apr  5 07:23:03 2026]", "[12345.678901,0]" */
static bool take_ring(log_cell *c, struct log_line *line)
{
	struct log_time t = { .kind = LOG_TIME_UPTIME };

	if (c->len < 3 || c->text[0] != '[')
		return false;
	const char *close = memchr(c->text, ']', c->len < 48 ? c->len : 48);
	if (!close)
		return false;
	log_cell inside = log_trim((log_cell){ c->text + 1, (size_t)(close - c->text - 1) });
	log_cell rest = inside;
	uint64_t v;
	const log_cell seconds = log_until(&rest, '.');
	t.text = inside;
	if (!(log_number(seconds, UINT64_C(10000000000), &v) && rest.len >= 3 && log_number(rest, UINT64_C(999999999), &v)) &&
	    !(memchr(inside.text, ':', inside.len) && log_time_read(inside, &t)))
		return false;
	keep_time(line, &t);
	skip(c, (size_t)(close + 1 - c->text));
	return true;
}

/* "1434567890.123456 " at the start of a line: journalctl -o short-unix. */
static bool take_unix(log_cell *c, struct log_line *line)
{
	log_cell rest = *c;
	struct log_time t;

	if (c->len < 18 || c->text[10] != '.' || !is_digit(c->text[0]))
		return false;
	const log_cell word = log_until(&rest, ' ');
	if (word.len > 24 || !log_time_read(word, &t) || t.kind != LOG_TIME_EPOCH)
		return false;
	keep_time(line, &t);
	*c = rest;
	return true;
}

static bool name_like(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == '/' || c == '@';
}

/* Letters of a name, without what may stand behind it: colon, [pid], (facility). */
static size_t name_len(log_cell c)
{
	size_t n = 0;

	while (n < c.len && n < 256 && name_like(c.text[n]))
		n++;
	return n;
}

/* "kernel:", "filterlog[123]:", "sshd(pam_unix)[77]:"; the colon is part of it. */
static bool take_tag(log_cell *c, struct log_line *line)
{
	const size_t n = name_len(*c);
	size_t at = n;

	if (n == 0)
		return false;
	for (const char *pair = "()[]"; *pair; pair += 2) {
		if (at >= c->len || c->text[at] != *pair)
			continue;
		const char *close = memchr(c->text + at, pair[1], c->len - at < 64 ? c->len - at : 64);
		if (!close)
			return false;
		at = (size_t)(close + 1 - c->text);
	}
	if (at >= c->len || c->text[at] != ':' || (at + 1 < c->len && c->text[at + 1] != ' '))
		return false;
	line->tag = (log_cell){ c->text, n };
	skip(c, at + 1);
	return true;
}

/* A host with a tag, a sequence number, a lone colon or Cisco's % behind it; else the word is part of the message. IPv6 addresses are hosts too. */
static bool take_host(log_cell *c, struct log_line *line)
{
	log_cell rest = *c;
	const log_cell host = log_token(&rest);

	for (size_t i = 0; i < host.len; i++)
		if (!name_like(host.text[i]) && host.text[i] != ':')
			return false;
	if (host.len == 0 || host.len > 255 || host.text[host.len - 1] == ':')
		return false;
	skip_blanks(&rest);
	struct log_line tagged = *line;
	log_cell behind = rest;
	if (take_tag(&behind, &tagged)) {
		if (take_sequence(&rest)) { /* "192.0.2.1 585917: Feb  8 ..." */
			line->host = host;
			*c = rest;
			return true;
		}
		*line = tagged;
		rest = behind;
	} else if (rest.len && rest.text[0] == ':') {
		skip(&rest, 1);
	} else if (!rest.len || (rest.text[0] != '%' && rest.text[0] != '[')) {
		return false;
	}
	line->host = host;
	*c = rest;
	return true;
}

/* RFC 5424 s6.3: - or elements in brackets. */
static bool take_structured(log_cell *c, struct log_line *line)
{
	const char *p = c->text, *end = p + c->len;

	if (p < end && *p == '-') {
		skip(c, 1);
		return true;
	}
	while (p < end && *p == '[') {
		bool quoted = false;
		for (p++; p < end && (quoted || *p != ']'); p++) {
			if (*p == '"')
				quoted = !quoted;
			else if (quoted && *p == '\\' && p + 1 < end)
				p++;
		}
		if (p == end) /* cut off: what is there may still say enough */
			break;
		p++;
	}
	if (p == c->text)
		return false;
	line->data = (log_cell){ c->text, (size_t)(p - c->text) };
	*c = log_from(*c, p);
	return true;
}

/* VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG], behind the PRI. */
static bool take_5424(log_cell *c, struct log_line *line)
{
	log_cell at = *c;
	struct log_time t = { 0 };
	struct log_line l = *line;

	if (at.len < 2 || at.text[0] != '1' || at.text[1] != ' ')
		return false;
	skip(&at, 2);
	const log_cell when = log_token(&at);
	if (!log_is(when, "-") && (!log_time_read(when, &t) || t.kind != LOG_TIME_CIVIL || !t.has_year))
		return false;
	l.host = log_token(&at);
	l.tag = log_token(&at);
	const log_cell proc = log_token(&at);
	l.msgid = log_token(&at);
	skip_blanks(&at);
	if (proc.len == 0 || l.msgid.len == 0 || !take_structured(&at, &l))
		return false;
	if (t.kind)
		l.time = t;
	skip_blanks(&at);
	log_take(&at, "\xef\xbb\xbf");
	*line = l;
	*c = at;
	return true;
}

/* rsyslog: "message repeated 2 times: [ ... ]" */
static void take_repeated(log_cell *c, struct log_line *line)
{
	log_cell at = *c;
	uint64_t n;

	if (!at.len || at.text[0] != 'm' || !log_take(&at, "message repeated "))
		return;
	const log_cell count = log_until(&at, ' ');
	if (!log_number(count, 1000000, &n) || n == 0 || !log_take(&at, "times: ["))
		return;
	at = log_trim(at);
	if (at.len && at.text[at.len - 1] == ']')
		at.len--;
	line->repeated = (uint32_t)n;
	*c = at;
}

bool log_prefix(log_cell all, struct log_line *ret)
{
	struct log_line line = { .all = all, .repeated = 1 };
	log_cell c = all;
	struct log_time t;

	const bool pri = take_pri(&c);
	if (pri && c.len && c.text[0] == ':') /* Cisco's EMBLEM form */
		skip(&c, 1);
	bool known = take_5424(&c, &line);
	if (!known && !pri)
		take_unix(&c, &line);
	for (unsigned i = 0; i < PIECES_MAX && !known; i++) {
		skip_blanks(&c);
		const bool started = pri || line.time.kind != LOG_TIME_NONE;
		if (c.len == 0 || c.text[0] == '%' || c.text[0] == '{')
			break;
		if (c.text[0] != '[' && log_time_take(&c, &t)) {
			keep_time(&line, &t);
			if (c.len && c.text[0] == ':')
				skip(&c, 1);
		} else if (!take_ring(&c, &line) && !(started && take_sequence(&c)) && !(started && !line.tag.len && take_tag(&c, &line)) &&
			   !(started && !line.host.len && !line.tag.len && take_host(&c, &line))) {
			break;
		}
	}
	skip_blanks(&c);
	take_ring(&c, &line);
	skip_blanks(&c);
	take_repeated(&c, &line);
	skip_blanks(&c);
	take_ring(&c, &line);
	skip_blanks(&c);
	line.text = c;
	known |= line.time.kind != LOG_TIME_NONE && (pri || line.tag.len || line.host.len || line.time.kind == LOG_TIME_UPTIME);
	*ret = line;
	return known;
}
