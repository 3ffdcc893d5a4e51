#include "grescope/sighting.h"

#include "grescope/tally.h"

#include <inttypes.h>
#include <stdio.h>

void gs_sighting_from_packet(const struct gs_packet *p, const struct gs_verdict *v, uint16_t sensor, struct gs_sighting *ret)
{
	*ret = (struct gs_sighting){
		.first = p->ts,
		.last = p->ts,
		.packets = 1,
		.bytes = p->ip_len,
		.src = p->src,
		.dst = p->dst,
		.inner_src = p->inner_src,
		.inner_dst = p->inner_dst,
		.has = p->has,
		.evidence = v->evidence,
		.gre_key = p->gre_key,
		.gre_seq = p->gre_seq,
		.tunnel_id = p->tunnel_id,
		.sources = 1,
		.ip_len = p->ip_len,
		.gre_flags = p->gre_flags,
		.gre_proto = p->gre_proto,
		.inner_sport = p->inner_sport,
		.inner_dport = p->inner_dport,
		.sensor = sensor,
		.evidence_bits = v->bits,
		.version = GS_SIGHTING_VERSION,
		.fidelity = GS_FIDELITY_PACKET,
		.class_ = v->class_,
		.confidence = v->confidence,
		.stop = p->stop,
		.via = p->via,
		.protocol = p->via == GS_VIA_UDP ? 17 : 47,
		.ttl = p->ttl,
		.ttl_min = p->ttl,
		.ttl_max = p->ttl,
		.inner_proto = p->inner_proto,
		.inner_ttl = p->inner_ttl,
		.inner_icmp_type = p->inner_icmp_type,
		.inner_icmp_code = p->inner_icmp_code,
		.icmp_type = p->icmp_type,
		.icmp_code = p->icmp_code,
		.df = p->df,
		.gre_payload_len = (p->gre_flags & 7) == 1 ? (uint16_t)(p->gre_key >> 16) : 0,
	};
}

/* Who would get the answer to a probe: the sender inside where it asks or dies on the way, else whom the packet inside is for. NULL: not known, or the one who was
 * probed, whose address is not for the evidence to tell (the caller may withhold it). */
static const struct gs_addr *collector(const struct gs_sighting *s)
{
	const bool asks = s->has & GS_HAS_ICMP && ((s->inner_proto == 1 && s->inner_icmp_type == 8) || (s->inner_proto == 58 && s->inner_icmp_type == 128));
	const struct gs_addr *a = asks || s->evidence & GS_EVIDENCE(TTL_ONE) ? &s->inner_src : &s->inner_dst;

	return a->family && !gs_addr_equal(a, &s->dst) ? a : NULL;
}

size_t gs_evidence_format(const struct gs_sighting *s, char out[GS_EVIDENCE_TEXT_MAX])
{
	char text[GS_ADDR_TEXT_MAX];
	size_t n = 0;

	out[0] = '\0';
	for (unsigned bit = 0; bit < GS_EVIDENCE_COUNT; bit++) {
		if (!(s->evidence >> bit & 1))
			continue;
		const size_t left = GS_EVIDENCE_TEXT_MAX - n;
		const char *sep = n ? ";" : "", *word = gs_evidence_word(bit);
		int w;
		if (bit == GS_EVIDENCE_STOP_BIT)
			w = snprintf(out + n, left, "%sstop=%s", sep, gs_stop_word(s->stop));
		else if (bit == GS_EVIDENCE_ICMP_QUOTE_BIT)
			w = snprintf(out + n, left, "%s%s=%u/%u", sep, word, s->icmp_type, s->icmp_code);
		else if (bit == GS_EVIDENCE_FOLDED_BIT)
			w = snprintf(out + n, left, "%s%s=~%" PRIu32, sep, word, s->sources);
		else if (bit == GS_EVIDENCE_COLLECTOR_BIT && collector(s)) {
			gs_addr_format(collector(s), text);
			w = snprintf(out + n, left, "%s%s=%s", sep, word, text);
		} else {
			w = snprintf(out + n, left, "%s%s", sep, word);
		}
		if (w < 0 || (size_t)w >= left)
			break;
		n += (size_t)w;
	}
	if (s->evidence_bits) {
		int w = snprintf(out + n, GS_EVIDENCE_TEXT_MAX - n, "%sbits=%u", n ? ";" : "", s->evidence_bits);
		if (w > 0 && (size_t)w < GS_EVIDENCE_TEXT_MAX - n)
			n += (size_t)w;
	}
	out[n] = '\0';
	return n;
}

size_t gs_bot_format(const struct gs_sighting *s, char out[GS_BOT_TEXT_MAX])
{
	out[0] = '\0';
	if (s->bot_kind == GS_BOT_NONE)
		return 0;
	return (size_t)snprintf(out, GS_BOT_TEXT_MAX, "%s:%" PRIx64 "%016" PRIx64, s->bot_kind == GS_BOT_SEED ? "seed" : "pos", s->bot_hi,
	                        s->bot_lo);
}

void gs_tally_add(struct gs_tally *to, const struct gs_tally *from)
{
	/* every member is a uint64_t, so the struct is an array of counters */
	uint64_t *t = (uint64_t *)(void *)to;
	const uint64_t *f = (const uint64_t *)(const void *)from;
	_Static_assert(sizeof *to % sizeof *t == 0, "counters only");
	for (size_t i = 0; i < sizeof *to / sizeof *t; i++)
		t[i] += f[i];
}
