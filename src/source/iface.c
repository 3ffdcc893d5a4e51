/*
 * iface.c - rtnetlink, read with care: what the kernel says about interfaces
 *
 * Two sockets. One asks and takes the answer, which the kernel puts into its queue before the question's sendto returns. The other only listens to the
 * group of link messages; what an event changed is told by holding it against what was known of the interface, so each of the many messages that repeat
 * a state is swallowed. Offloads are asked by ioctl on the first socket's behalf.
 * Source: rtnetlink(7), linux/if_link.h (struct rtnl_link_stats64), linux/ethtool.h.
 */
#include "source/iface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 10) /* an interface with hundreds of virtual functions has long answers; those are not asked for */

_Static_assert(GS_IFACE_NAME_MAX == IFNAMSIZ, "a name with its NUL");

struct gs_ifaces {
	int asking, listening, plain; /* plain: for ioctl */
	uint32_t number;     /* of the last question */
	size_t n_known;
	size_t left, at;     /* of `event`: what was received and where reading is */
	struct gs_iface_state known[GS_IFACE_WATCHED];
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX];
	_Alignas(struct nlmsghdr) uint8_t event[ANSWER_MAX];
};

static int open_netlink(uint32_t groups, struct gs_error *err)
{
	const struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = groups };
	const int room = 1 << 20;
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot ask the kernel about interfaces");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room); /* only if the system's limit allows */
	if (bind(fd, (const struct sockaddr *)&me, sizeof me) < 0) {
		const int sys = errno;
		close(fd);
		return gs_fail_errno(err, GS_ERR_IO, sys, "cannot ask the kernel about interfaces");
	}
	return fd;
}

static void set_name(char out[GS_IFACE_NAME_MAX], const char *name, size_t len)
{
	len = strnlen(name, len);
	len = len < GS_IFACE_NAME_MAX ? len : GS_IFACE_NAME_MAX - 1;
	memcpy(out, name, len);
	memset(out + len, 0, GS_IFACE_NAME_MAX - len);
}

/* Kernels send a longer structure than this one knows, or a shorter one. */
static void read_counters(const struct rtattr *a, struct gs_iface_counters *ret)
{
	struct rtnl_link_stats64 s = { 0 };
	const size_t len = RTA_PAYLOAD(a);

	memcpy(&s, RTA_DATA(a), len < sizeof s ? len : sizeof s);
	*ret = (struct gs_iface_counters){
		.packets = s.rx_packets,
		.bytes = s.rx_bytes,
		.dropped = s.rx_dropped,
		.nohandler = s.rx_nohandler,
		.missed = s.rx_missed_errors,
		.fifo = s.rx_fifo_errors,
		.over = s.rx_over_errors,
		.errors = s.rx_errors,
		.crc = s.rx_crc_errors,
	};
}

/* A link message as a state; false where it is none or too short. */
static bool read_link(const struct nlmsghdr *h, struct gs_iface_state *ret)
{
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return false;
	const struct ifinfomsg *info = NLMSG_DATA(h);
	if (info->ifi_family != AF_UNSPEC) /* a bridge speaks of its ports */
		return false;
	*ret = (struct gs_iface_state){
		.ifindex = info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.running = info->ifi_flags & IFF_RUNNING,
		.promiscuous = info->ifi_flags & IFF_PROMISC,
	};
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *info));
	for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		switch (a->rta_type) {
		case IFLA_IFNAME:
			set_name(ret->name, RTA_DATA(a), RTA_PAYLOAD(a));
			break;
		case IFLA_MTU:
			if (RTA_PAYLOAD(a) >= sizeof ret->mtu)
				memcpy(&ret->mtu, RTA_DATA(a), sizeof ret->mtu);
			break;
		case IFLA_PROMISCUITY: {
			uint32_t asked = 0; /* how many ask for it; the flag above tells only what `ip link set promisc` did */
			if (RTA_PAYLOAD(a) >= sizeof asked)
				memcpy(&asked, RTA_DATA(a), sizeof asked);
			ret->promiscuous |= asked > 0;
			break;
		}
		case IFLA_STATS64:
			read_counters(a, &ret->rx);
			break;
		default:
			break;
		}
	}
	return ret->name[0] != 0;
}

