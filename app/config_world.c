/* config_world.c - is the world as the configuration wants it: what would fail or be missed at the start, said before it */
#include "config_keys.h"
#include "enrich/enrich.h"

#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	const struct sensor_config *c;
	config_found *found;
	void *arg;
	unsigned n;
	const struct passwd *pw; /* of whom the processes become; NULL: they stay as they are */
};

static void warn(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct world *w, const char *format, ...)
{
	char text[GS_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	w->n++;
	if (w->found)
		w->found(w->arg, false, text);
}

/* Whether whom the sensor runs as may read (4), write (2) or enter (1); supplementary groups are not looked at. */
/* One of the further groups: logs are often theirs to read (adm). */
static bool in_group(const struct world *w, gid_t group)
{
	gid_t groups[64];
	int n = 64;

	if (!w->pw)
		n = getgroups(n, groups);
	else if (getgrouplist(w->pw->pw_name, w->pw->pw_gid, groups, &n) < 0)
		n = 0;
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool may(const struct world *w, const struct stat *st, unsigned what)
{
	const uid_t uid = w->pw ? w->pw->pw_uid : geteuid();
	const gid_t gid = w->pw ? w->pw->pw_gid : getegid();

	if (uid == 0)
		return true;
	const unsigned shift = st->st_uid == uid ? 6 : st->st_gid == gid || in_group(w, st->st_gid) ? 3 : 0;
	return (st->st_mode >> shift & what) == what;
}

static const char *who(const struct world *w)
{
	return w->pw ? w->pw->pw_name : "this user";
}

/* A folder in which the sensor makes files. */
static void check_folder(struct world *w, const char *path, const char *what)
{
	struct stat st;

	if (stat(path, &st) < 0)
		warn(w, "%.200s, the folder of %s: %s", path, what, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		warn(w, "%.200s, the folder of %s, is none", path, what);
	else if (!may(w, &st, 3))
		warn(w, "%.200s, the folder of %s, is not writable by %s", path, what, who(w));
	else if (strcmp(what, "evidence") == 0 && st.st_mode & S_IRWXO)
		warn(w, "%.200s, the folder of %s, is open to everybody (mode %o); it will hold other people's packets", path, what, st.st_mode & 07777);
}

static void check_user(struct world *w)
{
	if (geteuid() != 0)
		return; /* who is not root becomes nobody else */
	errno = 0;
	w->pw = getpwnam(w->c->user);
	if (!w->pw)
		warn(w, "there is no account %s to run as: systemd-sysusers, or adduser --system %s", w->c->user, w->c->user);
	else if (w->pw->pw_uid == 0)
		warn(w, "%s is root: the processes that read packets would keep all rights", w->c->user);
}

static void check_interfaces(struct world *w)
{
	const struct config_list *l = &w->c->interfaces;

	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->item[i], "any") != 0 && if_nametoindex(l->item[i]) == 0)
			warn(w, "there is no interface %s now", l->item[i]);
	if (l->n == 0 && w->c->follow.n == 0 && w->c->syslog_listen.n == 0)
		warn(w, "no interface and no log is named: there is nothing to watch");
}

static void check_store(struct world *w)
{
	char folder[4096];
	struct stat st;
	const char *slash = strrchr(w->c->store, '/');

	if (!slash)
		return;
	snprintf(folder, sizeof folder, "%.*s", slash == w->c->store ? 1 : (int)(slash - w->c->store), w->c->store);
	check_folder(w, folder, "the store");
	if (stat(w->c->store, &st) == 0 && (!S_ISREG(st.st_mode) || !may(w, &st, 6)))
		warn(w, "%.200s, the store, is %s", w->c->store, S_ISREG(st.st_mode) ? "not writable by whom the sensor runs as" : "no file");
}

static void check_databases(struct world *w)
{
	const struct sensor_config *c = w->c;
	struct gs_enrich_options o = { .asn_db = c->asn_db.item, .n_asn_db = c->asn_db.n, .city_db = c->city_db.item, .n_city_db = c->city_db.n };
	struct gs_enrich *e;
	struct gs_error err = { 0 };

	if (o.n_asn_db == 0 && o.n_city_db == 0)
		return;
	if (gs_enrich_open(&o, &e, &err) < 0)
		warn(w, "%s", err.text);
	else
		gs_enrich_close(e);
}

static void check_command(struct world *w)
{
	char path[4096];
	struct stat st;

	if (!*w->c->command)
		return;
	snprintf(path, sizeof path, "%.*s", (int)strcspn(w->c->command, " \t"), w->c->command);
	if (stat(path, &st) < 0)
		warn(w, "%.200s, the command for alerts: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !may(w, &st, 1))
		warn(w, "%.200s, the command for alerts, is no program that %s may start", path, who(w));
}

static void check_logs(struct world *w)
{
	struct stat st;

	for (unsigned i = 0; i < w->c->follow.n; i++) {
		const char *path = w->c->follow.item[i];
		if (stat(path, &st) < 0)
			warn(w, "%.200s, a log to follow: %s", path, strerror(errno));
		else if (!S_ISREG(st.st_mode) || !may(w, &st, 4))
			warn(w, "%.200s, a log to follow, is no file that %s may read", path, who(w));
	}
}

static void check_listen(struct world *w)
{
	struct gs_addr a;
	unsigned port;

	if (!*w->c->metrics_listen || !config_parse_listen(w->c->metrics_listen, &a, &port))
		return;
	const bool loopback = a.family == 4 ? a.b[0] == 127 : memcmp(a.b, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0;
	if (!loopback)
		warn(w, "metrics on %s: whoever reaches that address reads them", w->c->metrics_listen);
}

unsigned config_check_world(const struct sensor_config *c, config_found *found, void *arg)
{
	struct world w = { .c = c, .found = found, .arg = arg };

	check_user(&w);
	check_interfaces(&w);
	check_store(&w);
	if (*c->pcap_dir)
		check_folder(&w, c->pcap_dir, "evidence");
	check_databases(&w);
	check_command(&w);
	check_listen(&w);
	check_logs(&w);
	return w.n;
}
