/* bulk_proof.c - one packet in bulk: bots are always proven, nothing else ever, and no packet claims more evidence than it holds */
#include "bulk.h"

#include "decode/decode.h"
#include "source/source.h"

/* ---- true positives ---- */

struct setting {
	const char *name;
	unsigned masklen;          /* of the target; 0: a single address */
	int32_t sport, dport, ident;
	bool spoofed, gcip;
	size_t cap;                /* octets of the IP packet captured; 0: all */
	bool quoted;               /* by a router, cap octets of it */
	unsigned least[2];         /* greip, greeth: octets of data from which on it must be proven */
	unsigned least_state[2];   /* and the state known */
};

#define PLAIN .sport = -1, .dport = -1, .ident = -1

/* What must be proven from where on follows from counting bits: gre-threats, section 2, and part "evidence" below. */
static const struct setting settings[] = {
	{ "default", PLAIN, .least = { 8, 0 }, .least_state = { 12, 0 } },
	{ "target /24", PLAIN, .masklen = 24, .least = { 8, 0 }, .least_state = { 12, 0 } },
	{ "target /8", PLAIN, .masklen = 8, .least = { 8, 0 }, .least_state = { 12, 0 } },
	{ "target /31", PLAIN, .masklen = 31, .least = { 8, 0 }, .least_state = { 12, 0 } },
	{ "spoofed source", PLAIN, .spoofed = true, .least = { 8, 0 }, .least_state = { 12, 0 } },
	{ "spoofed, /24", PLAIN, .spoofed = true, .masklen = 24, .least = { 8, 0 }, .least_state = { 12, 0 } },
	{ "ports fixed", .sport = 53, .dport = 80, .ident = -1, .least = { 16, 4 }, .least_state = { 16, 4 } },
	{ "constant inner", PLAIN, .gcip = true, .least = { 12, 0 }, .least_state = { 16, 4 } },
	{ "id fixed", .sport = -1, .dport = -1, .ident = 4242, .least = { 12, 0 }, .least_state = { 12, 0 } },
	{ "all fixed", .sport = 53, .dport = 80, .ident = 4242, .gcip = true, .least = { 20, 8 }, .least_state = { 20, 8 } },
};

static struct bot_orders orders_of(const struct setting *s, bool greeth, unsigned len)
{
	struct bot_orders o = orders_for(greeth, len);
	o.sport = s->sport;
	o.dport = s->dport;
	o.ident = s->ident;
	o.gcip = s->gcip;
	if (s->spoofed)
		o.source = -1;
	if (s->masklen)
		o.target[0] = (struct bot_target){ SENSOR & (uint32_t)(UINT64_C(0xffffffff) << (32 - s->masklen)), s->masklen };
	return o;
}

/* The packet as a decoder meets it: in an Ethernet frame, or the first `cap` octets of it in a router's ICMP error. */
static bool input_through_decoder(const uint8_t *ip, size_t len, size_t cap, bool quoted, uint8_t *frame, struct gs_bot_input *ret)
{
	struct gs_packet p;
	size_t at = 14;
	memset(frame, 0, 14);
	frame[12] = 8;
	if (quoted) {
		uint8_t *error = frame + at;
		memset(error, 0, 28);
		error[0] = 0x45;
		error[2] = (uint8_t)((28 + cap) >> 8);
		error[3] = (uint8_t)(28 + cap);
		error[8] = 61;
		error[9] = 1;
		memcpy(error + 12, (const uint8_t[]){ 203, 0, 113, 1, 192, 0, 2, 101 }, 8);
		bot_ip_checksum(error);
		error[20] = 3;
		error[21] = 2;
		at += 28;
	}
	const size_t captured = cap && cap < len ? cap : len;
	memcpy(frame + at, ip, captured);
	const struct gs_frame f = { .data = frame, .caplen = (uint32_t)(at + captured), .wirelen = (uint32_t)(quoted ? at + captured : 14 + len), .sampling = 1,
		                    .number = 1, .linktype = GS_LINK_ETHERNET };
	gs_decode(&f, &p);
	return gs_bot_input_from_packet(&p, &f, ret);
}

