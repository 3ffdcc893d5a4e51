/*
 * link.c - the state from packets that show too little of it one by one
 *
 * A greip packet without data shows 80 bits of four successive draws: half an identification, two half ports, a whole destination. All of them are linear functions of
 * the 128-bit state, so two packets whose distance is known give 160 equations for 128 unknowns: the state, and 32 equations left over that
 * hold by chance once in 2^32. The distance is not known, but it is a number of whole packets; for each from 1 to 4096 the left-over equations are
 * worked out once and kept, and testing a pair against a distance then costs a few instructions for most distances.
 *
 * Seen as a code: the 128 basis states, each with what it would show at both places, generate a linear code; what a pair of packets shows must be a word
 * of it. Generators in reduced echelon form give the check equations (one for each coordinate that is no pivot) and, for a word of the code, the state: the
 * sum of the basis elements of the pivots that are set. The first packet's half is reduced once for a layout, the second for each distance.
 *
 * Where the operator fixed fields a packet shows less. Then more packets are needed, and their distances are assumed to be equal (no loss between them), which a run
 * of packets soon is. Check equations kept for a distance: 12; the rest is held against the packets once these agree.
 * Memory: 12 * 8 * blocks octets for a distance, 1.1 MiB for the plain layout with 4096 distances. Source: gre-threats, section 3.
 */
#include "forensics/link.h"

#include "forensics/xorshift128.h"

#include <stdlib.h>

#define CHECKS 12
#define CHUNK_GAPS 256 /* distances whose checks are allocated together */
#define CHUNKS (GS_BOT_LINK_MAX_GAP / CHUNK_GAPS)
#define SOON 320       /* distances tried in all ways before longer ones are: most links are short */
#define MIN_CHECK_BITS 32
#define ID_SUM_FIXED 0xffff
#define DATA_WORDS 4 /* more prove themselves */
#define PREPARE_WORK 10000 /* preparing a distance, in tests of one */

_Static_assert((size_t)GS_BOT_LINK_MAX_GAP * CHECKS * LINK_BLOCKS * sizeof(uint64_t) == GS_BOT_LINK_TABLE_BYTES, "the header states the cap");

struct code_word {
	uint64_t block[LINK_BLOCKS];
	struct gf128 element;
};

struct link_table {
	struct link_layout layout;  /* of the packets it was made for; others of the same view use it too */
	unsigned packets;           /* that one check looks at; 0: the table is free */
	unsigned max_gap, ready;    /* distances 1 to ready have their checks */
	unsigned blocks;            /* of all packets together */
	unsigned first_rank;        /* pivots within the first packet's bits */
	uint16_t first_pivot[128];
	struct code_word first[128]; /* reduced; only the first packet's bits are set */
	struct gf128 step;          /* x^unit */
	uint64_t *checks[CHUNKS];   /* each [CHUNK_GAPS][CHECKS][blocks]; a check that is all zero always holds */
	uint64_t used;              /* for dropping the oldest */
};

struct gs_bot_linker {
	const struct gs_bot_tables *tables;
	unsigned max_tables;
	uint64_t clock;
	uint64_t work, stop;   /* work done, and how much may be done before this search ends */
	unsigned last_way;
	struct link_table *table;
};

/* ---- the code of a layout ---- */

static inline bool bit_of(const struct code_word *w, unsigned bit)
{
	return w->block[bit / 64] >> (bit % 64) & 1;
}

/* Adds where mask is all ones, not where it is zero; no branch, since a processor would guess it wrong half of the time. */
static inline void blocks_add(struct code_word *to, const struct code_word *w, unsigned from, unsigned end, uint64_t mask)
{
	for (unsigned i = from; i < end; i++)
		to->block[i] ^= w->block[i] & mask;
}

static inline void element_add(struct code_word *to, const struct code_word *w, uint64_t mask)
{
	to->element.lo ^= w->element.lo & mask;
	to->element.hi ^= w->element.hi & mask;
}

/*
 * Brings bits from..to-1 into reduced echelon form; the words before `rank` are reduced already for earlier bits, the others have none of these. Returns the new rank.
 * Who wants check equations alone does without the elements.
 */
