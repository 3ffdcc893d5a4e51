/*
 * store.h - half a year of raw data and the questions over it: sightings kept in one file
 *
 * One writer and any number of readers in other processes. Readers never wait for the writer and never see half of a commit. Rows are known by
 * (sensor, store id, sequence): the store id is random and made once, the sequence never gives a number twice, so that rows can be sent
 * on at least once and told apart. Rollups by hour stay when the rows they came from are pruned. The layout: schema.c.
 *
 * Nothing here names the engine: SQLite is behind it today. A store is used by one thread at a time.
 *
 * Errors of every function, beside those it names: GS_ERR_STORE with a sentence (damaged, full, disk error; says what to do), GS_ERR_NOMEM.
 * Every value read back is checked: rows, rollups and directories carry checksums, and a mismatch is GS_ERR_STORE, not a number.
 */
#ifndef GS_STORE_H
#define GS_STORE_H

#include "grescope/bots.h"
#include "grescope/error.h"
#include "grescope/filter.h"
#include "grescope/origin.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/table.h"
#include "grescope/tally.h"

struct gs_store;

/* ---- opening ---- */

enum gs_store_mode {
	GS_STORE_READ,   /* an existing store, to read; also on a read-only file system or where another user owns it */
	GS_STORE_WRITE,  /* an existing store, as its one writer */
	GS_STORE_CREATE, /* as WRITE, made where there is none */
	GS_STORE_CLEAR,  /* as WRITE, and gives up the ballast first: to prune on a full disk */
};

struct gs_store_options {
	enum gs_store_mode mode;
	unsigned wait_ms;          /* how long to wait for another writer to finish; 0: not at all */
	uint64_t quota_bytes;      /* writer: the file never grows past this; 0: no quota */
	uint64_t ballast_bytes;    /* writer: a file of up to this size beside the store, at most 1/16 of the room that is left, given up to prune on a full disk; 0: none */
	uint64_t cache_bytes;      /* of pages of the file that are kept in memory; 0: 64 MiB for a writer, 16 MiB for a reader */
	const char *answers_path;  /* the folder where answers are kept; NULL: beside the store, its path with "-answers". "": nowhere */
};

/*
 * Opens the store at `path`; a new one is for its owner's eyes alone, an existing one keeps its mode. An older store is brought forward (WRITE, CREATE, CLEAR) and refused with the way out (READ). The store is the
 * caller's: gs_store_close.
 * GS_ERR_NOENT: none there. GS_ERR_ACCESS: rights lack, or read-only. GS_ERR_FORMAT: no grescope store, or of a newer grescope.
 * GS_ERR_LIMIT: another writer still has it after wait_ms. GS_ERR_STORE: damaged (a reader is told at
 * its first question).
 */
int gs_store_open(const char *path, const struct gs_store_options *o, struct gs_store **ret, struct gs_error *err);

/* Gives up what was not committed. NULL is fine. */
void gs_store_close(struct gs_store *st);

/* ---- sensors ---- */

#define GS_SENSOR_NAME_MAX 64 /* octets; UTF-8 without control characters */
#define GS_SENSORS_MAX 4096

/* The id of a sensor's name, "" is 0. A writer gets a new id for a new name (with the next commit), a reader GS_ERR_NOENT and the names there are.
 * GS_ERR_USAGE: not a name. GS_ERR_LIMIT: GS_SENSORS_MAX of them. */
int gs_store_sensor(struct gs_store *st, const char *name, size_t len, uint16_t *ret, struct gs_error *err);

/* Names by id, [0] is "". Lent until the next call into the store. */
int gs_store_sensors(struct gs_store *st, const char *const **ret_names, unsigned *ret_n, struct gs_error *err);

/* ---- writing ---- */

/* Adds sightings; they count from the next commit on. After an error everything since the last commit is gone and the store can be used on.
 * GS_ERR_STORE: also where disk or quota is full (gs_store_full says so). */
int gs_store_append(struct gs_store *st, const struct gs_sighting *s, size_t n, struct gs_error *err);
struct gs_sighting_sink gs_store_sink(struct gs_store *st); /* appends what it takes */

