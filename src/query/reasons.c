/* reasons.c - evidence in plain words, for dossiers */
#include "query/show.h"

static const char *const meanings[GS_EVIDENCE_COUNT] = {
	[GS_EVIDENCE_STOP_BIT] = "decoding stopped",
	[GS_EVIDENCE_GRE_PROTO_BIT] = "the GRE protocol type says so",
	[GS_EVIDENCE_GRE_VERSION1_BIT] = "GRE version 1 with protocol type 0x880b",
	[GS_EVIDENCE_GRE_ROUTING_BIT] = "the routing bit of RFC 1701 is set",
	[GS_EVIDENCE_GRE_KEY_LAYOUT_BIT] = "a key where this use of GRE has to have one",
	[GS_EVIDENCE_INNER_PROTO_BIT] = "the protocol inside says so",
	[GS_EVIDENCE_INNER_PORT_BIT] = "a TCP or UDP port inside says so",
	[GS_EVIDENCE_INNER_DST_BIT] = "the multicast group inside says so",
	[GS_EVIDENCE_INNER_GRE_EMPTY_BIT] = "inside is a GRE header of protocol type 0 and nothing behind it",
	[GS_EVIDENCE_INNER_RETURNS_BIT] = "the packet inside is addressed back to the sender",
	[GS_EVIDENCE_ICMP_QUOTE_BIT] = "an ICMP error quotes it: somebody sent it in our name",
	[GS_EVIDENCE_TTL_ONE_BIT] = "the packet inside may not go further than one hop",
	[GS_EVIDENCE_PPP_BIT] = "a PPP header is where it belongs",
	[GS_EVIDENCE_FOLDED_BIT] = "a sum over many sources",
	[GS_EVIDENCE_SHAPE_BIT] = "header fields as this tool writes them",
	[GS_EVIDENCE_IP_ID_BIT] = "outer and inner identification related as this tool relates them",
	[GS_EVIDENCE_RECURRENCE_BIT] = "the payload follows the tool's random numbers",
	[GS_EVIDENCE_HEADER_DRAWS_BIT] = "the header fields are the random numbers before the payload's",
	[GS_EVIDENCE_STATE_LINK_BIT] = "linked to other packets of one process",
	[GS_EVIDENCE_LENGTH_BIT] = "as long as this tool sends by default",
	[GS_EVIDENCE_MARTIAN_BIT] = "the sender inside cannot exist on the Internet",
	[GS_EVIDENCE_RATE_BIT] = "many packets a second",
	[GS_EVIDENCE_SPREAD_BIT] = "the addresses inside are spread widely",
	[GS_EVIDENCE_TWO_WAY_BIT] = "traffic in both directions",
	[GS_EVIDENCE_INTERVAL_BIT] = "it comes at regular intervals",
	[GS_EVIDENCE_COLLECTOR_BIT] = "the address inside that would get the answer",
	[GS_EVIDENCE_KNOWN_NETWORK_BIT] = "the sender is a known provider of this",
	[GS_EVIDENCE_ONE_PREFIX_BIT] = "all packets inside go to one prefix",
	[GS_EVIDENCE_CONTROL_BIT] = "its control channel was seen",
	[GS_EVIDENCE_NESTED_BIT] = "a tunnel in a tunnel",
	[GS_EVIDENCE_FORGED_BIT] = "senders from all over the address space, with hardly a packet each, some of them impossible",
	[GS_EVIDENCE_CONTROL_CALL_BIT] = "its control channel had set up this very call",
};

const char *gs_evidence_meaning(unsigned bit)
{
	if (bit >= GS_EVIDENCE_COUNT)
		return NULL;
	return meanings[bit] ? meanings[bit] : gs_evidence_word(bit);
}
