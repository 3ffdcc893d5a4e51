/* config_keys.h - how the values of configuration keys are read: shared by the table, its reader and the check of the world */
#ifndef GS_CONFIG_KEYS_H
#define GS_CONFIG_KEYS_H

#include "base/arena.h"
#include "config.h"

enum config_kind {
	KIND_TEXT,      /* anything on one line */
	KIND_SENSOR,    /* name of a vantage point */
	KIND_USER,
	KIND_IFACE,
	KIND_FILE,      /* an absolute path */
	KIND_FILTER,    /* pcap-filter(7) */
	KIND_SWITCH,    /* yes, no */
	KIND_NUMBER,
	KIND_SIZE,      /* octets: 64M */
	KIND_SPAN,      /* seconds: 60, 5m, 30d */
	KIND_FACTOR,
	KIND_FAST_PATH,
	KIND_SAY,
	KIND_LISTEN,    /* ADDRESS:PORT */
	KIND_URL,
	KIND_URL_FILE,  /* a file whose first line is one */
	KIND_BAD,       /* AS number or prefix */
	KIND_COMMAND,   /* an absolute path and arguments */
	KIND_PATTERN,   /* of a log format */
	KIND_TIME,
};

#define CONFIG_NAMED "log-format" /* the section that has a name of its own and may be there several times */

/* Longest word that an edit distance is taken of. */
#define NEAR_MAX 40
/* The words' nearest to a given one, if it is near enough to be what was meant; else NULL. */
const char *near_word(const char *word, const char *const *words, unsigned n);



#define CONFIG_KEYS_MAX 64
#define CONFIG_MEMORY_MAX (16u << 20) /* of one configuration */

/* What was given for a key, as it was written. */
struct config_value {
	const char *text[CONFIG_LIST_MAX]; /* lists: the first ones; of known_bad there can be more */
	unsigned n, line;                  /* line of the first; 0: an option */
	bool overridden;
};

struct config_own {
	struct gs_arena *arena;
	struct config_value values[CONFIG_KEYS_MAX]; /* as in the table */
	struct config_bad *bad;
	bool private_file;
};

/* Takes a value. False, and why not: "expected ..." */
bool config_value_set(struct sensor_config *c, const struct config_key *k, const char *text, char why[300]);
/* Back to the default. */
void config_value_clear(struct sensor_config *c, const struct config_key *k);
struct config_value *config_value_of(const struct sensor_config *c, const struct config_key *k);

/* Spans: 90, 90s, 5m, 12h, 30d, 26w. */
bool config_parse_span(const char *text, uint64_t *ret_s);
/* "192.0.2.1:9153", "[2001:db8::1]:9153"; the address into out. */
bool config_parse_listen(const char *text, struct gs_addr *ret, unsigned *ret_port);
/* What a kind expects, for people: "a number from 1 to 64". */
void config_expects(const struct config_key *k, char out[200]);
/* Such as "64M", "30d": shorter than digits. */
void config_size_text(uint64_t n, char out[32]);
void config_span_text(uint64_t s, char out[32]);

#endif
