/* cmd_store.c - the verb `store`: how it is, whether it is sound, making it smaller */
#include "app.h"
#include "render/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *iso(struct gs_time t, char out[GS_TIME_TEXT_MAX])
{
	gs_time_format(t, 0, out);
	return out;
}

/* ---- info ---- */

static void info_text(const struct gs_store_info *i)
{
	char a[GS_TIME_TEXT_MAX], b[GS_TIME_TEXT_MAX];

	printf("store      %s\nid         %016" PRIx64 ", layout %u\n", i->path, i->store_id, i->version);
	printf("size       %" PRIu64 " octets: rows %" PRIu64 ", hourly sums %" PRIu64 ", free inside %" PRIu64 "; journal %" PRIu64 "\n", i->file_bytes,
	       i->raw_bytes, i->rollup_bytes, i->free_bytes, i->journal_bytes);
	if (i->quota_bytes)
		printf("quota      %" PRIu64 " octets, of the last ingest\n", i->quota_bytes);
	else
		printf("quota      none\n");
	printf("disk       %" PRIu64 " octets left, and %" PRIu64 " kept back for pruning\n", i->disk_free_bytes, i->ballast_bytes);
	printf("sightings  %" PRIu64 ", packets %" PRIu64 ", bytes %" PRIu64 "\n", i->sightings, i->packets, i->bytes);
	printf("rows       %" PRIu64 " sightings one by one, %" PRIu64 " only in hourly sums\n", i->raw_sightings, i->pruned_sightings);
	if (i->sightings)
		printf("time       %s to %s\n", iso(i->first, a), iso(i->last, b));
	if (i->raw_sightings)
		printf("rows from  %s\n", iso(i->raw_first, a));
	printf("inputs     %" PRIu64 ", not finished %" PRIu64 "; sensors %" PRIu64 "\n", i->n_inputs, i->n_inputs_open, i->n_sensors);
}

static void json_time(struct gs_buf *b, const char *name, bool set, struct gs_time t)
{
	char text[GS_TIME_TEXT_MAX];
	gs_time_format(t, 6, text);
	gs_buf_printf(b, set ? ",\"%s\":\"%s\"" : ",\"%s\":null", name, text);
}

static int info_json(const struct gs_store_info *i, struct gs_error *err)
{
	struct gs_buf b = { 0 };

	gs_buf_puts(&b, "{\"store\":");
	json_string(&b, i->path);
	gs_buf_printf(&b, ",\"id\":\"%016" PRIx64 "\"", i->store_id);
	json_number(&b, "layout", i->version);
	json_number(&b, "file_bytes", i->file_bytes);
	json_number(&b, "row_bytes", i->raw_bytes);
	json_number(&b, "rollup_bytes", i->rollup_bytes);
	json_number(&b, "free_bytes", i->free_bytes);
	json_number(&b, "journal_bytes", i->journal_bytes);
	json_number(&b, "ballast_bytes", i->ballast_bytes);
	json_number(&b, "quota_bytes", i->quota_bytes);
	json_number(&b, "disk_free_bytes", i->disk_free_bytes);
	json_number(&b, "sightings", i->sightings);
	json_number(&b, "packets", i->packets);
	json_number(&b, "bytes", i->bytes);
	json_number(&b, "row_sightings", i->raw_sightings);
	json_number(&b, "pruned_sightings", i->pruned_sightings);
	json_number(&b, "unrolled_sightings", i->unrolled_sightings);
	json_time(&b, "first", i->sightings > 0, i->first);
	json_time(&b, "last", i->sightings > 0, i->last);
	json_time(&b, "rows_first", i->raw_sightings > 0, i->raw_first);
	json_number(&b, "inputs", i->n_inputs);
	json_number(&b, "inputs_open", i->n_inputs_open);
	json_number(&b, "sensors", i->n_sensors);
	json_number(&b, "next_sequence", i->next_seq);
	gs_buf_puts(&b, "}\n");
	bool failed = b.failed || fwrite(b.data, 1, b.len, stdout) != b.len;
	gs_buf_done(&b);
	return failed ? gs_fail_errno(err, GS_ERR_IO, errno, "stdout") : 0;
}

static int store_info(struct gs_store *st, const struct options *o, struct gs_error *err)
{
	struct gs_store_info i;
	int r = gs_store_info(st, &i, err);

	if (r < 0)
		return r;
	if (o->format == GS_FORMAT_JSON)
		return info_json(&i, err);
	info_text(&i);
	return 0;
}

