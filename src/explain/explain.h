/*
 * explain.h - one packet for people: every field of every layer with its place and its source, then what each rule said of it
 *
 * Fields bear tshark's names where it has one, values are written as tshark writes them, so that the two can be held against each other line by line.
 */
#ifndef GS_EXPLAIN_H
#define GS_EXPLAIN_H

#include "classify/control.h"
#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/table.h"

/* The columns: packet, layer, field, offset, length, value, meaning, source. Lent, static. */
const struct gs_column *gs_explain_columns(unsigned *ret_n);

/*
 * Writes the rows of one packet: w->rows is called any number of times, w->begin and w->end are the caller's. p: what gs_decode made of f.
 * Offset and length are in octets from the start of the frame; a field of less than an octet has those of the octets it lies in. Layers that are no
 * header: `frame` (what the capture says), `outcome` (what decoding came to), `rule` (one row for each that looked, the last one is the one that
 * knew), `control` (what is known of PPTP's control connection, which is more than the packet says), `verdict`, and `generator` (what a flood's generator gives away). control: what the frames before it
 * told (classify/control.h); NULL: nothing. Result 0, or what w->rows returned.
 */
int gs_explain(const struct gs_frame *f, const struct gs_packet *p, struct gs_control *control, const struct gs_table_writer *w, struct gs_error *err);

#endif
