/*
 * app.h - what the verbs share: options, messages, exit codes
 *
 * Only here are options, environment, clock, terminal and signals known. Data goes to stdout, all else to stderr.
 */
#ifndef GS_APP_H
#define GS_APP_H

#include "enrich/enrich.h"
#include "base/buf.h"
#include "grescope/filter.h"
#include "grescope/grescope.h"
#include "observe/watch.h"
#include "query/query.h"
#include "render/render.h"
#include "source/source.h"
#include "store/store.h"

#include <time.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_EMPTY = 1,      /* nothing matched, where --fail-empty asks for it */
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,     /* a configuration or data file is wrong */
	EXIT_DAMAGED = 4,    /* an input is missing, damaged or of no known format; the rest was read as far as possible */
	EXIT_STORE = 5,
	EXIT_RIGHTS = 6,     /* permission or network */
	EXIT_INTERRUPT = 130,
};

#define MAX_VALUES 64 /* of an option that can be given more than once */
#define MAX_SETTINGS 256 /* options of `watch` */

struct options {
	const char *verb;
	const char *const *files;
	size_t n_files;
	enum gs_by by;
	struct gs_filter filter;
	struct gs_time since_ends; /* where what --since named ends, such as last week; until where that is not given */
	const char *sort;
	uint64_t limit;
	bool limit_given;
	enum gs_format format;
	bool no_header, redact_dst, include_udp, fail_empty, quiet;
	unsigned verbose;
	int color;               /* 0 never, 1 always, -1 if stdout is a terminal */
	int64_t window_s;
	size_t memory_bytes;
	const char *asn_db[MAX_VALUES], *city_db[MAX_VALUES];
	size_t n_asn_db, n_city_db;
	bool own_databases;      /* read into memory: for a process that runs for long */
	struct gs_log_options logs; /* what logs do not say themselves */
	const char *sensor;
	const char *store;       /* NULL: the default */
	bool window_given;
	bool pin_origin;
	struct gs_time older_than; /* GS_TIME_MIN: not given */
	size_t max_bytes;          /* 0: not given */
	uint64_t packet_first, packet_last; /* 0: not given */
	size_t quota_bytes;        /* 0: none */
	size_t store_cache_bytes;  /* 0: as much as the store thinks fit */
	bool quick;                /* store check without reading every row */
	bool format_given;
	size_t seed_budget;        /* draws */
	const char *given[16];   /* filters as they were given, for the metadata */
	unsigned n_given;
	char given_text[2048];   /* what given[] points into */
	const char *config;      /* --config; NULL: not given */
	const char *pcap_dir;    /* --pcap-dir of show; NULL: not given */
	bool defaults, example;  /* config show */
	struct {
		const char *option, *value;
	} settings[MAX_SETTINGS]; /* keys of the configuration as options, in order: config_of_options */
	size_t n_settings;
};

struct verb {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *examples;
	unsigned options;        /* groups of options it takes: enum option_group */
	int (*run)(const struct options *o);
};

enum option_group {
	OPT_INPUT = 1u << 0,  /* how files are read */
	OPT_FILTER = 1u << 1, /* which sightings count */
	OPT_TABLE = 1u << 2,  /* how the answer looks, but for its format */
	OPT_BY = 1u << 3,
	OPT_DATA = 1u << 4,   /* place and network databases */
	OPT_STORE = 1u << 5,
	OPT_PRUNE = 1u << 6,
	OPT_FORMAT = 1u << 7, /* of OPT_TABLE and OPT_ROWS only how it looks */
	OPT_PACKET = 1u << 8,
	OPT_PIN = 1u << 9,
	OPT_QUOTA = 1u << 10,
	OPT_CHECK = 1u << 11,
	OPT_SENSOR = 1u << 12, /* --sensor alone, of OPT_INPUT */
	OPT_JSON = 1u << 13,   /* --format text or json */
	OPT_TREND = 1u << 14,  /* --by as `trend` has it */
	OPT_PLACE = 1u << 15,  /* which networks and countries count */
	OPT_SEED = 1u << 16,
	OPT_ROWS = 1u << 17,   /* rows that can be sorted, in every format of tables */
	OPT_RAW = 1u << 18,    /* the same, and badpackets */
	OPT_DOSSIER = 1u << 19, /* --format as `show` has it */
	OPT_DOCTOR = 1u << 20,  /* --format as `doctor` has it */
	OPT_WINDOW = 1u << 21,
	OPT_CONFIG = 1u << 24,   /* --config */
	OPT_SETTINGS = 1u << 25, /* every key of the configuration that has an option */
	OPT_CONFIG_SHOW = 1u << 26,
	OPT_EVIDENCE = 1u << 27,
	OPT_LOGS = 1u << 28,  /* what logs do not say themselves; part of OPT_INPUT */
};

