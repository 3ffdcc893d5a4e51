/*
 * schema.c - the tables, and how an older store is brought forward
 *
 * Steps are applied in order; a new store goes through all of them, an older one through those it lacks, each in one transaction together with
 * user_version, so that a kill in between leaves the older store whole. A step is never changed once released.
 *
 * No index on sighting: one on time and one on (source, time) cost 3.5 times the CPU and 63 % more file. Batches bound a range of times, rollups say in
 * which hours a source was there. WITHOUT ROWID only where the key is the row. STRICT everywhere: a wrong type in a column is damage.
 */
#include "store/private.h"

#include <stdio.h>

static const char step_1[] =
	"CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), store INTEGER NOT NULL, next_seq INTEGER NOT NULL, rolled_seq INTEGER NOT NULL,"
	" change INTEGER NOT NULL, ledger BLOB NOT NULL, seal INTEGER NOT NULL) STRICT;"
	"CREATE TABLE sensor(id INTEGER PRIMARY KEY, name TEXT NOT NULL, seal INTEGER NOT NULL) STRICT;"
	/* what most sightings of a sort have in common */
	"CREATE TABLE kind(id INTEGER PRIMARY KEY, class INTEGER NOT NULL, confidence INTEGER NOT NULL, evidence INTEGER NOT NULL,"
	" has INTEGER NOT NULL, gre_flags INTEGER NOT NULL, gre_proto INTEGER NOT NULL, inner_proto INTEGER NOT NULL, protocol INTEGER NOT NULL,"
	" via INTEGER NOT NULL, stop INTEGER NOT NULL, fidelity INTEGER NOT NULL, flags INTEGER NOT NULL, bot_kind INTEGER NOT NULL,"
	" byte_order INTEGER NOT NULL, df INTEGER NOT NULL, version INTEGER NOT NULL, seal INTEGER NOT NULL) STRICT;"
	"CREATE TABLE sighting(seq INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, first_ns INTEGER NOT NULL, dur_us INTEGER NOT NULL, src BLOB,"
	" dst BLOB, kind INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL, sample BLOB NOT NULL) STRICT;"
	"CREATE TABLE batch(first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, min_ns INTEGER NOT NULL, max_ns INTEGER NOT NULL,"
	" window_s INTEGER NOT NULL, input INTEGER NOT NULL, store INTEGER NOT NULL, store_first INTEGER NOT NULL, sum INTEGER NOT NULL,"
	" seal INTEGER NOT NULL) STRICT;"
	/* rollups: a directory, and columns in three groups under id * 4 + group */
	"CREATE TABLE block(id INTEGER PRIMARY KEY, part INTEGER NOT NULL, run INTEGER NOT NULL, cells INTEGER NOT NULL, sources INTEGER NOT NULL,"
	" sightings INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL, sum_who INTEGER NOT NULL, sum_much INTEGER NOT NULL,"
	" sum_whom INTEGER NOT NULL, size_who INTEGER NOT NULL, size_much INTEGER NOT NULL, size_whom INTEGER NOT NULL, seal INTEGER NOT NULL) STRICT;"
	"CREATE TABLE block_data(id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
	/* what pruned rows add to the rollups of a day, which rows of which store they were, and which rows came from other stores */
	"CREATE TABLE pruned(day INTEGER PRIMARY KEY, sightings INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" seal INTEGER NOT NULL) STRICT;"
	"CREATE TABLE rows_pruned(store INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, seal INTEGER NOT NULL,"
	" PRIMARY KEY(store, first_seq)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE imported(store INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, seal INTEGER NOT NULL,"
	" PRIMARY KEY(store, first_seq)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE input(id INTEGER PRIMARY KEY, head INTEGER NOT NULL, units INTEGER NOT NULL, digest BLOB NOT NULL, complete INTEGER NOT NULL,"
	" live INTEGER NOT NULL, path TEXT NOT NULL, sensor INTEGER NOT NULL, window_s INTEGER NOT NULL, options INTEGER NOT NULL,"
	" device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, tally TEXT NOT NULL,"
	" first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, trouble TEXT NOT NULL, ladder_sum INTEGER NOT NULL, seal INTEGER NOT NULL,"
	" ladder BLOB NOT NULL) STRICT;"
	/* for people with sqlite3; the program itself uses no view */
	"CREATE VIEW sightings AS SELECT s.seq, coalesce(n.name, '') AS sensor,"
	" strftime('%Y-%m-%dT%H:%M:%S', s.first_ns / 1000000000, 'unixepoch') || printf('.%09dZ', s.first_ns % 1000000000) AS first,"
	" s.dur_us, hex(s.src) AS src, hex(s.dst) AS dst, s.packets, s.bytes, k.class, k.confidence, printf('0x%04x', k.gre_flags) AS gre_flags,"
	" printf('0x%04x', k.gre_proto) AS gre_proto, k.inner_proto FROM sighting s LEFT JOIN kind k ON k.id = s.kind"
	" LEFT JOIN sensor n ON n.id = s.sensor;";

