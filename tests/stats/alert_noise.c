/*
 * alert_noise.c - how often alerts ring where there is nothing, and how little it needs until they do
 *
 * usage: alert_noise [--runs N] [--seed S] [--max-surges N] [--max-clumps N] [--max-silences N]
 *
 * Each run is half a year of one sensor: networks whose rates are as uneven as real ones (from a packet in two months to a few hundred an hour), each a Poisson process, or
 * one of clumps; with --days by the day also a rhythm of day and night. Nothing surges and nothing falls silent, by the making; what is told all the same is counted. Exit 1
 * past a --max.
 *
 * Then the other way round: networks of one packet a day, a week, an hour that begin to send k packets an hour: the least k that is told in more than half of the runs.
 */
#include "alert/alert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define T0 INT64_C(1699999200)
#define HOURS (26 * 7 * 24)

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double uniform(void)
{
	return ((double)(next() >> 11) + 0.5) / 9007199254740992.0;
}

static unsigned poisson(double mean)
{
	if (mean > 50) { /* normal, good enough for noise that is to be quiet */
		const double z = sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
		return (unsigned)fmax(0, mean + sqrt(mean) * z + 0.5);
	}
	const double limit = exp(-mean);
	unsigned n = 0;
	for (double p = uniform(); p > limit; p *= uniform())
		n++;
	return n;
}

struct told {
	unsigned surges, silences, news, many, others;
};

static void tell(void *arg, const struct gs_alert *a)
{
	struct told *t = arg;

	if (a->phase == GS_ALERT_END)
		return;
	if (a->kind == GS_ALERT_NETWORK_SURGE)
		t->surges++;
	else if (a->kind == GS_ALERT_TROUBLE && a->trouble == GS_TROUBLE_SILENCE)
		t->silences++;
	else if (a->kind == GS_ALERT_NETWORK_NEW)
		t->news++;
	else if (a->kind == GS_ALERT_NETWORK_MANY)
		t->many++;
	else
		t->others++;
}

static void find(void *arg, const struct gs_addr *a, struct gs_alert_network *ret)
{
	*ret = (struct gs_alert_network){ .asn = 1 + a->b[1] * 65536u + a->b[2] * 256u + a->b[3], .name = "", .country = "" };
}

static struct gs_alerts *make(struct told *t)
{
	const struct gs_alerts_options o = { .flood_pps = 1000, .surge_factor = 10, .window_s = 300 };
	const struct gs_alert_lookup lookup = { find, NULL };
	const struct gs_alert_sink sink = { tell, t };
	struct gs_alerts *a;

	if (gs_alerts_new(&o, &lookup, &sink, (struct gs_time){ T0 * GS_NS_PER_S }, &a, NULL) < 0)
		exit(2);
	return a;
}

static void sighting(struct gs_alerts *a, unsigned network, int64_t s, unsigned packets)
{
	const uint8_t b[4] = { 10, (uint8_t)(network >> 16), (uint8_t)(network >> 8), (uint8_t)network };
	const struct gs_time t = { (T0 + s) * GS_NS_PER_S };
	const struct gs_sighting g = { .src = gs_addr_v4(b), .class_ = GS_CLASS_REMNANT, .first = t, .last = t, .packets = packets, .sources = 1 };

	gs_alerts_sightings(a, &g, 1, t);
}

/* Ten-minute steps: enough for the rule of silence, and floods are not the subject. */
static void pulse(struct gs_alerts *a, int64_t s, unsigned packets)
{
	static struct gs_pulse_second p;

	gs_pulse_empty((struct gs_time){ (T0 + s - 1) * GS_NS_PER_S }, (struct gs_time){ (T0 + s) * GS_NS_PER_S }, &p);
	p.packets = p.class_[GS_CLASS_REMNANT].packets = packets;
	gs_alerts_pulse(a, &p);
}

enum { PLAIN, CLUMPS, DAYS, KINDS };
static const char *const kind_names[] = { "Poisson", "Poisson in clumps of 1 to 40", "Poisson, by day four times as much" };

