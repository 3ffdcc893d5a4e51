/*
 * row.c - a sighting as a row and back
 *
 * Who, when and how much are columns that SQL can read. What most sightings of a sort share (flags, protocol type, class, evidence, ...) is a `kind`, kept
 * once and named by a small number. The rest, a sample of the window's first packet, is one blob: a mask as varint, then the fields whose bit is set in
 * the order below, little endian. A bit is clear where the field is zero, so that nothing depends on `has`.
 *
 *   bit  octets  field                               bit  octets  field
 *   0    0       ip_len = bytes / packets            10   4       gre_seq
 *   1    varint  ip_len                              11   varint  tunnel_id
 *   2    1       ttl, and ttl_min = ttl_max = ttl    12   2       inner_icmp_type, inner_icmp_code
 *   3    8       inner_src, inner_dst, both IPv4     13   2       icmp_type, icmp_code
 *   4    1       inner_ttl                           14   2       nanoseconds of last - first beyond dur_us
 *   5    4       inner_sport, inner_dport            15   varint  evidence_bits
 *   6    4       gre_key                             16   16      bot_hi, bot_lo
 *   7    3       ttl, ttl_min, ttl_max               17   varint  sources, where not 1
 *   8    32      inner_src, inner_dst, both IPv6     18   28      the kind, where it has no number
 *   9    2+      inner addresses of unlike families: family and octets, twice
 *
 * A flood's row has a mask of one octet and 16 of fields.
 */
#include "store/private.h"

enum sample_bit {
	S_LEN_EACH, S_LEN, S_TTL, S_INNER4, S_INNER_TTL, S_PORTS, S_KEY, S_TTLS, S_INNER6, S_INNER_MIXED, S_SEQ, S_TUNNEL, S_INNER_ICMP, S_ICMP, S_NS,
	S_BITS, S_BOT, S_SOURCES, S_KIND, S_COUNT,
};

#define KIND_BYTES 28

const char *sighting_wrong(const struct gs_sighting *s)
{
	const struct gs_addr *a[] = { &s->src, &s->dst, &s->inner_src, &s->inner_dst };
	static const uint8_t zero[16];
	for (unsigned i = 0; i < 4; i++) {
		if (a[i]->family != 0 && a[i]->family != 4 && a[i]->family != 6)
			return "an address of no family";
		if (memcmp(a[i]->b + (a[i]->family == 6 ? 16 : a[i]->family), zero, a[i]->family == 6 ? 0 : 16u - a[i]->family) != 0)
			return "an address with octets beyond its end";
	}
	if (s->version != GS_SIGHTING_VERSION)
		return "a sighting of another version";
	if (s->class_ >= GS_CLASS_COUNT)
		return "a class that is none";
	if (s->confidence > 100)
		return "a confidence above 100";
	if (s->fidelity >= GS_FIDELITY_COUNT || s->stop >= GS_STOP_COUNT || s->via > GS_VIA_UDP || s->bot_kind > GS_BOT_POSITION || s->byte_order > 2)
		return "a code that is none";
	if (s->flags & ~(unsigned)(GS_SIGHTING_FOLDED | GS_SIGHTING_DST_FOLDED))
		return "flags that no stored sighting has";
	return NULL;
}

void kind_of(const struct gs_sighting *s, struct kind *ret)
{
	*ret = (struct kind){
		.evidence = s->evidence,
		.has = s->has,
		.gre_flags = s->gre_flags,
		.gre_proto = s->gre_proto,
		.version = s->version,
		.inner_proto = s->inner_proto,
		.fidelity = s->fidelity,
		.flags = s->flags,
		.class_ = s->class_,
		.confidence = s->confidence,
		.stop = s->stop,
		.via = s->via,
		.protocol = s->protocol,
		.bot_kind = s->bot_kind,
		.byte_order = s->byte_order,
		.df = s->df,
	};
}

struct pen {
	uint8_t *p;
};

static void put_u8(struct pen *w, uint8_t v)
{
	*w->p++ = v;
}

static void put_raw(struct pen *w, const void *data, size_t n)
{
	memcpy(w->p, data, n);
	w->p += n;
}

static void put_u16(struct pen *w, uint16_t v)
{
	v = htole16(v);
	put_raw(w, &v, 2);
}

static void put_u32(struct pen *w, uint32_t v)
{
	v = htole32(v);
	put_raw(w, &v, 4);
}

