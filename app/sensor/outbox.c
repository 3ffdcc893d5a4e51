#include "sensor/outbox.h"

#include "base/hll.h"
#include "base/map.h"

#include <stdlib.h>
#include <sys/mman.h>

#define FOLD_CLASSES (6 * GS_CLASS_COUNT) /* one per class, way it came, and whether it was seen or counted */
#define FOLDS (OUTBOX_FOLDS + FOLD_CLASSES)

struct slot {
	uint32_t type, len;
	uint64_t seq, packets;
	struct handed_sum sum;    /* of the stream, this one included */
	uint8_t body[MESSAGE_SIGHTINGS * sizeof(struct gs_sighting)];
};
_Static_assert(sizeof(struct slot) <= MESSAGE_MAX, "a slot is a message");

struct fold {
	struct gs_sighting s;     /* key first */
	struct gs_hll *hll;
	uint64_t more;            /* sources of rows that were folded before they came here */
};

struct outbox {
	struct slot *slots;
	uint32_t n_slots;
	uint32_t first, n;        /* the slots in use, a ring */
	uint32_t n_sent;          /* of these, to the present writer */
	uint64_t next_seq;
	uint64_t rows_sent, rows_acked, acked, folded_packets, waiting_packets;
	int fd;
	bool welcome;             /* the writer said HELLO */
	uint64_t prepared;        /* seq; 0: none */
	struct message_mark mark; /* that goes with it */
	struct gs_map folds;
	struct gs_hll *hlls;
	uint64_t seed;
	struct handed *handed;    /* NULL: not on the fast path */
	bool settled;
	struct handed_sum before; /* what the engine before handed over */
	struct handed_sum sum;    /* of all that was put */
};

