/* layer_link.c - what stands before the first IP header: Ethernet and its tags, LLC, MPLS, PPP, loopback, Linux cooked, 802.11 */
#include "mkpcap.h"

#include <string.h>

static bool is_kind(const struct mk_layer *l, const char *name)
{
	return l && strcmp(l->kind->name, name) == 0;
}

/* The type field of eth and vlan: as mk_type, but the length where LLC follows (IEEE 802.3). */
static int eth_type(struct mk *mk, unsigned i, unsigned field, size_t len, uint64_t *ret)
{
	const struct mk_layer *next = mk_next(mk, i);

	if (!mk_is(&mk->layers[i], field) && (is_kind(next, "llc") || is_kind(next, "snap")))
		return mk_length(mk, i, field, len, ret);
	return mk_type(mk, i, field, MK_ETHERTYPE, -1, ret);
}

enum { ETH_SRC, ETH_DST, ETH_TYPE, ETH_PAD, ETH_TRAILER };
static const struct mk_field eth_fields[] = {
	{ "src", MK_MAC, 0, "00:00:5e:00:53:01 where absent" },
	{ "dst", MK_MAC, 0, "00:00:5e:00:53:02 where absent" },
	{ "type", MK_NUMBER, 16, "EtherType, or the 802.3 length before llc and snap" },
	{ "pad", MK_MAYBE, 16, "zeros up to this frame length, 60 where no number is given" },
	{ "trailer", MK_HEX, 0, "octets behind the payload and the padding" },
};

static int eth_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t len = mk_payload_len(mk), want = (size_t)mk_get(mk, l, ETH_PAD, mk_is(l, ETH_PAD) ? 60 : 0);
	uint64_t type;
	int r = eth_type(mk, i, ETH_TYPE, len, &type);

	if (r < 0)
		return r;
	if (want > len + 14 && !mk_append(mk, want - len - 14))
		return GS_ERR_CONFIG;
	if (mk_is(l, ETH_TRAILER)) {
		uint8_t *t = mk_append(mk, l->v[ETH_TRAILER].len);
		if (!t)
			return GS_ERR_CONFIG;
		memcpy(t, l->v[ETH_TRAILER].octets, l->v[ETH_TRAILER].len);
	}
	uint8_t *h = mk_push(mk, 14);
	if (!h)
		return GS_ERR_CONFIG;
	mk_get_mac(l, ETH_DST, 2, h);
	mk_get_mac(l, ETH_SRC, 1, h + 6);
	mk_be16(h + 12, type);
	return 0;
}

enum { VLAN_ID, VLAN_PCP, VLAN_DEI, VLAN_TYPE, VLAN_TPID };
static const struct mk_field vlan_fields[] = {
	{ "id", MK_NUMBER, 12, "" },
	{ "pcp", MK_NUMBER, 3, "priority" },
	{ "dei", MK_FLAG, 0, "drop eligible" },
	{ "type", MK_NUMBER, 16, "of what follows" },
	{ "tpid", MK_NUMBER, 16, "the type that the layer before announces" },
};

static int vlan_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t type;
	int r = eth_type(mk, i, VLAN_TYPE, mk_payload_len(mk), &type);
	uint8_t *h = r < 0 ? NULL : mk_push(mk, 4);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, VLAN_PCP, 0) << 13 | (uint64_t)mk_is(l, VLAN_DEI) << 12 | mk_get(mk, l, VLAN_ID, 0));
	mk_be16(h + 2, type);
	return 0;
}

enum { LLC_DSAP, LLC_SSAP, LLC_CONTROL };
static const struct mk_field llc_fields[] = {
	{ "dsap", MK_NUMBER, 8, "0xfe where absent" },
	{ "ssap", MK_NUMBER, 8, "0xfe where absent" },
	{ "control", MK_NUMBER, 8, "3 where absent" },
};

static int llc_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 3);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)mk_get(mk, l, LLC_DSAP, 0xfe);
	h[1] = (uint8_t)mk_get(mk, l, LLC_SSAP, 0xfe);
	h[2] = (uint8_t)mk_get(mk, l, LLC_CONTROL, 3);
	return 0;
}

enum { SNAP_TYPE, SNAP_OUI };
static const struct mk_field snap_fields[] = {
	{ "type", MK_NUMBER, 16, "of what follows" },
	{ "oui", MK_NUMBER, 24, "" },
};

static int snap_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t type;
	uint8_t *h = mk_type(mk, i, SNAP_TYPE, MK_ETHERTYPE, -1, &type) < 0 ? NULL : mk_push(mk, 8);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = h[1] = 0xaa;
	h[2] = 3;
	mk_be32(h + 2, 3 << 24 | mk_get(mk, l, SNAP_OUI, 0));
	mk_be16(h + 6, type);
	return 0;
}

