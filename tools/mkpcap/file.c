/*
 * file.c - the capture formats: pcap (both byte orders, micro- and nanoseconds, the modified form) and pcapng
 *
 * The whole capture is built in memory and written once, so that a mistake on the last line leaves no half file behind.
 * Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; the modified form (magic a1b2cd34, eight more octets a packet) as libpcap reads it.
 */
#include "mkpcap.h"

#include <stdlib.h>
#include <string.h>

#define MAX_INTERFACES 256

struct interface {
	uint32_t link, snaplen;
	uint8_t tsresol;       /* as in if_tsresol: power of ten, or 0x80 + power of two */
	int64_t tsoffset_s;
};

struct kept {
	int64_t ns;
	uint64_t order;
	size_t offset;         /* of the octets in mk_file.data */
	struct mk_frame frame;
};

struct mk_file {
	bool ng, be, nano, modified, sorted;
	uint32_t link, snaplen;
	struct interface interfaces[MAX_INTERFACES]; /* of the section at hand */
	unsigned n_interfaces;
	uint64_t truncate;
	struct gs_buf out;
	struct gs_buf kept, data; /* sorted: frames wait here */
};

static const struct {
	const char *name;
	uint32_t number;
} links[] = {
	{ "null", 0 }, { "ethernet", 1 }, { "ppp", 9 }, { "ppp-hdlc", 50 }, { "pppoe", 51 }, { "raw", 101 }, { "chdlc", 104 },
	{ "802.11", 105 }, { "loop", 108 }, { "sll", 113 }, { "ppp-pppd", 166 }, { "mpls", 219 }, { "ipv4", 228 }, { "ipv6", 229 }, { "sll2", 276 },
};

