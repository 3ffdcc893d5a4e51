/*
 * observe.c - the sighting table
 *
 * A record is a struct gs_sighting whose first 44 octets are the key, so a window that closes is passed on as it lies in memory, in the order of first
 * packets. Two tables take turns: the window of the newest packets and the one before. A packet older than both starts over: everything is
 * passed on and the windows go back to it. That keeps one rule for reordering, for the next file of a series and for clocks that jump,
 * and costs nothing while time runs forward.
 *
 * Memory: 192 octets a sighting and 11 to 21 for its slot. At the cap a new key folds into a row per (destination, class), of which there are at most
 * FOLD_ROWS, each with a HyperLogLog of 4 KiB; then into one row per class. A sixteenth of the cap is theirs.
 *
 * The bots' tokens lie in gre_key while a window is open: packets that have one carry no key (gs_bot_input_from_packet).
 */
#include "observe/observe.h"

#include "base/hll.h"
#include "base/map.h"
#include "classify/classify.h"

#include <stdlib.h>

#define FOLD_ROWS 1024u
#define HLLS (FOLD_ROWS + 3 * GS_CLASS_COUNT) /* the last: one per class and way it came */
#define CROWD_BYTES ((size_t)256 << 10) /* some 2,500 destinations of a window; to those past it no crowd is seen: their packets stay `unknown`, and are counted */
#define PASS_ON 4096u /* sightings in one call of the sink */

struct window {
	struct gs_map map;
	int64_t start_ns, end_ns; /* [start, end); empty (0, 0) where there is none */
	bool beats;               /* some record gathers a rhythm (gs_classify_interval) */
	bool version1;            /* some record waits for its payload length to be put back into gre_key */
	bool bots;                /* some record has a token in gre_key */
	uint64_t joined;          /* packets beyond the first of a sighting */
};

struct fold {
	struct gs_sighting s; /* key first: src is empty, GRE shape is empty */
	uint32_t blocks;      /* as in gs_crowd */
	struct gs_hll *hll;
};

/* Sources with hardly a packet each, by what they have in common. */
struct crowd {
	struct crowd_key {
		struct gs_addr dst;
		uint8_t via;
		uint16_t gre_flags, gre_proto;
	} key;
	struct gs_crowd sum;
	struct gs_verdict verdict; /* class 0: not judged */
};
_Static_assert(sizeof(struct crowd_key) == 22, "no padding: compared as octets");

struct gs_observe {
	struct gs_sighting_sink sink;
	struct gs_watch *watch;
	struct window now, before;
	struct gs_map folds;
	struct gs_map crowds;     /* of the window that is closing */
	struct gs_hll *hlls;      /* FOLD_ROWS + one per class, made at the first fold */
	int64_t window_ns;
	size_t cap_bytes, peak_bytes;
	uint64_t seed;
	uint64_t folded_packets, late_packets, crowd_unseen, sightings;
	uint16_t sensor;
};

