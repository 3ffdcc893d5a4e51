/*
 * bots.h - which program made this GRE packet, which process on which kind of machine, and how much that process sent in all
 *
 * Mirai and its descendants fill the random fields of their GRE floods ("greip": GRE with an IPv4 packet, "greeth": GRE with an Ethernet frame)
 * from one generator, xorshift128, in a known order. The generator runs backwards as well as forwards, so one packet tells the generator's state, and
 * the state tells the process: all states lie on one cycle, and packets of one process lie close together on it. All of this is
 * passive arithmetic on received octets. Facts, measured error rates and limits: docs/forensics.md.
 *
 * From packet to process, in the order of use:
 *	gs_bot_input_from_packet   the fields of a decoded packet that matter here (gs_bot_input_from_ipv4: the same from raw octets)
 *	gs_bot_prove               what one packet proves; no state, no allocation
 *	gs_tracker_add             which process sent it; bounded memory
 *	gs_tracker_process         what is known of a process
 *	gs_bot_seed_run            how the process was seeded: off the capture path, as long as one likes
 *
 * "Proven" means: made by a program that uses this generator in this order. A program that copies it exactly passes too.
 */
#ifndef GRESCOPE_BOTS_H
#define GRESCOPE_BOTS_H

#include "grescope/error.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/types.h"

/* ---- the generator ---- */

/* The generator's last four draws, oldest first, as numbers in the bot's own byte order; the next draw depends on them alone. Never all zero. */
struct gs_bot_state {
	uint32_t w[4];
};

/* The bot's processor: the order in which it stores a 32-bit number. The numbers are those of gs_sighting.byte_order. */
enum gs_bot_order { GS_BOT_ORDER_UNKNOWN = 0, GS_BOT_LITTLE = 1, GS_BOT_BIG = 2 };

/* The state `draws` draws later (negative: earlier), one step of 1 to 2 ns after the other. */
struct gs_bot_state gs_bot_state_step(struct gs_bot_state s, int64_t draws);

/*
 * Where a state lies on the cycle of all 2^128-1 states: the number of draws from the state {1,0,0,0} to it, modulo GS_BOT_POSITIONS, a number of 83
 * bits (hi holds the upper 19). States and positions are those of a byte order: compare only positions of the same one.
 */
struct gs_bot_position {
	uint64_t hi, lo;
};

/* Arithmetic tables of about GS_BOT_TABLES_BYTES octets, made in some milliseconds. Read-only afterwards: may be shared by threads. */
struct gs_bot_tables;
#define GS_BOT_TABLES_BYTES (3u << 19)

/* The caller's, to be freed with gs_bot_tables_free. GS_ERR_NOMEM. */
int gs_bot_tables_new(struct gs_bot_tables **ret, struct gs_error *err);
void gs_bot_tables_free(struct gs_bot_tables *t); /* NULL is fine */

/* The state `draws` draws later (negative: earlier), whatever the distance; about a microsecond. */
struct gs_bot_state gs_bot_state_jump(const struct gs_bot_tables *t, struct gs_bot_state s, int64_t draws);

/* Position of a state: 5 to 50 microseconds. The state must not be all zero. */
struct gs_bot_position gs_bot_position(const struct gs_bot_tables *t, const struct gs_bot_state *s);

/* Draws from a to b, the shorter way round. False where that is 2^62 or more: then *ret is untouched. Two states that have nothing to do with each other
 * are closer than 2^45 once in 2^37. */
bool gs_bot_distance(struct gs_bot_position a, struct gs_bot_position b, int64_t *ret);

/* ---- one packet ---- */

enum gs_bot_flood { GS_BOT_NO_FLOOD = 0, GS_BOT_GREIP = 1, GS_BOT_GREETH = 2 };

