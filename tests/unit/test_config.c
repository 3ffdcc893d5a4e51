/* test_config.c - the sensor's configuration: defaults, every kind of trouble, options over the file, what a running sensor takes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct said {
	unsigned n;
	char text[64][512];
};

static void on_found(void *arg, bool bad, const char *sentence)
{
	struct said *s = arg;

	assert_true(bad);
	if (s->n < 64)
		snprintf(s->text[s->n], sizeof *s->text, "%s", sentence);
	s->n++;
}

static struct said said;

static int read_text(const char *text, size_t len, struct sensor_config **ret)
{
	struct gs_error err = { 0 };

	said = (struct said){ 0 };
	int r = config_read_memory("c", text, len, true, on_found, &said, ret, &err);
	assert_int_equal(r, r == 0 ? 0 : err.code);
	return r;
}

static struct sensor_config *good(const char *text)
{
	struct sensor_config *c = NULL;

	if (read_text(text, strlen(text), &c) != 0)
		fail_msg("%s: %s", text, said.text[0]);
	assert_int_equal(said.n, 0);
	return c;
}

/* One trouble and no other, with these words in it. */
static void bad_text(const char *text, size_t len, const char *words)
{
	struct sensor_config *c = NULL;

	assert_int_equal(read_text(text, len, &c), GS_ERR_CONFIG);
	assert_null(c);
	if (said.n != 1 || !strstr(said.text[0], words))
		fail_msg("`%s`: expected one trouble with `%s`, got %u: %s; %s", text, words, said.n, said.text[0], said.text[1]);
}

static void bad(const char *text, const char *words)
{
	bad_text(text, strlen(text), words);
}

static void test_defaults(void **state)
{
	struct sensor_config *c = good("");
	unsigned n;
	const struct config_key *keys = config_keys(&n);
	char why[300];

	(void)state;
	assert_int_equal(c->snaplen, 256);
	assert_int_equal(c->buffer_bytes, 64 << 20);
	assert_int_equal(c->workers, 1);
	assert_int_equal(c->window_s, 60);
	assert_int_equal(c->memory_bytes, 256 << 20);
	assert_int_equal(c->pcap_file_s, 86400);
	assert_int_equal(c->quiet_s, 3600);
	assert_true(c->surge_factor > 9.9 && c->surge_factor < 10.1);
	assert_string_equal(c->user, "grescope");
	assert_string_equal(c->store, "");
	assert_string_equal(c->webhook_url, "");
	assert_int_equal(c->interfaces.n + c->follow.n + c->asn_db.n + c->n_known_bad + c->n_log_formats, 0);
	assert_true(n <= CONFIG_KEYS_MAX);
	for (unsigned i = 0; i < n; i++) { /* what the table itself says fits */
		if (*keys[i].fallback && !config_value_set(c, &keys[i], keys[i].fallback, why))
			fail_msg("%s: default %s: %s", keys[i].key, keys[i].fallback, why);
		config_value_clear(c, &keys[i]);
		if (keys[i].example && !config_value_set(c, &keys[i], keys[i].example, why))
			fail_msg("%s: example %s: %s", keys[i].key, keys[i].example, why);
		assert_true(strlen(keys[i].help) > 8 && strlen(keys[i].help) < 110);
		for (unsigned j = 0; j < i; j++) {
			assert_false(strcmp(keys[i].section, keys[j].section) == 0 && strcmp(keys[i].key, keys[j].key) == 0);
			assert_false(keys[i].option && keys[j].option && strcmp(keys[i].option, keys[j].option) == 0);
		}
	}
	config_free(c);
}

