/* test_keep.c - evidence files: what was kept is read back, octet for octet; cut at any place, all whole pieces are; rotation, refusals, failing writes, a kill */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "source/keep_pcap.h"
#include "source/source.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 1500000000
#define SNAP 256

static char folder[] = "/tmp/grescope-keep-XXXXXX";

struct asked {
	unsigned n;
	struct gs_time first;
};

static void on_ask(void *arg, struct gs_time first)
{
	struct asked *a = arg;
	a->n++;
	a->first = first;
}

static struct gs_frame frame_of(uint64_t i, uint8_t data[1600])
{
	const uint32_t caplen = 40 + (uint32_t)(i * 37 % 300);

	for (uint32_t j = 0; j < caplen; j++)
		data[j] = (uint8_t)(i * 131 + j * (i % 7));
	return (struct gs_frame){ .data = data, .caplen = caplen, .wirelen = caplen + 5, .ts = { (T0 * GS_NS_PER_S) + (int64_t)i * 1001 }, .linktype = 1, .sampling = 1 };
}

static struct gs_keep *keeper(uint64_t file_bytes, uint64_t file_s, struct asked *a)
{
	const struct gs_keep_options o = { .linktype = 1, .snaplen = SNAP, .file_bytes = file_bytes, .file_s = file_s, .ask = on_ask, .arg = a };
	struct gs_keep *k = NULL;

	*a = (struct asked){ 0 };
	assert_int_equal(gs_keep_new(&o, &k, NULL), 0);
	return k;
}

static void put(struct gs_keep *k, uint64_t from, uint64_t to)
{
	uint8_t data[1600];
	struct gs_error err = { 0 };

	for (uint64_t i = from; i < to; i++) {
		const struct gs_frame f = frame_of(i, data);
		if (gs_keep_frames(k, &f, 1, &err) != 0)
			fail_msg("%s", err.text);
	}
}

static void path_of(unsigned n, char out[100])
{
	snprintf(out, 100, "%s/%u.pcap.zst", folder, n);
}

static int file_new(unsigned n)
{
	char path[100];
	path_of(n, path);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void give(struct gs_keep *k, unsigned n)
{
	struct gs_error err = { 0 };
	if (gs_keep_give(k, file_new(n), "file", &err) != 0)
		fail_msg("%s", err.text);
}

/* Reads a file: frames from..., in order, each as it was. Returns how many; *ret_r is the result of the last call. */
static uint64_t read_back(unsigned n, uint64_t from, int *ret_r)
{
	char path[100];
	struct gs_source *s;
	struct gs_error err = { 0 };
	struct gs_frame f[GS_SOURCE_BATCH];
	uint8_t data[1600];
	uint64_t i = from;
	size_t m = 1;
	int r = 0;

	path_of(n, path);
	*ret_r = gs_source_open(path, &s, &err);
	if (*ret_r < 0)
		return 0;
	while (r == 0 && m) {
		r = gs_source_frames(s, f, GS_SOURCE_BATCH, &m, &err);
		for (size_t j = 0; j < m; j++, i++) {
			const struct gs_frame want = frame_of(i, data);
			assert_int_equal(f[j].caplen, want.caplen < SNAP ? want.caplen : SNAP);
			assert_int_equal(f[j].wirelen, want.wirelen);
			assert_int_equal(f[j].ts.ns, want.ts.ns);
			assert_int_equal(f[j].linktype, 1);
			assert_memory_equal(f[j].data, data, f[j].caplen);
		}
	}
	gs_source_close(s);
	*ret_r = r;
	return i - from;
}

static void test_back(void **state)
{
	struct asked a;
	struct gs_keep *k = keeper(0, 0, &a);
	struct gs_keep_counts c;
	int r;

	(void)state;
	put(k, 0, 3);
	assert_int_equal(a.n, 1); /* once, with the first packet, which waits */
	assert_int_equal(a.first.ns, T0 * GS_NS_PER_S);
	give(k, 1);
	put(k, 3, 20000);
	assert_int_equal(a.n, 1);
	assert_int_equal(gs_keep_tick(k, (struct gs_time){ (T0 + 1) * GS_NS_PER_S }, NULL), 0);
	gs_keep_count(k, &c);
	assert_int_equal(c.kept, 20000);
	assert_int_equal(c.missed, 0);
	assert_int_equal(c.files, 1);
	struct stat st;
	char path[100];
	path_of(1, path);
	stat(path, &st);
	assert_int_equal(c.written_bytes, st.st_size);
	gs_keep_free(k);
	assert_int_equal(read_back(1, 0, &r), 20000);
	assert_int_equal(r, 0);
}

/* A file that ends anywhere: what lies before the piece that is cut is all there. */
static void test_cut(void **state)
{
	struct asked a;
	struct gs_keep *k = keeper(0, 0, &a);
	uint64_t ends[8][2]; /* octets, frames */
	struct gs_keep_counts c;
	char path[100];
	int r;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		put(k, i * 10, i * 10 + 10);
		if (i == 0)
			give(k, 2);
		gs_keep_tick(k, (struct gs_time){ (T0 + i) * GS_NS_PER_S }, NULL);
		gs_keep_count(k, &c);
		ends[i][0] = c.written_bytes;
		ends[i][1] = c.kept;
	}
	gs_keep_free(k);
	path_of(2, path);
	for (uint64_t len = ends[7][0]; len >= ends[0][0]; len--) {
		unsigned i = 7;
		while (ends[i][0] > len)
			i--;
		assert_int_equal(truncate(path, (off_t)len), 0);
		const uint64_t n = read_back(2, 0, &r);
		if (n < ends[i][1] || (len == ends[i][0] && (r != 0 || n != ends[i][1])) || (len != ends[i][0] && r != GS_ERR_DAMAGED))
			fail_msg("cut at %lu: %lu frames, result %d", (unsigned long)len, (unsigned long)n, r);
	}
}