enum gs_bot_input_flag {
	GS_BOT_IN_DF = 1u << 0,        /* don't fragment, outer header */
	GS_BOT_IN_INNER_DF = 1u << 1,
	GS_BOT_IN_FRAGMENT = 1u << 2,  /* first fragment: ip_len says less than was sent */
	GS_BOT_IN_QUOTED = 1u << 3,    /* quoted by an ICMP error: ttl is what was left at the quoting router */
	GS_BOT_IN_UDP = 1u << 4,       /* udp_len and udp_sum were captured */
};

/* What is needed of a packet. Numbers as the network writes them (most significant octet first). `data` is BORROWED: dead with the frame. */
struct gs_bot_input {
	const uint8_t *data;     /* UDP payload */
	uint32_t data_len;       /* captured octets of it */
	uint32_t data_wire_len;  /* octets of it that were sent */
	uint32_t ip_len;         /* outer total length */
	uint32_t src, dst, inner_src, inner_dst;
	uint16_t id, inner_id;
	uint16_t inner_len;      /* inner total length */
	uint16_t sport, dport, udp_len, udp_sum;
	uint8_t flood;           /* enum gs_bot_flood */
	uint8_t flags;           /* enum gs_bot_input_flag */
	uint8_t ttl, inner_ttl, tos, inner_tos;
	uint8_t macs[12];        /* greeth: inner destination and source address as sent */
};

/* Fills *ret from a decoded packet and the frame it came from. False (and *ret untouched) where it cannot be one of the two floods: not IPv4, GRE with any
 * flag set, another protocol type, inner IPv4 with options or not UDP, a fragment of the inner packet, or cut before the inner ports. */
bool gs_bot_input_from_packet(const struct gs_packet *p, const struct gs_frame *f, struct gs_bot_input *ret);

/* The same from the octets of an IPv4 packet, first octet of the outer header first; caplen octets of it were captured. */
bool gs_bot_input_from_ipv4(const uint8_t *ip, size_t caplen, struct gs_bot_input *ret);

/* X(name, word): how far a packet proves the generator */
#define GS_BOT_LEVEL_MAP(X)                                                                                                      \
	X(NONE, "none")     /* does not look like it */                                                                          \
	X(SHAPE, "shape")   /* lengths, TTL, TOS and DF as the bot writes them; so do many honest tunnels */                     \
	X(ID, "id")         /* and the two identification fields are related as in the bot: by chance once in 32768 */           \
	X(LIKELY, "likely") /* at least 31 bits of evidence, 16 of them the generator's */                                       \
	X(PROVEN, "proven") /* at least GS_BOT_PROOF_BITS bits of evidence */

enum gs_bot_level {
#define X(name, word) GS_BOT_LEVEL_##name,
	GS_BOT_LEVEL_MAP(X)
#undef X
	GS_BOT_LEVEL_COUNT,
};

#define GS_BOT_PROOF_BITS 48

const char *gs_bot_level_word(unsigned level); /* never NULL; "?" for a number that is no level */

/* Fields that the bot draws per packet, in the order in which it draws them; bits of gs_bot_proof.drawn. */
enum gs_bot_draw {
	GS_BOT_DREW_SRC = 1u << 0,     /* outer source: spoofed */
	GS_BOT_DREW_ID = 1u << 1,
	GS_BOT_DREW_SPORT = 1u << 2,
	GS_BOT_DREW_DPORT = 1u << 3,
	GS_BOT_DREW_DST = 1u << 4,     /* inner destination; where clear the operator made it the outer one */
	GS_BOT_DREW_MACS = 1u << 5,    /* greeth: three draws */
	GS_BOT_DREW_DATA = 1u << 6,
};

