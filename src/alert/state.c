/*
 * state.c - what must survive a restart, as lines of text
 *
 *	grescope-alerts 1
 *	clock NS                        when it was written
 *	id NEXT
 *	bot NS FOLDED
 *	silence BUSY TOTAL LONGEST NS
 *	bucket WHICH TOKENS NS EXCESS SINCE WAIT
 *	usual CLASS RATE WEIGHT         by the class's word, so that numbers may move
 *	network ASN HOUR FIRST COUNT SUM SQUARES HOURS
 *	bad NS FOLDED NAME
 *	open STATE TOLD LAST TOLD_END FOLDED_PACKETS ID KIND LEVEL TROUBLE BEGIN FOLDED PACKETS BYTES SOURCES TARGETS PEAK USUAL RATE ASN
 *	+key ... +subject ... +network ... +country ... +class ... +text ...    of the one before, one a line
 *	sum XXH3                        of all that stands before it, in hexadecimal
 *
 * All of it or nothing: a checksum that fails, a line that is none or a number out of its range is damage. Lines of a kind that is not known are another version's, and so is the
 * file. Numbers that are not whole are written in millionths, so that no locale has a say in them.
 */
#include "alert/private.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD "grescope-alerts 1\n"
#define MILLION 1e6

static long long micro(double v)
{
	return isfinite(v) && fabs(v) < 9e12 ? llround(v * MILLION) : 0;
}

static const char *class_word(unsigned class_)
{
	return class_ < GS_CLASS_COUNT ? gs_class_word(class_) : "mixed";
}

static void write_slot(const struct slot *s, struct gs_buf *b)
{
	const struct gs_alert *al = &s->a;

	gs_buf_printf(b, "open %u %u %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %s %u %s %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %lld %lld %lld %u\n",
	              s->state, s->told, s->last.ns, s->told_end.ns, s->folded_packets, al->id, gs_alert_kind_word(al->kind), al->level,
	              al->trouble < GS_TROUBLE_COUNT ? gs_trouble_word(al->trouble) : "-", al->begin.ns, al->folded, al->packets, al->bytes, al->sources, al->targets, micro(al->peak),
	              micro(al->usual), micro(al->rate), al->asn);
	gs_buf_printf(b, "+key %s\n+subject %s\n+network %s\n+country %s\n+class %s\n+text %s\n", al->key, al->subject, al->network, al->country, class_word(al->class_), al->text);
}

void gs_alerts_write(const struct gs_alerts *a, struct gs_buf *b)
{
	const size_t start = b->len;

	gs_buf_puts(b, HEAD);
	gs_buf_printf(b, "clock %" PRId64 "\nid %" PRIu64 "\nbot %" PRId64 " %" PRIu64 "\n", a->now.ns, a->next_id, a->bot_last.ns, a->bot_folded);
	gs_buf_printf(b, "silence %lld %lld %lld %" PRId64 "\n", micro(a->silence.busy), micro(a->silence.total), micro(a->silence.longest), a->silence.last_packet.ns);
	for (unsigned i = 0; i < BUCKETS; i++)
		gs_buf_printf(b, "bucket %u %lld %" PRId64 " %" PRIu64 " %" PRId64 " %u\n", i, micro(a->buckets[i].tokens), a->buckets[i].filled.ns, a->buckets[i].excess,
		              a->buckets[i].excess_since.ns, a->buckets[i].wait_h);
	for (unsigned i = 0; i < FLOODS; i++)
		if (a->floods[i].usual > 0)
			gs_buf_printf(b, "usual %s %lld %lld\n", class_word(i), micro(a->floods[i].usual), micro(a->floods[i].weight));
	for (uint32_t i = 0; i < a->networks.count; i++) {
		const struct network *n = gs_map_at(&a->networks, i);
		gs_buf_printf(b, "network %u %d %d %u %lld %lld %lld\n", n->asn, n->hour, n->first_hour, n->count, micro(n->sum), micro(n->squares), micro(n->hours));
	}
	for (unsigned i = 0; i < a->n_bad; i++)
		if (a->bad[i].last.ns != NO_TIME.ns)
			gs_buf_printf(b, "bad %" PRId64 " %" PRIu64 " %s\n", a->bad[i].last.ns, a->bad[i].folded, a->bad[i].name);
	for (unsigned i = 0; i < GS_ALERT_OPEN_MAX; i++)
		if (a->slots[i].state != SLOT_FREE)
			write_slot(&a->slots[i], b);
	if (!b->failed)
		gs_buf_printf(b, "sum %016" PRIx64 "\n", (uint64_t)XXH3_64bits(b->data + start, b->len - start));
}

