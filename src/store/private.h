/*
 * private.h - what the files of the store share; nothing outside this folder includes it
 *
 *   sqlite.c   opening, rights, transactions, SQLite's results as sentences     schema.c   the tables and how older ones are brought forward
 *   ledger.c   meta, seals, sensors: what every transaction carries along       row.c      a sighting as a row and back
 *   append.c   rows into batches, commits                                      input.c    content that is known
 *   ranges.c   sets of rows, by store and sequence
 *   cell.c     cells: sums by hour; blocks of them as columns                  rollup.c   rows into cells, runs of blocks, merging
 *   scan.c     questions (scan.h lists its files)                              count.c    how many different sources
 *   keep.c     prune, compact, info                                            check.c    everything against everything
 *   archive_*.c out and in (archive.h)                                         answer.c   answers kept
 *   pin.c      origins of the day                                              bot.c      bot processes, input by input
 *   bookmark.c where following a log got to
 */
#ifndef GS_STORE_PRIVATE_H
#define GS_STORE_PRIVATE_H

#include "base/buf.h"
#include "base/cursor.h"
#include "base/map.h"
#include "store/store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <zstd.h>

#define STORE_APPLICATION_ID 0x47524554 /* "GRET", bytes 68-71 of the file */
#define STORE_VERSION 4                 /* PRAGMA user_version that this code writes */
#define STORE_PAGE_BYTES 8192
#define BATCH_ROWS 10000                /* rows under one checksum and one range of times */
#define ROLL_ROWS 131072                /* rows outside the rollups at most, before they are rolled */
#define SLICE_ROWS 50000                /* rows that pruning deletes in one commit */

/* ---- meta and ledger: how many rows each directory has, so that none can vanish unnoticed ---- */

enum ledger { L_SENSOR, L_KIND, L_BATCH, L_BLOCK, L_INPUT, L_PRUNED, L_IMPORTED, L_LOST, L_BOT, L_COUNT };
#define L_COUNT_FIRST 8 /* so many had the first layout: a meta row of an older store has that many entries, or more */

struct meta {
	int64_t store;       /* random, 63 bits, never 0 */
	int64_t next_seq;    /* the next row's */
	int64_t rolled_seq;  /* rows up to here are in the rollups */
	int64_t change;      /* counts commits */
	struct {
		uint64_t rows, sum; /* sum of the rows' seals */
	} ledger[L_COUNT];
};

/* A checksum over a row's values in order. Seeded by table, so that a row moved to another does not pass. */
struct seal {
	XXH3_state_t state;
};
void seal_begin(struct seal *s, const char *table);
void seal_int(struct seal *s, int64_t v);
void seal_bytes(struct seal *s, const void *data, size_t n);
int64_t seal_end(struct seal *s);

/* ---- a row of the sighting table ---- */

/* What most sightings of a sort have in common, kept once: about 12 columns less per row. */
struct kind {
	uint64_t evidence;
	uint32_t has;
	uint16_t gre_flags, gre_proto;
	uint8_t version, inner_proto, fidelity, flags, class_, confidence, stop, via, protocol, bot_kind, byte_order, df;
	uint8_t zero[4];
};
_Static_assert(sizeof(struct kind) == 32, "kind has no padding: it is hashed and compared as bytes");

#define KINDS_MAX 65535 /* past this a row carries its kind itself: 28 octets more, nothing lost */
#define KIND_INLINE 0
#define SAMPLE_MAX 192

struct row {
	int64_t seq, first_ns, dur_us;
	uint64_t packets, bytes;
	uint32_t kind;
	uint16_t sensor;
	uint8_t src_len, dst_len; /* 0, 4, 16 */
	uint8_t sample_len;
	uint8_t src[16], dst[16];
	uint8_t sample[SAMPLE_MAX];
};

