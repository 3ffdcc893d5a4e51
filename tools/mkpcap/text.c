/* text.c - from the text of a description to statements, words and values */
#include "mkpcap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 1000000

int mk_fail_at(struct mk *mk, unsigned line, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return gs_fail(mk->err, GS_ERR_CONFIG, "%s:%u: %s", mk->path, line, text);
}

int mk_expected(struct mk *mk, const struct mk_words *w, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (w->i < w->n)
		return mk_fail_at(mk, w->t[w->i].line, "expected %s, found `%s'", text, w->t[w->i].text);
	return mk_fail_at(mk, w->t[w->n - 1].line, "expected %s, found the end of the statement", text);
}

bool mk_words_end(const struct mk_words *w)
{
	return w->i == w->n;
}

bool mk_words_take(struct mk_words *w, const char *word)
{
	if (w->i == w->n || w->t[w->i].quoted || strcmp(w->t[w->i].text, word) != 0)
		return false;
	w->i++;
	return true;
}

bool mk_words_option(struct mk_words *w, const char *name, const char **ret_value)
{
	size_t len = strlen(name);

	if (w->i == w->n || w->t[w->i].quoted || strncmp(w->t[w->i].text, name, len) != 0)
		return false;
	const char *rest = w->t[w->i].text + len;
	if (*rest == '=') {
		*ret_value = rest + 1;
		w->i++;
		return true;
	}
	if (*rest != '\0' || w->i + 1 == w->n)
		return false;
	*ret_value = w->t[w->i + 1].text;
	w->i += 2;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One token at *p, which is not blank; moves *p past it. */
static int token_at(struct mk *mk, const char **p, const char *end, unsigned line, struct mk_token *ret)
{
	const char *start = *p, *q = start;

	if (*start == '"') {
		q = memchr(start + 1, '"', (size_t)(end - start - 1));
		if (!q)
			return mk_fail_at(mk, line, "expected a closing \" on the same line");
		*ret = (struct mk_token){ gs_arena_strndup(mk->arena, start + 1, (size_t)(q - start - 1)), line, true };
		q++;
	} else {
		while (q < end && !blank(*q))
			q++;
		*ret = (struct mk_token){ gs_arena_strndup(mk->arena, start, (size_t)(q - start)), line, false };
	}
	if (!ret->text)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while reading %s", mk->path);
	*p = q;
	return 0;
}

/* The tokens of one line. A line that starts with a blank goes on with the statement before it. */
static int split_line(struct mk *mk, const char *p, const char *end, unsigned line, struct gs_buf *tokens, struct gs_buf *starts)
{
	bool more = p < end && blank(*p);
	uint32_t first = (uint32_t)(tokens->len / sizeof(struct mk_token));
	bool opened = false;

	for (;;) {
		while (p < end && blank(*p))
			p++;
		if (p == end || *p == '#')
			return 0;
		if (!opened && !more)
			gs_buf_put(starts, &first, sizeof first);
		else if (!opened && starts->len == 0)
			return mk_fail_at(mk, line, "expected a statement at the start of the line: nothing stands before this line to go on with");
		opened = true;
		struct mk_token t;
		int r = token_at(mk, &p, end, line, &t);
		if (r < 0)
			return r;
		gs_buf_put(tokens, &t, sizeof t);
		if (tokens->len / sizeof t > MAX_TOKENS)
			return mk_fail_at(mk, line, "expected at most %u words in a description", MAX_TOKENS);
	}
}

static int split_lines(struct mk *mk, const char *data, size_t len, struct gs_buf *tokens, struct gs_buf *starts)
{
	const char *p = data, *end = data + len;

	for (unsigned line = 1; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		if (memchr(p, '\0', (size_t)(stop - p)))
			return mk_fail_at(mk, line, "expected text, found a zero octet");
		int r = split_line(mk, p, stop, line, tokens, starts);
		if (r < 0)
			return r;
		p = nl ? nl + 1 : end;
	}
	return 0;
}

int mk_text_split(struct mk *mk, const char *data, size_t len, struct mk_statement **ret, unsigned *ret_n)
{
	struct gs_buf tokens = { 0 }, starts = { 0 };
	int r = split_lines(mk, data, len, &tokens, &starts);

	if (r == 0) {
		unsigned n = (unsigned)(starts.len / sizeof(uint32_t)), total = (unsigned)(tokens.len / sizeof(struct mk_token));
		struct mk_token *t = gs_arena_alloc(mk->arena, tokens.len + 1);
		struct mk_statement *s = gs_arena_alloc(mk->arena, (n + 1) * sizeof *s);
		if (!t || !s || tokens.failed || starts.failed) {
			r = gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while reading %s", mk->path);
		} else {
			if (tokens.len)
				memcpy(t, tokens.data, tokens.len);
			for (unsigned i = 0; i < n; i++) {
				uint32_t from, to = total;
				memcpy(&from, starts.data + i * sizeof from, sizeof from);
				if (i + 1 < n)
					memcpy(&to, starts.data + (i + 1) * sizeof to, sizeof to);
				s[i] = (struct mk_statement){ t + from, to - from };
			}
			*ret = s;
			*ret_n = n;
		}
	}
	gs_buf_done(&tokens);
	gs_buf_done(&starts);
	return r;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Digits at the start of text, decimal or 0x; NULL where there are none or the number exceeds max. */
static const char *take_number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	int base = 10;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	}
	const char *p = text;
	for (; digit_of(*p) < base; p++) {
		unsigned d = (unsigned)digit_of(*p);
		if (d > max || v > (max - d) / (unsigned)base)
			return NULL;
		v = v * (unsigned)base + d;
	}
	*ret = v;
	return p > text ? p : NULL;
}

