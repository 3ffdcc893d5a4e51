/*
 * pfx2as.c - a row of a prefix-to-AS table: prefix TAB length TAB asn
 *
 * CAIDA's layout of Route Views data. Of a prefix with several origins (`1_2`, most frequent first since October 2010) and of an AS set
 * (`{1,2}` or `1,2`) the first is taken: a sighting has one network, and the file itself calls the first the best. There are no names.
 * Prefixes nest, and the most specific wins, as in routing: asn_table.c's rule for overlapping ranges.
 */
#include "enrich/asn_file.h"

#include <string.h>

static const char *blank(const char *p)
{
	if (*p != '\t' && *p != ' ')
		return NULL;
	while (*p == '\t' || *p == ' ')
		p++;
	return p;
}

/* The rest of a set of AS numbers, up to the line end. */
static const char *set_end(const char *p)
{
	while ((*p >= '0' && *p <= '9') || (*p && strchr("_,{}", *p)))
		p++;
	while (*p == ' ' || *p == '\t' || *p == '\r')
		p++;
	return *p == '\n' ? p : NULL;
}

const char *pfx2as_row(const char *p, const char *end, struct asn_row *row, const char **why)
{
	uint32_t len, width;

	*why = "expected a prefix, its length and an AS number, with tabs between";
	p = take_address(p, end, false, &row->first, &row->family);
	p = p ? blank(p) : NULL;
	p = p ? take_u32(p, &len) : NULL;
	p = p ? blank(p) : NULL;
	if (!p)
		return NULL;
	width = row->family == 4 ? 32 : 128;
	if (len > width) {
		*why = row->family == 4 ? "a prefix length beyond 32" : "a prefix length beyond 128";
		return NULL;
	}
	p = take_u32(p + (*p == '{'), &row->asn);
	p = p ? set_end(p) : NULL;
	if (!p)
		return NULL;
	gs_u128 host = len == 0 ? ~(gs_u128)0 : ((gs_u128)1 << (width - len)) - 1;
	if (width == 32)
		host &= UINT32_MAX;
	row->first &= ~host;
	row->last = row->first | host;
	row->name = p;
	return p + 1;
}
