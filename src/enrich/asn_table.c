/*
 * asn_table.c - from rows to sorted arrays that answer in some ten nanoseconds
 *
 * Ranges may overlap in the file (real tables have one here and there, prefixes nest by nature): the narrower wins, of two as narrow the
 * earlier. That is settled once after reading, so that a look-up is one binary search over ranges that do not touch; for IPv4 an index on
 * the upper 16 bits leaves a handful of rows to search.
 *
 * A network has one name, the first that the table gives for its number. Memory: 12 octets a range for IPv4 (and 256 KiB), 48 for IPv6,
 * some 60 a network and its name.
 */
#include "enrich/asn_table.h"

#include "enrich/asn_file.h"
#include "enrich/clean.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct network {
	uint32_t asn;
	uint32_t name;   /* string id */
	uint64_t space;
};

struct range4 {
	uint32_t first, last, net;
};

struct range6 {
	gs_u128 first, last;
	uint32_t net;
};

/* The parts of a range stand together: a look-up of an address nobody asked for lately waits for memory, and this way for one line of it.
 * */
struct ranges {
	union {
		struct range4 *r4;
		struct range6 *r6;
		void *any;
	};
	uint32_t count, cap;
};

struct asn_table {
	const char *path;
	struct gs_strtab *names;
	uint8_t family;
	bool loaded;
	int result;             /* of loading */
	struct ranges ranges;
	uint32_t *index;        /* IPv4: 65537; how many ranges start below n << 16 */
	struct network *nets;
	uint32_t n_nets, nets_cap;
	uint32_t *slots;        /* by asn: number in nets + 1 */
	uint32_t mask;
	uint64_t total;
	uint32_t holders;       /* networks with addresses of their own; overlaps may leave a network none */
};

/* One range of either width, for all that happens before the first look-up. */
static struct range6 range_at(const struct asn_table *t, const struct ranges *r, uint32_t i)
{
	if (t->family == 4)
		return (struct range6){ r->r4[i].first, r->r4[i].last, r->r4[i].net };
	return r->r6[i];
}

static void range_put(const struct asn_table *t, struct ranges *r, uint32_t i, gs_u128 first, gs_u128 last, uint32_t net)
{
	if (t->family == 4)
		r->r4[i] = (struct range4){ (uint32_t)first, (uint32_t)last, net };
	else
		r->r6[i] = (struct range6){ first, last, net };
}

static bool ranges_resize(const struct asn_table *t, struct ranges *r, uint32_t cap)
{
	void *any = realloc(r->any, cap * (t->family == 4 ? sizeof *r->r4 : sizeof *r->r6));
	if (!any)
		return false;
	r->any = any;
	r->cap = cap;
	return true;
}

static bool ranges_add(const struct asn_table *t, struct ranges *r, gs_u128 first, gs_u128 last, uint32_t net)
{
	if (r->count == r->cap && !ranges_resize(t, r, r->cap ? r->cap * 2 : 4096))
		return false;
	range_put(t, r, r->count++, first, last, net);
	return true;
}

static void ranges_done(struct ranges *r)
{
	free(r->any);
	*r = (struct ranges){ 0 };
}

static uint32_t *slot_of(const struct asn_table *t, uint32_t *slots, uint32_t mask, uint32_t asn)
{
	uint32_t at = asn * 0x9e3779b1u >> 7 & mask; /* multiplicative: AS numbers come in runs */
	while (slots[at] && t->nets[slots[at] - 1].asn != asn)
		at = (at + 1) & mask;
	return &slots[at];
}

static bool nets_grow(struct asn_table *t)
{
	uint32_t cap = t->nets_cap ? t->nets_cap * 2 : 4096, mask = cap * 2 - 1;
	struct network *nets = realloc(t->nets, cap * sizeof *nets);
	if (nets)
		t->nets = nets;
	uint32_t *slots = calloc((size_t)mask + 1, sizeof *slots);
	if (!nets || !slots) {
		free(slots);
		return false;
	}
	for (uint32_t i = 0; i < t->n_nets; i++)
		*slot_of(t, slots, mask, t->nets[i].asn) = i + 1;
	free(t->slots);
	t->slots = slots;
	t->mask = mask;
	t->nets_cap = cap;
	return true;
}

static uint32_t name_of_row(const struct asn_table *t, const struct asn_row *row)
{
	char plain[2 * CLEAN_TEXT_MAX];
	size_t n = 0;

	if (row->asn == 0)
		return 0; /* "Not routed" is no network's name */
	if (!row->doubled)
		return clean_name(t->names, row->name, row->name_len);
	for (size_t i = 0; i < row->name_len && n < sizeof plain; i++) {
		plain[n++] = row->name[i];
		i += row->name[i] == '"';
	}
	return clean_name(t->names, plain, n);
}