/* origins pinned on the day: ranges of days per source */
static const char step_2[] =
	"CREATE TABLE place(id INTEGER PRIMARY KEY, asn INTEGER NOT NULL, as_name TEXT NOT NULL, country TEXT NOT NULL, region TEXT NOT NULL,"
	" city TEXT NOT NULL, edition TEXT NOT NULL, seal INTEGER NOT NULL, UNIQUE(asn, as_name, country, region, city, edition)) STRICT;"
	"CREATE TABLE origin(src BLOB NOT NULL, first_day INTEGER NOT NULL, last_day INTEGER NOT NULL, place INTEGER NOT NULL,"
	" seal INTEGER NOT NULL, PRIMARY KEY(src, first_day)) STRICT, WITHOUT ROWID;";

/* bot processes as each input showed them; part counts the times that an input was continued. number -1: what belongs to no process */
static const char step_3[] =
	"CREATE TABLE bot(input INTEGER NOT NULL, part INTEGER NOT NULL, number INTEGER NOT NULL, sensor INTEGER NOT NULL, first_ns INTEGER NOT NULL,"
	" last_ns INTEGER NOT NULL, data BLOB NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY(input, part, number)) STRICT, WITHOUT ROWID;";

/* where reading of logs that are followed got to */
static const char step_4[] =
	"CREATE TABLE bookmark(sensor INTEGER NOT NULL, path TEXT NOT NULL, offset INTEGER NOT NULL, sum INTEGER NOT NULL, seal INTEGER NOT NULL,"
	" PRIMARY KEY(sensor, path)) STRICT, WITHOUT ROWID;";

static const char *const steps[STORE_VERSION] = { step_1, step_2, step_3, step_4 };

static int exec(sqlite3 *db, const char *sql, char **ret_message)
{
	return sqlite3_exec(db, sql, NULL, NULL, ret_message);
}

static int step_apply(sqlite3 *db, unsigned to, char **ret_message)
{
	char sql[64];
	int rc = exec(db, steps[to - 1], ret_message);
	snprintf(sql, sizeof sql, "PRAGMA user_version=%u", to);
	return rc == SQLITE_OK ? exec(db, sql, ret_message) : rc;
}

/* The first meta row needs a seal, and a store id that no other store has. */
static int meta_first(sqlite3 *db)
{
	struct gs_store st = { .db = db };
	uint64_t id;
	do {
		sqlite3_randomness(sizeof id, &id);
		id &= INT64_MAX;
	} while (id == 0);
	st.meta = (struct meta){ .store = (int64_t)id, .next_seq = 1 };
	int rc = sqlite3_exec(db, "INSERT INTO meta VALUES(1, 0, 0, 0, 0, x'', 0)", NULL, NULL, NULL);
	if (rc == SQLITE_OK && meta_save(&st, NULL) < 0)
		rc = sqlite3_extended_errcode(db);
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(st.stmt[i]);
	return rc;
}

int schema_create(sqlite3 *db, unsigned version, char **ret_message)
{
	char sql[200];
	snprintf(sql, sizeof sql, "PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA synchronous=FULL; PRAGMA application_id=%d; BEGIN", STORE_PAGE_BYTES,
	         STORE_APPLICATION_ID);
	int rc = exec(db, sql, ret_message);
	for (unsigned v = 1; rc == SQLITE_OK && v <= version; v++)
		rc = step_apply(db, v, ret_message);
	if (rc == SQLITE_OK)
		rc = meta_first(db);
	if (rc == SQLITE_OK)
		rc = exec(db, "COMMIT; PRAGMA journal_mode=WAL", ret_message);
	return rc;
}

int schema_upgrade(struct gs_store *st, unsigned from, struct gs_error *err)
{
	for (unsigned v = from + 1; v <= STORE_VERSION; v++) {
		int rc = exec(st->db, "BEGIN IMMEDIATE", NULL);
		if (rc == SQLITE_OK)
			rc = step_apply(st->db, v, NULL);
		if (rc == SQLITE_OK)
			rc = exec(st->db, "COMMIT", NULL);
		if (rc != SQLITE_OK) {
			int r = db_fail(st, rc, err, "bringing its layout from %u to %u", v - 1, v);
			exec(st->db, "ROLLBACK", NULL);
			return r;
		}
	}
	return 0;
}
