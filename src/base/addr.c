#include "grescope/types.h"

#include <arpa/inet.h>
#include <stdio.h>

int gs_addr_compare(const struct gs_addr *a, const struct gs_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof a->b);
}

static char *put_octet(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

size_t gs_addr_format(const struct gs_addr *a, char out[GS_ADDR_TEXT_MAX])
{
	if (a->family == 4) { /* by hand: raw exports write millions of them */
		char *p = out;
		for (int i = 0; i < 4; i++) {
			if (i)
				*p++ = '.';
			p = put_octet(p, a->b[i]);
		}
		*p = '\0';
		return (size_t)(p - out);
	}
	/* glibc's inet_ntop writes IPv6 as RFC 5952 asks: lower case, longest run of zeros compressed, mapped addresses dotted */
	if (a->family == 6 && inet_ntop(AF_INET6, a->b, out, GS_ADDR_TEXT_MAX))
		return strlen(out);
	out[0] = '\0';
	return 0;
}

bool gs_addr_parse(const char *text, size_t len, struct gs_addr *ret)
{
	char z[GS_ADDR_TEXT_MAX];
	struct gs_addr a = { 0 };

	if (len == 0 || len >= sizeof z || memchr(text, '\0', len))
		return false;
	memcpy(z, text, len);
	z[len] = '\0';
	if (memchr(z, ':', len)) {
		if (inet_pton(AF_INET6, z, a.b) != 1)
			return false;
		a.family = 6;
	} else {
		if (inet_pton(AF_INET, z, a.b) != 1)
			return false;
		a.family = 4;
	}
	*ret = a;
	return true;
}

struct gs_prefix gs_prefix_of(const struct gs_addr *a, uint8_t len)
{
	struct gs_prefix p = { .base = *a, .len = len };
	unsigned width = a->family == 4 ? 4 : 16;

	for (unsigned i = 0; i < width; i++) {
		unsigned bits = len > i * 8 ? len - i * 8u : 0;
		if (bits < 8)
			p.base.b[i] &= (uint8_t)(0xff00u >> bits);
	}
	return p;
}

bool gs_prefix_parse(const char *text, size_t len, struct gs_prefix *ret)
{
	const char *slash = memchr(text, '/', len);
	struct gs_addr a;

	if (!gs_addr_parse(text, slash ? (size_t)(slash - text) : len, &a))
		return false;
	unsigned max = a.family == 4 ? 32 : 128, bits = max;
	if (slash) {
		const char *p = slash + 1, *end = text + len;
		if (p == end || end - p > 3)
			return false;
		for (bits = 0; p < end; p++) {
			if (*p < '0' || *p > '9')
				return false;
			bits = bits * 10 + (unsigned)(*p - '0');
		}
		if (bits > max)
			return false;
	}
	*ret = gs_prefix_of(&a, (uint8_t)bits);
	return true;
}

size_t gs_prefix_format(const struct gs_prefix *p, char out[GS_PREFIX_TEXT_MAX])
{
	size_t n = gs_addr_format(&p->base, out);
	if (n == 0)
		return 0;
	return n + (size_t)snprintf(out + n, GS_PREFIX_TEXT_MAX - n, "/%u", p->len);
}

bool gs_prefix_contains(const struct gs_prefix *p, const struct gs_addr *a)
{
	if (p->base.family != a->family || a->family == 0)
		return false;
	unsigned whole = p->len / 8u, rest = p->len % 8u;
	if (memcmp(p->base.b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((p->base.b[whole] ^ a->b[whole]) & (0xff00u >> rest) & 0xff) == 0;
}
