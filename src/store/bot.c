/*
 * bot.c - bot processes as each input showed them
 *
 * A row holds all that a tracker knew of one process when its input was last written; a question puts the rows of a process together (src/query/bot_merge.c). The rows of an
 * input are written anew at each of its checkpoints, in the same transaction as its sightings; an input that is continued later gets a part of its own, for the tracker
 * begins anew as well.
 *
 * One function says what a row's data are, for both ways.
 */
#include "store/private.h"

#define DATA_VERSION 1

/* ---- data ---- */

struct codec {
	struct gs_buf *out;   /* writing */
	const uint8_t *in;    /* reading */
	size_t left;
	bool bad;
};

static void code(struct codec *c, void *value, size_t n)
{
	uint8_t octets[8] = { 0 };
	uint64_t v = 0;

	if (c->out) {
		v = htole64(n == 8 ? *(uint64_t *)value : n == 4 ? *(uint32_t *)value : n == 2 ? *(uint16_t *)value : *(uint8_t *)value);
		memcpy(octets, &v, sizeof v);
		gs_buf_put(c->out, octets, n);
		return;
	}
	if (c->left < n) {
		c->bad = true;
		return;
	}
	memcpy(octets, c->in, n);
	c->in += n;
	c->left -= n;
	memcpy(&v, octets, sizeof v);
	v = le64toh(v);
	switch (n) {
	case 8:
		*(uint64_t *)value = v;
		break;
	case 4:
		*(uint32_t *)value = (uint32_t)v;
		break;
	case 2:
		*(uint16_t *)value = (uint16_t)v;
		break;
	default:
		*(uint8_t *)value = (uint8_t)v;
	}
}

#define CODE(c, field) code(c, &(field), sizeof(field))

static void code_bool(struct codec *c, bool *b)
{
	uint8_t v = *b;

	code(c, &v, 1);
	*b = v == 1;
	c->bad |= v > 1;
}

static void code_octets(struct codec *c, void *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		code(c, (uint8_t *)at + i, 1);
}

static void code_addr(struct codec *c, struct gs_addr *a)
{
	CODE(c, a->family);
	code_octets(c, a->b, sizeof a->b);
	c->bad |= a->family != 0 && a->family != 4 && a->family != 6;
}

static void code_share(struct codec *c, double *v)
{
	uint64_t bits;

	memcpy(&bits, v, sizeof bits);
	CODE(c, bits);
	memcpy(v, &bits, sizeof bits);
	c->bad |= !(*v >= -1 && *v < 1e18); /* no NaN passes */
}

static void code_name(struct codec *c, char name[GS_BOT_NAME_MAX])
{
	code_octets(c, name, GS_BOT_NAME_MAX);
	c->bad |= name[GS_BOT_NAME_MAX - 1] != '\0';
}

/* A number that must not be above most. */
static void code_count(struct codec *c, unsigned *n, unsigned most)
{
	uint32_t v = *n;

	CODE(c, v);
	*n = v;
	if (v > most) {
		c->bad = true;
		*n = 0;
	}
}

static void code_process(struct codec *c, struct gs_bot_process *p)
{
	CODE(c, p->number);
	CODE(c, p->bot_kind);
	CODE(c, p->byte_order);
	CODE(c, p->class_);
	CODE(c, p->evidence);
	CODE(c, p->bot_hi);
	CODE(c, p->bot_lo);
	CODE(c, p->pos_hi);
	CODE(c, p->pos_lo);
	CODE(c, p->packets_seen);
	CODE(c, p->packets_sent);
	CODE(c, p->targets);
	code_bool(c, &p->targets_sure);
	CODE(c, p->attacks);
	code_share(c, &p->loss);
	code_share(c, &p->rate_pps);
	CODE(c, p->duplicates);
	CODE(c, p->quoted);
	CODE(c, p->hops);
	code_count(c, &p->n_hops, GS_BOT_HOPS_MAX);
	for (unsigned i = 0; i < p->n_hops; i++) {
		CODE(c, p->hop[i].hops);
		CODE(c, p->hop[i].packets);
	}
	CODE(c, p->src_ips);
	code_bool(c, &p->src_ips_exact);
	code_count(c, &p->n_src, GS_BOT_SRC_SAMPLE);
	for (unsigned i = 0; i < p->n_src; i++)
		code_addr(c, &p->src[i]);
	CODE(c, p->first_seen.ns);
	CODE(c, p->last_seen.ns);
	code_bool(c, &p->seed_found);
	CODE(c, p->seed_steps);
	CODE(c, p->seed_x);
	CODE(c, p->seed_y);
	CODE(c, p->seed_z);
	code_name(c, p->argv0);
	code_name(c, p->comm);
	c->bad |= p->bot_kind > GS_BOT_POSITION || p->byte_order > GS_BOT_BIG || p->class_ >= GS_CLASS_COUNT || p->packets_seen == 0 ||
	          p->first_seen.ns > p->last_seen.ns;
}

