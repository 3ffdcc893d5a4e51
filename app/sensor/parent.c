/*
 * parent.c - starts the others, watches over them, starts them anew; the only process with rights, and so the one that parses nothing
 *
 * It never looks into a sighting: what comes to it are notices, signs of life and requests for a descriptor, each checked. A child that dies is started again after a
 * pause, which doubles up to BACKOFF_MOST_MS as long as it does not live for a while; one that gives no sign of life for SILENT_MS is killed first. At the end engines flush, then the writer commits, then
 * the teller goes.
 */
#include "sensor/sensor.h"

#include "sensor/evidence.h"
#include "sensor/held.h"
#include "sensor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 30000
#define LIVED_MS 1000        /* who was ready and lived that long is started again after the shortest pause, if it was killed */
#define WELL_MS 10000        /* the same for who ended by itself: a writer on a full disk finds that out when it commits, after a second */
#define SILENT_MS 60000
#define ABSENT_MS 5000       /* between two rounds: it was this process that did not run */
#define STOP_MOST_MS 12000   /* then who is left is killed */
#define EVIDENCE_PAUSE_MS 200  /* between two files of one engine: who asks oftener waits, so that one that was taken over cannot have all old ones removed at once */
#define STATUS_MS 10000      /* between two lines for the service manager */
#define CHILDREN_MAX (SENSOR_ENGINES_MAX + 2)

struct child {
	enum sensor_role role;
	unsigned number;
	pid_t pid;               /* 0: does not run */
	int control;
	bool ready, gone, was_ready;
	unsigned fatal;          /* exit code that it asked for; 0: none */
	bool no_rights;          /* for want of a right to capture */
	int64_t started_ms, beat_ms, next_ms, backoff_ms;
	uint64_t restarts;
	int64_t file_ms;         /* when it was given the last evidence file */
	bool file_asked;         /* and wants another */
	int64_t file_ns;         /* whose first packet is of that time */
	struct held held;        /* of an engine on the fast path */
	char said[MESSAGE_TEXT]; /* the last trouble, not to be said again and again */
	struct message_status status;
};

struct parent {
	struct sensor *s;
	struct sensor_config *renewed; /* the newest that SIGHUP brought; NULL: none did. The first one is the caller's, and options point into it */
	struct child children[CHILDREN_MAX];
	unsigned n;
	struct message_store store;
	struct gs_tally total;   /* of engines that ended, as far as they told */
	uint64_t rows_before;    /* kept by writers that ended */
	struct notify notify;
	struct evidence evidence;
	bool evidence_on;
	int64_t next_evidence_ms;
	int signals;
	bool terminal;           /* it was started on one */
	bool started, stopping, store_stopping;
	int code;
	int64_t stop_ms, next_status_ms, next_watchdog_ms;
	int64_t round_ms;        /* when the last one began */
	struct message in;
};

static const char *role_word(const struct parent *p, const struct child *c)
{
	static const char *const words[ROLES] = { "parent", "engine", "writer", "teller" };

	return c->role == ROLE_ENGINE ? engine_interface(p->s, c->number) : words[c->role];
}

static struct child *writer_of(struct parent *p)
{
	return &p->children[0];
}

/* ---- starting ---- */

/* Only what it is given: a copy of another child's control socket would keep that one from seeing the parent's end. */
static void child_descriptors(enum sensor_role role, int control)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		if (role != ROLE_TELLER) /* who draws the page on it, where it is a terminal */
			dup2(null, STDOUT_FILENO);
	}
	if (control > 3)
		close_range(3, (unsigned)control - 1, 0);
	close_range((unsigned)control + 1, ~0u, 0);
}

static void child_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE }; /* a terminal's and a service manager's go to all; the parent says what is to be done */
	sigset_t none;

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_life(const struct parent *p, const struct child *c, int control)
{
	switch (c->role) {
	case ROLE_ENGINE:
		return engine_run(p->s, c->number, control);
	case ROLE_WRITER:
		return writer_run(p->s, control);
	case ROLE_TELLER:
		return teller_run(p->s, control);
	default:
		return CHILD_BROKEN;
	}
}

static void child_later(struct child *c, int64_t lived_ms)
{
	const int64_t now = clock_steady_ms();

	c->backoff_ms = (c->ready && now - c->started_ms > lived_ms) || !c->backoff_ms ? BACKOFF_FIRST_MS : c->backoff_ms * 2 < BACKOFF_MOST_MS ? c->backoff_ms * 2 : BACKOFF_MOST_MS;
	c->next_ms = now + c->backoff_ms;
}

