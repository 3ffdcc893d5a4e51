/*
 * options.c - one table of options: name, argument, group, help; parsing and help texts come from it
 */
#include "app.h"
#include "base/when.h"
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum option_id {
	ID_BY = 256, ID_SINCE, ID_UNTIL, ID_SENSOR, ID_ASN, ID_COUNTRY, ID_CLASS, ID_SRC, ID_DST, ID_SORT, ID_LIMIT, ID_FORMAT, ID_NO_HEADER,
	ID_UTC, ID_REDACT, ID_ASN_DB, ID_CITY_DB, ID_COLOR, ID_WINDOW, ID_MEMORY, ID_INCLUDE_UDP, ID_FAIL_EMPTY,
	ID_STORE, ID_OLDER_THAN, ID_MAX_SIZE, ID_PACKET, ID_PIN, ID_QUOTA, ID_QUICK, ID_TREND_BY, ID_SEED_BUDGET, ID_TZ, ID_YEAR,
	ID_CONFIG, ID_PCAP_DIR, ID_DEFAULTS, ID_EXAMPLE,
	ID_SETTING = 1024, /* and on: the place in the table of the configuration */
};

static const struct option_row {
	int id;
	const char *name, *argument; /* argument NULL: takes none */
	unsigned group;              /* 0: every verb */
	const char *help;
} rows[] = {
	{ ID_BY, "by", "KEY", OPT_BY, "group by KEY (default city); the keys are listed below" },
	{ ID_TREND_BY, "by", "KEY", OPT_TREND, "network (default) or class" },
	{ ID_SINCE, "since", "TIME", OPT_FILTER, "from TIME on: 2017-01-28, 2017-01-28T12:00Z, 30d or 12h before now; yesterday, last-week, last-month: those alone" },
	{ ID_UNTIL, "until", "TIME", OPT_FILTER, "before TIME (of a word: before it begins)" },
	{ ID_ASN, "asn", "N,...", OPT_PLACE, "sources in autonomous system N" },
	{ ID_COUNTRY, "country", "CC,...", OPT_PLACE, "sources in country CC (ISO 3166)" },
	{ ID_CLASS, "class", "NAME,...", OPT_FILTER, "class NAME, or all below it: flood, tunnel, tunnel.pptp" },
	{ ID_SRC, "src", "PREFIX,...", OPT_FILTER, "source address in PREFIX" },
	{ ID_DST, "dst", "PREFIX,...", OPT_FILTER, "destination address in PREFIX" },
	{ ID_SORT, "sort", "COLUMN", OPT_ROWS | OPT_RAW, "sort by COLUMN, -COLUMN for the largest first" },
	{ ID_LIMIT, "limit", "N", OPT_TABLE, "at most N rows (0, the default: all)" },
	{ ID_FORMAT, "format", "NAME", OPT_ROWS | OPT_FORMAT, "text (default), csv, tsv, json, jsonl" },
	{ ID_FORMAT, "format", "NAME", OPT_RAW, "text (default), csv, tsv, json, jsonl, badpackets" },
	{ ID_FORMAT, "format", "NAME", OPT_DOSSIER, "text (default), json; of a bot also csv, tsv, jsonl" },
	{ ID_FORMAT, "format", "NAME", OPT_DOCTOR, "text (default), json" },
	{ ID_FORMAT, "format", "NAME", OPT_JSON, "info: text (default), json" },
	{ ID_NO_HEADER, "no-header", NULL, OPT_TABLE | OPT_FORMAT, "csv and tsv without their first line" },
	{ ID_UTC, "utc", NULL, OPT_TABLE | OPT_FORMAT, "times in UTC; always so" },
	{ ID_REDACT, "redact-dst", NULL, OPT_TABLE, "hide destination addresses, wherever they would show" },
	{ ID_COLOR, "color", "WHEN", OPT_TABLE | OPT_FORMAT, "auto (default), always, never; NO_COLOR is honoured" },
	{ ID_FAIL_EMPTY, "fail-empty", NULL, OPT_TABLE, "exit with 1 if nothing matched" },
	{ ID_WINDOW, "window", "SECONDS", OPT_WINDOW, "a sighting sums up a window of SECONDS (default 60); 0: every packet is one" },
	{ ID_MEMORY, "memory", "SIZE", OPT_INPUT, "cap on memory for sightings (default 256M); past it new sources are folded, and counted" },
	{ ID_INCLUDE_UDP, "include-udp", NULL, OPT_INPUT, "also GRE in UDP (ports 4754, 4755, in Geneve, VXLAN, GUE)" },
	{ ID_TZ, "tz", "ZONE", OPT_INPUT | OPT_LOGS, "logs: zone of times that name none: Europe/Berlin, +02:00, local (default UTC)" },
	{ ID_YEAR, "year", "YYYY", OPT_INPUT | OPT_LOGS, "logs: year of a file's first time that names none (default: that which fits the file's last change)" },
	{ ID_PACKET, "packet", "N[-M]", OPT_PACKET, "packet N of the file, or N to M, counted from 1 (default: the first that is GRE)" },
	{ ID_SEED_BUDGET, "seed-budget", "DRAWS", OPT_SEED, "how far back to look for the seeds of all processes together (default 256M; 0: not at all)" },
	{ ID_STORE, "store", "PATH", OPT_STORE, "the store (default $GRESCOPE_STORE, else ~/.local/state/grescope/store.db)" },
	{ ID_OLDER_THAN, "older-than", "SPAN", OPT_PRUNE, "rows older than SPAN go, such as 30d, 26w; hourly sums of them stay" },
	{ ID_MAX_SIZE, "max-size", "SIZE", OPT_PRUNE, "oldest rows go until the store is at most SIZE, such as 500M" },
	{ ID_QUOTA, "quota", "SIZE", OPT_QUOTA, "the store's file never grows past SIZE: then ingest ends, and store prune makes room" },
	{ ID_QUICK, "quick", NULL, OPT_CHECK, "check: all but the rows one by one" },
	{ ID_SENSOR, "sensor", "NAME", OPT_INPUT, "name of the vantage point, for the sensor column; of the store: only what it saw" },
	{ ID_PIN, "pin-origin", NULL, OPT_PIN, "keep network and place of each source as the databases say now; see --asn-db, --city-db" },
	{ ID_SENSOR, "sensor", "NAME", OPT_SENSOR, "import-archive: name of the vantage point of rows that name none" },
	{ ID_ASN_DB, "asn-db", "FILE", OPT_DATA, "network database (.mmdb, CSV ranges, pfx2as); may be given for v4 and v6" },
	{ ID_CITY_DB, "city-db", "FILE", OPT_DATA, "place database (.mmdb); may be given for v4 and v6" },
	{ ID_CONFIG, "config", "FILE", OPT_CONFIG, "configuration of the sensor; options take the place of what it says. Where files are read: its formats of logs, [log-format NAME]" },
	{ ID_PCAP_DIR, "pcap-dir", "FOLDER", OPT_EVIDENCE, "where a sensor keeps packets: tells where an address's first and last are (default: as its configuration says)" },
	{ ID_DEFAULTS, "defaults", NULL, OPT_CONFIG_SHOW, "config show: every key at its default" },
	{ ID_EXAMPLE, "example", NULL, OPT_CONFIG_SHOW, "config show: the file that is installed" },
	{ 'v', "verbose", NULL, 0, "the balance of packets, and why some were lost" },
	{ 'q', "quiet", NULL, 0, "no progress, no warnings" },
	{ 'h', "help", NULL, 0, "this text" },
};
#define N_ROWS (sizeof rows / sizeof *rows)
#define MAX_KEYS 64 /* of the configuration */

