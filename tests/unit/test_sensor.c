/* test_sensor.c - between the sensor's processes: no message that was tampered with passes, the stream arrives exactly once, and behind the fences nothing can be done */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/handed.h"
#include "sensor/held.h"
#include "sensor/message.h"
#include "sensor/outbox.h"
#include "sensor/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <linux/bpf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct gs_time NOW = { INT64_C(1500000000) * GS_NS_PER_S };

static struct gs_sighting sighting(uint32_t src)
{
	struct gs_sighting s = { .version = GS_SIGHTING_VERSION, .class_ = GS_CLASS_UNKNOWN, .first = NOW, .last = NOW, .packets = 2, .bytes = 104, .sources = 1,
				 .has = GS_HAS_TTL | GS_HAS_IP_LEN, .ip_len = 52, .ttl = 50, .ttl_min = 50, .ttl_max = 50, .protocol = 47 };
	s.src = gs_addr_v4((uint8_t[]){ (uint8_t)(src >> 24), (uint8_t)(src >> 16), (uint8_t)(src >> 8), (uint8_t)src });
	s.dst = gs_addr_v4((uint8_t[]){ 198, 51, 100, 47 });
	return s;
}

/* ---- messages ---- */

static void a_good_sighting_passes(void **state)
{
	(void)state;
	struct gs_sighting s = sighting(1);
	const char *why = "";
	assert_true(sighting_check(&s, NOW, &why));
	s.flags = GS_SIGHTING_FOLDED;
	s.src = (struct gs_addr){ 0 };
	s.sources = 4000;
	assert_true(sighting_check(&s, NOW, &why));
}

#define BAD(change)                                                                                                              \
	do {                                                                                                                     \
		struct gs_sighting s = sighting(1);                                                                              \
		const char *why = NULL;                                                                                          \
		change;                                                                                                          \
		assert_false(sighting_check(&s, NOW, &why));                                                                     \
		assert_non_null(why);                                                                                            \
	} while (0)

static void a_forged_sighting_does_not(void **state)
{
	(void)state;
	BAD(s.version = 2);
	BAD(s.class_ = GS_CLASS_COUNT);
	BAD(s.via = 3);
	BAD(s.fidelity = GS_FIDELITY_COUNT);
	BAD(s.stop = GS_STOP_COUNT);
	BAD(s.bot_kind = 3);
	BAD(s.byte_order = 3);
	BAD(s.confidence = 101);
	BAD(s.df = 2);
	BAD(s.has = 1u << 30);
	BAD(s.evidence = UINT64_C(1) << 60);
	BAD(s.flags = GS_SIGHTING_COUNTED);
	BAD(s.flags = 0x80);
	BAD(s.src.family = 5);
	BAD(s.src.b[9] = 1);
	BAD(s.inner_dst.b[0] = 1);
	BAD(s.flags = GS_SIGHTING_FOLDED);
	BAD(s.packets = 0);
	BAD(s.packets = UINT64_MAX);
	BAD(s.bytes = UINT64_MAX);
	BAD(s.sources = 0);
	BAD(s.sources = 7);
	BAD(s.last.ns--);
	BAD(s.ttl_min = 51);
	BAD(s.first.ns = -1);
	BAD((s.first.ns += 3 * 86400 * GS_NS_PER_S, s.last.ns = s.first.ns));
	BAD(s.summed = 1);
	BAD(s.bot_hi = 1);
}

/* A place that no file can have would be kept, and met again at the next start. */
static void a_forged_place_does_not(void **state)
{
	(void)state;
	struct message *m = calloc(1, sizeof *m);
	const char *why = NULL;

	m->head = (struct message_head){ MESSAGE_VERSION, MESSAGE_ROUND_, sizeof m->body.places, 1 };
	m->body.places.known = 3;
	m->body.places.at[1].offset = INT64_MAX;
	assert_true(message_check(m, NOW, &why));
	m->body.places.at[1].offset++;
	assert_false(message_check(m, NOW, &why));
	assert_non_null(why);
	free(m);
}

