/*
 * engine_logs.c - logs as they are written and sent: rows for the corridor, places for whoever reads on
 *
 * A row that no writer would take (a time after tomorrow, a count that cannot be) is a bad line here: what somebody writes into a log must not end the process.
 *
 * Places: what was read is put into the stream in rounds, and each ends with where reading is in each file (ROUND). The writer commits rows and places of whole rounds together and leaves out
 * what an engine that died began. So a row of a file is in the store once, whoever dies; and the next engine, or the next sensor, reads on from there.
 */
#include "sensor/engine_logs.h"

#include "source/follow.h"
#include "source/log_own.h"
#include "source/syslog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 256          /* rows of one call */
#define ROUND_CALLS 32     /* to one file or socket before the others have their turn */
#define CALL_ROWS 16384u   /* of one call: between two of them a round can end, and the writer holds its rows until then */

struct input {
	struct gs_follow *follow; /* one of both */
	struct gs_syslog *syslog;
	const char *name;         /* path, or address */
	char folder[2][PATH_MAX]; /* of the name, and of what it leads to; "" none */
	uint64_t device, inode;   /* the first folder's, as the sandbox knows it */
};

struct logs {
	const struct sensor *s;
	struct gs_log_own *own;
	struct input *in;
	unsigned n, n_follow;     /* followed ones come first */
	unsigned next;            /* whose turn it is */
	bool begun;
	uint64_t rows_taken;      /* by the call at hand */
	struct message_places put; /* with the last round's end */
	uint64_t bad, bad_told, unfit;
	struct message_status told; /* of it the counters of logs_count alone */
	const char *unfit_why;
	struct gs_sighting rows[BATCH];
};

/* ---- opening ---- */

/* The folders that a name needs: its own, and where a symbolic link leads. */
static int folders_of(struct input *in, struct gs_error *err)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct stat sb;

	if (snprintf(path, sizeof path, "%s", in->name) >= (int)sizeof path)
		return gs_fail(err, GS_ERR_USAGE, "%.80s...: too long a name", in->name);
	snprintf(in->folder[0], sizeof in->folder[0], "%s", dirname(path));
	if (stat(in->folder[0], &sb) < 0)
		return gs_fail_errno(err, GS_ERR_NOENT, errno, "%s: cannot be followed: its folder", in->name);
	in->device = sb.st_dev;
	in->inode = sb.st_ino;
	if (realpath(in->name, target)) {
		snprintf(in->folder[1], sizeof in->folder[1], "%s", dirname(target));
		if (strcmp(in->folder[0], in->folder[1]) == 0)
			in->folder[1][0] = '\0';
	}
	return 0;
}

static int follow_add(struct logs *l, const char *path, const struct gs_log_options *lo, struct gs_error *err)
{
	struct input *in = &l->in[l->n];
	const struct gs_follow_options o = { .logs = *lo };

	in->name = path;
	int r = folders_of(in, err);
	if (r == 0)
		r = gs_follow_open(path, &o, &in->follow, err);
	l->n++;
	l->n_follow = l->n;
	return r;
}

static int syslog_add(struct logs *l, const char *listen, const struct gs_log_options *lo, struct gs_error *err)
{
	struct input *in = &l->in[l->n++];
	const struct gs_syslog_options o = { .logs = *lo, .listen = listen };

	in->name = listen;
	return gs_syslog_open(&o, &in->syslog, err);
}