/* One line of --help. */
static void help_line(int letter, const char *name, const char *argument, const char *help)
{
	char left[48];

	snprintf(left, sizeof left, "%s--%s%s%s", letter ? (char[]){ '-', (char)letter, ',', ' ', 0 } : "    ", name, argument ? " " : "", argument ? argument : "");
	printf("  %-26s %s\n", left, help);
}

static void help_settings(void)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	for (unsigned i = 0; i < n; i++)
		if (keys[i].option)
			help_line(keys[i].letter, keys[i].option, keys[i].argument, keys[i].help);
}

void options_help(const struct verb *verb)
{
	printf("grescope %s - %s\n\n%s\nusage: grescope %s %s\n\n", verb->name, verb->summary, verb->examples, verb->name, verb->arguments);
	if (verb->options & OPT_SETTINGS)
		help_settings();
	for (size_t i = 0; i < N_ROWS; i++)
		if (!rows[i].group || rows[i].group & verb->options)
			help_line(rows[i].id < 256 ? rows[i].id : 0, rows[i].name, rows[i].argument, rows[i].help);
	if (verb->options & OPT_BY) {
		printf("\nKEY is one of:");
		for (unsigned i = 0; i < GS_BY_COUNT; i++)
			printf("%s %s", i ? "," : "", gs_by_word(i));
		printf("\n");
	}
}

