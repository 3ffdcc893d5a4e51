/*
 * scene.c - many packets of few kinds from many networks, drawn by a seeded generator
 *
 * A list of networks (prefixes, how many sources, how far away) and of shapes (packet statements with $variables and a weight) stays short and
 * reviewable where the packets themselves would not. Integers only, so that the result is the same on every machine.
 *
 * Each source draws, in this order: its address, hops, byte order, shape, its own variables, how many packets, when. Each packet then draws its
 * time, identification and variables. One generator runs through the whole scene: a change on one line changes what comes after it.
 */
#include "mkpcap.h"

#include <stdio.h>
#include <string.h>

#define MAX_NETWORKS 512
#define MAX_PREFIXES 8
#define MAX_SHAPES 32
#define MAX_DRAWS 24
#define MAX_CHOICES 16
#define MAX_SOURCES 100000
#define MAX_TRIES 1000

struct draw {
	const char *name;
	bool per_source;
	unsigned n;                 /* choices, each equally likely */
	struct gs_prefix prefixes[MAX_CHOICES];
	uint64_t low, high;         /* of a range, where n is 0 */
};

struct shape {
	const char *name;
	uint64_t weight;
	struct mk_words words;
	unsigned line;
};

struct network {
	struct gs_prefix prefixes[MAX_PREFIXES];
	unsigned n_prefixes;
	uint64_t sources, hops_low, hops_high;
	const struct shape *shape;  /* NULL: by weight */
	unsigned line;
};

struct mk_scene {
	struct gs_time from, to;
	uint64_t state;             /* of the generator */
	uint64_t once, again, most, big; /* per cent; most is a number */
	int64_t span_ns;
	struct draw draws[MAX_DRAWS];
	struct shape shapes[MAX_SHAPES];
	struct network networks[MAX_NETWORKS];
	unsigned n_draws, n_shapes, n_networks;

	uint32_t *seen;             /* addresses of the sources so far */
	unsigned n_seen;

	/* of the source and packet at hand */
	char values[MAX_DRAWS][GS_ADDR_TEXT_MAX];
	char src[GS_ADDR_TEXT_MAX], ttl[8], id[8], mate[8];
	bool big_endian;
};

static int option_number(struct mk *mk, struct mk_words *w, const char *name, uint64_t max, uint64_t *ret)
{
	struct mk_words at = *w;
	const char *value;

	if (!mk_words_option(w, name, &value))
		return 1;
	return mk_number(value, max, ret) ? 0 : mk_expected(mk, &at, "%s and a number up to %llu", name, (unsigned long long)max);
}

static bool take_time(struct mk_words *w, struct gs_time *ret)
{
	if (mk_words_end(w) || !gs_time_parse(w->t[w->i].text, strlen(w->t[w->i].text), ret))
		return false;
	w->i++;
	return true;
}

/* scene FROM > TO seed N [once PERCENT] [again PERCENT] [most N] [span DURATION] [big PERCENT] */
static int scene_open(struct mk *mk, struct mk_words *w)
{
	struct mk_scene *s = gs_arena_alloc(mk->arena, sizeof *s);
	bool seeded = false;

	if (!s)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory");
	s->seen = gs_arena_alloc(mk->arena, MAX_SOURCES * sizeof *s->seen);
	if (!s->seen)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory");
	*s = (struct mk_scene){ .seen = s->seen, .once = 100, .again = 50, .most = 10, .span_ns = 86400 * GS_NS_PER_S };
	if (!take_time(w, &s->from) || !mk_words_take(w, ">") || !take_time(w, &s->to) || s->to.ns <= s->from.ns)
		return mk_expected(mk, w, "scene FROM > TO, two times in order");
	while (!mk_words_end(w)) {
		struct mk_words at = *w;
		const char *value;
		int r = option_number(mk, w, "seed", UINT64_MAX, &s->state);
		if (r == 0)
			seeded = true;
		else if (mk_words_option(w, "span", &value))
			r = mk_duration(value, &s->span_ns) ? 0 : mk_expected(mk, &at, "span and a duration such as 30d");
		r = r != 1 ? r : option_number(mk, w, "once", 100, &s->once);
		r = r != 1 ? r : option_number(mk, w, "again", 99, &s->again);
		r = r != 1 ? r : option_number(mk, w, "most", 10000, &s->most);
		r = r != 1 ? r : option_number(mk, w, "big", 100, &s->big);
		if (r == 1)
			r = mk_expected(mk, w, "seed, once, again, most, span or big");
		if (r < 0)
			return r;
	}
	if (!seeded)
		return mk_expected(mk, w, "seed and a number");
	mk->scene = s;
	return 0;
}

