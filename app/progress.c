/* progress.c - how far a reading is, and the signals that end it */
#include "app.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) * 1e-9;
}

void progress_start(struct progress *p, bool quiet)
{
	*p = (struct progress){ .on = !quiet && isatty(STDERR_FILENO) };
	clock_gettime(CLOCK_MONOTONIC, &p->start);
	p->last = p->start;
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

void progress_end(struct progress *p)
{
	progress_clear(p);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

bool progress_count(struct progress *p, uint64_t done, uint64_t total, const char *things)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (interrupted)
		return false;
	if (!p->on || seconds_between(&p->last, &now) < 0.5)
		return true;
	p->last = now;
	if (total)
		fprintf(stderr, "\r\033[K%5.1f %%  %.2f of %.2f M %s", (double)done / (double)total * 100, (double)done / 1e6, (double)total / 1e6, things);
	else
		fprintf(stderr, "\r\033[K%.0f s", seconds_between(&p->start, &now));
	fflush(stderr);
	p->shown = true;
	return true;
}

bool progress_show(struct progress *p, uint64_t done, uint64_t total, const struct gs_tally *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (interrupted)
		return false;
	if (!p->on || seconds_between(&p->last, &now) < 0.5)
		return true;
	p->last = now;
	double s = seconds_between(&p->start, &now), share = total ? (double)done / (double)total : 0;
	fprintf(stderr, "\r\033[K%5.1f %%", share * 100);
	if (t)
		fprintf(stderr, "  %.2f M packets  %.2f M/s", (double)t->packets / 1e6, (double)t->packets / 1e6 / s);
	if (share > 0.01 && share < 1)
		fprintf(stderr, "  %.0f s left", s / share - s);
	fflush(stderr);
	p->shown = true;
	return true;
}
