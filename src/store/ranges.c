/*
 * ranges.c - which rows of which store: sets of sequence ranges, for imported and for pruned rows
 */
#include "store/private.h"

#include <stdlib.h>

static const struct {
	const char *name;
	enum stmt all, put, delete_;
} tables[L_COUNT] = {
	[L_IMPORTED] = { "imported", Q_IMPORTED_ALL, Q_IMPORTED_PUT, Q_IMPORTED_DELETE },
	[L_LOST] = { "rows_pruned", Q_LOST_ALL, Q_LOST_PUT, Q_LOST_DELETE },
};

static int64_t range_seal(enum ledger which, const struct range *r)
{
	struct seal s;
	seal_begin(&s, tables[which].name);
	seal_int(&s, r->store);
	seal_int(&s, r->first);
	seal_int(&s, r->last);
	return seal_end(&s);
}

int ranges_load(struct gs_store *st, enum ledger which, struct ranges *ret, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	*ret = (struct ranges){ 0 };
	sqlite3_stmt *q = db_stmt(st, tables[which].all, err);
	if (!q)
		return GS_ERR_STORE;
	int r;
	while ((r = db_step(st, q, err, "reading its ranges of rows")) > 0) {
		struct range g;
		int64_t seal;
		if (ret->n == ret->cap) {
			size_t cap = ret->cap ? ret->cap * 2 : 16;
			struct range *list = realloc(ret->list, cap * sizeof *list);
			if (!list) {
				r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
				break;
			}
			ret->list = list;
			ret->cap = cap;
		}
		if (!col_int(q, 0, 1, INT64_MAX, &g.store) || !col_int(q, 1, 1, INT64_MAX, &g.first) || !col_int(q, 2, g.first, INT64_MAX, &g.last) ||
		    !col_int(q, 3, INT64_MIN, INT64_MAX, &seal) || seal != range_seal(which, &g)) {
			r = store_damaged(st, err, "a row of its table %s does not match its checksum", tables[which].name);
			break;
		}
		ret->list[ret->n++] = g;
		count.rows++;
		count.sum += (uint64_t)seal;
	}
	sqlite3_reset(q);
	if (r == 0)
		r = ledger_verify(st, which, count, err);
	if (r < 0) {
		free(ret->list);
		*ret = (struct ranges){ 0 };
	}
	return r;
}

static int range_change(struct gs_store *st, enum ledger which, const struct range *g, bool put, struct gs_error *err)
{
	int64_t seal = range_seal(which, g);
	sqlite3_stmt *q = db_stmt(st, put ? tables[which].put : tables[which].delete_, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, g->store);
	sqlite3_bind_int64(q, 2, g->first);
	if (put) {
		sqlite3_bind_int64(q, 3, g->last);
		sqlite3_bind_int64(q, 4, seal);
	}
	int r = db_run(st, q, err, "noting ranges of rows");
	if (r == 0 && put)
		ledger_add(st, which, seal);
	else if (r == 0)
		ledger_take(st, which, seal);
	return r;
}

int ranges_add(struct gs_store *st, enum ledger which, int64_t store, int64_t first, int64_t last, struct gs_error *err)
{
	struct ranges all;
	struct range g = { store, first, last };
	int r = ranges_load(st, which, &all, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const struct range *o = &all.list[i];
		if (o->store != store || o->last < g.first - 1 || o->first - 1 > g.last)
			continue;
		r = range_change(st, which, o, false, err);
		g.first = o->first < g.first ? o->first : g.first;
		g.last = o->last > g.last ? o->last : g.last;
	}
	if (r == 0)
		r = range_change(st, which, &g, true, err);
	free(all.list);
	return r;
}

bool ranges_hold(const struct ranges *r, int64_t store, int64_t seq, int64_t *ret_last)
{
	*ret_last = INT64_MAX;
	for (size_t i = 0; i < r->n; i++) {
		const struct range *g = &r->list[i];
		if (g->store != store || g->last < seq)
			continue;
		*ret_last = g->first <= seq ? g->last : g->first - 1;
		return g->first <= seq;
	}
	return false;
}
