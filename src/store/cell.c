/*
 * cell.c - rollups: sums over one hour, kept as columns
 *
 * A cell adds up the sightings of one source, hour, class, sensor, destination and GRE shape. Cells of one day (or of all time, without hour, destination
 * and shape) are sorted by source and kept in blocks of up to BLOCK_CELLS as columns, about 13 octets a cell where a table row would take 60 and
 * be read ten times slower. A block is complete in itself: no dictionary that an outsider could blow up, no id to resolve.
 *
 * Three groups, each a blob of its own, so that a question reads only what it looks at:
 *   who   counts; sources: IPv4 as deltas, IPv6; cells of each; hour, class, sensor, flags
 *   much  sightings, packets, bytes, first (from the start of the hour), last - first; estimates of folded sources
 *   whom  lists of the block's destinations and shapes, sorted; per cell the numbers in them
 *
 * A column: width w (octets 0-8), unit (1, 10^3, 10^6, 10^9), base as varint, then w planes: all lowest octets, all second ones, ... A value is
 * base + unit * n. Each plane: 0 and n octets as they are, or 1, length as varint, zstd. Planes compress by themselves far better than numbers side by
 * side, and are put together again a vector at a time.
 */
#include "store/private.h"

#include <stdlib.h>

#define BLOCK_FORMAT 1
#define PLANE_ZSTD_MIN 64
#define ZSTD_LEVEL 1

/* ---- cells ---- */

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int shape_compare(const struct shape *a, const struct shape *b)
{
	int d = compare_u64((uint64_t)a->has << 32 | (uint64_t)a->version << 16 | a->proto, (uint64_t)b->has << 32 | (uint64_t)b->version << 16 | b->proto);
	return d ? d : compare_u64(a->key, b->key);
}

int cell_compare(const struct cell *a, const struct cell *b)
{
	int d = gs_addr_compare(&a->src, &b->src);
	if (d)
		return d;
	if (a->hour != b->hour)
		return a->hour < b->hour ? -1 : 1;
	d = compare_u64((uint64_t)a->class_ << 32 | (uint64_t)a->sensor << 8 | a->flags, (uint64_t)b->class_ << 32 | (uint64_t)b->sensor << 8 | b->flags);
	if (d)
		return d;
	d = gs_addr_compare(&a->dst, &b->dst);
	return d ? d : shape_compare(&a->shape, &b->shape);
}

static struct shape shape_of(const struct gs_sighting *s)
{
	struct shape r = { 0 };
	if (s->has & GS_HAS_FLAGS) {
		r.has |= 1;
		r.version = s->gre_flags & 7;
	}
	if (s->has & GS_HAS_PROTO) {
		r.has |= 2;
		r.proto = s->gre_proto;
	}
	if (s->has & GS_HAS_KEY) {
		r.has |= 4;
		r.key = r.version == 1 ? s->gre_key & 0xffff : s->gre_key; /* the high half of version 1 is a length (RFC 2637 s4.1) */
	}
	return r;
}

void cell_of(const struct gs_sighting *s, struct cell *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->src = s->src;
	ret->class_ = s->class_;
	ret->flags = s->flags | (s->has & GS_HAS_IP_LEN || s->bytes ? 0 : CELL_NO_LENGTH) |
	             (s->src.family && (s->via == GS_VIA_ICMP || gs_addr_equal(&s->src, &s->dst)) ? CELL_OURS : 0);
	ret->hour = hour_of(s->first.ns);
	ret->sensor = s->sensor;
	ret->dst = s->dst;
	ret->shape = shape_of(s);
	ret->sightings = 1;
	ret->packets = s->packets;
	ret->bytes = s->bytes;
	ret->sources = s->flags ? s->sources : 0;
	ret->first_ns = s->first.ns;
	ret->last_ns = s->last.ns;
}

