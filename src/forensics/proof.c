/*
 * proof.c - what one packet proves
 *
 * A bot fills a packet from its generator in this order; a field that the operator fixed is not drawn:
 *
 *	[host part] [outer source] id, source port, destination port, inner destination, [3 words of MAC addresses], data words, tails
 *
 * 16-bit fields hold the lower half of a draw. A word v[n] follows from v[n+3] and v[n+4], so four whole words in a row give the state and everything before:
 * each earlier field either is the draw (evidence: its 16 or 32 bits) or was fixed. With fewer whole words the same relation still recovers the draws
 * one by one from the back, and each recovered draw is held against the half that the packet shows.
 *
 * Order of work: lengths; first five data words in both byte orders; only then the rest. For short data all ways to fix fields are tried, the
 * default one first, and the one with the most evidence is taken.
 *
 * Zeros are their own successors (0 = 0 ^ 0), so a comparison counts only where the words in it are not zero: a run of zeros proves nothing.
 * The identification relation counts 16 bits (outer and inner agree in the byte order that the rest gives), and only where the rest falls short of a
 * proof: the identification is then already half counted as a draw.
 * Source: gre-threats, sections 1, 2 and 6.
 */
#include "forensics/proof.h"

#include "forensics/xorshift128.h"
#include "grescope/verdict.h"

#define ID_SUM 999       /* outer + inner identification, where drawn */
#define ID_SUM_FIXED 0xffff
#define LIKELY_BITS 31
#define MAX_HEADER 7     /* id, two ports, destination, three words of MAC addresses */
#define MAX_DATA 8       /* data words looked at before GS_BOT_FULL */
#define MAX_WORDS (MAX_HEADER + MAX_DATA + 2)
#define WHOLE 0xffffffffu
#define VARIANT_BITS 64  /* demanded where the words do not begin at the data's start or the header does not fit them */

/* The fields as the bot's numbers. */
struct fields {
	uint32_t src, dst, inner_dst;
	uint32_t mac[3];
	uint16_t id;        /* as the inner identification has it: some senders and routers replace the outer one */
	uint16_t sport, dport;
	bool id_drawn;      /* the relation of drawn identifications holds */
	bool id_fixed;      /* that of a fixed one does */
	bool greeth;
};

static uint16_t id_sum(const struct gs_bot_input *in, enum gs_bot_order order)
{
	return (uint16_t)(word_of_net16(in->id, order) + word_of_net16(in->inner_id, order));
}

static void read_fields(const struct gs_bot_input *in, enum gs_bot_order order, struct fields *f)
{
	const uint16_t inner_id = word_of_net16(in->inner_id, order);
	*f = (struct fields){
		.src = word_of_net32(in->src, order),
		.dst = word_of_net32(in->dst, order),
		.inner_dst = word_of_net32(in->inner_dst, order),
		.id = (uint16_t)(ID_SUM - inner_id),
		.sport = word_of_net16(in->sport, order),
		.dport = word_of_net16(in->dport, order),
		/* an outer identification of 0 is replaced by the sending kernel */
		.id_drawn = id_sum(in, order) == ID_SUM || inner_id == ID_SUM,
		.id_fixed = id_sum(in, order) == ID_SUM_FIXED,
		.greeth = in->flood == GS_BOT_GREETH,
	};
	if (!f->greeth)
		return;
	/* first words' octets 0-3, third word: octets 0-1 end the destination address, 2-3 the source address */
	uint8_t third[4] = { in->macs[4], in->macs[5], in->macs[10], in->macs[11] };
	f->mac[0] = word_load(in->macs, order);
	f->mac[1] = word_load(in->macs + 6, order);
	f->mac[2] = word_load(third, order);
}

static bool lengths_fit(const struct gs_bot_input *in)
{
	const uint32_t around = in->flood == GS_BOT_GREETH ? 38 : 24;
	if (in->ip_len != in->inner_len + around && !(in->flags & GS_BOT_IN_FRAGMENT))
		return false;
	return in->inner_len >= 28 && in->data_wire_len == in->inner_len - 28u &&
	       (!(in->flags & GS_BOT_IN_UDP) || in->udp_len == in->inner_len - 20);
}

