/*
 * cmd_logs.c - the verb `logs`: which formats of logs are read, and how each line of a file is
 */
#include "app.h"
#include "classify/classify.h"
#include "source/log_lines.h"

#include <inttypes.h>
#include <stdio.h>

static int formats_print(void)
{
	printf("%-17s %s\n", "Format", "Logs of");
	for (size_t i = 0; i < gs_log_formats_count(); i++) {
		struct gs_log_format_info f;
		gs_log_format_info(i, &f);
		printf("%-17s %s%s\n", f.name, f.what, f.no_public_sample ? " +" : "");
	}
	printf("\n+ made from documentation: no line of GRE in this format was found in public\n");
	return EXIT_DONE;
}

/* What a terminal could obey is not written to it: lines of logs are anybody's. */
static void put_clean(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar((unsigned char)text[i] < ' ' || text[i] == 0x7f || (unsigned char)text[i] >= 0x80 ? '?' : text[i]);
}

static void row_print(const struct gs_sighting *s, int32_t ip_id)
{
	char time[GS_TIME_TEXT_MAX], src[GS_ADDR_TEXT_MAX], dst[GS_ADDR_TEXT_MAX];
	struct gs_sighting row = *s;

	gs_classify_record(&row);
	gs_time_format(row.first, 3, time);
	gs_addr_format(&row.src, src);
	gs_addr_format(&row.dst, dst);
	printf("  %s  %s > %s", time, src, *dst ? dst : "?");
	if (row.packets != 1)
		printf("  packets %" PRIu64, row.packets);
	if (row.has & GS_HAS_IP_LEN)
		printf("  length %u", row.ip_len);
	if (row.has & GS_HAS_TTL)
		printf("  ttl %u", row.ttl);
	if (ip_id >= 0)
		printf("  id %" PRId32, ip_id);
	if (row.has & GS_HAS_DF)
		printf("  %s", row.df ? "DF" : "no DF");
	printf("  %s", gs_class_word(row.class_));
	if (row.confidence)
		printf(" %u", row.confidence);
}

static bool line_print(void *arg, const struct gs_log_reading *r)
{
	const struct options *o = arg;

	if (r->word == GS_LOG_NO && !o->verbose)
		return true;
	printf("%8" PRIu64 "  %-16s %-7s", r->line, r->format ? r->format : "-", gs_log_word(r->word));
	if (r->word == GS_LOG_GRE)
		row_print(r->sighting, r->ip_id);
	else if (r->word == GS_LOG_BAD)
		printf("  %s", r->why);
	else {
		printf("  ");
		put_clean(r->text, r->len < 60 ? r->len : 60);
		if (r->len > 60)
			printf("...");
	}
	putchar('\n');
	return !ferror(stdout);
}

static int file_test(const struct options *o, const char *path)
{
	struct gs_log_counts n = { 0 };
	struct gs_error err = { 0 };
	const int r = gs_log_lines(path, &o->logs, line_print, (void *)o, &n, &err);

	if (r < 0)
		say("%s", err.text);
	if (n.lines) {
		printf("%s%s: %" PRIu64 " lines: %" PRIu64 " with GRE, %" PRIu64 " not understood, %" PRIu64 " of other protocols, %" PRIu64 " headings, %" PRIu64
		       " of no format\n",
		       n.said ? "\n" : "", path, n.lines, n.records, n.bad, n.other, n.headings, n.none);
		if (n.none && !o->verbose)
			printf("-v shows the lines of no format\n");
	}
	return r < 0 ? exit_code_of(r) : EXIT_DONE;
}

int cmd_logs(const struct options *o)
{
	int code = EXIT_DONE;

	if (o->n_files == 1 && strcmp(o->files[0], "formats") == 0)
		return formats_print();
	if (o->n_files < 2 || strcmp(o->files[0], "test") != 0) {
		say("expected `logs test FILE...` or `logs formats` (grescope logs --help)");
		return EXIT_USAGE;
	}
	for (size_t i = 1; i < o->n_files; i++) {
		const int r = file_test(o, o->files[i]);
		code = code ? code : r;
	}
	return code;
}
