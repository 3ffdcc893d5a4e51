/* test_render.c - each format to the letter, hostile text in all of them, and the text format at every width of terminal */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "render/render.h"
#include "render/text_cell.h"

/* -- a table with a column of every type ------------------------------------------------------------------------------------------------ */

static const struct gs_column every[] = {
	{ "name", "Name", "", GS_CELL_TEXT, 0 },        { "asn", "AS", "", GS_CELL_ASN, 0 },
	{ "src_ip", "Source", "", GS_CELL_ADDR, 0 },    { "prefix", "Prefix", "", GS_CELL_PREFIX, 0 },
	{ "count", "Count", "", GS_CELL_COUNT, 0 },     { "bytes", "Bytes", "", GS_CELL_BYTES, 0 },
	{ "port", "Port", "", GS_CELL_NUMBER, 0 },      { "share", "Share", "", GS_CELL_SHARE, 0 },
	{ "real", "Real", "", GS_CELL_REAL, 0 },        { "seen", "Seen", "", GS_CELL_TIME, 0 },
	{ "flags", "Flags", "", GS_CELL_HEX16, 0 },     { "key", "Key", "", GS_CELL_HEX32, 0 },
	{ "hidden", "Hidden", "", GS_CELL_NUMBER, 1 },
};
#define N_EVERY (sizeof every / sizeof *every)

static struct gs_addr addr(const char *text)
{
	struct gs_addr a;
	assert_true(gs_addr_parse(text, strlen(text), &a));
	return a;
}

static struct gs_time time_of(const char *text)
{
	struct gs_time t;
	assert_true(gs_time_parse(text, strlen(text), &t));
	return t;
}

static void fill_every(struct gs_cell *c)
{
	const struct gs_cell full[N_EVERY] = {
		{ .text = "Chunghwa", .set = true },
		{ .u64 = 3462, .set = true },
		{ .addr = addr("198.51.100.7"), .set = true },
		{ .addr = addr("2001:db8::"), .u64 = 48, .set = true },
		{ .u64 = UINT64_MAX, .set = true },
		{ .u64 = 123456789, .set = true },
		{ .u64 = 65535, .set = true },
		{ .real = 1.0 / 3, .set = true },
		{ .real = 0.25, .set = true },
		{ .time = time_of("2017-07-25T19:05:31.123456789Z"), .set = true },
		{ .u64 = 0x81, .set = true },
		{ .u64 = 0xbeef, .set = true },
		{ .u64 = 7, .set = true },
	};
	memcpy(c, full, sizeof full);
	memset(c + N_EVERY, 0, sizeof full); /* a row of which nothing is known */
	memcpy(c + 2 * N_EVERY, full, sizeof full);
	c[2 * N_EVERY + 2] = (struct gs_cell){ .text = "REDACTED", .set = true, .as_text = true };
	c[2 * N_EVERY + 7].real = 1;
	c[2 * N_EVERY + 4].u64 = 0;
}

static const struct gs_meta small_meta = {
	.question = "report by name",
	.filters = { "--asn 3462", "--since 2017-01-01" },
	.n_filters = 2,
	.packets = 24,
	.sources = 18,
	.sightings = 24,
	.rows_total = 3,
	.first_seen = { INT64_C(1499147579000000000) },
	.last_seen = { INT64_C(1501009531000000000) },
	.databases = { { "City Lite", "2026-06-05", "Geolocation by \"X\"", "/p" } },
	.n_databases = 1,
	.notes = { "a sentence" },
	.n_notes = 1,
	.tally = { .packets = 40, .in_sightings = 24, .fragments = 2, .fragment_bytes = 99, .not_gre = 9, .lost = { 0, 3, 0, 2 } },
};

/* -- rendering into memory --------------------------------------------------------------------------------------------------------------- */

struct sink {
	struct gs_buf buf;
	size_t largest;
	unsigned writes;
	unsigned fail_at; /* the n-th write fails; 0: none */
};

static int write_sink(void *arg, const void *data, size_t len, struct gs_error *err)
{
	struct sink *s = arg;

	assert_true(len > 0);
	if (++s->writes == s->fail_at)
		return gs_fail(err, GS_ERR_IO, "the pipe is closed");
	s->largest = len > s->largest ? len : s->largest;
	gs_buf_put(&s->buf, data, len);
	return 0;
}

static struct gs_render_options options(enum gs_format format, struct sink *s)
{
	return (struct gs_render_options){ .format = format, .utf8 = true, .write = write_sink, .arg = s };
}

static int render(const struct gs_render_options *o, const struct gs_column *columns, unsigned n, const struct gs_cell *cells, size_t n_rows,
                  const struct gs_meta *meta, bool complete, struct gs_error *err)
{
	struct gs_render *r = NULL;

	assert_int_equal(gs_render_new(o, &r, err), 0);
	struct gs_table_writer w = gs_render_writer(r);
	int code = w.begin(w.arg, columns, n, meta, complete, err);
	for (size_t i = 0; i < n_rows && code == 0; i += 2) { /* in pieces */
		const struct gs_table t = { columns, n, cells + i * n, n_rows - i < 2 ? n_rows - i : 2 };
		code = w.rows(w.arg, &t, err);
	}
	if (code == 0)
		code = w.end(w.arg, meta, err);
	gs_render_free(r);
	return code;
}

