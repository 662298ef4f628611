/* SPDX-License-Identifier: GPL-2.0-only */
/* iov.h - a list of pieces of memory, to read from or write to at once. */
#ifndef CVM_OS_IOV_H
#define CVM_OS_IOV_H

#include <stddef.h>
#include <stdint.h>

/* A piece of memory; laid out as POSIX's struct iovec. */
struct os_iov {
	void *base;
	size_t bytes;
};

/* os_iov_bytes - of all pieces together. */
static inline size_t os_iov_bytes(const struct os_iov *iov, uint32_t count)
{
	size_t bytes = 0;
	uint32_t i;

	for (i = 0; i < count; i++)
		bytes += iov[i].bytes;
	return bytes;
}

/*
 * os_iov_get, os_iov_put - copy from and to pieces, beginning offset bytes
 * into them; the number of bytes copied, fewer at their end.
 */
size_t os_iov_get(const struct os_iov *iov, uint32_t count, size_t offset,
		  void *to, size_t bytes);
size_t os_iov_put(const struct os_iov *iov, uint32_t count, size_t offset,
		  const void *from, size_t bytes);

/*
 * os_iov_cut - keep the bytes from offset on, at most bytes of them, in
 * place; the number of pieces left.
 */
uint32_t os_iov_cut(struct os_iov *iov, uint32_t count, size_t offset,
		    size_t bytes);

#endif /* CVM_OS_IOV_H */