static struct told half_a_year(unsigned kind, unsigned networks, double scale)
{
	struct told t = { 0 };
	struct gs_alerts *a = make(&t);
	double *rate = calloc(networks, sizeof *rate);

	for (unsigned i = 0; i < networks; i++) /* Pareto: most send next to nothing */
		rate[i] = fmin(300, 0.0007 * scale / pow(uniform(), 1.3));
	for (int h = 0; h < HOURS; h++)
		for (int slot = 0; slot < 6; slot++) {
			const int64_t s = h * 3600 + slot * 600;
			unsigned all = 0;
			for (unsigned i = 0; i < networks; i++) {
				double mean = rate[i] / 6;
				if (kind == DAYS)
					mean *= h % 24 < 12 ? 1.6 : 0.4;
				unsigned n = poisson(kind == CLUMPS ? mean / 20 : mean);
				for (unsigned k = kind == CLUMPS ? n : 0; k; k--)
					n += (unsigned)(next() % 40);
				if (n)
					sighting(a, i, s + 300, n);
				all += n;
			}
			pulse(a, s + 600, all);
		}
	free(rate);
	gs_alerts_free(a);
	return t;
}

/* How often a network of `mean` packets an hour that sends k in one hour is told, of 40. */
static unsigned heard(double mean, unsigned k)
{
	unsigned n = 0;

	for (unsigned run = 0; run < 40; run++) {
		struct told t = { 0 };
		struct gs_alerts *a = make(&t);
		for (int h = 0; h < 60 * 24; h++) {
			const unsigned packets = poisson(mean);
			if (packets)
				sighting(a, 0, h * 3600 + 60, packets);
		}
		t.surges = 0;
		for (unsigned i = 0; i < k; i++)
			sighting(a, 0, 60 * 86400 + 60 + i * (3000 / k), 1);
		n += t.surges != 0;
		gs_alerts_free(a);
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned runs = 4, max_surges = UINT32_MAX, max_clumps = UINT32_MAX, max_silences = UINT32_MAX, surges = 0, clumps = 0, silences = 0;

	state = 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		const unsigned v = (unsigned)strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--runs") == 0)
			runs = v;
		else if (strcmp(argv[i], "--seed") == 0)
			state = v;
		else if (strcmp(argv[i], "--max-surges") == 0)
			max_surges = v;
		else if (strcmp(argv[i], "--max-clumps") == 0)
			max_clumps = v;
		else if (strcmp(argv[i], "--max-silences") == 0)
			max_silences = v;
	}
	for (unsigned kind = 0; kind < KINDS; kind++) {
		static const struct { unsigned networks; double scale; } worlds[] = { { 1, 30 }, { 30, 1 }, { 300, 1 } };
		for (size_t w = 0; w < sizeof worlds / sizeof *worlds; w++) {
			struct told sum = { 0 };
			for (unsigned r = 0; r < runs; r++) {
				const struct told t = half_a_year(kind, worlds[w].networks, worlds[w].scale);
				sum.surges += t.surges;
				sum.silences += t.silences;
				sum.news += t.news;
				sum.others += t.others + t.many;
			}
			printf("%-36s %4u networks, %u half years: %u surges, %u silences, %u first appearances, %u others\n", kind_names[kind], worlds[w].networks, runs, sum.surges,
			       sum.silences, sum.news, sum.others);
			*(kind == CLUMPS ? &clumps : &surges) += sum.surges;
			silences += sum.silences;
		}
	}
	static const double means[] = { 1 / 168.0, 1 / 24.0, 1, 10, 100 };
	for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
		unsigned k = 1;
		while (k < 4000 && heard(means[m], k) <= 20)
			k += k < 100 ? 1 : 20;
		printf("usual %.3g an hour: a surge from %u packets within an hour on\n", means[m], k);
	}
	return surges > max_surges || clumps > max_clumps || silences > max_silences;
}