int gs_observe_new(const struct gs_observe_options *o, const struct gs_sighting_sink *sink, struct gs_observe **ret, struct gs_error *err)
{
	struct gs_observe *ob = calloc(1, sizeof *ob);

	if (!ob)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	ob->sink = *sink;
	ob->window_ns = o->window_s * GS_NS_PER_S;
	ob->seed = o->hash_seed;
	ob->sensor = o->sensor;
	ob->watch = o->watch;
	ob->cap_bytes = o->memory_bytes;
	const size_t cap = o->memory_bytes - o->memory_bytes / 16;
	if (gs_map_init(&ob->now.map, GS_SIGHTING_KEY_LEN, sizeof(struct gs_sighting), cap, ob->seed) < 0 ||
	    gs_map_init(&ob->before.map, GS_SIGHTING_KEY_LEN, sizeof(struct gs_sighting), cap, ob->seed) < 0 ||
	    gs_map_init(&ob->folds, GS_SIGHTING_KEY_LEN, sizeof(struct fold), 4 * HLLS * sizeof(struct fold), ob->seed) < 0 ||
	    gs_map_init(&ob->crowds, sizeof(struct crowd_key), sizeof(struct crowd), CROWD_BYTES, ob->seed) < 0) {
		gs_observe_free(ob);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	*ret = ob;
	return 0;
}

void gs_observe_free(struct gs_observe *ob)
{
	if (!ob)
		return;
	gs_map_done(&ob->now.map);
	gs_map_done(&ob->before.map);
	gs_map_done(&ob->folds);
	gs_map_done(&ob->crowds);
	free(ob->hlls);
	free(ob);
}

static int pass_on(struct gs_observe *ob, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	ob->sightings += n;
	return ob->sink.take(ob->sink.arg, s, n, err);
}

static void note_peak(struct gs_observe *ob)
{
	size_t used = gs_map_used(&ob->now.map) + gs_map_used(&ob->before.map);
	if (ob->hlls)
		used += gs_map_used(&ob->folds) + HLLS * sizeof *ob->hlls;
	if (used > ob->peak_bytes)
		ob->peak_bytes = used;
}

static uint32_t token_of(const struct gs_sighting *s)
{
	return s->has & GS_HAS_KEY ? 0 : s->gre_key;
}

/* Gives a sighting another key: where the window has one with that key already it is added to it and left empty. */
static void rekey(struct window *w, struct gs_sighting *from, const struct gs_sighting *key)
{
	const struct gs_sighting s = *from;
	bool is_new;
	struct gs_sighting *to = gs_map_get(&w->map, gs_map_hash(&w->map, key), key, &is_new);

	if (!to) { /* no room: a row of its own, though there may be another like it */
		memcpy(from, key, GS_SIGHTING_KEY_LEN);
		return;
	}
	if (is_new) {
		*to = s;
		memcpy(to, key, GS_SIGHTING_KEY_LEN);
	} else {
		to->packets += s.packets;
		to->bytes += s.bytes;
		to->first = s.first.ns < to->first.ns ? s.first : to->first;
		to->last = s.last.ns > to->last.ns ? s.last : to->last;
		to->ttl_min = s.ttl_min < to->ttl_min ? s.ttl_min : to->ttl_min;
		to->ttl_max = s.ttl_max > to->ttl_max ? s.ttl_max : to->ttl_max;
		to->evidence |= s.evidence;
		to->confidence = s.confidence > to->confidence ? s.confidence : to->confidence;
		to->evidence_bits = s.evidence_bits > to->evidence_bits ? s.evidence_bits : to->evidence_bits;
	}
	from->packets = 0;
}

/* Marks both directions of a tunnel of which both were seen. The other way bears the same GRE shape, and was not known either. */
static void mark_two_way(struct window *w)
{
	for (uint32_t i = 0; i < w->map.count; i++) {
		struct gs_sighting *s = gs_map_at(&w->map, i), *back, key;
		if (s->class_ != GS_CLASS_UNKNOWN || s->packets < GS_CLASSIFY_WINDOW_PACKETS || s->evidence & GS_EVIDENCE(TWO_WAY))
			continue;
		memcpy(&key, s, GS_SIGHTING_KEY_LEN);
		key.src = s->dst;
		key.dst = s->src;
		back = gs_map_find(&w->map, gs_map_hash(&w->map, &key), &key);
		if (!back || back == s)
			continue;
		s->evidence |= GS_EVIDENCE(TWO_WAY);
		back->evidence |= GS_EVIDENCE(TWO_WAY);
	}
}

/* Whether a sighting may be one of a crowd, and of which. */
static bool crowd_key_of(const struct window *w, const struct gs_sighting *s, struct crowd_key *ret)
{
	if (s->class_ != GS_CLASS_UNKNOWN || s->packets == 0 || s->packets > GS_CROWD_EACH || s->src.family != 4 || s->evidence & GS_EVIDENCE(TWO_WAY) ||
	    (w->bots && gs_watch_is_waiting(token_of(s))))
		return false;
	*ret = (struct crowd_key){ .dst = s->dst, .via = s->via, .gre_flags = s->gre_flags, .gre_proto = s->gre_proto };
	return true;
}

static void crowd_add(struct gs_crowd *c, const struct gs_sighting *s)
{
	c->first = c->sources == 0 || s->first.ns < c->first.ns ? s->first : c->first;
	c->last = c->sources == 0 || s->last.ns > c->last.ns ? s->last : c->last;
	c->sources++;
	c->packets += s->packets;
	c->blocks |= UINT32_C(1) << (s->src.b[0] >> 3);
}

/* Floods from forged sources: what their sightings have in common. Twice over the window, once to add up and once, where there is one, to say so. */
static void settle_crowds(struct gs_observe *ob, struct window *w)
{
	struct crowd_key key;
	bool is_new, any = false;

	for (uint32_t i = 0; i < w->map.count; i++) {
		const struct gs_sighting *s = gs_map_at(&w->map, i);
		if (!crowd_key_of(w, s, &key))
			continue;
		struct crowd *c = gs_map_get(&ob->crowds, gs_map_hash(&ob->crowds, &key), &key, &is_new);
		if (c)
			crowd_add(&c->sum, s);
		else
			ob->crowd_unseen += s->packets;
	}
	for (uint32_t i = 0; i < ob->crowds.count; i++) {
		struct crowd *c = gs_map_at(&ob->crowds, i);
		any |= gs_classify_crowd(&c->sum, &c->verdict);
	}
	for (uint32_t i = 0; any && i < w->map.count; i++) {
		struct gs_sighting *s = gs_map_at(&w->map, i);
		const struct crowd *c = crowd_key_of(w, s, &key) ? gs_map_find(&ob->crowds, gs_map_hash(&ob->crowds, &key), &key) : NULL;
		if (!c || !c->verdict.class_)
			continue;
		s->class_ = c->verdict.class_;
		s->confidence = c->verdict.confidence;
		s->evidence |= c->verdict.evidence;
	}
	gs_map_clear(&ob->crowds, CROWD_BYTES);
}

/* What the end of a window brings to light: waiting packets whose bot is known by now, and classes that hang on the rate. */
static void settle_window(struct gs_observe *ob, struct window *w)
{
	const uint32_t n = w->map.count;

	for (uint32_t i = 0; w->beats && i < n; i++)
		gs_classify_interval(gs_map_at(&w->map, i));
	const bool single = w->joined < GS_CLASSIFY_WINDOW_PACKETS - 1; /* as in floods from forged sources: no sighting has so many packets */
	if (!single)
		mark_two_way(w);
	if (n >= GS_CROWD_SOURCES)
		settle_crowds(ob, w);
	if (single && !w->bots)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct gs_sighting *s = gs_map_at(&w->map, i), key;
		if (!w->bots && s->packets < GS_CLASSIFY_WINDOW_PACKETS && !(s->evidence & GS_EVIDENCE(TWO_WAY)))
			continue;
		memcpy(&key, s, GS_SIGHTING_KEY_LEN);
		if (w->bots && gs_watch_is_waiting(token_of(s))) {
			key.gre_key = gs_watch_settle(ob->watch, s->gre_key);
			if (key.gre_key && key.class_ != GS_CLASS_BACKSCATTER) { /* the link proves them too */
				key.class_ = s->gre_proto == 0x6558 ? GS_CLASS_FLOOD_MIRAI_GREETH : GS_CLASS_FLOOD_MIRAI_GREIP;
				s->confidence = 100;
			}
			s->evidence |= key.gre_key ? GS_EVIDENCE(STATE_LINK) : 0;
			rekey(w, s, &key);
		} else if (gs_classify_window(s)) {
			s->spread = 0;
			key.class_ = s->class_;
			if (gs_map_find(&w->map, gs_map_hash(&w->map, &key), &key))
				rekey(w, s, &key);
		}
	}
}