/* Whatever octets come: refused, or a message of its own shape that message_check can look at. */
static void noise_is_no_message(void **state)
{
	(void)state;
	struct message *m = calloc(1, sizeof *m);
	uint8_t *noise = malloc(MESSAGE_MAX + 100);
	struct gs_error err = { 0 };
	unsigned passed = 0;
	int pair[2];
	uint64_t seed = 47;

	assert_int_equal(message_pair(pair, &err), 0);
	for (unsigned i = 0; i < 20000; i++) {
		const size_t len = i < 200 ? i + 1 : i % 7 ? 16 + i % 600 : i % (MESSAGE_MAX + 100) + 1;
		for (size_t k = 0; k < len; k++)
			noise[k] = (uint8_t)((seed = seed * UINT64_C(6364136223846793005) + 1) >> 56);
		if (i % 3 && len > 16) /* a good head, so that the body is looked at */
			memcpy(noise, &(struct message_head){ MESSAGE_VERSION, (uint16_t)(i % (MESSAGE_TYPES + 1)), (uint32_t)(len - 16), i }, 16);
		assert_int_equal(send(pair[0], noise, len, 0), (ssize_t)len);
		const int r = message_receive(pair[1], m);
		assert_true(r == MESSAGE_DONE || r == MESSAGE_BAD);
		if (r != MESSAGE_DONE)
			continue;
		assert_true(m->head.type < MESSAGE_TYPES);
		assert_in_range(message_count(m), 1, MESSAGE_MAX);
		passed += message_check(m, NOW, NULL) && m->head.type >= MESSAGE_SIGHTINGS_ && m->head.type <= MESSAGE_BOTS_;
	}
	assert_int_equal(passed, 0);
	close(pair[0]);
	assert_int_equal(message_receive(pair[1], m), MESSAGE_OVER);
	close(pair[1]);
	free(noise);
	free(m);
}

/* Descriptors arrive where they belong, and nowhere else are they kept. */
static void descriptors_pass_where_they_belong(void **state)
{
	(void)state;
	struct message *m = calloc(1, sizeof *m);
	struct gs_error err = { 0 };
	const struct message_peer peer = { .role = ROLE_WRITER };
	int pair[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(message_pair(pair, &err), 0);
	assert_int_equal(message_send(pair[0], MESSAGE_PEER_, 7, &peer, sizeof peer, fd), MESSAGE_DONE);
	assert_int_equal(message_receive(pair[1], m), MESSAGE_DONE);
	assert_true(m->fd >= 0 && m->head.seq == 7 && message_check(m, NOW, NULL));
	const int got = m->fd;
	close(got);
	assert_int_equal(message_send(pair[0], MESSAGE_STOP_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), fd), MESSAGE_DONE);
	assert_int_equal(message_receive(pair[1], m), MESSAGE_BAD);
	assert_int_equal(fcntl(got, F_GETFD), -1); /* it was closed */
	assert_int_equal(message_send(pair[0], MESSAGE_PEER_, 0, &peer, sizeof peer, -1), MESSAGE_DONE);
	assert_int_equal(message_receive(pair[1], m), MESSAGE_DONE);
	assert_false(message_check(m, NOW, NULL)); /* a peer without a way to it */
	close(fd);
	close(pair[0]);
	close(pair[1]);
	free(m);
}

