#include "enrich/clean.h"

#include <stdbool.h>
#include <string.h>

/* Octets of the character at p, 0 where it is no UTF-8; its code point in *ret. */
static size_t utf8_take(const unsigned char *p, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

static bool steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t clean_text(char out[CLEAN_TEXT_MAX], const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t take = utf8_take(p + i, len - i, &c);
		bool keep = take > 0 && !steers(c);
		if (n + (keep ? take : 1) >= CLEAN_TEXT_MAX)
			break;
		if (keep)
			memcpy(out + n, p + i, take);
		else
			out[n] = '?';
		n += keep ? take : 1;
		i += take ? take : 1;
	}
	out[n] = '\0';
	return n;
}

uint32_t clean_name(struct gs_strtab *names, const char *text, size_t len)
{
	char out[CLEAN_TEXT_MAX];
	size_t n = clean_text(out, text, len);
	return gs_strtab_add(names, out, n);
}
