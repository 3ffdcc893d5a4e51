/*
 * writer.c - the one process that may write the store, and may do nothing else
 *
 * Takes the streams of the engines, commits about once a second or every 64 Ki rows, and acknowledges what is committed. All of the sensor's rows are of one live input,
 * begun anew each day (an epoch, engine.c). What its balance says of packets in sightings is counted here, row by row, so that it agrees with the rows after every commit; what
 * became of the others is what the engines told.
 *
 * Any trouble with the store ends this process with a sentence. Nothing is lost by that: a failed transaction took back what was not acknowledged, the engines keep it, and
 * the next writer, which the parent starts after a pause, is given it again. So there is one way to recover, and it is the one that a kill takes too.
 */
#include "sensor/sensor.h"

#include "sensor/retention.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COMMIT_MS 1000
#define COMMIT_ROWS 65536u
#define ROUND_MESSAGES 64       /* of one engine between two looks at the others */
#define PEER_END_ROUNDS 1024     /* a dead engine says no more than its socket held */
#define SETTLE_S 300            /* rollups are brought up to the last row so often */
#define DATABASES_S 60          /* looked at for new editions */
#define ROOM_STEPS 16           /* of pruning, when there is no room */
#define STORE_CACHE_BYTES (16u << 20) /* rows are added at the end: more would only be slow to fill */
#define OLD_BOTS 65536u         /* processes of engines that died, in this input */
#define EPOCH_MOST_S 60         /* that engines may take to end an epoch; then it ends without the one that does not */
#define ROUND_ROWS 131072u       /* of a round: several times what an engine ends one at */
#define DAY_NS (INT64_C(86400) * GS_NS_PER_S)

struct bots {
	struct gs_store_bot *list;
	uint32_t n, cap;
	struct gs_store_bots_rest rest;
};

/* Of an engine that sends rounds (logs): what came since the last one's end. It goes with the engine, which is read again by the next. */
struct round {
	struct gs_sighting *rows;
	size_t n, cap;
	struct gs_tally added;
	bool any;
};

struct peer {
	int fd;                 /* -1: no engine here */
	uint64_t taken, told;   /* seq of the last message taken, and acknowledged */
	uint64_t whole;         /* of the last one up to which all is in the store with the next commit: taken, but for what is held */
	uint64_t before;        /* seq of the last one taken of engines of this number that are gone */
	uint64_t open;          /* packets in its open windows, as far as is known */
	bool ended, epoch_done, asked;
	struct bots bots;
};

struct writer {
	const struct sensor *s;
	struct options options;
	int control, teller;
	struct gs_store *store;
	struct gs_input *input;
	struct pinner *pin;     /* NULL: origins are not pinned */
	struct gs_sighting_sink sink;
	struct gs_tally run;    /* balance of the input */
	struct message_mark mark; /* as the store will stand with the next commit */
	struct message_mark committed; /* as it stands */
	uint64_t rows, rows_since; /* in all; since the last commit */
	uint64_t before;        /* sightings in the store, of all time, as it was opened */
	uint64_t packets, rejected;
	bool dirty, bots_news, stop, full;
	int64_t next_commit_ms, next_second_ms, epoch_since_ms; /* epoch: 0 none is ending */
	int64_t day, committed_ns;
	uint64_t commit_us, seconds;
	uint64_t databases_stamp;
	char path[4096], folder[4096], name[256];
	dev_t device;
	ino_t inode;
	uint16_t sensor;
	struct bots old;
	struct round round;     /* of the engine of logs */
	bool places_due;        /* a new one waits to hear where it is to begin */
	struct retention retention;
	struct peer peers[SENSOR_ENGINES_MAX];
	struct message in;
};

static int told(struct writer *w, enum notice_level level, unsigned code, const char *key, const char *text)
{
	child_notice(w->control, ROLE_WRITER, 0, level, code, key, "%s", text);
	return -1;
}

/* ---- bots of the input ---- */

