/*
 * engine.c - one interface's packets: capture, corridor, stream of sightings
 *
 * Opens its socket with the right that it was started with, then gives up everything (sandbox.c). From then on it has memory, its descriptors and the clock. One
 * loop: frames as long as there are any, messages, and once a second the rest: windows by the clock, balance, status. No system call per packet.
 *
 * Bots live in epochs: a tracker that is full, or a day old, is begun anew, together in all engines, because the store keeps one list of processes for each
 * input. The writer says when (EPOCH); the answer is the last list, the end of the epoch, and an empty tracker.
 */
#include "sensor/sensor.h"

#include "observe/pulse.h"
#include "pipeline/corridor.h"
#include "sensor/engine_logs.h"
#include "sensor/fast.h"
#include "sensor/held.h"
#include "sensor/outbox.h"
#include "source/iface.h"
#include "source/keep_pcap.h"
#include "source/live.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUND_BATCHES 256      /* of frames between two looks at the sockets: some milliseconds */
#define DRAIN_MOST_MS 400      /* at the end, however much still comes in */
#define LAST_MS 30000          /* for the writer to acknowledge the last of it; the parent is less patient */
#define ROUND_MS 50            /* of logs, between two ends of rounds */
#define ROUND_LONG 64          /* messages: then it ends at once; what is folded for want of room is in none */
#define ROUND_IDLE_MS 10000    /* where nothing in them was of GRE */
#define BOTS_EVERY_S 60
#define EPOCH_LEAST_S 60       /* so long has each, however many bots somebody makes: it is an input of the store */
#define ENGINE_SEARCHES 2000 /* for bots, a second: some hundredths of a processor, whatever is made to look like one */
#define KEEP_TELL_S 60
#define STEP_NS (GS_NS_PER_S / 2) /* the wall clock moved so much against the steady one: it was set */

struct engine {
	const struct sensor *s;
	unsigned number;
	int control, writer, teller;
	/* one of the three */
	struct gs_live *live;          /* the ring */
	struct fast *fast;             /* the fast path */
	struct held left;              /* by the engine before, until it is taken over */
	bool begun;
	struct logs *logs;
	struct gs_ifaces *ifaces;
	struct gs_watch *watch;
	struct gs_corridor *corridor;
	struct gs_pulse *pulse;
	struct gs_keep *keep;          /* NULL: packets are not kept */
	uint64_t keep_missed;          /* told so far */
	struct gs_frame kept[GS_SOURCE_BATCH];
	struct outbox *out;
	struct gs_sighting_sink to_outbox;
	struct gs_tally extra;         /* what the corridor does not count: losses, records, what folded in the outbox */
	struct gs_tally told;          /* what the writer was told so far, in sum */
	uint64_t passed, record_packets; /* in sightings that came out of the corridor; of these, such as came in as records */
	uint64_t teller_missed, clock_steps, late_told;
	struct gs_iface_counters iface_base;
	bool iface_known;
	uint64_t below;                /* from earlier lives of the interface's counters */
	int64_t clock_gap_ns;          /* wall minus steady */
	int64_t next_second_ms;
	uint64_t seconds;
	uint64_t logs_tell_at;         /* in seconds: not before */
	uint64_t round_seq;            /* of the stream, with the last ROUND */
	int64_t round_ms;              /* when that was put */
	uint8_t link;
	bool behind;                   /* the last round left frames in the ring */
	bool stop, ending_epoch;
	int exit_status;
	uint64_t epoch_at;             /* in seconds: a tracker that is full is begun anew, not before */
	uint32_t bots_at;              /* of the round that is under way */
	bool bots_round;
	uint64_t bots_sent[ENGINE_PROCESSES]; /* packets_seen when it was last told */
	struct gs_frame frames[GS_SOURCE_BATCH];
	struct gs_store_bot bots[MESSAGE_BOTS];
	struct gs_sighting counted[MESSAGE_SIGHTINGS]; /* by the kernel, not passed on yet */
	unsigned n_counted;
	struct gs_pulse_second second;
	struct message in;
};

static void notice(struct engine *e, enum notice_level level, const char *key, const char *text)
{
	child_notice(e->control, ROLE_ENGINE, e->number, level, 0, key, "%s", text);
}

static void fail(struct engine *e, const struct gs_error *err)
{
	notice(e, NOTICE_TROUBLE, "engine.failed", err->text);
	e->exit_status = CHILD_BROKEN;
	e->stop = true;
}

/* ---- out ---- */

