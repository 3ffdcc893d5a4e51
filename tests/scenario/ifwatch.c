/*
 * ifwatch.c - what the view on interfaces tells, a line each: for scenario tests
 *
 * usage: ifwatch NAME    Says `ready` and the interface's state, then every event; at SIGTERM the state again and ends.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "source/iface.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void say_state(struct gs_ifaces *v, const char *word, const char *name)
{
	struct gs_iface_state s;
	struct gs_error err = { 0 };

	if (gs_iface_get(v, name, 0, &s, &err) < 0) {
		printf("%s {\"error\":\"%s\"}\n", word, err.text);
		return;
	}
	printf("%s {\"name\":\"%s\",\"ifindex\":%d,\"mtu\":%" PRIu32 ",\"up\":%d,\"running\":%d,\"promiscuous\":%d,\"gro\":%u,\"lro\":%u,\"packets\":%" PRIu64
	       ",\"bytes\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"missed\":%" PRIu64 ",\"fifo\":%" PRIu64 ",\"errors\":%" PRIu64 "}\n",
	       word, s.name, s.ifindex, s.mtu, s.up, s.running, s.promiscuous, s.gro, s.lro, s.rx.packets, s.rx.bytes, s.rx.dropped, s.rx.missed,
	       s.rx.fifo, s.rx.errors);
}

static void say_event(const struct gs_iface_event *e)
{
	static const struct {
		unsigned change;
		const char *word;
	} words[] = { { GS_IFACE_APPEARED, "appeared" }, { GS_IFACE_GONE, "gone" }, { GS_IFACE_UP, "up" }, { GS_IFACE_DOWN, "down" },
		      { GS_IFACE_RENAMED, "renamed" }, { GS_IFACE_MTU, "mtu" }, { GS_IFACE_CARRIER, "carrier" }, { GS_IFACE_MISSED, "missed" } };

	printf("event %s", e->state.name);
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (e->change & words[i].change)
			printf(" %s", words[i].word);
	if (e->change & GS_IFACE_RENAMED)
		printf(" from=%s", e->old_name);
	if (e->change & GS_IFACE_MTU)
		printf(" from=%" PRIu32 " to=%" PRIu32, e->old_mtu, e->state.mtu);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct gs_ifaces *v;
	struct gs_error err = { 0 };
	struct gs_iface_event event;
	int r = 0;

	if (argc != 2 || gs_ifaces_open(&v, &err) < 0) {
		fprintf(stderr, "ifwatch: %s\n", argc != 2 ? "usage: ifwatch NAME" : err.text);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	say_state(v, "ready", argv[1]);
	while (!stop && r >= 0) {
		poll(&(struct pollfd){ .fd = gs_ifaces_fd(v), .events = POLLIN }, 1, 200);
		while ((r = gs_ifaces_event(v, &event, &err)) > 0)
			say_event(&event);
	}
	if (r < 0)
		fprintf(stderr, "ifwatch: %s\n", err.text);
	say_state(v, "end", argv[1]);
	gs_ifaces_close(v);
	return r < 0;
}
