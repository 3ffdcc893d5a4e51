/*
 * flood.c - floods: a class far above what is usual for it
 *
 * A class floods when its rate has been above flood_pps and above flood_factor times the usual for flood_begin_s, and stops when it has been below half of that for flood_end_s: two thresholds and two
 * spans, so that a rate that wavers about one of them is one flood. Usual is a mean with a half-life of an hour that learns nothing while the class floods; a flood of a day
 * is taken as the new usual. All classes together flood only where none alone does.
 *
 * Forged sources (about every packet has its own) say nothing about networks: their sightings are kept from the rules of network.c, else one such flood would make every network
 * there is one that was seen.
 */
#include "alert/private.h"

#include <math.h>
#include <stdio.h>

#define USUAL_HALF_LIFE_S 3600.0
#define OPEN_MAX_S 86400.0
#define FORGED_SOURCES 4096 /* at least so many a second, */
#define FORGED_PACKETS 4    /* each with fewer packets than this */
#define STANDS_OUT 10       /* the busiest is named from a tenth of the packets on */

static const char *class_word(unsigned class_)
{
	return class_ < GS_CLASS_COUNT ? gs_class_word(class_) : "mixed";
}

static const struct gs_pulse_talker *busiest(const struct gs_pulse_talker *t, unsigned n, unsigned class_, uint64_t packets)
{
	for (unsigned i = 0; i < n; i++)
		if ((t[i].class_ == class_ || class_ == GS_CLASS_COUNT) && (t[i].packets - t[i].error) * STANDS_OUT >= packets && packets)
			return &t[i];
	return NULL;
}

static void plural(char *out, size_t size, const char *about, uint64_t n, const char *one)
{
	snprintf(out, size, "%s%llu %s%s", n > 1 ? about : "", (unsigned long long)n, one, n == 1 ? "" : one[strlen(one) - 1] == 's' ? "es" : "s");
}

static void say_span(char *out, size_t size, double s)
{
	if (s < 120)
		snprintf(out, size, "%.0f seconds", s);
	else if (s < 7200)
		snprintf(out, size, "%.0f minutes", s / 60);
	else
		snprintf(out, size, "%.1f hours", s / 3600);
}

static void describe(struct gs_alert *al, const struct flood *f, bool over, const char *why)
{
	char sources[48], targets[48], processes[64] = "", span[48];

	al->peak = f->peak;
	al->packets = f->packets;
	al->bytes = f->bytes;
	al->sources = f->has_sketch ? gs_hll_count(&f->sketch) : f->sources;
	al->sources = al->sources < f->sources ? f->sources : al->sources;
	al->targets = f->targets;
	plural(sources, sizeof sources, "about ", al->sources, "source");
	plural(targets, sizeof targets, "about ", al->targets, "target");
	if (al->processes)
		snprintf(processes, sizeof processes, ", %llu bot process%s", (unsigned long long)al->processes, al->processes == 1 ? "" : "es");
	say_span(span, sizeof span, f->open_s);
	if (over)
		alert_text(al->text, sizeof al->text, "flood of %s %s after %s: %llu packets, at most %.0f a second, from %s to %s%s", class_word(al->class_), why, span,
		           (unsigned long long)f->packets, f->peak, sources, targets, processes);
	else
		alert_text(al->text, sizeof al->text, "flood of %s: %.0f packets a second (usual: %.2g) from %s to %s%s", class_word(al->class_), al->rate, al->usual, sources, targets,
		           processes);
}

static void forget(struct flood *f)
{
	f->above_s = f->below_s = f->open_s = 0;
	f->packets = f->bytes = f->sources = f->targets = 0;
	f->peak = 0;
	f->slot = -1;
	f->has_sketch = false;
}

/* What belongs to the flood that runs, or that may be beginning. */
static void add(struct gs_alerts *a, struct flood *f, unsigned class_, const struct gs_pulse_class *c, const struct gs_pulse_second *s, double rate)
{
	if (f->packets == 0) {
		f->begin = s->begin;
		f->bots_before = a->bots;
		memset(&f->sketch, 0, sizeof f->sketch);
	}
	f->packets += c->packets;
	f->bytes += c->bytes;
	f->sources = c->sources > f->sources ? c->sources : f->sources;
	f->targets = c->targets > f->targets ? c->targets : f->targets;
	f->peak = rate > f->peak ? rate : f->peak;
	for (unsigned k = 0; k < GS_PULSE_SKETCHES; k++)
		if (s->sketch_class[k] < GS_CLASS_COUNT && (s->sketch_class[k] == class_ || class_ == GS_CLASS_COUNT)) {
			gs_hll_merge(&f->sketch, &s->sketch[k]);
			f->has_sketch = true;
		}
}

static void note_forged(struct flood *f, const struct gs_pulse_class *c, const struct gs_pulse_second *s)
{
	if (c->sources < FORGED_SOURCES || c->packets >= FORGED_PACKETS * c->sources)
		return;
	if (f->forged_to.ns == NO_TIME.ns || s->begin.ns - f->forged_to.ns > 60 * GS_NS_PER_S)
		f->forged_from = s->begin;
	f->forged_to = s->end;
}

bool flood_forged(const struct gs_alerts *a, const struct gs_sighting *s)
{
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++) {
		const struct flood *f = &a->floods[i];
		/* the class may have been judged anew when the window closed: of a flood only by rate the packets went by as something else */
		if (f->forged_to.ns != NO_TIME.ns && (i == s->class_ || s->class_ == GS_CLASS_FLOOD_GRE) && s->first.ns <= f->forged_to.ns && s->last.ns >= f->forged_from.ns)
			return true;
	}
	return false;
}

