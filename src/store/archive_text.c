/*
 * archive_text.c - flat JSON objects (RFC 8259), a member at a time, both ways
 *
 * Text is UTF-8; an octet that is none (in a path, say) goes as the escape \udcXX, which no text can hold, and comes back as that octet. Numbers are
 * unsigned integers, exact. Values are strings or numbers, nothing nests: a line needs no memory but its own.
 */
#include "store/archive.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- writing ---- */

static void put_name(struct gs_buf *b, const char *name)
{
	if (b->len && b->data[b->len - 1] != '{')
		gs_buf_putc(b, ',');
	gs_buf_putc(b, '"');
	gs_buf_puts(b, name);
	gs_buf_puts(b, "\":");
}

static void put_text(struct gs_buf *b, const char *text)
{
	gs_buf_putc(b, '"');
	for (const char *p = text; *p;) {
		const unsigned char first = (unsigned char)*p;
		const char *start = p;
		uint32_t c = gs_utf8_next(&p);
		if (c == UTF8_REPLACEMENT && p - start != 3)
			gs_buf_printf(b, "\\udc%02x", first);
		else if (c == '"' || c == '\\')
			gs_buf_printf(b, "\\%c", (int)c);
		else if (gs_utf8_is_control(c))
			gs_buf_printf(b, "\\u%04x", (unsigned)c);
		else
			gs_buf_put(b, start, (size_t)(p - start));
	}
	gs_buf_putc(b, '"');
}

/* ---- taking a line apart ---- */

void line_wrong(struct line *l, const char *name)
{
	if (!l->wrong[0])
		snprintf(l->wrong, sizeof l->wrong, "%.60s", name);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex_value(const char *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		int d = hex_digit(p[i]);
		if (d < 0)
			return false;
		v = v << 4 | (unsigned)d;
	}
	*ret = v;
	return true;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

/* The escape behind \u at p (4 digits, or a pair); what is written is never longer than the escape. False: none. */
static bool take_unicode(const char **p, const char *end, char **to)
{
	uint64_t c, low;
	if (end - *p < 4 || !hex_value(*p, 4, &c) || c == 0)
		return false;
	*p += 4;
	if (c >= 0xdc80 && c <= 0xdcff) { /* an octet that is no UTF-8 */
		*(*to)++ = (char)(c & 0xff);
		return true;
	}
	if (c >= 0xd800 && c < 0xdc00) {
		if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' || !hex_value(*p + 2, 4, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		*p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return false;
	}
	*to = put_utf8(*to, (uint32_t)c);
	return true;
}

static bool take_escape(const char **p, const char *end, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	if (*p == end)
		return false;
	char c = *(*p)++;
	if (c == 'u')
		return take_unicode(p, end, to);
	const char *at = c ? strchr(from, c) : NULL;
	if (at)
		*(*to)++ = into[at - from];
	return at != NULL;
}

/* A string at *p, unescaped where it stands and terminated. */
static bool take_string(char **p, const char *end, const char **ret, size_t *ret_len)
{
	if (*p == end || **p != '"')
		return false;
	char *to = ++*p;
	const char *from = to;
	*ret = to;
	while (from < end && *from != '"') {
		if ((unsigned char)*from < 0x20)
			return false;
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		if (!take_escape(&from, end, &to))
			return false;
	}
	if (from == end)
		return false;
	*p += from - *p + 1;
	*ret_len = (size_t)(to - *ret);
	*to = '\0';
	return true;
}

static bool take_number(char **p, const char *end, const char **ret, size_t *ret_len)
{
	char *start = *p;
	while (*p < end && **p >= '0' && **p <= '9')
		++*p;
	*ret = start;
	*ret_len = (size_t)(*p - start);
	return *ret_len > 0 && *ret_len <= 20 && (*start != '0' || *ret_len == 1);
}

/* "name":value, with something behind it. */
static bool take_member(char **p, const char *end, struct member *m)
{
	size_t name_len;
	if (!take_string(p, end, &m->name, &name_len) || *p == end || *(*p)++ != ':' || *p == end)
		return false;
	m->quoted = **p == '"';
	return (m->quoted ? take_string(p, end, &m->text, &m->len) : take_number(p, end, &m->text, &m->len)) && *p < end;
}

bool line_parse(char *text, size_t len, struct line *l)
{
	char *p = text;
	const char *end = text + len;

	l->n = l->at = 0;
	l->wrong[0] = '\0';
	bool ok = p < end && *p++ == '{';
	while (ok && !(p < end && *p == '}' && l->n == 0)) {
		ok = l->n < ARCHIVE_MEMBERS && take_member(&p, end, &l->m[l->n]);
		l->n += ok;
		if (!ok || *p != ',')
			break;
		p++;
	}
	if (!ok || p >= end || *p != '}' || p + 1 != end) {
		line_wrong(l, "no flat JSON object");
		return false;
	}
	return true;
}

bool line_done(struct line *l)
{
	if (!l->wrong[0] && l->at < l->n)
		snprintf(l->wrong, sizeof l->wrong, "member `%.40s` is unknown or out of place", l->m[l->at].name);
	return !l->wrong[0];
}

/* The next member, if that is its name. */
static const struct member *take(struct line *l, const char *name, bool needed)
{
	if (l->at < l->n && strcmp(l->m[l->at].name, name) == 0)
		return &l->m[l->at++];
	if (needed && !l->wrong[0])
		snprintf(l->wrong, sizeof l->wrong, "member `%.40s` is missing", name);
	return NULL;
}

static void bad(struct line *l, const char *name)
{
	if (!l->wrong[0])
		snprintf(l->wrong, sizeof l->wrong, "member `%.40s` has a value that cannot be", name);
}

/* ---- both ways ---- */

void io_begin(struct io *io)
{
	if (io->out)
		gs_buf_putc(io->out, '{');
}

void io_end(struct io *io)
{
	if (io->out)
		gs_buf_puts(io->out, "}\n");
}

static bool number_of(const struct member *m, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	if (m->quoted)
		return false;
	for (size_t i = 0; i < m->len; i++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (unsigned)(m->text[i] - '0'), &v))
			return false;
	*ret = v;
	return v <= max;
}