/* What is wrong with a sighting's values, NULL if nothing is. */
const char *sighting_wrong(const struct gs_sighting *s);
void kind_of(const struct gs_sighting *s, struct kind *ret);
/* Everything of the sighting but seq and kind, which the caller sets; with_kind writes the kind into the sample. */
void row_of(const struct gs_sighting *s, bool with_kind, struct row *ret);
/* *kind: of row->kind, or NULL where that is KIND_INLINE. Returns what is wrong, NULL if nothing is. */
const char *row_sighting(const struct row *row, const struct kind *kind, struct gs_sighting *ret);
uint64_t row_hash(const struct row *row);

struct kinds {
	struct gs_map map;     /* struct kind -> uint32_t id */
	struct kind *by_id;    /* [1] .. [n] */
	uint32_t n, cap;
	bool ready;
	int64_t change;        /* meta.change they were read at */
};

/* ---- batches ---- */

struct batch {
	int64_t first_seq, last_seq;
	int64_t min_ns, max_ns;  /* of the rows' first times */
	int64_t window_s;
	int64_t input;           /* 0: none */
	int64_t store;           /* where the rows were first stored */
	int64_t store_first;     /* the sequence first_seq had there */
	uint64_t sum;            /* of row_hash */
	int64_t seal;
};

/* ---- cells: sums over one hour ---- */

struct shape {
	uint32_t key;            /* version 1: call id only */
	uint16_t proto;
	uint8_t version;
	uint8_t has;             /* 1 flags, 2 proto, 4 key */
};

#define PART_ALL INT32_MIN   /* the part that knows no hours, destinations and shapes */
#define HOUR_NONE INT32_MIN

/* Beside enum gs_sighting_flag, for what an answer must tell apart though no question groups by it. */
#define CELL_NO_LENGTH 0x40  /* packets of unknown length: they are not in `bytes` */
#define CELL_OURS 0x80       /* the source may be our own address: quoted by an ICMP error, or its own destination. Withheld with destinations */
#define CELL_FLAGS (GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED | CELL_NO_LENGTH | CELL_OURS)

/* Key first, in the order they are sorted by. hour counts from 1970. */
struct cell {
	struct gs_addr src;
	uint8_t class_;
	uint8_t flags;           /* enum gs_sighting_flag, CELL_... */
	int32_t hour;
	uint16_t sensor;
	struct gs_addr dst;
	struct shape shape;
	uint64_t sightings, packets, bytes;
	uint64_t sources;        /* of folded ones, added up; else 0 */
	int64_t first_ns, last_ns;
};

#define BLOCK_CELLS 131072 /* at most in one block */

enum block_group { BLOCK_WHO, BLOCK_MUCH, BLOCK_WHOM, BLOCK_GROUPS };
#define BLOCK_ALL_GROUPS ((1u << BLOCK_GROUPS) - 1)

/* A block decoded: columns. Sources in order (none, IPv4, IPv6), each with its cells. */
struct block {
	int32_t part;            /* day since 1970, or PART_ALL */
	uint32_t n, n_none, n_src4, n_src6;
	uint32_t n_dst, n_shape;
	uint32_t *src4;          /* host order */
	uint8_t (*src6)[16];
	uint32_t *cells_of;      /* per source */
	uint8_t *hour;           /* of the day */
	uint8_t *class_, *flags;
	uint16_t *sensor;
	uint64_t *sightings, *packets, *bytes, *dur;
	int64_t *first;
	uint64_t *sources;       /* n_none */
	uint32_t *dst, *shape;   /* into the lists below */
	struct gs_addr *dsts;
	struct shape *shapes;
	unsigned have;           /* which groups are decoded: 1u << enum block_group */
	void *memory[BLOCK_GROUPS];
};


/* A block as it is in the directory. */
struct block_entry {
	int64_t id;
	int32_t part;
	int64_t run;             /* blocks of one run hold different sources, in order */
	uint32_t cells, sources;
	uint64_t sightings, packets, bytes;
	uint64_t sum[BLOCK_GROUPS];
	uint64_t size[BLOCK_GROUPS];
	int64_t seal;
};

