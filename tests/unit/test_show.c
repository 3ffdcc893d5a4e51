/* test_show.c - a dossier: its subject, days and gaps, reasons, neighbours; the same from sums and rows as from sightings */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "query/show.h"

#define DAY_NS INT64_C(86400000000000)
#define START (INT64_C(17194) * DAY_NS) /* 2017-01-28, a Saturday */

static struct gs_subject subject(const char *text)
{
	struct gs_subject s;

	if (!gs_subject_parse(text, strlen(text), &s))
		fail_msg("%s is no subject", text);
	return s;
}

static void subjects_are_read(void **state)
{
	static const struct {
		const char *text, *name;
		enum gs_subject_kind kind;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1", GS_SUBJECT_ADDRESS },
		{ "192.0.2.1/32", "192.0.2.1", GS_SUBJECT_ADDRESS },
		{ "192.0.2.77/24", "192.0.2.0/24", GS_SUBJECT_PREFIX },
		{ "0.0.0.0/0", "0.0.0.0/0", GS_SUBJECT_PREFIX },
		{ "2001:DB8::1", "2001:db8::1", GS_SUBJECT_ADDRESS },
		{ "2001:db8::/32", "2001:db8::/32", GS_SUBJECT_PREFIX },
		{ "as3462", "AS3462", GS_SUBJECT_NETWORK },
		{ "AS4294967295", "AS4294967295", GS_SUBJECT_NETWORK },
	};
	static const char *const bad[] = { "", "AS", "AS0", "AS4294967296", "AS99999999999", "AS1x", "3462", "192.0.2", "192.0.2.1/33", "host", "AS 1" };
	char name[GS_SUBJECT_TEXT_MAX];
	struct gs_subject s;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		s = subject(good[i].text);
		assert_int_equal(s.kind, good[i].kind);
		assert_int_equal(gs_subject_format(&s, name), strlen(good[i].name));
		assert_string_equal(name, good[i].name);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (gs_subject_parse(bad[i], strlen(bad[i]), &s))
			fail_msg("%s was taken for a subject", bad[i]);
}

static struct gs_show *show_new(const char *what, bool redact)
{
	const struct gs_show_question q = { .subject = subject(what), .filter = GS_FILTER_ALL, .limit = 10, .redact_dst = redact, .memory_bytes = 64 << 20 };
	struct gs_show *s = NULL;
	struct gs_error err = { 0 };