/* ---- reading ---- */

struct reader {
	struct gs_alerts *a;
	char *line;        /* NUL-terminated in place of its newline */
	char *at;          /* the next word of it */
	unsigned number;
	int slot;          /* the last `open`, -1: none yet */
	bool bad;          /* something in the line is not as it must be */
};

static const char *next_word(struct reader *r)
{
	char *word = r->at, *end = strchr(word, ' ');

	r->bad |= *word == '\0';
	if (end)
		*end++ = '\0';
	r->at = end ? end : word + strlen(word);
	return word;
}

static int64_t next_i64(struct reader *r)
{
	const char *word = next_word(r);
	char *end;
	const long long v = strtoll(word, &end, 10);

	r->bad |= *end != '\0' || end == word;
	return v;
}

static uint64_t next_u64(struct reader *r)
{
	const char *word = next_word(r);
	char *end;
	const unsigned long long v = strtoull(word, &end, 10);

	r->bad |= *end != '\0' || end == word || *word == '-';
	return v;
}

static uint32_t next_u32(struct reader *r, uint32_t max)
{
	const uint64_t v = next_u64(r);
	r->bad |= v > max;
	return v > max ? 0 : (uint32_t)v;
}

static int32_t next_hour(struct reader *r)
{
	const int64_t v = next_i64(r);
	r->bad |= v < 0 || v > 2562047; /* the end of gs_time */
	return (int32_t)v;
}

static double next_micro(struct reader *r)
{
	const double v = (double)next_i64(r) / MILLION;
	r->bad |= v < 0;
	return v;
}

static struct gs_time next_time(struct reader *r)
{
	return (struct gs_time){ next_i64(r) };
}

static unsigned class_of(struct reader *r, const char *word)
{
	const int c = gs_class_parse(word, strlen(word));

	if (c >= 0)
		return (unsigned)c;
	r->bad |= strcmp(word, "mixed") != 0;
	return GS_CLASS_COUNT;
}

static void read_clock(struct reader *r)
{
	next_time(r);
}

static void read_id(struct reader *r)
{
	r->a->next_id = next_u64(r);
}

static void read_bot(struct reader *r)
{
	r->a->bot_last = next_time(r);
	r->a->bot_folded = next_u64(r);
}

static void read_silence(struct reader *r)
{
	struct silence *q = &r->a->silence;

	q->busy = next_micro(r);
	q->total = next_micro(r);
	q->longest = next_micro(r);
	q->last_packet = next_time(r);
	r->bad |= q->busy > q->total;
}

static void read_bucket(struct reader *r)
{
	struct bucket *b = &r->a->buckets[next_u32(r, BUCKETS - 1)];

	b->tokens = fmin(next_micro(r), GS_ALERT_BURST);
	b->filled = next_time(r);
	b->excess = next_u64(r);
	b->excess_since = next_time(r);
	b->wait_h = next_u32(r, 24);
	b->wait_h += b->wait_h == 0;
	if (b->filled.ns > r->a->now.ns) /* the clock was set back meanwhile */
		b->filled = r->a->now;
}

static void read_usual(struct reader *r)
{
	struct flood *f = &r->a->floods[class_of(r, next_word(r))];

	f->usual = next_micro(r);
	f->weight = next_micro(r);
	r->bad |= f->weight > 1;
}

static void read_network(struct reader *r)
{
	const uint32_t asn = next_u32(r, UINT32_MAX);
	bool is_new;
	struct network n = { .asn = asn, .hour = next_hour(r), .slot = -1 }, *to;

	n.first_hour = next_hour(r);
	n.count = next_u32(r, UINT32_MAX);
	n.sum = (float)next_micro(r);
	n.squares = (float)next_micro(r);
	n.hours = (float)next_micro(r);
	if (r->bad)
		return;
	to = gs_map_get(&r->a->networks, network_hash(r->a, &asn), &asn, &is_new);
	r->bad |= !to || !is_new;
	if (to) {
		*to = n;
		r->a->counters.networks++;
	}
}

