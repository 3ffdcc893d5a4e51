/*
 * sqlite.c - opening, rights, transactions, and SQLite's results as sentences
 *
 * Journal: WAL with synchronous=FULL, which costs nothing measurable from a thousand rows a commit up and keeps what was acknowledged through a power
 * cut. The journal's two files stay when the writer closes (PERSIST_WAL): a reader without the right to make files in the folder needs them.
 * One writer: an open-file-description lock on a file beside the store, held as long as it is open, so that two ingests do not take turns
 * between commits. The raw data names people's addresses: a new store is for its owner alone (0600), and what lies beside it has the store's mode. The file is a stranger's until checked: no triggers, no views, no schema tricks, bounded lengths.
 */
#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define LENGTH_MAX (256 << 20) /* octets of one value that SQLite will handle; the largest of ours is the ladder of an input */
#define WAIT_STEP_MS 50u
#define BALLAST_SHARE 16u
#define BALLAST_STEP 65536u
#define BUSY_MS 10000 /* a reader recovering the journal holds it this short */

static const char *const stmt_text[STMT_COUNT] = {
#define X(name, sql) [Q_##name] = sql,
	STMT_MAP(X)
#undef X
};

static bool sqlite_full(sqlite3 *db, int rc)
{
	return (rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (sqlite3_system_errno(db) == ENOSPC || sqlite3_system_errno(db) == EDQUOT));
}

int store_damaged(struct gs_store *st, struct gs_error *err, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	memcpy(st->damage, text, sizeof st->damage);
	return gs_fail(err, GS_ERR_STORE, "store %s is damaged: %s; `grescope store check` says what else is", st->path, text);
}

static int journal_unshared(const struct gs_store *st, struct gs_error *err)
{
	return gs_fail(err, GS_ERR_ACCESS, "store %s: its journal cannot be shared from this account or file system; copy the store and its -wal file into a "
	               "folder of your own, or have its owner run `grescope store compact`", st->path);
}

int db_fail(struct gs_store *st, int rc, struct gs_error *err, const char *format, ...)
{
	char doing[200];
	va_list ap;
	const char *said = st->db ? sqlite3_errmsg(st->db) : sqlite3_errstr(rc);
	int sys = st->db ? sqlite3_system_errno(st->db) : 0;

	va_start(ap, format);
	vsnprintf(doing, sizeof doing, format, ap);
	va_end(ap);
	if (st->db && sqlite_full(st->db, rc)) {
		st->full = true;
		return gs_fail(err, GS_ERR_STORE, "store %s: no room left while %s (%s); everything committed is safe, and `grescope store prune` makes room",
		               st->path, doing, st->quota_bytes ? "quota or disk" : "disk");
	}
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return gs_fail(err, GS_ERR_NOMEM, "out of memory while %s", doing);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
	case SQLITE_ERROR: /* a table or column that is not there */
	case SQLITE_SCHEMA:
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
		return store_damaged(st, err, "%s, while %s", said, doing);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return gs_fail(err, GS_ERR_LIMIT, "store %s: another program holds its lock while %s", st->path, doing);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		if (!st->writer)
			return journal_unshared(st, err);
		return gs_fail(err, GS_ERR_ACCESS, "store %s cannot be written here (%s), while %s", st->path, said, doing);
	case SQLITE_PROTOCOL:
		return journal_unshared(st, err);
	case SQLITE_INTERRUPT:
		return gs_fail(err, GS_ERR_INTERRUPTED, "interrupted while %s", doing);
	case SQLITE_CANTOPEN:
		if (!st->writer)
			return journal_unshared(st, err);
		if (sys)
			return gs_fail_errno(err, GS_ERR_STORE, sys, "store %s: cannot open one of its files", st->path);
		return gs_fail(err, GS_ERR_ACCESS, "store %s: cannot open one of its files", st->path);
	case SQLITE_IOERR:
		if (sys)
			return gs_fail_errno(err, GS_ERR_STORE, sys, "store %s: disk error while %s", st->path, doing);
		return gs_fail(err, GS_ERR_STORE, "store %s: disk error while %s (%s)", st->path, doing, said);
	default:
		return gs_fail(err, GS_ERR_STORE, "store %s: %s, while %s", st->path, said, doing);
	}
}

