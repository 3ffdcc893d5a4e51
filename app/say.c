#include "app.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static bool never_wait;
static unsigned long left_out;

void say_without_waiting(void)
{
	never_wait = true;
}

/* A pipe that can be written to takes 4096 octets whole, a line is shorter. */
static bool would_wait(void)
{
	struct pollfd p = { STDERR_FILENO, POLLOUT, 0 };

	return never_wait && poll(&p, 1, 0) == 0;
}

void say(const char *format, ...)
{
	va_list ap;

	if (would_wait()) {
		left_out++;
		return;
	}
	fflush(stdout);
	if (left_out)
		fprintf(stderr, "grescope: %lu lines were not said: nobody read them\n", left_out);
	left_out = 0;
	fputs("grescope: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int exit_code_of(int gs_err)
{
	switch (gs_err) {
	case GS_OK:
		return EXIT_DONE;
	case GS_ERR_USAGE:
		return EXIT_USAGE;
	case GS_ERR_CONFIG:
		return EXIT_CONFIG;
	case GS_ERR_STORE:
		return EXIT_STORE;
	case GS_ERR_ACCESS:
	case GS_ERR_NETWORK:
		return EXIT_RIGHTS;
	case GS_ERR_INTERRUPTED:
		return EXIT_INTERRUPT;
	default:
		return EXIT_DAMAGED;
	}
}
