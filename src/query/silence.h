/*
 * silence.h - was a sensor silent, or only unlucky: gaps in time against the sensor's own rate
 *
 * Packets come in bursts, so their number says little about how often something comes. What counts is whether an hour had a packet at all: from the share f
 * of such hours the rate of a Poisson process follows, -ln(1 - f) an hour. A gap is unlikely if such a process, over the same time, would leave none as
 * long or longer with probability 0.999: hours * rate * exp(-rate * gap) < 0.001, counting the places where a gap can begin.
 */
#ifndef GS_SILENCE_H
#define GS_SILENCE_H

#include "grescope/error.h"
#include "grescope/filter.h"
#include "grescope/sighting.h"

#define GS_SILENCE_GAPS 3
#define GS_SILENCE_P 0.001

struct gs_silence_gap {
	struct gs_time from, to;      /* last packet before and first one after */
	double p;                     /* of a gap as long as this or longer, anywhere */
};

struct gs_silence_sensor {
	uint16_t sensor;
	uint64_t packets;
	struct gs_time first, last;
	uint64_t hours, active_hours; /* from the first to the last; with a packet */
	double per_day;               /* rate: of a process that leaves as many hours empty */
	double longest_s;             /* gaps up to this are not unlikely; 0 where there is too little to say */
	struct gs_silence_gap gaps[GS_SILENCE_GAPS]; /* unlikely ones, the longest first */
	uint64_t n_unlikely;          /* of all lengths */
};

struct gs_silence;

/* The silence is the caller's: gs_silence_free. */
int gs_silence_new(struct gs_silence **ret, struct gs_error *err);
void gs_silence_free(struct gs_silence *s);

/* Sums by hour and sensor, in order of the days: what gs_store_scan gives for these needs. */
#define GS_SILENCE_NEEDS (GS_NEED_HOUR | GS_NEED_SENSOR)
struct gs_sighting_sink gs_silence_sink(struct gs_silence *s);

/* Once: sensors that had a packet, by id. Lent as long as the silence. */
int gs_silence_answer(struct gs_silence *s, const struct gs_silence_sensor **ret, size_t *ret_n, struct gs_error *err);

/* The probability that a process with the sensor's rate leaves a gap of this length or longer within its time; 1 where there is too little to say. */
double gs_silence_probability(const struct gs_silence_sensor *s, double seconds);

#endif
