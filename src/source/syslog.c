/*
 * syslog.c - sockets that firewalls send their logs to
 *
 * One epoll set; whoever has something gets a turn of at most GS_SYSLOG_TURN octets, in the order in which the kernel names them. Messages are searched for needles before anything of them is read, as lines of
 * files are.
 *
 * Source: RFC 5426 (UDP), RFC 6587 s3.4 (TCP: a count starts a frame if a blank and the < of a PRI are behind it; else a line feed, or NUL as some send, ends it).
 */
#include "source/syslog.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/log_reader.h"
#include "source/source_int.h"

#define SOCKETS_MAX 4
#define EVENTS 32
#define RECEIVE_BUFFER (4 << 20)
#define COUNT_DIGITS 7 /* of an octet count */

struct peer {
	int fd;               /* -1: free */
	uint32_t generation;  /* of this place in the table: events of a connection before it are told apart */
	struct gs_addr addr;
	uint8_t *buf;         /* GS_SYSLOG_MESSAGE_MAX octets */
	size_t at, len;       /* octets [at, len) are not used up */
	uint64_t skip;        /* octets of a counted message that is too long */
	bool in_long;         /* inside a line that is too long */
	uint64_t active;      /* number of the read that brought its last octets */
};

struct gs_syslog {
	struct log_reader *reader;
	int poll;
	struct listener {
		int fd;
		bool stream;
		uint32_t dropped; /* the kernel's counter when last seen */
	} sockets[SOCKETS_MAX];
	unsigned n_sockets;
	struct peer peers[GS_SYSLOG_PEERS_MAX];
	struct epoll_event events[EVENTS];
	int n_events, event;      /* being worked off */
	size_t turn;              /* octets that the present one has given */
	uint64_t reads;
	struct gs_addr from;      /* of the reader's message */
	bool in_message;
	uint8_t *datagram;        /* GS_SYSLOG_MESSAGE_MAX octets */
	struct gs_syslog_counts counts;
	unsigned port;
	char bound[80];
	char first_bad[256];
};

/* ---- opening ---- */

/* "192.0.2.1:514", "[2001:db8::1]:514", "*:514", "514" */
static bool listen_cut(const char *text, char host[64], char port[8])
{
	const char *colon = strrchr(text, ':'), *p = colon ? colon + 1 : text;
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (strlen(p) < 1 || strlen(p) > 5 || strspn(p, "0123456789") != strlen(p) || atoi(p) > 65535)
		return false;
	strcpy(port, p);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return false;
	}
	if (n >= 64)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (strcmp(host, "*") == 0)
		host[0] = '\0';
	return true;
}

static int socket_failed(const struct gs_syslog *s, int fd, const char *what, const char *listen_text, struct gs_error *err)
{
	const int sys = errno;

	(void)s;
	if (fd >= 0)
		close(fd);
	return gs_fail_errno(err, GS_ERR_NETWORK, sys, "syslog: %s %s", listen_text, what);
}

static int socket_add(struct gs_syslog *s, const struct addrinfo *ai, bool stream, const struct gs_syslog_options *o, struct gs_error *err)
{
	const int yes = 1, room = o->receive_buffer ? o->receive_buffer : RECEIVE_BUFFER;
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (s->n_sockets == SOCKETS_MAX)
		return 0;
	const int fd = socket(ai->ai_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : socket_failed(s, fd, "cannot be listened on", o->listen, err);
	memcpy(&sa, ai->ai_addr, ai->ai_addrlen);
	if (s->port) { /* of port 0 all sockets get the one that the first got */
		if (sa.ss_family == AF_INET)
			((struct sockaddr_in *)&sa)->sin_port = htons((uint16_t)s->port);
		else
			((struct sockaddr_in6 *)&sa)->sin6_port = htons((uint16_t)s->port);
	}
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
	if (stream) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	} else {
		setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof yes);
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	}
	if (bind(fd, (struct sockaddr *)&sa, ai->ai_addrlen) < 0 || (stream && listen(fd, 64) < 0) || getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return socket_failed(s, fd, "cannot be listened on", o->listen, err);
	s->port = ntohs(sa.ss_family == AF_INET ? ((struct sockaddr_in *)&sa)->sin_port : ((struct sockaddr_in6 *)&sa)->sin6_port);
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = s->n_sockets };
	if (epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &e) < 0)
		return socket_failed(s, fd, "cannot be watched", o->listen, err);
	s->sockets[s->n_sockets++] = (struct listener){ .fd = fd, .stream = stream };
	return 0;
}

