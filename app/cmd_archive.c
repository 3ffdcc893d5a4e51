/*
 * cmd_archive.c - `store export-archive` and `store import-archive`: merging sensors, moving house
 *
 * An archive appears under its name when it is whole, and never in the place of another file.
 */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static char part_path[4096 + 16]; /* for the signal handler */

static void on_signal(int sig)
{
	unlink(part_path);
	_exit(sig == SIGINT ? EXIT_INTERRUPT : 128 + sig);
}

static void catch_signals(void (*handler)(int))
{
	static const int list[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		signal(list[i], handler);
}

static int file_is_there(const char *path, struct gs_error *err)
{
	return gs_fail(err, GS_ERR_USAGE, "%s is there already: an archive overwrites nothing, give another name or remove it", path);
}

static int part_open(const char *path, int *ret, struct gs_error *err)
{
	if (access(path, F_OK) == 0)
		return file_is_there(path, err);
	if ((size_t)snprintf(part_path, sizeof part_path, "%s.part%d", path, (int)getpid()) >= sizeof part_path)
		return gs_fail(err, GS_ERR_USAGE, "the archive's path is too long");
	*ret = open(part_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return *ret < 0 ? gs_fail_errno(err, GS_ERR_IO, errno, "cannot write %s", part_path) : 0;
}

/* The name is given to what is on the disk. link() refuses one that is taken; where a file system has no links, rename() has to do. */
static int part_name(int fd, const char *path, struct gs_error *err)
{
	if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot write %s", path);
	if (link(part_path, path) == 0)
		return 0;
	if (errno == EEXIST)
		return file_is_there(path, err);
	if (rename(part_path, path) < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot write %s", path);
	return 0;
}

/* What not every archive has. */
static void print_more(FILE *to, const struct gs_archive_result *a)
{
	if (a->pins)
		fprintf(to, ", pinned origins %" PRIu64, a->pins);
	if (a->bots)
		fprintf(to, ", bots %" PRIu64, a->bots);
	fputc('\n', to);
}

static void print_export(FILE *to, const char *name, const struct gs_archive_result *a)
{
	fprintf(to, "%s: sightings %" PRIu64 ", hourly sums of pruned ones %" PRIu64 ", inputs %" PRIu64, name, a->sightings, a->cells, a->inputs);
	print_more(to, a);
}

static int export_file(struct gs_store *st, const struct options *o, const char *path, struct gs_error *err)
{
	struct gs_archive_result a;
	int fd = -1, r;

	catch_signals(on_signal); /* before there is anything to leave behind */
	r = part_open(path, &fd, err);
	if (r < 0)
		return r;
	r = gs_archive_write(st, fd, path, &a, err);
	if (r == 0)
		r = part_name(fd, path, err);
	close(fd);
	unlink(part_path);
	catch_signals(SIG_DFL);
	if (r == 0 && !o->quiet)
		print_export(stdout, path, &a);
	return r;
}

static int archive_export(const struct options *o)
{
	struct gs_store *st = NULL;
	struct gs_error err = { 0 };
	struct gs_archive_result a;
	const char *path = o->files[1];
	bool to_stdout = strcmp(path, "-") == 0;

	if (to_stdout && isatty(STDOUT_FILENO)) {
		say("an archive is nothing for a terminal: give a file, or a pipe behind -");
		return EXIT_USAGE;
	}
	int r = store_open(o, GS_STORE_READ, &st, &err);
	if (r == 0 && to_stdout)
		r = gs_archive_write(st, STDOUT_FILENO, "stdout", &a, &err);
	else if (r == 0)
		r = export_file(st, o, path, &err);
	if (r == 0 && to_stdout && !o->quiet)
		print_export(stderr, "stdout", &a);
	if (r < 0)
		say("%s", err.text);
	bool ours = st != NULL; /* the store was there: what failed is the archive */
	gs_store_close(st);
	return r == GS_ERR_IO || (r == GS_ERR_NOENT && ours) ? EXIT_DAMAGED : store_exit_code(r);
}

/* One archive. *ret_st: opened for the first that can be read, so that a wrong name makes no store. 0, or an exit code; *ret_fatal: none after it. */
static int import_one(const struct options *o, const char *path, struct gs_store **ret_st, bool *ret_fatal)
{
	struct gs_error err = { 0 };
	struct gs_archive_result a = { 0 };
	bool from_stdin = strcmp(path, "-") == 0;
	const char *name = from_stdin ? "stdin" : path;
	int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		int r = gs_fail_errno(&err, GS_ERR_IO, errno, "%s", path);
		say("%s", err.text);
		return exit_code_of(r);
	}
	int r = *ret_st ? 0 : store_open(o, GS_STORE_CREATE, ret_st, &err);
	if (r == 0) {
		r = gs_archive_read(*ret_st, fd, name, o->sensor, &a, &err);
		if (!o->quiet && (r == 0 || a.sightings || a.known || a.cells || a.inputs || a.pins || a.bots)) {
			printf("%s: sightings %" PRIu64 ", known already %" PRIu64, name, a.sightings, a.known);
			printf(", hourly sums of pruned ones %" PRIu64 "%s, inputs %" PRIu64, a.cells, a.rollups_known ? " (known already)" : "", a.inputs);
			print_more(stdout, &a);
		}
	}
	if (fd != STDIN_FILENO)
		close(fd);
	if (r == 0)
		return EXIT_DONE;
	say("%s", err.text);
	*ret_fatal = !*ret_st || r == GS_ERR_STORE || r == GS_ERR_NOMEM || r == GS_ERR_LIMIT;
	bool archive = *ret_st && (r == GS_ERR_FORMAT || r == GS_ERR_DAMAGED || r == GS_ERR_IO || r == GS_ERR_USAGE);
	return archive ? EXIT_DAMAGED : store_exit_code(r);
}

static int archive_import(const struct options *o)
{
	struct gs_store *st = NULL;
	struct gs_error err = { 0 };
	int code = EXIT_DONE;
	bool fatal = false;

	for (size_t i = 1; i < o->n_files && !fatal; i++) {
		int c = import_one(o, o->files[i], &st, &fatal);
		code = fatal || code == EXIT_DONE ? c : code;
	}
	int r = st && !fatal ? gs_store_settle(st, &err) : 0;
	if (r < 0) {
		say("%s", err.text);
		code = store_exit_code(r);
	}
	gs_store_close(st);
	return code;
}

int cmd_archive(const struct options *o)
{
	bool out = strcmp(o->files[0], "export-archive") == 0;

	if (out ? o->n_files != 2 : o->n_files < 2) {
		say(out ? "store export-archive wants one file to write, - for stdout" : "store import-archive wants archives to read, - for stdin");
		return EXIT_USAGE;
	}
	if (o->max_bytes || o->older_than.ns != INT64_MIN) {
		say("--older-than and --max-size go with store prune");
		return EXIT_USAGE;
	}
	if (out && o->sensor) {
		say("an archive holds the whole store: --sensor goes with store import-archive, for rows that name no sensor");
		return EXIT_USAGE;
	}
	return out ? archive_export(o) : archive_import(o);
}