struct tally {
	uint64_t packets, proven, state, fields_wrong;
};

/* A packet of a bot that knows what it drew. A fixed port equals the draw before it once in 65536: then the fields are taken for drawn; counted, not wrong. */
static void judge(struct bulk *b, const struct setting *s, const struct bot_orders *o, const struct bot *before, const struct bot *after, const struct gs_bot_input *in,
                  struct tally *t)
{
	struct gs_bot_proof p;
	gs_bot_prove(in, GS_BOT_FULL, &p);
	t->packets++;
	t->proven += p.level == GS_BOT_LEVEL_PROVEN;
	if (p.level != GS_BOT_LEVEL_PROVEN)
		return;
	BULK_HOLDS(b, p.bits >= GS_BOT_PROOF_BITS, "%s: %u bits", s->name, p.bits);
	BULK_HOLDS(b, p.byte_order == (before->big_endian ? GS_BOT_BIG : GS_BOT_LITTLE), "%s", s->name);
	BULK_HOLDS(b, p.flood == (o->greeth ? GS_BOT_GREETH : GS_BOT_GREIP), "%s", s->name);
	BULK_HOLDS(b, !s->masklen || !p.has_state || p.prefixes & 1u << s->masklen, "%s: prefixes %x", s->name, p.prefixes);
	t->state += p.has_state;
	if (p.has_state && (!state_is(&p.before, before) || !state_is(&p.after, after) || p.draws != after->draws - before->draws))
		t->fields_wrong++;
}

static void run(struct bulk *b, const struct setting *s, bool greeth, bool big, unsigned len, unsigned n, uint64_t *at, struct tally *t)
{
	const struct bot_orders o = orders_of(s, greeth, len);
	struct bot_attack a;
	uint8_t ip[BOT_MAX_PACKET], frame[BOT_MAX_PACKET + 64];
	for (unsigned i = 0; i < n; i++) {
		if (i % 50 == 0) {
			struct bot any;
			any_bot(&any, at, big);
			bot_attack_start(&a, &any, &o, OWN);
		}
		struct bot before = a.bot;
		if (s->masklen)
			bot_draw(&before);
		const size_t ip_len = bot_attack_packet(&a, 0, 12, ip);
		struct gs_bot_input in;
		if (s->cap ? input_through_decoder(ip, ip_len, s->cap, s->quoted, frame, &in) : gs_bot_input_from_ipv4(ip, ip_len, &in))
			judge(b, s, &o, &before, &a.bot, &in, t);
		else
			t->packets++;
	}
}

/* All floods and byte orders of a setting at a length. */
static void measure(struct bulk *b, const struct setting *s, unsigned len, unsigned seen, unsigned n, uint64_t *at)
{
	for (int greeth = 0; greeth < 2; greeth++) {
		const bool proves = seen >= s->least[greeth], has_state = seen >= s->least_state[greeth];
		for (int big = 0; big < 2; big++) {
			struct tally t = { 0 };
			run(b, s, greeth, big, len, n, at, &t);
			BULK_HOLDS(b, !proves || t.proven == t.packets, "%s, %s, %s, %u octets: %llu of %llu proven", s->name, greeth ? "greeth" : "greip", big ? "be" : "le", len,
			           (unsigned long long)t.proven, (unsigned long long)t.packets);
			BULK_HOLDS(b, proves || t.proven <= 3, "%s, %u octets seen: %llu proven, too few bits for that", s->name, seen, (unsigned long long)t.proven);
			BULK_HOLDS(b, !has_state || t.state == t.packets, "%s, %u octets: %llu states", s->name, len, (unsigned long long)t.state);
			BULK_HOLDS(b, t.fields_wrong * 2000 <= t.packets + 4000, "%s, %u octets: %llu states or draws wrong", s->name, len, (unsigned long long)t.fields_wrong);
			printf("%-16s %-6s %s data %4u: %llu of %llu proven, %llu with state, %llu of them off by a fixed field\n", s->name, greeth ? "greeth" : "greip",
			       big ? "be" : "le", len, (unsigned long long)t.proven, (unsigned long long)t.packets, (unsigned long long)t.state,
			       (unsigned long long)t.fields_wrong);
		}
	}
}

