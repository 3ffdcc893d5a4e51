/*
 * test_decode.c - named packets, octet by octet, and every truncation of each
 *
 * A packet is written as hex of its layers. The golden captures (tests/golden) cover the breadth; here stands what must hold for any packet: nothing is read outside
 * the frame, a cut frame tells a prefix of what the whole one tells, and the outcome is never "not GRE" for what was GRE when whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>

#include "classify/classify.h"
#include "decode/decode.h"

#define ETH "020000000001 020000000002 "
#define ETH4 ETH "0800 "
/* total length and protocol are given: 198.51.100.1 -> 203.0.113.47, TTL 57, DF, id 1234 */
#define IP4(len, proto) "4500" len "12344000 39" proto "0000 c6336401 cb00712f "
#define INNER_UDP "4500 0024 0001 0000 4011 0000 0a000001 0a000002 1111 2222 0010 0000 0102030405060708"

struct bytes {
	uint8_t b[2048];
	uint32_t n;
};

static struct bytes unhex(const char *text)
{
	struct bytes r = { .n = 0 };
	for (; *text; text++) {
		if (isspace((unsigned char)*text))
			continue;
		char z[3] = { text[0], text[1], 0 };
		r.b[r.n++] = (uint8_t)strtoul(z, NULL, 16);
		text++;
	}
	return r;
}

static struct gs_packet decode_link_type(const char *hex, uint32_t linktype)
{
	struct bytes b = unhex(hex);
	struct gs_packet p;
	uint8_t *exact = malloc(b.n ? b.n : 1); /* so that the sanitizer sees a read past the end */
	memcpy(exact, b.b, b.n);
	struct gs_frame f = { .data = exact, .caplen = b.n, .wirelen = b.n, .linktype = linktype, .sampling = 1, .number = 1 };
	gs_decode(&f, &p);
	free(exact);
	return p;
}

static struct gs_packet decode(const char *hex)
{
	return decode_link_type(hex, GS_LINK_ETHERNET);
}

static const char *const named[] = {
	/* plain */ ETH4 IP4("003c", "2f") "0000 0800 " INNER_UDP,
	/* checksum, key, sequence */ ETH4 IP4("0048", "2f") "b000 0800 0000 0000 0000002a 00000007 " INNER_UDP,
	/* two VLAN tags */ ETH "88a8 0007 8100 0008 0800 " IP4("003c", "2f") "0000 0800 " INNER_UDP,
	/* PPTP: sequence and acknowledgement, ff03 0021 */
	ETH4 IP4("004c", "2f") "3081 880b 0028 1780 00000001 00000002 ff03 0021 " INNER_UDP,
	/* routing entry with one address, then the null entry */
	ETH4 IP4("004c", "2f") "4000 0800 0000 0000 0800 00 04 0a0a0a0a 0000 00 00 " INNER_UDP,
	/* ERSPAN II */ ETH4 IP4("005a", "2f") "1000 88be 00000001 1064 0005 00000000 " ETH4 INNER_UDP,
	/* ERSPAN III with platform subheader */
	ETH4 IP4("0062", "2f") "1000 22eb 00000001 2064 0005 00000000 0000 0001 0000000000000000 " ETH4 INNER_UDP,
	/* IPv6 with hop-by-hop options */
	ETH "86dd 60000000 0030 00 40 20010db8000000000000000000000001 20010db8000000000000000000000002 2f00 0104 00000000 0000 0800 " INNER_UDP,
	/* IPv4 in IPv6 in between: DS-Lite */
	ETH "86dd 60000000 003c 04 40 20010db8000000000000000000000001 20010db8000000000000000000000002 " IP4("003c", "2f") "0000 0800 " INNER_UDP,
	/* ICMP host unreachable quoting GRE */
	ETH4 "4500 0058 0000 0000 4001 0000 cb007101 c6336401 0301 0000 00000000 " IP4("003c", "2f") "0000 0800 " INNER_UDP,
	/* GRE in GRE */ ETH4 IP4("0054", "2f") "0000 0800 " "4500 003c 0001 0000 402f 0000 0a000001 0a000002 0000 0800 " INNER_UDP,
	/* EoIP */ ETH4 IP4("0052", "2f") "2001 6400 0032 0b00 " ETH4 INNER_UDP,
};

