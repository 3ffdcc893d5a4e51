/*
 * rule_data.c - traffic in both directions: two sites talk through a tunnel
 *
 * One packet of plain traffic in GRE is nobody's flood for sure and nobody's tunnel for sure: it stays `unknown`, however honest it looks. What no flood, probe or remnant has is an
 * answer: the other end sends GRE of the same shape (flags, type, key) back within the window. Only what no other rule knows comes here, and not what is spread like a flood: that rule
 * stands before.
 */
#include "classify/rules.h"

#define CONFIDENCE 60

static bool data_window(struct gs_sighting *s)
{
	if (s->class_ != GS_CLASS_UNKNOWN || !(s->evidence & GS_EVIDENCE(TWO_WAY)))
		return false;
	s->class_ = GS_CLASS_TUNNEL_DATA;
	s->confidence = CONFIDENCE;
	return true;
}

const struct gs_rule rule_data = {
	.name = "data",
	.source = "RFC 2784 s1: a tunnel has two ends; GRE itself has no answers",
	.wrong = "two hosts that flood each other, or a flooder that forges both directions; one direction on another path hides a tunnel; fewer than 10 packets in a window",
	.evidence = GS_EVIDENCE(TWO_WAY),
	.window = data_window,
};
