/* layer_ip.c - IPv4 and IPv6 with their options, extension headers and fragments; AH and ESP; what IP carries directly */
#include "mkpcap.h"

#include <string.h>

enum { IP_SRC, IP_DST, IP_TTL, IP_ID, IP_TOS, IP_DF, IP_MF, IP_RESERVED, IP_OFFSET, IP_PROTO, IP_LEN, IP_IHL, IP_VERSION, IP_CHECKSUM,
       IP_OPTIONS, IP_FRAGMENT, IP_ONLY };
static const struct mk_field ip_fields[] = {
	{ "src", MK_ADDR4, 0, "" },
	{ "dst", MK_ADDR4, 0, "" },
	{ "ttl", MK_NUMBER, 8, "64 where absent" },
	{ "id", MK_NUMBER, 16, "identification" },
	{ "tos", MK_NUMBER, 8, "" },
	{ "df", MK_FLAG, 0, "don't fragment" },
	{ "mf", MK_FLAG, 0, "more fragments" },
	{ "reserved", MK_FLAG, 0, "the reserved flag" },
	{ "offset", MK_NUMBER, 13, "fragment offset in units of 8 octets" },
	{ "proto", MK_NUMBER, 8, "of what follows" },
	{ "len", MK_NUMBER, 16, "total length" },
	{ "ihl", MK_NUMBER, 4, "" },
	{ "version", MK_NUMBER, 4, "" },
	{ "checksum", MK_NUMBER, 16, "" },
	{ "options", MK_HEX, 0, "padded with zeros to a multiple of 4 octets" },
	{ "fragment", MK_NUMBER, 16, "MTU: splits the packet into fragments no longer than this" },
	{ "only", MK_NUMBER, 16, "with fragment: this fragment alone, from 1" },
};

static size_t ip_header_len(const struct mk_layer *l)
{
	return 20 + ((l->v[IP_OPTIONS].len + 3u) & ~(size_t)3);
}

static int ip_piece(struct mk *mk, unsigned i, size_t *ret_octets, uint64_t *ret_only)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t header = ip_header_len(l);

	*ret_only = mk_get(mk, l, IP_ONLY, 0);
	if (!mk_is(l, IP_FRAGMENT))
		return mk_is(l, IP_ONLY) ? mk_fail_at(mk, l->line, "expected fragment together with only") : 0;
	if (mk_get(mk, l, IP_FRAGMENT, 0) < header + 8)
		return mk_fail_at(mk, l->line, "expected fragment to be at least %zu", header + 8);
	*ret_octets = ((size_t)mk_get(mk, l, IP_FRAGMENT, 0) - header) & ~(size_t)7;
	return 0;
}

static int ip_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t header = ip_header_len(l);
	uint64_t len, proto;

	if (mk_length(mk, i, IP_LEN, header + mk_payload_len(mk), &len) < 0 || mk_type(mk, i, IP_PROTO, MK_IP_PROTO, -1, &proto) < 0)
		return GS_ERR_CONFIG;
	uint8_t *h = mk_push(mk, header);
	if (!h)
		return GS_ERR_CONFIG;
	bool more = mk_is(l, IP_MF) || (mk->splitting && mk->fragment_more);
	uint64_t offset = mk_get(mk, l, IP_OFFSET, mk->splitting ? mk->fragment_off / 8 : 0);
	h[0] = (uint8_t)(mk_get(mk, l, IP_VERSION, 4) << 4 | mk_get(mk, l, IP_IHL, header / 4));
	h[1] = (uint8_t)mk_get(mk, l, IP_TOS, 0);
	mk_be16(h + 2, len);
	mk_be16(h + 4, mk_get(mk, l, IP_ID, 0));
	mk_be16(h + 6, (uint64_t)mk_is(l, IP_RESERVED) << 15 | (uint64_t)mk_is(l, IP_DF) << 14 | (uint64_t)more << 13 | offset);
	h[8] = (uint8_t)mk_get(mk, l, IP_TTL, 64);
	h[9] = (uint8_t)proto;
	mk_addr4(mk, l, IP_SRC, h + 12);
	mk_addr4(mk, l, IP_DST, h + 16);
	if (l->v[IP_OPTIONS].len)
		memcpy(h + 20, l->v[IP_OPTIONS].octets, l->v[IP_OPTIONS].len);
	mk_be16(h + 10, mk_get(mk, l, IP_CHECKSUM, mk_sum_fold(mk_sum(0, h, header))));
	return 0;
}

