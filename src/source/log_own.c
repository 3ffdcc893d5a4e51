#include "source/log_own_int.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000u /* steps: some milliseconds */
#define DEPTH_LIMIT 1000u
#define HEAP_LIMIT_KIB 1024u
#define LITERAL_MIN 3
#define LITERAL_MAX 64

enum group { SRC, DST, PROTO, LEN, DATALEN, TTL, ID, DF, PACKETS, BYTES, TIME, GROUPS };

static const char *const group_names[] = { "src", "dst", "proto", "len", "datalen", "ttl", "id", "df", "packets", "bytes", "time" };

struct own_format {
	struct log_format format; /* its name, for results */
	char name[GS_LOG_OWN_NAME_MAX + 1];
	char literal[LITERAL_MAX];
	size_t literal_len;
	char *time;               /* NULL: any form */
	pcre2_code *code;
	int groups[GROUPS];       /* numbers; 0: there is none */
};

struct gs_log_own {
	unsigned n;
	struct own_format list[GS_LOG_OWN_MAX];
};

struct log_own_match {
	pcre2_match_context *limits;
	pcre2_match_data *data;
};

/* ---- literal text of a pattern ---- */

/* The end of what starts at p with a bracket: behind its closing one. NULL: not found. */
static const char *skip_class(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']') /* the first is a member */
		p++;
	for (; *p && *p != ']'; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '=')) { /* [[:digit:]] */
			const char mark[3] = { p[1], ']', '\0' };
			const char *end = strstr(p + 2, mark);
			if (!end)
				return NULL;
			p = end + 1;
		}
	}
	return *p ? p + 1 : NULL;
}

static const char *skip_group(const char *p)
{
	unsigned depth = 0;

	while (p && *p) {
		if (*p == '\\' && p[1]) {
			p += 2;
			continue;
		}
		if (*p == '[') {
			p = skip_class(p);
			continue;
		}
		depth += *p == '(';
		if (*p++ == ')' && --depth == 0)
			return p;
	}
	return NULL;
}

static bool quantifier(char c)
{
	return c == '?' || c == '*' || c == '+' || c == '{';
}

/* The longest run of plain characters that no match can be without. Where anything is unusual: none, which only costs time. */
static void literal_find(struct own_format *f, const char *pattern)
{
	char run[LITERAL_MAX], best[LITERAL_MAX];
	size_t n = 0, longest = 0;

	if (strstr(pattern, "(*") || strstr(pattern, "\\Q"))
		return;
	for (const char *p = pattern;;) {
		const char *at = p;
		bool plain = false;
		char c = *p;
		if (c == '(') {
			if (p[1] == '?' && strchr("imsxnJU-^#", p[2]) && p[2]) /* options, comments */
				return;
			p = skip_group(p);
		} else if (c == '[') {
			p = skip_class(p);
		} else if (c == '|') {
			return;
		} else if (c == '\\') {
			c = p[1];
			plain = c && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
			if (c >= '0' && c <= '9')
				return;
			if (c && strchr("xopPNkgcuX", c)) /* with an argument behind them */
				return;
			p += c ? 2 : 1;
		} else {
			plain = c && !strchr(".^$*+?{}", c);
			p += c != '\0';
		}
		if (!p)
			return;
		const bool repeated = quantifier(*p);
		if (plain && !repeated && n < sizeof run)
			run[n++] = c;
		if (!plain || repeated || n == sizeof run || !*p) {
			if (n > longest) {
				memcpy(best, run, n);
				longest = n;
			}
			n = 0;
		}
		if (!*at)
			break;
		while (quantifier(*p)) { /* and what makes them lazy or possessive */
			if (*p == '{') {
				const char *end = strchr(p, '}');
				if (!end)
					return;
				p = end;
			}
			p++;
		}
	}
	if (longest >= LITERAL_MIN) {
		memcpy(f->literal, best, longest);
		f->literal_len = longest;
	}
}

/* ---- compiling ---- */

