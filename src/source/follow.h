/*
 * follow.h - a log file that grows: its new lines as sightings, across rotation and truncation
 *
 * The file is named by its path, as `tail -F` has it: whatever file has the name is followed. Where another file takes the name (rotation), the old one is read to its end first; a copy of it
 * that takes the name (rsync) is read on where the old one was; where
 * the file gets shorter (copytruncate), reading starts at its beginning again. A last line without its newline waits for the rest; where the file is rotated away
 * it counts as it is. A name that is not there yet, or not any more, is waited for.
 *
 * What is needed: to read the file and to search its folder, at rotation again. Uses open, read, pread, fstat, stat, inotify_init1, inotify_add_watch and close, and to resume also
 * getdents.
 */
#ifndef GS_SOURCE_FOLLOW_H
#define GS_SOURCE_FOLLOW_H

#include "grescope/error.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "source/source.h"

/*
 * Where reading got to: kept and given back after a restart, nothing is lost or counted twice. A file is the same one if what stands before the place is the same: device numbers
 * change when a machine starts anew, inodes are used again, and copytruncate moves the octets and leaves the inode. All zero: the beginning of whatever file there is.
 */
#define GS_FOLLOW_SUM 256 /* octets before the place, at most */
struct gs_follow_place {
	uint64_t offset; /* of the first octet that is not part of a line that was given */
	uint64_t sum;    /* XXH3 of the octets before it */
};

struct gs_follow_options {
	struct gs_log_options logs; /* `now` is not used: gs_follow_sightings is told */
	bool from_start;            /* also what is in the file already; else only what comes */
};

struct gs_follow;

/* Errors: GS_ERR_ACCESS, GS_ERR_IO, GS_ERR_NOMEM; GS_ERR_FORMAT where the path is a folder. Not there (yet) is none. */
int gs_follow_open(const char *path, const struct gs_follow_options *o, struct gs_follow **ret, struct gs_error *err);
void gs_follow_close(struct gs_follow *f); /* NULL is fine */

/* To poll for POLLIN: something happened. Call gs_follow_sightings at least each second all the same: network file systems tell nothing. Lent. -1 where the
 * system has no room for another watch: then only the clock helps (poll passes over such a one). */
int gs_follow_fd(const struct gs_follow *f);

/*
 * The next sightings, at most max (1 and more), without waiting; now: for years that are not written. As gs_source_sightings for *tally. *ret_n is max: there may be more, call again.
 * Result 0, also where there is nothing at the moment. GS_ERR_IO, GS_ERR_ACCESS: this time it could not be read; the sentence says what, each kind of trouble once until it is over; call
 * again later. A call reads at most 4 MiB (gs_follow_counts.more).
 */
int gs_follow_sightings(struct gs_follow *f, struct gs_time now, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			struct gs_error *err);

/* How gs_follow_resume found it. */
enum gs_follow_found {
	GS_FOLLOW_SAME,    /* the file goes on behind the place */
	GS_FOLLOW_ROTATED, /* what was read last has another name in the folder now: it is read to its end first */
	GS_FOLLOW_GAP,     /* as ROTATED, but there are files between that one and the one that has the name now: these are not read */
	GS_FOLLOW_ANOTHER, /* no file there is the one that was read: the one that has the name is read from its beginning */
};

/* Reading goes on at a place, in the file or in one that was rotated away from it (a name in its folder that begins with its own) and not compressed yet.
 * After opening, before anything was read. GS_ERR_IO, GS_ERR_ACCESS: the file cannot be read; it is left as it was opened. */
int gs_follow_resume(struct gs_follow *f, const struct gs_follow_place *place, enum gs_follow_found *ret, struct gs_error *err);

/* After any call of gs_follow_sightings, where gs_follow_between_lines: in the midst of a line that makes several sightings there is no place. */
void gs_follow_place(const struct gs_follow *f, struct gs_follow_place *ret);
bool gs_follow_between_lines(const struct gs_follow *f);

struct gs_follow_counts {
	uint64_t octets, lines; /* read; lines: whole ones */
	uint64_t rotations, truncations;
	uint64_t long_lines;    /* over 1 MiB, skipped; in records_bad too */
	bool there;             /* the name is a file at the moment */
	bool more;              /* the last call ended at its 4 MiB, or was interrupted: call again at once */
};
void gs_follow_counts(const struct gs_follow *f, struct gs_follow_counts *ret);

/* As gs_source_first_bad: "line 12: ..." counted from where reading began. */
const char *gs_follow_first_bad(const struct gs_follow *f);

#endif