static unsigned reduce(struct code_word w[128], unsigned rank, unsigned from, unsigned to, bool elements, uint16_t pivot[128])
{
	const unsigned end = (to + 63) / 64;

	for (unsigned bit = from; bit < to && rank < 128; bit++) {
		unsigned p = rank;
		while (p < 128 && !bit_of(&w[p], bit))
			p++;
		if (p == 128)
			continue;
		const struct code_word found = w[p]; /* of bits before this one it has none */
		w[p] = w[rank];
		for (unsigned i = 0; i < 128; i++) {
			const uint64_t mask = -(uint64_t)bit_of(&w[i], bit);
			blocks_add(&w[i], &found, bit / 64, end, mask);
			if (elements)
				element_add(&w[i], &found, mask);
		}
		w[rank] = found;
		pivot[rank++] = (uint16_t)bit;
	}
	return rank;
}

/* Puts what a packet shows at bit `at` of the word. */
static void word_put(struct code_word *w, const struct link_seen *s, unsigned at, unsigned bits)
{
	const unsigned block = at / 64, shift = at % 64;
	for (unsigned i = 0; i * 64 < bits; i++) {
		w->block[block + i] |= s->block[i] << shift;
		if (shift && block + i + 1 < LINK_BLOCKS)
			w->block[block + i + 1] |= s->block[i] >> (64 - shift);
	}
}

static void table_init(struct link_table *t, const struct gs_bot_tables *tables, const struct link_layout *layout)
{
	t->layout = *layout;
	t->step = gf128_x_pow(layout->view.unit);
	memset(t->first, 0, sizeof t->first);
	for (unsigned i = 0; i < 128; i++) {
		struct code_word *w = &t->first[i];
		struct link_seen seen;
		w->element = i < 64 ? (struct gf128){ UINT64_C(1) << i, 0 } : (struct gf128){ 0, UINT64_C(1) << (i - 64) };
		link_predict(layout, gf128_to_state(&tables->map, w->element), &seen);
		word_put(w, &seen, 0, layout->view.bits);
	}
	t->first_rank = reduce(t->first, 0, 0, layout->view.bits, true, t->first_pivot);
}

/* The code for packets `gap` apart. Returns its rank; below 128 the state would not be determined. */
static unsigned table_code(const struct link_table *t, const struct gs_bot_tables *tables, unsigned gap, bool elements, struct code_word w[128], uint16_t pivot[128])
{
	const struct gf128 jump = gf128_pow(t->step, gap);
	const unsigned bits = t->layout.view.bits;

	memcpy(w, t->first, sizeof t->first);
	memcpy(pivot, t->first_pivot, sizeof t->first_pivot);
	for (unsigned i = 0; i < 128; i++) {
		struct gf128 e = w[i].element;
		for (unsigned p = 1; p < t->packets; p++) {
			struct link_seen seen;
			e = gf128_mul(e, jump);
			link_predict(&t->layout, gf128_to_state(&tables->map, e), &seen);
			word_put(&w[i], &seen, p * bits, bits);
		}
	}
	return reduce(w, t->first_rank, bits, t->packets * bits, elements, pivot);
}

static uint64_t *table_checks(const struct link_table *t, unsigned gap)
{
	return t->checks[(gap - 1) / CHUNK_GAPS] + (size_t)((gap - 1) % CHUNK_GAPS) * CHECKS * t->blocks;
}

static void table_prepare(struct link_table *t, const struct gs_bot_tables *tables, unsigned gap)
{
	struct code_word w[128];
	uint16_t pivot[128];
	uint64_t *check = table_checks(t, gap);
	const unsigned rank = table_code(t, tables, gap, false, w, pivot), bits = t->packets * t->layout.view.bits;
	unsigned n = 0;

	if (rank < 128) /* left without checks: table_solve refuses it */
		return;
	/* coordinates of the later packets first: those of the first packet alone say nothing about the gap */
	for (unsigned bit = bits; bit-- > t->layout.view.bits && n < CHECKS;) {
		bool is_pivot = false;
		for (unsigned i = t->first_rank; i < 128; i++)
			is_pivot |= pivot[i] == bit;
		if (is_pivot)
			continue;
		uint64_t *c = check + (size_t)n++ * t->blocks;
		c[bit / 64] |= UINT64_C(1) << (bit % 64);
		for (unsigned i = 0; i < 128; i++)
			if (bit_of(&w[i], bit))
				c[pivot[i] / 64] ^= UINT64_C(1) << (pivot[i] % 64);
	}
}

static bool checks_hold(const uint64_t *check, const uint64_t *seen, unsigned blocks)
{
	for (unsigned c = 0; c < CHECKS; c++, check += blocks) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < blocks; i++)
			sum ^= check[i] & seen[i];
		if (__builtin_parityll(sum))
			return false;
	}
	return true;
}

