/* test_classify.c - the rules that go by windows and by records; those that go by packets stand in tests/golden */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify/classify.h"
#include "classify/control.h"

static struct gs_sighting window(uint8_t class_, uint64_t packets, int64_t seconds, uint64_t spread)
{
	return (struct gs_sighting){ .class_ = class_, .packets = packets, .first = { GS_NS_PER_S }, .last = { (seconds + 1) * GS_NS_PER_S }, .spread = spread,
				     .gre_proto = 0x0800 };
}

static uint64_t spread_of(unsigned from, unsigned to)
{
	uint64_t all = 0;
	for (unsigned i = from; i <= to; i++) {
		const struct gs_packet p = { .inner_src = { .b = { 10 }, .family = 4 }, .inner_dst = { .b = { (uint8_t)i }, .family = 4 } };
		all |= gs_classify_spread(&p);
	}
	return all;
}

static void spread_and_rate_make_a_flood(void **state)
{
	(void)state;
	const uint64_t everywhere = spread_of(0, 255);
	struct gs_sighting s = window(GS_CLASS_UNKNOWN, 6000, 60, everywhere);
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_FLOOD_GRE);
	assert_true(s.evidence == (GS_EVIDENCE(RATE) | GS_EVIDENCE(SPREAD)));
	assert_true(s.confidence > 0 && s.confidence < 100);
	/* the same for inner sources */
	s = window(GS_CLASS_UNKNOWN, 6000, 60, everywhere << 32);
	assert_true(gs_classify_window(&s));
	/* half the rate; too few */
	s = window(GS_CLASS_UNKNOWN, 3000, 60, everywhere);
	assert_false(gs_classify_window(&s));
	s = window(GS_CLASS_UNKNOWN, 255, 0, everywhere);
	assert_false(gs_classify_window(&s));
	/* the whole Internet, but nobody of 240/4: a tunnel that people browse through */
	s = window(GS_CLASS_UNKNOWN, 600000, 60, spread_of(1, 239));
	assert_false(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
	/* what another rule knows stays */
	s = window(GS_CLASS_TUNNEL_IPSEC, 600000, 60, everywhere);
	assert_false(gs_classify_window(&s));
}

static void a_remnant_at_a_floods_rate_is_a_flood(void **state)
{
	(void)state;
	struct gs_sighting s = window(GS_CLASS_REMNANT, 60, 59, 0);
	s.evidence = GS_EVIDENCE(SHAPE) | GS_EVIDENCE(IP_ID) | GS_EVIDENCE(MARTIAN);
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_FLOOD_MIRAI_GREIP);
	assert_true(s.confidence < 100);
	assert_true(s.evidence & GS_EVIDENCE(RATE));
	/* never Mirai from shape alone */
	s = window(GS_CLASS_REMNANT, 60, 59, 0);
	s.evidence = GS_EVIDENCE(SHAPE) | GS_EVIDENCE(MARTIAN);
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_FLOOD_GRE);
	s = window(GS_CLASS_REMNANT, 59, 60, 0);
	assert_false(gs_classify_window(&s));
	s = window(GS_CLASS_REMNANT, 9, 0, 0);
	assert_false(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_REMNANT);
}

static void answers_make_a_tunnel(void **state)
{
	(void)state;
	struct gs_sighting s = window(GS_CLASS_UNKNOWN, 20, 10, 0);
	assert_false(gs_classify_window(&s));
	s.evidence = GS_EVIDENCE(TWO_WAY);
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_TUNNEL_DATA);
	/* what is spread like a flood is one, answered or not */
	s = window(GS_CLASS_UNKNOWN, 6000, 60, spread_of(0, 255));
	s.evidence = GS_EVIDENCE(TWO_WAY);
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_FLOOD_GRE);
}

/* n sources all over the address space, a packet each, in `seconds`. */
static struct gs_crowd crowd(uint64_t n, int64_t seconds)
{
	return (struct gs_crowd){ .sources = n, .packets = n, .first = { GS_NS_PER_S }, .last = { (seconds + 1) * GS_NS_PER_S }, .blocks = UINT32_MAX };
}