void cell_add(struct cell *to, const struct cell *from)
{
	to->sightings += from->sightings;
	to->packets += from->packets;
	to->bytes += from->bytes;
	to->sources += from->sources;
	if (from->first_ns < to->first_ns)
		to->first_ns = from->first_ns;
	if (from->last_ns > to->last_ns)
		to->last_ns = from->last_ns;
}

void cell_strip(struct cell *c)
{
	c->hour = HOUR_NONE;
	memset(&c->dst, 0, sizeof c->dst);
	memset(&c->shape, 0, sizeof c->shape);
}

/* What cells are sorted by first, as one number: day and the first 32 bits of the source. Ties are settled by comparing whole cells. */
struct sort_key {
	uint64_t key;
	uint32_t index;
};

static uint64_t sort_key_of(const struct cell *c)
{
	uint32_t top;
	memcpy(&top, c->src.b, 4);
	uint64_t day = c->hour == HOUR_NONE ? 0 : (uint64_t)((int64_t)day_of_hour(c->hour) + (INT64_C(1) << 20));
	return day << 34 | (uint64_t)(c->src.family / 2) << 32 | be32toh(top);
}

#define RADIX_BITS 11
#define RADIX_SIZE (1u << RADIX_BITS)

/* Least digit first, stable; skips digits that are all the same. Needs `other` of the same size; returns where the result is. */
static struct sort_key *radix_sort(struct sort_key *a, struct sort_key *other, size_t n)
{
	for (unsigned shift = 0; shift < 64; shift += RADIX_BITS) {
		uint32_t count[RADIX_SIZE] = { 0 }, sum = 0;
		for (size_t i = 0; i < n; i++)
			count[a[i].key >> shift & (RADIX_SIZE - 1)]++;
		if (n == 0 || count[a[0].key >> shift & (RADIX_SIZE - 1)] == n)
			continue;
		for (unsigned d = 0; d < RADIX_SIZE; d++) {
			uint32_t k = count[d];
			count[d] = sum;
			sum += k;
		}
		for (size_t i = 0; i < n; i++)
			other[count[a[i].key >> shift & (RADIX_SIZE - 1)]++] = a[i];
		struct sort_key *t = a;
		a = other;
		other = t;
	}
	return a;
}

static int day_then_cell(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	if (x->hour != HOUR_NONE) {
		int32_t dx = day_of_hour(x->hour), dy = day_of_hour(y->hour);
		if (dx != dy)
			return dx < dy ? -1 : 1;
	}
	return cell_compare(x, y);
}

size_t cells_settle(struct cell *cells, size_t n, bool all)
{
	size_t out = 0;
	if (n == 0)
		return 0;
	for (size_t i = 0; all && i < n; i++)
		cell_strip(&cells[i]);
	struct sort_key *keys = malloc(n * 2 * sizeof *keys);
	struct cell *sorted = malloc(n * sizeof *sorted);
	if (!keys || !sorted) {
		free(keys);
		free(sorted);
		return SIZE_MAX;
	}
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct sort_key){ sort_key_of(&cells[i]), (uint32_t)i };
	const struct sort_key *k = radix_sort(keys, keys + n, n);
	for (size_t i = 0; i < n; i++)
		sorted[i] = cells[k[i].index];
	for (size_t i = 0, end; i < n; i = end) { /* runs of equal keys: one source and day, seldom long */
		for (end = i + 1; end < n && k[end].key == k[i].key; end++)
			;
		if (end - i > 1)
			qsort(sorted + i, end - i, sizeof *sorted, day_then_cell);
	}
	for (size_t i = 0; i < n; i++) {
		if (out && cell_compare(&cells[out - 1], &sorted[i]) == 0)
			cell_add(&cells[out - 1], &sorted[i]);
		else
			cells[out++] = sorted[i];
	}
	free(sorted);
	free(keys);
	return out;
}

/* ---- a block's memory ---- */

static void *block_alloc(struct block *b, enum block_group g, size_t n)
{
	free(b->memory[g]);
	b->memory[g] = malloc(n + 64);
	return b->memory[g];
}