/* The state for which the packets show what they show, if there is one. */
static bool table_solve(const struct link_table *t, const struct gs_bot_tables *tables, unsigned gap, const struct code_word *seen, struct gs_bot_state *ret)
{
	struct code_word w[128], sum = { 0 };
	uint16_t pivot[128];

	if (table_code(t, tables, gap, true, w, pivot) < 128)
		return false;
	for (unsigned i = 0; i < 128; i++) {
		const uint64_t mask = -(uint64_t)bit_of(seen, pivot[i]);
		blocks_add(&sum, &w[i], 0, t->blocks, mask);
		element_add(&sum, &w[i], mask);
	}
	if (memcmp(sum.block, seen->block, t->blocks * sizeof *sum.block) != 0 || (sum.element.lo | sum.element.hi) == 0)
		return false;
	*ret = gf128_to_state(&tables->map, sum.element);
	return true;
}

static void table_done(struct link_table *t)
{
	for (unsigned i = 0; i < CHUNKS; i++)
		free(t->checks[i]);
	*t = (struct link_table){ 0 };
}

/* ---- the linker ---- */

int gs_bot_linker_new(const struct gs_bot_tables *t, unsigned max_tables, struct gs_bot_linker **ret, struct gs_error *err)
{
	struct gs_bot_linker *l = calloc(1, sizeof *l);
	struct link_table *table = calloc(max_tables ? max_tables : 1, sizeof *table);
	if (!l || !table) {
		free(l);
		free(table);
		return gs_fail(err, GS_ERR_NOMEM, "no memory for %u link tables", max_tables);
	}
	*l = (struct gs_bot_linker){ .tables = t, .max_tables = max_tables ? max_tables : 1, .table = table };
	*ret = l;
	return 0;
}

void gs_bot_linker_free(struct gs_bot_linker *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->max_tables; i++)
		table_done(&l->table[i]);
	free(l->table);
	free(l);
}

/* The table for a view, made in the place of the one longest unused if it is new. */
static struct link_table *linker_table(struct gs_bot_linker *l, const struct link_layout *layout, unsigned packets)
{
	struct link_table *oldest = &l->table[0];

	for (unsigned i = 0; i < l->max_tables; i++) {
		struct link_table *t = &l->table[i];
		if (t->packets == packets && memcmp(&t->layout.view, &layout->view, sizeof layout->view) == 0) {
			t->used = ++l->clock;
			return t;
		}
		if (t->used < oldest->used)
			oldest = t;
	}
	table_done(oldest);
	*oldest = (struct link_table){
		.packets = packets,
		.max_gap = packets == 2 ? GS_BOT_LINK_MAX_GAP : GS_BOT_LINK_MAX_EQUAL,
		.blocks = (packets * layout->view.bits + 63) / 64,
		.used = ++l->clock,
	};
	table_init(oldest, l->tables, layout);
	l->work += PREPARE_WORK; /* about as dear */
	return oldest;
}

/* Has the checks ready up to a distance. False where memory ran out, or the work that may be done. */
static bool table_ready(struct gs_bot_linker *l, struct link_table *t, unsigned gap)
{
	while (t->ready < gap && l->work < l->stop) {
		uint64_t **chunk = &t->checks[t->ready / CHUNK_GAPS];
		if (!*chunk && !(*chunk = calloc((size_t)CHUNK_GAPS * CHECKS * t->blocks, sizeof **chunk)))
			return false;
		table_prepare(t, l->tables, ++t->ready);
		l->work += PREPARE_WORK;
	}
	return t->ready >= gap;
}

/* The smallest distance from `from` to `to`, in units, that fits; 0 where none does. */
static unsigned table_find(struct gs_bot_linker *l, struct link_table *t, const struct code_word *seen, unsigned from, unsigned to, struct gs_bot_state *ret)
{
	for (unsigned gap = from; gap <= to && gap <= t->max_gap && l->work < l->stop && table_ready(l, t, gap); gap++) {
		l->work++;
		if (checks_hold(table_checks(t, gap), seen->block, t->blocks) && table_solve(t, l->tables, gap, seen, ret))
			return gap;
	}
	return 0;
}

/* ---- which layouts a set of packets allows ---- */

