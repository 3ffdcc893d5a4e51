/*
 * view.h - what the teller knows of the sensor right now: the metrics and the screen are made of it
 *
 * A plain value that teller.c fills; view.c keeps it. The two that show it are pure: a view in, text out.
 */
#ifndef SENSOR_VIEW_H
#define SENSOR_VIEW_H

#include "alert/alert.h"
#include "base/buf.h"
#include "enrich/enrich.h"
#include "observe/pulse.h"
#include "sensor/message.h"
#include "sensor/sink.h"

#define VIEW_HISTORY 600    /* seconds of rates */
#define VIEW_RANKED 64      /* networks and cities that are followed; 20 are ever shown */
#define VIEW_ALERTS 12
#define VIEW_HOURS 24

struct view_engine {
	bool have;
	struct message_status status;
	struct gs_pulse_second pulse;   /* its latest */
	bool fresh;                     /* not merged into a second yet */
	int64_t seen_ms;                /* by the steady clock: its last sign of life */
};

/* A network or a place by what it sent lately: forgotten with a half-life of VIEW_HALF_LIFE_S. */
#define VIEW_HALF_LIFE_S 300
struct view_rank {
	uint64_t key;                   /* AS number; ids of country, region and city */
	double packets;
	char name[GS_ALERT_NAME_MAX];
};

struct view {
	const char *version, *sensor;   /* lent; sensor "" unnamed */
	struct gs_time now, started;
	struct view_engine engines[SENSOR_ENGINES_MAX];
	unsigned n_engines;
	bool have_store;
	struct message_store store;
	int64_t store_seen_ms;          /* when the writer said so, by the steady clock */

	struct gs_pulse_second second;  /* the latest, of all engines */
	uint64_t class_packets[GS_CLASS_COUNT], class_bytes[GS_CLASS_COUNT];
	double rate[VIEW_HISTORY];      /* packets a second, a ring */
	uint64_t n_rates;               /* so many ever: the latest is rate[(n_rates - 1) % VIEW_HISTORY] */
	struct gs_time last_packet;     /* GS_TIME_MIN: none yet */
	struct gs_hll hours[VIEW_HOURS]; /* sources, of the hours ... */
	int64_t hour_at[VIEW_HOURS];     /* ... since 1970 */
	uint64_t sources_day;           /* of 24 hours; estimated once a minute */

	struct view_rank networks[VIEW_RANKED], places[VIEW_RANKED];
	unsigned n_networks, n_places;
	double ranked;                  /* packets that both are shares of, forgotten alike */
	struct gs_time ranked_at;

	struct gs_database databases[GS_MAX_DATABASES]; /* lent from the enricher */
	unsigned n_databases;

	struct gs_alert alerts[VIEW_ALERTS]; /* the latest, a ring */
	uint64_t n_alerts;
	uint64_t alerts_by_kind[GS_ALERT_KINDS];
	struct gs_alerts_counters alert_counters;
	bool has_command, has_webhook;
	struct herald_status sinks;
	uint64_t to_herald_dropped;     /* alerts that the herald was too slow for */
	uint64_t lines_left_out;        /* of alerts, on standard error: nobody read them */
	uint64_t restarts;              /* processes that were started anew */
	uint64_t bad_messages;          /* from other processes, refused */
};

void view_init(struct view *v, const char *version, const char *sensor, struct gs_time now);

/* Merges what the engines sent since the last time into v->second, and follows it: once a second. enrich may be NULL. */
void view_second(struct view *v, struct gs_time now, struct gs_enrich *enrich);

void view_alert(struct view *v, const struct gs_alert *a);

/* Over all engines. */
struct gs_tally view_tally(const struct view *v);

/* All is well: every engine and the writer gave a sign of life within the last VIEW_ALIVE_MS. Else *why (may be NULL) is a sentence. */
#define VIEW_ALIVE_MS 15000
bool view_healthy(const struct view *v, int64_t steady_ms, const char **why);

/* ---- metrics ---- */

/* The text format of Prometheus, version 0.0.4. */
void metrics_format(const struct view *v, struct gs_buf *out);

struct metrics;
/* Listens; "ADDRESS:PORT" as config_parse_listen reads it. GS_ERR_USAGE: built without libmicrohttpd; GS_ERR_NETWORK. v is lent until the end. */
int metrics_start(const char *listen, const struct view *v, struct metrics **ret, struct gs_error *err);
/* Becomes readable when there is something to do. */
int metrics_fd(const struct metrics *m);
void metrics_run(struct metrics *m);
void metrics_stop(struct metrics *m); /* NULL is fine */

/* ---- the screen ---- */

struct screen_shape {
	unsigned width, height; /* of the terminal */
	bool utf8, color;
};

/* Lines without cursor movement, at most `height`, each at most `width` columns; each ends with a newline but the last. */
void screen_format(const struct view *v, const struct screen_shape *shape, struct gs_buf *out);

struct screen;
/* NULL: no terminal to show it on, or one that cannot. Prepares the terminal. */
struct screen *screen_open(void);
void screen_show(struct screen *s, const struct view *v);
/* Whether the terminal's size changed since the last frame. */
bool screen_resized(void);
/* Gives the terminal back as it was. NULL is fine. */
void screen_close(struct screen *s);

#endif