/* To the teller as far as it keeps up; to the outbox always. */
static int pass_on(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct engine *e = arg;

	for (size_t i = 0; i < n; i++)
		e->passed += s[i].packets;
	for (size_t i = 0; e->teller >= 0 && i < n; i += MESSAGE_SIGHTINGS) {
		const size_t m = n - i < MESSAGE_SIGHTINGS ? n - i : MESSAGE_SIGHTINGS;
		if (message_send(e->teller, MESSAGE_SIGHTINGS_, e->number, s + i, m * sizeof *s, -1) == MESSAGE_DONE)
			continue;
		e->teller_missed += n - i;
		break;
	}
	int r = e->to_outbox.take(e->to_outbox.arg, s, n, err);
	(void)outbox_pump_full(e->out);
	return r;
}

static void seen(void *arg, const struct gs_frame *const *f, const struct gs_packet *const *p, const struct gs_verdict *v, size_t n)
{
	struct engine *e = arg;
	struct gs_error err = { 0 };

	gs_pulse_packets(e->pulse, p, v, n);
	if (!e->keep)
		return;
	for (size_t i = 0; i < n; i++)
		e->kept[i] = *f[i];
	if (gs_keep_frames(e->keep, e->kept, n, &err) < 0)
		notice(e, NOTICE_TROUBLE, "evidence.write", err.text);
}

static int counted_pass(struct engine *e, struct gs_error *err)
{
	const size_t n = e->n_counted;

	e->n_counted = 0;
	return n ? pass_on(e, e->counted, n, err) : 0;
}

/* What the kernel counted: packets in sightings that never were in a window. They come one by one, and each that went on its own would take up a whole message of the stream. */
static int counted(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	struct engine *e = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		gs_pulse_sighting(e->pulse, &s[i]);
		e->extra.packets += s[i].packets;
		e->extra.in_sightings += s[i].packets;
		e->extra.sighting_bytes += s[i].bytes;
		e->extra.folded_packets += s[i].flags & GS_SIGHTING_FOLDED ? s[i].packets : 0;
		e->extra.sightings++;
		e->counted[e->n_counted++] = s[i];
		if (e->n_counted == MESSAGE_SIGHTINGS)
			r = counted_pass(e, err);
	}
	return r;
}

static void sampled(void *arg, const struct gs_frame *f)
{
	struct engine *e = arg;
	struct gs_error err = { 0 };

	if (e->keep && gs_keep_frames(e->keep, f, 1, &err) < 0)
		notice(e, NOTICE_TROUBLE, "evidence.write", err.text);
}

/* ---- evidence: files come from the parent ---- */

static void evidence_ask(void *arg, struct gs_time first)
{
	struct engine *e = arg;
	const struct message_open m = { .time_ns = first.ns };

	if (message_send(e->control, MESSAGE_OPEN_, 0, &m, sizeof m, -1) != MESSAGE_DONE)
		gs_keep_refuse(e->keep, (struct gs_time){ clock_wall_ns() });
}

static void evidence_take(struct engine *e)
{
	struct gs_error err = { 0 };

	if (e->in.fd < 0 && e->keep)
		gs_keep_refuse(e->keep, (struct gs_time){ clock_wall_ns() });
	else if (!e->keep)
		close(e->in.fd);
	else if (gs_keep_give(e->keep, e->in.fd, e->in.body.opened.name, &err) < 0)
		notice(e, NOTICE_TROUBLE, "evidence.write", err.text);
}

static void evidence_second(struct engine *e)
{
	struct gs_error err = { 0 };
	struct gs_keep_counts c;

	if (!e->keep)
		return;
	if (gs_keep_tick(e->keep, (struct gs_time){ clock_wall_ns() }, &err) < 0)
		notice(e, NOTICE_TROUBLE, "evidence.write", err.text);
	gs_keep_count(e->keep, &c);
	if (c.missed == e->keep_missed || e->seconds % KEEP_TELL_S != 0)
		return;
	child_notice(e->control, ROLE_ENGINE, e->number, NOTICE_WARNING, 0, "evidence.missed", "%" PRIu64 " packets were not kept as evidence; they are counted all the same",
	             c.missed - e->keep_missed);
	e->keep_missed = c.missed;
}

/* The balance since the engine started. */
static struct gs_tally tally_now(const struct engine *e)
{
	struct gs_tally t = gs_corridor_tally(e->corridor);

	gs_tally_add(&t, &e->extra);
	t.folded_packets += outbox_state(e->out).folded_packets;
	return t;
}

static uint64_t open_packets(const struct engine *e, const struct gs_tally *t)
{
	const uint64_t out = e->passed - e->record_packets;

	return t->in_sightings > out ? t->in_sightings - out : 0;
}

/* a - b; all members are counters that only grow. */
static struct gs_tally tally_since(const struct gs_tally *a, const struct gs_tally *b)
{
	struct gs_tally t;
	const uint64_t *x = (const uint64_t *)(const void *)a, *y = (const uint64_t *)(const void *)b;
	uint64_t *z = (uint64_t *)(void *)&t;

	for (size_t i = 0; i < sizeof t / sizeof *z; i++)
		z[i] = x[i] - y[i];
	return t;
}