static bool all_zero(const uint8_t *p, uint32_t n)
{
	return n >= 4 && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static unsigned draws_of(unsigned drawn, uint32_t data_wire_len)
{
	return (unsigned)__builtin_popcount(drawn & (GS_BOT_DREW_SRC | GS_BOT_DREW_ID | GS_BOT_DREW_SPORT | GS_BOT_DREW_DPORT | GS_BOT_DREW_DST)) +
	       (drawn & GS_BOT_DREW_MACS ? 3 : 0) + (drawn & GS_BOT_DREW_DATA ? draws_of_data(data_wire_len) : 0);
}

/* ---- from the state before a packet's last known draws, backwards over what may come before the identification ---- */

/* Lengths m for which address - (host >> m) ends in 32-m zeros. The host part is added as the network writes it, in any byte order. */
static uint32_t prefixes_of(uint32_t net_dst, uint32_t host)
{
	uint32_t set = 0;
	for (unsigned m = 1; m < 32; m++)
		if (((net_dst - (host >> m)) & (WHOLE >> m)) == 0)
			set |= 1u << m;
	return set;
}

/* The state before the first header draw is s: takes a spoofed source and a host part into account. */
static void settle_start(const struct gs_bot_input *in, const struct fields *f, struct gs_bot_state s, struct gs_bot_proof *ret)
{
	if (s.w[3] == f->src && s.w[3] != 0) {
		ret->drawn |= GS_BOT_DREW_SRC;
		ret->bits += 32;
		xorshift_back(&s);
	}
	ret->before = s;
	ret->host_draw = s.w[3];
	ret->prefixes = prefixes_of(in->dst, s.w[3]);
	ret->has_state = true;
}

/* Level and draws from the bits; a level that the packet has already is not taken away. */
static void settle_level(const struct gs_bot_input *in, const struct fields *f, struct gs_bot_proof *ret)
{
	const unsigned own = ret->bits;
	if (own < GS_BOT_PROOF_BITS && (ret->drawn & GS_BOT_DREW_ID ? f->id_drawn : f->id_fixed))
		ret->bits += 16;
	if (ret->bits >= GS_BOT_PROOF_BITS)
		ret->level = GS_BOT_LEVEL_PROVEN;
	else if (own >= 16 && ret->bits >= LIKELY_BITS)
		ret->level = GS_BOT_LEVEL_LIKELY;
	if (ret->level < GS_BOT_LEVEL_PROVEN)
		ret->has_state = false;
	if (ret->level >= GS_BOT_LEVEL_LIKELY && !(ret->facts & GS_BOT_FACT_HEADER_UNKNOWN))
		ret->draws = (uint16_t)draws_of(ret->drawn, in->data_wire_len);
}

/* ---- data of five words and more ---- */

/* The draws before the data, latest first: which of them are header fields? Returns the bits of evidence, *ret_drawn the fields, *ret_used the draws. */
static unsigned explain_header(const struct fields *f, const uint32_t *back, unsigned *ret_drawn, unsigned *ret_used)
{
	unsigned macs = 0, best_bits = 0;

	*ret_drawn = *ret_used = 0;
	if (f->greeth) {
		if (back[0] != f->mac[2] || back[1] != f->mac[1] || back[2] != f->mac[0])
			return 0;
		macs = 3;
		best_bits = 96;
		*ret_drawn = GS_BOT_DREW_MACS;
		*ret_used = 3;
	}
	back += macs;
	/* bit 0 of `fixed`: id, 1 and 2: ports, 3: destination; nothing fixed comes first and is nearly always it */
	for (unsigned fixed = 0; fixed < 16; fixed++) {
		unsigned at = 0, bits = 0, drawn = 0;
		/* the identifications themselves say how they were made, unless one was replaced on the way */
		bool good = fixed & 1 ? !f->id_drawn : !f->id_fixed;
		if (good && !(fixed & 8)) {
			good = back[at++] == f->inner_dst;
			bits += 32;
			drawn |= GS_BOT_DREW_DST;
		}
		if (good && !(fixed & 4)) {
			good = (uint16_t)back[at++] == f->dport;
			bits += 16;
			drawn |= GS_BOT_DREW_DPORT;
		}
		if (good && !(fixed & 2)) {
			good = (uint16_t)back[at++] == f->sport;
			bits += 16;
			drawn |= GS_BOT_DREW_SPORT;
		}
		if (good && !(fixed & 1)) {
			good = (uint16_t)back[at++] == f->id;
			bits += 16;
			drawn |= GS_BOT_DREW_ID;
		}
		if (good && bits + 32 * macs > best_bits) {
			best_bits = bits + 32 * macs;
			*ret_drawn = drawn | (macs ? GS_BOT_DREW_MACS : 0);
			*ret_used = at + macs;
		}
		if (fixed == 0 && good)
			break;
	}
	return best_bits;
}

/* How many words after the first four follow the recurrence, at most max; words in all at p. */
static unsigned words_following(const uint8_t *p, unsigned words, unsigned max, enum gs_bot_order order)
{
	unsigned n = 4;
	uint32_t v[4] = { word_load(p, order), word_load(p + 4, order), word_load(p + 8, order), word_load(p + 12, order) };
	while (n < words && n - 4 < max) {
		const uint32_t next = word_load(p + 4 * (size_t)n, order);
		if (next != xorshift_next(v[n & 3], v[(n + 3) & 3]) || v[n & 3] == 0 || v[(n + 3) & 3] == 0)
			break;
		v[n++ & 3] = next;
	}
	return n - 4;
}

static bool five_words_follow(const uint8_t *p, enum gs_bot_order order)
{
	const uint32_t oldest = word_load(p, order), fourth = word_load(p + 12, order);
	return word_load(p + 16, order) == xorshift_next(oldest, fourth) && oldest != 0 && fourth != 0;
}

/* The five words at `offset` follow the generator. True, with *ret filled, where that makes the packet likely or better. */
static bool prove_stream(const struct gs_bot_input *in, enum gs_bot_order order, unsigned offset, unsigned flags, struct gs_bot_proof *ret)
{
	const uint8_t *data = in->data + offset;
	const unsigned words = (in->data_len - offset) / 4;
	struct gs_bot_state s = { { word_load(data, order), word_load(data + 4, order), word_load(data + 8, order), word_load(data + 12, order) } };
	uint32_t back[MAX_HEADER];
	struct fields f;
	unsigned drawn = 0, used = 0, header_bits = 0;

	for (unsigned i = 0; i < 4; i++)
		xorshift_back(&s);
	const struct gs_bot_state at_data = s;
	read_fields(in, order, &f);
	if (offset == 0) {
		for (unsigned i = 0; i < MAX_HEADER; i++) {
			back[i] = s.w[3];
			xorshift_back(&s);
		}
		header_bits = explain_header(&f, back, &drawn, &used);
	}
	/* sixteen bits agree by chance too easily, unless the operator fixed the destination by making it the outer one; then he may have fixed everything */
	const bool header_known = header_bits >= 32 || (offset == 0 && f.dst == f.inner_dst && (header_bits >= 16 || f.id_fixed));
	const unsigned wanted = flags & GS_BOT_FULL ? words : header_bits >= GS_BOT_PROOF_BITS ? 1 : MAX_DATA;
	const unsigned following = words_following(data, words, wanted, order);
	if (!header_known && 32 * following < VARIANT_BITS)
		return false;

	struct gs_bot_proof p = *ret;
	p.byte_order = (uint8_t)order;
	p.facts |= GS_BOT_FACT_RECURRENCE;
	p.bits = (uint16_t)(32 * following + (header_known ? header_bits : 0));
	p.data_offset = (uint8_t)offset;
	p.drawn = GS_BOT_DREW_DATA;
	if (flags & GS_BOT_FULL && following + 4 < words)
		p.facts |= GS_BOT_FACT_BROKEN;
	if (header_known) {
		p.drawn |= (uint8_t)drawn;
		p.facts |= header_bits ? GS_BOT_FACT_HEADER : 0;
		settle_start(in, &f, gs_bot_state_step(at_data, -(int64_t)used), &p);
	} else {
		p.facts |= GS_BOT_FACT_HEADER_UNKNOWN | (offset ? GS_BOT_FACT_OFFSET : 0);
		p.before = at_data;
		p.host_draw = at_data.w[3];
		p.has_state = true;
	}
	settle_level(in, &f, &p);
	if (p.level < GS_BOT_LEVEL_LIKELY)
		return false;
	*ret = p;
	return true;
}

/* ---- shorter data, and none ---- */

struct words {
	uint32_t v[MAX_WORDS], mask[MAX_WORDS];
	unsigned n;
};

static void words_push(struct words *w, uint32_t v, uint32_t mask)
{
	w->v[w->n] = v;
	w->mask[w->n++] = mask;
}

/* The draws of a packet as far as it shows them, if the fields in `drawn` are drawn. */
static void words_read(const struct gs_bot_input *in, const struct fields *f, unsigned drawn, enum gs_bot_order order, struct words *w)
{
	w->n = 0;
	if (drawn & GS_BOT_DREW_ID)
		words_push(w, f->id, 0xffff);
	if (drawn & GS_BOT_DREW_SPORT)
		words_push(w, f->sport, 0xffff);
	if (drawn & GS_BOT_DREW_DPORT)
		words_push(w, f->dport, 0xffff);
	if (drawn & GS_BOT_DREW_DST)
		words_push(w, f->inner_dst, WHOLE);
	for (unsigned i = 0; drawn & GS_BOT_DREW_MACS && i < 3; i++)
		words_push(w, f->mac[i], WHOLE);
	if (!(drawn & GS_BOT_DREW_DATA))
		return;
	const uint8_t *p = in->data;
	uint32_t left = in->data_len;
	for (unsigned i = 0; i < MAX_DATA && left >= 4; i++, p += 4, left -= 4)
		words_push(w, word_load(p, order), WHOLE);
	if (left >= 4 || in->data_len < in->data_wire_len)
		return;
	if (left >= 2) {
		uint16_t v;
		memcpy(&v, p, sizeof v);
		words_push(w, order == GS_BOT_LITTLE ? le16toh(v) : be16toh(v), 0xffff);
		p += 2;
	}
	if (left & 1)
		words_push(w, *p, 0xff);
}

/* Recovers draws from the back. Returns the bits that agree, or 0 at the first that does not; *w then holds what is known. */
static unsigned words_agree(struct words *w)
{
	unsigned bits = 0;
	for (unsigned i = w->n; i-- > 4;) {
		const unsigned n = i - 4;
		if (w->mask[i] != WHOLE || w->mask[n + 3] != WHOLE)
			continue;
		const uint32_t v = xorshift_oldest(w->v[n + 3], w->v[i]);
		if ((v ^ w->v[n]) & w->mask[n])
			return 0;
		if (v && w->v[i] && w->v[n + 3])
			bits += (unsigned)__builtin_popcount(w->mask[n]);
		w->v[n] = v;
		w->mask[n] = WHOLE;
	}
	/* tails, forwards */
	for (unsigned i = 4; i < w->n; i++) {
		const unsigned n = i - 4;
		if (w->mask[i] == WHOLE || w->mask[n] != WHOLE || w->mask[n + 3] != WHOLE)
			continue;
		const uint32_t v = xorshift_next(w->v[n], w->v[n + 3]);
		if ((v ^ w->v[i]) & w->mask[i])
			return 0;
		if (v)
			bits += (unsigned)__builtin_popcount(w->mask[i]);
		w->v[i] = v;
		w->mask[i] = WHOLE;
	}
	return bits;
}

/* The state before the first of the words, if four in a row are known. */
static bool words_state(const struct words *w, struct gs_bot_state *ret)
{
	for (unsigned i = 0; i + 4 <= w->n; i++) {
		if ((w->mask[i] & w->mask[i + 1] & w->mask[i + 2] & w->mask[i + 3]) != WHOLE)
			continue;
		const struct gs_bot_state s = { { w->v[i], w->v[i + 1], w->v[i + 2], w->v[i + 3] } };
		*ret = gs_bot_state_step(s, -(int64_t)(i + 4));
		return !state_is_zero(ret);
	}
	return false;
}

/* Tries the ways in which the operator may have fixed fields, and keeps in *ret the one with the most evidence. */
static void prove_words(const struct gs_bot_input *in, unsigned data_drawn, struct gs_bot_proof *ret)
{
	static const uint8_t fields[16] = { /* nothing fixed first */
		0x0f, 0x0e, 0x0d, 0x0b, 0x09, 0x0c, 0x0a, 0x08, 0x07, 0x06, 0x05, 0x03, 0x01, 0x04, 0x02, 0x00,
	};
	struct gs_bot_proof best = *ret;
	unsigned best_total = 0;

	/* The relation spans five words. Plain IP without data has four at most: id, ports, destination. That is most of a flood of empty packets. */
	if (in->flood == GS_BOT_GREIP && (!data_drawn || !in->data_len))
		return;
	for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++) {
		struct fields f;
		read_fields(in, order, &f);
		for (unsigned i = 0; i < 16; i++) {
			const bool dst = fields[i] & 8, id = fields[i] & 1;
			/* an inner destination equal to the outer one was set so; drawn it would be that once in 2^32 */
			if (dst == (f.dst == f.inner_dst) || id == f.id_fixed)
				continue;
			struct words w;
			const unsigned drawn = (id ? GS_BOT_DREW_ID : 0) | (fields[i] & 2 ? GS_BOT_DREW_SPORT : 0) | (fields[i] & 4 ? GS_BOT_DREW_DPORT : 0) |
			                       (dst ? GS_BOT_DREW_DST : 0) | (f.greeth ? GS_BOT_DREW_MACS : 0) | data_drawn;
			words_read(in, &f, drawn, order, &w);
			const unsigned bits = words_agree(&w);
			if (bits < 16)
				continue;
			struct gs_bot_proof p = *ret;
			struct gs_bot_state s;
			p.byte_order = (uint8_t)order;
			p.drawn = (uint8_t)drawn;
			p.bits = (uint16_t)bits;
			p.facts |= GS_BOT_FACT_HEADER | (in->data_len >= 4 && data_drawn ? GS_BOT_FACT_RECURRENCE : 0);
			if (words_state(&w, &s))
				settle_start(in, &f, s, &p);
			settle_level(in, &f, &p);
			/* the same evidence with fewer draws is the less likely story */
			const unsigned total = (unsigned)p.level * 1024 + p.bits;
			if (p.level >= GS_BOT_LEVEL_LIKELY && total > best_total) {
				best_total = total;
				best = p;
			}
		}
	}
	*ret = best;
}