int cell_compare(const struct cell *a, const struct cell *b);
void cell_of(const struct gs_sighting *s, struct cell *ret);
void cell_add(struct cell *to, const struct cell *from);
/* As the part that knows no hours has it. */
void cell_strip(struct cell *c);
/* Sorts and adds up equal keys; returns how many are left. `all`: strips them first. NULL memory failure: SIZE_MAX. */
size_t cells_settle(struct cell *cells, size_t n, bool all);

static inline int32_t hour_of(int64_t ns)
{
	return (int32_t)(gs_time_floor_s((struct gs_time){ ns }, 3600) / 3600);
}

static inline int32_t day_of_hour(int32_t hour)
{
	return hour / 24 - (hour % 24 < 0);
}

/* Columns of sorted cells of one part, n <= BLOCK_CELLS. 0 or GS_ERR_NOMEM. */
int block_from_cells(const struct cell *cells, size_t n, int32_t part, struct block *ret);
void block_done(struct block *b);
/* Encodes one group. 0 or GS_ERR_NOMEM. */
int block_encode(const struct block *b, enum block_group g, ZSTD_CCtx *zc, struct gs_buf *out);
/* Decodes one group more into b (zeroed but for part before the first, which must be BLOCK_WHO). NULL, or what is wrong; *ret_nomem where it is memory. */
const char *block_decode(struct block *b, enum block_group g, ZSTD_DCtx *zd, const uint8_t *data, size_t len, bool *ret_nomem);
uint64_t block_sum(const void *data, size_t len, int64_t id, enum block_group g);

/* The cells of a block one after the other. */
struct block_walk {
	const struct block *b;
	uint32_t source, cell, left; /* left: of this source */
	struct gs_addr src;
};
void block_walk_begin(struct block_walk *w, const struct block *b);
bool block_walk_next(struct block_walk *w, struct cell *ret);

static inline uint32_t block_sources(const struct block *b)
{
	return (b->n_none > 0) + b->n_src4 + b->n_src6;
}

struct gs_addr block_source(const struct block *b, uint32_t i);

/* ---- the store ---- */

