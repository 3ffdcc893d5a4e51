/* layers.c - every kind of layer with its fields and where they are written down; transport headers and what else is of fixed layout */
#include "explain/fields.h"

static const char *tcp_flags(uint64_t v)
{
	switch (v & 0x3f) {
	case 0x02:
		return "SYN";
	case 0x12:
		return "SYN, ACK";
	case 0x10:
		return "ACK";
	case 0x18:
		return "PSH, ACK";
	case 0x04:
		return "RST";
	case 0x14:
		return "RST, ACK";
	case 0x11:
		return "FIN, ACK";
	default:
		return "";
	}
}

static const char *icmp_type(uint64_t v)
{
	switch (v) {
	case 0:
		return "echo reply";
	case 3:
		return "destination unreachable";
	case 4:
		return "source quench";
	case 5:
		return "redirect";
	case 8:
		return "echo request";
	case 11:
		return "time exceeded";
	case 12:
		return "parameter problem";
	default:
		return "";
	}
}

static const char *icmpv6_type(uint64_t v)
{
	switch (v) {
	case 1:
		return "destination unreachable";
	case 2:
		return "packet too big";
	case 3:
		return "time exceeded";
	case 4:
		return "parameter problem";
	case 128:
		return "echo request";
	case 129:
		return "echo reply";
	case 133:
		return "router solicitation";
	case 134:
		return "router advertisement";
	case 135:
		return "neighbour solicitation";
	case 136:
		return "neighbour advertisement";
	default:
		return "";
	}
}

static const char *nhrp_type(uint64_t v)
{
	static const char *const words[] = { "", "resolution request", "resolution reply", "registration request", "registration reply", "purge request",
		                             "purge reply", "error indication", "traffic indication" };
	return v < sizeof words / sizeof *words ? words[v] : "";
}

static const char *ospf_type(uint64_t v)
{
	static const char *const words[] = { "", "hello", "database description", "link state request", "link state update", "link state acknowledgement" };
	return v < sizeof words / sizeof *words ? words[v] : "";
}

static const char *nlpid(uint64_t v)
{
	return v == 0x81 ? "CLNP" : v == 0x82 ? "ES-IS" : v == 0x83 ? "IS-IS" : v == 0xcc ? "IPv4" : v == 0x8e ? "IPv6" : "";
}

