/*
 * pulse.c - what went by in the last second
 *
 * Per packet: two additions for its class, and for each of its two addresses a hash, a register and one cache line of a set; the line is found already where the address is that
 * of the packet before, as in floods the target is.
 */
#include "observe/pulse.h"

#include <stdlib.h>

#define WAYS 8u
#define COUNT_SHIFT 3 /* below it a way's own number, so that the smallest count says whose it is */
#define COUNT_MAX (UINT32_MAX >> COUNT_SHIFT)

_Static_assert(WAYS * GS_PULSE_SETS >= GS_PULSE_TOP, "more are counted than are told");

/* The hot line of a set. tags: an octet of the hash for each way, the first way in the lowest; count: count << COUNT_SHIFT | way, count 0 where it is empty. */
struct set {
	uint64_t tags;
	uint32_t count[WAYS];
} __attribute__((aligned(64)));

/* What is only touched when a way changes hands, but for the class. */
struct way {
	struct gs_addr addr;
	uint8_t class_;
	uint32_t error;
};

struct top {
	struct set set[GS_PULSE_SETS];
	struct way way[GS_PULSE_SETS][WAYS];
	uint64_t last;        /* hash of the packet before */
	uint32_t *last_count; /* NULL: none yet */
	struct way *last_way;
};

struct class_ {
	uint64_t packets, bytes;
	struct gs_hll sources, targets; /* cleared when the class next has packets */
};

struct gs_pulse {
	struct top sources, targets;
	struct class_ class_[GS_CLASS_COUNT];
	uint64_t seed;
	struct gs_time begin, last;
};

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	const __uint128_t m = (__uint128_t)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* An address in words. memcmp over 17 octets and XXH3 behind it are most of what a packet may cost here. */
struct words {
	uint64_t low, high;
};

static inline struct words words_of(const struct gs_addr *a)
{
	struct words w;
	memcpy(&w.low, a->b, 8);
	memcpy(&w.high, a->b + 8, 8);
	return w;
}

static inline bool same(const struct gs_addr *a, const struct gs_addr *b)
{
	const struct words x = words_of(a), y = words_of(b);
	return ((x.low ^ y.low) | (x.high ^ y.high) | (uint64_t)(a->family ^ b->family)) == 0;
}

/* Two multiplications, keyed, folded: as wyhash mixes. Nobody sees a result who could aim with it. */
static inline uint64_t hash_of(const struct gs_addr *a, uint64_t seed)
{
	const struct words w = words_of(a);
	const uint64_t first = mix(w.low ^ seed, w.high ^ UINT64_C(0x9e3779b97f4a7c15) ^ a->family);
	return mix(first ^ w.low ^ UINT64_C(0xbf58476d1ce4e5b9), seed ^ UINT64_C(0x94d049bb133111eb));
}

static inline uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Finds the way of an address in its set, or makes it one. */
static inline unsigned way_of(struct top *t, struct set *s, const struct gs_addr *a, uint8_t tag)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), x = s->tags ^ tag * ones;
	struct way *ways = t->way[s - t->set];
	const uint32_t *c = s->count;

	for (uint64_t hits = (x - ones) & ~x & ones << 7; hits; hits &= hits - 1) { /* may hit beside a true one, too: the address decides */
		const unsigned i = (unsigned)__builtin_ctzll(hits) / 8;
		if (c[i] >> COUNT_SHIFT && same(&ways[i].addr, a))
			return i;
	}
	const uint32_t least = smaller(smaller(smaller(c[0], c[1]), smaller(c[2], c[3])), smaller(smaller(c[4], c[5]), smaller(c[6], c[7])));
	const unsigned way = least & (WAYS - 1);
	s->tags = (s->tags & ~(UINT64_C(255) << 8 * way)) | (uint64_t)tag << 8 * way;
	ways[way].addr = *a;
	ways[way].error = least >> COUNT_SHIFT;
	return way;
}

static void clear_top(struct top *t)
{
	memset(t, 0, sizeof *t);
	for (unsigned s = 0; s < GS_PULSE_SETS; s++)
		for (unsigned i = 0; i < WAYS; i++)
			t->set[s].count[i] = i;
}

int gs_pulse_new(uint64_t seed, struct gs_time now, struct gs_pulse **ret, struct gs_error *err)
{
	struct gs_pulse *pu = aligned_alloc(64, (sizeof *pu + 63) / 64 * 64);

	if (!pu)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	memset(pu, 0, sizeof *pu);
	clear_top(&pu->sources);
	clear_top(&pu->targets);
	pu->seed = seed;
	pu->begin = now;
	pu->last = GS_TIME_MIN;
	*ret = pu;
	return 0;
}

void gs_pulse_free(struct gs_pulse *pu)
{
	free(pu);
}

