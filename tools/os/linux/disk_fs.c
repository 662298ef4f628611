// SPDX-License-Identifier: GPL-2.0-only
/* disk_fs.c - file systems, as libblkid knows them. */
#include <stdio.h>
#include <sys/stat.h>

#include <blkid/blkid.h>

#include "os/disk_fs.h"

static void take(blkid_probe probe, const char *name, char *to, size_t size)
{
	const char *value;

	if (!blkid_probe_lookup_value(probe, name, &value, NULL))
		snprintf(to, size, "%s", value);
}

void os_disk_fs(intptr_t handle, uint64_t start, uint64_t bytes,
		struct os_disk_fs *fs)
{
	blkid_probe probe = blkid_new_probe();

	*fs = (struct os_disk_fs){ "", "", "" };
	if (!probe)
		return;
	if (!blkid_probe_set_device(probe, (int)handle, (blkid_loff_t)start,
				    (blkid_loff_t)bytes) &&
	    !blkid_probe_enable_superblocks(probe, 1) &&
	    !blkid_do_safeprobe(probe)) {
		take(probe, "TYPE", fs->type, sizeof(fs->type));
		take(probe, "LABEL", fs->label, sizeof(fs->label));
		take(probe, "UUID", fs->uuid, sizeof(fs->uuid));
	}
	blkid_free_probe(probe);
}

uint64_t os_disk_allocated(intptr_t handle)
{
	struct stat st;

	if (fstat((int)handle, &st) || !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}
