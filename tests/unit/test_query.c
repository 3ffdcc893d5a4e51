/*
 * test_query.c - every report against a plain re-computation, exactness at the cap on memory, filters, sorting, limits, redaction
 *
 * The enricher here is a double: it defines all of enrich.h, so that the linker takes nothing from the real one, and what it says of an address
 * follows from the address. So the questions are tested without data files, and with names that no data file has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/bots.h"
#include "query/cube.h"
#include "query/distinct.h"
#include "query/query.h"
#include "seen.h"

/* -- the double ---------------------------------------------------------------------------------------------------------------------- */

struct gs_enrich {
	unsigned lookups;
};

static const char *const strings[] = { "", "One Net", "Two, Net", "Three \"Net\"", "Taipei", "Tainan", "North", "South" };

int gs_enrich_open(const struct gs_enrich_options *o, struct gs_enrich **ret, struct gs_error *err)
{
	(void)o;
	(void)ret;
	return gs_fail(err, GS_ERR_NOENT, "a double");
}

void gs_enrich_close(struct gs_enrich *e)
{
	(void)e;
}

/* 198.51.100.0/24: AS 100+x%3 in two countries (the network spans both), cities by the last octet; 203.0.113.0/24: country only; others nothing. */
void gs_enrich_lookup(struct gs_enrich *e, const struct gs_addr *a, struct gs_origin *ret)
{
	const unsigned last = a->b[a->family == 4 ? 3 : 15];

	e->lookups++;
	*ret = (struct gs_origin){ 0 };
	if (a->family == 4 && a->b[0] == 198) {
		ret->asn = 100 + last % 3;
		ret->as_name = 1 + last % 3;
		memcpy(ret->country, last % 5 ? "TW" : "JP", 2);
		ret->region = last % 2 ? 6 : 7;
		ret->city = last % 7 ? 4 + last % 2 : 0;
	} else if (a->family == 6 || a->b[0] == 203) {
		memcpy(ret->country, "NL", 2);
	}
}

const char *gs_enrich_string(const struct gs_enrich *e, uint32_t id)
{
	(void)e;
	return id < sizeof strings / sizeof *strings ? strings[id] : "";
}

unsigned gs_enrich_databases(const struct gs_enrich *e, struct gs_database ret[GS_MAX_DATABASES])
{
	(void)e;
	(void)ret;
	return 0;
}

unsigned gs_enrich_opinions(struct gs_enrich *e, const struct gs_addr *a, struct gs_opinion ret[GS_MAX_DATABASES])
{
	(void)e;
	(void)a;
	(void)ret;
	return 0;
}

const char *gs_enrich_missing(const struct gs_enrich *e)
{
	(void)e;
	return NULL;
}

uint64_t gs_enrich_asn_space(const struct gs_enrich *e, uint32_t asn)
{
	(void)e;
	return asn;
}

uint64_t gs_enrich_total_space(const struct gs_enrich *e)
{
	(void)e;
	return 0;
}

/* -- looking at answers ---------------------------------------------------------------------------------------------------------------- */

static uint64_t number_at(const struct seen *t, size_t row, const char *column)
{
	return strtoull(seen_at(t, row, column), NULL, 10);
}

static uint64_t sum_of(const struct seen *t, const char *column)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < t->n_rows; i++)
		sum += number_at(t, i, column);
	return sum;
}

static bool has_note(const struct gs_meta *m, const char *part)
{
	for (unsigned i = 0; i < m->n_notes; i++)
		if (strstr(m->notes[i], part))
			return true;
	return false;
}

/* -- asking -------------------------------------------------------------------------------------------------------------------------- */

static struct gs_enrich enricher;

static struct gs_question report_by(enum gs_by by)
{
	return (struct gs_question){ .kind = GS_REPORT, .by = by, .filter = GS_FILTER_ALL, .memory_bytes = 64u << 20, .hash_seed = 42 };
}

static struct gs_question export_all(void)
{
	return (struct gs_question){ .kind = GS_EXPORT, .filter = GS_FILTER_ALL, .memory_bytes = 64u << 20, .hash_seed = 42 };
}

/* The whole question over n sightings in uneven pieces; the sink's result where it stopped. The metadata's strings die here: only notes asked for
 * by `note` are looked at. */
static int ask_noting(const struct gs_question *question, const struct gs_sighting *s, size_t n, struct seen *t, const char *note, bool *ret_noted)
{
	const struct gs_table_writer w = seen_writer(t);
	struct gs_meta meta = { .question = "a question", .filters = { "--src 203.0.113.0/24", "--dst 192.0.2.1" }, .n_filters = 2 };
	struct gs_error err = { 0 };
	struct gs_query *q;
	uint64_t rows = 0;
	int r = 0;

	assert_int_equal(gs_query_new(question, &enricher, &w, &q, &err), 0);
	struct gs_sighting_sink sink = gs_query_sink(q);
	for (size_t i = 0, step = 1; i < n && r == 0; i += step, step = step % 200 + 37) {
		step = n - i < step ? n - i : step;
		r = sink.take(sink.arg, s + i, step, &err);
	}
	assert_true(r == 0 || (r == GS_ERR_LIMIT && err.text[0] == '\0'));
	assert_int_equal(gs_query_answer(q, &meta, &rows, &err), 0);
	assert_int_equal(t->begins, 1);
	assert_int_equal(t->ends, 1);
	assert_int_equal(rows, t->n_rows);
	assert_string_equal(meta.filters[0], "--src 203.0.113.0/24");
	assert_string_equal(meta.filters[1], question->redact_dst ? "--dst REDACTED" : "--dst 192.0.2.1");
	if (note)
		*ret_noted = has_note(&t->meta, note);
	gs_query_free(q);
	return r;
}

static int ask(const struct gs_question *question, const struct gs_sighting *s, size_t n, struct seen *t)
{
	return ask_noting(question, s, n, t, NULL, NULL);
}

/* -- sightings ----------------------------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % n;
}

static struct gs_addr addr(const char *text)
{
	struct gs_addr a;
	assert_true(gs_addr_parse(text, strlen(text), &a));
	return a;
}

static struct gs_time time_of(const char *text)
{
	struct gs_time t;
	assert_true(gs_time_parse(text, strlen(text), &t));
	return t;
}

static struct gs_sighting sighting(const char *src, const char *time)
{
	return (struct gs_sighting){ .src = addr(src), .first = time_of(time), .last = time_of(time), .packets = 1, .sources = 1,
				     .version = GS_SIGHTING_VERSION, .protocol = 47, .fidelity = GS_FIDELITY_LOG };
}

static struct gs_sighting random_sighting(void)
{
	static const uint8_t classes[] = { GS_CLASS_UNKNOWN, GS_CLASS_TUNNEL_PPTP, GS_CLASS_REMNANT, GS_CLASS_BACKSCATTER };
	static const uint8_t starts[][3] = { { 198, 51, 100 }, { 203, 0, 113 }, { 192, 0, 2 } };
	struct gs_sighting s = { .sources = 1, .version = GS_SIGHTING_VERSION, .protocol = 47 };
	const uint32_t kind = random_below(4);

	if (kind == 3) {
		s.src = addr("2001:db8::");
		s.src.b[7] = (uint8_t)random_below(3);
		s.src.b[15] = (uint8_t)random_below(20);
	} else {
		s.src.family = 4;
		memcpy(s.src.b, starts[kind], 3);
		s.src.b[3] = (uint8_t)random_below(60);
	}
	s.dst = addr("192.0.2.1");
	s.dst.b[3] = (uint8_t)random_below(4);
	if (random_below(20) == 0)
		s.dst = (struct gs_addr){ 0 };
	s.first.ns = time_of("2017-07-01").ns + (int64_t)random_below(40 * 86400) * GS_NS_PER_S;
	s.last.ns = s.first.ns + (int64_t)random_below(60) * GS_NS_PER_S;
	s.packets = 1 + random_below(9);
	s.class_ = classes[random_below(4)];
	s.via = s.class_ == GS_CLASS_BACKSCATTER ? GS_VIA_ICMP : GS_VIA_IP;
	if (random_below(4)) {
		s.has = GS_HAS_IP_LEN | GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_TTL;
		s.ip_len = 52;
		s.bytes = 52 * s.packets;
		s.gre_proto = random_below(2) ? 0x0800 : 0x880b;
		s.gre_flags = s.gre_proto == 0x880b ? 0x3001 : 0;
		if (s.gre_flags) {
			s.has |= GS_HAS_KEY;
			s.gre_key = random_below(1000) << 16 | random_below(3); /* length, call id */
		} else if (random_below(2)) {
			s.bot_kind = random_below(2) ? GS_BOT_SEED : GS_BOT_POSITION;
			s.byte_order = (uint8_t)(1 + random_below(2));
			s.bot_hi = random_below(3);
			s.bot_lo = s.bot_kind == GS_BOT_SEED ? random_below(4) : (uint64_t)random_below(4) << 50 | s.byte_order;
			s.byte_order = s.bot_kind == GS_BOT_SEED ? 1 : s.byte_order; /* of a seed there is one */
		}
	}
	return s;
}

