/*
 * live_filter.c - which frames may hold protocol 47, in classic BPF
 *
 * The program walks as the decoder does (link.c, ip.c, carriers.c there). X is how far it has come behind the link header, A what comes next, and
 * every load is relative to X: one piece of code reads an IP header wherever it starts. Classic BPF jumps forward only, so what may repeat is
 * unrolled a few times, and a frame that goes on repeating is kept. A wrong guess can thus only cost the copying of a frame, never a frame. A load
 * beyond the frame's end refuses it, which is right: the decoder would find no GRE header there either.
 *
 *     link header, tags -> IPv4, IPv6 with extensions -> IP in IP -> ICMP's quote -> IPv4, IPv6 there -> IP in IP there
 *
 * The kernel translates the program to machine code; a frame of UDP leaves it after a dozen steps, one of TCP after
 * two dozen: its port is looked at.
 */
#include "source/live_filter.h"

#include "grescope/packet.h"

#include <string.h>

#define TAGS 3         /* VLAN tags (or LLC headers) followed */
#define LABELS 6       /* MPLS labels followed */
#define EXTENSIONS 6   /* IPv6 extension headers followed in the outermost header */
#define EXTENSIONS_DEEP 2 /* in those behind it */
#define LEVELS 2       /* IP headers in IP headers followed: outside, and in a quote */

#define COOKED_V1 16   /* octets of the header of LINUX_SLL */
#define COOKED_V2 20

#define PORT_PPTP 1723 /* PPTP's control connection speaks for its GRE: the rules read it */

#define PROTO_SLOT 0   /* of the scratch memory: A while X is moved */

#define PACKET_OUTGOING 4 /* linux/if_packet.h, which brings in more than this file wants */

/* A place to jump to, by the jumps that wait for it. 8-bit offsets reach 255 instructions: blocks are kept shorter than that. */
#define WAITING_MAX 48

struct label {
	uint16_t from[WAITING_MAX];
	uint16_t n;
};

struct assembler {
	struct live_program *p;
	uint32_t base;        /* octets before X = 0 */
	uint32_t snaplen;
	bool udp;
	bool broken;          /* our own mistake: a jump too far or too many to one place */
	struct label keep, refuse; /* of the block at hand; block_end puts them */
	struct label v4[2 * LEVELS + 1], v6[2 * LEVELS + 1]; /* by level; quoted ones behind, then the one that is too deep */
};

static void emit(struct assembler *a, uint16_t code, uint32_t k)
{
	if (a->p->n == LIVE_PROGRAM_MAX)
		a->broken = true;
	else
		a->p->code[a->p->n++] = (struct sock_filter){ .code = code, .k = k };
}

/* Jumps to `to`, which is put later. An unconditional one reaches anywhere. */
static void go(struct assembler *a, struct label *to)
{
	if (to->n == WAITING_MAX) {
		a->broken = true;
		return;
	}
	to->from[to->n++] = (uint16_t)a->p->n;
	emit(a, BPF_JMP | BPF_JA, 0);
}

static void go_if(struct assembler *a, uint16_t test, uint32_t k, struct label *to)
{
	if (to->n == WAITING_MAX) {
		a->broken = true;
		return;
	}
	to->from[to->n++] = (uint16_t)a->p->n;
	emit(a, BPF_JMP | test | BPF_K, k);
}

static void go_if_equal(struct assembler *a, uint32_t k, struct label *to)
{
	go_if(a, BPF_JEQ, k, to);
}

/* Here is where the jumps to `l` go. */
static void put(struct assembler *a, struct label *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		struct sock_filter *jump = &a->p->code[l->from[i]];
		const uint32_t distance = a->p->n - l->from[i] - 1u;
		if (BPF_OP(jump->code) == BPF_JA)
			jump->k = distance;
		else if (distance <= UINT8_MAX)
			jump->jt = (uint8_t)distance;
		else
			a->broken = true;
	}
	l->n = 0;
}

/* Jumps far beyond what a conditional one reaches pass here. */
static void relay(struct assembler *a, struct label *near, struct label *far)
{
	if (near->n > 0) {
		put(a, near);
		go(a, far);
	}
}

