/* test_log_live.c - logs as they come: a file that grows, is rotated, is cut; syslog over UDP and TCP */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/follow.h"
#include "source/syslog.h"

#define LINE(n) "Jun  3 12:57:34 fw kernel: IN=eth0 OUT= SRC=192.0.2." #n " DST=198.51.100.1 LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID=5 DF PROTO=47 \n"

static const struct gs_time now = { INT64_C(1465000000) * GS_NS_PER_S }; /* 2016-06-04 */
static char folder[] = "/tmp/gs-test-live-XXXXXX";
static char path[64], other[64];

static int folder_make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/log", folder);
	snprintf(other, sizeof other, "%s/log.1", folder);
	return 0;
}

static int folder_remove(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(folder);
}

static void append_to(const char *file, const char *text)
{
	FILE *f = fopen(file, "ab");
	assert_non_null(f);
	fwrite(text, 1, strlen(text), f);
	fclose(f);
}

/* The last octets of the sources that came, in order: "1 2 3". */
static void follow_gives(struct gs_follow *f, const char *want)
{
	struct gs_sighting rows[2];
	struct gs_tally tally = { 0 };
	char got[200] = "";
	size_t n;

	do {
		struct gs_error err = { 0 };
		if (gs_follow_sightings(f, now, rows, 2, &n, &tally, &err) < 0)
			fail_msg("%s", err.text);
		for (size_t i = 0; i < n; i++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u", *got ? " " : "", rows[i].src.b[3]);
	} while (n > 0);
	if (strcmp(got, want) != 0)
		fail_msg("`%s`, not `%s`", got, want);
}

static void follow_of(const struct gs_follow_options *o, struct gs_follow **ret)
{
	struct gs_error err = { 0 };
	if (gs_follow_open(path, o, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void a_file_that_grows(void **state)
{
	struct gs_follow_options o = { 0 };
	struct gs_follow_counts c;
	struct gs_follow *f;

	(void)state;
	unlink(path);
	append_to(path, LINE(1));
	follow_of(&o, &f);
	follow_gives(f, ""); /* what was there before is not told */
	append_to(path, LINE(2) LINE(3));
	struct pollfd p = { .fd = gs_follow_fd(f), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 2000), 1);
	follow_gives(f, "2 3");
	assert_int_equal(poll(&p, 1, 0), 0); /* and silence again */
	/* a line in pieces */
	const char *line = LINE(4);
	for (size_t i = 0; i < strlen(line); i += 13) {
		char piece[14];
		snprintf(piece, sizeof piece, "%.13s", line + i);
		append_to(path, piece);
		follow_gives(f, i + 13 >= strlen(line) ? "4" : "");
	}
	gs_follow_counts(f, &c);
	assert_int_equal(c.lines, 3);
	assert_true(c.there && c.rotations == 0 && c.truncations == 0);
	gs_follow_close(f);
	o.from_start = true;
	follow_of(&o, &f);
	follow_gives(f, "1 2 3 4");
	gs_follow_close(f);
}

/* A batch that ends with a line ends between lines: else a log that is there all at once would be read in one go, whatever waits for its rows. */
static void between_lines(void **state)
{
	const struct gs_follow_options o = { .from_start = true };
	struct gs_tally tally = { 0 };
	struct gs_follow_place place;
	struct gs_sighting rows[2];
	struct gs_follow *f;
	size_t n;

	(void)state;
	unlink(path);
	append_to(path, LINE(1) LINE(2) LINE(3));
	follow_of(&o, &f);
	assert_int_equal(gs_follow_sightings(f, now, rows, 2, &n, &tally, NULL), 0);
	assert_int_equal(n, 2);
	assert_true(gs_follow_between_lines(f));
	gs_follow_place(f, &place);
	assert_int_equal(place.offset, strlen(LINE(1) LINE(2)));
	follow_gives(f, "3");
	gs_follow_close(f);
	/* of a line that says more there is no place yet */
	unlink(path);
	append_to(path, "Jun  3 12:57:34 fw kernel: IN=a OUT= SRC=192.0.2.1 DST=198.51.100.1 PROTO=47 IN=a OUT= SRC=192.0.2.2 DST=198.51.100.1 PROTO=47\n" LINE(3));
	follow_of(&o, &f);
	assert_int_equal(gs_follow_sightings(f, now, rows, 1, &n, &tally, NULL), 0);
	assert_int_equal(n, 1);
	assert_false(gs_follow_between_lines(f));
	follow_gives(f, "2 3");
	gs_follow_close(f);
}

static void rotation_and_truncation(void **state)
{
	const struct gs_follow_options o = { .from_start = true };
	struct gs_follow_counts c;
	struct gs_follow *f;

	(void)state;
	unlink(path);
	follow_of(&o, &f); /* nothing is there yet */
	follow_gives(f, "");
	append_to(path, LINE(1));
	follow_gives(f, "1");
	/* renamed: its writer goes on for a while, the last line without a newline */
	assert_int_equal(rename(path, other), 0);
	follow_gives(f, "");
	append_to(other, LINE(2));
	follow_gives(f, "2");
	char line[200] = LINE(3);
	line[strlen(line) - 1] = '\0';
	append_to(other, line);
	follow_gives(f, "");
	append_to(path, LINE(4));
	follow_gives(f, "3 4");
	/* gone, and anew */
	unlink(path);
	follow_gives(f, "");
	append_to(path, LINE(5));
	follow_gives(f, "5");
	/* copied and cut, inside a line */
	append_to(path, "Jun  3 12:5");
	follow_gives(f, "");
	assert_int_equal(truncate(path, 0), 0);
	append_to(path, LINE(6));
	follow_gives(f, "6");
	gs_follow_counts(f, &c);
	assert_int_equal(c.rotations, 2);
	assert_int_equal(c.truncations, 1);
	gs_follow_close(f);
}

static void resumes(const struct gs_follow_place *place, enum gs_follow_found want, struct gs_follow **ret)
{
	const struct gs_follow_options o = { 0 };
	struct gs_error err = { 0 };
	enum gs_follow_found found;

	follow_of(&o, ret);
	if (gs_follow_resume(*ret, place, &found, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(found, want);
}

/* Who fetches a log from elsewhere writes it anew and renames it: its lines are not new ones. */
static void a_copy_takes_the_name(void **state)
{
	const struct gs_follow_options o = { .from_start = true };
	struct gs_follow *f;
	char copy[300];

	(void)state;
	snprintf(copy, sizeof copy, "%s.copy", path);
	unlink(path);
	unlink(copy);
	append_to(path, LINE(1) LINE(2));
	follow_of(&o, &f);
	follow_gives(f, "1 2");
	append_to(copy, LINE(1) LINE(2) LINE(3));
	assert_int_equal(rename(copy, path), 0);
	follow_gives(f, "3");
	append_to(path, "Jun  3 12:57:34 fw kernel: IN=a OUT= SRC=192.0.2.4 DST=198.51.100.1 PROTO=4");
	follow_gives(f, "");
	append_to(copy, LINE(1) LINE(2) LINE(3) "Jun  3 12:57:34 fw kernel: IN=a OUT= SRC=192.0.2.4 DST=198.51.100.1 PROTO=47\n");
	assert_int_equal(rename(copy, path), 0);
	follow_gives(f, "4");
	append_to(copy, LINE(5)); /* and another file is another */
	assert_int_equal(rename(copy, path), 0);
	follow_gives(f, "5");
	gs_follow_close(f);
}

static void a_place_is_kept(void **state)
{
	const struct gs_follow_options o = { .from_start = true };
	struct gs_follow_place place;
	struct gs_follow *f;

	(void)state;
	unlink(path);
	unlink(other);
	append_to(path, LINE(1) "Jun  3 12");
	follow_of(&o, &f);
	follow_gives(f, "1");
	gs_follow_place(f, &place);
	assert_int_equal(place.offset, strlen(LINE(1)));
	gs_follow_close(f);
	append_to(path, ":57:34 fw kernel: nothing\n" LINE(2));
	resumes(&place, GS_FOLLOW_SAME, &f);
	follow_gives(f, "2");
	gs_follow_place(f, &place);
	gs_follow_close(f);
	/* rotated meanwhile: what the old one still got, then the new one */
	append_to(path, LINE(3));
	assert_int_equal(rename(path, other), 0);
	append_to(path, LINE(4) LINE(5));
	resumes(&place, GS_FOLLOW_ROTATED, &f);
	follow_gives(f, "3 4 5");
	gs_follow_place(f, &place);
	assert_int_equal(place.offset, 2 * strlen(LINE(4)));
	append_to(path, LINE(6));
	follow_gives(f, "6");
	gs_follow_close(f);
	/* rotated, and no new file yet */
	assert_int_equal(rename(path, other), 0);
	resumes(&place, GS_FOLLOW_ROTATED, &f);
	follow_gives(f, "6");
	append_to(path, LINE(7));
	follow_gives(f, "7");
	gs_follow_place(f, &place);
	gs_follow_close(f);
	/* gone with what it had: the one that has the name is read from its beginning */
	assert_int_equal(unlink(path), 0);
	append_to(path, LINE(8) LINE(9));
	resumes(&place, GS_FOLLOW_ANOTHER, &f);
	follow_gives(f, "8 9");
	gs_follow_close(f);
	/* nothing was there: whatever is there now is news */
	place = (struct gs_follow_place){ 0 };
	resumes(&place, GS_FOLLOW_SAME, &f);
	follow_gives(f, "8 9");
	gs_follow_close(f);
}

/* A new file with line 1, and the place behind it. */
static void read_one_line(struct gs_follow_place *ret)
{
	const struct gs_follow_options o = { .from_start = true };
	struct gs_follow *f;

	unlink(path);
	unlink(other);
	append_to(path, LINE(1));
	follow_of(&o, &f);
	follow_gives(f, "1");
	gs_follow_place(f, ret);
	gs_follow_close(f);
}

/* copytruncate: the octets are in another file now, and the inode has the new ones */
static void a_place_that_was_copied(void **state)
{
	struct gs_follow_place place;
	struct gs_follow *f;

	(void)state;
	read_one_line(&place);
	append_to(other, LINE(1) LINE(2));
	assert_int_equal(truncate(path, 0), 0);
	append_to(path, LINE(3) LINE(4) LINE(5));
	resumes(&place, GS_FOLLOW_ROTATED, &f);
	follow_gives(f, "2 3 4 5");
	gs_follow_close(f);
}

/* Two rotations while nobody looked, nothing compressed: the one between is not read, and that is told. */
static void a_gap_is_told(void **state)
{
	char older[80];
	struct gs_follow_place place;
	struct gs_follow *f;

	(void)state;
	read_one_line(&place);
	snprintf(older, sizeof older, "%s/log.2", folder);
	assert_int_equal(rename(path, older), 0);
	usleep(20000); /* a file system's clock may tick with the kernel's */
	append_to(other, LINE(2));
	usleep(20000);
	append_to(path, LINE(3));
	resumes(&place, GS_FOLLOW_GAP, &f);
	follow_gives(f, "3");
	gs_follow_close(f);
	unlink(older);
	unlink(other);
}

/* Zeek names its columns at the top of a file: whoever begins further on must know them. */
static void a_heading_before_the_place(void **state)
{
	const struct gs_follow_options o = { 0 };
	struct gs_follow *f;

	(void)state;
	unlink(path);
	append_to(path, "#separator \\x09\n#path\ttunnel\n#fields\tts\tid.resp_h\tid.orig_h\ttunnel_type\taction\n");
	follow_of(&o, &f);
	append_to(path, "1465000000.0\t198.51.100.1\t192.0.2.9\tTunnel::GRE\tTunnel::DISCOVER\n");
	follow_gives(f, "9");
	gs_follow_close(f);
}

static void what_cannot_be_followed(void **state)
{
	const struct gs_follow_options o = { 0 };
	struct gs_follow *f;

	(void)state;
	assert_int_equal(gs_follow_open(folder, &o, &f, NULL), GS_ERR_FORMAT);
	assert_int_equal(gs_follow_open("/dev/null", &o, &f, NULL), GS_ERR_FORMAT);
}

/* ---- syslog ---- */

#define MESSAGE(n) "<4>Jun  3 12:57:34 fw kernel: IN=eth0 OUT= SRC=192.0.2." #n " DST=198.51.100.1 LEN=564 TTL=49 ID=5 DF PROTO=47 "

static struct gs_syslog *listening(const char *where)
{
	const struct gs_syslog_options o = { .listen = where };
	struct gs_error err = { 0 };
	struct gs_syslog *s;

	if (gs_syslog_open(&o, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static int sender(const struct gs_syslog *s, int type)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)gs_syslog_port(s)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void put(int fd, const void *text, size_t len)
{
	const char *p = text;
	while (len) {
		const ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

static struct gs_tally syslog_gives(struct gs_syslog *s, const char *want)
{
	struct gs_sighting rows[2];
	struct gs_tally tally = { 0 };
	char got[200] = "";
	struct pollfd p = { .fd = gs_syslog_fd(s), .events = POLLIN };

	/* until it is silent for a while */
	while (poll(&p, 1, strlen(got) >= strlen(want) ? 20 : 2000) == 1) {
		size_t n;
		do {
			assert_int_equal(gs_syslog_sightings(s, now, rows, 2, &n, &tally, NULL), 0);
			for (size_t i = 0; i < n; i++)
				snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u", *got ? " " : "", rows[i].src.b[3]);
		} while (n == 2);
	}
	if (strcmp(got, want) != 0)
		fail_msg("`%s`, not `%s`", got, want);
	return tally;
}

static void datagrams(void **state)
{
	struct gs_syslog *s = listening("127.0.0.1:0");
	const int fd = sender(s, SOCK_DGRAM);
	struct gs_syslog_counts c;

	(void)state;
	put(fd, MESSAGE(1), strlen(MESSAGE(1)));
	put(fd, MESSAGE(2) "\n", strlen(MESSAGE(2)) + 1);
	put(fd, "<4>Jun  3 12:57:34 fw sshd: hello", 33);
	put(fd, "<134>1 - fw filterlog - - - 1,6,,1,ix1,match,block,in,4,0x0,,54,5245,0,DF,47,gre,564,192.0.2.3,198.51.100.1,datalength=544", 123);
	put(fd, "<4>kernel: [ 12.5] IN=eth0 OUT= SRC=x DST=198.51.100.1 PROTO=47", 63);
	const struct gs_tally t = syslog_gives(s, "1 2 3");
	assert_int_equal(t.records, 3);
	assert_int_equal(t.records_bad, 1);
	assert_string_equal(gs_syslog_first_bad(s), "127.0.0.1: netfilter: source `x` is none that grescope reads");
	gs_syslog_counts(s, &c);
	assert_int_equal(c.datagrams, 5);
	close(fd);
	gs_syslog_close(s);
}

static void the_time_it_came(void **state)
{
	struct gs_syslog *s = listening("127.0.0.1:0");
	const int fd = sender(s, SOCK_DGRAM);
	struct gs_sighting row;
	struct gs_tally tally = { 0 };
	struct pollfd p = { .fd = gs_syslog_fd(s), .events = POLLIN };
	size_t n;

	(void)state;
	put(fd, "<4>[ 12.5] IN=eth0 OUT= SRC=192.0.2.1 DST=198.51.100.1 PROTO=47", 64);
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(gs_syslog_sightings(s, now, &row, 1, &n, &tally, NULL), 0);
	assert_int_equal(n, 1);
	assert_true(row.first.ns == now.ns && row.last.ns == now.ns);
	close(fd);
	gs_syslog_close(s);
}

static void streams(void **state)
{
	struct gs_syslog *s = listening("127.0.0.1:0");
	const int lines = sender(s, SOCK_STREAM), counted = sender(s, SOCK_STREAM);
	struct gs_syslog_counts c;
	char text[400];

	(void)state;
	put(lines, MESSAGE(1) "\n" MESSAGE(2) "\n", strlen(MESSAGE(1)) * 2 + 2);
	syslog_gives(s, "1 2");
	int n = snprintf(text, sizeof text, "%zu " MESSAGE(3) "%zu " MESSAGE(4), strlen(MESSAGE(3)), strlen(MESSAGE(4)));
	put(counted, text, (size_t)n);
	syslog_gives(s, "3 4");
	/* octet by octet, and both framings on one connection */
	n = snprintf(text, sizeof text, "%zu " MESSAGE(5) MESSAGE(6) "\n", strlen(MESSAGE(5)));
	char got[40] = "";
	for (int i = 0; i < n + 100 && strlen(got) < 4; i++) {
		struct gs_sighting row;
		struct gs_tally tally = { 0 };
		size_t rows;
		if (i < n)
			put(counted, text + i, 1);
		else
			poll(NULL, 0, 20);
		assert_int_equal(gs_syslog_sightings(s, now, &row, 1, &rows, &tally, NULL), 0);
		if (rows)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%u ", row.src.b[3]);
	}
	assert_string_equal(got, "5 6 ");
	close(lines);
	put(counted, MESSAGE(7), 20); /* it ends inside a message */
	close(counted);
	syslog_gives(s, "");
	gs_syslog_counts(s, &c);
	assert_int_equal(c.connections, 2);
	assert_int_equal(c.cut, 1);
	assert_int_equal(c.open, 0);
	gs_syslog_close(s);
}

static void messages_that_are_too_long(void **state)
{
	struct gs_syslog *s = listening("127.0.0.1:0");
	const size_t big = GS_SYSLOG_MESSAGE_MAX + 1000;
	char *text = malloc(big + 20);
	const int fd = sender(s, SOCK_STREAM);
	struct gs_syslog_counts c;

	(void)state;
	if (!text)
		abort();
	memset(text, 'x', big);
	text[big] = '\n';
	put(fd, text, big + 1);
	put(fd, MESSAGE(1) "\n", strlen(MESSAGE(1)) + 1);
	struct gs_tally t = syslog_gives(s, "1");
	assert_int_equal(t.records_bad, 1);
	int n = sprintf(text, "%zu <4>", big);
	put(fd, text, (size_t)n);
	memset(text, 'x', big);
	put(fd, text, big - 3);
	put(fd, MESSAGE(2) "\n", strlen(MESSAGE(2)) + 1);
	t = syslog_gives(s, "2");
	assert_int_equal(t.records_bad, 1);
	gs_syslog_counts(s, &c);
	assert_int_equal(c.too_long, 2);
	assert_int_equal(c.stream_messages, 4);
	close(fd);
	gs_syslog_close(s);
	free(text);
}

static void connections_are_capped(void **state)
{
	struct gs_syslog *s = listening("127.0.0.1:0");
	int fds[GS_SYSLOG_PER_ADDRESS + 3];
	struct gs_syslog_counts c;

	(void)state;
	for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
		fds[i] = sender(s, SOCK_STREAM);
	syslog_gives(s, "");
	gs_syslog_counts(s, &c);
	assert_int_equal(c.connections, GS_SYSLOG_PER_ADDRESS);
	assert_int_equal(c.connections_refused, 3);
	assert_int_equal(c.open, GS_SYSLOG_PER_ADDRESS);
	put(fds[0], MESSAGE(1) "\n", strlen(MESSAGE(1)) + 1);
	syslog_gives(s, "1");
	close(fds[0]);
	syslog_gives(s, "");
	const int fd = sender(s, SOCK_STREAM);
	put(fd, MESSAGE(2) "\n", strlen(MESSAGE(2)) + 1);
	syslog_gives(s, "2");
	close(fd);
	for (unsigned i = 1; i < sizeof fds / sizeof *fds; i++)
		close(fds[i]);
	gs_syslog_close(s);
}

static void where_to_listen(void **state)
{
	static const char *const wrong[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:514", "host:514", "127.0.0.1:5x", "[127.0.0.1" };
	struct gs_syslog *s;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const struct gs_syslog_options o = { .listen = wrong[i] };
		struct gs_error err = { 0 };
		if (gs_syslog_open(&o, &s, &err) != GS_ERR_USAGE)
			fail_msg("`%s`: %s", wrong[i], err.text);
	}
	const struct gs_syslog_options neither = { .listen = "127.0.0.1:0", .no_udp = true, .no_tcp = true };
	assert_int_equal(gs_syslog_open(&neither, &s, NULL), GS_ERR_USAGE);
	s = listening("127.0.0.1:0");
	const struct gs_syslog_options taken = { .listen = gs_syslog_bound(s) };
	struct gs_syslog *second;
	assert_int_equal(gs_syslog_open(&taken, &second, NULL), GS_ERR_NETWORK);
	gs_syslog_close(s);
	s = listening("0");
	assert_true(gs_syslog_port(s) > 0);
	gs_syslog_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_grows),
		cmocka_unit_test(between_lines),
		cmocka_unit_test(rotation_and_truncation),
		cmocka_unit_test(a_copy_takes_the_name),
		cmocka_unit_test(a_place_is_kept),
		cmocka_unit_test(a_place_that_was_copied),
		cmocka_unit_test(a_gap_is_told),
		cmocka_unit_test(a_heading_before_the_place),
		cmocka_unit_test(what_cannot_be_followed),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(the_time_it_came),
		cmocka_unit_test(streams),
		cmocka_unit_test(messages_that_are_too_long),
		cmocka_unit_test(connections_are_capped),
		cmocka_unit_test(where_to_listen),
	};

	return cmocka_run_group_tests_name("log_live", tests, folder_make, folder_remove);
}