/* What spoke for or against; bits of gs_bot_proof.facts. */
enum gs_bot_fact {
	GS_BOT_FACT_SHAPE = 1u << 0,      /* as level SHAPE demands */
	GS_BOT_FACT_ID = 1u << 1,         /* outer + inner identification = 999 in one byte order */
	GS_BOT_FACT_ID_FIXED = 1u << 2,   /* outer + inner identification = 0xffff: the operator chose it */
	GS_BOT_FACT_RECURRENCE = 1u << 3, /* words follow the generator's recurrence */
	GS_BOT_FACT_HEADER = 1u << 4,     /* header fields are the draws before them */
	GS_BOT_FACT_DEFAULT_LEN = 1u << 5, /* 512 octets of data, or none */
	GS_BOT_FACT_ZERO_DATA = 1u << 6,  /* all data captured is zero: the operator switched random data off */
	GS_BOT_FACT_DATA_UNSEEN = 1u << 7, /* data were sent, none captured: draws assumes that they were drawn */
	GS_BOT_FACT_OFFSET = 1u << 8,     /* the generator's words start data_offset octets into the data: an unknown variant */
	GS_BOT_FACT_HEADER_UNKNOWN = 1u << 9, /* generator proven, but the header fields are not its draws: an unknown variant */
	GS_BOT_FACT_QUOTED = 1u << 10,
	GS_BOT_FACT_BROKEN = 1u << 11,    /* full: the words stop following the generator before the data end */
	GS_BOT_FACT_SUM_GOOD = 1u << 12,  /* full, all captured: UDP checksum right */
	GS_BOT_FACT_SUM_QUIRK = 1u << 13, /* full: wrong in the way that big-endian bots get it wrong for an odd length */
	GS_BOT_FACT_SUM_BAD = 1u << 14,
};

/* What one packet proves. A value; no pointers. */
struct gs_bot_proof {
	uint8_t level;         /* enum gs_bot_level */
	uint8_t flood;         /* enum gs_bot_flood; GS_BOT_NO_FLOOD at level NONE */
	uint8_t byte_order;    /* enum gs_bot_order; known from level ID on, unless the operator fixed the identification */
	uint8_t drawn;         /* enum gs_bot_draw; from level LIKELY on */
	uint16_t facts;        /* enum gs_bot_fact */
	uint16_t bits;         /* evidence: bits that agree and would not by chance */
	uint16_t draws;        /* draws per packet, the target's host part not counted (see prefixes); 0: unknown */
	int16_t hops;          /* inner minus outer TTL: routers passed, to us or to the router that quotes it */
	uint8_t data_offset;
	bool has_state;        /* before, host_draw and prefixes are valid */
	bool has_after;        /* after is valid: GS_BOT_FULL was asked for, and draws is known */
	struct gs_bot_state before; /* before this packet's first draw (that of the host part not counted) */
	struct gs_bot_state after;
	/* Where the target is a prefix, its host part is drawn first: address = base + (host_draw >> length). One packet cannot say whether it was: bit m of
	 * prefixes is set where the outer destination minus (host_draw >> m) ends in 32-m zeros, m from 1 to 31. The tracker settles it. */
	uint32_t host_draw;
	uint32_t prefixes;
};

enum gs_bot_prove_flag {
	/* No search for a proof: the caller has had one in vain, and wants shape and identification again. The same result as without this flag where that falls short of LIKELY. */
	GS_BOT_UNPROVEN = 1u << 1,
	GS_BOT_FULL = 1u << 0, /* hold every captured word and the UDP checksum against the generator, and give the state after the packet */
};

/*
 * What a packet proves. Some 5 ns where the lengths do not fit, 25 to 200 ns for an unproven one of the shape, 100 to 200 ns for a proven one, 0.7 us with GS_BOT_FULL.
 * Never fails. *ret is wholly overwritten. Source: docs/forensics.md, "One packet".
 */
void gs_bot_prove(const struct gs_bot_input *in, unsigned flags, struct gs_bot_proof *ret);

/* The evidence of a proof as GS_EVIDENCE(...) bits of verdict.h. */
uint64_t gs_bot_evidence(const struct gs_bot_proof *p);

/* ---- packets that say too little alone ---- */