static void a_crowd_of_impossible_sources_is_a_flood(void **state)
{
	(void)state;
	struct gs_verdict v = { 0 };
	struct gs_crowd c = crowd(256, 2);
	assert_true(gs_classify_crowd(&c, &v));
	assert_int_equal(v.class_, GS_CLASS_FLOOD_GRE);
	assert_true(v.evidence == (GS_EVIDENCE(RATE) | GS_EVIDENCE(FORGED)) && v.confidence > 0 && v.confidence < 100);
	c.packets = 256 * GS_CROWD_EACH;
	assert_true(gs_classify_crowd(&c, &v));
	v = (struct gs_verdict){ 0 };
	/* few; slow; streams; nobody of 240/5; half the world */
	c = crowd(255, 2);
	assert_false(gs_classify_crowd(&c, &v));
	c = crowd(256, 3);
	assert_false(gs_classify_crowd(&c, &v));
	c = crowd(256, 2);
	c.packets = 257 * GS_CROWD_EACH;
	assert_false(gs_classify_crowd(&c, &v));
	c = crowd(100000, 2);
	c.blocks &= ~(UINT32_C(1) << 30);
	assert_false(gs_classify_crowd(&c, &v));
	c.blocks = UINT32_C(0xffff) << 16;
	assert_false(gs_classify_crowd(&c, &v));
	assert_int_equal(v.class_, 0);
}

/* A television feed, or a flood of one and the same packet: any rate, one inner pair, one way. */
static void one_stream_at_any_rate_is_unknown(void **state)
{
	(void)state;
	struct gs_sighting s = window(GS_CLASS_UNKNOWN, 6000000, 60, spread_of(203, 203));
	s.ip_len = 1384;
	s.bytes = s.packets * s.ip_len;
	s.inner_dst = (struct gs_addr){ .b = { 203, 0, 113, 1 }, .family = 4 };
	assert_false(gs_classify_window(&s));
}

/* The world to one prefix, one way. */
static struct gs_sighting cleaned(void)
{
	struct gs_sighting s = window(GS_CLASS_UNKNOWN, 300, 60, spread_of(198, 198) & UINT32_MAX);
	s.spread |= (spread_of(1, 223) & UINT32_MAX) << 32;
	s.inner_dst = (struct gs_addr){ .b = { 198, 51, 100, 20 }, .family = 4 };
	return s;
}

static void the_world_to_one_prefix_is_a_scrubber(void **state)
{
	(void)state;
	struct gs_sighting s = cleaned();
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_TUNNEL_SCRUBBER);
	assert_true(s.evidence == (GS_EVIDENCE(SPREAD) | GS_EVIDENCE(ONE_PREFIX)));
	/* answers: a tunnel; few; a second block; impossible sources; a private inside */
	s = cleaned();
	s.evidence = GS_EVIDENCE(TWO_WAY);
	assert_true(gs_classify_window(&s));
	assert_int_equal(s.class_, GS_CLASS_TUNNEL_DATA);
	s = cleaned();
	s.packets = 255;
	assert_false(gs_classify_window(&s));
	s = cleaned();
	s.spread |= 1;
	assert_false(gs_classify_window(&s));
	s = cleaned();
	s.spread |= UINT64_C(1) << 62;
	assert_false(gs_classify_window(&s));
	s = cleaned();
	s.inner_dst.b[0] = 10;
	assert_false(gs_classify_window(&s));
}

static struct gs_sighting record(uint32_t ip_len)
{
	return (struct gs_sighting){ .fidelity = GS_FIDELITY_LOG, .protocol = 47, .packets = 3, .bytes = 3 * ip_len, .ip_len = ip_len, .df = 1, .src = { .family = 4 },
				     .has = GS_HAS_IP_LEN | GS_HAS_DF };
}