void bulk_true_positives(struct bulk *b)
{
	static const unsigned lengths[] = { 512, 62, 16, 12, 513, 515 };
	const unsigned n = b->full ? 100000 : 400;
	uint64_t at = 1001;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
			measure(b, &settings[i], lengths[k], lengths[k], n, &at);
	/* where proof and state begin */
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		for (unsigned len = 0; len <= 24; len += 4)
			measure(b, &settings[i], len, len, n / 10, &at);
	/* frames of 128 octets, as sFlow has them: 62 octets of greip's data are seen, 48 of greeth's */
	struct setting cut = settings[0];
	cut.name = "frame of 128";
	cut.cap = 114;
	measure(b, &cut, 512, 48, n, &at);
	/* ICMP errors: the quoted header starts with the outer IPv4 header, so data begins at octet 52 (greip) or 66 (greeth) */
	static const unsigned quotes[] = { 28, 40, 47, 48, 52, 56, 59, 60, 61, 62, 64, 66, 68, 80, 96, 128, 548 };
	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
		char name[32];
		struct setting quote = settings[0];
		snprintf(name, sizeof name, "quote of %u", quotes[i]);
		quote.name = name;
		quote.cap = quotes[i];
		quote.quoted = true;
		quote.least[0] = 60;
		quote.least_state[0] = 64;
		quote.least[1] = quote.least_state[1] = 62;
		measure(b, &quote, 512, quotes[i], n, &at);
	}
}

/* ---- evidence: no packet may claim more than it holds ---- */

/* Bits of draws that a packet shows, as a function of the state before it. */
static unsigned bits_seen(const struct bot *before, const struct bot_orders *o, size_t cap, uint64_t bits[8])
{
	struct bot_attack a;
	uint8_t ip[BOT_MAX_PACKET];
	const unsigned inner = o->greeth ? 38 : 24;
	const struct { unsigned at, len; bool drawn; } fields[] = {
		{ 12, 4, o->source == -1 }, { 24, 12, o->greeth }, { inner + 20, 2, o->sport < 0 }, { inner + 22, 2, o->dport < 0 }, { inner + 16, 4, !o->gcip }, { inner + 28, o->len, o->rand },
	};
	unsigned n = 0;
	memset(bits, 0, 64);
	memset(&a, 0, sizeof a);
	a.bot = *before;
	a.orders = *o;
	a.own = OWN;
	size_t len = bot_attack_packet(&a, 0, 0, ip);
	len = cap && cap < len ? cap : len;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (unsigned k = fields[i].at; fields[i].drawn && k < fields[i].at + fields[i].len && k < len; k++)
			for (unsigned bit = 0; bit < 8 && n < 512; bit++, n++)
				bits[n / 64] |= (uint64_t)(ip[k] >> bit & 1) << (n % 64);
	if (o->ident < 0) { /* the identification is linear in the draw only before 999 is taken from it: draw it once more */
		struct bot d = *before;
		if (o->target[0].masklen < 32)
			bot_draw(&d);
		if (o->source == -1)
			bot_draw(&d);
		const uint32_t id = bot_draw(&d);
		for (unsigned bit = 0; bit < 16 && n < 512; bit++, n++)
			bits[n / 64] |= (uint64_t)(id >> bit & 1) << (n % 64);
	}
	return n;
}

/* Equations left over: bits seen (the first 512) less the rank of the linear map from the 128 bits of the state. */
static unsigned evidence_held(const struct bot_orders *o, bool big, size_t cap)
{
	uint64_t row[128][8];
	unsigned n = 0, rank = 0;
	for (unsigned i = 0; i < 128; i++) {
		uint32_t state[4] = { 0 };
		struct bot before;
		state[i / 32] = 1u << (i % 32);
		bot_set(&before, state, big);
		n = bits_seen(&before, o, cap, row[i]);
	}
	for (unsigned bit = 0; bit < n; bit++) {
		unsigned p = rank;
		while (p < 128 && !(row[p][bit / 64] >> (bit % 64) & 1))
			p++;
		if (p == 128)
			continue;
		for (unsigned k = 0; k < 8; k++) {
			const uint64_t v = row[p][k];
			row[p][k] = row[rank][k];
			row[rank][k] = v;
		}
		for (unsigned i = rank + 1; i < 128; i++)
			if (row[i][bit / 64] >> (bit % 64) & 1)
				for (unsigned k = 0; k < 8; k++)
					row[i][k] ^= row[rank][k];
		rank++;
	}
	return n - rank;
}

