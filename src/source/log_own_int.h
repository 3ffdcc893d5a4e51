/* log_own_int.h - what the reader of lines asks of formats of one's own */
#ifndef GS_SOURCE_LOG_OWN_INT_H
#define GS_SOURCE_LOG_OWN_INT_H

#include "source/log.h"
#include "source/log_own.h"

unsigned log_own_count(const struct gs_log_own *own); /* NULL: 0 */
const struct log_format *log_own_format(const struct gs_log_own *own, unsigned i);

/* Text that every line of it holds; len 0: none is known, any line may be one. */
log_cell log_own_literal(const struct gs_log_own *own, unsigned i);

/* Memory for matching: one for each reader, for all formats. */
struct log_own_match;
struct log_own_match *log_own_match_new(const struct gs_log_own *own); /* NULL: out of memory */
void log_own_match_free(struct log_own_match *m);

enum log_word log_own_read(const struct gs_log_own *own, unsigned i, struct log_own_match *m, const struct log_line *line, struct log_row *row);

#endif
