/* test_counted.c - counts of the kernel and shapes of samples: sums that hold whatever comes, in any mix */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "observe/counted.h"

static struct {
	uint64_t packets, bytes, n, folded_sources;
	struct gs_sighting last[8];
} got;

static int take(void *arg, const struct gs_sighting *s, size_t n, struct gs_error *err)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(s[i].fidelity, GS_FIDELITY_SAMPLED);
		assert_int_equal(s[i].version, GS_SIGHTING_VERSION);
		assert_true(s[i].packets > 0);
		got.packets += s[i].packets;
		got.bytes += s[i].bytes;
		got.last[got.n++ % 8] = s[i];
		got.folded_sources += s[i].flags & GS_SIGHTING_FOLDED ? s[i].sources : 0;
	}
	return arg ? gs_fail(err, GS_ERR_STORE, "full") : 0;
}

static struct gs_counted *fresh(size_t memory, void *refuse)
{
	struct gs_counted *c = NULL;

	memset(&got, 0, sizeof got);
	assert_int_equal(gs_counted_new(memory, 5, 3, &(struct gs_sighting_sink){ take, refuse }, &c, NULL), 0);
	return c;
}

static struct gs_addr addr(uint32_t v)
{
	return gs_addr_v4((const uint8_t[]){ (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v });
}

static void sample(struct gs_counted *c, uint32_t src, uint32_t dst, uint16_t proto, unsigned class_)
{
	const struct gs_packet p = { .src = addr(src), .dst = addr(dst), .gre_proto = proto, .outcome = GS_OUT_GRE, .ip_len = 52 };
	gs_counted_sample(c, &p, &(struct gs_verdict){ .class_ = (uint8_t)class_, .confidence = 90 });
}

static int source(struct gs_counted *c, uint32_t src, uint64_t packets, uint64_t bytes)
{
	const struct gs_addr a = addr(src);
	return gs_counted_source(c, &a, packets, bytes, (struct gs_time){ 10 }, (struct gs_time){ 20 }, NULL);
}

static int rest(struct gs_counted *c, uint64_t packets, uint64_t bytes)
{
	return gs_counted_rest(c, packets, bytes, (struct gs_time){ 0 }, (struct gs_time){ 30 }, NULL);
}

static void one_shape(void **state)
{
	struct gs_counted *c = fresh(1 << 20, NULL);

	sample(c, 1, 99, 0x0800, GS_CLASS_REMNANT);
	assert_int_equal(source(c, 1, 1000, 52000), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.packets, 1000);
	assert_int_equal(got.bytes, 52000);
	assert_int_equal(got.last[0].class_, GS_CLASS_REMNANT);
	assert_int_equal(got.last[0].dst.b[3], 99);
	assert_int_equal(got.last[0].sensor, 3);
	assert_int_equal(got.last[0].first.ns, 10);
	assert_int_equal(got.last[0].last.ns, 20);
	gs_counted_free(c);
}

static void shares_of_shapes(void **state)
{
	struct gs_counted *c = fresh(1 << 20, NULL);

	for (unsigned i = 0; i < 3; i++)
		sample(c, 1, 99, 0x0800, GS_CLASS_REMNANT);
	sample(c, 1, 99, 0x6558, GS_CLASS_TUNNEL_DATA);
	assert_int_equal(source(c, 1, 1001, 100003), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.packets, 1001);
	assert_int_equal(got.bytes, 100003);
	assert_int_equal(got.last[0].packets, 750);
	assert_int_equal(got.last[1].packets, 251);
	/* fewer packets than shapes: no sighting of none */
	got.n = 0;
	assert_int_equal(source(c, 1, 1, 52), 0);
	assert_int_equal(got.n, 1);
	gs_counted_free(c);
}

static void remembered_for_a_round(void **state)
{
	struct gs_counted *c = fresh(1 << 20, NULL);
	uint64_t shapeless, forgotten;

	sample(c, 1, 99, 0x0800, GS_CLASS_REMNANT);
	rest(c, 0, 0);
	source(c, 1, 5, 260);
	assert_int_equal(got.last[0].dst.family, 4);
	rest(c, 0, 0);
	source(c, 1, 5, 260);
	assert_int_equal(got.last[1].dst.family, 0); /* nothing is known of it any more */
	assert_int_equal(got.last[1].src.b[3], 1);
	assert_int_equal(got.packets, 10);
	gs_counted_gaps(c, &shapeless, &forgotten);
	assert_int_equal(shapeless, 1);
	assert_int_equal(forgotten, 0);
	gs_counted_free(c);
}

static void the_rest_is_folded(void **state)
{
	struct gs_counted *c = fresh(1 << 20, NULL);

	for (uint32_t i = 0; i < 100; i++) {
		sample(c, i, 99, 0x0800, i % 3 ? GS_CLASS_FLOOD_GRE : GS_CLASS_REMNANT);
		source(c, i, 10, 520);
	}
	assert_int_equal(rest(c, 5000, 260000), 0);
	const struct gs_sighting *s = &got.last[(got.n - 1) % 8];
	assert_int_equal(s->flags, GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED);
	assert_int_equal(s->sources, 500); /* ten packets each, as the others */
	assert_int_equal(s->class_, GS_CLASS_FLOOD_GRE);
	assert_int_equal(s->src.family, 0);
	assert_int_equal(got.packets, 6000);
	assert_int_equal(got.bytes, 100 * 520 + 260000);
	/* nothing to go by */
	assert_int_equal(rest(c, 7, 364), 0);
	assert_int_equal(got.last[(got.n - 1) % 8].sources, 1);
	gs_counted_free(c);
}

static void sums_hold_in_any_mix(void **state)
{
	uint64_t x = 88172645463325252u, packets = 0, bytes = 0, forgotten, shapeless;
	struct gs_counted *c = fresh(1 << 18, NULL); /* far too little */

	for (unsigned i = 0; i < 200000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		const uint32_t src = (uint32_t)(x >> 40) % 5000;
		const uint64_t n = 1 + (x >> 20) % (i % 7 ? 9 : 1u << 31), b = n * (20 + x % 1400);
		switch (x % 8) {
		case 0:
			source(c, src, n, b);
			packets += n, bytes += b;
			break;
		case 1:
			if (i % 50)
				break;
			rest(c, n, b);
			packets += n, bytes += b;
			break;
		default:
			sample(c, src, (uint32_t)(x >> 30) % 5, (uint16_t)(x >> 50) % 3, (unsigned)(x >> 33) % GS_CLASS_COUNT);
		}
	}
	assert_true(got.packets == packets);
	assert_true(got.bytes == bytes);
	gs_counted_gaps(c, &shapeless, &forgotten);
	assert_true(forgotten > 0 && shapeless > 0);
	gs_counted_free(c);
}

static void a_sink_that_refuses(void **state)
{
	struct gs_counted *c = fresh(1 << 20, &got);

	sample(c, 1, 99, 0x0800, GS_CLASS_REMNANT);
	assert_int_equal(source(c, 1, 5, 260), GS_ERR_STORE);
	assert_int_equal(rest(c, 5, 260), GS_ERR_STORE);
	gs_counted_free(c);
	gs_counted_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_shape),          cmocka_unit_test(shares_of_shapes),     cmocka_unit_test(remembered_for_a_round),
		cmocka_unit_test(the_rest_is_folded), cmocka_unit_test(sums_hold_in_any_mix), cmocka_unit_test(a_sink_that_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