/* The window that the next sightings were made with, for gs_store_windows. 0 unless set; an input sets its own. */
void gs_store_set_window(struct gs_store *st, int64_t window_s);

/* Makes everything so far last: when it returns 0, neither a kill nor a power cut takes it away. */
int gs_store_commit(struct gs_store *st, struct gs_error *err);

/* Commits, brings the rollups up to the last row and empties the journal into the file: at the end of an ingest, and now and then in a daemon.
 * Without it nothing is lost: answers add up rollups and the rows that are not in them yet. */
int gs_store_settle(struct gs_store *st, struct gs_error *err);

/* Whether the last error was a full disk or quota. */
bool gs_store_full(const struct gs_store *st);

/* ---- inputs: the same content never counts twice ---- */

/*
 * An input is known by its content: a hash of the frames (or records) that it gave, in order, whatever its name or compression. Feed all of
 * them from the first on; the store says which are in it already.
 *
 *   gs_input_begin(st, &spec, &in);
 *   again: open the source; do {
 *     read n frames (0 at the end);
 *     at = 0; do {
 *       gs_input_frames(in, f + at, n - at, &m, &step, err);
 *       GS_INPUT_AGAIN: close the source, goto again (nothing was taken so far)
 *       GS_INPUT_TAKE, GS_INPUT_CHECKPOINT: decode, classify, observe frames at .. at+m
 *       GS_INPUT_CHECKPOINT: also flush the windows, then gs_input_checkpoint
 *       at += m;
 *     } while (at < n);
 *   } while (n);
 *   flush the windows; gs_input_end(in, ...);
 */
struct gs_input;

struct gs_input_spec {
	const char *path;     /* for people */
	uint16_t sensor;
	int64_t window_s;
	uint64_t options;     /* whatever else shapes the rows, as the caller codes it; an input is continued only with the same */
	/* the file as stat sees it, for gs_input_unchanged; all zero where unknown */
	uint64_t device, inode, size;
	int64_t mtime_ns;
};

enum gs_input_step {
	GS_INPUT_SKIP,       /* these are in the store */
	GS_INPUT_TAKE,       /* these are not: make sightings of them */
	GS_INPUT_CHECKPOINT, /* as TAKE, then flush and gs_input_checkpoint */
	GS_INPUT_AGAIN,      /* it turned out to be other content than it began like: read it again from the start */
};

enum gs_input_state {
	GS_INPUT_NEW,       /* was not in the store */
	GS_INPUT_KNOWN,     /* was, to the end: nothing was added */
	GS_INPUT_RESUMED,   /* an interrupted ingest was continued */
	GS_INPUT_GROWN,     /* more of a known input */
	GS_INPUT_SHORTER,   /* begins a known, longer input: nothing was added */
};

/* What is kept of an input. Strings are lent. */
struct gs_input_info {
	uint64_t id;
	enum gs_input_state state;   /* of this ingest (gs_input_end); NEW where listed */
	const char *path;            /* as last seen */
	const char *sensor;
	const char *trouble;         /* the sentence that ended the reading early, "" if none did */
	const char *like;            /* another input's path that begins with the same packet and goes on otherwise, "" if none does */
	const char *was;             /* KNOWN, RESUMED, GROWN, SHORTER: the path that its content was known by, "" where that is its own */
	uint64_t units;              /* frames or records in the store */
	uint64_t unsure;             /* SHORTER: of these, how many at its end could not be held against the longer one */
	struct gs_tally tally;       /* of all of it, over all its ingests */
	struct gs_tally added;       /* of this ingest */
	struct gs_time first, last;  /* of its sightings; meaningful where tally.sightings > 0 */
	int64_t window_s;
	uint64_t options;
	bool complete;               /* false: interrupted, and not continued yet */
	bool live;                   /* a sensor's own */
};

/* Whether the file was ingested to its end and is as it was then (device, inode, size and time of change): then reading it again is needless.
 * Fills *ret (may be NULL) where it was. Never an error: what cannot be told is false. */
bool gs_input_unchanged(struct gs_store *st, const struct gs_input_spec *spec, struct gs_input_info *ret);

/* One input at a time. The input is the caller's: gs_input_end or gs_input_drop. */
int gs_input_begin(struct gs_store *st, const struct gs_input_spec *spec, struct gs_input **ret, struct gs_error *err);

