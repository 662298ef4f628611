/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * transport.h - the device's side of the slot table (cvm/virtio.h), as a
 * device sees it.
 *
 * A device is a const table of functions, a configuration space and queues.
 * The transport does the rest: commands, status, features, interrupts.
 *
 * Threads: the functions of a device are called with its slot locked, by a
 * vCPU's thread or the one that pulls the device out, one at a time.  A back
 * end runs in a thread of its own between queue_start and queue_stop and may
 * call what is declared below as "any thread", nothing else.
 */
#ifndef CVM_VIRTIO_CORE_TRANSPORT_H
#define CVM_VIRTIO_CORE_TRANSPORT_H

#include "warnings.h"
#include "virtqueue.h"
#include "os/thread.h"
#include "virtio/devices.h"

#define VIRTIO_WORDS	2u

struct virtio_device;
struct virtio_queue;

struct virtio_device_ops {
	const char *name;	/* "blk" */
	uint32_t id;		/* 5 "Device Types" */
	const char *const *counters; /* names of its rows in counters.def,
				      * NULL behind them; NULL: none */

	/*
	 * Optional: all that takes rights is claimed, and they are about to
	 * be given up.
	 */
	void (*settle)(struct virtio_device *dev);

	/*
	 * Optional: all that the VM needs is claimed, change the host's files
	 * now.  -1 with a problem.  Before there is a guest.
	 */
	int (*commit)(struct virtio_device *dev, struct problem *problem);

	/*
	 * Optional, of a queue that is threaded: it has its thread; have what
	 * else that takes before the guest runs.  -1: no more threads.
	 */
	int (*queue_ready)(struct virtio_queue *queue);

	/*
	 * Begin to serve a queue: it is enabled and the driver is ready
	 * (2.1.2: no buffer is used before DRIVER_OK).  What that takes was
	 * had before the guest ran.
	 */
	void (*queue_start)(struct virtio_queue *queue);

	/* End it: no buffer of the queue is in use any more. */
	void (*queue_stop)(struct virtio_queue *queue);

	/*
	 * Optional: the guest rang for a queue that is in_place and is served.
	 * It is worked on here, in the thread of the vCPU that run means.
	 */
	void (*doorbell)(struct virtio_queue *queue, struct cvm_user_run *run);

	/* Optional: nobody in a function above may wait any more.  Unlocked. */
	void (*hangup)(struct virtio_device *dev);

	/* Optional: dev->negotiated is settled (2.2). */
	void (*features_ok)(struct virtio_device *dev);

	/* Optional: the driver writes configuration; -CVM_EINVAL. */
	int (*config_write)(struct virtio_device *dev, uint32_t offset,
			    const void *data, uint32_t bytes);

	/* Optional: back to the beginning; all queues are stopped. */
	void (*reset)(struct virtio_device *dev);

	/* Free the device and what it holds. */
	void (*destroy)(struct virtio_device *dev);
};

struct virtio_queue {
	struct vq vq;	/* the back end's, while it runs */
	struct virtio_device *dev;
	uint16_t index;
	uint16_t size_max;
	struct os_notifier doorbell;
	void *backend;		/* the device's own */
	bool in_place;		/* by the device, before virtio_device_plug():
				 * its doorbells are not bound, they come to
				 * ->doorbell */
	bool threaded;		/* by the device, likewise: it needs a */
	struct os_thread *thread; /* which is there when the guest runs */
	struct cvm_user_run *run; /* by who serves it, and nobody else does: of
				 * the vCPU whose thread it is; or NULL */

	/* the transport's */
	bool enabled;		/* between QUEUE_ON and QUEUE_OFF */
	bool running;		/* between queue_start and queue_stop */
	bool bound;		/* the driver signals .doorbell */
	uint64_t interrupts;
};

