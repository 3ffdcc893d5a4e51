/*
 * xdp_maps.h - what the program in the kernel (xdp_gre.bpf.c) and its reader (xdp.c) share: the layout of its maps
 */
#ifndef GS_SOURCE_XDP_MAPS_H
#define GS_SOURCE_XDP_MAPS_H

#include <linux/types.h>

#define XDP_SNAP 256

struct xdp_source_key {
	__u8 address[16]; /* IPv4: the first four, the rest zero */
	__u32 family;     /* 4 or 6 */
};

struct xdp_source_count {
	__u64 packets;
	__u64 octets;     /* IP total lengths */
	__u64 first_ns;   /* of the monotonic clock */
	__u64 last_ns;
};

/* One for each CPU: the truth, whatever the table of sources could hold. */
struct xdp_total {
	__u64 packets;          /* counted: protocol 47 directly behind IP, first fragments and later ones */
	__u64 octets;
	__u64 later_fragments;  /* of these */
	__u64 unnamed;          /* of these: no room for their source at once */
	__u64 samples;          /* headers of counted frames passed on */
	__u64 samples_lost;     /* no room in their ring */
	__u64 samples_held;     /* not passed on: more than samples_per_s */
	__u64 whole;            /* frames that are not counted but passed on: what may hold GRE further in */
	__u64 whole_lost;       /* no room in their ring */
	__u64 second;           /* the one that samples are counted in */
	__u64 in_second;
};

struct xdp_sample {
	__u64 time_ns;    /* of the monotonic clock */
	__u32 wirelen;
	__u32 caplen;     /* at most XDP_SNAP */
	__u8 octets[XDP_SNAP];
};

struct xdp_settings {
	__u32 first;          /* frames of each source to pass on, per CPU and reading */
	__u32 one_in;         /* and one in so many of the others; 0 none */
	__u32 samples_per_s;  /* at most, per CPU */
	__u32 drop;           /* counted frames end here */
};

#endif