static bool bots_room(struct bots *b, uint32_t n, uint32_t most)
{
	if (n > most)
		return false;
	if (n <= b->cap)
		return true;
	uint32_t cap = b->cap ? b->cap : 64;
	while (cap < n)
		cap *= 2;
	struct gs_store_bot *list = realloc(b->list, cap * sizeof *list);
	if (!list)
		return false;
	memset(list + b->cap, 0, (cap - b->cap) * sizeof *list);
	b->list = list;
	b->cap = cap;
	return true;
}

static void bots_clear(struct bots *b)
{
	free(b->list);
	*b = (struct bots){ 0 };
}

/* By number; bot_kind 0: not told yet. */
static void bots_take(struct peer *p, const struct gs_store_bot *b)
{
	const uint32_t i = b->process.number;

	if (i >= ENGINE_PROCESSES || !bots_room(&p->bots, i + 1, ENGINE_PROCESSES))
		return;
	p->bots.list[i] = *b;
	if (i >= p->bots.n)
		p->bots.n = i + 1;
}

static void rest_add(struct gs_store_bots_rest *to, const struct gs_store_bots_rest *r)
{
	to->pending += r->pending;
	to->unlinked += r->unlinked;
	to->refused += r->refused;
	to->skipped += r->skipped;
}

/* An engine is gone, or starts an epoch: what it told of its processes stays with the input. */
static void bots_keep(struct writer *w, struct peer *p)
{
	for (uint32_t i = 0; i < p->bots.n; i++)
		if (p->bots.list[i].process.bot_kind && bots_room(&w->old, w->old.n + 1, OLD_BOTS))
			w->old.list[w->old.n++] = p->bots.list[i];
	rest_add(&w->old.rest, &p->bots.rest);
	bots_clear(&p->bots);
}

static int bots_put(struct writer *w, struct gs_error *err)
{
	struct gs_store_bots_rest rest = w->old.rest;
	uint32_t n = w->old.n, m = 0;

	for (unsigned e = 0; e < w->s->n_engines; e++) {
		n += w->peers[e].bots.n;
		rest_add(&rest, &w->peers[e].bots.rest);
	}
	struct gs_store_bot *list = calloc(n ? n : 1, sizeof *list);
	if (!list)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; i < w->old.n; i++)
		list[m++] = w->old.list[i];
	for (unsigned e = 0; e < w->s->n_engines; e++)
		for (uint32_t i = 0; i < w->peers[e].bots.n; i++)
			if (w->peers[e].bots.list[i].process.bot_kind)
				list[m++] = w->peers[e].bots.list[i];
	for (uint32_t i = 0; i < m; i++) {
		list[i].process.number = i;
		list[i].sensor = w->sensor;
	}
	int r = m || rest.pending || rest.unlinked || rest.refused || rest.skipped ? gs_store_bots_put(w->store, list, m, &rest, err) : 0;
	free(list);
	w->bots_news = false;
	return r;
}

/* ---- committing ---- */

/* Grows with every balance that says anything. */
static uint64_t counted(const struct gs_tally *t)
{
	return t->packets + t->records + t->records_bad + t->records_other;
}

static void input_name(struct writer *w)
{
	const struct config_list *l = &w->s->config->interfaces;
	size_t at = (size_t)snprintf(w->name, sizeof w->name, "live");

	for (unsigned i = 0; i < l->n && at < sizeof w->name; i++)
		at += (size_t)snprintf(w->name + at, sizeof w->name - at, "%s%s", i ? "," : " ", l->item[i]);
	if (w->s->logs && at < sizeof w->name)
		snprintf(w->name + at, sizeof w->name - at, "%slogs", l->n ? "," : " ");
}

static int input_begin(struct writer *w, struct gs_error *err)
{
	const struct gs_input_spec spec = { .path = w->name, .sensor = w->sensor, .window_s = (int64_t)w->s->config->window_s, .options = w->s->config->include_udp };

	w->run = (struct gs_tally){ 0 };
	w->mark.packets = 0;
	w->day = clock_wall_ns() / DAY_NS;
	return gs_input_begin_live(w->store, &spec, &w->input, err);
}

