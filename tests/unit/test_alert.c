/*
 * test_alert.c - the rules of alerts, with a clock that the test turns
 */
#include "alert/alert.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmocka.h>

#define T0 INT64_C(1699999200) /* a full hour */
#define HOUR 3600
#define DAY 86400

#define TOLD_MAX 4096
static struct gs_alert told[TOLD_MAX];
static unsigned n_told;

static struct gs_time at(int64_t s)
{
	return (struct gs_time){ (T0 + s) * GS_NS_PER_S };
}

static void tell(void *arg, const struct gs_alert *a)
{
	(void)arg;
	assert_true(n_told < TOLD_MAX);
	assert_true(a->text[0] && a->key[0]);
	told[n_told++] = *a;
}

/* 10.n.x.y is network n; 192.0.2.0/24 is nobody's. */
static void find(void *arg, const struct gs_addr *a, struct gs_alert_network *ret)
{
	(void)arg;
	if (a->family == 4 && a->b[0] == 10)
		*ret = (struct gs_alert_network){ .asn = 64496u + a->b[1] * 256u + a->b[2], .name = "Example \x1b[31mNet\n", .country = "DE" };
}

static struct gs_alerts *fresh(const struct gs_alerts_options *o, int64_t s)
{
	const struct gs_alert_lookup lookup = { find, NULL };
	const struct gs_alert_sink sink = { tell, NULL };
	struct gs_alerts *a;

	n_told = 0;
	assert_int_equal(gs_alerts_new(o, &lookup, &sink, at(s), &a, NULL), 0);
	return a;
}

static const struct gs_alerts_options usual = { .flood_pps = 1000, .surge_factor = 10, .quiet_s = 3600, .window_s = 60 };

static struct gs_addr addr(unsigned a, unsigned b, unsigned c, unsigned d)
{
	const uint8_t o[4] = { (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d };
	return gs_addr_v4(o);
}

/* A second of a class. */
static void pulse(struct gs_alerts *a, int64_t s, unsigned class_, uint64_t packets, uint64_t sources)
{
	static struct gs_pulse_second p;

	gs_pulse_empty(at(s), at(s + 1), &p);
	p.packets = p.class_[class_].packets = packets;
	p.bytes = p.class_[class_].bytes = packets * 60;
	p.sources = p.class_[class_].sources = sources;
	p.targets = p.class_[class_].targets = packets != 0;
	gs_alerts_pulse(a, &p);
}

static void pulses(struct gs_alerts *a, int64_t from, int64_t to, unsigned class_, uint64_t packets)
{
	for (int64_t s = from; s < to; s++)
		pulse(a, s, class_, packets, packets ? 50 : 0);
}

/* A second in which one source sent a packet. */
static void lone(struct gs_alerts *a, int64_t s, struct gs_addr src)
{
	static struct gs_pulse_second p;

	gs_pulse_empty(at(s), at(s + 1), &p);
	p.packets = p.class_[GS_CLASS_REMNANT].packets = p.sources = p.class_[GS_CLASS_REMNANT].sources = 1;
	p.n_sources = 1;
	p.source[0] = (struct gs_pulse_talker){ .addr = src, .class_ = GS_CLASS_REMNANT, .packets = 1 };
	gs_alerts_pulse(a, &p);
}

static void sighting(struct gs_alerts *a, int64_t s, struct gs_addr src, uint64_t packets)
{
	const struct gs_sighting g = { .src = src, .dst = addr(203, 0, 113, 1), .class_ = GS_CLASS_REMNANT, .first = at(s), .last = at(s), .packets = packets, .sources = 1 };

	gs_alerts_sightings(a, &g, 1, at(s));
	gs_alerts_tick(a, at(s));
}

static unsigned count(unsigned kind, unsigned phase)
{
	unsigned n = 0;
	for (unsigned i = 0; i < n_told; i++)
		n += told[i].kind == kind && told[i].phase == phase;
	return n;
}

static const struct gs_alert *last_of(unsigned kind)
{
	for (unsigned i = n_told; i--;)
		if (told[i].kind == kind)
			return &told[i];
	fail_msg("nothing of kind %s was told", gs_alert_kind_word(kind));
	return NULL;
}

/* ---- floods ---- */

static void a_flood_begins_and_ends(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	pulses(a, 0, 100, GS_CLASS_FLOOD_MIRAI_GREIP, 3);
	assert_int_equal(n_told, 0);
	pulses(a, 100, 102, GS_CLASS_FLOOD_MIRAI_GREIP, 5000);
	assert_int_equal(n_told, 0);
	pulses(a, 102, 160, GS_CLASS_FLOOD_MIRAI_GREIP, 5000);
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].phase, GS_ALERT_BEGIN);
	assert_string_equal(told[0].key, "flood:flood.mirai.greip");
	assert_true(told[0].begin.ns == at(100).ns);
	assert_int_equal(told[0].rate, 5000);
	assert_int_equal(told[0].packets, 15000);
	assert_int_equal(told[0].sources, 50);
	assert_int_equal(told[0].targets, 1);
	assert_in_range(told[0].usual * 10, 29, 31);
	pulses(a, 160, 189, GS_CLASS_FLOOD_MIRAI_GREIP, 400);
	assert_int_equal(n_told, 1);
	pulses(a, 189, 195, GS_CLASS_FLOOD_MIRAI_GREIP, 400);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].phase, GS_ALERT_END);
	assert_int_equal(told[1].id, told[0].id);
	assert_int_equal(told[1].packets, 60 * 5000 + 30 * 400);
	assert_int_equal(told[1].peak, 5000);
	assert_true(told[1].end.ns == at(160).ns);
	assert_non_null(strstr(told[1].text, "60 seconds"));
	gs_alerts_free(a);
}