static void child_start(struct parent *p, struct child *c)
{
	struct gs_error err = { 0 };
	int pair[2];

	c->started_ms = c->beat_ms = clock_steady_ms();
	c->ready = c->gone = c->file_asked = false;
	c->fatal = 0;
	c->no_rights = false;
	if (message_pair(pair, &err) < 0) {
		say("%s", err.text);
		child_later(c, LIVED_MS);
		return;
	}
	if (c->held.tries++ >= HELD_TRIES && held_whole(&c->held)) {
		say("%s: %u engines in a row ended before they had taken the fast path over; it is opened anew, and what was counted meanwhile is lost", role_word(p, c), HELD_TRIES);
		held_let_go(&c->held);
	}
	held_give(&c->held, pair[0]);
	fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0) {
		child_descriptors(c->role, pair[1]);
		child_signals();
		_exit(child_life(p, c, pair[1]));
	}
	close(pair[1]);
	if (pid < 0) {
		say("cannot start a process for %s: %s", role_word(p, c), strerror(errno));
		close(pair[0]);
		child_later(c, LIVED_MS);
		return;
	}
	c->pid = pid;
	c->control = pair[0];
}

/* A way from one to the other. Whoever cannot be told is about to end, and this with it. */
static void connect_children(struct parent *p, struct child *a, struct child *b)
{
	struct message_peer to_a = { .role = b->role, .number = b->number }, to_b = { .role = a->role, .number = a->number };
	struct gs_error err = { 0 };
	int pair[2];

	if (message_pair(pair, &err) < 0) {
		say("%s", err.text);
		return;
	}
	(void)message_send(a->control, MESSAGE_PEER_, 0, &to_a, sizeof to_a, pair[0]);
	(void)message_send(b->control, MESSAGE_PEER_, 0, &to_b, sizeof to_b, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

static void child_ready(struct parent *p, struct child *c)
{
	c->ready = c->was_ready = true;
	c->held.tries = 0;
	c->said[0] = '\0';
	for (unsigned i = 0; i < p->n; i++) {
		struct child *o = &p->children[i];
		if (o != c && o->pid && o->ready && (o->role != ROLE_ENGINE || c->role != ROLE_ENGINE))
			connect_children(p, c, o);
	}
	if (c->restarts)
		say("%s: started again", role_word(p, c));
}

static void child_stop(struct child *c)
{
	if (c->pid)
		(void)message_send(c->control, MESSAGE_STOP_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
}

/* ---- what children say ---- */

static void rights_say(bool fast_path)
{
	char path[4096];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	path[n > 0 ? n : 0] = '\0';
	say("to capture packets it needs a right that this user has not: `sudo setcap cap_net_raw%s+ep %s` gives it to the program, `sudo systemctl start grescope` starts it with it",
	    fast_path ? ",cap_bpf,cap_net_admin" : "", n > 0 ? path : "grescope");
}

static struct child *teller_of(struct parent *p)
{
	return &p->children[p->n - 1];
}

/* Lines would run into the page that the teller draws on the same terminal; it shows notices itself. */
static bool page_shown(struct parent *p)
{
	return p->started && !p->stopping && teller_of(p)->ready && !p->s->options->quiet && isatty(STDERR_FILENO);
}

static void notice_pass_on(struct parent *p, const struct message_notice *n)
{
	const struct child *t = teller_of(p);

	if (t->pid && t->ready && n->role != ROLE_TELLER)
		(void)message_send(t->control, MESSAGE_NOTICE_, 0, n, sizeof *n, -1);
}

/* It was taken over, or is broken: nothing of it goes to another one. */
static void child_distrust(struct child *c)
{
	held_let_go(&c->held);
	kill(c->pid, SIGKILL);
}

static void notice_take(struct parent *p, struct child *c)
{
	const struct message_notice *n = &p->in.body.notice;
	char text[MESSAGE_TEXT + 80];

	snprintf(text, sizeof text, "%s", n->text);
	if (n->level == NOTICE_FATAL && !c->was_ready)
		c->fatal = n->code ? n->code : EXIT_STORE;
	c->no_rights |= strcmp(n->key, "engine.rights") == 0;
	notice_pass_on(p, n);
	if (strcmp(c->said, n->text) != 0 || n->level == NOTICE_INFO) {
		if (!page_shown(p)) {
			const char *who = role_word(p, c);
			const size_t len = strlen(who); /* many sentences begin with the interface */
			if (strncmp(text, who, len) == 0 && text[len] == ':')
				say("%s", text);
			else
				say("%s: %s", who, text);
		}
		if (n->level != NOTICE_INFO)
			snprintf(c->said, sizeof c->said, "%s", n->text);
	}
	if (strcmp(n->key, "engine.confused") == 0 && c->role == ROLE_WRITER)
		for (unsigned i = 0; i < p->n; i++)
			if (p->children[i].role == ROLE_ENGINE && p->children[i].number == n->number && p->children[i].pid)
				child_distrust(&p->children[i]);
}

/* The time goes into the file's name, which decides what is removed first: not later than now, and no more than an hour before. */
static struct gs_time packet_time(int64_t ns)
{
	const int64_t now = clock_wall_ns(), least = now - 3600 * GS_NS_PER_S;

	return (struct gs_time){ ns > now ? now : ns < least ? least : ns };
}

/* The next file of packets, made by the one process that may make files anywhere; the engine gets no more of it than the descriptor. */
static void evidence_answer(struct parent *p, struct child *c)
{
	struct message_opened answer = { 0 };
	struct gs_error err = { 0 };
	char name[EVIDENCE_NAME_MAX];
	int fd = -1;

	c->file_asked = false;
	c->file_ms = clock_steady_ms();
	if (!p->evidence_on || c->role != ROLE_ENGINE ||
	    evidence_next(&p->evidence, c->number, packet_time(c->file_ns), p->s->config->pcap_file_bytes, &fd, name, &err) < 0) {
		snprintf(answer.trouble, sizeof answer.trouble, "%s", *err.text ? err.text : "no evidence is kept");
		if (*err.text)
			say("%s", err.text);
	} else {
		snprintf(answer.name, sizeof answer.name, "%s", name);
	}
	(void)message_send(c->control, MESSAGE_OPENED_, 0, &answer, sizeof answer, fd);
	if (fd >= 0)
		close(fd);
}

static void evidence_tend(struct parent *p)
{
	struct gs_error err = { 0 };

	for (unsigned i = 0; i < p->n; i++) {
		struct child *c = &p->children[i];
		if (c->file_asked && c->control >= 0 && clock_steady_ms() - c->file_ms >= EVIDENCE_PAUSE_MS)
			evidence_answer(p, c);
	}
	if (!p->evidence_on || clock_steady_ms() < p->next_evidence_ms)
		return;
	p->next_evidence_ms = clock_steady_ms() + 60000;
	p->evidence.max_bytes = p->s->config->pcap_max_bytes;
	if (evidence_tick(&p->evidence, NULL, &err) < 0)
		say("%s", err.text);
}

/* What an engine wants to outlive it: only from one that has not begun yet. */
static bool hold_take(struct parent *p, struct child *c)
{
	const bool good = c->role == ROLE_ENGINE && !c->ready && p->s->config->fast_path != FAST_PATH_OFF;

	if (good && !p->stopping)
		held_take(&c->held, &p->in);
	else if (good && p->in.fd >= 0)
		close(p->in.fd);
	return good;
}

static void child_listen(struct parent *p, struct child *c)
{
	const char *why = "no message";
	int r;

	while ((r = message_receive(c->control, &p->in)) == MESSAGE_DONE) {
		if (!message_check(&p->in, (struct gs_time){ clock_wall_ns() }, &why)) {
			r = MESSAGE_BAD;
			break;
		}
		c->beat_ms = clock_steady_ms();
		switch (p->in.head.type) {
		case MESSAGE_READY_:
			child_ready(p, c);
			break;
		case MESSAGE_NOTICE_:
			notice_take(p, c);
			break;
		case MESSAGE_STATUS_:
			c->status = p->in.body.status;
			break;
		case MESSAGE_OPEN_:
			c->file_asked = true;
			c->file_ns = p->in.body.open.time_ns;
			break;
		case MESSAGE_HOLD_:
			r = hold_take(p, c) ? r : MESSAGE_BAD;
			break;
		case MESSAGE_STORE_:
			p->store = p->in.body.store;
			break;
		case MESSAGE_ACK_: /* the teller's sign of life */
			break;
		default:
			r = MESSAGE_BAD;
		}
		if (r == MESSAGE_BAD)
			break;
	}
	if (r == MESSAGE_BAD && p->in.fd >= 0)
		close(p->in.fd);
	if (r == MESSAGE_BAD && c->pid) {
		say("%s: said what cannot be (%s); it is killed", role_word(p, c), why);
		child_distrust(c);
	}
	if (r < 0) { /* nothing more comes from there */
		close(c->control);
		c->control = -1;
	}
}

/* ---- the end of children ---- */

static void stop_begin(struct parent *p, int code)
{
	if (p->stopping)
		return;
	p->stopping = true;
	p->code = code;
	p->stop_ms = clock_steady_ms();
	notify_send(&p->notify, "STOPPING=1\nSTATUS=ending");
	for (unsigned i = 0; i < p->n; i++) {
		held_let_go(&p->children[i].held); /* first: the engine's own are then the last */
		if (p->children[i].role == ROLE_ENGINE)
			child_stop(&p->children[i]);
	}
}

/* How it ended, in words. */
static void death_say(struct parent *p, struct child *c, int status)
{
	const struct message_status *s = &c->status;
	char what[64];

	if (WIFSIGNALED(status))
		snprintf(what, sizeof what, "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(what, sizeof what, "ended with status %d", WEXITSTATUS(status));
	if (c->role == ROLE_ENGINE && engine_is_logs(p->s, c->number) && WIFSIGNALED(status))
		say("%s: the engine %s; it is started again. Files are read on from where the store has them; lost: syslog that was not in the store yet, and what was sent since", role_word(p, c),
		    what);
	else if (c->role == ROLE_ENGINE && held_whole(&c->held) && WIFSIGNALED(status))
		say("%s: the engine %s; it is started again, and the kernel counts on. Lost: %" PRIu64 " packets that were not counted there and in open windows a second ago", role_word(p, c),
		    what, s->open_packets);
	else if (c->role == ROLE_ENGINE && c->was_ready && WIFSIGNALED(status))
		say("%s: the engine %s; it is started again. Lost: %" PRIu64 " packets that were in open windows a second ago, and what came since", role_word(p, c), what,
		    s->open_packets);
	else if (WIFSIGNALED(status))
		say("%s: %s; it is started again, what was acknowledged is in the store", role_word(p, c), what);
}

static void child_ended(struct parent *p, struct child *c, int status)
{
	if (c->control >= 0)
		child_listen(p, c); /* its last words */
	if (c->control >= 0)
		close(c->control);
	c->control = -1;
	c->pid = 0;
	const int code = WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_BROKEN;
	if (c->role == ROLE_WRITER) {
		p->rows_before += p->store.rows;
		p->store.rows = 0;
	}
	gs_tally_add(&p->total, &c->status.tally);
	p->total.dropped[GS_DROP_ENGINE] += WIFSIGNALED(status) ? c->status.open_packets : 0;
	if (c->fatal && !p->stopping) {
		if (c->no_rights)
			rights_say(p->s->config->fast_path != FAST_PATH_OFF);
		stop_begin(p, (int)c->fatal);
		return;
	}
	if (p->stopping) {
		if (WIFSIGNALED(status))
			say("%s: was killed by signal %d while it ended", role_word(p, c), WTERMSIG(status));
		if (code != EXIT_DONE && p->code == EXIT_DONE)
			p->code = c->role == ROLE_WRITER ? EXIT_STORE : EXIT_DAMAGED;
		return;
	}
	if (!WIFSIGNALED(status)) /* in good order, or because of what it has: the next one opens anew */
		held_let_go(&c->held);
	death_say(p, c, status);
	memset(&c->status, 0, sizeof c->status);
	p->next_status_ms = 0;
	c->restarts++;
	child_later(c, WIFSIGNALED(status) ? LIVED_MS : WELL_MS);
	c->ready = false;
	c->gone = code == CHILD_GONE;
	if (c->gone)
		c->next_ms = clock_steady_ms() + 1000;
}

static void reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < p->n; i++)
			if (p->children[i].pid == pid)
				child_ended(p, &p->children[i], status);
}

/* ---- signals ---- */

static void counters_say(struct parent *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct child *c = &p->children[i];
		const struct message_status *s = &c->status;
		if (c->role == ROLE_ENGINE && s->logs)
			say("logs: rows %" PRIu64 ", not understood %" PRIu64 ", of other protocols %" PRIu64 "; lines of files %" PRIu64 "; syslog messages %" PRIu64 ", datagrams lost %" PRIu64
			    ", cut %" PRIu64 ", connections refused or closed %" PRIu64 "; folded %" PRIu64 "; queue %" PRIu64 " of %" PRIu64 " KiB, rows sent %" PRIu64 ", acknowledged %" PRIu64
			    "; started %" PRIu64 " times", s->tally.records, s->tally.records_bad, s->tally.records_other, s->log_lines, s->syslog_messages, s->syslog_lost, s->syslog_cut,
			    s->syslog_refused, s->tally.folded_packets, s->queue_bytes >> 10, s->queue_cap_bytes >> 10, s->rows_sent, s->rows_acked, c->restarts + 1);
		else if (c->role == ROLE_ENGINE)
			say("%s: packets %" PRIu64 ", in sightings %" PRIu64 " (%" PRIu64 " in open windows), not GRE %" PRIu64 ", fragments %" PRIu64 "; lost in the ring %" PRIu64
			    ", possibly below %" PRIu64 "; folded %" PRIu64 "; queue %" PRIu64 " of %" PRIu64 " KiB, rows sent %" PRIu64 ", acknowledged %" PRIu64
			    "; bots %" PRIu64 "; started %" PRIu64 " times",
			    s->source[0] ? s->source : role_word(p, c), s->tally.packets, s->tally.in_sightings, s->open_packets, s->tally.not_gre, s->tally.fragments,
			    s->tally.dropped[GS_DROP_RING], s->tally.dropped[GS_DROP_BELOW], s->tally.folded_packets, s->queue_bytes >> 10, s->queue_cap_bytes >> 10,
			    s->rows_sent, s->rows_acked, s->processes, c->restarts + 1);
		else if (c->role == ROLE_WRITER)
			say("writer: rows %" PRIu64 ", packets %" PRIu64 ", last commit %" PRIu64 " ms; store %" PRIu64 " MiB, disk free %" PRIu64 " MiB; started %" PRIu64 " times",
			    p->store.rows, p->store.packets, p->store.commit_us / 1000, p->store.file_bytes >> 20, p->store.disk_free_bytes >> 20, c->restarts + 1);
	}
}

static void on_found(void *arg, bool bad, const char *sentence)
{
	say(bad ? "%s" : "warning: %s", sentence);
}

static void on_change(void *arg, const struct config_key *key, bool live)
{
	if (!live)
		say("configuration: %s in [%s] cannot change while the sensor runs; it is as before until the next start", key->key, key->section);
}

/* The file again, whole or not at all. Children that run are told what is for them; those that start later have it all. */
static void config_again(struct parent *p)
{
	struct sensor_config *fresh;
	struct gs_error err = { 0 };

	if (config_of_options(p->s->options, on_found, NULL, &fresh, &err) < 0) {
		say("%s; the configuration stays as it was", err.text);
		return;
	}
	if (config_renew(fresh, p->s->config, on_change, NULL, &err) < 0) {
		say("%s; the configuration stays as it was", err.text);
		config_free(fresh);
		return;
	}
	p->s->config = fresh;
	config_free(p->renewed);
	p->renewed = fresh;
	const struct message_limits limits = { fresh->retention_age_s, fresh->retention_bytes };
	if (writer_of(p)->pid)
		(void)message_send(writer_of(p)->control, MESSAGE_LIMITS_, 0, &limits, sizeof limits, -1);
}

static void reload(struct parent *p)
{
	notify_send(&p->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_steady_ms() * 1000);
	config_again(p);
	for (unsigned i = 0; i < p->n; i++)
		if (p->children[i].pid)
			(void)message_send(p->children[i].control, MESSAGE_RELOAD_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
	notify_send(&p->notify, "READY=1");
}

static void signals_take(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signals, &si, sizeof si) == sizeof si) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			reap(p);
			break;
		case SIGTERM:
		case SIGINT:
			stop_begin(p, EXIT_DONE);
			break;
		case SIGHUP:
			if (p->terminal && !isatty(STDERR_FILENO)) /* it hung up: whoever watched is gone */
				stop_begin(p, EXIT_DONE);
			else
				reload(p);
			break;
		case SIGUSR1:
			counters_say(p);
			break;
		default:
			break;
		}
	}
}