/* The engines learn what a commit will contain before it is made, and that it was made afterwards. */
static void prepare(struct writer *w)
{
	for (unsigned e = 0; e < w->s->n_engines; e++) {
		struct peer *p = &w->peers[e];
		if (p->fd >= 0 && p->whole > p->told)
			(void)message_send(p->fd, MESSAGE_PREPARE_, p->whole, &w->mark, sizeof w->mark, -1);
	}
}

static void acknowledge(struct writer *w)
{
	static const struct message_nothing nothing;

	for (unsigned e = 0; e < w->s->n_engines; e++) {
		struct peer *p = &w->peers[e];
		if (p->fd >= 0 && p->whole > p->told && message_send(p->fd, MESSAGE_ACK_, p->whole, &nothing, sizeof nothing, -1) == MESSAGE_DONE)
			p->told = p->whole;
	}
}

static bool unacknowledged(const struct writer *w)
{
	for (unsigned e = 0; e < w->s->n_engines; e++)
		if (w->peers[e].fd >= 0 && w->peers[e].whole > w->peers[e].told)
			return true;
	return false;
}

/* end: the input is over too. */
static int commit(struct writer *w, bool end, struct gs_error *err)
{
	const int64_t began = clock_steady_ms();
	int r = w->pin ? pinner_write(w->pin, err) : 0;

	if (r == 0 && (end || w->bots_news))
		r = bots_put(w, err);
	w->mark.rows += w->rows_since;
	w->mark.packets = counted(&w->run);
	if (r == 0) {
		prepare(w);
		if (end) {
			struct gs_input *in = w->input;
			w->input = NULL; /* ends also where it fails */
			r = gs_input_end(in, &w->run, NULL, NULL, err);
		} else {
			r = gs_input_checkpoint(w->input, &w->run, err);
		}
	}
	if (r < 0)
		return r;
	w->committed = w->mark;
	acknowledge(w);
	w->rows += w->rows_since;
	w->rows_since = 0;
	w->dirty = false;
	w->committed_ns = clock_wall_ns();
	w->commit_us = (uint64_t)(clock_steady_ms() - began) * 1000;
	w->next_commit_ms = clock_steady_ms() + COMMIT_MS;
	return 0;
}

/* ---- epochs: all engines together ---- */

static void epoch_ask(struct writer *w)
{
	const struct message_epoch ask = { .end = 1 };

	if (!w->epoch_since_ms)
		w->epoch_since_ms = clock_steady_ms();
	for (unsigned e = 0; e < w->s->n_engines; e++) {
		struct peer *p = &w->peers[e];
		if (p->fd >= 0 && !p->ended && !p->epoch_done && !p->asked)
			p->asked = message_send(p->fd, MESSAGE_EPOCH_, 0, &ask, sizeof ask, -1) == MESSAGE_DONE;
	}
}

/* When every engine has ended it, the input ends and another begins. */
static int epoch_work(struct writer *w, struct gs_error *err)
{
	if (!w->epoch_since_ms)
		return 0;
	epoch_ask(w);
	if (clock_steady_ms() - w->epoch_since_ms < EPOCH_MOST_S * 1000)
		for (unsigned e = 0; e < w->s->n_engines; e++)
			if (w->peers[e].fd >= 0 && !w->peers[e].ended && !w->peers[e].epoch_done)
				return 0;
	int r = commit(w, true, err);
	for (unsigned e = 0; e < w->s->n_engines; e++) {
		w->peers[e].epoch_done = w->peers[e].asked = false;
		bots_clear(&w->peers[e].bots);
	}
	bots_clear(&w->old);
	w->epoch_since_ms = 0;
	return r < 0 ? r : input_begin(w, err);
}

/* ---- what engines say ---- */

static void round_drop(struct round *ro)
{
	ro->n = 0;
	ro->added = (struct gs_tally){ 0 };
	ro->any = false;
}

static void peer_leave(struct writer *w, unsigned e)
{
	struct peer *p = &w->peers[e];

	close(p->fd);
	p->fd = -1;
	if (engine_is_logs(w->s, e))
		round_drop(&w->round);
	bots_keep(w, p);
	if (!p->ended && p->open) { /* it died with these */
		w->run.dropped[GS_DROP_ENGINE] += p->open;
		w->dirty = true;
	}
	p->open = 0;
}

