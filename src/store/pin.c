/*
 * pin.c - where sources were, on the day
 *
 * `place` holds each different answer of a database once, `origin` runs of days of a source that point to one. Runs of one source never overlap. A pin of
 * other data takes its days out of what was there; one that says the same as its neighbour grows it, over days without a pin as well.
 *
 * What a kind of data could not say because there was none is not "unknown": asn -1 and country "-" stand for it.
 */
#include "store/private.h"

#include <inttypes.h>

#define ASN_NONE (-1)
#define COUNTRY_NONE "-"
#define DAY_MIN (-200000) /* beyond what gs_time holds */
#define DAY_MAX 200000

struct run {
	int64_t first, last, place;
};

static int64_t place_seal(const struct gs_pin *p, int64_t asn, const char *country)
{
	const char *const text[] = { p->as_name, country, p->region, p->city, p->edition };
	struct seal s;

	seal_begin(&s, "place");
	seal_int(&s, asn);
	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		seal_bytes(&s, text[i], strlen(text[i]));
	return seal_end(&s);
}

static int64_t run_seal(const struct gs_addr *src, const struct run *r)
{
	struct seal s;

	seal_begin(&s, "origin");
	seal_bytes(&s, src->b, src->family == 4 ? 4 : 16);
	seal_int(&s, r->first);
	seal_int(&s, r->last);
	seal_int(&s, r->place);
	return seal_end(&s);
}

static void bind_src(sqlite3_stmt *q, const struct gs_addr *src)
{
	sqlite3_bind_blob(q, 1, src->b, src->family == 4 ? 4 : 16, SQLITE_TRANSIENT);
}

/* ---- places ---- */

