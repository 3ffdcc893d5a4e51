/*
 * asn_file.h - rows of a text table of networks, one after the other
 *
 * Reads the file once, in blocks, and never holds more than one of them. The two formats differ only in how a row is taken (asn_csv.c,
 * pfx2as.c); which it is, the first row says. Blank lines and lines that start with '#' are passed over, and so is a heading in line 1.
 */
#ifndef GS_ENRICH_ASN_FILE_H
#define GS_ENRICH_ASN_FILE_H

#include "grescope/error.h"
#include "grescope/types.h"

__extension__ typedef unsigned __int128 gs_u128;

#define ASN_FILE_BLOCK (256u << 10) /* also the longest row */

struct asn_row {
	gs_u128 first, last;  /* inclusive; IPv4 in the low 32 bits */
	uint32_t asn;         /* 0: known to belong to nobody */
	uint8_t family;       /* 4, 6; 0 where the file writes integers, which do not say */
	bool doubled;         /* the name was quoted and holds "" for each quote */
	uint32_t more_lines;  /* line ends within the quoted name */
	const char *name;     /* as written, dead at the next row */
	size_t name_len;
};

/* Takes the row at p. A line end stands at *end. Result: behind the row's line end (end + 1 where the row ran into *end), or NULL and why.
 * */
typedef const char *asn_row_fn(const char *p, const char *end, struct asn_row *row, const char **why);
asn_row_fn asn_csv_row;
asn_row_fn pfx2as_row;

struct asn_file {
	const char *path;   /* borrowed */
	int fd;
	char *buf;          /* ASN_FILE_BLOCK and one more */
	size_t at, len;
	uint64_t line;      /* of the row that was read last, from 1 */
	uint64_t next_line;
	uint8_t family;     /* 0 until the first row */
	bool eof;
	asn_row_fn *parse;
};

/* Opens a file and learns its format. The rows start over with asn_file_next. */
int asn_file_open(struct asn_file *f, const char *path, struct gs_error *err);
void asn_file_close(struct asn_file *f);
/* 1 and a row, 0 at the end, or negative: the sentence names path and line. All rows have the family f->family. */
int asn_file_next(struct asn_file *f, struct asn_row *ret, struct gs_error *err);

/* Decimal digits at p. Result: behind them, or NULL where there are none or the number needs more than 128 bits. */
const char *take_decimal(const char *p, gs_u128 *ret);
/* An address as dotted quad, IPv6 text or, if integers is set, as an integer (family 0). NULL where there is none. */
const char *take_address(const char *p, const char *end, bool integers, gs_u128 *ret, uint8_t *ret_family);
/* A decimal that fits 32 bits, NULL otherwise. */
const char *take_u32(const char *p, uint32_t *ret);

#endif
