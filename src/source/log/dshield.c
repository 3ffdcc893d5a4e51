/*
 * dshield.c - what firewalls send to DShield: one packet or several, separated by tabs
 *
 *   2017-01-02 03:04:05 -05:00	author	count	source	source port	target	target port	protocol	flags
 *
 * Ports are ??? where the protocol has none. Protocol is a number or a name.
 *
 * Source: DShield "Specifications: Submission format"; the times of its clients carry a zone.
 */
#include "source/log.h"

#define CELLS 10

static const char *const needles[] = { "\t47", "\tgre", NULL };

static enum log_word dshield_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell c[CELLS], rest = line->all;
	struct log_time t;
	unsigned n = 0;
	struct gs_addr a;
	uint64_t v;

	(void)state;
	if (line->all.len < 30 || line->all.text[4] != '-')
		return LOG_NO;
	while (n < CELLS && rest.len) /* empty cells count: raw_split joins blanks */
		c[n++] = log_trim(log_until(&rest, '\t'));
	if (n < 8 || !log_time_read(c[0], &t) || (!log_number(c[2], UINT64_MAX, &v) && !log_address(c[3], &a)))
		return LOG_NO;
	const enum log_proto proto = log_protocol(c[7]);
	if (proto != LOG_PROTO_GRE)
		return proto == LOG_PROTO_NONE ? LOG_NO : LOG_OTHER;
	row->time = t;
	if (!log_set_packets(row, c[2]) || !log_set_src(row, c[3]))
		return LOG_BAD;
	if (c[5].len && !log_is(c[5], "???") && !log_set_dst(row, c[5]))
		return LOG_BAD;
	return LOG_GRE;
}

const struct log_format log_dshield = {
	.name = "dshield",
	.what = "DShield's tab-separated submissions",
	.needles = needles,
	.read = dshield_read,
	.no_public_sample = true,
};
