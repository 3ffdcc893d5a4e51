/*
 * evidence.c - the evidence that each rule says it may set (gs_rule.evidence), held against what it sets on the golden captures
 *
 * A rule that decides about a packet, a window of 60 s or a record sets nothing else, and all of it is set somewhere. The windows are summed up here once more, in the plainest
 * way, since observe does not tell which rule decided. usage: evidence CAPTURE...
 */
#include "classify/classify.h"
#include "classify/control.h"
#include "decode/decode.h"
#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WINDOWS 4096
#define WINDOW_NS (60 * GS_NS_PER_S)

static const struct gs_rule *const *rules;
static unsigned n_rules;
static uint64_t seen[64];
static unsigned failures;
static struct gs_sighting windows[MAX_WINDOWS];
static unsigned of_rule[MAX_WINDOWS]; /* which decided about the first packet; n_rules: none */
static size_t n_windows;

static void note(unsigned rule, uint64_t evidence, const char *where, uint64_t number)
{
	seen[rule] |= evidence;
	for (unsigned bit = 0; bit < GS_EVIDENCE_COUNT; bit++)
		if (evidence & ~rules[rule]->evidence & UINT64_C(1) << bit) {
			printf("%s %llu: rule %s sets %s, and does not say so\n", where, (unsigned long long)number, rules[rule]->name, gs_evidence_word(bit));
			failures++;
		}
}

static void add_to_window(const struct gs_packet *p, const struct gs_verdict *v, unsigned rule)
{
	struct gs_sighting s;
	size_t i;

	gs_sighting_from_packet(p, v, 0, &s);
	s.spread = gs_classify_gather_first(s.class_, p);
	for (i = 0; i < n_windows && (memcmp(&windows[i], &s, GS_SIGHTING_KEY_LEN) || windows[i].first.ns / WINDOW_NS != s.first.ns / WINDOW_NS); i++)
		;
	if (i == n_windows && n_windows < MAX_WINDOWS) {
		of_rule[n_windows] = rule;
		windows[n_windows++] = s;
		return;
	}
	struct gs_sighting *w = &windows[i];
	w->spread = gs_classify_gather(w, p);
	w->packets++;
	w->bytes += s.bytes;
	w->evidence |= s.evidence;
	w->last = s.last;
}

/* All that sent hardly a packet to the destination of the first: a capture of such a crowd begins with it. */
static void judge_crowd(const char *capture)
{
	struct gs_crowd c = { 0 };
	struct gs_verdict v;
	unsigned r;

	for (size_t i = 0; i < n_windows; i++) {
		const struct gs_sighting *s = &windows[i];
		if (s->class_ != GS_CLASS_UNKNOWN || s->packets > GS_CROWD_EACH || s->src.family != 4 || !gs_addr_equal(&s->dst, &windows[0].dst))
			continue;
		c.first = c.sources++ ? c.first : s->first;
		c.last = s->last;
		c.packets += s->packets;
		c.blocks |= UINT32_C(1) << (s->src.b[0] >> 3);
	}
	for (r = 0; r < n_rules && strcmp(rules[r]->name, "flood-gre"); r++)
		;
	if (r < n_rules && gs_classify_crowd(&c, &v))
		note(r, v.evidence, capture, c.sources);
}

static void judge_windows(const char *capture)
{
	uint64_t of_packets[MAX_WINDOWS];

	for (size_t i = 0; i < n_windows; i++) {
		of_packets[i] = windows[i].evidence;
		gs_classify_interval(&windows[i]);
		if (of_rule[i] < n_rules)
			note(of_rule[i], windows[i].evidence & ~of_packets[i], capture, i);
		of_packets[i] = windows[i].evidence;
	}
	for (size_t i = 0; i < n_windows; i++)
		for (size_t k = 0; k < n_windows; k++)
			if (windows[i].class_ == GS_CLASS_UNKNOWN && windows[k].class_ == GS_CLASS_UNKNOWN && gs_addr_equal(&windows[i].src, &windows[k].dst) &&
			    gs_addr_equal(&windows[i].dst, &windows[k].src) && windows[i].gre_key == windows[k].gre_key &&
			    windows[i].packets >= GS_CLASSIFY_WINDOW_PACKETS)
				windows[i].evidence |= GS_EVIDENCE(TWO_WAY);
	for (size_t i = 0; i < n_windows; i++)
		for (unsigned r = 0; r < n_rules; r++)
			if (rules[r]->window && rules[r]->window(&windows[i])) {
				note(r, windows[i].evidence & ~of_packets[i], capture, i);
				break;
			}
	judge_crowd(capture);
	n_windows = 0;
}

static void judge_frame(struct gs_control *control, const struct gs_frame *f, const char *capture)
{
	struct gs_packet p;
	struct gs_verdict v = { 0 }, whole;
	unsigned r;

	gs_decode(f, &p);
	if (p.control_off)
		gs_control_note(control, &p, f);
	if (p.outcome != GS_OUT_GRE && p.outcome != GS_OUT_GRE_UDP)
		return;
	for (r = 0; r < n_rules && !(rules[r]->packet && rules[r]->packet(&p, f, &v)); r++)
		;
	gs_classify(&p, f, &whole);
	if (r < n_rules && (whole.class_ != v.class_ || whole.evidence != v.evidence || !v.evidence)) {
		printf("%s %llu: rule %s is not the one that decided, or has no evidence\n", capture, (unsigned long long)f->number, rules[r]->name);
		failures++;
	}
	gs_control_judge(control, &p, &whole);
	if (r < n_rules)
		note(r, whole.evidence, capture, f->number);
	add_to_window(&p, &whole, r);
	struct gs_sighting s; /* the same packet as a record would know it */
	gs_sighting_from_packet(&p, &whole, 0, &s);
	s.evidence = 0;
	for (r = 0; r < n_rules; r++)
		if (rules[r]->record && rules[r]->record(&s)) {
			note(r, s.evidence, capture, f->number);
			break;
		}
}

static void judge_capture(const char *path)
{
	struct gs_source *s = NULL;
	struct gs_frame f[GS_SOURCE_BATCH];
	struct gs_source_info info = { 0 };
	struct gs_control *control;
	size_t n = 0;
	int r = 0;

	if (gs_source_open(path, &s, NULL) < 0 || gs_control_new(0, &control, NULL) < 0) {
		printf("%s: cannot be read\n", path);
		failures++;
		return;
	}
	gs_source_info(s, &info);
	do {
		r = gs_source_frames(s, f, GS_SOURCE_BATCH, &n, NULL); /* damaged captures are among them: as far as they go */
		for (size_t i = 0; i < n; i++)
			judge_frame(control, &f[i], path);
	} while (r == 0 && n);
	judge_windows(path);
	gs_control_free(control);
	gs_source_close(s);
}

int main(int argc, char **argv)
{
	rules = gs_rules(&n_rules);
	for (int i = 1; i < argc; i++)
		judge_capture(argv[i]);
	for (unsigned r = 0; r < n_rules; r++)
		for (unsigned bit = 0; bit < GS_EVIDENCE_COUNT; bit++)
			if (rules[r]->evidence & ~seen[r] & UINT64_C(1) << bit) {
				printf("rule %s may set %s, and no capture shows it\n", rules[r]->name, gs_evidence_word(bit));
				failures++;
			}
	printf("%u rules, %d captures, %u failures\n", n_rules, argc - 1, failures);
	return failures || argc < 2;
}