static struct gs_sighting *random_sightings(size_t n, uint64_t seed)
{
	struct gs_sighting *s = calloc(n ? n : 1, sizeof *s);
	assert_non_null(s);
	random_state = seed;
	for (size_t i = 0; i < n; i++)
		s[i] = random_sighting();
	return s;
}

/* -- the plain re-computation -------------------------------------------------------------------------------------------------------- */

struct plain {
	char key[256];
	uint64_t packets, bytes, class_packets[GS_CLASS_COUNT], class_bytes[GS_CLASS_COUNT];
	uint64_t geo_packets[3][2]; /* JP, TW, other: packets, bytes */
	int64_t first, last;
	char (*sources)[GS_ADDR_TEXT_MAX];
	size_t n_sources;
};

static void origin_text(const struct gs_addr *a, bool hidden, char geo[3], char asn[12], const char **name, const char **region, const char **city)
{
	struct gs_origin o = { 0 };

	if (!hidden)
		gs_enrich_lookup(&enricher, a, &o);
	snprintf(geo, 3, "%.2s", o.country);
	asn[0] = '\0';
	if (o.asn)
		snprintf(asn, 12, "%u", o.asn);
	*name = strings[o.as_name];
	*region = strings[o.region];
	*city = strings[o.city];
}

static void plain_key(enum gs_by by, bool redact, const struct gs_sighting *s, char key[256])
{
	char geo[3], asn[12], src[GS_ADDR_TEXT_MAX], dst[GS_ADDR_TEXT_MAX], text[GS_TIME_TEXT_MAX], version[4] = "", proto[8] = "", gre_key[12] = "";
	char prefix[GS_PREFIX_TEXT_MAX];
	const char *name, *region, *city;
	const bool hidden = redact && s->src.family && (s->via == GS_VIA_ICMP || gs_addr_equal(&s->src, &s->dst));
	int64_t year;
	unsigned week;

	origin_text(&s->src, hidden, geo, asn, &name, &region, &city);
	gs_addr_format(&s->src, src);
	gs_addr_format(&s->dst, dst);
	struct gs_prefix p = gs_prefix_of(&s->src, s->src.family == 4 ? 24 : 48);
	gs_prefix_format(&p, prefix);
	if (hidden) {
		strcpy(src, "REDACTED");
		strcpy(prefix, "REDACTED");
	}
	if (redact && s->dst.family)
		strcpy(dst, "REDACTED");
	gs_time_format(s->first, 0, text);
	gs_time_iso_week(s->first, &year, &week);
	if (s->has & GS_HAS_FLAGS)
		snprintf(version, sizeof version, "%u", s->gre_flags & 7u);
	if (s->has & GS_HAS_PROTO)
		snprintf(proto, sizeof proto, "0x%04x", s->gre_proto);
	if (s->has & GS_HAS_KEY)
		snprintf(gre_key, sizeof gre_key, "0x%08x", s->gre_key & 0xffff);
	switch (by) {
	case GS_BY_CITY:
		snprintf(key, 256, "%s|%s|%s|", geo, region, city);
		break;
	case GS_BY_NETWORK: /* the country is checked apart */
		snprintf(key, 256, "%s|%s|", asn, name);
		break;
	case GS_BY_COUNTRY:
		snprintf(key, 256, "%s|", geo);
		break;
	case GS_BY_SOURCE:
		snprintf(key, 256, "%s|%s|%s|%s|%s|", src, asn, name, geo, city);
		break;
	case GS_BY_CLASS:
		snprintf(key, 256, "%s|", gs_class_word(s->class_));
		break;
	case GS_BY_DAY:
		snprintf(key, 256, "%.10s|", text);
		break;
	case GS_BY_WEEK:
		snprintf(key, 256, "%d-W%02u|", (int)year, week);
		break;
	case GS_BY_HOUR:
		snprintf(key, 256, "%.13s:00:00Z|", text);
		break;
	case GS_BY_PREFIX24: /* network and country are checked apart */
		snprintf(key, 256, "%s|", prefix);
		break;
	case GS_BY_TARGET:
		snprintf(key, 256, "%s|", dst);
		break;
	case GS_BY_TUNNEL:
		snprintf(key, 256, "%s|%s|%s|%s|%s|", src, dst, version, proto, gre_key);
		break;
	case GS_BY_BOT:
		gs_bot_format(s, key);
		strcat(key, "|");
		break;
	default:
		key[0] = '\0';
	}
}

static void plain_add(struct plain *p, const struct gs_sighting *s)
{
	char src[GS_ADDR_TEXT_MAX];
	struct gs_origin o;
	size_t i;

	p->packets += s->packets;
	p->bytes += s->bytes;
	p->class_packets[s->class_] += s->packets;
	p->class_bytes[s->class_] += s->bytes;
	gs_enrich_lookup(&enricher, &s->src, &o);
	const int geo = o.country[0] == 'J' ? 0 : o.country[0] == 'T' ? 1 : 2;
	p->geo_packets[geo][0] += s->packets;
	p->geo_packets[geo][1] += s->bytes;
	p->first = s->first.ns < p->first ? s->first.ns : p->first;
	p->last = s->last.ns > p->last ? s->last.ns : p->last;
	gs_addr_format(&s->src, src);
	for (i = 0; i < p->n_sources && strcmp(p->sources[i], src) != 0; i++)
		;
	if (i == p->n_sources) {
		p->sources = realloc(p->sources, ++p->n_sources * sizeof *p->sources);
		assert_non_null(p->sources);
		strcpy(p->sources[i], src);
	}
}

static size_t plain_report(enum gs_by by, bool redact, const struct gs_sighting *s, size_t n, struct plain *rows, size_t max)
{
	size_t n_rows = 0, r;

	for (size_t i = 0; i < n; i++) {
		char key[256];
		plain_key(by, redact, &s[i], key);
		for (r = 0; r < n_rows && strcmp(rows[r].key, key) != 0; r++)
			;
		if (r == n_rows) {
			assert_true(n_rows < max);
			rows[n_rows++] = (struct plain){ .first = INT64_MAX, .last = INT64_MIN };
			strcpy(rows[r].key, key);
		}
		plain_add(&rows[r], &s[i]);
	}
	return n_rows;
}

static const char *plain_top_class(const struct plain *p)
{
	int best = -1;
	for (int c = 0; c < GS_CLASS_COUNT; c++) {
		if (p->class_packets[c] == 0)
			continue;
		if (best < 0 || p->class_packets[c] > p->class_packets[best] ||
		    (p->class_packets[c] == p->class_packets[best] &&
		     (p->class_bytes[c] > p->class_bytes[best] ||
		      (p->class_bytes[c] == p->class_bytes[best] && strcmp(gs_class_word((unsigned)c), gs_class_word((unsigned)best)) < 0))))
			best = c;
	}
	return gs_class_word((unsigned)best);
}

