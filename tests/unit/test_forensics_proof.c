/* test_forensics_proof.c - what one packet proves, held against made-up bots that know what they drew */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "forensics/made.h"
#include "grescope/verdict.h"

static void assert_state_is(const struct gs_bot_state *s, const struct bot *b)
{
	assert_int_equal(s->w[0], b->x);
	assert_int_equal(s->w[1], b->y);
	assert_int_equal(s->w[2], b->z);
	assert_int_equal(s->w[3], b->w);
}

/* Every length that proves, both byte orders, both floods: level, byte order, draws, and the state before and after, all of them right. */
static void whole_packets_prove(void **arg)
{
	(void)arg;
	static const unsigned lengths[] = { 512, 62, 16, 12, 513, 515, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24, 48, 63, 100, 511, 1000, 1397, 1400, 0, 1, 2, 3, 4, 7, 8, 9, 11 };
	uint64_t at = 1;
	for (int big = 0; big < 2; big++)
		for (int greeth = 0; greeth < 2; greeth++)
			for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
				struct bot b;
				struct bot_attack a;
				struct bot_orders o = orders_for(greeth, lengths[i]);
				any_bot(&b, &at, big);
				bot_attack_start(&a, &b, &o, OWN);
				for (int n = 0; n < 60; n++) {
					uint8_t ip[BOT_MAX_PACKET];
					const struct bot before = a.bot;
					const size_t len = bot_attack_packet(&a, 0, 12, ip);
					const struct gs_bot_input in = input_of(ip, len);
					struct gs_bot_proof p, quick;
					gs_bot_prove(&in, GS_BOT_FULL, &p);
					gs_bot_prove(&in, 0, &quick);
					assert_int_equal(p.hops, 12);
					assert_int_equal(p.flood, greeth ? GS_BOT_GREETH : GS_BOT_GREIP);
					assert_true(p.facts & GS_BOT_FACT_SHAPE);
					assert_true(p.facts & (!big || !(lengths[i] & 1) ? GS_BOT_FACT_SUM_GOOD : GS_BOT_FACT_SUM_QUIRK | GS_BOT_FACT_SUM_GOOD));
					assert_int_equal(p.byte_order, big ? GS_BOT_BIG : GS_BOT_LITTLE);
					assert_int_equal(p.level, quick.level);
					assert_int_equal(p.draws, quick.draws);
					if (!greeth && lengths[i] < 12) {
						assert_int_equal(p.level, lengths[i] >= 8 ? GS_BOT_LEVEL_PROVEN : lengths[i] >= 4 ? GS_BOT_LEVEL_LIKELY : GS_BOT_LEVEL_ID);
						assert_int_equal(p.bits, lengths[i] >= 8 ? 48 : lengths[i] >= 4 ? 32 : 15);
						assert_false(p.has_state);
						continue;
					}
					assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
					assert_true(p.has_state && p.has_after && quick.has_state && !quick.has_after);
					assert_state_is(&p.before, &before);
					assert_state_is(&quick.before, &before);
					assert_state_is(&p.after, &a.bot);
					assert_int_equal(p.draws, a.bot.draws - before.draws);
					assert_int_equal(p.drawn, GS_BOT_DREW_ID | GS_BOT_DREW_SPORT | GS_BOT_DREW_DPORT | GS_BOT_DREW_DST |
					                                  (greeth ? GS_BOT_DREW_MACS : 0) | (lengths[i] ? GS_BOT_DREW_DATA : 0));
					assert_false(p.facts & GS_BOT_FACT_BROKEN);
				}
			}
}

static unsigned bits_of(bool greeth, unsigned len)
{
	struct bot b;
	struct bot_attack a;
	struct bot_orders o = orders_for(greeth, len);
	uint64_t at = len + greeth;
	uint8_t ip[BOT_MAX_PACKET];
	any_bot(&b, &at, false);
	bot_attack_start(&a, &b, &o, OWN);
	const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, 9, ip));
	struct gs_bot_proof p;
	gs_bot_prove(&in, GS_BOT_FULL, &p);
	return p.bits;
}

