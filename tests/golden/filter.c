/*
 * filter.c - the kernel's filter held against the decoder: no frame of protocol 47 may be refused
 *
 * usage: filter CAPTURE... | filter --folder FOLDER
 *
 * Each frame of each capture goes through the program twice: as libpcap runs it, and as the kernel does (a filter on one end of a pair of local
 * sockets: no rights needed). Both must agree, and what the decoder calls GRE, a later fragment or PPTP's control connection must be kept; GRE in UDP
 * where that is asked for. Nothing is excepted. Prints how many others are kept. --folder takes the captures below $GRESCOPE_SHARED or else FOLDER; without
 * that folder it leaves with 77.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "decode/decode.h"
#include "source/live_filter.h"
#include "source/source.h"

static struct {
	uint64_t files, frames, wanted, kept, unjudged;
} counts;

/* One end refuses what the program refuses. */
struct kernel {
	int ends[2];
};

static bool kernel_open(struct kernel *k, const struct live_program *p)
{
	const struct sock_fprog prog = { .len = (unsigned short)p->n, .filter = (struct sock_filter *)p->code };
	const int room = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, k->ends) < 0)
		return false;
	setsockopt(k->ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return setsockopt(k->ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) == 0;
}

static void kernel_close(struct kernel *k)
{
	close(k->ends[0]);
	close(k->ends[1]);
}

/* 1 kept, 0 refused, -1: trouble */
static int kernel_keeps(const struct kernel *k, const struct gs_frame *f)
{
	static uint8_t back[1 << 18];

	if (send(k->ends[0], f->data, f->caplen, 0) != (ssize_t)f->caplen)
		return -1;
	const ssize_t n = recv(k->ends[1], back, sizeof back, MSG_DONTWAIT);
	return n >= 0 ? 1 : errno == EAGAIN ? 0 : -1;
}

struct filters {
	uint32_t linktype;
	bool udp;
	struct live_program program;
	struct kernel kernel;
};

static bool filters_open(struct filters *s, uint32_t linktype, bool udp)
{
	s->linktype = linktype;
	s->udp = udp;
	live_filter_make(&(struct live_filter){ .linktype = linktype, .snaplen = 1 << 18, .include_udp = udp }, &s->program);
	if (!kernel_open(&s->kernel, &s->program)) {
		perror("the kernel refuses the program");
		return false;
	}
	return true;
}

static bool check_frame(const char *path, const struct filters *s, const struct gs_frame *f)
{
	struct gs_packet p;

	gs_decode(f, &p);
	const bool wanted = p.outcome == GS_OUT_GRE || p.outcome == GS_OUT_FRAGMENT || (p.outcome == GS_OUT_GRE_UDP && s->udp) ||
			    p.control_off;
	const bool kept = bpf_filter((const struct bpf_insn *)s->program.code, f->data, f->caplen, f->caplen) != 0;
	const int in_kernel = kernel_keeps(&s->kernel, f);
	counts.frames++;
	counts.wanted += wanted;
	counts.kept += kept;
	counts.unjudged += p.outcome == GS_OUT_LOST && !kept;
	if (in_kernel < 0) {
		perror("local socket");
		return false;
	}
	if (in_kernel != kept || (wanted && !kept)) {
		fprintf(stderr, "%s: frame %ju (link type %u): decoder: %s, libpcap: %s, kernel: %s\n", path, (uintmax_t)f->number, f->linktype,
			wanted ? "wanted" : "not wanted", kept ? "kept" : "refused", in_kernel ? "kept" : "refused");
		return false;
	}
	return true;
}

static bool check_file(const char *path, bool udp)
{
	struct gs_source *src;
	struct gs_error err = { 0 };
	struct gs_source_info info;
	struct gs_frame frames[GS_SOURCE_BATCH];
	static struct filters filters;
	size_t n = 0;
	bool open = false, ok = true;

	if (gs_source_open(path, &src, &err) < 0)
		return true; /* not a capture, or damaged on purpose */
	gs_source_info(src, &info);
	if (info.door != GS_DOOR_FRAMES) {
		gs_source_close(src);
		return true;
	}
	counts.files++;
	do {
		gs_source_frames(src, frames, GS_SOURCE_BATCH, &n, NULL);
		for (size_t i = 0; ok && i < n; i++) {
			if (!open || frames[i].linktype != filters.linktype) {
				if (open)
					kernel_close(&filters.kernel);
				ok = open = filters_open(&filters, frames[i].linktype, udp);
			}
			ok = ok && check_frame(path, &filters, &frames[i]);
		}
	} while (ok && n > 0);
	if (open)
		kernel_close(&filters.kernel);
	gs_source_close(src);
	return ok;
}

static bool check_folder(const char *folder, bool udp)
{
	DIR *d = opendir(folder);
	bool ok = true;

	for (struct dirent *e; d && (e = readdir(d));) {
		char path[4352];
		struct stat sb;
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode))
			ok &= check_file(path, udp);
	}
	if (d)
		closedir(d);
	return ok;
}

int main(int argc, char **argv)
{
	bool ok = true;

	if (argc == 3 && strcmp(argv[1], "--folder") == 0) {
		static const char *const folders[] = { "captures", "captures/flow", "captures-synthetic" };
		const char *shared = getenv("GRESCOPE_SHARED");
		char path[4000];
		struct stat sb;
		shared = shared && *shared ? shared : argv[2];
		snprintf(path, sizeof path, "%s/captures", shared);
		if (stat(path, &sb) < 0) {
			printf("%s: not there, nothing checked\n", path);
			return 77;
		}
		for (unsigned i = 0; i < 2 * sizeof folders / sizeof *folders; i++) {
			snprintf(path, sizeof path, "%s/%s", shared, folders[i / 2]);
			ok &= check_folder(path, i & 1);
		}
	} else {
		for (int i = 2; i < 2 * argc; i++)
			ok &= check_file(argv[i / 2], i & 1);
	}
	printf("%ju captures read, %ju frames: %ju wanted, %ju kept; %ju refused that the decoder cannot judge\n", (uintmax_t)counts.files,
	       (uintmax_t)counts.frames, (uintmax_t)counts.wanted, (uintmax_t)counts.kept, (uintmax_t)counts.unjudged);
	return ok && counts.wanted > 0 ? 0 : 1;
}