static int sightings_take(struct writer *w, struct peer *p, struct gs_sighting *s, size_t n, struct gs_error *err)
{
	uint64_t packets = 0, bytes = 0, counted = 0;

	for (size_t i = 0; i < n; i++) {
		s[i].sensor = w->sensor;
		if (s[i].fidelity != GS_FIDELITY_PACKET && s[i].fidelity != GS_FIDELITY_SAMPLED) /* sampled: the fast path, which counted them all */
			continue;
		packets += s[i].packets;
		bytes += s[i].bytes;
		counted += s[i].fidelity == GS_FIDELITY_SAMPLED ? s[i].packets : 0; /* were in no window */
	}
	int r = w->sink.take(w->sink.arg, s, n, err);
	if (r < 0)
		return r;
	p->open -= packets - counted < p->open ? packets - counted : p->open;
	w->rows_since += n;
	w->run.sightings += n;
	w->run.packets += packets;
	w->run.in_sightings += packets;
	w->run.sighting_bytes += bytes;
	w->packets += packets;
	return 0;
}

/* All but what sightings_take counts. */
static void balance_take(struct writer *w, struct gs_tally *added)
{
	added->packets -= added->in_sightings;
	added->in_sightings = added->sighting_bytes = added->sightings = 0;
	gs_tally_add(&w->run, added);
}

static int round_add(struct round *ro, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	if (ro->n + n > ROUND_ROWS)
		return gs_fail(err, GS_ERR_FORMAT, "a round without an end");
	if (ro->n + n > ro->cap) {
		const size_t cap = ro->cap ? 2 * ro->cap : 4096;
		struct gs_sighting *rows = realloc(ro->rows, cap * sizeof *rows);
		if (!rows)
			return gs_fail(err, GS_ERR_NOMEM, "out of memory");
		ro->rows = rows;
		ro->cap = cap;
	}
	memcpy(ro->rows + ro->n, s, n * sizeof *s);
	ro->n += n;
	ro->any = true;
	return 0;
}

/* A round is whole: what was held goes into the store, and, where they came along, the places. */
static int round_close(struct writer *w, struct peer *p, const struct message_places *places, struct gs_error *err)
{
	const struct config_list *l = &w->s->config->follow;
	struct round *ro = &w->round;
	int r = ro->n ? sightings_take(w, p, ro->rows, ro->n, err) : 0;

	if (r == 0)
		balance_take(w, &ro->added);
	for (unsigned i = 0; r == 0 && places && i < l->n; i++)
		if (places->known >> i & 1)
			r = gs_store_bookmark_put(w->store, w->sensor, l->item[i], &places->at[i], err);
	round_drop(ro);
	return r;
}

static int message_take(struct writer *w, struct peer *p, struct gs_error *err)
{
	w->dirty = true;
	switch (w->in.head.type) {
	case MESSAGE_SIGHTINGS_:
		return sightings_take(w, p, w->in.body.sightings, message_count(&w->in), err);
	case MESSAGE_BALANCE_:
		balance_take(w, &w->in.body.balance.added);
		p->open = w->in.body.balance.open_packets;
		return 0;
	case MESSAGE_BOTS_:
		for (size_t i = 0; i < message_count(&w->in); i++)
			bots_take(p, &w->in.body.bots[i]);
		return 0;
	case MESSAGE_EPOCH_:
		p->bots.rest = w->in.body.epoch.rest;
		w->bots_news = true;
		p->epoch_done = w->in.body.epoch.end && !p->ended;
		if (p->epoch_done)
			epoch_ask(w);
		return 0;
	case MESSAGE_END_:
		p->ended = true;
		p->open = 0;
		return 0;
	default:
		return gs_fail(err, GS_ERR_FORMAT, "the end of a round, where there are none");
	}
}