static void a_spike_is_no_flood(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int64_t s = 0; s < 600; s += 3) {
		pulses(a, s, s + 2, GS_CLASS_UNKNOWN, 50000);
		pulses(a, s + 2, s + 3, GS_CLASS_UNKNOWN, 0);
	}
	assert_int_equal(n_told, 0);
	gs_alerts_free(a);
}

static void a_wavering_rate_is_one_flood(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int64_t s = 0; s < 900; s += 20) {
		pulses(a, s, s + 10, GS_CLASS_UNKNOWN, 1200);
		pulses(a, s + 10, s + 20, GS_CLASS_UNKNOWN, 300);
	}
	assert_int_equal(n_told, 1);
	gs_alerts_free(a);
}

/* What is usual does not flood, ten times of it does. */
static void the_usual_is_no_flood(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int64_t s = 0; s < 7200; s++)
		pulse(a, s, GS_CLASS_TUNNEL_DATA, (uint64_t)(s < 3600 ? 1 + s / 4 : 900), 5); /* rises slowly to just below the threshold */
	pulses(a, 7200, 7300, GS_CLASS_TUNNEL_DATA, 4000); /* above 1000, not ten times the usual */
	assert_int_equal(n_told, 0);
	pulses(a, 7300, 7310, GS_CLASS_TUNNEL_DATA, 15000);
	assert_int_equal(n_told, 1);
	gs_alerts_free(a);
}

static void a_flood_of_many_classes(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	static struct gs_pulse_second p;

	for (int64_t s = 0; s < 10; s++) {
		gs_pulse_empty(at(s), at(s + 1), &p);
		for (unsigned i = 0; i < 4; i++)
			p.packets += p.class_[i].packets = 600;
		gs_alerts_pulse(a, &p);
	}
	assert_int_equal(n_told, 1);
	assert_string_equal(told[0].key, "flood:mixed");
	gs_alerts_free(a);
}

static void a_day_of_flood_is_usual(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	pulses(a, 0, 2 * DAY, GS_CLASS_TUNNEL_DATA, 2000);
	assert_int_equal(n_told, 2);
	assert_non_null(strstr(told[1].text, "usual from now on"));
	gs_alerts_free(a);
}