/* What the writer did not hear yet. Waits while earlier ones queue: they are many where the writer is away for long. False: not now. */
static bool balance_put(struct engine *e, bool last)
{
	const struct outbox_state os = outbox_state(e->out);
	const struct gs_tally now = tally_now(e);
	const struct message_balance b = { .added = tally_since(&now, &e->told), .open_packets = open_packets(e, &now) };
	static const struct gs_tally none;

	if (memcmp(&b.added, &none, sizeof none) == 0 && !last)
		return true;
	if (!last && os.sent < os.put && os.used_bytes > os.cap_bytes / 2)
		return false;
	if (!outbox_put(e->out, MESSAGE_BALANCE_, &b, sizeof b))
		return false;
	e->told = now;
	return true;
}

/* ---- rounds, of logs ---- */

/* All that was read so far is in the stream: says so, and where reading is. Not after every few rows, and of lines that made none now and then only: each is a commit. */
static void round_put(struct engine *e, bool last)
{
	const int64_t since = clock_steady_ms() - e->round_ms;
	struct message_places places;

	if (!last && since < ROUND_MS && outbox_state(e->out).put - e->round_seq < ROUND_LONG)
		return;
	(void)balance_put(e, last);
	const bool rows = outbox_state(e->out).put != e->round_seq;
	if (!rows && !last && since < ROUND_IDLE_MS)
		return;
	if ((!logs_places(e->logs, &places) && !rows) || !outbox_put(e->out, MESSAGE_ROUND_, &places, sizeof places))
		return;
	logs_round_put(e->logs, &places);
	e->round_seq = outbox_state(e->out).put;
	e->round_ms = clock_steady_ms();
}

/* ---- bots ---- */

/* Those that are news, as far as there is room; true at the end of the round. */
static bool bots_put(struct engine *e, bool end)
{
	struct gs_tracker *t = gs_watch_tracker(e->watch);
	const struct gs_tracker_tally y = gs_tracker_tally(t);
	const uint32_t known = gs_tracker_count(t), n = known < ENGINE_PROCESSES ? known : ENGINE_PROCESSES;

	while (e->bots_at < n) {
		uint32_t at = e->bots_at;
		size_t m = 0;
		for (; at < n && m < MESSAGE_BOTS; at++) {
			struct gs_store_bot *b = &e->bots[m];
			memset(b, 0, sizeof *b);
			if (!gs_tracker_process(t, at, &b->process) || b->process.packets_seen == e->bots_sent[at])
				continue;
			const unsigned attacks = gs_tracker_attacks(t, at, b->attacks, GS_STORE_BOT_ATTACKS);
			b->n_attacks = attacks < GS_STORE_BOT_ATTACKS ? attacks : GS_STORE_BOT_ATTACKS;
			m++;
		}
		if (m && !outbox_put(e->out, MESSAGE_BOTS_, e->bots, m * sizeof *e->bots))
			return false;
		for (size_t i = 0; i < m; i++)
			e->bots_sent[e->bots[i].process.number] = e->bots[i].process.packets_seen;
		e->bots_at = at;
	}
	const struct message_epoch epoch = { .rest = { y.pending, y.unlinked, y.refused, y.skipped }, .end = end };
	if (!outbox_put(e->out, MESSAGE_EPOCH_, &epoch, sizeof epoch))
		return false;
	e->bots_at = 0;
	return true;
}

static int bots_forget(struct engine *e, struct gs_error *err)
{
	int r = gs_corridor_flush(e->corridor, err); /* open windows hold its names */

	if (r == 0)
		r = gs_watch_reset(e->watch, err);
	memset(e->bots_sent, 0, sizeof e->bots_sent);
	e->bots_at = 0;
	e->bots_round = e->ending_epoch = false;
	e->epoch_at = e->seconds + EPOCH_LEAST_S;
	return r;
}

/* The rounds that are due, as far as there is room for them. */
static int bots_work(struct engine *e, struct gs_error *err)
{
	if (e->ending_epoch) {
		int r = gs_corridor_flush(e->corridor, err);
		if (e->logs)
			round_put(e, true);
		if (r < 0 || !bots_put(e, true))
			return r;
		return bots_forget(e, err);
	}
	if (e->bots_round && bots_put(e, false))
		e->bots_round = false;
	return 0;
}

/* ---- in ---- */

/* Once: how the interface went away or came back. */
static void news(struct engine *e, int what, const char *text)
{
	switch (what) {
	case GS_LIVE_DOWN:
		e->link = LINK_DOWN;
		notice(e, NOTICE_WARNING, "interface.down", text);
		break;
	case GS_LIVE_UP:
		e->link = LINK_UP;
		notice(e, NOTICE_INFO, "interface.up", text);
		break;
	case GS_LIVE_GONE:
		e->link = LINK_GONE;
		notice(e, NOTICE_WARNING, "interface.gone", text);
		e->exit_status = CHILD_GONE;
		e->stop = true;
		break;
	default:
		break;
	}
}