/* The table of docs/forensics.md: a 512-octet greip packet has 124 words that follow (32 bits each) and 80 bits of header fields. */
static void evidence_is_counted(void **arg)
{
	(void)arg;
	assert_int_equal(bits_of(false, 512), 124 * 32 + 80);
	assert_int_equal(bits_of(true, 512), 124 * 32 + 80 + 96);
	assert_int_equal(bits_of(false, 514), 124 * 32 + 80 + 16);
	assert_int_equal(bits_of(false, 515), 124 * 32 + 80 + 24);
	assert_int_equal(bits_of(false, 12), 48);
	assert_int_equal(bits_of(false, 16), 80);
	assert_int_equal(bits_of(true, 0), 48);
	assert_int_equal(bits_of(true, 4), 80);
}

/* Which fields the operator fixed, for all sixteen ways and both floods, and what then counts as draws per packet. */
static void fixed_fields_are_told(void **arg)
{
	(void)arg;
	uint64_t at = 77;
	for (int way = 0; way < 128; way++) {
		struct bot b;
		struct bot_attack a;
		struct bot_orders o = orders_for(way >> 4 & 1, way >> 6 & 1 ? 21 : 300);
		o.ident = way & 1 ? 4242 : -1;
		o.sport = way & 2 ? 53 : -1;
		o.dport = way & 4 ? 80 : -1;
		o.gcip = way & 8;
		any_bot(&b, &at, way >> 5 & 1);
		bot_attack_start(&a, &b, &o, OWN);
		for (int n = 0; n < 30; n++) {
			uint8_t ip[BOT_MAX_PACKET];
			const struct bot before = a.bot;
			const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, 3, ip));
			struct gs_bot_proof p;
			gs_bot_prove(&in, GS_BOT_FULL, &p);
			/* greip, 20 octets, everything fixed: five words, 32 bits, and the relation 16 */
			assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
			assert_true(p.bits >= GS_BOT_PROOF_BITS);
			assert_state_is(&p.before, &before);
			assert_int_equal(p.draws, a.bot.draws - before.draws);
			assert_int_equal(!(p.drawn & GS_BOT_DREW_ID), way & 1);
			assert_int_equal(!(p.drawn & GS_BOT_DREW_SPORT), way >> 1 & 1);
			assert_int_equal(!(p.drawn & GS_BOT_DREW_DPORT), way >> 2 & 1);
			assert_int_equal(!(p.drawn & GS_BOT_DREW_DST), way >> 3 & 1);
			assert_state_is(&p.after, &a.bot);
		}
	}
}

/* A constant inner destination needs one word more. */
static void constant_inner_destination(void **arg)
{
	(void)arg;
	uint64_t at = 5;
	static const struct { unsigned len; bool greeth; unsigned level; } cases[] = {
		{ 16, false, GS_BOT_LEVEL_PROVEN }, { 12, false, GS_BOT_LEVEL_PROVEN }, { 8, false, GS_BOT_LEVEL_LIKELY }, { 4, false, GS_BOT_LEVEL_ID },
		{ 0, false, GS_BOT_LEVEL_ID }, { 4, true, GS_BOT_LEVEL_PROVEN }, { 0, true, GS_BOT_LEVEL_PROVEN },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int n = 0; n < 50; n++) {
			struct bot b;
			struct bot_attack a;
			struct bot_orders o = orders_for(cases[i].greeth, cases[i].len);
			uint8_t ip[BOT_MAX_PACKET];
			struct gs_bot_proof p;
			o.gcip = true;
			any_bot(&b, &at, n & 1);
			bot_attack_start(&a, &b, &o, OWN);
			const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, 3, ip));
			gs_bot_prove(&in, 0, &p);
			assert_int_equal(p.level, cases[i].level);
			if (p.level >= GS_BOT_LEVEL_LIKELY)
				assert_false(p.drawn & GS_BOT_DREW_DST);
		}
}

static void spoofed_sources_and_prefixes(void **arg)
{
	(void)arg;
	uint64_t at = 6;
	for (unsigned masklen = 8; masklen <= 32; masklen += 4)
		for (int n = 0; n < 40; n++) {
			struct bot b;
			struct bot_attack a;
			struct bot_orders o = orders_for(n & 1, 64);
			uint8_t ip[BOT_MAX_PACKET];
			struct gs_bot_proof p;
			o.source = n & 2 ? -1 : -2;
			o.target[0] = (struct bot_target){ SENSOR & (uint32_t)(UINT64_C(0xffffffff) << (32 - masklen)), masklen };
			any_bot(&b, &at, n & 4);
			bot_attack_start(&a, &b, &o, OWN);
			struct bot before = a.bot;
			const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, 3, ip));
			gs_bot_prove(&in, 0, &p);
			assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
			assert_int_equal(!!(p.drawn & GS_BOT_DREW_SRC), o.source == -1);
			if (masklen < 32) { /* the host part is the draw before */
				assert_int_equal(p.host_draw, bot_draw(&before));
				assert_true(p.prefixes >> masklen & 1);
			}
			assert_state_is(&p.before, &before);
			assert_int_equal(p.draws + (masklen < 32), a.bot.draws - before.draws + (masklen < 32));
		}
}

