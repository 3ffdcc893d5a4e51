/*
 * control.h - PPTP's control connections: was there one to the data channel that a GRE packet claims to be, and did it set up this call?
 *
 * PPTP carries data in GRE and what is to be said about it in TCP, port 1723 (RFC 2637 s2). gs_decode points at such segments (gs_packet.control_off); this table reads the messages
 * at the start of their data and remembers, for two addresses, that they have a control connection, and which calls it set up. It keeps no state of TCP: a message has to start where
 * a segment does, and nobody checks that both ends answered.
 *
 * A control connection is alive for GS_CONTROL_ALIVE_S after its last message: an end that hears nothing for 60 s asks, and hangs up where no answer comes for
 * 60 s more (RFC 2637 s3.1.4). What is older, or was stopped, says nothing of the present.
 */
#ifndef GS_CLASSIFY_CONTROL_H
#define GS_CLASSIFY_CONTROL_H

#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/verdict.h"

#define GS_CONTROL_ALIVE_S 180
/* Octets of each of two generations, some 13,000 entries: one for each pair of addresses and one for each direction of a call. When the newer one is full the older one is
 * forgotten and they change places; what is in use moves into the newer one. So somebody who fills the table with forged messages makes it forget, but not go blind. */
#define GS_CONTROL_BYTES ((size_t)1 << 20)

struct gs_control;

/* hash_seed: as gs_map_init. 0 or GS_ERR_NOMEM. */
int gs_control_new(uint64_t hash_seed, struct gs_control **ret, struct gs_error *err);
void gs_control_free(struct gs_control *c); /* NULL is fine */

/* Forgets everything but the counter: at the start of an input, so that its rows do not hang on what was read before it. */
void gs_control_reset(struct gs_control *c);

/* A decoded frame with control_off: takes note of the messages in it. */
void gs_control_note(struct gs_control *c, const struct gs_packet *p, const struct gs_frame *f);

/* The verdict on a GRE packet: where it is tunnel.pptp, adds what is known of its control connection to evidence and confidence. */
void gs_control_judge(struct gs_control *c, const struct gs_packet *p, struct gs_verdict *v);

/* Entries forgotten for want of room, in all. */
uint64_t gs_control_forgotten(const struct gs_control *c);

#endif
