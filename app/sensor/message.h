/*
 * message.h - what the processes of the sensor say to each other
 *
 * Over SOCK_SEQPACKET socket pairs: one message, one packet; a message is a head and a body of one fixed struct, or of a counted list of them. Everything is
 * plain old data without pointers, written and read by the same program file (the processes are forked, not executed), so the layout is the compiler's; the version
 * is there all the same, and every receiver checks type, length and fields (message_check) before it uses one: an engine that was taken over can lie about what it saw, and
 * nothing else.
 *
 *	parent -> all      PEER (a descriptor), STOP, RELOAD, OPENED (a descriptor); to the writer LIMITS, to an engine HOLD (a descriptor)
 *	all -> parent      READY, NOTICE, OPEN; engine STATUS, before READY HOLD (a descriptor), writer STORE, teller ACK (once a second: also the sign of life)
 *	engine -> writer   SIGHTINGS, BALANCE, BOTS, EPOCH, ROUND, END: the stream. seq counts its messages from 1 on
 *	writer -> engine   HELLO (seq: the last message that it took of this engine's number), PREPARE, ACK, EPOCH (end it, please); to the engine of logs PLACES
 *	engine -> teller   SIGHTINGS (a copy, as far as the teller keeps up), STATUS, PULSE
 *	writer -> teller   STORE
 *	parent -> teller   NOTICE (a copy of every one)
 *
 * Exactly once: the engine keeps the stream until it is acknowledged and gives it again to the next writer when one dies. Before a commit the writer says PREPARE with the
 * stream's seq and a mark that the commit itself carries; the next writer says HELLO with the mark that it found in the store, and so the engine knows
 * whether what was prepared is in it.
 *
 * Of followed logs also when the engine dies: what it sent since its last ROUND is left out, and the places that came with that one are committed with the rows before it. The next
 * engine is told them (PLACES) and reads on from there.
 */
#ifndef SENSOR_MESSAGE_H
#define SENSOR_MESSAGE_H

#include "config.h"
#include "grescope/bots.h"
#include "grescope/sighting.h"
#include "grescope/tally.h"
#include "source/xdp.h"
#include "store/store.h"

#define MESSAGE_VERSION 1
#define MESSAGE_SIGHTINGS 256        /* at most, in one */
#define MESSAGE_BOTS 8
#define MESSAGE_MAX (56u << 10)      /* octets, head included: 256 sightings are 48 KiB */
#define MESSAGE_OCTETS (48u << 10)
#define MESSAGE_TEXT 600
#define SENSOR_INTERFACE_MAX 64
#define SENSOR_ENGINES_MAX 64

/* X(NAME, body: the struct, list: the body is a list of up to so many; 0: exactly one) */
#define MESSAGE_MAP(X)                                                                                                           \
	X(PEER, struct message_peer, 0)                                                                                          \
	X(STOP, struct message_nothing, 0)                                                                                       \
	X(RELOAD, struct message_nothing, 0)                                                                                     \
	X(READY, struct message_nothing, 0)                                                                                      \
	X(NOTICE, struct message_notice, 0)                                                                                      \
	X(OPEN, struct message_open, 0)                                                                                          \
	X(OPENED, struct message_opened, 0)                                                                                      \
	X(SIGHTINGS, struct gs_sighting, MESSAGE_SIGHTINGS)                                                                      \
	X(BALANCE, struct message_balance, 0)                                                                                    \
	X(BOTS, struct gs_store_bot, MESSAGE_BOTS)                                                                               \
	X(EPOCH, struct message_epoch, 0)                                                                                        \
	X(ROUND, struct message_places, 0)                                                                                       \
	X(END, struct message_nothing, 0)                                                                                        \
	X(HELLO, struct message_mark, 0)                                                                                         \
	X(PREPARE, struct message_mark, 0)                                                                                       \
	X(ACK, struct message_nothing, 0)                                                                                        \
	X(PLACES, struct message_places, 0)                                                                                      \
	X(STATUS, struct message_status, 0)                                                                                      \
	X(STORE, struct message_store, 0)                                                                                        \
	X(PULSE, uint8_t, MESSAGE_OCTETS)                                                                                        \
	X(LIMITS, struct message_limits, 0)                                                                                      \
	X(HOLD, struct message_hold, 0)

enum message_type {
#define X(name, body, list) MESSAGE_##name##_,
	MESSAGE_MAP(X)
#undef X
	MESSAGE_TYPES,
};

enum sensor_role { ROLE_PARENT, ROLE_ENGINE, ROLE_WRITER, ROLE_TELLER, ROLES };

struct message_nothing {
	uint64_t zero;
};

/* The descriptor that comes along leads to that process. */
struct message_peer {
	uint32_t role;   /* enum sensor_role */
	uint32_t number; /* of the engine */
};

enum notice_level { NOTICE_INFO, NOTICE_WARNING, NOTICE_TROUBLE, NOTICE_FATAL, NOTICE_LEVELS };

/* FATAL: the process ends after it and is not to be started again as it is: `code` is the exit code of the program. */
struct message_notice {
	uint8_t level;
	uint8_t role;
	uint16_t number;
	uint32_t code;
	char key[32];            /* the same trouble has the same key: "interface.gone", "store.full" */
	char text[MESSAGE_TEXT]; /* a sentence without a full stop, UTF-8 without control characters */
};

