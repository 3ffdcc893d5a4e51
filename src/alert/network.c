/*
 * network.c - networks: the first packet, the named ones, and those that send far more than they used to
 *
 * A surge is judged by the hour against the network's own history, forgotten with a half-life of a week. An hour surges where it has surge_min packets, surge_factor times the mean, and fewer than
 * one hour in 10^SURGE_P would have so many by chance (chance.c: little history makes that chance larger by itself). Packets come in clumps: counts are divided by how much more hours vary
 * than a Poisson process would, so a network that sends twenty at a time once a day does not surge each day. Of an hour of a surge no more than twice the usual is learned.
 *
 * A count only grows within its hour, so judging at every sighting raises no more alarms than judging once at its end.
 */
#include "alert/private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SURGE_P 9           /* - log10 of the chance */
#define SURGE_HISTORY_H 24  /* at least so much is known of it */
#define SURGE_MAX_H 168     /* a surge of a week is taken as usual */
#define BUCKET_WAIT_MAX_H 24

__attribute__((noinline)) uint64_t network_hash(const struct gs_alerts *a, const uint32_t *asn)
{
	return gs_map_hash(&a->networks, asn);
}

static int32_t hour_of(struct gs_time t)
{
	return (int32_t)(gs_time_floor_s(t, HOUR_S) / HOUR_S);
}

static double keep_per_hour(double hours)
{
	return exp2(-hours / NETWORK_HALF_LIFE_H);
}

static void learn_hour(struct network *n, double packets)
{
	const double keep = keep_per_hour(1);

	n->sum = (float)(n->sum * keep + packets);
	n->squares = (float)(n->squares * keep + packets * packets);
	n->hours = (float)(n->hours * keep + 1);
}

/* Brings a network's history up to `hour`, exclusive: hours in which nothing came count too. */
static void network_roll(struct network *n, int32_t hour)
{
	if (hour <= n->hour)
		return;
	learn_hour(n, n->count);
	const double idle = (double)hour - n->hour - 1, keep = keep_per_hour(idle);
	n->sum = (float)(n->sum * keep);
	n->squares = (float)(n->squares * keep);
	n->hours = (float)(n->hours * keep + (1 - keep) / (1 - keep_per_hour(1)));
	n->hour = hour;
	n->count = 0;
}

static double mean_of(const struct network *n)
{
	return n->hours > 0 ? n->sum / n->hours : 0;
}

/* How many times more its hours vary than those of a Poisson process; at least 1. */
static double clumps_of(const struct network *n)
{
	const double mean = mean_of(n);
	if (mean <= 0)
		return 1;
	const double ratio = (n->squares / n->hours - mean * mean) / mean;
	return ratio > 1 ? ratio : 1;
}

/* ---- telling no more than so many ---- */

static bool bucket_take(struct gs_alerts *a, unsigned which)
{
	struct bucket *b = &a->buckets[which];

	if (b->tokens >= 1) {
		b->tokens -= 1;
		return true;
	}
	if (b->excess++ == 0)
		b->excess_since = a->now;
	a->counters.summed++;
	return false;
}

static void bucket_tick(struct gs_alerts *a, unsigned which)
{
	struct bucket *b = &a->buckets[which];
	const double hours = (double)(a->now.ns - b->filled.ns) / (HOUR_S * (double)GS_NS_PER_S);

	if (hours > 0)
		b->tokens = fmin(GS_ALERT_BURST, b->tokens + hours);
	b->filled = a->now;
	if (!b->excess) {
		b->wait_h = b->tokens >= 2 ? 1 : b->wait_h;
		return;
	}
	if (a->now.ns - b->excess_since.ns < (int64_t)b->wait_h * HOUR_S * GS_NS_PER_S && a->now.ns >= b->excess_since.ns)
		return;
	struct gs_alert al = alert_make(a, GS_ALERT_NETWORK_MANY, GS_ALERT_NOTICE);
	snprintf(al.key, sizeof al.key, "network.many:%s", which == BUCKET_NEW ? "new" : "surge");
	al.begin = b->excess_since;
	al.count = b->excess;
	alert_text(al.text, sizeof al.text, which == BUCKET_NEW ? "%llu more networks for the first time" : "%llu more surges of networks", (unsigned long long)b->excess);
	alert_tell(a, &al);
	b->excess = 0;
	b->wait_h = b->wait_h * 2 > BUCKET_WAIT_MAX_H ? BUCKET_WAIT_MAX_H : b->wait_h * 2;
}

