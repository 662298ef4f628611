/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio.h - the virtio transport between a guest kernel and its VMM.
 *
 * Devices are standard virtio 1.x devices (Virtual I/O Device (VIRTIO)
 * Version 1.2, OASIS).  What a transport has to add - finding devices, status,
 * features, configuration, queue addresses, notifications - is one page of
 * shared memory per device, a "slot", and two things the monitor already
 * carries: the hypercall CVM_HC_DOORBELL and event bits.  The monitor itself
 * knows nothing of devices.
 *
 * It is copied unchanged into patched guest kernels, so it uses fixed-width
 * types only and includes nothing but <stdint.h>.
 *
 * Memory: the VMM reserves CVM_VIRTIO_TABLE_BYTES of guest memory, page
 * aligned, as one Linux setup_data record of type CVM_SETUP_VIRTIO: the first
 * page is the table's header, which begins with the setup_data header, slot n
 * is the page n + 1.  Guest memory is the machine's, so every address here is
 * a GPA and a driver's buffers need no translation (the devices do not offer
 * VIRTIO_F_ACCESS_PLATFORM).
 *
 * (D) is written by the device side, the VMM; (G) by the driver side, the
 * guest; (B) by both, atomically.  Everything marked (G) is untrusted input
 * of the VMM: each field is read once and checked before use.
 */
#ifndef CVM_VIRTIO_H
#define CVM_VIRTIO_H

#include <stdint.h>

#define CVM_VIRTIO_VERSION	2u
#define CVM_VIRTIO_MAGIC	0x56764d43u	/* "CMvV" */
#define CVM_SETUP_VIRTIO	0x4d564376u	/* setup_data.type */

#define CVM_VIRTIO_SLOTS	48u	/* one event bit each */
#define CVM_VIRTIO_QUEUES	64u	/* of one device */
#define CVM_VIRTIO_CONFIG_BYTES	256u
#define CVM_VIRTIO_TABLE_PAGES	(1u + CVM_VIRTIO_SLOTS)
#define CVM_VIRTIO_TABLE_BYTES	(CVM_VIRTIO_TABLE_PAGES * 4096u)

/*
 * arg0 of CVM_HC_DOORBELL.  A queue's doorbell is the available buffer
 * notification (2.7.13 "Supplying Buffers to The Device"; 2.8.21 for packed
 * queues); whether it is needed is decided by the ring's own event index, so
 * none is sent while the back end is awake on its ring.
 */
#define CVM_VIRTIO_DOORBELL(slot, queue)	((slot) << 8 | (queue))
#define CVM_VIRTIO_DOORBELL_COMMAND		0xffu

/* The event bit of a slot, in the vCPU its driver asked for. */
#define CVM_VIRTIO_EVENT_BIT(slot)		(16u + (slot))

/* ---- the table's header, page 0 ---------------------------------------- */

struct cvm_virtio_table {
	/* struct setup_data of Linux's boot protocol */
	uint64_t setup_next;	/* (D) 0: the last one */
	uint32_t setup_type;	/* (D) CVM_SETUP_VIRTIO */
	uint32_t setup_len;	/* (D) CVM_VIRTIO_TABLE_BYTES - 16 */

	uint32_t magic;		/* (D) CVM_VIRTIO_MAGIC */
	uint32_t version;	/* (D) CVM_VIRTIO_VERSION */
	uint32_t slots;		/* (D) CVM_VIRTIO_SLOTS */
	uint32_t pad;
	/*
	 * (B) one bit per slot whose device came or went since the guest
	 * looked; set before CVM_EVENT_HOTPLUG_BIT is raised, exchanged with
	 * 0 by the guest.
	 */
	uint64_t changed;
	/*
	 * (D) the window of the terminal at the guest's own console, hvc0:
	 * columns << 16 | rows, 0: not known.  CVM_EVENT_CONSOLE_BIT after
	 * each change.
	 */
	uint32_t console_size;
};

/* ---- commands ----------------------------------------------------------- */

/*
 * The driver writes .command and .arg and rings the slot's
 * CVM_VIRTIO_DOORBELL_COMMAND; when the hypercall returns, .result holds 0 or
 * a negative CVM_E* and the fields the command concerns are up to date.
 * The call stops its vCPU for as long as the command takes; only RESET and
 * QUEUE_OFF may take long, for they wait for requests in flight.
 */
enum {
	/* 2.1 "Device Status Field": arg = the bits to be set (status is a
	 * set that only grows, RESET empties it).  The device may withhold
	 * FEATURES_OK, and adds DEVICE_NEEDS_RESET when it must. */
	CVM_VIRTIO_SET_STATUS = 1,
	/* 2.4 "Device Reset": all queues stopped, no buffer in use any more,
	 * no pending bits; .status is 0 afterwards. */
	CVM_VIRTIO_RESET = 2,
	/* 4.2.2-like queue start: arg = queue; the queue's (G) fields are
	 * taken over.  -CVM_EINVAL when they cannot be. */
	CVM_VIRTIO_QUEUE_ON = 3,
	/* 2.6.1 "Virtqueue Reset": arg = queue (VIRTIO_F_RING_RESET). */
	CVM_VIRTIO_QUEUE_OFF = 4,
	/* 2.5 "Device Configuration Space", a write: .config_in holds
	 * arg & 0xffff bytes for offset arg >> 16. */
	CVM_VIRTIO_CONFIG_WRITE = 5,
};