enum { IP6_SRC, IP6_DST, IP6_HOP, IP6_TC, IP6_FLOW, IP6_NEXT, IP6_LEN, IP6_VERSION };
static const struct mk_field ip6_fields[] = {
	{ "src", MK_ADDR6, 0, "" },
	{ "dst", MK_ADDR6, 0, "" },
	{ "hop", MK_NUMBER, 8, "hop limit; 64 where absent" },
	{ "tc", MK_NUMBER, 8, "traffic class" },
	{ "flow", MK_NUMBER, 20, "flow label" },
	{ "next", MK_NUMBER, 8, "next header" },
	{ "len", MK_NUMBER, 16, "payload length" },
	{ "version", MK_NUMBER, 4, "" },
};

static int ip6_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t len, next;

	if (mk_length(mk, i, IP6_LEN, mk_payload_len(mk), &len) < 0 || mk_type(mk, i, IP6_NEXT, MK_IP_PROTO, 59, &next) < 0)
		return GS_ERR_CONFIG;
	uint8_t *h = mk_push(mk, 40);
	if (!h)
		return GS_ERR_CONFIG;
	mk_be32(h, mk_get(mk, l, IP6_VERSION, 6) << 28 | mk_get(mk, l, IP6_TC, 0) << 20 | mk_get(mk, l, IP6_FLOW, 0));
	mk_be16(h + 4, len);
	h[6] = (uint8_t)next;
	h[7] = (uint8_t)mk_get(mk, l, IP6_HOP, 64);
	mk_addr6(mk, l, IP6_SRC, h + 8);
	mk_addr6(mk, l, IP6_DST, h + 24);
	return 0;
}

enum { OPTS_NEXT, OPTS_LEN, OPTS_OPTIONS };
static const struct mk_field opts_fields[] = {
	{ "next", MK_NUMBER, 8, "next header" },
	{ "len", MK_NUMBER, 8, "header length in units of 8 octets, the first not counted" },
	{ "options", MK_HEX, 0, "padded with PadN to a multiple of 8 octets" },
};

static int opts_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t used = 2 + l->v[OPTS_OPTIONS].len, size = (used + 7) & ~(size_t)7;
	uint64_t next;
	uint8_t *h = mk_type(mk, i, OPTS_NEXT, MK_IP_PROTO, 59, &next) < 0 ? NULL : mk_push(mk, size);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)next;
	h[1] = (uint8_t)mk_get(mk, l, OPTS_LEN, size / 8 - 1);
	if (l->v[OPTS_OPTIONS].len)
		memcpy(h + 2, l->v[OPTS_OPTIONS].octets, l->v[OPTS_OPTIONS].len);
	if (size - used >= 2) { /* PadN; a single octet of padding is Pad1, which is zero */
		h[used] = 1;
		h[used + 1] = (uint8_t)(size - used - 2);
	}
	return 0;
}

enum { ROUTING_TYPE, ROUTING_LEFT, ROUTING_NEXT, ROUTING_LEN, ROUTING_DATA };
static const struct mk_field routing_fields[] = {
	{ "type", MK_NUMBER, 8, "0 source route, 2 mobile, 4 segments" },
	{ "left", MK_NUMBER, 8, "segments left" },
	{ "next", MK_NUMBER, 8, "next header" },
	{ "len", MK_NUMBER, 8, "header length in units of 8 octets, the first not counted" },
	{ "data", MK_HEX, 0, "behind the first four octets: 00000000 and addresses for type 0; padded with zeros" },
};