static int usage_error(const struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int usage_error(const struct verb *verb, const char *format, ...)
{
	va_list ap;
	char text[400];

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	say("%s (grescope %s --help)", text, verb->name);
	return EXIT_USAGE;
}

static bool parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (end == text || *end || errno || *text == '-' || n > max)
		return false;
	*ret = n;
	return true;
}

/* "12" or "12-40". */
static bool parse_range(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
	char first[24];
	size_t n = strcspn(text, "-");

	if (n >= sizeof first)
		return false;
	memcpy(first, text, n);
	first[n] = '\0';
	return parse_u64(first, UINT64_MAX, ret_first) && parse_u64(text[n] ? text + n + 1 : first, UINT64_MAX, ret_last) && *ret_first >= 1 &&
	       *ret_first <= *ret_last;
}

static bool parse_when(const char *text, struct gs_when *ret)
{
	return gs_when_parse(text, strlen(text), (struct gs_time){ (int64_t)time(NULL) * GS_NS_PER_S }, ret);
}

#define WHEN_FORMS "a date (2017-01-28), a time (2017-01-28T12:00Z), a span such as 30d, or words such as \"last week\""

/* Calls add for each part of a comma-separated list; the part that add refuses is reported. */
static int each_part(const struct verb *verb, const char *option, const char *what, const char *list, struct options *o,
                     bool (*add)(struct options *o, const char *part, size_t len))
{
	for (const char *p = list;; p++) {
		size_t len = strcspn(p, ",");
		if (!add(o, p, len))
			return usage_error(verb, "--%s %.*s: %s", option, (int)len, p, what);
		p += len;
		if (!*p)
			return 0;
	}
}

static bool add_asn(struct options *o, const char *part, size_t len)
{
	char z[24];
	uint64_t n;

	if (len >= 2 && toupper((unsigned char)part[0]) == 'A' && toupper((unsigned char)part[1]) == 'S')
		part += 2, len -= 2;
	if (len >= sizeof z || o->filter.n_asn == GS_FILTER_MAX)
		return false;
	memcpy(z, part, len);
	z[len] = '\0';
	if (!parse_u64(z, UINT32_MAX, &n))
		return false;
	o->filter.asn[o->filter.n_asn++] = (uint32_t)n;
	return true;
}

static bool add_country(struct options *o, const char *part, size_t len)
{
	if (len != 2 || !isalpha((unsigned char)part[0]) || !isalpha((unsigned char)part[1]) || o->filter.n_country == GS_FILTER_MAX)
		return false;
	o->filter.country[o->filter.n_country][0] = (char)toupper((unsigned char)part[0]);
	o->filter.country[o->filter.n_country++][1] = (char)toupper((unsigned char)part[1]);
	return true;
}