/* ---- one device ---------------------------------------------------------- */

struct cvm_virtio_queue {
	uint16_t size_max;	/* (D) 0: there is no such queue */
	uint16_t size;		/* (G) entries in use, <= size_max */
	uint16_t enabled;	/* (D) 1 between QUEUE_ON and QUEUE_OFF */
	uint16_t vcpu;		/* (G) whose event bit is raised; may change
				 * at any time, an interrupt's affinity */
	uint64_t desc;		/* (G) descriptor area, GPA */
	uint64_t driver;	/* (G) driver area (available ring) */
	uint64_t device;	/* (G) device area (used ring) */
	uint64_t interrupts;	/* (D) event bits raised for it */
	uint64_t doorbells;	/* (G) doorbells rung for it */
};

struct cvm_virtio_slot {
	/* 0x000: what it is (D).  device_id is written last. */
	uint32_t magic;		/* CVM_VIRTIO_MAGIC */
	uint32_t device_id;	/* 5 "Device Types"; 0: the slot is empty */
	uint32_t vendor;	/* CVM_VIRTIO_VENDOR */
	uint32_t queues;	/* <= CVM_VIRTIO_QUEUES */
	uint64_t device_features; /* feature bits 0..63 */
	uint32_t status;	/* device status as the device sees it */
	uint32_t config_len;	/* bytes of .config in use */
	uint32_t plug;		/* counts devices plugged into this slot, so
				 * that a swap cannot be overlooked */
	uint32_t unplug;	/* 1: the device wants to go.  The driver lets
				 * go of it, ending with RESET; the device
				 * then clears device_id */
	uint32_t pad0[6];

	/* 0x040: the driver's side (G) */
	uint64_t driver_features; /* before SET_STATUS(FEATURES_OK) */
	uint32_t command;	/* CVM_VIRTIO_* */
	uint32_t arg;
	uint16_t config_vcpu;	/* whose event bit config changes raise */
	uint16_t pad1;
	int32_t result;		/* (D) of the last command */
	uint64_t pad2[5];

	/*
	 * 0x080: pending (B).  The device sets a queue's bit (used buffer
	 * notification, 2.3 "Notifications") or config_pending (configuration
	 * change notification), then raises the slot's event bit - unless the
	 * bit was set already, for then an event is on its way.  The driver
	 * exchanges both with 0; an event that finds nothing pending concerns
	 * every queue (a back end in the host's kernel raises the event bit
	 * alone).
	 */
	uint64_t queue_pending;
	uint32_t config_pending;
	uint32_t pad3[13];

	/*
	 * 0x0c0: device configuration space (D), in two copies, so that no
	 * driver waits for a device side that is not scheduled: that makes
	 * .generation odd, writes .config, makes it even, writes .config_odd.
	 * The driver reads .config while .generation is even and .config_odd
	 * while it is odd, and again when it has changed meanwhile (2.5.3
	 * "configuration atomicity").
	 */
	uint32_t generation;
	uint32_t pad4[15];
	uint8_t config[CVM_VIRTIO_CONFIG_BYTES];	/* 0x100 */
	uint8_t config_in[CVM_VIRTIO_CONFIG_BYTES];	/* 0x200 (G) */

	uint8_t config_odd[CVM_VIRTIO_CONFIG_BYTES];	/* 0x300 (D) */

	/* 0x400 */
	struct cvm_virtio_queue queue[CVM_VIRTIO_QUEUES];
};

#define CVM_VIRTIO_VENDOR	0x004d5643u	/* "CVM" */

#ifndef CVM_ABI_NO_ASSERT
_Static_assert(sizeof(struct cvm_virtio_queue) == 48, "virtio queue");
_Static_assert(__builtin_offsetof(struct cvm_virtio_slot, driver_features) ==
	       0x40, "virtio slot: driver side");
_Static_assert(__builtin_offsetof(struct cvm_virtio_slot, queue_pending) ==
	       0x80, "virtio slot: pending");
_Static_assert(__builtin_offsetof(struct cvm_virtio_slot, generation) == 0xc0,
	       "virtio slot: configuration");
_Static_assert(__builtin_offsetof(struct cvm_virtio_slot, config) == 0x100,
	       "virtio slot: configuration");
_Static_assert(__builtin_offsetof(struct cvm_virtio_slot, config_odd) == 0x300,
	       "virtio slot: configuration");
_Static_assert(__builtin_offsetof(struct cvm_virtio_slot, queue) == 0x400,
	       "virtio slot: queues");
_Static_assert(sizeof(struct cvm_virtio_slot) == 0x1000, "virtio slot: size");
#endif

#endif /* CVM_VIRTIO_H */
