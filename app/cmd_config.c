/* cmd_config.c - the verb `config`: is the sensor's configuration sound, and what is in it */
#include "app.h"
#include "config.h"

#include <errno.h>
#include <stdio.h>

static void on_found(void *arg, bool bad, const char *sentence)
{
	++*(unsigned *)arg;
	say(bad ? "%s" : "warning: %s", sentence);
}

static int not_read(int r, unsigned told, const struct gs_error *err)
{
	if (!told)
		say("%s", err->text);
	return r == GS_ERR_ACCESS ? EXIT_RIGHTS : EXIT_CONFIG;
}

static int config_check(const struct options *o)
{
	const char *path = o->n_files > 1 ? o->files[1] : o->config ? o->config : CONFIG_DEFAULT_PATH;
	struct sensor_config *c;
	struct gs_error err = { 0 };
	unsigned told = 0;
	int r = config_read(path, on_found, &told, &c, &err);

	if (r < 0)
		return not_read(r, told, &err);
	told = 0;
	config_check_world(c, on_found, &told);
	if (!o->quiet)
		printf("%s is sound; %u %s\n", path, told, told == 1 ? "warning" : "warnings");
	config_free(c);
	return EXIT_DONE;
}

static int config_print(const struct options *o)
{
	const bool blank = o->defaults || o->example;
	struct sensor_config *c;
	struct gs_buf out = { 0 };
	struct gs_error err = { 0 };
	unsigned told = 0;
	int r = config_read(blank ? NULL : o->config ? o->config : CONFIG_DEFAULT_PATH, on_found, &told, &c, &err);

	if (r < 0)
		return not_read(r, told, &err);
	config_show(c, o->example ? CONFIG_SHOW_EXAMPLE : CONFIG_SHOW_VALUES, &out);
	config_free(c);
	const bool failed = out.failed;
	if (!failed)
		fwrite(out.data, 1, out.len, stdout); /* main says if that failed */
	gs_buf_done(&out);
	if (failed)
		say("out of memory");
	return failed ? EXIT_DAMAGED : EXIT_DONE;
}

int cmd_config(const struct options *o)
{
	const char *what = o->n_files ? o->files[0] : "";
	const bool check = strcmp(what, "check") == 0, show = strcmp(what, "show") == 0;

	if ((!check && !show) || o->n_files > (check ? 2 : 1)) {
		say("config wants check [FILE] or show (grescope config --help)");
		return EXIT_USAGE;
	}
	if ((o->defaults || o->example) && (!show || o->defaults == o->example || o->config)) {
		say("--defaults or --example goes with config show, and without --config");
		return EXIT_USAGE;
	}
	if (check && o->config && o->n_files > 1) {
		say("config check: name the file once, as FILE or with --config");
		return EXIT_USAGE;
	}
	return check ? config_check(o) : config_print(o);
}