/* Of an engine that sends rounds. What is held is in no commit, so it makes none. */
static int round_take(struct writer *w, struct peer *p, struct gs_error *err)
{
	switch (w->in.head.type) {
	case MESSAGE_SIGHTINGS_:
		return round_add(&w->round, w->in.body.sightings, message_count(&w->in), err);
	case MESSAGE_BALANCE_:
		gs_tally_add(&w->round.added, &w->in.body.balance.added);
		w->round.any = true;
		return 0;
	case MESSAGE_ROUND_:
		w->dirty = true;
		return round_close(w, p, &w->in.body.places, err);
	case MESSAGE_END_:
		w->dirty = true;
		p->ended = true;
		return round_close(w, p, NULL, err);
	default:
		return message_take(w, p, err);
	}
}

/* What an engine that was not tampered with never says: it is left, and the parent hears of it. */
static void confused(struct writer *w, unsigned e, const char *why)
{
	w->rejected++;
	child_notice(w->control, ROLE_WRITER, e, NOTICE_TROUBLE, 0, "engine.confused", "engine %u said what cannot be (%s); nothing more is taken from it", e, why);
	peer_leave(w, e);
}

static int peer_listen(struct writer *w, unsigned e, struct gs_error *err)
{
	struct peer *p = &w->peers[e];
	const char *why = "another message than is its turn";

	for (unsigned i = 0; i < ROUND_MESSAGES && p->fd >= 0 && !p->epoch_done; i++) {
		int r = message_receive(p->fd, &w->in);
		if (r == MESSAGE_LATER)
			return 0;
		if (r == MESSAGE_OVER) {
			peer_leave(w, e);
			return 0;
		}
		if (r == MESSAGE_BAD || w->in.head.type < MESSAGE_SIGHTINGS_ || w->in.head.type > MESSAGE_END_ || (p->taken && w->in.head.seq != p->taken + 1) ||
		    w->in.head.seq == 0 || p->ended || !message_check(&w->in, (struct gs_time){ clock_wall_ns() }, &why)) {
			confused(w, e, r == MESSAGE_BAD ? "no message" : why);
			return 0;
		}
		if (!p->taken)
			p->told = p->whole = w->in.head.seq - 1;
		p->taken = w->in.head.seq;
		r = engine_is_logs(w->s, e) ? round_take(w, p, err) : message_take(w, p, err);
		if (r == GS_ERR_FORMAT) {
			confused(w, e, err->text);
			return 0;
		}
		if (r < 0)
			return r;
		if (!engine_is_logs(w->s, e) || !w->round.any)
			p->whole = p->taken;
		if (w->rows_since >= COMMIT_ROWS && (r = commit(w, false, err)) < 0)
			return r;
	}
	return 0;
}

/* An engine of logs that begins hears where. What came from the one before it is committed first: whoever dies after this, its rows are in the store, and what the new one reads comes after them. */
static int places_tell(struct writer *w, struct gs_error *err)
{
	const struct config_list *l = &w->s->config->follow;
	const struct peer *p = &w->peers[w->s->n_engines - 1];
	struct message_places m = { 0 };
	int r = w->dirty ? commit(w, false, err) : 0;

	for (unsigned i = 0; r == 0 && i < l->n; i++) {
		struct gs_error why = { 0 };
		const int got = gs_store_bookmark(w->store, w->sensor, l->item[i], &m.at[i], &why);
		if (got == 0)
			m.known |= UINT64_C(1) << i;
		else if (got != GS_ERR_NOENT) /* a new beginning is better than none */
			told(w, NOTICE_TROUBLE, 0, "store.bookmark", why.text);
	}
	w->places_due = r < 0;
	if (r == 0 && p->fd >= 0)
		(void)message_send(p->fd, MESSAGE_PLACES_, 0, &m, sizeof m, -1);
	return r;
}

/* ---- what the parent says ---- */

