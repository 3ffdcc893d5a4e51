/* words.c - the words for every number that grescope shows, made from the lists in the public headers */
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "grescope/verdict.h"

#define WORD_FUNCTION(function, table)                                                                                           \
	const char *function(unsigned i)                                                                                         \
	{                                                                                                                        \
		return i < sizeof table / sizeof *table ? table[i] : "?";                                                        \
	}

#define X(name, word, text) word,
static const char *const stop_words[] = { GS_STOP_MAP(X) };
static const char *const lost_words[] = { GS_LOST_MAP(X) };
static const char *const drop_words[] = { GS_DROP_MAP(X) };
#undef X
#define X(name, word, text) text,
static const char *const stop_texts[] = { GS_STOP_MAP(X) };
static const char *const lost_texts[] = { GS_LOST_MAP(X) };
static const char *const drop_texts[] = { GS_DROP_MAP(X) };
#undef X
#define X(name, word) word,
static const char *const layer_words[] = { GS_LAYER_MAP(X) };
static const char *const evidence_words[] = { GS_EVIDENCE_MAP(X) };
static const char *const fidelity_words[] = { GS_FIDELITY_MAP(X) };
#undef X
#define X(name, word, meaning) word,
static const char *const class_words[] = { GS_CLASS_MAP(X) };
#undef X
#define X(name, word, meaning) meaning,
static const char *const class_meanings[] = { GS_CLASS_MAP(X) };
#undef X

WORD_FUNCTION(gs_stop_word, stop_words)
WORD_FUNCTION(gs_stop_text, stop_texts)
WORD_FUNCTION(gs_lost_word, lost_words)
WORD_FUNCTION(gs_lost_text, lost_texts)
WORD_FUNCTION(gs_drop_word, drop_words)
WORD_FUNCTION(gs_drop_text, drop_texts)
WORD_FUNCTION(gs_layer_word, layer_words)
WORD_FUNCTION(gs_evidence_word, evidence_words)
WORD_FUNCTION(gs_fidelity_word, fidelity_words)
WORD_FUNCTION(gs_class_meaning, class_meanings)

const char *gs_class_word(unsigned class_)
{
	return class_words[class_ < GS_CLASS_COUNT ? class_ : GS_CLASS_UNKNOWN];
}

int gs_class_parse(const char *word, size_t len)
{
	for (int i = 0; i < GS_CLASS_COUNT; i++)
		if (strlen(class_words[i]) == len && memcmp(class_words[i], word, len) == 0)
			return i;
	return -1;
}

/* EtherTypes by their IEEE or vendor names; GRE-only types as RFC 1701 s2 and tshark 4.0's gre.proto name them. */
static const struct {
	uint16_t first, last;
	const char *name;
} gre_protos[] = {
	{ 0x0000, 0x0000, "Keepalive or none" },
	{ 0x0004, 0x0004, "SNA" },
	{ 0x00fe, 0x00fe, "OSI network layer" },
	{ 0x0200, 0x0200, "PUP" },
	{ 0x0600, 0x0600, "XNS" },
	{ 0x0800, 0x0800, "IPv4" },
	{ 0x0804, 0x0804, "Chaosnet" },
	{ 0x0806, 0x0806, "ARP" },
	{ 0x0808, 0x0808, "Frame Relay ARP" },
	{ 0x0bad, 0x0bad, "VINES" },
	{ 0x0bae, 0x0baf, "VINES" },
	{ 0x2000, 0x2000, "Cisco CDP" },
	{ 0x2001, 0x2001, "NHRP" },
	{ 0x22eb, 0x22eb, "ERSPAN III" },
	{ 0x6003, 0x6003, "DECnet phase IV" },
	{ 0x6400, 0x6400, "MikroTik EoIP" },
	{ 0x6558, 0x6558, "Transparent Ethernet bridging" },
	{ 0x6559, 0x6559, "Raw Frame Relay" },
	{ 0x8035, 0x8035, "RARP" },
	{ 0x809b, 0x809b, "AppleTalk" },
	{ 0x8100, 0x8100, "802.1Q" },
	{ 0x8137, 0x8138, "IPX" },
	{ 0x8200, 0x8200, "Aruba 802.11 aggregate" },
	{ 0x8210, 0x8370, "Aruba 802.11" },
	{ 0x86dd, 0x86dd, "IPv6" },
	{ 0x876b, 0x876b, "TCP/IP compression" },
	{ 0x876c, 0x876c, "IP autonomous systems" },
	{ 0x876d, 0x876d, "Secure data" },
	{ 0x880b, 0x880b, "PPP" },
	{ 0x883e, 0x883e, "WCCP" },
	{ 0x8847, 0x8847, "MPLS" },
	{ 0x8848, 0x8848, "MPLS, upstream label" },
	{ 0x8863, 0x8863, "PPPoE discovery" },
	{ 0x8864, 0x8864, "PPPoE session" },
	{ 0x88be, 0x88be, "ERSPAN I or II" },
	{ 0x88e5, 0x88e5, "MACsec" },
	{ 0x8909, 0x8909, "Cisco metadata" },
	{ 0x894f, 0x894f, "NSH" },
	{ 0x9000, 0x9000, "Aruba keepalive" },
	{ 0xb7ea, 0xb7ea, "Huawei bonding control" },
};

const char *gs_gre_proto_name(uint16_t proto)
{
	for (size_t i = 0; i < sizeof gre_protos / sizeof *gre_protos; i++)
		if (proto >= gre_protos[i].first && proto <= gre_protos[i].last)
			return gre_protos[i].name;
	return NULL;
}