static void code_attack(struct codec *c, struct gs_bot_attack *a)
{
	CODE(c, a->flood);
	CODE(c, a->drawn);
	code_bool(c, &a->host_drawn);
	code_bool(c, &a->has_start);
	CODE(c, a->draws);
	CODE(c, a->data_len);
	CODE(c, a->targets);
	CODE(c, a->targets_seen);
	CODE(c, a->rounds);
	CODE(c, a->round);
	CODE(c, a->begin.hi);
	CODE(c, a->begin.lo);
	CODE(c, a->end.hi);
	CODE(c, a->end.lo);
	CODE(c, a->packets_seen);
	CODE(c, a->packets_sent);
	code_share(c, &a->loss);
	CODE(c, a->first_seen.ns);
	CODE(c, a->last_seen.ns);
	code_addr(c, &a->dst);
	code_addr(c, &a->inner_src);
	c->bad |= a->flood > GS_BOT_GREETH || a->rounds == 0 || a->first_seen.ns > a->last_seen.ns;
}

static void code_bot(struct codec *c, struct gs_store_bot *b)
{
	uint8_t version = DATA_VERSION;

	CODE(c, version);
	c->bad |= version != DATA_VERSION;
	if (c->bad)
		return;
	code_process(c, &b->process);
	code_count(c, &b->n_attacks, GS_STORE_BOT_ATTACKS);
	for (unsigned i = 0; i < b->n_attacks; i++)
		code_attack(c, &b->attacks[i]);
	c->bad |= !c->out && c->left != 0;
}

static void code_rest(struct codec *c, struct gs_store_bots_rest *r)
{
	CODE(c, r->pending);
	CODE(c, r->unlinked);
	CODE(c, r->refused);
	CODE(c, r->skipped);
	c->bad |= !c->out && c->left != 0;
}

/* ---- rows ---- */

static int64_t row_seal(const struct bot_row *r)
{
	const int64_t v[] = { r->input, r->part, r->number, r->sensor, r->first_ns, r->last_ns };
	struct seal s;

	seal_begin(&s, "bot");
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		seal_int(&s, v[i]);
	seal_bytes(&s, r->data, r->len);
	return seal_end(&s);
}

static int row_write(struct gs_store *st, const struct bot_row *r, struct gs_error *err)
{
	const int64_t v[] = { r->input, r->part, r->number, r->sensor, r->first_ns, r->last_ns }, seal = row_seal(r);
	sqlite3_stmt *q = db_stmt(st, Q_BOT_PUT, err);

	if (!q)
		return GS_ERR_STORE;
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(q, i + 1, v[i]);
	sqlite3_bind_blob64(q, 7, r->data, r->len, SQLITE_TRANSIENT);
	sqlite3_bind_int64(q, 8, seal);
	const int ret = db_run(st, q, err, "noting a bot");
	if (ret == 0)
		ledger_add(st, L_BOT, seal);
	return ret;
}

int bot_row_put(struct gs_store *st, const struct bot_row *row, struct gs_error *err)
{
	for (int put = 0; put < 2; put++) {
		sqlite3_stmt *q = db_stmt(st, put ? Q_BOT_ONE_DELETE : Q_BOT_ONE, err);
		if (!q)
			return GS_ERR_STORE;
		sqlite3_bind_int64(q, 1, row->input);
		sqlite3_bind_int64(q, 2, row->part);
		sqlite3_bind_int64(q, 3, row->number);
		const int r = put ? db_run(st, q, err, "noting a bot") : db_step(st, q, err, "noting a bot");
		if (r < 0)
			return r;
		if (!put && r == 0)
			break;
		if (!put) {
			ledger_take(st, L_BOT, sqlite3_column_int64(q, 0));
			sqlite3_reset(q);
		}
	}
	return row_write(st, row, err);
}

static int part_delete(struct gs_store *st, struct gs_error *err)
{
	int r;

	for (int put = 0; put < 2; put++) {
		sqlite3_stmt *q = db_stmt(st, put ? Q_BOT_DELETE : Q_BOT_SEALS, err);
		if (!q)
			return GS_ERR_STORE;
		sqlite3_bind_int64(q, 1, st->bots_input);
		sqlite3_bind_int64(q, 2, st->bots_part);
		if (put)
			return db_run(st, q, err, "noting bots");
		while ((r = db_step(st, q, err, "noting bots")) > 0)
			ledger_take(st, L_BOT, sqlite3_column_int64(q, 0));
		if (r < 0)
			return r;
	}
	return 0;
}

