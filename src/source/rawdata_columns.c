/*
 * rawdata_columns.c - the columns of raw data, and how a cell is read
 *
 * Names are those of the published raw data (Source IP, _time, count, Protocol), of its author's other tables, and of grescope's own
 * export, so that an export can be read back. A column of another name is not looked at. An empty cell says nothing; one that is wrong
 * spoils the row only where the row would otherwise tell something false: who, when, how much, to whom.
 */
#include "source/rawdata.h"

#include <string.h>

/* Packets or bytes of one row beyond this are taken for damage: the sum of a million such rows still fits in 64 bits. */
#define MAX_COUNT UINT64_C(10000000000000)

static bool cell_is(struct raw_cell c, const char *word)
{
	size_t i = 0;

	for (; i < c.len && word[i]; i++) {
		char a = c.text[i];
		if (a >= 'A' && a <= 'Z') /* not tolower: names do not depend on the locale */
			a = (char)(a + 32);
		if (a != word[i])
			return false;
	}
	return i == c.len && word[i] == '\0';
}

static bool cell_number(struct raw_cell c, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (c.len == 0 || c.len > 19)
		return false;
	for (size_t i = 0; i < c.len; i++) {
		if (c.text[i] < '0' || c.text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(c.text[i] - '0');
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

/* 0x0800 or 2048; at most 32 bits. */
static bool cell_hex_or_number(struct raw_cell c, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (c.len < 3 || c.text[0] != '0' || (c.text[1] | 32) != 'x')
		return cell_number(c, max, ret);
	if (c.len > 10)
		return false;
	for (size_t i = 2; i < c.len; i++) {
		const char a = c.text[i], low = (char)(a | 32);
		if (!(a >= '0' && a <= '9') && !(low >= 'a' && low <= 'f'))
			return false;
		v = v << 4 | (uint64_t)(a <= '9' ? a - '0' : low - 'a' + 10);
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

/* Each reads a cell that is not empty into the row; false where it cannot be understood. */

static bool read_src(struct raw_row *row, struct raw_cell c)
{
	row->has_src = gs_addr_parse(c.text, c.len, &row->sighting.src);
	return row->has_src;
}

static bool read_dst(struct raw_row *row, struct raw_cell c)
{
	/* publishers black out their own address: [REDACTED], "-", "x.x.x.x" */
	if (c.text[0] == '[' || cell_is(c, "redacted") || cell_is(c, "-") || c.text[0] == 'x' || c.text[0] == '*')
		return true;
	return gs_addr_parse(c.text, c.len, &row->sighting.dst);
}

static bool read_first(struct raw_row *row, struct raw_cell c)
{
	row->has_first = gs_time_parse(c.text, c.len, &row->sighting.first);
	return row->has_first;
}

static bool read_last(struct raw_row *row, struct raw_cell c)
{
	row->has_last = gs_time_parse(c.text, c.len, &row->sighting.last);
	return row->has_last;
}

static bool read_count(struct raw_row *row, struct raw_cell c)
{
	return cell_number(c, MAX_COUNT, &row->sighting.packets) && row->sighting.packets > 0;
}

static bool read_bytes(struct raw_row *row, struct raw_cell c)
{
	row->has_bytes = cell_number(c, MAX_COUNT, &row->sighting.bytes);
	return row->has_bytes;
}

static bool read_protocol(struct raw_row *row, struct raw_cell c)
{
	uint64_t v = 0;

	row->has_protocol = true;
	row->other = cell_number(c, UINT64_MAX, &v) ? v != 47 : !cell_is(c, "gre");
	return true;
}

static bool read_ip_len(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 65535 + 40, &v))
		return false;
	row->sighting.ip_len = (uint32_t)v;
	row->sighting.has |= GS_HAS_IP_LEN;
	return true;
}

static bool read_ttl(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 255, &v))
		return false;
	row->sighting.ttl = row->sighting.ttl_min = row->sighting.ttl_max = (uint8_t)v;
	row->sighting.has |= GS_HAS_TTL;
	return true;
}

static bool read_gre_flags(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_hex_or_number(c, 0xffff, &v))
		return false;
	row->sighting.gre_flags = (uint16_t)v;
	row->sighting.has |= GS_HAS_FLAGS | (v & 0x8000 ? GS_HAS_CHECKSUM : 0) | (v & 0x4000 ? GS_HAS_ROUTING : 0);
	return true;
}