static void read_bad(struct reader *r)
{
	const struct gs_time last = next_time(r);
	const uint64_t folded = next_u64(r);
	const char *name = next_word(r);

	for (unsigned i = 0; i < r->a->n_bad; i++) /* one that is not named any more is nobody's */
		if (strcmp(r->a->bad[i].name, name) == 0) {
			r->a->bad[i].last = last;
			r->a->bad[i].folded = folded;
		}
}

static unsigned kind_of(struct reader *r, const char *word)
{
	for (unsigned i = 0; i < GS_ALERT_KINDS; i++)
		if (strcmp(word, gs_alert_kind_word(i)) == 0)
			return i;
	r->bad = true;
	return 0;
}

static unsigned trouble_of(struct reader *r, const char *word)
{
	for (unsigned i = 0; i < GS_TROUBLE_COUNT; i++)
		if (strcmp(word, gs_trouble_word(i)) == 0)
			return i;
	r->bad |= strcmp(word, "-") != 0;
	return GS_TROUBLE_COUNT;
}

static void read_open(struct reader *r)
{
	if (++r->slot >= GS_ALERT_OPEN_MAX) {
		r->bad = true;
		r->slot = GS_ALERT_OPEN_MAX - 1;
		return;
	}
	struct slot *s = &r->a->slots[r->slot];
	struct gs_alert *al = &s->a;
	*s = (struct slot){ .restored = true };
	s->state = (uint8_t)next_u32(r, SLOT_QUIET);
	r->bad |= s->state == SLOT_FREE;
	s->told = next_u32(r, 1);
	s->last = next_time(r);
	s->told_end = next_time(r);
	s->folded_packets = next_u64(r);
	*al = (struct gs_alert){ .id = next_u64(r), .class_ = GS_CLASS_COUNT, .end = NO_TIME };
	al->kind = (uint8_t)kind_of(r, next_word(r));
	al->level = (uint8_t)next_u32(r, GS_ALERT_LEVELS - 1);
	al->trouble = (uint8_t)trouble_of(r, next_word(r));
	al->begin = next_time(r);
	al->folded = next_u64(r);
	al->packets = next_u64(r);
	al->bytes = next_u64(r);
	al->sources = next_u64(r);
	al->targets = next_u64(r);
	al->peak = next_micro(r);
	al->usual = next_micro(r);
	al->rate = next_micro(r);
	al->asn = next_u32(r, UINT32_MAX);
}

static void read_part(struct reader *r, const char *name)
{
	struct gs_alert *al = r->slot >= 0 ? &r->a->slots[r->slot].a : NULL;

	if (!al)
		r->bad = true;
	else if (strcmp(name, "+key") == 0)
		gs_alert_clean(al->key, sizeof al->key, r->at);
	else if (strcmp(name, "+subject") == 0)
		gs_alert_clean(al->subject, sizeof al->subject, r->at);
	else if (strcmp(name, "+network") == 0)
		gs_alert_clean(al->network, sizeof al->network, r->at);
	else if (strcmp(name, "+country") == 0)
		gs_alert_clean(al->country, sizeof al->country, r->at);
	else if (strcmp(name, "+class") == 0)
		al->class_ = (uint8_t)class_of(r, r->at);
	else if (strcmp(name, "+text") == 0)
		gs_alert_clean(al->text, sizeof al->text, r->at);
	else
		r->bad = true;
	r->at += strlen(r->at);
}

static void read_line(struct reader *r)
{
	static const struct {
		const char *word;
		void (*read)(struct reader *r);
	} kinds[] = {
		{ "clock", read_clock }, { "id", read_id }, { "bot", read_bot }, { "silence", read_silence }, { "bucket", read_bucket },
		{ "usual", read_usual }, { "network", read_network }, { "bad", read_bad }, { "open", read_open },
	};

	r->at = r->line;
	const char *word = next_word(r);
	if (*word == '+') {
		read_part(r, word);
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(word, kinds[i].word) == 0) {
			kinds[i].read(r);
			r->bad |= *r->at != '\0';
			return;
		}
	r->bad = true;
}