/* Parts of the fast path: what is none is refused, and what is left is closed. */
static void parts_are_held_and_let_go(void **state)
{
	(void)state;
	struct message *m = calloc(1, sizeof *m);
	struct gs_error err = { 0 };
	struct gs_xdp *x = NULL;
	struct held parent, engine;
	int pair[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(message_pair(pair, &err), 0);
	held_init(&parent);
	held_init(&engine);
	held_give(&parent, pair[0]);
	assert_int_equal(message_receive(pair[1], m), MESSAGE_LATER); /* nothing there, nothing given */
	for (uint32_t i = 0; i <= HELD_PARTS; i++) {
		const struct message_hold part = { .part = i }, forged[] = { { .part = HELD_PARTS + i }, { .part = UINT32_MAX }, { .part = i, .zero = 1 } };
		for (size_t k = 0; k < sizeof forged / sizeof *forged; k++) {
			assert_int_equal(message_send(pair[0], MESSAGE_HOLD_, 0, &forged[k], sizeof forged[k], k ? fd : -1), MESSAGE_DONE);
			assert_int_equal(message_receive(pair[1], m), MESSAGE_DONE);
			assert_false(message_check(m, NOW, NULL));
			if (m->fd >= 0)
				close(m->fd);
		}
		assert_int_equal(held_whole(&parent), i == HELD_PARTS);
		if (i == HELD_PARTS)
			break;
		for (unsigned twice = 0; twice < 2; twice++) { /* the first one is closed */
			assert_int_equal(message_send(pair[0], MESSAGE_HOLD_, 0, &part, sizeof part, fd), MESSAGE_DONE);
			assert_int_equal(message_receive(pair[1], m), MESSAGE_DONE);
			assert_true(m->fd >= 0 && message_check(m, NOW, NULL));
			held_take(&parent, m);
		}
	}
	held_give(&parent, pair[0]);
	while (message_receive(pair[1], m) == MESSAGE_DONE)
		held_take(&engine, m);
	assert_true(held_whole(&engine) && held_whole(&parent));
	const struct gs_xdp_options o = { .interface = "lo" };
	assert_int_equal(gs_xdp_adopt(&o, engine.part, &x, &err), GS_ERR_USAGE); /* of /dev/null no fast path is made */
	assert_null(x);
	assert_int_equal(fcntl(engine.part[0], F_GETFD), FD_CLOEXEC);
	m->fd = -1;
	m->body.hold = (struct message_hold){ 0 };
	const int last = parent.part[HELD_HANDED];
	held_take(&parent, m);
	assert_int_equal(fcntl(last, F_GETFD), -1);
	assert_false(held_whole(&parent));
	held_let_go(&engine);
	const int next = open("/dev/null", O_RDONLY | O_CLOEXEC); /* none was left open */
	assert_int_equal(next, pair[0] > pair[1] ? pair[0] + 1 : pair[1] + 1);
	close(next);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	free(m);
}

/* ---- the stream ---- */

struct fake_writer {
	int fd;
	uint64_t seq, packets, folded, sources, counted;
	unsigned messages;
};

static int connected(struct outbox *ob, struct fake_writer *w, const struct message_mark *mark)
{
	struct gs_error err = { 0 };
	int pair[2];
	struct message m = { .head = { MESSAGE_VERSION, MESSAGE_HELLO_, sizeof *mark, 0 }, .fd = -1 };

	assert_int_equal(message_pair(pair, &err), 0);
	*w = (struct fake_writer){ .fd = pair[1] };
	outbox_connect(ob, pair[0]);
	m.body.mark = *mark;
	assert_true(outbox_take(ob, &m));
	return pair[0];
}

/* Takes at most so many messages. */
static void listen_to(struct outbox *ob, struct fake_writer *w, unsigned most)
{
	static struct message m;

	for (unsigned i = 0; i < most; i++) {
		(void)outbox_pump(ob);
		if (message_receive(w->fd, &m) != MESSAGE_DONE)
			return;
		const char *why = "";
		if (!message_check(&m, NOW, &why))
			fail_msg("%s", why);
		assert_true(w->seq == 0 || m.head.seq == w->seq + 1);
		w->seq = m.head.seq;
		w->messages++;
		for (size_t k = 0; m.head.type == MESSAGE_SIGHTINGS_ && k < message_count(&m); k++) {
			const struct gs_sighting *s = &m.body.sightings[k];
			w->packets += s->packets;
			w->folded += s->flags & GS_SIGHTING_FOLDED ? s->packets : 0;
			w->counted += s->fidelity == GS_FIDELITY_SAMPLED ? s->packets : 0;
			w->sources += s->flags & GS_SIGHTING_FOLDED ? s->sources : 0;
		}
	}
}

static void say(struct outbox *ob, unsigned type, uint64_t seq, const struct message_mark *mark)
{
	struct message m = { .head = { MESSAGE_VERSION, (uint16_t)type, sizeof *mark, seq }, .fd = -1 };

	if (mark)
		m.body.mark = *mark;
	assert_true(outbox_take(ob, &m));
}

static void give(struct outbox *ob, uint32_t from, uint32_t n)
{
	const struct gs_sighting_sink sink = outbox_sink(ob);
	struct gs_error err = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		const struct gs_sighting s = sighting(from + i);
		assert_int_equal(sink.take(sink.arg, &s, 1, &err), 0);
	}
}