static bool read_gre_proto(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_hex_or_number(c, 0xffff, &v))
		return false;
	row->sighting.gre_proto = (uint16_t)v;
	row->sighting.has |= GS_HAS_PROTO;
	return true;
}

static bool read_gre_key(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_hex_or_number(c, UINT32_MAX, &v))
		return false;
	row->sighting.gre_key = (uint32_t)v;
	row->sighting.has |= GS_HAS_KEY;
	return true;
}

static bool read_gre_seq(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_hex_or_number(c, UINT32_MAX, &v))
		return false;
	row->sighting.gre_seq = (uint32_t)v;
	row->sighting.has |= GS_HAS_SEQ;
	return true;
}

static bool read_inner_src(struct raw_row *row, struct raw_cell c)
{
	row->sighting.has |= GS_HAS_INNER;
	return gs_addr_parse(c.text, c.len, &row->sighting.inner_src);
}

static bool read_inner_dst(struct raw_row *row, struct raw_cell c)
{
	row->sighting.has |= GS_HAS_INNER;
	return gs_addr_parse(c.text, c.len, &row->sighting.inner_dst);
}

static bool read_inner_proto(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 255, &v))
		return false;
	row->sighting.inner_proto = (uint8_t)v;
	return true;
}

static bool read_inner_ttl(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 255, &v))
		return false;
	row->sighting.inner_ttl = (uint8_t)v;
	return true;
}

static bool read_inner_sport(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 65535, &v))
		return false;
	row->sighting.inner_sport = (uint16_t)v;
	row->sighting.has |= GS_HAS_PORTS;
	return true;
}

static bool read_inner_dport(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 65535, &v))
		return false;
	row->sighting.inner_dport = (uint16_t)v;
	row->sighting.has |= GS_HAS_PORTS;
	return true;
}

static bool read_class(struct raw_row *row, struct raw_cell c)
{
	const int v = gs_class_parse(c.text, c.len);
	if (v < 0)
		return false;
	row->sighting.class_ = (uint8_t)v;
	return true;
}

static bool read_confidence(struct raw_row *row, struct raw_cell c)
{
	uint64_t v;
	if (!cell_number(c, 100, &v))
		return false;
	row->sighting.confidence = (uint8_t)v;
	return true;
}

static bool read_fidelity(struct raw_row *row, struct raw_cell c)
{
	for (unsigned i = 0; i < GS_FIDELITY_COUNT; i++) {
		if (!cell_is(c, gs_fidelity_word(i)))
			continue;
		row->sighting.fidelity = (uint8_t)i;
		return true;
	}
	return false;
}

/* One word of the evidence: "folded=~12", "icmp-quote=3/2", "stop=gre-cut", "bits=48", "collector=192.0.2.1" (in the columns already), or a plain one. */
static void evidence_word(struct gs_sighting *s, struct raw_cell w)
{
	const char *eq = memchr(w.text, '=', w.len);
	const struct raw_cell name = { w.text, eq ? (size_t)(eq - w.text) : w.len };
	struct raw_cell value = { eq ? eq + 1 : w.text, eq ? w.len - name.len - 1 : 0 };
	uint64_t v = 0;

	if (cell_is(name, "bits") && cell_number(value, UINT16_MAX, &v))
		s->evidence_bits = (uint16_t)v;
	for (unsigned bit = 0; bit < GS_EVIDENCE_COUNT; bit++)
		if (cell_is(name, gs_evidence_word(bit)))
			s->evidence |= UINT64_C(1) << bit;
	if (cell_is(name, "stop"))
		for (unsigned i = 0; i < GS_STOP_COUNT; i++)
			if (cell_is(value, gs_stop_word(i)))
				s->stop = (uint8_t)i;
	if (cell_is(name, "folded") && value.len > 1 && value.text[0] == '~') {
		value = (struct raw_cell){ value.text + 1, value.len - 1 };
		if (cell_number(value, UINT32_MAX, &v)) {
			s->sources = (uint32_t)v;
			s->flags |= GS_SIGHTING_FOLDED;
		}
	}
	const char *slash = value.len ? memchr(value.text, '/', value.len) : NULL;
	if (cell_is(name, "icmp-quote") && slash) {
		uint64_t code = 0;
		if (cell_number((struct raw_cell){ value.text, (size_t)(slash - value.text) }, 255, &v) &&
		    cell_number((struct raw_cell){ slash + 1, (size_t)(value.text + value.len - slash - 1) }, 255, &code)) {
			s->via = GS_VIA_ICMP;
			s->icmp_type = (uint8_t)v;
			s->icmp_code = (uint8_t)code;
		}
	}
}

