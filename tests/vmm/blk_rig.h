/* SPDX-License-Identifier: GPL-2.0-only */
/* blk_rig.h - a disk on a real file, and a driver of it. */
#ifndef TEST_VMM_BLK_RIG_H
#define TEST_VMM_BLK_RIG_H

#include "fake_vm.h"
#include "virtio/blk/blk.h"

#define DISK_BYTES	(4u << 20)
#define SECTORS		(DISK_BYTES / 512)
#define HEADER		FAKE_VM_BUFFERS
#define STATUS		(FAKE_VM_BUFFERS + 0x800)
#define DATA		(FAKE_VM_BUFFERS + 0x1000)
#define F_FLUSH		(1ull << 9)
#define F_WCE		(1ull << 11)
#define F_MQ		(1ull << 12)
#define F_DISCARD	(1ull << 13)
#define F_ZEROES	(1ull << 14)
#define USUAL		(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | \
			 F_FLUSH | F_DISCARD | F_ZEROES)

#define IN_MEMORY	"/dev/shm"

struct disk {
	struct fake_vm vm;
	struct fake_queue drv;
	struct virtio_blk_args args;
	char path[64];
	const char *where;	/* the directory; NULL: any */
	int fd;
};

/* open_disk - on a new file, whose every sector begins with its number. */
void open_disk(struct disk *d);
void close_disk(struct disk *d);

/* start - up to DRIVER_OK. */
void start(struct disk *d, uint64_t features);

uint64_t counter(struct disk *d, const char *name);
const char *word(struct disk *d, const char *name);

/* put_header, wait_status - a request of the caller's own descriptors: its
 * status, -1 when nothing came, and *len as the driver sees it. */
void put_header(struct disk *d, uint32_t type, uint64_t sector);
int wait_status(struct disk *d, int id, uint32_t *len);

/* request - one, with data(); its status, or -1. */
int request(struct disk *d, uint32_t type, uint64_t sector, uint32_t bytes);
uint8_t *data(struct disk *d);

/* put_range - the nth range in data(). */
void put_range(struct disk *d, uint32_t n, uint64_t sector, uint32_t sectors,
	       uint32_t flags);

/* number_at - a sector's, in memory; on_file - in the file. */
uint64_t number_at(const void *at);
uint64_t on_file(struct disk *d, uint64_t sector);

#endif /* TEST_VMM_BLK_RIG_H */