#define STMT_MAP(X)                                                                                                              \
	X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                        \
	X(BEGIN_READ, "BEGIN")                                                                                                   \
	X(COMMIT, "COMMIT")                                                                                                      \
	X(META_GET, "SELECT store, next_seq, rolled_seq, change, ledger, seal FROM meta WHERE id = 1")                           \
	X(META_PUT, "UPDATE meta SET store=?1, next_seq=?2, rolled_seq=?3, change=?4, ledger=?5, seal=?6 WHERE id = 1")          \
	X(SENSOR_ALL, "SELECT id, name, seal FROM sensor ORDER BY id")                                                           \
	X(SENSOR_PUT, "INSERT INTO sensor(id, name, seal) VALUES(?1, ?2, ?3)")                                                   \
	X(KIND_ALL, "SELECT id, class, confidence, evidence, has, gre_flags, gre_proto, inner_proto, protocol, via, stop, fidelity, " \
	            "flags, bot_kind, byte_order, df, version, seal FROM kind ORDER BY id")                                      \
	X(KIND_PUT, "INSERT INTO kind(id, class, confidence, evidence, has, gre_flags, gre_proto, inner_proto, protocol, via, stop, " \
	            "fidelity, flags, bot_kind, byte_order, df, version, seal) "                                                 \
	            "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)")                                     \
	X(ROW_PUT, "INSERT INTO sighting(seq, sensor, first_ns, dur_us, src, dst, kind, packets, bytes, sample) "                \
	           "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")                                                                     \
	X(ROW_RANGE, "SELECT seq, sensor, first_ns, dur_us, src, dst, kind, packets, bytes, sample FROM sighting "               \
	             "WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")                                                                 \
	X(ROW_DELETE, "DELETE FROM sighting WHERE seq BETWEEN ?1 AND ?2")                                                        \
	X(BATCH_ALL, "SELECT first_seq, last_seq, min_ns, max_ns, window_s, input, store, store_first, sum, seal FROM batch "    \
	             "ORDER BY first_seq")                                                                                       \
	X(BATCH_LAST, "SELECT first_seq, last_seq, min_ns, max_ns, window_s, input, store, store_first, sum, seal FROM batch "   \
	              "ORDER BY first_seq DESC LIMIT 1")                                                                         \
	X(BATCH_PUT, "INSERT OR REPLACE INTO batch(first_seq, last_seq, min_ns, max_ns, window_s, input, store, store_first, sum, " \
	             "seal) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")                                                              \
	X(BATCH_DELETE, "DELETE FROM batch WHERE first_seq = ?1")                                                                \
	X(BLOCK_ALL, "SELECT id, part, run, cells, sources, sightings, packets, bytes, sum_who, sum_much, sum_whom, size_who, "  \
	             "size_much, size_whom, seal FROM block ORDER BY part, run, id")                                             \
	X(BLOCK_PUT, "INSERT INTO block(id, part, run, cells, sources, sightings, packets, bytes, sum_who, sum_much, sum_whom, " \
	             "size_who, size_much, size_whom, seal) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)")          \
	X(BLOCK_DELETE, "DELETE FROM block WHERE id = ?1")                                                                       \
	X(DATA_GET, "SELECT data FROM block_data WHERE id = ?1")                                                                 \
	X(DATA_PUT, "INSERT INTO block_data(id, data) VALUES(?1, ?2)")                                                           \
	X(DATA_DELETE, "DELETE FROM block_data WHERE id BETWEEN ?1 AND ?2")                                                      \
	X(PRUNED_ALL, "SELECT day, sightings, packets, bytes, seal FROM pruned ORDER BY day")                                    \
	X(PRUNED_GET, "SELECT day, sightings, packets, bytes, seal FROM pruned WHERE day = ?1")                                  \
	X(PRUNED_PUT, "INSERT OR REPLACE INTO pruned(day, sightings, packets, bytes, seal) VALUES(?1,?2,?3,?4,?5)")              \
	X(PRUNED_DELETE, "DELETE FROM pruned WHERE day = ?1")                                                                    \
	X(IMPORTED_ALL, "SELECT store, first_seq, last_seq, seal FROM imported ORDER BY store, first_seq")                       \
	X(IMPORTED_PUT, "INSERT INTO imported(store, first_seq, last_seq, seal) VALUES(?1,?2,?3,?4)")                            \
	X(IMPORTED_DELETE, "DELETE FROM imported WHERE store = ?1 AND first_seq = ?2")                                           \
	X(LOST_ALL, "SELECT store, first_seq, last_seq, seal FROM rows_pruned ORDER BY store, first_seq")                        \
	X(LOST_PUT, "INSERT INTO rows_pruned(store, first_seq, last_seq, seal) VALUES(?1,?2,?3,?4)")                             \
	X(LOST_DELETE, "DELETE FROM rows_pruned WHERE store = ?1 AND first_seq = ?2")                                            \
	X(INPUT_ALL, "SELECT id, head, units, digest, complete, live, path, sensor, window_s, options, device, inode, size, "    \
	             "mtime_ns, tally, first_ns, last_ns, trouble, ladder_sum, seal FROM input ORDER BY id")                     \
	X(INPUT_GET, "SELECT id, head, units, digest, complete, live, path, sensor, window_s, options, device, inode, size, "    \
	             "mtime_ns, tally, first_ns, last_ns, trouble, ladder_sum, seal FROM input WHERE id = ?1")                   \
	X(INPUT_LADDER, "SELECT ladder FROM input WHERE id = ?1")                                                                \
	X(INPUT_PUT, "INSERT OR REPLACE INTO input(id, head, units, digest, complete, live, path, sensor, window_s, options, "   \
	             "device, inode, size, mtime_ns, tally, first_ns, last_ns, trouble, ladder_sum, seal, ladder) "              \
	             "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)")                        \
	X(INPUT_SEEN, "UPDATE input SET path=?2, device=?3, inode=?4, size=?5, mtime_ns=?6, seal=?7 WHERE id=?1")                \
	X(PLACE_FIND, "SELECT id FROM place WHERE asn=?1 AND as_name=?2 AND country=?3 AND region=?4 AND city=?5 AND edition=?6") \
	X(PLACE_PUT, "INSERT INTO place(asn, as_name, country, region, city, edition, seal) VALUES(?1,?2,?3,?4,?5,?6,?7)")       \
	X(PLACE_GET, "SELECT asn, as_name, country, region, city, edition, seal FROM place WHERE id = ?1")                       \
	X(ORIGIN_AT, "SELECT first_day, last_day, place, seal FROM origin WHERE src = ?1 AND first_day <= ?2 "                   \
	             "ORDER BY first_day DESC LIMIT 1")                                                                          \
	X(ORIGIN_AFTER, "SELECT first_day, last_day, place, seal FROM origin WHERE src = ?1 AND first_day > ?2 "                 \
	                "ORDER BY first_day LIMIT 1")                                                                            \
	X(ORIGIN_PUT, "INSERT OR REPLACE INTO origin(src, first_day, last_day, place, seal) VALUES(?1,?2,?3,?4,?5)")             \
	X(ORIGIN_DELETE, "DELETE FROM origin WHERE src = ?1 AND first_day = ?2")                                                 \
	X(ORIGIN_ALL, "SELECT src, first_day FROM origin ORDER BY src, first_day")                                              \
	X(ORIGIN_COUNT, "SELECT count(*) FROM origin")                                                                           \
	X(ORIGIN_OLD_DELETE, "DELETE FROM origin WHERE last_day < ?1")                                                           \
	X(PLACE_UNUSED_DELETE, "DELETE FROM place WHERE id NOT IN (SELECT place FROM origin)")                                   \
	X(ORIGIN_ANY, "SELECT EXISTS(SELECT 1 FROM origin)")                                                                     \
	X(BOT_ALL, "SELECT input, part, number, sensor, first_ns, last_ns, data, seal FROM bot ORDER BY input, part, number")    \
	X(BOT_OF, "SELECT input, part, number, sensor, first_ns, last_ns, data, seal FROM bot WHERE input = ?1 ORDER BY part, number") \
	X(BOT_ONE, "SELECT seal FROM bot WHERE input = ?1 AND part = ?2 AND number = ?3")                                        \
	X(BOT_ONE_DELETE, "DELETE FROM bot WHERE input = ?1 AND part = ?2 AND number = ?3")                                      \
	X(BOT_PART, "SELECT coalesce(max(part), 0) FROM bot WHERE input = ?1")                                                   \
	X(BOT_SEALS, "SELECT seal FROM bot WHERE input = ?1 AND part = ?2")                                                      \
	X(BOT_DELETE, "DELETE FROM bot WHERE input = ?1 AND part = ?2")                                                          \
	X(BOT_OLD, "SELECT seal FROM bot WHERE last_ns < ?1")                                                                    \
	X(BOT_OLD_DELETE, "DELETE FROM bot WHERE last_ns < ?1")                                                                  \
	X(BOT_PUT, "INSERT INTO bot(input, part, number, sensor, first_ns, last_ns, data, seal) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)") \
	X(BOOKMARK_GET, "SELECT offset, sum, seal FROM bookmark WHERE sensor = ?1 AND path = ?2")                                \
	X(BOOKMARK_PUT, "INSERT OR REPLACE INTO bookmark(sensor, path, offset, sum, seal) VALUES(?1,?2,?3,?4,?5)")               \
	X(BOOKMARK_ALL, "SELECT sensor, path, offset, sum, seal FROM bookmark ORDER BY sensor, path")

