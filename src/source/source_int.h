/*
 * source_int.h - what the readers of single formats share: their table of functions, and the sentences for damage
 */
#ifndef GS_SOURCE_SOURCE_INT_H
#define GS_SOURCE_SOURCE_INT_H

#include "base/cursor.h"
#include "source/source.h"
#include "source/stream.h"

#define SOURCE_BLOCK (256u << 10)     /* octets to read at a time */
#define SOURCE_PEEK_BLOCK (16u << 10) /* where only the first record is of interest */
#define SOURCE_START_MAX (64u << 10)  /* octets of the start that recognition may ask for; also the longest line of text that is read */
#define SOURCE_QUOTE_MAX 48           /* characters of input that a sentence quotes */

enum source_match { MATCH_NO, MATCH_YES, MATCH_MORE };

/* A format. Functions get the source with its stream at the first octet of the (unwrapped) input. */
struct gs_source_ops {
	const char *format;
	enum gs_door door;
	/* Whether input that starts like this is of this format; MATCH_MORE asks for a longer start. `whole`: the input ends after len
	 * octets. */
	enum source_match (*match)(const uint8_t *start, size_t len, bool whole);
	/* Reads the file's header, may set s->state. GS_ERR_DAMAGED is kept for the first reading call, anything else fails the open. */
	int (*open)(struct gs_source *s, struct gs_error *err);
	void (*close)(struct gs_source *s); /* frees s->state; also after a failed open */
	/* As gs_source_frames; trouble comes alone, after the frames before it. NULL at the other door. */
	int (*frames)(struct gs_source *s, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err);
	int (*sightings)(struct gs_source *s, struct gs_sighting *out, size_t max, size_t *ret_n, struct gs_tally *tally,
			 struct gs_error *err);
};

extern const struct gs_source_ops source_pcap, source_pcapng, source_rawdata, source_log;

/* source_log.match, with formats of one's own (may be NULL). */
enum source_match log_match_own(const struct gs_log_own *own, const uint8_t *start, size_t len, bool whole);

struct gs_source {
	char *path;
	const struct gs_source_ops *ops;
	struct stream stream;
	void *state;            /* the format's own */
	uint64_t size;
	struct gs_time modified; /* when the file was last written; GS_TIME_MIN: no file */
	struct gs_log_options logs;
	uint64_t frames;        /* given so far */
	uint64_t saturated;
	bool over;              /* trouble was told; nothing more comes */
	struct gs_error late;   /* code 0, or trouble found while opening, to be told at the first reading call */
	char first_bad[256];
};

/* gs_source_open_logs with another size of the read buffer. */
int source_open_block(const char *path, size_t block, const struct gs_log_options *logs, struct gs_source **ret, struct gs_error *err);
/* A source of a known format over a plain stream that has no descriptor yet. */
int source_open_plain(const char *name, const struct gs_source_ops *ops, const struct gs_log_options *logs, struct gs_source **ret, struct gs_error *err);
int source_open_memory_block(const char *name, const void *data, size_t len, size_t block, const struct gs_log_options *logs,
			     struct gs_source **ret, struct gs_error *err);

/*
 * Makes the window hold `need` octets. Result 1: it does. 0: the input ended properly before the first of them. Negative: as stream_fill;
 * or GS_ERR_DAMAGED where the input ends inside: the sentence calls it `what`, says where it starts, `need` octets announced and how many
 * are there.
 */
int source_need(struct gs_source *s, size_t need, const char *what, struct gs_error *err);

/* GS_ERR_DAMAGED: the input ends inside `what`. Where compression is to blame, its own sentence. */
int source_ends_inside(const struct gs_source *s, const char *what, uint64_t offset, uint64_t announced, uint64_t there,
		       struct gs_error *err);

/* GS_ERR_DAMAGED: "PATH: at offset N: ...". */
int source_damaged(const struct gs_source *s, uint64_t offset, struct gs_error *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Copies text for a sentence: what is not printable ASCII becomes `?`, and too long a text is cut. Returns out. */
const char *source_quote(const void *text, size_t len, char out[SOURCE_QUOTE_MAX + 4]);

/* Longest captured length that is believed for a link type: libpcap's limits (pcap-common.c, max_snaplen_for_dlt). */
uint32_t source_max_caplen(uint32_t linktype);

/* 16 and 32 bits in the byte order of the file. */
static inline uint16_t source_get16(struct gs_cursor *c, bool little)
{
	uint16_t v = gs_get_be16(c);
	return little ? __builtin_bswap16(v) : v;
}

static inline uint32_t source_get32(struct gs_cursor *c, bool little)
{
	uint32_t v = gs_get_be32(c);
	return little ? __builtin_bswap32(v) : v;
}

#endif
