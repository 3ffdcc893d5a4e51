/* fuzz_config.c - any octets as a configuration: taken or refused with a sentence; what is taken is shown, and what is shown is taken again and shows the same */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_found(void *arg, bool bad, const char *sentence)
{
	unsigned *n = arg;

	if (!bad || !*sentence || ++*n > CONFIG_TROUBLES_MAX + 1)
		abort();
}

static bool public_in_it(const char *text)
{
	return strstr(text, "secrets are not shown") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sensor_config *c = NULL, *again = NULL;
	struct gs_error err = { 0 };
	struct gs_buf one = { 0 }, two = { 0 };
	unsigned n = 0;
	int r = config_read_memory("fuzz", (const char *)data, len, true, on_found, &n, &c, &err);

	if (r != 0) {
		if (c || !*err.text || err.code != r || (r == GS_ERR_CONFIG && !n && len <= CONFIG_FILE_MAX))
			abort();
		return 0;
	}
	if (n)
		abort();
	config_show(c, CONFIG_SHOW_VALUES, &one);
	gs_buf_text(&one);
	if (config_read_memory("again", one.data, one.len, true, on_found, &n, &again, &err) != 0)
		abort();
	config_show(again, CONFIG_SHOW_VALUES, &two);
	if (!public_in_it(one.data) && (one.len != two.len || memcmp(one.data, two.data, one.len) != 0))
		abort();
	if (config_renew(again, c, NULL, NULL, &err) < 0)
		abort();
	gs_buf_done(&one);
	gs_buf_done(&two);
	config_free(c);
	config_free(again);
	return 0;
}
