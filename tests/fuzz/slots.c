// SPDX-License-Identifier: GPL-2.0-only
/* slots.c - a slot table whose driver is made of a fuzzer's bytes. */
#include <string.h>

#include <cvm/abi.h>

#include "replay.h"
#include "slots.h"

static void raise_events(void *ctx, uint32_t vcpu, uint64_t bits)
{
	struct slots *s = ctx;

	require(vcpu < s->vcpus);
	require(bits == 1ull << CVM_EVENT_HOTPLUG_BIT ||
		(bits >= 1ull << CVM_VIRTIO_EVENT_BIT(0) &&
		 bits < 1ull << CVM_VIRTIO_EVENT_BIT(s->count)));
	require(!(bits & (bits - 1)));
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	require(line[0] && !strchr(line, '\n'));
}

void slots_open(struct slots *s, uint32_t bytes, uint32_t count,
		uint32_t vcpus)
{
	struct cvm_user_ranges ranges = {
		.count = 1, .range[0] = { SLOTS_GPA, bytes },
	};
	struct virtio_devices_args args = {
		.ranges = &ranges, .map_gpa = SLOTS_GPA,
		.table_gpa = SLOTS_GPA, .vcpus = vcpus, .ctx = s,
		.raise = raise_events, .log = log_line,
	};
	struct problem problem = { "" };

	s->bytes = bytes;
	s->count = count;
	s->vcpus = vcpus;
	s->map = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
	require(s->map);
	args.map = s->map;
	s->devs = virtio_devices_new(&args, &problem);
	require(s->devs);
}

void slots_input(struct slots *s, const uint8_t *data, size_t size)
{
	memset(s->map + CVM_VIRTIO_TABLE_BYTES, 0,
	       s->bytes - CVM_VIRTIO_TABLE_BYTES);
	s->data = data;
	s->left = size;
}

uint32_t slots_next(struct slots *s, uint32_t bytes)
{
	uint32_t value = 0, i;

	for (i = 0; i < bytes && s->left; i++, s->left--)
		value |= (uint32_t)*s->data++ << 8 * i;
	return value;
}

void slots_write(struct slots *s, uint8_t *to, uint32_t space)
{
	uint32_t at = slots_next(s, 2) % space, bytes = slots_next(s, 1) & 31;

	for (; bytes && at < space; bytes--)
		to[at++] = (uint8_t)slots_next(s, 1);
}

struct cvm_virtio_slot *slots_page(struct slots *s, uint32_t slot)
{
	return (struct cvm_virtio_slot *)(s->map + (1 + slot) * 4096);
}

int slots_doorbell(struct slots *s, uint64_t number)
{
	struct cvm_user_run run = { .arg = { number } };

	return virtio_devices_doorbell(s->devs, &run);
}

int slots_command(struct slots *s, uint32_t slot, uint32_t code, uint32_t arg)
{
	slots_page(s, slot)->command = code;
	slots_page(s, slot)->arg = arg;
	return slots_doorbell(s, CVM_VIRTIO_DOORBELL(slot,
						CVM_VIRTIO_DOORBELL_COMMAND));
}
