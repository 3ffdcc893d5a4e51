/* input.c - the fields of a packet that the forensics look at, from a decoded packet or from its octets */
#include "base/cursor.h"
#include "grescope/bots.h"

#define PROTO_UDP 17
#define IHL5 0x45

static uint32_t v4_number(const struct gs_addr *a)
{
	return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

static uint16_t net16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return be16toh(v);
}

static uint32_t net32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

/* Inner IPv4 header at the cursor, and what was captured of the UDP header. False where it is something else or cut before the ports' end. */
static bool read_inner(struct gs_cursor *c, struct gs_bot_input *in)
{
	const uint8_t *h = gs_get_bytes(c, 24); /* to the end of the ports; one check for all of them */
	if (!h || h[0] != IHL5 || h[9] != PROTO_UDP)
		return false;
	const uint16_t fragment = net16(h + 6);
	in->inner_len = net16(h + 2);
	if (fragment & 0x3fff || in->inner_len < 28)
		return false;
	in->inner_tos = h[1];
	in->inner_id = net16(h + 4);
	in->inner_ttl = h[8];
	in->inner_src = net32(h + 12);
	in->inner_dst = net32(h + 16);
	in->sport = net16(h + 20);
	in->dport = net16(h + 22);
	if (fragment & 0x4000)
		in->flags |= GS_BOT_IN_INNER_DF;
	in->data_wire_len = in->inner_len - 28u;
	in->udp_len = gs_get_be16(c);
	in->udp_sum = gs_get_be16(c);
	if (c->short_)
		return true;
	in->flags |= GS_BOT_IN_UDP;
	gs_cursor_bound(c, in->data_wire_len);
	in->data_len = gs_cursor_left(c);
	in->data = gs_get_bytes(c, in->data_len);
	return true;
}

bool gs_bot_input_from_packet(const struct gs_packet *p, const struct gs_frame *f, struct gs_bot_input *ret)
{
	const bool eth = p->payload == GS_LAYER_ETH;

	if (p->outcome != GS_OUT_GRE || p->ip_version != 4 || p->gre_flags != 0 || p->inner_version != 4 || p->inner_proto != PROTO_UDP ||
	    (p->has & (GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_PORTS)) != (GS_HAS_FLAGS | GS_HAS_PROTO | GS_HAS_PORTS) ||
	    p->gre_proto != (eth ? 0x6558 : 0x0800) || (eth && !(p->has & GS_HAS_MACS)) || p->inner_off != p->payload_off + (eth ? 14 : 0))
		return false;
	struct gs_bot_input in = {
		.flood = eth ? GS_BOT_GREETH : GS_BOT_GREIP,
		.ip_len = p->ip_len,
		.src = v4_number(&p->src),
		.dst = v4_number(&p->dst),
		.id = p->ip_id,
		.ttl = p->ttl,
		.tos = p->tos,
		.flags = (uint8_t)((p->df ? GS_BOT_IN_DF : 0) | (p->fragment ? GS_BOT_IN_FRAGMENT : 0) | (p->via == GS_VIA_ICMP ? GS_BOT_IN_QUOTED : 0)),
	};
	const uint32_t end = p->ip_end < f->caplen ? p->ip_end : f->caplen;
	struct gs_cursor c = gs_cursor_of(f->data, end, end);
	if (p->inner_off > end)
		return false;
	if (eth) {
		c.off = p->mac_off;
		const uint8_t *macs = gs_get_bytes(&c, sizeof in.macs);
		if (!macs)
			return false;
		memcpy(in.macs, macs, sizeof in.macs);
	}
	c.off = p->inner_off;
	if (!read_inner(&c, &in))
		return false;
	*ret = in;
	return true;
}

bool gs_bot_input_from_ipv4(const uint8_t *ip, size_t caplen, struct gs_bot_input *ret)
{
	struct gs_bot_input in = { 0 };
	const uint32_t cap = caplen < 0xffff ? (uint32_t)caplen : 0xffff;
	struct gs_cursor c = gs_cursor_of(ip, cap, cap);

	if (gs_get_u8(&c) != IHL5)
		return false;
	in.tos = gs_get_u8(&c);
	in.ip_len = gs_get_be16(&c);
	in.id = gs_get_be16(&c);
	const uint16_t fragment = gs_get_be16(&c);
	in.ttl = gs_get_u8(&c);
	const uint8_t proto = gs_get_u8(&c);
	gs_skip(&c, 2);
	in.src = gs_get_be32(&c);
	in.dst = gs_get_be32(&c);
	const uint32_t gre = gs_get_be32(&c);
	if (c.short_ || proto != 47 || fragment & 0x1fff || (gre != 0x0800 && gre != 0x6558))
		return false;
	in.flags = (uint8_t)((fragment & 0x4000 ? GS_BOT_IN_DF : 0) | (fragment & 0x2000 ? GS_BOT_IN_FRAGMENT : 0));
	if (in.ip_len >= 24 && c.end > in.ip_len)
		c.end = c.limit = in.ip_len;
	in.flood = gre == 0x0800 ? GS_BOT_GREIP : GS_BOT_GREETH;
	if (in.flood == GS_BOT_GREETH) {
		const uint8_t *macs = gs_get_bytes(&c, sizeof in.macs);
		if (!macs || gs_get_be16(&c) != 0x0800)
			return false;
		memcpy(in.macs, macs, sizeof in.macs);
	}
	if (!read_inner(&c, &in))
		return false;
	*ret = in;
	return true;
}
