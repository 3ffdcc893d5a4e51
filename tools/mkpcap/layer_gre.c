/*
 * layer_gre.c - GRE and what only GRE carries: routing entries, PPTP's version 1, EoIP, NVGRE, ERSPAN, NHRP, WCCP, Cisco metadata, IS-IS
 *
 * Sources: RFC 1701, 2784, 2890 (gre, sre); RFC 2637 s4.1 (gre1); RFC 7637 (nvgre); draft-foschiano-erspan-03 (erspan1 to 3); RFC 2332 (nhrp);
 * draft-wilson-wrec-wccp-v2-01 (wccp); ISO 10589 (isis). EoIP and Cisco metadata have no public specification: octets as seen on the wire.
 */
#include "mkpcap.h"

#include <string.h>

enum { GRE_C = 0x8000, GRE_R = 0x4000, GRE_K = 0x2000, GRE_S = 0x1000, GRE_STRICT_BIT = 0x0800, GRE_A = 0x0080 };

enum { GRE_CHECKSUM, GRE_OFFSET, GRE_KEY, GRE_SEQ, GRE_ACK, GRE_ROUTING, GRE_STRICT, GRE_RECUR, GRE_RESERVED, GRE_VERSION, GRE_FLAGS,
       GRE_TYPE };
static const struct mk_field gre_fields[] = {
	{ "checksum", MK_MAYBE, 16, "C bit, checksum and offset words" },
	{ "offset", MK_NUMBER, 16, "of the active routing entry; alone it does not make the words appear" },
	{ "key", MK_NUMBER, 32, "K bit and word" },
	{ "seq", MK_NUMBER, 32, "S bit and word" },
	{ "ack", MK_NUMBER, 32, "A bit and word, which version 0 does not have" },
	{ "routing", MK_FLAG, 0, "R bit, checksum and offset words; implied where sre follows" },
	{ "strict", MK_FLAG, 0, "strict source route bit" },
	{ "recur", MK_NUMBER, 3, "recursion control" },
	{ "reserved", MK_NUMBER, 5, "flag bits 8 to 12; the first is A" },
	{ "version", MK_NUMBER, 3, "" },
	{ "flags", MK_NUMBER, 16, "the first 16 bits, whatever the words that follow" },
	{ "type", MK_NUMBER, 16, "protocol type; 0 where nothing follows" },
};

static bool is_sre(const struct mk *mk, unsigned i)
{
	return i < mk->n_layers && strncmp(mk->layers[i].kind->name, "sre", 3) == 0;
}

static int gre_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	bool routing = mk_is(l, GRE_ROUTING) || is_sre(mk, i + 1), words = routing || mk_is(l, GRE_CHECKSUM);
	uint64_t type, flags = (routing ? GRE_R : 0) | (mk_is(l, GRE_STRICT) ? GRE_STRICT_BIT : 0);

	static const struct {
		uint8_t field;
		uint16_t bit;
	} optional[] = { { GRE_KEY, GRE_K }, { GRE_SEQ, GRE_S }, { GRE_ACK, GRE_A } };
	size_t size = 4 + (words ? 4 : 0);
	for (size_t k = 0; k < 3; k++)
		size += mk_is(l, optional[k].field) ? 4 : 0;
	uint8_t *h = mk_type(mk, i, GRE_TYPE, MK_ETHERTYPE, mk_next(mk, i) ? -1 : 0, &type) < 0 ? NULL : mk_push(mk, size);
	if (!h)
		return GS_ERR_CONFIG;
	size_t at = words ? 8 : 4;
	for (size_t k = 0; k < 3; k++)
		if (mk_is(l, optional[k].field)) {
			mk_be32(h + at, mk_get(mk, l, optional[k].field, 0));
			flags |= optional[k].bit;
			at += 4;
		}
	flags |= mk_is(l, GRE_CHECKSUM) ? GRE_C : 0;
	flags |= mk_get(mk, l, GRE_RECUR, 0) << 8 | mk_get(mk, l, GRE_RESERVED, 0) << 3 | mk_get(mk, l, GRE_VERSION, 0);
	mk_be16(h, mk_get(mk, l, GRE_FLAGS, flags));
	mk_be16(h + 2, type);
	if (words)
		mk_be16(h + 6, mk_get(mk, l, GRE_OFFSET, 0));
	if (mk_is(l, GRE_CHECKSUM))
		mk_be16(h + 4, mk_get(mk, l, GRE_CHECKSUM, mk_sum_fold(mk_sum(0, h, mk_payload_len(mk)))));
	return 0;
}

