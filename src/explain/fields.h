/*
 * fields.h - headers as tables of fields; what the files of this folder share
 *
 * A header of fixed layout is a list of struct field; what varies (options, source routes, PPP) is code that calls explain_number and its like. Names and
 * the way of writing are tshark 4.0's.
 */
#ifndef GS_EXPLAIN_FIELDS_H
#define GS_EXPLAIN_FIELDS_H

#include "explain/explain.h"

enum show { SHOW_DEC, SHOW_HEX, SHOW_MAC, SHOW_IPV4, SHOW_IPV6 };

struct field {
	const char *name;
	uint8_t off;              /* octets from the header's start */
	uint8_t len;              /* octets that the field lies in; numbers: at most 8 */
	uint8_t shift, bits;      /* within the big-endian number of those octets; bits 0: all of it */
	uint8_t show;             /* enum show */
	uint8_t digits;           /* hexadecimal digits; 0: two for each octet */
	uint8_t unit;             /* the value counts this many; 0: 1 */
	const char *(*words)(uint64_t v); /* NULL: the value says all */
};

struct explain {
	const struct gs_frame *f;
	const struct gs_packet *p;
	const struct gs_table_writer *w;
	struct gs_error *err;
	const char *layer;        /* the layer's word */
	const char *source;       /* where its layout is written down */
	uint32_t off;             /* where the header starts */
	uint16_t next_header;     /* IPv6: what the header before said comes next */
	unsigned n_gre;           /* GRE headers so far */
	uint16_t gre_flags;       /* of the last one */
	int r;                    /* the writer's refusal; sticks */
};

/* One row. */
void explain_row(struct explain *x, const char *field, uint32_t off, uint32_t len, const char *value, const char *meaning, const char *source);
void explain_rowf(struct explain *x, const char *field, const char *meaning, const char *source, const char *format, ...)
	__attribute__((format(printf, 5, 6))); /* without a place in the frame */

/* len octets (at most 255) in hexadecimal, header offset off. Nothing where they were not captured. */
void explain_octets(struct explain *x, const char *field, uint32_t off, uint32_t len, const char *meaning);

/* Fields of a table as far as they were captured. */
void explain_fields(struct explain *x, const struct field *list, size_t n);
#define EXPLAIN_FIELDS(x, list) explain_fields(x, list, sizeof(list) / sizeof *(list))

/* The big-endian number of len octets (1 to 8) at header offset off; false where they were not captured. */
bool explain_get(const struct explain *x, uint32_t off, uint32_t len, uint64_t *ret);

const char *explain_set(uint64_t v); /* the words of a flag */

/* ip.c */
void explain_ipv4(struct explain *x, const struct gs_layer *l);
void explain_ipv6(struct explain *x, const struct gs_layer *l);
void explain_ipv6_ext(struct explain *x, const struct gs_layer *l);
const char *explain_ip_proto(uint64_t v);
/* gre.c */
void explain_gre(struct explain *x, const struct gs_layer *l);
void explain_gre_route(struct explain *x, const struct gs_layer *l);
void explain_eoip(struct explain *x, const struct gs_layer *l);
void explain_erspan(struct explain *x, const struct gs_layer *l);
void explain_wccp(struct explain *x, const struct gs_layer *l);
/* link.c */
void explain_eth(struct explain *x, const struct gs_layer *l);
void explain_llc(struct explain *x, const struct gs_layer *l);
void explain_sll(struct explain *x, const struct gs_layer *l);
void explain_ppp(struct explain *x, const struct gs_layer *l);
void explain_null(struct explain *x, const struct gs_layer *l);
const char *explain_ethertype(uint64_t v);

/* A layer of fixed layout, or a function; layers.c. */
struct layer_row {
	const struct field *fields;
	size_t n;
	void (*explain)(struct explain *x, const struct gs_layer *l);
	const char *source;
};
extern const struct layer_row explain_layers[GS_LAYER_COUNT];

#endif
