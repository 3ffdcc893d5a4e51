/*
 * answer.c - answers kept: the same question of an unchanged store is not worked out twice
 *
 * A folder with one file per question. The file says for which store and state of it the answer is: device and inode, and the whole meta row, whose
 * ledger sums the checksums of every directory. So neither a commit nor another store under the same name, an older copy put back included, can be
 * taken for it. The whole key stands in the file, not its hash alone.
 *
 *   magic, sizes     struct head
 *   key              the store's state, then the asker's octets
 *   body, zstd       columns, metadata at the beginning, batches of rows, metadata at the end
 *   checksum         XXH3-128 over all before it
 *
 * A file that does not fit or does not decode is a miss. A reader believes only a folder and files of its own account that nobody else can write: a
 * number that somebody planted would be worse than a slow one. Files are made under another name and renamed; the least recently asked go.
 */
#include "store/private.h"
#include "store/varint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT_FILES 1000
#define BODY_MAX (32u << 20)  /* octets of a table that is kept, before compression */
#define COLUMNS_MAX 64
#define NAME_LEN 32

static const char magic[8] = "GRanswr";

struct head {
	char magic[8];
	uint32_t version, key_len;
	uint64_t body_len, packed_len;
};

#define HEAD_VERSION 2

/* The store as an answer sees it. */
struct state {
	uint64_t device, inode;
	struct meta meta;
};

struct gs_answer {
	struct gs_store *st;
	struct gs_table_writer to;
	struct gs_buf key, body;
	struct state state;
	unsigned n_columns;
	const struct gs_column *columns;
	uint64_t rows;
	bool ended, lost; /* lost: too large, or no memory: passed on but not kept */
};

/* ---- where, and what ---- */

