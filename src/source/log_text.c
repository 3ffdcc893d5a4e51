/* log_text.c - cutting lines of logs, and the setters that fill a row */
#include "source/log.h"

#include <string.h>

#define COUNT_MAX UINT64_C(10000000000000) /* packets or bytes of one record beyond this are taken for damage, as in rawdata_columns.c */
#define ADDRESS_TEXT_MAX 80

/* ASCII only, so that words do not depend on the locale. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool log_starts(log_cell c, const char *prefix)
{
	for (size_t i = 0; prefix[i]; i++)
		if (i >= c.len || lower(c.text[i]) != lower(prefix[i]))
			return false;
	return true;
}

bool log_is(log_cell c, const char *word)
{
	return strlen(word) == c.len && log_starts(c, word);
}

bool log_take(log_cell *c, const char *prefix)
{
	if (!log_starts(*c, prefix))
		return false;
	const size_t n = strlen(prefix);
	*c = (log_cell){ c->text + n, c->len - n };
	return true;
}

const char *log_find(log_cell c, const char *text)
{
	return c.len ? memmem(c.text, c.len, text, strlen(text)) : NULL;
}

log_cell log_trim(log_cell c)
{
	while (c.len && is_blank(c.text[0]))
		c = (log_cell){ c.text + 1, c.len - 1 };
	while (c.len && is_blank(c.text[c.len - 1]))
		c.len--;
	return c;
}

log_cell log_from(log_cell c, const char *p)
{
	return (log_cell){ p, (size_t)(c.text + c.len - p) };
}

log_cell log_until(log_cell *c, char stop)
{
	if (c->len == 0) /* its text may be NULL */
		return *c;
	const char *at = memchr(c->text, stop, c->len);
	const log_cell cut = { c->text, at ? (size_t)(at - c->text) : c->len };
	const size_t used = cut.len + (at != NULL);

	*c = (log_cell){ c->text + used, c->len - used };
	return cut;
}

log_cell log_token(log_cell *c)
{
	size_t at = 0, n = 0;

	if (c->len == 0)
		return *c;
	while (at < c->len && is_blank(c->text[at]))
		at++;
	while (at + n < c->len && !is_blank(c->text[at + n]))
		n++;
	const log_cell word = { c->text + at, n };
	*c = (log_cell){ c->text + at + n, c->len - at - n };
	return word;
}

