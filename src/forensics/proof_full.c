/* proof_full.c - the evidence that gs_bot_prove leaves aside unless asked: checksum, tails, and the state after the packet */
#include "forensics/proof.h"

#include "forensics/xorshift128.h"

static uint32_t sum16(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;
	for (; n > 1; p += 2, n -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return sum + (n ? (uint32_t)p[0] << 8 : 0);
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

/* RFC 768; a bot sends a checksum that comes out as 0 as it is, and on big-endian machines adds a last odd octet as if it were the lower one of its pair. */
static unsigned checksum_fact(const struct gs_bot_input *in, enum gs_bot_order order)
{
	if (!(in->flags & GS_BOT_IN_UDP) || in->data_len != in->data_wire_len)
		return 0;
	uint32_t sum = (in->inner_src >> 16) + (in->inner_src & 0xffff) + (in->inner_dst >> 16) + (in->inner_dst & 0xffff) + 17 + in->udp_len;
	sum += (uint32_t)in->sport + in->dport + in->udp_len;
	sum += in->data_len ? sum16(in->data, in->data_len) : 0;
	if (fold(sum) == in->udp_sum || (fold(sum) == 0 && in->udp_sum == 0xffff))
		return GS_BOT_FACT_SUM_GOOD;
	if (order == GS_BOT_BIG && in->data_len & 1) {
		const uint32_t last = in->data[in->data_len - 1];
		if (fold(sum - (last << 8) + last) == in->udp_sum)
			return GS_BOT_FACT_SUM_QUIRK;
	}
	return GS_BOT_FACT_SUM_BAD;
}

void proof_complete(const struct gs_bot_input *in, struct gs_bot_proof *p)
{
	if (p->level == GS_BOT_LEVEL_NONE)
		return;
	p->facts |= (uint16_t)checksum_fact(in, p->byte_order);
	if (!p->has_state || p->draws == 0)
		return;
	p->after = gs_bot_state_step(p->before, p->draws);
	p->has_after = true;
	/* tails: the last draws, where all data was captured and nothing broke off before */
	const uint32_t tail = in->data_wire_len & 3;
	if (!(p->drawn & GS_BOT_DREW_DATA) || in->data_len != in->data_wire_len || in->data_len < 20 || !tail || p->facts & GS_BOT_FACT_BROKEN)
		return;
	const uint8_t *at = in->data + (in->data_len & ~3u);
	const unsigned draws = draws_of_data(tail);
	const uint32_t first = p->after.w[4 - draws], last = p->after.w[3];
	bool good = true;
	if (tail & 2) {
		uint16_t v;
		memcpy(&v, at, sizeof v);
		good = (p->byte_order == GS_BOT_LITTLE ? le16toh(v) : be16toh(v)) == (uint16_t)first;
		at += 2;
	}
	if (tail & 1)
		good = good && *at == (uint8_t)last;
	if (good)
		p->bits = (uint16_t)(p->bits + (tail & 2 ? 16 : 0) + (tail & 1 ? 8 : 0));
	else
		p->facts |= GS_BOT_FACT_BROKEN;
}
