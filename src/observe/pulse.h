/*
 * pulse.h - what went by in the last second, before any window closes: how much of each class, from about how many, the busiest sources and targets
 *
 * Sightings come when their window closes; who watches wants to know now. A pulse is an impression, not a count that is kept: packets, octets and classes are exact, numbers of
 * sources and targets are estimates (HyperLogLog, 1.6 %), the busiest are found with an error that each of them states. The class is that of the packet
 * alone: what only the rate of a whole window tells (flood.gre) still goes by as unknown here.
 *
 * Busiest: space-saving (Metwally, Agrawal, El Abbadi 2005) in GS_PULSE_SETS sets of eight, one cache line each. A set takes the addresses that hash into it; one that is
 * new and finds its set full takes the place of the smallest and inherits its count as its possible error. An address that sent more than an eighth of its set's
 * packets is never missed; forged sources leave large counts with errors as large, which `packets - error` shows for what they are.
 */
#ifndef GS_OBSERVE_PULSE_H
#define GS_OBSERVE_PULSE_H

#include "base/hll.h"
#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/verdict.h"

#define GS_PULSE_VERSION 1
#define GS_PULSE_TOP 16
#define GS_PULSE_SETS 32u
#define GS_PULSE_SKETCHES 2

struct gs_pulse_talker {
	struct gs_addr addr;
	uint8_t class_;     /* enum gs_class of its latest packet */
	uint64_t packets;   /* at most */
	uint64_t error;     /* at least packets - error */
};

struct gs_pulse_class {
	uint64_t packets, bytes;   /* octets: IP total lengths, as in sightings */
	uint64_t sources, targets; /* estimates; at least 1 where there are packets */
};

/* Fixed size, no pointers: crosses processes. */
struct gs_pulse_second {
	uint32_t version;       /* GS_PULSE_VERSION */
	uint16_t n_sources, n_targets;
	struct gs_time begin, end; /* by the taker's clock */
	struct gs_time last;    /* the newest packet's own time; GS_TIME_MIN: none */
	uint64_t packets, bytes;
	uint64_t sources, targets; /* estimates, all classes */
	uint64_t bots;          /* processes that are known so far, as the caller says */
	uint64_t late;          /* packets that came after their window had closed, since the last pulse, as the caller says */
	struct gs_pulse_class class_[GS_CLASS_COUNT];
	struct gs_pulse_talker source[GS_PULSE_TOP], target[GS_PULSE_TOP]; /* most certain packets (packets - error) first; n_sources, n_targets of them */
	/* The sources of the classes with most packets, so that who adds seconds up can count different ones over all of them. */
	uint8_t sketch_class[GS_PULSE_SKETCHES]; /* enum gs_class; GS_CLASS_COUNT: none */
	struct gs_hll sketch[GS_PULSE_SKETCHES];
};

struct gs_pulse;

/* About 0.2 MiB and nothing more, whatever comes. seed keys the hashes so that nobody can aim at one set; who merges pulses gives all of them the same. */
int gs_pulse_new(uint64_t seed, struct gs_time now, struct gs_pulse **ret, struct gs_error *err);
void gs_pulse_free(struct gs_pulse *pu); /* NULL is fine */

/* n packets that become part of sightings, with their verdicts: as gs_observe_packets has them. */
void gs_pulse_packets(struct gs_pulse *pu, const struct gs_packet *const *p, const struct gs_verdict *v, size_t n);

/* Packets that come counted, as a sighting of one source or of folded ones. */
void gs_pulse_sighting(struct gs_pulse *pu, const struct gs_sighting *s);

/* What went by since the last take (or since it was made); begins the next. bots, late: see above. */
void gs_pulse_take(struct gs_pulse *pu, struct gs_time now, uint64_t bots, uint64_t late, struct gs_pulse_second *ret);

/* Adds a pulse of another engine. Sources add up (each lives in one engine; an upper bound where it does not), and so do bots; of targets the larger number stays, as all engines watch the
 * same ones. */
void gs_pulse_merge(struct gs_pulse_second *to, const struct gs_pulse_second *from);

/* A second of nothing. */
void gs_pulse_empty(struct gs_time begin, struct gs_time end, struct gs_pulse_second *ret);

/* Whether another process can have meant it: version, counts, classes, families, errors, texture of the sketches. */
bool gs_pulse_sound(const struct gs_pulse_second *s);

#endif
