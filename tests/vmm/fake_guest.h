/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_guest.h - the driver's side of a virtqueue, a model for tests.
 *
 * It does what VIRTIO 1.2 asks of a driver (2.7.13, 2.7.14, 2.8.21, 2.8.22),
 * in the simplest form, on the same memory as the device under test.
 */
#ifndef TEST_VMM_FAKE_GUEST_H
#define TEST_VMM_FAKE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/core/memory.h"
#include "virtio/core/virtio_spec.h"

#define FAKE_GUEST_SIZE_MAX	1024u

struct fake_buffer {
	uint64_t gpa;
	uint32_t bytes;
	bool write;
};

struct fake_queue {
	bool packed;
	bool event_idx;
	uint16_t size;
	uint64_t desc_gpa, driver_gpa, device_gpa;
	uint64_t end_gpa;	/* first address behind the areas */
	void *desc, *driver, *device;

	uint16_t free;		/* descriptors nobody uses */
	uint16_t next_free;	/* split: list through desc.next */
	uint16_t ids[FAKE_GUEST_SIZE_MAX];	/* packed: stack of free ids, */
	uint16_t ids_free;		/* this high */
	uint16_t slots[FAKE_GUEST_SIZE_MAX]; /* of a request, by id */
	uint16_t avail;		/* split: index; packed: entry */
	uint16_t used;
	bool avail_wrap, used_wrap;
	uint16_t kicked;	/* split: available index at the last look */
	uint16_t added;		/* packed: entries since the last look */
};

/*
 * fake_guest_init - an empty queue whose areas begin at gpa; they are zeroed.
 * features: VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX.
 */
void fake_guest_init(struct fake_queue *q, const struct virtio_memory *mem,
		     uint64_t gpa, uint16_t size, uint64_t features);

/* fake_guest_add - make a request available: its id, or -1 when full. */
int fake_guest_add(struct fake_queue *q, const struct fake_buffer *buf,
		   uint16_t count);

/*
 * fake_guest_add_indirect - the same through a table at table_gpa, which is
 * written too.
 */
int fake_guest_add_indirect(struct fake_queue *q,
			    const struct virtio_memory *mem,
			    uint64_t table_gpa, const struct fake_buffer *buf,
			    uint16_t count);

/* fake_guest_needs_notification - does the device want a doorbell for it? */
bool fake_guest_needs_notification(struct fake_queue *q);

/* fake_guest_get - a used request: its id, *len; -1 when there is none. */
int fake_guest_get(struct fake_queue *q, uint32_t *len);

/*
 * fake_guest_disable_notification, fake_guest_enable_notification - as
 * vq_disable_notification() and vq_enable_notification().
 */
void fake_guest_disable_notification(struct fake_queue *q);
bool fake_guest_enable_notification(struct fake_queue *q);

#endif /* TEST_VMM_FAKE_GUEST_H */