int logs_open(const struct sensor *s, struct logs **ret, struct gs_error *err)
{
	const struct sensor_config *c = s->config;
	struct logs *l = calloc(1, sizeof *l);
	int r = 0;

	if (l)
		l->in = calloc(LOGS_POLL, sizeof *l->in);
	if (!l || !l->in) {
		free(l);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	l->s = s;
	r = own_formats_of(c, &l->own, err);
	struct gs_log_options lo = s->options->logs;
	lo.own = l->own;
	for (unsigned i = 0; r == 0 && i < c->follow.n; i++)
		r = follow_add(l, c->follow.item[i], &lo, err);
	for (unsigned i = 0; r == 0 && i < c->syslog_listen.n; i++)
		r = syslog_add(l, c->syslog_listen.item[i], &lo, err);
	if (r < 0) {
		logs_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void logs_free(struct logs *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->n; i++) {
		gs_follow_close(l->in[i].follow);
		gs_syslog_close(l->in[i].syslog);
	}
	gs_log_own_free(l->own);
	free(l->in);
	free(l);
}

int logs_check(const struct logs *l, struct gs_error *err)
{
	for (unsigned i = 0; i < l->n_follow; i++) {
		const char *path = l->in[i].name;
		if (access(l->in[i].folder[0], X_OK) == 0 && (access(path, R_OK) == 0 || errno == ENOENT))
			continue;
		return gs_fail_errno(err, GS_ERR_ACCESS, errno, "%s: user %u, which the process becomes, could not read it after rotation; give that user or a group of its the right to read, or name another (--user)",
		                     path, (unsigned)geteuid());
	}
	return 0;
}

int logs_folders(struct logs *l, struct sandbox_options *o, struct gs_error *err)
{
	for (unsigned i = 0; i < 2 * l->n_follow; i++) {
		const char *folder = l->in[i / 2].folder[i % 2];
		bool there = !*folder;
		for (unsigned k = 0; k < o->n_read && !there; k++)
			there = strcmp(o->read[k], folder) == 0;
		if (there)
			continue;
		if (o->n_read == SANDBOX_PATHS)
			return gs_fail(err, GS_ERR_USAGE, "files in more than %d folders are to be followed", SANDBOX_PATHS);
		o->read[o->n_read++] = folder;
	}
	return 0;
}

/* ---- reading ---- */

unsigned logs_poll(const struct logs *l, struct pollfd *p)
{
	for (unsigned i = 0; i < l->n; i++)
		p[i] = (struct pollfd){ l->in[i].follow ? gs_follow_fd(l->in[i].follow) : gs_syslog_fd(l->in[i].syslog), POLLIN, 0 };
	return l->n;
}

/* Leaves those that a writer takes. */
static size_t rows_fit(struct logs *l, size_t n, struct gs_tally *tally)
{
	const struct gs_time now = { clock_wall_ns() };
	const char *why;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (!sighting_check(&l->rows[i], now, &why) || l->rows[i].fidelity == GS_FIDELITY_PACKET) {
			tally->records--;
			tally->records_bad++;
			l->unfit++;
			l->unfit_why = l->rows[i].fidelity == GS_FIDELITY_PACKET ? "a packet, where a log has none" : why;
			continue;
		}
		if (m != i)
			l->rows[m] = l->rows[i];
		m++;
	}
	return m;
}

/* *ret_more: this was not all. Of a file *room is what it may give, and it ends between two lines: only there is a place. */
static int input_take(struct logs *l, struct input *in, struct gs_corridor *c, struct gs_tally *tally, uint64_t *packets, size_t *room, bool *ret_more, struct gs_error *trouble, struct gs_error *err)
{
	const struct gs_time now = { clock_wall_ns() };
	size_t n = BATCH;
	int r = 0;

	for (unsigned i = 0; n == BATCH && ((i < ROUND_CALLS && (!in->follow || *room)) || (in->follow && !gs_follow_between_lines(in->follow))); i++) {
		const int what = in->follow ? gs_follow_sightings(in->follow, now, l->rows, BATCH, &n, tally, trouble) :
		                              gs_syslog_sightings(in->syslog, now, l->rows, BATCH, &n, tally, trouble);
		const size_t m = rows_fit(l, n, tally);
		for (size_t k = 0; k < m; k++)
			*packets += l->rows[k].packets;
		l->rows_taken += m;
		if (in->follow)
			*room -= m < *room ? m : *room;
		r = m ? gs_corridor_records(c, l->rows, m, err) : 0;
		if (r < 0 || what < 0)
			return r;
	}
	*ret_more |= n == BATCH;
	if (in->follow) {
		struct gs_follow_counts k;
		gs_follow_counts(in->follow, &k);
		*ret_more |= k.more;
	}
	return 0;
}

/*
 * A name that leads elsewhere than at the start: the sandbox lets only the folders in that were known then. To read where a link leads is not among the calls of this process, so the sentence says "if".
 */
static void trouble_explain(const struct input *in, struct gs_error *trouble)
{
	struct stat folder, name;

	if (!in->follow || trouble->code != GS_ERR_ACCESS || stat(in->folder[0], &folder) < 0 || lstat(in->name, &name) < 0)
		return;
	if (S_ISLNK(name.st_mode) || folder.st_dev != in->device || folder.st_ino != in->inode)
		gs_fail(trouble, GS_ERR_ACCESS, "%s: if the link leads into a folder that was not known at the start, restart the sensor", trouble->text);
}

int logs_take(struct logs *l, struct gs_corridor *c, struct gs_tally *tally, uint64_t *packets, size_t room, bool *ret_more, int control, unsigned number, struct gs_error *err)
{
	const uint64_t bad = tally->records_bad;
	int r = 0;

	*ret_more = false;
	l->rows_taken = 0;
	if (!l->begun)
		return 0;
	for (unsigned i = 0; r == 0 && i < l->n && l->rows_taken < CALL_ROWS; i++) {
		struct input *in = &l->in[l->next];
		struct gs_error trouble = { 0 };
		l->next = (l->next + 1) % l->n;
		if (room || !in->follow)
			r = input_take(l, in, c, tally, packets, &room, ret_more, &trouble, err);
		trouble_explain(in, &trouble);
		if (*trouble.text)
			child_notice(control, ROLE_ENGINE, number, NOTICE_TROUBLE, 0, "logs.read", "%s", trouble.text);
	}
	*ret_more |= l->rows_taken >= CALL_ROWS;
	l->bad += tally->records_bad - bad;
	return r;
}

/* ---- places ---- */

/* How a file was found that is not as it was left. */
static void found_say(const char *path, enum gs_follow_found found, int control, unsigned number)
{
	switch (found) {
	case GS_FOLLOW_GAP:
		child_notice(control, ROLE_ENGINE, number, NOTICE_WARNING, 0, "logs.gap",
		             "%s: was rotated more than once while nobody followed it: the one that was read is read to its end, those between are not (grescope ingest FILE takes them in)", path);
		return;
	case GS_FOLLOW_ANOTHER:
		child_notice(control, ROLE_ENGINE, number, NOTICE_WARNING, 0, "logs.another",
		             "%s: is another file than the one that was followed, and that one is not beside it: this one is read from its beginning (grescope ingest FILE takes the other in)", path);
		return;
	default:
		return;
	}
}

void logs_begin(struct logs *l, const struct message_places *places, int control, unsigned number)
{
	for (unsigned i = 0; !l->begun && i < l->n_follow; i++) {
		const struct gs_follow_place place = { places->at[i].offset, places->at[i].sum };
		enum gs_follow_found found;
		struct gs_error err = { 0 };
		if (!(places->known >> i & 1))
			continue;
		if (gs_follow_resume(l->in[i].follow, &place, &found, &err) < 0)
			child_notice(control, ROLE_ENGINE, number, NOTICE_TROUBLE, 0, "logs.read", "%s", err.text);
		else
			found_say(l->in[i].name, found, control, number);
	}
	l->begun = true;
}

bool logs_places(const struct logs *l, struct message_places *ret)
{
	*ret = (struct message_places){ 0 };
	for (unsigned i = 0; l->begun && i < l->n_follow; i++) {
		struct gs_follow_place place;
		gs_follow_place(l->in[i].follow, &place);
		ret->known |= UINT64_C(1) << i;
		ret->at[i] = (struct gs_bookmark){ place.offset, place.sum };
	}
	return memcmp(ret, &l->put, sizeof *ret) != 0;
}

void logs_round_put(struct logs *l, const struct message_places *places)
{
	l->put = *places;
}

/* ---- telling ---- */

static const char *first_bad(const struct logs *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		const char *text = l->in[i].follow ? gs_follow_first_bad(l->in[i].follow) : gs_syslog_first_bad(l->in[i].syslog);
		if (*text)
			return text;
	}
	return l->unfit_why ? l->unfit_why : "a line that is too long";
}

