/* gre.c - GRE of both versions, its source route, and the headers that some protocol types put behind it */
#include "explain/fields.h"

#include <stdio.h>

#define FLAG_C 0x8000
#define FLAG_R 0x4000
#define FLAG_K 0x2000
#define FLAG_S 0x1000
#define FLAG_A 0x0080

static const char *gre_version(uint64_t v)
{
	return v == 0 ? "GRE (RFC 2784, RFC 1701)" : v == 1 ? "enhanced GRE, PPTP (RFC 2637)" : "no version that exists";
}

static const char *checksum_word(unsigned checksum)
{
	static const char *const words[] = { "", "right", "wrong", "not captured whole: cannot be checked" };
	return words[checksum < 4 ? checksum : 0];
}

/* A field that moves the place of the next one: 4 octets, or 2. */
static uint32_t optional(struct explain *x, uint32_t at, struct field d, const char *source)
{
	const char *before = x->source;

	d.off = (uint8_t)at;
	x->source = source;
	explain_fields(x, &d, 1);
	x->source = before;
	return at + d.len;
}

static void version_1(struct explain *x, uint16_t flags, uint16_t proto)
{
	static const struct field key[] = { { "gre.key.payload_length", 4, 2 }, { "gre.key.call_id", 6, 2 } };
	uint32_t at = 8;

	if (proto == 0x6400) /* MikroTik's own meaning: explain_eoip */
		return;
	x->source = "RFC 2637 s4.1";
	EXPLAIN_FIELDS(x, key);
	if (flags & FLAG_S)
		at = optional(x, at, (struct field){ "gre.sequence_number", .len = 4 }, x->source);
	if (flags & FLAG_A)
		optional(x, at, (struct field){ "gre.ack_number", .len = 4 }, x->source);
}

static void version_0(struct explain *x, uint16_t flags)
{
	uint32_t at = 4;
	uint64_t v;
	char value[16];

	if (flags & (FLAG_C | FLAG_R)) {
		if (explain_get(x, at, 2, &v)) {
			snprintf(value, sizeof value, "0x%04x", (unsigned)v);
			explain_row(x, "gre.checksum", x->off + at, 2, value,
			            !(flags & FLAG_C) ? "not in use" : x->n_gre == 1 ? checksum_word(x->p->checksum) : "", "RFC 2784 s2.2");
		}
		optional(x, at + 2, (struct field){ "gre.offset", .len = 2 }, "RFC 1701 s1");
		at += 4;
	}
	if (flags & FLAG_K)
		at = optional(x, at, (struct field){ "gre.key", .len = 4, .show = SHOW_HEX }, "RFC 2890 s2.1");
	if (flags & FLAG_S)
		optional(x, at, (struct field){ "gre.sequence_number", .len = 4 }, "RFC 2890 s2.2");
}

void explain_gre(struct explain *x, const struct gs_layer *l)
{
	static const struct field head[] = {
		{ "gre.flags_and_version", 0, 2, .show = SHOW_HEX },
		{ "gre.flags.checksum", 0, 2, 15, 1, .words = explain_set },
		{ "gre.flags.routing", 0, 2, 14, 1, .words = explain_set },
		{ "gre.flags.key", 0, 2, 13, 1, .words = explain_set },
		{ "gre.flags.sequence_number", 0, 2, 12, 1, .words = explain_set },
		{ "gre.flags.strict_source_route", 0, 2, 11, 1, .words = explain_set },
		{ "gre.flags.recursion_control", 0, 2, 8, 3 },
	};
	static const struct field ack[] = { { "gre.flags.ack", 0, 2, 7, 1, .words = explain_set } };
	static const struct field rest[] = { { "gre.flags.version", 0, 2, 0, 3, .words = gre_version },
		                             { "gre.proto", 2, 2, .show = SHOW_HEX, .words = explain_ethertype } };
	uint64_t flags, proto;

	(void)l;
	x->n_gre++;
	EXPLAIN_FIELDS(x, head);
	if (!explain_get(x, 0, 2, &flags))
		return;
	if ((flags & 7) == 1) {
		x->source = "RFC 2637 s4.1";
		EXPLAIN_FIELDS(x, ack);
	}
	EXPLAIN_FIELDS(x, rest);
	x->gre_flags = (uint16_t)flags;
	if (!explain_get(x, 2, 2, &proto))
		return;
	if ((flags & 7) == 1)
		version_1(x, (uint16_t)flags, (uint16_t)proto);
	else if ((flags & 7) == 0)
		version_0(x, (uint16_t)flags);
}