static void row_key(const struct seen *t, enum gs_by by, size_t row, char key[256])
{
	const unsigned n = by == GS_BY_NETWORK ? 2 : by == GS_BY_PREFIX24 ? 1 : t->n_columns - 7;
	size_t len = 0;

	key[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(key + len, 256 - len, "%s|", t->cells[row * t->n_columns + i]);
}

static void compare_row(const struct seen *t, size_t row, const struct plain *p, uint64_t all)
{
	char text[GS_TIME_TEXT_MAX], share[32];

	assert_int_equal(number_at(t, row, "packets"), p->packets);
	assert_int_equal(number_at(t, row, "bytes"), p->bytes);
	if (p->bytes == 0)
		assert_string_equal(seen_at(t, row, "bytes"), "");
	assert_int_equal(number_at(t, row, "sources"), p->n_sources);
	snprintf(share, sizeof share, "%.15g", (double)p->packets / (double)all);
	assert_string_equal(seen_at(t, row, "share"), share);
	gs_time_format((struct gs_time){ p->first }, 6, text);
	assert_string_equal(seen_at(t, row, "first_seen"), text);
	gs_time_format((struct gs_time){ p->last }, 6, text);
	assert_string_equal(seen_at(t, row, "last_seen"), text);
	assert_string_equal(seen_at(t, row, "top_class"), plain_top_class(p));
}

static void compare_order(const struct seen *t)
{
	for (size_t i = 1; i < t->n_rows; i++) {
		assert_true(number_at(t, i - 1, "packets") >= number_at(t, i, "packets"));
		if (number_at(t, i - 1, "packets") == number_at(t, i, "packets"))
			assert_true(number_at(t, i - 1, "bytes") >= number_at(t, i, "bytes"));
	}
}

static void compare_report(enum gs_by by, bool redact, const struct gs_sighting *s, size_t n)
{
	static struct plain rows[4096];
	struct gs_question q = report_by(by);
	struct plain all = { .first = INT64_MAX, .last = INT64_MIN };
	struct seen t = { 0 };

	q.redact_dst = redact;
	ask(&q, s, n, &t);
	size_t n_rows = plain_report(by, redact, s, n, rows, 4096);
	for (size_t i = 0; i < n; i++)
		plain_add(&all, &s[i]);
	assert_int_equal(t.n_rows, n_rows);
	assert_int_equal(t.meta.rows_total, n_rows);
	assert_int_equal(t.meta.packets, all.packets);
	assert_int_equal(t.meta.bytes, all.bytes);
	assert_int_equal(t.meta.sources, all.n_sources);
	assert_int_equal(t.meta.sightings, n);
	assert_false(t.meta.sources_estimated);
	if (n) {
		assert_int_equal(t.meta.first_seen.ns, all.first);
		assert_int_equal(t.meta.last_seen.ns, all.last);
	}
	assert_int_equal(sum_of(&t, "packets"), all.packets);
	assert_int_equal(sum_of(&t, "bytes"), all.bytes);
	compare_order(&t);
	for (size_t i = 0; i < t.n_rows; i++) {
		char key[256];
		size_t r;
		row_key(&t, by, i, key);
		for (r = 0; r < n_rows && strcmp(rows[r].key, key) != 0; r++)
			;
		if (r == n_rows)
			fail_msg("by %s: no row %s is expected", gs_by_word(by), key);
		compare_row(&t, i, &rows[r], all.packets);
		if (by == GS_BY_NETWORK && !redact && key[0] != '|') {
			const uint64_t *jp = rows[r].geo_packets[0], *tw = rows[r].geo_packets[1];
			const bool is_tw = tw[0] > jp[0] || (tw[0] == jp[0] && tw[1] > jp[1]);
			assert_string_equal(seen_at(&t, i, "src_geo"), is_tw ? "TW" : "JP");
		}
		if (by == GS_BY_NETWORK && *seen_at(&t, i, "src_asn") == '\0')
			assert_string_equal(seen_at(&t, i, "src_geo"), ""); /* the unknown network is nowhere */
		rows[r].key[0] = '!'; /* no key twice */
	}
	for (size_t r = 0; r < n_rows; r++)
		free(rows[r].sources);
	free(all.sources);
	seen_done(&t);
}

static void every_report_is_what_a_plain_count_says(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 700 };
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct gs_sighting *s = random_sightings(sizes[k], 7 + k);
		for (unsigned by = 0; by < GS_BY_COUNT; by++) {
			compare_report(by, false, s, sizes[k]);
			compare_report(by, true, s, sizes[k]);
		}
		free(s);
	}
}

static void columns_are_as_promised(void **state)
{
	(void)state;
	static const char tail[] = "sources,packets,bytes,share,first_seen,last_seen,top_class";
	static const char *const keys[GS_BY_COUNT] = {
		[GS_BY_CITY] = "src_geo,src_region,src_city,",
		[GS_BY_NETWORK] = "src_asn,src_as_name,src_geo,",
		[GS_BY_COUNTRY] = "src_geo,",
		[GS_BY_SOURCE] = "src_ip,src_asn,src_as_name,src_geo,src_city,",
		[GS_BY_CLASS] = "class,",
		[GS_BY_DAY] = "day,",
		[GS_BY_WEEK] = "week,",
		[GS_BY_HOUR] = "hour,",
		[GS_BY_PREFIX24] = "prefix,src_asn,src_as_name,src_geo,",
		[GS_BY_TARGET] = "dst_ip,",
		[GS_BY_TUNNEL] = "src_ip,dst_ip,gre_version,gre_proto,gre_key,",
		[GS_BY_BOT] = "bot,",
		[GS_BY_TOTAL] = "",
	};
	for (unsigned by = 0; by <= GS_BY_COUNT; by++) {
		char text[1024] = "", expected[1024];
		unsigned n;
		const bool export = by == GS_BY_COUNT;
		const struct gs_column *c = gs_query_columns(export ? GS_EXPORT : GS_REPORT, export ? 0 : by, &n);
		for (unsigned i = 0; i < n; i++) {
			sprintf(text + strlen(text), "%s%s", i ? "," : "", c[i].name);
			assert_true(c[i].title[0] && c[i].description[0]);
		}
		if (export)
			strcpy(expected, "timestamp,end_time,sensor,src_ip,src_asn,src_as_name,src_geo,src_region,src_city,src_hostname,device_vendor,"
			       "device_type,device_model,dst_ip,protocol,ip_len,ttl,gre_version,gre_flags,gre_proto,gre_key,gre_seq,"
			       "inner_protocol,inner_src_ip,inner_dst_ip,inner_src_port,inner_dst_port,inner_ttl,class,confidence,evidence,bot,"
			       "fidelity,packets,bytes");
		else
			sprintf(expected, "%s%s", keys[by], tail);
		assert_string_equal(text, expected);
		if (!export) {
			assert_int_equal(gs_by_parse(gs_by_word(by), strlen(gs_by_word(by))), by);
		}
	}
	assert_int_equal(gs_by_parse("cit", 3), -1);
	assert_int_equal(gs_by_parse("cityx", 5), -1);
}

/* -- at the cap on memory ------------------------------------------------------------------------------------------------------------ */

#define MANY 60000u

static struct gs_sighting *many_sources(size_t n)
{
	struct gs_sighting *s = calloc(n, sizeof *s);

	assert_non_null(s);
	for (size_t i = 0; i < n; i++) {
		s[i] = sighting("198.51.0.0", "2017-07-25");
		s[i].first.ns += (int64_t)(i % 3) * 86400 * GS_NS_PER_S;
		s[i].last = s[i].first;
		s[i].src.b[1] = (uint8_t)(i >> 16);
		s[i].src.b[2] = (uint8_t)(i >> 8);
		s[i].src.b[3] = (uint8_t)i;
		if (i % 5 == 0) { /* IPv6 sources share the budget */
			struct gs_addr six = addr("2001:db8::");
			memcpy(six.b + 12, s[i].src.b, 4);
			s[i].src = six;
		}
		s[i].dst = addr("192.0.2.1");
		s[i].class_ = i % 2 ? GS_CLASS_REMNANT : GS_CLASS_UNKNOWN;
		s[i].packets = 1 + i % 7;
		s[i].bytes = s[i].packets * 52;
		s[i].has = GS_HAS_IP_LEN;
	}
	return s;
}

static void assert_near(uint64_t estimate, uint64_t truth)
{
	if (estimate < truth - truth / 15 || estimate > truth + truth / 15)
		fail_msg("%" PRIu64 " is no estimate of %" PRIu64, estimate, truth);
}

