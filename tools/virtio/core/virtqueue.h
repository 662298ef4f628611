/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtqueue.h - the device's side of a virtqueue (VIRTIO 1.2, 2.7 "Split
 * Virtqueues" and 2.8 "Packed Virtqueues").
 *
 *	while (cvm_vq_pop(vq, &chain) > 0) {
 *		... use chain.iov ...
 *		cvm_vq_push(vq, &chain, bytes_written);
 *	}
 *	if (cvm_vq_publish(vq))
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

#define CVM_VQ_REASON	160

/* What a driver and a device agreed on. */
struct cvm_vq_config {
	const struct cvm_memory *mem;
	uint64_t features;	/* VIRTIO_F_* negotiated */
	uint16_t size;
	uint16_t chain_max;	/* descriptors in an indirect table */
	uint64_t desc_gpa;	/* descriptor area */
	uint64_t driver_gpa;	/* driver area */
	uint64_t device_gpa;	/* device area */
};

struct cvm_vq {
	/* by cvm_vq_start() */
	const struct cvm_vq_format *format;	/* split or packed */
	const struct cvm_memory *mem;
	void *desc, *driver, *device;
	uint32_t size;
	uint32_t chain_max;
	uint32_t modulus;	/* of the positions below */
	bool event_idx;
	bool indirect;
	const struct cvm_memory_range *recent;	/* of the last descriptor */

	/* positions: avail >= used >= published >= signalled */
	uint32_t avail;		/* next to be popped */
	uint32_t used;		/* next to be pushed */
	uint32_t published;	/* the driver sees what is before it */
	uint32_t signalled;	/* the driver was asked about what is before */
	uint16_t first_flags;	/* packed: kept back until published */

	bool broken;
	char reason[CVM_VQ_REASON];	/* what is wrong and where */
};

/* A request: pieces to read first, then pieces to write. */
struct cvm_chain {
	struct os_iov *iov;	/* set by the user, */
	uint32_t room;		/* with room for this many pieces */
	uint32_t readable;	/* pieces */
	uint32_t writable;	/* pieces behind them */
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint16_t id;		/* the queue's own: */
	uint16_t slots;
};

/*
 * cvm_vq_start - take over a queue from its beginning.  -CVM_EINVAL with
 * vq->reason when size, addresses or alignment cannot be.
 */
int cvm_vq_start(struct cvm_vq *vq, const struct cvm_vq_config *config);

/* cvm_vq_pop - the next request: 1, 0: there is none, -1: broken. */
int cvm_vq_pop(struct cvm_vq *vq, struct cvm_chain *chain);

/*
 * cvm_vq_push - give a request back, in any order; written: bytes from the
 * start of its writable part that hold something.  The driver sees it after
 * cvm_vq_publish().
 */
void cvm_vq_push(struct cvm_vq *vq, const struct cvm_chain *chain,
		 uint32_t written);

/* cvm_vq_publish - show what was pushed; true: the driver wants to hear. */
bool cvm_vq_publish(struct cvm_vq *vq);

/*
 * cvm_vq_quiet - no doorbells from now on; cvm_vq_listen - doorbells, please;
 * true when there is something to pop already, for which none will come.
 */
void cvm_vq_quiet(struct cvm_vq *vq);
bool cvm_vq_listen(struct cvm_vq *vq);

/*
 * cvm_vq_break - a request cannot be answered: keep the first reason;
 * -1, to hand on.
 */
int cvm_vq_break(struct cvm_vq *vq, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* cvm_vq_in_flight - popped and not pushed: requests, or packed: entries. */
uint32_t cvm_vq_in_flight(const struct cvm_vq *vq);

#endif /* CVM_VIRTIO_CORE_VIRTQUEUE_H */