enum { SRE_FAMILY, SRE_OFFSET, SRE_LEN, SRE_DATA };
static const struct mk_field sre_fields[] = {
	{ "family", MK_NUMBER, 16, "0x0800 IPv4 addresses, 0xfffe AS numbers" },
	{ "offset", MK_NUMBER, 8, "of the active item in the data" },
	{ "len", MK_NUMBER, 8, "octets of data" },
	{ "data", MK_HEX, 0, "addresses or AS numbers" },
};

static int sre_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 4u + l->v[SRE_DATA].len);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, SRE_FAMILY, 0));
	h[2] = (uint8_t)mk_get(mk, l, SRE_OFFSET, 0);
	h[3] = (uint8_t)mk_get(mk, l, SRE_LEN, l->v[SRE_DATA].len);
	if (l->v[SRE_DATA].len)
		memcpy(h + 4, l->v[SRE_DATA].octets, l->v[SRE_DATA].len);
	return 0;
}

static int sre_end_encode(struct mk *mk, unsigned i)
{
	return mk_push(mk, 4) ? 0 : GS_ERR_CONFIG;
}

enum { GRE1_CALL, GRE1_SEQ, GRE1_ACK, GRE1_LEN, GRE1_FLAGS, GRE1_TYPE };
static const struct mk_field gre1_fields[] = {
	{ "call", MK_NUMBER, 16, "call id of the receiver" },
	{ "seq", MK_NUMBER, 32, "S bit and word" },
	{ "ack", MK_NUMBER, 32, "A bit and word" },
	{ "len", MK_NUMBER, 16, "payload length" },
	{ "flags", MK_NUMBER, 16, "the first 16 bits, whatever the words that follow" },
	{ "type", MK_NUMBER, 16, "0x880b where absent" },
};

static int gre1_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	bool seq = mk_is(l, GRE1_SEQ), ack = mk_is(l, GRE1_ACK);
	uint64_t len;
	uint8_t *h = mk_length(mk, i, GRE1_LEN, mk_payload_len(mk), &len) < 0 ? NULL : mk_push(mk, 8 + (seq ? 4 : 0) + (ack ? 4 : 0));

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, GRE1_FLAGS, 1u | GRE_K | (seq ? GRE_S : 0) | (ack ? GRE_A : 0)));
	mk_be16(h + 2, mk_get(mk, l, GRE1_TYPE, 0x880b));
	mk_be16(h + 4, len);
	mk_be16(h + 6, mk_get(mk, l, GRE1_CALL, 0));
	if (seq)
		mk_be32(h + 8, mk_get(mk, l, GRE1_SEQ, 0));
	if (ack)
		mk_be32(h + (seq ? 12 : 8), mk_get(mk, l, GRE1_ACK, 0));
	return 0;
}

enum { EOIP_ID, EOIP_LEN };
static const struct mk_field eoip_fields[] = {
	{ "id", MK_NUMBER, 16, "tunnel id, little-endian on the wire" },
	{ "len", MK_NUMBER, 16, "octets of the Ethernet frame; 0 is a keepalive" },
};

static int eoip_encode(struct mk *mk, unsigned i)
{
	uint64_t len;
	uint8_t *h = mk_length(mk, i, EOIP_LEN, mk_payload_len(mk), &len) < 0 ? NULL : mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be32(h, 0x20016400);
	mk_be16(h + 4, len);
	mk_be16(h + 6, __builtin_bswap16((uint16_t)mk_get(mk, &mk->layers[i], EOIP_ID, 0)));
	return 0;
}

