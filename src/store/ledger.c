/*
 * ledger.c - what every transaction carries along: numbers, and how many rows each directory has
 *
 * A flipped bit in a row is caught by the row's seal. A flipped bit in the tree above it can make rows vanish without a word from the engine: so
 * meta holds count and sum of seals for every directory, and whoever reads a directory whole holds it against them.
 */
#include "store/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const ledger_name[L_COUNT] = { "sensor", "kind", "batch", "block", "input", "pruned", "imported", "rows_pruned", "bot" };

void seal_begin(struct seal *s, const char *table)
{
	XXH3_64bits_reset(&s->state);
	XXH3_64bits_update(&s->state, table, strlen(table) + 1);
}

void seal_int(struct seal *s, int64_t v)
{
	uint64_t le = htole64((uint64_t)v);
	XXH3_64bits_update(&s->state, &le, sizeof le);
}

void seal_bytes(struct seal *s, const void *data, size_t n)
{
	seal_int(s, (int64_t)n);
	if (n)
		XXH3_64bits_update(&s->state, data, n);
}

int64_t seal_end(struct seal *s)
{
	return (int64_t)XXH3_64bits_digest(&s->state);
}

static void ledger_pack(const struct meta *m, uint8_t out[L_COUNT * 16])
{
	for (int i = 0; i < L_COUNT; i++) {
		uint64_t le[2] = { htole64(m->ledger[i].rows), htole64(m->ledger[i].sum) };
		memcpy(out + i * 16, le, 16);
	}
}

/* Over the first n entries of the ledger: those that a store of this layout has. */
static int64_t meta_seal(const struct meta *m, int n)
{
	struct seal s;
	uint8_t packed[L_COUNT * 16];
	ledger_pack(m, packed);
	seal_begin(&s, "meta");
	seal_int(&s, m->store);
	seal_int(&s, m->next_seq);
	seal_int(&s, m->rolled_seq);
	seal_int(&s, m->change);
	seal_bytes(&s, packed, (size_t)n * 16);
	return seal_end(&s);
}

int meta_load(struct gs_store *st, struct gs_error *err)
{
	struct meta m = { 0 };
	const uint8_t *packed;
	size_t len;
	int64_t seal;
	sqlite3_stmt *q = db_stmt(st, Q_META_GET, err);
	if (!q)
		return GS_ERR_STORE;
	int r = db_step(st, q, err, "reading its numbers");
	if (r <= 0)
		return r < 0 ? r : store_damaged(st, err, "its numbers are missing");
	bool ok = col_int(q, 0, 1, INT64_MAX, &m.store) && col_int(q, 1, 1, INT64_MAX, &m.next_seq) && col_int(q, 2, 0, INT64_MAX, &m.rolled_seq) &&
	          col_int(q, 3, 0, INT64_MAX, &m.change) && col_blob(q, 4, L_COUNT * 16, &packed, &len) && len % 16 == 0 && len >= L_COUNT_FIRST * 16 &&
	          col_int(q, 5, INT64_MIN, INT64_MAX, &seal);
	if (ok) {
		const int n = (int)(len / 16);
		for (int i = 0; i < n; i++) {
			uint64_t le[2];
			memcpy(le, packed + i * 16, 16);
			m.ledger[i].rows = le64toh(le[0]);
			m.ledger[i].sum = le64toh(le[1]);
		}
		ok = meta_seal(&m, n) == seal && m.rolled_seq < m.next_seq;
	}
	sqlite3_reset(q);
	if (!ok)
		return store_damaged(st, err, "its numbers do not match their checksum");
	st->meta = m;
	return 0;
}

int meta_save(struct gs_store *st, struct gs_error *err)
{
	uint8_t packed[L_COUNT * 16];
	sqlite3_stmt *q = db_stmt(st, Q_META_PUT, err);
	if (!q)
		return GS_ERR_STORE;
	ledger_pack(&st->meta, packed);
	sqlite3_bind_int64(q, 1, st->meta.store);
	sqlite3_bind_int64(q, 2, st->meta.next_seq);
	sqlite3_bind_int64(q, 3, st->meta.rolled_seq);
	sqlite3_bind_int64(q, 4, st->meta.change);
	sqlite3_bind_blob(q, 5, packed, sizeof packed, SQLITE_STATIC);
	sqlite3_bind_int64(q, 6, meta_seal(&st->meta, L_COUNT));
	int r = db_run(st, q, err, "committing");
	sqlite3_bind_null(q, 5);
	return r;
}

void ledger_add(struct gs_store *st, enum ledger which, int64_t seal)
{
	st->meta.ledger[which].rows++;
	st->meta.ledger[which].sum += (uint64_t)seal;
}

void ledger_take(struct gs_store *st, enum ledger which, int64_t seal)
{
	st->meta.ledger[which].rows--;
	st->meta.ledger[which].sum -= (uint64_t)seal;
}

int ledger_verify(struct gs_store *st, enum ledger which, struct ledger_count c, struct gs_error *err)
{
	if (c.rows == st->meta.ledger[which].rows && c.sum == st->meta.ledger[which].sum)
		return 0;
	return store_damaged(st, err, "its table %s has %" PRIu64 " rows where %" PRIu64 " belong", ledger_name[which], c.rows, st->meta.ledger[which].rows);
}

/* ---- sensors ---- */

static int64_t sensor_seal(int64_t id, const char *name, size_t len)
{
	struct seal s;
	seal_begin(&s, "sensor");
	seal_int(&s, id);
	seal_bytes(&s, name, len);
	return seal_end(&s);
}

