/* test_forensics_link.c - the state from packets that carry too little of it alone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "forensics/made.h"

static struct gs_bot_tables *tables;
static struct gs_bot_linker *linker;

static int setup(void **arg)
{
	(void)arg;
	return gs_bot_tables_new(&tables, NULL) || gs_bot_linker_new(tables, 8, &linker, NULL);
}

static int teardown(void **arg)
{
	(void)arg;
	gs_bot_linker_free(linker);
	gs_bot_tables_free(tables);
	return 0;
}

struct scene {
	struct bot before;               /* of the first packet, host part drawn */
	struct gs_bot_input in[GS_BOT_LINK_MAX];
	uint8_t ip[GS_BOT_LINK_MAX][BOT_MAX_PACKET];
	unsigned draws;
};

/* n packets, each `gap` after the one before, cut to cap octets. */
static void play(struct scene *s, const struct bot_orders *o, uint64_t *at, bool big, unsigned n, unsigned gap, size_t cap)
{
	struct bot b;
	struct bot_attack a;
	uint8_t skipped[BOT_MAX_PACKET];
	any_bot(&b, at, big);
	bot_attack_start(&a, &b, o, OWN);
	for (unsigned i = 0; i < n; i++) {
		if (i == 0)
			s->before = a.bot;
		const uint64_t draws = a.bot.draws;
		const size_t len = bot_attack_packet(&a, 0, 9, s->ip[i]);
		s->draws = (unsigned)(a.bot.draws - draws);
		s->in[i] = input_of(s->ip[i], len < cap ? len : cap);
		for (unsigned k = 1; k < gap && i + 1 < n; k++)
			bot_attack_packet(&a, 0, 9, skipped);
	}
	if (o->target[0].masklen < 32)
		bot_draw(&s->before);
}

static bool links(const struct scene *s, unsigned n, unsigned gap, bool big)
{
	struct gs_bot_link l;
	if (!gs_bot_link(linker, s->in, n, GS_BOT_LINK_MAX_GAP, &l))
		return false;
	assert_int_equal(l.distance, gap * s->draws);
	assert_true(state_is(&l.before, &s->before));
	assert_int_equal(l.byte_order, big ? GS_BOT_BIG : GS_BOT_LITTLE);
	assert_true(l.check_bits >= 32);
	return true;
}

static struct scene scene;

static void two_packets_without_data(void **arg)
{
	(void)arg;
	uint64_t at = 21;
	const struct bot_orders o = orders_for(false, 0);
	for (unsigned i = 0; i < 120; i++) {
		const unsigned gap = i < 20 ? i + 1 : i == 20 ? 4096 : (unsigned)(number(&at) % 4096) + 1;
		play(&scene, &o, &at, i & 1, 2, gap, SIZE_MAX);
		assert_true(links(&scene, 2, gap, i & 1));
	}
	/* past the limit nothing is found, or, since 5 packets of 4 draws are as far apart as 4 of 5, the same thing in other words; never a wrong state */
	for (unsigned i = 0; i < 20; i++) {
		play(&scene, &o, &at, i & 1, 2, 4097 + i, SIZE_MAX);
		assert_int_equal(links(&scene, 2, 4097 + i, i & 1), (4097 + i) % 5 == 0);
	}
}

static void strangers_do_not_link(void **arg)
{
	(void)arg;
	uint64_t at = 22;
	const struct bot_orders o = orders_for(false, 0);
	struct gs_bot_link l = { .gap = 77 };
	static struct scene other;
	for (unsigned i = 0; i < 200; i++) {
		play(&scene, &o, &at, false, 1, 1, SIZE_MAX);
		play(&other, &o, &at, false, 1, 1, SIZE_MAX);
		scene.in[1] = other.in[0];
		assert_false(gs_bot_link(linker, scene.in, 2, GS_BOT_LINK_MAX_GAP, &l));
	}
	play(&other, &o, &at, true, 1, 1, SIZE_MAX); /* other byte order */
	scene.in[1] = other.in[0];
	assert_false(gs_bot_link(linker, scene.in, 2, GS_BOT_LINK_MAX_GAP, &l));
	assert_false(gs_bot_link(linker, scene.in, 1, GS_BOT_LINK_MAX_GAP, &l));
	assert_false(gs_bot_link(linker, scene.in, GS_BOT_LINK_MAX + 1, GS_BOT_LINK_MAX_GAP, &l));
	assert_int_equal(l.gap, 77);
}