static bool read_evidence(struct raw_row *row, struct raw_cell c)
{
	while (c.len > 0) {
		const char *semicolon = memchr(c.text, ';', c.len);
		const size_t n = semicolon ? (size_t)(semicolon - c.text) : c.len;
		evidence_word(&row->sighting, (struct raw_cell){ c.text, n });
		c.text += semicolon ? n + 1 : n;
		c.len -= semicolon ? n + 1 : n;
	}
	return true;
}

static bool read_nothing(struct raw_row *row, struct raw_cell c)
{
	(void)row;
	(void)c;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct raw_row *row, struct raw_cell c);
	const char *bad; /* what a cell is called that spoils its row; NULL: such a cell is left out */
} known[] = {
	{ "source ip", read_src, "source" },
	{ "src_ip", read_src, "source" },
	{ "_time", read_first, "time" },
	{ "timestamp", read_first, "time" },
	{ "protocol", read_protocol, "protocol" },
	{ "count", read_count, "count" },
	{ "packets", read_count, "count" },
	{ "end_time", read_last, "end time" },
	{ "bytes", read_bytes, "number of bytes" },
	{ "destination ip", read_dst, "destination" },
	{ "dst_ip", read_dst, "destination" },
	{ "source port", read_nothing, NULL }, /* protocol 47 has none; here so that a heading separated by blanks is cut right */
	{ "destination port", read_nothing, NULL },
	{ "ip_len", read_ip_len, NULL },
	{ "ttl", read_ttl, NULL },
	{ "gre_flags", read_gre_flags, NULL },
	{ "gre_proto", read_gre_proto, NULL },
	{ "gre_key", read_gre_key, NULL },
	{ "gre_seq", read_gre_seq, NULL },
	{ "inner_protocol", read_inner_proto, NULL },
	{ "inner_src_ip", read_inner_src, NULL },
	{ "inner_dst_ip", read_inner_dst, NULL },
	{ "inner_src_port", read_inner_sport, NULL },
	{ "inner_dst_port", read_inner_dport, NULL },
	{ "inner_ttl", read_inner_ttl, NULL },
	{ "class", read_class, NULL },
	{ "confidence", read_confidence, NULL },
	{ "evidence", read_evidence, NULL },
	{ "fidelity", read_fidelity, NULL },
};

static bool is_separator(char c, enum raw_separator separator)
{
	return separator == RAW_BLANKS ? c == ' ' || c == '\t' : c == (char)separator;
}

/* Moves past blanks that mean nothing between cells. A tab is one where it does not separate. */
static const char *skip_blanks(const char *p, const char *end, enum raw_separator separator)
{
	while (p < end && (*p == ' ' || (*p == '\t' && separator != RAW_TAB)))
		p++;
	return p;
}

int raw_split(const char *line, size_t len, enum raw_separator separator, struct raw_cell *cells, unsigned max)
{
	const char *p = line, *end = line + len;
	unsigned n = 0;

	while (n < max) {
		p = skip_blanks(p, end, separator);
		if (p == end && (separator == RAW_BLANKS || n == 0))
			break;
		struct raw_cell c = { p, 0 };
		if (p < end && *p == '"') {
			c.text = ++p;
			/* two quotes in a row stand for one; no cell of interest holds any, so they stay as they are */
			while (p < end && (*p != '"' || (p + 1 < end && p[1] == '"')))
				p += *p == '"' ? 2 : 1;
			if (p >= end)
				return -1;
			c.len = (size_t)(p - c.text);
			p = skip_blanks(p + 1, end, separator);
			if (separator == RAW_BLANKS ? p < end && !is_separator(p[-1], separator) : p < end && !is_separator(*p, separator))
				return -1;
		} else {
			while (p < end && !is_separator(*p, separator))
				p++;
			c.len = (size_t)(p - c.text);
			while (c.len > 0 && c.text[c.len - 1] == ' ')
				c.len--;
		}
		cells[n++] = c;
		if (p == end)
			break;
		p += separator != RAW_BLANKS;
	}
	return (int)n;
}

static uint8_t column_of(struct raw_cell c)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (cell_is(c, known[i].name))
			return (uint8_t)i;
	return RAW_UNKNOWN;
}