int db_exec(struct gs_store *st, const char *sql, struct gs_error *err)
{
	int rc = sqlite3_exec(st->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : db_fail(st, rc, err, "setting up");
}

int db_int(struct gs_store *st, const char *sql, int64_t *ret, struct gs_error *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(st->db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	int r = rc == SQLITE_ROW ? 0 : db_fail(st, rc, err, "reading it");
	sqlite3_finalize(q);
	return r;
}

sqlite3_stmt *db_stmt(struct gs_store *st, enum stmt which, struct gs_error *err)
{
	if (!st->stmt[which]) {
		int rc = sqlite3_prepare_v3(st->db, stmt_text[which], -1, SQLITE_PREPARE_PERSISTENT, &st->stmt[which], NULL);
		if (rc != SQLITE_OK) {
			db_fail(st, rc, err, "reading its tables");
			return NULL;
		}
	}
	return st->stmt[which];
}

int db_run(struct gs_store *st, sqlite3_stmt *q, struct gs_error *err, const char *doing)
{
	int rc = sqlite3_step(q);
	int r = rc == SQLITE_DONE ? 0 : db_fail(st, rc, err, "%s", doing);
	sqlite3_reset(q);
	return r;
}

int db_step(struct gs_store *st, sqlite3_stmt *q, struct gs_error *err, const char *doing)
{
	int rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return 1;
	int r = rc == SQLITE_DONE ? 0 : db_fail(st, rc, err, "%s", doing);
	sqlite3_reset(q);
	return r;
}

bool col_int(sqlite3_stmt *q, int i, int64_t min, int64_t max, int64_t *ret)
{
	if (sqlite3_column_type(q, i) != SQLITE_INTEGER)
		return false;
	int64_t v = sqlite3_column_int64(q, i);
	if (v < min || v > max)
		return false;
	*ret = v;
	return true;
}

bool col_blob(sqlite3_stmt *q, int i, size_t max, const uint8_t **ret, size_t *ret_len)
{
	int type = sqlite3_column_type(q, i);
	*ret = NULL;
	*ret_len = 0;
	if (type == SQLITE_NULL)
		return true;
	if (type != SQLITE_BLOB)
		return false;
	*ret = sqlite3_column_blob(q, i);
	*ret_len = (size_t)sqlite3_column_bytes(q, i);
	return *ret_len <= max && (*ret || *ret_len == 0);
}

bool col_text(sqlite3_stmt *q, int i, size_t max, const char **ret, size_t *ret_len)
{
	if (sqlite3_column_type(q, i) != SQLITE_TEXT)
		return false;
	*ret = (const char *)sqlite3_column_text(q, i);
	*ret_len = (size_t)sqlite3_column_bytes(q, i);
	return *ret && *ret_len <= max && strlen(*ret) == *ret_len;
}

static bool writer_lives(const struct gs_store *st);
static bool journal_commits(const struct gs_store *st);

/* ---- what was acknowledged ---- */

/*
 * A journal that lost its end looks to the engine like one whose last commits never were: a flipped bit in it takes back, without a word, what was
 * acknowledged. So each commit is noted outside of it, after it is safe: then the store can be ahead of the note, never behind.
 * The note is overwritten in place, in the lock's file: on a full disk it needs no room.
 */
#define NOTE_BYTES 80

static uint32_t note_sum(const char *text, size_t len)
{
	return (uint32_t)XXH3_64bits(text, len);
}

static void note_write(const struct gs_store *st)
{
	char text[NOTE_BYTES + 1];
	int n = snprintf(text, sizeof text, "%-10d %016" PRIx64 " %019" PRId64 " %019" PRIu64, (int)getpid(), (uint64_t)st->meta.store, st->meta.change,
	                 st->quota_bytes);
	snprintf(text + n, sizeof text - (size_t)n, " %08" PRIx32 "\n", note_sum(text, (size_t)n));
	if (pwrite(st->lock_fd, text, strlen(text), 0) < 0)
		return; /* an older note claims less */
}

bool note_read(const struct gs_store *st, struct note *ret)
{
	char text[NOTE_BYTES + 1] = "";
	uint64_t store;
	uint32_t sum;
	int n = 0;

	for (int tries = 0; st->lock_fd >= 0 && tries < 3; tries++) { /* a writer may be in the middle of it */
		if (pread(st->lock_fd, text, NOTE_BYTES, 0) <= 0)
			return false;
		if (sscanf(text, "%d %" SCNx64 " %" SCNd64 " %" SCNu64 "%n %" SCNx32, &ret->pid, &store, &ret->change, &ret->quota, &n, &sum) == 5 &&
		    sum == note_sum(text, (size_t)n)) {
			ret->store = (int64_t)store;
			return true;
		}
	}
	return false;
}

/* Whether all that was noted, before this view of the store began, is in it. */
static int note_hold(struct gs_store *st, const struct note *note, struct gs_error *err)
{
	if (note->store != st->meta.store || note->change <= st->meta.change)
		return 0;
	if (st->immutable && (writer_lives(st) || journal_commits(st)))
		return gs_fail(err, GS_ERR_STORE, "store %s was written while it was read; ask again", st->path);
	snprintf(st->damage, sizeof st->damage, "its last %" PRId64 " commits are not there", note->change - st->meta.change);
	return gs_fail(err, GS_ERR_STORE,
	               "store %s is damaged: %s: its journal (-wal) was damaged or left behind, or an older copy was put in its place; put back what belongs "
	               "there, or remove %s-writer to go on without them and ingest again", st->path, st->damage, st->path);
}

/* ---- transactions ---- */

int tx_begin(struct gs_store *st, struct gs_error *err)
{
	if (st->in_tx)
		return 0;
	if (!st->writer)
		return gs_fail(err, GS_ERR_ACCESS, "store %s is open for reading only", st->path);
	st->full = false;
	sqlite3_stmt *q = db_stmt(st, Q_BEGIN_WRITE, err);
	if (!q)
		return GS_ERR_STORE;
	int r = db_run(st, q, err, "beginning to write");
	if (r < 0)
		return r;
	st->in_tx = true;
	return 0;
}

/* What a transaction left in memory is forgotten; the tables are as they were at the last commit. */
void tx_abort(struct gs_store *st)
{
	if (!st->in_tx)
		return;
	for (int i = 0; i < STMT_COUNT; i++)
		if (st->stmt[i])
			sqlite3_reset(st->stmt[i]);
	if (!sqlite3_get_autocommit(st->db))
		sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	st->in_tx = false;
	st->aborts++;
	st->meta = st->committed;
	st->batch_open = false;
	st->pending_stale = true;
	st->blocks_ready = false;
	st->sensors_change = -1;
	kinds_forget(st);
	inputs_forget(st);
}

/*
 * Emptying the journal into the file must never want for room: else a full disk could not even be pruned, since all of it is journal. So the file is made
 * as large as the commit will have it, and the commit refused where there is no room for that.
 */
static int file_reserve(struct gs_store *st, struct gs_error *err)
{
	int64_t pages = 0, page = 0;
	int r = db_int(st, "PRAGMA page_count", &pages, err);
	if (r == 0)
		r = db_int(st, "PRAGMA page_size", &page, err);
	if (r < 0)
		return r;
	sqlite3_int64 bytes = pages * page;
	int rc = sqlite3_file_control(st->db, "main", SQLITE_FCNTL_SIZE_HINT, &bytes);
	if (rc == SQLITE_OK || rc == SQLITE_NOTFOUND)
		return 0;
	st->full = true; /* the one reason why a file cannot be made larger */
	return db_fail(st, SQLITE_FULL, err, "committing");
}

int tx_commit(struct gs_store *st, struct gs_error *err)
{
	if (!st->in_tx)
		return 0;
	st->meta.change++;
	int r = meta_save(st, err);
	if (r == 0)
		r = file_reserve(st, err);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_COMMIT, err);
	if (r == 0 && !q)
		r = GS_ERR_STORE;
	if (r == 0)
		r = db_run(st, q, err, "committing");
	if (r < 0) {
		tx_abort(st);
		return r;
	}
	st->in_tx = false;
	st->batch_open = false;
	st->committed = st->meta;
	note_write(st);
	return 0;
}

int read_begin(struct gs_store *st, struct gs_error *err)
{
	if (st->in_tx) /* our own view: meta is in memory, what the tables lack of it is written first */
		return batch_close(st, err);
	struct note note = { 0 };
	note_read(st, &note); /* before the view begins: what was acknowledged by now must be in it */
	sqlite3_stmt *q = db_stmt(st, Q_BEGIN_READ, err);
	if (!q)
		return GS_ERR_STORE;
	int r = db_run(st, q, err, "beginning to read");
	if (r < 0)
		return r;
	st->in_read = true;
	r = meta_load(st, err);
	if (r == 0)
		r = note_hold(st, &note, err);
	if (r < 0)
		read_end(st);
	return r;
}

void read_end(struct gs_store *st)
{
	if (!st->in_read)
		return;
	st->in_read = false;
	sqlite3_stmt *q = db_stmt(st, Q_COMMIT, NULL);
	if (q) {
		sqlite3_step(q);
		sqlite3_reset(q);
	}
}

/* ---- files beside the store ---- */

static char *beside(const char *path, const char *suffix)
{
	char *p = NULL;
	return asprintf(&p, "%s%s", path, suffix) < 0 ? NULL : p;
}

uint64_t file_size(const char *path, const char *suffix)
{
	struct stat sb;
	char *p = beside(path, suffix);
	uint64_t n = p && stat(p, &sb) == 0 ? (uint64_t)sb.st_size : 0;
	free(p);
	return n;
}

static void beside_remove(const char *path, const char *suffix)
{
	char *p = beside(path, suffix);
	if (p)
		unlink(p);
	free(p);
}

/* Opens a file beside the store for writing, made where there is none: with the store's mode, and its owner where an administrator works on it. */
static int beside_open(const struct gs_store *st, const char *suffix)
{
	struct stat sb = { .st_mode = 0600, .st_uid = geteuid() };
	bool there = stat(st->path, &sb) == 0;
	char *p = beside(st->path, suffix);
	if (!p) {
		errno = ENOMEM;
		return -1;
	}
	int fd = open(p, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		fd = open(p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0 && geteuid() == 0 && there && fchown(fd, sb.st_uid, sb.st_gid) < 0)
			there = false; /* stays ours */
	}
	if (fd >= 0 && there && fchmod(fd, sb.st_mode & 0666) < 0)
		errno = 0; /* another's: it has the mode that they chose */
	free(p);
	return fd;
}

void ballast_drop(struct gs_store *st)
{
	beside_remove(st->path, "-ballast");
}

/*
 * The ballast is room that is paid for in advance: DELETE needs room too, for its journal. Never more than 1/16 of the room that is left, and never
 * less than there is. Failing to make it is no error, info tells its size.
 */
void ballast_make(struct gs_store *st)
{
	struct statvfs fs;
	uint64_t have = file_size(st->path, "-ballast"), want = st->ballast_bytes;
	if (!want || have == want || statvfs(st->path, &fs) < 0)
		return;
	uint64_t room = ((uint64_t)fs.f_bavail * fs.f_frsize + have) / BALLAST_SHARE / BALLAST_STEP * BALLAST_STEP;
	want = want < room ? want : room;
	if (want <= have && have <= st->ballast_bytes)
		return;
	int fd = beside_open(st, "-ballast");
	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, (off_t)want) != 0 || ftruncate(fd, (off_t)want) < 0)
		ballast_drop(st);
	close(fd);
}

