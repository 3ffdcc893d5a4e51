/*
 * tally.h - the balance of a reading: nothing is dropped in silence
 *
 * packets = in_sightings + fragments + not_gre + gre_udp_not_shown + the sum of lost[], always; gs_tally_balanced checks it.
 *
 * A sensor can lose packets that no file would have lost: dropped[] says where. It stands beside the balance.
 */
#ifndef GRESCOPE_TALLY_H
#define GRESCOPE_TALLY_H

#include "grescope/packet.h"

/* X(name, word, text): where a sensor lost packets. Words are stored: append only. */
#define GS_DROP_MAP(X)                                                                                                           \
	X(RING, "ring", "no room in the kernel's packet ring: never read, so not among the packets")                            \
	X(ENGINE, "engine", "read, but in open windows of a process that died")                                                  \
	X(STORE, "store", "in rows that the store was never given: a full disk at the end, rows that could not be")             \
	X(BELOW, "below", "possibly: frames of any kind that the interface could not take")

enum gs_drop {
#define X(name, word, text) GS_DROP_##name,
	GS_DROP_MAP(X)
#undef X
	GS_DROP_COUNT,
};

const char *gs_drop_word(unsigned drop); /* never NULL */
const char *gs_drop_text(unsigned drop);

struct gs_tally {
	uint64_t packets;            /* frames read */
	uint64_t bytes;              /* their captured octets */
	uint64_t in_sightings;       /* frames that became part of a sighting */
	uint64_t sighting_bytes;     /* their IP total lengths */
	uint64_t fragments;          /* later fragments of protocol 47 */
	uint64_t fragment_bytes;     /* their IP total lengths */
	uint64_t not_gre;
	uint64_t gre_udp;            /* GRE in UDP seen, whether shown as sightings or not */
	uint64_t gre_udp_hidden;     /* of these, not shown */
	uint64_t lost[GS_LOST_COUNT];
	/* beside the balance */
	uint64_t sightings;          /* sightings made */
	uint64_t folded_packets;     /* packets whose source was folded away for want of memory */
	uint64_t late_packets;       /* packets older than the windows still open */
	uint64_t crowd_unseen;       /* packets to more destinations than are looked at for floods from forged sources: still what the packet alone said */
	uint64_t control_forgotten;  /* PPTP control connections and calls forgotten for want of room (classify/control.h) */
	uint64_t stops[GS_STOP_COUNT]; /* decoded GRE packets by stop reason */
	uint64_t checksum_bad;
	uint64_t records;            /* rows of raw data, flow records, log lines that became sightings */
	uint64_t records_bad;        /* such as name protocol 47 but could not be understood */
	uint64_t records_other;      /* rows of raw data that name another protocol */
	uint64_t clock_saturated;    /* time stamps outside gs_time's range */
	uint64_t undated;            /* packets in sightings for which the file has no time: they stand at the beginning of 1970 */
	uint64_t dropped[GS_DROP_COUNT]; /* by a sensor, packets (BELOW: frames of any protocol) */
};

/* Packets that a sensor lost for sure; what the interface lost (GS_DROP_BELOW) may have been GRE or not. */
static inline uint64_t gs_tally_sensor_lost(const struct gs_tally *t)
{
	return t->dropped[GS_DROP_RING] + t->dropped[GS_DROP_ENGINE] + t->dropped[GS_DROP_STORE];
}

static inline bool gs_tally_balanced(const struct gs_tally *t)
{
	uint64_t sum = t->in_sightings + t->fragments + t->not_gre + t->gre_udp_hidden;
	for (unsigned i = 0; i < GS_LOST_COUNT; i++)
		sum += t->lost[i];
	return sum == t->packets;
}

void gs_tally_add(struct gs_tally *to, const struct gs_tally *from);

#endif