static void expect(const struct gs_render_options *o, const struct gs_column *columns, unsigned n, const struct gs_cell *cells, size_t n_rows,
                   const struct gs_meta *meta, bool complete, const char *golden)
{
	struct sink *s = o->arg;

	assert_int_equal(render(o, columns, n, cells, n_rows, meta, complete, NULL), 0);
	assert_string_equal(gs_buf_text(&s->buf), golden);
	gs_buf_done(&s->buf);
	*s = (struct sink){ 0 };
}

static void expect_every(enum gs_format format, bool no_header, bool complete, const char *golden)
{
	struct gs_cell cells[3 * N_EVERY];
	struct sink s = { 0 };
	struct gs_render_options o = options(format, &s);

	o.no_header = no_header;
	fill_every(cells);
	expect(&o, every, N_EVERY, cells, 3, &small_meta, complete, golden);
}

/* -- data formats ------------------------------------------------------------------------------------------------------------------------ */

#define CSV_HEADER "name,asn,src_ip,prefix,count,bytes,port,share,real,seen,flags,key,hidden\n"
#define CSV_ROWS                                                                                                                 \
	"Chunghwa,3462,198.51.100.7,2001:db8::/48,18446744073709551615,123456789,65535,0.333333,0.25,2017-07-25T19:05:31.123456Z,0x0081," \
	"0x0000beef,7\n"                                                                                                         \
	",,,,,,,,,,,,\n"                                                                                                         \
	"Chunghwa,3462,REDACTED,2001:db8::/48,0,123456789,65535,1,0.25,2017-07-25T19:05:31.123456Z,0x0081,0x0000beef,7\n"

static void csv_is_exact(void **state)
{
	(void)state;
	expect_every(GS_FORMAT_CSV, false, true, CSV_HEADER CSV_ROWS);
	expect_every(GS_FORMAT_CSV, true, false, CSV_ROWS);
}

static void tsv_is_exact(void **state)
{
	(void)state;
	char golden[] = CSV_HEADER CSV_ROWS;
	for (char *p = golden; *p; p++)
		*p = *p == ',' ? '\t' : *p;
	expect_every(GS_FORMAT_TSV, false, true, golden);
	expect_every(GS_FORMAT_TSV, true, true, golden + strlen(CSV_HEADER));
}

#define JSON_FULL(src, count, share)                                                                                                 \
	"{\"name\":\"Chunghwa\",\"asn\":3462,\"src_ip\":\"" src "\",\"prefix\":\"2001:db8::/48\",\"count\":" count                           \
	",\"bytes\":123456789,\"port\":65535,\"share\":" share ",\"real\":0.25,\"seen\":\"2017-07-25T19:05:31.123456Z\",\"flags\":\"0x0081\"," \
	"\"key\":\"0x0000beef\",\"hidden\":7}"
#define JSON_ROW1 JSON_FULL("198.51.100.7", "18446744073709551615", "0.333333")
#define JSON_ROW2                                                                                                                \
	"{\"name\":null,\"asn\":null,\"src_ip\":null,\"prefix\":null,\"count\":null,\"bytes\":null,\"port\":null,\"share\":null,\"real\":null," \
	"\"seen\":null,\"flags\":null,\"key\":null,\"hidden\":null}"
#define JSON_ROW3 JSON_FULL("REDACTED", "0", "1")
#define JSON_META                                                                                                                \
	"\"meta\":{\"question\":\"report by name\",\"filters\":[\"--asn 3462\",\"--since 2017-01-01\"],"                             \
	"\"first_seen\":\"2017-07-04T05:52:59.000000Z\",\"last_seen\":\"2017-07-25T19:05:31.000000Z\",\"sensors\":[],\"packets\":24,"    \
	"\"bytes\":null,\"sources\":18,\"sources_estimated\":false,\"sightings\":24,\"rows_total\":3,\"lost\":5,"                        \
	"\"lost_by_reason\":{\"short\":3,\"linktype\":0,\"bad-ip\":2,\"depth\":0},\"lost_in_sensor\":0,\"possibly_lost_below\":0,\"packets_read\":40,\"packets_in_sightings\":24,"       \
	"\"fragments\":2,\"fragment_bytes\":99,\"not_gre\":9,\"gre_udp\":0,\"gre_udp_hidden\":0,\"folded_packets\":0,\"records\":0,"     \
	"\"records_bad\":0,\"records_other\":0,\"undated\":0,\"databases\":[{\"name\":\"City Lite\",\"edition\":\"2026-06-05\","                       \
	"\"credit\":\"Geolocation by \\\"X\\\"\"}],\"notes\":[\"a sentence\"]}"

static void json_is_exact(void **state)
{
	(void)state;
	expect_every(GS_FORMAT_JSON, false, true, "{" JSON_META ",\n\"rows\":[\n" JSON_ROW1 ",\n" JSON_ROW2 ",\n" JSON_ROW3 "\n]}\n");
	expect_every(GS_FORMAT_JSON, false, false, "{\"rows\":[\n" JSON_ROW1 ",\n" JSON_ROW2 ",\n" JSON_ROW3 "\n],\n" JSON_META "}\n");
	expect_every(GS_FORMAT_JSONL, false, true, JSON_ROW1 "\n" JSON_ROW2 "\n" JSON_ROW3 "\n");
}

