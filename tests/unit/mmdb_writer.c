#include "mmdb_writer.h"

#include "grescope/types.h"

#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>

static void append(struct mmdb_writer *w, const void *p, size_t n)
{
	if (w->len + n > w->cap) {
		w->cap = (w->len + n) * 2 + 256;
		w->data = realloc(w->data, w->cap);
		if (!w->data)
			abort();
	}
	if (n)
		memcpy(w->data + w->len, p, n);
	w->len += n;
}

static void append_number(struct mmdb_writer *w, uint64_t v, unsigned octets)
{
	for (unsigned i = octets; i-- > 0;)
		append(w, &(uint8_t){ (uint8_t)(v >> (8 * i)) }, 1);
}

static uint32_t new_node(struct mmdb_writer *w)
{
	if (w->n_nodes == w->nodes_cap) {
		w->nodes_cap = w->nodes_cap * 2 + 64;
		w->nodes = realloc(w->nodes, w->nodes_cap * sizeof *w->nodes);
		if (!w->nodes)
			abort();
	}
	w->nodes[w->n_nodes].child[0] = w->nodes[w->n_nodes].child[1] = MW_EMPTY;
	return w->n_nodes++;
}

void mw_init(struct mmdb_writer *w, unsigned ip_version, unsigned record_size, const char *type)
{
	*w = (struct mmdb_writer){ .ip_version = ip_version, .record_size = record_size, .type = type, .build_epoch = 1780617600 };
	new_node(w);
}

void mw_done(struct mmdb_writer *w)
{
	free(w->data);
	free(w->nodes);
	*w = (struct mmdb_writer){ 0 };
}

uint32_t mw_here(const struct mmdb_writer *w)
{
	return (uint32_t)w->len;
}

static void control(struct mmdb_writer *w, unsigned type, uint32_t size)
{
	uint32_t low = size < 29 ? size : size < 285 ? 29 : size < 65821 ? 30 : 31;
	append_number(w, (type < 8 ? type << 5 : 0) | low, 1);
	if (type >= 8)
		append_number(w, type - 7, 1);
	if (low > 28)
		append_number(w, size - (low == 29 ? 29 : low == 30 ? 285 : 65821), low - 28);
}

void mw_map(struct mmdb_writer *w, uint32_t pairs)
{
	control(w, MMDB_DATA_TYPE_MAP, pairs);
}

void mw_array(struct mmdb_writer *w, uint32_t elements)
{
	control(w, MMDB_DATA_TYPE_ARRAY, elements);
}

void mw_bytes(struct mmdb_writer *w, const void *text, size_t len)
{
	control(w, MMDB_DATA_TYPE_UTF8_STRING, (uint32_t)len);
	append(w, text, len);
}

void mw_string(struct mmdb_writer *w, const char *text)
{
	mw_bytes(w, text, strlen(text));
}

void mw_number(struct mmdb_writer *w, unsigned type, uint64_t v)
{
	unsigned octets = 0;
	while (octets < 8 && v >> (8 * octets))
		octets++;
	control(w, type, octets);
	append_number(w, v, octets);
}

void mw_double(struct mmdb_writer *w, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	control(w, MMDB_DATA_TYPE_DOUBLE, 8);
	append_number(w, bits, 8);
}

void mw_float(struct mmdb_writer *w, float v)
{
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	control(w, MMDB_DATA_TYPE_FLOAT, 4);
	append_number(w, bits, 4);
}

/* In the shortest of the four forms, as the specification wants. */
void mw_pointer(struct mmdb_writer *w, uint32_t to)
{
	static const uint32_t bias[] = { 0, 2048, 526336, 0 };
	unsigned form = to < 2048 ? 0 : to < 526336 ? 1 : to < 134744064 ? 2 : 3;
	uint64_t v = to - bias[form];
	unsigned above = form == 3 ? 0 : (unsigned)(v >> (8 * (form + 1)));
	append_number(w, (uint64_t)MMDB_DATA_TYPE_POINTER << 5 | form << 3 | above, 1);
	append_number(w, v, form + 1);
}