static bool name_right(const char *name)
{
	const size_t n = strlen(name);

	return n >= 1 && n <= GS_LOG_OWN_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static bool name_taken(const struct gs_log_own *own, const char *name)
{
	for (unsigned i = 0; i < own->n; i++)
		if (strcmp(own->list[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < log_formats_n; i++)
		if (strcmp(log_formats[i]->name, name) == 0)
			return true;
	return false;
}

static int pattern_compile(struct own_format *f, const char *pattern, struct gs_error *err)
{
	PCRE2_SIZE at = 0;
	int code = 0;

	if (strlen(pattern) > GS_LOG_OWN_PATTERN_MAX)
		return gs_fail(err, GS_ERR_CONFIG, "log format %s: pattern longer than %d characters", f->name, GS_LOG_OWN_PATTERN_MAX);
	f->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	if (!f->code) {
		PCRE2_UCHAR text[200];
		pcre2_get_error_message(code, text, sizeof text);
		return gs_fail(err, GS_ERR_CONFIG, "log format %s: pattern, at character %zu: %s", f->name, (size_t)at + 1, (const char *)text);
	}
	pcre2_jit_compile(f->code, PCRE2_JIT_COMPLETE); /* where there is none, matching is slower */
	for (unsigned g = 0; g < GROUPS; g++) {
		const int number = pcre2_substring_number_from_name(f->code, (PCRE2_SPTR)group_names[g]);
		if (number == PCRE2_ERROR_NOUNIQUESUBSTRING)
			return gs_fail(err, GS_ERR_CONFIG, "log format %s: pattern has more than one group %s", f->name, group_names[g]);
		f->groups[g] = number > 0 ? number : 0;
	}
	if (!f->groups[SRC])
		return gs_fail(err, GS_ERR_CONFIG, "log format %s: pattern has no group src: (?<src>...)", f->name);
	literal_find(f, pattern);
	return 0;
}

static int format_add(struct gs_log_own *own, const struct gs_log_own_format *in, struct gs_error *err)
{
	struct own_format *f = &own->list[own->n];

	if (!name_right(in->name))
		return gs_fail(err, GS_ERR_CONFIG, "log format `%.40s`: a name has letters, digits, - and _, at most %d", in->name, GS_LOG_OWN_NAME_MAX);
	if (name_taken(own, in->name))
		return gs_fail(err, GS_ERR_CONFIG, "log format %s: the name is taken", in->name);
	strcpy(f->name, in->name);
	f->format = (struct log_format){ .name = f->name, .what = "described by the configuration" };
	own->n++; /* freed with the others from here on */
	const char *wrong = in->time && *in->time ? log_layout_wrong(in->time) : NULL;
	if (wrong)
		return gs_fail(err, GS_ERR_CONFIG, "log format %s: time, at character %zu: `%.2s` is none of its letters", f->name, (size_t)(wrong - in->time) + 1, wrong);
	if (in->time && *in->time && !(f->time = strdup(in->time)))
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for formats of logs");
	return pattern_compile(f, in->pattern, err);
}

int gs_log_own_new(const struct gs_log_own_format *list, size_t n, struct gs_log_own **ret, struct gs_error *err)
{
	struct gs_log_own *own;
	int r = 0;

	if (n > GS_LOG_OWN_MAX)
		return gs_fail(err, GS_ERR_CONFIG, "more than %d log formats", GS_LOG_OWN_MAX);
	if (!(own = calloc(1, sizeof *own)))
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for formats of logs");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = format_add(own, &list[i], err);
	if (r < 0) {
		gs_log_own_free(own);
		return r;
	}
	*ret = own;
	return 0;
}

void gs_log_own_free(struct gs_log_own *own)
{
	if (!own)
		return;
	for (unsigned i = 0; i < own->n; i++) {
		pcre2_code_free(own->list[i].code);
		free(own->list[i].time);
	}
	free(own);
}

/* ---- reading ---- */

unsigned log_own_count(const struct gs_log_own *own)
{
	return own ? own->n : 0;
}

const struct log_format *log_own_format(const struct gs_log_own *own, unsigned i)
{
	return &own->list[i].format;
}

log_cell log_own_literal(const struct gs_log_own *own, unsigned i)
{
	return (log_cell){ own->list[i].literal, own->list[i].literal_len };
}

struct log_own_match *log_own_match_new(const struct gs_log_own *own)
{
	struct log_own_match *m = calloc(1, sizeof *m);
	uint32_t most = 0;

	if (!m)
		return NULL;
	for (unsigned i = 0; i < own->n; i++) {
		uint32_t n = 0;
		pcre2_pattern_info(own->list[i].code, PCRE2_INFO_CAPTURECOUNT, &n);
		most = n > most ? n : most;
	}
	m->limits = pcre2_match_context_create(NULL);
	m->data = pcre2_match_data_create(most + 1, NULL);
	if (!m->limits || !m->data) {
		log_own_match_free(m);
		return NULL;
	}
	pcre2_set_match_limit(m->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(m->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(m->limits, HEAP_LIMIT_KIB);
	return m;
}

void log_own_match_free(struct log_own_match *m)
{
	if (!m)
		return;
	pcre2_match_context_free(m->limits);
	pcre2_match_data_free(m->data);
	free(m);
}

/* What a group matched; false where it did not take part. */
static bool group_get(const struct own_format *f, const struct log_own_match *m, enum group g, log_cell line, log_cell *ret)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->data);
	const int n = f->groups[g];

	if (!n || (uint32_t)n >= pcre2_get_ovector_count(m->data) || ends[2 * n] == PCRE2_UNSET || ends[2 * n + 1] < ends[2 * n])
		return false;
	*ret = (log_cell){ line.text + ends[2 * n], ends[2 * n + 1] - ends[2 * n] };
	return true;
}

static bool time_get(const struct own_format *f, struct log_row *row, log_cell c)
{
	if (!f->time)
		return log_set_time(row, c);
	return log_time_layout(c, f->time, &row->time) || log_fail(row, "time", c);
}

enum log_word log_own_read(const struct gs_log_own *own, unsigned i, struct log_own_match *m, const struct log_line *line, struct log_row *row)
{
	const struct own_format *f = &own->list[i];
	const log_cell all = line->all;
	log_cell c = { 0 };

	const int r = pcre2_match(f->code, (PCRE2_SPTR)all.text, all.len, 0, 0, m->data, m->limits);
	if (r == PCRE2_ERROR_NOMATCH || r == PCRE2_ERROR_PARTIAL)
		return LOG_NO;
	if (r < 0) {
		row->why = "takes the pattern too many steps";
		return log_fail(row, "line", all), LOG_BAD;
	}
	if (f->groups[PROTO] && (!group_get(f, m, PROTO, all, &c) || log_protocol(c) != LOG_PROTO_GRE))
		return LOG_OTHER;
	if (!group_get(f, m, SRC, all, &c))
		return log_fail(row, "source", (log_cell){ 0 }), LOG_BAD;
	if (!log_set_src(row, c) || (group_get(f, m, DST, all, &c) && !log_set_dst(row, c)) || (group_get(f, m, TIME, all, &c) && !time_get(f, row, c)) ||
	    (group_get(f, m, PACKETS, all, &c) && !log_set_packets(row, c)) || (group_get(f, m, BYTES, all, &c) && !log_set_bytes(row, c)))
		return LOG_BAD;
	if (group_get(f, m, LEN, all, &c))
		log_set_ip_len(row, c);
	else if (group_get(f, m, DATALEN, all, &c))
		log_set_ip_payload(row, c);
	if (group_get(f, m, TTL, all, &c))
		log_set_ttl(row, c);
	if (group_get(f, m, ID, all, &c))
		log_set_ip_id(row, c);
	if (f->groups[DF])
		log_set_df(row, group_get(f, m, DF, all, &c) && c.len > 0);
	return LOG_GRE;
}
