/*
 * vpcflow.c - AWS VPC flow logs, versions 2 to 5 and later, as text
 *
 *   version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
 *   2 123456789010 eni-1235b8ca123456789 192.0.2.1 198.51.100.1 0 0 47 1 564 1418530010 1418530070 REJECT OK
 *
 * Files on S3 begin with a heading and may have any columns in any order; lines without one are version 2. CloudWatch exports put an ISO
 * time before each line. One direction a line. NODATA and SKIPDATA lines, and "-" for a protocol, are no records. Parquet files are not
 * read.
 *
 * Evidence: addresses (pkt-srcaddr and pkt-dstaddr where they are there: behind a NAT gateway or a load balancer srcaddr is the
 * interface's own), packets, bytes, start and end of the capture window: the packets lie between them. ACCEPT says that no rule refused
 * it, not that anybody answered. Ports are 0. No TTL or DF; a window of one packet tells its length, but only as bytes.
 *
 * Source: Amazon VPC User Guide, Flow log records (fields of versions 2 to 8). Public GRE lines: none found.
 */
#include "source/log/record.h"

enum column { SRC, DST, PKT_SRC, PKT_DST, PROTOCOL, PACKETS, BYTES, START, END, STATUS, COLUMNS };

#define CELLS_MAX 64

/* Column numbers plus 1 of the heading; all 0: none was there. */
struct layout {
	uint8_t at[COLUMNS];
};

static unsigned cut(log_cell m, log_cell *cells)
{
	unsigned n = 0;

	while (n < CELLS_MAX && (cells[n] = log_token(&m)).len > 0)
		n++;
	return n;
}

/* Names of columns: "pkt-src-aws-service". */
static bool name_like(log_cell c)
{
	for (size_t i = 0; i < c.len; i++)
		if (!(c.text[i] >= 'a' && c.text[i] <= 'z') && !(c.text[i] >= '0' && c.text[i] <= '9') && c.text[i] != '-')
			return false;
	return true;
}

static bool heading_read(const log_cell *cells, unsigned n, struct layout *l)
{
	static const char *const names[COLUMNS] = { "srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr", "protocol",
						    "packets", "bytes",   "start",       "end",         "log-status" };
	struct layout found = { 0 };

	for (unsigned i = 0; i < n; i++) {
		if (!name_like(cells[i]))
			return false;
		for (unsigned c = 0; c < COLUMNS; c++)
			if (log_is(cells[i], names[c]) && !found.at[c])
				found.at[c] = (uint8_t)(i + 1);
	}
	if ((!found.at[SRC] && !found.at[PKT_SRC]) || !found.at[PROTOCOL])
		return false;
	*l = found;
	return true;
}

static log_cell cell(const struct layout *l, const log_cell *cells, unsigned n, enum column c)
{
	const unsigned at = l->at[c];

	if (at == 0 || at > n || log_is(cells[at - 1], "-"))
		return (log_cell){ NULL, 0 };
	return cells[at - 1];
}

static log_cell either(log_cell first, log_cell second)
{
	return first.len > 0 ? first : second;
}

#define VERSION2_CELLS 14

/* A line of version 2 without a heading: its third word is an interface. */
static bool version2(const log_cell *cells, unsigned n)
{
	return n >= 8 && n <= VERSION2_CELLS && log_is(cells[0], "2") && log_starts(cells[2], "eni-");
}

static enum log_word row_read(const struct layout *l, const log_cell *cells, unsigned n, struct log_row *row)
{
	const log_cell start = cell(l, cells, n, START), end = cell(l, cells, n, END);
	const log_cell packets = cell(l, cells, n, PACKETS), bytes = cell(l, cells, n, BYTES),
		       dst = either(cell(l, cells, n, PKT_DST), cell(l, cells, n, DST));
	const log_cell status = cell(l, cells, n, STATUS);

	if (log_protocol(cell(l, cells, n, PROTOCOL)) != LOG_PROTO_GRE || (status.len > 0 && !log_is(status, "OK")))
		return LOG_OTHER;
	if (n < l->at[STATUS]) {
		row->why = "is cut off";
		return log_fail(row, "record", cells[n - 1]) ? LOG_GRE : LOG_BAD;
	}
	log_set_flow(row);
	if (!log_set_src(row, either(cell(l, cells, n, PKT_SRC), cell(l, cells, n, SRC))) || (dst.len > 0 && !log_set_dst(row, dst)))
		return LOG_BAD;
	if ((packets.len > 0 && !log_set_packets(row, packets)) || (bytes.len > 0 && !log_set_bytes(row, bytes)))
		return LOG_BAD;
	if ((start.len > 0 && !log_set_time(row, start)) || (end.len > 0 && !log_set_end(row, end)))
		return LOG_BAD;
	return LOG_GRE;
}

static enum log_word vpcflow_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const struct layout standard = {
		.at = { [SRC] = 4, [DST] = 5, [PROTOCOL] = 8, [PACKETS] = 9, [BYTES] = 10, [START] = 11, [END] = 12, [STATUS] = 14 }
	};
	struct layout *l = state;
	log_cell all = log_record(line), cells[CELLS_MAX];
	struct log_time t;

	log_cell behind = all;
	const log_cell first = log_token(&behind);
	if (first.len >= 20 && log_time_read(first, &t) && t.kind == LOG_TIME_CIVIL)
		all = behind;
	const unsigned n = cut(all, cells);
	if (heading_read(cells, n, l))
		return LOG_HEADING;
	if (version2(cells, n))
		return row_read(&standard, cells, n, row);
	/* under a heading: what has its columns and an address where one belongs */
	struct gs_addr a;
	const unsigned at = l->at[SRC] ? l->at[SRC] : l->at[PKT_SRC];
	if (!l->at[PROTOCOL] || n < l->at[PROTOCOL] || at > n || (!log_address(cells[at - 1], &a) && !log_is(cells[at - 1], "-")))
		return LOG_NO;
	return row_read(l, cells, n, row);
}

static const char *const needles[] = { " 47 ", " 47", "srcaddr", NULL };

const struct log_format log_vpcflow = {
	.name = "aws-vpc",
	.what = "AWS VPC flow logs, text",
	.needles = needles,
	.read = vpcflow_read,
	.state_size = sizeof(struct layout),
	.no_public_sample = true,
};
