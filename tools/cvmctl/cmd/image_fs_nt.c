// SPDX-License-Identifier: GPL-2.0-only
/* image_fs_nt.c - Windows has no libblkid and does not tell. */
#include "image.h"

void image_fs_probe(intptr_t handle, uint64_t start, uint64_t bytes,
		    struct image_fs *fs)
{
	(void)handle;
	(void)start;
	(void)bytes;
	*fs = (struct image_fs){ "", "", "" };
}

uint64_t image_allocated(intptr_t handle)
{
	(void)handle;
	return 0;
}