static int sockets_open(struct gs_syslog *s, const struct gs_syslog_options *o, struct gs_error *err)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	char host[64], port[8];
	struct addrinfo *list;
	int r = 0;

	if (!o->listen || !listen_cut(o->listen, host, port) || getaddrinfo(*host ? host : NULL, port, &hints, &list) != 0)
		return gs_fail(err, GS_ERR_USAGE, "syslog: `%s` is no address and port: expected 192.0.2.1:514, [2001:db8::1]:514 or *:514",
		               o->listen ? o->listen : "");
	for (const struct addrinfo *ai = list; ai && r == 0; ai = ai->ai_next) {
		if (!o->no_udp)
			r = socket_add(s, ai, false, o, err);
		if (r == 0 && !o->no_tcp)
			r = socket_add(s, ai, true, o, err);
	}
	freeaddrinfo(list);
	if (r == 0 && s->n_sockets == 0)
		r = gs_fail(err, GS_ERR_USAGE, "syslog: %s: neither UDP nor TCP", o->listen);
	snprintf(s->bound, sizeof s->bound, strchr(host, ':') ? "[%s]:%u" : "%s:%u", *host ? host : "*", s->port);
	return r;
}

int gs_syslog_open(const struct gs_syslog_options *o, struct gs_syslog **ret, struct gs_error *err)
{
	struct gs_syslog *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "syslog: out of memory");
	for (unsigned i = 0; i < GS_SYSLOG_PEERS_MAX; i++)
		s->peers[i].fd = -1;
	s->poll = epoll_create1(EPOLL_CLOEXEC);
	s->datagram = malloc(GS_SYSLOG_MESSAGE_MAX);
	if (s->poll < 0)
		r = gs_fail_errno(err, GS_ERR_IO, errno, "syslog: no epoll descriptor");
	else if (!s->datagram)
		r = gs_fail(err, GS_ERR_NOMEM, "syslog: out of memory");
	else if ((r = log_reader_new(o->logs.own, &s->reader, err)) == 0)
		r = sockets_open(s, o, err);
	if (r < 0) {
		gs_syslog_close(s);
		return r;
	}
	log_clock_start(&s->reader->clock, &o->logs, GS_TIME_MIN);
	*ret = s;
	return 0;
}

static void peer_close(struct gs_syslog *s, struct peer *p)
{
	close(p->fd);
	free(p->buf);
	*p = (struct peer){ .fd = -1, .generation = p->generation + 1 };
	s->counts.open--;
}

void gs_syslog_close(struct gs_syslog *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < GS_SYSLOG_PEERS_MAX; i++)
		if (s->peers[i].fd >= 0)
			peer_close(s, &s->peers[i]);
	for (unsigned i = 0; i < s->n_sockets; i++)
		close(s->sockets[i].fd);
	if (s->poll >= 0)
		close(s->poll);
	log_reader_free(s->reader);
	free(s->datagram);
	free(s);
}

int gs_syslog_fd(const struct gs_syslog *s)
{
	return s->poll;
}

/* ---- messages ---- */

static void message_bad(struct gs_syslog *s, struct gs_tally *tally, const char *sentence)
{
	char from[GS_ADDR_TEXT_MAX];

	tally->records_bad++;
	if (s->first_bad[0])
		return;
	gs_addr_format(&s->from, from);
	snprintf(s->first_bad, sizeof s->first_bad, "%s: %s", from, sentence);
}

static void too_long(struct gs_syslog *s, struct gs_tally *tally)
{
	char sentence[64];

	s->counts.too_long++;
	snprintf(sentence, sizeof sentence, "message longer than %u octets", GS_SYSLOG_MESSAGE_MAX);
	message_bad(s, tally, sentence);
}

/* Gives the reader a message, if it may be of interest. */
static void message_take(struct gs_syslog *s, const uint8_t *p, size_t len, struct gs_tally *tally)
{
	while (len && (p[len - 1] == '\0' || p[len - 1] == '\n' || p[len - 1] == '\r'))
		len--;
	log_reader_block(s->reader);
	if (!len || !log_reader_find(s->reader, p, p + len))
		return;
	if (memchr(p, '\0', len)) {
		message_bad(s, tally, "holds a NUL octet");
		return;
	}
	log_reader_line(s->reader, (log_cell){ (const char *)p, len }, false);
	s->in_message = true;
}

/* The next record of the reader's message. True: *out is a sighting. */
static bool record_next(struct gs_syslog *s, struct gs_sighting *out, struct gs_tally *tally)
{
	char sentence[LOG_SENTENCE_MAX];
	struct log_result r;

	s->in_message = log_reader_next(s->reader, &r);
	if (!s->in_message)
		return false;
	if (r.word == LOG_BAD) {
		log_sentence(&r, sentence);
		message_bad(s, tally, sentence);
	}
	tally->records_other += r.word == LOG_OTHER;
	tally->records += r.word == LOG_GRE;
	if (r.word == LOG_GRE)
		*out = r.sighting;
	return r.word == LOG_GRE;
}

