// SPDX-License-Identifier: GPL-2.0-only
/* iov.c - pieces of memory, copied and cut. */
#include <string.h>

#include "iov.h"

/* Between pieces and a buffer; from and to: one of them is NULL. */
static size_t copy(const struct os_iov *iov, uint32_t count, size_t offset,
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

size_t os_iov_get(const struct os_iov *iov, uint32_t count, size_t offset,
		  void *to, size_t bytes)
{
	return copy(iov, count, offset, to, NULL, bytes);
}

size_t os_iov_put(const struct os_iov *iov, uint32_t count, size_t offset,
		  const void *from, size_t bytes)
{
	return copy(iov, count, offset, NULL, from, bytes);
}

uint32_t os_iov_cut(struct os_iov *iov, uint32_t count, size_t offset,
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