/* Gives n records from the window's number `from` on the form that they are passed on in, side by side; how many are left of them. */
static uint32_t finish_records(struct gs_observe *ob, struct window *w, uint32_t from, uint32_t n)
{
	struct gs_sighting *all = gs_map_at(&w->map, from);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct gs_sighting *s = &all[i];
		const uint32_t token = w->bots ? token_of(s) : 0;
		if (s->packets == 0)
			continue;
		s->spread = 0;
		if (w->version1)
			s->gre_key |= (uint32_t)s->gre_payload_len << 16;
		if (token) {
			s->gre_key = 0;
			gs_watch_name(ob->watch, token, s);
		}
		if (kept != i)
			all[kept] = *s;
		kept++;
	}
	return kept;
}

static int close_window(struct gs_observe *ob, struct window *w, struct gs_error *err)
{
	note_peak(ob);
	settle_window(ob, w);
	for (uint32_t i = 0; i < w->map.count; i += PASS_ON) {
		const uint32_t n = w->map.count - i < PASS_ON ? w->map.count - i : PASS_ON, kept = finish_records(ob, w, i, n);
		int r = kept ? pass_on(ob, gs_map_at(&w->map, i), kept, err) : 0;
		if (r < 0)
			return r;
	}
	w->start_ns = w->end_ns = 0;
	w->version1 = w->bots = w->beats = false;
	w->joined = 0;
	gs_map_clear(&w->map, ob->cap_bytes / 8); /* a flood's table would keep the other window small */
	return 0;
}

