/*
 * cmd_doctor.c - the verb `doctor`: is all well, and if not, what to do
 *
 * Each finding is one line: ok, look (something to look at) or bad (no answer can be trusted or given). The store is only read.
 */
#include "config.h"
#include "doctor.h"
#include "base/buf.h"
#include "query/silence.h"
#include "render/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define DATABASE_DAYS 60          /* both kinds come out once a month */
#define DISK_LOW (1u << 30)
#define JOURNAL_LARGE (64u << 20)
#define INPUTS_NAMED 5
#define DAMAGES_NAMED 5
#define SENSORS_NAMED 50

enum level { OK = DOCTOR_OK, LOOK = DOCTOR_LOOK, BAD = DOCTOR_BAD };

static const char *const level_words[] = { "ok", "look", "bad" };

struct doctor {
	const struct options *o;
	struct gs_time now;
	struct gs_buf out;        /* lines, or members of the JSON list */
	unsigned n, count[3];
	unsigned width;           /* of the terminal; 0: none, lines are as long as they are */
	unsigned damages, inputs_named;
	uint64_t inputs_skipped;
};

/* What a terminal could obey is not written to it: names of files and sensors are anybody's. */
static void put_clean(struct gs_buf *b, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		const bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
		gs_buf_putc(b, *p < ' ' || *p == 0x7f || c1 ? '?' : (char)*p);
		p += c1;
	}
}

#define INDENT 16 /* level and area */

/* Breaks between words where the terminal ends; what has no blank is never broken. */
static void put_lines(struct gs_buf *b, const char *text, unsigned width)
{
	const unsigned room = width > INDENT + 20 ? width - INDENT : width ? 20 : UINT_MAX;
	unsigned used = 0;

	while (*text) {
		const size_t len = strcspn(text, " ");
		unsigned columns = 0;
		for (size_t i = 0; i < len; i++)
			columns += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (used && columns + 1 > room - used) {
			gs_buf_printf(b, "\n%*s", INDENT, "");
			used = 0;
		} else if (used) {
			gs_buf_putc(b, ' ');
			used++;
		}
		gs_buf_put(b, text, len);
		used = columns < room - used ? used + columns : room;
		text += len + strspn(text + len, " ");
	}
	gs_buf_putc(b, '\n');
}

