#include "base/utf8.h"

uint32_t gs_utf8_next(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	uint32_t c = *p;
	unsigned more;

	if (c == 0)
		return 0;
	*text += 1;
	if (c < 0x80)
		return c;
	if (c < 0xc2 || c > 0xf4)
		return UTF8_REPLACEMENT;
	more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	c &= 0x3fu >> more;
	for (unsigned i = 1; i <= more; i++) { /* a NUL is no continuation, so this never reads past the end */
		if ((p[i] & 0xc0) != 0x80)
			return UTF8_REPLACEMENT;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if ((more == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) || (more == 3 && (c < 0x10000 || c > 0x10ffff)))
		return UTF8_REPLACEMENT;
	*text += more;
	return c;
}

void gs_utf8_put(struct gs_buf *b, uint32_t c)
{
	if (c < 0x80) {
		gs_buf_putc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		gs_buf_putc(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			gs_buf_putc(b, (char)(0xe0 | c >> 12));
		} else {
			gs_buf_putc(b, (char)(0xf0 | c >> 18));
			gs_buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		gs_buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	gs_buf_putc(b, (char)(0x80 | (c & 0x3f)));
}

bool gs_utf8_is_deceptive(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x00ad, 0x00ad }, { 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
	};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}