/* Every ten minutes a minute of it, for six hours: told a few times, all of them counted. */
static void floods_that_come_back_are_folded(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	uint64_t folded = 0;

	for (int64_t s = 0; s < 6 * HOUR; s += 600) {
		pulses(a, s, s + 60, GS_CLASS_UNKNOWN, 3000);
		pulses(a, s + 60, s + 600, GS_CLASS_UNKNOWN, 0);
	}
	pulses(a, 6 * HOUR, 9 * HOUR, GS_CLASS_UNKNOWN, 0);
	for (unsigned i = 0; i < n_told; i++)
		folded += told[i].folded;
	assert_in_range(n_told, 8, 20);
	assert_int_equal(count(GS_ALERT_FLOOD, GS_ALERT_BEGIN) + folded, 36);
	assert_int_equal(gs_alerts_counters(a).open, 0);
	gs_alerts_free(a);
}

static void sources_of_a_flood_add_up(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	struct gs_pulse *pu;
	static struct gs_pulse_second p;
	struct gs_packet k = { .has = GS_HAS_IP_LEN, .ip_len = 60, .dst = addr(203, 0, 113, 1) };
	const struct gs_packet *kp = &k;
	const struct gs_verdict v = { .class_ = GS_CLASS_FLOOD_MIRAI_GREIP };

	assert_int_equal(gs_pulse_new(1, at(0), &pu, NULL), 0);
	for (int64_t s = 0; s < 100; s++) {
		for (unsigned i = 0; s < 20 && i < 2000; i++) { /* each second another hundred */
			k.src = addr(172, 16, (unsigned)s, i % 100);
			gs_pulse_packets(pu, &kp, &v, 1);
		}
		gs_pulse_take(pu, at(s + 1), s >= 1 ? 3 : 0, 0, &p);
		gs_alerts_pulse(a, &p);
	}
	const struct gs_alert *end = last_of(GS_ALERT_FLOOD);
	assert_int_equal(end->phase, GS_ALERT_END);
	assert_in_range(end->sources, 1900, 2100);
	assert_int_equal(end->processes, 3);
	assert_int_equal(end->target.b[0], 203);
	assert_int_equal(end->source.family, 0); /* none stands out */
	gs_pulse_free(pu);
	gs_alerts_free(a);
}

/* ---- networks ---- */

static void a_network_is_new_once(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	lone(a, 0, addr(10, 1, 0, 1));
	assert_int_equal(n_told, 1);
	assert_string_equal(told[0].key, "network.new:AS64752");
	assert_string_equal(told[0].network, "Example  [31mNet "); /* a name cannot speak to the terminal */
	assert_string_equal(told[0].country, "DE");
	for (int i = 1; i < 50; i++) {
		lone(a, i * HOUR, addr(10, 1, 0, (unsigned)i));
		sighting(a, i * HOUR + 60, addr(10, 1, 0, (unsigned)i), 1);
	}
	assert_int_equal(n_told, 1);
	lone(a, 50 * HOUR, addr(192, 0, 2, 1)); /* nobody's */
	assert_int_equal(n_told, 1);
	gs_alerts_free(a);
}

static void what_the_store_knows_is_not_new(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	gs_alerts_know(a, 64752, 30, at(-30 * DAY), at(-DAY));
	lone(a, 0, addr(10, 1, 0, 1));
	assert_int_equal(n_told, 0);
	gs_alerts_free(a);
}

static void a_thousand_new_networks_are_no_storm(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	uint64_t summed = 0;

	for (unsigned i = 0; i < 1000; i++)
		lone(a, i, addr(10, i / 256, i % 256, 1));
	pulses(a, 1000, 2 * HOUR, GS_CLASS_UNKNOWN, 0);
	for (unsigned i = 0; i < n_told; i++)
		summed += told[i].kind == GS_ALERT_NETWORK_MANY ? told[i].count : 0;
	assert_int_equal(count(GS_ALERT_NETWORK_NEW, GS_ALERT_ONCE), GS_ALERT_BURST);
	assert_int_equal(count(GS_ALERT_NETWORK_MANY, GS_ALERT_ONCE), 1);
	assert_int_equal(summed, 1000 - GS_ALERT_BURST);
	gs_alerts_free(a);
}

