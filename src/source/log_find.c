#include "source/log_find.h"

#include <string.h>

/* Each is rare in logs, and every needle has one. Letters stand for both cases. */
const char log_anchors[][3] = { "47", "gr", "dd", "#f", "\x1f\x8b", "" };

typedef uint8_t block __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 32) : c;
}

bool log_finder_add(struct log_finder *f, const struct log_format *format, unsigned bit)
{
	if (!format->needles[0])
		f->always |= UINT64_C(1) << bit;
	for (const char *const *n = format->needles; *n; n++) {
		const char *text = *n, *at = NULL;
		unsigned a = 0;
		for (; a < LOG_ANCHORS && !at; a++)
			at = strstr(text, log_anchors[a]);
		const size_t len = strlen(text);
		if (!at || len > 255 || f->n == LOG_NEEDLES_MAX)
			return false;
		uint8_t *list = at == text ? &f->bare[a - 1] : &f->first[a - 1][(uint8_t)at[-1]];
		uint8_t same = *list;
		while (same && strcmp(f->needles[same].text, text) != 0)
			same = f->needles[same].next;
		if (same) { /* several formats name it so */
			f->needles[same].formats |= UINT64_C(1) << bit;
			continue;
		}
		const uint8_t id = (uint8_t)++f->n;
		f->needles[id].text = text;
		f->needles[id].len = (uint8_t)len;
		f->needles[id].at = (uint8_t)(at - text);
		f->needles[id].formats = UINT64_C(1) << bit;
		f->needles[id].next = *list;
		*list = id;
	}
	return true;
}

/* The formats whose needle has its pair number `a` at p; any: those of one will do. */
static uint64_t needles_at(const struct log_finder *f, unsigned a, const uint8_t *start, const uint8_t *p, const uint8_t *end, bool any)
{
	uint64_t found = 0;
	uint8_t lists[2] = { f->bare[a], p > start ? f->first[a][lower(p[-1])] : 0 };

	for (unsigned l = 0; l < 2; l++)
		for (uint8_t i = lists[l]; i; i = f->needles[i].next) {
			const uint8_t at = f->needles[i].at, len = f->needles[i].len;
			if ((size_t)(p - start) < at || (size_t)(end - p) < (size_t)(len - at))
				continue;
			const uint8_t *text = p - at;
			uint8_t k = 0;
			while (k < len && lower(text[k]) == (uint8_t)f->needles[i].text[k])
				k++;
			if (k < len)
				continue;
			found |= f->needles[i].formats;
			if (any)
				return found;
		}
	return found;
}

/* Which pair stands at p, which has an octet behind it: LOG_ANCHORS for none. */
static inline unsigned pair_at(const uint8_t *p)
{
	const uint8_t x = lower(p[0]), y = lower(p[1]);
	unsigned a = 0;

	while (a < LOG_ANCHORS && ((uint8_t)log_anchors[a][0] != x || (uint8_t)log_anchors[a][1] != y))
		a++;
	return a;
}

static block splat(char c)
{
	const uint8_t b = (uint8_t)c;
	return (block){ b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b };
}

/* Places of pairs among 16 octets from p on (17 are read), 0xff each. Octets that differ from a pair in the bit of case alone count too: they are looked at again. */
static inline block pairs_in(const uint8_t *p)
{
	block x, y;

	memcpy(&x, p, 16);
	memcpy(&y, p + 1, 16);
	const block xl = x | 0x20, yl = y | 0x20;
	const block p47 = (block)(x == splat('4')) & (block)(y == splat('7')), gr = (block)(xl == splat('g')) & (block)(yl == splat('r'));
	const block dd = (block)(xl == splat('d')) & (block)(yl == splat('d')), fields = (block)(x == splat('#')) & (block)(yl == splat('f'));
	const block gzip = (block)(x == splat('\x1f')) & (block)(y == splat('\x8b'));
	return p47 | gr | dd | fields | gzip;
}

/* The next pair from p on, or end. */
static const uint8_t *pair_next(const uint8_t *p, const uint8_t *end)
{
	for (; end - p > 64 + 16; p += 64) {
		const block any = pairs_in(p) | pairs_in(p + 16) | pairs_in(p + 32) | pairs_in(p + 48);
		const halves h = (halves)any;
		if (h[0] | h[1])
			break;
	}
	for (; end - p > 16; p += 16) {
		const halves h = (halves)pairs_in(p);
		if (h[0])
			return p + __builtin_ctzll(h[0]) / 8;
		if (h[1])
			return p + 8 + __builtin_ctzll(h[1]) / 8;
	}
	for (; end - p > 1; p++)
		if (pair_at(p) < LOG_ANCHORS)
			return p;
	return end;
}

const uint8_t *log_finder_next(const struct log_finder *f, const uint8_t *start, const uint8_t *p, const uint8_t *end)
{
	while ((p = pair_next(p, end)) < end) {
		const unsigned a = pair_at(p);
		if (a < LOG_ANCHORS && needles_at(f, a, start, p, end, true))
			return p;
		p++;
	}
	return NULL;
}

uint64_t log_finder_formats(const struct log_finder *f, log_cell line)
{
	const uint8_t *start = (const uint8_t *)line.text, *end = start + line.len, *p = start;
	uint64_t found = f->always;

	while (line.len && (p = pair_next(p, end)) < end) {
		const unsigned a = pair_at(p);
		if (a < LOG_ANCHORS)
			found |= needles_at(f, a, start, p, end, false);
		p++;
	}
	return found;
}

uint64_t log_count_lines(const uint8_t *p, const uint8_t *end)
{
	uint64_t n = 0;

	while (end - p >= 16) {
		block sum = { 0 };
		for (unsigned i = 0; i < 255 && end - p >= 16; i++, p += 16) {
			block x;
			memcpy(&x, p, 16);
			sum -= (block)(x == splat('\n'));
		}
		for (unsigned i = 0; i < 16; i++)
			n += sum[i];
	}
	for (; p < end; p++)
		n += *p == '\n';
	return n;
}