static int signals_open(struct parent *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals;
}

/* ---- time ---- */

/* Whether all that was to be started stands, or waits for its interface. */
static bool all_started(const struct parent *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (!p->children[i].was_ready && !(p->children[i].role == ROLE_ENGINE && p->children[i].restarts))
			return false;
	return true;
}

static void started(struct parent *p)
{
	struct sandbox_state sandbox = { .user = p->s->user.set };
	const struct config_list *l = &p->s->config->interfaces;
	char names[512];
	size_t at = 0;

	sandbox_available(&sandbox);
	for (unsigned i = 0; i < l->n && at < sizeof names; i++)
		at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "", l->item[i]);
	l = &p->s->config->follow;
	for (unsigned i = 0; i < l->n && at < sizeof names; i++)
		at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", l->item[i]);
	l = &p->s->config->syslog_listen;
	for (unsigned i = 0; i < l->n && at < sizeof names; i++)
		at += (size_t)snprintf(names + at, sizeof names - at, "%ssyslog at %s", at ? ", " : "", l->item[i]);
	say("watching %s with %u %s; protected: %s", names, p->s->n_engines, p->s->n_engines == 1 ? "engine" : "engines", sandbox.text);
	p->started = true;
	notify_send(&p->notify, "READY=1\nSTATUS=watching %s", names);
}

