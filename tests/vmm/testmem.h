/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * testmem.h - guest memory for tests: three ranges, each in a heap block of
 * its exact size, so that the sanitizer sees a step beyond it.  The second
 * one is the first one's neighbour by address and lies elsewhere.
 */
#ifndef TEST_VMM_TESTMEM_H
#define TEST_VMM_TESTMEM_H

#include <stdlib.h>
#include <string.h>

#include "virtio/core/memory.h"

#define TESTMEM_BYTES	0x100000ull	/* of each range */
#define TESTMEM_A	0x40000000ull
#define TESTMEM_B	(TESTMEM_A + TESTMEM_BYTES)
#define TESTMEM_C	0x80000000ull

struct testmem {
	struct virtio_memory mem;
	uint8_t *block[3];
};

static inline void testmem_init(struct testmem *t)
{
	static const uint64_t gpa[3] = { TESTMEM_A, TESTMEM_B, TESTMEM_C };
	int i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < 3; i++) {
		/* Page alignment, as the guest's memory has. */
		t->block[i] = aligned_alloc(4096, TESTMEM_BYTES);
		if (!t->block[i])
			abort();
		memset(t->block[i], 0, TESTMEM_BYTES);
		if (virtio_memory_add(&t->mem, gpa[i], TESTMEM_BYTES,
				      t->block[i]))
			abort();
	}
}

static inline void testmem_free(struct testmem *t)
{
	int i;

	for (i = 0; i < 3; i++)
		free(t->block[i]);
}

/* A byte of guest memory. */
static inline uint8_t *testmem_at(struct testmem *t, uint64_t gpa)
{
	uint8_t *at = virtio_memory_at(&t->mem, gpa, 1);

	if (!at)
		abort();
	return at;
}

#endif /* TEST_VMM_TESTMEM_H */
