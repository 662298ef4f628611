// SPDX-License-Identifier: GPL-2.0-only
/* memory.c - guest memory as the VMM sees it. */
#include <string.h>

#include <cvm/error.h>

#include "memory.h"

/* The first range that begins above gpa. */
static uint32_t above(const struct virtio_memory *mem, uint64_t gpa)
{
	uint32_t low = 0, high = mem->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (mem->range[middle].gpa <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int virtio_memory_add(struct virtio_memory *mem, uint64_t gpa, uint64_t bytes,
		      void *hva)
{
	uint32_t at = above(mem, gpa);
	struct virtio_range *range = &mem->range[at];

	if (!bytes || gpa > UINT64_MAX - bytes)
		return -CVM_EINVAL;
	if (at < mem->count && range->gpa - gpa < bytes)
		return -CVM_EINVAL;
	if (at && gpa - range[-1].gpa < range[-1].bytes)
		return -CVM_EINVAL;
	if (mem->count == CVM_RANGES_MAX)
		return -CVM_E2BIG;
	memmove(range + 1, range, (mem->count - at) * sizeof(*range));
	*range = (struct virtio_range){ gpa, bytes, hva };
	mem->count++;
	return 0;
}

int virtio_memory_from_map(struct virtio_memory *mem,
			   const struct cvm_user_ranges *ranges, void *map,
			   uint64_t map_gpa)
{
	uint64_t gpa;
	uint32_t i;
	int ret;

	memset(mem, 0, sizeof(*mem));
	for (i = 0; i < ranges->count && i < CVM_RANGES_MAX; i++) {
		gpa = ranges->range[i].gpa;
		if (gpa < map_gpa)
			return -CVM_EINVAL;
		ret = virtio_memory_add(mem, gpa, ranges->range[i].bytes,
					(uint8_t *)map + (gpa - map_gpa));
		if (ret)
			return ret;
	}
	return 0;
}

const struct virtio_range *virtio_memory_find(const struct virtio_memory *mem,
					      uint64_t gpa)
{
	uint32_t at = above(mem, gpa);

	return at && virtio_range_has(&mem->range[at - 1], gpa) ?
	       &mem->range[at - 1] : NULL;
}

uint64_t virtio_memory_piece(const struct virtio_memory *mem, uint64_t gpa,
			     uint64_t bytes, void **hva)
{
	const struct virtio_range *range = virtio_memory_find(mem, gpa);

	return range ? virtio_range_piece(range, gpa, bytes, hva) : 0;
}

void *virtio_memory_at(const struct virtio_memory *mem, uint64_t gpa,
		       uint64_t bytes)
{
	uint8_t *first = NULL;
	uint64_t got = 0, more;
	void *hva;

	do {
		more = virtio_memory_piece(mem, gpa + got, bytes - got, &hva);
		if (!more)
			return NULL;
		if (!first)
			first = hva;
		if (hva != first + got)
			return NULL;
		got += more;
	} while (got < bytes);
	return first;
}
