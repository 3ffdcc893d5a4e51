/*
 * find.h - which files of a folder may be databases, best first
 */
#ifndef GS_ENRICH_FIND_H
#define GS_ENRICH_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* Caps: a folder with more is no data folder, and what is found in it is then a matter of its order. */
#define FIND_MAX_FILES 256     /* candidates, and subfolders */
#define FIND_MAX_ENTRIES 16384 /* names that are looked at in one folder */

struct find_result {
	char *path[FIND_MAX_FILES];
	unsigned rank[FIND_MAX_FILES];
	unsigned count;
};

/* Files in the folder and its direct subfolders whose names fit a pattern of the list; the same answer for the same folder. Order: the
 * list's, then the folder itself before its subfolders, then names backwards (of dated files, the newest first). Freed by find_done. */
void find_files(const char *folder, const char *const *patterns, size_t n_patterns, struct find_result *ret);
void find_done(struct find_result *r);

#endif
