/* test_enrich.c - what the enrich layer promises: tables, MaxMind files of every layout, finding, metadata, and what it does with bad
 * files */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <ftw.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "enrich/enrich.h"
#include "mmdb_writer.h"

/* A folder per test ----------------------------------------------------------------------------------------------------------------- */

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int folder_make(void **state)
{
	(void)state;
	/* in memory where that is possible: some tests write ten thousand files */
	snprintf(dir, sizeof dir, "%s/test_enrich.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int folder_remove(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name in the folder, one of eight in turn; folders on the way are made. */
static const char *path_of(const char *name)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	return path;
}

static const char *file_of(const char *name, const void *data, size_t len)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

static const char *text_of(const char *name, const char *text)
{
	return file_of(name, text, strlen(text));
}

static const char *mmdb_of(const char *name, struct mmdb_writer *w)
{
	size_t len;
	uint8_t *data = mw_finish(w, &len);
	const char *path = file_of(name, data, len);

	free(data);
	mw_done(w);
	return path;
}

/* Opening ------------------------------------------------------------------------------------------------------------------------ */

static struct gs_error last_error;

static int try_open(const char *asn, const char *city, struct gs_enrich **ret)
{
	struct gs_enrich_options o = { .asn_db = &asn, .n_asn_db = asn != NULL, .city_db = &city, .n_city_db = city != NULL };
	last_error = (struct gs_error){ 0 };
	return gs_enrich_open(&o, ret, &last_error);
}

static struct gs_enrich *opened(const char *asn, const char *city)
{
	struct gs_enrich *e = NULL;
	if (try_open(asn, city, &e) < 0)
		fail_msg("%s", last_error.text);
	return e;
}

static struct gs_enrich *opened_folders(const char *first, const char *second)
{
	const char *folders[] = { first, second };
	struct gs_enrich_options o = { .folders = folders, .n_folders = second ? 2 : 1 };
	struct gs_enrich *e = NULL;
	last_error = (struct gs_error){ 0 };
	if (gs_enrich_open(&o, &e, &last_error) < 0)
		fail_msg("%s", last_error.text);
	return e;
}

static struct gs_origin origin(struct gs_enrich *e, const char *text)
{
	struct gs_addr a;
	struct gs_origin o;

	assert_true(gs_addr_parse(text, strlen(text), &a));
	gs_enrich_lookup(e, &a, &o);
	return o;
}

/* "asn|name|country|region|city" of an address. */
static const char *said(struct gs_enrich *e, const char *addr)
{
	static char text[1200];
	struct gs_origin o = origin(e, addr);

	snprintf(text, sizeof text, "%u|%s|%.2s|%s|%s", o.asn, gs_enrich_string(e, o.as_name), o.country, gs_enrich_string(e, o.region),
	         gs_enrich_string(e, o.city));
	return text;
}

static void assert_refused(const char *asn, const char *city, int code, const char *part)
{
	struct gs_enrich *e = NULL;
	int r = try_open(asn, city, &e);

	gs_enrich_close(e);
	if (r != code || !strstr(last_error.text, part) || !strstr(last_error.text, asn ? asn : city))
		fail_msg("expected %d with '%s', got %d: %s", code, part, r, last_error.text);
	assert_null(e);
}

/* The table in CSV -------------------------------------------------------------------------------------------------------------- */

static void csv_rows_are_read(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(text_of("t.csv", "\xef\xbb\xbfstart,end,asn,name\r\n"
	                                              "# a comment\n"
	                                              "\n"
	                                              "192.0.2.0,192.0.2.127,64496,Plain Name\r\n"
	                                              "\"192.0.2.128\",\"192.0.2.255\",\"64497\",\"Quoted, with a comma\"\r\n"
	                                              "198.51.100.0,198.51.100.255,AS64498,\"Says \"\"hello\"\"\"\n"
	                                              "203.0.113.0,203.0.113.0,64499\n"
	                                              "203.0.113.1,203.0.113.1,4294967295,\"two\nlines\"\n"
	                                              "203.0.113.2,203.0.113.2,0,Not routed\n"
	                                              "203.0.113.3,203.0.113.3,64500,"),
	                             NULL);
	assert_string_equal(said(e, "192.0.2.0"), "64496|Plain Name|||");
	assert_string_equal(said(e, "192.0.2.127"), "64496|Plain Name|||");
	assert_string_equal(said(e, "192.0.2.128"), "64497|Quoted, with a comma|||");
	assert_string_equal(said(e, "198.51.100.7"), "64498|Says \"hello\"|||");
	assert_string_equal(said(e, "203.0.113.0"), "64499||||");
	assert_string_equal(said(e, "203.0.113.1"), "4294967295|two?lines|||");
	assert_string_equal(said(e, "203.0.113.2"), "0||||");
	assert_string_equal(said(e, "203.0.113.3"), "64500||||");
	assert_string_equal(said(e, "203.0.113.4"), "0||||");
	assert_string_equal(said(e, "192.0.1.255"), "0||||");
	assert_string_equal(said(e, "2001:db8::1"), "0||||");
	assert_string_equal(said(e, "::ffff:192.0.2.1"), "64496|Plain Name|||");
	assert_int_equal(gs_enrich_total_space(e), 515); /* without the one that is not routed */
	assert_int_equal(gs_enrich_asn_space(e, 0), 0);
	assert_int_equal(gs_enrich_asn_count(e), 6);
	gs_enrich_close(e);
}

static void csv_integers_are_addresses(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(text_of("4.csv", "0,0,64496,first\n"
	                                              "3221225984,3221226239,64497,middle\n"
	                                              "4294967295,4294967295,64498,last\n"),
	                             NULL);
	assert_string_equal(said(e, "0.0.0.0"), "64496|first|||");
	assert_string_equal(said(e, "192.0.2.255"), "64497|middle|||");
	assert_string_equal(said(e, "255.255.255.255"), "64498|last|||");
	assert_string_equal(said(e, "255.255.255.254"), "0||||");
	gs_enrich_close(e);

	/* 2001:db8::/32 and the end of the space */
	e = opened(text_of("6.csv", "42540766411282592856903984951653826560,42540766490510755371168322545197776895,64496,documentation\n"
	                            "340282366920938463463374607431768211455,340282366920938463463374607431768211455,64497,end\n"),
	           NULL);
	assert_string_equal(said(e, "2001:db8::"), "64496|documentation|||");
	assert_string_equal(said(e, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), "64496|documentation|||");
	assert_string_equal(said(e, "2001:db9::"), "0||||");
	assert_string_equal(said(e, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "64497|end|||");
	assert_string_equal(said(e, "192.0.2.1"), "0||||");
	gs_enrich_close(e);
}

static void csv_wrong_rows_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "192.0.2.0,192.0.2.255,64496,a\n\n192.0.2.0;x\n", "line 3: expected the first address" },
		{ "192.0.2.0,192.0.2.255,64496,a\n192.0.2.0,,1,b\n", "line 2: expected the last address" },
		{ "192.0.2.0,192.0.2.255,64496,a\n192.0.2.0,192.0.2.1,x,b\n", "line 2: expected an AS number" },
		{ "192.0.2.0,192.0.2.255,64496,a\n192.0.2.0,192.0.2.1,4294967296,b\n", "line 2: expected an AS number" },
		{ "192.0.2.0,192.0.2.255,64496,\"a\nb\"\n192.0.2.9,192.0.2.1,1,b\n", "line 3: the range ends before it starts" },
		{ "192.0.2.0,192.0.2.255,64496,\"a\"b\n", "line 1: more than four fields" },
		{ "192.0.2.0,192.0.2.255,64496,Name, Inc.\n", "line 1: more than four fields" },
		{ "192.0.2.0,192.0.2.255,64496,\"never closed\n192.0.2.0,192.0.2.1,1,b\n",
		  "line 1: the quote around the name is never closed" },
		{ "192.0.2.0,192.0.2.255,64496,a\n2001:db8::,2001:db8::1,1,b\n", "line 2: an IPv6 range in a table of IPv4" },
		{ "2001:db8::,2001:db8::1,1,b\n192.0.2.0,192.0.2.255,64496,a\n", "line 2: an IPv4 range in a table of IPv6" },
		{ "1,2,64496,a\n3,4294967296,1,b\n", "line 2: an IPv6 range in a table of IPv4" },
		{ "192.0.2.0,3221226239,64496,a\n", "line 1: the ends of the range are written in different ways" },
		{ "1,340282366920938463463374607431768211456,64496,a\n", "line 1: expected the last address" },
		{ "1,9999999999999999999999999999999999999999,64496,a\n", "line 1: expected the last address" },
		{ "192.0.2.0,192.0.2.255,TW,Taiwan\n", "line 1: a country where an AS number was expected" },
		{ "192.0.2.0,192.0.2.255\n", "line 1: expected the last address" },
		{ "<html>no table</html>\n", "line 1: expected a prefix" },
		{ "Sorry\n", "has no rows" },
		{ "# nothing\n\n \t\n", "line 3: expected a prefix" },
		{ "# nothing\n\n", "has no rows" },
		{ "", "is empty" },
		{ "\n", "has no rows" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_refused(text_of("bad.csv", cases[i].text), NULL, GS_ERR_CONFIG, cases[i].part);
	assert_refused(file_of("bin.csv", "192.0.2.0\0,", 11), NULL, GS_ERR_CONFIG, "is binary");
}

/* Rows across the borders of the blocks that the file is read in; each must be found. */
static void csv_longer_than_a_block(void **state)
{
	(void)state;
	enum { ROWS = 30000 };
	FILE *f = fopen(path_of("long.csv"), "w");
	assert_non_null(f);
	for (unsigned i = 0; i < ROWS; i++)
		fprintf(f, "%u,%u,%u,\"Network, number %u of\nmany \"\"networks\"\"\"\n", i * 256, i * 256 + 99, 1 + i % 7000, i % 7000);
	assert_int_equal(fclose(f), 0);
	struct gs_enrich *e = opened(path_of("long.csv"), NULL);
	for (unsigned i = 0; i < ROWS; i++) {
		char addr[32], want[128];
		snprintf(addr, sizeof addr, "0.%u.%u.99", i >> 8, i & 255);
		snprintf(want, sizeof want, "%u|Network, number %u of?many \"networks\"|||", 1 + i % 7000, i % 7000);
		assert_string_equal(said(e, addr), want);
		snprintf(addr, sizeof addr, "0.%u.%u.100", i >> 8, i & 255);
		assert_string_equal(said(e, addr), "0||||");
	}
	assert_int_equal(gs_enrich_total_space(e), ROWS * 100);
	assert_int_equal(gs_enrich_asn_space(e, 1), 500);
	gs_enrich_close(e);
}

static void csv_huge_lines(void **state)
{
	(void)state;
	enum { LONG = 400000 };
	char *text = malloc(LONG + 64);
	assert_non_null(text);
	static const char start[] = "192.0.2.0,192.0.2.255,64496,a\n192.0.2.0,192.0.2.1,64497,";
	memset(text, 'x', LONG);
	memcpy(text, start, sizeof start - 1);
	memcpy(text + LONG, "\n", 2);
	assert_refused(text_of("huge.csv", text), NULL, GS_ERR_CONFIG, "line 2: longer than 256 KiB");
	memcpy(text + 200000, "\n", 2);
	struct gs_enrich *e = opened(text_of("huge.csv", text), NULL);
	assert_int_equal(strlen(gs_enrich_string(e, origin(e, "192.0.2.1").as_name)), 255); /* a name is cut, the row is not refused */
	gs_enrich_close(e);
	free(text);
}

/* Wherever a file ends: a sentence with the line, or the rows as they are; never the first digits of an AS number for the whole. */
static void csv_cut_anywhere(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"\"192.0.2.0\",192.0.2.255,64496,\"A, \"\"b\"\"\"\r\n198.51.100.0,198.51.100.255,64497,Name\r\n",
		"192.0.2.0,192.0.2.255,64496\n198.51.100.0,198.51.100.255,\"64497\"\n",
		"192.0.2.0\t24\t64496\n198.51.100.0\t24\t64497_1\n",
	};
	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		size_t len = strlen(texts[k]), first = (size_t)(strchr(texts[k], '\n') - texts[k]) + 1, good = 0;
		for (size_t n = 1; n <= len; n++) {
			struct gs_enrich *e = NULL;
			int r = try_open(file_of("cut.csv", texts[k], n), NULL, &e);
			if (r == 0) {
				assert_int_equal(origin(e, "192.0.2.1").asn, 64496);
				uint32_t second = origin(e, "198.51.100.1").asn;
				assert_int_equal(second, n <= first ? 0 : 64497);
				good++;
			} else {
				assert_int_equal(r, GS_ERR_CONFIG);
				const char *line = n <= first ? "line 1: " : "line 2: ";
				assert_true(strstr(last_error.text, line) || (n == 1 && strstr(last_error.text, "has no rows")));
			}
			gs_enrich_close(e);
		}
		assert_in_range(good, 2, len / 2);
	}
}

