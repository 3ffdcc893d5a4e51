#include "observe/watch.h"

#include "base/map.h"

#include <stdlib.h>

#define WAITING (UINT32_C(1) << 31)
#define ATTACKS_BYTES ((size_t)1 << 20) /* attacks whose packets wait: some 30,000; past it a waiting packet stays without a name */

struct name {
	uint64_t hi, lo;
	uint16_t evidence;
	uint8_t kind, byte_order; /* kind 0: not settled yet */
};

struct attack {
	uint32_t token;
	uint32_t process; /* + 1 */
};

struct gs_watch {
	struct gs_bot_tables *tables;
	struct gs_tracker_limits limits;
	struct gs_tracker *tracker;
	struct gs_map attacks;   /* of packets that carry no state, those that were linked */
	struct name *names;
	uint32_t names_cap;
	struct gs_filter filter;
	bool filtered, no_seeds;
	uint16_t sensor;
	uint64_t seed_steps_left;
	struct gs_watch_tally tally;
};

/* The largest of the tracker's tables that fit into so much memory, for at most so many processes (0: no matter). */
static struct gs_tracker_limits limits_for(size_t bytes, uint32_t processes)
{
	struct gs_tracker_limits l = { .processes = 65536, .streams = 131072, .groups = 4096, .source_counters = 1024, .link_tables = 12 };

	while (gs_tracker_bytes(&l) > bytes && l.processes > 64) {
		l.processes /= 2;
		l.streams /= 2;
		l.groups = l.groups > 64 ? l.groups / 2 : 64;
		l.source_counters = l.source_counters > 16 ? l.source_counters / 2 : 16;
		l.link_tables = l.link_tables > 1 ? l.link_tables - 1 : 1;
	}
	if (processes && processes < l.processes)
		l.processes = processes;
	return l;
}

