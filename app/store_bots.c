/* store_bots.c - bot processes from a watch into the store, and out of it as one list */
#include "app.h"
#include "query/bots.h"

#include <stdlib.h>

int watch_bots(struct gs_watch *w, uint16_t sensor, struct gs_store_bot **ret, size_t *ret_n, struct gs_error *err)
{
	struct gs_tracker *t = gs_watch_tracker(w);
	const uint32_t n = gs_tracker_count(t);
	struct gs_store_bot *list = calloc(n ? n : 1, sizeof *list);

	if (!list)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; i < n; i++) {
		struct gs_store_bot *b = &list[i];
		const unsigned attacks = gs_tracker_attacks(t, i, b->attacks, GS_STORE_BOT_ATTACKS);
		gs_tracker_process(t, i, &b->process);
		b->n_attacks = attacks < GS_STORE_BOT_ATTACKS ? attacks : GS_STORE_BOT_ATTACKS;
		b->sensor = sensor;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int store_put_bots(struct gs_store *st, struct gs_watch *w, uint16_t sensor, struct gs_error *err)
{
	const struct gs_tracker_tally y = gs_tracker_tally(gs_watch_tracker(w));
	const struct gs_store_bots_rest rest = { y.pending, y.unlinked, y.refused, y.skipped };
	struct gs_store_bot *list;
	size_t n;

	if (y.given == y.ignored)
		return 0;
	if (watch_bots(w, sensor, &list, &n, err) < 0)
		return GS_ERR_NOMEM;
	const int r = gs_store_bots_put(st, list, n, &rest, err);
	free(list);
	return r;
}

struct gathering {
	struct gs_store_bot *list;
	size_t n, cap, most;
};

/* When the list has grown to its cap, what belongs together is put together; if that makes no room there is none. */
static int gather(void *arg, const struct gs_store_bot *b, struct gs_error *err)
{
	struct gathering *g = arg;

	if (g->n == g->cap && g->cap < g->most) {
		const size_t cap = g->cap ? g->cap * 2 < g->most ? g->cap * 2 : g->most : 256;
		struct gs_store_bot *list = realloc(g->list, cap * sizeof *list);
		if (!list)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		g->list = list;
		g->cap = cap;
	}
	if (g->n == g->cap) {
		g->n = gs_bots_merge(g->list, g->n);
		if (g->n > g->cap / 4 * 3)
			return gs_fail(err, GS_ERR_LIMIT, "more than %zu bot processes match, and --memory has no room for them: raise it, or filter by time", g->n);
	}
	g->list[g->n++] = *b;
	return 0;
}

int store_get_bots(struct gs_store *st, const struct options *o, const struct gs_filter *f, struct gs_store_bot **ret, size_t *ret_n,
                   struct gs_store_bots_rest *ret_rest, struct gs_error *err)
{
	struct gathering g = { .most = o->memory_bytes / 2 / sizeof(struct gs_store_bot) };
	const int r = gs_store_bots(st, f, gather, &g, ret_rest, err);

	if (r < 0) {
		free(g.list);
		return r;
	}
	*ret_n = g.n ? gs_bots_merge(g.list, g.n) : 0;
	*ret = g.list;
	return 0;
}
