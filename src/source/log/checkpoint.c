/*
 * checkpoint.c - Check Point Log Exporter: key:"value" of its syslog form, key=value| of its Splunk form
 *
 *   <134>1 2026-11-22T11:00:01Z HOST CheckPoint 1930 - [action:"Drop"; flags:"..."; ifdir:"inbound"; ... time:"1795345201"; ...
 *     src:"A"; dst:"B"; proto:"47"; ...]
 *   time=1795345201|hostname=HOST|product=Firewall|action=Drop|...|src=A|dst=B|proto=47|...
 *
 * Its CEF and LEEF forms are read by cef.c.
 *
 * Evidence: addresses, time (`time`, seconds since 1970, else the header's). One packet a line: connections that are accounted tell
 * packets of both directions in one number, and nobody says which. `src` may be a name where the exporter resolves: such a line says no
 * source. No length, TTL or DF.
 *
 * Source: Check Point sk122323, Log Exporter (formats syslog, splunk), Log Fields. Public GRE lines: none found.
 */
#include "source/log/record.h"

struct fields {
	log_cell src, dst, protocol, time;
};

static void put(struct fields *f, log_cell key, log_cell value)
{
	const struct log_wanted wanted[] = {
		{ LOG_CELL("src"), &f->src },
		{ LOG_CELL("dst"), &f->dst },
		{ LOG_CELL("proto"), &f->protocol },
		{ LOG_CELL("time"), &f->time },
	};

	log_wanted_put(wanted, sizeof wanted / sizeof *wanted, key, value);
}

/* `key:"value"; key:"value"]`; \" does not end a value */
static void syslog_form(log_cell m, struct fields *f)
{
	while (m.len > 0) {
		log_cell key = log_until(&m, ':');
		const char *p, *end = m.text + m.len;
		if (m.len == 0 || m.text[0] != '"')
			return;
		for (p = m.text + 1; p < end && *p != '"'; p++)
			if (*p == '\\' && p + 1 < end)
				p++;
		if (p >= end)
			return; /* not closed: cut */
		put(f, log_trim(key), (log_cell){ m.text + 1, (size_t)(p - m.text - 1) });
		m = log_from(m, p + 1);
		if (m.len == 0 || m.text[0] != ';')
			return;
		m = log_from(m, m.text + 1);
	}
}

static void splunk_form(log_cell m, struct fields *f)
{
	while (m.len > 0) {
		log_cell pair = log_until(&m, '|');
		const log_cell key = log_until(&pair, '=');
		put(f, log_trim(key), pair);
	}
}

static enum log_word checkpoint_read(const struct log_line *line, void *state, struct log_row *row)
{
	static const char open[] = "[action:\"", piped[] = "|product=";
	struct fields f = { 0 };

	(void)state;
	const log_cell all = log_record(line);
	const char *at = log_find(all, open);
	if (!at)
		at = log_find(all, "[flags:\"");
	if (at) {
		syslog_form(log_from(all, at + 1), &f);
	} else if (log_find(all, piped)) {
		at = log_find(all, "time=");
		splunk_form(at ? log_from(all, at) : line->text, &f);
	} else {
		return LOG_NO;
	}
	if (log_protocol(f.protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (!log_set_src(row, f.src) || !log_set_dst(row, f.dst))
		return LOG_BAD;
	return f.time.len == 0 || log_set_time(row, f.time) ? LOG_GRE : LOG_BAD;
}

static const char *const needles[] = { "proto:\"47\"", "proto:\"gre\"", "|proto=47", "|proto=gre", NULL };

const struct log_format log_checkpoint = {
	.name = "checkpoint",
	.what = "Check Point Log Exporter, syslog and Splunk forms",
	.needles = needles,
	.read = checkpoint_read,
	.no_public_sample = true,
};