/* Each block has its own two ends, so that they are near. */
static void block_end(struct assembler *a)
{
	if (a->keep.n > 0) {
		put(a, &a->keep);
		emit(a, BPF_RET | BPF_K, a->snaplen);
	}
	if (a->refuse.n > 0) {
		put(a, &a->refuse);
		emit(a, BPF_RET | BPF_K, 0);
	}
}

/* A = octets at X + off. */
static void load8(struct assembler *a, uint32_t off)
{
	emit(a, BPF_LD | BPF_B | BPF_IND, a->base + off);
}

static void load16(struct assembler *a, uint32_t off)
{
	emit(a, BPF_LD | BPF_H | BPF_IND, a->base + off);
}

static void load32(struct assembler *a, uint32_t off)
{
	emit(a, BPF_LD | BPF_W | BPF_IND, a->base + off);
}

static void math(struct assembler *a, uint16_t op, uint32_t k)
{
	emit(a, BPF_ALU | op | BPF_K, k);
}

static void keep_a(struct assembler *a)
{
	emit(a, BPF_ST, PROTO_SLOT);
}

static void restore_a(struct assembler *a)
{
	emit(a, BPF_LD | BPF_W | BPF_MEM, PROTO_SLOT);
}

/* X += A */
static void advance_by_a(struct assembler *a)
{
	emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(a, BPF_MISC | BPF_TAX, 0);
}

/* X += n; A is lost */
static void advance(struct assembler *a, uint32_t n)
{
	emit(a, BPF_LD | BPF_IMM, n);
	advance_by_a(a);
}

/* X += n; A stays */
static void advance_keeping(struct assembler *a, uint32_t n)
{
	keep_a(a);
	advance(a, n);
	restore_a(a);
}

/* The first nibble at X tells the version. */
static void by_version(struct assembler *a, struct label *v4, struct label *v6)
{
	load8(a, 0);
	math(a, BPF_AND, 0xf0);
	go_if_equal(a, 0x40, v4);
	go_if_equal(a, 0x60, v6);
}

/* SNAP with an EtherType, or refused. X and A move to that type. */
static void llc(struct assembler *a)
{
	struct label ethertype = { 0 }, snap = { 0 };

	load32(a, 0);
	go_if_equal(a, 0xaaaa0300, &snap);
	go(a, &a->refuse);
	put(a, &snap);
	load16(a, 4);
	go_if_equal(a, 0, &ethertype);
	go_if_equal(a, 0xf8, &ethertype);
	go(a, &a->refuse);
	put(a, &ethertype);
	load16(a, 6);
	advance_keeping(a, 8);
}

/* What may stand behind a link header before IP, but tags: A is its EtherType. */
struct rest {
	struct label mpls, pppoe, ppp;
};

static void other_ethertypes(struct assembler *a, struct rest *r)
{
	go_if_equal(a, 0x8847, &r->mpls);
	go_if_equal(a, 0x8848, &r->mpls);
	go_if_equal(a, 0x8864, &r->pppoe);
	go_if_equal(a, 0x880b, &r->ppp);
	go_if_equal(a, 0x8909, &a->keep); /* Cisco metadata, Ethernet in Ethernet: hardly ever there, and the decoder reads them */
	go_if_equal(a, 0x6558, &a->keep);
}

static void tag_tests(struct assembler *a, struct label *tag)
{
	static const uint16_t types[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };

	for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
		go_if_equal(a, types[i], tag);
}

/* A: an EtherType or, below 0x600, a length with LLC behind it. */
static void ethertype(struct assembler *a, struct label *v4, struct label *v6, struct rest *r)
{
	for (unsigned i = 0; i <= TAGS; i++) {
		struct label tag = { 0 }, next = { 0 }, other = { 0 };

		go_if_equal(a, 0x0800, v4);
		go_if_equal(a, 0x86dd, v6);
		tag_tests(a, i == TAGS ? &a->keep : &tag);
		go_if(a, BPF_JGE, 0x0600, &other);
		if (i < TAGS) {
			llc(a);
			go(a, &next);
			put(a, &tag);
			load16(a, 2);
			advance_keeping(a, 4);
			go(a, &next);
		} else {
			go(a, &a->keep);
		}
		put(a, &other);
		other_ethertypes(a, r);
		go(a, &a->refuse);
		put(a, &next);
	}
}