/* Data that is zeros, data that was cut off, and a few octets of it. */
static void data_of_little_use(void **arg)
{
	(void)arg;
	uint64_t at = 23;
	struct bot_orders o = orders_for(false, 512);
	for (unsigned i = 0; i < 24; i++) {
		const unsigned gap = (unsigned)(number(&at) % 40) + 1;
		play(&scene, &o, &at, i & 1, 2, gap, 52); /* headers only */
		assert_true(links(&scene, 2, gap, i & 1));
	}
	o.rand = false;
	for (unsigned i = 0; i < 24; i++) {
		const unsigned gap = (unsigned)(number(&at) % 300) + 1;
		play(&scene, &o, &at, i & 1, 2, gap, SIZE_MAX);
		assert_true(links(&scene, 2, gap, i & 1));
	}
	for (unsigned len = 1; len < 12; len++) {
		const unsigned gap = (unsigned)(number(&at) % 40) + 1;
		o = orders_for(false, len);
		play(&scene, &o, &at, len & 1, 2, gap, SIZE_MAX);
		assert_true(links(&scene, 2, gap, len & 1));
	}
}

static void prefixes_and_spoofed_sources(void **arg)
{
	(void)arg;
	uint64_t at = 24;
	for (unsigned i = 0; i < 12; i++) {
		struct bot_orders o = orders_for(false, 0);
		const unsigned gap = (unsigned)(number(&at) % 20) + 1;
		if (i & 1)
			o.target[0] = (struct bot_target){ SENSOR & 0xffffff00, 24 };
		if (i & 2)
			o.source = -1;
		play(&scene, &o, &at, i & 4, 2, gap, SIZE_MAX);
		assert_true(links(&scene, 2, gap, i & 4));
	}
}

/* Fixed fields: more packets at equal distances. Bits a packet: 64, 48, 48, 32, 16, 64. */
static void fixed_fields_need_more_packets(void **arg)
{
	(void)arg;
	uint64_t at = 25;
	static const struct { int32_t sport, dport, ident; bool gcip; unsigned needs; } cases[] = {
		{ 53, -1, -1, false, 3 }, { 53, 80, -1, false, 4 }, { -1, -1, -1, true, 4 }, { -1, 80, -1, true, 5 }, { 53, 80, -1, true, 10 }, { -1, -1, 99, false, 3 },
	};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct bot_orders o = orders_for(false, 0);
		o.sport = cases[c].sport;
		o.dport = cases[c].dport;
		o.ident = cases[c].ident;
		o.gcip = cases[c].gcip;
		for (unsigned i = 0; i < 6; i++) {
			const unsigned gap = (unsigned)(number(&at) % 30) + 1, n = cases[c].needs;
			play(&scene, &o, &at, i & 1, n, gap, SIZE_MAX);
			if (cases[c].ident >= 0) { /* nothing tells the byte order beforehand */
				struct gs_bot_link l;
				assert_true(gs_bot_link(linker, scene.in, n, GS_BOT_LINK_MAX_GAP, &l));
			}
			assert_true(links(&scene, n, gap, i & 1));
			if (n > 2) { /* too few equations: refused, not guessed */
				assert_false(links(&scene, n - 1 < 3 ? 2 : n - 1 - (cases[c].needs > 9), gap, i & 1) && n < 4);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_packets_without_data),
		cmocka_unit_test(strangers_do_not_link),
		cmocka_unit_test(data_of_little_use),
		cmocka_unit_test(prefixes_and_spoofed_sources),
		cmocka_unit_test(fixed_fields_need_more_packets),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
