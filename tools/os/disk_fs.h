/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk_fs.h - what file system there is on a disk, as the host can tell.
 *
 * One implementation is linked: linux/disk_fs.c, by libblkid, or
 * nt/disk_fs.c, where nothing can be told.
 */
#ifndef CVM_OS_DISK_FS_H
#define CVM_OS_DISK_FS_H

#include <stdbool.h>
#include <stdint.h>

/* "" is what is not known. */
struct os_disk_fs {
	char type[24];		/* ext4, vfat, swap, ... */
	char label[64];
	char uuid[40];
};

/* os_disk_fs - of these bytes of an open file. */
void os_disk_fs(intptr_t handle, uint64_t start, uint64_t bytes,
		struct os_disk_fs *fs);

/*
 * os_disk_fs_root - could a Linux have its root there?  Not on the file
 * systems of firmware, and not where there is none.
 */
bool os_disk_fs_root(const struct os_disk_fs *fs);

/* os_disk_allocated - bytes the file takes on its disk; 0: not told. */
uint64_t os_disk_allocated(intptr_t handle);

#endif /* CVM_OS_DISK_FS_H */
