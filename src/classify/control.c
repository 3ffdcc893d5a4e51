/*
 * control.c - messages of PPTP's control connection, and the table of what they said
 *
 *  |            Length             |      PPTP Message Type 1      |   every message, RFC 2637 s2
 *  |                    Magic Cookie 0x1a2b3c4d                    |
 *  |     Control Message Type      |           Reserved0           |
 *  |            Call ID            | Peer's Call ID, in some       |   messages 7 to 13 and 15
 *  |  Result Code  |                                                   messages 8 and 10
 *
 * A GRE packet bears the call id that its receiver chose (s4.1): the sender of a message chose its own call id for what comes to it.
 */
#include "classify/control.h"

#include "base/cursor.h"
#include "base/map.h"

#include <stdlib.h>

#define COOKIE 0x1a2b3c4d
#define HEADER_LEN 12
#define MESSAGES_MAX 16 /* looked at in one segment; the shortest has 16 octets */
#define RESULT_CONNECTED 1
#define ENDED INT64_MIN
#define CONFIDENCE_CONTROL 95
#define CONFIDENCE_CALL 99

enum message { STOP_REQUEST = 3, STOP_REPLY, OUT_REQUEST = 7, OUT_REPLY, IN_REQUEST, IN_REPLY, IN_CONNECTED, CALL_CLEAR, CALL_GONE, SET_LINK = 15, MESSAGE_LAST = 15 };

/* A pair of addresses, the lower one first, or a call: GRE from `from` to `to` with this call id. */
struct key {
	struct gs_addr from, to;
	uint16_t call;
	uint16_t is_call;
};
_Static_assert(sizeof(struct key) == 38, "no padding: compared as octets");

struct entry {
	struct key key;
	uint16_t mate;      /* the other direction's call id */
	bool has_mate;
	int64_t last_ns;    /* of the last message; ENDED where the last one said so */
};

struct gs_control {
	struct gs_map now, before;
	uint64_t forgotten;
};

