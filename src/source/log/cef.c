/*
 * cef.c - CEF and LEEF, of any vendor
 *
 *   CEF:0|Vendor|Product|Version|Class|Name|Severity|rt=1795345201000 src=A dst=B proto=47 act=Drop ...
 *   LEEF:1.0|Vendor|Product|Version|Event|devTime=Nov 22 2026 12:00:01<TAB>src=A<TAB>dst=B<TAB>proto=47 ...
 *   LEEF:2.0|Vendor|Product|Version|Event|^|src=A^dst=B^...     the separator as itself or as x5E, 0x5E; without that field: tab
 *
 * CEF values may have blanks in them and end where the next key= begins; = is written \= in them. IPv6 addresses may stand in c6a2
 * (source) and c6a3 (destination).
 *
 * Evidence: addresses; time: rt, devTime, start or end, else the header's. One packet a line: cnt counts events, in and out octets of
 * whatever layer the vendor took.
 *
 * Source: ArcSight Common Event Format, Implementing CEF, version 25; IBM Log Event Extended Format (LEEF), version 2. Public GRE lines:
 * none found.
 */
#include "source/log/record.h"

struct fields {
	log_cell src, dst, src6, dst6, protocol, received, dev_time, start, end;
};

static void put(struct fields *f, log_cell key, log_cell value)
{
	const struct log_wanted wanted[] = {
		{ LOG_CELL("src"), &f->src },          { LOG_CELL("dst"), &f->dst },        { LOG_CELL("c6a2"), &f->src6 },
		{ LOG_CELL("c6a3"), &f->dst6 },        { LOG_CELL("proto"), &f->protocol }, { LOG_CELL("rt"), &f->received },
		{ LOG_CELL("devTime"), &f->dev_time }, { LOG_CELL("start"), &f->start },    { LOG_CELL("end"), &f->end },
	};

	log_wanted_put(wanted, sizeof wanted / sizeof *wanted, key, log_trim(value));
}

/* The = that ends a key: not escaped. */
static const char *equals_find(log_cell word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.text[i] == '=')
			return word.text + i;
		else if (word.text[i] == '\\')
			i++;
	return NULL;
}

static void cef_pairs(log_cell m, struct fields *f)
{
	log_cell key = { NULL, 0 }, value = { NULL, 0 };

	for (log_cell word = log_token(&m); word.len > 0; word = log_token(&m)) {
		const char *eq = equals_find(word);
		if (!eq) { /* one more word of the value before */
			if (key.len == 0)
				continue;
			value.len = (size_t)(word.text + word.len - value.text);
			continue;
		}
		if (key.len > 0)
			put(f, key, value);
		key = (log_cell){ word.text, (size_t)(eq - word.text) };
		value = log_from(word, eq + 1);
	}
	if (key.len > 0)
		put(f, key, value);
}

static void leef_pairs(log_cell m, char separator, struct fields *f)
{
	while (m.len > 0) {
		log_cell pair = log_until(&m, separator);
		const log_cell key = log_until(&pair, '=');
		put(f, log_trim(key), pair);
	}
}

static int hex_digit(char c)
{
	const char low = (char)(c | 32);

	return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* The separator of LEEF 2.0 from the field that may say it; 0: it is no such field. */
static char leef_separator(log_cell c)
{
	if (c.len == 1)
		return c.text[0];
	log_take(&c, "0");
	if (c.len != 3 || (c.text[0] | 32) != 'x' || hex_digit(c.text[1]) < 0 || hex_digit(c.text[2]) < 0)
		return 0;
	return (char)(hex_digit(c.text[1]) << 4 | hex_digit(c.text[2]));
}

/* The header's next field, up to a | that is not escaped. */
static void field_skip(log_cell *m)
{
	for (size_t i = 0; i < m->len; i++) {
		if (m->text[i] == '|') {
			*m = log_from(*m, m->text + i + 1);
			return;
		}
		i += m->text[i] == '\\';
	}
	*m = log_from(*m, m->text + m->len);
}

static bool collect(log_cell all, struct fields *f)
{
	static const char *const marks[] = { "CEF:0|", "CEF:1|", "LEEF:1.0|", "LEEF:2.0|" };
	const char *at = NULL;
	size_t i = 0;

	while (i < sizeof marks / sizeof *marks && !(at = log_find(all, marks[i])))
		i++;
	if (!at)
		return false;
	const bool leef = i >= 2, second = i == 3;
	log_cell m = log_from(all, at);
	for (int field = 0; field < (leef ? 5 : 7); field++)
		field_skip(&m);
	if (!leef) {
		cef_pairs(m, f);
		return true;
	}
	log_cell rest = m;
	const char separator = second ? leef_separator(log_until(&rest, '|')) : 0;
	leef_pairs(separator ? rest : m, separator ? separator : '\t', f);
	return true;
}

static enum log_word cef_read(const struct log_line *line, void *state, struct log_row *row)
{
	struct fields f = { 0 };

	(void)state;
	const log_cell all = log_record(line);
	if (!collect(all, &f))
		return LOG_NO;
	if (log_protocol(f.protocol) != LOG_PROTO_GRE)
		return LOG_OTHER;
	if (!log_set_src(row, f.src.len > 0 ? f.src : f.src6) || !log_set_dst(row, f.dst.len > 0 ? f.dst : f.dst6))
		return LOG_BAD;
	const log_cell times[] = { f.received, f.dev_time, f.start, f.end };
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (times[i].len > 0)
			return log_set_time(row, times[i]) ? LOG_GRE : LOG_BAD;
	return LOG_GRE;
}

static const char *const needles[] = { "proto=47", "proto=gre", NULL };

const struct log_format log_cef = {
	.name = "cef",
	.what = "CEF and LEEF of any vendor",
	.needles = needles,
	.read = cef_read,
	.no_public_sample = true,
};