static inline void add_run(struct top *t, uint32_t run, uint8_t class_)
{
	if (!run)
		return;
	const uint32_t room = COUNT_MAX - (*t->last_count >> COUNT_SHIFT);
	*t->last_count += (run < room ? run : room) << COUNT_SHIFT;
	t->last_way->class_ = class_;
}

/* Counts n packets for their addresses, a run of the same one at once. The same hash as the packet before is the same address: of 2^64 keyed ones no two meet. */
static inline void count(struct top *t, const struct gs_addr *const *a, const uint64_t *hash, const uint8_t *class_, size_t n)
{
	uint64_t last = t->last;
	uint32_t run = 0;

	for (size_t i = 0; i < n; i++) {
		if (__builtin_expect(hash[i] != last || !t->last_count, 0)) {
			struct set *s = &t->set[hash[i] % GS_PULSE_SETS];
			add_run(t, run, class_[i ? i - 1 : 0]);
			const unsigned way = way_of(t, s, a[i], (uint8_t)(hash[i] >> 16));
			last = hash[i];
			t->last_count = &s->count[way];
			t->last_way = &t->way[s - t->set][way];
			run = 0;
		}
		run++;
	}
	add_run(t, run, class_[n - 1]);
	t->last = last;
}

/* As gs_hll_add, without a branch that the processor would guess wrong while registers fill. */
static inline void note(struct gs_hll *h, uint64_t hash)
{
	const uint64_t rest = hash << GS_HLL_BITS | UINT64_C(1) << (GS_HLL_BITS - 1);
	const uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
	uint8_t *r = &h->reg[hash >> (64 - GS_HLL_BITS)];
	*r = rank > *r ? rank : *r;
}

#define AT_ONCE 64u

/* One kind of work after the other over a batch: each loop is short, and its steps do not wait for each other. */
static void add_batch(struct gs_pulse *pu, const struct gs_packet *const *p, const struct gs_verdict *v, size_t n)
{
	const struct gs_addr *src[AT_ONCE], *dst[AT_ONCE];
	uint64_t src_hash[AT_ONCE], dst_hash[AT_ONCE];
	uint8_t class_[AT_ONCE];
	int64_t last = pu->last.ns;

	for (size_t i = 0; i < n; i++) {
		src[i] = &p[i]->src;
		dst[i] = &p[i]->dst;
		src_hash[i] = hash_of(src[i], pu->seed);
		dst_hash[i] = hash_of(dst[i], pu->seed);
		class_[i] = v[i].class_ < GS_CLASS_COUNT ? v[i].class_ : GS_CLASS_UNKNOWN;
		last = p[i]->ts.ns > last ? p[i]->ts.ns : last;
	}
	pu->last.ns = last;
	for (size_t i = 0, end; i < n; i = end) { /* a run of one class */
		struct class_ *c = &pu->class_[class_[i]];
		uint64_t bytes = 0;
		if (c->packets == 0) {
			memset(&c->sources, 0, sizeof c->sources);
			memset(&c->targets, 0, sizeof c->targets);
		}
		for (end = i; end < n && class_[end] == class_[i]; end++) {
			bytes += p[end]->has & GS_HAS_IP_LEN ? p[end]->ip_len : 0;
			if (end == i || src_hash[end] != src_hash[end - 1])
				note(&c->sources, src_hash[end]);
			if (end == i || dst_hash[end] != dst_hash[end - 1])
				note(&c->targets, dst_hash[end]);
		}
		c->packets += end - i;
		c->bytes += bytes;
	}
	count(&pu->sources, src, src_hash, class_, n);
	count(&pu->targets, dst, dst_hash, class_, n);
}

void gs_pulse_packets(struct gs_pulse *pu, const struct gs_packet *const *p, const struct gs_verdict *v, size_t n)
{
	for (size_t i = 0; i < n; i += AT_ONCE)
		add_batch(pu, p + i, v + i, n - i < AT_ONCE ? n - i : AT_ONCE);
}

static void add_counted(struct top *t, struct gs_hll *h, const struct gs_addr *a, uint64_t hash, uint8_t class_, uint64_t packets)
{
	struct set *s = &t->set[hash % GS_PULSE_SETS];
	const unsigned way = way_of(t, s, a, (uint8_t)(hash >> 16));

	t->last = hash;
	t->last_count = &s->count[way];
	t->last_way = &t->way[s - t->set][way];
	add_run(t, packets < COUNT_MAX ? (uint32_t)packets : COUNT_MAX, class_);
	note(h, hash);
}

