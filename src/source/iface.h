/*
 * iface.h - what the kernel says about interfaces: their counters, whether they are up, and what changes (rtnetlink; ethtool for offloads)
 *
 * A ring counts what it could not hold; what the card, its driver or the queue in front of the ring lost, only the interface counts
 * (docs/capture.md). No rights are needed. gs_iface_open opens two descriptors; the other functions use sendto, recvfrom and ioctl on them and
 * nothing else, so they also work where nothing can be opened any more.
 */
#ifndef GS_IFACE_H
#define GS_IFACE_H

#include "grescope/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_IFACE_NAME_MAX 16 /* with its NUL: IFNAMSIZ */

/* The receiving side of struct rtnl_link_stats64, from the interface's first day on. What each driver counts where, differs. */
struct gs_iface_counters {
	uint64_t packets, bytes;
	uint64_t dropped;       /* rx_dropped: no room, on virtual devices the only place; also frames that no protocol wanted */
	uint64_t nohandler;     /* rx_nohandler: of an inactive device; the kernel counts them apart from rx_dropped */
	uint64_t missed;        /* rx_missed_errors: the host did not fetch them in time */
	uint64_t fifo;          /* rx_fifo_errors */
	uint64_t over;          /* rx_over_errors */
	uint64_t errors;        /* rx_errors: damaged on the way; crc, length and frame errors among them */
	uint64_t crc;           /* rx_crc_errors */
};

/* An offload's state. */
enum gs_iface_switch { GS_IFACE_UNKNOWN = 0, GS_IFACE_OFF, GS_IFACE_ON };

struct gs_iface_state {
	char name[GS_IFACE_NAME_MAX];
	int ifindex;
	uint32_t mtu;
	bool up;                /* administratively */
	bool running;           /* a carrier is there */
	bool promiscuous;       /* somebody asked for it */
	uint8_t gro, lro;       /* enum gs_iface_switch: received packets are put together before a capture sees them */
	struct gs_iface_counters rx;
};

struct gs_ifaces;

/* Opens a view on the interfaces of this network namespace; events are kept from here on. The caller's: gs_ifaces_close. GS_ERR_IO, GS_ERR_NOMEM. */
int gs_ifaces_open(struct gs_ifaces **ret, struct gs_error *err);
void gs_ifaces_close(struct gs_ifaces *v); /* NULL is fine */

/*
 * The state and the counters of one interface, by name, or by index where name is NULL. Waits for nothing but the kernel's answer.
 * Errors: GS_ERR_NOENT (there is none of that name or index), GS_ERR_IO.
 */
int gs_iface_get(struct gs_ifaces *v, const char *name, int ifindex, struct gs_iface_state *ret, struct gs_error *err);

/* Calls `one` for every interface, in the kernel's order, until it returns false; gro and lro are not asked for. GS_ERR_IO. */
int gs_iface_each(struct gs_ifaces *v, bool (*one)(void *arg, const struct gs_iface_state *s), void *arg, struct gs_error *err);

/* later - earlier, field by field; where a counter went back (a driver was loaded anew) what it counts since then. */
void gs_iface_since(const struct gs_iface_counters *earlier, const struct gs_iface_counters *later, struct gs_iface_counters *ret);

/* Of a difference: frames that may have been lost below the socket. dropped + missed + fifo + over; errors are no GRE of anybody's. */
static inline uint64_t gs_iface_lost(const struct gs_iface_counters *c)
{
	return c->dropped + c->missed + c->fifo + c->over;
}

enum gs_iface_change {
	GS_IFACE_APPEARED = 1u << 0, /* first seen since the open */
	GS_IFACE_GONE = 1u << 1,     /* removed, or moved to another namespace */
	GS_IFACE_UP = 1u << 2,
	GS_IFACE_DOWN = 1u << 3,
	GS_IFACE_RENAMED = 1u << 4,
	GS_IFACE_MTU = 1u << 5,
	GS_IFACE_CARRIER = 1u << 6,  /* running changed */
	GS_IFACE_MISSED = 1u << 7,   /* events were lost: the state of any interface may have changed; state is zero */
};

struct gs_iface_event {
	unsigned change;             /* enum gs_iface_change, several at once */
	struct gs_iface_state state; /* afterwards (of GONE: before); gro and lro unknown */
	char old_name[GS_IFACE_NAME_MAX]; /* of RENAMED */
	uint32_t old_mtu;            /* of MTU */
};

/* To poll for POLLIN. Lent. */
int gs_ifaces_fd(const struct gs_ifaces *v);

/*
 * The next event, without waiting. 1: *ret is one. 0: there is none. GS_ERR_IO. Messages that change nothing above are swallowed. At most
 * GS_IFACE_WATCHED interfaces are remembered, the first ones met: of others come APPEARED (each time) and GONE only.
 */
#define GS_IFACE_WATCHED 1024
int gs_ifaces_event(struct gs_ifaces *v, struct gs_iface_event *ret, struct gs_error *err);

#endif
