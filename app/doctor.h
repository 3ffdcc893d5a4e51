/* doctor.h - what cmd_doctor.c and its part about the sensor share */
#ifndef GS_DOCTOR_H
#define GS_DOCTOR_H

#include "app.h"

enum doctor_level { DOCTOR_OK, DOCTOR_LOOK, DOCTOR_BAD };

struct doctor_sensor {
	struct gs_time now;
	void (*found)(void *arg, enum doctor_level level, const char *area, const char *advice, const char *text);
	void *arg;
};

/* Its live inputs in the store, and whether somebody writes them. Nothing where there are none. 0 or negative with a sentence. */
int doctor_sensor_store(const struct doctor_sensor *d, struct gs_store *st, const char *store, struct gs_error *err);

/* The configuration (NULL: where the unit has it, if it is there), and the evidence and the interfaces that it names. */
void doctor_sensor_config(const struct doctor_sensor *d, const char *path);

#endif