/* Reads a verb's options. 0; or EXIT_USAGE after a sentence on stderr; or -1 after --help was printed: done. */
int options_parse(int argc, char **argv, const struct verb *verb, struct options *ret);
void options_help(const struct verb *verb);

/* One message on stderr: "grescope: sentence". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on what nobody reads at once (a full pipe) is left out instead of waited for, and how many lines that were is said with the next one. */
void say_without_waiting(void);

int exit_code_of(int gs_err);

/* A zone as --tz names it; it lives as long as the program. zone.c */
int zone_open(const char *text, const struct gs_zone **ret, struct gs_error *err);

/* The formats of logs that a configuration describes, NULL where there are none; they live as long as the program. own_formats.c */
int own_formats_open(const char *path, const struct gs_log_own **ret, struct gs_error *err);
/* The same of a configuration that was read; the caller's: gs_log_own_free. */
struct sensor_config;
int own_formats_of(const struct sensor_config *c, struct gs_log_own **ret, struct gs_error *err);

/* Octets: "256M", "1G", "4096"; false where it is none. */
bool parse_size(const char *text, size_t *ret);

/* The configuration that --config names (else defaults), and over it the options. found as config_read's, may be NULL. config_options.c */
struct sensor_config;
int config_of_options(const struct options *o, void (*found)(void *arg, bool bad, const char *sentence), void *arg, struct sensor_config **ret, struct gs_error *err);

/* How far a reading is, on stderr where that is a terminal; stops it after SIGINT or SIGTERM. progress.c */
struct progress {
	bool on, shown;
	struct timespec start, last;
};
void progress_start(struct progress *p, bool quiet); /* also catches the signals */
bool progress_show(struct progress *p, uint64_t done, uint64_t total, const struct gs_tally *t); /* t NULL: nothing is read but the store */
/* The same for a count of things, such as "rows"; total 0: not known yet. */
bool progress_count(struct progress *p, uint64_t done, uint64_t total, const char *things);
void progress_clear(struct progress *p);
void progress_end(struct progress *p); /* nothing asks any more whether it was interrupted: the signals end the program again */

/* How stdout wants to be written to: format, colour, width. The renderer writes to stdout. terminal.c */
struct gs_render_options render_options(const struct options *o);

/* Opens the databases of networks and places: those named, else those found. 0 or negative with a sentence. databases.c */
int databases_open(const struct options *o, struct gs_enrich **ret, struct gs_error *err);
/* The same, with every file that was named: gs_enrich_opinions. */
int databases_open_all(const struct options *o, struct gs_enrich **ret, struct gs_error *err);
uint64_t databases_stamp(const struct options *o); /* of the files that opening would find */
/* The folders that hold what opening would find, now or after they were replaced; at most max of them. */
size_t databases_places(const struct options *o, char (*ret)[4096], size_t max);

/* A report's answer from the store, kept from last time: answers.c */
struct answer_keys {
	struct gs_buf key;
	struct gs_answer *copy; /* of the answer that is being made; NULL: none */
};
/* Everything that shapes the answer to this report but the store itself. f: the filter as it was resolved. */
void answer_key_make(struct answer_keys *k, const struct options *o, const struct gs_filter *f);
void answer_keys_done(struct answer_keys *k);
/* The folder for a store's answers: NULL beside it, "" nowhere; else out. */
const char *answers_folder(const char *store, char *out, size_t size);