void mw_insert(struct mmdb_writer *w, const char *prefix, uint32_t offset)
{
	struct gs_prefix p;
	uint8_t bits[16] = { 0 };
	unsigned len, skip;

	if (!gs_prefix_parse(prefix, strlen(prefix), &p))
		abort();
	skip = w->ip_version == 6 && p.base.family == 4 ? 12 : 0;
	memcpy(bits + skip, p.base.b, p.base.family == 4 ? 4 : 16);
	len = p.len + skip * 8;
	uint32_t node = 0;
	for (unsigned i = 0; i < len; i++) {
		unsigned side = bits[i / 8] >> (7 - i % 8) & 1;
		if (i == len - 1) {
			w->nodes[node].child[side] = MW_RECORD - (int64_t)offset;
			break;
		}
		if (w->nodes[node].child[side] < 0) {
			int64_t was = w->nodes[node].child[side];
			uint32_t made = new_node(w);
			w->nodes[made].child[0] = w->nodes[made].child[1] = was; /* a wider prefix holds on around the narrower */
			w->nodes[node].child[side] = made;
		}
		node = (uint32_t)w->nodes[node].child[side];
	}
}

static uint64_t record_value(const struct mmdb_writer *w, int64_t child)
{
	if (child >= 0)
		return (uint64_t)child;
	return child == MW_EMPTY ? w->n_nodes : w->n_nodes + 16 + (uint64_t)(MW_RECORD - child);
}

static void write_tree(const struct mmdb_writer *w, struct mmdb_writer *out)
{
	for (uint32_t i = 0; i < w->n_nodes; i++) {
		uint64_t left = record_value(w, w->nodes[i].child[0]), right = record_value(w, w->nodes[i].child[1]);
		if (w->record_size == 28) {
			append_number(out, left & 0xffffff, 3);
			append_number(out, (left >> 24 & 15) << 4 | (right >> 24 & 15), 1);
			append_number(out, right & 0xffffff, 3);
		} else {
			append_number(out, left, w->record_size / 8);
			append_number(out, right, w->record_size / 8);
		}
	}
}

static void write_metadata(const struct mmdb_writer *w, struct mmdb_writer *out)
{
	append(out, "\xab\xcd\xefMaxMind.com", 14);
	mw_map(out, 9 + (w->nested_metadata > 0));
	if (w->nested_metadata) {
		mw_string(out, "deep");
		for (unsigned i = 0; i < w->nested_metadata; i++) {
			mw_map(out, 1);
			mw_string(out, "");
		}
		mw_string(out, "");
	}
	mw_string(out, "binary_format_major_version");
	mw_number(out, MMDB_DATA_TYPE_UINT16, 2);
	mw_string(out, "binary_format_minor_version");
	mw_number(out, MMDB_DATA_TYPE_UINT16, 0);
	mw_string(out, "build_epoch");
	mw_number(out, MMDB_DATA_TYPE_UINT64, w->build_epoch);
	mw_string(out, "database_type");
	mw_string(out, w->type);
	mw_string(out, "description");
	mw_map(out, w->description != NULL);
	if (w->description) {
		mw_string(out, "en");
		mw_string(out, w->description);
	}
	mw_string(out, "ip_version");
	mw_number(out, MMDB_DATA_TYPE_UINT16, w->ip_version);
	mw_string(out, "languages");
	mw_array(out, 1);
	mw_string(out, "en");
	mw_string(out, "node_count");
	mw_number(out, MMDB_DATA_TYPE_UINT32, w->claimed_nodes ? w->claimed_nodes : w->n_nodes);
	mw_string(out, "record_size");
	mw_number(out, MMDB_DATA_TYPE_UINT16, w->record_size);
}

uint8_t *mw_finish(struct mmdb_writer *w, size_t *ret_len)
{
	static const uint8_t separator[16];
	struct mmdb_writer out = { 0 };

	write_tree(w, &out);
	append(&out, separator, sizeof separator);
	append(&out, w->data, w->len);
	write_metadata(w, &out);
	*ret_len = out.len;
	return out.data;
}
