#include "render/text_cell.h"

#include "render/out.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>
#include <wchar.h>

/* -- numbers ------------------------------------------------------------------------------------------------------------------------- */

/* Three digits of v in units of base, with the unit that fits after rounding. */
static void put_scaled(struct gs_buf *b, uint64_t v, double base, const char *const *units)
{
	double x = (double)v / base;
	unsigned u = 0;

	while (x >= (base > 1000 ? 1023.5 : 999.5) && units[u + 1]) {
		x /= base;
		u++;
	}
	gs_buf_printf(b, "%.*f%s", x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2, x, units[u]);
}

void text_count(struct gs_buf *b, uint64_t v)
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E", NULL };

	if (v < 10000)
		gs_buf_put_u64(b, v);
	else
		put_scaled(b, v, 1000, units);
}

void text_bytes(struct gs_buf *b, uint64_t v)
{
	static const char *const units[] = { " KiB", " MiB", " GiB", " TiB", " PiB", " EiB", NULL };

	if (v < 10000) {
		gs_buf_put_u64(b, v);
		gs_buf_puts(b, " B");
	} else {
		put_scaled(b, v, 1024, units);
	}
}

void text_grouped(struct gs_buf *b, uint64_t v)
{
	char digits[32], *p = digits + sizeof digits;
	unsigned n = 0;

	do {
		if (n && n % 3 == 0)
			*--p = ',';
		*--p = (char)('0' + v % 10);
		v /= 10;
		n++;
	} while (v);
	gs_buf_put(b, p, (size_t)(digits + sizeof digits - p));
}

void text_percent(struct gs_buf *b, double share)
{
	if (share > 0 && share < 0.0005)
		gs_buf_puts(b, "<0.1 %");
	else if (share < 1 && share >= 0.9995)
		gs_buf_puts(b, ">99.9 %");
	else
		gs_buf_printf(b, "%.1f %%", share * 100);
}

/* Eighths of a column where there are characters for them; never nothing for something. */
static void put_bar(struct gs_buf *b, double part, const struct text_style *style)
{
	static const char *const eighths[] = { "", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589", "\u2588" };
	const unsigned steps = style->utf8 ? 8 : 1;
	long n;

	if (!(part > 0))
		return;
	n = lround(fmin(part, 1) * style->bar * steps);
	for (n = n ? n : 1; n > 0; n -= steps)
		gs_buf_puts(b, !style->utf8 ? "#" : eighths[n < 8 ? n : 8]);
}

static void put_share(struct gs_buf *b, double share, const struct text_style *style)
{
	const size_t start = b->len;
	char pad[16];

	text_percent(b, share);
	const size_t len = b->len - start;
	if (len < style->percent && style->percent <= sizeof pad && !b->failed) { /* the signs stand under each other, the bars start together */
		memset(pad, ' ', sizeof pad);
		gs_buf_put(b, pad, style->percent - len);
		memmove(b->data + start + (style->percent - len), b->data + start, len);
		memset(b->data + start, ' ', style->percent - len);
	}
	if (style->bar) {
		gs_buf_putc(b, ' ');
		put_bar(b, style->full > 0 ? share / style->full : 0, style);
	}
}

static void put_time(struct gs_buf *b, struct gs_time t, const struct text_style *style)
{
	char text[GS_TIME_TEXT_MAX];

	gs_time_format(t, 0, text);
	text[10] = ' ';
	gs_buf_put(b, text, style->dates_only ? 10 : style->seconds ? 19 : 16);
}

/* -- foreign text -------------------------------------------------------------------------------------------------------------------- */

/* The character to show for one that came, and its width. */
static uint32_t clean(uint32_t c, bool utf8, unsigned *ret_width)
{
	int w = 1;

	if (c == '\t' || c == '\n' || c == '\r')
		c = ' ';
	else if (c >= 0x80 && !utf8)
		c = '?';
	else if (gs_utf8_is_control(c) || gs_utf8_is_deceptive(c) || (c >= 0x80 && (w = wcwidth((wchar_t)c)) < 0))
		c = utf8 ? UTF8_REPLACEMENT : '?', w = 1;
	*ret_width = (unsigned)w;
	return c;
}

unsigned text_put_clean(struct gs_buf *b, const char *text, bool utf8, unsigned max)
{
	const char *ellipsis = utf8 ? "\u2026" : "~";
	unsigned width = 0;
	size_t fits = b->len; /* what stays if an ellipsis must follow */
	unsigned fits_width = 0;

	for (uint32_t c; (c = gs_utf8_next(&text)) != 0;) {
		unsigned w;
		c = clean(c, utf8, &w);
		if (width == 0 && w == 0)
			continue; /* nothing to combine with */
		if (max && width + w > max) {
			b->len = fits;
			gs_buf_puts(b, ellipsis);
			return fits_width + 1;
		}
		gs_utf8_put(b, c);
		width += w;
		if (width < max) {
			fits = b->len;
			fits_width = width;
		}
	}
	return width;
}

unsigned text_width(const char *text, size_t len)
{
	const char *end = text + len;
	unsigned width = 0;

	while (text < end) {
		const uint32_t c = gs_utf8_next(&text);
		const int w = c < 0x80 ? 1 : wcwidth((wchar_t)c);
		width += w > 0 ? (unsigned)w : 0;
	}
	return width;
}

void text_cell(struct gs_buf *b, uint8_t type, const struct gs_cell *c, const struct text_style *style)
{
	if (!c->set) {
		gs_buf_putc(b, '-');
		return;
	}
	if (render_is_text(type, c)) {
		text_put_clean(b, c->text, style->utf8, style->text_max);
		return;
	}
	switch (type) {
	case GS_CELL_COUNT:
		text_count(b, c->u64);
		break;
	case GS_CELL_BYTES:
		text_bytes(b, c->u64);
		break;
	case GS_CELL_ASN:
		gs_buf_puts(b, "AS");
		gs_buf_put_u64(b, c->u64);
		break;
	case GS_CELL_SHARE:
		put_share(b, c->real, style);
		break;
	case GS_CELL_BOOL:
		gs_buf_puts(b, c->u64 ? "yes" : "no");
		break;
	case GS_CELL_REAL: /* a person reads four digits */
		gs_buf_printf(b, c->real >= 1000 ? "%.0f" : "%.4g", c->real);
		break;
	case GS_CELL_TIME:
		put_time(b, c->time, style);
		break;
	default:
		render_value(b, type, c);
	}
}
