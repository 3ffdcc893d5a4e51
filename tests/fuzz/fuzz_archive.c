/*
 * fuzz_archive.c - any octets as an archive, read into a store: a sentence or a sound store, never damage
 *
 * Checksums are made right first where the octets are lines, or nothing behind the first of them would ever be reached. One store takes many archives;
 * now and then it is read whole (every checksum in it) and replaced.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/store.h"

#define RUNS 200 /* per store */
#define MAX_LEN (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[64], path[80];
static struct gs_store *store;
static unsigned runs;

static void check(int r, const struct gs_error *err)
{
	if (r < 0) {
		fprintf(stderr, "%d: %s\n", r, err->text);
		abort();
	}
}

static void store_remove(void)
{
	static const char *const beside[] = { "", "-wal", "-shm", "-writer" };
	char file[100];
	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s%s", path, beside[i]);
		unlink(file);
	}
}

static void done(void)
{
	gs_store_close(store);
	store_remove();
	rmdir(folder);
}

static void store_begin(void)
{
	const struct gs_store_options o = { .mode = GS_STORE_CREATE };
	struct gs_error err = { 0 };
	if (!*folder) {
		snprintf(folder, sizeof folder, "%s/grescope-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		if (!mkdtemp(folder))
			abort();
		snprintf(path, sizeof path, "%s/s.db", folder);
		atexit(done);
	}
	check(gs_store_open(path, &o, &store, &err), &err);
}

static int row_take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	(void)s, (void)err;
	*(uint64_t *)arg += n;
	return 0;
}

static int bot_take(void *arg, const struct gs_store_bot *b, struct gs_error *err)
{
	(void)err;
	*(uint64_t *)arg += b->process.packets_seen;
	return 0;
}

/* Rows, rollups, inputs, bots: all of it can be read, and sums agree. */
static void store_end(void)
{
	struct gs_filter f = GS_FILTER_ALL;
	struct gs_store_info info;
	struct gs_scan_result sums, raw;
	struct gs_error err = { 0 };
	uint64_t n = 0, ignore = 0;
	struct gs_tally all;
	struct gs_store_bots_rest rest;
	check(gs_store_settle(store, &err), &err);
	check(gs_store_info(store, &info, &err), &err);
	check(gs_store_scan(store, &f, GS_NEED_ALL, NULL, &(struct gs_sighting_sink){ row_take, &n }, &raw, &err), &err);
	check(gs_store_scan(store, &f, GS_NEED_DST | GS_NEED_SHAPE | GS_NEED_HOUR | GS_NEED_SRC, NULL, &(struct gs_sighting_sink){ row_take, &ignore }, &sums, &err),
	      &err);
	check(gs_store_tally(store, &f, &all, &err), &err);
	check(gs_store_bots(store, &f, bot_take, &ignore, &rest, &err), &err);
	if (n != info.raw_sightings || sums.sightings != info.sightings || raw.sightings + info.pruned_sightings != sums.sightings)
		abort();
	int fd = memfd_create("again", 0);
	check(gs_archive_write(store, fd, "again", NULL, &err), &err);
	close(fd);
	gs_store_close(store);
	store = NULL;
	store_remove();
}

/* The lines with their checksums right; lines that are no end of anything stay as they are. */
static size_t put_right(const uint8_t *data, size_t len, uint8_t *out, size_t room)
{
	XXH3_state_t *all = XXH3_createState(), *part = XXH3_createState();
	uint64_t lines = 0, in_part = 0, parts = 0;
	size_t n = 0;
	XXH3_64bits_reset(all);
	XXH3_64bits_reset(part);
	for (size_t at = 0; at < len;) {
		const uint8_t *line = data + at, *nl = memchr(line, '\n', len - at);
		size_t k = nl ? (size_t)(nl - line) + 1 : len - at;
		char text[200];
		int t = 0, name = 0;
		at += k;
		if (k > 8 && memcmp(line, "{\"part\":", 8) == 0) {
			XXH3_64bits_reset(part);
			in_part = 0;
		} else if (k > 8 && k < 150 && memcmp(line, "{\"end\":\"", 8) == 0) {
			while (name < 40 && 8 + (size_t)name < k && line[8 + name] >= 'a' && line[8 + name] <= 'z')
				name++;
			t = snprintf(text, sizeof text, "{\"end\":\"%.*s\",\"lines\":%" PRIu64 ",\"sum\":\"%016" PRIx64 "\"}\n", name, (const char *)line + 8, in_part,
			             (uint64_t)XXH3_64bits_digest(part));
			parts++;
		} else if (k > 9 && memcmp(line, "{\"close\":", 9) == 0) {
			t = snprintf(text, sizeof text, "{\"close\":\"grescope\",\"parts\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"sum\":\"%016" PRIx64 "\"}\n", parts, lines,
			             (uint64_t)XXH3_64bits_digest(all));
		} else {
			XXH3_64bits_update(part, line, k);
			in_part++;
		}
		const void *from = t ? (const void *)text : line;
		k = t ? (size_t)t : k;
		if (n + k > room)
			break;
		memcpy(out + n, from, k);
		XXH3_64bits_update(all, from, k);
		n += k;
		lines++;
	}
	XXH3_freeState(all);
	XXH3_freeState(part);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t text[2 * MAX_LEN];
	struct gs_archive_result res;
	struct gs_error err = { 0 };
	if (len > MAX_LEN)
		return 0;
	if (!store)
		store_begin();
	if (len && data[0] == '{') {
		len = put_right(data, len, text, sizeof text);
		data = text;
	}
	int fd = memfd_create("fuzz", 0);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	int r = gs_archive_read(store, fd, "fuzz", runs & 1 ? "unnamed" : NULL, &res, &err);
	close(fd);
	if (r < 0 && ((r != GS_ERR_FORMAT && r != GS_ERR_DAMAGED && r != GS_ERR_USAGE && r != GS_ERR_LIMIT) || err.code != r || !*err.text)) {
		fprintf(stderr, "%d: %s\n", r, err.text);
		abort();
	}
	if (++runs % RUNS == 0)
		store_end();
	return 0;
}
