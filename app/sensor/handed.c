/*
 * handed.c - notes that are whole whenever their writer is killed
 *
 * Each has two places, and a number that says which one holds: the other is filled first. Nothing here runs at the same time as anything else; only the order
 * of the stores matters, to the one that comes after.
 */
#include "sensor/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) /* nobody can make it end before its end */
#define SEQ_MOST (UINT64_C(1) << 60)

struct note {
	struct handed_point place[2];
	_Atomic uint32_t at;
	uint32_t zero;
};

struct handed {
	struct note sent, acked;       /* sent: the place that does not hold may be a message that was announced */
	struct handed_point prepared;
	struct message_mark mark;
	_Atomic uint64_t is_prepared;
};

static unsigned at(const struct note *n)
{
	return atomic_load_explicit(&n->at, memory_order_acquire) & 1;
}

static void fill(struct note *n, const struct handed_point *p)
{
	n->place[!at(n)] = *p;
	atomic_thread_fence(memory_order_seq_cst);
}

static void turn(struct note *n)
{
	atomic_store_explicit(&n->at, !at(n), memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
}

static int mapped(int fd, struct handed **ret, struct gs_error *err)
{
	void *p = mmap(NULL, sizeof **ret, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return gs_fail_errno(err, GS_ERR_NOMEM, errno, "no memory to share");
	*ret = p;
	return 0;
}

int handed_new(int *ret_fd, struct handed **ret, struct gs_error *err)
{
	int fd = memfd_create("handed", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL), r = 0;

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("handed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, sizeof **ret) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = gs_fail_errno(err, GS_ERR_IO, errno, "no memory to share");
	if (r == 0)
		r = mapped(fd, ret, err);
	if (r == 0)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}

int handed_adopt(int fd, struct handed **ret, struct gs_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size != sizeof **ret || (fcntl(fd, F_GET_SEALS) & SEALS) != SEALS)
		return gs_fail(err, GS_ERR_USAGE, "what the engine before handed over is not known");
	return mapped(fd, ret, err);
}

void handed_try(struct handed *h, const struct handed_point *p)
{
	fill(&h->sent, p);
}

void handed_done(struct handed *h)
{
	turn(&h->sent);
}

void handed_again(struct handed *h)
{
	const struct handed_point acked = h->acked.place[at(&h->acked)];

	fill(&h->sent, &acked);
	turn(&h->sent);
}

void handed_acked(struct handed *h, const struct handed_point *p)
{
	fill(&h->acked, p);
	turn(&h->acked);
}

void handed_prepared(struct handed *h, const struct handed_point *p, const struct message_mark *mark)
{
	atomic_store(&h->is_prepared, 0);
	if (!mark)
		return;
	h->prepared = *p;
	h->mark = *mark;
	atomic_store(&h->is_prepared, 1);
}

void handed_settle(const struct handed *h, uint64_t seq, const struct message_mark *mark, struct handed_point *ret)
{
	const struct handed_point *sent = &h->sent.place[at(&h->sent)], *announced = &h->sent.place[!at(&h->sent)];

	if (seq && seq == announced->seq)
		*ret = *announced;
	else if (!mark || (seq && seq == sent->seq))
		*ret = *sent;
	else if (h->is_prepared == 1 && memcmp(mark, &h->mark, sizeof *mark) == 0)
		*ret = h->prepared;
	else
		*ret = h->acked.place[at(&h->acked)];
	ret->seq = ret->seq < SEQ_MOST ? ret->seq : 0;
}

/* In this order: until the last step the old notes, or the new one, give the same answer. */
void handed_begin(struct handed *h, const struct handed_point *p)
{
	handed_acked(h, p);
	handed_prepared(h, NULL, NULL);
	fill(&h->sent, p);
	turn(&h->sent);
}
