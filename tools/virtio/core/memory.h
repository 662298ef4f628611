/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.h - guest memory as the VMM sees it.
 *
 * A table of ranges says which guest physical addresses are granted and where
 * each is mapped.  It is filled before any device exists and only read
 * afterwards, so it needs no lock.
 */
#ifndef CVM_VIRTIO_CORE_MEMORY_H
#define CVM_VIRTIO_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>

#include "os/iov.h"

struct virtio_range {
	uint64_t gpa;
	uint64_t bytes;
	uint8_t *hva;
};

struct virtio_memory {
	uint32_t count;
	struct virtio_range range[CVM_RANGES_MAX];	/* by address */
};

/*
 * virtio_memory_add - one more range.  -CVM_EINVAL for no bytes, a range that
 * overlaps another or the end of the address space; -CVM_E2BIG.
 */
int virtio_memory_add(struct virtio_memory *mem, uint64_t gpa, uint64_t bytes,
		      void *hva);

/*
 * virtio_memory_from_map - all ranges of MEM_RANGES in one mapping, map, that
 * begins at map_gpa and has holes.
 */
int virtio_memory_from_map(struct virtio_memory *mem,
			   const struct cvm_user_ranges *ranges, void *map,
			   uint64_t map_gpa);

/* virtio_memory_find - the range that gpa lies in; NULL: no guest memory. */
const struct virtio_range *virtio_memory_find(const struct virtio_memory *mem,
					      uint64_t gpa);

/* virtio_range_has - does gpa lie in it? */
static inline bool virtio_range_has(const struct virtio_range *range,
				    uint64_t gpa)
{
	return gpa - range->gpa < range->bytes;
}

/* virtio_range_piece - as virtio_memory_piece(), of a range that has gpa. */
static inline uint64_t virtio_range_piece(const struct virtio_range *range,
					  uint64_t gpa, uint64_t bytes,
					  void **hva)
{
	uint64_t off = gpa - range->gpa;

	*hva = range->hva + off;
	return bytes < range->bytes - off ? bytes : range->bytes - off;
}

/*
 * virtio_memory_piece - as many of the bytes at gpa as lie in one range; *hva
 * is where.  0: gpa is not guest memory.
 */
uint64_t virtio_memory_piece(const struct virtio_memory *mem, uint64_t gpa,
			     uint64_t bytes, void **hva);

/* virtio_memory_at - all the bytes at gpa in one piece, or NULL. */
void *virtio_memory_at(const struct virtio_memory *mem, uint64_t gpa,
		       uint64_t bytes);

#endif /* CVM_VIRTIO_CORE_MEMORY_H */
