/*
 * handed.h - how much of what the kernel counted the writer was given, where an engine's successor finds it
 *
 * The counts of the fast path outlive the engine that reads them (held.h). What it took out of the kernel's table and did not hand over goes with it; the successor
 * finds here how much was handed over, and what is missing of the kernel's totals comes out as rest (xdp.h): packets and octets exact, sources folded. So
 * nothing is lost and nothing counted twice, wherever the engine was killed.
 *
 * Between "the socket took it" and a note of that a process can be killed too. So the message is announced first, and the writer says which was the last that
 * it has (HELLO). A writer that is another one knows no message; then what was acknowledged counts, or what its mark says was committed.
 *
 * It is memory that processes share, a descriptor: filled by an engine, which may have been taken over. Numbers only; at worst they are wrong.
 */
#ifndef SENSOR_HANDED_H
#define SENSOR_HANDED_H

#include "sensor/message.h"

struct handed;

/* Of the stream, in sum: packets and octets in rows of the fast path, and frames told as lost in the ring. */
struct handed_sum {
	uint64_t packets, bytes, lost;
};

/* The stream up to and with message seq. */
struct handed_point {
	uint64_t seq;
	struct handed_sum sum;
};

/* New, and all zero. The descriptor is the caller's; the memory stays until the process ends. GS_ERR_NOMEM, GS_ERR_IO. */
int handed_new(int *ret_fd, struct handed **ret, struct gs_error *err);
/* Of the engine before. The descriptor stays the caller's. GS_ERR_USAGE: it is none. */
int handed_adopt(int fd, struct handed **ret, struct gs_error *err);

/*
 * The owner's notes: a message is about to be sent; the socket took it; the writer is gone, what it did not acknowledge is sent again; it acknowledged up to p, or said that its
 * commit with this mark will have that (NULL: none is prepared).
 */
void handed_try(struct handed *h, const struct handed_point *p);
void handed_done(struct handed *h);
void handed_again(struct handed *h);
void handed_acked(struct handed *h, const struct handed_point *p);
void handed_prepared(struct handed *h, const struct handed_point *p, const struct message_mark *mark);

/* The successor: what the writer has, by its HELLO (seq of the last message that it took from this engine's number, 0 none; its mark). mark NULL: no writer was there to ask. */
void handed_settle(const struct handed *h, uint64_t seq, const struct message_mark *mark, struct handed_point *ret);
/* From here on the stream is the successor's; a kill in the middle of it changes nothing of the answer above. */
void handed_begin(struct handed *h, const struct handed_point *p);

#endif