void block_done(struct block *b)
{
	for (int g = 0; g < BLOCK_GROUPS; g++)
		free(b->memory[g]);
	memset(b, 0, sizeof *b);
}

/* Arrays of a group, the widest first so that all are aligned. */
static bool block_who_alloc(struct block *b)
{
	size_t sources = block_sources(b), n = b->n;
	uint8_t *p = block_alloc(b, BLOCK_WHO, sources * 4 + b->n_src4 * 4u + n * 2 + b->n_src6 * 16u + n * 3);
	if (!p)
		return false;
	b->cells_of = (uint32_t *)(void *)p;
	b->src4 = b->cells_of + sources;
	b->sensor = (uint16_t *)(void *)(b->src4 + b->n_src4);
	b->src6 = (uint8_t(*)[16])(b->sensor + n);
	b->hour = (uint8_t *)(b->src6 + b->n_src6);
	b->class_ = b->hour + n;
	b->flags = b->class_ + n;
	return true;
}

static bool block_much_alloc(struct block *b)
{
	size_t n = b->n;
	uint64_t *p = block_alloc(b, BLOCK_MUCH, (n * 5 + b->n_none) * 8);
	if (!p)
		return false;
	b->sightings = p;
	b->packets = p + n;
	b->bytes = p + 2 * n;
	b->dur = p + 3 * n;
	b->first = (int64_t *)(p + 4 * n);
	b->sources = p + 5 * n;
	return true;
}

static bool block_whom_alloc(struct block *b)
{
	uint8_t *p = block_alloc(b, BLOCK_WHOM, b->n * 8u + b->n_shape * sizeof(struct shape) + b->n_dst * sizeof(struct gs_addr));
	if (!p)
		return false;
	b->dst = (uint32_t *)(void *)p;
	b->shape = b->dst + b->n;
	b->shapes = (struct shape *)(b->shape + b->n);
	b->dsts = (struct gs_addr *)(b->shapes + b->n_shape);
	return true;
}

struct gs_addr block_source(const struct block *b, uint32_t i)
{
	struct gs_addr a = { 0 };
	if (b->n_none) {
		if (i == 0)
			return a;
		i--;
	}
	if (i < b->n_src4) {
		uint32_t be = htobe32(b->src4[i]);
		memcpy(a.b, &be, 4);
		a.family = 4;
		return a;
	}
	return gs_addr_v6(b->src6[i - b->n_src4]);
}

/* ---- sorted cells into columns ---- */

static int addr_qsort(const void *a, const void *b)
{
	return gs_addr_compare(a, b);
}

static int shape_qsort(const void *a, const void *b)
{
	return shape_compare(a, b);
}

static size_t unique(void *list, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	uint8_t *p = list;
	size_t out = 0;
	qsort(list, n, size, compare);
	for (size_t i = 0; i < n; i++)
		if (out == 0 || compare(p + (out - 1) * size, p + i * size) != 0)
			memmove(p + out++ * size, p + i * size, size);
	return out;
}

static uint32_t number_in(const void *list, size_t n, size_t size, int (*compare)(const void *, const void *), const void *what)
{
	const uint8_t *p = bsearch(what, list, n, size, compare);
	return (uint32_t)((size_t)(p - (const uint8_t *)list) / size);
}

