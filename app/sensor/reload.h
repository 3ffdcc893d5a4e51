/*
 * reload.h - databases of networks and places in a process that runs for months: noticed when they change, swapped when the new ones are sound
 *
 * Once a minute the stamp of the files (paths, inodes, sizes, times) is taken. A new stamp that stays the same for five seconds (a file that is being copied changes)
 * makes them be opened beside the old ones, tried, and swapped. What is damaged, or lacks what the old ones had, is told and not taken: the old ones stay, in memory, whatever has
 * become of their files.
 */
#ifndef SENSOR_RELOAD_H
#define SENSOR_RELOAD_H

#include "app.h"
#include "config.h"

#define RELOAD_LOOK_S 60
#define RELOAD_SETTLE_S 5

struct reload {
	struct options o;          /* which files: as databases_open wants it */
	struct gs_enrich *enrich;  /* in use; NULL: none could be opened yet */
	uint64_t stamp;            /* of what is in use */
	uint64_t refused;          /* of what was looked at and not taken; 0 none */
	uint64_t seen;             /* of the last look */
	struct gs_time next;
};

/*
 * Opens what the configuration names, or what the known folders have. The configuration must outlive r. Negative with a sentence: nothing could be opened; r is good all the same, and looks
 * again each minute.
 */
int reload_open(struct reload *r, const struct sensor_config *c, struct gs_time now, struct gs_error *err);
void reload_close(struct reload *r);

enum reload_result { RELOAD_SAME, RELOAD_NEW, RELOAD_KEPT };

/*
 * To be called about once a second; now: wall clock. RELOAD_NEW: r->enrich is another one; *ret_old (may be NULL inside) is the caller's to close, once nothing holds ids of its strings.
 * RELOAD_KEPT: the new files are not taken. Both put a sentence into said. force: looks at once, also at files whose stamp is known (SIGHUP).
 */
enum reload_result reload_look(struct reload *r, struct gs_time now, bool force, struct gs_enrich **ret_old, char *said, size_t size);

/* Other files, of a new configuration; takes them like a forced look. */
enum reload_result reload_files(struct reload *r, const struct sensor_config *c, struct gs_time now, struct gs_enrich **ret_old, char *said, size_t size);

/* Age of the oldest database in use, in seconds; 0 where none is dated. */
uint64_t reload_age_s(const struct reload *r, struct gs_time now);

#endif
