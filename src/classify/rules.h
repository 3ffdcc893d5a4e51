/* rules.h - the rules of this folder, one per file; classify.c puts them in order */
#ifndef GS_CLASSIFY_RULES_H
#define GS_CLASSIFY_RULES_H

#include "classify/classify.h"

extern const struct gs_rule rule_backscatter;
extern const struct gs_rule rule_malformed;
extern const struct gs_rule rule_pptp;
extern const struct gs_rule rule_keepalive;
extern const struct gs_rule rule_routing;
extern const struct gs_rule rule_ipsec;
extern const struct gs_rule rule_gre_type;

#endif
