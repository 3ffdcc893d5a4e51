/*
 * alerts.c - the rules put together
 */
#include "alert/private.h"

#include <stdio.h>
#include <stdlib.h>

static struct gs_alerts_options with_defaults(const struct gs_alerts_options *o)
{
	struct gs_alerts_options r = *o;

	r.flood_factor = o->flood_factor > 0 ? o->flood_factor : 10;
	r.flood_begin_s = o->flood_begin_s ? o->flood_begin_s : 3;
	r.flood_end_s = o->flood_end_s ? o->flood_end_s : 30;
	r.quiet_s = o->quiet_s ? o->quiet_s : 3600;
	r.surge_min = o->surge_min ? o->surge_min : 20;
	r.window_s = o->window_s ? o->window_s : 3600;
	r.bad = NULL; /* copied */
	return r;
}

int gs_alerts_new(const struct gs_alerts_options *o, const struct gs_alert_lookup *lookup, const struct gs_alert_sink *sink, struct gs_time now, struct gs_alerts **ret,
                  struct gs_error *err)
{
	struct gs_alerts *a = calloc(1, sizeof *a);
	const size_t network_bytes = GS_ALERT_NETWORKS_MAX * sizeof(struct network) + 2 * GS_ALERT_NETWORKS_MAX * sizeof(struct gs_map_slot);

	if (!a || gs_map_init(&a->networks, sizeof(uint32_t), sizeof(struct network), network_bytes, 0) < 0) {
		free(a);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	if (networks_bad(a, o, err) < 0) {
		gs_alerts_free(a);
		return GS_ERR_NOMEM;
	}
	a->o = with_defaults(o);
	a->lookup = *lookup;
	a->sink = *sink;
	a->now = a->started = now;
	a->next_id = 1;
	a->bot_last = NO_TIME;
	a->silence.slot = INT64_MIN;
	a->silence.last_packet = NO_TIME;
	for (unsigned i = 0; i < FLOODS; i++) {
		a->floods[i].slot = -1;
		a->floods[i].forged_from = a->floods[i].forged_to = NO_TIME;
	}
	for (unsigned i = 0; i < BUCKETS; i++)
		a->buckets[i] = (struct bucket){ .tokens = GS_ALERT_BURST, .filled = now, .wait_h = 1 };
	*ret = a;
	return 0;
}

void gs_alerts_free(struct gs_alerts *a)
{
	if (!a)
		return;
	gs_map_done(&a->networks);
	if (a->bad_prefixes.slots)
		gs_map_done(&a->bad_prefixes);
	free(a->bad);
	free(a->bad_asns);
	free(a);
}

int gs_alerts_renew(struct gs_alerts *a, const struct gs_alerts_options *o, struct gs_error *err)
{
	const int r = networks_bad(a, o, err);

	if (r == 0)
		a->o = with_defaults(o);
	return r;
}

/* The first proven process after a long time without one. */
static void bot_seen(struct gs_alerts *a, const struct gs_sighting *s, const struct gs_pulse_second *pulse)
{
	const int64_t quiet = (int64_t)(a->o.quiet_s > 86400 ? a->o.quiet_s : 86400) * GS_NS_PER_S;
	const bool first = a->bot_last.ns == NO_TIME.ns;

	if (!first && a->now.ns >= a->bot_last.ns && a->now.ns - a->bot_last.ns < quiet) {
		a->bot_last = a->now;
		a->bot_folded++;
		a->counters.folded++;
		return;
	}
	struct gs_alert al = alert_make(a, GS_ALERT_BOT, GS_ALERT_WARNING);
	char from[GS_ADDR_TEXT_MAX + 8] = "", addr[GS_ADDR_TEXT_MAX];
	snprintf(al.key, sizeof al.key, "bot");
	al.folded = a->bot_folded;
	al.count = pulse ? pulse->bots : 1;
	if (s) {
		al.class_ = s->class_;
		al.source = s->src;
		gs_bot_format(s, al.bot);
	} else {
		for (unsigned i = 0; i < pulse->n_sources && al.source.family == 0; i++)
			if ((pulse->source[i].class_ == GS_CLASS_FLOOD_MIRAI_GREIP || pulse->source[i].class_ == GS_CLASS_FLOOD_MIRAI_GREETH) && pulse->source[i].packets > pulse->source[i].error) {
				al.class_ = pulse->source[i].class_;
				al.source = pulse->source[i].addr;
			}
	}
	if (al.source.family) {
		gs_addr_format(&al.source, addr);
		snprintf(from, sizeof from, " from %s", addr);
	}
	alert_text(al.text, sizeof al.text, "a bot process is proven%s%s%s%s: `grescope bots` has what is known of it", al.bot[0] ? " " : "", al.bot, from,
	           first ? ", the first on this sensor" : ", the first for more than a day");
	alert_tell(a, &al);
	a->bot_last = a->now;
	a->bot_folded = 0;
}

void gs_alerts_pulse(struct gs_alerts *a, const struct gs_pulse_second *s)
{
	a->now = s->end;
	if (s->bots > a->bots)
		bot_seen(a, NULL, s);
	floods_pulse(a, s);
	a->bots = s->bots;
	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct gs_pulse_talker *t = &s->source[i];
		const struct flood *f = &a->floods[t->class_];
		if (t->packets > t->error && t->addr.family && (f->forged_to.ns == NO_TIME.ns || f->forged_to.ns < s->begin.ns))
			network_seen(a, &t->addr, t->class_);
	}
	silence_pulse(a, s);
	gs_alerts_tick(a, s->end);
}