/* ---- who it is ---- */

static void name_network(struct gs_alert *al, const struct gs_alert_network *w)
{
	al->asn = w->asn;
	gs_alert_clean(al->network, sizeof al->network, w->name);
	gs_alert_clean(al->country, sizeof al->country, w->country);
}

/* "AS64496 (Example, DE)" */
static void say_network(char *out, size_t size, const struct gs_alert *al)
{
	if (!al->asn)
		snprintf(out, size, "unknown network");
	else if (al->network[0] && al->country[0])
		snprintf(out, size, "AS%u (%s, %s)", al->asn, al->network, al->country);
	else if (al->network[0])
		snprintf(out, size, "AS%u (%s)", al->asn, al->network);
	else
		snprintf(out, size, "AS%u", al->asn);
}

/* ---- named networks ---- */

struct bad_key {
	struct gs_prefix prefix;
	uint8_t zero[2];
};

struct bad_entry {
	struct bad_key key;
	uint32_t number;
};

static void note_length(uint8_t *lengths, uint8_t len)
{
	unsigned n = 0;
	while (lengths[n] != 255)
		if (lengths[n++] == len)
			return;
	lengths[n] = len;
	lengths[n + 1] = 255;
}

static int by_asn(const void *x, const void *y)
{
	const struct bad_asn *a = x, *b = y;
	return a->asn < b->asn ? -1 : a->asn > b->asn;
}