static const struct field vlan[] = {
	{ "vlan.priority", 0, 2, 13, 3 },
	{ "vlan.dei", 0, 2, 12, 1, .words = explain_set },
	{ "vlan.id", 0, 2, 0, 12 },
	{ "vlan.etype", 2, 2, .show = SHOW_HEX, .words = explain_ethertype },
};
static const struct field mpls[] = {
	{ "mpls.label", 0, 4, 12, 20 }, { "mpls.exp", 0, 4, 9, 3 }, { "mpls.bottom", 0, 4, 8, 1, .words = explain_set }, { "mpls.ttl", 0, 4, 0, 8 },
};
static const struct field pppoe[] = {
	{ "pppoe.version", 0, 1, 4, 4 }, { "pppoe.type", 0, 1, 0, 4 }, { "pppoe.code", 1, 1, .show = SHOW_HEX }, { "pppoe.session_id", 2, 2, .show = SHOW_HEX },
	{ "pppoe.payload_length", 4, 2 },
};
static const struct field chdlc[] = {
	{ "chdlc.address", 0, 1, .show = SHOW_HEX }, { "chdlc.protocol", 2, 2, .show = SHOW_HEX, .words = explain_ethertype },
};
static const struct field ah[] = {
	{ "ah.next_header", 0, 1, .words = explain_ip_proto }, { "ah.length", 1, 1 }, { "ah.spi", 4, 4, .show = SHOW_HEX }, { "ah.sequence", 8, 4 },
};
static const struct field esp[] = { { "esp.spi", 0, 4, .show = SHOW_HEX }, { "esp.sequence", 4, 4 } };
static const struct field udp[] = {
	{ "udp.srcport", 0, 2 }, { "udp.dstport", 2, 2 }, { "udp.length", 4, 2 }, { "udp.checksum", 6, 2, .show = SHOW_HEX },
};
static const struct field tcp[] = {
	{ "tcp.srcport", 0, 2 },   { "tcp.dstport", 2, 2 },
	{ "tcp.seq_raw", 4, 4 },   { "tcp.ack_raw", 8, 4 },
	{ "tcp.hdr_len", 12, 1, 4, 4, .unit = 4 },
	{ "tcp.flags", 12, 2, 0, 12, .show = SHOW_HEX, .words = tcp_flags },
	{ "tcp.window_size_value", 14, 2 },
	{ "tcp.checksum", 16, 2, .show = SHOW_HEX },
};
static const struct field sctp[] = {
	{ "sctp.srcport", 0, 2 }, { "sctp.dstport", 2, 2 }, { "sctp.verification_tag", 4, 4, .show = SHOW_HEX },
};
static const struct field icmp[] = { { "icmp.type", 0, 1, .words = icmp_type }, { "icmp.code", 1, 1 }, { "icmp.checksum", 2, 2, .show = SHOW_HEX } };
static const struct field icmpv6[] = {
	{ "icmpv6.type", 0, 1, .words = icmpv6_type }, { "icmpv6.code", 1, 1 }, { "icmpv6.checksum", 2, 2, .show = SHOW_HEX },
};
static const struct field nhrp[] = {
	{ "nhrp.hdr.afn", 0, 2, .show = SHOW_HEX },     { "nhrp.hdr.pro.type", 2, 2, .show = SHOW_HEX, .words = explain_ethertype },
	{ "nhrp.hdr.hopcnt", 9, 1 },                    { "nhrp.hdr.pktsz", 10, 2 },
	{ "nhrp.hdr.chksum", 12, 2, .show = SHOW_HEX }, { "nhrp.hdr.extoff", 14, 2 },
	{ "nhrp.hdr.version", 16, 1 }, { "nhrp.hdr.op.type", 17, 1, .words = nhrp_type },
};
static const struct field arp[] = {
	{ "arp.hw.type", 0, 2 }, { "arp.proto.type", 2, 2, .show = SHOW_HEX, .words = explain_ethertype }, { "arp.hw.size", 4, 1 }, { "arp.proto.size", 5, 1 },
	{ "arp.opcode", 6, 2 },
};
static const struct field osi[] = { { "osi.nlpid", 0, 1, .show = SHOW_HEX, .words = nlpid } };
static const struct field wlan[] = { { "wlan.fc.version", 0, 1, 0, 2 }, { "wlan.fc.type", 0, 1, 2, 2 }, { "wlan.fc.subtype", 0, 1, 4, 4 } };
static const struct field geneve[] = {
	{ "geneve.version", 0, 1, 6, 2 }, { "geneve.proto_type", 2, 2, .show = SHOW_HEX, .words = explain_ethertype }, { "geneve.vni", 4, 3, .show = SHOW_HEX },
};
static const struct field vxlan[] = { { "vxlan.flags", 0, 2, .show = SHOW_HEX }, { "vxlan.vni", 4, 3 } };
static const struct field gue[] = { { "gue.version", 0, 1, 6, 2 }, { "gue.control", 0, 1, 5, 1, .words = explain_set }, { "gue.proto", 1, 1, .words = explain_ip_proto } };
static const struct field ospf[] = { { "ospf.version", 0, 1 }, { "ospf.msg", 1, 1, .words = ospf_type }, { "ospf.packet_length", 2, 2 } };
static const struct field eigrp[] = { { "eigrp.version", 0, 1 }, { "eigrp.opcode", 1, 1 } };
static const struct field pim[] = { { "pim.version", 0, 1, 4, 4 }, { "pim.type", 0, 1, 0, 4 } };

#define TABLE(list) .fields = list, .n = sizeof(list) / sizeof *(list)

