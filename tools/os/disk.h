/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk.h - files and disks of the host, as a disk of a guest needs them.
 *
 * One implementation is linked: plat_file_linux.c or plat_file_windows.c.
 * Calls return 0 where nothing else is said, -CVM_ENOSYS when the host cannot
 * do this to such a file, CVM_PLAT_FILE_ENDED, or when the host failed the
 * negative number of its error, which cvm_plat_file_reason() puts into words.
 */
#ifndef CVM_OS_DISK_H
#define CVM_OS_DISK_H

#include <stdbool.h>

#include "virtio/core/memory.h"
#include "problem.h"

/* The file ends before that: it became shorter.  No system's own number. */
#define CVM_PLAT_FILE_ENDED	(-0x10000)

struct cvm_file_map;

struct cvm_plat_file {
	intptr_t handle;
	intptr_t direct;	/* past the host's cache; -1: there is none */
	uint32_t direct_align;	/* of addresses, lengths and offsets there; 0:
				 * nothing goes there, not yet perhaps */
	uint32_t block;		/* smallest piece the host writes, bytes */
	uint64_t bytes;
	bool readonly;
	bool regular;		/* a file, which may become longer */
	bool in_memory;		/* for good: nothing to wait for, no cache */
	struct cvm_file_map *map; /* cvm_plat_file_map(), or NULL */
};

/*
 * cvm_plat_file_open - a regular file or a disk.  direct: past the host's
 * cache as well, where the file allows it.  -1 with a problem.
 */
int cvm_plat_file_open(struct cvm_plat_file *file, const char *path,
		       bool readonly, bool direct, struct problem *problem);
void cvm_plat_file_close(struct cvm_plat_file *file);

/* cvm_plat_file_size - the length it has now, in bytes.  Any thread. */
uint64_t cvm_plat_file_size(const struct cvm_plat_file *file);

/*
 * cvm_plat_file_claim - these bytes are for one writer, or for readers, until
 * the file is closed; 0: to the end, wherever that will be.  -CVM_EBUSY when
 * somebody else has claimed them.
 */
int cvm_plat_file_claim(struct cvm_plat_file *file, uint64_t offset,
			uint64_t bytes);

/*
 * cvm_plat_file_set_raw - remember, where the host can, that this file is a raw
 * disk of this length.  cvm_plat_file_was_raw - was it one of the length it
 * has?  What it looks like by now was written by a guest then, for a
 * file that somebody has put in its place would have another length.
 */
void cvm_plat_file_set_raw(struct cvm_plat_file *file, uint64_t bytes);
bool cvm_plat_file_was_raw(const struct cvm_plat_file *file);

/*
 * cvm_plat_file_grow - a regular file becomes so long, if it is shorter,
 * without taking storage for it.  -1 with a problem.
 */
int cvm_plat_file_grow(struct cvm_plat_file *file, const char *path,
		       uint64_t bytes, struct problem *problem);

/*
 * cvm_plat_file_read, _write - all the bytes of the pieces.  A file that became
 * shorter is not made longer by a write: its end is looked at before each.
 */
int cvm_plat_file_read(struct cvm_plat_file *file, const struct cvm_iov *iov,
		       uint32_t count, uint64_t offset);
int cvm_plat_file_write(struct cvm_plat_file *file, const struct cvm_iov *iov,
			uint32_t count, uint64_t offset);

/*
 * cvm_plat_file_map - the file is in memory, and changed by the functions of
 * this header only: let _read copy from there where that can be.  Before the
 * guest runs.
 */
void cvm_plat_file_map(struct cvm_plat_file *file);

/* cvm_plat_file_cut - it was seen to end there; what comes is another's. */
void cvm_plat_file_cut(struct cvm_plat_file *file, uint64_t bytes);

/* cvm_plat_file_handle - the handle that can serve such a request. */
intptr_t cvm_plat_file_handle(const struct cvm_plat_file *file,
			      const struct cvm_iov *iov, uint32_t count,
			      uint64_t offset);

/* cvm_plat_file_sync - what was written before is on the disk after. */
int cvm_plat_file_sync(struct cvm_plat_file *file);

/* cvm_plat_file_discard - these bytes may be forgotten. */
int cvm_plat_file_discard(struct cvm_plat_file *file, uint64_t offset,
			  uint64_t bytes);

/*
 * cvm_plat_file_zero - these bytes read as zeroes.  unmap: their storage may
 * be given back.
 */
int cvm_plat_file_zero(struct cvm_plat_file *file, uint64_t offset,
		       uint64_t bytes, bool unmap);

/* cvm_plat_file_reason - why a call failed. */
void cvm_plat_file_reason(int result, char *to, size_t size);

#endif /* CVM_OS_DISK_H */
