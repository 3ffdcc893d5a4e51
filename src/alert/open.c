/*
 * open.c - what is open, and what is told of it
 *
 * A key that is told goes through: active (begun, told), held (over, for kinds that flap), quiet (its end told; what begins again is folded), free. What was folded is told as one sentence
 * when the quiet time is over, or with the begin that is told next. So a flood that comes back every ten minutes is told twice an hour, not twelve times, and not just once.
 */
#include "alert/private.h"

#include "base/utf8.h"

#include <stdio.h>

void gs_alert_clean(char *out, size_t size, const char *text)
{
	struct gs_buf b = { 0 };
	uint32_t c;

	while ((c = gs_utf8_next(&text)) != 0) {
		const size_t before = b.len;
		gs_utf8_put(&b, gs_utf8_is_control(c) || gs_utf8_is_deceptive(c) ? ' ' : c);
		if (b.len >= size) {
			b.len = before;
			break;
		}
	}
	snprintf(out, size, "%s", gs_buf_text(&b));
	gs_buf_done(&b);
}

void alert_text(char *out, size_t size, const char *format, ...)
{
	char text[2 * GS_ALERT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	gs_alert_clean(out, size, text);
}

struct gs_alert alert_make(struct gs_alerts *a, enum gs_alert_kind kind, enum gs_alert_level level)
{
	return (struct gs_alert){
		.kind = (uint8_t)kind, .phase = kind == GS_ALERT_FLOOD || kind == GS_ALERT_NETWORK_SURGE || kind == GS_ALERT_TROUBLE ? GS_ALERT_BEGIN : GS_ALERT_ONCE, .level = (uint8_t)level, .class_ = GS_CLASS_COUNT, .trouble = GS_TROUBLE_COUNT,
		.time = a->now, .begin = a->now, .end = NO_TIME,
	};
}

void alert_tell(struct gs_alerts *a, struct gs_alert *al)
{
	if (!al->id)
		al->id = a->next_id++;
	a->counters.told++;
	a->sink.tell(a->sink.arg, al);
}

int slot_find(const struct gs_alerts *a, const char *key)
{
	for (int i = 0; i < GS_ALERT_OPEN_MAX; i++)
		if (a->slots[i].state != SLOT_FREE && strcmp(a->slots[i].a.key, key) == 0)
			return i;
	return -1;
}

/* A place for a new one; of the quiet ones the one that ended first gives way where there is none. */
static int slot_take(struct gs_alerts *a)
{
	int oldest = -1;

	for (int i = 0; i < GS_ALERT_OPEN_MAX; i++) {
		if (a->slots[i].state == SLOT_FREE)
			return i;
		if (a->slots[i].state == SLOT_QUIET && (oldest < 0 || a->slots[i].last.ns < a->slots[oldest].last.ns))
			oldest = i;
	}
	return oldest;
}

static bool is_quiet(const struct gs_alerts *a, const struct slot *s)
{
	return s->told_end.ns != NO_TIME.ns && a->now.ns - s->told_end.ns < (int64_t)a->o.quiet_s * GS_NS_PER_S && a->now.ns >= s->told_end.ns;
}

static void tell_begin(struct gs_alerts *a, struct slot *s)
{
	s->a.phase = s->once ? GS_ALERT_ONCE : GS_ALERT_BEGIN;
	s->a.time = a->now;
	s->a.end = NO_TIME;
	s->told = true;
	alert_tell(a, &s->a);
	s->a.folded = 0;
}

int slot_begin(struct gs_alerts *a, const struct gs_alert *al)
{
	int i = slot_find(a, al->key);

	if (i < 0) {
		i = slot_take(a);
		if (i < 0) {
			a->counters.refused++;
			return -1;
		}
		a->slots[i] = (struct slot){ .a = *al, .state = SLOT_ACTIVE, .once = al->phase == GS_ALERT_ONCE, .last = a->now, .told_end = NO_TIME };
		tell_begin(a, &a->slots[i]);
		return i;
	}
	struct slot *s = &a->slots[i];
	s->last = a->now;
	s->restored = false;
	if (s->state != SLOT_QUIET) { /* it went on all the time, or came back before its end was told */
		if (s->state == SLOT_HELD)
			s->a.folded++;
		a->counters.folded += s->state == SLOT_HELD;
		s->state = SLOT_ACTIVE;
		return i;
	}
	const uint64_t folded = s->a.folded;
	s->a = *al;
	s->a.folded = folded;
	s->state = SLOT_ACTIVE;
	s->told = false;
	if (is_quiet(a, s)) {
		s->a.folded++;
		a->counters.folded++;
	} else {
		tell_begin(a, s);
	}
	return i;
}

void slot_end(struct gs_alerts *a, int i)
{
	struct slot *s = &a->slots[i];

	s->state = SLOT_QUIET;
	s->a.end = s->last;
	if (!s->told) {
		s->folded_packets += s->a.packets;
		return;
	}
	s->a.phase = GS_ALERT_END;
	s->a.time = a->now;
	s->told_end = a->now;
	if (s->a.level == GS_ALERT_WARNING || s->a.level == GS_ALERT_ERROR)
		s->a.level = GS_ALERT_NOTICE;
	alert_tell(a, &s->a);
	s->a.folded = 0;
	s->folded_packets = 0;
}

/* Its quiet time is over: what was folded into it is told, and the place is free. */
static void drop(struct gs_alerts *a, struct slot *s)
{
	if (s->a.folded) {
		char when[GS_TIME_TEXT_MAX];
		gs_time_format(s->last, 0, when);
		s->a.phase = GS_ALERT_ONCE;
		s->a.level = GS_ALERT_NOTICE;
		s->a.time = a->now;
		s->a.packets = s->folded_packets;
		alert_text(s->a.text, sizeof s->a.text, "%s: %llu more within the quiet time, the last until %s", s->a.key, (unsigned long long)s->a.folded, when);
		alert_tell(a, &s->a);
	}
	s->state = SLOT_FREE;
}

static void slot_tick(struct gs_alerts *a, int i)
{
	struct slot *s = &a->slots[i];
	const int64_t since = a->now.ns - s->last.ns;

	if (s->state == SLOT_HELD && since >= TROUBLE_HOLD_S * GS_NS_PER_S)
		slot_end(a, i);
	else if (s->state == SLOT_ACTIVE && s->restored && a->now.ns - a->started.ns >= RESTORED_S * GS_NS_PER_S && s->a.kind != GS_ALERT_NETWORK_SURGE)
		floods_close(a, i);
	else if (s->state == SLOT_ACTIVE && !s->told && !is_quiet(a, s)) /* it outlasts the quiet time it fell into */
		tell_begin(a, s);
	else if (s->state == SLOT_QUIET && !is_quiet(a, s))
		drop(a, s);
}

void slots_tick(struct gs_alerts *a)
{
	a->counters.open = 0;
	for (int i = 0; i < GS_ALERT_OPEN_MAX; i++) {
		if (a->slots[i].state != SLOT_FREE)
			slot_tick(a, i);
		a->counters.open += a->slots[i].state == SLOT_ACTIVE || a->slots[i].state == SLOT_HELD;
	}
}