/* Labels down to the last one, then IP by its version, or an Ethernet pseudowire (RFC 4448). */
static void mpls(struct assembler *a, struct label *v4, struct label *v6)
{
	struct label bottom = { 0 }, wire = { 0 }, tag = { 0 };

	for (unsigned i = 0; i < LABELS; i++) {
		load8(a, 2);
		advance_keeping(a, 4);
		go_if(a, BPF_JSET, 1, &bottom);
	}
	go(a, &a->keep);
	put(a, &bottom);
	by_version(a, v4, v6);
	go_if_equal(a, 0, &wire);
	go(a, &a->refuse);
	put(a, &wire);
	load16(a, 4 + 12);
	advance_keeping(a, 4 + 14);
	go_if_equal(a, 0x0800, v4);
	go_if_equal(a, 0x86dd, v6);
	tag_tests(a, &tag);
	go_if(a, BPF_JGT, 0x05ff, &a->refuse);
	go(a, &a->keep);
	put(a, &tag);
	load16(a, 2);
	advance_keeping(a, 4);
	go_if_equal(a, 0x0800, v4);
	go_if_equal(a, 0x86dd, v6);
	tag_tests(a, &a->keep);
	go(a, &a->refuse);
}

static void pppoe(struct assembler *a)
{
	struct label session = { 0 };

	load8(a, 1);
	go_if_equal(a, 0, &session);
	go(a, &a->refuse);
	put(a, &session);
	advance(a, 6);
}

/* Address and control may be left out, and so may the first octet of the protocol (RFC 1661 s6.5, s6.6). */
static void ppp(struct assembler *a, struct label *v4, struct label *v6)
{
	struct label plain = { 0 }, one = { 0 }, proto = { 0 }, header = { 0 };

	load16(a, 0);
	go_if_equal(a, 0xff03, &header);
	go(a, &plain);
	put(a, &header);
	advance(a, 2);
	put(a, &plain);
	load8(a, 0);
	go_if(a, BPF_JSET, 1, &one);
	load16(a, 0);
	advance_keeping(a, 2);
	go(a, &proto);
	put(a, &one);
	advance_keeping(a, 1);
	put(a, &proto);
	go_if_equal(a, 0x0021, v4);
	go_if_equal(a, 0x0057, v6);
	go_if_equal(a, 0x0281, &a->keep); /* MPLS in PPP */
	go_if_equal(a, 0x0283, &a->keep);
	go(a, &a->refuse);
}

/* X, A: the first octet behind an IP header and its protocol. */
static void transport(struct assembler *a, unsigned level, struct label *quote)
{
	struct label again = { 0 }, ah = { 0 }, icmp = { 0 }, icmp6 = { 0 }, udp = { 0 }, tcp = { 0 }, v4 = { 0 }, v6 = { 0 };
	const bool quoted = level >= LEVELS;

	go_if_equal(a, 51, &ah);
	go(a, &again);
	put(a, &ah);
	load8(a, 0);
	keep_a(a);
	load8(a, 1);
	math(a, BPF_ADD, 2);
	math(a, BPF_LSH, 2);
	advance_by_a(a);
	restore_a(a);
	go_if_equal(a, 51, &a->keep);
	put(a, &again);
	go_if_equal(a, 47, &a->keep);
	go_if_equal(a, 4, &v4);
	go_if_equal(a, 41, &v6);
	if (!quoted) {
		go_if_equal(a, 6, &tcp);
		go_if_equal(a, 1, &icmp);
		go_if_equal(a, 58, &icmp6);
	}
	if (!quoted && a->udp)
		go_if_equal(a, 17, &udp);
	go(a, &a->refuse);
	relay(a, &v4, &a->v4[level + 1]);
	relay(a, &v6, &a->v6[level + 1]);
	if (quoted)
		return;

	put(a, &tcp);
	load16(a, 2);
	go_if_equal(a, PORT_PPTP, &a->keep);
	load16(a, 0);
	go_if_equal(a, PORT_PPTP, &a->keep);
	go(a, &a->refuse);
	static const uint8_t errors[] = { 3, 4, 5, 11, 12 }, errors6[] = { 1, 2, 3, 4 };
	struct label error = { 0 };
	put(a, &icmp);
	load8(a, 0);
	for (unsigned i = 0; i < sizeof errors; i++)
		go_if_equal(a, errors[i], &error);
	go(a, &a->refuse);
	put(a, &icmp6);
	load8(a, 0);
	for (unsigned i = 0; i < sizeof errors6; i++)
		go_if_equal(a, errors6[i], &error);
	go(a, &a->refuse);
	relay(a, &error, quote);
	if (udp.n > 0) {
		static const uint16_t ports[] = { 4754, 4755, 6081, 4789, 8472, 6080 };
		put(a, &udp);
		load16(a, 2);
		for (unsigned i = 0; i < sizeof ports / sizeof *ports; i++)
			go_if_equal(a, ports[i], &a->keep);
		go(a, &a->refuse);
	}
}