/* Cut anywhere, a packet proves less, never something else; and nothing is read past the cut (the octets lie at the end of their memory). */
static void cut_packets(void **arg)
{
	(void)arg;
	uint64_t at = 7;
	for (int n = 0; n < 8; n++) {
		struct bot b;
		struct bot_attack a;
		struct bot_orders o = orders_for(n & 1, 512);
		uint8_t ip[BOT_MAX_PACKET];
		any_bot(&b, &at, n & 2);
		bot_attack_start(&a, &b, &o, OWN);
		const struct bot before = a.bot;
		const size_t len = bot_attack_packet(&a, 0, 3, ip), headers = o.greeth ? 66 : 52;
		for (size_t cap = 0; cap <= len; cap++) {
			uint8_t *copy = malloc(cap ? cap : 1);
			memcpy(copy, ip, cap);
			struct gs_bot_input in;
			if (gs_bot_input_from_ipv4(copy, cap, &in)) {
				struct gs_bot_proof p;
				gs_bot_prove(&in, GS_BOT_FULL, &p);
				assert_true(cap >= headers - 4); /* the ports end there */
				if (cap >= headers + 12 || o.greeth)
					assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
				else
					assert_true(p.level >= GS_BOT_LEVEL_ID && p.level <= (cap >= headers + 8 ? GS_BOT_LEVEL_PROVEN : GS_BOT_LEVEL_LIKELY));
				if (p.level == GS_BOT_LEVEL_PROVEN && p.has_state) {
					assert_state_is(&p.before, &before);
					assert_int_equal(p.draws, a.bot.draws - before.draws);
					assert_state_is(&p.after, &a.bot);
				}
				if (cap == 128 - 14) /* what sFlow gives by default */
					assert_true(p.bits >= 400);
			} else {
				assert_true(cap < headers - 4);
			}
			free(copy);
		}
	}
}

static void zeros_prove_nothing(void **arg)
{
	(void)arg;
	uint64_t at = 8;
	for (int n = 0; n < 200; n++) {
		struct bot b;
		struct bot_attack a;
		struct bot_orders o = orders_for(false, 512);
		uint8_t ip[BOT_MAX_PACKET];
		struct gs_bot_proof p;
		o.rand = false;
		any_bot(&b, &at, n & 1);
		bot_attack_start(&a, &b, &o, OWN);
		const struct bot before = a.bot;
		size_t len = bot_attack_packet(&a, 0, 3, ip);
		struct gs_bot_input in = input_of(ip, len);
		gs_bot_prove(&in, GS_BOT_FULL, &p);
		assert_int_equal(p.level, GS_BOT_LEVEL_ID);
		assert_true(p.facts & GS_BOT_FACT_ZERO_DATA);

		/* greeth: the MAC addresses alone */
		o.greeth = true;
		a.orders = o;
		a.bot = before;
		len = bot_attack_packet(&a, 0, 3, ip);
		in = input_of(ip, len);
		gs_bot_prove(&in, GS_BOT_FULL, &p);
		assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
		assert_int_equal(p.bits, 48);
		assert_int_equal(p.draws, 7);
		assert_state_is(&p.after, &a.bot);
	}
	/* an honest tunnel with little in it: small numbers, long runs of zeros */
	for (int n = 0; n < 200000; n++) {
		struct bot_attack a;
		struct bot_orders o = orders_for(n & 1, 64);
		uint8_t ip[BOT_MAX_PACKET];
		struct bot b;
		struct gs_bot_proof p;
		any_bot(&b, &at, false);
		o.sport = (int32_t)(number(&at) & 3);
		o.dport = (int32_t)(number(&at) & 3);
		o.rand = false;
		bot_attack_start(&a, &b, &o, OWN);
		const size_t len = bot_attack_packet(&a, 0, 3, ip);
		memset(ip + 24, 0, n & 1 ? 12 : 0);
		for (size_t i = len - 64; i < len; i++)
			ip[i] = number(&at) & 7 ? 0 : (uint8_t)(number(&at) & 1);
		ip[4] ^= 1; /* no relation */
		const struct gs_bot_input in = input_of(ip, len);
		gs_bot_prove(&in, 0, &p);
		assert_true(p.level <= GS_BOT_LEVEL_SHAPE);
	}
}

