/*
 * decode.h - from a captured frame to gs_packet: link, IP, GRE, what is inside; one file per protocol
 */
#ifndef GS_DECODE_H
#define GS_DECODE_H

#include "grescope/packet.h"

/*
 * Decodes one frame. Never fails, never allocates, keeps no state; reads no octet outside the frame. *p is filled whole but for the unused layers.
 * The outermost GRE header that an IP header carries directly decides the row; GRE inside UDP is followed only while no protocol 47 was met.
 */
void gs_decode(const struct gs_frame *f, struct gs_packet *p);

#endif