enum { MPLS_LABEL, MPLS_EXP, MPLS_BOTTOM, MPLS_TTL };
static const struct mk_field mpls_fields[] = {
	{ "label", MK_NUMBER, 20, "" },
	{ "exp", MK_NUMBER, 3, "traffic class" },
	{ "s", MK_NUMBER, 1, "bottom of stack: set where no mpls follows" },
	{ "ttl", MK_NUMBER, 8, "64 where absent" },
};

static int mpls_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 4);

	if (!h)
		return GS_ERR_CONFIG;
	uint64_t bottom = mk_get(mk, l, MPLS_BOTTOM, !is_kind(mk_next(mk, i), "mpls"));
	mk_be32(h, mk_get(mk, l, MPLS_LABEL, 0) << 12 | mk_get(mk, l, MPLS_EXP, 0) << 9 | bottom << 8 | mk_get(mk, l, MPLS_TTL, 64));
	return 0;
}

enum { PPPOE_SESSION, PPPOE_CODE, PPPOE_VERTYPE, PPPOE_LEN };
static const struct mk_field pppoe_fields[] = {
	{ "session", MK_NUMBER, 16, "" },
	{ "code", MK_NUMBER, 8, "0, session data, where absent" },
	{ "vertype", MK_NUMBER, 8, "0x11 where absent" },
	{ "len", MK_NUMBER, 16, "" },
};

static int pppoe_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t len;
	uint8_t *h = mk_length(mk, i, PPPOE_LEN, mk_payload_len(mk), &len) < 0 ? NULL : mk_push(mk, 6);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)mk_get(mk, l, PPPOE_VERTYPE, 0x11);
	h[1] = (uint8_t)mk_get(mk, l, PPPOE_CODE, 0);
	mk_be16(h + 2, mk_get(mk, l, PPPOE_SESSION, 0));
	mk_be16(h + 4, len);
	return 0;
}

enum { PPP_PROTO, PPP_HDLC, PPP_PFC };
static const struct mk_field ppp_fields[] = {
	{ "proto", MK_NUMBER, 16, "of what follows" },
	{ "hdlc", MK_FLAG, 0, "address and control octets ff 03 before it" },
	{ "pfc", MK_FLAG, 0, "protocol in one octet (RFC 1661 s6.5)" },
};

static int ppp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t hdlc = mk_is(l, PPP_HDLC) ? 2 : 0, width = mk_is(l, PPP_PFC) ? 1 : 2;
	uint64_t proto;
	uint8_t *h = mk_type(mk, i, PPP_PROTO, MK_PPP_PROTO, -1, &proto) < 0 ? NULL : mk_push(mk, hdlc + width);

	if (!h)
		return GS_ERR_CONFIG;
	if (hdlc)
		mk_be16(h, 0xff03);
	if (width == 1)
		h[hdlc] = (uint8_t)proto;
	else
		mk_be16(h + hdlc, proto);
	return 0;
}

enum { LCP_CODE, LCP_ID, LCP_OPTIONS, LCP_LEN };
static const struct mk_field lcp_fields[] = {
	{ "code", MK_NUMBER, 8, "1 configure-request, 2 configure-ack, 9 echo-request, ..." },
	{ "id", MK_NUMBER, 8, "" },
	{ "options", MK_HEX, 0, "octets behind the four of the header" },
	{ "len", MK_NUMBER, 16, "" },
};

static int lcp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	size_t options = l->v[LCP_OPTIONS].len;
	uint64_t len;
	uint8_t *h = mk_length(mk, i, LCP_LEN, 4 + options + mk_payload_len(mk), &len) < 0 ? NULL : mk_push(mk, 4 + options);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)mk_get(mk, l, LCP_CODE, 1);
	h[1] = (uint8_t)mk_get(mk, l, LCP_ID, 0);
	mk_be16(h + 2, len);
	if (options)
		memcpy(h + 4, l->v[LCP_OPTIONS].octets, options);
	return 0;
}

enum { CHDLC_TYPE, CHDLC_ADDRESS };
static const struct mk_field chdlc_fields[] = {
	{ "type", MK_NUMBER, 16, "of what follows" },
	{ "address", MK_NUMBER, 8, "0x0f, unicast, where absent" },
};