static void test_values(void **state)
{
	struct sensor_config *c = good("# all\n[sensor]\nname = n\xc3\xb6rdlich 1\nuser=_gre-scope2\n\n[capture]\ninterface = eth0, eth1\ninterface=veth-1\nfilter = not host 192.0.2.1 and ip[8]=3\n"
	                               "snaplen=96\npromiscuous = yes\nbuffer = 1G\nworkers=64\ninclude_udp=true\nfast_path=count\n[sightings]\nwindow = 0\nmemory = 4M\n"
	                               "[store]\npath = /s.db\nquota = 10G\nkeep_rows = 26w\nkeep_size = 500MiB\n[evidence]\nfolder = /e v\nsize=16M\nfile_size=1M\nfile_span=1h\n"
	                               "[data]\nnetworks=/a\nnetworks=/b\nplaces=/c\n[alerts]\nflood=0\nquiet=5m\nknown_bad = AS64496 64497\nknown_bad=192.0.2.7/24\nknown_bad=2001:db8::1\n"
	                               "surge=1.5\nsay=json\ncommand=/bin/x --a b\nwebhook_url = https://h/p?a=b#c\n[metrics]\nlisten=[::1]:9747\n[logs]\nfollow=/l\nsyslog_listen=127.0.0.1:514\n"
	                               "[log-format a-1]\npattern = a=(?<src>.*):b [x]\ntime = %s\n[log-format b]\npattern=p(?<src>.)");
	(void)state;
	assert_string_equal(c->sensor, "n\xc3\xb6rdlich 1");
	assert_string_equal(c->user, "_gre-scope2");
	assert_int_equal(c->interfaces.n, 3);
	assert_string_equal(c->interfaces.item[1], "eth1");
	assert_string_equal(c->interfaces.item[2], "veth-1");
	assert_string_equal(c->filter, "not host 192.0.2.1 and ip[8]=3");
	assert_true(c->promiscuous && c->include_udp);
	assert_int_equal(c->fast_path, FAST_PATH_COUNT);
	assert_int_equal(c->buffer_bytes, 1 << 30);
	assert_int_equal(c->window_s, 0);
	assert_int_equal(c->retention_age_s, 26 * 7 * 86400);
	assert_int_equal(c->retention_bytes, 500 << 20);
	assert_string_equal(c->pcap_dir, "/e v");
	assert_int_equal(c->asn_db.n, 2);
	assert_int_equal(c->n_known_bad, 4);
	assert_true(c->known_bad[1].by_asn && c->known_bad[1].asn == 64497);
	assert_true(!c->known_bad[2].by_asn && c->known_bad[2].prefix.len == 24 && c->known_bad[2].prefix.base.b[3] == 0);
	assert_int_equal(c->known_bad[3].prefix.len, 128);
	assert_int_equal(c->say, SAY_JSON);
	assert_string_equal(c->webhook_url, "https://h/p?a=b#c");
	assert_int_equal(c->n_log_formats, 2);
	assert_string_equal(c->log_formats[0].pattern, "a=(?<src>.*):b [x]");
	assert_string_equal(c->log_formats[0].time, "%s");
	assert_string_equal(c->log_formats[1].time, "");
	config_free(c);
}