int networks_bad(struct gs_alerts *a, const struct gs_alerts_options *o, struct gs_error *err)
{
	struct bad *bad = calloc(o->n_bad ? o->n_bad : 1, sizeof *bad);
	struct bad_asn *asns = calloc(o->n_bad ? o->n_bad : 1, sizeof *asns);
	struct gs_map prefixes;
	unsigned n_asns = 0;

	if (!bad || !asns || gs_map_init(&prefixes, sizeof(struct bad_key), sizeof(struct bad_entry), (size_t)1 << 20, 0) < 0) {
		free(bad);
		free(asns);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	memset(a->bad_lengths, 255, sizeof a->bad_lengths);
	for (unsigned i = 0; i < o->n_bad; i++) {
		const struct gs_alert_bad *b = &o->bad[i];
		bad[i].what = *b;
		bad[i].last = NO_TIME;
		if (b->by_asn) {
			snprintf(bad[i].name, sizeof bad[i].name, "AS%u", b->asn);
			asns[n_asns++] = (struct bad_asn){ b->asn, i };
		} else {
			const struct bad_key key = { .prefix = b->prefix };
			bool is_new;
			struct bad_entry *e = gs_map_get(&prefixes, gs_map_hash(&prefixes, &key), &key, &is_new);
			gs_prefix_format(&b->prefix, bad[i].name);
			if (e)
				e->number = i;
			note_length(a->bad_lengths[b->prefix.base.family == 6], b->prefix.len);
		}
		for (unsigned k = 0; k < a->n_bad; k++) /* what was told lately is not told again because a file was read again */
			if (strcmp(a->bad[k].name, bad[i].name) == 0) {
				bad[i].last = a->bad[k].last;
				bad[i].folded = a->bad[k].folded;
			}
	}
	if (a->bad_prefixes.slots)
		gs_map_done(&a->bad_prefixes);
	free(a->bad);
	free(a->bad_asns);
	qsort(asns, n_asns, sizeof *asns, by_asn);
	a->bad_asns = asns;
	a->n_bad_asns = n_asns;
	a->bad_prefixes = prefixes;
	a->bad = bad;
	a->n_bad = o->n_bad;
	return 0;
}

/* The entry that names the address or its network; the longest prefix first. */
static struct bad *bad_find(struct gs_alerts *a, const struct gs_addr *src, uint32_t asn)
{
	const uint8_t *lengths = a->bad_lengths[src->family == 6];
	const struct bad_entry *best = NULL;

	for (unsigned i = 0; lengths[i] != 255; i++) {
		const struct bad_key key = { .prefix = gs_prefix_of(src, lengths[i]) };
		const struct bad_entry *e = gs_map_find(&a->bad_prefixes, gs_map_hash(&a->bad_prefixes, &key), &key);
		if (e && (!best || e->key.prefix.len > best->key.prefix.len))
			best = e;
	}
	if (best)
		return &a->bad[best->number];
	const struct bad_asn *named = asn ? bsearch(&(struct bad_asn){ .asn = asn }, a->bad_asns, a->n_bad_asns, sizeof *named, by_asn) : NULL;
	return named ? &a->bad[named->number] : NULL;
}

static void bad_seen(struct gs_alerts *a, struct bad *b, const struct gs_addr *src, uint8_t class_, const struct gs_alert_network *w, struct gs_time seen)
{
	char addr[GS_ADDR_TEXT_MAX], network[GS_ALERT_NAME_MAX + 32];

	if (b->last.ns != NO_TIME.ns && seen.ns <= b->last.ns && a->now.ns >= b->last.ns) /* a sighting of packets that a pulse has told of */
		return;
	if (b->last.ns != NO_TIME.ns && a->now.ns >= b->last.ns && a->now.ns - b->last.ns < (int64_t)a->o.quiet_s * GS_NS_PER_S) {
		b->folded++;
		a->counters.folded++;
		return;
	}
	struct gs_alert al = alert_make(a, GS_ALERT_NETWORK_BAD, GS_ALERT_WARNING);
	snprintf(al.key, sizeof al.key, "network.bad:%s", b->name);
	snprintf(al.bad, sizeof al.bad, "%s", b->name);
	al.class_ = class_;
	al.source = *src;
	al.folded = b->folded;
	name_network(&al, w);
	gs_addr_format(src, addr);
	say_network(network, sizeof network, &al);
	alert_text(al.text, sizeof al.text, "%s of the named network %s sends %s (%s)", addr, b->name, gs_class_word(class_), network);
	alert_tell(a, &al);
	b->last = a->now;
	b->folded = 0;
}

/* ---- first appearance ---- */

static void tell_new(struct gs_alerts *a, const struct gs_addr *src, uint8_t class_, const struct gs_alert_network *w)
{
	char addr[GS_ADDR_TEXT_MAX], network[GS_ALERT_NAME_MAX + 32];

	if (!bucket_take(a, BUCKET_NEW))
		return;
	struct gs_alert al = alert_make(a, GS_ALERT_NETWORK_NEW, GS_ALERT_NOTICE);
	snprintf(al.key, sizeof al.key, "network.new:AS%u", w->asn);
	al.class_ = class_;
	al.source = *src;
	name_network(&al, w);
	gs_addr_format(src, addr);
	say_network(network, sizeof network, &al);
	alert_text(al.text, sizeof al.text, "%s sends GRE for the first time: %s from %s", network, gs_class_word(class_), addr);
	alert_tell(a, &al);
}

/* The network's record; NULL where there is no place for a new one. */
static struct network *network_get(struct gs_alerts *a, uint32_t asn, int32_t hour, bool *ret_new)
{
	struct network *n = gs_map_get(&a->networks, network_hash(a, &asn), &asn, ret_new);

	if (!n) {
		if (a->counters.networks_refused++ == 0)
			gs_alerts_trouble(a, GS_TROUBLE_NETWORKS, true, "", "more networks than are kept apart: of those that are new from now on nothing is told", a->now);
		return NULL;
	}
	if (*ret_new) {
		a->counters.networks++;
		n->hour = n->first_hour = hour;
		n->slot = -1;
	}
	return n;
}

/* Whoever it is: named, or never seen before? The record, if it has one. */
static struct network *look_at(struct gs_alerts *a, const struct gs_addr *src, uint8_t class_, struct gs_time seen, struct gs_alert_network *w)
{
	bool is_new;

	*w = (struct gs_alert_network){ .name = "", .country = "" };
	if (a->lookup.find)
		a->lookup.find(a->lookup.arg, src, w);
	if (a->n_bad) {
		struct bad *b = bad_find(a, src, w->asn);
		if (b)
			bad_seen(a, b, src, class_, w, seen);
	}
	if (!w->asn) {
		a->counters.unattributed++;
		return NULL;
	}
	struct network *n = network_get(a, w->asn, hour_of(seen), &is_new);
	if (n && is_new)
		tell_new(a, src, class_, w);
	return n;
}

void network_seen(struct gs_alerts *a, const struct gs_addr *src, uint8_t class_)
{
	struct gs_alert_network w;
	look_at(a, src, class_, a->now, &w);
}

/* ---- surges ---- */

static void surge_text(struct gs_alert *al, const struct network *n, bool over)
{
	char network[GS_ALERT_NAME_MAX + 32], usual[32];

	say_network(network, sizeof network, al);
	snprintf(usual, sizeof usual, al->usual >= 1 ? "%.0f an hour" : "%.1f a day", al->usual >= 1 ? al->usual : al->usual * 24);
	if (over)
		alert_text(al->text, sizeof al->text, "%s is back to usual: %llu packets in the surge, at most %.0f an hour (usual: %s)", network, (unsigned long long)al->packets, al->peak, usual);
	else
		alert_text(al->text, sizeof al->text, "%s surges: %u packets within the hour (usual: %s)", network, n->count, usual);
}

static void surge_begin(struct gs_alerts *a, struct network *n, const struct gs_sighting *s, const struct gs_alert_network *w, double log10_p)
{
	struct gs_alert al = alert_make(a, GS_ALERT_NETWORK_SURGE, GS_ALERT_WARNING);

	snprintf(al.key, sizeof al.key, "network.surge:AS%u", n->asn);
	if (slot_find(a, al.key) < 0 && !bucket_take(a, BUCKET_SURGE)) {
		n->slot = -2; /* counted once: not looked at again within the hour */
		return;
	}
	al.class_ = s->class_;
	al.source = s->src;
	al.begin = (struct gs_time){ (int64_t)n->hour * HOUR_S * GS_NS_PER_S };
	al.usual = mean_of(n);
	al.rate = (double)n->count / HOUR_S;
	al.peak = n->count;
	al.packets = n->count;
	al.log10_p = log10_p;
	name_network(&al, w);
	surge_text(&al, n, false);
	n->slot = slot_begin(a, &al);
	if (n->slot < 0)
		n->slot = -2;
}

/* Whether an hour with so many packets surges; *ret_log10_p: how likely by chance. */
static bool surges(const struct gs_alerts *a, const struct network *n, double *ret_log10_p)
{
	const double mean = mean_of(n), clumps = clumps_of(n);

	if (a->o.surge_factor <= 0 || n->count < a->o.surge_min || n->hours < keep_per_hour(SURGE_HISTORY_H) * SURGE_HISTORY_H || n->count < a->o.surge_factor * mean)
		return false;
	*ret_log10_p = chance_log10(n->count / clumps, 0.5 + n->sum / clumps, n->hours);
	return *ret_log10_p < -SURGE_P;
}

/* An hour of a surge is over: it goes on, or ends. */
static void surge_hour(struct gs_alerts *a, struct network *n)
{
	struct slot *s = &a->slots[n->slot];
	const double usual = fmax(mean_of(n) * a->o.surge_factor, (double)a->o.surge_min);

	if (n->count < usual / 2) {
		surge_text(&s->a, n, true);
		slot_end(a, n->slot);
		n->slot = -1;
	} else if ((double)n->hour - (double)(s->a.begin.ns / GS_NS_PER_S / HOUR_S) >= SURGE_MAX_H) {
		const double hourly = (double)s->a.packets / SURGE_MAX_H;
		n->sum = (float)(hourly * n->hours);
		n->squares = (float)((hourly * hourly + hourly) * n->hours);
		surge_text(&s->a, n, true);
		alert_text(s->a.text, sizeof s->a.text, "AS%u sends about %.0f packets an hour for a week now, which is taken as usual", n->asn, hourly);
		slot_end(a, n->slot);
		n->slot = -1;
	} else {
		const double learned = fmax(2 * mean_of(n), 1);
		n->count = n->count > learned ? (uint32_t)learned : n->count;
	}
}

/* The hours before `hour` are over for this network. */
static void close_hours(struct gs_alerts *a, struct network *n, int32_t hour)
{
	if (n->slot == -2)
		n->slot = -1;
	while (n->slot >= 0 && n->hour < hour) { /* a surge that goes silent ends with its first idle hour */
		surge_hour(a, n);
		network_roll(n, n->hour + 1);
	}
	network_roll(n, hour);
}

void network_count(struct gs_alerts *a, const struct gs_sighting *s)
{
	const int32_t hour = hour_of(s->last);
	struct gs_alert_network w;
	double log10_p;

	if (s->src.family == 0 || s->flags & (GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED | GS_SIGHTING_COUNTED)) {
		a->counters.unattributed++;
		return;
	}
	if (flood_forged(a, s)) {
		a->counters.forged++;
		return;
	}
	struct network *n = look_at(a, &s->src, s->class_, s->last, &w);
	if (!n)
		return;
	const uint32_t packets = s->packets > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)s->packets;
	if (hour < n->hour) { /* that hour was judged */
		a->counters.late++;
		n->sum += (float)packets;
		return;
	}
	if (hour > n->hour)
		close_hours(a, n, hour);
	n->count = n->count > UINT32_MAX - packets ? UINT32_MAX : n->count + packets;
	if (n->slot >= 0) {
		struct slot *slot = &a->slots[n->slot];
		slot->a.packets += packets;
		slot->a.peak = n->count > slot->a.peak ? n->count : slot->a.peak;
		slot->last = a->now;
		slot->restored = false;
	} else if (n->slot == -1 && surges(a, n, &log10_p)) {
		surge_begin(a, n, s, &w, log10_p);
	}
}

