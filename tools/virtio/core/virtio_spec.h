/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_spec.h - numbers and layouts of Virtual I/O Device (VIRTIO) Version
 * 1.2 (OASIS), by section.  Everything is little endian, as x86-64 is.
 */
#ifndef CVM_VIRTIO_CORE_VIRTIO_SPEC_H
#define CVM_VIRTIO_CORE_VIRTIO_SPEC_H

#include <stdint.h>

/* 2.1 "Device Status Field" */
#define VIRTIO_STATUS_ACKNOWLEDGE	1u
#define VIRTIO_STATUS_DRIVER		2u
#define VIRTIO_STATUS_DRIVER_OK		4u
#define VIRTIO_STATUS_FEATURES_OK	8u
#define VIRTIO_STATUS_NEEDS_RESET	64u
#define VIRTIO_STATUS_FAILED		128u

/* 6 "Reserved Feature Bits" */
#define VIRTIO_F_INDIRECT_DESC		(1ull << 28)
#define VIRTIO_F_EVENT_IDX		(1ull << 29)
#define VIRTIO_F_VERSION_1		(1ull << 32)
#define VIRTIO_F_RING_PACKED		(1ull << 34)
#define VIRTIO_F_RING_RESET		(1ull << 40)

/* 2.7.5 "The Virtqueue Descriptor Table", 2.8.13 */
#define VIRTQ_DESC_F_NEXT		1u
#define VIRTQ_DESC_F_WRITE		2u
#define VIRTQ_DESC_F_INDIRECT		4u

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* 2.7.6 "The Virtqueue Available Ring"; used_event follows ring[size]. */
#define VIRTQ_AVAIL_F_NO_INTERRUPT	1u

struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

/* 2.7.8 "The Virtqueue Used Ring"; avail_event follows ring[size]. */
#define VIRTQ_USED_F_NO_NOTIFY		1u

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[];
};

/* 2.8.13 "The Virtqueue Descriptor Format" */
#define VIRTQ_DESC_F_AVAIL		(1u << 7)
#define VIRTQ_DESC_F_USED		(1u << 15)

struct pvirtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

/* 2.8.14 "Event Suppression Structure Format", as one 32-bit word */
#define RING_EVENT_FLAGS_ENABLE		0u
#define RING_EVENT_FLAGS_DISABLE		1u
#define RING_EVENT_FLAGS_DESC		2u
#define PVIRTQ_EVENT_OFF(word)		((word) & 0x7fffu)
#define PVIRTQ_EVENT_WRAP(word)		((word) >> 15 & 1u)
#define PVIRTQ_EVENT_FLAGS(word)	((word) >> 16 & 3u)
#define PVIRTQ_EVENT(off, wrap, flags) \
	((uint32_t)(off) | (uint32_t)(wrap) << 15 | (uint32_t)(flags) << 16)

#define VIRTQ_SIZE_MAX			32768u	/* 2.7, 2.8 */

#endif /* CVM_VIRTIO_CORE_VIRTIO_SPEC_H */
