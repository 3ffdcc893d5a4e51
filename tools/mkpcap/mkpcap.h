/*
 * mkpcap.h - what the parts of the capture maker share; mkpcap.c says what it is and what its language looks like
 *
 * The way of a line: text.c (tokens, values) -> packet.c (layers, fields) -> layer_*.c (octets, from the innermost layer outwards)
 * -> file.c (capture format). scene.c writes packets into the same door, drawn by a seeded generator.
 *
 * Every function that can fail returns 0 or a negative gs_err, with the sentence in mk->err.
 */
#ifndef MKPCAP_H
#define MKPCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "grescope/error.h"
#include "grescope/types.h"

#define MK_MAX_LAYERS 64
#define MK_MAX_FIELDS 18
#define MK_MAX_FRAME 262144u         /* octets of a frame; also the largest snap length that libpcap accepts for most link types */
#define MK_MAX_OUTPUT (1u << 30)     /* octets of a capture */

/* text.c */

struct mk_token {
	const char *text;
	unsigned line;
	bool quoted;      /* "...": never a keyword, separator or variable */
};

struct mk_statement {
	const struct mk_token *tokens;
	unsigned n;
};

/* A reading position in a statement. */
struct mk_words {
	const struct mk_token *t;
	unsigned n, i;
};

struct mk;

/* Cuts a description into statements; all memory is the arena's. */
int mk_text_split(struct mk *mk, const char *data, size_t len, struct mk_statement **ret, unsigned *ret_n);