static void put_u64(struct pen *w, uint64_t v)
{
	v = htole64(v);
	put_raw(w, &v, 8);
}

static void put_varint(struct pen *w, uint64_t v)
{
	while (v >= 0x80) {
		put_u8(w, (uint8_t)(v | 0x80));
		v >>= 7;
	}
	put_u8(w, (uint8_t)v);
}

static unsigned addr_len(const struct gs_addr *a)
{
	return a->family == 6 ? 16 : a->family;
}

static void put_addr(struct pen *w, const struct gs_addr *a)
{
	put_u8(w, a->family);
	put_raw(w, a->b, addr_len(a));
}

static void put_kind(struct pen *w, const struct kind *k)
{
	put_u64(w, k->evidence);
	put_u32(w, k->has);
	put_u16(w, k->gre_flags);
	put_u16(w, k->gre_proto);
	put_raw(w, &k->version, 12); /* version to df: octets, in the order of the struct */
}

#define BIT(b) (1u << (b))

static uint32_t sample_mask(const struct gs_sighting *s, bool with_kind, unsigned ns)
{
	uint32_t m = 0;
	if (s->ip_len)
		m |= s->packets && s->bytes % s->packets == 0 && s->bytes / s->packets == s->ip_len ? BIT(S_LEN_EACH) : BIT(S_LEN);
	if (s->ttl != s->ttl_min || s->ttl != s->ttl_max)
		m |= BIT(S_TTLS);
	else if (s->ttl)
		m |= BIT(S_TTL);
	if (s->inner_src.family == 4 && s->inner_dst.family == 4)
		m |= BIT(S_INNER4);
	else if (s->inner_src.family == 6 && s->inner_dst.family == 6)
		m |= BIT(S_INNER6);
	else if (s->inner_src.family || s->inner_dst.family)
		m |= BIT(S_INNER_MIXED);
	m |= s->inner_ttl ? BIT(S_INNER_TTL) : 0;
	m |= s->inner_sport || s->inner_dport ? BIT(S_PORTS) : 0;
	m |= s->gre_key ? BIT(S_KEY) : 0;
	m |= s->gre_seq ? BIT(S_SEQ) : 0;
	m |= s->tunnel_id ? BIT(S_TUNNEL) : 0;
	m |= s->inner_icmp_type || s->inner_icmp_code ? BIT(S_INNER_ICMP) : 0;
	m |= s->icmp_type || s->icmp_code ? BIT(S_ICMP) : 0;
	m |= ns ? BIT(S_NS) : 0;
	m |= s->evidence_bits ? BIT(S_BITS) : 0;
	m |= s->bot_hi || s->bot_lo ? BIT(S_BOT) : 0;
	m |= s->sources != 1 ? BIT(S_SOURCES) : 0;
	m |= with_kind ? BIT(S_KIND) : 0;
	return m;
}

static size_t sample_write(const struct gs_sighting *s, bool with_kind, unsigned ns, uint8_t out[SAMPLE_MAX])
{
	struct pen w = { out };
	uint32_t m = sample_mask(s, with_kind, ns);

	put_varint(&w, m);
	if (m & BIT(S_LEN))
		put_varint(&w, s->ip_len);
	if (m & BIT(S_TTL))
		put_u8(&w, s->ttl);
	if (m & BIT(S_INNER4)) {
		put_raw(&w, s->inner_src.b, 4);
		put_raw(&w, s->inner_dst.b, 4);
	}
	if (m & BIT(S_INNER_TTL))
		put_u8(&w, s->inner_ttl);
	if (m & BIT(S_PORTS)) {
		put_u16(&w, s->inner_sport);
		put_u16(&w, s->inner_dport);
	}
	if (m & BIT(S_KEY))
		put_u32(&w, s->gre_key);
	if (m & BIT(S_TTLS)) {
		put_u8(&w, s->ttl);
		put_u8(&w, s->ttl_min);
		put_u8(&w, s->ttl_max);
	}
	if (m & BIT(S_INNER6)) {
		put_raw(&w, s->inner_src.b, 16);
		put_raw(&w, s->inner_dst.b, 16);
	}
	if (m & BIT(S_INNER_MIXED)) {
		put_addr(&w, &s->inner_src);
		put_addr(&w, &s->inner_dst);
	}
	if (m & BIT(S_SEQ))
		put_u32(&w, s->gre_seq);
	if (m & BIT(S_TUNNEL))
		put_varint(&w, s->tunnel_id);
	if (m & BIT(S_INNER_ICMP)) {
		put_u8(&w, s->inner_icmp_type);
		put_u8(&w, s->inner_icmp_code);
	}
	if (m & BIT(S_ICMP)) {
		put_u8(&w, s->icmp_type);
		put_u8(&w, s->icmp_code);
	}
	if (m & BIT(S_NS))
		put_u16(&w, (uint16_t)ns);
	if (m & BIT(S_BITS))
		put_varint(&w, s->evidence_bits);
	if (m & BIT(S_BOT)) {
		put_u64(&w, s->bot_hi);
		put_u64(&w, s->bot_lo);
	}
	if (m & BIT(S_SOURCES))
		put_varint(&w, s->sources);
	if (m & BIT(S_KIND)) {
		struct kind k;
		kind_of(s, &k);
		put_kind(&w, &k);
	}
	return (size_t)(w.p - out);
}