static void nothing_is_still_the_whole_shape(void **state)
{
	(void)state;
	const struct gs_meta empty = { .question = "export" };
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_JSON, &s);
	static const char meta[] = "\"meta\":{\"question\":\"export\",\"filters\":[],\"first_seen\":null,\"last_seen\":null,\"sensors\":[],\"packets\":0,\"bytes\":0,"
				   "\"sources\":0,\"sources_estimated\":false,\"sightings\":0,\"rows_total\":0,\"lost\":0,\"lost_by_reason\":{\"short\":0,"
				   "\"linktype\":0,\"bad-ip\":0,\"depth\":0},\"lost_in_sensor\":0,\"possibly_lost_below\":0,\"packets_read\":0,\"packets_in_sightings\":0,\"fragments\":0,"
				   "\"fragment_bytes\":0,\"not_gre\":0,\"gre_udp\":0,\"gre_udp_hidden\":0,\"folded_packets\":0,\"records\":0,"
				   "\"records_bad\":0,\"records_other\":0,\"undated\":0,\"databases\":[],\"notes\":[]}";
	char golden[2048];

	snprintf(golden, sizeof golden, "{%s,\n\"rows\":[]}\n", meta);
	expect(&o, every, N_EVERY, NULL, 0, &empty, true, golden);
	snprintf(golden, sizeof golden, "{\"rows\":[],\n%s}\n", meta);
	expect(&o, every, N_EVERY, NULL, 0, &empty, false, golden);
	o.format = GS_FORMAT_JSONL;
	expect(&o, every, N_EVERY, NULL, 0, &empty, true, "");
	o.format = GS_FORMAT_CSV;
	expect(&o, every, N_EVERY, NULL, 0, &empty, true, CSV_HEADER);
	o.format = GS_FORMAT_TEXT;
	expect(&o, every, N_EVERY, NULL, 0, &empty, true, "export\n\nnothing matched\n\n0 packets, 0 sources in 0 sightings\n");
}

static const struct gs_column one_text[] = { { "name", "Name", "", GS_CELL_TEXT, 0 }, { "n", "N", "", GS_CELL_COUNT, 0 } };

/* What a hostile name becomes in each data format. */
static const struct {
	const char *text, *csv, *tsv, *json;
} hostile[] = {
	{ "plain", "plain", "plain", "\"plain\"" },
	{ "a,b", "\"a,b\"", "a,b", "\"a,b\"" },
	{ "say \"hi\"", "\"say \"\"hi\"\"\"", "say \"hi\"", "\"say \\\"hi\\\"\"" },
	{ "two\nlines", "\"two\nlines\"", "two lines", "\"two\\nlines\"" },
	{ "cr\rlf", "\"cr\rlf\"", "cr lf", "\"cr\\rlf\"" },
	{ "tab\there", "tab\there", "tab here", "\"tab\\there\"" },
	{ "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0", "\"=cmd|' /C calc'!A0\"" },
	{ "=\"cmd\"", "\"'=\"\"cmd\"\"\"", "=\"cmd\"", "\"=\\\"cmd\\\"\"" },
	{ "+1", "'+1", "+1", "\"+1\"" },
	{ "-1", "'-1", "-1", "\"-1\"" },
	{ "@SUM(1)", "'@SUM(1)", "@SUM(1)", "\"@SUM(1)\"" },
	{ "\tx", "'\tx", " x", "\"\\tx\"" },
	{ "\rx", "\"'\rx\"", " x", "\"\\rx\"" },
	{ "1-2", "1-2", "1-2", "\"1-2\"" },
	{ "esc\033[31m", "esc\xef\xbf\xbd[31m", "esc\xef\xbf\xbd[31m", "\"esc\\u001b[31m\"" },
	{ "\177\302\233", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd", "\"\\u007f\\u009b\"" }, /* DEL, and CSI as one character */
	{ "S\303\243o Paulo", "S\303\243o Paulo", "S\303\243o Paulo", "\"S\303\243o Paulo\"" },
	{ "\360\237\230\200", "\360\237\230\200", "\360\237\230\200", "\"\360\237\230\200\"" },
	{ "bad\377x", "bad\xef\xbf\xbdx", "bad\xef\xbf\xbdx", "\"bad\xef\xbf\xbdx\"" },
	{ "cut\303", "cut\xef\xbf\xbd", "cut\xef\xbf\xbd", "\"cut\xef\xbf\xbd\"" },
	{ "\300\257", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd", "\"\xef\xbf\xbd\xef\xbf\xbd\"" }, /* overlong slash */
	{ "\355\240\200", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
	{ "\364\220\200\200", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* past U+10FFFF */
	{ "a\342\200\250b", "a\342\200\250b", "a\342\200\250b", "\"a\\u2028b\"" },
	{ "back\\slash", "back\\slash", "back\\slash", "\"back\\\\slash\"" },
};

static void hostile_text_is_tamed_in_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		const struct gs_cell cells[] = { { .text = hostile[i].text, .set = true }, { .u64 = 1, .set = true } };
		struct sink s = { 0 };
		struct gs_render_options o = options(GS_FORMAT_CSV, &s);
		const struct gs_meta meta = { 0 };
		char golden[256];
		o.no_header = true;
		snprintf(golden, sizeof golden, "%s,1\n", hostile[i].csv);
		expect(&o, one_text, 2, cells, 1, &meta, true, golden);
		o.format = GS_FORMAT_TSV;
		snprintf(golden, sizeof golden, "%s\t1\n", hostile[i].tsv);
		expect(&o, one_text, 2, cells, 1, &meta, true, golden);
		o.format = GS_FORMAT_JSONL;
		snprintf(golden, sizeof golden, "{\"name\":%s,\"n\":1}\n", hostile[i].json);
		expect(&o, one_text, 2, cells, 1, &meta, true, golden);
	}
}

