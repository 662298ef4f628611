/* SPDX-License-Identifier: GPL-2.0-only */
/* transport_impl.h - between transport.c and devices.c. */
#ifndef CVM_VIRTIO_CORE_TRANSPORT_IMPL_H
#define CVM_VIRTIO_CORE_TRANSPORT_IMPL_H

#include "transport.h"

struct virtio_devices {
	struct virtio_devices_args args;
	struct virtio_memory mem;
	struct cvm_virtio_table *table;
	struct cvm_virtio_slot *page;	/* slot 0's */
	struct {
		struct os_lock lock;
		struct virtio_device *dev;
		uint32_t plug;
	} slot[CVM_VIRTIO_SLOTS];
};

/* What every device offers. */
#define VIRTIO_TRANSPORT_FEATURES \
	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | \
	 VIRTIO_F_RING_PACKED | VIRTIO_F_RING_RESET)

/* One of the driver's fields, read once; one of ours, written. */
#define slot_get(field)		__atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define slot_set(field, value)	__atomic_store_n(&(field), value, \
						 __ATOMIC_RELEASE)

/* virtio_transport_command - carry out the command in the device's slot. */
void virtio_transport_command(struct virtio_device *dev);

/* virtio_transport_stop - end all queues. */
void virtio_transport_stop(struct virtio_device *dev);

/*
 * virtio_transport_raise - an event bit of a vCPU that exists.
 */
void virtio_transport_raise(struct virtio_devices *devs, uint32_t vcpu,
			    uint32_t bit);

#endif /* CVM_VIRTIO_CORE_TRANSPORT_IMPL_H */