static uint32_t random_next(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

/* Random overlapping ranges in any order against the rule itself: the narrowest that covers, of two as narrow the one that starts first,
 * then the earlier row. Shift places the 256 addresses anywhere, the ends of the space included. */
static void narrower_ranges_win(void **state)
{
	(void)state;
	uint32_t seed = 2463534242u;

	for (unsigned turn = 0; turn < 60; turn++) {
		struct {
			unsigned first, last;
		} row[40];
		unsigned n = 1 + random_next(&seed) % 40;
		bool v6 = turn % 2;
		uint32_t base = turn % 3 == 0 ? 0 : turn % 3 == 1 ? 0xffffff00u : 0xc6336300u;
		char text[8192], *p = text;
		for (unsigned i = 0; i < n; i++) {
			row[i].first = random_next(&seed) % 256;
			row[i].last = row[i].first + random_next(&seed) % (256 - row[i].first);
			if (random_next(&seed) % 4 == 0 && i > 0)
				row[i] = row[i - 1];
			p += v6 ? sprintf(p, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff%02x,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff%02x,%u\n",
			                  row[i].first, row[i].last, i + 1) :
			          sprintf(p, "%u,%u,%u\n", base + row[i].first, base + row[i].last, i + 1);
		}
		struct gs_enrich *e = opened(text_of("r.csv", text), NULL);
		uint64_t covered = 0, sum = 0;
		uint32_t holders = 0; /* of rows hidden altogether by narrower ones nothing is left */
		for (unsigned a = 0; a < 256; a++) {
			unsigned best = n;
			for (unsigned i = 0; i < n; i++) {
				if (a < row[i].first || a > row[i].last)
					continue;
				unsigned w = row[i].last - row[i].first, wb = best < n ? row[best].last - row[best].first : 256;
				if (w < wb || (w == wb && row[i].first < row[best].first))
					best = i;
			}
			uint32_t v4 = htobe32(base | a);
			struct gs_addr addr = { .family = 4 };
			memcpy(addr.b, &v4, sizeof v4);
			if (v6) {
				memset(addr.b, 0xff, 15);
				addr.b[15] = (uint8_t)a;
				addr.family = 6;
			}
			struct gs_origin o;
			gs_enrich_lookup(e, &addr, &o);
			assert_int_equal(o.asn, best < n ? best + 1 : 0);
			covered += best < n;
		}
		for (unsigned i = 0; i < n; i++) {
			sum += gs_enrich_asn_space(e, i + 1);
			holders += gs_enrich_asn_space(e, i + 1) != 0;
		}
		assert_int_equal(gs_enrich_asn_count(e), holders);
		assert_int_equal(sum, v6 ? 0 : covered);
		assert_int_equal(gs_enrich_total_space(e), v6 ? 0 : covered);
		gs_enrich_close(e);
	}
}

static void pfx2as_takes_the_most_specific(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(text_of("t.pfx2as", "198.51.0.0\t16\t64496\n"
	                                                 "198.51.100.0\t24\t64497_64498\n"
	                                                 "198.51.100.128\t25\t{64499,64500}\r\n"
	                                                 "198.51.100.129\t32\t64501,64502_64503\n"
	                                                 "203.0.113.77 24 64504\n"),
	                             NULL);
	assert_int_equal(origin(e, "198.51.0.0").asn, 64496);
	assert_int_equal(origin(e, "198.51.100.127").asn, 64497);
	assert_int_equal(origin(e, "198.51.100.128").asn, 64499);
	assert_int_equal(origin(e, "198.51.100.129").asn, 64501);
	assert_int_equal(origin(e, "198.51.100.130").asn, 64499);
	assert_int_equal(origin(e, "198.51.101.0").asn, 64496);
	assert_int_equal(origin(e, "203.0.113.0").asn, 64504); /* host bits are no reason to lose a row */
	assert_int_equal(origin(e, "198.52.0.0").asn, 0);
	assert_string_equal(gs_enrich_string(e, origin(e, "198.51.0.0").as_name), "");
	assert_int_equal(gs_enrich_asn_space(e, 64496), 65536 - 256);
	assert_int_equal(gs_enrich_asn_space(e, 64499), 127);
	assert_int_equal(gs_enrich_total_space(e), 65536 + 256);
	gs_enrich_close(e);

	e = opened(text_of("6.pfx2as", "::\t0\t64496\n2001:db8::\t32\t64497\n2001:db8::1\t128\t64498\n"), NULL);
	assert_int_equal(origin(e, "::2").asn, 64496);
	assert_int_equal(origin(e, "2001:db8::").asn, 64497);
	assert_int_equal(origin(e, "2001:db8::1").asn, 64498);
	assert_int_equal(origin(e, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").asn, 64496);
	gs_enrich_close(e);

	e = opened(text_of("0.pfx2as", "0.0.0.0\t0\t64496\n"), NULL);
	assert_int_equal(origin(e, "255.255.255.255").asn, 64496);
	assert_int_equal(gs_enrich_total_space(e), UINT64_C(1) << 32);
	gs_enrich_close(e);

	assert_refused(text_of("bad.pfx2as", "198.51.0.0\t33\t1\n"), NULL, GS_ERR_CONFIG, "line 1: a prefix length beyond 32");
	assert_refused(text_of("bad.pfx2as", "2001:db8::\t129\t1\n"), NULL, GS_ERR_CONFIG, "line 1: a prefix length beyond 128");
	assert_refused(text_of("bad.pfx2as", "198.51.0.0\t16\t1\n198.51.0.0\t16\tx\n"), NULL, GS_ERR_CONFIG, "line 2: expected a prefix");
	assert_refused(text_of("bad.pfx2as", "198.51.0.0\t16\t1 2\n"), NULL, GS_ERR_CONFIG, "line 1: expected a prefix");
	assert_refused(text_of("bad.pfx2as", "198.51.0.0\t16\t1\n3325256704\t16\t1\n"), NULL, GS_ERR_CONFIG, "line 2: expected a prefix");
}

static void names_are_made_safe(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(text_of("t.csv", "192.0.2.0,192.0.2.0,1,\x1b[31mred\x07\n"
	                                              "192.0.2.1,192.0.2.1,2,\xe5\x8f\xb0\xe7\x81\xa3 Zürich\n"
	                                              "192.0.2.2,192.0.2.2,3,bad \xff\xc3( \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80\n"
	                                              "192.0.2.3,192.0.2.3,4,a\xc2\x9b""b\xe2\x80\xae""c\xe2\x81\xa6""d\x7f\n"
	                                              "192.0.2.4,192.0.2.4,5,cut \xe5\x8f\n"),
	                             NULL);
	assert_string_equal(said(e, "192.0.2.0"), "1|?[31mred?|||");
	assert_string_equal(said(e, "192.0.2.1"), "2|\xe5\x8f\xb0\xe7\x81\xa3 Zürich|||");
	assert_string_equal(said(e, "192.0.2.2"), "3|bad ?" "?( ?? ??? ????|||");
	assert_string_equal(said(e, "192.0.2.3"), "4|a?b?c?d?|||");
	assert_string_equal(said(e, "192.0.2.4"), "5|cut ??|||");
	gs_enrich_close(e);
}

/* MaxMind files ------------------------------------------------------------------------------------------------------------------ */

static uint32_t flat_record(struct mmdb_writer *w, const char *country, const char *region, const char *city)
{
	uint32_t at = mw_here(w);
	mw_map(w, 8);
	mw_string(w, "city");
	mw_string(w, city);
	mw_string(w, "country_code");
	mw_string(w, country);
	mw_string(w, "latitude");
	mw_float(w, 25.5f);
	mw_string(w, "longitude");
	mw_string(w, "121.5");
	mw_string(w, "postcode");
	mw_string(w, "");
	mw_string(w, "state1");
	mw_string(w, region);
	mw_string(w, "state2");
	mw_string(w, "");
	mw_string(w, "timezone");
	mw_string(w, "");
	return at;
}

static void put_names(struct mmdb_writer *w, const char *german, const char *english)
{
	mw_string(w, "names");
	mw_map(w, 2);
	mw_string(w, "de");
	mw_string(w, german);
	mw_string(w, "en");
	mw_string(w, english);
}

/* Key and value of a country, as MaxMind writes it. */
static void put_country(struct mmdb_writer *w, const char *key, const char *code)
{
	mw_string(w, key);
	mw_map(w, 3);
	mw_string(w, "geoname_id");
	mw_number(w, MMDB_DATA_TYPE_UINT32, 1668284);
	mw_string(w, "iso_code");
	mw_string(w, code);
	put_names(w, "Land", "Country");
}

static uint32_t nested_record(struct mmdb_writer *w, const char *country, const char *region, const char *city)
{
	uint32_t region_names = mw_here(w);
	mw_map(w, 1);
	put_names(w, "Gegend", region);
	uint32_t at = mw_here(w);
	mw_map(w, 5);
	mw_string(w, "city");
	mw_map(w, 2);
	mw_string(w, "geoname_id");
	mw_number(w, MMDB_DATA_TYPE_UINT32, 0);
	put_names(w, "Stadt", city);
	put_country(w, "country", country);
	mw_string(w, "location");
	mw_map(w, 2);
	mw_string(w, "accuracy_radius");
	mw_number(w, MMDB_DATA_TYPE_UINT16, 50);
	mw_string(w, "latitude");
	mw_double(w, 25.04);
	put_country(w, "registered_country", "US");
	mw_string(w, "subdivisions");
	mw_array(w, 2);
	mw_pointer(w, region_names); /* and one more, finer */
	mw_map(w, 1);
	put_names(w, "Bezirk", "District");
	return at;
}

static uint32_t asn_record(struct mmdb_writer *w, uint32_t asn, const char *name)
{
	uint32_t at = mw_here(w);
	mw_map(w, 2);
	mw_string(w, "autonomous_system_number");
	mw_number(w, MMDB_DATA_TYPE_UINT32, asn);
	mw_string(w, "autonomous_system_organization");
	mw_string(w, name);
	return at;
}

static const char *flat_v4(const char *name, unsigned record_size)
{
	struct mmdb_writer w;
	mw_init(&w, 4, record_size, "city ipv4");
	mw_insert(&w, "192.0.2.0/24", flat_record(&w, "TW", "Taiwan", "Taipei"));
	mw_insert(&w, "198.51.100.0/24", flat_record(&w, "ZZ", "", ""));
	mw_insert(&w, "198.51.100.128/25", flat_record(&w, "de", "Hessen", "Frankfurt\x1b"));
	return mmdb_of(name, &w);
}

static const char *flat_v6(const char *name)
{
	struct mmdb_writer w;
	mw_init(&w, 6, 28, "city ipv6");
	mw_insert(&w, "2001:db8::/32", flat_record(&w, "TW", "Taiwan", "Kaohsiung City"));
	return mmdb_of(name, &w);
}

static const char *nested_both(const char *name)
{
	struct mmdb_writer w;
	mw_init(&w, 6, 24, "GeoLite2-City");
	w.description = "GeoLite2 City database";
	mw_insert(&w, "192.0.2.0/24", nested_record(&w, "TW", "Taipei City", "Taipei"));
	mw_insert(&w, "2001:db8::/32", nested_record(&w, "TW", "Kaohsiung", "Fengshan"));
	uint32_t only_registered = mw_here(&w);
	mw_map(&w, 1);
	put_country(&w, "registered_country", "US");
	mw_insert(&w, "198.51.100.0/24", only_registered);
	return mmdb_of(name, &w);
}

static const char *asn_both(const char *name)
{
	struct mmdb_writer w;
	mw_init(&w, 6, 32, "DBIP-ASN-Lite (compat=GeoLite2-ASN)");
	mw_insert(&w, "192.0.2.0/24", asn_record(&w, 64496, "Example Four"));
	mw_insert(&w, "2001:db8::/32", asn_record(&w, 64497, "Example Six"));
	return mmdb_of(name, &w);
}

static void mmdb_flat_layout(void **state)
{
	(void)state;
	static const unsigned sizes[] = { 24, 28, 32 };
	for (int i = 0; i < 3; i++) {
		struct gs_enrich *e = opened(NULL, flat_v4("c.mmdb", sizes[i]));
		assert_string_equal(said(e, "192.0.2.0"), "0||TW|Taiwan|Taipei");
		assert_string_equal(said(e, "192.0.2.255"), "0||TW|Taiwan|Taipei");
		assert_string_equal(said(e, "192.0.3.0"), "0||||");
		assert_string_equal(said(e, "198.51.100.1"), "0||||");
		assert_string_equal(said(e, "198.51.100.200"), "0||DE|Hessen|Frankfurt?");
		assert_string_equal(said(e, "192.0.2.7"), "0||TW|Taiwan|Taipei");
		assert_string_equal(said(e, "::ffff:192.0.2.7"), "0||TW|Taiwan|Taipei");
		assert_string_equal(said(e, "2001:db8::1"), "0||||");
		gs_enrich_close(e);
	}
}

static void mmdb_families_are_joined(void **state)
{
	(void)state;
	const char *city[] = { flat_v6("6.mmdb"), flat_v4("4.mmdb", 28) };
	struct gs_enrich_options o = { .city_db = city, .n_city_db = 2 };
	struct gs_enrich *e = NULL;
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	assert_string_equal(said(e, "192.0.2.1"), "0||TW|Taiwan|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "0||TW|Taiwan|Kaohsiung City");
	assert_string_equal(said(e, "::ffff:192.0.2.1"), "0||TW|Taiwan|Taipei");
	assert_string_equal(said(e, "::192.0.2.1"), "0||||"); /* no IPv4 hides in a file of IPv6 alone */
	gs_enrich_close(e);

	const char *three[] = { city[0], city[1], nested_both("both.mmdb") };
	o = (struct gs_enrich_options){ .city_db = three, .n_city_db = 3 };
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), GS_ERR_CONFIG);
	assert_non_null(strstr(last_error.text, "both.mmdb adds nothing"));
	o.n_city_db = 1;
	o.city_db = &city[1];
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	gs_enrich_close(e);
	const char *half[] = { city[1], three[2] }; /* the second is of use for IPv6 */
	o = (struct gs_enrich_options){ .city_db = half, .n_city_db = 2 };
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	assert_string_equal(said(e, "192.0.2.1"), "0||TW|Taiwan|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "0||TW|Kaohsiung|Fengshan");
	gs_enrich_close(e);
}

static const char *opinion(struct gs_enrich *e, const struct gs_opinion *o)
{
	static char text[600];

	snprintf(text, sizeof text, "%s %s %u|%.2s|%s", o->is_place ? "place" : "network", o->database->edition, o->origin.asn, o->origin.country,
	         gs_enrich_string(e, o->origin.city));
	return text;
}

static void every_file_is_asked_for_its_opinion(void **state)
{
	(void)state;
	const char *city[] = { flat_v4("dbip-city-2026-01-01.mmdb", 28), nested_both("both.mmdb") }, *asn[] = { asn_both("asn.mmdb") };
	struct gs_enrich_options o = { .asn_db = asn, .n_asn_db = 1, .city_db = city, .n_city_db = 2, .opinions = true };
	struct gs_opinion said_by[GS_MAX_DATABASES];
	struct gs_database list[GS_MAX_DATABASES];
	struct gs_enrich *e = NULL;
	struct gs_addr a;

	const char *more[] = { city[0], city[1], city[1] }; /* the same twice: two opinions, but only one database to name */
	o.city_db = more;
	o.n_city_db = 3;
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	assert_int_equal(gs_enrich_databases(e, list), 3);
	assert_true(gs_addr_parse("192.0.2.1", 9, &a));
	assert_int_equal(gs_enrich_opinions(e, &a, said_by), 4);
	assert_non_null(strstr(opinion(e, &said_by[0]), " 64496||"));
	assert_non_null(strstr(opinion(e, &said_by[1]), " 0|TW|Taipei"));
	assert_non_null(strstr(opinion(e, &said_by[2]), " 0|TW|Taipei"));
	assert_string_equal(said(e, "192.0.2.1"), "64496|Example Four|TW|Taiwan|Taipei"); /* the first answers */
	assert_true(gs_addr_parse("2001:db8::1", 11, &a));
	assert_int_equal(gs_enrich_opinions(e, &a, said_by), 3);
	assert_non_null(strstr(opinion(e, &said_by[1]), " 0|TW|Fengshan"));
	assert_int_equal(gs_enrich_opinions(e, &(struct gs_addr){ 0 }, said_by), 0);
	gs_enrich_close(e);
}

static void mmdb_nested_layout(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(asn_both("asn.mmdb"), nested_both("GeoLite2-City.mmdb"));
	assert_string_equal(said(e, "192.0.2.1"), "64496|Example Four|TW|Taipei City|Taipei");
	assert_string_equal(said(e, "::ffff:192.0.2.1"), "64496|Example Four|TW|Taipei City|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "64497|Example Six|TW|Kaohsiung|Fengshan");
	assert_string_equal(said(e, "198.51.100.1"), "0||||"); /* where its owner is registered is no place */
	assert_string_equal(said(e, "203.0.113.1"), "0||||");
	assert_int_equal(gs_enrich_asn_space(e, 64496), 0);
	assert_int_equal(gs_enrich_total_space(e), 0);
	gs_enrich_close(e);
}

static const char *country_v4(const char *name)
{
	struct mmdb_writer w;
	mw_init(&w, 4, 24, "country ipv4");
	uint32_t at = mw_here(&w);
	mw_map(&w, 1);
	mw_string(&w, "country_code");
	mw_string(&w, "TW");
	mw_insert(&w, "192.0.2.0/24", at);
	return mmdb_of(name, &w);
}

static void mmdb_country_serves_as_place(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(NULL, country_v4("country.mmdb"));
	assert_string_equal(said(e, "192.0.2.1"), "0||TW||");
	assert_non_null(strstr(gs_enrich_missing(e), "cities stay empty"));
	gs_enrich_close(e);

	struct mmdb_writer w;
	mw_init(&w, 6, 24, "GeoLite2-Country");
	uint32_t at = mw_here(&w);
	mw_map(&w, 1);
	put_country(&w, "country", "TW");
	mw_insert(&w, "192.0.2.0/24", at);
	e = opened(NULL, mmdb_of("country.mmdb", &w));
	assert_string_equal(said(e, "192.0.2.1"), "0||TW||");
	gs_enrich_close(e);

	assert_refused(path_of("country.mmdb"), NULL, GS_ERR_CONFIG, "is a country database, not a network (ASN) table");
	country_v4("a/x-country.mmdb");
	flat_v4("b/my-city.mmdb", 24);
	e = opened_folders(path_of("a"), path_of("b")); /* a city in any folder is better than a country in the first */
	assert_string_equal(said(e, "192.0.2.1"), "0||TW|Taiwan|Taipei");
	gs_enrich_close(e);
	e = opened_folders(path_of("a"), path_of("none"));
	assert_string_equal(said(e, "192.0.2.1"), "0||TW||");
	assert_non_null(strstr(gs_enrich_missing(e), "only a country database"));
	gs_enrich_close(e);
}

/* Values of other types than expected, and numbers as text. */
static void mmdb_odd_values(void **state)
{
	(void)state;
	struct mmdb_writer w;
	mw_init(&w, 4, 24, "asn ipv4");
	static const char *const texts[] = { "64496", "AS64497", "x", "4294967296", "", "AS" };
	for (unsigned i = 0; i < 6; i++) {
		char prefix[32];
		snprintf(prefix, sizeof prefix, "192.0.2.%u/32", i);
		uint32_t at = mw_here(&w);
		mw_map(&w, 2);
		mw_string(&w, "autonomous_system_number");
		mw_string(&w, texts[i]);
		mw_string(&w, "autonomous_system_organization");
		mw_number(&w, MMDB_DATA_TYPE_UINT32, 5);
		mw_insert(&w, prefix, at);
	}
	struct gs_enrich *e = opened(mmdb_of("asn.mmdb", &w), NULL);
	static const uint32_t want[] = { 64496, 64497, 0, 0, 0, 0 };
	for (unsigned i = 0; i < 6; i++) {
		char addr[32];
		snprintf(addr, sizeof addr, "192.0.2.%u", i);
		struct gs_origin o = origin(e, addr);
		assert_int_equal(o.asn, want[i]);
		assert_int_equal(o.as_name, 0);
	}
	gs_enrich_close(e);

	mw_init(&w, 4, 24, "city ipv4");
	mw_insert(&w, "192.0.2.0/25", flat_record(&w, "TW", "Taiwan", "Taipei"));
	uint32_t at = mw_here(&w);
	mw_map(&w, 3);
	mw_string(&w, "city");
	mw_number(&w, MMDB_DATA_TYPE_UINT32, 7);
	mw_string(&w, "country_code");
	mw_string(&w, "T1");
	mw_string(&w, "state1");
	mw_array(&w, 0);
	mw_insert(&w, "192.0.2.128/25", at);
	e = opened(NULL, mmdb_of("city.mmdb", &w));
	assert_string_equal(said(e, "192.0.2.1"), "0||TW|Taiwan|Taipei");
	assert_string_equal(said(e, "192.0.2.200"), "0||||");
	gs_enrich_close(e);
}

/* More records than are kept at a time, and pointers of all lengths but the longest. */
static void mmdb_many_records(void **state)
{
	(void)state;
	struct mmdb_writer w;
	char text[64];
	mw_init(&w, 4, 28, "city ipv4");
	uint32_t city_key = mw_here(&w);
	mw_string(&w, "city");
	uint32_t country_key = mw_here(&w);
	mw_string(&w, "country_code");
	uint32_t tw = mw_here(&w);
	mw_string(&w, "TW");
	for (unsigned i = 0; i < 120000; i++) {
		snprintf(text, sizeof text, "City with a longish name %u", i);
		uint32_t name = mw_here(&w);
		mw_string(&w, text);
		uint32_t at = mw_here(&w);
		mw_map(&w, 2);
		mw_pointer(&w, country_key);
		mw_pointer(&w, tw);
		mw_pointer(&w, city_key);
		mw_pointer(&w, name);
		snprintf(text, sizeof text, "10.%u.%u.%u/25", i >> 9, i >> 1 & 255, (i & 1) << 7);
		mw_insert(&w, text, at);
	}
	struct gs_enrich *e = opened(NULL, mmdb_of("c.mmdb", &w));
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < 120000; i++) {
			char want[64];
			snprintf(text, sizeof text, "10.%u.%u.%u", i >> 9, i >> 1 & 255, (i & 1) << 7 | i % 128);
			snprintf(want, sizeof want, "0||TW||City with a longish name %u", i);
			assert_string_equal(said(e, text), want);
		}
	}
	gs_enrich_close(e);
}

static void wrong_kinds_are_named(void **state)
{
	(void)state;
	struct mmdb_writer w;
	assert_refused(flat_v4("c.mmdb", 28), NULL, GS_ERR_CONFIG, "is a city database, not a network (ASN) table: name it with --city-db");
	assert_refused(NULL, asn_both("a.mmdb"), GS_ERR_CONFIG, "is a network (ASN) table, not a city database: name it with --asn-db");
	assert_refused(NULL, text_of("a.csv", "192.0.2.0,192.0.2.1,1,x\n"), GS_ERR_CONFIG, "is a network (ASN) table");
	assert_refused(path_of("none.csv"), NULL, GS_ERR_NOENT, "cannot open");
	assert_refused(NULL, path_of("none.mmdb"), GS_ERR_NOENT, "cannot open");
	assert_refused(dir, NULL, GS_ERR_CONFIG, "is a folder");
	assert_refused("/dev/null", NULL, GS_ERR_CONFIG, "is no regular file");

	mw_init(&w, 4, 24, "Anonymous-IP");
	uint32_t at = mw_here(&w);
	mw_map(&w, 1);
	mw_string(&w, "is_hosting_provider");
	mw_string(&w, "yes");
	mw_insert(&w, "192.0.2.0/24", at);
	assert_refused(NULL, mmdb_of("x.mmdb", &w), GS_ERR_CONFIG, "of type 'Anonymous-IP' whose records name no network, city or country");
	if (getuid() != 0) {
		const char *path = text_of("secret.csv", "192.0.2.0,192.0.2.1,1,x\n");
		chmod(path, 0);
		assert_refused(path, NULL, GS_ERR_ACCESS, "cannot open");
	}
}

/* Damaged MaxMind files ----------------------------------------------------------------------------------------------------------- */

static uint8_t *small_file(size_t *ret_len)
{
	struct mmdb_writer w;
	mw_init(&w, 6, 24, "GeoLite2-City");
	mw_insert(&w, "192.0.2.0/24", nested_record(&w, "TW", "Taipei City", "Taipei"));
	mw_insert(&w, "2001:db8::/32", flat_record(&w, "TW", "Taiwan", "Taipei"));
	uint8_t *data = mw_finish(&w, ret_len);
	mw_done(&w);
	return data;
}

static void mmdb_cut_anywhere(void **state)
{
	(void)state;
	size_t len;
	uint8_t *data = small_file(&len);

	for (size_t n = 0; n < len; n++) {
		struct gs_enrich *e = NULL;
		int r = try_open(NULL, file_of("cut.mmdb", data, n), &e);
		assert_int_equal(r, GS_ERR_CONFIG);
		assert_non_null(strstr(last_error.text, "cut.mmdb"));
		assert_null(e);
	}
	struct gs_enrich *e = opened(NULL, file_of("cut.mmdb", data, len));
	assert_string_equal(said(e, "192.0.2.1"), "0||TW|Taipei City|Taipei");
	gs_enrich_close(e);
	free(data);
}

/* Every bit of a file turned over, one at a time: a sentence, or answers (whatever they are) without a crash. */
static void mmdb_flipped_anywhere(void **state)
{
	(void)state;
	size_t len, refused = 0, tried = 0;
	uint8_t *data = small_file(&len);

	for (size_t bit = 0; bit < len * 8; bit++) {
		if (bit / 8 < len / 2 && bit % 8 != bit / 8 % 8) /* the tree is long and even */
			continue;
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct gs_enrich *e = NULL;
		if (try_open(NULL, file_of("flip.mmdb", data, len), &e) < 0) {
			assert_non_null(strstr(last_error.text, "flip.mmdb"));
			refused++;
		} else {
			said(e, "192.0.2.1");
			said(e, "192.0.3.1");
			said(e, "2001:db8::1");
			said(e, "ffff::1");
			gs_enrich_missing(e);
			gs_enrich_close(e);
		}
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		tried++;
	}
	assert_in_range(refused, tried / 20, tried);
	free(data);
}

/* A file made to hang or crash its reader; libmaxminddb 1.7.1 does not survive the deep ones. */
static void mmdb_hostile(void **state)
{
	(void)state;
	struct mmdb_writer w;

	mw_init(&w, 6, 24, "city"); /* 200,000 maps in one another, before the city */
	uint32_t at = mw_here(&w);
	mw_map(&w, 2);
	mw_string(&w, "a");
	for (unsigned i = 0; i < 200000; i++) {
		mw_map(&w, 1);
		mw_string(&w, "");
	}
	mw_string(&w, "");
	mw_string(&w, "city");
	mw_string(&w, "Taipei");
	mw_insert(&w, "192.0.2.0/24", at);
	assert_refused(NULL, mmdb_of("deep.mmdb", &w), GS_ERR_CONFIG, "leads to no sound record");

	mw_init(&w, 6, 24, "city"); /* maps that hold themselves twice: 2^n values */
	at = mw_here(&w);
	mw_map(&w, 2);
	mw_string(&w, "country");
	mw_pointer(&w, at);
	mw_string(&w, "city");
	mw_pointer(&w, at);
	mw_insert(&w, "192.0.2.0/24", at);
	assert_refused(NULL, mmdb_of("circle.mmdb", &w), GS_ERR_CONFIG, "leads to no sound record");

	mw_init(&w, 6, 24, "city"); /* more pairs than there are octets */
	at = mw_here(&w);
	mw_map(&w, 16000000);
	mw_string(&w, "city");
	mw_insert(&w, "192.0.2.0/24", at);
	assert_refused(NULL, mmdb_of("count.mmdb", &w), GS_ERR_CONFIG, "leads to no sound record");

	mw_init(&w, 6, 24, "city");
	mw_insert(&w, "192.0.2.0/24", flat_record(&w, "TW", "", ""));
	w.nested_metadata = 40000;
	assert_refused(NULL, mmdb_of("meta.mmdb", &w), GS_ERR_CONFIG, "metadata");

	static const uint32_t nodes[] = { UINT32_MAX, 715827882 /* times 6 is 2^32 - 4 */, 1u << 31, 100000 };
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		mw_init(&w, 6, 24, "city");
		mw_insert(&w, "192.0.2.0/24", flat_record(&w, "TW", "", ""));
		w.claimed_nodes = nodes[i];
		assert_refused(NULL, mmdb_of("nodes.mmdb", &w), GS_ERR_CONFIG, "does not fit into");
	}

	mw_init(&w, 4, 24, "city"); /* a tree that bites its tail, but for one branch */
	mw_insert(&w, "192.0.2.0/24", flat_record(&w, "TW", "Taiwan", "Taipei"));
	w.nodes[0].child[0] = 0;
	w.nodes[1].child[0] = 0;
	struct gs_enrich *e = NULL;
	if (try_open(NULL, mmdb_of("tail.mmdb", &w), &e) == 0) {
		assert_string_equal(said(e, "192.0.2.1"), "0||TW|Taiwan|Taipei");
		assert_string_equal(said(e, "10.0.0.1"), "0||||");
		assert_non_null(strstr(gs_enrich_missing(e), "tail.mmdb is damaged"));
	}
	gs_enrich_close(e);
}

static void mmdb_damage_is_told(void **state)
{
	(void)state;
	struct mmdb_writer w;
	mw_init(&w, 4, 24, "city ipv4");
	mw_insert(&w, "192.0.2.0/25", flat_record(&w, "TW", "Taiwan", "Taipei"));
	mw_insert(&w, "192.0.2.128/26", 1000000); /* behind the end of the file */
	uint32_t at = mw_here(&w);
	mw_string(&w, "no map");
	mw_insert(&w, "192.0.2.192/26", at);
	struct gs_enrich *e = opened(text_of("a.csv", "192.0.2.0,192.0.2.255,64496,x\n"), mmdb_of("c.mmdb", &w));
	assert_null(gs_enrich_missing(e));
	assert_string_equal(said(e, "192.0.2.200"), "64496|x|||");
	assert_string_equal(said(e, "192.0.2.130"), "64496|x|||");
	assert_string_equal(said(e, "192.0.2.1"), "64496|x|TW|Taiwan|Taipei");
	assert_non_null(strstr(gs_enrich_missing(e), "c.mmdb is damaged: 2 look-ups or records"));
	gs_enrich_close(e);
}

/* Finding ------------------------------------------------------------------------------------------------------------------------- */

#define ROW4 "192.0.2.0,192.0.2.255,"
#define ROW6 "2001:db8::,2001:db8::ffff,"

static void found_in_folders(void **state)
{
	(void)state;
	text_of("a/asn/asn-ipv4-num.csv", "3221225984,3221226239,64496,npm v4\n");
	text_of("a/asn/asn-ipv6-num.csv", "42540766411282592856903984951653826560,42540766411282592856903984951653826561,64497,npm v6\n");
	text_of("a/asn-ipv4.csv", ROW4 "64498,second choice\n"); /* the pattern counts more than the place */
	text_of("a/.hidden/asn-ipv4-num.csv", "3221225984,3221226239,1,hidden\n");
	text_of("a/deep/er/asn-ipv4-num.csv", "3221225984,3221226239,2,too deep\n");
	flat_v4("a/dbip-city/dbip-city-ipv4.mmdb", 28);
	flat_v6("a/dbip-city/dbip-city-ipv6.mmdb");
	nested_both("a/geolite2-city/GeoLite2-City.mmdb");
	asn_both("b/GeoLite2-ASN.mmdb");
	nested_both("b/x/GEOLITE2-CITY.MMDB");
	text_of("c/routeviews-rv2-20260601-1200.pfx2as", "192.0.2.0\t24\t64601\n");
	text_of("c/routeviews-rv2-20260701-1200.pfx2as", "192.0.2.0\t24\t64602\n");
	text_of("c/routeviews-rv6-20260701-1200.pfx2as", "2001:db8::\t32\t64603\n");

	struct gs_enrich *e = opened_folders(path_of("a"), path_of("b"));
	assert_string_equal(said(e, "192.0.2.1"), "64496|npm v4|TW|Taiwan|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "64497|npm v6|TW|Taiwan|Kaohsiung City");
	assert_null(gs_enrich_missing(e));
	gs_enrich_close(e);

	e = opened_folders(path_of("none"), path_of("b"));
	assert_string_equal(said(e, "192.0.2.1"), "64496|Example Four|TW|Taipei City|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "64497|Example Six|TW|Kaohsiung|Fengshan");
	gs_enrich_close(e);

	e = opened_folders(path_of("c"), path_of("b")); /* each kind from the first folder that has it */
	assert_string_equal(said(e, "192.0.2.1"), "64602||TW|Taipei City|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "64603||TW|Kaohsiung|Fengshan");
	gs_enrich_close(e);

	const char *named = text_of("mine.csv", ROW4 "64700,mine\n"), *folder = path_of("a");
	struct gs_enrich_options o = { .asn_db = &named, .n_asn_db = 1, .folders = &folder, .n_folders = 1 };
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	assert_string_equal(said(e, "192.0.2.1"), "64700|mine|TW|Taiwan|Taipei");
	assert_string_equal(said(e, "2001:db8::1"), "0||TW|Taiwan|Kaohsiung City"); /* a named kind is not searched for */
	assert_non_null(strstr(gs_enrich_missing(e), "no network (ASN) table for IPv6 addresses"));
	gs_enrich_close(e);
}

static void bad_finds_are_passed_over(void **state)
{
	(void)state;
	text_of("a/asn-ipv4-num.csv", "3221225984,3221226239,64496,x\nrubbish\n");
	text_of("a/z/asn-ipv4.csv", ROW4 "64498,second choice\n");
	text_of("a/dbip-city-1.mmdb", "not at all");
	asn_both("a/asn-city-lists.mmdb"); /* the other kind under this kind's name */
	text_of("a/geolite2-asn.mmdb/readme", "a folder of that name");
	flat_v4("a/my-city.mmdb", 28);
	struct gs_enrich *e = opened_folders(path_of("a"), NULL);
	assert_string_equal(said(e, "192.0.2.1"), "64498|second choice|TW|Taiwan|Taipei");
	assert_non_null(strstr(gs_enrich_missing(e), "asn-ipv4-num.csv, line 2: expected the first address"));
	assert_non_null(strstr(gs_enrich_missing(e), "dbip-city-1.mmdb"));
	gs_enrich_close(e);

	/* found IPv6 tables are read when they are needed */
	text_of("b/asn-ipv4.csv", ROW4 "64496,x\n");
	text_of("b/asn-ipv6.csv", ROW6 "64497,y\nrubbish\n");
	flat_v4("b/city4.mmdb", 28);
	flat_v6("b/city6.mmdb");
	e = opened_folders(path_of("b"), NULL);
	assert_null(gs_enrich_missing(e));
	assert_string_equal(said(e, "2001:db8::1"), "0||TW|Taiwan|Kaohsiung City");
	assert_string_equal(said(e, "192.0.2.1"), "64496|x|TW|Taiwan|Taipei");
	assert_non_null(strstr(gs_enrich_missing(e), "no network (ASN) table for IPv6 addresses: their networks stay empty"));
	assert_non_null(strstr(gs_enrich_missing(e), "asn-ipv6.csv, line 2"));
	gs_enrich_close(e);
}

static void missing_is_a_sentence(void **state)
{
	(void)state;
	char want[1024];
	struct gs_enrich *e = opened_folders(path_of("none"), path_of("nowhere"));
	assert_string_equal(said(e, "192.0.2.1"), "0||||");
	snprintf(want, sizeof want,
	         "no network (ASN) table and no city database found (looked in %s/none, %s/nowhere): networks and places stay empty; "
	         "`make data`, or --asn-db and --city-db, bring them",
	         dir, dir);
	assert_string_equal(gs_enrich_missing(e), want);
	assert_int_equal(gs_enrich_total_space(e), 0);
	struct gs_database d[GS_MAX_DATABASES];
	assert_int_equal(gs_enrich_databases(e, d), 0);
	assert_string_equal(gs_enrich_string(e, 12345), "");
	gs_enrich_close(e);

	text_of("a/asn-ipv4.csv", ROW4 "1,x\n");
	e = opened_folders(path_of("a"), NULL);
	snprintf(want, sizeof want, "no city database found (looked in %s/a): places stay empty; `make data` or --city-db brings one", dir);
	assert_string_equal(gs_enrich_missing(e), want);
	gs_enrich_close(e);

	e = opened(NULL, flat_v4("c.mmdb", 28));
	assert_string_equal(gs_enrich_missing(e), "no network (ASN) table found: networks stay empty; `make data` or --asn-db brings one");
	gs_enrich_close(e);
	gs_enrich_close(NULL);
}

/* Metadata ----------------------------------------------------------------------------------------------------------------------- */

static struct gs_database database_of(struct gs_enrich *e, unsigned i, unsigned of)
{
	struct gs_database d[GS_MAX_DATABASES];
	assert_int_equal(gs_enrich_databases(e, d), of);
	return d[i];
}

static void set_time(const char *path, int64_t s)
{
	struct utimbuf t = { .actime = s, .modtime = s };
	assert_int_equal(utime(path, &t), 0);
}

static void editions_of_tables(void **state)
{
	(void)state;
	const char *v4 = text_of("asn/asn-ipv4.csv", ROW4 "1,x\n"), *v6 = text_of("asn/asn-ipv6.csv", ROW6 "1,x\n");
	set_time(v4, INT64_C(1781913600)); /* 2026-06-20 */
	struct gs_enrich *e = opened(v4, NULL);
	struct gs_database d = database_of(e, 0, 1);
	assert_string_equal(d.name, "ip-location-db asn");
	assert_string_equal(d.edition, "file of 2026-06-20");
	assert_non_null(strstr(d.credit, "Route Views"));
	assert_string_equal(d.path, v4);
	gs_enrich_close(e);

	set_time(v4, INT64_C(499162500)); /* as npm unpacks: 1985 */
	e = opened(v4, NULL);
	assert_string_equal(database_of(e, 0, 1).edition, "undated");
	gs_enrich_close(e);

	char manifest[512];
	snprintf(manifest, sizeof manifest,
	         "asn/asn-ipv4.csv\t@ip-location-db/asn\t2.3.2026061719\t%zu\tabc\n"
	         "asn/asn-ipv6.csv\t@ip-location-db/asn\t2.3.2026061719\t%zu\tabc\n",
	         strlen(ROW4 "1,x\n"), strlen(ROW6 "1,x\n"));
	text_of("MANIFEST.tsv", manifest);
	const char *both[] = { v4, v6 };
	struct gs_enrich_options o = { .asn_db = both, .n_asn_db = 2 };
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	d = database_of(e, 0, 1); /* two files, one package */
	assert_string_equal(d.edition, "2026-06-17");
	assert_string_equal(d.path, v4);
	gs_enrich_close(e);

	text_of("asn/asn-ipv4.csv", ROW4 "1,another\n"); /* no longer the file that the manifest is about */
	set_time(v4, INT64_C(1781913600));
	e = opened(v4, NULL);
	assert_string_equal(database_of(e, 0, 1).edition, "file of 2026-06-20");
	gs_enrich_close(e);

	text_of("asn/MANIFEST.tsv", "garbage\n\t\t\t\n\nasn-ipv4.csv\tdbip-asn\t7.1\t37\tx\tmore\n");
	e = opened(v4, NULL);
	assert_string_equal(database_of(e, 0, 1).edition, strlen(ROW4 "1,another\n") == 37 ? "7.1" : "file of 2026-06-20");
	gs_enrich_close(e);
	snprintf(manifest, sizeof manifest, "asn-ipv4.csv\t@ip-location-db/dbip-asn\t7.1\t%zu\tx", strlen(ROW4 "1,another\n"));
	text_of("asn/MANIFEST.tsv", manifest);
	e = opened(v4, NULL);
	d = database_of(e, 0, 1);
	assert_string_equal(d.edition, "7.1");
	assert_string_equal(d.name, "DB-IP ASN Lite");
	gs_enrich_close(e);

	e = opened(text_of("routeviews-rv2-20260601-1200.pfx2as", "192.0.2.0\t24\t1\n"), NULL);
	d = database_of(e, 0, 1);
	assert_string_equal(d.name, "CAIDA pfx2as");
	assert_string_equal(d.edition, "2026-06-01");
	gs_enrich_close(e);

	e = opened(text_of("iptoasn-asn-ipv4.csv", ROW4 "1,x\n"), NULL);
	d = database_of(e, 0, 1);
	assert_string_equal(d.name, "IPtoASN ASN");
	assert_string_equal(d.credit, "");
	gs_enrich_close(e);

	e = opened(text_of("my\x1btable", ROW4 "1,x\n"), NULL);
	d = database_of(e, 0, 1);
	assert_string_equal(d.name, "my?table");
	assert_string_equal(d.credit, "");
	gs_enrich_close(e);
}

static void editions_of_maxmind_files(void **state)
{
	(void)state;
	struct gs_enrich *e = opened(asn_both("a.mmdb"), nested_both("b.mmdb"));
	struct gs_database d = database_of(e, 0, 2);
	assert_string_equal(d.name, "DB-IP ASN Lite");
	assert_string_equal(d.edition, "2026-06-05"); /* of the build, whatever the file's own time */
	assert_string_equal(d.credit, "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0");
	d = database_of(e, 1, 2);
	assert_string_equal(d.name, "GeoLite2 City");
	assert_string_equal(d.edition, "2026-06-05");
	assert_non_null(strstr(d.credit, "MaxMind"));
	gs_enrich_close(e);

	const char *city[] = { flat_v4("dbip-city-ipv4.mmdb", 28), flat_v6("dbip-city-ipv6.mmdb") };
	struct gs_enrich_options o = { .city_db = city, .n_city_db = 2 };
	assert_int_equal(gs_enrich_open(&o, &e, &last_error), 0);
	d = database_of(e, 0, 1);
	assert_string_equal(d.name, "DB-IP City Lite");
	assert_string_equal(d.path, city[0]);
	gs_enrich_close(e);

	struct mmdb_writer w;
	mw_init(&w, 4, 24, "Acme-City\x1b"); /* a name and a build time that mean nothing */
	w.build_epoch = 1;
	mw_insert(&w, "192.0.2.0/24", flat_record(&w, "TW", "", ""));
	const char *path = mmdb_of("x.mmdb", &w);
	set_time(path, INT64_C(1781913600));
	e = opened(NULL, path);
	d = database_of(e, 0, 1);
	assert_string_equal(d.name, "Acme-City?");
	assert_string_equal(d.edition, "file of 2026-06-20");
	assert_string_equal(d.credit, "");
	gs_enrich_close(e);
}

/* Real data, where it is ----------------------------------------------------------------------------------------------------------- */

static FILE *shared_file(const char *name)
{
	char path[1024];
	const char *shared = getenv("GRESCOPE_SHARED"), *tail = strstr(__FILE__, "tests/unit/");

	if (shared)
		snprintf(path, sizeof path, "%s/%s", shared, name);
	else
		snprintf(path, sizeof path, "%.*s../shared/%s", tail ? (int)(tail - __FILE__) : 0, __FILE__, name);
	return fopen(path, "r");
}

struct city_count {
	char city[64];
	unsigned packets, sources;
};

/* The raw rows through the enricher: cities and how often. Returns how many cities. */
static unsigned count_cities(struct gs_enrich *e, FILE *raw, struct city_count *cities, unsigned max)
{
	char line[256], seen[64][GS_ADDR_TEXT_MAX];
	unsigned n = 0, n_seen = 0, rows = 0;

	while (fgets(line, sizeof line, raw)) {
		if (line[0] == '"')
			continue;
		line[strcspn(line, ",")] = '\0';
		struct gs_origin o = origin(e, line);
		assert_int_equal(o.asn, 3462);
		assert_memory_equal(o.country, "TW", 2);
		const char *city = gs_enrich_string(e, o.city);
		unsigned i = 0, k = 0;
		while (i < n && strcmp(cities[i].city, city) != 0)
			i++;
		assert_true(i < max);
		if (i == n)
			snprintf(cities[n++].city, sizeof cities->city, "%s", city);
		while (k < n_seen && strcmp(seen[k], line) != 0)
			k++;
		if (k == n_seen) {
			assert_true(k < 64 && strlen(line) < GS_ADDR_TEXT_MAX);
			memcpy(seen[n_seen++], line, strlen(line) + 1);
			cities[i].sources++;
		}
		cities[i].packets++;
		rows++;
	}
	assert_int_equal(rows, 24);
	assert_int_equal(n_seen, 18);
	return n;
}

static void real_data_gives_known_answers(void **state)
{
	(void)state;
	struct gs_enrich *e = opened_folders(getenv("GRESCOPE_DATA"), NULL);
	assert_null(gs_enrich_missing(e));
	struct gs_origin o = origin(e, "59.127.89.148");
	assert_int_equal(o.asn, 3462);
	assert_memory_equal(o.country, "TW", 2);
	assert_int_equal(origin(e, "10.0.0.1").asn, 0);
	assert_memory_equal(origin(e, "2001:b000::1").country, "TW", 2);
	assert_in_range(gs_enrich_asn_space(e, 3462), 10000000, 15000000);
	assert_in_range(gs_enrich_asn_count(e), 70000, 120000);

	FILE *raw = shared_file("seed-data/hinet-raw.csv"), *known = shared_file("seed-data/city-summary-partial.csv");
	struct gs_database place = database_of(e, 1, 2);
	if (raw && known && strcmp(place.name, "DB-IP City Lite") == 0 && strncmp(place.edition, "2026-06", 7) == 0) {
		struct city_count cities[16] = { 0 };
		unsigned n = count_cities(e, raw, cities, 16), matched = 0;
		char line[256];
		while (fgets(line, sizeof line, known)) {
			char city[64];
			unsigned packets, sources;
			if (sscanf(line, "DB-IP City Lite 2026-06,TW,%63[^,],%u,%u", city, &packets, &sources) != 3)
				continue;
			for (unsigned i = 0; i < n; i++) {
				if (strcmp(cities[i].city, city) != 0)
					continue;
				assert_int_equal(cities[i].packets, packets);
				assert_int_equal(cities[i].sources, sources);
				matched++;
			}
		}
		assert_int_equal(matched, n);
		assert_int_equal(matched, 5);
	} else {
		print_message("# cities not compared: no seed data, or not DB-IP of June 2026\n");
	}
	if (raw)
		fclose(raw);
	if (known)
		fclose(known);
	gs_enrich_close(e);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(csv_rows_are_read),
		IN_FOLDER(csv_integers_are_addresses),
		IN_FOLDER(csv_wrong_rows_are_named),
		IN_FOLDER(csv_longer_than_a_block),
		IN_FOLDER(csv_huge_lines),
		IN_FOLDER(csv_cut_anywhere),
		IN_FOLDER(narrower_ranges_win),
		IN_FOLDER(pfx2as_takes_the_most_specific),
		IN_FOLDER(names_are_made_safe),
		IN_FOLDER(mmdb_flat_layout),
		IN_FOLDER(mmdb_families_are_joined),
		IN_FOLDER(every_file_is_asked_for_its_opinion),
		IN_FOLDER(mmdb_nested_layout),
		IN_FOLDER(mmdb_country_serves_as_place),
		IN_FOLDER(mmdb_odd_values),
		IN_FOLDER(mmdb_many_records),
		IN_FOLDER(wrong_kinds_are_named),
		IN_FOLDER(mmdb_cut_anywhere),
		IN_FOLDER(mmdb_flipped_anywhere),
		IN_FOLDER(mmdb_hostile),
		IN_FOLDER(mmdb_damage_is_told),
		IN_FOLDER(found_in_folders),
		IN_FOLDER(bad_finds_are_passed_over),
		IN_FOLDER(missing_is_a_sentence),
		IN_FOLDER(editions_of_tables),
		IN_FOLDER(editions_of_maxmind_files),
	};
	const struct CMUnitTest real_data[] = {
		cmocka_unit_test(real_data_gives_known_answers),
	};
	if (argc > 1 && strcmp(argv[1], "--real-data") == 0) {
		const char *folder = getenv("GRESCOPE_DATA");
		return folder && *folder ? cmocka_run_group_tests(real_data, NULL, NULL) : 77; /* skipped, in Meson's words */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