static bool add_class(struct options *o, const char *part, size_t len)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < GS_CLASS_COUNT; i++) {
		const char *word = gs_class_word(i);
		if (strncmp(word, part, len) == 0 && (word[len] == '\0' || word[len] == '.'))
			bits |= 1u << i;
	}
	o->filter.classes |= bits;
	return len && bits;
}

static bool add_prefix(struct gs_prefix *list, unsigned *n, const char *part, size_t len)
{
	return *n < GS_FILTER_MAX && gs_prefix_parse(part, len, &list[*n]) && ++*n;
}

static bool add_src(struct options *o, const char *part, size_t len)
{
	return add_prefix(o->filter.src, &o->filter.n_src, part, len);
}

static bool add_dst(struct options *o, const char *part, size_t len)
{
	return add_prefix(o->filter.dst, &o->filter.n_dst, part, len);
}

/* Remembers a filter as it was given, for the answer's metadata. */
static void note_given(struct options *o, const char *name, const char *value)
{
	size_t used = 0;

	for (unsigned i = 0; i < o->n_given; i++)
		used += strlen(o->given[i]) + 1;
	if (o->n_given == 16 || used >= sizeof o->given_text)
		return;
	snprintf(o->given_text + used, sizeof o->given_text - used, "--%s %s", name, value);
	o->given[o->n_given++] = o->given_text + used;
}

