/* explain.c - the packet from outside to inside, then what it was taken for */
#include "explain/explain.h"

#include "classify/classify.h"
#include "explain/fields.h"
#include "grescope/bots.h"

#include <inttypes.h>
#include <stdio.h>

static const struct gs_column columns[] = {
	{ "packet", "Packet", "number of the packet in its file, from 1", GS_CELL_NUMBER, 1 },
	{ "layer", "Layer", "protocol, or frame, outcome, rule, verdict, generator", GS_CELL_TEXT, 0 },
	{ "field", "Field", "name of the field, tshark's where it has one", GS_CELL_TEXT, 0 },
	{ "offset", "Offset", "octets from the start of the frame", GS_CELL_NUMBER, 0 },
	{ "length", "Length", "octets", GS_CELL_NUMBER, 0 },
	{ "value", "Value", "as tshark writes it", GS_CELL_TEXT, 0 },
	{ "meaning", "Meaning", "in words", GS_CELL_TEXT, 0 },
	{ "source", "Source", "where it is written down", GS_CELL_TEXT, 0 },
};

const struct gs_column *gs_explain_columns(unsigned *ret_n)
{
	*ret_n = sizeof columns / sizeof *columns;
	return columns;
}

static void explain_frame(struct explain *x)
{
	char time[GS_TIME_TEXT_MAX];

	x->layer = "frame";
	gs_time_format(x->f->ts, 9, time);
	explain_rowf(x, "frame.number", "", "", "%" PRIu64, x->f->number);
	explain_rowf(x, "frame.time", "", "", "%s", time);
	explain_rowf(x, "frame.len", "octets on the wire", "", "%u", x->f->wirelen);
	explain_rowf(x, "frame.cap_len", x->f->caplen < x->f->wirelen ? "octets captured: the rest is missing" : "octets captured", "", "%u", x->f->caplen);
}

static void explain_layer(struct explain *x, const struct gs_layer *l)
{
	const struct layer_row *row = &explain_layers[l->kind < GS_LAYER_COUNT ? l->kind : GS_LAYER_NONE];

	x->layer = gs_layer_word(l->kind);
	x->source = row->source ? row->source : "";
	x->off = l->off;
	if (row->explain)
		row->explain(x, l);
	else if (row->fields)
		explain_fields(x, row->fields, row->n);
	else if (l->kind != GS_LAYER_RAW)
		explain_row(x, "", l->off, l->len, "", "not taken apart", "");
}

static void explain_outcome(struct explain *x)
{
	static const char *const words[] = { "not GRE", "GRE", "later fragment of GRE", "GRE in UDP", "lost" };
	const struct gs_packet *p = x->p;
	const uint32_t end = p->ip_end < x->f->caplen ? p->ip_end : x->f->caplen;
	const bool gre = p->outcome == GS_OUT_GRE || p->outcome == GS_OUT_GRE_UDP;

	x->layer = "outcome";
	explain_rowf(x, "outcome", p->outcome == GS_OUT_LOST ? gs_lost_text(p->lost) : p->via == GS_VIA_ICMP && gre ? "quoted by an ICMP error" : "", "", "%s",
	             words[p->outcome < 5 ? p->outcome : 0]);
	if (p->control_off)
		explain_row(x, "control", p->control_off, 4, "1723", "port of PPTP's control connection: its messages speak for GRE of version 1", "RFC 2637 s2");
	if (!gre)
		return;
	if (p->stop)
		explain_row(x, "stop", p->stop_off, 0, gs_stop_word(p->stop), gs_stop_text(p->stop), "");
	if (p->stop_off < end)
		explain_row(x, "data", p->stop_off, end - p->stop_off, "", "not looked into further", "");
}

/* What frames before this one said of it. */
static void explain_control(struct explain *x, const struct gs_verdict *v)
{
	const bool seen = v->evidence & GS_EVIDENCE(CONTROL), call = v->evidence & GS_EVIDENCE(CONTROL_CALL);

	x->layer = "control";
	explain_rowf(x, "connection", seen ? "TCP 1723 between the two addresses, alive" : "not in the frames before this one, or over: no proof that there was none",
	             "RFC 2637 s2, s3.1.4", "%s", seen ? "yes" : "no");
	explain_rowf(x, "call", call ? "it set up a call with this id" : "", "RFC 2637 s2.7 to s2.13", "%s", call ? "yes" : "no");
}

