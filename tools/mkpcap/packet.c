/*
 * packet.c - a packet statement: from words to layers, from layers to octets
 *
 * Layers are written from the innermost outwards into one buffer that grows downwards, so each finds its payload complete behind it: lengths,
 * checksums and types come out of what is there, and an override is only a field that says something else. Where a layer splits its
 * payload (ip `fragment`, frag `split`), the layers outside it are written once for each piece.
 */
#include "mkpcap.h"

#include <string.h>

static const struct mk_layer_kind *const families[] = { mk_link_layers, mk_ip_layers, mk_gre_layers, mk_inner_layers };

const struct mk_layer_kind *mk_layer_find(const char *name)
{
	for (size_t f = 0; f < sizeof families / sizeof *families; f++)
		for (const struct mk_layer_kind *k = families[f]; k->name; k++)
			if (strcmp(k->name, name) == 0)
				return k;
	return NULL;
}

static const char *field_shape(const struct mk_field *f)
{
	switch (f->kind) {
	case MK_FLAG:
		return "";
	case MK_MAYBE:
		return "[=N]";
	case MK_ADDR4:
		return " A.B.C.D";
	case MK_ADDR6:
		return " A:B::C";
	case MK_MAC:
		return " MAC";
	case MK_HEX:
		return " HEX";
	case MK_TCPFLAGS:
		return " FLAGS";
	}
	return " N";
}

static void list_layer(const struct mk_layer_kind *k, struct gs_buf *to)
{
	gs_buf_printf(to, "%s", k->name);
	for (unsigned i = 0; i < k->n_positional; i++)
		gs_buf_printf(to, "%s %s%s%s", k->arrow && i == 1 ? " >" : "", i < k->n_required ? "" : "[", k->fields[i].name,
			      i < k->n_required ? (k->rest ? "..." : "") : "]");
	gs_buf_printf(to, "\n    %s\n", k->help);
	for (unsigned i = 0; i < k->n_fields; i++) {
		const struct mk_field *f = &k->fields[i];
		gs_buf_printf(to, "      %s%s", f->name, field_shape(f));
		if (f->kind == MK_NUMBER || f->kind == MK_MAYBE)
			gs_buf_printf(to, " (%u bits)", f->bits);
		gs_buf_printf(to, "%s%s\n", *f->help ? ": " : "", f->help);
	}
}

void mk_layers_list(struct gs_buf *to)
{
	for (size_t f = 0; f < sizeof families / sizeof *families; f++)
		for (const struct mk_layer_kind *k = families[f]; k->name; k++)
			list_layer(k, to);
}

/* Values of fields. */

