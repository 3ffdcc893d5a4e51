/*
 * log_json.c - single fields of a JSON object, found in one pass over its octets
 *
 * Logs in JSON are millions of lines of which a few fields matter: a tree for each line would cost more than all else. What is passed over is
 * checked only as far as brackets and quotes go.
 */
#include "source/log.h"

#include <string.h>

#define PATH_MAX_OCTETS 128

struct walk {
	const char *p, *end;
	const char *const *paths;
	log_cell *out;
	unsigned n;
	char path[PATH_MAX_OCTETS]; /* keys down to here, joined by dots */
};

static void skip_blanks(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\r' || *w->p == '\n'))
		w->p++;
}

/* A string at p, which stands at its quote: what is inside. */
static bool take_string(struct walk *w, log_cell *ret)
{
	const char *start = ++w->p;

	while (w->p < w->end && *w->p != '"')
		w->p += *w->p == '\\' && w->p + 1 < w->end ? 2 : 1;
	if (w->p >= w->end)
		return false;
	*ret = (log_cell){ start, (size_t)(w->p++ - start) };
	return true;
}

/* Past an array or object whose inside is of no interest. */
static bool skip_nested(struct walk *w)
{
	log_cell inside;
	unsigned depth = 0;

	while (w->p < w->end) {
		const char c = *w->p;
		if (c == '"') {
			if (!take_string(w, &inside))
				return false;
			continue;
		}
		w->p++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return true;
	}
	return false;
}

static bool take_object(struct walk *w, size_t path_len, unsigned depth);

/* Whether a wanted path lies below this one. */
static bool wanted_below(const struct walk *w, size_t len)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->paths[i][0] == w->path[0] && strncmp(w->paths[i], w->path, len) == 0 && w->paths[i][len] == '.')
			return true;
	return false;
}

static void keep(struct walk *w, size_t len, log_cell value)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!w->out[i].len && w->paths[i][0] == w->path[0] && strncmp(w->paths[i], w->path, len) == 0 && w->paths[i][len] == '\0')
			w->out[i] = value;
}

static bool take_value(struct walk *w, size_t path_len, unsigned depth)
{
	log_cell value;

	if (w->p >= w->end)
		return false;
	const char *start = w->p;
	if (*start == '"') {
		if (!take_string(w, &value))
			return false;
	} else if (*start == '{' || *start == '[') {
		const bool look = *start == '{' && path_len && wanted_below(w, path_len);
		if (look ? !take_object(w, path_len, depth + 1) : !skip_nested(w))
			return false;
		value = (log_cell){ start, (size_t)(w->p - start) };
	} else {
		while (w->p < w->end && !strchr(",}] \t\r\n", *w->p))
			w->p++;
		value = (log_cell){ start, (size_t)(w->p - start) };
		if (value.len == 0)
			return false;
		if (log_is(value, "null"))
			return true;
	}
	if (path_len)
		keep(w, path_len, value);
	return true;
}

/* p stands at its opening brace. path_len: of w->path, 0 at the top. A key too long for the path has no fields of interest below it. */
static bool take_object(struct walk *w, size_t path_len, unsigned depth)
{
	if (depth > LOG_JSON_DEPTH)
		return false;
	w->p++;
	skip_blanks(w);
	if (w->p < w->end && *w->p == '}') {
		w->p++;
		return true;
	}
	for (;;) {
		log_cell key;
		skip_blanks(w);
		if (w->p >= w->end || *w->p != '"' || !take_string(w, &key))
			return false;
		skip_blanks(w);
		if (w->p >= w->end || *w->p++ != ':')
			return false;
		skip_blanks(w);
		size_t len = path_len + (path_len > 0) + key.len;
		if (len < sizeof w->path && key.len) {
			if (path_len)
				w->path[path_len] = '.';
			memcpy(w->path + len - key.len, key.text, key.len);
			w->path[len] = '\0';
		} else {
			len = 0;
		}
		if (!take_value(w, len, depth))
			return false;
		skip_blanks(w);
		if (w->p >= w->end)
			return false;
		const char c = *w->p++;
		if (c == '}')
			return true;
		if (c != ',')
			return false;
	}
}

size_t log_json(log_cell c, const char *const *paths, unsigned n, log_cell *out)
{
	struct walk w = { .p = c.text, .end = c.text + c.len, .paths = paths, .n = n, .out = out };

	for (unsigned i = 0; i < n; i++)
		out[i] = (log_cell){ c.text, 0 };
	skip_blanks(&w);
	if (w.p >= w.end || *w.p != '{' || !take_object(&w, 0, 1))
		return 0;
	return (size_t)(w.p - c.text);
}

bool log_json_next(log_cell *array, log_cell *ret)
{
	struct walk w = { .p = array->text, .end = array->text + array->len };

	skip_blanks(&w);
	if (w.p < w.end && (*w.p == '[' || *w.p == ','))
		w.p++;
	skip_blanks(&w);
	if (w.p >= w.end || *w.p == ']' || *w.p == ',')
		return false;
	const char *start = w.p;
	log_cell value;
	if (*start == '"') {
		if (!take_string(&w, &value))
			return false;
	} else if (*start == '{' || *start == '[') {
		if (!skip_nested(&w))
			return false;
		value = (log_cell){ start, (size_t)(w.p - start) };
	} else {
		while (w.p < w.end && !strchr(",}] \t\r\n", *w.p))
			w.p++;
		value = (log_cell){ start, (size_t)(w.p - start) };
		if (value.len == 0)
			return false;
	}
	*ret = value;
	*array = (log_cell){ w.p, (size_t)(w.end - w.p) };
	return true;
}

static int hex4(const char *p, const char *end, unsigned *ret)
{
	unsigned v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char c = p[i];
		if (c >= '0' && c <= '9')
			v = v << 4 | (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | (unsigned)((c | 32) - 'a' + 10);
		else
			return -1;
	}
	*ret = v;
	return 4;
}

/* UTF-8 of a code point; surrogates are kept as `?`: no field of interest holds any. */
static size_t put_code(unsigned v, char out[3])
{
	if (v < 0x80) {
		out[0] = (char)v;
		return 1;
	}
	if (v >= 0xd800 && v <= 0xdfff) {
		out[0] = '?';
		return 1;
	}
	if (v < 0x800) {
		out[0] = (char)(0xc0 | v >> 6);
		out[1] = (char)(0x80 | (v & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | v >> 12);
	out[1] = (char)(0x80 | (v >> 6 & 0x3f));
	out[2] = (char)(0x80 | (v & 0x3f));
	return 3;
}

long log_json_unescape(log_cell c, char *out, size_t size)
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *p = c.text, *end = p + c.len;
	size_t n = 0;

	while (p < end) {
		char piece[3];
		size_t len = 1;
		piece[0] = *p++;
		if (piece[0] == '\\') {
			unsigned v;
			if (p >= end)
				return -1;
			const char *at = *p ? strchr(plain, *p) : NULL;
			if (at) {
				piece[0] = means[at - plain];
				p++;
			} else if (*p == 'u' && hex4(p + 1, end, &v) > 0) {
				len = put_code(v, piece);
				p += 5;
			} else {
				return -1;
			}
		}
		if (n + len > size)
			return -1;
		memcpy(out + n, piece, len);
		n += len;
	}
	return (long)n;
}
