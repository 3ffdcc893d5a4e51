/*
 * test_tell.c - what the teller shows and how alerts leave it: the page, the metrics, lines, queues, commands
 */
#include "sensor/view.h"

#include "render/text_cell.h"

#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 INT64_C(1699999200)

static struct view v;

static struct gs_time at(double s)
{
	return (struct gs_time){ T0 * GS_NS_PER_S + (int64_t)(s * 1e9) };
}

static void engine(unsigned i, const char *name, uint64_t packets)
{
	struct view_engine *e = &v.engines[i];

	e->have = true;
	snprintf(e->status.source, sizeof e->status.source, "%s", name);
	e->status.tally.packets = packets;
	e->status.tally.dropped[GS_DROP_RING] = 3;
	if (i >= v.n_engines)
		v.n_engines = i + 1;
}

/* A busy sensor: two interfaces, the second with two workers; names of every kind. */
static void busy(void)
{
	static const char *const names[] = { "AS3462 Chunghwa Telecom Co., Ltd.", "AS64500 \xe4\xb8\xad\xe5\x8d\x8e\xe7\x94\xb5\xe4\xbf\xa1 very long name of a network that goes on and on",
		("AS64501 \xff\xfe" "broken"), "AS64502 \033[31mred\033[0m" };

	view_init(&v, "0.1.0", "north", at(0));
	engine(0, "eth0", 1000);
	engine(1, "eth1\"\\", 200);
	engine(2, "eth1\"\\", 34);
	v.have_store = true;
	v.store = (struct message_store){ .sightings = 1234567, .file_bytes = 987654321, .disk_free_bytes = 1, .commit_us = 1500, .committed_ns = at(0).ns };
	for (unsigned s = 1; s <= 700; s++) {
		for (unsigned i = 0; i < 3; i++) {
			struct gs_pulse_second *p = &v.engines[i].pulse;
			gs_pulse_empty(at(s - 1), at(s), p);
			p->packets = p->class_[GS_CLASS_FLOOD_MIRAI_GREIP].packets = s * 10;
			p->bytes = p->class_[GS_CLASS_FLOOD_MIRAI_GREIP].bytes = s * 1000;
			p->last = at(s - 0.5);
			p->sources = p->class_[GS_CLASS_FLOOD_MIRAI_GREIP].sources = 7;
			p->bots = i;
			v.engines[i].fresh = true;
		}
		view_second(&v, at(s), NULL);
	}
	for (unsigned i = 0; i < 4; i++) {
		v.networks[i] = (struct view_rank){ .key = i, .packets = 100 - 20 * i };
		gs_alert_clean(v.networks[i].name, sizeof v.networks[i].name, names[i]);
		v.places[i] = (struct view_rank){ .key = i, .packets = 90 - 20 * i };
		snprintf(v.places[i].name, sizeof v.places[i].name, "TW \xe5\x8f\xb0\xe5\x8c\x97%u", i);
	}
	v.n_networks = v.n_places = 4;
	v.ranked = 300;
	for (unsigned i = 0; i < 30; i++) {
		struct gs_alert a = { .id = i, .kind = GS_ALERT_FLOOD, .level = GS_ALERT_WARNING, .class_ = GS_CLASS_FLOOD_MIRAI_GREIP, .trouble = GS_TROUBLE_COUNT, .time = at(i), .begin = at(i),
			.end = GS_TIME_MIN };
		snprintf(a.text, sizeof a.text, "alert number %u", i);
		view_alert(&v, &a);
	}
}

static const char *page(unsigned width, unsigned height, bool utf8, bool color)
{
	static struct gs_buf b;
	const struct screen_shape shape = { width, height, utf8, color };

	gs_buf_clear(&b);
	screen_format(&v, &shape, &b);
	return gs_buf_text(&b);
}