static void lengths_in_records(void **state)
{
	(void)state;
	static const uint32_t lengths[] = { 564, 578, 52, 66 };
	for (unsigned i = 0; i < 4; i++) {
		struct gs_sighting s = record(lengths[i]);
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_REMNANT);
		assert_true(s.confidence > 0 && s.confidence <= 20);
		assert_true(s.evidence == GS_EVIDENCE(LENGTH));
		s = record(lengths[i] + 1);
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
		/* identification 0 */
		s = record(lengths[i]);
		s.has |= GS_HAS_ZERO_ID;
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
		assert_true(s.evidence == 0);
		/* may be fragmented; not known whether it may; lengths that differ; PPTP; IPv6 */
		s = record(lengths[i]);
		s.df = 0;
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
		s = record(lengths[i]);
		s.has = GS_HAS_IP_LEN;
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
		s = record(lengths[i]);
		s.bytes++;
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
		s = record(lengths[i]);
		s.has |= GS_HAS_PROTO;
		s.gre_proto = 0x880b;
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
		s = record(lengths[i]);
		s.src.family = 6;
		gs_classify_record(&s);
		assert_int_equal(s.class_, GS_CLASS_UNKNOWN);
	}
}

/* An Outgoing-Call-Request of 10.0.0.0 + from, with call id 7. */
static void ask_for_call(struct gs_control *c, uint32_t from, struct gs_time ts)
{
	static const uint8_t segment[36] = { 0xc3, 0x50, 0x06, 0xbb, [12] = 0x50, [21] = 168, [23] = 1, [24] = 0x1a, 0x2b, 0x3c, 0x4d, [29] = 7, [33] = 7 };
	const struct gs_frame f = { .data = segment, .caplen = sizeof segment, .wirelen = sizeof segment };
	struct gs_packet p = { .ts = ts, .ip_len = sizeof segment, .src = { .family = 4 }, .dst = { .b = { 192, 0, 2, 1 }, .family = 4 } };

	from += 10u << 24;
	for (unsigned i = 0; i < 4; i++)
		p.src.b[i] = (uint8_t)(from >> (24 - 8 * i));
	gs_control_note(c, &p, &f);
}

/* The evidence that the answer to it gets. */
static uint64_t judged(struct gs_control *c, uint32_t to, struct gs_time ts)
{
	struct gs_packet p = { .ts = ts, .src = { .b = { 192, 0, 2, 1 }, .family = 4 }, .dst = { .family = 4 }, .gre_key = 7, .has = GS_HAS_KEY };
	struct gs_verdict v = { .class_ = GS_CLASS_TUNNEL_PPTP, .confidence = 80 };

	to += 10u << 24;
	for (unsigned i = 0; i < 4; i++)
		p.dst.b[i] = (uint8_t)(to >> (24 - 8 * i));
	gs_control_judge(c, &p, &v);
	return v.evidence;
}

static void forged_control_messages_make_it_forget_but_not_blind(void **state)
{
	(void)state;
	const uint64_t both = GS_EVIDENCE(CONTROL) | GS_EVIDENCE(CONTROL_CALL);
	const struct gs_time ts = { GS_NS_PER_S }, later = { (GS_CONTROL_ALIVE_S + 2) * GS_NS_PER_S };
	struct gs_control *c;

	assert_int_equal(gs_control_new(1, &c, NULL), 0);
	ask_for_call(c, 0, ts);
	ask_for_call(c, 1, ts);
	assert_true(judged(c, 0, ts) == both && judged(c, 1, ts) == both && judged(c, 2, ts) == 0);
	assert_true(judged(c, 0, later) == 0);
	for (uint32_t i = 2; i < 200000; i++) {
		ask_for_call(c, i, ts);
		assert_true(judged(c, i, ts) == both);
		assert_true(i % 1000 || judged(c, 0, ts) == both); /* in use: stays */
	}
	assert_true(judged(c, 1, ts) == 0);
	assert_true(gs_control_forgotten(c) > 200000 && gs_control_forgotten(c) < 400000);
	gs_control_reset(c);
	assert_true(judged(c, 0, ts) == 0);
	gs_control_free(c);
}

static void every_rule_says_where_it_comes_from(void **state)
{
	(void)state;
	unsigned n;
	const struct gs_rule *const *rules = gs_rules(&n);
	for (unsigned i = 0; i < n; i++) {
		assert_true(*rules[i]->name && *rules[i]->source && *rules[i]->wrong);
		assert_true(rules[i]->packet || rules[i]->window || rules[i]->record);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(rules[i]->name, rules[k]->name);
	}
}

