#include "forensics/gf128.h"

#include "forensics/xorshift128.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static struct gf128 gf128_times_x(struct gf128 a)
{
	const uint64_t carry = -(a.hi >> 63);
	return (struct gf128){ a.lo << 1 ^ (carry & GF128_P.lo), (a.hi << 1 | a.lo >> 63) ^ (carry & GF128_P.hi) };
}

/* a * x^4. P's lower part has degree 96, so the four bits that leave come back in one go. */
static inline struct gf128 gf128_times_x4(struct gf128 a)
{
	const uint64_t out = a.hi >> 60;
	struct gf128 r = { a.lo << 4, a.hi << 4 | a.lo >> 60 };
	for (unsigned i = 0; i < 4; i++) {
		const uint64_t bit = -(out >> i & 1);
		r.lo ^= bit & GF128_P.lo << i;
		r.hi ^= bit & (GF128_P.hi << i | (i ? GF128_P.lo >> (64 - i) : 0));
	}
	return r;
}

struct gf128 gf128_mul_portable(struct gf128 a, struct gf128 b)
{
	struct gf128 times[16] = { { 0, 0 }, a };
	for (unsigned i = 2; i < 16; i += 2) {
		times[i] = gf128_times_x(times[i / 2]);
		times[i + 1] = gf128_add(times[i], a);
	}
	struct gf128 r = times[b.hi >> 60];
	for (int shift = 56; shift >= 0; shift -= 4)
		r = gf128_add(gf128_times_x4(r), times[b.hi >> shift & 15]);
	for (int shift = 60; shift >= 0; shift -= 4)
		r = gf128_add(gf128_times_x4(r), times[b.lo >> shift & 15]);
	return r;
}

#if defined(__x86_64__)
/* floor(x^256 / P) without x^128. */
#define GF128_MU ((struct gf128){ UINT64_C(0xf985c64aac3a0da6), UINT64_C(0x000000010046d8b2) })

#define CLMUL __attribute__((target("pclmul,sse2")))

CLMUL static inline __m128i load(struct gf128 a)
{
	return _mm_set_epi64x((long long)a.hi, (long long)a.lo);
}

/* The product's middle part: a.lo * b.hi + a.hi * b.lo. */
CLMUL static inline __m128i middle(__m128i a, __m128i b)
{
	return _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x10), _mm_clmulepi64_si128(a, b, 0x01));
}

CLMUL static inline __m128i high_half(__m128i a, __m128i b)
{
	const __m128i mid = _mm_xor_si128(middle(a, b), _mm_srli_si128(_mm_clmulepi64_si128(a, b, 0x00), 8));
	return _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x11), _mm_srli_si128(mid, 8));
}

CLMUL static inline __m128i low_half(__m128i a, __m128i b)
{
	return _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x00), _mm_slli_si128(middle(a, b), 8));
}

/* high * x^128 + low modulo P. Barrett: the quotient is the upper half of high * floor(x^256 / P), exactly, since nothing carries. */
CLMUL static inline struct gf128 reduce(__m128i high, __m128i low)
{
	const __m128i q = _mm_xor_si128(high, high_half(high, load(GF128_MU)));
	const __m128i r = _mm_xor_si128(low, low_half(q, load(GF128_P)));
	return (struct gf128){ (uint64_t)_mm_cvtsi128_si64(r), (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(r, r)) };
}

CLMUL static struct gf128 mul_clmul(struct gf128 a, struct gf128 b)
{
	const __m128i va = load(a), vb = load(b), mid = middle(va, vb);
	return reduce(_mm_xor_si128(_mm_clmulepi64_si128(va, vb, 0x11), _mm_srli_si128(mid, 8)),
	              _mm_xor_si128(_mm_clmulepi64_si128(va, vb, 0x00), _mm_slli_si128(mid, 8)));
}

CLMUL static struct gf128 square_n_clmul(struct gf128 a, unsigned n)
{
	while (n--) {
		const __m128i v = load(a);
		a = reduce(_mm_clmulepi64_si128(v, v, 0x11), _mm_clmulepi64_si128(v, v, 0x00));
	}
	return a;
}

struct gf128 gf128_mul(struct gf128 a, struct gf128 b)
{
	return __builtin_cpu_supports("pclmul") ? mul_clmul(a, b) : gf128_mul_portable(a, b);
}

struct gf128 gf128_square_n(struct gf128 a, unsigned n)
{
	if (__builtin_cpu_supports("pclmul"))
		return square_n_clmul(a, n);
	while (n--)
		a = gf128_mul_portable(a, a);
	return a;
}
#else
struct gf128 gf128_mul(struct gf128 a, struct gf128 b)
{
	return gf128_mul_portable(a, b);
}