static void sums_stay_exact_at_the_cap(void **state)
{
	(void)state;
	static const size_t memories[] = { 0, 1000, 300u << 10, 3u << 20 };
	struct gs_sighting *s = many_sources(MANY);
	uint64_t packets = 0;

	for (size_t i = 0; i < MANY; i++)
		packets += s[i].packets;
	for (size_t m = 0; m < sizeof memories / sizeof *memories; m++) {
		for (unsigned by = 0; by < GS_BY_COUNT; by++) {
			struct gs_question q = report_by(by);
			struct seen t = { 0 };
			bool noted;
			q.memory_bytes = memories[m];
			ask_noting(&q, s, MANY, &t, "sources are estimated", &noted);
			assert_int_equal(t.meta.packets, packets);
			assert_int_equal(t.meta.bytes, packets * 52);
			assert_int_equal(sum_of(&t, "packets"), packets);
			assert_int_equal(sum_of(&t, "bytes"), packets * 52);
			assert_true(t.meta.sources_estimated && noted);
			assert_near(t.meta.sources, MANY);
			if (by == GS_BY_TOTAL || by == GS_BY_TARGET) /* target: folded per target, or all in one row of none */
				assert_near(sum_of(&t, "sources"), MANY);
			if (by == GS_BY_CLASS) {
				assert_int_equal(t.n_rows, 2);
				assert_near(number_at(&t, 0, "sources"), MANY / 2);
				assert_near(number_at(&t, 1, "sources"), MANY / 2);
			}
			seen_done(&t);
		}
	}
	free(s);
}

static void folds_keep_what_the_source_does_not_determine(void **state)
{
	(void)state;
	struct gs_sighting *s = many_sources(MANY);
	struct gs_question q = report_by(GS_BY_DAY);
	uint64_t packets[3] = { 0 };
	struct seen t = { 0 };

	for (size_t i = 0; i < MANY; i++)
		packets[i % 3] += s[i].packets;
	q.memory_bytes = 3u << 20;
	ask(&q, s, MANY, &t);
	assert_int_equal(t.n_rows, 3);
	for (size_t i = 0; i < 3; i++) {
		const unsigned day = (unsigned)strtoul(seen_at(&t, i, "day") + 8, NULL, 10) - 25;
		assert_true(day < 3);
		assert_int_equal(number_at(&t, i, "packets"), packets[day]);
		assert_near(number_at(&t, i, "sources"), MANY / 3);
	}
	seen_done(&t);
	q = report_by(GS_BY_SOURCE);
	q.memory_bytes = 3u << 20;
	ask(&q, s, MANY, &t);
	assert_string_equal(seen_at(&t, 0, "src_ip"), ""); /* all that were folded: one row, the largest here */
	assert_string_equal(seen_at(&t, 1, "sources"), "1");
	assert_near(number_at(&t, 0, "sources") + t.n_rows - 1, MANY);
	seen_done(&t);
	free(s);
}

static void the_cube_keeps_to_its_cap(void **state)
{
	(void)state;
	const size_t cap = 2u << 20;
	struct cube c;

	assert_int_equal(cube_init(&c, true, cap, 1), 0);
	for (uint32_t i = 0; i < 200000; i++) {
		struct cube_extra e = { .dst = addr("192.0.2.1"), .gre_key = i };
		struct cube_item it = { .src.family = i % 3 ? 4 : 6, .sums = { 1, 0, 0, 0 } };
		memcpy(it.src.b, &i, sizeof i);
		it.extra = i % 2 ? cube_extra_number(&c, &e) : 0;
		assert_int_equal(cube_add(&c, &it, 1), 0);
	}
	const size_t used = gs_map_used(&c.v4) + gs_map_used(&c.v6) + gs_map_used(&c.extras);
	assert_true(used <= cap && used > cap / 2);
	assert_true((size_t)c.folds.count * (sizeof(struct gs_hll) + sizeof(struct cube_fold)) <= cap / 8);
	uint64_t sum = 0;
	for (size_t i = 0; i < cube_count(&c); i++) {
		struct cube_entry e;
		cube_at(&c, i, &e);
		sum += e.sums->packets;
	}
	for (size_t i = 0; i < cube_fold_count(&c); i++)
		sum += cube_fold_at(&c, i) ? cube_fold_at(&c, i)->sums.packets : 0;
	assert_int_equal(sum, 200000);
	cube_done(&c);
}

static void folded_sightings_are_a_row_without_source(void **state)
{
	(void)state;
	struct gs_sighting s[3] = { sighting("198.51.100.1", "2017-07-25"), sighting("198.51.100.2", "2017-07-25"), sighting("198.51.100.3", "2017-07-26") };
	struct gs_question q = report_by(GS_BY_SOURCE);
	struct seen t = { 0 };
	bool noted;

	s[1].src = (struct gs_addr){ 0 };
	s[1].flags = GS_SIGHTING_FOLDED;
	s[1].sources = 5000;
	s[1].packets = 90000;
	s[1].dst = addr("192.0.2.1");
	ask_noting(&q, s, 3, &t, "came without their sources", &noted);
	assert_true(noted && t.meta.sources_estimated);
	assert_int_equal(t.n_rows, 3);
	assert_string_equal(seen_at(&t, 0, "src_ip"), "");
	assert_string_equal(seen_at(&t, 0, "packets"), "90000");
	assert_string_equal(seen_at(&t, 0, "sources"), "5000");
	assert_int_equal(t.meta.sources, 5002);
	assert_int_equal(t.meta.packets, 90002);
	seen_done(&t);

	q.by = GS_BY_TARGET; /* what is not folded stays exact, in a row of its own */
	ask(&q, s, 3, &t);
	assert_int_equal(t.n_rows, 2);
	assert_string_equal(seen_at(&t, 0, "dst_ip"), "192.0.2.1");
	assert_string_equal(seen_at(&t, 0, "sources"), "5000");
	assert_string_equal(seen_at(&t, 1, "dst_ip"), "");
	assert_string_equal(seen_at(&t, 1, "sources"), "2");
	seen_done(&t);

	q.filter.n_src = 1; /* a condition on the source, and there is none */
	q.filter.src[0] = gs_prefix_of(&s[0].src, 0);
	ask(&q, s, 3, &t);
	assert_int_equal(t.meta.packets, 2);
	seen_done(&t);
}

static void counts_do_not_wrap(void **state)
{
	(void)state;
	struct gs_sighting s[2] = { sighting("198.51.100.1", "2017-07-25"), sighting("198.51.100.1", "2017-07-25") };
	struct gs_question q = report_by(GS_BY_TOTAL);
	struct seen t = { 0 };
	bool noted;

	s[0].packets = UINT64_MAX - 1;
	s[1].packets = 7;
	ask_noting(&q, s, 2, &t, "2^64 - 1", &noted);
	assert_true(noted);
	assert_string_equal(seen_at(&t, 0, "packets"), "18446744073709551615");
	seen_done(&t);
}

/* -- filters, order, limit ------------------------------------------------------------------------------------------------------------- */

static void filters_hold_before_anything_is_counted(void **state)
{
	(void)state;
	const size_t n = 500;
	struct gs_sighting *s = random_sightings(n, 99);
	for (unsigned kind = 0; kind < 7; kind++) {
		struct gs_question q = report_by(GS_BY_SOURCE), x = export_all();
		struct gs_filter *f = &q.filter;
		struct seen t = { 0 };
		uint64_t packets = 0, rows = 0;
		switch (kind) {
		case 0:
			f->asn[f->n_asn++] = 101;
			break;
		case 1:
			memcpy(f->country[f->n_country++], "JP", 2);
			memcpy(f->country[f->n_country++], "NL", 2);
			break;
		case 2:
			f->classes = 1u << GS_CLASS_REMNANT;
			break;
		case 3:
			f->n_src = gs_prefix_parse("203.0.113.0/27", 14, &f->src[0]);
			break;
		case 4:
			f->n_dst = gs_prefix_parse("192.0.2.2", 9, &f->dst[0]);
			break;
		case 5:
			f->since = time_of("2017-07-10");
			f->until = time_of("2017-07-20");
			break;
		case 6:
			f->asn[f->n_asn++] = 100;
			memcpy(f->country[f->n_country++], "JP", 2);
			break;
		}
		for (size_t i = 0; i < n; i++) {
			struct gs_origin o;
			gs_enrich_lookup(&enricher, &s[i].src, &o);
			bool in = gs_filter_match(f, &s[i]);
			in &= kind != 0 || o.asn == 101;
			in &= kind != 1 || !memcmp(o.country, "JP", 2) || !memcmp(o.country, "NL", 2);
			in &= kind != 6 || (o.asn == 100 && !memcmp(o.country, "JP", 2));
			packets += in ? s[i].packets : 0;
			rows += in;
		}
		assert_true(rows > 0 && rows < n);
		ask(&q, s, n, &t);
		assert_int_equal(t.meta.packets, packets);
		assert_int_equal(sum_of(&t, "packets"), packets);
		seen_done(&t);
		x.filter = *f;
		ask(&x, s, n, &t);
		assert_int_equal(t.n_rows, rows);
		assert_int_equal(t.meta.packets, packets);
		seen_done(&t);
	}
	free(s);
}