/* A row of folded sources is a crowd by itself. */
static void settle_fold(struct fold *fold)
{
	struct gs_sighting *s = &fold->s;
	const struct gs_crowd sum = { .sources = s->sources, .packets = s->packets, .first = s->first, .last = s->last, .blocks = fold->blocks };
	struct gs_verdict v;

	if (s->class_ != GS_CLASS_UNKNOWN || s->dst.family != 4 || !gs_classify_crowd(&sum, &v))
		return;
	s->class_ = v.class_;
	s->confidence = v.confidence;
	s->evidence |= v.evidence;
}

static int close_folds(struct gs_observe *ob, struct gs_error *err)
{
	for (uint32_t i = 0; i < ob->folds.count; i++) {
		struct fold *fold = gs_map_at(&ob->folds, i);
		uint64_t n = gs_hll_count(fold->hll);
		fold->s.sources = n > UINT32_MAX ? UINT32_MAX : n ? (uint32_t)n : 1;
		*fold->hll = (struct gs_hll){ 0 };
		fold->s.spread = 0;
		settle_fold(fold);
		int r = pass_on(ob, &fold->s, 1, err);
		if (r < 0)
			return r;
	}
	gs_map_clear(&ob->folds, SIZE_MAX / 2);
	return 0;
}

int gs_observe_flush(struct gs_observe *ob, struct gs_error *err)
{
	int r = close_window(ob, &ob->before, err);
	if (r == 0)
		r = close_window(ob, &ob->now, err);
	return r == 0 ? close_folds(ob, err) : r;
}

int gs_observe_advance(struct gs_observe *ob, struct gs_time until, struct gs_error *err)
{
	const bool now = ob->now.start_ns != ob->now.end_ns && ob->now.end_ns <= until.ns;
	const bool before = ob->before.start_ns != ob->before.end_ns && ob->before.end_ns <= until.ns;

	if (now) /* the one before ends before it */
		return gs_observe_flush(ob, err);
	if (!before)
		return 0;
	int r = close_window(ob, &ob->before, err);
	if (r < 0)
		return r;
	ob->now.map.cap_bytes = ob->cap_bytes - ob->cap_bytes / 16 - gs_map_used(&ob->before.map);
	return close_folds(ob, err);
}

static void window_at(struct gs_observe *ob, struct window *w, struct gs_time t)
{
	int64_t start = gs_time_floor_s(t, ob->window_ns / GS_NS_PER_S);
	if (__builtin_mul_overflow(start, GS_NS_PER_S, &w->start_ns))
		w->start_ns = INT64_MIN;
	if (__builtin_add_overflow(w->start_ns, ob->window_ns, &w->end_ns))
		w->end_ns = INT64_MAX;
}