void logs_count(const struct logs *l, struct message_status *ret)
{
	ret->logs = 1;
	for (unsigned i = 0; i < l->n_follow; i++) {
		struct gs_follow_counts k;
		gs_follow_counts(l->in[i].follow, &k);
		ret->log_lines += k.lines;
	}
	for (unsigned i = l->n_follow; i < l->n; i++) {
		struct gs_syslog_counts k;
		gs_syslog_counts(l->in[i].syslog, &k);
		ret->syslog_messages += k.datagrams + k.stream_messages;
		ret->syslog_lost += k.datagrams_lost;
		ret->syslog_cut += k.cut;
		ret->syslog_refused += k.connections_refused + k.connections_closed;
	}
}

bool logs_tell(struct logs *l, int control, unsigned number)
{
	struct message_status now = { 0 };

	logs_count(l, &now);
	const bool bad = l->bad > l->bad_told;
	const bool lost = now.syslog_lost > l->told.syslog_lost || now.syslog_cut > l->told.syslog_cut || now.syslog_refused > l->told.syslog_refused;
	if (bad)
		child_notice(control, ROLE_ENGINE, number, NOTICE_WARNING, 0, "logs.bad", "%" PRIu64 " lines name protocol 47 and could not be understood; the first of all: %s", l->bad - l->bad_told,
		             first_bad(l));
	if (lost)
		child_notice(control, ROLE_ENGINE, number, NOTICE_WARNING, 0, "logs.syslog", "syslog: %" PRIu64 " datagrams lost for want of room, %" PRIu64 " messages cut off by the end of a connection, %"
		             PRIu64 " connections refused or closed", now.syslog_lost - l->told.syslog_lost, now.syslog_cut - l->told.syslog_cut, now.syslog_refused - l->told.syslog_refused);
	l->bad_told = l->bad;
	l->told = now;
	return bad || lost;
}