int gs_watch_new(const struct gs_watch_options *o, struct gs_watch **ret, struct gs_error *err)
{
	const size_t own = GS_BOT_TABLES_BYTES + ATTACKS_BYTES;
	struct gs_tracker_limits limits = limits_for(o->memory_bytes > own ? o->memory_bytes - own : 0, o->processes);
	struct gs_watch *w = calloc(1, sizeof *w);
	int r = 0;

	if (!w)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	limits.searches_per_s = o->searches_per_s;
	limits.hash_seed = o->hash_seed;
	w->limits = limits;
	w->filtered = o->filter != NULL;
	if (w->filtered)
		w->filter = *o->filter;
	w->sensor = o->sensor;
	w->no_seeds = o->no_seeds;
	w->seed_steps_left = GS_WATCH_SEED_STEPS_ALL;
	if ((r = gs_bot_tables_new(&w->tables, err)) == 0 && (r = gs_tracker_new(&limits, w->tables, &w->tracker, err)) == 0 &&
	    gs_map_init(&w->attacks, sizeof(uint32_t), sizeof(struct attack), ATTACKS_BYTES, o->hash_seed) < 0)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r < 0) {
		gs_watch_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void gs_watch_free(struct gs_watch *w)
{
	if (!w)
		return;
	gs_map_done(&w->attacks);
	gs_tracker_free(w->tracker);
	gs_bot_tables_free(w->tables);
	free(w->names);
	free(w);
}

int gs_watch_reset(struct gs_watch *w, struct gs_error *err)
{
	if (gs_tracker_tally(w->tracker).given == 0)
		return 0;
	gs_tracker_free(w->tracker);
	w->tracker = NULL;
	gs_map_clear(&w->attacks, ATTACKS_BYTES);
	free(w->names);
	w->names = NULL;
	w->names_cap = 0;
	w->seed_steps_left = GS_WATCH_SEED_STEPS_ALL;
	w->tally = (struct gs_watch_tally){ 0 };
	return gs_tracker_new(&w->limits, w->tables, &w->tracker, err);
}

uint32_t gs_watch_most(const struct gs_watch *w)
{
	return w->limits.processes;
}

struct gs_tracker *gs_watch_tracker(struct gs_watch *w)
{
	return w->tracker;
}

struct gs_watch_tally gs_watch_tally(const struct gs_watch *w)
{
	return w->tally;
}

/* ---- names ---- */

static void search_seed(struct gs_watch *w, uint32_t process)
{
	const uint64_t most = w->seed_steps_left / 16, steps = most < GS_WATCH_SEED_STEPS ? most : GS_WATCH_SEED_STEPS;
	struct gs_bot_seed job;

	if (w->no_seeds || steps == 0 || !gs_tracker_seed_job(w->tracker, process, steps, &job))
		return;
	gs_bot_seed_run(&job, steps);
	w->seed_steps_left -= job.steps < w->seed_steps_left ? job.steps : w->seed_steps_left;
	gs_tracker_seed_result(w->tracker, process, &job);
}

/* NULL where there is no memory: then the sighting goes without a name. */
static const struct name *name_of(struct gs_watch *w, uint32_t process)
{
	struct gs_bot_process p;

	if (process >= w->names_cap) {
		const uint32_t cap = process < 512 ? 1024 : process * 2;
		struct name *names = realloc(w->names, cap * sizeof *names);
		if (!names)
			return NULL;
		memset(names + w->names_cap, 0, (cap - w->names_cap) * sizeof *names);
		w->names = names;
		w->names_cap = cap;
	}
	struct name *n = &w->names[process];
	if (n->kind)
		return n;
	search_seed(w, process);
	if (!gs_tracker_process(w->tracker, process, &p))
		return NULL;
	*n = (struct name){ p.bot_hi, p.bot_lo, p.evidence, p.bot_kind, p.byte_order };
	return n;
}

void gs_watch_name(struct gs_watch *w, uint32_t token, struct gs_sighting *s)
{
	const struct name *n = token && !gs_watch_is_waiting(token) ? name_of(w, token - 1) : NULL;

	if (!n)
		return;
	s->bot_kind = n->kind;
	s->bot_hi = n->hi;
	s->bot_lo = n->lo;
	s->byte_order = n->byte_order;
}

/* ---- tokens ---- */

static bool matches(const struct gs_watch *w, const struct gs_packet *p, const struct gs_verdict *v)
{
	struct gs_sighting s;

	if (!w->filtered)
		return true;
	gs_sighting_from_packet(p, v, w->sensor, &s);
	return gs_filter_match(&w->filter, &s);
}

/* Of packets that carry no state: those of one attack on one target have these in common. Two attacks share a token once in 2^31. */
static uint32_t waiting_token(const struct gs_watch *w, const struct gs_bot_input *in)
{
	const uint32_t key[3] = { in->inner_src, in->dst, in->data_wire_len << 2 | in->flood };

	return WAITING | (uint32_t)XXH3_64bits_withSeed(key, sizeof key, w->attacks.seed);
}

static void remember(struct gs_watch *w, uint32_t waiting, uint32_t process)
{
	bool is_new;
	struct attack *a = gs_map_get(&w->attacks, gs_map_hash(&w->attacks, &waiting), &waiting, &is_new);

	if (a)
		a->process = process + 1;
}

uint32_t gs_watch_settle(struct gs_watch *w, uint32_t token)
{
	if (!gs_watch_is_waiting(token))
		return token;
	const struct attack *a = gs_map_find(&w->attacks, gs_map_hash(&w->attacks, &token), &token);
	return a ? a->process : 0;
}

/* The packet alone was no proof; its place among others is. The class of an error message that quotes it stays. */
static void prove_by_link(struct gs_watch *w, uint32_t process, const struct gs_bot_input *in, struct gs_verdict *v)
{
	const struct name *n = name_of(w, process);

	v->evidence |= GS_EVIDENCE(SHAPE) | GS_EVIDENCE(STATE_LINK);
	if (n && n->evidence > v->bits)
		v->bits = n->evidence;
	if (v->class_ == GS_CLASS_BACKSCATTER)
		return;
	v->class_ = in->flood == GS_BOT_GREETH ? GS_CLASS_FLOOD_MIRAI_GREETH : GS_CLASS_FLOOD_MIRAI_GREIP;
	v->confidence = 100;
}

uint32_t gs_watch_packet(struct gs_watch *w, const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	w->tally.packets++;
	if (!gs_bot_input_from_packet(p, f, &in))
		return 0;
	gs_bot_prove(&in, 0, &proof);
	if (proof.level == GS_BOT_LEVEL_NONE)
		return 0;
	if (!matches(w, p, v)) {
		w->tally.filtered += proof.level >= GS_BOT_LEVEL_ID; /* of those below, honest ones for the most part, nobody can say */
		return 0;
	}
	w->tally.candidates++;
	const int32_t process = gs_tracker_add(w->tracker, &in, &proof, p->ts);
	if (process == GS_TRACK_PENDING)
		return waiting_token(w, &in);
	if (process < 0)
		return 0;
	if (!proof.has_state) {
		remember(w, waiting_token(w, &in), (uint32_t)process);
		prove_by_link(w, (uint32_t)process, &in, v);
	}
	return (uint32_t)process + 1;
}
