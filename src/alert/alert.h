/*
 * alert.h - what is worth telling somebody now: rules over pulses and sightings
 *
 * A pure library: the clock is passed in, what is told goes to a sink, what must survive a restart is text that the caller keeps. One thread.
 *
 * No storms. Every alert has a key. It begins once and ends once; within its quiet time the same key is not told again but folded and counted, and told as one when the
 * quiet time is over. At most GS_ALERT_OPEN_MAX are open at a time. Of first appearances and of surges, which outsiders can multiply, at most GS_ALERT_BURST are told at once and then
 * one an hour: those beyond are counted and summed up. Everything that an outsider can grow has a cap, a rule at the cap and a counter (struct gs_alerts_counters).
 *
 * docs/alerts.md says the rules with their thresholds, what they were measured to do on noise, and the JSON that gs_alert_json writes.
 */
#ifndef GS_ALERT_H
#define GS_ALERT_H

#include "base/buf.h"
#include "grescope/error.h"
#include "grescope/sighting.h"
#include "grescope/types.h"
#include "observe/pulse.h"

#define GS_ALERT_VERSION 1        /* of the JSON, too: members are added, never taken away or given another meaning, within one version */
#define GS_ALERT_OPEN_MAX 256
#define GS_ALERT_BURST 20         /* alerts of a kind about networks; each hour gives one back */
#define GS_ALERT_NETWORKS_MAX (1u << 17) /* more than there are networks with addresses of their own today (some 85,000) */
#define GS_ALERT_KEY_MAX 80
#define GS_ALERT_NAME_MAX 64
#define GS_ALERT_TEXT_MAX 400

/* X(NAME, word, begins and ends, meaning). Words are part of the JSON: append only. A kind that does not end is told once. */
#define GS_ALERT_MAP(X)                                                                                                          \
	X(FLOOD, "flood", true, "far more packets of a class than usual")                                                        \
	X(NETWORK_NEW, "network.new", false, "a network's first packet here")                                                    \
	X(NETWORK_SURGE, "network.surge", true, "a network sends far more than it used to")                                      \
	X(NETWORK_BAD, "network.bad", false, "a network that was named as bad")                                                  \
	X(NETWORK_MANY, "network.many", false, "more alerts about networks than are told one by one")                            \
	X(BOT, "bot", false, "a bot process was proven, the first for a long time")                                              \
	X(TROUBLE, "sensor", true, "trouble with the sensor itself")

enum gs_alert_kind {
#define X(name, word, ends, meaning) GS_ALERT_##name,
	GS_ALERT_MAP(X)
#undef X
	GS_ALERT_KINDS,
};

/* What can be wrong with the sensor. X(NAME, word, lasts, meaning): one that lasts is raised and cleared by the caller, the others happen. Append only. */
#define GS_TROUBLE_MAP(X)                                                                                                        \
	X(DROPS, "drops", true, "packets are lost in the sensor")                                                                \
	X(BELOW, "drops.below", true, "packets are possibly lost below the capture")                                             \
	X(DISK, "disk", true, "the store cannot be written")                                                                     \
	X(DATABASES, "databases", true, "databases of networks or places are old or missing")                                    \
	X(PROCESS, "process", false, "a process of the sensor died and was started again")                                       \
	X(INTERFACE, "interface", true, "an interface is down or gone")                                                          \
	X(CLOCK, "clock", false, "the clock was set")                                                                            \
	X(SILENCE, "silence", true, "no packet for longer than chance explains")                                                 \
	X(NETWORKS, "networks", true, "more networks than are kept apart")                                                       \
	X(SINK, "sink", true, "alerts do not get to where they are to go")                                                       \
	X(OTHER, "other", false, "anything else a process had to say")

enum gs_trouble {
#define X(name, word, lasts, meaning) GS_TROUBLE_##name,
	GS_TROUBLE_MAP(X)
#undef X
	GS_TROUBLE_COUNT,
};