/* An input without content of its own: a sensor that is running. Only gs_input_checkpoint and gs_input_end apply. */
int gs_input_begin_live(struct gs_store *st, const struct gs_input_spec *spec, struct gs_input **ret, struct gs_error *err);

/*
 * The next n (0: the input is over). *ret_m: how many of them *ret_step is about, at least one where n > 0. With n = 0 the step is
 * GS_INPUT_TAKE (go on to gs_input_end) or GS_INPUT_AGAIN.
 * GS_ERR_USAGE: begun or stored with another window, sensor or options; the sentence says which.
 */
int gs_input_frames(struct gs_input *in, const struct gs_frame *f, size_t n, size_t *ret_m, enum gs_input_step *ret_step, struct gs_error *err);

/* The same for sources that give sightings, as they give them (before the rules see them). */
int gs_input_records(struct gs_input *in, const struct gs_sighting *s, size_t n, size_t *ret_m, enum gs_input_step *ret_step,
                     struct gs_error *err);

/* Commits the rows so far together with how far the input is. *run: the balance of this ingest so far. */
int gs_input_checkpoint(struct gs_input *in, const struct gs_tally *run, struct gs_error *err);

/* The input was read to its end, or, where `trouble` is not NULL, as far as possible: commits and fills *ret (may be NULL; its strings live until the next
 * call into the store). Frees the input also where it fails. */
int gs_input_end(struct gs_input *in, const struct gs_tally *run, const struct gs_error *trouble, struct gs_input_info *ret,
                 struct gs_error *err);

/* Gives the input up; what came after the last checkpoint is not kept. NULL is fine. */
void gs_input_drop(struct gs_input *in);

/* Every input, oldest first. `each` returns 0 or a negative code that ends it. */
int gs_store_inputs(struct gs_store *st, int (*each)(void *arg, const struct gs_input_info *in, struct gs_error *err), void *arg,
                    struct gs_error *err);

/* ---- reading ---- */

struct gs_scan_options {
	bool (*want)(void *arg, const struct gs_addr *src); /* asked once per source, oftener where memory runs short; false leaves its rows out. NULL: all are wanted */
	void *want_arg;
	size_t memory_bytes;  /* for counting and adding up; 0: 256 MiB. Past it sums come in pieces and counts are estimates */
	bool raw_only;        /* leave the rollups alone: for tests, and to hold one against the other */
	bool (*progress)(void *arg, uint64_t done, uint64_t total); /* between blocks and batches, in cells and rows; false ends with
	                                                            * GS_ERR_INTERRUPTED. May be NULL */
	void *progress_arg;
};

#define GS_SCAN_NOTES 4

struct gs_scan_result {
	uint64_t sightings, packets, bytes; /* that satisfied filter and `want` */
	uint64_t sources;                   /* different ones, folded ones by their own estimates */
	bool sources_estimated;             /* some came folded, or memory ran short */
	bool memory_short;                  /* that memory ran short: numbers of sources are estimates by HyperLogLog */
	uint64_t no_length_packets;         /* packets of unknown length: not in bytes */
	struct gs_time first, last;         /* meaningful where sightings > 0 */
	uint64_t given;                     /* rows and sums pushed */
	uint64_t raw_rows, cells;           /* looked at */
	unsigned n_notes;
	char notes[GS_SCAN_NOTES][200];     /* sentences for the reader of the answer: rows pruned, times widened to the hour */
};

/*
 * Pushes what satisfies the filter (asn and country are the query's own business) into the sink: sightings as they were stored where `needs` has
 * GS_NEED_ALL or GS_NEED_BOT, in order of the batches' times; else sums over all that differ in nothing that is needed, by hours, from rollups and what is
 * not in them yet. Where GS_NEED_WEEK, DAY or HOUR is needed the sums come in the order of the weeks or days. A reader's view is that of one moment.
 * o and ret may be NULL. Result 0, an error, or what the sink returned.
 */
int gs_store_scan(struct gs_store *st, const struct gs_filter *f, unsigned needs, const struct gs_scan_options *o,
                  const struct gs_sighting_sink *sink, struct gs_scan_result *ret, struct gs_error *err);