/* The right shape, random fields: nothing is proven, and the identification relation comes by chance once in 32768. */
static void random_fields_prove_nothing(void **arg)
{
	(void)arg;
	static const unsigned lengths[] = { 512, 16, 12, 8, 0, 20, 24 };
	uint64_t at = 9;
	unsigned levels[GS_BOT_LEVEL_COUNT] = { 0 }, total = 0;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (int n = 0; n < 60000; n++, total++) {
			static uint8_t ip[BOT_MAX_PACKET];
			const bool greeth = n & 1;
			struct bot_orders o = orders_for(greeth, lengths[i]);
			struct bot b;
			struct bot_attack a;
			struct gs_bot_proof p;
			if (n < 2) {
				any_bot(&b, &at, false);
				bot_attack_start(&a, &b, &o, OWN);
				bot_attack_packet(&a, 0, 3, ip);
			}
			const size_t inner = greeth ? 38 : 24, len = inner + 28 + lengths[i];
			if (n >= 2) {
				ip[2] = (uint8_t)(len >> 8);
				ip[3] = (uint8_t)len;
				ip[22] = greeth ? 0x65 : 8;
				ip[23] = greeth ? 0x58 : 0;
				memset(ip + 24, 0, 60);
				ip[36] = greeth ? 8 : 0;
				ip[inner] = 0x45;
				ip[inner + 2] = (uint8_t)((len - inner) >> 8);
				ip[inner + 3] = (uint8_t)(len - inner);
				ip[inner + 6] = 0x40;
				ip[inner + 8] = 64;
				ip[inner + 9] = 17;
				ip[inner + 24] = (uint8_t)((len - inner - 20) >> 8);
				ip[inner + 25] = (uint8_t)(len - inner - 20);
			}
			for (unsigned k = 0; greeth && k < 12; k++)
				ip[24 + k] = (uint8_t)number(&at);
			ip[4] = (uint8_t)number(&at);
			ip[5] = (uint8_t)number(&at);
			ip[inner + 4] = (uint8_t)number(&at);
			ip[inner + 5] = (uint8_t)number(&at);
			for (unsigned k = 12; k < 24; k++)
				ip[inner + k] = (uint8_t)number(&at);
			for (unsigned k = 0; k < lengths[i]; k += 8) {
				const uint64_t v = number(&at);
				memcpy(ip + inner + 28 + k, &v, lengths[i] - k < 8 ? lengths[i] - k : 8);
			}
			const struct gs_bot_input in = input_of(ip, len);
			gs_bot_prove(&in, 0, &p);
			levels[p.level]++;
		}
	assert_int_equal(levels[GS_BOT_LEVEL_PROVEN], 0);
	assert_int_equal(levels[GS_BOT_LEVEL_LIKELY], 0);
	assert_int_equal(levels[GS_BOT_LEVEL_NONE], 0);
	/* two relations of drawn identifications and one of a fixed one, each once in 65536: 19.2 expected */
	assert_in_range(levels[GS_BOT_LEVEL_ID], 4, 45);
	assert_int_equal(levels[GS_BOT_LEVEL_ID] + levels[GS_BOT_LEVEL_SHAPE], total);
}

/* The words begin elsewhere in the data, or the header is not drawn in the known order: the generator is proven, the layout is said to be unknown. */
static void unknown_variants(void **arg)
{
	(void)arg;
	uint64_t at = 10;
	for (int n = 0; n < 400; n++) {
		const unsigned shift = n & 3;
		struct bot b;
		struct bot_attack a;
		struct bot_orders o = orders_for(n & 8, 128);
		uint8_t ip[BOT_MAX_PACKET];
		struct gs_bot_proof p;
		any_bot(&b, &at, n & 4);
		bot_attack_start(&a, &b, &o, OWN);
		const size_t len = bot_attack_packet(&a, 0, 3, ip);
		const size_t data = len - 128;
		for (size_t i = 4; i < data; i++) /* all drawn fields of the header are another program's */
			if (i < 6 || (i >= 24 && i < 36 && o.greeth) || (i >= data - 24 && i < data - 22) || (i >= data - 16 && i < data - 4))
				ip[i] = (uint8_t)number(&at);
		memmove(ip + data + shift, ip + data, 128 - shift);
		memset(ip + data, 0x55, shift);
		const struct gs_bot_input in = input_of(ip, len);
		gs_bot_prove(&in, GS_BOT_FULL, &p);
		assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
		assert_true(p.facts & GS_BOT_FACT_HEADER_UNKNOWN);
		assert_int_equal(!!(p.facts & GS_BOT_FACT_OFFSET), shift != 0);
		assert_int_equal(p.data_offset, shift);
		assert_int_equal(p.draws, 0);
		assert_true(p.bits >= 64);
		struct gs_bot_state s = gs_bot_state_step(p.before, 32);
		assert_state_is(&s, &a.bot);
	}
}