static void forged_sources_make_no_networks(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int64_t s = 0; s < 20; s++)
		pulse(a, s, GS_CLASS_FLOOD_MIRAI_GREIP, 20000, 19000);
	n_told = 0;
	for (unsigned i = 0; i < 200; i++) {
		const struct gs_sighting g = { .src = addr(10, i, 0, 1), .class_ = GS_CLASS_FLOOD_MIRAI_GREIP, .first = at(5), .last = at(5), .packets = 1, .sources = 1 };
		gs_alerts_sightings(a, &g, 1, at(60));
	}
	assert_int_equal(n_told, 0);
	assert_int_equal(gs_alerts_counters(a).forged, 200);
	assert_int_equal(gs_alerts_counters(a).networks, 0);
	sighting(a, 100, addr(10, 7, 0, 1), 1); /* afterwards, and of another class */
	assert_int_equal(n_told, 1);
	gs_alerts_free(a);
}

static void a_named_network_tells_each_day(void **unused)
{
	static const struct gs_alert_bad bad[] = {
		{ .by_asn = true, .asn = 64752 },
		{ .prefix = { .base = { .b = { 192, 0, 2, 0 }, .family = 4 }, .len = 24 } },
		{ .prefix = { .base = { .b = { 192, 0, 2, 128 }, .family = 4 }, .len = 25 } },
	};
	struct gs_alerts_options o = usual;
	o.bad = bad;
	o.n_bad = 3;
	struct gs_alerts *a = fresh(&o, 0);

	gs_alerts_know(a, 64752, 30, at(-30 * DAY), at(-DAY));
	for (int day = 0; day < 5; day++)
		for (int i = 0; i < 10; i++)
			lone(a, day * DAY + i, addr(10, 1, 0, 1));
	assert_int_equal(n_told, 5);
	assert_int_equal(told[0].kind, GS_ALERT_NETWORK_BAD);
	assert_string_equal(told[0].bad, "AS64752");
	assert_int_equal(told[4].folded, 9);
	lone(a, 6 * DAY, addr(192, 0, 2, 5));
	assert_string_equal(told[5].bad, "192.0.2.0/24");
	lone(a, 6 * DAY + 1, addr(192, 0, 2, 200));
	assert_string_equal(told[6].bad, "192.0.2.128/25");
	lone(a, 6 * DAY + 2, addr(192, 0, 3, 1));
	assert_int_equal(n_told, 7);
	assert_int_equal(gs_alerts_renew(a, &o, NULL), 0); /* reading the configuration again tells nothing again */
	lone(a, 6 * DAY + 3, addr(192, 0, 2, 201));
	assert_int_equal(n_told, 7);
	gs_alerts_free(a);
}

/* One packet a day for thirty days; two in an hour are nothing, thirty are. */
static void a_surge_at_one_packet_a_day(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int day = 0; day < 30; day++)
		sighting(a, day * DAY, addr(10, 1, 0, 1), 1);
	n_told = 0;
	sighting(a, 30 * DAY, addr(10, 1, 0, 1), 1);
	sighting(a, 30 * DAY + 60, addr(10, 1, 0, 2), 1);
	sighting(a, 31 * DAY, addr(10, 1, 0, 2), 3);
	assert_int_equal(n_told, 0);
	for (int i = 0; i < 30; i++)
		sighting(a, 32 * DAY + i * 60, addr(10, 1, 0, 1), 1);
	assert_int_equal(n_told, 1);
	assert_string_equal(told[0].key, "network.surge:AS64752");
	assert_int_equal(told[0].phase, GS_ALERT_BEGIN);
	assert_true(told[0].log10_p < -9);
	for (int h = 1; h < 5; h++)
		for (int i = 0; i < 30; i++)
			sighting(a, 32 * DAY + h * HOUR + i * 60, addr(10, 1, 0, 1), 1);
	assert_int_equal(n_told, 1);
	for (int64_t s = 32 * DAY + 5 * HOUR; s < 32 * DAY + 7 * HOUR; s += 10)
		gs_alerts_tick(a, at(s));
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].phase, GS_ALERT_END);
	assert_int_equal(told[1].packets, 150);
	assert_int_equal(told[1].peak, 30);
	gs_alerts_free(a);
}