static const struct gs_column raw[] = {
	{ "timestamp", "Time", "", GS_CELL_TIME, 0 },   { "src_ip", "Source", "", GS_CELL_ADDR, 0 }, { "class", "Class", "", GS_CELL_TEXT, 0 },
	{ "protocol", "Protocol", "", GS_CELL_NUMBER, 0 }, { "packets", "Packets", "", GS_CELL_COUNT, 0 },
};

static void badpackets_has_the_original_shape(void **state)
{
	(void)state;
	const struct gs_meta meta = { 0 };
	struct gs_cell cells[15] = { 0 };
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_BADPACKETS, &s);

	for (unsigned row = 0; row < 3; row++) {
		cells[row * 5] = (struct gs_cell){ .time = time_of("2017-07-25T12:05:31.000-0700"), .set = true };
		cells[row * 5 + 1] = (struct gs_cell){ .addr = addr("59.127.89.148"), .set = true };
		cells[row * 5 + 3] = (struct gs_cell){ .u64 = 47, .set = true };
		cells[row * 5 + 4] = (struct gs_cell){ .u64 = 1, .set = true };
	}
	cells[6] = (struct gs_cell){ 0 }; /* folded: no source, and its count is not lost */
	cells[9].u64 = 12345678;
	cells[11] = (struct gs_cell){ .text = "REDACTED", .set = true, .as_text = true };
	cells[10].time.ns += 999999999;
	expect(&o, raw, 5, cells, 3, &meta, false,
	       "\"Source IP\",_time,count,Protocol\n"
	       "59.127.89.148,2017-07-25T19:05:31.000+0000,1,47\n"
	       ",2017-07-25T19:05:31.000+0000,12345678,47\n"
	       "REDACTED,2017-07-25T19:05:31.999+0000,1,47\n");
	o.no_header = true;
	expect(&o, raw, 5, cells, 1, &meta, false, "59.127.89.148,2017-07-25T19:05:31.000+0000,1,47\n");
}

static void badpackets_is_for_raw_data_only(void **state)
{
	(void)state;
	const struct gs_meta meta = { 0 };
	struct gs_error err = { 0 };
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_BADPACKETS, &s);

	assert_int_equal(render(&o, every, N_EVERY, NULL, 0, &meta, true, &err), GS_ERR_USAGE);
	assert_non_null(strstr(err.text, "export"));
	assert_int_equal(s.writes, 0);
}

static void formats_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GS_FORMAT_COUNT; i++)
		assert_int_equal(gs_format_parse(gs_format_word(i), strlen(gs_format_word(i))), i);
	assert_int_equal(gs_format_parse("jso", 3), -1);
	assert_int_equal(gs_format_parse("xml", 3), -1);
}

/* -- small numbers, yes and no, findings, pictures ------------------------------------------------------------------------------------------ */

static void answers_have_findings_and_small_numbers(void **state)
{
	static const struct gs_column columns[] = {
		{ "p", "p", "", GS_CELL_REAL, 0 }, { "out", "Out", "", GS_CELL_BOOL, 0 }, { "by_week", "By week", "", GS_CELL_TEXT, 0, 1 },
	};
	const struct gs_cell cells[] = {
		{ .real = 1.838e-268, .set = true }, { .u64 = 1, .set = true }, { .text = "0123456789abcdefghijklmnopqrstuvwxyz0123456789", .set = true },
		{ .real = 0.01234, .set = true },  { .u64 = 0, .set = true }, { .set = false },
		{ .real = -0.5, .set = true },         { .set = false },          { .set = false },
	};
	const struct gs_meta meta = { .question = "q", .findings = { "First, before.", "Then, after." }, .n_findings = 2, .n_findings_first = 1, .rows_total = 3, .sightings = 3 };
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_CSV, &s);

	(void)state;
	expect(&o, columns, 3, cells, 3, &meta, true,
	       "p,out,by_week\n1.838e-268,true,0123456789abcdefghijklmnopqrstuvwxyz0123456789\n0.01234,false,\n-0.5,,\n");
	o.format = GS_FORMAT_JSON;
	assert_int_equal(render(&o, columns, 3, cells, 3, &meta, true, NULL), 0);
	assert_non_null(strstr(gs_buf_text(&s.buf), "\"notes\":[],\"findings\":[\"First, before.\",\"Then, after.\"]}"));
	assert_non_null(strstr(gs_buf_text(&s.buf), "{\"p\":1.838e-268,\"out\":true,"));
	assert_non_null(strstr(gs_buf_text(&s.buf), "{\"p\":0.01234,\"out\":false,\"by_week\":null}"));
	gs_buf_done(&s.buf);
	s = (struct sink){ 0 };
	o.format = GS_FORMAT_TEXT;
	for (o.width = 0; o.width <= 90; o.width += 90) { /* a picture is never cut, whatever the width leaves for text */
		expect(&o, columns, 3, cells, 3, &meta, true,
		       "q\n\nFirst, before.\n\n"
		       "         p  Out  By week\n"
		       "1.838e-268  yes  0123456789abcdefghijklmnopqrstuvwxyz0123456789\n"
		       "   0.01234  no   -\n"
		       "      -0.5  -    -\n"
		       "\nThen, after.\n\n0 packets, 0 sources in 3 sightings\n");
	}
}

