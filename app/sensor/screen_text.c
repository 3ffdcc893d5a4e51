/*
 * screen_text.c - the view as a page for people: how much, what was lost, what it is, who sends it, what was told
 *
 * The most important lines come first, so a small terminal shows less, not something else. What there is room for is decided before anything is written: the head, then at least a few lines for
 * each block, then more for those that have more to say.
 */
#include "sensor/view.h"

#include "render/text_cell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GAP 2

enum style { PLAIN, STRONG, FAINT, ALARM };

struct page {
	struct gs_buf *out;
	const struct screen_shape *shape;
	unsigned lines;
};

/* One line: cut to the width; nothing where the page is full. */
static void put_line(struct page *p, enum style style, const char *text)
{
	static const char *const on[] = { "", "\033[1m", "\033[2m", "\033[1;31m" };
	const bool styled = style != PLAIN && p->shape->color;

	if (p->lines == p->shape->height)
		return;
	if (p->lines++)
		gs_buf_putc(p->out, '\n');
	if (styled)
		gs_buf_puts(p->out, on[style]);
	text_put_clean(p->out, text, p->shape->utf8, p->shape->width);
	if (styled)
		gs_buf_puts(p->out, "\033[0m");
}

static void put_buf(struct page *p, enum style style, struct gs_buf *b)
{
	put_line(p, style, gs_buf_text(b));
	gs_buf_done(b);
}

static void pad_to(struct gs_buf *b, size_t from, unsigned column)
{
	for (unsigned w = text_width(b->data + from, b->len - from); w < column; w++)
		gs_buf_putc(b, ' ');
}

/* Right-aligned in `width` columns. */
static void put_number(struct gs_buf *b, uint64_t v, unsigned width)
{
	struct gs_buf n = { 0 };

	text_grouped(&n, v);
	if (n.len > width) {
		gs_buf_clear(&n);
		text_count(&n, v);
	}
	for (size_t i = n.len; i < width; i++)
		gs_buf_putc(b, ' ');
	gs_buf_put(b, n.data, n.len);
	gs_buf_done(&n);
}

static void put_rate(struct gs_buf *b, double rate)
{
	if (rate > 0 && rate < 10)
		gs_buf_printf(b, "%.1f", rate);
	else
		text_grouped(b, (uint64_t)(rate + 0.5));
}

static void put_span(struct gs_buf *b, double s)
{
	if (s < 120)
		gs_buf_printf(b, "%.0f s", fmax(s, 0));
	else if (s < 7200)
		gs_buf_printf(b, "%.0f min", s / 60);
	else if (s < 172800)
		gs_buf_printf(b, "%.1f h", s / 3600);
	else
		gs_buf_printf(b, "%.0f days", s / 86400);
}

static double seconds_between(struct gs_time from, struct gs_time to)
{
	return (double)(to.ns - from.ns) / 1e9;
}

/* ---- the head ---- */

static void put_title(struct page *p, const struct view *v)
{
	struct gs_buf left = { 0 };
	char now[GS_TIME_TEXT_MAX];

	gs_buf_puts(&left, "grescope watch");
	if (*v->sensor)
		gs_buf_printf(&left, " %s", v->sensor);
	for (unsigned i = 0; i < v->n_engines; i++) {
		const struct message_status *s = &v->engines[i].status;
		bool again = !v->engines[i].have;
		for (unsigned k = 0; k < i; k++)
			again |= strcmp(v->engines[k].status.source, s->source) == 0;
		if (!again)
			gs_buf_printf(&left, " %s%s", s->source, s->link == LINK_UP ? "" : s->link == LINK_DOWN ? " (down)" : " (gone)");
	}
	gs_buf_puts(&left, ", ");
	put_span(&left, seconds_between(v->started, v->now));
	gs_time_format(v->now, 0, now);
	now[10] = ' ';
	now[19] = '\0'; /* the Z says less than the word */
	if (text_width(left.data, left.len) + GAP + 23 <= p->shape->width) {
		pad_to(&left, 0, p->shape->width - 23);
		gs_buf_printf(&left, "%s UTC", now);
	}
	put_buf(p, STRONG, &left);
}

#define SPARK_S 300 /* what the bars show at most */

