/*
 * screen.c - the page on a terminal, once a second
 *
 * On the alternate screen, so that what was there before is there afterwards; nothing is cleared that is not written again at once, so nothing flickers. It reads no keys.
 */
#include "sensor/view.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct screen {
	int fd;
	bool color, utf8;
};

static volatile sig_atomic_t resized;

static void on_resize(int signal)
{
	(void)signal;
	resized = 1;
}

static void put(const struct screen *s, const char *text, size_t len)
{
	while (len) {
		const ssize_t n = write(s->fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the terminal is gone, or stopped: the next frame will tell */
		text += n;
		len -= (size_t)n;
	}
}

static void put_text(const struct screen *s, const char *text)
{
	put(s, text, strlen(text));
}

struct screen *screen_open(void)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	const int fd = isatty(STDOUT_FILENO) ? STDOUT_FILENO : isatty(STDERR_FILENO) ? STDERR_FILENO : -1;
	struct sigaction sa = { .sa_handler = on_resize };
	struct screen *s;

	if (fd < 0 || !term || !*term || strcmp(term, "dumb") == 0 || !(s = calloc(1, sizeof *s)))
		return NULL;
	s->fd = fd;
	s->color = !(no_color && *no_color);
	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	sigaction(SIGWINCH, &sa, NULL);
	put_text(s, "\033[?1049h\033[?25l\033[H\033[2J"); /* alternate screen, no cursor */
	return s;
}

bool screen_resized(void)
{
	return resized;
}

void screen_show(struct screen *s, const struct view *v)
{
	struct winsize w = { 0 };
	struct screen_shape shape = { .width = 80, .height = 24, .utf8 = s->utf8, .color = s->color };
	struct gs_buf page = { 0 }, out = { 0 };

	resized = 0;
	if (ioctl(s->fd, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row) {
		shape.width = w.ws_col < 1000 ? w.ws_col : 1000;
		shape.height = w.ws_row < 500 ? w.ws_row : 500;
	}
	screen_format(v, &shape, &page);
	gs_buf_puts(&out, "\033[H");
	for (size_t i = 0; i < page.len; i++) {
		if (page.data[i] == '\n')
			gs_buf_puts(&out, "\033[K\r");
		gs_buf_putc(&out, page.data[i]);
	}
	gs_buf_puts(&out, "\033[K\033[J");
	if (!out.failed)
		put(s, out.data, out.len);
	gs_buf_done(&page);
	gs_buf_done(&out);
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	put_text(s, "\033[?25h\033[?1049l");
	signal(SIGWINCH, SIG_DFL);
	free(s);
}