enum { NVGRE_VSID, NVGRE_FLOW, NVGRE_FLAGS, NVGRE_TYPE };
static const struct mk_field nvgre_fields[] = {
	{ "vsid", MK_NUMBER, 24, "virtual subnet id" },
	{ "flow", MK_NUMBER, 8, "flow id" },
	{ "flags", MK_NUMBER, 16, "0x2000 where absent" },
	{ "type", MK_NUMBER, 16, "0x6558 where absent" },
};

static int nvgre_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, NVGRE_FLAGS, GRE_K));
	mk_be16(h + 2, mk_get(mk, l, NVGRE_TYPE, 0x6558));
	mk_be32(h + 4, mk_get(mk, l, NVGRE_VSID, 0) << 8 | mk_get(mk, l, NVGRE_FLOW, 0));
	return 0;
}

static int erspan1_encode(struct mk *mk, unsigned i)
{
	return 0; /* type I has no header: the mirrored frame follows GRE at once */
}

enum { ERSPAN_SESSION, ERSPAN_VLAN, ERSPAN_COS, ERSPAN_EN, ERSPAN_T, ERSPAN_VERSION, ERSPAN2_INDEX };
#define ERSPAN_COMMON                                                                                                            \
	{ "session", MK_NUMBER, 10, "" }, { "vlan", MK_NUMBER, 12, "of the mirrored frame" }, { "cos", MK_NUMBER, 3, "" },       \
		{ "en", MK_NUMBER, 2, "type II: trunk encapsulation; type III: BSO" }, { "t", MK_FLAG, 0, "mirrored frame truncated" }, \
		{ "version", MK_NUMBER, 4, "1 for type II, 2 for type III" }
static const struct mk_field erspan2_fields[] = {
	ERSPAN_COMMON,
	{ "index", MK_NUMBER, 20, "port" },
};

static void erspan_common(const struct mk *mk, const struct mk_layer *l, uint64_t version, uint8_t *h)
{
	mk_be16(h, mk_get(mk, l, ERSPAN_VERSION, version) << 12 | mk_get(mk, l, ERSPAN_VLAN, 0));
	mk_be16(h + 2, mk_get(mk, l, ERSPAN_COS, 0) << 13 | mk_get(mk, l, ERSPAN_EN, 0) << 11 | (uint64_t)mk_is(l, ERSPAN_T) << 10 |
			       mk_get(mk, l, ERSPAN_SESSION, 0));
}

static int erspan2_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	erspan_common(mk, l, 1, h);
	mk_be32(h + 4, mk_get(mk, l, ERSPAN2_INDEX, 0));
	return 0;
}

enum { ERSPAN3_TIME = ERSPAN2_INDEX, ERSPAN3_SGT, ERSPAN3_P, ERSPAN3_FT, ERSPAN3_HW, ERSPAN3_D, ERSPAN3_GRA, ERSPAN3_O, ERSPAN3_PLATFORM };
static const struct mk_field erspan3_fields[] = {
	ERSPAN_COMMON,
	{ "timestamp", MK_NUMBER, 32, "" },
	{ "sgt", MK_NUMBER, 16, "security group tag" },
	{ "p", MK_NUMBER, 1, "1, the frame is Ethernet, where absent" },
	{ "ft", MK_NUMBER, 5, "frame type: 0 Ethernet, 2 IP" },
	{ "hw", MK_NUMBER, 6, "engine" },
	{ "d", MK_FLAG, 0, "egress" },
	{ "gra", MK_NUMBER, 2, "granularity of the time stamp" },
	{ "o", MK_FLAG, 0, "platform subheader follows; implied by platform" },
	{ "platform", MK_HEX, 0, "platform subheader, 8 octets" },
};