static bool interface_there(const struct parent *p, const struct child *c)
{
	const char *name = engine_interface(p->s, c->number);

	return engine_is_logs(p->s, c->number) || strcmp(name, "any") == 0 || if_nametoindex(name) != 0;
}

/* Stopped by a terminal, frozen with the machine or its container: nobody was heard in that time, and most were stopped themselves. They have their time from now on. */
static void absence_look(struct parent *p)
{
	const int64_t now = clock_steady_ms();

	for (unsigned i = 0; p->round_ms && now - p->round_ms > ABSENT_MS && i < p->n; i++)
		p->children[i].beat_ms = now;
	p->round_ms = now;
}

static void children_tend(struct parent *p)
{
	const int64_t now = clock_steady_ms();

	for (unsigned i = 0; i < p->n; i++) {
		struct child *c = &p->children[i];
		if (c->pid && now - c->beat_ms > SILENT_MS) {
			say("%s: no sign of life for %d s; it is killed", role_word(p, c), SILENT_MS / 1000);
			c->beat_ms = now;
			kill(c->pid, SIGKILL);
		}
		if (c->pid || p->stopping || now < c->next_ms)
			continue;
		if (c->role != ROLE_WRITER && !writer_of(p)->was_ready) /* a store that cannot be opened ends the program before anything is captured */
			continue;
		if (c->gone && !interface_there(p, c))
			c->next_ms = now + 1000;
		else
			child_start(p, c);
	}
	if (!p->started && !p->stopping && all_started(p))
		started(p);
}

