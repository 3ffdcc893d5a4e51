/*
 * classify.h - what a packet is taken for: rules in order of precedence, each with its source and its evidence
 */
#ifndef GS_CLASSIFY_H
#define GS_CLASSIFY_H

#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/verdict.h"

/*
 * A rule looks at one decoded packet and the frame it came from (for payload octets), and says whether it knows it. It fills *v and returns true,
 * or returns false and leaves *v alone. Some know more when a window ends (how many, how fast), some judge records that no packet came with; these
 * change the sighting. Each of the three may be NULL. No state, no I/O.
 */
struct gs_rule {
	const char *name;    /* "pptp" */
	const char *source;  /* RFC section, advisory or paper */
	const char *wrong;   /* what would make the verdict wrong */
	uint64_t evidence;   /* all that its verdicts may bear, gathered for it by others included (two-way, control) */
	bool (*packet)(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v);
	bool (*window)(struct gs_sighting *s);
	bool (*record)(struct gs_sighting *s);
};

/* The rules in order of precedence; the first that knows the packet wins. Lent, static. */
const struct gs_rule *const *gs_rules(unsigned *ret_n);

/* The verdict on one packet (outcome GS_OUT_GRE or GS_OUT_GRE_UDP). Never fails: "unknown" is a verdict. */
void gs_classify(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v);

/* Where the packets of a window fell: of the 32 blocks of length 5 of the IPv4 address space, those of the inner destination in the low half, of the inner source in the
 * high half. A window gathers them in gs_sighting.spread and clears that before it passes the sighting on. */
static inline uint64_t gs_classify_spread(const struct gs_packet *p)
{
	if (p->inner_dst.family != 4)
		return 0;
	return UINT64_C(1) << (p->inner_dst.b[0] >> 3) | UINT64_C(1) << (32 + (p->inner_src.b[0] >> 3));
}

/* Hellos and keepalives: what comes at regular intervals where it is real. For these a window gathers the rhythm instead. */
static inline bool gs_classify_beats(unsigned class_)
{
	return class_ == GS_CLASS_TUNNEL_ROUTING || class_ == GS_CLASS_TUNNEL_KEEPALIVE;
}

/* What a window gathers in gs_sighting.spread: of its first packet, and of each further one while s->last is still the one before. Of a rhythm the shortest gap in ms in the high half,
 * the longest in the low half. */
static inline uint64_t gs_classify_gather_first(unsigned class_, const struct gs_packet *p)
{
	return gs_classify_beats(class_) ? (uint64_t)UINT32_MAX << 32 : gs_classify_spread(p);
}

static inline uint64_t gs_classify_gather(const struct gs_sighting *s, const struct gs_packet *p)
{
	if (!gs_classify_beats(s->class_))
		return s->spread | gs_classify_spread(p);
	const int64_t ms = p->ts.ns > s->last.ns ? (p->ts.ns - s->last.ns) / 1000000 : 0;
	const uint32_t gap = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms, min = (uint32_t)(s->spread >> 32), max = (uint32_t)s->spread;
	return (uint64_t)(gap < min ? gap : min) << 32 | (gap > max ? gap : max);
}

#define GS_INTERVAL_PACKETS 6 /* in a window; fewer have no rhythm */

/* Adds `interval` to a sighting of such a class whose window is over, where its packets came at regular intervals. */
void gs_classify_interval(struct gs_sighting *s);

#define GS_CLASSIFY_WINDOW_PACKETS 10 /* a sighting of fewer has no rate: gs_classify_window leaves it alone */

/* The last word on a sighting whose window is over, set in place. False: the packets' own verdict stands. */
bool gs_classify_window(struct gs_sighting *s);

#define GS_CROWD_SOURCES 256 /* fewer sources say nothing */
#define GS_CROWD_EACH 3      /* packets of each: one with more has a stream of its own */

/* Sources with hardly a packet each that send GRE of one shape to one destination within a window: what none of their sightings shows alone. */
struct gs_crowd {
	uint64_t sources, packets;
	struct gs_time first, last;
	uint32_t blocks;     /* a bit for each of the 32 blocks of length 5 that an outer source fell into; IPv4 only */
};

/* Whether such a crowd, of class `unknown` each, is a flood from forged sources (rule flood-gre). Then *v is the verdict on all of them, else it is left alone. */
bool gs_classify_crowd(const struct gs_crowd *c, struct gs_verdict *v);

/* The verdict on a sighting from a source that saw no packet (fidelity flow or log), set in place. */
void gs_classify_record(struct gs_sighting *s);

#endif
