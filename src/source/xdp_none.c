/* xdp_none.c - the fast path of a build without it: says so */
#include "source/xdp.h"

int gs_xdp_open(const struct gs_xdp_options *o, struct gs_xdp **ret, struct gs_error *err)
{
	return gs_fail(err, GS_ERR_USAGE, "%s: this grescope was built without the fast path (libbpf and clang were missing)", o->interface);
}

int gs_xdp_adopt(const struct gs_xdp_options *o, const int part[GS_XDP_PARTS], struct gs_xdp **ret, struct gs_error *err)
{
	(void)part;
	return gs_xdp_open(o, ret, err);
}

void gs_xdp_parts(const struct gs_xdp *x, int ret_part[GS_XDP_PARTS])
{
	for (unsigned i = 0; i < GS_XDP_PARTS; i++)
		ret_part[i] = -1;
}

void gs_xdp_given(struct gs_xdp *x, uint64_t packets, uint64_t bytes)
{
	(void)packets;
	(void)bytes;
}

void gs_xdp_close(struct gs_xdp *x)
{
}

void gs_xdp_stop(struct gs_xdp *x)
{
}

void gs_xdp_info(const struct gs_xdp *x, struct gs_xdp_info *ret)
{
	*ret = (struct gs_xdp_info){ .interface = "", .note = "" };
}

int gs_xdp_fd(const struct gs_xdp *x)
{
	return -1;
}

void gs_xdp_clock(struct gs_xdp *x, int64_t offset_ns)
{
	(void)offset_ns;
}

int gs_xdp_frames(struct gs_xdp *x, enum gs_xdp_kind kind, struct gs_frame *frames, size_t max, size_t *ret_n, struct gs_error *err)
{
	*ret_n = 0;
	return gs_fail(err, GS_ERR_USAGE, "no fast path");
}

int gs_xdp_totals(struct gs_xdp *x, struct gs_xdp_totals *ret, struct gs_error *err)
{
	*ret = (struct gs_xdp_totals){ 0 };
	return gs_fail(err, GS_ERR_USAGE, "no fast path");
}

int gs_xdp_read(struct gs_xdp *x, int (*take)(void *arg, const struct gs_xdp_source *s, size_t n, struct gs_error *err), void *arg,
                struct gs_xdp_rest *ret_rest, struct gs_error *err)
{
	*ret_rest = (struct gs_xdp_rest){ 0 };
	return gs_fail(err, GS_ERR_USAGE, "no fast path");
}