/* A message from the kernel itself; others may send to a socket's address too. Length, or negative with errno. */
static ssize_t receive(int fd, uint8_t *buffer)
{
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof from;
	ssize_t n;

	do {
		len = sizeof from;
		n = recvfrom(fd, buffer, ANSWER_MAX, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	} while ((n >= 0 && from.nl_pid != 0) || (n < 0 && errno == EINTR));
	return n;
}

/* NLMSG_OK and NLMSG_NEXT, whose length goes below zero behind a message that is not padded. */
static bool message_whole(const struct nlmsghdr *h, size_t left)
{
	return left >= sizeof *h && h->nlmsg_len >= sizeof *h && h->nlmsg_len <= left;
}

static struct nlmsghdr *message_next(struct nlmsghdr *h, size_t *left)
{
	const size_t step = NLMSG_ALIGN(h->nlmsg_len) < *left ? NLMSG_ALIGN(h->nlmsg_len) : *left;

	*left -= step;
	return (struct nlmsghdr *)((uint8_t *)h + step);
}

struct question {
	struct nlmsghdr h;
	struct ifinfomsg info;
	struct rtattr name_header;
	char name[GS_IFACE_NAME_MAX];
};

/* Asks. `name` or `ifindex`; neither: all. */
static int ask(struct gs_ifaces *v, const char *name, int ifindex, struct gs_error *err)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct question q = {
		.h = { .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = ++v->number },
		.info = { .ifi_index = ifindex },
		.name_header = { .rta_type = IFLA_IFNAME },
	};

	q.h.nlmsg_len = offsetof(struct question, name_header);
	if (name) {
		set_name(q.name, name, strlen(name));
		q.name_header.rta_len = (unsigned short)(RTA_LENGTH(0) + strlen(q.name) + 1);
		q.h.nlmsg_len = (uint32_t)(offsetof(struct question, name) + RTA_ALIGN(strlen(q.name) + 1));
	} else if (!ifindex) {
		q.h.nlmsg_flags |= NLM_F_DUMP;
	}
	if (sendto(v->asking, &q, q.h.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot ask the kernel about interfaces");
	return 0;
}

static int answer_lost(int sys, struct gs_error *err)
{
	return gs_fail_errno(err, GS_ERR_IO, sys, "the kernel's answer about interfaces did not come");
}

/*
 * The answers to the last question, each passed to `one` until that returns false. 0; -errno of the kernel's refusal; or GS_ERR_IO with *err, told
 * apart by *ret_refused.
 */
static int answers(struct gs_ifaces *v, bool (*one)(void *arg, const struct gs_iface_state *s), void *arg, int *ret_refused, struct gs_error *err)
{
	bool wanted = true;

	*ret_refused = 0;
	for (;;) {
		const ssize_t got = receive(v->asking, v->answer);
		if (got < 0)
			return answer_lost(errno, err);
		size_t left = (size_t)got;
		for (struct nlmsghdr *h = (struct nlmsghdr *)v->answer; message_whole(h, left); h = message_next(h, &left)) {
			struct gs_iface_state s;
			if (h->nlmsg_seq != v->number) /* of a question that was given up */
				continue;
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);
				if (h->nlmsg_len < NLMSG_LENGTH(sizeof *e))
					return answer_lost(EBADMSG, err);
				*ret_refused = -e->error;
				return 0;
			}
			if (h->nlmsg_type == RTM_NEWLINK && read_link(h, &s))
				wanted = wanted && one(arg, &s);
			if (!(h->nlmsg_flags & NLM_F_MULTI))
				return 0;
		}
	}
}

static enum gs_iface_switch offload(const struct gs_ifaces *v, const char *name, uint32_t command, uint32_t mask)
{
	struct ethtool_value value = { .cmd = command };
	struct ifreq ifr = { .ifr_data = (void *)&value };

	set_name(ifr.ifr_name, name, GS_IFACE_NAME_MAX);
	if (ioctl(v->plain, SIOCETHTOOL, &ifr) < 0)
		return GS_IFACE_UNKNOWN;
	return value.data & mask ? GS_IFACE_ON : GS_IFACE_OFF;
}

static bool copy_state(void *arg, const struct gs_iface_state *s)
{
	*(struct gs_iface_state *)arg = *s;
	return false;
}

int gs_iface_get(struct gs_ifaces *v, const char *name, int ifindex, struct gs_iface_state *ret, struct gs_error *err)
{
	struct gs_iface_state s = { 0 };
	int refused;

	if (name && (strlen(name) == 0 || strlen(name) >= GS_IFACE_NAME_MAX))
		return gs_fail(err, GS_ERR_NOENT, "%s: no such interface", name);
	if (!name && ifindex <= 0)
		return gs_fail(err, GS_ERR_NOENT, "no interface has the number %d", ifindex);
	int r = ask(v, name, name ? 0 : ifindex, err);
	if (r == 0)
		r = answers(v, copy_state, &s, &refused, err);
	if (r < 0)
		return r;
	if (refused == ENODEV || (refused == 0 && !s.ifindex))
		return name ? gs_fail(err, GS_ERR_NOENT, "%s: no such interface", name) :
		              gs_fail(err, GS_ERR_NOENT, "no interface has the number %d", ifindex);
	if (refused)
		return gs_fail_errno(err, GS_ERR_IO, refused, "the kernel does not tell about interface %s", name ? name : "by number");
	s.gro = offload(v, s.name, ETHTOOL_GGRO, 1);
	s.lro = offload(v, s.name, ETHTOOL_GFLAGS, ETH_FLAG_LRO);
	*ret = s;
	return 0;
}

int gs_iface_each(struct gs_ifaces *v, bool (*one)(void *arg, const struct gs_iface_state *s), void *arg, struct gs_error *err)
{
	int refused, r = ask(v, NULL, 0, err);

	if (r == 0)
		r = answers(v, one, arg, &refused, err);
	if (r == 0 && refused)
		return gs_fail_errno(err, GS_ERR_IO, refused, "the kernel does not tell about interfaces");
	return r;
}