/* Whether the sums for these needs come source by source: all of one source one after the other, folded ones first. */
bool gs_scan_by_source(const struct gs_filter *f, unsigned needs);

/* The smallest and largest window that raw rows within [since, until) were made with; *ret_any: whether there are any. */
int gs_store_windows(struct gs_store *st, const struct gs_filter *f, int64_t *ret_min_s, int64_t *ret_max_s, bool *ret_any, struct gs_error *err);

/* The balance of all inputs (of the filter's sensors) whose sightings touch [since, until), as one. */
int gs_store_tally(struct gs_store *st, const struct gs_filter *f, struct gs_tally *ret, struct gs_error *err);

/* ---- origins as they were on the day ---- */

/*
 * Addresses move: what a database says today need not be where a source was. A pin says where it was on a run of days, by the data that was at hand then.
 * For one source at most one pin holds on a day; a later one takes the days of those before. Days between two pins that say the same are covered too (the
 * same edition says the same of them), so that a source has about one pin per place and edition, however long it is watched.
 */
struct gs_pin {
	bool has_network, has_place; /* there was data of this kind; where not, the fields are empty and today's data may say more */
	uint32_t asn;
	const char *as_name, *region, *city; /* "" where unknown; lent until the next call into the store */
	char country[2];             /* two NUL where unknown */
	const char *edition;         /* which data said so, for people */
};

#define GS_PIN_TEXT_MAX 1024 /* octets of each text; longer ones are cut */

/* Pins a source from one day (since 1970, UTC) to another, both included. Lasts with the next commit. */
int gs_store_pin(struct gs_store *st, const struct gs_addr *src, int64_t first_day, int64_t last_day, const struct gs_pin *pin, struct gs_error *err);

struct gs_pin_span {
	int64_t place;               /* of gs_store_place; 0: no pin holds on these days */
	int64_t first_day, last_day; /* around the day that was asked for: all of them have this answer */
};

/* What holds for a source on a day. Sources without an address have no pins. */
int gs_store_pinned(struct gs_store *st, const struct gs_addr *src, int64_t day, struct gs_pin_span *ret, struct gs_error *err);
int gs_store_place(struct gs_store *st, int64_t place, struct gs_pin *ret, struct gs_error *err);

/* Whether there are pins at all. */
int gs_store_any_pins(struct gs_store *st, bool *ret, struct gs_error *err);

/* ---- bots: what each input told of the processes behind its floods ---- */

#define GS_STORE_BOT_ATTACKS 16

/* A process as one input showed it. A value; process.number and process.bot_kind as the tracker had them. */
struct gs_store_bot {
	struct gs_bot_process process;
	struct gs_bot_attack attacks[GS_STORE_BOT_ATTACKS]; /* the first ones in time */
	unsigned n_attacks;
	uint16_t sensor;
	uint64_t input;
};

/* Packets of an input that may be a bot's and belong to no process: as gs_tracker_tally. */
struct gs_store_bots_rest {
	uint64_t pending, unlinked, refused, skipped;
};

/* What is known of the processes of the input being written, from all of it that was taken since it was begun or continued: takes the place of what was put before.
 * Counts from the input's next checkpoint or end on. Nothing to do where no input is open. */
int gs_store_bots_put(struct gs_store *st, const struct gs_store_bot *list, size_t n, const struct gs_store_bots_rest *rest, struct gs_error *err);

/* Whether a process fits: seen in part of [since, until), class, one of the sources kept in --src, the first destination of one of its attacks in --dst. */
bool gs_store_bot_fits(const struct gs_filter *f, const struct gs_store_bot *b);

/*
 * Every process of every input that fits the filter and is of its sensors. In the order of inputs; the same process may come several times. *ret_rest: of the
 * inputs that fit, added up. `each` returns 0 or a negative code that ends it.
 */
int gs_store_bots(struct gs_store *st, const struct gs_filter *f, int (*each)(void *arg, const struct gs_store_bot *b, struct gs_error *err), void *arg,
                  struct gs_store_bots_rest *ret_rest, struct gs_error *err);

/* ---- bookmarks: where following a log got to ---- */

#define GS_BOOKMARK_PATH_MAX 4096 /* octets */

