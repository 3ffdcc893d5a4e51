/* cmd_store.c - the verb `store`: how it is, making it smaller */
#include "app.h"

#include <inttypes.h>
#include <stdio.h>

static const char *iso(struct gs_time t, char out[GS_TIME_TEXT_MAX])
{
	gs_time_format(t, 0, out);
	return out;
}

static int store_info(struct gs_store *st, const struct options *o, struct gs_error *err)
{
	struct gs_store_info i;
	char a[GS_TIME_TEXT_MAX], b[GS_TIME_TEXT_MAX];
	int r = gs_store_info(st, &i, err);

	(void)o;
	if (r < 0)
		return r;
	printf("store      %s\nid         %016" PRIx64 ", layout %u\n", i.path, i.store_id, i.version);
	printf("size       %" PRIu64 " octets, journal %" PRIu64 ", free inside %" PRIu64 "\n", i.file_bytes, i.journal_bytes, i.free_bytes);
	printf("sightings  %" PRIu64 ", packets %" PRIu64 ", bytes %" PRIu64 "\n", i.sightings, i.packets, i.bytes);
	printf("rows       %" PRIu64 " sightings one by one, %" PRIu64 " only in hourly sums\n", i.raw_sightings, i.pruned_sightings);
	if (i.sightings)
		printf("time       %s to %s\n", iso(i.first, a), iso(i.last, b));
	if (i.raw_sightings)
		printf("rows from  %s\n", iso(i.raw_first, a));
	printf("inputs     %" PRIu64 ", not finished %" PRIu64 "; sensors %" PRIu64 "\n", i.n_inputs, i.n_inputs_open, i.n_sensors);
	return 0;
}

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
		say("store wants one of info, prune, compact, export-archive FILE, import-archive FILE... (grescope store --help)");
		return EXIT_USAGE;
	}
	bool limits = o->max_bytes || o->older_than.ns != INT64_MIN;
	if (limits != (actions[i].run == store_prune)) {
		say(limits ? "--older-than and --max-size go with store prune" : "store prune wants --older-than or --max-size");
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
