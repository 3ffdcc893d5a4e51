/*
 * config.c - reading a configuration: every trouble of a file told, each with its line and what was expected
 *
 * inih takes the lines apart. What it would do silently is caught before it sees a line: lines and section names that it would cut, continued
 * lines (an indented key would become part of the value above it), comments behind a value (which would cut a pattern), octets of zero, sections without keys.
 */
#include "config.h"

#include "base/utf8.h"
#include "config_keys.h"
#include "source/log_own.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 4096
#define SECTION_MAX 48 /* inih cuts at 49 */
#define QUOTE_MAX 60

struct config_reading {
	struct sensor_config *c;
	const char *name, *p, *end; /* of the text that is left */
	unsigned line;
	char section[SECTION_MAX + 1];
	bool in_section;            /* some section has begun */
	bool known;                 /* and its keys are to be looked at */
	struct config_log_format *format; /* of [log-format NAME] */
	unsigned format_lines[2];   /* where it has its pattern and its time */
	unsigned n;
	config_found *found;
	void *arg;
	struct gs_error *err;
};

static void trouble(struct config_reading *r, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void trouble(struct config_reading *r, unsigned line, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;
	int n = line ? snprintf(text, sizeof text, "%.300s:%u: ", r->name, line) : snprintf(text, sizeof text, "%.300s: ", r->name);

	va_start(ap, format);
	vsnprintf(text + n, sizeof text - (size_t)n, format, ap);
	va_end(ap);
	if (r->n++ == 0)
		gs_fail(r->err, GS_ERR_CONFIG, "%s", text);
	if (r->n <= CONFIG_TROUBLES_MAX && r->found)
		r->found(r->arg, true, text);
}

/* ---- names ---- */

static const struct config_key *key_find(const char *section, const char *key)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	for (unsigned i = 0; i < n; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0)
			return &keys[i];
	return NULL;
}

static bool section_known(const char *section)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	for (unsigned i = 0; i < n; i++)
		if (strcmp(keys[i].section, section) == 0)
			return true;
	return false;
}

static void section_unknown(struct config_reading *r)
{
	const char *words[CONFIG_KEYS_MAX];
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	for (unsigned i = 0; i < n; i++)
		words[i] = keys[i].section;
	const char *near = near_word(r->section, words, n);
	trouble(r, r->line, "no section [%s]%s%s%s", r->section, near ? "; [" : "", near ? near : "", near ? "] is near" : "");
}

static void key_unknown(struct config_reading *r, const char *section, const char *key)
{
	const char *words[CONFIG_KEYS_MAX], *elsewhere = NULL;
	unsigned n, m = 0;
	const struct config_key *keys = config_keys(&n);

	for (unsigned i = 0; i < n; i++) {
		if (strcmp(keys[i].section, section) == 0)
			words[m++] = keys[i].key;
		else if (strcmp(keys[i].key, key) == 0)
			elsewhere = keys[i].section;
	}
	const char *near = near_word(key, words, m);
	if (near)
		trouble(r, r->line, "[%s] has no key `%.*s`; `%s` is near", section, QUOTE_MAX, key, near);
	else if (elsewhere)
		trouble(r, r->line, "[%s] has no key `%.*s`; it belongs into [%s]", section, QUOTE_MAX, key, elsewhere);
	else
		trouble(r, r->line, "[%s] has no key `%.*s`", section, QUOTE_MAX, key);
}

/* ---- [log-format NAME] ---- */