/* At most GS_PIN_TEXT_MAX octets, whole characters, NULL as "". Kept in `to`. */
static const char *text_of(const char *text, char to[GS_PIN_TEXT_MAX + 1])
{
	size_t n = text ? strnlen(text, GS_PIN_TEXT_MAX + 1) : 0;

	if (n > GS_PIN_TEXT_MAX)
		for (n = GS_PIN_TEXT_MAX; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	if (n)
		memcpy(to, text, n);
	to[n] = '\0';
	return to;
}

static int place_id(struct gs_store *st, const struct gs_pin *pin, int64_t *ret, struct gs_error *err)
{
	char name[GS_PIN_TEXT_MAX + 1], region[GS_PIN_TEXT_MAX + 1], city[GS_PIN_TEXT_MAX + 1], edition[GS_PIN_TEXT_MAX + 1];
	const bool place = pin->has_place, network = pin->has_network;
	const struct gs_pin p = { .as_name = text_of(network ? pin->as_name : "", name), .region = text_of(place ? pin->region : "", region),
				  .city = text_of(place ? pin->city : "", city), .edition = text_of(pin->edition, edition) };
	const char country[3] = { place ? pin->country[0] : '-', place ? pin->country[1] : '\0' };
	const int64_t asn = network ? (int64_t)pin->asn : ASN_NONE;
	const char *const text[] = { p.as_name, country, p.region, p.city, p.edition };

	for (int put = 0; put < 2; put++) {
		sqlite3_stmt *q = db_stmt(st, put ? Q_PLACE_PUT : Q_PLACE_FIND, err);
		if (!q)
			return GS_ERR_STORE;
		sqlite3_bind_int64(q, 1, asn);
		for (int i = 0; i < 5; i++)
			sqlite3_bind_text(q, i + 2, text[i], -1, SQLITE_TRANSIENT);
		if (put) {
			sqlite3_bind_int64(q, 7, place_seal(&p, asn, country));
			int r = db_run(st, q, err, "adding a place");
			*ret = sqlite3_last_insert_rowid(st->db);
			return r;
		}
		int r = db_step(st, q, err, "looking for a place");
		if (r > 0) {
			*ret = sqlite3_column_int64(q, 0);
			sqlite3_reset(q);
		}
		if (r)
			return r < 0 ? r : 0;
	}
	return 0;
}

int gs_store_place(struct gs_store *st, int64_t place, struct gs_pin *ret, struct gs_error *err)
{
	struct gs_pin p = { 0 };
	const char *text[5];
	size_t len[5], at[5];
	int64_t asn, seal;
	sqlite3_stmt *q = db_stmt(st, Q_PLACE_GET, err);

	if (!q)
		return GS_ERR_STORE;
	sqlite3_bind_int64(q, 1, place);
	int r = db_step(st, q, err, "reading a place");
	if (r <= 0)
		return r < 0 ? r : store_damaged(st, err, "place %" PRId64 " of pinned origins is missing", place);
	bool ok = col_int(q, 0, ASN_NONE, UINT32_MAX, &asn) && col_int(q, 6, INT64_MIN, INT64_MAX, &seal);
	for (int i = 0; ok && i < 5; i++)
		ok = col_text(q, i + 1, GS_PIN_TEXT_MAX, &text[i], &len[i]);
	if (ok) { /* kept where the caller can read them until the next call */
		gs_buf_clear(&st->lent);
		for (int i = 0; i < 5; i++) {
			at[i] = st->lent.len;
			gs_buf_put(&st->lent, text[i], len[i] + 1);
		}
	}
	sqlite3_reset(q);
	if (ok && st->lent.failed)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (int i = 0; ok && i < 5; i++)
		text[i] = st->lent.data + at[i];
	if (ok) {
		p = (struct gs_pin){ .has_network = asn != ASN_NONE, .has_place = strcmp(text[1], COUNTRY_NONE) != 0, .as_name = text[0], .region = text[2],
				     .city = text[3], .edition = text[4] };
		p.asn = p.has_network ? (uint32_t)asn : 0;
		if (p.has_place && len[1] == 2)
			memcpy(p.country, text[1], 2);
		ok = place_seal(&p, asn, text[1]) == seal;
	}
	if (!ok)
		return store_damaged(st, err, "place %" PRId64 " of pinned origins does not match its checksum", place);
	*ret = p;
	return 0;
}

/* ---- runs ---- */

/* The last run that begins on or before a day, or the first after it. 1, 0: none, or an error. */
static int run_read(struct gs_store *st, enum stmt which, const struct gs_addr *src, int64_t day, struct run *ret, struct gs_error *err)
{
	struct run run = { 0 };
	int64_t seal;
	sqlite3_stmt *q = db_stmt(st, which, err);

	if (!q)
		return GS_ERR_STORE;
	bind_src(q, src);
	sqlite3_bind_int64(q, 2, day);
	int r = db_step(st, q, err, "reading pinned origins");
	if (r <= 0)
		return r;
	const bool ok = col_int(q, 0, DAY_MIN, DAY_MAX, &run.first) && col_int(q, 1, run.first, DAY_MAX, &run.last) && col_int(q, 2, 1, INT64_MAX, &run.place) &&
	                col_int(q, 3, INT64_MIN, INT64_MAX, &seal) && run_seal(src, &run) == seal;
	sqlite3_reset(q);
	if (!ok)
		return store_damaged(st, err, "a pinned origin does not match its checksum");
	*ret = run;
	return 1;
}

static int run_put(struct gs_store *st, const struct gs_addr *src, const struct run *run, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_ORIGIN_PUT, err);

	if (!q)
		return GS_ERR_STORE;
	bind_src(q, src);
	sqlite3_bind_int64(q, 2, run->first);
	sqlite3_bind_int64(q, 3, run->last);
	sqlite3_bind_int64(q, 4, run->place);
	sqlite3_bind_int64(q, 5, run_seal(src, run));
	return db_run(st, q, err, "pinning an origin");
}

static int run_delete(struct gs_store *st, const struct gs_addr *src, int64_t first, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_ORIGIN_DELETE, err);

	if (!q)
		return GS_ERR_STORE;
	bind_src(q, src);
	sqlite3_bind_int64(q, 2, first);
	return db_run(st, q, err, "pinning an origin");
}