int gs_control_new(uint64_t hash_seed, struct gs_control **ret, struct gs_error *err)
{
	struct gs_control *c = calloc(1, sizeof *c);

	if (!c || gs_map_init(&c->now, sizeof(struct key), sizeof(struct entry), GS_CONTROL_BYTES, hash_seed) < 0 ||
	    gs_map_init(&c->before, sizeof(struct key), sizeof(struct entry), GS_CONTROL_BYTES, hash_seed) < 0) {
		gs_control_free(c);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	*ret = c;
	return 0;
}

void gs_control_free(struct gs_control *c)
{
	if (!c)
		return;
	gs_map_done(&c->now);
	gs_map_done(&c->before);
	free(c);
}

void gs_control_reset(struct gs_control *c)
{
	gs_map_clear(&c->now, GS_CONTROL_BYTES);
	gs_map_clear(&c->before, GS_CONTROL_BYTES);
}

uint64_t gs_control_forgotten(const struct gs_control *c)
{
	return c->forgotten;
}

/* An entry for a key, where there is one; it then is in the newer generation, if there is room at all. */
static struct entry *find(struct gs_control *c, const struct key *key)
{
	const uint64_t hash = gs_map_hash(&c->now, key);
	struct entry *e = gs_map_find(&c->now, hash, key), *old;
	bool is_new;

	if (e || !(old = gs_map_find(&c->before, hash, key)))
		return e;
	e = gs_map_get(&c->now, hash, key, &is_new);
	if (!e)
		return old;
	*e = *old;
	return e;
}

/* The same, made where there is none. NULL: out of memory. */
static struct entry *obtain(struct gs_control *c, const struct key *key)
{
	const uint64_t hash = gs_map_hash(&c->now, key);
	struct entry *e = find(c, key);
	bool is_new;

	if (e || (e = gs_map_get(&c->now, hash, key, &is_new)))
		return e;
	const struct gs_map full = c->now;
	c->forgotten += c->before.count;
	gs_map_clear(&c->before, GS_CONTROL_BYTES);
	c->now = c->before;
	c->before = full;
	return gs_map_get(&c->now, hash, key, &is_new);
}

static struct key pair_key(const struct gs_packet *p)
{
	const bool swap = memcmp(&p->src, &p->dst, sizeof p->src) > 0;

	return (struct key){ .from = swap ? p->dst : p->src, .to = swap ? p->src : p->dst };
}

/* One end of a call: GRE from `from` to `to` bears the id; what comes back bears *mate, if that was said. */
static void note_call(struct gs_control *c, const struct gs_addr *from, const struct gs_addr *to, uint16_t call, const uint16_t *mate, int64_t ns)
{
	const struct key key = { .from = *from, .to = *to, .call = call, .is_call = 1 };
	struct entry *e = obtain(c, &key);

	if (!e)
		return;
	e->last_ns = ns;
	if (mate) {
		e->mate = *mate;
		e->has_mate = true;
	}
}

/* The end of a call, and with it of the way back. */
static void end_call(struct gs_control *c, const struct gs_addr *from, const struct gs_addr *to, uint16_t call)
{
	struct key key = { .from = *from, .to = *to, .call = call, .is_call = 1 };
	struct entry *e = find(c, &key);

	if (!e)
		return;
	e->last_ns = ENDED;
	if (!e->has_mate)
		return;
	key = (struct key){ .from = *to, .to = *from, .call = e->mate, .is_call = 1 };
	e = find(c, &key);
	if (e)
		e->last_ns = ENDED;
}

/* What a message says of calls. m: its call id, peer's call id and result, zero where it has none. */
static void note_message(struct gs_control *c, const struct gs_packet *p, enum message type, uint16_t call, uint16_t peer, uint8_t result)
{
	const struct gs_addr *us = &p->src, *them = &p->dst;
	const int64_t ns = p->ts.ns;

	switch (type) {
	case OUT_REQUEST:
	case IN_REQUEST:
		note_call(c, them, us, call, NULL, ns);
		break;
	case OUT_REPLY:
	case IN_REPLY:
		if (result != RESULT_CONNECTED) {
			end_call(c, us, them, peer);
			break;
		}
		note_call(c, them, us, call, &peer, ns);
		note_call(c, us, them, peer, &call, ns);
		break;
	case IN_CONNECTED: /* these two name the peer's call id in the place of their own */
	case SET_LINK:
		note_call(c, us, them, call, NULL, ns);
		break;
	case CALL_CLEAR:
	case CALL_GONE:
		end_call(c, them, us, call);
		break;
	default:
		break;
	}
}

/* One message at the cursor, which then stands behind it. False where there is none. */
static bool read_message(struct gs_control *c, const struct gs_packet *p, struct gs_cursor *at)
{
	const uint32_t start = at->off;
	const uint16_t len = gs_get_be16(at), kind = gs_get_be16(at);
	const uint32_t cookie = gs_get_be32(at);
	const uint16_t type = gs_get_be16(at);

	gs_skip(at, 2);
	if (at->short_ || kind != 1 || cookie != COOKIE || type < 1 || type > MESSAGE_LAST || len < HEADER_LEN + 4)
		return false;
	const uint16_t call = gs_get_be16(at), peer = gs_get_be16(at);
	const uint8_t result = type == OUT_REPLY || type == IN_REPLY ? gs_get_u8(at) : 0;
	if (at->short_)
		return false;
	const struct key key = pair_key(p);
	struct entry *e = obtain(c, &key);
	if (e)
		e->last_ns = type == STOP_REQUEST || type == STOP_REPLY ? ENDED : p->ts.ns;
	note_message(c, p, type, call, peer, result);
	gs_skip(at, len - (at->off - start) < len ? len - (at->off - start) : 0);
	return !at->short_;
}

void gs_control_note(struct gs_control *c, const struct gs_packet *p, const struct gs_frame *f)
{
	const uint32_t ends = p->ip_off + p->ip_len, end = ends < f->caplen ? ends : f->caplen;
	struct gs_cursor at = gs_cursor_of(f->data, end, end);

	if (p->control_off + 20 > end)
		return;
	at.off = p->control_off + 12;
	const uint32_t header = (gs_get_u8(&at) >> 4) * 4u;
	if (header < 20 || end - p->control_off < header)
		return;
	at.off = p->control_off + header;
	for (unsigned i = 0; i < MESSAGES_MAX && read_message(c, p, &at); i++)
		;
}

static bool alive(const struct entry *e, int64_t now)
{
	int64_t since;

	if (!e || e->last_ns == ENDED || __builtin_sub_overflow(now, e->last_ns, &since))
		return false;
	return since >= -GS_CONTROL_ALIVE_S * GS_NS_PER_S && since <= GS_CONTROL_ALIVE_S * GS_NS_PER_S;
}

void gs_control_judge(struct gs_control *c, const struct gs_packet *p, struct gs_verdict *v)
{
	if (v->class_ != GS_CLASS_TUNNEL_PPTP || c->now.count + c->before.count == 0)
		return;
	const struct key pair = pair_key(p), call = { .from = p->src, .to = p->dst, .call = (uint16_t)p->gre_key, .is_call = 1 };
	if (!alive(find(c, &pair), p->ts.ns))
		return;
	v->evidence |= GS_EVIDENCE(CONTROL);
	v->confidence = v->confidence > CONFIDENCE_CONTROL ? v->confidence : CONFIDENCE_CONTROL;
	const struct entry *e = p->has & GS_HAS_KEY ? find(c, &call) : NULL;
	if (!e || e->last_ns == ENDED)
		return;
	v->evidence |= GS_EVIDENCE(CONTROL_CALL);
	v->confidence = v->confidence > CONFIDENCE_CALL ? v->confidence : CONFIDENCE_CALL;
}
