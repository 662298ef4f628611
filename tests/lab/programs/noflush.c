// SPDX-License-Identifier: GPL-2.0-only
/*
 * noflush.c - a host that lies: preloaded, it says of every flush that it was
 * done and does nothing.  What a VMM promises its guest is then not true, and
 * a test that finds no fault in that is none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include <liburing.h>

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int fsync(int fd)
{
	(void)fd;
	return 0;
}

/* What is about to be submitted; a read of nothing is always done. */
static void spoil(struct io_uring *ring)
{
	struct io_uring_sq *sq = &ring->sq;
	unsigned int at;

	for (at = sq->sqe_head; at != sq->sqe_tail; at++) {
		struct io_uring_sqe *sqe = &sq->sqes[at & sq->ring_mask];
		int fd = sqe->fd;
		__u64 data = sqe->user_data;

		if (sqe->opcode != IORING_OP_FSYNC)
			continue;
		memset(sqe, 0, sizeof(*sqe));
		io_uring_prep_readv(sqe, fd, NULL, 0, 0);
		sqe->user_data = data;
	}
}

int io_uring_submit(struct io_uring *ring)
{
	int (*next)(struct io_uring *) =
		(int (*)(struct io_uring *))dlsym(RTLD_NEXT,
						  "io_uring_submit");

	spoil(ring);
	return next(ring);
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned int wait)
{
	int (*next)(struct io_uring *, unsigned int) =
		(int (*)(struct io_uring *, unsigned int))dlsym(
			RTLD_NEXT, "io_uring_submit_and_wait");

	spoil(ring);
	return next(ring, wait);
}