struct options {
	unsigned drawn;          /* in any case */
	bool maybe_data;         /* data were sent, none seen */
	bool maybe_src;          /* outer sources differ */
	bool likely_host;        /* outer destinations differ */
	uint8_t orders[2];
	unsigned n_orders;
	unsigned data_words;     /* captured in all of them */
};

static bool zero_data(const struct gs_bot_input *in)
{
	for (uint32_t i = 0; i < in->data_len; i++)
		if (in->data[i])
			return false;
	return in->data_len > 0;
}

static uint16_t id_sum(const struct gs_bot_input *in, enum gs_bot_order order)
{
	return (uint16_t)(word_of_net16(in->id, order) + word_of_net16(in->inner_id, order));
}

static bool id_drawn(const struct gs_bot_input *in, enum gs_bot_order order)
{
	return id_sum(in, order) == ID_SUM || word_of_net16(in->inner_id, order) == ID_SUM;
}

/* False where the packets cannot be of one attack. */
static bool read_options(const struct gs_bot_input *in, unsigned n, struct options *o)
{
	bool drawn[3] = { false, true, true }, fixed = true, sport = false, dport = false, dst = false, zero = true, unseen = false;

	*o = (struct options){ .data_words = DATA_WORDS };
	for (unsigned i = 0; i < n; i++) {
		if (in[i].flood != in[0].flood || in[i].data_wire_len != in[0].data_wire_len)
			return false;
		for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++)
			drawn[order] &= id_drawn(&in[i], order);
		fixed &= id_sum(&in[i], GS_BOT_BIG) == ID_SUM_FIXED;
		sport |= in[i].sport != in[0].sport;
		dport |= in[i].dport != in[0].dport;
		dst |= in[i].inner_dst != in[i].dst;
		zero &= zero_data(&in[i]) || in[i].data_wire_len == 0;
		unseen |= in[i].data_len == 0 && in[i].data_wire_len;
		o->maybe_src |= in[i].src != in[0].src;
		o->likely_host |= in[i].dst != in[0].dst;
		if (in[i].data_len / 4 < o->data_words)
			o->data_words = in[i].data_len / 4;
	}
	for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++)
		if (fixed || drawn[order])
			o->orders[o->n_orders++] = (uint8_t)order;
	o->drawn = (fixed ? 0 : GS_BOT_DREW_ID) | (sport ? GS_BOT_DREW_SPORT : 0) | (dport ? GS_BOT_DREW_DPORT : 0) | (dst ? GS_BOT_DREW_DST : 0) |
	           (in[0].flood == GS_BOT_GREETH ? GS_BOT_DREW_MACS : 0);
	o->maybe_data = unseen;
	if (!unseen && !zero && in[0].data_wire_len)
		o->drawn |= GS_BOT_DREW_DATA;
	return o->n_orders > 0;
}

/* The packet that shows least decides what is compared. */
static const struct gs_bot_input *shortest(const struct gs_bot_input *in, unsigned n)
{
	const struct gs_bot_input *s = in;
	for (unsigned i = 1; i < n; i++)
		if (in[i].data_len < s->data_len)
			s = &in[i];
	return s;
}

unsigned link_bits(const struct gs_bot_input *in, unsigned n)
{
	struct options o;
	struct link_layout l;
	if (!read_options(in, n, &o))
		return 0;
	link_layout_of(shortest(in, n), o.orders[0], o.drawn, false, o.data_words, &l);
	return l.view.bits;
}

/*
 * Ways in which the draws may have been made. Differing sources were probably drawn, differing destinations have a drawn host part; bit 0: the latter is not so, bit 1: the former,
 * bit 2: data that was not seen was not drawn, bit 3: only some targets are prefixes, so that the distance may be any number of draws. The likeliest first, since 5
 * packets of 4 draws look like 4 packets of 5.
 */
#define WAYS 16

static bool way_layout(const struct gs_bot_input *in, unsigned n, const struct options *o, unsigned way, enum gs_bot_order order, struct link_layout *ret)
{
	if ((way & 2 && !o->maybe_src) || (way & 4 && !o->maybe_data) || (way & 8 && way & 1))
		return false;
	const unsigned drawn = o->drawn | (o->maybe_src && !(way & 2) ? GS_BOT_DREW_SRC : 0) | (o->maybe_data && !(way & 4) ? GS_BOT_DREW_DATA : 0);
	link_layout_of(shortest(in, n), order, drawn, o->likely_host != (way & 1), o->data_words, ret);
	if (way & 8)
		ret->view.unit = 1;
	const unsigned bits = n * ret->view.bits;
	return bits <= LINK_BLOCKS * 64 && bits >= 128 + MIN_CHECK_BITS;
}