static void clumps_are_no_surges(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int day = 0; day < 60; day++) { /* twenty-five at a time, every second day */
		if (day % 2 == 0)
			for (int i = 0; i < 25; i++)
				sighting(a, day * DAY + i, addr(10, 1, 0, 1), 1);
		if (day == 20)
			n_told = 0;
	}
	assert_int_equal(n_told, 0);
	gs_alerts_free(a);
}

static void a_surge_of_a_week_is_usual(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int h = 0; h < 48; h++)
		sighting(a, h * HOUR, addr(10, 1, 0, 1), 1);
	for (int h = 48; h < 48 + 400; h++)
		sighting(a, h * HOUR, addr(10, 1, 0, 1), 500);
	assert_int_equal(count(GS_ALERT_NETWORK_SURGE, GS_ALERT_BEGIN), 1);
	assert_int_equal(count(GS_ALERT_NETWORK_SURGE, GS_ALERT_END), 1);
	assert_non_null(strstr(last_of(GS_ALERT_NETWORK_SURGE)->text, "taken as usual"));
	gs_alerts_free(a);
}

/* ---- bots, the sensor itself ---- */

static void the_first_bot(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	struct gs_sighting g = { .src = addr(192, 0, 2, 150), .class_ = GS_CLASS_FLOOD_MIRAI_GREIP, .first = at(0), .last = at(0), .packets = 5, .sources = 1,
		.bot_kind = GS_BOT_SEED, .bot_hi = 0x5a0e8120, .bot_lo = 0x0000026200002710 };
	static struct gs_pulse_second p;

	gs_alerts_sightings(a, &g, 1, at(10));
	gs_alerts_sightings(a, &g, 1, at(20));
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].kind, GS_ALERT_BOT);
	assert_non_null(strstr(told[0].text, "the first on this sensor"));
	assert_non_null(strstr(told[0].bot, "seed:"));
	gs_pulse_empty(at(3 * DAY), at(3 * DAY + 1), &p);
	p.bots = 2;
	gs_alerts_pulse(a, &p);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].folded, 1);
	assert_int_equal(told[1].count, 2);
	gs_alerts_free(a);
}

static void trouble_that_flaps_is_one(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int64_t s = 0; s < 600; s++) {
		gs_alerts_trouble(a, GS_TROUBLE_DROPS, s % 7 < 3, "eth0", s % 7 < 3 ? "lost 10 packets" : "nothing lost", at(s));
		gs_alerts_tick(a, at(s));
	}
	assert_int_equal(n_told, 1);
	assert_string_equal(told[0].key, "sensor:drops:eth0");
	for (int64_t s = 600; s < 700; s++) {
		gs_alerts_trouble(a, GS_TROUBLE_DROPS, false, "eth0", "nothing lost", at(s));
		gs_alerts_tick(a, at(s));
	}
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].phase, GS_ALERT_END);
	assert_int_equal(told[1].level, GS_ALERT_NOTICE);
	assert_int_equal(told[1].folded, 85); /* each time it came back */
	for (int i = 0; i < 10; i++) { /* things that happen, and are folded */
		gs_alerts_trouble(a, GS_TROUBLE_PROCESS, true, "engine 0", "engine 0 died", at(800 + i));
		gs_alerts_tick(a, at(800 + i));
	}
	assert_int_equal(n_told, 3);
	assert_int_equal(told[2].phase, GS_ALERT_ONCE);
	for (int64_t s = 1000; s < 5000; s++)
		gs_alerts_tick(a, at(s));
	assert_int_equal(n_told, 4); /* the nine that were folded, in one */
	assert_int_equal(told[3].folded, 9);
	gs_alerts_free(a);
}

