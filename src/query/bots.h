/*
 * bots.h - the processes behind the floods, a row each; and one of them in sentences
 *
 * Processes come from a tracker (files) or from the store. Identifiers: the seed where it is known, else the position, see gs_bot_process.
 */
#ifndef GS_QUERY_BOTS_H
#define GS_QUERY_BOTS_H

#include "base/buf.h"
#include "grescope/bots.h"
#include "grescope/table.h"
#include "store/store.h"

/* Positions of one process that were rounded down on either side of a multiple lie this far apart; see gs_tracker_process. */
#define GS_BOT_NEAR (INT64_C(1) << 42)

/* An identifier as gs_bot_format writes it. */
struct gs_bot_id {
	uint8_t kind; /* enum gs_bot_kind */
	uint64_t hi, lo;
};

/* "seed:<hex>" or "pos:<hex>" of len characters; false for anything else. */
bool gs_bot_id_parse(const char *text, size_t len, struct gs_bot_id *ret);

/* Whether a process goes by this name: its seed, or a position of its byte order within GS_BOT_NEAR of its own. */
bool gs_bot_is(const struct gs_bot_process *p, const struct gs_bot_id *id);
bool gs_bot_same_position(uint64_t hi, uint64_t lo, uint64_t other_hi, uint64_t other_lo);

/*
 * Puts together what several inputs told of the same processes, in place; returns how many are left, in no particular order. Packets seen add up. Packets sent follow from
 * the positions where two inputs saw parts of one attack, gaps between the inputs included; loss is that of the inputs themselves. Sources, hops and rate are put
 * together as far as what was kept of them allows. memory: none beyond the list.
 */
size_t gs_bots_merge(struct gs_store_bot *list, size_t n);

/* What was seen and is in no row, and why; and what a reader must know of the rows. */
struct gs_bots_rest {
	uint64_t pending, unlinked, refused, skipped; /* as gs_tracker_tally */
	uint64_t filtered;     /* packets that may be a bot's, and that the filters left out before the tracking */
	bool by_address;       /* a filter on source or destination: what it left out counts as lost */
	uint64_t seeds_sought, seeds_found;
	uint64_t seed_budget;  /* draws for all of them together; 0: seeds were not searched */
	bool seeds_cut_short;  /* the budget ended before every search did */
	uint64_t records;      /* rows of raw data: nothing can be proved of them */
};

struct gs_bots_question {
	const char *sort;      /* as gs_question */
	uint64_t limit;
	bool redact_dst;       /* the source of a quoted packet is the address it claims: ours */
	uint64_t hash_seed;
};

/*
 * Writes the table. meta: as gs_query_answer; the totals, the summary and the figures are filled here, notes are added. GS_ERR_USAGE: --sort names no column.
 */
int gs_bots_answer(const struct gs_bots_question *q, const struct gs_bot_process *list, size_t n, const struct gs_bots_rest *rest,
                   const struct gs_table_writer *writer, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err);

const struct gs_column *gs_bots_columns(unsigned *ret_n); /* lent, static */

/* One process in sentences that can be pasted into an abuse notice: what is proven, what is inferred, its attacks with targets and rounds, and the caveats. */
void gs_bot_story(const struct gs_bot_process *p, const struct gs_bot_attack *attacks, unsigned n_attacks, bool redact_dst, struct gs_buf *out);

#endif