/* State from two or more packets of one attack on one target, none of which carries a state (no data, zeros, data cut off). */
struct gs_bot_link {
	struct gs_bot_state before; /* of the first packet */
	uint32_t distance;     /* draws from one of the packets to the next */
	uint32_t gap;          /* packets from one to the next, 1 the very next; 0: distance is no multiple of draws (some targets are prefixes, others not) */
	uint16_t draws;        /* per packet, a drawn host part included */
	uint16_t check_bits;   /* equations left over that held; by chance once in 2^check_bits, for each gap tried */
	uint16_t tries;        /* binary logarithm of the number of gaps and layouts tried, rounded up */
	uint8_t drawn;         /* enum gs_bot_draw */
	uint8_t byte_order;
	bool host_drawn;       /* a host part is drawn with every packet */
};

/* Prepared equations: one table for each layout of draws that was met, at most max_tables of GS_BOT_LINK_TABLE_BYTES each, oldest dropped. One thread. */
struct gs_bot_linker;
#define GS_BOT_LINK_TABLE_BYTES (3u << 20)
#define GS_BOT_LINK_MAX_GAP 4096u   /* packets, two of them given; where only some targets are prefixes, draws */
#define GS_BOT_LINK_MAX_EQUAL 255u  /* packets, more than two given: gaps must be equal */
#define GS_BOT_LINK_MAX 12u         /* packets at a time */

int gs_bot_linker_new(const struct gs_bot_tables *t, unsigned max_tables, struct gs_bot_linker **ret, struct gs_error *err);
void gs_bot_linker_free(struct gs_bot_linker *l); /* NULL is fine */

/*
 * Tries to link n packets (2 to GS_BOT_LINK_MAX, in the order sent). Two packets: any gap up to max_gap. More, where the operator fixed fields and two leave no
 * equation to check: equal gaps. Which fields are fixed is read off from what is equal in all of them. False: no gap fits, or the packets given leave too few
 * equations; *ret is untouched. 0.02 to 0.5 ms; the first time for a layout up to 0.2 s more.
 */
bool gs_bot_link(struct gs_bot_linker *l, const struct gs_bot_input *in, unsigned n, unsigned max_gap, struct gs_bot_link *ret);

/* ---- the seed ---- */

/*
 * Backward search for the seed that the published code leaves: x = start of the process in unix time by the device's clock, y = pid xor parent pid, z = CPU clock,
 * w = y ^ z. A value: start with gs_bot_seed_start, call gs_bot_seed_run in portions, keep it, resume it, in any thread.
 * "Not found" is a normal answer: not every descendant seeds that way.
 */
enum gs_bot_seed_status { GS_BOT_SEED_SEARCHING = 0, GS_BOT_SEED_FOUND, GS_BOT_SEED_NOT_FOUND };

#define GS_BOT_NAME_MAX 33

struct gs_bot_seed {
	struct gs_bot_state from;  /* where the search began */
	struct gs_bot_state at;    /* where it stands */
	uint64_t steps;            /* draws between the two */
	uint64_t budget;           /* give up after this many */
	uint64_t after_start;      /* give up this many draws before the attack's start, where that was found */
	uint32_t inner_src;        /* as a draw; the word that marks the attack's start */
	uint32_t fit_step;         /* draws between packets of one target; 0 unknown: then any place of inner_src is taken */
	uint16_t fit_draws, fit_targets; /* draws per packet, number of targets; with fit_step */
	uint8_t status;            /* enum gs_bot_seed_status */
	bool fit_host;             /* a host part is drawn too */
	bool has_start;            /* the draw of the inner source was found, start draws before `from` */
	uint64_t start;
	/* where found */
	uint32_t x, y, z;
	uint16_t bits;             /* evidence: by chance once in 2^bits for a search as long as this one */
	char argv0[GS_BOT_NAME_MAX], comm[GS_BOT_NAME_MAX]; /* the process names it implies: a hint only, some descendants make them otherwise */
};