/* -- writing ----------------------------------------------------------------------------------------------------------------------------- */

static void output_comes_in_large_pieces_and_all_of_it(void **state)
{
	(void)state;
	for (enum gs_format f = 0; f < GS_FORMAT_COUNT; f++) {
		const struct gs_column *columns = f == GS_FORMAT_BADPACKETS ? raw : one_text;
		const unsigned n = f == GS_FORMAT_BADPACKETS ? 5 : 2;
		const size_t n_rows = 20000;
		struct gs_cell *cells = calloc(n_rows * n, sizeof *cells);
		const struct gs_meta meta = { .rows_total = n_rows };
		struct sink s = { 0 };
		struct gs_render_options o = options(f, &s);
		size_t lines = 0;
		assert_non_null(cells);
		for (size_t i = 0; i < n_rows; i++)
			cells[i * n + (f == GS_FORMAT_BADPACKETS ? 4 : 0)] =
				f == GS_FORMAT_BADPACKETS ? (struct gs_cell){ .u64 = i, .set = true } : (struct gs_cell){ .text = "some name", .set = true };
		assert_int_equal(render(&o, columns, n, cells, n_rows, &meta, false, NULL), 0);
		for (size_t i = 0; i < s.buf.len; i++)
			lines += s.buf.data[i] == '\n';
		assert_true(lines >= n_rows && lines < n_rows + 50);
		assert_true(s.writes < 40 && s.largest < (f == GS_FORMAT_TEXT ? 1u << 20 : (64u << 10) + 4096));
		for (unsigned fail = 1; fail <= s.writes; fail++) { /* each of the writes may be the one that fails */
			struct gs_error err = { 0 };
			struct sink bad = { .fail_at = fail };
			o.arg = &bad;
			assert_int_equal(render(&o, columns, n, cells, n_rows, &meta, false, &err), GS_ERR_IO);
			assert_string_equal(err.text, "the pipe is closed");
			gs_buf_done(&bad.buf);
		}
		gs_buf_done(&s.buf);
		free(cells);
	}
}

/* -- text -------------------------------------------------------------------------------------------------------------------------------- */

static const struct gs_column city[] = {
	{ "src_geo", "Country", "", GS_CELL_TEXT, 0 },       { "src_region", "Region", "", GS_CELL_TEXT, 0 },
	{ "src_city", "City", "", GS_CELL_TEXT, 0 },         { "sources", "Sources", "", GS_CELL_COUNT, 0 },
	{ "packets", "Packets", "", GS_CELL_COUNT, 0 },      { "bytes", "Bytes", "", GS_CELL_BYTES, 0 },
	{ "share", "Share", "", GS_CELL_SHARE, 0 },          { "first_seen", "First seen", "", GS_CELL_TIME, 0 },
	{ "last_seen", "Last seen", "", GS_CELL_TIME, 0 },   { "top_class", "Top class", "", GS_CELL_TEXT, 0 },
};
#define N_CITY (sizeof city / sizeof *city)

static struct gs_cell text_of(const char *t)
{
	return (struct gs_cell){ .text = t, .set = t != NULL };
}

static void fill_city(struct gs_cell *c)
{
	static const struct {
		const char *geo, *region, *city, *top_class;
		uint64_t sources, packets;
		double share;
	} rows[] = {
		{ "TW", "Taiwan", "\345\217\260\345\214\227\345\270\202", "remnant", 102, 12345, 0.61725 }, /* wide characters */
		{ "BR", "S\303\243o Paulo", "S\303\243o Jos\303\251 dos Campos e mais", "flood.mirai.greip", 9, 7654, 0.3827 },
		{ NULL, NULL, NULL, "unknown", 1, 1, 0.00005 },
	};
	for (size_t i = 0; i < 3; i++, c += N_CITY) {
		c[0] = text_of(rows[i].geo);
		c[1] = text_of(rows[i].region);
		c[2] = text_of(rows[i].city);
		c[3] = (struct gs_cell){ .u64 = rows[i].sources, .set = true };
		c[4] = (struct gs_cell){ .u64 = rows[i].packets, .set = true };
		c[5] = (struct gs_cell){ .u64 = rows[i].packets * 52, .set = true };
		c[6] = (struct gs_cell){ .real = rows[i].share, .set = true };
		c[7] = (struct gs_cell){ .time = { time_of("2017-01-01T01:40:07Z").ns + (int64_t)i * 86400 * GS_NS_PER_S }, .set = true };
		c[8] = (struct gs_cell){ .time = { time_of("2017-07-25T19:05:31Z").ns - (int64_t)i * 86400 * GS_NS_PER_S }, .set = true };
		c[9] = text_of(rows[i].top_class);
	}
}