static void an_asn_filter_is_exact_at_the_cap(void **state)
{
	(void)state;
	struct gs_sighting *s = many_sources(MANY);
	struct gs_question q = report_by(GS_BY_SOURCE);
	struct seen t = { 0 };
	uint64_t packets = 0;

	q.memory_bytes = 64u << 10;
	q.filter.asn[q.filter.n_asn++] = 101;
	for (size_t i = 0; i < MANY; i++)
		packets += s[i].src.family == 4 && s[i].src.b[3] % 3 == 1 ? s[i].packets : 0;
	ask(&q, s, MANY, &t);
	assert_int_equal(t.meta.packets, packets);
	seen_done(&t);
	free(s);
}

static void without_data_a_filter_on_network_says_so(void **state)
{
	(void)state;
	struct seen t = { 0 };
	const struct gs_table_writer w = seen_writer(&t);
	struct gs_question q = report_by(GS_BY_NETWORK);
	struct gs_sighting s = sighting("198.51.100.1", "2017-07-25");
	struct gs_meta meta = { 0 };
	struct gs_query *query;
	uint64_t rows = 1;

	q.filter.asn[q.filter.n_asn++] = 101;
	assert_int_equal(gs_query_new(&q, NULL, &w, &query, NULL), 0);
	struct gs_sighting_sink sink = gs_query_sink(query);
	assert_int_equal(sink.take(sink.arg, &s, 1, NULL), 0);
	assert_int_equal(gs_query_answer(query, &meta, &rows, NULL), 0);
	assert_int_equal(rows, 0);
	assert_true(has_note(&meta, "matches nothing"));
	gs_query_free(query);
	seen_done(&t);
}

static void the_limit_cuts_rows_and_not_totals(void **state)
{
	(void)state;
	struct gs_sighting *s = random_sightings(300, 5);
	struct gs_question q = report_by(GS_BY_SOURCE);
	struct seen all = { 0 }, t = { 0 };

	ask(&q, s, 300, &all);
	q.limit = 7;
	ask(&q, s, 300, &t);
	assert_int_equal(t.n_rows, 7);
	assert_int_equal(t.meta.rows_total, all.n_rows);
	assert_int_equal(t.meta.packets, all.meta.packets);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(seen_at(&t, i, "src_ip"), seen_at(&all, i, "src_ip"));
	seen_done(&t);
	seen_done(&all);
	free(s);
}

static void reports_sort_by_any_column(void **state)
{
	(void)state;
	struct gs_sighting *s = random_sightings(400, 11);
	for (unsigned by = 0; by < GS_BY_COUNT; by++) {
		unsigned n;
		const struct gs_column *c = gs_query_columns(GS_REPORT, by, &n);
		for (unsigned i = 0; i < n * 2; i++) {
			struct gs_question q = report_by(by);
			struct seen t = { 0 };
			char sort[40];
			snprintf(sort, sizeof sort, "%s%s", i < n ? "" : "-", c[i % n].name);
			q.sort = sort;
			ask(&q, s, 400, &t);
			for (size_t r = 1; r < t.n_rows; r++) {
				const char *a = seen_at(&t, r - 1, c[i % n].name), *b = seen_at(&t, r, c[i % n].name);
				if (*a == '\0')
					assert_string_equal(b, ""); /* unknown last, either way */
				if (*a == '\0' || *b == '\0')
					continue;
				int d = c[i % n].type == GS_CELL_TEXT || c[i % n].type == GS_CELL_TIME ? strcmp(a, b) : 0;
				if (c[i % n].type == GS_CELL_COUNT || c[i % n].type == GS_CELL_BYTES || c[i % n].type == GS_CELL_ASN)
					d = strtod(a, NULL) < strtod(b, NULL) ? -1 : strtod(a, NULL) > strtod(b, NULL);
				assert_true(i < n ? d <= 0 : d >= 0);
				if (d == 0 && c[i % n].type != GS_CELL_ADDR && c[i % n].type != GS_CELL_PREFIX && strcmp(a, b) == 0)
					assert_true(number_at(&t, r - 1, "packets") >= number_at(&t, r, "packets"));
			}
			seen_done(&t);
		}
	}
	free(s);
}

static void ties_are_broken_by_the_key(void **state)
{
	(void)state;
	static const char *const ordered[] = { "192.0.2.9", "192.0.2.10", "198.51.100.7", "203.0.113.1", "2001:db8::2", "2001:db8::10", "" };
	struct gs_sighting s[7];

	for (unsigned i = 0; i < 6; i++)
		s[i] = sighting(ordered[(i * 5 + 3) % 6], "2017-07-25");
	s[6] = sighting("192.0.2.1", "2017-07-25");
	s[6].src = (struct gs_addr){ 0 };
	s[6].flags = GS_SIGHTING_FOLDED;
	for (unsigned k = 0; k < 3; k++) {
		static const char *const sorts[] = { NULL, "-packets", "src_ip" };
		struct gs_question q = report_by(k < 2 ? GS_BY_TUNNEL : GS_BY_SOURCE);
		struct seen t = { 0 };
		q.sort = sorts[k];
		ask(&q, s, 7, &t);
		assert_int_equal(t.n_rows, 7);
		for (unsigned i = 0; i < 7; i++)
			assert_string_equal(seen_at(&t, i, "src_ip"), ordered[i]);
		seen_done(&t);
	}
}

static void an_unknown_column_is_named_with_those_that_are(void **state)
{
	(void)state;
	struct seen t = { 0 };
	const struct gs_table_writer w = seen_writer(&t);
	struct gs_question q = report_by(GS_BY_CLASS);
	struct gs_error err = { 0 };
	struct gs_query *query = NULL;

	q.sort = "-src_ip";
	assert_int_equal(gs_query_new(&q, NULL, &w, &query, &err), GS_ERR_USAGE);
	assert_null(query);
	assert_non_null(strstr(err.text, "-src_ip"));
	assert_non_null(strstr(err.text, "class, sources, packets, bytes, share, first_seen, last_seen, top_class"));
	q = export_all();
	q.sort = "";
	assert_int_equal(gs_query_new(&q, NULL, &w, &query, &err), GS_ERR_USAGE);
}

/* -- export ---------------------------------------------------------------------------------------------------------------------------- */

static void unknown_is_empty_and_known_is_exact(void **state)
{
	(void)state;
	static const char *const names[] = { "first", "second" };
	struct gs_sighting s[2] = { sighting("198.51.100.8", "2017-07-25T12:05:31.000-0700"), sighting("2001:db8::5", "2017-07-25T12:05:31.123456789Z") };
	struct gs_question q = export_all();
	struct seen t = { 0 };

	q.sensor_names = names;
	q.n_sensor_names = 2;
	s[1].last.ns += GS_NS_PER_S;
	s[1].has = GS_HAS_IP_LEN | GS_HAS_TTL | GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_KEY | GS_HAS_SEQ | GS_HAS_INNER | GS_HAS_PORTS;
	s[1].dst = addr("192.0.2.9");
	s[1].ip_len = 564;
	s[1].bytes = 1128;
	s[1].packets = 2;
	s[1].gre_flags = 0x3081;
	s[1].gre_proto = 0x880b;
	s[1].gre_key = 0x00200001;
	s[1].inner_proto = 17;
	s[1].inner_src = addr("203.0.113.7");
	s[1].inner_dst = addr("203.0.113.8");
	s[1].inner_dport = 53;
	s[1].class_ = GS_CLASS_TUNNEL_PPTP;
	s[1].confidence = 90;
	s[1].evidence = GS_EVIDENCE(GRE_VERSION1) | GS_EVIDENCE(PPP);
	s[1].bot_kind = GS_BOT_SEED;
	s[1].bot_lo = 255;
	s[1].fidelity = GS_FIDELITY_PACKET;
	s[1].sensor = 1;
	ask(&q, s, 2, &t);
	static const char *const rows[2][35] = {
		{ "2017-07-25T19:05:31.000000Z", "2017-07-25T19:05:31.000000Z", "first", "198.51.100.8", "102", "Three \"Net\"", "TW", "South", "Taipei",
		  "", "", "", "", "", "47", "", "", "", "", "", "", "", "", "", "", "", "", "", "unknown", "0", "", "", "log", "1", "" },
		{ "2017-07-25T12:05:31.123456Z", "2017-07-25T12:05:32.123456Z", "second", "2001:db8::5", "", "", "NL", "", "", "", "", "", "",
		  "192.0.2.9", "47", "564", "0", "1", "0x3081", "0x880b", "0x00200001", "0", "17", "203.0.113.7", "203.0.113.8", "0", "53", "0",
		  "tunnel.pptp", "90", "gre-v1;ppp", "seed:000000000000000000ff", "packet", "2", "1128" },
	};
	assert_int_equal(t.n_columns, 35);
	assert_int_equal(t.n_rows, 2);
	for (unsigned r = 0; r < 2; r++)
		for (unsigned i = 0; i < 35; i++) {
			if (strcmp(t.columns[i].name, "bot") == 0 && r == 1) {
				assert_true(strncmp(t.cells[35 * r + i], "seed:", 5) == 0);
				continue;
			}
			assert_string_equal(t.cells[35 * r + i], rows[r][i]);
		}
	seen_done(&t);
}

