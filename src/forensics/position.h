/* position.h - the tables behind gs_bot_tables, for the other files of this folder */
#ifndef GS_FORENSICS_POSITION_H
#define GS_FORENSICS_POSITION_H

#include "forensics/gf128.h"

__extension__ typedef unsigned __int128 gs_u128;

#define POSITION_GROUPS 6

/* Logarithms in the subgroup of one order: baby steps in a hash, giant steps by multiplication. */
struct position_group {
	uint32_t order;
	uint32_t babies;          /* powers 0 to babies-1 of the base are in the hash */
	uint32_t mask;            /* slots - 1 */
	uint64_t *slots;          /* fingerprint above SLOT_BITS, exponent + 1 below; 0 empty */
	struct gf128 giant;       /* base^-babies */
	gs_u128 crt;              /* multiple of all other orders that is 1 modulo this one, modulo the product */
};

struct gs_bot_tables {
	struct gf128_map map;
	struct position_group group[POSITION_GROUPS];
	uint64_t *slots;          /* of all groups */
};

/* The product of the orders: a position is known modulo this. */
#define POSITIONS ((gs_u128)UINT64_C(0x42f00) << 64 | UINT64_C(0xfffffffffffbd0ff))

static inline gs_u128 position_value(struct gs_bot_position p)
{
	return (gs_u128)p.hi << 64 | p.lo;
}

static inline struct gs_bot_position position_of(gs_u128 v)
{
	return (struct gs_bot_position){ (uint64_t)(v >> 64), (uint64_t)v };
}

/* Logarithm of an element of the group. Anything else gives some number below the order. */
uint32_t position_group_log(const struct position_group *g, struct gf128 e);

/* Position of a non-zero element. */
gs_u128 position_of_element(const struct gs_bot_tables *t, struct gf128 e);

#endif
