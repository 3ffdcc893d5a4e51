/* layer_inner.c - transport and control protocols, tunnels over UDP, and payload */
#include "mkpcap.h"

#include <string.h>

/* Writes the checksum at h + at: the field's value, or computed over everything from h on, with the pseudo-header where proto >= 0. */
static int put_checksum(struct mk *mk, unsigned i, unsigned field, uint8_t *h, size_t at, int proto)
{
	const struct mk_layer *l = &mk->layers[i];
	uint32_t sum = 0;

	if (!mk_is(l, field)) {
		int r = proto >= 0 ? mk_pseudo_sum(mk, i, (uint8_t)proto, mk_payload_len(mk), &sum) : 0;
		if (r < 0)
			return r;
	}
	uint16_t v = mk_sum_fold(mk_sum(sum, h, mk_payload_len(mk)));
	if (proto == 17 && v == 0)
		v = 0xffff; /* RFC 768: zero means none */
	mk_be16(h + at, mk_get(mk, l, field, v));
	return 0;
}

enum { UDP_SPORT, UDP_DPORT, UDP_LEN, UDP_CHECKSUM };
static const struct mk_field udp_fields[] = {
	{ "sport", MK_NUMBER, 16, "" },
	{ "dport", MK_NUMBER, 16, "" },
	{ "len", MK_NUMBER, 16, "" },
	{ "checksum", MK_NUMBER, 16, "" },
};

static int udp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t len;
	uint8_t *h = mk_length(mk, i, UDP_LEN, 8 + mk_payload_len(mk), &len) < 0 ? NULL : mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, UDP_SPORT, 0));
	mk_be16(h + 2, mk_get(mk, l, UDP_DPORT, 0));
	mk_be16(h + 4, len);
	return put_checksum(mk, i, UDP_CHECKSUM, h, 6, 17);
}

enum { TCP_SPORT, TCP_DPORT, TCP_SEQ, TCP_ACK, TCP_FLAGS, TCP_WINDOW, TCP_URGENT, TCP_OPTIONS, TCP_DATA_OFFSET, TCP_CHECKSUM };
static const struct mk_field tcp_fields[] = {
	{ "sport", MK_NUMBER, 16, "" },
	{ "dport", MK_NUMBER, 16, "" },
	{ "seq", MK_NUMBER, 32, "" },
	{ "ack", MK_NUMBER, 32, "" },
	{ "flags", MK_TCPFLAGS, 0, "A where absent" },
	{ "window", MK_NUMBER, 16, "" },
	{ "urgent", MK_NUMBER, 16, "" },
	{ "options", MK_HEX, 0, "padded with zeros" },
	{ "data-offset", MK_NUMBER, 4, "" },
	{ "checksum", MK_NUMBER, 16, "" },
};

static int tcp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t header = 20 + ((l->v[TCP_OPTIONS].len + 3u) & ~(size_t)3);
	uint8_t *h = mk_push(mk, header);

	if (!h)
		return GS_ERR_CONFIG;
	uint64_t flags = mk_is(l, TCP_FLAGS) ? l->v[TCP_FLAGS].number : 0x10;
	mk_be16(h, mk_get(mk, l, TCP_SPORT, 0));
	mk_be16(h + 2, mk_get(mk, l, TCP_DPORT, 0));
	mk_be32(h + 4, mk_get(mk, l, TCP_SEQ, 0));
	mk_be32(h + 8, mk_get(mk, l, TCP_ACK, 0));
	mk_be16(h + 12, mk_get(mk, l, TCP_DATA_OFFSET, header / 4) << 12 | flags);
	mk_be16(h + 14, mk_get(mk, l, TCP_WINDOW, 8192));
	mk_be16(h + 18, mk_get(mk, l, TCP_URGENT, 0));
	if (l->v[TCP_OPTIONS].len)
		memcpy(h + 20, l->v[TCP_OPTIONS].octets, l->v[TCP_OPTIONS].len);
	return put_checksum(mk, i, TCP_CHECKSUM, h, 16, 6);
}