static void the_open_ones_are_capped(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	char name[32];
	static struct gs_alert open[10];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "eth%u", i);
		gs_alerts_trouble(a, GS_TROUBLE_INTERFACE, true, name, "is down", at(i));
	}
	assert_int_equal(n_told, GS_ALERT_OPEN_MAX);
	assert_int_equal(gs_alerts_counters(a).refused, 1000 - GS_ALERT_OPEN_MAX);
	assert_int_equal(gs_alerts_open(a, open, 10), GS_ALERT_OPEN_MAX);
	assert_string_equal(open[0].subject, "eth255");
	assert_string_equal(open[9].subject, "eth246");
	gs_alerts_free(a);
}

/* A packet every minute, then none: told within the hour. A packet a day: a week without is nothing. */
static void silence_is_told(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	int64_t s;

	for (s = 0; s < 7 * DAY; s += 60)
		lone(a, s, addr(192, 0, 2, 1));
	for (; n_told == 0 && s < 9 * DAY; s += 60)
		gs_alerts_tick(a, at(s));
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].trouble, GS_TROUBLE_SILENCE);
	assert_in_range(s - 7 * DAY, 20 * 60, HOUR);
	lone(a, s, addr(192, 0, 2, 1));
	for (int i = 0; i < 200; i++)
		gs_alerts_tick(a, at(s + i));
	assert_int_equal(n_told, 2);
	gs_alerts_free(a);

	a = fresh(&usual, 0);
	for (s = 0; s < 60 * DAY; s += 60)
		if (s % DAY == 0)
			lone(a, s, addr(192, 0, 2, 1));
		else
			gs_alerts_tick(a, at(s));
	for (; s < 66 * DAY; s += 60)
		gs_alerts_tick(a, at(s));
	assert_int_equal(n_told, 0);
	for (; s < 90 * DAY; s += 60)
		gs_alerts_tick(a, at(s));
	assert_int_equal(n_told, 1);
	gs_alerts_free(a);
}

/* Nights are pauses too. */
static void nights_are_no_silence(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int64_t s = 0; s < 30 * DAY; s += 60)
		if (s % DAY < 14 * HOUR)
			lone(a, s, addr(192, 0, 2, 1));
		else
			gs_alerts_tick(a, at(s));
	assert_int_equal(n_told, 0);
	gs_alerts_free(a);
}

/* ---- state ---- */

static struct gs_alerts *with_a_past(void)
{
	struct gs_alerts *a = fresh(&usual, 0);

	for (int day = 0; day < 10; day++)
		for (unsigned i = 0; i < 30; i++)
			sighting(a, day * DAY + (int)i, addr(10, i, 0, 1), 1);
	for (int i = 0; i < 40; i++)
		sighting(a, 10 * DAY + i, addr(10, 3, 0, 1), 1);
	gs_alerts_trouble(a, GS_TROUBLE_DISK, true, "", "no room", at(10 * DAY + 100));
	pulses(a, 10 * DAY + 100, 10 * DAY + 120, GS_CLASS_FLOOD_MIRAI_GREETH, 7000);
	return a;
}

static void a_restart_announces_nothing_again(void **unused)
{
	struct gs_alerts *a = with_a_past(), *b;
	struct gs_buf one = { 0 }, two = { 0 };
	struct gs_error err = { 0 };

	gs_alerts_write(a, &one);
	gs_alerts_free(a);
	b = fresh(&usual, 10 * DAY + 130);
	if (gs_alerts_read(b, one.data, one.len, &err) < 0)
		fail_msg("%s", err.text);
	gs_alerts_write(b, &two);
	for (unsigned i = 0; i < 30; i++)
		sighting(b, 10 * DAY + 140, addr(10, i, 0, 1), 1);
	assert_int_equal(n_told, 0);
	gs_alerts_trouble(b, GS_TROUBLE_DISK, true, "", "no room", at(10 * DAY + 141));
	assert_int_equal(n_told, 0);
	pulses(b, 10 * DAY + 141, 10 * DAY + 200, GS_CLASS_FLOOD_MIRAI_GREETH, 0);
	assert_int_equal(n_told, 1); /* the flood ended, with its totals */
	assert_int_equal(told[0].phase, GS_ALERT_END);
	assert_int_equal(told[0].packets, 20 * 7000);
	gs_alerts_trouble(b, GS_TROUBLE_DISK, false, "", "room again", at(10 * DAY + 300));
	pulses(b, 10 * DAY + 300, 10 * DAY + 3 * HOUR, GS_CLASS_UNKNOWN, 0);
	assert_int_equal(count(GS_ALERT_TROUBLE, GS_ALERT_END), 1);
	assert_int_equal(count(GS_ALERT_NETWORK_SURGE, GS_ALERT_END), 1);
	gs_buf_done(&one);
	gs_buf_done(&two);
	gs_alerts_free(b);
}