/* The last minutes as `n` bars; each is the mean of as many seconds as it takes for SPARK_S of them, counted from the first, so that bars move and do not change. The highest is full. */
static void put_sparkline(struct gs_buf *b, const struct view *v, unsigned n, bool utf8)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }, *const plain[] = { " ", ".", ".", ":", "-", "=", "+", "*", "#" };
	const uint64_t each = (SPARK_S + n - 1) / n, last = v->n_rates ? (v->n_rates - 1) / each : 0;
	double mean[SPARK_S], most = 0;

	for (unsigned i = 0; i < n; i++) {
		const uint64_t back = n - 1 - i;
		unsigned k = 0;
		mean[i] = 0;
		for (uint64_t s = back <= last ? (last - back) * each : v->n_rates; s < v->n_rates && k < each; s++, k++)
			mean[i] += v->rate[s % VIEW_HISTORY];
		mean[i] = k ? mean[i] / k : 0;
		most = fmax(most, mean[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		const unsigned level = mean[i] <= 0 ? 0 : 1 + (unsigned)fmin(7, floor(mean[i] / most * 8));
		gs_buf_puts(b, utf8 ? blocks[level] : plain[level]);
	}
}

static void put_rates(struct page *p, const struct view *v)
{
	struct gs_buf b = { 0 }, tail = { 0 };
	const double now = v->n_rates ? v->rate[(v->n_rates - 1) % VIEW_HISTORY] : 0;
	double most = 0;
	unsigned room;

	gs_buf_puts(&b, "rate     ");
	put_rate(&b, now);
	gs_buf_puts(&b, " packets/s");
	pad_to(&b, 0, 32);
	for (unsigned i = 1; i <= SPARK_S && i <= v->n_rates; i++)
		most = fmax(most, v->rate[(v->n_rates - i) % VIEW_HISTORY]);
	gs_buf_puts(&tail, "  most ");
	put_rate(&tail, most);
	room = p->shape->width > 32 + tail.len ? p->shape->width - 32 - (unsigned)tail.len : 0;
	room = room > SPARK_S ? SPARK_S : room;
	if (room >= 10) {
		put_sparkline(&b, v, room, p->shape->utf8);
		gs_buf_put(&b, tail.data, tail.len);
	}
	gs_buf_done(&tail);
	put_buf(p, PLAIN, &b);
}

static void put_seen(struct page *p, const struct view *v)
{
	const struct gs_tally t = view_tally(v);
	const uint64_t lost = gs_tally_sensor_lost(&t);
	struct gs_buf b = { 0 };

	gs_buf_puts(&b, "packets  ");
	text_grouped(&b, t.packets);
	gs_buf_puts(&b, " seen, ");
	text_grouped(&b, lost);
	gs_buf_puts(&b, " lost, ");
	text_grouped(&b, t.dropped[GS_DROP_BELOW]);
	gs_buf_puts(&b, " possibly lost below");
	if (v->have_store) {
		gs_buf_puts(&b, "; store ");
		text_grouped(&b, v->store.sightings);
		gs_buf_puts(&b, v->store.sightings == 1 ? " sighting, " : " sightings, ");
		text_bytes(&b, v->store.file_bytes);
		if (v->store.full)
			gs_buf_puts(&b, ", FULL");
	}
	put_buf(p, lost || (v->have_store && v->store.full) ? ALARM : PLAIN, &b);
}

static void put_sources(struct page *p, const struct view *v)
{
	struct gs_buf b = { 0 };

	gs_buf_puts(&b, "sources  ");
	text_grouped(&b, v->second.sources);
	gs_buf_puts(&b, " now, about ");
	text_grouped(&b, v->sources_day);
	gs_buf_puts(&b, " in 24 hours; bot processes ");
	text_grouped(&b, v->second.bots);
	if (v->last_packet.ns == GS_TIME_MIN.ns) {
		gs_buf_puts(&b, "; no packet yet");
	} else {
		gs_buf_puts(&b, "; last packet ");
		put_span(&b, seconds_between(v->last_packet, v->now));
		gs_buf_puts(&b, " ago");
	}
	put_buf(p, PLAIN, &b);
}

/* ---- blocks ---- */

static unsigned active_classes(const struct view *v, unsigned order[GS_CLASS_COUNT])
{
	unsigned n = 0;

	for (unsigned c = 0; c < GS_CLASS_COUNT; c++) {
		unsigned at = n;
		if (!v->class_packets[c])
			continue;
		for (; at && v->class_packets[order[at - 1]] < v->class_packets[c]; at--)
			order[at] = order[at - 1];
		order[at] = c;
		n++;
	}
	return n;
}

static void put_classes(struct page *p, const struct view *v, const unsigned *order, unsigned n)
{
	put_line(p, FAINT, "class                  packets/s    sources          packets");
	for (unsigned i = 0; i < n; i++) {
		const struct gs_pulse_class *c = &v->second.class_[order[i]];
		struct gs_buf b = { 0 };
		gs_buf_puts(&b, gs_class_word(order[i]));
		pad_to(&b, 0, 20);
		put_number(&b, c->packets, 12);
		put_number(&b, c->sources, 11);
		put_number(&b, v->class_packets[order[i]], 17);
		put_buf(p, PLAIN, &b);
	}
}

static int by_packets(const void *x, const void *y)
{
	const struct view_rank *a = x, *b = y;
	return a->packets < b->packets ? 1 : a->packets > b->packets ? -1 : a->key < b->key ? -1 : a->key > b->key;
}

static unsigned worth_showing(const struct view_rank *r, unsigned n, double whole)
{
	unsigned k = 0;
	while (k < n && r[k].packets >= 0.01 && r[k].packets > whole / 2000)
		k++;
	return k;
}

static void put_ranked(struct gs_buf *b, const struct view_rank *r, double whole, unsigned width, bool utf8)
{
	const size_t from = b->len;

	text_put_clean(b, r->name, utf8, width > 10 ? width - 8 : 2);
	pad_to(b, from, width > 8 ? width - 8 : 0);
	struct gs_buf share = { 0 };
	text_percent(&share, whole > 0 ? fmin(1, r->packets / whole) : 0);
	for (size_t i = share.len; i < 8; i++)
		gs_buf_putc(b, ' ');
	gs_buf_put(b, share.data, share.len);
	gs_buf_done(&share);
}

/* Networks left, places right; one below the other has no room on a narrow terminal: then only networks. */
static void put_ranks(struct page *p, const struct view *v, const struct view_rank *networks, unsigned n_networks, const struct view_rank *places, unsigned n_places, unsigned lines)
{
	const bool two = p->shape->width >= 70 && n_places;
	const unsigned left = two ? (p->shape->width - 4) * 6 / 10 : p->shape->width < 72 ? p->shape->width : 72;
	const unsigned right = two ? p->shape->width - 4 - left : 0;
	struct gs_buf b = { 0 };

	gs_buf_puts(&b, "networks, last minutes, at least"); /* only the busiest sources of a second are known by name */
	if (two) {
		pad_to(&b, 0, left + 4);
		gs_buf_puts(&b, "places, at least");
	}
	put_buf(p, FAINT, &b);
	for (unsigned i = 0; i < lines; i++) {
		if (i < n_networks)
			put_ranked(&b, &networks[i], v->ranked, left, p->shape->utf8);
		if (two && i < n_places) {
			pad_to(&b, 0, left + 4);
			put_ranked(&b, &places[i], v->ranked, right < 48 ? right : 48, p->shape->utf8);
		}
		put_buf(p, PLAIN, &b);
	}
}

static void put_alerts(struct page *p, const struct view *v, unsigned n)
{
	struct gs_buf b = { 0 };

	gs_buf_printf(&b, "alerts, %u open", v->alert_counters.open);
	put_buf(p, FAINT, &b);
	for (unsigned i = 0; i < n; i++) {
		const struct gs_alert *a = &v->alerts[(v->n_alerts - 1 - i) % VIEW_ALERTS];
		char when[GS_TIME_TEXT_MAX];
		gs_time_format(a->time, 0, when);
		when[10] = ' ';
		when[19] = '\0';
		gs_buf_printf(&b, "%s  %s", seconds_between(a->time, v->now) < 86400 ? when + 11 : when, a->text);
		put_buf(p, a->level >= GS_ALERT_WARNING && a->phase != GS_ALERT_END ? STRONG : PLAIN, &b);
	}
}

/* Gives each block lines: its head and a blank before it, at least `few` of what it has, then more in turn while there are any. */
static void share_out(unsigned room, const unsigned *have, unsigned *ret, unsigned n)
{
	memset(ret, 0, n * sizeof *ret);
	for (unsigned i = 0; i < n; i++) {
		const unsigned few = have[i] < 2 ? have[i] : 2;
		if (have[i] && room >= few + 2) {
			ret[i] = few;
			room -= few + 2;
		}
	}
	for (bool more = true; more && room;) {
		more = false;
		for (unsigned i = 0; i < n && room; i++)
			if (ret[i] && ret[i] < have[i]) {
				ret[i]++;
				room--;
				more = true;
			}
	}
}

void screen_format(const struct view *v, const struct screen_shape *shape, struct gs_buf *out)
{
	struct page p = { .out = out, .shape = shape };
	struct view_rank networks[VIEW_RANKED], places[VIEW_RANKED];
	unsigned order[GS_CLASS_COUNT], have[3], lines[3], n_networks, n_places;

	memcpy(networks, v->networks, v->n_networks * sizeof *networks);
	memcpy(places, v->places, v->n_places * sizeof *places);
	qsort(networks, v->n_networks, sizeof *networks, by_packets);
	qsort(places, v->n_places, sizeof *places, by_packets);
	n_networks = worth_showing(networks, v->n_networks, v->ranked);
	n_places = worth_showing(places, v->n_places, v->ranked);
	put_title(&p, v);
	put_rates(&p, v);
	put_seen(&p, v);
	put_sources(&p, v);
	have[0] = active_classes(v, order);
	have[1] = v->n_alerts < 8 ? (unsigned)v->n_alerts : 8;
	have[2] = n_networks > n_places ? n_networks : n_places;
	have[2] = have[2] > 12 ? 12 : have[2];
	share_out(shape->height > p.lines ? shape->height - p.lines : 0, have, lines, 3);
	if (lines[0]) {
		put_line(&p, PLAIN, "");
		put_classes(&p, v, order, lines[0]);
	}
	if (lines[2]) {
		put_line(&p, PLAIN, "");
		put_ranks(&p, v, networks, n_networks, places, n_places, lines[2]);
	}
	if (lines[1]) {
		put_line(&p, PLAIN, "");
		put_alerts(&p, v, lines[1]);
	}
}