/* The part of the open input: the one put before, or a new one behind those that earlier ingests left. */
static int part_find(struct gs_store *st, struct gs_error *err)
{
	if (st->bots_input == st->input)
		return 0;
	sqlite3_stmt *q = db_stmt(st, Q_BOT_PART, err);
	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, st->input);
	const int r = db_step(st, q, err, "noting bots");
	if (r <= 0)
		return r;
	st->bots_part = sqlite3_column_int64(q, 0) + 1;
	st->bots_input = st->input;
	sqlite3_reset(q);
	return 0;
}

static int write_all(struct gs_store *st, const struct gs_store_bot *list, size_t n, const struct gs_store_bots_rest *rest, struct gs_buf *data,
                     struct gs_error *err)
{
	int r = 0;

	for (size_t i = 0; i <= n && r == 0; i++) {
		struct codec c = { .out = data };
		struct gs_store_bots_rest copy_rest = *rest;
		gs_buf_clear(data);
		if (i < n) {
			struct gs_store_bot b = list[i];
			code_bot(&c, &b);
		} else if (copy_rest.pending | copy_rest.unlinked | copy_rest.refused | copy_rest.skipped) {
			code_rest(&c, &copy_rest);
		} else {
			break;
		}
		if (data->failed)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		const struct gs_bot_process *p = i < n ? &list[i].process : NULL;
		const struct bot_row row = { .input = st->input, .part = st->bots_part, .number = p ? (int64_t)p->number : BOT_REST,
					     .sensor = i < n ? list[i].sensor : n ? list[0].sensor : 0, .first_ns = p ? p->first_seen.ns : 0,
					     .last_ns = p ? p->last_seen.ns : st->rows_max_ns, .data = (const uint8_t *)data->data, .len = data->len };
		r = row_write(st, &row, err);
	}
	return r;
}

int gs_store_bots_put(struct gs_store *st, const struct gs_store_bot *list, size_t n, const struct gs_store_bots_rest *rest, struct gs_error *err)
{
	struct gs_buf data = { 0 };

	if (!st->input)
		return 0;
	int r = tx_begin(st, err);
	if (r == 0)
		r = part_find(st, err);
	if (r == 0)
		r = part_delete(st, err);
	if (r == 0)
		r = write_all(st, list, n, rest, &data, err);
	if (r < 0)
		tx_abort(st);
	gs_buf_done(&data);
	return r;
}

int bots_prune(struct gs_store *st, int64_t before, bool with_rows, struct gs_error *err)
{
	int64_t oldest = with_rows ? INT64_MAX : INT64_MIN;
	int r = with_rows ? directories_load(st, err) : 0;

	for (size_t i = 0; with_rows && i < st->n_batches; i++)
		oldest = st->batches[i].max_ns < oldest ? st->batches[i].max_ns : oldest;
	before = oldest > before ? oldest : before;
	if (r < 0 || before == INT64_MIN)
		return r;
	r = tx_begin(st, err);
	sqlite3_stmt *q = r < 0 ? NULL : db_stmt(st, Q_BOT_OLD, err);
	if (!q)
		return r < 0 ? r : GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, before);
	while ((r = db_step(st, q, err, "forgetting bots")) > 0)
		ledger_take(st, L_BOT, sqlite3_column_int64(q, 0));
	if (r == 0 && !(q = db_stmt(st, Q_BOT_OLD_DELETE, err)))
		r = GS_ERR_STORE;
	if (r == 0) {
		sqlite3_bind_int64(q, 1, before);
		r = db_run(st, q, err, "forgetting bots");
	}
	if (r == 0)
		return tx_commit(st, err);
	tx_abort(st);
	return r;
}

/* ---- reading ---- */

static bool in_any(const struct gs_prefix *list, unsigned n, const struct gs_addr *a)
{
	for (unsigned i = 0; i < n; i++)
		if (gs_prefix_contains(&list[i], a))
			return true;
	return false;
}

bool gs_store_bot_fits(const struct gs_filter *f, const struct gs_store_bot *b)
{
	bool src = f->n_src == 0, dst = f->n_dst == 0;

	if (b->process.last_seen.ns < f->since.ns || (b->process.first_seen.ns >= f->until.ns && f->until.ns != INT64_MAX))
		return false;
	if (f->classes && !(f->classes >> b->process.class_ & 1))
		return false;
	for (unsigned i = 0; i < b->process.n_src && !src; i++)
		src = in_any(f->src, f->n_src, &b->process.src[i]);
	for (unsigned i = 0; i < b->n_attacks && !dst; i++)
		dst = in_any(f->dst, f->n_dst, &b->attacks[i].dst);
	return src && dst;
}