static bool engines_run(const struct parent *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->children[i].role == ROLE_ENGINE && p->children[i].pid)
			return true;
	return false;
}

static bool any_run(const struct parent *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->children[i].pid)
			return true;
	return false;
}

/* What is left to do until all have ended. */
static void stop_tend(struct parent *p)
{
	struct child *w = writer_of(p);
	const int64_t now = clock_steady_ms();

	if (engines_run(p) && !w->pid && w->was_ready && w->next_ms) { /* the writer died: one more, now, for what the engines hold */
		w->next_ms = 0;
		child_start(p, w);
	}
	if (!engines_run(p) && !p->store_stopping) {
		p->store_stopping = true;
		for (unsigned i = 0; i < p->n; i++)
			if (p->children[i].role != ROLE_ENGINE)
				child_stop(&p->children[i]);
	}
	if (now - p->stop_ms < STOP_MOST_MS && (w->pid || !engines_run(p)))
		return;
	for (unsigned i = 0; i < p->n; i++) {
		struct child *c = &p->children[i];
		if (!c->pid)
			continue;
		if (c->role == ROLE_ENGINE)
			say("%s: could not give its last rows to the store; lost: %" PRIu64 " KiB of rows and %" PRIu64 " packets in open windows", role_word(p, c),
			    c->status.queue_bytes >> 10, c->status.open_packets);
		kill(c->pid, SIGKILL);
	}
}