/* ---- the one writer ---- */

static int lock_take(struct gs_store *st, unsigned wait_ms, struct gs_error *err)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const struct timespec step = { .tv_nsec = (long)WAIT_STEP_MS * 1000000 };
	struct note other = { 0 };

	st->lock_fd = beside_open(st, "-writer");
	int sys = errno;
	if (st->lock_fd < 0) {
		if (sys == EROFS)
			return gs_fail(err, GS_ERR_ACCESS, "store %s lies on a read-only file system: it can be read, not written", st->path);
		if (sys == ENOENT)
			return gs_fail(err, GS_ERR_NOENT, "store %s: no file can be made in its folder, or there is no such folder", st->path);
		return gs_fail_errno(err, GS_ERR_STORE, sys, "store %s: cannot write in its folder", st->path);
	}
	for (unsigned waited = 0; fcntl(st->lock_fd, F_OFD_SETLK, &fl) < 0; waited += WAIT_STEP_MS) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return gs_fail_errno(err, GS_ERR_STORE, errno, "store %s: cannot lock it", st->path);
		if (waited >= wait_ms) {
			note_read(st, &other);
			return gs_fail(err, GS_ERR_LIMIT, "store %s is being written by another program (process %d); try again when it is done", st->path,
			               other.pid);
		}
		nanosleep(&step, NULL);
	}
	return 0;
}