/* The next evidence file, please. The answer has the descriptor, or none and why. */
struct message_open {
	int64_t time_ns; /* of its first packet */
};
struct message_opened {
	char name[256];
	char trouble[MESSAGE_TEXT];
};

/*
 * The descriptor that comes along outlives the engine (held.h): a part of the fast path, enum gs_xdp_part, or HELD_HANDED (handed.h). Without a descriptor: let go of all of them.
 */
#define HELD_HANDED GS_XDP_PARTS
#define HELD_PARTS (GS_XDP_PARTS + 1)
struct message_hold {
	uint32_t part;
	uint32_t zero;
};

/* What was added to the balance since the last one; open_packets: of all that was counted as in sightings, those that are still in windows. */
struct message_balance {
	struct gs_tally added;
	uint64_t open_packets;
};

/* The processes that were told so far are all of this epoch, with this rest; end: the epoch is over, what follows is another tracker's. */
struct message_epoch {
	struct gs_store_bots_rest rest;
	uint32_t end;
	uint32_t zero;
};

/* Where reading of the followed logs got to, by their number in the configuration. As ROUND: all that was read before is in the messages before. */
struct message_places {
	uint64_t known; /* a bit for each that has one */
	struct gs_bookmark at[CONFIG_LIST_MAX];
};
_Static_assert(CONFIG_LIST_MAX <= 64, "a bit for each");

/* How the store stands with a commit: its id, the rows it ever had, the packets that its newest live input counted. No two commits of a writer that took anything
 * have the same. */
struct message_mark {
	uint64_t store, rows, packets;
};

/* What a running writer is to keep to from now on. */
struct message_limits {
	uint64_t retention_age_s, retention_bytes;
};

enum sensor_link { LINK_UP, LINK_DOWN, LINK_GONE, LINKS };

/* How an engine is; tally: since it started. Where a number is not known it is 0. */
struct message_status {
	uint32_t engine;
	uint8_t link;             /* enum sensor_link */
	uint8_t logs;             /* 1: the engine of logs, which has no interface */
	uint8_t zero[2];
	char source[SENSOR_INTERFACE_MAX]; /* interface */
	struct gs_tally tally;
	uint64_t open_packets;
	uint64_t queue_bytes, queue_cap_bytes; /* of the stream, not acknowledged yet */
	uint64_t rows_sent, rows_acked;
	uint64_t memory_bytes;    /* the sighting table's peak */
	uint64_t processes;       /* bots known in this epoch */
	uint64_t clock_steps;     /* noticed */
	uint64_t teller_missed;   /* sightings that the teller was too slow for */
	uint64_t log_lines;       /* read from followed files */
	uint64_t syslog_messages, syslog_lost, syslog_cut, syslog_refused; /* taken; datagrams without room; ends in midst of one; connections refused or closed */
	int64_t time_ns;          /* wall clock */
};

struct message_store {
	uint64_t rows, packets;   /* committed since the sensor's writer started */
	uint64_t file_bytes, disk_free_bytes;
	uint64_t commit_us;       /* how long the last commit took */
	uint64_t sightings;       /* in the store, of all time */
	uint64_t rejected;        /* rows that no engine can have meant */
	uint64_t databases_age_s; /* of the oldest network or place database in use; 0: none in use */
	int64_t committed_ns;     /* wall clock of the last commit */
	uint32_t full, zero;      /* disk or quota is full */
};

/* The body of PULSE is one struct gs_pulse_second (src/observe/pulse.h), of engine head.seq; here it is octets, and the teller checks it. */

struct message_head {
	uint16_t version, type;
	uint32_t len; /* of the body */
	uint64_t seq;
};

struct message {
	struct message_head head;
	int fd;       /* that came along, the receiver's; -1: none */
	union {
		uint8_t bytes[MESSAGE_MAX - sizeof(struct message_head)];
		struct message_peer peer;
		struct message_notice notice;
		struct message_open open;
		struct message_opened opened;
		struct gs_sighting sightings[MESSAGE_SIGHTINGS];
		struct message_balance balance;
		struct gs_store_bot bots[MESSAGE_BOTS];
		struct message_epoch epoch;
		struct message_mark mark;
		struct message_places places;
		struct message_status status;
		struct message_store store;
		struct message_limits limits;
		struct message_hold hold;
	} body;
};

/* How many items the body holds: 1 where it is no list. */
size_t message_count(const struct message *m);

/* A pair of ends, non-blocking and close-on-exec. 0 or negative with a sentence. */
int message_pair(int ret_fd[2], struct gs_error *err);

enum message_result {
	MESSAGE_DONE = 1,
	MESSAGE_LATER = 0, /* would wait: nothing was sent, or nothing is there */
	MESSAGE_OVER = -1, /* the other side is gone */
	MESSAGE_BAD = -2,  /* what came is no message: the other side is broken or worse, and to be left */
};

/* Sends one; pass: a descriptor that goes along, -1 for none; it stays the sender's too. */
int message_send(int fd, unsigned type, uint64_t seq, const void *body, size_t len, int pass);

/* Receives and checks one. *m is large: keep one per process. */
int message_receive(int fd, struct message *m);

/* Whether all of it is as a sane sender would make it. `now`: wall clock, no sighting is of a day after it. On false *why (may be NULL) is a sentence. */
bool message_check(const struct message *m, struct gs_time now, const char **why);
bool sighting_check(const struct gs_sighting *s, struct gs_time now, const char **why);

#endif