/* Blanks separate, and some names have one inside: "Source IP _time count Protocol". */
static struct raw_cell join_name(const struct raw_cell *cells, unsigned left)
{
	if (left < 2 || cells[1].text != cells[0].text + cells[0].len + 1)
		return cells[0];
	const struct raw_cell both = { cells[0].text, cells[0].len + 1 + cells[1].len };
	return column_of(both) != RAW_UNKNOWN ? both : cells[0];
}

static bool layout_try(const char *line, size_t len, enum raw_separator separator, struct raw_layout *l)
{
	struct raw_cell cells[RAW_MAX_COLUMNS];
	const int cut = raw_split(line, len, separator, cells, RAW_MAX_COLUMNS);
	unsigned found = 0;

	*l = (struct raw_layout){ .separator = separator };
	for (unsigned i = 0; (int)i < cut; i++) {
		struct raw_cell c = cells[i];
		if (separator == RAW_BLANKS) {
			c = join_name(&cells[i], (unsigned)cut - i);
			i += c.len != cells[i].len;
		}
		uint8_t column = column_of(c);
		for (unsigned k = 0; k < l->n && column != RAW_UNKNOWN; k++)
			if (l->columns[k] != RAW_UNKNOWN && known[l->columns[k]].read == known[column].read)
				column = RAW_UNKNOWN; /* a second one for the same thing is not looked at */
		l->columns[l->n++] = column;
		if (column != RAW_UNKNOWN)
			found |= (known[column].read == read_src) << 0 | (known[column].read == read_first) << 1 |
				 (known[column].read == read_protocol) << 2;
	}
	return found == 7;
}

bool raw_layout_read(const char *line, size_t len, struct raw_layout *ret)
{
	static const enum raw_separator separators[] = { RAW_TAB, RAW_COMMA, RAW_SEMICOLON, RAW_BLANKS };

	for (size_t i = 0; i < sizeof separators / sizeof *separators; i++)
		if (layout_try(line, len, separators[i], ret))
			return true;
	return false;
}

/* Blanks separate, and a time may have one inside: "2017-07-25 12:05:31". Joins such cells; result: the number of cells left. */
static int join_time(const struct raw_layout *l, struct raw_cell *cells, int n)
{
	for (int i = 0; i < (int)l->n && i + 1 < n; i++) {
		const uint8_t column = l->columns[i];
		if (column == RAW_UNKNOWN || (known[column].read != read_first && known[column].read != read_last))
			continue;
		if (cells[i].len != 10 || cells[i + 1].len < 5 || cells[i + 1].text[2] != ':' || cells[i + 1].text != cells[i].text + 11)
			continue;
		cells[i].len += 1 + cells[i + 1].len;
		memmove(&cells[i + 1], &cells[i + 2], (size_t)(n - i - 2) * sizeof *cells);
		n--;
	}
	return n;
}

bool raw_row_read(const struct raw_layout *l, const char *line, size_t len, struct raw_row *row)
{
	struct raw_cell cells[RAW_MAX_COLUMNS + 2]; /* two times may each take two at first */
	enum raw_separator separator = l->separator;
	int n = raw_split(line, len, separator, cells, RAW_MAX_COLUMNS + 2);

	if (separator == RAW_TAB && n == 1) { /* tabs that became blanks on the way, as pasting does */
		separator = RAW_BLANKS;
		n = raw_split(line, len, separator, cells, RAW_MAX_COLUMNS + 2);
	}
	if (separator == RAW_BLANKS && n > (int)l->n)
		n = join_time(l, cells, n);
	if (n < (int)l->n || (n > (int)l->n && l->n < RAW_MAX_COLUMNS))
		return false;
	*row = (struct raw_row){ 0 };
	row->sighting.packets = row->sighting.sources = 1;
	row->sighting.protocol = 47;
	row->sighting.version = GS_SIGHTING_VERSION;
	row->sighting.fidelity = GS_FIDELITY_LOG;
	for (unsigned i = 0; i < l->n; i++) {
		const uint8_t column = l->columns[i];
		if (column == RAW_UNKNOWN || cells[i].len == 0)
			continue;
		if (!known[column].read(row, cells[i]) && known[column].bad && !row->bad) {
			row->bad = known[column].bad;
			row->bad_cell = cells[i];
		}
	}
	return true;
}