static void nothing_is_read_past_any_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		struct bytes b = unhex(named[i]);
		struct gs_packet whole = decode(named[i]), p;
		struct gs_verdict v;
		assert_int_equal(whole.outcome, GS_OUT_GRE);
		assert_int_equal(whole.stop, GS_STOP_NONE);
		for (uint32_t n = 0; n < b.n; n++) {
			uint8_t *cut = malloc(n ? n : 1);
			memcpy(cut, b.b, n);
			struct gs_frame f = { .data = cut, .caplen = n, .wirelen = b.n, .linktype = GS_LINK_ETHERNET, .sampling = 1 };
			gs_decode(&f, &p);
			/* a frame cut short is lost, or quoted (then we cannot know), or a row that says where it was cut */
			if (p.outcome == GS_OUT_LOST)
				assert_int_equal(p.lost, GS_LOST_SHORT);
			else if (p.outcome == GS_OUT_NOT_GRE)
				assert_int_equal(whole.via, GS_VIA_ICMP);
			else {
				gs_classify(&p, &f, &v);
				assert_int_equal(p.has & ~whole.has, 0);
				if (p.stop != GS_STOP_NONE && p.stop != GS_STOP_GRE_CUT && p.stop != GS_STOP_PAYLOAD_CUT)
					fail_msg("packet %zu cut to %u of %u octets: stop %s", i, n, b.n, gs_stop_word(p.stop));
				assert_true(p.stop_off <= n);
				assert_true(gs_addr_equal(&p.src, &whole.src) && gs_addr_equal(&p.dst, &whole.dst));
				if (p.has & GS_HAS_INNER)
					assert_true(gs_addr_equal(&p.inner_src, &whole.inner_src));
				assert_true(p.data_off + p.data_len <= n);
				for (unsigned l = 0; l < p.n_layers; l++)
					assert_true(p.layers[l].off + p.layers[l].len <= n);
			}
			free(cut);
		}
	}
}

static void plain_gre(void **state)
{
	(void)state;
	struct gs_packet p = decode(named[0]);
	char text[GS_ADDR_TEXT_MAX];

	gs_addr_format(&p.src, text);
	assert_string_equal(text, "198.51.100.1");
	gs_addr_format(&p.dst, text);
	assert_string_equal(text, "203.0.113.47");
	assert_int_equal(p.ttl, 57);
	assert_int_equal(p.ip_id, 0x1234);
	assert_int_equal(p.df, 1);
	assert_int_equal(p.ip_len, 60);
	assert_int_equal(p.gre_proto, 0x0800);
	assert_int_equal(p.inner_sport, 0x1111);
	assert_int_equal(p.inner_dport, 0x2222);
	assert_int_equal(p.data_len, 8);
	assert_int_equal(p.payload, GS_LAYER_IPV4);
	assert_int_equal(p.has & (GS_HAS_KEY | GS_HAS_SEQ | GS_HAS_ACK | GS_HAS_CHECKSUM), 0);
}

static void options_of_version_0(void **state)
{
	(void)state;
	struct gs_packet p = decode(named[1]);
	assert_int_equal(p.gre_key, 42);
	assert_int_equal(p.gre_seq, 7);
	assert_int_equal(p.checksum, GS_CHECKSUM_BAD); /* 0000 is not the sum */
	p = decode(ETH4 IP4("001c", "2f") "8000 0800 77ff 0000");
	assert_int_equal(p.checksum, GS_CHECKSUM_GOOD);
	assert_int_equal(p.stop, GS_STOP_PAYLOAD_SHORT);
}

static void pptp(void **state)
{
	(void)state;
	struct gs_packet p = decode(named[3]);
	assert_int_equal(p.gre_key, 0x00281780);
	assert_int_equal(p.gre_seq, 1);
	assert_int_equal(p.gre_ack, 2);
	assert_int_equal(p.ppp_proto, 0x0021);
	assert_int_equal(p.payload, GS_LAYER_PPP);
	/* protocol field compressed to one octet, and an acknowledgement alone */
	p = decode(ETH4 IP4("0045", "2f") "3001 880b 0025 1780 00000001 21 " INNER_UDP);
	assert_int_equal(p.stop, GS_STOP_NONE);
	assert_true(p.has & GS_HAS_PORTS);
	p = decode(ETH4 IP4("0020", "2f") "2081 880b 0000 1780 00000002");
	assert_int_equal(p.stop, GS_STOP_NONE);
	assert_int_equal(p.gre_ack, 2);
	assert_false(p.has & GS_HAS_SEQ);
	/* a length beyond the IP packet, and a version 1 without a key */
	p = decode(ETH4 IP4("0020", "2f") "3001 880b 0100 1780 00000002");
	assert_int_equal(p.stop, GS_STOP_GRE_LENGTH);
	p = decode(ETH4 IP4("0020", "2f") "1001 880b 0000 1780 00000002");
	assert_int_equal(p.stop, GS_STOP_GRE_RESERVED);
}

