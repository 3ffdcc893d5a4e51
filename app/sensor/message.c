#include "sensor/message.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SOCKET_BYTES (1 << 20) /* asked for: some messages of 48 KiB under way; the kernel may give less */
#define DAY_NS (INT64_C(86400) * GS_NS_PER_S)
#define PACKETS_MAX (UINT64_C(1) << 48) /* of one sighting: more is no count */

/* ---- sending and receiving ---- */

static const struct body_row {
	size_t size;
	unsigned list; /* 0: exactly one */
} bodies[] = {
#define X(name, body, list) [MESSAGE_##name##_] = { sizeof(body), list },
	MESSAGE_MAP(X)
#undef X
};

_Static_assert(sizeof(struct message_head) + MESSAGE_SIGHTINGS * sizeof(struct gs_sighting) <= MESSAGE_MAX, "a full list fits");
_Static_assert(sizeof(struct message_head) + MESSAGE_BOTS * sizeof(struct gs_store_bot) <= MESSAGE_MAX, "a full list fits");
_Static_assert(sizeof(struct message_head) + MESSAGE_OCTETS <= MESSAGE_MAX, "a pulse fits");

int message_pair(int ret_fd[2], struct gs_error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fd) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot make a pair of sockets");
	for (int i = 0; i < 2; i++)
		setsockopt(ret_fd[i], SOL_SOCKET, SO_SNDBUF, &(int){ SOCKET_BYTES }, sizeof(int));
	return 0;
}

int message_send(int fd, unsigned type, uint64_t seq, const void *body, size_t len, int pass)
{
	struct message_head head = { .version = MESSAGE_VERSION, .type = (uint16_t)type, .len = (uint32_t)len, .seq = seq };
	struct iovec io[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, len } };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = io, .msg_iovlen = 2 };

	if (pass >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof control.space;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof pass);
	}
	for (;;) {
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			return MESSAGE_DONE;
		if (errno == EINTR)
			continue;
		/* ENOBUFS: no memory for it now; ETOOMANYREFS: too many descriptors under way */
		return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS ? MESSAGE_LATER : MESSAGE_OVER;
	}
}

/* Takes the first descriptor that came along and closes any other. */
static int take_descriptor(struct msghdr *m)
{
	int got = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (got < 0)
				got = fd;
			else
				close(fd);
		}
	}
	return got;
}

static bool shape_good(const struct message *m, size_t got)
{
	if (got < sizeof m->head || m->head.version != MESSAGE_VERSION || m->head.type >= MESSAGE_TYPES || m->head.len != got - sizeof m->head)
		return false;
	const struct body_row *b = &bodies[m->head.type];
	if (!b->list)
		return m->head.len == b->size;
	return m->head.len % b->size == 0 && m->head.len / b->size >= 1 && m->head.len / b->size <= b->list;
}

static bool takes_descriptor(unsigned type)
{
	return type == MESSAGE_PEER_ || type == MESSAGE_OPENED_ || type == MESSAGE_HOLD_;
}

