/* notify.h - telling the service manager how we are: sd_notify's datagrams, without its library */
#ifndef SENSOR_NOTIFY_H
#define SENSOR_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;               /* -1: nobody asked */
	uint64_t watchdog_us; /* half of what the manager waits for a sign of life; 0: it does not */
};

/* Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. Never fails: without a manager all of this does nothing. */
void notify_open(struct notify *n);

/* "READY=1\nSTATUS=..." Source: sd_notify(3). */
void notify_send(const struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
