/* log_table.c - every format of logs, in the order in which they are asked: what is unmistakable first, what has only columns last */
#include "source/log.h"

const struct log_format *const log_formats[] = {
	&log_netfilter,
};

const size_t log_formats_n = sizeof log_formats / sizeof *log_formats;