static void reading_gives_what_was_written(void **unused)
{
	struct gs_alerts *a = with_a_past(), *b = fresh(&usual, 10 * DAY + 120);
	struct gs_buf one = { 0 }, two = { 0 };

	gs_alerts_write(a, &one);
	assert_int_equal(gs_alerts_read(b, one.data, one.len, NULL), 0);
	gs_alerts_write(b, &two);
	assert_string_equal(gs_buf_text(&one), gs_buf_text(&two));
	gs_buf_done(&one);
	gs_buf_done(&two);
	gs_alerts_free(a);
	gs_alerts_free(b);
}

static void damage_is_seen(void **unused)
{
	struct gs_alerts *a = with_a_past(), *b = fresh(&usual, 0);
	struct gs_buf good = { 0 }, empty = { 0 }, after = { 0 };
	struct gs_error err;

	gs_alerts_write(a, &good);
	gs_alerts_write(b, &empty);
	for (size_t i = 0; i < good.len; i++) {
		good.data[i] ^= 1;
		assert_true(gs_alerts_read(b, good.data, good.len, &err) < 0);
		assert_true(err.text[0]);
		good.data[i] ^= 1;
		assert_true(gs_alerts_read(b, good.data, i, &err) < 0);
	}
	gs_alerts_write(b, &after);
	assert_string_equal(gs_buf_text(&empty), gs_buf_text(&after)); /* nothing was taken */
	gs_buf_done(&good);
	gs_buf_done(&empty);
	gs_buf_done(&after);
	gs_alerts_free(a);
	gs_alerts_free(b);
}

/* Lines that no writer makes, under a checksum that fits. */
static void nonsense_is_refused(void **unused)
{
	static const char *const lines[] = { "network 1 2 3\n", "network 1 5 5 1 1 1 1\nnetwork 1 5 5 1 1 1 1\n", "network x 1 1 1 1 1 1\n", "usual flood.none 1 1\n", "+key x\n", "what 1\n",
		"id -1\n", "bucket 7 1 1 1 1 1\n", "silence 5 1 1 1\n", "\n", "id 1 2\n", "network 4294967296 1 1 1 1 1 1\n", "open 1 1 1 1 0 1 flood 9 - 1 1 1 1 1 1 1 1 1 1\n", "id \n", "network 1 -5 5 1 1 1 1\n" };
	struct gs_alerts *a = fresh(&usual, 0);
	struct gs_error err;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct gs_buf b = { 0 };
		gs_buf_printf(&b, "grescope-alerts 1\nid 7\n%s", lines[i]);
		gs_buf_printf(&b, "sum %016llx\n", (unsigned long long)XXH3_64bits(b.data, b.len));
		if (gs_alerts_read(a, b.data, b.len, &err) != GS_ERR_DAMAGED)
			fail_msg("taken: %s", lines[i]);
		assert_int_equal(gs_alerts_counters(a).networks, 0);
		gs_buf_done(&b);
	}
	gs_alerts_free(a);
}

/* ---- text ---- */

static void check_documented(const char *doc, const char *name)
{
	char cell[64];

	snprintf(cell, sizeof cell, "| `%s` |", name);
	if (!strstr(doc, cell))
		fail_msg("docs/alerts.md says nothing of `%s`", name);
}