	if (gs_show_new(&q, NULL, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static struct gs_sighting from(uint8_t last, int64_t day, uint64_t packets, uint8_t class_, uint64_t evidence)
{
	const uint8_t src[4] = { 192, 0, 2, last }, dst[4] = { 198, 51, 100, 47 };
	return (struct gs_sighting){ .src = gs_addr_v4(src), .dst = gs_addr_v4(dst), .first = { START + day * DAY_NS }, .last = { START + day * DAY_NS + 5 },
				     .packets = packets, .bytes = packets * 50, .class_ = class_, .evidence = evidence, .confidence = 90, .sources = 1,
				     .version = GS_SIGHTING_VERSION, .protocol = 47, .has = GS_HAS_IP_LEN };
}

#define MADE 6

static void give(struct gs_sighting_sink sink, const struct gs_sighting *list, size_t n)
{
	struct gs_error err = { 0 };

	if (sink.take(sink.arg, list, n, &err) < 0)
		fail_msg("%s", err.text);
}

static size_t made(struct gs_sighting *list)
{
	size_t n = 0;

	list[n++] = from(1, 0, 3, GS_CLASS_TUNNEL_KEEPALIVE, GS_EVIDENCE(INNER_GRE_EMPTY) | GS_EVIDENCE(INNER_RETURNS));
	list[n++] = from(1, 1, 2, GS_CLASS_TUNNEL_KEEPALIVE, GS_EVIDENCE(INNER_GRE_EMPTY));
	list[n++] = from(9, 1, 50, GS_CLASS_UNKNOWN, 0);
	list[n++] = from(1, 1, 1, GS_CLASS_MALFORMED, GS_EVIDENCE(STOP));
	list[n - 1].stop = GS_STOP_GRE_CUT;
	list[n++] = from(1, 30, 4, GS_CLASS_UNKNOWN, 0);
	list[n++] = from(1, 40, 1, GS_CLASS_UNKNOWN, 0);
	return n;
}

static const struct gs_show_list *list_of(const struct gs_dossier *d, const char *name)
{
	for (unsigned i = 0; i < d->n_lists; i++)
		if (strcmp(d->lists[i].name, name) == 0)
			return &d->lists[i];
	return NULL;
}

static void check_address(const struct gs_dossier *d)
{
	assert_int_equal(d->meta.packets, 11);
	assert_int_equal(d->meta.sources, 1);
	assert_int_equal(d->days, 4);
	assert_int_equal(d->n_weeks, 7); /* Saturday to a Thursday */
	assert_int_equal(d->weeks[0].packets, 6);
	assert_int_equal(d->weeks[0].monday, 17194 - 5);
	assert_int_equal(d->weeks[5].packets + d->weeks[6].packets, 5);
	assert_int_equal(d->n_gaps, 2);
	assert_int_equal(d->gaps[0].first_day, 17194 + 2);
	assert_int_equal(d->gaps[0].last_day, 17194 + 29);
	assert_int_equal(d->gaps[1].last_day - d->gaps[1].first_day, 8);
	assert_int_equal(d->n_classes, 3);
	for (unsigned i = 0; i < d->n_classes; i++) {
		const struct gs_show_class *c = &d->classes[i];
		if (strcmp(c->word, "tunnel.keepalive") == 0) {
			assert_int_equal(c->looked_at, 2);
			assert_int_equal(c->n_reasons, 2);
			assert_string_equal(c->reasons[0].word, "inner-gre-empty"); /* the more frequent first */
			assert_int_equal(c->reasons[0].sightings, 2);
			assert_int_equal(c->reasons[1].sightings, 1);
			assert_int_equal(c->confidence_max, 90);
			assert_int_equal(c->n_days, 2);
			assert_int_equal(c->days[0].day, 17194);
			assert_int_equal(c->days[0].packets, 3);
			assert_int_equal(c->days[1].packets, 2);
		} else if (strcmp(c->word, "malformed") == 0) {
			assert_int_equal(c->n_reasons, 1);
			assert_string_equal(c->reasons[0].word, gs_stop_word(GS_STOP_GRE_CUT));
		}
	}
	const struct gs_show_list *near = list_of(d, "neighbours");
	assert_non_null(near);
	assert_int_equal(near->n_rows, 1);
	assert_int_equal(near->cells[0].addr.b[3], 9);
	assert_null(list_of(d, "sources"));
}

static void files_and_turns_say_the_same(void **state)
{
	struct gs_sighting list[MADE];
	const size_t n = made(list);
	const struct gs_meta meta = { 0 };
	const struct gs_dossier *d;

	(void)state;
	for (int turns = 0; turns < 2; turns++) {
		struct gs_show *s = show_new("192.0.2.1", false);
		struct gs_filter filter;
		struct gs_sighting_sink sink = gs_show_sink(s);
		unsigned needs;
		if (!turns)
			give(sink, list, n);
		for (unsigned turn = 0; turns && gs_show_turn(s, turn, &filter, &needs, &sink); turn++) {
			assert_int_equal(filter.n_src, 1);
			assert_int_equal(filter.src[0].len, turn ? 32 : 24); /* sums of the neighbours, reasons of the subject */
			assert_int_equal(needs & GS_NEED_ALL, turn ? GS_NEED_ALL : 0);
			give(sink, list, n);
		}
		assert_int_equal(gs_show_answer(s, &meta, &d, NULL), 0);
		check_address(d);
		gs_show_free(s);
	}
}

static void withheld_destinations_need_rows(void **state)
{
	struct gs_show *s = show_new("192.0.2.0/28", true);
	struct gs_filter filter;
	struct gs_sighting_sink sink;
	struct gs_sighting list[MADE];
	const size_t n = made(list);
	const struct gs_meta meta = { 0 };
	const struct gs_dossier *d;
	unsigned needs;

	(void)state;
	for (unsigned turn = 0; gs_show_turn(s, turn, &filter, &needs, &sink); turn++)
		give(sink, list, n);
	assert_int_equal(gs_show_answer(s, &meta, &d, NULL), 0);
	assert_int_equal(d->meta.packets, 61);
	assert_int_equal(d->meta.sources, 2);
	assert_int_equal(list_of(d, "sources")->n_rows, 2);
	assert_int_equal(list_of(d, "targets")->n_rows, 1);
	assert_string_equal(list_of(d, "targets")->cells[0].text, "REDACTED");
	gs_show_free(s);
}

static void reasons_end_where_enough_was_seen(void **state)
{
	struct gs_show *s = show_new("192.0.2.1", false);
	struct gs_sighting g[100];
	struct gs_filter filter;
	struct gs_sighting_sink sink;
	struct gs_error err = { 0 };
	unsigned needs, calls = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		g[i] = from(1, 0, 1, GS_CLASS_UNKNOWN, 0);
	assert_true(gs_show_turn(s, 1, &filter, &needs, &sink));
	while (sink.take(sink.arg, g, 100, &err) == 0)
		calls++;
	assert_int_equal(err.code, GS_ERR_LIMIT);
	assert_string_equal(err.text, "");
	assert_int_equal(calls, GS_SHOW_EVIDENCE_MAX / 100 - 1);
	assert_false(gs_show_turn(s, 2, &filter, &needs, &sink));
	gs_show_free(s);
}

static void nothing_is_an_answer_too(void **state)
{
	const struct gs_meta meta = { 0 };
	const struct gs_dossier *d;
	struct gs_show *s = show_new("AS64496", false);

	(void)state;
	assert_int_equal(gs_show_answer(s, &meta, &d, NULL), 0);
	assert_int_equal(d->meta.packets, 0);
	assert_int_equal(d->days + d->n_weeks + d->n_gaps + d->n_classes + d->n_lists, 0);
	gs_show_free(s);
}

static void every_evidence_has_a_meaning(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GS_EVIDENCE_COUNT; i++)
		assert_true(gs_evidence_meaning(i) && *gs_evidence_meaning(i) && strcmp(gs_evidence_meaning(i), gs_evidence_word(i)) != 0);
	assert_null(gs_evidence_meaning(GS_EVIDENCE_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_are_read),
		cmocka_unit_test(files_and_turns_say_the_same),
		cmocka_unit_test(withheld_destinations_need_rows),
		cmocka_unit_test(reasons_end_where_enough_was_seen),
		cmocka_unit_test(nothing_is_an_answer_too),
		cmocka_unit_test(every_evidence_has_a_meaning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