void row_of(const struct gs_sighting *s, bool with_kind, struct row *ret)
{
	int64_t dur = (int64_t)((uint64_t)s->last.ns - (uint64_t)s->first.ns); /* wraps where the times are far apart, and back again when read */
	int64_t us = dur / 1000 - (dur % 1000 < 0);
	unsigned ns = (unsigned)(dur - us * 1000);

	ret->first_ns = s->first.ns;
	ret->dur_us = us;
	ret->packets = s->packets;
	ret->bytes = s->bytes;
	ret->sensor = s->sensor;
	ret->src_len = (uint8_t)addr_len(&s->src);
	ret->dst_len = (uint8_t)addr_len(&s->dst);
	memcpy(ret->src, s->src.b, 16);
	memcpy(ret->dst, s->dst.b, 16);
	ret->sample_len = (uint8_t)sample_write(s, with_kind, ns, ret->sample);
}

static uint64_t get_varint(struct gs_cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = gs_get_u8(c);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->short_ = true;
	return 0;
}

static uint16_t get_le16(struct gs_cursor *c)
{
	return __builtin_bswap16(gs_get_be16(c));
}

static uint32_t get_le32(struct gs_cursor *c)
{
	return __builtin_bswap32(gs_get_be32(c));
}

static uint64_t get_le64(struct gs_cursor *c)
{
	uint64_t lo = get_le32(c);
	return lo | (uint64_t)get_le32(c) << 32;
}

static void get_addr(struct gs_cursor *c, uint8_t family, struct gs_addr *ret)
{
	unsigned n = family == 6 ? 16 : family == 4 ? 4 : 0;
	const uint8_t *p = gs_get_bytes(c, n);
	if (family != 0 && n == 0)
		c->short_ = true;
	if (p && n) {
		memcpy(ret->b, p, n);
		ret->family = family;
	}
}

static void get_kind(struct gs_cursor *c, struct kind *k)
{
	k->evidence = get_le64(c);
	k->has = get_le32(c);
	k->gre_flags = get_le16(c);
	k->gre_proto = get_le16(c);
	const uint8_t *p = gs_get_bytes(c, 12);
	if (p)
		memcpy(&k->version, p, 12);
}

static void kind_apply(const struct kind *k, struct gs_sighting *s)
{
	s->evidence = k->evidence;
	s->has = k->has;
	s->gre_flags = k->gre_flags;
	s->gre_proto = k->gre_proto;
	s->version = k->version;
	s->inner_proto = k->inner_proto;
	s->fidelity = k->fidelity;
	s->flags = k->flags;
	s->class_ = k->class_;
	s->confidence = k->confidence;
	s->stop = k->stop;
	s->via = k->via;
	s->protocol = k->protocol;
	s->bot_kind = k->bot_kind;
	s->byte_order = k->byte_order;
	s->df = k->df;
}

