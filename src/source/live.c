/*
 * live.c - the packet ring of the kernel, through libpcap
 *
 * libpcap makes the ring (AF_PACKET, TPACKET_V3), reads it, puts a stripped VLAN tag back and knows the link types. Done here instead:
 *
 * - The filter. pcap_setfilter takes an active capture, whose ring by then holds frames that no filter saw, and a program that the kernel refuses
 *   it runs in user space without a word. So the capture is activated for a protocol number that no frame can have, the filter goes
 *   to the kernel directly, and only then the socket is bound to all protocols.
 * - Copying. libpcap hands a block of the ring back to the kernel as soon as it has passed on the block's last frame, that is before the reading
 *   call returns (pcap_read_linux_mmap_v3): frames that are lent longer must be copied. Once, at most snaplen octets, into memory that
 *   stays in the cache; the frame was going to be read anyway.
 * - Counters. pcap_stats opens files in /sys for promiscuous captures, which a process that may not open anything cannot. Two of its three numbers
 *   are the socket's own (PACKET_STATISTICS, which starts anew at each reading: differences, as needed); the third is in iface.h.
 * - Waiting. On an idle link a blocking pcap_dispatch never returns with TPACKET_V3. It never blocks here.
 */
#include "source/live.h"

#include "source/live_filter.h"
#include "source/source.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <pcap/pcap.h>

#define TIMEOUT_MS 100         /* the kernel hands over a block that is not full */
#define NO_PROTOCOL 0x05ff     /* neither a length that Linux reports as such nor an EtherType (those begin at 0x600): no frame has it */
#define ALL_PROTOCOLS 0x0003   /* ETH_P_ALL */
#define SLOT_ALIGN 64u

struct gs_live {
	pcap_t *pcap;
	int fd;
	char *interface;
	int ifindex;           /* 0: all of them */
	uint32_t linktype, snaplen;
	uint32_t longest;      /* octets of a frame on this interface; 0: unknown */
	uint64_t ring_bytes;
	unsigned filter_steps;
	bool nanoseconds, fanout;
	bool down;             /* told */
	char note[256];
	struct gs_error over;  /* code 0, or the trouble that ended it */
	uint64_t given, passed, dropped, freezes, over_mtu;
	/* of the reading call at hand */
	struct gs_frame *frames;
	size_t n;
	/* GS_SOURCE_BATCH slots */
	size_t slot;
	uint8_t *octets;
};

static void note_add(struct gs_live *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note_add(struct gs_live *l, const char *format, ...)
{
	const size_t n = strlen(l->note);
	va_list ap;

	if (n + 3 >= sizeof l->note)
		return;
	memcpy(l->note + n, "; ", 3);
	const size_t at = n ? n + 2 : 0;
	va_start(ap, format);
	vsnprintf(l->note + at, sizeof l->note - at, format, ap);
	va_end(ap);
}

static uint32_t within(uint32_t v, uint32_t standard, uint32_t min, uint32_t max)
{
	v = v ? v : standard;
	return v < min ? min : v > max ? max : v;
}

static int activate_failed(const struct gs_live *l, int status, struct gs_error *err)
{
	const char *why = pcap_geterr(l->pcap);

	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return gs_fail(err, GS_ERR_ACCESS, "%s: capturing needs CAP_NET_RAW", l->interface);
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return gs_fail(err, GS_ERR_NOENT, "%s: no such interface", l->interface);
	case PCAP_ERROR_IFACE_NOT_UP:
		return gs_fail(err, GS_ERR_NETWORK, "%s: the interface is down", l->interface);
	default:
		return gs_fail(err, GS_ERR_IO, "%s: cannot capture: %s", l->interface, why && *why ? why : pcap_statustostr(status));
	}
}

