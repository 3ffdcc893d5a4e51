/*
 * source.h - where packets and records come from: one interface over every format, recognised by content
 *
 * Two doors. Capture formats give frames, formats that never saw the packet (raw-data tables, logs, flow records) give sightings and say in
 * `fidelity` how little they know. Everything to the right of this layer cares about the door only.
 */
#ifndef GS_SOURCE_H
#define GS_SOURCE_H

#include "base/zone.h"
#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"

enum gs_door { GS_DOOR_FRAMES, GS_DOOR_SIGHTINGS };

struct gs_source;

/*
 * What logs do not say themselves. All zero: UTC, and the year from when the file was last written. Lent; must outlive the source.
 */
struct gs_log_own;
struct gs_log_options {
	const struct gs_log_own *own; /* formats of one's own (log_own.h), asked before all others; NULL: none */
	const struct gs_zone *zone; /* of times without one; NULL: UTC */
	int year;                   /* of an input's first time without one; 0: the latest that does not put it behind the file's end (log_clock.h) */
	struct gs_time now;         /* the same for inputs that are no files; 0: times without a year cannot be known there */
};

struct gs_source_info {
	const char *path;      /* as given; "-" is stdin */
	const char *format;    /* "pcap", "pcapng", "badpackets", ... */
	const char *wrapping;  /* "", "gzip", "zstd" */
	enum gs_door door;
	uint64_t size;         /* octets of the file, 0 where unknown (a pipe) */
	uint64_t position;     /* octets of the file consumed so far, compressed ones where compressed: for progress */
};

/*
 * Opens a file, "-" for stdin, and recognises its format by content, through gzip and zstd. The source is the caller's: gs_source_close.
 * Errors: GS_ERR_NOENT, GS_ERR_ACCESS, GS_ERR_IO, GS_ERR_FORMAT (the sentence says what the file looks like and what is read), GS_ERR_NOMEM.
 */
int gs_source_open(const char *path, struct gs_source **ret, struct gs_error *err);

/* The same, with what logs need to be told; NULL: nothing. */
int gs_source_open_logs(const char *path, const struct gs_log_options *logs, struct gs_source **ret, struct gs_error *err);

/* As gs_source_open over bytes in memory, which must outlive the source; `name` stands in messages. For tests, fuzzing and message bodies. */
int gs_source_open_memory(const char *name, const void *data, size_t len, struct gs_source **ret, struct gs_error *err);
int gs_source_open_memory_logs(const char *name, const void *data, size_t len, const struct gs_log_options *logs, struct gs_source **ret,
			       struct gs_error *err);

void gs_source_close(struct gs_source *s); /* NULL is fine */

void gs_source_info(const struct gs_source *s, struct gs_source_info *ret);

#define GS_SOURCE_BATCH 32 /* a good number to ask for: what a batch decodes to stays in a 32 KiB L1 cache */

/*
 * The next frames, at most max (>= 1). Their bytes are lent until the next call. Nothing is allocated per frame.
 * Result 0: *ret_n frames, none at the end of the input. Negative: *ret_n frames are still good and come first; then
 *   GS_ERR_DAMAGED - input ends inside a record or a record contradicts itself: everything before was given, and the sentence names path and
 *                    offset; reading is over (a later call gives 0 frames and 0);
 *   GS_ERR_IO, GS_ERR_NOMEM - as they say; reading is over;
 *   GS_ERR_INTERRUPTED - a signal handler ran while waiting for a pipe; nothing is lost, call again to go on. Opening a pipe may give it too.
 * Only for GS_DOOR_FRAMES.
 */
int gs_source_frames(struct gs_source *s, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err);

/*
 * The next sightings, at most max; same results. Only for GS_DOOR_SIGHTINGS. Class and confidence are left for the rules
 * (GS_CLASS_UNKNOWN) unless the row itself gives them, as grescope's own export does.
 * Rows that name protocol 47 and cannot be understood are counted in tally->records_bad and reading goes on; rows of other protocols in
 * tally->records_other; rows that became sightings in tally->records. tally is added to.
 */
int gs_source_sightings(struct gs_source *s, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally, struct gs_error *err);

/* The first damaged row so far, "" if there was none: "line 12: time `yesterday` is none that grescope reads". Lent. */
const char *gs_source_first_bad(const struct gs_source *s);

/* Time stamps outside gs_time's range so far (saturated). */
uint64_t gs_source_clock_saturated(const struct gs_source *s);

/*
 * A list of inputs in the order of their first time stamps. Folders are read one level deep (regular files whose format is recognised;
 * others are skipped and counted). Inputs of unknown first time (empty, "-") keep their place at the end. What is not there, a pattern (glob)
 * that matches nothing and a folder without an input are GS_ERR_NOENT; a file that is named is in the list whatever is in it: opening it says.
 */
struct gs_inputs;
int gs_inputs_new(const char *const *paths, size_t n, struct gs_inputs **ret, struct gs_error *err);
/* The same, with what logs need to be told (lent, may be NULL): whoever opens an input of the list passes it on. */
int gs_inputs_new_logs(const char *const *paths, size_t n, const struct gs_log_options *logs, struct gs_inputs **ret, struct gs_error *err);
const struct gs_log_options *gs_inputs_logs(const struct gs_inputs *in);
void gs_inputs_free(struct gs_inputs *in);
size_t gs_inputs_count(const struct gs_inputs *in);
const char *gs_inputs_path(const struct gs_inputs *in, size_t i);
uint64_t gs_inputs_bytes(const struct gs_inputs *in);   /* sum of sizes, for progress */
uint64_t gs_inputs_skipped(const struct gs_inputs *in); /* files in folders that are none of grescope's */

#endif