void explain_gre_route(struct explain *x, const struct gs_layer *l)
{
	static const struct field entry[] = { { "gre.routing.address_family", 0, 2 }, { "gre.routing.sre_offset", 2, 1 }, { "gre.routing.src_length", 3, 1 } };
	const uint32_t end = l->off + l->len;
	uint64_t len;

	for (unsigned i = 0; i < GS_MAX_ROUTES && x->off + 4 <= end; i++) {
		EXPLAIN_FIELDS(x, entry);
		if (!explain_get(x, 3, 1, &len))
			return;
		if (len)
			explain_octets(x, "gre.routing.information", 4, (uint32_t)len, "where to go");
		x->off += 4 + (uint32_t)len;
	}
}

/* Frame length and tunnel id stand where PPTP has payload length and call id; the id least significant octet first. */
void explain_eoip(struct explain *x, const struct gs_layer *l)
{
	static const struct field length[] = { { "eoip.length", 0, 2 } };
	char value[16];
	uint64_t id;

	if (l->off < 4)
		return;
	x->off = l->off - 4;
	EXPLAIN_FIELDS(x, length);
	if (explain_get(x, 2, 2, &id)) {
		snprintf(value, sizeof value, "%u", (unsigned)__builtin_bswap16((uint16_t)id));
		explain_row(x, "eoip.tunnel_id", x->off + 2, 2, value, "tunnel", x->source);
	}
}

void explain_erspan(struct explain *x, const struct gs_layer *l)
{
	static const struct field common[] = {
		{ "erspan.version", 0, 2, 12, 4 }, { "erspan.vlan", 0, 2, 0, 12 }, { "erspan.cos", 2, 2, 13, 3 },
	};
	static const struct field encap[] = { { "erspan.encap", 2, 2, 11, 2 } };
	static const struct field bso[] = { { "erspan.bso", 2, 2, 11, 2 } };
	static const struct field session[] = { { "erspan.truncated", 2, 2, 10, 1, .words = explain_set }, { "erspan.spanid", 2, 2, 0, 10 } };
	static const struct field index[] = { { "erspan.index", 4, 4, 0, 20 } };
	static const struct field third[] = { { "erspan.timestamp", 4, 4 }, { "erspan.sgt", 8, 2 }, { "erspan.p", 10, 2, 15, 1 }, { "erspan.ft", 10, 2, 10, 5 },
		                              { "erspan.hw", 10, 2, 4, 6 }, { "erspan.direction", 10, 2, 3, 1 }, { "erspan.gra", 10, 2, 1, 2 }, { "erspan.o", 10, 2, 0, 1 } };
	uint64_t version;

	if (l->len < 8) {
		explain_row(x, "", l->off, 0, "", "type I: the mirrored frame follows at once", x->source);
		return;
	}
	EXPLAIN_FIELDS(x, common);
	if (!explain_get(x, 0, 1, &version))
		return;
	if (version >> 4 == 2)
		EXPLAIN_FIELDS(x, bso);
	else
		EXPLAIN_FIELDS(x, encap);
	EXPLAIN_FIELDS(x, session);
	if (version >> 4 == 2)
		EXPLAIN_FIELDS(x, third);
	else
		EXPLAIN_FIELDS(x, index);
}

void explain_wccp(struct explain *x, const struct gs_layer *l)
{
	static const struct field redirect[] = {
		/* least significant bit first, whatever the draft's drawing says: so routers send it */
		{ "gre.wccp.dynamic_service", 0, 1, 0, 1, .words = explain_set },
		{ "gre.wccp.alternative_bucket_used", 0, 1, 1, 1, .words = explain_set },
		{ "gre.wccp.redirect_header_valid", 0, 1, 2, 1 },
		{ "gre.wccp.service_id", 1, 1 },
		{ "gre.wccp.alternative_bucket", 2, 1 },
		{ "gre.wccp.primary_bucket", 3, 1 },
	};

	if (l->len >= 4)
		EXPLAIN_FIELDS(x, redirect);
	else
		explain_row(x, "", l->off, 0, "", "version 1: the packet follows at once", x->source);
}