static void an_export_stops_at_its_limit(void **state)
{
	(void)state;
	struct gs_sighting *s = random_sightings(2000, 3);
	static const uint64_t limits[] = { 1, 255, 256, 257, 1999, 2000, 2001 };
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct gs_question q = export_all();
		struct seen t = { 0 };
		bool noted;
		q.limit = limits[i];
		int r = ask_noting(&q, s, 2000, &t, "reading stopped at the limit", &noted);
		assert_int_equal(r, limits[i] <= 2000 ? GS_ERR_LIMIT : 0);
		assert_int_equal(noted, limits[i] <= 2000);
		assert_int_equal(t.n_rows, limits[i] < 2000 ? limits[i] : 2000);
		assert_int_equal(t.meta.packets, sum_of(&t, "packets"));
		assert_int_equal(t.meta.sightings, t.n_rows);
		seen_done(&t);
	}
	free(s);
}

static void rows_are_streamed(void **state)
{
	(void)state;
	struct seen t = { 0 };
	const struct gs_table_writer w = seen_writer(&t);
	const struct gs_meta head = { .question = "export of something" };
	struct gs_question q = export_all();
	struct gs_sighting *s = random_sightings(300, 3);
	struct gs_query *query;

	q.head = &head;
	assert_int_equal(gs_query_new(&q, &enricher, &w, &query, NULL), 0);
	struct gs_sighting_sink sink = gs_query_sink(query);
	assert_int_equal(sink.take(sink.arg, s, 300, NULL), 0);
	assert_int_equal(t.n_rows, 256); /* before the answer is asked for */
	assert_string_equal(t.question, "export of something");
	assert_false(t.complete);
	gs_query_free(query);
	seen_done(&t);
	free(s);
}

static void an_enriched_source_is_looked_up_once(void **state)
{
	(void)state;
	struct gs_sighting *s = random_sightings(3000, 8);
	struct gs_question q = export_all();
	struct seen t = { 0 };

	enricher.lookups = 0;
	ask(&q, s, 3000, &t);
	assert_int_equal(enricher.lookups, t.meta.sources);
	seen_done(&t);
	free(s);
}

static int compare_packets(const void *a, const void *b)
{
	const struct gs_sighting *const *x = a, *const *y = b;
	if ((*x)->packets != (*y)->packets)
		return (*x)->packets > (*y)->packets ? -1 : 1;
	return (*x > *y) - (*x < *y); /* stable: as they came */
}

static void a_sorted_export_is_total_and_stable(void **state)
{
	(void)state;
	const size_t n = 3000;
	struct gs_sighting *s = random_sightings(n, 21);
	const struct gs_sighting **order = malloc(n * sizeof *order);
	static const uint64_t limits[] = { 0, 1, 2, 10, 1023, 1024, 1025, 2999, 3000, 4000 };

	assert_non_null(order);
	for (size_t i = 0; i < n; i++) {
		s[i].first.ns = (int64_t)i * GS_NS_PER_S; /* tells rows apart */
		order[i] = &s[i];
	}
	qsort(order, n, sizeof *order, compare_packets);
	for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
		struct gs_question q = export_all();
		struct seen t = { 0 };
		q.sort = "-packets";
		q.limit = limits[k];
		assert_int_equal(ask(&q, s, n, &t), 0);
		assert_true(t.complete);
		assert_int_equal(t.n_rows, limits[k] && limits[k] < n ? limits[k] : n);
		assert_int_equal(t.meta.rows_total, n);
		for (size_t i = 0; i < t.n_rows; i++) {
			char text[GS_TIME_TEXT_MAX];
			gs_time_format(order[i]->first, 6, text);
			assert_string_equal(seen_at(&t, i, "timestamp"), text);
		}
		seen_done(&t);
	}
	free(order);
	free(s);
}

static void an_export_sorts_by_any_column(void **state)
{
	(void)state;
	struct gs_sighting *s = random_sightings(300, 12);
	unsigned n;
	const struct gs_column *c = gs_query_columns(GS_EXPORT, 0, &n);

	for (unsigned i = 0; i < 300; i++) {
		s[i].evidence = (uint64_t)random_below(8) << 2;
		s[i].bot_kind = (uint8_t)random_below(3);
		s[i].bot_lo = random_below(1000);
	}
	for (unsigned i = 0; i < n * 2; i++) {
		struct gs_question q = export_all();
		struct seen all = { 0 }, few = { 0 };
		char sort[40];
		snprintf(sort, sizeof sort, "%s%s", i < n ? "" : "-", c[i % n].name);
		q.sort = sort;
		ask(&q, s, 300, &all);
		q.limit = 40;
		ask(&q, s, 300, &few);
		assert_int_equal(all.n_rows, 300);
		for (size_t r = 1; r < 300; r++) {
			const char *a = seen_at(&all, r - 1, c[i % n].name), *b = seen_at(&all, r, c[i % n].name);
			if (*a == '\0')
				assert_string_equal(b, "");
			else if (*b && (c[i % n].type == GS_CELL_TEXT || c[i % n].type == GS_CELL_TIME))
				assert_true(i < n ? strcmp(a, b) <= 0 : strcmp(a, b) >= 0);
		}
		for (size_t k = 0; k < 40 * n; k++) /* the heap finds what sorting all finds */
			assert_string_equal(few.cells[k], all.cells[k]);
		seen_done(&all);
		seen_done(&few);
	}
	free(s);
}

static void sorting_more_than_fits_is_a_clear_sentence(void **state)
{
	(void)state;
	struct seen t = { 0 };
	const struct gs_table_writer w = seen_writer(&t);
	struct gs_question q = export_all();
	struct gs_sighting *s = random_sightings(20000, 12);
	struct gs_error err = { 0 };
	struct gs_query *query;

	q.memory_bytes = 1u << 20;
	q.sort = "src_ip";
	assert_int_equal(gs_query_new(&q, &enricher, &w, &query, &err), 0);
	struct gs_sighting_sink sink = gs_query_sink(query);
	assert_int_equal(sink.take(sink.arg, s, 20000, &err), GS_ERR_LIMIT);
	assert_non_null(strstr(err.text, "--limit"));
	gs_query_free(query);
	q.limit = 100; /* and with a limit all of them fit */
	ask(&q, s, 20000, &t);
	assert_int_equal(t.n_rows, 100);
	seen_done(&t);
	free(s);
}

static void a_writers_failure_comes_back(void **state)
{
	(void)state;
	struct seen t = { .fail_rows = 1 };
	const struct gs_table_writer w = seen_writer(&t);
	struct gs_sighting *s = random_sightings(300, 3);
	for (unsigned k = 0; k < 3; k++) {
		struct gs_question q = k ? export_all() : report_by(GS_BY_HOUR);
		struct gs_meta meta = { 0 };
		struct gs_error err = { 0 };
		struct gs_query *query;
		uint64_t rows = 0;
		q.sort = k == 2 ? "packets" : NULL;
		t.begins = 0;
		assert_int_equal(gs_query_new(&q, &enricher, &w, &query, &err), 0);
		struct gs_sighting_sink sink = gs_query_sink(query);
		int r = sink.take(sink.arg, s, 300, &err);
		assert_int_equal(r, k == 1 ? GS_ERR_IO : 0);
		if (r == 0)
			assert_int_equal(gs_query_answer(query, &meta, &rows, &err), GS_ERR_IO);
		assert_string_equal(err.text, "the disk is full");
		gs_query_free(query);
	}
	free(s);
}