/*
 * For every length from 0 to 24, cut at every octet, with fields fixed in all ways: the bits that a proof states are at most those that linear algebra finds, plus 16 for the
 * relation of the identifications where they fall short of a proof (before the last odd octets, which only the full evidence counts); and it is a proof only where both together make 48.
 */
void bulk_evidence(struct bulk *b)
{
	static const unsigned lengths[] = { 0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20, 21, 22, 23, 24, 28, 31 };
	uint64_t at = 1002, cases = 0, proven = 0, exact = 0;

	for (unsigned way = 0; way < 64; way++)
		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
			const bool greeth = way >> 4 & 1;
			struct setting s = { "evidence", PLAIN, .gcip = way & 8, .spoofed = way >> 5 };
			s.ident = way & 1 ? 777 : -1;
			s.sport = way & 2 ? 53 : -1;
			s.dport = way & 4 ? 80 : -1;
			const struct bot_orders o = orders_of(&s, greeth, lengths[i]);
			const size_t full = (greeth ? 66 : 52) + lengths[i], from = b->full || (way % 21 == 0 && i % 3 == 0) ? (greeth ? 62 : 48) : full;
			const bool big = (way ^ i) & 1;
			for (size_t cap = from; cap <= full; cap++) {
				const unsigned held = evidence_held(&o, big, cap);
				struct bot any;
				struct bot_attack a;
				uint8_t ip[BOT_MAX_PACKET];
				any_bot(&any, &at, big);
				bot_attack_start(&a, &any, &o, OWN);
				bot_attack_packet(&a, 0, 3, ip);
				const struct gs_bot_input in = input_of(ip, cap);
				for (unsigned flags = 0; flags <= GS_BOT_FULL; flags += GS_BOT_FULL) {
					struct gs_bot_proof p;
					gs_bot_prove(&in, flags, &p);
					const unsigned tail = lengths[i] >= 20 && cap == full ? (lengths[i] & 2 ? 16 : 0) + (lengths[i] & 1 ? 8 : 0) : 0;
					const unsigned relation = held - tail < GS_BOT_PROOF_BITS ? 16 : 0;
					BULK_HOLDS(b, p.bits <= held + relation, "way %u, %u octets, cut at %zu: %u bits claimed, %u held", way, lengths[i], cap, p.bits, held);
					BULK_HOLDS(b, p.level != GS_BOT_LEVEL_PROVEN || held + relation >= GS_BOT_PROOF_BITS, "way %u, %u octets, cut at %zu: proven with %u", way, lengths[i],
					           cap, held);
					cases++;
					proven += p.level == GS_BOT_LEVEL_PROVEN;
					exact += flags && p.bits == held;
				}
			}
		}
	printf("%llu cases, %llu proven, none from fewer than 48 bits; %llu state exactly the bits that linear algebra finds\n", (unsigned long long)cases,
	       (unsigned long long)proven, (unsigned long long)exact);
}

/* ---- false positives ---- */