void gs_pulse_sighting(struct gs_pulse *pu, const struct gs_sighting *s)
{
	const uint8_t class_ = s->class_ < GS_CLASS_COUNT ? s->class_ : GS_CLASS_UNKNOWN;
	struct class_ *c = &pu->class_[class_];

	if (c->packets == 0) {
		memset(&c->sources, 0, sizeof c->sources);
		memset(&c->targets, 0, sizeof c->targets);
	}
	c->packets += s->packets;
	c->bytes += s->bytes;
	pu->last.ns = s->last.ns > pu->last.ns ? s->last.ns : pu->last.ns;
	if (s->src.family)
		add_counted(&pu->sources, &c->sources, &s->src, hash_of(&s->src, pu->seed), class_, s->packets);
	if (s->dst.family)
		add_counted(&pu->targets, &c->targets, &s->dst, hash_of(&s->dst, pu->seed), class_, s->packets);
}

static bool is_before(const struct gs_pulse_talker *a, const struct gs_pulse_talker *b)
{
	const uint64_t x = a->packets - a->error, y = b->packets - b->error;
	return x != y ? x > y : a->packets != b->packets ? a->packets > b->packets : gs_addr_compare(&a->addr, &b->addr) < 0;
}

/* Puts one in its place among at most GS_PULSE_TOP. */
static void insert(struct gs_pulse_talker *all, uint16_t *n, const struct gs_pulse_talker *new)
{
	unsigned at = *n;

	while (at && is_before(new, &all[at - 1]))
		at--;
	if (at == GS_PULSE_TOP)
		return;
	*n += *n < GS_PULSE_TOP;
	memmove(all + at + 1, all + at, (*n - at - 1u) * sizeof *all);
	all[at] = *new;
}

static void take_top(struct top *t, struct gs_pulse_talker *all, uint16_t *n)
{
	for (unsigned s = 0; s < GS_PULSE_SETS; s++)
		for (unsigned i = 0; i < WAYS; i++) {
			const struct way *w = &t->way[s][i];
			const uint32_t packets = t->set[s].count[i] >> COUNT_SHIFT;
			if (packets)
				insert(all, n, &(struct gs_pulse_talker){ .addr = w->addr, .class_ = w->class_, .packets = packets, .error = w->error });
		}
	clear_top(t);
}

/* The estimate of small numbers is rounded, that of nothing is nothing. */
static uint64_t at_least_one(uint64_t estimate, uint64_t packets)
{
	return estimate ? estimate < packets ? estimate : packets : packets != 0;
}

static void take_sketches(const struct gs_pulse *pu, struct gs_pulse_second *ret)
{
	for (unsigned k = 0; k < GS_PULSE_SKETCHES; k++) {
		unsigned most = GS_CLASS_COUNT;
		for (unsigned c = 0; c < GS_CLASS_COUNT; c++)
			if (pu->class_[c].packets && (most == GS_CLASS_COUNT || pu->class_[c].packets > pu->class_[most].packets) && (k == 0 || ret->sketch_class[0] != c))
				most = c;
		ret->sketch_class[k] = (uint8_t)most;
		if (most < GS_CLASS_COUNT)
			ret->sketch[k] = pu->class_[most].sources;
	}
}

void gs_pulse_empty(struct gs_time begin, struct gs_time end, struct gs_pulse_second *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->version = GS_PULSE_VERSION;
	ret->begin = begin;
	ret->end = end;
	ret->last = GS_TIME_MIN;
	memset(ret->sketch_class, GS_CLASS_COUNT, sizeof ret->sketch_class);
}

void gs_pulse_take(struct gs_pulse *pu, struct gs_time now, uint64_t bots, uint64_t late, struct gs_pulse_second *ret)
{
	struct gs_hll sources = { 0 }, targets = { 0 };

	gs_pulse_empty(pu->begin, now, ret);
	ret->bots = bots;
	ret->late = late;
	ret->last = pu->last;
	take_sketches(pu, ret);
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++) {
		struct class_ *c = &pu->class_[i];
		if (!c->packets)
			continue;
		ret->class_[i] = (struct gs_pulse_class){
			.packets = c->packets, .bytes = c->bytes,
			.sources = at_least_one(gs_hll_count(&c->sources), c->packets), .targets = at_least_one(gs_hll_count(&c->targets), c->packets),
		};
		ret->packets += c->packets;
		ret->bytes += c->bytes;
		gs_hll_merge(&sources, &c->sources);
		gs_hll_merge(&targets, &c->targets);
		c->packets = c->bytes = 0;
	}
	if (ret->packets) {
		ret->sources = at_least_one(gs_hll_count(&sources), ret->packets);
		ret->targets = at_least_one(gs_hll_count(&targets), ret->packets);
		take_top(&pu->sources, ret->source, &ret->n_sources);
		take_top(&pu->targets, ret->target, &ret->n_targets);
	}
	pu->begin = now;
	pu->last = GS_TIME_MIN;
}

