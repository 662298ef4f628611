// SPDX-License-Identifier: GPL-2.0-only
/* disk_fs.c - Windows has no libblkid and does not tell. */
#include "os/disk_fs.h"

void os_disk_fs(intptr_t handle, uint64_t start, uint64_t bytes,
		struct os_disk_fs *fs)
{
	(void)handle;
	(void)start;
	(void)bytes;
	*fs = (struct os_disk_fs){ "", "", "" };
}

uint64_t os_disk_allocated(intptr_t handle)
{
	(void)handle;
	return 0;
}
