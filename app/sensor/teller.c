/*
 * teller.c - the process that tells: alerts, metrics, the screen
 *
 * It reads pulses, statuses and sightings of the engines, the writer's state and the parent's notices, all of them as typed messages that are checked. Once a second, when every engine
 * has sent its pulse (or one is late), the rules are asked, the counters looked at and the page drawn. If it is too slow, engines count what they could not
 * tell it and go on.
 *
 * What needs the world, a command or a webhook, is the herald's (sink.h), which is started first; then the process closes itself in: it may read databases and the configuration, write beside
 * the store, and answer on the socket of the metrics.
 */
#include "sensor/teller.h"

#include "version.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_LATE_MS 1500     /* a second is over when all engines sent their pulse, or then */
#define SAVE_S 300
#define SAVE_SOON_S 5           /* after something was told; and a second more for each SAVE_NETWORKS: it is that much to write */
#define SAVE_NETWORKS 1000
#define HOURLY_S 3600
#define STALE_S (60 * 86400)    /* databases older than this are told of; as `doctor` has it */
#define FAREWELL_MS 800         /* for the herald to carry out what is left; it may go on alone */
#define ROUND_MESSAGES 512      /* of one sender, before the others have their turn */

struct seen {
	uint64_t lost, below, clock_steps;
	bool known;
};

struct teller {
	const struct sensor *s;
	struct sensor_config *fresh;   /* of the last reload; NULL: what it was started with */
	const struct sensor_config *config;
	int control, writer, engines[SENSOR_ENGINES_MAX], herald;
	struct seen seen[SENSOR_ENGINES_MAX];
	bool met[SENSOR_ENGINES_MAX];  /* an engine of this number was there before */
	bool met_writer, writer_came_again;
	struct gs_alerts *alerts;
	struct gs_enrich *enrich;      /* NULL: no databases */
	struct view view;
	struct sink_line line;
	bool lines;                    /* alerts go to standard error */
	struct screen *screen;
	struct metrics *metrics;
	char state[4096];
	int64_t last_second_ms, next_save_ms, next_hour_ms;
	uint64_t told_saved;           /* alerts told when the state was last saved */
	bool stop;
	int exit_status;
	struct message in;
};

static void notice(struct teller *t, enum notice_level level, unsigned code, const char *key, const char *text)
{
	child_notice(t->control, ROLE_TELLER, 0, level, code, key, "%s", text);
}

static struct gs_time wall(void)
{
	return (struct gs_time){ clock_wall_ns() };
}

/* ---- alerts out ---- */