/* Rows of logs instead. Files can wait where there is not much room for what is in them, so none of their rows is ever folded. */
static int logs_round(struct engine *e, struct gs_error *err)
{
	const struct outbox_state os = outbox_state(e->out);
	const size_t room = os.used_bytes < os.cap_bytes / 2 ? (os.cap_bytes / 2 - os.used_bytes) / sizeof(struct gs_sighting) : 0;

	return logs_take(e->logs, e->corridor, &e->extra, &e->record_packets, room, &e->behind, e->control, e->number, err);
}

/* Frames, for a while. Negative: the corridor's trouble. */
static int frames_take(struct engine *e, struct gs_error *err)
{
	struct gs_error trouble = { 0 };

	if (e->fast)
		return fast_frames(e->fast, e->corridor, ROUND_BATCHES, &e->behind, err);
	if (e->logs)
		return logs_round(e, err);
	e->behind = true;
	for (unsigned i = 0; i < ROUND_BATCHES; i++) {
		size_t n = 0;
		int what = gs_live_frames(e->live, e->frames, GS_SOURCE_BATCH, &n, &trouble);
		int r = n ? gs_corridor_frames(e->corridor, e->frames, n, err) : 0;
		if (r < 0)
			return r;
		if (what < 0) {
			fail(e, &trouble);
			return 0;
		}
		news(e, what, trouble.text);
		if (n == 0 || e->stop) {
			e->behind = false;
			return 0;
		}
	}
	return 0;
}

static void peer_take(struct engine *e)
{
	switch (e->in.body.peer.role) {
	case ROLE_WRITER:
		if (e->writer >= 0)
			close(e->writer);
		e->writer = e->in.fd;
		outbox_connect(e->out, e->writer);
		return;
	case ROLE_TELLER:
		if (e->teller >= 0)
			close(e->teller);
		e->teller = e->in.fd;
		return;
	default:
		close(e->in.fd);
	}
}

/* What the engine before left is sent before this one begins, and no other time. */
static void left_take(struct engine *e)
{
	if (!e->begun)
		held_take(&e->left, &e->in);
	else if (e->in.fd >= 0)
		close(e->in.fd);
}

static void parent_listen(struct engine *e)
{
	int r;

	while ((r = message_receive(e->control, &e->in)) == MESSAGE_DONE) {
		if (!message_check(&e->in, (struct gs_time){ INT64_MAX / 2 }, NULL)) {
			r = MESSAGE_BAD;
			break;
		}
		if (e->in.head.type == MESSAGE_PEER_)
			peer_take(e);
		else if (e->in.head.type == MESSAGE_STOP_)
			e->stop = true;
		else if (e->in.head.type == MESSAGE_OPENED_)
			evidence_take(e);
		else if (e->in.head.type == MESSAGE_HOLD_)
			left_take(e);
	}
	if (r < 0) { /* the parent is gone: what is here still goes to the writer */
		e->control = -1;
		e->stop = true;
	}
}

static void writer_leave(struct engine *e)
{
	if (e->writer >= 0)
		close(e->writer);
	e->writer = -1;
	outbox_connect(e->out, -1);
}

/* What the kernel counted, as soon as it is known where the engine before ended. */
static int counts_take(struct engine *e, bool now, struct gs_error *err)
{
	struct handed_sum before;
	const int r = outbox_settled(e->out, now, &before) ? fast_counts(e->fast, &before, err) : 0;

	return r < 0 ? r : counted_pass(e, err);
}

static int writer_listen(struct engine *e, struct gs_error *err)
{
	int r = 0, got = MESSAGE_LATER;

	while (r == 0 && e->writer >= 0 && (got = message_receive(e->writer, &e->in)) == MESSAGE_DONE) {
		if (e->in.head.type == MESSAGE_EPOCH_) {
			e->ending_epoch = true;
			e->bots_at = 0;
			continue;
		}
		if (e->in.head.type == MESSAGE_PLACES_ && e->logs) {
			logs_begin(e->logs, &e->in.body.places, e->control, e->number);
			continue;
		}
		const bool again = e->in.head.type == MESSAGE_HELLO_ && outbox_state(e->out).put > 0;
		if (!outbox_take(e->out, &e->in)) {
			notice(e, NOTICE_WARNING, "writer.confused", "the writer said what makes no sense; it is left");
			writer_leave(e);
			return 0;
		}
		if (r == 0 && e->fast && e->in.head.type == MESSAGE_HELLO_) /* of what is read now most samples are gone with the engine before; what comes is sampled anew */
			r = counts_take(e, false, err);
		if (r == 0 && again) /* another writer, another input: what this one's list of processes holds was told to the last one */
			r = bots_forget(e, err);
	}
	e->behind |= e->logs != NULL; /* there may be room for what waited in files */
	if (got < 0)
		writer_leave(e);
	return r;
}

