/* SPDX-License-Identifier: GPL-2.0-only */
/* config_disk.h - disks: cobdN, their aliases, scsiN. */
#ifndef CVMCTL_CONFIG_CONFIG_DISK_H
#define CVMCTL_CONFIG_CONFIG_DISK_H

#include "virtio/devices.h"

#define CONFIG_COBDS	32
#define CONFIG_SCSIS	32
#define CONFIG_DISKS	(CONFIG_COBDS + CONFIG_SCSIS)

/* The guest's disks are those with a path, in the order of the array. */
struct config_disk {
	char *path;
	char alias[8];		/* "hda1", or "" */
	char serial[21];	/* or "" */
	uint64_t grow_bytes;	/* make a shorter file so long; 0: do not */
	uint32_t queues;	/* 0: one */
	int readonly;
	int cached;
	int raw;		/* whatever it looks like */
	int cdrom;
	enum cvm_blk_engine_name engine;
};

#endif /* CVMCTL_CONFIG_CONFIG_DISK_H */