static int set_option(const struct verb *verb, int id, const char *value, struct options *o)
{
	struct gs_when when;
	uint64_t n;
	int i;

	switch (id) {
	case ID_BY:
		if ((i = gs_by_parse(value, strlen(value))) < 0)
			return usage_error(verb, "--by %s: no such key", value);
		o->by = (enum gs_by)i;
		return 0;
	case ID_TREND_BY:
		if ((i = gs_by_parse(value, strlen(value))) != GS_BY_NETWORK && i != GS_BY_CLASS)
			return usage_error(verb, "--by %s: expected network or class", value);
		o->by = (enum gs_by)i;
		return 0;
	case ID_SINCE:
	case ID_UNTIL:
		if (!parse_when(value, &when))
			return usage_error(verb, "--%s %s: expected " WHEN_FORMS, id == ID_SINCE ? "since" : "until", value);
		*(id == ID_SINCE ? &o->filter.since : &o->filter.until) = when.at;
		if (id == ID_SINCE)
			o->since_ends = when.end;
		note_given(o, id == ID_SINCE ? "since" : "until", value);
		return 0;
	case ID_ASN:
		note_given(o, "asn", value);
		return each_part(verb, "asn", "expected an AS number", value, o, add_asn);
	case ID_COUNTRY:
		note_given(o, "country", value);
		return each_part(verb, "country", "expected a country code of two letters", value, o, add_country);
	case ID_CLASS:
		note_given(o, "class", value);
		return each_part(verb, "class", "no such class", value, o, add_class);
	case ID_SRC:
		note_given(o, "src", value);
		return each_part(verb, "src", "expected an address or prefix", value, o, add_src);
	case ID_DST:
		note_given(o, "dst", o->redact_dst ? "REDACTED" : value);
		return each_part(verb, "dst", "expected an address or prefix", value, o, add_dst);
	case ID_SORT:
		o->sort = value;
		return 0;
	case ID_LIMIT:
		o->limit_given = true;
		return parse_u64(value, UINT64_MAX, &o->limit) ? 0 : usage_error(verb, "--limit %s: expected a number of rows", value);
	case ID_FORMAT:
		if ((i = gs_format_parse(value, strlen(value))) < 0)
			return usage_error(verb, "--format %s: no such format", value);
		o->format = (enum gs_format)i;
		o->format_given = true;
		return 0;
	case ID_NO_HEADER:
		o->no_header = true;
		return 0;
	case ID_REDACT:
		o->redact_dst = true;
		return 0;
	case ID_COLOR:
		o->color = strcmp(value, "always") == 0 ? 1 : strcmp(value, "never") == 0 ? 0 : strcmp(value, "auto") == 0 ? -1 : -2;
		return o->color == -2 ? usage_error(verb, "--color %s: expected auto, always or never", value) : 0;
	case ID_FAIL_EMPTY:
		o->fail_empty = true;
		return 0;
	case ID_WINDOW:
		if (!parse_u64(value, 366 * 86400, &n))
			return usage_error(verb, "--window %s: expected seconds, at most a year", value);
		o->window_s = (int64_t)n;
		o->window_given = true;
		return 0;
	case ID_MEMORY:
		if (!parse_size(value, &o->memory_bytes) || o->memory_bytes < 4u << 20)
			return usage_error(verb, "--memory %s: expected a size of at least 4M, such as 256M or 1G", value);
		return 0;
	case ID_TZ: {
		struct gs_error err = { 0 };
		if (zone_open(value, &o->logs.zone, &err) < 0)
			return usage_error(verb, "--tz %s: %s", value, err.text);
		return 0;
	}
	case ID_YEAR:
		if (!parse_u64(value, 2261, &n) || n < 1970)
			return usage_error(verb, "--year %s: expected a year such as 2016", value);
		o->logs.year = (int)n;
		return 0;
	case ID_INCLUDE_UDP:
		o->include_udp = true;
		return 0;
	case ID_PACKET:
		return parse_range(value, &o->packet_first, &o->packet_last) ? 0 : usage_error(verb, "--packet %s: expected a number from 1 on, or N-M", value);
	case ID_SEED_BUDGET:
		if (!parse_size(value, &o->seed_budget))
			return usage_error(verb, "--seed-budget %s: expected a number such as 1000000, 256M or 4G", value);
		return 0;
	case ID_STORE:
		o->store = value;
		return 0;
	case ID_OLDER_THAN:
		if (!parse_when(value, &when))
			return usage_error(verb, "--older-than %s: expected a span such as 30d, or a date", value);
		o->older_than = when.at;
		return 0;
	case ID_MAX_SIZE:
		if (!parse_size(value, &o->max_bytes) || !o->max_bytes)
			return usage_error(verb, "--max-size %s: expected a size such as 500M or 2G", value);
		return 0;
	case ID_PIN:
		o->pin_origin = true;
		return 0;
	case ID_QUOTA:
		if (!parse_size(value, &o->quota_bytes) || o->quota_bytes < 1u << 20)
			return usage_error(verb, "--quota %s: expected a size of at least 1M, such as 500M or 2G", value);
		return 0;
	case ID_QUICK:
		o->quick = true;
		return 0;
	case ID_SENSOR:
		o->sensor = value;
		return 0;
	case ID_CONFIG:
		o->config = value;
		return 0;
	case ID_PCAP_DIR:
		o->pcap_dir = value;
		return 0;
	case ID_DEFAULTS:
		o->defaults = true;
		return 0;
	case ID_EXAMPLE:
		o->example = true;
		return 0;
	case ID_ASN_DB:
	case ID_CITY_DB: {
		size_t *count = id == ID_ASN_DB ? &o->n_asn_db : &o->n_city_db;
		if (*count == MAX_VALUES)
			return usage_error(verb, "too many databases");
		(id == ID_ASN_DB ? o->asn_db : o->city_db)[(*count)++] = value;
		return 0;
	}
	case 'v':
		o->verbose++;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	default: /* --utc: always so */
		return 0;
	}
}

/* An option that stands for a key of the configuration; its value is looked at by config_of_options. */
static int add_setting(const struct verb *verb, unsigned key, const char *value, struct options *o)
{
	unsigned n;
	const struct config_key *k = &config_keys(&n)[key];

	if (o->n_settings == MAX_SETTINGS)
		return usage_error(verb, "too many options");
	o->settings[o->n_settings].option = k->option;
	o->settings[o->n_settings++].value = value ? value : "yes";
	return 0;
}