static const struct gs_meta city_meta = {
	.question = "report by city",
	.filters = { "--country TW", "--country BR" },
	.n_filters = 2,
	.packets = 20000,
	.bytes = 1040000,
	.sources = 112,
	.sightings = 7000,
	.rows_total = 134,
	.first_seen = { INT64_C(1483234807000000000) },
	.last_seen = { INT64_C(1501009531000000000) },
	.databases = { { "City Lite", "2026-06-05", "IP Geolocation by DB-IP, https://db-ip.com", "" }, { "asn", "2026-06-20", "", "" } },
	.n_databases = 2,
	.notes = { "place unknown: city for <0.1 % of packets, country for <0.1 %" },
	.n_notes = 1,
	.tally = { .fragments = 12, .gre_udp = 3, .gre_udp_hidden = 1, .lost = { 0, 3, 0, 1002 }, .records_bad = 1 },
};

static void expect_city(unsigned width, bool utf8, bool color, const char *golden)
{
	struct gs_cell cells[3 * N_CITY];
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_TEXT, &s);

	o.width = width;
	o.utf8 = utf8;
	o.color = color;
	fill_city(cells);
	expect(&o, city, N_CITY, cells, 3, &city_meta, true, golden);
}

#define TEXT_HEAD "report by city --country TW --country BR\n\n"
#define TEXT_TOTALS                                                                                                                  \
	"\n20,000 packets, 1,040,000 bytes (1016 KiB), 112 sources in 7,000 sightings\n"                                                 \
	"2017-01-01 01:40:07 to 2017-07-25 19:05:31 UTC (205 days)\n"                                                                    \
	"3 of 134 rows\n"
#define TEXT_REST_80                                                                                                                 \
	"not in the table: 12 later fragments of protocol 47, 1 packet of GRE in UDP\n"                                                  \
	"  (--include-udp), 1,005 frames not judged: captured part ends before the IP\n"                                                 \
	"  protocol field (3), IP header that contradicts itself (1,002), 1 row not\n"                                                   \
	"  understood\n"
#define TEXT_NOTES                                                                                                                   \
	"note: place unknown: city for <0.1 % of packets, country for <0.1 %\n"                                                          \
	"data: City Lite, 2026-06-05; IP Geolocation by DB-IP, https://db-ip.com\n"                                                      \
	"data: asn, 2026-06-20\n"

static void text_fits_80_columns(void **state)
{
	(void)state;
	expect_city(80, true, false,
	            TEXT_HEAD
	            "Country  City          Sources  Packets  Share          Last seen   Top class\n"
	            "TW       台北市            102    12.3k  61.7 % ██████  2017-07-25  remnant\n"
	            "BR       São José do…        9     7654  38.3 % ███▊    2017-07-24  flood.mirai…\n"
	            "-        -                   1        1  <0.1 % ▏       2017-07-23  unknown\n" TEXT_TOTALS
	            "no room for: Region, Bytes, First seen; csv and json have every column\n" TEXT_REST_80 TEXT_NOTES);
	expect_city(80, false, false,
	            TEXT_HEAD
	            "Country  City          Sources  Packets  Share          Last seen   Top class\n"
	            "TW       ???               102    12.3k  61.7 % ######  2017-07-25  remnant\n"
	            "BR       S?o Jos? do~        9     7654  38.3 % ####    2017-07-24  flood.mirai~\n"
	            "-        -                   1        1  <0.1 % #       2017-07-23  unknown\n" TEXT_TOTALS
	            "no room for: Region, Bytes, First seen; csv and json have every column\n" TEXT_REST_80 TEXT_NOTES);
}

static void text_is_whole_without_a_width(void **state)
{
	(void)state;
	expect_city(0, true, false,
	            TEXT_HEAD
	            "Country  Region     City                        Sources  Packets    Bytes  Share                        First seen        "
	            "Last seen         Top class\n"
	            "TW       Taiwan     台北市                          102    12.3k  627 KiB  61.7 % ████████████████████  2017-01-01 01:40  "
	            "2017-07-25 19:05  remnant\n"
	            "BR       São Paulo  São José dos Campos e mais        9     7654  389 KiB  38.3 % ████████████▍         2017-01-02 01:40  "
	            "2017-07-24 19:05  flood.mirai.greip\n"
	            "-        -          -                                 1        1     52 B  <0.1 % ▏                     2017-01-03 01:40  "
	            "2017-07-23 19:05  unknown\n" TEXT_TOTALS
	            "not in the table: 12 later fragments of protocol 47, 1 packet of GRE in UDP (--include-udp), 1,005 frames not judged: captured "
	            "part ends before the IP protocol field (3), IP header that contradicts itself (1,002), 1 row not understood\n" TEXT_NOTES);
}

static void what_is_the_same_in_every_row_goes_first(void **state)
{
	(void)state;
	struct gs_cell cells[3 * N_CITY];
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_TEXT, &s);

	fill_city(cells);
	for (unsigned i = 0; i < 3; i++)
		cells[i * N_CITY + 9] = text_of("remnant");
	o.width = 100;
	assert_int_equal(render(&o, city, N_CITY, cells, 3, &city_meta, true, NULL), 0);
	assert_non_null(strstr(gs_buf_text(&s.buf), "no room for: Top class;")); /* Bytes stay, which would go before a class that varies */
	gs_buf_done(&s.buf);
}

