/*
 * position.c - where on the cycle a state lies: discrete logarithms by Pohlig and Hellman
 *
 * The cycle has N = 2^128-1 = 3 * 5 * 17 * 257 * 641 * 65537 * 274177 * 6700417 * 67280421310721 states. Raised to N/p an element falls into the subgroup of
 * order p, where its logarithm is the position modulo p. All primes but the last are small enough for baby and giant steps; together they give the
 * position modulo a number of 83 bits, and processes are so far apart and so short that this is plenty. The last prime would cost 0.2 s and more a state.
 *
 * The powers N/p share most of their work, since N = (2^64+1)(2^32+1)(2^16+1)(2^16-1): about 190 squarings and 60 products for all.
 * 3, 5 and 17 are taken together as 255. Tables: 1.2 MiB, most of it the 65536 baby steps for 6700417.
 *
 * A slot holds 47 bits of a fingerprint whose other 17 bits chose the slot: 64 in all. A test walks all elements of every subgroup and finds that none
 * is taken for another, so a wrong logarithm cannot come out.
 */
#include "forensics/position.h"

#include "forensics/xorshift128.h"

#include <stdlib.h>

#define SLOT_BITS 17u
#define LARGE_PRIME UINT64_C(67280421310721)

static const struct { uint32_t order, babies, slots; } group_sizes[POSITION_GROUPS] = {
	{ 255, 255, 512 }, { 257, 257, 1024 }, { 641, 641, 2048 }, { 65537, 4096, 8192 }, { 274177, 8192, 16384 }, { 6700417, 65536, 131072 },
};