static int chdlc_encode(struct mk *mk, unsigned i)
{
	uint64_t type;
	uint8_t *h = mk_type(mk, i, CHDLC_TYPE, MK_ETHERTYPE, -1, &type) < 0 ? NULL : mk_push(mk, 4);

	if (!h)
		return GS_ERR_CONFIG;
	h[0] = (uint8_t)mk_get(mk, &mk->layers[i], CHDLC_ADDRESS, 0x0f);
	mk_be16(h + 2, type);
	return 0;
}

enum { SLL_TYPE, SLL_PACKET, SLL_HATYPE, SLL_MAC, SLL_IFINDEX };
static const struct mk_field sll_fields[] = {
	{ "type", MK_NUMBER, 16, "of what follows" },
	{ "packet", MK_NUMBER, 16, "0 to us, 4 from us" },
	{ "hatype", MK_NUMBER, 16, "1, Ethernet, where absent" },
	{ "mac", MK_MAC, 0, "of the sender" },
	{ "ifindex", MK_NUMBER, 32, "sll2 only; 1 where absent" },
};

static int sll_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t type;
	uint8_t *h = mk_type(mk, i, SLL_TYPE, MK_ETHERTYPE, -1, &type) < 0 ? NULL : mk_push(mk, 16);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, SLL_PACKET, 0));
	mk_be16(h + 2, mk_get(mk, l, SLL_HATYPE, 1));
	mk_be16(h + 4, 6);
	mk_get_mac(l, SLL_MAC, 1, h + 6);
	mk_be16(h + 14, type);
	return 0;
}

static int sll2_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint64_t type;
	uint8_t *h = mk_type(mk, i, SLL_TYPE, MK_ETHERTYPE, -1, &type) < 0 ? NULL : mk_push(mk, 20);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, type);
	mk_be32(h + 4, mk_get(mk, l, SLL_IFINDEX, 1));
	mk_be16(h + 8, mk_get(mk, l, SLL_HATYPE, 1));
	h[10] = (uint8_t)mk_get(mk, l, SLL_PACKET, 0);
	h[11] = 6;
	mk_get_mac(l, SLL_MAC, 1, h + 12);
	return 0;
}

enum { NULL_FAMILY, NULL_BE };
static const struct mk_field null_fields[] = {
	{ "family", MK_NUMBER, 32, "2 for ip, 30 for ip6 where absent" },
	{ "be", MK_FLAG, 0, "written big-endian; loop always is" },
};

static int null_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i], *next = mk_next(mk, i);
	uint8_t *h = mk_push(mk, 4);

	if (!h)
		return GS_ERR_CONFIG;
	if (!mk_is(l, NULL_FAMILY) && !is_kind(next, "ip") && !is_kind(next, "ip6"))
		return mk_fail_at(mk, l->line, "expected family=N for %s, or ip or ip6 behind it", l->kind->name);
	uint64_t family = mk_get(mk, l, NULL_FAMILY, is_kind(next, "ip") ? 2 : 30);
	mk_be32(h, mk_is(l, NULL_BE) || is_kind(l, "loop") ? family : __builtin_bswap32((uint32_t)family));
	return 0;
}

enum { WLAN_FC, WLAN_A1, WLAN_A2, WLAN_A3, WLAN_SEQ, WLAN_QOS };
static const struct mk_field wlan_fields[] = {
	{ "fc", MK_NUMBER, 16, "frame control as its octets stand: 0x0801 data to the AP (where absent), 0x8801 QoS data" },
	{ "receiver", MK_MAC, 0, "" },
	{ "transmitter", MK_MAC, 0, "" },
	{ "third", MK_MAC, 0, "third address" },
	{ "seq", MK_NUMBER, 16, "" },
	{ "qos", MK_NUMBER, 16, "QoS control field, two more octets" },
};

static int wlan_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, mk_is(l, WLAN_QOS) ? 26 : 24);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be16(h, mk_get(mk, l, WLAN_FC, 0x0801));
	mk_get_mac(l, WLAN_A1, 3, h + 4);
	mk_get_mac(l, WLAN_A2, 1, h + 10);
	mk_get_mac(l, WLAN_A3, 2, h + 16);
	mk_be16(h + 22, mk_get(mk, l, WLAN_SEQ, 0));
	if (mk_is(l, WLAN_QOS))
		mk_be16(h + 24, mk_get(mk, l, WLAN_QOS, 0));
	return 0;
}

enum { ARP_SENDER, ARP_TARGET, ARP_OP, ARP_SMAC, ARP_TMAC };
static const struct mk_field arp_fields[] = {
	{ "sender", MK_ADDR4, 0, "" },
	{ "target", MK_ADDR4, 0, "" },
	{ "op", MK_NUMBER, 16, "1, request, where absent" },
	{ "sender-mac", MK_MAC, 0, "" },
	{ "target-mac", MK_MAC, 0, "" },
};

