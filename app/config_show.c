/* config_show.c - a configuration as a file with comments: what `config show` prints and what is installed as an example */
#include "config_keys.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const section_texts[][2] = {
	{ "sensor", "What this sensor is called, and as whom it runs." },
	{ "capture", "Where packets come from. Protocol 47 is selected by itself, in every form that is decoded." },
	{ "sightings", "What is made of them." },
	{ "store", "Where it is kept, and how long. Reports still count what went, by the hour." },
	{ "evidence", "The packets themselves." },
	{ "data", "Networks and places." },
	{ "alerts", "What is told at once, and to whom. Each alert has a beginning, an end and a quiet time." },
	{ "metrics", "Figures for Prometheus." },
	{ "logs", "GRE that others have seen: firewall logs." },
};

/* What a key without a default could look like. */
static const char *sample(const struct config_key *k)
{
	static const char *const texts[] = {
		[KIND_SENSOR] = "north",
		[KIND_IFACE] = "eth0",
		[KIND_FILTER] = "not host 192.0.2.1",
		[KIND_LISTEN] = "127.0.0.1:9747",
		[KIND_URL] = "https://example.net/hook",
		[KIND_BAD] = "AS64496, 203.0.113.0/24",
		[KIND_COMMAND] = "/usr/local/bin/tell --to me",
	};
	static const char *const files[][2] = {
		{ "path", "/var/lib/grescope/store.db" },
		{ "folder", "/var/lib/grescope/evidence" },
		{ "networks", "/var/lib/grescope/asn-ipv4.csv" },
		{ "places", "/var/lib/grescope/dbip-city-lite.mmdb" },
		{ "webhook_url_file", "/etc/grescope/webhook" },
		{ "follow", "/var/log/kern.log" },
	};

	if (*k->fallback)
		return k->fallback;
	if (strcmp(k->key, "syslog_listen") == 0)
		return "127.0.0.1:5514";
	if (k->kind == KIND_FILE || k->kind == KIND_URL_FILE)
		for (size_t i = 0; i < sizeof files / sizeof *files; i++)
			if (strcmp(files[i][0], k->key) == 0)
				return files[i][1];
	return k->kind < sizeof texts / sizeof *texts && texts[k->kind] ? texts[k->kind] : "";
}

static void show_help(const struct config_key *k, struct gs_buf *out)
{
	char expected[200];

	config_expects(k, expected);
	gs_buf_printf(out, "\n# %s\n# %s", k->help, expected);
	if (*k->fallback)
		gs_buf_printf(out, "; default %s", k->fallback);
	if (k->flags & CONFIG_LIST)
		gs_buf_puts(out, k->flags & CONFIG_SPLIT ? "; may be given again, or several in one line" : "; may be given again");
	if (!(k->flags & CONFIG_LIVE))
		gs_buf_puts(out, "; takes a restart");
	gs_buf_putc(out, '\n');
}

static void show_bad(const struct sensor_config *c, const struct config_key *k, struct gs_buf *out)
{
	char text[GS_PREFIX_TEXT_MAX];

	for (unsigned i = 0; i < c->n_known_bad; i++) {
		const struct config_bad *b = &c->known_bad[i];
		if (b->by_asn)
			snprintf(text, sizeof text, "AS%" PRIu32, b->asn);
		else
			gs_prefix_format(&b->prefix, text);
		gs_buf_printf(out, "%s = %s\n", k->key, text);
	}
}

static void show_key(const struct sensor_config *c, const struct config_key *k, enum config_view view, struct gs_buf *out)
{
	const struct config_value *v = config_value_of(c, k);

	show_help(k, out);
	if (v->n && k->flags & CONFIG_SECRET)
		gs_buf_printf(out, "# is set; secrets are not shown\n");
	else if (v->n && k->kind == KIND_BAD)
		show_bad(c, k, out);
	else if (v->n)
		for (unsigned i = 0; i < v->n && i < CONFIG_LIST_MAX; i++)
			gs_buf_printf(out, "%s = %s\n", k->key, v->text[i]);
	else if (view == CONFIG_SHOW_EXAMPLE && k->example)
		gs_buf_printf(out, "%s = %s\n", k->key, k->example);
	else
		gs_buf_printf(out, "#%s = %s\n", k->key, sample(k));
}

static const char *section_text(const char *section)
{
	for (size_t i = 0; i < sizeof section_texts / sizeof *section_texts; i++)
		if (strcmp(section_texts[i][0], section) == 0)
			return section_texts[i][1];
	return "";
}

static void show_formats(const struct sensor_config *c, struct gs_buf *out)
{
	gs_buf_puts(out, "\n# Lines of logs that grescope does not know by itself; as many such sections as there are formats.\n");
	if (!c->n_log_formats)
		gs_buf_puts(out, "#[log-format NAME]\n#pattern =\n#time =\n");
	for (unsigned i = 0; i < c->n_log_formats; i++) {
		const struct config_log_format *f = &c->log_formats[i];
		gs_buf_printf(out, "[%s %s]\npattern = %s\n", CONFIG_NAMED, f->name, f->pattern);
		if (*f->time)
			gs_buf_printf(out, "time = %s\n", f->time);
	}
}

void config_show(const struct sensor_config *c, enum config_view view, struct gs_buf *out)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	gs_buf_puts(out, "# Configuration of the grescope sensor: grescope.conf(5). `grescope config check` says whether it is sound.\n"
	                 "# Keys at their default are commented out. SIGHUP (systemctl reload grescope) makes a running sensor read it again.\n");
	for (unsigned i = 0; i < n && strcmp(keys[i].section, CONFIG_NAMED) != 0; i++) {
		if (i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0)
			gs_buf_printf(out, "\n[%s]\n# %s\n", keys[i].section, section_text(keys[i].section));
		show_key(c, &keys[i], view, out);
	}
	show_formats(c, out);
}
