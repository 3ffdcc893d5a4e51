/*
 * live.h - frames from an interface: the packet ring of the kernel (AF_PACKET, TPACKET_V3) through libpcap, behind a filter in the kernel
 *
 * Only what may hold protocol 47 leaves the kernel, and PPTP's control connections (live_filter.h says how that is decided), and only what came in: frames that this host sends
 * itself, its ICMP errors about GRE among them, are not captured. On "any" a packet that passes several interfaces (a port and its bridge, a
 * device and its VLAN) is seen once on each.
 *
 * What is needed: CAP_NET_RAW in gs_live_open, nothing afterwards. The other functions use the system calls poll, getsockopt, getsockname and
 * ioctl (SIOCGIFFLAGS, SIOCGIFNAME, SIOCGIFMTU), and gs_live_close also setsockopt, munmap and close; none opens anything or reads the clock.
 */
#ifndef GS_LIVE_H
#define GS_LIVE_H

#include "grescope/error.h"
#include "grescope/packet.h"

#define GS_LIVE_ANY "any"
#define GS_LIVE_SNAPLEN 256               /* outer headers, GRE, inner headers, and what an ICMP error quotes */
#define GS_LIVE_SNAPLEN_MIN 64
#define GS_LIVE_SNAPLEN_MAX 65536
#define GS_LIVE_BUFFER (64u << 20)
#define GS_LIVE_BUFFER_MIN (1u << 20)
#define GS_LIVE_BUFFER_MAX (1024u << 20)
#define GS_LIVE_DRAIN_MS 150              /* the kernel hands over a block that is not full after 100 ms; then nothing is left in it */
#define GS_LIVE_FANOUT_MAX 256

/* Zero, or NULL, is the default of every field. */
struct gs_live_options {
	const char *interface;  /* a name, or GS_LIVE_ANY */
	const char *filter;     /* libpcap's filter language: narrows further what is captured; NULL or "" for none */
	uint32_t snaplen;       /* octets of a frame that are kept; 0: GS_LIVE_SNAPLEN; raised or cut to the limits above */
	uint32_t buffer_bytes;  /* of the ring; 0: GS_LIVE_BUFFER */
	bool promiscuous;       /* for mirror ports; not possible on "any" (a note) */
	bool include_udp;       /* capture also what may be GRE in UDP */
	/*
	 * Several captures that share one interface's frames. Whoever starts them chooses an id that no other group in this network namespace has,
	 * and gives every member the same id, interface and size; they may be in one process or in many. Members that join get their share at once,
	 * the shares of those that leave go to the others. A frame goes to the member that its outer source is for (IPv4 address, folded IPv6 address;
	 * behind up to two VLAN tags too): a source stays in one member as long as the number of members does. Frames without one go to the first.
	 */
	uint16_t fanout_size;   /* members, this one included; 0 or 1: none */
	uint16_t fanout_id;
};

struct gs_live;

/* What a capture is, for reports. Strings are the capture's. */
struct gs_live_info {
	const char *interface; /* as given */
	const char *note;      /* what is other than asked, in a sentence ("ring of 16 MiB: ..."); "" if nothing is */
	uint32_t linktype;     /* of every frame: enum gs_linktype or a number of the registry */
	uint32_t snaplen;
	uint64_t ring_bytes;   /* what the kernel gave; 0 unknown */
	int ifindex;           /* 0 for "any" */
	unsigned filter_steps; /* instructions of the kernel filter */
	bool nanoseconds;      /* time stamps are that fine; microseconds otherwise */
	bool fanout;
};

/*
 * Opens a capture; frames are kept from here on. No frame that the filter would refuse is ever among them: the socket listens to no protocol
 * until the filter is in the kernel, and the filter is locked there afterwards.
 * Errors: GS_ERR_ACCESS (CAP_NET_RAW is missing), GS_ERR_NOENT (no such interface), GS_ERR_NETWORK (the interface is down),
 * GS_ERR_USAGE (filter: libpcap does not understand it, or the kernel could not run it, as with `protochain`; a fan-out that another
 * program uses otherwise), GS_ERR_NOMEM, GS_ERR_IO. Nothing is tried again here.
 */
int gs_live_open(const struct gs_live_options *o, struct gs_live **ret, struct gs_error *err);

void gs_live_close(struct gs_live *l); /* NULL is fine. Take gs_live_losses before: what is still in the ring is lost */

void gs_live_info(const struct gs_live *l, struct gs_live_info *ret);

/* To poll for POLLIN (and POLLERR): readable means gs_live_frames has something to give or to tell. Lent. */
int gs_live_fd(const struct gs_live *l);

/* What a reading call may tell beside frames; each once, when it begins. */
enum gs_live_news {
	GS_LIVE_FINE = 0,
	GS_LIVE_DOWN = 1, /* the interface was taken down; this capture goes on by itself once it is up: keep it, and call at least each second */
	GS_LIVE_UP = 2,   /* it is up again */
	GS_LIVE_GONE = 3, /* the interface was removed, moved or renamed while down: close this one; open another when it is back */
};

/*
 * The next frames, at most max (1 to GS_SOURCE_BATCH), without waiting. Their octets are in the capture's own memory and lent until the next call.
 * Result: enum gs_live_news; *ret_n frames, none where there are none at the moment; for everything but GS_LIVE_FINE *err has the sentence.
 * Negative: GS_ERR_NETWORK or GS_ERR_IO, reading is over (a later call gives it again).
 * No system call as long as the ring has frames.
 */
int gs_live_frames(struct gs_live *l, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err);

/*
 * As gs_live_frames, but where there are none it waits up to timeout_ms for some. For the end: a frame may sit in a block that the kernel
 * still fills; with GS_LIVE_DRAIN_MS, no frame and GS_LIVE_FINE means that nothing came in before the call is left. Frames that go on coming in
 * make it go on: the caller bounds that by his own clock. A signal ends the wait early: GS_ERR_INTERRUPTED, nothing is lost.
 */
int gs_live_drain(struct gs_live *l, int timeout_ms, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err);

/*
 * What happened so far, from the open on; 64 bits, the kernel's 32-bit counters are taken as differences at each call: one in a minute is enough
 * at any rate (2^32 frames). passed = given + dropped + waiting, always. What never reached the socket is counted by the interface: iface.h.
 */
struct gs_live_losses {
	uint64_t passed;   /* frames that the filter let through */
	uint64_t given;    /* by gs_live_frames and gs_live_drain */
	uint64_t dropped;  /* for want of room in the ring (ps_drop) */
	uint64_t waiting;  /* in the ring at this moment: lost if the capture is closed now */
	uint64_t freezes;  /* times that the ring was full */
	uint64_t over_mtu; /* given frames longer than the interface's MTU: receive offload put packets together (GRO, LRO), or the wire has longer ones */
};

int gs_live_losses(struct gs_live *l, struct gs_live_losses *ret, struct gs_error *err);

#endif