static void merge_top(struct gs_pulse_talker *to, uint16_t *n, const struct gs_pulse_talker *from, unsigned n_from)
{
	struct gs_pulse_talker all[2 * GS_PULSE_TOP];
	unsigned n_all = *n;

	memcpy(all, to, *n * sizeof *to);
	for (unsigned i = 0; i < n_from; i++) {
		unsigned at = 0;
		while (at < *n && !gs_addr_equal(&all[at].addr, &from[i].addr))
			at++;
		if (at == *n) {
			all[n_all++] = from[i];
		} else {
			all[at].class_ = from[i].packets > all[at].packets ? from[i].class_ : all[at].class_;
			all[at].packets += from[i].packets;
			all[at].error += from[i].error;
		}
	}
	for (unsigned i = *n = 0; i < n_all; i++)
		insert(to, n, &all[i]);
}

/* The sketches of the classes that now have most packets; one that only one side brought stays as it is. */
static void merge_sketches(struct gs_pulse_second *to, const struct gs_pulse_second *from)
{
	for (unsigned k = 0; k < GS_PULSE_SKETCHES; k++) {
		const uint8_t c = from->sketch_class[k];
		unsigned at = 0, least = 0;
		if (c >= GS_CLASS_COUNT)
			continue;
		while (at < GS_PULSE_SKETCHES && to->sketch_class[at] != c)
			at++;
		if (at < GS_PULSE_SKETCHES) {
			gs_hll_merge(&to->sketch[at], &from->sketch[k]);
			continue;
		}
		for (unsigned i = 0; i < GS_PULSE_SKETCHES; i++) { /* an empty place, else that of the class with least packets */
			if (to->sketch_class[i] >= GS_CLASS_COUNT) {
				least = i;
				break;
			}
			if (to->class_[to->sketch_class[i]].packets < to->class_[to->sketch_class[least]].packets)
				least = i;
		}
		if (to->sketch_class[least] < GS_CLASS_COUNT && to->class_[to->sketch_class[least]].packets >= to->class_[c].packets)
			continue;
		to->sketch_class[least] = c;
		to->sketch[least] = from->sketch[k];
	}
}

void gs_pulse_merge(struct gs_pulse_second *to, const struct gs_pulse_second *from)
{
	to->begin = from->begin.ns < to->begin.ns ? from->begin : to->begin;
	to->end = from->end.ns > to->end.ns ? from->end : to->end;
	to->last = from->last.ns > to->last.ns ? from->last : to->last;
	to->packets += from->packets;
	to->bytes += from->bytes;
	to->sources += from->sources;
	to->targets = from->targets > to->targets ? from->targets : to->targets;
	to->bots += from->bots;
	to->late += from->late;
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++) {
		struct gs_pulse_class *t = &to->class_[i];
		const struct gs_pulse_class *f = &from->class_[i];
		t->packets += f->packets;
		t->bytes += f->bytes;
		t->sources += f->sources;
		t->targets = f->targets > t->targets ? f->targets : t->targets;
	}
	merge_top(to->source, &to->n_sources, from->source, from->n_sources);
	merge_top(to->target, &to->n_targets, from->target, from->n_targets);
	merge_sketches(to, from);
}

static bool talkers_sound(const struct gs_pulse_talker *t, unsigned n)
{
	if (n > GS_PULSE_TOP)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (t[i].class_ >= GS_CLASS_COUNT || t[i].error > t[i].packets || (t[i].addr.family != 4 && t[i].addr.family != 6 && t[i].addr.family != 0))
			return false;
	return true;
}

/* Sums of what an engine can have counted in a second, with room for years: nothing that is added up overflows. */
#define SANE (UINT64_C(1) << 48)

bool gs_pulse_sound(const struct gs_pulse_second *s)
{
	uint64_t packets = 0, bytes = 0;

	if (s->version != GS_PULSE_VERSION || s->end.ns < s->begin.ns || s->packets > SANE || s->bytes > SANE || s->bots > SANE || s->late > SANE ||
	    s->sources > s->packets || s->targets > s->packets || !talkers_sound(s->source, s->n_sources) || !talkers_sound(s->target, s->n_targets))
		return false;
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++) {
		const struct gs_pulse_class *c = &s->class_[i];
		if (c->packets > SANE || c->bytes > SANE || c->sources > c->packets || c->targets > c->packets)
			return false;
		packets += c->packets;
		bytes += c->bytes;
	}
	if (packets != s->packets || bytes != s->bytes)
		return false;
	for (unsigned k = 0; k < GS_PULSE_SKETCHES; k++) {
		if (s->sketch_class[k] > GS_CLASS_COUNT)
			return false;
		for (unsigned i = 0; s->sketch_class[k] < GS_CLASS_COUNT && i < GS_HLL_REGISTERS; i++)
			if (s->sketch[k].reg[i] > 64 - GS_HLL_BITS + 1)
				return false;
	}
	return true;
}