enum { SCTP_SPORT, SCTP_DPORT, SCTP_TAG, SCTP_CHECKSUM };
static const struct mk_field sctp_fields[] = {
	{ "sport", MK_NUMBER, 16, "" },
	{ "dport", MK_NUMBER, 16, "" },
	{ "tag", MK_NUMBER, 32, "verification tag" },
	{ "checksum", MK_NUMBER, 32, "" },
};

/* RFC 9260 appendix A: CRC32c, reflected, least significant octet first. */
static uint32_t crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	while (n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return __builtin_bswap32(~crc);
}

static int sctp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 12);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, SCTP_SPORT, 0));
	mk_be16(h + 2, mk_get(mk, l, SCTP_DPORT, 0));
	mk_be32(h + 4, mk_get(mk, l, SCTP_TAG, 0));
	mk_be32(h + 8, mk_get(mk, l, SCTP_CHECKSUM, crc32c(h, mk_payload_len(mk))));
	return 0;
}

enum { ICMP_TYPE, ICMP_CODE, ICMP_REST, ICMP_ID, ICMP_SEQ, ICMP_CHECKSUM };
static const struct mk_field icmp_fields[] = {
	{ "type", MK_NUMBER, 8, "" },
	{ "code", MK_NUMBER, 8, "" },
	{ "rest", MK_NUMBER, 32, "rest of the header: MTU, gateway, pointer" },
	{ "id", MK_NUMBER, 16, "of an echo" },
	{ "seq", MK_NUMBER, 16, "of an echo" },
	{ "checksum", MK_NUMBER, 16, "" },
};

static int icmp_common(struct mk *mk, unsigned i, int pseudo)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)mk_get(mk, l, ICMP_TYPE, 0);
	h[1] = (uint8_t)mk_get(mk, l, ICMP_CODE, 0);
	mk_be32(h + 4, mk_get(mk, l, ICMP_REST, mk_get(mk, l, ICMP_ID, 0) << 16 | mk_get(mk, l, ICMP_SEQ, 0)));
	return put_checksum(mk, i, ICMP_CHECKSUM, h, 2, pseudo);
}

static int icmp_encode(struct mk *mk, unsigned i)
{
	return icmp_common(mk, i, -1);
}

static int icmp6_encode(struct mk *mk, unsigned i)
{
	return icmp_common(mk, i, 58);
}

enum { OSPF_ROUTER, OSPF_AREA, OSPF_MASK, OSPF_HELLO, OSPF_CHECKSUM };
static const struct mk_field ospf_fields[] = {
	{ "router", MK_ADDR4, 0, "router id" },
	{ "area", MK_ADDR4, 0, "" },
	{ "mask", MK_ADDR4, 0, "" },
	{ "hello", MK_NUMBER, 16, "interval, 10 s where absent" },
	{ "checksum", MK_NUMBER, 16, "" },
};

static int ospf_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 44);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, 0x0201);
	mk_be16(h + 2, 44);
	mk_addr4(mk, l, OSPF_ROUTER, h + 4);
	mk_addr4(mk, l, OSPF_AREA, h + 8);
	mk_addr4(mk, l, OSPF_MASK, h + 24);
	uint64_t hello = mk_get(mk, l, OSPF_HELLO, 10);
	mk_be16(h + 28, hello);
	h[30] = 0x02; /* external routing */
	h[31] = 1;
	mk_be32(h + 32, 4 * hello);
	return put_checksum(mk, i, OSPF_CHECKSUM, h, 12, -1); /* the authentication octets, which it leaves out, are zero */
}

enum { EIGRP_AS, EIGRP_HOLD, EIGRP_CHECKSUM };
static const struct mk_field eigrp_fields[] = {
	{ "as", MK_NUMBER, 16, "autonomous system" },
	{ "hold", MK_NUMBER, 16, "15 s where absent" },
	{ "checksum", MK_NUMBER, 16, "" },
};

