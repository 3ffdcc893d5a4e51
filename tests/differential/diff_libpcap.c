/*
 * diff_libpcap.c - the capture reader held against libpcap: the same packets, octet for octet, time for time
 *
 * usage: diff_libpcap made | captures FOLDER
 *
 * `made` makes files of every variant here; `captures` reads every capture below $GRESCOPE_SHARED or else FOLDER, and leaves with 77
 * (skipped) where there is no such folder. Every file is also read cut at some hundred places. libpcap gives up where an interface differs
 * from the first or a section turns the byte order; there its packets must be the start of ours. Everywhere else the numbers must be equal,
 * also where both find damage.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include <pcap/pcap.h>

#include "../capture_writer.h"
#include "source/source.h"

#define CUTS 200
#define MAX_FILE (64u << 20)

static uint64_t random_state = 88172645463325252u;
static uint64_t files, readings, packets;

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32);
}

/* libpcap speaks in DLT numbers; where they differ from what stands in files, for the types that occur (pcap-common.c, linktype_to_dlt). */
static int dlt_of(uint32_t linktype)
{
	return linktype == GS_LINK_RAW ? DLT_RAW : (int)linktype;
}

/* Before 1.11 libpcap takes pcap's seconds after January 2038 for negative ones; the format has them unsigned. */
static int64_t time_of(const struct pcap_pkthdr *h, int64_t ours)
{
	__extension__ __int128 ns = (__int128)h->ts.tv_sec * GS_NS_PER_S + h->ts.tv_usec; /* nanoseconds were asked for */
	if (h->ts.tv_sec < 0 && ours > 0 && ns == ours - GS_NS_PER_S * UINT32_MAX - GS_NS_PER_S)
		return ours;
	return ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : (int64_t)ns;
}

/* What libpcap does not read by its own account. */
static bool beyond_libpcap(const char *error)
{
	static const char *const limits[] = { "different from the type of the first interface",
					      "different from the snapshot length of the first", "sections with different byte orders",
					      "bigger than snaplen of" };
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		if (strstr(error, limits[i]))
			return true;
	return false;
}

static bool differs(const char *name, uint64_t number, const char *what, int64_t theirs, int64_t ours)
{
	if (theirs == ours)
		return false;
	fprintf(stderr, "%s: packet %ju: %s is %jd by libpcap, %jd here\n", name, (uintmax_t)number, what, (intmax_t)theirs,
		(intmax_t)ours);
	return true;
}

static bool frame_differs(const char *name, pcap_t *p, const struct pcap_pkthdr *h, const u_char *data, const struct gs_frame *f)
{
	if (differs(name, f->number, "captured length", h->caplen, f->caplen) || differs(name, f->number, "length", h->len, f->wirelen) ||
	    differs(name, f->number, "time", time_of(h, f->ts.ns), f->ts.ns) ||
	    differs(name, f->number, "link type", pcap_datalink(p), dlt_of(f->linktype)))
		return true;
	return h->caplen && differs(name, f->number, "data", 0, memcmp(data, f->data, h->caplen));
}

/* Both readers side by side over the same octets. Result: whether all is well. */
static bool compare(const char *name, const uint8_t *data, size_t len)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *f = fmemopen((void *)data, len, "rb");
	pcap_t *p = f ? pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why) : NULL;
	struct gs_source *s = NULL;
	struct gs_error err = { 0 };
	struct gs_frame frames[7];
	struct pcap_pkthdr *h;
	const u_char *bytes;
	uint64_t count = 0;
	size_t n = 0, i = 0;
	bool ok = true;

	readings++;
	int ours = gs_source_open_memory(name, data, len, &s, &err), theirs = p ? 1 : -1;
	while (ok && p && (theirs = pcap_next_ex(p, &h, &bytes)) == 1) {
		if (i == n) {
			i = 0;
			ours = s ? gs_source_frames(s, frames, sizeof frames / sizeof *frames, &n, &err) : GS_ERR_FORMAT;
			if (n == 0 || !s) {
				fprintf(stderr, "%s: libpcap has packet %ju, here it ends: %s\n", name, (uintmax_t)count + 1, err.text);
				ok = false;
				break;
			}
		}
		ok = !frame_differs(name, p, h, bytes, &frames[i++]);
		count++;
	}
	if (ok && p && theirs == -1)
		snprintf(why, sizeof why, "%s", pcap_geterr(p));
	if (ok && i == n && s)
		ours = gs_source_frames(s, frames, 1, &n, &err);
	const bool more = ok && s && (i < n || (ours == 0 && n > 0));
	if (more && !beyond_libpcap(why)) {
		fprintf(stderr, "%s: libpcap ends after %ju packets (%s), here there are more\n", name, (uintmax_t)count, why);
		ok = false;
	}
	if (ok && !more && !beyond_libpcap(why) && p && (theirs == PCAP_ERROR_BREAK) != (ours == 0)) {
		fprintf(stderr, "%s: after %ju packets libpcap says `%s`, here `%s`\n", name, (uintmax_t)count, why,
			ours < 0 ? err.text : "the end");
		ok = false;
	}
	packets += count;
	gs_source_close(s);
	if (p)
		pcap_close(p);
	else if (f)
		fclose(f);
	return ok;
}

static bool compare_cut(const char *name, const uint8_t *data, size_t len, unsigned cuts)
{
	bool ok = compare(name, data, len);

	files++;
	for (unsigned i = 0; ok && i < cuts; i++) {
		const size_t cut = cuts >= len ? i : random_next() % len;
		char cut_name[4400];
		snprintf(cut_name, sizeof cut_name, "%s cut at %zu", name, cut);
		if (cut > 0 && cut < len)
			ok = compare(cut_name, data, cut);
	}
	return ok;
}