/* A writer that dies before, between and after PREPARE, commit and ACK: the next one gets exactly what is not in the store. */
static void a_dead_writer_costs_nothing(void **state)
{
	(void)state;
	struct gs_error err = { 0 };
	struct message_mark none = { 1, 1, 0 }, first = { 1, 301, 600 }, second = { 1, 601, 1200 };
	struct outbox *ob = NULL;
	struct fake_writer w;

	assert_int_equal(outbox_new(1 << 20, 1, &ob, &err), 0);
	int mine = connected(ob, &w, &none);
	give(ob, 0, 300);
	listen_to(ob, &w, 10);
	assert_int_equal(w.packets, 600);
	close(w.fd), close(mine);
	mine = connected(ob, &w, &none);           /* it never committed: all of it again */
	listen_to(ob, &w, 10);
	assert_int_equal(w.packets, 600);
	say(ob, MESSAGE_PREPARE_, w.seq, &first);
	close(w.fd), close(mine);
	mine = connected(ob, &w, &first);          /* it did commit, and died before it could say so: nothing again */
	listen_to(ob, &w, 10);
	assert_int_equal(w.packets, 0);
	assert_int_equal(outbox_state(ob).used_bytes, 0);
	give(ob, 300, 300);
	listen_to(ob, &w, 10);
	say(ob, MESSAGE_PREPARE_, w.seq, &second);
	close(w.fd), close(mine);
	mine = connected(ob, &w, &first);          /* it did not */
	give(ob, 600, 100);
	listen_to(ob, &w, 10);
	assert_int_equal(w.packets, 800);
	say(ob, MESSAGE_ACK_, w.seq, NULL);
	const struct outbox_state os = outbox_state(ob);
	assert_int_equal(os.rows_acked, 700);
	assert_int_equal(os.rows_sent, 700);
	assert_int_equal(os.waiting_packets, 0);
	struct message wrong = { .head = { MESSAGE_VERSION, MESSAGE_ACK_, 8, w.seq + 1 } };
	assert_false(outbox_take(ob, &wrong));     /* what was never sent cannot be acknowledged */
	close(w.fd), close(mine);
	outbox_free(ob);
}

/* ---- what the engine before handed over ---- */

static void give_counted(struct outbox *ob, uint32_t from, uint32_t n)
{
	const struct gs_sighting_sink sink = outbox_sink(ob);
	struct gs_error err = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct gs_sighting s = sighting(from + i);
		s.fidelity = i % 8 == 7 ? GS_FIDELITY_PACKET : GS_FIDELITY_SAMPLED; /* what was in windows is none of it */
		assert_int_equal(sink.take(sink.arg, &s, 1, &err), 0);
	}
}

/* The life of an engine until it is killed: rows as fast as it can, to a writer that commits now and then. */
static void counts_until_killed(struct handed *h, int fd)
{
	static struct message m;
	struct gs_error err = { 0 };
	struct outbox *ob = NULL;

	if (outbox_new(1 << 20, 1, &ob, &err) < 0)
		_exit(1);
	outbox_note(ob, h, true);
	outbox_connect(ob, fd);
	for (uint32_t i = 0;; i++) {
		give_counted(ob, i, i % 400);
		(void)outbox_pump(ob);
		while (message_receive(fd, &m) == MESSAGE_DONE)
			if (!outbox_take(ob, &m))
				_exit(1);
	}
}

/* The writer's side: how much came. */
static uint64_t counted_packets(const struct message *m)
{
	uint64_t sum = 0;

	for (size_t k = 0; m->head.type == MESSAGE_SIGHTINGS_ && k < message_count(m); k++)
		sum += m->body.sightings[k].fidelity == GS_FIDELITY_SAMPLED ? m->body.sightings[k].packets : 0;
	return sum;
}