int message_receive(int fd, struct message *m)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec io[2] = { { &m->head, sizeof m->head }, { m->body.bytes, sizeof m->body.bytes } };
	struct msghdr h = { .msg_iov = io, .msg_iovlen = 2, .msg_control = control.space, .msg_controllen = sizeof control.space };
	ssize_t n;

	m->fd = -1;
	while ((n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR)
			return errno == EAGAIN ? MESSAGE_LATER : MESSAGE_OVER;
	m->fd = take_descriptor(&h);
	if (n == 0)
		return MESSAGE_OVER; /* nobody sends an empty one */
	if (!(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && shape_good(m, (size_t)n) && (m->fd < 0 || takes_descriptor(m->head.type)))
		return MESSAGE_DONE;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	return MESSAGE_BAD;
}

size_t message_count(const struct message *m)
{
	return bodies[m->head.type].list ? m->head.len / bodies[m->head.type].size : 1;
}

/* ---- is it sane? ---- */

static bool not(const char **why, const char *what)
{
	if (why)
		*why = what;
	return false;
}

/* As gs_addr_set_v4 and _v6 make them: what is no part of the address is zero. */
static bool addr_good(const struct gs_addr *a)
{
	static const uint8_t zero[16];

	return a->family == 6 || (a->family == 4 && memcmp(a->b + 4, zero, 12) == 0) || (a->family == 0 && memcmp(a->b, zero, 16) == 0);
}

static bool text_good(const char *text, size_t size)
{
	const char *end = memchr(text, 0, size);

	for (const char *p = text; end && p < end; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return end != NULL;
}

bool sighting_check(const struct gs_sighting *s, struct gs_time now, const char **why)
{
	if (s->version != GS_SIGHTING_VERSION)
		return not(why, "another version");
	if (s->class_ >= GS_CLASS_COUNT || s->via > GS_VIA_UDP || s->fidelity >= GS_FIDELITY_COUNT || s->stop >= GS_STOP_COUNT || s->bot_kind > GS_BOT_POSITION ||
	    s->byte_order > GS_BOT_BIG || s->confidence > 100 || s->df > 1)
		return not(why, "a number that stands for nothing");
	if (s->has & ~GS_HAS_ALL || s->evidence >> GS_EVIDENCE_COUNT || s->flags & ~(GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED))
		return not(why, "a flag that stands for nothing");
	if (!addr_good(&s->src) || !addr_good(&s->dst) || !addr_good(&s->inner_src) || !addr_good(&s->inner_dst))
		return not(why, "an address that is none");
	if ((s->flags & GS_SIGHTING_FOLDED) != 0 && s->src.family)
		return not(why, "a source where many were folded");
	if (s->packets == 0 || s->packets > PACKETS_MAX || s->bytes / 0xffff > s->packets + 1)
		return not(why, "a count that cannot be");
	if (s->sources == 0 || (!(s->flags & GS_SIGHTING_FOLDED) && s->sources != 1))
		return not(why, "a number of sources that cannot be");
	if (s->first.ns > s->last.ns || s->ttl_min > s->ttl_max)
		return not(why, "an end before its beginning");
	if (s->first.ns < 0 || s->last.ns > now.ns + DAY_NS)
		return not(why, "a time before 1970 or after tomorrow");
	if (s->summed || (s->bot_kind == GS_BOT_NONE && (s->bot_hi || s->bot_lo)))
		return not(why, "a field that is filled in elsewhere");
	return true;
}

static bool share_good(double share)
{
	return share >= -1 && share <= 1; /* false for what is no number */
}

static bool bot_check(const struct gs_store_bot *b, const char **why)
{
	const struct gs_bot_process *p = &b->process;

	if (p->bot_kind == GS_BOT_NONE || p->bot_kind > GS_BOT_POSITION || p->byte_order > GS_BOT_BIG || p->class_ >= GS_CLASS_COUNT)
		return not(why, "a number that stands for nothing");
	if (p->n_hops > GS_BOT_HOPS_MAX || p->n_src > GS_BOT_SRC_SAMPLE || b->n_attacks > GS_STORE_BOT_ATTACKS || b->input)
		return not(why, "a list longer than it can be");
	if (!memchr(p->argv0, 0, sizeof p->argv0) || !memchr(p->comm, 0, sizeof p->comm))
		return not(why, "a name without an end");
	for (unsigned i = 0; i < p->n_src; i++)
		if (!addr_good(&p->src[i]))
			return not(why, "an address that is none");
	if (p->first_seen.ns > p->last_seen.ns || !share_good(p->loss) || !isfinite(p->rate_pps) || p->rate_pps < -1)
		return not(why, "figures that cannot be");
	for (unsigned i = 0; i < b->n_attacks; i++) {
		const struct gs_bot_attack *a = &b->attacks[i];
		if (a->flood > GS_BOT_GREETH || !addr_good(&a->dst) || !addr_good(&a->inner_src) || a->first_seen.ns > a->last_seen.ns || !share_good(a->loss))
			return not(why, "an attack that cannot be");
	}
	return true;
}

/* A bool that was never one: reading it as such is undefined, so its octet is looked at. */
static bool bools_good(const struct gs_store_bot *b)
{
	uint8_t v[4];

	memcpy(&v[0], &b->process.targets_sure, 1);
	memcpy(&v[1], &b->process.src_ips_exact, 1);
	memcpy(&v[2], &b->process.seed_found, 1);
	v[3] = 0;
	for (unsigned i = 0; i < GS_STORE_BOT_ATTACKS; i++) {
		uint8_t a[3];
		memcpy(&a[0], &b->attacks[i].host_drawn, 1);
		memcpy(&a[1], &b->attacks[i].has_start, 1);
		memcpy(&a[2], &b->attacks[i].targets_sure, 1);
		v[3] |= a[0] | a[1] | a[2];
	}
	return (v[0] | v[1] | v[2] | v[3]) <= 1;
}

bool message_check(const struct message *m, struct gs_time now, const char **why)
{
	const size_t n = message_count(m);

	switch (m->head.type) {
	case MESSAGE_PEER_:
		return (m->fd >= 0 && m->body.peer.role < ROLES && m->body.peer.number < SENSOR_ENGINES_MAX) || not(why, "a peer that is none");
	case MESSAGE_NOTICE_:
		return (m->body.notice.level < NOTICE_LEVELS && m->body.notice.role < ROLES && m->body.notice.number < SENSOR_ENGINES_MAX && m->body.notice.code < 256 &&
		        text_good(m->body.notice.key, sizeof m->body.notice.key) && text_good(m->body.notice.text, sizeof m->body.notice.text)) ||
		       not(why, "a notice that is none");
	case MESSAGE_OPENED_:
		return (text_good(m->body.opened.name, sizeof m->body.opened.name) && text_good(m->body.opened.trouble, sizeof m->body.opened.trouble)) ||
		       not(why, "a name that is none");
	case MESSAGE_SIGHTINGS_:
		for (size_t i = 0; i < n; i++)
			if (!sighting_check(&m->body.sightings[i], now, why))
				return false;
		return true;
	case MESSAGE_BALANCE_:
		return gs_tally_balanced(&m->body.balance.added) || not(why, "a balance that does not balance");
	case MESSAGE_BOTS_:
		for (size_t i = 0; i < n; i++)
			if (!bools_good(&m->body.bots[i]) || !bot_check(&m->body.bots[i], why))
				return not(why, "a process that cannot be");
		return true;
	case MESSAGE_STATUS_:
		return (m->body.status.engine < SENSOR_ENGINES_MAX && m->body.status.link < LINKS && m->body.status.logs <= 1 && text_good(m->body.status.source, sizeof m->body.status.source) &&
		        gs_tally_balanced(&m->body.status.tally)) || not(why, "a status that cannot be");
	case MESSAGE_EPOCH_:
		return m->body.epoch.end <= 1 || not(why, "an epoch that is none");
	case MESSAGE_ROUND_:
		for (unsigned i = 0; i < CONFIG_LIST_MAX; i++)
			if (m->body.places.at[i].offset > INT64_MAX)
				return not(why, "a place in a file that no file has");
		return true;
	case MESSAGE_HOLD_:
		return (m->body.hold.part < HELD_PARTS && m->body.hold.zero == 0) || not(why, "a part that is none");
	default:
		return true;
	}
}
