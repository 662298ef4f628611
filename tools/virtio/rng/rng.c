// SPDX-License-Identifier: GPL-2.0-only
/* rng.c - randomness for a guest (VIRTIO 1.2, 5.4 "Entropy Device"). */
#include <stdlib.h>

#include "virtio/core/worker.h"

#define VIRTIO_ID_RNG	4u
#define RNG_QUEUE_SIZE	8u
#define RNG_PIECES	16u
/* 5.4.6.2 asks for a byte at least; a request takes no longer than this. */
#define RNG_BYTES_MAX	4096u

struct rng {
	struct virtio_device dev;
	struct virtio_worker worker;
};

static struct rng *rng_of(struct virtio_device *dev)
{
	return (struct rng *)dev;
}

static int rng_serve(struct virtio_queue *queue)
{
	struct os_iov iov[RNG_PIECES];
	struct vq_chain chain = { .iov = iov, .space = RNG_PIECES };
	uint8_t bytes[RNG_BYTES_MAX];
	size_t count;
	int ret;

	ret = vq_pop(&queue->vq, &chain);
	if (ret <= 0)
		return ret;
	count = chain.write_bytes < sizeof(bytes) ? chain.write_bytes :
		sizeof(bytes);
	if (!count)
		return vq_break(&queue->vq, "a request without room");
	if (os_random(bytes, count))
		return vq_break(&queue->vq, "the system's generator "
				"fails");
	os_iov_put(iov + chain.readable, chain.writable, 0, bytes, count);
	vq_push(&queue->vq, &chain, (uint32_t)count);
	virtio_queue_publish(queue);
	return 1;
}

static void rng_start(struct virtio_queue *queue)
{
	virtio_worker_start(&rng_of(queue->dev)->worker, queue, rng_serve);
}

static void rng_stop(struct virtio_queue *queue)
{
	virtio_worker_stop(&rng_of(queue->dev)->worker);
}

static void rng_destroy(struct virtio_device *dev)
{
	virtio_device_exit(dev);
	free(rng_of(dev));
}

static const struct virtio_device_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.queue_start = rng_start,
	.queue_stop = rng_stop,
	.destroy = rng_destroy,
};

int virtio_rng_add(struct virtio_devices *devs,
		   struct problem *problem)
{
	struct rng *rng = calloc(1, sizeof(*rng));
	int slot;

	if (!rng)
		return problem_set(problem, "rng", "no memory");
	if (virtio_device_init(&rng->dev, &rng_ops, 1, RNG_QUEUE_SIZE)) {
		rng_destroy(&rng->dev);
		return problem_set(problem, "rng", "out of memory or file "
				   "handles");
	}
	rng->dev.queue[0].threaded = true;
	slot = virtio_device_plug(devs, &rng->dev);
	if (slot < 0) {
		rng_destroy(&rng->dev);
		return problem_set(problem, "rng", "all %u slots are taken",
				   CVM_VIRTIO_SLOTS);
	}
	return slot;
}