static void tell(void *arg, const struct gs_alert *a)
{
	struct teller *t = arg;
	struct gs_buf json = { 0 };

	view_alert(&t->view, a);
	if (t->lines)
		t->view.lines_left_out += !sink_line_tell(&t->line, a);
	if (t->herald < 0)
		return;
	gs_alert_json(&json, a, t->config->sensor);
	if (json.failed || json.len > SINK_ALERT_MAX || send(t->herald, json.data, json.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		t->view.to_herald_dropped++;
	gs_buf_done(&json);
}

static void find_network(void *arg, const struct gs_addr *a, struct gs_alert_network *ret)
{
	struct teller *t = arg;
	static char country[3];
	struct gs_origin o;

	if (!t->enrich)
		return;
	gs_enrich_lookup(t->enrich, a, &o);
	memcpy(country, o.country, 2);
	*ret = (struct gs_alert_network){ .asn = o.asn, .name = gs_enrich_string(t->enrich, o.as_name), .country = country };
}

static void trouble(struct teller *t, enum gs_trouble what, bool on, const char *subject, const char *format, ...) __attribute__((format(printf, 5, 6)));
static void trouble(struct teller *t, enum gs_trouble what, bool on, const char *subject, const char *format, ...)
{
	char text[GS_ALERT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	gs_alerts_trouble(t->alerts, what, on, subject, text, wall());
}

/* A sink that takes alerts again. */
static void sink_look(struct teller *t, const char *name, const struct sink_counts *c, uint64_t sent_before, const char *in_trouble)
{
	if (c->sent > sent_before && c->retries == 0 && strcmp(name, in_trouble) != 0)
		trouble(t, GS_TROUBLE_SINK, false, name, "the %s takes alerts again", name);
}

static void herald_listen(struct teller *t)
{
	struct herald_status s;
	ssize_t n;

	while ((n = recv(t->herald, &s, sizeof s, MSG_DONTWAIT)) == sizeof s) {
		s.trouble[sizeof s.trouble - 1] = s.sink[sizeof s.sink - 1] = '\0';
		if (*s.trouble)
			trouble(t, GS_TROUBLE_SINK, true, s.sink, "%s", s.trouble);
		sink_look(t, "command", &s.command, t->view.sinks.command.sent, s.sink);
		sink_look(t, "webhook", &s.webhook, t->view.sinks.webhook.sent, s.sink);
		t->view.sinks = s;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(t->herald);
	t->herald = -1;
	notice(t, NOTICE_TROUBLE, 0, "herald.gone", "the process that carries alerts out has died; both are started again");
	t->exit_status = CHILD_BROKEN; /* closed in as it is, this process cannot start another */
	t->stop = true;
}

/* ---- what others say ---- */

/* A process that comes again was started anew. */
static void came_again(struct teller *t, const char *who)
{
	t->view.restarts++;
	trouble(t, GS_TROUBLE_PROCESS, true, who, "%s died and was started again", who);
}

/* One whose interface was gone had nothing to do, and that was told. */
static void engine_again(struct teller *t, unsigned number)
{
	char who[64];

	snprintf(who, sizeof who, "the engine of %s", engine_interface(t->s, number));
	if (t->view.engines[number].status.link == LINK_GONE)
		t->view.restarts++;
	else
		came_again(t, who);
}

static void peer_take(struct teller *t)
{
	const struct message_peer *p = &t->in.body.peer;

	if (p->role == ROLE_WRITER) {
		if (t->writer >= 0)
			close(t->writer);
		t->writer = t->in.fd;
		if (t->met_writer)
			came_again(t, "the writer");
		t->met_writer = true;
	} else if (p->role == ROLE_ENGINE && p->number < SENSOR_ENGINES_MAX) {
		if (t->engines[p->number] >= 0)
			close(t->engines[p->number]);
		t->engines[p->number] = t->in.fd;
		if (t->met[p->number])
			engine_again(t, p->number);
		t->met[p->number] = true;
		t->seen[p->number].known = false;
		if (p->number >= t->view.n_engines)
			t->view.n_engines = p->number + 1;
	} else {
		close(t->in.fd);
	}
}

/* What the writer says as it ends: until another one lives for a while, nothing is written. */
static bool of_store(const struct message_notice *n)
{
	return n->role == ROLE_WRITER && (strcmp(n->key, "store.full") == 0 || strcmp(n->key, "store.noroom") == 0 || strcmp(n->key, "store.failed") == 0);
}

/* That an interface is down, gone, or was so when an engine wanted to begin. Its status tells when that is over. */
static bool of_interface(const struct teller *t, const struct message_notice *n)
{
	return n->role == ROLE_ENGINE && n->level == NOTICE_WARNING && n->number < t->s->n_engines &&
	       (strcmp(n->key, "interface.down") == 0 || strcmp(n->key, "interface.gone") == 0 || strcmp(n->key, "engine.open") == 0);
}

static void notice_take(struct teller *t)
{
	struct message_notice *n = &t->in.body.notice;

	if (of_store(n))
		trouble(t, GS_TROUBLE_DISK, true, "", "%s", n->text);
	else if (of_interface(t, n))
		trouble(t, GS_TROUBLE_INTERFACE, true, engine_interface(t->s, n->number), "%s", n->text);
	else if (n->level >= NOTICE_WARNING && n->role != ROLE_TELLER && strcmp(n->key, "clock.step") != 0) /* that one is in the status, too */
		trouble(t, GS_TROUBLE_OTHER, true, n->key, "%s", n->text);
}

static int alert_options(struct teller *t, struct gs_alerts_options *ret, struct gs_alert_bad *bad)
{
	const struct sensor_config *c = t->config;
	unsigned n = c->n_known_bad < CONFIG_BAD_MAX ? c->n_known_bad : CONFIG_BAD_MAX;

	for (unsigned i = 0; i < n; i++)
		bad[i] = (struct gs_alert_bad){ .by_asn = c->known_bad[i].by_asn, .asn = c->known_bad[i].asn, .prefix = c->known_bad[i].prefix };
	*ret = (struct gs_alerts_options){ .flood_pps = c->flood_pps, .quiet_s = c->quiet_s, .surge_factor = c->surge_factor, .bad = bad, .n_bad = n, .window_s = c->window_s };
	return 0;
}

/* How old the oldest database in use is, and whether there is one at all. */
static void databases_look(struct teller *t)
{
	struct view *v = &t->view;
	const struct gs_time now = wall();

	v->n_databases = t->enrich ? gs_enrich_databases(t->enrich, v->databases) : 0;
	if (!t->enrich || !gs_enrich_has_networks(t->enrich)) {
		trouble(t, GS_TROUBLE_DATABASES, true, "networks", "no database of networks: first appearances and surges are not told (grescope doctor says where one is looked for)");
	} else {
		trouble(t, GS_TROUBLE_DATABASES, false, "networks", "there is a database of networks again");
	}
	for (unsigned i = 0; i < v->n_databases; i++) {
		const char *edition = v->databases[i].edition;
		const size_t n = strlen(edition);
		struct gs_time built;
		if (n < 10 || !gs_time_parse(edition + n - 10, 10, &built))
			continue;
		const int64_t age = (now.ns - built.ns) / GS_NS_PER_S;
		trouble(t, GS_TROUBLE_DATABASES, age > STALE_S, v->databases[i].name, age > STALE_S ? "%s is of %s: addresses move, networks and places grow wrong" : "%s is of %s",
		        v->databases[i].name, edition);
	}
}

static void reload(struct teller *t)
{
	struct gs_alerts_options ao;
	static struct gs_alert_bad bad[CONFIG_BAD_MAX];
	struct sensor_config *c = NULL;
	struct gs_enrich *e = NULL;
	struct gs_error err = { 0 };

	if (databases_open(t->s->options, &e, &err) < 0) {
		notice(t, NOTICE_WARNING, 0, "databases.bad", err.text);
	} else {
		t->view.n_databases = 0; /* their strings were the old one's */
		gs_enrich_close(t->enrich);
		t->enrich = e;
	}
	databases_look(t);
	const int r = config_of_options(t->s->options, NULL, NULL, &c, &err);
	if (r == GS_ERR_ACCESS) { /* only the parent may read it: the next teller is born with it */
		t->exit_status = CHILD_BROKEN;
		t->stop = true;
		return;
	}
	if (r < 0 || config_renew(c, t->config, NULL, NULL, &err) < 0) {
		config_free(c);
		notice(t, NOTICE_WARNING, 0, "config.bad", err.text);
		return;
	}
	const struct sensor_config *before = t->config;
	t->config = c;
	if (alert_options(t, &ao, bad) < 0 || gs_alerts_renew(t->alerts, &ao, &err) < 0) {
		t->config = before;
		config_free(c);
		notice(t, NOTICE_WARNING, 0, "config.bad", err.text);
		return;
	}
	if (strcmp(before->command, c->command) != 0 || strcmp(before->webhook_url, c->webhook_url) != 0) { /* the herald is another one then, and only a new teller can have it */
		t->exit_status = CHILD_BROKEN;
		t->stop = true;
	}
	t->line = sink_line_open((enum config_say)c->say, c->sensor);
	config_free(t->fresh);
	t->fresh = c;
	t->view.sensor = c->sensor;
}

/* Several pulses of one engine before a second is over: their sum. */
static void pulse_take(struct teller *t, unsigned engine)
{
	struct view_engine *e = &t->view.engines[engine];
	static struct gs_pulse_second p;

	if (t->in.head.len != sizeof p || (memcpy(&p, t->in.body.bytes, sizeof p), !gs_pulse_sound(&p))) {
		t->view.bad_messages++;
		return;
	}
	if (e->fresh) {
		const uint64_t bots = p.bots;
		gs_pulse_merge(&e->pulse, &p);
		e->pulse.bots = bots;
	} else {
		e->pulse = p;
	}
	e->fresh = true;
}

static void engine_message(struct teller *t, unsigned engine)
{
	struct view_engine *e = &t->view.engines[engine];

	switch (t->in.head.type) {
	case MESSAGE_PULSE_:
		pulse_take(t, engine);
		break;
	case MESSAGE_STATUS_:
		e->have = true;
		e->status = t->in.body.status;
		e->seen_ms = clock_steady_ms();
		break;
	case MESSAGE_SIGHTINGS_:
		gs_alerts_sightings(t->alerts, t->in.body.sightings, message_count(&t->in), wall());
		break;
	default:
		t->view.bad_messages++;
	}
}

static void control_message(struct teller *t)
{
	switch (t->in.head.type) {
	case MESSAGE_PEER_:
		peer_take(t);
		break;
	case MESSAGE_STOP_:
		t->stop = true;
		break;
	case MESSAGE_RELOAD_:
		reload(t);
		break;
	case MESSAGE_NOTICE_:
		notice_take(t);
		break;
	default:
		break;
	}
}

/* All that waits on a socket; false: the other side is gone, or says what cannot be. who: an engine's number, or one of the two below. */
enum { FROM_CONTROL = -1, FROM_WRITER = -2 };
static bool listen_to(struct teller *t, int fd, int who)
{
	int r = MESSAGE_DONE;

	for (unsigned i = 0; i < ROUND_MESSAGES && (r = message_receive(fd, &t->in)) == MESSAGE_DONE; i++) {
		if (!message_check(&t->in, wall(), NULL)) {
			t->view.bad_messages++;
			return false;
		}
		if (who == FROM_CONTROL) {
			control_message(t);
		} else if (who == FROM_WRITER && t->in.head.type == MESSAGE_STORE_) {
			t->view.have_store = true;
			t->view.store = t->in.body.store;
			t->view.store_seen_ms = clock_steady_ms();
		} else if (who >= 0) {
			engine_message(t, (unsigned)who);
		}
	}
	return r >= 0;
}

/* ---- once a second ---- */

/* more: lost within this second; all: since the engine started. */
static void loss_look(struct teller *t, enum gs_trouble what, const char *interface, uint64_t more, uint64_t all)
{
	const char *lost = what == GS_TROUBLE_DROPS ? "packets were lost in the sensor" : "frames were lost at the interface, some of which may have been GRE,";

	if (more)
		trouble(t, what, true, interface, "%s: %llu %s within a second, %llu since it started", interface, (unsigned long long)more, lost, (unsigned long long)all);
	else
		trouble(t, what, false, interface, "%s: no more are lost; %llu %s since it started", interface, (unsigned long long)all, lost);
}

static void engine_look(struct teller *t, unsigned i)
{
	const struct message_status *s = &t->view.engines[i].status;
	struct seen *seen = &t->seen[i];
	const uint64_t lost = gs_tally_sensor_lost(&s->tally), below = s->tally.dropped[GS_DROP_BELOW];
	static const char *const links[LINKS] = { "is up", "is down", "is gone" };

	if (!t->view.engines[i].have)
		return;
	if (seen->known) {
		loss_look(t, GS_TROUBLE_DROPS, s->source, lost > seen->lost ? lost - seen->lost : 0, lost);
		loss_look(t, GS_TROUBLE_BELOW, s->source, below > seen->below ? below - seen->below : 0, below);
		if (s->clock_steps > seen->clock_steps)
			trouble(t, GS_TROUBLE_CLOCK, true, "", "the clock was set: windows that were open ended there");
	}
	trouble(t, GS_TROUBLE_INTERFACE, s->link != LINK_UP, s->source, "%s %s", s->source, links[s->link < LINKS ? s->link : LINK_GONE]);
	*seen = (struct seen){ .known = true, .lost = lost, .below = below, .clock_steps = s->clock_steps };
}

static void save(struct teller *t)
{
	struct gs_error err = { 0 };

	t->told_saved = gs_alerts_counters(t->alerts).told;
	t->next_save_ms = clock_steady_ms() + SAVE_S * 1000;
	if (state_save(t->alerts, t->state, &err) < 0)
		trouble(t, GS_TROUBLE_OTHER, true, "state", "%s", err.text);
}

static void second(struct teller *t)
{
	const int64_t now_ms = clock_steady_ms();

	t->last_second_ms = now_ms;
	view_second(&t->view, wall(), t->enrich);
	gs_alerts_pulse(t->alerts, &t->view.second);
	for (unsigned i = 0; i < t->view.n_engines; i++)
		engine_look(t, i);
	if (t->view.have_store)
		trouble(t, GS_TROUBLE_DISK, t->view.store.full, "", t->view.store.full ? "the store is full: rows wait in memory, and old ones go where retention says so" : "the store can be written again");
	if (now_ms >= t->next_hour_ms) {
		databases_look(t);
		t->next_hour_ms = now_ms + HOURLY_S * 1000;
	}
	t->view.alert_counters = gs_alerts_counters(t->alerts);
	const int64_t soon_ms = now_ms + (SAVE_SOON_S + (int64_t)(t->view.alert_counters.networks / SAVE_NETWORKS)) * 1000;
	if (t->view.alert_counters.told != t->told_saved && t->next_save_ms > soon_ms)
		t->next_save_ms = soon_ms;
	if (now_ms >= t->next_save_ms)
		save(t);
	if (t->screen)
		screen_show(t->screen, &t->view);
	(void)message_send(t->control, MESSAGE_ACK_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
}

/* Whether every engine that is there has sent its pulse. */
static bool all_fresh(const struct teller *t)
{
	bool any = false;

	for (unsigned i = 0; i < t->view.n_engines; i++) {
		if (t->engines[i] >= 0 && !t->view.engines[i].fresh)
			return false;
		any |= t->view.engines[i].fresh;
	}
	return any;
}

/* ---- a life ---- */

static void listen_all(struct teller *t, const struct pollfd *p)
{
	if (p[0].revents && !listen_to(t, t->control, FROM_CONTROL)) {
		t->control = -1;
		t->stop = true; /* the parent is gone */
	}
	if (p[1].revents && t->writer >= 0 && !listen_to(t, t->writer, FROM_WRITER)) {
		close(t->writer);
		t->writer = -1;
	}
	if (p[2].revents && t->herald >= 0)
		herald_listen(t);
	if (p[3].revents && t->metrics)
		metrics_run(t->metrics);
	for (unsigned i = 0; i < t->view.n_engines; i++)
		if (p[4 + i].revents && t->engines[i] >= 0 && !listen_to(t, t->engines[i], (int)i)) {
			close(t->engines[i]);
			t->engines[i] = -1;
		}
}

static void rounds(struct teller *t)
{
	struct pollfd p[4 + SENSOR_ENGINES_MAX];

	while (!t->stop) {
		const unsigned n = t->view.n_engines;
		int64_t left = t->last_second_ms + SECOND_LATE_MS - clock_steady_ms();
		p[0] = (struct pollfd){ t->control, POLLIN, 0 };
		p[1] = (struct pollfd){ t->writer, POLLIN, 0 };
		p[2] = (struct pollfd){ t->herald, POLLIN, 0 };
		p[3] = (struct pollfd){ t->metrics ? metrics_fd(t->metrics) : -1, POLLIN, 0 };
		for (unsigned i = 0; i < n; i++)
			p[4 + i] = (struct pollfd){ t->engines[i], POLLIN, 0 };
		poll(p, 4 + n, left < 0 ? 0 : (int)left);
		for (unsigned i = n; i < SENSOR_ENGINES_MAX; i++)
			p[4 + i].revents = 0; /* one may come while the others are heard */
		listen_all(t, p);
		if (t->screen && screen_resized())
			screen_show(t->screen, &t->view);
		if (all_fresh(t) || clock_steady_ms() - t->last_second_ms >= SECOND_LATE_MS) {
			if (t->metrics)
				metrics_run(t->metrics); /* its time-outs */
			second(t);
		}
	}
}

static int opened(struct teller *t, struct gs_error *err)
{
	static struct gs_alert_bad bad[CONFIG_BAD_MAX];
	const struct sensor_config *c = t->config;
	const struct herald_options ho = { .command = c->command, .webhook_url = c->webhook_url, .user = &t->s->user };
	const struct gs_alert_lookup lookup = { find_network, t };
	const struct gs_alert_sink sink = { tell, t };
	struct gs_alerts_options ao;
	struct gs_error trouble = { 0 };
	pid_t pid;
	int r = 0;

	t->view.has_command = *c->command != '\0';
	t->view.has_webhook = *c->webhook_url != '\0';
	if (t->view.has_command || t->view.has_webhook)
		r = herald_start(&ho, &t->herald, &pid, err);
	if (r == 0)
		r = sandbox_user(&t->s->writer_user, &(struct sandbox_state){ 0 }, err);
	if (r == 0 && *c->metrics_listen)
		r = metrics_start(c->metrics_listen, &t->view, &t->metrics, err);
	if (r < 0)
		return r;
	if (databases_open(t->s->options, &t->enrich, &trouble) < 0)
		notice(t, NOTICE_WARNING, 0, "databases.bad", trouble.text);
	r = alert_options(t, &ao, bad);
	if (r == 0)
		r = gs_alerts_new(&ao, &lookup, &sink, wall(), &t->alerts, err);
	return r == 0 ? state_path(t->s->options, t->state, sizeof t->state) : r;
}

static int closed_in(struct teller *t, struct gs_error *err)
{
	struct sandbox_options so = { .role = ROLE_TELLER, .packet_fd = -1 };
	struct sandbox_state state = { 0 };
	static char folder[4096], places[SANDBOX_PATHS][4096];

	if (store_folder(t->s->options, folder, sizeof folder) == 0)
		so.write[so.n_write++] = folder;
	if (t->config->path)
		so.read[so.n_read++] = t->config->path;
	const size_t n = databases_places(t->s->options, places, SANDBOX_PATHS - so.n_read);
	for (size_t i = 0; i < n; i++)
		so.read[so.n_read++] = places[i];
	return sandbox_lock(&so, &state, err);
}

static void start(struct teller *t)
{
	char said[MESSAGE_TEXT];

	t->view.n_engines = 0;
	t->line = sink_line_open((enum config_say)t->config->say, t->config->sensor);
	t->lines = true;
	state_load(t->alerts, t->state, t->s->options, t->enrich, said);
	if (*said)
		notice(t, NOTICE_WARNING, 0, "alerts.state", said);
	if (!t->s->options->quiet)
		t->screen = screen_open();
	t->lines = !t->screen || !isatty(STDERR_FILENO); /* on the terminal they are part of the page */
	t->last_second_ms = clock_steady_ms();
	t->next_save_ms = t->last_second_ms + SAVE_S * 1000;
	t->next_hour_ms = t->last_second_ms;
}

static void end(struct teller *t)
{
	screen_close(t->screen);
	save(t);
	metrics_stop(t->metrics);
	if (t->herald >= 0) {
		struct pollfd p = { t->herald, POLLIN, 0 };
		const int64_t until = clock_steady_ms() + FAREWELL_MS;
		struct herald_status s;
		shutdown(t->herald, SHUT_WR);
		while (clock_steady_ms() < until && poll(&p, 1, 50) >= 0)
			if (p.revents && recv(t->herald, &s, sizeof s, MSG_DONTWAIT) == 0)
				break;
		close(t->herald);
	}
	gs_alerts_free(t->alerts);
	gs_enrich_close(t->enrich);
	config_free(t->fresh);
}

int teller_run(const struct sensor *s, int control)
{
	struct teller *t = calloc(1, sizeof *t);
	struct gs_error err = { 0 };

	if (!t)
		return CHILD_BROKEN;
	t->s = s;
	t->config = s->config;
	t->control = control;
	t->writer = t->herald = -1;
	for (unsigned i = 0; i < SENSOR_ENGINES_MAX; i++)
		t->engines[i] = -1;
	view_init(&t->view, GRESCOPE_VERSION, s->config->sensor, wall());
	int r = opened(t, &err);
	if (r == 0) {
		start(t);
		r = closed_in(t, &err);
	}
	if (r < 0) {
		screen_close(t->screen);
		notice(t, NOTICE_FATAL, (unsigned)exit_code_of(r), "teller.open", err.text);
		return CHILD_BROKEN;
	}
	(void)message_send(control, MESSAGE_READY_, 0, &(struct message_nothing){ 0 }, sizeof(struct message_nothing), -1);
	rounds(t);
	end(t);
	return t->exit_status;
}
