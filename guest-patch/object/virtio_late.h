/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_late.h - for virtio.c where virtio is a module: its functions are
 * taken from the module when that is there (virtio_late.c).
 */
#ifndef CVM_OBJECT_VIRTIO_LATE_H
#define CVM_OBJECT_VIRTIO_LATE_H

#include <linux/init.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

/* All that virtio.c calls of virtio and virtio_ring. */
#define CVM_VIRTIO_FUNCTIONS(row)					\
	row(register_virtio_device)					\
	row(unregister_virtio_device)					\
	row(virtio_break_device)					\
	row(virtio_config_changed)					\
	row(vring_create_virtqueue)					\
	row(vring_del_virtqueue)					\
	row(vring_interrupt)						\
	row(vring_transport_features)					\
	row(virtqueue_get_vring_size)					\
	row(virtqueue_get_desc_addr)					\
	row(virtqueue_get_avail_addr)					\
	row(virtqueue_get_used_addr)

#define CVM_VIRTIO_POINTER(fn)	typeof(&fn) fn;
extern struct cvm_guest_virtio_functions {
	CVM_VIRTIO_FUNCTIONS(CVM_VIRTIO_POINTER)
} cvm_guest_virtio;

/* What virtio.c starts with. */
int cvm_guest_virtio_start(void);

#ifndef CVM_VIRTIO_LATE_C
#define register_virtio_device \
	(*cvm_guest_virtio.register_virtio_device)
#define unregister_virtio_device \
	(*cvm_guest_virtio.unregister_virtio_device)
#define virtio_break_device \
	(*cvm_guest_virtio.virtio_break_device)
#define virtio_config_changed \
	(*cvm_guest_virtio.virtio_config_changed)
#define vring_create_virtqueue \
	(*cvm_guest_virtio.vring_create_virtqueue)
#define vring_del_virtqueue \
	(*cvm_guest_virtio.vring_del_virtqueue)
#define vring_interrupt \
	(*cvm_guest_virtio.vring_interrupt)
#define vring_transport_features \
	(*cvm_guest_virtio.vring_transport_features)
#define virtqueue_get_vring_size \
	(*cvm_guest_virtio.virtqueue_get_vring_size)
#define virtqueue_get_desc_addr \
	(*cvm_guest_virtio.virtqueue_get_desc_addr)
#define virtqueue_get_avail_addr \
	(*cvm_guest_virtio.virtqueue_get_avail_addr)
#define virtqueue_get_used_addr \
	(*cvm_guest_virtio.virtqueue_get_used_addr)

#undef device_initcall
#define device_initcall(fn)						\
	int cvm_guest_virtio_start(void)				\
	{								\
		return fn();						\
	}
#endif

#endif /* CVM_OBJECT_VIRTIO_LATE_H */