static bool range(const char *text, uint64_t max, uint64_t *ret_low, uint64_t *ret_high)
{
	const char *dots = strstr(text, "..");
	char low[24];

	if (!dots || (size_t)(dots - text) >= sizeof low)
		return false;
	memcpy(low, text, (size_t)(dots - text));
	low[dots - text] = '\0';
	return mk_number(low, max, ret_low) && mk_number(dots + 2, max, ret_high) && *ret_low <= *ret_high;
}

/* draw NAME source|packet PREFIX... | LOW..HIGH */
static int draw_add(struct mk *mk, struct mk_words *w)
{
	struct mk_scene *s = mk->scene;
	struct draw *d = &s->draws[s->n_draws];

	if (s->n_draws == MAX_DRAWS || mk_words_end(w))
		return mk_expected(mk, w, "a name; at most %d of them", MAX_DRAWS);
	d->name = w->t[w->i++].text;
	if (mk_words_take(w, "source"))
		d->per_source = true;
	else if (!mk_words_take(w, "packet"))
		return mk_expected(mk, w, "source or packet");
	if (!mk_words_end(w) && range(w->t[w->i].text, UINT64_MAX - 1, &d->low, &d->high))
		w->i++;
	else
		while (!mk_words_end(w) && d->n < MAX_CHOICES && gs_prefix_parse(w->t[w->i].text, strlen(w->t[w->i].text), &d->prefixes[d->n]) &&
		       d->prefixes[d->n].base.family == 4) {
			d->n++;
			w->i++;
		}
	if (!mk_words_end(w) || (d->n == 0 && d->high == 0))
		return mk_expected(mk, w, "LOW..HIGH or up to %d IPv4 prefixes", MAX_CHOICES);
	s->n_draws++;
	return 0;
}

/* shape NAME weight N : LAYERS */
static int shape_add(struct mk *mk, struct mk_words *w)
{
	struct mk_scene *s = mk->scene;
	struct shape *p = &s->shapes[s->n_shapes];

	if (s->n_shapes == MAX_SHAPES || mk_words_end(w))
		return mk_expected(mk, w, "a name; at most %d shapes", MAX_SHAPES);
	p->line = w->t[w->i].line;
	p->name = w->t[w->i++].text;
	int r = option_number(mk, w, "weight", 1000000, &p->weight);
	if (r < 0)
		return r;
	if (r == 1 || !mk_words_take(w, ":") || mk_words_end(w))
		return mk_expected(mk, w, "shape NAME weight N : LAYERS");
	p->words = *w;
	w->i = w->n;
	s->n_shapes++;
	return 0;
}

static const struct shape *shape_named(const struct mk_scene *s, const char *name)
{
	for (unsigned i = 0; i < s->n_shapes; i++)
		if (strcmp(s->shapes[i].name, name) == 0)
			return &s->shapes[i];
	return NULL;
}