/* A reader looks at the writer's note, where it may. */
static void lock_look(struct gs_store *st)
{
	char *p = beside(st->path, "-writer");
	st->lock_fd = p ? open(p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	free(p);
}

/* ---- opening ---- */

static int path_check(const char *path, enum gs_store_mode mode, bool *ret_new, struct gs_error *err)
{
	struct stat sb;
	char magic[16] = "";

	*ret_new = false;
	if (stat(path, &sb) < 0) {
		if (errno != ENOENT)
			return gs_fail_errno(err, GS_ERR_STORE, errno, "store %s", path);
		if (mode != GS_STORE_CREATE)
			return gs_fail(err, GS_ERR_NOENT, "no store at %s; `grescope ingest FILE...` makes one", path);
		*ret_new = true;
		return 0;
	}
	if (!S_ISREG(sb.st_mode))
		return gs_fail(err, GS_ERR_FORMAT, "%s is %s, not a grescope store", path, S_ISDIR(sb.st_mode) ? "a folder" : "no regular file");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_STORE, errno, "store %s belongs to another account and cannot be read", path);
	ssize_t n = pread(fd, magic, sizeof magic, 0);
	close(fd);
	if (n == 0 && mode == GS_STORE_CREATE) {
		*ret_new = true;
		return 0;
	}
	if (n != sizeof magic || memcmp(magic, "SQLite format 3", sizeof magic) != 0)
		return gs_fail(err, GS_ERR_FORMAT, n == 0 ? "%s is empty, not a grescope store" : "%s is not a grescope store", path);
	return 0;
}