/* -- redaction ------------------------------------------------------------------------------------------------------------------------- */

static void redaction_hides_every_address_of_ours(void **state)
{
	(void)state;
	struct gs_sighting s[4] = { sighting("198.51.100.1", "2017-07-25"), sighting("203.0.113.5", "2017-07-25"), sighting("192.0.2.1", "2017-07-25"),
				    sighting("198.51.100.3", "2017-07-25") };
	struct gs_question q = export_all();
	struct seen t = { 0 };

	s[0].dst = s[0].inner_dst = addr("192.0.2.1"); /* the inner destination is the target too */
	s[0].inner_src = addr("203.0.113.200");
	s[0].has = GS_HAS_INNER;
	s[1].via = GS_VIA_ICMP; /* the quoted source is ours */
	s[1].dst = addr("198.51.100.77");
	s[1].inner_src = addr("203.0.113.5");
	s[1].inner_dst = addr("198.51.100.78");
	s[1].has = GS_HAS_INNER;
	s[2].dst = addr("192.0.2.1"); /* to itself */
	q.redact_dst = true;
	ask(&q, s, 4, &t);
	static const char *const expected[4][5] = { /* src, dst, inner src, inner dst, country */
		{ "198.51.100.1", "REDACTED", "203.0.113.200", "REDACTED", "TW" },
		{ "REDACTED", "REDACTED", "REDACTED", "198.51.100.78", "" },
		{ "REDACTED", "REDACTED", "", "", "" },
		{ "198.51.100.3", "", "", "", "TW" }, /* no destination is known: nothing is withheld */
	};
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(seen_at(&t, i, "src_ip"), expected[i][0]);
		assert_string_equal(seen_at(&t, i, "dst_ip"), expected[i][1]);
		assert_string_equal(seen_at(&t, i, "inner_src_ip"), expected[i][2]);
		assert_string_equal(seen_at(&t, i, "inner_dst_ip"), expected[i][3]);
		assert_string_equal(seen_at(&t, i, "src_geo"), expected[i][4]);
	}
	seen_done(&t);
	for (unsigned by = 0; by < GS_BY_COUNT; by++) {
		q = report_by(by);
		q.redact_dst = true;
		ask(&q, s, 4, &t);
		for (size_t i = 0; i < t.n_rows * t.n_columns; i++) {
			assert_null(strstr(t.cells[i], "192.0.2."));
			assert_null(strstr(t.cells[i], "203.0.113.5"));
		}
		assert_int_equal(sum_of(&t, "packets"), 4);
		seen_done(&t);
	}
}

/* -- the rest -------------------------------------------------------------------------------------------------------------------------- */

static unsigned needs_of(struct gs_question q)
{
	const struct gs_table_writer w = { 0 };
	struct gs_query *query;

	assert_int_equal(gs_query_new(&q, NULL, &w, &query, NULL), 0);
	const unsigned needs = gs_query_needs(query);
	gs_query_free(query);
	return needs;
}

static void a_question_says_how_finely_it_looks(void **state)
{
	(void)state;
	struct gs_question q = report_by(GS_BY_CITY);

	assert_int_equal(needs_of(q), GS_NEED_SRC | GS_NEED_CLASS);
	q.redact_dst = true;
	assert_int_equal(needs_of(q), GS_NEED_SRC | GS_NEED_CLASS);
	q = report_by(GS_BY_WEEK);
	q.filter.n_asn = 1;
	assert_int_equal(needs_of(q), GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_WEEK);
	q.filtered = true; /* counts will do where somebody else filters, and tells totals */
	assert_int_equal(needs_of(q), GS_NEED_CLASS | GS_NEED_WEEK | GS_NEED_COUNTS);
	q = report_by(GS_BY_HOUR);
	q.filter.n_sensors = 1;
	assert_int_equal(needs_of(q), GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_HOUR | GS_NEED_SENSOR);
	q = report_by(GS_BY_TARGET);
	q.filtered = true;
	assert_int_equal(needs_of(q), GS_NEED_CLASS | GS_NEED_DST | GS_NEED_COUNTS);
	q.redact_dst = true; /* withheld targets are one target: a source of several of them counts once */
	assert_int_equal(needs_of(q), GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_DST);
	assert_int_equal(needs_of(report_by(GS_BY_TUNNEL)), GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_DST | GS_NEED_SHAPE);
	assert_int_equal(needs_of(report_by(GS_BY_BOT)), GS_NEED_SRC | GS_NEED_CLASS | GS_NEED_BOT);
	assert_int_equal(needs_of(export_all()), GS_NEED_ALL);
}

/* Where a process was met first differs from file to file, and may lie on either side of a multiple of 2^42: one process all the same. */
static void positions_side_by_side_are_one_bot(void **state)
{
	(void)state;
	const uint64_t step = UINT64_C(1) << 42, at = UINT64_C(5) << 62;
	struct gs_sighting s[6];
	for (unsigned i = 0; i < 6; i++) {
		s[i] = sighting("192.0.2.1", "2017-07-25");
		s[i].bot_kind = GS_BOT_POSITION;
		s[i].byte_order = 1;
		s[i].bot_hi = 7;
		s[i].bot_lo = at | 1;
	}
	s[1].bot_lo = (at + step) | 1;
	s[2].bot_lo = (at - step) | 1;
	s[3].bot_lo = (at + 9 * step) | 1; /* another process */
	s[4].bot_lo = at | 2;              /* and another: positions of two byte orders say nothing of each other */
	s[4].byte_order = 2;
	s[5].bot_kind = GS_BOT_SEED;       /* a seed is no position */
	struct gs_question q = report_by(GS_BY_BOT);
	struct seen t = { 0 };
	ask(&q, s, 6, &t);
	assert_int_equal(t.n_rows, 4);
	assert_true(number_at(&t, 0, "packets") == 3);
	seen_done(&t);
}

/* ---- processes ---- */

static struct gs_bot_process process(unsigned number, uint64_t pos, const char *src, const char *first, const char *last)
{
	return (struct gs_bot_process){ .number = number, .bot_kind = GS_BOT_POSITION, .byte_order = 1, .class_ = GS_CLASS_FLOOD_MIRAI_GREIP, .evidence = 112,
					.bot_lo = pos | 1, .pos_lo = pos | 1, .packets_seen = 10, .packets_sent = 20, .targets = 2, .targets_sure = true, .attacks = 1,
					.loss = 0, .rate_pps = 5, .hops = 12, .src_ips = 1, .src_ips_exact = true, .n_src = 1, .src = { addr(src) },
					.first_seen = time_of(first), .last_seen = time_of(last) };
}

static void bots_answer(const struct gs_bots_question *q, const struct gs_bot_process *list, size_t n, const struct gs_bots_rest *rest, struct seen *t,
                        char summary[512])
{
	const struct gs_table_writer writer = seen_writer(t);
	struct gs_meta meta = { .question = "bots" };
	uint64_t rows = 0;
	assert_int_equal(gs_bots_answer(q, list, n, rest, &writer, &meta, &rows, NULL), 0);
	assert_int_equal(rows, t->n_rows);
	for (unsigned i = 0; i < meta.n_figures; i++)
		if (strcmp(meta.figures[i].name, "machines") == 0)
			snprintf(summary, 512, "%llu", (unsigned long long)meta.figures[i].value);
}

static void machines_are_those_at_the_same_time(void **state)
{
	(void)state;
	const struct gs_bots_question q = { .hash_seed = 1 };
	const struct gs_bots_rest rest = { 0 };
	char machines[512];
	/* one address: two at a time, then a third that may be one of them; another address; another distance */
	const struct gs_bot_process list[] = {
		process(0, UINT64_C(1) << 50, "192.0.2.1", "2017-07-25T10:00", "2017-07-25T11:00"),
		process(1, UINT64_C(2) << 50, "192.0.2.1", "2017-07-25T10:30", "2017-07-25T11:30"),
		process(2, UINT64_C(3) << 50, "192.0.2.1", "2017-07-25T12:00", "2017-07-25T13:00"),
		process(3, UINT64_C(4) << 50, "192.0.2.2", "2017-07-25T12:00", "2017-07-25T13:00"),
	};
	struct seen t = { 0 };
	bots_answer(&q, list, 4, &rest, &t, machines);
	assert_string_equal(machines, "3");
	assert_int_equal(t.n_rows, 4);
	assert_string_equal(seen_at(&t, 0, "byte_order"), "little");
	assert_string_equal(seen_at(&t, 0, "process_start"), "");
	assert_string_equal(seen_at(&t, 0, "bot"), "pos:00004000000000001");
	seen_done(&t);
}

