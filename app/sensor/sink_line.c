/*
 * sink_line.c - alerts as lines on standard error
 *
 * Where that is the journal (sd-daemon(3), JOURNAL_STREAM: device and inode of the stream, so that a redirection does not deceive) each line begins with its priority.
 */
#include "sensor/sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

struct sink_line sink_line_open(enum config_say say, const char *sensor)
{
	return (struct sink_line){ .say = say, .journal = is_journal(), .sensor = sensor };
}

void sink_line_format(const struct sink_line *s, const struct gs_alert *a, struct gs_buf *out)
{
	static const char priority[GS_ALERT_LEVELS] = { '6', '5', '4', '3' };

	if (s->journal)
		gs_buf_printf(out, "<%c>", priority[a->level < GS_ALERT_LEVELS ? a->level : 0]);
	if (s->say == SAY_JSON)
		gs_alert_json(out, a, s->sensor);
	else
		gs_alert_logfmt(out, a, s->sensor);
	gs_buf_putc(out, '\n');
}

bool sink_line_tell(const struct sink_line *s, const struct gs_alert *a)
{
	struct pollfd p = { STDERR_FILENO, POLLOUT, 0 };
	struct gs_buf line = { 0 };

	if (s->say == SAY_OFF)
		return true;
	if (poll(&p, 1, 0) == 0) /* a pipe that is full: the other sinks, and the metrics, do not wait for its reader */
		return false;
	sink_line_format(s, a, &line);
	for (size_t done = 0; !line.failed && done < line.len;) { /* one write as a rule, so that lines of several processes do not mix */
		const ssize_t n = write(STDERR_FILENO, line.data + done, line.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* nobody listens; the other sinks go on */
		done += (size_t)n;
	}
	gs_buf_done(&line);
	return true;
}
