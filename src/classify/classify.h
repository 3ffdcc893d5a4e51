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
 * or returns false and leaves *v alone. No state, no I/O.
 */
struct gs_rule {
	const char *name;    /* "pptp" */
	const char *source;  /* RFC section, advisory or paper */
	const char *wrong;   /* what would make the verdict wrong */
	bool (*packet)(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v);
};

/* The rules in order of precedence; the first that knows the packet wins. Lent, static. */
const struct gs_rule *const *gs_rules(unsigned *ret_n);

/* The verdict on one packet (outcome GS_OUT_GRE or GS_OUT_GRE_UDP). Never fails: "unknown" is a verdict. */
void gs_classify(const struct gs_packet *p, const struct gs_frame *f, struct gs_verdict *v);

/* The verdict on a sighting from a source that saw no packet (fidelity flow or log), set in place. */
void gs_classify_record(struct gs_sighting *s);

#endif