static void learn(struct flood *f, double rate, double dt)
{
	const double keep = exp2(-dt / USUAL_HALF_LIFE_S);

	f->usual = f->usual * keep + rate * (1 - keep);
	f->weight = f->weight * keep + (1 - keep);
}

static double usual_of(const struct flood *f)
{
	return f->weight > 0 ? f->usual / f->weight : 0;
}

static void flood_begin(struct gs_alerts *a, unsigned class_, struct flood *f, const struct gs_pulse_second *s, double rate, double threshold)
{
	struct gs_alert al = alert_make(a, GS_ALERT_FLOOD, GS_ALERT_WARNING);
	const struct gs_pulse_talker *source = busiest(s->source, s->n_sources, class_, class_ < GS_CLASS_COUNT ? s->class_[class_].packets : s->packets);
	const struct gs_pulse_talker *target = busiest(s->target, s->n_targets, class_, class_ < GS_CLASS_COUNT ? s->class_[class_].packets : s->packets);

	snprintf(al.key, sizeof al.key, "flood:%s", class_word(class_));
	al.class_ = (uint8_t)class_;
	al.begin = f->begin;
	al.rate = rate;
	al.usual = usual_of(f);
	al.processes = s->bots > f->bots_before ? s->bots - f->bots_before : 0;
	if (source)
		al.source = source->addr;
	if (target)
		al.target = target->addr;
	f->threshold = threshold;
	f->open_s = f->above_s;
	describe(&al, f, false, "");
	f->slot = slot_begin(a, &al);
}

static void flood_end(struct gs_alerts *a, struct flood *f, const char *why)
{
	if (f->slot >= 0) {
		struct gs_alert *al = &a->slots[f->slot].a;
		describe(al, f, true, why);
		slot_end(a, f->slot);
	}
	forget(f);
}

static void flood_goes_on(struct gs_alerts *a, unsigned class_, struct flood *f, const struct gs_pulse_class *c, const struct gs_pulse_second *s, double rate, double dt)
{
	struct slot *slot = &a->slots[f->slot];

	add(a, f, class_, c, s, rate);
	f->open_s += dt;
	slot->a.rate = rate;
	slot->a.processes = s->bots > f->bots_before ? s->bots - f->bots_before : slot->a.processes;
	if (rate >= f->threshold / 2) {
		f->below_s = 0;
		slot->last = a->now;
		slot->restored = false;
	} else {
		f->below_s += dt;
	}
	slot->a.peak = f->peak;
	slot->a.packets = f->packets;
	slot->a.bytes = f->bytes;
	if (f->below_s >= a->o.flood_end_s) {
		f->open_s -= f->below_s;
		flood_end(a, f, "is over");
	} else if (f->open_s >= OPEN_MAX_S) {
		f->usual = (double)f->packets / f->open_s;
		f->weight = 1;
		flood_end(a, f, "goes on and is taken as usual from now on");
	}
}

static bool one_alone(const struct gs_alerts *a)
{
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++)
		if (a->floods[i].slot >= 0 || a->floods[i].above_s > 0)
			return true;
	return false;
}

static void flood_pulse(struct gs_alerts *a, unsigned class_, const struct gs_pulse_class *c, const struct gs_pulse_second *s, double dt)
{
	struct flood *f = &a->floods[class_];
	const double rate = (double)c->packets / dt;
	const double threshold = fmax((double)a->o.flood_pps, a->o.flood_factor * usual_of(f));

	note_forged(f, c, s);
	if (f->slot >= 0) {
		flood_goes_on(a, class_, f, c, s, rate, dt);
		return;
	}
	if (!a->o.flood_pps || rate <= threshold || (class_ == GS_CLASS_COUNT && one_alone(a))) {
		if (f->above_s > 0)
			forget(f);
		learn(f, rate, dt);
		return;
	}
	add(a, f, class_, c, s, rate);
	f->above_s += dt;
	if (f->above_s >= a->o.flood_begin_s) {
		flood_begin(a, class_, f, s, rate, threshold);
		if (f->slot < 0) /* no place among the open ones: counted there; begins anew */
			forget(f);
	}
}

void floods_pulse(struct gs_alerts *a, const struct gs_pulse_second *s)
{
	const struct gs_pulse_class all = { .packets = s->packets, .bytes = s->bytes, .sources = s->sources, .targets = s->targets };
	double dt = (double)(s->end.ns - s->begin.ns) / (double)GS_NS_PER_S;

	dt = dt < 0.2 ? 0.2 : dt > 5 ? 5 : dt; /* a clock that was set */
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++)
		flood_pulse(a, i, &s->class_[i], s, dt);
	flood_pulse(a, GS_CLASS_COUNT, &all, s, dt);
}

void floods_close(struct gs_alerts *a, int slot)
{
	struct gs_alert *al = &a->slots[slot].a;

	for (unsigned i = 0; i < FLOODS; i++)
		if (a->floods[i].slot == slot) {
			flood_end(a, &a->floods[i], "was over after a restart,");
			return;
		}
	alert_text(al->text, sizeof al->text, "%s: over, or not seen any more since the sensor started again", al->key);
	slot_end(a, slot);
}