static int sensors_reserve(struct gs_store *st, unsigned n, struct gs_error *err)
{
	char **names = realloc(st->sensor_names, (n + 1) * sizeof *names);
	if (!names)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	st->sensor_names = names;
	return 0;
}

static int sensor_keep(struct gs_store *st, const char *name, size_t len, struct gs_error *err)
{
	int r = sensors_reserve(st, st->n_sensors + 1, err);
	char *copy = r < 0 ? NULL : strndup(name, len);
	if (!copy)
		return r < 0 ? r : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	st->sensor_names[++st->n_sensors] = copy;
	return 0;
}

int sensors_load(struct gs_store *st, struct gs_error *err)
{
	struct ledger_count count = { 0 };
	if (st->sensors_change >= 0 && (st->writer || st->sensors_change == st->meta.change)) /* a writer's list changes by its own hand alone */
		return 0;
	st->sensors_change = -1;
	for (unsigned i = 0; st->sensor_names && i <= st->n_sensors; i++)
		free(st->sensor_names[i]);
	free(st->sensor_names);
	st->sensor_names = NULL;
	st->n_sensors = 0;
	int r = sensors_reserve(st, 0, err);
	if (r < 0)
		return r;
	st->sensor_names[0] = strdup("");
	sqlite3_stmt *q = db_stmt(st, Q_SENSOR_ALL, err);
	if (!q || !st->sensor_names[0])
		return q ? gs_fail(err, GS_ERR_NOMEM, "out of memory") : GS_ERR_STORE;
	while ((r = db_step(st, q, err, "reading its sensors")) > 0) {
		int64_t id, seal;
		const char *name;
		size_t len;
		if (!col_int(q, 0, st->n_sensors + 1, st->n_sensors + 1, &id) || id > GS_SENSORS_MAX || !col_text(q, 1, GS_SENSOR_NAME_MAX, &name, &len) ||
		    !col_int(q, 2, INT64_MIN, INT64_MAX, &seal) || seal != sensor_seal(id, name, len)) {
			sqlite3_reset(q);
			return store_damaged(st, err, "the name of its sensor %u does not match its checksum", st->n_sensors + 1);
		}
		r = sensor_keep(st, name, len, err);
		if (r < 0) {
			sqlite3_reset(q);
			return r;
		}
		count.rows++;
		count.sum += (uint64_t)seal;
	}
	if (r == 0)
		r = ledger_verify(st, L_SENSOR, count, err);
	if (r == 0)
		st->sensors_change = st->meta.change;
	return r;
}

const char *sensor_name(const struct gs_store *st, uint16_t id)
{
	return id <= st->n_sensors ? st->sensor_names[id] : "";
}

static bool name_ok(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return len <= GS_SENSOR_NAME_MAX;
}

static int sensor_find(const struct gs_store *st, const char *name, size_t len)
{
	for (unsigned i = 0; i <= st->n_sensors; i++)
		if (strlen(st->sensor_names[i]) == len && memcmp(st->sensor_names[i], name, len) == 0)
			return (int)i;
	return -1;
}

static int sensor_unknown(const struct gs_store *st, const char *name, size_t len, struct gs_error *err)
{
	char known[300] = "";
	for (unsigned i = 1, n = 0; i <= st->n_sensors && n < sizeof known - GS_SENSOR_NAME_MAX - 8; i++)
		n += (unsigned)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", st->sensor_names[i]);
	return gs_fail(err, GS_ERR_NOENT, "store %s has no sensor `%.*s`; it has %s", st->path, (int)len, name, known[0] ? known : "only the unnamed one");
}

int gs_store_sensor(struct gs_store *st, const char *name, size_t len, uint16_t *ret, struct gs_error *err)
{
	if (!name_ok(name, len))
		return gs_fail(err, GS_ERR_USAGE, "a sensor's name has at most %d octets and no control characters", GS_SENSOR_NAME_MAX);
	int r = read_begin(st, err);
	if (r == 0)
		r = sensors_load(st, err);
	read_end(st);
	if (r < 0)
		return r;
	int id = sensor_find(st, name, len);
	if (id < 0 && !st->writer)
		return sensor_unknown(st, name, len, err);
	if (id < 0) {
		id = (int)st->n_sensors + 1;
		if (id > GS_SENSORS_MAX)
			return gs_fail(err, GS_ERR_LIMIT, "store %s has %d sensors, which is as many as it takes", st->path, GS_SENSORS_MAX);
		r = tx_begin(st, err);
		sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_SENSOR_PUT, err);
		if (!q)
			return r < 0 ? r : GS_ERR_STORE;
		int64_t seal = sensor_seal(id, name, len);
		sqlite3_bind_int(q, 1, id);
		sqlite3_bind_text(q, 2, name, (int)len, SQLITE_TRANSIENT);
		sqlite3_bind_int64(q, 3, seal);
		r = db_run(st, q, err, "adding a sensor");
		if (r == 0)
			r = sensor_keep(st, name, len, err);
		if (r < 0) {
			tx_abort(st);
			return r;
		}
		ledger_add(st, L_SENSOR, seal);
	}
	*ret = (uint16_t)id;
	return 0;
}

int gs_store_sensors(struct gs_store *st, const char *const **ret_names, unsigned *ret_n, struct gs_error *err)
{
	int r = read_begin(st, err);
	if (r == 0)
		r = sensors_load(st, err);
	read_end(st);
	if (r < 0)
		return r;
	*ret_names = (const char *const *)st->sensor_names;
	*ret_n = st->n_sensors + 1;
	return 0;
}