/* Engines that are killed anywhere, one after the other on one account: what the successor is told is what the writer has, to the packet. */
static void wherever_it_is_killed_the_account_agrees(void **state)
{
	(void)state;
	static struct message m;
	struct gs_error err = { 0 };
	struct handed *h = NULL;
	struct message_mark mark = { 1, 1, 0 };
	struct handed_point p;
	uint64_t last = 0, packets = 0;
	int fd, pair[2];

	assert_int_equal(handed_new(&fd, &h, &err), 0);
	for (unsigned round = 0; round < 150; round++) {
		assert_int_equal(message_pair(pair, &err), 0);
		const pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(pair[1]);
			counts_until_killed(h, pair[0]);
		}
		close(pair[0]);
		assert_int_equal(message_send(pair[1], MESSAGE_HELLO_, last, &mark, sizeof mark, -1), MESSAGE_DONE);
		const unsigned most = round * 7 % 60;
		for (unsigned n = 0; n < 1000000;) {
			const int r = message_receive(pair[1], &m);
			if (r == MESSAGE_OVER)
				break;
			if (n == most)
				kill(pid, SIGKILL);
			if (r != MESSAGE_DONE) {
				if (n > most)
					n++;
				continue;
			}
			n++;
			assert_int_equal(m.head.seq, last + 1);
			last = m.head.seq;
			packets += counted_packets(&m);
			mark.rows++;
			if (n % 5 == 0)
				(void)message_send(pair[1], MESSAGE_PREPARE_, last, &mark, sizeof mark, -1);
			if (n % 5 == 1)
				(void)message_send(pair[1], MESSAGE_ACK_, last, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
			if (n == most)
				kill(pid, SIGKILL);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		close(pair[1]);
		handed_settle(h, last, &mark, &p);
		assert_int_equal(p.sum.packets, packets);
		assert_int_equal(p.seq, last);
	}
	assert_true(packets > 10000);
	close(fd);
}

/* Where the writer died too: what is in the store counts, by the acknowledgement or by the mark. */
static void the_account_outlives_the_writer(void **state)
{
	(void)state;
	struct gs_error err = { 0 };
	struct message_mark none = { 1, 1, 0 }, first = { 1, 301, 600 }, second = { 1, 601, 1200 };
	const struct message_balance lost = { .added.dropped[GS_DROP_RING] = 7 };
	struct handed *h = NULL;
	struct outbox *ob = NULL;
	struct fake_writer w;
	struct handed_point p;
	struct handed_sum before;
	int fd;

	assert_int_equal(handed_new(&fd, &h, &err), 0);
	assert_int_equal(outbox_new(1 << 20, 1, &ob, &err), 0);
	outbox_note(ob, h, false);
	assert_true(outbox_settled(ob, false, &before) && before.packets == 0);
	int mine = connected(ob, &w, &none);
	give_counted(ob, 0, 80);
	assert_true(outbox_put(ob, MESSAGE_BALANCE_, &lost, sizeof lost));
	handed_settle(h, 0, &none, &p);
	assert_int_equal(p.sum.packets, 0);        /* put, not sent */
	listen_to(ob, &w, 10);
	handed_settle(h, w.seq, &none, &p);
	assert_true(p.sum.packets == 140 && p.sum.bytes == 70 * 104 && p.sum.lost == 7);
	handed_settle(h, 0, &none, &p);
	assert_int_equal(p.sum.packets, 0);        /* another writer, and the store is as it was */
	say(ob, MESSAGE_PREPARE_, w.seq, &first);
	handed_settle(h, 0, &first, &p);
	assert_int_equal(p.sum.packets, 140);      /* it was committed all the same */
	handed_settle(h, 0, &none, &p);
	assert_int_equal(p.sum.packets, 0);        /* it was not */
	say(ob, MESSAGE_ACK_, w.seq, NULL);
	handed_settle(h, 0, &second, &p);
	assert_int_equal(p.sum.packets, 140);
	give_counted(ob, 0, 8);
	listen_to(ob, &w, 10);
	handed_settle(h, w.seq, &second, &p);
	assert_int_equal(p.sum.packets, 154);
	close(w.fd), close(mine);
	outbox_connect(ob, -1);                    /* all of it again: nobody has it */
	handed_settle(h, 0, &second, &p);
	assert_int_equal(p.sum.packets, 140);
	outbox_free(ob);
	/* the successor: what it put before it knew comes after */
	assert_int_equal(handed_adopt(fd, &h, &err), 0);
	assert_int_equal(outbox_new(1 << 20, 1, &ob, &err), 0);
	outbox_note(ob, h, true);
	assert_true(outbox_put(ob, MESSAGE_BALANCE_, &lost, sizeof lost));
	assert_false(outbox_settled(ob, false, &before));
	mine = connected(ob, &w, &second);
	assert_true(outbox_settled(ob, false, &before) && before.packets == 140 && before.lost == 7);
	listen_to(ob, &w, 10);
	assert_int_equal(w.seq, 3);
	handed_settle(h, w.seq, &second, &p);
	assert_true(p.sum.packets == 140 && p.sum.lost == 14 && p.seq == 3);
	outbox_free(ob);
	close(w.fd), close(mine), close(fd);
	const int other = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(handed_adopt(other, &h, &err), GS_ERR_USAGE);
	close(other);
}

/* Rows that come one by one share messages as long as nobody waits for them: else a memory of whole messages would be used up by a few thousand rows. */
static void rows_share_messages(void **state)
{
	(void)state;
	struct gs_error err = { 0 };
	struct message_mark mark = { 1, 1, 0 };
	struct outbox *ob = NULL;
	struct fake_writer w;
	const uint32_t n = 10 * MESSAGE_SIGHTINGS + 7;

	assert_int_equal(outbox_new(1 << 20, 1, &ob, &err), 0);
	int mine = connected(ob, &w, &mark);
	for (uint32_t i = 0; i < n; i++) {
		give(ob, i, 1);
		(void)outbox_pump_full(ob);
	}
	struct outbox_state os = outbox_state(ob);
	assert_false(os.folding);
	assert_int_equal(os.put, 11);
	assert_int_equal(os.sent, 10);
	listen_to(ob, &w, 20); /* pumps all of it */
	assert_int_equal(w.messages, 11);
	assert_int_equal(w.packets, 2 * n);
	close(w.fd), close(mine);
	outbox_free(ob);
}

/* A writer that does not come for long: rows fold, packets stay exact, and there is always room for the last words. */
static void a_full_outbox_folds(void **state)
{
	(void)state;
	struct gs_error err = { 0 };
	struct message_mark mark = { 1, 1, 0 };
	struct outbox *ob = NULL;
	struct fake_writer w;
	const uint32_t n = 100000;

	assert_int_equal(outbox_new(1 << 20, 1, &ob, &err), 0);
	give(ob, 0, n);
	struct outbox_state os = outbox_state(ob);
	assert_true(os.used_bytes <= os.cap_bytes);
	assert_true(os.folding);
	assert_int_equal(os.waiting_packets, 2 * n);
	assert_true(os.folded_packets > n);
	assert_true(outbox_put(ob, MESSAGE_END_, &(struct message_nothing){ 0 }, sizeof(struct message_nothing)));
	int mine = connected(ob, &w, &mark);
	for (unsigned i = 0; i < 100; i++) {
		listen_to(ob, &w, 3);
		say(ob, MESSAGE_ACK_, w.seq, NULL);
	}
	os = outbox_state(ob);
	assert_false(os.folding);
	assert_int_equal(w.packets, 2 * n);
	assert_int_equal(w.folded, os.folded_packets);
	assert_true(w.sources > os.folded_packets / 2 * 9 / 10 && w.sources < os.folded_packets / 2 * 11 / 10);
	assert_int_equal(os.waiting_packets, 0);
	close(w.fd), close(mine);
	outbox_free(ob);
}

/* What was seen and what was counted fold apart: the writer, and the account of what was handed over, go by it. */
static void what_was_counted_folds_by_itself(void **state)
{
	(void)state;
	struct gs_error err = { 0 };
	struct message_mark mark = { 1, 1, 0 };
	struct outbox *ob = NULL;
	struct fake_writer w;

	assert_int_equal(outbox_new(1 << 20, 1, &ob, &err), 0);
	give_counted(ob, 0, 80000);
	assert_true(outbox_state(ob).folding);
	int mine = connected(ob, &w, &mark);
	for (unsigned i = 0; i < 100; i++) {
		listen_to(ob, &w, 3);
		say(ob, MESSAGE_ACK_, w.seq, NULL);
	}
	assert_int_equal(w.packets, 160000);
	assert_int_equal(w.counted, 140000);
	close(w.fd), close(mine);
	outbox_free(ob);
}

/* ---- the fences ---- */

enum attempt {
	OPEN, CREATE, SOCKET, EXECUTE, TRACE, FORK, CODE, SIGNAL, DUPLICATE, SEND_PACKET, OTHER_FOLDER, OWN_FOLDER, FOLLOWED,
	LOAD, MAKE_TABLE, WRITE_TABLE, UNKNOWN_BPF, READ_TABLE, ATTEMPTS
};

static char folder[] = "/tmp/grescope-sandbox-XXXXXX";

/* 0 where the kernel was asked, whatever it said of a descriptor that is none. */
static int bpf(unsigned command)
{
	union bpf_attr a = { .map_fd = UINT32_MAX };

	return syscall(SYS_bpf, command, &a, sizeof a) < 0 && errno == ENOSYS;
}

/* In a child behind the fences: 0 it worked, 1 it failed. Some kill. */
static int attempt(enum attempt what, int packet_fd)
{
	char path[100];

	switch (what) {
	case OPEN:
		return open("/etc/passwd", O_RDONLY) < 0;
	case CREATE:
		snprintf(path, sizeof path, "%s/made-by-engine", folder);
		return open(path, O_WRONLY | O_CREAT, 0600) < 0;
	case SOCKET:
		return socket(AF_INET, SOCK_STREAM, 0) < 0 && socket(AF_UNIX, SOCK_STREAM, 0) < 0 && socket(AF_PACKET, SOCK_RAW, 0) < 0;
	case EXECUTE:
		execl("/bin/true", "true", (char *)NULL);
		return 1;
	case TRACE:
		return ptrace(PTRACE_TRACEME, 0, 0, 0) < 0;
	case FORK: {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		return pid < 0;
	}
	case CODE:
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
	case SIGNAL:
		return kill(getppid(), 0) < 0;
	case DUPLICATE:
		return dup(packet_fd) < 0 && fcntl(packet_fd, F_DUPFD, 20) < 0;
	case SEND_PACKET:
		return send(packet_fd, "x", 1, MSG_NOSIGNAL) < 0 && sendmsg(packet_fd, &(struct msghdr){ 0 }, 0) < 0 && write(packet_fd, "x", 1) < 0;
	case OTHER_FOLDER:
		return open("/etc/passwd", O_RDONLY) < 0 && open("/tmp/grescope-elsewhere", O_WRONLY | O_CREAT, 0600) < 0;
	case OWN_FOLDER:
		snprintf(path, sizeof path, "%s/store.db", folder);
		return open(path, O_RDWR | O_CREAT, 0600) < 0;
	case LOAD:
		return bpf(BPF_PROG_LOAD);
	case MAKE_TABLE:
		return bpf(BPF_MAP_CREATE);
	case WRITE_TABLE:
		return bpf(BPF_MAP_UPDATE_ELEM);
	case UNKNOWN_BPF:
		return bpf(1000);
	case READ_TABLE:
		return bpf(BPF_MAP_LOOKUP_ELEM) || bpf(BPF_MAP_LOOKUP_AND_DELETE_BATCH);
	case FOLLOWED:
		snprintf(path, sizeof path, "%s/followed.log", folder);
		return open(path, O_RDONLY) < 0 || open(path, O_WRONLY) >= 0 || open(path, O_RDONLY | O_TRUNC) >= 0;
	default:
		return 1;
	}
}

enum holds { NOTHING, LOGS, TABLES };

/* 0 it worked, 1 it failed or killed the child; -1: there are no fences here. */
static int behind_fences_of(enum sensor_role role, enum holds holds, enum attempt what)
{
	int pair[2], status;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sandbox_options o = { .role = role, .packet_fd = role == ROLE_ENGINE && holds != LOGS ? pair[0] : -1, .logs = holds == LOGS, .fast_path = holds == TABLES };
		struct sandbox_user user = { .set = geteuid() == 0 && role == ROLE_ENGINE, .uid = 65534, .gid = 65534 };
		struct sandbox_state s = { 0 };
		struct gs_error err = { 0 };
		if (role == ROLE_WRITER) {
			o.write[0] = folder;
			o.n_write = 1;
		}
		if (holds == LOGS) {
			o.read[0] = folder;
			o.n_read = 1;
		}
		if (sandbox_user(&user, &s, &err) < 0 || sandbox_lock(&o, &s, &err) < 0)
			_exit(99);
		_exit(!s.seccomp || !s.landlock ? 77 : attempt(what, pair[0]));
	}
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? 1 : -2;
	return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

static int behind_fences(enum sensor_role role, enum attempt what)
{
	return behind_fences_of(role, NOTHING, what);
}

static void the_engine_can_do_nothing(void **state)
{
	(void)state;
	for (enum attempt a = OPEN; a <= SEND_PACKET; a++) {
		const int r = behind_fences(ROLE_ENGINE, a);
		if (r == -1)
			skip();
		if (r != 1)
			fail_msg("attempt %d: %d", a, r);
	}
}

static void the_writer_has_its_folder_and_nothing_else(void **state)
{
	(void)state;
	static const enum attempt refused[] = { SOCKET, EXECUTE, TRACE, FORK, CODE, OTHER_FOLDER };
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const int r = behind_fences(ROLE_WRITER, refused[i]);
		if (r == -1)
			skip();
		if (r != 1)
			fail_msg("attempt %d: %d", refused[i], r);
	}
	assert_int_equal(behind_fences(ROLE_WRITER, OWN_FOLDER), 0);
}

