/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blk_image.h - does a disk image hold what its partition table says?
 *
 * An image that was cut short boots, and loses data later.  A raw file system
 * without a table, as coLinux used them, has nothing to compare with and is
 * taken as it is; so is a table that is none by its own checksums, because
 * the guest may know better.
 */
#ifndef CVM_VIRTIO_BLK_BLK_IMAGE_H
#define CVM_VIRTIO_BLK_BLK_IMAGE_H

#include "virtio/devices.h"

enum blk_table {
	BLK_TABLE_NONE,
	BLK_TABLE_MBR,
	BLK_TABLE_GPT
};

/* One partition, as its table has it: it may end beyond the image. */
struct blk_partition {
	uint32_t number;	/* as Linux counts: /dev/vda1 is 1 */
	uint64_t start, bytes;
	bool extended;		/* it only holds others */
	uint8_t type[16];	/* GPT: of the disk; MBR: one byte, then 0 */
};

struct blk_image {
	/*
	 * Read bytes of the image, all of which exist; 0, or as
	 * os_disk_read() failed.
	 */
	int (*read)(void *ctx, uint64_t offset, void *to, size_t bytes);
	void *ctx;
	uint64_t bytes;
	/* Optional: called for each partition, with ctx. */
	void (*found)(void *ctx, const struct blk_partition *partition);

	/* by blk_image_check() */
	enum blk_table table;
	uint32_t sector;	/* of the table's numbers: 512, GPT: or 4096 */
	uint32_t partitions;
	uint64_t needed;	/* bytes its table says it has; 0: no table */
};

/*
 * blk_image_check - -1 with a problem whose text begins with path: too
 * short for a sector, not readable, or shorter than its table says.  Of the
 * partitions that are not all there the error names the first; found is called
 * for all of them.
 */
int blk_image_check(struct blk_image *image, const char *path,
		    struct problem *problem);

#endif /* CVM_VIRTIO_BLK_BLK_IMAGE_H */