/* network PREFIX... sources N hops LOW..HIGH [shape NAME] */
static int network_add(struct mk *mk, struct mk_words *w)
{
	struct mk_scene *s = mk->scene;
	struct network *n = &s->networks[s->n_networks];

	if (s->n_networks == MAX_NETWORKS || mk_words_end(w))
		return mk_expected(mk, w, "a prefix; at most %d networks", MAX_NETWORKS);
	n->line = w->t[w->i].line;
	while (!mk_words_end(w) && n->n_prefixes < MAX_PREFIXES &&
	       gs_prefix_parse(w->t[w->i].text, strlen(w->t[w->i].text), &n->prefixes[n->n_prefixes]) &&
	       n->prefixes[n->n_prefixes].base.family == 4) {
		n->n_prefixes++;
		w->i++;
	}
	if (n->n_prefixes == 0)
		return mk_expected(mk, w, "an IPv4 prefix");
	while (!mk_words_end(w)) {
		struct mk_words at = *w;
		const char *value;
		int r = option_number(mk, w, "sources", MAX_SOURCES, &n->sources);
		if (r == 1 && mk_words_option(w, "hops", &value))
			r = range(value, 63, &n->hops_low, &n->hops_high) ? 0 : mk_expected(mk, &at, "hops and LOW..HIGH, up to 63");
		if (r == 1 && mk_words_option(w, "shape", &value))
			r = (n->shape = shape_named(s, value)) ? 0 : mk_expected(mk, &at, "shape and the name of one defined above");
		if (r == 1)
			r = mk_expected(mk, w, "sources, hops or shape");
		if (r < 0)
			return r;
	}
	if (n->sources == 0 || n->hops_high == 0)
		return mk_expected(mk, w, "sources N and hops LOW..HIGH");
	s->n_networks++;
	return 0;
}

static uint32_t address_in(struct mk_scene *s, const struct gs_prefix *p)
{
	uint32_t base = (uint32_t)p->base.b[0] << 24 | (uint32_t)p->base.b[1] << 16 | (uint32_t)p->base.b[2] << 8 | p->base.b[3];
	return base + (uint32_t)mk_random_below(&s->state, UINT64_C(1) << (32 - p->len));
}

static void address_text(uint32_t v, char out[GS_ADDR_TEXT_MAX])
{
	uint8_t b[4];
	mk_be32(b, v);
	struct gs_addr a = gs_addr_v4(b);
	gs_addr_format(&a, out);
}

/* A new address whose last octet is a host's in a /24. */
static int source_address(struct mk *mk, const struct network *n)
{
	struct mk_scene *s = mk->scene;

	for (unsigned try = 0; try < MAX_TRIES && s->n_seen < MAX_SOURCES; try++) {
		uint32_t v = address_in(s, &n->prefixes[mk_random_below(&s->state, n->n_prefixes)]);
		unsigned i = 0;
		if ((v & 255) == 0 || (v & 255) == 255)
			continue;
		while (i < s->n_seen && s->seen[i] != v)
			i++;
		if (i < s->n_seen)
			continue;
		s->seen[s->n_seen++] = v;
		address_text(v, s->src);
		return 0;
	}
	return mk_fail_at(mk, n->line, "expected prefixes with room for %llu sources", (unsigned long long)n->sources);
}

static void draw_values(struct mk_scene *s, bool per_source)
{
	for (unsigned i = 0; i < s->n_draws; i++) {
		const struct draw *d = &s->draws[i];
		if (d->per_source != per_source)
			continue;
		if (d->n)
			address_text(address_in(s, &d->prefixes[mk_random_below(&s->state, d->n)]), s->values[i]);
		else
			snprintf(s->values[i], sizeof s->values[i], "%llu",
				 (unsigned long long)(d->low + mk_random_below(&s->state, d->high - d->low + 1)));
	}
}

/* Two identifications that add up to 999 in the sender's byte order; the outer one is never 0. */
static void draw_ids(struct mk_scene *s)
{
	uint16_t id = (uint16_t)(1 + mk_random_below(&s->state, 65535)), mate = (uint16_t)(999 - id);

	snprintf(s->id, sizeof s->id, "%u", s->big_endian ? id : __builtin_bswap16(id));
	snprintf(s->mate, sizeof s->mate, "%u", s->big_endian ? mate : __builtin_bswap16(mate));
}

/* The text of a variable, NULL for one that is not known. */
static const char *variable(const struct mk_scene *s, const char *name)
{
	if (strcmp(name, "src") == 0)
		return s->src;
	if (strcmp(name, "ttl") == 0)
		return s->ttl;
	if (strcmp(name, "id") == 0)
		return s->id;
	if (strcmp(name, "mate") == 0)
		return s->mate;
	for (unsigned i = 0; i < s->n_draws; i++)
		if (strcmp(name, s->draws[i].name) == 0)
			return s->values[i];
	return NULL;
}