/* SQLite puts its files beside what a link points to: so must we, or two writers would hold different locks. */
static int link_follow(struct gs_store *st, struct gs_error *err)
{
	struct stat sb;
	if (lstat(st->path, &sb) < 0 || !S_ISLNK(sb.st_mode))
		return 0;
	char *to = realpath(st->path, NULL);
	if (!to && errno == ENOENT)
		return gs_fail(err, GS_ERR_NOENT, "store %s is a link to a file that is not there", st->path);
	if (!to)
		return gs_fail_errno(err, GS_ERR_STORE, errno, "store %s", st->path);
	free(st->path);
	st->path = to;
	return 0;
}

/* The journal's files stay, and keep the mode the store had when they were made: it may have been opened to others since. */
static void modes_follow(const struct gs_store *st)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-ballast" };
	struct stat sb, theirs;
	for (size_t i = 0; stat(st->path, &sb) == 0 && i < sizeof suffixes / sizeof *suffixes; i++) {
		char *p = beside(st->path, suffixes[i]);
		if (p && lstat(p, &theirs) == 0 && S_ISREG(theirs.st_mode) && (theirs.st_mode & 0777) != (sb.st_mode & 0666) &&
		    fchmodat(AT_FDCWD, p, sb.st_mode & 0666, AT_SYMLINK_NOFOLLOW) < 0)
			errno = 0; /* another's: it has the mode that they chose */
		free(p);
	}
}