void networks_tick(struct gs_alerts *a)
{
	/* an hour is over when no sighting of it can come any more */
	const int32_t over = hour_of((struct gs_time){ a->now.ns - (int64_t)(a->o.window_s + 60) * GS_NS_PER_S });

	for (unsigned i = 0; i < BUCKETS; i++)
		bucket_tick(a, i);
	for (int i = 0; i < GS_ALERT_OPEN_MAX; i++) {
		struct slot *s = &a->slots[i];
		if (s->state != SLOT_ACTIVE || s->a.kind != GS_ALERT_NETWORK_SURGE)
			continue;
		struct network *n = gs_map_find(&a->networks, network_hash(a, &s->a.asn), &s->a.asn);
		if (n && n->slot == i && n->hour < over)
			close_hours(a, n, over);
	}
}

void network_restore_surge(struct gs_alerts *a, int slot)
{
	struct slot *s = &a->slots[slot];
	struct network *n = gs_map_find(&a->networks, network_hash(a, &s->a.asn), &s->a.asn);

	if (n)
		n->slot = slot;
	else
		s->state = SLOT_QUIET;
}

void gs_alerts_know(struct gs_alerts *a, uint32_t asn, uint64_t packets, struct gs_time first, struct gs_time last)
{
	const int32_t from = hour_of(first), to = hour_of(last), now = hour_of(a->now);
	bool is_new;

	if (!asn)
		return;
	struct network *n = network_get(a, asn, from, &is_new);
	if (!n || !is_new)
		return;
	/* How its packets were spread is not known: their mean, for as much history as two days would be. */
	const double span = fmax(1, (double)(now > to ? now : to) - from), hours = fmin(span, 48), hourly = (double)packets / span;
	n->hour = now > to ? now : to;
	n->hours = (float)hours;
	n->sum = (float)(hourly * hours);
	n->squares = (float)((hourly + hourly * hourly) * hours);
}