static void ipv4(struct assembler *a, bool quoted, struct label *behind)
{
	struct label go_on = { 0 };
	static const uint8_t followed[] = { 1, 4, 41, 51, 58 };

	load8(a, 9);
	go_if_equal(a, 47, &a->keep);
	go_if_equal(a, 6, quoted ? &a->refuse : &go_on);
	for (unsigned i = 0; i < sizeof followed; i++)
		go_if_equal(a, followed[i], &go_on);
	if (a->udp)
		go_if_equal(a, 17, &go_on);
	go(a, &a->refuse);
	put(a, &go_on);
	keep_a(a);
	load16(a, 6);
	go_if(a, BPF_JSET, 0x1fff, &a->refuse); /* a later fragment of something else */
	load8(a, 0);
	math(a, BPF_AND, 15);
	math(a, BPF_LSH, 2);
	advance_by_a(a);
	restore_a(a);
	go(a, behind);
}

static void ipv6(struct assembler *a, unsigned extensions, struct label *behind)
{
	static const uint8_t by_length[] = { 0, 43, 60, 135, 139, 140 };

	load8(a, 6);
	advance_keeping(a, 40);
	for (unsigned i = 0; i < extensions; i++) {
		struct label extension = { 0 }, fragment = { 0 }, later = { 0 }, next = { 0 };

		go_if_equal(a, 47, &a->keep);
		for (unsigned j = 0; j < sizeof by_length; j++)
			go_if_equal(a, by_length[j], &extension);
		go_if_equal(a, 44, &fragment);
		go(a, behind);
		put(a, &fragment);
		load16(a, 2);
		go_if(a, BPF_JSET, 0xfff8, &later);
		load8(a, 0);
		advance_keeping(a, 8);
		go(a, &next);
		put(a, &later);
		load8(a, 0);
		go_if_equal(a, 47, &a->keep);
		go(a, &a->refuse);
		put(a, &extension);
		load8(a, 0);
		keep_a(a);
		load8(a, 1);
		math(a, BPF_LSH, 3);
		math(a, BPF_ADD, 8);
		advance_by_a(a);
		restore_a(a);
		put(a, &next);
	}
	for (unsigned j = 0; j < sizeof by_length; j++)
		go_if_equal(a, by_length[j], &a->keep);
	go_if_equal(a, 44, &a->keep);
	go(a, behind);
}

/* The IP headers of one level, and where they lead. */
static void ip(struct assembler *a, unsigned level, struct label *quote)
{
	struct label behind = { 0 };

	put(a, &a->v4[level]);
	ipv4(a, level >= LEVELS, &behind);
	block_end(a);
	put(a, &a->v6[level]);
	ipv6(a, level == 0 ? EXTENSIONS : EXTENSIONS_DEEP, &behind);
	block_end(a);
	put(a, &behind);
	transport(a, level, quote);
	block_end(a);
}