static void colour_is_only_added(void **state)
{
	(void)state;
	for (unsigned width = 0; width < 200; width += 40) {
		struct gs_cell cells[3 * N_CITY];
		struct sink plain = { 0 }, painted = { 0 };
		struct gs_render_options o = options(GS_FORMAT_TEXT, &plain), p = options(GS_FORMAT_TEXT, &painted);
		struct gs_buf stripped = { 0 };
		unsigned sequences = 0;
		o.width = p.width = width;
		p.color = true;
		fill_city(cells);
		assert_int_equal(render(&o, city, N_CITY, cells, 3, &city_meta, true, NULL), 0);
		assert_int_equal(render(&p, city, N_CITY, cells, 3, &city_meta, true, NULL), 0);
		const char *t = gs_buf_text(&painted.buf);
		assert_null(strchr(gs_buf_text(&plain.buf), '\033'));
		while (*t) {
			if (*t == '\033') {
				t = strchr(t, 'm') + 1;
				sequences++;
				continue;
			}
			if (*t == '\n') /* blanks before an escape sequence at a line's end stay */
				while (stripped.len && stripped.data[stripped.len - 1] == ' ')
					stripped.len--;
			gs_buf_putc(&stripped, *t++);
		}
		assert_true(sequences > 10 && sequences % 2 == 0);
		assert_string_equal(gs_buf_text(&stripped), gs_buf_text(&plain.buf));
		gs_buf_done(&stripped);
		gs_buf_done(&plain.buf);
		gs_buf_done(&painted.buf);
	}
}

static void no_header_leaves_rows_and_credits(void **state)
{
	(void)state;
	struct gs_cell cells[3 * N_CITY];
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_TEXT, &s);

	o.width = 80;
	o.no_header = true;
	fill_city(cells);
	assert_int_equal(render(&o, city, N_CITY, cells, 3, &city_meta, true, NULL), 0);
	assert_memory_equal(gs_buf_text(&s.buf), "TW ", 3);
	assert_null(strstr(gs_buf_text(&s.buf), "Country "));
	assert_non_null(strstr(gs_buf_text(&s.buf), "https://db-ip.com"));
	gs_buf_done(&s.buf);
}

static void no_line_is_longer_than_the_terminal(void **state)
{
	(void)state;
	for (unsigned width = 40; width < 220; width++) {
		struct gs_cell cells[3 * N_CITY];
		struct sink s = { 0 };
		struct gs_render_options o = options(GS_FORMAT_TEXT, &s);
		o.width = width;
		fill_city(cells);
		assert_int_equal(render(&o, city, N_CITY, cells, 3, &city_meta, true, NULL), 0);
		const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = uselocale(utf8);
		for (const char *t = gs_buf_text(&s.buf), *end; *t; t = end + 1) {
			end = strchr(t, '\n');
			if (text_width(t, (size_t)(end - t)) > width)
				fail_msg("width %u: %.*s", width, (int)(end - t), t);
		}
		uselocale(before);
		freelocale(utf8);
		assert_non_null(strstr(gs_buf_text(&s.buf), "12.3k")); /* numbers are left out or whole */
		assert_non_null(strstr(gs_buf_text(&s.buf), "7654"));
		const char *dropped = strstr(gs_buf_text(&s.buf), "no room for:"), *row = strstr(gs_buf_text(&s.buf), "\nTW");
		const bool region = memmem(row, (size_t)(strchr(row + 1, '\n') - row), "Taiwan", 6);
		assert_true(region || (dropped && strstr(dropped, "Region"))); /* shown, or said to be missing */
		gs_buf_done(&s.buf);
	}
}

static void hostile_text_never_reaches_the_terminal(void **state)
{
	(void)state;
	static const char *const nasty[] = { "esc\033]0;title\007", ("\302\233" "31m"), "bell\007\010\010", "\342\200\256evil", "zero\342\200\213width",
					     "a\177b",           "new\nline\r",     "\377\376",          "tab\ttab",         "\314\201combining first" };
	for (unsigned utf8 = 0; utf8 < 2; utf8++) {
		for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++) {
			const struct gs_cell cells[] = { { .text = nasty[i], .set = true }, { .u64 = 77, .set = true } };
			const struct gs_meta meta = { .question = nasty[i], .filters = { nasty[i] }, .n_filters = 1, .rows_total = 1, .notes = { nasty[i] }, .n_notes = 1,
						      .databases = { { nasty[i], nasty[i], nasty[i], "" } }, .n_databases = 1 };
			struct sink s = { 0 };
			struct gs_render_options o = options(GS_FORMAT_TEXT, &s);
			o.utf8 = utf8;
			assert_int_equal(render(&o, one_text, 2, cells, 1, &meta, true, NULL), 0);
			const char *t = gs_buf_text(&s.buf);
			assert_null(strstr(t, "\302\233"));
			assert_null(strstr(t, "\342\200"));
			for (; *t; t++) {
				assert_true((unsigned char)*t >= 0x20 || *t == '\n');
				assert_true(*t != 0x7f && (utf8 || (unsigned char)*t < 0x80));
			}
			gs_buf_done(&s.buf);
		}
	}
}