static void identifiers_are_read_as_they_are_written(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "seed", "seed:", "pos:12g", "bot:12", "seed:123456789012345678901234567890123", "pos 12" };
	struct gs_bot_id id;
	assert_true(gs_bot_id_parse("seed:5a1007c00000003900004e20", 29, &id));
	assert_true(id.kind == GS_BOT_SEED && id.hi == 0x5a1007c0 && id.lo == UINT64_C(0x3900004e20));
	assert_true(gs_bot_id_parse("pos:1F", 6, &id));
	assert_true(id.kind == GS_BOT_POSITION && id.hi == 0 && id.lo == 0x1f);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(gs_bot_id_parse(bad[i], strlen(bad[i]), &id));
}

/* Two halves of one attack on two targets, rounds of 264 draws; the first ends where the second goes on. */
static void halves_of_an_attack_are_joined(void **state)
{
	(void)state;
	struct gs_store_bot list[3] = { 0 };
	for (unsigned i = 0; i < 3; i++) {
		list[i].process = process(i, UINT64_C(1) << 50, "192.0.2.1", i ? "2017-07-25T10:01" : "2017-07-25T10:00", i ? "2017-07-25T10:02" : "2017-07-25T10:01");
		list[i].n_attacks = 1;
		list[i].attacks[0] = (struct gs_bot_attack){ .flood = GS_BOT_GREIP, .draws = 132, .data_len = 512, .targets = 2, .targets_seen = 1, .rounds = 10,
							     .round = 264, .begin = { 0, 1000 + i * 20 * 264 }, .end = { 0, 1000 + i * 20 * 264 + 9 * 264 }, .packets_seen = 10,
							     .packets_sent = 20, .first_seen = list[i].process.first_seen, .last_seen = list[i].process.last_seen };
	}
	/* the third repeats the first, from the same state, a day later */
	list[2].process.first_seen = list[2].attacks[0].first_seen = time_of("2017-07-26T10:01");
	list[2].process.last_seen = list[2].attacks[0].last_seen = time_of("2017-07-26T10:02");
	list[2].attacks[0].begin = list[0].attacks[0].begin;
	list[2].attacks[0].end = list[0].attacks[0].end;
	list[1].process.pos_lo += UINT64_C(1) << 42; /* on the other side of a multiple */
	assert_int_equal(gs_bots_merge(list, 3), 1);
	const struct gs_bot_process *p = &list[0].process;
	assert_int_equal(p->attacks, 2);
	assert_true(p->packets_seen == 30);
	/* 30 rounds from the first to the last, ten of them between the files, and the repetition */
	assert_true(p->packets_sent == 30 * 2 + 20);
	assert_true(list[0].attacks[0].rounds == 30);
	assert_true(p->loss > -0.001 && p->loss < 0.001);
	assert_true(p->src_ips == 1 && p->src_ips_exact);
	assert_true(p->first_seen.ns == time_of("2017-07-25T10:00").ns && p->last_seen.ns == time_of("2017-07-26T10:02").ns);
}

static void the_unknown_share_is_said(void **state)
{
	(void)state;
	struct gs_sighting s[2] = { sighting("192.0.2.1", "2017-07-25"), sighting("198.51.100.1", "2017-07-25") };
	struct gs_question q = report_by(GS_BY_CITY);
	struct seen t = { 0 };
	bool noted;

	s[1].packets = 31;
	ask_noting(&q, s, 2, &t, "city for 3.1 % of packets, country for 3.1 %", &noted);
	assert_true(noted);
	seen_done(&t);
	q.by = GS_BY_NETWORK;
	ask_noting(&q, s, 2, &t, "network unknown for 3.1 % of packets", &noted);
	assert_true(noted);
	seen_done(&t);
}

static void bytes_of_unknown_length_are_noted(void **state)
{
	(void)state;
	struct gs_sighting s[2] = { sighting("192.0.2.1", "2017-07-25"), sighting("198.51.100.1", "2017-07-25") };
	struct gs_question q = report_by(GS_BY_TOTAL);
	struct seen t = { 0 };
	bool noted;

	ask_noting(&q, s, 2, &t, "bytes leave out", &noted);
	assert_false(noted); /* all of them: the cell is empty */
	assert_string_equal(seen_at(&t, 0, "bytes"), "");
	seen_done(&t);
	s[0].has = GS_HAS_IP_LEN;
	s[0].bytes = 52;
	ask_noting(&q, s, 2, &t, "bytes leave out 1 of 2 packets", &noted);
	assert_true(noted);
	assert_string_equal(seen_at(&t, 0, "bytes"), "52");
	seen_done(&t);
}

static void times_at_the_ends_of_the_range_are_grouped(void **state)
{
	(void)state;
	struct gs_sighting s[2] = { sighting("192.0.2.1", "2017-07-25"), sighting("192.0.2.1", "2017-07-25") };
	static const struct {
		enum gs_by by;
		const char *column, *min, *max;
	} cases[] = { { GS_BY_DAY, "day", "1677-09-21", "2262-04-11" },
		      { GS_BY_WEEK, "week", "1677-W38", "2262-W15" },
		      { GS_BY_HOUR, "hour", "1677-09-21T00:00:00Z", "2262-04-11T23:00:00Z" } };

	s[0].first = s[0].last = GS_TIME_MIN;
	s[1].first = s[1].last = GS_TIME_MAX;
	for (size_t i = 0; i < 3; i++) {
		struct gs_question q = report_by(cases[i].by);
		struct seen t = { 0 };
		q.sort = cases[i].column;
		ask(&q, s, 2, &t);
		assert_int_equal(t.n_rows, 2);
		assert_string_equal(seen_at(&t, 0, cases[i].column), cases[i].min);
		assert_string_equal(seen_at(&t, 1, cases[i].column), cases[i].max);
		seen_done(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_promised),
		cmocka_unit_test(every_report_is_what_a_plain_count_says),
		cmocka_unit_test(sums_stay_exact_at_the_cap),
		cmocka_unit_test(folds_keep_what_the_source_does_not_determine),
		cmocka_unit_test(the_cube_keeps_to_its_cap),
		cmocka_unit_test(folded_sightings_are_a_row_without_source),
		cmocka_unit_test(counts_do_not_wrap),
		cmocka_unit_test(filters_hold_before_anything_is_counted),
		cmocka_unit_test(an_asn_filter_is_exact_at_the_cap),
		cmocka_unit_test(without_data_a_filter_on_network_says_so),
		cmocka_unit_test(the_limit_cuts_rows_and_not_totals),
		cmocka_unit_test(reports_sort_by_any_column),
		cmocka_unit_test(ties_are_broken_by_the_key),
		cmocka_unit_test(an_unknown_column_is_named_with_those_that_are),
		cmocka_unit_test(unknown_is_empty_and_known_is_exact),
		cmocka_unit_test(an_export_stops_at_its_limit),
		cmocka_unit_test(rows_are_streamed),
		cmocka_unit_test(an_enriched_source_is_looked_up_once),
		cmocka_unit_test(a_sorted_export_is_total_and_stable),
		cmocka_unit_test(an_export_sorts_by_any_column),
		cmocka_unit_test(sorting_more_than_fits_is_a_clear_sentence),
		cmocka_unit_test(a_writers_failure_comes_back),
		cmocka_unit_test(redaction_hides_every_address_of_ours),
		cmocka_unit_test(a_question_says_how_finely_it_looks),
		cmocka_unit_test(positions_side_by_side_are_one_bot),
		cmocka_unit_test(machines_are_those_at_the_same_time),
		cmocka_unit_test(identifiers_are_read_as_they_are_written),
		cmocka_unit_test(halves_of_an_attack_are_joined),
		cmocka_unit_test(the_unknown_share_is_said),
		cmocka_unit_test(bytes_of_unknown_length_are_noted),
		cmocka_unit_test(times_at_the_ends_of_the_range_are_grouped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