static int routing_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t size = (4u + l->v[ROUTING_DATA].len + 7) & ~(size_t)7;
	uint64_t next;
	uint8_t *h = mk_type(mk, i, ROUTING_NEXT, MK_IP_PROTO, 59, &next) < 0 ? NULL : mk_push(mk, size);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)next;
	h[1] = (uint8_t)mk_get(mk, l, ROUTING_LEN, size / 8 - 1);
	h[2] = (uint8_t)mk_get(mk, l, ROUTING_TYPE, 0);
	h[3] = (uint8_t)mk_get(mk, l, ROUTING_LEFT, 0);
	if (l->v[ROUTING_DATA].len)
		memcpy(h + 4, l->v[ROUTING_DATA].octets, l->v[ROUTING_DATA].len);
	return 0;
}

enum { FRAG_ID, FRAG_OFFSET, FRAG_MORE, FRAG_NEXT, FRAG_FRAGMENT, FRAG_ONLY };
static const struct mk_field frag_fields[] = {
	{ "id", MK_NUMBER, 32, "identification" },
	{ "offset", MK_NUMBER, 13, "in units of 8 octets" },
	{ "more", MK_FLAG, 0, "more fragments" },
	{ "next", MK_NUMBER, 8, "next header" },
	{ "fragment", MK_NUMBER, 16, "splits what follows into pieces of this many octets, a multiple of 8" },
	{ "only", MK_NUMBER, 16, "with fragment: this piece alone, from 1" },
};

static int frag_piece(struct mk *mk, unsigned i, size_t *ret_octets, uint64_t *ret_only)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t n = mk_get(mk, l, FRAG_FRAGMENT, 8);

	*ret_only = mk_get(mk, l, FRAG_ONLY, 0);
	if (!mk_is(l, FRAG_FRAGMENT))
		return mk_is(l, FRAG_ONLY) ? mk_fail_at(mk, l->line, "expected fragment together with only") : 0;
	if (n == 0 || n % 8)
		return mk_fail_at(mk, l->line, "expected fragment to be a multiple of 8");
	*ret_octets = (size_t)n;
	return 0;
}

static int frag_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t next;
	uint8_t *h = mk_type(mk, i, FRAG_NEXT, MK_IP_PROTO, 59, &next) < 0 ? NULL : mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	bool more = mk_is(l, FRAG_MORE) || (mk->splitting && mk->fragment_more);
	h[0] = (uint8_t)next;
	mk_be16(h + 2, mk_get(mk, l, FRAG_OFFSET, mk->splitting ? mk->fragment_off / 8 : 0) << 3 | more);
	mk_be32(h + 4, mk_get(mk, l, FRAG_ID, 0));
	return 0;
}

enum { AH_SPI, AH_SEQ, AH_NEXT, AH_LEN, AH_ICV };
static const struct mk_field ah_fields[] = {
	{ "spi", MK_NUMBER, 32, "" },
	{ "seq", MK_NUMBER, 32, "" },
	{ "next", MK_NUMBER, 8, "next header" },
	{ "len", MK_NUMBER, 8, "header length in units of 4 octets, minus 2" },
	{ "icv", MK_HEX, 0, "12 zeros where absent" },
};

static int ah_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t size = 12 + (mk_is(l, AH_ICV) ? (l->v[AH_ICV].len + 3u) & ~(size_t)3 : 12);
	uint64_t next;
	uint8_t *h = mk_type(mk, i, AH_NEXT, MK_IP_PROTO, -1, &next) < 0 ? NULL : mk_push(mk, size);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)next;
	h[1] = (uint8_t)mk_get(mk, l, AH_LEN, size / 4 - 2);
	mk_be32(h + 4, mk_get(mk, l, AH_SPI, 0));
	mk_be32(h + 8, mk_get(mk, l, AH_SEQ, 0));
	if (l->v[AH_ICV].len)
		memcpy(h + 12, l->v[AH_ICV].octets, l->v[AH_ICV].len);
	return 0;
}

