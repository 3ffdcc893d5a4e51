/*
 * fuzz_log.c - any octets as a log: every line asked of every format, and the whole as an input; and as a file of the time zone database
 *
 * The first octet chooses zone, year and a format of one's own. Held: a row has who, when and how much; what a format reads the search finds; and however the input is cut into blocks,
 * the same comes out.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/zone.h"
#include "source/log_own.h"
#include "source/log_reader.h"
#include "source/source_int.h"

#define MAX_ROWS 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void row_check(const struct gs_sighting *s)
{
	if (s->packets == 0 || s->protocol != 47 || s->last.ns < s->first.ns || (s->src.family != 4 && s->src.family != 6) || s->version != GS_SIGHTING_VERSION)
		abort();
	if (s->has & GS_HAS_IP_LEN && s->ip_len == 0)
		abort();
}

/* JSON may write any character as an escape, which the search cannot see through. */
static bool escapes(log_cell line)
{
	return memchr(line.text, '\\', line.len) != NULL;
}

static void line_check(struct log_reader *lr, log_cell line)
{
	struct log_result r;
	unsigned n = 0;

	log_reader_line(lr, line, true);
	const uint64_t found = log_finder_formats(&lr->finder, line);
	while (log_reader_next(lr, &r)) {
		char sentence[LOG_SENTENCE_MAX];
		if (++n > MAX_ROWS)
			abort(); /* a record that does not get shorter */
		if (r.word == LOG_GRE)
			row_check(&r.sighting);
		if (r.word == LOG_BAD)
			log_sentence(&r, sentence);
		if (r.word != LOG_GRE && r.word != LOG_BAD && r.word != LOG_HEADING)
			continue;
		for (unsigned i = 0; i < log_formats_n; i++)
			if (log_formats[i] == r.format && r.format != &log_unknown && !(found >> i & 1) && !escapes(line))
				abort();
	}
	if (n == 0)
		abort();
}

static void lines_check(const struct gs_log_own *own, const uint8_t *data, size_t len)
{
	struct log_reader *lr;

	if (log_reader_new(own, &lr, NULL) < 0)
		return;
	lr->clock.reference.ns = INT64_C(1796083200) * GS_NS_PER_S;
	for (const uint8_t *p = data, *end = data + len; p < end;) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
		const size_t n = (size_t)(stop - p);
		char *copy = malloc(n ? n : 1); /* exactly as long, for the sanitizers */
		if (!copy)
			abort();
		memcpy(copy, p, n);
		if (!memchr(copy, '\0', n))
			line_check(lr, (log_cell){ copy, n });
		free(copy);
		p = nl ? nl + 1 : end;
	}
	log_reader_free(lr);
}

struct whole {
	int result;
	struct gs_tally tally;
	uint64_t sum;
};

static struct whole read_whole(const struct gs_log_options *o, const uint8_t *data, size_t len, size_t block)
{
	struct whole w = { 0 };
	struct gs_sighting rows[8];
	struct gs_source *s = NULL;
	struct gs_error err = { 0 };
	size_t n = 1;

	w.result = source_open_memory_block("fuzz", data, len, block, o, &s, &err);
	if (w.result < 0)
		return w;
	struct gs_source_info info;
	gs_source_info(s, &info);
	while (info.door == GS_DOOR_SIGHTINGS && w.result == 0 && n > 0) {
		w.result = gs_source_sightings(s, rows, 8, &n, &w.tally, &err);
		for (size_t i = 0; i < n; i++) {
			if (rows[i].packets == 0 || rows[i].last.ns < rows[i].first.ns)
				abort();
			w.sum = w.sum * 31 + (uint64_t)rows[i].first.ns + rows[i].packets;
		}
		if (w.tally.records > MAX_ROWS)
			break;
	}
	gs_source_close(s);
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct gs_log_own_format list[] = {
		{ "mine", "drop (?<proto>\\S+) (?<src>\\S+) (?<dst>\\S+) (?<time>\\d+)", "" },
		{ "other", "^(?<time>.{17}) .*from (?<src>[0-9a-f:.]+)( len (?<len>\\d+))?", "%d.%m.%y %T" },
	};
	struct gs_log_options o = { .now = { INT64_C(1796083200) * GS_NS_PER_S } };
	struct gs_log_own *own = NULL;
	struct gs_zone *zone = NULL;

	if (len < 1)
		return 0;
	if (data[0] & 1 && gs_log_own_new(list, 2, &own, NULL) < 0)
		abort();
	if (data[0] & 2 && gs_zone_fixed(-12600, &zone, NULL) < 0)
		abort();
	o.own = own;
	o.zone = zone;
	o.year = data[0] & 4 ? 2016 : 0;
	lines_check(own, data + 1, len - 1);
	const struct whole a = read_whole(&o, data + 1, len - 1, 64), b = read_whole(&o, data + 1, len - 1, SOURCE_BLOCK);
	if (a.result != b.result || a.sum != b.sum || a.tally.records != b.tally.records || a.tally.records_bad != b.tally.records_bad)
		abort();
	gs_zone_free(zone);
	zone = NULL;
	if (gs_zone_parse("fuzz", data, len, &zone, NULL) == 0)
		gs_zone_offset(zone, INT64_C(1796083200));
	gs_zone_free(zone);
	gs_log_own_free(own);
	return 0;
}