static void empty_columns_stay_away_and_the_first_stays(void **state)
{
	(void)state;
	struct gs_cell cells[2 * N_EVERY] = { 0 };
	const struct gs_meta meta = { .question = "q", .rows_total = 2, .sightings = 2 };
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_TEXT, &s);

	cells[4] = (struct gs_cell){ .u64 = 5, .set = true };
	cells[12] = (struct gs_cell){ .u64 = 6, .set = true }; /* hidden in text */
	expect(&o, every, N_EVERY, cells, 2, &meta, true,
	       "q\n\n"
	       "Name  Count\n"
	       "-         5\n"
	       "-         -\n"
	       "\n0 packets, 0 sources in 2 sightings\n");
}

static void long_tables_repeat_their_headings(void **state)
{
	(void)state;
	const size_t n = 5000;
	struct gs_cell *cells = calloc(n * 2, sizeof *cells);
	const struct gs_meta meta = { .question = "q", .rows_total = n };
	struct sink s = { 0 };
	struct gs_render_options o = options(GS_FORMAT_TEXT, &s);
	unsigned headings = 0, rows = 0;

	assert_non_null(cells);
	for (size_t i = 0; i < n; i++) {
		cells[i * 2] = text_of("x");
		cells[i * 2 + 1] = (struct gs_cell){ .u64 = 1, .set = true };
	}
	assert_int_equal(render(&o, one_text, 2, cells, n, &meta, false, NULL), 0);
	for (const char *t = gs_buf_text(&s.buf); (t = strchr(t, '\n')) != NULL; t++) {
		headings += strncmp(t, "\nName", 5) == 0;
		rows += strncmp(t, "\nx ", 3) == 0;
	}
	assert_int_equal(rows, n);
	assert_int_equal(headings, 3);
	gs_buf_done(&s.buf);
	free(cells);
}

static void the_callers_locale_stays(void **state)
{
	(void)state;
	const locale_t mine = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(mine);
	text_fits_80_columns(NULL);
	assert_ptr_equal(uselocale(before), mine);
	freelocale(mine);
}

static void check_number(void (*put)(struct gs_buf *, uint64_t), uint64_t v, const char *golden)
{
	struct gs_buf b = { 0 };
	put(&b, v);
	assert_string_equal(gs_buf_text(&b), golden);
	gs_buf_done(&b);
}

static void numbers_are_shortened_with_care(void **state)
{
	(void)state;
	static const struct {
		uint64_t v;
		const char *count, *bytes, *grouped;
	} cases[] = {
		{ 0, "0", "0 B", "0" },
		{ 999, "999", "999 B", "999" },
		{ 9999, "9999", "9999 B", "9,999" },
		{ 10000, "10.0k", "9.77 KiB", "10,000" },
		{ 12345, "12.3k", "12.1 KiB", "12,345" },
		{ 99949, "99.9k", "97.6 KiB", "99,949" },
		{ 99950, "100k", "97.6 KiB", "99,950" },
		{ 999499, "999k", "976 KiB", "999,499" },
		{ 999500, "1.00M", "976 KiB", "999,500" },
		{ 1048576, "1.05M", "1.00 MiB", "1,048,576" },
		{ 9994999, "9.99M", "9.53 MiB", "9,994,999" },
		{ 9995000, "10.0M", "9.53 MiB", "9,995,000" },
		{ UINT64_MAX, "18.4E", "16.0 EiB", "18,446,744,073,709,551,615" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		check_number(text_count, cases[i].v, cases[i].count);
		check_number(text_bytes, cases[i].v, cases[i].bytes);
		check_number(text_grouped, cases[i].v, cases[i].grouped);
	}
}

static void shares_never_round_to_nothing_or_all(void **state)
{
	(void)state;
	static const struct {
		double share;
		const char *text;
	} cases[] = { { 0, "0.0 %" }, { 1e-9, "<0.1 %" }, { 0.0005, "0.1 %" }, { 0.5, "50.0 %" }, { 0.9994, "99.9 %" }, { 0.99999, ">99.9 %" }, { 1, "100.0 %" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gs_buf b = { 0 };
		text_percent(&b, cases[i].share);
		assert_string_equal(gs_buf_text(&b), cases[i].text);
		gs_buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_is_exact),
		cmocka_unit_test(tsv_is_exact),
		cmocka_unit_test(json_is_exact),
		cmocka_unit_test(nothing_is_still_the_whole_shape),
		cmocka_unit_test(hostile_text_is_tamed_in_data),
		cmocka_unit_test(badpackets_has_the_original_shape),
		cmocka_unit_test(badpackets_is_for_raw_data_only),
		cmocka_unit_test(formats_have_names),
		cmocka_unit_test(answers_have_findings_and_small_numbers),
		cmocka_unit_test(output_comes_in_large_pieces_and_all_of_it),
		cmocka_unit_test(text_fits_80_columns),
		cmocka_unit_test(text_is_whole_without_a_width),
		cmocka_unit_test(what_is_the_same_in_every_row_goes_first),
		cmocka_unit_test(colour_is_only_added),
		cmocka_unit_test(no_header_leaves_rows_and_credits),
		cmocka_unit_test(no_line_is_longer_than_the_terminal),
		cmocka_unit_test(hostile_text_never_reaches_the_terminal),
		cmocka_unit_test(empty_columns_stay_away_and_the_first_stays),
		cmocka_unit_test(long_tables_repeat_their_headings),
		cmocka_unit_test(the_callers_locale_stays),
		cmocka_unit_test(numbers_are_shortened_with_care),
		cmocka_unit_test(shares_never_round_to_nothing_or_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
