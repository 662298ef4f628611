/* SPDX-License-Identifier: GPL-2.0-only */
/* console_rig.h - a console device and a driver of its ports. */
#ifndef TEST_VMM_CONSOLE_RIG_H
#define TEST_VMM_CONSOLE_RIG_H

#include "fake_vm.h"

#define RIG_QUEUES	6u	/* of two ports */
#define RIG_BUFFERS	8u	/* of a queue to the driver */
#define RIG_ROOM	64u	/* bytes of each */
#define RIG_OUT		FAKE_VM_BUFFERS
#define RIG_IN(queue)	(FAKE_VM_BUFFERS + 0x100000ull + (queue) * 0x10000ull)

#define VIRTIO_CONSOLE_F_SIZE		(1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT	(1ull << 1)

struct rig {
	struct fake_vm vm;
	struct fake_queue queue[RIG_QUEUES];
	uint64_t features;
};

struct control {
	uint32_t id;
	uint16_t event, value;
	char body[RIG_ROOM - 8];
};

enum {
	VIRTIO_CONSOLE_DEVICE_READY,
	VIRTIO_CONSOLE_PORT_ADD,
	VIRTIO_CONSOLE_PORT_REMOVE,
	VIRTIO_CONSOLE_PORT_READY,
	VIRTIO_CONSOLE_CONSOLE_PORT,
	VIRTIO_CONSOLE_RESIZE,
	VIRTIO_CONSOLE_PORT_OPEN,
	VIRTIO_CONSOLE_PORT_NAME
};

/* rig_queue_in, rig_queue_out - the numbers of a port's queues (5.3.2). */
static inline uint32_t rig_queue_in(uint32_t port)
{
	return port ? 2 * port + 2 : 0;
}

static inline uint32_t rig_queue_out(uint32_t port)
{
	return rig_queue_in(port) + 1;
}

/* rig_start - from reset to DRIVER_OK with all queues of the ports. */
void rig_start(struct rig *rig, uint64_t features);

/* rig_give - buffers for a queue to the driver; and ring, if it is wanted. */
void rig_give(struct rig *rig, uint32_t queue, uint32_t buffers);

/*
 * rig_take - what is in the next buffer that was filled: its bytes, or -1
 * when there is none.
 */
int rig_take(struct rig *rig, uint32_t queue, void *to);

/* rig_put - one buffer on a queue from the driver; did the device want it? */
bool rig_put(struct rig *rig, uint32_t queue, const void *data,
	     uint32_t bytes);

/* rig_control - a control message. */
void rig_control(struct rig *rig, uint32_t id, uint16_t event,
		 uint16_t value);

#endif /* TEST_VMM_CONSOLE_RIG_H */