static uint64_t fingerprint(struct gf128 e)
{
	const uint64_t h = (e.lo ^ (e.hi << 32 | e.hi >> 32) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

/* a^(2^n - 1) for n a power of two. */
static struct gf128 power_ones(struct gf128 a, unsigned n)
{
	for (unsigned have = 1; have < n; have *= 2)
		a = gf128_mul(gf128_square_n(a, have), a);
	return a;
}

/* e to N/order, for each group. */
static void powers(struct gf128 e, struct gf128 ret[POSITION_GROUPS])
{
	const struct gf128 b = power_ones(e, 64);                                /* e^(2^64-1): order divides 2^64+1 */
	const struct gf128 a = gf128_mul(b, gf128_square_n(e, 1));               /* e^(2^64+1): order divides 2^64-1 */
	const struct gf128 d = power_ones(a, 32);                                /* order divides 2^32+1 = 641 * 6700417 */
	const struct gf128 c = gf128_mul(d, gf128_square_n(a, 1));               /* order divides 2^32-1 */
	const struct gf128 h = power_ones(c, 16);                                /* order divides 2^16+1 = 65537 */
	const struct gf128 k = gf128_mul(h, gf128_square_n(c, 1));               /* order divides 2^16-1 = 255 * 257 */
	const struct gf128 k255 = power_ones(k, 8);

	ret[0] = gf128_mul(k255, gf128_square_n(k, 1));
	ret[1] = k255;
	ret[2] = gf128_pow(d, 6700417);
	ret[3] = h;
	ret[4] = gf128_pow(b, LARGE_PRIME);
	ret[5] = gf128_pow(d, 641);
}

static void group_insert(struct position_group *g, struct gf128 e, uint32_t exponent)
{
	const uint64_t f = fingerprint(e);
	uint32_t at = (uint32_t)f & g->mask;
	while (g->slots[at])
		at = (at + 1) & g->mask;
	g->slots[at] = (f >> SLOT_BITS << SLOT_BITS) | (exponent + 1);
}

static void group_init(struct position_group *g, struct gf128 base)
{
	struct gf128 e = GF128_ONE;
	for (uint32_t i = 0; i < g->babies; i++) {
		group_insert(g, e, i);
		e = gf128_mul(e, base);
	}
	g->giant = gf128_pow(base, g->order - g->babies % g->order);
}

/* An element of the group is always found; anything else ends after the last giant step. */
uint32_t position_group_log(const struct position_group *g, struct gf128 e)
{
	for (uint32_t shift = 0; shift < g->order; shift += g->babies) {
		const uint64_t f = fingerprint(e), tag = f >> SLOT_BITS;
		for (uint32_t at = (uint32_t)f & g->mask; g->slots[at]; at = (at + 1) & g->mask)
			if (g->slots[at] >> SLOT_BITS == tag)
				return (shift + (uint32_t)(g->slots[at] & ((1u << SLOT_BITS) - 1)) - 1) % g->order;
		e = gf128_mul(e, g->giant);
	}
	return 0;
}

/* a^-1 modulo m, m small. */
static uint32_t inverse_modulo(uint32_t a, uint32_t m)
{
	int64_t r0 = m, r1 = a, t0 = 0, t1 = 1;
	while (r1) {
		const int64_t q = r0 / r1, r = r0 - q * r1, t = t0 - q * t1;
		r0 = r1;
		r1 = r;
		t0 = t1;
		t1 = t;
	}
	return (uint32_t)(t0 < 0 ? t0 + m : t0);
}

int gs_bot_tables_new(struct gs_bot_tables **ret, struct gs_error *err)
{
	size_t slots = 0;
	for (unsigned i = 0; i < POSITION_GROUPS; i++)
		slots += group_sizes[i].slots;

	struct gs_bot_tables *t = calloc(1, sizeof *t);
	uint64_t *memory = calloc(slots, sizeof *memory);
	if (!t || !memory) {
		free(t);
		free(memory);
		return gs_fail(err, GS_ERR_NOMEM, "no memory for %zu octets of generator tables", sizeof *t + slots * sizeof *memory);
	}
	t->slots = memory;
	gf128_map_init(&t->map);
	struct gf128 base[POSITION_GROUPS];
	powers(GF128_X, base);
	for (unsigned i = 0; i < POSITION_GROUPS; i++) {
		const uint32_t order = group_sizes[i].order;
		const gs_u128 others = POSITIONS / order;
		t->group[i] = (struct position_group){
			.order = order,
			.babies = group_sizes[i].babies,
			.mask = group_sizes[i].slots - 1,
			.slots = memory,
			.crt = others * inverse_modulo((uint32_t)(others % order), order),
		};
		memory += group_sizes[i].slots;
		group_init(&t->group[i], base[i]);
	}
	*ret = t;
	return 0;
}

void gs_bot_tables_free(struct gs_bot_tables *t)
{
	if (!t)
		return;
	free(t->slots);
	free(t);
}

gs_u128 position_of_element(const struct gs_bot_tables *t, struct gf128 e)
{
	struct gf128 power[POSITION_GROUPS];
	gs_u128 sum = 0;

	powers(e, power);
	for (unsigned i = 0; i < POSITION_GROUPS; i++) {
		/* crt is below 2^83 and the logarithm below 2^23, so nothing overflows */
		sum += t->group[i].crt * position_group_log(&t->group[i], power[i]) % POSITIONS;
	}
	return sum % POSITIONS;
}

struct gs_bot_position gs_bot_position(const struct gs_bot_tables *t, const struct gs_bot_state *s)
{
	return position_of(position_of_element(t, gf128_of_state(&t->map, s)));
}

bool gs_bot_distance(struct gs_bot_position a, struct gs_bot_position b, int64_t *ret)
{
	const gs_u128 va = position_value(a), vb = position_value(b);
	const gs_u128 ahead = vb >= va ? vb - va : vb + POSITIONS - va, behind = POSITIONS - ahead;
	const gs_u128 far = (gs_u128)1 << 62;

	if (ahead < far)
		*ret = (int64_t)ahead;
	else if (behind < far)
		*ret = -(int64_t)behind;
	else
		return false;
	return true;
}

struct gs_bot_state gs_bot_state_step(struct gs_bot_state s, int64_t draws)
{
	for (; draws > 0; draws--)
		xorshift_forward(&s);
	for (; draws < 0; draws++)
		xorshift_back(&s);
	return s;
}

struct gs_bot_state gs_bot_state_jump(const struct gs_bot_tables *t, struct gs_bot_state s, int64_t draws)
{
	return gf128_to_state(&t->map, gf128_mul(gf128_of_state(&t->map, &s), gf128_x_pow(draws)));
}
