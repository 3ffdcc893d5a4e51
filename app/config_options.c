/* config_options.c - the configuration that a command line names and changes */
#include "app.h"
#include "config.h"

int config_of_options(const struct options *o, void (*found)(void *arg, bool bad, const char *sentence), void *arg, struct sensor_config **ret, struct gs_error *err)
{
	struct sensor_config *c;
	int r = config_read(o->config, found, arg, &c, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < o->n_settings; i++)
		r = config_override(c, o->settings[i].option, o->settings[i].value, err);
	if (r == 0)
		r = config_settle(c, err);
	if (r < 0)
		config_free(c);
	else
		*ret = c;
	return r;
}