static bool format_name_fits(const char *name)
{
	const size_t len = strlen(name);
	return len && len <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static void format_end(struct config_reading *r)
{
	struct gs_log_own *own = NULL;
	struct gs_error err = { 0 };
	const struct config_log_format *f = r->format;

	r->format = NULL;
	if (!f)
		return;
	const struct gs_log_own_format one = { .name = f->name, .pattern = f->pattern, .time = f->time };
	if (!*f->pattern)
		trouble(r, f->line, "[%s %s] has no pattern", CONFIG_NAMED, f->name);
	else if (gs_log_own_new(&one, 1, &own, &err) < 0)
		trouble(r, f->line, "[%s %s]: %s", CONFIG_NAMED, f->name, err.text);
	gs_log_own_free(own);
}

static void format_begin(struct config_reading *r, const char *name)
{
	struct sensor_config *c = r->c;

	r->format_lines[0] = r->format_lines[1] = 0;
	if (!format_name_fits(name)) {
		trouble(r, r->line, "[%s NAME] wants a name of letters, digits, _ and -, at most 32 of them", CONFIG_NAMED);
		return;
	}
	for (unsigned i = 0; i < c->n_log_formats; i++)
		if (strcmp(c->log_formats[i].name, name) == 0) {
			trouble(r, r->line, "[%s %s] is there already, in line %u", CONFIG_NAMED, name, c->log_formats[i].line);
			return;
		}
	const char *copy = gs_arena_strndup(c->own->arena, name, strlen(name));
	if (!copy || c->n_log_formats == CONFIG_FORMATS_MAX) {
		trouble(r, r->line, copy ? "more than %d sections [" CONFIG_NAMED " NAME]" : "out of memory (%d)", CONFIG_FORMATS_MAX);
		return;
	}
	r->format = &c->log_formats[c->n_log_formats++];
	*r->format = (struct config_log_format){ .name = copy, .pattern = "", .time = "", .line = r->line };
	r->known = true;
}

static void format_key(struct config_reading *r, const struct config_key *k, const char *value)
{
	const bool time = k->kind == KIND_TIME;
	unsigned *line = &r->format_lines[time];

	if (*line) {
		trouble(r, r->line, "`%s` is given again; line %u has it", k->key, *line);
		return;
	}
	*line = r->line;
	const char *copy = gs_arena_strndup(r->c->own->arena, value, strlen(value));
	if (!*value || !copy)
		trouble(r, r->line, "`%s`: %s", k->key, copy ? "nothing is given" : "out of memory");
	else if (time)
		r->format->time = copy;
	else
		r->format->pattern = copy;
}

/* ---- lines ---- */

/* "[name]", whole. */
static void section_begin(struct config_reading *r, const char *line, size_t len)
{
	const size_t named = strlen(CONFIG_NAMED);

	format_end(r);
	r->in_section = true;
	r->known = false;
	if (line[len - 1] != ']' || len - 2 > SECTION_MAX || memchr(line + 1, ']', len - 2)) {
		trouble(r, r->line, "expected [section] and nothing else, at most %d octets long", SECTION_MAX);
		return;
	}
	memcpy(r->section, line + 1, len - 2);
	r->section[len - 2] = '\0';
	if (strncmp(r->section, CONFIG_NAMED, named) == 0 && (!r->section[named] || r->section[named] == ' '))
		format_begin(r, r->section + named + (r->section[named] == ' '));
	else if (section_known(r->section))
		r->known = true;
	else
		section_unknown(r);
}

/* Whether a line of text is fit to be looked at: UTF-8 without control characters. */
static bool text_fits(struct config_reading *r, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f) {
			trouble(r, r->line, "holds a control character (0x%02x)", (unsigned char)line[i]);
			return false;
		}
	char copy[LINE_MAX_OCTETS + 1];
	memcpy(copy, line, len);
	copy[len] = '\0';
	for (const char *p = copy; *p;) {
		const char *at = p;
		const uint32_t c = gs_utf8_next(&p);
		if ((c == UTF8_REPLACEMENT && (unsigned char)*at != 0xef) || gs_utf8_is_deceptive(c) || gs_utf8_is_control(c == '\t' ? ' ' : c)) {
			trouble(r, r->line, c == UTF8_REPLACEMENT ? "is no UTF-8 (octet 0x%02x)" : "holds an invisible character (octet 0x%02x)", (unsigned char)*at);
			return false;
		}
	}
	return true;
}

/* Whether inih is to see the line; what is wrong with it is told. */
static bool line_fits(struct config_reading *r, const char *line, size_t len, size_t room)
{
	if (len == 0 || *line == '#' || *line == ';')
		return false;
	if (len > LINE_MAX_OCTETS || len > room) {
		trouble(r, r->line, "is %zu octets long; at most %zu are read", len, room < LINE_MAX_OCTETS ? room : (size_t)LINE_MAX_OCTETS);
		return false;
	}
	if (!text_fits(r, line, len))
		return false;
	if (*line == '[') {
		section_begin(r, line, len);
		return false; /* inih learns of it by the keys: their section is the reader's */
	}
	const char *is = memchr(line, '=', len), *colon = memchr(line, ':', len);
	if (!is || is == line || (colon && colon < is)) {
		trouble(r, r->line, "expected `key = value`, [section], or a comment that begins with #");
		return false;
	}
	for (size_t i = 1; i < len; i++)
		if (line[i] == ';' && (line[i - 1] == ' ' || line[i - 1] == '\t')) {
			trouble(r, r->line, "a comment stands on a line of its own; a `;` with a blank before it cannot be part of a value");
			return false;
		}
	return true;
}

