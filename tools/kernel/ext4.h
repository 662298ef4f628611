/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ext4.h - files out of an ext2, ext3 or ext4 file system, by libext2fs.
 *
 * Nothing is written and nobody may be writing.  A file system that was not
 * unmounted is read as the next mount would find it: what its journal holds
 * of complete transactions is read from there (ext4_journal.h).
 *
 * The bytes may be anybody's: what is wrong with them is a problem, and work
 * and memory have bounds.
 */
#ifndef CVM_KERNEL_EXT4_H
#define CVM_KERNEL_EXT4_H

#include <stddef.h>
#include <stdint.h>

#include "os/problem.h"

/* Where the file system is. */
struct ext4_source {
	/* Read bytes, all of which exist; 0, or anything else: it failed. */
	int (*read)(void *ctx, uint64_t offset, void *to, size_t bytes);
	void *ctx;
	uint64_t bytes;
	const char *thing;	/* that its problems are about */
};

struct ext4;

/* ext4_open - NULL with a problem.  source and its thing stay until close. */
struct ext4 *ext4_open(const struct ext4_source *source,
		       struct problem *problem);
void ext4_close(struct ext4 *ext4);

/*
 * ext4_file - a whole file of at most max bytes; symbolic links are followed,
 * from the file system's root where they are absolute.  Problems are about
 * thing.  EXT4_FILE: *data is to be freed.  EXT4_NONE: there is no such file.
 * EXT4_FAILED with a problem.
 */
enum ext4_file { EXT4_FAILED = -1, EXT4_NONE, EXT4_FILE };
enum ext4_file ext4_file(struct ext4 *ext4, const char *thing,
			 const char *path, uint64_t max, uint8_t **data,
			 uint64_t *bytes, struct problem *problem);

#endif /* CVM_KERNEL_EXT4_H */