/* Fails with PATH:LINE: and the sentence. */
int mk_fail_at(struct mk *mk, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Fails with PATH:LINE: expected ..., found the word at w. */
int mk_expected(struct mk *mk, const struct mk_words *w, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool mk_words_end(const struct mk_words *w);
/* Takes the next word if it is this one. */
bool mk_words_take(struct mk_words *w, const char *word);
/* Takes the next word if it is name=VALUE or name VALUE; *ret_value is VALUE. */
bool mk_words_option(struct mk_words *w, const char *name, const char **ret_value);

/* Each reads the whole text and says whether it was one. */
bool mk_number(const char *text, uint64_t max, uint64_t *ret);
bool mk_number_step(const char *text, uint64_t max, uint64_t *ret, uint64_t *ret_step); /* 7 or 7+1 */
bool mk_duration(const char *text, int64_t *ret_ns);                                   /* 10s, 250ms, 3d */
bool mk_mac(const char *text, uint8_t ret[6]);
/* Appends one item of octets: hex digits, or an IPv4 or IPv6 address; commas join items. */
bool mk_octets(const char *text, struct gs_buf *to);
/* The same for a word that may be "text". */
bool mk_octets_word(const struct mk_token *word, struct gs_buf *to);

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014): splitmix64. */
static inline uint64_t mk_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 to n - 1; n > 0. The bias of the remainder does not matter here. */
static inline uint64_t mk_random_below(uint64_t *state, uint64_t n)
{
	return mk_random(state) % n;
}

/* layers */

enum mk_field_kind {
	MK_NUMBER,   /* up to `bits` bits, with a step */
	MK_FLAG,     /* the name alone */
	MK_MAYBE,    /* the name alone (then it is computed) or name=NUMBER */
	MK_ADDR4,
	MK_ADDR6,
	MK_MAC,
	MK_HEX,      /* octets */
	MK_TCPFLAGS, /* letters of FSRPAUECN, or a number */
};

struct mk_field {
	const char *name;
	uint8_t kind, bits;
	const char *help;
};

struct mk_value {
	bool set;
	bool given;            /* with a value: always, but for MK_FLAG and a bare MK_MAYBE */
	uint64_t number, step;
	const uint8_t *octets; /* MK_ADDR4, MK_ADDR6, MK_MAC, MK_HEX */
	uint32_t len;
};

struct mk_layer_kind {
	const char *name, *help;
	const struct mk_field *fields;
	uint8_t n_fields;
	uint8_t n_positional, n_required; /* the first fields, written without their names */
	bool arrow;         /* the first two positional fields are joined by > */
	bool rest;          /* the first field takes all words up to the next / or ; */
	bool transparent;   /* not seen by the layer before it, which takes its type from what follows */
	bool last;          /* nothing can follow */
	int32_t ethertype, ip_proto, ppp_proto; /* its number for the layer before it, -1 where there is none */
	uint8_t ethertype_field; /* 1 + the field that holds the EtherType, where the user may choose it (tpid); 0 for none */
	/* Where the layer can fragment: octets of payload in a piece, 0 for no fragments; which piece alone, 0 for all. */
	int (*piece)(struct mk *mk, unsigned i, size_t *ret_octets, uint64_t *ret_only);
	/* Writes the layer before what mk->start..mk->end holds. */
	int (*encode)(struct mk *mk, unsigned i);
};

struct mk_layer {
	const struct mk_layer_kind *kind;
	unsigned line;
	struct mk_value v[MK_MAX_FIELDS];
};

extern const struct mk_layer_kind mk_link_layers[], mk_ip_layers[], mk_gre_layers[], mk_inner_layers[]; /* end with name NULL */

/* A layer kind by name, or NULL. */
const struct mk_layer_kind *mk_layer_find(const char *name);
/* All layers and their fields, as --layers prints them. */
void mk_layers_list(struct gs_buf *to);

/* packet.c */

struct mk_frame_options {
	bool cut_set, wire_set;
	uint64_t cut, wire;
	uint32_t interface;     /* pcapng */
	uint8_t block;          /* enum mk_block */
	const char *comment;    /* pcapng, NULL for none */
};

enum mk_block { MK_BLOCK_ENHANCED, MK_BLOCK_SIMPLE, MK_BLOCK_OBSOLETE };

struct mk_frame {
	struct gs_time ts;
	bool raw_time;
	uint32_t raw_high, raw_low; /* with raw_time: the two words of the time stamp as they stand in the file */
	const uint8_t *data;
	uint32_t caplen, wirelen;
	struct mk_frame_options options;
};

/* Reads a packet statement: layers and frame options into mk->layers and mk->options. */
int mk_packet_parse(struct mk *mk, struct mk_words *w);
/* Makes the frame (or fragments) of repetition n at mk->now and hands them to the file. */
int mk_packet_emit(struct mk *mk, uint64_t n);

/* The field's value, or fallback where it is not set. */
uint64_t mk_get(const struct mk *mk, const struct mk_layer *l, unsigned field, uint64_t fallback);
static inline bool mk_is(const struct mk_layer *l, unsigned field)
{
	return l->v[field].set;
}

/* Room for n zeroed octets before what is there; NULL, with the error, where the frame would get too large. */
uint8_t *mk_push(struct mk *mk, size_t n);
/* The same behind what is there. */
uint8_t *mk_append(struct mk *mk, size_t n);
size_t mk_payload_len(const struct mk *mk);

/* The next layer that is not transparent, or NULL. */
const struct mk_layer *mk_next(const struct mk *mk, unsigned i);

enum mk_space { MK_ETHERTYPE, MK_IP_PROTO, MK_PPP_PROTO };
/* The number by which layer i announces the next one: its field if set, else the next layer's own; fallback -1: fail where there is none. */
int mk_type(struct mk *mk, unsigned i, unsigned field, enum mk_space space, int32_t fallback, uint64_t *ret);
/* A length field: its value if set, else len, which must fit into 16 bits. */
int mk_length(struct mk *mk, unsigned i, unsigned field, size_t len, uint64_t *ret);

/* The address of a field with its step added (to the last 32 or 64 bits). */
void mk_addr4(const struct mk *mk, const struct mk_layer *l, unsigned field, uint8_t ret[4]);
void mk_addr6(const struct mk *mk, const struct mk_layer *l, unsigned field, uint8_t ret[16]);
void mk_get_mac(const struct mk_layer *l, unsigned field, uint8_t last, uint8_t ret[6]); /* else 00:00:5e:00:53:last, RFC 7042 s2.1.2 */

/* RFC 1071: the sum so far, and the field value of a sum. */
uint32_t mk_sum(uint32_t sum, const uint8_t *p, size_t n);
uint16_t mk_sum_fold(uint32_t sum);
/* Adds the pseudo-header of the nearest ip or ip6 layer outside layer i. */
int mk_pseudo_sum(struct mk *mk, unsigned i, uint8_t proto, size_t len, uint32_t *sum);

static inline void mk_be16(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void mk_be32(uint8_t *p, uint64_t v)
{
	mk_be16(p, v >> 16);
	mk_be16(p + 2, v);
}

/* file.c */

struct mk_file;

/* `file ...`, and the statements of file.c; 1 where the first word is none of them. */
int mk_file_statement(struct mk *mk, struct mk_words *w);
int mk_file_frame(struct mk *mk, const struct mk_frame *f);
/* Sorts where asked and leaves the whole capture in *ret, which is lent. */
int mk_file_finish(struct mk *mk, struct gs_buf **ret);
void mk_file_free(struct mk_file *file); /* NULL is fine */

/* scene.c */

struct mk_scene;
/* scene, draw, shape, network, play; 1 where the first word is none of them. */
int mk_scene_statement(struct mk *mk, struct mk_words *w);

/* mkpcap.c */

#define MK_MAX_LETS 256

struct mk_let {
	const char *name;
	const struct mk_token *tokens;
	unsigned n;
};

struct mk {
	const char *path;         /* of the description, for messages */
	struct gs_error *err;
	struct gs_arena *arena;   /* lives as long as the run */
	struct mk_file *file;
	struct mk_scene *scene;

	struct gs_time now;       /* of the next packet */
	bool raw_time;
	uint32_t raw_high, raw_low;
	int64_t step_ns;          /* between packets */
	bool repeating;           /* the next packet: */
	uint64_t times;
	int64_t every_ns;
	struct mk_let lets[MK_MAX_LETS];
	unsigned n_lets;

	/* the packet at hand */
	unsigned line;
	struct mk_layer layers[MK_MAX_LAYERS];
	unsigned n_layers;
	struct mk_frame_options options;
	uint64_t repetition;
	uint8_t *frame;           /* 2 * MK_MAX_FRAME octets: layers grow downwards from the middle */
	uint8_t *whole;           /* MK_MAX_FRAME octets: what is being split */
	size_t start, end;
	bool splitting;           /* the fragment at hand: */
	uint32_t fragment_off;    /* octets */
	bool fragment_more;
	bool frame_is_piece;      /* the frame at hand is one of several */
};

#endif