enum gs_alert_phase { GS_ALERT_BEGIN, GS_ALERT_END, GS_ALERT_ONCE, GS_ALERT_PHASES };          /* "begin", "end", "once" */
enum gs_alert_level { GS_ALERT_INFO, GS_ALERT_NOTICE, GS_ALERT_WARNING, GS_ALERT_ERROR, GS_ALERT_LEVELS }; /* syslog's info, notice, warning, err */

/* A value, fixed size, no pointers. What does not apply to the kind is 0 or "". Rates are packets a second. */
struct gs_alert {
	uint64_t id;             /* counts up over restarts; begin and end of one alert have the same */
	uint8_t kind, phase, level;
	uint8_t class_;          /* enum gs_class; GS_CLASS_COUNT: none, or several (a flood of many classes) */
	uint8_t trouble;         /* enum gs_trouble; GS_TROUBLE_COUNT: none */
	char key[GS_ALERT_KEY_MAX]; /* "flood:flood.mirai.greip", "network.new:AS64496", "sensor:drops:eth0" */
	struct gs_time time;     /* of this telling */
	struct gs_time begin, end; /* of what it is about; end GS_TIME_MIN while it goes on */
	uint64_t folded;         /* repeats that were not told, since the last time this key was */

	/* floods: at the begin so far, at the end of all of it */
	double rate, peak, usual; /* now; highest second; what is usual (a surge: packets an hour) */
	uint64_t packets, bytes;  /* (a surge: in its hours) */
	uint64_t sources, targets; /* estimates */
	uint64_t processes;      /* bot processes proven since it began */
	struct gs_addr source, target; /* the busiest; family 0: none stands out */

	/* networks */
	uint32_t asn;
	char network[GS_ALERT_NAME_MAX];
	char country[4];
	char bad[GS_PREFIX_TEXT_MAX]; /* what it was named as: "AS64496", "192.0.2.0/24" */
	double log10_p;          /* of the surge: how unlikely by chance; 0: not of this kind */
	uint64_t count;          /* network.many: how many; bot: known by now */

	char bot[GS_BOT_TEXT_MAX];
	char subject[GS_ALERT_NAME_MAX]; /* trouble: interface, process, database */
	char text[GS_ALERT_TEXT_MAX];    /* one sentence for a person, without a full stop, UTF-8 without control characters */
};

const char *gs_alert_kind_word(unsigned kind);
const char *gs_alert_phase_word(unsigned phase);
const char *gs_alert_level_word(unsigned level);
const char *gs_trouble_word(unsigned trouble);

/* Foreign text for a person: controls, broken UTF-8 and what hides or turns text replaced, cut to size at a character. */
void gs_alert_clean(char *out, size_t size, const char *text);

/* One object of one line, no newline: docs/alerts.md has its schema. sensor: the vantage point's name, "" unnamed. */
void gs_alert_json(struct gs_buf *b, const struct gs_alert *a, const char *sensor);
/* time= level= msg= key= ...: one line, no newline. */
void gs_alert_logfmt(struct gs_buf *b, const struct gs_alert *a, const char *sensor);

/* ---- the rules ---- */

struct gs_alert_network {
	uint32_t asn;          /* 0: unknown, and then nothing is told of it as a network */
	const char *name, *country; /* "" unknown; lent for the call */
};

/* Whose network an address is. Lent for the call that asks. */
struct gs_alert_lookup {
	void (*find)(void *arg, const struct gs_addr *a, struct gs_alert_network *ret); /* NULL: nobody knows */
	void *arg;
};

struct gs_alert_bad {
	bool by_asn;
	uint32_t asn;
	struct gs_prefix prefix;
};

/* Zero for a number takes the default that stands behind it, but for those that say what 0 means. */
struct gs_alerts_options {
	uint64_t flood_pps;      /* 0: no alert on floods. A class floods above this and above flood_factor times what is usual */
	double flood_factor;     /* 10 */
	unsigned flood_begin_s;  /* 3: for so many seconds in a row */
	unsigned flood_end_s;    /* 30: below half of it for so many seconds */
	uint64_t quiet_s;        /* 3600 */
	double surge_factor;     /* 0: no alert on surges. So many times the usual an hour, and more than chance explains */
	uint64_t surge_min;      /* 20: packets an hour, below that nothing surges */
	const struct gs_alert_bad *bad; /* copied */
	unsigned n_bad;
	uint64_t window_s;       /* 3600: a sighting may tell of what was so long ago */
};