static void ip_length_bounds_not_the_frame(void **state)
{
	(void)state;
	/* IP says 26: six octets of GRE and inner; the rest is Ethernet padding */
	struct gs_packet p = decode(ETH4 IP4("001a", "2f") "0000 0800 4500" "0000000000000000000000000000000000000000");
	assert_int_equal(p.stop, GS_STOP_PAYLOAD_SHORT);
	assert_int_equal(p.payload_len, 2);
	p = decode(ETH4 IP4("0016", "2f") "2000" "0000000000000000000000000000000000000000000000000000");
	assert_int_equal(p.stop, GS_STOP_GRE_SHORT);
	/* total length 0: the frame decides */
	p = decode(ETH4 IP4("0000", "2f") "0000 0800 " INNER_UDP);
	assert_int_equal(p.stop, GS_STOP_NONE);
	assert_int_equal(p.ip_len, 60);
	/* a total length below the header: a row all the same */
	p = decode(ETH4 IP4("0004", "2f") "0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_GRE);
	assert_int_equal(p.stop, GS_STOP_GRE_SHORT);
}

static void routing_entries(void **state)
{
	(void)state;
	struct gs_packet p = decode(named[4]);
	assert_true(p.has & GS_HAS_ROUTING);
	assert_int_equal(p.gre_hdr_len, 8 + 8 + 4);
	p = decode(ETH4 IP4("0024", "2f") "4000 0800 0000 0000 0800 00 ff 0a0a0a0a");
	assert_int_equal(p.stop, GS_STOP_ROUTE_SHORT);
	assert_int_equal(p.outcome, GS_OUT_GRE);
}

static void fragments(void **state)
{
	(void)state;
	struct gs_packet p = decode(ETH4 "4500 003c 1234 2000 392f 0000 c6336401 cb00712f 0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_GRE);
	assert_int_equal(p.fragment, 1);
	p = decode(ETH4 "4500 003c 1234 2003 392f 0000 c6336401 cb00712f 0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_FRAGMENT);
	assert_int_equal(p.ip_len, 60);
	p = decode(ETH4 "4500 003c 1234 2003 3906 0000 c6336401 cb00712f 0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_NOT_GRE);
	/* IPv6 fragment header, later fragment */
	p = decode(ETH "86dd 60000000 0010 2c 40 20010db8000000000000000000000001 20010db8000000000000000000000002 2f00 0011 00000001 0000000000000000");
	assert_int_equal(p.outcome, GS_OUT_FRAGMENT);
}

static void quotes_describe_the_quoted_packet(void **state)
{
	(void)state;
	struct gs_packet p = decode(named[9]);
	char text[GS_ADDR_TEXT_MAX];
	assert_int_equal(p.via, GS_VIA_ICMP);
	gs_addr_format(&p.src, text);
	assert_string_equal(text, "198.51.100.1");
	gs_addr_format(&p.quoter, text);
	assert_string_equal(text, "203.0.113.1");
	assert_int_equal(p.icmp_type, 3);
	assert_int_equal(p.icmp_code, 1);
	/* eight octets of quote: cut, not short, for the quoted packet was longer */
	p = decode(ETH4 "4500 0038 0000 0000 4001 0000 cb007101 c6336401 0301 0000 00000000 " IP4("003c", "2f") "0000 0800 45000024");
	assert_int_equal(p.outcome, GS_OUT_GRE);
	assert_int_equal(p.stop, GS_STOP_PAYLOAD_CUT);
	/* an echo is no error */
	p = decode(ETH4 "4500 0058 0000 0000 4001 0000 cb007101 c6336401 0800 0000 00000000 " IP4("003c", "2f") "0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_NOT_GRE);
}

static void udp_carries_gre(void **state)
{
	(void)state;
	struct gs_packet p = decode(ETH4 IP4("0044", "11") "d000 1292 0030 0000 0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_GRE_UDP);
	assert_int_equal(p.via, GS_VIA_UDP);
	assert_true(p.has & GS_HAS_PORTS);
	/* a packet to that port that is too short is no loss: it was UDP */
	p = decode(ETH4 IP4("001e", "11") "d000 1292 000a 0000 0000");
	assert_true(p.outcome == GS_OUT_GRE_UDP || p.outcome == GS_OUT_NOT_GRE);
	p = decode(ETH4 IP4("0044", "11") "d000 0035 0030 0000 0000 0800 " INNER_UDP);
	assert_int_equal(p.outcome, GS_OUT_NOT_GRE);
}

static void versions_and_nesting_end_somewhere(void **state)
{
	(void)state;
	struct gs_packet p = decode(ETH4 IP4("003c", "2f") "0002 0800 " INNER_UDP);
	assert_int_equal(p.stop, GS_STOP_GRE_VERSION);

	char hex[8192] = ETH4 "4500 0000 12344000 392f 0000 c6336401 cb00712f ";
	for (int i = 0; i < 12; i++)
		strcat(hex, "0000 0800 4500 0000 0001 0000 402f 0000 0a000001 0a000002 ");
	p = decode(hex);
	assert_int_equal(p.stop, GS_STOP_DEPTH);
	assert_int_equal(p.n_gre, GS_MAX_GRE);

	strcpy(hex, ETH);
	for (int i = 0; i < 40; i++)
		strcat(hex, "8100 0001 ");
	p = decode(hex);
	assert_int_equal(p.outcome, GS_OUT_LOST);
	assert_int_equal(p.lost, GS_LOST_DEPTH);

	strcpy(hex, ETH4);
	for (int i = 0; i < 40; i++)
		strcat(hex, "4500 0000 0001 0000 4004 0000 0a000001 0a000002 ");
	p = decode(hex);
	assert_int_equal(p.lost, GS_LOST_DEPTH);
}

static void link_types(void **state)
{
	(void)state;
	static const struct {
		uint32_t linktype;
		const char *before;
	} cases[] = {
		{ GS_LINK_RAW, "" },
		{ GS_LINK_IPV4, "" },
		{ GS_LINK_NULL, "02000000" },
		{ GS_LINK_NULL, "00000002" },
		{ GS_LINK_LOOP, "00000002" },
		{ GS_LINK_LINUX_SLL, "0000 0001 0006 020000000001 0000 0800" },
		{ GS_LINK_LINUX_SLL2, "0800 0000 00000001 0001 00 06 0200000000010000" },
		{ GS_LINK_PPP, "ff03 0021" },
		{ GS_LINK_PPP_HDLC, "21" },
		{ GS_LINK_PPP_HDLC, "0f00 0800" },
		{ GS_LINK_C_HDLC, "0f00 0800" },
		{ GS_LINK_PPP_ETHER, "1100 0001 003e 0021" },
		{ GS_LINK_PPP_PPPD, "00 03 0021" },
		{ GS_LINK_MPLS, "003e8000 003e9100" },
		{ GS_LINK_ETHERNET, ETH "0044 aaaa03 000000 0800" },
		{ GS_LINK_ETHERNET, ETH "8864 1100 0001 003e 0021" },
		{ GS_LINK_ETHERNET, ETH "8847 003e8140" },
	};
	char hex[512];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		strcpy(hex, cases[i].before);
		strcat(hex, IP4("003c", "2f") "0000 0800 " INNER_UDP);
		struct gs_packet p = decode_link_type(hex, cases[i].linktype);
		assert_int_equal(p.outcome, GS_OUT_GRE);
		assert_true(p.has & GS_HAS_PORTS);
	}
	struct gs_packet p = decode_link_type("0801 0000", GS_LINK_IEEE802_11);
	assert_int_equal(p.lost, GS_LOST_LINKTYPE);
	p = decode_link_type("", GS_LINK_RAW);
	assert_int_equal(p.lost, GS_LOST_SHORT);
}

static void random_bytes_do_no_harm(void **state)
{
	(void)state;
	static const uint32_t types[] = { 0, 1, 9, 50, 51, 101, 104, 113, 166, 219, 228, 229, 276 };
	uint64_t x = 88172645463325252u;
	for (int round = 0; round < 200000; round++) {
		const char *seed = named[(size_t)round % (sizeof named / sizeof *named)];
		struct bytes b = unhex(seed);
		for (int k = 0; k < 1 + round % 5; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			b.b[x % b.n] = (uint8_t)(x >> 32);
		}
		struct gs_packet p;
		struct gs_verdict v;
		uint8_t *exact = malloc(b.n);
		memcpy(exact, b.b, b.n);
		struct gs_frame f = { .data = exact, .caplen = b.n, .wirelen = b.n, .linktype = round % 4 ? 1 : types[x % 13], .sampling = 1 };
		gs_decode(&f, &p);
		gs_classify(&p, &f, &v);
		assert_true(p.n_layers <= GS_MAX_LAYERS && p.stop_off <= b.n && p.data_off + p.data_len <= b.n && v.class_ < GS_CLASS_COUNT);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_read_past_any_cut),
		cmocka_unit_test(plain_gre),
		cmocka_unit_test(options_of_version_0),
		cmocka_unit_test(pptp),
		cmocka_unit_test(ip_length_bounds_not_the_frame),
		cmocka_unit_test(routing_entries),
		cmocka_unit_test(fragments),
		cmocka_unit_test(quotes_describe_the_quoted_packet),
		cmocka_unit_test(udp_carries_gre),
		cmocka_unit_test(versions_and_nesting_end_somewhere),
		cmocka_unit_test(link_types),
		cmocka_unit_test(random_bytes_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