/* Bounds of a plausible seed; outside of them w = y ^ z is taken for chance. */
#define GS_BOT_SEED_MAX_X 0x7fffffffu
#define GS_BOT_SEED_MAX_Y 0x3fffffu
#define GS_BOT_SEED_MAX_Z 0x3fffffffu
#define GS_BOT_SEED_AFTER_START (UINT64_C(1) << 24)

/* A search from a state, for at most budget draws. inner_src (a draw: a number in the bot's byte order) may be 0 for unknown. */
void gs_bot_seed_start(struct gs_bot_seed *job, const struct gs_bot_state *from, uint32_t inner_src, uint64_t budget);

/* At most `steps` draws more, 2 to 3 ns each. Returns the status. */
enum gs_bot_seed_status gs_bot_seed_run(struct gs_bot_seed *job, uint64_t steps);

/* The two process names that a seed implies; source: gre-threats, section 5 (lengths), the published rand.c (alphabet). comm is what the kernel keeps: 15 characters. */
void gs_bot_seed_names(uint32_t x, uint32_t y, uint32_t z, char argv0[GS_BOT_NAME_MAX], char comm[GS_BOT_NAME_MAX]);

/* ---- processes ---- */

/* Caps. All memory is bounded by them; gs_tracker_bytes says what they come to. Zero for a member takes the default. */
struct gs_tracker_limits {
	uint32_t processes;       /* default 65536 */
	uint32_t streams;         /* one per process, attack and target seen; default 131072 */
	uint32_t groups;          /* attacks whose packets say too little alone, waiting for a link; default 4096 */
	uint32_t source_counters; /* processes with more than GS_BOT_SRC_SAMPLE sources whose number is estimated, 4 KiB each; default 1024 */
	uint32_t link_tables;     /* default 12 */
	uint32_t searches_per_s;  /* positions and links looked for per second of packet time (some 10 us each), so that forged states cannot stall capture;
	                             default 20000, UINT32_MAX: no limit, for files */
	uint64_t hash_seed;
};

size_t gs_tracker_bytes(const struct gs_tracker_limits *limits);

/* What became of the packets given to gs_tracker_add: given = ignored + assigned + pending + unlinked + refused + skipped. */
struct gs_tracker_tally {
	uint64_t given;
	uint64_t ignored;    /* below level ID */
	uint64_t assigned;
	uint64_t pending;    /* waiting for another packet of their attack */
	uint64_t unlinked;   /* waited, and left the waiting room without one */
	uint64_t refused;    /* a new process, and the cap was reached */
	uint64_t skipped;    /* would have been a search over searches_per_s */
	uint64_t untracked;  /* of those assigned: counted for their process, but for want of streams not for its attacks */
	uint64_t searches;   /* positions computed */
	uint64_t links;      /* links tried */
};

enum { GS_TRACK_IGNORED = -1, GS_TRACK_PENDING = -2, GS_TRACK_REFUSED = -3, GS_TRACK_SKIPPED = -4 };

struct gs_tracker;

/* Tables are lent and must outlive the tracker. The caller's, to be freed with gs_tracker_free. */
int gs_tracker_new(const struct gs_tracker_limits *limits, const struct gs_bot_tables *tables, struct gs_tracker **ret, struct gs_error *err);
void gs_tracker_free(struct gs_tracker *t); /* NULL is fine */

/*
 * Assigns a packet to a process; the outer source address has no say. Result: the process's number (from 0 in order of discovery, stable), or a negative
 * GS_TRACK_... Pending packets are added to their process when it becomes known. Some 100 ns for a packet of a known attack;
 * no allocation unless a table has to grow within its cap.
 */
int32_t gs_tracker_add(struct gs_tracker *t, const struct gs_bot_input *in, const struct gs_bot_proof *proof, struct gs_time ts);

uint32_t gs_tracker_count(const struct gs_tracker *t);
struct gs_tracker_tally gs_tracker_tally(const struct gs_tracker *t);

#define GS_BOT_SRC_SAMPLE 8
#define GS_BOT_HOPS_MAX 8

