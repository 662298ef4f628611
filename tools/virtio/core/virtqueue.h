/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtqueue.h - the device's side of a virtqueue (VIRTIO 1.2, 2.7 "Split
 * Virtqueues" and 2.8 "Packed Virtqueues").
 *
 *	while (vq_pop(vq, &chain) > 0) {
 *		... use chain.iov ...
 *		vq_push(vq, &chain, bytes_written);
 *	}
 *	if (vq_publish(vq))
 *		... interrupt the driver ...
 *
 * One thread at a time uses a queue.  The other side of it, the driver, is
 * not trusted: whatever it does ends in -1 and a reason, after which the queue
 * is broken until it is started again.  Each field that the driver can write
 * is read once; what is handed out lies in guest memory.
 *
 * Descriptors are addresses in guest memory, which the driver may change while
 * a device looks at them.  A device copies what it decides on.
 */
#ifndef CVM_VIRTIO_CORE_VIRTQUEUE_H
#define CVM_VIRTIO_CORE_VIRTQUEUE_H

#include <stdbool.h>

#include "memory.h"
#include "virtio_spec.h"

#define VQ_REASON	160

/* What a driver and a device agreed on. */
struct vq_config {
	const struct virtio_memory *mem;
	uint64_t features;	/* VIRTIO_F_* negotiated */
	uint16_t size;
	uint16_t chain_max;	/* descriptors in an indirect table */
	uint64_t desc_gpa;	/* descriptor area */
	uint64_t driver_gpa;	/* driver area */
	uint64_t device_gpa;	/* device area */
};

struct vq {
	/* by vq_start() */
	const struct vq_format *format;	/* split or packed */
	const struct virtio_memory *mem;
	void *desc, *driver, *device;
	uint32_t size;
	uint32_t chain_max;
	uint32_t modulus;	/* of the positions below */
	bool event_idx;
	bool indirect;
	const struct virtio_range *recent;	/* of the last descriptor */

	/* positions: avail >= used >= published >= signalled */
	uint32_t avail;		/* next to be popped */
	uint32_t used;		/* next to be pushed */
	uint32_t published;	/* the driver sees what is before it */
	uint32_t signalled;	/* the driver was asked about what is before */
	uint16_t first_flags;	/* packed: kept back until published */

	bool broken;
	char reason[VQ_REASON];	/* what is wrong and where */
};

/* A request: pieces to read first, then pieces to write. */
struct vq_chain {
	struct os_iov *iov;	/* set by the user, */
	uint32_t space;		/* with space for this many pieces */
	uint32_t readable;	/* pieces */
	uint32_t writable;	/* pieces behind them */
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint16_t id;		/* the queue's own: */
	uint16_t slots;
};

/*
 * vq_start - take over a queue from its beginning.  -CVM_EINVAL with
 * vq->reason when size, addresses or alignment cannot be.
 */
int vq_start(struct vq *vq, const struct vq_config *config);

/* vq_pop - the next request: 1, 0: there is none, -1: broken. */
int vq_pop(struct vq *vq, struct vq_chain *chain);

/*
 * vq_push - give a request back, in any order; written: bytes from the
 * start of its writable part that hold something.  The driver sees it after
 * vq_publish().
 */
void vq_push(struct vq *vq, const struct vq_chain *chain,
	     uint32_t written);

/* vq_publish - show what was pushed; true: the driver wants to hear. */
bool vq_publish(struct vq *vq);

/*
 * vq_disable_notification - ask the driver for no doorbells from now on (2.7.10
 * "Available Buffer Notification Suppression", 2.8.21.1).
 * vq_enable_notification - ask for them; true when there is something to pop
 * already, for which none will come.
 */
void vq_disable_notification(struct vq *vq);
bool vq_enable_notification(struct vq *vq);

/*
 * vq_break - a request cannot be answered: keep the first reason;
 * -1, to hand on.
 */
int vq_break(struct vq *vq, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* vq_in_flight - popped and not pushed: requests, or packed: entries. */
uint32_t vq_in_flight(const struct vq *vq);

#endif /* CVM_VIRTIO_CORE_VIRTQUEUE_H */