/* ---- once a second ---- */

static bool below_add(void *arg, const struct gs_iface_state *s)
{
	*(uint64_t *)arg += gs_iface_lost(&s->rx);
	return true;
}

/* What the interface could not take. One of several workers counts it; on "any" all interfaces count. */
static void interface_look(struct engine *e)
{
	const char *name = engine_interface(e->s, e->number);
	struct gs_iface_state s;
	struct gs_iface_counters since;
	uint64_t all = 0;

	if (!e->ifaces || (e->s->config->workers > 1 && e->number % e->s->config->workers != 0))
		return;
	if (strcmp(name, GS_LIVE_ANY) == 0) {
		if (gs_iface_each(e->ifaces, below_add, &all, NULL) < 0)
			return;
		if (e->iface_known && all > e->below)
			e->extra.dropped[GS_DROP_BELOW] += all - e->below;
		e->below = all;
		e->iface_known = true;
		return;
	}
	if (gs_iface_get(e->ifaces, name, 0, &s, NULL) < 0)
		return;
	if (e->iface_known) {
		gs_iface_since(&e->iface_base, &s.rx, &since);
		e->extra.dropped[GS_DROP_BELOW] += gs_iface_lost(&since);
	}
	e->iface_base = s.rx;
	e->iface_known = true;
}

static void losses_look(struct engine *e)
{
	struct gs_live_losses l;

	if (e->fast)
		e->extra.dropped[GS_DROP_RING] = fast_lost(e->fast);
	else if (e->live && gs_live_losses(e->live, &l, NULL) == 0)
		e->extra.dropped[GS_DROP_RING] = l.dropped;
	interface_look(e);
}

/* What is still in the ring when nobody will read it any more. */
static void ring_leave(struct engine *e)
{
	struct gs_live_losses l;

	if (e->live && gs_live_losses(e->live, &l, NULL) == 0)
		e->extra.dropped[GS_DROP_RING] = l.dropped + l.waiting;
}

/* How the interface is, where no ring tells. */
static void link_look(struct engine *e)
{
	const char *name = engine_interface(e->s, e->number);
	struct gs_iface_state s;
	struct gs_error err = { 0 };
	char text[80];
	int r = e->fast && e->ifaces ? gs_iface_get(e->ifaces, name, 0, &s, &err) : GS_ERR_IO;

	if (r == GS_ERR_NOENT)
		news(e, GS_LIVE_GONE, err.text);
	if (r == 0 && s.ifindex != fast_ifindex(e->fast)) { /* removed, and made anew */
		snprintf(text, sizeof text, "%s: the interface is another one by now", name);
		news(e, GS_LIVE_GONE, text);
		return;
	}
	if (r < 0 || s.up == (e->link == LINK_UP))
		return;
	snprintf(text, sizeof text, "%s: the interface is %s", name, s.up ? "up again" : "down");
	news(e, s.up ? GS_LIVE_UP : GS_LIVE_DOWN, text);
}

/* Where the wall clock was set: windows that are open were made by another time, so they end here. */
static int clock_look(struct engine *e, struct gs_error *err)
{
	const int64_t gap = clock_wall_ns() - clock_steady_ms() * 1000000, moved = gap - e->clock_gap_ns;

	e->clock_gap_ns = gap;
	if (moved > -STEP_NS && moved < STEP_NS)
		return 0;
	e->clock_steps++;
	child_notice(e->control, ROLE_ENGINE, e->number, NOTICE_WARNING, 0, "clock.step", "the clock was set %s by %" PRId64 ".%03u s: windows that were open end here",
	             moved > 0 ? "forward" : "back", (moved > 0 ? moved : -moved) / GS_NS_PER_S,
	             (unsigned)((moved > 0 ? moved : -moved) % GS_NS_PER_S / 1000000));
	return gs_corridor_flush(e->corridor, err);
}

static void status_send(struct engine *e)
{
	const struct outbox_state os = outbox_state(e->out);
	struct message_status s = { .engine = e->number, .link = e->link, .tally = tally_now(e), .queue_bytes = os.used_bytes, .queue_cap_bytes = os.cap_bytes,
				    .rows_sent = os.rows_sent, .rows_acked = os.rows_acked, .memory_bytes = gs_corridor_peak_bytes(e->corridor),
				    .processes = gs_tracker_count(gs_watch_tracker(e->watch)), .clock_steps = e->clock_steps,
				    .teller_missed = e->teller_missed, .time_ns = clock_wall_ns() };

	s.open_packets = open_packets(e, &s.tally);
	if (e->logs)
		logs_count(e->logs, &s);
	snprintf(s.source, sizeof s.source, "%s", engine_interface(e->s, e->number));
	(void)message_send(e->control, MESSAGE_STATUS_, 0, &s, sizeof s, -1);
	if (e->teller >= 0)
		(void)message_send(e->teller, MESSAGE_STATUS_, e->number, &s, sizeof s, -1);
}

