/*
 * fuzz_decode.c - any octets as a frame of any link type: decode, classify, sum up, put into words, explain
 *
 * The first octet chooses the link type, the second how much of the frame was cut off (wire length beyond the captured one). Asserted: offsets stay inside the frame,
 * numbers inside their lists, and the same frame gives the same verdict.
 */
#include "classify/classify.h"
#include "classify/control.h"
#include "decode/decode.h"
#include "explain/explain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HOLDS(x) ((x) ? (void)0 : abort())

/* A field lies in the frame, and its texts end. */
static int explained(void *arg, const struct gs_table *t, struct gs_error *err)
{
	const struct gs_frame *f = arg;

	(void)err;
	HOLDS(t->n_rows == 1 && t->n_columns == 8);
	HOLDS(!t->cells[3].set || t->cells[3].u64 + t->cells[4].u64 <= f->caplen);
	for (unsigned i = 1; i < 8; i++)
		HOLDS(i == 3 || i == 4 || !t->cells[i].set || strlen(t->cells[i].text) < 4096);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct gs_control *control; /* lives as long as the harness: what one input said meets the next one's packets */
	static const uint32_t links[] = { 1, 1, 1, 1, 101, 0, 113, 276, 9, 50, 51, 104, 108, 166, 219, 228, 229, 105, 12, 14 };
	struct gs_packet p, again;
	struct gs_verdict v;
	struct gs_sighting s;
	char text[GS_EVIDENCE_TEXT_MAX];

	if (len < 2)
		return 0;
	uint32_t n = len - 2 > 65535 ? 65535 : (uint32_t)(len - 2);
	struct gs_frame f = { .data = data + 2, .caplen = n, .wirelen = n + (data[1] & 0x80 ? data[1] * 8u : 0), .sampling = 1, .number = 1,
			      .linktype = links[data[0] % (sizeof links / sizeof *links)] };
	gs_decode(&f, &p);
	HOLDS(p.outcome <= GS_OUT_LOST && p.stop < GS_STOP_COUNT && p.lost < GS_LOST_COUNT && p.n_layers <= GS_MAX_LAYERS);
	HOLDS(p.stop_off <= n && p.n_gre <= GS_MAX_GRE);
	for (unsigned i = 0; i < p.n_layers; i++)
		HOLDS(p.layers[i].off + p.layers[i].len <= n && p.layers[i].kind < GS_LAYER_COUNT);
	const struct gs_table_writer w = { .rows = explained, .arg = &f };
	HOLDS(control || gs_control_new(0, &control, NULL) == 0);
	HOLDS(p.control_off <= n && (!p.control_off || p.outcome == GS_OUT_NOT_GRE));
	if (p.control_off)
		gs_control_note(control, &p, &f);
	HOLDS(gs_explain(&f, &p, control, &w, NULL) == 0);
	if (p.outcome != GS_OUT_GRE && p.outcome != GS_OUT_GRE_UDP)
		return 0;
	HOLDS(p.gre_off <= n && p.payload_off <= n && p.ip_end <= n && p.n_gre >= 1);
	if (p.has & GS_HAS_DATA)
		HOLDS(p.data_off + p.data_len <= n);
	if (p.has & GS_HAS_MACS)
		HOLDS(p.mac_off + 14 <= n);
	gs_classify(&p, &f, &v);
	gs_control_judge(control, &p, &v);
	HOLDS(v.class_ < GS_CLASS_COUNT && v.confidence <= 100);
	gs_sighting_from_packet(&p, &v, 0, &s);
	HOLDS(gs_evidence_format(&s, text) < sizeof text);
	gs_decode(&f, &again);
	HOLDS(memcmp(&p, &again, offsetof(struct gs_packet, layers)) == 0);
	return 0;
}