struct gf128 gf128_square_n(struct gf128 a, unsigned n)
{
	while (n--)
		a = gf128_mul_portable(a, a);
	return a;
}
#endif

struct gf128 gf128_pow(struct gf128 a, uint64_t e)
{
	struct gf128 r = GF128_ONE;
	for (int bit = e ? 63 - __builtin_clzll(e) : -1; bit >= 0; bit--) {
		r = gf128_square_n(r, 1);
		if (e >> bit & 1)
			r = gf128_mul(r, a);
	}
	return r;
}

struct gf128 gf128_x_pow(int64_t d)
{
	/* 1/x: P has the constant term 1, so x * (P's remaining terms / x) = 1 */
	static const struct gf128 inverse_x = { UINT64_C(0xf985d65ffd3c8001) >> 1 | UINT64_C(0x000000010046d8b3) << 63,
		                                UINT64_C(0x000000010046d8b3) >> 1 | UINT64_C(1) << 63 };
	return d < 0 ? gf128_pow(inverse_x, -(uint64_t)d) : gf128_pow(GF128_X, (uint64_t)d);
}

/* ---- states and elements ---- */

static bool state_bit(const struct gs_bot_state *s, unsigned i)
{
	return s->w[i / 32] >> (i % 32) & 1;
}

static struct gs_bot_state state_add(struct gs_bot_state a, const struct gs_bot_state *b)
{
	for (unsigned i = 0; i < 4; i++)
		a.w[i] ^= b->w[i];
	return a;
}

/* The element of each single state bit: inverts the matrix whose columns are the states of 1, x, x^2, ... Gauss-Jordan. */
static void map_invert(const struct gs_bot_state column[128], struct gf128 of_bit[128])
{
	struct gs_bot_state s[128];
	struct gf128 e[128];

	for (unsigned i = 0; i < 128; i++) {
		s[i] = column[i];
		e[i] = i < 64 ? (struct gf128){ UINT64_C(1) << i, 0 } : (struct gf128){ 0, UINT64_C(1) << (i - 64) };
	}
	for (unsigned bit = 0; bit < 128; bit++) {
		unsigned pivot = bit;
		while (!state_bit(&s[pivot], bit))
			pivot++; /* there is one: the columns are independent */
		const struct gs_bot_state ps = s[pivot];
		const struct gf128 pe = e[pivot];
		s[pivot] = s[bit];
		e[pivot] = e[bit];
		s[bit] = ps;
		e[bit] = pe;
		for (unsigned i = 0; i < 128; i++)
			if (i != bit && state_bit(&s[i], bit)) {
				s[i] = state_add(s[i], &ps);
				e[i] = gf128_add(e[i], pe);
			}
	}
	memcpy(of_bit, e, sizeof e);
}

void gf128_map_init(struct gf128_map *m)
{
	struct gs_bot_state column[128], s = { { 1, 0, 0, 0 } };
	struct gf128 of_bit[128];

	for (unsigned i = 0; i < 128; i++) {
		column[i] = s;
		xorshift_forward(&s);
	}
	map_invert(column, of_bit);
	memset(m, 0, sizeof *m);
	for (unsigned nibble = 0; nibble < 32; nibble++)
		for (unsigned v = 1; v < 16; v++) {
			const unsigned low = (unsigned)__builtin_ctz(v), bit = nibble * 4 + low;
			m->of_state[nibble][v] = gf128_add(m->of_state[nibble][v & (v - 1)], of_bit[bit]);
			m->of_element[nibble][v] = state_add(m->of_element[nibble][v & (v - 1)], &column[bit]);
		}
}

struct gf128 gf128_of_state(const struct gf128_map *m, const struct gs_bot_state *s)
{
	struct gf128 e = { 0, 0 };
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 8; k++)
			e = gf128_add(e, m->of_state[i * 8 + k][s->w[i] >> (4 * k) & 15]);
	return e;
}

struct gs_bot_state gf128_to_state(const struct gf128_map *m, struct gf128 e)
{
	uint64_t sum[2] = { 0, 0 }; /* in halves: this is most of what linking packets takes */
	struct gs_bot_state s;

	for (unsigned k = 0; k < 16; k++) {
		uint64_t low[2], high[2];
		memcpy(low, &m->of_element[k][e.lo >> (4 * k) & 15], sizeof low);
		memcpy(high, &m->of_element[16 + k][e.hi >> (4 * k) & 15], sizeof high);
		sum[0] ^= low[0] ^ high[0];
		sum[1] ^= low[1] ^ high[1];
	}
	memcpy(&s, sum, sizeof s);
	return s;
}
