#include "sensor/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET"), *watchdog = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	*n = (struct notify){ .fd = -1 };
	if (!path || (*path != '/' && *path != '@') || !path[1] || strlen(path) >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, strlen(path));
	const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (*path == '/'));
	if (*path == '@')
		to.sun_path[0] = '\0'; /* the abstract namespace */
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&to, len) < 0) {
		close(fd);
		return;
	}
	n->fd = fd;
	if (watchdog && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
		n->watchdog_us = strtoull(watchdog, NULL, 10) / 2;
}

void notify_send(const struct notify *n, const char *format, ...)
{
	char text[1024];
	va_list ap;

	if (n->fd < 0)
		return;
	va_start(ap, format);
	int len = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (len > 0)
		(void)!send(n->fd, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}