/* Destinations and shapes repeat from cell to cell: only changes go into the list before it is sorted. */
static int whom_from_cells(const struct cell *cells, size_t n, struct block *b)
{
	struct gs_addr *dsts = malloc(n * sizeof *dsts);
	struct shape *shapes = malloc(n * sizeof *shapes);
	size_t nd = 0, ns = 0;
	int r = GS_ERR_NOMEM;

	if (!dsts || !shapes)
		goto out;
	for (size_t i = 0; i < n; i++) {
		if (nd == 0 || !gs_addr_equal(&dsts[nd - 1], &cells[i].dst))
			dsts[nd++] = cells[i].dst;
		if (ns == 0 || shape_compare(&shapes[ns - 1], &cells[i].shape) != 0)
			shapes[ns++] = cells[i].shape;
	}
	b->n_dst = (uint32_t)unique(dsts, nd, sizeof *dsts, addr_qsort);
	b->n_shape = (uint32_t)unique(shapes, ns, sizeof *shapes, shape_qsort);
	if (!block_whom_alloc(b))
		goto out;
	memcpy(b->dsts, dsts, b->n_dst * sizeof *dsts);
	memcpy(b->shapes, shapes, b->n_shape * sizeof *shapes);
	for (size_t i = 0; i < n; i++) {
		bool same = i && gs_addr_equal(&cells[i].dst, &cells[i - 1].dst), same_shape = i && shape_compare(&cells[i].shape, &cells[i - 1].shape) == 0;
		b->dst[i] = same ? b->dst[i - 1] : number_in(b->dsts, b->n_dst, sizeof *dsts, addr_qsort, &cells[i].dst);
		b->shape[i] = same_shape ? b->shape[i - 1] : number_in(b->shapes, b->n_shape, sizeof *shapes, shape_qsort, &cells[i].shape);
	}
	r = 0;
out:
	free(dsts);
	free(shapes);
	return r;
}

static void who_count(const struct cell *cells, size_t n, struct block *b)
{
	for (size_t i = 0; i < n; i++) {
		bool is_new = i == 0 || !gs_addr_equal(&cells[i].src, &cells[i - 1].src);
		b->n_none += cells[i].src.family == 0;
		b->n_src4 += is_new && cells[i].src.family == 4;
		b->n_src6 += is_new && cells[i].src.family == 6;
	}
}

/* Where first counts from. Unsigned: the hour that holds the earliest time begins before it. */
static uint64_t hour_base(const struct block *b, uint32_t i)
{
	return b->part == PART_ALL ? (uint64_t)INT64_MIN : (uint64_t)((int64_t)b->part * 24 + b->hour[i]) * 3600 * (uint64_t)GS_NS_PER_S;
}

int block_from_cells(const struct cell *cells, size_t n, int32_t part, struct block *b)
{
	*b = (struct block){ .part = part, .n = (uint32_t)n };
	who_count(cells, n, b);
	if (!block_who_alloc(b) || !block_much_alloc(b) || whom_from_cells(cells, n, b) < 0) {
		block_done(b);
		return GS_ERR_NOMEM;
	}
	uint32_t source = UINT32_MAX, n4 = 0, n6 = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct cell *c = &cells[i];
		if (i == 0 || !gs_addr_equal(&c->src, &cells[i - 1].src)) {
			b->cells_of[++source] = 0;
			uint32_t top;
			memcpy(&top, c->src.b, 4);
			if (c->src.family == 4)
				b->src4[n4++] = be32toh(top);
			else if (c->src.family == 6)
				memcpy(b->src6[n6++], c->src.b, 16);
		}
		b->cells_of[source]++;
		b->hour[i] = part == PART_ALL ? 0 : (uint8_t)(c->hour - part * 24);
		b->class_[i] = c->class_;
		b->flags[i] = c->flags;
		b->sensor[i] = c->sensor;
		b->sightings[i] = c->sightings;
		b->packets[i] = c->packets;
		b->bytes[i] = c->bytes;
		b->first[i] = c->first_ns;
		b->dur[i] = (uint64_t)c->last_ns - (uint64_t)c->first_ns;
		if (i < b->n_none)
			b->sources[i] = c->sources;
	}
	b->have = BLOCK_ALL_GROUPS;
	return 0;
}

/* ---- columns ---- */

static const uint64_t units[] = { 1, 1000, 1000000, 1000000000 };

static void out_varint(struct gs_buf *o, uint64_t v)
{
	while (v >= 0x80) {
		gs_buf_putc(o, (char)(v | 0x80));
		v >>= 7;
	}
	gs_buf_putc(o, (char)v);
}

