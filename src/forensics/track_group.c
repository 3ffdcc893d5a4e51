/*
 * track_group.c - packets that carry no state: they wait in the group of their attack and target until a link gives the state of all of them
 *
 * A group is named by the inner source address and the layout; it keeps its last packets. Each new one is tried together with those before it (link.c). Once linked, a packet is
 * confirmed by looking ahead from the stream's last state and comparing what it would show.
 *
 * Honest packets come here too, once in 32768 where they look like it, and never leave: a new group takes the place of the one longest unused.
 */
#include "forensics/track.h"

#include "forensics/xorshift128.h"

#define PAIR_BITS 80       /* a packet that shows this much needs one partner */
#define LINK_BITS 160      /* else so much is needed of all together */
#define AHEAD_PACKETS 512
#define AHEAD_DRAWS 2048
#define BACK_PACKETS 256
#define REPLACED_INNER_ID 999 /* where the outer one was 0, which the sending kernel replaces */
#define WORK_OF_SEARCH 1000 /* tests of a distance that cost as much as a position */

static struct group_key key_of(const struct gs_bot_input *in, uint8_t byte_order, bool data_drawn)
{
	return (struct group_key){
		.inner_src = in->inner_src,
		.data_wire_len = in->data_wire_len,
		.flood = in->flood,
		.data_len = (uint8_t)(!data_drawn ? 0 : in->data_len < GROUP_DATA ? in->data_len : GROUP_DATA),
		.zero_data = !data_drawn && in->data_len,
		.byte_order = byte_order,
	};
}

/* The group of a key, new in the place of an old one if need be (NULL where that is not wanted); whoever waited there waited in vain. */
static struct group *group_of(struct gs_tracker *t, const struct group_key *key, bool want_new)
{
	const uint64_t hash = XXH3_64bits_withSeed(key, sizeof *key, t->limits.hash_seed);
	struct group *set = &t->group[hash % (t->limits.groups / GROUP_WAYS) * GROUP_WAYS], *oldest = set;

	t->group_clock++;
	for (struct group *g = set; g < set + GROUP_WAYS; g++) {
		if (g->used && memcmp(&g->key, key, sizeof *key) == 0) {
			g->used = t->group_clock;
			return g;
		}
		if (g->used < oldest->used)
			oldest = g;
	}
	if (!want_new)
		return NULL;
	t->tally.unlinked += oldest->n;
	t->tally.pending -= oldest->n;
	oldest->key = *key;
	oldest->used = t->group_clock;
	oldest->stream = TRACK_NONE;
	oldest->n = 0;
	return oldest;
}

static void group_wait(struct gs_tracker *t, struct group *g, const struct gs_bot_input *in, bool data_drawn, struct gs_time ts)
{
	if (g->n == GS_BOT_LINK_MAX) {
		memmove(g->waiting, g->waiting + 1, sizeof g->waiting - sizeof *g->waiting);
		g->n--;
		t->tally.pending--;
		t->tally.unlinked++;
	}
	struct waiting *w = &g->waiting[g->n++];
	memset(w, 0, sizeof *w);
	w->in = *in;
	w->ts = ts;
	w->in.data = NULL;
	if (data_drawn) {
		w->in.data_len = in->data_len < GROUP_DATA ? in->data_len : GROUP_DATA;
		if (w->in.data_len)
			memcpy(w->data, in->data, w->in.data_len);
	} else if (in->data_len) {
		w->in.data_len = 1; /* a zero: says that data is not drawn */
	}
	t->tally.pending++;
}

static struct gs_bot_input input_of(const struct waiting *w)
{
	struct gs_bot_input in = w->in;
	in.data = w->data;
	return in;
}

static struct sighted sighted_of(const struct group *g, const struct gs_tracker *t, const struct gs_bot_input *in, struct gf128 e, struct gs_time ts)
{
	const uint16_t data = (uint16_t)draws_of_data(in->data_wire_len);
	const bool unseen = g->key.data_len == 0 && !g->key.zero_data && data;
	return (struct sighted){
		.key = {
			.inner_src = in->inner_src,
			.data_len = in->data_wire_len,
			.draws = (uint16_t)(g->layout.draws - g->layout.host_drawn - (unseen && g->layout.drawn & GS_BOT_DREW_DATA ? data : 0)),
			.unseen = unseen ? data : 0,
			.flood = in->flood,
			.byte_order = g->layout.byte_order,
			.zero_data = g->key.zero_data,
		},
		.element = e,
		.dst = in->dst,
		.host_draw = gf128_to_state(&t->tables->map, e).w[3],
		.ts = ts,
		.drawn = g->layout.drawn,
	};
}