static void test_rotation(void **state)
{
	struct asked a;
	struct gs_keep *k = keeper(20000, 0, &a);
	struct gs_keep_counts c;
	uint64_t at = 0, from = 0;
	int r;

	(void)state;
	put(k, at, at + 10);
	at += 10;
	give(k, 10);
	for (unsigned file = 11; file < 14; file++) {
		while (a.n < file - 9) {
			put(k, at, at + 10);
			at += 10;
			gs_keep_tick(k, (struct gs_time){ T0 * GS_NS_PER_S }, NULL);
			put(k, at, at + 1);
			at++;
		}
		put(k, at, at + 7); /* still into the old one */
		at += 7;
		give(k, file);
		const uint64_t n = read_back(file - 1, from, &r);
		assert_int_equal(r, 0);
		assert_true(n >= 10);
		from += n;
		assert_int_equal(from, at);
		assert_int_equal(read_back(file, 0, &r), 0); /* empty, but a capture */
		assert_int_equal(r, 0);
	}
	gs_keep_count(k, &c);
	assert_int_equal(c.missed, 0);
	assert_int_equal(c.files, 4);
	gs_keep_free(k);

	/* nobody answers: up to twice the size, then it is counted; nothing is written without bound */
	k = keeper(20000, 0, &a);
	put(k, 0, 1);
	give(k, 15);
	for (uint64_t i = 1; i < 100000; i += 50) {
		put(k, i, i + 50);
		gs_keep_tick(k, (struct gs_time){ T0 * GS_NS_PER_S }, NULL);
	}
	assert_int_equal(a.n, 2);
	gs_keep_count(k, &c);
	assert_true(c.missed > 1000 && c.written_bytes < 2 * 20000 + (300u << 10));
	assert_int_equal(c.missed + c.kept, 100001);
	gs_keep_free(k);
}