struct gs_bot_process {
	uint32_t number;
	uint8_t bot_kind;          /* enum gs_bot_kind: seed where it was found, else position */
	uint8_t byte_order;
	uint8_t class_;            /* enum gs_class of most of its packets */
	uint16_t evidence;         /* bits, of its best packet or link */
	uint64_t bot_hi, bot_lo;   /* the identifier, as in gs_sighting: seed x, then y and z; or position */
	uint64_t pos_hi, pos_lo;   /* the position identifier, also where the seed is known */
	uint64_t packets_seen;
	uint64_t packets_sent;     /* to all its targets, from each attack's start where that is known, else its first packet seen, to its last packet seen */
	uint32_t targets;          /* of its largest attack; 0: unknown (one packet, or an unknown variant) */
	bool targets_sure;         /* eight distances or the attack's start agree, and no other number fits; else mostly an upper bound */
	uint32_t attacks;
	double loss;               /* share of the packets sent to the targets we stand for that we did not see (sampling included); -1: unknown */
	double rate_pps;           /* true send rate to all targets while attacking; -1: unknown */
	uint64_t duplicates;       /* packets seen again */
	uint64_t quoted;           /* packets that only an ICMP error showed */
	int16_t hops;              /* most frequent; -1: unknown */
	unsigned n_hops;
	struct { int16_t hops; uint64_t packets; } hop[GS_BOT_HOPS_MAX]; /* the most frequent first; a ninth value and further are not kept */
	uint64_t src_ips;          /* outer source addresses */
	bool src_ips_exact;        /* else estimated, or (no counter left) at least this many */
	unsigned n_src;
	struct gs_addr src[GS_BOT_SRC_SAMPLE]; /* the first ones met; src[0] is the first of all */
	struct gs_time first_seen, last_seen;
	bool seed_found;
	uint64_t seed_steps;       /* searched so far */
	uint32_t seed_x, seed_y, seed_z;
	char argv0[GS_BOT_NAME_MAX], comm[GS_BOT_NAME_MAX];
};

/* What is known of process `number` now. False where there is none. Costs time in proportion to its attacks. */
bool gs_tracker_process(struct gs_tracker *t, uint32_t number, struct gs_bot_process *ret);

struct gs_bot_attack {
	uint8_t flood;             /* enum gs_bot_flood */
	uint8_t drawn;             /* enum gs_bot_draw: what is clear the operator fixed */
	bool host_drawn;           /* a target is a prefix */
	bool has_start;            /* rounds counts from the attack's first round */
	uint16_t draws;            /* per packet, host part not counted; 0 unknown */
	uint32_t data_len;         /* octets of UDP data per packet */
	uint32_t targets;          /* as in gs_bot_process */
	bool targets_sure;
	uint32_t targets_seen;     /* different inner sources, one per target */
	uint64_t rounds;           /* packets to each target */
	uint64_t round;            /* draws from one round to the next; 0 unknown */
	struct gs_bot_position begin, end; /* what packets_sent counts: from the attack's start or else its earliest packet seen, to its last packet seen */
	uint64_t packets_seen, packets_sent;
	double loss;
	struct gs_time first_seen, last_seen;
	struct gs_addr dst;        /* of the first packet seen */
	struct gs_addr inner_src;  /* of the first packet seen */
};

/* The attacks of a process, up to max of them, in order of their first packet. Result: how many there are. */
unsigned gs_tracker_attacks(struct gs_tracker *t, uint32_t number, struct gs_bot_attack *ret, unsigned max);

/* A seed search for a process, from its earliest packet on; false where it has no state. Run it anywhere, then give the result back. */
bool gs_tracker_seed_job(struct gs_tracker *t, uint32_t number, uint64_t budget, struct gs_bot_seed *ret);
void gs_tracker_seed_result(struct gs_tracker *t, uint32_t number, const struct gs_bot_seed *job);

#endif