/* A capture that is active but hears nothing yet. `buffer` is what is asked of libpcap, which makes do with less on its own too. */
static int activate(struct gs_live *l, const struct gs_live_options *o, uint32_t buffer, struct gs_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";

	l->pcap = pcap_create(l->interface, text);
	if (!l->pcap)
		return gs_fail(err, GS_ERR_IO, "%s: cannot capture: %s", l->interface, text);
	pcap_set_snaplen(l->pcap, (int)l->snaplen);
	pcap_set_promisc(l->pcap, o->promiscuous && l->ifindex);
	pcap_set_timeout(l->pcap, TIMEOUT_MS);
	pcap_set_buffer_size(l->pcap, (int)buffer);
	l->nanoseconds = pcap_set_tstamp_precision(l->pcap, PCAP_TSTAMP_PRECISION_NANO) == 0;
	pcap_set_protocol_linux(l->pcap, NO_PROTOCOL);
	const int status = pcap_activate(l->pcap);
	if (status >= 0) {
		if (status > 0)
			note_add(l, "%s", status == PCAP_WARNING ? pcap_geterr(l->pcap) : pcap_statustostr(status));
		return 0;
	}
	const int r = activate_failed(l, status, err);
	pcap_close(l->pcap);
	l->pcap = NULL;
	return r;
}

/* With half the ring, and half of that, where there is no memory for it; any other trouble stays what it is whatever the size. */
static int activate_smaller(struct gs_live *l, const struct gs_live_options *o, struct gs_error *err)
{
	uint32_t buffer = within(o->buffer_bytes, GS_LIVE_BUFFER, GS_LIVE_BUFFER_MIN, GS_LIVE_BUFFER_MAX);
	int r;

	while ((r = activate(l, o, buffer, err)) == GS_ERR_IO && buffer > GS_LIVE_BUFFER_MIN)
		buffer /= 2;
	return r;
}

