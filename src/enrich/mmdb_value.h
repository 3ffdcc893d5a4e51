/*
 * mmdb_value.h - values in the data section of a MaxMind DB file, read with bounds
 *
 * libmaxminddb finds the record of an address; its contents are read here. Not by MMDB_aget_value and MMDB_get_entry_data_list: before
 * 1.13.0 (Debian 12 has 1.7.1) the first recurses as deep as a damaged file nests, the second follows pointers in circles. Nothing here
 * recurses without a bound, every step moves forward, and strings are lent in place (not NUL-terminated). Source: MaxMind DB File Format
 * Specification 2.0.
 */
#ifndef GS_ENRICH_MMDB_VALUE_H
#define GS_ENRICH_MMDB_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MM_MAX_VALUES 4096 /* in one record or in the metadata */

struct mm_section {
	const uint8_t *base;
	uint32_t size;
};

struct mm_value {
	uint32_t type;  /* MMDB_DATA_TYPE_..., never a pointer */
	uint32_t size;  /* octets of a string or number, pairs of a map, elements of an array */
	uint32_t at;    /* offset of the octets or of the first child */
};

/* The value at an offset; a pointer is followed, once. All functions: false where the data is damaged. */
bool mm_read(const struct mm_section *s, uint32_t at, struct mm_value *ret);
/* The offset behind the value at an offset and all that stands below it in place. */
bool mm_skip(const struct mm_section *s, uint32_t at, uint32_t *ret_next);
/* The value of a key; also false where the map has no such key (or the value is no map). */
bool mm_find(const struct mm_section *s, const struct mm_value *map, const char *key, struct mm_value *ret);
/* The first element of an array. */
bool mm_first(const struct mm_section *s, const struct mm_value *array, struct mm_value *ret);
/* A non-negative number: any integer type up to 64 bits. */
bool mm_number(const struct mm_section *s, const struct mm_value *v, uint64_t *ret);
/* A string in place; "" of length 0 for anything else. */
const char *mm_string(const struct mm_section *s, const struct mm_value *v, size_t *ret_len);
/* Walks through everything below the value, through pointers too: whether it is well-formed and not too deep or too large. */
bool mm_check(const struct mm_section *s, uint32_t at);

#endif
