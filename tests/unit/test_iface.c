/* test_iface.c - the view on interfaces as far as it needs no rights: lo, by name and number, and differences of counters */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/iface.h"

static void lo_by_name_and_number(void **state)
{
	struct gs_ifaces *v = NULL;
	struct gs_error err = { 0 };
	struct gs_iface_state a, b;

	assert_int_equal(gs_ifaces_open(&v, &err), 0);
	assert_int_equal(gs_iface_get(v, "lo", 0, &a, &err), 0);
	assert_string_equal(a.name, "lo");
	assert_int_equal(a.ifindex, (int)if_nametoindex("lo"));
	assert_in_range(a.mtu, 68, UINT32_MAX);
	assert_int_equal(gs_iface_get(v, NULL, a.ifindex, &b, &err), 0);
	assert_string_equal(b.name, "lo");
	assert_int_equal(b.mtu, a.mtu);
	assert_int_not_equal(b.lro, GS_IFACE_ON); /* nothing to receive, nothing to put together */
	gs_ifaces_close(v);
	gs_ifaces_close(NULL);
}

static void counters_count(void **state)
{
	struct gs_ifaces *v = NULL;
	struct gs_error err = { 0 };
	struct gs_iface_state before, after;
	struct gs_iface_counters d;
	struct sockaddr_storage to;
	socklen_t len = sizeof to;

	assert_int_equal(gs_ifaces_open(&v, &err), 0);
	assert_int_equal(gs_iface_get(v, "lo", 0, &before, &err), 0);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	static const uint8_t loopback[16] = { AF_INET, 0, 0, 0, 127, 0, 0, 1 };
	if (!before.up || fd < 0 || bind(fd, (const struct sockaddr *)loopback, sizeof loopback) < 0) {
		gs_ifaces_close(v);
		skip();
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(sendto(fd, "grescope", 8, 0, (struct sockaddr *)&to, len), 8);
	assert_int_equal(gs_iface_get(v, "lo", 0, &after, &err), 0);
	gs_iface_since(&before.rx, &after.rx, &d);
	assert_in_range(d.packets, 100, 1000000);
	assert_in_range(d.bytes, 100 * 36, UINT64_MAX / 2);
	close(fd);
	gs_ifaces_close(v);
}

static void none_of_that_name(void **state)
{
	static const char *const names[] = { "gs-none", "", "a-name-that-is-too-long" };
	struct gs_ifaces *v = NULL;
	struct gs_error err = { 0 };
	struct gs_iface_state s = { .mtu = 7 };

	assert_int_equal(gs_ifaces_open(&v, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(gs_iface_get(v, names[i], 0, &s, &err), GS_ERR_NOENT);
		assert_non_null(strstr(err.text, "no such interface"));
	}
	assert_int_equal(gs_iface_get(v, NULL, 2000000000, &s, &err), GS_ERR_NOENT);
	assert_int_equal(gs_iface_get(v, NULL, 0, &s, &err), GS_ERR_NOENT);
	assert_int_equal(s.mtu, 7); /* untouched */
	assert_int_equal(gs_iface_get(v, "lo", 0, &s, &err), 0); /* a refusal leaves nothing in the way */
	gs_ifaces_close(v);
}

struct seen {
	unsigned n;
	unsigned stop_after;
	bool lo;
};

static bool see(void *arg, const struct gs_iface_state *s)
{
	struct seen *seen = arg;
	seen->lo |= strcmp(s->name, "lo") == 0;
	return ++seen->n != seen->stop_after;
}

static void each_of_them(void **state)
{
	struct gs_ifaces *v = NULL;
	struct gs_error err = { 0 };
	struct gs_iface_event event;
	struct seen all = { 0 }, one = { .stop_after = 1 };

	assert_int_equal(gs_ifaces_open(&v, &err), 0);
	assert_int_equal(gs_iface_each(v, see, &one, &err), 0);
	assert_int_equal(one.n, 1);
	assert_int_equal(gs_iface_each(v, see, &all, &err), 0);
	assert_true(all.lo);
	assert_int_equal(gs_ifaces_event(v, &event, &err), 0); /* nobody changed anything */
	gs_ifaces_close(v);
}

static void differences(void **state)
{
	const struct gs_iface_counters earlier = { .packets = 10, .dropped = 5, .missed = 7 }, later = { .packets = 30, .dropped = 2, .missed = 7, .fifo = 1 };
	struct gs_iface_counters d;

	gs_iface_since(&earlier, &later, &d);
	assert_int_equal(d.packets, 20);
	assert_int_equal(d.dropped, 2); /* it began anew */
	assert_int_equal(d.missed, 0);
	assert_int_equal(gs_iface_lost(&d), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lo_by_name_and_number), cmocka_unit_test(counters_count), cmocka_unit_test(none_of_that_name),
		cmocka_unit_test(each_of_them),          cmocka_unit_test(differences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
