/*
 * xdp.h - the fast path: a program in the kernel counts protocol 47 by outer source, and passes on headers of a few of the frames
 *
 * In place of a packet ring (live.h), not beside it: either counts every frame. A frame takes one of three ways:
 *
 *   counted   GRE directly behind IP. In the totals always, in its source's count as long as the table has room. Frames that gs_xdp_frames
 *             gives as samples are some of them: they say what it is, and are never counted again (src/observe/counted.h puts both together).
 *   whole     what may hold GRE further in (ICMP errors, IP in IP, AH, long chains of extension headers), and TCP 1723: passed on as it is and not counted here. Goes
 *             through decoder and sighting table as any frame of a capture.
 *   the rest  not GRE; never leaves the kernel.
 *
 * So GRE seen = totals.packets + the GRE among the whole frames, to the packet; and lost are whole_lost frames, of which nobody knows whether
 * they were GRE.
 *
 * What is needed: CAP_BPF and CAP_NET_ADMIN in gs_xdp_open and gs_xdp_adopt, nothing afterwards (from Linux 5.19 on); Linux 5.18. Program and tables are
 * descriptors: they go with the last process that holds them. Who wants them to outlive this one gives them to another (gs_xdp_parts), and its successor takes
 * them over (gs_xdp_adopt) while the kernel counts on. The other functions use bpf, epoll_wait and close.
 */
#ifndef GS_XDP_H
#define GS_XDP_H

#include "grescope/error.h"
#include "grescope/packet.h"

#define GS_XDP_SOURCES 262144    /* addresses counted apart; a table that is full costs the kernel up to 2 us more a frame (docs/capture.md) */
#define GS_XDP_SOURCES_MAX (1u << 22)
#define GS_XDP_FIRST 8           /* frames of each source to sample, per core and reading of the counts */
#define GS_XDP_ONE_IN 1000
#define GS_XDP_SAMPLES_PER_S 20000

struct gs_xdp_options {
	const char *interface;
	uint32_t sources;        /* 0: GS_XDP_SOURCES */
	uint32_t first;          /* 0: GS_XDP_FIRST */
	uint32_t one_in;         /* 0: GS_XDP_ONE_IN */
	uint32_t samples_per_s;  /* per core; 0: GS_XDP_SAMPLES_PER_S */
	bool drop;               /* counted frames end in the kernel: nothing on this host gets them. Never without being asked for */
	bool generic;            /* do not try the driver's own hook */
};

struct gs_xdp;

/*
 * Loads the program and hangs it on the interface: by the driver's hook, else by the general one, which is slower.
 * Errors: GS_ERR_ACCESS (the sentence says which rights), GS_ERR_NOENT (no such interface), GS_ERR_USAGE (built without XDP; another program hangs
 * there; the kernel is too old), GS_ERR_NOMEM, GS_ERR_IO. A caller that wants to go on takes live.h then.
 */
int gs_xdp_open(const struct gs_xdp_options *o, struct gs_xdp **ret, struct gs_error *err);
void gs_xdp_close(struct gs_xdp *x); /* NULL is fine. Unhangs the program, where nobody else holds it */

/* What it is made of, a descriptor each. */
enum gs_xdp_part { GS_XDP_LINK, GS_XDP_SOURCES_TABLE, GS_XDP_TOTALS_TABLE, GS_XDP_SAMPLES_RING, GS_XDP_WHOLE_RING, GS_XDP_PARTS };

/* To be copied or sent elsewhere; lent. */
void gs_xdp_parts(const struct gs_xdp *x, int ret_part[GS_XDP_PARTS]);

/*
 * Takes over what another process opened, with the same options, and held until now; two that read at a time take from each other. Totals are as the
 * kernel has them, since that open. Before the first gs_xdp_read say by gs_xdp_given what they were told already. On success the descriptors are the reader's,
 * else they stay the caller's. Errors: GS_ERR_USAGE (these are no parts of a fast path), GS_ERR_NOMEM, GS_ERR_IO.
 */
int gs_xdp_adopt(const struct gs_xdp_options *o, const int part[GS_XDP_PARTS], struct gs_xdp **ret, struct gs_error *err);

/* So much of the totals was given before, by who had it then, with its source or as rest. */
void gs_xdp_given(struct gs_xdp *x, uint64_t packets, uint64_t bytes);

struct gs_xdp_info {
	const char *interface;
	int ifindex;        /* where it hangs; of one that was taken over 0: nowhere any more */
	bool adopted;
	bool native;        /* by the driver's hook; not known of one that was taken over */
	uint32_t sources;
	const char *note;   /* why not native, where it was tried; "" otherwise */
};
void gs_xdp_info(const struct gs_xdp *x, struct gs_xdp_info *ret);

/* To poll for POLLIN: whole frames, or many samples, are there. Of few samples nobody is woken: read them each 100 ms too. Lent. */
int gs_xdp_fd(const struct gs_xdp *x);

/*
 * The kernel stamps with its monotonic clock: what is to be added to it for wall time, CLOCK_REALTIME - CLOCK_MONOTONIC at about now. Set it after opening
 * and then at each reading of the counts.
 */
void gs_xdp_clock(struct gs_xdp *x, int64_t offset_ns);

enum gs_xdp_kind { GS_XDP_SAMPLED, GS_XDP_WHOLE };

/* The next frames of one kind, at most max (1 to GS_SOURCE_BATCH), without waiting; in the reader's own memory, lent until the next call. 0, or GS_ERR_IO. */
int gs_xdp_frames(struct gs_xdp *x, enum gs_xdp_kind kind, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err);

struct gs_xdp_source {
	struct gs_addr addr;
	uint64_t packets, bytes;    /* since the last reading; bytes are IP total lengths */
	struct gs_time first, last; /* among these */
};

/* Numbers since the open, by whatever process it was. */
struct gs_xdp_totals {
	uint64_t packets, bytes;    /* counted, whatever became of their sources' counts */
	uint64_t fragments;         /* later fragments among these */
	uint64_t named;             /* packets, and */
	uint64_t named_bytes;       /*   bytes that gs_xdp_read has given with their sources so far; of this process alone */
	uint64_t samples, samples_held, samples_lost; /* held: over samples_per_s */
	uint64_t whole, whole_lost;
};

int gs_xdp_totals(struct gs_xdp *x, struct gs_xdp_totals *ret, struct gs_error *err);

/*
 * Takes the counts of all sources out of the kernel's table and passes them to `take`, at most GS_XDP_READ at a time, until it returns negative, which
 * is returned. *ret_rest: packets and bytes that were counted before this call, and whose source was no longer in the table, as far as they were not
 * given as rest before: the table was too small. While packets come in this is a lower bound that the next calls make up for; once none do it is exact:
 * all that was ever given, as sources or as rest, is then totals.packets. So what a process had taken out of the table and never gave to anybody comes out here
 * as rest of its successor.
 */
#define GS_XDP_READ 1024
struct gs_xdp_rest {
	uint64_t packets, bytes;
};
int gs_xdp_read(struct gs_xdp *x, int (*take)(void *arg, const struct gs_xdp_source *s, size_t n, struct gs_error *err), void *arg,
                struct gs_xdp_rest *ret_rest, struct gs_error *err);

/* Unhangs the program, where nobody else holds it, but keeps its counts: nothing is counted any more, and the next gs_xdp_read is the last and exact one. */
void gs_xdp_stop(struct gs_xdp *x);

#endif
