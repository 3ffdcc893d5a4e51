/*
 * private.h - the rules' state, as the files of this layer share it
 */
#ifndef GS_ALERT_PRIVATE_H
#define GS_ALERT_PRIVATE_H

#include "alert/alert.h"

#include "base/hll.h"
#include "base/map.h"

#define HOUR_S 3600
#define SLOT_S 600             /* the grain of silence */
#define NETWORK_HALF_LIFE_H 168
#define FLOODS (GS_CLASS_COUNT + 1) /* the last: all classes together, where none alone floods */
#define RESTORED_S 120         /* what was open before a restart and does not show again for so long is over */
#define TROUBLE_HOLD_S 60      /* trouble that is over must stay over for so long before its end is told */
#define NO_TIME GS_TIME_MIN

/* An alert that begins and ends, from its begin until its quiet time is over. */
enum slot_state { SLOT_FREE, SLOT_ACTIVE, SLOT_HELD, SLOT_QUIET };
struct slot {
	struct gs_alert a;        /* as it would be told now */
	uint8_t state;            /* HELD: over, but the end is not told yet; QUIET: ended, and not to be told again yet */
	bool once;                /* of what happens and does not last */
	bool told;                /* its begin was */
	bool restored;            /* from before a restart, not seen again yet */
	struct gs_time last;      /* when it last was so */
	struct gs_time told_end;  /* when its last end was told; NO_TIME: never */
	uint64_t folded_packets;  /* of what was folded */
};

struct flood {
	double usual, weight;     /* packets a second, forgotten with a half-life of an hour; weight: of what was learned, up to 1 */
	double above_s, below_s, open_s;
	double threshold;         /* while open: what it began with */
	int slot;                 /* -1: none */
	uint64_t packets, bytes, sources, targets, bots_before;
	double peak;
	bool has_sketch;
	struct gs_time begin;
	struct gs_time forged_from, forged_to; /* sightings of this class within are no network's doing */
	struct gs_hll sketch;
};

/* A record of the map of networks. Sums are of hours, forgotten with a half-life of a week; `hour` is not in them yet. */
struct network {
	uint32_t asn;             /* key */
	int32_t hour;             /* hours since 1970 */
	int32_t first_hour;
	int32_t slot;             /* surge that is open, -1: none */
	uint32_t count;           /* packets in `hour` */
	uint32_t reserved;
	float sum, squares, hours;
	float surge_peak;
};

struct bad {
	struct gs_alert_bad what;
	char name[GS_PREFIX_TEXT_MAX];
	struct gs_time last;      /* last told; NO_TIME: never */
	uint64_t folded;
};

struct bad_asn {
	uint32_t asn;
	uint32_t number;          /* in bad */
};

/* GS_ALERT_BURST at once, then one an hour. */
struct bucket {
	double tokens;
	struct gs_time filled;
	uint64_t excess;          /* since the last summary */
	struct gs_time excess_since;
	uint32_t wait_h;          /* the next summary comes after so many hours: doubles while there is more */
};
enum { BUCKET_NEW, BUCKET_SURGE, BUCKETS };

struct silence {
	int64_t slot;             /* the one that runs; INT64_MIN: none yet */
	bool active;              /* a packet came in it */
	uint32_t idle;            /* slots without one before it */
	double busy, total;       /* slots with a packet; all: forgotten with a half-life of two weeks */
	double longest;           /* idle stretch, forgotten slowly */
	bool alarmed;
	struct gs_time last_packet;
};

struct gs_alerts {
	struct gs_alerts_options o;
	struct gs_alert_lookup lookup;
	struct gs_alert_sink sink;
	struct gs_alerts_counters counters;
	uint64_t next_id;
	struct gs_time now;
	struct gs_time started;
	struct slot slots[GS_ALERT_OPEN_MAX];
	struct flood floods[FLOODS];
	struct gs_map networks;
	struct gs_map bad_prefixes; /* struct gs_prefix, then the number in bad */
	uint8_t bad_lengths[2][130]; /* lengths that occur, for IPv4 and IPv6; ends with 255 */
	struct bad *bad;
	unsigned n_bad;
	struct bad_asn *bad_asns;   /* by number */
	unsigned n_bad_asns;
	struct bucket buckets[BUCKETS];
	struct silence silence;
	struct gs_time bot_last;  /* a proven bot was last seen; NO_TIME: never */
	uint64_t bots, bot_folded;
	struct gs_hll scratch;
};

/* ---- open.c: the table of what is open; telling ---- */

/* A fresh alert of a kind at a->now. */
struct gs_alert alert_make(struct gs_alerts *a, enum gs_alert_kind kind, enum gs_alert_level level);
void alert_tell(struct gs_alerts *a, struct gs_alert *al); /* gives it an id, unless it has one */
/* Sets text: controls and broken UTF-8 replaced, cut at a character. */
void alert_text(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The slot of a key, active or quiet; -1: none. */
int slot_find(const struct gs_alerts *a, const char *key);
/*
 * What `al` tells of begins: tells it, or folds it where its key is open or quiet. Its slot, or -1 where there is no place.
 */
int slot_begin(struct gs_alerts *a, const struct gs_alert *al);
/* Over: tells the end with what slots[i].a says by now (text and all), unless its begin was not told. */
void slot_end(struct gs_alerts *a, int i);
void slots_tick(struct gs_alerts *a);

/* ---- flood.c ---- */
void floods_pulse(struct gs_alerts *a, const struct gs_pulse_second *s);
bool flood_forged(const struct gs_alerts *a, const struct gs_sighting *s);
void floods_close(struct gs_alerts *a, int slot); /* a restored flood that did not show again */

/* ---- network.c ---- */
void network_seen(struct gs_alerts *a, const struct gs_addr *src, uint8_t class_);
void network_count(struct gs_alerts *a, const struct gs_sighting *s);
void networks_tick(struct gs_alerts *a);
int networks_bad(struct gs_alerts *a, const struct gs_alerts_options *o, struct gs_error *err);
void network_restore_surge(struct gs_alerts *a, int slot);
/* gs_map_hash, kept out of line: it is written for keys of any length, and compilers warn of what they would do to four octets. */
uint64_t network_hash(const struct gs_alerts *a, const uint32_t *asn);

/* ---- silence.c ---- */
void silence_pulse(struct gs_alerts *a, const struct gs_pulse_second *s);
void silence_tick(struct gs_alerts *a);

/* ---- chance.c ---- */

/* log10 P(X >= k), X negative binomial: Poisson with a rate of which is known that `shape` packets came in `hours` (gamma distributed), for one hour. k and shape need not be whole. */
double chance_log10(double k, double shape, double hours);
/* ln P(n slots idle in a row) where each is idle with a chance of which is known that of total slots busy had packets (beta distributed). */
double chance_idle_ln(double n, double busy, double total);

#endif