static void test_troubles(void **state)
{
	(void)state;
	bad("[sensr]\n", "c:1: no section [sensr]; [sensor] is near");
	bad("[zzzzzzzz]\nname = x\n", "c:1: no section [zzzzzzzz]");
	bad("[capture]\ninterfaec = eth0\n", "c:2: [capture] has no key `interfaec`; `interface` is near");
	bad("[capture]\nwindow = 60\n", "c:2: [capture] has no key `window`; it belongs into [sightings]");
	bad("[capture]\nqqqqqq = 60\n", "c:2: [capture] has no key `qqqqqq`");
	bad("snaplen = 96\n", "c:1: `snaplen` stands before the first [section]");
	bad("[capture]\nsnaplen = 96\n\n snaplen = 96\n", "c:4: `snaplen` is given again; line 2 has it");
	bad("[capture]\nsnaplen = 95\n", "c:2: `snaplen = 95`: expected a number from 96 to 262144");
	bad("[capture]\nsnaplen = 262145\n", "expected a number");
	bad("[capture]\nsnaplen = 99999999999999999999999\n", "expected a number");
	bad("[capture]\nsnaplen = -1\n", "expected a number");
	bad("[capture]\nsnaplen = 1e3\n", "expected a number");
	bad("[capture]\nsnaplen =\n", "nothing is given; expected a number");
	bad("[capture]\nbuffer = 64Q\n", "expected a size from 1M to 1G");
	bad("[capture]\nbuffer = 99999999999999999T\n", "expected a size");
	bad("[capture]\npromiscuous = maybe\n", "expected yes or no");
	bad("[capture]\nfast_path = on\n", "expected off, count or drop");
	bad("[capture]\ninterface = a/b\n", "expected the name of an interface");
	bad("[capture]\ninterface = 0123456789abcdef\n", "expected the name of an interface");
	bad("[capture]\ninterface = eth0\ninterface = eth0\n", "it is there already");
	bad("[capture]\ninterface = eth0 any\n", "`any` is all interfaces");
	bad("[capture]\nfilter = ip6 protochain 47\n", "without protochain");
	bad("[sightings]\nwindow = 5x\n", "expected a span");
	bad("[sightings]\nwindow = 999999999999999999w\n", "expected a span");
	bad("[sensor]\nuser = Root Toor\n", "expected the name of an account");
	bad("[store]\npath = s.db\n", "expected an absolute path");
	bad("[evidence]\nsize = 100M\nfile_size = 51M\n", "more than half");
	bad("[alerts]\nknown_bad = AS0\n", "expected an AS number");
	bad("[alerts]\nknown_bad = AS4294967296\n", "expected an AS number");
	bad("[alerts]\nknown_bad = 192.0.2.0/33\n", "expected an AS number");
	bad("[alerts]\nsurge = 1\n", "expected 0, or a number above 1");
	bad("[alerts]\nsurge = nan\n", "expected 0, or a number above 1");
	bad("[alerts]\nsurge = inf\n", "expected 0, or a number above 1");
	bad("[alerts]\ncommand = tell\n", "expected the absolute path of a program");
	bad("[alerts]\nwebhook_url = ftp://x/\n", "`webhook_url = ...`: expected a URL");
	bad("[alerts]\nwebhook_url_file = /nonexistent/x\n", "cannot be read: No such file");
	bad("[metrics]\nlisten = 127.0.0.1\n", "expected ADDRESS:PORT");
	bad("[metrics]\nlisten = ::1:80\n", "expected ADDRESS:PORT");
	bad("[metrics]\nlisten = 127.0.0.1:65536\n", "expected ADDRESS:PORT");
	bad("[log-format]\npattern = x\n", "wants a name");
	bad("[log-format a b]\npattern = x\n", "wants a name");
	bad("[log-format a]\n", "c:1: [log-format a] has no pattern");
	bad("[log-format a]\npattern = (?<src>.)\npattern = y\n", "c:3: `pattern` is given again; line 2 has it");
	bad("[log-format a]\npattern = x\n", "c:1: [log-format a]: ");
	bad("[log-format a]\npattern = (?<src>\n", "c:1: [log-format a]: ");
	bad("[log-format a]\npattern = (?<src>.)\n[log-format a]\npattern = y\n", "c:3: [log-format a] is there already, in line 1");
	bad("[capture\n", "c:1: expected [section] and nothing else");
	bad("[capture] # x\n", "c:1: expected [section] and nothing else");
	bad("[capture]\nsnaplen 96\n", "c:2: expected `key = value`");
	bad("[capture]\n= 96\n", "c:2: expected `key = value`");
	bad("[capture]\nsnaplen: 96\n", "c:2: expected `key = value`");
	bad("[capture]\nsnaplen = 96 ; octets\n", "c:2: a comment stands on a line of its own");
	bad("\xff\xfe[\0c\0", "UTF-16");
	bad("[sensor]\nname = \xff\n", "c:2: is no UTF-8");
	bad("[sensor]\nname = a\x1b[2J\n", "c:2: holds a control character (0x1b)");
	bad("[sensor]\nname = a\xe2\x80\xae""b\n", "c:2: holds an invisible character");
	bad_text("[sensor]\nname = a\0b\n", 20, "c:2: holds a control character (0x00)");
}