/* The folder if it is ours alone, made where `make` says so; -1 else. */
static int folder_open(const struct gs_store *st, bool make)
{
	char *path = NULL;
	struct stat sb;
	int fd;

	if (st->answers_path && !*st->answers_path)
		return -1;
	if (asprintf(&path, st->answers_path ? "%s" : "%s-answers", st->answers_path ? st->answers_path : st->path) < 0)
		return -1;
	if (make)
		mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(path);
	if (fd >= 0 && (fstat(fd, &sb) < 0 || sb.st_uid != geteuid() || sb.st_mode & 022)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool state_of(struct gs_store *st, struct state *ret)
{
	struct stat sb;

	memset(ret, 0, sizeof *ret);
	if (st->in_tx || read_begin(st, NULL) < 0)
		return false;
	read_end(st);
	if (stat(st->path, &sb) < 0)
		return false;
	ret->device = sb.st_dev;
	ret->inode = sb.st_ino;
	ret->meta = st->meta;
	return read_still(st, NULL) == 0;
}

static void state_put(const struct state *s, struct gs_buf *out)
{
	const struct meta *m = &s->meta;
	const int64_t v[] = { (int64_t)s->device, (int64_t)s->inode, m->store, m->next_seq, m->rolled_seq, m->change };

	gs_buf_put(out, v, sizeof v);
	for (int i = 0; i < L_COUNT; i++) {
		gs_buf_put(out, &m->ledger[i].rows, 8);
		gs_buf_put(out, &m->ledger[i].sum, 8);
	}
}

/* Of the question and the store's file, not of its state: a new answer takes the old one's place. */
static void name_of(const struct state *s, const void *key, size_t len, char out[NAME_LEN + 1])
{
	XXH3_state_t x;
	XXH3_128bits_reset(&x);
	XXH3_128bits_update(&x, &s->device, 8);
	XXH3_128bits_update(&x, &s->inode, 8);
	XXH3_128bits_update(&x, key, len);
	XXH128_hash_t h = XXH3_128bits_digest(&x);
	snprintf(out, NAME_LEN + 1, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static bool is_name(const char *name)
{
	return strlen(name) == NAME_LEN && strspn(name, "0123456789abcdef") == NAME_LEN;
}

/* ---- a table as octets: native order, for this machine and program alone ---- */

static void put_varint(struct gs_buf *o, uint64_t v)
{
	uint8_t octets[VARINT_MAX];
	gs_buf_put(o, octets, (size_t)(varint_put(octets, v) - octets));
}

/* NULL is told from "": length + 1, and a NUL that lets it be lent. */
static void put_text(struct gs_buf *o, const char *text)
{
	size_t n = text ? strlen(text) : 0;
	put_varint(o, text ? n + 1 : 0);
	if (text)
		gs_buf_put(o, text, n + 1);
}

static const char *get_text(struct gs_cursor *c)
{
	uint64_t n = varint_get(c);
	const uint8_t *p = n == 0 || n > UINT32_MAX ? NULL : gs_get_bytes(c, (uint32_t)n);
	if (n && (!p || p[n - 1] != '\0')) {
		c->short_ = true;
		return "";
	}
	return (const char *)p;
}

static void get_raw(struct gs_cursor *c, void *ret, uint32_t n)
{
	const uint8_t *p = gs_get_bytes(c, n);
	if (p)
		memcpy(ret, p, n);
}

static void put_meta(struct gs_buf *o, const struct gs_meta *m)
{
	put_text(o, m->question);
	put_varint(o, m->n_filters);
	for (unsigned i = 0; i < m->n_filters; i++)
		put_text(o, m->filters[i]);
	put_varint(o, m->n_sensors);
	for (unsigned i = 0; i < m->n_sensors; i++)
		put_text(o, m->sensors[i]);
	const uint64_t v[] = { (uint64_t)m->first_seen.ns, (uint64_t)m->last_seen.ns, m->packets, m->bytes, m->sources, m->sightings, m->sources_estimated, m->rows_total };
	gs_buf_put(o, v, sizeof v);
	gs_buf_put(o, &m->tally, sizeof m->tally);
	put_varint(o, m->n_databases);
	for (unsigned i = 0; i < m->n_databases; i++) {
		put_text(o, m->databases[i].name);
		put_text(o, m->databases[i].edition);
		put_text(o, m->databases[i].credit);
		put_text(o, m->databases[i].path);
	}
	put_varint(o, m->n_notes);
	for (unsigned i = 0; i < m->n_notes; i++)
		put_text(o, m->notes[i]);
}

#define SENSORS_KEPT 64

struct kept_meta {
	struct gs_meta meta;
	const char *sensors[SENSORS_KEPT];
};

static unsigned get_count(struct gs_cursor *c, size_t max)
{
	uint64_t n = varint_get(c);
	if (n > max) {
		c->short_ = true;
		return 0;
	}
	return (unsigned)n;
}

static void get_meta(struct gs_cursor *c, struct kept_meta *k)
{
	struct gs_meta *m = &k->meta;
	uint64_t v[8] = { 0 };

	*m = (struct gs_meta){ .question = get_text(c) };
	m->n_filters = get_count(c, sizeof m->filters / sizeof *m->filters);
	for (unsigned i = 0; i < m->n_filters; i++)
		m->filters[i] = get_text(c);
	m->n_sensors = get_count(c, SENSORS_KEPT);
	for (unsigned i = 0; i < m->n_sensors; i++)
		k->sensors[i] = get_text(c);
	m->sensors = k->sensors;
	get_raw(c, v, sizeof v);
	m->first_seen.ns = (int64_t)v[0];
	m->last_seen.ns = (int64_t)v[1];
	m->packets = v[2];
	m->bytes = v[3];
	m->sources = v[4];
	m->sightings = v[5];
	m->sources_estimated = v[6] != 0;
	m->rows_total = v[7];
	get_raw(c, &m->tally, sizeof m->tally);
	m->n_databases = get_count(c, GS_MAX_DATABASES);
	for (unsigned i = 0; i < m->n_databases; i++) {
		m->databases[i].name = get_text(c);
		m->databases[i].edition = get_text(c);
		m->databases[i].credit = get_text(c);
		m->databases[i].path = get_text(c);
	}
	m->n_notes = get_count(c, sizeof m->notes / sizeof *m->notes);
	for (unsigned i = 0; i < m->n_notes; i++)
		m->notes[i] = get_text(c);
}

enum { CELL_UNSET, CELL_SET, CELL_WITHHELD };

static void put_cell(struct gs_buf *o, uint8_t type, const struct gs_cell *c)
{
	gs_buf_putc(o, !c->set ? CELL_UNSET : c->as_text ? CELL_WITHHELD : CELL_SET);
	if (!c->set)
		return;
	if (c->as_text || type == GS_CELL_TEXT) {
		put_text(o, c->text);
		return;
	}
	switch (type) {
	case GS_CELL_SHARE:
	case GS_CELL_REAL:
		gs_buf_put(o, &c->real, sizeof c->real);
		break;
	case GS_CELL_TIME:
		gs_buf_put(o, &c->time.ns, sizeof c->time.ns);
		break;
	case GS_CELL_ADDR:
	case GS_CELL_PREFIX:
		gs_buf_put(o, &c->addr, sizeof c->addr);
		gs_buf_putc(o, type == GS_CELL_PREFIX ? (char)c->u64 : 0);
		break;
	default:
		put_varint(o, c->u64);
	}
}

static void get_cell(struct gs_cursor *in, uint8_t type, struct gs_cell *c)
{
	*c = (struct gs_cell){ 0 };
	const uint8_t how = gs_get_u8(in);
	c->set = how != CELL_UNSET;
	c->as_text = how == CELL_WITHHELD;
	if (!c->set)
		return;
	if (c->as_text || type == GS_CELL_TEXT) {
		c->text = get_text(in);
		if (!c->text)
			in->short_ = true;
		return;
	}
	switch (type) {
	case GS_CELL_SHARE:
	case GS_CELL_REAL:
		get_raw(in, &c->real, sizeof c->real);
		break;
	case GS_CELL_TIME:
		get_raw(in, &c->time.ns, sizeof c->time.ns);
		break;
	case GS_CELL_ADDR:
	case GS_CELL_PREFIX:
		get_raw(in, &c->addr, sizeof c->addr);
		c->u64 = gs_get_u8(in);
		break;
	default:
		c->u64 = varint_get(in);
	}
}

/* ---- recording ---- */

static void check_size(struct gs_answer *a)
{
	if (!a->body.failed && a->body.len <= BODY_MAX)
		return;
	gs_buf_done(&a->body);
	a->body = (struct gs_buf){ 0 };
	a->lost = true;
}

static int record_begin(void *arg, const struct gs_column *columns, unsigned n, const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct gs_answer *a = arg;

	a->columns = columns;
	a->n_columns = n;
	a->lost |= n == 0 || n > COLUMNS_MAX || meta->n_sensors > SENSORS_KEPT;
	if (!a->lost) {
		put_varint(&a->body, n);
		for (unsigned i = 0; i < n; i++) {
			put_text(&a->body, columns[i].name);
			put_text(&a->body, columns[i].title);
			put_text(&a->body, columns[i].description);
			gs_buf_putc(&a->body, (char)columns[i].type);
			gs_buf_putc(&a->body, (char)columns[i].hidden_in_text);
		}
		gs_buf_putc(&a->body, complete);
		put_meta(&a->body, meta);
		check_size(a);
	}
	return a->to.begin(a->to.arg, columns, n, meta, complete, err);
}

static int record_rows(void *arg, const struct gs_table *t, struct gs_error *err)
{
	struct gs_answer *a = arg;

	a->rows += t->n_rows;
	if (!a->lost && t->n_rows) {
		put_varint(&a->body, t->n_rows);
		for (size_t i = 0, k = 0; i < t->n_rows * t->n_columns; i++) {
			put_cell(&a->body, t->columns[k].type, &t->cells[i]);
			k = k + 1 == t->n_columns ? 0 : k + 1;
		}
		check_size(a);
	}
	return a->to.rows(a->to.arg, t, err);
}

static int record_end(void *arg, const struct gs_meta *meta, struct gs_error *err)
{
	struct gs_answer *a = arg;

	if (!a->lost) {
		put_varint(&a->body, 0);
		put_varint(&a->body, a->rows);
		put_meta(&a->body, meta);
		check_size(a);
	}
	int r = a->to.end(a->to.arg, meta, err);
	a->ended = r == 0;
	return r;
}

int gs_answer_record(struct gs_store *st, const void *key, size_t len, const char *said, const struct gs_table_writer *to, struct gs_answer **ret,
                     struct gs_error *err)
{
	struct gs_answer *a = calloc(1, sizeof *a);
	if (!a)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	a->st = st;
	a->to = *to;
	a->lost = !state_of(st, &a->state) || len > GS_ANSWER_KEY_MAX;
	if (!a->lost) {
		gs_buf_put(&a->key, key, len);
		put_text(&a->body, said);
		a->lost = a->key.failed;
		check_size(a);
	}
	*ret = a;
	return 0;
}

struct gs_table_writer gs_answer_writer(struct gs_answer *a)
{
	return (struct gs_table_writer){ record_begin, record_rows, record_end, a };
}

void gs_answer_drop(struct gs_answer *a)
{
	if (!a)
		return;
	gs_buf_done(&a->key);
	gs_buf_done(&a->body);
	free(a);
}

/* ---- files ---- */

struct kept_file {
	char name[NAME_LEN + 1];
	uint64_t bytes;
	struct timespec asked;
};

static int older_first(const void *x, const void *y)
{
	const struct kept_file *a = x, *b = y;
	if (a->asked.tv_sec != b->asked.tv_sec)
		return a->asked.tv_sec < b->asked.tv_sec ? -1 : 1;
	return (a->asked.tv_nsec > b->asked.tv_nsec) - (a->asked.tv_nsec < b->asked.tv_nsec);
}

/* The least recently asked go until what is left is within bounds. Unfinished files of keepers that were killed go too. */
static void tidy(int folder)
{
	struct kept_file *list = malloc(2 * KEPT_FILES * sizeof *list);
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = list && fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	uint64_t bytes = 0;
	size_t n = 0;

	while (d && n < 2 * KEPT_FILES && (e = readdir(d))) {
		struct stat sb;
		if (!is_name(e->d_name) || fstatat(folder, e->d_name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		memcpy(list[n].name, e->d_name, NAME_LEN + 1);
		list[n].bytes = (uint64_t)sb.st_size;
		list[n++].asked = sb.st_mtim;
		bytes += (uint64_t)sb.st_size;
	}
	if (n)
		qsort(list, n, sizeof *list, older_first);
	for (size_t i = 0; i < n && (bytes > GS_ANSWERS_BYTES || n - i > KEPT_FILES); i++)
		if (unlinkat(folder, list[i].name, 0) == 0)
			bytes -= list[i].bytes;
	free(list);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

static bool write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

/* The file's octets. */
static bool pack(const struct gs_answer *a, struct gs_buf *out)
{
	struct gs_buf key = { 0 };
	state_put(&a->state, &key);
	gs_buf_put(&key, a->key.data, a->key.len);
	struct head h = { .version = HEAD_VERSION, .key_len = (uint32_t)key.len, .body_len = a->body.len };
	const size_t room = ZSTD_compressBound(a->body.len);

	memcpy(h.magic, magic, sizeof magic);
	gs_buf_put(out, &h, sizeof h);
	gs_buf_put(out, key.data, key.len);
	bool ok = !key.failed && gs_buf_reserve(out, room + sizeof(XXH128_hash_t));
	gs_buf_done(&key);
	if (!ok)
		return false;
	size_t z = ZSTD_compressCCtx(a->st->zc, out->data + out->len, room, a->body.data, a->body.len, 1);
	if (ZSTD_isError(z) || z > GS_ANSWERS_BYTES / 4)
		return false;
	h.packed_len = z;
	memcpy(out->data, &h, sizeof h);
	out->len += z;
	const XXH128_hash_t sum = XXH3_128bits(out->data, out->len);
	gs_buf_put(out, &sum, sizeof sum);
	return !out->failed;
}

void gs_answer_keep(struct gs_answer *a)
{
	struct state now;
	struct gs_buf file = { 0 };
	char name[NAME_LEN + 1], tmp[NAME_LEN + 1];
	int folder = -1, fd = -1;

	if (!a || a->lost || !a->ended || !state_of(a->st, &now) || memcmp(&now, &a->state, sizeof now) != 0 || !pack(a, &file))
		goto out;
	folder = folder_open(a->st, true);
	if (folder < 0)
		goto out;
	uint64_t random[2];
	sqlite3_randomness(sizeof random, random);
	name_of(&a->state, a->key.data, a->key.len, name);
	snprintf(tmp, sizeof tmp, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
	fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && (!write_all(fd, file.data, file.len) || renameat(folder, tmp, folder, name) < 0))
		unlinkat(folder, tmp, 0);
	tidy(folder);
out:
	if (fd >= 0)
		close(fd);
	if (folder >= 0)
		close(folder);
	gs_buf_done(&file);
	gs_answer_drop(a);
}

static bool read_all(int fd, struct gs_buf *out)
{
	struct stat sb;
	if (fstat(fd, &sb) < 0 || !S_ISREG(sb.st_mode) || sb.st_uid != geteuid() || sb.st_mode & 022 || sb.st_size > (off_t)GS_ANSWERS_BYTES)
		return false;
	if (!gs_buf_reserve(out, (size_t)sb.st_size + 1))
		return false;
	while (out->len < (size_t)sb.st_size) {
		ssize_t n = read(fd, out->data + out->len, (size_t)sb.st_size - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out->len += (size_t)n;
	}
	return true;
}

/* The body, if the file is whole and for this question and state. */
static bool unpack(struct gs_store *st, const struct gs_buf *file, const struct state *state, const void *key, size_t len, struct gs_buf *body)
{
	struct gs_buf want = { 0 };
	struct head h;
	XXH128_hash_t sum;
	bool ok = false;

	if (file->len < sizeof h + sizeof sum)
		return false;
	memcpy(&h, file->data, sizeof h);
	memcpy(&sum, file->data + file->len - sizeof sum, sizeof sum);
	state_put(state, &want);
	gs_buf_put(&want, key, len);
	if (!want.failed && memcmp(h.magic, magic, sizeof magic) == 0 && h.version == HEAD_VERSION && h.key_len == want.len && h.body_len <= BODY_MAX &&
	    h.packed_len <= file->len && sizeof h + h.key_len + h.packed_len + sizeof sum == file->len &&
	    memcmp(file->data + sizeof h, want.data, want.len) == 0) {
		const XXH128_hash_t is = XXH3_128bits(file->data, file->len - sizeof sum);
		ok = XXH128_isEqual(is, sum) && gs_buf_reserve(body, h.body_len + 1) &&
		     ZSTD_decompressDCtx(st->zd, body->data, h.body_len, file->data + sizeof h + h.key_len, h.packed_len) == h.body_len;
		body->len = ok ? h.body_len : 0;
	}
	gs_buf_done(&want);
	return ok;
}

/* ---- giving again ---- */

static int bad_body(struct gs_error *err)
{
	return gs_fail(err, GS_ERR_FORMAT, "a kept answer does not decode");
}

static int replay_rows(struct gs_cursor *c, const struct gs_column *columns, unsigned n, const struct gs_table_writer *w, struct gs_error *err)
{
	enum { BATCH = 256 };
	struct gs_cell *cells = malloc((size_t)BATCH * n * sizeof *cells);
	int r = cells ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	for (uint64_t left; r == 0 && (left = varint_get(c)) > 0;) {
		while (r == 0 && left) {
			struct gs_table t = { .columns = columns, .n_columns = n, .cells = cells, .n_rows = left < BATCH ? left : BATCH };
			for (size_t i = 0, k = 0; i < t.n_rows * n; i++) {
				get_cell(c, columns[k].type, &cells[i]);
				k = k + 1 == n ? 0 : k + 1;
			}
			left -= t.n_rows;
			r = c->short_ ? bad_body(err) : w ? w->rows(w->arg, &t, err) : 0;
		}
	}
	free(cells);
	return r;
}

/* w NULL: only looks whether it decodes. */
static int replay(const struct gs_buf *body, const struct gs_table_writer *w, struct gs_answer_hit *hit, struct gs_error *err)
{
	struct gs_cursor c = gs_cursor_of((const uint8_t *)body->data, (uint32_t)body->len, (uint32_t)body->len);
	struct gs_column columns[COLUMNS_MAX];
	struct kept_meta *k = malloc(sizeof *k);
	const char *said = get_text(&c);
	int r = k ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	snprintf(hit->said, sizeof hit->said, "%s", said ? said : "");
	const unsigned n = get_count(&c, COLUMNS_MAX);
	for (unsigned i = 0; i < n; i++) {
		columns[i].name = get_text(&c);
		columns[i].title = get_text(&c);
		columns[i].description = get_text(&c);
		columns[i].type = gs_get_u8(&c);
		columns[i].hidden_in_text = gs_get_u8(&c);
	}
	if (r == 0) {
		const bool complete = gs_get_u8(&c) != 0;
		get_meta(&c, k);
		r = c.short_ || n == 0 ? bad_body(err) : w ? w->begin(w->arg, columns, n, &k->meta, complete, err) : 0;
	}
	if (r == 0)
		r = replay_rows(&c, columns, n, w, err);
	if (r == 0) {
		hit->rows = varint_get(&c);
		get_meta(&c, k);
		hit->tally = k->meta.tally;
		r = c.short_ || gs_cursor_left(&c) ? bad_body(err) : w ? w->end(w->arg, &k->meta, err) : 0;
	}
	free(k);
	return r;
}

int gs_answer_replay(struct gs_store *st, const void *key, size_t len, const struct gs_table_writer *w, struct gs_answer_hit *ret, struct gs_error *err)
{
	struct gs_buf file = { 0 }, body = { 0 };
	struct state state;
	char name[NAME_LEN + 1];
	int folder = -1, fd = -1, r = 0;

	*ret = (struct gs_answer_hit){ 0 };
	if (len > GS_ANSWER_KEY_MAX || (folder = folder_open(st, false)) < 0 || !state_of(st, &state))
		goto out;
	name_of(&state, key, len, name);
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !read_all(fd, &file) || !unpack(st, &file, &state, key, len, &body) || replay(&body, NULL, ret, NULL) < 0)
		goto out;
	futimens(fd, NULL); /* asked now: it goes last. Where that fails, it goes sooner */
	ret->hit = true;
	r = replay(&body, w, ret, err);
out:
	if (fd >= 0)
		close(fd);
	if (folder >= 0)
		close(folder);
	gs_buf_done(&file);
	gs_buf_done(&body);
	return r;
}
