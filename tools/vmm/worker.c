// SPDX-License-Identifier: GPL-2.0-only
/* worker.c - a back end in a thread of its own. */
#include <stdio.h>
#include <string.h>

#include "worker.h"

static bool stopping(struct cvm_worker *worker)
{
	return __atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE);
}

static void worker_main(void *arg)
{
	struct cvm_worker *worker = arg;
	struct cvm_queue *queue = worker->queue;
	int ret;

	while (!stopping(worker)) {
		cvm_vq_quiet(&queue->vq);
		do {
			ret = worker->serve(queue);
		} while (ret > 0 && !stopping(worker));
		if (ret < 0) {
			cvm_device_fail(queue->dev, "queue %u: %s",
					queue->index, queue->vq.reason);
			return;
		}
		if (!cvm_vq_listen(&queue->vq))
			cvm_plat_event_wait(&queue->doorbell);
	}
}

int cvm_worker_start(struct cvm_worker *worker, struct cvm_queue *queue,
		     int (*serve)(struct cvm_queue *queue))
{
	char name[16];

	memset(worker, 0, sizeof(*worker));
	worker->queue = queue;
	worker->serve = serve;
	snprintf(name, sizeof(name), "%.6s%u-q%u", queue->dev->ops->name,
		 queue->dev->slot % 100, queue->index % 100u);
	worker->thread = cvm_plat_thread_start(worker_main, worker, name);
	return worker->thread ? 0 : -1;
}

void cvm_worker_stop(struct cvm_worker *worker)
{
	__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
	cvm_plat_event_signal(&worker->queue->doorbell);
	cvm_plat_thread_join(worker->thread);
}
