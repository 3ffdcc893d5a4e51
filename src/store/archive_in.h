/* archive_in.h - the lines of an archive that is read */
#ifndef GS_STORE_ARCHIVE_IN_H
#define GS_STORE_ARCHIVE_IN_H

#include "store/archive.h"

struct lines {
	int fd;
	const char *name;
	ZSTD_DCtx *z;
	uint8_t *in, *out;
	size_t in_at, in_len, out_at, out_len;
	bool begun, plain, frame_open;
	char *line;           /* the last one, with its newline */
	size_t len;           /* without */
	uint64_t number;      /* its */
	XXH3_state_t all;
	uint64_t all_before;  /* sum of the lines before it */
};

int lines_open(struct lines *l, int fd, const char *name, struct gs_error *err); /* lines_close also where it fails */
void lines_close(struct lines *l);
/* 1: the next line is there; 0: there is none; negative: an error. */
int lines_next(struct lines *l, struct gs_error *err);
int lines_damaged(struct lines *l, struct gs_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