static char *read_doc(void)
{
	FILE *doc = fopen(CLASSES_MD, "r");
	char *have = calloc(1, 1 << 18);

	assert_true(doc && have);
	assert_true(fread(have, 1, (1 << 18) - 1, doc) > 0);
	fclose(doc);
	return have;
}

/* Whether the documentation holds what was written to `out`; both are freed. */
static void assert_documented(FILE *out, char **want)
{
	char *have = read_doc();

	fclose(out);
	const bool same = strstr(have, *want);
	if (!same)
		fputs(*want, stderr); /* what it has to be; too long for cmocka's messages */
	free(*want);
	free(have);
	assert_true(same);
}

/* The table of precedence in docs/classes.md, as the rules themselves make it. */
static void the_documentation_has_the_same_table(void **state)
{
	char *want;
	size_t len;
	unsigned n;
	const struct gs_rule *const *rules = gs_rules(&n);
	FILE *out = open_memstream(&want, &len);

	(void)state;
	assert_non_null(out);
	fputs("| | rule | looks at | source | wrong where |\n|---|---|---|---|---|\n", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "| %u | %s |%s%s%s | %s | %s |\n", i + 1, rules[i]->name, rules[i]->packet ? " packet" : "", rules[i]->window ? " window" : "",
			rules[i]->record ? " record" : "", rules[i]->source, rules[i]->wrong);
	assert_documented(out, &want);
}

static void the_documentation_has_the_same_evidence(void **state)
{
	char *want;
	size_t len;
	unsigned n;
	const struct gs_rule *const *rules = gs_rules(&n);
	FILE *out = open_memstream(&want, &len);

	(void)state;
	assert_non_null(out);
	fputs("| rule | evidence |\n|---|---|\n", out);
	for (unsigned i = 0; i < n; i++) {
		fprintf(out, "| %s |", rules[i]->name);
		for (unsigned bit = 0; bit < GS_EVIDENCE_COUNT; bit++)
			if (rules[i]->evidence >> bit & 1)
				fprintf(out, " `%s`", gs_evidence_word(bit));
		fputs(" |\n", out);
	}
	assert_documented(out, &want);
}

/* Every word has its row on what it is worth, in the order of the bits; those that no rule sets are said to be. */
static void the_documentation_says_what_evidence_is_worth(void **state)
{
	char *have = read_doc(), row[80];
	const char *at = strstr(have, "| evidence | says | worth |");
	uint64_t set = 0;
	unsigned n;
	const struct gs_rule *const *rules = gs_rules(&n);

	(void)state;
	assert_non_null(at);
	for (unsigned i = 0; i < n; i++)
		set |= rules[i]->evidence;
	for (unsigned bit = 0; bit < GS_EVIDENCE_COUNT; bit++) {
		snprintf(row, sizeof row, "\n| `%s` | ", gs_evidence_word(bit));
		at = strstr(at, row);
		if (!at)
			fprintf(stderr, "no row in its place for %s\n", gs_evidence_word(bit));
		assert_non_null(at);
		const char *by_none = strstr(at, "set by no rule"), *end = strchr(at + 1, '\n');
		assert_true((by_none && by_none < end) == !(set >> bit & 1));
	}
	free(have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spread_and_rate_make_a_flood),
		cmocka_unit_test(a_remnant_at_a_floods_rate_is_a_flood),
		cmocka_unit_test(answers_make_a_tunnel),
		cmocka_unit_test(a_crowd_of_impossible_sources_is_a_flood),
		cmocka_unit_test(one_stream_at_any_rate_is_unknown),
		cmocka_unit_test(the_world_to_one_prefix_is_a_scrubber),
		cmocka_unit_test(lengths_in_records),
		cmocka_unit_test(forged_control_messages_make_it_forget_but_not_blind),
		cmocka_unit_test(every_rule_says_where_it_comes_from),
		cmocka_unit_test(the_documentation_has_the_same_table),
		cmocka_unit_test(the_documentation_has_the_same_evidence),
		cmocka_unit_test(the_documentation_says_what_evidence_is_worth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
