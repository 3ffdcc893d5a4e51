/*
 * mmdb_writer.h - makes small MaxMind DB files, sound ones and others, so that no binary data lies in the tree
 *
 * Values are appended to the data section one by one, a map's keys and values in turn; mw_here before a record is the record's offset.
 * Nothing is checked: a test may want a wrong file. Out of memory aborts. Source: MaxMind DB File Format Specification 2.0.
 */
#ifndef GS_TEST_MMDB_WRITER_H
#define GS_TEST_MMDB_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct mmdb_writer {
	unsigned ip_version, record_size; /* 4 or 6; 24, 28 or 32 bits */
	const char *type, *description;   /* description NULL: an empty map */
	uint64_t build_epoch;
	uint8_t *data;
	size_t len, cap;
	struct {
		int64_t child[2]; /* number of a node, MW_EMPTY, or MW_RECORD - offset */
	} *nodes;
	uint32_t n_nodes, nodes_cap;
	uint32_t claimed_nodes; /* said in the metadata if not 0 */
	unsigned nested_metadata; /* further maps, one in the other, in the metadata */
};

#define MW_EMPTY (-1)
#define MW_RECORD (-2)

void mw_init(struct mmdb_writer *w, unsigned ip_version, unsigned record_size, const char *type);
void mw_done(struct mmdb_writer *w);

uint32_t mw_here(const struct mmdb_writer *w);
void mw_map(struct mmdb_writer *w, uint32_t pairs);
void mw_array(struct mmdb_writer *w, uint32_t elements);
void mw_string(struct mmdb_writer *w, const char *text);
void mw_bytes(struct mmdb_writer *w, const void *text, size_t len); /* a string of any octets */
void mw_number(struct mmdb_writer *w, unsigned type, uint64_t v);   /* MMDB_DATA_TYPE_UINT16, _UINT32, _UINT64 */
void mw_double(struct mmdb_writer *w, double v);
void mw_float(struct mmdb_writer *w, float v);
void mw_pointer(struct mmdb_writer *w, uint32_t to);

/* Gives a prefix ("192.0.2.0/24") the record at an offset; in an IPv6 file an IPv4 prefix goes below ::/96. */
void mw_insert(struct mmdb_writer *w, const char *prefix, uint32_t offset);

/* The file. The caller frees. */
uint8_t *mw_finish(struct mmdb_writer *w, size_t *ret_len);

#endif