static void databases_again(struct writer *w, bool asked)
{
	struct gs_error err = { 0 };
	struct pinner *fresh = NULL;

	if (!w->pin)
		return;
	const uint64_t stamp = databases_stamp(&w->options);
	if (!asked && stamp == w->databases_stamp)
		return;
	w->databases_stamp = stamp;
	if (pinner_new(&w->options, w->store, &fresh, &err) < 0) {
		child_notice(w->control, ROLE_WRITER, 0, NOTICE_WARNING, 0, "databases.bad", "the new databases cannot be used, those of before stay in use: %s", err.text);
		return;
	}
	if (pinner_write(w->pin, &err) < 0) { /* the next commit meets the same trouble, and says it */
		pinner_free(fresh);
		return;
	}
	pinner_free(w->pin);
	w->pin = fresh;
	w->sink = pinner_sink(fresh);
	told(w, NOTICE_INFO, 0, "databases.new", "the databases of networks and places were read again");
}

/* The engine before is dead, and what it said before that is still to be heard: its successor wants to know where it ended. */
static int peer_end(struct writer *w, unsigned e, struct gs_error *err)
{
	struct peer *p = &w->peers[e];
	int r = 0;

	for (unsigned i = 0; r == 0 && p->fd >= 0 && i < PEER_END_ROUNDS; i++) {
		p->epoch_done = false;
		r = peer_listen(w, e, err);
	}
	if (p->fd >= 0)
		peer_leave(w, e);
	return r;
}

static int peer_new(struct writer *w, struct gs_error *err)
{
	const unsigned e = w->in.body.peer.number;
	const int fd = w->in.fd;

	if (w->in.body.peer.role == ROLE_TELLER) {
		if (w->teller >= 0)
			close(w->teller);
		w->teller = fd;
		return 0;
	}
	if (w->in.body.peer.role != ROLE_ENGINE || e >= w->s->n_engines) {
		close(fd);
		return 0;
	}
	const int r = w->peers[e].fd >= 0 ? peer_end(w, e, err) : 0;
	w->places_due |= engine_is_logs(w->s, e);
	w->peers[e] = (struct peer){ .fd = fd, .before = w->peers[e].taken ? w->peers[e].taken : w->peers[e].before };
	if (r == 0) /* else another writer will say it */
		(void)message_send(fd, MESSAGE_HELLO_, w->peers[e].before, &w->committed, sizeof w->committed, -1);
	return r;
}

static int parent_listen(struct writer *w, struct gs_error *err)
{
	int r, trouble = 0;

	while (trouble == 0 && (r = message_receive(w->control, &w->in)) == MESSAGE_DONE) {
		if (!message_check(&w->in, (struct gs_time){ 0 }, NULL)) {
			r = MESSAGE_BAD;
			break;
		}
		if (w->in.head.type == MESSAGE_PEER_)
			trouble = peer_new(w, err);
		else if (w->in.head.type == MESSAGE_STOP_)
			w->stop = true;
		else if (w->in.head.type == MESSAGE_RELOAD_)
			databases_again(w, true);
		else if (w->in.head.type == MESSAGE_LIMITS_)
			retention_init(&w->retention, w->in.body.limits.retention_age_s, w->in.body.limits.retention_bytes);
	}
	if (trouble == 0 && r < 0) { /* the parent is gone: engines end too, and say so */
		w->control = -1;
		w->stop = true;
	}
	return trouble;
}

/* ---- once a second ---- */

static void status_send(struct writer *w)
{
	struct message_store m = { .rows = w->rows, .packets = w->packets, .commit_us = w->commit_us, .sightings = w->before + w->rows, .rejected = w->rejected,
				   .committed_ns = w->committed_ns, .full = w->full };
	struct stat st;
	struct statvfs fs;

	if (stat(w->path, &st) == 0)
		m.file_bytes = (uint64_t)st.st_size;
	if (statvfs(w->folder, &fs) == 0)
		m.disk_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	(void)message_send(w->control, MESSAGE_STORE_, 0, &m, sizeof m, -1);
	if (w->teller >= 0)
		(void)message_send(w->teller, MESSAGE_STORE_, 0, &m, sizeof m, -1);
}

/* A file that was removed or replaced can be written to for ever, and nobody will read it. */
static bool still_there(const struct writer *w)
{
	struct stat st;

	return stat(w->path, &st) == 0 && st.st_dev == w->device && st.st_ino == w->inode;
}