/* Where the link header ends and what it says comes next. Returns false where the decoder has to look at every frame. */
static bool link_header(struct assembler *a, const struct live_filter *f, struct label *v4, struct label *v6, bool *ret_ethertype)
{
	const bool cooked = f->linktype == GS_LINK_LINUX_SLL || f->linktype == GS_LINK_LINUX_SLL2;

	*ret_ethertype = true;
	if (cooked && f->socket) {
		emit(a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
		return true;
	}
	switch (f->linktype) {
	case GS_LINK_ETHERNET:
		a->base = 14;
		emit(a, BPF_LD | BPF_H | BPF_ABS, 12);
		return true;
	case GS_LINK_LINUX_SLL:
		a->base = COOKED_V1;
		emit(a, BPF_LD | BPF_H | BPF_ABS, 14);
		return true;
	case GS_LINK_LINUX_SLL2:
		a->base = COOKED_V2;
		emit(a, BPF_LD | BPF_H | BPF_ABS, 0);
		return true;
	case GS_LINK_RAW:
	case GS_LINK_RAW_BSD:
	case GS_LINK_RAW_OPENBSD:
	case GS_LINK_IPV4:
	case GS_LINK_IPV6:
		by_version(a, v4, v6);
		go(a, &a->refuse);
		*ret_ethertype = false;
		return true;
	default:
		return false;
	}
}

bool live_filter_make(const struct live_filter *f, struct live_program *ret)
{
	struct assembler a = { .p = ret, .snaplen = f->snaplen, .udp = f->include_udp };
	struct label v4 = { 0 }, v6 = { 0 }, quote = { 0 };
	struct rest rest = { 0 };
	bool by_ethertype;

	ret->n = 0;
	if (f->socket) {
		emit(&a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
		go_if_equal(&a, PACKET_OUTGOING, &a.refuse);
	}
	emit(&a, BPF_LDX | BPF_IMM, 0);
	if (!link_header(&a, f, &v4, &v6, &by_ethertype)) {
		emit(&a, BPF_RET | BPF_K, f->snaplen);
		block_end(&a);
		return false;
	}
	if (by_ethertype)
		ethertype(&a, &v4, &v6, &rest);
	block_end(&a);
	relay(&a, &v4, &a.v4[0]);
	relay(&a, &v6, &a.v6[0]);
	if (rest.mpls.n > 0) {
		put(&a, &rest.mpls);
		mpls(&a, &v4, &v6);
		block_end(&a);
		put(&a, &rest.pppoe);
		pppoe(&a);
		put(&a, &rest.ppp);
		ppp(&a, &v4, &v6);
		block_end(&a);
		relay(&a, &v4, &a.v4[0]);
		relay(&a, &v6, &a.v6[0]);
	}
	for (unsigned level = 0; level < LEVELS; level++)
		ip(&a, level, &quote);
	/* deeper than that: the last level's way in leads here; the quoted levels have the next numbers */
	put(&a, &a.v4[LEVELS]);
	put(&a, &a.v6[LEVELS]);
	emit(&a, BPF_RET | BPF_K, a.snaplen);
	put(&a, &quote);
	advance(&a, 8);
	by_version(&a, &a.v4[LEVELS], &a.v6[LEVELS]);
	emit(&a, BPF_RET | BPF_K, 0);
	for (unsigned level = LEVELS; level < 2 * LEVELS; level++)
		ip(&a, level, NULL);
	put(&a, &a.v4[2 * LEVELS]);
	put(&a, &a.v6[2 * LEVELS]);
	emit(&a, BPF_RET | BPF_K, a.snaplen);
	if (a.broken || ret->n == LIVE_PROGRAM_MAX) /* cannot be; a program that keeps everything is right all the same */
		*ret = (struct live_program){ .n = 1, .code = { { .code = BPF_RET | BPF_K, .k = f->snaplen } } };
	return !a.broken;
}

/* Moves a load as libpcap wrote it, for a frame with its cooked header, to where the kernel has it. Returns whether it can. */
static bool cooked_offset(uint32_t linktype, uint32_t *k)
{
	const uint32_t header = linktype == GS_LINK_LINUX_SLL ? COOKED_V1 : COOKED_V2;
	const bool v2 = header == COOKED_V2;

	if (*k >= (uint32_t)SKF_AD_OFF)
		return true;
	if (*k >= header) {
		*k -= header;
		return true;
	}
	if (*k == (v2 ? 0 : 14))
		*k = (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL);
	else if (*k == (v2 ? 10 : 0))
		*k = (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE);
	else if (v2 && *k == 4)
		*k = (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX);
	else
		return false;
	return true;
}

static bool reads_packet(const struct sock_filter *s)
{
	const unsigned class_ = BPF_CLASS(s->code), mode = BPF_MODE(s->code);
	return (class_ == BPF_LD || class_ == BPF_LDX) && (mode == BPF_ABS || mode == BPF_IND || mode == BPF_MSH);
}

int live_filter_narrow(const struct live_filter *f, const struct sock_filter *first, uint32_t n, struct live_program *p, struct gs_error *err)
{
	const bool cooked = f->socket && (f->linktype == GS_LINK_LINUX_SLL || f->linktype == GS_LINK_LINUX_SLL2);

	if (n > LIVE_PROGRAM_MAX || n + p->n > LIVE_PROGRAM_MAX)
		return gs_fail(err, GS_ERR_USAGE, "the filter is too long: %u steps and grescope's own %u; the kernel takes %u", n, p->n,
		               (unsigned)LIVE_PROGRAM_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = first[i].k;
		if (BPF_CLASS(first[i].code) == BPF_JMP && BPF_OP(first[i].code) == BPF_JA && (k > n || i + 1 + k >= n))
			return gs_fail(err, GS_ERR_USAGE, "the filter needs a loop, which the kernel does not run (`protochain` does that)");
		if (cooked && reads_packet(&first[i]) && !cooked_offset(f->linktype, &k))
			return gs_fail(err, GS_ERR_USAGE, "the filter asks for a field of the link header that captures of this kind do not have");
	}
	memmove(p->code + n, p->code, p->n * sizeof *p->code);
	for (uint32_t i = 0; i < n; i++) {
		struct sock_filter s = first[i];
		if (cooked && reads_packet(&s))
			cooked_offset(f->linktype, &s.k);
		if (BPF_CLASS(s.code) == BPF_RET && s.k != 0)
			s = (struct sock_filter){ .code = BPF_JMP | BPF_JA, .k = n - i - 1 };
		p->code[i] = s;
	}
	p->n += n;
	return 0;
}

/* ret (A * odd number) >> 16: the kernel takes that modulo the number of members, and neighbours must not all have the same parity. */
static void spread(struct assembler *a)
{
	math(a, BPF_MUL, 0x9e3779b1);
	math(a, BPF_RSH, 16);
	emit(a, BPF_RET | BPF_A, 0);
}

static void load_net(struct assembler *a, uint16_t size, uint32_t off)
{
	emit(a, BPF_LD | size | BPF_ABS, (uint32_t)SKF_NET_OFF + off);
}

/*
 * The kernel's own hash looks into GRE and follows the flow inside: a flood from a thousand sources with one inner flow would all be one
 * member's. This one takes the outer source. It runs before the frame's link header is back in front, so it reads from the network header on; the
 * first tag was taken off by then, further ones stand there.
 */
void live_fanout_make(struct live_program *ret)
{
	struct assembler a = { .p = ret };

	ret->n = 0;
	emit(&a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	for (uint32_t i = 0; i < TAGS; i++) {
		struct label v4 = { 0 }, v6 = { 0 }, tag = { 0 };
		go_if_equal(&a, 0x0800, &v4);
		go_if_equal(&a, 0x86dd, &v6);
		tag_tests(&a, &tag);
		emit(&a, BPF_RET | BPF_K, 0);
		put(&a, &v4);
		load_net(&a, BPF_W, 4 * i + 12);
		spread(&a);
		put(&a, &v6);
		load_net(&a, BPF_W, 4 * i + 8);
		for (uint32_t j = 12; j < 24; j += 4) {
			emit(&a, BPF_MISC | BPF_TAX, 0);
			load_net(&a, BPF_W, 4 * i + j);
			emit(&a, BPF_ALU | BPF_XOR | BPF_X, 0);
		}
		spread(&a);
		put(&a, &tag);
		load_net(&a, BPF_H, 4 * i + 2);
	}
	emit(&a, BPF_RET | BPF_K, 0);
}
