/* own_formats.c - formats of logs that a configuration describes, for the verbs that read files */
#include "app.h"
#include "config.h"
#include "source/log_own.h"

static struct gs_log_own *own; /* lent to whoever reads logs; lives as long as the program */

int own_formats_open(const char *path, const struct gs_log_own **ret, struct gs_error *err)
{
	struct gs_log_own_format list[GS_LOG_OWN_MAX];
	struct sensor_config *c;
	int r = config_read(path, NULL, NULL, &c, err);

	if (r < 0)
		return r;
	gs_log_own_free(own);
	own = NULL;
	const unsigned n = c->n_log_formats < GS_LOG_OWN_MAX ? c->n_log_formats : GS_LOG_OWN_MAX;
	for (unsigned i = 0; i < n; i++)
		list[i] = (struct gs_log_own_format){ c->log_formats[i].name, c->log_formats[i].pattern, c->log_formats[i].time };
	if (n)
		r = gs_log_own_new(list, n, &own, err);
	config_free(c);
	*ret = own;
	return r;
}
