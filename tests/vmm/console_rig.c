// SPDX-License-Identifier: GPL-2.0-only
/* console_rig.c - a console device and a driver of its ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "console_rig.h"

void rig_start(struct rig *rig, uint64_t features)
{
	uint32_t i, queues;

	rig->features = features | VIRTIO_F_VERSION_1;
	assert_true(fake_vm_features(&rig->vm, 0, rig->features));
	queues = features & VIRTIO_CONSOLE_F_MULTIPORT ?
		 fake_vm_slot(&rig->vm, 0)->queues : 2;
	for (i = 0; i < queues; i++)
		assert_int_equal(fake_vm_queue(&rig->vm, 0, i, &rig->queue[i],
					       16, rig->features), 0);
	assert_int_equal(fake_vm_driver_ok(&rig->vm, 0), 0);
}

void rig_give(struct rig *rig, uint32_t queue, uint32_t buffers)
{
	struct fake_buffer buf = { 0, RIG_ROOM, true };
	int id;

	while (buffers--) {
		/* A request's buffer is found by its id. */
		id = rig->queue[queue].packed ?
		     rig->queue[queue].ids[rig->queue[queue].ids_free - 1] :
		     rig->queue[queue].next_free;
		buf.gpa = RIG_IN(queue) + (uint32_t)id * RIG_ROOM;
		assert_int_equal(fake_guest_add(&rig->queue[queue], &buf, 1),
				 id);
	}
	fake_vm_ring(&rig->vm, 0, queue, &rig->queue[queue]);
}

int rig_take(struct rig *rig, uint32_t queue, void *to)
{
	uint32_t bytes = 0;
	int id = fake_guest_get(&rig->queue[queue], &bytes);

	if (id < 0)
		return -1;
	memcpy(to, fake_vm_at(&rig->vm, RIG_IN(queue) + (uint32_t)id * RIG_ROOM,
			      RIG_ROOM), RIG_ROOM);
	return (int)bytes;
}

bool rig_put(struct rig *rig, uint32_t queue, const void *data, uint32_t bytes)
{
	struct fake_buffer buf = { RIG_OUT, bytes, false };
	uint32_t len;
	bool wanted;

	memcpy(fake_vm_at(&rig->vm, RIG_OUT, bytes), data, bytes);
	assert_true(fake_guest_add(&rig->queue[queue], &buf, 1) >= 0);
	wanted = fake_guest_needs_notification(&rig->queue[queue]);
	fake_vm_doorbell(&rig->vm, CVM_VIRTIO_DOORBELL(0, queue));
	/* The driver waits for it with interrupts off: it is there by now. */
	fake_guest_get(&rig->queue[queue], &len);
	return wanted;
}

void rig_control(struct rig *rig, uint32_t id, uint16_t event, uint16_t value)
{
	struct control message = { .id = id, .event = event, .value = value };

	rig_put(rig, 3, &message, 8);
}
