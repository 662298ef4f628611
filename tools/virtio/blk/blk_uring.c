// SPDX-License-Identifier: GPL-2.0-only
/*
 * blk_uring.c - many requests at once, by Linux's io_uring.
 *
 * The thread of a queue sleeps in one place, for completions; the doorbell is
 * one of them, a read of its eventfd that is always under way.  When the ring
 * fails, which no request can tell from the host's disk, the thread goes on
 * without it.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/falloc.h>

#include <cvm/error.h>

#include "blk.h"

#define URING_DEPTH	128u
#define PAUSE_NS	10000000

struct uring_queue {
	struct io_uring ring;
	struct virtio_queue *queue;
	bool stop;		/* written by another thread */
	bool broken;
	int failed;		/* the ring: its error, < 0 */
	bool alone;		/* and nothing of ours is in it any more */
	bool armed;		/* the doorbell is being read, */
	uint64_t doorbells;	/* to here */
	uint32_t in_flight;
	bool looked;		/* in this round: how long the file is, */
	uint64_t bytes;		/* so long */
	struct blk_request *free;
	struct blk_request req[URING_DEPTH];
};

/* ---- one request --------------------------------------------------------- */

/* What a request takes: its ranges or one transfer, then perhaps a sync. */
static uint32_t main_steps(const struct blk_request *req)
{
	return req->ranges ? req->ranges : 1;
}

static void prepare_range(struct io_uring_sqe *sqe, struct blk *blk,
			  const struct blk_request *req)
{
	const struct blk_range *range = &req->range[req->step];
	int mode = FALLOC_FL_KEEP_SIZE;

	mode |= req->type == VIRTIO_BLK_T_DISCARD || range->flags ?
		FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	io_uring_prep_fallocate(sqe, (int)blk->file.handle, mode,
				(off_t)blk_range_offset(blk, range),
				(off_t)range->sectors * BLK_SECTOR);
}

/*
 * A write must not make a file longer that somebody has cut, so its length is
 * looked at before; once for all that go to the kernel together.
 */
static bool ended(struct uring_queue *uq, const struct blk_request *req)
{
	struct blk *blk = blk_of(uq->queue);

	if (req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_FLUSH)
		return false;
	if (!uq->looked)
		uq->bytes = os_disk_size(&blk->file);
	uq->looked = true;
	return blk_ended(blk, req, uq->bytes);
}

/* The next step; a request has one entry at most, so there is room. */
static void submit(struct uring_queue *uq, struct blk_request *req)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uq->ring);
	const struct iovec *iov = (const struct iovec *)req->data;
	struct blk *blk = blk_of(uq->queue);
	int fd;

	if (req->type == VIRTIO_BLK_T_FLUSH || req->step == main_steps(req)) {
		io_uring_prep_fsync(sqe, (int)blk->file.handle,
				    IORING_FSYNC_DATASYNC);
	} else if (req->ranges) {
		prepare_range(sqe, blk, req);
	} else {
		fd = (int)os_disk_handle(&blk->file, req->data,
					 req->pieces, req->offset);
		if (req->type == VIRTIO_BLK_T_IN)
			io_uring_prep_readv(sqe, fd, iov, req->pieces,
					    req->offset);
		else
			io_uring_prep_writev(sqe, fd, iov, req->pieces,
					     req->offset);
	}
	io_uring_sqe_set_data(sqe, req);
}

/* Errors that another way may not have; -ENOSPC and the like are final. */
static bool worth_another_try(int err)
{
	return err == -EINVAL || err == -EFAULT || err == -EINTR ||
	       err == -EAGAIN || err == -EOPNOTSUPP;
}

static int finish_step(struct uring_queue *uq, struct blk_request *req,
		       int res)
{
	struct blk *blk = blk_of(uq->queue);

	if (res < 0 && !worth_another_try(res))
		return res;
	if (req->type == VIRTIO_BLK_T_FLUSH || req->step == main_steps(req)) {
		if (res < 0)
			return blk_sync(blk);
		blk_synced(blk);
		return 0;
	}
	if (req->ranges)
		return res < 0 ? blk_range_do(blk, req,
					      &req->range[req->step]) : 0;
	/* Cut short, or memory or a place that O_DIRECT does not take. */
	if (res >= 0 && (uint64_t)res == req->bytes)
		return 0;
	return req->type == VIRTIO_BLK_T_IN ?
	       os_disk_read(&blk->file, req->data, req->pieces,
			    req->offset) :
	       os_disk_write(&blk->file, req->data, req->pieces,
			     req->offset);
}

static void answer(struct uring_queue *uq, struct blk_request *req, int ret)
{
	blk_answer(uq->queue, req, ret);
	req->next = uq->free;
	uq->free = req;
	uq->in_flight--;
}

/* Without the ring, from its beginning. */
static void carry_out(struct uring_queue *uq, struct blk_request *req)
{
	answer(uq, req, blk_carry_out(blk_of(uq->queue), req));
}

