// SPDX-License-Identifier: GPL-2.0-only
/* memory.c - guest memory as the VMM sees it. */
#include <string.h>

#include <cvm/error.h>

#include "memory.h"

/* The first range that begins above gpa. */
static uint32_t above(const struct cvm_memory *mem, uint64_t gpa)
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

int cvm_memory_add(struct cvm_memory *mem, uint64_t gpa, uint64_t bytes,
		   void *hva)
{
	uint32_t at = above(mem, gpa);
	struct cvm_memory_range *range = &mem->range[at];

	if (!bytes || gpa > UINT64_MAX - bytes)
		return -CVM_EINVAL;
	if (at < mem->count && range->gpa - gpa < bytes)
		return -CVM_EINVAL;
	if (at && gpa - range[-1].gpa < range[-1].bytes)
		return -CVM_EINVAL;
	if (mem->count == CVM_RANGES_MAX)
		return -CVM_E2BIG;
	memmove(range + 1, range, (mem->count - at) * sizeof(*range));
	*range = (struct cvm_memory_range){ gpa, bytes, hva };
	mem->count++;
	return 0;
}

int cvm_memory_from_map(struct cvm_memory *mem,
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
		ret = cvm_memory_add(mem, gpa, ranges->range[i].bytes,
				     (uint8_t *)map + (gpa - map_gpa));
		if (ret)
			return ret;
	}
	return 0;
}

const struct cvm_memory_range *cvm_memory_range(const struct cvm_memory *mem,
						uint64_t gpa)
{
	uint32_t at = above(mem, gpa);

	return at && cvm_range_has(&mem->range[at - 1], gpa) ?
	       &mem->range[at - 1] : NULL;
}

uint64_t cvm_memory_piece(const struct cvm_memory *mem, uint64_t gpa,
			  uint64_t bytes, void **hva)
{
	const struct cvm_memory_range *range = cvm_memory_range(mem, gpa);

	return range ? cvm_range_piece(range, gpa, bytes, hva) : 0;
}

void *cvm_memory_at(const struct cvm_memory *mem, uint64_t gpa,
		    uint64_t bytes)
{
	uint8_t *first = NULL;
	uint64_t got = 0, more;
	void *hva;

	do {
		more = cvm_memory_piece(mem, gpa + got, bytes - got, &hva);
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

/* Between pieces and a buffer; from and to: one of them is NULL. */
static size_t copy(const struct cvm_iov *iov, uint32_t count, size_t offset,
		   void *to, const void *from, size_t bytes)
{
	size_t done = 0, part;
	uint8_t *base;
	uint32_t i;

	for (i = 0; i < count && done < bytes; i++) {
		if (offset >= iov[i].bytes) {
			offset -= iov[i].bytes;
			continue;
		}
		base = (uint8_t *)iov[i].base + offset;
		part = iov[i].bytes - offset;
		if (part > bytes - done)
			part = bytes - done;
		if (to)
			memcpy((uint8_t *)to + done, base, part);
		else
			memcpy(base, (const uint8_t *)from + done, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t cvm_iov_get(const struct cvm_iov *iov, uint32_t count, size_t offset,
		   void *to, size_t bytes)
{
	return copy(iov, count, offset, to, NULL, bytes);
}

size_t cvm_iov_put(const struct cvm_iov *iov, uint32_t count, size_t offset,
		   const void *from, size_t bytes)
{
	return copy(iov, count, offset, NULL, from, bytes);
}

uint32_t cvm_iov_cut(struct cvm_iov *iov, uint32_t count, size_t offset,
		     size_t bytes)
{
	uint32_t i = 0, left;
	size_t part;

	/* At the front there is often nothing to be cut off. */
	for (; !offset && i < count && iov[i].bytes <= bytes; i++)
		bytes -= iov[i].bytes;
	for (left = i; i < count && bytes; i++) {
		if (offset >= iov[i].bytes) {
			offset -= iov[i].bytes;
			continue;
		}
		part = iov[i].bytes - offset;
		if (part > bytes)
			part = bytes;
		iov[left].base = (uint8_t *)iov[i].base + offset;
		iov[left++].bytes = part;
		bytes -= part;
		offset = 0;
	}
	return left;
}
