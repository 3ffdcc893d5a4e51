/*
 * live_filter.h - the program that the kernel runs over each frame: whether it may hold protocol 47, and whose it is
 *
 * Classic BPF, made instruction by instruction: libpcap's language cannot say "behind any chain of extension headers" without a loop, and it
 * runs what loops outside the kernel, without a word. No rights are needed to make a program.
 */
#ifndef GS_SOURCE_LIVE_FILTER_H
#define GS_SOURCE_LIVE_FILTER_H

#include "grescope/error.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define LIVE_PROGRAM_MAX BPF_MAXINSNS

struct live_program {
	uint32_t n;
	struct sock_filter code[LIVE_PROGRAM_MAX];
};

struct live_filter {
	uint32_t linktype;  /* enum gs_linktype */
	uint32_t snaplen;   /* what the program returns for a frame to keep */
	bool include_udp;   /* also what may be GRE in UDP */
	bool socket;        /* for a packet socket: frames that this host sends are refused, and cooked frames start behind their header */
};

/*
 * Makes the program. It keeps every frame of which the decoder (decode.h) says that it is GRE, a later fragment of GRE, or of PPTP's control connection
 * (TCP 1723), for link types Ethernet, raw IP and Linux cooked: behind VLAN tags, LLC/SNAP, MPLS, PPPoE; IP in IP, IPv6 extension headers, AH; in what ICMP and ICMPv6 errors quote.
 * Where a frame nests deeper than the program follows, it is kept: the decoder decides. Of any other link type every frame is kept
 * (false is returned then). Frames whose headers are cut off before the program can tell are refused.
 */
bool live_filter_make(const struct live_filter *f, struct live_program *ret);

/*
 * Puts `first` before p: only what both keep is kept. `first` is a program as libpcap compiles it for the link type; where the socket is cooked
 * its offsets are moved as the kernel needs them. GS_ERR_USAGE where it jumps backwards, asks for a field of the cooked header that
 * the kernel cannot give, or both together are too long; *p is then as before.
 */
int live_filter_narrow(const struct live_filter *f, const struct sock_filter *first, uint32_t n, struct live_program *p, struct gs_error *err);

/* The program that gives a member of a fan-out group its frames: the same number for the same outer source address. */
void live_fanout_make(struct live_program *ret);

#endif