static void complete(struct uring_queue *uq, struct blk_request *req, int res)
{
	int ret = finish_step(uq, req, res);
	bool more = !ret && ++req->step < main_steps(req) + req->stable;

	if (more && uq->failed)
		carry_out(uq, req);
	else if (more)
		submit(uq, req);
	else
		answer(uq, req, ret);
}

/* ---- what comes and goes ------------------------------------------------- */

static bool stopping(struct uring_queue *uq)
{
	return __atomic_load_n(&uq->stop, __ATOMIC_ACQUIRE);
}

/* Take what there is; true: there is no need to sleep before the next look. */
static bool take(struct uring_queue *uq)
{
	struct virtio_queue *queue = uq->queue;
	struct blk_request *req;
	int ret = 0;

	if (uq->broken || stopping(uq))
		return false;
	uq->looked = false;
	vq_disable_notification(&queue->vq);
	while (uq->free && !stopping(uq) &&
	       (ret = blk_pop(queue, uq->free)) > BLK_POP_NONE) {
		if (ret == BLK_POP_ANSWERED)
			continue;
		req = uq->free;
		uq->free = req->next;
		uq->in_flight++;
		if (ended(uq, req))
			answer(uq, req, OS_DISK_ENDED);
		else if (uq->failed)
			carry_out(uq, req);
		else
			submit(uq, req);
	}
	virtio_queue_publish(queue);
	if (ret < 0) {
		uq->broken = true;
		virtio_device_needs_reset(queue->dev, "queue %u: %s",
					  queue->index, queue->vq.reason);
		return false;
	}
	/* With all requests in use, one of them wakes us. */
	return uq->free && vq_enable_notification(&queue->vq);
}

static void arm(struct uring_queue *uq)
{
	struct io_uring_sqe *sqe;

	if (uq->armed || stopping(uq))
		return;
	sqe = io_uring_get_sqe(&uq->ring);
	io_uring_prep_read(sqe, (int)uq->queue->doorbell.handle,
			   &uq->doorbells, sizeof(uq->doorbells), 0);
	io_uring_sqe_set_data(sqe, NULL);
	uq->armed = true;
}

/* What is done; how much that was. */
static uint32_t reap(struct uring_queue *uq)
{
	struct blk_request *req;
	struct io_uring_cqe *cqe;
	uint32_t count = 0;
	int res;

	for (; !io_uring_peek_cqe(&uq->ring, &cqe); count++) {
		req = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&uq->ring, cqe);
		/* have_worker()'s, which came late. */
		if ((void *)req == uq)
			continue;
		if (req) {
			complete(uq, req, res);
			continue;
		}
		uq->armed = false;
		/* A doorbell that cannot be waited for would be no end. */
		if (res < 0 && res != -EINTR)
			uq->failed = res;
	}
	virtio_queue_publish(uq->queue);
	return count;
}

/* ---- when the ring fails ------------------------------------------------- */

/* Nothing is told when the kernel has memory again. */
static void pause_shortly(void)
{
	const struct timespec time = { .tv_nsec = PAUSE_NS };

	nanosleep(&time, NULL);
}

/* io_uring_enter(2): will it be better by itself? */
static bool passes(int err)
{
	return err == -EINTR || err == -EAGAIN || err == -EBUSY ||
	       err == -ENOMEM;
}

/* Take back what the kernel has not: it looks when it is entered only. */
static void take_back(struct uring_queue *uq)
{
	struct io_uring_sq *sq = &uq->ring.sq;
	unsigned int at = __atomic_load_n(sq->khead, __ATOMIC_ACQUIRE);
	const struct io_uring_sqe *sqe;
	struct blk_request *req;

	for (; at != sq->sqe_tail; at++) {
		sqe = &sq->sqes[at & *sq->kring_mask];
		req = (struct blk_request *)(uintptr_t)sqe->user_data;
		if (!req)
			uq->armed = false;
		else if ((void *)req != uq)
			carry_out(uq, req);
	}
	virtio_queue_publish(uq->queue);
}

/* Nobody enters the ring any more; what the kernel has, it finishes. */
static void leave_ring(struct uring_queue *uq)
{
	virtio_device_host_error(uq->queue->dev, -uq->failed, "queue %u: "
				 "io_uring: %s; requests are carried out one "
				 "after the other from now on",
				 uq->queue->index, strerror(-uq->failed));
	take_back(uq);
	while (uq->in_flight || uq->armed) {
		/* Ends the read of it. */
		os_notifier_signal(&uq->queue->doorbell);
		if (!reap(uq))
			pause_shortly();
	}
	uq->alone = true;
}

static void go_on_alone(struct uring_queue *uq)
{
	while (!stopping(uq))
		if (!take(uq) && !stopping(uq))
			os_notifier_wait(&uq->queue->doorbell);
}