static void plane_put(struct gs_buf *o, ZSTD_CCtx *zc, const uint8_t *plane, size_t n)
{
	size_t room = ZSTD_compressBound(n) + 16;
	if (n >= PLANE_ZSTD_MIN && gs_buf_reserve(o, room)) {
		uint8_t *at = (uint8_t *)o->data + o->len;
		size_t z = ZSTD_compressCCtx(zc, at + 11, ZSTD_compressBound(n), plane, n, ZSTD_LEVEL);
		if (!ZSTD_isError(z) && z < n - n / 16) {
			gs_buf_putc(o, 1);
			out_varint(o, z);
			memmove(o->data + o->len, at + 11, z);
			o->len += z;
			return;
		}
	}
	gs_buf_putc(o, 0);
	gs_buf_put(o, plane, n);
}

/* `v` is used up. */
static void column_put(struct gs_buf *o, ZSTD_CCtx *zc, uint64_t *v, size_t n, uint8_t *plane)
{
	uint64_t min = UINT64_MAX, or_ = 0;
	unsigned unit = 0, width = 0;

	for (size_t i = 0; i < n; i++)
		min = v[i] < min ? v[i] : min;
	for (size_t i = 0; i < n; i++)
		or_ |= v[i] -= min;
	for (unsigned u = 3; u > 0 && or_; u--) {
		size_t i = 0;
		while (i < n && v[i] % units[u] == 0)
			i++;
		if (i == n) {
			unit = u;
			break;
		}
	}
	if (unit) {
		or_ = 0;
		for (size_t i = 0; i < n; i++)
			or_ |= v[i] /= units[unit];
	}
	while (width < 8 && or_ >> (8 * width))
		width++;
	gs_buf_putc(o, (char)width);
	gs_buf_putc(o, (char)unit);
	out_varint(o, n ? min : 0);
	for (unsigned p = 0; p < width; p++) {
		for (size_t i = 0; i < n; i++)
			plane[i] = (uint8_t)(v[i] >> (8 * p));
		plane_put(o, zc, plane, n);
	}
}

static uint64_t in_varint(struct gs_cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = gs_get_u8(c);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->short_ = true;
	return 0;
}

static const uint8_t *plane_get(struct gs_cursor *c, ZSTD_DCtx *zd, uint32_t n, uint8_t *plane)
{
	if (gs_get_u8(c) == 0)
		return gs_get_bytes(c, n);
	uint64_t len = in_varint(c);
	const uint8_t *p = len > UINT32_MAX ? NULL : gs_get_bytes(c, (uint32_t)len);
	if (!p || c->short_)
		return NULL;
	size_t z = ZSTD_decompressDCtx(zd, plane, n, p, len);
	return z == n ? plane : NULL;
}

/* n values of at most max into v; false: not so. */
static bool column_get(struct gs_cursor *c, ZSTD_DCtx *zd, uint64_t *restrict v, uint32_t n, uint64_t max, uint8_t *restrict plane)
{
	unsigned width = gs_get_u8(c), unit = gs_get_u8(c);
	uint64_t base = in_varint(c), big = 0;
	if (c->short_ || width > 8 || unit > 3)
		return false;
	if (width == 0)
		memset(v, 0, n * sizeof *v);
	for (unsigned p = 0; p < width; p++) {
		const uint8_t *q = plane_get(c, zd, n, plane);
		if (!q)
			return false;
		if (p == 0)
			for (uint32_t i = 0; i < n; i++)
				v[i] = q[i];
		else
			for (uint32_t i = 0; i < n; i++)
				v[i] |= (uint64_t)q[i] << (8 * p);
	}
	if (unit)
		for (uint32_t i = 0; i < n; i++)
			v[i] *= units[unit];
	for (uint32_t i = 0; i < n; i++) {
		v[i] += base;
		big |= v[i] > max;
	}
	return big == 0;
}