/* Long lines: the longest that is read comes whole, one octet more is told; also at the end of a file without a newline. */
static void test_limits(void **state)
{
	char text[5200], many[CONFIG_TROUBLES_MAX * 8 + 100] = "[sensor]\n";
	struct sensor_config *c;
	struct gs_error err = { 0 };

	(void)state;
	for (int over = 0; over < 2; over++)
		for (int newline = 0; newline < 2; newline++) {
			const int head = sprintf(text, "[capture]\nfilter = "), fill = 4096 - 9 + over;
			memset(text + head, 'x', (size_t)fill);
			strcpy(text + head + fill, newline ? "\n[sensor]\nname = after\n" : "");
			if (over) {
				bad(text, "c:2: is 4097 octets long; at most 4096 are read");
				continue;
			}
			c = good(text);
			assert_int_equal(strlen(c->filter), fill);
			assert_string_equal(c->sensor, newline ? "after" : "");
			config_free(c);
		}
	for (int i = 0; i < CONFIG_TROUBLES_MAX + 5; i++)
		strcat(many, "x = 1\n");
	assert_int_equal(read_text(many, strlen(many), &c), GS_ERR_CONFIG);
	assert_int_equal(said.n, CONFIG_TROUBLES_MAX + 1);
	assert_string_equal(said.text[CONFIG_TROUBLES_MAX], "and 5 more troubles");
	assert_int_equal(config_read_memory("c", text, CONFIG_FILE_MAX + 1, true, NULL, NULL, &c, &err), GS_ERR_CONFIG);
	assert_non_null(strstr(err.text, "more than 1048576 octets"));
}

static void test_line_ends(void **state)
{
	static const char *const texts[] = { "[capture]\nsnaplen = 99", "\xef\xbb\xbf[capture]\r\n\tsnaplen\t=\t99\r\n", "[capture]\n[capture]\n\n\n  snaplen=99\n;x\n#y\n" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct sensor_config *c = good(texts[i]);
		assert_int_equal(c->snaplen, 99);
		config_free(c);
	}
}

static void put_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void test_secrets(void **state)
{
	char folder[] = "/tmp/grescope-config-XXXXXX", secret[64], conf[64], text[200];
	struct sensor_config *c = NULL;
	struct gs_error err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(secret, sizeof secret, "%s/hook", folder);
	snprintf(conf, sizeof conf, "%s/conf", folder);
	snprintf(text, sizeof text, "[alerts]\nwebhook_url_file = %s\n", secret);
	put_file(secret, "https://example.net/secret\n", 0600);
	put_file(conf, text, 0644);
	assert_int_equal(config_read(conf, NULL, NULL, &c, &err), 0);
	assert_string_equal(c->webhook_url, "https://example.net/secret");
	struct gs_buf out = { 0 };
	config_show(c, CONFIG_SHOW_VALUES, &out);
	assert_null(strstr(gs_buf_text(&out), "example.net/secret"));
	gs_buf_done(&out);
	config_free(c);

	chmod(secret, 0604);
	assert_int_equal(config_read(conf, NULL, NULL, &c, &err), GS_ERR_CONFIG);
	assert_non_null(strstr(err.text, "all may read it"));
	put_file(secret, "nonsense\n", 0600);
	assert_int_equal(config_read(conf, NULL, NULL, &c, &err), GS_ERR_CONFIG);
	assert_non_null(strstr(err.text, "first line is no URL"));
	put_file(conf, "[alerts]\nwebhook_url = https://example.net/secret\n", 0604);
	assert_int_equal(config_read(conf, NULL, NULL, &c, &err), GS_ERR_CONFIG);
	assert_non_null(strstr(err.text, "is a secret"));
	assert_null(strstr(err.text, "example.net"));
	chmod(conf, 0640);
	assert_int_equal(config_read(conf, NULL, NULL, &c, &err), 0);
	config_free(c);
	unlink(secret);
	unlink(conf);
	assert_int_equal(config_read(conf, NULL, NULL, &c, &err), GS_ERR_NOENT);
	assert_int_equal(config_read(folder, NULL, NULL, &c, &err), GS_ERR_CONFIG);
	rmdir(folder);
}

