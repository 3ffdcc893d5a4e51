/* test_evidence.c - the folder of evidence: names, the cap, what is never removed, and finding a packet again */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sensor/evidence.h"
#include "source/keep_pcap.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define T0 1501009531 /* 2017-07-25T19:05:31Z */

static char folder[] = "/tmp/grescope-evidence-XXXXXX";
static struct evidence e;

static struct gs_time at(int64_t s)
{
	return (struct gs_time){ (T0 + s) * GS_NS_PER_S };
}

static void remove_all(void)
{
	DIR *d = opendir(folder);
	const struct dirent *f;

	assert_non_null(d);
	while ((f = readdir(d)))
		if (f->d_name[0] != '.')
			unlinkat(dirfd(d), f->d_name, 0);
	closedir(d);
}

static void open_folder(uint64_t max)
{
	struct gs_error err = { 0 };

	remove_all();
	if (evidence_open(&e, folder, "n\xc3\xb6rd 1/x", max, &err) != 0)
		fail_msg("%s", err.text);
}

static int next(unsigned slot, int64_t s, uint64_t reserve, uint64_t size, char name[EVIDENCE_NAME_MAX])
{
	struct gs_error err = { 0 };
	int fd;
	const int r = evidence_next(&e, slot, at(s), reserve, &fd, name, &err);

	if (r < 0)
		return r;
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	return 0;
}