static int eigrp_encode(struct mk *mk, unsigned i)
{
	static const uint8_t parameters[12] = { 0, 1, 0, 12, 1, 0, 1, 0, 0, 0, 0, 0 };
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 32);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, 0x0205);
	mk_be16(h + 18, mk_get(mk, l, EIGRP_AS, 1));
	memcpy(h + 20, parameters, sizeof parameters);
	mk_be16(h + 30, mk_get(mk, l, EIGRP_HOLD, 15));
	return put_checksum(mk, i, EIGRP_CHECKSUM, h, 2, -1);
}

enum { PIM_HOLD, PIM_CHECKSUM };
static const struct mk_field pim_fields[] = {
	{ "hold", MK_NUMBER, 16, "105 s where absent" },
	{ "checksum", MK_NUMBER, 16, "" },
};

static int pim_encode(struct mk *mk, unsigned i)
{
	uint8_t *h = mk_push(mk, 10);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = 0x20;
	mk_be32(h + 4, 0x00010002);
	mk_be16(h + 8, mk_get(mk, &mk->layers[i], PIM_HOLD, 105));
	return put_checksum(mk, i, PIM_CHECKSUM, h, 2, -1);
}

enum { BFD_STATE, BFD_MY, BFD_YOUR };
static const struct mk_field bfd_fields[] = {
	{ "state", MK_NUMBER, 2, "3, up, where absent" },
	{ "my", MK_NUMBER, 32, "discriminator" },
	{ "your", MK_NUMBER, 32, "discriminator" },
};

static int bfd_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 24);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = 0x20;
	h[1] = (uint8_t)(mk_get(mk, l, BFD_STATE, 3) << 6);
	h[2] = 3;
	h[3] = 24;
	mk_be32(h + 4, mk_get(mk, l, BFD_MY, 1));
	mk_be32(h + 8, mk_get(mk, l, BFD_YOUR, 1));
	mk_be32(h + 12, 1000000);
	mk_be32(h + 16, 1000000);
	return 0;
}

enum { GENEVE_VNI, GENEVE_TYPE, GENEVE_OPTIONS, GENEVE_OPTLEN, GENEVE_VERSION, GENEVE_OAM };
static const struct mk_field geneve_fields[] = {
	{ "vni", MK_NUMBER, 24, "" },
	{ "type", MK_NUMBER, 16, "of what follows" },
	{ "options", MK_HEX, 0, "padded with zeros to a multiple of 4" },
	{ "optlen", MK_NUMBER, 6, "in units of 4 octets" },
	{ "version", MK_NUMBER, 2, "" },
	{ "oam", MK_FLAG, 0, "control packet" },
};

static int geneve_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t options = (l->v[GENEVE_OPTIONS].len + 3u) & ~(size_t)3;
	uint64_t type;
	uint8_t *h = mk_type(mk, i, GENEVE_TYPE, MK_ETHERTYPE, -1, &type) < 0 ? NULL : mk_push(mk, 8 + options);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)(mk_get(mk, l, GENEVE_VERSION, 0) << 6 | mk_get(mk, l, GENEVE_OPTLEN, options / 4));
	h[1] = mk_is(l, GENEVE_OAM) ? 0x80 : 0;
	mk_be16(h + 2, type);
	mk_be32(h + 4, mk_get(mk, l, GENEVE_VNI, 0) << 8);
	if (l->v[GENEVE_OPTIONS].len)
		memcpy(h + 8, l->v[GENEVE_OPTIONS].octets, l->v[GENEVE_OPTIONS].len);
	return 0;
}

enum { VXLAN_VNI, VXLAN_FLAGS };
static const struct mk_field vxlan_fields[] = {
	{ "vni", MK_NUMBER, 24, "" },
	{ "flags", MK_NUMBER, 8, "0x08 where absent" },
};

