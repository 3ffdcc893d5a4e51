/* link.h - layouts of draws and what a packet shows of them: shared by link.c, which solves for the state, and the tracker, which confirms it */
#ifndef GS_FORENSICS_LINK_H
#define GS_FORENSICS_LINK_H

#include "forensics/position.h"

#define ID_SUM 999          /* outer + inner identification, where drawn */
#define LINK_MAX_WORDS 16
#define LINK_BLOCKS 8       /* of 64 bits: what all packets of a link show together */
#define LINK_MAX_BITS 256   /* what one packet may show */

/* The draws of a packet that are seen, and the unit in which distances are tried: all that the equations depend on. Compared with memcmp: no padding, unused entries zero. */
struct link_view {
	uint16_t unit;                  /* draws: those of a packet, or 1 */
	uint16_t bits;                  /* seen, the sum of the widths */
	uint16_t at[LINK_MAX_WORDS];    /* draw number, 0 the first after the host part */
	uint8_t width[LINK_MAX_WORDS];  /* lower bits seen: 8, 16 or 32 */
};

struct link_layout {
	struct link_view view;
	unsigned n_words;
	uint16_t draws;                 /* per packet, a host part included */
	uint8_t byte_order, drawn;
	bool host_drawn;
};

/* What it shows, in the order of the layout's words; bit 0 of block 0 first. */
struct link_seen {
	uint64_t block[LINK_BLOCKS / 2];
};

/* What of a packet's draws can be seen, if `drawn` are drawn. At most data_words whole data words are used. */
void link_layout_of(const struct gs_bot_input *in, enum gs_bot_order order, unsigned drawn, bool host_drawn, unsigned data_words,
                    struct link_layout *ret);
void link_read(const struct link_layout *l, const struct gs_bot_input *in, struct link_seen *ret);
/* What a packet whose draws begin after state s would show. */
void link_predict(const struct link_layout *l, struct gs_bot_state s, struct link_seen *ret);

static inline bool link_seen_equal(const struct link_seen *a, const struct link_seen *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* As gs_bot_link, and says with which layout. Gives up after `most_work`; what was prepared until then is kept, so that a later call comes further. */
bool link_find(struct gs_bot_linker *l, const struct gs_bot_input *in, unsigned n, unsigned max_gap, uint64_t most_work, struct gs_bot_link *ret,
               struct link_layout *ret_layout);

/* Work done so far, in tests of one distance (some 10 ns); preparing a distance counts as ten thousand. */
uint64_t link_work(const struct gs_bot_linker *l);

/* Bits that a packet shows at most of its draws, what is fixed in both taken as not drawn. */
unsigned link_bits(const struct gs_bot_input *in, unsigned n);

#endif