/* The rarer half of a sample, kept out of the way of the usual one. */
static void sample_read_rare(struct gs_cursor *c, uint32_t m, struct gs_sighting *s)
{
	if (m & BIT(S_TTLS)) {
		s->ttl = gs_get_u8(c);
		s->ttl_min = gs_get_u8(c);
		s->ttl_max = gs_get_u8(c);
	}
	if (m & BIT(S_INNER6)) {
		get_addr(c, 6, &s->inner_src);
		get_addr(c, 6, &s->inner_dst);
	}
	if (m & BIT(S_INNER_MIXED)) {
		get_addr(c, gs_get_u8(c), &s->inner_src);
		get_addr(c, gs_get_u8(c), &s->inner_dst);
	}
	if (m & BIT(S_SEQ))
		s->gre_seq = get_le32(c);
	if (m & BIT(S_TUNNEL))
		s->tunnel_id = (uint32_t)get_varint(c);
	if (m & BIT(S_INNER_ICMP)) {
		s->inner_icmp_type = gs_get_u8(c);
		s->inner_icmp_code = gs_get_u8(c);
	}
	if (m & BIT(S_ICMP)) {
		s->icmp_type = gs_get_u8(c);
		s->icmp_code = gs_get_u8(c);
	}
	if (m & BIT(S_NS))
		s->last.ns = (int64_t)((uint64_t)s->last.ns + get_le16(c));
	if (m & BIT(S_BITS))
		s->evidence_bits = (uint16_t)get_varint(c);
	if (m & BIT(S_BOT)) {
		s->bot_hi = get_le64(c);
		s->bot_lo = get_le64(c);
	}
	if (m & BIT(S_SOURCES))
		s->sources = (uint32_t)get_varint(c);
}

const char *row_sighting(const struct row *row, const struct kind *kind, struct gs_sighting *s)
{
	struct gs_cursor c = gs_cursor_of(row->sample, row->sample_len, row->sample_len);
	uint32_t m = (uint32_t)get_varint(&c);
	struct kind own = { 0 };

	*s = (struct gs_sighting){
		.first = { row->first_ns },
		.last = { (int64_t)((uint64_t)row->first_ns + (uint64_t)row->dur_us * 1000) },
		.packets = row->packets,
		.bytes = row->bytes,
		.sensor = row->sensor,
		.sources = 1,
	};
	s->src.family = row->src_len == 16 ? 6 : row->src_len;
	s->dst.family = row->dst_len == 16 ? 6 : row->dst_len;
	memcpy(s->src.b, row->src, 16);
	memcpy(s->dst.b, row->dst, 16);
	if (m & BIT(S_LEN_EACH)) {
		if (!row->packets || row->bytes / row->packets > UINT32_MAX)
			return "a length that cannot be";
		s->ip_len = (uint32_t)(row->bytes / row->packets);
	}
	if (m & BIT(S_LEN))
		s->ip_len = (uint32_t)get_varint(&c);
	if (m & BIT(S_TTL))
		s->ttl = s->ttl_min = s->ttl_max = gs_get_u8(&c);
	if (m & BIT(S_INNER4)) {
		get_addr(&c, 4, &s->inner_src);
		get_addr(&c, 4, &s->inner_dst);
	}
	if (m & BIT(S_INNER_TTL))
		s->inner_ttl = gs_get_u8(&c);
	if (m & BIT(S_PORTS)) {
		s->inner_sport = get_le16(&c);
		s->inner_dport = get_le16(&c);
	}
	if (m & BIT(S_KEY))
		s->gre_key = get_le32(&c);
	if (m >> S_TTLS)
		sample_read_rare(&c, m, s);
	if (m & BIT(S_KIND)) {
		get_kind(&c, &own);
		kind = &own;
	}
	if (!kind || m >> S_COUNT || c.short_ || gs_cursor_left(&c) != 0)
		return "a sample that does not decode";
	kind_apply(kind, s);
	s->gre_payload_len = (s->gre_flags & 7) == 1 ? (uint16_t)(s->gre_key >> 16) : 0; /* said twice in a sighting, once in a row */
	return sighting_wrong(s);
}

uint64_t row_hash(const struct row *row)
{
	uint8_t buf[64 + 32 + SAMPLE_MAX];
	struct pen w = { buf };

	put_u64(&w, (uint64_t)row->seq);
	put_u64(&w, (uint64_t)row->first_ns);
	put_u64(&w, (uint64_t)row->dur_us);
	put_u64(&w, row->packets);
	put_u64(&w, row->bytes);
	put_u32(&w, row->kind);
	put_u16(&w, row->sensor);
	put_u8(&w, row->src_len);
	put_u8(&w, row->dst_len);
	put_raw(&w, row->src, row->src_len);
	put_raw(&w, row->dst, row->dst_len);
	put_raw(&w, row->sample, row->sample_len);
	return XXH3_64bits(buf, (size_t)(w.p - buf));
}