/* Whatever the size: no line is wider, none is more, nothing moves the cursor. */
static void the_page_fits_any_size(void **unused)
{
	busy();
	for (unsigned width = 1; width < 220; width += width < 40 ? 1 : 13)
		for (unsigned height = 1; height < 70; height += height < 30 ? 1 : 7)
			for (unsigned mode = 0; mode < 2; mode++) {
				const char *text = page(width, height, mode, false);
				unsigned lines = 1;
				for (const char *p = text; *p; p++) {
					const size_t len = strcspn(p, "\n");
					if (text_width(p, len) > width)
						fail_msg("%ux%u: %u columns: %.*s", width, height, text_width(p, len), (int)len, p);
					assert_null(memchr(p, '\033', len));
					if (!mode)
						for (size_t i = 0; i < len; i++)
							assert_true((unsigned char)p[i] < 0x80);
					p += len;
					lines += *p == '\n';
					if (!*p)
						break;
				}
				assert_in_range(lines, 1, height);
			}
}

static void the_page_says_what_matters(void **unused)
{
	busy();
	const char *text = page(120, 40, true, false);
	assert_non_null(strstr(text, "grescope watch north eth0 eth1\"\\, 12 min"));
	assert_non_null(strstr(text, "2023-11-14 22:11:40 UTC"));
	assert_non_null(strstr(text, "rate     21,000 packets/s"));
	assert_non_null(strstr(text, "1,234 seen, 9 lost, 0 possibly lost below; store 1,234,567 sightings, 942 MiB"));
	assert_non_null(strstr(text, "sources  21 now"));
	assert_non_null(strstr(text, "bot processes 3"));
	assert_non_null(strstr(text, "last packet 0 s ago") ? "x" : strstr(text, "last packet 1 s ago"));
	assert_non_null(strstr(text, "flood.mirai.greip         21,000         21        7,360,500"));
	assert_non_null(strstr(text, "AS3462 Chunghwa Telecom Co., Ltd."));
	assert_non_null(strstr(text, "networks, last minutes, at least ")); /* of those that are not busy nobody asks where they are */
	assert_non_null(strstr(text, "places, at least"));
	assert_non_null(strstr(text, "alert number 29"));
	assert_null(strstr(text, "alert number 21"));
	text = page(60, 14, true, false); /* a small one: still something of each */
	assert_non_null(strstr(text, "flood.mirai.greip"));
	assert_non_null(strstr(text, "alert number 29"));
	assert_non_null(strstr(page(120, 40, true, true), "\033[1;31mpackets")); /* something was lost */
	view_init(&v, "0.1.0", "", at(0));
	assert_non_null(strstr(page(80, 24, true, false), "no packet yet"));
}

/* A rate for each second, whatever the number of engines and the order of their pulses. */
static void seconds_add_up(void **unused)
{
	busy();
	assert_int_equal(v.n_rates, 700);
	assert_int_equal(v.rate[699 % VIEW_HISTORY], 21000);
	assert_int_equal(v.class_packets[GS_CLASS_FLOOD_MIRAI_GREIP], 7360500);
	view_second(&v, at(701), NULL); /* nobody sent anything */
	assert_int_equal(v.second.packets, 0);
	assert_int_equal(v.rate[700 % VIEW_HISTORY], 0);
	view_second(&v, at(600), NULL); /* the clock was set back */
	assert_true(v.second.begin.ns <= v.second.end.ns);
}

/* The engine of logs has no interface: nothing that is captured is said of it, and its own counters only of it. */
static void logs_are_no_interface(void **unused)
{
	struct gs_buf b = { 0 };

	busy();
	metrics_format(&v, &b);
	assert_null(strstr(gs_buf_text(&b), "syslog"));
	v.engines[2] = (struct view_engine){ .have = true, .status = { .engine = 2, .logs = 1, .source = "logs", .queue_bytes = 7, .log_lines = 500, .syslog_messages = 40, .syslog_lost = 3 } };
	v.n_engines = 3;
	gs_buf_clear(&b);
	metrics_format(&v, &b);
	const char *text = gs_buf_text(&b);
	assert_null(strstr(text, "iface=\"logs\""));
	assert_non_null(strstr(text, "\ngrescope_queue_bytes{input=\"logs\"} 7\n"));
	assert_non_null(strstr(text, "\ngrescope_log_lines_total 500\n"));
	assert_non_null(strstr(text, "\ngrescope_syslog_messages_total 40\n"));
	assert_non_null(strstr(text, "\ngrescope_syslog_lost_total{what=\"datagrams\"} 3\n"));
	gs_buf_done(&b);
}