static uint64_t bits_max(unsigned bits)
{
	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static bool tcp_flags(const char *text, uint64_t *ret)
{
	static const char letters[] = "FSRPAUECN";
	uint64_t v = 0;

	if (mk_number(text, 0x1ff, ret))
		return true;
	for (; *text; text++) {
		const char *p = strchr(letters, *text);
		if (!p)
			return false;
		v |= UINT64_C(1) << (p - letters);
	}
	*ret = v;
	return true;
}

static int keep_octets(struct mk *mk, struct mk_value *v, const void *data, size_t n)
{
	uint8_t *p = gs_arena_alloc(mk->arena, n + 1);
	if (!p)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while reading %s", mk->path);
	if (n)
		memcpy(p, data, n);
	v->octets = p;
	v->len = (uint32_t)n;
	return 0;
}

/* An address with an optional +STEP. */
static bool address(const char *text, unsigned family, struct gs_addr *ret, uint64_t *ret_step)
{
	size_t len = strcspn(text, "+");

	*ret_step = 0;
	return gs_addr_parse(text, len, ret) && ret->family == family && (text[len] == '\0' || mk_number(text + len + 1, UINT64_MAX, ret_step));
}

/* Reads a value for field f from text; w stands on the word for messages. */
static int read_value(struct mk *mk, const struct mk_words *w, const struct mk_field *f, const char *text, struct mk_value *v)
{
	struct gs_buf octets = { 0 };
	struct gs_addr a;
	uint8_t mac[6];
	int r = 0;

	v->set = v->given = true;
	switch (f->kind) {
	case MK_NUMBER:
	case MK_MAYBE:
		if (!mk_number_step(text, bits_max(f->bits), &v->number, &v->step))
			r = mk_expected(mk, w, "a number up to %llu for %s", (unsigned long long)bits_max(f->bits), f->name);
		break;
	case MK_TCPFLAGS:
		if (!tcp_flags(text, &v->number))
			r = mk_expected(mk, w, "letters of FSRPAUECN or a number up to 511 for %s", f->name);
		break;
	case MK_ADDR4:
	case MK_ADDR6:
		if (!address(text, f->kind == MK_ADDR4 ? 4 : 6, &a, &v->step))
			r = mk_expected(mk, w, "an IPv%c address for %s", f->kind == MK_ADDR4 ? '4' : '6', f->name);
		else
			r = keep_octets(mk, v, a.b, f->kind == MK_ADDR4 ? 4 : 16);
		break;
	case MK_MAC:
		r = mk_mac(text, mac) ? keep_octets(mk, v, mac, 6) : mk_expected(mk, w, "a MAC address for %s", f->name);
		break;
	case MK_HEX:
		r = mk_octets(text, &octets) ? keep_octets(mk, v, octets.data, octets.len) :
					       mk_expected(mk, w, "an even number of hex digits or an address for %s", f->name);
		break;
	}
	gs_buf_done(&octets);
	return r;
}

static bool at_separator(const struct mk_words *w)
{
	return w->i == w->n || (!w->t[w->i].quoted && (strcmp(w->t[w->i].text, "/") == 0 || strcmp(w->t[w->i].text, ";") == 0));
}

/* The field that the word names, with or without =VALUE; -1 for none. */
static int field_named(const struct mk_layer_kind *k, const char *word, const char **ret_value)
{
	size_t len = strcspn(word, "=");

	for (unsigned i = 0; i < k->n_fields; i++)
		if (strlen(k->fields[i].name) == len && strncmp(k->fields[i].name, word, len) == 0) {
			*ret_value = word[len] ? word + len + 1 : NULL;
			return (int)i;
		}
	return -1;
}

/* The words of a layer that takes all of them: bytes, text. */
static int parse_rest(struct mk *mk, struct mk_words *w, struct mk_layer *l)
{
	struct gs_buf octets = { 0 };
	int r = 0;

	if (at_separator(w))
		return mk_expected(mk, w, "octets for %s", l->kind->name);
	for (; r == 0 && !at_separator(w); w->i++)
		if (!mk_octets_word(&w->t[w->i], &octets))
			r = mk_expected(mk, w, "an even number of hex digits, an address or \"text\"");
	if (r == 0 && octets.failed)
		r = gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while reading %s", mk->path);
	if (r == 0) {
		l->v[0].set = l->v[0].given = true;
		r = keep_octets(mk, &l->v[0], octets.data, octets.len);
	}
	gs_buf_done(&octets);
	return r;
}

static int parse_named(struct mk *mk, struct mk_words *w, struct mk_layer *l, unsigned field, const char *value)
{
	const struct mk_field *f = &l->kind->fields[field];

	if (l->v[field].set)
		return mk_expected(mk, w, "%s only once", f->name);
	if (f->kind == MK_FLAG || (f->kind == MK_MAYBE && !value)) {
		if (value)
			return mk_expected(mk, w, "%s without a value", f->name);
		l->v[field].set = true;
	} else {
		if (!value) {
			w->i++;
			if (at_separator(w))
				return mk_expected(mk, w, "a value for %s", f->name);
			value = w->t[w->i].text;
		}
		int r = read_value(mk, w, f, value, &l->v[field]);
		if (r < 0)
			return r;
	}
	w->i++;
	return 0;
}

static int parse_positional(struct mk *mk, struct mk_words *w, struct mk_layer *l, unsigned field)
{
	const struct mk_layer_kind *k = l->kind;

	if (k->arrow && field == 1) {
		if (!mk_words_take(w, ">"))
			return mk_expected(mk, w, "> and %s", k->fields[1].name);
		if (at_separator(w))
			return mk_expected(mk, w, "%s", k->fields[1].name);
	}
	int r = read_value(mk, w, &k->fields[field], w->t[w->i].text, &l->v[field]);
	w->i++;
	return r;
}

static int parse_layer(struct mk *mk, struct mk_words *w, struct mk_layer *l)
{
	const struct mk_layer_kind *k = at_separator(w) || w->t[w->i].quoted ? NULL : mk_layer_find(w->t[w->i].text);
	unsigned positional = 0;
	int r;

	if (!k)
		return mk_expected(mk, w, "a layer (mkpcap --layers lists them)");
	*l = (struct mk_layer){ .kind = k, .line = w->t[w->i].line };
	w->i++;
	if (k->rest)
		return parse_rest(mk, w, l);
	while (!at_separator(w)) {
		const char *value;
		int field = field_named(k, w->t[w->i].text, &value);
		if (field >= 0)
			r = parse_named(mk, w, l, (unsigned)field, value);
		else if (positional < k->n_positional && !l->v[positional].set)
			r = parse_positional(mk, w, l, positional++);
		else
			r = mk_expected(mk, w, "/, ; or a field of %s (mkpcap --layers lists them)", k->name);
		if (r < 0)
			return r;
	}
	if (k->arrow && l->v[0].set && !l->v[1].set)
		return mk_expected(mk, w, "> and %s", k->fields[1].name);
	for (unsigned i = 0; i < k->n_required; i++)
		if (!l->v[i].set)
			return mk_expected(mk, w, "%s of %s", k->fields[i].name, k->name);
	return 0;
}

static int parse_options(struct mk *mk, struct mk_words *w)
{
	static const struct {
		const char *word;
		uint8_t block;
	} blocks[] = { { "spb", MK_BLOCK_SIMPLE }, { "opb", MK_BLOCK_OBSOLETE } };
	struct mk_frame_options *o = &mk->options;
	const char *value;
	uint64_t v;

	while (!mk_words_end(w)) {
		struct mk_words at = *w;
		if (mk_words_option(w, "cut", &value)) {
			if (!(o->cut_set = mk_number(value, MK_MAX_FRAME, &o->cut)))
				return mk_expected(mk, &at, "cut and a number of octets");
		} else if (mk_words_option(w, "wire", &value)) {
			if (!(o->wire_set = mk_number(value, UINT32_MAX, &o->wire)))
				return mk_expected(mk, &at, "wire and a number of octets");
		} else if (mk_words_option(w, "interface", &value)) {
			if (!mk_number(value, UINT32_MAX, &v))
				return mk_expected(mk, &at, "interface and its number, from 0");
			o->interface = (uint32_t)v;
		} else if (mk_words_option(w, "comment", &value)) {
			o->comment = value;
		} else {
			size_t i = 0;
			while (i < 2 && !mk_words_take(w, blocks[i].word))
				i++;
			if (i == 2)
				return mk_expected(mk, &at, "cut, wire, interface, comment, spb or opb");
			o->block = blocks[i].block;
		}
	}
	return 0;
}

int mk_packet_parse(struct mk *mk, struct mk_words *w)
{
	mk->n_layers = 0;
	mk->options = (struct mk_frame_options){ 0 };
	mk->line = w->t[w->i].line;
	for (;;) {
		if (mk->n_layers == MK_MAX_LAYERS)
			return mk_expected(mk, w, "at most %d layers", MK_MAX_LAYERS);
		if (mk->n_layers && mk->layers[mk->n_layers - 1].kind->last)
			return mk_expected(mk, w, "nothing after %s", mk->layers[mk->n_layers - 1].kind->name);
		int r = parse_layer(mk, w, &mk->layers[mk->n_layers]);
		if (r < 0)
			return r;
		mk->n_layers++;
		if (mk_words_take(w, "/"))
			continue;
		return mk_words_take(w, ";") ? parse_options(mk, w) : 0;
	}
}

/* What encoders use. */

uint64_t mk_get(const struct mk *mk, const struct mk_layer *l, unsigned field, uint64_t fallback)
{
	const struct mk_value *v = &l->v[field];
	return v->given ? (v->number + v->step * mk->repetition) & bits_max(l->kind->fields[field].bits) : fallback;
}

static int too_large(struct mk *mk)
{
	return mk_fail_at(mk, mk->line, "expected a frame of at most %u octets", MK_MAX_FRAME);
}

uint8_t *mk_push(struct mk *mk, size_t n)
{
	if (n > MK_MAX_FRAME || mk->end - mk->start + n > MK_MAX_FRAME) {
		too_large(mk);
		return NULL;
	}
	mk->start -= n;
	return memset(mk->frame + mk->start, 0, n);
}

uint8_t *mk_append(struct mk *mk, size_t n)
{
	if (n > MK_MAX_FRAME || mk->end - mk->start + n > MK_MAX_FRAME) {
		too_large(mk);
		return NULL;
	}
	mk->end += n;
	return memset(mk->frame + mk->end - n, 0, n);
}

size_t mk_payload_len(const struct mk *mk)
{
	return mk->end - mk->start;
}

const struct mk_layer *mk_next(const struct mk *mk, unsigned i)
{
	while (++i < mk->n_layers)
		if (!mk->layers[i].kind->transparent)
			return &mk->layers[i];
	return NULL;
}

int mk_type(struct mk *mk, unsigned i, unsigned field, enum mk_space space, int32_t fallback, uint64_t *ret)
{
	const struct mk_layer *l = &mk->layers[i], *next = mk_next(mk, i);
	static const char *const words[] = { "EtherType", "IP protocol", "PPP protocol" };
	int32_t v = fallback;

	if (l->v[field].given) {
		*ret = mk_get(mk, l, field, 0);
		return 0;
	}
	if (next) {
		v = space == MK_ETHERTYPE ? next->kind->ethertype : space == MK_IP_PROTO ? next->kind->ip_proto : next->kind->ppp_proto;
		if (space == MK_ETHERTYPE && next->kind->ethertype_field)
			v = (int32_t)mk_get(mk, next, next->kind->ethertype_field - 1u, (uint64_t)v);
	}
	if (v >= 0) {
		*ret = (uint64_t)v;
		return 0;
	}
	return mk_fail_at(mk, l->line, "expected %s=N for %s, because %s has no %s of its own", l->kind->fields[field].name, l->kind->name,
			  next ? next->kind->name : "nothing", words[space]);
}

int mk_length(struct mk *mk, unsigned i, unsigned field, size_t len, uint64_t *ret)
{
	const struct mk_layer *l = &mk->layers[i];

	*ret = mk_get(mk, l, field, len);
	if (*ret > 0xffff)
		return mk_fail_at(mk, l->line, "expected %s=N for %s, because %zu octets do not fit into the field", l->kind->fields[field].name,
				  l->kind->name, len);
	return 0;
}

/* Adds the step to the last 64 bits (IPv6) or to all 32. */
static void add_step(uint8_t *p, size_t n, uint64_t step)
{
	for (size_t i = n; step && i-- > (n > 8 ? n - 8 : 0);) {
		step += p[i];
		p[i] = (uint8_t)step;
		step >>= 8;
	}
}

void mk_addr4(const struct mk *mk, const struct mk_layer *l, unsigned field, uint8_t ret[4])
{
	memset(ret, 0, 4);
	if (!l->v[field].set)
		return;
	memcpy(ret, l->v[field].octets, 4);
	add_step(ret, 4, l->v[field].step * mk->repetition);
}

void mk_addr6(const struct mk *mk, const struct mk_layer *l, unsigned field, uint8_t ret[16])
{
	memset(ret, 0, 16);
	if (!l->v[field].set)
		return;
	memcpy(ret, l->v[field].octets, 16);
	add_step(ret, 16, l->v[field].step * mk->repetition);
}

void mk_get_mac(const struct mk_layer *l, unsigned field, uint8_t last, uint8_t ret[6])
{
	const uint8_t fallback[6] = { 0x00, 0x00, 0x5e, 0x00, 0x53, last };
	memcpy(ret, l->v[field].set ? l->v[field].octets : fallback, 6);
}

uint32_t mk_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (; n > 1; n -= 2, p += 2) {
		sum += (uint32_t)(p[0] << 8 | p[1]);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return n ? sum + (uint32_t)(p[0] << 8) : sum;
}

uint16_t mk_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Frames. */

static int emit_frame(struct mk *mk)
{
	size_t len = mk_payload_len(mk);
	const struct mk_frame_options *o = &mk->options;
	struct mk_frame f = {
		.ts = mk->now,
		.raw_time = mk->raw_time,
		.raw_high = mk->raw_high,
		.raw_low = mk->raw_low,
		.data = mk->frame + mk->start,
		.caplen = (uint32_t)len,
		.wirelen = o->wire_set ? (uint32_t)o->wire : (uint32_t)len,
		.options = *o,
	};

	if (o->cut_set && o->cut < len)
		f.caplen = (uint32_t)o->cut;
	else if (o->cut_set && !mk->frame_is_piece)
		return mk_fail_at(mk, mk->line, "expected cut below the frame's %zu octets", len);
	return mk_file_frame(mk, &f);
}

static int wrap(struct mk *mk, unsigned i);

static int split(struct mk *mk, unsigned i, size_t piece, uint64_t only)
{
	size_t len = mk_payload_len(mk), n = (len + piece - 1) / piece;
	int r = 0;

	if (mk->frame_is_piece)
		return mk_fail_at(mk, mk->layers[i].line, "expected one layer at most that fragments");
	if (only > n)
		return mk_fail_at(mk, mk->layers[i].line, "expected only up to %zu, the number of fragments", n);
	memcpy(mk->whole, mk->frame + mk->start, len);
	mk->frame_is_piece = true;
	for (size_t k = 0; k < n && r == 0; k++) {
		size_t part = k + 1 < n ? piece : len - k * piece;
		if (only && only != k + 1)
			continue;
		mk->start = mk->end = MK_MAX_FRAME;
		memcpy(mk_append(mk, part), mk->whole + k * piece, part);
		mk->splitting = true;
		mk->fragment_off = (uint32_t)(k * piece);
		mk->fragment_more = k + 1 < n;
		r = mk->layers[i].kind->encode(mk, i);
		mk->splitting = false;
		if (r == 0)
			r = wrap(mk, i);
	}
	mk->frame_is_piece = false;
	return r;
}

/* Writes the layers outside layer i (numbers below i) around what is there, then hands out the frame. */
static int wrap(struct mk *mk, unsigned i)
{
	while (i-- > 0) {
		const struct mk_layer_kind *k = mk->layers[i].kind;
		size_t piece = 0;
		uint64_t only = 0;
		int r = k->piece ? k->piece(mk, i, &piece, &only) : 0;
		if (r == 0 && piece)
			return split(mk, i, piece, only);
		if (r == 0)
			r = k->encode(mk, i);
		if (r < 0)
			return r;
	}
	return emit_frame(mk);
}

int mk_packet_emit(struct mk *mk, uint64_t n)
{
	mk->repetition = n;
	mk->start = mk->end = MK_MAX_FRAME;
	mk->frame_is_piece = false;
	return wrap(mk, mk->n_layers);
}