bool mk_number(const char *text, uint64_t max, uint64_t *ret)
{
	const char *p = take_number(text, max, ret);
	return p && *p == '\0';
}

bool mk_number_step(const char *text, uint64_t max, uint64_t *ret, uint64_t *ret_step)
{
	const char *p = take_number(text, max, ret);

	*ret_step = 0;
	if (p && *p == '+')
		p = take_number(p + 1, max, ret_step);
	return p && *p == '\0';
}

bool mk_duration(const char *text, int64_t *ret_ns)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", GS_NS_PER_S },
		      { "m", 60 * GS_NS_PER_S }, { "h", 3600 * GS_NS_PER_S }, { "d", 86400 * GS_NS_PER_S } };
	uint64_t v;
	const char *p = take_number(text, INT64_MAX, &v);

	for (size_t i = 0; p && i < sizeof units / sizeof *units; i++)
		if (strcmp(p, units[i].unit) == 0)
			return !__builtin_mul_overflow((int64_t)v, units[i].ns, ret_ns);
	return false;
}

bool mk_mac(const char *text, uint8_t ret[6])
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = digit_of(text[0]), low = high < 16 ? digit_of(text[1]) : 99;
		if (low >= 16 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool octets_item(const char *text, size_t len, struct gs_buf *to)
{
	struct gs_addr a;

	if (memchr(text, '.', len) || memchr(text, ':', len)) {
		if (!gs_addr_parse(text, len, &a))
			return false;
		gs_buf_put(to, a.b, a.family == 4 ? 4 : 16);
		return true;
	}
	if (len == 0 || len % 2)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = digit_of(text[i]), low = digit_of(text[i + 1]);
		if (high > 15 || low > 15)
			return false;
		gs_buf_putc(to, (char)(high << 4 | low));
	}
	return true;
}

bool mk_octets(const char *text, struct gs_buf *to)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		if (!octets_item(text, len, to))
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

bool mk_octets_word(const struct mk_token *word, struct gs_buf *to)
{
	if (!word->quoted)
		return mk_octets(word->text, to);
	gs_buf_puts(to, word->text);
	return true;
}