static int second(struct writer *w, struct gs_error *err)
{
	char said[400] = "";
	int r = 0;

	if (!still_there(w))
		return gs_fail(err, GS_ERR_STORE, "the store %s was removed or replaced while it was written; another one is begun", w->path);
	w->seconds++;
	if (w->seconds % DATABASES_S == 0)
		databases_again(w, false);
	if (w->day != clock_wall_ns() / DAY_NS)
		epoch_ask(w);
	const struct gs_time now = { clock_wall_ns() };
	const bool due = retention_due(&w->retention, now);
	if (due && w->dirty) /* pruning is a transaction of its own */
		r = commit(w, false, err);
	if (due && r == 0)
		r = retention_tick(&w->retention, w->store, now, said, sizeof said, err);
	if (r == 0 && *said)
		told(w, NOTICE_INFO, 0, "store.pruned", said);
	if (r == 0 && w->seconds % SETTLE_S == 0)
		r = gs_store_settle(w->store, err);
	status_send(w);
	return r;
}

/* ---- a life ---- */

static bool all_over(const struct writer *w)
{
	for (unsigned e = 0; e < w->s->n_engines; e++)
		if (w->peers[e].fd >= 0 && !w->peers[e].ended)
			return false;
	return true;
}

static int rounds(struct writer *w, struct gs_error *err)
{
	struct pollfd p[SENSOR_ENGINES_MAX + 1];
	int r = 0;

	while (r == 0 && !(w->stop && all_over(w))) {
		const int64_t now = clock_steady_ms(), to_commit = w->dirty ? w->next_commit_ms - now : COMMIT_MS, to_second = w->next_second_ms - now;
		const int64_t left = to_commit < to_second ? to_commit : to_second;
		p[0] = (struct pollfd){ w->control, POLLIN, 0 };
		for (unsigned e = 0; e < w->s->n_engines; e++)
			p[e + 1] = (struct pollfd){ w->peers[e].epoch_done ? -1 : w->peers[e].fd, POLLIN, 0 };
		poll(p, w->s->n_engines + 1, left < 0 ? 0 : (int)left);
		for (unsigned e = 0; r == 0 && e < w->s->n_engines; e++)
			if (p[e + 1].revents)
				r = peer_listen(w, e, err);
		if (r == 0 && p[0].revents)
			r = parent_listen(w, err);
		if (r == 0 && w->places_due)
			r = places_tell(w, err);
		if (r == 0)
			r = epoch_work(w, err);
		/* an engine that has said END waits for nothing but this */
		const bool last = all_over(w) && unacknowledged(w);
		if (r == 0 && w->dirty && (last || clock_steady_ms() >= w->next_commit_ms))
			r = commit(w, false, err);
		if (r == 0 && clock_steady_ms() >= w->next_second_ms) {
			w->next_second_ms = clock_steady_ms() + 1000;
			r = second(w, err);
		}
	}
	return r;
}

static int mark_each(void *arg, const struct gs_input_info *in, struct gs_error *err)
{
	struct message_mark *m = arg;

	if (in->live)
		m->packets = counted(&in->tally); /* the last of them is the newest */
	return 0;
}

/* As the store stands: what the engines hold against what they were told before. */
static int mark_read(struct writer *w, struct gs_error *err)
{
	struct gs_store_info info;
	struct stat st;
	int r = gs_store_info(w->store, &info, err);

	if (r < 0)
		return r;
	w->before = info.sightings;
	w->mark = (struct message_mark){ .store = info.store_id, .rows = info.next_seq };
	snprintf(w->path, sizeof w->path, "%s", info.path);
	if (stat(w->path, &st) < 0)
		return gs_fail(err, GS_ERR_STORE, "the store %s is gone", w->path);
	w->device = st.st_dev;
	w->inode = st.st_ino;
	snprintf(w->folder, sizeof w->folder, "%s", w->path);
	char *slash = strrchr(w->folder, '/');
	if (!slash)
		snprintf(w->folder, sizeof w->folder, ".");
	else
		slash[slash == w->folder] = '\0';
	r = gs_store_inputs(w->store, mark_each, &w->mark, err);
	w->committed = w->mark;
	return r;
}

