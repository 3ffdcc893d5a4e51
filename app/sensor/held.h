/*
 * held.h - what outlives an engine of the fast path: descriptors that the parent holds and does not look into
 *
 * An engine that opened the fast path gives them before it is ready, and so before it has read anything from outside; later ones are refused. As long as the parent holds them the
 * kernel counts, and drops, whether an engine is there or not. The next engine of the same number is sent them before it begins.
 */
#ifndef SENSOR_HELD_H
#define SENSOR_HELD_H

#include "sensor/message.h"

#define HELD_TRIES 8 /* engines that may be killed before they were ready; then the next one opens anew */

struct held {
	int part[HELD_PARTS]; /* -1: not there */
	unsigned tries;
};

void held_init(struct held *h);
bool held_whole(const struct held *h);

/* HOLD of an engine, or of the parent: the descriptor becomes h's, one that it had of this part is closed; without one, all are. */
void held_take(struct held *h, const struct message *m);

/* To a process that is about to begin; h keeps its own. Nothing where not all parts are there. */
void held_give(const struct held *h, int control);

/* The last holder of a program takes it down by this. */
void held_let_go(struct held *h);

#endif