/* Ties what was open to the rules that will end it. */
static void adopt(struct gs_alerts *a, int slot)
{
	struct slot *s = &a->slots[slot];
	const unsigned class_ = s->a.class_;

	if (s->state == SLOT_HELD)
		s->state = SLOT_ACTIVE;
	if (s->state != SLOT_ACTIVE)
		return;
	if (s->a.kind == GS_ALERT_NETWORK_SURGE) {
		network_restore_surge(a, slot);
	} else if (s->a.kind == GS_ALERT_FLOOD) {
		struct flood *f = &a->floods[class_];
		f->slot = slot;
		f->begin = s->a.begin;
		f->packets = s->a.packets;
		f->bytes = s->a.bytes;
		f->sources = s->a.sources;
		f->targets = s->a.targets;
		f->peak = s->a.peak;
		f->threshold = fmax((double)a->o.flood_pps, f->weight > 0 ? a->o.flood_factor * f->usual / f->weight : 0);
		f->open_s = a->now.ns > s->a.begin.ns ? (double)(a->now.ns - s->a.begin.ns) / 1e9 : 0;
	}
}

/* Forgets what a reading that failed has left. */
static void forget(struct gs_alerts *a, const struct gs_alerts *before)
{
	struct gs_map networks = a->networks, prefixes = a->bad_prefixes;
	struct bad *bad = a->bad;
	struct bad_asn *asns = a->bad_asns;

	gs_map_clear(&networks, 0);
	memcpy(a, before, sizeof *a);
	a->networks = networks;
	a->bad_prefixes = prefixes;
	a->bad = bad;
	a->bad_asns = asns;
	for (unsigned i = 0; i < a->n_bad; i++) {
		bad[i].last = NO_TIME;
		bad[i].folded = 0;
	}
}

static int read_lines(struct gs_alerts *a, char *text, struct gs_error *err)
{
	struct reader r = { .a = a, .slot = -1 };

	for (char *line = text, *end; *line; line = end) {
		end = strchr(line, '\n');
		*end++ = '\0';
		r.line = line;
		r.number++;
		if (r.number > 1)
			read_line(&r);
		if (r.bad)
			return gs_fail(err, GS_ERR_DAMAGED, "the state of alerts: line %u is none that was written here", r.number);
	}
	for (int i = 0; i <= r.slot; i++)
		adopt(a, i);
	return 0;
}

#define SUM_LINE (sizeof "sum 0123456789abcdef\n" - 1)

int gs_alerts_read(struct gs_alerts *a, const char *text, size_t len, struct gs_error *err)
{
	char want[SUM_LINE + 1];
	struct gs_alerts *before;
	char *copy;
	int r;

	if (len < sizeof HEAD - 1 || memcmp(text, HEAD, sizeof HEAD - 1) != 0)
		return gs_fail(err, GS_ERR_FORMAT, "the state of alerts does not begin with \"grescope-alerts 1\"");
	if (len < sizeof HEAD - 1 + SUM_LINE)
		return gs_fail(err, GS_ERR_DAMAGED, "the state of alerts has no checksum at its end");
	len -= SUM_LINE;
	snprintf(want, sizeof want, "sum %016" PRIx64 "\n", (uint64_t)XXH3_64bits(text, len));
	if (memcmp(text + len, want, SUM_LINE) != 0)
		return gs_fail(err, GS_ERR_DAMAGED, "the state of alerts does not fit its checksum");
	copy = malloc(len + 1);
	before = malloc(sizeof *before);
	if (!copy || !before) {
		free(copy);
		free(before);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	memcpy(before, a, sizeof *a);
	r = memchr(copy, '\0', len) || copy[len - 1] != '\n' ? gs_fail(err, GS_ERR_DAMAGED, "the state of alerts is no text") : read_lines(a, copy, err);
	if (r < 0)
		forget(a, before);
	free(copy);
	free(before);
	return r;
}
