/*
 * asn_csv.c - a row of the ASN table in CSV: start,end,asn,name
 *
 * The layout of ip-location-db's asn-ipv4.csv and asn-ipv4-num.csv: inclusive range, as dotted quads, IPv6 text or integers; quotes as in
 * RFC 4180 (any field may have them, a quoted one may hold commas and line ends, "" is a quote). "AS13335" is taken for 13335; the name
 * may be missing. A fifth field is refused rather than guessed about: it is an unquoted comma in a name, or another table.
 */
#include "enrich/asn_file.h"

static const char *name_field(const char *p, const char *end, struct asn_row *row, const char **why)
{
	bool quoted = *p == '"';
	p += quoted;
	row->name = p;
	if (!quoted) {
		while (*p != '\n' && *p != ',')
			p++;
		row->name_len = (size_t)(p - row->name);
		if (*p == '\n' && row->name_len && p[-1] == '\r')
			row->name_len--;
		return p;
	}
	for (; p < end; p++) {
		if (*p == '\n')
			row->more_lines++;
		if (*p != '"')
			continue;
		if (p[1] != '"') {
			row->name_len = (size_t)(p - row->name);
			return p + 1;
		}
		row->doubled = true;
		p++;
	}
	*why = "the quote around the name is never closed";
	return NULL;
}

/* A comma, or where last is set also a line end; and the quote before it if there was one. */
static const char *field_end(const char *p, bool quoted, bool last)
{
	if (quoted && *p++ != '"')
		return NULL;
	if (last && (*p == '\n' || (*p == '\r' && p[1] == '\n')))
		return p;
	return *p == ',' ? p + 1 : NULL;
}

/* What stands where an AS number should, if it is worth saying. */
static const char *no_asn(const char *p)
{
	bool letters = p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' && p[1] <= 'Z';
	letters = letters && (p[2] == ',' || p[2] == '"' || p[2] == '\n' || p[2] == '\r');
	return letters ? "a country where an AS number was expected: this is a table of places, which are read from .mmdb files" :
	                 "expected an AS number in the third field (start,end,asn,name)";
}

const char *asn_csv_row(const char *p, const char *end, struct asn_row *row, const char **why)
{
	gs_u128 *const bound[] = { &row->first, &row->last };
	uint8_t family[2];

	for (int i = 0; i < 2; i++) {
		bool quoted = *p == '"';
		p = take_address(p + quoted, end, true, bound[i], &family[i]);
		p = p ? field_end(p, quoted, false) : NULL;
		if (!p) {
			*why = i ? "expected the last address of a range in the second field (start,end,asn,name)" :
			           "expected the first address of a range (start,end,asn,name)";
			return NULL;
		}
	}
	if (family[0] != family[1]) {
		*why = "the ends of the range are written in different ways";
		return NULL;
	}
	row->family = family[0];
	bool quoted = *p == '"';
	p += quoted;
	const char *number = p[0] == 'A' && p[1] == 'S' && p[2] >= '0' && p[2] <= '9' ? p + 2 : p;
	const char *q = take_u32(number, &row->asn);
	q = q ? field_end(q, quoted, true) : NULL;
	if (!q) {
		*why = no_asn(p);
		return NULL;
	}
	row->name = q;
	if (q[-1] == ',')
		q = name_field(q, end, row, why);
	if (!q)
		return NULL;
	q += *q == '\r';
	if (*q != '\n') {
		*why = "more than four fields (start,end,asn,name): is a name with a comma not quoted?";
		return NULL;
	}
	return q + 1;
}
