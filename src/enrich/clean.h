/*
 * clean.h - text from a data file made fit for terminals and CSV, once, where it is loaded
 */
#ifndef GS_ENRICH_CLEAN_H
#define GS_ENRICH_CLEAN_H

#include "base/strtab.h"

#define CLEAN_TEXT_MAX 256 /* octets with the NUL; longer names are cut at a character */

/*
 * Copies text, replaces by '?' each octet that is no valid UTF-8 (RFC 3629) and each character that could steer a terminal: C0, DEL, C1,
 * line and paragraph separators, bidirectional overrides and isolates. NUL-terminates. Returns the length.
 */
size_t clean_text(char out[CLEAN_TEXT_MAX], const char *text, size_t len);

/* The id of the cleaned text. */
uint32_t clean_name(struct gs_strtab *names, const char *text, size_t len);

#endif
