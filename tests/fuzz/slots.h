/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slots.h - a slot table whose driver is made of a fuzzer's bytes.  What the
 * VMM is told of it is checked.
 */
#ifndef CVM_FUZZ_SLOTS_H
#define CVM_FUZZ_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/virtio.h>

#include "virtio/devices.h"

#define SLOTS_GPA	0x100000ull	/* of the table; what follows is free */

struct slots {
	uint8_t *map;			/* guest memory, from SLOTS_GPA on */
	uint32_t bytes;			/* of it */
	struct virtio_devices *devs;
	uint32_t count, vcpus;		/* slots in use; vCPUs */
	const uint8_t *data;		/* what is left of the input */
	size_t left;
};

/*
 * slots_open - a table and this much guest memory with it; for all inputs,
 * because making it takes longer than most of them.
 */
void slots_open(struct slots *s, uint32_t bytes, uint32_t count,
		uint32_t vcpus);

/* slots_input - an input begins: the memory behind the table is empty. */
void slots_input(struct slots *s, const uint8_t *data, size_t size);

/* slots_next - a number of so many bytes, 0 when there are none. */
uint32_t slots_next(struct slots *s, uint32_t bytes);

/* slots_write - some bytes somewhere in a space. */
void slots_write(struct slots *s, uint8_t *to, uint32_t space);

struct cvm_virtio_slot *slots_page(struct slots *s, uint32_t slot);

/* slots_doorbell, slots_command - ring; what the doorbell said. */
int slots_doorbell(struct slots *s, uint64_t number);
int slots_command(struct slots *s, uint32_t slot, uint32_t code,
		  uint32_t arg);

#endif /* CVM_FUZZ_SLOTS_H */
