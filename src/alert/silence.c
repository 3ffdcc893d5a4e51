/*
 * silence.c - no packet for longer than chance explains
 *
 * Time goes in slots of ten minutes, busy or idle. An idle stretch is told when its chance (each slot idle or busy as before, chance.c) is below 10^-6 and when it is twice the longest
 * before: nights, weekends and pauses of a botnet are stretches too, and chance alone would ring at each of them. A sensor that gets a packet a day thus waits for a fortnight,
 * a busy one for half an hour. Slots that nobody watched (the sensor was stopped, the machine slept, the clock was set) count for nothing.
 */
#include "alert/private.h"

#include <math.h>

#define HALF_LIFE_SLOTS 2016.0 /* two weeks */
#define LONGEST_HALF_LIFE_SLOTS 8640.0
#define HISTORY_SLOTS 144      /* a day */
#define CHANCE_LN (-6 * M_LN10)
#define IDLE_MIN 2

static void learn(struct silence *q, bool busy)
{
	const double keep = exp2(-1 / HALF_LIFE_SLOTS);

	q->busy = q->busy * keep + busy;
	q->total = q->total * keep + 1;
	q->longest *= exp2(-1 / LONGEST_HALF_LIFE_SLOTS);
}

/* The stretch is over: it becomes history, unless it was trouble. */
static void end_stretch(struct gs_alerts *a)
{
	struct silence *q = &a->silence;

	if (q->alarmed) {
		gs_alerts_trouble(a, GS_TROUBLE_SILENCE, false, "", "packets come again", a->now);
	} else {
		for (uint32_t i = 0; i < q->idle; i++)
			learn(q, false);
		q->longest = fmax(q->longest, q->idle);
	}
	q->alarmed = false;
	q->idle = 0;
}

void silence_pulse(struct gs_alerts *a, const struct gs_pulse_second *s)
{
	if (!s->packets)
		return;
	a->silence.active = true;
	a->silence.last_packet = s->end;
	if (a->silence.alarmed)
		end_stretch(a);
}

static void judge(struct gs_alerts *a)
{
	struct silence *q = &a->silence;
	char when[GS_TIME_TEXT_MAX], text[GS_ALERT_TEXT_MAX];

	if (q->alarmed || q->total < HISTORY_SLOTS || q->idle < IDLE_MIN || q->idle < 2 * q->longest || chance_idle_ln(q->idle, q->busy, q->total) >= CHANCE_LN)
		return;
	q->alarmed = true;
	gs_time_format(q->last_packet, 0, when);
	alert_text(text, sizeof text, "no packet since %s, longer than chance explains; the longest pause before was %.1f hours", q->last_packet.ns == NO_TIME.ns ? "the start" : when,
	           q->longest * SLOT_S / 3600);
	gs_alerts_trouble(a, GS_TROUBLE_SILENCE, true, "", text, a->now);
}

void silence_tick(struct gs_alerts *a)
{
	struct silence *q = &a->silence;
	const int64_t slot = gs_time_floor_s(a->now, SLOT_S) / SLOT_S;

	if (q->slot == slot)
		return;
	if (q->slot != INT64_MIN && slot == q->slot + 1) {
		if (q->active) {
			end_stretch(a);
			learn(q, true);
		} else if (q->idle < UINT32_MAX) {
			q->idle++;
			judge(a);
		}
	} else if (!q->alarmed) {
		q->idle = 0;
	}
	q->slot = slot;
	q->active = false;
}
