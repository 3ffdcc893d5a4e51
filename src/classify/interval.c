/*
 * interval.c - regular intervals: hellos and keepalives come by the clock, what somebody made up mostly does not
 *
 * Cisco's keepalives and the hellos of EIGRP, OSPF and BFD have a timer (RFC 2328 s9.5; RFC 5880 s6.8.7 takes up to a quarter off at random, which is an eighth around the mean). Of packets at
 * random moments the five gaps between six lie all within a sixth of their mean once in 3500 times (spacings are uniform on a simplex: 4! (1/15)^4 0.6). Whoever forges hellos by a timer of his
 * own has the rhythm too, so it is evidence beside others and makes no class.
 */
#include "classify/classify.h"

#define CONFIDENCE 95

void gs_classify_interval(struct gs_sighting *s)
{
	const uint64_t min = s->spread >> 32, max = (uint32_t)s->spread;

	if (!gs_classify_beats(s->class_) || s->packets < GS_INTERVAL_PACKETS || s->last.ns <= s->first.ns)
		return;
	const uint64_t mean = ((uint64_t)s->last.ns - (uint64_t)s->first.ns) / 1000000 / (s->packets - 1);
	if (mean == 0 || min < mean - mean / 6 || max > mean + mean / 6 + 1) /* a millisecond for what the gaps lost by rounding */
		return;
	s->evidence |= GS_EVIDENCE(INTERVAL);
	if (s->confidence < CONFIDENCE)
		s->confidence = CONFIDENCE;
}