/* ---- the whole of it ---- */

/* What is no proof but speaks: shape and identification. */
static void judge_shape(const struct gs_bot_input *in, struct gs_bot_proof *ret)
{
	const bool df = in->flags & GS_BOT_IN_DF, inner_df = in->flags & GS_BOT_IN_INNER_DF;
	ret->hops = (int16_t)(in->inner_ttl - in->ttl);
	if (in->tos == in->inner_tos && df == inner_df && in->inner_ttl >= in->ttl)
		ret->facts |= GS_BOT_FACT_SHAPE;
	if (in->data_wire_len == 512 || in->data_wire_len == 0)
		ret->facts |= GS_BOT_FACT_DEFAULT_LEN;
	if (in->flags & GS_BOT_IN_QUOTED)
		ret->facts |= GS_BOT_FACT_QUOTED;
	for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++)
		if (id_sum(in, order) == ID_SUM) {
			ret->facts |= GS_BOT_FACT_ID;
			ret->byte_order = (uint8_t)order;
		}
	if (id_sum(in, GS_BOT_BIG) == ID_SUM_FIXED)
		ret->facts |= GS_BOT_FACT_ID_FIXED;
	if (ret->facts & GS_BOT_FACT_SHAPE) {
		ret->flood = in->flood;
		ret->level = GS_BOT_LEVEL_SHAPE;
		if (ret->facts & (GS_BOT_FACT_ID | GS_BOT_FACT_ID_FIXED)) {
			ret->level = GS_BOT_LEVEL_ID;
			ret->bits = 15;
		}
	}
}