/* On the fast path an engine may read tables, and not even there anything else of bpf. */
static void tables_are_read_and_no_more(void **state)
{
	(void)state;
	for (enum attempt a = LOAD; a <= READ_TABLE; a++) {
		const int ring = behind_fences(ROLE_ENGINE, a), fast = behind_fences_of(ROLE_ENGINE, TABLES, a);
		if (ring == -1)
			skip();
		if (ring != 1 || fast != (a != READ_TABLE))
			fail_msg("attempt %d: %d, on the fast path %d", a, ring, fast);
	}
}

static void the_engine_of_logs_reads_where_it_follows(void **state)
{
	(void)state;
	static const enum attempt refused[] = { OPEN, CREATE, SOCKET, EXECUTE, TRACE, FORK, CODE, SIGNAL, OTHER_FOLDER, OWN_FOLDER };
	char path[100];

	snprintf(path, sizeof path, "%s/followed.log", folder);
	const int fd = open(path, O_WRONLY | O_CREAT, 0666);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0666), 0);
	close(fd);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const int r = behind_fences_of(ROLE_ENGINE, LOGS, refused[i]);
		if (r == -1)
			skip();
		if (r != 1)
			fail_msg("attempt %d: %d", refused[i], r);
	}
	assert_int_equal(behind_fences_of(ROLE_ENGINE, LOGS, FOLLOWED), 0);
	unlink(path);
}

