/*
 * evidence.h - the folder of evidence: names, the cap on its size, and where a packet is in it
 *
 * The parent of the sensor's processes makes the files (src/source/keep_pcap.h writes them, in the engines). Names tell sensor, time of the first packet and a number:
 *
 *	grescope-SENSOR-20170725T190531Z-1.pcap.zst
 *
 * Only files whose name has this form, with this sensor, are ever removed. What in a sensor's name is no letter, digit, `.` or `_` is `_` here; an unnamed one is `sensor`.
 */
#ifndef SENSOR_EVIDENCE_H
#define SENSOR_EVIDENCE_H

#include "grescope/error.h"
#include "grescope/types.h"

#define EVIDENCE_NAME_MAX 160
#define EVIDENCE_SLOTS 1024        /* writers at a time: engines times interfaces */
#define EVIDENCE_KEEP_FREE (64u << 20) /* of the disk: evidence gives way before a store that shares it is in want */

struct evidence {
	int folder;                 /* descriptor; -1: none */
	char path[4096];            /* for sentences */
	char prefix[96];            /* "grescope-SENSOR-" */
	uint64_t max_bytes;
	uint64_t number;            /* of the last file */
	uint64_t removed;           /* files, for want of room */
	char open[EVIDENCE_SLOTS][EVIDENCE_NAME_MAX]; /* who writes what: never removed */
};

/* Opens the folder. GS_ERR_NOENT, GS_ERR_ACCESS, GS_ERR_IO with a sentence. */
int evidence_open(struct evidence *e, const char *path, const char *sensor, uint64_t max_bytes, struct gs_error *err);
void evidence_close(struct evidence *e);

/*
 * A new file for a writer (slot; its last one counts as finished), open for writing, 0600. Makes room for `reserve` octets first: the oldest finished files go until all of them fit the cap.
 * *ret_fd is the caller's. GS_ERR_LIMIT: no room on the disk even without them. Others: the file cannot be made.
 */
int evidence_next(struct evidence *e, unsigned slot, struct gs_time first, uint64_t reserve, int *ret_fd, char name[EVIDENCE_NAME_MAX], struct gs_error *err);

/* Once a minute: keeps to the cap although files grow. *ret_bytes (may be NULL): what the files have now. */
int evidence_tick(struct evidence *e, uint64_t *ret_bytes, struct gs_error *err);

/* The prefix for a sensor's files, into out. */
void evidence_prefix(const char *sensor, char out[96]);

/* Whether a name is one of this prefix; *ret its time. */
bool evidence_name_parse(const char *name, const char *prefix, struct gs_time *ret);

/* ---- finding a packet again ---- */

struct evidence_place {
	char path[4096 + 256];
	uint64_t packet;            /* its number in the file, from 1 on; 0: not found */
	unsigned files;             /* that were looked into */
	unsigned unread;            /* of these, could not be read to their end */
};

/*
 * Where the packet is that came from src at this moment: in the files of the sensor (NULL: of any) that can hold it, at most EVIDENCE_SEARCH of them. A time is given as a sighting has
 * it, so only frames of protocol 47 from src with exactly this time (to the microsecond, where it is a whole number of them, as from a store) are it. 0 also where it is not found; errors are of the folder.
 */
#define EVIDENCE_SEARCH 64
int evidence_find(const char *folder, const char *sensor, struct gs_time first, const struct gs_addr *src, struct evidence_place *ret, struct gs_error *err);

#endif
