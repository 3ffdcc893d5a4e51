/*
 * sink_webhook.c - alerts posted to a URL
 *
 * One at a time and in order. What fails for now (no connection, time over, 408, 425, 429, 5xx) is tried again after pauses that double up to PAUSE_MOST_MS; while it waits others
 * queue up, and of more than the queue holds the oldest gives way. What is refused (any other answer but 2xx) is not tried again: it would not become right. Redirections are not
 * followed: an alert goes where the configuration says and nowhere else. Certificates are checked.
 */
#include "sensor/sink.h"

#include "version.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS 10000L
#define WHOLE_MS 30000L
#define PAUSE_FIRST_MS 1000
#define PAUSE_MOST_MS 300000

struct sink_webhook {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct sink_queue queue;
	bool running;             /* the first of the queue is under way */
	char *sending;            /* a copy: the queue may drop it meanwhile */
	int64_t first_pause_ms, pause_ms, not_before_ms;
	struct sink_counts counts;
	char said[CURL_ERROR_SIZE];
	char trouble[SINK_TROUBLE_MAX], lent[SINK_TROUBLE_MAX];
};

/* The answer's body is nobody's. */
static size_t swallow(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static CURLcode set_up(struct sink_webhook *s, const char *url)
{
	CURLcode r = curl_easy_setopt(s->easy, CURLOPT_URL, url);

	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_USERAGENT, "grescope/" GRESCOPE_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_FOLLOWLOCATION, 0L);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, WHOLE_MS);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, swallow);
	r = r ? r : curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->said);
	return r;
}

int sink_webhook_new(const char *url, int64_t retry_ms, struct sink_webhook **ret, struct gs_error *err)
{
	struct sink_webhook *s = calloc(1, sizeof *s);

	if (!s)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0) {
		s->multi = curl_multi_init();
		s->easy = curl_easy_init();
		s->headers = curl_slist_append(NULL, "Content-Type: application/json");
	}
	s->first_pause_ms = retry_ms ? retry_ms : PAUSE_FIRST_MS;
	if (!s->multi || !s->easy || !s->headers || set_up(s, url) != CURLE_OK) {
		sink_webhook_free(s);
		return gs_fail(err, GS_ERR_NETWORK, "libcurl cannot be set up for the webhook");
	}
	*ret = s;
	return 0;
}

void sink_webhook_free(struct sink_webhook *s)
{
	if (!s)
		return;
	if (s->running)
		curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	if (s->multi)
		curl_multi_cleanup(s->multi);
	curl_slist_free_all(s->headers);
	sink_queue_done(&s->queue);
	free(s->sending);
	free(s);
}

void sink_webhook_add(struct sink_webhook *s, const char *json, size_t len)
{
	s->counts.dropped += sink_queue_add(&s->queue, json, len);
}

static void start(struct sink_webhook *s)
{
	size_t len;
	const char *json;

	if (!s->sending) { /* else it is tried again */
		json = sink_queue_first(&s->queue, &len);
		s->sending = strdup(json);
		if (!s->sending)
			return;
		sink_queue_pop(&s->queue);
	}
	s->said[0] = '\0';
	if (curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(s->sending)) == CURLE_OK && curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->sending) == CURLE_OK &&
	    curl_multi_add_handle(s->multi, s->easy) == CURLM_OK)
		s->running = true;
}

static void forget(struct sink_webhook *s)
{
	free(s->sending);
	s->sending = NULL;
	s->pause_ms = s->not_before_ms = 0;
	s->counts.retries = 0;
}

static void finished(struct sink_webhook *s, CURLcode code, int64_t now_ms)
{
	long answer = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &answer);
	curl_multi_remove_handle(s->multi, s->easy);
	s->running = false;
	if (code == CURLE_OK && answer >= 200 && answer < 300) {
		s->counts.sent++;
		forget(s);
		return;
	}
	if (code != CURLE_OK)
		snprintf(s->trouble, sizeof s->trouble, "%.200s", s->said[0] ? s->said : curl_easy_strerror(code));
	else
		snprintf(s->trouble, sizeof s->trouble, "the server answers %ld", answer);
	if (code == CURLE_OK && answer < 500 && answer != 408 && answer != 425 && answer != 429) {
		s->counts.failed++;
		forget(s);
		return;
	}
	s->pause_ms = !s->pause_ms ? s->first_pause_ms : s->pause_ms * 2 < PAUSE_MOST_MS ? s->pause_ms * 2 : PAUSE_MOST_MS;
	s->not_before_ms = now_ms + s->pause_ms;
	s->counts.retries++;
}

void sink_webhook_wait(struct sink_webhook *s, int fd, int wait_ms, int64_t now_ms)
{
	struct curl_waitfd extra = { .fd = fd, .events = CURL_WAIT_POLLIN };
	int still, left;

	if (!s->running && (s->queue.n || s->sending) && now_ms >= s->not_before_ms)
		start(s);
	curl_multi_perform(s->multi, &still);
	for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left)) != NULL;)
		if (m->msg == CURLMSG_DONE) {
			finished(s, m->data.result, now_ms);
			wait_ms = 0;
			break;
		}
	if (!s->running && s->sending && s->not_before_ms > now_ms && s->not_before_ms - now_ms < wait_ms)
		wait_ms = (int)(s->not_before_ms - now_ms);
	else if (!s->running && s->queue.n && !s->sending)
		wait_ms = 0;
	curl_multi_poll(s->multi, &extra, fd >= 0 ? 1 : 0, wait_ms, NULL);
}

bool sink_webhook_idle(const struct sink_webhook *s)
{
	return !s->running && !s->sending && !s->queue.n;
}

struct sink_counts sink_webhook_counts(const struct sink_webhook *s)
{
	struct sink_counts c = s->counts;
	c.queued = s->queue.n + (s->sending != NULL);
	return c;
}

const char *sink_webhook_trouble(struct sink_webhook *s)
{
	memcpy(s->lent, s->trouble, sizeof s->lent);
	s->trouble[0] = '\0';
	return s->lent;
}