static bool sensor_matches(const struct gs_filter *f, uint16_t sensor)
{
	for (unsigned i = 0; i < f->n_sensors; i++)
		if (f->sensors[i] == sensor)
			return true;
	return f->n_sensors == 0;
}

static bool row_read(sqlite3_stmt *q, struct bot_row *r)
{
	return col_int(q, 0, 1, INT64_MAX, &r->input) && col_int(q, 1, 1, INT64_MAX, &r->part) && col_int(q, 2, BOT_REST, UINT32_MAX, &r->number) &&
	       col_int(q, 3, 0, UINT16_MAX, &r->sensor) && col_int(q, 4, INT64_MIN, INT64_MAX, &r->first_ns) &&
	       col_int(q, 5, INT64_MIN, INT64_MAX, &r->last_ns) && col_blob(q, 6, BOT_DATA_MAX, &r->data, &r->len) &&
	       col_int(q, 7, INT64_MIN, INT64_MAX, &r->seal) && row_seal(r) == r->seal;
}

/* One of the two is filled. */
static bool row_decode(const struct bot_row *r, struct gs_store_bot *b, struct gs_store_bots_rest *left)
{
	struct codec c = { .in = r->data, .left = r->len };

	if (r->number == BOT_REST) {
		code_rest(&c, left);
		return !c.bad;
	}
	code_bot(&c, b);
	return !c.bad && b->process.number == r->number && b->process.first_seen.ns == r->first_ns && b->process.last_seen.ns == r->last_ns;
}

bool bot_row_fits(const struct bot_row *r)
{
	struct gs_store_bot b = { 0 };
	struct gs_store_bots_rest left = { 0 };

	return row_decode(r, &b, &left);
}

int bots_rows(struct gs_store *st, int64_t input, int (*each)(void *arg, const struct bot_row *row, const char *wrong, struct gs_error *err), void *arg,
              struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, input ? Q_BOT_OF : Q_BOT_ALL, err);
	int r;

	if (!q)
		return GS_ERR_STORE;
	if (input)
		sqlite3_bind_int64(q, 1, input);
	while ((r = db_step(st, q, err, "reading bots")) > 0) {
		struct bot_row row = { 0 };
		const char *wrong = !row_read(q, &row) ? "a bot's row does not match its checksum" :
		                    !bot_row_fits(&row) ? "a bot's row holds a value that cannot be" : NULL;
		r = each(arg, &row, wrong, err);
		if (r < 0) {
			sqlite3_reset(q);
			break;
		}
	}
	return r;
}

/* ---- a question ---- */

struct asking {
	struct gs_store *st;
	const struct gs_filter *f;
	int (*each)(void *arg, const struct gs_store_bot *b, struct gs_error *err);
	void *arg;
	struct ledger_count count;
	struct gs_store_bots_rest rest;
};

static int ask(void *arg, const struct bot_row *row, const char *wrong, struct gs_error *err)
{
	struct asking *a = arg;
	struct gs_store_bot b = { 0 };
	struct gs_store_bots_rest left = { 0 };

	if (wrong)
		return store_damaged(a->st, err, "%s", wrong);
	row_decode(row, &b, &left);
	a->count.rows++;
	a->count.sum += (uint64_t)row->seal;
	b.sensor = (uint16_t)row->sensor;
	b.input = (uint64_t)row->input;
	if (!sensor_matches(a->f, b.sensor))
		return 0;
	a->rest.pending += left.pending;
	a->rest.unlinked += left.unlinked;
	a->rest.refused += left.refused;
	a->rest.skipped += left.skipped;
	return row->number != BOT_REST && gs_store_bot_fits(a->f, &b) ? a->each(a->arg, &b, err) : 0;
}

int gs_store_bots(struct gs_store *st, const struct gs_filter *f, int (*each)(void *arg, const struct gs_store_bot *b, struct gs_error *err), void *arg,
                  struct gs_store_bots_rest *ret_rest, struct gs_error *err)
{
	struct asking a = { .st = st, .f = f, .each = each, .arg = arg };
	int r = read_begin(st, err);

	if (r == 0)
		r = bots_rows(st, 0, ask, &a, err);
	if (r == 0)
		r = ledger_verify(st, L_BOT, a.count, err);
	read_end(st);
	if (r == 0)
		*ret_rest = a.rest;
	return r;
}
