/*
 * syslog.h - firewalls that send their logs: syslog over UDP and TCP, its messages as sightings
 *
 * UDP: a datagram is a message (RFC 5426). TCP: octet counting ("123 <134>...") or a newline after each message, told apart at each message (RFC 6587). Headers of RFC 3164, RFC 5424 or none. No TLS: put
 * a relay before it. A message without a usable time gets the time it came: only here is that known.
 *
 * Nothing a peer sends makes it take more than its share: see the caps. Senders are not authenticated; bind to an address that only your devices reach.
 */
#ifndef GS_SOURCE_SYSLOG_H
#define GS_SOURCE_SYSLOG_H

#include "grescope/error.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "source/source.h"

#define GS_SYSLOG_MESSAGE_MAX (64u << 10) /* octets of a message; longer ones are passed over and counted */
#define GS_SYSLOG_PEERS_MAX 256           /* TCP connections; past it the one that has been silent for longest is closed */
#define GS_SYSLOG_PER_ADDRESS 16          /* of one address; further ones are refused */
#define GS_SYSLOG_TURN (64u << 10)        /* octets that one connection, or UDP, gives before the next has its turn */

struct gs_syslog_options {
	struct gs_log_options logs;  /* `now` is not used */
	const char *listen;          /* "192.0.2.1:514", "[2001:db8::1]:514", "514" or "*:514" (every address); a port is required */
	bool no_udp, no_tcp;
	int receive_buffer;          /* octets for UDP in the kernel; 0: 4 MiB, or what the kernel allows */
};

struct gs_syslog;

/* Opens the sockets. Ports below 1024 want CAP_NET_BIND_SERVICE, here and never afterwards. Errors: GS_ERR_USAGE (listen), GS_ERR_ACCESS, GS_ERR_NETWORK, GS_ERR_NOMEM. */
int gs_syslog_open(const struct gs_syslog_options *o, struct gs_syslog **ret, struct gs_error *err);
void gs_syslog_close(struct gs_syslog *s); /* NULL is fine */

/* To poll for POLLIN. Lent. (An epoll descriptor that holds the others.) */
int gs_syslog_fd(const struct gs_syslog *s);

/*
 * The next sightings, at most max (1 and more), without waiting. now: the time of messages that say none, and for years that are not written. Counts in *tally as gs_source_sightings.
 * *ret_n is max: there may be more, call again. Result 0, or GS_ERR_NETWORK, GS_ERR_IO where the sockets themselves failed; trouble with one peer is a counter.
 * Uses epoll_wait, accept4, recvmsg, read, close.
 */
int gs_syslog_sightings(struct gs_syslog *s, struct gs_time now, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			struct gs_error *err);

struct gs_syslog_counts {
	uint64_t datagrams, datagram_octets;
	uint64_t datagrams_lost;      /* that the kernel had no room for */
	uint64_t stream_messages, stream_octets;
	uint64_t connections, connections_refused, connections_closed; /* refused: past the cap of an address; closed: by us, for want of room or for bad framing */
	uint64_t too_long;            /* messages; in records_bad too */
	uint64_t cut;                 /* messages that a connection ended inside of; dropped */
	unsigned open;                /* connections at the moment */
};
void gs_syslog_counts(const struct gs_syslog *s, struct gs_syslog_counts *ret);

/* Where UDP and TCP are bound, as text: for messages, and for tests that listen on port 0. Lent. */
const char *gs_syslog_bound(const struct gs_syslog *s);
unsigned gs_syslog_port(const struct gs_syslog *s);

/* As gs_source_first_bad: "192.0.2.7: ...". */
const char *gs_syslog_first_bad(const struct gs_syslog *s);

#endif