static bool is_capture(const char *name)
{
	static const char *const endings[] = { ".pcap", ".pcapng", ".cap" };
	const size_t len = strlen(name);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (len > strlen(endings[i]) && strcmp(name + len - strlen(endings[i]), endings[i]) == 0)
			return true;
	return false;
}

static bool compare_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(MAX_FILE);
	bool ok = false;

	if (f && data) {
		const size_t len = fread(data, 1, MAX_FILE, f);
		/* bounded in all: a long file costs more per cut */
		ok = compare_cut(path, data, len, len < (1u << 20) ? CUTS : len < (8u << 20) ? 20 : 4);
	} else {
		perror(path);
	}
	free(data);
	if (f)
		fclose(f);
	return ok;
}

static bool compare_folder(const char *folder)
{
	DIR *d = opendir(folder);
	bool ok = true;

	for (struct dirent *e; d && (e = readdir(d));) {
		char path[4352];
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (is_capture(e->d_name))
			ok &= compare_file(path);
	}
	if (d)
		closedir(d);
	return ok;
}

static bool made_pcaps(void)
{
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34 };
	static const struct {
		unsigned major, minor;
	} versions[] = { { 2, 4 }, { 2, 3 }, { 2, 2 }, { 543, 0 } };
	static const uint32_t snaplens[] = { 65535, 0, 40, UINT32_MAX, 0x7fffffff };
	bool ok = true;

	for (unsigned v = 0; v < 2 * 3 * 4 * 5; v++) {
		struct bytes b = { .big = v & 1 };
		const unsigned magic = v / 2 % 3, version = v / 6 % 4, snaplen = v / 24;
		char name[64];
		snprintf(name, sizeof name, "made pcap %u", v);
		pcap_header(&b, magics[magic], versions[version].major, versions[version].minor, snaplens[snaplen], v % 3 ? 1 : 0x44000001);
		for (uint32_t i = 0; i < 10; i++) {
			const uint32_t caplen = i * 13, len = caplen + i % 3;
			const bool swap = version == 2 || version == 3 || (version == 1 && i & 1);
			pcap_record_header(&b, i ? UINT32_MAX - i : 0, i * 111111111, swap ? len : caplen, swap ? caplen : len);
			if (magic == 2)
				put_zeros(&b, 8);
			put_pattern(&b, i, caplen);
		}
		if (v % 5 == 0) {
			pcap_record_header(&b, 1, 1, 262145, 262145);
			put_zeros(&b, 300000);
		}
		ok &= compare_cut(name, b.data, b.len, CUTS);
		bytes_done(&b);
	}
	return ok;
}

static bool made_pcapngs(void)
{
	static const uint8_t resolutions[] = { 6, 0, 3, 9, 12, 19, 0x80, 0x80 | 10, 0x80 | 20, 0x80 | 33 };
	bool ok = true;

	for (unsigned v = 0; v < 2 * 10 * 3; v++) {
		struct bytes b = { .big = v & 1 };
		const uint8_t resolution = resolutions[v / 2 % 10];
		const int64_t offset = v / 20 == 0 ? 0 : v / 20 == 1 ? -1000 : 4000000000;
		char name[64];
		snprintf(name, sizeof name, "made pcapng %u", v);
		ng_section(&b, 1, v % 3 ? 0 : 2);
		ng_other(&b, 0xbad, 50);
		ng_interface(&b, 1, 200, resolution, offset);
		ng_packet(&b, 6, 0, 0x12345678, 64, 64);
		ng_interface(&b, 1, 200, 6, 0);
		for (uint32_t i = 0; i < 6; i++)
			ng_packet(&b, i & 1 ? 6 : 2, i % 3 == 0, (uint64_t)i << 33 | i, 31 * i, 40 * i);
		ng_simple(&b, 50, 50);
		ng_simple(&b, 200, 1500);
		ng_section(&b, 1, 0);
		ng_interface(&b, 1, 200, resolution, offset);
		ng_packet(&b, 6, 0, UINT64_C(1501009531000000), 1, 1);
		ng_other(&b, 5, 12);
		if (v % 4 == 1)
			ng_packet(&b, 6, 1, 1, 1, 1); /* no such interface: damage to both */
		if (v % 4 == 2)
			ng_interface(&b, 101, 0, 6, 0); /* of another link type: libpcap ends */
		ng_packet(&b, 6, v % 4 == 2, 7, 20, 20);
		ok &= compare_cut(name, b.data, b.len, CUTS);
		bytes_done(&b);
	}
	return ok;
}

int main(int argc, char **argv)
{
	bool ok = false;

	if (argc == 2 && strcmp(argv[1], "made") == 0) {
		ok = made_pcaps();
		ok &= made_pcapngs();
	} else if (argc == 3) {
		const char *shared = getenv("GRESCOPE_SHARED");
		static const char *const folders[] = { "captures", "captures/flow", "captures-synthetic" };
		struct stat sb;
		char path[4000];
		snprintf(path, sizeof path, "%s/captures", shared && *shared ? shared : argv[2]);
		if (stat(path, &sb) < 0) {
			printf("%s: not there, nothing compared\n", path);
			return 77;
		}
		ok = true;
		for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
			snprintf(path, sizeof path, "%s/%s", shared && *shared ? shared : argv[2], folders[i]);
			ok &= compare_folder(path);
		}
	}
	printf("%ju files, %ju readings, %ju packets compared\n", (uintmax_t)files, (uintmax_t)readings, (uintmax_t)packets);
	return ok && packets > 0 ? 0 : 1;
}
