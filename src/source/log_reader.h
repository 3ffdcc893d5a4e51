/*
 * log_reader.h - one line of a log in, sightings out: what files, followed files and syslog have in common
 */
#ifndef GS_SOURCE_LOG_READER_H
#define GS_SOURCE_LOG_READER_H

#include "grescope/error.h"
#include "source/log.h"
#include "source/log_clock.h"
#include "source/log_find.h"
#include "source/log_own_int.h"

struct log_reader {
	struct log_finder finder;
	struct log_clock clock;
	void *states[LOG_FORMATS_MAX];
	const struct gs_log_own *own; /* asked before the others; NULL: none */
	struct log_own_match *own_match;
	const uint8_t *own_next[GS_LOG_OWN_MAX], *own_end; /* where their texts come next in what is searched, and its end: log_reader_find */
	unsigned last;             /* the format that matched last */
	struct gs_time arrival;    /* of what has no time that can be known; GS_TIME_MIN: such a record is bad */
	char *scratch;             /* where messages inside JSON are put; LOG_LINE_MAX octets, made when the first comes */
	/* the line being read */
	struct log_line line;
	bool all;                  /* every format is asked, needles or not */
	bool again;                /* that format has more to say of this line */
	log_cell rest;             /* behind the record whose direction back is asked for */
	bool given;
};

struct log_result {
	enum log_word word;
	const struct log_format *format; /* NULL where the word is LOG_NO */
	struct gs_sighting sighting;     /* where it is LOG_GRE */
	int32_t ip_id;                   /* as struct log_row has it */
	const char *bad;                 /* where it is LOG_BAD: what ("time"), how it was written (may be empty), and why: NULL is "is none that grescope reads" */
	log_cell bad_cell;
	const char *why;
	bool both;                       /* as struct log_row has them */
	log_cell rest;
};

/* own: as in gs_log_options. */
int log_reader_new(const struct gs_log_own *own, struct log_reader **ret, struct gs_error *err);
void log_reader_free(struct log_reader *lr); /* NULL is fine */

/* What another reader learnt of headings goes over to this one, and the other way round. */
void log_reader_states(struct log_reader *to, struct log_reader *from);

/*
 * The first place in [p, end) whose line may be of interest; NULL: none. p is the beginning of a line. A block is searched from front to back: log_reader_block before the first
 * search in each, whatever its address.
 */
static inline void log_reader_block(struct log_reader *lr)
{
	lr->own_end = NULL;
}
const uint8_t *log_reader_find(struct log_reader *lr, const uint8_t *p, const uint8_t *end);

/*
 * Starts a line (without its end). It must outlive the calls of log_reader_next for it. `all`: ask every format, needles or not. Result: whether a logger's header or
 * its JSON stands around the message: the line is a log's, whatever it says.
 */
bool log_reader_line(struct log_reader *lr, log_cell line, bool all);

/* The next record of the line. True: *ret is filled. The first call for a line always gives one, LOG_NO perhaps. */
bool log_reader_next(struct log_reader *lr, struct log_result *ret);

/* Whether the next call may give another record of the line. False: it gives none. */
static inline bool log_reader_more(const struct log_reader *lr)
{
	return lr->again || !lr->given;
}

/* A sentence for a bad record: "netfilter: source `x` is none that grescope reads". Into out. */
#define LOG_SENTENCE_MAX 192
void log_sentence(const struct log_result *r, char out[LOG_SENTENCE_MAX]);

#endif