/* Made complete under another name and then renamed: nobody ever sees half a store, and a kill leaves none. */
static int store_make(const char *path, struct gs_error *err)
{
	sqlite3 *db = NULL;
	struct stat sb;
	char *message = NULL, *tmp = beside(path, "-new");
	if (!tmp)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	beside_remove(tmp, ""); /* of a maker that was killed: we hold the writer's lock */
	beside_remove(tmp, "-wal");
	beside_remove(tmp, "-shm");
	int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || (stat(path, &sb) == 0 && fchmod(fd, sb.st_mode & 0666) < 0)) {
		int r = gs_fail_errno(err, GS_ERR_STORE, errno, "store %s cannot be made", path);
		if (fd >= 0)
			close(fd);
		free(tmp);
		return r;
	}
	close(fd);
	int rc = sqlite3_open_v2(tmp, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = schema_create(db, STORE_VERSION, &message);
	int sys = db ? sqlite3_system_errno(db) : 0, r = 0;
	bool full = db && sqlite_full(db, rc);
	if (rc != SQLITE_OK && full)
		r = gs_fail(err, GS_ERR_STORE, "store %s cannot be made: no room left on the disk", path);
	else if (rc != SQLITE_OK && sys)
		r = gs_fail_errno(err, GS_ERR_STORE, sys, "store %s cannot be made", path);
	else if (rc != SQLITE_OK)
		r = gs_fail(err, GS_ERR_STORE, "store %s cannot be made: %s", path, message ? message : sqlite3_errstr(rc));
	sqlite3_free(message);
	rc = sqlite3_close(db);
	if (r == 0 && rc != SQLITE_OK)
		r = gs_fail(err, GS_ERR_STORE, "store %s cannot be made: %s", path, sqlite3_errstr(rc));
	/* the journal of a store that was removed without it would be taken for this one's */
	beside_remove(path, "-wal");
	beside_remove(path, "-shm");
	if (r == 0 && rename(tmp, path) < 0)
		r = gs_fail_errno(err, GS_ERR_STORE, errno, "store %s cannot be made", path);
	if (r < 0)
		unlink(tmp);
	free(tmp);
	return r;
}

/* A path as SQLite's URI wants it, with the flag that nobody writes. */
static char *immutable_uri(const char *path)
{
	struct gs_buf b = { 0 };
	gs_buf_puts(&b, "file:");
	for (const char *p = path; *p; p++) {
		if (strchr("?#%", *p))
			gs_buf_printf(&b, "%%%02x", (unsigned char)*p);
		else
			gs_buf_putc(&b, *p);
	}
	gs_buf_puts(&b, "?immutable=1");
	gs_buf_putc(&b, '\0');
	if (b.failed) {
		gs_buf_done(&b);
		return NULL;
	}
	return b.data;
}