static void test_age(void **state)
{
	struct asked a;
	struct gs_keep *k = keeper(0, 60, &a);
	struct gs_keep_counts c;
	int r;

	(void)state;
	put(k, 0, 5);
	give(k, 20);
	gs_keep_tick(k, (struct gs_time){ (T0 + 59) * GS_NS_PER_S }, NULL);
	put(k, 5, 6);
	gs_keep_tick(k, (struct gs_time){ (T0 + 61) * GS_NS_PER_S }, NULL); /* closes; nothing is asked while nothing comes */
	gs_keep_tick(k, (struct gs_time){ (T0 + 600) * GS_NS_PER_S }, NULL);
	assert_int_equal(a.n, 1);
	assert_int_equal(read_back(20, 0, &r), 6);
	put(k, 6, 7);
	assert_int_equal(a.n, 2);
	gs_keep_refuse(k, (struct gs_time){ (T0 + 600) * GS_NS_PER_S });
	put(k, 7, 8);
	gs_keep_tick(k, (struct gs_time){ (T0 + 659) * GS_NS_PER_S }, NULL);
	assert_int_equal(a.n, 2);
	gs_keep_tick(k, (struct gs_time){ (T0 + 661) * GS_NS_PER_S }, NULL);
	assert_int_equal(a.n, 3);
	give(k, 21);
	gs_keep_count(k, &c);
	assert_int_equal(c.kept, 8);
	assert_int_equal(c.missed, 0);
	gs_keep_free(k);
	assert_int_equal(read_back(21, 6, &r), 2);
}

/* While no file comes a piece waits, and what is more is counted; other link types and times that a pcap cannot hold too. */
static void test_missed(void **state)
{
	struct asked a;
	struct gs_keep *k = keeper(0, 0, &a);
	struct gs_keep_counts c;
	uint8_t data[1600];
	int r;

	(void)state;
	put(k, 0, 5000);
	gs_keep_count(k, &c);
	assert_true(c.missed > 3000 && c.missed < 4500);
	give(k, 30);
	const uint64_t waited = 5000 - c.missed;
	assert_int_equal(read_back(30, 0, &r), waited);
	struct gs_frame f = frame_of(0, data);
	f.linktype = 101;
	gs_keep_frames(k, &f, 1, NULL);
	f.linktype = 1;
	f.ts.ns = -1;
	gs_keep_frames(k, &f, 1, NULL);
	f.ts.ns = INT64_MAX;
	gs_keep_frames(k, &f, 1, NULL);
	const uint64_t before = c.missed;
	gs_keep_count(k, &c);
	assert_int_equal(c.missed, before + 3);
	gs_keep_free(k);
}

/* A disk that is full: the file is cut back to its last whole piece and stays readable; told once. */
static void test_full(void **state)
{
	struct asked a;
	struct gs_keep *k = keeper(0, 0, &a);
	struct gs_error err = { 0 };
	struct gs_keep_counts c;
	struct rlimit was, small;
	uint64_t at = 10;
	int r = 0, told = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = 20000;
	put(k, 0, 10);
	give(k, 40);
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 400; i++, at += 10) {
		put(k, at, at + 10);
		r = gs_keep_tick(k, (struct gs_time){ T0 * GS_NS_PER_S }, &err);
		told += r < 0;
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(told, 1);
	assert_int_equal(err.code, GS_ERR_IO);
	assert_non_null(strstr(err.text, "evidence file file"));
	gs_keep_count(k, &c);
	assert_true(c.missed > 0 && c.written_bytes <= 20000);
	assert_int_equal(read_back(40, 0, &r), c.kept);
	assert_int_equal(r, 0);
	gs_keep_free(k);
}

/* A real kill, in the middle of work: the file is read to its last piece. */
static void test_kill(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 5; turn++) {
		const int fd = file_new(50 + turn);
		const pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct asked a;
			struct gs_keep *k = keeper(0, 0, &a);
			uint64_t at = 1;
			put(k, 0, 1);
			gs_keep_give(k, fd, "file", NULL);
			for (;;) {
				put(k, at, at + 100);
				at += 100;
				if (at % 500 == 1)
					gs_keep_tick(k, (struct gs_time){ T0 * GS_NS_PER_S }, NULL);
			}
		}
		close(fd);
		usleep(20000 + turn * 7000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		int r;
		const uint64_t n = read_back(50 + turn, 0, &r);
		if (n < 100 || (r != 0 && r != GS_ERR_DAMAGED))
			fail_msg("%lu frames, result %d", (unsigned long)n, r);
	}
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char path[100];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		path_of(i, path);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back),   cmocka_unit_test(test_cut),  cmocka_unit_test(test_rotation), cmocka_unit_test(test_age),
		cmocka_unit_test(test_missed), cmocka_unit_test(test_full), cmocka_unit_test(test_kill),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