/* Tries one way at the distances from..to; 0 where none fits. */
static unsigned way_find(struct gs_bot_linker *l, const struct gs_bot_input *in, unsigned n, const struct link_layout *layout, unsigned from, unsigned to, struct gs_bot_state *ret)
{
	struct code_word seen = { 0 };
	for (unsigned i = 0; i < n; i++) {
		struct link_seen one;
		link_read(layout, &in[i], &one);
		word_put(&seen, &one, i * layout->view.bits, layout->view.bits);
	}
	return table_find(l, linker_table(l, layout, n), &seen, from, to, ret);
}

/* Where sources differ but a way without them was found: were they drawn after all? Then every one of them is the draw before the packet's others. */
static void settle_source(const struct gs_bot_linker *l, const struct gs_bot_input *in, unsigned n, const struct options *o, struct gs_bot_link *link, struct link_layout *layout)
{
	struct link_layout with;
	struct gs_bot_state s = gs_bot_state_step(link->before, -1);
	if (!o->maybe_src || link->drawn & GS_BOT_DREW_SRC)
		return;
	link_layout_of(shortest(in, n), link->byte_order, link->drawn | GS_BOT_DREW_SRC, link->host_drawn, o->data_words, &with);
	for (unsigned i = 0; i < n; i++, s = gs_bot_state_jump(l->tables, s, link->distance)) {
		struct link_seen would, seen;
		link_predict(&with, s, &would);
		link_read(&with, &in[i], &seen);
		if (!link_seen_equal(&would, &seen))
			return;
	}
	link->before = gs_bot_state_step(link->before, -1);
	link->drawn = with.drawn;
	link->draws = with.draws;
	link->gap = link->distance % with.draws ? 0 : link->distance / with.draws;
	*layout = with;
}

bool link_find(struct gs_bot_linker *l, const struct gs_bot_input *in, unsigned n, unsigned max_gap, uint64_t most_work, struct gs_bot_link *ret,
               struct link_layout *ret_layout)
{
	const unsigned limit = n > 2 ? GS_BOT_LINK_MAX_EQUAL : max_gap, soon = limit < SOON ? limit : SOON;
	struct options o;
	unsigned tried = 0;

	if (n < 2 || n > GS_BOT_LINK_MAX || !read_options(in, n, &o))
		return false;
	l->stop = l->work < UINT64_MAX - most_work ? l->work + most_work : UINT64_MAX;
	/* the way that worked last is tried first, then short distances in all ways, then long ones */
	for (unsigned round = 0; round < 1 + 2 * WAYS; round++) {
		const unsigned way = round ? (round - 1) % WAYS : l->last_way, from = round > WAYS ? soon + 1 : 1, to = round > WAYS ? limit : soon;
		for (unsigned k = 0; k < o.n_orders && from <= to; k++) {
			struct link_layout layout;
			struct gs_bot_state s;
			if (!way_layout(in, n, &o, way, o.orders[k], &layout))
				continue;
			const unsigned gap = way_find(l, in, n, &layout, from, to, &s), distance = gap * layout.view.unit;
			tried += gap ? gap - from + 1 : to - from + 1;
			if (!gap)
				continue;
			*ret = (struct gs_bot_link){
				.before = s,
				.distance = distance,
				.gap = distance % layout.draws ? 0 : distance / layout.draws,
				.draws = layout.draws,
				.check_bits = (uint16_t)(n * layout.view.bits - 128),
				.tries = (uint16_t)(32 - __builtin_clz(tried)),
				.drawn = layout.drawn,
				.byte_order = layout.byte_order,
				.host_drawn = layout.host_drawn,
			};
			*ret_layout = layout;
			settle_source(l, in, n, &o, ret, ret_layout);
			l->last_way = way & 8 ? 0 : way; /* any distance would do for that one: it must stay the last resort */
			return true;
		}
	}
	return false;
}

uint64_t link_work(const struct gs_bot_linker *l)
{
	return l->work;
}

bool gs_bot_link(struct gs_bot_linker *l, const struct gs_bot_input *in, unsigned n, unsigned max_gap, struct gs_bot_link *ret)
{
	struct link_layout layout;
	return link_find(l, in, n, max_gap, UINT64_MAX, ret, &layout);
}
