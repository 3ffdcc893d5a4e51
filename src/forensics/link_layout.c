/* link_layout.c - which bits of which draws a packet shows, read from a packet and foretold from a state */
#include "forensics/link.h"

#include "forensics/xorshift128.h"

static bool layout_add(struct link_layout *l, unsigned at, unsigned width)
{
	if (l->n_words == LINK_MAX_WORDS || l->view.bits + width > LINK_MAX_BITS)
		return false;
	l->view.at[l->n_words] = (uint16_t)at;
	l->view.width[l->n_words++] = (uint8_t)width;
	l->view.bits = (uint16_t)(l->view.bits + width);
	return true;
}

void link_layout_of(const struct gs_bot_input *in, enum gs_bot_order order, unsigned drawn, bool host_drawn, unsigned data_words, struct link_layout *ret)
{
	unsigned at = 0;

	memset(ret, 0, sizeof *ret);
	ret->byte_order = (uint8_t)order;
	ret->drawn = (uint8_t)drawn;
	ret->host_drawn = host_drawn;
	if (drawn & GS_BOT_DREW_SRC)
		layout_add(ret, at++, 32);
	if (drawn & GS_BOT_DREW_ID)
		layout_add(ret, at++, 16);
	if (drawn & GS_BOT_DREW_SPORT)
		layout_add(ret, at++, 16);
	if (drawn & GS_BOT_DREW_DPORT)
		layout_add(ret, at++, 16);
	if (drawn & GS_BOT_DREW_DST)
		layout_add(ret, at++, 32);
	for (unsigned i = 0; drawn & GS_BOT_DREW_MACS && i < 3; i++)
		layout_add(ret, at++, 32);
	if (drawn & GS_BOT_DREW_DATA) {
		const unsigned whole = in->data_len / 4, tail = in->data_len & 3;
		bool room = true;
		for (unsigned i = 0; i < whole && i < data_words; i++)
			room = room && layout_add(ret, at + i, 32);
		if (room && whole <= data_words && in->data_len == in->data_wire_len) {
			if (tail & 2)
				room = layout_add(ret, at + whole, 16);
			if (tail & 1 && room)
				layout_add(ret, at + whole + (tail >> 1), 8);
		}
		at += draws_of_data(in->data_wire_len);
	}
	ret->draws = ret->view.unit = (uint16_t)(at + host_drawn);
}

static void seen_put(struct link_seen *s, unsigned *bit, uint32_t value, unsigned width)
{
	const uint64_t v = width == 32 ? value : value & ((1u << width) - 1);
	const unsigned block = *bit / 64, shift = *bit % 64;
	s->block[block] |= v << shift;
	if (shift + width > 64)
		s->block[block + 1] |= v >> (64 - shift);
	*bit += width;
}

void link_read(const struct link_layout *l, const struct gs_bot_input *in, struct link_seen *ret)
{
	const enum gs_bot_order order = l->byte_order;
	unsigned bit = 0, word = 0;

	memset(ret, 0, sizeof *ret);
	if (l->drawn & GS_BOT_DREW_SRC)
		seen_put(ret, &bit, word_of_net32(in->src, order), l->view.width[word++]);
	if (l->drawn & GS_BOT_DREW_ID)
		seen_put(ret, &bit, (uint16_t)(ID_SUM - word_of_net16(in->inner_id, order)), l->view.width[word++]);
	if (l->drawn & GS_BOT_DREW_SPORT)
		seen_put(ret, &bit, word_of_net16(in->sport, order), l->view.width[word++]);
	if (l->drawn & GS_BOT_DREW_DPORT)
		seen_put(ret, &bit, word_of_net16(in->dport, order), l->view.width[word++]);
	if (l->drawn & GS_BOT_DREW_DST)
		seen_put(ret, &bit, word_of_net32(in->inner_dst, order), l->view.width[word++]);
	if (l->drawn & GS_BOT_DREW_MACS) {
		const uint8_t third[4] = { in->macs[4], in->macs[5], in->macs[10], in->macs[11] };
		seen_put(ret, &bit, word_load(in->macs, order), l->view.width[word++]);
		seen_put(ret, &bit, word_load(in->macs + 6, order), l->view.width[word++]);
		seen_put(ret, &bit, word_load(third, order), l->view.width[word++]);
	}
	const uint8_t *p = in->data;
	for (; word < l->n_words && l->view.width[word] == 32; word++, p += 4)
		seen_put(ret, &bit, word_load(p, order), 32);
	if (word < l->n_words && l->view.width[word] == 16) {
		seen_put(ret, &bit, order == GS_BOT_LITTLE ? p[0] | (uint32_t)p[1] << 8 : (uint32_t)p[0] << 8 | p[1], 16);
		word++;
		p += 2;
	}
	if (word < l->n_words)
		seen_put(ret, &bit, *p, 8);
}

void link_predict(const struct link_layout *l, struct gs_bot_state s, struct link_seen *ret)
{
	unsigned bit = 0, at = 0;

	memset(ret, 0, sizeof *ret);
	for (unsigned i = 0; i < l->n_words; i++) {
		uint32_t v = s.w[3];
		for (; at <= l->view.at[i]; at++)
			v = xorshift_forward(&s);
		seen_put(ret, &bit, v, l->view.width[i]);
	}
}