static void service_tell(struct parent *p)
{
	const int64_t now = clock_steady_ms();
	uint64_t packets = p->total.packets, lost = gs_tally_sensor_lost(&p->total);

	if (p->notify.watchdog_us && now >= p->next_watchdog_ms) {
		notify_send(&p->notify, "WATCHDOG=1");
		p->next_watchdog_ms = now + (int64_t)(p->notify.watchdog_us / 1000);
	}
	if (p->stopping || !p->started || now < p->next_status_ms)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		packets += p->children[i].status.tally.packets;
		lost += gs_tally_sensor_lost(&p->children[i].status.tally);
	}
	notify_send(&p->notify, "STATUS=%" PRIu64 " packets seen, %" PRIu64 " lost, %" PRIu64 " rows kept", packets, lost, p->rows_before + p->store.rows);
	p->next_status_ms = now + STATUS_MS;
}

/* How long nothing needs to be done, at most a second. */
static int idle_ms(const struct parent *p)
{
	const int64_t now = clock_steady_ms();
	int64_t left = 1000;

	if (p->stopping)
		left = 100;
	for (unsigned i = 0; i < p->n; i++) {
		const struct child *c = &p->children[i];
		if (!c->pid && c->next_ms - now < left)
			left = c->next_ms - now;
		if (c->file_asked && c->file_ms + EVIDENCE_PAUSE_MS - now < left)
			left = c->file_ms + EVIDENCE_PAUSE_MS - now;
	}
	if (p->notify.watchdog_us && p->next_watchdog_ms - now < left)
		left = p->next_watchdog_ms - now;
	return left < 10 ? 10 : (int)left;
}

