#include "sensor/sink.h"

#include <stdlib.h>

unsigned sink_queue_add(struct sink_queue *q, const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	unsigned dropped = 0;

	if (!copy)
		return 1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (q->n == SINK_QUEUE) {
		sink_queue_pop(q);
		dropped = 1;
	}
	q->item[(q->head + q->n) % SINK_QUEUE].text = copy;
	q->item[(q->head + q->n) % SINK_QUEUE].len = (uint32_t)len;
	q->n++;
	return dropped;
}

const char *sink_queue_first(const struct sink_queue *q, size_t *ret_len)
{
	if (!q->n)
		return NULL;
	*ret_len = q->item[q->head].len;
	return q->item[q->head].text;
}

void sink_queue_pop(struct sink_queue *q)
{
	if (!q->n)
		return;
	free(q->item[q->head].text);
	q->item[q->head].text = NULL;
	q->head = (q->head + 1) % SINK_QUEUE;
	q->n--;
}

void sink_queue_done(struct sink_queue *q)
{
	while (q->n)
		sink_queue_pop(q);
}
