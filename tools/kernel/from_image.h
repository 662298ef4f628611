/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * from_image.h - kernel and initrd out of a disk's own file system.
 *
 * The disk is claimed as a reader's for as long as that takes, so one that a
 * guest writes to is not looked at; it is not changed.  Read are ext2, ext3
 * and ext4, on a disk without a partition table or in a partition of one.
 */
#ifndef CVM_KERNEL_FROM_IMAGE_H
#define CVM_KERNEL_FROM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/file.h"

struct from_image {
	const char *disk;	/* image, disk or partition of the host */
	bool raw;		/* whatever it looks like */
	uint32_t partition;	/* 0: the system's, the largest with a root */
	/* An absolute path, or NULL: where distributions have a link to it. */
	const char *path;
	const char *name;	/* of all of it, for problems */
};

enum from_image_what { FROM_IMAGE_KERNEL, FROM_IMAGE_INITRD };

/*
 * from_image - as file_map(): the whole file in memory.  -1 with a problem;
 * file_close() in every case.  The name stays until then.
 */
int from_image(struct file *file, const struct from_image *from,
	       enum from_image_what what, const struct file_kind *kind,
	       struct problem *problem);

#endif /* CVM_KERNEL_FROM_IMAGE_H */