/* Whether a packet that shows `seen` comes after the element. */
static bool shows(const struct gs_tracker *t, const struct link_layout *l, struct gf128 e, const struct link_seen *seen)
{
	struct link_seen would;
	link_predict(l, gf128_to_state(&t->tables->map, e), &would);
	return link_seen_equal(&would, seen);
}

/* Looks `n` times `unit` draws ahead of (or, unit negative, behind) the element. The number of steps, or 0. What shows few bits is looked for less far, so that chance
 * stays below 2^-12. */
static unsigned look(const struct gs_tracker *t, const struct link_layout *l, const struct link_seen *seen, struct gf128 *e, int64_t unit, unsigned n)
{
	const struct gf128 step = gf128_x_pow(unit);
	const unsigned most = l->view.bits < 28 ? 1u << (l->view.bits > 12 ? l->view.bits - 12 : 0) : n;
	struct gf128 at = *e;
	for (unsigned i = 1; i <= n && i <= most; i++) {
		at = gf128_mul(at, step);
		if (shows(t, l, at, seen)) {
			*e = at;
			return i;
		}
	}
	return 0;
}

/* A packet of a group that is linked: false where the stream does not show it soon. */
static bool group_confirm(struct gs_tracker *t, struct group *g, const struct gs_bot_input *in, struct gs_time ts, int32_t *ret_process)
{
	struct stream *s = &t->stream[g->stream];
	struct link_seen seen;
	struct gf128 e = s->last;
	int64_t off = s->last_off;

	link_read(&g->layout, in, &seen);
	if (!shows(t, &g->layout, e, &seen)) {
		/* rounds; packets, if the rounds were taken too long; draws, if packets are not all alike; backwards */
		const struct { int64_t unit; unsigned n, cost; } looks[] = {
			{ (int64_t)s->unit, s->reach, 0 }, { g->layout.draws, AHEAD_PACKETS, 3 }, { 1, AHEAD_DRAWS, 10 }, { -(int64_t)s->unit, s->reach, 1 },
		};
		unsigned n = 0;
		for (unsigned i = 0; i < sizeof looks / sizeof *looks && n == 0; i++) {
			if (looks[i].unit == 0 || (looks[i].cost && !track_afford(t, ts, looks[i].cost)))
				continue;
			n = look(t, &g->layout, &seen, &e, looks[i].unit, looks[i].n);
			off += n * looks[i].unit;
		}
		if (n == 0)
			return false;
	}
	const struct sighted p = sighted_of(g, t, in, e, ts);
	uint32_t stream = g->stream;
	*ret_process = track_put(s, &p, off) ? (int32_t)s->process : track_place(t, &p, &stream);
	if (*ret_process < 0)
		return false;
	t->tally.untracked += stream == TRACK_NONE;
	track_count(t, (uint32_t)*ret_process, in, ts, g->layout.view.bits);
	return true;
}

/* Packets from before the link, latest first: the stream run backwards shows them, or they were somebody else's. */
static void group_recover(struct gs_tracker *t, struct group *g, unsigned n, struct gf128 e)
{
	while (n--) {
		const struct gs_bot_input in = input_of(&g->waiting[n]);
		struct link_seen seen;
		struct gf128 at = e;
		uint32_t stream;
		link_read(&g->layout, &in, &seen);
		if (look(t, &g->layout, &seen, &at, -(int64_t)g->layout.draws, BACK_PACKETS)) {
			const struct sighted p = sighted_of(g, t, &in, at, g->waiting[n].ts);
			const int32_t process = track_place(t, &p, &stream);
			if (process >= 0) {
				t->tally.pending--;
				t->tally.untracked += stream == TRACK_NONE;
				track_count(t, (uint32_t)process, &in, p.ts, g->layout.view.bits);
				e = at;
				continue;
			}
		}
		t->tally.pending--;
		t->tally.unlinked++;
	}
}