/* The window that a time belongs to, opened and others closed as needed; NULL and *ret on failure. */
static struct window *window_of(struct gs_observe *ob, struct gs_time t, int *ret, struct gs_error *err)
{
	*ret = 0;
	if (t.ns >= ob->now.start_ns && (t.ns < ob->now.end_ns || (t.ns == INT64_MAX && ob->now.end_ns == INT64_MAX)))
		return &ob->now;
	if (t.ns >= ob->before.start_ns && t.ns < ob->before.end_ns)
		return &ob->before;
	bool open = ob->now.start_ns != ob->now.end_ns;
	if (open && t.ns < ob->now.start_ns) {
		ob->late_packets++;
		*ret = gs_observe_flush(ob, err);
	} else {
		*ret = close_window(ob, &ob->before, err);
		if (*ret == 0)
			*ret = close_folds(ob, err);
		struct window w = ob->before;
		ob->before = ob->now;
		ob->now = w;
		ob->now.map.cap_bytes = ob->cap_bytes - ob->cap_bytes / 16 - gs_map_used(&ob->before.map);
	}
	window_at(ob, &ob->now, t);
	return *ret == 0 ? &ob->now : NULL;
}

static void key_of(const struct gs_packet *p, const struct gs_verdict *v, uint32_t bot, struct gs_sighting *key)
{
	memset(key, 0, GS_SIGHTING_KEY_LEN);
	key->src = p->src;
	key->dst = p->dst;
	key->class_ = v->class_;
	key->via = p->via;
	key->gre_flags = p->gre_flags;
	key->gre_proto = p->gre_proto;
	key->gre_key = bot ? bot : (p->gre_flags & 7) == 1 ? p->gre_key & 0xffff : p->gre_key; /* version 1: the rest is a length, different in every packet */
}

static void join(struct gs_sighting *s, const struct gs_packet *p, const struct gs_verdict *v)
{
	s->spread = gs_classify_gather(s, p); /* before `last` is this packet's */
	s->packets++;
	s->bytes += p->ip_len;
	if (p->ts.ns < s->first.ns)
		s->first = p->ts;
	if (p->ts.ns > s->last.ns)
		s->last = p->ts;
	if (p->ttl < s->ttl_min)
		s->ttl_min = p->ttl;
	if (p->ttl > s->ttl_max)
		s->ttl_max = p->ttl;
	s->evidence |= v->evidence;
	if (v->confidence > s->confidence)
		s->confidence = v->confidence;
	if (v->bits > s->evidence_bits)
		s->evidence_bits = v->bits;
}

/* Past the cap: one row per (destination, class), then one per class. These always fit. */
static int fold_in(struct gs_observe *ob, const struct gs_packet *p, const struct gs_verdict *v, struct gs_error *err)
{
	struct gs_sighting key = { .dst = p->dst, .class_ = v->class_, .via = p->via };
	bool is_new;

	if (!ob->hlls && !(ob->hlls = calloc(HLLS, sizeof *ob->hlls)))
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	struct fold *fold = gs_map_find(&ob->folds, gs_map_hash(&ob->folds, &key), &key);
	if (!fold) {
		if (ob->folds.count >= FOLD_ROWS)
			key.dst = (struct gs_addr){ 0 };
		fold = gs_map_get(&ob->folds, gs_map_hash(&ob->folds, &key), &key, &is_new);
		if (!fold)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		if (is_new) {
			struct gs_sighting s;
			gs_sighting_from_packet(p, v, ob->sensor, &s);
			fold->s = (struct gs_sighting){ .dst = key.dst, .class_ = key.class_, .via = key.via, .first = s.first, .last = s.last,
							.packets = 1, .bytes = s.bytes, .evidence = s.evidence | GS_EVIDENCE(FOLDED),
							.has = GS_HAS_TTL | GS_HAS_IP_LEN, .sensor = s.sensor, .version = s.version,
							.fidelity = s.fidelity, .confidence = s.confidence, .protocol = s.protocol,
							.ttl = s.ttl, .ttl_min = s.ttl, .ttl_max = s.ttl, .ip_len = s.ip_len,
							.evidence_bits = s.evidence_bits,
							.flags = (uint8_t)(GS_SIGHTING_FOLDED | (key.dst.family ? 0 : GS_SIGHTING_DST_FOLDED)) };
			uint32_t number = ob->folds.count - 1;
			fold->hll = &ob->hlls[number];
		} else {
			join(&fold->s, p, v);
		}
	} else {
		join(&fold->s, p, v);
	}
	if (p->src.family == 4)
		fold->blocks |= UINT32_C(1) << (p->src.b[0] >> 3);
	gs_hll_add(fold->hll, XXH3_64bits_withSeed(&p->src, sizeof p->src, ob->seed));
	ob->folded_packets++;
	return 0;
}