/* inih's reader: one line into out, without blanks around it. */
static char *next_line(char *out, int size, void *arg)
{
	struct config_reading *r = arg;

	if (r->p == r->end || size < 3)
		return NULL;
	const char *line = r->p, *nl = memchr(line, '\n', (size_t)(r->end - line)), *stop = nl ? nl : r->end;
	r->p = nl ? nl + 1 : r->end;
	r->line++;
	while (line < stop && (*line == ' ' || *line == '\t'))
		line++;
	while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
		stop--;
	size_t len = (size_t)(stop - line);
	if (!line_fits(r, line, len, (size_t)size - 2))
		len = 0;
	memcpy(out, line, len);
	out[len] = '\n';
	out[len + 1] = '\0';
	return out;
}

static int handle(void *arg, const char *inih_section, const char *key, const char *value)
{
	struct config_reading *r = arg;
	char why[300];

	(void)inih_section;
	if (!r->in_section)
		trouble(r, r->line, "`%.*s` stands before the first [section]", QUOTE_MAX, key);
	if (!r->in_section || !r->known)
		return 1;
	const struct config_key *k = key_find(r->format ? CONFIG_NAMED : r->section, key);
	if (!k) {
		key_unknown(r, r->format ? CONFIG_NAMED : r->section, key);
		return 1;
	}
	if (r->format) {
		format_key(r, k, value);
		return 1;
	}
	struct config_value *v = config_value_of(r->c, k);
	if (v->line && !(k->flags & CONFIG_LIST))
		trouble(r, r->line, "`%s` is given again; line %u has it", k->key, v->line);
	else if (k->flags & CONFIG_SECRET && !r->c->own->private_file)
		trouble(r, r->line, "`%s` is a secret, and all may read this file: chmod o-r, or use `%s_file`", k->key, k->key);
	else if (!config_value_set(r->c, k, value, why))
		trouble(r, r->line, "`%s = %.*s`: %s", k->key, QUOTE_MAX, k->flags & CONFIG_SECRET ? "..." : value, why);
	if (!v->line)
		v->line = r->line;
	return 1;
}

/* ---- values against each other ---- */

static bool given(const struct sensor_config *c, const char *section, const char *key)
{
	return config_value_of(c, key_find(section, key))->n > 0;
}

static const char *conflict(const struct sensor_config *c)
{
	for (unsigned i = 0; i < c->interfaces.n; i++)
		if (strcmp(c->interfaces.item[i], "any") == 0 && c->interfaces.n > 1)
			return "`any` is all interfaces: name it alone, or each of those that are meant";
	if (given(c, "alerts", "webhook_url") && given(c, "alerts", "webhook_url_file"))
		return "webhook_url and webhook_url_file: only one of them can be meant";
	if (c->pcap_file_bytes > c->pcap_max_bytes / 2)
		return "evidence: file_size is more than half of size, so the file before would be gone as soon as a new one begins";
	return NULL;
}

/* What is not given and hangs on what is. */
static void derive(struct sensor_config *c)
{
	if (!given(c, "evidence", "file_size") && c->pcap_file_bytes > c->pcap_max_bytes / 4)
		c->pcap_file_bytes = c->pcap_max_bytes / 4;
}

int config_settle(struct sensor_config *c, struct gs_error *err)
{
	derive(c);
	const char *why = conflict(c);
	return why ? gs_fail(err, GS_ERR_USAGE, "%s", why) : 0;
}

/* ---- as a whole ---- */

static int config_new(const char *path, struct sensor_config **ret, struct gs_error *err)
{
	struct gs_arena *arena = gs_arena_new(CONFIG_MEMORY_MAX);
	struct sensor_config *c = arena ? gs_arena_alloc(arena, sizeof *c) : NULL;
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	if (c)
		c->own = gs_arena_alloc(arena, sizeof *c->own);
	if (c && path)
		c->path = gs_arena_strndup(arena, path, strlen(path));
	if (!c || !c->own || (path && !c->path)) {
		gs_arena_free(arena);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for the configuration");
	}
	c->own->arena = arena;
	for (unsigned i = 0; i < n; i++)
		config_value_clear(c, &keys[i]);
	*ret = c;
	return 0;
}

void config_free(struct sensor_config *c)
{
	if (c)
		gs_arena_free(c->own->arena);
}

