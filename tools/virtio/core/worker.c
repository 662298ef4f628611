// SPDX-License-Identifier: GPL-2.0-only
/* worker.c - a back end in a thread of its own. */
#include <string.h>

#include "worker.h"

/* Requests, then the vCPU goes on: it has a guest to run. */
#define IN_PLACE_MAX	16u

static bool stopping(struct virtio_worker *worker)
{
	return __atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE);
}

/*
 * Serve what there is, so many requests at most.  1: there may be more; 0: a
 * doorbell will tell; -1: the queue is broken.  Under the lock.
 */
static int serve(struct virtio_worker *worker, uint32_t limit)
{
	struct virtio_queue *queue = worker->queue;
	int ret = 1;

	if (worker->broken)
		return -1;
	vq_disable_notification(&queue->vq);
	while (ret > 0 && limit-- && !stopping(worker))
		ret = worker->serve(queue);
	if (!ret)
		return vq_enable_notification(&queue->vq);
	if (ret < 0) {
		worker->broken = true;
		virtio_device_needs_reset(queue->dev, "queue %u: %s",
					  queue->index, queue->vq.reason);
	}
	return ret;
}

static void worker_main(void *arg)
{
	struct virtio_worker *worker = arg;
	int ret = 1;

	while (ret >= 0 && !stopping(worker)) {
		os_lock(&worker->lock);
		ret = serve(worker, UINT32_MAX);
		os_unlock(&worker->lock);
		if (!ret)
			os_notifier_wait(&worker->queue->doorbell);
	}
}

void virtio_worker_ring(struct virtio_worker *worker, struct cvm_user_run *run)
{
	int ret = 1;

	/* Who has the lock may have looked for the last time already. */
	if (!os_trylock(&worker->lock)) {
		worker->queue->run = run;
		ret = serve(worker, IN_PLACE_MAX);
		worker->queue->run = NULL;
		os_unlock(&worker->lock);
	}
	if (ret > 0)
		os_notifier_signal(&worker->queue->doorbell);
}

void virtio_worker_start(struct virtio_worker *worker,
			 struct virtio_queue *queue,
			 int (*fn)(struct virtio_queue *queue))
{
	memset(worker, 0, sizeof(*worker));
	worker->queue = queue;
	worker->serve = fn;
	os_lock_init(&worker->lock);
	os_thread_run(queue->thread, worker_main, worker);
}

void virtio_worker_stop(struct virtio_worker *worker)
{
	__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
	os_notifier_signal(&worker->queue->doorbell);
	os_thread_wait(worker->queue->thread);
	os_lock_destroy(&worker->lock);
}