/* ---- groups ---- */

struct scratch {
	uint64_t *wide;
	uint8_t *plane;
};

static bool scratch_make(struct scratch *s, size_t n)
{
	s->wide = malloc(n * 9 + 8);
	s->plane = s->wide ? (uint8_t *)(s->wide + n) : NULL;
	return s->wide != NULL;
}

#define COLUMN_PUT(array, count)                                                                                                 \
	do {                                                                                                                     \
		for (size_t i_ = 0; i_ < (count); i_++)                                                                          \
			s.wide[i_] = (uint64_t)(array)[i_];                                                                      \
		column_put(out, zc, s.wide, (count), s.plane);                                                                   \
	} while (0)

static void who_encode(const struct block *b, ZSTD_CCtx *zc, struct scratch s, struct gs_buf *out)
{
	gs_buf_putc(out, BLOCK_FORMAT);
	out_varint(out, b->n);
	out_varint(out, b->n_none);
	out_varint(out, b->n_src4);
	out_varint(out, b->n_src6);
	out_varint(out, b->n_dst);
	out_varint(out, b->n_shape);
	for (uint32_t i = 0; i < b->n_src4; i++)
		s.wide[i] = b->src4[i] - (i ? b->src4[i - 1] : 0);
	column_put(out, zc, s.wide, b->n_src4, s.plane);
	for (unsigned k = 0; k < 16; k++) {
		for (uint32_t i = 0; i < b->n_src6; i++)
			s.plane[i] = b->src6[i][k];
		plane_put(out, zc, s.plane, b->n_src6);
	}
	COLUMN_PUT(b->cells_of, block_sources(b));
	COLUMN_PUT(b->hour, b->n);
	COLUMN_PUT(b->class_, b->n);
	COLUMN_PUT(b->sensor, b->n);
	COLUMN_PUT(b->flags, b->n);
}

static void much_encode(const struct block *b, ZSTD_CCtx *zc, struct scratch s, struct gs_buf *out)
{
	COLUMN_PUT(b->sightings, b->n);
	COLUMN_PUT(b->packets, b->n);
	COLUMN_PUT(b->bytes, b->n);
	for (uint32_t i = 0; i < b->n; i++)
		s.wide[i] = (uint64_t)b->first[i] - hour_base(b, i);
	column_put(out, zc, s.wide, b->n, s.plane);
	COLUMN_PUT(b->dur, b->n);
	COLUMN_PUT(b->sources, b->n_none);
}

static void whom_encode(const struct block *b, ZSTD_CCtx *zc, struct scratch s, struct gs_buf *out)
{
	for (uint32_t i = 0; i < b->n_dst; i++) {
		gs_buf_putc(out, (char)b->dsts[i].family);
		gs_buf_put(out, b->dsts[i].b, b->dsts[i].family == 6 ? 16 : b->dsts[i].family);
	}
	for (uint32_t i = 0; i < b->n_shape; i++) {
		const struct shape *h = &b->shapes[i];
		uint8_t fixed[4] = { h->has, h->version, (uint8_t)(h->proto >> 8), (uint8_t)h->proto };
		gs_buf_put(out, fixed, sizeof fixed);
		out_varint(out, h->key);
	}
	COLUMN_PUT(b->dst, b->n);
	COLUMN_PUT(b->shape, b->n);
}

int block_encode(const struct block *b, enum block_group g, ZSTD_CCtx *zc, struct gs_buf *out)
{
	struct scratch s;
	if (!scratch_make(&s, b->n))
		return GS_ERR_NOMEM;
	gs_buf_clear(out);
	if (g == BLOCK_WHO)
		who_encode(b, zc, s, out);
	else if (g == BLOCK_MUCH)
		much_encode(b, zc, s, out);
	else
		whom_encode(b, zc, s, out);
	free(s.wide);
	return out->failed ? GS_ERR_NOMEM : 0;
}