static void replaced_identifications(void **arg)
{
	(void)arg;
	uint64_t at = 11;
	struct bot b;
	struct bot_attack a;
	struct bot_orders o = orders_for(false, 12);
	unsigned zeros = 0;
	any_bot(&b, &at, true);
	bot_attack_start(&a, &b, &o, OWN);
	for (int n = 0; n < 400000; n++) {
		uint8_t ip[BOT_MAX_PACKET];
		struct gs_bot_proof p;
		const size_t len = bot_attack_packet(&a, 0, 3, ip);
		const bool zero = ip[4] == 0x5a && ip[5] == 0x17 && ip[28] == 3 && ip[29] == 0xe7; /* the sender's kernel replaced 0 */
		zeros += zero;
		if (!zero && n > 200)
			continue;
		if (!zero) { /* a router replaced it */
			ip[4] ^= 0x40;
			ip[5] ^= 0x23;
		}
		const struct gs_bot_input in = input_of(ip, len);
		gs_bot_prove(&in, 0, &p);
		assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
		assert_true(p.drawn & GS_BOT_DREW_ID);
		assert_int_equal(p.bits, 48);
		assert_false(p.facts & GS_BOT_FACT_ID);
	}
	assert_true(zeros > 0);
}

static void other_packets_are_refused(void **arg)
{
	(void)arg;
	uint64_t at = 12;
	struct bot b;
	struct bot_attack a;
	struct bot_orders o = orders_for(false, 512);
	uint8_t ip[BOT_MAX_PACKET], bad[BOT_MAX_PACKET];
	struct gs_bot_input in = { .ttl = 7 };
	struct gs_bot_proof p;
	any_bot(&b, &at, false);
	bot_attack_start(&a, &b, &o, OWN);
	const size_t len = bot_attack_packet(&a, 0, 3, ip);
	/* offset and value that makes it another kind of packet: version, options, protocol, later fragment, GRE flags, GRE type, inner version, inner fragment, inner TCP, no room */
	static const struct { unsigned at; uint8_t value; } other[] = {
		{ 0, 0x65 }, { 0, 0x46 }, { 9, 4 }, { 7, 9 }, { 20, 0x20 }, { 22, 0x86 }, { 24, 0x46 }, { 24, 0x65 }, { 31, 1 }, { 30, 0x60 }, { 33, 6 }, { 26, 0 },
	};
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		memcpy(bad, ip, len);
		bad[other[i].at] = other[i].value;
		if (other[i].at == 26)
			bad[27] = 27;
		assert_false(gs_bot_input_from_ipv4(bad, len, &in));
		assert_int_equal(in.ttl, 7); /* untouched */
	}
	/* lengths that contradict each other: read, but no candidate */
	for (unsigned where = 2; where <= 48; where += where == 2 ? 24 : 22) {
		memcpy(bad, ip, len);
		bad[where + 1] ^= 4;
		in = input_of(bad, len);
		gs_bot_prove(&in, 0, &p);
		assert_int_equal(p.level, GS_BOT_LEVEL_NONE);
		assert_int_equal(p.flood, GS_BOT_NO_FLOOD);
		assert_true(gs_bot_evidence(&p) == 0);
	}
	/* a first fragment says less than was sent, and may */
	memcpy(bad, ip, len);
	bad[3] = 0x90;
	bad[6] = 0x20;
	in = input_of(bad, 0x290);
	gs_bot_prove(&in, 0, &p);
	assert_int_equal(p.level, GS_BOT_LEVEL_PROVEN);
}