static void pulse_send(struct engine *e)
{
	const uint64_t late = gs_corridor_tally(e->corridor).late_packets;

	gs_pulse_take(e->pulse, (struct gs_time){ clock_wall_ns() }, gs_tracker_count(gs_watch_tracker(e->watch)), late - e->late_told, &e->second);
	e->late_told = late;
	if (e->teller >= 0)
		(void)message_send(e->teller, MESSAGE_PULSE_, e->number, &e->second, sizeof e->second, -1);
}

static int second(struct engine *e, struct gs_error *err)
{
	int r = clock_look(e, err);

	if (r == 0 && !e->behind) /* a ring that is full of the past decides by its packets */
		r = gs_corridor_advance(e->corridor, (struct gs_time){ clock_wall_ns() - SENSOR_LATE_NS }, err);
	if (r == 0 && e->fast)
		r = counts_take(e, false, err);
	losses_look(e);
	link_look(e);
	if (++e->seconds % BOTS_EVERY_S == 0)
		e->bots_round = true;
	if (gs_tracker_count(gs_watch_tracker(e->watch)) >= gs_watch_most(e->watch) && e->seconds >= e->epoch_at)
		e->ending_epoch = true;
	if (r == 0)
		r = bots_work(e, err);
	(void)balance_put(e, false);
	evidence_second(e);
	if (e->logs && e->seconds >= e->logs_tell_at && logs_tell(e->logs, e->control, e->number))
		e->logs_tell_at = e->seconds + KEEP_TELL_S;
	status_send(e);
	pulse_send(e);
	return r;
}

/* ---- a life ---- */

/* -1: no such descriptor, poll leaves it out. */
static int rounds(struct engine *e, struct gs_error *err)
{
	int r = 0;

	while (r == 0 && !e->stop) {
		const struct outbox_state os = outbox_state(e->out);
		const bool round_open = e->logs && os.put != e->round_seq;
		const int64_t second_left = e->next_second_ms - clock_steady_ms(), left = round_open && second_left > ROUND_MS ? ROUND_MS : second_left;
		struct pollfd p[3 + LOGS_POLL] = { { e->fast ? fast_fd(e->fast) : e->live ? gs_live_fd(e->live) : -1, POLLIN, 0 }, { e->control, POLLIN, 0 },
				      { e->writer, (short)(POLLIN | (os.sent < os.put ? POLLOUT : 0)), 0 } };
		const unsigned n = 3 + (e->logs ? logs_poll(e->logs, p + 3) : 0);
		poll(p, n, e->behind || left <= 0 ? 0 : (int)left);
		for (unsigned i = 3; i < n; i++)
			p[0].revents |= p[i].revents;
		if (p[0].revents || e->behind || clock_steady_ms() >= e->next_second_ms) /* once a second also to hear how the interface is */
			r = frames_take(e, err);
		if (r == 0 && e->logs)
			round_put(e, false);
		if (p[1].revents)
			parent_listen(e);
		if (r == 0 && p[2].revents)
			r = writer_listen(e, err);
		if (outbox_pump(e->out) == MESSAGE_OVER && e->writer >= 0)
			writer_leave(e);
		if (r == 0 && clock_steady_ms() >= e->next_second_ms) {
			e->next_second_ms += 1000;
			if (e->next_second_ms < clock_steady_ms())
				e->next_second_ms = clock_steady_ms() + 1000;
			r = second(e, err);
		}
	}
	return r;
}

/* What the kernel still holds. */
static int drain(struct engine *e, struct gs_error *err)
{
	const int64_t until = clock_steady_ms() + DRAIN_MOST_MS;
	int r = e->logs ? frames_take(e, err) : 0;

	if (e->fast) {
		fast_stop(e->fast);
		do
			r = fast_frames(e->fast, e->corridor, ROUND_BATCHES, &e->behind, err);
		while (r == 0 && e->behind && clock_steady_ms() < until);
		return r < 0 ? r : counts_take(e, true, err);
	}
	while (r == 0 && e->logs && e->behind && clock_steady_ms() < until) {
		round_put(e, false);
		r = frames_take(e, err);
	}
	if (r == 0 && e->logs)
		round_put(e, true);
	while (r == 0 && e->live && clock_steady_ms() < until) {
		size_t n = 0;
		int what = gs_live_drain(e->live, GS_LIVE_DRAIN_MS, e->frames, GS_SOURCE_BATCH, &n, NULL);
		r = n ? gs_corridor_frames(e->corridor, e->frames, n, err) : 0;
		if (what < 0 || (n == 0 && what == GS_LIVE_FINE))
			break;
	}
	return r;
}