static bool there(const char *name)
{
	struct stat st;
	return fstatat(e.folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void foreign(const char *name, size_t size)
{
	const int fd = openat(e.folder, name, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static void test_names(void **state)
{
	char name[EVIDENCE_NAME_MAX], prefix[96];
	struct gs_time t;
	struct stat st;
	static const char *const bad[] = { "grescope-a-20170725T190531Z-1.pcap", "grescope-a-20170725T190531Z-.pcap.zst", "grescope-a-20170725T190531Z.pcap.zst",
		                           "grescope-a-20171325T190531Z-1.pcap.zst", "grescope-b-20170725T190531Z-1.pcap.zst", "grescope-a-20170725T190531Z-1.pcap.zst.old",
		                           "grescope-a-", "x", "" };

	(void)state;
	open_folder(1 << 30);
	assert_int_equal(next(0, 0, 0, 0, name), 0);
	assert_string_equal(name, "grescope-n__rd_1_x-20170725T190531Z-1.pcap.zst");
	fstatat(e.folder, name, &st, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(evidence_name_parse(name, e.prefix, &t));
	assert_int_equal(t.ns, at(0).ns);
	evidence_prefix("", prefix);
	assert_string_equal(prefix, "grescope-sensor-");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(evidence_name_parse(bad[i], "grescope-a-", &t));
	/* a name that is taken is passed over, also as a link that leads elsewhere */
	e.number = 0;
	assert_int_equal(symlinkat("/nonexistent", e.folder, "grescope-n__rd_1_x-20170725T190531Z-2.pcap.zst"), 0);
	assert_int_equal(next(0, 0, 0, 0, name), 0);
	assert_string_equal(name, "grescope-n__rd_1_x-20170725T190531Z-3.pcap.zst");
	evidence_close(&e);
}

static void test_cap(void **state)
{
	char names[20][EVIDENCE_NAME_MAX];
	uint64_t bytes = 0;

	(void)state;
	open_folder(1000000);
	foreign("grescope-other-20100101T000000Z-1.pcap.zst", 5000000);
	foreign("notes.txt", 5000000);
	assert_int_equal(symlinkat("notes.txt", e.folder, "grescope-n__rd_1_x-20000101T000000Z-1.pcap.zst"), 0);
	/* slot 1 holds the oldest file of all, open: it is not removed */
	assert_int_equal(next(1, -100, 0, 300000, names[19]), 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(next(0, i, 200000, 200000, names[i]), 0);
		assert_true(there(names[19]));
		for (unsigned j = 0; j <= i; j++)
			assert_int_equal(there(names[j]), j + 3 > i); /* 300000 + 3 * 200000 fit */
	}
	assert_int_equal(e.removed, 7);
	assert_int_equal(evidence_tick(&e, &bytes, NULL), 0);
	assert_int_equal(bytes, 900000);
	/* one that grows: the minute's tick keeps to the cap, down to what is open */
	const int fd = openat(e.folder, names[9], O_WRONLY);
	assert_int_equal(ftruncate(fd, 2000000), 0);
	close(fd);
	assert_int_equal(evidence_tick(&e, &bytes, NULL), 0);
	assert_int_equal(bytes, 2300000);
	assert_true(there(names[19]) && there(names[9]) && !there(names[8]));
	assert_true(there("grescope-other-20100101T000000Z-1.pcap.zst") && there("notes.txt") && there("grescope-n__rd_1_x-20000101T000000Z-1.pcap.zst"));
	evidence_close(&e);
}

/* A cap made much smaller: many files go at once, and the folder is not gone through for each of them. */
static void test_many(void **state)
{
	const clock_t begin = clock();
	char name[EVIDENCE_NAME_MAX];

	(void)state;
	open_folder(UINT64_MAX / 2);
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(name, sizeof name, "grescope-n__rd_1_x-201001%02uT00%02u%02uZ-%u.pcap.zst", 1 + i % 30, i / 60 % 60, i % 60, i);
		foreign(name, 1000);
	}
	assert_int_equal(next(0, 0, 0, 1000, name), 0);
	e.max_bytes = 10000;
	assert_int_equal(evidence_tick(&e, NULL, NULL), 0);
	assert_int_equal(e.removed, 3991);
	assert_true(there(name) && !there("grescope-n__rd_1_x-20100101T000000Z-0.pcap.zst"));
	assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
	evidence_close(&e);
}

static int unwritable(void)
{
	struct evidence other;
	struct gs_error err = { 0 };
	const int r = evidence_open(&other, "/nonexistent/x", "a", 1, &err);

	assert_non_null(strstr(err.text, "/nonexistent/x, the folder of evidence"));
	return r;
}

static void on_ask(void *arg, struct gs_time first)
{
	*(struct gs_time *)arg = first;
}

/* GRE from 192.0.2.k */
static struct gs_frame gre(uint8_t data[64], uint8_t k, int64_t ns)
{
	static const uint8_t head[] = { 0x45, 0, 0, 24, 0, 1, 0, 0, 60, 47, 0, 0, 192, 0, 2, 0, 198, 51, 100, 1, 0, 0, 8, 0 };

	memcpy(data, head, sizeof head);
	data[15] = k;
	return (struct gs_frame){ .data = data, .caplen = sizeof head, .wirelen = sizeof head, .ts = { ns }, .linktype = 101, .sampling = 1 };
}

static void test_find(void **state)
{
	struct gs_time asked = { 0 };
	const struct gs_keep_options o = { .linktype = 101, .snaplen = 256, .ask = on_ask, .arg = &asked };
	struct gs_keep *k;
	struct evidence_place place;
	struct gs_error err = { 0 };
	char name[EVIDENCE_NAME_MAX], want[300];
	uint8_t data[64];
	int fd;

	(void)state;
	assert_int_equal(unwritable(), GS_ERR_NOENT);
	open_folder(1 << 30);
	assert_int_equal(gs_keep_new(&o, &k, NULL), 0);
	for (int file = 0; file < 3; file++) {
		assert_int_equal(evidence_next(&e, 0, at(file * 100), 0, &fd, name, NULL), 0);
		assert_int_equal(gs_keep_give(k, fd, name, NULL), 0);
		for (int i = 0; i < 50; i++) {
			const struct gs_frame f = gre(data, (uint8_t)(i % 5), at(file * 100 + i / 5).ns + 7);
			assert_int_equal(gs_keep_frames(k, &f, 1, NULL), 0);
		}
	}
	gs_keep_free(k);
	foreign("grescope-zz-20170725T190531Z-9.pcap.zst", 100); /* no capture, though it is called one */

	struct gs_addr src = gs_addr_v4((const uint8_t[]){ 192, 0, 2, 3 });
	const struct gs_time t = { at(104).ns + 7 };
	assert_int_equal(evidence_find(folder, "n\xc3\xb6rd 1/x", t, &src, &place, &err), 0);
	snprintf(want, sizeof want, "%s/grescope-n__rd_1_x-20170725T190711Z-2.pcap.zst", folder);
	assert_string_equal(place.path, want);
	assert_int_equal(place.packet, 24);
	assert_int_equal(evidence_find(folder, NULL, t, &src, &place, &err), 0);
	assert_int_equal(place.packet, 24);
	assert_int_equal(evidence_find(folder, "other", t, &src, &place, &err), 0);
	assert_int_equal(place.packet, 0);
	assert_string_equal(place.path, "");
	src.b[3] = 9; /* that moment, but nothing from there */
	assert_int_equal(evidence_find(folder, NULL, t, &src, &place, &err), 0);
	assert_int_equal(place.packet, 0);
	assert_int_equal(place.unread, 1);
	src.b[3] = 3;
	assert_int_equal(evidence_find(folder, NULL, at(-1000), &src, &place, &err), 0); /* before all of them */
	assert_int_equal(place.files, 0);
	assert_int_equal(evidence_find("/nonexistent", NULL, t, &src, &place, &err), GS_ERR_NOENT);
	evidence_close(&e);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	remove_all();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_cap), cmocka_unit_test(test_many), cmocka_unit_test(test_find) };
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
