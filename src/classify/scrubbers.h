/*
 * scrubbers.h - networks from which mitigation providers send cleaned traffic back to their customers
 *
 * Only what a provider publishes itself is in the list; who does not publish its tunnel endpoints is not (Akamai Prolexic, Arbor, Neustar, ...): the shape has to do for them.
 *   Cloudflare: https://www.cloudflare.com/ips-v4 and ips-v6, as of February 2026. Magic Transit's endpoints are anycast addresses out of these.
 *   Imperva: its documentation, "IP ranges", and its API /api/integration/v1/ips, as of 2023.
 * The lists change every few years; a new network is a new line.
 */
#ifndef GS_CLASSIFY_SCRUBBERS_H
#define GS_CLASSIFY_SCRUBBERS_H

#include "grescope/types.h"

/* clang-format off */
/* V4: four octets and length; V6: two groups of 16 bits and length. One line each. */
#define SCRUBBERS(V4, V6) \
	/* Cloudflare */ \
	V4(103, 21, 244, 0, 22) \
	V4(103, 22, 200, 0, 22) \
	V4(103, 31, 4, 0, 22) \
	V4(104, 16, 0, 0, 13) \
	V4(104, 24, 0, 0, 14) \
	V4(108, 162, 192, 0, 18) \
	V4(131, 0, 72, 0, 22) \
	V4(141, 101, 64, 0, 18) \
	V4(162, 158, 0, 0, 15) \
	V4(172, 64, 0, 0, 13) \
	V4(173, 245, 48, 0, 20) \
	V4(188, 114, 96, 0, 20) \
	V4(190, 93, 240, 0, 20) \
	V4(197, 234, 240, 0, 22) \
	V4(198, 41, 128, 0, 17) \
	V6(0x2400, 0xcb00, 32) \
	V6(0x2405, 0x8100, 32) \
	V6(0x2405, 0xb500, 32) \
	V6(0x2606, 0x4700, 32) \
	V6(0x2803, 0xf800, 32) \
	V6(0x2a06, 0x98c0, 29) \
	V6(0x2c0f, 0xf248, 32) \
	/* Imperva */ \
	V4(45, 60, 0, 0, 16) \
	V4(45, 64, 64, 0, 22) \
	V4(45, 223, 0, 0, 16) \
	V4(103, 28, 248, 0, 22) \
	V4(107, 154, 0, 0, 16) \
	V4(149, 126, 72, 0, 21) \
	V4(185, 11, 124, 0, 22) \
	V4(192, 230, 64, 0, 18) \
	V4(198, 143, 32, 0, 19) \
	V4(199, 83, 128, 0, 21) \
	V6(0x2a02, 0xe980, 29)

#define V4(a, b, c, d, n) { { { a, b, c, d }, 4 }, n },
#define V6(a, b, n) { { { a >> 8, a & 0xff, b >> 8, b & 0xff }, 6 }, n },
static const struct gs_prefix scrubbers[] = { SCRUBBERS(V4, V6) };
#undef V4
#undef V6

/* The first octets that they begin with (all are longer than 8), a bit each: what nearly every other address has none of. */
#define BIT(word, octet) | ((octet) / 64 == word ? UINT64_C(1) << (octet) % 64 : 0)
#define V4_0(a, b, c, d, n) BIT(0, a)
#define V6_0(a, b, n) BIT(0, (a) >> 8)
#define V4_1(a, b, c, d, n) BIT(1, a)
#define V6_1(a, b, n) BIT(1, (a) >> 8)
#define V4_2(a, b, c, d, n) BIT(2, a)
#define V6_2(a, b, n) BIT(2, (a) >> 8)
#define V4_3(a, b, c, d, n) BIT(3, a)
#define V6_3(a, b, n) BIT(3, (a) >> 8)
static const uint64_t scrubber_octets[4] = {
	0 SCRUBBERS(V4_0, V6_0),
	0 SCRUBBERS(V4_1, V6_1),
	0 SCRUBBERS(V4_2, V6_2),
	0 SCRUBBERS(V4_3, V6_3),
};
#undef BIT
#undef V4_0
#undef V6_0
#undef V4_1
#undef V6_1
#undef V4_2
#undef V6_2
#undef V4_3
#undef V6_3
/* clang-format on */

#endif
