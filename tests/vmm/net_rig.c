// SPDX-License-Identifier: GPL-2.0-only
/* net_rig.c - a network card and a driver of its queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net_rig.h"

#define SENT	FAKE_VM_BUFFERS
#define ANSWER	(FAKE_VM_BUFFERS + 0x1f000)
#define ROOM	(FAKE_VM_BUFFERS + 0x20000)	/* of received frames */

static void add_room(struct card *c, uint32_t n)
{
	struct fake_buffer buf = { ROOM + n * 0x1000, c->room, true };
	int id = fake_guest_add(&c->queue[NET_RX], &buf, 1);

	assert_true(id >= 0);
	c->of_id[id] = n;
}

void card_start(struct card *c, uint64_t features)
{
	uint32_t i;

	c->vm.rings = FAKE_VM_RINGS;
	assert_true(fake_vm_features(&c->vm, 0, features));
	for (i = 0; i < NET_QUEUES; i++)
		assert_int_equal(fake_vm_queue(&c->vm, 0, i, &c->queue[i], 128,
					       features), 0);
	for (i = 0; i < c->rooms; i++)
		add_room(c, i);
	assert_int_equal(fake_vm_driver_ok(&c->vm, 0), 0);
}

void card_open(struct card *c, const struct virtio_net_args *args,
	       uint64_t features, uint32_t room, uint32_t rooms)
{
	struct problem problem = { "" };

	memset(c, 0, sizeof(*c));
	fake_vm_init(&c->vm);
	if (virtio_net_add(c->vm.devs, args, &problem))
		fail_msg("%s", problem.text);
	c->room = room;
	c->rooms = rooms;
	card_start(c, features);
}

void card_offer(struct card *c, uint32_t queue, const void *data,
		uint32_t bytes, uint32_t answer)
{
	struct fake_buffer buf[2] = {
		{ SENT, bytes, false }, { ANSWER, answer, true },
	};

	memcpy(fake_vm_at(&c->vm, SENT, bytes), data, bytes);
	assert_true(fake_guest_add(&c->queue[queue], buf, answer ? 2 : 1) >= 0);
	fake_vm_ring(&c->vm, 0, queue, &c->queue[queue]);
}

uint32_t card_request(struct card *c, uint32_t queue, const void *data,
		      uint32_t bytes, uint32_t answer)
{
	uint32_t len = 0;

	card_offer(c, queue, data, bytes, answer);
	if (fake_vm_get(&c->vm, 0, &c->queue[queue], &len) < 0)
		fail_msg("queue %u: no answer: \"%s\"", queue, c->vm.line);
	return len;
}

uint32_t card_receive(struct card *c, uint8_t *to, size_t size)
{
	struct virtio_net_hdr header;
	uint32_t count = 1, bytes = 0, i, len;
	int id;

	for (i = 0; i < count; i++) {
		id = fake_vm_get(&c->vm, 0, &c->queue[NET_RX], &len);
		if (id < 0)
			fail_msg("no frame: \"%s\"", c->vm.line);
		assert_true(len <= c->room && bytes + len <= size);
		memcpy(to + bytes, fake_vm_at(&c->vm, ROOM + c->of_id[id] *
					      0x1000, len), len);
		bytes += len;
		if (!i) {
			memcpy(&header, to, sizeof(header));
			count = header.num_buffers;
			assert_in_range(count, 1, c->rooms);
		}
		add_room(c, c->of_id[id]);
	}
	fake_vm_ring(&c->vm, 0, NET_RX, &c->queue[NET_RX]);
	return bytes;
}

uint8_t card_control(struct card *c, const void *data, uint32_t bytes)
{
	uint8_t *answer = fake_vm_at(&c->vm, ANSWER, 1);

	*answer = 0xee;
	assert_int_equal(card_request(c, NET_CTRL, data, bytes, 1), 1);
	return *answer;
}

void net_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint32_t net_sum(const uint8_t *at, size_t bytes, uint32_t start)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		start += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}
