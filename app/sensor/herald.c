/*
 * herald.c - the process that carries alerts out: a command, a webhook
 *
 * It has the rights of its user and no more: no capabilities, nothing to gain by execve (no_new_privs), so a set-user-id mailer will not work as a command. It reads nothing but alerts that
 * the teller has written. When the teller is gone it finishes what it has, within HERALD_END_MS.
 */
#include "sensor/sink.h"

#include "sensor/sensor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATUS_MS 5000
#define WAIT_MS 1000

struct herald {
	int fd;                       /* -1: the teller is gone */
	struct sink_command *command; /* NULL: none */
	struct sink_webhook *webhook;
	struct herald_status status;
	int64_t next_status_ms;
};

static void take_alerts(struct herald *h)
{
	char json[SINK_ALERT_MAX];
	ssize_t n;

	while ((n = recv(h->fd, json, sizeof json, MSG_DONTWAIT)) > 0) {
		if (h->command)
			sink_command_add(h->command, json, (size_t)n);
		if (h->webhook)
			sink_webhook_add(h->webhook, json, (size_t)n);
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(h->fd);
		h->fd = -1;
	}
}

static void give_status(struct herald *h, const char *sink, const char *trouble)
{
	snprintf(h->status.sink, sizeof h->status.sink, "%s", sink);
	snprintf(h->status.trouble, sizeof h->status.trouble, "%s", trouble);
	if (h->command)
		h->status.command = sink_command_counts(h->command);
	if (h->webhook)
		h->status.webhook = sink_webhook_counts(h->webhook);
	if (h->fd >= 0)
		(void)send(h->fd, &h->status, sizeof h->status, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void tell_status(struct herald *h, int64_t now_ms)
{
	const char *trouble;

	if (h->command && *(trouble = sink_command_trouble(h->command)))
		give_status(h, "command", trouble);
	if (h->webhook && *(trouble = sink_webhook_trouble(h->webhook)))
		give_status(h, "webhook", trouble);
	if (now_ms >= h->next_status_ms) {
		give_status(h, "", "");
		h->next_status_ms = now_ms + STATUS_MS;
	}
}

static int herald_run(struct herald *h)
{
	int64_t end_ms = INT64_MAX;

	for (;;) {
		int64_t now = clock_steady_ms();
		int wait = h->command ? sink_command_tick(h->command, now) : -1;
		const bool idle = wait < 0 && (!h->webhook || sink_webhook_idle(h->webhook));
		if (h->fd < 0 && end_ms == INT64_MAX)
			end_ms = now + HERALD_END_MS;
		if (h->fd < 0 && (idle || now >= end_ms))
			break;
		wait = wait < 0 ? WAIT_MS : wait;
		struct pollfd p = { .fd = h->fd, .events = POLLIN };
		if (h->webhook)
			sink_webhook_wait(h->webhook, h->fd, wait, now);
		else
			(void)poll(&p, 1, wait);
		if (h->fd >= 0)
			take_alerts(h);
		tell_status(h, clock_steady_ms());
	}
	sink_command_free(h->command);
	sink_webhook_free(h->webhook);
	return 0;
}

/* A life of its own: signals of the terminal are not for it, and of the teller's descriptors it has only this one. */
static int herald_life(const struct herald_options *o, int fd)
{
	struct herald h = { .fd = fd };
	struct sandbox_state state = { 0 };
	struct gs_error err = { 0 };
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE, SIGWINCH };

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	if (sandbox_user(o->user, &state, &err) < 0)
		give_status(&h, "command", err.text);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (*o->command && !(h.command = sink_command_new(o->command, o->command_time_ms)))
		return CHILD_BROKEN;
	if (*o->webhook_url && sink_webhook_new(o->webhook_url, o->retry_ms, &h.webhook, &err) < 0)
		give_status(&h, "webhook", err.text);
	return herald_run(&h);
}

int herald_start(const struct herald_options *o, int *ret_fd, pid_t *ret_pid, struct gs_error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "no socket to the process of the sinks");
	const pid_t pid = fork();
	if (pid < 0) {
		const int r = gs_fail_errno(err, GS_ERR_IO, errno, "cannot start a process for the sinks");
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid == 0)
		_exit(herald_life(o, fds[1]));
	close(fds[1]);
	*ret_fd = fds[0];
	*ret_pid = pid;
	return 0;
}
