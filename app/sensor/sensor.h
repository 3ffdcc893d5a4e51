/*
 * sensor.h - the processes of `watch`: what each is given, and how it begins
 *
 *	parent    keeps the rights that it was started with and parses nothing; starts the others, watches over them, starts them anew
 *	engine    one for each interface and worker: capture, corridor, stream of sightings. No rights at all once its socket is open. One more for logs (engine_logs.h)
 *	writer    the store and nothing else
 *	teller    alerts, metrics, screen
 *
 * All are forks of one program, without execve. A process other than the parent has one descriptor to begin with, the control socket to the parent; the ways to the
 * others come over it (PEER), also when one of them was started anew.
 */
#ifndef SENSOR_H
#define SENSOR_H

#include "app.h"
#include "config.h"
#include "sensor/message.h"
#include "sensor/sandbox.h"

#define SENSOR_LATE_NS (2 * GS_NS_PER_S) /* after its end a window stays open so long for packets that are still on their way */

struct sensor {
	const struct sensor_config *config;
	const struct options *options;  /* as the other verbs have them: store, databases, verbosity */
	struct sandbox_user user;       /* of the engines, and of the writer where the configuration names one */
	struct sandbox_user writer_user;
	struct sandbox_user logs_user;  /* as user, with the groups that it is in: logs are a group's to read (adm) */
	uint64_t hash_seed;
	bool pin_origin;
	uint16_t fanout_id;
	unsigned n_engines;
	bool logs;                      /* the last engine is that of logs */
};

/* A child's life; control is its socket to the parent. Result: exit status. */
int engine_run(const struct sensor *s, unsigned number, int control);
int writer_run(const struct sensor *s, int control);
int teller_run(const struct sensor *s, int control);

/* Until a signal or the end of a child that is needed. Result: exit code of the program. */
int parent_run(struct sensor *s);

/* ---- what children have in common: child.c ---- */

bool engine_is_logs(const struct sensor *s, unsigned number);

/* Interface and worker that an engine's number stands for; "logs". */
const char *engine_interface(const struct sensor *s, unsigned number);

/* A notice to the parent; lost if the parent does not read. key: see message.h. */
void child_notice(int control, enum sensor_role role, unsigned number, enum notice_level level, unsigned code, const char *key, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/* Seconds and nanoseconds by the two clocks. */
int64_t clock_wall_ns(void);
int64_t clock_steady_ms(void);

/* How a child ends, beside EXIT_DONE and the exit codes of the program, which it means for good (a notice said why). */
#define CHILD_GONE 64   /* its interface is gone: try again when it is back */
#define CHILD_BROKEN 65 /* it could not go on (a notice said why): start another one after a pause */

#ifndef ENGINE_PROCESSES
#define ENGINE_PROCESSES 4096 /* bots that an engine tells apart in an epoch: a day, or until they are so many, or as many as its memory holds */
#endif

#endif
