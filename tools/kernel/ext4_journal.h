/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ext4_journal.h - what a journal holds that its file system has not got yet.
 *
 * Format: Linux, Documentation/filesystems/ext4/journal.rst.  A transaction
 * counts when its commit block is there and, where the journal has checksums,
 * right; the first that does not ends the journal, as for the kernel.
 */
#ifndef CVM_KERNEL_EXT4_JOURNAL_H
#define CVM_KERNEL_EXT4_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ext4_journal {
	/* Read a block of the journal; 0, or anything else: it failed. */
	int (*read)(void *ctx, uint32_t block, uint8_t *to);
	void *ctx;
	uint32_t block_bytes;
	uint32_t blocks;	/* that the journal's file has */

	/* by ext4_journal_scan(); changed is to be freed */
	struct ext4_changed *changed;	/* by block, each once */
	size_t count;
};

/* A block of the file system, as the journal has it. */
struct ext4_changed {
	uint64_t block;		/* of the file system */
	uint32_t from;		/* of the journal */
	uint32_t sequence;	/* from the first transaction on */
	bool escaped;		/* begins with the journal's own magic number */
};

/* The magic number's bytes, which an escaped block begins with. */
#define EXT4_JOURNAL_MAGIC	0xc03b3998u

/* ext4_journal_scan - NULL, or why the journal cannot be used. */
const char *ext4_journal_scan(struct ext4_journal *journal);

/* ext4_journal_find - the block's change, or NULL. */
const struct ext4_changed *ext4_journal_find(const struct ext4_journal *journal,
					     uint64_t block);

#endif /* CVM_KERNEL_EXT4_JOURNAL_H */
