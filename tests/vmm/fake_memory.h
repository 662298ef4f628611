/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_memory.h - guest memory for tests: three ranges, each in a heap block of
 * its exact size, so that the sanitizer sees a step beyond it.  The second
 * one is the first one's neighbour by address and lies elsewhere.
 */
#ifndef TEST_VMM_FAKE_MEMORY_H
#define TEST_VMM_FAKE_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "virtio/core/memory.h"

#define FAKE_MEMORY_BYTES	0x100000ull	/* of each range */
#define FAKE_MEMORY_A	0x40000000ull
#define FAKE_MEMORY_B	(FAKE_MEMORY_A + FAKE_MEMORY_BYTES)
#define FAKE_MEMORY_C	0x80000000ull

struct fake_memory {
	struct virtio_memory mem;
	uint8_t *block[3];
};

static inline void fake_memory_init(struct fake_memory *t)
{
	static const uint64_t gpa[3] = {
		FAKE_MEMORY_A, FAKE_MEMORY_B, FAKE_MEMORY_C,
	};
	int i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < 3; i++) {
		/* Page alignment, as the guest's memory has. */
		t->block[i] = aligned_alloc(4096, FAKE_MEMORY_BYTES);
		if (!t->block[i])
			abort();
		memset(t->block[i], 0, FAKE_MEMORY_BYTES);
		if (virtio_memory_add(&t->mem, gpa[i], FAKE_MEMORY_BYTES,
				      t->block[i]))
			abort();
	}
}

static inline void fake_memory_free(struct fake_memory *t)
{
	int i;

	for (i = 0; i < 3; i++)
		free(t->block[i]);
}

/* A byte of guest memory. */
static inline uint8_t *fake_memory_at(struct fake_memory *t, uint64_t gpa)
{
	uint8_t *at = virtio_memory_at(&t->mem, gpa, 1);

	if (!at)
		abort();
	return at;
}

#endif /* TEST_VMM_FAKE_MEMORY_H */