void io_uint(struct io *io, const char *name, uint64_t *v, uint64_t usual, uint64_t max, bool needed)
{
	if (io->out) {
		if (needed || *v != usual) {
			put_name(io->out, name);
			gs_buf_put_u64(io->out, *v);
		}
		return;
	}
	const struct member *m = take(io->in, name, needed);
	*v = usual;
	if (m && !number_of(m, max, v))
		bad(io->in, name);
}

void io_uint_(struct io *io, const char *name, void *v, size_t size, uint64_t usual)
{
	uint64_t wide = 0, max = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
	memcpy(&wide, v, size); /* little endian hosts; on others the value stands at the other end */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	wide >>= 64 - 8 * size;
#endif
	io_uint(io, name, &wide, usual, max, false);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	wide <<= 64 - 8 * size;
#endif
	if (io->in)
		memcpy(v, &wide, size);
}

void io_hex(struct io *io, const char *name, uint64_t *v, unsigned digits, bool needed)
{
	if (io->out) {
		if (needed || *v) {
			char text[17];
			snprintf(text, sizeof text, "%0*" PRIx64, (int)digits, *v);
			put_name(io->out, name);
			gs_buf_putc(io->out, '"');
			gs_buf_puts(io->out, text);
			gs_buf_putc(io->out, '"');
		}
		return;
	}
	const struct member *m = take(io->in, name, needed);
	*v = 0;
	if (m && (!m->quoted || m->len != digits || !hex_value(m->text, digits, v)))
		bad(io->in, name);
}

void io_hex_bytes(struct io *io, const char *name, uint8_t *v, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	if (io->out) {
		put_name(io->out, name);
		gs_buf_putc(io->out, '"');
		for (size_t i = 0; i < n; i++) {
			gs_buf_putc(io->out, digits[v[i] >> 4]);
			gs_buf_putc(io->out, digits[v[i] & 15]);
		}
		gs_buf_putc(io->out, '"');
		return;
	}
	const struct member *m = take(io->in, name, IO_NEEDED);
	if (m && (!m->quoted || m->len != 2 * n))
		bad(io->in, name);
	for (size_t i = 0; i < n && m && m->len == 2 * n; i++) {
		uint64_t octet;
		if (!hex_value(m->text + 2 * i, 2, &octet)) {
			bad(io->in, name);
			return;
		}
		v[i] = (uint8_t)octet;
	}
}