int outbox_new(size_t bytes, uint64_t hash_seed, struct outbox **ret, struct gs_error *err)
{
	struct outbox *ob = calloc(1, sizeof *ob);

	if (!ob)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	const size_t n = bytes / sizeof(struct slot);
	ob->n_slots = n < 8 ? 8 : n > 1u << 20 ? 1u << 20 : (uint32_t)n;
	ob->fd = -1;
	ob->next_seq = 1;
	ob->settled = true;
	ob->seed = hash_seed;
	/* pages of it are used as slots are: a quiet sensor keeps to the first ones */
	void *p = mmap(NULL, ob->n_slots * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ob->slots = p == MAP_FAILED ? NULL : p;
	if (!ob->slots || gs_map_init(&ob->folds, GS_SIGHTING_KEY_LEN, sizeof(struct fold), 4 * FOLDS * sizeof(struct fold), hash_seed) < 0) {
		outbox_free(ob);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	*ret = ob;
	return 0;
}

void outbox_free(struct outbox *ob)
{
	if (!ob)
		return;
	if (ob->slots)
		munmap(ob->slots, ob->n_slots * sizeof(struct slot));
	gs_map_done(&ob->folds);
	free(ob->hlls);
	free(ob);
}

static struct slot *slot_at(const struct outbox *ob, uint32_t i)
{
	return &ob->slots[(ob->first + i) % ob->n_slots];
}

/* The last slot is kept for END and the balance before it: these must not wait for what is folded. */
static struct slot *slot_new(struct outbox *ob, unsigned type, uint32_t keep)
{
	if (ob->n + keep >= ob->n_slots)
		return NULL;
	struct slot *s = slot_at(ob, ob->n++);
	s->type = type;
	s->len = 0;
	s->packets = 0;
	s->seq = ob->next_seq++;
	s->sum = ob->sum;
	return s;
}

bool outbox_put(struct outbox *ob, unsigned type, const void *body, size_t len)
{
	struct slot *s = slot_new(ob, type, type == MESSAGE_BOTS_ ? 4 : 0);

	if (!s)
		return false;
	memcpy(s->body, body, len);
	s->len = (uint32_t)len;
	if (type == MESSAGE_BALANCE_)
		ob->sum.lost += ((const struct message_balance *)body)->added.dropped[GS_DROP_RING];
	s->sum = ob->sum;
	return true;
}

static bool has_room(const struct slot *s)
{
	return s->type == MESSAGE_SIGHTINGS_ && s->len < sizeof s->body;
}

/* Where the next sighting goes: NULL where there is no room. */
static struct slot *room(struct outbox *ob)
{
	if (ob->n > ob->n_sent) {
		struct slot *last = slot_at(ob, ob->n - 1);
		if (has_room(last))
			return last;
	}
	return slot_new(ob, MESSAGE_SIGHTINGS_, 4);
}

static void add_row(struct outbox *ob, struct slot *to, const struct gs_sighting *s)
{
	memcpy(to->body + to->len, s, sizeof *s);
	to->len += (uint32_t)sizeof *s;
	to->packets += s->packets;
	ob->waiting_packets += s->packets;
	if (s->fidelity == GS_FIDELITY_SAMPLED) {
		ob->sum.packets += s->packets;
		ob->sum.bytes += s->bytes;
	}
	to->sum = ob->sum; /* the last one: none is after it */
}

/* ---- what was handed over ---- */

static struct handed_point point_at(const struct outbox *ob, uint32_t i)
{
	const struct slot *s = slot_at(ob, i);

	return (struct handed_point){ s->seq, s->sum };
}

void outbox_note(struct outbox *ob, struct handed *h, bool adopted)
{
	ob->handed = h;
	ob->settled = !adopted;
}

/* The stream of the engine before goes on here: what was put until now comes after it. Nothing of it was sent yet. */
static void settle(struct outbox *ob, uint64_t seq, const struct message_mark *mark)
{
	struct handed_point p;

	handed_settle(ob->handed, seq, mark, &p);
	handed_begin(ob->handed, &p);
	for (uint32_t i = 0; i < ob->n; i++) {
		struct slot *s = slot_at(ob, i);
		s->seq += p.seq;
		s->sum.packets += p.sum.packets;
		s->sum.bytes += p.sum.bytes;
		s->sum.lost += p.sum.lost;
	}
	ob->next_seq += p.seq;
	ob->acked += p.seq;
	ob->sum.packets += p.sum.packets;
	ob->sum.bytes += p.sum.bytes;
	ob->sum.lost += p.sum.lost;
	ob->before = p.sum;
	ob->settled = true;
}

bool outbox_settled(struct outbox *ob, bool now, struct handed_sum *ret)
{
	if (!ob->settled && now)
		settle(ob, 0, NULL);
	*ret = ob->before;
	return ob->settled;
}

/* ---- folding ---- */

static void fold_start(struct outbox *ob, struct fold *f, const struct gs_addr *dst, const struct gs_sighting *s)
{
	f->s = (struct gs_sighting){ .dst = *dst, .class_ = s->class_, .via = s->via, .gre_flags = s->fidelity /* of the key; no row has it */, .first = s->first, .last = s->last,
				     .evidence = GS_EVIDENCE(FOLDED), .has = s->has & (GS_HAS_TTL | GS_HAS_IP_LEN), .sensor = s->sensor, .version = s->version,
				     .fidelity = s->fidelity, .protocol = s->protocol, .ttl = s->ttl, .ttl_min = s->ttl_min, .ttl_max = s->ttl_max,
				     .ip_len = s->ip_len, .flags = (uint8_t)(GS_SIGHTING_FOLDED | (dst->family ? 0 : GS_SIGHTING_DST_FOLDED)) };
	f->hll = &ob->hlls[ob->folds.count - 1];
	f->more = 0;
}

static void fold_join(struct outbox *ob, struct fold *f, const struct gs_sighting *s)
{
	f->s.packets += s->packets;
	f->s.bytes += s->bytes;
	if (s->first.ns < f->s.first.ns)
		f->s.first = s->first;
	if (s->last.ns > f->s.last.ns)
		f->s.last = s->last;
	if (s->ttl_min < f->s.ttl_min)
		f->s.ttl_min = s->ttl_min;
	if (s->ttl_max > f->s.ttl_max)
		f->s.ttl_max = s->ttl_max;
	f->s.evidence |= s->evidence;
	if (s->confidence > f->s.confidence)
		f->s.confidence = s->confidence;
	if (s->evidence_bits > f->s.evidence_bits)
		f->s.evidence_bits = s->evidence_bits;
	if (s->src.family)
		gs_hll_add(f->hll, XXH3_64bits_withSeed(&s->src, sizeof s->src, ob->seed));
	else
		f->more += s->sources;
	ob->waiting_packets += s->packets;
	ob->folded_packets += s->packets;
}

/* False where even this finds no memory: the caller waits for the writer then. */
static bool fold_in(struct outbox *ob, const struct gs_sighting *s)
{
	struct gs_sighting key = { .dst = s->dst, .class_ = s->class_, .via = s->via, .gre_flags = s->fidelity };
	bool is_new = false;

	if (!ob->hlls && !(ob->hlls = calloc(FOLDS, sizeof *ob->hlls)))
		return false;
	struct fold *f = gs_map_find(&ob->folds, gs_map_hash(&ob->folds, &key), &key);
	if (!f) {
		if (ob->folds.count >= OUTBOX_FOLDS)
			key.dst = (struct gs_addr){ 0 };
		f = gs_map_get(&ob->folds, gs_map_hash(&ob->folds, &key), &key, &is_new);
		if (!f)
			return false;
		if (is_new)
			fold_start(ob, f, &key.dst, s);
	}
	fold_join(ob, f, s);
	return true;
}

/* Folded rows go out as soon as a quarter of the slots is free: sooner, and the next ones would only fold again. */
static void folds_out(struct outbox *ob)
{
	const uint32_t slots = ob->folds.count / MESSAGE_SIGHTINGS + 2;

	if (!ob->folds.count || ob->n > ob->n_slots / 4 * 3 || ob->n + slots + 4 >= ob->n_slots)
		return;
	for (uint32_t i = 0; i < ob->folds.count; i++) {
		struct fold *f = gs_map_at(&ob->folds, i);
		const uint64_t n = gs_hll_count(f->hll) + f->more;
		f->s.sources = n > UINT32_MAX ? UINT32_MAX : n ? (uint32_t)n : 1;
		ob->waiting_packets -= f->s.packets;
		f->s.gre_flags = 0;
		*f->hll = (struct gs_hll){ 0 };
		struct slot *to = room(ob);
		if (to)
			add_row(ob, to, &f->s);
	}
	gs_map_clear(&ob->folds, SIZE_MAX / 2);
}

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct outbox *ob = arg;

	for (size_t i = 0; i < n; i++) {
		struct slot *to = room(ob);
		if (to)
			add_row(ob, to, &s[i]);
		else if (!fold_in(ob, &s[i]))
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	return 0;
}

struct gs_sighting_sink outbox_sink(struct outbox *ob)
{
	return (struct gs_sighting_sink){ .take = take, .arg = ob };
}

/* ---- the writer ---- */

void outbox_connect(struct outbox *ob, int fd)
{
	for (uint32_t i = 0; i < ob->n_sent; i++) { /* all of it again */
		struct slot *s = slot_at(ob, i);
		ob->waiting_packets += s->packets;
		ob->rows_sent -= s->type == MESSAGE_SIGHTINGS_ ? s->len / sizeof(struct gs_sighting) : 0;
	}
	ob->fd = fd;
	ob->welcome = false;
	ob->n_sent = 0;
	if (ob->handed && ob->settled)
		handed_again(ob->handed);
}

static void acknowledge(struct outbox *ob, uint64_t seq)
{
	struct handed_point last = { 0 };

	while (ob->n && slot_at(ob, 0)->seq <= seq) {
		const struct slot *s = slot_at(ob, 0);
		const uint64_t rows = s->type == MESSAGE_SIGHTINGS_ ? s->len / sizeof(struct gs_sighting) : 0;
		if (ob->n_sent) {
			ob->n_sent--;
		} else { /* the writer before this one had it, and it is in the store */
			ob->waiting_packets -= s->packets;
			ob->rows_sent += rows;
		}
		ob->rows_acked += rows;
		ob->acked = s->seq;
		last = point_at(ob, 0);
		ob->first = (ob->first + 1) % ob->n_slots;
		ob->n--;
	}
	if (ob->n == 0)
		ob->first = 0;
	ob->prepared = 0;
	if (ob->handed && last.seq)
		handed_acked(ob->handed, &last);
	if (ob->handed)
		handed_prepared(ob->handed, NULL, NULL);
	folds_out(ob);
}

/* A commit is about to be made: where the writer is not there to say so afterwards, its mark in the store does. */
static void prepare(struct outbox *ob, uint64_t seq, const struct message_mark *mark)
{
	ob->prepared = seq;
	ob->mark = *mark;
	for (uint32_t i = 0; ob->handed && i < ob->n_sent; i++) {
		const struct handed_point p = point_at(ob, i);
		if (p.seq == seq)
			handed_prepared(ob->handed, &p, mark);
	}
}

bool outbox_take(struct outbox *ob, const struct message *m)
{
	const uint64_t sent = ob->n_sent ? slot_at(ob, ob->n_sent - 1)->seq : ob->acked;

	switch (m->head.type) {
	case MESSAGE_HELLO_:
		if (ob->welcome)
			return false;
		if (!ob->settled)
			settle(ob, m->head.seq, &m->body.mark);
		if (ob->prepared && memcmp(&ob->mark, &m->body.mark, sizeof ob->mark) == 0)
			acknowledge(ob, ob->prepared);
		ob->prepared = 0;
		if (ob->handed)
			handed_prepared(ob->handed, NULL, NULL);
		ob->welcome = true;
		return true;
	case MESSAGE_PREPARE_:
		if (!ob->welcome || m->head.seq > sent)
			return false;
		prepare(ob, m->head.seq, &m->body.mark);
		return true;
	case MESSAGE_ACK_:
		if (!ob->welcome || m->head.seq > sent)
			return false;
		acknowledge(ob, m->head.seq);
		return true;
	default:
		return false;
	}
}

static int pump(struct outbox *ob, bool full)
{
	if (ob->fd < 0)
		return MESSAGE_OVER;
	folds_out(ob);
	while (ob->welcome && ob->n_sent < ob->n) {
		struct slot *s = slot_at(ob, ob->n_sent);
		if (full && ob->n_sent + 1 == ob->n && has_room(s))
			break;
		const struct handed_point p = point_at(ob, ob->n_sent);
		if (ob->handed)
			handed_try(ob->handed, &p);
		const int r = message_send(ob->fd, s->type, s->seq, s->body, s->len, -1);
		if (r != MESSAGE_DONE)
			return r;
		if (ob->handed)
			handed_done(ob->handed);
		ob->n_sent++;
		ob->waiting_packets -= s->packets;
		ob->rows_sent += s->type == MESSAGE_SIGHTINGS_ ? s->len / sizeof(struct gs_sighting) : 0;
	}
	return MESSAGE_DONE;
}

int outbox_pump(struct outbox *ob)
{
	return pump(ob, false);
}

int outbox_pump_full(struct outbox *ob)
{
	return pump(ob, true);
}

struct outbox_state outbox_state(const struct outbox *ob)
{
	return (struct outbox_state){ .put = ob->next_seq - 1,
				      .sent = ob->n_sent ? slot_at(ob, ob->n_sent - 1)->seq : ob->acked,
				      .acked = ob->acked,
				      .rows_sent = ob->rows_sent,
				      .rows_acked = ob->rows_acked,
				      .waiting_packets = ob->waiting_packets,
				      .folded_packets = ob->folded_packets,
				      .used_bytes = ob->n * sizeof(struct slot),
				      .cap_bytes = ob->n_slots * sizeof(struct slot),
				      .folding = ob->folds.count > 0 };
}
