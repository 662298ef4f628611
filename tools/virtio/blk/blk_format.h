/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blk_format.h - is a disk image raw?
 *
 * A guest that is given an image of another format, or a compressed one, finds
 * no disk in it and writes over its header.  By its first and last bytes it is
 * seen what such a file is; but a guest may have written them to a raw disk.
 */
#ifndef CVM_VIRTIO_BLK_BLK_FORMAT_H
#define CVM_VIRTIO_BLK_BLK_FORMAT_H

#include "blk_image.h"

struct blk_format {
	const char *name;	/* "qcow2", as qemu-img has it, or "gzip" */
	const char *unpack;	/* "gzip -dc": the program, NULL: qemu-img */
};

/*
 * blk_format - what an image looks like, by .read and .bytes; NULL: raw,
 * as far as anybody can tell.
 */
const struct blk_format *blk_format(const struct blk_image *image);

/* blk_format_command - the command that makes a raw image of path. */
void blk_format_command(const struct blk_format *format,
			const char *path, char *to, size_t size);

#endif /* CVM_VIRTIO_BLK_BLK_FORMAT_H */