/* ---- check ---- */

struct checking {
	struct progress progress;
};

static void check_found(void *arg, const char *sentence)
{
	struct checking *c = arg;

	progress_clear(&c->progress);
	printf("%s\n", sentence);
}

static bool check_progress(void *arg, uint64_t rows_done, uint64_t rows)
{
	return progress_count(&((struct checking *)arg)->progress, rows_done, rows, "rows");
}

static int store_check(struct gs_store *st, const struct options *o, struct gs_error *err)
{
	struct checking c = { 0 };
	uint64_t n = 0;

	progress_start(&c.progress, o->quiet);
	gs_store_check_progress(st, check_progress, &c);
	int r = gs_store_check(st, o->quick, check_found, &c, &n, err);
	progress_clear(&c.progress);
	if (r < 0)
		return r;
	if (n)
		return gs_fail(err, GS_ERR_STORE, "the store is not sound: %" PRIu64 " %s found; ingesting the same files into a new store makes it anew", n,
		               n == 1 ? "trouble" : "troubles");
	if (!o->quiet)
		printf(o->quick ? "sound, as far as can be told without reading every row\n" : "sound\n");
	return 0;
}

/* ---- making it smaller ---- */

static int store_prune(struct gs_store *st, const struct options *o, struct gs_error *err)
{
	struct gs_prune_options po = { .raw_before = o->older_than, .rollups_before = GS_TIME_MIN, .max_bytes = o->max_bytes };
	struct gs_prune_result p = { 0 };
	int r = gs_store_prune(st, &po, &p, err);

	if (r < 0)
		return r;
	if (!o->quiet)
		printf("rows gone: sightings %" PRIu64 ", packets %" PRIu64 "; their hourly sums stay; size %" PRIu64 " -> %" PRIu64 " octets\n", p.sightings, p.packets,
		       p.file_before, p.file_after);
	return p.short_of_goal ? gs_fail(err, GS_ERR_STORE, "the store is still larger than --max-size: all that is left are hourly sums") : 0;
}

static int store_compact(struct gs_store *st, const struct options *o, struct gs_error *err)
{
	uint64_t before = 0, after = 0;
	int r = gs_store_compact(st, &before, &after, err);

	if (r == 0 && !o->quiet)
		printf("size %" PRIu64 " -> %" PRIu64 " octets\n", before, after);
	return r;
}

static const struct {
	const char *name;
	enum gs_store_mode mode;
	int (*run)(struct gs_store *st, const struct options *o, struct gs_error *err);
} actions[] = {
	{ "info", GS_STORE_READ, store_info },
	{ "check", GS_STORE_READ, store_check },
	{ "prune", GS_STORE_CLEAR, store_prune },
	{ "compact", GS_STORE_WRITE, store_compact },
};

int cmd_store(const struct options *o)
{
	struct gs_store *st = NULL;
	struct gs_error err = { 0 };
	size_t i = 0;

	if (o->n_files && (strcmp(o->files[0], "export-archive") == 0 || strcmp(o->files[0], "import-archive") == 0))
		return cmd_archive(o);
	if (o->sensor) {
		say("--sensor goes with store import-archive");
		return EXIT_USAGE;
	}
	while (i < sizeof actions / sizeof *actions && (o->n_files != 1 || strcmp(o->files[0], actions[i].name) != 0))
		i++;
	if (i == sizeof actions / sizeof *actions) {
		say("store wants one of info, check, prune, compact, export-archive FILE, import-archive FILE... (grescope store --help)");
		return EXIT_USAGE;
	}
	bool limits = o->max_bytes || o->older_than.ns != INT64_MIN;
	if (limits != (actions[i].run == store_prune)) {
		say(limits ? "--older-than and --max-size go with store prune" : "store prune wants --older-than or --max-size");
		return EXIT_USAGE;
	}
	if (o->quick && actions[i].run != store_check) {
		say("--quick goes with store check");
		return EXIT_USAGE;
	}
	if (o->format_given && (actions[i].run != store_info || (o->format != GS_FORMAT_TEXT && o->format != GS_FORMAT_JSON))) {
		say("--format text or json goes with store info");
		return EXIT_USAGE;
	}
	int r = store_open(o, actions[i].mode, &st, &err);
	if (r == 0)
		r = actions[i].run(st, o, &err);
	if (r < 0)
		say("%s", err.text);
	gs_store_close(st);
	return store_exit_code(r);
}