/* Gets each alert as it is to be told. */
struct gs_alert_sink {
	void (*tell)(void *arg, const struct gs_alert *a);
	void *arg;
};

struct gs_alerts_counters {
	uint64_t told;            /* to the sink */
	uint64_t folded;          /* repeats within the quiet time of their key */
	uint64_t refused;         /* for want of a place among the open ones */
	uint64_t summed;          /* about networks, beyond GS_ALERT_BURST: summed up in a network.many */
	uint64_t networks, networks_refused; /* kept; not kept for want of a place */
	uint64_t late;            /* sightings of an hour that was judged already: they count as history only */
	uint64_t unattributed;    /* sightings without a source or a network */
	uint64_t forged;          /* sightings of a flood from forged sources: no network's doing */
	uint32_t open;
};

struct gs_alerts;

/* Knows nothing of the sensor's past: gs_alerts_read or gs_alerts_know tell it. About 9 MiB where every network there is was seen. GS_ERR_NOMEM. */
int gs_alerts_new(const struct gs_alerts_options *o, const struct gs_alert_lookup *lookup, const struct gs_alert_sink *sink, struct gs_time now, struct gs_alerts **ret,
                  struct gs_error *err);
void gs_alerts_free(struct gs_alerts *a); /* NULL is fine */

/* Takes new options while running (SIGHUP); what is open stays. GS_ERR_NOMEM: the old ones hold. */
int gs_alerts_renew(struct gs_alerts *a, const struct gs_alerts_options *o, struct gs_error *err);

/* A second of all engines together, once a second (gs_pulse_empty where nothing came): floods, first appearances among the busiest sources, named networks. */
void gs_alerts_pulse(struct gs_alerts *a, const struct gs_pulse_second *s);

/* Sightings as their windows close: networks, surges, bots. */
void gs_alerts_sightings(struct gs_alerts *a, const struct gs_sighting *s, size_t n, struct gs_time now);

/* Trouble of the kind with `subject` (an interface, a process; may be "") begins or happens, or (on false) is over. Telling it again while it lasts is cheap and folds. Text: as
 * in gs_alert; controls in it are replaced. */
void gs_alerts_trouble(struct gs_alerts *a, enum gs_trouble trouble, bool on, const char *subject, const char *text, struct gs_time now);

/* Time passes: ends what is over, sums up hours, notices silence. Once a second or so; gs_alerts_pulse does it too. */
void gs_alerts_tick(struct gs_alerts *a, struct gs_time now);

/* The network was here before: so many packets from first to last, as the store says. For a first start beside a store that has a past. */
void gs_alerts_know(struct gs_alerts *a, uint32_t asn, uint64_t packets, struct gs_time first, struct gs_time last);

/* ---- state ---- */

/* What must survive a restart, as text with a checksum: networks with their history, what is open, what is usual. Appends. */
void gs_alerts_write(const struct gs_alerts *a, struct gs_buf *b);
/*
 * Takes it back, into fresh gs_alerts. GS_ERR_DAMAGED or GS_ERR_FORMAT (another version): the sentence says what is wrong with it, and nothing was taken. Floods that were open
 * end by themselves if they are over; `now` is the clock as of gs_alerts_new.
 */
int gs_alerts_read(struct gs_alerts *a, const char *text, size_t len, struct gs_error *err);

/* ---- looking ---- */

struct gs_alerts_counters gs_alerts_counters(const struct gs_alerts *a);
/* The open ones that begin and end, newest first, up to max; how many there are. */
unsigned gs_alerts_open(const struct gs_alerts *a, struct gs_alert *ret, unsigned max);

#endif