enum stmt {
#define X(name, sql) Q_##name,
	STMT_MAP(X)
#undef X
	STMT_COUNT,
};

struct gs_store {
	char *path;
	sqlite3 *db;
	int lock_fd;             /* a writer's lock; a reader's look at its note; -1: none */
	bool writer;
	bool immutable;          /* opened without locks: nobody can write it where it lies */
	struct stat as_opened;   /* where immutable */
	bool in_tx;              /* a write transaction is open */
	bool in_read;            /* a read transaction is */
	bool full;
	uint64_t quota_bytes, ballast_bytes, cache_bytes;
	char *answers_path;
	sqlite3_stmt *stmt[STMT_COUNT];

	struct meta meta;        /* with what the open transaction did */
	struct meta committed;

	char **sensor_names;     /* [0 .. n_sensors] */
	unsigned n_sensors;      /* without the unnamed one */
	int64_t sensors_change;  /* meta.change they were read at; -1: not */
	struct kinds kinds;

	/* appending */
	struct batch batch;      /* the one that grows; valid in a transaction where batch_open */
	bool batch_open, batch_dirty, batch_stored;
	int64_t window_s;
	int64_t input;           /* whose rows are appended; 0: none */
	int64_t bots_input, bots_part; /* whose processes were put last */
	int64_t origin_store;    /* whose rows are appended; 0: our own */
	int64_t origin_seq;      /* their next sequence there */
	int64_t rows_min_ns, rows_max_ns; /* of the rows appended since an input began */
	uint64_t rows_appended;
	bool busy;               /* an input is being read */
	uint64_t aborts;         /* transactions given up: an input that spans one is lost */