/* The last n packets that wait are linked: they, and what can be told of the earlier ones, go to their process. */
static int32_t group_linked(struct gs_tracker *t, struct group *g, unsigned n, const struct gs_bot_link *l)
{
	const unsigned base = g->n - n;
	const uint16_t bits = (uint16_t)(l->check_bits + 16 * n - l->tries);
	const int64_t apart = l->distance;
	const struct gf128 step = gf128_x_pow(apart), first = gf128_of_state(&t->tables->map, &l->before);
	struct gf128 e = first;
	uint32_t stream = TRACK_NONE;
	int32_t process = GS_TRACK_REFUSED;

	for (unsigned i = 0; i < n; i++, e = gf128_mul(e, step)) {
		const struct gs_bot_input in = input_of(&g->waiting[base + i]);
		const struct sighted p = sighted_of(g, t, &in, e, g->waiting[base + i].ts);
		int32_t here = process;
		if (i == 0 || stream == TRACK_NONE || !track_put(&t->stream[stream], &p, t->stream[stream].last_off + apart))
			here = track_place(t, &p, &stream);
		if (i == 0 && here < 0)
			return here; /* all stay where they are */
		t->tally.pending--;
		if (here < 0) {
			t->tally.unlinked++;
			continue;
		}
		process = here;
		t->tally.untracked += stream == TRACK_NONE;
		track_count(t, (uint32_t)process, &in, p.ts, bits);
	}
	group_recover(t, g, base, first);
	g->n = 0;
	g->stream = stream;
	return process;
}

/* How many of the last packets that wait make a link worth trying; 0: too few. */
static unsigned enough(const struct gs_bot_input *in, unsigned n)
{
	for (unsigned k = 2; k <= n; k++) {
		const unsigned bits = link_bits(in + n - k, k);
		if (k == 2 ? bits >= PAIR_BITS : bits * k >= LINK_BITS)
			return k;
	}
	return 0;
}

/* Twenty octets that do not follow the generator were not drawn, whatever they are. */
static bool is_data_drawn(const struct gs_bot_input *in, const struct gs_bot_proof *proof)
{
	return !(proof->facts & GS_BOT_FACT_ZERO_DATA) && in->data_len < 20;
}

bool track_group_known(struct gs_tracker *t, const struct gs_bot_input *in, const struct gs_bot_proof *proof, struct gs_time ts, int32_t *ret_process)
{
	for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++) {
		if (word_of_net16(in->inner_id, order) != REPLACED_INNER_ID)
			continue;
		const struct group_key key = key_of(in, (uint8_t)order, is_data_drawn(in, proof));
		struct group *g = group_of(t, &key, false);
		if (g && g->stream != TRACK_NONE && group_confirm(t, g, in, ts, ret_process))
			return true;
	}
	return false;
}

int32_t track_group(struct gs_tracker *t, const struct gs_bot_input *in, const struct gs_bot_proof *proof, struct gs_time ts)
{
	const bool data_drawn = is_data_drawn(in, proof);
	const struct group_key key = key_of(in, proof->byte_order, data_drawn);
	struct group *g = group_of(t, &key, true);
	struct gs_bot_input waiting[GS_BOT_LINK_MAX];
	int32_t process;

	if (g->stream != TRACK_NONE && group_confirm(t, g, in, ts, &process))
		return process;
	group_wait(t, g, in, data_drawn, ts);
	for (unsigned i = 0; i < g->n; i++)
		waiting[i] = input_of(&g->waiting[i]);
	const unsigned n = enough(waiting, g->n);
	if (n == 0 || !track_afford(t, ts, 0))
		return GS_TRACK_PENDING;
	/* Half of what may be searched stays for packets that carry their state: traffic that merely looks alike, and never links, must not hide them. */
	const uint64_t kept = t->limits.searches_per_s == UINT32_MAX ? 0 : t->limits.searches_per_s / 2;
	if (track_budget(t) <= kept || !track_afford(t, ts, 1))
		return GS_TRACK_PENDING;

	struct gs_bot_link l;
	const uint64_t before = link_work(t->linker);
	t->tally.links++;
	const bool found = link_find(t->linker, waiting + g->n - n, n, GS_BOT_LINK_MAX_GAP, (track_budget(t) - kept) * WORK_OF_SEARCH, &l, &g->layout);
	track_afford(t, ts, (link_work(t->linker) - before) / WORK_OF_SEARCH);
	if (!found || l.check_bits + 16u * n < (unsigned)GS_BOT_PROOF_BITS + l.tries)
		return GS_TRACK_PENDING;
	process = group_linked(t, g, n, &l);
	return process < 0 ? GS_TRACK_PENDING : process;
}