static int arp_encode(struct mk *mk, unsigned i)
{
	const struct mk_layer *l = &mk->layers[i];
	uint8_t *h = mk_push(mk, 28);

	if (!h)
		return GS_ERR_CONFIG;
	mk_be32(h, 0x00010800);
	mk_be16(h + 4, 0x0604);
	mk_be16(h + 6, mk_get(mk, l, ARP_OP, 1));
	mk_get_mac(l, ARP_SMAC, 1, h + 8);
	mk_addr4(mk, l, ARP_SENDER, h + 14);
	mk_get_mac(l, ARP_TMAC, 2, h + 18);
	mk_addr4(mk, l, ARP_TARGET, h + 24);
	return 0;
}

#define FIELDS(f) .fields = f, .n_fields = sizeof f / sizeof *f
#define NO_NUMBER .ethertype = -1, .ip_proto = -1, .ppp_proto = -1

const struct mk_layer_kind mk_link_layers[] = {
	{ "eth", "Ethernet; 802.3 where llc or snap follows", FIELDS(eth_fields), .n_positional = 2, .arrow = true,
	  .ethertype = 0x6558, .ip_proto = -1, .ppp_proto = -1, .encode = eth_encode },
	{ "vlan", "IEEE 802.1Q tag, tpid 0x8100", FIELDS(vlan_fields), .n_positional = 1, .n_required = 1,
	  .ethertype = 0x8100, .ip_proto = -1, .ppp_proto = -1, .ethertype_field = VLAN_TPID + 1, .encode = vlan_encode },
	{ "qinq", "IEEE 802.1ad service tag, tpid 0x88a8", FIELDS(vlan_fields), .n_positional = 1, .n_required = 1,
	  .ethertype = 0x88a8, .ip_proto = -1, .ppp_proto = -1, .ethertype_field = VLAN_TPID + 1, .encode = vlan_encode },
	{ "llc", "IEEE 802.2 header of three octets", FIELDS(llc_fields), NO_NUMBER, .encode = llc_encode },
	{ "snap", "IEEE 802.2 header and SNAP: aa aa 03, OUI, type", FIELDS(snap_fields), NO_NUMBER, .encode = snap_encode },
	{ "mpls", "one label stack entry (RFC 3032)", FIELDS(mpls_fields), .n_positional = 1, .n_required = 1,
	  .ethertype = 0x8847, .ip_proto = 137, .ppp_proto = 0x0281, .encode = mpls_encode },
	{ "pppoe", "PPP over Ethernet, session stage (RFC 2516)", FIELDS(pppoe_fields), .n_positional = 1, .n_required = 1,
	  .ethertype = 0x8864, .ip_proto = -1, .ppp_proto = -1, .encode = pppoe_encode },
	{ "ppp", "PPP protocol field (RFC 1661, RFC 1662)", FIELDS(ppp_fields),
	  .ethertype = 0x880b, .ip_proto = -1, .ppp_proto = -1, .encode = ppp_encode },
	{ "lcp", "PPP link control (RFC 1661); for other control protocols with ppp proto=", FIELDS(lcp_fields), .n_positional = 1,
	  .n_required = 1, .ethertype = -1, .ip_proto = -1, .ppp_proto = 0xc021, .encode = lcp_encode },
	{ "chdlc", "Cisco HDLC", FIELDS(chdlc_fields), NO_NUMBER, .encode = chdlc_encode },
	{ "sll", "Linux cooked capture v1", FIELDS(sll_fields), NO_NUMBER, .encode = sll_encode },
	{ "sll2", "Linux cooked capture v2", FIELDS(sll_fields), NO_NUMBER, .encode = sll2_encode },
	{ "null", "BSD loopback: address family in the writer's byte order", FIELDS(null_fields), NO_NUMBER, .encode = null_encode },
	{ "loop", "OpenBSD loopback: address family in network order", FIELDS(null_fields), NO_NUMBER, .encode = null_encode },
	{ "wlan", "IEEE 802.11 data frame with three addresses", FIELDS(wlan_fields),
	  .ethertype = 0x8200, .ip_proto = -1, .ppp_proto = -1, .encode = wlan_encode },
	{ "arp", "ARP for IPv4 over Ethernet", FIELDS(arp_fields), .n_positional = 2, .n_required = 2, .arrow = true,
	  .ethertype = 0x0806, .ip_proto = -1, .ppp_proto = -1, .encode = arp_encode },
	{ 0 },
};