/* A pipe that is full and that nobody reads: the line is left out, and whoever tells goes on. */
static void nobody_reads_lines(void **unused)
{
	const struct sink_line line = sink_line_open(SAY_LOGFMT, "north");
	const struct gs_alert a = { .kind = GS_ALERT_FLOOD, .class_ = GS_CLASS_UNKNOWN, .trouble = GS_TROUBLE_COUNT, .end = GS_TIME_MIN, .text = "a flood" };
	char octets[4096] = "";
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	const int before = dup(STDERR_FILENO);
	while (write(ends[1], octets, sizeof octets) > 0)
		continue;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	alarm(20);
	const bool full = sink_line_tell(&line, &a);
	assert_int_equal(read(ends[0], octets, sizeof octets), sizeof octets);
	const bool room = sink_line_tell(&line, &a);
	alarm(0);
	dup2(before, STDERR_FILENO);
	close(before), close(ends[0]), close(ends[1]);
	assert_false(full);
	assert_true(room);
}

static void metrics_are_well_formed(void **unused)
{
	struct gs_buf b = { 0 };
	const char *text;

	busy();
	v.has_command = true;
	metrics_format(&v, &b);
	text = gs_buf_text(&b);
	assert_non_null(strstr(text, "\ngrescope_build_info{version=\"0.1.0\"} 1\n"));
	assert_non_null(strstr(text, "\ngrescope_capture_packets_total{iface=\"eth0\"} 1000\n"));
	assert_non_null(strstr(text, "\ngrescope_capture_packets_total{iface=\"eth1\\\"\\\\\"} 234\n"));
	assert_non_null(strstr(text, "\ngrescope_capture_dropped_packets_total{iface=\"eth1\\\"\\\\\",where=\"ring\"} 6\n"));
	assert_non_null(strstr(text, "\ngrescope_gre_packets_total{class=\"flood.mirai.greip\"} 7360500\n"));
	assert_non_null(strstr(text, "\ngrescope_store_size_bytes 987654321\n"));
	assert_non_null(strstr(text, "\ngrescope_last_packet_timestamp_seconds 1699999899.500\n"));
	assert_non_null(strstr(text, "\ngrescope_alerts_total{kind=\"flood\"} 30\n"));
	assert_non_null(strstr(text, "\ngrescope_export_queued{sink=\"command\"} 0\n"));
	assert_null(strstr(text, "sink=\"webhook\""));
	for (const char *p = text; *p; p = strchr(p, '\n') + 1) /* every line is a comment or a sample, and ends */
		assert_true(strncmp(p, "# HELP grescope_", 16) == 0 || strncmp(p, "# TYPE grescope_", 16) == 0 || strncmp(p, "grescope_", 9) == 0);
	gs_buf_done(&b);
}

static void metrics_are_documented(void **unused)
{
	struct gs_buf b = { 0 }, doc = { 0 };
	FILE *f = fopen(METRICS_MD, "r");
	char piece[4096], cell[128];
	unsigned n = 0;

	assert_non_null(f);
	for (size_t k; (k = fread(piece, 1, sizeof piece, f)) > 0;)
		gs_buf_put(&doc, piece, k);
	fclose(f);
	busy();
	v.has_command = v.has_webhook = true;
	v.engines[1].status.logs = 1;
	metrics_format(&v, &b);
	for (const char *p = gs_buf_text(&b); (p = strstr(p, "# TYPE ")) != NULL; n++) {
		char name[80], type[16];
		p += 7;
		assert_int_equal(sscanf(p, "%79s %15s", name, type), 2);
		snprintf(cell, sizeof cell, "| `%s` | %s |", name, type);
		if (!strstr(gs_buf_text(&doc), cell))
			fail_msg("docs/metrics.md says nothing of %s, a %s", name, type);
	}
	assert_in_range(n, 40, 100);
	gs_buf_done(&b);
	gs_buf_done(&doc);
}