/* ---- the thread ---------------------------------------------------------- */

/* stop is set, then the doorbell signalled: a read under way ends. */
static void uring_main(void *arg)
{
	struct uring_queue *uq = arg;
	bool more;
	int ret;

	while (!uq->failed && (!stopping(uq) || uq->in_flight || uq->armed)) {
		more = take(uq);
		arm(uq);
		ret = more ? io_uring_submit(&uq->ring) :
		      uq->in_flight || uq->armed ?
		      io_uring_submit_and_wait(&uq->ring, 1) : 0;
		if (ret < 0 && !passes(ret))
			uq->failed = ret;
		if (!reap(uq) && ret < 0 && ret != -EINTR && !uq->failed)
			pause_shortly();
	}
	if (uq->failed && !uq->alone)
		leave_ring(uq);
	if (uq->alone)
		go_on_alone(uq);
}

/* ---- the engine ---------------------------------------------------------- */

/* No filter of system calls sees what goes through a ring: only this does. */
static int ring_restrict(struct io_uring *ring)
{
	static const uint8_t ops[] = {
		IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITEV,
		IORING_OP_FSYNC, IORING_OP_FALLOCATE
	};
	struct io_uring_restriction only[sizeof(ops) + 1] = { 0 };
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool able = probe;
	uint32_t i;

	for (i = 0; i < sizeof(ops); i++) {
		able = able && io_uring_opcode_supported(probe, ops[i]);
		only[i].opcode = IORING_RESTRICTION_SQE_OP;
		only[i].sqe_op = ops[i];
	}
	io_uring_free_probe(probe);
	only[i].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	only[i].sqe_flags = IOSQE_ASYNC;
	/* (liburing 2.3 does not export the functions named after these.) */
	if (!able || io_uring_register((unsigned int)ring->ring_fd,
				       IORING_REGISTER_RESTRICTIONS, only,
				       i + 1))
		return -1;
	return io_uring_register((unsigned int)ring->ring_fd,
				 IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int ring_init(struct io_uring *ring)
{
	/* Completions without interrupting the thread; Linux 5.19. */
	if (io_uring_queue_init(2 * URING_DEPTH, ring,
				IORING_SETUP_COOP_TASKRUN |
				IORING_SETUP_R_DISABLED) &&
	    io_uring_queue_init(2 * URING_DEPTH, ring,
				IORING_SETUP_R_DISABLED))
		return -1;
	if (!ring_restrict(ring))
		return 0;
	io_uring_queue_exit(ring);
	return -1;
}

static int uring_open(struct virtio_queue *queue)
{
	struct uring_queue *uq = calloc(1, sizeof(*uq));
	uint32_t i;

	if (!uq)
		return -1;
	if (ring_init(&uq->ring)) {
		free(uq);
		return -1;
	}
	uq->queue = queue;
	for (i = 0; i < URING_DEPTH; i++) {
		uq->req[i].next = uq->free;
		uq->free = &uq->req[i];
	}
	queue->backend = uq;
	return 0;
}

static void uring_close(struct virtio_queue *queue)
{
	struct uring_queue *uq = queue->backend;

	io_uring_queue_exit(&uq->ring);
	free(uq);
	queue->backend = NULL;
}

/*
 * Linux does what would block in threads of its own, made for the one that
 * asks when they are wanted first; of these one stays.  Where there may be no
 * more threads Linux tries for ever.
 */
static void have_worker(void *arg)
{
	struct uring_queue *uq = arg;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uq->ring);
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_prep_read(sqe, (int)blk_of(uq->queue)->file.handle,
			   &uq->doorbells, 0, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data(sqe, uq);
	ret = io_uring_submit(&uq->ring);
	if (ret < 0 && !passes(ret))
		uq->failed = ret;
	if (ret == 1 && !io_uring_wait_cqe(&uq->ring, &cqe))
		io_uring_cqe_seen(&uq->ring, cqe);
}

/* Its worker takes the place of a thread that could be had. */
static int ready_queue(struct virtio_queue *queue)
{
	struct os_thread *place = os_thread_new("place");

	if (!place)
		return -1;
	os_thread_free(place);
	os_thread_run(queue->thread, have_worker, queue->backend);
	os_thread_wait(queue->thread);
	return 0;
}

static void start_queue(struct virtio_queue *queue)
{
	struct uring_queue *uq = queue->backend;

	uq->stop = false;
	uq->broken = false;
	os_thread_run(queue->thread, uring_main, uq);
}

static void uring_stop(struct virtio_queue *queue)
{
	struct uring_queue *uq = queue->backend;

	__atomic_store_n(&uq->stop, true, __ATOMIC_RELEASE);
	os_notifier_signal(&queue->doorbell);
	os_thread_wait(queue->thread);
}

const struct blk_engine blk_uring_engine = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.ready = ready_queue,
	.start = start_queue,
	.stop = uring_stop,
};
