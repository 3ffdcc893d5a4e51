/*
 * azure.c - Azure virtual network flow logs
 *
 *   {"records":[{"time":"...", ...
 *     "flowRecords":{"flows":[{"aclID":"...","flowGroups":[{"rule":"...","flowTuples":["TUPLE","TUPLE"]}]}]}}]}
 *   TUPLE: ms since 1970,SRC,DST,sport,dport,protocol number,I|O,B|C|E|D,encryption,packets sent,bytes sent,packets received,bytes
 *     received
 *
 * Tuples are found by themselves, so it does not matter how the JSON around them is broken into lines, or whether it is whole.
 *
 * Can protocol 47 occur? Hardly: Azure drops GRE inside virtual networks, and no document says whether what it drops so is logged. Tuples
 * do hold the protocol as a number, so they are read. Network security group flow logs cannot: their tuples know T (TCP) and U (UDP)
 * only.
 *
 * Evidence: addresses, time, and of C and E tuples the packets and octets (headers included) of both directions since the last tuple: one
 * row each. B (begin) and D (denied) have no counts: one packet. So a flow that was seen from its beginning counts one packet more than
 * it had. No length of one packet, TTL or DF.
 *
 * Source: Microsoft Learn, Virtual network flow logs (log format); Azure Virtual Network FAQ (protocols); NSG flow logs overview. Public
 * GRE lines: none found.
 */
#include "source/log/record.h"

enum { TIME, SRC, DST, PROTOCOL = 5, DIRECTION, STATE, PACKETS = 9, BYTES, PACKETS_BACK, BYTES_BACK, CELLS };

/* Cells of a tuple; false where it has another shape. */
static bool tuple_cut(log_cell tuple, log_cell *cells)
{
	unsigned n = 0;

	for (; n < CELLS; n++) {
		cells[n] = log_until(&tuple, ',');
		if (tuple.len == 0 && n < STATE)
			return false;
	}
	return cells[DIRECTION].len == 1 && cells[STATE].len == 1 && strchr("BCED", cells[STATE].text[0]);
}

/* The quoted text around `at`; *rest is what lies behind it, empty where no quote ends it. */
static bool quoted_around(log_cell text, const char *at, log_cell *ret, log_cell *rest)
{
	const char *start = at;

	while (start > text.text && start[-1] != '"')
		start--;
	if (start == text.text)
		return false;
	*rest = log_from(text, start);
	*ret = log_until(rest, '"');
	return true;
}

static enum log_word tuple_read(const struct log_line *line, struct log_row *row, const log_cell *cells)
{
	log_set_flow(row);
	if (!log_set_src(row, cells[SRC]) || !log_set_dst(row, cells[DST]) || !log_set_time(row, cells[TIME]))
		return LOG_BAD;
	return log_sides_end(
		line, row,
		&(struct log_sides){ .packets = { cells[PACKETS], cells[PACKETS_BACK] }, .bytes = { cells[BYTES], cells[BYTES_BACK] } });
}

static enum log_word azure_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell text = line->text, tuple, cells[CELLS], rest;
	bool seen = false;

	(void)state;
	for (const char *at = log_find(text, ",47,"); at; at = log_find(text, ",47,")) {
		if (!quoted_around(text, at, &tuple, &rest)) {
			text = log_from(text, at + 3); /* the comma behind may begin the next */
			continue;
		}
		text = rest;
		if (!tuple_cut(tuple, cells))
			continue;
		seen = true;
		if (!log_is(cells[PROTOCOL], "47"))
			continue;
		row->rest = rest;
		if (tuple.text + tuple.len == rest.text) {
			row->why = "is cut off";
			return log_fail(row, "record", tuple) ? LOG_GRE : LOG_BAD;
		}
		return tuple_read(line, row, cells);
	}
	return seen || log_find(line->text, "\"flowTuples\"") ? LOG_OTHER : LOG_NO;
}

static const char *const needles[] = { ",47,", NULL };

const struct log_format log_azure = {
	.name = "azure-vnet",
	.what = "Azure virtual network flow logs, JSON",
	.needles = needles,
	.read = azure_read,
	.no_public_sample = true,
};