void io_hex_data(struct io *io, const char *name, uint8_t *v, size_t *n, size_t max)
{
	if (io->in) {
		const struct member *m = io->in->at < io->in->n ? &io->in->m[io->in->at] : NULL;
		*n = m && m->len / 2 <= max ? m->len / 2 : 0; /* a longer one is then of the wrong length */
	}
	io_hex_bytes(io, name, v, *n);
}

void io_time(struct io *io, const char *name, int64_t *ns, int64_t usual, bool needed)
{
	char text[GS_TIME_TEXT_MAX];
	struct gs_time t = { *ns };
	if (io->out) {
		if (needed || *ns != usual) {
			gs_time_format(t, 9, text);
			put_name(io->out, name);
			gs_buf_putc(io->out, '"');
			gs_buf_puts(io->out, text);
			gs_buf_putc(io->out, '"');
		}
		return;
	}
	const struct member *m = take(io->in, name, needed);
	*ns = usual;
	if (m && (!m->quoted || !gs_time_parse(m->text, m->len, &t)))
		bad(io->in, name);
	else if (m)
		*ns = t.ns;
}

#define DAY_NS (86400 * GS_NS_PER_S)

void io_date(struct io *io, const char *name, int64_t *day)
{
	char text[GS_TIME_TEXT_MAX];
	struct gs_time t;
	if (io->out) {
		gs_time_format((struct gs_time){ *day * DAY_NS }, 0, text);
		text[10] = '\0';
		put_name(io->out, name);
		gs_buf_putc(io->out, '"');
		gs_buf_puts(io->out, text);
		gs_buf_putc(io->out, '"');
		return;
	}
	const struct member *m = take(io->in, name, IO_NEEDED);
	if (m && (!m->quoted || m->len != 10 || !gs_time_parse(m->text, m->len, &t)))
		bad(io->in, name);
	else if (m)
		*day = t.ns / DAY_NS - (t.ns % DAY_NS < 0);
}

void io_addr(struct io *io, const char *name, struct gs_addr *a)
{
	char text[GS_ADDR_TEXT_MAX];
	if (io->out) {
		if (a->family) {
			gs_addr_format(a, text);
			put_name(io->out, name);
			gs_buf_putc(io->out, '"');
			gs_buf_puts(io->out, text);
			gs_buf_putc(io->out, '"');
		}
		return;
	}
	const struct member *m = take(io->in, name, false);
	*a = (struct gs_addr){ 0 };
	if (m && (!m->quoted || !gs_addr_parse(m->text, m->len, a)))
		bad(io->in, name);
}

void io_word(struct io *io, const char *name, uint8_t *v, unsigned count, const char *(*word)(unsigned), bool needed)
{
	if (io->out) {
		if (needed || *v) {
			put_name(io->out, name);
			gs_buf_putc(io->out, '"');
			gs_buf_puts(io->out, word(*v));
			gs_buf_putc(io->out, '"');
		}
		return;
	}
	const struct member *m = take(io->in, name, needed);
	unsigned i = 0;
	*v = 0;
	if (!m)
		return;
	while (i < count && (!m->quoted || strcmp(word(i), m->text) != 0))
		i++;
	if (i == count || strlen(m->text) != m->len)
		bad(io->in, name);
	else
		*v = (uint8_t)i;
}

void io_text(struct io *io, const char *name, const char **v, size_t max, bool needed)
{
	if (io->out) {
		if (needed || **v) {
			put_name(io->out, name);
			put_text(io->out, *v);
		}
		return;
	}
	const struct member *m = take(io->in, name, needed);
	*v = "";
	if (m && (!m->quoted || m->len > max))
		bad(io->in, name);
	else if (m)
		*v = m->text;
}