static struct gs_iface_state *known(struct gs_ifaces *v, int ifindex)
{
	for (size_t i = 0; i < v->n_known; i++)
		if (v->known[i].ifindex == ifindex)
			return &v->known[i];
	return NULL;
}

static bool remember(void *arg, const struct gs_iface_state *s)
{
	struct gs_ifaces *v = arg;

	if (v->n_known < GS_IFACE_WATCHED)
		v->known[v->n_known++] = *s;
	return v->n_known < GS_IFACE_WATCHED;
}

int gs_ifaces_open(struct gs_ifaces **ret, struct gs_error *err)
{
	struct gs_ifaces *v = calloc(1, sizeof *v);
	int r;

	if (!v)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	v->asking = v->listening = v->plain = -1;
	r = v->listening = open_netlink(RTMGRP_LINK, err);
	if (r >= 0)
		r = v->asking = open_netlink(0, err);
	if (r >= 0) {
		v->plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* without one offloads are unknown, no more */
		r = gs_iface_each(v, remember, v, err);
	}
	if (r < 0) {
		gs_ifaces_close(v);
		return r;
	}
	*ret = v;
	return 0;
}

void gs_ifaces_close(struct gs_ifaces *v)
{
	if (!v)
		return;
	const int fds[] = { v->asking, v->listening, v->plain };
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(v);
}

int gs_ifaces_fd(const struct gs_ifaces *v)
{
	return v->listening;
}

static uint64_t since(uint64_t earlier, uint64_t later)
{
	return later >= earlier ? later - earlier : later;
}

void gs_iface_since(const struct gs_iface_counters *earlier, const struct gs_iface_counters *later, struct gs_iface_counters *ret)
{
	*ret = (struct gs_iface_counters){
		.packets = since(earlier->packets, later->packets),
		.bytes = since(earlier->bytes, later->bytes),
		.dropped = since(earlier->dropped, later->dropped),
		.nohandler = since(earlier->nohandler, later->nohandler),
		.missed = since(earlier->missed, later->missed),
		.fifo = since(earlier->fifo, later->fifo),
		.over = since(earlier->over, later->over),
		.errors = since(earlier->errors, later->errors),
		.crc = since(earlier->crc, later->crc),
	};
}

static bool link_gone(struct gs_ifaces *v, const struct gs_iface_state *s, struct gs_iface_event *ret)
{
	struct gs_iface_state *k = known(v, s->ifindex);

	*ret = (struct gs_iface_event){ .change = GS_IFACE_GONE, .state = k ? *k : *s };
	if (k)
		*k = v->known[--v->n_known];
	return true;
}

static bool link_news(struct gs_ifaces *v, const struct gs_iface_state *s, struct gs_iface_event *ret)
{
	struct gs_iface_state *k = known(v, s->ifindex);

	*ret = (struct gs_iface_event){ .state = *s };
	if (!k) {
		remember(v, s);
		ret->change = GS_IFACE_APPEARED;
		return true;
	}
	if (k->up != s->up)
		ret->change |= s->up ? GS_IFACE_UP : GS_IFACE_DOWN;
	if (k->running != s->running)
		ret->change |= GS_IFACE_CARRIER;
	if (strcmp(k->name, s->name) != 0) {
		ret->change |= GS_IFACE_RENAMED;
		memcpy(ret->old_name, k->name, sizeof ret->old_name);
	}
	if (k->mtu != s->mtu) {
		ret->change |= GS_IFACE_MTU;
		ret->old_mtu = k->mtu;
	}
	*k = *s;
	return ret->change != 0;
}

/* Messages were lost: what is known is asked for anew. */
static int missed(struct gs_ifaces *v, struct gs_iface_event *ret, struct gs_error *err)
{
	v->n_known = 0;
	const int r = gs_iface_each(v, remember, v, err);
	if (r < 0)
		return r;
	*ret = (struct gs_iface_event){ .change = GS_IFACE_MISSED };
	return 1;
}

int gs_ifaces_event(struct gs_ifaces *v, struct gs_iface_event *ret, struct gs_error *err)
{
	for (;;) {
		struct nlmsghdr *h = (struct nlmsghdr *)(v->event + v->at);
		if (!message_whole(h, v->left)) {
			const ssize_t n = receive(v->listening, v->event);
			if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
				return 0;
			if (n < 0 && errno == ENOBUFS)
				return missed(v, ret, err);
			if (n < 0)
				return gs_fail_errno(err, GS_ERR_IO, errno, "cannot hear of changes of interfaces");
			v->at = 0;
			v->left = (size_t)n;
			continue;
		}
		struct gs_iface_state s;
		const uint16_t type = h->nlmsg_type;
		const bool whole = (type == RTM_NEWLINK || type == RTM_DELLINK) && read_link(h, &s);
		v->at = (size_t)((uint8_t *)message_next(h, &v->left) - v->event);
		if (whole && (type == RTM_DELLINK ? link_gone(v, &s, ret) : link_news(v, &s, ret)))
			return 1;
	}
}
