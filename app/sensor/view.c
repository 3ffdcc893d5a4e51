/* view.c - keeps what the metrics and the screen show */
#include "sensor/view.h"

#include <math.h>
#include <stdio.h>

void view_init(struct view *v, const char *version, const char *sensor, struct gs_time now)
{
	memset(v, 0, sizeof *v);
	v->version = version;
	v->sensor = sensor;
	v->now = v->started = v->ranked_at = now;
	v->last_packet = GS_TIME_MIN;
	for (unsigned i = 0; i < VIEW_HOURS; i++)
		v->hour_at[i] = INT64_MIN;
	gs_pulse_empty(now, now, &v->second);
}

static void rank(struct view_rank *all, unsigned *n, uint64_t key, double packets, const char *name)
{
	unsigned least = 0, i;

	for (i = 0; i < *n && all[i].key != key; i++)
		least = all[i].packets < all[least].packets ? i : least;
	if (i < *n) {
		all[i].packets += packets;
		return;
	}
	if (*n < VIEW_RANKED)
		least = (*n)++;
	else if (all[least].packets > packets)
		return; /* too small to take a place; it comes again if it matters */
	all[least] = (struct view_rank){ .key = key, .packets = packets };
	gs_alert_clean(all[least].name, sizeof all[least].name, name);
}

static void forget(struct view *v, double seconds)
{
	const double keep = exp2(-seconds / VIEW_HALF_LIFE_S);

	v->ranked *= keep;
	for (unsigned i = 0; i < v->n_networks; i++)
		v->networks[i].packets *= keep;
	for (unsigned i = 0; i < v->n_places; i++)
		v->places[i].packets *= keep;
}

static void rank_sources(struct view *v, struct gs_enrich *enrich)
{
	char name[160];

	forget(v, fmax(0, (double)(v->now.ns - v->ranked_at.ns) / 1e9));
	v->ranked_at = v->now;
	v->ranked += (double)v->second.packets;
	for (unsigned i = 0; enrich && i < v->second.n_sources; i++) {
		const struct gs_pulse_talker *t = &v->second.source[i];
		struct gs_origin o;
		if (t->packets == t->error)
			continue;
		gs_enrich_lookup(enrich, &t->addr, &o);
		if (o.asn) {
			snprintf(name, sizeof name, "AS%u %s", o.asn, gs_enrich_string(enrich, o.as_name));
			rank(v->networks, &v->n_networks, o.asn, (double)(t->packets - t->error), name);
		}
		if (o.country[0]) {
			const char *city = gs_enrich_string(enrich, o.city), *region = gs_enrich_string(enrich, o.region);
			snprintf(name, sizeof name, "%.2s %s", o.country, *city ? city : region);
			rank(v->places, &v->n_places, (uint64_t)(uint8_t)o.country[0] << 56 | (uint64_t)(uint8_t)o.country[1] << 48 | (uint64_t)(o.region & 0xffffff) << 24 | (o.city & 0xffffff),
			     (double)(t->packets - t->error), name);
		}
	}
}

static void count_sources(struct view *v)
{
	const int64_t hour = gs_time_floor_s(v->now, 3600) / 3600;
	const unsigned at = (unsigned)(hour % VIEW_HOURS);
	struct gs_hll all = { 0 };

	if (v->hour_at[at] != hour) {
		memset(&v->hours[at], 0, sizeof v->hours[at]);
		v->hour_at[at] = hour;
	}
	for (unsigned k = 0; k < GS_PULSE_SKETCHES; k++)
		if (v->second.sketch_class[k] < GS_CLASS_COUNT)
			gs_hll_merge(&v->hours[at], &v->second.sketch[k]);
	if (v->n_rates % 60 != 0 && v->n_rates > 60)
		return;
	for (unsigned i = 0; i < VIEW_HOURS; i++)
		if (v->hour_at[i] > hour - VIEW_HOURS && v->hour_at[i] <= hour)
			gs_hll_merge(&all, &v->hours[i]);
	v->sources_day = gs_hll_count(&all);
}

void view_second(struct view *v, struct gs_time now, struct gs_enrich *enrich)
{
	bool first = true;
	double span;

	gs_pulse_empty(v->now, now, &v->second);
	for (unsigned i = 0; i < v->n_engines; i++) {
		struct view_engine *e = &v->engines[i];
		if (!e->fresh)
			continue;
		if (first)
			v->second = e->pulse;
		else
			gs_pulse_merge(&v->second, &e->pulse);
		first = false;
		e->fresh = false;
	}
	v->second.end = now; /* by the teller's own clock, whatever engines say: the rules go by it */
	v->second.begin = v->now.ns < now.ns ? v->now : now;
	v->now = now;
	span = (double)(v->second.end.ns - v->second.begin.ns) / 1e9;
	v->rate[v->n_rates++ % VIEW_HISTORY] = (double)v->second.packets / (span > 0.2 ? span : 1);
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++) {
		v->class_packets[i] += v->second.class_[i].packets;
		v->class_bytes[i] += v->second.class_[i].bytes;
	}
	if (v->second.last.ns > v->last_packet.ns)
		v->last_packet = v->second.last;
	count_sources(v);
	rank_sources(v, enrich);
}

void view_alert(struct view *v, const struct gs_alert *a)
{
	v->alerts[v->n_alerts++ % VIEW_ALERTS] = *a;
	v->alerts_by_kind[a->kind < GS_ALERT_KINDS ? a->kind : 0]++;
}

struct gs_tally view_tally(const struct view *v)
{
	struct gs_tally t = { 0 };

	for (unsigned i = 0; i < v->n_engines; i++)
		if (v->engines[i].have)
			gs_tally_add(&t, &v->engines[i].status.tally);
	return t;
}

bool view_healthy(const struct view *v, int64_t steady_ms, const char **why)
{
	const char *trouble = NULL;

	if (!v->n_engines)
		trouble = "no engine has given a sign of life yet";
	for (unsigned i = 0; i < v->n_engines; i++) {
		if (!v->engines[i].have || steady_ms - v->engines[i].seen_ms > VIEW_ALIVE_MS)
			trouble = "an engine gives no sign of life";
		else if (v->engines[i].status.link != LINK_UP)
			trouble = "an interface is down";
	}
	if (!v->have_store)
		trouble = trouble ? trouble : "the writer has given no sign of life yet";
	else if (v->store.full)
		trouble = "the store is full";
	else if (steady_ms - v->store_seen_ms > VIEW_ALIVE_MS)
		trouble = "the writer gives no sign of life";
	if (why)
		*why = trouble ? trouble : "all is well";
	return !trouble;
}