/* The verb's options for getopt: words, and in `letters` the ones of one character. */
static void list_options(const struct verb *verb, struct option longs[], char letters[64])
{
	unsigned n_keys, n = 0;
	const struct config_key *keys = config_keys(&n_keys);
	char *p = letters + sprintf(letters, ":vqh");

	for (size_t i = 0; i < N_ROWS; i++)
		if (!rows[i].group || rows[i].group & verb->options)
			longs[n++] = (struct option){ .name = rows[i].name, .has_arg = rows[i].argument != NULL, .val = rows[i].id };
	for (unsigned i = 0; verb->options & OPT_SETTINGS && i < n_keys; i++) {
		if (!keys[i].option)
			continue;
		const int id = keys[i].letter ? keys[i].letter : ID_SETTING + (int)i;
		longs[n++] = (struct option){ .name = keys[i].option, .has_arg = keys[i].argument != NULL, .val = id };
		if (keys[i].letter && p < letters + 60)
			p += sprintf(p, "%c%s", keys[i].letter, keys[i].argument ? ":" : "");
	}
	longs[n] = (struct option){ 0 };
}

/* The key whose option getopt returned; -1 where it is none of the configuration's. */
static int setting_of(const struct verb *verb, int id)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	if (!(verb->options & OPT_SETTINGS))
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (keys[i].option && id == (keys[i].letter ? keys[i].letter : ID_SETTING + (int)i))
			return (int)i;
	return -1;
}

int options_parse(int argc, char **argv, const struct verb *verb, struct options *ret)
{
	struct option longs[N_ROWS + MAX_KEYS + 1];
	char letters[64];
	int id, index;

	*ret = (struct options){ .verb = verb->name, .by = GS_BY_CITY, .filter = GS_FILTER_ALL, .since_ends = GS_TIME_MAX, .color = -1, .window_s = 60,
				 .older_than = GS_TIME_MIN, .memory_bytes = 256u << 20, .seed_budget = 256u << 20 };
	if (verb->options & OPT_TREND)
		ret->by = GS_BY_NETWORK;
	list_options(verb, longs, letters);
	for (int i = 1; i < argc; i++) /* before the others: it decides how --dst is quoted */
		if (strcmp(argv[i], "--redact-dst") == 0)
			ret->redact_dst = true;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	ret->logs.now.ns = now.tv_sec * GS_NS_PER_S + now.tv_nsec; /* of logs that come through a pipe */
	opterr = 0;
	optind = 1;
	while ((id = getopt_long(argc, argv, letters, longs, &index)) != -1) {
		if (id == 'h') {
			options_help(verb);
			return -1;
		}
		if (id == ':')
			return usage_error(verb, "%s wants a value", argv[optind - 1]);
		if (id == '?')
			return usage_error(verb, "no option `%s`", argv[optind - 1]);
		const int key = setting_of(verb, id);
		int r = key >= 0 ? add_setting(verb, (unsigned)key, optarg, ret) : set_option(verb, id, optarg, ret);
		if (r != 0)
			return r;
	}
	if (ret->config && verb->options & (OPT_INPUT | OPT_LOGS)) {
		struct gs_error err = { 0 };
		if (own_formats_open(ret->config, &ret->logs.own, &err) < 0) {
			say("%s", err.text);
			return EXIT_CONFIG;
		}
	}
	if (ret->filter.until.ns == INT64_MAX) /* "--since yesterday" is that day and no other */
		ret->filter.until = ret->since_ends;
	if (ret->filter.since.ns >= ret->filter.until.ns)
		return usage_error(verb, "--since is not before --until: nothing could match");
	ret->files = (const char *const *)argv + optind;
	ret->n_files = (size_t)(argc - optind);
	return 0;
}