const struct layer_row explain_layers[GS_LAYER_COUNT] = {
	[GS_LAYER_ETH] = { .explain = explain_eth, .source = "IEEE 802.3 s3.2" },
	[GS_LAYER_LLC] = { .explain = explain_llc, .source = "IEEE 802.2, RFC 1042" },
	[GS_LAYER_SLL] = { .explain = explain_sll, .source = "tcpdump.org/linktypes.html" },
	[GS_LAYER_NULL] = { .explain = explain_null, .source = "tcpdump.org/linktypes.html" },
	[GS_LAYER_VLAN] = { TABLE(vlan), .source = "IEEE 802.1Q s9.6" },
	[GS_LAYER_MPLS] = { TABLE(mpls), .source = "RFC 3032 s2.1" },
	[GS_LAYER_PPPOE] = { TABLE(pppoe), .source = "RFC 2516 s4" },
	[GS_LAYER_PPP] = { .explain = explain_ppp, .source = "RFC 1661 s2" },
	[GS_LAYER_CHDLC] = { TABLE(chdlc), .source = "tcpdump.org/linktypes.html" },
	[GS_LAYER_IPV4] = { .explain = explain_ipv4, .source = "RFC 791 s3.1" },
	[GS_LAYER_IPV6] = { .explain = explain_ipv6, .source = "RFC 8200 s3" },
	[GS_LAYER_IPV6_EXT] = { .explain = explain_ipv6_ext, .source = "RFC 8200 s4" },
	[GS_LAYER_AH] = { TABLE(ah), .source = "RFC 4302 s2" },
	[GS_LAYER_ESP] = { TABLE(esp), .source = "RFC 4303 s2" },
	[GS_LAYER_UDP] = { TABLE(udp), .source = "RFC 768" },
	[GS_LAYER_TCP] = { TABLE(tcp), .source = "RFC 9293 s3.1" },
	[GS_LAYER_SCTP] = { TABLE(sctp), .source = "RFC 9260 s3.1" },
	[GS_LAYER_ICMP] = { TABLE(icmp), .source = "RFC 792" },
	[GS_LAYER_ICMPV6] = { TABLE(icmpv6), .source = "RFC 4443 s2.1" },
	[GS_LAYER_GRE] = { .explain = explain_gre, .source = "RFC 2784 s2.1, RFC 1701 s1" },
	[GS_LAYER_GRE_ROUTE] = { .explain = explain_gre_route, .source = "RFC 1701 s2" },
	[GS_LAYER_ERSPAN] = { .explain = explain_erspan, .source = "draft-foschiano-erspan-03 s4" },
	[GS_LAYER_NHRP] = { TABLE(nhrp), .source = "RFC 2332 s5.2.0.1" },
	[GS_LAYER_EOIP] = { .explain = explain_eoip, .source = "github.com/Nat-Lab/eoip" },
	[GS_LAYER_WCCP] = { .explain = explain_wccp, .source = "draft-wilson-wrec-wccp-v2-01 s4.12.1" },
	[GS_LAYER_OSI] = { TABLE(osi), .source = "ISO/IEC TR 9577" },
	[GS_LAYER_ARP] = { TABLE(arp), .source = "RFC 826" },
	[GS_LAYER_WLAN] = { TABLE(wlan), .source = "IEEE 802.11-2020 s9.2.4" },
	[GS_LAYER_GENEVE] = { TABLE(geneve), .source = "RFC 8926 s3.4" },
	[GS_LAYER_VXLAN] = { TABLE(vxlan), .source = "RFC 7348 s5" },
	[GS_LAYER_GUE] = { TABLE(gue), .source = "draft-ietf-intarea-gue s3.1" },
	[GS_LAYER_OSPF] = { TABLE(ospf), .source = "RFC 2328 sA.3.1" },
	[GS_LAYER_EIGRP] = { TABLE(eigrp), .source = "RFC 7868 s6.1" },
	[GS_LAYER_PIM] = { TABLE(pim), .source = "RFC 7761 s4.9" },
};