/* Each rule in order of precedence until one knows the packet: the same walk as gs_classify's. */
static void explain_rules(struct explain *x, struct gs_control *control)
{
	unsigned n;
	const struct gs_rule *const *rules = gs_rules(&n);
	struct gs_verdict v;
	struct gs_sighting s;
	char evidence[GS_EVIDENCE_TEXT_MAX], meaning[400];
	bool known = false;

	x->layer = "rule";
	for (unsigned i = 0; i < n && !known; i++) {
		if (!rules[i]->packet) /* a rule about windows: one packet tells it nothing */
			continue;
		known = rules[i]->packet(x->p, x->f, &v);
		snprintf(meaning, sizeof meaning, "would be wrong if: %s", rules[i]->wrong);
		explain_rowf(x, rules[i]->name, known ? meaning : "", rules[i]->source, "%s", known ? gs_class_word(v.class_) : "no");
	}
	gs_classify(x->p, x->f, &v);
	if (control && v.class_ == GS_CLASS_TUNNEL_PPTP) {
		gs_control_judge(control, x->p, &v);
		explain_control(x, &v);
	}
	gs_sighting_from_packet(x->p, &v, 0, &s);
	gs_evidence_format(&s, evidence);
	x->layer = "verdict";
	explain_rowf(x, "class", gs_class_meaning(v.class_), "", "%s", gs_class_word(v.class_));
	explain_rowf(x, "confidence", "of 100", "", "%u", v.confidence);
	explain_rowf(x, "evidence", "", "", "%s", evidence);
}

static void explain_drawn(struct explain *x, const struct gs_bot_proof *proof)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = { { GS_BOT_DREW_SRC, "outer source" }, { GS_BOT_DREW_ID, "identification" }, { GS_BOT_DREW_SPORT, "source port" },
		      { GS_BOT_DREW_DPORT, "destination port" }, { GS_BOT_DREW_DST, "inner destination" }, { GS_BOT_DREW_MACS, "MAC addresses" },
		      { GS_BOT_DREW_DATA, "payload" } };
	char text[200] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (proof->drawn & words[i].bit)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", words[i].word);
	explain_rowf(x, "drawn", "fields that the bot drew at random; the operator fixed the others", "", "%s", text);
}

/* What the packet gives away of the generator that made it, where it looks like one of the two floods at all. */
static void explain_generator(struct explain *x)
{
	struct gs_bot_input in;
	struct gs_bot_proof proof;

	if (!gs_bot_input_from_packet(x->p, x->f, &in))
		return;
	gs_bot_prove(&in, GS_BOT_FULL, &proof);
	if (proof.level == GS_BOT_LEVEL_NONE)
		return;
	x->layer = "generator";
	explain_rowf(x, "level", proof.level == GS_BOT_LEVEL_PROVEN ? "made by Mirai's generator, or an exact copy of it" : "not proven", "", "%s",
	             gs_bot_level_word(proof.level));
	explain_rowf(x, "bits", "that agree and would not by chance", "", "%u", proof.bits);
	if (proof.byte_order)
		explain_rowf(x, "byte_order", "of the device's processor", "", "%s", proof.byte_order == GS_BOT_BIG ? "big" : "little");
	if (proof.drawn)
		explain_drawn(x, &proof);
	if (proof.draws)
		explain_rowf(x, "draws", "for each packet", "", "%u", proof.draws);
	explain_rowf(x, "hops", "routers passed: inner minus outer TTL", "", "%d", proof.hops);
	if (proof.has_state)
		explain_rowf(x, "state", "of the generator before this packet's first draw", "", "%08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32,
		             proof.before.w[0], proof.before.w[1], proof.before.w[2], proof.before.w[3]);
}

int gs_explain(const struct gs_frame *f, const struct gs_packet *p, struct gs_control *control, const struct gs_table_writer *w, struct gs_error *err)
{
	struct explain x = { .f = f, .p = p, .w = w, .err = err };

	explain_frame(&x);
	for (unsigned i = 0; i < p->n_layers; i++)
		explain_layer(&x, &p->layers[i]);
	explain_outcome(&x);
	if (p->outcome == GS_OUT_GRE || p->outcome == GS_OUT_GRE_UDP) {
		explain_rules(&x, control);
		explain_generator(&x);
	}
	return x.r;
}
