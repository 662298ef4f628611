/* SPDX-License-Identifier: GPL-2.0-only */
/* transport_impl.h - between transport.c and devices.c. */
#ifndef CVM_VIRTIO_CORE_TRANSPORT_IMPL_H
#define CVM_VIRTIO_CORE_TRANSPORT_IMPL_H

#include "transport.h"

struct cvm_vmm_devices {
	struct cvm_vmm_args args;
	struct cvm_memory mem;
	struct cvm_virtio_table *table;
	struct cvm_virtio_slot *page;	/* slot 0's */
	struct {
		struct os_lock lock;
		struct cvm_device *dev;
		uint32_t plug;
	} slot[CVM_VIRTIO_SLOTS];
};

/* What every device offers. */
#define CVM_TRANSPORT_FEATURES \
	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | \
	 VIRTIO_F_RING_PACKED | VIRTIO_F_RING_RESET)

/* One of the driver's fields, read once; one of ours, written. */
#define cvm_get(field)		__atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define cvm_set(field, value)	__atomic_store_n(&(field), value, \
						 __ATOMIC_RELEASE)

/* cvm_transport_command - carry out the command in the device's slot. */
void cvm_transport_command(struct cvm_device *dev);

/* cvm_transport_stop - end all queues. */
void cvm_transport_stop(struct cvm_device *dev);

/*
 * cvm_transport_raise - an event bit of a vCPU that exists.
 */
void cvm_transport_raise(struct cvm_vmm_devices *devs, uint32_t vcpu,
			 uint32_t bit);

#endif /* CVM_VIRTIO_CORE_TRANSPORT_IMPL_H */