/* The last of the stream, and until the writer has it for good. Windows are flushed. */
static void finish(struct engine *e)
{
	const int64_t until = clock_steady_ms() + LAST_MS;
	struct gs_error err = { 0 };
	bool told = false, bots = false, ended = false;

	while (clock_steady_ms() < until) {
		if (!bots)
			bots = bots_put(e, false);
		if (bots && !told && !outbox_state(e->out).folding) {
			told = balance_put(e, true);
			ended = told && outbox_put(e->out, MESSAGE_END_, &(struct message_nothing){ 0 }, sizeof(struct message_nothing));
		}
		if (told && !ended)
			ended = outbox_put(e->out, MESSAGE_END_, &(struct message_nothing){ 0 }, sizeof(struct message_nothing));
		const int r = outbox_pump(e->out);
		const struct outbox_state os = outbox_state(e->out);
		if (ended && os.acked == os.put)
			return;
		struct pollfd p[] = { { e->writer, (short)(POLLIN | (r == MESSAGE_LATER ? POLLOUT : 0)), 0 }, { e->control, POLLIN, 0 } };
		poll(p, 2, 100);
		if (p[0].revents)
			(void)writer_listen(e, &err);
		if (p[1].revents)
			parent_listen(e); /* a new writer may come from there */
		if (e->control < 0 && e->writer < 0)
			return; /* nobody is left to tell */
	}
}

static void hold(struct engine *e, unsigned part, int fd)
{
	const struct message_hold m = { .part = part };

	(void)message_send(e->control, MESSAGE_HOLD_, 0, &m, sizeof m, fd);
}

/* What the engine before left, where there is any and it is of use; else a new one, which is given to the parent to hold. */
static int fast_begin(struct engine *e, const struct fast_options *fo, struct gs_error *err)
{
	int part[HELD_PARTS], r = 0;

	if (held_whole(&e->left))
		r = fast_adopt(fo, e->left.part, &e->fast, err);
	if (e->fast)
		return 0;
	if (r < 0)
		child_notice(e->control, ROLE_ENGINE, e->number, NOTICE_WARNING, 0, "capture.fast_path", "%s; the fast path is opened anew, and what was counted meanwhile is lost", err->text);
	*err = (struct gs_error){ 0 };
	held_let_go(&e->left); /* both hands, or its program still hangs there */
	hold(e, 0, -1);
	r = fast_open(fo, &e->fast, err);
	if (r < 0)
		return r;
	fast_parts(e->fast, part);
	for (unsigned i = 0; i < HELD_PARTS; i++)
		hold(e, i, part[i]);
	return 0;
}

/* The fast path where it is asked for, else the ring. Who wants counting gets it from the ring too; who wants dropping, only from the fast path. */
static int capture_open(struct engine *e, const struct gs_live_options *lo, struct gs_error *err)
{
	const struct sensor_config *c = e->s->config;
	const struct fast_options fo = { .config = c, .interface = lo->interface, .memory_bytes = c->memory_bytes / 8, .hash_seed = e->s->hash_seed,
					 .sink = { counted, e }, .sampled = sampled, .sampled_arg = e };

	if (c->fast_path == FAST_PATH_OFF)
		return gs_live_open(lo, &e->live, err);
	int r = fast_begin(e, &fo, err);
	if (r == 0 || r == GS_ERR_NOENT || c->fast_path == FAST_PATH_DROP)
		return r;
	child_notice(e->control, ROLE_ENGINE, e->number, NOTICE_WARNING, 0, "capture.fast_path", "%s; the packet ring is used instead", err->text);
	*err = (struct gs_error){ 0 };
	return gs_live_open(lo, &e->live, err);
}

/* How the capture is other than asked for. */
static void capture_say(struct engine *e)
{
	struct gs_live_info info;
	char text[300];

	if (e->fast) {
		fast_info(e->fast, text, sizeof text);
		notice(e, NOTICE_INFO, "capture.fast_path", text);
		return;
	}
	if (!e->live)
		return;
	gs_live_info(e->live, &info);
	if (*info.note)
		notice(e, NOTICE_WARNING, "capture.note", info.note);
}

