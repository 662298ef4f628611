// SPDX-License-Identifier: GPL-2.0-only
/* disk_fs.c - which file systems a Linux can have its root on. */
#include <stddef.h>
#include <string.h>

#include "disk_fs.h"

bool os_disk_fs_root(const struct os_disk_fs *fs)
{
	static const char *const types[] = {
		"ext4", "ext3", "ext2", "btrfs", "xfs", "f2fs", "erofs",
		"squashfs"
	};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(fs->type, types[i]))
			return true;
	return false;
}
