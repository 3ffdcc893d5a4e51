#include "app.h"

#include <stdio.h>

void say(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
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
