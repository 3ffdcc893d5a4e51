/* terminal.c - what a renderer must know of stdout */
#include "app.h"

#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int write_stdout(void *arg, const void *data, size_t len, struct gs_error *err)
{
	(void)arg;
	if (fwrite(data, 1, len, stdout) == len)
		return 0;
	return gs_fail_errno(err, GS_ERR_IO, errno, "stdout");
}

static unsigned terminal_width(void)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
		return w.ws_col;
	int n = columns ? atoi(columns) : 0;
	return n > 0 && n < 10000 ? (unsigned)n : 0;
}

struct gs_render_options render_options(const struct options *o)
{
	bool tty = isatty(STDOUT_FILENO);
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool may_color = tty && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);

	return (struct gs_render_options){
		.format = o->format,
		.no_header = o->no_header,
		.color = o->color == 1 || (o->color == -1 && may_color),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = terminal_width(),
		.write = write_stdout,
	};
}