static int opened(struct writer *w, struct gs_error *err)
{
	const char *name = w->s->config->sensor;
	int r = store_open(&w->options, GS_STORE_CREATE, &w->store, err);

	if (r == 0)
		r = gs_store_sensor(w->store, name, strlen(name), &w->sensor, err);
	if (r == 0)
		r = mark_read(w, err);
	w->sink = r < 0 ? w->sink : gs_store_sink(w->store);
	if (r == 0 && w->s->pin_origin) {
		w->databases_stamp = databases_stamp(&w->options);
		r = pinner_new(&w->options, w->store, &w->pin, err);
		if (r == 0)
			w->sink = pinner_sink(w->pin);
	}
	return r;
}

static int closed_in(struct writer *w, struct gs_error *err)
{
	struct sandbox_options so = { .role = ROLE_WRITER, .packet_fd = -1, .write = { w->folder }, .n_write = 1, .read = { "/dev/urandom" }, .n_read = 1 };
	struct sandbox_state state = { 0 };
	char folders[SANDBOX_PATHS][4096];

	if (w->pin) {
		const size_t n = databases_places(&w->options, folders, SANDBOX_PATHS - 1);
		for (size_t i = 0; i < n; i++)
			so.read[so.n_read++] = folders[i];
	}
	return sandbox_lock(&so, &state, err);
}

/* On a full disk or quota the oldest rows go, where the configuration allows it: the next writer finds room then. Input and open transaction are given up. */
static void make_room(struct writer *w)
{
	struct gs_error err = { 0 };
	unsigned steps = 0;

	gs_input_drop(w->input);
	w->input = NULL;
	while (steps < ROOM_STEPS && retention_full(&w->retention, w->store, &err) == 0)
		steps++;
	if (steps)
		told(w, NOTICE_INFO, 0, "store.room", "the oldest rows went to make room, as the configuration allows; their hourly sums stay");
	else
		told(w, NOTICE_TROUBLE, 0, "store.noroom", err.text);
}

/* What fails before the first row is the user's to put right, if it fails at the start of the program: the parent knows. */
static void ended(struct writer *w, const struct gs_error *err, int r, bool ready)
{
	w->full = w->store && gs_store_full(w->store);
	child_notice(w->control, ROLE_WRITER, 0, ready ? NOTICE_TROUBLE : NOTICE_FATAL,
	             (unsigned)store_exit_code(r), w->full ? "store.full" : "store.failed", "%s", err->text);
	if (w->full) /* its last words: it is so until a writer has lived for a second, and so could commit */
		status_send(w);
}

int writer_run(const struct sensor *s, int control)
{
	struct writer *w = calloc(1, sizeof *w);
	struct sandbox_state state = { 0 };
	struct gs_error err = { 0 };

	if (!w)
		return CHILD_BROKEN;
	w->s = s;
	w->options = *s->options;
	w->options.store_cache_bytes = STORE_CACHE_BYTES;
	w->options.own_databases = true; /* one that is overwritten in place must not take this process with it */
	w->control = control;
	w->teller = -1;
	for (unsigned e = 0; e < SENSOR_ENGINES_MAX; e++)
		w->peers[e].fd = -1;
	input_name(w);
	retention_init(&w->retention, s->config->retention_age_s, s->config->retention_bytes);
	int r = sandbox_user(&s->writer_user, &state, &err);
	if (r == 0)
		r = opened(w, &err);
	if (r == 0)
		r = closed_in(w, &err);
	if (r == 0)
		r = input_begin(w, &err);
	const bool ready = r == 0;
	if (ready) {
		(void)message_send(control, MESSAGE_READY_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
		w->next_second_ms = w->next_commit_ms = clock_steady_ms() + 1000;
		r = rounds(w, &err);
	}
	if (r == 0)
		r = commit(w, true, &err);
	if (r < 0) {
		ended(w, &err, r, ready);
		if (w->full)
			make_room(w);
		return CHILD_BROKEN;
	}
	status_send(w);
	gs_store_close(w->store);
	return EXIT_DONE;
}
