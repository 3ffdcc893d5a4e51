#include "query/state.h"

#include <string.h>

void query_cell_text(struct gs_cell *c, const char *text)
{
	c->text = text;
	c->set = text && *text;
}

void query_cell_number(struct gs_cell *c, bool set, uint64_t v)
{
	c->u64 = set ? v : 0;
	c->set = set;
}

void query_cell_addr(struct gs_cell *c, const struct gs_addr *a, bool redacted)
{
	c->set = a->family != 0;
	if (!c->set)
		return;
	if (redacted) {
		c->text = QUERY_REDACTED;
		c->as_text = true;
	} else {
		c->addr = *a;
	}
}

void query_cell_country(struct gs_cell *c, const char country[2], struct query_scratch *s)
{
	if (!country[0])
		return;
	c->text = s->at;
	c->set = true;
	*s->at++ = country[0];
	*s->at++ = country[1];
	*s->at++ = '\0';
}

void query_cell_time(struct gs_cell *c, int64_t ns)
{
	c->time = (struct gs_time){ ns };
	c->set = true;
}

void query_cell_class(struct gs_cell *c, uint8_t class_)
{
	query_cell_text(c, gs_class_word(class_));
}

static int compare_values(uint8_t type, const struct gs_cell *a, const struct gs_cell *b)
{
	int by_addr;

	switch (type) {
	case GS_CELL_TEXT:
		return strcmp(a->text, b->text);
	case GS_CELL_SHARE:
	case GS_CELL_REAL:
		return (a->real > b->real) - (a->real < b->real);
	case GS_CELL_TIME:
		return (a->time.ns > b->time.ns) - (a->time.ns < b->time.ns);
	case GS_CELL_ADDR:
		return gs_addr_compare(&a->addr, &b->addr);
	case GS_CELL_PREFIX:
		by_addr = gs_addr_compare(&a->addr, &b->addr);
		if (by_addr)
			return by_addr;
		break;
	}
	return (a->u64 > b->u64) - (a->u64 < b->u64);
}

static int rank(const struct gs_cell *c)
{
	return !c->set ? 2 : c->as_text ? 1 : 0;
}

int query_cell_compare(uint8_t type, const struct gs_cell *a, const struct gs_cell *b, bool descending)
{
	if (!a->set || !b->set || a->as_text || b->as_text)
		return rank(a) - rank(b);
	const int r = compare_values(type, a, b);
	return descending ? -r : r;
}