bool log_number(log_cell c, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (c.len == 0 || c.len > 19)
		return false;
	for (size_t i = 0; i < c.len; i++) {
		if (!is_digit(c.text[i]))
			return false;
		v = v * 10 + (uint64_t)(c.text[i] - '0');
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

/* Digits up to 2^32, decimal or 0x... */
static bool number_any(log_cell c, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!log_starts(c, "0x"))
		return log_number(c, max, ret);
	if (c.len < 3 || c.len > 10)
		return false;
	for (size_t i = 2; i < c.len; i++) {
		const char d = lower(c.text[i]);
		if (!is_digit(d) && !(d >= 'a' && d <= 'f'))
			return false;
		v = v << 4 | (uint64_t)(is_digit(d) ? d - '0' : d - 'a' + 10);
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

static bool address_plain(log_cell c, struct gs_addr *ret)
{
	const char *zone = c.len ? memchr(c.text, '%', c.len) : NULL;

	if (zone)
		c.len = (size_t)(zone - c.text);
	return gs_addr_parse(c.text, c.len, ret);
}

/* A dotted quad, which most addresses are. What is none may be another form. */
static bool quad_read(log_cell c, struct gs_addr *ret)
{
	uint8_t b[4];
	unsigned n = 0, v = 0, digits = 0;

	if (c.len < 7 || c.len > 15)
		return false;
	for (size_t i = 0; i < c.len; i++) {
		const char d = c.text[i];
		if (is_digit(d)) {
			if ((digits == 1 && v == 0) || ++digits > 3)
				return false;
			v = v * 10 + (unsigned)(d - '0');
		} else if (d == '.' && digits && v < 256 && n < 3) {
			b[n++] = (uint8_t)v;
			v = digits = 0;
		} else {
			return false;
		}
	}
	if (n != 3 || !digits || v > 255)
		return false;
	b[3] = (uint8_t)v;
	gs_addr_set_v4(ret, b);
	return true;
}

bool log_address(log_cell c, struct gs_addr *ret)
{
	struct gs_addr a;
	uint64_t bits;

	if (quad_read(c, ret))
		return true;
	c = log_trim(c);
	if (c.len > ADDRESS_TEXT_MAX)
		return false;
	if (c.len > 2 && c.text[0] == '[' && c.text[c.len - 1] == ']')
		c = (log_cell){ c.text + 1, c.len - 2 };
	const char *slash = c.len ? memchr(c.text, '/', c.len) : NULL;
	if (!slash)
		return address_plain(c, ret);
	if (!address_plain((log_cell){ c.text, (size_t)(slash - c.text) }, &a) ||
	    !log_number((log_cell){ slash + 1, (size_t)(c.text + c.len - slash - 1) }, 128, &bits) || bits != (a.family == 4 ? 32 : 128))
		return false;
	*ret = a;
	return true;
}

/* Digits (or nothing) that could be a port or a call id. */
static bool port_like(const char *p, const char *end)
{
	if (end - p > 10)
		return false;
	while (p < end)
		if (!is_digit(*p++))
			return false;
	return true;
}

bool log_address_port(log_cell c, struct gs_addr *ret)
{
	c = log_trim(c);
	if (c.len > ADDRESS_TEXT_MAX)
		return false;
	const char *end = c.text + c.len;
	const char *bracket = c.len && c.text[0] == '[' ? memchr(c.text, ']', c.len) : NULL;
	if (bracket && bracket + 1 < end && bracket[1] == ':' && port_like(bracket + 2, end))
		return log_address((log_cell){ c.text, (size_t)(bracket + 1 - c.text) }, ret);
	if (log_address(c, ret))
		return true;
	for (const char *p = end; p > c.text; p--) {
		const char mark = p[-1];
		if (is_digit(mark) || mark == ')')
			continue;
		const bool closed = mark != '(' || end[-1] == ')';
		if (!strchr(":/(.#", mark) || !closed || !port_like(p, mark == '(' ? end - 1 : end))
			return false;
		return address_plain((log_cell){ c.text, (size_t)(p - 1 - c.text) }, ret);
	}
	return false;
}

enum log_proto log_protocol(log_cell c)
{
	static const char *const before[] = { "ip-proto-", "ip/", "proto-", "proto:", "protocol ", "protocol-", "protocol:", "proto ", "tunnel::" };
	static const char *const names[] = { "gre", "grev0", "grev1", "ipproto_gre", "generic routing encapsulation", "general routing encapsulation" };
	uint64_t v = 0;

	if (c.len == 2 && c.text[0] == '4' && c.text[1] == '7')
		return LOG_PROTO_GRE;
	c = log_trim(c);
	if (c.len == 0 || log_is(c, "-") || log_is(c, "n/a"))
		return LOG_PROTO_NONE;
	for (size_t i = 0; i < sizeof before / sizeof *before; i++)
		if (log_take(&c, before[i]))
			break;
	if (c.len > 64)
		return LOG_PROTO_OTHER;
	/* both in one: "GRE(47)", "gre (47)", "47/gre": the first of them counts */
	for (size_t i = 1; i < c.len; i++)
		if (c.text[i] == '(' || c.text[i] == '/')
			c.len = i;
	c = log_trim(c);
	if (number_any(c, UINT32_MAX, &v))
		return v == 47 ? LOG_PROTO_GRE : LOG_PROTO_OTHER;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (log_is(c, names[i]))
			return LOG_PROTO_GRE;
	return LOG_PROTO_OTHER;
}

/* ---- setters ---- */

bool log_fail(struct log_row *row, const char *what, log_cell c)
{
	row->bad = what;
	row->bad_cell = c;
	return false;
}

bool log_set_src(struct log_row *row, log_cell c)
{
	row->has_src = log_address(c, &row->sighting.src);
	return row->has_src || log_fail(row, "source", c);
}

bool log_set_dst(struct log_row *row, log_cell c)
{
	return log_address(c, &row->sighting.dst) || log_fail(row, "destination", c);
}

bool log_set_packets(struct log_row *row, log_cell c)
{
	uint64_t v;
	if (!log_number(c, COUNT_MAX, &v) || v == 0)
		return log_fail(row, "number of packets", c);
	row->sighting.packets = v;
	return true;
}

bool log_set_bytes(struct log_row *row, log_cell c)
{
	row->has_bytes = log_number(c, COUNT_MAX, &row->sighting.bytes);
	return row->has_bytes || log_fail(row, "number of bytes", c);
}

bool log_set_time(struct log_row *row, log_cell c)
{
	return log_time_read(c, &row->time) || log_fail(row, "time", c);
}

bool log_set_end(struct log_row *row, log_cell c)
{
	return log_time_read(c, &row->end) || log_fail(row, "end time", c);
}

static void set_ip_len(struct log_row *row, uint64_t v, uint64_t min)
{
	if (v < min)
		return;
	row->sighting.ip_len = (uint32_t)v;
	row->sighting.has |= GS_HAS_IP_LEN;
}

void log_set_ip_len(struct log_row *row, log_cell c)
{
	uint64_t v;
	if (log_number(c, 65535 + 40, &v))
		set_ip_len(row, v, 20);
}

void log_set_ip_payload(struct log_row *row, log_cell c)
{
	uint64_t v;
	const uint64_t header = row->sighting.src.family == 6 ? 40 : 20;
	if (log_number(c, 65535, &v) && v + header <= 65535 + (header == 40 ? 40 : 0))
		set_ip_len(row, v + header, header);
}

void log_set_ttl(struct log_row *row, log_cell c)
{
	uint64_t v;
	if (!log_number(c, 255, &v))
		return;
	row->sighting.ttl = row->sighting.ttl_min = row->sighting.ttl_max = (uint8_t)v;
	row->sighting.has |= GS_HAS_TTL;
}

void log_set_df(struct log_row *row, bool df)
{
	row->sighting.df = df;
	row->sighting.has |= GS_HAS_DF;
}

void log_set_ip_id(struct log_row *row, log_cell c)
{
	uint64_t v;
	if (!log_number(c, 65535, &v))
		return;
	row->ip_id = (int32_t)v;
	row->sighting.has |= v == 0 ? GS_HAS_ZERO_ID : 0;
}

void log_set_flow(struct log_row *row)
{
	row->sighting.fidelity = GS_FIDELITY_FLOW;
}

void log_set_key(struct log_row *row, log_cell c)
{
	uint64_t v;
	if (!number_any(c, UINT32_MAX, &v))
		return;
	row->sighting.gre_key = (uint32_t)v;
	row->sighting.has |= GS_HAS_KEY;
}

void log_set_gre(struct log_row *row, log_cell flags, log_cell proto)
{
	uint64_t v;
	if (number_any(flags, 0xffff, &v)) {
		row->sighting.gre_flags = (uint16_t)v;
		row->sighting.has |= GS_HAS_FLAGS | (v & 0x8000 ? GS_HAS_CHECKSUM : 0) | (v & 0x4000 ? GS_HAS_ROUTING : 0);
	}
	if (number_any(proto, 0xffff, &v)) {
		row->sighting.gre_proto = (uint16_t)v;
		row->sighting.has |= GS_HAS_PROTO;
	}
}

/* ---- key=value ---- */

/* The end of a quoted text that starts at p: at its closing quote, or `end`. */
static const char *quote_end(const char *p, const char *end, char quote)
{
	while (p < end && *p != quote)
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return p;
}

static bool pair_border(char c)
{
	return is_blank(c) || c == ',' || c == ';';
}

bool log_pair_next(struct log_pairs *pairs, log_cell *ret_key, log_cell *ret_value)
{
	const char *p = pairs->rest.text, *end = p + pairs->rest.len;

	for (;;) {
		while (p < end && pair_border(*p))
			p++;
		const char *key = p;
		while (p < end && !pair_border(*p) && *p != '=' && *p != '"')
			p++;
		if (p < end && *p == '"') { /* a quoted text that is nobody's value */
			p = quote_end(p + 1, end, '"');
			p += p < end;
			continue;
		}
		if (p == end || *p != '=') {
			if (p == end)
				break;
			continue;
		}
		*ret_key = (log_cell){ key, (size_t)(p - key) };
		p++;
		if (p < end && (*p == '"' || *p == '\'')) {
			const char *close = quote_end(p + 1, end, *p);
			*ret_value = (log_cell){ p + 1, (size_t)(close - p - 1) };
			p = close < end ? close + 1 : close;
		} else {
			const char *value = p;
			while (p < end && !pair_border(*p))
				p++;
			*ret_value = (log_cell){ value, (size_t)(p - value) };
		}
		pairs->rest = (log_cell){ p, (size_t)(end - p) };
		return true;
	}
	pairs->rest = (log_cell){ end, 0 };
	return false;
}

bool log_pair_find(log_cell c, const char *key, log_cell *ret_value)
{
	struct log_pairs pairs = { c };
	const size_t len = strlen(key);
	log_cell k;

	while (log_pair_next(&pairs, &k, ret_value))
		if (k.len == len && memcmp(k.text, key, len) == 0)
			return true;
	return false;
}
