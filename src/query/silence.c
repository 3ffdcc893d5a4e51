#include "query/silence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S 3600
#define ACTIVE_MIN 8 /* hours: fewer tell no rate */
#define GAPS_KEPT 64 /* the longest of a sensor: which of them are unlikely is known at the end */

struct hour {
	int64_t first_ns, last_ns; /* first > last: none */
};

struct sensor {
	struct gs_silence_sensor s;
	int64_t day;          /* of the hours at hand */
	struct hour hours[24];
	int64_t last_ns;      /* so far */
	bool any;
	unsigned n_gaps;      /* the longest first */
	struct gs_silence_gap gaps[GAPS_KEPT];
};

struct gs_silence {
	struct sensor *list;  /* by id */
	size_t n;
	struct gs_silence_sensor *answer;
};

int gs_silence_new(struct gs_silence **ret, struct gs_error *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");
}

void gs_silence_free(struct gs_silence *s)
{
	if (!s)
		return;
	free(s->list);
	free(s->answer);
	free(s);
}

static double seconds(const struct gs_silence_gap *g)
{
	return ((double)g->to.ns - (double)g->from.ns) / 1e9;
}

static void gap_add(struct sensor *s, int64_t from_ns, int64_t to_ns)
{
	const struct gs_silence_gap g = { .from = { from_ns }, .to = { to_ns } };
	unsigned at = s->n_gaps;

	if (seconds(&g) < HOUR_S) /* closer than hours tell */
		return;
	while (at && seconds(&s->gaps[at - 1]) < seconds(&g))
		at--;
	if (at == GAPS_KEPT)
		return;
	if (s->n_gaps < GAPS_KEPT)
		s->n_gaps++;
	memmove(&s->gaps[at + 1], &s->gaps[at], (s->n_gaps - 1 - at) * sizeof *s->gaps);
	s->gaps[at] = g;
}

static void hours_clear(struct sensor *s)
{
	for (unsigned h = 0; h < 24; h++)
		s->hours[h] = (struct hour){ INT64_MAX, INT64_MIN };
}

/* The hours of a day are whole: into the sum. */
static void hours_close(struct sensor *s)
{
	for (unsigned h = 0; h < 24; h++) {
		const struct hour *hour = &s->hours[h];
		if (hour->first_ns > hour->last_ns)
			continue;
		if (s->s.active_hours++ == 0)
			s->s.first.ns = hour->first_ns;
		else
			gap_add(s, s->last_ns, hour->first_ns);
		if (s->s.active_hours == 1 || hour->last_ns > s->last_ns)
			s->last_ns = hour->last_ns;
	}
	hours_clear(s);
}

static int sensor_of(struct gs_silence *s, uint16_t id, struct sensor **ret, struct gs_error *err)
{
	if (id >= s->n) {
		const size_t n = (size_t)id + 1;
		struct sensor *list = realloc(s->list, n * sizeof *list);
		if (!list)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		memset(list + s->n, 0, (n - s->n) * sizeof *list);
		s->list = list;
		s->n = n;
	}
	*ret = &s->list[id];
	return 0;
}

static int take(void *arg, const struct gs_sighting *g, size_t n, struct gs_error *err)
{
	struct gs_silence *s = arg;

	for (size_t i = 0; i < n; i++) {
		const int64_t hour = gs_time_floor_s(g[i].first, HOUR_S) / HOUR_S, day = gs_time_floor_s(g[i].first, 86400) / 86400;
		struct sensor *at = NULL;
		int r = sensor_of(s, g[i].sensor, &at, err);
		if (r < 0)
			return r;
		if (!at->any || at->day != day) {
			if (at->any)
				hours_close(at);
			hours_clear(at);
			at->day = day;
			at->any = true;
			at->s.sensor = g[i].sensor;
		}
		struct hour *h = &at->hours[hour - day * 24];
		h->first_ns = g[i].first.ns < h->first_ns ? g[i].first.ns : h->first_ns;
		h->last_ns = g[i].last.ns > h->last_ns ? g[i].last.ns : h->last_ns;
		if (__builtin_add_overflow(at->s.packets, g[i].packets, &at->s.packets))
			at->s.packets = UINT64_MAX;
	}
	return 0;
}

struct gs_sighting_sink gs_silence_sink(struct gs_silence *s)
{
	return (struct gs_sighting_sink){ take, s };
}

double gs_silence_probability(const struct gs_silence_sensor *s, double gap_s)
{
	if (s->active_hours < ACTIVE_MIN || s->per_day <= 0)
		return 1;
	/* -expm1: for what is nearly impossible, too, the probability that it happens at least once */
	const double rate = s->per_day / 24, expected = (double)s->hours * rate * exp(-rate * gap_s / HOUR_S);
	return -expm1(-expected);
}

/* Rate, limit, and which gaps are beyond it. */
static void judge(struct sensor *s)
{
	struct gs_silence_sensor *r = &s->s;

	hours_close(s);
	r->last.ns = s->last_ns;
	r->hours = (uint64_t)(gs_time_floor_s(r->last, HOUR_S) / HOUR_S - gs_time_floor_s(r->first, HOUR_S) / HOUR_S) + 1;
	if (r->active_hours > r->hours) /* never; a rate must not come of it */
		r->hours = r->active_hours;
	/* half an empty hour where none was: an hour more would have been empty or not */
	const double empty = (double)(r->hours - r->active_hours);
	const double rate = -log((empty > 0 ? empty : 0.5) / (double)r->hours);
	if (r->active_hours < ACTIVE_MIN || rate <= 0)
		return;
	r->per_day = rate * 24;
	const double limit = log((double)r->hours * rate / -log1p(-GS_SILENCE_P)) / rate;
	r->longest_s = limit > 1 ? limit * HOUR_S : HOUR_S;
	for (unsigned i = 0; i < s->n_gaps && seconds(&s->gaps[i]) > r->longest_s; i++) {
		s->gaps[i].p = gs_silence_probability(r, seconds(&s->gaps[i]));
		if (r->n_unlikely < GS_SILENCE_GAPS)
			r->gaps[r->n_unlikely] = s->gaps[i];
		r->n_unlikely++;
	}
}

int gs_silence_answer(struct gs_silence *s, const struct gs_silence_sensor **ret, size_t *ret_n, struct gs_error *err)
{
	size_t n = 0;

	s->answer = calloc(s->n + 1, sizeof *s->answer);
	if (!s->answer)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < s->n; i++) {
		if (!s->list[i].any)
			continue;
		judge(&s->list[i]);
		s->answer[n++] = s->list[i].s;
	}
	*ret = s->answer;
	*ret_n = n;
	return 0;
}