/* The reading of files for an answer. feed.c */
struct reading {
	struct progress progress;
	struct gs_watch *watch; /* which bots sent the packets; NULL: nobody asks */
	int worst; /* first gs_err of an input; GS_ERR_INTERRUPTED where it was cut off */
};

/* Reads all inputs into the sink; trouble with an input is told and kept in run->worst. 0, or an exit code that ends the run without an answer. */
int files_feed(const struct options *o, struct reading *run, const struct gs_inputs *in, const struct gs_sighting_sink *sink, uint64_t seed,
               struct gs_tally *t);

/* Names by sensor id, and --sensor as a condition of the filter. */
int store_sensors(struct gs_store *st, const struct options *o, const char *const **ret_names, unsigned *ret_n, struct gs_filter *f, struct gs_meta *meta,
                  struct gs_error *err);

/* A watch for the reading of files, within its share of --memory. filter: as gs_watch_options, may be NULL. */
int files_watch(const struct options *o, uint64_t seed, const struct gs_filter *filter, bool no_seeds, struct gs_watch **ret, struct gs_error *err);

/* The balance on stderr: every packet read is accounted for. */
void balance_print(const struct gs_tally *t);

/* Opens the store that the options name. 0 or negative with a sentence. store.c */
int store_open(const struct options *o, enum gs_store_mode mode, struct gs_store **ret, struct gs_error *err);
int store_path(const struct options *o, char *out, size_t size);   /* where it is or would be made; not checked */
int store_folder(const struct options *o, char *out, size_t size); /* the folder of that */
int store_exit_code(int gs_err); /* of trouble with the store: mostly EXIT_STORE */

/* Pinning the origins of what is ingested. pin.c */
struct pinner;
int pinner_new(const struct options *o, struct gs_store *store, struct pinner **ret, struct gs_error *err);
void pinner_free(struct pinner *p); /* NULL is fine */
struct gs_sighting_sink pinner_sink(struct pinner *p);           /* to the store, noting sources */
int pinner_write(struct pinner *p, struct gs_error *err);        /* what was noted, into the open transaction */
void pinner_drop(struct pinner *p);                              /* forgets what was noted */
uint64_t pinner_pinned(struct pinner *p);                        /* pins written since the last call */

/* What a watch knows of the processes, as a list. *ret is the caller's: free(). store_bots.c */
int watch_bots(struct gs_watch *w, uint16_t sensor, struct gs_store_bot **ret, size_t *ret_n, struct gs_error *err);

/* What a watch knows of the input being ingested, into the store; counts from the input's next commit on. store_bots.c */
int store_put_bots(struct gs_store *st, struct gs_watch *w, uint16_t sensor, struct gs_error *err);

/* Every process that fits the filter, put together over all inputs. *ret is the caller's: free(). store_bots.c */
int store_get_bots(struct gs_store *st, const struct options *o, const struct gs_filter *f, struct gs_store_bot **ret, size_t *ret_n,
                   struct gs_store_bots_rest *ret_rest, struct gs_error *err);

int cmd_bots(const struct options *o);
int show_bot(const struct options *o); /* `show bot ID [FILE...]`: files[0] is "bot". cmd_bots.c */
int cmd_config(const struct options *o);
int cmd_explain(const struct options *o);
int cmd_ingest(const struct options *o);
int cmd_store(const struct options *o);
int cmd_archive(const struct options *o); /* store export-archive, store import-archive */
int cmd_report(const struct options *o);
int cmd_export(const struct options *o);
int cmd_trend(const struct options *o);
int cmd_show(const struct options *o);
int cmd_doctor(const struct options *o);
int cmd_logs(const struct options *o);
int cmd_watch(const struct options *o);

#endif