static void test_options(void **state)
{
	struct sensor_config *c = good("[capture]\ninterface = eth0\ninterface = eth1\nsnaplen = 99\n[alerts]\nwebhook_url = https://a/\n");
	struct gs_error err = { 0 };

	(void)state;
	assert_int_equal(config_override(c, "interface", "eth2", &err), 0);
	assert_int_equal(config_override(c, "interface", "eth3", &err), 0);
	assert_int_equal(c->interfaces.n, 2);
	assert_string_equal(c->interfaces.item[0], "eth2");
	assert_string_equal(c->interfaces.item[1], "eth3");
	assert_int_equal(config_override(c, "snaplen", "1000", &err), 0);
	assert_int_equal(config_override(c, "snaplen", "1001", &err), 0);
	assert_int_equal(c->snaplen, 1001);
	assert_int_equal(config_override(c, "promiscuous", "yes", &err), 0);
	assert_true(c->promiscuous);
	assert_int_equal(config_override(c, "snaplen", "7", &err), GS_ERR_USAGE);
	assert_string_equal(err.text, "--snaplen 7: expected a number from 96 to 262144");
	assert_int_equal(config_override(c, "webhook-url", "x", &err), GS_ERR_USAGE);
	assert_int_equal(config_override(c, "pcap-size", "100M", &err), 0); /* smaller than two of the files there are by default */
	assert_int_equal(config_settle(c, &err), 0);
	assert_int_equal(c->pcap_file_bytes, 25 << 20);
	assert_int_equal(config_override(c, "pcap-file-size", "80M", &err), 0);
	assert_int_equal(config_settle(c, &err), GS_ERR_USAGE);
	assert_int_equal(config_override(c, "pcap-file-size", "8M", &err), 0);
	assert_int_equal(config_settle(c, &err), 0);
	assert_int_equal(config_override(c, "interface", "any", &err), 0);
	assert_int_equal(config_settle(c, &err), GS_ERR_USAGE);
	config_free(c);
}

struct changes {
	unsigned n, live;
	const char *last;
};

static void on_change(void *arg, const struct config_key *k, bool live)
{
	struct changes *ch = arg;
	ch->n++;
	ch->live += live;
	ch->last = k->key;
}

static void test_renew(void **state)
{
	struct sensor_config *a = good("[capture]\nsnaplen = 99\ninterface = eth0\n[alerts]\nflood = 7\nknown_bad = AS1\n[log-format x]\npattern = p(?<src>.)\n");
	struct sensor_config *b = good("[capture]\nsnaplen = 0099\ninterface = eth1 eth2\nworkers = 2\n[alerts]\nflood = 8\nknown_bad = AS1\n[log-format x]\npattern = q(?<src>.)\n");
	struct changes ch = { 0 };
	struct gs_error err = { 0 };

	(void)state;
	assert_int_equal(config_renew(b, a, on_change, &ch, &err), 4); /* interface, workers, flood, pattern */
	assert_int_equal(ch.live, 1);
	config_free(a); /* what was taken back is b's own */
	assert_int_equal(b->interfaces.n, 1);
	assert_string_equal(b->interfaces.item[0], "eth0");
	assert_int_equal(b->workers, 1);
	assert_int_equal(b->flood_pps, 8);
	assert_string_equal(b->log_formats[0].pattern, "p(?<src>.)");
	config_free(b);
}

/* What show prints is read again and shows the same. */
static void test_show(void **state)
{
	static const char *const texts[] = { "", "[sensor]\nname = x\n[capture]\ninterface = a b\n[alerts]\nknown_bad = 1 2001:db8::/32\n[log-format z]\npattern = q = [w] (?<src>.)\ntime = %s\n" };

	(void)state;
	for (unsigned view = 0; view < 2; view++)
		for (size_t i = 0; i < 2; i++) {
			struct sensor_config *c = good(texts[i]), *again;
			struct gs_buf one = { 0 }, two = { 0 };
			config_show(c, view, &one);
			again = good(gs_buf_text(&one));
			config_show(again, CONFIG_SHOW_VALUES, &two);
			assert_string_equal(gs_buf_text(&one), gs_buf_text(&two));
			if (view == CONFIG_SHOW_EXAMPLE && i == 0)
				assert_string_equal(again->store, "/var/lib/grescope/store.db");
			gs_buf_done(&one);
			gs_buf_done(&two);
			config_free(c);
			config_free(again);
		}
}

static void test_near(void **state)
{
	static const char *const words[] = { "interface", "filter", "snaplen", "buffer" };
	static const struct {
		const char *word, *near;
	} cases[] = { { "interfaces", "interface" }, { "itnerface", "interface" }, { "filtre", "filter" }, { "snap", NULL }, { "buffre", "buffer" }, { "", NULL }, { "x", NULL },
		      { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *near = near_word(cases[i].word, words, 4);
		if (cases[i].near)
			assert_string_equal(near, cases[i].near);
		else
			assert_null(near);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),  cmocka_unit_test(test_troubles), cmocka_unit_test(test_limits), cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_secrets),  cmocka_unit_test(test_options), cmocka_unit_test(test_renew),    cmocka_unit_test(test_show),   cmocka_unit_test(test_near),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
