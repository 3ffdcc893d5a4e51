/* fields.c - from a field's description to its row */
#include "explain/fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define VALUE_MAX 80

static void put_row(struct explain *x, bool placed, const char *field, uint32_t off, uint32_t len, const char *value, const char *meaning, const char *source)
{
	struct gs_cell cells[8] = {
		{ .u64 = x->f->number, .set = x->f->number != 0 },
		{ .text = x->layer, .set = true },
		{ .text = field, .set = field && *field },
		{ .u64 = off, .set = placed },
		{ .u64 = len, .set = placed },
		{ .text = value, .set = value && *value },
		{ .text = meaning, .set = meaning && *meaning },
		{ .text = source, .set = source && *source },
	};
	unsigned n;
	struct gs_table t = { .columns = gs_explain_columns(&n), .n_columns = 8, .cells = cells, .n_rows = 1 };

	if (x->r == 0)
		x->r = x->w->rows(x->w->arg, &t, x->err);
}

void explain_row(struct explain *x, const char *field, uint32_t off, uint32_t len, const char *value, const char *meaning, const char *source)
{
	put_row(x, true, field, off, len, value, meaning, source);
}

void explain_rowf(struct explain *x, const char *field, const char *meaning, const char *source, const char *format, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(value, sizeof value, format, ap);
	va_end(ap);
	put_row(x, false, field, 0, 0, value, meaning, source);
}

static const uint8_t *octets(const struct explain *x, uint32_t off, uint32_t len)
{
	const uint64_t at = (uint64_t)x->off + off;
	return at + len <= x->f->caplen ? x->f->data + at : NULL;
}

bool explain_get(const struct explain *x, uint32_t off, uint32_t len, uint64_t *ret)
{
	const uint8_t *p = octets(x, off, len);

	if (!p || len > 8)
		return false;
	*ret = 0;
	for (uint32_t i = 0; i < len; i++)
		*ret = *ret << 8 | p[i];
	return true;
}

void explain_octets(struct explain *x, const char *field, uint32_t off, uint32_t len, const char *meaning)
{
	char value[2 * 255 + 1];
	const uint8_t *p = octets(x, off, len);

	if (!p || len > 255)
		return;
	for (uint32_t i = 0; i < len; i++)
		snprintf(value + 2 * i, 3, "%02x", p[i]);
	explain_row(x, field, x->off + off, len, value, meaning, x->source);
}

const char *explain_set(uint64_t v)
{
	return v ? "set" : "";
}

static void write_octets(const struct field *d, const uint8_t *p, char out[VALUE_MAX])
{
	size_t n = 0;

	if (d->show == SHOW_IPV4 || d->show == SHOW_IPV6) {
		const struct gs_addr a = d->show == SHOW_IPV4 ? gs_addr_v4(p) : gs_addr_v6(p);
		gs_addr_format(&a, out);
		return;
	}
	for (unsigned i = 0; i < d->len && n + 4 < VALUE_MAX; i++)
		n += (size_t)snprintf(out + n, VALUE_MAX - n, "%s%02x", i ? ":" : "", p[i]);
}

static void one_field(struct explain *x, const struct field *d)
{
	char value[VALUE_MAX] = "";
	const char *meaning = "";
	uint64_t v = 0;

	if (d->show == SHOW_DEC || d->show == SHOW_HEX) {
		if (!explain_get(x, d->off, d->len, &v))
			return;
		if (d->bits)
			v = v >> d->shift & ((UINT64_C(1) << d->bits) - 1);
		if (d->words)
			meaning = d->words(v);
		v *= d->unit ? d->unit : 1;
		if (d->show == SHOW_DEC)
			snprintf(value, sizeof value, "%" PRIu64, v);
		else
			snprintf(value, sizeof value, "0x%0*" PRIx64, d->digits ? d->digits : 2 * d->len, v);
	} else {
		const uint8_t *p = octets(x, d->off, d->len);
		if (!p)
			return;
		write_octets(d, p, value);
	}
	explain_row(x, d->name, x->off + d->off, d->len, value, meaning, x->source);
}

void explain_fields(struct explain *x, const struct field *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		one_field(x, &list[i]);
}
