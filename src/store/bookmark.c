/*
 * bookmark.c - where following a log got to, in the same commit as the rows that were made of it
 *
 * One row for each sensor and path: as many as somebody configured, so without a cap. It belongs to this machine's files: archives leave it out.
 */
#include "store/private.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t bookmark_seal(int64_t sensor, const char *path, size_t len, int64_t offset, int64_t sum)
{
	struct seal s;

	seal_begin(&s, "bookmark");
	seal_int(&s, sensor);
	seal_bytes(&s, path, len);
	seal_int(&s, offset);
	seal_int(&s, sum);
	return seal_end(&s);
}

int gs_store_bookmark_put(struct gs_store *st, uint16_t sensor, const char *path, const struct gs_bookmark *b, struct gs_error *err)
{
	const size_t len = strlen(path);

	if (len > GS_BOOKMARK_PATH_MAX || b->offset > INT64_MAX)
		return gs_fail(err, GS_ERR_USAGE, "%.80s...: too long a name, or too large a file, to be remembered", path);
	int r = tx_begin(st, err);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_BOOKMARK_PUT, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	sqlite3_bind_int(q, 1, sensor);
	sqlite3_bind_text(q, 2, path, (int)len, SQLITE_TRANSIENT);
	sqlite3_bind_int64(q, 3, (int64_t)b->offset);
	sqlite3_bind_int64(q, 4, (int64_t)b->sum);
	sqlite3_bind_int64(q, 5, bookmark_seal(sensor, path, len, (int64_t)b->offset, (int64_t)b->sum));
	r = db_run(st, q, err, "remembering where reading of a log got to");
	if (r < 0)
		tx_abort(st);
	return r;
}

int gs_store_bookmark(struct gs_store *st, uint16_t sensor, const char *path, struct gs_bookmark *ret, struct gs_error *err)
{
	const size_t len = strlen(path);
	int64_t offset = 0, sum = 0, seal = 0;
	int r = read_begin(st, err);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_BOOKMARK_GET, err);

	if (!q) {
		read_end(st);
		return r < 0 ? r : GS_ERR_STORE;
	}
	sqlite3_bind_int(q, 1, sensor);
	sqlite3_bind_text(q, 2, path, (int)len, SQLITE_TRANSIENT);
	r = db_step(st, q, err, "looking for where reading of a log got to");
	bool good = r > 0 && col_int(q, 0, 0, INT64_MAX, &offset) && col_int(q, 1, INT64_MIN, INT64_MAX, &sum) && col_int(q, 2, INT64_MIN, INT64_MAX, &seal);
	good = good && seal == bookmark_seal(sensor, path, len, offset, sum);
	if (r > 0)
		sqlite3_reset(q);
	read_end(st);
	if (r < 0)
		return r;
	if (r == 0)
		return gs_fail(err, GS_ERR_NOENT, "%s was not followed before", path);
	if (!good)
		return store_damaged(st, err, "where reading of %.200s got to does not match its checksum", path);
	*ret = (struct gs_bookmark){ .offset = (uint64_t)offset, .sum = (uint64_t)sum };
	return 0;
}

int bookmarks_check(struct gs_store *st, void (*found)(void *arg, const char *sentence), void *arg, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_BOOKMARK_ALL, err);
	int64_t sensor, offset, sum, seal;
	const char *path;
	size_t len;
	int r;

	if (!q)
		return GS_ERR_STORE;
	while ((r = db_step(st, q, err, "reading where logs got to")) > 0)
		if (!col_int(q, 0, 0, GS_SENSORS_MAX, &sensor) || !col_text(q, 1, GS_BOOKMARK_PATH_MAX, &path, &len) || !col_int(q, 2, 0, INT64_MAX, &offset) ||
		    !col_int(q, 3, INT64_MIN, INT64_MAX, &sum) || !col_int(q, 4, INT64_MIN, INT64_MAX, &seal) ||
		    seal != bookmark_seal(sensor, path, len, offset, sum))
			found(arg, "where reading of a log got to does not match its checksum");
	return r;
}