static struct gs_addr address_of(const struct sockaddr_storage *sa)
{
	struct gs_addr a = { 0 };

	if (sa->ss_family == AF_INET)
		gs_addr_set_v4(&a, (const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr);
	else if (sa->ss_family == AF_INET6)
		gs_addr_set_v6(&a, ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr);
	return a;
}

/* ---- UDP ---- */

/* One datagram. False: there is none. */
static bool datagram_take(struct gs_syslog *s, struct listener *l, struct gs_tally *tally)
{
	struct sockaddr_storage sa = { 0 };
	struct iovec iov = { s->datagram, GS_SYSLOG_MESSAGE_MAX };
	union {
		char octets[CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr align;
	} control;
	struct msghdr m = { .msg_name = &sa, .msg_namelen = sizeof sa, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	const ssize_t n = recvmsg(l->fd, &m, 0);
	if (n < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		uint32_t dropped;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&dropped, CMSG_DATA(c), sizeof dropped);
		s->counts.datagrams_lost += dropped - l->dropped;
		l->dropped = dropped;
	}
	s->counts.datagrams++;
	s->counts.datagram_octets += (uint64_t)n;
	s->turn += (size_t)n + 1;
	s->from = address_of(&sa);
	if (m.msg_flags & MSG_TRUNC)
		too_long(s, tally);
	else
		message_take(s, s->datagram, (size_t)n, tally);
	return true;
}

/* ---- TCP ---- */

/* A free place, or the one of the connection that was silent for longest. */
static struct peer *peer_oldest(struct gs_syslog *s)
{
	struct peer *place = &s->peers[0];

	for (unsigned i = 1; i < GS_SYSLOG_PEERS_MAX && place->fd >= 0; i++)
		if (s->peers[i].fd < 0 || s->peers[i].active < place->active)
			place = &s->peers[i];
	return place;
}

static void peer_evict(struct gs_syslog *s, struct peer *p)
{
	s->counts.connections_closed++;
	s->counts.cut += p->len > p->at;
	peer_close(s, p);
}

/* A place for a connection; NULL where its address has enough of them. */
static struct peer *peer_place(struct gs_syslog *s, const struct gs_addr *addr)
{
	unsigned same = 0;

	for (unsigned i = 0; i < GS_SYSLOG_PEERS_MAX; i++)
		same += s->peers[i].fd >= 0 && gs_addr_equal(&s->peers[i].addr, addr);
	if (same >= GS_SYSLOG_PER_ADDRESS)
		return NULL;
	struct peer *place = peer_oldest(s);
	if (place->fd >= 0)
		peer_evict(s, place);
	return place;
}

static bool connection_take(struct gs_syslog *s, const struct listener *l)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof sa;
	struct peer *place = NULL;
	const int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && s->counts.open) { /* else it would be asked for again and again */
		for (unsigned i = 0; i < GS_SYSLOG_PEERS_MAX; i++)
			place = s->peers[i].fd >= 0 && (!place || s->peers[i].active < place->active) ? &s->peers[i] : place;
		peer_evict(s, place);
		return true;
	}
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	const struct gs_addr addr = address_of(&sa);
	struct peer *p = peer_place(s, &addr);
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP };
	if (p)
		e.data.u64 = (uint64_t)p->generation << 32 | (uint64_t)(p - s->peers + SOCKETS_MAX);
	if (!p || !(p->buf = malloc(GS_SYSLOG_MESSAGE_MAX)) || epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &e) < 0) {
		if (p) {
			free(p->buf);
			p->buf = NULL;
		}
		close(fd);
		s->counts.connections_refused++;
		return true;
	}
	p->fd = fd;
	p->addr = addr;
	p->active = ++s->reads;
	s->counts.connections++;
	s->counts.open++;
	return true;
}

/* An octet count at the beginning of [p, end): its digits and the blank. 0: the frame has none; -1: that cannot be told yet. */
static int count_read(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;
	int n = 0;

	while (p + n < end && n < COUNT_DIGITS && p[n] >= '0' && p[n] <= '9')
		v = v * 10 + (uint64_t)(p[n++] - '0');
	if (n == 0 || p[0] == '0')
		return p == end ? -1 : 0;
	if (p + n + 1 >= end)
		return p + n == end || p[n] == ' ' ? -1 : 0;
	if (p[n] != ' ' || p[n + 1] != '<')
		return 0;
	*ret = v;
	return n + 1;
}