static void text_read(struct config_reading *r, const char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
		trouble(r, 1, "is UTF-16; expected UTF-8");
		return;
	}
	r->p = text;
	r->end = text + len;
#ifdef INI_RUNTIME_LIMITS
	ini_max_line = LINE_MAX_OCTETS + 2;
#endif
	const int at = ini_parse_stream(next_line, r, handle, r);
	if (at != 0 && r->n == 0)
		trouble(r, at > 0 ? (unsigned)at : 0, at > 0 ? "is not understood" : "out of memory");
	else if (r->p != r->end)
		trouble(r, r->line, "reading ended here");
	format_end(r);
	derive(r->c);
	const char *why = r->n ? NULL : conflict(r->c);
	if (why)
		trouble(r, 0, "%s", why);
	if (r->n > CONFIG_TROUBLES_MAX && r->found) {
		char more[64];
		snprintf(more, sizeof more, "and %u more troubles", r->n - CONFIG_TROUBLES_MAX);
		r->found(r->arg, true, more);
	}
}

int config_read_memory(const char *name, const char *text, size_t len, bool private_file, config_found *found, void *arg, struct sensor_config **ret,
                       struct gs_error *err)
{
	struct gs_error first = { 0 };
	struct config_reading r = { .name = name, .found = found, .arg = arg, .err = &first };

	if (len > CONFIG_FILE_MAX)
		return gs_fail(err, GS_ERR_CONFIG, "%.300s: more than %u octets; a configuration is smaller", name, CONFIG_FILE_MAX);
	int e = config_new(name, &r.c, err);
	if (e < 0)
		return e;
	r.c->own->private_file = private_file;
	text_read(&r, text, len);
	if (r.n == 0) {
		*ret = r.c;
		return 0;
	}
	config_free(r.c);
	return r.n == 1 ? gs_fail(err, GS_ERR_CONFIG, "%s", first.text) : gs_fail(err, GS_ERR_CONFIG, "%.400s; and %u more troubles", first.text, r.n - 1);
}

/* The whole of a regular file; the caller's to free. */
static int file_get(const char *path, char **ret_text, size_t *ret_len, bool *ret_private, struct gs_error *err)
{
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot read the configuration %s", path);
	int r = fstat(fd, &st) < 0 ? gs_fail_errno(err, GS_ERR_IO, errno, "%s", path) : 0;
	if (r == 0 && !S_ISREG(st.st_mode))
		r = gs_fail(err, GS_ERR_CONFIG, "%s is no regular file", path);
	if (r == 0 && st.st_size > (off_t)CONFIG_FILE_MAX)
		r = gs_fail(err, GS_ERR_CONFIG, "%s: more than %u octets; a configuration is smaller", path, CONFIG_FILE_MAX);
	char *text = r == 0 ? malloc(CONFIG_FILE_MAX + 1) : NULL;
	if (r == 0 && !text)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", path);
	size_t len = 0;
	ssize_t n = 1;
	while (r == 0 && n > 0 && len <= CONFIG_FILE_MAX) {
		n = read(fd, text + len, CONFIG_FILE_MAX + 1 - len);
		if (n < 0)
			r = gs_fail_errno(err, GS_ERR_IO, errno, "%s", path);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret_text = text;
	*ret_len = len;
	*ret_private = !(st.st_mode & S_IROTH);
	return 0;
}

int config_read(const char *path, config_found *found, void *arg, struct sensor_config **ret, struct gs_error *err)
{
	char *text = NULL;
	size_t len = 0;
	bool private_file = false;

	if (!path)
		return config_new(NULL, ret, err);
	int r = file_get(path, &text, &len, &private_file, err);
	if (r < 0)
		return r;
	r = config_read_memory(path, text, len, private_file, found, arg, ret, err);
	free(text);
	return r;
}

/* ---- options ---- */

int config_override(struct sensor_config *c, const char *option, const char *value, struct gs_error *err)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n), *k = NULL;
	char why[300];

	for (unsigned i = 0; i < n && !k; i++)
		if (keys[i].option && strcmp(keys[i].option, option) == 0)
			k = &keys[i];
	if (!k)
		return gs_fail(err, GS_ERR_USAGE, "no option --%s", option);
	struct config_value *v = config_value_of(c, k);
	if (!v->overridden || !(k->flags & CONFIG_LIST))
		config_value_clear(c, k);
	if (k->kind == KIND_URL_FILE) /* it gives the same field */
		config_value_clear(c, key_find("alerts", "webhook_url"));
	v->overridden = true;
	if (!config_value_set(c, k, value, why))
		return gs_fail(err, GS_ERR_USAGE, "--%s %.*s: %s", option, QUOTE_MAX, value, why);
	return 0;
}