/* Right shape, random fields. Forced: bit 0: the relation of drawn identifications, 1: that of fixed ones, 2: inner destination = outer one. */
static size_t random_packet(bool greeth, unsigned len, unsigned forced, uint64_t *at, uint8_t *ip)
{
	const size_t inner = greeth ? 38 : 24, all = inner + 28 + len;
	const uint64_t ids = number(at), ports = number(at), addresses = number(at);
	uint16_t id = (uint16_t)ids, inner_id = (uint16_t)(ids >> 16);
	memset(ip, 0, inner + 28);
	for (unsigned level = 0; level < 2; level++) {
		uint8_t *p = ip + (level ? inner : 0);
		const size_t left = all - (level ? inner : 0);
		p[0] = 0x45;
		p[2] = (uint8_t)(left >> 8);
		p[3] = (uint8_t)left;
		p[6] = 0x40;
		p[8] = (uint8_t)(level ? 64 : 64 - (ports >> 40) % 30);
		p[9] = level ? 17 : 47;
	}
	memcpy(ip + 12, (const uint8_t[]){ 192, 0, 2, 101, 198, 51, 100, 33 }, 8);
	ip[22] = greeth ? 0x65 : 0x08;
	ip[23] = greeth ? 0x58 : 0;
	if (greeth) {
		const uint64_t macs[2] = { number(at), number(at) };
		memcpy(ip + 24, macs, 12);
		ip[36] = 8;
	}
	if (forced & 1 && ids >> 32 & 1) /* 999 as big-endian numbers, or as little-endian ones */
		inner_id = (uint16_t)(999 - id);
	else if (forced & 1)
		inner_id = __builtin_bswap16((uint16_t)(999 - __builtin_bswap16(id)));
	if (forced & 2)
		inner_id = (uint16_t)~id;
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	ip[inner + 4] = (uint8_t)(inner_id >> 8);
	ip[inner + 5] = (uint8_t)inner_id;
	memcpy(ip + inner + 12, &addresses, 8);
	if (forced & 4)
		memcpy(ip + inner + 16, ip + 16, 4);
	memcpy(ip + inner + 20, &ports, 4);
	ip[inner + 24] = (uint8_t)((8 + len) >> 8);
	ip[inner + 25] = (uint8_t)(8 + len);
	for (unsigned k = 0; k < len; k += 8) {
		const uint64_t v = number(at);
		memcpy(ip + inner + 28 + k, &v, len - k < 8 ? len - k : 8);
	}
	return all;
}

static void reject(struct bulk *b, bool greeth, unsigned len, unsigned forced, uint64_t n, uint64_t *at, double likely_expected)
{
	uint64_t levels[GS_BOT_LEVEL_COUNT] = { 0 };
	uint8_t ip[BOT_MAX_PACKET];
	for (uint64_t i = 0; i < n; i++) {
		struct gs_bot_proof p;
		struct gs_bot_input in;
		const size_t all = random_packet(greeth, len, forced, at, ip);
		if (!gs_bot_input_from_ipv4(ip, all, &in))
			abort();
		gs_bot_prove(&in, 0, &p);
		levels[p.level]++;
	}
	/* two relations of drawn identifications and one of a fixed one; the two cannot hold together with the third, nor with one another */
	const double expected = forced & 3 ? (double)n : (double)n * 3 / 65536, found = (double)(levels[GS_BOT_LEVEL_ID] + levels[GS_BOT_LEVEL_LIKELY]);
	BULK_HOLDS(b, levels[GS_BOT_LEVEL_PROVEN] == 0, "%s, %u octets, forced %u: proven", greeth ? "greeth" : "greip", len, forced);
	BULK_HOLDS(b, levels[GS_BOT_LEVEL_NONE] == 0, "%s, %u octets: not even the shape", greeth ? "greeth" : "greip", len);
	BULK_HOLDS(b, (found - expected) * (found - expected) <= 25 * (expected + 1), "%u octets: %g at level id or likely, %g expected", len, found, expected);
	const double likely = (double)levels[GS_BOT_LEVEL_LIKELY] - likely_expected;
	BULK_HOLDS(b, likely * likely <= 25 * (likely_expected + 1), "%u octets, forced %u: %g likely, %g expected", len, forced, (double)levels[GS_BOT_LEVEL_LIKELY],
	           likely_expected);
	printf("%-6s data %3u%s%s%s: %llu packets: %llu shape, %llu id (%.1f expected), %llu likely (%.3f expected), %llu proven\n", greeth ? "greeth" : "greip", len,
	       forced & 1 ? ", ids sum to 999" : "", forced & 2 ? ", ids sum to 0xffff" : "", forced & 4 ? ", inner destination = outer" : "", (unsigned long long)n,
	       (unsigned long long)levels[GS_BOT_LEVEL_SHAPE], (unsigned long long)levels[GS_BOT_LEVEL_ID], expected, (unsigned long long)levels[GS_BOT_LEVEL_LIKELY],
	       likely_expected, (unsigned long long)levels[GS_BOT_LEVEL_PROVEN]);
}