static int play_packet(struct mk *mk, const struct shape *p)
{
	struct mk_scene *s = mk->scene;
	struct mk_token tokens[256];

	if (p->words.n - p->words.i > 256)
		return mk_fail_at(mk, p->line, "expected at most 256 words in a shape");
	draw_ids(s);
	draw_values(s, false);
	struct mk_words w = { tokens, 0, 0 };
	for (unsigned i = p->words.i; i < p->words.n; i++) {
		struct mk_token t = p->words.t[i];
		if (!t.quoted && t.text[0] == '$' && !(t.text = variable(s, t.text + 1)))
			return mk_fail_at(mk, t.line, "expected src, ttl, id, mate or a drawn name behind $, found `%s'", p->words.t[i].text);
		tokens[w.n++] = t;
	}
	int r = mk_packet_parse(mk, &w);
	return r < 0 ? r : mk_packet_emit(mk, 0);
}

static const struct shape *choose_shape(struct mk_scene *s, const struct network *n)
{
	uint64_t sum = 0;

	if (n->shape)
		return n->shape;
	for (unsigned i = 0; i < s->n_shapes; i++)
		sum += s->shapes[i].weight;
	if (sum == 0)
		return NULL;
	uint64_t at = mk_random_below(&s->state, sum);
	for (unsigned i = 0; i < s->n_shapes; i++) {
		if (at < s->shapes[i].weight)
			return &s->shapes[i];
		at -= s->shapes[i].weight;
	}
	return NULL;
}

static int play_source(struct mk *mk, const struct network *n)
{
	struct mk_scene *s = mk->scene;
	int r = source_address(mk, n);

	if (r < 0)
		return r;
	snprintf(s->ttl, sizeof s->ttl, "%u", (unsigned)(64 - n->hops_low - mk_random_below(&s->state, n->hops_high - n->hops_low + 1)));
	s->big_endian = mk_random_below(&s->state, 100) < s->big;
	const struct shape *p = choose_shape(s, n);
	if (!p)
		return mk_fail_at(mk, n->line, "expected shapes whose weights add up to more than 0");
	draw_values(s, true);
	uint64_t packets = 1;
	if (mk_random_below(&s->state, 100) >= s->once)
		for (packets = 2; packets < s->most && mk_random_below(&s->state, 100) < s->again;)
			packets++;
	int64_t whole = s->to.ns - s->from.ns, span = packets == 1 ? 0 : s->span_ns < whole ? s->span_ns : whole;
	int64_t start = s->from.ns + (int64_t)mk_random_below(&s->state, (uint64_t)(whole - span) + 1);
	for (uint64_t k = 0; k < packets; k++) {
		int64_t ns = start + (int64_t)mk_random_below(&s->state, (uint64_t)span + 1);
		mk->now.ns = ns - ns % 1000;
		r = play_packet(mk, p);
		if (r < 0)
			return r;
	}
	return 0;
}

static int play(struct mk *mk)
{
	struct mk_scene *s = mk->scene;
	struct gs_time now = mk->now;

	for (unsigned i = 0; i < s->n_networks; i++)
		for (uint64_t k = 0; k < s->networks[i].sources; k++) {
			int r = play_source(mk, &s->networks[i]);
			if (r < 0)
				return r;
		}
	mk->now = now;
	mk->scene = NULL;
	return 0;
}

int mk_scene_statement(struct mk *mk, struct mk_words *w)
{
	static const struct {
		const char *word;
		int (*add)(struct mk *mk, struct mk_words *w);
	} statements[] = { { "draw", draw_add }, { "shape", shape_add }, { "network", network_add } };

	if (mk_words_take(w, "scene"))
		return mk->scene ? mk_expected(mk, w, "play before the next scene") : scene_open(mk, w);
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (mk_words_take(w, statements[i].word))
			return mk->scene ? statements[i].add(mk, w) : mk_expected(mk, w, "scene before %s", statements[i].word);
	if (!mk_words_take(w, "play"))
		return 1;
	if (!mk->scene || !mk_words_end(w))
		return mk_expected(mk, w, mk->scene ? "the end of the statement" : "scene before play");
	return play(mk);
}
