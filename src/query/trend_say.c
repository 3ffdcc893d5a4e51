/*
 * trend_say.c - the answer in sentences: who stands out, whether it grows, how concentrated it is, how many machines may be behind it
 *
 * What is said of networks that stand out is tested for each of them: the level is shared among those that are named (Bonferroni).
 */
#include "query/trend_state.h"

#include "query/state.h"
#include "query/stats.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* -- words for numbers ------------------------------------------------------------------------------------------------------------------- */

const char *trend_ratio_text(struct gs_trend *t, double ratio)
{
	char text[32];

	snprintf(text, sizeof text, ratio >= 9.95 ? "%.0f" : ratio >= 0.095 ? "%.1f" : "%.2f", ratio);
	return gs_arena_strndup(t->arena, text, strlen(text));
}

/* From the logarithm, since p itself may be too small for a double. */
const char *trend_p_text(struct gs_trend *t, double log_p)
{
	const double ten = log_p / M_LN10;
	char text[48];

	if (log_p >= 0)
		return "1";
	if (ten >= -4) {
		snprintf(text, sizeof text, ten > -2 ? "%.2f" : "%.4f", exp(log_p));
	} else {
		const double exponent = floor(ten), digit = round(pow(10, ten - exponent));
		snprintf(text, sizeof text, "%.0fe%.0f", digit > 9 ? 1 : digit, digit > 9 ? exponent + 1 : exponent);
	}
	return gs_arena_strndup(t->arena, text, strlen(text));
}

static const char *grouped(struct gs_trend *t, uint64_t v)
{
	char digits[32], *p = digits + sizeof digits;
	unsigned n = 0;

	do {
		if (n && n % 3 == 0)
			*--p = ',';
		*--p = (char)('0' + v % 10);
		v /= 10;
		n++;
	} while (v);
	return gs_arena_strndup(t->arena, p, (size_t)(digits + sizeof digits - p));
}

static const char *percent(struct gs_trend *t, uint64_t part, uint64_t all)
{
	char text[16];
	const char *p = query_percent(all ? (double)part / (double)all : 0, text);

	return gs_arena_strndup(t->arena, p, strlen(p));
}

static const char *date_of(struct gs_trend *t, int64_t day)
{
	int64_t year;
	unsigned month, dom;

	gs_civil_from_days(day, &year, &month, &dom);
	return gs_arena_printf(t->arena, "%04d-%02u-%02u", (int)year, month, dom);
}

