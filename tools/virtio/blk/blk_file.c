// SPDX-License-Identifier: GPL-2.0-only
/* blk_file.c - one request after the other, a thread for each queue. */
#include <stdlib.h>

#include <cvm/error.h>

#include "blk.h"
#include "virtio/core/worker.h"

struct file_queue {
	struct virtio_worker worker;
	struct blk_request req;
};

static int ranges(struct blk *blk, const struct blk_request *req)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < req->ranges && !ret; i++)
		ret = blk_range_do(blk, req, &req->range[i]);
	return ret;
}

int blk_carry_out(struct blk *blk, const struct blk_request *req)
{
	int ret;

	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		return os_disk_read(&blk->file, req->data, req->pieces,
				    req->offset);
	case VIRTIO_BLK_T_OUT:
		ret = os_disk_write(&blk->file, req->data, req->pieces,
				    req->offset);
		break;
	case VIRTIO_BLK_T_FLUSH:
		return blk_sync(blk);
	default:
		ret = ranges(blk, req);
		break;
	}
	return !ret && req->stable ? blk_sync(blk) : ret;
}

int blk_file_serve(struct virtio_queue *queue)
{
	struct file_queue *file = queue->backend;
	enum blk_popped popped = blk_pop(queue, &file->req);

	if (popped <= BLK_POP_NONE)
		return popped;
	if (popped == BLK_POP_REQUEST)
		blk_answer(queue, &file->req,
			   blk_carry_out(blk_of(queue), &file->req));
	virtio_queue_publish(queue);
	return 1;
}

static int file_open(struct virtio_queue *queue)
{
	queue->backend = calloc(1, sizeof(struct file_queue));
	return queue->backend ? 0 : -1;
}

static void file_close(struct virtio_queue *queue)
{
	free(queue->backend);
	queue->backend = NULL;
}

static void start(struct virtio_queue *queue)
{
	struct file_queue *file = queue->backend;

	virtio_worker_start(&file->worker, queue, blk_file_serve);
}

static void stop(struct virtio_queue *queue)
{
	struct file_queue *file = queue->backend;

	virtio_worker_stop(&file->worker);
}

static void doorbell(struct virtio_queue *queue, struct cvm_user_run *run)
{
	struct file_queue *file = queue->backend;

	virtio_worker_ring(&file->worker, run);
}

const struct blk_engine blk_file_engine = {
	.name = "threads",
	.open = file_open,
	.close = file_close,
	.start = start,
	.stop = stop,
	.doorbell = doorbell,
};