static char *read_doc(void)
{
	FILE *f = fopen(ALERTS_MD, "r");
	char *text = calloc(1, 1 << 17);

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 17) - 1, f) > 0);
	fclose(f);
	return text;
}

static void json_is_as_documented(void **unused)
{
	struct gs_alerts *a = with_a_past();
	char *doc = read_doc();

	pulses(a, 10 * DAY + 200, 10 * DAY + 3 * HOUR, GS_CLASS_UNKNOWN, 0);
	for (unsigned i = 0; i < n_told; i++) {
		struct gs_buf b = { 0 };
		json_error_t e;
		const char *name;
		json_t *value;
		gs_alert_json(&b, &told[i], "north");
		json_t *j = json_loads(gs_buf_text(&b), JSON_REJECT_DUPLICATES, &e);
		if (!j)
			fail_msg("%s in %s", e.text, gs_buf_text(&b));
		assert_string_equal(json_string_value(json_object_get(j, "key")), told[i].key);
		assert_string_equal(json_string_value(json_object_get(j, "sensor")), "north");
		assert_int_equal(json_integer_value(json_object_get(j, "id")), told[i].id);
		json_object_foreach(j, name, value)
			check_documented(doc, name);
		json_decref(j);
		assert_null(strchr(gs_buf_text(&b), '\n'));
		gs_buf_done(&b);
	}
	for (unsigned i = 0; i < GS_ALERT_KINDS; i++)
		check_documented(doc, gs_alert_kind_word(i));
	for (unsigned i = 0; i < GS_TROUBLE_COUNT; i++)
		check_documented(doc, gs_trouble_word(i));
	free(doc);
	gs_alerts_free(a);
}

static void logfmt_is_one_line(void **unused)
{
	struct gs_alerts *a = fresh(&usual, 0);
	struct gs_buf b = { 0 };

	lone(a, 0, addr(10, 1, 0, 1));
	gs_buf_puts(&b, "<5>");
	gs_alert_logfmt(&b, &told[0], "");
	assert_string_equal(gs_buf_text(&b), "<5>time=2023-11-14T22:00:01.000Z level=notice msg=\"AS64752 (Example  [31mNet , DE) sends GRE for the first time: remnant from 10.1.0.1\" "
	                                     "kind=network.new phase=once id=1 key=network.new:AS64752 begin=2023-11-14T22:00:01.000Z folded=0 class=remnant src_ip=10.1.0.1 asn=64752 "
	                                     "network=\"Example  [31mNet \" country=DE");
	gs_buf_done(&b);
	gs_alerts_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_begins_and_ends),
		cmocka_unit_test(a_spike_is_no_flood),
		cmocka_unit_test(a_wavering_rate_is_one_flood),
		cmocka_unit_test(the_usual_is_no_flood),
		cmocka_unit_test(a_flood_of_many_classes),
		cmocka_unit_test(a_day_of_flood_is_usual),
		cmocka_unit_test(floods_that_come_back_are_folded),
		cmocka_unit_test(sources_of_a_flood_add_up),
		cmocka_unit_test(a_network_is_new_once),
		cmocka_unit_test(what_the_store_knows_is_not_new),
		cmocka_unit_test(a_thousand_new_networks_are_no_storm),
		cmocka_unit_test(forged_sources_make_no_networks),
		cmocka_unit_test(a_named_network_tells_each_day),
		cmocka_unit_test(a_surge_at_one_packet_a_day),
		cmocka_unit_test(clumps_are_no_surges),
		cmocka_unit_test(a_surge_of_a_week_is_usual),
		cmocka_unit_test(the_first_bot),
		cmocka_unit_test(trouble_that_flaps_is_one),
		cmocka_unit_test(the_open_ones_are_capped),
		cmocka_unit_test(silence_is_told),
		cmocka_unit_test(nights_are_no_silence),
		cmocka_unit_test(a_restart_announces_nothing_again),
		cmocka_unit_test(reading_gives_what_was_written),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(json_is_as_documented),
		cmocka_unit_test(logfmt_is_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