static void finding(struct doctor *d, enum level level, const char *area, const char *advice, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
static void finding(struct doctor *d, enum level level, const char *area, const char *advice, const char *format, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	d->count[level]++;
	if (d->o->format == GS_FORMAT_JSON) {
		gs_buf_puts(&d->out, d->n++ ? ",\n{" : "\n{");
		json_text(&d->out, "level", level_words[level]);
		json_text(&d->out, "area", area);
		json_text(&d->out, "text", text);
		json_text(&d->out, "advice", advice);
		gs_buf_putc(&d->out, '}');
		return;
	}
	struct gs_buf line = { 0 };
	put_clean(&line, text);
	if (advice) {
		gs_buf_puts(&line, ": ");
		put_clean(&line, advice);
	}
	gs_buf_printf(&d->out, "%-4s  %-8s  ", level_words[level], area);
	put_lines(&d->out, gs_buf_text(&line), d->width);
	d->out.failed |= line.failed;
	gs_buf_done(&line);
}

static const char *size_text(uint64_t n, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)n;
	unsigned u = 0;

	while (v >= 1000 && u < 6) {
		v /= 1024;
		u++;
	}
	snprintf(out, 32, u && v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
	return out;
}

static const char *span_text(double s, char out[32])
{
	if (s >= 2 * 86400)
		snprintf(out, 32, "%.0f days", floor(s / 86400));
	else if (s >= 2 * 3600)
		snprintf(out, 32, "%.0f hours", floor(s / 3600));
	else
		snprintf(out, 32, "%.0f minutes", floor(s / 60));
	return out;
}

static const char *minute_text(struct gs_time t, char out[GS_TIME_TEXT_MAX])
{
	gs_time_format(t, 0, out);
	out[10] = ' ';
	out[16] = '\0';
	return out;
}

static const char *day_text(struct gs_time t, char out[GS_TIME_TEXT_MAX])
{
	gs_time_format(t, 0, out);
	out[10] = '\0';
	return out;
}

/* ---- the store ---- */

static void on_damage(void *arg, const char *sentence)
{
	struct doctor *d = arg;

	if (d->damages++ < DAMAGES_NAMED)
		finding(d, BAD, "store", "restore it from a copy or an archive; `grescope store check` says all that is wrong", "%s", sentence);
}

static int check_store(struct doctor *d, struct gs_store *st, struct gs_store_info *i, struct gs_error *err)
{
	char a[32], b[32];
	int r = gs_store_info(st, i, err);

	if (r < 0)
		return r;
	uint64_t troubles = 0;
	r = gs_store_check(st, true, on_damage, d, &troubles, err);
	if (r < 0)
		return r;
	if (troubles > DAMAGES_NAMED)
		finding(d, BAD, "store", NULL, "and %" PRIu64 " more troubles", troubles - DAMAGES_NAMED);
	if (troubles == 0)
		finding(d, OK, "store", NULL, "%s is sound: %" PRIu64 " packets in %" PRIu64 " sightings, %" PRIu64 " of them one by one, %s", i->path, i->packets,
		        i->sightings, i->raw_sightings, size_text(i->file_bytes, a));
	if (i->n_pins)
		finding(d, OK, "store", NULL, "origins are pinned for %" PRIu64 " stretches of days", i->n_pins);
	if (i->journal_bytes > JOURNAL_LARGE && i->journal_bytes > i->file_bytes / 4)
		finding(d, LOOK, "store", "`grescope store compact` when nothing reads it", "its journal has grown to %s", size_text(i->journal_bytes, a));
	if (i->free_bytes > JOURNAL_LARGE && i->free_bytes > i->file_bytes / 2)
		finding(d, LOOK, "store", "`grescope store compact` gives it back", "%s of its %s are unused", size_text(i->free_bytes, a),
		        size_text(i->file_bytes, b));
	return 0;
}

static void check_disk(struct doctor *d, const struct gs_store_info *i)
{
	struct statvfs v;
	char a[32], b[32];

	if (statvfs(i->path, &v) < 0) {
		finding(d, LOOK, "disk", NULL, "%s: how much is free cannot be told (%s)", i->path, strerror(errno));
		return;
	}
	const uint64_t left = (uint64_t)v.f_bavail * v.f_frsize, wanted = i->file_bytes / 10 > DISK_LOW ? i->file_bytes / 10 : DISK_LOW;
	const char *ballast = i->ballast_bytes ? size_text(i->ballast_bytes, b) : "no";
	if (v.f_flag & ST_RDONLY)
		finding(d, OK, "disk", NULL, "read-only: nothing can be added here");
	else if (left < wanted)
		finding(d, LOOK, "disk", "`grescope store prune --older-than 180d` or --max-size makes room, and hourly sums stay", "%s free, %s ballast",
		        size_text(left, a), ballast);
	else
		finding(d, OK, "disk", NULL, "%s free, %s ballast", size_text(left, a), ballast);
}

/* ---- databases ---- */

/* The day in an edition: "2026-06-05", "file of 2026-06-20". */
static bool edition_time(const char *edition, struct gs_time *ret)
{
	for (const char *p = edition; *p; p++)
		if (strlen(p) >= 10 && gs_time_parse(p, 10, ret))
			return true;
	return false;
}

static void check_databases(struct doctor *d)
{
	static const char advice[] = "`make data`, or new files for --asn-db and --city-db";
	struct gs_database list[GS_MAX_DATABASES];
	struct gs_enrich *e = NULL;
	struct gs_error err = { 0 };

	if (databases_open(d->o, &e, &err) < 0) {
		finding(d, BAD, "data", "name a sound file, or remove this one", "%s", err.text);
		return;
	}
	const unsigned n = gs_enrich_databases(e, list);
	for (unsigned i = 0; i < n; i++) {
		struct gs_time t;
		if (!edition_time(list[i].edition, &t)) {
			finding(d, OK, "data", NULL, "%s, undated (%s)", list[i].name, list[i].path);
			continue;
		}
		const int64_t days = (d->now.ns - t.ns) / (86400 * GS_NS_PER_S);
		if (days > DATABASE_DAYS)
			finding(d, LOOK, "data", advice, "%s, %s, is %" PRId64 " days old, and addresses move (%s)", list[i].name, list[i].edition, days,
			        list[i].path);
		else
			finding(d, OK, "data", NULL, "%s, %s (%s)", list[i].name, list[i].edition, list[i].path);
	}
	if (gs_enrich_missing(e))
		finding(d, LOOK, "data", NULL, "%s", gs_enrich_missing(e));
	gs_enrich_close(e);
}

/* ---- time, per sensor ---- */

/* Where no hour was empty there is no telling how much oftener it is. */
static const char *rate_text(const struct gs_silence_sensor *s, char out[48])
{
	const char *least = s->active_hours >= s->hours ? "at least " : "";

	if (s->per_day >= 48)
		snprintf(out, 48, "%s%.0f times an hour", least, s->per_day / 24);
	else if (s->per_day >= 1)
		snprintf(out, 48, "%s%.1f times a day", least, s->per_day);
	else
		snprintf(out, 48, "every %.1f days", 1 / s->per_day);
	return out;
}

static const char *p_text(double p, char out[32])
{
	snprintf(out, 32, p < 1e-12 ? "<1e-12" : p < 0.0001 ? "%.0e" : "%.4f", p);
	return out;
}

/* From the last packet to now: an archive has simply ended, a sensor that is running has fallen silent. */
static void check_tail(struct doctor *d, const struct gs_silence_sensor *s, const char *name)
{
	char span[32], limit[32], p[32], rate[48], last[GS_TIME_TEXT_MAX];
	const double since = ((double)d->now.ns - (double)s->last.ns) / 1e9, watched = ((double)s->last.ns - (double)s->first.ns) / 1e9;

	minute_text(s->last, last);
	if (since < -3600)
		finding(d, LOOK, "time", "set the clock of the sensor", "%s: the last packet, %s, lies in the future", name, last);
	else if (since > watched && since > 30 * 86400.0)
		finding(d, OK, "time", NULL, "%s: nothing since %s, longer than it was ever watched: taken for closed", name, last);
	else if (s->longest_s > 0 && since > s->longest_s && since > 3600)
		finding(d, LOOK, "time", "is the sensor running, and does protocol 47 still reach it? Then ingest what it has",
		        "%s: nothing for %s, since %s; at its rate (%s) up to %s were to be expected, longer has p %s", name, span_text(since, span), last,
		        rate_text(s, rate), span_text(s->longest_s, limit), p_text(gs_silence_probability(s, since), p));
}

static void check_sensor(struct doctor *d, const struct gs_silence_sensor *s, const char *name)
{
	char first[GS_TIME_TEXT_MAX], last[GS_TIME_TEXT_MAX], rate[48], limit[32], span[32], p[32];
	const int64_t days = gs_time_floor_s(s->last, 86400) / 86400 - gs_time_floor_s(s->first, 86400) / 86400 + 1;

	if (s->longest_s <= 0)
		finding(d, OK, "time", NULL, "%s: %s to %s, %" PRIu64 " packets: too few hours to know a rate", name, day_text(s->first, first),
		        day_text(s->last, last), s->packets);
	else
		finding(d, OK, "time", NULL, "%s: %s to %s (%" PRId64 " days), %" PRIu64 " packets; something comes %s, so silences up to %s are to be expected", name,
		        day_text(s->first, first), day_text(s->last, last), days, s->packets, rate_text(s, rate), span_text(s->longest_s, limit));
	for (unsigned i = 0; i < s->n_unlikely && i < GS_SILENCE_GAPS; i++) {
		const struct gs_silence_gap *g = &s->gaps[i];
		finding(d, LOOK, "time", "was the sensor off, or is a file missing? Ingest it", "%s: silent for %s, %s to %s (p %s)", name,
		        span_text(((double)g->to.ns - (double)g->from.ns) / 1e9, span), minute_text(g->from, first), minute_text(g->to, last), p_text(g->p, p));
	}
	if (s->n_unlikely > GS_SILENCE_GAPS)
		finding(d, LOOK, "time", NULL, "%s: and %" PRIu64 " more silences that are longer than expected", name, s->n_unlikely - GS_SILENCE_GAPS);
	check_tail(d, s, name);
}

static int check_times(struct doctor *d, struct gs_store *st, struct gs_error *err)
{
	const struct gs_filter all = GS_FILTER_ALL;
	const struct gs_silence_sensor *list;
	const char *const *names;
	struct gs_silence *s;
	unsigned n_names;
	size_t n = 0;
	int r = gs_silence_new(&s, err);

	if (r < 0)
		return r;
	const struct gs_sighting_sink sink = gs_silence_sink(s);
	r = gs_store_scan(st, &all, GS_SILENCE_NEEDS, NULL, &sink, NULL, err);
	if (r == 0)
		r = gs_silence_answer(s, &list, &n, err);
	if (r == 0)
		r = gs_store_sensors(st, &names, &n_names, err);
	if (r == 0 && n == 0)
		finding(d, LOOK, "time", "grescope ingest FILE...", "the store is empty");
	for (size_t i = 0; r == 0 && i < n && i < SENSORS_NAMED; i++) {
		char name[GS_SENSOR_NAME_MAX + 16] = "packets";
		if (list[i].sensor && list[i].sensor < n_names)
			snprintf(name, sizeof name, "sensor %s", names[list[i].sensor]);
		else if (n > 1)
			snprintf(name, sizeof name, "unnamed sensor");
		check_sensor(d, &list[i], name);
	}
	if (r == 0 && n > SENSORS_NAMED)
		finding(d, OK, "time", NULL, "and %zu more sensors, not looked at", n - SENSORS_NAMED);
	gs_silence_free(s);
	return r;
}

/* ---- inputs and losses ---- */

static int on_input(void *arg, const struct gs_input_info *in, struct gs_error *err)
{
	struct doctor *d = arg;
	const bool open = !in->complete && !in->live;

	(void)err;
	if (!open && !*in->trouble)
		return 0;
	if (d->inputs_named++ >= INPUTS_NAMED) {
		d->inputs_skipped++;
		return 0;
	}
	if (open)
		finding(d, LOOK, "input", "ingest it again: it goes on where it was", "%s was not finished, %" PRIu64 " packets of it are kept", in->path,
		        in->tally.packets);
	else
		finding(d, LOOK, "input", "a whole copy, ingested, adds the rest", "%s was read only in part: %s", in->path, in->trouble);
	return 0;
}

static int check_inputs(struct doctor *d, struct gs_store *st, const struct gs_store_info *i, struct gs_error *err)
{
	int r = gs_store_inputs(st, on_input, d, err);

	if (r == 0 && d->inputs_skipped)
		finding(d, LOOK, "input", NULL, "and %" PRIu64 " more inputs that are not whole", d->inputs_skipped);
	else if (r == 0 && !d->inputs_named)
		finding(d, OK, "input", NULL, "%" PRIu64 " %s, all read to the end", i->n_inputs, i->n_inputs == 1 ? "input" : "inputs");
	return r;
}

static int check_losses(struct doctor *d, struct gs_store *st, struct gs_error *err)
{
	static const char *const advice[GS_LOST_COUNT] = {
		[GS_LOST_SHORT] = "capture with a larger snapshot length, such as tcpdump -s 256",
		[GS_LOST_LINKTYPE] = "capture on Ethernet or with tcpdump -i any, which has a link type that is read",
		[GS_LOST_BAD_IP] = "damaged on the way or made to confuse; `grescope export -v` of the file counts them",
		[GS_LOST_DEPTH] = "tunnels in tunnels in tunnels; `grescope export -v` of the file counts them",
	};
	const struct gs_filter all = GS_FILTER_ALL;
	struct gs_tally t;
	uint64_t lost = 0;
	int r = gs_store_tally(st, &all, &t, err);

	if (r < 0)
		return r;
	for (unsigned i = 1; i < GS_LOST_COUNT; i++) {
		lost += t.lost[i];
		if (t.lost[i])
			finding(d, LOOK, "lost", i < GS_LOST_COUNT ? advice[i] : NULL, "%" PRIu64 " of %" PRIu64 " packets: %s", t.lost[i], t.packets, gs_lost_text(i));
	}
	if (t.records_bad)
		finding(d, LOOK, "lost", "look at these rows of the input", "%" PRIu64 " rows of raw data were not understood", t.records_bad);
	if (t.folded_packets)
		finding(d, LOOK, "lost", "ingest with a larger --memory, such as 1G; packets and bytes are exact, sources an estimate",
		        "%" PRIu64 " packets lost the names of their sources for want of memory", t.folded_packets);
	if (t.clock_saturated)
		finding(d, LOOK, "lost", "look at the clock of what captured them", "%" PRIu64 " time stamps lie outside of the years 1677 to 2262", t.clock_saturated);
	if (t.undated)
		finding(d, LOOK, "lost", "simple blocks of pcapng have none: they stand at 1970-01-01; capture with tcpdump or dumpcap, which write them",
		        "%" PRIu64 " of %" PRIu64 " packets have no time", t.undated, t.packets);
	if (t.late_packets && t.late_packets > t.in_sightings / 100)
		finding(d, LOOK, "lost", "nothing is lost, but sightings are more and smaller; `reordercap` or `mergecap` sorts captures",
		        "%" PRIu64 " of %" PRIu64 " packets came later than their time says", t.late_packets, t.in_sightings);
	for (unsigned i = 0; i < GS_DROP_COUNT; i++)
		if (t.dropped[i])
			finding(d, LOOK, "lost", i == GS_DROP_RING ? "a larger ring (buffer), more workers" : NULL, "%" PRIu64 " lost by sensors beside %" PRIu64 " packets seen: %s",
			        t.dropped[i], t.packets, gs_drop_text(i));
	if (!lost && !t.records_bad && !t.folded_packets && !t.clock_saturated && !t.undated && !gs_tally_sensor_lost(&t) && !t.dropped[GS_DROP_BELOW])
		finding(d, OK, "lost", NULL, "nothing of %" PRIu64 " packets and %" PRIu64 " rows read", t.packets, t.records);
	return 0;
}

/* ---- the sensor ---- */

static void on_sensor(void *arg, enum doctor_level level, const char *area, const char *advice, const char *text)
{
	finding(arg, (enum level)level, area, advice, "%s", text);
}

static struct doctor_sensor sensor_of(struct doctor *d)
{
	return (struct doctor_sensor){ .now = d->now, .found = on_sensor, .arg = d };
}

static int check_sensor_store(struct doctor *d, struct gs_store *st, const struct gs_store_info *i, struct gs_error *err)
{
	const struct doctor_sensor s = sensor_of(d);
	return doctor_sensor_store(&s, st, i->path, err);
}

/* The store that --config names, where no option names one; "" where it names none or is not sound, which is told later. */
static void configured_store(const struct options *o, char *out, size_t size)
{
	struct sensor_config *c = NULL;

	*out = '\0';
	if (!o->config || o->store || config_read(o->config, NULL, NULL, &c, NULL) < 0)
		return;
	snprintf(out, size, "%s", c->store);
	config_free(c);
}

/* ---- all of it ---- */

static int check_kept(struct doctor *d, struct gs_error *err)
{
	struct gs_store *st = NULL;
	struct gs_store_info info;
	int r = store_open(d->o, GS_STORE_READ, &st, err);

	if (r == 0)
		r = check_store(d, st, &info, err);
	if (r == 0)
		check_disk(d, &info);
	if (r == 0)
		r = check_times(d, st, err);
	if (r == 0)
		r = check_inputs(d, st, &info, err);
	if (r == 0)
		r = check_sensor_store(d, st, &info, err);
	if (r == 0)
		r = check_losses(d, st, err);
	gs_store_close(st);
	return r;
}

static void print(const struct doctor *d, const struct gs_buf *out)
{
	if (d->o->format == GS_FORMAT_JSON)
		printf("{\"healthy\":%s,\"ok\":%u,\"look\":%u,\"bad\":%u,\"findings\":[%.*s]}\n", d->count[LOOK] + d->count[BAD] ? "false" : "true", d->count[OK],
		       d->count[LOOK], d->count[BAD], (int)out->len, out->data);
	else
		fwrite(out->data, 1, out->len, stdout);
}

int cmd_doctor(const struct options *o)
{
	struct doctor d = { .o = o, .width = render_options(o).width };
	struct gs_error err = { 0 };
	struct timespec now;

	if (o->n_files) {
		say("doctor looks at the store, not at files (grescope doctor --help)");
		return EXIT_USAGE;
	}
	if (o->format != GS_FORMAT_TEXT && o->format != GS_FORMAT_JSON) {
		say("doctor answers as text or json");
		return EXIT_USAGE;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	d.now.ns = (int64_t)now.tv_sec * GS_NS_PER_S;
	char store[4096];
	struct options with_store = *o;
	configured_store(o, store, sizeof store);
	if (*store) {
		with_store.store = store;
		d.o = &with_store;
	}
	int r = check_kept(&d, &err);
	if (r == GS_ERR_NOENT)
		finding(&d, BAD, "store", NULL, "%s", err.text);
	else if (r < 0)
		finding(&d, BAD, "store", r == GS_ERR_STORE ? "restore it from a copy or an archive" : NULL, "%s", err.text);
	check_databases(&d);
	const struct doctor_sensor sensor = sensor_of(&d);
	doctor_sensor_config(&sensor, o->config);
	print(&d, &d.out);
	const bool failed = d.out.failed;
	gs_buf_done(&d.out);
	if (failed) {
		say("out of memory");
		return EXIT_STORE;
	}
	if (r < 0)
		return store_exit_code(r);
	return d.count[BAD] ? EXIT_STORE : d.count[LOOK] ? EXIT_EMPTY : EXIT_DONE;
}