static int vxlan_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)mk_get(mk, l, VXLAN_FLAGS, 0x08);
	mk_be32(h + 4, mk_get(mk, l, VXLAN_VNI, 0) << 8);
	return 0;
}

enum { GUE_PROTO, GUE_FLAGS, GUE_CONTROL, GUE_HLEN, GUE_OPTIONS };
static const struct mk_field gue_fields[] = {
	{ "proto", MK_NUMBER, 8, "of what follows" },
	{ "flags", MK_NUMBER, 16, "" },
	{ "control", MK_FLAG, 0, "control message" },
	{ "hlen", MK_NUMBER, 5, "in units of 4 octets, the first not counted" },
	{ "options", MK_HEX, 0, "padded with zeros to a multiple of 4" },
};

static int gue_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t options = (l->v[GUE_OPTIONS].len + 3u) & ~(size_t)3;
	uint64_t proto;
	uint8_t *h = mk_type(mk, i, GUE_PROTO, MK_IP_PROTO, -1, &proto) < 0 ? NULL : mk_push(mk, 4 + options);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)((mk_is(l, GUE_CONTROL) ? 0x20 : 0) | mk_get(mk, l, GUE_HLEN, options / 4));
	h[1] = (uint8_t)proto;
	mk_be16(h + 2, mk_get(mk, l, GUE_FLAGS, 0));
	if (l->v[GUE_OPTIONS].len)
		memcpy(h + 4, l->v[GUE_OPTIONS].octets, l->v[GUE_OPTIONS].len);
	return 0;
}

/* Payload. */

static const struct mk_field bytes_fields[] = { { "octets", MK_HEX, 0, "hex digits in pairs, addresses, \"text\"" } };

static int bytes_encode(struct mk *mk, unsigned i)
{
	const struct mk_value *v = &mk->layers[i].v[0];
	uint8_t *h = mk_push(mk, v->len);

	if (!h)
		return GS_ERR_CONFIG;
	memcpy(h, v->octets, v->len);
	return 0;
}

enum { FILL_N, FILL_OCTET };
static const struct mk_field fill_fields[] = {
	{ "n", MK_NUMBER, 18, "how many" },
	{ "octet", MK_NUMBER, 8, "0 where absent" },
};

static int fill_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t n = (size_t)mk_get(mk, l, FILL_N, 0);
	uint8_t *h = mk_push(mk, n);

	if (!h)
		return GS_ERR_CONFIG;
	memset(h, (int)mk_get(mk, l, FILL_OCTET, 0), n);
	return 0;
}

static const struct mk_field count_fields[] = { { "n", MK_NUMBER, 18, "how many" } };

static int count_encode(struct mk *mk, unsigned i)
{
	size_t n = (size_t)mk_get(mk, &mk->layers[i], 0, 0);
	uint8_t *h = mk_push(mk, n);

	if (!h)
		return GS_ERR_CONFIG;
	for (size_t k = 0; k < n; k++)
		h[k] = (uint8_t)k;
	return 0;
}

enum { RANDOM_N, RANDOM_SEED };
static const struct mk_field random_fields[] = {
	{ "n", MK_NUMBER, 18, "how many" },
	{ "seed", MK_NUMBER, 64, "0 where absent" },
};

static int random_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t n = (size_t)mk_get(mk, l, RANDOM_N, 0);
	uint64_t state = mk_get(mk, l, RANDOM_SEED, 0);
	uint8_t *h = mk_push(mk, n);

	if (!h)
		return GS_ERR_CONFIG;
	for (size_t k = 0; k < n; k++)
		h[k] = (uint8_t)(mk_random(&state) >> 56);
	return 0;
}

/* Pseudo-layers. */

static int first_encode(struct mk *mk, unsigned i)
{
	size_t n = (size_t)mk_get(mk, &mk->layers[i], 0, 0);

	if (n > mk_payload_len(mk))
		return mk_fail_at(mk, mk->layers[i].line, "expected first to be at most %zu, the octets that follow it", mk_payload_len(mk));
	mk->end = mk->start + n;
	return 0;
}

