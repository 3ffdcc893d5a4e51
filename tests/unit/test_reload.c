/* test_reload.c - databases that change under a running process: good editions are taken, damaged ones told once and not taken, files overwritten in place do no harm */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mmdb_writer.h"
#include "sensor/reload.h"

#include <fcntl.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/grescope-reload-XXXXXX", path[64], other[64];
static struct gs_time now = { INT64_C(1790000000) * GS_NS_PER_S };

/* A city database in which every IPv4 address is in this city. */
static uint8_t *city_file(const char *city, size_t *ret_len)
{
	struct mmdb_writer w;

	mw_init(&w, 4, 24, "City");
	const uint32_t at = mw_here(&w);
	mw_map(&w, 3);
	mw_string(&w, "city");
	mw_string(&w, city);
	mw_string(&w, "country_code");
	mw_string(&w, "TW");
	mw_string(&w, "state1");
	mw_string(&w, "Taiwan");
	mw_insert(&w, "0.0.0.0/1", at);
	mw_insert(&w, "128.0.0.0/1", at);
	uint8_t *data = mw_finish(&w, ret_len);
	mw_done(&w);
	return data;
}

static void put(const char *to, const void *data, size_t len)
{
	FILE *f = fopen(to, "wb"); /* truncates what is there */

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void put_city(const char *to, const char *city)
{
	size_t len;
	uint8_t *data = city_file(city, &len);

	put(to, data, len);
	free(data);
}

static const char *city_of(const struct reload *r, uint8_t first)
{
	const struct gs_addr a = gs_addr_v4((const uint8_t[]){ first, 1, 2, 3 });
	struct gs_origin o;

	gs_enrich_lookup(r->enrich, &a, &o);
	return gs_enrich_string(r->enrich, o.city);
}

/* Seconds go by, one look each; the first answer that is not SAME. */
static enum reload_result wait_look(struct reload *r, unsigned seconds, char said[400])
{
	enum reload_result result = RELOAD_SAME;
	struct gs_enrich *old = NULL;

	for (unsigned i = 0; i < seconds && result == RELOAD_SAME; i++) {
		now.ns += GS_NS_PER_S;
		result = reload_look(r, now, false, &old, said, 400);
		if (result == RELOAD_NEW)
			gs_enrich_close(old);
		else
			assert_null(old);
	}
	return result;
}

static struct sensor_config *config(void)
{
	struct sensor_config *c = NULL;
	char text[200];
	const int n = snprintf(text, sizeof text, "[data]\nplaces = %s\n", path);

	assert_int_equal(config_read_memory("c", text, (size_t)n, true, NULL, NULL, &c, NULL), 0);
	return c;
}

static void test_life(void **state)
{
	struct sensor_config *c = config();
	struct reload r;
	struct gs_error err = { 0 };
	char said[400];
	size_t len;

	(void)state;
	put_city(path, "Taipei");
	if (reload_open(&r, c, now, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(city_of(&r, 1), "Taipei");
	assert_int_equal(wait_look(&r, 200, said), RELOAD_SAME);

	/* a new edition comes by rename */
	put_city(other, "Keelung");
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_NEW);
	assert_non_null(strstr(said, "databases were read anew"));
	assert_string_equal(city_of(&r, 1), "Keelung");

	/* one that is still being written is waited for */
	struct gs_enrich *before = r.enrich;
	for (unsigned i = 0; i < 100; i++) {
		char dots[200];
		memset(dots, '.', sizeof dots);
		put(path, dots, i + 1);
		assert_int_equal(wait_look(&r, 3, said), RELOAD_SAME);
		assert_ptr_equal(r.enrich, before);
	}

	/* it turns out to be nonsense, and has overwritten what was there: told once, the old one answers on */
	assert_int_equal(wait_look(&r, 100, said), RELOAD_KEPT);
	assert_non_null(strstr(said, "the old ones stay"));
	assert_non_null(strstr(said, path));
	assert_string_equal(city_of(&r, 2), "Keelung");
	assert_string_equal(city_of(&r, 200), "Keelung");
	assert_int_equal(wait_look(&r, 300, said), RELOAD_SAME);

	/* sound at its end, its records damaged */
	uint8_t *data = city_file("Hualien", &len);
	uint8_t *at = memmem(data, len, "Hualien", 7);
	assert_non_null(at);
	memset(at - 6, 0xff, 12);
	put(path, data, len);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_KEPT);
	assert_non_null(strstr(said, "damaged"));
	assert_string_equal(city_of(&r, 3), "Keelung");
	/* cut short by a few octets, and empty, and gone */
	free(data);
	data = city_file("Hualien", &len);
	put(path, data, len - 5);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_KEPT);
	put(path, data, 0);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_KEPT);
	unlink(path);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_KEPT);
	assert_non_null(strstr(said, "No such file"));
	assert_string_equal(city_of(&r, 4), "Keelung");
	put(path, data, len);
	free(data);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_NEW);
	assert_string_equal(city_of(&r, 4), "Hualien");

	/* asked to, at once, also what has not changed */
	struct gs_enrich *old = NULL;
	assert_int_equal(reload_look(&r, now, true, &old, said, sizeof said), RELOAD_NEW);
	gs_enrich_close(old);
	/* a clock that is set back by a year does not end the looking */
	now.ns -= 365 * INT64_C(86400) * GS_NS_PER_S;
	put_city(path, "Tainan");
	assert_int_equal(wait_look(&r, 100, said), RELOAD_NEW);
	reload_close(&r);
	config_free(c);
	unlink(path);
}

/* Nothing there at the start is told; it is taken when it comes. */
static void test_late(void **state)
{
	struct sensor_config *c = config();
	struct reload r;
	struct gs_error err = { 0 };
	char said[400];

	(void)state;
	assert_int_equal(reload_open(&r, c, now, &err), GS_ERR_NOENT);
	assert_null(r.enrich);
	assert_int_equal(reload_age_s(&r, now), 0);
	assert_int_equal(wait_look(&r, 100, said), RELOAD_SAME);
	put_city(path, "Taipei");
	assert_int_equal(wait_look(&r, 100, said), RELOAD_NEW);
	assert_string_equal(city_of(&r, 1), "Taipei");
	reload_close(&r);
	config_free(c);
	unlink(path);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/city.mmdb", folder);
	snprintf(other, sizeof other, "%s/new", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_life), cmocka_unit_test(test_late) };
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
