/* fuzz_source.c - any octets as an input: recognised or refused, read to the end, every octet that is lent touched */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "source/source_int.h"

#define MAX_READS 4096 /* batches; a few compressed octets can stand for gigabytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile unsigned sink;

static void touch(const struct gs_frame *f, uint64_t before)
{
	unsigned sum = 0;

	if (f->number != before + 1 || f->sampling != 1)
		abort();
	for (uint32_t i = 0; i < f->caplen; i++)
		sum += f->data[i];
	sink += sum;
}

static int read_frames(struct gs_source *s, struct gs_error *err)
{
	struct gs_frame frames[GS_SOURCE_BATCH];
	uint64_t number = 0;
	size_t n = 1;
	int r = 0;

	for (unsigned i = 0; i < MAX_READS && r == 0 && n > 0; i++) {
		r = gs_source_frames(s, frames, 1 + i % GS_SOURCE_BATCH, &n, err);
		for (size_t k = 0; k < n; k++)
			touch(&frames[k], number++);
	}
	return r;
}

static int read_sightings(struct gs_source *s, struct gs_error *err)
{
	struct gs_sighting rows[8];
	struct gs_tally tally = { 0 };
	uint64_t all = 0;
	size_t n = 1;
	int r = 0;

	for (unsigned i = 0; i < MAX_READS && r == 0 && n > 0; i++) {
		r = gs_source_sightings(s, rows, 8, &n, &tally, err);
		for (size_t k = 0; k < n; k++)
			if (rows[k].packets == 0 || rows[k].protocol != 47 || rows[k].last.ns < rows[k].first.ns)
				abort();
		all += n;
	}
	if (all != tally.records || (tally.records_bad > 0) != (*gs_source_first_bad(s) != '\0'))
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct gs_source *s = NULL;
	struct gs_source_info info;
	struct gs_error err = { 0 };

	/* a small buffer, so that compressed input crosses its end */
	int r = source_open_memory_block("fuzz", data, len, 64, NULL, &s, &err);
	if (r == 0) {
		gs_source_info(s, &info);
		r = info.door == GS_DOOR_FRAMES ? read_frames(s, &err) : read_sightings(s, &err);
		gs_source_info(s, &info);
		if (info.position > info.size)
			abort();
		gs_source_close(s);
	} else if (r != GS_ERR_FORMAT && r != GS_ERR_NOMEM) {
		abort();
	}
	if (r != 0 && (err.code != r || err.text[0] == '\0'))
		abort();
	return 0;
}
