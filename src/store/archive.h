/*
 * archive.h - the archive: JSON lines in zstd; what its writer and its reader share. docs/archive.md describes it for others
 *
 *   {"archive":"grescope","version":1,...}       the manifest: which store, how much of what
 *   {"part":"sensors"} ... {"end":"sensors","lines":N,"sum":"..."}
 *   {"part":"pruned"} ... {"end":"pruned",...}   what is left of rows that are gone, with every input that some of them came from
 *   {"part":"rows"} ... {"end":"rows",...}       an input, all its rows, and its bots; or rows that belong to no input or to a sensor's own
 *   {"part":"pins"} ... {"end":"pins",...}
 *   {"close":"grescope","parts":N,"lines":N,"sum":"..."}
 *
 * A part is read in one transaction, or not at all. So an input is never known before all its rows are there, and a copy that was cut leaves whole
 * parts behind, which the next, whole copy adds to.
 *
 * Version 2 has bots; an archive without any is written as version 1, which is the same else.
 *
 * Each line is one flat object; its members come in the order below, zero and empty ones are left out. Every line is described once, by a function that
 * writes it or reads it, as the `struct io` says.
 */
#ifndef GS_STORE_ARCHIVE_H
#define GS_STORE_ARCHIVE_H

#include "store/private.h"

#define ARCHIVE_NAME "grescope"
#define ARCHIVE_VERSION 2
#define ARCHIVE_BOTS 2     /* the version that has bots */
#define ARCHIVE_LINE_MAX (128u << 10) /* the longest that is written: an input with two strings of 4096 octets, each escaped, and its balance */
#define ARCHIVE_MEMBERS 64            /* of a line */
#define LADDER_LINE 4096u             /* rungs on a line */
#define LADDER_MAX (64u << 20)        /* octets of a ladder: 17 thousand million packets */

/* ---- a line ---- */

struct member {
	const char *name, *text;
	size_t len;
	bool quoted;
};

struct line {
	struct member m[ARCHIVE_MEMBERS];
	unsigned n, at;       /* at: the next that nobody took */
	char wrong[80];       /* "" while nothing is */
};

/* Takes a flat JSON object apart, in place. False: `wrong` says why. */
bool line_parse(char *text, size_t len, struct line *ret);
/* Whether everything was taken and nothing was wrong. */
bool line_done(struct line *l);
void line_wrong(struct line *l, const char *name);

/* One of the two: a line being written, or one being read. */
struct io {
	struct gs_buf *out;
	struct line *in;
};

#define IO_NEEDED true /* must be there, and is written even if zero */

void io_begin(struct io *io); /* and io_end: the braces of a line being written */
void io_end(struct io *io);
void io_uint(struct io *io, const char *name, uint64_t *v, uint64_t usual, uint64_t max, bool needed); /* left out where usual */
void io_hex(struct io *io, const char *name, uint64_t *v, unsigned digits, bool needed);   /* fixed width; left out where 0 */
void io_hex_bytes(struct io *io, const char *name, uint8_t *v, size_t n);
void io_time(struct io *io, const char *name, int64_t *ns, int64_t usual, bool needed);
void io_hex_data(struct io *io, const char *name, uint8_t *v, size_t *n, size_t max); /* as many octets as there are */
void io_date(struct io *io, const char *name, int64_t *day); /* needed */
void io_addr(struct io *io, const char *name, struct gs_addr *a);
void io_word(struct io *io, const char *name, uint8_t *v, unsigned count, const char *(*word)(unsigned), bool needed);
void io_text(struct io *io, const char *name, const char **v, size_t max, bool needed); /* read: lent with the line. No NUL in it */

#define IO_UINT(io, name, v, usual) io_uint_(io, name, &(v), sizeof(v), usual)
void io_uint_(struct io *io, const char *name, void *v, size_t size, uint64_t usual);

/* ---- the lines ---- */

struct manifest {
	uint64_t version, store, sensors, inputs, rows, pruned, pins, bots;
	const char *made_by;
	int64_t first_ns, last_ns; /* of the rows; first > last: none */
};
void io_manifest(struct io *io, struct manifest *m);

struct archived_sensor {
	uint64_t id;
	const char *name;
};
void io_sensor(struct io *io, struct archived_sensor *s);
void io_range(struct io *io, struct range *r);
/* sensor: as numbered in the archive; hour comes from first. */
void io_cell(struct io *io, struct cell *c);
/* path and trouble are lent when read. */
void io_input(struct io *io, struct input *in, uint64_t *id, uint64_t *rungs, const char **tally);

/* An input of a sensor's own has no content to be known by: it is known by where it was made. Sets in->digest. */
void live_identity(const struct gs_store *st, struct input *in);

void io_ladder(struct io *io, uint8_t *rungs, uint64_t n); /* n: as many as belong on the line */

struct archived_batch {
	uint64_t store, from, rows, window_s;
};
void io_batch(struct io *io, struct archived_batch *b);
void io_row(struct io *io, uint64_t *seq, struct gs_sighting *s);

struct archived_pin {
	struct gs_addr src;
	int64_t first_day, last_day;
	uint64_t network, place; /* whether there was data of this kind */
	uint64_t asn;
	const char *as_name, *country, *region, *city, *edition;
};
void io_pin(struct io *io, struct archived_pin *p);

/* row->data: BOT_DATA_MAX octets to read into. */
void io_bot(struct io *io, struct bot_row *row, uint8_t *data);

/* The end of a part or of the archive. */
struct seal_line {
	const char *what;
	uint64_t parts, lines, sum;
};
void io_part(struct io *io, const char **what);
void io_part_end(struct io *io, struct seal_line *e);
void io_close(struct io *io, struct seal_line *e);

#endif