static int observe_one(struct gs_observe *ob, struct window *w, const struct gs_sighting *key, uint64_t hash, const struct gs_packet *p,
                       const struct gs_verdict *v, struct gs_error *err)
{
	bool is_new;
	struct gs_sighting *s = gs_map_get(&w->map, hash, key, &is_new);

	if (!s)
		return fold_in(ob, p, v, err);
	if (!is_new) {
		join(s, p, v);
		w->joined++;
		return 0;
	}
	gs_sighting_from_packet(p, v, ob->sensor, s);
	s->gre_key = key->gre_key; /* the record's key must stay what the index was told */
	s->spread = gs_classify_gather_first(s->class_, p);
	w->beats |= gs_classify_beats(s->class_);
	w->version1 |= s->gre_payload_len != 0;
	w->bots |= ob->watch && token_of(s);
	return 0;
}

/* One sighting per packet; at most 64 at once. */
static int observe_singles(struct gs_observe *ob, const struct gs_packet *const *p, const struct gs_verdict *v, const uint32_t *bots, size_t n, struct gs_error *err)
{
	struct gs_sighting s[64];

	for (size_t i = 0; i < n; i++) {
		gs_sighting_from_packet(p[i], &v[i], ob->sensor, &s[i]);
		if (bots && bots[i])
			gs_watch_name(ob->watch, gs_watch_settle(ob->watch, bots[i]), &s[i]);
	}
	return pass_on(ob, s, n, err);
}

int gs_observe_packets(struct gs_observe *ob, const struct gs_packet *const *p, const struct gs_verdict *v, const uint32_t *bots, size_t n,
                       struct gs_error *err)
{
	struct gs_sighting keys[64];
	uint64_t hash[64];
	int r = 0;

	while (n > 64) {
		r = gs_observe_packets(ob, p, v, bots, 64, err);
		if (r < 0)
			return r;
		p += 64, v += 64, n -= 64;
		bots = bots ? bots + 64 : NULL;
	}
	if (ob->window_ns == 0)
		return observe_singles(ob, p, v, bots, n, err);
	for (size_t i = 0; i < n; i++)
		key_of(p[i], &v[i], bots ? bots[i] : 0, &keys[i]);
	for (size_t i = 0; i < n; i++) { /* a loop of its own: hashing reads in words what was just stored in octets, and would wait for it */
		hash[i] = gs_map_hash(&ob->now.map, &keys[i]);
		gs_map_prefetch(&ob->now.map, hash[i]);
	}
	for (size_t i = 0; i < n; i++)
		gs_map_prefetch_record(&ob->now.map, hash[i]);
	for (size_t i = 0; i < n; i++) {
		struct window *w = window_of(ob, p[i]->ts, &r, err);
		if (!w)
			return r;
		r = observe_one(ob, w, &keys[i], hash[i], p[i], &v[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

void gs_observe_tally(const struct gs_observe *ob, struct gs_tally *t)
{
	t->folded_packets += ob->folded_packets;
	t->late_packets += ob->late_packets;
	t->crowd_unseen += ob->crowd_unseen;
	t->sightings += ob->sightings;
}

size_t gs_observe_peak_bytes(const struct gs_observe *ob)
{
	return ob->peak_bytes;
}