/* The number of the row's network, made if it is new; UINT32_MAX where memory ran out. */
static uint32_t net_of_row(struct asn_table *t, const struct asn_row *row)
{
	if (t->n_nets == t->nets_cap && !nets_grow(t))
		return UINT32_MAX;
	uint32_t *slot = slot_of(t, t->slots, t->mask, row->asn);
	if (*slot == 0) {
		t->nets[t->n_nets] = (struct network){ .asn = row->asn, .name = name_of_row(t, row) };
		*slot = ++t->n_nets;
	}
	return *slot - 1;
}

static int read_rows(struct asn_table *t, struct gs_error *err)
{
	struct asn_file f;
	struct asn_row row;

	int r = asn_file_open(&f, t->path, err);
	if (r < 0)
		return r;
	f.family = t->family;
	while ((r = asn_file_next(&f, &row, err)) > 0) {
		uint32_t net = net_of_row(t, &row);
		if (t->ranges.count == ASN_TABLE_MAX_ROWS)
			r = gs_fail(err, GS_ERR_LIMIT, "%s, line %llu: more than %u ranges", t->path, (unsigned long long)f.line,
			            ASN_TABLE_MAX_ROWS);
		else if (net == UINT32_MAX || !ranges_add(t, &t->ranges, row.first, row.last, net))
			r = gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", t->path);
		if (r < 0)
			break;
	}
	asn_file_close(&f);
	return r;
}

struct sort_row {
	struct range6 range;
	uint32_t number;
};