/* ---- a running sensor ---- */

static bool lists_equal(const struct config_list *a, const struct config_list *b)
{
	for (unsigned i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->item[i], b->item[i]) != 0)
			return false;
	return a->n == b->n;
}

static bool key_equal(const struct config_key *k, const struct sensor_config *a, const struct sensor_config *b)
{
	const char *pa = (const char *)a + k->offset, *pb = (const char *)b + k->offset;

	switch (k->kind) {
	case KIND_SWITCH:
		return *(const bool *)pa == *(const bool *)pb;
	case KIND_FAST_PATH:
	case KIND_SAY:
		return *(const unsigned *)pa == *(const unsigned *)pb;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_SPAN:
		return *(const uint64_t *)pa == *(const uint64_t *)pb;
	case KIND_FACTOR:
		return !(*(const double *)pa < *(const double *)pb) && !(*(const double *)pa > *(const double *)pb);
	case KIND_BAD:
		return a->n_known_bad == b->n_known_bad && (!a->n_known_bad || memcmp(a->known_bad, b->known_bad, a->n_known_bad * sizeof *a->known_bad) == 0);
	default:
		return k->flags & CONFIG_LIST ? lists_equal((const struct config_list *)pa, (const struct config_list *)pb) :
						strcmp(*(const char *const *)pa, *(const char *const *)pb) == 0;
	}
}

static bool formats_equal(const struct sensor_config *a, const struct sensor_config *b)
{
	if (a->n_log_formats != b->n_log_formats)
		return false;
	for (unsigned i = 0; i < a->n_log_formats; i++) {
		const struct config_log_format *x = &a->log_formats[i], *y = &b->log_formats[i];
		if (strcmp(x->name, y->name) != 0 || strcmp(x->pattern, y->pattern) != 0 || strcmp(x->time, y->time) != 0)
			return false;
	}
	return true;
}

/* The running values of one key, in the fresh configuration's memory. */
static bool key_restore(struct sensor_config *fresh, const struct sensor_config *running, const struct config_key *k)
{
	const struct config_value *was = config_value_of(running, k);
	struct config_value *v = config_value_of(fresh, k);
	char why[300];

	config_value_clear(fresh, k);
	if (k->kind == KIND_SIZE && was->n == 0) /* may have been derived */
		*(uint64_t *)((char *)fresh + k->offset) = *(const uint64_t *)((const char *)running + k->offset);
	for (unsigned i = 0; i < was->n; i++)
		if (!config_value_set(fresh, k, was->text[i], why))
			return false;
	v->line = was->line;
	v->overridden = was->overridden;
	return true;
}

static bool formats_restore(struct sensor_config *fresh, const struct sensor_config *running)
{
	struct gs_arena *a = fresh->own->arena;

	fresh->n_log_formats = running->n_log_formats;
	for (unsigned i = 0; i < running->n_log_formats; i++) {
		const struct config_log_format *was = &running->log_formats[i];
		struct config_log_format *f = &fresh->log_formats[i];
		*f = (struct config_log_format){ .name = gs_arena_strndup(a, was->name, strlen(was->name)), .pattern = gs_arena_strndup(a, was->pattern, strlen(was->pattern)),
						 .time = gs_arena_strndup(a, was->time, strlen(was->time)), .line = was->line };
		if (!f->name || !f->pattern || !f->time)
			return false;
	}
	return true;
}

int config_renew(struct sensor_config *fresh, const struct sensor_config *running, void (*each)(void *arg, const struct config_key *key, bool live), void *arg,
                 struct gs_error *err)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);
	int changes = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct config_key *k = &keys[i];
		const bool live = k->flags & CONFIG_LIVE, formats = k->kind == KIND_PATTERN;
		if (formats ? formats_equal(fresh, running) : k->kind == KIND_TIME || k->kind == KIND_URL_FILE || key_equal(k, fresh, running))
			continue;
		changes++;
		if (each)
			each(arg, k, live);
		if (!live && !(formats ? formats_restore(fresh, running) : key_restore(fresh, running, k)))
			return gs_fail(err, GS_ERR_NOMEM, "out of memory for the new configuration");
	}
	return changes;
}