/* Takes the days of `run` out of an older one that overlaps with it. */
static int run_cut(struct gs_store *st, const struct gs_addr *src, const struct run *old, const struct run *run, struct gs_error *err)
{
	const struct run before = { old->first, run->first - 1, old->place }, after = { run->last + 1, old->last, old->place };
	int r = run_delete(st, src, old->first, err);

	if (r == 0 && before.first <= before.last)
		r = run_put(st, src, &before, err);
	if (r == 0 && after.first <= after.last)
		r = run_put(st, src, &after, err);
	return r;
}

static int pin_run(struct gs_store *st, const struct gs_addr *src, struct run run, struct gs_error *err)
{
	struct run old;
	int r = 0;

	for (int64_t at = run.last; r >= 0 && (r = run_read(st, Q_ORIGIN_AT, src, at, &old, err)) > 0;) {
		at = old.first - 1;
		if (old.place == run.place) {
			run.first = old.first < run.first ? old.first : run.first;
			run.last = old.last > run.last ? old.last : run.last;
			r = run_delete(st, src, old.first, err);
		} else if (old.last >= run.first) {
			r = run_cut(st, src, &old, &run, err);
		}
		if (old.first < run.first) /* the one before: what lies further back is not touched */
			break;
	}
	if (r >= 0)
		r = run_read(st, Q_ORIGIN_AFTER, src, run.last, &old, err);
	if (r > 0 && old.place == run.place) { /* the next one says the same: days between are covered too */
		run.last = old.last;
		r = run_delete(st, src, old.first, err);
	}
	return r < 0 ? r : run_put(st, src, &run, err);
}

int gs_store_pin(struct gs_store *st, const struct gs_addr *src, int64_t first_day, int64_t last_day, const struct gs_pin *pin, struct gs_error *err)
{
	struct run run = { first_day, last_day, 0 };

	if ((src->family != 4 && src->family != 6) || first_day > last_day || first_day < DAY_MIN || last_day > DAY_MAX)
		return gs_fail(err, GS_ERR_USAGE, "an origin is pinned for an address, from a day to a later one");
	int r = tx_begin(st, err);
	if (r == 0)
		r = place_id(st, pin, &run.place, err);
	if (r == 0)
		r = pin_run(st, src, run, err);
	if (r < 0)
		tx_abort(st);
	return r;
}

int gs_store_pinned(struct gs_store *st, const struct gs_addr *src, int64_t day, struct gs_pin_span *ret, struct gs_error *err)
{
	struct gs_pin_span span = { .first_day = INT64_MIN, .last_day = INT64_MAX };
	struct run run;
	int r = src->family ? run_read(st, Q_ORIGIN_AT, src, day, &run, err) : 0;

	if (r > 0 && day <= run.last) {
		*ret = (struct gs_pin_span){ run.place, run.first, run.last };
		return 0;
	}
	if (r > 0)
		span.first_day = run.last + 1;
	if (r >= 0 && src->family)
		r = run_read(st, Q_ORIGIN_AFTER, src, day, &run, err);
	if (r > 0)
		span.last_day = run.first - 1;
	if (r < 0)
		return r;
	*ret = span;
	return 0;
}

int gs_store_any_pins(struct gs_store *st, bool *ret, struct gs_error *err)
{
	sqlite3_stmt *q = db_stmt(st, Q_ORIGIN_ANY, err);

	if (!q)
		return GS_ERR_STORE;
	int r = db_step(st, q, err, "reading pinned origins");
	if (r <= 0)
		return r;
	*ret = sqlite3_column_int64(q, 0) != 0;
	sqlite3_reset(q);
	return 0;
}

int pins_forget(struct gs_store *st, int64_t before_day, struct gs_error *err)
{
	int r = tx_begin(st, err);

	for (int places = 0; r == 0 && places < 2; places++) {
		sqlite3_stmt *q = db_stmt(st, places ? Q_PLACE_UNUSED_DELETE : Q_ORIGIN_OLD_DELETE, err);
		if (q && !places)
			sqlite3_bind_int64(q, 1, before_day);
		r = q ? db_run(st, q, err, "forgetting pinned origins") : GS_ERR_STORE;
	}
	if (r == 0)
		return tx_commit(st, err);
	tx_abort(st);
	return r;
}