struct virtio_device {
	/* by the device, before virtio_device_plug() */
	const struct virtio_device_ops *ops;
	uint64_t features;	/* of its own; the transport adds the rest */
	uint32_t config_len;
	uint8_t config[CVM_VIRTIO_CONFIG_BYTES]; /* virtio_device_config() */
	uint32_t queues;
	struct virtio_queue *queue;
	uint64_t *counter;	/* by virtio_count(), as ops->counters */
	const char *word[VIRTIO_WORDS][2]; /* and what else it reports: name
					    * and value, "engine", "threads" */

	/* the transport's */
	uint64_t negotiated;	/* features, once FEATURES_OK is set */
	struct virtio_devices *devs;
	struct cvm_virtio_slot *page;
	uint32_t slot;
	struct os_lock state_lock; /* of status, configuration and warnings;
				    * innermost */
	uint32_t status;
	uint32_t generation;
	struct virtio_warnings warnings;
	struct os_notifier irq; /* signalled: the slot's event in vCPU 0, */
	uint32_t irq_id;	/* by the driver */
	bool irq_watched;
};

/*
 * virtio_device_init - make queues of at most size_max entries each, with their
 * doorbells.  -1 when there is no memory or no notifier.  virtio_device_exit()
 * is called by destroy, in every case.
 */
int virtio_device_init(struct virtio_device *dev,
		       const struct virtio_device_ops *ops, uint32_t queues,
		       uint16_t size_max);
void virtio_device_exit(struct virtio_device *dev);

/* virtio_device_in_place - all queues are; before virtio_device_plug(). */
void virtio_device_in_place(struct virtio_device *dev);

/*
 * virtio_device_plug - put a device into a free slot and tell the guest.  The
 * slot, or -CVM_E2BIG when all are taken; then it is still the caller's.
 */
int virtio_device_plug(struct virtio_devices *devs, struct virtio_device *dev);

/*
 * virtio_device_with - call fn for the device in a slot while it stays there.
 * -CVM_ENOENT: there is none, or another kind.
 */
int virtio_device_with(struct virtio_devices *devs, uint32_t slot,
		       const struct virtio_device_ops *ops,
		       void (*fn)(struct virtio_device *dev, void *arg),
		       void *arg);

/* virtio_device_has - was a feature negotiated? */
static inline bool virtio_device_has(const struct virtio_device *dev,
				     uint64_t feature)
{
	return dev->negotiated & feature;
}

/*
 * virtio_device_config - change configuration (2.5).  tell: once the driver is
 * ready, it is told (3.2.1), as it need not be of what it wrote itself.  Any
 * thread.
 */
void virtio_device_config(struct virtio_device *dev, uint32_t offset,
			  const void *data, uint32_t bytes, bool tell);

/*
 * virtio_device_log - one line in the log, each time: about what somebody did
 * on the host, which no guest can bring about.  Any thread.
 */
void virtio_device_log(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * virtio_device_warn - one line in the log, of some that a device has: people
 * should know, and the guest cannot tell them.  Any thread.
 */
void virtio_device_warn(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * virtio_device_host_error - the host could not do something: the same, with
 * its error's number (> 0), which is the kind that lines are counted by.
 */
void virtio_device_host_error(struct virtio_device *dev, int error,
			      const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * virtio_device_needs_reset - the driver broke a rule, or the device cannot go
 * on: DEVICE_NEEDS_RESET (2.1.2), one line in the log.  Any thread.
 */
void virtio_device_needs_reset(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * virtio_count - add to a counter that one thread at a time adds to; others
 * may read it.
 */
static inline void virtio_count(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) +
			 more, __ATOMIC_RELAXED);
}

/*
 * virtio_counters_report - names, NULL behind the last, and their values.
 */
void virtio_counters_report(const char *const *names, const uint64_t *values,
			    virtio_report_fn *fn, void *ctx);

/* virtio_queue_interrupt - a used buffer notification (2.3).  Any thread. */
void virtio_queue_interrupt(struct virtio_queue *queue);

/* virtio_queue_publish - show what was pushed, interrupt if it is wanted. */
static inline void virtio_queue_publish(struct virtio_queue *queue)
{
	if (vq_publish(&queue->vq))
		virtio_queue_interrupt(queue);
}

#endif /* CVM_VIRTIO_CORE_TRANSPORT_H */