/* Tries everything; true where *ret became likely or better. */
static bool prove_any(const struct gs_bot_input *in, unsigned flags, struct gs_bot_proof *ret)
{
	const bool zero = all_zero(in->data, in->data_len);

	if (zero)
		ret->facts |= GS_BOT_FACT_ZERO_DATA;
	if (in->data_wire_len && !in->data_len)
		ret->facts |= GS_BOT_FACT_DATA_UNSEEN;
	if (flags & GS_BOT_UNPROVEN)
		return false;
	if (zero || in->data_len < 20) {
		prove_words(in, in->data_wire_len && !zero ? GS_BOT_DREW_DATA : 0, ret);
		return ret->level >= GS_BOT_LEVEL_LIKELY;
	}
	for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++)
		if (five_words_follow(in->data, order) && prove_stream(in, order, 0, flags, ret))
			return true;
	if (in->flood == GS_BOT_GREETH) /* data of another kind behind headers that may still be drawn */
		prove_words(in, 0, ret);
	if (ret->level >= GS_BOT_LEVEL_LIKELY)
		return true;
	for (unsigned offset = 1; offset < 4 && in->data_len >= 24 + offset; offset++)
		for (unsigned order = GS_BOT_LITTLE; order <= GS_BOT_BIG; order++)
			if (five_words_follow(in->data + offset, order) && prove_stream(in, order, offset, flags, ret))
				return true;
	return false;
}

