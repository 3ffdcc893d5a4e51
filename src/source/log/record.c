/* record.c - pairs into named places, times in pieces, the two directions of a record as two rows */
#include "source/log/record.h"

#include <stdio.h>

log_cell log_record(const struct log_line *line)
{
	const uintptr_t start = (uintptr_t)line->all.text, at = (uintptr_t)line->text.text;

	return line->repeated <= 1 && at >= start && at <= start + line->all.len ? line->all : line->text;
}

log_cell log_object(const struct log_line *line)
{
	const char *brace = log_find(line->text, "{");

	return brace ? log_from(line->text, brace) : (log_cell){ line->text.text, 0 };
}

bool log_json_tight(log_cell text, log_cell value)
{
	const char *p = value.text;

	if (value.len == 0 || p < text.text + 4)
		return false;
	p -= p[-1] == '"';
	p -= p[-1] == ' ';
	return p[-1] == ':' && p[-2] == '"';
}

bool log_holds(log_cell c, const char *const *needles)
{
	for (; c.len > 0; c = log_from(c, c.text + 1))
		for (const char *const *n = needles; *n; n++)
			if (log_starts(c, *n))
				return true;
	return false;
}

void log_wanted_put(const struct log_wanted *wanted, size_t n, log_cell key, log_cell value)
{
	for (size_t i = 0; i < n; i++)
		if (key.len == wanted[i].key.len && wanted[i].value->len == 0 && memcmp(key.text, wanted[i].key.text, key.len) == 0)
			*wanted[i].value = value;
}

void log_wanted_find(log_cell m, const struct log_wanted *wanted, size_t n)
{
	struct log_pairs pairs = { m };
	log_cell key, value;

	while (log_pair_next(&pairs, &key, &value))
		log_wanted_put(wanted, n, key, value);
}

static bool joined_read(log_cell date, log_cell time, log_cell zone, struct log_time *ret)
{
	char text[80];
	const int n = snprintf(text, sizeof text, "%.*s %.*s%s%.*s", (int)date.len, date.text, (int)time.len, time.text,
			       zone.len > 0 ? " " : "", (int)zone.len, zone.len > 0 ? zone.text : "");

	return n > 0 && (size_t)n < sizeof text && log_time_read((log_cell){ text, (size_t)n }, ret);
}

bool log_time_join(struct log_row *row, log_cell date, log_cell time, log_cell zone)
{
	static const log_cell none;
	struct log_time t;

	if (date.len == 0 || date.len > 20 || time.len == 0 || time.len > 20)
		return log_fail(row, "time", date);
	if ((zone.len == 0 || zone.len > 20 || !joined_read(date, time, zone, &t)) && !joined_read(date, time, none, &t))
		return log_fail(row, "time", date);
	t.text = date;
	row->time = t;
	return true;
}

void log_seconds_set(struct log_row *row, log_cell seconds, bool start)
{
	uint64_t s;

	if (log_number(seconds, UINT32_MAX, &s))
		row->duration_ns = (start ? 1 : -1) * (int64_t)s * GS_NS_PER_S;
}

static bool count_read(struct log_row *row, log_cell c, const char *what, uint64_t *ret)
{
	*ret = 0;
	return c.len == 0 || log_is(c, "-") || log_number(c, UINT64_MAX, ret) || log_fail(row, what, c);
}

enum log_word log_sides_end(const struct log_line *line, struct log_row *row, const struct log_sides *s)
{
	uint64_t packets[2], bytes[2];

	for (int i = 0; i < 2; i++)
		if (!count_read(row, s->packets[i], "number of packets", &packets[i]) ||
		    !count_read(row, s->bytes[i], "number of bytes", &bytes[i]))
			return LOG_BAD;
	const int side = line->back || (packets[0] == 0 && packets[1] > 0);
	row->both = side == 0 && packets[1] > 0;
	if (side == 1) {
		const struct gs_addr src = row->sighting.src;
		row->sighting.src = row->sighting.dst;
		row->sighting.dst = src;
	}
	if (packets[side] > 0) {
		log_set_flow(row);
		if (!log_set_packets(row, s->packets[side]))
			return LOG_BAD;
	}
	return bytes[side] == 0 || log_set_bytes(row, s->bytes[side]) ? LOG_GRE : LOG_BAD;
}
