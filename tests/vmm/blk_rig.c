// SPDX-License-Identifier: GPL-2.0-only
/* blk_rig.c - a disk on a real file, and a driver of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "blk_rig.h"

/* A file whose every sector begins with its number. */
static void make_file(struct disk *d)
{
	const char *dir = getenv("TMPDIR");
	uint64_t sector[64] = { 0 };

	snprintf(d->path, sizeof(d->path), "%s/cvm-disk-XXXXXX",
		 d->where ? d->where : dir ? dir : "/tmp");
	d->fd = mkstemp(d->path);
	assert_true(d->fd >= 0);
	for (sector[0] = 0; sector[0] < SECTORS; sector[0]++)
		assert_int_equal(write(d->fd, sector, 512), 512);
}

void open_disk(struct disk *d)
{
	struct problem problem = { "" };

	fake_vm_init(&d->vm);
	make_file(d);
	d->args.path = d->path;
	if (virtio_blk_add(d->vm.devs, &d->args, &problem))
		fail_msg("%s", problem.text);
	virtio_devices_settle(d->vm.devs);
	assert_int_equal(virtio_devices_commit(d->vm.devs, &problem), 0);
}

void start(struct disk *d, uint64_t features)
{
	assert_true(fake_vm_features(&d->vm, 0, features));
	assert_int_equal(fake_vm_queue(&d->vm, 0, 0, &d->drv, 64, features),
			 0);
	assert_int_equal(fake_vm_driver_ok(&d->vm, 0), 0);
}

void close_disk(struct disk *d)
{
	fake_vm_free(&d->vm);
	close(d->fd);
	unlink(d->path);
}

uint64_t counter(struct disk *d, const char *name)
{
	return fake_vm_counter(&d->vm, 0, name);
}

const char *word(struct disk *d, const char *name)
{
	return fake_vm_word(&d->vm, 0, name);
}

void put_header(struct disk *d, uint32_t type, uint64_t sector)
{
	uint32_t *header = fake_vm_at(&d->vm, HEADER, 16);

	header[0] = type;
	header[1] = 0;
	memcpy(header + 2, &sector, 8);
	*(uint8_t *)fake_vm_at(&d->vm, STATUS, 1) = 0xee;
}

int wait_status(struct disk *d, int id, uint32_t *len)
{
	assert_true(id >= 0);
	fake_vm_ring(&d->vm, 0, 0, &d->drv);
	if (fake_vm_get(&d->vm, 0, &d->drv, len) != id)
		return -1;
	return *(uint8_t *)fake_vm_at(&d->vm, STATUS, 1);
}

int request(struct disk *d, uint32_t type, uint64_t sector,
		   uint32_t bytes)
{
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	struct fake_buffer buf[3] = {
		{ HEADER, 16, false }, { DATA, bytes, in },
		{ STATUS, 1, true },
	};
	uint32_t len;
	int status;

	put_header(d, type, sector);
	if (!bytes)
		buf[1] = buf[2];
	status = wait_status(d, fake_guest_add(&d->drv, buf, bytes ? 3 : 2),
			     &len);
	if (status == VIRTIO_BLK_S_OK)
		assert_int_equal(len, in ? bytes + 1 : 1);
	return status;
}

uint8_t *data(struct disk *d)
{
	return fake_vm_at(&d->vm, DATA, 1 << 20);
}

uint64_t number_at(const void *at)
{
	uint64_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

uint64_t on_file(struct disk *d, uint64_t sector)
{
	uint64_t number = UINT64_MAX;

	assert_int_equal(pread(d->fd, &number, 8, (off_t)sector * 512), 8);
	return number;
}

void put_range(struct disk *d, uint32_t n, uint64_t sector,
		      uint32_t sectors, uint32_t flags)
{
	struct blk_range range = { sector, sectors, flags };

	memcpy(data(d) + n * 16, &range, 16);
}
