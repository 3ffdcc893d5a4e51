/*
 * teller.h - the files of the teller: its life (teller.c), what it remembers (teller_state.c)
 */
#ifndef SENSOR_TELLER_H
#define SENSOR_TELLER_H

#include "sensor/sensor.h"
#include "sensor/view.h"

/* The rules' memory, in a file beside the store: "STORE.alerts". */
int state_path(const struct options *o, char *out, size_t size);

/*
 * Takes up what was known before: from the file; where there is none, or it is damaged (it is renamed to "....damaged" then, and *ret_trouble is a sentence), the networks that the store
 * holds. *ret_trouble may hold a sentence also on success, "" none. enrich may be NULL.
 */
void state_load(struct gs_alerts *a, const char *path, const struct options *o, struct gs_enrich *enrich, char ret_trouble[MESSAGE_TEXT]);

/* Writes it anew, whole or not at all. */
int state_save(const struct gs_alerts *a, const char *path, struct gs_error *err);

#endif
