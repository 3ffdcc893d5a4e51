#include "sensor/sensor.h"

#include <stdio.h>
#include <time.h>

bool engine_is_logs(const struct sensor *s, unsigned number)
{
	return s->logs && number + 1 == s->n_engines;
}

const char *engine_interface(const struct sensor *s, unsigned number)
{
	const unsigned workers = s->config->workers ? (unsigned)s->config->workers : 1;

	if (engine_is_logs(s, number))
		return "logs";
	return s->config->interfaces.item[number / workers];
}

void child_notice(int control, enum sensor_role role, unsigned number, enum notice_level level, unsigned code, const char *key, const char *format, ...)
{
	struct message_notice n = { .level = (uint8_t)level, .role = (uint8_t)role, .number = (uint16_t)number, .code = code };
	va_list ap;

	snprintf(n.key, sizeof n.key, "%s", key);
	va_start(ap, format);
	vsnprintf(n.text, sizeof n.text, format, ap);
	va_end(ap);
	for (char *p = n.text; *p; p++) /* paths may hold anything */
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	(void)message_send(control, MESSAGE_NOTICE_, 0, &n, sizeof n, -1);
}

int64_t clock_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * GS_NS_PER_S + t.tv_nsec;
}

int64_t clock_steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