static int opened(struct engine *e, struct gs_error *err)
{
	const struct sensor_config *c = e->s->config;
	const size_t memory = c->memory_bytes;
	const struct gs_live_options lo = { .interface = engine_interface(e->s, e->number), .filter = c->filter, .snaplen = (uint32_t)c->snaplen,
					    .buffer_bytes = (uint32_t)c->buffer_bytes, .promiscuous = c->promiscuous, .include_udp = c->include_udp,
					    .fanout_size = (uint16_t)c->workers, .fanout_id = (uint16_t)(e->s->fanout_id + e->number / (c->workers ? c->workers : 1)) };
	const struct gs_watch_options wo = { .memory_bytes = memory / 8 * 3, .hash_seed = e->s->hash_seed, .processes = ENGINE_PROCESSES, .searches_per_s = ENGINE_SEARCHES };
	const struct gs_sighting_sink sink = { pass_on, e };
	int r = engine_is_logs(e->s, e->number) ? logs_open(e->s, &e->logs, err) : capture_open(e, &lo, err);

	if (r == 0 && !e->logs && gs_ifaces_open(&e->ifaces, NULL) < 0)
		e->ifaces = NULL; /* losses below stay unknown */
	if (r == 0)
		r = gs_watch_new(&wo, &e->watch, err);
	const struct gs_corridor_options co = { .window_s = (int64_t)c->window_s, .memory_bytes = memory / 8 * 2, .hash_seed = e->s->hash_seed,
						.include_udp = c->include_udp, .watch = e->watch, .seen = seen, .seen_arg = e };
	if (r == 0)
		r = gs_pulse_new(e->s->hash_seed, (struct gs_time){ clock_wall_ns() }, &e->pulse, err);
	if (r == 0)
		r = gs_corridor_new(&co, &sink, &e->corridor, err);
	if (r == 0 && !e->logs && *c->pcap_dir) {
		struct gs_live_info info = { .linktype = GS_LINK_ETHERNET, .snaplen = GS_LIVE_SNAPLEN }; /* of samples and whole frames on the fast path */
		if (e->live)
			gs_live_info(e->live, &info);
		const struct gs_keep_options ko = { .linktype = info.linktype, .snaplen = info.snaplen, .file_bytes = c->pcap_file_bytes, .file_s = c->pcap_file_s,
						    .ask = evidence_ask, .arg = e };
		r = gs_keep_new(&ko, &e->keep, err);
	}
	if (r == 0)
		r = outbox_new(memory / 8 * 2, e->s->hash_seed, &e->out, err);
	if (r == 0 && e->fast)
		outbox_note(e->out, fast_handed(e->fast), fast_adopted(e->fast));
	if (r == 0)
		e->to_outbox = outbox_sink(e->out);
	return r;
}

static int closed_in(struct engine *e, struct gs_error *err)
{
	struct sandbox_options so = { .role = ROLE_ENGINE, .packet_fd = e->live ? gs_live_fd(e->live) : -1, .fast_path = e->fast != NULL, .writes = e->keep != NULL, .logs = e->logs != NULL };
	struct sandbox_state state = { 0 };
	int r = sandbox_user(e->logs ? &e->s->logs_user : &e->s->user, &state, err);

	if (r == 0 && e->logs)
		r = logs_check(e->logs, err);
	if (r == 0 && e->logs)
		r = logs_folders(e->logs, &so, err);

	return r < 0 ? r : sandbox_lock(&so, &state, err);
}

int engine_run(const struct sensor *s, unsigned number, int control)
{
	struct engine *e = calloc(1, sizeof *e);
	struct gs_error err = { 0 };

	if (!e)
		return CHILD_BROKEN;
	e->s = s;
	e->number = number;
	e->control = control;
	e->writer = e->teller = -1;
	held_init(&e->left);
	parent_listen(e);
	e->begun = true;
	int r = opened(e, &err);
	if (r == 0)
		r = closed_in(e, &err);
	if (r < 0 && engine_is_logs(s, number)) {
		child_notice(control, ROLE_ENGINE, number, NOTICE_FATAL, r == GS_ERR_USAGE ? EXIT_USAGE : r == GS_ERR_CONFIG ? EXIT_CONFIG : EXIT_RIGHTS, "logs.open", "%s", err.text);
		return CHILD_BROKEN;
	}
	if (r < 0) {
		child_notice(control, ROLE_ENGINE, number, r == GS_ERR_NETWORK ? NOTICE_WARNING : NOTICE_FATAL, (unsigned)exit_code_of(r == GS_ERR_NOENT ? GS_ERR_NETWORK : r), r == GS_ERR_ACCESS ? "engine.rights" : "engine.open", "%s", err.text);
		return r == GS_ERR_NOENT || r == GS_ERR_NETWORK ? CHILD_GONE : CHILD_BROKEN;
	}
	e->clock_gap_ns = clock_wall_ns() - clock_steady_ms() * 1000000;
	e->next_second_ms = clock_steady_ms() + 1000;
	interface_look(e);
	capture_say(e);
	(void)message_send(control, MESSAGE_READY_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
	r = rounds(e, &err);
	if (r == 0)
		r = drain(e, &err);
	losses_look(e);
	ring_leave(e);
	if (r == 0)
		r = gs_corridor_flush(e->corridor, &err);
	if (r < 0)
		fail(e, &err);
	if (e->logs)
		(void)logs_tell(e->logs, control, number);
	gs_keep_free(e->keep);
	e->keep = NULL;
	finish(e);
	status_send(e);
	return e->exit_status;
}
