/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk.h - files and disks of the host, as a disk of a guest needs them.
 *
 * One implementation is linked: linux/disk.c or nt/disk.c.
 * Calls return 0 where nothing else is said, -CVM_ENOSYS when the host cannot
 * do this to such a file, OS_DISK_ENDED, or when the host failed the
 * negative number of its error, which os_disk_reason() puts into words.
 */
#ifndef CVM_OS_DISK_H
#define CVM_OS_DISK_H

#include <stdbool.h>

#include "iov.h"
#include "problem.h"

/* The file ends before that: it became shorter.  No system's own number. */
#define OS_DISK_ENDED	(-0x10000)

struct linux_disk_map;

struct os_disk {
	intptr_t handle;
	intptr_t direct;	/* past the host's cache; -1: there is none */
	uint32_t direct_align;	/* of addresses, lengths and offsets there; 0:
				 * nothing goes there, not yet perhaps */
	uint32_t block;		/* smallest piece the host writes, bytes */
	uint64_t bytes;
	bool readonly;
	bool regular;		/* a file, which may become longer */
	bool in_memory;		/* for good: nothing to wait for, no cache */
	struct linux_disk_map *map; /* os_disk_map(), or NULL */
};

/*
 * os_disk_open - a regular file or a disk.  direct: past the host's
 * cache as well, where the file allows it.  -1 with a problem.
 */
int os_disk_open(struct os_disk *file, const char *path,
		 bool readonly, bool direct, struct problem *problem);
void os_disk_close(struct os_disk *file);

/* os_disk_size - the length it has now, in bytes.  Any thread. */
uint64_t os_disk_size(const struct os_disk *file);

/*
 * os_disk_claim - these bytes are for one writer, or for readers, until
 * the file is closed; 0: to the end, wherever that will be.  -CVM_EBUSY when
 * somebody else has claimed them.
 */
int os_disk_claim(struct os_disk *file, uint64_t offset,
		  uint64_t bytes);

/*
 * os_disk_set_raw - remember, where the host can, that this file is a raw
 * disk of this length.  os_disk_was_raw - was it one of the length it
 * has?  What it looks like by now was written by a guest then, for a
 * file that somebody has put in its place would have another length.
 */
void os_disk_set_raw(struct os_disk *file, uint64_t bytes);
bool os_disk_was_raw(const struct os_disk *file);

/*
 * os_disk_grow - a regular file becomes so long, if it is shorter,
 * without taking storage for it.  -1 with a problem.
 */
int os_disk_grow(struct os_disk *file, const char *path,
		 uint64_t bytes, struct problem *problem);

/*
 * os_disk_read, _write - all the bytes of the pieces.  A file that became
 * shorter is not made longer by a write: its end is looked at before each.
 */
int os_disk_read(struct os_disk *file, const struct os_iov *iov,
		 uint32_t count, uint64_t offset);
int os_disk_write(struct os_disk *file, const struct os_iov *iov,
		  uint32_t count, uint64_t offset);

/*
 * os_disk_map - the file is in memory, and changed by the functions of
 * this header only: let _read copy from there where that can be.  Before the
 * guest runs.
 */
void os_disk_map(struct os_disk *file);

/* os_disk_cut - it was seen to end there; what comes is another's. */
void os_disk_cut(struct os_disk *file, uint64_t bytes);

/* os_disk_handle - the handle that can serve such a request. */
intptr_t os_disk_handle(const struct os_disk *file,
			const struct os_iov *iov, uint32_t count,
			uint64_t offset);

/* os_disk_sync - what was written before is on the disk after. */
int os_disk_sync(struct os_disk *file);

/* os_disk_discard - these bytes may be forgotten. */
int os_disk_discard(struct os_disk *file, uint64_t offset,
		    uint64_t bytes);

/*
 * os_disk_zero - these bytes read as zeroes.  unmap: their storage may
 * be given back.
 */
int os_disk_zero(struct os_disk *file, uint64_t offset,
		 uint64_t bytes, bool unmap);

/* os_disk_reason - why a call failed. */
void os_disk_reason(int result, char *to, size_t size);

#endif /* CVM_OS_DISK_H */