/* Packets a week as a person says them. */
static const char *amount(struct gs_trend *t, double v)
{
	const double size = fabs(v);

	return gs_arena_printf(t->arena, size >= 100 || size == floor(size) ? "%.0f" : size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.1g", size);
}

const char *trend_picture(struct gs_trend *t)
{
	static const char *const high[] = { "\u00b7", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { ".", "-", ":", "=", "+", "*", "#", "%", "@" };
	const unsigned most = t->q.picture ? t->q.picture : 53, step = (t->n_weeks + most - 1) / most, n = step ? (t->n_weeks + step - 1) / step : 0;
	double sums[TREND_MAX_WEEKS] = { 0 }, top = 0;
	char text[TREND_MAX_WEEKS * 3 + 1], *p = text;

	for (unsigned i = 0; i < t->n_weeks; i++) { /* the last columns are of as many weeks as each other; the first may be of fewer */
		const unsigned at = n - 1 - (t->n_weeks - 1 - i) / step;
		sums[at] += (double)t->packets[i];
		top = sums[at] > top ? sums[at] : top;
	}
	for (unsigned i = 0; i < n; i++) {
		const unsigned level = sums[i] > 0 ? 1 + (unsigned)fmin(7, floor(sums[i] / top * 8)) : 0;
		const char *c = (t->q.utf8 ? high : plain)[level];
		memcpy(p, c, strlen(c));
		p += strlen(c);
	}
	return gs_arena_strndup(t->arena, text, (size_t)(p - text));
}

/* -- collecting -------------------------------------------------------------------------------------------------------------------------- */

static void put(const char **list, unsigned *n, unsigned cap, const char *text)
{
	if (text && *n < cap)
		list[(*n)++] = text;
}

static void find(struct gs_trend *t, struct gs_meta *meta, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void find(struct gs_trend *t, struct gs_meta *meta, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	put(meta->findings, &meta->n_findings, sizeof meta->findings / sizeof *meta->findings, gs_arena_strndup(t->arena, text, strlen(text)));
}

static void note(struct gs_trend *t, struct gs_meta *meta, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void note(struct gs_trend *t, struct gs_meta *meta, const char *format, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	put(meta->notes, &meta->n_notes, sizeof meta->notes / sizeof *meta->notes, gs_arena_strndup(t->arena, text, strlen(text)));
}

static int stronger(const void *pa, const void *pb, void *arg)
{
	const struct gs_trend *t = arg;
	const struct trend_group *a = trend_group_at(t, *(const uint32_t *)pa), *b = trend_group_at(t, *(const uint32_t *)pb);

	if (a->log_p != b->log_p)
		return a->log_p < b->log_p ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* Those that stand out, the clearest first. NULL where memory ran out. */
static uint32_t *standing_out(struct gs_trend *t)
{
	uint32_t *list = malloc(((size_t)t->n_stand_out + 1) * sizeof *list), n = 0;

	for (uint32_t i = 0; list && i < t->groups.count; i++) {
		const struct trend_group *g = trend_group_at(t, i);
		if (g->stands_out && g->shown)
			list[n++] = i;
	}
	if (list)
		qsort_r(list, n, sizeof *list, stronger, t);
	return list;
}

/* AS3462 (Chunghwa Telecom Co., Ltd., TW). Names are strangers' words: cut, and cleaned by whoever prints them. */
static const char *name_of(struct gs_trend *t, uint32_t group, bool with_country)
{
	const struct trend_group *g = trend_group_at(t, group);
	const char *name = trend_string(t, g->name);
	size_t len = strlen(name);
	char country[3] = "";

	if (!with_country || !trend_country(t, group, country))
		country[0] = '\0';
	if (len > 60)
		for (len = 60; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80; len--)
			;
	if (!len && !country[0])
		return gs_arena_printf(t->arena, "AS%" PRIu32, g->id);
	return gs_arena_printf(t->arena, "AS%" PRIu32 " (%.*s%s%s)", g->id, (int)len, name, len && country[0] ? ", " : "", country);
}

/* -- who stands out ---------------------------------------------------------------------------------------------------------------------- */

static void say_first(struct gs_trend *t, struct gs_meta *meta, uint32_t group)
{
	const struct trend_group *g = trend_group_at(t, group);
	const bool most = (double)g->sums.packets > (double)t->all.packets / 2;

	find(t, meta, "%s %s: %s of %s packets, from %s%s of %s sources, %s times its share of the routed address space (p = %s).",
	     most ? "Most of the GRE comes from one network:" : t->n_stand_out == 1 ? "One network stands out:" : "The network that stands out most:",
	     name_of(t, group, true), grouped(t, g->sums.packets), grouped(t, t->all.packets), t->level ? "about " : "", grouped(t, trend_sources(t, g)),
	     grouped(t, t->sources), trend_ratio_text(t, g->ratio), trend_p_text(t, g->log_p));
}

static void say_others(struct gs_trend *t, struct gs_meta *meta, const uint32_t *list)
{
	char text[900] = "";
	size_t n = 0;

	for (uint32_t i = 1; i < t->n_stand_out && i < TREND_NAMED && n < sizeof text; i++) {
		const struct trend_group *g = trend_group_at(t, list[i]);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s %s, %s sources, %s times", i > 1 ? ";" : "", name_of(t, list[i], false),
		                      grouped(t, trend_sources(t, g)), trend_ratio_text(t, g->ratio));
	}
	if (t->n_stand_out > TREND_NAMED)
		find(t, meta, "Also:%s; and %s more.", text, grouped(t, t->n_stand_out - TREND_NAMED));
	else if (t->n_stand_out > 1)
		find(t, meta, "Also:%s.", text);
}

static void say_none(struct gs_trend *t, struct gs_meta *meta)
{
	double least = 1;
	uint64_t n = 0;

	for (uint32_t i = 1; i < t->groups.count; i++) {
		const struct trend_group *g = trend_group_at(t, i);
		if (!g->shown || g->log_p > 0)
			continue;
		n++;
		least = least > 0 || g->log_p < least ? g->log_p : least;
	}
	if (!gs_trend_can_tell(t))
		find(t, meta, "Which network stands out cannot be told: no network database lists address ranges.");
	else if (!t->tested)
		find(t, meta, "With --src or --country sources are no draw from the whole address space: no network is held against its share of it.");
	else if (n == 0)
		find(t, meta, "No network stands out: no IPv4 source lies in a network that the database knows.");
	else
		find(t, meta, "No network stands out: none of %s has more sources than its share of the address space lets expect (least p = %s).",
		     grouped(t, n), trend_p_text(t, least));
}

/* -- growth ------------------------------------------------------------------------------------------------------------------------------ */

static int compare_doubles(const void *pa, const void *pb)
{
	const double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

static double median(const double *y, size_t n, double *scratch)
{
	memcpy(scratch, y, n * sizeof *y);
	qsort(scratch, n, sizeof *scratch, compare_doubles);
	return (scratch[(n - 1) / 2] + scratch[n / 2]) / 2;
}

static void say_change(struct gs_trend *t, struct gs_meta *meta, const char *whom, double level)
{
	const double *y = t->series + t->whole_first;
	const struct stats_change c = stats_pettitt(y, t->n_whole);

	if (!c.at || c.p >= level)
		return;
	const double before = median(y, c.at, t->scratch), after = median(y + c.at, t->n_whole - c.at, t->scratch);
	find(t, meta, "%s changed in the week of %s: a median of %s packets a week before, %s from then on (Pettitt p = %s).", whom,
	     date_of(t, (t->first_week + t->whole_first + (int64_t)c.at) * 7 - 3), amount(t, before), amount(t, after), trend_p_text(t, log(c.p)));
}

/* t->series is that of what the sentence is about. */
static void say_growth(struct gs_trend *t, struct gs_meta *meta, const char *whom, double slope, double p, double level)
{
	const char *many = slope < 0 ? "less" : "more", *grows = slope < 0 ? "shrinks" : "grows";
	const struct stats_trend mk = stats_mann_kendall(t->series + t->whole_first, t->n_whole);

	if (p >= level && slope == 0)
		find(t, meta, "%s neither grows nor shrinks over %u whole weeks (Mann-Kendall p = %s).", whom, t->n_whole, trend_p_text(t, log(p)));
	else if (p >= level)
		find(t, meta, "%s shows no growth over %u whole weeks: %s packets a week %s each week may be chance (Mann-Kendall p = %s).", whom, t->n_whole,
		     amount(t, slope), many, trend_p_text(t, log(p)));
	else if (slope == 0)
		find(t, meta, "%s %s, but by so little that most weeks show none of it (Mann-Kendall p = %s over %u whole weeks).", whom,
		     mk.s < 0 ? "shrinks" : "grows", trend_p_text(t, log(p)), t->n_whole);
	else
		find(t, meta, "%s %s by %s packets a week each week (Mann-Kendall p = %s over %u whole weeks).", whom, grows, amount(t, slope),
		     trend_p_text(t, log(p)), t->n_whole);
}

static void say_trends(struct gs_trend *t, struct gs_meta *meta, const uint32_t *list, uint32_t n)
{
	if (t->n_whole < TREND_MIN_WEEKS) {
		find(t, meta, "Whether it grows cannot be told from %u whole week%s; %u are needed.", t->n_whole, t->n_whole == 1 ? "" : "s",
		     TREND_MIN_WEEKS);
		return;
	}
	trend_series(t, TREND_NONE);
	say_growth(t, meta, "All of it together", t->total_slope, t->total_p, TREND_GROWTH_LEVEL);
	say_change(t, meta, "Its level", TREND_GROWTH_LEVEL);
	for (uint32_t i = 0; i < n; i++) {
		const struct trend_group *g = trend_group_at(t, list[i]);
		char whom[24];
		if (!g->has_slope || (i && g->slope_p >= TREND_GROWTH_LEVEL / n))
			continue;
		snprintf(whom, sizeof whom, "AS%" PRIu32, g->id);
		trend_series(t, list[i]);
		say_growth(t, meta, whom, g->slope, g->slope_p, TREND_GROWTH_LEVEL / n);
		say_change(t, meta, whom, TREND_GROWTH_LEVEL / n);
	}
}

/* Of classes: which of them grow, tested as one family. */
static void say_classes(struct gs_trend *t, struct gs_meta *meta)
{
	const struct trend_group *top = NULL;

	for (uint32_t i = 1; i < t->groups.count; i++) {
		const struct trend_group *g = trend_group_at(t, i);
		if (!top || g->sums.packets > top->sums.packets)
			top = g;
	}
	if (top)
		find(t, meta, "%s is %s: %s of %s packets.", (double)top->sums.packets > (double)t->all.packets / 2 ? "Most of it" : "The largest part",
		     gs_class_word((uint8_t)(top->id - 1)), grouped(t, top->sums.packets), grouped(t, t->all.packets));
	say_trends(t, meta, NULL, 0);
	for (uint32_t i = 1; i < t->groups.count && t->n_whole >= TREND_MIN_WEEKS; i++) {
		const struct trend_group *g = trend_group_at(t, i);
		const double level = TREND_GROWTH_LEVEL / (double)(t->groups.count - 1);
		if (!g->has_slope || g->slope_p >= level || t->groups.count == 2)
			continue;
		trend_series(t, i);
		say_growth(t, meta, gs_class_word((uint8_t)(g->id - 1)), g->slope, g->slope_p, level);
	}
}

/* -- after the table --------------------------------------------------------------------------------------------------------------------- */

static int larger_first(const void *pa, const void *pb)
{
	const uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
	return (a < b) - (a > b);
}

static uint64_t top_sum(struct gs_trend *t, const uint64_t *v, size_t n, size_t top)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n && i < top; i++)
		sum = query_add(sum, v[i], &t->saturated);
	return sum;
}

static int say_concentration(struct gs_trend *t, struct gs_meta *meta)
{
	const size_t n = t->groups.count - 1; /* without what no network is known of */
	uint64_t *packets = malloc((n + 1) * sizeof *packets), *sources = malloc((n + 1) * sizeof *sources);

	if (!packets || !sources) {
		free(packets);
		free(sources);
		return GS_ERR_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct trend_group *g = trend_group_at(t, (uint32_t)i + 1);
		packets[i] = g->sums.packets;
		sources[i] = trend_sources(t, g);
	}
	qsort(packets, n, sizeof *packets, larger_first);
	qsort(sources, n, sizeof *sources, larger_first);
	const double h = stats_herfindahl(packets, n);
	if (n > 1 && h > 0)
		find(t, meta, "Concentration: of %s networks the first holds %s of the packets, the first 5 %s, the first 10 %s (of the sources %s, %s, %s). "
		     "Herfindahl index of packets %.3f: as if %.1f networks had sent alike.", grouped(t, n),
		     percent(t, packets[0], t->all.packets), percent(t, top_sum(t, packets, n, 5), t->all.packets),
		     percent(t, top_sum(t, packets, n, 10), t->all.packets), percent(t, sources[0], t->sources),
		     percent(t, top_sum(t, sources, n, 5), t->sources), percent(t, top_sum(t, sources, n, 10), t->sources), h, 1 / h);
	free(packets);
	free(sources);
	return 0;
}

static void say_machines(struct gs_trend *t, struct gs_meta *meta, uint32_t group)
{
	const struct trend_group *g = trend_group_at(t, group);
	const uint64_t most = trend_sources(t, g);
	int64_t day;
	uint64_t least = trend_busiest_day(t, group, &day);

	least = least > most ? most : least; /* both may be estimates */
	if (g->bots)
		find(t, meta, "Machines: %s bot process%s proven behind the addresses of AS%" PRIu32 ".", grouped(t, g->bots), g->bots == 1 ? " is" : "es are", g->id);
	if (most < 2 || least == 0)
		return;
	find(t, meta, "Machines behind the %s%s addresses of AS%" PRIu32 ": %s to %s. At least %s, the addresses of one day (%s), if a machine keeps its address "
	     "for a day; at most %s, if none stands for several machines. In a pool that hands out addresses anew the truth is nearer the lower end.",
	     t->level ? "about " : "", grouped(t, most), g->id, grouped(t, least), grouped(t, most), grouped(t, least), date_of(t, day), grouped(t, most));
}

/* -- what must be known ------------------------------------------------------------------------------------------------------------------ */

static void note_weeks(struct gs_trend *t, struct gs_meta *meta)
{
	const bool first = t->whole_first != 0, last = t->n_weeks > t->whole_first + t->n_whole;

	if (t->n_weeks && (first || last))
		note(t, meta, "%s%s%s%s%s not whole: in the counts, not in the slopes, which rest on %u week%s", first ? "the week of " : "",
		     first ? date_of(t, t->first_week * 7 - 3) : "", first && last ? " and " : "", last ? "the week of " : "",
		     last ? gs_arena_printf(t->arena, "%s %s", date_of(t, (t->first_week + t->n_weeks - 1) * 7 - 3), first ? "are" : "is") : " is", t->n_whole,
		     t->n_whole == 1 ? "" : "s");
	if (t->early_packets)
		note(t, meta, "weeks before the one of %s are in the counts, not in the series, which has the last %u weeks of what was seen (%s packets; "
		     "--until ends it earlier)", date_of(t, t->first_week * 7 - 3), TREND_MAX_WEEKS, grouped(t, t->early_packets));
	if (t->cut_groups)
		note(t, meta, "%s networks have no series: their weeks do not fit in memory (--memory); %s packets, which the counts have", grouped(t, t->cut_groups),
		     grouped(t, t->cut_packets));
}

static void note_rest(struct gs_trend *t, struct gs_meta *meta)
{
	const struct trend_group *unknown = trend_group_at(t, 0);
	char pins[ORIGIN_PINS_TEXT];
	uint64_t folded = 0;

	if (query_origins_say(&t->origins, t->pinned_packets, t->all.packets, pins))
		note(t, meta, "%s", pins);

	for (uint32_t i = 0; i < t->groups.count; i++)
		folded = query_add(folded, trend_group_at(t, i)->folded, &t->saturated);
	if (unknown->sums.packets && t->q.by == GS_TREND_NETWORK && gs_trend_can_tell(t))
		note(t, meta, "network unknown for %s of packets and %s of sources", percent(t, unknown->sums.packets, t->all.packets),
		     percent(t, trend_sources(t, unknown), t->sources));
	if (t->tested && t->sources6)
		note(t, meta, "%s IPv6 sources are in the counts, not in the test: only IPv4 has a size that sources can be held against",
		     grouped(t, t->sources6 << t->level));
	if (t->level)
		note(t, meta, "sources are estimated: more than fit in memory, one in %s was kept; shares and tests rest on %s of them; packets are exact",
		     grouped(t, UINT64_C(1) << t->level), grouped(t, t->sources4 + t->sources6));
	if (folded)
		note(t, meta, "%s sources came as numbers, without addresses, as an estimate for each window and destination: a source in several of them is "
		     "counted several times; their network is unknown", grouped(t, folded));
	if (t->overflow)
		note(t, meta, "more networks than fit in memory: %s packets of others count as unknown", grouped(t, t->overflow));
	if (t->saturated)
		note(t, meta, "a count is larger than can be written and stands at its limit, 2^64 - 1");
	if ((t->q.filter.n_asn || t->q.filter.n_country) && !t->enrich && !t->q.pins)
		note(t, meta, "no network or place data: a filter on network or country matches nothing");
}

int trend_say(struct gs_trend *t, struct gs_meta *meta)
{
	const bool by_network = t->q.by == GS_TREND_NETWORK;
	int r = 0;

	meta->n_findings = meta->n_findings_first = 0;
	if (t->all_sightings && by_network) {
		uint32_t *list = standing_out(t);
		if (!list)
			return GS_ERR_NOMEM;
		if (t->n_stand_out)
			say_first(t, meta, list[0]);
		else
			say_none(t, meta);
		say_others(t, meta, list);
		say_trends(t, meta, list, t->n_stand_out < TREND_NAMED ? t->n_stand_out : TREND_NAMED);
		meta->n_findings_first = meta->n_findings;
		r = say_concentration(t, meta);
		if (t->n_stand_out)
			say_machines(t, meta, list[0]);
		free(list);
	} else if (t->all_sightings) {
		say_classes(t, meta);
		meta->n_findings_first = meta->n_findings;
	}
	note_weeks(t, meta);
	note_rest(t, meta);
	return r;
}
