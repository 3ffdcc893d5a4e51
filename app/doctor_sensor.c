/*
 * doctor_sensor.c - what `doctor` says of a sensor: is it running, is its configuration sound, does its evidence keep to its cap, are packets put together before it sees them
 *
 * Nothing is asked of the running processes: the store tells of its live inputs, the writer's lock that somebody writes now, and its note when that was last.
 */
#include "doctor.h"

#include "config.h"
#include "sensor/evidence.h"
#include "source/iface.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LATE_S 120 /* a writer notes each commit, and commits at least each minute while something comes */

static void say_found(const struct doctor_sensor *d, enum doctor_level level, const char *area, const char *advice, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
static void say_found(const struct doctor_sensor *d, enum doctor_level level, const char *area, const char *advice, const char *format, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	d->found(d->arg, level, area, advice, text);
}

/* ---- is it running ---- */

struct live {
	unsigned n;
	uint64_t newest;    /* id; what follows is of that one */
	bool open;
	uint64_t packets;
	char path[200], sensor[80];
};

static int on_input(void *arg, const struct gs_input_info *in, struct gs_error *err)
{
	struct live *l = arg;

	(void)err;
	if (!in->live)
		return 0;
	if (l->n++ && in->id < l->newest)
		return 0;
	l->newest = in->id;
	l->open = !in->complete;
	l->packets = in->tally.packets;
	snprintf(l->path, sizeof l->path, "%s", in->path);
	snprintf(l->sensor, sizeof l->sensor, "%s", in->sensor);
	return 0;
}

/* Whether somebody holds the writer's lock; *ret_s: seconds since the last commit was noted, negative unknown. */
static bool being_written(const struct doctor_sensor *d, const char *store, int64_t *ret_s)
{
	char path[4200];
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	*ret_s = -1;
	snprintf(path, sizeof path, "%s-writer", store);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	const bool held = fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
	if (fstat(fd, &st) == 0)
		*ret_s = d->now.ns / GS_NS_PER_S - (int64_t)st.st_mtim.tv_sec;
	close(fd);
	return held;
}

int doctor_sensor_store(const struct doctor_sensor *d, struct gs_store *st, const char *store, struct gs_error *err)
{
	struct live l = { 0 };
	int64_t since;
	int r = gs_store_inputs(st, on_input, &l, err);

	if (r < 0 || l.n == 0)
		return r;
	const bool held = being_written(d, store, &since);
	const char *who = *l.sensor ? l.sensor : "unnamed";
	if (!l.open && !held)
		say_found(d, DOCTOR_OK, "sensor", NULL, "sensor %s (%s) is not running; it ended in good order", who, l.path);
	else if (!held)
		say_found(d, DOCTOR_LOOK, "sensor", "`systemctl status grescope` or its journal say why; what was acknowledged is kept, and the next start goes on",
		          "sensor %s (%s) did not end in good order: it is not running, and its input is open, %" PRIu64 " packets are kept", who, l.path, l.packets);
	else if (since > LATE_S)
		say_found(d, DOCTOR_OK, "sensor", NULL, "sensor %s (%s) is running: %" PRIu64 " packets since it began this input; the last commit was %" PRId64 " minutes ago", who, l.path,
		          l.packets, since / 60);
	else
		say_found(d, DOCTOR_OK, "sensor", NULL, "sensor %s (%s) is running: %" PRIu64 " packets since it began this input", who, l.path, l.packets);
	return 0;
}

/* ---- configuration and what it names ---- */

struct config_says {
	const struct doctor_sensor *d;
	unsigned n;
};

static void on_config(void *arg, bool bad, const char *sentence)
{
	struct config_says *s = arg;

	if (s->n++ < 10)
		say_found(s->d, bad ? DOCTOR_BAD : DOCTOR_LOOK, "config", bad ? "a sensor does not start with it" : NULL, "%s", sentence);
}

/* How much evidence there is, and since when. */
static void check_evidence(const struct doctor_sensor *d, const struct sensor_config *c)
{
	char prefix[96], oldest_text[GS_TIME_TEXT_MAX];
	const struct dirent *f;
	struct gs_time oldest = GS_TIME_MAX, t;
	uint64_t bytes = 0, files = 0;
	struct stat st;
	DIR *dir = opendir(c->pcap_dir);

	if (!dir) {
		if (errno != ENOENT) /* that is told of the configuration */
			say_found(d, DOCTOR_OK, "evidence", NULL, "%s cannot be looked into: %s", c->pcap_dir, strerror(errno));
		return;
	}
	evidence_prefix(c->sensor, prefix);
	while ((f = readdir(dir)))
		if (evidence_name_parse(f->d_name, prefix, &t) && fstatat(dirfd(dir), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
			files++;
			bytes += (uint64_t)st.st_size;
			oldest = t.ns < oldest.ns ? t : oldest;
		}
	closedir(dir);
	if (files == 0) {
		say_found(d, DOCTOR_OK, "evidence", NULL, "%s has no packets yet", c->pcap_dir);
		return;
	}
	gs_time_format(oldest, 0, oldest_text);
	const bool over = bytes > c->pcap_max_bytes + 2 * c->pcap_file_bytes;
	say_found(d, over ? DOCTOR_LOOK : DOCTOR_OK, "evidence", over ? "is the sensor running? It removes the oldest" : NULL,
	          "%s has packets since %.10s: %" PRIu64 " files, %" PRIu64 " MiB of at most %" PRIu64 " MiB", c->pcap_dir, oldest_text, files, bytes >> 20, c->pcap_max_bytes >> 20);
}

static void check_interface(const struct doctor_sensor *d, struct gs_ifaces *v, const char *name)
{
	struct gs_iface_state s;
	char advice[100];

	if (gs_iface_get(v, name, 0, &s, NULL) < 0)
		return; /* that is told of the configuration */
	if (!s.up)
		say_found(d, DOCTOR_LOOK, "iface", "`ip link set up`, and the sensor goes on by itself", "%s is down", name);
	snprintf(advice, sizeof advice, "`ethtool -K %s gro off lro off`", name);
	if (s.gro == GS_IFACE_ON || s.lro == GS_IFACE_ON)
		say_found(d, DOCTOR_OK, "iface", NULL, "%s has receive offload on (%s%s%s): packets may be put together before they are seen; %s", name,
		          s.gro == GS_IFACE_ON ? "gro" : "", s.gro == GS_IFACE_ON && s.lro == GS_IFACE_ON ? ", " : "", s.lro == GS_IFACE_ON ? "lro" : "", advice);
	const uint64_t lost = gs_iface_lost(&s.rx);
	if (lost > s.rx.packets / 1000 + 10)
		say_found(d, DOCTOR_LOOK, "iface", "a larger ring of the card (`ethtool -G`), or less else to do for this machine",
		          "%s could not take %" PRIu64 " of %" PRIu64 " frames since it is up; none of them reached a sensor", name, lost, lost + s.rx.packets);
}

void doctor_sensor_config(const struct doctor_sensor *d, const char *path)
{
	const char *at = path ? path : CONFIG_DEFAULT_PATH;
	struct config_says says = { .d = d };
	struct sensor_config *c = NULL;
	struct gs_ifaces *v = NULL;
	struct gs_error err = { 0 };

	if (!path && access(at, F_OK) < 0)
		return;
	int r = config_read(at, on_config, &says, &c, &err);
	if (r < 0) {
		if (!says.n)
			say_found(d, r == GS_ERR_ACCESS ? DOCTOR_OK : DOCTOR_BAD, "config", NULL, "%s", err.text);
		return;
	}
	if (config_check_world(c, on_config, &says) == 0)
		say_found(d, DOCTOR_OK, "config", NULL, "%s is sound, and what it names is there", at);
	if (*c->pcap_dir)
		check_evidence(d, c);
	if (c->interfaces.n && gs_ifaces_open(&v, &err) == 0) {
		for (unsigned i = 0; i < c->interfaces.n; i++)
			if (strcmp(c->interfaces.item[i], "any") != 0)
				check_interface(d, v, c->interfaces.item[i]);
		gs_ifaces_close(v);
	}
	config_free(c);
}
