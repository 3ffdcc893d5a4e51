/*
 * metrics.c - GET /metrics and /healthz over HTTP: libmicrohttpd in the teller's own loop
 *
 * At most CONNECTIONS at a time, each with a few KiB and IDLE_S to make up its mind: a scraper needs one. No TLS and no password: it is meant for loopback, and what it says holds no
 * addresses. The listening socket is opened before the process is locked in.
 */
#include "config_keys.h"
#include "sensor/sensor.h"
#include "sensor/view.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 16u
#define IDLE_S 10u
#define CONNECTION_BYTES ((size_t)16 << 10)

struct metrics {
	struct MHD_Daemon *daemon;
	const struct view *view;
};

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, const char *text, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result done = MHD_NO;

	if (!r)
		return MHD_NO;
	if (MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES && MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED || MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	char line[256];
	const int n = snprintf(line, sizeof line, "%s\n", text);

	return answer(c, status, "text/plain; charset=utf-8", line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *upload, size_t *upload_len, void **seen)
{
	const struct metrics *m = arg;
	enum MHD_Result done;
	const char *why;

	/* at the first call only the headers are there: whoever has more to say is answered before it is read */
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET");
	if (!*seen) {
		*seen = (void *)(uintptr_t)m;
		return MHD_YES;
	}
	if (*upload_len)
		return MHD_NO;
	if (strcmp(url, "/healthz") == 0) {
		const bool well = view_healthy(m->view, clock_steady_ms(), &why);
		return answer_text(c, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, why);
	}
	if (strcmp(url, "/metrics") != 0)
		return answer_text(c, MHD_HTTP_NOT_FOUND, "there is /metrics and /healthz");
	struct gs_buf b = { 0 };
	metrics_format(m->view, &b);
	done = b.failed ? answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory") : answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", b.data, b.len);
	gs_buf_done(&b);
	return done;
}

static int listen_on(const char *text, struct gs_error *err)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct gs_addr a;
	unsigned port;
	const int yes = 1;

	if (!config_parse_listen(text, &a, &port))
		return gs_fail(err, GS_ERR_CONFIG, "metrics: %s is no ADDRESS:PORT", text);
	four.sin_port = six.sin6_port = htons((uint16_t)port);
	memcpy(&four.sin_addr, a.b, 4);
	memcpy(&six.sin6_addr, a.b, 16);
	const int fd = socket(a.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_NETWORK, errno, "metrics: no socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if ((a.family == 6 ? bind(fd, (struct sockaddr *)&six, sizeof six) : bind(fd, (struct sockaddr *)&four, sizeof four)) < 0 || listen(fd, (int)CONNECTIONS) < 0) {
		const int r = gs_fail_errno(err, GS_ERR_NETWORK, errno, "metrics: cannot listen on %s", text);
		close(fd);
		return r;
	}
	return fd;
}

int metrics_start(const char *listen, const struct view *v, struct metrics **ret, struct gs_error *err)
{
	struct metrics *m = calloc(1, sizeof *m);
	int fd;

	if (!m)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	fd = listen_on(listen, err);
	if (fd < 0) {
		free(m);
		return fd;
	}
	m->view = v;
	m->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, m, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
	                             MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_END);
	if (!m->daemon) {
		close(fd);
		free(m);
		return gs_fail(err, GS_ERR_NETWORK, "metrics: libmicrohttpd does not start");
	}
	*ret = m;
	return 0;
}

int metrics_fd(const struct metrics *m)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? info->epoll_fd : -1;
}

void metrics_run(struct metrics *m)
{
	MHD_run(m->daemon);
}

void metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	MHD_stop_daemon(m->daemon);
	free(m);
}
