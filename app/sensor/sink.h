/*
 * sink.h - where alerts go: standard error or the journal, a command, a webhook
 *
 * The teller writes lines itself. A command or a webhook needs execve or the network, so it gets a process of its own, the herald: it reads nothing but finished alerts from the
 * teller, and the teller, which reads what engines say, can be locked in.
 *
 * Nothing here waits for the world: queues are bounded (the oldest alert gives way and is counted), a command has its time, a webhook is tried again with pauses.
 */
#ifndef SENSOR_SINK_H
#define SENSOR_SINK_H

#include "alert/alert.h"
#include "config.h"
#include "sensor/sandbox.h"

#include <sys/types.h>

#define SINK_QUEUE 256           /* alerts that wait, for each sink */
#define SINK_ALERT_MAX 4096      /* octets of one alert as JSON: gs_alert has no room for more */
#define SINK_TROUBLE_MAX 256

/* ---- lines on standard error: sink_line.c ---- */

struct sink_line {
	enum config_say say;
	bool journal;            /* standard error is the journal's: lines begin with <N> */
	const char *sensor;
};

struct sink_line sink_line_open(enum config_say say, const char *sensor);
/* False: left out, because whoever reads standard error does not. Never waits. */
bool sink_line_tell(const struct sink_line *s, const struct gs_alert *a);
/* The line that sink_line_tell writes, newline and all. */
void sink_line_format(const struct sink_line *s, const struct gs_alert *a, struct gs_buf *out);

/* ---- sinks of the herald ---- */

struct sink_counts {
	uint64_t sent, failed;   /* given up, or refused for good */
	uint64_t dropped;        /* gave way in the queue */
	uint32_t queued;
	uint32_t retries;        /* of the alert at hand */
};

/* Alerts as JSON that wait; the oldest gives way. */
struct sink_queue {
	struct { char *text; uint32_t len; } item[SINK_QUEUE];
	unsigned head, n;
};
/* Takes a copy. How many gave way: 0 or 1 (where memory ran out, this one). */
unsigned sink_queue_add(struct sink_queue *q, const char *text, size_t len);
/* The oldest, lent until the next call; NULL: none. */
const char *sink_queue_first(const struct sink_queue *q, size_t *ret_len);
void sink_queue_pop(struct sink_queue *q);
void sink_queue_done(struct sink_queue *q);

/* A program that gets each alert on its standard input: sink_command.c. Without a shell; at most COMMAND_MAX at once, in order of their start; each has COMMAND_TIME_MS. */
#define COMMAND_MAX 4
#define COMMAND_TIME_MS 30000
struct sink_command;
/* command: program and arguments, parted by blanks. time_ms: 0 for COMMAND_TIME_MS. NULL where memory ran out. */
struct sink_command *sink_command_new(const char *command, int64_t time_ms);
void sink_command_free(struct sink_command *s); /* kills what still runs */
void sink_command_add(struct sink_command *s, const char *json, size_t len);
/* Reaps, ends what had its time, starts the next. Returns how long until it wants to be called again, in milliseconds; -1: not before something is added. */
int sink_command_tick(struct sink_command *s, int64_t now_ms);
struct sink_counts sink_command_counts(const struct sink_command *s);
/* What went wrong since the last call; "" nothing. */
const char *sink_command_trouble(struct sink_command *s);

/* POST of each alert to a URL: sink_webhook.c, libcurl. One after the other, so that they come in order. */
struct sink_webhook;
/* GS_ERR_USAGE: built without libcurl; GS_ERR_NOMEM. retry_ms: the first pause, 0 for a second. */
int sink_webhook_new(const char *url, int64_t retry_ms, struct sink_webhook **ret, struct gs_error *err);
void sink_webhook_free(struct sink_webhook *s);
void sink_webhook_add(struct sink_webhook *s, const char *json, size_t len);
/* Works as far as it can without waiting, then waits up to wait_ms (less where it has something to do) for its network or for `fd` (-1: none) to be readable. */
void sink_webhook_wait(struct sink_webhook *s, int fd, int wait_ms, int64_t now_ms);
bool sink_webhook_idle(const struct sink_webhook *s);
struct sink_counts sink_webhook_counts(const struct sink_webhook *s);
const char *sink_webhook_trouble(struct sink_webhook *s);

/* ---- the herald: herald.c ---- */

struct herald_options {
	const char *command, *webhook_url;   /* "" none */
	const struct sandbox_user *user;
	int64_t command_time_ms, retry_ms;   /* 0: as said above */
};

/* What the herald says, now and then and when something changed; one packet on its socket. */
struct herald_status {
	struct sink_counts command, webhook;
	char trouble[SINK_TROUBLE_MAX];      /* one sentence, "" none */
	char sink[16];                       /* whose: "command", "webhook" */
};

/* Forks it. *ret_fd: alerts as JSON go in, one send each; struct herald_status comes out. Non-blocking, close-on-exec. Closing it lets the herald finish: it has HERALD_END_MS. */
#define HERALD_END_MS 5000
int herald_start(const struct herald_options *o, int *ret_fd, pid_t *ret_pid, struct gs_error *err);

#endif
