/*
 * config.h - what the sensor is told: one table of keys, read from a file, overridden by options
 *
 * The table (config_keys.c) says for each key its section, kind, range, default and help, whether it may be given again, and whether a running
 * sensor can take a new value. Reading, checking, options of `watch`, `config show`, the example that is installed and the manual's list all come from it.
 *
 * A configuration is made whole or not at all; everything wrong with a file is told, not only the first thing. Strings live in the
 * configuration's own memory, so a copy of the struct is good as long as the configuration it was copied from. It is plain memory without descriptors: a
 * forked process has it too.
 */
#ifndef GS_CONFIG_H
#define GS_CONFIG_H

#include "base/buf.h"
#include "grescope/error.h"
#include "grescope/types.h"

#define CONFIG_FILE_MAX (1u << 20)
#define CONFIG_LIST_MAX 64       /* values of a key that may be repeated, but for known_bad */
#define CONFIG_BAD_MAX 1024
#define CONFIG_FORMATS_MAX 32
#define CONFIG_TROUBLES_MAX 50   /* told of one file; the rest is counted */
#define CONFIG_DEFAULT_PATH "/etc/grescope/grescope.conf"

enum config_fast_path { FAST_PATH_OFF, FAST_PATH_COUNT, FAST_PATH_DROP };
enum config_say { SAY_LOGFMT, SAY_JSON, SAY_OFF };

struct config_list {
	const char *item[CONFIG_LIST_MAX];
	unsigned n;
};

/* A network that somebody named as bad: by number or by prefix. */
struct config_bad {
	bool by_asn;
	uint32_t asn;
	struct gs_prefix prefix;
};

/* [log-format NAME]: lines that no built-in format knows. What pattern and time mean: the reader of logs. */
struct config_log_format {
	const char *name, *pattern, *time; /* time "" where it was not given */
	unsigned line;                     /* of its section, for messages */
};

/* Texts are never NULL: "" is "not given". Sizes in octets, spans in seconds. */
struct sensor_config {
	/* [sensor] */
	const char *sensor;              /* name of the vantage point, "" unnamed */
	const char *user;                /* whom the processes become when started as root; exists or not: that is for the parent to say */

	/* [capture] */
	struct config_list interfaces;   /* "any" is one */
	const char *filter;              /* pcap-filter(7), in addition to what selects protocol 47 */
	uint64_t snaplen, buffer_bytes, workers;
	bool promiscuous;
	bool include_udp;
	unsigned fast_path;              /* enum config_fast_path */

	/* [sightings] */
	uint64_t window_s, memory_bytes;

	/* [store] */
	const char *store;               /* "": where the other verbs look for it */
	uint64_t store_quota_bytes;      /* 0: none */
	uint64_t retention_age_s;        /* rows older than this go, hourly sums stay; 0: never */
	uint64_t retention_bytes;        /* oldest rows go until the store is at most this; 0: never */

	/* [evidence] */
	const char *pcap_dir;            /* "": packets are not kept */
	uint64_t pcap_max_bytes;         /* of all files together */
	uint64_t pcap_file_bytes, pcap_file_s; /* a file ends when it is that large or that old */

	/* [data] */
	struct config_list asn_db, city_db; /* none: found as by the other verbs */

	/* [alerts] */
	uint64_t flood_pps;              /* 0: no alert on floods */
	uint64_t quiet_s;
	double surge_factor;             /* 0: no alert on surges */
	const struct config_bad *known_bad;
	unsigned n_known_bad;
	unsigned say;                    /* enum config_say: how alerts look on stderr */
	const char *command;             /* program and arguments, parted by blanks, no shell; "": none */
	const char *webhook_url;         /* also where webhook_url_file gave it; "": none */

	/* [metrics] */
	const char *metrics_listen;      /* ADDRESS:PORT, [V6]:PORT; "": no metrics */

	/* [logs] */
	struct config_list follow, syslog_listen;
	struct config_log_format log_formats[CONFIG_FORMATS_MAX];
	unsigned n_log_formats;