struct gs_bookmark {
	uint64_t offset; /* of the first octet of the file that no row was made of */
	uint64_t sum;    /* of what stands before it, as the reader of the log makes it: tells whether it is the same file */
};

/* Counts from the next commit on, with the rows that were appended before: a log is read on from there, and no line of it is in the store twice. `path` as it was
 * configured. GS_ERR_USAGE: longer than GS_BOOKMARK_PATH_MAX. */
int gs_store_bookmark_put(struct gs_store *st, uint16_t sensor, const char *path, const struct gs_bookmark *b, struct gs_error *err);

/* GS_ERR_NOENT: this sensor never followed that path. */
int gs_store_bookmark(struct gs_store *st, uint16_t sensor, const char *path, struct gs_bookmark *ret, struct gs_error *err);

/* ---- answers kept ---- */

/*
 * An answer is kept under a key, the octets of everything that shapes it but the store itself: question, filter, sort, limit, editions of the databases,
 * the program. It is given again while the store has not changed. Kept in a folder of small files, at most GS_ANSWERS_BYTES; losing it loses time only.
 */
#define GS_ANSWERS_BYTES (64u << 20)
#define GS_ANSWER_KEY_MAX (64u << 10) /* a longer key is never kept */

struct gs_answer_hit {
	bool hit;
	uint64_t rows;         /* that were written */
	struct gs_tally tally; /* of the answer's metadata */
	char said[600];        /* as gs_answer_record was given */
};

/* Writes the answer kept under the key to w (begin, rows, end; strings are lent during each call); a miss writes nothing. Errors are those of w alone. */
int gs_answer_replay(struct gs_store *st, const void *key, size_t len, const struct gs_table_writer *w, struct gs_answer_hit *ret, struct gs_error *err);

/* A writer that passes everything on to `to` and keeps a copy, up to 32 MiB; gs_answer_keep stores it if the table was ended and the store has not changed
 * since gs_answer_record. Keeping fails silently: it is only a copy. `said` (may be NULL) is given back with the answer. */
struct gs_answer;
int gs_answer_record(struct gs_store *st, const void *key, size_t len, const char *said, const struct gs_table_writer *to, struct gs_answer **ret,
                     struct gs_error *err);
struct gs_table_writer gs_answer_writer(struct gs_answer *a);
void gs_answer_keep(struct gs_answer *a); /* and frees it; NULL is fine */
void gs_answer_drop(struct gs_answer *a); /* NULL is fine */

/* ---- keeping it ---- */

struct gs_store_info {
	const char *path;                /* lent, as long as the store is open */
	uint64_t store_id;
	unsigned version;                /* of the layout */
	uint64_t file_bytes, journal_bytes, free_bytes, ballast_bytes;
	uint64_t quota_bytes;            /* that the last writer kept to; 0: none */
	uint64_t disk_free_bytes;        /* room that is left where the store lies */
	uint64_t raw_bytes, rollup_bytes; /* of file_bytes, estimated from what is in them */
	uint64_t next_seq;
	uint64_t raw_sightings;          /* still there row by row */
	uint64_t unrolled_sightings;     /* of these, not in the rollups yet */
	uint64_t sightings, packets, bytes; /* of all time, pruned ones included */
	uint64_t pruned_sightings;       /* of these, only in the rollups */
	struct gs_time first, last;      /* of all; meaningful where sightings > 0 */
	struct gs_time raw_first;        /* of the raw rows; meaningful where raw_sightings > 0 */
	uint64_t n_inputs, n_inputs_open, n_sensors, n_kinds, n_batches, n_blocks, n_cells, n_pins;
};

int gs_store_info(struct gs_store *st, struct gs_store_info *ret, struct gs_error *err);

/* Octets of the file as it is now. Cheap, where gs_store_info looks at everything. */
uint64_t gs_store_bytes(struct gs_store *st);