static int tail_encode(struct mk *mk, unsigned i)
{
	const struct mk_value *v = &mk->layers[i].v[0];
	uint8_t *t = mk_append(mk, v->len);

	if (!t)
		return GS_ERR_CONFIG;
	memcpy(t, v->octets, v->len);
	return 0;
}

#define FIELDS(f) .fields = f, .n_fields = sizeof f / sizeof *f
#define IN_IP(n) .ethertype = -1, .ip_proto = n, .ppp_proto = -1
#define PORTS .n_positional = 2, .n_required = 2, .arrow = true

const struct mk_layer_kind mk_inner_layers[] = {
	{ "udp", "UDP (RFC 768)", FIELDS(udp_fields), PORTS, IN_IP(17), .encode = udp_encode },
	{ "tcp", "TCP (RFC 9293)", FIELDS(tcp_fields), PORTS, IN_IP(6), .encode = tcp_encode },
	{ "sctp", "SCTP common header (RFC 9260); chunks as bytes", FIELDS(sctp_fields), PORTS, IN_IP(132), .encode = sctp_encode },
	{ "icmp", "ICMP (RFC 792); what an error quotes follows as layers", FIELDS(icmp_fields), .n_positional = 2, .n_required = 2, IN_IP(1),
	  .encode = icmp_encode },
	{ "icmp6", "ICMPv6 (RFC 4443)", FIELDS(icmp_fields), .n_positional = 2, .n_required = 2, IN_IP(58), .encode = icmp6_encode },
	{ "ospf", "OSPF version 2 hello without neighbours (RFC 2328)", FIELDS(ospf_fields), IN_IP(89), .encode = ospf_encode },
	{ "eigrp", "EIGRP hello (RFC 7868)", FIELDS(eigrp_fields), IN_IP(88), .encode = eigrp_encode },
	{ "pim", "PIM version 2 hello (RFC 7761)", FIELDS(pim_fields), IN_IP(103), .encode = pim_encode },
	{ "bfd", "BFD control packet (RFC 5880)", FIELDS(bfd_fields), IN_IP(-1), .encode = bfd_encode },
	{ "geneve", "Geneve (RFC 8926), behind udp", FIELDS(geneve_fields), IN_IP(-1), .encode = geneve_encode },
	{ "vxlan", "VXLAN (RFC 7348), behind udp; eth follows", FIELDS(vxlan_fields), IN_IP(-1), .encode = vxlan_encode },
	{ "gue", "Generic UDP encapsulation, variant 0 (draft-ietf-intarea-gue), behind udp; variant 1 is ip at once", FIELDS(gue_fields),
	  IN_IP(-1), .encode = gue_encode },
	{ "bytes", "octets as written", FIELDS(bytes_fields), .n_positional = 1, .n_required = 1, .rest = true, .last = true, IN_IP(-1),
	  .encode = bytes_encode },
	{ "fill", "one octet again and again", FIELDS(fill_fields), .n_positional = 2, .n_required = 1, .last = true, IN_IP(-1),
	  .encode = fill_encode },
	{ "count", "00 01 02 ... ff 00 ...", FIELDS(count_fields), .n_positional = 1, .n_required = 1, .last = true, IN_IP(-1),
	  .encode = count_encode },
	{ "random", "octets of a seeded generator", FIELDS(random_fields), .n_positional = 1, .n_required = 1, .last = true, IN_IP(-1),
	  .encode = random_encode },
	{ "first", "only so many octets of what follows", FIELDS(count_fields), .n_positional = 1, .n_required = 1, .transparent = true, IN_IP(-1),
	  .encode = first_encode },
	{ "tail", "octets behind what follows", FIELDS(bytes_fields), .n_positional = 1, .n_required = 1, .transparent = true, IN_IP(-1),
	  .encode = tail_encode },
	{ 0 },
};