	const char *path;                /* the file; NULL: none was read */
	struct config_own *own;          /* the texts behind the values: config.c */
};

/* Gets everything that is wrong, one sentence each ("/etc/x.conf:12: ..."); warnings (`bad` false) too. May be NULL. */
typedef void config_found(void *arg, bool bad, const char *sentence);

/*
 * A configuration of defaults, then of the file where path is not NULL. The caller's: config_free.
 * GS_ERR_CONFIG: found was told each trouble, *err holds the first and how many there are. GS_ERR_NOENT, GS_ERR_ACCESS, GS_ERR_IO: the file cannot be read.
 */
int config_read(const char *path, config_found *found, void *arg, struct sensor_config **ret, struct gs_error *err);

/* The same over text in memory; `name` stands in messages. private_file: only its owner (or group) could read it, so that secrets may stand in it. */
int config_read_memory(const char *name, const char *text, size_t len, bool private_file, config_found *found, void *arg, struct sensor_config **ret,
                       struct gs_error *err);
void config_free(struct sensor_config *c); /* NULL is fine */

/* ---- options ---- */

struct config_key {
	const char *section, *key;
	const char *option;        /* of `watch`, without dashes; NULL: only in the file */
	char letter;               /* of the option; 0: none */
	const char *argument;      /* how the value is called in help; NULL: a switch, "yes" where it is given as an option */
	const char *help;          /* one line */
	const char *fallback;      /* the default; "" none */
	const char *example;       /* the value in the example that is installed; NULL: as the default, commented out */
	unsigned kind;             /* enum in config_keys.c */
	unsigned flags;            /* CONFIG_LIST, ... */
	uint64_t min, max;         /* of numbers, sizes and spans */
	size_t offset;             /* in struct sensor_config */
};

#define CONFIG_LIST (1u << 0)    /* may be given again, each time one more */
#define CONFIG_LIVE (1u << 1)    /* a running sensor takes a new value at SIGHUP */
#define CONFIG_SECRET (1u << 2)  /* refused in a file that all may read; never shown */
#define CONFIG_SPLIT (1u << 3)   /* a list whose values may also stand in one line, parted by blanks or commas */

/* The table, in the order of the file. */
const struct config_key *config_keys(unsigned *ret_n);

/* Sets a key from an option of the command line: takes the place of what the file said (of a list, all of it; further calls add). option: as in the table.
 * GS_ERR_USAGE: the sentence says what was expected ("--snaplen 12: expected ..."). */
int config_override(struct sensor_config *c, const char *option, const char *value, struct gs_error *err);
/* After the last of them: holds values against each other. GS_ERR_USAGE with a sentence. */
int config_settle(struct sensor_config *c, struct gs_error *err);

/* ---- a running sensor ---- */

/* What a new configuration changes. `each` is told every key whose value differs; `live` false: it cannot change while the sensor runs, and `fresh` is given the
 * running value back. So `fresh` can then take the place of `running`. Returns how many differ, or negative (GS_ERR_NOMEM: fresh is not to be used). */
int config_renew(struct sensor_config *fresh, const struct sensor_config *running, void (*each)(void *arg, const struct config_key *key, bool live), void *arg,
                 struct gs_error *err);

/* ---- showing ---- */

enum config_view {
	CONFIG_SHOW_VALUES,   /* what holds: every key, those at their default commented out */
	CONFIG_SHOW_EXAMPLE,  /* as defaults, but with what an installed sensor wants set */
};
/* The configuration as a whole, commented file that config_read takes. Secrets are left out. */
void config_show(const struct sensor_config *c, enum config_view view, struct gs_buf *out);

/* Whether the world is as the configuration wants it: interfaces, user, folders, databases, filter. Looks only, changes nothing; told as warnings.
 * Returns how many. */
unsigned config_check_world(const struct sensor_config *c, config_found *found, void *arg);

#endif