static bool link_number(const char *text, uint32_t *ret)
{
	uint64_t v;

	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (strcmp(links[i].name, text) == 0) {
			*ret = links[i].number;
			return true;
		}
	if (!mk_number(text, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static void put16(struct mk_file *f, uint64_t v)
{
	uint8_t b[2];
	mk_be16(b, f->be ? v : __builtin_bswap16((uint16_t)v));
	gs_buf_put(&f->out, b, 2);
}

static void put32(struct mk_file *f, uint64_t v)
{
	uint8_t b[4];
	mk_be32(b, f->be ? v : __builtin_bswap32((uint32_t)v));
	gs_buf_put(&f->out, b, 4);
}

static void put_padded(struct mk_file *f, const void *data, size_t n)
{
	static const uint8_t zero[4];
	gs_buf_put(&f->out, data, n);
	gs_buf_put(&f->out, zero, -n & 3);
}

static void put_option(struct mk_file *f, unsigned code, const void *data, size_t n)
{
	put16(f, code);
	put16(f, n);
	put_padded(f, data, n);
}

/* pcapng: a block is written with its length left open, then closed. */
static size_t block_open(struct mk_file *f, uint32_t type)
{
	size_t at = f->out.len;
	put32(f, type);
	put32(f, 0);
	return at;
}

static void block_close(struct mk_file *f, size_t at)
{
	uint32_t total = (uint32_t)(f->out.len - at + 4);
	size_t end = f->out.len;

	put32(f, total);
	if (f->out.failed)
		return;
	memcpy(f->out.data + at + 4, f->out.data + end, 4);
}

static void put_section(struct mk_file *f)
{
	size_t at = block_open(f, 0x0a0d0d0a);
	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put32(f, UINT32_MAX); /* section length not given */
	put32(f, UINT32_MAX);
	block_close(f, at);
	f->n_interfaces = 0;
}

static void put_pcap_header(struct mk_file *f)
{
	put32(f, f->modified ? 0xa1b2cd34 : f->nano ? 0xa1b23c4d : 0xa1b2c3d4);
	put16(f, 2);
	put16(f, 4);
	put32(f, 0);
	put32(f, 0);
	put32(f, f->snaplen);
	put32(f, f->link);
}

static int file_open(struct mk *mk, struct mk_words *w)
{
	struct mk_file *f = mk->file = calloc(1, sizeof *f);
	const char *value;
	bool have_link = false;

	if (!f)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory");
	f->snaplen = 65535;
	if (mk_words_take(w, "pcapng"))
		f->ng = true;
	else if (!mk_words_take(w, "pcap"))
		return mk_expected(mk, w, "pcap or pcapng");
	while (!mk_words_end(w)) {
		struct mk_words at = *w;
		uint64_t v;
		if (mk_words_take(w, "le") || (!f->ng && mk_words_take(w, "micro"))) {
			continue;
		} else if (mk_words_take(w, "be")) {
			f->be = true;
		} else if (!f->ng && mk_words_take(w, "nano")) {
			f->nano = true;
		} else if (!f->ng && mk_words_take(w, "modified")) {
			f->modified = true;
		} else if (mk_words_take(w, "sorted")) {
			f->sorted = true;
		} else if (!f->ng && mk_words_option(w, "link", &value)) {
			if (!(have_link = link_number(value, &f->link)))
				return mk_expected(mk, &at, "link and the name or number of a link type");
		} else if (!f->ng && mk_words_option(w, "snaplen", &value)) {
			if (!mk_number(value, UINT32_MAX, &v))
				return mk_expected(mk, &at, "snaplen and a number of octets");
			f->snaplen = (uint32_t)v;
		} else {
			return mk_expected(mk, w, f->ng ? "le, be or sorted" : "le, be, micro, nano, modified, sorted, link or snaplen");
		}
	}
	if (!f->ng && !have_link)
		return mk_expected(mk, w, "link and the name or number of a link type");
	if (f->ng)
		put_section(f);
	else
		put_pcap_header(f);
	return 0;
}

/* `10^-N` as N, `2^-N` as 2^N: the octet of if_tsresol. */
static bool tsresol(const char *text, uint8_t *ret)
{
	uint64_t v;
	bool two = strncmp(text, "2^", 2) == 0;

	if (!mk_number(two ? text + 2 : text, two ? 63 : 18, &v))
		return false;
	*ret = (uint8_t)(two ? 0x80 | v : v);
	return true;
}

static int interface_add(struct mk *mk, struct mk_words *w)
{
	struct mk_file *f = mk->file;
	struct interface i = { .snaplen = 65535, .tsresol = 6 };
	const char *value, *name = NULL;
	bool have_link = false, have_resol = false;
	uint64_t v;

	if (!f->ng || f->n_interfaces == MAX_INTERFACES)
		return mk_expected(mk, w, "interface only in pcapng, at most %d times in a section", MAX_INTERFACES);
	while (!mk_words_end(w)) {
		struct mk_words at = *w;
		if (mk_words_option(w, "link", &value)) {
			if (!(have_link = link_number(value, &i.link)))
				return mk_expected(mk, &at, "link and the name or number of a link type");
		} else if (mk_words_option(w, "snaplen", &value)) {
			if (!mk_number(value, UINT32_MAX, &v))
				return mk_expected(mk, &at, "snaplen and a number of octets");
			i.snaplen = (uint32_t)v;
		} else if (mk_words_option(w, "tsresol", &value)) {
			if (!(have_resol = tsresol(value, &i.tsresol)))
				return mk_expected(mk, &at, "tsresol and N up to 18 for 10^-N seconds, or 2^N up to 2^63 for 2^-N");
		} else if (mk_words_option(w, "tsoffset", &value)) {
			if (!mk_number(value, INT64_MAX, &v))
				return mk_expected(mk, &at, "tsoffset and a number of seconds");
			i.tsoffset_s = (int64_t)v;
		} else if (mk_words_option(w, "name", &value)) {
			name = value;
		} else {
			return mk_expected(mk, w, "link, snaplen, tsresol, tsoffset or name");
		}
	}
	if (!have_link)
		return mk_expected(mk, w, "link and the name or number of a link type");
	size_t at = block_open(f, 1);
	put16(f, i.link);
	put16(f, 0);
	put32(f, i.snaplen);
	if (name)
		put_option(f, 2, name, strlen(name));
	if (have_resol)
		put_option(f, 9, &i.tsresol, 1);
	if (i.tsoffset_s) {
		put16(f, 14);
		put16(f, 8);
		put32(f, (uint64_t)i.tsoffset_s >> (f->be ? 32 : 0));
		put32(f, (uint64_t)i.tsoffset_s >> (f->be ? 0 : 32));
	}
	if (name || have_resol || i.tsoffset_s)
		put32(f, 0); /* end of options */
	block_close(f, at);
	f->interfaces[f->n_interfaces++] = i;
	return 0;
}

/* block TYPE [len=N] [last=N] HEX...: any pcapng block, with its two lengths right or as given. */
static int block_add(struct mk *mk, struct mk_words *w)
{
	struct mk_file *f = mk->file;
	const char *value;
	uint64_t type, first = 0, last = 0;
	struct gs_buf octets = { 0 };
	int r = 0;

	if (!f->ng || mk_words_end(w) || !mk_number(w->t[w->i].text, UINT32_MAX, &type))
		return mk_expected(mk, w, "a block type, in a pcapng file");
	w->i++;
	while (r == 0 && !mk_words_end(w)) {
		struct mk_words at = *w;
		if (mk_words_option(w, "len", &value))
			r = mk_number(value, UINT32_MAX, &first) ? 0 : mk_expected(mk, &at, "len and a number");
		else if (mk_words_option(w, "last", &value))
			r = mk_number(value, UINT32_MAX, &last) ? 0 : mk_expected(mk, &at, "last and a number");
		else if (mk_octets_word(&w->t[w->i], &octets))
			w->i++;
		else
			r = mk_expected(mk, w, "len, last, an even number of hex digits or \"text\"");
	}
	if (r == 0) {
		uint32_t total = (uint32_t)(12 + ((octets.len + 3) & ~(size_t)3));
		put32(f, type);
		put32(f, first ? first : total);
		put_padded(f, octets.data, octets.len);
		put32(f, last ? last : total);
	}
	gs_buf_done(&octets);
	return r;
}

static int raw_add(struct mk *mk, struct mk_words *w)
{
	if (mk_words_end(w))
		return mk_expected(mk, w, "octets");
	for (; !mk_words_end(w); w->i++)
		if (!mk_octets_word(&w->t[w->i], &mk->file->out))
			return mk_expected(mk, w, "an even number of hex digits or \"text\"");
	return 0;
}

int mk_file_statement(struct mk *mk, struct mk_words *w)
{
	uint64_t v;

	if (mk_words_take(w, "file")) {
		if (mk->file)
			return mk_expected(mk, w, "file only once");
		return file_open(mk, w);
	}
	if (!mk->file)
		return mk_expected(mk, w, "file before anything else but let");
	if (mk_words_take(w, "interface"))
		return interface_add(mk, w);
	if (mk_words_take(w, "block"))
		return block_add(mk, w);
	if (mk_words_take(w, "raw"))
		return raw_add(mk, w);
	if (mk_words_take(w, "section")) {
		if (!mk->file->ng)
			return mk_expected(mk, w, "section only in pcapng");
		if (mk_words_take(w, "be"))
			mk->file->be = true;
		else if (mk_words_take(w, "le"))
			mk->file->be = false;
		put_section(mk->file);
	} else if (mk_words_take(w, "truncate")) {
		if (mk_words_end(w) || !mk_number(w->t[w->i].text, MK_MAX_OUTPUT, &v))
			return mk_expected(mk, w, "how many octets to drop from the end of the file");
		mk->file->truncate = v;
		w->i++;
	} else {
		return 1;
	}
	return mk_words_end(w) ? 0 : mk_expected(mk, w, "the end of the statement");
}

/* Writing frames. */

static int pcap_frame(struct mk *mk, const struct mk_frame *f)
{
	struct mk_file *file = mk->file;
	int64_t s = gs_time_floor_s(f->ts, 1), ns = f->ts.ns - s * GS_NS_PER_S;

	if (!f->raw_time && (s < 0 || s > UINT32_MAX))
		return mk_fail_at(mk, mk->line, "expected a time from 1970 to 2106, which is what pcap can hold");
	if (f->options.interface || f->options.comment || f->options.block)
		return mk_fail_at(mk, mk->line, "expected interface, comment, spb and opb only in pcapng");
	put32(file, f->raw_time ? f->raw_high : (uint64_t)s);
	put32(file, f->raw_time ? f->raw_low : (uint64_t)(file->nano ? ns : ns / 1000));
	put32(file, f->caplen);
	put32(file, f->wirelen);
	if (file->modified) {
		put32(file, 1);      /* interface index */
		put16(file, 0x0800); /* protocol */
		put16(file, 0);      /* packet type and padding */
	}
	gs_buf_put(&file->out, f->data, f->caplen);
	return 0;
}

/* ns nanoseconds (below a second) in units of 2^-power seconds, by long division. */
static uint64_t binary_fraction(uint64_t ns, unsigned power)
{
	uint64_t v = 0;

	while (power--) {
		ns *= 2;
		v = v << 1 | (ns >= (uint64_t)GS_NS_PER_S);
		if (ns >= (uint64_t)GS_NS_PER_S)
			ns -= (uint64_t)GS_NS_PER_S;
	}
	return v;
}

/* The time stamp in units of the interface. */
static int ng_time(struct mk *mk, const struct interface *i, struct gs_time ts, uint64_t *ret)
{
	int64_t s = gs_time_floor_s(ts, 1);
	uint64_t fraction = (uint64_t)(ts.ns - s * GS_NS_PER_S), units = 1;
	unsigned power = i->tsresol & 0x7f;

	if (i->tsresol & 0x80) {
		units <<= power;
		fraction = binary_fraction(fraction, power);
	} else {
		for (unsigned k = 0; k < power; k++)
			units *= 10;
		for (unsigned k = 9; k < power; k++)
			fraction *= 10;
		for (unsigned k = power; k < 9; k++)
			fraction /= 10;
	}
	if (s < i->tsoffset_s || __builtin_mul_overflow((uint64_t)(s - i->tsoffset_s), units, ret) || __builtin_add_overflow(*ret, fraction, ret))
		return mk_fail_at(mk, mk->line, "expected a time that the interface's tsresol and tsoffset can hold");
	return 0;
}

static int ng_frame(struct mk *mk, const struct mk_frame *f)
{
	struct mk_file *file = mk->file;
	const struct mk_frame_options *o = &f->options;
	uint64_t t = (uint64_t)f->raw_high << 32 | f->raw_low;

	if (o->interface >= file->n_interfaces)
		return mk_fail_at(mk, mk->line, "expected an interface line before a packet on interface %u of this section", o->interface);
	int r = f->raw_time ? 0 : ng_time(mk, &file->interfaces[o->interface], f->ts, &t);
	if (r < 0)
		return r;
	size_t at;
	if (o->block == MK_BLOCK_SIMPLE) {
		if (o->interface != 0 || o->comment)
			return mk_fail_at(mk, mk->line, "expected neither interface nor comment with spb");
		at = block_open(file, 3);
		put32(file, f->wirelen);
		put_padded(file, f->data, f->caplen);
		block_close(file, at);
		return 0;
	}
	at = block_open(file, o->block == MK_BLOCK_OBSOLETE ? 2 : 6);
	if (o->block == MK_BLOCK_OBSOLETE) {
		put16(file, o->interface);
		put16(file, 0xffff); /* drops not known */
	} else {
		put32(file, o->interface);
	}
	put32(file, t >> 32);
	put32(file, t);
	put32(file, f->caplen);
	put32(file, f->wirelen);
	put_padded(file, f->data, f->caplen);
	if (o->comment) {
		put_option(file, 1, o->comment, strlen(o->comment));
		put32(file, 0);
	}
	block_close(file, at);
	return 0;
}

static int write_frame(struct mk *mk, const struct mk_frame *f)
{
	int r = mk->file->ng ? ng_frame(mk, f) : pcap_frame(mk, f);

	if (r == 0 && mk->file->out.failed)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while writing");
	if (r == 0 && mk->file->out.len > MK_MAX_OUTPUT)
		return mk_fail_at(mk, mk->line, "expected at most %u octets of output", MK_MAX_OUTPUT);
	return r;
}

int mk_file_frame(struct mk *mk, const struct mk_frame *f)
{
	struct mk_file *file = mk->file;
	struct mk_frame g = *f;
	uint32_t snaplen = !file->ng ? file->snaplen : f->options.interface < file->n_interfaces ? file->interfaces[f->options.interface].snaplen : 0;

	if (snaplen && g.caplen > snaplen)
		g.caplen = snaplen;
	if (!file->sorted)
		return write_frame(mk, &g);
	if (g.raw_time)
		return mk_fail_at(mk, mk->line, "expected no raw time in a sorted file");
	struct kept k = { g.ts.ns, file->kept.len / sizeof k, file->data.len, g };
	gs_buf_put(&file->data, g.data, g.caplen);
	gs_buf_put(&file->kept, &k, sizeof k);
	if (file->data.failed || file->kept.failed)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while sorting");
	return file->data.len <= MK_MAX_OUTPUT ? 0 : mk_fail_at(mk, mk->line, "expected at most %u octets of output", MK_MAX_OUTPUT);
}

static int by_time(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

int mk_file_finish(struct mk *mk, struct gs_buf **ret)
{
	struct mk_file *file = mk->file;

	if (!file)
		return gs_fail(mk->err, GS_ERR_CONFIG, "%s: expected a file line", mk->path);
	size_t n = file->kept.len / sizeof(struct kept);
	struct kept *kept = (struct kept *)(void *)file->kept.data;
	if (n)
		qsort(kept, n, sizeof *kept, by_time);
	for (size_t i = 0; i < n; i++) {
		kept[i].frame.data = (const uint8_t *)file->data.data + kept[i].offset;
		int r = write_frame(mk, &kept[i].frame);
		if (r < 0)
			return r;
	}
	if (file->truncate > file->out.len)
		return gs_fail(mk->err, GS_ERR_CONFIG, "%s: expected truncate to be at most %zu, the length of the file", mk->path, file->out.len);
	file->out.len -= (size_t)file->truncate;
	*ret = &file->out;
	return file->out.failed ? gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while writing") : 0;
}

void mk_file_free(struct mk_file *file)
{
	if (!file)
		return;
	gs_buf_done(&file->out);
	gs_buf_done(&file->kept);
	gs_buf_done(&file->data);
	free(file);
}
