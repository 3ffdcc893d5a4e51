/* rules.h - the rules of this folder, one per file; classify.c puts them in order */
#ifndef GS_CLASSIFY_RULES_H
#define GS_CLASSIFY_RULES_H

#include "classify/classify.h"

extern const struct gs_rule rule_backscatter;
extern const struct gs_rule rule_route;
extern const struct gs_rule rule_malformed;
extern const struct gs_rule rule_pptp;
extern const struct gs_rule rule_keepalive;
extern const struct gs_rule rule_routing;
extern const struct gs_rule rule_ipsec;
extern const struct gs_rule rule_gre_type;
extern const struct gs_rule rule_mirai;
extern const struct gs_rule rule_mirai_id;
extern const struct gs_rule rule_remnant;
extern const struct gs_rule rule_flood_gre;
extern const struct gs_rule rule_data;
extern const struct gs_rule rule_decap;
extern const struct gs_rule rule_nested;
extern const struct gs_rule rule_scrubber;

/* IP in IP, IPv6 in IP, GRE: an IP protocol that is a tunnel itself. */
static inline bool gs_is_tunnel(uint8_t proto)
{
	return proto == 47 || proto == 4 || proto == 41;
}

/* Whether the sighting's packets came at least at `pps` a second from its first to its last one. One moment is any rate. */
static inline bool gs_sighting_reaches(const struct gs_sighting *s, uint64_t pps)
{
	const uint64_t lasted = (uint64_t)s->last.ns - (uint64_t)s->first.ns;
	return s->packets / pps >= lasted / GS_NS_PER_S + (lasted % GS_NS_PER_S != 0);
}

#endif
