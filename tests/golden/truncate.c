/*
 * truncate.c - every capture given, cut at every octet: read, decoded, classified under the sanitizers
 *
 * What must hold for any cut: the frames are a prefix of the whole file's, in number and in content. usage: truncate CAPTURE...
 */
#include "base/map.h"
#include "classify/classify.h"
#include "decode/decode.h"
#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_FRAMES 4096

/* What was read of the first len octets: a hash of each frame and what it decoded to. Number of frames. */
static size_t read_cut(const uint8_t *data, size_t len, uint64_t *hashes)
{
	struct gs_source *s = NULL;
	struct gs_frame f[GS_SOURCE_BATCH];
	size_t total = 0, n = 0;
	uint8_t *copy = malloc(len ? len : 1); /* of exactly this length, so that one octet too far is seen */

	if (!copy)
		abort();
	memcpy(copy, data, len);
	if (gs_source_open_memory("cut", copy, len, &s, NULL) == 0) {
		struct gs_source_info info;
		gs_source_info(s, &info);
		int r = 0;
		while (info.door == GS_DOOR_FRAMES && r == 0) {
			r = gs_source_frames(s, f, GS_SOURCE_BATCH, &n, NULL);
			for (size_t i = 0; i < n && total < MAX_FRAMES; i++) {
				struct gs_packet p;
				struct gs_verdict v = { 0 };
				gs_decode(&f[i], &p);
				if (p.outcome == GS_OUT_GRE || p.outcome == GS_OUT_GRE_UDP)
					gs_classify(&p, &f[i], &v);
				hashes[total++] = XXH3_64bits_withSeed(f[i].data, f[i].caplen, (uint64_t)f[i].ts.ns ^ p.outcome ^ v.class_);
			}
			if (n == 0)
				break;
		}
	}
	gs_source_close(s);
	free(copy);
	return total;
}

int main(int argc, char **argv)
{
	static uint64_t whole[MAX_FRAMES], cut[MAX_FRAMES];
	static uint8_t data[1 << 20];
	unsigned long cuts = 0, failures = 0;

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t len = f ? fread(data, 1, sizeof data, f) : 0;
		if (!f || ferror(f)) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
		fclose(f);
		size_t n_whole = read_cut(data, len, whole);
		for (size_t n = 0; n < len; n += len > 8192 ? 7 : 1, cuts++) {
			size_t n_cut = read_cut(data, n, cut);
			if (n_cut > n_whole || memcmp(whole, cut, n_cut * sizeof *cut) != 0) {
				failures++;
				fprintf(stderr, "%s cut to %zu octets: %zu frames that are no prefix of the whole file's %zu\n", argv[i], n, n_cut, n_whole);
			}
		}
	}
	printf("%d captures, %lu cuts, %lu failures\n", argc - 1, cuts, failures);
	return failures || cuts == 0;
}
