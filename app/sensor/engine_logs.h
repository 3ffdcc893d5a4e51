/*
 * engine_logs.h - what the engine of logs reads in place of a capture: files that grow, and firewalls that send syslog
 *
 * One process for all of them, the last engine by number. Its rows take the records' door of the corridor and wait for no window.
 */
#ifndef SENSOR_ENGINE_LOGS_H
#define SENSOR_ENGINE_LOGS_H

#include "pipeline/corridor.h"
#include "sensor/outbox.h"
#include "sensor/sensor.h"

#include <poll.h>

#define LOGS_POLL (2 * CONFIG_LIST_MAX)

struct logs;

/* Opens files, folders and sockets, with the rights that the process has now. */
int logs_open(const struct sensor *s, struct logs **ret, struct gs_error *err);
void logs_free(struct logs *l); /* NULL is fine */

/* Whether what is followed can still be read, and opened again after rotation, by the user that the process has become. GS_ERR_ACCESS says which cannot. */
int logs_check(const struct logs *l, struct gs_error *err);

/* Folders that rotation makes it open files in, for the sandbox. Lent. */
int logs_folders(struct logs *l, struct sandbox_options *o, struct gs_error *err);

/* Descriptors to wait for, at most LOGS_POLL; how many. */
unsigned logs_poll(const struct logs *l, struct pollfd *p);

/* The writer has told where the store is with the followed files: reading begins, there or, of those that no sensor followed before, where they were opened. Once: what comes later
 * is for engines that begin. What is not as it was left is said. */
void logs_begin(struct logs *l, const struct message_places *places, int control, unsigned number);

/* All there is, as far as a round goes, into the corridor; nothing before logs_begin. What the corridor does not count is added to *tally; *packets: of the rows. room: for so many rows
 * of files there is room, as far as lines end there; 0: they wait for the writer. *ret_more: call again at once. Trouble with a file or a socket is said over control; negative is the corridor's. */
int logs_take(struct logs *l, struct gs_corridor *c, struct gs_tally *tally, uint64_t *packets, size_t room, bool *ret_more, int control, unsigned number, struct gs_error *err);

/* Where reading is. False: just where it was the last time that logs_round_put was told. */
bool logs_places(const struct logs *l, struct message_places *ret);
void logs_round_put(struct logs *l, const struct message_places *places);

/* Its counters since it began, into the status. */
void logs_count(const struct logs *l, struct message_status *ret);

/* What was bad or lost since the last time, as notices; false: nothing. */
bool logs_tell(struct logs *l, int control, unsigned number);

#endif