	/* rollups */
	struct cell *pending;
	size_t n_pending, cap_pending;
	bool pending_stale;      /* rows after rolled_seq are not (all) in pending: read them again */
	ZSTD_CCtx *zc;
	ZSTD_DCtx *zd;

	/* directories: a reader's as of its last question, a writer's as far as said */
	struct batch *batches;
	size_t n_batches;
	struct block_entry *blocks;
	size_t n_blocks, cap_blocks;
	int64_t next_block;
	bool blocks_ready;       /* writer: the list is as the tables are */
	int64_t dir_change;      /* reader: meta.change + 1 that all of these were read at; 0: not */

	struct input_list *inputs; /* input.c's */
	struct gs_buf lent;      /* strings lent until the next call */
	char damage[GS_ERROR_TEXT_MAX]; /* the last one met, without the words around it, for gs_store_check */
	bool (*check_progress)(void *arg, uint64_t rows_done, uint64_t rows);
	void *check_arg;
};

/* What a writer leaves in its lock file: who it is, and what it has acknowledged. */
struct note {
	int pid;
	int64_t store, change; /* 0: none yet */
	uint64_t quota;
};

/* sqlite.c */
int db_fail(struct gs_store *st, int rc, struct gs_error *err, const char *format, ...) __attribute__((format(printf, 4, 5)));
int store_damaged(struct gs_store *st, struct gs_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
int db_exec(struct gs_store *st, const char *sql, struct gs_error *err);
int db_int(struct gs_store *st, const char *sql, int64_t *ret, struct gs_error *err);
/* A prepared statement, ready to be bound; NULL with *err set. */
sqlite3_stmt *db_stmt(struct gs_store *st, enum stmt which, struct gs_error *err);
/* Steps a statement that gives no rows, and resets it. */
int db_run(struct gs_store *st, sqlite3_stmt *q, struct gs_error *err, const char *doing);
/* 1: a row, 0: no more (reset), negative: an error (reset). */
int db_step(struct gs_store *st, sqlite3_stmt *q, struct gs_error *err, const char *doing);
int tx_begin(struct gs_store *st, struct gs_error *err);  /* a write transaction, if none is open */
int tx_commit(struct gs_store *st, struct gs_error *err); /* writes meta, commits */
void tx_abort(struct gs_store *st);                       /* back to the last commit */
int read_begin(struct gs_store *st, struct gs_error *err); /* a moment's view: reads meta; nothing to do in a write transaction */
void read_end(struct gs_store *st);
int read_still(struct gs_store *st, struct gs_error *err);
uint64_t store_file_bytes(struct gs_store *st);
int store_checkpoint(struct gs_store *st, struct gs_error *err);
void ballast_make(struct gs_store *st);
bool note_read(const struct gs_store *st, struct note *ret); /* false: there is none that can be read */
void ballast_drop(struct gs_store *st);
uint64_t file_size(const char *path, const char *suffix);

/* A column that must be an integer or a blob of at most max octets; false: it is something else. */
bool col_int(sqlite3_stmt *q, int i, int64_t min, int64_t max, int64_t *ret);
bool col_blob(sqlite3_stmt *q, int i, size_t max, const uint8_t **ret, size_t *ret_len);
bool col_text(sqlite3_stmt *q, int i, size_t max, const char **ret, size_t *ret_len);

/* schema.c */
int schema_create(sqlite3 *db, unsigned version, char **ret_message); /* SQLite's result */
int schema_upgrade(struct gs_store *st, unsigned from, struct gs_error *err);

/* ledger.c */
int meta_load(struct gs_store *st, struct gs_error *err);
int meta_save(struct gs_store *st, struct gs_error *err);
void ledger_add(struct gs_store *st, enum ledger which, int64_t seal);
void ledger_take(struct gs_store *st, enum ledger which, int64_t seal);
struct ledger_count {
	uint64_t rows, sum;
};
int ledger_verify(struct gs_store *st, enum ledger which, struct ledger_count c, struct gs_error *err);
int sensors_load(struct gs_store *st, struct gs_error *err);
const char *sensor_name(const struct gs_store *st, uint16_t id); /* "" for an id that is none */

/* append.c */
int kinds_load(struct gs_store *st, struct gs_error *err);
void kinds_forget(struct gs_store *st);
int batch_close(struct gs_store *st, struct gs_error *err);
int64_t batch_seal(const struct batch *b);
int batches_load(struct gs_store *st, struct gs_error *err);
/* Reads the rows of a whole batch as sightings and holds them against its checksum. *ret: room for BATCH_ROWS. */
int batch_read(struct gs_store *st, const struct batch *b, struct gs_sighting *ret, size_t *ret_n, struct gs_error *err);

/* ranges.c */
struct range {
	int64_t store, first, last;
};
struct ranges {
	struct range *list;
	size_t n, cap;
};
int ranges_load(struct gs_store *st, enum ledger which, struct ranges *ret, struct gs_error *err);
/* Adds first..last, joining what touches. In the table too. */
int ranges_add(struct gs_store *st, enum ledger which, int64_t store, int64_t first, int64_t last, struct gs_error *err);
bool ranges_hold(const struct ranges *r, int64_t store, int64_t seq, int64_t *ret_last); /* *ret_last: end of the range that holds or, if none does, of the gap */

/* rollup.c */
int pending_add(struct gs_store *st, const struct gs_sighting *s, struct gs_error *err);
int rollup_run(struct gs_store *st, struct gs_error *err); /* everything so far; in a write transaction */
int rollup_cells(struct gs_store *st, struct cell *cells, size_t n, struct gs_error *err); /* into day parts and PART_ALL; reorders cells */
int rollup_rebuild_all(struct gs_store *st, struct gs_error *err);
int rollup_merge(struct gs_store *st, struct gs_error *err); /* every part into one run */
int blocks_load(struct gs_store *st, struct gs_error *err);
int block_read(struct gs_store *st, const struct block_entry *e, enum block_group g, struct block *b, struct gs_error *err);
int block_drop(struct gs_store *st, const struct block_entry *e, struct gs_error *err);
struct pruned {
	int64_t day;
	uint64_t sightings, packets, bytes;
	int64_t seal;
};
int pruned_load(struct gs_store *st, struct pruned **ret, size_t *ret_n, struct gs_error *err); /* list: free() */
int pruned_forget(struct gs_store *st, const struct pruned *p, struct gs_error *err);
int pruned_add(struct gs_store *st, int64_t day, uint64_t sightings, uint64_t packets, uint64_t bytes, struct gs_error *err);
/* Index of the first entry with part >= part. */
size_t blocks_from(const struct gs_store *st, int32_t part);

/* scan.c */
int directories_load(struct gs_store *st, struct gs_error *err); /* sensors, kinds, batches, rollups: in a read or write transaction */

/* pin.c */
int pins_forget(struct gs_store *st, int64_t before_day, struct gs_error *err); /* runs that end before that day, in a commit of its own */

/* bot.c */
#define BOT_REST (-1)       /* as a number: what belongs to no process */
#define BOT_DATA_MAX 8192
struct bot_row {
	int64_t input, part, number, sensor, first_ns, last_ns;
	const uint8_t *data; /* lent until the next row */
	size_t len;
	int64_t seal;        /* read only */
};
/* Every row, or with input > 0 that input's, in order. wrong: NULL, or what is wrong with it: then nothing of the row is meant. `each` must not ask for bots. */
int bots_rows(struct gs_store *st, int64_t input, int (*each)(void *arg, const struct bot_row *row, const char *wrong, struct gs_error *err), void *arg,
              struct gs_error *err);
bool bot_row_fits(const struct bot_row *r); /* whether its data decode and agree with the rest of it */
/* In the place of the one with its number; in a write transaction. */
int bot_row_put(struct gs_store *st, const struct bot_row *r, struct gs_error *err);
/* Forgets processes seen last before `before`, in a commit of its own; with_rows: also those older than all rows that are left. */
int bots_prune(struct gs_store *st, int64_t before, bool with_rows, struct gs_error *err);

/* bookmark.c */
/* Holds each against its checksum; those that do not match it go to `found`. */
int bookmarks_check(struct gs_store *st, void (*found)(void *arg, const char *sentence), void *arg, struct gs_error *err);

/* input.c */
struct input {
	int64_t id;
	int64_t head;            /* hash of the first unit */
	uint64_t units;
	uint8_t digest[16];      /* of all units */
	bool complete, live;
	char *path, *trouble;
	uint16_t sensor;
	int64_t window_s;
	uint64_t options, device, inode, size;
	int64_t mtime_ns;
	struct gs_tally tally;
	int64_t first_ns, last_ns; /* first > last: no sightings */
	int64_t ladder_sum;
	int64_t seal;
};
struct input_list {
	struct input *list;
	size_t n, cap;
};
void inputs_forget(struct gs_store *st);
int inputs_load(struct gs_store *st, struct gs_error *err); /* in a read or write transaction */
void input_done(struct input *in);
int input_put(struct gs_store *st, struct input *in, bool is_new, const struct gs_buf *ladder, struct gs_error *err); /* id, or a new one */
int input_ladder(struct gs_store *st, const struct input *in, struct gs_buf *ret, struct gs_error *err);
uint64_t ladder_rungs(uint64_t units); /* how many a ladder of so many units has */
bool ladders_agree(const struct gs_buf *a, const struct gs_buf *b, uint64_t units); /* on every rung up to there */
bool ladder_fits(uint64_t units, size_t len); /* whether a ladder of len octets is one of that many units */
void tally_write(const struct gs_tally *t, struct gs_buf *out);
bool tally_read(const char *text, struct gs_tally *ret);

#endif