struct gs_prune_options {
	struct gs_time raw_before;     /* rows older than this go (batch by batch: one that reaches past it stays); GS_TIME_MIN: none by age */
	struct gs_time rollups_before; /* whole days of rollups whose rows are gone; GS_TIME_MIN: none. What they held is then forgotten */
	uint64_t max_bytes;            /* oldest rows go until the file is at most this; 0: no cap */
	bool rollups_too;              /* for max_bytes: rollups go too, oldest days first, when no rows are left */
	bool keep_room;                /* what becomes free stays in the file, for rows to come: a daemon would be held up by giving it back */
	bool (*progress)(void *arg, uint64_t rows_gone); /* between slices; false ends with GS_ERR_INTERRUPTED, all so far kept. May be NULL */
	void *arg;
};

struct gs_prune_result {
	uint64_t sightings, packets, bytes; /* raw rows gone */
	uint64_t rollup_sightings;          /* forgotten altogether */
	uint64_t file_before, file_after;
	bool short_of_goal;                 /* max_bytes was not reached */
};

/* Writer only. In slices, each a commit of its own. Bot processes go with the rows of their time, pins with the rollups of the last of their days. */
int gs_store_prune(struct gs_store *st, const struct gs_prune_options *o, struct gs_prune_result *ret, struct gs_error *err);

/* Writer only. Gives up the ballast (gs_store_options), so that pruning has room on a disk that is full now; gs_store_prune makes it anew. */
void gs_store_give_ballast(struct gs_store *st);

/* Writer only. Merges rollups, gives free space back to the file system, empties the journal. */
int gs_store_compact(struct gs_store *st, uint64_t *ret_before, uint64_t *ret_after, struct gs_error *err);

/*
 * Holds everything against everything: the engine's own integrity check, every checksum, sequence and batches, rollups against rows and pruned totals.
 * `found` (may be NULL) gets each trouble as a sentence, the first thousand; *ret_n counts all. quick leaves out what takes time in proportion to
 * the raw rows. In one moment's view: a journal that is written meanwhile cannot be emptied before it ends.
 * Result 0 also where troubles were found; an error only where checking itself could not go on.
 */
int gs_store_check(struct gs_store *st, bool quick, void (*found)(void *arg, const char *sentence), void *arg, uint64_t *ret_n,
                   struct gs_error *err);

/* Asked now and then while gs_store_check runs; false ends it with GS_ERR_INTERRUPTED. rows is 0 until it is known. NULL: nobody is asked. */
void gs_store_check_progress(struct gs_store *st, bool (*progress)(void *arg, uint64_t rows_done, uint64_t rows), void *arg);

/* ---- archives: to merge sensors and to move house ---- */

struct gs_archive_result {
	uint64_t sightings;      /* written, or read and new */
	uint64_t known;          /* import: read and in the store already */
	uint64_t cells;          /* hourly sums of rows that are pruned */
	uint64_t inputs;         /* written, or new or grown */
	uint64_t pins;           /* origins of the day: runs of days written, or new */
	uint64_t bots;           /* bot processes as inputs showed them: written, or new or more of */
	uint64_t lines;
	bool rollups_known;      /* import: the sums were in the store already */
};

/* Writes rows, what is left of pruned ones, inputs, their bots, sensors and pins as JSON lines in zstd with a manifest and checksums to fd, in one moment's view.
 * `name` stands in messages. GS_ERR_IO: fd cannot be written. */
int gs_archive_write(struct gs_store *st, int fd, const char *name, struct gs_archive_result *ret, struct gs_error *err);

/*
 * Reads such an archive (also one that was unpacked) into the store. Rows that are there, by (store, sequence) or because their input is, are left out, so
 * that doing it twice changes nothing. unnamed_as names the sensor that has no name in the archive; NULL or "": stays unnamed.
 * *ret (may be NULL) is filled whatever the result, with what is in the store for good. gs_store_settle afterwards is the caller's.
 * GS_ERR_FORMAT: no archive, or of a newer grescope. GS_ERR_DAMAGED: the sentence names the line; whole parts before it are in the store, and reading
 * a whole copy later adds the rest. GS_ERR_USAGE: read to its end, but some of it (its sums of pruned rows, or the rows of a capture) overlaps
 * with what is there and cannot be told apart: that was left out; the sentence says what. Also where an archive of this very store is ahead of it.
 */
int gs_archive_read(struct gs_store *st, int fd, const char *name, const char *unnamed_as, struct gs_archive_result *ret, struct gs_error *err);

#endif
