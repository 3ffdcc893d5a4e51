/* cmd_watch.c - the verb `watch`: options and configuration, then the processes of the sensor (sensor/sensor.h) */
#include "app.h"
#include "config.h"
#include "sensor/sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_found(void *arg, bool bad, const char *sentence)
{
	++*(unsigned *)arg;
	say(bad ? "%s" : "warning: %s", sentence);
}

/* What the other verbs' functions take from options: the store and the databases. */
static struct options options_for(const struct options *o, const struct sensor_config *c)
{
	struct options ret = *o;

	ret.store = *c->store ? c->store : NULL;
	ret.quota_bytes = c->store_quota_bytes;
	ret.n_asn_db = ret.n_city_db = 0;
	for (unsigned i = 0; i < c->asn_db.n; i++)
		ret.asn_db[ret.n_asn_db++] = c->asn_db.item[i];
	for (unsigned i = 0; i < c->city_db.n; i++)
		ret.city_db[ret.n_city_db++] = c->city_db.item[i];
	return ret;
}

/*
 * Whom the processes become, where root starts them. The engines: the configured user, and where nobody configured one and the usual one is not there, nobody. The writer: the
 * configured user, if the folder of the store is that user's; else it stays root, without root's rights (sandbox.c).
 */
static int users_find(struct sensor *s, const struct options *o)
{
	const char *name = s->config->user;
	char folder[4096];
	struct stat st;

	if (geteuid() != 0)
		return 0;
	const struct passwd *p = *name ? getpwnam(name) : NULL;
	if (*name && !p && strcmp(name, "grescope") != 0) {
		say("there is no user %s to become: create one (useradd --system %s), or name another (--user)", name, name);
		return EXIT_CONFIG;
	}
	s->user = (struct sandbox_user){ .set = true, .uid = p ? p->pw_uid : 65534, .gid = p ? p->pw_gid : 65534 };
	s->logs_user = s->user;
	int n = SANDBOX_GROUPS;
	if (p && getgrouplist(p->pw_name, p->pw_gid, s->logs_user.groups, &n) >= 0)
		s->logs_user.n_groups = (unsigned)n;
	if (!p || store_folder(o, folder, sizeof folder) < 0 || stat(folder, &st) < 0 || st.st_uid != p->pw_uid)
		return 0;
	s->writer_user = s->user;
	return 0;
}

/* Started without standard descriptors, the first socket would be one of them, and a child that puts its own in order would lose it. */
static void descriptors_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) /* gets the lowest that is free: this one */
			return;
}

int cmd_watch(const struct options *o)
{
	struct sensor s = { .pin_origin = o->pin_origin };
	struct sensor_config *c;
	struct gs_error err = { 0 };
	unsigned told = 0;

	descriptors_fill();
	int r = config_of_options(o, on_found, &told, &c, &err);

	if (r < 0) {
		if (!told)
			say("%s", err.text);
		return r == GS_ERR_USAGE ? EXIT_USAGE : r == GS_ERR_ACCESS ? EXIT_RIGHTS : EXIT_CONFIG;
	}
	if (o->n_files) {
		say("watch takes no files: `grescope report %s` reads them", o->files[0]);
		config_free(c);
		return EXIT_USAGE;
	}
	const bool logs = c->follow.n || c->syslog_listen.n;
	if (c->interfaces.n == 0 && !logs) {
		say("watch wants an interface: grescope watch -i eth0 (`any` is all of them); or logs: --follow FILE, --syslog ADDRESS:PORT");
		config_free(c);
		return EXIT_USAGE;
	}
	if (c->fast_path != FAST_PATH_OFF && c->workers > 1) {
		say("warning: on the fast path the kernel counts on all cores: one engine for each interface, not %u", (unsigned)c->workers);
		c->workers = 1;
	}
	if (c->workers == 0)
		c->workers = 1;
	const struct options for_store = options_for(o, c);
	s.config = c;
	s.options = &for_store;
	s.n_engines = c->interfaces.n * (unsigned)c->workers + logs;
	s.logs = logs;
	s.fanout_id = (uint16_t)(getpid() * 64);
	if (getrandom(&s.hash_seed, sizeof s.hash_seed, 0) != sizeof s.hash_seed)
		s.hash_seed = 0x47524520676f6573u;
	int code = users_find(&s, &for_store);
	if (code == 0)
		code = parent_run(&s);
	config_free(c);
	return code;
}
