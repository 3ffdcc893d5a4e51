/* dossier.h - what the forms of a dossier share */
#ifndef GS_RENDER_DOSSIER_H
#define GS_RENDER_DOSSIER_H

#include "query/show.h"
#include "render/out.h"

#define DOSSIER_DAY_MAX 32
const char *dossier_day(int64_t day, char out[DOSSIER_DAY_MAX]); /* 2017-01-28; returns out */

int dossier_json(struct gs_render *r, const struct gs_dossier *d, struct gs_error *err);

#endif
