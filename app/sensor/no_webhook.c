/* no_webhook.c - in place of sink_webhook.c where libcurl is not there: says so */
#include "sensor/sink.h"

int sink_webhook_new(const char *url, int64_t retry_ms, struct sink_webhook **ret, struct gs_error *err)
{
	(void)retry_ms;
	(void)ret;
	return gs_fail(err, GS_ERR_USAGE, "this grescope was built without libcurl: there are no webhooks (%.100s)", url);
}

void sink_webhook_free(struct sink_webhook *s)
{
	(void)s;
}

void sink_webhook_add(struct sink_webhook *s, const char *json, size_t len)
{
	(void)s;
	(void)json;
	(void)len;
}

void sink_webhook_wait(struct sink_webhook *s, int fd, int wait_ms, int64_t now_ms)
{
	(void)s;
	(void)fd;
	(void)wait_ms;
	(void)now_ms;
}

bool sink_webhook_idle(const struct sink_webhook *s)
{
	return s == NULL;
}

struct sink_counts sink_webhook_counts(const struct sink_webhook *s)
{
	(void)s;
	return (struct sink_counts){ 0 };
}

const char *sink_webhook_trouble(struct sink_webhook *s)
{
	return s ? "?" : "";
}
