/*
 * outbox.h - the engine's side of the stream to the writer: bounded, kept until acknowledged, given again to the next writer
 *
 * Memory is fixed from the start: slots of one message each. When none is free sightings fold, as they do in the sighting table: one row per (destination,
 * class), past OUTBOX_FOLDS of them one per class, exact in packets and octets, with an estimate of the sources. They go out when there is room again. So a writer
 * that stalls for hours costs detail, and no packet.
 *
 * On the fast path it notes besides how much of the kernel's counts it handed over (handed.h), for the engine that comes after.
 */
#ifndef SENSOR_OUTBOX_H
#define SENSOR_OUTBOX_H

#include "grescope/error.h"
#include "grescope/sighting.h"
#include "sensor/handed.h"
#include "sensor/message.h"

#define OUTBOX_FOLDS 256u

struct outbox;

int outbox_new(size_t bytes, uint64_t hash_seed, struct outbox **ret, struct gs_error *err);
void outbox_free(struct outbox *ob); /* NULL is fine */

/* Notes go there from now on; before anything is put. adopted: they are of an engine before, whose stream this one goes on with as soon as a writer says what it has of it. h is lent. */
void outbox_note(struct outbox *ob, struct handed *h, bool adopted);

/* Whether it is known what was handed over before this stream: *ret, zero where nothing was. now: do not wait for a writer, take what was sent for taken. */
bool outbox_settled(struct outbox *ob, bool now, struct handed_sum *ret);

/* Sightings; never fails. What is not sent yet may be joined by later ones in one message. */
struct gs_sighting_sink outbox_sink(struct outbox *ob);

/* Any other message of the stream. False: no slot is free, try again later. */
bool outbox_put(struct outbox *ob, unsigned type, const void *body, size_t len);

/* A new way to the writer. Nothing is sent on it before its HELLO came. -1: there is none at the moment. */
void outbox_connect(struct outbox *ob, int fd);

/* What the writer said: HELLO, PREPARE, ACK. False: it makes no sense, leave that writer. */
bool outbox_take(struct outbox *ob, const struct message *m);

/* Sends as much as the socket takes. MESSAGE_DONE: all of it, LATER: wait until it can be written to, OVER: nobody is there. outbox_pump_full: but for a message
 * that further sightings will be joined to; memory is of whole messages, so many that hold few rows would use it up. */
int outbox_pump(struct outbox *ob);
int outbox_pump_full(struct outbox *ob);

struct outbox_state {
	uint64_t put;              /* seq of the last message */
	uint64_t sent, acked;      /* seq of the last one of these */
	uint64_t rows_sent, rows_acked;
	uint64_t waiting_packets;  /* in rows that are not sent yet, folded ones included */
	uint64_t folded_packets;   /* so far */
	size_t used_bytes, cap_bytes;
	bool folding;              /* there are folded rows waiting for room */
};
struct outbox_state outbox_state(const struct outbox *ob);

#endif
