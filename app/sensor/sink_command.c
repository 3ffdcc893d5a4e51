/*
 * sink_command.c - a program that gets each alert as JSON on its standard input
 *
 * posix_spawn without a shell: nothing in an alert can become a word of a command line. An alert is smaller than a pipe, so it is written whole before the program starts and
 * nobody ever waits for it to be read. The program's own output goes to standard error. It runs in a process group of its own, so that its children go with it.
 */
#include "sensor/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 64
#define GRACE_MS 2000 /* between asking it to end and making it */
#define LOOK_MS 50    /* at those that run */

struct running {
	pid_t pid;            /* 0: free */
	int64_t end_ms;       /* its time is over */
	bool asked;
};

struct sink_command {
	char *text;
	char *argv[WORDS_MAX + 1];
	struct sink_queue queue;
	struct running running[COMMAND_MAX];
	int64_t time_ms;
	struct sink_counts counts;
	char trouble[SINK_TROUBLE_MAX], lent[SINK_TROUBLE_MAX];
};

struct sink_command *sink_command_new(const char *command, int64_t time_ms)
{
	struct sink_command *s = calloc(1, sizeof *s);
	char *save;
	unsigned n = 0;

	if (!s || !(s->text = strdup(command))) {
		free(s);
		return NULL;
	}
	for (char *word = strtok_r(s->text, " \t", &save); word && n < WORDS_MAX; word = strtok_r(NULL, " \t", &save))
		s->argv[n++] = word;
	s->time_ms = time_ms ? time_ms : COMMAND_TIME_MS;
	return s;
}

void sink_command_free(struct sink_command *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < COMMAND_MAX; i++)
		if (s->running[i].pid) {
			kill(-s->running[i].pid, SIGKILL);
			waitpid(s->running[i].pid, NULL, 0);
		}
	sink_queue_done(&s->queue);
	free(s->text);
	free(s);
}

void sink_command_add(struct sink_command *s, const char *json, size_t len)
{
	s->counts.dropped += sink_queue_add(&s->queue, json, len);
}

static void say(struct sink_command *s, const char *what, int n)
{
	snprintf(s->trouble, sizeof s->trouble, "%.150s: %s %d", s->argv[0] ? s->argv[0] : "", what, n);
}

static void reap(struct sink_command *s, struct running *r, int64_t now_ms)
{
	int status;
	const pid_t pid = waitpid(r->pid, &status, WNOHANG);

	if (pid == 0) {
		if (now_ms >= r->end_ms) {
			kill(-r->pid, r->asked ? SIGKILL : SIGTERM);
			r->end_ms = now_ms + GRACE_MS;
			if (!r->asked)
				say(s, "ended after its time, seconds:", (int)(s->time_ms / 1000));
			r->asked = true;
		}
		return;
	}
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && !r->asked) {
		s->counts.sent++;
	} else {
		s->counts.failed++;
		if (pid > 0 && WIFEXITED(status) && !r->asked)
			say(s, "exit status", WEXITSTATUS(status));
		else if (pid > 0 && WIFSIGNALED(status) && !r->asked)
			say(s, "ended by signal", WTERMSIG(status));
	}
	kill(-r->pid, SIGKILL); /* what it left behind */
	r->pid = 0;
}

static int spawn(struct sink_command *s, int input, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	r = r ? r : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	r = r ? r : posix_spawnattr_setpgroup(&attr, 0);
	r = r ? r : posix_spawnattr_setsigdefault(&attr, &all);
	r = r ? r : posix_spawnattr_setsigmask(&attr, &none);
	r = r ? r : posix_spawn(ret, s->argv[0], &files, &attr, s->argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* The oldest that waits. False: not now (no descriptors, no processes): it waits on. */
static bool start(struct sink_command *s, struct running *to, int64_t now_ms)
{
	size_t len;
	const char *json = sink_queue_first(&s->queue, &len);
	int fds[2], r;

	if (!s->argv[0] || pipe2(fds, O_CLOEXEC) < 0)
		return false;
	r = write(fds[1], json, len) == (ssize_t)len && write(fds[1], "\n", 1) == 1 ? 0 : EIO; /* at most SINK_ALERT_MAX: a pipe takes that at once */
	close(fds[1]);
	r = r ? r : spawn(s, fds[0], &to->pid);
	close(fds[0]);
	if (r == EAGAIN || r == ENOMEM)
		return false;
	sink_queue_pop(&s->queue);
	if (r != 0) {
		s->counts.failed++;
		snprintf(s->trouble, sizeof s->trouble, "%.150s: cannot be started: %s", s->argv[0], strerror(r));
		to->pid = 0;
		return true;
	}
	to->end_ms = now_ms + s->time_ms;
	to->asked = false;
	return true;
}

int sink_command_tick(struct sink_command *s, int64_t now_ms)
{
	bool busy = false;

	for (unsigned i = 0; i < COMMAND_MAX; i++) {
		struct running *r = &s->running[i];
		if (r->pid)
			reap(s, r, now_ms);
		while (!r->pid && s->queue.n && start(s, r, now_ms))
			;
		busy |= r->pid != 0;
	}
	return busy || s->queue.n ? LOOK_MS : -1;
}

struct sink_counts sink_command_counts(const struct sink_command *s)
{
	struct sink_counts c = s->counts;
	c.queued = s->queue.n;
	return c;
}

const char *sink_command_trouble(struct sink_command *s)
{
	memcpy(s->lent, s->trouble, sizeof s->lent);
	s->trouble[0] = '\0';
	return s->lent;
}