static int erspan3_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t platform = l->v[ERSPAN3_PLATFORM].len;
	uint8_t *h = mk_push(mk, 12 + platform);

	if (!h)
		return GS_ERR_CONFIG;
	erspan_common(mk, l, 2, h);
	mk_be32(h + 4, mk_get(mk, l, ERSPAN3_TIME, 0));
	mk_be16(h + 8, mk_get(mk, l, ERSPAN3_SGT, 0));
	mk_be16(h + 10, mk_get(mk, l, ERSPAN3_P, 1) << 15 | mk_get(mk, l, ERSPAN3_FT, 0) << 10 | mk_get(mk, l, ERSPAN3_HW, 0) << 4 |
				(uint64_t)mk_is(l, ERSPAN3_D) << 3 | mk_get(mk, l, ERSPAN3_GRA, 0) << 1 | (mk_is(l, ERSPAN3_O) || platform));
	if (platform)
		memcpy(h + 12, l->v[ERSPAN3_PLATFORM].octets, platform);
	return 0;
}

enum { NHRP_SRC, NHRP_DST, NHRP_TYPE, NHRP_NBMA, NHRP_ID, NHRP_HOPS, NHRP_LEN, NHRP_CHECKSUM };
static const struct mk_field nhrp_fields[] = {
	{ "src", MK_ADDR4, 0, "protocol address of the sender" },
	{ "dst", MK_ADDR4, 0, "protocol address asked for" },
	{ "type", MK_NUMBER, 8, "1 resolution request, 3 registration request (where absent), ..." },
	{ "nbma", MK_ADDR4, 0, "address of the sender outside the tunnel" },
	{ "id", MK_NUMBER, 32, "request id" },
	{ "hops", MK_NUMBER, 8, "255 where absent" },
	{ "len", MK_NUMBER, 16, "packet size field" },
	{ "checksum", MK_NUMBER, 16, "" },
};

/* Fixed part of 20 octets, mandatory part with IPv4 addresses of 20, one client entry of 12 without addresses. */
static int nhrp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 52);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be32(h, 0x00010800);
	h[9] = (uint8_t)mk_get(mk, l, NHRP_HOPS, 255);
	mk_be16(h + 10, mk_get(mk, l, NHRP_LEN, 52));
	h[16] = 1;
	h[17] = (uint8_t)mk_get(mk, l, NHRP_TYPE, 3);
	h[18] = 4;              /* NBMA address: type NSAP form 0, 4 octets */
	h[20] = h[21] = 4;      /* protocol address lengths */
	mk_be16(h + 22, 0x8002); /* unique */
	mk_be32(h + 24, mk_get(mk, l, NHRP_ID, 1));
	mk_addr4(mk, l, NHRP_NBMA, h + 28);
	mk_addr4(mk, l, NHRP_SRC, h + 32);
	mk_addr4(mk, l, NHRP_DST, h + 36);
	h[41] = 32;             /* prefix length */
	mk_be16(h + 44, 1514);  /* MTU */
	mk_be16(h + 46, 7200);  /* holding time */
	mk_be16(h + 12, mk_get(mk, l, NHRP_CHECKSUM, mk_sum_fold(mk_sum(0, h, mk_payload_len(mk)))));
	return 0;
}

enum { WCCP_SERVICE, WCCP_ALT, WCCP_BUCKET, WCCP_DYNAMIC };
static const struct mk_field wccp_fields[] = {
	{ "service", MK_NUMBER, 8, "" },
	{ "alt", MK_NUMBER, 8, "alternative bucket" },
	{ "bucket", MK_NUMBER, 8, "primary bucket" },
	{ "dynamic", MK_FLAG, 0, "" },
};

static int wccp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 4);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = mk_is(l, WCCP_DYNAMIC) ? 0x80 : 0;
	h[1] = (uint8_t)mk_get(mk, l, WCCP_SERVICE, 0);
	h[2] = (uint8_t)mk_get(mk, l, WCCP_ALT, 0);
	h[3] = (uint8_t)mk_get(mk, l, WCCP_BUCKET, 0);
	return 0;
}

enum { CMD_SGT, CMD_TYPE, CMD_VERSION, CMD_LEN };
static const struct mk_field cmd_fields[] = {
	{ "sgt", MK_NUMBER, 16, "security group tag" },
	{ "type", MK_NUMBER, 16, "of what follows" },
	{ "version", MK_NUMBER, 8, "1 where absent" },
	{ "len", MK_NUMBER, 8, "1 where absent" },
};