static void health(void **unused)
{
	const char *why;

	view_init(&v, "", "", at(0));
	assert_false(view_healthy(&v, 0, &why));
	engine(0, "eth0", 1);
	v.engines[0].seen_ms = 1000;
	assert_false(view_healthy(&v, 1000, &why));
	v.have_store = true;
	v.store_seen_ms = 1000;
	assert_true(view_healthy(&v, 1000, &why));
	assert_false(view_healthy(&v, 1001 + VIEW_ALIVE_MS, &why));
	v.engines[0].seen_ms = 1001 + VIEW_ALIVE_MS;
	assert_false(view_healthy(&v, 1001 + VIEW_ALIVE_MS, &why));
	assert_string_equal(why, "the writer gives no sign of life");
	v.engines[0].seen_ms = 1000;
	v.engines[0].status.link = LINK_DOWN;
	assert_false(view_healthy(&v, 1000, &why));
	v.engines[0].status.link = LINK_UP;
	v.store.full = 1;
	assert_false(view_healthy(&v, 1000, &why));
	assert_string_equal(why, "the store is full");
}

/* ---- sinks ---- */

static void journal_lines_have_a_priority(void **unused)
{
	const struct gs_alert a = { .id = 1, .kind = GS_ALERT_TROUBLE, .level = GS_ALERT_ERROR, .class_ = GS_CLASS_COUNT, .trouble = GS_TROUBLE_DISK, .key = "sensor:disk", .text = "full",
		.time = at(0), .begin = at(0), .end = GS_TIME_MIN };
	struct sink_line s = sink_line_open(SAY_LOGFMT, "");
	struct gs_buf b = { 0 };
	struct stat st;
	char stream[64];

	assert_false(s.journal);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	s = sink_line_open(SAY_LOGFMT, "");
	assert_true(s.journal);
	sink_line_format(&s, &a, &b);
	assert_memory_equal(b.data, "<3>time=2023-11-14T22:00:00.000Z level=error msg=full ", 54);
	setenv("JOURNAL_STREAM", "1:1", 1); /* standard error was redirected */
	assert_false(sink_line_open(SAY_LOGFMT, "").journal);
	unsetenv("JOURNAL_STREAM");
	gs_buf_clear(&b);
	s = sink_line_open(SAY_JSON, "north");
	sink_line_format(&s, &a, &b);
	assert_memory_equal(b.data, "{\"version\":1,", 13);
	assert_int_equal(b.data[b.len - 1], '\n');
	gs_buf_done(&b);
}

static void the_oldest_gives_way(void **unused)
{
	struct sink_queue q = { 0 };
	unsigned dropped = 0;
	char text[16];
	size_t len;

	for (unsigned i = 0; i < SINK_QUEUE + 10; i++)
		dropped += sink_queue_add(&q, text, (size_t)snprintf(text, sizeof text, "%u", i));
	assert_int_equal(dropped, 10);
	for (unsigned i = 10; i < SINK_QUEUE + 10; i++) {
		snprintf(text, sizeof text, "%u", i);
		assert_string_equal(sink_queue_first(&q, &len), text);
		assert_int_equal(len, strlen(text));
		sink_queue_pop(&q);
	}
	assert_null(sink_queue_first(&q, &len));
	sink_queue_pop(&q);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until it has nothing to do, at most `limit` ms. */
static void run(struct sink_command *s, int64_t limit)
{
	const int64_t end = now_ms() + limit;

	while (sink_command_tick(s, now_ms()) >= 0 && now_ms() < end)
		usleep(5000);
}

static char folder[] = "/tmp/grescope-tell-XXXXXX";

static char *script(const char *body)
{
	static char path[64];
	static unsigned n;

	snprintf(path, sizeof path, "%s/s%u", folder, n++);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s || exit 9\n%s\n", folder, body);
	fclose(f);
	chmod(path, 0700);
	return path;
}

static char *content(const char *name)
{
	static char text[65536];
	char path[64];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "r");
	memset(text, 0, sizeof text);
	if (f) {
		assert_true(fread(text, 1, sizeof text - 1, f) < sizeof text);
		fclose(f);
	}
	return text;
}

