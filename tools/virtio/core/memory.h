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

struct cvm_memory_range {
	uint64_t gpa;
	uint64_t bytes;
	uint8_t *hva;
};

struct cvm_memory {
	uint32_t count;
	struct cvm_memory_range range[CVM_RANGES_MAX];	/* by address */
};

/*
 * cvm_memory_add - one more range.  -CVM_EINVAL for no bytes, a range that
 * overlaps another or the end of the address space; -CVM_E2BIG.
 */
int cvm_memory_add(struct cvm_memory *mem, uint64_t gpa, uint64_t bytes,
		   void *hva);

/*
 * cvm_memory_from_map - all ranges of MEM_RANGES in one mapping, map, that
 * begins at map_gpa and has holes.
 */
int cvm_memory_from_map(struct cvm_memory *mem,
			const struct cvm_user_ranges *ranges, void *map,
			uint64_t map_gpa);

/* cvm_memory_range - the range that gpa lies in; NULL: no guest memory. */
const struct cvm_memory_range *cvm_memory_range(const struct cvm_memory *mem,
						uint64_t gpa);

/* cvm_range_has - does gpa lie in it? */
static inline bool cvm_range_has(const struct cvm_memory_range *range,
				 uint64_t gpa)
{
	return gpa - range->gpa < range->bytes;
}

/* cvm_range_piece - as cvm_memory_piece(), of a range that has gpa. */
static inline uint64_t cvm_range_piece(const struct cvm_memory_range *range,
				       uint64_t gpa, uint64_t bytes,
				       void **hva)
{
	uint64_t off = gpa - range->gpa;

	*hva = range->hva + off;
	return bytes < range->bytes - off ? bytes : range->bytes - off;
}

/*
 * cvm_memory_piece - as many of the bytes at gpa as lie in one range; *hva is
 * where.  0: gpa is not guest memory.
 */
uint64_t cvm_memory_piece(const struct cvm_memory *mem, uint64_t gpa,
			  uint64_t bytes, void **hva);

/* cvm_memory_at - all the bytes at gpa in one piece, or NULL. */
void *cvm_memory_at(const struct cvm_memory *mem, uint64_t gpa,
		    uint64_t bytes);

#endif /* CVM_VIRTIO_CORE_MEMORY_H */