#define COLUMN_GET(array, count, max)                                                                                            \
	do {                                                                                                                     \
		if (!column_get(c, zd, s.wide, (count), (max), s.plane))                                                         \
			return false;                                                                                            \
		for (uint32_t i_ = 0; i_ < (count); i_++)                                                                        \
			(array)[i_] = (__typeof__(*(array)))s.wide[i_];                                                          \
	} while (0)

static bool sources_decode(struct block *b, struct gs_cursor *c, ZSTD_DCtx *zd, struct scratch s)
{
	uint64_t at = 0, cells = 0;
	if (!column_get(c, zd, s.wide, b->n_src4, UINT32_MAX, s.plane))
		return false;
	for (uint32_t i = 0; i < b->n_src4; i++) {
		if (i && s.wide[i] == 0)
			return false;
		at += s.wide[i];
		if (at > UINT32_MAX)
			return false;
		b->src4[i] = (uint32_t)at;
	}
	for (unsigned k = 0; k < 16; k++) {
		const uint8_t *p = plane_get(c, zd, b->n_src6, s.plane);
		if (!p)
			return false;
		for (uint32_t i = 0; i < b->n_src6; i++)
			b->src6[i][k] = p[i];
	}
	COLUMN_GET(b->cells_of, block_sources(b), b->n);
	for (uint32_t i = 0; i < block_sources(b); i++) {
		if (b->cells_of[i] == 0)
			return false;
		cells += b->cells_of[i];
	}
	return cells == b->n && (!b->n_none || b->cells_of[0] == b->n_none);
}

static bool who_head(struct block *b, struct gs_cursor *c)
{
	uint64_t v[6];
	if (gs_get_u8(c) != BLOCK_FORMAT)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		v[i] = in_varint(c);
		if (v[i] > BLOCK_CELLS)
			return false;
	}
	b->n = (uint32_t)v[0];
	b->n_none = (uint32_t)v[1];
	b->n_src4 = (uint32_t)v[2];
	b->n_src6 = (uint32_t)v[3];
	b->n_dst = (uint32_t)v[4];
	b->n_shape = (uint32_t)v[5];
	return !c->short_ && b->n > 0 && block_sources(b) <= b->n && b->n_dst <= b->n && b->n_shape <= b->n && b->n_none <= b->n;
}

static bool who_decode(struct block *b, struct gs_cursor *c, ZSTD_DCtx *zd, struct scratch s)
{
	if (!sources_decode(b, c, zd, s))
		return false;
	COLUMN_GET(b->hour, b->n, b->part == PART_ALL ? 0 : 23);
	COLUMN_GET(b->class_, b->n, GS_CLASS_COUNT - 1);
	COLUMN_GET(b->sensor, b->n, GS_SENSORS_MAX);
	COLUMN_GET(b->flags, b->n, UINT8_MAX);
	uint8_t all = 0;
	for (uint32_t i = 0; i < b->n; i++)
		all |= b->flags[i];
	return (all & ~CELL_FLAGS) == 0;
}

static bool much_decode(struct block *b, struct gs_cursor *c, ZSTD_DCtx *zd, struct scratch s)
{
	if (!column_get(c, zd, b->sightings, b->n, UINT64_MAX, s.plane) || !column_get(c, zd, b->packets, b->n, UINT64_MAX, s.plane) ||
	    !column_get(c, zd, b->bytes, b->n, UINT64_MAX, s.plane) || !column_get(c, zd, s.wide, b->n, UINT64_MAX, s.plane))
		return false;
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->part != PART_ALL && s.wide[i] >= 3600 * (uint64_t)GS_NS_PER_S)
			return false;
		b->first[i] = (int64_t)(s.wide[i] + hour_base(b, i));
	}
	return column_get(c, zd, b->dur, b->n, UINT64_MAX, s.plane) && column_get(c, zd, b->sources, b->n_none, UINT64_MAX, s.plane);
}

