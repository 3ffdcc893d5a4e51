/*
 * blast - sends the frames of a capture as fast as it can, and says how many
 *
 * usage: blast -i IFACE [-t SECONDS | -n FRAMES] [-r PER_SECOND] [-x] CAPTURE
 *
 * CAPTURE is little-endian pcap of Ethernet, as mkflood makes it; its frames are sent over and over, in batches of 64 (sendmmsg), past the queueing
 * discipline (PACKET_QDISC_BYPASS), so that what is not sent is an error here and not a loss on the way. -x gives every frame another IPv4 source.
 * One line of JSON: frames, octets, seconds, CPU seconds, refused (sendmmsg found no room; the frame was sent again).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define SOURCE_OFFSET 26 /* Ethernet, IPv4 */

static struct {
	const char *interface, *path;
	double seconds, rate;
	uint64_t count;
	bool spoof;
} options = { .seconds = 1 };

static struct iovec *frames;
static size_t n_frames;

static void die(const char *what)
{
	fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void load(const char *path)
{
	struct stat sb;
	const int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &sb) < 0)
		die(path);
	/* private: -x writes into it */
	uint8_t *p = mmap(NULL, (size_t)sb.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	const uint8_t *end = p + sb.st_size;
	for (uint8_t *q = p + 24; q + 16 <= end; q += 16 + get32(q + 8)) {
		const uint32_t len = get32(q + 8);
		if (len > 65536 || q + 16 + len > end)
			break;
		if (n_frames % 4096 == 0)
			frames = realloc(frames, (n_frames + 4096) * sizeof *frames);
		frames[n_frames++] = (struct iovec){ .iov_base = q + 16, .iov_len = len };
	}
	close(fd);
	if (n_frames < BATCH) {
		fprintf(stderr, "blast: %s: %zu frames, %d or more are wanted\n", path, n_frames, BATCH);
		exit(1);
	}
}

static int open_socket(const char *interface)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };
	const int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&to, sizeof to) < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) < 0)
		die(interface);
	return fd;
}

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits until the rate allows `sent` frames. */
static void pace(double begin, uint64_t sent)
{
	const double ahead = begin + (double)sent / options.rate - now(CLOCK_MONOTONIC);
	if (ahead > 100e-6)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(ahead > 0.5 ? 500000000 : ahead * 1e9) }, NULL);
	else
		while (now(CLOCK_MONOTONIC) < begin + (double)sent / options.rate)
			;
}

static void blast(int fd)
{
	struct mmsghdr batch[BATCH] = { 0 };
	uint64_t sent = 0, octets = 0, refused = 0;
	uint32_t source = 0x0b000001; /* counted up, spread by a multiplication */
	size_t next = 0;
	const double begin = now(CLOCK_MONOTONIC), end = begin + options.seconds;

	while (options.count ? sent < options.count : now(CLOCK_MONOTONIC) < end) {
		const unsigned n = options.count && options.count - sent < BATCH ? (unsigned)(options.count - sent) : BATCH;
		for (unsigned i = 0; i < n; i++) {
			batch[i].msg_hdr.msg_iov = &frames[next];
			batch[i].msg_hdr.msg_iovlen = 1;
			next = next + 1 == n_frames ? 0 : next + 1;
			if (options.spoof) {
				const uint32_t s = htonl(source++ * 0x9e3779b1u);
				memcpy((uint8_t *)batch[i].msg_hdr.msg_iov->iov_base + SOURCE_OFFSET, &s, sizeof s);
			}
		}
		for (unsigned done = 0; done < n;) {
			const int r = sendmmsg(fd, batch + done, n - done, 0);
			if (r < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
				die("sendmmsg");
			refused += r < 0;
			for (int i = 0; i < r; i++)
				octets += batch[done + (unsigned)i].msg_hdr.msg_iov->iov_len;
			done += r > 0 ? (unsigned)r : 0;
		}
		sent += n;
		if (options.rate > 0)
			pace(begin, sent);
	}
	const double seconds = now(CLOCK_MONOTONIC) - begin;
	printf("{\"frames\":%" PRIu64 ",\"octets\":%" PRIu64 ",\"seconds\":%.6f,\"cpu\":%.6f,\"refused\":%" PRIu64 "}\n", sent, octets, seconds,
	       now(CLOCK_PROCESS_CPUTIME_ID), refused);
}

int main(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "i:t:n:r:x")) != -1;) {
		switch (c) {
		case 'i':
			options.interface = optarg;
			break;
		case 't':
			options.seconds = atof(optarg);
			break;
		case 'n':
			options.count = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			options.rate = atof(optarg);
			break;
		case 'x':
			options.spoof = true;
			break;
		default:
			return 2;
		}
	}
	if (!options.interface || optind + 1 != argc) {
		fprintf(stderr, "usage: blast -i IFACE [-t SECONDS | -n FRAMES] [-r PER_SECOND] [-x] CAPTURE\n");
		return 2;
	}
	load(argv[optind]);
	blast(open_socket(options.interface));
	return 0;
}