static void evidence_in_the_verdicts_words(void **arg)
{
	(void)arg;
	uint64_t at = 13;
	struct bot b;
	struct bot_attack a;
	struct bot_orders o = orders_for(false, 512);
	uint8_t ip[BOT_MAX_PACKET];
	struct gs_bot_proof p;
	any_bot(&b, &at, false);
	bot_attack_start(&a, &b, &o, OWN);
	const struct gs_bot_input in = input_of(ip, bot_attack_packet(&a, 0, 3, ip));
	gs_bot_prove(&in, 0, &p);
	assert_true(gs_bot_evidence(&p) == (GS_EVIDENCE(SHAPE) | GS_EVIDENCE(IP_ID) | GS_EVIDENCE(RECURRENCE) | GS_EVIDENCE(HEADER_DRAWS) | GS_EVIDENCE(LENGTH)));
	assert_string_equal(gs_bot_level_word(p.level), "proven");
	assert_string_equal(gs_bot_level_word(99), "?");
}

/* From a decoded packet the same comes out as from its octets. */
static void decoded_packets_give_the_same(void **arg)
{
	(void)arg;
	uint64_t at = 14;
	for (int n = 0; n < 4; n++) {
		struct bot b;
		struct bot_attack a;
		struct bot_orders o = orders_for(n & 1, 64);
		uint8_t frame[14 + BOT_MAX_PACKET] = { 0 };
		any_bot(&b, &at, n & 2);
		bot_attack_start(&a, &b, &o, OWN);
		const size_t len = bot_attack_packet(&a, 0, 5, frame + 14), inner = o.greeth ? 52 : 38;
		const uint8_t *ip = frame + 14;
		const struct gs_frame f = { .data = frame, .caplen = (uint32_t)(14 + len), .wirelen = (uint32_t)(14 + len), .linktype = GS_LINK_ETHERNET };
		struct gs_packet p = {
			.has = GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_INNER | GS_HAS_PORTS | GS_HAS_DATA | GS_HAS_TTL | GS_HAS_IP_LEN | GS_HAS_IP_ID | GS_HAS_DF |
			       (o.greeth ? GS_HAS_MACS : 0),
			.outcome = GS_OUT_GRE, .src = gs_addr_v4(ip + 12), .dst = gs_addr_v4(ip + 16), .ip_version = 4, .ttl = ip[8], .tos = ip[1], .df = 1,
			.ip_id = (uint16_t)(ip[4] << 8 | ip[5]), .ip_hdr_len = 20, .ip_len = (uint32_t)len, .ip_off = 14, .ip_end = (uint32_t)(14 + len), .gre_off = 34,
			.gre_proto = o.greeth ? 0x6558 : 0x0800, .gre_hdr_len = 4, .n_gre = 1, .payload = o.greeth ? GS_LAYER_ETH : GS_LAYER_IPV4, .payload_off = 38,
			.inner_off = (uint32_t)inner, .inner_version = 4, .inner_proto = 17, .mac_off = o.greeth ? 38 : 0,
		};
		struct gs_bot_input from_packet, from_octets = input_of(ip, len);
		memset(&from_packet, 0, sizeof from_packet);
		assert_true(gs_bot_input_from_packet(&p, &f, &from_packet));
		assert_ptr_equal(from_packet.data, from_octets.data);
		struct gs_bot_proof x, y;
		gs_bot_prove(&from_packet, GS_BOT_FULL, &x);
		gs_bot_prove(&from_octets, GS_BOT_FULL, &y);
		assert_int_equal(x.level, GS_BOT_LEVEL_PROVEN);
		assert_memory_equal(&x, &y, sizeof x);
		p.via = GS_VIA_ICMP;
		assert_true(gs_bot_input_from_packet(&p, &f, &from_packet));
		gs_bot_prove(&from_packet, 0, &x);
		assert_true(x.facts & GS_BOT_FACT_QUOTED);
		p.gre_flags = 0x2000;
		assert_false(gs_bot_input_from_packet(&p, &f, &from_packet));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_packets_prove),
		cmocka_unit_test(evidence_is_counted),
		cmocka_unit_test(fixed_fields_are_told),
		cmocka_unit_test(constant_inner_destination),
		cmocka_unit_test(spoofed_sources_and_prefixes),
		cmocka_unit_test(cut_packets),
		cmocka_unit_test(zeros_prove_nothing),
		cmocka_unit_test(random_fields_prove_nothing),
		cmocka_unit_test(unknown_variants),
		cmocka_unit_test(replaced_identifications),
		cmocka_unit_test(other_packets_are_refused),
		cmocka_unit_test(evidence_in_the_verdicts_words),
		cmocka_unit_test(decoded_packets_give_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