static void a_command_gets_it_on_its_input(void **unused)
{
	char command[128];
	snprintf(command, sizeof command, "%s one $HOME;`id`", script("cat >>got; printf '%s|' \"$@\" >>args"));
	struct sink_command *s = sink_command_new(command, 0);

	sink_command_add(s, "{\"a\":1}", 7);
	run(s, 5000);
	assert_string_equal(content("got"), "{\"a\":1}\n");
	assert_string_equal(content("args"), "one|$HOME;`id`|"); /* no shell has seen it */
	assert_int_equal(sink_command_counts(s).sent, 1);
	assert_string_equal(sink_command_trouble(s), "");
	sink_command_free(s);
}

static void a_command_that_fails_is_told(void **unused)
{
	struct sink_command *s = sink_command_new(script("exit 3"), 0);

	sink_command_add(s, "{}", 2);
	run(s, 5000);
	assert_int_equal(sink_command_counts(s).failed, 1);
	assert_non_null(strstr(sink_command_trouble(s), "exit status 3"));
	assert_string_equal(sink_command_trouble(s), "");
	sink_command_free(s);
	s = sink_command_new("/nonexistent/program", 0);
	sink_command_add(s, "{}", 2);
	run(s, 5000);
	assert_int_equal(sink_command_counts(s).failed, 1);
	assert_non_null(strstr(sink_command_trouble(s), "cannot be started"));
	sink_command_free(s);
}

/* One that hangs, with a child that ignores the polite signal: both are gone. */
static void a_command_has_its_time(void **unused)
{
	struct sink_command *s = sink_command_new(script("trap '' TERM; sleep 60 & echo $! >pid; wait; sleep 60"), 300);

	sink_command_add(s, "{}", 2);
	const int64_t start = now_ms();
	run(s, 10000);
	assert_in_range(now_ms() - start, 300, 6000);
	assert_int_equal(sink_command_counts(s).failed, 1);
	char path[64], stat[256] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", atoi(content("pid")));
	usleep(100000);
	FILE *f = fopen(path, "r");
	if (f) { /* or its remains, if nobody has fetched them */
		assert_non_null(fgets(stat, sizeof stat, f));
		fclose(f);
		assert_non_null(strstr(stat, ") Z "));
	}
	sink_command_free(s);
}

static void no_more_than_so_many_at_once(void **unused)
{
	struct sink_command *s = sink_command_new(script("mkdir run.$$; ls | grep -c '^run' >>most; sleep 0.1; rmdir run.$$"), 0);
	char *line, *save, *text;
	unsigned n = 0;

	for (unsigned i = 0; i < 20; i++)
		sink_command_add(s, "{}", 2);
	run(s, 20000);
	assert_int_equal(sink_command_counts(s).sent, 20);
	text = content("most");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++)
		assert_in_range(atoi(line), 1, COMMAND_MAX);
	assert_int_equal(n, 20);
	sink_command_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_fits_any_size),
		cmocka_unit_test(the_page_says_what_matters),
		cmocka_unit_test(seconds_add_up),
		cmocka_unit_test(nobody_reads_lines),
		cmocka_unit_test(metrics_are_well_formed),
		cmocka_unit_test(logs_are_no_interface),
		cmocka_unit_test(metrics_are_documented),
		cmocka_unit_test(health),
		cmocka_unit_test(journal_lines_have_a_priority),
		cmocka_unit_test(the_oldest_gives_way),
		cmocka_unit_test(a_command_gets_it_on_its_input),
		cmocka_unit_test(a_command_that_fails_is_told),
		cmocka_unit_test(a_command_has_its_time),
		cmocka_unit_test(no_more_than_so_many_at_once),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	if (!mkdtemp(folder))
		return 99;
	const int r = cmocka_run_group_tests(tests, NULL, NULL);
	char command[64];
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 ? 99 : r;
}
