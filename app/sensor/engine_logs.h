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

/* All there is, as far as a round goes, into the corridor. What the corridor does not count is added to *tally; *packets: of the rows. *ret_more: call again at once. Trouble with a
 * file or a socket is said over control; negative is the corridor's. */
int logs_take(struct logs *l, struct gs_corridor *c, struct gs_tally *tally, uint64_t *packets, bool *ret_more, int control, unsigned number, struct gs_error *err);

/* After the round's balance was put: seq is the stream's. Remembers where reading got to, for the process that comes after this one. */
void logs_mark(struct logs *l, uint64_t seq);
/* The writer has everything up to seq. */
void logs_kept(struct logs *l, uint64_t seq);

/* What was bad or lost since the last time, as notices; false: nothing. */
bool logs_tell(struct logs *l, int control, unsigned number);

#endif
