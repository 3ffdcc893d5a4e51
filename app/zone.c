/* zone.c - --tz: the zone of log lines that name none */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>

#define ZONES "/usr/share/zoneinfo"

static struct gs_zone *zone; /* lent to whoever reads logs; lives as long as the program */

/* Names of the database: letters and a few marks, and no way out of its folder. */
static bool name_like(const char *text)
{
	if (!*text || *text == '/' || strstr(text, ".."))
		return false;
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == strlen(text);
}

int zone_open(const char *text, const struct gs_zone **ret, struct gs_error *err)
{
	const char *folder = getenv("TZDIR");
	char path[4096];
	int32_t offset_s;
	int r;

	gs_zone_free(zone);
	zone = NULL;
	if (gs_zone_offset_parse(text, strlen(text), &offset_s)) {
		r = gs_zone_fixed(offset_s, &zone, err);
	} else if (strcmp(text, "local") == 0) {
		r = gs_zone_load("/etc/localtime", &zone, err);
	} else if (!name_like(text)) {
		return gs_fail(err, GS_ERR_USAGE, "expected a zone such as Europe/Berlin, +02:00, UTC or local");
	} else {
		snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : ZONES, text);
		r = gs_zone_load(path, &zone, err);
	}
	*ret = zone;
	return r;
}
