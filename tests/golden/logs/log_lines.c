/*
 * log_lines.c - what each line of a log says, one line for each: for golden tests
 *
 *   log_lines FILE          number, word, format; of GRE the row, of a bad line the sentence. Exit 1 where the search for needles would have missed the line
 *   log_lines --formats     name of each format, and + where a line of GRE in it was found in public, else -
 *   log_lines --cut FILE    every line cut at every octet, in memory of exactly that length: nothing is printed; for the sanitizers
 *
 * Times without a year are those before 2026-12-01.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "source/log_reader.h"

static const char *const words[] = { [LOG_NO] = "no", [LOG_OTHER] = "other", [LOG_GRE] = "GRE", [LOG_BAD] = "bad", [LOG_HEADING] = "heading" };

static void print_row(const struct log_result *r)
{
	const struct gs_sighting *s = &r->sighting;
	char src[GS_ADDR_TEXT_MAX], dst[GS_ADDR_TEXT_MAX], first[GS_TIME_TEXT_MAX], last[GS_TIME_TEXT_MAX];

	gs_addr_format(&s->src, src);
	gs_addr_format(&s->dst, dst);
	gs_time_format(s->first, 6, first);
	gs_time_format(s->last, 6, last);
	printf(" %s > %s %s", src, dst, first);
	if (s->last.ns != s->first.ns)
		printf(" to %s", last);
	printf(" %s packets %" PRIu64, gs_fidelity_word(s->fidelity), s->packets);
	if (s->bytes)
		printf(" bytes %" PRIu64, s->bytes);
	if (s->has & GS_HAS_IP_LEN)
		printf(" ip_len %u", s->ip_len);
	if (s->has & GS_HAS_TTL)
		printf(" ttl %u to %u", s->ttl_min, s->ttl_max);
	if (r->ip_id >= 0)
		printf(" id %" PRId32 "%s", r->ip_id, s->has & GS_HAS_ZERO_ID ? " (zero)" : "");
	if (s->has & GS_HAS_DF)
		printf(" df %u", s->df);
	if (s->has & GS_HAS_INNER) {
		gs_addr_format(&s->inner_src, src);
		gs_addr_format(&s->inner_dst, dst);
		printf(" inner %s > %s protocol %u", src, dst, s->inner_proto);
	}
}

/* Prints every record of a line; result: the words, as bits. */
static unsigned line_read(struct log_reader *lr, log_cell line, bool all, unsigned long number)
{
	char sentence[LOG_SENTENCE_MAX];
	struct log_result r;
	unsigned seen = 0;

	log_reader_line(lr, line, all);
	while (log_reader_next(lr, &r)) {
		if (all && r.format == &log_unknown) /* takes any line: whose needles are there is the search's matter */
			r = (struct log_result){ .word = LOG_NO };
		seen |= 1u << r.word;
		if (!number)
			continue;
		printf("%lu %s", number, words[r.word]);
		if (r.format && r.word != LOG_BAD)
			printf(" %s", r.format->name);
		if (r.word == LOG_GRE)
			print_row(&r);
		if (r.word == LOG_BAD) {
			log_sentence(&r, sentence);
			printf(" %s", sentence);
		}
		putchar('\n');
	}
	return seen;
}

static void line_cut(struct log_reader *lr, log_cell line)
{
	for (size_t n = 0; n <= line.len; n++) {
		char *copy = malloc(n ? n : 1);
		if (!copy)
			abort();
		memcpy(copy, line.text, n);
		line_read(lr, (log_cell){ copy, n }, true, 0);
		free(copy);
	}
}

static int formats_print(void)
{
	for (size_t i = 0; i < log_formats_n; i++)
		printf("%s %c\n", log_formats[i]->name, log_formats[i]->no_public_sample ? '-' : '+');
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--formats") == 0)
		return formats_print();
	struct log_reader *asked, *found;
	const bool cut = argc == 3;
	FILE *f = argc < 2 ? NULL : fopen(argv[argc - 1], "rb");
	char *line = NULL;
	size_t size = 0;
	unsigned long number = 0;
	int bad = 0;

	if (!f || log_reader_new(NULL, &asked, NULL) < 0 || log_reader_new(NULL, &found, NULL) < 0)
		return 2;
	asked->clock.reference = found->clock.reference = (struct gs_time){ INT64_C(1796083200) * GS_NS_PER_S };
	for (ssize_t n; (n = getline(&line, &size, f)) >= 0;) {
		const unsigned matters = 1u << LOG_GRE | 1u << LOG_BAD | 1u << LOG_HEADING;
		const log_cell c = { line, (size_t)n };
		if (cut) {
			line_cut(asked, c);
			continue;
		}
		number++;
		const unsigned is = line_read(asked, c, true, 0), seen = line_read(found, c, false, 0);
		const bool unsought = !(is & matters) && seen == 1u << LOG_NO;
		line_read(unsought ? asked : found, c, unsought, number);
		if (is & matters && is != seen) {
			printf("%lu: the search finds none of the needles\n", number);
			bad = 1;
		}
	}
	free(line);
	fclose(f);
	log_reader_free(asked);
	log_reader_free(found);
	return bad;
}
