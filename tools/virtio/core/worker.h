/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h - a back end in a thread of its own.
 *
 * The thread serves one queue: while there are requests it wants no doorbells;
 * when there are none it asks for one, looks again and sleeps on it.  Of a
 * queue that is in_place it serves what a vCPU's thread has left.
 */
#ifndef CVM_VIRTIO_CORE_WORKER_H
#define CVM_VIRTIO_CORE_WORKER_H

#include "transport.h"

struct virtio_worker {
	struct virtio_queue *queue;
	/* One request, from pop to publish: as vq_pop(). */
	int (*serve)(struct virtio_queue *queue);
	bool stop;
	struct os_lock lock; /* of who serves; guards */
	bool broken;
};

/* virtio_worker_start - for queue_start of a queue that is threaded. */
void virtio_worker_start(struct virtio_worker *worker,
			 struct virtio_queue *queue,
			 int (*fn)(struct virtio_queue *queue));

/*
 * virtio_worker_ring - for ->doorbell: serve some requests in the calling
 * thread and leave the rest to the worker's.
 */
void virtio_worker_ring(struct virtio_worker *worker, struct cvm_user_run *run);

/* virtio_worker_stop - for queue_stop: the request under way is finished. */
void virtio_worker_stop(struct virtio_worker *worker);

#endif /* CVM_VIRTIO_CORE_WORKER_H */