static int db_configure(struct gs_store *st, struct gs_error *err)
{
	char sql[400];
	int on = 1, step = STORE_PAGE_BYTES;

	sqlite3_extended_result_codes(st->db, 1);
	sqlite3_busy_timeout(st->db, BUSY_MS);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(st->db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	snprintf(sql, sizeof sql, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=%d; PRAGMA secure_delete=OFF",
	         -(int)(st->cache_bytes ? st->cache_bytes >> 10 : st->writer ? 65536 : 16384));
	int r = db_exec(st, sql, err);
	if (r < 0 || !st->writer)
		return r;
	sqlite3_file_control(st->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	sqlite3_file_control(st->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &step); /* makes the hint of file_reserve more than a hint */
	r = db_exec(st, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=16777216", err);
	if (r == 0 && st->quota_bytes) {
		int64_t page = STORE_PAGE_BYTES;
		r = db_int(st, "PRAGMA page_size", &page, err);
		snprintf(sql, sizeof sql, "PRAGMA max_page_count=%" PRIu64, st->quota_bytes / (uint64_t)page + (st->quota_bytes < (uint64_t)page));
		if (r == 0)
			r = db_exec(st, sql, err);
	}
	return r;
}

static int db_open(struct gs_store *st, struct gs_error *err)
{
	int flags = (st->writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
	char *uri = st->immutable ? immutable_uri(st->path) : NULL;
	if (st->immutable && !uri)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	int rc = sqlite3_open_v2(uri ? uri : st->path, &st->db, flags | (uri ? SQLITE_OPEN_URI : 0), NULL);
	free(uri);
	if (rc != SQLITE_OK)
		return db_fail(st, rc, err, "opening it");
	return 0;
}

static int version_check(struct gs_store *st, struct gs_error *err)
{
	int64_t app = 0, version = 0;
	int r = db_int(st, "PRAGMA application_id", &app, err);
	if (r == 0)
		r = db_int(st, "PRAGMA user_version", &version, err);
	if (r < 0)
		return r;
	if (app != STORE_APPLICATION_ID)
		return gs_fail(err, GS_ERR_FORMAT, "%s is an SQLite database, but not a grescope store", st->path);
	if (version > STORE_VERSION)
		return gs_fail(err, GS_ERR_FORMAT, "store %s was written by a newer grescope (layout %" PRId64 ", this one knows up to %d); use that one", st->path,
		               version, STORE_VERSION);
	if (version < 1)
		return store_damaged(st, err, "its layout has number %" PRId64, version);
	if (version < STORE_VERSION && !st->writer)
		return gs_fail(err, GS_ERR_FORMAT, "store %s is of an older grescope (layout %" PRId64 ", now %d); `grescope store compact` brings it forward", st->path,
		               version, STORE_VERSION);
	return version < STORE_VERSION ? schema_upgrade(st, (unsigned)version, err) : 0;
}

/* Whether a journal holds a commit at all, by what its frames say of themselves (https://www.sqlite.org/fileformat2.html, section 4). */
static bool journal_commits(const struct gs_store *st)
{
	uint32_t head[8], frame[6];
	char *p = beside(st->path, "-wal");
	int fd = p ? open(p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	bool any = fd < 0;

	free(p);
	if (fd < 0)
		return any;
	if (pread(fd, head, sizeof head, 0) == sizeof head) {
		off_t step = (off_t)be32toh(head[2]) + (off_t)sizeof frame;
		for (off_t at = sizeof head; !any && pread(fd, frame, sizeof frame, at) == sizeof frame; at += step) {
			if (frame[2] != head[4] || frame[3] != head[5])
				break;
			any = frame[1] != 0;
		}
	}
	close(fd);
	return any;
}

static bool writer_lives(const struct gs_store *st)
{
	struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	return st->lock_fd >= 0 && fcntl(st->lock_fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

/*
 * Reading where no file may be made beside the store: SQLite needs its -shm to share a journal. Where no journal holds anything, the file alone is the
 * whole store and can be read as it lies. (A writer that was killed before its first commit leaves a journal that SQLite cannot read from here.)
 */
static bool reads_as_it_lies(struct gs_store *st)
{
	char *shm = beside(st->path, "-shm"), *wal = beside(st->path, "-wal"), *folder = strdup(st->path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	bool shares = shm && wal && access(shm, R_OK) == 0 && access(wal, R_OK) == 0;
	if (slash)
		slash[slash == folder] = '\0';
	bool may_make = access(slash ? folder : ".", W_OK) == 0;
	free(shm);
	free(wal);
	free(folder);
	if (may_make || stat(st->path, &st->as_opened) < 0)
		return false;
	return file_size(st->path, "-wal") == 0 ? !shares : !writer_lives(st) && !journal_commits(st);
}

static int store_start(struct gs_store *st, struct gs_error *err)
{
	int r = db_open(st, err);
	if (r == 0)
		r = db_configure(st, err);
	if (r == 0)
		r = version_check(st, err);
	if (r == 0 && st->writer)
		r = read_begin(st, err);
	if (r == 0 && st->writer)
		r = sensors_load(st, err);
	read_end(st);
	if (r == 0 && st->writer) { /* nobody else changes them while we hold the lock */
		note_write(st);
		st->committed = st->meta;
		st->pending_stale = st->meta.rolled_seq < st->meta.next_seq - 1;
	}
	return r;
}

int gs_store_open(const char *path, const struct gs_store_options *o, struct gs_store **ret, struct gs_error *err)
{
	bool is_new;
	struct gs_store *st = calloc(1, sizeof *st);
	if (!st)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	st->lock_fd = -1;
	st->sensors_change = -1;
	st->writer = o->mode != GS_STORE_READ;
	st->quota_bytes = o->quota_bytes;
	st->ballast_bytes = o->ballast_bytes;
	st->cache_bytes = o->cache_bytes < (UINT64_C(1) << 40) ? o->cache_bytes : UINT64_C(1) << 40;
	st->path = strdup(path);
	st->answers_path = o->answers_path ? strdup(o->answers_path) : NULL;
	st->zc = ZSTD_createCCtx();
	st->zd = ZSTD_createDCtx();
	int r = st->path && (st->answers_path || !o->answers_path) && st->zc && st->zd ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (r == 0)
		r = link_follow(st, err);
	if (r == 0)
		r = path_check(st->path, o->mode, &is_new, err);
	if (r == 0 && st->writer)
		r = lock_take(st, o->wait_ms, err);
	if (r == 0 && is_new) /* another maker may have been faster */
		r = path_check(st->path, o->mode, &is_new, err);
	if (r == 0 && is_new)
		r = store_make(st->path, err);
	if (r == 0 && st->writer && access(st->path, W_OK) < 0)
		r = gs_fail(err, GS_ERR_ACCESS, "store %s can be read but not written by this account", st->path);
	if (r == 0 && o->mode == GS_STORE_CLEAR)
		ballast_drop(st);
	if (r == 0 && st->writer)
		modes_follow(st);
	else if (r == 0)
		lock_look(st);
	if (r == 0) {
		st->immutable = !st->writer && reads_as_it_lies(st);
		r = store_start(st, err);
	}
	if (r == 0 && st->writer && o->mode != GS_STORE_CLEAR)
		ballast_make(st);
	if (r < 0) {
		gs_store_close(st);
		return r;
	}
	*ret = st;
	return 0;
}

static void store_free(struct gs_store *st)
{
	for (unsigned i = 0; st->sensor_names && i <= st->n_sensors; i++)
		free(st->sensor_names[i]);
	free(st->sensor_names);
	kinds_forget(st);
	inputs_forget(st);
	free(st->pending);
	free(st->batches);
	free(st->blocks);
	ZSTD_freeCCtx(st->zc);
	ZSTD_freeDCtx(st->zd);
	gs_buf_done(&st->lent);
	free(st->answers_path);
	free(st->path);
	free(st);
}

void gs_store_close(struct gs_store *st)
{
	if (!st)
		return;
	if (st->db) {
		read_end(st);
		tx_abort(st);
	}
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(st->stmt[i]);
	sqlite3_close(st->db);
	if (st->lock_fd >= 0) /* after the database: the next writer must find it closed */
		close(st->lock_fd);
	store_free(st);
}

bool gs_store_full(const struct gs_store *st)
{
	return st->full;
}

uint64_t store_file_bytes(struct gs_store *st)
{
	return file_size(st->path, "");
}

/* Whether a store that is read without locks is still the file that was opened. */
int read_still(struct gs_store *st, struct gs_error *err)
{
	struct stat sb;
	if (!st->immutable)
		return 0;
	if (stat(st->path, &sb) == 0 && sb.st_ino == st->as_opened.st_ino && sb.st_size == st->as_opened.st_size &&
	    sb.st_mtim.tv_sec == st->as_opened.st_mtim.tv_sec && sb.st_mtim.tv_nsec == st->as_opened.st_mtim.tv_nsec)
		return 0;
	return gs_fail(err, GS_ERR_STORE, "store %s was written while it was read; ask again", st->path);
}

int store_checkpoint(struct gs_store *st, struct gs_error *err)
{
	/* readers may hold part of the journal: then the rest is for next time */
	sqlite3_busy_timeout(st->db, 200);
	int rc = sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(st->db, BUSY_MS);
	return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? 0 : db_fail(st, rc, err, "emptying the journal");
}