void bulk_false_positives(struct bulk *b)
{
	const uint64_t n = b->full ? 10000000 : 30000;
	const double p16 = 1.0 / 65536, p32 = p16 * p16;
	uint64_t at = 1003;

	/* likely without force: 32 bits in one of two byte orders, and a choice of what was fixed; counted for 12 octets (where most choices are left) it is 6 * 2^-32 */
	for (int greeth = 0; greeth < 2; greeth++) {
		reject(b, greeth, 512, 0, n, &at, 0);
		reject(b, greeth, 16, 0, n, &at, 0);
		reject(b, greeth, 12, 0, n, &at, 6 * p32 * (double)n);
		reject(b, greeth, 0, 0, n, &at, 0);
	}
	/* as if the first hurdles were taken: one order's relation holds, so only the generator itself can say no. Likely: the draw before the destination is the id, both ports fixed; so for greeth too. */
	reject(b, false, 512, 1, n, &at, 0);
	reject(b, false, 12, 1, n, &at, p16 * (double)n);
	reject(b, false, 16, 1, n, &at, 0);
	reject(b, true, 0, 1, n, &at, p16 * (double)n);
	/* everything may be fixed: the draw before the data is the one port or the other, the other fixed, in two byte orders; of 12 octets: the draw two before is the source port */
	reject(b, false, 512, 6, n, &at, 0);
	reject(b, false, 16, 6, n, &at, 4 * p16 * (double)n);
	reject(b, false, 12, 6, n, &at, 2 * p16 * (double)n);
}

/* ---- real captures ---- */

void bulk_shared(struct bulk *b)
{
	char path[1200];
	const char *given = getenv("GRESCOPE_SHARED"), *folder = path;
	struct gs_inputs *inputs = NULL;
	uint64_t frames = 0, gre = 0, levels[GS_BOT_LEVEL_COUNT] = { 0 };

	if (given)
		snprintf(path, sizeof path, "%s/captures", given);
	else
		snprintf(path, sizeof path, "%s/../shared/captures", b->root);
	if (gs_inputs_new(&folder, 1, &inputs, NULL) < 0) {
		printf("no shared captures here: skipped\n");
		return;
	}
	for (size_t i = 0; i < gs_inputs_count(inputs); i++) {
		struct gs_source *s = NULL;
		struct gs_source_info info;
		struct gs_frame batch[GS_SOURCE_BATCH];
		size_t n = 1;
		if (gs_source_open(gs_inputs_path(inputs, i), &s, NULL) < 0)
			continue;
		gs_source_info(s, &info);
		while (info.door == GS_DOOR_FRAMES && n > 0 && gs_source_frames(s, batch, GS_SOURCE_BATCH, &n, NULL) == 0)
			for (size_t k = 0; k < n; k++, frames++) {
				struct gs_packet p;
				struct gs_bot_input in;
				struct gs_bot_proof proof = { 0 };
				gs_decode(&batch[k], &p);
				gre += p.outcome == GS_OUT_GRE;
				if (gs_bot_input_from_packet(&p, &batch[k], &in))
					gs_bot_prove(&in, GS_BOT_FULL, &proof);
				levels[proof.level]++;
				BULK_HOLDS(b, proof.level < GS_BOT_LEVEL_ID, "%s, frame %llu: %s", gs_inputs_path(inputs, i), (unsigned long long)batch[k].number,
				           gs_bot_level_word(proof.level));
			}
		gs_source_close(s);
	}
	printf("%zu files, %llu frames, %llu GRE packets: %llu none, %llu shape, %llu id, %llu likely, %llu proven\n", gs_inputs_count(inputs), (unsigned long long)frames,
	       (unsigned long long)gre, (unsigned long long)levels[0], (unsigned long long)levels[1], (unsigned long long)levels[2], (unsigned long long)levels[3],
	       (unsigned long long)levels[4]);
	gs_inputs_free(inputs);
}