void gs_bot_prove(const struct gs_bot_input *in, unsigned flags, struct gs_bot_proof *ret)
{
	*ret = (struct gs_bot_proof){ 0 };
	if (in->flood == GS_BOT_NO_FLOOD || !lengths_fit(in))
		return;
	judge_shape(in, ret);
	if (prove_any(in, flags, ret))
		ret->flood = in->flood;
	if (flags & GS_BOT_FULL)
		proof_complete(in, ret);
}

const char *gs_bot_level_word(unsigned level)
{
#define X(name, word) word,
	static const char *const words[] = { GS_BOT_LEVEL_MAP(X) };
#undef X
	return level < GS_BOT_LEVEL_COUNT ? words[level] : "?";
}

uint64_t gs_bot_evidence(const struct gs_bot_proof *p)
{
	static const struct { uint16_t fact; uint64_t evidence; } map[] = {
		{ GS_BOT_FACT_SHAPE, GS_EVIDENCE(SHAPE) },
		{ GS_BOT_FACT_ID | GS_BOT_FACT_ID_FIXED, GS_EVIDENCE(IP_ID) },
		{ GS_BOT_FACT_RECURRENCE, GS_EVIDENCE(RECURRENCE) },
		{ GS_BOT_FACT_HEADER, GS_EVIDENCE(HEADER_DRAWS) },
		{ GS_BOT_FACT_DEFAULT_LEN, GS_EVIDENCE(LENGTH) },
		{ GS_BOT_FACT_QUOTED, GS_EVIDENCE(ICMP_QUOTE) },
	};
	uint64_t evidence = 0;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (p->facts & map[i].fact)
			evidence |= map[i].evidence;
	return p->level == GS_BOT_LEVEL_NONE ? 0 : evidence;
}