void gs_alerts_sightings(struct gs_alerts *a, const struct gs_sighting *s, size_t n, struct gs_time now)
{
	a->now = now;
	for (size_t i = 0; i < n; i++) {
		if (s[i].bot_kind != GS_BOT_NONE)
			bot_seen(a, &s[i], NULL);
		network_count(a, &s[i]);
	}
}

static enum gs_alert_level level_of(enum gs_trouble trouble)
{
	switch (trouble) {
	case GS_TROUBLE_DISK:
	case GS_TROUBLE_PROCESS:
	case GS_TROUBLE_INTERFACE:
		return GS_ALERT_ERROR;
	case GS_TROUBLE_DATABASES:
	case GS_TROUBLE_CLOCK:
	case GS_TROUBLE_NETWORKS:
		return GS_ALERT_NOTICE;
	default:
		return GS_ALERT_WARNING;
	}
}

static bool lasts(enum gs_trouble trouble)
{
	static const bool all[] = {
#define X(name, word, lasts, meaning) lasts,
		GS_TROUBLE_MAP(X)
#undef X
	};
	return all[trouble];
}

void gs_alerts_trouble(struct gs_alerts *a, enum gs_trouble trouble, bool on, const char *subject, const char *text, struct gs_time now)
{
	struct gs_alert al;
	int i;

	a->now = now;
	al = alert_make(a, GS_ALERT_TROUBLE, level_of(trouble));
	al.trouble = (uint8_t)trouble;
	al.phase = lasts(trouble) ? GS_ALERT_BEGIN : GS_ALERT_ONCE;
	gs_alert_clean(al.subject, sizeof al.subject, subject);
	gs_alert_clean(al.text, sizeof al.text, text);
	snprintf(al.key, sizeof al.key, "sensor:%s%s%.40s", gs_trouble_word(trouble), al.subject[0] ? ":" : "", al.subject);
	i = slot_find(a, al.key);
	if (on && (i < 0 || a->slots[i].state != SLOT_ACTIVE)) {
		i = slot_begin(a, &al);
		if (i >= 0 && !lasts(trouble)) { /* it happened, and that was it */
			a->slots[i].state = SLOT_QUIET;
			if (a->slots[i].told)
				a->slots[i].told_end = now;
		}
	} else if (on) {
		a->slots[i].last = now;
		a->slots[i].restored = false;
	} else if (i >= 0 && a->slots[i].state == SLOT_ACTIVE) {
		a->slots[i].state = SLOT_HELD;
		a->slots[i].last = now;
		snprintf(a->slots[i].a.text, sizeof a->slots[i].a.text, "%s", al.text);
	}
}

void gs_alerts_tick(struct gs_alerts *a, struct gs_time now)
{
	a->now = now;
	networks_tick(a);
	silence_tick(a);
	slots_tick(a);
}

struct gs_alerts_counters gs_alerts_counters(const struct gs_alerts *a)
{
	return a->counters;
}

unsigned gs_alerts_open(const struct gs_alerts *a, struct gs_alert *ret, unsigned max)
{
	unsigned n = 0, kept = 0;

	for (int i = 0; i < GS_ALERT_OPEN_MAX; i++) {
		const struct slot *s = &a->slots[i];
		if (s->state != SLOT_ACTIVE && s->state != SLOT_HELD)
			continue;
		n++;
		unsigned at = kept;
		while (at && ret[at - 1].begin.ns < s->a.begin.ns)
			at--;
		if (at == max)
			continue;
		kept += kept < max;
		memmove(ret + at + 1, ret + at, (kept - at - 1u) * sizeof *ret);
		ret[at] = s->a;
	}
	return n;
}
