/* no_metrics.c - in place of metrics.c where libmicrohttpd is not there: says so */
#include "sensor/view.h"

int metrics_start(const char *listen, const struct view *v, struct metrics **ret, struct gs_error *err)
{
	(void)v;
	(void)ret;
	return gs_fail(err, GS_ERR_USAGE, "this grescope was built without libmicrohttpd: there are no metrics on %.60s", listen);
}

int metrics_fd(const struct metrics *m)
{
	(void)m;
	return -1;
}

void metrics_run(struct metrics *m)
{
	(void)m;
}

void metrics_stop(struct metrics *m)
{
	(void)m;
}