int parent_run(struct sensor *s)
{
	struct parent *p = calloc(1, sizeof *p);
	struct pollfd fds[CHILDREN_MAX + 1];

	if (!p || s->n_engines > SENSOR_ENGINES_MAX) {
		say("more than %u engines (interfaces times workers)", SENSOR_ENGINES_MAX);
		free(p);
		return EXIT_USAGE;
	}
	p->s = s;
	p->terminal = isatty(STDERR_FILENO);
	say_without_waiting();
	p->children[p->n++] = (struct child){ .role = ROLE_WRITER, .control = -1 };
	for (unsigned i = 0; i < s->n_engines; i++)
		p->children[p->n++] = (struct child){ .role = ROLE_ENGINE, .number = i, .control = -1 };
	p->children[p->n++] = (struct child){ .role = ROLE_TELLER, .control = -1 };
	for (unsigned i = 0; i < p->n; i++)
		held_init(&p->children[i].held);
	notify_open(&p->notify);
	if (signals_open(p) < 0) {
		say("cannot wait for signals: %s", strerror(errno));
		free(p);
		return EXIT_RIGHTS;
	}
	if (*s->config->pcap_dir) {
		struct gs_error err = { 0 };
		p->evidence_on = evidence_open(&p->evidence, s->config->pcap_dir, s->config->sensor, s->config->pcap_max_bytes, &err) == 0;
		if (!p->evidence_on) {
			say("%s", err.text);
			free(p);
			return EXIT_CONFIG;
		}
	}
	while (!p->stopping || any_run(p)) {
		absence_look(p);
		children_tend(p);
		if (p->stopping)
			stop_tend(p);
		service_tell(p);
		evidence_tend(p);
		fds[0] = (struct pollfd){ p->signals, POLLIN, 0 };
		for (unsigned i = 0; i < p->n; i++)
			fds[i + 1] = (struct pollfd){ p->children[i].control, POLLIN, 0 };
		poll(fds, p->n + 1, idle_ms(p));
		for (unsigned i = 0; i < p->n; i++)
			if (fds[i + 1].revents && p->children[i].control >= 0)
				child_listen(p, &p->children[i]);
		if (fds[0].revents)
			signals_take(p);
	}
	const int code = p->code;
	if (p->started && !s->options->quiet)
		say("ended: %" PRIu64 " packets seen, %" PRIu64 " lost in the sensor, %" PRIu64 " possibly lost below; %" PRIu64 " rows kept", p->total.packets,
		    gs_tally_sensor_lost(&p->total), p->total.dropped[GS_DROP_BELOW], p->rows_before);
	close(p->signals);
	if (p->evidence_on)
		evidence_close(&p->evidence);
	config_free(p->renewed);
	free(p);
	return code;
}