enum { ESP_SPI, ESP_SEQ };
static const struct mk_field esp_fields[] = {
	{ "spi", MK_NUMBER, 32, "" },
	{ "seq", MK_NUMBER, 32, "" },
};

static int esp_encode(struct mk *mk, unsigned i)
{
	uint8_t *h = mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be32(h, mk_get(mk, &mk->layers[i], ESP_SPI, 0));
	mk_be32(h + 4, mk_get(mk, &mk->layers[i], ESP_SEQ, 0));
	return 0;
}

/* Outwards past extension headers, AH and pseudo-layers, to the addresses. */
int mk_pseudo_sum(struct mk *mk, unsigned i, uint8_t proto, size_t len, uint32_t *sum)
{
	uint8_t pseudo[40] = { 0 };

	for (unsigned j = i; j-- > 0;) {
		const struct mk_layer *l = &mk->layers[j];
		if (strcmp(l->kind->name, "ip") == 0) {
			mk_addr4(mk, l, IP_SRC, pseudo);
			mk_addr4(mk, l, IP_DST, pseudo + 4);
			pseudo[9] = proto;
			mk_be16(pseudo + 10, len);
			*sum = mk_sum(*sum, pseudo, 12);
			return 0;
		}
		if (strcmp(l->kind->name, "ip6") == 0) {
			mk_addr6(mk, l, IP6_SRC, pseudo);
			mk_addr6(mk, l, IP6_DST, pseudo + 16);
			mk_be32(pseudo + 32, len);
			pseudo[39] = proto;
			*sum = mk_sum(*sum, pseudo, 40);
			return 0;
		}
		bool extension = l->kind->fields == opts_fields || l->kind->fields == routing_fields || l->kind->fields == frag_fields ||
				 l->kind->fields == ah_fields;
		if (!extension && !l->kind->transparent)
			break;
	}
	return mk_fail_at(mk, mk->layers[i].line, "expected ip or ip6 before %s, or checksum=N", mk->layers[i].kind->name);
}

#define FIELDS(f) .fields = f, .n_fields = sizeof f / sizeof *f

const struct mk_layer_kind mk_ip_layers[] = {
	{ "ip", "IPv4 (RFC 791)", FIELDS(ip_fields), .n_positional = 2, .n_required = 2, .arrow = true,
	  .ethertype = 0x0800, .ip_proto = 4, .ppp_proto = 0x0021, .encode = ip_encode, .piece = ip_piece },
	{ "ip6", "IPv6 (RFC 8200)", FIELDS(ip6_fields), .n_positional = 2, .n_required = 2, .arrow = true,
	  .ethertype = 0x86dd, .ip_proto = 41, .ppp_proto = 0x0057, .encode = ip6_encode },
	{ "hopopts", "IPv6 hop-by-hop options", FIELDS(opts_fields), .ethertype = -1, .ip_proto = 0, .ppp_proto = -1, .encode = opts_encode },
	{ "dstopts", "IPv6 destination options", FIELDS(opts_fields), .ethertype = -1, .ip_proto = 60, .ppp_proto = -1, .encode = opts_encode },
	{ "routing", "IPv6 routing header", FIELDS(routing_fields), .ethertype = -1, .ip_proto = 43, .ppp_proto = -1,
	  .encode = routing_encode },
	{ "frag", "IPv6 fragment header", FIELDS(frag_fields), .ethertype = -1, .ip_proto = 44, .ppp_proto = -1,
	  .encode = frag_encode, .piece = frag_piece },
	{ "ah", "IP authentication header (RFC 4302)", FIELDS(ah_fields), .ethertype = -1, .ip_proto = 51, .ppp_proto = -1,
	  .encode = ah_encode },
	{ "esp", "IP encapsulating security payload (RFC 4303); what follows is taken for ciphertext", FIELDS(esp_fields),
	  .ethertype = -1, .ip_proto = 50, .ppp_proto = -1, .encode = esp_encode },
	{ 0 },
};