/* The next whole message of a connection's octets, if there is one. True: there was; perhaps it was none of interest. */
static bool frame_take(struct gs_syslog *s, struct peer *p, struct gs_tally *tally)
{
	uint8_t *at = p->buf + p->at, *end = p->buf + p->len;
	uint64_t count = 0;

	s->from = p->addr;
	if (p->skip) {
		const size_t n = p->skip < (size_t)(end - at) ? (size_t)p->skip : (size_t)(end - at);
		p->skip -= n;
		p->at += n;
		return n > 0;
	}
	if (at == end)
		return false;
	const int head = p->in_long ? 0 : count_read(at, end, &count);
	if (head < 0)
		return false;
	if (head > 0 && count + (uint64_t)head > GS_SYSLOG_MESSAGE_MAX) {
		too_long(s, tally);
		s->counts.stream_messages++;
		p->at += (size_t)head;
		p->skip = count;
		return true;
	}
	if (head > 0) {
		if ((uint64_t)(end - at) < count + (uint64_t)head)
			return false;
		p->at += (size_t)head + (size_t)count;
		s->counts.stream_messages++;
		message_take(s, at + head, (size_t)count, tally);
		return true;
	}
	uint8_t *stop = at;
	while (stop < end && *stop != '\n' && *stop != '\0')
		stop++;
	if (stop == end) {
		if (!p->in_long && (p->at > 0 || p->len < GS_SYSLOG_MESSAGE_MAX))
			return false;
		if (!p->in_long) {
			too_long(s, tally);
			s->counts.stream_messages++;
		}
		p->in_long = true;
		p->at = p->len;
		return false;
	}
	p->at += (size_t)(stop + 1 - at);
	if (p->in_long) {
		p->in_long = false;
		return true;
	}
	s->counts.stream_messages += stop > at;
	message_take(s, at, (size_t)(stop - at), tally);
	return true;
}

/* Reads once. False: nothing at the moment, or the connection is over. */
static bool peer_read(struct gs_syslog *s, struct peer *p)
{
	if (p->at) {
		memmove(p->buf, p->buf + p->at, p->len - p->at);
		p->len -= p->at;
		p->at = 0;
	}
	const ssize_t n = read(p->fd, p->buf + p->len, GS_SYSLOG_MESSAGE_MAX - p->len);
	if (n > 0) {
		p->len += (size_t)n;
		p->active = ++s->reads;
		s->counts.stream_octets += (uint64_t)n;
		s->turn += (size_t)n;
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	s->counts.cut += p->len > 0 || p->skip || p->in_long;
	peer_close(s, p);
	return false;
}

/* ---- turns ---- */

/* Goes on with the present event until a message is with the reader. False: its turn is over. */
static bool turn_go(struct gs_syslog *s, const struct epoll_event *e, struct gs_tally *tally)
{
	const uint32_t place = (uint32_t)e->data.u64;

	if (place < SOCKETS_MAX) {
		struct listener *l = &s->sockets[place];
		if (s->turn >= GS_SYSLOG_TURN)
			return false;
		if (!l->stream)
			return datagram_take(s, l, tally);
		s->turn += 1024; /* connections have turns too */
		return connection_take(s, l);
	}
	struct peer *p = &s->peers[place - SOCKETS_MAX];
	if (p->fd < 0 || p->generation != (uint32_t)(e->data.u64 >> 32))
		return false;
	if (frame_take(s, p, tally))
		return true;
	return s->turn < GS_SYSLOG_TURN && peer_read(s, p);
}

int gs_syslog_sightings(struct gs_syslog *s, struct gs_time now, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			struct gs_error *err)
{
	unsigned rounds = 0;

	*ret_n = 0;
	s->reader->clock.reference = s->reader->arrival = now;
	while (*ret_n < max) {
		if (s->in_message) {
			*ret_n += record_next(s, &out[*ret_n], tally);
		} else if (s->event < s->n_events) {
			if (!turn_go(s, &s->events[s->event], tally)) {
				s->event++;
				s->turn = 0;
			}
		} else {
			if (rounds++ == 64) /* the descriptor stays readable */
				return 0;
			s->event = 0;
			s->n_events = epoll_wait(s->poll, s->events, EVENTS, 0);
			if (s->n_events < 0 && errno != EINTR)
				return gs_fail_errno(err, GS_ERR_IO, errno, "syslog: waiting failed");
			if (s->n_events <= 0) {
				s->n_events = 0;
				return 0;
			}
		}
	}
	return 0;
}

void gs_syslog_counts(const struct gs_syslog *s, struct gs_syslog_counts *ret)
{
	*ret = s->counts;
}

const char *gs_syslog_bound(const struct gs_syslog *s)
{
	return s->bound;
}

unsigned gs_syslog_port(const struct gs_syslog *s)
{
	return s->port;
}

const char *gs_syslog_first_bad(const struct gs_syslog *s)
{
	return s->first_bad;
}