static void what_protects_is_said(void **state)
{
	(void)state;
	struct sandbox_state s = { 0 };
	sandbox_available(&s);
	assert_non_null(strstr(s.text, s.seccomp ? "system calls listed" : "NOT limited"));
	assert_non_null(strstr(s.text, s.landlock ? "paths fenced" : "NOT fenced"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_sighting_passes),
		cmocka_unit_test(a_forged_sighting_does_not),
		cmocka_unit_test(a_forged_place_does_not),
		cmocka_unit_test(noise_is_no_message),
		cmocka_unit_test(descriptors_pass_where_they_belong),
		cmocka_unit_test(parts_are_held_and_let_go),
		cmocka_unit_test(a_dead_writer_costs_nothing),
		cmocka_unit_test(wherever_it_is_killed_the_account_agrees),
		cmocka_unit_test(the_account_outlives_the_writer),
		cmocka_unit_test(rows_share_messages),
		cmocka_unit_test(a_full_outbox_folds),
		cmocka_unit_test(what_was_counted_folds_by_itself),
		cmocka_unit_test(the_engine_can_do_nothing),
		cmocka_unit_test(the_writer_has_its_folder_and_nothing_else),
		cmocka_unit_test(tables_are_read_and_no_more),
		cmocka_unit_test(the_engine_of_logs_reads_where_it_follows),
		cmocka_unit_test(what_protects_is_said),
	};
	if (!mkdtemp(folder) || chmod(folder, 0777) < 0)
		return 1;
	const int r = cmocka_run_group_tests(tests, NULL, NULL);
	char path[100];
	snprintf(path, sizeof path, "%s/store.db", folder);
	unlink(path);
	rmdir(folder);
	return r;
}