static int cmd_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t type;
	uint8_t *h = mk_type(mk, i, CMD_TYPE, MK_ETHERTYPE, -1, &type) < 0 ? NULL : mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, type);
	h[2] = (uint8_t)mk_get(mk, l, CMD_VERSION, 1);
	h[3] = (uint8_t)mk_get(mk, l, CMD_LEN, 1);
	mk_be16(h + 4, 1);
	mk_be16(h + 6, mk_get(mk, l, CMD_SGT, 0));
	return 0;
}

enum { ISIS_ID, ISIS_HOLD };
static const struct mk_field isis_fields[] = {
	{ "id", MK_NUMBER, 48, "system id of the sender" },
	{ "hold", MK_NUMBER, 16, "holding time, 30 s where absent" },
};

/* A point-to-point hello without options: 20 octets (ISO 10589 s9.7). */
static int isis_encode(struct mk *mk, unsigned i)
{
	static const uint8_t fixed[9] = { 0x83, 20, 1, 0, 17, 1, 0, 0, 3 };
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 20);

	if (!h)
		return GS_ERR_CONFIG;
	memcpy(h, fixed, sizeof fixed);
	mk_be16(h + 9, mk_get(mk, l, ISIS_ID, 1) >> 32);
	mk_be32(h + 11, mk_get(mk, l, ISIS_ID, 1));
	mk_be16(h + 15, mk_get(mk, l, ISIS_HOLD, 30));
	mk_be16(h + 17, 20);
	h[19] = 1;
	return 0;
}

#define FIELDS(f) .fields = f, .n_fields = sizeof f / sizeof *f
#define IN_IP(n) .ethertype = -1, .ip_proto = n, .ppp_proto = -1
#define IN_GRE(n) .ethertype = n, .ip_proto = -1, .ppp_proto = -1

const struct mk_layer_kind mk_gre_layers[] = {
	{ "gre", "GRE version 0, or any by version= and flags=", FIELDS(gre_fields), IN_IP(47), .encode = gre_encode },
	{ "sre", "source route entry of the gre before it", FIELDS(sre_fields), .n_positional = 1, .n_required = 1, .transparent = true,
	  IN_GRE(-1), .encode = sre_encode },
	{ "sre-end", "source route entry of family 0 and length 0, which ends the list", .transparent = true, IN_GRE(-1),
	  .encode = sre_end_encode },
	{ "gre1", "GRE version 1, PPTP", FIELDS(gre1_fields), IN_IP(47), .encode = gre1_encode },
	{ "eoip", "MikroTik Ethernet over IP: GRE version 1, type 0x6400", FIELDS(eoip_fields), IN_IP(47), .encode = eoip_encode },
	{ "nvgre", "GRE with the key split into subnet and flow", FIELDS(nvgre_fields), .n_positional = 1, .n_required = 1, IN_IP(47),
	  .encode = nvgre_encode },
	{ "erspan1", "ERSPAN type I: no header, type 0x88be", IN_GRE(0x88be), .encode = erspan1_encode },
	{ "erspan2", "ERSPAN type II; the gre before it needs seq", FIELDS(erspan2_fields), IN_GRE(0x88be), .encode = erspan2_encode },
	{ "erspan3", "ERSPAN type III", FIELDS(erspan3_fields), IN_GRE(0x22eb), .encode = erspan3_encode },
	{ "nhrp", "NHRP with IPv4 addresses and one client entry", FIELDS(nhrp_fields), .n_positional = 2, .n_required = 2, .arrow = true,
	  IN_GRE(0x2001), .encode = nhrp_encode },
	{ "wccp", "WCCP v2 redirect header; for v1 write gre type=0x883e", FIELDS(wccp_fields), IN_GRE(0x883e), .encode = wccp_encode },
	{ "cmd", "Cisco metadata as GRE carries it: type first", FIELDS(cmd_fields), IN_GRE(0x8909), .encode = cmd_encode },
	{ "isis", "IS-IS point-to-point hello", FIELDS(isis_fields), .ethertype = 0x00fe, .ip_proto = 124, .ppp_proto = 0x0023,
	  .encode = isis_encode },
	{ 0 },
};