static int sort_order(const void *x, const void *y)
{
	const struct sort_row *a = x, *b = y;
	if (a->range.first != b->range.first)
		return a->range.first < b->range.first ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

/* Files are sorted as a rule; then this is one pass. */
static bool sort_ranges(const struct asn_table *t, struct ranges *r)
{
	uint32_t i = 1;
	while (i < r->count && range_at(t, r, i - 1).first <= range_at(t, r, i).first)
		i++;
	if (i >= r->count)
		return true;
	struct sort_row *rows = malloc(r->count * sizeof *rows);
	if (!rows)
		return false;
	for (i = 0; i < r->count; i++)
		rows[i] = (struct sort_row){ range_at(t, r, i), i };
	qsort(rows, r->count, sizeof *rows, sort_order);
	for (i = 0; i < r->count; i++)
		range_put(t, r, i, rows[i].range.first, rows[i].range.last, rows[i].range.net);
	free(rows);
	return true;
}

/* The ranges that cover the present point, the winner on top: a binary heap of range numbers. Those that ended are dropped when they come
 * up. */
struct heap {
	uint32_t *at;
	uint32_t count;
};

static bool beats(const struct asn_table *t, uint32_t a, uint32_t b)
{
	struct range6 ra = range_at(t, &t->ranges, a), rb = range_at(t, &t->ranges, b);
	gs_u128 wa = ra.last - ra.first, wb = rb.last - rb.first;
	return wa != wb ? wa < wb : a < b;
}

static void heap_push(const struct asn_table *t, struct heap *h, uint32_t v)
{
	uint32_t i = h->count++;
	for (; i > 0 && beats(t, v, h->at[(i - 1) / 2]); i = (i - 1) / 2)
		h->at[i] = h->at[(i - 1) / 2];
	h->at[i] = v;
}

static void heap_pop(const struct asn_table *t, struct heap *h)
{
	uint32_t v = h->at[--h->count], i = 0;
	for (uint32_t child; (child = 2 * i + 1) < h->count; i = child) {
		if (child + 1 < h->count && beats(t, h->at[child + 1], h->at[child]))
			child++;
		if (!beats(t, h->at[child], v))
			break;
		h->at[i] = h->at[child];
	}
	h->at[i] = v;
}

static bool overlaps(const struct asn_table *t)
{
	const struct ranges *r = &t->ranges;
	for (uint32_t i = 1; i < r->count; i++)
		if (range_at(t, r, i - 1).last >= range_at(t, r, i).first)
			return true;
	return false;
}

/* From left to right: whoever is on top keeps the ground up to its own end or to the start of the next range, whichever comes first. Each
 * turn uses up a start or an end, so there are at most twice as many pieces as ranges. */
static bool sweep(const struct asn_table *t, struct heap *h, struct ranges *out)
{
	const struct ranges *r = &t->ranges;
	gs_u128 at = 0;

	for (uint32_t i = 0; i < r->count || h->count;) {
		if (h->count == 0)
			at = range_at(t, r, i).first;
		while (i < r->count && range_at(t, r, i).first <= at)
			heap_push(t, h, i++);
		while (h->count && range_at(t, r, h->at[0]).last < at)
			heap_pop(t, h);
		if (h->count == 0)
			continue;
		struct range6 top = range_at(t, r, h->at[0]);
		if (i < r->count && range_at(t, r, i).first <= top.last)
			top.last = range_at(t, r, i).first - 1;
		if (!ranges_add(t, out, at, top.last, top.net))
			return false;
		at = top.last + 1;
		if (at == 0) /* the end of the address space */
			break;
	}
	return true;
}

static bool settle_overlaps(struct asn_table *t)
{
	if (!overlaps(t))
		return true;
	struct heap h = { .at = malloc(t->ranges.count * sizeof *h.at) };
	struct ranges out = { 0 };
	bool ok = h.at && ranges_resize(t, &out, t->ranges.count + 16) && sweep(t, &h, &out);
	free(h.at);
	if (!ok) {
		ranges_done(&out);
		return false;
	}
	ranges_done(&t->ranges);
	t->ranges = out;
	return true;
}

static bool index_ranges(struct asn_table *t)
{
	const struct ranges *r = &t->ranges;

	if (t->family != 4)
		return true;
	t->index = malloc(65537 * sizeof *t->index);
	if (!t->index)
		return false;
	uint32_t upper = 0;
	for (uint32_t i = 0; i < r->count; i++) {
		while (upper <= r->r4[i].first >> 16)
			t->index[upper++] = i;
		uint64_t n = (uint64_t)r->r4[i].last - r->r4[i].first + 1;
		struct network *net = &t->nets[r->r4[i].net];
		t->holders += net->asn && net->space == 0;
		net->space += n;
		t->total += net->asn ? n : 0;
	}
	while (upper <= 65536)
		t->index[upper++] = r->count;
	return true;
}

static void table_clear(struct asn_table *t)
{
	ranges_done(&t->ranges);
	free(t->index);
	free(t->nets);
	free(t->slots);
	t->index = NULL;
	t->nets = NULL;
	t->slots = NULL;
	t->n_nets = t->nets_cap = 0;
	t->total = 0;
	t->holders = 0;
}

int asn_table_load(struct asn_table *t, struct gs_error *err)
{
	if (t->loaded)
		return t->result;
	t->loaded = true;
	t->result = read_rows(t, err);
	if (t->result == 0 && !(sort_ranges(t, &t->ranges) && settle_overlaps(t) && index_ranges(t)))
		t->result = gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", t->path);
	if (t->result < 0)
		table_clear(t);
	return t->result;
}

int asn_table_open(const char *path, struct gs_strtab *names, struct asn_table **ret, struct gs_error *err)
{
	struct asn_file f;
	struct asn_row row;

	int r = asn_file_open(&f, path, err);
	if (r < 0)
		return r;
	r = asn_file_next(&f, &row, err);
	struct asn_table *t = r > 0 ? calloc(1, sizeof *t) : NULL;
	if (t)
		*t = (struct asn_table){ .path = path, .names = names, .family = f.family };
	asn_file_close(&f);
	if (r == 0)
		return gs_fail(err, GS_ERR_CONFIG, "%s has no rows", path);
	if (r > 0 && !t)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", path);
	if (r > 0)
		*ret = t;
	return r < 0 ? r : 0;
}

void asn_table_close(struct asn_table *t)
{
	if (!t)
		return;
	table_clear(t);
	free(t);
}

bool asn_table_loaded(const struct asn_table *t)
{
	return t->loaded;
}

uint8_t asn_table_family(const struct asn_table *t)
{
	return t->family;
}

/* The network of v, or NULL. Written once per width: this is the inner loop. */
static const struct network *find4(const struct asn_table *t, uint32_t v)
{
	const struct range4 *r = t->ranges.r4;
	uint32_t lo = t->index[v >> 16], hi = t->index[(v >> 16) + 1];

	while (lo < hi) { /* lo becomes the number of ranges that start at or before v */
		uint32_t mid = lo + (hi - lo) / 2;
		if (r[mid].first <= v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && v <= r[lo - 1].last ? &t->nets[r[lo - 1].net] : NULL;
}

static const struct network *find6(const struct asn_table *t, gs_u128 v)
{
	const struct range6 *r = t->ranges.r6;
	uint32_t lo = 0, hi = t->ranges.count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (r[mid].first <= v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && v <= r[lo - 1].last ? &t->nets[r[lo - 1].net] : NULL;
}

bool asn_table_lookup(const struct asn_table *t, const struct gs_addr *a, uint32_t *ret_asn, uint32_t *ret_name)
{
	const struct network *net;

	if (t->ranges.count == 0)
		return false;
	if (t->family == 4) {
		uint32_t v;
		memcpy(&v, a->b, sizeof v);
		net = find4(t, be32toh(v));
	} else {
		uint64_t v[2];
		memcpy(v, a->b, sizeof v);
		net = find6(t, (gs_u128)be64toh(v[0]) << 64 | be64toh(v[1]));
	}
	if (!net)
		return false;
	*ret_asn = net->asn;
	*ret_name = net->name;
	return true;
}

uint64_t asn_table_space(const struct asn_table *t, uint32_t asn)
{
	if (t->family != 4 || t->n_nets == 0 || asn == 0)
		return 0;
	const uint32_t *slot = slot_of(t, t->slots, t->mask, asn);
	return *slot ? t->nets[*slot - 1].space : 0;
}

uint64_t asn_table_total(const struct asn_table *t)
{
	return t->total;
}

uint32_t asn_table_holders(const struct asn_table *t)
{
	return t->holders;
}