static bool whom_decode(struct block *b, struct gs_cursor *c, ZSTD_DCtx *zd, struct scratch s)
{
	for (uint32_t i = 0; i < b->n_dst; i++) {
		uint8_t family = gs_get_u8(c);
		const uint8_t *p = family == 0 || family == 4 || family == 6 ? gs_get_bytes(c, family == 6 ? 16 : family) : NULL;
		if (!p)
			return false;
		memset(&b->dsts[i], 0, sizeof b->dsts[i]);
		memcpy(b->dsts[i].b, p, family == 6 ? 16 : family);
		b->dsts[i].family = family;
	}
	for (uint32_t i = 0; i < b->n_shape; i++) {
		const uint8_t *p = gs_get_bytes(c, 4);
		uint64_t key = in_varint(c);
		if (!p || key > UINT32_MAX || p[0] > 7 || p[1] > 7)
			return false;
		b->shapes[i] = (struct shape){ .has = p[0], .version = p[1], .proto = (uint16_t)(p[2] << 8 | p[3]), .key = (uint32_t)key };
	}
	COLUMN_GET(b->dst, b->n, b->n_dst - 1u);
	COLUMN_GET(b->shape, b->n, b->n_shape - 1u);
	return true;
}

const char *block_decode(struct block *b, enum block_group g, ZSTD_DCtx *zd, const uint8_t *data, size_t len, bool *ret_nomem)
{
	struct gs_cursor c = gs_cursor_of(data, (uint32_t)len, (uint32_t)len);
	struct scratch s;
	bool ok;

	*ret_nomem = false;
	if (len > UINT32_MAX || (g == BLOCK_WHO && !who_head(b, &c)) || (g == BLOCK_WHOM && (!b->n_dst || !b->n_shape)))
		return "a rollup's head does not decode";
	if (!(g == BLOCK_WHO ? block_who_alloc(b) : g == BLOCK_MUCH ? block_much_alloc(b) : block_whom_alloc(b)) || !scratch_make(&s, b->n)) {
		*ret_nomem = true;
		return "out of memory";
	}
	ok = g == BLOCK_WHO ? who_decode(b, &c, zd, s) : g == BLOCK_MUCH ? much_decode(b, &c, zd, s) : whom_decode(b, &c, zd, s);
	free(s.wide);
	if (!ok || c.short_ || gs_cursor_left(&c))
		return "a rollup's columns do not decode";
	b->have |= 1u << g;
	return NULL;
}

uint64_t block_sum(const void *data, size_t len, int64_t id, enum block_group g)
{
	return XXH3_64bits_withSeed(data, len, (uint64_t)id * BLOCK_GROUPS + g);
}

void block_walk_begin(struct block_walk *w, const struct block *b)
{
	*w = (struct block_walk){ .b = b, .source = UINT32_MAX };
}

bool block_walk_next(struct block_walk *w, struct cell *c)
{
	const struct block *b = w->b;
	uint32_t i = w->cell;
	if (i >= b->n)
		return false;
	if (w->left == 0) {
		w->left = b->cells_of[++w->source];
		w->src = block_source(b, w->source);
	}
	memset(c, 0, sizeof *c);
	c->src = w->src;
	c->hour = b->part == PART_ALL ? HOUR_NONE : b->part * 24 + b->hour[i];
	c->class_ = b->class_[i];
	c->flags = b->flags[i];
	c->sensor = b->sensor[i];
	c->dst = b->dsts[b->dst[i]];
	c->shape = b->shapes[b->shape[i]];
	c->sightings = b->sightings[i];
	c->packets = b->packets[i];
	c->bytes = b->bytes[i];
	c->sources = i < b->n_none ? b->sources[i] : 0;
	c->first_ns = b->first[i];
	c->last_ns = (int64_t)((uint64_t)b->first[i] + b->dur[i]);
	w->cell++;
	w->left--;
	return true;
}
