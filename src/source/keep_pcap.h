/*
 * keep_pcap.h - evidence: packets kept as they came, in compressed capture files that a killed process leaves readable
 *
 * A file is a nanosecond pcap in zstd. It is written in pieces; each is one whole zstd frame of whole records, written by one call, so that a file that just ends
 * (kill, power) is read to its last piece, by grescope and by `zstdcat | tcpdump -r -`. What was not flushed yet, at most a second where gs_keep_tick is called,
 * is gone then.
 *
 * The writer opens nothing: whoever may (the parent of the sensor's processes) gives it descriptors. When a file is large or old enough it asks for the next one,
 * once, and goes on in the old one until that is given, up to twice its size; then packets are not kept any more, and counted.
 */
#ifndef GS_SOURCE_KEEP_PCAP_H
#define GS_SOURCE_KEEP_PCAP_H

#include "grescope/error.h"
#include "grescope/packet.h"

struct gs_keep;

struct gs_keep_options {
	uint32_t linktype;      /* of all frames: a pcap file has one */
	uint32_t snaplen;
	uint64_t file_bytes;    /* ask for the next file past so many octets (as written, compressed); 0: never */
	uint64_t file_s;        /* or past so many seconds from its first frame; 0: never */
	/* The next file is wanted, its first frame being of about `first`. To be answered, now or later, by gs_keep_give or gs_keep_refuse; called again only after that. */
	void (*ask)(void *arg, struct gs_time first);
	void *arg;
};

/* Counts since the beginning; frames = kept + missed + what is not flushed yet. */
struct gs_keep_counts {
	uint64_t kept, kept_bytes;   /* in files; octets of packets */
	uint64_t written_bytes;      /* octets of files */
	uint64_t missed;             /* not kept: no file yet, no room, a write that failed, or another link type */
	uint64_t files;
};

int gs_keep_new(const struct gs_keep_options *o, struct gs_keep **ret, struct gs_error *err);

/* Flushes, closes the file and frees. NULL is fine. */
void gs_keep_free(struct gs_keep *k);

/*
 * Takes frames in; asks for a file where there is none or it is time. No system call but for every 256 KiB.
 * Negative: writing failed (GS_ERR_IO with a sentence that names the file; told once per file). The file is cut back to its last whole piece and given up, what was not in it is
 * counted as missed, and the next file is asked for after a minute of frame time. Going on is safe.
 */
int gs_keep_frames(struct gs_keep *k, const struct gs_frame *f, size_t n, struct gs_error *err);

/* Now and then, about once a second: writes what has come since, and asks for the next file where the old one has its age. Same errors. */
int gs_keep_tick(struct gs_keep *k, struct gs_time now, struct gs_error *err);

/* The answer to ask: an empty file to write to. The descriptor is the keeper's from now on, also where it fails. */
int gs_keep_give(struct gs_keep *k, int fd, const char *name, struct gs_error *err);
/* Or none: it is asked for again after a minute. */
void gs_keep_refuse(struct gs_keep *k, struct gs_time now);

void gs_keep_count(const struct gs_keep *k, struct gs_keep_counts *ret);

#endif
