#include "sensor/held.h"

#include <unistd.h>

void held_init(struct held *h)
{
	for (unsigned i = 0; i < HELD_PARTS; i++)
		h->part[i] = -1;
	h->tries = 0;
}

bool held_whole(const struct held *h)
{
	for (unsigned i = 0; i < HELD_PARTS; i++)
		if (h->part[i] < 0)
			return false;
	return true;
}

void held_let_go(struct held *h)
{
	for (unsigned i = 0; i < HELD_PARTS; i++)
		if (h->part[i] >= 0)
			close(h->part[i]);
	held_init(h);
}

void held_take(struct held *h, const struct message *m)
{
	int *part = &h->part[m->body.hold.part];

	if (m->fd < 0) {
		held_let_go(h);
		return;
	}
	if (*part >= 0)
		close(*part);
	*part = m->fd;
}

void held_give(const struct held *h, int control)
{
	for (unsigned i = 0; held_whole(h) && i < HELD_PARTS; i++) {
		const struct message_hold m = { .part = i };
		(void)message_send(control, MESSAGE_HOLD_, 0, &m, sizeof m, h->part[i]);
	}
}