/* How large the ring came out: nothing but the process's own list of mappings tells. 0 where that cannot be read. */
static uint64_t ring_size(int fd)
{
	struct stat sb;
	char line[512], name[64];
	uint64_t bytes = 0;

	if (fstat(fd, &sb) < 0)
		return 0;
	snprintf(name, sizeof name, "socket:[%ju]", (uintmax_t)sb.st_ino);
	FILE *f = fopen("/proc/self/maps", "re");
	while (f && fgets(line, sizeof line, f)) {
		uint64_t from, to;
		if (strstr(line, name) && sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
			bytes += to - from;
	}
	if (f)
		fclose(f);
	return bytes;
}

/* libpcap's numbers are those of files but for raw IP. */
static void choose_linktype(struct gs_live *l)
{
	int dlt = pcap_datalink(l->pcap);

	if (dlt == DLT_LINUX_SLL && pcap_set_datalink(l->pcap, DLT_LINUX_SLL2) == 0)
		dlt = DLT_LINUX_SLL2; /* says which interface each frame came by */
	l->linktype = dlt == DLT_RAW ? GS_LINK_RAW : (uint32_t)dlt;
}

static int attach(int fd, const struct live_program *p)
{
	const struct sock_fprog prog = { .len = (unsigned short)p->n, .filter = (struct sock_filter *)p->code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog);
}

static int narrow(struct gs_live *l, const char *text, const struct live_filter *f, struct live_program *p, struct gs_error *err)
{
	struct bpf_program user;

	if (pcap_compile(l->pcap, &user, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return gs_fail(err, GS_ERR_USAGE, "filter `%s`: %s", text, pcap_geterr(l->pcap));
	struct gs_error why = { 0 };
	const int r = live_filter_narrow(f, (const struct sock_filter *)user.bf_insns, user.bf_len, p, &why);
	pcap_freecode(&user);
	return r < 0 ? gs_fail(err, r, "filter `%s`: %s", text, why.text) : 0;
}

/* Nothing of what is to be captured, or what the options say. */
static int make_filter(struct gs_live *l, const struct gs_live_options *o, struct live_program *p, struct gs_error *err)
{
	const struct live_filter f = { .linktype = l->linktype, .snaplen = l->snaplen, .include_udp = o->include_udp, .socket = true };
	const bool cooked = l->linktype == GS_LINK_LINUX_SLL || l->linktype == GS_LINK_LINUX_SLL2;
	int type = 0;
	socklen_t len = sizeof type;

	/* a frame without its link header is what the program for cooked captures expects, and only that */
	getsockopt(l->fd, SOL_SOCKET, SO_TYPE, &type, &len);
	if (cooked != (type == SOCK_DGRAM))
		return gs_fail(err, GS_ERR_IO, "%s: link type %u on a socket that has no such frames", l->interface, l->linktype);
	if (!live_filter_make(&f, p))
		note_add(l, "link type %u: no filter in the kernel, every frame is looked at here", l->linktype);
	return o->filter && *o->filter ? narrow(l, o->filter, &f, p, err) : 0;
}

static int set_filter(struct gs_live *l, const struct gs_live_options *o, const struct live_program *p, struct gs_error *err)
{
	const int lock = 1;

	if (attach(l->fd, p) < 0) {
		const int sys = errno;
		if (sys == EINVAL && o->filter && *o->filter)
			return gs_fail(err, GS_ERR_USAGE, "filter `%s`: the kernel cannot run it", o->filter);
		return gs_fail_errno(err, GS_ERR_IO, sys, "%s: the kernel does not take the filter of %u steps%s", l->interface, p->n,
		                     sys == ENOMEM ? " (sysctl net.core.optmem_max bounds them)" : "");
	}
	l->filter_steps = p->n;
	if (setsockopt(l->fd, SOL_SOCKET, SO_LOCK_FILTER, &lock, sizeof lock) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot lock the filter", l->interface);
	return 0;
}

static int listen_to_all(const struct gs_live *l, struct gs_error *err)
{
	const struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_ifindex = l->ifindex, .sll_protocol = htobe16(ALL_PROTOCOLS) };
	const int ignore = 1;
	int sys = 0;
	socklen_t len = sizeof sys;

	/* frames that this host sends need not even come as far as the filter; before Linux 4.20 they do */
	setsockopt(l->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignore, sizeof ignore);
	if (bind(l->fd, (const struct sockaddr *)&all, sizeof all) < 0)
		sys = errno;
	else
		getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &sys, &len);
	switch (sys) {
	case 0:
		return 0;
	case ENODEV:
		return gs_fail(err, GS_ERR_NOENT, "%s: no such interface", l->interface);
	case ENETDOWN:
		return gs_fail(err, GS_ERR_NETWORK, "%s: the interface is down", l->interface);
	default:
		return gs_fail_errno(err, GS_ERR_IO, sys, "%s: cannot listen", l->interface);
	}
}

/* Only a socket that listens already can join. */
static int join(struct gs_live *l, const struct gs_live_options *o, struct live_program *p, struct gs_error *err)
{
	const int group = o->fanout_id | PACKET_FANOUT_CBPF << 16;

	if (setsockopt(l->fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof group) < 0)
		return gs_fail_errno(err, GS_ERR_USAGE, errno, "%s: cannot join fan-out group %u", l->interface, o->fanout_id);
	live_fanout_make(p);
	const struct sock_fprog prog = { .len = (unsigned short)p->n, .filter = p->code };
	if (setsockopt(l->fd, SOL_PACKET, PACKET_FANOUT_DATA, &prog, sizeof prog) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot spread frames over fan-out group %u", l->interface, o->fanout_id);
	l->fanout = true;
	return 0;
}

/*
 * From hearing nothing to hearing what the filter lets through: until that is in place a filter that lets nothing through is, so that no
 * frame comes in unasked, nor one that another member of the group has.
 */
static int start(struct gs_live *l, const struct gs_live_options *o, struct gs_error *err)
{
	struct live_program *p = malloc(sizeof *p);
	int r;

	if (!p)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", l->interface);
	*p = (struct live_program){ .n = 1, .code = { { .code = BPF_RET | BPF_K } } };
	r = attach(l->fd, p) < 0 ? gs_fail_errno(err, GS_ERR_IO, errno, "%s: the kernel takes no filter", l->interface) : listen_to_all(l, err);
	if (r == 0 && o->fanout_size > 1)
		r = join(l, o, p, err);
	if (r == 0)
		r = make_filter(l, o, p, err);
	if (r == 0)
		r = set_filter(l, o, p, err);
	free(p);
	return r;
}

/* Of Ethernet, with two tags; elsewhere nothing is known of longer frames. */
static void learn_longest(struct gs_live *l)
{
	struct ifreq ifr = { .ifr_ifindex = l->ifindex };

	if (l->linktype == GS_LINK_ETHERNET && l->ifindex && ioctl(l->fd, SIOCGIFNAME, &ifr) == 0 && ioctl(l->fd, SIOCGIFMTU, &ifr) == 0)
		l->longest = (uint32_t)ifr.ifr_mtu + 14 + 8;
}

static int open_ring(struct gs_live *l, const struct gs_live_options *o, struct gs_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	const uint32_t asked = within(o->buffer_bytes, GS_LIVE_BUFFER, GS_LIVE_BUFFER_MIN, GS_LIVE_BUFFER_MAX);
	int r = activate_smaller(l, o, err);

	if (r < 0)
		return r;
	l->fd = pcap_get_selectable_fd(l->pcap);
	fcntl(l->fd, F_SETFD, FD_CLOEXEC);
	if (pcap_setnonblock(l->pcap, 1, text) < 0)
		return gs_fail(err, GS_ERR_IO, "%s: cannot capture: %s", l->interface, text);
	choose_linktype(l);
	r = start(l, o, err);
	if (r < 0)
		return r;
	l->ring_bytes = ring_size(l->fd);
	if (l->ring_bytes && l->ring_bytes < asked)
		note_add(l, "the ring is of %.1f MiB, %.1f were asked for", (double)l->ring_bytes / (1 << 20), (double)asked / (1 << 20));
	if (o->promiscuous && !l->ifindex)
		note_add(l, "promiscuous mode is not possible on all interfaces at once");
	if (!l->nanoseconds)
		note_add(l, "time stamps are of microseconds");
	learn_longest(l);
	return 0;
}

int gs_live_open(const struct gs_live_options *o, struct gs_live **ret, struct gs_error *err)
{
	int r;

	if (!o->interface || !*o->interface)
		return gs_fail(err, GS_ERR_USAGE, "no interface is named");
	if (o->fanout_size > GS_LIVE_FANOUT_MAX)
		return gs_fail(err, GS_ERR_USAGE, "%s: a fan-out of %u; %u is the most", o->interface, o->fanout_size, GS_LIVE_FANOUT_MAX);
	struct gs_live *l = calloc(1, sizeof *l);
	if (!l)
		return gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", o->interface);
	l->fd = -1;
	l->snaplen = within(o->snaplen, GS_LIVE_SNAPLEN, GS_LIVE_SNAPLEN_MIN, GS_LIVE_SNAPLEN_MAX);
	l->slot = (l->snaplen + SLOT_ALIGN - 1) & ~(SLOT_ALIGN - 1);
	l->interface = strdup(o->interface);
	l->octets = aligned_alloc(SLOT_ALIGN, GS_SOURCE_BATCH * l->slot);
	if (!l->interface || !l->octets) {
		r = gs_fail(err, GS_ERR_NOMEM, "%s: out of memory", o->interface);
		goto out;
	}
	if (strcmp(l->interface, GS_LIVE_ANY) != 0) {
		l->ifindex = (int)if_nametoindex(l->interface);
		if (!l->ifindex) {
			r = gs_fail(err, GS_ERR_NOENT, "%s: no such interface", l->interface);
			goto out;
		}
	}
	r = open_ring(l, o, err);
	if (r < 0)
		goto out;
	*ret = l;
	l = NULL;
out:
	gs_live_close(l);
	return r;
}

void gs_live_close(struct gs_live *l)
{
	if (!l)
		return;
	if (l->pcap)
		pcap_close(l->pcap);
	free(l->octets);
	free(l->interface);
	free(l);
}

void gs_live_info(const struct gs_live *l, struct gs_live_info *ret)
{
	*ret = (struct gs_live_info){
		.interface = l->interface,
		.note = l->note,
		.linktype = l->linktype,
		.snaplen = l->snaplen,
		.ring_bytes = l->ring_bytes,
		.ifindex = l->ifindex,
		.filter_steps = l->filter_steps,
		.nanoseconds = l->nanoseconds,
		.fanout = l->fanout,
	};
}

int gs_live_fd(const struct gs_live *l)
{
	return l->fd;
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)(p[0] << 8 | p[1]);
}

/*
 * Since Linux 6.10 a cooked frame with two tags names the protocol behind the second one, although that tag is still there. `header`: where
 * its type stands; `at`: where the frame's payload starts. An IP header of that version and length is taken for one.
 */
static void name_tag(uint8_t *frame, uint32_t header, uint32_t at, uint32_t caplen, uint32_t wirelen)
{
	const uint8_t *p = frame + at;
	const uint32_t type = be16(frame + header), version = type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;

	if (!version || caplen < at + 10 || be16(p + 2) != type || p[4] >> 4 != version)
		return;
	if (p[0] >> 4 == version && (version == 4 ? be16(p + 2) : be16(p + 4) + 40) <= wirelen - at)
		return;
	frame[header] = 0x81;
	frame[header + 1] = 0x00;
}

static void on_frame(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct gs_live *l = (struct gs_live *)user;
	uint8_t *slot = l->octets + l->n * l->slot;
	const uint32_t caplen = h->caplen < l->snaplen ? h->caplen : l->snaplen;

	memcpy(slot, bytes, caplen);
	if (l->linktype == GS_LINK_LINUX_SLL2)
		name_tag(slot, 0, 20, caplen, h->len);
	else if (l->linktype == GS_LINK_LINUX_SLL)
		name_tag(slot, 14, 16, caplen, h->len);
	l->given++;
	l->over_mtu += l->longest && h->len > l->longest;
	l->frames[l->n++] = (struct gs_frame){
		.data = slot,
		.caplen = caplen,
		.wirelen = h->len,
		.ts = { (int64_t)h->ts.tv_sec * GS_NS_PER_S + (int64_t)h->ts.tv_usec * (l->nanoseconds ? 1 : 1000) },
		.linktype = l->linktype,
		.sampling = 1,
		.number = l->given,
	};
}

/* libpcap gave up. It says so in the same way for an interface that is gone and for one that was renamed while down. */
static int broke_off(struct gs_live *l, struct gs_error *err)
{
	struct ifreq ifr = { .ifr_ifindex = l->ifindex };
	int r = GS_LIVE_GONE;

	if (l->ifindex && ioctl(l->fd, SIOCGIFNAME, &ifr) < 0)
		gs_fail(&l->over, GS_ERR_NETWORK, "%s: the interface is gone", l->interface);
	else if (l->ifindex && strcmp(ifr.ifr_name, l->interface) != 0)
		gs_fail(&l->over, GS_ERR_NETWORK, "%s: the interface is now called %s", l->interface, ifr.ifr_name);
	else
		r = gs_fail(&l->over, GS_ERR_IO, "%s: %s", l->interface, pcap_geterr(l->pcap));
	gs_fail(err, l->over.code, "%s", l->over.text);
	return r;
}

int gs_live_frames(struct gs_live *l, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	*ret_n = 0;
	if (l->over.code)
		return gs_fail(err, l->over.code, "%s", l->over.text);
	l->frames = frames;
	l->n = 0;
	const int r = pcap_dispatch(l->pcap, (int)(max < GS_SOURCE_BATCH ? max : GS_SOURCE_BATCH), on_frame, (u_char *)l);
	*ret_n = l->n;
	if (r < 0 && r != PCAP_ERROR_BREAK)
		return broke_off(l, err);
	/* libpcap wants to be called often while the interface is down, and only then */
	const bool down = pcap_get_required_select_timeout(l->pcap) != NULL;
	if (down == l->down)
		return GS_LIVE_FINE;
	l->down = down;
	gs_fail(err, GS_ERR_NETWORK, "%s: the interface is %s", l->interface, down ? "down" : "up again");
	return down ? GS_LIVE_DOWN : GS_LIVE_UP;
}

int gs_live_drain(struct gs_live *l, int timeout_ms, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	int r = gs_live_frames(l, frames, max, ret_n, err);

	if (r != GS_LIVE_FINE || *ret_n > 0)
		return r;
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	r = poll(&p, 1, timeout_ms);
	if (r < 0)
		return errno == EINTR ? gs_fail(err, GS_ERR_INTERRUPTED, "%s: interrupted", l->interface) :
		                        gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot wait", l->interface);
	return gs_live_frames(l, frames, max, ret_n, err);
}

int gs_live_losses(struct gs_live *l, struct gs_live_losses *ret, struct gs_error *err)
{
	struct tpacket_stats_v3 since = { 0 };
	socklen_t len = sizeof since;

	/* the kernel gives what it counted since it was last asked; packets include drops */
	if (getsockopt(l->fd, SOL_PACKET, PACKET_STATISTICS, &since, &len) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "%s: cannot read the socket's counters", l->interface);
	l->passed += since.tp_packets;
	l->dropped += since.tp_drops;
	l->freezes += len >= sizeof since ? since.tp_freeze_q_cnt : 0;
	learn_longest(l);
	*ret = (struct gs_live_losses){
		.passed = l->passed,
		.given = l->given,
		.dropped = l->dropped,
		.waiting = l->passed - l->dropped - l->given,
		.freezes = l->freezes,
		.over_mtu = l->over_mtu,
	};
	return 0;
}
